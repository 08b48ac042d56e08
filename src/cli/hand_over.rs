//! Where what was opened goes: onto the screen, to a program, into a file.

use super::error::{CliError, ExecFault};
use super::ui::{CodeStrip, Reveal};
use super::{App, files};
use crate::ceremony::coder::Codes;
use crate::event::Shown;
use crate::name::Factor;
use crate::seal::contents::Contents;
use crate::seal::record::Payload;
use crate::secret::SecretBytes;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Seconds that a secret stays on the screen.
pub const SHOWN_SECONDS: u64 = 60;

/// Where what was opened goes.
#[derive(Clone, Copy)]
pub enum To<'a> {
    /// Onto the alternate screen.
    Screen,
    /// To the standard input of a program.
    Command(&'a str),
    /// Into a new file.
    File(&'a Path),
}

impl<'a> To<'a> {
    /// As a command line says it.
    pub fn of(exec: Option<&'a str>, out: Option<&'a Path>) -> Self {
        match (exec, out) {
            (Some(command), _) => Self::Command(command),
            (None, Some(path)) => Self::File(path),
            (None, None) => Self::Screen,
        }
    }

    /// As it is entered.
    pub fn shown(self) -> Shown {
        match self {
            Self::Screen => Shown::Screen,
            Self::Command(_) => Shown::Command,
            Self::File(_) => Shown::File,
        }
    }

    /// Whether a factor can go there: asked before anything is opened.
    pub fn check(self, app: &App<'_>, factor: Factor) -> Result<(), CliError> {
        match self {
            Self::Screen if factor == Factor::File => Err(CliError::Argument {
                fact: "a file is not shown on the screen".to_owned(),
                remedy: "Say where it goes: --exec CMD, or a new file with --out FILE ('ceremony finish': --contents FILE).",
            }),
            Self::Screen => Ok(app.ui.can_reveal()?),
            Self::Command(_) => Ok(()),
            Self::File(path) if factor == Factor::File => match path.exists() {
                true => Err(CliError::FileExists(path.to_owned())),
                false => Ok(()),
            },
            Self::File(_) => Err(CliError::Argument {
                fact: format!("what is sealed as {factor} is not written into a file: it would stay there"),
                remedy: "Name no file to have it shown, or use --exec CMD.",
            }),
        }
    }
}

/// Labels and secrets of what was opened, in the order in which they are shown.
fn fields(contents: &Contents) -> Vec<(&'static str, &SecretBytes)> {
    match contents {
        Contents::Password(Payload { login, password, notes }) => {
            let mut fields = vec![("login", login), ("password", password)];
            if !notes.is_empty() {
                fields.push(("notes", notes));
            }
            fields
        }
        // The gate keeps seeds to itself; what came here all the same is not shown.
        Contents::Mfa(_) => Vec::new(),
        Contents::RecoveryCodes(codes) => codes.codes().iter().map(|code| ("code", code)).collect(),
        Contents::File(file) => vec![("file", file.name())],
        Contents::Device(device) => vec![("serial", device.serial()), ("kept", device.whereabouts())],
        Contents::Identity(identity) => vec![("name", identity.name()), ("contact", identity.contact())],
    }
}

/// What a program gets on its standard input of what was opened: a line for each
/// secret, a file as it is.
pub fn parts(contents: &Contents) -> Vec<(&SecretBytes, &'static str)> {
    match contents {
        Contents::File(file) => vec![(file.bytes(), "")],
        Contents::Password(payload) => vec![(&payload.password, "\n")],
        contents => fields(contents).into_iter().map(|(_, field)| (field, "\n")).collect(),
    }
}

/// Hands over what was opened.
pub fn hand_over(app: &mut App<'_>, title: &str, contents: &Contents, to: To<'_>) -> Result<(), CliError> {
    match (to, contents) {
        (To::Screen, contents) => {
            let fields = fields(contents);
            Ok(app.ui.reveal(&Reveal { title: title.to_owned(), fields, seconds: SHOWN_SECONDS })?)
        }
        (To::Command(command), contents) => run(command, &parts(contents), &[]),
        (To::File(path), Contents::File(file)) => files::create(path, file.bytes().expose()),
        (To::File(_), contents) => to.check(app, crate::seal::contents::Sealable::factor(contents)),
    }
}

/// Hands codes over, with the password where there is one: side by side on the
/// screen, or to a program as the password's line and a line for each code.
pub fn hand_over_codes(
    app: &mut App<'_>,
    title: &str,
    (contents, codes): (Option<&Contents>, &Codes),
    to: To<'_>,
) -> Result<(), CliError> {
    match to {
        To::Command(command) => {
            let password = contents.and_then(Contents::password).map(|payload| (&payload.password, "\n"));
            let lines: Vec<_> =
                password.into_iter().chain(codes.codes.iter().map(|code| (code, "\n"))).collect();
            run(command, &lines, &[])
        }
        To::Screen | To::File(_) => {
            let mut shown = contents.map(fields).unwrap_or_default();
            if !codes.label.is_empty() {
                shown.push(("enrolled as", &codes.label));
            }
            let strip =
                CodeStrip { codes: &codes.codes, first_until: codes.first_until, period: codes.period };
            let reveal = Reveal { title: title.to_owned(), fields: shown, seconds: SHOWN_SECONDS };
            Ok(app.ui.reveal_codes(&reveal, &strip)?)
        }
    }
}

/// Gives secrets, each with what follows it, to a shell command's standard input.
/// The environment says what they are for; it holds no secret.
pub fn run(command: &str, parts: &[(&SecretBytes, &str)], about: &[(&str, &str)]) -> Result<(), CliError> {
    let failed = |why: std::io::Error| CliError::Exec(ExecFault::System(why));
    super::tty::release();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).envs(about.iter().copied()).stdin(Stdio::piped());
    let mut child = shell.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        let written = parts.iter().try_for_each(|(secret, end)| {
            input.write_all(secret.expose()).and_then(|()| input.write_all(end.as_bytes()))
        });
        // A program that does not read its input is no failure of ours.
        match written {
            Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => return Err(failed(why)),
            _ => {}
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(CliError::Exec(ExecFault::Ended(status))) }
}
