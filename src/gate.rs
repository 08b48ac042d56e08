//! The gate's keys: what the host holds beside the custodians.
//!
//! They stand behind a trait of their own and never in the store, so that a
//! copy of the database alone is of no use. Everything is derived from one
//! random root an epoch.

use crate::event::GateEpoch;
use crate::hex::Bytes;
use crate::name::OrganisationId;
use crate::pvss::GateKey;
use crate::seal::sign::SigningKey;
use crate::secret::SecretKey;
use crate::transcript::{kdf, label};

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

    /// `KDF(root, label, organisation, epoch)`.
    fn derive(&self, label: &str, organisation: &OrganisationId, epoch: u64) -> Result<SecretKey, GateError> {
        Ok(kdf(self.root(epoch)?, label, &[organisation.as_ref(), &epoch.to_be_bytes()]))
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

/// A gate that holds its one root in memory.
#[derive(Debug)]
pub struct RootGate {
    root: SecretKey,
}

impl RootGate {
    /// The first epoch, with this root.
    pub fn new(root: SecretKey) -> Self {
        Self { root }
    }
}

impl Gate for RootGate {
    fn epoch(&self) -> u64 {
        1
    }

    fn root(&self, epoch: u64) -> Result<&SecretKey, GateError> {
        if epoch == 1 { Ok(&self.root) } else { Err(GateError::NoEpoch(epoch)) }
    }
}
