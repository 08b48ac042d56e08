//! Drills: who has a card, its passphrase and the second factor proves it, nothing
//! is opened by it, and nobody else's word counts.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code)]
mod support;

use support::*;
use warifu::ceremony;
use warifu::ceremony::custodian::ReviewError;
use warifu::ceremony::drill::NotTaken;
use warifu::event::{
    Actor, CheckedGroup, DrillAnswer, DrillPolicy, Ending, Event, GroupStatement, RecoverabilityCheck,
    Refusal, Signed,
};
use warifu::hex::Bytes;
use warifu::message::DrillReply;
use warifu::pvss::GateKey;
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::{Drill, Invalid};
use warifu::time::Span;
use warifu::vault::due_drill::DrillDue;
use warifu::vault::overview::Reading;
use warifu::vault::{Records, VaultError, cards, drill};

struct Held {
    world: World,
    group: GroupStatement,
    drill: Drill,
}

fn held() -> Held {
    let mut world = World::new();
    let group = world.group();
    let drill = world.vault.begin_drill(&mut world.log, &group, Span::days(14), world.now, &mut world.rng);
    let drill = drill.unwrap();
    Held { world, group, drill }
}

impl Held {
    fn answer(&mut self, who: usize) -> DrillAnswer {
        let Self { world, group, drill } = self;
        let card = &world.custodians[who].card;
        drill::answer(&world.log.state, group, drill, card, world.now, &mut world.rng).unwrap()
    }

    fn judge(&mut self, answer: &DrillAnswer, code: &SecretBytes) -> Event {
        let Self { world, .. } = self;
        world.vault.answer_drill(&mut world.log, answer, code, world.now).unwrap()
    }

    fn prove(&mut self, who: usize) -> Event {
        let answer = self.answer(who);
        let code = self.world.custodians[who].code(self.world.now);
        self.judge(&answer, &code)
    }

    fn live(&self) -> usize {
        self.world.log.state.live(&self.group.group, self.world.now)
    }

    /// Whether a host that enters what it likes would be believed.
    fn forged(&self, event: Event) -> Option<Invalid> {
        let actor = match &event {
            Event::CustodianProved { answer, .. } | Event::DrillRefused { answer, .. } => {
                Actor::Card(answer.custodian.clone())
            }
            _ => Actor::Host,
        };
        self.world.forge(actor, event).err()
    }
}

fn refused(event: &Event) -> Option<Refusal> {
    match event {
        Event::DrillRefused { why, .. } => Some(*why),
        _ => None,
    }
}

#[test]
fn members_who_prove_are_live_and_nobody_else_is() {
    let mut held = held();
    assert_eq!(held.live(), 0);
    assert_eq!(refused(&held.prove(0)), None);
    held.world.pass(Span::minutes(2));
    assert_eq!(refused(&held.prove(3)), None);
    assert_eq!(held.live(), 2);
    let report = held.world.vault.verify(None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn the_gate_proves_its_key_when_a_drill_begins() {
    let held = held();
    assert_eq!(held.world.log.state.drills.gate.get(&1), Some(&held.world.now));
}

#[test]
fn a_gates_proof_with_another_key_is_refused() {
    let mut held = held();
    let here = held.world.log.state.id;
    let rng = &mut held.world.rng;
    let other = GateKey::derive(&SecretKey::random(rng), &here, 1);
    let proof = other.prove(&held.drill.id, &here, 1, rng);
    let event = Event::GateProved { drill: held.drill.id, gate_epoch: 1, proof };
    assert!(matches!(held.forged(event), Some(Invalid::NotA { .. })));
}

#[test]
fn a_wrong_code_counts_towards_the_lock_out() {
    let mut held = held();
    let wrong = SecretBytes::new(b"000000".to_vec());
    for _ in 0..5 {
        let answer = held.answer(0);
        assert_eq!(refused(&held.judge(&answer, &wrong)), Some(Refusal::WrongCode));
    }
    assert_eq!(refused(&held.prove(0)), Some(Refusal::LockedOut));
    assert_eq!(held.live(), 0);
    held.world.pass(Span::minutes(16));
    assert_eq!(refused(&held.prove(0)), None);
}

#[test]
fn a_code_of_a_ceremony_is_used_up_for_the_drill_and_the_other_way_round() {
    let mut held = held();
    let ceremony = held.world.open();
    held.world.contribute(&ceremony, 0);
    assert_eq!(refused(&held.prove(0)), Some(Refusal::ReplayedCode));
    assert_eq!(refused(&held.prove(1)), None);
    let answer = held.world.answer(&ceremony, 1, held.world.now);
    let event = held.world.accept(&answer).unwrap();
    assert!(matches!(event, Event::Refused { why: Refusal::ReplayedCode, .. }), "{event:?}");
}

/// The step is remembered as long as a drill's answer can name it, whatever
/// ceremonies end meanwhile.
#[test]
fn a_used_code_is_not_forgotten_while_an_answer_can_name_it() {
    let mut held = held();
    held.world.pass(Span::minutes(10));
    let at = held.world.now;
    let code = held.world.custodians[0].code(at);
    let Held { world, group, drill } = &mut held;
    let late = drill::answer(&world.log.state, group, drill, &world.custodians[0].card, at, &mut world.rng);
    let late = late.unwrap();
    let first = world.open();
    world.contribute(&first, 0);
    world.vault.end_ceremony(&mut world.log, &first, warifu::event::Ending::Aborted, world.now).unwrap();
    world.pass(Span::seconds(60));
    let second = world.open();
    world.contribute(&second, 0);
    world.pass(Span::seconds(20));
    assert_eq!(refused(&held.judge(&late, &code)), Some(Refusal::ReplayedCode));
}

#[test]
fn an_old_answer_is_of_no_use_in_the_next_drill() {
    let mut held = held();
    let old = held.answer(0);
    held.world.pass(Span::minutes(1));
    let Held { world, group, .. } = &mut held;
    world.vault.begin_drill(&mut world.log, group, Span::days(1), world.now, &mut world.rng).unwrap();
    let step = warifu::seal::totp::step_of(old.at.unix_seconds());
    assert_eq!(held.forged(Event::CustodianProved { answer: old, step }), Some(Invalid::Mismatch("drill")));
}

#[test]
fn an_answer_is_judged_once() {
    let mut held = held();
    let answer = held.answer(0);
    let wrong = SecretBytes::new(b"000000".to_vec());
    held.judge(&answer, &wrong);
    let again = held.forged(Event::DrillRefused { answer, why: Refusal::WrongCode });
    assert!(matches!(again, Some(Invalid::Duplicate(_))), "{again:?}");
}

#[test]
fn a_second_proof_in_one_drill_is_refused() {
    let mut held = held();
    held.prove(0);
    held.world.pass(Span::minutes(1));
    assert_eq!(refused(&held.prove(0)), Some(Refusal::Twice));
}

#[test]
fn after_its_end_a_drill_takes_no_answer() {
    let mut held = held();
    let answer = held.answer(0);
    held.world.pass(Span::days(15));
    let code = held.world.custodians[0].code(held.world.now);
    let Held { world, .. } = &mut held;
    let late = world.vault.answer_drill(&mut world.log, &answer, &code, world.now);
    assert!(matches!(late, Err(VaultError::Invalid(Invalid::Mismatch("drill")))), "{late:?}");
}

#[test]
fn a_host_cannot_prove_for_a_custodian() {
    let mut held = held();
    let honest = held.answer(0);
    let step = warifu::seal::totp::step_of(honest.at.unix_seconds());
    let forged = |answer: DrillAnswer| held.forged(Event::CustodianProved { answer, step });
    let mut proof = honest.clone();
    proof.proof = Bytes([1; 64]);
    assert!(matches!(forged(proof), Some(Invalid::Signature { .. })));
    let mut name = honest.clone();
    name.custodian = held.world.custodians[1].name();
    assert!(matches!(forged(name), Some(Invalid::Signature { .. })));
    let mut time = honest.clone();
    time.at = time.at + Span::seconds(1);
    assert!(matches!(forged(time), Some(Invalid::Signature { .. })));
    assert_eq!(forged(honest), None);
}

/// A custodian who signs but has lost the share key, or holds another's.
#[test]
fn a_signature_alone_proves_no_share_key() {
    let mut held = held();
    let mut answer = held.answer(0);
    answer.proof = held.answer(1).proof;
    answer.signature = held.world.custodians[0].sign(&answer.signed_digest());
    let step = warifu::seal::totp::step_of(answer.at.unix_seconds());
    let refused = held.forged(Event::CustodianProved { answer, step });
    assert!(matches!(refused, Some(Invalid::NotA { .. })), "{refused:?}");
}

#[test]
fn a_custodian_of_no_group_is_told_so() {
    let mut held = held();
    let outside = held.world.form("small", 2, &[1, 2]);
    let Held { world, .. } = &mut held;
    let drill = world.vault.begin_drill(&mut world.log, &outside, Span::days(1), world.now, &mut world.rng);
    let card = &world.custodians[0].card;
    let refused = drill::answer(&world.log.state, &outside, &drill.unwrap(), card, world.now, &mut world.rng);
    assert!(matches!(refused, Err(VaultError::NotAMember { .. })));
}

/// What a member answers by a file.
fn by_file(held: &mut Held, who: usize, code: &SecretBytes) -> DrillReply {
    let Held { world, drill, .. } = held;
    let package = world.vault.drill_package(&world.log, drill).unwrap();
    let (card, now) = (&world.custodians[who].card, world.now);
    let review = ceremony::drill::review(&package, card, None, now).unwrap();
    review.answer(card, code, now, &mut world.rng).unwrap()
}

fn take(held: &mut Held, reply: &DrillReply) -> Result<Event, VaultError> {
    let World { vault, log, now, .. } = &mut held.world;
    vault.take_drill_answer(log, reply, *now)
}

/// Files are carried for days: in the room the same would be stale.
#[test]
fn an_answer_by_a_file_counts_until_the_drill_ends_and_not_longer() {
    let mut held = held();
    let now = held.world.now;
    let code = |held: &Held, who: usize| held.world.custodians[who].code(now);
    let [one, other] = [0, 1].map(|who| {
        let code = code(&held, who);
        by_file(&mut held, who, &code)
    });
    let package = held.world.vault.drill_package(&held.world.log, &held.drill).unwrap();
    held.world.pass(Span::days(13));
    assert_eq!(refused(&take(&mut held, &one).unwrap()), None);
    assert_eq!(held.live(), 1);
    held.world.pass(Span::days(2));
    let until = held.drill.until;
    let late = take(&mut held, &other).err();
    assert!(matches!(late, Some(VaultError::NotTaken(NotTaken::Ended(at))) if at == until), "{late:?}");
    let (card, now) = (&held.world.custodians[1].card, held.world.now);
    let refused = ceremony::drill::review(&package, card, None, now).err();
    assert_eq!(refused, Some(ReviewError::DrillOver { until, now }));
    assert_eq!(held.world.vault.verify(None).unwrap().findings, []);
}

/// Whoever carries a file could keep it back, and a member who is gone seem to be there.
#[test]
fn an_answer_by_a_file_is_a_proof_of_when_it_was_made_and_not_of_when_it_came() {
    let mut held = held();
    let made = held.world.now;
    let code = held.world.custodians[0].code(made);
    let reply = by_file(&mut held, 0, &code);
    held.world.pass(Span::days(13));
    assert_eq!(refused(&take(&mut held, &reply).unwrap()), None);
    let who = held.world.custodians[0].name();
    assert_eq!(held.world.log.state.drills.proved(&held.group.group, &who), Some(made));
    held.world.pass(Span::days(77));
    assert_eq!(held.live(), 1, "90 days after it was made");
    held.world.pass(Span(1));
    assert_eq!(held.live(), 0);
}

/// The code is used up at the step that it was typed at, however late it comes, and it
/// is remembered as long as the drill goes on.
#[test]
fn a_code_of_a_drill_by_files_is_used_once() {
    let mut held = held();
    let code = held.world.custodians[0].code(held.world.now);
    let reply = by_file(&mut held, 0, &code);
    let ceremony = held.world.open();
    held.world.contribute(&ceremony, 0);
    held.world.vault.end_ceremony(&mut held.world.log, &ceremony, Ending::Aborted, held.world.now).unwrap();
    held.world.pass(Span::days(3));
    held.prove(1);
    assert_eq!(refused(&take(&mut held, &reply).unwrap()), Some(Refusal::ReplayedCode));
}

/// Whoever carries the file has the drill's public key too, and could make the member
/// fail with another code.
#[test]
fn a_code_that_the_member_did_not_sign_is_no_attempt() {
    let mut held = held();
    let (right, wrong) =
        (held.world.custodians[0].code(held.world.now), SecretBytes::new(b"000000".to_vec()));
    let good = by_file(&mut held, 0, &right);
    let mut other = good.clone();
    other.code = by_file(&mut held, 0, &wrong).code;
    let refused = take(&mut held, &other).err();
    assert!(matches!(refused, Some(VaultError::NotTaken(NotTaken::OtherCode(_)))), "{refused:?}");
    // Nor one that came without any, as in the room.
    let mut without = good.clone();
    without.answer = held.answer(0);
    let refused = take(&mut held, &without).err();
    assert!(matches!(refused, Some(VaultError::NotTaken(NotTaken::OtherCode(_)))), "{refused:?}");
    let mut signed = good.clone();
    signed.answer.code = Some(Bytes([7; 64]));
    let refused = take(&mut held, &signed).err();
    assert!(matches!(refused, Some(VaultError::NotTaken(NotTaken::Signature(_)))), "{refused:?}");
    take(&mut held, &good).unwrap();
}

/// A host that says of an answer in the room that it came in a file could let it count
/// long after.
#[test]
fn a_host_cannot_make_an_answer_one_by_a_file() {
    let mut held = held();
    let answer = held.answer(0);
    let step = warifu::seal::totp::step_of(answer.at.unix_seconds());
    let mut forged = answer.clone();
    forged.code = Some(Bytes([7; 64]));
    let refused = held.forged(Event::CustodianProved { answer: forged, step });
    assert!(matches!(refused, Some(Invalid::Signature { .. })), "{refused:?}");
    held.world.pass(Span::minutes(5));
    let refused = held.forged(Event::CustodianProved { answer, step });
    assert_eq!(refused, Some(Invalid::Mismatch("answer to the drill")));
}

fn policy(held: &mut Held, serial: u64, every_days: u64, signers: &[usize]) -> Result<(), VaultError> {
    let Held { world, group, .. } = held;
    let mut set =
        DrillPolicy { group: group.group, epoch: group.epoch, serial, every_days, signatures: Vec::new() };
    let digest = set.digest(&world.log.state.id, &world.log.state.g(group));
    let sign = |who: &usize| Signed {
        pseudonym: world.custodians[*who].name(),
        signature: world.custodians[*who].sign(&digest),
    };
    set.signatures = signers.iter().map(sign).collect();
    world.vault.set_drill_policy(&mut world.log, set, world.now)
}

#[test]
fn a_group_decides_by_its_quorum_how_long_a_proof_counts() {
    let mut held = held();
    held.prove(0);
    held.world.pass(Span::days(31));
    assert_eq!(held.live(), 1, "90 days where nothing is decided");
    assert!(matches!(
        policy(&mut held, 1, 30, &[0, 1]),
        Err(VaultError::Invalid(Invalid::TooFewSignatures { .. }))
    ));
    assert!(matches!(policy(&mut held, 1, 0, &[0, 1, 2]), Err(VaultError::Invalid(Invalid::Mismatch(_)))));
    assert!(matches!(policy(&mut held, 1, 367, &[0, 1, 2]), Err(VaultError::Invalid(Invalid::Mismatch(_)))));
    assert!(matches!(policy(&mut held, 2, 30, &[0, 1, 2]), Err(VaultError::Invalid(Invalid::Mismatch(_)))));
    policy(&mut held, 1, 30, &[0, 1, 2]).unwrap();
    assert!(policy(&mut held, 1, 30, &[0, 1, 2]).is_err(), "once");
    assert_eq!(held.live(), 0);
}

/// Drills that are due, from the overview and from the entries alike.
fn due(held: &Held) -> Vec<DrillDue> {
    let World { vault, now, .. } = &held.world;
    let read = |wanted| vault.due(None, *now, Span::days(7), wanted).unwrap().items;
    let (stored, replayed) = (read(Reading::Overview), read(Reading::Entries));
    assert_eq!(stored, replayed);
    let status = vault.status(None, *now, Reading::Overview).unwrap();
    let found: Vec<_> = stored.iter().filter_map(|item| item.drill().cloned()).collect();
    assert_eq!(status.organisations[0].drills, found);
    found
}

fn names(held: &Held, who: &[usize]) -> Vec<String> {
    let mut names: Vec<_> = who.iter().map(|who| held.world.custodians[*who].name().to_string()).collect();
    names.sort();
    names
}

fn missing(due: &DrillDue) -> Vec<String> {
    let mut names: Vec<_> = due.missing.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn a_drill_comes_up_is_overdue_and_partial_ones_add_up() {
    let mut held = held();
    let formed = held.world.log.state.drills.keyed[&held.group.group];
    assert_eq!(due(&held), [], "whoever forms a group shows a key");
    held.world.pass(Span::days(10));
    held.prove(0);
    held.world.pass(Span::days(74));
    let found = due(&held);
    assert_eq!((found.len(), found[0].overdue, found[0].due), (1, false, formed + Span::days(90)));
    assert_eq!(missing(&found[0]), names(&held, &[1, 2, 3, 4]));
    assert!(!found[0].short());
    held.world.pass(Span::days(7));
    let found = due(&held);
    assert!(found[0].overdue && found[0].short(), "{found:?}");
    assert_eq!((found[0].days, found[0].complete), (91, formed));
    assert_eq!(missing(&found[0]), names(&held, &[1, 2, 3, 4]));
    assert_eq!(found[0].live, 1);
    let Held { world, group, drill } = &mut held;
    *drill =
        world.vault.begin_drill(&mut world.log, group, Span::days(14), world.now, &mut world.rng).unwrap();
    for who in [0, 2, 4] {
        held.prove(who);
        held.world.pass(Span::minutes(1));
    }
    let found = due(&held);
    assert!(found[0].overdue && !found[0].short(), "{found:?}");
    assert_eq!(missing(&found[0]), names(&held, &[1, 3]));
    // A card that can prove nothing is waited for no longer.
    let World { vault, log, custodians, now, rng, .. } = &mut held.world;
    let mut records = Records::default();
    let who = custodians[3].name();
    let lost = cards::suspension(&log.state, &who, "lost", &mut records, rng).unwrap();
    vault.suspend_card(log, (lost, records), &custodians[0].card, *now).unwrap();
    assert_eq!(missing(&due(&held)[0]), names(&held, &[1]));
    held.prove(1);
    assert_eq!(due(&held), []);
    assert_eq!(held.world.vault.verify(None).unwrap().findings, []);
}

#[test]
fn a_groups_own_period_decides_when_its_drill_is_due() {
    let mut held = held();
    held.world.pass(Span::days(31));
    assert_eq!(due(&held), []);
    policy(&mut held, 1, 30, &[0, 1, 2]).unwrap();
    let found = due(&held);
    assert!(found[0].overdue && found[0].every_days == 30, "{found:?}");
}

/// With a period no longer than what is looked ahead, everybody would be called for ever.
#[test]
fn who_has_just_shown_up_is_not_called_again_until_half_of_the_period_is_over() {
    let mut held = held();
    policy(&mut held, 1, 2, &[0, 1, 2]).unwrap();
    assert_eq!(due(&held), [], "all showed a key when the group was formed");
    held.world.pass(Span::hours(25));
    let found = due(&held);
    assert_eq!((found.len(), found[0].overdue, found[0].live, found[0].members), (1, false, 5, 5));
    assert_eq!(missing(&found[0]), names(&held, &[0, 1, 2, 3, 4]));
    for who in [0, 1, 2] {
        held.prove(who);
    }
    let found = due(&held);
    assert_eq!(missing(&found[0]), names(&held, &[3, 4]), "only those who have not come");
    for who in [3, 4] {
        held.prove(who);
    }
    assert_eq!(due(&held), [], "nobody can do anything yet");
    held.world.pass(Span::hours(24));
    assert_eq!(due(&held), [], "half of it is left");
    held.world.pass(Span(1));
    assert_eq!(missing(&due(&held)[0]), names(&held, &[0, 1, 2, 3, 4]));
    held.world.pass(Span::hours(24));
    let found = due(&held);
    assert!(found[0].overdue && found[0].live == 0, "{found:?}");
}

#[test]
fn a_group_that_holds_nothing_has_no_drill_due() {
    let mut held = held();
    held.world.form("small", 2, &[1, 2]);
    held.world.pass(Span::days(100));
    let found = due(&held);
    assert_eq!(found.iter().map(|due| due.address.as_str()).collect::<Vec<_>>(), ["acme/root"]);
}

fn check(held: &Held, change: impl FnOnce(&mut RecoverabilityCheck)) -> RecoverabilityCheck {
    let state = &held.world.log.state;
    let (group, live) = (held.group.group, state.live(&held.group.group, held.world.now) as u64);
    let mut check = RecoverabilityCheck {
        gate_epoch: 1,
        gate_proved: state.drills.gate.get(&1).copied(),
        groups: vec![CheckedGroup { group, epoch: 1, good: 1, failed: 0, within_days: 90, live }],
        failed: Vec::new(),
    };
    change(&mut check);
    check
}

#[test]
fn a_host_cannot_enter_that_more_is_alive_than_the_log_knows() {
    let mut held = held();
    held.prove(0);
    let refused = |held: &mut Held, change: fn(&mut RecoverabilityCheck)| {
        let event = Event::RecoverabilityChecked(check(held, change));
        held.world.forge(Actor::Host, event).err().map(|why| why.to_string())
    };
    assert!(refused(&mut held, |check| check.groups[0].live = 3).is_some());
    assert!(refused(&mut held, |check| check.groups[0].within_days = 366).is_some());
    assert!(refused(&mut held, |check| check.groups[0].failed = 1).is_some());
    assert!(refused(&mut held, |check| check.groups[0].epoch = 2).is_some());
    assert!(refused(&mut held, |check| check.groups.push(check.groups[0].clone())).is_some());
    assert!(refused(&mut held, |check| check.gate_proved = None).is_some());
    assert!(refused(&mut held, |check| check.gate_epoch = 2).is_some());
    assert_eq!(refused(&mut held, |_| ()), None);
    let event = Event::RecoverabilityChecked(check(&held, |_| ()));
    let somebody = Actor::Card(held.world.custodians[0].name());
    assert!(held.world.forge(somebody, event).is_err(), "it is the host who says so");
}
