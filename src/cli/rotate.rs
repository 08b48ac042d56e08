//! `rotate`: a quorum opens what is current, in one room or by files; for each account
//! the next version is sealed, then handed over once, and the operator or a program
//! says which one the provider accepts. Whatever is interrupted leaves both versions
//! openable, and `--resume` settles it. How one account's turn goes is here for
//! passwords, which are generated, and in `rotate_given` for what the provider makes.
//! Over 500 lines: what is replaced, resumed and told is read together.

use super::App;
use super::args::Rotate;
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::hand_over::{SHOWN_SECONDS, run};
use super::room::{self, Opened, Present};
use super::seal::generated;
use super::table::counted;
use super::ui::{Kind, Prompt, Reveal};
use super::{interrupted, rotate_given};
use crate::ceremony::judge::{self, FILES_WINDOW, ROOM_WINDOW};
use crate::ceremony::recipient::{FinishError, notices};
use crate::event::{Accepts, Ending, Hash, Made, Mode, Purpose, Shown};
use crate::name::{AccountAddress, Factor, Recipient, ScopeAddress};
use crate::seal::card::Card;
use crate::seal::record::Payload;
use crate::secret::SecretBytes;
use crate::state::rotation::Running;
use crate::time::Span;
use crate::vault::ceremony::{List, check_list};
use crate::vault::hierarchy::account;
use crate::vault::rotate::{running, scope};
use crate::vault::seal::Provenance;
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;
use std::path::Path;

/// How versions are handed over, and where a new one comes from that is not generated.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// To this program; onto the screen, if there is none.
    pub exec: Option<&'a str>,
    /// From this file.
    pub from: Option<&'a Path>,
}

/// What came of one account's rotation.
pub(super) struct Outcome {
    pub address: AccountAddress,
    pub factor: Factor,
    pub old: u64,
    /// `None` where nobody has given a new one.
    pub new: Option<u64>,
    /// What the provider accepts; `None` where nobody has said.
    pub accepts: Option<Accepts>,
    pub handed: Shown,
}

impl Outcome {
    fn state(&self) -> &'static str {
        match (self.accepts, self.new) {
            (Some(Accepts::New), _) => "rotated",
            (Some(Accepts::Old), _) => "kept",
            (None, Some(_)) => "not-settled",
            (None, None) => "left",
        }
    }

    fn words(&self) -> String {
        let Self { old, .. } = self;
        let address = match self.factor {
            Factor::Password => self.address.to_string(),
            factor => format!("{} {factor}", self.address),
        };
        // Nobody was given a seed; whether somebody looked at what else was released
        // the log cannot say.
        let still = if self.factor == Factor::Mfa { "current" } else { "current and counts as exposed" };
        let Some(new) = self.new else {
            return format!("{address}: nothing new was given; version {old} stays {still}.");
        };
        match self.accepts {
            Some(Accepts::New) => {
                let handed = match self.handed {
                    Shown::Screen | Shown::File => "handled by you",
                    Shown::Command | Shown::Nobody => "unseen",
                };
                format!("{address}: version {new} is current, {handed}; version {old} is destroyed.")
            }
            Some(Accepts::Old) => {
                format!("{address}: version {old} stays {still}; version {new} is of no use.")
            }
            None => format!("{address}: not settled; versions {old} and {new} can both be opened."),
        }
    }
}

/// `rotate`.
pub fn rotate(app: &mut App<'_>, args: Rotate) -> Result<(), CliError> {
    let first = args.addresses.first().map(|address| &address.organisation);
    let organisation = args.all.as_ref().map(|all| &all.organisation).or(first).cloned();
    let Some(organisation) = organisation else {
        let fact = "no account is named".to_owned();
        return Err(CliError::Argument { fact, remedy: "Name accounts, or a project with --all." });
    };
    if args.addresses.iter().any(|address| address.organisation != organisation) {
        let fact = "the accounts are of different organisations".to_owned();
        return Err(CliError::Argument { fact, remedy: "Rotate each organisation's in its own ceremony." });
    }
    let how = How { exec: args.exec.as_deref(), from: args.from.as_deref() };
    match &args.request {
        Some(out) if out.exists() => return Err(CliError::FileExists(out.clone())),
        Some(_) => {}
        None if args.resume || how.exec.is_some() => {}
        None => app.ui.can_reveal()?,
    }
    app.witness_wait = args.wait.witness_timeout.to_duration();
    let (mut vault, mut log) = app.open_log(&organisation)?;
    if args.resume {
        return resume(app, &mut vault, &mut log, &args);
    }
    let addresses = match &args.all {
        Some(all) => everything(app, &vault, &log, (all, args.factor))?,
        None => once_each(&args.addresses),
    };
    for address in &addresses {
        vault.check_next(&log, address, args.factor)?;
    }
    if args.request.is_none() {
        check_how(how, args.factor, addresses.len())?;
    } else if args.factor == Factor::File && addresses.len() > 1 {
        // Nobody could finish it: of each the new one comes from a file of its own.
        let fact = "files are replaced one account at a time".to_owned();
        return Err(CliError::Argument { fact, remedy: "Make a request for each account." });
    }
    let (operator, ceremony) = begin(app, &mut vault, &mut log, &args, &addresses)?;
    if let Some(out) = &args.request {
        return super::ceremony::write_request(app, (&mut vault, &mut log), &ceremony, out);
    }
    let (mut outcomes, mut present) = (Vec::new(), Vec::new());
    let asked = (&ceremony, how);
    let walked = walk(app, &mut vault, &mut log, &operator, asked, (Some(&mut present), &mut outcomes));
    let walked = room::abort_on_error(app, &mut vault, &mut log, &ceremony, walked);
    report(app, Some(&ceremony), &outcomes);
    settled(walked, &log, &outcomes)
}

/// `ceremony finish` of such a ceremony by files: what the custodians' answers are
/// for. What was replaced before, in a run that was interrupted, is passed over.
pub fn finish(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    operator: &OpenCard,
    (ceremony, how): (&Hash, How<'_>),
) -> Result<(), CliError> {
    let mut outcomes = Vec::new();
    let walked = walk(app, vault, log, operator, (ceremony, how), (None, &mut outcomes));
    cards::remember(app, (vault, log), &operator.path);
    report(app, Some(ceremony), &outcomes);
    settled(walked, log, &outcomes)
}

/// Whether it is said where a new version comes from.
pub fn check_how(how: How<'_>, factor: Factor, accounts: usize) -> Result<(), CliError> {
    let (fact, remedy) = match (factor, how.exec, how.from) {
        (Factor::Password, _, Some(_)) => {
            ("--from is not for passwords".to_owned(), "Leave it out: new passwords are generated.")
        }
        (_, _, Some(_)) if accounts > 1 => (
            format!("one file cannot be what is new for {accounts} accounts"),
            "Rotate one account at a time, or leave --from out and type what is new.",
        ),
        (Factor::Password, ..) | (_, _, Some(_)) => return Ok(()),
        (_, Some(_), None) => (
            "nothing says where the program leaves the new one".to_owned(),
            "Add --from FILE: the program writes it there when WARIFU_STEP is present.",
        ),
        (Factor::File, None, None) => {
            ("nothing says which file is sealed".to_owned(), "Add --from FILE, for one account at a time.")
        }
        _ => return Ok(()),
    };
    Err(CliError::Argument { fact, remedy })
}

/// Accounts of a scope whose factor can be rotated, in the order of their names.
fn everything(
    app: &mut App<'_>,
    vault: &Vault,
    log: &Log,
    (all, factor): (&ScopeAddress, Factor),
) -> Result<Vec<AccountAddress>, CliError> {
    let state = &log.state;
    let within = scope(state, all)?;
    let mut found = Vec::new();
    for (id, account) in state.accounts.iter().filter(|(id, _)| state.is_within(id, &within)) {
        let Some(project) = state.projects.get(&account.project) else { continue };
        let (organisation, project) = (state.slug.clone(), project.slug.clone());
        let address = AccountAddress { organisation, project, account: account.slug.clone() };
        let Some((current, _)) = state.current_of(id, factor) else {
            app.ui.note(&format!("{address} is left out: nothing is sealed for it."));
            continue;
        };
        if state.open_ceremony_for(current).is_some() {
            app.ui.note(&format!("{address} is left out: a ceremony for it is open."));
        } else if let Err(why) = vault.check_next(log, &address, factor) {
            let why = CliError::from(why);
            app.ui.note(&format!("{address} is left out: {why}. {}", why.remedy()));
        } else {
            found.push(address);
        }
    }
    if found.is_empty() {
        let fact = format!("nothing in {all} can be rotated");
        return Err(CliError::Argument { fact, remedy: "'warifu status' says what is sealed." });
    }
    found.sort_by_key(ToString::to_string);
    Ok(found)
}

/// Whoever names an account twice means it once.
fn once_each(named: &[AccountAddress]) -> Vec<AccountAddress> {
    let mut addresses: Vec<AccountAddress> = Vec::new();
    for address in named {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    addresses
}

/// The operator's card signs the request for all of them.
fn begin(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    args: &Rotate,
    addresses: &[AccountAddress],
) -> Result<(OpenCard, Hash), CliError> {
    let reason = args.reason.as_deref().unwrap_or_default();
    super::open::check_reason(reason)?;
    let further = i64::try_from(addresses.len()).unwrap_or(i64::MAX).saturating_sub(1);
    let in_room = Span(ROOM_WINDOW.0 + Span::minutes(5 * further.min(2000)).0);
    let (mode, usual) = match args.request {
        Some(_) => (Mode::Files, FILES_WINDOW),
        None => (Mode::Room, in_room),
    };
    let list = List {
        purpose: Purpose::Rotate,
        targets: addresses.iter().map(|address| (address, args.factor, None)).collect(),
        reason,
        ticket: args.ticket.as_deref(),
        mode,
        window: args.window.unwrap_or(usual),
    };
    check_list(log, &list)?;
    let operator = cards::unlock_here(app, (vault, log), &args.card, "the operator")?;
    let now = app.now();
    let ceremony = vault.open_list(log, operator.card.card(), &list, now, &mut app.rng)?;
    cards::remember(app, (vault, log), &operator.path);
    let found = vault.known(log, &ceremony)?;
    let (_, needed) = judge::overall(&log.state, &found);
    let expires = found.expires;
    // By files the result says it, with the file that the custodians need.
    if mode == Mode::Room {
        app.ui.note(&format!(
            "Ceremony {} for {} is open until {}: {needed} custodians are needed.",
            ceremony.short(),
            counted(addresses.len(), "account"),
            expires.to_minute()
        ));
    }
    Ok((operator, ceremony))
}

/// One account after the other: each is released just before it is replaced, so
/// that what is interrupted has exposed no more than it must.
fn walk(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &OpenCard,
    asked: (&Hash, How<'_>),
    (mut present, outcomes): (Option<&mut Vec<Present>>, &mut Vec<Outcome>),
) -> Result<(), CliError> {
    let ceremony = asked.0;
    let targets = vault.known(log, ceremony)?.targets.clone();
    for (target, credential) in (0u64..).zip(&targets) {
        let Some(factor) = still_to_do(log, credential, outcomes)? else { continue };
        let place = (outcomes.len() + 1, targets.len());
        loop {
            if let Some(present) = present.as_deref_mut() {
                room::collect_in_room(app, vault, log, ceremony, present)?;
            }
            if turn(app, (&mut *vault, &mut *log), operator, (asked, target, factor, place), outcomes)? {
                break;
            }
            // Whoever is elsewhere cannot be asked now.
            if present.is_none() {
                return Err(super::ceremony::missing(vault, log, ceremony));
            }
        }
    }
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
    if let Some(present) = present {
        room::cosign_if_possible(app, vault, log, present);
    }
    Ok(())
}

/// The factor of a target that is still to be replaced. One that was replaced before
/// is passed over; one whose rotation waits to be settled is an outcome already.
fn still_to_do(
    log: &Log,
    credential: &Hash,
    outcomes: &mut Vec<Outcome>,
) -> Result<Option<Factor>, CliError> {
    let state = &log.state;
    let Some(version) = state.versions.get(credential) else { return Ok(None) };
    let (account, factor, old) = (version.sealing.account, version.sealing.factor, version.sealing.version);
    if state.current_of(&account, factor).is_none_or(|(current, _)| current != credential) {
        return Ok(None);
    }
    let Some((new, _)) = state.rotations.running_for(&account, factor) else { return Ok(Some(factor)) };
    let address = state.address(&account).parse()?;
    let handed = state.versions.get(new).map_or(Shown::Nobody, |v| v.sealing.shown);
    let new = state.begun(new).map(|begun| begun.version);
    outcomes.push(Outcome { address, factor, old, new, accepts: None, handed });
    Ok(None)
}

/// One target's turn. Gives whether it went on: if not, a share was bad, and another
/// must take its place.
fn turn(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    operator: &OpenCard,
    ((ceremony, how), target, factor, place): ((&Hash, How<'_>), u64, Factor, (usize, usize)),
    outcomes: &mut Vec<Outcome>,
) -> Result<bool, CliError> {
    let (card, here) = (operator.card.card(), (ceremony, target));
    if factor.recipient() == Recipient::Gate {
        return rotate_given::replace(app, (vault, log), card, (here, place), (None, how), outcomes);
    }
    let contents = match room::open_record(app, vault, log, (card, operator.path.as_path()), here)? {
        Opened::Contents(contents) => contents,
        Opened::Missing => return Ok(false),
    };
    if factor != Factor::Password {
        let handed = (Some(&contents), how);
        return rotate_given::replace(app, (vault, log), card, (here, place), handed, outcomes);
    }
    // A record is of its target's factor, or it was not opened.
    let payload = contents.password().ok_or(VaultError::from(FinishError::NotAsAsked("record")))?;
    replace(app, vault, log, card, here, place, (payload, how.exec), outcomes)?;
    Ok(true)
}

/// `open --rotate`: within the ceremony that has just released it, and without
/// another quorum. Gives whether the new one is current.
pub fn after_opening(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    ceremony: &Hash,
    payload: &Payload,
) -> Result<bool, CliError> {
    let mut outcomes = Vec::new();
    let done = replace(app, vault, log, operator, (ceremony, 0), (1, 1), (payload, None), &mut outcomes);
    for outcome in &outcomes {
        app.ui.note(&outcome.words());
    }
    settled(done, log, &outcomes)?;
    Ok(outcomes.iter().any(|outcome| outcome.accepts == Some(Accepts::New)))
}

/// Seals the next version, hands both over once, and settles which one counts.
/// What could not be settled is an outcome, not an error: the next account is as
/// good as before. Long, because its steps and their order are what a crash is
/// judged by (docs/protocol.md, *Rotation*).
#[allow(clippy::too_many_arguments, reason = "who, where, what, and how it is handed over")]
fn replace(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    (ceremony, target): (&Hash, u64),
    (number, all): (usize, usize),
    (present, exec): (&Payload, Option<&str>),
    outcomes: &mut Vec<Outcome>,
) -> Result<(), CliError> {
    let targets = vault.known(log, ceremony)?.targets.clone();
    let named = usize::try_from(target).ok().and_then(|t| targets.get(t));
    let version = named.and_then(|credential| log.state.versions.get(credential));
    let Some(sealing) = version.map(|v| v.sealing.clone()) else {
        return Err(VaultError::NothingSealed(ceremony.short()).into());
    };
    let address: AccountAddress = log.state.address(&sealing.account).parse()?;
    let (id, found) = account(&log.state, &address)?;
    let (provider, external_id) = (found.provider.clone(), found.external_id.clone());
    let renewal = log.state.rotation_rules(&id);
    let next = Payload {
        login: copy(&present.login),
        password: generated(app, &provider, &renewal, None)?,
        notes: copy(&present.notes),
    };
    let shown = if exec.is_some() { Shown::Command } else { Shown::Screen };
    let (here, now) = ((ceremony, target), app.now());
    let provenance = Provenance { made: Made::Generated, shown };
    let sealed = vault.begin_rotation(log, operator, here, &next, provenance, now, &mut app.rng)?;
    let new = sealed.credential;
    outcomes.push(Outcome {
        address: address.clone(),
        factor: Factor::Password,
        old: sealing.version,
        new: Some(sealed.version),
        accepts: None,
        handed: shown,
    });
    let now = app.now();
    vault.enter_notices(log, &notices(operator, here, &[], Some(shown)), now)?;
    let title = format!(
        "{address}: version {} at the provider, version {} to be installed ({number} of {all})",
        sealing.version, sealed.version
    );
    let accepts = match exec {
        Some(command) => {
            let name = address.to_string();
            let about = [("WARIFU_ACCOUNT", &*name), ("WARIFU_EXTERNAL_ID", &*external_id)];
            let lines = [(&present.password, "\n"), (&next.password, "\n")];
            match run(command, &lines, &about) {
                Ok(()) => Some(Accepts::New),
                Err(why) => {
                    app.ui.note(&format!("{address}: {why}."));
                    None
                }
            }
        }
        None => asked(app, &title, present, &next)?,
    };
    if let Some(accepts) = accepts {
        let now = app.now().max(log.state.last);
        vault.settle_rotation(log, operator, &new, (accepts, shown), now)?;
        if let Some(outcome) = outcomes.last_mut() {
            outcome.accepts = Some(accepts);
        }
    }
    Ok(())
}

fn copy(secret: &SecretBytes) -> SecretBytes {
    SecretBytes::new(secret.expose().to_vec())
}

/// Shows both, and asks what the provider accepts. `--yes` is no answer to that:
/// it is a fact about the provider.
fn asked(
    app: &mut App<'_>,
    title: &str,
    present: &Payload,
    next: &Payload,
) -> Result<Option<Accepts>, CliError> {
    loop {
        let mut fields = vec![
            ("login", &present.login),
            ("present password", &present.password),
            ("new password", &next.password),
        ];
        if !present.notes.is_empty() {
            fields.push(("notes", &present.notes));
        }
        app.ui.reveal(&Reveal { title: title.to_owned(), fields, seconds: SHOWN_SECONDS })?;
        match answer(app, Factor::Password, "again shows them once more, later leaves it open")? {
            Answer::Accepts(accepts) => return Ok(Some(accepts)),
            Answer::Later => return Ok(None),
            Answer::Again => {}
        }
    }
}

/// What somebody says of the provider.
pub(super) enum Answer {
    Accepts(Accepts),
    Later,
    Again,
}

/// Asks which of two versions counts.
pub(super) fn answer(app: &mut App<'_>, factor: Factor, more: &str) -> Result<Answer, CliError> {
    let which = match factor {
        Factor::Password => "Which password does the provider accept now",
        Factor::Mfa => "Which authenticator does the provider accept now",
        Factor::RecoveryCodes => "Which recovery codes does the provider accept now",
        Factor::File => "Which file counts now",
        Factor::Device => "Which device counts now",
        Factor::Identity => "Which identity counts now",
    };
    let text = format!("{which}: new or old? ({more})");
    let prompt = Prompt::new(Kind::Accepts, text, "Use --resume with --accepts new or --accepts old.");
    loop {
        match app.ui.line(&prompt)?.to_lowercase().as_str() {
            "new" => return Ok(Answer::Accepts(Accepts::New)),
            "old" => return Ok(Answer::Accepts(Accepts::Old)),
            "later" => return Ok(Answer::Later),
            "again" => return Ok(Answer::Again),
            _ => app.ui.note("Please answer new or old, as the provider accepts it."),
        }
    }
}

/// Settles what was interrupted.
fn resume(app: &mut App<'_>, vault: &mut Vault, log: &mut Log, args: &Rotate) -> Result<(), CliError> {
    let mut waiting = Vec::new();
    match &args.all {
        Some(all) => {
            let within = scope(&log.state, all)?;
            let running = log.state.rotations.running.values();
            let meant = |r: &&Running| r.factor == args.factor && log.state.is_within(&r.account, &within);
            let mut found: Vec<_> = running.filter(meant).map(|r| r.account).collect();
            found.sort_by_key(|id| log.state.address(id));
            for id in found {
                waiting.push(log.state.address(&id).parse::<AccountAddress>()?);
            }
        }
        None => waiting = once_each(&args.addresses),
    }
    for address in &waiting {
        running(&log.state, address, args.factor).map_err(|error| other_factor(log, address, error))?;
    }
    let operator = cards::unlock_here(app, (vault, log), &args.card, "the operator")?;
    let mut outcomes = Vec::new();
    let how = (&operator, args.factor, args.accepts);
    let done = settle_each(app, vault, log, how, &waiting, &mut outcomes);
    cards::remember(app, (vault, log), &operator.path);
    report(app, None, &outcomes);
    settled(done, log, &outcomes)
}

/// That nothing waits, and which other factor of the account does.
fn other_factor(log: &Log, address: &AccountAddress, error: VaultError) -> CliError {
    let other = match error {
        VaultError::NoRotation(_) => {
            Factor::ALL.into_iter().find(|factor| running(&log.state, address, *factor).is_ok())
        }
        _ => None,
    };
    let error = CliError::from(error);
    match other {
        Some(factor) => {
            let which = resume_of(&address.to_string(), factor);
            error.advised(format!("One of another factor, {factor}, waits: {which}."))
        }
        None => error,
    }
}

/// The command that settles what waits for one factor of an account.
pub(super) fn resume_of(address: &str, factor: Factor) -> String {
    match factor {
        Factor::Password => format!("warifu rotate --resume {address}"),
        factor => format!("warifu rotate --resume {address} --factor {factor}"),
    }
}

fn settle_each(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    (operator, factor, accepts): (&OpenCard, Factor, Option<Accepts>),
    waiting: &[AccountAddress],
    outcomes: &mut Vec<Outcome>,
) -> Result<(), CliError> {
    for address in waiting {
        let (new, found) = running(&log.state, address, factor)?;
        let new = *new;
        let number = |credential: &Hash| log.state.begun(credential).map_or(0, |b| b.version);
        let (old_version, new_version) = (number(&found.old), number(&new));
        let handed = log.state.versions.get(&new).map_or(Shown::Nobody, |v| v.sealing.shown);
        let (old, new_one, address) = (old_version, Some(new_version), address.clone());
        let mut outcome = Outcome { address, factor, old, new: new_one, accepts, handed };
        if accepts.is_none() {
            let address = &outcome.address;
            let look = match factor {
                Factor::Password => format!("open either: warifu open {address}"),
                Factor::Mfa => format!("have codes made of either: warifu code {address}"),
                factor => format!("open either: warifu open {address} --factor {factor}"),
            };
            app.ui.note(&format!(
                "{address} was to go from version {old_version} to {new_version}. If you cannot tell, answer later and {look} --version {new_version} --reason WHY."
            ));
            outcome.accepts = match answer(app, factor, "later leaves it open")? {
                Answer::Accepts(accepts) => Some(accepts),
                Answer::Later | Answer::Again => None,
            };
        }
        if let Some(accepts) = outcome.accepts {
            let now = app.now();
            vault.settle_rotation(log, operator.card.card(), &new, (accepts, handed), now)?;
        }
        outcomes.push(outcome);
    }
    Ok(())
}

fn report(app: &mut App<'_>, ceremony: Option<&Hash>, outcomes: &[Outcome]) {
    let row = |o: &Outcome| {
        json!({
            "address": o.address.to_string(), "factor": o.factor, "old": o.old, "new": o.new, "state": o.state(),
            "handed": o.handed,
        })
    };
    let accounts: Vec<_> = outcomes.iter().map(row).collect();
    if accounts.is_empty() {
        return;
    }
    let value = json!({ "ceremony": ceremony, "accounts": accounts });
    app.emit(value, || outcomes.iter().map(Outcome::words).collect::<Vec<_>>().join("\n"));
}

/// An error that says what is still to be settled, if anything is.
fn settled(done: Result<(), CliError>, log: &Log, outcomes: &[Outcome]) -> Result<(), CliError> {
    let waits = |o: &&Outcome| running(&log.state, &o.address, o.factor).is_ok();
    let mut waiting: Vec<_> = outcomes.iter().filter(waits).map(|o| o.address.to_string()).collect();
    if waiting.is_empty() {
        return done;
    }
    let named = waiting.len();
    if let Some(other) = outcomes.iter().find(|o| o.factor != Factor::Password) {
        waiting.push(format!("--factor {}", other.factor));
    }
    let remedy = format!(
        "When you know what the provider accepts: warifu rotate --resume {}. Until then both versions can be opened.",
        waiting.join(" ")
    );
    match done {
        Err(error) if !interrupted(&error) => Err(error.advised(remedy)),
        _ => Err(CliError::NotSettled(named).advised(remedy)),
    }
}
