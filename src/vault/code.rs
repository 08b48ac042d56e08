//! Codes of a sealed authenticator: the gate itself is the recipient, makes the
//! codes that were asked for, and forgets the seed.

use super::ceremony::ending;
use super::seal::{dealing_record, sealed_record};
use super::witness::{Witnessed, Witnesses};
use super::{Committed, Log, Records, Vault, VaultError};
use crate::ceremony::coder::{self, Codes, Held, Put};
use crate::ceremony::judge::QuorumAccepted;
use crate::event::{Actor, Event, Hash, Shown};
use crate::message::{Notice, operator_notice};
use crate::name::{Pseudonym, Recipient};
use crate::pvss;
use crate::seal::mfa::MfaSeed;
use crate::seal::sign::SigningKey;
use crate::state::Standing;
use crate::time::Time;
use rand_core::CryptoRng;

/// What [`Vault::give_codes`] came to.
pub enum Given {
    /// The codes, and whose share does not prove itself although enough others do.
    Codes(Codes, Vec<Pseudonym>),
    /// Too few good shares: these were set aside, on record, and others must take
    /// their place.
    Missing(Vec<Pseudonym>),
}

/// What [`Vault::check_seed`] found.
pub enum Checked {
    /// The seed can be put together; whose share does not prove itself all the same.
    Enough(Vec<Pseudonym>),
    /// As [`Given::Missing`].
    Missing(Vec<Pseudonym>),
}

/// The seed of a target, or whose shares came to nothing.
enum Seed {
    There(MfaSeed, Vec<Pseudonym>),
    Missing(Vec<Pseudonym>),
}

impl Vault {
    /// Finds out whether the accepted shares of a seed are good, before anything else
    /// of the ceremony is released for them: a bad one found afterwards would have
    /// exposed a password for nothing. The target is `released` by that, durable and
    /// witnessed, and bad shares are entered; the seed is forgotten again.
    pub fn check_seed(
        &mut self,
        log: &mut Log,
        of: (&Hash, u64),
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
        witnesses: &mut dyn Witnesses,
    ) -> Result<Checked, VaultError> {
        Ok(match self.seed(log, of, clock, rng, witnesses)? {
            Seed::There(_, bad) => Checked::Enough(bad),
            Seed::Missing(bad) => Checked::Missing(bad),
        })
    }

    /// Gives codes of a target whose quorum is complete: `released` first, durable
    /// and witnessed as any release; then the seed is put together, bad shares are
    /// entered by the host's own word, and `code-given` is durable before a code
    /// leaves this function. The seed never does. An admission that was taken back
    /// since stops it even then. Which code is the present one is asked of `clock`
    /// last, after everything that may wait.
    pub fn give_codes(
        &mut self,
        log: &mut Log,
        (ceremony, target): (&Hash, u64),
        (count, shown): (u64, Shown),
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
        witnesses: &mut dyn Witnesses,
    ) -> Result<Given, VaultError> {
        let (seed, bad) = match self.seed(log, (ceremony, target), clock, rng, witnesses)? {
            Seed::There(seed, bad) => (seed, bad),
            Seed::Missing(bad) => return Ok(Given::Missing(bad)),
        };
        let window_end = self.known(log, ceremony)?.expires;
        let now = clock();
        let codes = Codes::of(&seed, count, now, window_end)
            .map_err(|most| VaultError::TooManyCodes { asked: count, most })?;
        drop(seed);
        let (ceremony, until) = (*ceremony, codes.until());
        let given = Event::CodeGiven { ceremony, target, codes: count, until, shown };
        self.commit_host(log, now, vec![given], Records::default())?;
        Ok(Given::Codes(codes, bad))
    }

    /// Releases a seed to the gate, puts it together, and enters whose share is bad.
    fn seed(
        &mut self,
        log: &mut Log,
        (ceremony, target): (&Hash, u64),
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
        witnesses: &mut dyn Witnesses,
    ) -> Result<Seed, VaultError> {
        let now = clock();
        let (quorum, committed, witnessed) = self.at_present(log, now, |vault, log, now| {
            vault.on_record(log, (ceremony, target), now, witnesses, Recipient::Gate)
        })?;
        // Witnesses may have taken their time; what was entered meanwhile counts.
        self.catch_up(log, clock())?;
        self.check_still_admitted(log, &quorum)?;
        let seed = match self.open_seed(log, &quorum, &committed, &witnessed, rng)? {
            Put::Together(seed, bad) => Seed::There(seed, bad),
            Put::TooFew(bad) => Seed::Missing(bad),
        };
        let (Seed::There(_, bad) | Seed::Missing(bad)) = &seed;
        self.set_aside(log, (ceremony, target), bad, clock())?;
        Ok(seed)
    }

    /// Refuses where the ceremony ended, or the operator's admission was taken back,
    /// since the quorum was found.
    fn check_still_admitted(&self, log: &Log, quorum: &QuorumAccepted) -> Result<(), VaultError> {
        let found = self.known(log, quorum.ceremony())?;
        if let Standing::Ended(how) = found.standing {
            return Err(VaultError::CeremonyEnded(ending(how)));
        }
        match self.stopped(log, quorum.ceremony(), quorum.target()) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Says so where the admission of a ceremony's operator to a target's group was
    /// taken back since it opened.
    pub(super) fn stopped(&self, log: &Log, ceremony: &Hash, target: u64) -> Option<VaultError> {
        let (state, found) = (&log.state, self.known(log, ceremony).ok()?);
        let credential = found.targets.get(usize::try_from(target).ok()?)?;
        let group = state.holder(&state.versions.get(credential)?.sealing)?;
        let group = (!found.still_admitted(group)).then_some(group)?;
        let (operator, group) = (found.operator.to_string(), state.group_address(group));
        Some(VaultError::Stopped { operator, group })
    }

    /// Puts the seed together in this process. Needs what giving an ingredient out
    /// needs: the quorum, the entry that says so, and the group's witnesses.
    fn open_seed(
        &self,
        log: &Log,
        quorum: &QuorumAccepted,
        committed: &Committed,
        witnessed: &Witnessed,
        rng: &mut impl CryptoRng,
    ) -> Result<Put, VaultError> {
        let (state, ceremony, target) = (&log.state, quorum.ceremony(), quorum.target());
        if !committed.says_released(&state.id, ceremony, target) || !witnessed.covers(ceremony, target) {
            return Err(VaultError::NoQuorum { there: 0, needed: quorum.custodians().len() });
        }
        let gone = || VaultError::RecordGone(sealed_record(quorum.credential()));
        let sealing = &state.sealing(quorum.credential()).ok_or_else(gone)?;
        let group = state.statement(&sealing.group, sealing.epoch).ok_or_else(gone)?;
        let epoch = state.gate_epoch(sealing.gate_epoch).ok_or_else(gone)?;
        let gate = self.gate().key(&state.id, sealing.gate_epoch)?;
        let given = gate.ingredient(&sealing.credential, &sealing.origin, ceremony, rng);
        let (cred, origin) = (&sealing.credential, &sealing.origin);
        let ingredient = pvss::verify_ingredient(given.proof.expose(), &epoch.gamma, cred, origin, ceremony)?;
        let held = Held {
            ceremony,
            target,
            sealing,
            group,
            keys: &state.group_keys(group)?,
            dealing: &self.record(&state.id, &dealing_record(&sealing.dealing))?,
            sealed: &self.record(&state.id, &sealed_record(cred))?,
            contributions: &self.contributions_as_logged(log, ceremony, target)?,
        };
        Ok(coder::open(&held, &self.gate_secret(log, ceremony)?, &ingredient)?)
    }

    /// Enters whose share does not prove itself, by the host's word: nobody else
    /// has seen it.
    fn set_aside(
        &mut self,
        log: &mut Log,
        (ceremony, target): (&Hash, u64),
        bad: &[Pseudonym],
        now: Time,
    ) -> Result<(), VaultError> {
        let found = self.known(log, ceremony)?;
        let key = SigningKey::new(self.gate().log_seed(&log.state.id, self.gate().epoch())?);
        let new = bad.iter().filter(|who| !found.rejected.contains(&(target, (*who).clone())));
        let event = |who: &Pseudonym| Event::ShareRejected {
            ceremony: *ceremony,
            target,
            custodian: who.clone(),
            signature: key.sign(&operator_notice(ceremony, target, Notice::ShareRejected(who))),
        };
        let events: Vec<_> = new.map(|who| (Actor::Host, event(who))).collect();
        if !events.is_empty() {
            self.commit(log, now, events, Records::default())?;
        }
        Ok(())
    }
}
