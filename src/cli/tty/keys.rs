//! The keyboard: a terminal held without echo and signals, one key at a time.

use super::super::ui::UiError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use zeroize::Zeroizing;

/// The terminal's settings from before it was held, while it is.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A signal came while the terminal was held.
static SIGNALLED: AtomicBool = AtomicBool::new(false);

/// The exit code after a signal outside prompts.
const INTERRUPTED: i32 = 130;

/// A key, or none for a second.
pub enum Key {
    Nothing,
    /// Nothing that belongs into a line: a tab, another control character.
    Other,
    Enter,
    /// Ctrl-C, Ctrl-D, the end of the input, a signal.
    End,
    Backspace,
    KillLine,
    Byte(u8),
}

/// Switches echo, line editing and the keys that send signals off. What is
/// typed ahead, while a passphrase is stretched, is then neither shown nor lost,
/// and Ctrl-C is an answer to the next question instead of a kill.
pub fn hold() -> Result<(), UiError> {
    let mut held = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if held.is_some() {
        return Ok(());
    }
    catch_signals();
    let stdin = std::io::stdin();
    let before = termios::tcgetattr(&stdin).map_err(io)?;
    let mut raw = before.clone();
    raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
    raw.special_codes[SpecialCodeIndex::VMIN] = 1;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    termios::tcsetattr(&stdin, OptionalActions::Now, &raw).map_err(io)?;
    *held = Some(before);
    Ok(())
}

/// The terminal as it was before.
pub fn release() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
}

/// While a person is asked, a signal is the answer Ctrl-C, so that a ceremony
/// ends on record; otherwise it ends the program, as always.
fn catch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without the handler a signal kills, which harms nothing that is durable.
        let _ = ctrlc::set_handler(|| {
            let held = BEFORE.try_lock().map_or(true, |held| held.is_some());
            if held {
                SIGNALLED.store(true, Ordering::Relaxed);
            } else {
                std::process::exit(INTERRUPTED);
            }
        });
    });
}

/// Throws away what was typed ahead.
pub fn forget_typed_ahead() {
    let _ = termios::tcflush(std::io::stdin(), QueueSelector::IFlush);
}

/// Waits for a key, at most a second.
pub fn next() -> Result<Key, UiError> {
    if SIGNALLED.load(Ordering::Relaxed) {
        return Ok(Key::End);
    }
    if !ready(Timespec { tv_sec: 1, tv_nsec: 0 })? {
        return Ok(Key::Nothing);
    }
    let Some(byte) = byte()? else { return Ok(Key::End) };
    Ok(match *byte {
        b'\r' | b'\n' => Key::Enter,
        3 | 4 => Key::End,
        8 | 127 => Key::Backspace,
        21 => Key::KillLine,
        27 => {
            skip_sequence()?;
            Key::Nothing
        }
        0..32 => Key::Other,
        other => Key::Byte(other),
    })
}

/// The rest of what an arrow or function key sends: it is no text.
fn skip_sequence() -> Result<(), UiError> {
    let soon = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    if !ready(soon)? {
        return Ok(());
    }
    let first = byte()?;
    if !matches!(first.as_deref(), Some(b'[' | b'O')) {
        return Ok(());
    }
    while ready(soon)? {
        match byte()?.as_deref() {
            Some(0x20..=0x3f) => {}
            _ => break,
        }
    }
    Ok(())
}

fn ready(wait: Timespec) -> Result<bool, UiError> {
    let stdin = std::io::stdin();
    let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut waiting, Some(&wait)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(io(error)),
    }
}

/// Whether standard input, a pipe, has something in it, or nothing but is not at
/// its end after so many seconds.
pub fn not_at_its_end(seconds: i64) -> bool {
    let stdin = std::io::stdin();
    let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
    let _ = poll(&mut waiting, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 }));
    let [told] = waiting;
    let told = told.revents();
    told.contains(PollFlags::IN) || !told.contains(PollFlags::HUP)
}

/// One byte; `None` at the end of the input, also when the terminal is gone.
fn byte() -> Result<Option<Zeroizing<u8>>, UiError> {
    let mut byte = Zeroizing::new([0u8]);
    match rustix::io::read(std::io::stdin(), byte.as_mut_slice()) {
        Ok(0) | Err(rustix::io::Errno::IO) => Ok(None),
        Ok(_) => Ok(byte.first().copied().map(Zeroizing::new)),
        Err(error) => Err(io(error)),
    }
}

fn io(error: rustix::io::Errno) -> UiError {
    UiError::Io(error.into())
}
