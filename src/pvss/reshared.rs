//! What becomes of `t` re-dealings: the record of a reshared dealing, which keeps
//! them with their own proofs, and the dealing that they add up to. It does not
//! grow from one resharing to the next, because nothing of the old dealing is in it
//! but its id. How one re-dealing is made and checked is in [`super::reshare`].

use super::{
    dealing::{DealingContext, DealingError},
    encoding::EncodingError,
    group::GroupKeys,
    link::LinkProof,
    record::VerifiedDealing,
    reshare::{Redealing, ReshareContext, ReshareError},
};
use crate::{
    hex::Bytes,
    name::Threshold,
    transcript::{Transcript, label},
};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    traits::{IsIdentity, VartimeMultiscalarMul},
};

/// First byte of the record. Odd, as no encoding of a point is.
const VERSION: u8 = 1;
/// Bytes before the re-dealings: version, `t`, `n`, `prev`.
const HEAD: usize = 3 + 64;

/// The record of a reshared dealing, decoded and not checked: exactly `t`
/// re-dealings, `t` of the old group, whose indices ascend.
///
/// `1 ‖ t ‖ n ‖ prev (64) ‖ t times: index ‖ re-dealing`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reshared {
    prev: Bytes<64>,
    from: Threshold,
    redealings: Vec<Redealing>,
}

impl Reshared {
    /// `from` are `t` and `n` of the old group.
    ///
    /// # Errors
    /// [`ReshareError::Count`], [`ReshareError::NoSuchMember`], [`ReshareError::Order`].
    pub(super) fn new(
        prev: Bytes<64>,
        from: Threshold,
        redealings: Vec<Redealing>,
    ) -> Result<Self, ReshareError> {
        if redealings.len() != from.t() {
            return Err(ReshareError::Count { expected: from.t(), found: redealings.len() });
        }
        let mut last = 0;
        for index in redealings.iter().map(Redealing::index) {
            if index == 0 || usize::from(index) > from.n() {
                return Err(ReshareError::NoSuchMember { index });
            }
            if index <= last {
                return Err(ReshareError::Order { index });
            }
            last = index;
        }
        Ok(Self { prev, from, redealings })
    }

    /// Decodes the record of a dealing to `n` members of the new group. Its length
    /// follows from `t` and `n`.
    ///
    /// # Errors
    /// [`DealingError::Size`] for an impossible `n`, else [`DealingError::Reshared`].
    pub fn from_bytes(bytes: &[u8], n: usize) -> Result<Self, DealingError> {
        if !(2..=64).contains(&n) {
            return Err(DealingError::Size { n });
        }
        let short = ReshareError::from(EncodingError::Length { expected: HEAD, found: bytes.len() });
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(short)?;
        let [version, old_t, old_n, prev @ ..] = head;
        if *version != VERSION {
            return Err(ReshareError::Version { found: *version }.into());
        }
        let from = Threshold::new((*old_t).into(), (*old_n).into())
            .map_err(|_| ReshareError::Threshold { t: *old_t, n: *old_n })?;
        let each = 1 + 32 * (n + 4);
        let expected = HEAD + each * from.t();
        if bytes.len() != expected {
            return Err(ReshareError::from(EncodingError::Length { expected, found: bytes.len() }).into());
        }
        let redealings = rest.chunks_exact(each).filter_map(<[u8]>::split_first);
        let redealings = redealings.map(|(index, wire)| Redealing::from_bytes(*index, wire, n));
        Ok(Self::new(Bytes(*prev), from, redealings.collect::<Result<_, _>>()?)?)
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let threshold =
            [self.from.t(), self.from.n()].map(|number| u8::try_from(number).expect("at most 64"));
        let mut bytes = vec![VERSION];
        bytes.extend(threshold);
        bytes.extend(self.prev.as_bytes());
        for redealing in &self.redealings {
            bytes.push(redealing.index());
            bytes.extend(redealing.dealing().wire());
        }
        bytes
    }

    /// Id of the dealing that was reshared.
    pub fn prev(&self) -> &Bytes<64> {
        &self.prev
    }

    /// `t` and `n` of the group that reshared it.
    pub fn from(&self) -> Threshold {
        self.from
    }

    /// Whose shares were dealt again, ascending.
    pub fn indices(&self) -> impl ExactSizeIterator<Item = u8> {
        self.redealings.iter().map(Redealing::index)
    }

    /// Number of shares.
    pub fn n(&self) -> usize {
        self.redealings.first().map_or(0, |one| one.dealing().n())
    }

    /// `ctx'` with the new keys.
    pub(super) fn context(&self, cred: Bytes<64>, keys: &GroupKeys) -> DealingContext {
        self.redealing_context(cred, keys).of_reshared(&self.redealings)
    }

    /// What every re-dealing must be proven for.
    pub(super) fn redealing_context(&self, cred: Bytes<64>, keys: &GroupKeys) -> ReshareContext {
        ReshareContext::new(cred, self.prev, self.from, keys)
    }

    pub(super) fn redealings(&self) -> &[Redealing] {
        &self.redealings
    }

    /// Checks the own proof of each re-dealing and that `D'` is not the identity.
    pub(super) fn verify(&self, context: &DealingContext) -> Result<(), ReshareError> {
        let context = self.redealing_context(*context.cred(), context.keys());
        self.redealings.iter().try_for_each(|one| one.verify_own(&context))?;
        self.demand_sum()
    }

    /// Refuses `D' = Σ λ_i·D_i = 0`. The integers in the ratio of the `λ_i` are so small
    /// that a few additions decide it, where multiplying by the `λ_i` would cost more than
    /// all the rest of a record in a batch.
    pub(super) fn demand_sum(&self) -> Result<(), ReshareError> {
        let indices: Vec<u8> = self.indices().collect();
        let points = || self.redealings.iter().map(|one| one.dealing().d());
        let vanishes = match ratios(&indices) {
            Some(ratios) => small_sum(&ratios, points()).is_identity(),
            None => RistrettoPoint::vartime_multiscalar_mul(lagrange(&indices), points()).is_identity(),
        };
        if vanishes { Err(ReshareError::SumIdentity) } else { Ok(()) }
    }

    /// `D' = Σ λ_i·D_i` and `C'_j = Σ λ_i·C_ij`. Variable time; everything in it is public.
    pub(super) fn sum(&self) -> Sum {
        let indices: Vec<u8> = self.indices().collect();
        let halves: Vec<Scalar> = lagrange(&indices).iter().map(Scalar::div_by_2).collect();
        let at = |place: usize| {
            let points = self.redealings.iter().map(|one| match place.checked_sub(1) {
                None => one.dealing().d(),
                Some(share) => one.dealing().shares().get(share).expect("all are to as many members"),
            });
            RistrettoPoint::vartime_multiscalar_mul(&halves, points)
        };
        let half_sums: Vec<RistrettoPoint> = (0..=self.n()).map(at).collect();
        let compressed = RistrettoPoint::double_and_compress_batch(&half_sums);
        let wire = compressed.iter().flat_map(|point| *point.as_bytes()).collect();
        Sum { wire, points: half_sums.iter().map(|half| half + half).collect() }
    }
}

/// `D', C'_1 … C'_n'`, as bytes and as points.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) wire: Vec<u8>,
    pub(super) points: Vec<RistrettoPoint>,
}

/// `λ_i = ∏_{j≠i} j/(j−i)` over distinct indices from `1..=64`.
fn lagrange(indices: &[u8]) -> Vec<Scalar> {
    let others = |i: u8| indices.iter().filter(move |j| **j != i);
    let mut inverted: Vec<Scalar> =
        indices.iter().map(|i| others(*i).map(|j| Scalar::from(*j) - Scalar::from(*i)).product()).collect();
    Scalar::invert_batch_alloc(&mut inverted);
    let numerators = indices.iter().map(|i| others(*i).map(|j| Scalar::from(*j)).product::<Scalar>());
    numerators.zip(inverted).map(|(numerator, inverse)| numerator * inverse).collect()
}

/// Integers in the ratio of the `λ_i`; `None` if they do not fit. As
/// `λ_i = (∏ j)·1/(i·∏_{j≠i} (j−i))`, they are a common multiple of those divisors
/// divided by each.
fn ratios(indices: &[u8]) -> Option<Vec<i128>> {
    let divisor = |i: u8| {
        let mut others = indices.iter().filter(|j| **j != i);
        others.try_fold(i128::from(i), |product, j| product.checked_mul(i128::from(*j) - i128::from(i)))
    };
    let divisors = indices.iter().map(|i| divisor(*i)).collect::<Option<Vec<_>>>()?;
    let common = divisors.iter().try_fold(1i128, |common, divisor| {
        let divisor = divisor.checked_abs()?;
        (common / greatest_common(common, divisor)).checked_mul(divisor)
    })?;
    divisors.iter().map(|divisor| common.checked_div(*divisor)).collect()
}

fn greatest_common(mut one: i128, mut two: i128) -> i128 {
    while two != 0 {
        (one, two) = (two, one % two);
    }
    one
}

/// `Σ factor·point` by doubling and adding: the general multiplication takes all of
/// 253 doublings, however small the factors.
fn small_sum<'a>(
    factors: &[i128],
    points: impl Iterator<Item = &'a RistrettoPoint> + Clone,
) -> RistrettoPoint {
    let bits = factors.iter().map(|factor| 128 - factor.unsigned_abs().leading_zeros()).max().unwrap_or(0);
    let mut sum = RistrettoPoint::default();
    for bit in (0..bits).rev() {
        sum += sum;
        for (factor, point) in factors.iter().zip(points.clone()) {
            match (factor.unsigned_abs() >> bit & 1, factor.is_negative()) {
                (0, _) => {}
                (_, false) => sum += point,
                (_, true) => sum -= point,
            }
        }
    }
    sum
}

/// A dealing that `t` contributors have just made anew, and all of whose own and link
/// proofs hold.
#[derive(Clone, Debug)]
pub struct ResharedDealing {
    reshared: Reshared,
    context: DealingContext,
    links: Bytes<64>,
}

impl ResharedDealing {
    /// `redealings` in the record were verified for `context`, `links` with them.
    ///
    /// # Errors
    /// [`ReshareError::SumIdentity`].
    pub(super) fn new(
        reshared: Reshared,
        context: &ReshareContext,
        links: &[LinkProof],
    ) -> Result<Self, ReshareError> {
        reshared.demand_sum()?;
        let context = context.of_reshared(&reshared.redealings);
        let begun = Transcript::new(label::LINK_PROOFS).part(context.hash());
        let links = Bytes(begun.list(links.iter().map(LinkProof::wire)).finish());
        Ok(Self { reshared, context, links })
    }

    /// `ctx'`, which is the dealing's id as well.
    pub fn id(&self) -> &Bytes<64> {
        self.context.hash()
    }

    /// `L = H("link-proofs", ctx', list of the link proofs in the order of the indices)`.
    pub fn links(&self) -> &Bytes<64> {
        &self.links
    }

    /// As it is stored.
    pub fn record(&self) -> &Reshared {
        &self.reshared
    }

    /// `(D', C')`, like any other verified dealing: for opening, checking, and resharing
    /// again. Computed here and not before, because a resharing itself does not need it.
    pub fn verified(&self) -> VerifiedDealing {
        VerifiedDealing::reshared(self.reshared.clone(), self.context.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;

    /// The integers are as the coefficients, and add points up likewise.
    fn agree(indices: &[u8]) {
        let ratios = ratios(indices).unwrap();
        let coefficients = lagrange(indices);
        let points: Vec<_> = indices.iter().map(|_| RistrettoPoint::random(&mut rng(1))).collect();
        let signed = |number: &i128| {
            let size = Scalar::from(number.unsigned_abs());
            if number.is_negative() { -size } else { size }
        };
        let scalars: Vec<_> = ratios.iter().map(signed).collect();
        let factor = scalars[0] * coefficients[0].invert();
        assert_ne!(factor, Scalar::ZERO);
        for (small, exact) in scalars.iter().zip(&coefficients) {
            assert_eq!(*small, factor * exact, "{indices:?}");
        }
        let exact = RistrettoPoint::vartime_multiscalar_mul(&scalars, &points);
        assert_eq!(small_sum(&ratios, points.iter()), exact);
    }

    #[test]
    fn coefficients_interpolate_at_zero() {
        for indices in [[1, 2, 3], [1, 3, 5], [2, 40, 64]] {
            let value = |x: u8| {
                Scalar::from(7u8) + Scalar::from(x) * Scalar::from(5u8) - Scalar::from(x) * Scalar::from(x)
            };
            let sum: Scalar = lagrange(&indices).iter().zip(indices).map(|(one, x)| one * value(x)).sum();
            assert_eq!(sum, Scalar::from(7u8));
        }
    }

    #[test]
    fn small_integers_are_in_the_ratio_of_the_coefficients() {
        agree(&[1, 2]);
        agree(&[63, 64]);
        agree(&[1, 3, 5]);
        agree(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        agree(&[2, 17, 33, 48, 64]);
    }

    #[test]
    fn where_the_integers_do_not_fit_there_are_none() {
        let all: Vec<u8> = (1..=64).collect();
        assert_eq!(ratios(&all), None);
        assert_eq!(lagrange(&all).len(), 64);
    }

    #[test]
    fn a_sum_that_is_nothing_is_found_among_few_and_among_many() {
        use super::super::{deal, tests::group};
        for t in [2u8, 5, 40] {
            let rng = &mut rng(t.into());
            let (keys, _, context) = group(2, 2, rng);
            let (dealt, _) = deal(&context, &keys, rng).unwrap();
            let indices: Vec<u8> = (1..=t).collect();
            let coefficients = lagrange(&indices);
            let d: Vec<_> = indices.iter().map(|_| Scalar::random(rng)).collect();
            let rest: Scalar = coefficients.iter().zip(&d).skip(1).map(|(one, d)| one * d).sum();
            let cancelling = -(rest * coefficients[0].invert());
            let with = |first: Scalar| {
                let wires =
                    std::iter::once(&first).chain(d.iter().skip(1)).zip(&indices).map(|(d, index)| {
                        let mut wire = dealt.to_bytes();
                        wire[..32].copy_from_slice(RistrettoPoint::mul_base(d).compress().as_bytes());
                        Redealing::from_bytes(*index, &wire, 2).unwrap()
                    });
                let from = Threshold::new(t.into(), t.into()).unwrap();
                Reshared::new(Bytes([0; 64]), from, wires.collect()).unwrap().demand_sum()
            };
            assert_eq!(with(cancelling), Err(ReshareError::SumIdentity), "{t}");
            assert_eq!(with(d[0]), Ok(()), "{t}");
        }
    }
}
