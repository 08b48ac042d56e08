//! One person in two organisations: what is stored of the one card and of the other has
//! no more in common than what is stored of two strangers' cards. Time apart, of which
//! the threat model speaks: whatever is a time is passed over.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use rand::{SeedableRng, rngs::StdRng};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use warifu::ceremony::custodian;
use warifu::event::{Event, Mode, Purpose, Scope};
use warifu::name::{Factor, OrganisationId, Provider, Pseudonym, Slug};
use warifu::seal::card::{Card, Role};
use warifu::seal::card_file::UnlockedCard;
use warifu::seal::contents::Identity;
use warifu::seal::passphrase::KdfParams;
use warifu::seal::record::Payload;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::seal::words;
use warifu::secret::SecretBytes;
use warifu::store::sqlite::SqliteStore;
use warifu::store::{RecordKey, Store};
use warifu::time::{Span, Time};
use warifu::vault::ceremony::{Ask, List};
use warifu::vault::hierarchy::NewAccount;
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault, drill, group, people};

/// Sixteen bytes that stand somewhere.
type Window = [u8; 16];

/// What the person at the keyboard is the same by.
struct Who {
    name: &'static str,
    contact: &'static str,
    passphrase: &'static str,
}

const ONE: Who = Who {
    name: "Dr. Kassandra Sonnenschein-Zwirbel",
    contact: "kassandra.zwirbel@example.com, 0664 1234567",
    passphrase: "heron lantern quartz violin meadow",
};
const STRANGER: Who = Who {
    name: "Balthasar Eichhorn von und zu Tal ",
    contact: "balthasar.eichhorn@example.net 0699 765432",
    passphrase: "saffron gondola whisper anvil marmot",
};

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

/// The vault, with a clock that never shows the same twice.
struct World {
    vault: Vault,
    now: Time,
    rng: StdRng,
}

/// Somebody with a card.
struct Person {
    card: Card,
    totp: TotpSecret,
}

impl World {
    fn tick(&mut self) -> Time {
        self.now = self.now + Span::seconds(61);
        self.now
    }

    fn enrol(&mut self, log: &mut Log, role: Role) -> Person {
        let now = self.tick();
        let pending = people::new_person(&log.state, role, &mut self.rng);
        let code = pending.totp.code_at(step_of(now.unix_seconds()));
        self.vault.enrol(log, &pending, &code, now, &mut self.rng).unwrap();
        Person { card: pending.card, totp: pending.totp }
    }

    fn contribute(&mut self, log: &mut Log, ceremony: &warifu::event::Hash, who: &Person) {
        let now = self.tick();
        let package = self.vault.package(log, ceremony).unwrap();
        let review = custodian::review(&package, &who.card, None, now).unwrap();
        let code = who.totp.code_at(step_of(now.unix_seconds()));
        let answer = review.contribute(&who.card, &code, now, &mut self.rng).unwrap();
        let event = self.vault.accept(log, &answer, now).unwrap();
        assert!(matches!(event, Event::Accepted(_)), "{event:?}");
    }
}

/// An organisation of its own people and one person more, who takes part in all that a
/// custodian can: enrolled, with a sealed identity, in a group, in a drill, in a ceremony
/// that is over and one that is open, and looked for in one. Gives all that is stored.
/// Long, because it is a story.
fn organisation(world: &mut World, dir: &Path, slug: &str, account: &str, who: &Who) -> Vec<Vec<u8>> {
    let slug: Slug = slug.parse().unwrap();
    let now = world.tick();
    let mut log = world.vault.add_organisation(&slug, None, &|| now, &mut world.rng).unwrap();
    let person = world.enrol(&mut log, Role::Custodian);
    let others = [(); 2].map(|()| world.enrol(&mut log, Role::Custodian));
    let operator = world.enrol(&mut log, Role::Operator);
    let now = world.tick();
    let address = format!("{slug}/shop/production").parse().unwrap();
    world.vault.add_project(&format!("{slug}/shop").parse().unwrap(), None, &|| now, &mut world.rng).unwrap();
    let new = NewAccount { address: &address, name: None, provider: Provider::Aws, external_id: account };
    world.vault.add_account(&new, &|| now, &mut world.rng).unwrap();
    log = world.vault.log(&slug).unwrap();
    let mut everybody = [person, others.into_iter().next().unwrap()];
    hold(world, &mut log, &mut everybody, &operator);
    let [person, other] = everybody;
    let now = world.tick();
    let payload = Payload { login: secret("root"), password: secret("correct horse"), notes: secret("") };
    let provenance = Provenance { made: warifu::event::Made::Typed, shown: warifu::event::Shown::Nobody };
    world.vault.seal(&mut log, &address, &payload, provenance, now, &mut world.rng).unwrap();
    let now = world.tick();
    let identity = Identity::new(&secret(who.name), &secret(who.contact)).unwrap();
    world.vault.seal_identity(&mut log, &person.card, identity, now, &mut world.rng).unwrap();
    let now = world.tick();
    let group = log.state.group_by_slug(&"keepers".parse().unwrap()).unwrap().clone();
    let begun = world.vault.begin_drill(&mut log, &group, Span::days(7), now, &mut world.rng).unwrap();
    let answer = drill::answer(&log.state, &group, &begun, &person.card, now, &mut world.rng).unwrap();
    let code = person.totp.code_at(step_of(now.unix_seconds()));
    world.vault.answer_drill(&mut log, &answer, &code, now).unwrap();
    let (reason, ticket) = ("the bill of the month is unpaid", Some("OPS-1234567890123"));
    let ask = Ask {
        address: &address,
        purpose: Purpose::Open,
        factor: Factor::Password,
        version: None,
        reason,
        ticket,
        mode: Mode::Files,
        window: Span::hours(24),
    };
    for over in [true, false] {
        let now = world.tick();
        let ceremony =
            world.vault.open_ceremony(&mut log, &operator.card, &ask, now, &mut world.rng).unwrap();
        world.contribute(&mut log, &ceremony, &person);
        if over {
            let now = world.tick();
            world.vault.end_ceremony(&mut log, &ceremony, warifu::event::Ending::Aborted, now).unwrap();
        }
    }
    let list = List {
        purpose: Purpose::Identify,
        targets: Vec::new(),
        reason,
        ticket,
        mode: Mode::Files,
        window: Span::hours(24),
    };
    let (now, name) = (world.tick(), person.card.pseudonym().clone());
    let ceremony = world
        .vault
        .open_identity(&mut log, &operator.card, (&name, None), &list, now, &mut world.rng)
        .unwrap();
    for one in [&person, &other] {
        world.contribute(&mut log, &ceremony, one);
    }
    let now = world.tick();
    world.vault.release(&mut log, &ceremony, 0, now, &mut world.rng).unwrap();
    assert_eq!(world.vault.verify(None).unwrap().findings, []);
    let seen = serde_json::to_vec(&world.vault.shown(&log).unwrap()).unwrap();
    let card = UnlockedCard::protect(person.card, &secret(who.passphrase), KdfParams::FLOOR, &mut world.rng);
    let armour = card.unwrap().armour(&mut world.rng).as_bytes().to_vec();
    [stored(dir, &log.state.id), vec![armour, seen]].concat()
}

/// One group of two, which holds passwords and identities, and admits the operator.
fn hold(world: &mut World, log: &mut Log, members: &mut [Person; 2], operator: &Person) {
    let names: Vec<Pseudonym> = members.iter().map(|one| one.card.pseudonym().clone()).collect();
    let slug = "keepers".parse().unwrap();
    let mut draft = group::Draft::new(&log.state, &slug, 2, &names, &mut world.rng).unwrap();
    for one in &*members {
        draft.join(&log.state, &one.card, &mut world.rng).unwrap();
    }
    for one in &mut *members {
        draft.sign(&log.state, &mut one.card).unwrap();
    }
    let (formed, now) = (draft.finish(), world.tick());
    world.vault.form_group(log, formed.clone(), now).unwrap();
    let sign = |log: &Log, digest: &[u8; 64]| {
        let sign = |one: &Person| group::sign_as_member(&log.state, &formed, &one.card, digest).unwrap();
        members.iter().map(sign).collect::<Vec<_>>()
    };
    let now = world.tick();
    let who = operator.card.pseudonym();
    let mut admission = group::admission(&log.state, &formed, who, now + Span::days(30)).unwrap();
    admission.signatures = sign(log, &admission.digest(&log.state.g(&formed)));
    world.vault.admit(log, admission, now).unwrap();
    for factor in [Factor::Password, Factor::Identity] {
        let now = world.tick();
        let (mut binding, _) = group::binding(&log.state, Scope::Organisation, factor, &formed, now);
        binding.signatures = sign(log, &binding.digest(&log.state.id, &log.state.g(&formed)));
        world.vault.bind(log, binding, now).unwrap();
    }
    let words = words::fingerprint(&formed.fingerprint(&log.state.id)).to_string();
    world.vault.pin(&log.state, &formed, &words).unwrap();
}

/// Every entry, record, projection and row of a log, with the names of the latter three,
/// and its checkpoint and frontier.
fn stored(dir: &Path, id: &OrganisationId) -> Vec<Vec<u8>> {
    let store = SqliteStore::open(dir).unwrap();
    let size = store.size(id).unwrap();
    let entries = store.entries(id, 0..size).unwrap();
    let mut cells: Vec<_> = entries.iter().map(|entry| entry.as_bytes().to_vec()).collect();
    for name in store.record_names(id).unwrap() {
        cells.push(store.record(&RecordKey { log: *id, name: name.clone() }).unwrap().unwrap());
        cells.push(name.into_bytes());
    }
    let database = Connection::open(dir.join("vault.db")).unwrap();
    let number = "(SELECT number FROM log WHERE id = ?1)";
    for column in [
        format!("SELECT bytes FROM projection WHERE log = {number}"),
        format!("SELECT bytes FROM row WHERE log = {number}"),
        format!("SELECT CAST(name AS BLOB) FROM row WHERE log = {number}"),
        "SELECT frontier FROM log WHERE id = ?1".to_owned(),
        "SELECT CAST(checkpoint AS BLOB) FROM log WHERE id = ?1".to_owned(),
    ] {
        let mut rows = database.prepare(&column).unwrap();
        let found = rows.query_map([id.as_ref()], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let before = cells.len();
        cells.extend(found.map(Result::unwrap));
        assert!(cells.len() > before, "{column}");
    }
    cells
}

/// All that is sixteen bytes long somewhere in these cells, encodings undone.
fn windows(cells: &[Vec<u8>]) -> BTreeSet<Window> {
    let mut found = BTreeSet::new();
    for cell in cells {
        match (serde_json::from_slice::<Value>(cell), std::str::from_utf8(cell)) {
            (Ok(value @ (Value::Object(_) | Value::Array(_))), _) => walk(&value, &mut found),
            (_, Ok(text)) => text.split_whitespace().for_each(|word| token(word, &mut found)),
            _ => take(cell, &mut found),
        }
    }
    found
}

fn walk(value: &Value, found: &mut BTreeSet<Window>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            token(name, found);
            walk(member, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        // A note within JSON has lines.
        Value::String(text) => text.split_whitespace().for_each(|word| token(word, found)),
        _ => {}
    }
}

fn token(text: &str, found: &mut BTreeSet<Window>) {
    if Time::parse(text).is_ok() {
        return;
    }
    take(text.as_bytes(), found);
    for part in text.split('/').filter(|part| part.len() >= 32) {
        for decoded in [HEXLOWER_PERMISSIVE.decode(part.as_bytes()), BASE64.decode(part.as_bytes())] {
            decoded.into_iter().for_each(|bytes| take(&bytes, found));
        }
    }
    // Base64 has slashes of its own.
    BASE64.decode(text.as_bytes()).into_iter().for_each(|bytes| take(&bytes, found));
}

fn take(bytes: &[u8], found: &mut BTreeSet<Window>) {
    found.extend(bytes.windows(16).map(|window| Window::try_from(window).unwrap()));
}

fn shown(windows: BTreeSet<&Window>) -> Vec<String> {
    windows.into_iter().map(|window| String::from_utf8_lossy(window).into_owned()).collect()
}

#[test]
fn two_cards_of_one_person_share_nothing_that_two_strangers_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("vault");
    let mut rng = StdRng::seed_from_u64(11);
    let now = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
    let vault = Vault::init(&path, &"vault.example/warifu".parse().unwrap(), None, now, &mut rng).unwrap();
    let mut world = World { vault, now, rng };
    let first = organisation(&mut world, &path, "one", "111111111111", &ONE);
    let again = organisation(&mut world, &path, "two", "222222222222", &ONE);
    let other = organisation(&mut world, &path, "six", "333333333333", &STRANGER);
    assert!(first.len() > 60, "{}", first.len());
    let [own, same, strange] = [&first, &again, &other].map(|cells| windows(cells));
    assert!(own.len() > 20_000, "{}", own.len());
    let common: BTreeSet<_> = own.intersection(&same).collect();
    let constants: BTreeSet<_> = own.intersection(&strange).collect();
    // There is something that all cards share: words of the format, the vault's id.
    assert!(constants.len() > 50, "{}", constants.len());
    let links: BTreeSet<_> = common.difference(&constants).copied().collect();
    assert!(links.is_empty(), "one person is found by {:?}", shown(links));
    let missing: BTreeSet<_> = constants.difference(&common).copied().collect();
    assert!(missing.is_empty(), "only strangers share {:?}", shown(missing));
    // Nothing of who it is lies in the clear.
    for text in [ONE.name, ONE.contact, ONE.passphrase] {
        assert!(text.as_bytes().windows(16).all(|window| !own.contains(window)), "{text}");
    }
}

/// The comparison would find a link: an unsalted hash of a name, or a key, in whatever
/// form it is stored.
#[test]
fn a_link_is_found_where_there_is_one() {
    let linked = *b"hash of the name";
    let hex = HEXLOWER_PERMISSIVE.encode(&[linked, linked].concat());
    let filler = |n: u8| vec![n; 40];
    let forms: [Vec<u8>; 5] = [
        [filler(200), linked.to_vec(), filler(201)].concat(),
        serde_json::to_vec(&serde_json::json!({ "event": { "x": [{ "key": hex }] } })).unwrap(),
        serde_json::to_vec(&serde_json::json!({ hex.clone(): 1 })).unwrap(),
        format!("account/{hex}").into_bytes(),
        format!("vault.example\n— key {}\n", BASE64.encode(&[&linked[..], b"!"].concat())).into_bytes(),
    ];
    for form in forms {
        assert!(windows(std::slice::from_ref(&form)).contains(&linked), "{}", String::from_utf8_lossy(&form));
    }
}
