//! `ceremony`: the same messages as files, everyone on their own machine. Long, because
//! each side's command is read beside the one that takes its answer.

use super::args::{CardArgs, CeremonyCommand, PurposeArg};
use super::cards;
use super::ceremonies::{self, standing_word};
use super::error::CliError;
use super::hand_over::{To, hand_over};
use super::open::What;
use super::reshare::by_file;
use super::room::{self, Opened};
use super::rotate::How;
use super::{App, drill_files, files, gap, open};
use crate::ceremony::judge;
use crate::ceremony::recipient::{FinishError, finish, notices};
use crate::event::{Ending, Event, Hash, Mode, Purpose, Shown};
use crate::message::{
    Contribution, DrillPackage, DrillReply, LARGE_CAP, Message, Notices, Package, Release, ReshareFile,
    kind_of,
};
use crate::name::{Factor, Pseudonym, Slug};
use crate::seal::card::{Card, Role};
use crate::state::{Ceremony, Standing};
use crate::vault::ceremony::requester_secret;
use crate::vault::{Log, PublicVault, Vault, VaultError};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Ceremonies that an error names.
const NAMED: usize = 5;

/// `ceremony …`.
pub fn ceremony(app: &mut App<'_>, command: CeremonyCommand) -> Result<(), CliError> {
    match command {
        CeremonyCommand::Request { ask, purpose, factor, out } => {
            let purpose = match purpose {
                PurposeArg::Open => Purpose::Open,
                PurposeArg::Code => Purpose::Code,
                PurposeArg::SignIn => Purpose::SignIn,
            };
            request(app, &ask, What { purpose, factor, mode: Mode::Files }, &out)
        }
        CeremonyCommand::Contribute { file, card, code_file, code_fd, out } => {
            let code = match (code_file, code_fd) {
                (Some(file), _) => Some(cards::secret_from_file(&file)?),
                (None, Some(fd)) => Some(cards::secret_from_fd(app, fd)?),
                (None, None) => None,
            };
            contribute(app, &file, &card, code, out)
        }
        CeremonyCommand::Accept { file } => accept(app, &file),
        CeremonyCommand::Gather { answers, out } => by_file::gather_answers(app, &answers, &out),
        CeremonyCommand::HandOver { round, signed } => by_file::hand_over(app, &round, &signed),
        CeremonyCommand::Finish { organisation, ceremony, card, exec, out, contents, from, codes, wait } => {
            app.witness_wait = wait.witness_timeout.to_duration();
            let to = To::of(exec.as_deref(), contents.as_deref());
            let how = How { exec: exec.as_deref(), from: from.as_deref() };
            finish_here(app, (&organisation, &ceremony), &card, (to, codes, how), out.as_deref())
        }
        CeremonyCommand::Reveal { file, card, exec, out, notice } => {
            let to = To::of(exec.as_deref(), out.as_deref());
            reveal(app, &file, &card, to, notice.as_deref())
        }
        CeremonyCommand::Notice { file } => notice(app, &file),
        CeremonyCommand::Package { organisation, ceremony, out } => {
            package(app, &organisation, &ceremony, &out)
        }
        CeremonyCommand::Close { organisation, ceremony } => {
            end(app, &organisation, &ceremony, Ending::Closed)
        }
        CeremonyCommand::Abort { organisation, ceremony } => {
            end(app, &organisation, &ceremony, Ending::Aborted)
        }
        CeremonyCommand::List { organisation, all } => ceremonies::list(app, &organisation, all),
    }
}

fn request(app: &mut App<'_>, ask: &super::args::AskArgs, what: What, out: &Path) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::FileExists(out.to_owned()));
    }
    let (mut vault, mut log) = app.open_log(&ask.address.organisation)?;
    let (_, ceremony) = open::begin(app, &mut vault, &mut log, ask, what)?;
    write_request(app, (&mut vault, &mut log), &ceremony, out)
}

/// Writes what the custodians need, and says so. A ceremony of which they could not
/// get it is aborted.
pub(super) fn write_request(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    ceremony: &Hash,
    out: &Path,
) -> Result<(), CliError> {
    let written =
        vault.package(log, ceremony).map_err(CliError::from).and_then(|p| files::write_message(out, &p));
    if let Err(error) = written {
        let now = app.now().max(log.state.last);
        vault.end_ceremony(log, ceremony, Ending::Aborted, now)?;
        return Err(error);
    }
    let found = vault.known(log, ceremony)?;
    let expires = found.expires;
    let (_, needed) = judge::overall(&log.state, &found);
    let value = json!({ "ceremony": ceremony, "file": out.display().to_string(), "expires": expires });
    app.emit(value, || {
        format!(
            "Ceremony {} is open until {}. Give {} to the custodians: {needed} of them are needed.",
            ceremony.short(),
            expires.to_minute(),
            out.display()
        )
    });
    Ok(())
}

fn contribute(
    app: &mut App<'_>,
    file: &Path,
    card: &CardArgs,
    code: Option<crate::secret::SecretBytes>,
    out: Option<PathBuf>,
) -> Result<(), CliError> {
    // The file says what it is: whoever answers need not know.
    let bytes = files::read_capped(file, LARGE_CAP as u64)?;
    if kind_of(&bytes).as_deref() == Some(DrillPackage::KIND) {
        let package = files::decode_message(file, &bytes)?;
        return drill_files::contribute(app, &package, card, code, out);
    }
    if kind_of(&bytes).as_deref() == Some(ReshareFile::KIND) {
        return by_file::contribute(app, &files::decode_message(file, &bytes)?, card, code, out);
    }
    let package: Package = files::decode_message(file, &bytes)?;
    let open = cards::unlock(app, card, "the custodian", None)?;
    let who = open.card.card().pseudonym().clone();
    let out = match out {
        Some(out) if out.exists() => return Err(CliError::FileExists(out)),
        Some(out) => out,
        None => files::unused(&who.to_string(), "contribution"),
    };
    let reviewed = room::agree(app, &package, &open, None)?;
    let contribution = room::answer(app, &reviewed, &open, code, None)?;
    files::write_message(&out, &contribution)?;
    let value =
        json!({ "ceremony": contribution.ceremony, "custodian": who, "file": out.display().to_string() });
    app.emit(value, || format!("Wrote {}: give it to the vault's host.", out.display()));
    Ok(())
}

/// The log that knows a ceremony, and the vault.
pub(super) fn log_of(app: &mut App<'_>, ceremony: &Hash) -> Result<(Vault, Log), CliError> {
    let vault = app.open_vault()?;
    let slugs: Vec<_> = vault.state().organisations.values().cloned().collect();
    for slug in slugs {
        if vault.known(&vault.log(&slug)?, ceremony).is_ok() {
            return app.prepare(vault, &slug);
        }
    }
    Err(VaultError::from(judge::NotCounted::UnknownCeremony(*ceremony)).into())
}

fn accept(app: &mut App<'_>, file: &Path) -> Result<(), CliError> {
    let bytes = files::read_capped(file, LARGE_CAP as u64)?;
    if kind_of(&bytes).as_deref() == Some(DrillReply::KIND) {
        return drill_files::accept(app, &files::decode_message(file, &bytes)?);
    }
    if kind_of(&bytes).is_some_and(|kind| by_file::is_answer(&kind)) {
        return Err(CliError::Argument {
            fact: format!("{} is an answer in a resharing", file.display()),
            remedy: "All of them are taken in together: warifu ceremony gather for those of the first round, warifu ceremony hand-over for those of the second.",
        });
    }
    let contribution: Contribution = files::decode_message(file, &bytes)?;
    let (mut vault, mut log) = log_of(app, &contribution.ceremony)?;
    let now = app.now();
    // The same file once more is no mistake that anybody has to mend.
    let before = match vault.accept(&mut log, &contribution, now) {
        Ok(Event::Refused { why, .. }) => {
            let left = judge::tries_left(&log.state, &contribution.custodian, now);
            return Err(CliError::Refused { who: contribution.custodian, why, left });
        }
        Ok(_) => "",
        Err(VaultError::NotCounted(judge::NotCounted::Repeated(None)))
            if vault.known(&log, &contribution.ceremony)?.standing == Standing::Open =>
        {
            " before; nothing need be done"
        }
        Err(error) => return Err(error.into()),
    };
    let found = vault.known(&log, &contribution.ceremony)?;
    let (there, needed) = judge::overall(&log.state, &found);
    let who = &contribution.custodian;
    let short = contribution.ceremony.short();
    let value =
        json!({ "ceremony": contribution.ceremony, "custodian": who, "accepted": there, "needed": needed });
    let slug = log.state.slug.clone();
    app.emit(value, || {
        let next = if there >= needed {
            format!("\nNext: warifu ceremony finish {slug} {short}")
        } else {
            String::new()
        };
        format!("{who} accepted{before}: {there} of {needed}.{next}")
    });
    Ok(())
}

/// A ceremony by the first digits of its hash.
fn by_prefix(vault: &PublicVault, log: &Log, prefix: &str) -> Result<Hash, CliError> {
    let past = vault.past(log, |hash| hash.to_string().starts_with(prefix))?;
    let found: Vec<_> = past.all().keys().collect();
    match found.as_slice() {
        [one] if prefix.len() >= 4 => Ok(**one),
        [] => {
            let error = VaultError::NotFound {
                what: "ceremony",
                name: prefix.to_owned(),
                near: likely(vault.past(log, |_| true)?.all()),
            };
            let organisation = &log.state.slug;
            Err(CliError::from(error).advised(format!(
                "Check the digits; 'warifu ceremony list {organisation} --all' lists every ceremony."
            )))
        }
        _ => {
            let fact = format!("'{prefix}' does not name one ceremony");
            Err(CliError::Argument { fact, remedy: "Give more of its digits." })
        }
    }
}

/// Ceremonies that somebody may have meant: those that are open first, the newest
/// first, and a sign that there are more.
fn likely(ceremonies: &BTreeMap<Hash, Ceremony>) -> Vec<String> {
    let mut all: Vec<_> = ceremonies.iter().collect();
    all.sort_by_key(|(_, c)| (c.standing != Standing::Open, Reverse(c.opened_size)));
    let mut named: Vec<_> = all.iter().take(NAMED).map(|(hash, _)| hash.short()).collect();
    if all.len() > NAMED {
        named.push("…".to_owned());
    }
    named
}

fn finish_here(
    app: &mut App<'_>,
    (organisation, ceremony): (&Slug, &str),
    card: &CardArgs,
    (to, codes, how): (To<'_>, u64, How<'_>),
    out: Option<&Path>,
) -> Result<(), CliError> {
    if out.is_none() && matches!(to, To::Screen) {
        app.ui.can_reveal()?;
    }
    let (mut vault, mut log) = app.open_log(organisation)?;
    let ceremony = by_prefix(&vault, &log, ceremony)?;
    let found = vault.known(&log, &ceremony)?;
    let purpose = found.purpose;
    let first = found.targets.first().and_then(|credential| log.state.versions.get(credential));
    let factor = first.map_or(Factor::Password, |version| version.sealing.factor);
    match (purpose, out) {
        (Purpose::Open | Purpose::Identify, Some(_)) => {}
        (Purpose::Rotate, Some(_)) => {
            return Err(CliError::Argument {
                fact: "what is replaced is sealed anew here, and not carried in a file".to_owned(),
                remedy: "Leave --out out, and give the operator's card here.",
            });
        }
        (Purpose::Rotate, None) => match to {
            To::File(_) => {
                return Err(CliError::Argument {
                    fact: "what is replaced is not written into a file".to_owned(),
                    remedy: "Leave --contents out; a new one is read with --from.",
                });
            }
            To::Screen | To::Command(_) => super::rotate::check_how(how, factor, found.targets.len())?,
        },
        (_, None) if how.from.is_some() => {
            return Err(CliError::Argument {
                fact: "this ceremony replaces nothing".to_owned(),
                remedy: "Leave --from out.",
            });
        }
        (_, Some(_)) => {
            return Err(CliError::Argument {
                fact: "codes are good for a minute: they are given here, not carried in a file".to_owned(),
                remedy: "Leave --out out, and give the operator's card here.",
            });
        }
        (_, None) => to.check(app, factor)?,
    }
    if matches!(found.standing, Standing::Open) {
        let (there, needed) = judge::overall(&log.state, &found);
        if there < needed {
            return Err(missing(&vault, &log, &ceremony));
        }
    }
    if let Some(out) = out {
        return release_to_file(app, &mut vault, &mut log, &ceremony, out);
    }
    let operator = cards::unlock_here(app, (&vault, &log), card, "the operator")?;
    crate::vault::people::check_card(&log.state, operator.card.card(), Role::Operator)?;
    let here = (operator.card.card(), operator.path.as_path());
    if !matches!(purpose, Purpose::Open | Purpose::Identify) {
        let asked = vault.known(&log, &ceremony)?.operator.clone();
        if asked != *here.0.pseudonym() {
            let (came, asked) = (here.0.pseudonym().to_string(), asked.to_string());
            return Err(VaultError::OtherOperator { came, asked }.into());
        }
        if purpose == Purpose::Rotate {
            return super::rotate::finish(app, (&mut vault, &mut log), &operator, (&ceremony, how));
        }
        let asked = (&ceremony, codes, to);
        let done = super::code::give_and_close(app, &mut vault, &mut log, here, asked)?;
        let done = done.ok_or_else(|| missing(&vault, &log, &ceremony))?;
        app.emit(done.value, || done.text);
        return Ok(());
    }
    let contents = match room::open_record(app, &mut vault, &mut log, here, (&ceremony, 0))? {
        Opened::Contents(contents) => contents,
        Opened::Missing => return Err(missing(&vault, &log, &ceremony)),
    };
    let version = open::version(&log, &ceremony);
    let credential = vault.known(&log, &ceremony)?.targets.first().copied();
    let address =
        credential.and_then(|c| log.state.versions.get(&c)).map(|v| log.state.address(&v.sealing.account));
    let title = open::title(&address.clone().unwrap_or_default(), factor, version);
    room::reveal_and_close(app, &mut vault, &mut log, here.0, (&ceremony, &title), (&contents, to))?;
    let value = json!({
        "ceremony": ceremony, "address": address, "factor": factor, "version": version,
        "state": if factor == Factor::Identity { "disclosed" } else { "exposed" },
    });
    app.emit(value, || open::said(factor, &address.unwrap_or_default(), version));
    Ok(())
}

/// Too few shares are there; says whose were set aside.
pub(super) fn missing(vault: &Vault, log: &Log, ceremony: &Hash) -> CliError {
    let found = vault.known(log, ceremony);
    found.map_or_else(CliError::from, |found| {
        let (there, needed) = judge::overall(&log.state, &found);
        let error = CliError::from(VaultError::NoQuorum { there, needed });
        let bad: BTreeSet<_> = found.rejected.iter().map(|(_, who)| who.to_string()).collect();
        let bad: Vec<_> = bad.into_iter().collect();
        let (organisation, short) = (&log.state.slug, ceremony.short());
        match bad.as_slice() {
            [] => error,
            bad => error.advised(format!(
                "Set aside, for it does not prove itself, is the share of {}: another custodian of the group contributes, then 'warifu ceremony finish {organisation} {short}' again.",
                bad.join(", ")
            )),
        }
    })
}

fn release_to_file(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    ceremony: &Hash,
    out: &Path,
) -> Result<(), CliError> {
    if out.exists() {
        return Err(CliError::FileExists(out.to_owned()));
    }
    let now = app.now();
    let mut witnesses = room::witnesses(app, log, (ceremony, 0));
    let release = vault.release_witnessed(log, (ceremony, 0), now, &mut app.rng, &mut witnesses)?;
    files::write_message(out, &release)?;
    let value = json!({ "ceremony": ceremony, "file": out.display().to_string() });
    let (organisation, short) = (&log.state.slug, ceremony.short());
    app.emit(value, || {
        format!(
            "Released, on record. Give {} to the operator, who opens it with 'warifu ceremony reveal {}'; then run 'warifu ceremony close {organisation} {short}'.\nIf a share turns out bad, enter the operator's notice ('warifu ceremony notice {short}.notice'), accept another custodian's share and write the release again while the ceremony is open.",
            out.display(),
            files::as_argument(out)
        )
    });
    Ok(())
}

/// On the operator's own machine: the vault's host never sees the plaintext.
fn reveal(
    app: &mut App<'_>,
    file: &Path,
    card: &CardArgs,
    to: To<'_>,
    out: Option<&Path>,
) -> Result<(), CliError> {
    if let Some(out) = out.filter(|out| out.exists()) {
        return Err(CliError::FileExists(out.to_owned()));
    }
    let release: Release = files::read_message(file)?;
    let asked = &release.signed.request.targets;
    let target = usize::try_from(release.target).ok().and_then(|target| asked.get(target));
    let factor = target.map_or(Factor::Password, |target| target.factor);
    to.check(app, factor)?;
    let operator = cards::unlock(app, card, "the operator", None)?;
    let key = requester_secret(operator.card.card(), &release)?;
    let mut seen = cards::read_seen(&operator.path)?;
    let card = operator.card.card();
    let mut opened = finish(&release, &key, &card.first_entry(), seen.as_ref());
    if let Err(error) = &opened
        && gap::past_in(app, &operator.path, card.pseudonym(), error)?
    {
        seen = cards::read_seen(&operator.path)?;
        opened = finish(&release, &key, &card.first_entry(), seen.as_ref());
    }
    let finished = match opened {
        Ok(finished) => finished,
        Err(error) => {
            if let FinishError::TooFew { bad, .. } = &error {
                write_notice(app, card, &release, (bad, None), out)?;
            }
            cards::show_checkpoints_of(app, &error);
            return Err(VaultError::from(error).into());
        }
    };
    cards::write_seen(&operator.path, &finished.seen)?;
    let written = write_notice(app, card, &release, (&finished.bad, Some(to.shown())), out)?;
    let ceremony = release.signed.request.hash();
    let (address, version) = (&finished.address, finished.version);
    let title = open::title(address, factor, version);
    hand_over(app, &title, &finished.contents, to)?;
    let written = written.map(|path| path.display().to_string());
    let value = json!({
        "ceremony": ceremony, "address": address, "factor": factor, "version": version,
        "bad_shares": finished.bad, "notice": written,
    });
    let organisation = address.split('/').next().unwrap_or_default();
    app.emit(value, || {
        let (done, short) = (open::said(factor, address, version), ceremony.short());
        match factor {
            Factor::Identity => format!("{done}\nTell the vault's host to run 'warifu ceremony close {organisation} {short}'."),
            _ => format!(
                "Opened {title}. It is exposed from now on; tell the vault's host to run 'warifu ceremony close {organisation} {short}'."
            ),
        }
    });
    Ok(())
}

/// Names bad shares, and writes for the host what it cannot know: with a bad share
/// always, else where it was asked for.
fn write_notice(
    app: &mut App<'_>,
    operator: &Card,
    release: &Release,
    (bad, shown): (&[Pseudonym], Option<Shown>),
    out: Option<&Path>,
) -> Result<Option<PathBuf>, CliError> {
    for who in bad {
        app.ui.note(&format!("The share of {who} does not prove itself."));
    }
    if bad.is_empty() && (out.is_none() || shown.is_none()) {
        return Ok(None);
    }
    let ceremony = release.signed.request.hash();
    let notices = notices(operator, (&ceremony, release.target), bad, shown);
    let path = match out {
        Some(out) => {
            files::write_message(out, &notices)?;
            out.to_owned()
        }
        None => {
            let path = PathBuf::from(format!("{}.notice", ceremony.short()));
            files::replace(&path, &notices.encode())?;
            path
        }
    };
    let (shown, named) = (path.display(), files::as_argument(&path));
    app.ui.note(&format!("Wrote {shown}: the vault's host enters it with 'warifu ceremony notice {named}'."));
    Ok(Some(path))
}

/// What the operator found elsewhere goes on record, as the operator's word.
fn notice(app: &mut App<'_>, file: &Path) -> Result<(), CliError> {
    let notices: Notices = files::read_message(file)?;
    let (mut vault, mut log) = log_of(app, &notices.ceremony)?;
    let now = app.now();
    let entered = vault.enter_notices(&mut log, &notices, now)?;
    let found = vault.known(&log, &notices.ceremony)?;
    let (there, needed) = judge::progress(&log.state, &found, notices.target);
    let operator = found.operator.to_string();
    let bad: Vec<_> = notices.rejected.iter().map(|s| s.pseudonym.to_string()).collect();
    let shown = notices.revealed.as_ref().map(|showing| showing.shown);
    let value = json!({
        "ceremony": notices.ceremony, "operator": operator, "bad_shares": bad, "shown": shown,
        "entered": entered, "accepted": there, "needed": needed,
    });
    app.emit(value, || {
        let said = if entered == 0 { "It was on record already" } else { "On record" };
        let mut lines: Vec<_> = bad
            .iter()
            .map(|who| {
                format!("{said}: operator {operator} says that the share of {who} does not prove itself.")
            })
            .collect();
        if let Some(shown) = shown {
            let shown = shown.as_str();
            lines.push(format!("{said}: operator {operator} says that what was opened was shown ({shown})."));
        }
        lines.push(format!("{there} of {needed} shares are left."));
        if there < needed {
            let (organisation, short) = (&log.state.slug, notices.ceremony.short());
            lines.push(format!(
                "Next: another custodian contributes, then 'warifu ceremony finish {organisation} {short}' again."
            ));
        }
        lines.join("\n")
    });
    Ok(())
}

fn package(app: &mut App<'_>, organisation: &Slug, ceremony: &str, out: &Path) -> Result<(), CliError> {
    let (vault, log) = app.open_log(organisation)?;
    let ceremony = by_prefix(&vault, &log, ceremony)?;
    files::write_message(out, &vault.package(&log, &ceremony)?)?;
    let value = json!({ "ceremony": ceremony, "file": out.display().to_string() });
    app.emit(value, || format!("Wrote {}: give it to the custodians.", out.display()));
    Ok(())
}

/// Closed, if it was released; aborted, if not.
fn end(app: &mut App<'_>, organisation: &Slug, ceremony: &str, how: Ending) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(organisation)?;
    let ceremony = by_prefix(&vault, &log, ceremony)?;
    if how == Ending::Closed && vault.known(&log, &ceremony)?.released.is_empty() {
        let fact = format!("ceremony {} has released nothing that could be closed", ceremony.short());
        let remedy = format!("Stop it with 'warifu ceremony abort {organisation} {}'.", ceremony.short());
        return Err(CliError::Argument { fact, remedy: "" }.advised(remedy));
    }
    let now = app.now();
    vault.end_ceremony(&mut log, &ceremony, how, now)?;
    let word = standing_word(Standing::Ended(how));
    let value = json!({ "ceremony": ceremony, "state": word });
    app.emit(value, || format!("Ceremony {} is {word}; that is on record.", ceremony.short()));
    Ok(())
}
