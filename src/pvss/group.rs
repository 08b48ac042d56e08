//! The share keys of one group in one epoch. Who the members are and whether
//! they signed is not known here.

use super::encoding::{self, EncodingError};
use crate::{
    hex::Bytes,
    name::{GroupId, OrganisationId, Threshold, VaultId},
    transcript::{Transcript, label},
};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    ristretto::RistrettoBasepointTable,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Keys that cannot be the keys of a group. Indices are `1..=n`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Another number of keys than the threshold speaks of.
    #[error("{found} keys for a group of {expected}")]
    Count {
        /// Members of the group.
        expected: usize,
        /// Keys given.
        found: usize,
    },
    /// Not the canonical encoding of a point.
    #[error("key {index} is not a canonical ristretto255 point")]
    NotCanonical {
        /// Whose key.
        index: u8,
    },
    /// The identity, for which everybody knows the secret key.
    #[error("key {index} is the identity")]
    Identity {
        /// Whose key.
        index: u8,
    },
    /// One key twice: its holder would count as two custodians.
    #[error("keys {first} and {index} are the same")]
    Repeated {
        /// Where it stands first.
        first: u8,
        /// Where it stands again.
        index: u8,
    },
}

/// `E_1 … E_n` of one group and epoch, decoded, with the threshold and the
/// group id `g`. Cheap to clone.
#[derive(Clone)]
pub struct GroupKeys(Arc<Inner>);

struct Inner {
    g: Bytes<64>,
    threshold: Threshold,
    keys: Vec<Bytes<32>>,
    points: Vec<RistrettoPoint>,
    /// `v_i = ∏_{j≠i} 1/(i−j)`.
    dual: Vec<Scalar>,
    /// The same products over the places `0 … n`.
    link_dual: Vec<Scalar>,
    tables: Option<Tables>,
}

/// Multiples of what is multiplied with secrets again and again.
struct Tables {
    /// Of `E_1 … E_n`.
    keys: Vec<RistrettoBasepointTable>,
    /// Of `F_j = Σ v_i·i^j·E_i` for `0 ≤ j < n−t`.
    dual: Vec<RistrettoBasepointTable>,
}

/// `g = H("group", vault, organisation, group, epoch)`.
pub fn group_id(vault: &VaultId, organisation: &OrganisationId, group: &GroupId, epoch: u64) -> Bytes<64> {
    Bytes(Transcript::new(label::GROUP).part(vault).part(organisation).part(group).int(epoch).finish())
}

impl GroupKeys {
    /// Decodes `E_1 … E_n`, in the order of the group statement.
    ///
    /// Refuses another number than `n`, non-canonical keys, the identity and
    /// repeated keys, naming the index.
    pub fn new(g: Bytes<64>, threshold: Threshold, keys: &[Bytes<32>]) -> Result<Self, GroupError> {
        if keys.len() != threshold.n() {
            return Err(GroupError::Count { expected: threshold.n(), found: keys.len() });
        }
        let mut seen = HashMap::new();
        let mut points = Vec::with_capacity(keys.len());
        for (index, key) in (1u8..).zip(keys) {
            points.push(decode_key(key).map_err(|fault| fault.of_member(index))?);
            if let Some(first) = seen.insert(*key, index) {
                return Err(GroupError::Repeated { first, index });
            }
        }
        // Only differences of places count: `0 … n` have the weights of `1 … n+1`.
        let (dual, link_dual) = (dual_weights(threshold.n()), dual_weights(threshold.n() + 1));
        let (keys, tables) = (keys.to_vec(), None);
        Ok(Self(Arc::new(Inner { g, threshold, keys, points, dual, link_dual, tables })))
    }

    /// The same keys with `2·n−t` tables of multiples (30 KiB each), for a
    /// sealer who deals many times.
    #[must_use]
    pub fn with_tables(self) -> Self {
        let inner = &*self.0;
        let table = RistrettoBasepointTable::create;
        let degrees = 0..(self.threshold().n() - self.threshold().t());
        let dual = degrees.map(|degree| {
            let word: Vec<_> = self.dual_word(|x| (0..degree).fold(Scalar::ONE, |power, _| power * x));
            table(&RistrettoPoint::vartime_multiscalar_mul(&word, &inner.points))
        });
        let tables = Tables { dual: dual.collect(), keys: inner.points.iter().map(table).collect() };
        Self(Arc::new(Inner {
            g: inner.g,
            threshold: inner.threshold,
            keys: inner.keys.clone(),
            points: inner.points.clone(),
            dual: inner.dual.clone(),
            link_dual: inner.link_dual.clone(),
            tables: Some(tables),
        }))
    }

    /// The group id of this epoch.
    pub fn g(&self) -> &Bytes<64> {
        &self.0.g
    }

    /// `t` and `n`.
    pub fn threshold(&self) -> Threshold {
        self.0.threshold
    }

    /// `E_index`, for `1 ≤ index ≤ n`.
    pub fn key(&self, index: u8) -> Option<&Bytes<32>> {
        self.0.keys.get(usize::from(index).checked_sub(1)?)
    }

    /// `E_1 … E_n`.
    pub fn keys(&self) -> &[Bytes<32>] {
        &self.0.keys
    }

    /// `E_index` as a point.
    pub(super) fn point(&self, index: u8) -> Option<&RistrettoPoint> {
        self.0.points.get(usize::from(index).checked_sub(1)?)
    }

    /// `E_1 … E_n` as points.
    pub(super) fn points(&self) -> &[RistrettoPoint] {
        &self.0.points
    }

    /// `v_1·m(1) … v_n·m(n)`.
    pub(super) fn dual_word(&self, m: impl Fn(Scalar) -> Scalar) -> Vec<Scalar> {
        (1u64..).zip(&self.0.dual).map(|(index, v)| v * m(Scalar::from(index))).collect()
    }

    /// `factor·Σ v_i·m(i)·E_i`, in constant time as to the factor, for the `n−t`
    /// coefficients of `m`: as many multiplications where there are tables, for
    /// `Σ v_i·m(i)·E_i = Σ m_j·F_j`.
    pub(super) fn multiply_dual_word(&self, coefficients: &[Scalar], factor: &Scalar) -> RistrettoPoint {
        match &self.0.tables {
            Some(tables) => {
                let each = coefficients.iter().zip(&tables.dual);
                each.map(|(coefficient, table)| &*Zeroizing::new(coefficient * factor) * table).sum()
            }
            None => {
                let word = self.dual_word(|x| polynomial(coefficients, x));
                self.multiply(word.iter().map(|weight| weight * factor)).sum()
            }
        }
    }

    /// `v_i = ∏_{j≠i} 1/(i−j)` over the places `0 … n`, from `v_0` on.
    pub(super) fn link_dual(&self) -> &[Scalar] {
        &self.0.link_dual
    }

    /// `scalar_1·E_1 … scalar_n·E_n` in constant time.
    pub(super) fn multiply<'a>(
        &'a self,
        scalars: impl Iterator<Item = Scalar> + 'a,
    ) -> Box<dyn Iterator<Item = RistrettoPoint> + 'a> {
        match &self.0.tables {
            Some(tables) => Box::new(scalars.zip(&tables.keys).map(|(scalar, table)| &scalar * table)),
            None => Box::new(scalars.zip(&self.0.points).map(|(scalar, point)| scalar * point)),
        }
    }
}

/// `Σ coefficient_j·x^j`.
pub(super) fn polynomial(coefficients: &[Scalar], x: Scalar) -> Scalar {
    coefficients.iter().rev().fold(Scalar::ZERO, |sum, next| sum * x + next)
}

impl PartialEq for GroupKeys {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&*self.0, &*other.0);
        Arc::ptr_eq(&self.0, &other.0)
            || (one.g == two.g && one.threshold == two.threshold && one.keys == two.keys)
    }
}

impl Eq for GroupKeys {}

impl Hash for GroupKeys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.g.hash(state);
    }
}

impl fmt::Debug for GroupKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupKeys").field("g", &self.0.g).field("threshold", &self.0.threshold).finish()
    }
}

/// What is wrong with one public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFault {
    NotCanonical,
    Identity,
}

impl KeyFault {
    fn of_member(self, index: u8) -> GroupError {
        match self {
            Self::NotCanonical => GroupError::NotCanonical { index },
            Self::Identity => GroupError::Identity { index },
        }
    }
}

/// A public key as a point; neither non-canonical nor the identity.
pub(super) fn decode_key(key: &Bytes<32>) -> Result<RistrettoPoint, KeyFault> {
    let point = encoding::point(key.as_bytes(), 0).map_err(|_: EncodingError| KeyFault::NotCanonical)?;
    if point.is_identity() { Err(KeyFault::Identity) } else { Ok(point) }
}

/// `v_i = ∏_{j≠i} 1/(i−j)` for `1 ≤ i ≤ n`, by `∏_{j≠i} (i−j) = (−1)^{n−i}·(i−1)!·(n−i)!`.
fn dual_weights(n: usize) -> Vec<Scalar> {
    let factorials: Vec<Scalar> = std::iter::once(Scalar::ONE)
        .chain((1..n as u64).scan(Scalar::ONE, |product, factor| {
            *product *= Scalar::from(factor);
            Some(*product)
        }))
        .collect();
    let products = factorials.iter().zip(factorials.iter().rev()).enumerate();
    let mut weights: Vec<Scalar> = products
        .map(
            |(before, (low, high))| {
                if (n - 1 - before).is_multiple_of(2) { low * high } else { -(low * high) }
            },
        )
        .collect();
    Scalar::invert_batch_alloc(&mut weights);
    weights
}

#[cfg(test)]
mod tests {
    use super::super::tests::{group, rng};
    use super::*;

    fn keys(n: usize) -> Vec<Bytes<32>> {
        group(2, n, &mut rng(1)).0.keys().to_vec()
    }

    fn with(keys: &[Bytes<32>]) -> Result<GroupKeys, GroupError> {
        GroupKeys::new(Bytes([0; 64]), Threshold::new(2, 3).unwrap(), keys)
    }

    #[test]
    fn weights_are_the_documented_products() {
        for n in 2..=9u64 {
            let expected: Vec<Scalar> = (1..=n)
                .map(|i| {
                    let others = (1..=n).filter(|j| *j != i);
                    others.map(|j| (Scalar::from(i) - Scalar::from(j)).invert()).product()
                })
                .collect();
            assert_eq!(dual_weights(n as usize), expected);
        }
    }

    #[test]
    fn identity_key_is_refused() {
        let mut keys = keys(3);
        keys[1] = Bytes([0; 32]);
        assert_eq!(with(&keys), Err(GroupError::Identity { index: 2 }));
    }

    #[test]
    fn repeated_key_is_refused() {
        let mut keys = keys(3);
        keys[2] = keys[0];
        assert_eq!(with(&keys), Err(GroupError::Repeated { first: 1, index: 3 }));
    }

    #[test]
    fn non_canonical_key_is_refused() {
        let mut keys = keys(3);
        keys[0] = Bytes([0xff; 32]);
        assert_eq!(with(&keys), Err(GroupError::NotCanonical { index: 1 }));
    }

    #[test]
    fn wrong_number_of_keys_is_refused() {
        assert_eq!(with(&keys(2)), Err(GroupError::Count { expected: 3, found: 2 }));
    }

    #[test]
    fn indices_begin_at_one_and_end_at_n() {
        let keys = keys(3);
        let group = with(&keys).unwrap();
        assert_eq!(group.key(0), None);
        assert_eq!(group.key(1), Some(&keys[0]));
        assert_eq!(group.key(4), None);
    }
}
