//! A small vault: one organisation, project and account, five custodians, an
//! operator, a 3-of-5 group with admission and binding, one sealed version. The
//! host's keys are at hand, so that a test can play a hostile host.

use rand::{SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use warifu::ceremony::custodian::{self, Review, ReviewError, Seen, lines};
use warifu::event::{
    Acceptance, Actor, Admission, Binding, Entry, Event, GroupStatement, Hash, Line, Made, Mode, Opening,
    SCHEMA, Scope, Shown, ciphertext_hash,
};
use warifu::hex::{Bytes, HexBytes};
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::Frontier;
use warifu::log::note::LogSigner;
use warifu::message::{Contribution, Package, Release, Request, SignedRequest};
use warifu::name::{AccountAddress, Factor, Provider, Pseudonym, Slug};
use warifu::seal::card::{Card, Role};
use warifu::seal::record::Payload;
use warifu::seal::sign::SigningKey;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::seal::words;
use warifu::secret::SecretBytes;
use warifu::state::{Invalid, Organisation};
use warifu::store::{Append, Batch, RecordKey, Store, sqlite::SqliteStore};
use warifu::time::{Span, Time};
use warifu::vault::ceremony::Ask;
use warifu::vault::hierarchy::NewAccount;
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault, VaultError, group, people};

pub struct Person {
    pub card: Card,
    pub totp: TotpSecret,
}

impl Person {
    pub fn name(&self) -> Pseudonym {
        self.card.pseudonym().clone()
    }

    pub fn code(&self, at: Time) -> SecretBytes {
        self.totp.code_at(step_of(at.unix_seconds()))
    }

    pub fn actor(&self) -> Actor {
        Actor::Card(self.name())
    }

    pub fn sign(&self, digest: &[u8; 64]) -> Bytes<64> {
        self.card.signing_key().sign(digest)
    }
}

pub struct World {
    _dir: TempDir,
    pub vault: Vault,
    pub log: Log,
    pub rng: StdRng,
    pub now: Time,
    pub custodians: Vec<Person>,
    pub operator: Person,
    pub address: AccountAddress,
}

pub const ADMITTED: Span = Span::days(30);

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

impl World {
    /// The whole small vault.
    pub fn new() -> Self {
        let mut world = Self::people(1);
        let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
        world.admit(&group, ADMITTED);
        world.bind(&group, Scope::Organisation, &[0, 1, 2]);
        world.pin(&group);
        world.seal();
        world
    }

    /// Only the people, and the account.
    pub fn people(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let origin = "vault.example/warifu".parse().unwrap();
        let mut vault = Vault::init(&dir.path().join("vault"), &origin, None, now, &mut rng).unwrap();
        let mut log = vault.add_organisation(&slug("acme"), None, &|| now, &mut rng).unwrap();
        let mut enrol = |role| {
            let pending = people::new_person(&log.state, role, &mut rng);
            let code = pending.totp.code_at(step_of(now.unix_seconds()));
            vault.enrol(&mut log, &pending, &code, now, &mut rng).unwrap();
            Person { card: pending.card, totp: pending.totp }
        };
        let custodians = (0..5).map(|_| enrol(Role::Custodian)).collect();
        let operator = enrol(Role::Operator);
        let address: AccountAddress = "acme/shop/prod".parse().unwrap();
        vault.add_project(&"acme/shop".parse().unwrap(), None, &|| now, &mut rng).unwrap();
        let mut world = Self { _dir: dir, vault, log, rng, now, custodians, operator, address };
        world.account("acme/shop/prod", "123456789012");
        world
    }

    /// More custodians, after those that there are.
    pub fn enrol_more(&mut self, count: usize) {
        for _ in 0..count {
            let pending = people::new_person(&self.log.state, Role::Custodian, &mut self.rng);
            let code = pending.totp.code_at(step_of(self.now.unix_seconds()));
            self.vault.enrol(&mut self.log, &pending, &code, self.now, &mut self.rng).unwrap();
            self.custodians.push(Person { card: pending.card, totp: pending.totp });
        }
    }

    pub fn account(&mut self, address: &str, id: &str) -> AccountAddress {
        let address = address.parse().unwrap();
        let now = self.now;
        let new = NewAccount { address: &address, name: None, provider: Provider::Aws, external_id: id };
        self.vault.add_account(&new, &|| now, &mut self.rng).unwrap();
        self.log = self.vault.log(&slug("acme")).unwrap();
        address
    }

    /// A group's statement, signed by everybody, not yet in the log.
    pub fn draft(&mut self, name: &str, t: usize, members: &[usize]) -> GroupStatement {
        let names: Vec<_> = members.iter().map(|i| self.custodians[*i].name()).collect();
        let mut draft = group::Draft::new(&self.log.state, &slug(name), t, &names, &mut self.rng).unwrap();
        for i in members {
            draft.join(&self.log.state, &self.custodians[*i].card, &mut self.rng).unwrap();
        }
        for i in members {
            draft.sign(&self.log.state, &mut self.custodians[*i].card).unwrap();
        }
        draft.finish()
    }

    pub fn form(&mut self, name: &str, t: usize, members: &[usize]) -> GroupStatement {
        let statement = self.draft(name, t, members);
        self.vault.form_group(&mut self.log, statement.clone(), self.now).unwrap();
        statement
    }

    /// An admission with the signatures of some custodians.
    pub fn admission(&self, group: &GroupStatement, expires: Time, signers: &[usize]) -> Admission {
        let state = &self.log.state;
        let mut admission = group::admission(state, group, &self.operator.name(), expires).unwrap();
        let digest = admission.digest(&state.g(group));
        let sign =
            |i: &usize| group::sign_as_member(state, group, &self.custodians[*i].card, &digest).unwrap();
        admission.signatures = signers.iter().map(sign).collect();
        admission
    }

    pub fn admit(&mut self, group: &GroupStatement, span: Span) -> Admission {
        let admission = self.admission(group, self.now + span, &[0, 1, 2]);
        self.vault.admit(&mut self.log, admission.clone(), self.now).unwrap();
        admission
    }

    pub fn binding(&self, group: &GroupStatement, scope: Scope, signers: &[usize]) -> Binding {
        let state = &self.log.state;
        let (mut binding, _) = group::binding(state, scope, Factor::Password, group, self.now);
        let digest = binding.digest(&state.id, &state.g(group));
        let sign =
            |i: &usize| group::sign_as_member(state, group, &self.custodians[*i].card, &digest).unwrap();
        binding.signatures = signers.iter().map(sign).collect();
        binding
    }

    pub fn bind(&mut self, group: &GroupStatement, scope: Scope, signers: &[usize]) {
        let binding = self.binding(group, scope, signers);
        self.vault.bind(&mut self.log, binding, self.now).unwrap();
    }

    pub fn pin(&mut self, group: &GroupStatement) {
        let words = words::fingerprint(&group.fingerprint(&self.log.state.id)).to_string();
        self.vault.pin(&self.log.state, group, &words).unwrap();
    }

    /// Seals the next version and gives its credential id.
    pub fn seal(&mut self) -> Hash {
        let address = self.address.clone();
        self.seal_at(&address)
    }

    pub fn seal_at(&mut self, address: &AccountAddress) -> Hash {
        let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let payload = Payload { login: secret("root"), password: secret("correct horse"), notes: secret("") };
        let provenance = Provenance { made: Made::Typed, shown: Shown::Nobody };
        let sealed =
            self.vault.seal(&mut self.log, address, &payload, provenance, self.now, &mut self.rng).unwrap();
        sealed.credential
    }

    pub fn group(&self) -> GroupStatement {
        self.log.state.group_by_slug(&slug("root")).unwrap().clone()
    }

    pub fn pass(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// Opens a ceremony by files for the newest version of an account.
    pub fn open(&mut self) -> Hash {
        self.try_open(Mode::Files, Span::hours(1)).unwrap()
    }

    pub fn try_open(&mut self, mode: Mode, window: Span) -> Result<Hash, VaultError> {
        let address = self.address.clone();
        let ask = Ask {
            purpose: warifu::event::Purpose::Open,
            factor: Factor::Password,
            address: &address,
            version: None,
            reason: "the bill is unpaid",
            ticket: Some("OPS-7"),
            mode,
            window,
        };
        self.vault.open_ceremony(&mut self.log, &self.operator.card, &ask, self.now, &mut self.rng)
    }

    pub fn package(&self, ceremony: &Hash) -> Package {
        self.vault.package(&self.log, ceremony).unwrap()
    }

    pub fn review(&self, package: &Package, who: usize) -> Result<Review, ReviewError> {
        custodian::review(package, &self.custodians[who].card, None, self.now)
    }

    pub fn refusal(&self, package: &Package, before: Option<&Seen>) -> ReviewError {
        let reviewed = custodian::review(package, &self.custodians[0].card, before, self.now);
        reviewed.err().expect("the package is refused")
    }

    /// A custodian's answer with a code for `at`.
    pub fn answer(&mut self, ceremony: &Hash, who: usize, at: Time) -> Contribution {
        let code = self.custodians[who].code(at);
        self.answer_with(ceremony, who, &code, at)
    }

    pub fn answer_with(&mut self, ceremony: &Hash, who: usize, code: &SecretBytes, at: Time) -> Contribution {
        let review = self.review(&self.package(ceremony), who).unwrap();
        review.contribute(&self.custodians[who].card, code, at, &mut self.rng).unwrap()
    }

    pub fn accept(&mut self, contribution: &Contribution) -> Result<Event, VaultError> {
        self.vault.accept(&mut self.log, contribution, self.now)
    }

    /// Answers and is accepted.
    pub fn contribute(&mut self, ceremony: &Hash, who: usize) {
        let answer = self.answer(ceremony, who, self.now);
        let event = self.accept(&answer).unwrap();
        assert!(matches!(event, Event::Accepted(_)), "{event:?}");
    }

    /// The organisation's log as lines.
    pub fn lines(&self) -> Vec<String> {
        let id = self.log.state.id;
        lines(&self.vault.store().entries(&id, 0..self.log.state.size).unwrap())
    }

    /// What the log's rules say to an entry that a hostile host appends.
    pub fn forge(&self, actor: Actor, event: Event) -> Result<Organisation, Invalid> {
        self.forge_at(self.now, actor, event)
    }

    pub fn forge_at(&self, time: Time, actor: Actor, event: Event) -> Result<Organisation, Invalid> {
        forge_on(&self.log.state, time, actor, event)
    }

    /// A hostile host enters whatever it likes, with records, under its own good
    /// signature; its program would have refused.
    pub fn force(&self, events: Vec<(Actor, Event)>, records: Vec<(String, Vec<u8>)>) {
        let log = self.log.state.id;
        let new: Vec<_> = events.into_iter().map(|(actor, event)| line(self.now, actor, event)).collect();
        let checkpoint = self.checkpoint(&[self.lines(), new.clone()].concat());
        let entries = new.iter().map(|line| bytes(line)).collect();
        let append = Append { log, expected_size: self.log.state.size, entries, checkpoint };
        let records = records.into_iter().map(|(name, bytes)| (RecordKey { log, name }, bytes));
        let batch = Batch { appends: vec![append], put_records: records.collect(), ..Batch::default() };
        let _durable = SqliteStore::open(self.vault.dir()).unwrap().commit(batch).unwrap();
    }

    /// A hostile host's package: whatever lines, under its own good signature.
    pub fn forged_package(&self, lines: Vec<String>, signed: &SignedRequest) -> Package {
        let honest: Vec<_> = signed
            .request
            .targets
            .iter()
            .map(|t| {
                let name = warifu::vault::seal::dealing_record(&t.dealing);
                HexBytes(self.vault.record(&self.log.state.id, &name).unwrap_or_default())
            })
            .collect();
        let state = &self.log.state;
        let texts = [Some(signed.request.reason), signed.request.ticket].into_iter().flatten();
        let record = |hash| {
            let name = warifu::vault::hierarchy::text_record(&hash);
            serde_json::from_slice(&self.vault.record(&state.id, &name).unwrap()).unwrap()
        };
        Package {
            signed: signed.clone(),
            texts: texts.map(record).collect(),
            checkpoint: self.checkpoint(&lines),
            entries: lines,
            dealings: honest,
        }
    }

    /// The host's signature over any lines.
    pub fn checkpoint(&self, lines: &[String]) -> String {
        let state = &self.log.state;
        let seed = self.vault.gate().log_seed(&state.id, 1).unwrap();
        let signer = LogSigner::new(state.origin.as_str(), seed).unwrap();
        let mut tree = Frontier::new();
        lines.iter().for_each(|line| tree.push(bytes(line).leaf_hash()));
        let body = Checkpoint { origin: state.origin.to_string(), size: tree.size(), root: tree.root() };
        checkpoint::sign(&body, &signer).unwrap().to_string()
    }

    /// A hostile host signs a release, whatever is in it.
    pub fn host_signs(&self, release: &mut Release) {
        let seed = self.vault.gate().log_seed(&self.log.state.id, 1).unwrap();
        release.signature = SigningKey::new(seed).sign(&release.digest());
    }

    /// The request of an open ceremony, to be altered and signed again.
    pub fn request(&self, ceremony: &Hash) -> Request {
        self.vault.signed_request(&self.log, ceremony).unwrap().request
    }

    pub fn signed(&self, request: Request) -> SignedRequest {
        let signature = self.operator.sign(&request.signed_digest());
        SignedRequest { request, signature }
    }
}

pub fn bytes(line: &str) -> EntryBytes {
    EntryBytes::new(line.as_bytes().to_vec()).unwrap()
}

pub fn line(time: Time, actor: Actor, event: Event) -> String {
    Entry { v: SCHEMA, time, actor, event }.to_line().unwrap().as_str().to_owned()
}

pub fn forge_on(
    state: &Organisation,
    time: Time,
    actor: Actor,
    event: Event,
) -> Result<Organisation, Invalid> {
    let mut next = state.clone();
    let entry = Entry { v: SCHEMA, time, actor, event };
    let leaf = entry.to_line().unwrap().leaf_hash();
    next.apply(&Line::Known(Box::new(entry)), &leaf).map(|()| next)
}

/// The opening that belongs to a request.
pub fn opening(signed: &SignedRequest) -> Opening {
    signed.request.opening(signed.request.requester_key, signed.signature)
}

pub fn targeted(request: &Request) -> Event {
    let credentials = request.targets.iter().map(|t| t.credential).collect();
    Event::Targeted { ceremony: request.hash(), first: 0, credentials }
}

/// An acceptance as a host would enter it.
pub fn acceptance(contribution: &Contribution, step: u64) -> Acceptance {
    Acceptance {
        ceremony: contribution.ceremony,
        custodian: contribution.custodian.clone(),
        targets: contribution.targets.clone(),
        at: contribution.at,
        step,
        size: contribution.size,
        root: contribution.root,
        cosignature: contribution.cosignature,
        shares: contribution.shares.clone(),
        ciphertexts: contribution.ciphertexts.iter().map(ciphertext_hash).collect(),
        code: ciphertext_hash(&contribution.code),
        signature: contribution.signature,
    }
}
