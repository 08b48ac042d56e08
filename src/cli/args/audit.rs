//! Arguments of `audit`.

use super::Sub;
use super::witness::{CosignArgs, PolicyCommand};
use crate::name::{AccountAddress, Pseudonym, Slug};
use crate::time::Time;
use clap::{Args, Subcommand};

/// `audit …`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Read an organisation's log
    #[command(after_help = "Example:\n  warifu audit log acme --kind released --since 2026-01-01")]
    Log(LogArgs),
    /// Print the signed checkpoint of an organisation's log
    #[command(after_help = "Example:\n  warifu audit checkpoint acme --cosigned")]
    Checkpoint {
        /// Organisation
        organisation: Slug,
        /// The newest one that custodians or witnesses have cosigned
        #[arg(long)]
        cosigned: bool,
    },
    /// Ask witnesses to cosign the latest checkpoint, and keep what they sign
    #[command(after_help = "\
Examples:
  warifu audit cosign acme --witness \"$(cat witness.vkey) https://witness.example.org\"
  warifu audit cosign acme --policy policy")]
    Cosign(CosignArgs),
    /// Which witnesses a group's releases wait for
    Policy(Sub<PolicyCommand>),
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
