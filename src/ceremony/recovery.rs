//! A dead host: keepers bring the gate's root back on a new machine. What they
//! hold was dealt without an ingredient of the gate, so `t` of them with the
//! vault's files suffice: no TOTP and no log stands between them and the root,
//! and nothing here writes one.
//!
//! The new machine makes a key, and everybody compares the twelve words of its
//! request. A keeper's share is encrypted to that key. Every share proves itself,
//! and what comes out must be the root whose public keys the log has.
//!
//! Long, because both sides of the one ceremony stand together.

use super::custodian::{ReviewError, Seen, check_checkpoint, compare, folded, parsed, present_gate};
use super::gap::explained;
use crate::event::{
    Entry, Gap, GateEpoch, GroupStatement, Hash, Member, RestoredWithGap, RootDealing, Signed,
    ciphertext_hash, record_hash,
};
use crate::gate::{Gate, RootGate};
use crate::hex::{Bytes, HexBytes};
use crate::log::checkpoint;
use crate::message::{LARGE_CAP, Message, SMALL_CAP};
use crate::name::{Pseudonym, VaultId};
use crate::pvss::{
    self, Dealing, DealingContext, DealingError, Quorum, QuorumError, ShareKeyPair, UntrustedShare,
    VerifiedDealing, VerifiedShare,
};
use crate::seal::card::{Card, Role};
use crate::seal::hpke::{self, HpkeSecret};
use crate::seal::record::RecordError;
use crate::seal::root::{Roots, SealedRoot, root_id};
use crate::seal::sign;
use crate::seal::words::{self, Fingerprint};
use crate::state::{Invalid, Roll, VaultState};
use crate::transcript::{Transcript, label};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// HPKE direction of a keeper's share.
const TO_NEW_MACHINE: &str = "to-new-machine";

/// Why the root was not recovered: nothing was written.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RecoveryError {
    /// The vault's log has no recovery group.
    #[error("this vault has no recovery group: its gate's root was dealt to nobody")]
    NoGroup,
    /// The present root was not dealt to the present group.
    #[error("the root of the gate's epoch {0} was not dealt to the recovery group")]
    NotDealt(u64),
    /// The group's statement is not acceptable.
    #[error("the recovery group is not acceptable: {0}")]
    Group(#[from] Invalid),
    /// The dealing does not verify for this root and group.
    #[error("the dealing of the gate's root does not verify: {0}")]
    Dealing(#[from] DealingError),
    /// A record is not the one that the log names.
    #[error("the {0} here is not the one that the vault's log names")]
    OtherRecord(&'static str),
    /// The log that came with a request is not acceptable.
    #[error("the log that came with the request is not acceptable: {0}")]
    Log(Box<ReviewError>),
    /// The card is of another vault.
    #[error("the card {0} is of another vault")]
    OtherVault(Pseudonym),
    /// The card is no keeper's.
    #[error("{who} is {found}, not a keeper")]
    NotAKeeper {
        /// Whose card.
        who: Pseudonym,
        /// Its role.
        found: &'static str,
    },
    /// The card's owner is not in the group.
    #[error("{0} is no member of the recovery group")]
    NotAMember(Pseudonym),
    /// The group is not the one that the card signed.
    #[error("the recovery group is not the one that {0} signed")]
    OtherGroup(Pseudonym),
    /// The answer is for another request, so for another machine's key.
    #[error("the answer of {0} is for another request than this machine's")]
    OtherRequest(Pseudonym),
    /// The same keeper again.
    #[error("{0} has given a share already")]
    Twice(Pseudonym),
    /// The signature of an answer is wrong.
    #[error("the signature of {0} is wrong")]
    Signature(Pseudonym),
    /// The share was not encrypted for this machine and request.
    #[error("the share of {0} does not open with this machine's key")]
    Box(Pseudonym),
    /// The share does not prove itself: its keeper is to blame.
    #[error("the share of {0} does not prove itself")]
    Share(Pseudonym),
    /// What a request says is missing of the vault's own log is not so.
    #[error("what the request says is missing of the vault's own log does not fit that log")]
    Gap,
    /// Fewer than the threshold: they open nothing.
    #[error("{there} of {needed} shares")]
    TooFew {
        /// Good shares.
        there: usize,
        /// Needed.
        needed: usize,
    },
    /// The record does not open, although enough shares prove themselves: what was
    /// dealt and what was sealed are not one.
    #[error("what was dealt does not open the sealed root: {0}")]
    Record(#[from] RecordError),
    /// What was sealed is not the root whose keys the log announces.
    #[error("what was sealed is not the root of this vault's gate")]
    OtherRoot,
}

/// A root that was dealt, as the log has it, with its dealing verified.
pub struct DealtRoot {
    vault: VaultId,
    gate: GateEpoch,
    group: GroupStatement,
    g: Hash,
    dealt: RootDealing,
    dealing: VerifiedDealing,
}

impl DealtRoot {
    /// Finds what was dealt of the present root, and verifies the dealing's bytes
    /// for just that root and group.
    pub fn new(state: &VaultState, dealing: &[u8]) -> Result<Self, RecoveryError> {
        let (group, dealt) = dealt(state)?;
        Ok(Self {
            vault: state.vault,
            gate: state.gate().clone(),
            group: group.clone(),
            g: state.g(group),
            dealt: dealt.clone(),
            dealing: verify_dealing(state, group, dealt, dealing)?,
        })
    }

    /// Who holds the shares.
    pub fn group(&self) -> &GroupStatement {
        &self.group
    }

    fn member(&self, who: &Pseudonym) -> Result<(u8, &Member), RecoveryError> {
        let found = (1u8..).zip(&self.group.members).find(|(_, member)| member.pseudonym == *who);
        found.ok_or_else(|| RecoveryError::NotAMember(who.clone()))
    }
}

/// The recovery group, and what was dealt to it of the gate's present root.
pub fn dealt(state: &VaultState) -> Result<(&GroupStatement, &RootDealing), RecoveryError> {
    let group = state.recovery.as_ref().ok_or(RecoveryError::NoGroup)?;
    let epoch = state.gate().epoch;
    Ok((group, state.dealt.get(&epoch).ok_or(RecoveryError::NotDealt(epoch))?))
}

/// Verifies a dealing's bytes against the entry that names it.
pub fn verify_dealing(
    state: &VaultState,
    group: &GroupStatement,
    dealt: &RootDealing,
    bytes: &[u8],
) -> Result<VerifiedDealing, RecoveryError> {
    let keys = state.group_keys(group)?;
    let context = DealingContext::new(root_id(&state.vault, dealt.gate_epoch), &keys);
    let dealing = Dealing::from_bytes(bytes, keys.threshold().n())?.verify(&context, &keys)?;
    if *dealing.id() == dealt.dealing { Ok(dealing) } else { Err(RecoveryError::OtherRecord("dealing")) }
}

/// What a new machine asks the keepers for. Its hash is what the twelve words stand
/// for, and what every share is proved for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryRequest {
    /// Which vault.
    pub vault: VaultId,
    /// Which epoch of its gate.
    pub gate_epoch: u64,
    /// The dealing.
    pub dealing: Hash,
    /// Hash of the sealed root.
    pub sealed: Hash,
    /// The new machine's HPKE key.
    pub key: Bytes<32>,
    /// What is missing of logs for good, if anything: keepers sign for each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gaps: Vec<Gap>,
}

impl RecoveryRequest {
    /// `H("recovery-request", vault, gate epoch, dealing, sealed, key)`; where entries
    /// are missing, with the list of the gaps, each as it is signed but for the keepers'
    /// digest (64 zero bytes).
    pub fn hash(&self) -> Hash {
        let begun = Transcript::new(label::RECOVERY_REQUEST).part(self.vault).int(self.gate_epoch);
        let begun = begun.part(self.dealing).part(self.sealed).part(self.key);
        let named = |gap: &Gap| gap.digest(&self.vault, &Bytes([0; 64]));
        Bytes(match self.gaps.is_empty() {
            true => begun.finish(),
            false => begun.list(self.gaps.iter().map(named)).finish(),
        })
    }

    /// The words that everybody compares: they stand for the new machine's key and
    /// for all that it asks.
    pub fn fingerprint(&self) -> Fingerprint {
        words::fingerprint(&Transcript::new(label::RECOVERY_FINGERPRINT).part(self.hash()).finish())
    }

    fn asks_for(&self, root: &DealtRoot) -> bool {
        let expected = (root.vault, root.gate.epoch, root.dealt.dealing, root.dealt.sealed);
        let follows = |gap: &Gap| self.gate_epoch.checked_add(1) == Some(gap.gate_epoch) && gap.missing() > 0;
        let apart = self.gaps.iter().map(|gap| gap.log).collect::<BTreeSet<_>>().len() == self.gaps.len();
        let gaps = apart && self.gaps.iter().all(follows);
        gaps && (self.vault, self.gate_epoch, self.dealing, self.sealed) == expected
    }
}

/// Everything that a keeper needs on a machine of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPackage {
    /// The request.
    pub request: RecoveryRequest,
    /// A checkpoint of the vault's own log, as a signed note.
    pub checkpoint: String,
    /// That log up to it.
    pub entries: Vec<String>,
    /// The dealing.
    pub dealing: HexBytes,
}

impl Message for RecoveryPackage {
    const KIND: &'static str = "recovery-request";
    const CAP: usize = LARGE_CAP;
}

/// A request as a keeper's own machine found it.
pub struct Called {
    /// What is asked for.
    pub root: DealtRoot,
    /// What the vault's own log adds up to.
    pub state: VaultState,
    /// What the card's owner has now seen of the vault's own log.
    pub seen: Seen,
    /// How that goes on from what they saw before. A copy that is older may be all
    /// that is left: a person decides.
    pub met: Result<(), ReviewError>,
}

/// Replays the log of a package and finds what was dealt, for a keeper of that vault.
pub fn call(package: &RecoveryPackage, card: &Card, before: Option<&Seen>) -> Result<Called, RecoveryError> {
    check_keeper(card, package.request.vault)?;
    let log = |why: ReviewError| RecoveryError::Log(Box::new(why));
    let (state, seen, then) =
        replay(&package.entries, &package.checkpoint, &card.first_entry(), before).map_err(log)?;
    check_keeper(card, state.vault)?;
    let seen = seen.naming(&state);
    let met = before.map_or(Ok(()), |before| {
        compare(&seen, before, then).map_err(|why| explained(&state, &seen, before, why))
    });
    check_own_gap(&state, &seen, &package.request)?;
    Ok(Called { root: DealtRoot::new(&state, &package.dealing.0)?, state, seen, met })
}

/// What is said to be missing of the vault's own log, which is the only one that a
/// keeper's machine has: it begins where that log ends, and its key signed what was
/// seen.
fn check_own_gap(state: &VaultState, seen: &Seen, request: &RecoveryRequest) -> Result<(), RecoveryError> {
    let own = request.gaps.iter().find(|gap| gap.log == state.id());
    let fits = own.is_none_or(|gap| {
        let note = gap.seen_note(&state.log_origin(), state.gate());
        let key = state.log_key().ok();
        let signed = note.zip(key).is_some_and(|(note, key)| checkpoint::open(note.as_bytes(), &key).is_ok());
        signed && (gap.restored.size, gap.restored.root) == (seen.size, seen.root)
    });
    if fits { Ok(()) } else { Err(RecoveryError::Gap) }
}

/// As [`super::custodian::replay`], of the vault's own log; gives the root over as
/// many entries as the owner saw before, too, where there are so many.
pub fn replay(
    entries: &[String],
    checkpoint: &str,
    first_entry: &Bytes<32>,
    before: Option<&Seen>,
) -> Result<(VaultState, Seen, Option<Bytes<32>>), ReviewError> {
    let lines = parsed(entries, first_entry)?;
    let read = |index: u64, bytes| Entry::from_line(bytes).map_err(|why| ReviewError::Entry { index, why });
    let invalid = |index| move |why| ReviewError::Invalid { index, why };
    let (first, rest) = lines.split_first().ok_or(ReviewError::OtherLog)?;
    let mut state = VaultState::begin(&read(0, first)?, first_entry).map_err(invalid(0))?;
    let (size, root, then) = folded(&lines, before);
    let mut seen = Seen::new(state.id(), (size, root), checkpoint.to_owned());
    let origin = state.log_origin();
    let gate = present_gate(&state.id(), state.gate(), rest);
    seen.checkpoint = check_checkpoint((origin.as_str(), &gate.log_key), &seen)?;
    for (index, bytes) in (1u64..).zip(rest) {
        state.apply(&read(index, bytes)?, &bytes.leaf_hash()).map_err(invalid(index))?;
    }
    Ok((state, seen, then))
}

/// A keeper's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryContribution {
    /// Hash of the request.
    pub request: Hash,
    /// Who.
    pub keeper: Pseudonym,
    /// The share with its proof, encrypted for the new machine.
    pub share: HexBytes,
    /// The keeper's signature over [`RecoveryContribution::digest`].
    pub signature: Bytes<64>,
    /// The keeper's signature for each of the request's gaps, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gaps: Vec<Bytes<64>>,
}

impl Message for RecoveryContribution {
    const KIND: &'static str = "recovery-contribution";
    const CAP: usize = SMALL_CAP;
}

impl RecoveryContribution {
    /// `H("recovery-contribution", request, pseudonym, H("ciphertext", share))`.
    pub fn digest(&self) -> [u8; 64] {
        Transcript::new(label::RECOVERY_CONTRIBUTION)
            .part(self.request)
            .part(self.keeper.as_str())
            .part(ciphertext_hash(&self.share))
            .finish()
    }
}

/// A keeper's side. Nothing touches the share key before the dealing was verified,
/// and the card is a keeper's of this vault who signed just this group.
pub fn contribute(
    root: &DealtRoot,
    request: &RecoveryRequest,
    card: &Card,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<RecoveryContribution, RecoveryError> {
    check_keeper(card, root.vault)?;
    let who = card.pseudonym().clone();
    if !request.asks_for(root) {
        return Err(RecoveryError::OtherRequest(who));
    }
    let (index, member) = root.member(&who)?;
    let statement = Bytes(root.group.digest(&root.vault.into()));
    let signed = card.statement(root.group.group, root.group.epoch) == Some(statement);
    if !signed || card.signing_key().public() != member.sign_key {
        return Err(RecoveryError::OtherGroup(who));
    }
    let pair = ShareKeyPair::new(card.share_scalar(&root.g));
    let hash = request.hash();
    let share = pvss::open_share(&root.dealing, index, &pair, &hash, rng)
        .map_err(|_| RecoveryError::OtherGroup(who.clone()))?;
    let name = who.as_str();
    let sealed =
        hpke::seal(&request.key, label::HPKE_RECOVERY, &hash, TO_NEW_MACHINE, name, share.expose(), rng);
    let share = sealed.map_err(|_| RecoveryError::OtherRequest(who.clone()))?;
    let gaps = request.gaps.iter().map(|gap| card.signing_key().sign(&gap.digest(&root.vault, &statement)));
    let gaps = gaps.collect();
    let mut made =
        RecoveryContribution { request: hash, keeper: who, share, signature: Bytes([0; 64]), gaps };
    made.signature = card.signing_key().sign(&made.digest());
    Ok(made)
}

/// The card is a keeper's of this vault.
pub fn check_keeper(card: &Card, vault: VaultId) -> Result<(), RecoveryError> {
    let who = card.pseudonym().clone();
    if card.vault() != vault {
        return Err(RecoveryError::OtherVault(who));
    }
    if card.role() != Role::Keeper || card.organisation() != vault.into() {
        return Err(RecoveryError::NotAKeeper { who, found: card.role().as_str() });
    }
    Ok(())
}

/// The new machine's side, from its request to the root.
pub struct NewMachine {
    root: DealtRoot,
    secret: HpkeSecret,
    request: RecoveryRequest,
    shares: BTreeMap<Pseudonym, VerifiedShare>,
    /// Signatures for the request's gaps.
    signed: BTreeMap<Pseudonym, Vec<Bytes<64>>>,
}

impl NewMachine {
    /// A fresh key, and a request for it.
    pub fn begin(root: DealtRoot, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let (secret, _) = HpkeSecret::generate(rng);
        Self::resume(root, secret)
    }

    /// Goes on with a key that was made before: the request is the same again.
    pub fn resume(root: DealtRoot, secret: HpkeSecret) -> Self {
        let request = RecoveryRequest {
            vault: root.vault,
            gate_epoch: root.gate.epoch,
            dealing: root.dealt.dealing,
            sealed: root.dealt.sealed,
            key: secret.public(),
            gaps: Vec::new(),
        };
        Self { root, secret, request, shares: BTreeMap::new(), signed: BTreeMap::new() }
    }

    /// The same, which asks too that keepers sign for what is missing of logs.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Vec<Gap>) -> Self {
        self.request.gaps = gaps;
        self
    }

    /// For each gap the entry with the signatures of everyone who gave a share.
    pub fn gap_entries(&self) -> Vec<RestoredWithGap> {
        let each = self.request.gaps.iter().enumerate();
        let entry = |(place, gap): (usize, &Gap)| {
            let signed = self.signed.iter().filter_map(|(who, signatures)| {
                Some(Signed { pseudonym: who.clone(), signature: *signatures.get(place)? })
            });
            RestoredWithGap { gap: *gap, keepers: self.root.group.clone(), signatures: signed.collect() }
        };
        each.map(entry).collect()
    }

    /// Every gap of the request is signed by the keeper.
    fn check_gaps(&self, member: &Member, signatures: &[Bytes<64>]) -> bool {
        let keepers = Bytes(self.root.group.digest(&self.root.vault.into()));
        let gaps = &self.request.gaps;
        let good = |(gap, signature): (&Gap, &Bytes<64>)| {
            sign::verify(&member.sign_key, &gap.digest(&self.root.vault, &keepers), signature)
        };
        gaps.len() == signatures.len() && gaps.iter().zip(signatures).all(good)
    }

    /// Whose shares are there.
    pub fn given(&self) -> Vec<Pseudonym> {
        self.shares.keys().cloned().collect()
    }

    /// What it asks.
    pub fn request(&self) -> &RecoveryRequest {
        &self.request
    }

    /// What it asks for.
    pub fn root(&self) -> &DealtRoot {
        &self.root
    }

    /// Good shares so far, and how many are needed.
    pub fn progress(&self) -> (usize, usize) {
        (self.shares.len(), self.root.group.needed())
    }

    /// Takes a keeper's answer, if it proves itself. Whoever is to blame is named,
    /// and loses nothing but this attempt.
    pub fn take(&mut self, answer: &RecoveryContribution) -> Result<(), RecoveryError> {
        let who = answer.keeper.clone();
        let hash = self.request.hash();
        if answer.request != hash {
            return Err(RecoveryError::OtherRequest(who));
        }
        let (index, member) = self.root.member(&who)?;
        if !sign::verify(&member.sign_key, &answer.digest(), &answer.signature) {
            return Err(RecoveryError::Signature(who));
        }
        if !self.check_gaps(member, &answer.gaps) {
            return Err(RecoveryError::Signature(who));
        }
        if self.shares.contains_key(&who) {
            return Err(RecoveryError::Twice(who));
        }
        let (label, name) = (label::HPKE_RECOVERY, who.as_str());
        let opened = hpke::open(&self.secret, label, &hash, TO_NEW_MACHINE, name, &answer.share.0);
        let opened = opened.map_err(|_| RecoveryError::Box(who.clone()))?;
        let share = UntrustedShare::from_bytes(opened.expose())
            .and_then(|share| share.verify(&self.root.dealing, index, &hash))
            .map_err(|_| RecoveryError::Share(who.clone()))?;
        self.signed.insert(who.clone(), answer.gaps.clone());
        self.shares.insert(who, share);
        Ok(())
    }

    /// Puts the shares together and opens the sealed root, which must be the one
    /// whose public keys the log announces.
    pub fn open(self, sealed: &[u8]) -> Result<Roots, RecoveryError> {
        let (there, needed) = self.progress();
        if record_hash(sealed) != self.root.dealt.sealed {
            return Err(RecoveryError::OtherRecord("sealed root"));
        }
        let quorum = Quorum::gather(&self.root.dealing, self.shares.into_values().collect());
        let quorum = quorum.map_err(|why| match why {
            QuorumError::TooFew { .. } => RecoveryError::TooFew { there, needed },
            QuorumError::OtherDealing { .. } | QuorumError::Repeated { .. } => {
                RecoveryError::OtherRecord("dealing")
            }
        })?;
        let (vault, epoch) = (self.root.vault, self.root.gate.epoch);
        let roots =
            SealedRoot::from_bytes(sealed)?.open(&root_id(&vault, epoch), epoch, &quorum.combine())?;
        let gate = RootGate::with(roots, epoch);
        if gate.announce(&vault.into(), epoch).as_ref() == Ok(&self.root.gate) {
            Ok(gate.into_roots())
        } else {
            Err(RecoveryError::OtherRoot)
        }
    }
}
