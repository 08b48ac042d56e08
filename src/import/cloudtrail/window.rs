//! A part of a stream in memory: it is refilled while what stands at its
//! beginning is not complete. It knows where JSON's strings and objects end, so
//! that something broken can be passed over, and nothing else of JSON.

use super::MAX_RECORD;
use std::io::{ErrorKind, Read};

/// How much is read at once, in bytes.
const SIZE: usize = 256 << 10;
/// How far the beginning of a list is looked for.
const LIST: usize = 256;
/// What every record of CloudTrail begins with. Within a string its quotation
/// marks would be escaped.
const BEGINNING: &[u8] = b"{\"eventVersion\"";

/// A stream and the part of it that is in memory.
pub(super) struct Window<R> {
    source: R,
    held: Vec<u8>,
    start: usize,
    end: usize,
    over: bool,
    failed: Option<ErrorKind>,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, held: vec![0; SIZE], start: 0, end: 0, over: false, failed: None }
    }

    /// What is in memory and was not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.held.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Why the stream broke off, if it did.
    pub(super) fn failed(&self) -> Option<ErrorKind> {
        self.failed
    }

    /// Reads at least twice as much as is there, so that what is long is not
    /// looked at again and again; `false` if there is nothing more.
    pub(super) fn more(&mut self) -> bool {
        let before = self.len();
        self.held.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, before);
        let wanted = (2 * before).clamp(SIZE, 2 * MAX_RECORD);
        if self.held.len() < wanted {
            self.held.resize(wanted, 0);
        }
        while !self.over && self.end < self.held.len() {
            match self.source.read(self.held.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => self.over = true,
                Ok(read) => self.end += read,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => (self.over, self.failed) = (true, Some(why.kind())),
            }
        }
        self.len() > before
    }

    /// The next byte that is no white space, without consuming it.
    pub(super) fn next_byte(&mut self) -> Option<u8> {
        loop {
            let blank = self.bytes().iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.consume(blank);
            let next = self.bytes().first().copied();
            if next.is_some() || !self.more() {
                return next;
            }
        }
    }

    /// Passes over a byte order mark.
    pub(super) fn skip_mark(&mut self) {
        self.more();
        if self.bytes().starts_with(b"\xef\xbb\xbf") {
            self.consume(3);
        }
    }

    /// The length of `{"Records":[`, with white space wherever JSON lets it
    /// stand, if that stands here.
    pub(super) fn list_begins(&mut self) -> Option<usize> {
        if self.len() < LIST {
            self.more();
        }
        let mut rest = self.bytes().get(..self.len().min(LIST))?;
        let length = rest.len();
        for token in [&b"{"[..], b"\"Records\"", b":", b"["] {
            rest = rest.trim_ascii_start().strip_prefix(token)?;
        }
        Some(length - rest.len())
    }

    /// Passes over what cannot be read: to the end of the object that begins here,
    /// if one does, or to where the next record begins, or, where each has its
    /// line, to the next line. `false` if nothing follows.
    pub(super) fn pass_over(&mut self, object: bool, lines: bool) -> bool {
        let object = object && self.bytes().first() == Some(&b'{');
        let (mut at, mut depth, mut quoted, mut escaped) = (0, 0u64, false, false);
        loop {
            // So that what a record begins with is never cut in two.
            while self.len() < at + BEGINNING.len() {
                if !self.more() {
                    break;
                }
            }
            let rest = self.bytes().get(at..).unwrap_or_default();
            let Some(byte) = rest.first().copied() else {
                self.consume(at);
                return false;
            };
            let new_line = lines && byte == b'\n' && rest.get(1) == Some(&b'{');
            if at > 0 && (rest.starts_with(BEGINNING) || new_line) {
                self.consume(at);
                return true;
            }
            at += 1;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' if !quoted => depth += 1,
                b'}' if !quoted && object => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.consume(at);
                        return true;
                    }
                }
                _ => {}
            }
            if at >= MAX_RECORD {
                self.consume(at);
                at = 0;
            }
        }
    }
}
