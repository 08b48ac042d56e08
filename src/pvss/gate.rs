//! The gate's ingredient of a version's key, `γ·P(cred, origin)`, with a proof
//! that it was made with the published `Γ`. When it may be given out is decided
//! elsewhere.

use super::{
    batch::weight,
    encoding::EncodingError,
    group::{KeyFault, decode_key},
    nonce,
    proven::{self, ProvenPoint},
};
use crate::{
    hex::Bytes,
    name::OrganisationId,
    secret::{SecretBytes, SecretKey, SecretPoint, SecretScalar},
    transcript::{Transcript, label},
};
use curve25519_dalek::{RistrettoPoint, Scalar, traits::VartimeMultiscalarMul};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Why an ingredient was refused; the host is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Not the encoding of an ingredient.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// `Γ` is not the canonical encoding of a point.
    #[error("the gate's public key is not a canonical ristretto255 point")]
    NotCanonical,
    /// `Γ` is the identity: the ingredient would be no secret.
    #[error("the gate's public key is the identity")]
    Identity,
    /// The proof does not hold.
    #[error("the gate's ingredient was not made with its published key for this version and request")]
    Proof,
}

/// `γ` of one organisation and gate epoch.
#[derive(Debug)]
pub struct GateKey {
    gamma: SecretScalar,
    public: Bytes<32>,
}

/// `Q = γ·P(cred, origin)` and the proof for one request.
#[derive(Debug)]
pub struct Ingredient {
    /// `Q`.
    pub point: SecretPoint,
    /// `Q ‖ R1 ‖ R2 ‖ z`, 128 bytes, as it is given out.
    pub proof: SecretBytes,
}

impl GateKey {
    /// `γ = H("gate-key", root, organisation, epoch)`.
    pub fn derive(root: &SecretKey, organisation: &OrganisationId, epoch: u64) -> Self {
        let begun = Transcript::new(label::GATE_KEY).part(root.expose()).part(organisation).int(epoch);
        let gamma = SecretScalar::new(begun.scalar());
        let public = Bytes(RistrettoPoint::mul_base(gamma.expose()).compress().to_bytes());
        Self { gamma, public }
    }

    /// `Γ = γ·B`.
    pub fn public(&self) -> &Bytes<32> {
        &self.public
    }

    pub(super) fn secret(&self) -> &SecretScalar {
        &self.gamma
    }

    /// `Q = γ·P(cred, origin)` with a proof of `log_B Γ = log_P Q` for `request`:
    /// the hash of a ceremony's request or, for sealing, the dealing id.
    pub fn ingredient(
        &self,
        cred: &Bytes<64>,
        origin: &Bytes<64>,
        request: &Bytes<64>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Ingredient {
        let base = gate_point(cred, origin);
        let about = About { request, cred, origin, public: &self.public, base: base.compress().to_bytes() };
        let point = SecretPoint::new(self.gamma.expose() * base);
        let proof = proven::prove(
            &self.gamma,
            &base,
            point.expose(),
            |encoded| nonce(rng, &self.gamma, |begun| about.statement(begun, encoded)),
            |hashed| about.challenge(&hashed),
        );
        Ingredient { point, proof }
    }

    /// The ingredients of many versions, each named by `cred` and `origin`, for who
    /// holds `γ` and seals with them at once: nobody is there to be convinced, so no
    /// proofs are made. That each is right is checked all the same; the positions of
    /// all that are not come back otherwise.
    ///
    /// With independent random nonzero 128-bit weights `b`, drawn when all points are
    /// there: `γ·B = Γ` and `Σ b·Q = γ·Σ b·P`, which is what a proof for each says; a
    /// wrong `Q` survives with a chance of 2⁻¹²⁸. Variable time in the weights alone.
    pub fn ingredients(
        &self,
        versions: &[(&Bytes<64>, &Bytes<64>)],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<SecretPoint>, Vec<usize>> {
        let bases: Vec<_> = versions.iter().map(|(cred, origin)| gate_point(cred, origin)).collect();
        let points: Vec<_> = bases.iter().map(|base| SecretPoint::new(self.gamma.expose() * base)).collect();
        let wrong = self.wrong(&bases, &points, rng);
        if wrong.is_empty() { Ok(points) } else { Err(wrong) }
    }

    /// Positions of points that are not `γ·P`: all, if `γ` is not that of `Γ`.
    fn wrong(
        &self,
        bases: &[RistrettoPoint],
        points: &[SecretPoint],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Vec<usize> {
        let gamma = self.gamma.expose();
        if RistrettoPoint::mul_base(gamma).compress().to_bytes() != self.public.0 {
            return (0..points.len()).collect();
        }
        let weights: Vec<_> = points.iter().map(|_| weight(rng)).collect();
        let image = points.iter().map(SecretPoint::expose);
        let image = Zeroizing::new(RistrettoPoint::vartime_multiscalar_mul(&weights, image));
        let made = Zeroizing::new(gamma * RistrettoPoint::vartime_multiscalar_mul(&weights, bases));
        if image == made {
            return Vec::new();
        }
        let each = (0..).zip(bases.iter().zip(points));
        let wrong = each.filter(|(_, (base, point))| *Zeroizing::new(gamma * *base) != *point.expose());
        wrong.map(|(position, _)| position).collect()
    }
}

/// `P(cred, origin)`: ristretto255 from the 64 uniform bytes `H("gate-point", cred, origin)`
/// (RFC 9496, section 4.3.4).
pub fn gate_point(cred: &Bytes<64>, origin: &Bytes<64>) -> RistrettoPoint {
    Transcript::new(label::GATE_POINT).part(cred).part(origin).point()
}

/// Whether bytes can be a gate's `Γ`: canonical and not the identity.
pub fn is_gate_key(public: &Bytes<32>) -> bool {
    decode_key(public).is_ok()
}

/// Decodes `Q ‖ R1 ‖ R2 ‖ z` (exactly 128 canonical bytes) and checks
/// `z·B = R1 + c·Γ` and `z·P = R2 + c·Q`. Gives `Q`.
pub fn verify_ingredient(
    bytes: &[u8],
    public: &Bytes<32>,
    cred: &Bytes<64>,
    origin: &Bytes<64>,
    request: &Bytes<64>,
) -> Result<SecretPoint, GateError> {
    let key = decode_key(public).map_err(|fault| match fault {
        KeyFault::NotCanonical => GateError::NotCanonical,
        KeyFault::Identity => GateError::Identity,
    })?;
    let ingredient = ProvenPoint::from_bytes(bytes)?;
    let base = gate_point(cred, origin);
    let about = About { request, cred, origin, public, base: base.compress().to_bytes() };
    let c = Zeroizing::new(about.challenge(&ingredient.hashed()));
    if !ingredient.holds(&key, &base, ingredient.point().expose(), &c) {
        return Err(GateError::Proof);
    }
    Ok(ingredient.into_point())
}

/// Everything public about one ingredient.
struct About<'a> {
    request: &'a Bytes<64>,
    cred: &'a Bytes<64>,
    origin: &'a Bytes<64>,
    /// `Γ`.
    public: &'a Bytes<32>,
    /// `P(cred, origin)`.
    base: [u8; 32],
}

impl About<'_> {
    /// `request, cred, origin, Γ, P, Q`.
    fn statement(&self, begun: Transcript, point: &[u8]) -> Transcript {
        let versioned = begun.part(self.request).part(self.cred).part(self.origin);
        versioned.part(self.public).part(self.base).part(point)
    }

    /// `c = H("gate-proof", request, cred, origin, Γ, P, Q, R1, R2)`.
    fn challenge(&self, hashed: &proven::Hashed<'_>) -> Scalar {
        let begun = self.statement(Transcript::new(label::GATE_PROOF), hashed.point);
        begun.part(hashed.r1).part(hashed.r2).scalar()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;

    const CRED: Bytes<64> = Bytes([1; 64]);
    const ORIGIN: Bytes<64> = Bytes([2; 64]);
    const REQUEST: Bytes<64> = Bytes([3; 64]);
    const OTHER: Bytes<64> = Bytes([4; 64]);

    fn gate(root: u8, organisation: u8, epoch: u64) -> GateKey {
        let root = SecretKey::from_slice(&[root; 32]).unwrap();
        GateKey::derive(&root, &OrganisationId(Bytes([organisation; 32])), epoch)
    }

    #[test]
    fn ingredient_is_the_same_for_each_request_and_no_other_version() {
        let gate = gate(1, 1, 1);
        let first = gate.ingredient(&CRED, &ORIGIN, &REQUEST, &mut rng(1));
        let second = gate.ingredient(&CRED, &ORIGIN, &OTHER, &mut rng(2));
        assert_eq!(first.point.expose(), second.point.expose());
        for (cred, origin) in [(OTHER, ORIGIN), (CRED, OTHER)] {
            let other = gate.ingredient(&cred, &origin, &REQUEST, &mut rng(1));
            assert_ne!(first.point.expose(), other.point.expose());
        }
        let checked =
            verify_ingredient(first.proof.expose(), gate.public(), &CRED, &ORIGIN, &REQUEST).unwrap();
        assert_eq!(checked.expose(), first.point.expose());
    }

    fn versions(count: u8) -> Vec<(Bytes<64>, Bytes<64>)> {
        (0..count).map(|n| (Bytes([n; 64]), Bytes([n ^ 0x80; 64]))).collect()
    }

    #[test]
    fn ingredients_of_many_are_those_that_each_would_get() {
        let gate = gate(1, 1, 1);
        let versions = versions(40);
        let named: Vec<_> = versions.iter().map(|(cred, origin)| (cred, origin)).collect();
        let made = gate.ingredients(&named, &mut rng(1)).unwrap();
        assert_eq!(made.len(), 40);
        for ((cred, origin), point) in named.into_iter().zip(&made) {
            let alone = gate.ingredient(cred, origin, origin, &mut rng(2));
            assert_eq!(alone.point.expose(), point.expose());
        }
        assert!(gate.ingredients(&[], &mut rng(1)).unwrap().is_empty());
    }

    #[test]
    fn every_wrong_ingredient_among_many_is_named_and_no_other() {
        let gate = gate(1, 1, 1);
        let bases: Vec<_> = versions(40).iter().map(|(cred, origin)| gate_point(cred, origin)).collect();
        let made = |change: &dyn Fn(usize) -> Scalar| -> Vec<_> {
            let point = |(at, base): (usize, &RistrettoPoint)| {
                SecretPoint::new(gate.gamma.expose() * base + change(at) * bases[0])
            };
            bases.iter().enumerate().map(point).collect()
        };
        assert_eq!(gate.wrong(&bases, &made(&|_| Scalar::ZERO), &mut rng(1)), [0; 0]);
        let one = made(&|at| Scalar::from(u8::from(at == 17)));
        assert_eq!(gate.wrong(&bases, &one, &mut rng(1)), [17]);
        // Without weights these two would add up to nothing.
        let two = made(&|at| match at {
            3 => Scalar::ONE,
            39 => -Scalar::ONE,
            _ => Scalar::ZERO,
        });
        assert_eq!(gate.wrong(&bases, &two, &mut rng(1)), [3, 39]);
    }

    #[test]
    fn ingredients_of_another_key_than_the_published_one_are_refused() {
        let other = GateKey { public: *gate(2, 1, 1).public(), ..gate(1, 1, 1) };
        let versions = versions(5);
        let named: Vec<_> = versions.iter().map(|(cred, origin)| (cred, origin)).collect();
        assert_eq!(other.ingredients(&named, &mut rng(1)).unwrap_err(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn ingredient_of_another_version_request_or_gate_is_refused() {
        let this = gate(1, 1, 1);
        let made = this.ingredient(&CRED, &ORIGIN, &REQUEST, &mut rng(1));
        let check = |gate: &GateKey, cred, origin, request| {
            verify_ingredient(made.proof.expose(), gate.public(), cred, origin, request).map(|_| ())
        };
        assert_eq!(check(&this, &CRED, &ORIGIN, &REQUEST), Ok(()));
        let refused = Err(GateError::Proof);
        assert_eq!(check(&this, &OTHER, &ORIGIN, &REQUEST), refused);
        assert_eq!(check(&this, &CRED, &OTHER, &REQUEST), refused);
        assert_eq!(check(&this, &CRED, &ORIGIN, &OTHER), refused);
        for other in [gate(2, 1, 1), gate(1, 2, 1), gate(1, 1, 2)] {
            assert_eq!(check(&other, &CRED, &ORIGIN, &REQUEST), refused);
        }
    }

    #[test]
    fn identity_as_gate_key_is_refused() {
        let made = gate(1, 1, 1).ingredient(&CRED, &ORIGIN, &REQUEST, &mut rng(1));
        let refused = verify_ingredient(made.proof.expose(), &Bytes([0; 32]), &CRED, &ORIGIN, &REQUEST);
        assert_eq!(refused.unwrap_err(), GateError::Identity);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let gate = gate(1, 1, 1);
        let mut made = gate.ingredient(&CRED, &ORIGIN, &REQUEST, &mut rng(1)).proof;
        for at in 0..128 {
            made.expose_mut()[at] ^= 0x40;
            let refused = verify_ingredient(made.expose(), gate.public(), &CRED, &ORIGIN, &REQUEST);
            assert!(refused.is_err(), "byte {at}");
            made.expose_mut()[at] ^= 0x40;
        }
    }
}
