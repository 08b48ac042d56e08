//! The requester's side: verify every share, name whoever's is bad, put the
//! good ones together and open the record.

use super::custodian::{FROM_GATE, TO_REQUESTER, share_hash};
use crate::event::{Entry, GroupStatement, Hash};
use crate::hex::Bytes;
use crate::log::entry::EntryBytes;
use crate::message::{Contribution, Release, Target};
use crate::name::{OrganisationId, Pseudonym};
use crate::pvss::{
    self, Dealing, DealingContext, GroupKeys, Quorum, UntrustedShare, VerifiedDealing, VerifiedShare,
};
use crate::seal::{
    hpke::{self, HpkeSecret},
    record::{Payload, RecordError, SealedPayload},
    sign,
};
use crate::secret::SecretPoint;
use crate::state::Organisation;
use crate::transcript::label;
use std::collections::BTreeSet;

/// Why a release cannot be opened.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FinishError {
    /// The release names no such target.
    #[error("the release names target {0}, which the request does not have")]
    NoTarget(u64),
    /// What was sent is not what the request names.
    #[error("the {0} that the vault sent is not the one that the request names")]
    NotAsAsked(&'static str),
    /// The gate's ingredient does not prove itself: the host is to blame.
    #[error("the gate's ingredient is wrong: this host does not hold the key that it announced ({0})")]
    Ingredient(String),
    /// Custodians were shown different logs.
    #[error("{one} and {other} were shown different logs: the log was forked")]
    Forked {
        /// A contributor.
        one: Pseudonym,
        /// Another contributor who saw another log.
        other: Pseudonym,
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

fn names(bad: &[Pseudonym]) -> String {
    if bad.is_empty() {
        "none".to_owned()
    } else {
        bad.iter().map(Pseudonym::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// What came of a release.
pub struct Finished {
    /// What was sealed.
    pub payload: Payload,
    /// Whose share does not prove itself, although enough others do.
    pub bad: Vec<Pseudonym>,
}

/// Checks that the release is of the log that a card pins and that its `Γ` is
/// the one announced there, so that a wrong ingredient is the host's.
pub fn check_host(release: &Release, first_entry: &Bytes<32>) -> Result<(), FinishError> {
    let not = FinishError::NotAsAsked;
    let bytes = EntryBytes::new(release.first_entry.clone().into_bytes()).ok();
    let bytes = bytes.filter(|b| b.leaf_hash() == *first_entry).ok_or(not("log"))?;
    let line = Entry::from_line(&bytes).map_err(|_| not("log"))?;
    let state = Organisation::begin(&line, first_entry).map_err(|_| not("log"))?;
    let request = &release.signed.request;
    if (state.vault, state.id) != (request.vault, request.organisation) {
        return Err(not("log"));
    }
    if state.gates.iter().all(|gate| gate.gamma != release.gamma) {
        return Err(not("gate key"));
    }
    Ok(())
}

/// Opens a release with the requester's HPKE key.
pub fn finish(release: &Release, key: &HpkeSecret) -> Result<Finished, FinishError> {
    let request = &release.signed.request;
    let ceremony = request.hash();
    let target = usize::try_from(release.target).ok().and_then(|t| request.targets.get(t));
    let target = target.ok_or(FinishError::NoTarget(release.target))?;
    let (keys, dealing) = check_dealing(release, target)?;
    let contributions = authentic(release, &ceremony);
    let sealed = SealedPayload::from_bytes(release.sealed.as_ref())?;
    if sealed.payload_hash() != target.payload {
        return Err(FinishError::NotAsAsked("sealed record"));
    }
    same_log(&contributions)?;
    let (good, bad) = sort_shares(release, &contributions, &ceremony, &dealing, key);
    let needed = keys.threshold().t();
    let there = good.len();
    let too_few = || FinishError::TooFew { good: there, needed, bad: bad.clone() };
    let quorum = Quorum::gather(&dealing, good).map_err(|_| too_few())?;
    let ingredient = open_ingredient(release, target, &ceremony, key)?;
    let payload = sealed.open(&target.credential, &quorum.combine(), &ingredient)?;
    Ok(Finished { payload, bad })
}

fn check_dealing(release: &Release, target: &Target) -> Result<(GroupKeys, VerifiedDealing), FinishError> {
    let request = &release.signed.request;
    let group = &release.group;
    let not = |what| FinishError::NotAsAsked(what);
    if (group.group, group.epoch) != (target.group, target.epoch) {
        return Err(not("group"));
    }
    let shape = group.shape().ok_or(not("group"))?;
    let g = pvss::group_id(&request.vault, &request.organisation, &group.group, group.epoch);
    let keys = GroupKeys::new(g, shape, &group.share_keys()).map_err(|_| not("group"))?;
    if !is_signed(group, &g, &request.organisation) {
        return Err(not("group"));
    }
    let context = DealingContext::new(target.credential, &keys);
    let dealing = Dealing::from_bytes(release.dealing.as_ref(), shape.n())
        .ok()
        .and_then(|d| d.verify(&context, &keys).ok())
        .filter(|d| *d.id() == target.dealing)
        .ok_or(not("dealing"))?;
    Ok((keys, dealing))
}

/// Whether every member proves its share key, which the dealing fixes, together
/// with its signing key, and signed the statement with that: so that nobody is
/// named for what somebody else put into the release.
fn is_signed(group: &GroupStatement, g: &Hash, organisation: &OrganisationId) -> bool {
    let digest = group.digest(organisation);
    group.signatures.len() == group.members.len()
        && group.members.iter().zip(&group.signatures).all(|(member, signature)| {
            pvss::verify_possession(&member.share_key, g, &member.sign_key, &member.possession).is_ok()
                && sign::verify(&member.sign_key, &digest, signature)
        })
}

/// The contributions that members of the group signed for this ceremony, one
/// for each. What is not signed is nobody's, and nobody is named for it.
fn authentic<'a>(release: &'a Release, ceremony: &Hash) -> Vec<&'a Contribution> {
    let mut seen = BTreeSet::new();
    let signed = |c: &&Contribution| {
        let member = release.group.members.iter().find(|m| m.pseudonym == c.custodian);
        c.ceremony == *ceremony && member.is_some_and(|m| sign::verify(&m.sign_key, &c.digest(), &c.signature))
    };
    release.contributions.iter().filter(signed).filter(|c| seen.insert(&c.custodian)).collect()
}

/// All contributors checked the same checkpoint, or the log was forked.
fn same_log(contributions: &[&Contribution]) -> Result<(), FinishError> {
    let Some(first) = contributions.first() else { return Ok(()) };
    match contributions.iter().find(|c| (c.size, c.root) != (first.size, first.root)) {
        None => Ok(()),
        Some(other) => {
            Err(FinishError::Forked { one: first.custodian.clone(), other: other.custodian.clone() })
        }
    }
}

fn sort_shares(
    release: &Release,
    contributions: &[&Contribution],
    ceremony: &Hash,
    dealing: &VerifiedDealing,
    key: &HpkeSecret,
) -> (Vec<VerifiedShare>, Vec<Pseudonym>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for contribution in contributions {
        if !contribution.targets.contains(&release.target) {
            continue;
        }
        match open_share(release, contribution, ceremony, dealing, key) {
            Some(share) => good.push(share),
            None => bad.push(contribution.custodian.clone()),
        }
    }
    (good, bad)
}

/// A share that decrypts, is the one that was signed, and proves itself.
fn open_share(
    release: &Release,
    contribution: &Contribution,
    ceremony: &Hash,
    dealing: &VerifiedDealing,
    key: &HpkeSecret,
) -> Option<VerifiedShare> {
    let position = contribution.targets.iter().position(|t| *t == release.target)?;
    let ciphertext = contribution.ciphertexts.get(position)?;
    let who = &contribution.custodian;
    let plaintext =
        hpke::open(key, label::HPKE_SHARE, ceremony, TO_REQUESTER, who.as_str(), ciphertext.as_ref()).ok()?;
    if contribution.shares.get(position) != Some(&share_hash(&plaintext)) {
        return None;
    }
    let index = release.group.index_of(who)?;
    UntrustedShare::from_bytes(plaintext.expose()).ok()?.verify(dealing, index, ceremony).ok()
}

fn open_ingredient(
    release: &Release,
    target: &Target,
    ceremony: &Hash,
    key: &HpkeSecret,
) -> Result<SecretPoint, FinishError> {
    let wrong = |e: &dyn std::fmt::Display| FinishError::Ingredient(e.to_string());
    let boxed = release.ingredient.as_ref();
    let plaintext =
        hpke::open(key, label::HPKE_RELEASE, ceremony, FROM_GATE, "gate", boxed).map_err(|e| wrong(&e))?;
    pvss::verify_ingredient(plaintext.expose(), &release.gamma, &target.credential, &release.origin, ceremony)
        .map_err(|e| wrong(&e))
}
