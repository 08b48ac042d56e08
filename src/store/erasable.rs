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
    let pages = (ZEROS + record.len() - LEAST_LOCAL - SLACK).div_ceil(OVERFLOW);
    let mut body = Vec::with_capacity(LEAST_LOCAL + SLACK + pages * OVERFLOW);
    body.resize(ZEROS, 0);
    body.extend_from_slice(record);
    body.resize(LEAST_LOCAL + SLACK + pages * OVERFLOW, 0);
    body
}

/// The record of this length in a body; `None` if the body is shorter.
pub(super) fn unwrap(mut body: Vec<u8>, length: usize) -> Option<Vec<u8>> {
    let end = ZEROS.checked_add(length).filter(|end| *end <= body.len())?;
    body.truncate(end);
    body.drain(..ZEROS);
    Some(body)
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
            prop_assert_eq!(unwrap(body, length), Some(record));
        }
    }

    #[test]
    fn a_body_that_was_cut_is_noticed() {
        assert_eq!(unwrap(vec![0; 600], 89), None);
        assert_eq!(unwrap(vec![0; 600], usize::MAX), None);
    }
}
