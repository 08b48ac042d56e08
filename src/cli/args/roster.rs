//! Who the owner of a card is: the roster's part of the grammar. No name is an
//! argument.

use super::{CardArgs, CardsArgs, WaitArgs, span};
use crate::name::{MemberAddress, Pseudonym, Slug};
use crate::time::Span;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `roster …`.
#[derive(Subcommand, Debug)]
pub enum RosterCommand {
    /// Let a group hold who the owners of an organisation's cards are
    #[command(after_help = "\
Example:
  warifu roster designate acme/roster --card a.card --card b.card")]
    Designate {
        /// org/group
        group: MemberAddress,
        /// The signers' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// Seal who the owner of a card is; that card signs it
    #[command(after_help = "\
Examples:
  warifu roster seal acme quiet-heron-lamp --card mine.card
  warifu roster seal acme quiet-heron-lamp --card mine.card --person-file me.txt")]
    Seal(SealPerson),
    /// Destroy a sealed identity, as when its owner has left for long: the roster group's quorum signs
    #[command(after_help = "\
Example:
  warifu roster forget acme quiet-heron-lamp --version 1 --card a.card --card b.card")]
    Forget {
        /// Organisation
        organisation: Slug,
        /// Whose
        person: Pseudonym,
        /// Which version
        #[arg(long = "version", id = "sealed-version", value_name = "N")]
        version: u64,
        /// The signers' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// Whose identity is sealed and whose is pending, by pseudonym
    #[command(after_help = "Example:\n  warifu roster show acme")]
    Show {
        /// Organisation
        organisation: Slug,
    },
}

/// `roster seal`.
#[derive(Args, Debug)]
pub struct SealPerson {
    /// Organisation
    pub organisation: Slug,
    /// Whose
    pub person: Pseudonym,
    /// Read the name from the first line of this file and the contact from the rest, instead of asking
    #[arg(long, value_name = "FILE")]
    pub person_file: Option<PathBuf>,
    /// The twelve words of the roster group, where it is not confirmed yet
    #[arg(long, value_name = "WORDS")]
    pub fingerprint: Option<String>,
    /// That person's card
    #[command(flatten)]
    pub card: CardArgs,
}

/// Who the owner of a new card is.
#[derive(Args, Debug)]
pub struct NewPerson {
    /// Read the owner's name from the first line of this file and the contact from the rest; needs a roster group
    #[arg(long, value_name = "FILE")]
    pub person_file: Option<PathBuf>,
    /// The owner seals name and contact later, with 'warifu roster seal'
    #[arg(long, conflicts_with = "person_file")]
    pub identity_later: bool,
    /// The twelve words of the roster group, where it is not confirmed yet
    #[arg(long, value_name = "WORDS", conflicts_with = "identity_later")]
    pub fingerprint: Option<String>,
}

/// `identify`.
#[derive(Args, Debug)]
pub struct Identify {
    /// Whose name and contact
    pub person: Pseudonym,
    /// Organisation [default: the one that knows the pseudonym]
    #[arg(long)]
    pub org: Option<Slug>,
    /// Why; custodians read it
    #[arg(long)]
    pub reason: String,
    /// Ticket
    #[arg(long)]
    pub ticket: Option<String>,
    /// Which version of the identity [default: the last that was sealed]
    #[arg(long = "version", id = "sealed-version", value_name = "N")]
    pub version: Option<u64>,
    /// How long the ceremony stays open, like 15m or 24h [default: 15m in the room, 24h by files]
    #[arg(long, value_parser = span)]
    pub window: Option<Span>,
    /// Run this and give name and contact, a line each, to its standard input instead of showing them
    #[arg(long, value_name = "CMD", conflicts_with = "request")]
    pub exec: Option<String>,
    /// By files: write what the custodians need into this new file; 'ceremony finish' goes on when they have answered
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// The operator's card
    #[command(flatten)]
    pub card: CardArgs,
    /// Where the group's policy names witnesses
    #[command(flatten)]
    pub wait: WaitArgs,
}
