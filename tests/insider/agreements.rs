//! Groups, admissions, bindings and seals that nobody agreed to.

use crate::support::{World, forge_on};
use warifu::event::{Actor, Admission, Event, GateEpoch, GroupStatement, Scope};
use warifu::hex::Bytes;
use warifu::log::entry::EntryBytes;
use warifu::seal::card::{Role, StatementError};
use warifu::seal::sign::SigningKey;
use warifu::state::{Invalid, Organisation, VaultState};
use warifu::time::Span;
use warifu::vault::group;

fn resign(world: &World, mut statement: GroupStatement) -> Event {
    let digest = statement.digest(&world.log.state.id);
    let sign = |m: &warifu::event::Member| {
        let who = world.custodians.iter().find(|c| c.name() == m.pseudonym);
        who.expect("one of the five").sign(&digest)
    };
    statement.signatures = statement.members.iter().map(sign).collect();
    Event::GroupFormed(statement)
}

#[test]
fn identity_and_repeated_keys_are_refused() {
    let mut world = World::people(2);
    let good = world.draft("root", 3, &[0, 1, 2, 3, 4]);
    assert!(world.forge(Actor::Host, Event::GroupFormed(good.clone())).is_ok());
    let identity = Bytes([0; 32]);
    for key in [identity, good.members[1].share_key, Bytes([0xff; 32])] {
        let mut bad = good.clone();
        bad.members[0].share_key = key;
        let refused = world.forge(Actor::Host, resign(&world, bad));
        assert!(matches!(refused, Err(Invalid::GroupKeys(_))), "{refused:?}");
    }
}

#[test]
fn an_identity_as_the_gates_key_is_refused() {
    let world = World::people(2);
    let id = world.log.state.id;
    let lines = world.lines();
    let first = warifu::event::Entry::from_line(&EntryBytes::new(lines[0].clone().into()).unwrap()).unwrap();
    let warifu::event::Line::Known(mut entry) = first else { panic!("known") };
    let signer = SigningKey::new(world.vault.gate().log_seed(&id, 1).unwrap());
    let Event::OrganisationCreated { gate, .. } = &mut entry.event else { panic!("first entry") };
    let identity = Bytes([0; 32]);
    let signature = signer.sign(&GateEpoch::digest(&id, 1, &identity, &gate.log_key));
    *gate = GateEpoch { gamma: identity, signature, ..gate.clone() };
    let begun = Organisation::begin(&warifu::event::Line::Known(entry), &Bytes([1; 32]));
    assert_eq!(begun.err(), Some(Invalid::Mismatch("gate epoch")));
}

#[test]
fn a_group_counts_only_when_every_member_signed() {
    let mut world = World::people(2);
    let good = world.draft("root", 3, &[0, 1, 2, 3, 4]);
    let mut four = good.clone();
    four.signatures.pop();
    let refused = world.forge(Actor::Host, Event::GroupFormed(four));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("group statement")));
    let mut swapped = good.clone();
    swapped.signatures.swap(0, 1);
    let refused = world.forge(Actor::Host, Event::GroupFormed(swapped));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
    let mut lowered = good;
    lowered.threshold = 2;
    let refused = world.forge(Actor::Host, Event::GroupFormed(lowered));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
}

#[test]
fn a_member_with_a_share_key_that_is_not_its_own_is_refused() {
    let mut world = World::people(2);
    let other = world.draft("other", 2, &[0, 1]);
    let mut stolen = world.draft("root", 2, &[2, 3]);
    stolen.members[0].share_key = other.members[0].share_key;
    stolen.members[0].possession = other.members[0].possession;
    let refused = world.forge(Actor::Host, resign(&world, stolen));
    assert!(matches!(refused, Err(Invalid::NotA { what: "the owner of its share key", .. })), "{refused:?}");
}

#[test]
fn a_member_twice_in_a_group_is_refused() {
    let mut world = World::people(2);
    let mut twice = world.draft("root", 2, &[0, 1, 2]);
    let (pseudonym, sign_key) = (twice.members[0].pseudonym.clone(), twice.members[0].sign_key);
    twice.members[1].pseudonym = pseudonym;
    twice.members[1].sign_key = sign_key;
    assert!(world.forge(Actor::Host, resign(&world, twice)).is_err());
}

#[test]
fn a_group_signed_in_one_organisation_is_refused_in_another() {
    let mut world = World::people(2);
    let statement = world.draft("root", 3, &[0, 1, 2, 3, 4]);
    let slug = "other".parse().unwrap();
    let now = world.now;
    let other = world.vault.add_organisation(&slug, None, &|| now, &mut world.rng).unwrap();
    let mut state = other.state;
    for person in world.log.state.people.values() {
        let refused = forge_on(&state, world.now, Actor::Host, Event::CardEnrolled(person.clone()));
        assert!(matches!(refused, Err(Invalid::Signature { .. })));
        state.people.insert(person.pseudonym.clone(), person.clone());
    }
    let refused = forge_on(&state, world.now, Actor::Host, Event::GroupFormed(statement));
    assert!(matches!(refused, Err(Invalid::NotA { .. } | Invalid::Signature { .. })), "{refused:?}");
}

#[test]
fn a_client_signs_one_statement_for_a_group_and_epoch() {
    let mut world = World::people(2);
    let first = world.draft("root", 2, &[0, 1, 2]);
    let refused = world.custodians[0].card.remember_statement(first.group, 1, Bytes([1; 64]));
    assert_eq!(refused, Err(StatementError::SignedAnother { group: first.group, epoch: 1 }));
}

#[test]
fn one_member_that_signs_thrice_admits_and_binds_nobody() {
    let mut world = World::people(2);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let few = Some(Invalid::TooFewSignatures { found: 1, needed: 3 });
    let admission = world.admission(&group, world.now + Span::days(1), &[1, 1, 1]);
    assert_eq!(world.forge(Actor::Host, Event::OperatorAdmitted(admission)).err(), few);
    let binding = world.binding(&group, Scope::Organisation, &[1, 1, 1]);
    assert_eq!(world.forge(Actor::Host, Event::Bound(binding)).err(), few);
}

#[test]
fn an_admission_serves_for_its_group_operator_and_expiry_alone() {
    let mut world = World::people(2);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let twin = world.form("twin", 3, &[0, 1, 2, 3, 4]);
    let good = world.admission(&group, world.now + Span::days(1), &[0, 1, 2]);
    assert!(world.forge(Actor::Host, Event::OperatorAdmitted(good.clone())).is_ok());
    let later = Admission { expires: good.expires + Span::days(300), ..good.clone() };
    let elsewhere = Admission { group: twin.group, ..good.clone() };
    for forged in [later, elsewhere] {
        let refused = world.forge(Actor::Host, Event::OperatorAdmitted(forged));
        assert!(matches!(refused, Err(Invalid::Signature { .. })), "{refused:?}");
    }
    let custodian =
        Admission { operator: world.custodians[4].name(), operator_key: good.operator_key, ..good.clone() };
    let refused = world.forge(Actor::Host, Event::OperatorAdmitted(custodian));
    assert_eq!(
        refused.err(),
        Some(Invalid::NotA { who: world.custodians[4].name().to_string(), what: Role::Operator.as_str() })
    );
    let over = world.forge_at(good.expires, Actor::Host, Event::OperatorAdmitted(good));
    assert_eq!(over.err(), Some(Invalid::Mismatch("admission")));
}

#[test]
fn times_before_1970_do_not_hash_as_those_after() {
    let mut world = World::people(2);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let good = world.admission(&group, world.now, &[]);
    let mirrored = warifu::time::Time::from_millis(-world.now.millis()).unwrap();
    let g = world.log.state.g(&group);
    assert_ne!(good.digest(&g), Admission { expires: mirrored, ..good.clone() }.digest(&g));
}

#[test]
fn signatures_for_another_admission_are_of_no_use_once_one_was_taken_back() {
    let mut world = World::new();
    let group = world.group();
    let kept = world.admission(&group, world.now + Span::days(90), &[0, 1, 2]);
    let entered = world.admission(&group, world.now + Span::days(60), &[0, 1, 2]);
    world.vault.admit(&mut world.log, entered, world.now).unwrap();
    let one = *world.log.state.admissions.keys().next().unwrap();
    world.vault.revoke_admission(&mut world.log, one, &world.custodians[4].card, world.now).unwrap();
    assert_eq!(world.log.state.admission_of(&world.operator.name(), &group, world.now), None);
    let again = world.forge(Actor::Host, Event::OperatorAdmitted(kept.clone()));
    assert_eq!(again.err(), Some(Invalid::Revoked));
    let renumbered = Admission { revocations: 1, ..kept.clone() };
    let refused = world.forge(Actor::Host, Event::OperatorAdmitted(renumbered));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
    let ahead = Admission { revocations: 2, ..kept };
    let refused = world.forge(Actor::Host, Event::OperatorAdmitted(ahead));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("admission")));
    world.admit(&group, Span::days(90));
    assert!(world.log.state.admission_of(&world.operator.name(), &group, world.now).is_some());
}

#[test]
fn an_admission_that_was_taken_back_is_refused_for_ever() {
    let mut world = World::new();
    let admission = world.log.state.admissions.values().next().unwrap().clone();
    let digest = Bytes(admission.digest(&world.log.state.g(&world.group())));
    let card = &world.custodians[4].card;
    world.vault.revoke_admission(&mut world.log, digest, card, world.now).unwrap();
    let again = world.forge(Actor::Host, Event::OperatorAdmitted(admission));
    assert_eq!(again.err(), Some(Invalid::Revoked));
}

#[test]
fn an_admission_is_taken_back_by_a_member_alone() {
    let world = World::new();
    let admission = *world.log.state.admissions.keys().next().unwrap();
    let signature = world.operator.sign(&Admission::revocation_digest(&admission));
    let by =
        |actor, custodian| world.forge(actor, Event::AdmissionRevoked { admission, custodian, signature });
    assert!(by(world.operator.actor(), world.operator.name()).is_err());
    assert!(by(world.custodians[0].actor(), world.custodians[0].name()).is_err());
    assert!(by(Actor::Host, world.custodians[0].name()).is_err());
}

#[test]
fn rebinding_without_the_old_quorum_is_refused() {
    let mut world = World::new();
    let evil = world.form("evil", 2, &[3, 4]);
    for scope in [Scope::Organisation, Scope::Account(*world.log.state.accounts.keys().next().unwrap())] {
        let mut binding = world.binding(&evil, scope, &[3, 4]);
        let refused = world.forge(Actor::Host, Event::Bound(binding.clone()));
        assert_eq!(refused.err(), Some(Invalid::NotGivenUp("root".to_owned())));
        let (id, root) = (world.log.state.id, world.group());
        let digest = binding.digest(&id, &world.log.state.g(&evil));
        let signatures = [0, 1, 1]
            .map(|i| {
                group::sign_as_member(&world.log.state, &root, &world.custodians[i].card, &digest).unwrap()
            })
            .to_vec();
        group::give_up(&mut binding, root.group, signatures);
        let refused = world.forge(Actor::Host, Event::Bound(binding));
        assert_eq!(refused.err(), Some(Invalid::TooFewSignatures { found: 2, needed: 3 }));
    }
}

#[test]
fn what_has_no_version_yet_is_not_taken_from_a_group_that_holds_others() {
    let mut world = World::new();
    let evil = world.form("evil", 2, &[3, 4]);
    world.account("acme/shop/test", "210987654321");
    let now = world.now;
    world.vault.add_project(&"acme/new".parse().unwrap(), None, &|| now, &mut world.rng).unwrap();
    world.log = world.vault.log(&"acme".parse().unwrap()).unwrap();
    let state = &world.log.state;
    let account = *state.accounts.iter().find(|(_, a)| a.external_id == "210987654321").unwrap().0;
    let project = *state.projects.iter().find(|(_, p)| p.slug.as_str() == "new").unwrap().0;
    for scope in [Scope::Account(account), Scope::Project(project)] {
        let mut binding = world.binding(&evil, scope, &[3, 4]);
        let refused = world.forge(Actor::Host, Event::Bound(binding.clone()));
        assert_eq!(refused.err(), Some(Invalid::NotGivenUp("root".to_owned())));
        give_up(&world, &mut binding, &evil);
        assert!(world.forge(Actor::Host, Event::Bound(binding.clone())).is_ok());
        // Nobody is named as giving up what was not theirs.
        group::give_up(&mut binding, evil.group, Vec::new());
        let refused = world.forge(Actor::Host, Event::Bound(binding));
        assert_eq!(refused.err(), Some(Invalid::Mismatch("list of groups that give it up")));
    }
}

#[test]
fn what_was_given_up_to_one_group_does_not_go_on_to_another() {
    let mut world = World::new();
    let friend = world.form("friend", 2, &[0, 1]);
    let evil = world.form("evil", 2, &[3, 4]);
    world.account("acme/shop/test", "210987654321");
    let accounts = &world.log.state.accounts;
    let account = *accounts.iter().find(|(_, a)| a.external_id == "210987654321").unwrap().0;
    let mut binding = world.binding(&friend, Scope::Account(account), &[0, 1]);
    give_up(&world, &mut binding, &friend);
    world.vault.bind(&mut world.log, binding, world.now).unwrap();
    let onward = world.binding(&evil, Scope::Account(account), &[3, 4]);
    let refused = world.forge(Actor::Host, Event::Bound(onward));
    assert_eq!(refused.err(), Some(Invalid::NotGivenUp("root".to_owned())));
    // Back to the group that gave it up nobody else has to agree.
    let back = world.binding(&world.group(), Scope::Account(account), &[0, 1, 2]);
    assert!(world.forge(Actor::Host, Event::Bound(back)).is_ok());
}

#[test]
fn what_was_given_up_does_not_go_on_where_no_wider_binding_tells_of_it() {
    let mut world = World::people(2);
    let root = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let friend = world.form("friend", 2, &[0, 1]);
    let evil = world.form("evil", 2, &[3, 4]);
    world.account("acme/shop/test", "210987654321");
    let ids = |id: &str| *world.log.state.accounts.iter().find(|(_, a)| a.external_id == id).unwrap().0;
    let (sealed, other) = (Scope::Account(ids("123456789012")), Scope::Account(ids("210987654321")));
    world.bind(&root, sealed, &[0, 1, 2]);
    world.bind(&root, other, &[0, 1, 2]);
    world.pin(&root);
    world.seal();
    let mut binding = world.binding(&friend, other, &[0, 1]);
    give_up(&world, &mut binding, &friend);
    world.vault.bind(&mut world.log, binding, world.now).unwrap();
    let onward = world.binding(&evil, other, &[3, 4]);
    let refused = world.forge(Actor::Host, Event::Bound(onward));
    assert_eq!(refused.err(), Some(Invalid::NotGivenUp("root".to_owned())));
}

#[test]
fn a_group_that_holds_nothing_need_not_agree() {
    let mut world = World::people(2);
    let first = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let other = world.form("other", 2, &[3, 4]);
    world.bind(&first, Scope::Organisation, &[0, 1, 2]);
    let account = *world.log.state.accounts.keys().next().unwrap();
    for scope in [Scope::Organisation, Scope::Account(account)] {
        let binding = world.binding(&other, scope, &[3, 4]);
        assert!(world.forge(Actor::Host, Event::Bound(binding)).is_ok());
    }
}

#[test]
fn an_agreement_that_nobody_needs_to_give_cannot_be_invented() {
    let mut world = World::new();
    let friend = world.form("friend", 2, &[0, 1]);
    let good = {
        let mut binding = world.binding(&friend, Scope::Organisation, &[0, 1]);
        give_up(&world, &mut binding, &friend);
        binding
    };
    assert!(world.forge(Actor::Host, Event::Bound(good.clone())).is_ok());
    let junk = |group| warifu::event::GivenUp { group, signatures: Vec::new() };
    let twice = good.given_up[0].clone();
    let (own, unknown) = (friend.group, warifu::name::GroupId(Bytes([7; 32])));
    for extra in [twice, junk(world.group().group), junk(own), junk(unknown)] {
        let mut forged = good.clone();
        forged.given_up.push(extra);
        let refused = world.forge(Actor::Host, Event::Bound(forged));
        assert_eq!(refused.err(), Some(Invalid::Mismatch("list of groups that give it up")));
    }
    // A group that holds versions, but none that this takes from it.
    world.vault.bind(&mut world.log, good, world.now).unwrap();
    let mut again = world.binding(&friend, Scope::Organisation, &[0, 1]);
    give_up(&world, &mut again, &friend);
    let mut back = world.binding(&world.group(), Scope::Organisation, &[0, 1, 2]);
    back.given_up = again.given_up;
    let refused = world.forge(Actor::Host, Event::Bound(back));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("list of groups that give it up")));
}

/// The quorum of `root` agrees that a binding to another group takes from it.
fn give_up(world: &World, binding: &mut warifu::event::Binding, to: &GroupStatement) {
    let (state, root) = (&world.log.state, world.group());
    let digest = binding.digest(&state.id, &state.g(to));
    let sign = |i: usize| group::sign_as_member(state, &root, &world.custodians[i].card, &digest).unwrap();
    group::give_up(binding, root.group, [0, 1, 2].map(sign).to_vec());
}

#[test]
fn a_binding_is_of_no_use_a_second_time() {
    let mut world = World::people(2);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    let twin = world.form("twin", 3, &[0, 1, 2, 3, 4]);
    let first = world.binding(&group, Scope::Organisation, &[0, 1, 2]);
    world.vault.bind(&mut world.log, first.clone(), world.now).unwrap();
    world.bind(&twin, Scope::Organisation, &[0, 1, 2]);
    let mut again = first;
    assert_eq!(
        world.forge(Actor::Host, Event::Bound(again.clone())).err(),
        Some(Invalid::Mismatch("serial number"))
    );
    again.serial = 3;
    let refused = world.forge(Actor::Host, Event::Bound(again));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
}

#[test]
fn the_gate_answers_once_for_a_version() {
    let mut world = World::new();
    let credential = world.seal();
    let begun = world.log.state.begun(&credential).unwrap();
    let event = |version| Event::SealBegun {
        credential,
        origin: Bytes([5; 64]),
        account: begun.account,
        factor: begun.factor,
        version,
    };
    assert!(matches!(world.forge(Actor::Host, event(2)), Err(Invalid::Duplicate(_))));
    assert!(matches!(world.forge(Actor::Host, event(3)), Err(Invalid::Duplicate(_))));
}

#[test]
fn a_seal_that_was_not_begun_so_is_refused() {
    let mut world = World::new();
    let credential = world.seal();
    let sealing = world.log.state.sealing(&credential).unwrap();
    let mut before = world.log.state.clone();
    before.begun.insert(credential, before.begun(&credential).unwrap());
    before.versions.remove(&credential);
    let enter = |change: &dyn Fn(&mut warifu::event::Sealing)| {
        let mut forged = sealing.clone();
        change(&mut forged);
        forge_on(&before, world.now, Actor::Host, Event::Sealed(forged))
    };
    assert!(enter(&|_| {}).is_ok());
    let changes: [&dyn Fn(&mut warifu::event::Sealing); 8] = [
        &|s| s.credential = Bytes([1; 64]),
        &|s| s.dealing = Bytes([1; 64]),
        &|s| (s.origin, s.dealing) = (Bytes([1; 64]), Bytes([1; 64])),
        &|s| s.version = 9,
        &|s| s.gate_epoch = 2,
        &|s| s.epoch = 2,
        &|s| s.address = "acme/shop/test".to_owned(),
        &|s| s.external_id = "000000000000".to_owned(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert!(enter(change).is_err(), "change {index}");
    }
    assert!(world.forge(Actor::Host, Event::Sealed(sealing)).is_err(), "sealed twice");
}

#[test]
fn the_vaults_own_log_takes_entries_of_the_host_alone() {
    let world = World::people(2);
    let mut state: VaultState = world.vault.state().clone();
    let event = Event::OrganisationAdded {
        organisation: warifu::name::OrganisationId(Bytes([3; 32])),
        slug: "evil".parse().unwrap(),
        first_entry: Bytes([4; 32]),
    };
    let mut apply = |v, actor| {
        let entry = warifu::event::Entry { v, time: world.now, actor, event: event.clone() };
        state.apply(&warifu::event::Line::Known(Box::new(entry)), &Bytes([0; 32]))
    };
    assert!(matches!(apply(1, world.operator.actor()), Err(Invalid::WrongActor { .. })));
    assert_eq!(apply(2, Actor::Host), Err(Invalid::Schema(2)));
    assert_eq!(apply(1, Actor::Host), Ok(()));
}
