//! Publicly verifiable secret sharing over ristretto255, and the gate's
//! ingredient: DHPVSS (Cascudo, David, Garms, Konring, "YOLO YOSO", ASIACRYPT
//! 2022, section 5) with commitments sent in place of the challenge.
//!
//! Mathematics only. No records, no ceremony rules, no clock, no randomness of
//! its own. `docs/protocol.md` gives every byte.
//!
//! Secrets that outlive a function are in the types of [`crate::secret`]. Those
//! that do not are [`zeroize::Zeroizing`]: wiped, but not locked into memory,
//! because locking costs a system call and there are dozens a dealing.
//!
//! What has been checked has a type of its own, which nothing else can make:
//! [`Dealing`] → [`VerifiedDealing`], [`UntrustedShare`] → [`VerifiedShare`],
//! and `t` of those → [`Quorum`]; [`Redealing`] → [`VerifiedRedealing`], and `t`
//! of those → [`ResharedDealing`], which is a [`VerifiedDealing`] again.

mod batch;
mod dealing;
mod drill;
mod encoding;
mod gate;
mod group;
mod link;
mod possession;
mod proven;
mod quorum;
mod record;
mod reshare;
mod reshared;
mod schnorr;
mod shamir;
mod share;

pub use batch::{verify_batch, verify_claimed, verify_redealings};
pub use dealing::{Dealing, DealingContext, DealingError, credential_id, deal, draft};
pub use drill::{DrillError, prove_share_key, verify_gate_key, verify_share_key};
pub use encoding::EncodingError;
pub use gate::{GateError, GateKey, Ingredient, gate_point, is_gate_key, verify_ingredient};
pub use group::{GroupError, GroupKeys, group_id};
pub use link::LinkProof;
pub use possession::{PossessionError, prove_possession, verify_possession};
pub use quorum::{Quorum, QuorumError};
pub use record::{ClaimedDealing, DealingRecord, VerifiedDealing};
pub use reshare::{Redealing, ReshareContext, ReshareError, Resharing, VerifiedRedealing, reshared_digest};
pub use reshared::{Reshared, ResharedDealing};
pub use share::{ShareError, ShareKeyPair, UntrustedShare, VerifiedShare, open_share};

use crate::{
    secret::SecretScalar,
    transcript::{Transcript, label},
};
use curve25519_dalek::Scalar;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// `H("nonce", 64 fresh random bytes, witness, statement…)` as a scalar.
///
/// The fresh bytes make two proofs of one statement use two nonces; a nonce
/// made of witness and ceremony alone would repeat under two challenges and
/// give the witness away. The witness keeps the nonce secret should the RNG
/// fail. The statement is what the challenge hashes before the commitments.
fn nonce(
    rng: &mut (impl CryptoRng + ?Sized),
    witness: &SecretScalar,
    statement: impl FnOnce(Transcript) -> Transcript,
) -> SecretScalar {
    let mut fresh = Zeroizing::new([0; 64]);
    rng.fill_bytes(&mut *fresh);
    let begun = Transcript::new(label::NONCE).part(*fresh).part(witness.expose().as_bytes());
    SecretScalar::new(statement(begun).scalar())
}

/// `z = r + c·x`.
fn response(nonce: &SecretScalar, challenge: &Scalar, witness: &SecretScalar) -> Scalar {
    nonce.expose() + challenge * witness.expose()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{hex::Bytes, name::Threshold};
    use rand::{SeedableRng, rngs::StdRng};

    pub(crate) fn rng(seed: u64) -> StdRng {
        StdRng::seed_from_u64(seed)
    }

    /// A group of `n` fresh key pairs with threshold `t`, and a context.
    pub(crate) fn group(
        t: usize,
        n: usize,
        rng: &mut StdRng,
    ) -> (GroupKeys, Vec<ShareKeyPair>, DealingContext) {
        let pairs: Vec<_> = (0..n).map(|_| ShareKeyPair::random(rng)).collect();
        let keys: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
        let group = GroupKeys::new(Bytes([9; 64]), Threshold::new(t, n).unwrap(), &keys).unwrap();
        let context = DealingContext::new(Bytes([7; 64]), &group);
        (group, pairs, context)
    }

    #[test]
    fn a_nonce_never_comes_from_witness_and_statement_alone() {
        let witness = SecretScalar::random(&mut rng(1));
        let mut rng = rng(2);
        let mut once = || nonce(&mut rng, &witness, |statement| statement.part(b"ceremony"));
        assert_ne!(once().expose(), once().expose());
    }

    #[test]
    fn a_nonce_depends_on_witness_and_statement_even_when_the_rng_repeats() {
        let (one, two) = (SecretScalar::random(&mut rng(1)), SecretScalar::random(&mut rng(2)));
        let made = |witness, text: &'static [u8]| *nonce(&mut rng(3), witness, |s| s.part(text)).expose();
        assert_ne!(made(&one, b"a"), made(&two, b"a"));
        assert_ne!(made(&one, b"a"), made(&one, b"b"));
    }
}
