//! `drill`: custodians show in one room, or by files, that card, passphrase and second
//! factor are still at hand. Nothing is opened.

use super::args::{CardArgs, DrillArgs};
use super::cards::{self, OpenCard};
use super::error::{CliError, refusal_remedy, wrong_code};
use super::room::ask_code;
use super::table::{self, counted};
use super::{App, interrupted};
use crate::ceremony::judge;
use crate::event::{Event, GroupStatement, Refusal};
use crate::secret::SecretBytes;
use crate::state::Drill;
use crate::vault::drill;
use crate::vault::{Log, Vault, VaultError, group};
use serde_json::json;

/// `drill`.
pub fn drill(app: &mut App<'_>, args: &DrillArgs) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&args.group.organisation)?;
    let group = group::group(&log.state, &args.group.name)?.clone();
    if let Some(out) = &args.request {
        return super::drill_files::request(app, (&mut vault, &mut log), &group, args, out);
    }
    let drill = open_drill(app, &mut vault, &mut log, &group, args)?;
    let code = match (&args.code_file, args.code_fd) {
        (Some(file), _) => Some(cards::secret_from_file(file)?),
        (None, Some(fd)) => Some(cards::secret_from_fd(app, fd)?),
        (None, None) => None,
    };
    if args.card.card.is_some() {
        one(app, &mut vault, &mut log, (&group, &drill), &args.card, code)?;
    } else {
        everybody(app, &mut vault, &mut log, (&group, &drill))?;
    }
    tell(app, &log, &group, &drill, args.card.card.is_none())
}

/// The drill that is open, or a new one.
pub(super) fn open_drill(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    group: &GroupStatement,
    args: &DrillArgs,
) -> Result<Drill, CliError> {
    let now = app.now();
    let last = log.state.drills.last.get(&group.group);
    // One that an older version began takes no answers by files.
    let fits = |d: &&Drill| d.epoch == group.epoch && (args.request.is_none() || d.files.is_some());
    if let Some(open) = last.filter(|d| d.is_open(now) && fits(d) && !args.new) {
        let until = open.until.to_minute();
        app.ui.note(&format!("The drill of {} goes on; it ends at {until}.", begun(open)));
        return Ok(open.clone());
    }
    Ok(vault.begin_drill(log, group, args.window, now, &mut app.rng)?)
}

fn begun(drill: &Drill) -> String {
    drill.begun.to_minute()
}

/// One custodian after another, until all have proved or nobody else is here.
/// Whatever one of them does wrong costs only that attempt.
fn everybody(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    of: (&GroupStatement, &Drill),
) -> Result<(), CliError> {
    loop {
        let (proved, all) = (proved(log, of).len(), of.0.members.len());
        if proved == all {
            return Ok(());
        }
        app.ui.note(&format!("{proved} of {all} have proved in this drill."));
        match app.confirm("Is another custodian here?", None) {
            Ok(()) => {}
            Err(CliError::NotConfirmed) => return Ok(()),
            Err(error) => return Err(error),
        }
        let asked = CardArgs::default();
        match one(app, vault, log, of, &asked, None) {
            Ok(()) => {}
            Err(error) if interrupted(&error) => return Err(error),
            // Calling somebody else does not mend these.
            Err(
                error @ (CliError::Vault(VaultError::Store(_) | VaultError::BadEntry { .. })
                | CliError::Ui(_)
                | CliError::OtherLog(_)),
            ) => return Err(error),
            Err(error) => app.ui.note(&format!("{error}. {}", error.remedy())),
        }
    }
}

/// One custodian's answer. The card is on the table: where a person types, a wrong
/// code costs the code alone.
fn one(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    (group, drill): (&GroupStatement, &Drill),
    card: &CardArgs,
    mut code: Option<SecretBytes>,
) -> Result<(), CliError> {
    let open = cards::unlock_here(app, (vault, log), card, "the custodian")?;
    let who = open.card.card().pseudonym().clone();
    loop {
        let typed = code.is_none();
        let code = match code.take() {
            Some(code) => code,
            None => ask_code(app, &who, None)?,
        };
        match answer(app, vault, log, (group, drill), (&open, &code))? {
            Event::DrillRefused { why, .. } => {
                let again =
                    typed && matches!(why, Refusal::WrongCode | Refusal::ReplayedCode | Refusal::Stale);
                if !again {
                    let left = judge::tries_left(&log.state, &who, app.now());
                    return Err(CliError::DrillRefused { who, why, left });
                }
                let remedy = match why {
                    Refusal::WrongCode => wrong_code(judge::tries_left(&log.state, &who, app.now())),
                    why => refusal_remedy(why).to_owned(),
                };
                app.ui.note(&format!("Refused ({}), and that is on record. {remedy}", why.as_str()));
            }
            _ => {
                app.ui.note(&format!("{who} has proved that the card is still there."));
                cards::remember(app, (vault, log), &open.path);
                return Ok(());
            }
        }
    }
}

fn answer(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    (group, drill): (&GroupStatement, &Drill),
    (open, code): (&OpenCard, &SecretBytes),
) -> Result<Event, CliError> {
    let answer = drill::answer(&log.state, group, drill, open.card.card(), app.now(), &mut app.rng)?;
    Ok(vault.answer_drill(log, &answer, code, app.now())?)
}

/// Members who have proved in this drill.
fn proved(log: &Log, (group, drill): (&GroupStatement, &Drill)) -> Vec<String> {
    let of = |who: &_| log.state.drills.proved(&group.group, who).is_some_and(|at| at >= drill.begun);
    group.members.iter().map(|m| &m.pseudonym).filter(|who| of(who)).map(ToString::to_string).collect()
}

/// What has been shown by now. When everybody who is there was asked, too few are an
/// alarm; one custodian alone is part of a drill.
pub(super) fn tell(
    app: &mut App<'_>,
    log: &Log,
    group: &GroupStatement,
    drill: &Drill,
    whole: bool,
) -> Result<(), CliError> {
    let proved = proved(log, (group, drill));
    let members = group.members.iter().map(|m| m.pseudonym.to_string());
    let missing: Vec<_> = members.filter(|who| !proved.contains(who)).collect();
    let live = log.state.live(&group.group, app.now());
    let days = log.state.drills.every_days(&group.group);
    let short = (live as u64) < group.threshold;
    let address = log.state.group_address(group);
    let value = json!({
        "group": address, "drill": drill.id, "begun": drill.begun, "until": drill.until,
        "proved": proved, "missing": missing, "live": live, "within_days": days, "threshold": group.threshold,
    });
    app.emit(value, || {
        let mut lines = vec![format!(
            "{address}: {} of {} have proved in this drill, which ends at {}.",
            proved.len(),
            counted(group.members.len(), "member"),
            drill.until.to_minute()
        )];
        if !missing.is_empty() {
            lines.push(format!("Not yet: {}", missing.join(", ")));
        }
        if short {
            lines.push(format!(
                "{}: {live} within {}, but {} must come together to open anything.",
                if whole { "ALARM" } else { "Not enough yet" },
                table::days(days),
                group.threshold
            ));
        }
        lines.join("\n")
    });
    if short && whole { Err(CliError::DrillShort) } else { Ok(()) }
}
