//! A dealing as it is stored, whichever way it came about: dealt, or reshared
//! from an earlier one. What it is proven for decides its id. Which of the two a
//! record is, its first byte says: the encoding of a point is even, the version
//! of a reshared dealing odd.

use super::{
    dealing::{Dealing, DealingContext, DealingError},
    encoding,
    group::GroupKeys,
    reshared::{Reshared, Sum},
};
use crate::hex::Bytes;
use curve25519_dalek::RistrettoPoint;
use std::sync::OnceLock;

/// What lies beside the log under a dealing's id: decoded, and not yet checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DealingRecord {
    /// As its dealer made it.
    Dealt(Dealing),
    /// As a quorum of an earlier group made it.
    Reshared(Reshared),
}

impl DealingRecord {
    /// Decodes the record of a dealing to `n` members.
    ///
    /// # Errors
    /// [`DealingError::Size`], [`DealingError::Encoding`], [`DealingError::Identity`],
    /// [`DealingError::Reshared`].
    pub fn from_bytes(bytes: &[u8], n: usize) -> Result<Self, DealingError> {
        match bytes.first() {
            Some(version) if version % 2 == 1 => Ok(Self::Reshared(Reshared::from_bytes(bytes, n)?)),
            _ => Ok(Self::Dealt(Dealing::from_bytes(bytes, n)?)),
        }
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Dealt(dealing) => dealing.to_bytes(),
            Self::Reshared(reshared) => reshared.to_bytes(),
        }
    }

    /// Says for which credential and whose keys it must be proven, which gives its
    /// id. That this is the id that the log names is the caller's to see.
    ///
    /// # Errors
    /// [`DealingError::Members`] for another number of keys.
    pub fn claim(self, cred: Bytes<64>, keys: &GroupKeys) -> Result<ClaimedDealing, DealingError> {
        let (expected, found) = (keys.threshold().n(), self.n());
        if expected != found {
            return Err(DealingError::Members { expected, found });
        }
        let (context, id) = match &self {
            Self::Dealt(dealing) => {
                let context = DealingContext::new(cred, keys);
                let id = dealing.id(&context);
                (context, id)
            }
            Self::Reshared(reshared) => {
                let context = reshared.context(cred, keys);
                let id = *context.hash();
                (context, id)
            }
        };
        Ok(ClaimedDealing { record: self, context, id })
    }

    /// Number of shares.
    pub fn n(&self) -> usize {
        match self {
            Self::Dealt(dealing) => dealing.n(),
            Self::Reshared(reshared) => reshared.n(),
        }
    }
}

/// A stored dealing with what it must be proven for. Its id is known; no proof was
/// looked at.
#[derive(Clone, Debug)]
pub struct ClaimedDealing {
    record: DealingRecord,
    context: DealingContext,
    id: Bytes<64>,
}

impl ClaimedDealing {
    /// Decodes a stored dealing and says for which credential and whose keys it must
    /// be proven.
    ///
    /// # Errors
    /// Those of [`DealingRecord::from_bytes`].
    pub fn read(bytes: &[u8], cred: &Bytes<64>, keys: &GroupKeys) -> Result<Self, DealingError> {
        DealingRecord::from_bytes(bytes, keys.threshold().n())?.claim(*cred, keys)
    }

    /// The dealing id. Of a reshared dealing it is `ctx'`, which covers all that
    /// `D'` and `C'` come of.
    pub fn id(&self) -> &Bytes<64> {
        &self.id
    }

    /// As it is stored.
    pub fn record(&self) -> &DealingRecord {
        &self.record
    }

    /// Of a reshared dealing the id of the one that it was reshared from.
    pub fn prev(&self) -> Option<&Bytes<64>> {
        match &self.record {
            DealingRecord::Dealt(_) => None,
            DealingRecord::Reshared(reshared) => Some(reshared.prev()),
        }
    }

    /// Only for callers that have just checked every proof.
    pub(super) fn vouched(self) -> VerifiedDealing {
        match self.record {
            DealingRecord::Dealt(dealing) => VerifiedDealing::dealt(dealing, &self.context),
            DealingRecord::Reshared(reshared) => VerifiedDealing::reshared(reshared, self.context),
        }
    }

    /// `ctx`, or `ctx'` of a reshared dealing, with the keys.
    pub(super) fn context(&self) -> &DealingContext {
        &self.context
    }

    /// Checks every proof; of a reshared dealing all of them, and that the sum is
    /// not the identity. Many are checked faster by [`super::verify_claimed`].
    ///
    /// # Errors
    /// [`DealingError::Proof`], [`DealingError::Reshared`].
    pub fn verify(self) -> Result<VerifiedDealing, DealingError> {
        match &self.record {
            DealingRecord::Dealt(dealing) => dealing.demand_proof(&self.context, self.context.keys())?,
            DealingRecord::Reshared(reshared) => reshared.verify(&self.context)?,
        }
        Ok(self.vouched())
    }
}

/// A dealing whose proofs hold for its context, whichever way it came about.
#[derive(Clone, Debug)]
pub struct VerifiedDealing {
    origin: Origin,
    context: DealingContext,
    id: Bytes<64>,
}

#[derive(Clone, Debug)]
enum Origin {
    Dealt(Dealing),
    /// Added up when it is first needed: to check it, it is not.
    Reshared(Reshared, OnceLock<Sum>),
}

impl VerifiedDealing {
    /// Only for callers that have just checked the proof.
    pub(super) fn dealt(dealing: Dealing, context: &DealingContext) -> Self {
        let id = dealing.id(context);
        Self { origin: Origin::Dealt(dealing), context: context.clone(), id }
    }

    /// Only for callers that have just checked every proof and that `D'` is not
    /// the identity. `context` has `ctx'` and the new keys.
    pub(super) fn reshared(reshared: Reshared, context: DealingContext) -> Self {
        let id = *context.hash();
        Self { origin: Origin::Reshared(reshared, OnceLock::new()), context, id }
    }

    /// The dealing id.
    pub fn id(&self) -> &Bytes<64> {
        &self.id
    }

    /// The context for which the proofs hold; of a reshared dealing its hash is `ctx'`.
    pub fn context(&self) -> &DealingContext {
        &self.context
    }

    /// Of a reshared dealing the id of the one that it was reshared from.
    pub fn prev(&self) -> Option<&Bytes<64>> {
        match &self.origin {
            Origin::Dealt(_) => None,
            Origin::Reshared(reshared, _) => Some(reshared.prev()),
        }
    }

    /// The encoding as a record: [`DealingRecord::from_bytes`] reads it.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.origin {
            Origin::Dealt(dealing) => dealing.to_bytes(),
            Origin::Reshared(reshared, _) => reshared.to_bytes(),
        }
    }

    /// `D`.
    pub(super) fn d(&self) -> &RistrettoPoint {
        match &self.origin {
            Origin::Dealt(dealing) => dealing.d(),
            Origin::Reshared(reshared, sum) => sum_of(reshared, sum).points.first().expect("D comes first"),
        }
    }

    /// `C_1 … C_n`.
    pub(super) fn shares(&self) -> &[RistrettoPoint] {
        match &self.origin {
            Origin::Dealt(dealing) => dealing.shares(),
            Origin::Reshared(reshared, sum) => {
                sum_of(reshared, sum).points.get(1..).expect("the shares follow D")
            }
        }
    }

    /// The encoding of `D` (0) or of `C_index`.
    pub(super) fn part(&self, index: usize) -> &[u8] {
        match &self.origin {
            Origin::Dealt(dealing) => dealing.part(index),
            Origin::Reshared(reshared, sum) => encoding::part(&sum_of(reshared, sum).wire, index),
        }
    }
}

fn sum_of<'a>(reshared: &Reshared, sum: &'a OnceLock<Sum>) -> &'a Sum {
    sum.get_or_init(|| reshared.sum())
}
