//! What becomes of a custodian's card after its enrolment: the part of the grammar.

use super::{CardArgs, CardsArgs};
use crate::name::{Pseudonym, Slug};
use clap::Args;
use std::path::PathBuf;

/// `custodian suspend`.
#[derive(Args, Debug)]
pub struct Suspend {
    /// Organisation
    pub organisation: Slug,
    /// Whose card
    pub custodian: Pseudonym,
    /// Why; it is on record
    #[arg(long)]
    pub reason: String,
    /// Who suspends it: a member of one of its groups, an officer, or the owner
    #[command(flatten)]
    pub card: CardArgs,
}

/// `custodian resume`.
#[derive(Args, Debug)]
pub struct Resume {
    /// Organisation
    pub organisation: Slug,
    /// Whose card
    pub custodian: Pseudonym,
    /// The others' cards
    #[command(flatten)]
    pub cards: CardsArgs,
}

/// `custodian revoke`.
#[derive(Args, Debug)]
pub struct Revoke {
    /// Organisation
    pub organisation: Slug,
    /// Whose card
    pub custodian: Pseudonym,
    /// Why; it is on record
    #[arg(long)]
    pub reason: String,
    /// The owner does it alone, with the card itself
    #[arg(long)]
    pub own: bool,
    /// The others' cards; with --own the card itself
    #[command(flatten)]
    pub cards: CardsArgs,
}

/// `custodian re-enrol-totp`.
#[derive(Args, Debug)]
pub struct ReEnrol {
    /// Organisation
    pub organisation: Slug,
    /// Whose authenticator
    pub custodian: Pseudonym,
    /// Write the authenticator's otpauth:// URL into a new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    pub totp_file: Option<PathBuf>,
    /// Read the first code from a file; with --totp-file a pipe (mkfifo), for the code is of the secret written there in this run
    #[arg(long, value_name = "FILE", conflicts_with = "code_fd")]
    pub code_file: Option<PathBuf>,
    /// Read the first code from a file descriptor
    #[arg(long, value_name = "N")]
    pub code_fd: Option<u32>,
    /// The custodian's own card, then the others'
    #[command(flatten)]
    pub cards: CardsArgs,
}
