//! The terminal: prompts that show nothing, the alternate screen, QR codes.
//!
//! It reads keys itself, because a prompt here has to count a window down, turn
//! Ctrl-C into an answer instead of a kill, and keep what is typed in memory
//! that is wiped; prompt libraries do not do all three.

mod keys;
mod screen;

use super::clock::{Clock, SystemClock};
use super::table::fit;
use super::ui::{CodeStrip, Look, Prompt, Reveal, Ui, UiError};
use crate::name::printable;
use crate::secret::SecretBytes;
use crate::time::Span;
use keys::Key;
use screen::{AlternateScreen, Page, Picture};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

pub use keys::release;

/// Longest line that is read, in bytes.
const CAP: usize = 4096;

/// How long a pipe on standard input may say nothing before it counts as one
/// that somebody will write to, in seconds.
const PATIENCE: i64 = 2;

/// Columns that a typed line should have beside its question.
const TYPING: usize = 16;

/// Standard input, output and error.
#[derive(Default)]
pub struct Terminal {
    unsaid: Option<std::io::Error>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        release();
    }
}

impl Terminal {
    /// Whether everything that was said arrived; asked once the command is done.
    pub fn all_said(&mut self) -> std::io::Result<()> {
        self.unsaid.take().map_or(Ok(()), Err)
    }

    fn write_out(&mut self, text: &str) {
        match writeln!(std::io::stdout().lock(), "{text}") {
            // A reader who has read enough (`warifu … | head`) is no failure.
            Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => self.unsaid = Some(why),
            _ => {}
        }
    }

    /// An error for a program: on one line, however narrow the terminal is.
    pub fn report(&mut self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", lines(line));
    }

    fn read(&mut self, prompt: &Prompt, echo: bool) -> Result<SecretBytes, UiError> {
        if !std::io::stdin().is_terminal() {
            return Err(UiError::NoTerminal { question: prompt.text.clone(), instead: prompt.instead });
        }
        keys::hold()?;
        let answer = self.read_held(prompt, echo);
        // In a ceremony the terminal stays held from question to question.
        if prompt.deadline.is_none() {
            release();
        }
        answer
    }

    fn read_held(&mut self, prompt: &Prompt, echo: bool) -> Result<SecretBytes, UiError> {
        let mut typed = Line { bytes: SecretBytes::zeroed(CAP), length: 0, too_long: false };
        let mut drawing = Drawing::begin(prompt, echo);
        let ended = loop {
            drawing.draw(prompt, &typed);
            if prompt.deadline.is_some_and(|deadline| SystemClock.now() > deadline) {
                break Err(UiError::Deadline);
            }
            match keys::next()? {
                Key::Nothing => {}
                Key::Other => put("\x07"),
                Key::Enter if typed.too_long => {
                    put("\r\n");
                    self.note(&format!("That is longer than {CAP} bytes. Type it again."));
                    typed.clear();
                    drawing.again();
                }
                Key::Enter => break Ok(()),
                Key::End => break Err(UiError::Interrupted),
                Key::Backspace => typed.backspace(),
                Key::KillLine => typed.clear(),
                Key::Byte(byte) => typed.push(byte),
            }
        };
        put("\r\n");
        ended.map(|()| typed.take())
    }
}

struct Line {
    bytes: SecretBytes,
    length: usize,
    too_long: bool,
}

impl Line {
    fn push(&mut self, byte: u8) {
        match self.bytes.expose_mut().get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length += 1;
            }
            None => self.too_long = true,
        }
    }

    /// Removes the last character, not the last byte.
    fn backspace(&mut self) {
        while self.length > 0 {
            self.length -= 1;
            let continuation = self.bytes.expose().get(self.length).is_some_and(|b| b & 0xC0 == 0x80);
            if !continuation {
                break;
            }
        }
    }

    fn clear(&mut self) {
        (self.length, self.too_long) = (0, false);
    }

    fn shown(&self) -> &[u8] {
        self.bytes.expose().get(..self.length).unwrap_or_default()
    }

    fn take(self) -> SecretBytes {
        let mut kept = SecretBytes::zeroed(self.length);
        kept.expose_mut().copy_from_slice(self.shown());
        kept
    }
}

/// A question on the screen. Its last row alone is drawn again, so it must not
/// wrap: a question that is too wide for that stands above it.
struct Drawing {
    text: String,
    echo: bool,
    last: Option<String>,
}

impl Drawing {
    fn begin(prompt: &Prompt, echo: bool) -> Self {
        let question = printable(&prompt.text);
        let beside = countdown(prompt).len() + ": ".len() + if echo { TYPING } else { 1 };
        if screen::width(&question) + beside < screen::size().0 {
            return Self { text: question, echo, last: None };
        }
        let above = fit(&question, screen::columns_of(std::io::stderr()));
        put(&format!("{}\r\n", above.replace('\n', "\r\n")));
        Self { text: String::new(), echo, last: None }
    }

    fn again(&mut self) {
        self.last = None;
    }

    /// Draws if anything has changed. What is typed and may be seen is shown
    /// from its end.
    fn draw(&mut self, prompt: &Prompt, typed: &Line) {
        let mut row = format!("{}{}", self.text, countdown(prompt));
        row = format!("{}: ", row.trim_start());
        if self.echo {
            let room = screen::size().0.saturating_sub(screen::width(&row) + 1).max(4);
            row.push_str(&tail(&String::from_utf8_lossy(typed.shown()), room));
        }
        if self.last.as_ref() != Some(&row) {
            put(&format!("\r\x1b[K{row}"));
            self.last = Some(row);
        }
    }
}

fn countdown(prompt: &Prompt) -> String {
    let mut text = String::new();
    if let Some(deadline) = prompt.deadline {
        let left = deadline - SystemClock.now();
        let _ = write!(text, " [{} left]", Span(left.0.max(0)));
    }
    text
}

/// The end of a text that fits into `room` columns.
fn tail(text: &str, room: usize) -> String {
    let visible = printable(text);
    if screen::width(&visible) <= room {
        return visible;
    }
    let mut from = visible.len();
    for (position, _) in visible.char_indices().rev() {
        if screen::width(visible.get(position..).unwrap_or_default()) >= room {
            break;
        }
        from = position;
    }
    format!("…{}", visible.get(from..).unwrap_or_default())
}

/// To standard error; a terminal that is gone is no failure of the command.
fn put(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// An `otpauth` URL without the parameters that every authenticator assumes:
/// the QR code gets small enough for a usual terminal.
fn without_defaults(url: &[u8]) -> &[u8] {
    url.strip_suffix(b"&algorithm=SHA1&digits=6&period=30").unwrap_or(url)
}

impl Ui for Terminal {
    fn line(&mut self, prompt: &Prompt) -> Result<String, UiError> {
        loop {
            let typed = self.read(prompt, true)?;
            match typed.expose_str() {
                Some(text) => return Ok(text.trim().to_owned()),
                None => self.note("That is not UTF-8 text. Type it again."),
            }
        }
    }

    fn secret(&mut self, prompt: &Prompt) -> Result<SecretBytes, UiError> {
        self.read(prompt, false)
    }

    fn can_reveal(&self) -> Result<(), UiError> {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            return Ok(());
        }
        let question = "a password is shown on a terminal alone".to_owned();
        Err(UiError::NoTerminal {
            question,
            instead: "Use --exec CMD: it gives the password to a program's standard input.",
        })
    }

    fn reveal(&mut self, reveal: &Reveal<'_>) -> Result<(), UiError> {
        self.can_reveal()?;
        keys::hold()?;
        let shown = show(reveal);
        release();
        shown
    }

    fn reveal_codes(&mut self, reveal: &Reveal<'_>, strip: &CodeStrip<'_>) -> Result<(), UiError> {
        self.can_reveal()?;
        keys::hold()?;
        let shown = show_codes(reveal, strip);
        release();
        shown
    }

    fn show_totp(&mut self, who: &str, url: &SecretBytes, base32: &SecretBytes) -> Result<(), UiError> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            let question = format!("the authenticator secret of {who} cannot be shown");
            return Err(UiError::NoTerminal {
                question,
                instead: "run it on a terminal, or with --totp-file FILE",
            });
        }
        keys::hold()?;
        let shown = show_code(who, url, base32);
        release();
        shown
    }

    fn columns(&self) -> Option<usize> {
        screen::columns()
    }

    fn say(&mut self, text: &str) {
        self.write_out(&lines(text));
    }

    fn draw(&mut self, picture: &str) {
        self.write_out(picture);
    }

    fn say_as(&mut self, look: Look, text: &str) {
        if !std::io::stdout().is_terminal() {
            return self.say(text);
        }
        // The colours are ours; what stands between them is made harmless first.
        let colour = match look {
            Look::Title => "\x1b[1;36m",
            Look::Command => "\x1b[2m",
            Look::Refused => "\x1b[33m",
            Look::Overdue => "\x1b[31m",
        };
        let line =
            |line: &str| if line.is_empty() { String::new() } else { format!("{colour}{line}\x1b[0m") };
        let text = lines(text).split('\n').map(line).collect::<Vec<_>>().join("\n");
        self.write_out(&text);
    }

    fn note(&mut self, text: &str) {
        let text = fit(&lines(text), screen::columns_of(std::io::stderr()));
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    fn input_waits(&self) -> bool {
        waits()
    }
}

/// Whether something lies on standard input that somebody means to be read: a
/// file that is not empty, or a pipe. A pipe that ends empty is none; one that
/// says nothing for a while may still be written to.
fn waits() -> bool {
    let own = std::io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let Ok(about) = own.and_then(|file| file.metadata()) else { return false };
    let kind = about.file_type();
    if kind.is_file() {
        return about.len() > 0;
    }
    (kind.is_fifo() || kind.is_socket()) && keys::not_at_its_end(PATIENCE)
}

/// Lines for people. Wherever a text comes from, nothing but the end of a line
/// moves the terminal's cursor or hides what stands there.
pub fn lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Shows a secret until a key is pressed or the time is up. A key that was
/// pressed before it could be seen does not count.
fn show(reveal: &Reveal<'_>) -> Result<(), UiError> {
    let screen = AlternateScreen::enter()?;
    keys::forget_typed_ahead();
    let until = Instant::now() + Duration::from_secs(reveal.seconds);
    let (mut page, mut last) = (0, None);
    loop {
        let size = screen::size();
        let left = until.saturating_duration_since(Instant::now()).as_millis().div_ceil(1000);
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        if last != Some((page, left, size)) {
            screen.show(&screen::reveal(reveal, page, left, size))?;
            last = Some((page, left, size));
        }
        match keys::next()? {
            Key::Nothing => {}
            Key::End => return Ok(()),
            _ if page + 1 < screen::pages(reveal, size) => page += 1,
            _ => return Ok(()),
        }
    }
}

/// The same with codes, which change as time goes by.
fn show_codes(reveal: &Reveal<'_>, strip: &CodeStrip<'_>) -> Result<(), UiError> {
    let screen = AlternateScreen::enter()?;
    keys::forget_typed_ahead();
    let (mut page, mut last) = (0, None);
    loop {
        let size = screen::size();
        let Some(now) = strip.at(SystemClock.now()) else { return Ok(()) };
        let mut fields = reveal.fields.clone();
        fields.push(("code", now.code));
        fields.extend(now.next.map(|next| ("next code", next)));
        let title = format!("{}: the code is good for {} s", reveal.title, now.good_for);
        let shown = Reveal { title, fields, seconds: now.all_for };
        if last != Some((page, now.all_for, size)) {
            screen.show(&screen::reveal(&shown, page, now.all_for, size))?;
            last = Some((page, now.all_for, size));
        }
        match keys::next()? {
            Key::Nothing => {}
            Key::End => return Ok(()),
            _ if page + 1 < screen::pages(&shown, size) => page += 1,
            _ => return Ok(()),
        }
    }
}

fn show_code(who: &str, url: &SecretBytes, base32: &SecretBytes) -> Result<(), UiError> {
    let picture =
        Picture::of(without_defaults(url.expose())).expect("a URL of two short names has a QR code");
    let screen = AlternateScreen::enter()?;
    keys::forget_typed_ahead();
    let (mut seen, mut last) = (false, None);
    loop {
        let size = screen::size();
        let page = if seen { Page::Text } else { picture.fits(size) };
        if last != Some((page, size)) {
            screen.show(&screen::totp(&picture, base32, who, page))?;
            last = Some((page, size));
        }
        match keys::next()? {
            Key::Enter if page == Page::Code => seen = true,
            Key::Enter => return Ok(()),
            Key::End => return Err(UiError::Interrupted),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_line_is_shown_from_its_end_and_within_its_room() {
        assert_eq!(tail("/tmp/a.card", 20), "/tmp/a.card");
        assert_eq!(tail("/tmp/deep/down/a.card", 8), "…/a.card".to_owned());
        assert_eq!(tail("割符割符", 5), "…割符");
        assert_eq!(tail("a\x1b[2J", 9), "a·[2J");
    }

    #[test]
    fn a_line_that_is_too_long_is_noticed_not_cut() {
        let mut line = Line { bytes: SecretBytes::zeroed(2), length: 0, too_long: false };
        b"abc".iter().for_each(|b| line.push(*b));
        assert!(line.too_long);
        line.clear();
        "é".bytes().for_each(|b| line.push(b));
        line.backspace();
        assert_eq!((line.length, line.too_long), (0, false));
    }
}
