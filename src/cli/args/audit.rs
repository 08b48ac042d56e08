//! Arguments of `audit`.

use super::Sub;
use super::witness::{CosignArgs, PolicyCommand};
use crate::cli::audit::{Collector, Hours};
use crate::name::{AccountAddress, LogName, MemberAddress, NameError, Pseudonym, Slug};
use crate::time::{Span, Time};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

/// `audit …`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Read an organisation's log
    #[command(
        after_help = "Examples:\n  warifu audit log acme --last 20\n  warifu audit log acme --kind released --since 2026-01-01"
    )]
    Log(LogArgs),
    /// Verify everything: leaves, root, checkpoint, signatures, state, records, files
    #[command(after_help = "\
Examples:
  warifu audit verify
  warifu audit verify acme --against acme-in-march.checkpoint
  warifu audit verify /srv/audit/acme --key acme.vkey
  warifu audit verify evidence-2026 --key acme.vkey --since 2026-01-01
  warifu audit verify /srv/audit/acme --policy /srv/audit/acme/policies/keepers")]
    Verify(VerifyArgs),
    /// Could everything that is sealed be opened today? Checks every current version's record and dealing
    #[command(after_help = "\
Examples:
  warifu audit recoverability
  warifu audit recoverability acme/board --dry-run
  warifu audit recoverability /srv/audit/acme --key acme.vkey")]
    Recoverability(RecoverabilityArgs),
    /// Export a log: as public files that other tools verify, or to a SIEM
    #[command(after_help = "\
Examples:
  warifu audit export acme /srv/audit/acme
  warifu audit export acme evidence-2026 --since 2026-01-01
  warifu audit export acme /srv/audit/acme --records
  warifu audit export @vault /srv/audit/vault
  warifu audit export acme --format ocsf --out acme.jsonl
  warifu audit export acme --format ocsf --follow --syslog tcp://siem:601")]
    Export(ExportArgs),
    /// Print the signed checkpoint of a log
    #[command(after_help = "Example:\n  warifu audit checkpoint acme --cosigned")]
    Checkpoint {
        /// Organisation, or @vault: the vault's own log
        #[arg(value_name = "ORG")]
        log: LogName,
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
    #[command(after_help = "Example:\n  warifu audit policy show acme/keepers")]
    Policy(Sub<PolicyCommand>),
    /// Print the verifier key of a log
    #[command(after_help = "Example:\n  warifu audit key acme > acme.vkey")]
    Key {
        /// Organisation, or @vault: the vault's own log
        #[arg(value_name = "ORG")]
        log: LogName,
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

/// `audit verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// One organisation alone; @vault: the vault's own log; or the directory of an exported log, for which no vault is needed
    #[arg(value_name = "ORG|DIR")]
    pub target: Option<PathBuf>,
    /// An older signed checkpoint of the log, which it must extend; or a card's .seen file
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// The log's verifier key, or a file that holds it, as you know it from elsewhere
    #[arg(long, value_name = "VKEY|FILE")]
    pub key: Option<String>,
    /// A policy (C2SP tlog-policy): the cosignatures that the checkpoint must have
    #[arg(long, value_name = "FILE", requires = "target")]
    pub policy: Option<PathBuf>,
    /// The export must hold every entry from this time on; earlier ones need not be there
    #[arg(long, requires = "target", value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
}

/// `audit recoverability`.
#[derive(Args, Debug)]
pub struct RecoverabilityArgs {
    /// One organisation, or one of its groups, alone; or the directory of a log that was exported with its records, for which no vault is needed
    #[arg(value_name = "ORG[/GROUP]|DIR")]
    pub target: Option<PathBuf>,
    /// Only look: make no entry of the result. Then neither the gate's file nor a writable vault is needed
    #[arg(long)]
    pub dry_run: bool,
    /// Of an exported log: its verifier key, or a file that holds it, as you know it from elsewhere
    #[arg(long, value_name = "VKEY|FILE", requires = "target")]
    pub key: Option<String>,
}

/// Whose sealed versions: an organisation's, or one group's of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Holders {
    /// All that the organisation's groups hold.
    Organisation(Slug),
    /// What this group holds.
    Group(MemberAddress),
}

impl FromStr for Holders {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains('/') { text.parse().map(Self::Group) } else { text.parse().map(Self::Organisation) }
    }
}

/// `audit prove`.
#[derive(Args, Debug)]
pub struct ProveArgs {
    /// Organisation, or @vault: the vault's own log
    #[arg(value_name = "ORG")]
    pub log: LogName,
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
    /// Only entries about this account: its bindings, also of its project and
    /// organisation, its versions and their ceremonies
    #[arg(long)]
    pub account: Option<AccountAddress>,
    /// Only entries of this kind; repeat it for more
    #[arg(long)]
    pub kind: Vec<String>,
    /// Only entries that name this pseudonym; with --contributions: that one's own
    #[arg(long)]
    pub who: Option<Pseudonym>,
    /// Only entries from this time on
    #[arg(long, value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
    /// Only entries before this time
    #[arg(long, value_parser = Time::parse_lenient)]
    pub until: Option<Time>,
    /// Only contributions: who contributed to what, and what became of it
    #[arg(long)]
    pub contributions: bool,
    /// Only refused contributions and rejected shares
    #[arg(long)]
    pub refusals: bool,
    /// Only openings without a ticket
    #[arg(long)]
    pub no_ticket: bool,
    /// Only openings outside working hours, Monday to Friday [default hours: 08-18]
    #[arg(long, value_name = "HH-HH", num_args = 0..=1, default_missing_value = "08-18")]
    pub unusual_hours: Option<Hours>,
    /// Time zone of the working hours, like Europe/Berlin [default: the system's]
    #[arg(long, requires = "unusual_hours")]
    pub zone: Option<String>,
    /// Only the last so many of what is left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub last: Option<u64>,
    /// One line for each ceremony that one of the entries belongs to
    #[arg(long)]
    pub timeline: bool,
    /// As comma-separated values, for spreadsheets
    #[arg(long)]
    pub csv: bool,
}

/// `audit export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Organisation, or @vault: the vault's own log, which names every organisation
    #[arg(value_name = "ORG")]
    pub log: LogName,
    /// Directory for tiles: new, empty, or an earlier export of this log
    #[arg(required_if_eq("format", "tiles"))]
    pub dir: Option<PathBuf>,
    /// tiles (public files, C2SP tlog-tiles), or ocsf (one OCSF 1.8.0 event an entry, as a line of JSON)
    #[arg(long, value_enum, default_value_t = ExportFormat::Tiles, hide_possible_values = true)]
    pub format: ExportFormat,
    /// Only entries from this time on
    #[arg(long, value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
    /// Also the sealed records and dealings of current versions, so that an outsider can check whether all could be opened, and what else a vault must have that is made again of a backup and this copy: signed requests, what reconciliations found. Later exports into this directory bring them up to date
    #[arg(long)]
    pub records: bool,
    /// Where to
    #[command(flatten)]
    pub siem: SiemArgs,
}

/// In which form a log is exported.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// Checkpoint, hashes and entries as files
    Tiles,
    /// One OCSF event an entry, as a line of JSON
    Ocsf,
}

/// Where events go.
#[derive(Args, Debug)]
pub struct SiemArgs {
    /// Write into this new file instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["follow", "syslog"])]
    pub out: Option<PathBuf>,
    /// Go on with new entries as they come, until it is stopped
    #[arg(long)]
    pub follow: bool,
    /// How often to look for new entries
    #[arg(long, value_name = "SPAN", default_value = "1s", requires = "follow", value_parser = interval)]
    pub interval: Span,
    /// Send RFC 5424 messages to tcp://HOST:PORT or unix:///PATH instead of standard output
    #[arg(long, value_name = "COLLECTOR")]
    pub syslog: Option<Collector>,
    /// Remember in this file what was given out, and go on after it the next time
    #[arg(long, value_name = "FILE")]
    pub cursor: Option<PathBuf>,
}

impl SiemArgs {
    /// Whether any of them was given.
    pub fn given(&self) -> bool {
        self.out.is_some() || self.follow || self.syslog.is_some() || self.cursor.is_some()
    }
}

fn interval(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).ok_or("write it like 1s, 30s or 5m")?;
    if span > Span::hours(1) {
        return Err("it is looked at least once an hour".to_owned());
    }
    Ok(span)
}
