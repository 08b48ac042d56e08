//! The transparency log's mathematics and formats: everything that an outsider
//! needs to verify a log, and nothing else. No storage, clock or randomness.
//!
//! Formats are public: RFC 6962 trees, C2SP signed-note, tlog-checkpoint,
//! tlog-cosignature, tlog-policy and tlog-witness. docs/audit-log.md describes
//! them byte by byte.

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod roots;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use cosignature::Cosignature;
pub use entry::EntryBytes;
pub use merkle::{Frontier, Hash};
pub use note::{Cosigner, LogSigner, Note, VerifierKey};
