//! The grammar of `rotate`, `due`, `destroy` and `policy`.

use super::{CardArgs, CardsArgs, Sub, WaitArgs, span};
use crate::event::Accepts;
use crate::name::{AccountAddress, Factor, MemberAddress, ScopeAddress, Slug};
use crate::seal::generate::Alphabet;
use crate::state::MAX_EVERY_DAYS;
use crate::state::rotation::MAX_DAYS;
use crate::time::Span;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `rotate`.
#[derive(Args, Debug)]
pub struct Rotate {
    /// org/project/account; several are rotated in one ceremony
    #[arg(required_unless_present = "all")]
    pub addresses: Vec<AccountAddress>,
    /// Every account of an organisation or project that has a version
    #[arg(long, value_name = "SCOPE", conflicts_with = "addresses")]
    pub all: Option<ScopeAddress>,
    /// What is replaced: password, mfa, recovery-codes, file or device
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// Why; custodians read it
    #[arg(long, required_unless_present = "resume", conflicts_with = "resume")]
    pub reason: Option<String>,
    /// Ticket
    #[arg(long, conflicts_with = "resume")]
    pub ticket: Option<String>,
    /// How long the ceremony stays open, like 15m or 24h [default: 15m, and 5m more for each further account]
    #[arg(long, value_parser = span, conflicts_with = "resume")]
    pub window: Option<Span>,
    /// Run this for each account, with the present and the new password as two lines on its standard input and the address in WARIFU_ACCOUNT; 0 means that the provider accepts the new one. Other factors: run twice, with WARIFU_STEP present and new
    #[arg(long, value_name = "CMD", conflicts_with = "resume")]
    pub exec: Option<String>,
    /// Other factors than the password: read the new one from this file once it is there, as 'seal --from' does
    #[arg(long, visible_alias = "seed-file", value_name = "FILE", conflicts_with_all = ["resume", "request", "all"])]
    pub from: Option<PathBuf>,
    /// By files: write what the custodians need into this new file; 'ceremony finish' goes on when they have answered
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "exec"])]
    pub request: Option<PathBuf>,
    /// Settle a rotation that was interrupted: no custodian is needed
    #[arg(long)]
    pub resume: bool,
    /// With --resume: which one the provider accepts, instead of being asked
    #[arg(long, value_name = "old|new", value_parser = accepts, requires = "resume", conflicts_with = "reason")]
    pub accepts: Option<Accepts>,
    /// The operator's card
    #[command(flatten)]
    pub card: CardArgs,
    /// Where the group's policy names witnesses
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `due`.
#[derive(Args, Debug)]
pub struct DueArgs {
    /// One organisation alone
    pub organisation: Option<Slug>,
    /// List also what is to be renewed within this time, like 30d
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = ahead)]
    pub within: Span,
    /// Replay the log instead of reading the overview that is kept beside it
    #[arg(long)]
    pub replay: bool,
}

/// `destroy`.
#[derive(Args, Debug)]
pub struct Destroy {
    /// org/project/account
    pub address: AccountAddress,
    /// What is destroyed: password, mfa, recovery-codes, file or device
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// Which version
    #[arg(long = "version", id = "sealed-version", value_name = "N")]
    pub version: u64,
    /// Also the version that the provider has: its group's quorum signs
    #[arg(long)]
    pub current: bool,
    /// With --current: the signers' cards
    #[command(flatten)]
    pub cards: CardsArgs,
}

/// `policy …`.
#[derive(Subcommand, Debug)]
pub enum PoliciesCommand {
    /// How often what is sealed is renewed, and how new passwords are made
    #[command(after_help = "Example:\n  warifu policy rotation show acme/web/prod")]
    Rotation(Sub<RotationPolicyCommand>),
    /// How often a group's custodians prove in drills that their cards are there
    #[command(after_help = "Example:\n  warifu policy drill show acme/board")]
    Drill(Sub<DrillPolicyCommand>),
}

/// `policy drill …`.
#[derive(Subcommand, Debug)]
pub enum DrillPolicyCommand {
    /// Set for how many days a proof counts: the group's quorum signs
    #[command(after_help = "\
Where nothing is set it is 90 days.
Example:
  warifu policy drill set acme/board --every 30d")]
    Set(SetDrill),
    /// Show for how many days a proof counts
    #[command(after_help = "\
Example:
  warifu policy drill show acme/board")]
    Show {
        /// org/group
        group: MemberAddress,
    },
}

/// `policy drill set`.
#[derive(Args, Debug)]
pub struct SetDrill {
    /// org/group
    pub group: MemberAddress,
    /// A proof counts for so many days, like 90d
    #[arg(long, value_name = "DAYS", value_parser = drill_days)]
    pub every: u64,
    /// The signers' cards
    #[command(flatten)]
    pub cards: CardsArgs,
}

fn drill_days(text: &str) -> Result<u64, String> {
    let count = text.strip_suffix('d').and_then(|count| count.parse().ok());
    let fits = count.filter(|count| (1..=MAX_EVERY_DAYS).contains(count));
    fits.ok_or_else(|| format!("write a number of days from 1d to {MAX_EVERY_DAYS}d"))
}

/// `policy rotation …`.
#[derive(Subcommand, Debug)]
pub enum RotationPolicyCommand {
    /// Set the policy of an organisation, project or account: the quorum of each group that holds something there signs
    #[command(after_help = "\
What is left out is as the next wider scope says.
Examples:
  warifu policy rotation set acme --every 90d --exposed-within 24h --length 40
  warifu policy rotation set acme/web --every 30d --card a.card --card b.card
  warifu policy rotation set acme --factor mfa --exposed-within 30d")]
    Set(SetRotation),
    /// Show what holds for an organisation, project or account
    #[command(after_help = "\
Example:
  warifu policy rotation show acme/web/prod")]
    Show {
        /// org, org/project or org/project/account
        scope: ScopeAddress,
        /// Of which factor
        #[arg(long, default_value = "password")]
        factor: Factor,
    },
}

/// `policy rotation set`.
#[derive(Args, Debug)]
pub struct SetRotation {
    /// org, org/project or org/project/account
    pub scope: ScopeAddress,
    /// Of which factor
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// Renew each after so many days, like 90d, or never for its age alone
    #[arg(long, value_name = "DAYS|never", value_parser = days)]
    pub every: Option<u64>,
    /// Renew one that was opened, or of which codes were made, within this time, like 24h or 3d
    #[arg(long, value_name = "SPAN", value_parser = hours)]
    pub exposed_within: Option<u64>,
    /// Least length of a new password
    #[arg(long)]
    pub length: Option<u64>,
    /// What generated passwords are made of: full or alphanumeric
    #[arg(long, value_parser = alphabet)]
    pub alphabet: Option<Alphabet>,
    /// The signers' cards
    #[command(flatten)]
    pub cards: CardsArgs,
}

fn accepts(text: &str) -> Result<Accepts, String> {
    match text {
        "old" => Ok(Accepts::Old),
        "new" => Ok(Accepts::New),
        _ => Err("it is old or new".to_owned()),
    }
}

fn alphabet(text: &str) -> Result<Alphabet, String> {
    let known = [Alphabet::Full, Alphabet::Alphanumeric];
    known.into_iter().find(|a| a.as_str() == text).ok_or_else(|| "it is full or alphanumeric".to_owned())
}

fn whole(text: &str, unit: Span, what: &str) -> Result<u64, String> {
    let found = Span::parse(text).filter(|span| span.0 % unit.0 == 0);
    let count = found.and_then(|span| u64::try_from(span.0 / unit.0).ok());
    count.ok_or_else(|| format!("write it in whole {what}"))
}

fn days(text: &str) -> Result<u64, String> {
    if text == "never" { Ok(0) } else { whole(text, Span::days(1), "days, like 90d, or never") }
}

fn hours(text: &str) -> Result<u64, String> {
    whole(text, Span::hours(1), "hours or days, like 24h or 3d")
}

fn ahead(text: &str) -> Result<Span, String> {
    let found = Span::parse(text).ok_or("write it like 24h or 30d")?;
    let most = Span::days(i64::try_from(MAX_DAYS).unwrap_or(i64::MAX));
    if found > most { Err(format!("at most {MAX_DAYS}d")) } else { Ok(found) }
}
