//! A hostile host enters what no honest flow makes: replaying finds it.

use crate::support::{World, acceptance, forge_on, opening, targeted};
use warifu::event::{Acceptance, Actor, Ending, Event, Hash, Mode, Opening, Refusal, Shown};
use warifu::hex::Bytes;
use warifu::message::{Message, Notice, Request, SignedRequest, operator_notice};
use warifu::seal::totp::step_of;
use warifu::state::Invalid;
use warifu::time::Span;
use warifu::vault::report::Finding;

const STATE: fn(&'static str) -> Option<Invalid> = |what| Some(Invalid::CeremonyState(what));

#[test]
fn an_opening_by_anybody_but_an_operator_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let mut request = world.request(&ceremony);
    request.nonce = Bytes([1; 32]);
    request.operator = world.custodians[0].name();
    request.operator_key = world.custodians[0].card.signing_key().public();
    let mut signed = world.signed(request);
    signed.signature = world.custodians[0].sign(&signed.request.signed_digest());
    let refused = world.forge(world.custodians[0].actor(), Event::Opened(opening(&signed)));
    assert!(matches!(refused, Err(Invalid::NotA { what: "operator", .. })));
}

#[test]
fn an_opening_that_the_operator_did_not_sign_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let signed = world.signed(world.request(&ceremony));
    let twice = world.forge(world.operator.actor(), Event::Opened(opening(&signed)));
    assert!(matches!(twice, Err(Invalid::Duplicate(_))));
    let other = Opening { ceremony: Bytes([1; 64]), ..opening(&signed) };
    let refused = world.forge(world.operator.actor(), Event::Opened(other));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("request")));
    let mut unsigned = opening(&signed);
    unsigned.signature = world.custodians[0].sign(&signed.request.signed_digest());
    let refused = world.forge(world.operator.actor(), Event::Opened(unsigned));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
}

/// A request that an operator signed and nobody has opened.
fn unopened(world: &mut World) -> SignedRequest {
    let ceremony = world.open();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let mut request = world.request(&ceremony);
    request.nonce = Bytes([1; 32]);
    world.signed(request)
}

/// What `audit verify` says of entries that a hostile host wrote by hand, with
/// the operator's true request beside them.
fn verified(world: &World, signed: &SignedRequest, opening: Opening, list: Event) -> Vec<Finding> {
    let operator = world.operator.actor();
    let record = (format!("request/{}", signed.request.hash()), signed.encode());
    world.force(vec![(operator.clone(), Event::Opened(opening)), (operator, list)], vec![record]);
    let mut findings = world.vault.verify(None).unwrap().findings;
    findings.retain(|finding| finding.entry.is_some());
    findings
}

#[test]
fn what_an_operator_asked_for_cannot_be_invented() {
    let changes: [&dyn Fn(&mut Request); 11] = [
        &|r| r.nonce = Bytes([2; 32]),
        &|r| r.mode = Mode::Room,
        &|r| r.reason = Bytes([1; 64]),
        &|r| r.ticket = None,
        &|r| r.expires = r.expires + Span::minutes(1),
        &|r| r.asked = r.asked + Span::seconds(1),
        &|r| r.requester_key = Bytes([9; 32]),
        &|r| (r.size, r.root) = (r.size + 1, Bytes([1; 32])),
        &|r| r.root = Bytes([1; 32]),
        &|r| r.targets[0].dealing = Bytes([1; 64]),
        &|r| r.targets.push(r.targets[0].clone()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut world = World::new();
        let signed = unopened(&mut world);
        let mut other = signed.clone();
        change(&mut other.request);
        // Under another hash the operator's signature is wrong; under the hash that
        // the operator signed it is not what was asked.
        let refused = world.forge(world.operator.actor(), Event::Opened(opening(&other)));
        assert!(matches!(refused, Err(Invalid::Signature { .. })), "change {index}: {refused:?}");
        let invented = Opening { ceremony: signed.request.hash(), ..opening(&other) };
        let refused = world.forge(world.operator.actor(), Event::Opened(invented.clone()));
        assert_eq!(refused.err(), Some(Invalid::Mismatch("request")), "change {index}");
        let found = verified(&world, &signed, invented, targeted(&signed.request));
        assert_eq!(found.len(), 1, "change {index}: {found:?}");
        assert_eq!(found[0].entry, Some(world.log.state.size));
        assert!(found[0].what.contains("the entry's request is not"), "{found:?}");
    }
}

#[test]
fn another_version_than_the_operator_asked_for_cannot_be_entered() {
    let mut world = World::new();
    let signed = unopened(&mut world);
    let other = world.seal();
    let ceremony = signed.request.hash();
    let invented = Event::Targeted { ceremony, first: 0, credentials: vec![other] };
    let open = world.forge(world.operator.actor(), Event::Opened(opening(&signed))).unwrap();
    let refused = forge_on(&open, world.now, world.operator.actor(), invented.clone());
    assert_eq!(refused.err(), Some(Invalid::Mismatch("list of targets")));
    let found = verified(&world, &signed, opening(&signed), invented);
    assert_eq!(found[0].entry, Some(world.log.state.size + 1));
    assert!(found[0].what.contains("the entry's list of targets is not"), "{found:?}");
}

#[test]
fn a_target_twice_in_a_list_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let mut request = world.request(&ceremony);
    request.targets.push(request.targets[0].clone());
    let signed = world.signed(request);
    let mut opened = world.forge(world.operator.actor(), Event::Opened(opening(&signed))).unwrap();
    std::mem::swap(&mut world.log.state, &mut opened);
    let refused = world.forge(world.operator.actor(), targeted(&signed.request));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("list of targets")));
}

#[test]
fn a_second_ceremony_for_the_same_version_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    assert!(world.try_open(Mode::Files, Span::hours(1)).is_err());
    let mut request = world.request(&ceremony);
    request.nonce = Bytes([1; 32]);
    let signed = world.signed(request);
    world.log.state = world.forge(world.operator.actor(), Event::Opened(opening(&signed))).unwrap();
    let refused = world.forge(world.operator.actor(), targeted(&signed.request));
    assert_eq!(refused.err(), Some(Invalid::CeremonyBusy));
}

/// A request for two versions, opened by hand, and its list.
fn opened_for_two(world: &mut World) -> (Opening, Vec<Hash>) {
    let ceremony = world.open();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let mut request = world.request(&ceremony);
    let other = world.seal();
    let sealing = world.log.state.versions[&other].sealing.clone();
    let mut target = request.targets[0].clone();
    (target.credential, target.version) = (other, sealing.version);
    (target.payload, target.dealing) = (sealing.payload, sealing.dealing);
    request.targets.push(target);
    let signed = world.signed(request);
    let credentials = signed.request.targets.iter().map(|t| t.credential).collect();
    (opening(&signed), credentials)
}

#[test]
fn nothing_comes_between_an_opening_and_its_targets() {
    let mut world = World::new();
    let (opening, credentials) = opened_for_two(&mut world);
    let (ceremony, operator) = (opening.ceremony, world.operator.actor());
    world
        .vault
        .commit(
            &mut world.log,
            world.now,
            vec![(operator.clone(), Event::Opened(opening))],
            warifu::vault::Records::default(),
        )
        .unwrap();
    let list = |first: u64, range: std::ops::Range<usize>| Event::Targeted {
        ceremony,
        first,
        credentials: credentials[range].to_vec(),
    };
    let part = world.forge(operator.clone(), list(0, 0..1)).unwrap();
    let mut findings = world.vault.verify(None).unwrap().findings;
    findings.retain(|finding| finding.entry.is_some());
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].what, "the last ceremony's list of targets is not complete");
    let ended = Event::Ended { ceremony, how: Ending::Aborted };
    for state in [world.log.state.clone(), part] {
        world.log.state = state;
        assert_eq!(world.forge(Actor::Host, ended.clone()).err(), STATE("opened"));
        let unknown = warifu::event::Line::Unknown {
            kind: "moon-landed".to_owned(),
            time: world.now,
            actor: Actor::Host,
        };
        assert_eq!(world.log.state.clone().apply(&unknown, &Bytes([7; 32])).err(), STATE("opened"));
    }
    // The rest of the list, later.
    let late = world.forge_at(world.now + Span::seconds(1), operator.clone(), list(1, 1..2));
    assert_eq!(late.err(), STATE("opened"));
    world.log.state = world.forge(operator, list(1, 1..2)).unwrap();
    assert!(world.forge(Actor::Host, ended).is_ok());
}

#[test]
fn an_empty_list_of_targets_moves_no_checkpoint() {
    let mut world = World::new();
    let ceremony = world.open();
    let empty = |first| Event::Targeted { ceremony, first, credentials: Vec::new() };
    let forge = |world: &World, first| world.forge(world.operator.actor(), empty(first)).err();
    assert_eq!(forge(&world, 1), STATE("targeted"));
    world.contribute(&ceremony, 0);
    assert_eq!(forge(&world, 1), STATE("targeted"));
    assert_eq!(forge(&world, 0), STATE("targeted"));
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let (opening, credentials) = opened_for_two(&mut world);
    let ceremony = opening.ceremony;
    world.log.state = world.forge(world.operator.actor(), Event::Opened(opening)).unwrap();
    for (first, credentials) in [(0, Vec::new()), (1, credentials[1..].to_vec())] {
        let refused = world.forge(world.operator.actor(), Event::Targeted { ceremony, first, credentials });
        assert_eq!(refused.err(), Some(Invalid::Mismatch("list of targets")));
    }
}

/// What replay says to an acceptance of custodian 0 that a hostile host changed.
fn enter(world: &World, good: &Acceptance, change: impl Fn(&mut Acceptance)) -> Option<Invalid> {
    let mut forged = good.clone();
    change(&mut forged);
    forged.signature = world.custodians[0].sign(&forged.contributed().digest());
    world.forge(world.custodians[0].actor(), Event::Accepted(forged)).err()
}

#[test]
fn an_acceptance_that_no_honest_gate_makes_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    world.pass(Span::minutes(5));
    let step = step_of(world.now.unix_seconds());
    let answer = world.answer(&ceremony, 0, world.now);
    let good = acceptance(&answer, step);
    assert_eq!(enter(&world, &good, |_| {}), None);
    let changes: [&dyn Fn(&mut Acceptance); 9] = [
        &|a| a.step = step + 2,
        &|a| (a.at, a.step) = (a.at + Span::seconds(31), a.step + 1),
        &|a| (a.at, a.step) = (a.at + Span::minutes(-6), a.step - 12),
        &|a| a.size -= 1,
        &|a| (a.targets, a.shares, a.ciphertexts) = (vec![], vec![], vec![]),
        &|a| a.targets = vec![7],
        &|a| a.targets = vec![0, 0],
        &|a| a.shares = vec![],
        &|a| a.ceremony = Bytes([1; 64]),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert_eq!(enter(&world, &good, change), STATE("accepted"), "change {index}");
    }
    let elsewhere = Some(Invalid::OtherLog { who: world.custodians[0].name().to_string(), size: good.size });
    assert_eq!(enter(&world, &good, |a| a.root = Bytes([1; 32])), elsewhere);
    let mut unsigned = good.clone();
    unsigned.step += 1;
    unsigned.code = Bytes([1; 64]);
    let refused = world.forge(world.custodians[0].actor(), Event::Accepted(unsigned));
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
    let refused = world.forge(world.custodians[1].actor(), Event::Accepted(good));
    assert!(matches!(refused, Err(Invalid::WrongActor { .. })));
}

#[test]
fn an_acceptance_late_or_stale_is_refused() {
    let mut world = World::new();
    let ceremony = world.try_open(Mode::Room, Span::minutes(15)).unwrap();
    let good = acceptance(&world.answer(&ceremony, 0, world.now), step_of(world.now.unix_seconds()));
    let at =
        |span| world.forge_at(world.now + span, world.custodians[0].actor(), Event::Accepted(good.clone()));
    assert!(at(Span::seconds(90)).is_ok());
    assert_eq!(at(Span::seconds(91)).err(), STATE("accepted"));
    assert_eq!(at(Span::minutes(16)).err(), STATE("accepted"));
}

#[test]
fn an_acceptance_after_its_own_refusal_or_in_a_lockout_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let good = world.answer(&ceremony, 0, world.now);
    let step = step_of(world.now.unix_seconds());
    let mut answers: Vec<_> = (0..5).map(|_| world.answer(&ceremony, 0, world.now)).collect();
    let another = answers.pop().unwrap();
    for answer in answers.iter().chain([&good]) {
        world.log.state = world.forge(world.custodians[0].actor(), refusal(answer)).unwrap();
    }
    let accepted = |answer| Event::Accepted(acceptance(answer, step));
    let locked = world.forge(world.custodians[0].actor(), accepted(&another));
    assert_eq!(locked.err(), STATE("accepted"));
    world.pass(Span::minutes(15));
    assert!(world.forge(world.custodians[0].actor(), accepted(&another)).is_ok());
    let refused_before = world.forge(world.custodians[0].actor(), accepted(&good));
    assert_eq!(refused_before.err(), STATE("accepted"));
}

fn refusal(answer: &warifu::message::Contribution) -> Event {
    Event::Refused {
        ceremony: answer.ceremony,
        custodian: answer.custodian.clone(),
        why: Refusal::WrongCode,
        at: answer.at,
        body: answer.body(),
        signature: answer.signature,
    }
}

#[test]
fn a_refusal_is_not_made_of_another_signature() {
    let mut world = World::new();
    let ceremony = world.open();
    let answer = world.answer(&ceremony, 0, world.now);
    assert!(world.forge(world.custodians[0].actor(), refusal(&answer)).is_ok());
    // The signature under the group's statement, which everybody can read.
    let group = world.group();
    let from_statement = Event::Refused {
        ceremony,
        custodian: world.custodians[0].name(),
        why: Refusal::WrongCode,
        at: world.now,
        body: Bytes(group.digest(&world.log.state.id)),
        signature: group.signatures[0],
    };
    let refused = world.forge(world.custodians[0].actor(), from_statement);
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
    // An answer to another ceremony.
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let other = world.open();
    let Event::Refused { custodian, why, at, body, signature, .. } = refusal(&answer) else { return };
    let moved = Event::Refused { ceremony: other, custodian, why, at, body, signature };
    let refused = world.forge(world.custodians[0].actor(), moved);
    assert!(matches!(refused, Err(Invalid::Signature { .. })));
    let late = world.forge(world.custodians[0].actor(), refusal(&answer));
    assert_eq!(late.err(), STATE("refused"));
}

#[test]
fn a_refusal_of_what_was_accepted_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let answer = world.answer(&ceremony, 0, world.now);
    world.accept(&answer).unwrap();
    let refused = world.forge(world.custodians[0].actor(), refusal(&answer));
    assert!(matches!(refused, Err(Invalid::Duplicate(_))));
}

fn released(world: &World, ceremony: &Hash, who: &[usize]) -> Event {
    let credential = world.log.state.ceremonies[ceremony].targets[0];
    let mut custodians: Vec<_> = who.iter().map(|i| world.custodians[*i].name()).collect();
    custodians.sort();
    Event::Released { ceremony: *ceremony, target: 0, credential, custodians }
}

#[test]
fn a_release_without_exactly_its_quorum_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    world.contribute(&ceremony, 0);
    world.contribute(&ceremony, 1);
    let enter =
        |world: &World, who: &[usize]| world.forge(Actor::Host, released(world, &ceremony, who)).err();
    let none = |found| Some(Invalid::NoQuorum { found, needed: 3 });
    assert_eq!(enter(&world, &[0, 1]), none(2));
    assert_eq!(enter(&world, &[0, 1, 2]), none(2));
    assert_eq!(enter(&world, &[0, 1, 1]), none(2));
    world.contribute(&ceremony, 2);
    assert_eq!(enter(&world, &[0, 1, 2]), None);
    assert_eq!(enter(&world, &[0, 1, 2, 2]), none(3));
    assert_eq!(enter(&world, &[0, 1, 3]), none(3));
}

#[test]
fn a_release_late_twice_or_of_something_else_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    let good = released(&world, &ceremony, &[0, 1, 2]);
    let late = world.forge_at(world.now + Span::minutes(61), Actor::Host, good.clone());
    assert_eq!(late.err(), STATE("released"));
    let Event::Released { custodians, .. } = &good else { return };
    let (custodians, credential) = (custodians.clone(), world.seal());
    let other = Event::Released { ceremony, target: 0, credential, custodians };
    assert_eq!(world.forge(Actor::Host, other).err(), STATE("released"));
    world.log.state = world.forge(Actor::Host, good.clone()).unwrap();
    assert_eq!(world.forge(Actor::Host, good.clone()).err(), STATE("released"));
    let aborted = Event::Ended { ceremony, how: Ending::Aborted };
    world.log.state = world.forge(Actor::Host, aborted.clone()).unwrap();
    assert_eq!(world.forge(Actor::Host, good).err(), STATE("released"));
    assert_eq!(world.forge(Actor::Host, aborted).err(), STATE("ended"));
}

#[test]
fn an_expiry_before_the_window_is_over_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let expired = Event::Ended { ceremony, how: Ending::Expired };
    assert_eq!(world.forge(Actor::Host, expired.clone()).err(), STATE("ended"));
    assert!(world.forge(world.custodians[0].actor(), expired.clone()).is_err());
    assert!(world.forge_at(world.now + Span::minutes(61), Actor::Host, expired).is_ok());
}

#[test]
fn what_the_operator_said_of_a_showing_cannot_be_changed() {
    let mut world = World::new();
    let ceremony = world.open();
    let signature = world.operator.sign(&operator_notice(&ceremony, 0, Notice::Revealed(Shown::Screen)));
    let event = |shown| Event::Revealed { ceremony, target: 0, shown, signature };
    let early = world.forge(world.operator.actor(), event(Shown::Screen));
    assert_eq!(early.err(), STATE("revealed"));
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    world.log.state = world.forge(Actor::Host, released(&world, &ceremony, &[0, 1, 2])).unwrap();
    let enter = |shown| world.forge(world.operator.actor(), event(shown));
    assert!(enter(Shown::Screen).is_ok());
    assert!(matches!(enter(Shown::Nobody), Err(Invalid::Signature { .. })));
}

#[test]
fn a_share_is_called_bad_by_the_operator_alone() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    world.log.state = world.forge(Actor::Host, released(&world, &ceremony, &[0, 1, 2])).unwrap();
    let reject = |signer: &crate::support::Person, who: usize| {
        let custodian = world.custodians[who].name();
        let notice = operator_notice(&ceremony, 0, Notice::ShareRejected(&custodian));
        let signature = signer.sign(&notice);
        let event = Event::ShareRejected { ceremony, target: 0, custodian, signature };
        world.forge(signer.actor(), event)
    };
    assert!(reject(&world.operator, 0).is_ok());
    assert!(reject(&world.custodians[4], 0).is_err());
    assert_eq!(reject(&world.operator, 4).err(), STATE("share-rejected"), "never contributed");
}

#[test]
fn an_entry_dated_back_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let ended = Event::Ended { ceremony, how: Ending::Aborted };
    let refused = world.forge_at(world.now + Span::seconds(-1), Actor::Host, ended);
    assert!(matches!(refused, Err(Invalid::BackInTime { .. })));
}
