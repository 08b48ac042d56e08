//! Fixed and length-prefixed fields in byte strings, big-endian. Writing goes
//! into memory of a size known beforehand, so that secrets are never moved by
//! a growing buffer.

/// What is still to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `length` bytes, or `None` if there are fewer.
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// What is still to be filled.
pub(super) struct Writer<'a>(pub(super) &'a mut [u8]);

impl Writer<'_> {
    /// Puts `field` next. The caller made the memory large enough.
    pub(super) fn put(&mut self, field: &[u8]) {
        let rest = std::mem::take(&mut self.0);
        let (place, rest) = rest.split_at_mut_checked(field.len()).expect("sized for all fields");
        place.copy_from_slice(field);
        self.0 = rest;
    }
}
