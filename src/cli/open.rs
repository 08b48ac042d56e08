//! `open`: the ceremony in one room. It drives exactly the messages of the
//! file flow.

use super::App;
use super::args::{AskArgs, Open};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::hand_over::To;
use super::room::{self, Opened};
use crate::ceremony::judge::{self, FILES_WINDOW, ROOM_WINDOW};
use crate::event::{Ending, Hash, Mode, Purpose};
use crate::name::Factor;
use crate::seal::card::Card;
use crate::seal::contents::Contents;
use crate::seal::record::Payload;
use crate::vault::ceremony::{Ask, check_ask};
use crate::vault::{Log, Vault};
use serde_json::json;

/// `open`.
pub fn open(app: &mut App<'_>, args: Open) -> Result<(), CliError> {
    if args.rotate && args.factor != Factor::Password {
        let fact = format!("what is sealed as {} is not replaced in its ceremony", args.factor);
        return Err(CliError::Argument {
            fact,
            remedy: "Leave --rotate out, or use 'warifu rotate --factor FACTOR'.",
        });
    }
    To::of(args.exec.as_deref(), args.out.as_deref()).check(app, args.factor)?;
    app.witness_wait = args.wait.witness_timeout.to_duration();
    let (mut vault, mut log) = app.open_log(&args.ask.address.organisation)?;
    if args.rotate {
        vault.check_next(&log, &args.ask.address, Factor::Password)?;
    }
    let what = What { purpose: Purpose::Open, factor: args.factor, mode: Mode::Room };
    let (operator, ceremony) = begin(app, &mut vault, &mut log, &args.ask, what)?;
    let result = hold(app, &mut vault, &mut log, &operator, &ceremony, &args);
    room::abort_on_error(app, &mut vault, &mut log, &ceremony, result)
}

/// What a ceremony is for, and how it is held.
#[derive(Clone, Copy)]
pub struct What {
    /// Why in kind.
    pub purpose: Purpose,
    /// What is opened, where the purpose does not say it.
    pub factor: Factor,
    /// Room or files.
    pub mode: Mode,
}

/// The operator's card signs the request; the ceremony is open and on record.
pub fn begin(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    args: &AskArgs,
    what: What,
) -> Result<(OpenCard, Hash), CliError> {
    check_reason(&args.reason)?;
    let What { purpose, factor, mode } = what;
    let default = if mode == Mode::Room { ROOM_WINDOW } else { FILES_WINDOW };
    let ask = Ask {
        address: &args.address,
        purpose,
        factor,
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
    // By files the result says it, with the file that the custodians need.
    if mode == Mode::Room {
        tell_open(app, vault, log, &ceremony)?;
    }
    Ok((operator, ceremony))
}

/// Nobody is asked for something without being told why.
pub(super) fn check_reason(reason: &str) -> Result<(), CliError> {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    let fact = "the reason is empty".to_owned();
    Err(CliError::Argument { fact, remedy: "Say why with --reason; custodians will read it." })
}

/// Says until when a ceremony is open, and how many must come.
pub(super) fn tell_open(
    app: &mut App<'_>,
    vault: &Vault,
    log: &Log,
    ceremony: &Hash,
) -> Result<(), CliError> {
    let found = vault.known(log, ceremony)?;
    let (_, needed) = judge::overall(&log.state, &found);
    let expires = found.expires;
    app.ui.note(&format!(
        "Ceremony {} is open until {}: {needed} custodians are needed.",
        ceremony.short(),
        expires.to_minute()
    ));
    Ok(())
}

/// What the first target's quorum, collected in the room, opens.
pub(super) fn collected(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    operator: &OpenCard,
    ceremony: &Hash,
    present: &mut Vec<room::Present>,
) -> Result<Contents, CliError> {
    loop {
        room::collect_in_room(app, vault, log, ceremony, present)?;
        match room::open_record(app, vault, log, (operator.card.card(), &operator.path), (ceremony, 0))? {
            Opened::Contents(contents) => return Ok(contents),
            Opened::Missing => {}
        }
    }
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
    let contents = collected(app, (vault, log), operator, ceremony, &mut present)?;
    let version = version(log, ceremony);
    let title = title(&args.ask.address.to_string(), args.factor, version);
    let to = To::of(args.exec.as_deref(), args.out.as_deref());
    let card = operator.card.card();
    room::reveal(app, vault, log, card, (ceremony, &title), (&contents, to))?;
    let rotated = match contents.password().filter(|_| args.rotate) {
        Some(payload) => rotate(app, vault, log, card, (ceremony, payload)),
        None => Ok(false),
    };
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
    // What was opened is opened, and on record: this alone may be missing.
    room::cosign_if_possible(app, vault, log, &present);
    drop(present);
    let rotated = rotated?;
    let value = json!({
        "ceremony": ceremony, "address": args.ask.address.to_string(), "factor": args.factor, "version": version,
        "state": if rotated { "rotated" } else { "exposed" },
    });
    app.emit(value, || match rotated {
        true => format!("Opened {title}, and replaced it."),
        false => opened(&title),
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

/// A version in words; the factor where it is not the password.
pub fn title(address: &str, factor: Factor, version: u64) -> String {
    match factor {
        Factor::Password => format!("{address} version {version}"),
        factor => format!("{address} {factor} version {version}"),
    }
}

/// What is said once something was opened.
pub fn opened(title: &str) -> String {
    format!("Opened {title}. It is exposed from now on: rotate it (seal a new version) soon.")
}

/// The same, of whatever it was.
pub fn said(factor: Factor, address: &str, version: u64) -> String {
    match (factor, address.split_once("/@")) {
        (Factor::Identity, Some((_, who))) => super::roster::disclosed(who, version),
        _ => opened(&title(address, factor, version)),
    }
}

/// Version of a ceremony's first target.
pub fn version(log: &Log, ceremony: &Hash) -> u64 {
    let found = log.state.ceremonies.get(ceremony);
    let version =
        found.and_then(|c| c.targets.first()).and_then(|credential| log.state.versions.get(credential));
    version.map_or(0, |v| v.sealing.version)
}
