//! `reshare` and `refresh`, in one room or by files (`by_file`): a quorum hands over what
//! its group holds, part after part, to another group or to its own next epoch. What the
//! cards check and sign is in `ceremony::reshare`, what is entered in `vault::reshare`.
//!
//! Whatever ends this early leaves each version with one group or with the other, and
//! the next run goes on from there.

pub mod by_file;
mod gather;
mod renew;
mod tell;

use super::args::{RefreshArgs, ReshareArgs, ReshareAskArgs};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::progress::Progress;
use super::room;
use super::{App, Rng};
use crate::ceremony::reshare::{CheckError, CheckedChunk, Chunk, SignRefusal};
use crate::event::{Ending, GroupEpoch, GroupStatement, Hash, Mode, Signed};
use crate::message::Redealt;
use crate::name::Pseudonym;
use crate::state::{Invalid, Organisation};
use crate::time::{Span, Time};
use crate::vault::reshare::{Cleared, ReshareAsk, oldest_held, plan};
use crate::vault::{Log, Vault, VaultError, group};
use gather::Contributor;
use std::{panic, thread};

/// How long a resharing stays open, unless another time is asked for: whoever comes
/// reads twelve words, and all versions have to be done within it.
const WINDOW: Span = Span::hours(1);

/// `reshare`.
pub fn reshare(app: &mut App<'_>, args: &ReshareArgs) -> Result<(), CliError> {
    if args.group.organisation != args.to.organisation {
        let fact = format!("{} and {} are of different organisations", args.group, args.to);
        return Err(CliError::Argument { fact, remedy: "Name a group of the same organisation." });
    }
    check_reason(&args.ask)?;
    if args.ask.dry_run {
        let (_, log) = app.read_log(&args.group.organisation)?;
        let (from, to) = groups(&log.state, args)?;
        return tell::dry_run(app, &plan(&log.state, &from, &to, app.now())?);
    }
    let (mut vault, mut log) = app.open_log(&args.group.organisation)?;
    let (from, to) = groups(&log.state, args)?;
    let hand_over = HandOver { from: (&from).into(), to: (&to).into() };
    hand_over.run(app, (&mut vault, &mut log), &args.ask, Vec::new())
}

/// `refresh`.
pub fn refresh(app: &mut App<'_>, args: &RefreshArgs) -> Result<(), CliError> {
    check_reason(&args.ask)?;
    if args.ask.dry_run {
        let (_, log) = app.read_log(&args.group.organisation)?;
        let present = group::group(&log.state, &args.group.name)?;
        let from = oldest_held(&log.state, present);
        return tell::dry_run(app, &renew::plan(&log.state, from, present)?);
    }
    let (mut vault, mut log) = app.open_log(&args.group.organisation)?;
    let present = group::group(&log.state, &args.group.name)?.clone();
    let from = oldest_held(&log.state, &present).clone();
    // A refresh that was not finished goes on to the epoch that it began.
    let (next, cards) = match from.epoch == present.epoch {
        true => {
            log.state.reshare_free(GroupEpoch::from(&from)).map_err(VaultError::from)?;
            renew::next_epoch(app, (&mut vault, &mut log), &from)?
        }
        false => (present, Vec::new()),
    };
    let hand_over = HandOver { from: (&from).into(), to: (&next).into() };
    hand_over.run(app, (&mut vault, &mut log), &args.ask, cards)
}

fn check_reason(ask: &ReshareAskArgs) -> Result<(), CliError> {
    if ask.dry_run { Ok(()) } else { super::open::check_reason(&ask.reason) }
}

/// Who holds it, in the oldest epoch in which that is anything, and who is to.
fn groups(state: &Organisation, args: &ReshareArgs) -> Result<(GroupStatement, GroupStatement), VaultError> {
    let from = oldest_held(state, group::group(state, &args.group.name)?).clone();
    Ok((from, group::group(state, &args.to.name)?.clone()))
}

/// From whom to whom.
#[derive(Clone, Copy)]
pub struct HandOver {
    from: GroupEpoch,
    to: GroupEpoch,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Done {
    versions: u64,
    cleared: Cleared,
    rejected: Vec<Pseudonym>,
}

impl HandOver {
    /// All of it, or what an earlier run has left. `cards` are on the table already.
    fn run(
        self,
        app: &mut App<'_>,
        (vault, log): (&mut Vault, &mut Log),
        ask: &ReshareAskArgs,
        cards: Vec<OpenCard>,
    ) -> Result<(), CliError> {
        if let Some(out) = &ask.request {
            return by_file::request(self, app, (vault, log), ask, out);
        }
        // What an earlier run replaced and did not come to destroy.
        let cleared = vault.clear_replaced(log, app.now(), &mut app.rng)?;
        let mut done = Done { cleared, ..Done::default() };
        let ceremony = match self.open_already(app, log)? {
            Some(ceremony) => Some(ceremony),
            None => self.open(app, (&mut *vault, &mut *log), ask, cleared.dealings > 0)?,
        };
        if let Some(ceremony) = &ceremony {
            let result = self.hold(app, (&mut *vault, &mut *log), ceremony, cards, &mut done);
            // A card has signed for an attempt that came to nothing, in a run that ended
            // early: once the log says that it did, it may sign anew.
            if matches!(result, Err(CliError::NotSigned(_))) {
                let now = app.now().max(log.state.last);
                vault.end_ceremony(log, ceremony, Ending::Aborted, now)?;
            }
            // What was done before an end that came early is done.
            let result = room::abort_on_error(app, vault, log, ceremony, result);
            if let Err(error) = result {
                if done.versions > 0 {
                    tell::so_far(app, &log.state, self.from, &done);
                }
                return Err(error);
            }
        }
        tell::report(app, &log.state, (self.from, self.to), ceremony.as_ref(), &done);
        Ok(())
    }

    /// The ceremony that an earlier run has opened for the same, if its window is not
    /// over. One for something else stands in the way.
    fn open_already(self, app: &mut App<'_>, log: &Log) -> Result<Option<Hash>, CliError> {
        let Some((hash, open)) = log.state.open_reshare(self.from) else { return Ok(None) };
        if open.reshare.as_ref().is_none_or(|reshare| reshare.to != self.to) {
            return Err(VaultError::Invalid(Invalid::CeremonyBusy).into());
        }
        let (until, left) = (open.expires.to_minute(), log.state.reshare_left(open).len());
        app.ui.note(&format!(
            "Ceremony {} is open until {until} and goes on: {} of {} are left. Who was accepted needs no other code.",
            hash.short(),
            left,
            super::table::counted(open.targets.len(), "version")
        ));
        Ok(Some(*hash))
    }

    /// The operator's card signs the request; `None` where nothing was left but old
    /// dealings, which are destroyed by now.
    fn open(
        self,
        app: &mut App<'_>,
        (vault, log): (&mut Vault, &mut Log),
        ask: &ReshareAskArgs,
        cleared: bool,
    ) -> Result<Option<Hash>, CliError> {
        match log.state.reshare_refused(self.from, self.to) {
            Err(Invalid::HoldsNothing(_)) if cleared => return Ok(None),
            refused => refused.map_err(VaultError::from)?,
        };
        let operator = cards::unlock_here(app, (&*vault, &*log), &ask.card, "the operator")?;
        let (mode, window) = match ask.request {
            Some(_) => (Mode::Files, by_file::WINDOW),
            None => (Mode::Room, WINDOW),
        };
        let window = ask.window.unwrap_or(window);
        let (reason, ticket) = (ask.reason.as_str(), ask.ticket.as_deref());
        let asked = ReshareAsk { from: self.from, to: self.to, reason, ticket, window, mode };
        let now = app.now();
        let ceremony = vault.open_reshare(log, operator.card.card(), &asked, now, &mut app.rng)?;
        cards::remember(app, (vault, log), &operator.path);
        // By files the request says so when it is written.
        if ask.request.is_some() {
            return Ok(Some(ceremony));
        }
        let found = vault.known(log, &ceremony)?;
        let (_, needed) = crate::ceremony::judge::overall(&log.state, &found);
        app.ui.note(&format!(
            "Ceremony {} is open until {}: {needed} custodians are needed.",
            ceremony.short(),
            found.expires.to_minute()
        ));
        Ok(Some(ceremony))
    }

    fn hold(
        self,
        app: &mut App<'_>,
        (vault, log): (&mut Vault, &mut Log),
        ceremony: &Hash,
        cards: Vec<OpenCard>,
        done: &mut Done,
    ) -> Result<(), CliError> {
        let mut waiting = cards;
        let mut present = Vec::new();
        let all = vault.known(log, ceremony)?.targets.len() as u64;
        let mut progress = None;
        loop {
            let open = vault.known(log, ceremony)?;
            let (left, expires) = (log.state.reshare_left(&open).len() as u64, open.expires);
            if left == 0 {
                break;
            }
            gather::quorum(app, (&mut *vault, &mut *log), ceremony, &mut waiting, &mut present)?;
            let progress = progress.get_or_insert_with(|| Progress::new("versions"));
            progress.at(all - left, all);
            match part(app, (&mut *vault, &mut *log), &mut present, expires)? {
                Part::Done(versions, cleared) => {
                    done.versions += versions;
                    done.cleared.dealings += cleared.dealings;
                    done.cleared.pending |= cleared.pending;
                }
                Part::Rejected(who) => {
                    done.rejected.extend(who);
                    gather::again(app, (&*vault, &*log), ceremony, &mut present)?;
                }
            }
        }
        drop(progress);
        let now = app.now().max(log.state.last);
        vault.end_ceremony(log, ceremony, Ending::Closed, now)?;
        gather::cosign_the_end(app, (vault, log), &present);
        Ok(())
    }
}

/// What became of one part of the list.
enum Part {
    /// It is with the new group: how many, and what was destroyed.
    Done(u64, Cleared),
    /// These gave something bad: others must take their places.
    Rejected(Vec<Pseudonym>),
}

/// One part: dealt again by everybody, checked, signed by everybody, entered; and then,
/// once that is durable and verified, the old dealings are destroyed.
fn part(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    present: &mut [Contributor],
    expires: Time,
) -> Result<Part, CliError> {
    let Some(first) = present.first() else { return Ok(Part::Rejected(Vec::new())) };
    let records = vault.next_dealings(log, first.review.left())?;
    let chunk = first.review.chunk(&records, &mut app.rng)?;
    let offers = dealt_again(present, &chunk, app.rng)?;
    // On one machine one check serves everybody; none signs without it.
    let checked = match first.review.check(&chunk, &offers, &mut app.rng) {
        Ok(checked) => checked,
        Err(CheckError::Culprits(culprits)) => {
            let now = app.now();
            vault.reject_redealings(log, first.review.ceremony(), &culprits, now)?;
            let who: Vec<_> = culprits.into_iter().map(|culprit| culprit.custodian).collect();
            for one in &who {
                app.ui.note(&format!(
                    "What {one} dealt again does not prove itself: {one} is set aside, and that is on record. Call another custodian."
                ));
            }
            return Ok(Part::Rejected(who));
        }
        Err(error) => return Err(error.into()),
    };
    let signed = sign(present, &checked)?;
    let now = app.now();
    if now > expires {
        return Err(CliError::Expired { there: present.len(), needed: present.len() });
    }
    vault.enter_reshared(log, &checked, signed, now)?;
    present.iter_mut().for_each(|one| one.review.advance(&checked));
    let cleared = vault.clear_replaced(log, app.now(), &mut app.rng)?;
    Ok(Part::Done(checked.versions().len() as u64, cleared))
}

/// What each contributor's card deals again, each on a core of its own.
fn dealt_again(present: &[Contributor], chunk: &Chunk, rng: Rng) -> Result<Vec<Redealt>, CliError> {
    let dealt = thread::scope(|scope| {
        let deal = |one: &Contributor| {
            let (mut rng, card) = (rng, one.open.card.card());
            one.review.redeal(card, chunk, &mut rng)
        };
        let workers: Vec<_> = present.iter().map(|one| scope.spawn(move || deal(one))).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended.map(|dealt| dealt.unwrap_or_else(|payload| panic::resume_unwind(payload))).collect::<Vec<_>>()
    });
    Ok(dealt.into_iter().collect::<Result<_, _>>()?)
}

/// Everybody signs what was checked, in the order of their share indices. What a card
/// signs is kept beside it before.
fn sign(present: &[Contributor], checked: &CheckedChunk) -> Result<Vec<Signed>, CliError> {
    let mut signed = Vec::with_capacity(present.len());
    for who in checked.contributors() {
        let one = present.iter().find(|one| one.open.card.card().pseudonym() == who);
        let one = one.ok_or(SignRefusal::OtherCeremony)?;
        let kept = one.review.to_keep(checked, gather::read_signed(&one.open.path)?.as_ref())?;
        gather::write_signed(&one.open.path, &kept)?;
        signed.push(one.review.sign(one.open.card.card(), checked, &kept)?);
    }
    Ok(signed)
}
