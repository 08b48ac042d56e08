//! The alternate screen, and what is laid out on it. Frames are written past
//! the standard library's buffers, which nobody wipes.

use super::super::ui::Reveal;
use crate::name::unprintable;
use crate::secret::SecretBytes;
use qrcode::{Color, EcLevel, QrCode};
use rustix::termios;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use unicode_width::UnicodeWidthStr;

/// Columns and rows, where the terminal does not say.
const USUAL: (usize, usize) = (80, 24);
/// Columns of the labels.
const LABELS: usize = 13;
/// White modules around a QR code. The standard asks for four; cameras make
/// do with two, and with four the code does not fit 80×24.
const QUIET: usize = 2;
/// Rows beside the fields: title, two empty ones, the footer in two.
const AROUND: usize = 5;

/// Columns and rows of the terminal on standard error.
pub fn size() -> (usize, usize) {
    match termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => USUAL,
    }
}

/// Columns that a result may take: none where standard output is no terminal.
pub fn columns() -> Option<usize> {
    columns_of(io::stdout())
}

/// The same of another stream.
pub fn columns_of(out: impl IsTerminal + AsFd) -> Option<usize> {
    if !out.is_terminal() {
        return None;
    }
    match termios::tcgetwinsize(out) {
        Ok(size) if size.ws_col > 0 => Some(size.ws_col.into()),
        _ => Some(USUAL.0),
    }
}

/// Columns that a text takes: wide scripts count twice.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The alternate screen; wiped and left when dropped, whatever happened.
pub struct AlternateScreen;

impl AlternateScreen {
    /// Switches to it.
    pub fn enter() -> io::Result<Self> {
        write(b"\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l")?;
        Ok(Self)
    }

    /// Replaces what it shows.
    pub fn show(&self, frame: &Frame) -> io::Result<()> {
        write(frame.bytes.expose().get(..frame.length).unwrap_or_default())
    }
}

impl Drop for AlternateScreen {
    fn drop(&mut self) {
        let _ = write(b"\x1b[2J\x1b[3J\x1b[H\x1b[?25h\x1b[?1049l");
    }
}

fn write(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(io::stdout(), bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What is drawn at once; wiped, as it holds secrets.
pub struct Frame {
    bytes: SecretBytes,
    length: usize,
}

impl Frame {
    fn new() -> Self {
        let mut frame = Self { bytes: SecretBytes::zeroed(1 << 16), length: 0 };
        frame.add(b"\x1b[H\x1b[2J");
        frame
    }

    fn add(&mut self, more: &[u8]) {
        let end = self.length + more.len();
        if let Some(place) = self.bytes.expose_mut().get_mut(self.length..end) {
            place.copy_from_slice(more);
            self.length = end;
        }
    }

    /// Text of somebody: what is not printable is shown as a dot. Nothing is
    /// copied on the way that would not be wiped.
    fn add_visible(&mut self, text: &[u8]) {
        for part in text.utf8_chunks() {
            for (at, c) in part.valid().char_indices() {
                let shown = part.valid().get(at..at + c.len_utf8()).unwrap_or_default();
                self.add(if unprintable(c) { "·" } else { shown }.as_bytes());
            }
            part.invalid().iter().for_each(|_| self.add("·".as_bytes()));
        }
    }
}

/// One row of a reveal: the label on a field's first one, and its bytes.
type Row<'a> = (&'static str, &'a [u8]);

fn rows<'a>(reveal: &'a Reveal<'_>, columns: usize) -> Vec<Row<'a>> {
    let room = columns.saturating_sub(LABELS + 1).max(8);
    let mut rows = Vec::new();
    for (label, secret) in &reveal.fields {
        let mut label = *label;
        for line in secret.expose().split(|byte| *byte == b'\n') {
            let mut left = line;
            loop {
                let (row, rest) = split(left, room);
                rows.push((label, row));
                (label, left) = ("", rest);
                if left.is_empty() {
                    break;
                }
            }
        }
    }
    rows
}

/// The first characters that fit into `room` columns, and the rest.
fn split(line: &[u8], room: usize) -> (&[u8], &[u8]) {
    let mut taken = 0;
    for (position, byte) in line.iter().enumerate() {
        taken += match byte {
            0x80..0xC0 => 0,
            0xE1..=0xFF => 2,
            _ => 1,
        };
        if taken > room && position > 0 {
            return line.split_at(position);
        }
    }
    (line, &[])
}

/// How many pages a reveal has on this terminal.
pub fn pages(reveal: &Reveal<'_>, (columns, height): (usize, usize)) -> usize {
    rows(reveal, columns).len().div_ceil(height.saturating_sub(AROUND).max(1)).max(1)
}

/// One page of a reveal, with `left` seconds to go.
pub fn reveal(reveal: &Reveal<'_>, page: usize, left: u64, size: (usize, usize)) -> Frame {
    let mut frame = Frame::new();
    frame.add_visible(reveal.title.as_bytes());
    frame.add(b"\r\n\r\n");
    let each = size.1.saturating_sub(AROUND).max(1);
    for (label, bytes) in rows(reveal, size.0).iter().skip(page * each).take(each) {
        frame.add(format!("  {label:<10} ").as_bytes());
        frame.add_visible(bytes);
        frame.add(b"\r\n");
    }
    let pages = pages(reveal, size);
    let key = if page + 1 < pages {
        format!("Page {} of {pages}: press any key for the next", page + 1)
    } else {
        "Press any key to wipe this screen".to_owned()
    };
    frame.add(format!("\r\n{key}; it is wiped in {left} s.").as_bytes());
    frame
}

/// What of an authenticator's secret is on the screen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// QR code and text.
    Both,
    /// The QR code alone: there is no room for more.
    Code,
    /// The text alone, after the QR code.
    Text,
    /// The text alone: there is no room for the QR code.
    TooSmall,
}

/// An authenticator's secret as a QR code.
pub struct Picture {
    modules: Vec<Color>,
    side: usize,
}

impl Drop for Picture {
    fn drop(&mut self) {
        self.modules.fill(Color::Light);
        std::hint::black_box(&self.modules);
    }
}

impl Picture {
    /// Of a URL; `None` if it is too long for any.
    pub fn of(url: &[u8]) -> Option<Self> {
        let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
        let side = code.width();
        Some(Self { modules: code.into_colors(), side })
    }

    /// Columns and rows that it takes.
    pub fn size(&self) -> (usize, usize) {
        let side = self.side + 2 * QUIET;
        (side, side.div_ceil(2))
    }

    fn dark(&self, x: usize, y: usize) -> bool {
        let inside = |v: usize| v.checked_sub(QUIET).filter(|v| *v < self.side);
        let place = inside(x).zip(inside(y)).and_then(|(x, y)| self.modules.get(y * self.side + x));
        place == Some(&Color::Dark)
    }

    /// Two modules in one character, black on white whatever the terminal's colours.
    fn draw(&self, frame: &mut Frame) {
        let (columns, height) = self.size();
        for row in 0..height {
            frame.add(b"\x1b[30;107m");
            for x in 0..columns {
                let character = match (self.dark(x, 2 * row), self.dark(x, 2 * row + 1)) {
                    (true, true) => "█",
                    (true, false) => "▀",
                    (false, true) => "▄",
                    (false, false) => " ",
                };
                frame.add(character.as_bytes());
            }
            frame.add(b"\x1b[0m\r\n");
        }
    }

    /// What fits on the terminal.
    pub fn fits(&self, (columns, height): (usize, usize)) -> Page {
        let (wide, high) = self.size();
        match (wide <= columns, height.saturating_sub(high)) {
            (true, 3..) => Page::Both,
            (true, 1..) => Page::Code,
            _ => Page::TooSmall,
        }
    }
}

/// The screen on which an authenticator's secret is shown.
pub fn totp(picture: &Picture, base32: &SecretBytes, who: &str, page: Page) -> Frame {
    let mut frame = Frame::new();
    match page {
        Page::Both => frame.add(format!("Scan with the authenticator app of {who}:\r\n").as_bytes()),
        Page::TooSmall => {
            let (wide, high) = picture.size();
            frame.add(format!("For the QR code this window must have {wide} columns and {} rows: enlarge it,\r\nor type into the authenticator app of {who}:\r\n\r\n", high + 3).as_bytes());
        }
        Page::Text => {
            frame.add(format!("Or type into the authenticator app of {who}:\r\n\r\n").as_bytes());
        }
        Page::Code => {}
    }
    if matches!(page, Page::Both | Page::Code) {
        picture.draw(&mut frame);
    }
    if page != Page::Code {
        frame.add(if page == Page::Both { b"Or type: " } else { b"    " });
        for (position, byte) in base32.expose().iter().enumerate() {
            if position > 0 && position % 4 == 0 {
                frame.add(b" ");
            }
            frame.add(&[*byte]);
        }
        frame.add(if page == Page::Both { b"\r\n" } else { b"\r\n\r\n" });
    }
    frame.add(match page {
        Page::Code => b"Press Enter to see it as text.",
        _ => b"Press Enter when the app has it; this screen is wiped then.",
    });
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::totp::TotpSecret;

    fn picture(organisation: &str) -> Picture {
        let secret = TotpSecret::from_bytes(SecretBytes::zeroed(20)).unwrap();
        let url = secret.url(&format!("warifu {organisation}"), "exercise-alert-under");
        Picture::of(super::super::without_defaults(url.expose())).unwrap()
    }

    #[test]
    fn the_qr_code_of_a_usual_name_fits_the_usual_terminal() {
        assert!(picture("demo").fits(USUAL) != Page::TooSmall);
        assert!(picture("demo").fits((132, 43)) == Page::Both);
        assert!(picture("demo").fits((40, 24)) == Page::TooSmall);
        assert!(picture("demo").fits((80, 12)) == Page::TooSmall);
    }

    #[test]
    fn every_byte_of_a_reveal_is_on_some_page_and_no_page_is_too_high() {
        let notes = SecretBytes::new("né 割符\nx".repeat(200).into_bytes());
        let revealed = Reveal { title: "t".to_owned(), fields: vec![("notes", &notes)], seconds: 1 };
        for size in [(80, 24), (20, 6), (3, 2)] {
            let all = rows(&revealed, size.0);
            let joined: Vec<u8> = all.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
            let expected: Vec<u8> = notes.expose().iter().copied().filter(|b| *b != b'\n').collect();
            assert_eq!(joined, expected);
            assert!(pages(&revealed, size) * size.1.saturating_sub(AROUND).max(1) >= all.len());
            assert!(all.iter().all(|(_, bytes)| std::str::from_utf8(bytes).is_ok()), "no character is cut");
        }
    }

    #[test]
    fn control_characters_of_a_secret_do_not_reach_the_terminal() {
        let password = SecretBytes::new("a\x1b[2Jb\x07\x7fé\u{9b}2J\u{202e}割".as_bytes().to_vec());
        let revealed =
            Reveal { title: "t\x1b".to_owned(), fields: vec![("password", &password)], seconds: 1 };
        let frame = reveal(&revealed, 0, 9, USUAL);
        let text = frame.bytes.expose()[..frame.length].to_vec();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("a·[2Jb··é·2J·割") && text.contains("t·"), "{text:?}");
    }
}
