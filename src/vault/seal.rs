//! Sealing a password or another factor: no custodian is present.

use super::hierarchy::account;
use super::{Log, Records, Vault, VaultError, file};
use crate::event::{Actor, Event, GroupStatement, Hash, Made, Sealing, Shown};
use crate::name::{AccountAddress, AccountId, Factor, GroupId, Provider};
use crate::pvss::{self, DealingContext, GateError, GateKey, VerifiedDealing};
use crate::seal::contents::Sealable;
use crate::seal::record::{self, SealedPayload};
use crate::seal::words;
use crate::secret::SecretPoint;
use crate::state::{Account, Effective, Invalid, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
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

/// Name of the file in the vault's directory with the groups whose words a sealer has
/// typed.
pub(super) const PINS_FILE: &str = "pins.json";

/// Name of the record of a dealing.
pub fn dealing_record(dealing: &Hash) -> String {
    format!("dealing/{dealing}")
}

/// Names of the records of a version, which its destruction destroys.
pub(super) fn records_of_version(state: &Organisation, credential: &Hash) -> Vec<String> {
    let dealing = state.versions.get(credential).map(|v| dealing_record(&v.sealing.dealing));
    let of_it = state.reshares.replaced.iter().filter(|(_, replaced)| replaced.credential == *credential);
    let replaced = of_it.map(|(id, _)| dealing_record(id));
    [sealed_record(credential)].into_iter().chain(dealing).chain(replaced).collect()
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
        Effective::Unbound if factor == Factor::Password => Err(VaultError::Unbound(state.address(id))),
        Effective::Unbound => Err(VaultError::UnboundFactor { address: state.address(id), factor }),
    }
}

/// Nothing is sealed for an account without a root user to sign in as.
pub fn in_use(account: &Account, address: impl FnOnce() -> String) -> Result<(), VaultError> {
    let standing = account.standing;
    if standing.in_use() { Ok(()) } else { Err(VaultError::NotInUse { address: address(), standing }) }
}

/// A dealing whose seal the log has begun with it, durably. Only the log makes
/// one, and the gate answers for it once: the answer consumes it.
pub(super) struct BegunSeal(VerifiedDealing);

impl BegunSeal {
    /// Whether the log at hand, which is as durable as its last commit, has begun
    /// the seal with this very dealing.
    pub(super) fn find(log: &Log, dealing: VerifiedDealing) -> Result<Self, VaultError> {
        let credential = *dealing.context().cred();
        let begun = log.state.begun.get(&credential).filter(|b| b.origin == *dealing.id());
        begun.map(|_| Self(dealing)).ok_or(VaultError::NotBegun(credential))
    }

    /// The gate's ingredient, with the dealing that it was given for.
    pub(super) fn ingredient(
        self,
        gate: &GateKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(VerifiedDealing, SecretPoint), VaultError> {
        let dealing = self.0;
        let (credential, origin) = (dealing.context().cred(), dealing.id());
        let given = gate.ingredient(credential, origin, origin, rng);
        let checked =
            pvss::verify_ingredient(given.proof.expose(), gate.public(), credential, origin, origin)?;
        Ok((dealing, checked))
    }

    /// The same for many, checked together.
    pub(super) fn ingredients(
        seals: Vec<Self>,
        gate: &GateKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<(VerifiedDealing, SecretPoint)>, VaultError> {
        let dealings: Vec<_> = seals.into_iter().map(|seal| seal.0).collect();
        let versions: Vec<_> =
            dealings.iter().map(|dealing| (dealing.context().cred(), dealing.id())).collect();
        let given = gate.ingredients(&versions, rng).map_err(|_culprits| GateError::Proof)?;
        Ok(dealings.into_iter().zip(given).collect())
    }
}

/// The next version of a factor, dealt for a group and sealed; not entered yet.
pub(super) struct NotEntered {
    pub(super) credential: Hash,
    pub(super) version: u64,
    pub(super) dealing: VerifiedDealing,
    pub(super) payload: SealedPayload,
}

impl NotEntered {
    /// What lies beside the log from its entry on.
    pub(super) fn records(&self) -> Records {
        let put = vec![
            (sealed_record(&self.credential), self.payload.to_bytes()),
            (dealing_record(self.dealing.id()), self.dealing.to_bytes()),
        ];
        Records { put, ..Records::default() }
    }
}

/// What a `sealed` entry says of account, group and gate.
#[derive(PartialEq, Eq)]
pub(super) struct Holding {
    account: AccountId,
    group: GroupId,
    epoch: u64,
    gate_epoch: u64,
    address: String,
    provider: Provider,
    external_id: String,
}

impl Holding {
    /// As the state has them now.
    pub(super) fn of(
        state: &Organisation,
        id: &AccountId,
        group: &GroupStatement,
    ) -> Result<Self, VaultError> {
        let found = state.accounts.get(id).ok_or_else(|| VaultError::NothingSealed(state.address(id)))?;
        Ok(Self {
            account: *id,
            group: group.group,
            epoch: group.epoch,
            gate_epoch: state.gate().epoch,
            address: state.address(id),
            provider: found.provider.clone(),
            external_id: found.external_id.clone(),
        })
    }

    /// The fact that a version is sealed with its first dealing.
    pub(super) fn sealing(
        self,
        dealing: &VerifiedDealing,
        payload: Hash,
        factor: Factor,
        version: u64,
        provenance: Provenance,
    ) -> Sealing {
        Sealing {
            credential: *dealing.context().cred(),
            account: self.account,
            factor,
            version,
            group: self.group,
            epoch: self.epoch,
            gate_epoch: self.gate_epoch,
            payload,
            dealing: *dealing.id(),
            origin: *dealing.id(),
            address: self.address,
            provider: self.provider,
            external_id: self.external_id,
            made: provenance.made,
            shown: provenance.shown,
        }
    }
}

impl Vault {
    /// Seals the next version of a factor. The dealing is verified, the
    /// intention is durable before the gate answers, and nothing is shown here.
    pub fn seal(
        &mut self,
        log: &mut Log,
        address: &AccountAddress,
        contents: &impl Sealable,
        provenance: Provenance,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        let factor = contents.factor();
        let (id, _) = account(&log.state, address)?;
        if log.state.rotations.running_for(&id, factor).is_some() {
            return Err(Invalid::RotationRunning(log.state.named(&id, factor)).into());
        }
        self.seal_next(log, id, contents, provenance, &|_| None, now, rng)
    }

    /// Seals the next version of an account's factor. What `before` says of its
    /// credential id is entered directly before the seal, in the same commit.
    #[allow(clippy::too_many_arguments, reason = "all of it decides what is sealed")]
    pub(super) fn seal_next(
        &mut self,
        log: &mut Log,
        id: AccountId,
        contents: &impl Sealable,
        provenance: Provenance,
        before: &dyn Fn(Hash) -> Option<(Actor, Event)>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        let factor = contents.factor();
        let unknown = || VaultError::NothingSealed(log.state.address(&id));
        let found = log.state.accounts.get(&id).ok_or_else(unknown)?;
        in_use(found, || log.state.address(&id))?;
        let group = holder(&log.state, &id, factor)?.clone();
        if !self.is_pinned(&log.state, &group)? {
            return Err(VaultError::NotPinned(log.state.group_address(&group)));
        }
        log.state.check_sealing_apart(&id, factor, &group)?;
        let sealed = self.seal_for(log, (id, &group), contents, now, rng)?;
        let (credential, version) = (sealed.credential, sealed.version);
        let (holding, payload) = (Holding::of(&log.state, &id, &group)?, sealed.payload.payload_hash());
        let event = Event::Sealed(holding.sealing(&sealed.dealing, payload, factor, version, provenance));
        let events = before(credential).into_iter().chain([(Actor::Host, event)]).collect();
        self.commit(log, now, events, sealed.records())?;
        Ok(Sealed { version, group: log.state.group_address(&group), credential })
    }

    /// Deals for a group and seals the next version of an account's factor, or of who the
    /// person is for whom `id` stands. The dealing is verified and the intention durable
    /// before the gate answers.
    pub(super) fn seal_for(
        &mut self,
        log: &mut Log,
        (id, group): (AccountId, &GroupStatement),
        contents: &impl Sealable,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<NotEntered, VaultError> {
        let factor = contents.factor();
        let version = log.state.next_version(&id, factor);
        let credential = pvss::credential_id(&log.state.vault, &log.state.id, &id, factor, version);
        let keys = log.state.group_keys(group)?;
        let context = DealingContext::new(credential, &keys);
        let (dealing, shared) = pvss::deal(&context, &keys, rng)?;
        let begun = Event::SealBegun { credential, origin: *dealing.id(), account: id, factor, version };
        self.commit_host(log, now, vec![begun], Records::default())?;
        let begun = BegunSeal::find(log, dealing)?;
        let gate = self.gate().key(&log.state.id, log.state.gate().epoch)?;
        let (dealing, ingredient) = begun.ingredient(&gate, rng)?;
        let payload = record::seal(&credential, &shared, &ingredient, contents, rng)?;
        Ok(NotEntered { credential, version, dealing, payload })
    }

    fn pins_file(&self) -> PathBuf {
        self.dir().join(PINS_FILE)
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
        file::replace(&path, &bytes).map_err(|why| VaultError::File { path, why })
    }
}
