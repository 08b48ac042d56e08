//! CloudTrail's log files, read for what was done with root users.
//!
//! `{"Records":[…]}`, an array of records, or records one after the other (JSON
//! lines), plain or gzipped; read through a window, so that memory does not grow
//! with the file. Every record is read as JSON; of those that no root user is
//! behind only the time is kept. A record that cannot be read is told with its
//! number and stops nothing. What was explained by what is not judged here.
//!
//! Fields are found by name, whatever else a record has. The shapes are those of
//! "CloudTrail record contents" and "AWS Management Console sign-in events" in
//! the CloudTrail User Guide; which calls of a root user count is the filter of
//! the CIS AWS Foundations Benchmark's control for the use of root.

mod record;
mod window;

use crate::event::RootUse;
use crate::hex::Bytes;
use crate::time::Time;
use flate2::read::MultiGzDecoder;
use record::Record;
use serde::de::IgnoredAny;
use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read};
use std::sync::Arc;
use window::Window;

/// Longest record that is read, in bytes. CloudTrail's own limit is 1 MiB.
pub const MAX_RECORD: usize = 4 << 20;
/// Longest text of a record that is kept, in characters.
pub const MAX_TEXT: usize = 200;
/// Most accounts of which is remembered that records were of them.
const MAX_HEARD: usize = 100_000;

/// Something that was done with a root user, as the record says it. Texts are
/// untrusted: whoever calls chooses the user agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootEvent {
    /// Hash of the event's id: what a second copy has too, but whoever writes a
    /// file can give a record any id.
    pub id: Bytes<32>,
    /// The provider's id of the account whose root user it is: 12 digits.
    pub account: AccountNumber,
    /// When.
    pub time: Time,
    /// When the session began, if the record says so.
    pub session: Option<Time>,
    /// What.
    pub what: RootUse,
    /// The provider refused it.
    pub failed: bool,
    /// Whether a second factor was used, if the record says so.
    pub mfa: Option<bool>,
    /// The provider's name for it.
    pub name: Arc<str>,
    /// Where it came from: an address, or the name of a service.
    pub from: Arc<str>,
    /// User agent.
    pub agent: Arc<str>,
}

/// An AWS account id: 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber(u64);

impl AccountNumber {
    /// Reads exactly 12 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Self)
    }

    /// The account of an ARN, `arn:partition:service:region:account:…`, or of 12
    /// digits alone.
    pub fn of_principal(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse(text.strip_prefix("arn:")?.split(':').nth(3)?))
    }
}

impl std::fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl std::fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Why a record, or the rest of a file, was not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unread {
    /// It is not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// It is JSON, but has no time.
    #[error("it is no CloudTrail record: it has no eventTime that can be read")]
    NoTime,
    /// It is of a root user, but does not say of which account.
    #[error("it is of a root user, but names no account")]
    NoAccount,
    /// It is longer than [`MAX_RECORD`].
    #[error("it is longer than a record may be")]
    TooLong,
    /// Something else stands where a record should begin or end.
    #[error("something else stands between records")]
    Between,
    /// The file ends in the middle.
    #[error("the file ends in the middle")]
    Ends,
    /// The rest cannot be unpacked or read.
    #[error("the rest cannot be read: {0}")]
    Read(io::ErrorKind),
}

/// What is found on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Something was done with a root user.
    Root(RootEvent),
    /// The record of this number, from 1, was not read.
    Unread(u64, Unread),
}

/// What a file held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scan {
    /// Records, those that could not be read among them.
    pub records: u64,
    /// Time of the earliest and of the latest record.
    pub period: Option<(Time, Time)>,
    /// Accounts that records were of.
    pub heard: BTreeSet<AccountNumber>,
}

/// Reads a file, plain or gzipped, to its end, and tells what it finds.
pub fn read(source: impl Read, tell: &mut dyn FnMut(Found)) -> Scan {
    match unpacked(source) {
        Ok(source) => Reader::new(source).read(tell),
        Err(why) => {
            tell(Found::Unread(1, Unread::Read(why.kind())));
            Scan::default()
        }
    }
}

/// The bytes themselves, or what is packed in them: the first two tell.
pub(super) fn unpacked<'a>(mut source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut first)?;
    let packed = first == [0x1f, 0x8b];
    let whole = io::Cursor::new(first).chain(source);
    Ok(if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

/// Where in a file the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of everything: a record, or a list of them, begins here.
    Outside,
    /// In a list, before a record.
    Before,
    /// In a list, after a record.
    After,
    /// After the list, in the object that holds it.
    Closing,
}

struct Reader<R> {
    window: Window<R>,
    place: Place,
    /// Whether the list stands in an object.
    held: bool,
    scan: Scan,
    period: Period,
    texts: Texts,
    /// The account of the last record.
    last: [u8; 12],
}

/// Nothing more can be read.
struct Over;

impl<R: Read> Reader<R> {
    fn new(source: R) -> Self {
        Self {
            window: Window::new(source),
            place: Place::Outside,
            held: false,
            scan: Scan::default(),
            period: Period::default(),
            texts: Texts::default(),
            last: [0; 12],
        }
    }

    fn read(mut self, tell: &mut dyn FnMut(Found)) -> Scan {
        self.window.skip_mark();
        while self.step(tell).is_ok() {}
        if let Some(why) = self.window.failed() {
            self.unread(Unread::Read(why), tell);
        } else if self.place != Place::Outside {
            self.unread(Unread::Ends, tell);
        }
        Scan { period: self.period.times(), ..self.scan }
    }

    /// One token or record.
    fn step(&mut self, tell: &mut dyn FnMut(Found)) -> Result<(), Over> {
        let next = self.window.next_byte().ok_or(Over)?;
        match (self.place, next) {
            (Place::Outside, b'{') => match self.window.list_begins() {
                Some(length) => self.list(length, true),
                None => return self.record(tell),
            },
            (Place::Outside, b'[') => self.list(1, false),
            (Place::Before, b']') | (Place::After, b']') => {
                self.window.consume(1);
                self.place = if self.held { Place::Closing } else { Place::Outside };
            }
            (Place::After, b',') => {
                self.window.consume(1);
                self.place = Place::Before;
            }
            (Place::Before, _) => return self.record(tell),
            (Place::Closing, b'}') => {
                self.window.consume(1);
                self.place = Place::Outside;
            }
            // Further members of the object: keys and values alike are passed over.
            (Place::Closing, b',' | b':') => self.window.consume(1),
            (Place::Closing, _) => return self.value(tell),
            (Place::Outside | Place::After, _) => {
                self.scan.records += 1;
                self.unread_here(Unread::Between, tell);
                self.resume(false)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, length: usize, held: bool) {
        self.window.consume(length);
        (self.place, self.held) = (Place::Before, held);
    }

    fn record(&mut self, tell: &mut dyn FnMut(Found)) -> Result<(), Over> {
        self.scan.records += 1;
        let after = if self.place == Place::Outside { Place::Outside } else { Place::After };
        loop {
            let bytes = self.window.bytes();
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Record<'_>>();
            match values.next() {
                Some(Ok(record)) => {
                    let length = values.byte_offset();
                    let read = self.period.take(&record.time).and_then(|()| {
                        note_heard(&mut self.scan.heard, &mut self.last, &record.identity.account);
                        record.root(bytes.get(..length).unwrap_or_default(), &mut self.texts)
                    });
                    self.window.consume(length);
                    self.place = after;
                    match read {
                        Ok(Some(event)) => tell(Found::Root(event)),
                        Ok(None) => {}
                        Err(why) => self.unread_here(why, tell),
                    }
                    return Ok(());
                }
                Some(Err(why)) if why.is_eof() => {
                    if self.window.len() >= MAX_RECORD {
                        self.unread_here(Unread::TooLong, tell);
                        self.place = after;
                        return self.resume(true);
                    }
                    // What failed, or that it ends here, is told at the end.
                    if !self.window.more() {
                        self.scan.records -= 1;
                        self.place = Place::Before;
                        return Err(Over);
                    }
                }
                _ => {
                    self.unread_here(Unread::NotJson, tell);
                    self.place = after;
                    return self.resume(true);
                }
            }
        }
    }

    /// A value that is of no interest.
    fn value(&mut self, tell: &mut dyn FnMut(Found)) -> Result<(), Over> {
        loop {
            let mut values =
                serde_json::Deserializer::from_slice(self.window.bytes()).into_iter::<IgnoredAny>();
            match values.next() {
                Some(Ok(_)) => {
                    let length = values.byte_offset();
                    self.window.consume(length);
                    return Ok(());
                }
                Some(Err(why)) if why.is_eof() && self.window.len() < MAX_RECORD => {
                    if !self.window.more() {
                        return Err(Over);
                    }
                }
                _ => {
                    self.unread_here(Unread::Between, tell);
                    self.place = Place::Outside;
                    return self.resume(false);
                }
            }
        }
    }

    /// Goes on behind what could not be read.
    fn resume(&mut self, in_record: bool) -> Result<(), Over> {
        let lines = self.place == Place::Outside;
        let found = self.window.pass_over(in_record, lines);
        // A record that begins without a comma before it.
        if found && !lines {
            self.place = if self.window.next_byte() == Some(b'{') { Place::Before } else { Place::After };
        }
        if found { Ok(()) } else { Err(Over) }
    }

    fn unread_here(&self, why: Unread, tell: &mut dyn FnMut(Found)) {
        tell(Found::Unread(self.scan.records, why));
    }

    fn unread(&mut self, why: Unread, tell: &mut dyn FnMut(Found)) {
        self.scan.records += 1;
        self.unread_here(why, tell);
    }
}

fn note_heard(heard: &mut BTreeSet<AccountNumber>, last: &mut [u8; 12], account: &str) {
    // Records of one account mostly follow each other.
    if account.as_bytes() == last {
        return;
    }
    if let (Some(number), Some(text)) = (AccountNumber::parse(account), account.as_bytes().first_chunk()) {
        *last = *text;
        if heard.len() < MAX_HEARD {
            heard.insert(number);
        }
    }
}

/// The earliest and the latest time. Times are compared as texts where they have
/// the form that CloudTrail writes, and read only if they widen the period.
#[derive(Default)]
struct Period {
    texts: Option<([u8; 20], [u8; 20])>,
    others: Option<(Time, Time)>,
}

impl Period {
    fn take(&mut self, text: &str) -> Result<(), Unread> {
        let usual = text.as_bytes().first_chunk::<20>().filter(|t| text.len() == 20 && t.ends_with(b"Z"));
        match (usual, &mut self.texts) {
            (Some(text), Some((from, to))) if *from <= *text && *text <= *to => Ok(()),
            (Some(bytes), texts) => {
                time(text)?;
                let (from, to) = texts.get_or_insert((*bytes, *bytes));
                (*from, *to) = ((*from).min(*bytes), (*to).max(*bytes));
                Ok(())
            }
            (None, _) => {
                widen(&mut self.others, time(text)?);
                Ok(())
            }
        }
    }

    fn times(&self) -> Option<(Time, Time)> {
        let mut whole = self.others;
        for text in self.texts.iter().flat_map(|(from, to)| [from, to]) {
            if let Some(time) = str::from_utf8(text).ok().and_then(|text| time(text).ok()) {
                widen(&mut whole, time);
            }
        }
        whole
    }
}

/// Makes a period contain a time.
pub fn widen(period: &mut Option<(Time, Time)>, time: Time) {
    let (from, to) = period.get_or_insert((time, time));
    (*from, *to) = ((*from).min(time), (*to).max(time));
}

/// A time in any form of RFC 3339, whatever its zone.
fn time(text: &str) -> Result<Time, Unread> {
    let whole = text.len() > 10;
    Time::parse_lenient(text).ok().filter(|_| whole).ok_or(Unread::NoTime)
}

/// Texts that are kept, each once.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    /// At most [`MAX_TEXT`] characters of it.
    fn keep(&mut self, text: &str) -> Arc<str> {
        let end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(end, _)| end);
        let text = text.get(..end).unwrap_or_default();
        if let Some(kept) = self.0.get(text) {
            return kept.clone();
        }
        let kept: Arc<str> = text.into();
        self.0.insert(kept.clone());
        kept
    }
}

#[cfg(test)]
mod tests;
