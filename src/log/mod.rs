//! The transparency log's mathematics and formats: everything that an outsider
//! needs to verify a log, and nothing else. No storage, clock or randomness.
//!
//! Formats are public: RFC 6962 trees, C2SP signed-note, tlog-checkpoint,
//! tlog-cosignature, tlog-policy, tlog-witness, tlog-tiles and tlog-proof.
//! docs/audit-log.md describes them byte by byte.

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof_file;
pub mod roots;
pub mod tile;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use cosignature::Cosignature;
pub use entry::EntryBytes;
pub use merkle::{Frontier, Hash};
pub use note::{Cosigner, LogSigner, Note, VerifierKey};
pub use proof_file::ProofFile;
pub use tile::Tile;
