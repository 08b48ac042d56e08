//! Domain-separated hashing: `H`, `KDF`, and every label in one place.
//!
//! `H(label, parts…)` = SHA-512(u16 length ‖ label ‖ for each part: u32 length
//! ‖ part); lengths and integers big-endian, integers as 8 bytes, a list
//! preceded by its count as an integer part. `KDF(key, label, parts…)` =
//! HKDF-SHA-256 (RFC 5869) with empty salt and the same encoding as info.

use crate::secret::{SecretKey, SecretScalar};
use curve25519_dalek::{RistrettoPoint, Scalar};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use zeroize::Zeroize;

/// Labels; a label is never used for two purposes.
pub mod label {
    macro_rules! labels {
        ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
            $($(#[$doc])* pub const $name: &str = concat!("warifu/v1/", $text);)*
            /// Every label, for the tests that no two are alike and each is documented.
            pub const ALL: &[&str] = &[$($name),*];
        };
    }
    labels! {
        /// `g`: a group in one epoch.
        GROUP = "group";
        /// Card: Ed25519 signing key.
        SIGN_KEY = "sign-key";
        /// Card: Ed25519 cosignature key.
        COSIGN_KEY = "cosign-key";
        /// Card: share key of one group epoch.
        SHARE_KEY = "share-key";
        /// Schnorr proof of possession of a share key.
        POSSESSION = "possession";
        /// What members of a group sign.
        GROUP_STATEMENT = "group-statement";
        /// The twelve words that stand for a group statement.
        GROUP_FINGERPRINT = "group-fingerprint";
        /// Members of a group agree to its next epoch.
        GROUP_RENEWAL = "group-renewal";
        /// Hash of a request to reshare.
        RESHARE_REQUEST = "reshare-request";
        /// Hash of what is to be reshared.
        RESHARE_LIST = "reshare-list";
        /// What a contributor signs with re-dealings.
        REDEALING_SIGNATURE = "redealing-signature";
        /// Admission of an operator to a group.
        ADMISSION = "admission";
        /// One custodian takes an admission back.
        ADMISSION_REVOCATION = "admission-revocation";
        /// A custodian's card is suspended.
        CARD_SUSPENSION = "card-suspension";
        /// A suspended card counts again.
        CARD_RESUMPTION = "card-resumption";
        /// A custodian's card is revoked.
        CARD_REVOCATION = "card-revocation";
        /// A custodian has another authenticator.
        AUTHENTICATOR_REPLACEMENT = "authenticator-replacement";
        /// A member of a group vetoes that it is abandoned.
        ABANDONMENT_VETO = "abandonment-veto";
        /// Binding of a scope to a group.
        BINDING = "binding";
        /// One epoch of the gate hands over to the next.
        GATE_SUCCESSION = "gate-succession";
        /// A group's demand for witnesses.
        WITNESS_POLICY = "witness-policy";
        /// How often a group's members prove that their cards are there.
        DRILL_POLICY = "drill-policy";
        /// How often a scope is renewed.
        ROTATION_POLICY = "rotation-policy";
        /// An operator begins to replace a version.
        ROTATION_BEGUN = "rotation-begun";
        /// An operator says which version the provider accepts.
        ROTATION_SETTLED = "rotation-settled";
        /// A group gives up a version that is current.
        DESTRUCTION = "destruction";
        /// A fact of a provider's report that has no id of its own.
        ROOT_FACT = "root-fact";
        /// A use of a root user, as one record of a provider's tells it.
        ROOT_USE = "root-use";
        /// What a person signs at enrolment.
        ENROLMENT = "enrolment";
        /// What stands for a person where an account's id does.
        IDENTITY_SUBJECT = "identity-subject";
        /// What a person signs when their identity is sealed.
        IDENTITY_SEALED = "identity-sealed";
        /// What an operator or officer says of an account.
        BASELINE_STATEMENT = "baseline-statement";
        /// Gate: `γ` of an organisation and epoch.
        GATE_KEY = "gate-key";
        /// Gate: log signing key.
        GATE_LOG_KEY = "gate-log-key";
        /// Gate: key of TOTP secrets at rest.
        GATE_TOTP_KEY = "gate-totp-key";
        /// Gate: key of ceremony secrets at rest.
        GATE_CEREMONY_KEY = "gate-ceremony-key";
        /// Gate: what the gate signs when an epoch begins.
        GATE_EPOCH = "gate-epoch";
        /// `P(cred, origin)`.
        GATE_POINT = "gate-point";
        /// DLEQ of the gate's ingredient.
        GATE_PROOF = "gate-proof";
        /// A custodian's key is still there.
        DRILL = "drill";
        /// The gate's key is still there.
        GATE_DRILL = "gate-drill";
        /// Gate: key of the codes that come to a drill by files.
        GATE_DRILL_CODE = "gate-drill-code";
        /// What a drill's encrypted codes are bound to.
        DRILL_CODE = "drill-code";
        /// What a custodian signs at a drill.
        DRILL_SIGNATURE = "drill-signature";
        /// `cred`.
        CREDENTIAL = "credential";
        /// `ctx` of a dealing.
        DEALING_CONTEXT = "dealing-context";
        /// Coefficients of the random dual code word.
        DUAL = "dual";
        /// Challenge of the dealing proof.
        DEALING = "dealing";
        /// Identity of a dealing.
        DEALING_ID = "dealing-id";
        /// `rctx` of one contributor's re-dealing.
        REDEALING_CONTEXT = "redealing-context";
        /// Coefficients of the dual code word of a link proof.
        LINK_DUAL = "link-dual";
        /// Challenge of a link proof.
        LINK = "link";
        /// `L`: the link proofs of one reshared dealing.
        LINK_PROOFS = "link-proofs";
        /// `ctx` and id of a reshared dealing.
        RESHARED_CONTEXT = "reshared-context";
        /// What the contributors of a resharing sign.
        RESHARED = "reshared";
        /// What a card keeps of several parts that it signs at once.
        RESHARED_PARTS = "reshared-parts";
        /// Challenge of the decryption proof.
        CONTRIBUTION = "contribution";
        /// Nonces of all sigma proofs.
        NONCE = "nonce";
        /// Record: encryption key.
        RECORD_KEY = "record-key";
        /// Record: key commitment.
        RECORD_COMMIT = "record-commit";
        /// Hash of a sealed payload.
        PAYLOAD = "payload";
        /// Salted hash of free text.
        TEXT = "text";
        /// Hash of a stored record.
        RECORD = "record";
        /// Hash of a request.
        REQUEST = "request";
        /// Signature over a request.
        REQUEST_SIGNATURE = "request-signature";
        /// Hash of a list of targets.
        TARGETS = "targets";
        /// Everything in a contribution but request, custodian and time.
        CONTRIBUTION_BODY = "contribution-body";
        /// Signature over a contribution.
        CONTRIBUTION_SIGNATURE = "contribution-signature";
        /// Hash of a share's plaintext.
        SHARE_PLAINTEXT = "share-plaintext";
        /// Hash of a ciphertext.
        CIPHERTEXT = "ciphertext";
        /// HPKE info: share for the recipient.
        HPKE_SHARE = "hpke-share";
        /// HPKE info: TOTP code for the gate.
        HPKE_CODE = "hpke-code";
        /// HPKE info: gate ingredient for the recipient.
        HPKE_RELEASE = "hpke-release";
        /// Signature of the host over a release.
        RELEASE = "release";
        /// Requester's private HPKE key at rest.
        REQUESTER_KEY = "requester-key";
        /// Coefficients of a batch of signatures.
        SIGNATURE_BATCH = "signature-batch";
        /// What a keeper of recovery signs at enrolment.
        KEEPER_ENROLMENT = "keeper-enrolment";
        /// `cred` of the gate's root in one epoch.
        GATE_ROOT = "gate-root";
        /// Sealed root: encryption key.
        GATE_ROOT_KEY = "gate-root-key";
        /// Sealed root: key commitment.
        GATE_ROOT_COMMIT = "gate-root-commit";
        /// Hash of a request for the gate's root.
        RECOVERY_REQUEST = "recovery-request";
        /// The twelve words that stand for such a request.
        RECOVERY_FINGERPRINT = "recovery-fingerprint";
        /// Signature over a keeper's answer.
        RECOVERY_CONTRIBUTION = "recovery-contribution";
        /// Keepers sign for what is missing of a log.
        RESTORED_WITH_GAP = "restored-with-gap";
        /// HPKE info: a keeper's share for the new machine.
        HPKE_RECOVERY = "hpke-recovery";
        /// An operator ends a ceremony or reports its result.
        OPERATOR_NOTICE = "operator-notice";
    }
}

/// `H` under construction: the label first, then parts in order. A clone goes on
/// from what was hashed so far. Boxed: it is passed on with every part, and what is
/// hashed may be secret, so that no copies of it should lie about.
#[derive(Clone, PartialEq, Eq)]
pub struct Transcript<S = Sha512>(Box<S>);

/// What `H` is taken of, kept as it is: public, and hashed only by whoever needs the
/// hash, on whichever thread.
pub type Unhashed = Transcript<Vec<u8>>;

/// Takes the bytes of a transcript.
pub trait Sink: Sized {
    /// One that has none yet.
    fn empty() -> Self;

    /// Takes some more.
    fn write(&mut self, bytes: &[u8]);
}

impl Sink for Sha512 {
    fn empty() -> Self {
        Self::new()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Sink for Vec<u8> {
    fn empty() -> Self {
        // As much as most transcripts have.
        Self::with_capacity(512)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<S: Sink> Transcript<S> {
    fn begin(label: &str) -> Self {
        let mut sink = Box::new(S::empty());
        sink.write(&u16::try_from(label.len()).expect("labels are short").to_be_bytes());
        sink.write(label.as_bytes());
        Self(sink)
    }

    /// Adds one part.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        let length = u32::try_from(part.len()).expect("parts are below 4 GiB");
        self.0.write(&length.to_be_bytes());
        self.0.write(part);
        self
    }

    /// Adds one integer, as 8 bytes big-endian.
    #[must_use]
    pub fn int(self, number: u64) -> Self {
        self.part(number.to_be_bytes())
    }

    /// Adds a list: its count, then each element as a part.
    #[must_use]
    pub fn list<T: AsRef<[u8]>>(
        self,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    ) -> Self {
        let items = items.into_iter();
        let counted = self.int(items.len() as u64);
        items.fold(counted, |transcript, item| transcript.part(item))
    }
}

impl Unhashed {
    /// Begins what `H(label, …)` is taken of.
    pub fn unhashed(label: &str) -> Self {
        Self::begin(label)
    }

    /// The 64-byte hash.
    pub fn hash(&self) -> [u8; 64] {
        Sha512::digest(&*self.0).into()
    }
}

impl fmt::Debug for Unhashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unhashed({} bytes)", self.0.len())
    }
}

impl Transcript {
    /// Begins `H(label, …)`.
    pub fn new(label: &str) -> Self {
        Self::begin(label)
    }

    /// The 64-byte hash.
    pub fn finish(mut self) -> [u8; 64] {
        self.0.finalize_reset().into()
    }

    /// The hash as a scalar, by little-endian wide reduction.
    pub fn scalar(self) -> Scalar {
        let mut wide = self.finish();
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        wide.zeroize();
        scalar
    }

    /// The hash mapped to ristretto255 (RFC 9496, section 4.3.4).
    pub fn point(self) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.finish())
    }
}

/// `KDF(key, label, parts…)`: 32 bytes by HKDF-SHA-256.
pub fn kdf(key: &SecretKey, label: &str, parts: &[&[u8]]) -> SecretKey {
    let mut output = SecretKey::zeroed();
    expand(key, label, parts, output.expose_mut());
    output
}

/// As [`kdf`], but 64 bytes, reduced to a scalar: 32 bytes modulo ℓ would be
/// visibly uneven (2²⁵⁶ is not quite 16·ℓ).
pub fn kdf_scalar(key: &SecretKey, label: &str, parts: &[&[u8]]) -> SecretScalar {
    let mut wide = [0; 64];
    expand(key, label, parts, &mut wide);
    let scalar = SecretScalar::new(Scalar::from_bytes_mod_order_wide(&wide));
    wide.zeroize();
    scalar
}

fn expand(key: &SecretKey, label: &str, parts: &[&[u8]], output: &mut [u8]) {
    let mut info = Vec::with_capacity(label.len() + 2 + parts.iter().map(|p| p.len() + 4).sum::<usize>());
    info.extend(u16::try_from(label.len()).expect("labels are short").to_be_bytes());
    info.extend(label.as_bytes());
    for part in parts {
        info.extend(u32::try_from(part.len()).expect("parts are below 4 GiB").to_be_bytes());
        info.extend(*part);
    }
    Hkdf::<Sha256>::new(None, key.expose()).expand(&info, output).expect("64 bytes are below HKDF's limit");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_labels_are_alike() {
        let mut labels = label::ALL.to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), label::ALL.len());
    }

    /// Else somebody who implements the protocol does not know it.
    #[test]
    fn every_label_stands_in_the_documented_table() {
        let protocol = include_str!("../docs/protocol.md");
        let (_, table) = protocol.split_once("\n## Labels\n").unwrap();
        let (table, _) = table.split_once("\n## ").unwrap();
        let missing =
            |label: &&&str| !table.contains(&format!("`{}`", label.trim_start_matches("warifu/v1/")));
        assert_eq!(label::ALL.iter().filter(missing).collect::<Vec<_>>(), [] as [&&str; 0]);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = Transcript::new(label::DUAL).part(b"ab").part(b"c").finish();
        let two = Transcript::new(label::DUAL).part(b"a").part(b"bc").finish();
        let three = Transcript::new(label::DUAL).list([b"ab".as_slice(), b"c"]).finish();
        assert_ne!(one, two);
        assert_ne!(one, three);
    }

    #[test]
    fn encoding_is_the_documented_one() {
        let mut expected = Sha512::new();
        expected.update([0, 14]);
        expected.update(b"warifu/v1/dual");
        expected.update([0, 0, 0, 2]);
        expected.update(b"ab");
        expected.update([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
        let ours = Transcript::new(label::DUAL).part(b"ab").int(5).finish();
        assert_eq!(ours.as_slice(), expected.finalize().as_slice());
        assert_eq!(Unhashed::unhashed(label::DUAL).part(b"ab").int(5).hash(), ours);
    }
}
