//! A small vault with people in it, made through the library with the weakest
//! key derivation that is allowed, so that it takes a second.
#![allow(dead_code)]

use rand::rand_core::{Rng, TryCryptoRng, TryRng, UnwrapErr};
use rand::rngs::SysRng;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;
use warifu::event::{Made, Mode, Shown};
use warifu::name::{AccountAddress, Factor, Provider, Slug};
use warifu::seal::card::{Card, Role};
use warifu::seal::card_file::{CardFile, UnlockedCard};
use warifu::seal::contents::Contents;
use warifu::seal::mfa::MfaSeed;
use warifu::seal::passphrase::KdfParams;
use warifu::seal::record::Payload;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::time::{Span, Time};
use warifu::vault::ceremony::Ask;
use warifu::vault::group::{Draft, admission, binding, group, sign_as_member};
use warifu::vault::hierarchy::NewAccount;
use warifu::vault::people::{Pending, new_person};
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault};

pub const ADDRESS: &str = "acme/web/prod";
pub const PASSWORD: &str = "correct-Horse7battery+staple";

/// Somebody with a card.
pub struct Person {
    pub name: String,
    pub card: PathBuf,
    pub passphrase: String,
    pub seed: Vec<u8>,
    /// Seed of the card.
    pub card_seed: Vec<u8>,
}

/// Randomness that remembers what it gave: how a test knows a card's seed.
#[derive(Default)]
struct Recorder(Vec<Vec<u8>>);

impl TryRng for Recorder {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(rng().next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(rng().next_u64())
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        rng().fill_bytes(bytes);
        self.0.push(bytes.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Recorder {}

/// A vault, three of five custodians, an operator, and somebody from elsewhere.
pub struct World {
    pub dir: TempDir,
    pub vault: PathBuf,
    pub custodians: Vec<Person>,
    pub operator: Person,
    pub stranger: Person,
}

pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap()).unwrap()
}

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub fn address() -> AccountAddress {
    ADDRESS.parse().unwrap()
}

pub fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

pub fn payload(password: &str) -> Payload {
    Payload { login: secret("root@example.com"), password: secret(password), notes: secret("") }
}

impl Person {
    /// What the phone shows `ahead` steps from now.
    pub fn code(&self, ahead: i64) -> String {
        let step = step_of(now().unix_seconds()).checked_add_signed(ahead).unwrap();
        let totp = TotpSecret::from_bytes(SecretBytes::new(self.seed.clone())).unwrap();
        totp.code_at(step).expose_str().unwrap().to_owned()
    }

    /// No code of this minute.
    pub fn wrong_code(&self) -> String {
        let near: Vec<_> = (-2..=2).map(|ahead| self.code(ahead)).collect();
        ["123456", "654321", "111222", "333444", "555666", "777888"]
            .into_iter()
            .find(|code| near.iter().all(|n| n != code))
            .unwrap()
            .to_owned()
    }

    pub fn unlock(&self) -> UnlockedCard {
        let file = CardFile::parse(&std::fs::read(&self.card).unwrap()).unwrap();
        file.unlock(&secret(&self.passphrase)).unwrap()
    }

    pub fn card(&self) -> String {
        self.card.display().to_string()
    }
}

/// An empty organisation `acme` in a new vault.
fn found(vault: &Path) -> (Vault, Log) {
    let mut made =
        Vault::init(vault, &"example.com/warifu".parse().unwrap(), None, now(), &mut rng()).unwrap();
    let log = made.add_organisation(&slug("acme"), None, &now, &mut rng()).unwrap();
    (made, log)
}

struct Enrolled {
    person: Person,
    card: Card,
}

fn enrol(vault: &mut Vault, log: &mut Log, role: Role, path: PathBuf) -> Enrolled {
    let mut recorder = Recorder::default();
    let pending = new_person(&log.state, role, &mut recorder);
    let card_seed = recorder.0.iter().rfind(|fill| fill.len() == 32).unwrap().clone();
    let code = pending.totp.code_at(step_of(now().unix_seconds()));
    vault.enrol(log, &pending, &code, now(), &mut rng()).unwrap();
    let Pending { card, totp } = pending;
    let name = card.pseudonym().to_string();
    let passphrase = format!("tallow ember sundial {name}");
    let seed = totp.as_bytes().expose().to_vec();
    Enrolled { person: Person { name, card: path, passphrase, seed, card_seed }, card }
}

fn keep(enrolled: Enrolled) -> Person {
    let Enrolled { person, card } = enrolled;
    let protected =
        UnlockedCard::protect(card, &secret(&person.passphrase), KdfParams::FLOOR, &mut rng()).unwrap();
    std::fs::write(&person.card, protected.armour(&mut rng())).unwrap();
    person
}

/// Forms a group, admits the operator and binds a factor of the organisation.
fn bind(
    vault: &mut Vault,
    log: &mut Log,
    (name, threshold, factor): (&str, usize, Factor),
    custodians: &mut [Enrolled],
    operator: &Card,
) {
    let members: Vec<_> = custodians.iter().map(|c| c.card.pseudonym().clone()).collect();
    let mut draft = Draft::new(&log.state, &slug(name), threshold, &members, &mut rng()).unwrap();
    for custodian in custodians.iter() {
        draft.join(&log.state, &custodian.card, &mut rng()).unwrap();
    }
    for custodian in custodians.iter_mut() {
        draft.sign(&log.state, &mut custodian.card).unwrap();
    }
    vault.form_group(log, draft.finish(), now()).unwrap();
    let state = log.state.clone();
    let keepers = group(&state, &slug(name)).unwrap();
    let signed = |digest: &[u8; 64]| {
        custodians
            .iter()
            .take(threshold)
            .map(|c| sign_as_member(&state, keepers, &c.card, digest).unwrap())
            .collect()
    };
    let mut admitted = admission(&state, keepers, operator.pseudonym(), now() + Span::days(9)).unwrap();
    admitted.signatures = signed(&admitted.digest(&state.g(keepers)));
    vault.admit(log, admitted, now()).unwrap();
    let scope = warifu::event::Scope::Organisation;
    let (mut bound, _) = binding(&state, scope, factor, keepers, now());
    bound.signatures = signed(&bound.digest(&state.id, &state.g(keepers)));
    vault.bind(log, bound, now()).unwrap();
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault");
        let (mut vault, mut log) = found(&path);
        vault.add_project(&"acme/web".parse().unwrap(), None, &now, &mut rng()).unwrap();
        let (account, provider) = (address(), Provider::Aws);
        let new = NewAccount { address: &account, name: None, provider, external_id: "123456789012" };
        vault.add_account(&new, &now, &mut rng()).unwrap();
        log = vault.log(&log.state.slug).unwrap();
        let card = |name: &str| dir.path().join(format!("{name}.card"));
        let mut custodians: Vec<_> =
            (1..=5).map(|n| enrol(&mut vault, &mut log, Role::Custodian, card(&format!("c{n}")))).collect();
        let operator = enrol(&mut vault, &mut log, Role::Operator, card("operator"));
        let keepers = ("keepers", 3, Factor::Password);
        bind(&mut vault, &mut log, keepers, &mut custodians, &operator.card);
        pin(&mut vault, &log, "keepers");
        seal(&mut vault, &mut log, PASSWORD);
        drop(vault);
        let (mut elsewhere, mut their_log) = found(&dir.path().join("elsewhere"));
        let stranger = keep(enrol(&mut elsewhere, &mut their_log, Role::Custodian, card("stranger")));
        let (operator, custodians) = (keep(operator), custodians.into_iter().map(keep).collect());
        Self { vault: path, dir, custodians, operator, stranger }
    }

    /// Two more custodians, both of whom it takes for codes of the authenticator of
    /// [`ADDRESS`], whose seed is sealed.
    pub fn second_factor(&self, seed: &str) -> Vec<Person> {
        self.sealed_with_two(&Contents::Mfa(MfaSeed::read(&secret(seed)).unwrap()))
    }

    /// The same for anything else than a password.
    pub fn sealed_with_two(&self, contents: &Contents) -> Vec<Person> {
        let (mut vault, mut log) = self.open();
        let card = |n: u8| self.dir.path().join(format!("m{n}.card"));
        let mut holders: Vec<_> =
            (1..=2).map(|n| enrol(&mut vault, &mut log, Role::Custodian, card(n))).collect();
        let second = ("second", 2, warifu::seal::contents::Sealable::factor(contents));
        bind(&mut vault, &mut log, second, &mut holders, self.operator.unlock().card());
        pin(&mut vault, &log, "second");
        let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
        vault.seal(&mut log, &address(), contents, provenance, now(), &mut rng()).unwrap();
        holders.into_iter().map(keep).collect()
    }

    pub fn open(&self) -> (Vault, Log) {
        open(&self.vault)
    }

    /// So many more custodians.
    pub fn more_custodians(&self, count: usize) -> Vec<Person> {
        let (mut vault, mut log) = self.open();
        let card = |n: usize| self.dir.path().join(format!("n{n}.card"));
        let enrolled = (1..=count).map(|n| enrol(&mut vault, &mut log, Role::Custodian, card(n)));
        enrolled.map(keep).collect()
    }

    /// Forms a group of these people, whose cards remember it.
    pub fn form(&self, name: &str, threshold: usize, people: &[&Person]) {
        let (mut vault, mut log) = self.open();
        let mut cards: Vec<_> = people.iter().map(|person| person.unlock()).collect();
        let members: Vec<_> = cards.iter().map(|card| card.card().pseudonym().clone()).collect();
        let mut draft = Draft::new(&log.state, &slug(name), threshold, &members, &mut rng()).unwrap();
        cards.iter().for_each(|card| draft.join(&log.state, card.card(), &mut rng()).unwrap());
        cards.iter_mut().for_each(|card| draft.sign(&log.state, card.card_mut()).unwrap());
        vault.form_group(&mut log, draft.finish(), now()).unwrap();
        for (person, card) in people.iter().zip(&cards) {
            std::fs::write(&person.card, card.armour(&mut rng())).unwrap();
        }
    }

    /// These members of a group admit the operator to it.
    pub fn admit(&self, name: &str, people: &[&Person]) {
        let (mut vault, mut log) = self.open();
        let state = log.state.clone();
        let found = group(&state, &slug(name)).unwrap();
        let operator = self.operator.name.parse().unwrap();
        let mut admitted = admission(&state, found, &operator, now() + Span::days(9)).unwrap();
        let digest = admitted.digest(&state.g(found));
        let sign = |person: &&Person| sign_as_member(&state, found, person.unlock().card(), &digest).unwrap();
        admitted.signatures = people.iter().map(sign).collect();
        vault.admit(&mut log, admitted, now()).unwrap();
    }
}

pub fn open(vault: &Path) -> (Vault, Log) {
    let vault = Vault::open(vault, &mut || None).unwrap();
    let log = vault.log(&slug("acme")).unwrap();
    (vault, log)
}

/// A sealer has typed the group's twelve words.
fn pin(vault: &mut Vault, log: &Log, name: &str) {
    let found = group(&log.state, &slug(name)).unwrap().clone();
    let words = warifu::seal::words::fingerprint(&found.fingerprint(&log.state.id)).to_string();
    vault.pin(&log.state, &found, &words).unwrap();
}

/// Seals the next version; gives its number.
pub fn seal(vault: &mut Vault, log: &mut Log, password: &str) -> u64 {
    let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
    vault.seal(log, &address(), &payload(password), provenance, now(), &mut rng()).unwrap().version
}

/// What an operator asks for.
pub fn ask(address: &AccountAddress, window: Span) -> Ask<'_> {
    let (purpose, factor) = (warifu::event::Purpose::Open, Factor::Password);
    Ask { address, purpose, factor, version: None, reason: "a test", ticket: None, mode: Mode::Room, window }
}
