//! `code` and `sign-in`: the gate makes codes of a sealed authenticator; with
//! `sign-in` the password is opened in the same ceremony and shown beside them, once
//! the shares of the seed were found good.

use super::App;
use super::args::Code;
use super::cards::OpenCard;
use super::error::CliError;
use super::hand_over::{To, hand_over_codes};
use super::open::{self, What};
use super::room::{self, Opened};
use super::table::counted;
use crate::ceremony::coder::Codes;
use crate::ceremony::judge;
use crate::ceremony::recipient::notices;
use crate::event::{Ending, Hash, Mode, Purpose};
use crate::name::{Factor, Recipient};
use crate::seal::card::Card;
use crate::seal::contents::Contents;
use crate::seal::mfa::PERIODS;
use crate::vault::code::{Checked, Given};
use crate::vault::{Log, Vault, VaultError};
use serde_json::{Value, json};
use std::path::Path;

/// `code`, or `sign-in`.
pub fn code(app: &mut App<'_>, args: Code, purpose: Purpose) -> Result<(), CliError> {
    let to = To::of(args.exec.as_deref(), None);
    to.check(app, Factor::Mfa)?;
    check_count(&args)?;
    app.witness_wait = args.wait.witness_timeout.to_duration();
    let (mut vault, mut log) = app.open_log(&args.ask.address.organisation)?;
    let what = What { purpose, factor: Factor::Mfa, mode: Mode::Room };
    let (operator, ceremony) = open::begin(app, &mut vault, &mut log, &args.ask, what)?;
    let result = hold(app, &mut vault, &mut log, &operator, (&ceremony, args.codes, to));
    room::abort_on_error(app, &mut vault, &mut log, &ceremony, result)
}

/// More codes than any authenticator makes in the window need no quorum to be
/// refused.
fn check_count(args: &Code) -> Result<(), CliError> {
    let window = args.ask.window.unwrap_or(judge::ROOM_WINDOW);
    let seconds = u64::try_from(window.0 / 1000).unwrap_or(0);
    let most = seconds / u64::from(*PERIODS.start()) + 2;
    if args.codes <= most {
        return Ok(());
    }
    Err(VaultError::TooManyCodes { asked: args.codes, most }.into())
}

fn hold(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &OpenCard,
    (ceremony, count, to): (&Hash, u64, To<'_>),
) -> Result<(), CliError> {
    let mut present = Vec::new();
    let card = (operator.card.card(), operator.path.as_path());
    loop {
        room::collect_in_room(app, vault, log, ceremony, &mut present)?;
        if let Some(done) = give_and_close(app, vault, log, card, (ceremony, count, to))? {
            // What was given is given, and on record: this alone may be missing.
            room::cosign_if_possible(app, vault, log, &present);
            drop(present);
            app.emit(done.value, || done.text);
            return Ok(());
        }
    }
}

/// What is said at the end.
pub struct Done {
    /// As JSON.
    pub value: Value,
    /// For people.
    pub text: String,
}

/// Has the seed's shares checked, and only then opens the password where the
/// ceremony is for it: else a bad share of the one would expose the other for nothing.
/// Then has the codes made, hands both over and closes. Nothing, where a share was
/// bad: others must take its place.
pub fn give_and_close(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    (operator, seen_beside): (&Card, &Path),
    (ceremony, count, to): (&Hash, u64, To<'_>),
) -> Result<Option<Done>, CliError> {
    let targets = targets(vault, log, ceremony)?;
    let seeds = || targets.iter().filter(|target| target.factor.recipient() == Recipient::Gate);
    for target in seeds() {
        if !check_seed(app, vault, log, (ceremony, target.index))? {
            return Ok(None);
        }
    }
    let mut contents = None;
    for target in targets.iter().filter(|target| target.factor.recipient() == Recipient::Requester) {
        let of = (ceremony, target.index);
        match room::open_record(app, vault, log, (operator, seen_beside), of)? {
            Opened::Contents(opened) => contents = Some((target.index, opened)),
            Opened::Missing => return Ok(None),
        }
    }
    let mut codes = None;
    for target in seeds() {
        codes = match make_codes(app, vault, log, (ceremony, target.index), (count, to))? {
            Some(made) => Some(made),
            None => return Ok(None),
        };
    }
    let Some(codes) = codes else { return Ok(None) };
    if let Some((index, _)) = &contents {
        let now = app.now();
        let said = notices(operator, (ceremony, *index), &[], Some(to.shown()));
        vault.enter_notices(log, &said, now)?;
    }
    let done = done(log, ceremony, &targets, &codes);
    let opened: Option<&Contents> = contents.as_ref().map(|(_, opened)| opened);
    hand_over_codes(app, &title(&targets), (opened, &codes), to)?;
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
    super::cards::remember(app, (vault, log), seen_beside);
    Ok(Some(done))
}

/// Whether enough shares of a seed prove themselves.
fn check_seed(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    of: (&Hash, u64),
) -> Result<bool, CliError> {
    let mut witnesses = room::witnesses(app, log, of);
    let clock = app.clock;
    let (enough, bad) = match vault.check_seed(log, of, &|| clock.now(), &mut app.rng, &mut witnesses)? {
        Checked::Enough(bad) => (true, bad),
        Checked::Missing(bad) => (false, bad),
    };
    room::name_bad(app, &bad);
    Ok(enough)
}

/// Has codes of a seed made; nothing, where a share was bad.
pub(super) fn make_codes(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    of: (&Hash, u64),
    (count, to): (u64, To<'_>),
) -> Result<Option<Codes>, CliError> {
    let mut witnesses = room::witnesses(app, log, of);
    let clock = app.clock;
    let asked = (count, to.shown());
    match vault.give_codes(log, of, asked, &|| clock.now(), &mut app.rng, &mut witnesses)? {
        Given::Codes(codes, bad) => {
            room::name_bad(app, &bad);
            Ok(Some(codes))
        }
        Given::Missing(bad) => {
            room::name_bad(app, &bad);
            Ok(None)
        }
    }
}

/// A target, as it is named at the end.
struct Target {
    index: u64,
    address: String,
    factor: Factor,
    version: u64,
}

fn targets(vault: &Vault, log: &Log, ceremony: &Hash) -> Result<Vec<Target>, CliError> {
    let found = vault.known(log, ceremony)?;
    let versions = found.targets.iter().filter_map(|credential| log.state.versions.get(credential));
    let named = |(index, version): (u64, &crate::state::Version)| {
        let sealing = &version.sealing;
        let address = log.state.address(&sealing.account);
        Target { index, address, factor: sealing.factor, version: sealing.version }
    };
    Ok((0..).zip(versions).map(named).collect())
}

fn title(targets: &[Target]) -> String {
    let address = targets.first().map(|target| target.address.as_str()).unwrap_or_default();
    let each = targets.iter().map(|target| format!("{} version {}", target.factor, target.version));
    format!("{address}, {}", each.collect::<Vec<_>>().join(", "))
}

fn done(log: &Log, ceremony: &Hash, targets: &[Target], codes: &Codes) -> Done {
    let address = targets.first().map(|target| target.address.clone()).unwrap_or_default();
    let version = |factor| targets.iter().find(|t| t.factor == factor).map(|t| t.version);
    let (password, mfa) = (version(Factor::Password), version(Factor::Mfa));
    let found = log.state.ceremonies.get(ceremony).and_then(|c| c.targets.last());
    let since = found.and_then(|credential| log.state.versions.get(credential)?.exposed_to_host);
    let value = json!({
        "ceremony": ceremony, "address": address, "mfa_version": mfa, "password_version": password,
        "codes": codes.codes.len(), "until": codes.until(), "exposed_to_host": since,
    });
    let given = counted(codes.codes.len(), "code");
    let mut text = format!(
        "Gave {given} of {}. Whoever controls this host could know the seed from now on.",
        title(targets)
    );
    if password.is_some() {
        text.push_str(" The password is exposed: rotate it (seal a new version) soon.");
    }
    Done { value, text }
}
