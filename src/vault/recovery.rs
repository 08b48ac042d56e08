//! Recovery of the gate's root: keepers' cards, their group, dealing the root to
//! it, and writing the gate's file anew once they have brought the root back.

use super::group::Draft;
use super::seal::dealing_record;
use super::{GATE_FILE, PublicVault, Records, Vault, VaultError, file, gate_file};
use crate::ceremony::custodian::lines;
use crate::ceremony::recovery::{self, DealtRoot, RecoveryError, RecoveryPackage, RecoveryRequest};
use crate::event::{Event, GroupStatement, Keeper, RootDealing, record_hash};
use crate::hex::{Bytes, HexBytes};
use crate::name::{Pseudonym, Slug};
use crate::pvss::{self, DealingContext};
use crate::seal::card::{Card, Role};
use crate::seal::hpke::HpkeSecret;
use crate::seal::passphrase::KdfParams;
use crate::seal::root::{Roots, root_id, seal_roots};
use crate::seal::words;
use crate::secret::{SecretBytes, SecretKey};
use crate::state::{RECOVERY, Roll, VaultState};
use crate::store::Store;
use crate::time::Time;
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Name of the file in the vault's directory with the key of a machine's request.
pub const REQUEST_KEY: &str = "recovery.key";
const KEY_HEAD: &[u8] = b"warifu recovery 1\n";

/// Name of the record of the sealed root of an epoch of the gate.
pub fn root_record(gate_epoch: u64) -> String {
    format!("gate-root/{gate_epoch}")
}

/// How recovery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveryStatus {
    /// How many keepers bring the root back.
    pub threshold: u64,
    /// Members of the group.
    pub members: Vec<String>,
    /// Whether the gate's present root was dealt to them.
    pub dealt: bool,
}

impl RecoveryStatus {
    /// Of a vault that has a group.
    pub fn of(state: &VaultState) -> Option<Self> {
        let group = state.recovery.as_ref()?;
        Some(Self {
            threshold: group.threshold,
            members: group.members.iter().map(|m| m.pseudonym.to_string()).collect(),
            dealt: recovery::dealt(state).is_ok(),
        })
    }
}

/// Makes a keeper's card; nothing is in the log yet.
pub fn new_keeper(state: &VaultState, rng: &mut (impl CryptoRng + ?Sized)) -> Card {
    let mut pseudonym = words::pseudonym(rng);
    while state.keepers.contains_key(&pseudonym) {
        pseudonym = words::pseudonym(rng);
    }
    Card::create(state.vault, state.id(), pseudonym, Role::Keeper, state.first_entry, rng)
}

/// Begins a recovery group of these keepers. It takes the place of one before.
pub fn draft(
    state: &VaultState,
    threshold: usize,
    members: &[Pseudonym],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Draft, VaultError> {
    let name: Slug = RECOVERY.parse()?;
    Draft::of(state, &name, threshold, members, rng)
}

impl Vault {
    /// Enters a new keeper's card.
    pub fn enrol_keeper(&mut self, card: &Card, now: Time) -> Result<(), VaultError> {
        let signing = card.signing_key();
        let (pseudonym, sign_key) = (card.pseudonym().clone(), signing.public());
        let mut keeper = Keeper { pseudonym, sign_key, signature: Bytes([0; 64]) };
        keeper.signature = signing.sign(&keeper.digest(&self.state().vault, &self.state().first_entry));
        self.commit_own(now, None, |_| Ok((vec![Event::KeeperEnrolled(keeper.clone())], Records::default())))
    }

    /// Enters a recovery group that every member signed and deals the gate's present
    /// root to it: both in one commit, so that there is never a group without the
    /// root. Each organisation's log names it in the same commit. What was dealt to a
    /// group before is destroyed with it.
    pub fn form_recovery(
        &mut self,
        statement: &GroupStatement,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        let named = Event::KeepersNamed(statement.clone());
        self.commit_own(now, Some(&named), |vault| {
            vault.check_apart(statement)?;
            let mut records = Records::default();
            for dealt in vault.state().dealt.values() {
                records.delete.extend([root_record(dealt.gate_epoch), dealing_record(&dealt.dealing)]);
            }
            let dealt =
                vault.deal_roots(statement, (vault.state(), vault.gate.roots()), &mut records, rng)?;
            Ok((vec![Event::GroupFormed(statement.clone()), dealt], records))
        })
    }

    /// Deals the gate's roots to a group, as of the present epoch of `state`; gives the
    /// entry and adds the records. The dealing is verified as it will be stored.
    pub(super) fn deal_roots(
        &self,
        group: &GroupStatement,
        (state, roots): (&VaultState, &Roots),
        records: &mut Records,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Event, VaultError> {
        let gate_epoch = state.gate().epoch;
        let credential = root_id(&state.vault, gate_epoch);
        let keys = state.group_keys(group)?;
        let (dealing, shared) = pvss::deal(&DealingContext::new(credential, &keys), &keys, rng)?;
        let sealed = seal_roots(&credential, &shared, roots, rng).to_bytes();
        let event = Event::GateRootDealt(RootDealing {
            gate_epoch,
            group: group.group,
            epoch: group.epoch,
            dealing: *dealing.id(),
            sealed: record_hash(&sealed),
        });
        records.put.push((dealing_record(dealing.id()), dealing.to_bytes()));
        records.put.push((root_record(gate_epoch), sealed));
        Ok(event)
    }

    /// No member's pseudonym or signing key may be that of a card of any
    /// organisation. It says nothing of whose the cards are: that one person holds a
    /// keeper's card and a custodian's can be seen from neither.
    fn check_apart(&self, statement: &GroupStatement) -> Result<(), VaultError> {
        for slug in self.state().organisations.values() {
            let log = self.log(slug)?;
            let taken = |who: &Pseudonym, key: &Bytes<32>| {
                log.state.people.values().any(|card| card.pseudonym == *who || card.sign_key == *key)
            };
            if let Some(member) = statement.members.iter().find(|m| taken(&m.pseudonym, &m.sign_key)) {
                return Err(VaultError::NotApart {
                    who: member.pseudonym.to_string(),
                    organisation: slug.to_string(),
                });
            }
        }
        Ok(())
    }
}

impl PublicVault {
    /// What was dealt of the gate's present root, with its dealing verified, on a
    /// machine that has no gate.
    pub fn dealt_root(&self) -> Result<DealtRoot, VaultError> {
        no_gate(self.dir())?;
        let (_, dealt) = recovery::dealt(self.state())?;
        let dealing = self.record(&self.own_log(), &dealing_record(&dealt.dealing))?;
        Ok(DealtRoot::new(self.state(), &dealing)?)
    }

    /// The sealed root's record.
    pub fn sealed_root(&self) -> Result<Vec<u8>, VaultError> {
        self.record(&self.own_log(), &root_record(self.state().gate().epoch))
    }

    /// The key of this machine's request, which waits for keepers' answers in a file
    /// of its own; made if there is none.
    pub fn request_key(&self, rng: &mut (impl CryptoRng + ?Sized)) -> Result<HpkeSecret, VaultError> {
        no_gate(self.dir())?;
        match self.kept_request_key() {
            Err(VaultError::RecoveryKey { path, missing: true }) => {
                let secret = SecretKey::random(rng);
                // Exact capacity: a buffer that grows leaves copies of the key behind.
                let mut text = SecretBytes::zeroed(KEY_HEAD.len() + 65);
                let (head, rest) = text.expose_mut().split_at_mut(KEY_HEAD.len());
                head.copy_from_slice(KEY_HEAD);
                if let Some((line_end, digits)) = rest.split_last_mut() {
                    HEXLOWER.encode_mut(secret.expose(), digits);
                    *line_end = b'\n';
                }
                let written = file::create(&path, text.expose());
                written.map_err(|why| VaultError::File { path, why })?;
                Ok(secret.into())
            }
            kept => kept,
        }
    }

    /// The same, which must be there.
    pub fn kept_request_key(&self) -> Result<HpkeSecret, VaultError> {
        let path = self.dir().join(REQUEST_KEY);
        let refused = |missing| VaultError::RecoveryKey { path: path.clone(), missing };
        let io = |why: std::io::Error| match why.kind() {
            std::io::ErrorKind::NotFound => refused(true),
            _ => VaultError::File { path: path.clone(), why },
        };
        let mut file = File::open(&path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        let mut text = SecretBytes::zeroed(KEY_HEAD.len() + 65);
        if about.permissions().mode() & 0o077 != 0 || about.len() != text.len() as u64 {
            return Err(refused(false));
        }
        file.read_exact(text.expose_mut()).map_err(io)?;
        let digits = text.expose().strip_prefix(KEY_HEAD).and_then(|rest| rest.strip_suffix(b"\n"));
        let bytes = digits.and_then(|digits| HEXLOWER.decode(digits).ok()).map(SecretBytes::new);
        let secret = bytes.and_then(|bytes| SecretKey::from_slice(bytes.expose()));
        Ok(secret.ok_or_else(|| refused(false))?.into())
    }

    /// Removes it, where it is: what was answered to it opens nothing any more.
    pub fn forget_request_key(&self) -> Result<(), VaultError> {
        let path = self.dir().join(REQUEST_KEY);
        match std::fs::remove_file(&path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(VaultError::File { path, why }),
            _ => Ok(()),
        }
    }

    /// What a keeper needs on a machine of their own.
    pub fn recovery_package(&self, request: &RecoveryRequest) -> Result<RecoveryPackage, VaultError> {
        let own = self.own_log();
        let seen = self.own_seen()?;
        Ok(RecoveryPackage {
            request: request.clone(),
            checkpoint: seen.checkpoint,
            entries: lines(&self.store().entries(&own, 0..seen.size)?),
            dealing: HexBytes(self.record(&own, &dealing_record(&request.dealing))?),
        })
    }

    /// Writes the gate's file of the roots that keepers brought back: whole or not at
    /// all, and never over one that is there.
    pub fn restore_gate(
        &self,
        roots: &Roots,
        passphrase: Option<(&SecretBytes, KdfParams)>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        no_gate(self.dir())?;
        Ok(gate_file::write(&self.dir().join(GATE_FILE), roots, passphrase, rng)?)
    }
}

pub(super) fn no_gate(dir: &Path) -> Result<(), VaultError> {
    let file = dir.join(GATE_FILE);
    // Also one that cannot be read, and a link that leads nowhere.
    if file.symlink_metadata().is_ok() { Err(VaultError::GateThere(file)) } else { Ok(()) }
}

impl From<RecoveryError> for VaultError {
    fn from(why: RecoveryError) -> Self {
        Self::Recovery(Box::new(why))
    }
}
