//! What an operator is handed, and who is blamed for it.

use crate::support::{World, acceptance, bytes, line, targeted};
use warifu::ceremony::recipient::{FinishError, Finished, finish, notices};
use warifu::event::{Actor, Ending, Event, Hash, Mode, Purpose, SaltedText, Shown};
use warifu::hex::{Bytes, HexBytes};
use warifu::log::merkle::Frontier;
use warifu::message::{Notices, Package, Release, Request, SignedRequest};
use warifu::seal::hpke::HpkeSecret;
use warifu::seal::totp::step_of;
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
    assert_eq!(
        open(&world, &given).unwrap().contents.password().unwrap().password.expose(),
        b"correct horse"
    );
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

/// Two logs of a hostile host, of equal length and with the same ids, keys,
/// dealing and admission: in the second the account goes by another name.
struct Fork {
    world: World,
    truth: Vec<String>,
    lie: Vec<String>,
    key: HpkeSecret,
}

impl Fork {
    fn new() -> Self {
        let mut world = World::new();
        let truth = world.lines();
        let renamed = |line: &String| {
            line.replace("\"slug\":\"prod\"", "\"slug\":\"sandbox\"")
                .replace("acme/shop/prod", "acme/shop/sandbox")
        };
        let lie: Vec<_> = truth.iter().map(renamed).collect();
        assert_eq!(truth.iter().zip(&lie).filter(|(a, b)| a != b).count(), 2);
        let (key, _) = HpkeSecret::generate(&mut world.rng);
        Self { world, truth, lie, key }
    }

    /// What the operator signs who was shown the first entries of a log.
    fn request(&self, seen: &[String]) -> SignedRequest {
        let (world, state) = (&self.world, &self.world.log.state);
        let (credential, version) = state.versions.iter().next().unwrap();
        let mut tree = Frontier::new();
        seen.iter().for_each(|line| tree.push(bytes(line).leaf_hash()));
        world.signed(Request {
            vault: state.vault,
            organisation: state.id,
            nonce: Bytes([1; 32]),
            purpose: Purpose::Open,
            mode: Mode::Files,
            operator: world.operator.name(),
            operator_key: world.operator.card.signing_key().public(),
            targets: vec![version.sealing.target(credential)],
            reason: self.reason().hash(),
            ticket: None,
            size: tree.size(),
            root: tree.root(),
            asked: world.now,
            expires: world.now + Span::hours(1),
            requester_key: self.key.public(),
        })
    }

    fn reason(&self) -> SaltedText {
        SaltedText { salt: Bytes([3; 32]), text: "to look at the sandbox".to_owned() }
    }

    fn opening(&self, signed: &SignedRequest) -> Vec<(Actor, Event)> {
        let operator = self.world.operator.actor();
        let opened = Event::Opened(signed.request.opening(self.key.public(), signed.signature));
        vec![(operator.clone(), opened), (operator, targeted(&signed.request))]
    }

    fn lines(&self, log: &[String], events: &[(Actor, Event)]) -> Vec<String> {
        let new = events.iter().map(|(actor, event)| line(self.world.now, actor.clone(), event.clone()));
        log.iter().cloned().chain(new).collect()
    }

    /// What the operator's program says to a release out of the true log.
    fn release(&self, signed: &SignedRequest, events: &[(Actor, Event)]) -> Option<FinishError> {
        let entries = self.lines(&self.truth, events);
        let (dealing, sealed, ingredient) = Default::default();
        let mut release = Release {
            signed: signed.clone(),
            target: 0,
            dealing,
            sealed,
            ingredient,
            requester_key: HexBytes(Vec::new()),
            contributions: Vec::new(),
            checkpoint: self.world.checkpoint(&entries),
            entries,
            signature: Bytes([0; 64]),
        };
        self.world.host_signs(&mut release);
        finish(&release, &self.key, &self.world.operator.card.first_entry(), None).err()
    }
}

#[test]
fn a_log_made_for_the_custodians_alone_is_found_by_operator_and_audit() {
    let mut fork = Fork::new();
    // Operator and custodians were shown the same as far as the operator looked.
    let signed = fork.request(&fork.truth[..1]);
    let mut events = fork.opening(&signed);
    let entries = fork.lines(&fork.lie, &events);
    let name = warifu::vault::seal::dealing_record(&signed.request.targets[0].dealing);
    let dealing = fork.world.vault.record(&fork.world.log.state.id, &name).unwrap();
    let package = Package {
        signed: signed.clone(),
        texts: vec![fork.reason()],
        checkpoint: fork.world.checkpoint(&entries),
        entries,
        dealings: vec![HexBytes(dealing)],
    };
    let opened = events.len();
    for who in 0..3 {
        let review = fork.world.review(&package, who).unwrap();
        assert_eq!(review.targets[0].address, "acme/shop/sandbox");
        let now = fork.world.now;
        let world = &mut fork.world;
        let code = world.custodians[who].code(now);
        let answer = review.contribute(&world.custodians[who].card, &code, now, &mut world.rng).unwrap();
        let accepted = acceptance(&answer, step_of(now.unix_seconds()));
        events.push((world.custodians[who].actor(), Event::Accepted(accepted)));
    }
    let mut custodians: Vec<_> = (0..3).map(|who| fork.world.custodians[who].name()).collect();
    custodians.sort();
    let (ceremony, credential) = (signed.request.hash(), signed.request.targets[0].credential);
    events.push((Actor::Host, Event::Released { ceremony, target: 0, credential, custodians }));
    let first = fork.world.custodians[0].name().to_string();
    let size = (fork.truth.len() + opened) as u64;
    let forked = FinishError::Forked { who: first.clone(), size };
    assert_eq!(fork.release(&signed, &events), Some(forked));
    fork.world.force(events, Vec::new());
    let findings = fork.world.vault.verify(None).unwrap().findings;
    let found = findings.iter().find(|finding| finding.entry == Some(size)).unwrap();
    assert!(found.what.contains(&format!("{first} saw another log of {size} entries")), "{findings:?}");
}

#[test]
fn an_operator_who_was_shown_another_log_opens_nothing_in_this_one() {
    let fork = Fork::new();
    let signed = fork.request(&fork.lie);
    let events = fork.opening(&signed);
    let who = fork.world.operator.name().to_string();
    let size = fork.lie.len() as u64;
    assert_eq!(fork.release(&signed, &events), Some(FinishError::Forked { who, size }));
    fork.world.force(events, Vec::new());
    let findings = fork.world.vault.verify(None).unwrap().findings;
    assert!(findings.iter().any(|f| f.entry == Some(size) && f.what.contains("saw another log")));
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
    let credential = *world.log.state.versions.keys().next().unwrap();
    let sealing = world.log.state.sealing(&credential).unwrap();
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
    let credential = *world.log.state.versions.keys().next().unwrap();
    let first = world.log.state.sealing(&credential).unwrap();
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
    assert_eq!(finished.contents.password().unwrap().password.expose(), b"correct horse");
}
