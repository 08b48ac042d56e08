//! How a record's bytes are laid out in SQLite so that deleting them leaves no
//! copy. Only bytes to bytes; when what is deleted is [`super::sqlite`]'s matter.
//!
//! `secure_delete` overwrites what is deleted, where it lies. But small rows
//! have moved before: when SQLite balances its tree it copies rows to a
//! neighbouring page, and what they leave behind in the old one stays until
//! chance overwrites it. Only overflow pages never move; they are freed whole,
//! and overwritten then. So the part of a row that lies in the tree itself must
//! hold nothing but zeros.
//!
//! How long that part is follows from the length of the row (SQLite's file
//! format, section 1.6, "Cell Payload Overflow Pages"): with pages of `U` bytes,
//! `M = (U−12)·32/255 − 23` and a row of `P` bytes it is
//! `K = M + (P−M) mod (U−4)`, if that is below `U − 35`. Rows are therefore
//! given lengths for which `K` is only a few bytes above `M`, and begin with more
//! zeros than that. A record takes half a kilobyte more than whole pages.

/// Size of a database page in bytes, `U`. None of it is reserved.
pub(super) const PAGE: usize = 4096;

/// What an overflow page holds beside the number of the next.
const OVERFLOW: usize = PAGE - 4;

/// Least part of an overflowing row that lies in the tree, `M`.
const LEAST_LOCAL: usize = (PAGE - 12) * 32 / 255 - 23;

/// Zeros before the record. More than `M` by what a row has beside its bytes
/// (lengths and types, below 16 bytes) and [`SLACK`].
const ZEROS: usize = 512;

/// Keeps `P − M` from being just below a multiple, whatever stands in a row
/// beside its bytes.
const SLACK: usize = 4;

/// `512 zeros ‖ record ‖ zeros` to a length of `M + 4 + k·(U−4)`, `k ≥ 1`.
pub(super) fn wrap(record: &[u8]) -> Vec<u8> {
    let length = wrapped(record.len());
    let mut body = Vec::with_capacity(length);
    body.resize(ZEROS, 0);
    body.extend_from_slice(record);
    body.resize(length, 0);
    body
}

/// The record of this length in a body, and whether the rest of the body is just
/// what [`wrap`] makes; `None` if the body is shorter.
///
/// A record whose padding was changed is itself whole, and most of a short one's
/// body is padding: it is read all the same, so that a flipped bit there keeps
/// nobody from opening it. That it is not as it was written, verification says.
pub(super) fn unwrap(mut body: Vec<u8>, length: usize) -> Option<(Vec<u8>, bool)> {
    let end = ZEROS.checked_add(length).filter(|end| *end <= body.len())?;
    let zeros = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    let as_made = body.len() == wrapped(length) && zeros(body.get(..ZEROS)) && zeros(body.get(end..));
    body.truncate(end);
    body.drain(..ZEROS);
    Some((body, as_made))
}

/// Length of the body of a record.
fn wrapped(record: usize) -> usize {
    LEAST_LOCAL + SLACK + (ZEROS + record - LEAST_LOCAL - SLACK).div_ceil(OVERFLOW) * OVERFLOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_lies_in_overflow_pages_alone(length in 0usize..100_000, beside in 3usize..16) {
            let record = vec![7; length];
            let body = wrap(&record);
            let row = body.len() + beside;
            let local = LEAST_LOCAL + (row - LEAST_LOCAL) % OVERFLOW;
            prop_assert!(row > PAGE - 35 && local <= PAGE - 35);
            prop_assert!(body[..local].iter().all(|byte| *byte == 0));
            prop_assert_eq!(unwrap(body, length), Some((record, true)));
        }

        #[test]
        fn a_changed_byte_of_the_padding_is_noticed(length in 0usize..10_000, at in 0usize..20_000, byte in 1u8..) {
            let record = vec![7; length];
            let mut body = wrap(&record);
            let at = at % body.len();
            prop_assume!(!(ZEROS..ZEROS + length).contains(&at));
            body[at] = byte;
            prop_assert_eq!(unwrap(body, length), Some((record, false)));
        }
    }

    #[test]
    fn a_body_that_was_lengthened_is_noticed() {
        let mut body = wrap(&[7; 9]);
        body.extend([0; OVERFLOW]);
        assert_eq!(unwrap(body, 9), Some((vec![7; 9], false)));
    }

    #[test]
    fn a_body_that_was_cut_is_noticed() {
        assert_eq!(unwrap(vec![0; 600], 89), None);
        assert_eq!(unwrap(vec![0; 600], usize::MAX), None);
    }
}
