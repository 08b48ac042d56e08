//! Whoever wants an authenticator's seed, or password and codes together.

use crate::support::{World, slug, targeted};
use warifu::ceremony::coder::{self, CoderError};
use warifu::ceremony::custodian::ReviewError;
use warifu::ceremony::recipient::FinishError;
use warifu::cli::CliError;
use warifu::event::{Actor, Binding, Event, GroupStatement, Hash, Made, Mode, Purpose, Scope, Shown};
use warifu::hex::Bytes;
use warifu::message::{Contribution, Message, Notice, operator_notice};
use warifu::name::{Factor, Pseudonym};
use warifu::pvss::{self, QuorumError};
use warifu::seal::contents::{Contents, RecoveryCodes, Sealable};
use warifu::seal::hpke::{self, HpkeSecret};
use warifu::seal::mfa::MfaSeed;
use warifu::seal::record::RecordError;
use warifu::seal::sign::SigningKey;
use warifu::secret::SecretBytes;
use warifu::state::Invalid;
use warifu::store::Store;
use warifu::time::{Span, Time};
use warifu::transcript::label;
use warifu::vault::ceremony::Ask;
use warifu::vault::code::{Checked, Given};
use warifu::vault::seal::Provenance;
use warifu::vault::witness::Nobody;
use warifu::vault::{Vault, VaultError, group};

/// RFC 6238's, "12345678901234567890".
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

/// Password with custodians 0 and 1, authenticator with 2, 3 and 4 (2 of 3), both
/// sealed for `acme/shop/prod`.
fn world() -> World {
    let mut world = World::people(7);
    let first = world.form("first", 2, &[0, 1]);
    let second = world.form("second", 2, &[2, 3, 4]);
    for (group, signers) in [(&first, [0, 1]), (&second, [2, 3])] {
        let admission = world.admission(group, world.now + Span::days(30), &signers);
        world.vault.admit(&mut world.log, admission, world.now).unwrap();
        world.pin(group);
    }
    bind(&mut world, Factor::Password, &first, Scope::Organisation, &[0, 1]).unwrap();
    bind(&mut world, Factor::Mfa, &second, Scope::Organisation, &[2, 3]).unwrap();
    world.seal();
    seal(&mut world, &Contents::Mfa(MfaSeed::read(&secret(SEED)).unwrap())).unwrap();
    world
}

fn seal(world: &mut World, contents: &impl Sealable) -> Result<Hash, VaultError> {
    let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
    let address = world.address.clone();
    let sealed =
        world.vault.seal(&mut world.log, &address, contents, provenance, world.now, &mut world.rng)?;
    Ok(sealed.credential)
}

/// A binding with signatures; those who would lose something agree too.
fn binding(world: &World, factor: Factor, to: &GroupStatement, scope: Scope, signers: &[usize]) -> Binding {
    let state = &world.log.state;
    let (mut binding, losing) = group::binding(state, scope, factor, to, world.now);
    let digest = binding.digest(&state.id, &state.g(to));
    let sign = |of: &GroupStatement, i: usize| {
        group::sign_as_member(state, of, &world.custodians[i].card, &digest).unwrap()
    };
    binding.signatures = signers.iter().map(|i| sign(to, *i)).collect();
    for id in losing {
        let holding = &state.groups[&id];
        let members = (0..5).filter(|i| holding.index_of(&world.custodians[*i].name()).is_some());
        group::give_up(&mut binding, id, members.map(|i| sign(holding, i)).collect());
    }
    binding
}

fn bind(
    world: &mut World,
    factor: Factor,
    to: &GroupStatement,
    scope: Scope,
    signers: &[usize],
) -> Result<(), VaultError> {
    let binding = binding(world, factor, to, scope, signers);
    world.vault.bind(&mut world.log, binding, world.now)
}

fn ask(world: &mut World, purpose: Purpose, factor: Factor) -> Result<Hash, VaultError> {
    let address = world.address.clone();
    let (mode, window) = (Mode::Files, Span::minutes(15));
    let ask = Ask {
        address: &address,
        purpose,
        factor,
        version: None,
        reason: "a test",
        ticket: None,
        mode,
        window,
    };
    world.vault.open_ceremony(&mut world.log, &world.operator.card, &ask, world.now, &mut world.rng)
}

fn give(world: &mut World, ceremony: &Hash, target: u64, count: u64) -> Result<Given, VaultError> {
    let now = world.now;
    let asked = (count, Shown::Screen);
    world.vault.give_codes(&mut world.log, (ceremony, target), asked, &|| now, &mut world.rng, &mut Nobody)
}

fn contribute(world: &mut World, ceremony: &Hash, who: &[usize]) {
    who.iter().for_each(|one| world.contribute(ceremony, *one));
}

fn codes(given: Given) -> (Vec<String>, Vec<Pseudonym>) {
    match given {
        Given::Codes(codes, bad) => {
            (codes.codes.iter().map(|code| code.expose_str().unwrap().to_owned()).collect(), bad)
        }
        Given::Missing(bad) => panic!("too few shares: {bad:?}"),
    }
}

/// A request by hand: the operator signs whatever it likes.
fn forged(
    world: &World,
    purpose: Purpose,
    credentials: &[Hash],
) -> (warifu::message::SignedRequest, Result<warifu::state::Organisation, Invalid>) {
    let target = |credential: &Hash| world.log.state.versions[credential].sealing.target(credential);
    let targets: Vec<_> = credentials.iter().map(target).collect();
    let state = &world.log.state;
    let (_, requester_key) = HpkeSecret::generate(&mut rand::rand_core::UnwrapErr(rand::rngs::SysRng));
    let request = warifu::message::Request {
        vault: state.vault,
        organisation: state.id,
        nonce: Bytes([3; 32]),
        purpose,
        mode: Mode::Files,
        operator: world.operator.name(),
        operator_key: world.operator.card.signing_key().public(),
        targets,
        reason: Bytes([5; 64]),
        ticket: None,
        size: state.size,
        root: world.log.root(),
        asked: world.now,
        expires: world.now + Span::hours(1),
        requester_key,
    };
    let signed = world.signed(request);
    let opened =
        world.forge(world.operator.actor(), Event::Opened(crate::support::opening(&signed))).unwrap();
    let listed =
        crate::support::forge_on(&opened, world.now, world.operator.actor(), targeted(&signed.request));
    (signed, listed)
}

fn credential(world: &World, factor: Factor) -> Hash {
    let (id, _) = world.log.state.account_by_slugs(&slug("shop"), &slug("prod")).unwrap();
    *world.log.state.versions_of(id, factor).last().unwrap().0
}

#[test]
fn an_operator_who_asks_for_a_seed_with_a_key_of_its_own_is_refused_by_the_host() {
    let mut world = world();
    let refused = ask(&mut world, Purpose::Open, Factor::Mfa).unwrap_err();
    assert!(matches!(&refused, VaultError::SeedStays(address) if address == "acme/shop/prod"), "{refused}");
}

#[test]
fn a_host_that_lets_a_seed_be_asked_for_is_refused_by_custodians() {
    let mut world = world();
    let seed = credential(&world, Factor::Mfa);
    let (signed, listed) = forged(&world, Purpose::Open, &[seed]);
    let why = Invalid::NotForThis { purpose: "open", factor: Factor::Mfa };
    assert_eq!(listed.err(), Some(why.clone()));
    // The same as a custodian's machine sees it, under the host's good signature.
    let mut lines = world.lines();
    let by = world.operator.actor();
    let opening = Event::Opened(crate::support::opening(&signed));
    lines.push(crate::support::line(world.now, by.clone(), opening));
    lines.push(crate::support::line(world.now, by, targeted(&signed.request)));
    let index = (lines.len() - 1) as u64;
    // Texts are of no matter: the log is looked at first.
    let some = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    let mut package = world.package(&some);
    package.checkpoint = world.checkpoint(&lines);
    (package.entries, package.signed) = (lines, signed);
    let refused = world.review(&package, 2).err().unwrap();
    assert_eq!(refused, ReviewError::Invalid { index, why });
}

#[test]
fn the_factor_fixes_the_recipient_of_a_share_whatever_key_was_asked_with() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    let answer = world.answer(&ceremony, 2, world.now);
    let request = world.request(&ceremony);
    let own = world.operator.card.requester_key();
    let record = format!("requester-key/{ceremony}");
    let kept = world.vault.record(&world.log.state.id, &record).unwrap();
    let bytes = warifu::seal::aead::open_at_rest(&own, ceremony.as_ref(), &kept).unwrap();
    let requester = HpkeSecret::from_key(warifu::secret::SecretKey::from_slice(bytes.expose()).unwrap());
    let who = answer.custodian.as_str();
    for direction in ["custodian-to-requester", "custodian-to-gate"] {
        let ciphertext = answer.ciphertexts[0].as_ref();
        let opened = hpke::open(&requester, label::HPKE_SHARE, &ceremony, direction, who, ciphertext);
        assert!(opened.is_err(), "the requester opens a share of a seed");
    }
    assert_ne!(request.requester_key, world.log.state.ceremonies[&ceremony].gate_key);
}

#[test]
fn the_gate_gives_no_ingredient_of_a_seed_to_anybody() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let size = world.log.state.size;
    let refused = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).err().unwrap();
    assert!(matches!(refused, VaultError::SeedStays(_)), "{refused}");
    assert_eq!(world.log.state.size, size, "nothing was released for it");
    // Nor are codes made of a password.
    let ceremony = ask(&mut world, Purpose::Open, Factor::Password).unwrap();
    contribute(&mut world, &ceremony, &[0, 1]);
    let refused = give(&mut world, &ceremony, 0, 2).err().unwrap();
    assert!(matches!(refused, VaultError::SeedStays(_)), "{refused}");
}

#[test]
fn codes_are_those_of_rfc_6238_at_the_hosts_time() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    let refused = give(&mut world, &ceremony, 0, 2).err().unwrap();
    assert!(matches!(refused, VaultError::NoQuorum { there: 0, needed: 2 }), "{refused}");
    contribute(&mut world, &ceremony, &[2, 4]);
    let (given, bad) = codes(give(&mut world, &ceremony, 0, 2).unwrap());
    let seed = MfaSeed::read(&secret(SEED)).unwrap();
    let step = seed.step_of(world.now.unix_seconds());
    let expected = [step, step + 1].map(|step| seed.code_at(step).expose_str().unwrap().to_owned());
    assert_eq!((given, bad), (expected.to_vec(), Vec::new()));
    let found = &world.log.state.versions[&credential(&world, Factor::Mfa)];
    assert_eq!((found.exposed, found.exposed_to_host), (None, Some(world.now)));
    // Again while the ceremony is open, counted.
    give(&mut world, &ceremony, 0, 3).unwrap();
    assert_eq!(world.log.state.ceremonies[&ceremony].codes, 5);
}

#[test]
fn no_code_is_given_that_begins_after_the_window() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 4]);
    let refused = give(&mut world, &ceremony, 0, 33).err().unwrap();
    assert!(matches!(refused, VaultError::TooManyCodes { asked: 33, most: 32 }), "{refused}");
    assert_eq!(codes(give(&mut world, &ceremony, 0, 32).unwrap()).0.len(), 32);
    world.pass(Span::minutes(15));
    assert_eq!(codes(give(&mut world, &ceremony, 0, 2).unwrap()).0.len(), 2, "present and next at its end");
    world.pass(Span::seconds(1));
    let refused = give(&mut world, &ceremony, 0, 2).err().unwrap();
    assert!(matches!(refused, VaultError::CeremonyEnded(_)), "{refused}");
}

#[test]
fn a_host_cannot_enter_codes_that_no_quorum_or_no_window_allows() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::SignIn, Factor::Password).unwrap();
    let expires = world.log.state.ceremonies[&ceremony].expires;
    let now = world.now;
    let wrong = Some(Invalid::CeremonyState("code-given"));
    let given =
        |target, codes, until: Time, shown| Event::CodeGiven { ceremony, target, codes, until, shown };
    let good = || given(1, 2, now + Span::seconds(60), Shown::Screen);
    assert_eq!(world.forge(Actor::Host, good()).err(), wrong, "nothing was released");
    contribute(&mut world, &ceremony, &[0, 1, 2, 3]);
    give(&mut world, &ceremony, 1, 2).unwrap();
    assert!(world.forge(Actor::Host, good()).is_ok());
    let by_operator = world.forge(world.operator.actor(), good()).err().unwrap();
    assert!(matches!(by_operator, Invalid::WrongActor { .. }), "{by_operator}");
    for (event, what) in [
        (given(0, 2, now + Span::seconds(60), Shown::Screen), "of a password"),
        (given(2, 2, now + Span::seconds(60), Shown::Screen), "of no target"),
        (given(1, 0, now + Span::seconds(60), Shown::Screen), "none"),
        (given(1, 6, now + Span::seconds(60), Shown::Screen), "more than there is time for"),
        (given(1, u64::MAX, now + Span::seconds(60), Shown::Screen), "as many as there are numbers"),
        (given(1, 1, now, Shown::Screen), "over already"),
        (given(1, 2, expires + Span::seconds(121), Shown::Screen), "after the window"),
        (given(1, 2, now + Span::seconds(60), Shown::Nobody), "for nobody"),
    ] {
        assert_eq!(world.forge(Actor::Host, event).err(), wrong, "{what}");
    }
    world.vault.end_ceremony(&mut world.log, &ceremony, warifu::event::Ending::Closed, now).unwrap();
    assert_eq!(world.forge(Actor::Host, good()).err(), wrong, "in an ended ceremony");
}

#[test]
fn a_revocation_between_release_and_code_gives_none() {
    // The clock is asked at the beginning, after the witnesses, before bad shares are
    // entered, and for the codes: somebody else's process takes the admission back
    // just before one of these.
    for asked in 2..=4 {
        let mut world = world();
        let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
        contribute(&mut world, &ceremony, &[2, 3]);
        let (now, second) = (world.now, world.log.state.group_by_slug(&slug("second")).unwrap().clone());
        let of_second = |(_, admitted): &(&Hash, &warifu::event::Admission)| admitted.group == second.group;
        let admission = *world.log.state.admissions.iter().find(of_second).unwrap().0;
        let (dir, card) = (world.vault.dir().to_owned(), &world.custodians[4].card);
        let calls = std::cell::Cell::new(0);
        let clock = || {
            calls.set(calls.get() + 1);
            if calls.get() == asked {
                let mut elsewhere = Vault::open(&dir, &mut || None).unwrap();
                let mut log = elsewhere.log(&slug("acme")).unwrap();
                elsewhere.revoke_admission(&mut log, admission, card, now).unwrap();
            }
            now
        };
        let of = (&ceremony, 0);
        let given = world.vault.give_codes(
            &mut world.log,
            of,
            (2, Shown::Screen),
            &clock,
            &mut world.rng,
            &mut Nobody,
        );
        let refused = given.err().unwrap();
        // Before the seed is put together, or, at the latest, by the log itself.
        match asked {
            2 => assert!(matches!(refused, VaultError::Stopped { .. }), "{refused}"),
            _ => {
                let by_the_log = matches!(refused, VaultError::Invalid(Invalid::NotAdmitted { .. }));
                assert!(by_the_log, "{asked}: {refused}");
            }
        }
        world.vault.catch_up(&mut world.log, now).unwrap();
        let found = &world.log.state.ceremonies[&ceremony];
        assert!(found.released.contains(&0), "it was released before");
        assert_eq!(found.codes, 0, "{asked}");
        // Nor does a hostile host enter it, or an honest one try again.
        let until = now + Span::seconds(60);
        let given = Event::CodeGiven { ceremony, target: 0, codes: 2, until, shown: Shown::Screen };
        assert!(matches!(world.forge(Actor::Host, given).err(), Some(Invalid::NotAdmitted { .. })));
        // Nor does it say that shares are lacking: they are there.
        let again = give(&mut world, &ceremony, 0, 2).err().unwrap();
        assert!(matches!(again, VaultError::Stopped { .. }), "{again}");
    }
}

#[test]
fn a_ceremony_to_replace_a_seed_gives_it_to_nobody_and_its_shares_are_for_the_gate() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Rotate, Factor::Mfa).unwrap();
    let package = world.package(&ceremony);
    assert_eq!(world.review(&package, 2).unwrap().targets[0].factor, Factor::Mfa);
    contribute(&mut world, &ceremony, &[2, 3]);
    let released = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng);
    assert!(matches!(released, Err(VaultError::SeedStays(_))));
    assert_eq!(codes(give(&mut world, &ceremony, 0, 2).unwrap()).0.len(), 2);
    // What replaces it is of the same factor.
    let new = Contents::RecoveryCodes(RecoveryCodes::from_lines(&secret("one")).unwrap());
    let provenance = Provenance { made: Made::Typed, shown: Shown::Screen };
    let World { vault, log, operator, now, rng, .. } = &mut world;
    let begun = vault.begin_rotation(log, &operator.card, (&ceremony, 0), &new, provenance, *now, rng);
    assert!(matches!(begun, Err(VaultError::Invalid(Invalid::Mismatch("rotation")))));
    let new = Contents::Mfa(MfaSeed::read(&secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR")).unwrap());
    vault.begin_rotation(log, &operator.card, (&ceremony, 0), &new, provenance, *now, rng).unwrap();
    assert_eq!(vault.verify(None).unwrap().findings, []);
}

#[test]
fn a_seeds_shares_are_checked_before_anything_else_is_released() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::SignIn, Factor::Password).unwrap();
    let bad = with_a_bad_share(&mut world, &ceremony, 3);
    world.accept(&bad).unwrap();
    contribute(&mut world, &ceremony, &[0, 1, 2]);
    let check = |world: &mut World| {
        let now = world.now;
        world.vault.check_seed(&mut world.log, (&ceremony, 1), &|| now, &mut world.rng, &mut Nobody).unwrap()
    };
    let Checked::Missing(named) = check(&mut world) else { panic!("one good share is no quorum") };
    assert_eq!(named, [world.custodians[3].name()]);
    let state = |world: &World| world.log.state.ceremonies[&ceremony].released.clone();
    assert_eq!(state(&world), [1].into(), "the password is not released for it");
    world.contribute(&ceremony, 4);
    assert!(matches!(check(&mut world), Checked::Enough(named) if named.is_empty()));
    assert_eq!(world.log.state.ceremonies[&ceremony].codes, 0, "and no code was made");
}

/// A contribution with a share whose proof is wrong, well signed.
fn with_a_bad_share(world: &mut World, ceremony: &Hash, who: usize) -> Contribution {
    let review = world.review(&world.package(ceremony), who).unwrap();
    let card = &world.custodians[who].card;
    let mut shares = review.open_shares(card, &mut world.rng).unwrap();
    shares[0].expose_mut()[96] ^= 1;
    let code = world.custodians[who].code(world.now);
    review.assemble(card, &shares, &code, world.now, &mut world.rng).unwrap()
}

#[test]
fn a_bad_share_of_a_seed_is_set_aside_by_the_host_and_replaced() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    let bad = with_a_bad_share(&mut world, &ceremony, 3);
    assert!(matches!(world.accept(&bad).unwrap(), Event::Accepted(_)));
    world.contribute(&ceremony, 2);
    let culprit = world.custodians[3].name();
    match give(&mut world, &ceremony, 0, 2).unwrap() {
        Given::Missing(named) => assert_eq!(named, std::slice::from_ref(&culprit)),
        Given::Codes(..) => panic!("one good share is no quorum"),
    }
    assert!(world.log.state.ceremonies[&ceremony].rejected.contains(&(0, culprit)));
    world.contribute(&ceremony, 4);
    let (given, named) = codes(give(&mut world, &ceremony, 0, 2).unwrap());
    assert_eq!((given.len(), named), (2, Vec::new()));
}

fn held_record(ceremony: &Hash, who: &Pseudonym) -> String {
    format!("contribution/{ceremony}/{who}")
}

/// Whoever can write the database, and has no key, puts this there; codes are asked
/// for, and nothing comes of it but an error that names no culprit.
fn refused_as_not_theirs(world: &mut World, ceremony: &Hash, who: &Pseudonym, put: Vec<u8>, what: &str) {
    world.force(Vec::new(), vec![(held_record(ceremony, who), put)]);
    let (size, lines) = (world.log.state.size, world.lines());
    let error = give(world, ceremony, 0, 2).err().unwrap();
    assert!(
        matches!(&error, VaultError::Coder(CoderError::NotTheirs(named)) if named == who),
        "{what}: {error}"
    );
    let error = CliError::from(error);
    assert_eq!(error.exit() as u8, 6, "{what}");
    assert!(error.remedy().contains("Do not blame the custodian"), "{what}");
    let kept = world.vault.store().size(&world.log.state.id).unwrap();
    assert_eq!((world.log.state.size, kept, world.lines()), (size, size, lines), "{what}: an entry was made");
    assert!(world.log.state.ceremonies[ceremony].rejected.is_empty(), "{what}: somebody is blamed");
}

#[test]
fn a_contribution_altered_in_the_database_blames_nobody() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 3, 4]);
    let innocent = world.custodians[3].name();
    let name = held_record(&ceremony, &innocent);
    let put = world.vault.record(&world.log.state.id, &name).unwrap();
    let with = |change: fn(&mut Contribution)| {
        let mut altered = Contribution::decode(&put).unwrap();
        change(&mut altered);
        altered.encode()
    };
    // Well signed by the same custodian, for the same ceremony, and never accepted.
    let unjudged = world.answer(&ceremony, 3, world.now).encode();
    let planted = [
        ("a ciphertext", with(|c| c.ciphertexts[0].0[40] ^= 1)),
        ("a share's hash", with(|c| c.shares[0].0[0] ^= 1)),
        ("the signature", with(|c| c.signature.0[0] ^= 1)),
        ("no target", with(|c| c.targets.clear())),
        ("another answer", unjudged),
        ("no contribution", b"{}".to_vec()),
    ];
    for (what, bytes) in &planted {
        refused_as_not_theirs(&mut world, &ceremony, &innocent, bytes.clone(), what);
        assert!(world.log.state.ceremonies[&ceremony].released.is_empty(), "{what}");
    }
    world.force(Vec::new(), vec![(name.clone(), put.clone())]);
    let (given, bad) = codes(give(&mut world, &ceremony, 0, 2).unwrap());
    assert_eq!((given.len(), bad), (2, Vec::new()));
    // Nor after the release, when codes are asked for again.
    for (what, bytes) in &planted {
        refused_as_not_theirs(&mut world, &ceremony, &innocent, bytes.clone(), what);
    }
}

#[test]
fn a_twin_contribution_is_an_error_and_no_endless_wait() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let [one, other] = [2, 3].map(|who| world.custodians[who].name());
    let read = |world: &World, who: &Pseudonym| {
        world.vault.record(&world.log.state.id, &held_record(&ceremony, who)).unwrap()
    };
    let (ones, others) = (read(&world, &one), read(&world, &other));
    refused_as_not_theirs(&mut world, &ceremony, &other, ones.clone(), "a twin");
    world.force(Vec::new(), vec![(held_record(&ceremony, &other), others)]);
    // However it came to them: shares that are too few with nobody to blame are never
    // a call for another custodian.
    let one = Contribution::decode(&ones).unwrap();
    let twice = open(&mut world, &ceremony, &[one.clone(), one.clone()]);
    assert!(matches!(twice, CoderError::NoQuorum(QuorumError::Repeated { .. })), "{twice}");
    let alone = open(&mut world, &ceremony, &[one]);
    assert_eq!(alone, CoderError::NoQuorum(QuorumError::TooFew { missing: 1, threshold: 2 }));
    give(&mut world, &ceremony, 0, 2).unwrap();
}

/// What the gate says to these contributions.
fn open(world: &mut World, ceremony: &Hash, contributions: &[Contribution]) -> CoderError {
    let seed = credential(world, Factor::Mfa);
    let (state, gate) = (&world.log.state, world.vault.gate());
    let sealing = state.sealing(&seed).unwrap();
    let group = &state.groups[&sealing.group];
    let given = gate.key(&state.id, 1).unwrap().ingredient(&seed, &sealing.origin, ceremony, &mut world.rng);
    let gamma = state.gate_epoch(1).unwrap().gamma;
    let ingredient =
        pvss::verify_ingredient(given.proof.expose(), &gamma, &seed, &sealing.origin, ceremony).unwrap();
    let record = |name: String| world.vault.record(&state.id, &name).unwrap();
    let kept = record(format!("ceremony-key/{ceremony}"));
    let at_rest = gate.ceremony_key(&state.id, 1).unwrap();
    let key = warifu::seal::aead::open_at_rest(&at_rest, ceremony.as_ref(), &kept).unwrap();
    let key = HpkeSecret::from_key(warifu::secret::SecretKey::from_slice(key.expose()).unwrap());
    let held = coder::Held {
        ceremony,
        target: 0,
        sealing: &sealing,
        group,
        keys: &state.group_keys(group).unwrap(),
        dealing: &record(warifu::vault::seal::dealing_record(&sealing.dealing)),
        sealed: &record(format!("sealed/{seed}")),
        contributions,
    };
    coder::open(&held, &key, &ingredient).err().unwrap()
}

#[test]
fn nobody_but_the_host_says_that_a_share_of_a_seed_is_bad_and_the_host_of_no_other() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::SignIn, Factor::Password).unwrap();
    contribute(&mut world, &ceremony, &[0, 1, 2, 3]);
    give(&mut world, &ceremony, 1, 2).unwrap();
    world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    let host = SigningKey::new(world.vault.gate().log_seed(&world.log.state.id, 1).unwrap());
    let (of_seed, of_password) = (world.custodians[2].name(), world.custodians[0].name());
    let event = |target, who: &Pseudonym, by_host: bool| {
        let said = operator_notice(&ceremony, target, Notice::ShareRejected(who));
        let signature = if by_host { host.sign(&said) } else { world.operator.sign(&said) };
        Event::ShareRejected { ceremony, target, custodian: who.clone(), signature }
    };
    let operator = world.operator.actor();
    assert!(world.forge(Actor::Host, event(1, &of_seed, true)).is_ok());
    assert!(world.forge(operator.clone(), event(0, &of_password, false)).is_ok());
    for (actor, event, what) in [
        (operator.clone(), event(1, &of_seed, false), "the operator of a seed's"),
        (Actor::Host, event(0, &of_password, true), "the host of a password's"),
        (Actor::Host, event(1, &of_seed, false), "the operator's signature as the host's"),
    ] {
        assert!(world.forge(actor, event).is_err(), "{what}");
    }
    let said = operator_notice(&ceremony, 1, Notice::Revealed(Shown::Screen));
    for (actor, signature) in [(operator, world.operator.sign(&said)), (Actor::Host, host.sign(&said))] {
        let revealed = Event::Revealed { ceremony, target: 1, shown: Shown::Screen, signature };
        assert!(world.forge(actor, revealed).is_err(), "a seed is revealed to nobody");
    }
}

#[test]
fn what_a_ceremony_is_for_fixes_its_list() {
    let mut world = world();
    let other = world.account("acme/shop/other", "210987654321");
    let (password, seed) = (credential(&world, Factor::Password), credential(&world, Factor::Mfa));
    let others = world.seal_at(&other);
    let list = |purpose, credentials: &[Hash]| forged(&world, purpose, credentials).1.err();
    let not = |purpose, factor| Some(Invalid::NotForThis { purpose, factor });
    assert_eq!(list(Purpose::SignIn, &[password, seed]), None);
    assert_eq!(list(Purpose::Code, &[seed]), None);
    assert_eq!(list(Purpose::Open, &[password, others]), None);
    assert_eq!(list(Purpose::SignIn, &[seed, password]), not("sign-in", Factor::Mfa));
    assert_eq!(list(Purpose::SignIn, &[password]), not("sign-in", Factor::Password));
    assert_eq!(list(Purpose::SignIn, &[others, seed]), Some(Invalid::Mismatch("list of targets")));
    assert_eq!(list(Purpose::Code, &[password]), not("code", Factor::Password));
    assert_eq!(list(Purpose::Code, &[seed, password]), not("code", Factor::Mfa));
    assert_eq!(list(Purpose::Open, &[password, seed]), not("open", Factor::Mfa));
    assert_eq!(list(Purpose::Rotate, &[seed]), None, "it is replaced, and not given out");
}

#[test]
fn a_record_that_is_not_the_one_that_the_log_names_makes_no_codes() {
    let mut world = world();
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let seed = credential(&world, Factor::Mfa);
    let record = format!("sealed/{seed}");
    let put = world.vault.record(&world.log.state.id, &record).unwrap();
    let mut altered = put.clone();
    altered[60] ^= 1;
    world.force(Vec::new(), vec![(record.clone(), altered)]);
    let refused = give(&mut world, &ceremony, 0, 2).err().unwrap();
    assert!(refused.to_string().contains("not the one that the log names"), "{refused}");
    world.force(Vec::new(), vec![(record, put)]);
    give(&mut world, &ceremony, 0, 2).unwrap();
}

/// A hostile host's: sealed as one factor, and another inside.
struct Disguised(Contents, Factor);

impl Sealable for Disguised {
    fn factor(&self) -> Factor {
        self.1
    }

    fn encode(&self) -> Result<SecretBytes, RecordError> {
        self.0.encode()
    }
}

#[test]
fn a_record_that_holds_another_factor_than_the_log_says_is_handed_to_nobody() {
    let mut world = world();
    let second = world.log.state.group_by_slug(&slug("second")).unwrap().clone();
    bind(&mut world, Factor::RecoveryCodes, &second, Scope::Organisation, &[2, 3]).unwrap();
    let seed = Contents::Mfa(MfaSeed::read(&secret(SEED)).unwrap());
    seal(&mut world, &Disguised(seed, Factor::RecoveryCodes)).unwrap();
    let codes = Contents::RecoveryCodes(RecoveryCodes::from_lines(&secret("a\nb")).unwrap());
    seal(&mut world, &Disguised(codes, Factor::Mfa)).unwrap();
    let ceremony = ask(&mut world, Purpose::Open, Factor::RecoveryCodes).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let release = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    let key = warifu::vault::ceremony::requester_secret(&world.operator.card, &release).unwrap();
    let first_entry = world.operator.card.first_entry();
    let refused = warifu::ceremony::recipient::finish(&release, &key, &first_entry, None).err().unwrap();
    assert_eq!(refused, FinishError::Record(RecordError::OtherFactor(Factor::RecoveryCodes)));
    world.pass(Span::seconds(60));
    let ceremony = ask(&mut world, Purpose::Code, Factor::Mfa).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let refused = give(&mut world, &ceremony, 0, 2).err().unwrap();
    let why = CoderError::Record(RecordError::OtherFactor(Factor::Mfa));
    assert!(matches!(&refused, VaultError::Coder(found) if *found == why), "{refused}");
}

/// Scopes of a world with a second project and accounts in both.
fn scopes(world: &World) -> [Scope; 3] {
    let state = &world.log.state;
    let (project, _) = state.project_by_slug(&slug("shop")).unwrap();
    let (account, _) = state.account_by_slugs(&slug("shop"), &slug("prod")).unwrap();
    [Scope::Organisation, Scope::Project(*project), Scope::Account(*account)]
}

#[test]
fn groups_that_share_anybody_are_refused_at_every_scope_and_in_both_orders() {
    for (first, then) in [(Factor::Password, Factor::Mfa), (Factor::Mfa, Factor::Password)] {
        for bound in 0..3 {
            for tried in 0..3 {
                let mut world = World::people(11);
                let one = world.form("one", 2, &[0, 1, 2]);
                let two = world.form("two", 2, &[2, 3]);
                let apart = world.form("apart", 2, &[3, 4]);
                let scopes = scopes(&world);
                bind(&mut world, first, &one, scopes[bound], &[0, 1]).unwrap();
                let refused = bind(&mut world, then, &two, scopes[tried], &[2, 3]).unwrap_err();
                let shared = vec![world.custodians[2].name()];
                assert!(
                    matches!(&refused, VaultError::Invalid(Invalid::NotApart { shared: s, .. }) if *s == shared),
                    "{first} at {bound}, {then} at {tried}: {refused}"
                );
                // And by whoever replays what a hostile host entered.
                let forced = Event::Bound(binding(&world, then, &two, scopes[tried], &[2, 3]));
                assert!(matches!(world.forge(Actor::Host, forced), Err(Invalid::NotApart { .. })));
                bind(&mut world, then, &apart, scopes[tried], &[3, 4]).unwrap();
                let own = bind(&mut world, first, &two, scopes[tried], &[2, 3]);
                assert!(matches!(own, Err(VaultError::Invalid(Invalid::NotApart { .. }))), "rebound");
            }
        }
    }
}

#[test]
fn a_narrower_binding_that_keeps_them_apart_lets_a_wider_one_be() {
    let mut world = World::people(12);
    let one = world.form("one", 2, &[0, 1, 2]);
    let two = world.form("two", 2, &[2, 3]);
    let apart = world.form("apart", 2, &[3, 4]);
    let [_, shop, prod] = scopes(&world);
    // Everywhere in the project somebody else decides: there "two" never meets "one".
    bind(&mut world, Factor::Mfa, &apart, shop, &[3, 4]).unwrap();
    bind(&mut world, Factor::Password, &one, shop, &[0, 1]).unwrap();
    bind(&mut world, Factor::Mfa, &two, Scope::Organisation, &[2, 3]).unwrap();
    // At the account "two" would meet "one".
    let refused = bind(&mut world, Factor::Mfa, &two, prod, &[2, 3]).unwrap_err();
    assert!(refused.to_string().contains("acme/shop/prod would share"), "{refused}");
}

#[test]
fn an_account_that_comes_later_inherits_what_was_kept_apart() {
    let mut world = World::people(13);
    let one = world.form("one", 2, &[0, 1, 2]);
    let two = world.form("two", 2, &[2, 3]);
    let [_, shop, prod] = scopes(&world);
    // Only this account's binding is seen; a later one of the project is judged by itself.
    bind(&mut world, Factor::Password, &one, prod, &[0, 1]).unwrap();
    world.account("acme/shop/later", "210987654321");
    let refused = bind(&mut world, Factor::Mfa, &two, shop, &[2, 3]).unwrap_err();
    assert!(refused.to_string().contains("acme/shop/prod would share"), "{refused}");
    let (later, _) = world.log.state.account_by_slugs(&slug("shop"), &slug("later")).unwrap();
    let later = Scope::Account(*later);
    bind(&mut world, Factor::Mfa, &two, later, &[2, 3]).unwrap();
    let refused = bind(&mut world, Factor::Password, &one, later, &[0, 1]).unwrap_err();
    assert!(refused.to_string().contains("acme/shop/later would share"), "{refused}");
}

#[test]
fn a_group_that_still_holds_the_newest_password_cannot_get_the_authenticator() {
    let mut world = World::people(14);
    let first = world.form("first", 2, &[0, 1]);
    let next = world.form("next", 2, &[3, 4]);
    let mixed = world.form("mixed", 2, &[1, 2]);
    world.pin(&first);
    world.pin(&next);
    bind(&mut world, Factor::Password, &first, Scope::Organisation, &[0, 1]).unwrap();
    world.seal();
    bind(&mut world, Factor::Password, &next, Scope::Organisation, &[3, 4]).unwrap();
    // New passwords go to "next", but the one that the provider has is with "first".
    let refused = bind(&mut world, Factor::Mfa, &mixed, Scope::Organisation, &[1, 2]).unwrap_err();
    assert!(refused.to_string().contains("acme/shop/prod would share"), "{refused}");
    world.seal();
    bind(&mut world, Factor::Mfa, &mixed, Scope::Organisation, &[1, 2]).unwrap();
}

#[test]
fn other_factors_may_be_with_either_group() {
    let mut world = world();
    let (first, second) = (
        world.log.state.group_by_slug(&slug("first")).unwrap().clone(),
        world.log.state.group_by_slug(&slug("second")).unwrap().clone(),
    );
    bind(&mut world, Factor::RecoveryCodes, &second, Scope::Organisation, &[2, 3]).unwrap();
    bind(&mut world, Factor::File, &first, Scope::Organisation, &[0, 1]).unwrap();
    let codes = Contents::RecoveryCodes(RecoveryCodes::from_lines(&secret("a\nb")).unwrap());
    seal(&mut world, &codes).unwrap();
    let ceremony = ask(&mut world, Purpose::Open, Factor::RecoveryCodes).unwrap();
    contribute(&mut world, &ceremony, &[2, 3]);
    let release = world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    let key = warifu::vault::ceremony::requester_secret(&world.operator.card, &release).unwrap();
    let first_entry = world.operator.card.first_entry();
    let finished = warifu::ceremony::recipient::finish(&release, &key, &first_entry, None).unwrap();
    assert!(matches!(finished.contents, Contents::RecoveryCodes(c) if c.codes().len() == 2));
}
