//! Every fact that the vault can record. Read this file to know the system.
//! It is long because all of them stand in one place.
//!
//! An entry is one line of JSON in the log of its organisation; facts about the
//! vault itself stand in a log of its own, whose id is the vault's. No entry
//! holds a secret, a person's name or free text: free text is there as a salted
//! hash ([`TextHash`]) of an erasable record.

mod abandon;
mod baseline;
mod cards;
mod gap;
mod reshare;
pub mod roster;
mod same;

pub use abandon::{AbandonmentNotice, AbandonmentVeto};
pub use baseline::{BaselineFact, BaselineStatement, BaselineWord};
pub use cards::{AuthenticatorReplacement, CardResumption, CardRevocation, CardSuspension};
pub use gap::{Gap, LogHead, RestoredWithGap};
pub use reshare::{
    DealingsDestroyed, GroupEpoch, MAX_CHUNK, RedealingRejected, Renewal, ReshareDone, ReshareOpening,
    ResharedVersion, reshare_list_hash, reshare_request_hash,
};

pub use roster::IdentitySealing;

use crate::hex::{Bytes, HexBytes};
use crate::log::entry::EntryBytes;
use crate::log::note::{KeyType, NoteError, VerifierKey};
use crate::name::{
    AccountId, Factor, GroupId, NameError, OrganisationId, Origin, ProjectId, Provider, Pseudonym, Slug,
    VaultId,
};
use crate::seal::card::Role;
use crate::seal::generate::Alphabet;
use crate::time::Time;
use crate::transcript::{Transcript, label};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The schema that this version writes.
pub const SCHEMA: u32 = 1;

/// `H("text", salt, text)`.
pub type TextHash = Bytes<64>;

/// `cred`, a dealing id, a request hash: any transcript hash.
pub type Hash = Bytes<64>;

/// One line of a log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Schema version, [`SCHEMA`].
    pub v: u32,
    /// When, by the host's clock.
    pub time: Time,
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: Event,
}

/// Who made an entry: the host's administration, or a card by its pseudonym.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Actor {
    /// Whoever administers the host: attested by nothing but the checkpoint.
    Host,
    /// A card; the event carries its signature.
    Card(Pseudonym),
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Actor;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Actor, E> {
                if text == "host" {
                    Ok(Actor::Host)
                } else {
                    text.parse().map(Actor::Card).map_err(E::custom)
                }
            }
        }
        from.deserialize_str(Name)
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Host => to.serialize_str("host"),
            Self::Card(who) => who.serialize(to),
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => f.pad("host"),
            Self::Card(pseudonym) => pseudonym.fmt(f),
        }
    }
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// First entry of the vault's own log.
    VaultCreated {
        /// The vault's random id.
        vault: VaultId,
        /// Base of every log's origin.
        origin: Origin,
        /// The gate's first epoch, for the vault's own log.
        gate: GateEpoch,
    },
    /// An organisation was created; its own log begins in the same commit.
    OrganisationAdded {
        /// Its random id.
        organisation: OrganisationId,
        /// Its name in addresses.
        slug: Slug,
        /// Leaf hash of the first entry of its log: no other log is that
        /// organisation's.
        first_entry: Bytes<32>,
    },
    /// First entry of an organisation's log; cards pin it.
    OrganisationCreated {
        /// The vault it lives in.
        vault: VaultId,
        /// Its random id.
        organisation: OrganisationId,
        /// Its name in addresses.
        slug: Slug,
        /// Origin of this log: the vault's base, `/`, the organisation's id.
        origin: Origin,
        /// Display name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        name: Option<TextHash>,
        /// The gate's first epoch for this organisation.
        gate: GateEpoch,
    },
    /// In the vault's own log: a keeper's card was made.
    KeeperEnrolled(Keeper),
    /// In the vault's own log: the gate's root was dealt to the keepers.
    GateRootDealt(RootDealing),
    /// In an organisation's log: the recovery group of its vault from now on, whose quorum
    /// alone can sign for what is missing of it.
    KeepersNamed(GroupStatement),
    /// What is missing of this log after a dead host, signed by the recovery group's
    /// quorum.
    RestoredWithGap(RestoredWithGap),
    /// A project was created.
    ProjectCreated {
        /// Its random id.
        project: ProjectId,
        /// Its name in addresses.
        slug: Slug,
        /// Display name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        name: Option<TextHash>,
    },
    /// An account was created.
    AccountCreated {
        /// Its random id.
        account: AccountId,
        /// The project it belongs to.
        project: ProjectId,
        /// Its name in addresses.
        slug: Slug,
        /// Display name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        name: Option<TextHash>,
        /// Whose root user it has.
        provider: Provider,
        /// The provider's identifier.
        external_id: String,
    },
    /// An account has another display name from now on; its address stays.
    AccountRenamed {
        /// Which.
        account: AccountId,
        /// The new name.
        name: TextHash,
    },
    /// Whether there is a root user to sign in as, by the word of the host's
    /// administration.
    AccountStandingSet {
        /// Which.
        account: AccountId,
        /// How it stands from now on.
        standing: AccountStanding,
    },
    /// An operator or officer says of an account what nobody can see here, or takes
    /// that back.
    BaselineStated(BaselineStatement),
    /// A card was made and its owner's authenticator gave a right code.
    CardEnrolled(Enrolment),
    /// A custodian's card counts for nothing until its groups' others resume it.
    CardSuspended(CardSuspension),
    /// A suspended card counts again.
    CardResumed(CardResumption),
    /// A custodian's card counts for nothing any more.
    CardRevoked(CardRevocation),
    /// A custodian's card has another authenticator.
    AuthenticatorReplaced(AuthenticatorReplacement),
    /// A group of custodians; every member signed.
    GroupFormed(GroupStatement),
    /// A group's next epoch; every member signed, and `t` as members of the one before.
    GroupRenewed(Renewal),
    /// Notice that a group can no longer reach its threshold.
    AbandonmentBegun(AbandonmentNotice),
    /// A member of that group is there: the notice is over.
    AbandonmentVetoed(AbandonmentVeto),
    /// `t` custodians let an operator ask.
    OperatorAdmitted(Admission),
    /// One custodian took an admission back: the operator may not ask that group
    /// any more until its quorum admits anew.
    AdmissionRevoked {
        /// The admission's digest.
        admission: Hash,
        /// Which custodian.
        custodian: Pseudonym,
        /// Its signature.
        signature: Bytes<64>,
    },
    /// `t` custodians agreed to hold what a scope seals.
    Bound(Binding),
    /// `t` custodians decided which witnesses a release waits for.
    WitnessPolicySet(WitnessPolicy),
    /// How often a scope's versions are renewed, and how new passwords are made.
    RotationPolicySet(RotationPolicy),
    /// The gate is about to give its ingredient for a new version.
    SealBegun {
        /// What is being sealed.
        credential: Hash,
        /// Its first dealing.
        origin: Hash,
        /// Whose.
        account: AccountId,
        /// Which factor.
        factor: Factor,
        /// Which version.
        version: u64,
    },
    /// A version is sealed.
    Sealed(Sealing),
    /// Who the owner of a card is was sealed for the roster group.
    IdentitySealed(IdentitySealing),
    /// An operator asked; the ceremony is open.
    Opened(Opening),
    /// Targets of the ceremony just opened, in order; long lists take several.
    Targeted {
        /// The ceremony.
        ceremony: Hash,
        /// Index of the first of these.
        first: u64,
        /// Credential ids.
        credentials: Vec<Hash>,
    },
    /// A custodian's contribution was accepted.
    Accepted(Acceptance),
    /// A contribution was refused.
    Refused {
        /// The ceremony.
        ceremony: Hash,
        /// Whose.
        custodian: Pseudonym,
        /// Why.
        why: Refusal,
        /// The custodian's own time.
        at: Time,
        /// Hash of the rest of the message: the signature covers it too.
        body: Hash,
        /// The custodian's signature over the message.
        signature: Bytes<64>,
    },
    /// The quorum for a target is complete: the gate may give its ingredient.
    Released {
        /// The ceremony.
        ceremony: Hash,
        /// Index of the target.
        target: u64,
        /// Its credential id.
        credential: Hash,
        /// Who contributed.
        custodians: Vec<Pseudonym>,
    },
    /// The recipient says that a share does not prove itself: the operator, or the
    /// host where the gate gets the shares. It is their word: the share itself cannot stand here, since it may be right although its proof is
    /// not, and would then lie open for ever.
    ShareRejected {
        /// The ceremony.
        ceremony: Hash,
        /// Index of the target.
        target: u64,
        /// Whose share.
        custodian: Pseudonym,
        /// The operator's signature, or the host's by its log key.
        signature: Bytes<64>,
    },
    /// The recipient opened the record.
    Revealed {
        /// The ceremony.
        ceremony: Hash,
        /// Index of the target.
        target: u64,
        /// How it was shown.
        shown: Shown,
        /// The operator's signature.
        signature: Bytes<64>,
    },
    /// A drill of a group began: its members show that their keys are still there.
    /// The leaf hash of this entry is the drill's id.
    DrillBegun {
        /// Which group.
        group: GroupId,
        /// In which epoch.
        epoch: u64,
        /// 32 random bytes: nobody can have made a proof before.
        nonce: Bytes<32>,
        /// Until when proofs count.
        until: Time,
        /// HPKE key that codes are encrypted for where a member answers by a file.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code_key: Option<Bytes<32>>,
    },
    /// The gate showed in a drill that it still has `γ`.
    GateProved {
        /// The drill.
        drill: Bytes<32>,
        /// Which epoch of the gate.
        gate_epoch: u64,
        /// Schnorr proof for `Γ`.
        proof: Bytes<64>,
    },
    /// A custodian showed in a drill that card, passphrase and second factor are
    /// still there.
    CustodianProved {
        /// What the custodian signed.
        answer: DrillAnswer,
        /// TOTP step that is now used up.
        step: u64,
    },
    /// An answer in a drill does not count.
    DrillRefused {
        /// What the custodian signed.
        answer: DrillAnswer,
        /// Why.
        why: Refusal,
    },
    /// A ceremony ended.
    Ended {
        /// The ceremony.
        ceremony: Hash,
        /// How.
        how: Ending,
    },
    /// A version that a ceremony released is about to be replaced: the next one,
    /// sealed by the entry after this, is pending until it is settled which of
    /// the two the provider accepts.
    RotationBegun(RotationBegun),
    /// An operator says which of the two versions of a rotation the provider
    /// accepts: that one is current.
    RotationSettled(RotationSettled),
    /// A version's sealed record and dealing are destroyed in the same commit.
    Destroyed(Destruction),
    /// A group decides how often its members are to prove in drills that their cards
    /// are there.
    DrillPolicySet(DrillPolicy),
    /// Records of the provider were held against the ceremonies.
    Reconciled(Reconciliation),
    /// A new epoch of the gate begins: from this entry on its key signs the log.
    GateEpochBegun(GateSuccession),
    /// An authenticator's secret was encrypted anew, under the gate's present key.
    AuthenticatorResealed {
        /// Whose.
        pseudonym: Pseudonym,
        /// Hash of the new record.
        totp: Hash,
    },
    /// It was checked whether what groups hold could be opened.
    RecoverabilityChecked(RecoverabilityCheck),
    /// A quorum is asked to hand what its group holds to another; the ceremony is open.
    ReshareOpened(ReshareOpening),
    /// A contributor's re-dealing is bad.
    RedealingRejected(RedealingRejected),
    /// Versions are with the new group from now on.
    Reshared(ReshareDone),
    /// Dealings that others have replaced are destroyed in the same commit.
    DealingsDestroyed(DealingsDestroyed),
    /// The gate is about to give codes that it made of an authenticator's seed.
    CodeGiven {
        /// The ceremony.
        ceremony: Hash,
        /// Index of the target.
        target: u64,
        /// How many codes, one after the other.
        codes: u64,
        /// When the last of them is of no use any more.
        until: Time,
        /// To whom they are shown.
        shown: Shown,
    },
}

/// Whether an account has a root user that somebody can sign in as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountStanding {
    /// It has one. Every account begins so.
    #[default]
    InUse,
    /// Its root user has no credentials (AWS: central root access).
    CredentialLess,
    /// The provider has closed or suspended it.
    Closed,
}

impl AccountStanding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::InUse, Self::CredentialLess, Self::Closed];

    /// As it is written in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in-use",
            Self::CredentialLess => "credential-less",
            Self::Closed => "closed",
        }
    }

    /// Whether a password can be of use.
    pub fn in_use(&self) -> bool {
        *self == Self::InUse
    }
}

impl std::str::FromStr for AccountStanding {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let known = Self::ALL.into_iter().find(|standing| standing.as_str() == text);
        known.ok_or_else(|| NameError::Standing(text.to_owned()))
    }
}

impl std::fmt::Display for AccountStanding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The gate's public keys in one epoch of one log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateEpoch {
    /// Which epoch, from 1.
    pub epoch: u64,
    /// `Γ`.
    pub gamma: Bytes<32>,
    /// Key that signs this log's checkpoints.
    pub log_key: Bytes<32>,
    /// Signature by that key (in the first epoch) over [`GateEpoch::digest`].
    pub signature: Bytes<64>,
}

impl GateEpoch {
    /// What is signed: `H("gate-epoch", organisation, epoch, Γ, log key)`.
    pub fn digest(
        organisation: &OrganisationId,
        epoch: u64,
        gamma: &Bytes<32>,
        log_key: &Bytes<32>,
    ) -> [u8; 64] {
        Transcript::new(label::GATE_EPOCH).part(organisation).int(epoch).part(gamma).part(log_key).finish()
    }
}

/// The gate's next epoch in one log: fresh keys, to which the key of before hands over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSuccession {
    /// The new keys, which sign for themselves.
    pub gate: GateEpoch,
    /// Signature by the log key of the epoch before over [`GateSuccession::digest`].
    pub former: Bytes<64>,
}

impl GateSuccession {
    /// What is signed: `H("gate-succession", organisation, former log key, epoch, Γ,
    /// log key)`.
    pub fn digest(organisation: &OrganisationId, former: &Bytes<32>, gate: &GateEpoch) -> [u8; 64] {
        Transcript::new(label::GATE_SUCCESSION)
            .part(organisation)
            .part(former)
            .int(gate.epoch)
            .part(gate.gamma)
            .part(gate.log_key)
            .finish()
    }
}

/// A new card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// What the card may do.
    pub role: Role,
    /// Its pseudonym.
    pub pseudonym: Pseudonym,
    /// Its Ed25519 signing key.
    pub sign_key: Bytes<32>,
    /// Its Ed25519 cosignature key.
    pub cosign_key: Bytes<32>,
    /// Hash of the encrypted TOTP secret's record.
    pub totp: Hash,
    /// Its signature over [`Enrolment::digest`].
    pub signature: Bytes<64>,
}

impl Enrolment {
    /// The key that the card's cosignatures verify with: its name is the log's
    /// origin, `/` and the pseudonym.
    pub fn cosigner(&self, origin: &Origin) -> Result<VerifierKey, NoteError> {
        let name = cosigner_name(origin, &self.pseudonym);
        VerifierKey::new(&name, KeyType::Cosignature, &self.cosign_key)
    }

    /// What the new card signs.
    pub fn digest(
        &self,
        vault: &VaultId,
        organisation: &OrganisationId,
        first_entry: &Bytes<32>,
    ) -> [u8; 64] {
        Transcript::new(label::ENROLMENT)
            .part(vault)
            .part(organisation)
            .part(first_entry)
            .part(self.role.as_str())
            .part(self.pseudonym.as_str())
            .part(self.sign_key)
            .part(self.cosign_key)
            .part(self.totp)
            .finish()
    }
}

/// A new card of the vault's own, for recovery. It comes without an authenticator:
/// the key under which TOTP secrets lie is lost with the gate that it is there to
/// bring back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keeper {
    /// Its pseudonym.
    pub pseudonym: Pseudonym,
    /// Its Ed25519 signing key.
    pub sign_key: Bytes<32>,
    /// Its signature over [`Keeper::digest`].
    pub signature: Bytes<64>,
}

impl Keeper {
    /// What the new card signs: `H("keeper-enrolment", vault, first entry,
    /// pseudonym, signing key)`.
    pub fn digest(&self, vault: &VaultId, first_entry: &Bytes<32>) -> [u8; 64] {
        let begun = Transcript::new(label::KEEPER_ENROLMENT).part(vault).part(first_entry);
        begun.part(self.pseudonym.as_str()).part(self.sign_key).finish()
    }
}

/// The gate's root of one epoch, dealt to the keepers. What it says is the host's
/// word: that the sealed bytes are the root shows when they are opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootDealing {
    /// Which epoch of the gate.
    pub gate_epoch: u64,
    /// To which group.
    pub group: GroupId,
    /// In which epoch of that group.
    pub epoch: u64,
    /// Id of the dealing.
    pub dealing: Hash,
    /// Hash of the sealed root's record.
    pub sealed: Hash,
}

/// Name under which a card cosigns checkpoints of a log.
pub fn cosigner_name(origin: &Origin, pseudonym: &Pseudonym) -> String {
    format!("{origin}/{pseudonym}")
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Who.
    pub pseudonym: Pseudonym,
    /// Its signing key.
    pub sign_key: Bytes<32>,
    /// `E_i`.
    pub share_key: Bytes<32>,
    /// Proof of possession of `x_i`.
    pub possession: Bytes<64>,
}

/// Who holds shares together, and how many of them open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupStatement {
    /// Its random id.
    pub group: GroupId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Which epoch of the group, from 1.
    pub epoch: u64,
    /// From the second epoch on: the digest of the statement before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<Hash>,
    /// How many shares open.
    pub threshold: u64,
    /// Members; member `i` of `1..=n` stands at position `i − 1`.
    pub members: Vec<Member>,
    /// Each member's signature over [`GroupStatement::digest`], in order.
    pub signatures: Vec<Bytes<64>>,
}

impl GroupStatement {
    /// What every member signs.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        let counted = Transcript::new(label::GROUP_STATEMENT)
            .part(organisation)
            .part(self.group)
            .part(self.slug.as_str())
            .int(self.epoch)
            .int(self.threshold)
            .int(self.members.len() as u64);
        let listed = self.members.iter().fold(counted, |t, m| {
            t.part(m.pseudonym.as_str()).part(m.sign_key).part(m.share_key).part(m.possession)
        });
        // The members are counted: this is none of them.
        self.previous.iter().fold(listed, Transcript::part).finish()
    }

    /// What the twelve words stand for.
    pub fn fingerprint(&self, organisation: &OrganisationId) -> [u8; 64] {
        Transcript::new(label::GROUP_FINGERPRINT).part(self.digest(organisation)).finish()
    }
}

/// A signature and whose it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Who.
    pub pseudonym: Pseudonym,
    /// The signature.
    pub signature: Bytes<64>,
}

/// An operator may ask a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Which operator.
    pub operator: Pseudonym,
    /// The operator's signing key.
    pub operator_key: Bytes<32>,
    /// Until when.
    pub expires: Time,
    /// How often an admission of this operator to this group was taken back
    /// before: what was signed earlier is of no use after the next time.
    pub revocations: u64,
    /// At least `t` members.
    pub signatures: Vec<Signed>,
}

impl Admission {
    /// `H("admission", g, operator key, pseudonym, expiry, revocations)`; also
    /// its identity.
    pub fn digest(&self, g: &Hash) -> [u8; 64] {
        Transcript::new(label::ADMISSION)
            .part(g)
            .part(self.operator_key)
            .part(self.operator.as_str())
            .int(self.expires.hashed())
            .int(self.revocations)
            .finish()
    }

    /// What one custodian signs to take an admission back, and with it every
    /// other of that operator to that group.
    pub fn revocation_digest(admission: &Hash) -> [u8; 64] {
        Transcript::new(label::ADMISSION_REVOCATION).part(admission).finish()
    }
}

/// Where a binding applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole organisation.
    Organisation,
    /// One project.
    Project(ProjectId),
    /// One account.
    Account(AccountId),
}

/// Which group holds what a scope seals.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Number of the binding in this organisation, from 1: an old binding's
    /// signatures are of no use again.
    pub serial: u64,
    /// Where.
    pub scope: Scope,
    /// What.
    pub factor: Factor,
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// At least `t` members of that group.
    pub signatures: Vec<Signed>,
    /// For each other group that loses something by this, its quorum; the state's
    /// `must_agree` says which.
    pub given_up: Vec<GivenUp>,
}

/// A group's quorum agrees that future versions go elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// Which group.
    pub group: GroupId,
    /// At least `t` of its members, over the same digest.
    pub signatures: Vec<Signed>,
}

impl Binding {
    /// What members sign.
    pub fn digest(&self, organisation: &OrganisationId, g: &Hash) -> [u8; 64] {
        let begun = Transcript::new(label::BINDING).part(organisation).int(self.serial);
        let scoped = match &self.scope {
            Scope::Organisation => begun.part("organisation").part(organisation),
            Scope::Project(id) => begun.part("project").part(id),
            Scope::Account(id) => begun.part("account").part(id),
        };
        scoped.part(self.factor.as_str()).part(g).finish()
    }
}

/// Longest witness policy in an entry, in bytes.
pub const MAX_WITNESS_POLICY: usize = 4096;

/// Which witnesses must have cosigned before the gate releases what a group holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessPolicy {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Number of the policy of this group, from 1: an old one's signatures are
    /// of no use again.
    pub serial: u64,
    /// The policy, as [`crate::log::policy`] reads it.
    pub policy: String,
    /// At least `t` members.
    pub signatures: Vec<Signed>,
}

impl WitnessPolicy {
    /// What members sign: `H("witness-policy", organisation, g, serial, policy)`.
    pub fn digest(&self, organisation: &OrganisationId, g: &Hash) -> [u8; 64] {
        Transcript::new(label::WITNESS_POLICY)
            .part(organisation)
            .part(g)
            .int(self.serial)
            .part(&self.policy)
            .finish()
    }
}

/// How often each member of a group is to prove in a drill that the card is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillPolicy {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Number of the policy of this group, from 1: an old one's signatures are
    /// of no use again.
    pub serial: u64,
    /// For so many days a proof counts.
    pub every_days: u64,
    /// At least `t` members.
    pub signatures: Vec<Signed>,
}

impl DrillPolicy {
    /// What members sign: `H("drill-policy", organisation, g, serial, days)`.
    pub fn digest(&self, organisation: &OrganisationId, g: &Hash) -> [u8; 64] {
        Transcript::new(label::DRILL_POLICY)
            .part(organisation)
            .part(g)
            .int(self.serial)
            .int(self.every_days)
            .finish()
    }
}

/// How often what a scope holds is renewed, and how new passwords are made. What
/// is left out is as the next wider scope says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationPolicy {
    /// Number of the rotation policy in this organisation, from 1: an old one's
    /// signatures are of no use again.
    pub serial: u64,
    /// Where.
    pub scope: Scope,
    /// Of which factor, where it is not the password.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub factor: Option<Factor>,
    /// Days after which a version is to be renewed; 0: never for its age alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub every_days: Option<u64>,
    /// Hours after its release within which a version is to be renewed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exposed_hours: Option<u64>,
    /// Least length of a new password, in characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u64>,
    /// What generated passwords are made of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alphabet: Option<Alphabet>,
    /// The quorum of each group that holds a version in the scope.
    pub agreed: Vec<Agreed>,
}

/// A group's quorum agrees to something about what it holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// At least `t` of its members.
    pub signatures: Vec<Signed>,
}

impl RotationPolicy {
    /// What members sign: `H("rotation-policy", organisation, serial, scope's kind,
    /// scope's id, [every], [exposed], [length], [alphabet])`, and after that the
    /// factor, where it is not the password.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        let begun = Transcript::new(label::ROTATION_POLICY).part(organisation).int(self.serial);
        let scoped = match &self.scope {
            Scope::Organisation => begun.part("organisation").part(organisation),
            Scope::Project(id) => begun.part("project").part(id),
            Scope::Account(id) => begun.part("account").part(id),
        };
        let number = |number: Option<u64>| number.map(u64::to_be_bytes);
        let ruled = scoped
            .list(number(self.every_days))
            .list(number(self.exposed_hours))
            .list(number(self.length))
            .list(self.alphabet.map(Alphabet::as_str));
        match self.factor {
            Some(factor) => ruled.part(factor.as_str()).finish(),
            None => ruled.finish(),
        }
    }
}

/// A rotation: what is replaced by what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationBegun {
    /// The ceremony that released the old version.
    pub ceremony: Hash,
    /// Index of its target.
    pub target: u64,
    /// Credential id of the version that was current.
    pub old: Hash,
    /// Credential id of the version that is to replace it.
    pub new: Hash,
    /// The operator's signature over [`RotationBegun::digest`].
    pub signature: Bytes<64>,
}

impl RotationBegun {
    /// What the operator signs: `H("rotation-begun", ceremony, target, old, new)`.
    pub fn digest(ceremony: &Hash, target: u64, old: &Hash, new: &Hash) -> [u8; 64] {
        Transcript::new(label::ROTATION_BEGUN).part(ceremony).int(target).part(old).part(new).finish()
    }
}

/// Which of the two versions of a rotation the provider accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accepts {
    /// The one that was there before.
    Old,
    /// The one that was made to replace it.
    New,
}

impl Accepts {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// How a rotation came out, by an operator's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationSettled {
    /// The ceremony in which it was begun.
    pub ceremony: Hash,
    /// Credential id of the new version.
    pub credential: Hash,
    /// What the provider accepts.
    pub accepts: Accepts,
    /// To whom the new version was handed over.
    pub handed: Shown,
    /// The signature of the operator who says so, over [`RotationSettled::digest`].
    pub signature: Bytes<64>,
}

impl RotationSettled {
    /// What an operator signs: `H("rotation-settled", ceremony, credential,
    /// accepts, handed)`.
    pub fn digest(ceremony: &Hash, credential: &Hash, accepts: Accepts, handed: Shown) -> [u8; 64] {
        Transcript::new(label::ROTATION_SETTLED)
            .part(ceremony)
            .part(credential)
            .part(accepts.as_str())
            .part(handed.as_str())
            .finish()
    }
}

/// Why a version was destroyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// A rotation has replaced it.
    Rotated,
    /// Somebody asked for it.
    Asked,
}

impl Because {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Asked => "asked",
        }
    }
}

/// A version that nobody can open any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destruction {
    /// Credential id.
    pub credential: Hash,
    /// Why.
    pub why: Because,
    /// Of a version that is current: at least `t` members of the group that holds
    /// it. Of any other: none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub signatures: Vec<Signed>,
}

impl Destruction {
    /// What members sign: `H("destruction", organisation, credential, why)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        Transcript::new(label::DESTRUCTION)
            .part(organisation)
            .part(self.credential)
            .part(self.why.as_str())
            .finish()
    }
}

/// Where a password came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// Generated here.
    Generated,
    /// Typed by a person.
    Typed,
    /// Read from standard input or a file.
    Imported,
}

/// To whom plaintext was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// To nobody.
    Nobody,
    /// On a terminal.
    Screen,
    /// To a program's standard input.
    Command,
    /// Into a file.
    File,
}

impl Shown {
    /// As it is written in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Screen => "screen",
            Self::Command => "command",
            Self::File => "file",
        }
    }
}

/// A sealed version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealing {
    /// `cred`.
    pub credential: Hash,
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version, from 1; never repeats.
    pub version: u64,
    /// Who can open it.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Gate epoch of the second ingredient.
    pub gate_epoch: u64,
    /// Hash of the sealed payload.
    pub payload: Hash,
    /// Id of the dealing that holds its shares now.
    pub dealing: Hash,
    /// Id of its first dealing.
    pub origin: Hash,
    /// Address at sealing.
    pub address: String,
    /// Provider at sealing.
    pub provider: Provider,
    /// External id at sealing.
    pub external_id: String,
    /// Where the password came from.
    pub made: Made,
    /// To whom it was shown.
    pub shown: Shown,
}

/// In one room, or by files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One machine; codes must be fresh on arrival.
    Room,
    /// Everyone on their own machine.
    Files,
}

impl Mode {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Files => "files",
        }
    }
}

/// Why a ceremony is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To read what is sealed.
    Open,
    /// To replace what is sealed.
    Rotate,
    /// To have codes made of an authenticator's seed.
    Code,
    /// To have an account's password and codes together.
    SignIn,
    /// To learn who the owner of a card is.
    Identify,
}

impl Purpose {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Rotate => "rotate",
            Self::Code => "code",
            Self::SignIn => "sign-in",
            Self::Identify => "identify",
        }
    }

    /// Factors of the targets that a ceremony for this has, in their order; `None`
    /// where there may be any number: to open, of whatever is given to who asks; to
    /// replace, of any.
    pub fn factors(self) -> Option<&'static [Factor]> {
        match self {
            Self::Open | Self::Rotate => None,
            Self::Code => Some(&[Factor::Mfa]),
            Self::SignIn => Some(&[Factor::Password, Factor::Mfa]),
            Self::Identify => Some(&[Factor::Identity]),
        }
    }
}

/// A ceremony opens. With the list that follows it says all that the operator
/// signed: whoever replays the log computes the request's hash from it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Hash of the request: the ceremony's identity.
    pub ceremony: Hash,
    /// The request's 32 random bytes.
    pub nonce: Bytes<32>,
    /// Why in kind.
    pub purpose: Purpose,
    /// Room or files.
    pub mode: Mode,
    /// Who asks.
    pub operator: Pseudonym,
    /// Hash of the list of targets.
    pub targets: Hash,
    /// Length of the list.
    pub count: u64,
    /// Reason.
    pub reason: TextHash,
    /// Ticket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ticket: Option<TextHash>,
    /// Size of the log that the operator saw.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// When the request was signed.
    pub asked: Time,
    /// Until when.
    pub expires: Time,
    /// HPKE key that shares and ingredient are encrypted for.
    pub requester_key: Bytes<32>,
    /// HPKE key that codes are encrypted for.
    pub gate_key: Bytes<32>,
    /// The operator's signature over the request.
    pub signature: Bytes<64>,
}

/// A contribution that counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The ceremony.
    pub ceremony: Hash,
    /// Whose.
    pub custodian: Pseudonym,
    /// Indices of the targets it holds a share of and did not decline.
    pub targets: Vec<u64>,
    /// The custodian's own time.
    pub at: Time,
    /// TOTP step that is now used up.
    pub step: u64,
    /// Size of the log that was checked.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// The custodian's cosignature of that checkpoint: seconds, then Ed25519.
    pub cosignature: Bytes<72>,
    /// Hash of each share's plaintext.
    pub shares: Vec<Hash>,
    /// Hash of each share's ciphertext.
    pub ciphertexts: Vec<Hash>,
    /// Hash of the code's ciphertext.
    pub code: Hash,
    /// The custodian's signature.
    pub signature: Bytes<64>,
}

/// Why a contribution was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The code is not right for that time.
    WrongCode,
    /// The code's step was used before.
    ReplayedCode,
    /// The custodian's clock is behind the opening.
    TooEarly,
    /// The custodian's clock is ahead of the host's.
    FromTheFuture,
    /// The code is too old for a ceremony in the room.
    Stale,
    /// The window is over.
    Expired,
    /// Five wrong codes within fifteen minutes.
    LockedOut,
    /// This custodian has contributed already.
    Twice,
    /// It speaks of another checkpoint than the ceremony's.
    OtherCheckpoint,
    /// Its cosignature is not the card's of that checkpoint and time.
    WrongCosignature,
    /// It names targets that the custodian does not hold.
    NotAHolder,
    /// The card is suspended.
    Suspended,
    /// The card is revoked.
    Revoked,
}

impl Refusal {
    /// As it is written in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongCode => "wrong-code",
            Self::ReplayedCode => "replayed-code",
            Self::TooEarly => "too-early",
            Self::FromTheFuture => "from-the-future",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::LockedOut => "locked-out",
            Self::Twice => "twice",
            Self::OtherCheckpoint => "other-checkpoint",
            Self::WrongCosignature => "wrong-cosignature",
            Self::NotAHolder => "not-a-holder",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

/// A custodian's answer in a drill, but for the code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillAnswer {
    /// The drill.
    pub drill: Bytes<32>,
    /// Whose.
    pub custodian: Pseudonym,
    /// The custodian's own time.
    pub at: Time,
    /// Schnorr proof for `E`.
    pub proof: Bytes<64>,
    /// Of an answer by a file: hash of the encrypted code that came with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<Hash>,
    /// The custodian's signature over [`DrillAnswer::signed_digest`].
    pub signature: Bytes<64>,
}

impl DrillAnswer {
    /// What the custodian signs:
    /// `H("drill-signature", drill, pseudonym, at, proof)`, of an answer by a file with
    /// the hash of the encrypted code as one part more.
    pub fn signed_digest(&self) -> [u8; 64] {
        let Self { drill, custodian, at, proof, code, signature: _ } = self;
        let named = Transcript::new(label::DRILL_SIGNATURE).part(drill).part(custodian.as_str());
        let proved = named.int(at.hashed()).part(proof);
        code.iter().fold(proved, Transcript::part).finish()
    }
}

/// How a ceremony ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything it was for was done.
    Closed,
    /// Somebody stopped it.
    Aborted,
    /// Its window ran out.
    Expired,
}

/// What records of the provider are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootRecords {
    /// CloudTrail's log files.
    Cloudtrail,
    /// IAM's credential report.
    CredentialReport,
}

impl RootRecords {
    /// As it is written in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloudtrail => "cloudtrail",
            Self::CredentialReport => "credential-report",
        }
    }
}

/// What the provider says was done with a root user, or how it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootUse {
    /// Somebody signed in, or tried to.
    SignIn,
    /// Its password was changed.
    PasswordUpdated,
    /// Somebody asked for a new password through the mailbox.
    PasswordRecoveryRequested,
    /// Somebody set a new password through the mailbox.
    PasswordRecoveryCompleted,
    /// A second factor was added.
    MfaEnabled,
    /// A second factor was taken away.
    MfaDeactivated,
    /// An access key was made.
    AccessKeyCreated,
    /// Its e-mail address was changed.
    EmailUpdated,
    /// The management account acted as it.
    RootAssumed,
    /// It did something else.
    Called,
    /// Its password was used, by the credential report.
    PasswordUsed,
    /// An access key of it was used, by the credential report.
    AccessKeyUsed,
    /// It has no second factor.
    MfaInactive,
    /// It has an active access key.
    AccessKeyActive,
}

impl RootUse {
    /// As it is written in entries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::PasswordUpdated => "password-updated",
            Self::PasswordRecoveryRequested => "password-recovery-requested",
            Self::PasswordRecoveryCompleted => "password-recovery-completed",
            Self::MfaEnabled => "mfa-enabled",
            Self::MfaDeactivated => "mfa-deactivated",
            Self::AccessKeyCreated => "access-key-created",
            Self::EmailUpdated => "email-updated",
            Self::RootAssumed => "root-assumed",
            Self::Called => "called",
            Self::PasswordUsed => "password-used",
            Self::AccessKeyUsed => "access-key-used",
            Self::MfaInactive => "mfa-inactive",
            Self::AccessKeyActive => "access-key-active",
        }
    }

    /// Whether it says how the root user stands, not what was done.
    pub fn is_standing(self) -> bool {
        matches!(self, Self::MfaInactive | Self::AccessKeyActive)
    }
}

/// Most findings of one [`Reconciliation`]: what is longer takes several.
pub const MAX_ROOT_FINDINGS: usize = 256;

/// Records of the provider were held against what the log says. An entry counts
/// what no entry before it has counted in the same way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// Which records.
    pub source: RootRecords,
    /// Hash of the record that says what was found, event by event.
    pub facts: Hash,
    /// The period that the records were of, where they are of one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period: Option<Period>,
    /// For how many seconds after its end a ceremony explains a use.
    pub grace: u64,
    /// Uses that a ceremony, or a hand-over at a seal, explains.
    pub explained: u64,
    /// Uses that nothing explains.
    pub unexplained: u64,
    /// Uses that are too fresh to judge.
    pub pending: u64,
    /// Attempts that the provider refused.
    pub failed: u64,
    /// Uses of before the first password of the account was sealed.
    pub before: u64,
    /// Root users that have an access key or no second factor: how many of these.
    pub weak: u64,
    /// Accounts of ceremonies after which the records have no use.
    pub unused: u64,
    /// Records that could not be read.
    pub unread: u64,
    /// The unexplained uses and the weaknesses.
    pub findings: Vec<RootFinding>,
}

/// Most versions that one [`RecoverabilityCheck`] names; of more it tells the number.
pub const MAX_UNOPENABLE: usize = 256;

/// Whether what groups hold could be opened, as the host found it: each current
/// version's record and dealing was checked, and counted who proved in drills that
/// the keys are still there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverabilityCheck {
    /// Which epoch of the gate is present.
    pub gate_epoch: u64,
    /// When the gate proved that epoch's key last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gate_proved: Option<Time>,
    /// Each group that was checked, in the order of their ids.
    pub groups: Vec<CheckedGroup>,
    /// Versions that could not be opened: the first [`MAX_UNOPENABLE`].
    pub failed: Vec<Unopenable>,
}

/// What was found of one group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedGroup {
    /// Which.
    pub group: GroupId,
    /// Its epoch.
    pub epoch: u64,
    /// Its current versions that could be opened if enough members come.
    pub good: u64,
    /// Those that could not.
    pub failed: u64,
    /// For how many days a proof in a drill counts.
    pub within_days: u64,
    /// Members who proved within them that their share key is there.
    pub live: u64,
}

/// A version that could not be opened, whoever came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unopenable {
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
}

/// From the first to the last of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first.
    pub from: Time,
    /// The last.
    pub to: Time,
}

/// A use that nothing explains, or a weakness.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootFinding {
    /// Whose root user.
    pub account: AccountId,
    /// When it was used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
    /// What.
    pub what: RootUse,
}

/// A line of a log that was read.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// An entry of a kind that this version knows.
    Known(Box<Entry>),
    /// An entry of a newer kind: kept as it is, and it changes no state here.
    Unknown {
        /// Its kind.
        kind: String,
        /// Its time.
        time: Time,
        /// Its actor.
        actor: Actor,
    },
}

/// Why a line is not an entry.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    /// Not JSON of the expected shape, in the JSON reader's words: its own error
    /// can neither be compared nor be printed as it is.
    #[error("the line is not an entry: {0}")]
    Shape(String),
    /// Another text than the one that this value is written as.
    #[error("the line is not in the one form in which its entry is written")]
    NotCanonical,
    /// The entry would be longer than an entry may be.
    #[error("the entry is longer than an entry may be")]
    TooLong,
}

impl Entry {
    /// The exact bytes that are stored and hashed.
    pub fn to_line(&self) -> Result<EntryBytes, EntryError> {
        let bytes = serde_json::to_vec(self).map_err(|e| EntryError::Shape(e.to_string()))?;
        EntryBytes::new(bytes).map_err(|_| EntryError::TooLong)
    }

    /// Reads a line; refuses a known kind in any form but its own.
    pub fn from_line(line: &EntryBytes) -> Result<Line, EntryError> {
        match serde_json::from_str::<Self>(line.as_str()) {
            Ok(entry) if same::is_written_as(&entry, line.as_bytes()) => Ok(Line::Known(Box::new(entry))),
            Ok(_) => Err(EntryError::NotCanonical),
            Err(error) => newer_kind(line).ok_or_else(|| EntryError::Shape(printable(&error.to_string()))),
        }
    }
}

#[derive(Deserialize)]
struct AnyEntry {
    time: Time,
    actor: Actor,
    event: serde_json::Map<String, serde_json::Value>,
}

/// An entry whose one event has a kind that is not in [`KINDS`]. The kind is
/// printed, so it must look like one.
fn newer_kind(line: &EntryBytes) -> Option<Line> {
    let any: AnyEntry = serde_json::from_slice(line.as_bytes()).ok()?;
    let mut events = any.event.into_iter();
    let (Some((kind, _)), None) = (events.next(), events.next()) else { return None };
    kind.parse::<Slug>().ok()?;
    (!KINDS.contains(&kind.as_str())).then_some(Line::Unknown { kind, time: any.time, actor: any.actor })
}

/// Every kind that this version writes.
pub const KINDS: &[&str] = &[
    "vault-created",
    "organisation-added",
    "organisation-created",
    "keeper-enrolled",
    "gate-root-dealt",
    "keepers-named",
    "restored-with-gap",
    "project-created",
    "account-created",
    "account-renamed",
    "account-standing-set",
    "baseline-stated",
    "card-enrolled",
    "card-suspended",
    "card-resumed",
    "card-revoked",
    "authenticator-replaced",
    "group-formed",
    "group-renewed",
    "abandonment-begun",
    "abandonment-vetoed",
    "operator-admitted",
    "admission-revoked",
    "bound",
    "witness-policy-set",
    "rotation-policy-set",
    "seal-begun",
    "sealed",
    "identity-sealed",
    "opened",
    "targeted",
    "accepted",
    "refused",
    "released",
    "share-rejected",
    "revealed",
    "drill-begun",
    "gate-proved",
    "custodian-proved",
    "drill-refused",
    "drill-policy-set",
    "ended",
    "reconciled",
    "gate-epoch-begun",
    "authenticator-resealed",
    "recoverability-checked",
    "code-given",
    "reshare-opened",
    "redealing-rejected",
    "reshared",
    "dealings-destroyed",
    "rotation-begun",
    "rotation-settled",
    "destroyed",
];

impl Event {
    /// The kind's name, one of [`KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VaultCreated { .. } => "vault-created",
            Self::OrganisationAdded { .. } => "organisation-added",
            Self::OrganisationCreated { .. } => "organisation-created",
            Self::KeeperEnrolled(_) => "keeper-enrolled",
            Self::GateRootDealt(_) => "gate-root-dealt",
            Self::KeepersNamed(_) => "keepers-named",
            Self::RestoredWithGap(_) => "restored-with-gap",
            Self::ProjectCreated { .. } => "project-created",
            Self::AccountCreated { .. } => "account-created",
            Self::AccountRenamed { .. } => "account-renamed",
            Self::AccountStandingSet { .. } => "account-standing-set",
            Self::BaselineStated(_) => "baseline-stated",
            Self::CardEnrolled(_) => "card-enrolled",
            Self::CardSuspended(_) => "card-suspended",
            Self::CardResumed(_) => "card-resumed",
            Self::CardRevoked(_) => "card-revoked",
            Self::AuthenticatorReplaced(_) => "authenticator-replaced",
            Self::GroupFormed(_) => "group-formed",
            Self::GroupRenewed(_) => "group-renewed",
            Self::AbandonmentBegun(_) => "abandonment-begun",
            Self::AbandonmentVetoed(_) => "abandonment-vetoed",
            Self::ReshareOpened(_) => "reshare-opened",
            Self::RedealingRejected(_) => "redealing-rejected",
            Self::Reshared(_) => "reshared",
            Self::DealingsDestroyed(_) => "dealings-destroyed",
            Self::OperatorAdmitted(_) => "operator-admitted",
            Self::AdmissionRevoked { .. } => "admission-revoked",
            Self::Bound(_) => "bound",
            Self::WitnessPolicySet(_) => "witness-policy-set",
            Self::RotationPolicySet(_) => "rotation-policy-set",
            Self::SealBegun { .. } => "seal-begun",
            Self::Sealed(_) => "sealed",
            Self::IdentitySealed(_) => "identity-sealed",
            Self::Opened(_) => "opened",
            Self::Targeted { .. } => "targeted",
            Self::Accepted(_) => "accepted",
            Self::Refused { .. } => "refused",
            Self::Released { .. } => "released",
            Self::ShareRejected { .. } => "share-rejected",
            Self::Revealed { .. } => "revealed",
            Self::DrillBegun { .. } => "drill-begun",
            Self::GateProved { .. } => "gate-proved",
            Self::CustodianProved { .. } => "custodian-proved",
            Self::DrillRefused { .. } => "drill-refused",
            Self::DrillPolicySet(_) => "drill-policy-set",
            Self::Ended { .. } => "ended",
            Self::Reconciled(_) => "reconciled",
            Self::GateEpochBegun(_) => "gate-epoch-begun",
            Self::AuthenticatorResealed { .. } => "authenticator-resealed",
            Self::RecoverabilityChecked(_) => "recoverability-checked",
            Self::CodeGiven { .. } => "code-given",
            Self::RotationBegun(_) => "rotation-begun",
            Self::RotationSettled(_) => "rotation-settled",
            Self::Destroyed(_) => "destroyed",
        }
    }

    /// The ceremony that it belongs to, if any.
    pub fn ceremony(&self) -> Option<&Hash> {
        match self {
            Self::Opened(opening) => Some(&opening.ceremony),
            Self::Accepted(acceptance) => Some(&acceptance.ceremony),
            Self::RotationBegun(begun) => Some(&begun.ceremony),
            Self::ReshareOpened(opening) => Some(&opening.ceremony),
            Self::RedealingRejected(rejected) => Some(&rejected.ceremony),
            Self::Reshared(done) => Some(&done.ceremony),
            Self::RotationSettled(settled) => Some(&settled.ceremony),
            Self::Targeted { ceremony, .. }
            | Self::Refused { ceremony, .. }
            | Self::Released { ceremony, .. }
            | Self::ShareRejected { ceremony, .. }
            | Self::Revealed { ceremony, .. }
            | Self::CodeGiven { ceremony, .. }
            | Self::Ended { ceremony, .. } => Some(ceremony),
            Self::VaultCreated { .. }
            | Self::OrganisationAdded { .. }
            | Self::OrganisationCreated { .. }
            | Self::KeeperEnrolled(_)
            | Self::GateRootDealt(_)
            | Self::KeepersNamed(_)
            | Self::RestoredWithGap(_)
            | Self::ProjectCreated { .. }
            | Self::AccountCreated { .. }
            | Self::AccountRenamed { .. }
            | Self::AccountStandingSet { .. }
            | Self::BaselineStated(_)
            | Self::CardEnrolled(_)
            | Self::CardSuspended(_)
            | Self::CardResumed(_)
            | Self::CardRevoked(_)
            | Self::AuthenticatorReplaced(_)
            | Self::GroupFormed(_)
            | Self::GroupRenewed(_)
            | Self::AbandonmentBegun(_)
            | Self::AbandonmentVetoed(_)
            | Self::DealingsDestroyed(_)
            | Self::OperatorAdmitted(_)
            | Self::AdmissionRevoked { .. }
            | Self::Bound(_)
            | Self::WitnessPolicySet(_)
            | Self::RotationPolicySet(_)
            | Self::DrillBegun { .. }
            | Self::GateProved { .. }
            | Self::CustodianProved { .. }
            | Self::DrillRefused { .. }
            | Self::DrillPolicySet(_)
            | Self::SealBegun { .. }
            | Self::Sealed(_)
            | Self::IdentitySealed(_)
            | Self::Destroyed(_)
            | Self::Reconciled(_)
            | Self::GateEpochBegun(_)
            | Self::AuthenticatorResealed { .. }
            | Self::RecoverabilityChecked(_) => None,
        }
    }

    /// Custodians and officers by whose signature it is valid: of none of them may the
    /// card be barred. Not those who only tried, nor whoever can only take back what a
    /// suspension did.
    pub fn signers(&self) -> Vec<&Pseudonym> {
        fn of(signed: &[Signed]) -> impl Iterator<Item = &Pseudonym> {
            signed.iter().map(|signed| &signed.pseudonym)
        }
        fn agreed(agreed: &[Agreed]) -> impl Iterator<Item = &Pseudonym> {
            agreed.iter().flat_map(|agreed| of(&agreed.signatures))
        }
        match self {
            Self::CardSuspended(entry) => vec![&entry.by],
            Self::CardRevoked(entry) => agreed(&entry.agreed).collect(),
            Self::AuthenticatorReplaced(entry) => agreed(&entry.agreed).collect(),
            Self::GroupFormed(group) => group.members.iter().map(|member| &member.pseudonym).collect(),
            Self::OperatorAdmitted(admission) => of(&admission.signatures).collect(),
            Self::AdmissionRevoked { custodian, .. } => vec![custodian],
            Self::Bound(binding) => {
                let given_up = binding.given_up.iter().flat_map(|given_up| of(&given_up.signatures));
                of(&binding.signatures).chain(given_up).collect()
            }
            Self::WitnessPolicySet(set) => of(&set.signatures).collect(),
            Self::RotationPolicySet(set) => agreed(&set.agreed).collect(),
            Self::DrillPolicySet(set) => of(&set.signatures).collect(),
            Self::Destroyed(gone) => of(&gone.signatures).collect(),
            Self::Accepted(acceptance) => vec![&acceptance.custodian],
            Self::CustodianProved { answer, .. } => vec![&answer.custodian],
            Self::BaselineStated(said) => vec![&said.by],
            Self::IdentitySealed(sealed) => vec![&sealed.pseudonym],
            Self::GroupRenewed(renewal) => {
                let members = renewal.statement.members.iter().map(|member| &member.pseudonym);
                members.chain(of(&renewal.agreed)).collect()
            }
            Self::Reshared(done) => of(&done.contributors).collect(),
            // Whose card is suspended can still say that they are there.
            Self::AbandonmentVetoed(_)
            | Self::AbandonmentBegun(_)
            | Self::CardResumed(_)
            | Self::ReshareOpened(_)
            | Self::RedealingRejected(_)
            | Self::DealingsDestroyed(_)
            | Self::GateEpochBegun(_)
            | Self::AuthenticatorResealed { .. }
            | Self::Refused { .. }
            | Self::DrillRefused { .. }
            | Self::VaultCreated { .. }
            | Self::OrganisationAdded { .. }
            | Self::OrganisationCreated { .. }
            | Self::KeeperEnrolled(_)
            | Self::GateRootDealt(_)
            | Self::KeepersNamed(_)
            | Self::RestoredWithGap(_)
            | Self::ProjectCreated { .. }
            | Self::AccountCreated { .. }
            | Self::AccountRenamed { .. }
            | Self::AccountStandingSet { .. }
            | Self::CardEnrolled(_)
            | Self::SealBegun { .. }
            | Self::Sealed(_)
            | Self::Opened(_)
            | Self::Targeted { .. }
            | Self::Released { .. }
            | Self::ShareRejected { .. }
            | Self::Revealed { .. }
            | Self::DrillBegun { .. }
            | Self::GateProved { .. }
            | Self::Ended { .. }
            | Self::RotationBegun(_)
            | Self::RotationSettled(_)
            | Self::Reconciled(_)
            | Self::RecoverabilityChecked(_)
            | Self::CodeGiven { .. } => Vec::new(),
        }
    }
}

/// Free text with its salt: the erasable record behind a [`TextHash`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaltedText {
    /// 32 fresh random bytes.
    pub salt: Bytes<32>,
    /// The text.
    pub text: String,
}

impl SaltedText {
    /// The longest text that is kept, in bytes.
    pub const CAP: usize = 2000;

    /// `H("text", salt, text)`.
    pub fn hash(&self) -> TextHash {
        Bytes(Transcript::new(label::TEXT).part(self.salt).part(&self.text).finish())
    }
}

/// Text that came from outside, for an error: made harmless, and cut.
pub fn printable(text: &str) -> String {
    crate::name::printable(&text.chars().take(SaltedText::CAP).collect::<String>())
}

/// `H("record", bytes)`: how an entry names a stored record that is neither a
/// payload, a dealing nor a text.
pub fn record_hash(bytes: &[u8]) -> Hash {
    Bytes(Transcript::new(label::RECORD).part(bytes).finish())
}

/// `H("ciphertext", bytes)`.
pub fn ciphertext_hash(bytes: &HexBytes) -> Hash {
    Bytes(Transcript::new(label::CIPHERTEXT).part(bytes).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> EntryBytes {
        EntryBytes::new(text.as_bytes().to_vec()).unwrap()
    }

    fn ended() -> Entry {
        Entry {
            v: SCHEMA,
            time: Time::from_millis(0).unwrap(),
            actor: Actor::Host,
            event: Event::Ended { ceremony: Bytes([7; 64]), how: Ending::Aborted },
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let bytes = ended().to_line().unwrap();
        assert_eq!(Entry::from_line(&bytes), Ok(Line::Known(Box::new(ended()))));
    }

    #[test]
    fn a_known_kind_in_another_form_is_refused() {
        let text = String::from_utf8(ended().to_line().unwrap().as_bytes().to_vec()).unwrap();
        assert_eq!(
            Entry::from_line(&line(&text.replace("\"v\":1,", "\"v\": 1,"))),
            Err(EntryError::NotCanonical)
        );
        assert!(matches!(
            Entry::from_line(&line(&text.replace("\"how\"", "\"extra\":1,\"how\""))),
            Err(EntryError::Shape(_))
        ));
    }

    #[test]
    fn a_newer_kind_is_kept() {
        let text = r#"{"v":9,"time":"2026-03-01T09:00:00.000Z","actor":"quiet-heron-lamp","event":{"moon-landed":{"x":1}}}"#;
        let Ok(Line::Unknown { kind, .. }) = Entry::from_line(&line(text)) else { panic!("not kept") };
        assert_eq!(kind, "moon-landed");
    }
}
