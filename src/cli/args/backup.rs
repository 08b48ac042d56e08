//! The grammar of `backup` and `restore`.

use clap::Args;
use std::path::PathBuf;

/// `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// New directory for the copy
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The backup's directory; it is not changed
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// Bring in what the backup does not have: the directory of an exported log, or a request that a custodian got by file. With an export's records the versions sealed since can be opened again
    #[arg(long, value_name = "DIR|FILE")]
    pub merge: Vec<PathBuf>,
    /// A signed checkpoint that somebody has seen, or the .seen file beside a card: its log must be at least that long, and extend it
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
}
