//! What is sealed otherwise than a password, as a person or a file gives it.

use super::App;
use super::args::Seal;
use super::cards::secret_from;
use super::error::CliError;
use super::ui::{Kind, Prompt};
use crate::event::Made;
use crate::name::Factor;
use crate::seal::contents::{Contents, Device, Identity, MAX_FILE, RecoveryCodes, SealedFile};
use crate::seal::mfa::MfaSeed;
use crate::seal::qr;
use crate::secret::SecretBytes;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

/// What to use where there is no terminal.
const INSTEAD: &str = "Use --from FILE or --stdin.";

/// Refuses what says something about passwords alone.
pub fn check_args(args: &Seal) -> Result<(), CliError> {
    let other = [
        ("--login", args.login.is_some()),
        ("--notes", args.notes),
        ("--typed", args.typed),
        ("--generate", args.generate),
        ("--hand-over", args.hand_over),
    ];
    match other.iter().find(|(_, given)| *given) {
        Some((option, _)) if args.factor != Factor::Password => Err(CliError::Argument {
            fact: format!("{option} is for passwords, not for what is sealed as {}", args.factor),
            remedy: "Leave it out: it is asked for, or read with --from FILE or --stdin.",
        }),
        _ if args.factor == Factor::Password && args.from.is_some() => Err(CliError::Argument {
            fact: "--from is not for passwords".to_owned(),
            remedy: "Use --stdin < FILE, or have the password generated.",
        }),
        _ if args.factor == Factor::File && args.from.is_none() && !args.stdin => {
            Err(CliError::Argument { fact: "nothing says which file is sealed".to_owned(), remedy: INSTEAD })
        }
        _ => Ok(()),
    }
}

/// Reads or asks for what is sealed as a factor other than the password.
pub fn read(app: &mut App<'_>, args: &Seal) -> Result<(Contents, Made), CliError> {
    match (&args.from, args.stdin) {
        (Some(path), _) => Ok((from_file(args.factor, path)?, Made::Imported)),
        (None, true) => {
            let own = std::io::stdin().as_fd().try_clone_to_owned().map(File::from);
            let read = own.and_then(|file| whole(file, args.factor));
            let given = read.map_err(|why| CliError::file("standard input", why))?;
            Ok((from_bytes(args.factor, None, given)?, Made::Imported))
        }
        (None, false) => Ok((asked(app, args.factor)?, Made::Typed)),
    }
}

/// What a file has, as what is sealed as a factor other than the password.
pub fn from_file(factor: Factor, path: &Path) -> Result<Contents, CliError> {
    let file = File::open(path).map_err(|why| CliError::file(path, why))?;
    let given = whole(file, factor).map_err(|why| CliError::file(path, why))?;
    from_bytes(factor, Some(path), given)
}

fn from_bytes(factor: Factor, path: Option<&Path>, given: SecretBytes) -> Result<Contents, CliError> {
    Ok(match factor {
        Factor::Mfa if qr::is_picture(given.expose()) => Contents::Mfa(MfaSeed::read(&qr::read(&given)?)?),
        Factor::Mfa => Contents::Mfa(MfaSeed::read(&given)?),
        Factor::RecoveryCodes => Contents::RecoveryCodes(RecoveryCodes::from_lines(&given)?),
        Factor::Device => Contents::Device(Device::from_lines(&given)?),
        Factor::Identity => Contents::Identity(Identity::from_lines(&given)?),
        Factor::File | Factor::Password => {
            let name = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            Contents::File(SealedFile::new(&name.unwrap_or_default(), given)?)
        }
    })
}

/// The same as a person types it.
pub fn asked(app: &mut App<'_>, factor: Factor) -> Result<Contents, CliError> {
    match factor {
        Factor::RecoveryCodes => {
            let mut codes = Vec::new();
            loop {
                let number = codes.len() + 1;
                let code =
                    secret(app, &format!("Recovery code {number} (not shown; Enter alone after the last)"))?;
                if code.is_empty() {
                    return Ok(Contents::RecoveryCodes(RecoveryCodes::new(codes)?));
                }
                codes.push(code);
            }
        }
        Factor::Device => {
            let serial = secret(app, "Serial number of the device (not shown)")?;
            let kept = secret(app, "Where it is kept (not shown)")?;
            Ok(Contents::Device(Device::new(serial, kept)?))
        }
        Factor::Identity => Ok(Contents::Identity(super::roster::asked(app)?)),
        Factor::Mfa | Factor::File | Factor::Password => loop {
            let typed = secret(app, "otpauth:// URL, or the seed in Base32 (not shown)")?;
            match MfaSeed::read(&typed) {
                Ok(seed) => return Ok(Contents::Mfa(seed)),
                Err(why) => {
                    let error = CliError::from(why);
                    app.ui.note(&format!("{error}. {}", error.remedy()));
                }
            }
        },
    }
}

fn secret(app: &mut App<'_>, text: &str) -> Result<SecretBytes, CliError> {
    Ok(app.ui.secret(&Prompt::new(Kind::Contents, text, INSTEAD))?)
}

/// All of a source, in memory that does not grow. Text is cut as other secrets
/// are; a file or a picture is taken byte for byte.
fn whole(mut source: File, factor: Factor) -> std::io::Result<SecretBytes> {
    let cap = match factor {
        // One more than fits: what is too large is told from what is as large as may be.
        Factor::File => MAX_FILE + 1,
        Factor::Mfa => qr::MAX_PICTURE,
        _ => return secret_from(source),
    };
    let mut bytes = SecretBytes::zeroed(cap);
    let mut length = 0;
    loop {
        let room = bytes.expose_mut().get_mut(length..).unwrap_or_default();
        match source.read(room)? {
            0 => break,
            count => length += count,
        }
    }
    let read = bytes.expose().get(..length).unwrap_or_default();
    let mut kept = SecretBytes::zeroed(read.len());
    kept.expose_mut().copy_from_slice(read);
    Ok(kept)
}
