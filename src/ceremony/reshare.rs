//! A contributor's side of a resharing. Nothing touches the share key before
//! everything in [`review`] was checked, from the package and the card alone; what
//! others have dealt again is checked before anything is signed; and of each old
//! dealing a card signs one that takes its place, unless the log shows that the
//! attempt before came to nothing. Nothing here puts a shared secret together, and
//! what could do that is not used here: `tests/layering.rs` sees to it. Long, because all
//! that a contributor checks, in one room and by files, stands together.

use super::custodian::{
    ContributeError, Replayed, ReviewError, Seen, TO_GATE, check_window, cosign_at, replay, text_among,
};
use crate::event::{GroupEpoch, GroupStatement, Hash, MAX_CHUNK, ResharedVersion, Signed, TextHash};
use crate::hex::{Bytes, HexBytes};
use crate::message::{
    Contribution, Redealt, ReshareAnswer, ReshareFile, ResharePackage, ReshareRequest, ReshareSignatures,
    SignedPart,
};
use crate::name::{OrganisationId, Origin, Pseudonym};
use crate::pvss::{
    ClaimedDealing, DealingError, GroupKeys, LinkProof, Redealing, ReshareError, Resharing, ShareKeyPair,
    reshared_digest, verify_claimed, verify_redealings,
};
use crate::seal::{card::Card, hpke, sign, words};
use crate::secret::SecretBytes;
use crate::state::{Ceremony, Organisation};
use crate::time::Time;
use crate::transcript::{Transcript, label};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A group as it is shown to a contributor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownGroup {
    /// `org/group`.
    pub address: String,
    /// Its epoch.
    pub epoch: u64,
    /// How many open.
    pub threshold: u64,
    /// Who, in the order of their share indices.
    pub members: Vec<Pseudonym>,
}

impl ShownGroup {
    /// Of a statement in its organisation.
    pub fn of(state: &Organisation, group: &GroupStatement) -> Self {
        Self {
            address: state.group_address(group),
            epoch: group.epoch,
            threshold: group.threshold,
            members: group.members.iter().map(|member| member.pseudonym.clone()).collect(),
        }
    }
}

/// What a resharing is for, as it is shown to a contributor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownReshare {
    /// Who holds it now.
    pub from: ShownGroup,
    /// Who is to hold it.
    pub to: ShownGroup,
    /// The new group's twelve words.
    pub fingerprint: String,
    /// Versions still to be handed over, by project.
    pub projects: BTreeMap<String, u64>,
    /// Whether releases wait for witnesses now and would not any more.
    pub loses_witnesses: bool,
    /// Why, in words.
    pub reason: String,
    /// The ticket, in words.
    pub ticket: Option<String>,
}

/// A request to reshare that a contributor's machine found to be in order.
pub struct ReshareReview {
    request: ReshareRequest,
    ceremony: Hash,
    gate_key: Bytes<32>,
    seen: Seen,
    origin: Origin,
    checked: (u64, Bytes<32>),
    from: GroupStatement,
    old: GroupKeys,
    new: GroupKeys,
    g: Hash,
    left: Vec<(u64, Hash, Hash)>,
    attempt: u64,
    open: BTreeSet<Hash>,
    /// What would be done.
    pub shown: ShownReshare,
}

/// Checks everything that can be checked before a person is asked: the operator's
/// signature and admission; that the log extends what the card's owner saw, and by its
/// replay that the list, both groups and the membership are current; that every
/// member of the new group has proved possession of its key and signed, which the
/// replay shows too.
pub fn review(
    package: &ResharePackage,
    card: &Card,
    before: Option<&Seen>,
    now: Time,
) -> Result<ReshareReview, ReviewError> {
    let request = &package.signed.request;
    if request.vault != card.vault() || request.organisation != card.organisation() {
        return Err(ReviewError::OtherOrganisation);
    }
    let ceremony = request.hash();
    let Replayed { state, seen } =
        replay(&package.entries, &package.checkpoint, &card.first_entry(), before)?;
    if !state.unknown.is_empty() {
        return Err(ReviewError::UnknownKinds(state.unknown.keys().take(3).cloned().collect()));
    }
    if let Some(how) = state.cards.barred(card.pseudonym()) {
        return Err(ReviewError::Barred { who: card.pseudonym().clone(), how: how.as_str() });
    }
    let open = state.ceremonies.get(&ceremony).ok_or(ReviewError::NoCeremony)?;
    let reshare = open.reshare.as_ref().ok_or(ReviewError::NoCeremony)?;
    let operator = state.people.get(&request.operator);
    if operator.is_none_or(|operator| operator.sign_key != request.operator_key)
        || !package.signed.is_signed()
    {
        return Err(ReviewError::RequestSignature(request.operator.clone()));
    }
    check_window(open, now)?;
    let from = own_group(&state, reshare.from, card)?;
    check_operator(&state, open, request, (from, now))?;
    let to = new_group(&state, reshare.to, request, card)?;
    let root = open.opened_root.ok_or(ReviewError::NoCeremony)?;
    let keys = |group: &GroupStatement| {
        let other = |_| ReviewError::OtherGroup { group: group.slug.to_string() };
        state.group_keys(group).map_err(other)
    };
    let text = |hash: &TextHash| text_among(&package.texts, hash);
    let ticket = request.ticket.as_ref().map(|hash| text(hash).ok_or(ReviewError::NoText("ticket")));
    let reason = text(&request.reason).ok_or(ReviewError::NoText("reason"))?;
    Ok(ReshareReview {
        gate_key: open.gate_key,
        checked: (open.opened_size, root),
        old: keys(from)?,
        new: keys(to)?.with_tables(),
        g: state.g(from),
        left: state.reshare_left(open),
        attempt: reshare.rejected.len() as u64,
        open: state.ceremonies.keys().copied().collect(),
        shown: shown(&state, (from, to), open, (reason, ticket.transpose()?)),
        from: from.clone(),
        origin: state.origin.clone(),
        request: request.clone(),
        ceremony,
        seen,
    })
}

/// The group of which the card is a member: the one that its owner signed.
fn own_group<'a>(
    state: &'a Organisation,
    of: GroupEpoch,
    card: &Card,
) -> Result<&'a GroupStatement, ReviewError> {
    let not_current = ReviewError::NotCurrent { target: 0, what: "group" };
    let group = state.statement(&of.group, of.epoch).ok_or(not_current)?;
    if group.index_of(card.pseudonym()).is_none() {
        return Err(ReviewError::NotAHolder(card.pseudonym().clone()));
    }
    if card.statement(group.group, group.epoch) != Some(Bytes(group.digest(&state.id))) {
        return Err(ReviewError::OtherGroup { group: group.slug.to_string() });
    }
    Ok(group)
}

/// The new group is the whole statement that was asked for; whoever is a member of it
/// too has signed just that one.
fn new_group<'a>(
    state: &'a Organisation,
    of: GroupEpoch,
    request: &ReshareRequest,
    card: &Card,
) -> Result<&'a GroupStatement, ReviewError> {
    let not_current = ReviewError::NotCurrent { target: 0, what: "new group" };
    let group = state.groups.get(&of.group).filter(|group| group.epoch == of.epoch).ok_or(not_current)?;
    let digest = Bytes(group.digest(&state.id));
    let member = group.index_of(card.pseudonym()).is_some();
    if digest != request.statement || member && card.statement(group.group, group.epoch) != Some(digest) {
        return Err(ReviewError::OtherGroup { group: group.slug.to_string() });
    }
    Ok(group)
}

/// By this machine's clock too: host and operator may agree on an old date.
fn check_operator(
    state: &Organisation,
    open: &Ceremony,
    request: &ReshareRequest,
    (group, now): (&GroupStatement, Time),
) -> Result<(), ReviewError> {
    let admitted = |at| state.admission_of(&request.operator, group, at).is_some();
    if admitted(request.asked) && admitted(now) && open.still_admitted(group) {
        return Ok(());
    }
    let (operator, group) = (request.operator.clone(), group.slug.to_string());
    Err(ReviewError::NotAdmitted { operator, group })
}

fn shown(
    state: &Organisation,
    (from, to): (&GroupStatement, &GroupStatement),
    open: &Ceremony,
    (reason, ticket): (String, Option<String>),
) -> ShownReshare {
    let mut projects = BTreeMap::<String, u64>::new();
    for (_, credential, _) in state.reshare_left(open) {
        let account = state.versions.get(&credential).map(|version| state.address(&version.sealing.account));
        let address = account.unwrap_or_default();
        let place = match address.split_once("/@") {
            Some((organisation, _)) => format!("{organisation} (who people are)"),
            None => address.rsplit_once('/').map_or("", |(project, _)| project).to_owned(),
        };
        *projects.entry(place).or_default() += 1;
    }
    ShownReshare {
        from: ShownGroup::of(state, from),
        to: ShownGroup::of(state, to),
        fingerprint: words::fingerprint(&to.fingerprint(&state.id)).to_string(),
        projects,
        loses_witnesses: loses_witnesses(state, from, to),
        reason,
        ticket,
    }
}

/// Whether releases of what a group holds wait for witnesses now, and would not any
/// more where another held it.
pub fn loses_witnesses(state: &Organisation, from: &GroupStatement, to: &GroupStatement) -> bool {
    let waits = |group: &GroupStatement| state.witness_policies.contains_key(&group.group);
    waits(from) && !waits(to)
}

/// Why an old dealing cannot be reshared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// What lies beside the log is not the dealing that the log names.
    #[error("the old dealing of version {0} of the list is not the one that the log names")]
    NotAsLogged(u64),
    /// It is, and does not verify.
    #[error("the old dealing of version {place} of the list does not verify: {why}")]
    Dealing {
        /// Place in the request's list.
        place: u64,
        /// Why.
        #[source]
        why: DealingError,
    },
}

/// Why a contributor is set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferFault {
    /// Of another ceremony or other versions, or not signed by whose it is said to be.
    #[error("it is not a signed answer for just these versions")]
    Message,
    /// A re-dealing is not one, or one of its proofs does not hold.
    #[error(transparent)]
    Proof(#[from] ReshareError),
}

/// Who is to blame, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Whose re-dealing it is.
    pub custodian: Pseudonym,
    /// Of which version: the first that is bad.
    pub credential: Hash,
    /// What is wrong with it.
    pub why: OfferFault,
}

/// Why a part of the list was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// These contributors gave something bad.
    #[error("bad re-dealings: {}", .0.iter().map(|one| format!("{} ({})", one.custodian, one.why)).collect::<Vec<_>>().join(", "))]
    Culprits(Vec<Culprit>),
    /// Not exactly as many contributors as the old group's threshold.
    #[error("{found} contributors where there must be exactly {needed}")]
    Contributors {
        /// How many there are.
        found: usize,
        /// The threshold.
        needed: usize,
    },
    /// What they gave is good one by one and not together: all of them are in it.
    #[error("the re-dealings do not add up to a dealing: {0}")]
    Sum(ReshareError),
}

/// Why a card does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignRefusal {
    /// This part is of another ceremony than was reviewed.
    #[error("what is to be signed belongs to another ceremony")]
    OtherCeremony,
    /// The card has signed something else for the same old dealings, and the log does
    /// not show that this came to nothing.
    #[error("this card has signed another outcome for the same versions, in ceremony {}", .0.short())]
    SignedAnother(Hash),
    /// What others dealt again is of a round in which this card has no part.
    #[error("this card has no part in what is to be signed")]
    NotAContributor,
    /// What was to be kept first was not.
    #[error("what this card signs was not kept before")]
    NotKept,
}

/// Why files that contributors gave cannot be used, or not together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Of another ceremony than the others.
    #[error("the file of {0} is of another ceremony than the others")]
    OtherCeremony(Pseudonym),
    /// Two files of the same custodian.
    #[error("two of the files are of {0}")]
    Twice(Pseudonym),
    /// Somebody else's re-dealings in it.
    #[error("the file of {0} holds what somebody else dealt again, or of another ceremony")]
    NotOwn(Pseudonym),
    /// Not just the versions that are left.
    #[error("what {0} dealt again is not of just the versions that are to be handed over now")]
    OtherVersions(Pseudonym),
    /// What is to be signed, or was, is of other versions than are left.
    #[error("the second round's file is not of just the versions that are to be handed over now")]
    OtherRound,
    /// A signature is of another outcome.
    #[error("{0} did not sign what the second round's file has")]
    OtherOutcome(Pseudonym),
    /// It is wrong: anybody may have written it.
    #[error("the signature of {0} is wrong")]
    Signature(Pseudonym),
    /// Contributors of the second round without a file.
    #[error("the signatures of {} are missing", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Missing(Vec<Pseudonym>),
    /// Nobody of the ceremony.
    #[error("{0} is no contributor of the second round's file")]
    NotAContributor(Pseudonym),
}

/// Checks that files of the first round are of one ceremony, each by another custodian
/// and of nothing but that one's own; gives the ceremony. Proofs are not looked at.
pub fn check_answers(answers: &[ReshareAnswer]) -> Result<Option<Hash>, FileError> {
    let (ceremony, mut known) = (answers.first().map(|one| one.contribution.ceremony), BTreeSet::new());
    for ReshareAnswer { contribution, parts } in answers {
        let who = &contribution.custodian;
        if Some(contribution.ceremony) != ceremony {
            return Err(FileError::OtherCeremony(who.clone()));
        }
        if !known.insert(who) {
            return Err(FileError::Twice(who.clone()));
        }
        let own = |part: &Redealt| part.custodian == *who && Some(part.ceremony) == ceremony;
        if !parts.iter().all(own) {
            return Err(FileError::NotOwn(who.clone()));
        }
    }
    Ok(ceremony)
}

/// What each contributor dealt again of just these versions.
pub fn offers_of(chunk: &Chunk, answers: &[ReshareAnswer]) -> Result<Vec<Redealt>, FileError> {
    let credentials = chunk.credentials();
    let offer = |answer: &ReshareAnswer| {
        let found = answer.parts.iter().find(|part| part.credentials == credentials);
        found.cloned().ok_or_else(|| FileError::OtherVersions(answer.contribution.custodian.clone()))
    };
    answers.iter().map(offer).collect()
}

/// Checks that there are signatures of just the contributors of a second round, one
/// file each; their proofs and what they are over are not looked at.
pub fn check_signers(round: &ReshareFile, signed: &[ReshareSignatures]) -> Result<Hash, FileError> {
    let ceremony = round.package.signed.request.hash();
    let wanted: BTreeSet<_> = round.parts.iter().flatten().map(|offer| &offer.custodian).collect();
    let mut known = BTreeSet::new();
    for one in signed {
        let who = &one.custodian;
        if one.ceremony != ceremony {
            return Err(FileError::OtherCeremony(who.clone()));
        }
        if !wanted.contains(who) {
            return Err(FileError::NotAContributor(who.clone()));
        }
        if !known.insert(who) {
            return Err(FileError::Twice(who.clone()));
        }
    }
    let missing: Vec<_> = wanted.difference(&known).map(|who| (*who).clone()).collect();
    if missing.is_empty() { Ok(ceremony) } else { Err(FileError::Missing(missing)) }
}

/// The contributors' signatures of a part, in the order of their share indices, each
/// right for just what was checked.
pub fn signatures_of(
    from: &GroupStatement,
    checked: &CheckedChunk,
    signed: &[ReshareSignatures],
) -> Result<Vec<Signed>, FileError> {
    let outcome = checked.digest();
    let each = checked.contributors.iter().map(|who| {
        let file = signed.iter().find(|one| one.custodian == *who);
        let file = file.ok_or_else(|| FileError::Missing(vec![who.clone()]))?;
        let part = file.parts.iter().find(|part| part.outcome == outcome);
        let signature = part.ok_or_else(|| FileError::OtherOutcome(who.clone()))?.signature;
        let key = from.members.iter().find(|member| member.pseudonym == *who).map(|member| member.sign_key);
        if key.is_none_or(|key| !sign::verify(&key, &outcome.0, &signature)) {
            return Err(FileError::Signature(who.clone()));
        }
        Ok(Signed { pseudonym: who.clone(), signature })
    });
    each.collect()
}

/// What a card has signed in resharings last. It lies in a file beside the card, and
/// is written before a signature is given away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedLast {
    /// The organisation.
    pub organisation: OrganisationId,
    /// In which ceremony.
    pub ceremony: Hash,
    /// In which of its attempts.
    pub attempt: u64,
    /// Up to which place of the request's list, which excludes it.
    pub through: u64,
    /// What was signed.
    pub last: Hash,
}

/// Old dealings that were verified, ready to be dealt again.
pub struct Chunk {
    ceremony: Hash,
    places: Vec<u64>,
    resharings: Vec<Resharing>,
}

/// What exactly `t` contributors dealt again, every proof of which holds: only
/// [`Chunk::check`] makes one, and nobody signs without it.
pub struct CheckedChunk {
    ceremony: Hash,
    places: Vec<u64>,
    versions: Vec<ResharedVersion>,
    records: Vec<(Hash, Vec<u8>)>,
    contributors: Vec<Pseudonym>,
}

impl ReshareReview {
    /// The request that was reviewed.
    pub fn request(&self) -> &ReshareRequest {
        &self.request
    }

    /// The ceremony.
    pub fn ceremony(&self) -> &Hash {
        &self.ceremony
    }

    /// What the owner has now seen; to be kept before anything is answered.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Where the log lies that was reviewed.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What is not handed over yet: place in the list, credential, old dealing.
    pub fn left(&self) -> &[(u64, Hash, Hash)] {
        &self.left
    }

    /// The answer that says that this custodian takes part: a right code, and the
    /// checkpoint that was checked, cosigned. No share goes with it.
    pub fn agree(
        &self,
        card: &Card,
        code: &SecretBytes,
        at: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Contribution, ContributeError> {
        let who = card.pseudonym();
        let code = hpke::seal(
            &self.gate_key,
            label::HPKE_CODE,
            &self.ceremony,
            TO_GATE,
            who.as_str(),
            code.expose(),
            rng,
        )
        .map_err(|_| ContributeError::EncryptionKey)?;
        let mut contribution = Contribution {
            ceremony: self.ceremony,
            custodian: who.clone(),
            targets: Vec::new(),
            at,
            size: self.checked.0,
            root: self.checked.1,
            cosignature: cosign_at(card, &self.origin, self.checked, at)?,
            shares: Vec::new(),
            ciphertexts: Vec::new(),
            code,
            signature: Bytes([0; 64]),
        };
        contribution.signature = card.signing_key().sign(&contribution.digest());
        Ok(contribution)
    }

    /// Verifies old dealings, which are those of the first [`MAX_CHUNK`] versions of
    /// [`ReshareReview::left`] or fewer, in order: on any other a contributor would be
    /// a Diffie–Hellman oracle.
    pub fn chunk(
        &self,
        records: &[Vec<u8>],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Chunk, ChunkError> {
        Chunk::of(self.ceremony, &self.left, records, (&self.old, &self.new), rng)
    }

    /// All of [`ReshareReview::left`] as parts, as [`ReshareReview::chunk`] makes one.
    pub fn chunks(
        &self,
        records: &[HexBytes],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<Chunk>, ChunkError> {
        if let Some((place, ..)) = self.left.get(records.len()) {
            return Err(ChunkError::NotAsLogged(*place));
        }
        let parts = self.left.chunks(MAX_CHUNK).zip(records.chunks(MAX_CHUNK));
        let keys = (&self.old, &self.new);
        parts.map(|(left, records)| Chunk::of(self.ceremony, left, records, keys, rng)).collect()
    }

    /// After a part was handed over, and the log says so: what is left.
    pub fn advance(&mut self, done: &CheckedChunk) {
        self.left.retain(|(place, ..)| !done.places.contains(place));
    }

    /// Deals this card's shares again, each with both proofs. The key is used here and
    /// nowhere else.
    pub fn redeal(
        &self,
        card: &Card,
        chunk: &Chunk,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Redealt, ContributeError> {
        let index = self.from.index_of(card.pseudonym()).filter(|_| chunk.ceremony == self.ceremony);
        let index = index.ok_or(ContributeError::ShareKey)?;
        let pair = ShareKeyPair::new(card.share_scalar(&self.g));
        let (mut redealings, mut links) = (Vec::new(), Vec::new());
        for resharing in &chunk.resharings {
            let dealt = resharing.redeal(index, &pair, rng).map_err(|_| ContributeError::ShareKey)?;
            redealings.push(HexBytes(dealt.0.to_bytes()));
            links.push(HexBytes(dealt.1.to_bytes().to_vec()));
        }
        let (ceremony, custodian) = (self.ceremony, card.pseudonym().clone());
        let (credentials, signature) = (chunk.credentials(), Bytes([0; 64]));
        let mut redealt = Redealt { ceremony, custodian, credentials, redealings, links, signature };
        redealt.signature = card.signing_key().sign(&redealt.digest());
        Ok(redealt)
    }

    /// Checks what contributors dealt again, as [`Chunk::check`].
    pub fn check(
        &self,
        chunk: &Chunk,
        offers: &[Redealt],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<CheckedChunk, CheckError> {
        chunk.check(&self.from, offers, rng)
    }

    /// What must be kept before this part is signed, or why it must not be signed:
    /// of each old dealing one outcome, unless the log shows that the ceremony or the
    /// attempt in which another was signed came to nothing.
    pub fn to_keep(
        &self,
        checked: &CheckedChunk,
        before: Option<&SignedLast>,
    ) -> Result<SignedLast, SignRefusal> {
        self.to_keep_all(std::slice::from_ref(checked), before)
    }

    /// The same of several parts that are signed at once: all of them, or none.
    pub fn to_keep_all(
        &self,
        checked: &[CheckedChunk],
        before: Option<&SignedLast>,
    ) -> Result<SignedLast, SignRefusal> {
        if checked.is_empty() || checked.iter().any(|one| one.ceremony != self.ceremony) {
            return Err(SignRefusal::OtherCeremony);
        }
        let first = checked.iter().filter_map(|one| one.places.first()).min().copied();
        let last = self.outcome(checked);
        let another = |before: &SignedLast| Err(SignRefusal::SignedAnother(before.ceremony));
        match before {
            Some(before) if before.organisation != self.request.organisation => return another(before),
            Some(before) if before.ceremony != self.ceremony && self.open.contains(&before.ceremony) => {
                return another(before);
            }
            Some(before) if before.ceremony == self.ceremony && before.attempt >= self.attempt => {
                let onwards = before.attempt == self.attempt && first >= Some(before.through);
                if !onwards && before.last != last {
                    return another(before);
                }
            }
            _ => {}
        }
        let through = checked.iter().filter_map(|one| one.places.last()).max().map_or(0, |place| place + 1);
        let (organisation, ceremony) = (self.request.organisation, self.ceremony);
        Ok(SignedLast { organisation, ceremony, attempt: self.attempt, through, last })
    }

    /// Signs a part that was checked, once what was signed is kept.
    pub fn sign(
        &self,
        card: &Card,
        checked: &CheckedChunk,
        kept: &SignedLast,
    ) -> Result<Signed, SignRefusal> {
        let (ceremony, last) = (self.ceremony, checked.digest());
        if checked.ceremony != ceremony || (kept.ceremony, kept.last) != (ceremony, last) {
            return Err(SignRefusal::NotKept);
        }
        let pseudonym = card.pseudonym().clone();
        Ok(Signed { pseudonym, signature: card.signing_key().sign(&last.0) })
    }

    /// Signs several parts that were checked, in each of which the card has a part, once
    /// what was signed is kept.
    pub fn sign_all(
        &self,
        card: &Card,
        checked: &[CheckedChunk],
        kept: &SignedLast,
    ) -> Result<ReshareSignatures, SignRefusal> {
        let of_all = checked.iter().all(|one| one.ceremony == self.ceremony);
        if !of_all || (kept.ceremony, kept.last) != (self.ceremony, self.outcome(checked)) {
            return Err(SignRefusal::NotKept);
        }
        let who = card.pseudonym();
        if !checked.iter().all(|one| one.contributors.contains(who)) {
            return Err(SignRefusal::NotAContributor);
        }
        let key = card.signing_key();
        let part = |one: &CheckedChunk| {
            let outcome = one.digest();
            SignedPart { outcome, signature: key.sign(&outcome.0) }
        };
        let (ceremony, custodian) = (self.ceremony, who.clone());
        Ok(ReshareSignatures { ceremony, custodian, parts: checked.iter().map(part).collect() })
    }

    /// What stands for parts that are signed at once: of one part its own hash, of several
    /// `H("reshared-parts", request, [hash of each])`.
    fn outcome(&self, checked: &[CheckedChunk]) -> Hash {
        match checked {
            [one] => one.digest(),
            several => {
                let digests: Vec<_> = several.iter().map(CheckedChunk::digest).collect();
                Bytes(Transcript::new(label::RESHARED_PARTS).part(self.ceremony).list(digests).finish())
            }
        }
    }
}

impl Chunk {
    /// How many versions.
    pub fn len(&self) -> usize {
        self.resharings.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.resharings.is_empty()
    }

    /// Verifies old dealings of the first [`MAX_CHUNK`] of these versions or fewer, in
    /// order; each by its place in the list, its credential, and the dealing's id.
    pub fn of(
        ceremony: Hash,
        left: &[(u64, Hash, Hash)],
        records: &[impl AsRef<[u8]>],
        (old, new): (&GroupKeys, &GroupKeys),
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, ChunkError> {
        let (mut places, mut claims) = (Vec::new(), Vec::new());
        for ((place, credential, dealing), bytes) in left.iter().zip(records).take(MAX_CHUNK) {
            let claimed = ClaimedDealing::read(bytes.as_ref(), credential, old);
            let claimed = claimed.map_err(|why| ChunkError::Dealing { place: *place, why })?;
            if claimed.id() != dealing {
                return Err(ChunkError::NotAsLogged(*place));
            }
            places.push(*place);
            claims.push(claimed);
        }
        let verified = verify_claimed(claims, rng).map_err(|bad| {
            let place = bad.first().and_then(|at| places.get(*at)).copied().unwrap_or(0);
            ChunkError::Dealing { place, why: DealingError::Proof }
        })?;
        let resharings = verified.into_iter().map(|dealing| Resharing::new(dealing, new)).collect();
        Ok(Self { ceremony, places, resharings })
    }

    /// Which versions, in order.
    pub fn credentials(&self) -> Vec<Hash> {
        self.resharings.iter().map(|resharing| *resharing.context().cred()).collect()
    }

    /// Checks both proofs of all that was dealt again: whoever gave something bad is
    /// named, with the first version of which it is. Needs no key.
    pub fn check(
        &self,
        from: &GroupStatement,
        offers: &[Redealt],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<CheckedChunk, CheckError> {
        let mut by_index = BTreeMap::new();
        let mut culprits = Vec::new();
        for offer in offers {
            match self.decoded(from, offer) {
                Ok((index, decoded)) => drop(by_index.insert(index, (&offer.custodian, decoded))),
                Err(culprit) => culprits.push(culprit),
            }
        }
        if !culprits.is_empty() {
            return Err(CheckError::Culprits(culprits));
        }
        let (found, needed) = (by_index.len(), from.needed());
        if found != needed || offers.len() != needed {
            return Err(CheckError::Contributors { found, needed });
        }
        let mut items = Vec::with_capacity(needed * self.len());
        for (_, decoded) in by_index.values() {
            let each = self.resharings.iter().zip(decoded);
            items.extend(each.map(|(resharing, (one, link))| (resharing, one.clone(), link.clone())));
        }
        let verified = verify_redealings(items, rng)
            .map_err(|bad| CheckError::Culprits(self.named(&bad, by_index.values().map(|(who, _)| *who))))?;
        let contributors = by_index.values().map(|(who, _)| (*who).clone()).collect();
        let mut of_version: Vec<Vec<_>> =
            self.resharings.iter().map(|_| Vec::with_capacity(needed)).collect();
        for (position, one) in verified.into_iter().enumerate() {
            of_version.get_mut(position % self.len()).into_iter().for_each(|of| of.push(one.clone()));
        }
        let mut checked = CheckedChunk {
            ceremony: self.ceremony,
            places: self.places.clone(),
            versions: Vec::with_capacity(self.len()),
            records: Vec::with_capacity(self.len()),
            contributors,
        };
        for (resharing, of) in self.resharings.iter().zip(of_version) {
            let reshared = resharing.gather(of).map_err(CheckError::Sum)?;
            let (credential, dealing, links) =
                (*resharing.context().cred(), *reshared.id(), *reshared.links());
            checked.versions.push(ResharedVersion { credential, dealing, links });
            checked.records.push((dealing, reshared.record().to_bytes()));
        }
        Ok(checked)
    }

    /// A contributor's answer, decoded: signed by them, for just these versions.
    fn decoded(
        &self,
        from: &GroupStatement,
        offer: &Redealt,
    ) -> Result<(u8, Vec<(Redealing, LinkProof)>), Culprit> {
        let credentials = self.credentials();
        let first = credentials.first().copied().unwrap_or(Bytes([0; 64]));
        let culprit = |credential, why| Culprit { custodian: offer.custodian.clone(), credential, why };
        let member = from.members.iter().find(|member| member.pseudonym == offer.custodian);
        let index = from.index_of(&offer.custodian);
        let lengths = [offer.redealings.len(), offer.links.len()] == [credentials.len(); 2];
        let signed = member.is_some_and(|m| sign::verify(&m.sign_key, &offer.digest(), &offer.signature));
        let for_this = (offer.ceremony, &offer.credentials) == (self.ceremony, &credentials);
        let index = index.filter(|_| lengths && signed && for_this);
        let index = index.ok_or_else(|| culprit(first, OfferFault::Message))?;
        let each = self.resharings.iter().zip(offer.redealings.iter().zip(&offer.links));
        let decoded = each.map(|(resharing, (one, link))| {
            let bad = |why| culprit(*resharing.context().cred(), OfferFault::Proof(why));
            let n = resharing.context().to().threshold().n();
            let redealing = Redealing::from_bytes(index, one.as_ref(), n).map_err(bad)?;
            Ok((redealing, LinkProof::from_bytes(link.as_ref()).map_err(bad)?))
        });
        Ok((index, decoded.collect::<Result<_, _>>()?))
    }

    /// Whose the bad ones are, each contributor once. They stand one contributor after
    /// the other.
    fn named<'a>(&self, bad: &[usize], who: impl Iterator<Item = &'a Pseudonym>) -> Vec<Culprit> {
        let credentials = self.credentials();
        let mut culprits = Vec::new();
        for (place, custodian) in who.enumerate() {
            let own = place * self.len()..(place + 1) * self.len();
            let Some(first) = bad.iter().find(|position| own.contains(position)) else { continue };
            let Some(credential) = credentials.get(first % self.len()).copied() else { continue };
            // Which of its two proofs it is decides nothing: both are this contributor's.
            let why = OfferFault::Proof(ReshareError::Link { index: 0 });
            culprits.push(Culprit { custodian: custodian.clone(), credential, why });
        }
        culprits
    }
}

impl CheckedChunk {
    /// The ceremony.
    pub fn ceremony(&self) -> &Hash {
        &self.ceremony
    }

    /// The new dealings, in the order of the list.
    pub fn versions(&self) -> &[ResharedVersion] {
        &self.versions
    }

    /// Records of the new dealings: id and bytes.
    pub fn records(&self) -> &[(Hash, Vec<u8>)] {
        &self.records
    }

    /// Whose re-dealings they came of, in the order of their share indices.
    pub fn contributors(&self) -> &[Pseudonym] {
        &self.contributors
    }

    /// `H("reshared", request, list of (ctx', L))`: what each contributor signs.
    pub fn digest(&self) -> Hash {
        let pairs: Vec<_> = self.versions.iter().map(|version| (version.dealing, version.links)).collect();
        reshared_digest(&self.ceremony, &pairs)
    }
}
