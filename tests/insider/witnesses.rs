//! What a group demands of witnesses, and witnesses that are absent or lie.

use crate::support::World;
use warifu::ceremony::custodian;
use warifu::ceremony::judge::NotCounted;
use warifu::ceremony::recipient::{FinishError, finish};
use warifu::event::{Actor, Event, Hash, MAX_WITNESS_POLICY, Refusal, WitnessPolicy};
use warifu::hex::Bytes;
use warifu::log::cosignature::Cosignature;
use warifu::log::note::{Cosigner, LogSigner, Note, NoteText};
use warifu::log::policy::{PolicyError, PolicyFileError, Witness};
use warifu::log::witness::{AddCheckpoint, Answer, Held, decide};
use warifu::seal::totp::step_of;
use warifu::secret::SecretKey;
use warifu::state::{Invalid, PolicyFault};
use warifu::time::Span;
use warifu::vault::group;
use warifu::vault::witness::{Asked, Unanswered, Witnesses, converse, cosign_note};
use warifu::vault::{Vault, VaultError};

/// How a witness of the test behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Honest,
    Down,
    Silent,
    OtherText,
    OtherKey,
    Old,
    Ahead,
    Moving,
    Broken,
}

struct OneWitness {
    cosigner: Cosigner,
    held: Option<Held>,
    manner: Manner,
    asked: usize,
}

/// Witnesses `w0`, `w1`, …, and the time by their clocks.
struct Cast {
    log: warifu::log::VerifierKey,
    seconds: u64,
    witnesses: Vec<OneWitness>,
}

fn seed(fill: u8) -> SecretKey {
    SecretKey::from_slice(&[fill; 32]).unwrap()
}

impl Cast {
    fn new(world: &World, manners: &[Manner]) -> Self {
        let witness = |(n, manner): (usize, &Manner)| OneWitness {
            cosigner: Cosigner::new(&format!("w{n}.example"), seed(100 + n as u8)).unwrap(),
            held: None,
            manner: *manner,
            asked: 0,
        };
        let witnesses = manners.iter().enumerate().map(witness).collect();
        Self { log: world.log.state.log_key().unwrap(), seconds: world.now.unix_seconds(), witnesses }
    }

    /// A policy of `needed` of them.
    fn policy(&self, needed: usize) -> String {
        let line = |(n, w): (usize, &OneWitness)| {
            format!("witness w{n} {} https://w{n}.example\n", w.cosigner.verifier())
        };
        let lines: String = self.witnesses.iter().enumerate().map(line).collect();
        let names: Vec<_> = (0..self.witnesses.len()).map(|n| format!("w{n}")).collect();
        format!("log {}\n{lines}group g {needed} {}\nquorum g\n", self.log, names.join(" "))
    }
}

impl OneWitness {
    fn post(
        &mut self,
        request: &AddCheckpoint,
        log: &warifu::log::VerifierKey,
        seconds: u64,
    ) -> Result<(u16, Vec<u8>), String> {
        self.asked += 1;
        let sized = |size: u64| Ok((409, format!("{size}\n").into_bytes()));
        match self.manner {
            Manner::Down => return Err("connection refused".to_owned()),
            Manner::Silent => return Ok((200, b"\n".to_vec())),
            Manner::Broken => return Ok((503, b"later".to_vec())),
            Manner::Ahead => return sized(9999),
            Manner::Moving => return sized(self.asked as u64),
            _ => {}
        }
        let seconds = if self.manner == Manner::Old { seconds - 3600 } else { seconds };
        let answer =
            match decide(self.held.as_ref(), request, std::slice::from_ref(log), &self.cosigner, seconds) {
                Ok((held, answer)) => {
                    self.held = Some(held);
                    answer
                }
                Err(answer) => answer,
            };
        let text = NoteText::new("other\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n".into()).unwrap();
        let answer = match self.manner {
            Manner::OtherText => Answer::Cosigned(vec![self.cosigner.cosign(&text, seconds).unwrap()]),
            Manner::OtherKey => {
                let stranger = Cosigner::new(self.cosigner.verifier().name(), seed(99)).unwrap();
                Answer::Cosigned(vec![stranger.cosign(&text, seconds).unwrap()])
            }
            _ => answer,
        };
        Ok((answer.status(), answer.body().into_bytes()))
    }
}

impl Witnesses for Cast {
    fn ask(&mut self, asked: &Asked<'_>, witnesses: &[Witness]) -> Vec<Result<Cosignature, Unanswered>> {
        let (log, seconds) = (self.log.clone(), self.seconds);
        let ask = |w: &Witness| {
            let one = self.witnesses.iter_mut().find(|one| *one.cosigner.verifier() == w.key).unwrap();
            converse(asked, &w.key, &mut |request| one.post(request, &log, seconds))
        };
        witnesses.iter().map(ask).collect()
    }
}

fn signed(world: &World, policy: &str, signers: &[usize]) -> WitnessPolicy {
    let (state, keepers) = (&world.log.state, world.group());
    let mut set = group::witness_policy(state, &keepers, policy.to_owned());
    let digest = set.digest(&state.id, &state.g(&keepers));
    let sign =
        |i: &usize| group::sign_as_member(state, &keepers, &world.custodians[*i].card, &digest).unwrap();
    set.signatures = signers.iter().map(sign).collect();
    set
}

fn set(world: &mut World, policy: &str) {
    let set = signed(world, policy, &[0, 1, 2]);
    world.vault.set_witness_policy(&mut world.log, set, world.now).unwrap();
}

/// A world whose group demands `needed` of these witnesses, and a complete quorum.
fn stage(manners: &[Manner], needed: usize) -> (World, Cast, Hash) {
    let mut world = World::new();
    let cast = Cast::new(&world, manners);
    set(&mut world, &cast.policy(needed));
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    (world, cast, ceremony)
}

fn release(
    world: &mut World,
    ceremony: &Hash,
    cast: &mut Cast,
) -> Result<warifu::message::Release, VaultError> {
    world.vault.release_witnessed(&mut world.log, (ceremony, 0), world.now, &mut world.rng, cast)
}

fn opens(world: &World, given: &warifu::message::Release) -> Result<(), FinishError> {
    let key = warifu::vault::ceremony::requester_secret(&world.operator.card, given).unwrap();
    finish(given, &key, &world.operator.card.first_entry(), None).map(|_| ())
}

fn too_few(refused: VaultError) -> (usize, usize, String) {
    match refused {
        VaultError::TooFewWitnesses { found, needed, missing } => (found, needed, missing),
        other => panic!("{other}"),
    }
}

#[test]
fn nothing_is_given_out_before_the_quorum_of_witnesses_has_cosigned() {
    use Manner::{Down, Honest};
    for (manners, needed, good) in [
        (&[Honest, Honest][..], 2, true),
        (&[Honest, Down], 1, true),
        (&[Down, Honest, Honest], 2, true),
        (&[Honest, Down], 2, false),
        (&[Down, Down], 1, false),
        (&[Honest, Down, Down], 2, false),
    ] {
        let (mut world, mut cast, ceremony) = stage(manners, needed);
        let given = release(&mut world, &ceremony, &mut cast);
        assert_eq!(given.is_ok(), good, "{needed} of {}", manners.len());
        if let Ok(given) = given {
            assert!(opens(&world, &given).is_ok());
        }
    }
}

#[test]
fn each_lie_of_a_witness_counts_as_no_cosignature_and_is_named() {
    use Manner::{Ahead, Broken, Down, Honest, Moving, Old, OtherKey, OtherText, Silent};
    for (lie, says) in [
        (Down, "connection refused"),
        (Silent, "malformed"),
        (Broken, "status 503"),
        (OtherText, "not its cosignature of this checkpoint: the signature of 'w1.example' is wrong"),
        (OtherKey, "not its cosignature of this checkpoint: no known key"),
        (Old, "which is not now"),
        (Ahead, "9999 entries and this log has"),
        (Moving, "another size each time"),
    ] {
        let (mut world, mut cast, ceremony) = stage(&[Honest, lie], 2);
        let (found, needed, missing) = too_few(release(&mut world, &ceremony, &mut cast).unwrap_err());
        assert_eq!((found, needed), (1, 2));
        assert!(missing.starts_with("w1: ") && missing.contains(says), "{missing}");
    }
}

#[test]
fn a_release_that_lacked_witnesses_is_given_when_they_are_back() {
    let (mut world, mut cast, ceremony) = stage(&[Manner::Honest, Manner::Down], 2);
    let (.., missing) = too_few(release(&mut world, &ceremony, &mut cast).unwrap_err());
    assert!(missing.contains("w1"), "{missing}");
    let size = world.log.state.size;
    assert_eq!(
        world.log.state.open_ceremony_for(&world.log.state.ceremonies[&ceremony].targets[0]).unwrap().0,
        &ceremony
    );
    // Who has cosigned is not asked again: that is kept with the checkpoint.
    cast.witnesses[0].manner = Manner::Down;
    cast.witnesses[1].manner = Manner::Honest;
    let given = release(&mut world, &ceremony, &mut cast).unwrap();
    assert_eq!((world.log.state.size, cast.witnesses[0].asked), (size, 1), "no entry more, and asked once");
    assert!(opens(&world, &given).is_ok());
    let note = Note::parse(given.checkpoint.as_bytes()).unwrap();
    assert_eq!(note.signatures().len(), 3);
    // Read anew, the log is known by its own signature alone: so it is shown to
    // cards, and kept beside them.
    let read = world.vault.log(&"acme".parse().unwrap()).unwrap();
    let shown = Note::parse(world.vault.shown(&read).unwrap().checkpoint.as_bytes()).unwrap();
    assert_eq!((shown.unverified_text(), shown.signatures().len()), (note.unverified_text(), 1));
    assert!(world.vault.verify(None).unwrap().findings.is_empty());
    // Given again without asking anybody.
    cast.witnesses[1].manner = Manner::Down;
    assert!(release(&mut world, &ceremony, &mut cast).is_ok());
}

#[test]
fn a_caller_who_asks_nobody_gets_nothing() {
    let (mut world, _, ceremony) = stage(&[Manner::Honest], 1);
    let refused = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng);
    let (found, needed, missing) = too_few(refused.unwrap_err());
    assert_eq!((found, needed, missing.as_str()), (0, 1, "w0: it was not asked"));
}

#[test]
fn an_operator_refuses_a_release_that_the_host_gave_without_witnesses() {
    let (mut world, mut cast, ceremony) = stage(&[Manner::Honest], 1);
    let mut given = release(&mut world, &ceremony, &mut cast).unwrap();
    given.checkpoint = world.checkpoint(&given.entries);
    world.host_signs(&mut given);
    let missing = PolicyError::TooFew { found: 0, needed: 1, missing: vec!["w0".to_owned()] };
    assert_eq!(opens(&world, &given), Err(FinishError::NotWitnessed(missing)));
}

#[test]
fn a_witness_that_saw_another_history_is_told_as_a_fork() {
    let (mut world, mut cast, ceremony) = stage(&[Manner::Honest], 1);
    // The host shows the witness a log of its own making, under its good signature.
    let state = world.log.state.clone();
    let seed = world.vault.gate().log_seed(&state.id, 1).unwrap();
    let signer = LogSigner::new(state.origin.as_str(), seed).unwrap();
    let leaf = warifu::log::merkle::leaf_hash(b"{}");
    let body = warifu::log::Checkpoint {
        origin: state.origin.to_string(),
        size: 2,
        root: warifu::log::merkle::root(&[leaf; 2]),
    };
    let note = warifu::log::checkpoint::sign(&body, &signer).unwrap();
    let asked = Asked { note: &note, leaves: &[leaf; 2] };
    let policy = state.policy_of(&world.group().group).unwrap();
    assert!(cast.ask(&asked, policy.witnesses())[0].is_ok());
    let (.., missing) = too_few(release(&mut world, &ceremony, &mut cast).unwrap_err());
    assert!(missing.contains("first 2 entries") && missing.contains("forked"), "{missing}");
}

/// One witness has cosigned and goes away; before the other one answers, more cards
/// than a note has lines for cosign the same checkpoint, later. The release still
/// has the line of the first.
#[test]
fn others_cosignatures_do_not_push_out_those_that_a_release_waits_for() {
    let (mut world, mut cast, ceremony) = stage(&[Manner::Honest, Manner::Down], 2);
    let (found, needed, _) = too_few(release(&mut world, &ceremony, &mut cast).unwrap_err());
    assert_eq!((found, needed), (1, 2));
    let crowd: Vec<_> = (0..20u8)
        .map(|n| {
            let card = Cosigner::new(&format!("card-{n}"), seed(200 + n)).unwrap();
            cosign_note(world.log.checkpoint(), &card, world.now + Span::seconds(60)).unwrap()
        })
        .collect();
    world.vault.add_cosignatures(&world.log, &crowd).unwrap();
    cast.witnesses[0].manner = Manner::Down;
    cast.witnesses[1].manner = Manner::Honest;
    let given = release(&mut world, &ceremony, &mut cast).unwrap();
    assert_eq!(opens(&world, &given), Ok(()));
    let note = Note::parse(given.checkpoint.as_bytes()).unwrap();
    assert_eq!(note.signatures().len(), 1 + 15, "and the others as far as there is room");
}

/// Another group's witnesses are as many as a note has lines for, and cosigned later.
#[test]
fn another_groups_witnesses_do_not_push_out_those_that_a_release_waits_for() {
    let mut world = World::new();
    let other = world.form("others", 2, &[3, 4]);
    let theirs: Vec<_> =
        (0..15u8).map(|n| Cosigner::new(&format!("t{n}.example"), seed(200 + n)).unwrap()).collect();
    let lines = theirs.iter().zip(0..).map(|(w, n): (_, u8)| format!("witness t{n} {}\n", w.verifier()));
    let policy = format!("{}quorum t0\n", lines.collect::<String>());
    let state = &world.log.state;
    let mut demand = group::witness_policy(state, &other, policy);
    let digest = demand.digest(&state.id, &state.g(&other));
    let sign = |i: usize| group::sign_as_member(state, &other, &world.custodians[i].card, &digest).unwrap();
    demand.signatures = vec![sign(3), sign(4)];
    world.vault.set_witness_policy(&mut world.log, demand, world.now).unwrap();
    let mut cast = Cast::new(&world, &[Manner::Honest, Manner::Down]);
    set(&mut world, &cast.policy(2));
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    too_few(release(&mut world, &ceremony, &mut cast).unwrap_err());
    let later = world.now + Span::seconds(60);
    let crowd: Vec<_> =
        theirs.iter().map(|w| cosign_note(world.log.checkpoint(), w, later).unwrap()).collect();
    world.vault.add_cosignatures(&world.log, &crowd).unwrap();
    // Whom theirs have pushed out meanwhile is asked again, and keeps its line.
    cast.witnesses[1].manner = Manner::Honest;
    let given = release(&mut world, &ceremony, &mut cast).unwrap();
    assert_eq!(opens(&world, &given), Ok(()));
    for own in ["w0.example", "w1.example"] {
        assert!(given.checkpoint.contains(&format!("\u{2014} {own} ")), "{}", given.checkpoint);
    }
}

#[test]
fn a_policy_without_the_groups_quorum_is_refused() {
    let world = World::new();
    let cast = Cast::new(&world, &[Manner::Honest]);
    let policy = cast.policy(1);
    let forge = |set: WitnessPolicy| world.forge(Actor::Host, Event::WitnessPolicySet(set)).err();
    assert_eq!(forge(signed(&world, &policy, &[0, 1, 2])), None);
    let few = Some(Invalid::TooFewSignatures { found: 2, needed: 3 });
    assert_eq!(forge(signed(&world, &policy, &[0, 1])), few);
    assert_eq!(forge(signed(&world, &policy, &[0, 1, 1])), few);
    let mut altered = signed(&world, &policy, &[0, 1, 2]);
    altered.policy = "quorum none\n".to_owned();
    assert!(matches!(forge(altered), Some(Invalid::Signature { .. })));
    let custodian = world.custodians[0].actor();
    let by_card = world.forge(custodian, Event::WitnessPolicySet(signed(&world, &policy, &[0, 1, 2])));
    assert!(matches!(by_card, Err(Invalid::WrongActor { .. })));
}

#[test]
fn an_old_policy_cannot_be_entered_again() {
    let mut world = World::new();
    let cast = Cast::new(&world, &[Manner::Honest]);
    let weak = signed(&world, "quorum none\n", &[0, 1, 2]);
    world.vault.set_witness_policy(&mut world.log, weak.clone(), world.now).unwrap();
    set(&mut world, &cast.policy(1));
    let again = world.forge(Actor::Host, Event::WitnessPolicySet(weak));
    assert_eq!(again.err(), Some(Invalid::Mismatch("serial number")));
}

#[test]
fn a_policy_that_cannot_be_read_or_satisfied_is_refused() {
    let world = World::new();
    let cast = Cast::new(&world, &[Manner::Honest]);
    let other = LogSigner::new(cast.log.name(), seed(7)).unwrap().verifier().to_string();
    let long = format!("#{}\nquorum none\n", "x".repeat(MAX_WITNESS_POLICY));
    let crowd: String = (0..16u8)
        .map(|n| format!("witness w{n} {}\n", Cosigner::new("w", seed(100 + n)).unwrap().verifier()))
        .collect();
    for (policy, why) in [
        ("", PolicyFault::File(PolicyFileError::LastLine)),
        ("quorum w\n", PolicyFault::File(PolicyFileError::Undefined { line: 1, name: "w".to_owned() })),
        (&cast.policy(1).replace(&cast.log.to_string(), &other), PolicyFault::OtherLog),
        (&long, PolicyFault::TooLong { length: long.len() }),
        (&format!("{crowd}quorum none\n"), PolicyFault::TooManyWitnesses { found: 16 }),
    ] {
        let set = signed(&world, policy, &[0, 1, 2]);
        let refused = world.forge(Actor::Host, Event::WitnessPolicySet(set)).err();
        assert_eq!(refused, Some(Invalid::WitnessPolicy(why)));
    }
}

#[test]
fn a_policy_of_another_group_is_not_waited_for() {
    let mut world = World::new();
    let other = world.form("others", 2, &[3, 4]);
    let cast = Cast::new(&world, &[Manner::Down]);
    let state = &world.log.state;
    let mut demand = group::witness_policy(state, &other, cast.policy(1));
    let digest = demand.digest(&state.id, &state.g(&other));
    let sign = |i: usize| group::sign_as_member(state, &other, &world.custodians[i].card, &digest).unwrap();
    demand.signatures = vec![sign(3), sign(4)];
    world.vault.set_witness_policy(&mut world.log, demand, world.now).unwrap();
    let ceremony = world.open();
    for who in 0..3 {
        world.contribute(&ceremony, who);
    }
    assert!(world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).is_ok());
}

/// Another process of the host writes each time that the witnesses are asked, so
/// many times.
struct Meanwhile {
    vault: std::path::PathBuf,
    now: warifu::time::Time,
    cast: Cast,
    left: usize,
}

impl Witnesses for Meanwhile {
    fn ask(&mut self, asked: &Asked<'_>, witnesses: &[Witness]) -> Vec<Result<Cosignature, Unanswered>> {
        if self.left > 0 {
            self.left -= 1;
            let (mut other, now) = (Vault::open(&self.vault, &mut || None).unwrap(), self.now);
            let project = format!("acme/other-{}", self.left).parse().unwrap();
            other.add_project(&project, None, &|| now, &mut rand::rng()).unwrap();
        }
        self.cast.ask(asked, witnesses)
    }
}

/// What was cosigned is no longer the latest checkpoint: nothing is given out for
/// it, and the witnesses are asked for the log as it is now.
#[test]
fn a_log_that_grew_while_witnesses_were_asked_is_witnessed_anew() {
    let (mut world, _, ceremony) = stage(&[Manner::Honest], 1);
    let cast = Cast::new(&world, &[Manner::Honest]);
    let vault = world.vault.dir().to_owned();
    let mut meanwhile = Meanwhile { vault, now: world.now, cast, left: usize::MAX };
    let attempt = |world: &mut World, meanwhile: &mut Meanwhile| {
        let now = world.now;
        world.vault.release_witnessed(&mut world.log, (&ceremony, 0), now, &mut world.rng, meanwhile)
    };
    let refused = attempt(&mut world, &mut meanwhile);
    assert!(matches!(refused, Err(VaultError::Store(warifu::store::StoreError::Conflict { .. }))));
    meanwhile.left = 2;
    let given = attempt(&mut world, &mut meanwhile).unwrap();
    assert_eq!(meanwhile.left, 0);
    assert_eq!(given.entries.len() as u64, world.log.state.size, "for the log as it is");
}

/// A custodian's own program: the answer is altered and signed anew.
fn signed_anew(world: &World, who: usize, answer: &mut warifu::message::Contribution) {
    answer.signature = world.custodians[who].sign(&answer.digest());
}

fn refusal(event: Event) -> Option<Refusal> {
    match event {
        Event::Refused { why, .. } => Some(why),
        _ => None,
    }
}

#[test]
fn a_contribution_must_carry_the_cards_own_cosignature_of_the_checked_checkpoint_and_time() {
    let mut world = World::new();
    let ceremony = world.open();
    let good = world.answer(&ceremony, 0, world.now);
    let other = world.answer(&ceremony, 1, world.now);
    let later = world.answer(&ceremony, 0, world.now + Span::seconds(1));
    let origin = world.log.state.origin.clone();
    let cosigner = custodian::cosigner(&world.custodians[0].card, &origin).unwrap();
    let elsewhere =
        warifu::log::Checkpoint { origin: origin.to_string(), size: good.size, root: Bytes([7; 32]) };
    let elsewhere = elsewhere.text().unwrap();
    let line = cosigner.cosign(&elsewhere, good.at.unix_seconds()).unwrap();
    let elsewhere = Cosignature::verify(cosigner.verifier(), &elsewhere, &line).unwrap();
    for wrong in [Bytes([0; 72]), other.cosignature, later.cosignature, elsewhere.to_bytes()] {
        let mut bad = good.clone();
        bad.cosignature = wrong;
        let unsigned = world.accept(&bad);
        assert!(matches!(unsigned, Err(VaultError::NotCounted(NotCounted::Signature(_)))), "{unsigned:?}");
        signed_anew(&world, 0, &mut bad);
        // Nor may a host enter it as accepted.
        let entered = crate::support::acceptance(&bad, step_of(bad.at.unix_seconds()));
        let actor = world.custodians[0].actor();
        let forged = world.forge(actor, Event::Accepted(entered));
        let who = format!("{} on the checkpoint", world.custodians[0].name());
        assert_eq!(forged.err(), Some(Invalid::Signature { who }));
        assert_eq!(refusal(world.accept(&bad).unwrap()), Some(Refusal::WrongCosignature));
    }
    assert_eq!(refusal(world.accept(&good).unwrap()), None);
}

/// Names of those who cosigned the kept note, and its size.
fn kept(world: &World) -> (u64, Vec<String>) {
    let note = world.vault.cosigned(&world.log.state.id).unwrap().expect("a kept note");
    let checkpoint =
        warifu::log::checkpoint::open(note.as_bytes(), &world.log.state.log_key().unwrap()).unwrap();
    let note = Note::parse(note.as_bytes()).unwrap();
    let names = note.signatures().iter().skip(1).map(|line| line.name().to_owned()).collect();
    (checkpoint.size, names)
}

#[test]
fn contributors_cosign_one_checkpoint_and_the_newest_is_kept() {
    let mut world = World::new();
    let ceremony = world.open();
    let opened = world.log.state.size;
    for who in [0, 1, 2] {
        world.contribute(&ceremony, who);
    }
    let name = |who: usize| format!("{}/{}", world.log.state.origin, world.custodians[who].name());
    let names = [0, 1, 2].map(name);
    let (size, mut found) = kept(&world);
    found.sort();
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!((size, found), (opened, expected));
    assert!(world.vault.verify(None).unwrap().findings.is_empty());
    let now = world.now;
    world.vault.end_ceremony(&mut world.log, &ceremony, warifu::event::Ending::Aborted, now).unwrap();
    world.pass(Span::minutes(1));
    let second = world.open();
    world.contribute(&second, 3);
    let later = format!("{}/{}", world.log.state.origin, world.custodians[3].name());
    assert_eq!(kept(&world), (world.log.state.size - 1, vec![later]));
    assert!(world.vault.verify(None).unwrap().findings.is_empty());
}

#[test]
fn two_cards_with_one_cosignature_key_are_refused() {
    let world = World::new();
    let state = &world.log.state;
    let mut copy = state.people[&world.custodians[0].name()].clone();
    let own = warifu::seal::sign::SigningKey::new(seed(55));
    (copy.pseudonym, copy.sign_key) = ("amber-fox-lake".parse().unwrap(), own.public());
    copy.signature = own.sign(&copy.digest(&state.vault, &state.id, &state.first_entry));
    let refused = world.forge(Actor::Host, Event::CardEnrolled(copy.clone())).err();
    assert_eq!(refused, Some(Invalid::Duplicate("amber-fox-lake".to_owned())));
    copy.cosign_key = own.public();
    copy.signature = own.sign(&copy.digest(&state.vault, &state.id, &state.first_entry));
    assert_eq!(world.forge(Actor::Host, Event::CardEnrolled(copy)).err(), None);
}
