//! Arguments of `audit`.

use crate::name::{AccountAddress, Pseudonym, Slug};
use crate::time::Time;
use clap::{Args, Subcommand};

/// `audit …`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Read an organisation's log
    #[command(after_help = "Example:\n  warifu audit log acme --kind released --since 2026-01-01")]
    Log(LogArgs),
    /// Verify everything: leaves, root, checkpoint, signatures, state, records
    #[command(after_help = "Examples:\n  warifu audit verify\n  warifu audit verify acme --json")]
    Verify {
        /// One organisation alone
        organisation: Option<Slug>,
    },
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
