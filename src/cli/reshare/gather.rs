//! Who takes part in a resharing in the room: one custodian after another until there
//! are as many as the old group's threshold.

use super::super::App;
use super::super::args::CardArgs;
use super::super::cards::{self, OpenCard};
use super::super::error::{CliError, refusal_remedy, wrong_code};
use super::super::room::{self, check_clock};
use super::super::ui::{Kind, Prompt, UiError};
use super::super::{files, interrupted};
use super::tell;
use crate::ceremony::custodian::{ReviewError, cosigner};
use crate::ceremony::judge;
use crate::ceremony::reshare::{ReshareReview, SignedLast, review};
use crate::event::{Event, GroupEpoch, Hash, Refusal};
use crate::hex::Bytes;
use crate::seal::sign;
use crate::time::Time;
use crate::vault::{Log, Vault, VaultError};
use std::path::{Path, PathBuf};

/// Longest file of what a card has signed last, in bytes.
const SIGNED_CAP: u64 = 4096;

/// A custodian whose code was right, with the card on the table until all is done.
pub struct Contributor {
    /// The card.
    pub open: OpenCard,
    /// What the card's machine found to be in order.
    pub review: ReshareReview,
}

/// Calls custodians until there are just as many as are needed. Cards that are on the
/// table already come first. Whatever one of them does wrong costs only that attempt; a
/// card whose owner has seen another log than this one stops the ceremony.
pub fn quorum(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    ceremony: &Hash,
    waiting: &mut Vec<OpenCard>,
    present: &mut Vec<Contributor>,
) -> Result<(), CliError> {
    loop {
        let found = vault.known(log, ceremony)?;
        let ((_, needed), expires) = (judge::overall(&log.state, &found), found.expires);
        let there = present.len();
        if there >= needed {
            return Ok(());
        }
        if app.now() > expires {
            return Err(CliError::Expired { there, needed });
        }
        let next = if waiting.is_empty() { None } else { Some(waiting.remove(0)) };
        let who = format!("custodian {} of {needed}", there + 1);
        match one(app, (&mut *vault, &mut *log), ceremony, (next, &who), present, expires) {
            Ok(Some(contributor)) => {
                let name = contributor.open.card.card().pseudonym();
                app.ui.note(&format!("{name} takes part: {} of {needed}.", there + 1));
                present.push(contributor);
            }
            Ok(None) => {}
            Err(error) if interrupted(&error) => return Err(error),
            Err(CliError::Ui(UiError::Deadline)) => return Err(CliError::Expired { there, needed }),
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

fn one(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    ceremony: &Hash,
    (next, who): (Option<OpenCard>, &str),
    present: &[Contributor],
    expires: Time,
) -> Result<Option<Contributor>, CliError> {
    let none = CardArgs::default();
    let mut open = match next {
        Some(open) => open,
        None => cards::unlock(app, &none, who, Some(expires))?,
    };
    let custodian = open.card.card().pseudonym().clone();
    // Others may have written while the card was fetched, and its owner have seen that.
    vault.catch_up(log, app.now())?;
    let found = vault.known(log, ceremony)?;
    if present.iter().any(|one| *one.open.card.card().pseudonym() == custodian) {
        return Err(CliError::ContributedAlready(custodian));
    }
    if found.reshare.as_ref().is_some_and(|reshare| reshare.rejected.contains(&custodian)) {
        return Err(CliError::SetAside(custodian));
    }
    let accepted = found.accepted.contains_key(&custodian);
    if let Some(reshare) = &found.reshare {
        remember_epoch(app, log, reshare.to, &mut open)?;
    }
    let reviewed = reviewed(app, (&*vault, &*log), ceremony, &open)?;
    agree(app, &reviewed, &open, expires)?;
    check_clock(app, log, Some(expires))?;
    // Whose code was right in this ceremony before has shown the second factor.
    if !accepted && !code(app, (vault, log), &reviewed, &open, expires)? {
        return Ok(None);
    }
    Ok(Some(Contributor { open, review: reviewed }))
}

/// A refresh that ended early may have left a card that does not remember the epoch that
/// it signed. The statement in the log has its own signature: it signs no other.
fn remember_epoch(app: &mut App<'_>, log: &Log, to: GroupEpoch, open: &mut OpenCard) -> Result<(), CliError> {
    let card = open.card.card();
    let known = card.statement(to.group, to.epoch).is_some();
    let Some(group) = log.state.statement(&to.group, to.epoch).filter(|_| !known) else { return Ok(()) };
    let digest = group.digest(&log.state.id);
    let index = group.index_of(card.pseudonym()).map(|index| usize::from(index) - 1);
    let Some(own) = index.and_then(|index| group.signatures.get(index)) else { return Ok(()) };
    if sign::verify(&card.signing_key().public(), &digest, own) {
        open.card.card_mut().remember_statement(to.group, to.epoch, Bytes(digest))?;
        cards::save(app, open)?;
    }
    Ok(())
}

/// The card's machine checks all that it can check. What was seen is kept before
/// anything is answered.
fn reviewed(
    app: &mut App<'_>,
    (vault, log): (&Vault, &Log),
    ceremony: &Hash,
    open: &OpenCard,
) -> Result<ReshareReview, CliError> {
    let package = vault.reshare_package(log, ceremony)?;
    let reviewed = cards::reviewed(app, open, |card, seen, now| review(&package, card, seen, now))?;
    cards::write_seen(&open.path, reviewed.seen())?;
    Ok(reviewed)
}

/// After somebody was set aside the others look at the log again: only what it says lets
/// them sign anew.
pub fn again(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    ceremony: &Hash,
    present: &mut Vec<Contributor>,
) -> Result<(), CliError> {
    let found = here.0.known(here.1, ceremony)?;
    let aside = found.reshare.as_ref().map(|reshare| &reshare.rejected);
    present.retain(|one| aside.is_none_or(|aside| !aside.contains(one.open.card.card().pseudonym())));
    for one in present {
        one.review = reviewed(app, here, ceremony, &one.open)?;
    }
    Ok(())
}

/// A custodian reads what would be done and the new group's twelve words, and agrees.
pub fn agree(
    app: &mut App<'_>,
    reviewed: &ReshareReview,
    open: &OpenCard,
    expires: Time,
) -> Result<(), CliError> {
    app.ui.note(&tell::plain_words(reviewed));
    let who = open.card.card().pseudonym();
    let question = format!("{who}, are these the words of the new group, and do you agree?");
    app.confirm(&question, Some(expires))?;
    if !app.yes {
        // Whoever hands over so much has read how much.
        let text = "How many versions are that?";
        let prompt = Prompt::new(Kind::Count, text, "Use --yes.").until(Some(expires));
        if app.ui.line(&prompt)? != reviewed.left().len().to_string() {
            return Err(CliError::NotConfirmed);
        }
    }
    Ok(())
}

/// Asks until a code is accepted; whether it was.
fn code(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    reviewed: &ReshareReview,
    open: &OpenCard,
    expires: Time,
) -> Result<bool, CliError> {
    let card = open.card.card();
    loop {
        let typed = room::ask_code(app, card.pseudonym(), Some(expires))?;
        let now = app.now();
        let contribution = reviewed.agree(card, &typed, now, &mut app.rng)?;
        let Event::Refused { why, .. } = vault.accept(log, &contribution, now)? else { return Ok(true) };
        let remedy = match why {
            Refusal::WrongCode => wrong_code(judge::tries_left(&log.state, card.pseudonym(), now)),
            why => refusal_remedy(why).to_owned(),
        };
        app.ui.note(&format!("Refused ({}), and that is on record. {remedy}", why.as_str()));
        // The card is on the table: a wrong code costs the code alone.
        if !matches!(why, Refusal::WrongCode | Refusal::ReplayedCode | Refusal::Stale) {
            return Ok(false);
        }
    }
}

/// Each contributor's card cosigns the log as it is now; a failure is only worth a word.
pub fn cosign_the_end(app: &mut App<'_>, (vault, log): (&mut Vault, &mut Log), present: &[Contributor]) {
    let cards: Vec<_> = present
        .iter()
        .filter_map(|one| {
            let (card, review) = (one.open.card.card(), &one.review);
            let key = cosigner(card, review.origin()).ok()?;
            Some(room::Present::new(
                card.pseudonym().clone(),
                key,
                one.open.path.clone(),
                review.seen().clone(),
            ))
        })
        .collect();
    room::cosign_if_possible(app, vault, log, &cards);
}

/// Where it is kept what a card signed last in resharings.
fn signed_path(card: &Path) -> PathBuf {
    let mut name = card.file_name().unwrap_or_default().to_owned();
    name.push(".reshared");
    card.with_file_name(name)
}

/// What the card signed last, if anything.
pub fn read_signed(card: &Path) -> Result<Option<SignedLast>, CliError> {
    let path = signed_path(card);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read_capped(&path, SIGNED_CAP)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| CliError::SignedDamaged(path))
}

/// Keeps what a card is about to sign.
pub fn write_signed(card: &Path, signed: &SignedLast) -> Result<(), CliError> {
    let bytes = serde_json::to_vec_pretty(signed).expect("what was signed is strings and numbers");
    files::replace(&signed_path(card), &bytes)
}
