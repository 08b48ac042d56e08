//! `roster` and `identify`: who the owner of a card is. Names are asked for or read
//! from a file, and shown on the alternate screen alone.

use super::App;
use super::args::{CardsArgs, Identify, NewPerson, RosterCommand, SealPerson};
use super::cards::{self, OpenCard};
use super::ceremony::write_request;
use super::error::CliError;
use super::group::{bind_here, collect, other_card};
use super::hand_over::{SHOWN_SECONDS, To};
use super::open::{check_reason, collected, tell_open};
use super::room;
use super::seal::confirm_group;
use super::table::{Column, counted, table_or};
use super::ui::{Kind, Prompt, Reveal};
use crate::ceremony::judge::{FILES_WINDOW, ROOM_WINDOW};
use crate::event::{Hash, Mode, Purpose, Scope};
use crate::name::{Factor, Pseudonym, Slug};
use crate::seal::contents::{Contents, Identity};
use crate::secret::SecretBytes;
use crate::vault::ceremony::List;
use crate::vault::roster::{self as vault_roster, IdentityStanding, RosterRow, check_person, identity_of};
use crate::vault::seal::Sealed;
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;
use std::path::Path;

/// What to use where there is no terminal.
const INSTEAD: &str = "Use --person-file FILE.";

/// `roster …`.
pub fn roster(app: &mut App<'_>, command: RosterCommand) -> Result<(), CliError> {
    match command {
        RosterCommand::Designate { group, cards } => {
            let (mut vault, mut log) = app.open_log(&group.organisation)?;
            let scope = (Scope::Organisation, group.organisation.to_string());
            let signers = bind_here(app, (&mut vault, &mut log), scope, Factor::Identity, &group, &cards)?;
            let pending = pending(&log);
            let organisation = &group.organisation;
            let value = json!({ "group": group.to_string(), "signed_by": signers, "pending": pending });
            app.emit(value, || {
                let names = signers.join(", ");
                format!(
                    "{group} holds from now on who the owners of {organisation}'s cards are, signed by {names}.\n{}",
                    next(&pending, organisation)
                )
            });
            Ok(())
        }
        RosterCommand::Seal(args) => seal(app, &args),
        RosterCommand::Forget { organisation, person, version, cards } => {
            forget(app, &organisation, (&person, version), &cards)
        }
        RosterCommand::Show { organisation } => show(app, &organisation),
    }
}

/// Whose identity was never sealed.
fn pending(log: &Log) -> Vec<Pseudonym> {
    let rows = vault_roster::rows(&log.state).into_iter();
    rows.filter(|row| row.state == IdentityStanding::Pending).map(|row| row.pseudonym).collect()
}

fn next(pending: &[Pseudonym], organisation: &Slug) -> String {
    match pending {
        [] => "Nobody's identity is pending.".to_owned(),
        [first, ..] => format!(
            "{} pending. Next, each with their own card: warifu roster seal {organisation} {first}",
            match pending.len() {
                1 => "1 identity is".to_owned(),
                count => format!("{count} identities are"),
            }
        ),
    }
}

fn show(app: &mut App<'_>, organisation: &Slug) -> Result<(), CliError> {
    let (_, log) = app.read_log(organisation)?;
    let rows = vault_roster::rows(&log.state);
    let group = log.state.roster().map(|group| log.state.group_address(group));
    let value = json!({ "organisation": organisation, "group": group, "people": rows });
    let room = app.ui.columns();
    app.emit(value, || {
        let held = match &group {
            Some(group) => format!("{group} holds who they are."),
            None => format!(
                "No roster group is designated: every identity is pending. Next: warifu roster designate {organisation}/GROUP"
            ),
        };
        let minute = |time: Option<crate::time::Time>| time.map(crate::time::Time::to_minute).unwrap_or_default();
        let row = |row: &RosterRow| {
            vec![
                row.pseudonym.to_string(),
                row.role.as_str().to_owned(),
                row.state.as_str().to_owned(),
                minute(row.sealed),
                minute(row.disclosed),
            ]
        };
        let columns = [
            Column::whole("pseudonym"),
            Column::whole("role"),
            Column::whole("identity"),
            Column::whole("since"),
            Column::text("disclosed"),
        ];
        let empty = format!("No cards yet. Next: warifu custodian enrol {organisation}");
        format!("{held}\n\n{}", table_or(&empty, &columns, rows.iter().map(row), room))
    });
    Ok(())
}

fn seal(app: &mut App<'_>, args: &SealPerson) -> Result<(), CliError> {
    let SealPerson { organisation, person, person_file, fingerprint, card } = args;
    let (mut vault, mut log) = app.open_log(organisation)?;
    check_person(&log.state, person)?;
    let group = vault_roster::roster(&log.state)?.clone();
    confirm_group(app, &mut vault, &log, &group, fingerprint.as_deref())?;
    let there = vault_roster::rows(&log.state).into_iter().find(|row| row.pseudonym == *person);
    if let Some(version) = there.and_then(|row| row.version) {
        app.ui.note(&format!(
            "The identity of {person} is sealed already (version {version}). That stays sealed too: what was said before can still be opened."
        ));
        app.confirm("Seal another one?", None)?;
    }
    let OpenCard { card, path } = cards::unlock_here(app, (&vault, &log), card, person.as_str())?;
    if card.card().pseudonym() != person {
        return Err(other_card(card.card().pseudonym(), person));
    }
    let identity = match person_file {
        Some(path) => from_file(path)?,
        None => asked(app)?,
    };
    let now = app.now();
    let sealed = vault.seal_identity(&mut log, card.card(), identity, now, &mut app.rng)?;
    cards::remember(app, (&vault, &log), &path);
    let Sealed { version, group, .. } = sealed;
    let value = json!({ "pseudonym": person, "version": version, "group": group });
    app.emit(value, || {
        let file = if person_file.is_some() { " Remove the file that it was read from." } else { "" };
        format!("Sealed who {person} is (version {version}) for {group}, signed by that card.{file}")
    });
    Ok(())
}

fn forget(
    app: &mut App<'_>,
    organisation: &Slug,
    (person, version): (&Pseudonym, u64),
    given_cards: &CardsArgs,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(organisation)?;
    let state = log.state.clone();
    let (mut gone, group) = vault_roster::to_forget(&state, person, version)?;
    app.confirm(
        &format!("Destroy who {person} is (version {version})? Nobody can ever learn it again."),
        None,
    )?;
    app.ui.note(&format!(
        "{} of {} have to agree that it goes: whoever gives their card agrees.",
        counted(group.needed(), "custodian"),
        state.group_address(group)
    ));
    let (digest, mut given) = (gone.digest(&state.id), Vec::new());
    gone.signatures = collect(app, (&vault, &log), (group, &digest), given_cards, &mut given)?;
    let signers: Vec<_> = gone.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let now = app.now();
    let erased = vault.destroy(&mut log, gone, now)?;
    given.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    if !erased {
        app.ui.note(
            "Another program is reading the vault: the bytes leave its files when the vault is opened next.",
        );
    }
    let value = json!({ "pseudonym": person, "version": version, "signed_by": signers, "erased": erased });
    app.emit(value, || {
        format!(
            "Destroyed who {person} is (version {version}); that is on record. Backups and copies still have it."
        )
    });
    Ok(())
}

/// Name and contact of whoever is enrolled, if a roster group is there and the person
/// does not seal them later. Before anything is entered: what is refused costs nothing.
pub fn at_enrolment(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &Log,
    args: &NewPerson,
) -> Result<Option<Identity>, CliError> {
    let group = match (log.state.roster(), &args.person_file) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(VaultError::NoRoster(log.state.slug.to_string()).into()),
        (Some(_), _) if args.identity_later => return Ok(None),
        (Some(group), _) => group.clone(),
    };
    confirm_group(app, vault, log, &group, args.fingerprint.as_deref())?;
    match &args.person_file {
        Some(path) => from_file(path).map(Some),
        None => {
            app.ui.note(&format!(
                "Who the owner is is sealed for {}: nobody else can learn it. This machine sees what is typed.",
                log.state.group_address(&group)
            ));
            asked_or_later(app, true)
        }
    }
}

/// What is said of a new card's identity.
pub fn at_enrolment_said(log: &Log, who: &Pseudonym, sealed: Option<&Sealed>) -> String {
    match (sealed, log.state.roster()) {
        (Some(sealed), _) => format!("Who that is was sealed for {}.\n", sealed.group),
        (None, Some(_)) => format!(
            "Who that is is pending: they seal it with 'warifu roster seal {} {who}' and their card.\n",
            log.state.slug
        ),
        (None, None) => String::new(),
    }
}

fn from_file(path: &Path) -> Result<Identity, CliError> {
    Ok(Identity::from_lines(&cards::secret_from_file(path)?)?)
}

/// Name and contact as a person types them, shown once before they are sealed: nobody
/// can correct a slip that nobody can read.
pub fn asked(app: &mut App<'_>) -> Result<Identity, CliError> {
    loop {
        if let Some(identity) = asked_or_later(app, false)? {
            return Ok(identity);
        }
    }
}

fn asked_or_later(app: &mut App<'_>, later: bool) -> Result<Option<Identity>, CliError> {
    loop {
        let hint = if later { "; Enter alone: later" } else { "" };
        let name = secret(app, &format!("The owner's name (not shown{hint})"))?;
        if later && name.is_empty() {
            return Ok(None);
        }
        let contact = secret(app, "How the owner is reached (not shown)")?;
        match Identity::new(&name, &contact) {
            Ok(identity) if is_right(app, &identity)? => return Ok(Some(identity)),
            Ok(_) => {}
            Err(why) => {
                let error = CliError::from(why);
                app.ui.note(&format!("{error}. {}", error.remedy()));
            }
        }
    }
}

fn secret(app: &mut App<'_>, text: &str) -> Result<SecretBytes, CliError> {
    Ok(app.ui.secret(&Prompt::new(Kind::Contents, text, INSTEAD))?)
}

fn is_right(app: &mut App<'_>, identity: &Identity) -> Result<bool, CliError> {
    let fields = vec![("name", identity.name()), ("contact", identity.contact())];
    app.ui.reveal(&Reveal { title: "As it will be sealed".to_owned(), fields, seconds: SHOWN_SECONDS })?;
    match app.confirm("Was that right?", None) {
        Ok(()) => Ok(true),
        Err(CliError::NotConfirmed) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `identify`.
pub fn identify(app: &mut App<'_>, args: &Identify) -> Result<(), CliError> {
    check_reason(&args.reason)?;
    let to = To::of(args.exec.as_deref(), None);
    match &args.request {
        Some(out) if out.exists() => return Err(CliError::FileExists(out.clone())),
        Some(_) => {}
        None => to.check(app, Factor::Identity)?,
    }
    app.witness_wait = args.wait.witness_timeout.to_duration();
    let organisation = match &args.org {
        Some(organisation) => organisation.clone(),
        None => organisation_of(app, &args.person)?,
    };
    let (mut vault, mut log) = app.open_log(&organisation)?;
    let (operator, ceremony) = begin(app, (&mut vault, &mut log), args)?;
    if let Some(out) = &args.request {
        return write_request(app, (&mut vault, &mut log), &ceremony, out);
    }
    tell_open(app, &vault, &log, &ceremony)?;
    let result = hold(app, (&mut vault, &mut log), &operator, &ceremony, (&args.person, to));
    room::abort_on_error(app, &mut vault, &mut log, &ceremony, result)
}

/// The organisation that knows a pseudonym. Two that do are told apart by the caller.
fn organisation_of(app: &App<'_>, who: &Pseudonym) -> Result<Slug, CliError> {
    let vault = app.read_vault()?;
    let mut found = Vec::new();
    for slug in vault.state().organisations.values() {
        if vault.log(slug)?.state.people.contains_key(who) {
            found.push(slug.clone());
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(VaultError::NotFound { what: "card", name: who.to_string(), near: Vec::new() }.into()),
        several => {
            let names: Vec<_> = several.iter().map(ToString::to_string).collect();
            let fact = format!("{} know {who}: {}", counted(several.len(), "organisation"), names.join(", "));
            Err(CliError::Argument { fact, remedy: "Say which with --org ORG." })
        }
    }
}

/// The operator's card signs the request; the ceremony is open and on record.
fn begin(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    args: &Identify,
) -> Result<(OpenCard, Hash), CliError> {
    let whose = (&args.person, args.version);
    identity_of(&log.state, whose.0, whose.1)?;
    let (mode, default) = match &args.request {
        Some(_) => (Mode::Files, FILES_WINDOW),
        None => (Mode::Room, ROOM_WINDOW),
    };
    let ask = List {
        purpose: Purpose::Identify,
        targets: Vec::new(),
        reason: &args.reason,
        ticket: args.ticket.as_deref(),
        mode,
        window: args.window.unwrap_or(default),
    };
    let operator = cards::unlock_here(app, (vault, log), &args.card, "the operator")?;
    let now = app.now();
    let ceremony = vault.open_identity(log, operator.card.card(), whose, &ask, now, &mut app.rng)?;
    cards::remember(app, (vault, log), &operator.path);
    Ok((operator, ceremony))
}

fn hold(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    operator: &OpenCard,
    ceremony: &Hash,
    (who, to): (&Pseudonym, To<'_>),
) -> Result<(), CliError> {
    let mut present = Vec::new();
    let contents: Contents = collected(app, (vault, log), operator, ceremony, &mut present)?;
    let (version, card) = (super::open::version(log, ceremony), operator.card.card());
    let title = format!("Who {who} of {} is", log.state.slug);
    room::reveal_and_close(app, vault, log, card, (ceremony, &title), (&contents, to))?;
    room::cosign_if_possible(app, vault, log, &present);
    let value = json!({
        "ceremony": ceremony, "organisation": log.state.slug, "pseudonym": who, "version": version,
        "state": "disclosed",
    });
    app.emit(value, || disclosed(who.as_str(), version));
    Ok(())
}

/// What is said once somebody was identified.
pub fn disclosed(whose: &str, version: u64) -> String {
    format!(
        "Disclosed who {whose} is (version {version}). The log says who asked and who agreed, for good; the name is in none of it."
    )
}
