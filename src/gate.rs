//! The gate's keys: what the host holds beside the custodians.
//!
//! They stand behind a trait of their own and never in the store, so that a
//! copy of the database alone is of no use. Everything is derived from one
//! random root an epoch.

use crate::event::{GateEpoch, GateSuccession};
use crate::hex::Bytes;
use crate::name::OrganisationId;
use crate::pvss::GateKey;
use crate::seal::sign::SigningKey;
use crate::secret::SecretKey;
use crate::transcript::{kdf, label};
use std::collections::BTreeMap;

/// Why the gate cannot serve.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GateError {
    /// It has no root for that epoch.
    #[error("the gate has no root for epoch {0}")]
    NoEpoch(u64),
}

/// Holder of the gate's roots.
pub trait Gate {
    /// The present epoch.
    fn epoch(&self) -> u64;
    /// The root of an epoch.
    fn root(&self, epoch: u64) -> Result<&SecretKey, GateError>;

    /// `γ = H("gate-key", root, organisation, epoch)`.
    fn key(&self, organisation: &OrganisationId, epoch: u64) -> Result<GateKey, GateError> {
        Ok(GateKey::derive(self.root(epoch)?, organisation, epoch))
    }

    /// Ed25519 seed that signs the checkpoints of a log.
    fn log_seed(&self, organisation: &OrganisationId, epoch: u64) -> Result<SecretKey, GateError> {
        self.derive(label::GATE_LOG_KEY, organisation, epoch)
    }

    /// Key of TOTP secrets at rest.
    fn totp_key(&self, organisation: &OrganisationId, epoch: u64) -> Result<SecretKey, GateError> {
        self.derive(label::GATE_TOTP_KEY, organisation, epoch)
    }

    /// Key of the gate's ceremony keys at rest.
    fn ceremony_key(&self, organisation: &OrganisationId, epoch: u64) -> Result<SecretKey, GateError> {
        self.derive(label::GATE_CEREMONY_KEY, organisation, epoch)
    }

    /// HPKE key of the codes that come to a drill by files: `KDF(ceremony key,
    /// "gate-drill-code", the drill's 32 random bytes)`. It is derived, because a drill
    /// has no end at which a stored one would be destroyed.
    fn drill_key(
        &self,
        organisation: &OrganisationId,
        epoch: u64,
        nonce: &Bytes<32>,
    ) -> Result<SecretKey, GateError> {
        let key = self.ceremony_key(organisation, epoch)?;
        Ok(kdf(&key, label::GATE_DRILL_CODE, &[nonce.as_ref()]))
    }

    /// `KDF(root, label, organisation, epoch)`.
    fn derive(&self, label: &str, organisation: &OrganisationId, epoch: u64) -> Result<SecretKey, GateError> {
        Ok(kdf(self.root(epoch)?, label, &[organisation.as_ref(), &epoch.to_be_bytes()]))
    }

    /// The next epoch's public keys, with the signature of the present one's log key.
    fn succession(&self, organisation: &OrganisationId, epoch: u64) -> Result<GateSuccession, GateError> {
        let gate = self.announce(organisation, epoch)?;
        let former = SigningKey::new(self.log_seed(organisation, self.epoch())?);
        let former = former.sign(&GateSuccession::digest(organisation, &former.public(), &gate));
        Ok(GateSuccession { gate, former })
    }

    /// The public keys of an epoch, signed by its log key.
    fn announce(&self, organisation: &OrganisationId, epoch: u64) -> Result<GateEpoch, GateError> {
        let gamma: Bytes<32> = *self.key(organisation, epoch)?.public();
        let signer = SigningKey::new(self.log_seed(organisation, epoch)?);
        let log_key = signer.public();
        let signature = signer.sign(&GateEpoch::digest(organisation, epoch, &gamma, &log_key));
        Ok(GateEpoch { epoch, gamma, log_key, signature })
    }
}

/// A gate that holds its roots in memory: that of the present epoch, and those of
/// before under which versions remain.
#[derive(Debug)]
pub struct RootGate {
    roots: BTreeMap<u64, SecretKey>,
    present: u64,
}

impl RootGate {
    /// The first epoch, with this root.
    pub fn new(root: SecretKey) -> Self {
        Self::of(1, root)
    }

    /// One epoch, with this root.
    pub fn of(epoch: u64, root: SecretKey) -> Self {
        Self { roots: BTreeMap::from([(epoch, root)]), present: epoch }
    }

    /// Several epochs' roots, of which one is the present one's.
    pub fn with(roots: BTreeMap<u64, SecretKey>, present: u64) -> Self {
        Self { roots, present }
    }

    /// Takes a further root, which serves nothing until its epoch is the present one.
    pub fn add(&mut self, epoch: u64, root: SecretKey) {
        self.roots.insert(epoch, root);
    }

    /// Another of its epochs is the present one.
    ///
    /// # Errors
    /// [`GateError::NoEpoch`] if it has no root for it.
    pub fn begin(&mut self, epoch: u64) -> Result<(), GateError> {
        self.root(epoch)?;
        self.present = epoch;
        Ok(())
    }

    /// The roots alone.
    pub fn into_roots(self) -> BTreeMap<u64, SecretKey> {
        self.roots
    }

    /// The roots that it has, by epoch.
    pub fn roots(&self) -> &BTreeMap<u64, SecretKey> {
        &self.roots
    }
}

impl Gate for RootGate {
    fn epoch(&self) -> u64 {
        self.present
    }

    fn root(&self, epoch: u64) -> Result<&SecretKey, GateError> {
        self.roots.get(&epoch).ok_or(GateError::NoEpoch(epoch))
    }
}
