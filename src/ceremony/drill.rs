//! A drill by files: what a member's own machine checks and answers, and what of such
//! an answer is no attempt at all. Nothing is opened, and no share leaves a card.

use super::custodian::{ContributeError, Replayed, ReviewError, Seen, TO_GATE, replay};
use crate::event::{DrillAnswer, GroupStatement, Hash, ciphertext_hash};
use crate::hex::Bytes;
use crate::message::{DrillPackage, DrillReply};
use crate::name::Pseudonym;
use crate::pvss::{self, ShareKeyPair};
use crate::seal::card::{Card, Role};
use crate::seal::{hpke, sign};
use crate::secret::SecretBytes;
use crate::state::Organisation;
use crate::time::Time;
use crate::transcript::{Transcript, label};
use rand_core::CryptoRng;
use serde::Serialize;

/// What a member is asked to show, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownDrill {
    /// `org/group`.
    pub group: String,
    /// How many of its members open.
    pub threshold: u64,
    /// How many there are.
    pub members: usize,
    /// When the drill began.
    pub begun: Time,
    /// Until when answers count.
    pub until: Time,
    /// Whether the log has this member's proof already.
    pub proved: bool,
}

/// A drill that a member's machine found to be in order.
pub struct DrillReview {
    drill: Bytes<32>,
    code_key: Bytes<32>,
    group: GroupStatement,
    g: Hash,
    seen: Seen,
    /// What it is.
    pub shown: ShownDrill,
}

/// Checks everything that can be checked before a person is asked: that the log is the
/// card's own and extends what its owner saw; that by its replay the drill is open, of
/// a group in which the card is, by the statement that its owner signed; and that the
/// card counts. Long, because these checks stand in the order in which they are made.
pub fn review(
    package: &DrillPackage,
    card: &Card,
    before: Option<&Seen>,
    now: Time,
) -> Result<DrillReview, ReviewError> {
    if package.vault != card.vault() || package.organisation != card.organisation() {
        return Err(ReviewError::OtherOrganisation);
    }
    let Replayed { state, seen } =
        replay(&package.entries, &package.checkpoint, &card.first_entry(), before)?;
    if !state.unknown.is_empty() {
        return Err(ReviewError::UnknownKinds(state.unknown.keys().take(3).cloned().collect()));
    }
    let who = card.pseudonym();
    if let Some(how) = state.cards.barred(who) {
        return Err(ReviewError::Barred { who: who.clone(), how: how.as_str() });
    }
    let (id, drill) = state.drills.by_id(&package.drill).ok_or(ReviewError::NoDrill)?;
    let files = drill.files.ok_or(ReviewError::NoDrill)?;
    if now > drill.until {
        return Err(ReviewError::DrillOver { until: drill.until, now });
    }
    if now < drill.begun {
        return Err(ReviewError::TooEarly { opened: drill.begun, now });
    }
    let group = state.statement(id, drill.epoch).ok_or(ReviewError::NoDrill)?;
    if group.index_of(who).is_none() {
        return Err(ReviewError::NotInDrill { who: who.clone(), group: state.group_address(group) });
    }
    if card.statement(group.group, group.epoch) != Some(Bytes(group.digest(&state.id))) {
        return Err(ReviewError::OtherGroup { group: group.slug.to_string() });
    }
    Ok(DrillReview {
        drill: drill.id,
        code_key: files.code_key,
        g: state.g(group),
        shown: ShownDrill {
            group: state.group_address(group),
            threshold: group.threshold,
            members: group.members.len(),
            begun: drill.begun,
            until: drill.until,
            proved: state.drills.proved(id, who).is_some_and(|at| at >= drill.begun),
        },
        group: group.clone(),
        seen,
    })
}

impl DrillReview {
    /// The drill's id.
    pub fn drill(&self) -> &Bytes<32> {
        &self.drill
    }

    /// What the owner has now seen; to be kept before anything is answered.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The answer: a proof for the share key, and the code for the gate alone.
    pub fn answer(
        &self,
        card: &Card,
        code: &SecretBytes,
        at: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<DrillReply, ContributeError> {
        let (who, context) = (card.pseudonym().as_str(), code_context(&self.drill));
        let code = hpke::seal(&self.code_key, label::HPKE_CODE, &context, TO_GATE, who, code.expose(), rng)
            .map_err(|_| ContributeError::EncryptionKey)?;
        let hash = Some(ciphertext_hash(&code));
        let answer = prove(card, (&self.group, &self.g), (&self.drill, at), hash, rng);
        Ok(DrillReply { answer: answer.ok_or(ContributeError::ShareKey)?, code })
    }
}

/// A card's proof for its share key in a group; `None` if the group's statement names
/// another key, or not this card.
pub fn prove(
    card: &Card,
    (group, g): (&GroupStatement, &Hash),
    (drill, at): (&Bytes<32>, Time),
    code: Option<Hash>,
    rng: &mut impl CryptoRng,
) -> Option<DrillAnswer> {
    let custodian = card.pseudonym().clone();
    let pair = ShareKeyPair::new(card.share_scalar(g));
    let member = group.members.iter().find(|member| member.pseudonym == custodian)?;
    if member.share_key != *pair.public() {
        return None;
    }
    let proof = pvss::prove_share_key(&pair, drill, g, &custodian, rng);
    let signature = Bytes([0; 64]);
    let mut answer = DrillAnswer { drill: *drill, custodian, at, proof, code, signature };
    answer.signature = card.signing_key().sign(&answer.signed_digest());
    Some(answer)
}

/// `H("drill-code", drill)`: what a drill's encrypted codes are bound to.
pub fn code_context(drill: &Bytes<32>) -> Hash {
    Bytes(Transcript::new(label::DRILL_CODE).part(drill).finish())
}

/// Why an answer by a file is no attempt: nobody can be held to it, so it is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// No group's last drill is this one.
    #[error(
        "no drill that goes on here is the one that this file answers: it is of an earlier one, or of another vault"
    )]
    UnknownDrill,
    /// The drill is over.
    #[error("the drill ended at {}", .0.to_minute())]
    Ended(Time),
    /// Whoever answers is not in the group.
    #[error("{0} is no member of the group that this drill is of")]
    NotAMember(Pseudonym),
    /// The signature is wrong: anybody may have written it.
    #[error("the signature of {0} on the answer is wrong")]
    Signature(Pseudonym),
    /// The code is not the one that was signed: somebody else may have put it there.
    #[error("the encrypted code is not the one that {0} signed")]
    OtherCode(Pseudonym),
    /// The proof is not one for the member's share key.
    #[error("{0} did not prove the share key that the group's statement names")]
    Proof(Pseudonym),
    /// The very same answer was judged before.
    #[error("this answer of {who} was judged before: it was {}", if *.proved { "accepted" } else { "refused" })]
    Repeated {
        /// Whose.
        who: Pseudonym,
        /// Whether the member has proved in this drill.
        proved: bool,
    },
}

/// Checks whose answer it is and to what; only after this may it count as an attempt.
pub fn check(state: &Organisation, reply: &DrillReply, now: Time) -> Result<(), NotTaken> {
    let DrillReply { answer, code } = reply;
    let who = || answer.custodian.clone();
    let (group, drill) = state.drills.by_id(&answer.drill).ok_or(NotTaken::UnknownDrill)?;
    if !drill.is_open(now) {
        return Err(NotTaken::Ended(drill.until));
    }
    let statement = state.statement(group, drill.epoch).ok_or(NotTaken::UnknownDrill)?;
    let member = statement.members.iter().find(|member| member.pseudonym == answer.custodian);
    let member = member.ok_or_else(|| NotTaken::NotAMember(who()))?;
    let card = state.people.get(&answer.custodian).filter(|card| card.role == Role::Custodian);
    let card = card.ok_or_else(|| NotTaken::NotAMember(who()))?;
    if !sign::verify(&card.sign_key, &answer.signed_digest(), &answer.signature) {
        return Err(NotTaken::Signature(who()));
    }
    if drill.files.is_none() || answer.code != Some(ciphertext_hash(code)) {
        return Err(NotTaken::OtherCode(who()));
    }
    let g = state.g(statement);
    pvss::verify_share_key(&member.share_key, &answer.drill, &g, &answer.custodian, &answer.proof)
        .map_err(|_| NotTaken::Proof(who()))?;
    if drill.judged.contains(&Bytes(answer.signed_digest())) {
        let proved = state.drills.proved(group, &answer.custodian).is_some_and(|at| at >= drill.begun);
        return Err(NotTaken::Repeated { who: who(), proved });
    }
    Ok(())
}
