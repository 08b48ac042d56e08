//! A long history that follows all rules, without a vault: the entries of a
//! [`World`] and then as many seals and ceremonies as are wanted, one every
//! minute. Every signature is real; what lies beside a log is made up.

use crate::support::{World, bytes};
use std::ops::Range;
use warifu::audit::{BATCH, Lack, Source, SourceError};
use warifu::ceremony::custodian::cosigner;
use warifu::event::{
    Acceptance, Actor, Ending, Entry, Event, Hash, Line, Made, Mode, Purpose, SCHEMA, Sealing, Shown,
};
use warifu::hex::Bytes;
use warifu::log::Cosignature;
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::{Frontier, Hash as Leaf};
use warifu::log::note::LogSigner;
use warifu::message::{Notice, Request, operator_notice};
use warifu::name::{AccountId, Factor, OrganisationId, ProjectId, Provider};
use warifu::pvss;
use warifu::state::{Claim, Organisation};
use warifu::time::{Span, Time};
use warifu::transcript::Transcript;

pub struct History {
    pub world: World,
    pub entries: Vec<EntryBytes>,
    pub state: Organisation,
    /// Signatures of the entries that were added.
    pub claims: Vec<Claim>,
    pub now: Time,
    project: ProjectId,
    made: u64,
}

impl History {
    /// A group of five that holds what the organisation seals, and nothing else.
    pub fn new() -> Self {
        let mut world = World::people(1);
        let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
        world.admit(&group, Span::days(36_500));
        world.bind(&group, warifu::event::Scope::Organisation, &[0, 1, 2]);
        let entries = world.lines().iter().map(|line| bytes(line)).collect();
        let (state, now) = (world.log.state.clone(), world.now);
        let project = *state.projects.keys().next().unwrap();
        Self { world, entries, state, claims: Vec::new(), now, project, made: 0 }
    }

    /// Appends an entry.
    pub fn push(&mut self, actor: Actor, event: Event) {
        let entry = Entry { v: SCHEMA, time: self.now, actor, event };
        let line = entry.to_line().unwrap();
        let leaf = line.leaf_hash();
        self.state.apply_claiming(&Line::Known(Box::new(entry)), &leaf, &mut self.claims).unwrap();
        self.entries.push(line);
    }

    fn fresh(&mut self) -> Hash {
        self.made += 1;
        Bytes(Transcript::new("test").int(self.made).finish())
    }

    /// An account.
    pub fn bare_account(&mut self) -> AccountId {
        self.now = self.now + Span::minutes(1);
        let fresh = self.fresh();
        let account = AccountId(Bytes(*fresh.0.first_chunk().unwrap()));
        let (slug, external_id) = (format!("account-{}", self.made), format!("{:012}", self.made));
        let (project, slug) = (self.project, slug.parse().unwrap());
        let (name, provider) = (Some(fresh), Provider::Aws);
        self.push(Actor::Host, Event::AccountCreated { account, project, slug, name, provider, external_id });
        account
    }

    /// An account with a sealed version: three entries.
    pub fn account(&mut self) -> Hash {
        let account = self.bare_account();
        let known = self.state.accounts[&account].clone();
        let payload = self.fresh();
        let factor = Factor::Password;
        let credential = pvss::credential_id(&self.state.vault, &self.state.id, &account, factor, 1);
        let origin = self.fresh();
        self.push(Actor::Host, Event::SealBegun { credential, origin, account, factor, version: 1 });
        let group = self.state.groups.values().next().unwrap();
        let sealing = Sealing {
            credential,
            account,
            factor,
            version: 1,
            group: group.group,
            epoch: group.epoch,
            gate_epoch: self.state.gate().epoch,
            payload,
            dealing: origin,
            origin,
            address: self.state.address(&account),
            provider: known.provider,
            external_id: known.external_id,
            made: Made::Typed,
            shown: Shown::Nobody,
        };
        self.push(Actor::Host, Event::Sealed(sealing));
        credential
    }

    /// A whole ceremony: eight entries with eight signatures, three of them cosignatures.
    pub fn ceremony(&mut self, credential: Hash) {
        self.now = self.now + Span::minutes(1);
        let host_of = self.world.operator.actor();
        let request = Request {
            vault: self.state.vault,
            organisation: self.state.id,
            nonce: Bytes(*self.fresh().0.first_chunk().unwrap()),
            purpose: Purpose::Open,
            mode: Mode::Room,
            operator: self.world.operator.name(),
            operator_key: self.state.people[&self.world.operator.name()].sign_key,
            targets: vec![self.state.versions[&credential].sealing.target(&credential)],
            reason: self.fresh(),
            ticket: None,
            size: self.state.size,
            root: self.state.root_at(self.state.size).unwrap(),
            asked: self.now,
            expires: self.now + Span::minutes(15),
            requester_key: Bytes([7; 32]),
        };
        let ceremony = request.hash();
        let signature = self.world.operator.sign(&request.signed_digest());
        let opening = request.opening(Bytes([8; 32]), signature);
        self.push(host_of.clone(), Event::Opened(opening));
        self.push(host_of.clone(), Event::Targeted { ceremony, first: 0, credentials: vec![credential] });
        let size = self.state.size;
        let root = self.state.root_at(size).unwrap();
        let text = Checkpoint { origin: self.state.origin.to_string(), size, root }.text().unwrap();
        for who in 0..3 {
            let cosigner = cosigner(&self.world.custodians[who].card, &self.state.origin).unwrap();
            let line = cosigner.cosign(&text, self.now.unix_seconds()).unwrap();
            let cosignature = Cosignature::verify(cosigner.verifier(), &text, &line).unwrap().to_bytes();
            let mut acceptance = Acceptance {
                ceremony,
                custodian: self.world.custodians[who].name(),
                targets: vec![0],
                at: self.now,
                step: self.now.unix_seconds() / 30,
                size,
                root,
                shares: vec![self.fresh()],
                ciphertexts: vec![self.fresh()],
                code: self.fresh(),
                cosignature,
                signature: Bytes([0; 64]),
            };
            acceptance.signature = self.world.custodians[who].sign(&acceptance.contributed().digest());
            self.push(self.world.custodians[who].actor(), Event::Accepted(acceptance));
        }
        let mut custodians: Vec<_> = (0..3).map(|who| self.world.custodians[who].name()).collect();
        custodians.sort();
        self.push(Actor::Host, Event::Released { ceremony, target: 0, credential, custodians });
        let shown = Shown::Screen;
        let signature = self.world.operator.sign(&operator_notice(&ceremony, 0, Notice::Revealed(shown)));
        self.push(host_of, Event::Revealed { ceremony, target: 0, shown, signature });
        self.push(Actor::Host, Event::Ended { ceremony, how: Ending::Closed });
    }

    /// The log as it now is, signed.
    pub fn log(&self) -> Copy {
        Copy::signed(&self.world, self.entries.clone())
    }
}

/// A log in memory that anybody may alter.
#[derive(Clone)]
pub struct Copy {
    pub note: Result<Vec<u8>, Lack>,
    /// What is there; `None` where an entry is damaged.
    pub entries: Vec<Option<EntryBytes>>,
    /// Stored leaf hashes.
    pub leaves: Vec<Leaf>,
    pub first: u64,
}

impl Copy {
    /// Entries under the host's own good signature.
    pub fn signed(world: &World, entries: Vec<EntryBytes>) -> Self {
        let note = Ok(sign(world, &entries).into_bytes());
        let leaves = entries.iter().map(EntryBytes::leaf_hash).collect();
        Self { note, entries: entries.into_iter().map(Some).collect(), leaves, first: 0 }
    }

    /// As somebody leaves it who can write everything but has no key.
    pub fn with_matching_hashes(mut self) -> Self {
        self.leaves = self.entries.iter().flatten().map(EntryBytes::leaf_hash).collect();
        self
    }
}

/// A checkpoint of these entries by the log's key.
pub fn sign(world: &World, entries: &[EntryBytes]) -> String {
    sign_with(world, &world.log.state.id, entries)
}

fn sign_with(world: &World, id: &OrganisationId, entries: &[EntryBytes]) -> String {
    let seed = world.vault.gate().log_seed(id, 1).unwrap();
    let origin = world.log.state.origin.to_string();
    let signer = LogSigner::new(&origin, seed).unwrap();
    let mut tree = Frontier::new();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    checkpoint::sign(&Checkpoint { origin, size: tree.size(), root: tree.root() }, &signer)
        .unwrap()
        .to_string()
}

impl Source for Copy {
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        self.note.clone().map_err(|why| SourceError::File { file: "checkpoint".to_owned(), why })
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError> {
        assert!(range.end - range.start <= BATCH, "at most {BATCH} at once");
        let one = |index: u64| {
            let there = self.entries.get(index as usize).cloned().flatten().filter(|_| index >= self.first);
            there.ok_or_else(|| SourceError::entry(index, Lack::Missing))
        };
        range.map(one).collect()
    }

    fn first(&self) -> u64 {
        self.first
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Leaf>, SourceError> {
        let part = self.leaves.get(range.start as usize..range.end as usize);
        part.map(<[_]>::to_vec).ok_or(SourceError::entry(range.start, Lack::Missing))
    }
}
