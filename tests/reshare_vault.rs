//! Resharing in a vault: what a group holds goes to another or to its own next epoch,
//! everything opens, nothing old is of use, and what the log must refuse it refuses.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/hand_over.rs"]
mod hand_over;
#[allow(dead_code)]
mod support;

use hand_over::{Held, admit, hand_over, open, renew, renewal};
use rand::{SeedableRng, rngs::StdRng};
use std::fs;
use std::path::Path;
use support::*;
use warifu::audit::recoverability::Label;
use warifu::ceremony::custodian::ReviewError;
use warifu::ceremony::recipient::finish;
use warifu::ceremony::reshare::{SignRefusal, review};
use warifu::event::{
    Actor, DealingsDestroyed, Ending, Event, GroupStatement, Hash, Mode, RedealingRejected, ReshareDone,
    Scope, Signed,
};
use warifu::hex::Bytes;
use warifu::name::Factor;
use warifu::state::{Invalid, NOTICE};
use warifu::store::Store;
use warifu::time::Span;
use warifu::vault::ceremony::requester_secret;
use warifu::vault::seal::{dealing_record, sealed_record};
use warifu::vault::{Vault, VaultError, group};

/// Five custodians in 3-of-5 `root`, which holds three versions, and nine more.
fn world() -> World {
    let mut world = World::new();
    world.enrol_more(9);
    let second = world.account("acme/shop/test", "123456789013");
    world.seal_at(&second);
    world.seal();
    world
}

/// What these custodians open of the account's newest version.
fn opens(world: &mut World, who: &[usize]) -> String {
    world.pass(Span::minutes(2));
    let ceremony = world.open();
    who.iter().for_each(|one| world.contribute(&ceremony, *one));
    let now = world.now;
    let release = world.vault.release(&mut world.log, &ceremony, 0, now, &mut world.rng).unwrap();
    let key = requester_secret(&world.operator.card, &release).unwrap();
    let finished = finish(&release, &key, &world.log.state.first_entry, None).unwrap();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, now).unwrap();
    finished.contents.password().unwrap().password.expose_str().unwrap().to_owned()
}

fn verifies(world: &World) {
    let report = world.vault.verify(None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

fn record_of(world: &World, credential: &Hash) -> Vec<u8> {
    let dealing = world.log.state.versions[credential].sealing.dealing;
    world.vault.record(&world.log.state.id, &dealing_record(&dealing)).unwrap()
}

fn recoverable(world: &World, label: Label) {
    let mut seed = 0;
    let mut rng = || {
        seed += 1;
        StdRng::seed_from_u64(seed)
    };
    let found = world.vault.recoverability(&world.log, None, world.now, &mut rng, &|_, _| {});
    assert_eq!((found.versions, found.good), (2, 2), "{:?}", found.failed);
    assert!(found.groups.iter().all(|group| group.label == label), "{found:?}");
    let attested: u64 = found.groups.iter().map(|group| group.attested).sum();
    assert_eq!(attested, if label == Label::Attested { 2 } else { 0 });
}

#[test]
fn three_of_five_to_five_of_nine_to_two_of_three_and_everything_opens() {
    let mut world = world();
    let root = world.group();
    recoverable(&world, Label::Proven);
    let nine = world.form("nine", 5, &[5, 6, 7, 8, 9, 10, 11, 12, 13]);
    hand_over(&mut world, &root, &nine, &[0, 2, 4]);
    recoverable(&world, Label::Attested);
    verifies(&world);
    admit(&mut world, &nine, &[5, 6, 7, 8, 9]);
    assert_eq!(opens(&mut world, &[5, 7, 9, 11, 13]), "correct horse");

    let three = world.form("three", 2, &[1, 6, 3]);
    hand_over(&mut world, &nine, &three, &[6, 8, 9, 12, 13]);
    recoverable(&world, Label::Attested);
    verifies(&world);
    admit(&mut world, &three, &[1, 3]);
    assert_eq!(opens(&mut world, &[6, 3]), "correct horse");
    assert_eq!(world.log.state.reshare_list((&nine).into()), []);
    assert!(world.log.state.reshares.replaced.is_empty());
}

#[test]
fn a_record_is_no_larger_after_many_resharings_than_after_one() {
    let mut world = world();
    let (mut from, credential) = (world.group(), *world.log.state.versions.keys().next().unwrap());
    let mut sizes = Vec::new();
    for name in ["a", "b", "c"] {
        let to = world.form(name, 3, &[0, 1, 2, 3, 4]);
        hand_over(&mut world, &from, &to, &[0, 1, 2]);
        admit(&mut world, &to, &[0, 1, 2]);
        sizes.push(record_of(&world, &credential).len());
        from = to;
    }
    assert_eq!(sizes, [sizes[0]; 3]);
    assert_eq!(opens(&mut world, &[2, 3, 4]), "correct horse");
}

#[test]
fn the_gates_ingredient_stays_that_of_the_first_dealing() {
    let mut world = world();
    let (root, before) = (world.group(), world.log.state.versions.clone());
    let new = world.form("new", 2, &[0, 1, 5]);
    hand_over(&mut world, &root, &new, &[0, 1, 2]);
    for (credential, version) in &world.log.state.versions {
        let (now, then) = (&version.sealing, &before[credential].sealing);
        assert_eq!((now.origin, now.payload), (then.origin, then.payload));
        assert_ne!(now.dealing, then.dealing);
        assert_eq!((now.group, now.epoch), (new.group, 1));
        let old = world.vault.record(&world.log.state.id, &dealing_record(&then.dealing));
        assert!(matches!(old, Err(VaultError::RecordGone(_))), "the old dealing is destroyed");
        world.vault.record(&world.log.state.id, &sealed_record(credential)).unwrap();
    }
}

#[test]
fn a_refresh_gives_the_same_members_new_keys() {
    let mut world = world();
    let root = world.group();
    let next = renew(&mut world, &root, &[0, 1, 2, 3, 4]);
    assert_eq!((next.epoch, next.previous), (2, Some(Bytes(root.digest(&world.log.state.id)))));
    // Until it is handed over, what is there opens with the old keys.
    assert_eq!(opens(&mut world, &[0, 1, 2]), "correct horse");
    verifies(&world);
    hand_over(&mut world, &root, &next, &[1, 2, 3]);
    verifies(&world);
    recoverable(&world, Label::Attested);
    let refused = world.try_open(Mode::Files, Span::hours(1));
    assert!(matches!(refused, Err(VaultError::NotAdmitted { .. })), "an admission is for one epoch");
    admit(&mut world, &next, &[0, 1, 2]);
    assert_eq!(opens(&mut world, &[0, 3, 4]), "correct horse");
    assert_eq!(world.log.state.bindings[0].epoch, 2);
}

#[test]
fn a_next_epoch_must_be_of_the_same_members_with_new_keys_and_agreed() {
    let mut world = world();
    let root = world.group();
    let good = renewal(&mut world, &root, &[0, 1, 2, 3, 4]);
    let forged = |change: &dyn Fn(&mut warifu::event::Renewal)| {
        let mut forged = good.clone();
        change(&mut forged);
        world.forge(Actor::Host, Event::GroupRenewed(forged)).err()
    };
    assert_eq!(forged(&|_| {}), None);
    let few = Some(Invalid::TooFewSignatures { found: 2, needed: 3 });
    assert_eq!(forged(&|renewal| drop(renewal.agreed.pop())), few);
    let statement = Some(Invalid::Mismatch("group statement"));
    assert_eq!(forged(&|renewal| renewal.statement.threshold = 2), statement);
    assert_eq!(forged(&|renewal| renewal.statement.members.swap(0, 1)), statement);
    assert_eq!(forged(&|renewal| renewal.statement.epoch = 3), statement);
    assert_eq!(forged(&|renewal| renewal.statement.previous = None), statement);
    assert_eq!(
        forged(&|renewal| renewal.statement.members[0].share_key = root.members[0].share_key),
        Some(Invalid::Mismatch("share key"))
    );
    let signature = forged(&|renewal| renewal.agreed[0].signature.0[0] ^= 1);
    assert!(matches!(signature, Some(Invalid::Signature { .. })));
    let own = forged(&|renewal| renewal.statement.signatures[4].0[0] ^= 1);
    assert!(matches!(own, Some(Invalid::Signature { .. })));
}

#[test]
fn what_is_sealed_from_the_first_part_on_is_the_new_groups() {
    let mut world = world();
    let root = world.group();
    let new = world.form("new", 2, &[5, 6, 7]);
    let serial = world.log.state.binding_serial;
    hand_over(&mut world, &root, &new, &[0, 1, 2]);
    assert_eq!(world.log.state.binding_serial, serial + 1, "what was signed before is of no use");
    world.pin(&new);
    let credential = world.seal();
    assert_eq!(world.log.state.versions[&credential].sealing.group, new.group);
    admit(&mut world, &new, &[5, 6]);
    assert_eq!(opens(&mut world, &[5, 7]), "correct horse");
}

#[test]
fn weakened_versions_are_whole_again() {
    let mut world = world();
    let ceremony = world.open();
    world.contribute(&ceremony, 0);
    let now = world.now;
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, now).unwrap();
    let weakened = |world: &World| {
        let state = &world.log.state;
        state.versions.keys().map(|credential| state.weakened(credential)).sum::<usize>()
    };
    assert_eq!(weakened(&world), 1);
    let (root, new) = (world.group(), world.form("new", 2, &[0, 1, 2]));
    hand_over(&mut world, &root, &new, &[0, 1, 2]);
    assert_eq!(weakened(&world), 0);
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A backup is what it is: the old members open what is in one from before.
#[test]
fn the_old_quorum_opens_a_copy_from_before_and_nothing_of_one_from_after() {
    let mut world = world();
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    copied(world.vault.dir(), &before);
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    hand_over(&mut world, &root, &new, &[0, 1, 2]);
    admit(&mut world, &new, &[5, 6]);
    copied(world.vault.dir(), &after);

    let put_in = |dir: &Path, world: &mut World| {
        world.vault = Vault::open(dir, &mut || None).unwrap();
        world.log = world.vault.log(&slug("acme")).unwrap();
    };
    put_in(&after, &mut world);
    world.pass(Span::minutes(2));
    let ceremony = world.open();
    let package = world.package(&ceremony);
    for who in 0..5 {
        assert!(matches!(world.review(&package, who), Err(ReviewError::NotAHolder(_))));
    }
    // Nor does any file of it hold an old dealing.
    put_in(&before, &mut world);
    let old: Vec<_> = world.log.state.versions.values().map(|version| version.sealing.dealing).collect();
    let old: Vec<_> =
        old.iter().map(|id| world.vault.record(&world.log.state.id, &dealing_record(id)).unwrap()).collect();
    let found = |dir: &Path, needle: &[u8]| {
        fs::read_dir(dir).unwrap().any(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(64).any(|window| window == &needle[32..96])
        })
    };
    assert!(old.iter().all(|dealing| found(&before, dealing)), "the search finds what is there");
    assert!(!old.iter().any(|dealing| found(&after, dealing)));
    assert_eq!(opens(&mut world, &[0, 3, 4]), "correct horse");
}

#[test]
fn a_group_that_would_hold_password_and_codes_is_refused_before_anything_is_done() {
    let mut world = world();
    let codes = world.form("codes", 2, &[5, 6]);
    let (mut bound, _) =
        group::binding(&world.log.state, Scope::Organisation, Factor::Mfa, &codes, world.now);
    let digest = bound.digest(&world.log.state.id, &world.log.state.g(&codes));
    let signers = [5, 6].map(|who| {
        group::sign_as_member(&world.log.state, &codes, &world.custodians[who].card, &digest).unwrap()
    });
    bound.signatures = signers.to_vec();
    world.vault.bind(&mut world.log, bound, world.now).unwrap();
    let (root, both) = (world.group(), world.form("both", 2, &[0, 1, 6]));
    let size = world.log.state.size;
    let refused = open(&mut world, &root, &both).err();
    assert!(matches!(refused, Some(VaultError::Invalid(Invalid::NotApart { .. }))), "{refused:?}");
    assert_eq!(world.log.state.size, size);
}

#[test]
fn while_it_runs_nothing_of_it_is_opened_and_the_other_way_round() {
    let mut world = world();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let ceremony = world.open();
    let refused = open(&mut world, &root, &new).err();
    assert!(matches!(refused, Some(VaultError::Invalid(Invalid::CeremonyBusy))), "{refused:?}");
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let held = open(&mut world, &root, &new).unwrap();
    let refused = world.try_open(Mode::Files, Span::hours(1));
    assert!(matches!(refused, Err(VaultError::CeremonyBusy { .. })), "{refused:?}");
    assert!(matches!(open(&mut world, &root, &new), Err(VaultError::Invalid(Invalid::CeremonyBusy))));
    held.end(&mut world);
}

#[test]
fn an_operator_who_is_not_admitted_or_was_stopped_moves_nothing() {
    let mut world = world();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let mut held = open(&mut world, &root, &new).unwrap();
    held.agree(&mut world, &[0, 1, 2]);
    let checked = {
        let chunk = held.chunk(&world);
        let offers = held.redealt(&mut world, &chunk);
        held.check(&mut world, &chunk, &offers).unwrap()
    };
    let signed = held.signed(&world, &checked);
    let admission = *world.log.state.admissions.keys().next().unwrap();
    world.vault.revoke_admission(&mut world.log, admission, &world.custodians[4].card, world.now).unwrap();
    let refused = world.vault.enter_reshared(&mut world.log, &checked, signed, world.now);
    assert!(matches!(refused, Err(VaultError::Invalid(Invalid::NotAdmitted { .. }))), "{refused:?}");
    held.end(&mut world);
    let refused = open(&mut world, &root, &new).err();
    assert!(matches!(refused, Some(VaultError::NotAdmitted { .. })), "{refused:?}");
}

/// A ceremony with three contributors, and what they have signed for its only part.
fn signed() -> (World, GroupStatement, Held, ReshareDone) {
    let mut world = world();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let mut held = open(&mut world, &root, &new).unwrap();
    held.agree(&mut world, &[0, 1, 2]);
    let chunk = held.chunk(&world);
    let offers = held.redealt(&mut world, &chunk);
    let checked = held.check(&mut world, &chunk, &offers).unwrap();
    let contributors = held.signed(&world, &checked);
    let done = ReshareDone { ceremony: held.ceremony, versions: checked.versions().to_vec(), contributors };
    (world, root, held, done)
}

#[test]
fn a_host_cannot_say_that_versions_were_handed_over() {
    let (mut world, _, held, good) = signed();
    let forged = |change: &dyn Fn(&mut ReshareDone)| {
        let mut forged = good.clone();
        change(&mut forged);
        world.forge(Actor::Host, Event::Reshared(forged)).err()
    };
    assert_eq!(forged(&|_| {}), None);
    let list = Some(Invalid::Mismatch("list of versions"));
    assert_eq!(forged(&|done| done.versions.clear()), Some(Invalid::Signature { who: name(&world, 0) }));
    let signature = Some(Invalid::Signature { who: name(&world, 0) });
    assert_eq!(forged(&|done| done.versions[0].dealing.0[0] ^= 1), signature);
    assert_eq!(forged(&|done| done.versions[0].links.0[0] ^= 1), signature);
    assert_eq!(forged(&|done| done.versions.swap(0, 1)), signature);
    assert_eq!(forged(&|done| done.versions.truncate(2)), signature);
    assert_eq!(
        forged(&|done| drop(done.contributors.pop())),
        Some(Invalid::TooFewSignatures { found: 2, needed: 3 })
    );
    assert_eq!(
        forged(&|done| done.contributors.swap(0, 1)),
        Some(Invalid::Mismatch("order of contributors"))
    );
    let twice = forged(&|done| done.contributors[1] = done.contributors[0].clone());
    assert_eq!(twice, Some(Invalid::Mismatch("order of contributors")));
    let digest = digest(&good);
    let another = |who: usize| Signed {
        pseudonym: world.custodians[who].name(),
        signature: world.custodians[who].sign(&digest),
    };
    // Whose code was not right in this ceremony.
    let absent = forged(&|done| done.contributors[2] = another(3));
    assert!(matches!(absent, Some(Invalid::NotA { what: "a contributor of this ceremony", .. })));
    let stranger = forged(&|done| done.contributors[2] = another(6));
    assert!(matches!(stranger, Some(Invalid::NotA { what: "a member of the group", .. })));
    let by_card = world.forge(world.custodians[0].actor(), Event::Reshared(good.clone()));
    assert!(matches!(by_card, Err(Invalid::WrongActor { .. })));
    // The same list with another credential is signed by nobody, whatever it names.
    let other = forged(&|done| done.versions[0].credential = Bytes([7; 64]));
    assert!(other.is_some() && other != list, "{other:?}");
    world.pass(Span::hours(2));
    let late = world.forge(Actor::Host, Event::Reshared(good.clone())).err();
    assert_eq!(late, Some(Invalid::CeremonyState("reshared")));
    drop(held);
}

fn name(world: &World, who: usize) -> String {
    world.custodians[who].name().to_string()
}

fn digest(done: &ReshareDone) -> [u8; 64] {
    let pairs: Vec<_> = done.versions.iter().map(|version| (version.dealing, version.links)).collect();
    warifu::pvss::reshared_digest(&done.ceremony, &pairs).0
}

#[test]
fn what_was_handed_over_is_not_handed_over_again() {
    let (mut world, _, _, good) = signed();
    let next = world.forge(Actor::Host, Event::Reshared(good.clone())).unwrap();
    let again = forge_on(&next, world.now, Actor::Host, Event::Reshared(good)).err();
    assert_eq!(again, Some(Invalid::CeremonyState("reshared")));
    world.pass(Span::minutes(1));
}

#[test]
fn an_old_dealing_is_destroyed_only_once_another_is_in_its_place() {
    let (world, _, _, good) = signed();
    let old: Vec<_> = world.log.state.versions.values().map(|version| version.sealing.dealing).collect();
    let mut dealings = old.clone();
    dealings.sort();
    let gone =
        |dealings: &[Hash]| Event::DealingsDestroyed(DealingsDestroyed { dealings: dealings.to_vec() });
    let list = Some(Invalid::Mismatch("list of dealings"));
    assert_eq!(world.forge(Actor::Host, gone(&dealings)).err(), list);
    let next = world.forge(Actor::Host, Event::Reshared(good)).unwrap();
    let on = |dealings: &[Hash]| forge_on(&next, world.now, Actor::Host, gone(dealings));
    assert_eq!(on(&[]).err(), list);
    assert_eq!(on(&[dealings[1], dealings[0]]).err(), list);
    let then = on(&dealings).unwrap();
    assert!(then.reshares.replaced.is_empty());
    assert_eq!(forge_on(&then, world.now, Actor::Host, gone(&dealings[..1])).err(), list);
}

#[test]
fn a_new_dealing_that_is_not_in_the_store_keeps_the_old_one() {
    let (mut world, _, held, good) = signed();
    // A host that enters the fact and not the records.
    world.force(vec![(Actor::Host, Event::Reshared(good.clone()))], Vec::new());
    world.log = world.vault.log(&slug("acme")).unwrap();
    let refused = world.vault.clear_replaced(&mut world.log, world.now, &mut world.rng);
    assert!(matches!(refused, Err(VaultError::RecordGone(_))), "{refused:?}");
    assert_eq!(world.log.state.reshares.replaced.len(), 3, "every old dealing is there still");
    for id in world.log.state.reshares.replaced.keys() {
        world.vault.record(&world.log.state.id, &dealing_record(id)).unwrap();
    }
    drop(held);
}

#[test]
fn a_card_signs_one_outcome_for_each_old_dealing() {
    let (mut world, root, mut held, _) = signed();
    let again = |held: &Held, world: &mut World| {
        let chunk = held.chunk(world);
        let offers = held.redealt(world, &chunk);
        held.check(world, &chunk, &offers).unwrap()
    };
    let other = again(&held, &mut world);
    let refused = held.reviews[&0].to_keep(&other, held.kept.get(&0)).unwrap_err();
    assert_eq!(refused, SignRefusal::SignedAnother(held.ceremony));
    // Nothing is signed before it is kept.
    let unkept = held.reviews[&0].sign(&world.custodians[0].card, &other, &held.kept[&0]);
    assert_eq!(unkept.unwrap_err(), SignRefusal::NotKept);
    // Somebody is set aside, on record: it may sign anew what another completes.
    let credential = *world.log.state.versions.keys().next().unwrap();
    let custodian = world.custodians[2].name();
    let rejected = RedealingRejected { ceremony: held.ceremony, custodian, credential };
    world
        .vault
        .commit_host(
            &mut world.log,
            world.now,
            vec![Event::RedealingRejected(rejected)],
            warifu::vault::Records::default(),
        )
        .unwrap();
    held.reviews.remove(&2);
    let stale = held.reviews[&0].to_keep(&other, held.kept.get(&0));
    assert!(stale.is_err(), "what it saw before does not show it");
    for who in [0, 1] {
        let review = held.review(&world, who);
        held.reviews.insert(who, review);
    }
    held.agree(&mut world, &[3]);
    held.part(&mut world);
    assert_eq!(world.log.state.reshare_list((&root).into()), []);
    held.end(&mut world);
    verifies(&world);
}

#[test]
fn what_a_card_signed_in_a_ceremony_that_is_open_keeps_it_from_signing_in_another() {
    let (mut world, root, mut held, _) = signed();
    let kept = held.kept[&0].clone();
    // Another request for the same, in a log where the first is still open, would be the
    // host's: no honest log has two. In one where the first has ended it may sign.
    let first = held.ceremony;
    world.vault.end_ceremony(&mut world.log, &first, Ending::Aborted, world.now).unwrap();
    let new = world.log.state.group_by_slug(&slug("new")).unwrap().clone();
    held = open(&mut world, &root, &new).unwrap();
    held.kept.insert(0, kept);
    held.agree(&mut world, &[0, 1, 2]);
    held.part(&mut world);
    held.end(&mut world);
    verifies(&world);
}

#[test]
fn a_contributor_whose_re_dealing_was_bad_takes_no_part_any_more() {
    let (mut world, _, held, good) = signed();
    let credential = good.versions[0].credential;
    let custodian = world.custodians[1].name();
    let rejected = |ceremony: Hash, who: usize, credential: Hash| {
        let custodian = world.custodians[who].name();
        Event::RedealingRejected(RedealingRejected { ceremony, custodian, credential })
    };
    let state = |event| world.forge(Actor::Host, event).err();
    let wrong = Some(Invalid::CeremonyState("redealing-rejected"));
    assert_eq!(state(rejected(held.ceremony, 3, credential)), wrong, "who takes no part");
    assert_eq!(state(rejected(held.ceremony, 1, Bytes([1; 64]))), wrong, "what is not listed");
    let aside = world.forge(Actor::Host, rejected(held.ceremony, 1, credential)).unwrap();
    let event = rejected(held.ceremony, 1, credential);
    assert_eq!(forge_on(&aside, world.now, Actor::Host, event).err(), wrong, "twice");
    let signed = forge_on(&aside, world.now, Actor::Host, Event::Reshared(good)).err();
    let expected = Invalid::NotA { who: custodian.to_string(), what: "a contributor of this ceremony" };
    assert_eq!(signed, Some(expected));
    world.pass(Span::minutes(1));
}

#[test]
fn a_custodian_refuses_what_is_not_current_or_not_their_group() {
    let mut world = world();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let held = open(&mut world, &root, &new).unwrap();
    let package = world.vault.reshare_package(&world.log, &held.ceremony).unwrap();
    let review = |package: &_, who: usize, world: &World| {
        review(package, &world.custodians[who].card, None, world.now).err()
    };
    assert_eq!(review(&package, 0, &world), None);
    assert!(matches!(review(&package, 6, &world), Some(ReviewError::NotAHolder(_))));
    let mut other = package.clone();
    other.signed.request.to.epoch = 2;
    assert_eq!(review(&other, 0, &world), Some(ReviewError::NoCeremony), "another request has another hash");
    let mut forged = package.clone();
    forged.signed.signature.0[5] ^= 1;
    assert!(matches!(review(&forged, 0, &world), Some(ReviewError::RequestSignature(_))));
    let mut silent = package.clone();
    silent.texts.clear();
    assert_eq!(review(&silent, 0, &world), Some(ReviewError::NoText("reason")));
    world.pass(Span::hours(2));
    assert!(matches!(review(&package, 0, &world), Some(ReviewError::Expired { .. })));
}

#[test]
fn parts_survive_each_other_and_what_was_destroyed_meanwhile_is_passed_over() {
    let mut world = World::new();
    let mut all = Vec::new();
    for number in 0..70 {
        let account = world.account(&format!("acme/shop/n{number}"), &format!("{:012}", 900 + number));
        all.push(world.seal_at(&account));
    }
    let (root, new) = (world.group(), world.form("new", 2, &[0, 1]));
    let mut held = open(&mut world, &root, &new).unwrap();
    held.agree(&mut world, &[0, 1, 2]);
    let cleared = held.part(&mut world);
    assert_eq!((cleared.dealings, held.first().left().len()), (64, 7));
    verifies(&world);
    let holders: Vec<_> = world.log.state.versions.values().map(|v| v.sealing.group).collect();
    assert_eq!(holders.iter().filter(|group| **group == new.group).count(), 64);
    recover_all(&world, 71);
    held.part(&mut world);
    held.end(&mut world);
    verifies(&world);
    recover_all(&world, 71);
    drop(all);
}

fn recover_all(world: &World, count: u64) {
    let found =
        world.vault.recoverability(&world.log, None, world.now, &mut || StdRng::seed_from_u64(5), &|_, _| {});
    assert_eq!((found.versions, found.good), (count, count), "{:?}", found.failed);
}

/// What somebody can do to what lies beside the log, a row each.
#[test]
fn records_of_a_resharing_that_were_altered_are_found() {
    let mut world = world();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let (credential, version) =
        world.log.state.versions.iter().next().map(|(id, version)| (*id, version.clone())).unwrap();
    let old = (dealing_record(&version.sealing.dealing), record_of(&world, &credential));
    hand_over(&mut world, &root, &new, &[0, 1, 2]);
    let name = dealing_record(&world.log.state.versions[&credential].sealing.dealing);
    let good = record_of(&world, &credential);
    let request = world.vault.store().record_names(&world.log.state.id).unwrap();
    let request = request.into_iter().find(|name| name.starts_with("request/")).unwrap();
    let asked = world.vault.record(&world.log.state.id, &request).unwrap();
    let found = |name: &str, bytes: Vec<u8>, says: &str| {
        let world = &world;
        world.force(Vec::new(), vec![(name.to_owned(), bytes)]);
        let findings = world.vault.verify(None).unwrap().findings;
        assert!(findings.iter().any(|found| found.what.contains(says)), "{name}: {findings:?}");
    };
    // Prefix, an index, a point of a re-dealing, its proof, the length.
    for at in [0, 1, 40, 67, 100, good.len() - 1] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        found(&name, changed, "is not what its entry says");
    }
    found(&name, good[..good.len() - 1].to_vec(), "is not what its entry says");
    found(&name, old.1.clone(), "is not what its entry says");
    world.force(Vec::new(), vec![(name, good)]);
    verifies(&world);
    let text = String::from_utf8(asked.clone()).unwrap();
    let count = text.replace("\"count\":3", "\"count\":2");
    assert_ne!(count, text);
    found(&request, count.into_bytes(), "is not what its entry says");
    world.force(Vec::new(), vec![(request, asked)]);
    verifies(&world);
    // The old quorum would open it.
    found(&old.0, old.1.clone(), "belongs to no entry");
}

/// Whoever reads an exported copy finds what the host did, by the signatures alone.
#[test]
fn an_entry_of_a_resharing_that_was_altered_breaks_the_replay() {
    let (world, _, _, good) = signed();
    let mut other = good.clone();
    other.versions[0].dealing = other.versions[1].dealing;
    let refused = world.forge(Actor::Host, Event::Reshared(other)).err();
    assert!(matches!(refused, Some(Invalid::Signature { .. })), "{refused:?}");
}

#[test]
fn nothing_is_handed_over_to_a_group_that_is_abandoned_meanwhile() {
    let mut world = world();
    let root = world.group();
    let new = world.form("new", 2, &[0, 1, 5]);
    let (now, reason) = (world.now, "nobody answers");
    world.vault.abandon_group(&mut world.log, &new, reason, now, &mut world.rng).unwrap();
    // Just before the notice ends it is too early to count as abandoned.
    world.pass(Span(NOTICE.0 - Span::minutes(10).0));
    let mut held = open(&mut world, &root, &new).unwrap();
    held.agree(&mut world, &[0, 1, 2]);
    let chunk = held.chunk(&world);
    let offers = held.redealt(&mut world, &chunk);
    let checked = held.check(&mut world, &chunk, &offers).unwrap();
    let signed = held.signed(&world, &checked);
    world.pass(Span::minutes(10));
    assert!(world.log.state.is_abandoned(&new.group, world.now));
    let refused = world.vault.enter_reshared(&mut world.log, &checked, signed, world.now).err();
    let abandoned = Invalid::Abandoned("new".to_owned());
    assert!(matches!(&refused, Some(VaultError::Invalid(why)) if *why == abandoned), "{refused:?}");
    // With the old group everything is as it was.
    recoverable(&world, Label::Proven);
}
