//! IAM's credential report, read for its row `<root_account>`: CSV whose columns
//! are found by their names. What the values mean is not judged here.
//!
//! Columns and special values as in "Getting credential reports for your AWS
//! account" of the IAM User Guide. `no_information`, `N/A` and `not_supported`
//! say nothing, and so does a column that is not there.

use super::cloudtrail::AccountNumber;
use crate::time::Time;
use csv::{ReaderBuilder, StringRecord};
use std::io::Read;

/// Longest report that is read, in bytes: 5,000 users take two million.
pub const MAX_REPORT: u64 = 32 << 20;

/// The user name of the root user's row.
const ROOT: &str = "<root_account>";

/// What a report says of the root user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootRow {
    /// Whose.
    pub account: AccountNumber,
    /// When the password was used last.
    pub password_used: Option<Time>,
    /// Whether there is a second factor.
    pub mfa: Option<bool>,
    /// Whether each of the two access keys is active.
    pub keys: [Option<bool>; 2],
    /// When each was used last.
    pub keys_used: [Option<Time>; 2],
}

/// Why a report was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReportError {
    /// It cannot be read.
    #[error("the report cannot be read: {0}")]
    Read(std::io::ErrorKind),
    /// It is not CSV with these columns.
    #[error("it is no credential report: it has no column '{0}'")]
    Column(&'static str),
    /// It is not CSV.
    #[error("line {0} is not the CSV of a credential report")]
    NotCsv(u64),
    /// No row is the root user's.
    #[error("it has no row '{ROOT}'")]
    NoRoot,
    /// Two rows are the root user's.
    #[error("it has more than one row '{ROOT}'")]
    TwoRoots,
    /// The row's ARN names no account.
    #[error("the row '{ROOT}' names no account: its arn has no 12 digits")]
    NoAccount,
    /// A value is none that a report has.
    #[error("the row '{ROOT}' has a value in '{0}' that no credential report has")]
    Value(&'static str),
    /// It is longer than [`MAX_REPORT`].
    #[error("it is longer than a credential report may be")]
    TooLong,
}

/// Reads a report.
pub fn read(source: impl Read) -> Result<RootRow, ReportError> {
    let mut capped = Capped { source, left: MAX_REPORT + 1 };
    let found = rows(&mut capped);
    if capped.left == 0 { Err(ReportError::TooLong) } else { found }
}

struct Capped<R> {
    source: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.by_ref().take(self.left).read(into)?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn rows(source: impl Read) -> Result<RootRow, ReportError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(source);
    let head = reader.headers().map_err(|why| wrong(&why))?.clone();
    let columns = Columns(head);
    columns.place("user").ok_or(ReportError::Column("user"))?;
    columns.place("arn").ok_or(ReportError::Column("arn"))?;
    let mut found = None;
    for row in reader.into_records() {
        let row = row.map_err(|why| wrong(&why))?;
        if columns.value(&row, "user") != ROOT {
            continue;
        }
        if found.replace(columns.root(&row)?).is_some() {
            return Err(ReportError::TwoRoots);
        }
    }
    found.ok_or(ReportError::NoRoot)
}

fn wrong(why: &csv::Error) -> ReportError {
    match why.kind() {
        csv::ErrorKind::Io(why) => ReportError::Read(why.kind()),
        _ => ReportError::NotCsv(why.position().map_or(1, csv::Position::line)),
    }
}

struct Columns(StringRecord);

impl Columns {
    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|head| head.trim_start_matches('\u{feff}').trim() == name)
    }

    fn value<'a>(&self, row: &'a StringRecord, name: &str) -> &'a str {
        self.place(name).and_then(|place| row.get(place)).unwrap_or_default().trim()
    }

    fn root(&self, row: &StringRecord) -> Result<RootRow, ReportError> {
        let time = |name| time(self.value(row, name)).ok_or(ReportError::Value(name));
        let flag = |name| flag(self.value(row, name)).ok_or(ReportError::Value(name));
        Ok(RootRow {
            account: AccountNumber::of_principal(self.value(row, "arn")).ok_or(ReportError::NoAccount)?,
            password_used: time("password_last_used")?,
            mfa: flag("mfa_active")?,
            keys: [flag("access_key_1_active")?, flag("access_key_2_active")?],
            keys_used: [time("access_key_1_last_used_date")?, time("access_key_2_last_used_date")?],
        })
    }
}

/// A value that says that there is nothing to say.
fn says_nothing(text: &str) -> bool {
    ["", "N/A", "no_information", "not_supported"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn time(text: &str) -> Option<Option<Time>> {
    if says_nothing(text) { Some(None) } else { Time::parse_lenient(text).ok().map(Some) }
}

fn flag(text: &str) -> Option<Option<bool>> {
    match text {
        _ if says_nothing(text) => Some(None),
        _ if text.eq_ignore_ascii_case("true") => Some(Some(true)),
        _ if text.eq_ignore_ascii_case("false") => Some(Some(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active";

    fn report(root: &str) -> String {
        let user = "anaya,arn:aws:iam::123456789012:user/anaya,2025-01-01T00:00:00+00:00,true,2026-03-02T10:00:00+00:00,2025-01-01T00:00:00+00:00,N/A,true,false,N/A,N/A,N/A,N/A,false";
        format!("{HEAD}\n{user}\n{root}\n")
    }

    #[test]
    fn the_root_row_is_read_by_column_names() {
        let row = "<root_account>,arn:aws:iam::123456789012:root,2024-01-01T00:00:00+00:00,not_supported,2026-03-01T10:15:00+01:00,not_supported,not_supported,false,TRUE,2024-02-01T00:00:00+00:00,2026-02-01T00:00:00+00:00,us-east-1,s3,false";
        let read = read(report(row).as_bytes()).unwrap();
        assert_eq!(read.account.to_string(), "123456789012");
        assert_eq!(read.password_used, Time::parse("2026-03-01T09:15:00.000Z").ok());
        assert_eq!((read.mfa, read.keys), (Some(false), [Some(true), Some(false)]));
        assert_eq!(read.keys_used, [Time::parse("2026-02-01T00:00:00.000Z").ok(), None]);
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for word in ["N/A", "no_information", "not_supported", ""] {
            let row = format!(
                "<root_account>,arn:aws-cn:iam::123456789012:root,x,x,{word},x,x,{word},{word},x,{word}"
            );
            let read = read(report(&row).as_bytes()).unwrap();
            assert_eq!((read.password_used, read.mfa, read.keys), (None, None, [None, None]), "{word}");
        }
    }

    #[test]
    fn columns_may_stand_in_another_order_and_after_a_mark() {
        let text =
            "\u{feff}new_column,mfa_active,arn,user\n1,true,arn:aws:iam::123456789012:root,<root_account>\n";
        assert_eq!(read(text.as_bytes()).unwrap().mfa, Some(true));
    }

    #[test]
    fn what_is_no_report_is_refused_with_its_reason() {
        let root = "<root_account>,arn:aws:iam::123456789012:root";
        let of = |text: &str| read(text.as_bytes()).unwrap_err();
        assert_eq!(of(""), ReportError::Column("user"));
        assert_eq!(of("user,x\n"), ReportError::Column("arn"));
        assert_eq!(of("user,arn\n"), ReportError::NoRoot);
        assert_eq!(of(&format!("user,arn\n{root}\n{root}\n")), ReportError::TwoRoots);
        assert_eq!(of("user,arn\n<root_account>,root\n"), ReportError::NoAccount);
        assert_eq!(of(&format!("user,arn,mfa_active\n{root},maybe\n")), ReportError::Value("mfa_active"));
        assert_eq!(
            of(&format!("user,arn,password_last_used\n{root},yesterday\n")),
            ReportError::Value("password_last_used")
        );
        let endless = std::io::repeat(b'a');
        assert_eq!(read(endless).unwrap_err(), ReportError::TooLong);
    }
}
