//! The grammar of `gate`.

use clap::{Args, Subcommand};

/// `gate …`.
#[derive(Subcommand, Debug)]
pub enum GateCommand {
    /// Begin the next epoch: a fresh root, and new keys of every log
    #[command(after_help = "\
Example:
  warifu gate rotate

After a recovery, or when gate.key may be in others' hands. No ceremony may be
open. Then rotate what is still under the old root.")]
    Rotate(GateRotate),
    /// Show the epochs, and what needs the root of each
    #[command(after_help = "\
Example:
  warifu gate show")]
    Show,
}

/// `gate rotate`.
#[derive(Args, Debug)]
pub struct GateRotate {
    /// Protect the gate's file with a passphrase, asked for at every command; one that is protected stays so
    #[arg(long)]
    pub passphrase: bool,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}
