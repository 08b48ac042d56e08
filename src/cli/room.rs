//! What `open` and the file flow share on the operator's side: collecting
//! shares in the room, opening the record, handing it over.

use super::args::CardArgs;
use super::cards::{self, OpenCard};
use super::error::{CliError, refusal_remedy, wrong_code};
use super::hand_over::{To, hand_over};
use super::table::counted;
use super::ui::{Kind, Prompt};
use super::{App, gap, interrupted};
use crate::ceremony::custodian::{Review, ReviewError, Seen, ShownTarget, Whose, compare, review};
use crate::ceremony::judge;
use crate::ceremony::recipient::{FinishError, finish, notices};
use crate::event::{Ending, Event, Hash, Purpose, Refusal, printable};
use crate::http::client::HttpWitnesses;
use crate::log::note::Cosigner;
use crate::message::{Contribution, Package};
use crate::name::{Factor, Pseudonym};
use crate::seal::card::Card;
use crate::seal::contents::Contents;
use crate::secret::SecretBytes;
use crate::time::Time;
use crate::vault::ceremony::requester_secret;
use crate::vault::witness::cosign_note;
use crate::vault::{Log, Vault, VaultError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What would be opened, in plain words.
pub fn plain_words(review: &Review) -> String {
    let request = review.request();
    let mut lines = vec![String::new(), asked_for(request.purpose, &review.targets).to_owned()];
    let all = review.targets.len();
    if all > NAMED_TARGETS {
        lines.extend(by_project(&review.targets));
    }
    // Of a long list only what is not as usual is named.
    let shown = |target: &&ShownTarget| all <= NAMED_TARGETS || is_unusual(target);
    for target in review.targets.iter().filter(shown) {
        lines.push(named(target));
        if target.replaced {
            lines.push(
                "      note: it was replaced already in this ceremony, and is opened no more".to_owned(),
            );
        }
        if target.weakened > 0 {
            lines.push(format!(
                "      note: weakened: shares of {} were given in ceremonies that came to nothing",
                counted(target.weakened, "custodian")
            ));
        }
        if let (Some(since), Whose::Person(_)) = (target.exposed, &target.whose) {
            lines.push(format!("      note: it was disclosed before, at {}", since.to_minute()));
        } else if let Some(since) = target.exposed {
            lines.push(format!(
                "      note: EXPOSED already, since {}: it was released before",
                since.to_minute()
            ));
        }
        if let Some(since) = target.exposed_to_host {
            lines.push(format!(
                "      note: codes were made of it before: the host could know it since {}",
                since.to_minute()
            ));
        }
    }
    lines.push(format!("  for     operator {}", request.operator));
    lines.push(format!("  why     {}", printable(&review.reason)));
    if let Some(ticket) = &review.ticket {
        lines.push(format!("  ticket  {}", printable(ticket)));
    }
    lines.push(format!("  until   {}", request.expires.to_minute()));
    lines.push(format!("  ceremony {}", request.hash().short()));
    lines.join("\n")
}

/// A target in a line.
fn named(target: &ShownTarget) -> String {
    let not_current = match target.current {
        current if current == target.version => String::new(),
        0 if matches!(target.whose, Whose::Person(_)) => String::new(),
        0 => ", of an account without a current version".to_owned(),
        current => format!(", NOT the current one, which is {current}"),
    };
    let ShownTarget { address, factor, version, .. } = target;
    match &target.whose {
        Whose::Account { provider, external_id } => format!(
            "    {address} ({provider} account {external_id}), the {factor} of version {version}{not_current}"
        ),
        Whose::Person(who) => {
            let organisation = address.split('/').next().unwrap_or_default();
            format!(
                "    who the pseudonym {who} of {organisation} is: name and contact, version {version}{not_current}"
            )
        }
    }
}

/// Targets that are named one by one; of more their projects are.
const NAMED_TARGETS: usize = 12;

fn asked_for(purpose: Purpose, targets: &[ShownTarget]) -> &'static str {
    let all = |factor| targets.iter().all(|target| target.factor == factor);
    match purpose {
        Purpose::Open => "You are asked to help open:",
        Purpose::Rotate if all(Factor::Password) => {
            "You are asked to help replace (what is there is opened, a new password sealed):"
        }
        Purpose::Rotate if all(Factor::Mfa) => {
            "You are asked to help replace an authenticator (codes are made of what is there, nobody gets the seed, a new one is sealed):"
        }
        Purpose::Rotate => "You are asked to help replace (what is there is opened, a new one sealed):",
        Purpose::Code => "You are asked to help make codes; nobody gets the seed:",
        Purpose::SignIn => "You are asked to help sign in; nobody gets the MFA seed, but codes:",
        Purpose::Identify => "You are asked to help disclose a person:",
    }
}

/// Whether something of a target must not drown in a long list.
fn is_unusual(target: &ShownTarget) -> bool {
    target.version != target.current
        || target.weakened > 0
        || target.exposed.is_some()
        || target.exposed_to_host.is_some()
        || target.replaced
}

/// How many accounts of each project a list has.
fn by_project(targets: &[ShownTarget]) -> Vec<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for target in targets {
        let project = target.address.rsplit_once('/').map_or("", |(project, _)| project);
        *counts.entry(project).or_default() += 1;
    }
    let lines =
        counts.iter().map(|(project, count)| format!("    {project}: {}", counted(*count, "account")));
    lines.chain([format!("  in all  {}", counted(targets.len(), "account"))]).collect()
}

/// A custodian's part before the code: review and agreement. What was seen is
/// kept before anything is answered.
pub fn agree(
    app: &mut App<'_>,
    package: &Package,
    open: &OpenCard,
    deadline: Option<Time>,
) -> Result<Review, CliError> {
    let reviewed = cards::reviewed(app, open, |card, seen, now| review(package, card, seen, now))?;
    let card = open.card.card();
    cards::write_seen(&open.path, reviewed.seen())?;
    let words = plain_words(&reviewed);
    app.ui.note(&words);
    app.confirm(&format!("{}, do you agree?", card.pseudonym()), deadline)?;
    let count = reviewed.targets.len();
    if count > NAMED_TARGETS && !app.yes {
        // Whoever agrees to many has read how many.
        let text = "How many accounts are that?";
        let typed = app.ui.line(&Prompt::new(Kind::Count, text, "Use --yes.").until(deadline))?;
        if typed != count.to_string() {
            return Err(CliError::NotConfirmed);
        }
    }
    Ok(reviewed)
}

/// What is said to somebody who typed no code.
pub const NO_CODE: &str = "A code has six digits, without a blank. Nothing was entered; type it again.";

/// Whether something has the form of a code: a slip costs no attempt.
pub fn is_code(typed: &SecretBytes) -> bool {
    typed.len() == 6 && typed.expose().iter().all(u8::is_ascii_digit)
}

/// The code, and the answer.
pub fn answer(
    app: &mut App<'_>,
    reviewed: &Review,
    open: &OpenCard,
    code: Option<SecretBytes>,
    deadline: Option<Time>,
) -> Result<Contribution, CliError> {
    let card = open.card.card();
    let code = match code {
        Some(code) => code,
        None => ask_code(app, card.pseudonym(), deadline)?,
    };
    let at = app.now();
    Ok(reviewed.contribute(card, &code, at, &mut app.rng)?)
}

/// Asks until something has the form of a code.
pub fn ask_code(app: &mut App<'_>, who: &Pseudonym, deadline: Option<Time>) -> Result<SecretBytes, CliError> {
    let text = format!("TOTP code of {who}");
    let prompt = Prompt::new(Kind::Code(who.to_string()), text, "Use --code-file FILE or --code-fd N.");
    let prompt = prompt.until(deadline);
    loop {
        let code = app.ui.secret(&prompt)?;
        if is_code(&code) {
            return Ok(code);
        }
        app.ui.note(NO_CODE);
    }
}

/// One custodian after another until the quorum of each target that was not opened
/// yet is complete. Whatever one of them does wrong costs only that attempt; a card
/// whose owner has seen another log than this one stops the ceremony.
pub fn collect_in_room(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    ceremony: &Hash,
    present: &mut Vec<Present>,
) -> Result<(), CliError> {
    loop {
        let (expires, there, needed) = standing(vault, log, ceremony)?;
        if there >= needed {
            return Ok(());
        }
        if app.now() > expires {
            return Err(CliError::Expired { there, needed });
        }
        let who = format!("custodian {} of {needed}", there + 1);
        match one_in_room(app, vault, log, ceremony, &who, expires) {
            Ok(one) => present.extend(one),
            Err(error) if interrupted(&error) => return Err(error),
            Err(CliError::Ui(super::ui::UiError::Deadline)) => {
                return Err(CliError::Expired { there, needed });
            }
            Err(CliError::Review(why @ (ReviewError::RolledBack { .. } | ReviewError::Forked { .. }))) => {
                return Err(CliError::OtherHistory(why));
            }
            // Calling somebody else does not mend these.
            Err(
                error @ (CliError::Vault(VaultError::Store(_) | VaultError::BadEntry { .. })
                | CliError::Ui(_)),
            ) => return Err(error),
            Err(CliError::NotConfirmed) => app.ui.note(
                "Nothing was entered for this. Call another custodian, or press Ctrl-C to abort the ceremony.",
            ),
            Err(error) => app.ui.note(&format!("{error}. {}", error.remedy())),
        }
    }
}

fn standing(vault: &Vault, log: &Log, ceremony: &Hash) -> Result<(Time, usize, usize), CliError> {
    let found = vault.known(log, ceremony)?;
    let (there, needed) = judge::overall(&log.state, &found);
    Ok((found.expires, there, needed))
}

fn one_in_room(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    ceremony: &Hash,
    who: &str,
    expires: Time,
) -> Result<Option<Present>, CliError> {
    let none = CardArgs::default();
    let open = cards::unlock(app, &none, who, Some(expires))?;
    let custodian = open.card.card().pseudonym().clone();
    // Others may have written while the card was fetched, and its owner have seen that.
    vault.catch_up(log, app.now())?;
    if vault.known(log, ceremony)?.accepted.contains_key(&custodian) {
        return Err(CliError::ContributedAlready(custodian));
    }
    let package = vault.package(log, ceremony)?;
    let reviewed = agree(app, &package, &open, Some(expires))?;
    check_clock(app, log, Some(expires))?;
    loop {
        let contribution = answer(app, &reviewed, &open, None, Some(expires))?;
        let now = app.now();
        let Event::Refused { why, .. } = vault.accept(log, &contribution, now)? else { break };
        let remedy = match why {
            Refusal::WrongCode => wrong_code(judge::tries_left(&log.state, &custodian, now)),
            why => refusal_remedy(why).to_owned(),
        };
        app.ui.note(&format!("Refused ({}), and that is on record. {remedy}", why.as_str()));
        // The card is on the table: a wrong code costs the code alone.
        if !matches!(why, Refusal::WrongCode | Refusal::ReplayedCode | Refusal::Stale) {
            return Ok(None);
        }
    }
    let (_, there, needed) = standing(vault, log, ceremony)?;
    app.ui.note(&format!("{custodian} accepted: {there} of {needed}."));
    let cosigner = reviewed.cosigner(open.card.card())?;
    Ok(Some(Present { who: custodian, cosigner, path: open.path, seen: reviewed.seen().clone() }))
}

/// A custodian who contributed in the room. Of the card nothing is kept but the
/// key that cosigns checkpoints, until the ceremony has ended.
pub struct Present {
    who: Pseudonym,
    cosigner: Cosigner,
    path: PathBuf,
    seen: Seen,
}

impl Present {
    /// Somebody who took part, by the key that cosigns.
    pub fn new(who: Pseudonym, cosigner: Cosigner, path: PathBuf, seen: Seen) -> Self {
        Self { who, cosigner, path, seen }
    }
}

/// Each contributor's card cosigns the log as it is now, after the ceremony,
/// where it extends what the card saw. What it cosigns it has then seen.
fn cosign_the_end(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    present: &[Present],
) -> Result<(), CliError> {
    let now = vault.catch_up(log, app.now())?;
    let shown = vault.shown(log)?;
    let mut cosigned = Vec::new();
    for one in present {
        if let Err(why) = compare(&shown, &one.seen, vault.root_at(log, one.seen.size)?) {
            cards::show_checkpoints(app, &why);
            app.ui.note(&format!("{} does not cosign: {why}.", one.who));
            continue;
        }
        if let Err(why) = cards::write_seen(&one.path, &shown) {
            app.ui.note(&format!("{} does not cosign, for what it has seen cannot be kept: {why}.", one.who));
            continue;
        }
        cosigned.push(cosign_note(&shown.checkpoint, &one.cosigner, now)?);
    }
    vault.add_cosignatures(log, &cosigned)?;
    Ok(())
}

/// The same where a failure is only worth a word: what the ceremony was for is
/// done, and on record.
pub fn cosign_if_possible(app: &mut App<'_>, vault: &mut Vault, log: &mut Log, present: &[Present]) {
    if let Err(why) = cosign_the_end(app, vault, log, present) {
        app.ui.note(&format!("The custodians' cards did not cosign the log: {why}. {}", why.remedy()));
    }
}

/// A clock far ahead of the log while people contribute is worth a question:
/// what it stamps can never be undone.
pub fn check_clock(app: &mut App<'_>, log: &Log, deadline: Option<Time>) -> Result<(), CliError> {
    app.check_ahead(log.state.last, crate::time::Span::hours(1), deadline)
}

/// What [`open_record`] came to.
pub enum Opened {
    /// What was sealed.
    Contents(Contents),
    /// Bad shares were named and set aside; others must take their place.
    Missing,
}

/// Those who can be asked to cosign a release, and a word to whoever waits.
pub fn witnesses(app: &mut App<'_>, log: &Log, (ceremony, target): (&Hash, u64)) -> HttpWitnesses {
    let place = usize::try_from(target).unwrap_or(usize::MAX);
    let found = log.state.ceremonies.get(ceremony).and_then(|c| c.targets.get(place));
    let version = found.and_then(|credential| log.state.versions.get(credential));
    if let Some(policy) = version.and_then(|v| log.state.policy_of(&v.sealing.group)) {
        super::audit::cosign::asking(app, policy.witnesses());
    }
    HttpWitnesses::new(app.witness_wait)
}

/// Releases, verifies every share, names the bad ones and opens the record.
pub fn open_record(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    (operator, seen_beside): (&Card, &Path),
    of: (&Hash, u64),
) -> Result<Opened, CliError> {
    let now = app.now();
    let mut witnesses = witnesses(app, log, of);
    let release = vault.release_witnessed(log, of, now, &mut app.rng, &mut witnesses)?;
    let key = requester_secret(operator, &release)?;
    match finish(&release, &key, &operator.first_entry(), cards::read_seen(seen_beside)?.as_ref()) {
        Ok(finished) => {
            cards::write_seen(seen_beside, &finished.seen)?;
            vault.enter_notices(log, &notices(operator, of, &finished.bad, None), now)?;
            name_bad(app, &finished.bad);
            Ok(Opened::Contents(finished.contents))
        }
        Err(FinishError::TooFew { bad, .. }) => {
            vault.enter_notices(log, &notices(operator, of, &bad, None), now)?;
            name_bad(app, &bad);
            Ok(Opened::Missing)
        }
        Err(error) if gap::past_in(app, seen_beside, operator.pseudonym(), &error)? => {
            open_record(app, vault, log, (operator, seen_beside), of)
        }
        Err(error) => {
            cards::show_checkpoints_of(app, &error);
            Err(VaultError::from(error).into())
        }
    }
}

/// Says whose share is bad.
pub fn name_bad(app: &mut App<'_>, bad: &[crate::name::Pseudonym]) {
    for who in bad {
        app.ui.note(&format!(
            "The share of {who} does not prove itself: it is set aside, and that is on record."
        ));
    }
}

/// Enters that the record was opened, closes the ceremony, and shows.
pub fn reveal_and_close(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    (ceremony, title): (&Hash, &str),
    (contents, to): (&Contents, To<'_>),
) -> Result<(), CliError> {
    reveal(app, vault, log, operator, (ceremony, title), (contents, to))?;
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
    Ok(())
}

/// Enters that the record was opened, and shows. Where handing over fails the
/// ceremony stays open, so that it can be finished again until its window is over.
pub fn reveal(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    (ceremony, title): (&Hash, &str),
    (contents, to): (&Contents, To<'_>),
) -> Result<(), CliError> {
    let now = app.now();
    vault.enter_notices(log, &notices(operator, (ceremony, 0), &[], Some(to.shown())), now)?;
    hand_over(app, title, contents, to)
}

/// An interrupted or failed ceremony is ended, on record, and the error passed on.
pub fn abort_on_error<T>(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    ceremony: &Hash,
    result: Result<T, CliError>,
) -> Result<T, CliError> {
    let Err(error) = result else { return result };
    let how = match &error {
        CliError::Expired { .. } => Ending::Expired,
        // Nobody is to give a share to a log that is in doubt; those that were given go.
        CliError::OtherHistory(_) => Ending::Aborted,
        error if interrupted(error) => Ending::Aborted,
        _ => return Err(error),
    };
    let now = app.now().max(log.state.last);
    vault.end_ceremony(log, ceremony, how, now)?;
    match &error {
        CliError::Ui(super::ui::UiError::Interrupted) => Err(CliError::Aborted),
        _ => Err(error),
    }
}
