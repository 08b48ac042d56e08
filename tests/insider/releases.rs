//! What an operator is handed, and who is blamed for it.

use crate::support::World;
use warifu::ceremony::recipient::{FinishError, Finished, finish, notices};
use warifu::event::{Ending, Event, Hash, Mode, Shown};
use warifu::hex::HexBytes;
use warifu::message::{Notices, Release};
use warifu::secret::SecretBytes;
use warifu::state::Invalid;
use warifu::time::Span;
use warifu::vault::VaultError;
use warifu::vault::ceremony::requester_secret;

fn quorum(world: &mut World) -> Hash {
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    ceremony
}

fn release(world: &mut World, ceremony: &Hash) -> Release {
    world.vault.release(&mut world.log, ceremony, 0, world.now, &mut world.rng).unwrap()
}

fn open(world: &World, release: &Release) -> Result<Finished, FinishError> {
    let key = requester_secret(&world.operator.card, release).unwrap();
    finish(release, &key, &world.operator.card.first_entry(), None)
}

#[test]
fn an_honest_ceremony_opens_the_record() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let given = release(&mut world, &ceremony);
    assert_eq!(open(&world, &given).unwrap().payload.password.expose(), b"correct horse");
}

#[test]
fn a_release_again_is_for_the_same_key_and_makes_no_entry() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    release(&mut world, &ceremony);
    let size = world.log.state.size;
    let again = release(&mut world, &ceremony);
    assert_eq!(world.log.state.size, size);
    assert!(open(&world, &again).is_ok());
    let stranger = World::people(5);
    assert!(matches!(requester_secret(&stranger.operator.card, &again), Err(VaultError::CeremonyKey)));
}

#[test]
fn a_commit_between_reading_and_releasing_again_raises_no_alarm() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    release(&mut world, &ceremony);
    let mut read_before = world.log.clone();
    world.account("acme/shop/test", "210987654321");
    let later = release(&mut world, &ceremony);
    let seen = open(&world, &later).unwrap().seen;
    let now = world.now;
    let again = world.vault.release(&mut read_before, &ceremony, 0, now, &mut world.rng).unwrap();
    let key = requester_secret(&world.operator.card, &again).unwrap();
    let finished = finish(&again, &key, &world.operator.card.first_entry(), Some(&seen));
    assert!(finished.is_ok(), "{:?}", finished.err());
}

#[test]
fn a_ceremony_ended_by_another_process_releases_nothing_again() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    release(&mut world, &ceremony);
    let mut read_before = world.log.clone();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    let again = world.vault.release(&mut read_before, &ceremony, 0, world.now, &mut world.rng);
    assert!(matches!(again, Err(VaultError::CeremonyEnded(_))));
}

#[test]
fn an_operator_who_blames_a_good_custodian_opens_nothing_by_it() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let given = release(&mut world, &ceremony);
    assert!(open(&world, &given).unwrap().bad.is_empty());
    let (blamed, operator) = (world.custodians[0].name(), &world.operator.card);
    let claim = notices(operator, (&ceremony, 0), &[blamed], None);
    assert_eq!(world.vault.enter_notices(&mut world.log, &claim, world.now).unwrap(), 1);
    // One good share is gone, for the operator alone; the custodian stands as before.
    let again = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng);
    assert!(matches!(again, Err(VaultError::NoQuorum { there: 2, needed: 3 })));
    world.contribute(&ceremony, 3);
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    world.pass(Span::minutes(1));
    let next = world.open();
    for who in [0, 1, 2] {
        world.contribute(&next, who);
    }
    let given = release(&mut world, &next);
    assert!(open(&world, &given).is_ok());
}

#[test]
fn a_notice_of_somebody_else_or_about_something_else_enters_nothing() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let (blamed, operator) = (world.custodians[0].name(), &world.operator.card);
    let good = notices(operator, (&ceremony, 0), std::slice::from_ref(&blamed), Some(Shown::Screen));
    let early = world.vault.enter_notices(&mut world.log, &good, world.now);
    assert!(matches!(early, Err(VaultError::Invalid(Invalid::CeremonyState("share-rejected")))));
    release(&mut world, &ceremony);
    let size = world.log.state.size;
    let forged = notices(&world.custodians[1].card, (&ceremony, 0), &[blamed], None);
    let mut moved = good.clone();
    moved.rejected[0].pseudonym = world.custodians[1].name();
    let mut shown = good.clone();
    shown.revealed.as_mut().unwrap().shown = Shown::Command;
    for bad in [forged, moved, shown, Notices { target: 1, ..good.clone() }] {
        let refused = world.vault.enter_notices(&mut world.log, &bad, world.now);
        assert!(matches!(refused, Err(VaultError::Invalid(Invalid::Signature { .. }))), "{refused:?}");
    }
    assert_eq!(world.log.state.size, size, "all of a notice is entered, or nothing");
    assert_eq!(world.vault.enter_notices(&mut world.log, &good, world.now).unwrap(), 2);
}

#[test]
fn a_log_that_says_nothing_of_a_release_is_refused() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let unreleased = world.lines();
    let mut given = release(&mut world, &ceremony);
    given.checkpoint = world.checkpoint(&unreleased);
    given.entries = unreleased;
    world.host_signs(&mut given);
    assert_eq!(open(&world, &given).err(), Some(FinishError::NotReleased));
}

#[test]
fn a_log_of_another_host_is_refused() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let mut given = release(&mut world, &ceremony);
    let twin = World::people(5);
    given.entries[0] = twin.lines()[0].clone();
    given.checkpoint = twin.checkpoint(&given.entries);
    // The card pins the first entry, and that names the key that signs.
    twin.host_signs(&mut given);
    assert_eq!(open(&world, &given).err(), Some(FinishError::Altered));
    world.host_signs(&mut given);
    assert_eq!(open(&world, &given).err(), Some(FinishError::Altered));
}

#[test]
fn an_ingredient_that_is_not_of_the_announced_key_is_the_hosts() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let mut given = release(&mut world, &ceremony);
    let key = given.signed.request.requester_key;
    let sealing = world.log.state.versions.values().next().unwrap().sealing.clone();
    let root = warifu::secret::SecretKey::from_slice(&[7; 32]).unwrap();
    let other = warifu::pvss::GateKey::derive(&root, &world.log.state.id, 1);
    let made = other.ingredient(&sealing.credential, &sealing.origin, &ceremony, &mut world.rng);
    let boxed = warifu::seal::hpke::seal(
        &key,
        warifu::transcript::label::HPKE_RELEASE,
        &ceremony,
        warifu::ceremony::custodian::FROM_GATE,
        "gate",
        made.proof.expose(),
        &mut world.rng,
    );
    given.ingredient = boxed.unwrap();
    assert_eq!(open(&world, &given).err(), Some(FinishError::Altered));
    world.host_signs(&mut given);
    assert!(matches!(open(&world, &given).err(), Some(FinishError::Ingredient(_))));
}

/// Whoever carries the file can flip any bit of it, and for a box whose key is
/// in the file, make another: neither host nor custodian is convicted by that.
#[test]
fn nobody_is_blamed_for_what_a_courier_altered() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let given = release(&mut world, &ceremony);
    let changes: [&dyn Fn(&mut Release); 14] = [
        &|r| r.ingredient.0[40] ^= 1,
        &|r| r.sealed.0[100] ^= 1,
        &|r| r.dealing.0[100] ^= 1,
        &|r| r.target = 1,
        &|r| r.signed.request.asked = r.signed.request.asked + Span::seconds(1),
        &|r| r.signed.signature.0[0] ^= 1,
        &|r| r.contributions[0].ciphertexts[0].0[40] ^= 1,
        &|r| r.contributions[0].shares[0].0[0] ^= 1,
        &|r| r.contributions[0].size += 1,
        &|r| r.contributions[1] = r.contributions[0].clone(),
        &|r| r.contributions.truncate(2),
        &|r| r.checkpoint.push_str("— another AAAAAGFs\n"),
        &|r| r.entries[3] = r.entries[3].replacen('1', "2", 1),
        &|r| r.signature.0[0] ^= 1,
    ];
    for change in changes {
        let mut altered = given.clone();
        change(&mut altered);
        assert_ne!(altered, given);
        let key = requester_secret(&world.operator.card, &given).unwrap();
        let refused = finish(&altered, &key, &world.operator.card.first_entry(), None).err();
        assert_eq!(refused, Some(FinishError::Altered));
    }
    let mut key = given.clone();
    key.requester_key.0[30] ^= 1;
    assert!(matches!(requester_secret(&world.operator.card, &key), Err(VaultError::CeremonyKey)));
}

/// Under the host's own signature the host is to blame.
#[test]
fn a_contribution_that_the_log_did_not_accept_is_the_hosts() {
    let mut world = World::new();
    let ceremony = quorum(&mut world);
    let given = release(&mut world, &ceremony);
    let who = given.contributions[0].custodian.clone();
    let changes: [&dyn Fn(&mut Release); 4] = [
        &|r| r.contributions[0].ciphertexts[0].0[40] ^= 1,
        &|r| r.contributions[0].shares[0].0[0] ^= 1,
        &|r| r.contributions[0].size += 1,
        &|r| r.contributions[1] = r.contributions[0].clone(),
    ];
    for change in changes {
        let mut altered = given.clone();
        change(&mut altered);
        world.host_signs(&mut altered);
        assert_eq!(open(&world, &altered).err(), Some(FinishError::NotTheirs(who.clone())));
    }
}

#[test]
fn records_swapped_in_the_store_are_refused() {
    let mut world = World::new();
    let first = world.log.state.versions.values().next().unwrap().sealing.clone();
    world.seal();
    let ceremony = quorum(&mut world);
    let given = release(&mut world, &ceremony);
    let record = |name: String| HexBytes(world.vault.record(&world.log.state.id, &name).unwrap());
    let mut sealed = given.clone();
    sealed.sealed = record(warifu::vault::seal::sealed_record(&first.credential));
    world.host_signs(&mut sealed);
    assert_eq!(open(&world, &sealed).err(), Some(FinishError::NotAsAsked("sealed record")));
    let mut dealing = given.clone();
    dealing.dealing = record(warifu::vault::seal::dealing_record(&first.dealing));
    world.host_signs(&mut dealing);
    assert_eq!(open(&world, &dealing).err(), Some(FinishError::NotAsAsked("dealing")));
    let mut target = given;
    target.target = 1;
    world.host_signs(&mut target);
    assert_eq!(open(&world, &target).err(), Some(FinishError::NoTarget(1)));
}

#[test]
fn a_bad_share_is_named_and_another_custodian_takes_the_place() {
    let mut world = World::new();
    let ceremony = world.try_open(Mode::Files, Span::hours(1)).unwrap();
    world.contribute(&ceremony, 0);
    world.contribute(&ceremony, 1);
    let review = world.review(&world.package(&ceremony), 2).unwrap();
    let mut shares = review.open_shares(&world.custodians[2].card, &mut world.rng).unwrap();
    let last = shares[0].expose().len() - 1;
    let mut bent = shares[0].expose().to_vec();
    bent[last - 5] ^= 1;
    shares[0] = SecretBytes::new(bent);
    let (card, code) = (&world.custodians[2].card, world.custodians[2].code(world.now));
    let bad = review.assemble(card, &shares, &code, world.now, &mut world.rng).unwrap();
    assert!(matches!(world.accept(&bad).unwrap(), Event::Accepted(_)));
    let given = release(&mut world, &ceremony);
    let culprit = world.custodians[2].name();
    let too_few = FinishError::TooFew { good: 2, needed: 3, bad: vec![culprit.clone()] };
    assert_eq!(open(&world, &given).err(), Some(too_few));
    let operator = &world.operator.card;
    let claim = notices(operator, (&ceremony, 0), &[culprit], None);
    assert_eq!(world.vault.enter_notices(&mut world.log, &claim, world.now).unwrap(), 1);
    assert_eq!(world.vault.enter_notices(&mut world.log, &claim, world.now).unwrap(), 0, "said already");
    world.contribute(&ceremony, 3);
    let given = release(&mut world, &ceremony);
    let finished = open(&world, &given).unwrap();
    assert_eq!(finished.payload.password.expose(), b"correct horse");
}
