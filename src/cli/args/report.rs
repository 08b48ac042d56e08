//! Arguments of `report`.

use crate::name::{MemberAddress, Slug};
use crate::time::Time;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `report …`.
#[derive(Subcommand, Debug)]
pub enum ReportCommand {
    /// One project: its accounts, what is sealed, and what was done, with the entries that prove it
    #[command(after_help = "\
Examples:
  warifu report project acme/web
  warifu report project acme/web --from 2026-03-01 --to 2026-04-01 --out march/
  warifu report project acme/web --from 2026-03-01 --to 2026-04-01 \\
      --costs focus.csv.gz --out web-march.html")]
    Project(ProjectReport),
    /// An organisation: projects in numbers, groups, drills, reconciliations, what is due
    #[command(after_help = "\
Examples:
  warifu report org acme --from 2026-01-01 --to 2026-04-01 --out q1/
  warifu report org acme --json")]
    Org(OrgReport),
    /// What the log shows about controls of CIS, NIST, PCI DSS and ISO 27001
    #[command(after_help = "\
Examples:
  warifu report controls acme --from 2026-01-01 --to 2027-01-01 --html > 2026.html
  warifu report controls acme --csv --out evidence/")]
    Controls(ControlsReport),
}

/// `report project`.
#[derive(Args, Debug)]
pub struct ProjectReport {
    /// org/project
    pub address: MemberAddress,
    /// Of when, and where to
    #[command(flatten)]
    pub how: StatementArgs,
    /// Costs, from a FOCUS export or an AWS Cost and Usage Report (CSV, plain or gzipped); repeat for several
    #[arg(long, value_name = "FILE")]
    pub costs: Vec<PathBuf>,
}

/// `report org`.
#[derive(Args, Debug)]
pub struct OrgReport {
    /// Organisation
    pub organisation: Slug,
    /// Of when, and where to
    #[command(flatten)]
    pub how: StatementArgs,
    /// Costs, from a FOCUS export or an AWS Cost and Usage Report (CSV, plain or gzipped); repeat for several
    #[arg(long, value_name = "FILE")]
    pub costs: Vec<PathBuf>,
}

/// `report controls`.
#[derive(Args, Debug)]
pub struct ControlsReport {
    /// Organisation
    pub organisation: Slug,
    /// Of when, and where to
    #[command(flatten)]
    pub how: StatementArgs,
}

/// Of when a statement is, and where it goes.
#[derive(Args, Debug)]
pub struct StatementArgs {
    /// First moment of the period: a day (UTC) or RFC 3339 [default: the first of the month in which it ends]
    #[arg(long, value_name = "DATE", value_parser = Time::parse_lenient)]
    pub from: Option<Time>,
    /// End of the period, which is not part of it [default: now]
    #[arg(long, value_name = "DATE", value_parser = Time::parse_lenient)]
    pub to: Option<Time>,
    /// Where to: a new file NAME.html, or a directory, made if need be, for new files of the page and of each table
    #[arg(long, value_name = "DIR|FILE")]
    pub out: Option<PathBuf>,
    /// A page for people, to be printed: on standard output, or with --out alone
    #[arg(long)]
    pub html: bool,
    /// Comma-separated values: a file for each table, so --out must name a directory
    #[arg(long, requires = "out")]
    pub csv: bool,
}
