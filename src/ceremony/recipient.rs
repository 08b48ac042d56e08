//! The requester's side: verify every share, name whoever's is bad, put the
//! good ones together and open the record.

use super::custodian::{
    FROM_GATE, Replayed, ReviewError, Seen, TO_REQUESTER, present_gate, replay, share_hash,
};
use crate::event::{Enrolment, Entry, GroupStatement, Hash, Shown, Signed};
use crate::hex::Bytes;
use crate::log::EntryBytes;
use crate::log::note::Note;
use crate::log::policy::PolicyError;
use crate::message::{Contribution, Notice, Notices, Release, Showing, Target, operator_notice};
use crate::name::{GroupId, Pseudonym};
use crate::pvss::{
    self, ClaimedDealing, GateError, GroupKeys, Quorum, UntrustedShare, VerifiedDealing, VerifiedShare,
};
use crate::seal::{
    card::Card,
    contents::{Contents, Sealable},
    hpke::{self, HpkeSecret},
    record::{RecordError, SealedPayload},
    sign,
};
use crate::secret::SecretPoint;
use crate::state::{Ceremony, Held, Invalid, Organisation};
use crate::transcript::label;
use std::collections::{BTreeMap, BTreeSet};

/// Why a release cannot be opened.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FinishError {
    /// The host has not signed what came: who altered it cannot be told.
    #[error("the release is not what the host signed: the file was altered on its way, or by the host")]
    Altered,
    /// The release names no such target.
    #[error("the release names target {0}, which the request does not have")]
    NoTarget(u64),
    /// What was sent is not what the request names.
    #[error("the {0} that the vault sent is not the one that the request names")]
    NotAsAsked(&'static str),
    /// The log that came with the release is not acceptable.
    #[error("the log that came with the release is not acceptable: {0}")]
    Log(Box<ReviewError>),
    /// The log does not say that the target was released.
    #[error("the log does not say that this was released")]
    NotReleased,
    /// The checkpoint lacks the witnesses that the group demands.
    #[error("the release lacks the witnesses that the group's policy demands: {0}")]
    NotWitnessed(PolicyError),
    /// A contribution is not one that its custodian signed and the log accepted.
    #[error("the host sent a contribution of {0} that the log did not accept, or sent it twice")]
    NotTheirs(Pseudonym),
    /// The gate's ingredient does not prove itself: the host is to blame.
    #[error("the gate's ingredient is wrong: this host does not hold the key that it announced ({0})")]
    Ingredient(#[source] IngredientFault),
    /// Somebody who took part was shown another log.
    #[error(
        "{who} saw another log of {size} entries than the one that came with the release: the log was forked"
    )]
    Forked {
        /// An operator or a custodian.
        who: String,
        /// Size of the log that they saw.
        size: u64,
    },
    /// Too few good shares; `bad` are to blame.
    #[error("{good} of {needed} shares are good; bad: {}", names(.bad))]
    TooFew {
        /// Good shares.
        good: usize,
        /// Shares needed.
        needed: usize,
        /// Whose share does not prove itself.
        bad: Vec<Pseudonym>,
    },
    /// The record does not open.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What is wrong with a gate's ingredient.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum IngredientFault {
    /// It was not encrypted to this requester in this ceremony.
    #[error("it is not encrypted for this ceremony")]
    Sealed,
    /// Its proof.
    #[error(transparent)]
    Proof(#[from] GateError),
}

fn names(bad: &[Pseudonym]) -> String {
    if bad.is_empty() {
        "none".to_owned()
    } else {
        bad.iter().map(Pseudonym::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// What came of a release.
pub struct Finished {
    /// Whose it is, `org/project/account` by the replayed log.
    pub address: String,
    /// Which version.
    pub version: u64,
    /// What was sealed.
    pub contents: Contents,
    /// Whose share does not prove itself, although enough others do.
    pub bad: Vec<Pseudonym>,
    /// What the operator has now seen of the log.
    pub seen: Seen,
}

/// What the operator states of a target, signed for the log: whose shares do not
/// prove themselves, and how the record is shown. The same again is the same to
/// the byte.
pub fn notices(
    operator: &Card,
    (ceremony, target): (&Hash, u64),
    bad: &[Pseudonym],
    shown: Option<Shown>,
) -> Notices {
    let key = operator.signing_key();
    let sign = |notice: Notice<'_>| key.sign(&operator_notice(ceremony, target, notice));
    let rejected =
        |who: &Pseudonym| Signed { pseudonym: who.clone(), signature: sign(Notice::ShareRejected(who)) };
    Notices {
        ceremony: *ceremony,
        target,
        rejected: bad.iter().map(rejected).collect(),
        revealed: shown.map(|shown| Showing { shown, signature: sign(Notice::Revealed(shown)) }),
    }
}

/// Opens a release with the requester's HPKE key. The host must have signed it:
/// whoever carries it could alter a byte, and the host would be blamed. Everything
/// but shares and ingredient is taken from the log, which is replayed and compared
/// with what the operator's card pinned (`first_entry`) and its owner saw before.
pub fn finish(
    release: &Release,
    key: &HpkeSecret,
    first_entry: &Bytes<32>,
    before: Option<&Seen>,
) -> Result<Finished, FinishError> {
    if !from_host(release, first_entry) {
        return Err(FinishError::Altered);
    }
    let request = &release.signed.request;
    let ceremony = request.hash();
    let target = usize::try_from(release.target).ok().and_then(|t| request.targets.get(t));
    let target = target.ok_or(FinishError::NoTarget(release.target))?;
    let Replayed { state, seen, .. } =
        replay(&release.entries, &release.checkpoint, first_entry, before).map_err(unacceptable)?;
    let facts = Facts::of(&state, &ceremony, release.target, target)?;
    check_witnesses(release, &state, &target.group)?;
    let dealing = check_dealing(release, target, &facts)?;
    let sealed = SealedPayload::from_bytes(release.sealed.as_ref())?;
    if sealed.payload_hash() != target.payload {
        return Err(FinishError::NotAsAsked("sealed record"));
    }
    check_contributions(release, &facts)?;
    let shares =
        Shares { target: release.target, ceremony: &ceremony, dealing: &dealing, group: facts.group };
    let (good, bad) = shares.sort(&release.contributions, key, TO_REQUESTER);
    let needed = facts.keys.threshold().t();
    let there = good.len();
    let too_few = || FinishError::TooFew { good: there, needed, bad: bad.clone() };
    let quorum = Quorum::gather(&dealing, good).map_err(|_| too_few())?;
    let ingredient = open_ingredient(release, &facts, &ceremony, key)?;
    let contents = sealed.open(&target.credential, &quorum.combine(), &ingredient)?;
    if contents.factor() != target.factor {
        return Err(RecordError::OtherFactor(target.factor).into());
    }
    let (address, version) = (state.address(&target.account), target.version);
    Ok(Finished { address, version, contents, bad, seen })
}

/// Whether the host has signed exactly this. Its first key is in the first entry,
/// which the card has pinned, and each key signs for the next.
fn from_host(release: &Release, first_entry: &Bytes<32>) -> bool {
    let bytes = |text: &String| EntryBytes::new(text.clone().into_bytes()).ok();
    let first = release.entries.first().and_then(bytes).filter(|bytes| bytes.leaf_hash() == *first_entry);
    let begun = first.and_then(|bytes| {
        let line = Entry::from_line(&bytes).ok()?;
        Organisation::begin(&line, &bytes.leaf_hash()).ok()
    });
    let Some(begun) = begun else { return false };
    let lines: Vec<_> = release.entries.iter().filter_map(bytes).collect();
    let gate = present_gate(&begun.id, begun.gate(), &lines);
    sign::verify(&gate.log_key, &release.digest(), &release.signature)
}

/// A log in which somebody signed for another one was forked, by the host that
/// entered it: everything else there may be right.
fn unacceptable(why: ReviewError) -> FinishError {
    match why {
        ReviewError::Invalid { why: Invalid::OtherLog { who, size }, .. } => {
            FinishError::Forked { who, size }
        }
        why => FinishError::Log(Box::new(why)),
    }
}

/// What the replayed log says about the target.
struct Facts<'a> {
    ceremony: &'a Ceremony,
    credential: Hash,
    sealing: &'a Held,
    group: &'a GroupStatement,
    keys: GroupKeys,
    gamma: Bytes<32>,
    people: &'a BTreeMap<Pseudonym, Enrolment>,
}

impl<'a> Facts<'a> {
    fn of(state: &'a Organisation, hash: &Hash, index: u64, target: &Target) -> Result<Self, FinishError> {
        let not = FinishError::NotAsAsked;
        let ceremony = state.ceremonies.get(hash).ok_or(not("ceremony"))?;
        if !ceremony.released.contains(&index) {
            return Err(FinishError::NotReleased);
        }
        let sealing = &state.versions.get(&target.credential).ok_or(not("version"))?.sealing;
        if sealing.target(&target.credential) != *target {
            return Err(not("version"));
        }
        let group = state.holder(sealing).ok_or(not("group"))?;
        let keys = state.group_keys(group).map_err(|_| not("group"))?;
        let gamma = state.gate_epoch(sealing.gate_epoch).ok_or(not("gate epoch"))?.gamma;
        let credential = target.credential;
        Ok(Self { ceremony, credential, sealing, group, keys, gamma, people: &state.people })
    }
}

/// The host waited for the witnesses that the group demands.
fn check_witnesses(release: &Release, state: &Organisation, group: &GroupId) -> Result<(), FinishError> {
    let Some(policy) = state.policy_of(group) else { return Ok(()) };
    let note = Note::parse(release.checkpoint.as_bytes()).map_err(PolicyError::from);
    let satisfied = note.and_then(|note| policy.check(&note));
    satisfied.map(|_| ()).map_err(FinishError::NotWitnessed)
}

fn check_dealing(
    release: &Release,
    target: &Target,
    facts: &Facts<'_>,
) -> Result<VerifiedDealing, FinishError> {
    ClaimedDealing::read(release.dealing.as_ref(), &target.credential, &facts.keys)
        .and_then(ClaimedDealing::verify)
        .ok()
        .filter(|d| *d.id() == target.dealing)
        .ok_or(FinishError::NotAsAsked("dealing"))
}

/// Each contribution is one that the log accepted, once, with its custodian's
/// signature: otherwise the host is to blame, and nobody else. That all of them
/// checked the log at the opening, the replay has shown.
fn check_contributions(release: &Release, facts: &Facts<'_>) -> Result<(), FinishError> {
    let mut senders = BTreeSet::new();
    for contribution in &release.contributions {
        let who = &contribution.custodian;
        if !is_theirs(facts.people, facts.ceremony, contribution) || !senders.insert(who) {
            return Err(FinishError::NotTheirs(who.clone()));
        }
    }
    Ok(())
}

/// Whether a contribution is one that its custodian signed and the log accepted.
pub fn is_theirs(
    people: &BTreeMap<Pseudonym, Enrolment>,
    ceremony: &Ceremony,
    contribution: &Contribution,
) -> bool {
    let digest = contribution.digest();
    let card = people.get(&contribution.custodian);
    card.is_some_and(|p| sign::verify(&p.sign_key, &digest, &contribution.signature))
        && ceremony.accepted_messages.contains(&digest)
}

/// What a share of one target must fit.
pub(super) struct Shares<'a> {
    /// Index of the target.
    pub(super) target: u64,
    /// The ceremony.
    pub(super) ceremony: &'a Hash,
    /// The target's dealing.
    pub(super) dealing: &'a VerifiedDealing,
    /// The group that holds it.
    pub(super) group: &'a GroupStatement,
}

impl Shares<'_> {
    /// The good ones, and whose are bad.
    pub(super) fn sort(
        &self,
        contributions: &[Contribution],
        key: &HpkeSecret,
        direction: &str,
    ) -> (Vec<VerifiedShare>, Vec<Pseudonym>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for contribution in contributions.iter().filter(|c| c.targets.contains(&self.target)) {
            match self.open(contribution, key, direction) {
                Some(share) => good.push(share),
                None => bad.push(contribution.custodian.clone()),
            }
        }
        (good, bad)
    }

    /// A share that decrypts, is the one that was signed, and proves itself.
    fn open(&self, contribution: &Contribution, key: &HpkeSecret, direction: &str) -> Option<VerifiedShare> {
        let position = contribution.targets.iter().position(|t| *t == self.target)?;
        let ciphertext = contribution.ciphertexts.get(position)?.as_ref();
        let who = &contribution.custodian;
        let plaintext =
            hpke::open(key, label::HPKE_SHARE, self.ceremony, direction, who.as_str(), ciphertext).ok()?;
        if contribution.shares.get(position) != Some(&share_hash(&plaintext)) {
            return None;
        }
        let index = self.group.index_of(who)?;
        UntrustedShare::from_bytes(plaintext.expose()).ok()?.verify(self.dealing, index, self.ceremony).ok()
    }
}

fn open_ingredient(
    release: &Release,
    facts: &Facts<'_>,
    ceremony: &Hash,
    key: &HpkeSecret,
) -> Result<SecretPoint, FinishError> {
    let boxed = release.ingredient.as_ref();
    let plaintext = hpke::open(key, label::HPKE_RELEASE, ceremony, FROM_GATE, "gate", boxed)
        .map_err(|_| FinishError::Ingredient(IngredientFault::Sealed))?;
    let (credential, origin) = (&facts.credential, &facts.sealing.origin);
    pvss::verify_ingredient(plaintext.expose(), &facts.gamma, credential, origin, ceremony)
        .map_err(|why| FinishError::Ingredient(why.into()))
}
