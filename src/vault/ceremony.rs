//! The ceremony on the host: opening one, accepting contributions, releasing.
//! Long, because what a ceremony goes through is read from top to bottom.

use super::ask::targets_for;
pub use super::ask::{Ask, List, MAX_TARGETS, check_ask, check_list, version_of};
use super::hierarchy::text_record;
use super::people::check_card;
use super::seal::{dealing_record, sealed_record, there};
use super::witness::{Nobody, Witnessed, Witnesses};
use super::{Committed, Log, Records, Vault, VaultError, commit};
use crate::ceremony::coder::{self, CoderError};
use crate::ceremony::custodian::{FROM_GATE, TO_GATE};
use crate::ceremony::judge::{self, NotCounted, QuorumAccepted};
use crate::event::{Actor, Ending, Event, Hash, SaltedText, Signed};
use crate::hex::{Bytes, HexBytes};
use crate::message::{
    Contribution, Message, Notices, Package, Release, Request, Showing, SignedRequest, Target,
};
use crate::name::{Pseudonym, Recipient};
use crate::seal::card::{Card, Role};
use crate::seal::sign::SigningKey;
use crate::seal::{aead, hpke, hpke::HpkeSecret};
use crate::secret::{SecretBytes, SecretKey};
use crate::state::{Organisation, Standing};
use crate::time::Time;
use crate::transcript::label;
use rand_core::CryptoRng;

pub(super) fn request_record(ceremony: &Hash) -> String {
    format!("request/{ceremony}")
}

pub(super) fn gate_key_record(ceremony: &Hash) -> String {
    format!("ceremony-key/{ceremony}")
}

pub(super) fn requester_key_record(ceremony: &Hash) -> String {
    format!("requester-key/{ceremony}")
}

pub(super) fn contribution_record(ceremony: &Hash, who: &Pseudonym) -> String {
    format!("contribution/{ceremony}/{who}")
}

impl Vault {
    /// Opens a ceremony: the operator's card signs, the entry is durable, and
    /// the package for the custodians can be made. Gives the ceremony's hash.
    pub fn open_ceremony(
        &mut self,
        log: &mut Log,
        operator: &Card,
        ask: &Ask<'_>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Hash, VaultError> {
        self.open_list(log, operator, &ask.into(), now, rng)
    }

    /// The same for a list of targets.
    pub fn open_list(
        &mut self,
        log: &mut Log,
        operator: &Card,
        ask: &List<'_>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Hash, VaultError> {
        let now = self.catch_up(log, now)?;
        let (_, now) = self.expire_due(log, now)?;
        check_list(log, ask)?;
        check_card(&log.state, operator, Role::Operator)?;
        let targets = targets_for(log, operator, ask, now)?;
        self.open_targets(log, operator, (ask, targets), now, rng)
    }

    /// The same for targets that were looked up; what the list names does not count.
    pub(super) fn open_targets(
        &mut self,
        log: &mut Log,
        operator: &Card,
        (ask, targets): (&List<'_>, Vec<Target>),
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Hash, VaultError> {
        let mut records = Records::default();
        let mut keep = |text: &str, rng: &mut _| super::hierarchy::keep_text(text, &mut records, rng);
        let reason = keep(ask.reason, rng)?;
        let ticket = ask.ticket.map(|text| keep(text, rng)).transpose()?;
        let (requester, requester_key) = HpkeSecret::generate(rng);
        let (gate_secret, gate_key) = HpkeSecret::generate(rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let request = Request {
            vault: log.state.vault,
            organisation: log.state.id,
            nonce: Bytes(nonce),
            purpose: ask.purpose,
            mode: ask.mode,
            operator: operator.pseudonym().clone(),
            operator_key: operator.signing_key().public(),
            targets,
            reason,
            ticket,
            size: log.state.size,
            root: log.root(),
            asked: now,
            expires: now + ask.window,
            requester_key,
        };
        let ceremony = request.hash();
        let signature = operator.signing_key().sign(&request.signed_digest());
        let events = opening_events(&request, gate_key, signature);
        let at_rest = self.gate().ceremony_key(&log.state.id, log.state.gate().epoch)?;
        let gate_secret = aead::seal_at_rest(&at_rest, ceremony.as_ref(), gate_secret.as_key().expose(), rng);
        let own = aead::seal_at_rest(
            &operator.requester_key(),
            ceremony.as_ref(),
            requester.as_key().expose(),
            rng,
        );
        records.put.push((request_record(&ceremony), SignedRequest { request, signature }.encode()));
        records.put.push((gate_key_record(&ceremony), gate_secret));
        records.put.push((requester_key_record(&ceremony), own));
        self.commit(log, now, events, records)?;
        Ok(ceremony)
    }

    /// What custodians need: the request, the log up to now, the dealings.
    pub fn package(&self, log: &Log, ceremony: &Hash) -> Result<Package, VaultError> {
        let state = &log.state;
        let found = self.known(log, ceremony)?;
        if let Standing::Ended(how) = found.standing {
            return Err(VaultError::CeremonyEnded(ending(how)));
        }
        if found.reshare.is_some() {
            return Err(VaultError::Reshares(*ceremony));
        }
        let signed = self.signed_request(log, ceremony)?;
        let texts = [Some(found.reason), found.ticket].into_iter().flatten();
        let texts = texts.filter_map(|hash| {
            let bytes = self.record(&state.id, &text_record(&hash)).ok()?;
            serde_json::from_slice::<SaltedText>(&bytes).ok()
        });
        // Of a target that its rotation has destroyed meanwhile nobody needs one.
        let dealing = |t: &Target| match there(state, &t.credential) {
            Ok(()) => self.record(&state.id, &dealing_record(&t.dealing)).map(HexBytes),
            Err(_) => Ok(HexBytes(Vec::new())),
        };
        Ok(Package {
            texts: texts.collect(),
            checkpoint: log.checkpoint().to_owned(),
            entries: self.lines(&state.id, state.size)?,
            dealings: signed.request.targets.iter().map(dealing).collect::<Result<_, _>>()?,
            signed,
        })
    }

    /// Judges a contribution by the log as it now is. Acceptance and refusal are
    /// entries, durable when this returns; what is no attempt at all is an error and
    /// no entry.
    pub fn accept(
        &mut self,
        log: &mut Log,
        contribution: &Contribution,
        now: Time,
    ) -> Result<Event, VaultError> {
        self.at_present(log, now, |vault, log, now| vault.try_accept(log, contribution, now))
    }

    fn try_accept(
        &mut self,
        log: &mut Log,
        contribution: &Contribution,
        now: Time,
    ) -> Result<Event, VaultError> {
        let attempt = judge::attempt(&log.state, contribution).map_err(|why| self.or_ended(log, why))?;
        let totp = self.totp_of(log, &contribution.custodian)?;
        let code = self.code_of(log, contribution)?;
        let event = attempt.judge(&log.state, &totp, code.as_ref(), now);
        let mut records = Records::default();
        if matches!(event, Event::Accepted(_)) {
            let name = contribution_record(&contribution.ceremony, &contribution.custodian);
            records.put.push((name, contribution.encode()));
            // It is the log's own, up to the opening: else it were not accepted.
            let checked = (contribution.size, contribution.root);
            let note = commit::sign_at(
                (self.gate(), self.gate().epoch()),
                &log.state.id,
                &log.state.origin,
                checked,
            )?;
            let Records { projections, made_from, .. } = self.cosigned_by(log, contribution, &note)?;
            (records.projections, records.made_from) = (projections, made_from);
        }
        let actor = Actor::Card(contribution.custodian.clone());
        self.commit_once(log, now, vec![(actor, event.clone())], records)?;
        Ok(event)
    }

    /// The gate's own key of an open ceremony.
    pub(super) fn gate_secret(&self, log: &Log, ceremony: &Hash) -> Result<HpkeSecret, VaultError> {
        let sealed = self.record(&log.state.id, &gate_key_record(ceremony))?;
        let at_rest = self.gate().ceremony_key(&log.state.id, log.state.gate().epoch)?;
        open_key(&at_rest, ceremony, &sealed).map(HpkeSecret::from_key)
    }

    fn code_of(&self, log: &Log, contribution: &Contribution) -> Result<Option<SecretBytes>, VaultError> {
        let ceremony = &contribution.ceremony;
        let secret = self.gate_secret(log, ceremony)?;
        let who = contribution.custodian.as_str();
        Ok(hpke::open(&secret, label::HPKE_CODE, ceremony, TO_GATE, who, contribution.code.as_ref()).ok())
    }

    /// [`Vault::release_witnessed`] without asking any witness: what a group holds
    /// whose policy demands some is not released.
    pub fn release(
        &mut self,
        log: &mut Log,
        ceremony: &Hash,
        target: u64,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Release, VaultError> {
        self.release_witnessed(log, (ceremony, target), now, rng, &mut Nobody)
    }

    /// Releases a target whose quorum is complete: the entry first, durable and
    /// under a signed checkpoint, then the witnesses that the group's policy
    /// demands, then the gate's ingredient. Again on retry, from the log as it then
    /// is: others may have written since, and the recipient must not take that for
    /// a rollback.
    pub fn release_witnessed(
        &mut self,
        log: &mut Log,
        of: (&Hash, u64),
        now: Time,
        rng: &mut impl CryptoRng,
        witnesses: &mut dyn Witnesses,
    ) -> Result<Release, VaultError> {
        self.at_present(log, now, |vault, log, now| vault.try_release(log, of, now, rng, witnesses))
    }

    fn try_release(
        &mut self,
        log: &mut Log,
        (ceremony, target): (&Hash, u64),
        now: Time,
        rng: &mut impl CryptoRng,
        witnesses: &mut dyn Witnesses,
    ) -> Result<Release, VaultError> {
        let (quorum, committed, witnessed) =
            self.on_record(log, (ceremony, target), now, witnesses, Recipient::Requester)?;
        self.give(log, &quorum, &committed, &witnessed, rng)
    }

    /// The three proofs that a release needs: the quorum, the durable entry, the
    /// witnesses. A target whose factor names another recipient has none for this one.
    pub(super) fn on_record(
        &mut self,
        log: &mut Log,
        (ceremony, target): (&Hash, u64),
        now: Time,
        witnesses: &mut dyn Witnesses,
        recipient: Recipient,
    ) -> Result<(QuorumAccepted, Committed, Witnessed), VaultError> {
        let (_, now) = self.expire_due(log, now)?;
        let found = self.known(log, ceremony)?;
        if let Standing::Ended(how) = found.standing {
            return Err(VaultError::CeremonyEnded(ending(how)));
        }
        if found.reshare.is_some() {
            return Err(VaultError::Reshares(*ceremony));
        }
        let named = usize::try_from(target).ok().and_then(|t| found.targets.get(t));
        if let Some(version) = named.and_then(|credential| log.state.versions.get(credential))
            && version.sealing.factor.recipient() != recipient
        {
            return Err(VaultError::SeedStays(log.state.address(&version.sealing.account)));
        }
        let (there, needed) = judge::progress(&log.state, &found, target);
        let released = found.released.contains(&target);
        let quorum = judge::quorum(&log.state, ceremony, target).ok_or_else(|| {
            // Shares enough: then it is the admission that does not stand any more.
            match self.stopped(log, ceremony, target) {
                Some(why) if there >= needed => why,
                _ => VaultError::NoQuorum { there, needed },
            }
        })?;
        if recipient == Recipient::Gate {
            // Before the entry: nothing is released by what was altered beside the log.
            self.contributions_as_logged(log, ceremony, target)?;
        }
        let committed = if released {
            commit::committed_before(log)
        } else {
            self.commit_once(log, now, vec![(Actor::Host, quorum.event())], Records::default())?
        };
        let witnessed = self.witnessed(log, &quorum, &committed, witnesses, now)?;
        Ok((quorum, committed, witnessed))
    }

    /// Gives the gate's ingredient out. Needs the quorum, the proof that the log
    /// says so, and the one that the group's witnesses have seen it.
    fn give(
        &self,
        log: &Log,
        quorum: &QuorumAccepted,
        committed: &Committed,
        witnessed: &Witnessed,
        rng: &mut impl CryptoRng,
    ) -> Result<Release, VaultError> {
        let (state, ceremony) = (&log.state, quorum.ceremony());
        let target = quorum.target();
        if !committed.says_released(&state.id, ceremony, target) || !witnessed.covers(ceremony, target) {
            return Err(VaultError::NoQuorum { there: 0, needed: quorum.custodians().len() });
        }
        there(state, quorum.credential())?;
        let gone = || VaultError::RecordGone(sealed_record(quorum.credential()));
        let sealing = &state.versions.get(quorum.credential()).ok_or_else(gone)?.sealing;
        // With it and shares that custodians keep for each other a seed would be open.
        if sealing.factor.recipient() != Recipient::Requester {
            return Err(VaultError::SeedStays(state.address(&sealing.account)));
        }
        let gate = self.gate().key(&state.id, sealing.gate_epoch)?;
        let ingredient = gate.ingredient(quorum.credential(), &sealing.origin, ceremony, rng);
        let signed = self.signed_request(log, ceremony)?;
        let to = &signed.request.requester_key;
        let plaintext = &ingredient.proof;
        let boxed = hpke::seal(to, label::HPKE_RELEASE, ceremony, FROM_GATE, "gate", plaintext.expose(), rng)
            .map_err(|_| VaultError::CeremonyKey)?;
        let mut release = Release {
            target: quorum.target(),
            dealing: HexBytes(self.record(&state.id, &dealing_record(&sealing.dealing))?),
            sealed: HexBytes(self.record(&state.id, &sealed_record(quorum.credential()))?),
            ingredient: boxed,
            requester_key: HexBytes(self.record(&state.id, &requester_key_record(ceremony))?),
            contributions: self.contributions(log, ceremony, quorum.target())?,
            checkpoint: witnessed.note().to_owned(),
            entries: self.lines(&state.id, state.size)?,
            signed,
            signature: Bytes([0; 64]),
        };
        let key = SigningKey::new(self.gate().log_seed(&state.id, self.gate().epoch())?);
        release.signature = key.sign(&release.digest());
        Ok(release)
    }

    /// The accepted contributions for a target whose share was not found bad.
    pub(super) fn contributions(
        &self,
        log: &Log,
        ceremony: &Hash,
        target: u64,
    ) -> Result<Vec<Contribution>, VaultError> {
        let accepted = judge::contributors(&*self.known(log, ceremony)?, target);
        let contribution = |who: &Pseudonym| {
            let bytes = self.record(&log.state.id, &contribution_record(ceremony, who))?;
            Contribution::decode(&bytes)
                .map_err(|_| VaultError::RecordGone(contribution_record(ceremony, who)))
        };
        accepted.iter().map(contribution).collect()
    }

    /// The same where the gate itself opens them. Whose share is bad it says by its
    /// own word, so each must be what the log accepted, whoever can write the records.
    pub(super) fn contributions_as_logged(
        &self,
        log: &Log,
        ceremony: &Hash,
        target: u64,
    ) -> Result<Vec<Contribution>, VaultError> {
        let found = self.known(log, ceremony)?;
        let accepted = judge::contributors(&found, target);
        // One for each name, and in that name: nobody comes twice.
        let contribution = |who: &Pseudonym| {
            let bytes = self.record(&log.state.id, &contribution_record(ceremony, who))?;
            let contribution =
                Contribution::decode(&bytes).map_err(|_| CoderError::NotTheirs(who.clone()))?;
            coder::check_contribution(&log.state, &found, who, &contribution)?;
            Ok(contribution)
        };
        accepted.iter().map(contribution).collect()
    }

    /// Enters what the operator states and the log does not say yet; gives how
    /// many entries that made.
    pub fn enter_notices(
        &mut self,
        log: &mut Log,
        notices: &Notices,
        now: Time,
    ) -> Result<usize, VaultError> {
        self.at_present(log, now, |vault, log, now| vault.try_enter_notices(log, notices, now))
    }

    fn try_enter_notices(
        &mut self,
        log: &mut Log,
        notices: &Notices,
        now: Time,
    ) -> Result<usize, VaultError> {
        let Notices { ceremony, target, .. } = *notices;
        let found = self.known(log, &ceremony)?;
        if let Standing::Ended(how) = found.standing {
            return Err(VaultError::CeremonyEnded(ending(how)));
        }
        let new = |s: &&Signed| !found.rejected.contains(&(target, s.pseudonym.clone()));
        let rejected = notices.rejected.iter().filter(new).cloned().map(|signed| {
            let Signed { pseudonym: custodian, signature } = signed;
            Event::ShareRejected { ceremony, target, custodian, signature }
        });
        let unsaid = notices.revealed.iter().filter(|_| !found.revealed.contains(&target));
        let revealed = unsaid.map(|showing| {
            let Showing { shown, signature } = *showing;
            Event::Revealed { ceremony, target, shown, signature }
        });
        let actor = Actor::Card(found.operator.clone());
        let events: Vec<_> = rejected.chain(revealed).map(|event| (actor.clone(), event)).collect();
        let count = events.len();
        if count > 0 {
            self.commit_once(log, now, events, Records::default())?;
        }
        Ok(count)
    }

    /// Ends a ceremony; its keys and held shares are erased with it.
    pub fn end_ceremony(
        &mut self,
        log: &mut Log,
        ceremony: &Hash,
        how: Ending,
        now: Time,
    ) -> Result<(), VaultError> {
        self.at_present(log, now, |vault, log, now| vault.try_end(log, ceremony, how, now))
    }

    fn try_end(&mut self, log: &mut Log, ceremony: &Hash, how: Ending, now: Time) -> Result<(), VaultError> {
        let found = self.known(log, ceremony)?;
        if let Standing::Ended(how) = found.standing {
            return Err(VaultError::CeremonyEnded(ending(how)));
        }
        let ended = Event::Ended { ceremony: *ceremony, how };
        self.commit_once(log, now, vec![(Actor::Host, ended)], Records::default())?;
        Ok(())
    }

    /// Closes every ceremony whose window is over. Gives them, and the time to go on
    /// at: what was closed may stand after entries of others that are a little later
    /// than `now`.
    pub fn expire_due(&mut self, log: &mut Log, now: Time) -> Result<(Vec<Hash>, Time), VaultError> {
        let over = log.state.ceremonies.iter().filter(|(_, c)| now > c.expires);
        let due: Vec<_> = over.map(|(hash, _)| *hash).collect();
        let mut closed = Vec::new();
        for ceremony in due {
            match self.end_ceremony(log, &ceremony, Ending::Expired, now) {
                Ok(()) => closed.push(ceremony),
                // Another process was faster.
                Err(VaultError::CeremonyEnded(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let now = self.catch_up(log, now)?;
        Ok((closed, now))
    }

    /// The same refusal, unless the ceremony is unknown to the state for having
    /// ended.
    fn or_ended(&self, log: &Log, why: NotCounted) -> VaultError {
        match why {
            NotCounted::UnknownCeremony(hash) if self.known(log, &hash).is_ok() => NotCounted::Ended.into(),
            why => why.into(),
        }
    }

    /// The request of a ceremony, as its operator signed it.
    pub fn signed_request(&self, log: &Log, ceremony: &Hash) -> Result<SignedRequest, VaultError> {
        let name = request_record(ceremony);
        let bytes = self.record(&log.state.id, &name)?;
        let signed = SignedRequest::decode(&bytes).ok().filter(|s| s.request.hash() == *ceremony);
        signed.ok_or(VaultError::RecordGone(name))
    }
}

/// Keys and contributions of a ceremony, which its end destroys.
pub(super) fn records_of(state: &Organisation, ceremony: &Hash) -> Vec<String> {
    let accepted = state.ceremonies.get(ceremony).into_iter().flat_map(|c| c.accepted.keys());
    let held = accepted.map(|who| contribution_record(ceremony, who));
    [gate_key_record(ceremony), requester_key_record(ceremony)].into_iter().chain(held).collect()
}

/// The requester's HPKE key, which only the operator's card opens.
pub fn requester_secret(operator: &Card, release: &Release) -> Result<HpkeSecret, VaultError> {
    let ceremony = release.signed.request.hash();
    open_key(&operator.requester_key(), &ceremony, release.requester_key.as_ref()).map(HpkeSecret::from_key)
}

fn open_key(at_rest: &SecretKey, ceremony: &Hash, sealed: &[u8]) -> Result<SecretKey, VaultError> {
    let bytes =
        aead::open_at_rest(at_rest, ceremony.as_ref(), sealed).map_err(|_| VaultError::CeremonyKey)?;
    SecretKey::from_slice(bytes.expose()).ok_or(VaultError::CeremonyKey)
}

/// Credential ids that one `targeted` entry holds.
const TARGETS_AN_ENTRY: usize = 400;

fn opening_events(request: &Request, gate_key: Bytes<32>, signature: Bytes<64>) -> Vec<(Actor, Event)> {
    let ceremony = request.hash();
    let actor = Actor::Card(request.operator.clone());
    let opening = Event::Opened(request.opening(gate_key, signature));
    let credentials: Vec<_> = request.targets.iter().map(|t| t.credential).collect();
    let targeted = credentials.chunks(TARGETS_AN_ENTRY).enumerate().map(|(chunk, part)| Event::Targeted {
        ceremony,
        first: (chunk * TARGETS_AN_ENTRY) as u64,
        credentials: part.to_vec(),
    });
    std::iter::once(opening).chain(targeted).map(|event| (actor.clone(), event)).collect()
}

pub(super) fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Closed => "it was closed",
        Ending::Aborted => "it was aborted",
        Ending::Expired => "its window ran out",
    }
}
