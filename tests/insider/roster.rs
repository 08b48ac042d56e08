//! Whoever wants to know who a custodian is without the roster group, or to have
//! somebody taken for another.

use super::hand_over::hand_over;
use crate::support::{World, opening, slug, targeted};
use warifu::ceremony::recipient::{FinishError, finish};
use warifu::cli::system_rng;
use warifu::event::{
    AbandonmentNotice, Actor, Because, Binding, CardRevocation, Destruction, Event, GroupStatement, Hash,
    IdentitySealing, Made, Mode, Purpose, RotationBegun, RotationPolicy, Scope, Sealing, Shown,
};
use warifu::hex::Bytes;
use warifu::message::{Request, SignedRequest};
use warifu::name::{AccountId, Factor, Pseudonym};
use warifu::pvss;
use warifu::seal::card::Card;
use warifu::seal::contents::{Contents, Identity};
use warifu::seal::hpke::HpkeSecret;
use warifu::seal::record::{BUCKETS, SealedPayload};
use warifu::secret::SecretBytes;
use warifu::state::{Invalid, NOTICE, Organisation};
use warifu::time::Span;
use warifu::vault::ceremony::{List, requester_secret};
use warifu::vault::roster;
use warifu::vault::seal::sealed_record;
use warifu::vault::{VaultError, cards, group};

const NAME: &str = "Kassandra Zwirbel";
const CONTACT: &str = "0664 1234567, Gasse 3";

fn identity(name: &str) -> Identity {
    let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    Identity::new(&secret(name), &secret(CONTACT)).unwrap()
}

/// Passwords with the group `root`; `roster` of custodians 1, 2 and 3 (2 of 3) is the
/// roster group, admits the operator and is confirmed.
fn world() -> World {
    let mut world = World::new();
    let group = world.form("roster", 2, &[1, 2, 3]);
    let admission = world.admission(&group, world.now + Span::days(30), &[1, 2]);
    world.vault.admit(&mut world.log, admission, world.now).unwrap();
    designate(&mut world, &group, &[1, 2]);
    world.pin(&group);
    world
}

fn designation(world: &World, to: &GroupStatement, scope: Scope, signers: &[usize]) -> Binding {
    let state = &world.log.state;
    let (mut binding, _) = group::binding(state, scope, Factor::Identity, to, world.now);
    let digest = binding.digest(&state.id, &state.g(to));
    let sign = |i: &usize| group::sign_as_member(state, to, &world.custodians[*i].card, &digest).unwrap();
    binding.signatures = signers.iter().map(sign).collect();
    binding
}

fn designate(world: &mut World, to: &GroupStatement, signers: &[usize]) {
    let binding = designation(world, to, Scope::Organisation, signers);
    world.vault.bind(&mut world.log, binding, world.now).unwrap();
}

/// Custodian 0 seals who they are; gives the credential id.
fn seal(world: &mut World, name: &str) -> Hash {
    let World { vault, log, custodians, rng, now, .. } = world;
    vault.seal_identity(log, &custodians[0].card, identity(name), *now, rng).unwrap().credential
}

/// An entry for custodian 0's next identity, and the state in which its seal was begun.
fn begun(world: &World) -> (Organisation, IdentitySealing) {
    let state = &world.log.state;
    let who = world.custodians[0].name();
    let (account, factor) = (state.subject(&who), Factor::Identity);
    let version = state.next_version(&account, factor);
    let credential = pvss::credential_id(&state.vault, &state.id, &account, factor, version);
    let event = Event::SealBegun { credential, origin: Bytes([5; 64]), account, factor, version };
    let begun = world.forge(Actor::Host, event).unwrap();
    let group = state.roster().unwrap();
    let entry = IdentitySealing {
        credential,
        pseudonym: who,
        version,
        group: group.group,
        epoch: group.epoch,
        gate_epoch: 1,
        payload: Bytes([6; 64]),
        dealing: Bytes([5; 64]),
        signature: Bytes([0; 64]),
    };
    (begun, entry)
}

/// Signed with a card as if `g` were the roster group.
fn signed(state: &Organisation, mut entry: IdentitySealing, card: &Card, g: &Hash) -> IdentitySealing {
    entry.signature = card.signing_key().sign(&entry.digest(&state.id, g));
    entry
}

fn enter(world: &World, state: &Organisation, actor: Actor, entry: IdentitySealing) -> Result<(), Invalid> {
    crate::support::forge_on(state, world.now, actor, Event::IdentitySealed(entry)).map(|_| ())
}

fn ask(world: &mut World, who: &Pseudonym, version: Option<u64>) -> Result<Hash, VaultError> {
    let list = List {
        purpose: Purpose::Identify,
        targets: Vec::new(),
        reason: "a test",
        ticket: None,
        mode: Mode::Files,
        window: Span::minutes(15),
    };
    let World { vault, log, operator, rng, now, .. } = world;
    vault.open_identity(log, &operator.card, (who, version), &list, *now, rng)
}

/// What the ceremony's quorum opens for the operator.
fn opened(world: &mut World, ceremony: &Hash, who: &[usize]) -> Result<Contents, FinishError> {
    who.iter().for_each(|one| world.contribute(ceremony, *one));
    let World { vault, log, operator, rng, now, .. } = world;
    let release = vault.release(log, ceremony, 0, *now, rng).unwrap();
    let key = requester_secret(&operator.card, &release).unwrap();
    finish(&release, &key, &operator.card.first_entry(), None).map(|finished| finished.contents)
}

#[test]
fn the_roster_group_alone_learns_who_somebody_is() {
    let mut world = world();
    let credential = seal(&mut world, NAME);
    let who = world.custodians[0].name();
    let ceremony = ask(&mut world, &who, None).unwrap();
    // Custodian 0, whose identity it is, is no member; nor is custodian 4.
    let package = world.package(&ceremony);
    for other in [0, 4] {
        assert!(world.review(&package, other).is_err(), "{other} holds no share");
    }
    let Contents::Identity(found) = opened(&mut world, &ceremony, &[1, 3]).unwrap() else { panic!("not it") };
    assert_eq!((found.name().expose(), found.contact().expose()), (NAME.as_bytes(), CONTACT.as_bytes()));
    let version = &world.log.state.versions[&credential];
    assert_eq!(version.exposed, Some(world.now));
    assert_eq!(roster::rows(&world.log.state).iter().filter(|row| row.disclosed.is_some()).count(), 1);
    assert_eq!(world.vault.verify(None).unwrap().findings, []);
}

#[test]
fn every_sealed_identity_has_one_size() {
    let mut world = world();
    let short = seal(&mut world, "A");
    let long = seal(&mut world, &"ß".repeat(100));
    let length = |credential: &Hash| {
        let bytes = world.vault.record(&world.log.state.id, &sealed_record(credential)).unwrap();
        assert_eq!(SealedPayload::from_bytes(&bytes).unwrap().bucket(), BUCKETS[0]);
        bytes.len()
    };
    assert_eq!(length(&short), length(&long));
}

#[test]
fn an_identity_goes_to_the_roster_group_and_no_other() {
    let world = world();
    let (state, entry) = begun(&world);
    let root = world.group();
    let to_others = IdentitySealing { group: root.group, epoch: root.epoch, ..entry.clone() };
    let card = &world.custodians[0].card;
    let forged = signed(&state, to_others, card, &state.g(&root));
    let refused = enter(&world, &state, world.custodians[0].actor(), forged);
    assert_eq!(refused, Err(Invalid::Mismatch("roster group")));
    let right = state.g(state.roster().unwrap());
    for wrong in
        [IdentitySealing { epoch: 2, ..entry.clone() }, IdentitySealing { gate_epoch: 2, ..entry.clone() }]
    {
        let refused = enter(&world, &state, world.custodians[0].actor(), signed(&state, wrong, card, &right));
        assert_eq!(refused, Err(Invalid::Mismatch("roster group")));
    }
    let good = signed(&state, entry, card, &right);
    assert_eq!(enter(&world, &state, world.custodians[0].actor(), good), Ok(()));
}

#[test]
fn nobody_says_who_somebody_else_is() {
    let world = world();
    let (state, entry) = begun(&world);
    let g = state.g(state.roster().unwrap());
    let (own, other) = (&world.custodians[0], &world.custodians[4]);
    let wrong = |who: &Pseudonym| Err(Invalid::Signature { who: who.to_string() });
    // With another card's signature, in that card's name, and in the name of the host.
    let forged = signed(&state, entry.clone(), &other.card, &g);
    assert_eq!(enter(&world, &state, own.actor(), forged.clone()), wrong(&own.name()));
    let by_others = enter(&world, &state, other.actor(), forged.clone());
    assert!(matches!(by_others, Err(Invalid::WrongActor { .. })), "{by_others:?}");
    let by_host = enter(&world, &state, Actor::Host, forged);
    assert!(matches!(by_host, Err(Invalid::WrongActor { .. })), "{by_host:?}");
    // As another person's, begun for this one.
    let taken = IdentitySealing { pseudonym: other.name(), ..entry.clone() };
    let taken = signed(&state, taken, &other.card, &g);
    assert_eq!(enter(&world, &state, other.actor(), taken), Err(Invalid::Mismatch("seal")));
    // What was signed is just this record and this dealing.
    let good = signed(&state, entry, &own.card, &g);
    for altered in [
        IdentitySealing { payload: Bytes([9; 64]), ..good.clone() },
        IdentitySealing { signature: Bytes([9; 64]), ..good.clone() },
    ] {
        assert_eq!(enter(&world, &state, own.actor(), altered), wrong(&own.name()));
    }
    let altered = IdentitySealing { dealing: Bytes([9; 64]), ..good.clone() };
    assert_eq!(enter(&world, &state, own.actor(), altered), Err(Invalid::Mismatch("seal")));
    assert_eq!(enter(&world, &state, own.actor(), good), Ok(()));
}

#[test]
fn an_identity_is_begun_for_a_card_that_there_is_and_sealed_with_its_signature_alone() {
    let mut world = world();
    let state = &world.log.state;
    let nobody: Pseudonym = "nobody-is-here".parse().unwrap();
    let factor = Factor::Identity;
    let refused = |account: AccountId| {
        let credential = pvss::credential_id(&state.vault, &state.id, &account, factor, 1);
        let event = Event::SealBegun { credential, origin: Bytes([5; 64]), account, factor, version: 1 };
        world.forge(Actor::Host, event).err()
    };
    assert_eq!(refused(state.subject(&nobody)), Some(Invalid::Mismatch("credential")));
    let account = *state.accounts.keys().next().unwrap();
    assert_eq!(refused(account), Some(Invalid::Mismatch("credential")), "an account is nobody");
    // The ordinary entry has no signature of the person.
    let (begun, entry) = begun(&world);
    let sealing = Sealing {
        credential: entry.credential,
        account: begun.subject(&entry.pseudonym),
        factor,
        version: 1,
        group: entry.group,
        epoch: entry.epoch,
        gate_epoch: 1,
        payload: entry.payload,
        dealing: entry.dealing,
        origin: entry.dealing,
        address: format!("acme/@{}", entry.pseudonym),
        provider: warifu::name::Provider::Aws,
        external_id: "123456789012".to_owned(),
        made: Made::Typed,
        shown: Shown::Nobody,
    };
    let forged = crate::support::forge_on(&begun, world.now, Actor::Host, Event::Sealed(sealing));
    assert_eq!(forged.err(), Some(Invalid::Mismatch("seal")));
    // Whose card counts for nothing says nothing any more.
    let who = world.custodians[0].name();
    let mut entry = CardRevocation {
        custodian: who.clone(),
        serial: 1,
        reason: Bytes([1; 64]),
        signature: None,
        agreed: Vec::new(),
    };
    let digest = entry.digest(&world.log.state.id);
    entry.signature = Some(world.custodians[0].sign(&digest));
    world.vault.revoke_card(&mut world.log, (entry, warifu::vault::Records::default()), world.now).unwrap();
    let World { vault, log, custodians, rng, now, .. } = &mut world;
    let refused = vault.seal_identity(log, &custodians[0].card, identity(NAME), *now, rng).err();
    let barred = |why: &Option<VaultError>| matches!(why, Some(VaultError::Invalid(Invalid::Barred { .. })));
    assert!(barred(&refused), "{refused:?}");
    assert!(cards::agreeing(&log.state, &who).len() < 3);
}

/// The seal is begun while the notice runs, and entered when its time is over.
#[test]
fn no_identity_is_sealed_for_a_group_that_is_abandoned_meanwhile() {
    let world = world();
    let (begun, entry) = begun(&world);
    let roster = begun.roster().unwrap();
    let notice = AbandonmentNotice { group: roster.group, epoch: roster.epoch, reason: Bytes([1; 64]) };
    let event = Event::AbandonmentBegun(notice);
    let state = crate::support::forge_on(&begun, world.now, Actor::Host, event).unwrap();
    let own = &world.custodians[0];
    let entry = signed(&state, entry, &own.card, &state.g(state.roster().unwrap()));
    let at = |now| {
        let event = Event::IdentitySealed(entry.clone());
        crate::support::forge_on(&state, now, own.actor(), event).err()
    };
    assert_eq!(at(world.now + Span(NOTICE.0 - 1)), None);
    assert_eq!(at(world.now + NOTICE), Some(Invalid::Abandoned("roster".to_owned())));
}

#[test]
fn a_roster_group_is_designated_by_its_quorum_for_the_whole_organisation() {
    let mut world = World::new();
    let group = world.form("roster", 2, &[1, 2, 3]);
    let entered = |world: &World, binding| world.forge(Actor::Host, Event::Bound(binding)).err();
    let few = designation(&world, &group, Scope::Organisation, &[1]);
    assert_eq!(entered(&world, few), Some(Invalid::TooFewSignatures { found: 1, needed: 2 }));
    let twice = designation(&world, &group, Scope::Organisation, &[1, 1]);
    assert_eq!(entered(&world, twice), Some(Invalid::TooFewSignatures { found: 1, needed: 2 }));
    let project = *world.log.state.projects.keys().next().unwrap();
    let account = *world.log.state.accounts.keys().next().unwrap();
    for scope in [Scope::Project(project), Scope::Account(account)] {
        let binding = designation(&world, &group, scope, &[1, 2]);
        assert_eq!(entered(&world, binding), Some(Invalid::Mismatch("scope")));
    }
    // What was signed to hold passwords designates nothing.
    let mut other = world.binding(&group, Scope::Organisation, &[1, 2]);
    other.factor = Factor::Identity;
    assert!(matches!(entered(&world, other), Some(Invalid::Signature { .. })));
    designate(&mut world, &group, &[1, 2]);
    world.pin(&group);
    seal(&mut world, NAME);
    // Once it holds somebody, nobody takes it away without it.
    let usurper = world.form("usurper", 2, &[0, 4]);
    let binding = designation(&world, &usurper, Scope::Organisation, &[0, 4]);
    assert_eq!(entered(&world, binding), Some(Invalid::NotGivenUp("roster".to_owned())));
}

/// A request by hand for these versions.
fn forged(world: &World, purpose: Purpose, credentials: &[Hash]) -> Option<Invalid> {
    let state = &world.log.state;
    let target = |credential: &Hash| state.versions[credential].sealing.target(credential);
    let (_, requester_key) = HpkeSecret::generate(&mut system_rng());
    let request = Request {
        vault: state.vault,
        organisation: state.id,
        nonce: Bytes([3; 32]),
        purpose,
        mode: Mode::Files,
        operator: world.operator.name(),
        operator_key: world.operator.card.signing_key().public(),
        targets: credentials.iter().map(target).collect(),
        reason: Bytes([1; 64]),
        ticket: None,
        size: state.size,
        root: world.log.root(),
        asked: world.now,
        expires: world.now + Span::minutes(15),
        requester_key,
    };
    let signed: SignedRequest = world.signed(request);
    let opened = world.forge(world.operator.actor(), Event::Opened(opening(&signed))).unwrap();
    let event = targeted(&signed.request);
    crate::support::forge_on(&opened, world.now, world.operator.actor(), event).err()
}

#[test]
fn an_identity_is_opened_by_no_ceremony_but_its_own_and_nothing_else_by_that() {
    let mut world = world();
    let person = seal(&mut world, NAME);
    let password =
        *world.log.state.versions.iter().find(|(_, v)| v.sealing.factor == Factor::Password).unwrap().0;
    let not = |purpose, factor| Some(Invalid::NotForThis { purpose, factor });
    assert_eq!(forged(&world, Purpose::Open, &[person]), not("open", Factor::Identity));
    assert_eq!(forged(&world, Purpose::Open, &[password, person]), not("open", Factor::Identity));
    assert_eq!(forged(&world, Purpose::Rotate, &[person]), not("rotate", Factor::Identity));
    assert_eq!(forged(&world, Purpose::Code, &[person]), not("code", Factor::Identity));
    assert_eq!(forged(&world, Purpose::SignIn, &[password, person]), not("sign-in", Factor::Identity));
    assert_eq!(forged(&world, Purpose::Identify, &[password]), not("identify", Factor::Password));
    assert_eq!(forged(&world, Purpose::Identify, &[person, password]), not("identify", Factor::Identity));
    assert_eq!(forged(&world, Purpose::Identify, &[person]), None);
}

#[test]
fn an_operator_whom_the_roster_group_has_not_admitted_asks_in_vain() {
    let mut world = World::new();
    let group = world.form("roster", 2, &[1, 2, 3]);
    designate(&mut world, &group, &[1, 2]);
    world.pin(&group);
    seal(&mut world, NAME);
    let who = world.custodians[0].name();
    let refused = ask(&mut world, &who, None).err();
    assert!(
        matches!(&refused, Some(VaultError::NotAdmitted { group, .. }) if group == "acme/roster"),
        "{refused:?}"
    );
}

#[test]
fn an_identity_is_neither_rotated_nor_due_nor_forgotten_by_a_later_one() {
    let mut world = world();
    let first = seal(&mut world, NAME);
    let who = world.custodians[0].name();
    let ceremony = ask(&mut world, &who, None).unwrap();
    opened(&mut world, &ceremony, &[1, 2]).unwrap();
    // Disclosed is not due: nothing has to be renewed, however long ago.
    let due = warifu::vault::due::due(&world.log.state, world.now + Span::days(400), Span::days(30));
    assert!(due.iter().all(|due| due.factor != Factor::Identity), "{due:?}");
    let set = RotationPolicy {
        serial: world.log.state.rotations.policy_serial + 1,
        scope: Scope::Organisation,
        factor: Some(Factor::Identity),
        every_days: Some(1),
        exposed_hours: None,
        length: None,
        alphabet: None,
        agreed: Vec::new(),
    };
    let refused = world.forge(Actor::Host, Event::RotationPolicySet(set)).err();
    assert!(matches!(refused, Some(Invalid::RotationPolicy(_))), "{refused:?}");
    let (begun, entry) = begun(&world);
    let (old, new) = (first, entry.credential);
    let signature = world.operator.sign(&RotationBegun::digest(&ceremony, 0, &old, &new));
    let rotation = Event::RotationBegun(RotationBegun { ceremony, target: 0, old, new, signature });
    let refused = crate::support::forge_on(&begun, world.now, world.operator.actor(), rotation).err();
    assert_eq!(refused, Some(Invalid::Mismatch("rotation")));
    world.vault.end_ceremony(&mut world.log, &ceremony, warifu::event::Ending::Closed, world.now).unwrap();
    // Whoever says later to be somebody else does not take back who they said they were.
    world.pass(Span::minutes(5));
    let second = seal(&mut world, "Mickey Mouse");
    for credential in [first, second] {
        for why in [Because::Asked, Because::Rotated] {
            let gone = Event::Destroyed(Destruction { credential, why, signatures: Vec::new() });
            let refused = world.forge(Actor::Host, gone).err();
            assert_eq!(refused, Some(Invalid::TooFewSignatures { found: 0, needed: 2 }));
        }
    }
    let ceremony = ask(&mut world, &who, Some(1)).unwrap();
    let Contents::Identity(found) = opened(&mut world, &ceremony, &[2, 3]).unwrap() else { panic!("not it") };
    assert_eq!(found.name().expose(), NAME.as_bytes());
}

#[test]
fn no_account_has_the_id_that_stands_for_a_person() {
    let world = world();
    let state = &world.log.state;
    let event = Event::AccountCreated {
        account: state.subject(&world.custodians[0].name()),
        project: *state.projects.keys().next().unwrap(),
        slug: slug("decoy"),
        name: None,
        provider: warifu::name::Provider::Aws,
        external_id: "999999999999".to_owned(),
    };
    assert_eq!(world.forge(Actor::Host, event).err(), Some(Invalid::Duplicate("decoy".to_owned())));
}

#[test]
fn a_member_who_leaves_is_replaced_by_resharing_and_takes_nobody_along() {
    let mut world = world();
    seal(&mut world, NAME);
    world.pass(Span::minutes(2));
    let old = world.log.state.roster().unwrap().clone();
    let new = world.form("next", 2, &[0, 2, 4]);
    let admission = world.admission(&new, world.now + Span::days(30), &[0, 2]);
    world.vault.admit(&mut world.log, admission, world.now).unwrap();
    hand_over(&mut world, &old, &new, &[1, 2]);
    assert_eq!(world.log.state.roster().unwrap().group, new.group, "new identities go there too");
    let holds = |group: &GroupStatement| world.log.state.identities_of(&group.group);
    assert_eq!((holds(&old), holds(&new)), (0, 1));
    let found = world.vault.recoverability(&world.log, Some(&new), world.now, &mut system_rng, &|_, _| {});
    assert_eq!((found.versions, found.good), (1, 1));
    assert_eq!(world.vault.verify(None).unwrap().findings, []);
    world.pass(Span::minutes(5));
    let who = world.custodians[0].name();
    let ceremony = ask(&mut world, &who, None).unwrap();
    let package = world.package(&ceremony);
    assert!(world.review(&package, 1).is_err(), "custodian 1 has left");
    let Contents::Identity(found) = opened(&mut world, &ceremony, &[0, 4]).unwrap() else { panic!("not it") };
    assert_eq!(found.name().expose(), NAME.as_bytes());
}
