//! Cards on disk: unlocking, saving, and what their owners have seen.

use super::args::{CardArgs, CardsArgs};
use super::error::CliError;
use super::ui::{Kind, Prompt};
use super::{App, age, files, gap};
use crate::ceremony::custodian::{ReviewError, Seen, compare};
use crate::ceremony::gap::explained;
use crate::ceremony::recipient::FinishError;
use crate::ceremony::recovery::check_keeper;
use crate::hex::Bytes;
use crate::seal::card::Card;
use crate::seal::card_file::{CardError, CardFile, UnlockedCard};
use crate::secret::SecretBytes;
use crate::time::Time;
use crate::vault::{Log, PublicVault, Vault, VaultError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// A card that is unlocked, and where it lies.
pub struct OpenCard {
    /// Its file.
    pub path: PathBuf,
    /// The card.
    pub card: UnlockedCard,
}

/// Longest secret that is read from a file, in bytes.
const SECRET_CAP: usize = 64 * 1024;
/// Longest card file that is read, in bytes: more than any card has, because a
/// mail program may have lengthened its line ends.
const CARD_CAP: u64 = 1 << 16;
/// Longest file of what an owner has seen, in bytes.
const SEEN_CAP: u64 = 1 << 20;

/// A secret from a file; one newline at its end is not part of it.
pub fn secret_from_file(path: &Path) -> Result<SecretBytes, CliError> {
    let io = |why| CliError::file(path, why);
    secret_from(File::open(path).map_err(io)?).map_err(io)
}

/// A secret from a file descriptor that the caller has opened. It is closed with
/// that: a program that is started with `--exec` must not find it, and could
/// read a file once more from its beginning.
pub fn secret_from_fd(app: &mut App<'_>, fd: u32) -> Result<SecretBytes, CliError> {
    // Only what was open when the program started: any other number may by now
    // be a file of its own.
    if !app.descriptors.remove(&fd) {
        let fact = format!("descriptor {fd} is not open, or was read already");
        return Err(CliError::Argument {
            fact,
            remedy: "Open it for this program, and name each once: 3< FILE.",
        });
    }
    let path = PathBuf::from(format!("/dev/fd/{fd}"));
    let secret = secret_from_file(&path)?;
    // Standard input, output and error are set anew for whatever is started.
    if let Ok(number @ 3..) = i32::try_from(fd) {
        nix::unistd::close(number).map_err(|why| CliError::file(path, why.into()))?;
    }
    Ok(secret)
}

/// The descriptors that are open; asked before the program opens any.
pub fn descriptors() -> BTreeSet<u32> {
    let listed = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let numbers: Vec<u32> = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The one that listed them is among them and closed by now.
    numbers.into_iter().filter(|fd| Path::new(&format!("/dev/fd/{fd}")).exists()).collect()
}

/// A secret from standard input, past the buffer of [`std::io::stdin`], which
/// nobody wipes.
pub fn secret_from_stdin() -> Result<SecretBytes, CliError> {
    let own = std::io::stdin().as_fd().try_clone_to_owned().map(File::from);
    own.and_then(secret_from).map_err(|why| CliError::file("standard input", why))
}

/// Reads a secret; one newline at its end is not part of it.
pub fn secret_from(mut source: impl Read) -> std::io::Result<SecretBytes> {
    let mut bytes = SecretBytes::zeroed(SECRET_CAP);
    let mut length = 0;
    loop {
        let room = bytes.expose_mut().get_mut(length..).unwrap_or_default();
        if room.is_empty() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "it is too long to be a secret",
            ));
        }
        match source.read(room)? {
            0 => break,
            count => length += count,
        }
    }
    let text = bytes.expose().get(..length).unwrap_or_default();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut kept = SecretBytes::zeroed(text.len());
    kept.expose_mut().copy_from_slice(text);
    Ok(kept)
}

/// Reads and parses a card file; line ends that a mail program changed are put right.
pub fn read_card(path: &Path) -> Result<CardFile, CliError> {
    let bytes = files::read_capped(path, CARD_CAP)?;
    let text: Vec<u8> = bytes.into_iter().filter(|b| *b != b'\r').collect();
    CardFile::parse(&text).map_err(|why| CliError::Card { path: path.to_owned(), why })
}

/// Unlocks one card, from its file and passphrase source or by asking.
pub fn unlock(
    app: &mut App<'_>,
    args: &CardArgs,
    who: &str,
    deadline: Option<Time>,
) -> Result<OpenCard, CliError> {
    let mut named = args.card.clone();
    loop {
        let path = match named.take() {
            Some(path) => path,
            None => ask_path(app, who, deadline)?,
        };
        let passphrase = (args.passphrase_file.as_deref(), args.passphrase_fd);
        if let Some(open) = unlock_at(app, path, passphrase, deadline)? {
            return Ok(open);
        }
    }
}

fn ask_path(app: &mut App<'_>, who: &str, deadline: Option<Time>) -> Result<PathBuf, CliError> {
    let prompt =
        Prompt::new(Kind::CardFile, format!("Card file of {who}"), "Use --card FILE.").until(deadline);
    loop {
        if let Some(path) = typed_path(&app.ui.line(&prompt)?, std::env::var_os("HOME").as_deref()) {
            return Ok(path);
        }
        app.ui.note("Type the path of the card's file; Ctrl-C stops.");
    }
}

/// A path as people type or drop it: perhaps in quotes, perhaps from home on.
fn typed_path(typed: &str, home: Option<&OsStr>) -> Option<PathBuf> {
    let quoted = |mark: char| typed.strip_prefix(mark)?.strip_suffix(mark);
    let bare = quoted('\'').or_else(|| quoted('"')).unwrap_or(typed);
    if bare.trim().is_empty() {
        return None;
    }
    let from_home = bare.strip_prefix("~/").filter(|_| bare == typed).zip(home);
    Some(from_home.map_or_else(|| PathBuf::from(bare), |(rest, home)| Path::new(home).join(rest)))
}

/// Unlocks the card at a path. Where people are asked, a wrong passphrase costs
/// that attempt alone, and an empty one means another card: `None`.
fn unlock_at(
    app: &mut App<'_>,
    path: PathBuf,
    (passphrase_file, passphrase_fd): (Option<&Path>, Option<u32>),
    deadline: Option<Time>,
) -> Result<Option<OpenCard>, CliError> {
    let file = read_card(&path)?;
    if file.wrapped().is_some() {
        let card = unwrap(app, &file, &path, deadline)?;
        return Ok(Some(OpenCard { path, card }));
    }
    let given = match (passphrase_file, passphrase_fd) {
        (Some(file), _) => Some(secret_from_file(file)?),
        (None, Some(fd)) => Some(secret_from_fd(app, fd)?),
        (None, None) => None,
    };
    let shown = path.display().to_string();
    let asked = given.is_none();
    let instead = "Use --passphrase-file FILE or --passphrase-fd N.";
    let prompt = Prompt::new(Kind::Passphrase(shown.clone()), format!("Passphrase of {shown}"), instead);
    let prompt = prompt.until(deadline);
    let mut given = given;
    loop {
        let passphrase = match given.take() {
            Some(passphrase) => passphrase,
            None => app.ui.secret(&prompt)?,
        };
        if asked && passphrase.is_empty() {
            return Ok(None);
        }
        let wrong = |why| CliError::Card { path: path.clone(), why };
        let (salt, params) = file.kdf().ok_or(CardError::NoPassphrase).map_err(wrong)?;
        let key = (app.stretch)(&passphrase, salt, params)?;
        match file.unlock_with(key) {
            Ok(card) => return Ok(Some(OpenCard { path, card })),
            Err(CardError::WrongPassphrase) if asked => app.ui.note(&format!(
                "{shown}: {}. Try again; an empty answer takes another card.",
                CardError::WrongPassphrase
            )),
            Err(why) => return Err(CliError::Card { path, why }),
        }
    }
}

/// Opens a card whose key is wrapped, with the identities that were named, or the one
/// that a person names.
fn unwrap(
    app: &mut App<'_>,
    file: &CardFile,
    path: &Path,
    deadline: Option<Time>,
) -> Result<UnlockedCard, CliError> {
    let mut identities = app.identities.clone();
    if identities.is_empty() {
        let text = format!("Age identity file for {}", path.display());
        let prompt = Prompt::new(Kind::CardFile, text, "Use --identity FILE.").until(deadline);
        let typed = app.ui.line(&prompt)?;
        identities.extend(typed_path(&typed, std::env::var_os("HOME").as_deref()));
    }
    let key = age::unwrap(file.wrapped().unwrap_or_default(), &identities)?;
    file.unlock_with(key).map_err(|why| CliError::Card { path: path.to_owned(), why })
}

/// Opens a card that does not lie in a card file; where people are asked, a wrong
/// passphrase costs that attempt alone.
pub fn unlock_file(app: &mut App<'_>, file: &CardFile, args: &CardArgs) -> Result<UnlockedCard, CliError> {
    let path = args.card.clone().unwrap_or_default();
    if file.wrapped().is_some() {
        return unwrap(app, file, &path, None);
    }
    let mut given = match (args.passphrase_file.as_deref(), args.passphrase_fd) {
        (Some(file), _) => Some(secret_from_file(file)?),
        (None, Some(fd)) => Some(secret_from_fd(app, fd)?),
        (None, None) => None,
    };
    let asked = given.is_none();
    let shown = path.display().to_string();
    let instead = "Use --passphrase-file FILE or --passphrase-fd N.";
    let prompt = Prompt::new(Kind::Passphrase(shown.clone()), format!("Passphrase of {shown}"), instead);
    let wrong = |why| CliError::Card { path: path.clone(), why };
    let (salt, params) = file.kdf().ok_or(CardError::NoPassphrase).map_err(wrong)?;
    loop {
        let passphrase = match given.take() {
            Some(passphrase) => passphrase,
            None => app.ui.secret(&prompt)?,
        };
        let key = (app.stretch)(&passphrase, salt, params)?;
        match file.unlock_with(key) {
            Err(CardError::WrongPassphrase) if asked => {
                app.ui.note(&format!("{shown}: {}. Try again.", CardError::WrongPassphrase));
            }
            opened => return opened.map_err(wrong),
        }
    }
}

/// Unlocks one card on the vault's host: it meets the log before it signs anything.
pub fn unlock_here(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    args: &CardArgs,
    who: &str,
) -> Result<OpenCard, CliError> {
    let open = unlock(app, args, who, None)?;
    meet(app, here, &open)?;
    Ok(open)
}

/// Unlocks cards on the vault's host one after another until there are `needed`.
/// Those named on the command line come first, then people are asked; a wrong
/// passphrase or card costs only that attempt, and a log that is not the one
/// that a card's owner saw ends it.
pub fn unlock_several(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    args: &CardsArgs,
    needed: usize,
    who: &str,
    fits: &mut dyn FnMut(&OpenCard) -> Result<(), CliError>,
) -> Result<Vec<OpenCard>, CliError> {
    unlock_each(app, args, needed, who, &mut |app, open| {
        meet(app, here, open)?;
        fits(open)
    })
}

/// The same where something else than an organisation's log is met: `fits` sees
/// that to each card, too.
pub fn unlock_each(
    app: &mut App<'_>,
    args: &CardsArgs,
    needed: usize,
    who: &str,
    fits: &mut dyn FnMut(&mut App<'_>, &OpenCard) -> Result<(), CliError>,
) -> Result<Vec<OpenCard>, CliError> {
    let mut unlocked: Vec<OpenCard> = Vec::new();
    for (position, path) in args.cards.iter().enumerate() {
        let file = args.passphrase_files.get(position).map(PathBuf::as_path);
        let fd = args.passphrase_fds.get(position).copied();
        let who = format!("{who} {} of {needed}", position + 1);
        let named = CardArgs {
            card: Some(path.clone()),
            passphrase_file: file.map(Path::to_owned),
            passphrase_fd: fd,
        };
        let card = unlock(app, &named, &who, None)?;
        fits(app, &card)?;
        unlocked.push(card);
    }
    while unlocked.len() < needed {
        let count = unlocked.len() + 1;
        let asked = CardArgs::default();
        let attempt = unlock(app, &asked, &format!("{who} {count} of {needed}"), None);
        match attempt.and_then(|card| fits(app, &card).map(|()| card)) {
            Ok(card) => {
                app.ui.note(&format!("{}: {count} of {needed}.", card.card.card().pseudonym()));
                unlocked.push(card);
            }
            Err(error @ (CliError::Ui(_) | CliError::OtherLog(_))) => return Err(error),
            Err(error) => app.ui.note(&format!("{error}. {}", error.remedy())),
        }
    }
    Ok(unlocked)
}

/// Writes a card's armour over its file, so that a crash leaves one whole card.
pub fn save(app: &mut App<'_>, open: &OpenCard) -> Result<(), CliError> {
    let armour = open.card.armour(&mut app.rng);
    files::replace(&open.path, armour.as_bytes())
}

/// A card meets the log that the host works with, before it signs anything: the
/// log must be the one in which the card was made and go on from what its owner
/// saw last. What is seen now is kept.
fn meet(app: &mut App<'_>, (vault, log): (&Vault, &Log), open: &OpenCard) -> Result<(), CliError> {
    let (card, state) = (open.card.card(), &log.state);
    if (card.vault(), card.organisation()) != (state.vault, state.id) {
        return Err(VaultError::ForeignCard(card.pseudonym().to_string()).into());
    }
    let newest = vault.newest(log)?;
    let log = newest.as_ref().unwrap_or(log);
    let now = vault.shown(log)?;
    let explain = |before: &Seen, why| explained(&log.state, &now, before, why);
    met(app, open, (&now, &state.first_entry), (&|size| vault.root_at(log, size), &explain))
}

/// A keeper's card meets the vault's own log in the same way.
pub fn meet_own(app: &mut App<'_>, vault: &PublicVault, open: &OpenCard) -> Result<(), CliError> {
    let (card, state) = (open.card.card(), vault.state());
    check_keeper(card, state.vault).map_err(VaultError::from)?;
    let now = vault.own_seen()?;
    let explain = |before: &Seen, why| explained(state, &now, before, why);
    met(app, open, (&now, &state.first_entry), (&|size| vault.own_root_at(size), &explain))
}

/// Root over the first entries of a log.
type RootAt<'a> = &'a dyn Fn(u64) -> Result<Option<Bytes<32>>, VaultError>;
/// Why a log is not what was seen, given what it says itself.
type Explain<'a> = &'a dyn Fn(&Seen, ReviewError) -> ReviewError;

fn met(
    app: &mut App<'_>,
    open: &OpenCard,
    (now, first_entry): (&Seen, &Bytes<32>),
    (root_at, explain): (RootAt<'_>, Explain<'_>),
) -> Result<(), CliError> {
    let met = match read_seen(&open.path)? {
        _ if open.card.card().first_entry() != *first_entry => Err(ReviewError::OtherLog),
        Some(before) => compare(now, &before, root_at(before.size)?).map_err(|why| explain(&before, why)),
        None => Ok(()),
    };
    if let Err(why) = met {
        if gap::past(app, &open.path, open.card.card().pseudonym(), &why)? {
            return Ok(());
        }
        show_checkpoints(app, &why);
        return Err(CliError::OtherLog(why));
    }
    write_seen(&open.path, now)
}

/// Keeps beside a card the log with what the card has just entered in it. What
/// is on record is on record: a failure here is told and nothing more.
pub fn remember(app: &mut App<'_>, (vault, log): (&Vault, &Log), card: &Path) {
    keep(app, vault.shown(log), card);
}

/// The same for a keeper's card and the vault's own log.
pub fn remember_own(app: &mut App<'_>, vault: &PublicVault, card: &Path) {
    keep(app, vault.own_seen(), card);
}

fn keep(app: &mut App<'_>, now: Result<Seen, VaultError>, card: &Path) {
    let kept = now.map_err(CliError::from).and_then(|now| {
        let newer = read_seen(card)?.is_some_and(|before| before.size > now.size);
        if newer { Ok(()) } else { write_seen(card, &now) }
    });
    if let Err(error) = kept {
        app.ui.note(&format!("What this card's owner has seen is not kept: {error}. {}", error.remedy()));
    }
}

/// Both checkpoints, where a log is not the one that was seen before.
pub fn show_checkpoints(app: &mut App<'_>, error: &ReviewError) {
    use ReviewError::{Forked, RolledBack};
    if let RolledBack { before, offered, .. } | Forked { before, offered, .. } = error {
        app.ui.note(&format!("This card's owner has seen:\n\n{before}\nThe log here has:\n\n{offered}"));
    }
}

/// The same for a log that came with a release.
pub fn show_checkpoints_of(app: &mut App<'_>, error: &FinishError) {
    if let FinishError::Log(why) = error {
        show_checkpoints(app, why);
    }
}

/// Where it is kept what the owner of a card saw last.
pub fn seen_path(card: &Path) -> PathBuf {
    let mut name = card.file_name().unwrap_or_default().to_owned();
    name.push(".seen");
    card.with_file_name(name)
}

/// What the card's owner saw last, if anything.
pub fn read_seen(card: &Path) -> Result<Option<Seen>, CliError> {
    let path = seen_path(card);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read_capped(&path, SEEN_CAP)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| CliError::SeenDamaged(path))
}

/// What a card's machine finds when it checks what its owner is asked for, given what
/// they saw last. Where entries are lost that they saw, they are asked whether they
/// accept that, and it is checked again.
pub fn reviewed<R>(
    app: &mut App<'_>,
    open: &OpenCard,
    review: impl Fn(&Card, Option<&Seen>, Time) -> Result<R, ReviewError>,
) -> Result<R, CliError> {
    let card = open.card.card();
    loop {
        let seen = read_seen(&open.path)?;
        match review(card, seen.as_ref(), app.now()) {
            Ok(reviewed) => return Ok(reviewed),
            Err(why) if gap::past(app, &open.path, card.pseudonym(), &why)? => {}
            Err(why) => {
                show_checkpoints(app, &why);
                return Err(why.into());
            }
        }
    }
}

/// Keeps what the card's owner has now seen; what they accepted before stays.
pub fn write_seen(card: &Path, seen: &Seen) -> Result<(), CliError> {
    let mut seen = seen.clone();
    if let Ok(Some(before)) = read_seen(card)
        && seen.accepted.is_empty()
        && before.organisation == seen.organisation
    {
        seen.accepted = before.accepted;
    }
    let bytes = serde_json::to_vec_pretty(&seen).expect("what was seen is strings and numbers");
    files::replace(&seen_path(card), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_understood_in_quotes_and_from_home_on() {
        let read = |typed| typed_path(typed, Some(OsStr::new("/home/one")));
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(read("a.card"), path("a.card"));
        assert_eq!(read("'/media/my stick/a.card'"), path("/media/my stick/a.card"));
        assert_eq!(read("\"my stick/a.card\""), path("my stick/a.card"));
        assert_eq!(read("~/a.card"), path("/home/one/a.card"));
        assert_eq!(typed_path("~/a.card", None), path("~/a.card"));
        assert_eq!(read("'~/a.card'"), path("~/a.card"), "a shell would leave that alone too");
        assert_eq!([read(""), read("''"), read("\" \"")], [None, None, None]);
    }
}
