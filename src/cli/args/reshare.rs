//! Grammar of `reshare` and `refresh`.

use super::CardArgs;
use crate::name::MemberAddress;
use crate::time::Span;
use clap::Args;
use std::path::PathBuf;

/// `reshare`.
#[derive(Args, Debug)]
pub struct ReshareArgs {
    /// org/group that holds it now
    pub group: MemberAddress,
    /// org/group that is to hold it; formed before with 'warifu group form'
    #[arg(long, value_name = "GROUP")]
    pub to: MemberAddress,
    /// Why and how
    #[command(flatten)]
    pub ask: ReshareAskArgs,
}

/// `refresh`.
#[derive(Args, Debug)]
pub struct RefreshArgs {
    /// org/group
    pub group: MemberAddress,
    /// Why and how
    #[command(flatten)]
    pub ask: ReshareAskArgs,
}

/// What both ask.
#[derive(Args, Debug)]
pub struct ReshareAskArgs {
    /// Why; custodians read it
    #[arg(long, required_unless_present = "dry_run", default_value = "", hide_default_value = true)]
    pub reason: String,
    /// Ticket
    #[arg(long)]
    pub ticket: Option<String>,
    /// Write the ceremony into this new file, for members who answer on their own devices
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub request: Option<PathBuf>,
    /// How long the ceremony stays open, like 15m or 2h [default: 1h, by files 7d]
    #[arg(long, value_parser = super::span)]
    pub window: Option<Span>,
    /// Only list what would be handed over; nobody is asked and nothing is changed
    #[arg(long)]
    pub dry_run: bool,
    /// The operator's card
    #[command(flatten)]
    pub card: CardArgs,
}
