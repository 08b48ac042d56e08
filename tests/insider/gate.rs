//! What the gate is sent: wrong, early, late, again, altered.

use crate::support::{ADMITTED, World, forge_on, opening, slug};
use warifu::ceremony::custodian;
use warifu::ceremony::judge::NotCounted;
use warifu::event::{Actor, Ending, Event, Line, Mode, Opening, Refusal};
use warifu::hex::Bytes;
use warifu::message::Contribution;
use warifu::secret::SecretBytes;
use warifu::state::{Effective, Invalid, RECENT};
use warifu::time::Span;
use warifu::vault::VaultError;

fn refused(event: Result<Event, VaultError>) -> Option<Refusal> {
    match event.unwrap() {
        Event::Refused { why, .. } => Some(why),
        _ => None,
    }
}

/// A code that is not right for any of the three steps.
fn wrong(world: &World, who: usize) -> SecretBytes {
    let step = warifu::seal::totp::step_of(world.now.unix_seconds());
    let right = [step - 1, step, step + 1].map(|s| world.custodians[who].totp.code_at(s));
    let mut codes = (0..10).map(|digit| SecretBytes::new(digit.to_string().repeat(6).into_bytes()));
    codes.find(|code| right.iter().all(|r| !r.same_as(code))).unwrap()
}

#[test]
fn a_duplicate_message_gets_the_first_answer_and_no_entry() {
    let mut world = World::new();
    let ceremony = world.open();
    let bad = {
        let code = wrong(&world, 0);
        world.answer_with(&ceremony, 0, &code, world.now)
    };
    assert_eq!(refused(world.accept(&bad)), Some(Refusal::WrongCode));
    let good = world.answer(&ceremony, 1, world.now);
    assert_eq!(refused(world.accept(&good)), None);
    let size = world.log.state.size;
    for _ in 0..6 {
        let again = world.accept(&bad);
        assert!(matches!(again, Err(VaultError::NotCounted(NotCounted::Repeated(Some(Refusal::WrongCode))))));
        let again = world.accept(&good);
        assert!(matches!(again, Err(VaultError::NotCounted(NotCounted::Repeated(None)))));
    }
    assert_eq!(world.log.state.size, size);
    world.contribute(&ceremony, 0);
}

#[test]
fn only_a_right_signature_makes_an_attempt_that_counts() {
    let mut world = World::new();
    let ceremony = world.open();
    let good = world.answer(&ceremony, 0, world.now);
    let size = world.log.state.size;
    let changes: [&dyn Fn(&mut Contribution); 6] = [
        &|c| c.at = c.at + Span::seconds(1),
        &|c| c.code.0[40] ^= 1,
        &|c| c.ciphertexts[0].0[40] ^= 1,
        &|c| c.shares[0] = Bytes([1; 64]),
        &|c| c.targets = vec![0, 1],
        &|c| c.root = Bytes([1; 32]),
    ];
    for change in changes {
        let mut altered = good.clone();
        change(&mut altered);
        let answer = world.accept(&altered);
        assert!(matches!(answer, Err(VaultError::NotCounted(NotCounted::Signature(_)))), "{answer:?}");
    }
    let mut other = good.clone();
    other.custodian = world.operator.name();
    let answer = world.accept(&other);
    assert!(matches!(answer, Err(VaultError::NotCounted(NotCounted::NotACustodian(_)))));
    assert_eq!(world.log.state.size, size);
    assert_eq!(refused(world.accept(&good)), None);
}

#[test]
fn an_answer_to_one_ceremony_is_none_to_another() {
    let mut world = World::new();
    let first = world.open();
    let answer = world.answer(&first, 0, world.now);
    world.vault.end_ceremony(&mut world.log, &first, Ending::Aborted, world.now).unwrap();
    let second = world.open();
    let mut moved = answer.clone();
    moved.ceremony = second;
    assert!(matches!(world.accept(&moved), Err(VaultError::NotCounted(NotCounted::Signature(_)))));
    assert!(matches!(world.accept(&answer), Err(VaultError::NotCounted(NotCounted::Ended))));
    moved.ceremony = Bytes([1; 64]);
    assert!(matches!(world.accept(&moved), Err(VaultError::NotCounted(NotCounted::UnknownCeremony(_)))));
}

#[test]
fn a_code_wrong_early_late_or_ahead_is_refused() {
    let mut world = World::new();
    world.pass(Span::hours(1));
    let ceremony = world.try_open(Mode::Room, Span::minutes(15)).unwrap();
    world.pass(Span::minutes(5));
    let code = wrong(&world, 0);
    let answer = world.answer_with(&ceremony, 0, &code, world.now);
    assert_eq!(refused(world.accept(&answer)), Some(Refusal::WrongCode));
    for (span, why) in [
        (Span::minutes(-6), Refusal::TooEarly),
        (Span::seconds(31), Refusal::FromTheFuture),
        (Span::seconds(-91), Refusal::Stale),
    ] {
        let answer = world.answer(&ceremony, 0, world.now + span);
        assert_eq!(refused(world.accept(&answer)), Some(why));
    }
    // A code of two steps ago under the present time.
    let old = world.custodians[0].code(world.now + Span::seconds(-60));
    let answer = world.answer_with(&ceremony, 0, &old, world.now);
    assert_eq!(refused(world.accept(&answer)), Some(Refusal::WrongCode));
}

#[test]
fn a_code_is_accepted_once_across_ceremonies() {
    let mut world = World::new();
    let other = world.account("acme/shop/test", "210987654321");
    world.seal_at(&other);
    let first = world.open();
    world.contribute(&first, 0);
    world.address = other.clone();
    let second = world.open();
    // Same code, and the same code under the neighbouring time.
    for span in [Span::seconds(0), Span::seconds(29)] {
        let code = world.custodians[0].code(world.now);
        let answer = world.answer_with(&second, 0, &code, world.now + span);
        assert_eq!(refused(world.accept(&answer)), Some(Refusal::ReplayedCode));
    }
    world.pass(Span::seconds(60));
    world.contribute(&second, 0);
}

#[test]
fn five_wrong_codes_lock_out_and_fifteen_minutes_unlock() {
    let mut world = World::new();
    let ceremony = world.open();
    for _ in 0..5 {
        let code = wrong(&world, 0);
        let answer = world.answer_with(&ceremony, 0, &code, world.now);
        assert_eq!(refused(world.accept(&answer)), Some(Refusal::WrongCode));
        world.pass(Span::seconds(40));
    }
    let right = world.answer(&ceremony, 0, world.now);
    assert_eq!(refused(world.accept(&right)), Some(Refusal::LockedOut));
    world.contribute(&ceremony, 1);
    world.pass(Span::minutes(13));
    let right = world.answer(&ceremony, 0, world.now);
    assert_eq!(refused(world.accept(&right)), Some(Refusal::LockedOut));
    world.pass(Span::minutes(2));
    world.contribute(&ceremony, 0);
}

#[test]
fn contributing_twice_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    world.contribute(&ceremony, 0);
    world.pass(Span::seconds(60));
    let again = world.answer(&ceremony, 0, world.now);
    assert_eq!(refused(world.accept(&again)), Some(Refusal::Twice));
    assert!(matches!(release(&mut world, &ceremony), Err(VaultError::NoQuorum { there: 1, needed: 3 })));
}

fn release(
    world: &mut World,
    ceremony: &warifu::event::Hash,
) -> Result<warifu::message::Release, VaultError> {
    world.vault.release(&mut world.log, ceremony, 0, world.now, &mut world.rng)
}

#[test]
fn an_expired_ceremony_accepts_and_releases_nothing() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    let late = world.answer(&ceremony, 3, world.now);
    world.pass(Span::minutes(61));
    assert_eq!(refused(world.accept(&late)), Some(Refusal::Expired));
    assert!(matches!(release(&mut world, &ceremony), Err(VaultError::CeremonyEnded(_))));
    assert_eq!(
        world.vault.known(&world.log, &ceremony).unwrap().standing,
        warifu::state::Standing::Ended(Ending::Expired)
    );
}

#[test]
fn an_aborted_ceremony_releases_nothing() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    assert!(matches!(release(&mut world, &ceremony), Err(VaultError::CeremonyEnded(_))));
}

#[test]
fn a_clock_set_back_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    world.pass(Span::minutes(1));
    world.contribute(&ceremony, 0);
    let answer = world.answer(&ceremony, 1, world.now);
    world.pass(Span::seconds(-30));
    assert!(matches!(world.accept(&answer), Err(VaultError::ClockBack { .. })));
}

#[test]
fn an_admission_taken_back_stops_the_running_ceremony() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    let late = world.answer(&ceremony, 3, world.now);
    let admission = *world.log.state.admissions.keys().next().unwrap();
    let card = &world.custodians[4].card;
    world.vault.revoke_admission(&mut world.log, admission, card, world.now).unwrap();
    assert!(matches!(world.accept(&late), Err(VaultError::Invalid(Invalid::NotAdmitted { .. }))));
    assert!(matches!(release(&mut world, &ceremony), Err(VaultError::Stopped { .. })));
    let credential = world.log.state.ceremonies[&ceremony].targets[0];
    let mut custodians: Vec<_> = (0..3).map(|who| world.custodians[who].name()).collect();
    custodians.sort();
    let forged = world.forge(Actor::Host, Event::Released { ceremony, target: 0, credential, custodians });
    assert!(matches!(forged, Err(Invalid::NotAdmitted { .. })));
    // And whoever has not answered yet is told by the log.
    let package = world.package(&ceremony);
    assert!(matches!(world.refusal(&package, None), custodian::ReviewError::NotAdmitted { .. }));
}

#[test]
fn a_ceremony_that_was_stopped_does_not_go_on_when_the_operator_is_admitted_anew() {
    let mut world = World::new();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    let late = world.answer(&ceremony, 3, world.now);
    let admission = *world.log.state.admissions.keys().next().unwrap();
    let card = &world.custodians[4].card;
    world.vault.revoke_admission(&mut world.log, admission, card, world.now).unwrap();
    world.admit(&world.group(), ADMITTED);
    assert!(matches!(world.accept(&late), Err(VaultError::Invalid(Invalid::NotAdmitted { .. }))));
    assert!(matches!(release(&mut world, &ceremony), Err(VaultError::Stopped { .. })));
    let credential = world.log.state.ceremonies[&ceremony].targets[0];
    let mut custodians: Vec<_> = (0..3).map(|who| world.custodians[who].name()).collect();
    custodians.sort();
    let forged = world.forge(Actor::Host, Event::Released { ceremony, target: 0, credential, custodians });
    assert!(matches!(forged, Err(Invalid::NotAdmitted { .. })));
    let package = world.package(&ceremony);
    assert!(matches!(world.refusal(&package, None), custodian::ReviewError::NotAdmitted { .. }));
}

#[test]
fn a_share_given_in_two_ceremonies_is_counted_once_and_everybody_elses_too() {
    let mut world = World::new();
    let credential = *world.log.state.versions.keys().next().unwrap();
    let first = world.open();
    world.contribute(&first, 0);
    world.contribute(&first, 1);
    let repeated = world.answer(&first, 1, world.now);
    let _ = world.accept(&repeated);
    assert_eq!(world.log.state.weakened(&credential), 0, "still open");
    world.vault.end_ceremony(&mut world.log, &first, Ending::Aborted, world.now).unwrap();
    assert_eq!(world.log.state.weakened(&credential), 2);
    world.pass(Span::seconds(60));
    let second = world.open();
    world.contribute(&second, 1);
    world.contribute(&second, 2);
    world.pass(Span::minutes(61));
    world.vault.expire_due(&mut world.log, world.now).unwrap();
    assert_eq!(world.log.state.weakened(&credential), 3);
    let shown = {
        let third = world.open();
        let package = world.package(&third);
        world.review(&package, 3).unwrap().targets[0].weakened
    };
    assert_eq!(shown, 3);
}

#[test]
fn a_sealer_who_has_not_confirmed_the_words_seals_nothing() {
    let mut world = World::people(3);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    world.bind(&group, warifu::event::Scope::Organisation, &[0, 1, 2]);
    let account = *world.log.state.accounts.keys().next().unwrap();
    assert!(matches!(
        world.log.state.binding_of(&account, warifu::name::Factor::Password),
        Effective::Bound(..)
    ));
    assert!(!world.vault.is_pinned(&world.log.state, &group).unwrap());
    let other = world.form("twin", 3, &[0, 1, 2, 3, 4]);
    let words = warifu::seal::words::fingerprint(&other.fingerprint(&world.log.state.id)).to_string();
    let refused = world.vault.pin(&world.log.state, &group, &words);
    assert!(matches!(refused, Err(VaultError::OtherFingerprint(_))));
    assert_eq!(world.log.state.group_by_slug(&slug("root")), Some(&group));
}

/// Somebody who has a request that was signed once, and whose ceremony is over.
fn ended(world: &mut World, window: Span) -> Opening {
    let ceremony = world.try_open(Mode::Files, window).unwrap();
    let signed = world.vault.signed_request(&world.log, &ceremony).unwrap();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    opening(&signed)
}

/// Another ceremony begins and ends, with which what is too old is forgotten.
fn another(world: &mut World) {
    ended(world, Span::minutes(15));
}

#[test]
fn a_request_is_not_opened_again_after_its_ceremony_has_ended() {
    let mut world = World::new();
    let opening = ended(&mut world, Span::hours(1));
    let again = |world: &World| world.forge(world.operator.actor(), Event::Opened(opening.clone())).err();
    let spent = |world: &World| world.log.state.spent.contains_key(&opening.ceremony);
    assert!(matches!(again(&world), Some(Invalid::Duplicate(_))));
    world.pass(Span::minutes(59));
    another(&mut world);
    assert!(spent(&world), "nothing else would refuse it yet");
    assert!(matches!(again(&world), Some(Invalid::Duplicate(_))));
    world.pass(Span::minutes(1));
    another(&mut world);
    assert!(!spent(&world), "its window is over");
    assert_eq!(again(&world), Some(Invalid::Mismatch("opening")));
}

#[test]
fn a_request_with_a_long_window_is_not_opened_again_either() {
    let mut world = World::new();
    let opening = ended(&mut world, Span::days(20));
    let now = world.now;
    let much_later = |world: &World, size: u64| {
        let mut state = world.log.state.clone();
        while state.size < size {
            let (kind, actor) = ("moon-landed".to_owned(), Actor::Host);
            state.apply(&Line::Unknown { kind, time: now, actor }, &Bytes([7; 32])).unwrap();
        }
        let end = Event::Ended { ceremony: *state.ceremonies.keys().next().unwrap(), how: Ending::Aborted };
        forge_on(&state, now, Actor::Host, end).unwrap()
    };
    world.open();
    for (back, kept) in [(RECENT - 1, true), (RECENT, false)] {
        // As many entries after what its operator saw, with the end of the other one.
        let state = much_later(&world, opening.size + back);
        assert_eq!(state.size, opening.size + back + 1);
        assert_eq!(state.spent.contains_key(&opening.ceremony), kept, "{back}");
        let again = forge_on(&state, now, world.operator.actor(), Event::Opened(opening.clone())).err();
        match again {
            Some(Invalid::Duplicate(_)) => assert!(kept, "{back}"),
            Some(Invalid::NotRecent { .. }) => assert!(!kept, "{back}"),
            other => panic!("{back}: {other:?}"),
        }
    }
}

#[test]
fn what_comes_for_a_ceremony_that_has_ended_is_no_entry_however_long_ago() {
    let mut world = World::new();
    let ceremony = world.open();
    let late = world.answer(&ceremony, 3, world.now);
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let is_over = |world: &mut World| {
        let size = world.log.state.size;
        let refused = world.accept(&late).err();
        assert!(matches!(refused, Some(VaultError::NotCounted(NotCounted::Ended))), "{refused:?}");
        assert_eq!(world.log.state.size, size);
        let how = world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).err();
        assert!(matches!(how, Some(VaultError::CeremonyEnded("it was aborted"))), "{how:?}");
    };
    is_over(&mut world);
    world.pass(Span::hours(2));
    another(&mut world);
    assert!(!world.log.state.spent.contains_key(&ceremony), "the state has forgotten it");
    is_over(&mut world);
}
