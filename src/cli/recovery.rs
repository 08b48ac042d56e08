//! `recovery` and `recover`: keepers' cards, their group, and a new machine on
//! which they bring the gate's root back.

use super::args::{CardArgs, CardsArgs, Later, NewKeeper, Recover, RecoveryCommand};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::hierarchy::{new_gate_passphrase, show_as};
use super::people::{new_passphrase, protect};
use super::{App, IDLE};
use super::{files, gap, group};
use crate::ceremony::custodian::ReviewError;
use crate::ceremony::recovery::{NewMachine, RecoveryContribution, RecoveryPackage, call, contribute};
use crate::name::Pseudonym;
use crate::seal::passphrase::KdfParams;
use crate::seal::words;
use crate::secret::SecretBytes;
use crate::state::{Roll, VaultState};
use crate::vault::recovery::{RecoveryStatus, draft, new_keeper};
use crate::vault::{GATE_FILE, PublicVault, Vault, VaultError};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `recovery …`.
pub fn recovery(app: &mut App<'_>, command: RecoveryCommand) -> Result<(), CliError> {
    match command {
        RecoveryCommand::Enrol(args) => enrol(app, &args),
        RecoveryCommand::Form { threshold, members, cards } => form(app, threshold, &members, &cards),
        RecoveryCommand::Request { out, later } => request(app, &out, &later),
        RecoveryCommand::Contribute { file, card, sign_gap, out } => {
            answer(app, (&file, sign_gap), &card, out)
        }
        RecoveryCommand::Show => show(app),
    }
}

fn enrol(app: &mut App<'_>, args: &NewKeeper) -> Result<(), CliError> {
    let mut vault = app.open_vault()?;
    app.check_ahead(vault.state().last, IDLE, None)?;
    let card = new_keeper(vault.state(), &mut app.rng);
    let pseudonym = card.pseudonym().clone();
    let path = args.card.clone().unwrap_or_else(|| PathBuf::from(format!("{pseudonym}.card")));
    if path.exists() {
        return Err(CliError::FileExists(path));
    }
    app.ui.note(&format!("The new keeper is {pseudonym}. Only this person knows who that is."));
    let source = (args.passphrase_file.as_deref(), args.passphrase_fd);
    let passphrase = new_passphrase(app, source, &["warifu", "recovery", pseudonym.as_str()])?;
    let unlocked = protect(app, card, &passphrase, args.kdf_floor, &path)?;
    // On disk before the log knows it: a crash in between leaves a card of no use.
    files::create(&path, unlocked.armour(&mut app.rng).as_bytes())?;
    let now = app.now();
    if let Err(error) = vault.enrol_keeper(unlocked.card(), now) {
        let _ = std::fs::remove_file(&path);
        return Err(error.into());
    }
    cards::remember_own(app, &vault, &path);
    let value = json!({ "pseudonym": pseudonym, "role": "keeper", "card": path.display().to_string() });
    let lies = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let next = next(vault.state());
    app.emit(value, || {
        let seen = cards::seen_path(&lies);
        format!(
            "Enrolled keeper {pseudonym}.\nTheir card lies in {}, with {} beside it. Both files are theirs: they take them along, at the latest once their group is formed, and no copy stays here.\nNext: {next}",
            lies.display(),
            seen.file_name().unwrap_or_default().display()
        )
    });
    Ok(())
}

fn next(state: &VaultState) -> String {
    let keepers: Vec<_> = state.keepers.keys().map(Pseudonym::as_str).collect();
    let again = "warifu recovery enrol";
    if keepers.len() < 2 {
        return format!("{again}, once for each keeper: a group has two or more");
    }
    let form = format!("warifu recovery form --threshold T --members {}", keepers.join(","));
    format!("further keepers with '{again}', or {form}")
}

fn form(
    app: &mut App<'_>,
    threshold: usize,
    members: &[Pseudonym],
    args: &CardsArgs,
) -> Result<(), CliError> {
    let mut vault = app.open_vault()?;
    app.check_ahead(vault.state().last, IDLE, None)?;
    let state = vault.state().clone();
    let mut draft = draft(&state, threshold, members, &mut app.rng)?;
    if let Some(before) = &state.recovery {
        let before: Vec<_> = before.members.iter().map(|member| member.pseudonym.to_string()).collect();
        app.ui.note(&format!(
            "There is a recovery group already: {}. What they hold of the gate's root is destroyed when this one takes their place.",
            before.join(", ")
        ));
        app.confirm("Is it to be replaced?", None)?;
    }
    app.ui.note(&format!("Each of the {} keepers gives their card in turn.", members.len()));
    let mut rng = UnwrapErr(SysRng);
    let mut given = cards::unlock_each(app, args, members.len(), "keeper", &mut |app, open| {
        cards::meet_own(app, &vault, open)?;
        let card = open.card.card();
        if !draft.missing().contains(&card.pseudonym()) && members.contains(card.pseudonym()) {
            return Err(group::twice(card.pseudonym()));
        }
        Ok(draft.join(&state, card, &mut rng)?)
    })?;
    let missing: Vec<_> = draft.missing().iter().map(ToString::to_string).collect();
    let Some(fingerprint) = draft.fingerprint(&state) else {
        let fact = format!("these keepers have not given their cards: {}", missing.join(", "));
        return Err(CliError::Argument { fact, remedy: "Name a card for each member." });
    };
    app.ui.note(&format!(
        "{threshold} of {} keepers bring the gate's root back. Read these twelve words aloud; everyone compares:\n\n    {fingerprint}\n",
        members.len()
    ));
    app.confirm("Does everyone see the same words, and do all keepers sign?", None)?;
    for open in &mut given {
        draft.sign(&state, open.card.card_mut())?;
    }
    // Cards remember what they signed before the log does.
    for open in &given {
        cards::save(app, open)?;
    }
    let replaced = state.recovery.is_some();
    let now = app.now();
    vault.form_recovery(&draft.finish(), now, &mut app.rng)?;
    given.iter().for_each(|open| cards::remember_own(app, &vault, &open.path));
    let value = json!({
        "threshold": threshold, "members": members, "fingerprint": fingerprint.to_string(),
        "gate_epoch": vault.state().gate().epoch, "replaced": replaced,
    });
    app.emit(value, || {
        let before = match replaced {
            true => "\nThe group before has no part in it any more; whoever has an old copy of this vault and its quorum can still open what that copy holds.",
            false => "",
        };
        format!(
            "Formed the recovery group: {threshold} of {}. The gate's root is dealt to it.{before}\nKeep copies of this vault's directory without gate.key: with one of them {threshold} keepers bring gate.key back.\nNext: warifu status",
            members.len()
        )
    });
    Ok(())
}

fn show(app: &mut App<'_>) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let state = vault.state();
    let group = state.recovery.as_ref();
    let words = group.map(|g| words::fingerprint(&g.fingerprint(&state.id())).to_string());
    let standing = RecoveryStatus::of(state);
    let keepers: Vec<_> = state.keepers.keys().collect();
    let value = json!({
        "keepers": keepers,
        "threshold": standing.as_ref().map(|s| s.threshold),
        "members": standing.as_ref().map(|s| s.members.clone()),
        "fingerprint": words,
        "gate_epoch": state.gate().epoch,
        "dealt": standing.is_some_and(|s| s.dealt),
    });
    let for_people = match group {
        Some(_) => value.clone(),
        None => json!({ "keepers": keepers, "group": format!("none yet. Next: {}", next(state)) }),
    };
    show_as(app, value, &for_people);
    Ok(())
}

fn request(app: &mut App<'_>, out: &Path, later: &Later) -> Result<(), CliError> {
    let (vault, gaps) = gap::missing(app, later)?;
    let root = vault.dealt_root()?;
    vault.sealed_root()?;
    let told = gap::as_json(vault.state(), &gaps);
    let again = if gaps.is_empty() { "" } else { " with the same --against and --sign-gap" };
    let machine = NewMachine::resume(root, vault.request_key(&mut app.rng)?).with_gaps(gaps);
    let fingerprint = machine.request().fingerprint().to_string();
    let (_, needed) = machine.progress();
    files::write_message(out, &vault.recovery_package(machine.request())?)?;
    let value = json!({ "file": out.display().to_string(), "fingerprint": fingerprint, "needed": needed, "gaps": told });
    app.emit(value, || {
        format!(
            "Wrote {}: give it to the keepers. {needed} have to answer. Read them these twelve words, by voice; they see the same:\n\n    {fingerprint}\n\nNext: each keeper: warifu recovery contribute {}{}; then here: warifu recover{again}, with their answers",
            out.display(),
            files::as_argument(out),
            if again.is_empty() { "" } else { " --sign-gap" }
        )
    });
    Ok(())
}

/// On a keeper's own machine; there is no vault.
fn answer(
    app: &mut App<'_>,
    (file, sign_gap): (&Path, bool),
    card: &CardArgs,
    out: Option<PathBuf>,
) -> Result<(), CliError> {
    let package: RecoveryPackage = files::read_message(file)?;
    let open = cards::unlock(app, card, "the keeper", None)?;
    let who = open.card.card().pseudonym().clone();
    let out = match out {
        Some(out) if out.exists() => return Err(CliError::FileExists(out)),
        Some(out) => out,
        None => files::unused(&who.to_string(), "recovery"),
    };
    let before = cards::read_seen(&open.path)?;
    let called = call(&package, open.card.card(), before.as_ref()).map_err(VaultError::from)?;
    let gaps = &package.request.gaps;
    if !gaps.is_empty() {
        app.ui.note(&gap::to_sign(&called.state, gaps));
        if !sign_gap {
            return Err(CliError::GapNotSigned);
        }
    }
    match called.met {
        Ok(()) => cards::write_seen(&open.path, &called.seen)?,
        Err(why) if gap::past(app, &open.path, &who, &why)? => {}
        Err(why) => {
            cards::show_checkpoints(app, &why);
            older(app, &open, CliError::OtherLog(why))?;
        }
    }
    app.ui.note(&format!(
        "A machine asks for the root of this vault's gate, to become its host. Have these twelve words read to you from that machine, by a voice that you know:\n\n    {}\n",
        package.request.fingerprint()
    ));
    app.confirm(&format!("{who}, are they the same, and do you give your share?"), None)?;
    let made = contribute(&called.root, &package.request, open.card.card(), &mut app.rng);
    let made = made.map_err(VaultError::from)?;
    files::write_message(&out, &made)?;
    let value = json!({ "keeper": who, "request": made.request, "file": out.display().to_string() });
    app.emit(value, || format!("Wrote {}: give it to the new machine.", out.display()));
    Ok(())
}

/// `recover`. Long, because what it says in the end is put together here.
pub fn recover(app: &mut App<'_>, args: &Recover) -> Result<(), CliError> {
    let (vault, gaps) = gap::missing(app, &args.later)?;
    let told = gap::as_json(vault.state(), &gaps);
    let root = vault.dealt_root()?;
    // Read before the keepers come: what is missing then cannot be brought by them.
    let sealed = vault.sealed_root()?;
    let passphrase = new_gate_passphrase(app, args.passphrase)?;
    let by_files = !args.answers.is_empty();
    let mut machine = match by_files {
        true => NewMachine::resume(root, vault.kept_request_key()?),
        false => NewMachine::begin(root, &mut app.rng),
    }
    .with_gaps(gaps);
    let fingerprint = machine.request().fingerprint().to_string();
    let not_counted = take_answers(app, &mut machine, &args.answers)?;
    let (there, needed) = machine.progress();
    if there < needed && (!by_files || !args.cards.cards.is_empty()) {
        app.ui.note(&format!(
            "Whoever has the root and this directory can act as this vault's host. {needed} keepers bring it back on this machine, whose request has these twelve words; read them aloud:\n\n    {fingerprint}\n"
        ));
        app.confirm(
            match told.is_empty() {
                true => "Do all keepers agree that this machine becomes the host?",
                false => "Do all keepers agree that this machine becomes the host, and sign that these entries are lost?",
            },
            None,
        )?;
        collect(app, &vault, &mut machine, &args.cards)?;
    }
    let keepers = machine.given();
    let params = if args.kdf_floor { KdfParams::FLOOR } else { KdfParams::STANDARD };
    let epoch = become_host(app, &vault, machine, &sealed, passphrase.as_ref().map(|p| (p, params)))?;
    let file = vault.dir().join(GATE_FILE);
    let value = json!({
        "not_counted": not_counted,
        "gate": file.display().to_string(),
        "gate_epoch": epoch,
        "gate_protected": passphrase.is_some(),
        "keepers": keepers,
        "gaps": told,
        "fingerprint": fingerprint,
    });
    app.emit(value, || {
        let lost = match told.is_empty() {
            true => String::new(),
            false => format!(
                "\nWhat is lost is on record, signed by {} keepers. Epoch {epoch} of the gate has begun: the logs have new keys, which witnesses and auditors must be told (warifu audit key ORG), and what was open is aborted. Everybody whose card saw more than there is will be asked to accept that.",
                keepers.len()
            ),
        };
        format!(
            "The gate's root is back, and it is the one whose keys this vault's log has: {}.\nThis machine is the host now. Let no other one with that root write on: their logs would fork.{lost}\nNext: warifu audit verify",
            file.display()
        )
    });
    Ok(())
}

/// Opens the root and writes the gate's file; where something is lost, after it is on
/// record. Gives the gate's epoch from now on.
fn become_host(
    app: &mut App<'_>,
    vault: &PublicVault,
    machine: NewMachine,
    sealed: &[u8],
    passphrase: Option<(&SecretBytes, KdfParams)>,
) -> Result<u64, CliError> {
    let lost = machine.gap_entries();
    let roots = machine.open(sealed).map_err(VaultError::from)?;
    let epoch = if lost.is_empty() {
        vault.restore_gate(&roots, passphrase, &mut app.rng)?;
        vault.state().gate().epoch
    } else {
        let now = app.now();
        Vault::recover_with_gaps(vault.dir(), roots, &lost, passphrase, now, &mut app.rng)?.1
    };
    vault.forget_request_key()?;
    Ok(epoch)
}

/// Takes answers that came as files. Whose does not count is named, and the others do.
fn take_answers(
    app: &mut App<'_>,
    machine: &mut NewMachine,
    answers: &[PathBuf],
) -> Result<Vec<Pseudonym>, CliError> {
    let mut not_counted = Vec::new();
    for path in answers {
        let answer: RecoveryContribution = files::read_message(path)?;
        if let Err(why) = machine.take(&answer) {
            let error = CliError::from(VaultError::from(why));
            app.ui.note(&format!("{}: {error}. {}", path.display(), error.remedy()));
            not_counted.push(answer.keeper);
        }
    }
    Ok(not_counted)
}

/// Keepers give their shares one after another. A wrong card or passphrase costs
/// that attempt alone.
fn collect(
    app: &mut App<'_>,
    vault: &PublicVault,
    machine: &mut NewMachine,
    args: &CardsArgs,
) -> Result<(), CliError> {
    let (there, needed) = machine.progress();
    let mut rng = UnwrapErr(SysRng);
    cards::unlock_each(app, args, needed - there.min(needed), "keeper", &mut |app, open| {
        met(app, vault, open)?;
        let answer = contribute(machine.root(), machine.request(), open.card.card(), &mut rng);
        let answer = answer.map_err(VaultError::from)?;
        Ok(machine.take(&answer).map_err(VaultError::from)?)
    })?;
    Ok(())
}

fn met(app: &mut App<'_>, vault: &PublicVault, open: &OpenCard) -> Result<(), CliError> {
    cards::meet_own(app, vault, open).or_else(|error| older(app, open, error))
}

/// A copy may be older than what a keeper saw, for it is what is left; that is
/// told, and a person decides. One that tells another history is refused.
fn older(app: &mut App<'_>, open: &OpenCard, error: CliError) -> Result<(), CliError> {
    let CliError::OtherLog(ReviewError::RolledBack { now, seen, .. }) = &error else { return Err(error) };
    app.ui.note(&format!(
        "This copy's own log has {now} entries, {} has seen {seen}: organisations or keepers that were added since are missing here. Look for a newer copy first. If there is none, stop, and give this card's .seen file to '--against' with '--sign-gap': otherwise this card will refuse the log that goes on from here.",
        open.card.card().pseudonym()
    ));
    app.confirm("Go on with this older copy?", None)
}
