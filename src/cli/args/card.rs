//! The grammar of `card`: what a card's owner does with its file.

use super::CardArgs;
use crate::cli::age::Recipient;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `card …`.
#[derive(Subcommand, Debug)]
pub enum CardCommand {
    /// Put a card under another passphrase
    #[command(after_help = "\
Example:
  warifu card passphrase mine.card")]
    Passphrase(ChangePassphrase),
    /// A copy on paper, for an envelope: a QR code here, as SVG or as a page of PDF
    #[command(after_help = "\
Examples:
  warifu card paper mine.card
  warifu card paper mine.card --pdf mine.pdf")]
    Paper(PaperArgs),
    /// Make a card file from a copy: from its text, or a picture of its QR code
    #[command(after_help = "\
Examples:
  warifu card restore photo.jpg --out mine.card
  warifu card restore typed.txt --out mine.card")]
    Restore(RestoreArgs),
    /// Wrap a card for an age recipient, or put it under a passphrase again
    #[command(after_help = "\
Examples:
  warifu card rewrap mine.card --wrap age:age1ql3z7hjy…
  warifu card rewrap mine.card --to-passphrase --identity key.txt")]
    Rewrap(Rewrap),
}

/// A new passphrase.
#[derive(Args, Debug)]
pub struct NewPassphrase {
    /// Read the new passphrase from a file
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    pub new_passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from a file descriptor
    #[arg(long, value_name = "N")]
    pub new_passphrase_fd: Option<u32>,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}

/// The passphrase of a card that is there.
#[derive(Args, Debug)]
pub struct OldPassphrase {
    /// Read the card's passphrase from a file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the card's passphrase from a file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

impl OldPassphrase {
    /// It, with the card's file.
    pub fn of(&self, card: PathBuf) -> CardArgs {
        let (passphrase_file, passphrase_fd) = (self.passphrase_file.clone(), self.passphrase_fd);
        CardArgs { card: Some(card), passphrase_file, passphrase_fd }
    }
}

/// `card passphrase`.
#[derive(Args, Debug)]
pub struct ChangePassphrase {
    /// The card's file
    pub card: PathBuf,
    /// What opens it now
    #[command(flatten)]
    pub old: OldPassphrase,
    /// What opens it then
    #[command(flatten)]
    pub new: NewPassphrase,
}

/// `card paper`.
#[derive(Args, Debug)]
pub struct PaperArgs {
    /// The card's file
    pub card: PathBuf,
    /// Write the QR code into a new file as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write a page for an envelope into a new file as PDF
    #[arg(long, value_name = "FILE")]
    pub pdf: Option<PathBuf>,
}

/// `card restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// Text file, or PNG or JPEG picture of the QR code
    pub from: PathBuf,
    /// The new card file; nothing is overwritten
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What opens it
    #[command(flatten)]
    pub old: OldPassphrase,
}

/// `card rewrap`.
#[derive(Args, Debug)]
pub struct Rewrap {
    /// The card's file
    pub card: PathBuf,
    /// For whom, like age:age1…; plugins' recipients too
    #[arg(long, value_name = "age:RECIPIENT", required_unless_present = "to_passphrase")]
    pub wrap: Option<Recipient>,
    /// Put it under a passphrase instead
    #[arg(long, conflicts_with = "wrap")]
    pub to_passphrase: bool,
    /// Identity file that must open it then; it is tried before anything is replaced
    #[arg(long, value_name = "FILE", requires = "wrap")]
    pub check: Option<PathBuf>,
    /// What opens it now
    #[command(flatten)]
    pub old: OldPassphrase,
    /// What opens it then
    #[command(flatten)]
    pub new: NewPassphrase,
}
