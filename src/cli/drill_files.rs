//! A drill by files: a package for members who are elsewhere, the answer on a member's
//! own device, and taking it in. What is checked is `ceremony::drill`'s.

use super::args::{CardArgs, DrillArgs};
use super::error::CliError;
use super::{App, cards, drill, files, room};
use crate::ceremony::drill::{DrillReview, NotTaken, review};
use crate::ceremony::judge;
use crate::event::{Event, GroupStatement};
use crate::message::{DrillPackage, DrillReply};
use crate::secret::SecretBytes;
use crate::state::Drill;
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// `drill GROUP --request`: the open drill, or a new one, as a file for its members.
pub fn request(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    group: &GroupStatement,
    args: &DrillArgs,
    out: &Path,
) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::FileExists(out.to_owned()));
    }
    let found = drill::open_drill(app, vault, log, group, args)?;
    files::write_message(out, &vault.drill_package(log, &found)?)?;
    let (group, file, until) = (log.state.group_address(group), out.display().to_string(), found.until);
    let value = json!({ "group": group, "drill": found.id, "file": file, "until": until });
    app.emit(value, || {
        format!(
            "The drill of {group} takes answers until {}. Give {} to its members; each answers with 'warifu ceremony contribute', and the host takes the answers in with 'warifu ceremony accept'.",
            until.to_minute(),
            out.display()
        )
    });
    Ok(())
}

/// A member's answer; no vault is needed.
pub fn contribute(
    app: &mut App<'_>,
    package: &DrillPackage,
    card: &CardArgs,
    code: Option<SecretBytes>,
    out: Option<PathBuf>,
) -> Result<(), CliError> {
    let open = cards::unlock(app, card, "the custodian", None)?;
    let card = open.card.card();
    let who = card.pseudonym().clone();
    let out = match out {
        Some(out) if out.exists() => return Err(CliError::FileExists(out)),
        Some(out) => out,
        None => files::unused(&who.to_string(), "drill"),
    };
    let reviewed = cards::reviewed(app, &open, |card, seen, now| review(package, card, seen, now))?;
    cards::write_seen(&open.path, reviewed.seen())?;
    app.ui.note(&plain_words(&reviewed));
    if reviewed.shown.proved {
        return Err(CliError::Vault(NotTaken::Repeated { who, proved: true }.into()));
    }
    let code = match code {
        Some(code) => code,
        None => room::ask_code(app, &who, None)?,
    };
    let now = app.now();
    let reply = reviewed.answer(card, &code, now, &mut app.rng)?;
    files::write_message(&out, &reply)?;
    let value = json!({ "drill": reply.answer.drill, "custodian": who, "file": out.display().to_string() });
    app.emit(value, || format!("Wrote {}: give it to the vault's host.", out.display()));
    Ok(())
}

fn plain_words(reviewed: &DrillReview) -> String {
    let shown = &reviewed.shown;
    format!(
        "\nA drill of {}, {} of {}, begun {}: you show that card, passphrase and phone are there. Nothing is opened.\n  until   {}",
        shown.group,
        shown.threshold,
        shown.members,
        shown.begun.to_minute(),
        shown.until.to_minute()
    )
}

/// Takes a member's answer in.
pub fn accept(app: &mut App<'_>, reply: &DrillReply) -> Result<(), CliError> {
    let (mut vault, mut log) = log_of(app, reply)?;
    let (who, now) = (reply.answer.custodian.clone(), app.now());
    match vault.take_drill_answer(&mut log, reply, now) {
        Ok(Event::DrillRefused { why, .. }) => {
            let left = judge::tries_left(&log.state, &who, now);
            return Err(CliError::DrillRefused { who, why, left });
        }
        Ok(_) => app.ui.note(&format!("{who} has proved that the card is still there.")),
        // The same file once more is no mistake that anybody has to mend.
        Err(VaultError::NotTaken(NotTaken::Repeated { proved: true, .. })) => {
            app.ui.note(&format!("{who} has proved it in this drill before; nothing need be done."));
        }
        Err(error) => return Err(error.into()),
    }
    let found: Option<(GroupStatement, Drill)> =
        log.state.drills.by_id(&reply.answer.drill).and_then(|(group, drill)| {
            Some((log.state.statement(group, drill.epoch)?.clone(), drill.clone()))
        });
    let (group, found) = found.ok_or(VaultError::NotTaken(NotTaken::UnknownDrill))?;
    drill::tell(app, &log, &group, &found, false)
}

/// The log that knows the drill, and the vault.
fn log_of(app: &mut App<'_>, reply: &DrillReply) -> Result<(Vault, Log), CliError> {
    let vault = app.open_vault()?;
    let slugs: Vec<_> = vault.state().organisations.values().cloned().collect();
    for slug in slugs {
        if vault.log(&slug)?.state.drills.by_id(&reply.answer.drill).is_some() {
            return app.prepare(vault, &slug);
        }
    }
    Err(VaultError::NotTaken(NotTaken::UnknownDrill).into())
}
