//! What a custodian's machine is handed by a hostile host, operator or courier.

use crate::support::{ADMITTED, World, bytes, line, opening, targeted};
use warifu::ceremony::custodian::{ReviewError, Seen, review};
use warifu::cli::{CliError, Exit};
use warifu::event::{Actor, Ending, EntryError, Event, Mode, Opening, printable};
use warifu::hex::Bytes;
use warifu::log::entry::EntryBytes;
use warifu::message::{Contribution, Message, MessageError, Package, Request, SignedRequest};
use warifu::state::{Invalid, RECENT};
use warifu::store::{Append, Batch, Store, memory::MemoryStore};
use warifu::time::{Span, Time};
use warifu::transcript::Transcript;
use warifu::vault::{Records, VaultError, commit};

/// A hostile host with a willing operator: any request, opened by hand.
fn opened(
    world: &World,
    change: impl FnOnce(&mut Request),
    entry: impl FnOnce(&mut Opening),
    time: Time,
) -> (Vec<String>, SignedRequest) {
    let mut request = template(world);
    change(&mut request);
    let signed = world.signed(request);
    let mut opening = opening(&signed);
    entry(&mut opening);
    let mut lines = world.lines();
    lines.push(line(time, world.operator.actor(), Event::Opened(opening)));
    lines.push(line(time, world.operator.actor(), targeted(&signed.request)));
    (lines, signed)
}

/// A request over the present log for every version that there is.
fn template(world: &World) -> Request {
    let ceremony = *world.log.state.spent.keys().next().expect("the world has opened one before");
    let mut request = world.request(&ceremony);
    request.size = world.log.state.size;
    request.root = world.log.root();
    request.nonce = Bytes([1; 32]);
    request.asked = world.now;
    request.expires = world.now + Span::hours(1);
    request
}

/// What replay says to one of the last lines, counted from the end.
fn invalid(lines: &[String], from_end: usize, why: Invalid) -> ReviewError {
    ReviewError::Invalid { index: (lines.len() - from_end) as u64, why }
}

/// A world in which a ceremony was opened and aborted.
fn world() -> World {
    let mut world = World::new();
    let ceremony = world.open();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    world
}

fn seen(world: &World) -> Seen {
    let lines = world.lines();
    let head = (world.log.state.size, world.log.root());
    Seen::new(world.log.state.id, head, world.checkpoint(&lines))
}

#[test]
fn a_hand_made_package_in_order_is_accepted() {
    let world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    assert!(world.review(&world.forged_package(lines, &signed), 0).is_ok());
}

#[test]
fn an_operator_without_admission_is_refused_by_the_gate_and_by_the_custodian() {
    let mut world = world();
    let template = template(&world);
    let admission = *world.log.state.admissions.keys().next().unwrap();
    let card = &world.custodians[4].card;
    world.vault.revoke_admission(&mut world.log, admission, card, world.now).unwrap();
    assert!(matches!(world.try_open(Mode::Files, Span::hours(1)), Err(VaultError::NotAdmitted { .. })));
    let (size, root) = (world.log.state.size, world.log.root());
    let (lines, signed) = opened(&world, |r| *r = Request { size, root, ..template }, |_| {}, world.now);
    let refused = world.refusal(&world.forged_package(lines, &signed), None);
    assert!(matches!(refused, ReviewError::Invalid { why: Invalid::NotAdmitted { .. }, .. }), "{refused:?}");
}

#[test]
fn an_expired_admission_is_not_revived_by_an_old_date() {
    let mut world = world();
    let opened_at = world.now;
    let late = |r: &mut Request| r.expires = r.asked + Span::days(40);
    let (lines, signed) = opened(&world, late, |_| {}, opened_at);
    world.pass(ADMITTED);
    let refused = world.refusal(&world.forged_package(lines, &signed), None);
    assert!(matches!(refused, ReviewError::NotAdmitted { .. }), "{refused:?}");
}

#[test]
fn a_request_dated_after_its_opening_is_refused() {
    let world = world();
    let (lines, signed) = opened(&world, |r| r.asked = r.asked + Span::minutes(10), |_| {}, world.now);
    let refused = world.refusal(&world.forged_package(lines.clone(), &signed), None);
    assert_eq!(refused, invalid(&lines, 2, Invalid::Mismatch("opening")));
}

#[test]
fn an_opening_other_than_the_request_is_refused() {
    let world = world();
    let changes: [&dyn Fn(&mut Opening); 7] = [
        &|o| o.requester_key = Bytes([9; 32]),
        &|o| o.expires = o.expires + Span::days(1),
        &|o| o.mode = Mode::Room,
        &|o| o.reason = Bytes([1; 64]),
        &|o| o.ticket = None,
        &|o| o.targets = Bytes([1; 64]),
        &|o| o.count = 2,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (lines, signed) = opened(&world, |_| {}, change, world.now);
        let refused = world.refusal(&world.forged_package(lines.clone(), &signed), None);
        assert_eq!(refused, invalid(&lines, 2, Invalid::Mismatch("request")), "change {index}");
    }
}

#[test]
fn an_opening_without_its_targets_is_refused() {
    let world = world();
    let (mut lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    lines.pop();
    let refused = world.refusal(&world.forged_package(lines, &signed), None);
    assert_eq!(refused, ReviewError::NoCeremony);
}

#[test]
fn an_old_version_served_as_the_current_one_is_refused() {
    let mut world = world();
    let old = template(&world).targets[0].clone();
    let new = world.seal();
    let sealing = world.log.state.versions[&new].sealing.clone();
    let current = |r: &mut Request| {
        let target = &mut r.targets[0];
        (target.credential, target.version) = (new, sealing.version);
        (target.payload, target.dealing) = (sealing.payload, sealing.dealing);
    };
    let refusal = |change: &dyn Fn(&mut Request)| {
        let (lines, signed) = opened(
            &world,
            |r| {
                current(r);
                change(r);
            },
            |_| {},
            world.now,
        );
        let refused = world.refusal(&world.forged_package(lines.clone(), &signed), None);
        assert_eq!(refused, invalid(&lines, 1, Invalid::Mismatch("list of targets")));
    };
    refusal(&|r| r.targets[0].payload = old.payload);
    refusal(&|r| r.targets[0].dealing = old.dealing);
    refusal(&|r| r.targets[0].version = old.version);
    refusal(&|r| r.targets[0].epoch = 2);
    // Asked for openly, it says that it is not the newest.
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let shown = world.review(&world.forged_package(lines, &signed), 0).unwrap();
    assert_eq!((shown.targets[0].version, shown.targets[0].current), (1, 2));
}

#[test]
fn a_dealing_of_another_context_is_refused_before_the_key_is_used() {
    let mut world = World::new();
    let other = world.seal();
    let ceremony = world.open();
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    let newest = world.log.state.versions[&other].sealing.dealing;
    let first = world.log.state.versions.values().find(|v| v.sealing.dealing != newest).unwrap();
    let name = warifu::vault::seal::dealing_record(&first.sealing.dealing);
    let foreign = world.vault.record(&world.log.state.id, &name).unwrap();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let good = world.forged_package(lines, &signed);
    let refusal = |dealings| world.refusal(&Package { dealings, ..good.clone() }, None);
    assert!(matches!(refusal(vec![foreign.into()]), ReviewError::Dealing { .. }));
    assert!(matches!(refusal(vec![]), ReviewError::NoDealing(0)));
    let mut bent = good.dealings[0].clone();
    bent.0[7] ^= 1;
    assert!(matches!(refusal(vec![bent]), ReviewError::Dealing { .. }));
}

#[test]
fn a_seal_whose_dealing_never_existed_is_found_by_custodian_and_audit() {
    let mut world = world();
    let credential = *world.log.state.versions.keys().next().unwrap();
    let sealing = world.log.state.sealing(&credential).unwrap();
    let (id, vault) = (world.log.state.id, world.log.state.vault);
    let credential = warifu::pvss::credential_id(&vault, &id, &sealing.account, sealing.factor, 2);
    let fake = Bytes([5; 64]);
    let (account, factor) = (sealing.account, sealing.factor);
    let begun = Event::SealBegun { credential, origin: fake, account, factor, version: 2 };
    let (dealing, origin) = (fake, fake);
    let sealed =
        Event::Sealed(warifu::event::Sealing { credential, version: 2, dealing, origin, ..sealing.clone() });
    let records = warifu::vault::Records::default();
    world.vault.commit_host(&mut world.log, world.now, vec![begun, sealed], records).unwrap();
    let change = |r: &mut Request| {
        (r.targets[0].credential, r.targets[0].version, r.targets[0].dealing) = (credential, 2, fake);
    };
    let (lines, signed) = opened(&world, change, |_| {}, world.now);
    let mut package = world.forged_package(lines, &signed);
    let name = warifu::vault::seal::dealing_record(&sealing.dealing);
    package.dealings = vec![world.vault.record(&id, &name).unwrap().into()];
    assert!(matches!(world.refusal(&package, None), ReviewError::Dealing { .. }));
    let report = world.vault.verify(None).unwrap();
    let missing: Vec<_> =
        report.findings.iter().filter(|f| f.what.contains("is missing: acme/shop/prod version 2")).collect();
    assert_eq!(missing.len(), 2, "{:?}", report.findings);
}

#[test]
fn a_log_rolled_back_or_forked_is_refused() {
    let mut world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let old = world.forged_package(lines, &signed);
    world.seal();
    world.seal();
    let before = seen(&world);
    assert!(matches!(world.refusal(&old, Some(&before)), ReviewError::RolledBack { .. }));
    let mut longer = old.entries.clone();
    let end = Event::ProjectCreated {
        project: warifu::name::ProjectId(Bytes([1; 32])),
        slug: "pad-1".parse().unwrap(),
        name: None,
    };
    longer.push(line(world.now, Actor::Host, end));
    longer.push(line(world.now, Actor::Host, pad("pad-2", 2)));
    let forked = world.forged_package(longer, &old.signed);
    assert!(matches!(world.refusal(&forked, Some(&before)), ReviewError::Forked { .. }));
}

fn pad(slug: &str, fill: u8) -> Event {
    let project = warifu::name::ProjectId(Bytes([fill; 32]));
    Event::ProjectCreated { project, slug: slug.parse().unwrap(), name: None }
}

#[test]
fn a_courier_cannot_make_up_a_fork_or_write_to_the_terminal() {
    let mut world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let mut package = world.forged_package(lines, &signed);
    world.seal();
    let before = seen(&world);
    package.checkpoint = "\u{1b}[2Jvault.example\n3\nAAAA\n\n\u{1b}]0;gone\u{7}".to_owned();
    let refused = world.refusal(&package, Some(&before));
    assert!(matches!(refused, ReviewError::Checkpoint(_)), "{refused:?}");
    assert!(!refused.to_string().chars().any(char::is_control));
}

#[test]
fn a_courier_who_alters_an_entry_makes_up_no_fork() {
    let world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let good = world.forged_package(lines, &signed);
    let altered = |package: &Package| {
        let mut package = package.clone();
        let sealed = package.entries.iter().position(|line| line.contains("\"sealed\"")).unwrap();
        package.entries[sealed] =
            package.entries[sealed].replace("\"made\":\"typed\"", "\"made\":\"imported\"");
        package
    };
    assert_ne!(altered(&good), good);
    let refused = world.refusal(&altered(&good), None);
    assert!(matches!(refused, ReviewError::Checkpoint(_)), "{refused:?}");
    // Under the host's own signature it is one: the operator saw another log.
    let mut signed_over = altered(&good);
    signed_over.checkpoint = world.checkpoint(&signed_over.entries);
    let refused = world.refusal(&signed_over, None);
    assert!(matches!(refused, ReviewError::Invalid { why: Invalid::OtherLog { .. }, .. }), "{refused:?}");
}

#[test]
fn a_log_that_the_operator_has_not_seen_is_refused() {
    let world = world();
    for change in
        [(&|r: &mut Request| r.root = Bytes([1; 32])) as &dyn Fn(&mut Request), &|r| r.size -= 1, &|r| {
            r.size += 2
        }]
    {
        let (lines, signed) = opened(&world, change, |_| {}, world.now);
        let refused = world.refusal(&world.forged_package(lines.clone(), &signed), None);
        let (who, size) = (world.operator.name().to_string(), signed.request.size);
        assert_eq!(refused, invalid(&lines, 2, Invalid::OtherLog { who, size }));
        // A fork is a fork, whoever has seen the other log.
        assert_eq!(CliError::from(refused).exit(), Exit::Tampered);
    }
}

/// Entries of no consequence, as many as are wanted.
fn pads(count: u64) -> Vec<Event> {
    let pad = |n: u64| {
        let project =
            warifu::name::ProjectId(Bytes(*Transcript::new("test").int(n).finish().first_chunk().unwrap()));
        Event::ProjectCreated { project, slug: format!("pad-{n}").parse().unwrap(), name: None }
    };
    (0..count).map(pad).collect()
}

#[test]
fn an_opening_over_what_the_log_was_long_ago_is_refused() {
    let mut world = world();
    let old = opened(&world, |_| {}, |_| {}, world.now).1;
    let now = world.now;
    world.vault.commit_host(&mut world.log, now, pads(RECENT), Records::default()).unwrap();
    let enter = |world: &World| world.forge(world.operator.actor(), Event::Opened(opening(&old)));
    assert!(enter(&world).is_ok(), "{RECENT} entries later it is recent");
    world.vault.commit_host(&mut world.log, now, vec![pad("pad", 1)], Records::default()).unwrap();
    let (who, size) = (world.operator.name().to_string(), old.request.size);
    assert_eq!(enter(&world).err(), Some(Invalid::NotRecent { who, size, now: size + RECENT + 1 }));
}

#[test]
fn a_ceremony_stays_open_and_a_sight_comparable_however_much_is_written() {
    let mut world = World::new();
    let ceremony = world.open();
    let before = seen(&world);
    world.contribute(&ceremony, 0);
    let now = world.now;
    world.vault.commit_host(&mut world.log, now, pads(RECENT + 1), Records::default()).unwrap();
    let package = world.package(&ceremony);
    let reviewed = review(&package, &world.custodians[1].card, Some(&before), world.now);
    assert!(reviewed.is_ok(), "{:?}", reviewed.err());
    let other = Seen { root: Bytes([1; 32]), ..before };
    assert!(matches!(world.refusal(&package, Some(&other)), ReviewError::Forked { .. }));
    world.contribute(&ceremony, 1);
    world.contribute(&ceremony, 2);
    assert!(world.vault.release(&mut world.log, &ceremony, 0, now, &mut world.rng).is_ok());
}

#[test]
fn a_log_with_facts_that_this_program_cannot_read_is_refused() {
    let world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let newer = |kind: &str| {
        let text = line(world.now, Actor::Host, pad("pad", 1));
        text.replacen("project-created", kind, 1)
    };
    let after = [&lines[..], &[newer("version-destroyed")]].concat();
    let refused = world.refusal(&world.forged_package(after, &signed), None);
    assert_eq!(refused, ReviewError::UnknownKinds(vec!["version-destroyed".to_owned()]));
}

#[test]
fn another_log_under_the_same_name_is_refused() {
    let world = world();
    let (mut lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let twin = World::people(9);
    lines[0] = twin.lines()[0].clone();
    let refused = world.refusal(&world.forged_package(lines.clone(), &signed), None);
    assert_eq!(refused, ReviewError::OtherLog);
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let mut stranger = world.forged_package(lines.clone(), &signed);
    stranger.checkpoint = twin.checkpoint(&lines);
    assert!(matches!(world.refusal(&stranger, None), ReviewError::Checkpoint(_)));
}

#[test]
fn a_checkpoint_of_other_entries_is_refused() {
    let world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let mut package = world.forged_package(lines, &signed);
    package.checkpoint = world.checkpoint(&world.lines());
    assert!(matches!(world.refusal(&package, None), ReviewError::Checkpoint(_)));
}

#[test]
fn a_request_of_another_organisation_or_signer_is_refused() {
    let world = world();
    let (lines, mut signed) = opened(&world, |_| {}, |_| {}, world.now);
    let good = world.forged_package(lines, &signed);
    signed.signature = world.custodians[0].sign(&signed.request.signed_digest());
    let forged = Package { signed: signed.clone(), ..good.clone() };
    assert!(matches!(world.refusal(&forged, None), ReviewError::RequestSignature(_)));
    signed.request.vault = warifu::name::VaultId(Bytes([1; 32]));
    assert_eq!(world.refusal(&Package { signed, ..good }, None), ReviewError::OtherOrganisation);
}

#[test]
fn reason_and_ticket_cannot_be_withheld_or_swapped() {
    let world = world();
    let (lines, signed) = opened(&world, |_| {}, |_| {}, world.now);
    let good = world.forged_package(lines, &signed);
    for gone in 0..2 {
        let mut package = good.clone();
        package.texts.remove(gone);
        assert!(matches!(world.refusal(&package, None), ReviewError::NoText(_)));
        let mut package = good.clone();
        package.texts[gone].text = "all is well".to_owned();
        assert!(matches!(world.refusal(&package, None), ReviewError::NoText(_)));
    }
}

#[test]
fn a_window_that_is_over_or_not_begun_is_refused() {
    let mut world = World::new();
    let ceremony = world.open();
    let package = world.package(&ceremony);
    let at = |span| review(&package, &world.custodians[0].card, None, world.now + span).err();
    assert_eq!(at(Span::seconds(0)), None);
    assert!(matches!(at(Span::seconds(-1)), Some(ReviewError::TooEarly { .. })));
    assert!(matches!(at(Span::minutes(61)), Some(ReviewError::Expired { .. })));
}

#[test]
fn a_card_without_a_share_and_a_group_that_it_did_not_sign_are_refused() {
    let mut world = World::people(4);
    let group = world.form("root", 2, &[0, 1, 2]);
    world.admit(&group, ADMITTED);
    world.bind(&group, warifu::event::Scope::Organisation, &[0, 1]);
    world.pin(&group);
    world.seal();
    let ceremony = world.open();
    let package = world.package(&ceremony);
    assert!(matches!(world.review(&package, 4).err(), Some(ReviewError::NotAHolder(_))));
}

#[test]
fn ceremonies_may_be_answered_in_any_order() {
    let mut world = World::new();
    let other = world.account("acme/shop/test", "210987654321");
    world.seal_at(&other);
    let first = world.open();
    world.address = other;
    let second = world.open();
    let newer = world.review(&world.package(&second), 0).unwrap().seen().clone();
    let older = world.package(&first);
    let reviewed = review(&older, &world.custodians[0].card, Some(&newer), world.now);
    assert!(reviewed.is_ok());
    for who in 0..3 {
        world.contribute(&first, who);
    }
    let roots: std::collections::BTreeSet<_> =
        (3..5).map(|who| world.answer(&second, who, world.now)).map(|c| (c.size, c.root)).collect();
    assert_eq!(roots.len(), 1, "the same for all contributors");
}

fn altered(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn a_message_has_one_form() {
    let mut world = World::new();
    let ceremony = world.open();
    let good = world.answer(&ceremony, 0, world.now).encode();
    assert!(Contribution::decode(&good).is_ok());
    for (from, to) in [
        ("\"size\":", "\"size\": "),
        ("\"size\":", "\"size\":0"),
        ("\"targets\":[0]", "\"targets\":[0.0]"),
        ("\"targets\":[0]", "\"targets\":[-0]"),
        ("\"targets\":[0]", "\"targets\":[0],\"targets\":[0]"),
        ("\"version\":1", "\"version\":1,\"version\":1"),
        ("\"version\":1", "\"version\":0"),
        ("\"custodian\"", "\"custodi\\u0061n\""),
        ("\"body\":{", "\"body\":{\"extra\":1,"),
    ] {
        assert!(Contribution::decode(&altered(&good, from, to)).is_err(), "{from} → {to}");
    }
    assert!(Contribution::decode(&[good.as_slice(), b"\n"].concat()).is_err());
}

#[test]
fn an_error_about_a_file_prints_nothing_of_the_terminals() {
    let evil = "\\u001b[2J\\u202egnp.exe";
    let kinds = format!("{{\"warifu\":\"{evil}\",\"version\":1,\"body\":{{}}}}");
    let field = format!("{{\"warifu\":\"contribution\",\"version\":1,\"body\":{{\"{evil}\":1}}}}");
    for text in [kinds, field] {
        let error = Contribution::decode(text.as_bytes()).unwrap_err();
        assert!(matches!(error, MessageError::OtherKind { .. } | MessageError::Shape { .. }));
        let shown = error.to_string();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    }
    assert_eq!(printable("a\u{1b}[2J\u{202e}b\u{200b}\n"), "a·[2J·b··");
}

/// Whoever carries a package can write under its checkpoint, which custodians
/// are shown where it is not what they saw before.
#[test]
fn what_is_written_under_a_checkpoint_is_neither_shown_nor_kept() {
    let mut world = World::new();
    let ceremony = world.open();
    let honest = world.package(&ceremony);
    let with = |name: &str| {
        let mut package = honest.clone();
        package.checkpoint.push_str(&format!("— {name} AAAAAGFs\n"));
        package
    };
    let package = with("all.is.well");
    let review = world.review(&package, 0).unwrap();
    assert_eq!(review.seen().checkpoint, honest.checkpoint);
    let mut before = seen(&world);
    before.root = Bytes([1; 32]);
    let ReviewError::Forked { offered, .. } = world.refusal(&package, Some(&before)) else { panic!() };
    assert_eq!(offered, honest.checkpoint);
    before.size += 1;
    let ReviewError::RolledBack { offered, .. } = world.refusal(&package, Some(&before)) else { panic!() };
    assert_eq!(offered, honest.checkpoint);
    for evil in ["a\u{9b}2J", "a\u{1b}[2J", "a\u{202e}b", "a\u{85}b", "a\u{200b}b"] {
        let refused = world.refusal(&with(evil), None);
        let ReviewError::Checkpoint(why) = &refused else { panic!("{refused:?}") };
        assert!(!why.to_string().chars().any(warifu::name::unprintable), "{why:?}");
    }
}

#[test]
fn an_entry_of_an_unknown_kind_is_one_plain_word() {
    let entry = |event: &str| {
        let text =
            format!("{{\"v\":9,\"time\":\"2026-03-01T09:00:00.000Z\",\"actor\":\"host\",\"event\":{event}}}");
        warifu::event::Entry::from_line(&EntryBytes::new(text.into_bytes()).unwrap())
    };
    assert!(entry("{\"moon-landed\":{}}").is_ok());
    for bad in
        ["{\"\\u001b[2J\":{}}", "{\"moon-landed\":{},\"sealed\":{}}", "{}", "{\"sealed\":{\"\\u001b[2J\":1}}"]
    {
        let Err(EntryError::Shape(why)) = entry(bad) else { panic!("{bad} was read") };
        assert!(!why.chars().any(char::is_control));
    }
}

#[test]
fn a_log_under_another_signature_or_another_name_is_not_loaded() {
    let world = World::new();
    let (lines, id) = (world.lines(), world.log.state.id);
    let load = |log, checkpoint: String| {
        let mut store = MemoryStore::default();
        let entries = lines.iter().map(|line| bytes(line)).collect();
        let appends = vec![Append { log, expected_size: 0, entries, checkpoint }];
        let _durable = store.commit(Batch { appends, ..Batch::default() }).unwrap();
        commit::load(&store, &log).map(|log| log.state.size)
    };
    let good = world.checkpoint(&lines);
    assert_eq!(load(id, good.clone()).unwrap(), lines.len() as u64);
    // The same text under a stranger's signature, as somebody writes it who has
    // the database and not the gate.
    let stranger = {
        let origin = world.log.state.origin.as_str();
        let seed = warifu::secret::SecretKey::from_slice(&[7; 32]).unwrap();
        let signer = warifu::log::note::LogSigner::new(origin, seed).unwrap();
        let body = warifu::log::checkpoint::Checkpoint::unverified(good.as_bytes()).unwrap();
        warifu::log::checkpoint::sign(&body, &signer).unwrap().to_string()
    };
    assert!(matches!(load(id, stranger), Err(VaultError::BadEntry { .. })));
    let elsewhere = load(warifu::name::OrganisationId(Bytes([1; 32])), good);
    assert!(matches!(elsewhere, Err(VaultError::BadEntry { index: 0, .. })));
}
