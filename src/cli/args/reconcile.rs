//! Arguments of `reconcile`.

use crate::name::{AccountAddress, Slug};
use crate::time::{Span, Time};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `reconcile …`.
#[derive(Subcommand, Debug)]
pub enum ReconcileCommand {
    /// Which sign-ins and calls of root users in CloudTrail's files ceremonies explain
    #[command(after_help = "\
Examples:
  warifu reconcile cloudtrail acme AWSLogs/123456789012/CloudTrail
  warifu reconcile cloudtrail acme march/*.json.gz --html march.html
  warifu reconcile cloudtrail acme logs --since 2026-03-01 --dry-run --json")]
    Cloudtrail(CloudtrailArgs),
    /// When a root user was last used, and how it is protected, by IAM's credential report
    #[command(after_help = "\
Example:
  aws iam get-credential-report --query Content --output text \\
      | base64 -d > report.csv
  warifu reconcile credential-report acme report.csv")]
    CredentialReport(CredentialReportArgs),
}

/// `reconcile cloudtrail`.
#[derive(Args, Debug)]
pub struct CloudtrailArgs {
    /// Organisation
    pub organisation: Slug,
    /// Log files, plain or gzipped, and folders of such
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only records from this time on
    #[arg(long, value_parser = Time::parse_lenient)]
    pub since: Option<Time>,
    /// Only records before this time
    #[arg(long, value_parser = Time::parse_lenient)]
    pub until: Option<Time>,
    /// How it is judged and told
    #[command(flatten)]
    pub how: HowArgs,
}

/// `reconcile credential-report`.
#[derive(Args, Debug)]
pub struct CredentialReportArgs {
    /// Organisation
    pub organisation: Slug,
    /// Credential reports, one for each account
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The account that the one report must be of
    #[arg(long, value_name = "ORG/PROJECT/ACCOUNT")]
    pub account: Option<AccountAddress>,
    /// How it is judged and told
    #[command(flatten)]
    pub how: HowArgs,
}

/// How records are judged, and where the outcome goes.
#[derive(Args, Debug)]
pub struct HowArgs {
    /// For how long after its end a ceremony explains a use, between 1m and 1d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = grace)]
    pub grace: Span,
    /// Enter nothing in the log: needs no gate, and nothing that can be written
    #[arg(long)]
    pub dry_run: bool,
    /// Write a page for people as well, into a new file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn grace(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).ok_or("write it like 90s, 15m, 1h or 1d")?;
    if span < Span::minutes(1) || span > Span::days(1) {
        return Err("it lasts between 1m and 1d".to_owned());
    }
    Ok(span)
}
