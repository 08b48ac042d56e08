//! Keys of cards that are wrapped for an age recipient, by the program `age`: plugins
//! come with it, and none of its cryptography with us. Keys go through pipes alone; in
//! its arguments stand a recipient, which is public, and the names of files.

use super::error::CliError;
use crate::seal::card_file::MAX_WRAPPED;
use crate::secret::{SecretBytes, SecretKey};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// What `--wrap` takes before the recipient.
const SCHEME: &str = "age:";
/// Longest recipient, in characters: those of plugins may be long.
const MAX_RECIPIENT: usize = 4096;

/// How the program `age` failed.
#[derive(Debug, thiserror::Error)]
pub enum AgeFault {
    /// It could not be started, or the pipe to it broke.
    #[error("the program 'age' cannot be run: {0}")]
    System(std::io::Error),
    /// It refused.
    #[error("the program 'age' refused ({0}); what it said is above")]
    Refused(ExitStatus),
    /// What it gave is no wrapped key, or no key.
    #[error("the program 'age' gave {length} bytes, which is not what was asked for")]
    Output {
        /// How many.
        length: usize,
    },
}

/// A recipient, as `--wrap age:RECIPIENT` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(String);

impl std::str::FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let recipient = text.strip_prefix(SCHEME).ok_or("write it like age:age1…")?;
        let plain = recipient.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let begins = ["age1", "ssh-"].iter().any(|known| recipient.starts_with(known));
        if !plain || !begins || recipient.len() > MAX_RECIPIENT {
            return Err("a recipient begins with 'age1' or 'ssh-'".to_owned());
        }
        Ok(Self(recipient.to_owned()))
    }
}

/// Wraps a key.
pub fn wrap(key: &SecretKey, recipient: &Recipient) -> Result<Vec<u8>, CliError> {
    let arguments = [OsString::from("--encrypt"), OsString::from(format!("--recipient={}", recipient.0))];
    let mut wrapped = SecretBytes::zeroed(MAX_WRAPPED + 1);
    let length = run(&arguments, key.expose(), &mut wrapped)?;
    match wrapped.expose().get(..length) {
        Some(bytes) if (1..=MAX_WRAPPED).contains(&length) => Ok(bytes.to_vec()),
        _ => Err(AgeFault::Output { length }.into()),
    }
}

/// Unwraps a key with the identities in these files.
pub fn unwrap(wrapped: &[u8], identities: &[PathBuf]) -> Result<SecretKey, CliError> {
    let mut arguments = vec![OsString::from("--decrypt")];
    for path in identities {
        if path.as_os_str() == "-" {
            let fact = "an identity is read from a file, not from standard input".to_owned();
            return Err(CliError::Argument { fact, remedy: "Name the identity's file." });
        }
        let mut argument = OsString::from("--identity=");
        argument.push(path);
        arguments.push(argument);
    }
    // One byte more than a key has: what is longer is none.
    let mut key = SecretBytes::zeroed(33);
    let length = run(&arguments, wrapped, &mut key)?;
    let found = key.expose().get(..length).filter(|bytes| bytes.len() == 32).and_then(SecretKey::from_slice);
    found.ok_or_else(|| AgeFault::Output { length }.into())
}

/// Runs `age` with bytes on its standard input and reads what it gives, as far as
/// there is room; says how much that was.
fn run(arguments: &[OsString], input: &[u8], output: &mut SecretBytes) -> Result<usize, CliError> {
    let mut command = Command::new("age");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(AgeFault::System)?;
    let piped = pipe(&mut child, input, output);
    // A child that was given up must not be left waiting for a reader.
    drop(child.stdout.take());
    let status = child.wait().map_err(AgeFault::System)?;
    match piped {
        Ok(length) if status.success() => Ok(length),
        // Of a program that ended early, its own word counts.
        _ if !status.success() => Err(AgeFault::Refused(status).into()),
        Ok(length) => Err(AgeFault::Output { length }.into()),
        Err(why) => Err(AgeFault::System(why).into()),
    }
}

fn pipe(child: &mut Child, input: &[u8], output: &mut SecretBytes) -> std::io::Result<usize> {
    // Less than a pipe holds, so that writing does not wait for reading.
    if let Some(mut to) = child.stdin.take() {
        to.write_all(input)?;
    }
    let Some(from) = child.stdout.as_mut() else { return Ok(0) };
    let mut length = 0;
    loop {
        let room = output.expose_mut().get_mut(length..).unwrap_or_default();
        match room.is_empty() {
            true => return Ok(length),
            false => match from.read(room)? {
                0 => return Ok(length),
                count => length += count,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_no_option_and_nothing_that_hides() {
        let reads = |text: &str| text.parse::<Recipient>().is_ok();
        assert!(reads("age:age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"));
        assert!(reads("age:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"));
        for bad in ["age1abc", "age:", "age:--armor", "age:age1\n", "age:age1\u{202e}", "gpg:age1abc"] {
            assert!(!reads(bad), "{bad:?}");
        }
        assert!(!reads(&format!("age:age1{}", "q".repeat(MAX_RECIPIENT))));
    }
}
