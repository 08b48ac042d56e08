//! Verifying a log wherever it lies: in a vault, or in a copy that was exported.
//! Where that is, and how it is read, is not known here.
//!
//! `engine` reads a log once, from its first entry to its last, in memory that
//! does not grow with it (but for what its entries add up to); `batch` verifies
//! signatures many at a time; `diagnosis` looks again at a log that is wrong, for
//! the first bad entry and for what was done to it; `source` is what a log is read from.

mod batch;
mod diagnosis;
mod engine;
mod gap;
pub mod recoverability;
mod source;
mod state;
mod verdict;

pub use batch::first_wrong;
pub use engine::{Options, Watch, verify};
pub use gap::GapFound;
pub use source::{BATCH, Lack, Source, SourceError};
pub use state::State;
pub use verdict::{Finding, Tampering, Verdict};
