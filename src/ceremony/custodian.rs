//! A custodian's side: nothing touches the share key before everything here
//! has been checked, from the package and the card alone. Long, because all of
//! these checks stand together, in the order in which they are made.

use super::gap::{AcceptedGap, GapMet, explained};
use crate::event::{Entry, EntryError, GateEpoch, Hash, SaltedText, TextHash, cosigner_name};
use crate::hex::{Bytes, HexBytes};
use crate::log::{
    Checkpoint, Cosignature, checkpoint,
    entry::EntryBytes,
    merkle::Frontier,
    note::{Cosigner, NoteError},
};
use crate::message::{Contribution, Package, Request, Target};
use crate::name::{Factor, OrganisationId, Origin, Provider, Pseudonym, Recipient};
use crate::pvss::{self, ClaimedDealing, DealingError, ShareKeyPair, VerifiedDealing};
use crate::seal::{card::Card, hpke, sign};
use crate::secret::SecretBytes;
use crate::state::rotation::Place;
use crate::state::{Ceremony, Gapped, Invalid, Organisation, gate_epochs};
use crate::time::Time;
use crate::transcript::{Transcript, label};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// What a card's owner last saw of an organisation's log. It lies in a file
/// beside the card and needs no passphrase.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Size of the log.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// The checkpoint, as a signed note.
    pub checkpoint: String,
    /// Digest of the recovery group that the log named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keepers: Option<Hash>,
    /// Whether the log had named another before that one: the host alone names them.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub replaced: bool,
    /// Gaps that the owner has accepted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accepted: Vec<AcceptedGap>,
}

impl Seen {
    /// A log as it is shown now.
    pub fn new(organisation: OrganisationId, (size, root): (u64, Bytes<32>), checkpoint: String) -> Self {
        Self { organisation, size, root, checkpoint, keepers: None, replaced: false, accepted: Vec::new() }
    }

    /// With what the log says of who its keepers are.
    #[must_use]
    pub fn naming(self, log: &impl Gapped) -> Self {
        Self { keepers: log.keepers_digest(), replaced: log.keepers_replaced(), ..self }
    }
}

/// Why a custodian's machine refuses a package: nothing was answered.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ReviewError {
    /// The request is for another vault or organisation than the card.
    #[error("the request is for another organisation than the card's")]
    OtherOrganisation,
    /// A line is not an entry.
    #[error("entry {index} of the log is damaged: {why}")]
    Entry {
        /// Which entry, from 0.
        index: u64,
        /// Why.
        why: EntryError,
    },
    /// An entry does not follow from those before it.
    #[error("entry {index} of the log is not valid: {why}")]
    Invalid {
        /// Which entry, from 0.
        index: u64,
        /// Why.
        why: Invalid,
    },
    /// The log begins otherwise than the one that the card was made in.
    #[error("the log is not the one in which this card was enrolled")]
    OtherLog,
    /// The log is shorter than what the owner saw before: it is an older copy,
    /// or the vault was rolled back. The log alone does not tell which.
    #[error(
        "the log has {now} entries here, but this card's owner has seen {seen}: this is an old copy, or the vault was rolled back"
    )]
    RolledBack {
        /// Entries in the package.
        now: u64,
        /// Entries seen before.
        seen: u64,
        /// The checkpoint that was seen, for comparison.
        before: String,
        /// The checkpoint of the package.
        offered: String,
    },
    /// The log tells another history than what the owner saw before.
    #[error("the log was forked: its first {seen} entries are not those that this card's owner has seen")]
    Forked {
        /// Entries seen before.
        seen: u64,
        /// The checkpoint that was seen, for comparison.
        before: String,
        /// The checkpoint of the package.
        offered: String,
    },
    /// The log says that what the owner saw is missing, signed by the recovery group's
    /// quorum: until they accept that, it is refused.
    #[error(
        "entries that this card's owner has seen are missing: the log was restored with {} entries after a dead host, and {} that were seen are lost", .0.gap.restored.size, .0.gap.missing()
    )]
    Gap(Box<GapMet>),
    /// A newer program wrote facts that this one cannot read, so it cannot tell
    /// what is current.
    #[error("the log has entries that this program does not know ({}): it cannot tell what is current", .0.join(", "))]
    UnknownKinds(Vec<String>),
    /// What lies beside the card as its owner's last sight is of another log.
    #[error("what lies beside this card as last seen is of another organisation's log")]
    OtherSeen,
    /// The checkpoint does not cover the entries, or its signature is wrong.
    #[error("the checkpoint does not fit the entries: {0}")]
    Checkpoint(#[from] checkpoint::CoverError),
    /// The ceremony is not in the log, or its entry says something else.
    #[error("the log knows no open ceremony for exactly this request")]
    NoCeremony,
    /// The operator's signature is wrong.
    #[error("the signature of operator {0} on the request is wrong")]
    RequestSignature(Pseudonym),
    /// The operator may not ask this group.
    #[error("operator {operator} is not admitted to group '{group}'")]
    NotAdmitted {
        /// Operator.
        operator: Pseudonym,
        /// Group.
        group: String,
    },
    /// The window is over by this machine's clock.
    #[error("the ceremony expired at {}; this machine's clock says {}", .expired.to_minute(), .now.to_minute())]
    Expired {
        /// End of the window.
        expired: Time,
        /// This machine's time.
        now: Time,
    },
    /// This machine's clock is behind the opening.
    #[error("the ceremony opened at {}; this machine's clock says {}", .opened.to_minute(), .now.to_minute())]
    TooEarly {
        /// Opening.
        opened: Time,
        /// This machine's time.
        now: Time,
    },
    /// What is asked for is not what the log has now.
    #[error("target {target} is not current: its {what} is not what the log has now")]
    NotCurrent {
        /// Index of the target.
        target: u64,
        /// Payload, dealing, group or version.
        what: &'static str,
    },
    /// The card holds no share of any target.
    #[error("card {0} holds no share of what is asked for")]
    NotAHolder(Pseudonym),
    /// The log says that this card counts for nothing.
    #[error("the card {who} is {how}")]
    Barred {
        /// Whose.
        who: Pseudonym,
        /// `suspended` or `revoked`.
        how: &'static str,
    },
    /// The group is not the one that the owner signed.
    #[error("group '{group}' is not the one that this card signed")]
    OtherGroup {
        /// Its name.
        group: String,
    },
    /// The dealing does not verify for exactly this context.
    #[error("the dealing of target {target} does not verify: {why}")]
    Dealing {
        /// Index of the target.
        target: u64,
        /// Why.
        #[source]
        why: DealingError,
    },
    /// The dealing was not sent along.
    #[error("the dealing of target {0} was not sent along")]
    NoDealing(u64),
    /// The log knows no such drill that can be answered by a file.
    #[error("the log knows no drill like this one that can be answered by a file")]
    NoDrill,
    /// The drill is over by this machine's clock.
    #[error("the drill ended at {}; this machine's clock says {}", .until.to_minute(), .now.to_minute())]
    DrillOver {
        /// Its end.
        until: Time,
        /// This machine's time.
        now: Time,
    },
    /// The card is not in the group whose drill it is.
    #[error("{who} is no member of {group}, whose drill this is")]
    NotInDrill {
        /// Whose card.
        who: Pseudonym,
        /// Group.
        group: String,
    },
    /// A text was not sent along.
    #[error("the package does not hold the {0} in words")]
    NoText(&'static str),
}

/// One target, as it is shown to a custodian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownTarget {
    /// `org/project/account` by the replayed log; of a person `org/@pseudonym`.
    pub address: String,
    /// Whose it is.
    pub whose: Whose,
    /// Factor.
    pub factor: Factor,
    /// Version asked for.
    pub version: u64,
    /// The version that is current; 0 if there is none.
    pub current: u64,
    /// Whether it was replaced already in this ceremony: it is opened no more.
    pub replaced: bool,
    /// Custodians who gave their share in ceremonies that ended without a release.
    pub weakened: usize,
    /// Since when it is exposed, if it was released before.
    pub exposed: Option<Time>,
    /// Since when the host could know it, if the gate opened it before.
    pub exposed_to_host: Option<Time>,
}

/// Whose a target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// An account's.
    Account {
        /// Provider by the replayed log.
        provider: Provider,
        /// External id by the replayed log.
        external_id: String,
    },
    /// It is who the owner of this card is.
    Person(Pseudonym),
}

/// A request that a custodian's machine found to be in order.
pub struct Review {
    request: Request,
    ceremony: Hash,
    gate_key: Bytes<32>,
    seen: Seen,
    origin: Origin,
    checked: (u64, Bytes<32>),
    held: Vec<(u64, u8, VerifiedDealing)>,
    /// What would be opened.
    pub targets: Vec<ShownTarget>,
    /// Why, in words.
    pub reason: String,
    /// The ticket, in words.
    pub ticket: Option<String>,
    /// When the ceremony opened.
    pub opened: Time,
}

/// A replayed log: state, tree and checkpoint agree.
pub struct Replayed {
    /// What the entries add up to.
    pub state: Organisation,
    /// What the owner has now seen.
    pub seen: Seen,
}

/// Replays a log from its first entry and compares it with its checkpoint, with
/// the entry that the card pinned, and with what its owner saw before. A fork
/// or a rollback is reported only with a checkpoint that the log's own key
/// signed: whoever carries the file cannot make one up. So the checkpoint comes
/// first: an entry that was altered on the way makes every later root another one.
pub fn replay(
    entries: &[String],
    checkpoint: &str,
    first_entry: &Bytes<32>,
    before: Option<&Seen>,
) -> Result<Replayed, ReviewError> {
    let damaged = |index| move |why| ReviewError::Entry { index, why };
    let lines = parsed(entries, first_entry)?;
    let (first, rest) = lines.split_first().ok_or(ReviewError::OtherLog)?;
    let begins = Entry::from_line(first).map_err(damaged(0))?;
    let invalid = |index| move |why| ReviewError::Invalid { index, why };
    let mut state = Organisation::begin(&begins, first_entry).map_err(invalid(0))?;
    let (size, root, then) = folded(&lines, before);
    let mut seen = Seen::new(state.id, (size, root), checkpoint.to_owned());
    let gate = present_gate(&state.id, state.gate(), rest);
    let key = (state.origin.as_str(), &gate.log_key);
    seen.checkpoint = check_checkpoint(key, &seen)?;
    for (index, bytes) in (1u64..).zip(rest) {
        let line = Entry::from_line(bytes).map_err(damaged(index))?;
        state.apply(&line, &bytes.leaf_hash()).map_err(invalid(index))?;
    }
    let seen = seen.naming(&state);
    if let Some(before) = before {
        compare(&seen, before, then).map_err(|why| explained(&state, &seen, before, why))?;
    }
    Ok(Replayed { state, seen })
}

/// The gate's present epoch in a log, before it is replayed.
pub(super) fn present_gate(log: &OrganisationId, first: &GateEpoch, lines: &[EntryBytes]) -> GateEpoch {
    let handed_over = lines.iter().filter(|line| line.as_str().contains("\"gate-epoch-begun\":{"));
    let handed_over = handed_over.filter_map(|line| Entry::from_line(line).ok());
    gate_epochs(log, first, handed_over).pop().unwrap_or_else(|| first.clone())
}

/// The lines of a log that begins with the entry that a card pinned.
pub(super) fn parsed(entries: &[String], first_entry: &Bytes<32>) -> Result<Vec<EntryBytes>, ReviewError> {
    let line = |(index, text): (u64, &String)| {
        let bytes = EntryBytes::new(text.clone().into_bytes());
        bytes.map_err(|_| ReviewError::Entry { index, why: EntryError::TooLong })
    };
    let lines = (0u64..).zip(entries).map(line).collect::<Result<Vec<_>, _>>()?;
    let begins = lines.first().is_some_and(|first| first.leaf_hash() == *first_entry);
    if begins { Ok(lines) } else { Err(ReviewError::OtherLog) }
}

/// Size and root of lines, and the root over as many as a card's owner saw.
pub(super) fn folded(lines: &[EntryBytes], before: Option<&Seen>) -> (u64, Bytes<32>, Option<Bytes<32>>) {
    // What the owner saw may be older than the roots that the state remembers.
    let seen_at = |tree: &Frontier| before.filter(|b| b.size == tree.size()).map(|_| tree.root());
    let mut tree = Frontier::new();
    let mut then = seen_at(&tree);
    for leaf in lines.iter().map(EntryBytes::leaf_hash) {
        tree.push(leaf);
        then = then.or_else(|| seen_at(&tree));
    }
    (tree.size(), tree.root(), then)
}

/// Compares a log as it is shown now with what a card's owner saw before. `then`
/// is the root over as many of its entries as there were; `None` if it has fewer.
pub fn compare(now: &Seen, before: &Seen, then: Option<Bytes<32>>) -> Result<(), ReviewError> {
    if before.organisation != now.organisation {
        return Err(ReviewError::OtherSeen);
    }
    match then {
        None => Err(rolled_back(before, now.size, &now.checkpoint)),
        Some(root) if root != before.root => Err(forked(before, &now.checkpoint)),
        Some(_) => Ok(()),
    }
}

/// The checkpoint is signed by the log's key, which its first entry announces or to
/// which that has handed over, and covers just these entries. Gives it with that signature line alone, to be
/// kept and shown: whoever carries the file may have written others under it.
pub(super) fn check_checkpoint(key: (&str, &Bytes<32>), seen: &Seen) -> Result<String, ReviewError> {
    let alone = checkpoint::covers(seen.checkpoint.as_bytes(), key, (seen.size, &seen.root))?;
    Ok(alone.to_string())
}

fn forked(before: &Seen, offered: &str) -> ReviewError {
    ReviewError::Forked { seen: before.size, before: before.checkpoint.clone(), offered: offered.to_owned() }
}

fn rolled_back(before: &Seen, now: u64, offered: &str) -> ReviewError {
    let (before, seen) = (before.checkpoint.clone(), before.size);
    ReviewError::RolledBack { now, seen, before, offered: offered.to_owned() }
}

/// Checks everything that can be checked before a person is asked.
pub fn review(
    package: &Package,
    card: &Card,
    before: Option<&Seen>,
    now: Time,
) -> Result<Review, ReviewError> {
    let request = &package.signed.request;
    if request.vault != card.vault() || request.organisation != card.organisation() {
        return Err(ReviewError::OtherOrganisation);
    }
    let ceremony = request.hash();
    let replayed = replay(&package.entries, &package.checkpoint, &card.first_entry(), before)?;
    let state = &replayed.state;
    if !state.unknown.is_empty() {
        return Err(ReviewError::UnknownKinds(state.unknown.keys().take(3).cloned().collect()));
    }
    if let Some(how) = state.cards.barred(card.pseudonym()) {
        return Err(ReviewError::Barred { who: card.pseudonym().clone(), how: how.as_str() });
    }
    let found = check_ceremony(state, package, &ceremony, now)?;
    let root = found.opened_root.ok_or(ReviewError::NoCeremony)?;
    let mut held = Vec::new();
    let mut targets = Vec::new();
    for (index, target) in (0u64..).zip(&request.targets) {
        let dealing = package.dealings.get(targets.len());
        let asked = (request, found, now);
        if let Some((share, verified)) = check_target(state, index, target, dealing, asked, card)? {
            held.push((index, share, verified));
        }
        targets.push(show_target(state, index, target)?);
    }
    if held.is_empty() {
        return Err(ReviewError::NotAHolder(card.pseudonym().clone()));
    }
    Ok(Review {
        ceremony,
        gate_key: found.gate_key,
        opened: found.opened,
        checked: (found.opened_size, root),
        held,
        targets,
        reason: text_of(package, &request.reason).ok_or(ReviewError::NoText("reason"))?,
        ticket: ticket_of(package, request)?,
        request: request.clone(),
        origin: state.origin.clone(),
        seen: replayed.seen,
    })
}

/// The open ceremony of a request. Its hash, which the replay computed from the
/// ceremony's own entries, stands for everything that was asked.
fn check_ceremony<'a>(
    state: &'a Organisation,
    package: &Package,
    hash: &Hash,
    now: Time,
) -> Result<&'a Ceremony, ReviewError> {
    let request = &package.signed.request;
    let listed = state.listing != Some(*hash);
    let found = state.ceremonies.get(hash).filter(|found| listed && found.reshare.is_none());
    let found = found.ok_or(ReviewError::NoCeremony)?;
    let signed = state.people.get(&request.operator).is_some_and(|operator| {
        operator.sign_key == request.operator_key
            && sign::verify(&operator.sign_key, &request.signed_digest(), &package.signed.signature)
    });
    if !signed {
        return Err(ReviewError::RequestSignature(request.operator.clone()));
    }
    check_window(found, now)?;
    Ok(found)
}

/// By this machine's clock the ceremony is open.
pub(super) fn check_window(found: &Ceremony, now: Time) -> Result<(), ReviewError> {
    if now > found.expires {
        return Err(ReviewError::Expired { expired: found.expires, now });
    }
    if now < found.opened {
        return Err(ReviewError::TooEarly { opened: found.opened, now });
    }
    Ok(())
}

/// Verifies one target; gives the card's share index and the verified dealing
/// if the card is a member of the target's group.
fn check_target(
    state: &Organisation,
    index: u64,
    target: &Target,
    dealing: Option<&HexBytes>,
    (request, ceremony, now): (&Request, &Ceremony, Time),
    card: &Card,
) -> Result<Option<(u8, VerifiedDealing)>, ReviewError> {
    let not_current = |what| ReviewError::NotCurrent { target: index, what };
    let version = state.versions.get(&target.credential).ok_or(not_current("version"))?;
    if version.sealing.target(&target.credential) != *target {
        return Err(not_current("version"));
    }
    // Its rotation in this very ceremony has destroyed it: there is nothing to open.
    if state.place_of(&target.credential) == Some(Place::Destroyed) {
        return Ok(None);
    }
    let group = state.statement(&target.group, target.epoch);
    let group = group.ok_or(not_current("group"))?;
    // By this machine's clock too: host and operator may agree on an old date.
    let admitted = |at| state.admission_of(&request.operator, group, at).is_some();
    if !admitted(request.asked) || !admitted(now) || !ceremony.still_admitted(group) {
        let (operator, group) = (request.operator.clone(), group.slug.to_string());
        return Err(ReviewError::NotAdmitted { operator, group });
    }
    let Some(share) = group.index_of(card.pseudonym()) else { return Ok(None) };
    let other_group = || ReviewError::OtherGroup { group: group.slug.to_string() };
    if card.statement(group.group, group.epoch) != Some(Bytes(group.digest(&state.id))) {
        return Err(other_group());
    }
    let keys = state.group_keys(group).map_err(|_| other_group())?;
    let bad = |why| ReviewError::Dealing { target: index, why };
    let bytes = dealing.ok_or(ReviewError::NoDealing(index))?;
    let claimed = ClaimedDealing::read(bytes.as_ref(), &target.credential, &keys).map_err(bad)?;
    let verified = claimed.verify().map_err(bad)?;
    if *verified.id() != target.dealing {
        return Err(not_current("dealing"));
    }
    Ok(Some((share, verified)))
}

fn show_target(state: &Organisation, index: u64, target: &Target) -> Result<ShownTarget, ReviewError> {
    let gone = || ReviewError::NotCurrent { target: index, what: "account" };
    let found = state.versions.get(&target.credential).ok_or_else(gone)?;
    let address = state.address(&target.account);
    let current = state.current_of(&target.account, target.factor).map_or(0, |(_, v)| v.sealing.version);
    Ok(ShownTarget {
        address,
        whose: whose(state, target).ok_or_else(gone)?,
        factor: target.factor,
        version: target.version,
        current,
        replaced: state.place_of(&target.credential) == Some(Place::Destroyed),
        weakened: state.weakened(&target.credential),
        exposed: found.exposed,
        exposed_to_host: found.exposed_to_host,
    })
}

fn whose(state: &Organisation, target: &Target) -> Option<Whose> {
    if target.factor == Factor::Identity {
        return state.person(&target.account).cloned().map(Whose::Person);
    }
    let account = state.accounts.get(&target.account)?;
    let (provider, external_id) = (account.provider.clone(), account.external_id.clone());
    Some(Whose::Account { provider, external_id })
}

fn text_of(package: &Package, hash: &TextHash) -> Option<String> {
    text_among(&package.texts, hash)
}

/// A text that was sent along, by its hash.
pub(super) fn text_among(texts: &[SaltedText], hash: &TextHash) -> Option<String> {
    texts.iter().find(|t| t.hash() == *hash).map(|t| t.text.clone())
}

fn ticket_of(package: &Package, request: &Request) -> Result<Option<String>, ReviewError> {
    let Some(hash) = &request.ticket else { return Ok(None) };
    text_of(package, hash).map(Some).ok_or(ReviewError::NoText("ticket"))
}

/// Why an answer could not be made although the request is in order.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ContributeError {
    /// The card's share key is not the one in the group.
    #[error("the card's share key is not the one in the group statement")]
    ShareKey,
    /// The card's key cannot cosign this log's checkpoint.
    #[error("the card cannot cosign the checkpoint of this log")]
    Cosignature,
    /// A key of the ceremony is not a key.
    #[error("the ceremony's encryption keys are not acceptable")]
    EncryptionKey,
}

impl Review {
    /// The request that was reviewed.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What the owner has now seen; to be kept before anything is answered.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Opens this card's shares and makes the answer.
    pub fn contribute(
        &self,
        card: &Card,
        code: &SecretBytes,
        at: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Contribution, ContributeError> {
        let shares = self.open_shares(card, rng)?;
        self.assemble(card, &shares, code, at, rng)
    }

    /// Opens this card's share of each target that it holds.
    pub fn open_shares(
        &self,
        card: &Card,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<SecretBytes>, ContributeError> {
        let open = |(index, share, dealing): &(u64, u8, VerifiedDealing)| {
            let target = usize::try_from(*index).ok().and_then(|i| self.request.targets.get(i));
            let target = target.ok_or(ContributeError::ShareKey)?;
            let g =
                pvss::group_id(&self.request.vault, &self.request.organisation, &target.group, target.epoch);
            let pair = ShareKeyPair::new(card.share_scalar(&g));
            pvss::open_share(dealing, *share, &pair, &self.ceremony, rng)
                .map_err(|_| ContributeError::ShareKey)
        };
        self.held.iter().map(open).collect()
    }

    /// The card's key for cosigning further checkpoints of the log that was reviewed.
    pub fn cosigner(&self, card: &Card) -> Result<Cosigner, ContributeError> {
        cosigner(card, &self.origin).map_err(|_| ContributeError::Cosignature)
    }

    /// Cosigns the checkpoint that was checked: the one just after the opening,
    /// the same for all contributors.
    fn cosign(&self, card: &Card, at: Time) -> Result<Bytes<72>, ContributeError> {
        cosign_at(card, &self.origin, self.checked, at)
    }

    /// Whose key a target's share is encrypted for: its factor alone says it. For
    /// a seed that is the gate's key of this ceremony, whatever key was asked with.
    fn recipient(&self, index: u64) -> Result<(&Bytes<32>, &'static str), ContributeError> {
        let target = usize::try_from(index).ok().and_then(|i| self.request.targets.get(i));
        match target.ok_or(ContributeError::ShareKey)?.factor.recipient() {
            Recipient::Requester => Ok((&self.request.requester_key, TO_REQUESTER)),
            Recipient::Gate => Ok((&self.gate_key, TO_GATE)),
        }
    }

    /// Encrypts opened shares and the code, cosigns what was checked, and signs.
    pub fn assemble(
        &self,
        card: &Card,
        shares: &[SecretBytes],
        code: &SecretBytes,
        at: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Contribution, ContributeError> {
        let pseudonym = card.pseudonym().as_str();
        let mut encrypt = |key: &Bytes<32>, label: &str, direction: &str, plaintext: &[u8]| {
            hpke::seal(key, label, &self.ceremony, direction, pseudonym, plaintext, rng)
                .map_err(|_| ContributeError::EncryptionKey)
        };
        let recipients = self.held.iter().map(|(index, ..)| self.recipient(*index));
        let ciphertexts = recipients
            .zip(shares)
            .map(|(recipient, share)| {
                let (key, direction) = recipient?;
                encrypt(key, label::HPKE_SHARE, direction, share.expose())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let code = encrypt(&self.gate_key, label::HPKE_CODE, TO_GATE, code.expose())?;
        let mut contribution = Contribution {
            ceremony: self.ceremony,
            custodian: card.pseudonym().clone(),
            targets: self.held.iter().map(|(index, ..)| *index).collect(),
            at,
            size: self.checked.0,
            root: self.checked.1,
            cosignature: self.cosign(card, at)?,
            shares: shares.iter().map(share_hash).collect(),
            ciphertexts,
            code,
            signature: Bytes([0; 64]),
        };
        contribution.signature = card.signing_key().sign(&contribution.digest());
        Ok(contribution)
    }
}

/// A card's cosignature of a log's checkpoint with a size and root, at a time.
pub(super) fn cosign_at(
    card: &Card,
    origin: &Origin,
    (size, root): (u64, Bytes<32>),
    at: Time,
) -> Result<Bytes<72>, ContributeError> {
    let failed = |_| ContributeError::Cosignature;
    let checkpoint = Checkpoint { origin: origin.to_string(), size, root };
    let text = checkpoint.text().map_err(|_| ContributeError::Cosignature)?;
    let cosigner = cosigner(card, origin).map_err(failed)?;
    let line = cosigner.cosign(&text, at.unix_seconds()).map_err(failed)?;
    Ok(Cosignature::verify(cosigner.verifier(), &text, &line).map_err(failed)?.to_bytes())
}

/// A card's key for cosigning checkpoints of a log. It is wiped when dropped.
pub fn cosigner(card: &Card, origin: &Origin) -> Result<Cosigner, NoteError> {
    Cosigner::new(&cosigner_name(origin, card.pseudonym()), card.cosign_seed())
}

/// HPKE direction of shares.
pub const TO_REQUESTER: &str = "custodian-to-requester";
/// HPKE direction of codes, and of shares that the gate gets.
pub const TO_GATE: &str = "custodian-to-gate";
/// HPKE direction of the gate's ingredient.
pub const FROM_GATE: &str = "gate-to-requester";

/// `H("share-plaintext", share)`: the hash that a contribution's signature covers.
pub fn share_hash(share: &SecretBytes) -> Hash {
    Bytes(Transcript::new(label::SHARE_PLAINTEXT).part(share.expose()).finish())
}

/// A log's lines as the package carries them.
pub fn lines(entries: &[EntryBytes]) -> Vec<String> {
    entries.iter().map(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()).collect()
}
