//! Arguments of `import` and `seal-all`.

use crate::name::{MemberAddress, ScopeAddress};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `import …`.
#[derive(Subcommand, Debug)]
pub enum ImportCommand {
    /// From the JSON of 'aws organizations list-accounts'
    #[command(after_help = "\
Examples:
  aws organizations list-accounts --output json > accounts.json
  warifu import aws-accounts acme/web accounts.json
  warifu import aws-accounts acme/web accounts.json --apply")]
    AwsAccounts {
        /// Where from, to where, and whether
        #[command(flatten)]
        import: ImportArgs,
    },
    /// From comma-separated values with a header, with credentials or without
    #[command(after_help = "\
Columns, of which only external_id must be there:
  slug, name, provider, external_id, standing, login, password, notes

Examples:
  warifu import csv acme/web accounts.csv
  warifu import csv acme/web accounts.csv --apply --shred-source")]
    Csv {
        /// Where from, to where, and whether
        #[command(flatten)]
        import: ImportArgs,
        /// When all its passwords are sealed, overwrite and remove the file
        #[arg(long, requires = "apply")]
        shred_source: bool,
        /// The group's twelve words: needed until this vault has them
        #[arg(long, value_name = "WORDS")]
        fingerprint: Option<String>,
    },
}

/// What every import takes.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// org/project: where new accounts go
    pub project: MemberAddress,
    /// The file
    pub file: PathBuf,
    /// Do it; without this nothing is changed
    #[arg(long)]
    pub apply: bool,
}

/// `seal-all`.
#[derive(Args, Debug)]
pub struct SealAll {
    /// org, org/project or org/project/account
    pub scope: ScopeAddress,
    /// File with the accounts' logins, as 'import' reads it; without it no login is sealed
    #[arg(long, value_name = "FILE")]
    pub logins: Option<PathBuf>,
    /// Length of the passwords [default: 40, or what the rotation policy says]
    #[arg(long)]
    pub length: Option<usize>,
    /// The group's twelve words: needed until this vault has them
    #[arg(long, value_name = "WORDS")]
    pub fingerprint: Option<String>,
}
