//! Proof that a key is still there, without using it for anything: a custodian's
//! share key, or the gate's. Each is for one drill, whose id is new with every
//! drill, so that an old proof is of no use again. When a drill is held, and whose
//! proofs count, is decided elsewhere.

use super::{
    encoding::EncodingError,
    gate::GateKey,
    group::{KeyFault, decode_key},
    schnorr,
    share::ShareKeyPair,
};
use crate::{
    hex::Bytes,
    name::{OrganisationId, Pseudonym},
    transcript::{Transcript, label},
};
use rand_core::CryptoRng;

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrillError {
    /// The public key is not the canonical encoding of a point, or the identity.
    #[error("the public key is not an acceptable ristretto255 point")]
    Key,
    /// `R` is not a canonical point or `z` not a canonical scalar.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The proof does not hold for this drill and key.
    #[error("the proof does not hold for this drill and key")]
    Proof,
}

/// Schnorr's proof of knowledge of a custodian's `x`, 64 bytes:
/// `c = H("drill", drill, g, pseudonym, E, R)`.
pub fn prove_share_key(
    pair: &ShareKeyPair,
    drill: &Bytes<32>,
    g: &Bytes<64>,
    who: &Pseudonym,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Bytes<64> {
    schnorr::prove(pair.secret(), label::DRILL, |t| of_share(t, drill, g, who, pair.public()), rng)
}

/// Checks such a proof for the share key `E` that the group's statement names.
pub fn verify_share_key(
    share_key: &Bytes<32>,
    drill: &Bytes<32>,
    g: &Bytes<64>,
    who: &Pseudonym,
    proof: &Bytes<64>,
) -> Result<(), DrillError> {
    verify(share_key, label::DRILL, |t| of_share(t, drill, g, who, share_key), proof)
}

impl GateKey {
    /// Schnorr's proof of knowledge of `γ`, 64 bytes:
    /// `c = H("gate-drill", drill, organisation, epoch, Γ, R)`.
    pub fn prove(
        &self,
        drill: &Bytes<32>,
        organisation: &OrganisationId,
        epoch: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Bytes<64> {
        let public = self.public();
        schnorr::prove(
            self.secret(),
            label::GATE_DRILL,
            |t| of_gate(t, drill, organisation, epoch, public),
            rng,
        )
    }
}

/// Checks such a proof for the `Γ` of an epoch.
pub fn verify_gate_key(
    gamma: &Bytes<32>,
    drill: &Bytes<32>,
    organisation: &OrganisationId,
    epoch: u64,
    proof: &Bytes<64>,
) -> Result<(), DrillError> {
    verify(gamma, label::GATE_DRILL, |t| of_gate(t, drill, organisation, epoch, gamma), proof)
}

fn verify(
    public: &Bytes<32>,
    label: &str,
    statement: impl Fn(Transcript) -> Transcript,
    proof: &Bytes<64>,
) -> Result<(), DrillError> {
    let key = decode_key(public).map_err(|fault| match fault {
        KeyFault::NotCanonical | KeyFault::Identity => DrillError::Key,
    })?;
    if schnorr::holds(&key, label, statement, proof)? { Ok(()) } else { Err(DrillError::Proof) }
}

fn of_share(
    begun: Transcript,
    drill: &Bytes<32>,
    g: &Bytes<64>,
    who: &Pseudonym,
    share_key: &Bytes<32>,
) -> Transcript {
    begun.part(drill).part(g).part(who.as_str()).part(share_key)
}

fn of_gate(
    begun: Transcript,
    drill: &Bytes<32>,
    organisation: &OrganisationId,
    epoch: u64,
    gamma: &Bytes<32>,
) -> Transcript {
    begun.part(drill).part(organisation).int(epoch).part(gamma)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use crate::secret::SecretKey;

    const DRILL: Bytes<32> = Bytes([5; 32]);
    const G: Bytes<64> = Bytes([3; 64]);

    fn who(name: &str) -> Pseudonym {
        name.parse().unwrap()
    }

    #[test]
    fn a_custodians_proof_holds_for_its_drill_group_name_and_key_only() {
        let rng = &mut rng(1);
        let (pair, other) = (ShareKeyPair::random(rng), ShareKeyPair::random(rng));
        let (me, you) = (who("quiet-heron-lamp"), who("amber-fox-lake"));
        let proof = prove_share_key(&pair, &DRILL, &G, &me, rng);
        assert_eq!(verify_share_key(pair.public(), &DRILL, &G, &me, &proof), Ok(()));
        let refused = Err(DrillError::Proof);
        assert_eq!(verify_share_key(other.public(), &DRILL, &G, &me, &proof), refused);
        assert_eq!(verify_share_key(pair.public(), &Bytes([6; 32]), &G, &me, &proof), refused);
        assert_eq!(verify_share_key(pair.public(), &DRILL, &Bytes([4; 64]), &me, &proof), refused);
        assert_eq!(verify_share_key(pair.public(), &DRILL, &G, &you, &proof), refused);
        assert_eq!(verify_share_key(&Bytes([0; 32]), &DRILL, &G, &me, &proof), Err(DrillError::Key));
        for at in 0..64 {
            let mut changed = proof;
            changed.0[at] ^= 0x80;
            assert!(verify_share_key(pair.public(), &DRILL, &G, &me, &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_gates_proof_holds_for_its_drill_organisation_and_epoch_only() {
        let rng = &mut rng(1);
        let (here, there) = (OrganisationId(Bytes([1; 32])), OrganisationId(Bytes([2; 32])));
        let key = GateKey::derive(&SecretKey::random(rng), &here, 1);
        let proof = key.prove(&DRILL, &here, 1, rng);
        assert_eq!(verify_gate_key(key.public(), &DRILL, &here, 1, &proof), Ok(()));
        let refused = Err(DrillError::Proof);
        assert_eq!(verify_gate_key(key.public(), &Bytes([6; 32]), &here, 1, &proof), refused);
        assert_eq!(verify_gate_key(key.public(), &DRILL, &there, 1, &proof), refused);
        assert_eq!(verify_gate_key(key.public(), &DRILL, &here, 2, &proof), refused);
    }

    /// A proof of possession of one group is no proof for a drill.
    #[test]
    fn a_proof_under_another_label_does_not_hold() {
        let rng = &mut rng(1);
        let pair = ShareKeyPair::random(rng);
        let me = who("quiet-heron-lamp");
        let statement = |t| of_share(t, &DRILL, &G, &me, pair.public());
        let foreign = schnorr::prove(pair.secret(), label::POSSESSION, statement, rng);
        assert_eq!(verify_share_key(pair.public(), &DRILL, &G, &me, &foreign), Err(DrillError::Proof));
    }
}
