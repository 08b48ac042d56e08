//! Arguments of `account baseline`.

use super::CardArgs;
use crate::event::BaselineFact;
use crate::name::ScopeAddress;
use clap::Args;
use std::path::PathBuf;

/// `account baseline`.
#[derive(Args, Debug)]
pub struct BaselineArgs {
    /// An account shows its checklist; org or org/project lists who lacks something
    pub scope: ScopeAddress,
    /// Sign that it is recorded who holds the mailbox, or that the contacts are set
    #[arg(long, value_name = "mailbox|contacts", conflicts_with = "withdraw")]
    pub state: Option<BaselineFact>,
    /// Sign that what was stated holds no more
    #[arg(long, value_name = "mailbox|contacts")]
    pub withdraw: Option<BaselineFact>,
    /// Read what is stated from a file instead of asking
    #[arg(long, value_name = "FILE", requires = "state")]
    pub note_file: Option<PathBuf>,
    /// The card of the operator or officer who signs
    #[command(flatten)]
    pub card: CardArgs,
}
