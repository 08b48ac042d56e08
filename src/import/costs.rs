//! What a provider charges, by account: a FOCUS export or an AWS Cost and Usage
//! Report as comma-separated values, plain or gzipped. It is read through a window,
//! so that memory does not grow with the file; sums are exact. Whose an account is
//! is not known here.
//!
//! Columns are found by their names, whatever else there is: those of FOCUS
//! (focus.finops.org, "Cost and Usage" columns of 1.0 and later) and those of the
//! AWS Data Exports guide ("CUR 2.0" and "Legacy CUR" columns). Quotation marks
//! stand as RFC 4180 wants them, or the row is refused: a reader that guessed could
//! take a thousand rows for one. Long, because what is read of a row and why it may be
//! refused stand together.

use super::cloudtrail::unpacked;
use super::money::{Amount, NotAnAmount};
use crate::time::Time;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::ops::Range;

/// Longest row that is read, in bytes.
pub const MAX_ROW: usize = 256 << 10;
/// Rows that could not be used and are named; the others are counted.
pub const NAMED: usize = 1000;
/// Sums that are told apart: one for each account and currency.
const MAX_SUMS: usize = 1_000_000;
/// Longest identifier of an account, in bytes.
const MAX_ID: usize = 256;
/// Longest name of a currency, in bytes.
const MAX_CURRENCY: usize = 32;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// What an export is called by its columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// FOCUS.
    Focus,
    /// An AWS Cost and Usage Report.
    Cur,
    /// The same in its second form.
    Cur2,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Focus, Self::Cur, Self::Cur2];

    /// For people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Focus => "FOCUS",
            Self::Cur => "CUR",
            Self::Cur2 => "CUR 2.0",
        }
    }

    /// Its columns: cost, currency, account, time.
    fn columns(self) -> [&'static str; 4] {
        match self {
            Self::Focus => ["BilledCost", "BillingCurrency", "SubAccountId", "ChargePeriodStart"],
            Self::Cur => [
                "lineItem/UnblendedCost",
                "lineItem/CurrencyCode",
                "lineItem/UsageAccountId",
                "lineItem/UsageStartDate",
            ],
            Self::Cur2 => [
                "line_item_unblended_cost",
                "line_item_currency_code",
                "line_item_usage_account_id",
                "line_item_usage_start_date",
            ],
        }
    }
}

/// Why a file was not read at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CostsError {
    /// It cannot be read or unpacked.
    #[error("it cannot be read: {0}")]
    Read(ErrorKind),
    /// It has no header.
    #[error("it is empty")]
    Empty,
    /// The header is not CSV.
    #[error("its first row is not the header of comma-separated values")]
    Header,
    /// It is neither FOCUS nor a Cost and Usage Report.
    #[error("it is neither FOCUS nor a Cost and Usage Report: the columns of {nearest} that it lacks are {}", .missing.join(", "))]
    Columns {
        /// The format of which fewest columns are missing.
        nearest: &'static str,
        /// Those.
        missing: Vec<&'static str>,
    },
    /// A column is there twice.
    #[error("it has more than one column '{0}'")]
    Again(&'static str),
}

/// Why a row was not used. No cell is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowFault {
    /// Quotation marks do not pair, or stand within a cell.
    #[error("its quotation marks do not pair")]
    Quote,
    /// It is longer than [`MAX_ROW`].
    #[error("it is longer than a row may be")]
    TooLong,
    /// It has another number of cells than the header.
    #[error("it has {found} cells, and the header {expected}")]
    Cells {
        /// Its cells.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A cell is no text.
    #[error("its {0} is not UTF-8")]
    NotText(&'static str),
    /// The cost.
    #[error("its cost is no amount: {0}")]
    Cost(NotAnAmount),
    /// The currency.
    #[error("its currency is missing, or no name of one")]
    Currency,
    /// The account.
    #[error("its account's identifier is too long")]
    Account,
    /// The time.
    #[error("its time cannot be read")]
    Time,
    /// The sum does not fit.
    #[error("the sum with it is too large")]
    Sum,
    /// More accounts than are told apart.
    #[error("there are more accounts and currencies than are told apart")]
    TooMany,
    /// From here on the file cannot be read or unpacked.
    #[error("from here on the file cannot be read: {0}")]
    Read(ErrorKind),
}

/// A row that was not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRow {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Why.
    pub why: RowFault,
}

/// What several rows come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Costs less credits.
    pub amount: Amount,
    /// Rows.
    pub rows: u64,
}

/// What a file says of a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Costs {
    /// What it is.
    pub format: Format,
    /// Rows of the period that could be used, by account (empty where a row names
    /// none) and currency.
    pub sums: BTreeMap<(Box<str>, Box<str>), Sum>,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Rows of outside the period.
    pub outside: u64,
    /// Rows that could not be used, at most [`NAMED`].
    pub bad: Vec<BadRow>,
    /// How many these are.
    pub bad_rows: u64,
}

/// Reads a file to its end; costs count that begin in the period `from..to`.
pub fn read(source: impl Read, within: Range<Time>) -> Result<Costs, CostsError> {
    let source = unpacked(source).map_err(|why| CostsError::Read(why.kind()))?;
    let mut rows = Rows::new(source);
    let header = match rows.next() {
        Some(Ok(_)) => Header::read(&rows)?,
        Some(Err(BadRow { why: RowFault::Read(why), .. })) => return Err(CostsError::Read(why)),
        Some(Err(_)) => return Err(CostsError::Header),
        None => return Err(CostsError::Empty),
    };
    let mut costs = Costs {
        format: header.format,
        sums: BTreeMap::new(),
        rows: 0,
        outside: 0,
        bad: Vec::new(),
        bad_rows: 0,
    };
    let mut times = Times::default();
    while let Some(row) = rows.next() {
        costs.rows += 1;
        let used = row.and_then(|line| {
            costs.add(&header, &rows, &mut times, &within).map_err(|why| BadRow { line, why })
        });
        if let Err(bad) = used {
            costs.bad_rows += 1;
            if costs.bad.len() < NAMED {
                costs.bad.push(bad);
            }
        }
    }
    Ok(costs)
}

impl Costs {
    fn add(
        &mut self,
        header: &Header,
        rows: &Rows<impl Read>,
        times: &mut Times,
        within: &Range<Time>,
    ) -> Result<(), RowFault> {
        let (found, expected) = (rows.cells.len(), header.width);
        if found != expected {
            return Err(RowFault::Cells { found, expected });
        }
        let [cost, currency, account, time] = header.places.map(|(name, place)| {
            let cell = rows.cell(place);
            let text = match cell {
                Cow::Borrowed(bytes) => str::from_utf8(bytes).map(Cow::Borrowed).ok(),
                Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
            };
            text.ok_or(RowFault::NotText(name))
        });
        let (cost, currency, account, time) = (cost?, currency?, account?, time?);
        let amount = Amount::parse(cost.trim()).map_err(RowFault::Cost)?;
        let (currency, account) = (currency.trim(), account.trim());
        let named = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b' ' | b'-' | b'_' | b'.');
        if currency.is_empty() || currency.len() > MAX_CURRENCY || !currency.bytes().all(named) {
            return Err(RowFault::Currency);
        }
        if account.len() > MAX_ID {
            return Err(RowFault::Account);
        }
        if !within.contains(&times.read(time.trim()).ok_or(RowFault::Time)?) {
            self.outside += 1;
            return Ok(());
        }
        let key = (Box::from(account), Box::from(currency));
        if self.sums.len() >= MAX_SUMS && !self.sums.contains_key(&key) {
            return Err(RowFault::TooMany);
        }
        let sum = self.sums.entry(key).or_default();
        sum.amount = sum.amount.checked_add(amount).ok_or(RowFault::Sum)?;
        sum.rows += 1;
        Ok(())
    }
}

/// Times of rows, of which one is often the next one's too.
#[derive(Default)]
struct Times {
    last: Option<(String, Time)>,
}

impl Times {
    /// RFC 3339, or `2026-03-01 00:00:00`, which is in UTC.
    fn read(&mut self, text: &str) -> Option<Time> {
        if let Some((_, time)) = self.last.as_ref().filter(|(last, _)| last == text) {
            return Some(*time);
        }
        let bare = text.strip_suffix(" UTC").unwrap_or(text);
        let zoned = bare.get(19..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-']));
        let whole = if bare.len() > 10 && !zoned { format!("{bare}Z") } else { bare.to_owned() };
        let time = Time::parse_lenient(&whole).ok()?;
        self.last = Some((text.to_owned(), time));
        Some(time)
    }
}

/// Which column stands where.
struct Header {
    format: Format,
    /// Name and place of cost, currency, account and time.
    places: [(&'static str, usize); 4],
    width: usize,
}

impl Header {
    fn read(rows: &Rows<impl Read>) -> Result<Self, CostsError> {
        let names: Vec<_> = (0..rows.cells.len())
            .map(|place| {
                let name = String::from_utf8_lossy(&rows.cell(place)).into_owned();
                name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase()
            })
            .collect();
        let at = |name: &str| names.iter().position(|found| found.eq_ignore_ascii_case(name));
        let missing = |format: Format| {
            format.columns().into_iter().filter(|name| at(name).is_none()).collect::<Vec<_>>()
        };
        let nearest = Format::ALL.into_iter().min_by_key(|format| missing(*format).len());
        let format = nearest.unwrap_or(Format::Focus);
        let missing = missing(format);
        if !missing.is_empty() {
            return Err(CostsError::Columns { nearest: format.as_str(), missing });
        }
        let places = format.columns().map(|name| (name, at(name).unwrap_or(usize::MAX)));
        let count = |name: &str| names.iter().filter(|found| found.eq_ignore_ascii_case(name)).count();
        match format.columns().into_iter().find(|name| count(name) > 1) {
            Some(name) => Err(CostsError::Again(name)),
            None => Ok(Self { format, places, width: names.len() }),
        }
    }
}

/// What the byte before was in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Nothing: a cell begins.
    Start,
    /// A cell without quotation marks.
    Plain,
    /// A cell between quotation marks.
    Quoted,
    /// The same, just after a mark: its end, or one of two.
    Mark,
}

/// The rows of a file, one after the other.
struct Rows<R> {
    source: R,
    window: Vec<u8>,
    /// Where the next row begins in the window.
    at: usize,
    /// Its line, from 1.
    line: u64,
    ended: bool,
    failed: Option<ErrorKind>,
    /// Cells of the last row, with their quotation marks, in the window.
    cells: Vec<Range<usize>>,
}

impl<R: Read> Rows<R> {
    fn new(source: R) -> Self {
        let (window, cells) = (Vec::new(), Vec::new());
        Self { source, window, at: 0, line: 1, ended: false, failed: None, cells }
    }

    /// The line of the next row, whose cells are then there; or a row that cannot
    /// be read: what follows its first line is read anew, so that it takes no other
    /// with it.
    fn next(&mut self) -> Option<Result<u64, BadRow>> {
        self.window.drain(..self.at);
        self.at = 0;
        self.pass_empty_lines();
        let line = self.line;
        if self.byte(self.at).is_none() {
            return self.failed.take().map(|why| Err(BadRow { line, why: RowFault::Read(why) }));
        }
        let row = match self.scan() {
            Ok(end) => {
                let row = self.window.get(self.at..end).unwrap_or_default();
                self.line += line_ends(row);
                self.at = end;
                Ok(())
            }
            Err(why) => {
                self.pass_line();
                Err(BadRow { line, why })
            }
        };
        self.pass_line_end();
        Some(row.map(|()| line))
    }

    /// The byte at a place, read if need be.
    fn byte(&mut self, place: usize) -> Option<u8> {
        while place >= self.window.len() && !self.ended {
            let begin = self.window.len();
            self.window.resize(begin + PIECE, 0);
            let read = match self.source.read(self.window.get_mut(begin..).unwrap_or_default()) {
                Ok(read) => read,
                Err(why) if why.kind() == ErrorKind::Interrupted => {
                    self.window.truncate(begin);
                    continue;
                }
                Err(why) => {
                    self.failed = Some(why.kind());
                    0
                }
            };
            self.window.truncate(begin + read);
            self.ended = read == 0;
        }
        self.window.get(place).copied()
    }

    /// Finds the cells of the row that begins here, and its end.
    fn scan(&mut self) -> Result<usize, RowFault> {
        self.cells.clear();
        let (mut place, mut begin, mut within) = (self.at, self.at, Within::Start);
        loop {
            let byte = self.byte(place);
            if place - self.at > MAX_ROW {
                return Err(if within == Within::Quoted { RowFault::Quote } else { RowFault::TooLong });
            }
            within = match (within, byte) {
                // What stops in the middle because the file cannot be read is no row.
                (_, None) if self.failed.is_some() => return Err(RowFault::Read(self.failing())),
                (Within::Quoted, None) => return Err(RowFault::Quote),
                (Within::Quoted, Some(b'"')) => Within::Mark,
                (Within::Quoted, Some(_)) => Within::Quoted,
                (Within::Start | Within::Mark, Some(b'"')) => Within::Quoted,
                (_, None | Some(b'\n' | b'\r')) => {
                    self.cells.push(begin..place);
                    return Ok(place);
                }
                (_, Some(b',')) => {
                    self.cells.push(begin..place);
                    begin = place + 1;
                    Within::Start
                }
                (Within::Mark, Some(_)) | (Within::Plain, Some(b'"')) => return Err(RowFault::Quote),
                (Within::Start | Within::Plain, Some(_)) => Within::Plain,
            };
            place += 1;
        }
    }

    /// Why the file cannot be read: told once, and nothing of it is read after that.
    fn failing(&mut self) -> ErrorKind {
        self.at = self.window.len();
        self.failed.take().unwrap_or(ErrorKind::Other)
    }

    fn pass_empty_lines(&mut self) {
        while matches!(self.byte(self.at), Some(b'\n' | b'\r')) {
            self.pass_line_end();
        }
    }

    /// Passes one of CR LF, LF and CR.
    fn pass_line_end(&mut self) {
        let first = self.byte(self.at);
        if matches!(first, Some(b'\n' | b'\r')) {
            self.at += 1;
            self.line += 1;
        }
        if first == Some(b'\r') && self.byte(self.at) == Some(b'\n') {
            self.at += 1;
        }
    }

    /// Passes the rest of a line, however long it is.
    fn pass_line(&mut self) {
        while !matches!(self.byte(self.at), None | Some(b'\n' | b'\r')) {
            self.at += 1;
            if self.at > MAX_ROW {
                self.window.drain(..self.at);
                self.at = 0;
            }
        }
    }

    /// A cell of the last row, without its quotation marks.
    fn cell(&self, place: usize) -> Cow<'_, [u8]> {
        let range = self.cells.get(place).cloned().unwrap_or_default();
        let raw = self.window.get(range).unwrap_or_default();
        match raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            None => Cow::Borrowed(raw),
            Some(inner) if !inner.contains(&b'"') => Cow::Borrowed(inner),
            Some(inner) => {
                let mut second = false;
                let keep = |byte: &&u8| {
                    second = **byte == b'"' && !second;
                    **byte != b'"' || second
                };
                Cow::Owned(inner.iter().filter(keep).copied().collect())
            }
        }
    }
}

/// Line ends: each of CR LF, LF and CR.
fn line_ends(text: &[u8]) -> u64 {
    let next = text.iter().skip(1).chain([&b' ']);
    let ends = text.iter().zip(next).filter(|(byte, next)| match byte {
        b'\n' => true,
        b'\r' => **next != b'\n',
        _ => false,
    });
    ends.count() as u64
}

/// Identifiers of accounts that sums are of.
pub fn accounts(costs: &Costs) -> BTreeSet<&str> {
    costs.sums.keys().map(|(account, _)| &**account).collect()
}

#[cfg(test)]
mod tests;
