//! `card`: what its owner does with a card's file. No vault is needed, and nothing is
//! entered anywhere.

use super::age::{self, Recipient};
use super::args::{CardCommand, ChangePassphrase, NewPassphrase, PaperArgs, RestoreArgs, Rewrap};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::people::new_passphrase_or;
use super::table::counted;
use super::{App, files};
use crate::seal::card::Card;
use crate::seal::card_file::{CardFile, MAX_CARD_FILE, UnlockedCard};
use crate::seal::paper::Paper;
use crate::seal::passphrase::KdfParams;
use crate::seal::qr;
use crate::secret::SecretKey;
use serde_json::json;
use std::path::Path;

/// `card …`.
pub fn card(app: &mut App<'_>, command: CardCommand) -> Result<(), CliError> {
    match command {
        CardCommand::Passphrase(args) => passphrase(app, &args),
        CardCommand::Paper(args) => paper(app, &args),
        CardCommand::Restore(args) => restore(app, &args),
        CardCommand::Rewrap(args) => rewrap(app, &args),
    }
}

fn passphrase(app: &mut App<'_>, args: &ChangePassphrase) -> Result<(), CliError> {
    let ChangePassphrase { card: path, old, new } = args;
    if cards::read_card(path)?.wrapped().is_some() {
        let fact = format!("{} is wrapped for an age recipient and has no passphrase", path.display());
        return Err(CliError::Argument { fact, remedy: "Put it under one with 'warifu card rewrap'." });
    }
    let open = cards::unlock(app, &old.of(path.clone()), "its owner", None)?;
    replace(app, open, new)?;
    let value = json!({ "card": path.display().to_string() });
    app.emit(value, || {
        format!(
            "{} has another passphrase. Copies that were made before, on paper too, still open with the old one: destroy them, and print anew.",
            path.display()
        )
    });
    Ok(())
}

/// Writes a card over its file under a new passphrase: never at less cost than before.
fn replace(app: &mut App<'_>, open: OpenCard, new: &NewPassphrase) -> Result<(), CliError> {
    let OpenCard { path, card } = open;
    let source = (new.new_passphrase_file.as_deref(), new.new_passphrase_fd);
    let pseudonym = card.card().pseudonym().to_string();
    let instead = "Use --new-passphrase-file FILE or --new-passphrase-fd N.";
    let passphrase = new_passphrase_or(app, source, &["warifu", &pseudonym], instead)?;
    let least = if new.kdf_floor { KdfParams::FLOOR } else { KdfParams::STANDARD };
    let params = card.params().map_or(least, |before| before.at_least(least));
    let (stretch, rng) = (&mut app.stretch, &mut app.rng);
    let derive = |salt: &[u8]| stretch(&passphrase, salt, params);
    let card = UnlockedCard::protect_with(card.into_card(), params, derive, rng);
    let card = card.map_err(|why| CliError::Card { path: path.clone(), why })?;
    cards::save(app, &OpenCard { path, card })
}

fn paper(app: &mut App<'_>, args: &PaperArgs) -> Result<(), CliError> {
    let PaperArgs { card: path, svg, pdf } = args;
    let file = cards::read_card(path)?;
    let paper = Paper::of(&file).map_err(|why| CliError::Argument {
        fact: why.to_string(),
        remedy: "Copy the file itself to a stick that is kept in the envelope.",
    })?;
    for (to, bytes) in [(svg, paper.svg().into_bytes()), (pdf, paper.pdf())] {
        if let Some(to) = to {
            files::create(to, &bytes)?;
        }
    }
    let written: Vec<_> = [svg, pdf].into_iter().flatten().map(|to| to.display().to_string()).collect();
    if !written.is_empty() {
        let value = json!({ "card": path.display().to_string(), "written": written });
        app.emit(value, || {
            format!(
                "Wrote {}. Print it, remove the file, and keep the sheet in an envelope. It is the card as it is now: print another when its owner has joined a further group.",
                written.join(" and ")
            )
        });
        return Ok(());
    }
    match app.ui.columns() {
        Some(columns) if columns < paper.side() && !app.json => {
            let fact = format!("the QR code needs {} columns; there are {columns}", paper.side());
            Err(CliError::Argument { fact, remedy: "Widen the terminal, or use --pdf FILE or --svg FILE." })
        }
        _ => {
            let value = json!({ "card": path.display().to_string(), "armour": file.armour() });
            app.show_picture(value, || paper.terminal());
            Ok(())
        }
    }
}

fn restore(app: &mut App<'_>, args: &RestoreArgs) -> Result<(), CliError> {
    let RestoreArgs { from, out, old } = args;
    // Before anybody types a passphrase for nothing.
    if out.exists() {
        return Err(CliError::FileExists(out.clone()));
    }
    let (bytes, _) = files::read_secret(from, qr::MAX_PICTURE)?;
    let text = if qr::is_picture(bytes.expose()) { qr::read(&bytes)? } else { bytes };
    let why = |why| {
        let error = CliError::Card { path: from.clone(), why };
        match drawn(text.expose()) {
            true => error.advised(
                "The program reads no PDF or SVG: save the page as PNG or JPEG, or photograph it.".to_owned(),
            ),
            false => error,
        }
    };
    let read = text.expose().get(..MAX_CARD_FILE.min(text.len())).unwrap_or_default();
    let file = CardFile::parse_copy(read).map_err(why)?;
    let open = cards::unlock_file(app, &file, &old.of(from.clone()))?;
    files::create(out, file.armour().as_bytes())?;
    let card = open.card();
    let groups = card.memberships().len();
    let value = json!({
        "card": out.display().to_string(), "pseudonym": card.pseudonym(), "role": card.role().as_str(),
        "memberships": groups,
    });
    let told = format!(
        "Restored the card of {} {} to {}. It remembers {}: what its owner signed after the copy was made, and what they last saw of the log, it does not know.",
        card.role().as_str(),
        card.pseudonym(),
        out.display(),
        counted(groups, "group statement")
    );
    app.emit(value, || told);
    Ok(())
}

/// Whether these are forms in which `card paper` writes a card and which are not read.
fn drawn(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(1024)).unwrap_or_default());
    head.starts_with("%PDF-") || head.contains("<svg")
}

fn rewrap(app: &mut App<'_>, args: &Rewrap) -> Result<(), CliError> {
    let Rewrap { card: path, wrap, check, old, new, .. } = args;
    let open = cards::unlock(app, &old.of(path.clone()), "its owner", None)?;
    match wrap {
        None => replace(app, open, new)?,
        Some(recipient) => {
            let card = wrapped(app, open.card.into_card(), recipient, check.as_deref(), path)?;
            cards::save(app, &OpenCard { path: path.clone(), card })?;
        }
    }
    let how = if wrap.is_some() { "age" } else { "passphrase" };
    let value = json!({ "card": path.display().to_string(), "opens_with": how });
    app.emit(value, || {
        let now = match wrap {
            Some(_) => "opens with the identity of that recipient alone, by --identity FILE",
            None => "opens with the new passphrase",
        };
        format!("{} {now}. Copies that were made before open as they did.", path.display())
    });
    Ok(())
}

/// Puts a card under a fresh key that is wrapped for a recipient. With an identity at
/// hand it is tried whether that opens it.
pub fn wrapped(
    app: &mut App<'_>,
    card: Card,
    recipient: &Recipient,
    check: Option<&Path>,
    path: &Path,
) -> Result<UnlockedCard, CliError> {
    let key = SecretKey::random(&mut app.rng);
    let bytes = age::wrap(&key, recipient)?;
    let refused = |why| CliError::Card { path: path.to_owned(), why };
    let card = UnlockedCard::wrapped(card, key, bytes.clone()).map_err(refused)?;
    match check {
        Some(identity) => {
            let tried = CardFile::parse(card.armour(&mut app.rng).as_bytes()).map_err(refused)?;
            tried.unlock_with(age::unwrap(&bytes, &[identity.to_owned()])?).map_err(refused)?;
        }
        None => app.ui.note(
            "Nobody has tried yet whether the identity is there: open the card once before anything depends on it.",
        ),
    }
    Ok(card)
}
