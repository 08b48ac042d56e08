//! The vault's commands: each checks the present state, makes events and
//! commits them. Terminal, files of people and the clock are above. Long, because every
//! error of the commands stands here, with the opening of a vault that they share.

pub mod abandon;
pub mod ask;
pub mod at_baseline;
pub mod audit;
pub mod backup;
pub mod baseline;
pub mod bulk;
pub mod cards;
pub mod ceremony;
pub mod code;
pub mod commit;
pub mod drill;
pub mod due;
pub mod due_drill;
pub mod file;
pub mod gap;
pub mod gate;
pub mod gate_file;
pub mod group;
pub mod hierarchy;
pub mod import;
pub mod overview;
mod own;
pub mod own_log;
pub mod people;
pub mod reconcile;
pub mod recoverability;
pub mod recovery;
pub mod report;
pub mod reshare;
pub mod roster;
pub mod rotate;
pub mod seal;
pub mod statement;
pub mod status;
pub mod upgrade;
pub mod verify;
pub mod witness;

pub use commit::{Committed, EntryFault, Log, Records};

use crate::ceremony::coder::CoderError;
use crate::ceremony::judge::NotCounted;
use crate::ceremony::recipient::FinishError;
use crate::event::{AccountStanding, Actor, EntryError, Event, Hash};
use crate::gate::{Gate, GateError, RootGate};
use crate::log::checkpoint::CheckpointError;
use crate::name::{Factor, LogName, NameError, OrganisationId, Origin, Pseudonym, Slug, VaultId};
use crate::pvss;
use crate::seal::passphrase::KdfParams;
use crate::secret::{SecretBytes, SecretKey};
use crate::state::{Invalid, VaultState};
use crate::store::{RecordKey, Store, StoreError, sqlite::SqliteStore};
use crate::time::Time;
use hierarchy::no_organisation;
use rand_core::CryptoRng;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A vault as anybody can read it who may read its files: without the gate, so
/// nothing can be entered, sealed or released. Cosignatures of others can be
/// added where its files can be written.
pub struct PublicVault {
    dir: PathBuf,
    store: SqliteStore,
    state: VaultState,
}

/// A vault on this machine, with its gate.
pub struct Vault {
    public: PublicVault,
    gate: RootGate,
    protected: bool,
}

impl std::ops::Deref for Vault {
    type Target = PublicVault;

    fn deref(&self) -> &PublicVault {
        &self.public
    }
}

/// Why a command was refused: nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gate cannot serve.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The gate's file cannot be used.
    #[error(transparent)]
    GateFile(#[from] gate_file::GateFileError),
    /// The gate's file is another vault's.
    #[error("{} is the gate of another vault", .0.display())]
    OtherGate(PathBuf),
    /// A name is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The rules of the log refuse the event.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An entry in the log is damaged or does not follow.
    #[error("entry {index} of log {log} is wrong: {why}")]
    BadEntry {
        /// Which log.
        log: OrganisationId,
        /// Which entry, from 0.
        index: u64,
        /// Why.
        #[source]
        why: EntryFault,
    },
    /// An entry could not be written.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// There is a vault already.
    #[error("{} holds a vault already", .0.display())]
    Exists(PathBuf),
    /// There is a gate's file without a vault: somebody may still need it.
    #[error("{} holds a gate.key but no vault", .0.display())]
    HalfVault(PathBuf),
    /// Something that was named does not exist.
    #[error("there is no {what} '{name}'{}", suggestions(.near))]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// Name that was given.
        name: String,
        /// Names that do exist.
        near: Vec<String>,
    },
    /// The clock is behind the log.
    #[error("the clock says {}, but the last entry is of {}", .now.to_minute(), .last.to_minute())]
    ClockBack {
        /// The clock's time.
        now: Time,
        /// Time of the last entry.
        last: Time,
    },
    /// The text is too long to be kept.
    #[error("a text has at most {cap} bytes; this one has {length}", cap = crate::event::SaltedText::CAP)]
    TextTooLong {
        /// Bytes there.
        length: usize,
    },
    /// The account has no root user to sign in as.
    #[error("{address} is {standing}: there is no root user to sign in as")]
    NotInUse {
        /// Which.
        address: String,
        /// How it stands.
        standing: AccountStanding,
    },
    /// Another process begins an epoch of the gate.
    #[error("another 'gate rotate' is running on this vault")]
    Rotating,
    /// A ceremony is open, whose keys are of the gate's present epoch.
    #[error("ceremony {} of {organisation} is open", ceremony.short())]
    CeremonyOpen {
        /// Which organisation.
        organisation: String,
        /// Which ceremony.
        ceremony: Hash,
    },
    /// Nothing is to be taken back.
    #[error("nobody has stated '{fact}' of {address}, or it was withdrawn already")]
    NotStated {
        /// Which account.
        address: String,
        /// What would be withdrawn.
        fact: crate::event::BaselineFact,
    },
    /// The account is bound to no group.
    #[error("no group is bound to {0}")]
    Unbound(String),
    /// The account's factor is bound to no group.
    #[error("no group is bound to {address} for its {factor}")]
    UnboundFactor {
        /// Account.
        address: String,
        /// What nobody would hold.
        factor: Factor,
    },
    /// The group's fingerprint was not confirmed by the sealer.
    #[error("the fingerprint of group '{0}' has not been confirmed on this vault")]
    NotPinned(String),
    /// The fingerprint that was typed is another group's.
    #[error("these are not the words of group '{0}'")]
    OtherFingerprint(String),
    /// Nothing is sealed.
    #[error("nothing is sealed for {0}")]
    NothingSealed(String),
    /// Nothing is sealed for that factor.
    #[error("no {factor} is sealed for {address}")]
    NothingSealedAs {
        /// Account.
        address: String,
        /// What is not there.
        factor: Factor,
    },
    /// No group is there for whom identities could be sealed.
    #[error("no roster group is designated in {0}")]
    NoRoster(String),
    /// Who somebody is was not sealed yet.
    #[error("the identity of {who} is pending: it was never sealed")]
    IdentityPending {
        /// Organisation.
        organisation: String,
        /// Whose.
        who: Pseudonym,
    },
    /// A seed was to be given out.
    #[error("the MFA seed of {0} is never given out: codes are made of it")]
    SeedStays(String),
    /// More codes than the ceremony's window has.
    #[error("{asked} codes reach beyond the ceremony's window; there is time for {most}")]
    TooManyCodes {
        /// Codes asked for.
        asked: u64,
        /// Codes that there is time for.
        most: u64,
    },
    /// No such version.
    #[error("{address} has no version {version}; the newest is {newest}")]
    NoVersion {
        /// Account.
        address: String,
        /// Version asked for.
        version: u64,
        /// Newest version.
        newest: u64,
    },
    /// The version's record was destroyed.
    #[error("{address} version {version} was destroyed on {}: nobody can open it any more", .at.to_minute())]
    Destroyed {
        /// Account.
        address: String,
        /// Which version.
        version: u64,
        /// When.
        at: Time,
    },
    /// The version that is to be destroyed is the one that the provider has.
    #[error("{address} version {version} is the current one: without it nobody can sign in")]
    IsCurrent {
        /// Account.
        address: String,
        /// Which version.
        version: u64,
        /// Group that holds it.
        group: String,
    },
    /// Notice was given already that a group is abandoned, and runs.
    #[error("notice runs already that {group} is abandoned, until {}", .until.to_minute())]
    NoticeRuns {
        /// `org/group`.
        group: String,
        /// When it is in force.
        until: Time,
    },
    /// No notice stands that a group is abandoned.
    #[error("no notice stands that {0} is abandoned")]
    NoNotice(String),
    /// Nothing is to be settled.
    #[error("no rotation of {0} is waiting to be settled")]
    NoRotation(String),
    /// More targets than a contribution's entry has room for.
    #[error("one ceremony has at most {most} targets, not {0}", most = ceremony::MAX_TARGETS)]
    TooManyTargets(usize),
    /// The dealing or its proof is wrong.
    #[error("the sealed version cannot be opened by anybody: {0}")]
    Dealing(#[from] pvss::DealingError),
    /// No entry begins the seal that the gate is asked for.
    #[error("the log has not begun the seal of {}", .0.short())]
    NotBegun(Hash),
    /// The payload was refused.
    #[error(transparent)]
    Record(#[from] crate::seal::record::RecordError),
    /// A record that an entry names is missing or altered.
    #[error("the record '{0}' is missing or was altered")]
    RecordGone(String),
    /// A checkpoint, or the key that signs it, cannot be used.
    #[error("the log's checkpoint cannot be made or read: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// There is a gate already: nothing is to be recovered.
    #[error("{} is there already", .0.display())]
    GateThere(PathBuf),
    /// The gate's root was not recovered.
    #[error(transparent)]
    Recovery(Box<crate::ceremony::recovery::RecoveryError>),
    /// The key of this machine's request cannot be used.
    #[error("{}: {}", path.display(), if *.missing { "there is no such file: this machine has asked keepers for nothing" } else { "it is not the key of a recovery request, or others may read it" })]
    RecoveryKey {
        /// Where it must lie.
        path: PathBuf,
        /// Whether it is not there at all.
        missing: bool,
    },
    /// A keeper has a pseudonym or key of an organisation's card.
    #[error("{who} has the pseudonym or the key of a card of organisation '{organisation}'")]
    NotApart {
        /// The keeper.
        who: String,
        /// Which organisation.
        organisation: String,
    },
    /// Another ceremony holds the version.
    #[error("ceremony {ceremony} for {address} is open until {}", .until.to_minute())]
    CeremonyBusy {
        /// The other ceremony, shortened.
        ceremony: String,
        /// Account.
        address: String,
        /// End of its window.
        until: Time,
    },
    /// The operator may not ask this group.
    #[error("operator {operator} is not admitted to group '{group}'")]
    NotAdmitted {
        /// Operator.
        operator: String,
        /// Group.
        group: String,
    },
    /// An admission was taken back while its operator's ceremony was open.
    #[error(
        "the ceremony is stopped: the admission of operator {operator} to {group} was taken back meanwhile"
    )]
    Stopped {
        /// Operator.
        operator: String,
        /// Group.
        group: String,
    },
    /// Another operator opened the ceremony.
    #[error("the ceremony was opened by operator {asked}, not by {came}")]
    OtherOperator {
        /// Whose card was given.
        came: String,
        /// Who opened it.
        asked: String,
    },
    /// The card's owner has no share in the group.
    #[error("{who} is no member of group '{group}'")]
    NotAMember {
        /// Whose card.
        who: String,
        /// Group.
        group: String,
    },
    /// The card has another role.
    #[error("{who} is {found}, not {needed}")]
    OtherRole {
        /// Whose card.
        who: String,
        /// Its role.
        found: &'static str,
        /// Role that is needed.
        needed: &'static str,
    },
    /// The card is of another vault or organisation, or not enrolled.
    #[error("the card {0} does not belong to this organisation")]
    ForeignCard(String),
    /// A message that is no attempt.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// An answer to a drill that came in a file is no attempt.
    #[error(transparent)]
    NotTaken(#[from] crate::ceremony::drill::NotTaken),
    /// A ceremony hands versions over: it opens nothing.
    #[error("ceremony {} hands versions over, and opens nothing", .0.short())]
    Reshares(Hash),
    /// The ceremony lacks contributions.
    #[error("{there} of {needed} shares accepted")]
    NoQuorum {
        /// Accepted.
        there: usize,
        /// Needed.
        needed: usize,
    },
    /// The ceremony has ended.
    #[error("the ceremony has ended: {0}")]
    CeremonyEnded(&'static str),
    /// The witnesses that the group's policy demands have not cosigned.
    #[error("{found} of {needed} witnesses answered{}", because(.missing))]
    TooFewWitnesses {
        /// Members of the policy's quorum that have cosigned.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// Who is missing, and why.
        missing: String,
    },
    /// The checkpoint cannot satisfy the group's witness policy.
    #[error("the group's witness policy cannot be satisfied: {0}")]
    WitnessPolicy(crate::log::policy::PolicyError),
    /// The release could not be opened.
    #[error(transparent)]
    Finish(#[from] FinishError),
    /// The gate could not open a seed.
    #[error(transparent)]
    Coder(#[from] CoderError),
    /// A group's keys were refused by the mathematics.
    #[error("the keys of a group are not acceptable: {0}")]
    GroupKeys(#[from] pvss::GroupError),
    /// This host's own ingredient does not prove itself.
    #[error("this host's gate does not answer with the key that it announced: {0}")]
    Ingredient(#[from] pvss::GateError),
    /// The code at enrolment is wrong.
    #[error("the code is not right for this authenticator now")]
    EnrolmentCode,
    /// Card trouble.
    #[error(transparent)]
    Card(#[from] crate::seal::card_file::CardError),
    /// A file could not be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Encryption for a ceremony's key failed.
    #[error("a ceremony key is not acceptable")]
    CeremonyKey,
}

fn because(missing: &str) -> String {
    if missing.is_empty() { String::new() } else { format!(": {missing}") }
}

fn suggestions(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (there is: {})", names.join(", ")) }
}

/// Name of the gate's file in the vault's directory.
pub const GATE_FILE: &str = "gate.key";

impl Vault {
    /// Makes a new vault in `dir`, with a fresh gate root.
    pub fn init(
        dir: &Path,
        origin: &Origin,
        passphrase: Option<(&SecretBytes, KdfParams)>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let file = dir.join(GATE_FILE);
        if dir.join(crate::store::sqlite::FILE_NAME).exists() {
            return Err(VaultError::Exists(dir.to_owned()));
        }
        if file.exists() {
            return Err(VaultError::HalfVault(dir.to_owned()));
        }
        let io = |why| VaultError::File { path: dir.to_owned(), why };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let root = SecretKey::random(rng);
        let gate = RootGate::new(root);
        gate_file::write(&file, gate.roots(), passphrase, rng)?;
        let mut store = SqliteStore::create(dir)?;
        let vault = VaultId::random(rng);
        let event = Event::VaultCreated {
            vault,
            origin: origin.clone(),
            gate: gate.announce(&vault.into(), gate.epoch())?,
        };
        let state = commit::begin_vault(&mut store, &gate, event, now)?;
        let public = PublicVault { dir: dir.to_owned(), store, state };
        Ok(Self { public, gate, protected: passphrase.is_some() })
    }

    /// Opens the vault in `dir`; `passphrase` is asked for only where the
    /// gate's file is protected.
    pub fn open(dir: &Path, passphrase: &mut dyn FnMut() -> Option<SecretBytes>) -> Result<Self, VaultError> {
        let mut store = SqliteStore::open(dir)?;
        let state = commit::load_vault(&store)?;
        upgrade::logs(&mut store, &state)?;
        let file = dir.join(GATE_FILE);
        let (roots, protected) = gate_file::read(&file, passphrase)?;
        let gate = RootGate::with(roots, state.gate().epoch);
        if gate.root(gate.epoch()).is_err() {
            return Err(VaultError::OtherGate(file));
        }
        // Whatever another gate would sign and seal here could never be verified
        // or opened.
        if state.gates.last() != Some(&gate.announce(&state.vault.into(), gate.epoch())?) {
            return Err(VaultError::OtherGate(file));
        }
        Ok(Self { public: PublicVault { dir: dir.to_owned(), store, state }, gate, protected })
    }

    /// The gate.
    pub fn gate(&self) -> &dyn Gate {
        &self.gate
    }

    /// Whether the gate's file has a passphrase.
    pub fn gate_protected(&self) -> bool {
        self.protected
    }

    /// Commits events of the host to an organisation's log.
    pub fn commit_host(
        &mut self,
        log: &mut Log,
        now: Time,
        events: Vec<Event>,
        records: Records,
    ) -> Result<Committed, VaultError> {
        let events = events.into_iter().map(|event| (Actor::Host, event)).collect();
        self.commit(log, now, events, records)
    }

    /// Commits events to an organisation's log, whatever others have appended to it
    /// since it was read: atomic, and durable when it returns.
    pub fn commit(
        &mut self,
        log: &mut Log,
        now: Time,
        events: Vec<(Actor, Event)>,
        records: Records,
    ) -> Result<Committed, VaultError> {
        self.at_present(log, now, |vault, log, now| {
            vault.commit_once(log, now, events.clone(), records.clone())
        })
    }
}

impl PublicVault {
    /// Opens the vault in `dir` for reading, also where nothing can be written.
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        match SqliteStore::open_read_only(dir) {
            // It is brought up to date as by any other command, if it can be.
            Err(StoreError::OlderFormat { .. }) => Self::open_to_write(dir),
            Ok(store) if upgrade::pending(&store)? => {
                drop(store);
                Self::open_to_write(dir)
            }
            opened => {
                let store = opened?;
                let state = commit::load_vault(&store)?;
                Ok(Self { dir: dir.to_owned(), store, state })
            }
        }
    }

    /// The same in a store that can be written.
    fn open_to_write(dir: &Path) -> Result<Self, VaultError> {
        let mut store = SqliteStore::open(dir)?;
        let state = commit::load_vault(&store)?;
        upgrade::logs(&mut store, &state)?;
        Ok(Self { dir: dir.to_owned(), store, state })
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store, for reading.
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// What the vault's own log adds up to.
    pub fn state(&self) -> &VaultState {
        &self.state
    }

    /// The id of a log by its name.
    pub fn log_id(&self, name: &LogName) -> Result<OrganisationId, VaultError> {
        match name {
            LogName::Vault => Ok(self.state.vault.into()),
            LogName::Organisation(slug) => {
                self.state.by_slug(slug).copied().ok_or_else(|| no_organisation(slug))
            }
        }
    }

    /// The log of an organisation, replayed.
    pub fn log(&self, organisation: &Slug) -> Result<Log, VaultError> {
        let id = self.state.by_slug(organisation).ok_or_else(|| no_organisation(organisation))?;
        self.load(id)
    }

    /// The log of an organisation, replayed: the very one that the vault's own log
    /// says was begun for it.
    pub fn load(&self, id: &OrganisationId) -> Result<Log, VaultError> {
        let log = commit::load(&self.store, id)?;
        let other = |why: Invalid| VaultError::BadEntry { log: *id, index: 0, why: why.into() };
        self.state.check_organisation(&log.state).map_err(other)?;
        Ok(log)
    }

    /// A record by name, or an error that it is gone.
    pub fn record(&self, log: &OrganisationId, name: &str) -> Result<Vec<u8>, VaultError> {
        let key = RecordKey { log: *log, name: name.to_owned() };
        self.store.record(&key)?.ok_or_else(|| VaultError::RecordGone(name.to_owned()))
    }
}
