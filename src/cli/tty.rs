//! The terminal: prompts that show nothing, the alternate screen, QR codes.
//!
//! It reads keys itself, because a prompt here has to count a window down, turn
//! Ctrl-C into an answer instead of a kill, and keep what is typed in memory
//! that is wiped; prompt libraries do not do all three.

use super::clock::{Clock, SystemClock};
use super::ui::{Prompt, Reveal, Ui, UiError};
use crate::secret::SecretBytes;
use crate::time::Span;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// Longest line that is read, in bytes.
const CAP: usize = 4096;

/// Standard input, output and error.
pub struct Terminal;

impl Terminal {
    fn read(&mut self, prompt: &Prompt, echo: bool) -> Result<SecretBytes, UiError> {
        if !std::io::stdin().is_terminal() {
            return Err(UiError::NoTerminal { question: prompt.text.clone(), instead: prompt.instead });
        }
        let _raw = Raw::enter()?;
        let mut typed = Line { bytes: SecretBytes::zeroed(CAP), length: 0 };
        loop {
            draw(prompt, &typed, echo)?;
            match next_key(prompt)? {
                Key::Nothing => continue,
                Key::Enter => {
                    eprint!("\r\n");
                    return Ok(typed.take());
                }
                Key::End => {
                    eprint!("\r\n");
                    return Err(UiError::Interrupted);
                }
                Key::Backspace => typed.backspace(),
                Key::KillLine => typed.length = 0,
                Key::Byte(byte) => typed.push(byte),
            }
        }
    }
}

/// Ctrl-C while no question was open.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

struct Line {
    bytes: SecretBytes,
    length: usize,
}

impl Line {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.expose_mut().get_mut(self.length) {
            *place = byte;
            self.length += 1;
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

    fn shown(&self) -> &[u8] {
        self.bytes.expose().get(..self.length).unwrap_or_default()
    }

    fn take(self) -> SecretBytes {
        let mut kept = SecretBytes::zeroed(self.length);
        kept.expose_mut().copy_from_slice(self.shown());
        kept
    }
}

enum Key {
    Nothing,
    Enter,
    End,
    Backspace,
    KillLine,
    Byte(u8),
}

fn next_key(prompt: &Prompt) -> Result<Key, UiError> {
    if INTERRUPTED.swap(false, Ordering::SeqCst) {
        return Ok(Key::End);
    }
    let stdin = std::io::stdin();
    if let Some(deadline) = prompt.deadline
        && SystemClock.now() > deadline
    {
        eprint!("\r\n");
        return Err(UiError::Deadline);
    }
    let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    match poll(&mut waiting, Some(&second)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Key::Nothing),
        Ok(_) => {}
        Err(error) => return Err(UiError::Io(error.into())),
    }
    let mut byte = Zeroizing::new([0u8]);
    if rustix::io::read(&stdin, byte.as_mut_slice()).map_err(|e| UiError::Io(e.into()))? == 0 {
        return Ok(Key::End);
    }
    let [byte] = *byte;
    Ok(match byte {
        b'\r' | b'\n' => Key::Enter,
        3 | 4 => Key::End,
        8 | 127 => Key::Backspace,
        21 => Key::KillLine,
        0..32 => Key::Nothing,
        other => Key::Byte(other),
    })
}

fn draw(prompt: &Prompt, typed: &Line, echo: bool) -> Result<(), UiError> {
    let mut err = std::io::stderr().lock();
    write!(err, "\r\x1b[K{}", prompt.text)?;
    if let Some(deadline) = prompt.deadline {
        let left = deadline - SystemClock.now();
        write!(err, " [{} left]", Span(left.0.max(0)))?;
    }
    write!(err, ": ")?;
    if echo {
        err.write_all(typed.shown())?;
    }
    err.flush()?;
    Ok(())
}

/// The terminal without echo, line editing and signals; as before when dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> Result<Self, UiError> {
        let stdin = std::io::stdin();
        let before = termios::tcgetattr(&stdin).map_err(|e| UiError::Io(e.into()))?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(&stdin, OptionalActions::Now, &raw).map_err(|e| UiError::Io(e.into()))?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// The alternate screen; wiped and left when dropped, whatever happened.
struct AlternateScreen;

impl AlternateScreen {
    fn enter() -> std::io::Result<Self> {
        let mut out = std::io::stdout().lock();
        out.write_all(b"\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l")?;
        out.flush()?;
        Ok(Self)
    }
}

impl Drop for AlternateScreen {
    fn drop(&mut self) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(b"\x1b[2J\x1b[3J\x1b[H\x1b[?25h\x1b[?1049l");
        let _ = out.flush();
    }
}

impl Ui for Terminal {
    fn line(&mut self, prompt: &Prompt) -> Result<String, UiError> {
        let typed = self.read(prompt, true)?;
        Ok(String::from_utf8_lossy(typed.expose()).trim().to_owned())
    }

    fn secret(&mut self, prompt: &Prompt) -> Result<SecretBytes, UiError> {
        self.read(prompt, false)
    }

    fn hold_interrupts(&mut self) {
        // A second handler is refused; the first one does all that is needed.
        let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst));
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
        let _raw = Raw::enter()?;
        let _screen = AlternateScreen::enter()?;
        for left in (1..=reveal.seconds).rev() {
            draw_reveal(reveal, left)?;
            let prompt = Prompt::new(super::ui::Kind::Confirm, "", "");
            match next_key(&prompt)? {
                Key::Nothing => continue,
                _ => break,
            }
        }
        Ok(())
    }

    fn show_totp(&mut self, who: &str, url: &SecretBytes, base32: &SecretBytes) -> Result<(), UiError> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let question = format!("the authenticator secret of {who} cannot be shown");
            return Err(UiError::NoTerminal {
                question,
                instead: "run it on a terminal, or with --totp-file FILE",
            });
        }
        let _screen = AlternateScreen::enter()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "Scan this with the authenticator app of {who}:\n")?;
        let level = EcLevel::L;
        if let Ok(code) = QrCode::with_error_correction_level(url.expose(), level) {
            let picture = Zeroizing::new(
                code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build(),
            );
            writeln!(out, "{}", *picture)?;
        }
        writeln!(out, "\nor type this secret:  {}\n", grouped(base32).expose_str().unwrap_or_default())?;
        out.flush()?;
        drop(out);
        let prompt = Prompt::new(
            super::ui::Kind::Notes,
            "Press Enter when the app has it; the screen is wiped",
            "--totp-file FILE",
        );
        self.read(&prompt, false).map(drop)
    }

    fn say(&mut self, text: &str) {
        // A closed pipe (`warifu … | head`) is no failure of the command.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

fn draw_reveal(reveal: &Reveal<'_>, left: u64) -> Result<(), UiError> {
    let mut out = std::io::stdout().lock();
    write!(out, "\x1b[H\x1b[2J{}\r\n\r\n", reveal.title)?;
    for (label, secret) in &reveal.fields {
        write!(out, "  {label:<10} ")?;
        for byte in secret.expose() {
            match byte {
                b'\n' => write!(out, "\r\n             ")?,
                0..32 | 127 => write!(out, "·")?,
                _ => out.write_all(&[*byte])?,
            }
        }
        write!(out, "\r\n")?;
    }
    write!(out, "\r\nPress any key to wipe this screen; it is wiped in {left} s.")?;
    out.flush()?;
    Ok(())
}

/// Base32 in groups of four, for typing.
fn grouped(base32: &SecretBytes) -> SecretBytes {
    let mut spaced = Vec::with_capacity(base32.len() * 2);
    for (position, byte) in base32.expose().iter().enumerate() {
        if position > 0 && position % 4 == 0 {
            spaced.push(b' ');
        }
        spaced.push(*byte);
    }
    SecretBytes::new(spaced)
}
