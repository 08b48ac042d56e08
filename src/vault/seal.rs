//! Sealing a root password: no custodian is present.

use super::hierarchy::account;
use super::{Log, Records, Vault, VaultError};
use crate::event::{Actor, Event, GroupStatement, Hash, Made, Sealing, Shown};
use crate::name::{AccountAddress, AccountId, Factor, GroupId};
use crate::pvss::{self, DealingContext, VerifiedDealing};
use crate::seal::record::{self, Payload};
use crate::seal::words;
use crate::secret::SecretPoint;
use crate::state::{Effective, Invalid, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which version.
    pub version: u64,
    /// Who can open it.
    pub group: String,
    /// Credential id.
    pub credential: Hash,
}

/// How a secret came here and to whom it will be shown.
#[derive(Debug, Clone, Copy)]
pub struct Provenance {
    /// Where it came from.
    pub made: Made,
    /// To whom it will be shown once it is sealed.
    pub shown: Shown,
}

/// Name of the record of a sealed payload.
pub fn sealed_record(credential: &Hash) -> String {
    format!("sealed/{credential}")
}

/// Name of the record of a dealing.
pub fn dealing_record(dealing: &Hash) -> String {
    format!("dealing/{dealing}")
}

/// Names of the records of a version, which its destruction destroys.
pub(super) fn records_of_version(state: &Organisation, credential: &Hash) -> Vec<String> {
    let dealing = state.versions.get(credential).map(|v| dealing_record(&v.sealing.dealing));
    [sealed_record(credential)].into_iter().chain(dealing).collect()
}

/// An error if a version's record was destroyed.
pub(super) fn there(state: &Organisation, credential: &Hash) -> Result<(), VaultError> {
    let gone = state.rotations.destroyed.get(credential);
    let Some((gone, version)) = gone.zip(state.versions.get(credential)) else { return Ok(()) };
    let address = state.address(&version.sealing.account);
    Err(VaultError::Destroyed { address, version: version.sealing.version, at: gone.at })
}

/// The group that would hold a new version, or an error that nobody would.
pub fn holder<'a>(
    state: &'a Organisation,
    id: &AccountId,
    factor: Factor,
) -> Result<&'a GroupStatement, VaultError> {
    match state.binding_of(id, factor) {
        Effective::Bound(_, group) => Ok(group),
        Effective::Unbound => Err(VaultError::Unbound(state.address(id))),
    }
}

impl Vault {
    /// Seals the next version of a password. The dealing is verified, the
    /// intention is durable before the gate answers, and nothing is shown here.
    pub fn seal(
        &mut self,
        log: &mut Log,
        address: &AccountAddress,
        payload: &Payload,
        provenance: Provenance,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        let (id, _) = account(&log.state, address)?;
        if log.state.rotations.running_for(&id, Factor::Password).is_some() {
            return Err(Invalid::RotationRunning(address.to_string()).into());
        }
        self.seal_next(log, id, payload, provenance, &|_| None, now, rng)
    }

    /// Seals the next version of an account's password. What `before` says of its
    /// credential id is entered directly before the seal, in the same commit.
    #[allow(clippy::too_many_arguments, reason = "all of it decides what is sealed")]
    pub(super) fn seal_next(
        &mut self,
        log: &mut Log,
        id: AccountId,
        payload: &Payload,
        provenance: Provenance,
        before: &dyn Fn(Hash) -> Option<(Actor, Event)>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        let factor = Factor::Password;
        let group = holder(&log.state, &id, factor)?.clone();
        if !self.is_pinned(&log.state, &group)? {
            return Err(VaultError::NotPinned(log.state.group_address(&group)));
        }
        let version = log.state.next_version(&id, factor);
        let credential = pvss::credential_id(&log.state.vault, &log.state.id, &id, factor, version);
        let keys = log.state.group_keys(&group)?;
        let context = DealingContext::new(credential, &keys);
        let (dealing, shared) = pvss::deal(&context, &keys, rng)?;
        let begun = Event::SealBegun { credential, origin: *dealing.id(), account: id, factor, version };
        self.commit_host(log, now, vec![begun], Records::default())?;
        let ingredient = self.ingredient_for_sealing(log, &dealing, rng)?;
        let sealed = record::seal(&credential, &shared, &ingredient, payload, rng)?;
        let unknown = || VaultError::NothingSealed(log.state.address(&id));
        let found = log.state.accounts.get(&id).ok_or_else(unknown)?;
        let event = Event::Sealed(Sealing {
            credential,
            account: id,
            factor,
            version,
            group: group.group,
            epoch: group.epoch,
            gate_epoch: log.state.gate().epoch,
            payload: sealed.payload_hash(),
            dealing: *dealing.id(),
            origin: *dealing.id(),
            address: log.state.address(&id),
            provider: found.provider.clone(),
            external_id: found.external_id.clone(),
            made: provenance.made,
            shown: provenance.shown,
        });
        let put = vec![
            (sealed_record(&credential), sealed.to_bytes()),
            (dealing_record(dealing.id()), dealing.to_bytes()),
        ];
        let events = before(credential).into_iter().chain([(Actor::Host, event)]).collect();
        self.commit(log, now, events, Records { put, ..Records::default() })?;
        Ok(Sealed { version, group: log.state.group_address(&group), credential })
    }

    /// The gate's answer to a seal that is durably begun with this very dealing.
    fn ingredient_for_sealing(
        &self,
        log: &Log,
        dealing: &VerifiedDealing,
        rng: &mut impl CryptoRng,
    ) -> Result<SecretPoint, VaultError> {
        let credential = dealing.context().cred();
        let begun = log.state.begun.get(credential).filter(|b| b.origin == *dealing.id());
        let begun = begun.ok_or(VaultError::NotBegun(*credential))?;
        let gate = self.gate().key(&log.state.id, log.state.gate().epoch)?;
        let given = gate.ingredient(credential, &begun.origin, dealing.id(), rng);
        let gamma = &log.state.gate().gamma;
        Ok(pvss::verify_ingredient(given.proof.expose(), gamma, credential, &begun.origin, dealing.id())?)
    }

    fn pins_file(&self) -> PathBuf {
        self.dir().join("pins.json")
    }

    fn pins(&self) -> Result<BTreeMap<GroupId, Hash>, VaultError> {
        let path = self.pins_file();
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| VaultError::RecordGone("pins.json".to_owned()))
            }
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(why) => Err(VaultError::File { path, why }),
        }
    }

    /// Whether a sealer here has typed this group's fingerprint.
    pub fn is_pinned(&self, state: &Organisation, group: &GroupStatement) -> Result<bool, VaultError> {
        let digest = group.digest(&state.id).into();
        Ok(self.pins()?.get(&group.group) == Some(&digest))
    }

    /// Pins a group whose fingerprint a sealer has typed.
    pub fn pin(
        &mut self,
        state: &Organisation,
        group: &GroupStatement,
        typed: &str,
    ) -> Result<(), VaultError> {
        let expected = words::fingerprint(&group.fingerprint(&state.id));
        if typed.parse() != Ok(expected) {
            return Err(VaultError::OtherFingerprint(state.group_address(group)));
        }
        let mut pins = self.pins()?;
        pins.insert(group.group, group.digest(&state.id).into());
        let bytes = serde_json::to_vec_pretty(&pins).expect("pins are strings");
        let path = self.pins_file();
        replace_file(&path, &bytes).map_err(|why| VaultError::File { path, why })
    }
}

/// Replaces a file so that a crash leaves the old one or the new one. What is
/// written beside it has a name that nobody can have prepared, is made anew for
/// its owner alone, and is removed where anything fails.
pub fn replace_file(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(&name).tempfile_in(dir)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|refused| refused.error)?;
    std::fs::File::open(dir)?.sync_all()
}
