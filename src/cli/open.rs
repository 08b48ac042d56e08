//! `open`: the ceremony in one room. It drives exactly the messages of the
//! file flow.

use super::App;
use super::args::{AskArgs, Open};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::room::{self, Opened};
use crate::ceremony::judge::{self, FILES_WINDOW, ROOM_WINDOW};
use crate::event::{Ending, Hash, Mode};
use crate::seal::card::Card;
use crate::seal::record::Payload;
use crate::vault::ceremony::{Ask, check_ask};
use crate::vault::{Log, Vault};
use serde_json::json;

/// `open`.
pub fn open(app: &mut App<'_>, args: Open) -> Result<(), CliError> {
    if args.exec.is_none() {
        app.ui.can_reveal()?;
    }
    app.witness_wait = args.wait.witness_timeout.to_duration();
    let (mut vault, mut log) = app.open_log(&args.ask.address.organisation)?;
    if args.rotate {
        vault.check_next(&log, &args.ask.address)?;
    }
    let (operator, ceremony) = begin(app, &mut vault, &mut log, &args.ask, Mode::Room)?;
    let result = hold(app, &mut vault, &mut log, &operator, &ceremony, &args);
    room::abort_on_error(app, &mut vault, &mut log, &ceremony, result)
}

/// The operator's card signs the request; the ceremony is open and on record.
pub fn begin(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    args: &AskArgs,
    mode: Mode,
) -> Result<(OpenCard, Hash), CliError> {
    if args.reason.trim().is_empty() {
        let fact = "the reason is empty".to_owned();
        return Err(CliError::Argument { fact, remedy: "Say why with --reason; custodians will read it." });
    }
    let default = if mode == Mode::Room { ROOM_WINDOW } else { FILES_WINDOW };
    let ask = Ask {
        address: &args.address,
        version: args.version,
        reason: &args.reason,
        ticket: args.ticket.as_deref(),
        mode,
        window: args.window.unwrap_or(default),
    };
    check_ask(log, &ask)?;
    let operator = cards::unlock_here(app, (vault, log), &args.card, "the operator")?;
    let now = app.now();
    let ceremony = vault.open_ceremony(log, operator.card.card(), &ask, now, &mut app.rng)?;
    cards::remember(app, (vault, log), &operator.path);
    let found = vault.known(log, &ceremony)?;
    let (_, needed) = judge::progress(&log.state, found, 0);
    let expires = found.expires;
    // By files the result says it, with the file that the custodians need.
    if mode == Mode::Room {
        app.ui.note(&format!(
            "Ceremony {} is open until {}: {needed} custodians are needed.",
            ceremony.short(),
            expires.to_minute()
        ));
    }
    Ok((operator, ceremony))
}

fn hold(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &OpenCard,
    ceremony: &Hash,
    args: &Open,
) -> Result<(), CliError> {
    let mut present = Vec::new();
    let payload = loop {
        room::collect_in_room(app, vault, log, ceremony, &mut present)?;
        match room::open_record(app, vault, log, (operator.card.card(), &operator.path), ceremony)? {
            Opened::Payload(payload) => break payload,
            Opened::Missing => {}
        }
    };
    let version = version(log, ceremony);
    let title = format!("{} version {version}", args.ask.address);
    let exec = args.exec.as_deref();
    let card = operator.card.card();
    room::reveal(app, vault, log, card, (ceremony, &title), (&payload, exec))?;
    let rotated = match args.rotate {
        true => rotate(app, vault, log, card, (ceremony, &payload)),
        false => Ok(false),
    };
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
    // What was opened is opened, and on record: this alone may be missing.
    if let Err(why) = room::cosign_the_end(app, vault, log, &present) {
        app.ui.note(&format!("The custodians' cards did not cosign the log: {why}. {}", why.remedy()));
    }
    drop(present);
    let rotated = rotated?;
    let state = if rotated { "rotated" } else { "exposed" };
    let value = json!({ "ceremony": ceremony, "address": args.ask.address.to_string(), "version": version, "state": state });
    if rotated {
        app.emit(value, || format!("Opened {title}, and replaced it."));
        return Ok(());
    }
    app.emit(value, || {
        format!("Opened {title}. It is exposed from now on: rotate it (seal a new version) soon.")
    });
    Ok(())
}

/// Replaces what was opened, in the same ceremony: the quorum is still good for it.
/// Gives whether the new one is current.
fn rotate(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    (ceremony, payload): (&Hash, &Payload),
) -> Result<bool, CliError> {
    match app.confirm("When you have done what it was opened for: replace it now?", None) {
        Err(CliError::NotConfirmed) => return Ok(false),
        answer => answer?,
    }
    super::rotate::after_opening(app, vault, log, operator, ceremony, payload)
}

/// Version of a ceremony's first target.
pub fn version(log: &Log, ceremony: &Hash) -> u64 {
    let found = log.state.ceremonies.get(ceremony);
    let version =
        found.and_then(|c| c.targets.first()).and_then(|credential| log.state.versions.get(credential));
    version.map_or(0, |v| v.sealing.version)
}
