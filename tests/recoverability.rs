//! Could everything that is sealed be opened today? Every way in which a record or
//! a dealing can be wrong is found and its credential named.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code)]
mod support;

use rand::{SeedableRng, rngs::StdRng};
use support::*;
use warifu::audit::recoverability::Fault;
use warifu::event::{Event, Hash, Scope};
use warifu::store::{Batch, RecordKey, Store, sqlite::SqliteStore};
use warifu::time::Span;
use warifu::vault::drill;
use warifu::vault::recoverability::{NotShown, Recoverability};
use warifu::vault::seal::{dealing_record, sealed_record};

fn check(world: &World, group: Option<&str>) -> Recoverability {
    let state = &world.log.state;
    let only = group.map(|name| state.group_by_slug(&slug(name)).unwrap());
    world.vault.recoverability(&world.log, only, world.now, &mut || StdRng::seed_from_u64(9), &|_, _| {})
}

/// What the check says of the one account after somebody wrote the database.
fn after(world: &World, batch: Batch) -> Vec<String> {
    let _durable = SqliteStore::open(world.vault.dir()).unwrap().commit(batch).unwrap();
    let found = check(world, None);
    assert_eq!((found.versions, found.good), (1, 0));
    assert_eq!(found.failed[0].address, "acme/shop/prod");
    assert_eq!((found.groups[0].good, found.groups[0].failed), (0, 1));
    found.failed.into_iter().map(|failed| failed.why).collect()
}

fn key(world: &World, name: String) -> RecordKey {
    RecordKey { log: world.log.state.id, name }
}

fn delete(world: &World, name: String) -> Vec<String> {
    after(world, Batch { delete_records: vec![key(world, name)], ..Batch::default() })
}

/// One bit of a record is another.
fn flip(world: &World, name: String, byte: usize) -> Vec<String> {
    let key = key(world, name);
    let mut bytes = world.vault.store().record(&key).unwrap().unwrap();
    bytes[byte] ^= 1;
    after(world, Batch { put_records: vec![(key, bytes)], ..Batch::default() })
}

fn dealing_of(world: &World, credential: &Hash) -> String {
    dealing_record(&world.log.state.versions[credential].sealing.dealing)
}

#[test]
fn what_was_just_sealed_could_be_opened() {
    let world = World::new();
    let found = check(&world, None);
    assert_eq!((found.versions, found.good, found.failed.len()), (1, 1, 0));
    let group = &found.groups[0];
    assert_eq!((group.group.as_str(), group.threshold, group.members), ("acme/root", 3, 5));
    assert_eq!((group.good, group.failed, group.label.as_str()), (1, 0, "proven"));
}

#[test]
fn without_a_drill_it_is_no_success() {
    let mut world = World::new();
    let short = check(&world, None).not_shown(world.now);
    let group = world.group();
    let keyed = world.log.state.drills.keyed[&group.group];
    let members = |undrilled| NotShown::Members {
        group: "acme/root".to_owned(),
        live: 0,
        within_days: 90,
        threshold: 3,
        undrilled,
    };
    assert_eq!(short, [members(Some(keyed)), NotShown::Gate], "it is said that none was held yet");
    let begun = world.vault.begin_drill(&mut world.log, &group, Span::days(1), world.now, &mut world.rng);
    let begun = begun.unwrap();
    for who in 0..3 {
        let card = &world.custodians[who].card;
        let answer =
            drill::answer(&world.log.state, &group, &begun, card, world.now, &mut world.rng).unwrap();
        let code = world.custodians[who].code(world.now);
        let event = world.vault.answer_drill(&mut world.log, &answer, &code, world.now).unwrap();
        assert!(matches!(event, Event::CustodianProved { .. }), "{event:?}");
    }
    assert_eq!(check(&world, None).not_shown(world.now), []);
    world.pass(Span::days(91));
    let late = check(&world, None).not_shown(world.now);
    assert_eq!(late, [members(None), NotShown::Gate], "it is too long ago");
}

#[test]
fn a_sealed_record_that_is_gone_is_named() {
    let mut world = World::new();
    let credential = world.seal();
    assert_eq!(delete(&world, sealed_record(&credential)), [Fault::SealedGone.to_string()]);
}

#[test]
fn a_sealed_record_that_was_altered_is_named() {
    let mut world = World::new();
    let credential = world.seal();
    assert_eq!(flip(&world, sealed_record(&credential), 200), [Fault::SealedChanged.to_string()]);
}

#[test]
fn a_dealing_that_is_gone_is_named() {
    let mut world = World::new();
    let credential = world.seal();
    assert_eq!(delete(&world, dealing_of(&world, &credential)), [Fault::DealingGone.to_string()]);
}

#[test]
fn a_dealing_of_another_credential_is_named() {
    let mut world = World::new();
    let first = *world.log.state.versions.keys().next().unwrap();
    let second = world.seal();
    let other = world.vault.store().record(&key(&world, dealing_of(&world, &first))).unwrap().unwrap();
    let put_records = vec![(key(&world, dealing_of(&world, &second)), other)];
    let found = after(&world, Batch { put_records, ..Batch::default() });
    assert_eq!(found, [Fault::DealingChanged.to_string()]);
}

/// The id covers `D` and the shares, not the proof: a changed response must be
/// found by the equation.
#[test]
fn a_dealing_whose_proof_was_altered_is_named() {
    let mut world = World::new();
    let credential = world.seal();
    let name = dealing_of(&world, &credential);
    let response = 32 * (5 + 3);
    assert_eq!(flip(&world, name, response), [Fault::DealingUnproven.to_string()]);
}

#[test]
fn only_the_newest_version_is_asked_for() {
    let mut world = World::new();
    let first = *world.log.state.versions.keys().next().unwrap();
    world.seal();
    let batch = Batch { delete_records: vec![key(&world, sealed_record(&first))], ..Batch::default() };
    let _durable = SqliteStore::open(world.vault.dir()).unwrap().commit(batch).unwrap();
    let found = check(&world, None);
    assert_eq!((found.versions, found.good), (1, 1));
}

#[test]
fn each_group_is_counted_alone_and_can_be_asked_for_alone() {
    let mut world = World::people(2);
    let account = world.account("acme/shop/test", "210987654321");
    let root = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let other = world.form("other", 2, &[0, 1, 2]);
    let (id, _) = world.log.state.account_by_slugs(&slug("shop"), &slug("test")).unwrap();
    let scope = Scope::Account(*id);
    world.bind(&root, Scope::Organisation, &[0, 1, 2]);
    world.bind(&other, scope, &[0, 1]);
    world.pin(&root);
    world.pin(&other);
    world.seal();
    let credential = world.seal_at(&account);
    let _durable = SqliteStore::open(world.vault.dir())
        .unwrap()
        .commit(Batch { delete_records: vec![key(&world, sealed_record(&credential))], ..Batch::default() })
        .unwrap();
    let all = check(&world, None);
    assert_eq!((all.versions, all.good, all.groups.len()), (2, 1, 2));
    let root = check(&world, Some("root"));
    assert_eq!((root.versions, root.good, root.groups.len()), (1, 1, 1));
    let other = check(&world, Some("other"));
    assert_eq!((other.versions, other.good), (1, 0));
    assert_eq!(other.failed[0].address, "acme/shop/test");
    assert_eq!(other.failed[0].group, "acme/other");
}
