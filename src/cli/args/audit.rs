//! Arguments of `audit`.

use crate::log::VerifierKey;
use crate::name::{AccountAddress, Pseudonym, Slug};
use crate::time::Time;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `audit …`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Read an organisation's log
    #[command(after_help = "Example:\n  warifu audit log acme --kind released --since 2026-01-01")]
    Log(LogArgs),
    /// Verify everything: leaves, root, checkpoint, signatures, state, records
    #[command(
        after_help = "Example:\n  warifu audit verify\n  warifu audit verify acme --against acme-in-march.checkpoint"
    )]
    Verify(VerifyArgs),
}

/// `audit verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// One organisation alone
    pub organisation: Option<Slug>,
    /// An older signed checkpoint of the log, which it must extend
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// The log's verifier key, as you know it from elsewhere
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse)]
    pub key: Option<VerifierKey>,
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
