//! The grammar of `recovery` and `recover`.

use super::{CardArgs, CardsArgs};
use crate::name::Pseudonym;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `recovery …`.
#[derive(Subcommand, Debug)]
pub enum RecoveryCommand {
    /// Make a keeper's card; it needs no authenticator
    #[command(after_help = "\
Examples:
  warifu recovery enrol
  warifu recovery enrol --card /media/usb/keeper.card")]
    Enrol(NewKeeper),
    /// Form the recovery group, and deal the gate's root to it
    #[command(after_help = "\
Example:
  warifu recovery form --threshold 2 --members a-b-c,d-e-f,g-h-i

A group that is there already is replaced by the new one.")]
    Form {
        /// How many keepers bring the root back
        #[arg(long, short)]
        threshold: usize,
        /// Pseudonyms, separated by commas or repeated
        #[arg(long, short, required = true, value_delimiter = ',', num_args = 1..)]
        members: Vec<Pseudonym>,
        /// The members' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// On the new machine: ask keepers who are elsewhere
    #[command(after_help = "\
In order:
  new machine  warifu recovery request --out request.warifu
  keeper       warifu recovery contribute request.warifu --card mine.card
  new machine  warifu recover ONE.recovery TWO.recovery")]
    Request {
        /// The request's file, for all keepers
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What others know and have seen
        #[command(flatten)]
        later: Later,
    },
    /// On a keeper's own machine: answer a request
    #[command(after_help = "\
Example:
  warifu recovery contribute request.warifu --card mine.card")]
    Contribute {
        /// The request's file
        file: PathBuf,
        /// The keeper's card
        #[command(flatten)]
        card: CardArgs,
        /// Sign too for entries that the request says are lost
        #[arg(long)]
        sign_gap: bool,
        /// The answer's file [default: PSEUDONYM.recovery here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the keepers and their group, with its twelve words
    #[command(after_help = "\
Example:
  warifu recovery show")]
    Show,
}

/// Where a new keeper's card goes.
#[derive(Args, Debug)]
pub struct NewKeeper {
    /// The card's file [default: PSEUDONYM.card here]
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Read the new passphrase from a file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from a file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}

/// What others know of the logs, and what they have seen.
#[derive(Args, Debug)]
pub struct Later {
    /// Bring in what is missing here: the directory of an exported log, or a request that a custodian got by file
    #[arg(long, value_name = "DIR|FILE")]
    pub merge: Vec<PathBuf>,
    /// A signed checkpoint that somebody has seen, or the .seen file beside a card: what goes beyond this vault's log is missing
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// The keepers sign for what is missing and nobody has: without this it is refused
    #[arg(long, requires = "against")]
    pub sign_gap: bool,
}

/// `recover`.
#[derive(Args, Debug)]
pub struct Recover {
    /// Keepers' answers to this machine's request; without any they give their cards here
    #[arg(value_name = "ANSWER")]
    pub answers: Vec<PathBuf>,
    /// The keepers' cards
    #[command(flatten)]
    pub cards: CardsArgs,
    /// What others know and have seen
    #[command(flatten)]
    pub later: Later,
    /// Protect the gate's new file with a passphrase, asked for at every command
    #[arg(long)]
    pub passphrase: bool,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}
