//! Arguments of `audit`.

use crate::name::{AccountAddress, Pseudonym, Slug};
use crate::time::Time;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `audit …`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Read an organisation's log
    #[command(after_help = "Example:\n  warifu audit log acme --kind released --since 2026-01-01")]
    Log(LogArgs),
    /// Verify everything: leaves, root, checkpoint, signatures, state, records
    #[command(after_help = "\
Examples:
  warifu audit verify
  warifu audit verify --export /srv/audit/acme --key acme.vkey")]
    Verify {
        /// One organisation alone
        #[arg(conflicts_with = "export")]
        organisation: Option<Slug>,
        /// The files of an exported log instead; no vault is needed
        #[arg(long, value_name = "DIR")]
        export: Option<PathBuf>,
        /// The log's verifier key, or a file that holds it [default: the one in the export]
        #[arg(long, value_name = "KEY", requires = "export")]
        key: Option<String>,
    },
    /// Export an organisation's log as public files that other tools verify
    #[command(after_help = "\
Examples:
  warifu audit export acme /srv/audit/acme
  warifu audit export acme evidence-2026 --since 2026-01-01")]
    Export(ExportArgs),
    /// Print the verifier key of an organisation's log
    #[command(after_help = "Example:\n  warifu audit key acme > acme.vkey")]
    Key {
        /// Organisation
        organisation: Slug,
    },
    /// Write a receipt that proves an entry without the log
    #[command(after_help = "\
Examples:
  warifu audit prove acme 06276942 --out billing.tlog-proof
  warifu audit prove acme --entry 31 > entry.tlog-proof")]
    Prove(ProveArgs),
    /// Verify a receipt; no vault is needed
    #[command(after_help = "Example:\n  warifu audit check-proof billing.tlog-proof --key acme.vkey")]
    CheckProof(CheckProofArgs),
}

/// `audit export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Organisation
    pub organisation: Slug,
    /// Directory: new, empty, or an earlier export of this log
    pub dir: PathBuf,
    /// Only the entries from this time on, as a period's evidence; of earlier ones the hashes
    #[arg(long, value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
    /// What is written
    #[arg(long, value_enum, default_value_t = ExportFormat::Tiles)]
    pub format: ExportFormat,
}

/// What an export consists of.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// Checkpoint, hashes and entries, as C2SP tlog-tiles has them
    Tiles,
}

/// `audit prove`.
#[derive(Args, Debug)]
pub struct ProveArgs {
    /// Organisation
    pub organisation: Slug,
    /// The ceremony: its first digits suffice. Its last 'released' entry is proven, or its last entry if nothing was released
    #[arg(required_unless_present = "entry")]
    pub ceremony: Option<String>,
    /// Any entry, by its number
    #[arg(long, value_name = "N", conflicts_with = "ceremony")]
    pub entry: Option<u64>,
    /// New file to write, by convention NAME.tlog-proof [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `audit check-proof`.
#[derive(Args, Debug)]
pub struct CheckProofArgs {
    /// The receipt
    pub file: PathBuf,
    /// The log's verifier key, or a file that holds it: from somebody you trust
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// The entry's line, if the receipt does not carry it or another one is to be held against it; - is standard input
    #[arg(long, value_name = "FILE")]
    pub entry: Option<PathBuf>,
}

/// `audit log`.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// Organisation
    pub organisation: Slug,
    /// Only entries about this account
    #[arg(long)]
    pub account: Option<AccountAddress>,
    /// Only entries of this kind; repeat it for more
    #[arg(long)]
    pub kind: Vec<String>,
    /// Only entries that name this pseudonym
    #[arg(long)]
    pub who: Option<Pseudonym>,
    /// Only entries from this time on
    #[arg(long, value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
    /// Only entries before this time
    #[arg(long, value_parser = Time::parse_lenient)]
    pub until: Option<Time>,
}
