//! Which version is current, which is destroyed, and what is due: the rules, as
//! the vault keeps them and as a hostile host would break them. Long, because the
//! rules about one version and the next are read together.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use support::{World, slug};
use warifu::event::{
    Acceptance, Accepts, Actor, Agreed, Because, Destruction, Ending, Event, Hash, Made, Mode, Purpose,
    RotationBegun, RotationPolicy, RotationSettled, Scope, Shown, Signed,
};
use warifu::hex::Bytes;
use warifu::name::{AccountAddress, Factor};
use warifu::pvss;
use warifu::seal::generate::Alphabet;
use warifu::seal::record::Payload;
use warifu::secret::SecretBytes;
use warifu::state::Invalid;
use warifu::state::rotation::Place;
use warifu::store::{RecordKey, Store};
use warifu::time::Span;
use warifu::vault::ceremony::{List, MAX_TARGETS, check_list};
use warifu::vault::due::{Reason, due};
use warifu::vault::group::sign_as_member;
use warifu::vault::overview::Reading;
use warifu::vault::rotate::{self, Wanted};
use warifu::vault::seal::{Provenance, dealing_record, sealed_record};
use warifu::vault::{Vault, VaultError};

fn payload(password: &str) -> Payload {
    let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    Payload { login: secret("root"), password: secret(password), notes: secret("") }
}

const UNSEEN: Provenance = Provenance { made: Made::Generated, shown: Shown::Command };

impl World {
    fn credential(&self, version: u64) -> Hash {
        let state = &self.log.state;
        let (id, _) = warifu::vault::hierarchy::account(state, &self.address).unwrap();
        pvss::credential_id(&state.vault, &state.id, &id, Factor::Password, version)
    }

    fn sealed(&mut self, address: &str) -> Hash {
        self.seal_at(&address.parse().unwrap())
    }

    fn place(&self, version: u64) -> Option<Place> {
        self.log.state.place_of(&self.credential(version))
    }

    fn current(&self) -> Option<u64> {
        let (id, _) = warifu::vault::hierarchy::account(&self.log.state, &self.address).unwrap();
        self.log.state.current_of(&id, Factor::Password).map(|(_, v)| v.sealing.version)
    }

    fn quorum(&self, digest: &[u8; 64]) -> Vec<Signed> {
        let state = &self.log.state;
        let sign = |i: usize| sign_as_member(state, &self.group(), &self.custodians[i].card, digest).unwrap();
        (0..3).map(sign).collect()
    }

    /// A ceremony that has released the current version.
    fn released(&mut self) -> Hash {
        let ceremony = self.open();
        (0..3).for_each(|who| self.contribute(&ceremony, who));
        self.vault.release(&mut self.log, &ceremony, 0, self.now, &mut self.rng).unwrap();
        self.pass(Span::minutes(1));
        ceremony
    }

    fn begin(&mut self, ceremony: &Hash, password: &str) -> Result<u64, VaultError> {
        let new = payload(password);
        let Self { vault, log, operator, now, rng, .. } = self;
        vault.begin_rotation(log, &operator.card, (ceremony, 0), &new, UNSEEN, *now, rng).map(|s| s.version)
    }

    fn settle(&mut self, version: u64, accepts: Accepts) -> Result<(), VaultError> {
        let new = self.credential(version);
        let Self { vault, log, operator, now, .. } = self;
        vault.settle_rotation(log, &operator.card, &new, (accepts, Shown::Command), *now)
    }

    fn destroy(&mut self, version: u64, current: bool) -> Result<bool, VaultError> {
        let (gone, _) =
            rotate::destruction(&self.log.state, (&self.address, Factor::Password), version, current)?;
        self.vault.destroy(&mut self.log, gone, self.now)
    }

    #[track_caller]
    fn verifies(&self) {
        assert_eq!(self.vault.verify(None).unwrap().findings, []);
    }

    fn set(&mut self, scope: Scope, wanted: Wanted) {
        let (mut set, holders) = rotate::rotation_policy(&self.log.state, scope, wanted, self.now).unwrap();
        let group = self.group();
        for holder in holders {
            assert_eq!(holder, group.group);
            let signatures = self.quorum(&set.digest(&self.log.state.id));
            rotate::agree(&mut set, &group, signatures);
        }
        self.vault.set_rotation_policy(&mut self.log, set, self.now).unwrap();
    }
}

/// Whether any file of the vault has these bytes.
fn lies_in(vault: &Vault, needle: &[u8]) -> Vec<String> {
    let files = fs::read_dir(vault.dir()).unwrap().map(|file| file.unwrap().path());
    let with = files.filter(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    });
    with.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_destroyed_versions_ciphertext_is_in_no_file_of_the_vault() {
    let mut world = World::new();
    world.seal();
    let old = world.credential(1);
    let (log, store) = (world.log.state.id, world.vault.store());
    let dealing = world.log.state.versions[&old].sealing.dealing;
    let record = |name: String| store.record(&RecordKey { log, name }).unwrap();
    let sealed = record(sealed_record(&old)).unwrap();
    let shares = record(dealing_record(&dealing)).unwrap();
    for needle in [&sealed[40..120], &shares[32..96]] {
        assert!(!lies_in(&world.vault, needle).is_empty(), "the test would find it");
    }
    assert!(world.destroy(1, false).unwrap(), "nobody reads: it is gone at once");
    for needle in [&sealed[40..120], &shares[32..96]] {
        assert_eq!(lies_in(&world.vault, needle), Vec::<String>::new());
    }
    assert_eq!((world.place(1), world.current()), (Some(Place::Destroyed), Some(2)));
    // What was entered stays.
    assert!(world.lines().iter().any(|line| line.contains("\"sealed\"") && line.contains(&old.to_string())));
    world.verifies();
}

#[test]
fn a_destroyed_version_is_asked_for_in_vain_and_destroyed_once() {
    let mut world = World::new();
    world.seal();
    world.destroy(1, false).unwrap();
    let asked = warifu::vault::ceremony::version_of(&world.log, &world.address, Factor::Password, Some(1));
    assert!(matches!(asked, Err(VaultError::Destroyed { version: 1, .. })));
    assert!(matches!(world.destroy(1, false), Err(VaultError::Destroyed { .. })));
    let gone = Destruction { credential: world.credential(1), why: Because::Asked, signatures: vec![] };
    let again = world.forge(Actor::Host, Event::Destroyed(gone));
    assert_eq!(again.err(), Some(Invalid::Destroyed("acme/shop/prod version 1".to_owned())));
}

#[test]
fn the_current_version_goes_only_with_its_groups_quorum() {
    let mut world = World::new();
    assert!(matches!(world.destroy(1, false), Err(VaultError::IsCurrent { version: 1, .. })));
    assert!(matches!(
        world.destroy(1, true),
        Err(VaultError::Invalid(Invalid::TooFewSignatures { found: 0, needed: 3 }))
    ));
    let address: AccountAddress = world.address.clone();
    let (mut gone, holder) =
        rotate::destruction(&world.log.state, (&address, Factor::Password), 1, true).unwrap();
    assert_eq!(holder, Some(world.group().group));
    // Signatures for another version, or another reason, are of no use.
    let other = Destruction { credential: world.credential(2), ..gone.clone() };
    gone.signatures = world.quorum(&other.digest(&world.log.state.id));
    let forged = world.forge(Actor::Host, Event::Destroyed(gone.clone()));
    assert!(matches!(forged, Err(Invalid::Signature { .. })));
    gone.signatures = world.quorum(&gone.digest(&world.log.state.id));
    world.vault.destroy(&mut world.log, gone, world.now).unwrap();
    assert_eq!(world.current(), None);
    assert!(matches!(
        world.try_open(warifu::event::Mode::Files, Span::hours(1)),
        Err(VaultError::Destroyed { .. })
    ));
    world.verifies();
    // The next one is current, and its number is a new one.
    world.seal();
    assert_eq!(world.current(), Some(2));
}

#[test]
fn a_version_that_a_ceremony_waits_for_stays() {
    let mut world = World::new();
    let ceremony = world.open();
    world.seal();
    let refused = world.destroy(1, false);
    assert!(matches!(refused, Err(VaultError::Invalid(Invalid::CeremonyBusy))), "{refused:?}");
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    world.destroy(1, false).unwrap();
    world.verifies();
}

#[test]
fn a_record_that_is_gone_without_an_entry_is_named_with_its_version() {
    let world = World::new();
    let name = sealed_record(&world.credential(1));
    let connection = rusqlite::Connection::open(world.vault.dir().join("vault.db")).unwrap();
    let gone = connection.execute("DELETE FROM record WHERE name = ?1", [&name]).unwrap();
    assert_eq!(gone, 1);
    let found = world.vault.verify(None).unwrap().findings;
    let named = |f: &warifu::vault::report::Finding| {
        f.what.contains("acme/shop/prod version 1, which no entry says was destroyed")
    };
    assert!(found.iter().any(named), "{found:?}");
}

#[test]
fn a_record_that_the_log_calls_destroyed_and_is_there_is_named() {
    let mut world = World::new();
    world.seal();
    let name = sealed_record(&world.credential(1));
    let kept = world.vault.record(&world.log.state.id, &name).unwrap();
    world.destroy(1, false).unwrap();
    world.force(vec![], vec![(name, kept)]);
    let found = world.vault.verify(None).unwrap().findings;
    assert!(
        found.iter().any(|f| f.what.contains("was destroyed, as the log says, and is there")),
        "{found:?}"
    );
}

#[test]
fn a_rotation_leaves_both_versions_until_it_is_settled() {
    let mut world = World::new();
    let ceremony = world.released();
    assert_eq!(world.begin(&ceremony, "the next one").unwrap(), 2);
    assert_eq!((world.place(1), world.place(2)), (Some(Place::Current), Some(Place::Pending)));
    assert_eq!(world.current(), Some(1), "open without --version takes what the provider has");
    for version in [1, 2] {
        let refused = world.destroy(version, true);
        assert!(matches!(refused, Err(VaultError::Invalid(Invalid::RotationRunning(_)))), "{refused:?}");
    }
    let address = world.address.clone();
    let Provenance { made, shown } = UNSEEN;
    let beside = world.vault.seal(
        &mut world.log,
        &address,
        &payload("another"),
        Provenance { made, shown },
        world.now,
        &mut world.rng,
    );
    assert!(matches!(beside, Err(VaultError::Invalid(Invalid::RotationRunning(_)))));
    world.verifies();
    world.settle(2, Accepts::New).unwrap();
    assert_eq!((world.place(1), world.place(2)), (Some(Place::Destroyed), Some(Place::Current)));
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    world.verifies();
    assert!(matches!(world.settle(2, Accepts::Old), Err(VaultError::NoRotation(_))), "once");
}

#[test]
fn where_the_provider_kept_the_old_one_it_stays_current_and_the_next_rotation_works() {
    let mut world = World::new();
    let ceremony = world.released();
    world.begin(&ceremony, "never installed").unwrap();
    world.settle(2, Accepts::Old).unwrap();
    assert_eq!((world.place(1), world.place(2)), (Some(Place::Current), Some(Place::Discarded)));
    // Within the same ceremony, without a second quorum.
    assert_eq!(world.begin(&ceremony, "installed").unwrap(), 3);
    world.settle(3, Accepts::New).unwrap();
    assert_eq!(world.current(), Some(3));
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    world.destroy(2, false).unwrap();
    world.verifies();
}

#[test]
fn nothing_is_rotated_that_its_ceremony_did_not_release() {
    let mut world = World::new();
    let ceremony = world.open();
    (0..3).for_each(|who| world.contribute(&ceremony, who));
    let refused = world.begin(&ceremony, "too early");
    assert!(matches!(refused, Err(VaultError::Invalid(Invalid::CeremonyState("rotation-begun")))));
    // Nothing has happened: not even a version number is used up.
    assert_eq!(world.sealed("acme/shop/prod"), world.credential(2));
    world.verifies();
}

#[test]
fn a_settlement_by_somebody_else_of_another_answer_or_ceremony_is_refused() {
    let mut world = World::new();
    let ceremony = world.released();
    world.begin(&ceremony, "the next one").unwrap();
    let new = world.credential(2);
    let said = |accepts| RotationSettled::digest(&ceremony, &new, accepts, Shown::Command);
    let good = RotationSettled {
        ceremony,
        credential: new,
        accepts: Accepts::New,
        handed: Shown::Command,
        signature: world.operator.sign(&said(Accepts::New)),
    };
    let by = |world: &World, actor: Actor, settled: &RotationSettled| {
        world.forge(actor, Event::RotationSettled(settled.clone())).err()
    };
    let operator = world.operator.actor();
    assert_eq!(by(&world, operator.clone(), &good), None);
    assert!(matches!(by(&world, Actor::Host, &good), Some(Invalid::WrongActor { .. })));
    let custodian = world.custodians[0].actor();
    assert!(matches!(by(&world, custodian, &good), Some(Invalid::NotA { .. })));
    let turned = RotationSettled { accepts: Accepts::Old, ..good.clone() };
    assert!(matches!(by(&world, operator.clone(), &turned), Some(Invalid::Signature { .. })));
    let elsewhere = RotationSettled { ceremony: Bytes([9; 64]), ..good.clone() };
    assert!(matches!(by(&world, operator.clone(), &elsewhere), Some(Invalid::Unknown { .. })));
    // An operator whom the group does not admit any more settles nothing.
    world.pass(support::ADMITTED);
    let late = world.forge(operator, Event::RotationSettled(good));
    assert!(matches!(late.err(), Some(Invalid::NotAdmitted { .. })));
}

#[test]
fn a_rotation_of_another_account_of_an_old_version_or_twice_is_refused() {
    let mut world = World::new();
    let ceremony = world.released();
    world.account("acme/shop/other", "210987654321");
    let begun = |world: &World, old: Hash, new: Hash| {
        let signature = world.operator.sign(&RotationBegun::digest(&ceremony, 0, &old, &new));
        let begun = RotationBegun { ceremony, target: 0, old, new, signature };
        world.forge(world.operator.actor(), Event::RotationBegun(begun)).err()
    };
    let (old, new) = (world.credential(1), world.credential(2));
    assert!(matches!(begun(&world, old, new), Some(Invalid::Unknown { .. })), "no seal was begun");
    let other = world.sealed("acme/shop/other");
    let unsigned = RotationBegun { ceremony, target: 0, old, new, signature: Bytes([7; 64]) };
    let by_host = world.forge(Actor::Host, Event::RotationBegun(unsigned.clone()));
    assert!(matches!(by_host.err(), Some(Invalid::WrongActor { .. })));
    let forged = world.forge(world.operator.actor(), Event::RotationBegun(unsigned));
    assert!(matches!(forged.err(), Some(Invalid::Signature { .. })));
    assert_eq!(begun(&world, old, other), Some(Invalid::Mismatch("rotation")));
    assert_eq!(begun(&world, other, new), Some(Invalid::CeremonyState("rotation-begun")));
    // Sealed outside, the next version is current: the old one is replaced by nothing.
    world.seal();
    assert_eq!(world.current(), Some(2));
    assert!(matches!(
        world.begin(&ceremony, "late"),
        Err(VaultError::Invalid(Invalid::Mismatch("rotation")))
    ));
}

#[test]
fn another_version_beside_a_rotation_is_refused() {
    let mut world = World::new();
    let ceremony = world.released();
    world.begin(&ceremony, "the next one").unwrap();
    let sealing = world.log.state.sealing(&world.credential(2)).unwrap();
    let (id, origin) = (sealing.account, Bytes([3; 64]));
    let third = world.credential(3);
    let begun =
        Event::SealBegun { credential: third, origin, account: id, factor: Factor::Password, version: 3 };
    let state = world.forge(Actor::Host, begun).unwrap();
    let mut beside = sealing;
    (beside.credential, beside.version, beside.origin, beside.dealing) = (third, 3, origin, origin);
    let sealed = support::forge_on(&state, world.now, Actor::Host, Event::Sealed(beside));
    assert_eq!(sealed.err(), Some(Invalid::RotationRunning("acme/shop/prod".to_owned())));
}

#[test]
fn a_rotation_policy_needs_the_quorum_of_every_group_that_holds_something_there() {
    let mut world = World::new();
    let policy = |world: &World, scope| {
        let wanted = Wanted { every_days: Some(90), ..Wanted::default() };
        rotate::rotation_policy(&world.log.state, scope, wanted, world.now).unwrap()
    };
    let (unsigned, holders) = policy(&world, Scope::Organisation);
    assert_eq!(holders, [world.group().group]);
    let enter = |world: &World, set: &RotationPolicy| {
        world.forge(Actor::Host, Event::RotationPolicySet(set.clone())).err()
    };
    assert_eq!(enter(&world, &unsigned), Some(Invalid::NotAgreed("root".to_owned())));
    let agreed = |world: &World, signatures| {
        let group = world.group();
        vec![Agreed { group: group.group, epoch: group.epoch, signatures }]
    };
    let mut set = unsigned.clone();
    set.agreed = agreed(&world, world.quorum(&set.digest(&world.log.state.id))[..2].to_vec());
    assert!(matches!(enter(&world, &set), Some(Invalid::TooFewSignatures { found: 2, needed: 3 })));
    // Signed for another number of days.
    let weaker = RotationPolicy { every_days: Some(900), ..unsigned.clone() };
    set.agreed = agreed(&world, world.quorum(&weaker.digest(&world.log.state.id)));
    assert!(matches!(enter(&world, &set), Some(Invalid::Signature { .. })));
    set.agreed = agreed(&world, world.quorum(&set.digest(&world.log.state.id)));
    assert_eq!(enter(&world, &set), None);
    assert!(matches!(
        world.forge(world.operator.actor(), Event::RotationPolicySet(set.clone())).err(),
        Some(Invalid::WrongActor { .. })
    ));
    world.vault.set_rotation_policy(&mut world.log, set.clone(), world.now).unwrap();
    assert_eq!(enter(&world, &set), Some(Invalid::Mismatch("serial number")), "signatures are of use once");
    // Where nothing is sealed nobody can be asked.
    let account = world.account("acme/shop/empty", "210987654321");
    let (id, _) = warifu::vault::hierarchy::account(&world.log.state, &account).unwrap();
    let (alone, holders) = policy(&world, Scope::Account(id));
    assert_eq!((holders.len(), enter(&world, &alone)), (0, None));
    for wanted in [
        Wanted { every_days: Some(3654), ..Wanted::default() },
        Wanted { exposed_hours: Some(3654 * 24), ..Wanted::default() },
        Wanted { length: Some(7), ..Wanted::default() },
        Wanted { length: Some(129), ..Wanted::default() },
        Wanted { factor: Some(Factor::Mfa), length: Some(40), ..Wanted::default() },
    ] {
        let refused = rotate::rotation_policy(&world.log.state, Scope::Organisation, wanted, world.now);
        assert!(matches!(refused, Err(VaultError::Invalid(Invalid::RotationPolicy(_)))), "{wanted:?}");
    }
}

#[test]
fn of_each_rule_the_narrowest_scope_that_has_it_holds() {
    let mut world = World::new();
    let state = &world.log.state;
    let (project, account) = (*state.projects.keys().next().unwrap(), *state.accounts.keys().next().unwrap());
    assert_eq!(state.rotation_rules(&account).exposed_hours, Some(24), "without any policy");
    let days = |every_days| Wanted { every_days: Some(every_days), ..Wanted::default() };
    world.set(Scope::Organisation, Wanted { length: Some(50), exposed_hours: Some(48), ..days(365) });
    world.set(Scope::Project(project), Wanted { alphabet: Some(Alphabet::Alphanumeric), ..days(90) });
    let rules = world.log.state.rotation_rules(&account);
    assert_eq!((rules.every_days, rules.exposed_hours, rules.length), (Some(90), Some(48), Some(50)));
    assert_eq!(rules.alphabet, Alphabet::Alphanumeric);
    world.set(Scope::Account(account), days(0));
    assert_eq!(world.log.state.rotation_rules(&account).every_days, None, "never for its age alone");
    world.set(Scope::Account(account), Wanted::default());
    assert_eq!(world.log.state.rotation_rules(&account).every_days, Some(90), "as the project says again");
    world.verifies();
}

#[test]
fn a_policy_is_of_one_factor_and_the_default_hours_are_for_what_signs_in_by_itself() {
    let mut world = World::new();
    let whole = Scope::Organisation;
    let hours = |world: &World, factor| world.log.state.renewal_rules(&whole, factor).exposed_hours;
    assert_eq!(Factor::ALL.map(|f| hours(&world, f)), [Some(24), None, Some(24), None, None]);
    let wanted = Wanted { factor: Some(Factor::Mfa), exposed_hours: Some(48), ..Wanted::default() };
    // Nobody holds a seed yet: the group that holds passwords has no say in it.
    let (set, holders) = rotate::rotation_policy(&world.log.state, whole, wanted, world.now).unwrap();
    assert_eq!((set.factor, holders.len()), (Some(Factor::Mfa), 0));
    world.set(whole, wanted);
    assert_eq!((hours(&world, Factor::Mfa), hours(&world, Factor::Password)), (Some(48), Some(24)));
    // Of passwords there is one way to say it, and the factor is signed.
    let (unsigned, _) =
        rotate::rotation_policy(&world.log.state, whole, Wanted::default(), world.now).unwrap();
    let named = |factor| RotationPolicy { factor, ..unsigned.clone() };
    let digest = |factor| named(factor).digest(&world.log.state.id);
    assert_ne!(digest(None), digest(Some(Factor::Mfa)));
    assert_ne!(digest(Some(Factor::Device)), digest(Some(Factor::Mfa)));
    let refused = world.forge(Actor::Host, Event::RotationPolicySet(named(Some(Factor::Password))));
    assert!(matches!(refused.err(), Some(Invalid::RotationPolicy(_))));
    world.verifies();
}

#[test]
fn what_is_overdue_comes_first_and_says_why() {
    let mut world = World::new();
    for (name, id) in [("acme/shop/aged", "210987654321"), ("acme/shop/quiet", "310987654321")] {
        world.account(name, id);
        world.sealed(name);
    }
    let week = Span::days(7);
    assert_eq!(due(&world.log.state, world.now, week), [], "no policy, nothing was opened");
    world.pass(Span::days(1));
    let ceremony = world.released();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    let now = world.now;
    let look = |world: &World, later: Span| {
        let found = due(&world.log.state, now + later, week);
        found.into_iter().map(|d| (d.address, d.why, d.overdue)).collect::<Vec<_>>()
    };
    let exposed = vec![Reason::Exposed, Reason::NeverRotated];
    let prod = "acme/shop/prod".to_owned();
    assert_eq!(look(&world, Span::hours(23)), [(prod.clone(), exposed.clone(), false)]);
    assert_eq!(look(&world, Span::hours(25)), [(prod.clone(), exposed, true)]);
    let aged = warifu::vault::hierarchy::account(&world.log.state, &"acme/shop/aged".parse().unwrap());
    let scope = Scope::Account(aged.unwrap().0);
    world.set(scope, Wanted { every_days: Some(30), ..Wanted::default() });
    let names =
        |found: Vec<(String, Vec<Reason>, bool)>| -> Vec<_> { found.into_iter().map(|f| f.0).collect() };
    assert_eq!(names(look(&world, Span::hours(1))), [&*prod], "in a month");
    let list = |wanted| world.vault.due(Some(&slug("acme")), now + Span::days(40), week, wanted).unwrap();
    let (stored, replayed) = (list(Reading::Overview), list(Reading::Entries));
    assert_eq!((stored.read_from, replayed.read_from), (Reading::Overview, Reading::Entries));
    assert_eq!(stored.items, replayed.items);
    let all: Vec<_> = stored.items.into_iter().map(|item| item.renewal().cloned().unwrap()).collect();
    assert_eq!(all.iter().map(|d| &*d.address).collect::<Vec<_>>(), ["acme/shop/prod", "acme/shop/aged"]);
    assert!(all.iter().all(|d| d.overdue));
    assert_eq!(all[1].why, [Reason::Age, Reason::NeverRotated]);
    // A rotation that nobody settled is listed as such.
    let ceremony = {
        let ceremony = world.open();
        (0..3).for_each(|who| world.contribute(&ceremony, who));
        world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
        ceremony
    };
    world.begin(&ceremony, "pending").unwrap();
    let found = due(&world.log.state, world.now, week);
    assert_eq!((found[0].why[0], found[0].pending), (Reason::NotSettled, Some(2)));
    world.settle(2, Accepts::New).unwrap();
    assert_eq!(due(&world.log.state, world.now, week), []);
}

/// The program, on a pipe.
fn program(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_warifu"));
    let output = command.arg("--vault").arg(world.vault.dir()).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// What it writes to a terminal.
fn on_a_terminal(world: &World, arguments: &[&str]) -> String {
    use expectrl::Expect;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.arg("--vault").arg(world.vault.dir()).args(arguments);
    let mut session = expectrl::Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(std::time::Duration::from_secs(20)));
    String::from_utf8_lossy(session.expect(expectrl::Eof).unwrap().as_bytes()).into_owned()
}

#[test]
fn overdue_is_an_exit_code_of_its_own_heads_each_list_and_is_red_on_a_terminal() {
    let mut world = World::new();
    world.account("acme/shop/aaa", "210987654321");
    world.sealed("acme/shop/aaa");
    // The program goes by the real clock: by now the group's drill is overdue.
    let (code, said) = program(&world, &["due", "acme"]);
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("error: the drill of 1 group overdue.") && said.contains("warifu drill"), "{said}");
    let ceremony = world.released();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    let (code, said) = program(&world, &["due", "acme"]);
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("OVERDUE since 2026-03-02") && said.contains("EXPOSED since 2026-03-01"), "{said}");
    assert!(
        said.contains("error: 1 account and the drill of 1 group overdue.") && said.contains("warifu rotate"),
        "{said}"
    );
    for list in [&["status", "acme"][..], &["account", "list", "acme"], &["due", "acme"]] {
        let (_, plain) = program(&world, list);
        let lines: Vec<_> = plain.lines().filter(|line| line.starts_with("acme/shop/")).collect();
        assert!(lines[0].starts_with("acme/shop/prod"), "{list:?}: {plain}");
        assert!(!plain.contains('\x1b'));
        let coloured = on_a_terminal(&world, list);
        assert!(coloured.contains("\x1b[31macme/shop/prod"), "{list:?}: {coloured:?}");
        assert!(!coloured.contains("\x1b[31macme/shop/aaa"), "{list:?}");
    }
}

#[test]
fn a_custodian_who_comes_after_a_target_was_replaced_gives_shares_of_the_others() {
    let mut world = World::new();
    let other = world.account("acme/shop/other", "210987654321");
    world.seal_at(&other);
    let address = world.address.clone();
    let list = List {
        purpose: Purpose::Rotate,
        targets: vec![(&address, Factor::Password, None), (&other, Factor::Password, None)],
        reason: "yearly",
        ticket: None,
        mode: Mode::Files,
        window: Span::hours(1),
    };
    let World { vault, log, operator, now, rng, .. } = &mut world;
    let ceremony = vault.open_list(log, &operator.card, &list, *now, rng).unwrap();
    (0..3).for_each(|who| world.contribute(&ceremony, who));
    world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    world.begin(&ceremony, "the next one").unwrap();
    world.settle(2, Accepts::New).unwrap();
    // The shares of one of them turned out bad, say: another comes.
    let answer = world.answer(&ceremony, 3, world.now);
    assert_eq!(answer.targets, [1], "of what is destroyed there is nothing to give");
    assert!(matches!(world.accept(&answer).unwrap(), Event::Accepted(_)));
    world.vault.release(&mut world.log, &ceremony, 1, world.now, &mut world.rng).unwrap();
    // What is gone is given out no more, and that is said.
    let again = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng);
    assert!(matches!(again, Err(VaultError::Destroyed { version: 1, .. })));
    world.verifies();
}

#[test]
fn a_contribution_to_as_many_targets_as_there_may_be_fits_its_entry_and_more_are_refused() {
    let world = World::new();
    let most = MAX_TARGETS;
    let hash = Bytes([0xff; 64]);
    let acceptance = Acceptance {
        ceremony: hash,
        custodian: "abandon-abandon-abandon".parse().unwrap(),
        targets: (0..most as u64).collect(),
        at: world.now,
        step: u64::MAX,
        size: u64::MAX,
        root: Bytes([0xff; 32]),
        cosignature: Bytes([0xff; 72]),
        shares: vec![hash; most],
        ciphertexts: vec![hash; most],
        code: hash,
        signature: hash,
    };
    let line = support::line(world.now, world.custodians[0].actor(), Event::Accepted(acceptance));
    assert!(line.len() < 62_000, "{} bytes, of 65,535", line.len());
    let list = |count| List {
        purpose: Purpose::Rotate,
        targets: vec![(&world.address, Factor::Password, None); count],
        reason: "yearly",
        ticket: None,
        mode: Mode::Room,
        window: Span::hours(1),
    };
    assert!(check_list(&world.log, &list(most)).is_ok());
    let refused = check_list(&world.log, &list(most + 1));
    assert!(matches!(refused, Err(VaultError::TooManyTargets(count)) if count == most + 1));
}
