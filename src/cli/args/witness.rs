//! Arguments of `witness`, `audit cosign` and `audit policy`.

use super::CardsArgs;
use crate::log::note::VerifierKey;
use crate::log::policy::Witness;
use crate::name::{LogName, MemberAddress};
use crate::time::Span;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `witness …`.
#[derive(Subcommand, Debug)]
pub enum WitnessCommand {
    /// Make a witness, with a key of its own, and print the key that others verify with
    #[command(after_help = "Example:\n  warifu witness init --state witness --name witness.example.org")]
    Init {
        /// Directory of the witness, made if need be
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Its name: one that is yours, without spaces and '+'
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Cosign checkpoints over HTTP (C2SP tlog-witness), until it is stopped
    #[command(
        after_help = "Example:\n  warifu witness serve --state witness --listen 127.0.0.1:8080 --log \"$(warifu audit key acme)\"\nIt has 64 connections at a time, at most 16 of one address, each for a minute\nat most."
    )]
    Serve {
        /// Directory of the witness
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Address and port to listen on; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: SocketAddr,
        /// Verifier key of a log that it cosigns; repeat it for more
        #[arg(long = "log", value_name = "VKEY", required = true, value_parser = VerifierKey::parse)]
        logs: Vec<VerifierKey>,
    },
}

/// How long witnesses have.
#[derive(Args, Debug, Clone)]
pub struct WaitArgs {
    /// How long witnesses have to answer, like 10s or 2m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = wait)]
    pub witness_timeout: Span,
}

/// `audit cosign`.
#[derive(Args, Debug)]
pub struct CosignArgs {
    /// Organisation, or @vault: the vault's own log
    #[arg(value_name = "ORG")]
    pub log: LogName,
    /// A witness: its verifier key, a space, and its address; repeat it for more
    #[arg(long = "witness", value_name = "VKEY URL", value_parser = witness, required_unless_present = "policy")]
    pub witnesses: Vec<Witness>,
    /// Ask the witnesses of a policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How long they have
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `audit policy …`.
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Decide which witnesses a group's releases wait for: its quorum signs
    #[command(after_help = "\
Example:
  warifu audit policy set acme/keepers --file policy
where the file says (C2SP tlog-policy), with keys from 'witness init':
  witness one ONE-KEY https://one.example
  witness two TWO-KEY https://two.example
  group both all one two
  quorum both")]
    Set {
        /// org/group
        group: MemberAddress,
        /// The policy; at most 4096 bytes
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The signers' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// Show a group's policy
    #[command(after_help = "Example:\n  warifu audit policy show acme/keepers")]
    Show {
        /// org/group
        group: MemberAddress,
    },
}

/// `VKEY URL`; a witness is known by the name of its key.
fn witness(text: &str) -> Result<Witness, String> {
    let (key, url) = text.split_once(' ').ok_or("write the verifier key, a space and the address")?;
    let key = VerifierKey::parse(key).map_err(|why| why.to_string())?;
    if key.kind() != crate::log::note::KeyType::Cosignature {
        return Err("it is not a witness's key".to_owned());
    }
    Ok(Witness { name: key.name().to_owned(), key, url: Some(url.trim().to_owned()) })
}

fn wait(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).ok_or("write it like 10s or 2m")?;
    if span > Span::minutes(5) {
        return Err("witnesses have at most 5m".to_owned());
    }
    Ok(span)
}
