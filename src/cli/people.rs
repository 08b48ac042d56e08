//! `custodian`, `operator`, `officer`.

use super::args::{CustodianCommand, NewCard, OfficerCommand, OperatorCommand};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::table::{Column, table_or};
use super::ui::{Kind, Prompt};
use super::{App, custodian, files, group, next, room, roster};
use crate::name::{MemberAddress, Pseudonym, Slug};
use crate::seal::card::{Card, Role};
use crate::seal::card_file::UnlockedCard;
use crate::seal::passphrase::{KdfParams, check_strength};
use crate::seal::totp::TotpSecret;
use crate::secret::SecretBytes;
use crate::time::Time;
use crate::vault::VaultError;
use crate::vault::people::{Pending, new_person};
use serde_json::json;
use std::path::{Path, PathBuf};

/// How often a first code may be wrong before the enrolment is given up.
const CODE_ATTEMPTS: usize = 5;

/// `custodian …`.
pub fn custodian(app: &mut App<'_>, command: CustodianCommand) -> Result<(), CliError> {
    match command {
        CustodianCommand::Enrol(args) => enrol(app, Role::Custodian, args),
        CustodianCommand::Suspend(args) => custodian::suspend(app, &args),
        CustodianCommand::Resume(args) => custodian::resume(app, &args),
        CustodianCommand::Revoke(args) => custodian::revoke(app, &args),
        CustodianCommand::ReEnrolTotp(args) => custodian::re_enrol(app, &args),
        CustodianCommand::List { organisation } => list(app, Role::Custodian, &organisation),
    }
}

/// `operator …`.
pub fn operator(app: &mut App<'_>, command: OperatorCommand) -> Result<(), CliError> {
    match command {
        OperatorCommand::Enrol(args) => enrol(app, Role::Operator, args),
        OperatorCommand::List { organisation } => list(app, Role::Operator, &organisation),
        OperatorCommand::Admit { group, operator, days, cards } => {
            group::admit(app, &group, &operator, days, &cards)
        }
        OperatorCommand::Revoke { group, operator, card } => revoke(app, &group, &operator, &card),
    }
}

/// `officer …`.
pub fn officer(app: &mut App<'_>, command: OfficerCommand) -> Result<(), CliError> {
    match command {
        OfficerCommand::Enrol(args) => enrol(app, Role::Officer, args),
        OfficerCommand::List { organisation } => list(app, Role::Officer, &organisation),
    }
}

/// Long, because the order of its steps is what a crash leaves a card by.
fn enrol(app: &mut App<'_>, role: Role, args: NewCard) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&args.organisation)?;
    let pending = new_person(&log.state, role, &mut app.rng);
    let pseudonym = pending.card.pseudonym().clone();
    let path = args.card.clone().unwrap_or_else(|| PathBuf::from(format!("{pseudonym}.card")));
    if path.exists() {
        return Err(CliError::FileExists(path));
    }
    app.ui.note(&format!("The new {} is {pseudonym}. Only this person knows who that is.", role.as_str()));
    let identity = roster::at_enrolment(app, &mut vault, &log, &args.person)?;
    let source = (args.passphrase_file.as_deref(), args.passphrase_fd);
    let words = ["warifu", args.organisation.as_str(), pseudonym.as_str()];
    let passphrase = match &args.wrap {
        Some(_) => None,
        None => Some(new_passphrase(app, source, &words)?),
    };
    let shown = Authenticator {
        organisation: &args.organisation,
        who: &pseudonym,
        totp: &pending.totp,
        totp_file: args.totp_file.as_deref(),
        code: (args.code_file.as_deref(), args.code_fd),
    };
    show_totp(app, &shown)?;
    let code = right_code(app, &shown)?;
    let Pending { card, totp } = pending;
    let unlocked = match (&args.wrap, &passphrase) {
        (Some(recipient), _) => {
            // Whoever has named an identity has it tried.
            let check = app.identities.first().cloned();
            super::card::wrapped(app, card, recipient, check.as_deref(), &path)?
        }
        (None, Some(passphrase)) => protect(app, card, passphrase, args.kdf_floor, &path)?,
        (None, None) => return Err(CliError::NotConfirmed),
    };
    // The card is on disk before the log knows it: a crash in between leaves a
    // card that is of no use, never an enrolment without its card.
    files::create(&path, unlocked.armour(&mut app.rng).as_bytes())?;
    let pending = Pending { card: unlocked.into_card(), totp };
    let now = app.now();
    if let Err(error) = vault.enrol(&mut log, &pending, &code, now, &mut app.rng) {
        let _ = std::fs::remove_file(&path);
        return Err(error.into());
    }
    // Enrolled is enrolled: where this fails it is pending, and the person told so.
    let sealed = identity
        .map(|identity| vault.seal_identity(&mut log, &pending.card, identity, now, &mut app.rng))
        .transpose();
    cards::remember(app, (&vault, &log), &path);
    let (sealed, failed) = match sealed {
        Ok(sealed) => (sealed, None),
        Err(error) => (None, Some(CliError::from(error))),
    };
    let value = json!({
        "pseudonym": pseudonym, "role": role.as_str(), "card": path.display().to_string(),
        "identity": if sealed.is_some() { "sealed" } else { "pending" },
    });
    let identity = roster::at_enrolment_said(&log, &pseudonym, sealed.as_ref());
    let lies = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let next = next::for_organisation(&log.state, now);
    app.emit(value, || {
        let seen = cards::seen_path(&lies);
        format!(
            "Enrolled {} {pseudonym}.\nTheir card lies in {}, with {} beside it. Both files are theirs: they take them along, at the latest once their group is formed, and no copy stays here.\n{identity}Next: {next}",
            role.as_str(),
            lies.display(),
            seen.file_name().unwrap_or_default().display()
        )
    });
    failed.map_or(Ok(()), Err)
}

/// Puts a new card under its passphrase.
pub fn protect(
    app: &mut App<'_>,
    card: Card,
    passphrase: &SecretBytes,
    kdf_floor: bool,
    path: &Path,
) -> Result<UnlockedCard, CliError> {
    let params = if kdf_floor { KdfParams::FLOOR } else { KdfParams::STANDARD };
    let (stretch, rng) = (&mut app.stretch, &mut app.rng);
    UnlockedCard::protect_with(card, params, |salt| stretch(passphrase, salt, params), rng)
        .map_err(|why| CliError::Card { path: path.to_owned(), why })
}

/// A new card's passphrase, from its source or by asking; `words` are worth nothing
/// in it.
pub fn new_passphrase(
    app: &mut App<'_>,
    source: (Option<&Path>, Option<u32>),
    words: &[&str],
) -> Result<SecretBytes, CliError> {
    new_passphrase_or(app, source, words, "Use --passphrase-file FILE or --passphrase-fd N.")
}

/// The same with what to use where there is no terminal.
pub(super) fn new_passphrase_or(
    app: &mut App<'_>,
    source: (Option<&Path>, Option<u32>),
    words: &[&str],
    instead: &'static str,
) -> Result<SecretBytes, CliError> {
    let check = |p: &SecretBytes| check_strength(p, words).map_err(CliError::from);
    let given = match source {
        (Some(file), _) => Some(cards::secret_from_file(file)?),
        (None, Some(fd)) => Some(cards::secret_from_fd(app, fd)?),
        (None, None) => None,
    };
    if let Some(passphrase) = given {
        check(&passphrase)?;
        return Ok(passphrase);
    }
    app.new_secret(&Kind::NewPassphrase, "New passphrase for the card", instead, &check)
}

/// A new authenticator, and how its secret is shown and its first code read.
pub(super) struct Authenticator<'a> {
    /// Organisation.
    pub organisation: &'a Slug,
    /// Whose.
    pub who: &'a Pseudonym,
    /// Its secret.
    pub totp: &'a TotpSecret,
    /// File for the URL, instead of showing it.
    pub totp_file: Option<&'a Path>,
    /// File or descriptor with the first code.
    pub code: (Option<&'a Path>, Option<u32>),
}

/// Shows the secret once, or writes it into a new file.
pub(super) fn show_totp(app: &mut App<'_>, new: &Authenticator<'_>) -> Result<(), CliError> {
    let who = new.who.as_str();
    let url = new.totp.url(&format!("warifu {}", new.organisation), who);
    match new.totp_file {
        Some(path) => files::create(path, url.expose()),
        None => Ok(app.ui.show_totp(who, &url, &new.totp.base32())?),
    }
}

/// The first code: nothing is entered before the authenticator shows a right one.
pub(super) fn right_code(app: &mut App<'_>, new: &Authenticator<'_>) -> Result<SecretBytes, CliError> {
    let given = match new.code {
        (Some(file), _) => Some(cards::secret_from_file(file)?),
        (None, Some(fd)) => Some(cards::secret_from_fd(app, fd)?),
        (None, None) => None,
    };
    let check = |code: &SecretBytes, now: Time| {
        let right = new.totp.check(code, now.unix_seconds()).is_some();
        if right { Ok(()) } else { Err(CliError::from(VaultError::EnrolmentCode)) }
    };
    if let Some(code) = given {
        check(&code, app.now())?;
        return Ok(code);
    }
    let again = if new.totp_file.is_some() { "" } else { " (empty: the QR code again)" };
    let text = format!("Code that the app shows now{again}");
    let prompt = Prompt::new(Kind::Code(new.who.to_string()), text, "Use --code-file FILE or --code-fd N.");
    let mut wrong = 0;
    loop {
        let code = app.ui.secret(&prompt)?;
        if code.is_empty() && new.totp_file.is_none() {
            show_totp(app, new)?;
            continue;
        }
        if !room::is_code(&code) {
            app.ui.note(room::NO_CODE);
            continue;
        }
        match check(&code, app.now()) {
            Ok(()) => return Ok(code),
            Err(error) if wrong + 1 == CODE_ATTEMPTS => return Err(error),
            Err(error) => {
                wrong += 1;
                app.ui.note(&format!("{error}. {}", error.remedy()));
            }
        }
    }
}

fn list(app: &mut App<'_>, role: Role, organisation: &Slug) -> Result<(), CliError> {
    let (_, log) = app.read_log(organisation)?;
    let state = &log.state;
    let rows: Vec<_> = state
        .people
        .values()
        .filter(|p| p.role == role)
        .map(|p| {
            let who = &p.pseudonym;
            let of_groups = state.groups.values().filter(|g| g.index_of(who).is_some());
            let admitted = state.admissions.values().filter(|a| a.operator == *who).filter_map(|a| state.groups.get(&a.group));
            let mut groups: Vec<_> = of_groups.chain(admitted).map(|g| format!("{organisation}/{}", g.slug)).collect();
            groups.sort();
            groups.dedup();
            let suspended = state.cards.suspended.get(who).map(|found| found.since);
            let revoked = state.cards.revoked.get(who).map(|found| found.since);
            json!({
                "pseudonym": who, "role": role.as_str(), "groups": groups,
                "locked_until": state.locked_until(who, app.now()), "suspended": suspended, "revoked": revoked,
            })
        })
        .collect();
    let room = app.ui.columns();
    app.emit(json!(rows), || {
        let groups = |row: &serde_json::Value| {
            let names = row["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
            names.iter().map(super::hierarchy::text).collect::<Vec<_>>().join(", ")
        };
        let told = [
            ("revoked", "revoked since"),
            ("suspended", "suspended since"),
            ("locked_until", "locked out until"),
        ];
        let locked = |row: &serde_json::Value| {
            let found = told.iter().find(|(key, _)| !row[*key].is_null());
            found.map_or_else(String::new, |(key, what)| {
                format!("{what} {}", super::hierarchy::minutes(&row[*key]))
            })
        };
        let columns = [Column::whole("pseudonym"), Column::text("groups"), Column::text("state")];
        let shown = if rows.iter().any(|row| !locked(row).is_empty()) { 3 } else { 2 };
        let cells = |row: &serde_json::Value| {
            let mut cells = vec![super::hierarchy::text(&row["pseudonym"]), groups(row), locked(row)];
            cells.truncate(shown);
            cells
        };
        let role = role.as_str();
        let empty = format!("No {role}s yet. Next: warifu {role} enrol {organisation}");
        table_or(&empty, columns.get(..shown).unwrap_or(&columns), rows.iter().map(cells), room)
    });
    Ok(())
}

fn revoke(
    app: &mut App<'_>,
    address: &MemberAddress,
    operator: &Pseudonym,
    card: &super::args::CardArgs,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let group = crate::vault::group::group(&log.state, &address.name)?.clone();
    let mut admissions = log.state.admissions.iter();
    let given = admissions.find(|(_, a)| a.operator == *operator && a.group == group.group);
    let Some(given) = given.map(|(digest, _)| *digest) else {
        let (operator, group) = (operator.to_string(), address.to_string());
        return Err(VaultError::NotAdmitted { operator, group }.into());
    };
    let who = format!("a custodian of {address}");
    let OpenCard { card, path } = cards::unlock_here(app, (&vault, &log), card, &who)?;
    let now = app.now();
    vault.revoke_admission(&mut log, given, card.card(), now)?;
    cards::remember(app, (&vault, &log), &path);
    let value =
        json!({ "group": address.to_string(), "operator": operator, "revoked_by": card.card().pseudonym() });
    app.emit(value, || format!("Operator {operator} can no longer ask {address}."));
    Ok(())
}
