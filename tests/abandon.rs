//! A group that can no longer reach its threshold: notice, a member's veto, and what may
//! be bound elsewhere after fourteen days; what a hostile host can enter of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[allow(dead_code, reason = "a part of it is used")]
mod support;

use cli::joined;
use support::World;
use warifu::event::{AbandonmentNotice, AbandonmentVeto, Actor, Event, GroupStatement, Renewal, Scope};
use warifu::hex::Bytes;
use warifu::state::{Invalid, NOTICE, NoticeStanding, Organisation};
use warifu::time::Span;
use warifu::vault::abandon::{lost_with, veto};
use warifu::vault::group;

/// Notice is given about `root`; a group of others is there.
fn given() -> (World, GroupStatement) {
    let mut world = World::new();
    let others = world.form("others", 2, &[3, 4]);
    give_notice(&mut world);
    (world, others)
}

fn give_notice(world: &mut World) {
    let group = world.group();
    world.vault.abandon_group(&mut world.log, &group, "they sailed", world.now, &mut world.rng).unwrap();
}

fn bound(world: &World, to: &GroupStatement) -> Result<Organisation, Invalid> {
    world.forge(Actor::Host, Event::Bound(world.binding(to, Scope::Organisation, &[3, 4])))
}

fn not_given_up() -> Option<Invalid> {
    Some(Invalid::NotGivenUp("root".to_owned()))
}

#[test]
fn fourteen_days_after_a_notice_that_nobody_vetoed_others_hold_what_comes() {
    let (mut world, others) = given();
    assert_eq!(bound(&world, &others).err(), not_given_up());
    world.pass(Span(NOTICE.0 - 1));
    assert_eq!(bound(&world, &others).err(), not_given_up());
    world.pass(Span(1));
    let root = world.group();
    assert!(world.log.state.is_abandoned(&root.group, world.now));
    world.bind(&others, Scope::Organisation, &[3, 4]);
    // The sealer types the new group's words, as for any first sealing.
    let address = world.address.clone();
    assert!(!world.vault.is_pinned(&world.log.state, &others).unwrap());
    world.pin(&others);
    world.seal_at(&address);
    let state = &world.log.state;
    assert_eq!(lost_with(state, &root.group).len(), 1, "the old version is lost all the same");
    assert!(lost_with(state, &others.group).iter().all(|one| one.current && one.version == 2));
    // What an abandoned group had signed before is named by nobody.
    let mut binding = world.binding(&others, Scope::Organisation, &[3, 4]);
    group::give_up(&mut binding, root.group, Vec::new());
    let refused = world.forge(Actor::Host, Event::Bound(binding));
    assert_eq!(refused.err(), Some(Invalid::Mismatch("list of groups that give it up")));
}

#[test]
fn a_group_of_which_no_notice_was_given_keeps_what_it_holds() {
    let (mut world, others) = given();
    let second = world.form("second", 2, &[1, 2]);
    let shop = *world.log.state.projects.keys().next().unwrap();
    // Agreed to by root, while it can.
    let (mut binding, losing) = (world.binding(&second, Scope::Project(shop), &[1, 2]), vec![world.group()]);
    let digest = binding.digest(&world.log.state.id, &world.log.state.g(&second));
    for holder in losing {
        let sign = |i: usize| {
            group::sign_as_member(&world.log.state, &holder, &world.custodians[i].card, &digest).unwrap()
        };
        group::give_up(&mut binding, holder.group, (0..3).map(sign).collect());
    }
    world.vault.bind(&mut world.log, binding, world.now).unwrap();
    world.pin(&second);
    let address = world.address.clone();
    world.seal_at(&address);
    world.pass(NOTICE);
    let take = world.binding(&others, Scope::Project(shop), &[3, 4]);
    let refused = world.forge(Actor::Host, Event::Bound(take));
    assert_eq!(refused.err(), Some(Invalid::NotGivenUp("second".to_owned())));
}

#[test]
fn any_member_ends_a_notice_whenever_they_come() {
    let (mut world, others) = given();
    let root = world.group();
    world.pass(Span::days(13));
    let made = veto(&world.log.state, &root, &world.custodians[2].card).unwrap();
    let after = world.forge(world.custodians[2].actor(), Event::AbandonmentVetoed(made)).unwrap();
    assert_eq!(after.abandonments[&root.group].standing(world.now + NOTICE), NoticeStanding::Vetoed);
    // And late: nothing more is taken from then on.
    world.pass(Span::days(20));
    assert!(world.log.state.is_abandoned(&root.group, world.now));
    let card = &world.custodians[0].card;
    world.vault.veto_abandonment(&mut world.log, &root, card, world.now).unwrap();
    assert!(!world.log.state.is_abandoned(&root.group, world.now));
    assert_eq!(bound(&world, &others).err(), not_given_up());
    world.pass(NOTICE);
    assert_eq!(bound(&world, &others).err(), not_given_up());
}

#[test]
fn a_group_that_goes_on_to_its_next_epoch_is_there() {
    let (mut world, others) = given();
    world.pass(NOTICE);
    let root = world.group();
    let mut draft = group::Draft::next(&world.log.state, &root);
    for person in &world.custodians {
        draft.join(&world.log.state, &person.card, &mut world.rng).unwrap();
    }
    for person in &mut world.custodians {
        draft.sign(&world.log.state, &mut person.card).unwrap();
    }
    let agree = |i: usize| draft.agree(&world.log.state, &root, &world.custodians[i].card).unwrap();
    let agreed = (0..3).map(agree).collect();
    let renewal = Event::GroupRenewed(Renewal { statement: draft.finish(), agreed });
    let after = world.forge(Actor::Host, renewal).unwrap();
    assert!(world.log.state.is_abandoned(&root.group, world.now));
    assert!(!after.is_abandoned(&root.group, world.now));
    assert!(bound(&world, &others).is_ok(), "before that it was");
}

#[test]
fn a_suspended_card_vetoes_and_a_revoked_one_does_not() {
    let (mut world, _) = given();
    let (root, who) = (world.group(), world.custodians[1].name());
    let mut records = warifu::vault::Records::default();
    let suspended =
        warifu::vault::cards::suspension(&world.log.state, &who, "lost", &mut records, &mut world.rng)
            .unwrap();
    let by = &world.custodians[0].card;
    world.vault.suspend_card(&mut world.log, (suspended, records), by, world.now).unwrap();
    let made = veto(&world.log.state, &root, &world.custodians[1].card).unwrap();
    assert!(world.forge(world.custodians[1].actor(), Event::AbandonmentVetoed(made.clone())).is_ok());
    let mut records = warifu::vault::Records::default();
    let mut revoked =
        warifu::vault::cards::revocation(&world.log.state, &who, "gone", &mut records, &mut world.rng)
            .unwrap();
    let digest = revoked.digest(&world.log.state.id);
    revoked.signature = Some(world.custodians[1].sign(&digest));
    world.vault.revoke_card(&mut world.log, (revoked, records), world.now).unwrap();
    let refused = world.forge(world.custodians[1].actor(), Event::AbandonmentVetoed(made));
    assert_eq!(refused.err(), Some(Invalid::Barred { who: who.to_string(), how: "revoked" }));
}

#[test]
fn a_veto_counts_for_its_member_and_its_notice_alone() {
    let (mut world, _) = given();
    let root = world.group();
    let made = |world: &World| veto(&world.log.state, &root, &world.custodians[0].card).unwrap();
    let good = made(&world);
    let enter = |world: &World, actor, veto: AbandonmentVeto| {
        world.forge(actor, Event::AbandonmentVetoed(veto)).map(|_| ())
    };
    let member = world.custodians[0].actor();
    assert_eq!(enter(&world, member.clone(), good.clone()), Ok(()));
    // Of a custodian who is no member: the new one signs with their own card.
    world.enrol_more(1);
    let stranger = &world.custodians[5];
    let mut foreign = good.clone();
    foreign.custodian = stranger.name();
    let id = world.log.state.id;
    let digest = AbandonmentVeto::digest(&id, &root.group, &good.notice, &foreign.custodian);
    foreign.signature = stranger.sign(&digest);
    let refused = enter(&world, stranger.actor(), foreign).unwrap_err();
    assert!(matches!(refused, Invalid::NotA { what: "a member of the group", .. }), "{refused}");
    // Under another member's name, by the host, with another signature.
    let mut renamed = good.clone();
    renamed.custodian = world.custodians[1].name();
    let refused = enter(&world, world.custodians[1].actor(), renamed).unwrap_err();
    assert!(matches!(refused, Invalid::Signature { .. }), "{refused}");
    assert!(matches!(enter(&world, Actor::Host, good.clone()), Err(Invalid::WrongActor { .. })));
    let mut forged = good.clone();
    forged.signature = Bytes([7; 64]);
    assert!(matches!(enter(&world, member.clone(), forged), Err(Invalid::Signature { .. })));
    // Again, and of a later notice.
    world
        .vault
        .commit(
            &mut world.log,
            world.now,
            vec![(member.clone(), Event::AbandonmentVetoed(good.clone()))],
            warifu::vault::Records::default(),
        )
        .unwrap();
    let unknown = |refused: Invalid| assert!(matches!(refused, Invalid::Unknown { what: "notice", .. }));
    unknown(enter(&world, member.clone(), good.clone()).unwrap_err());
    world.pass(Span::days(1));
    give_notice(&mut world);
    unknown(enter(&world, member.clone(), good.clone()).unwrap_err());
    let mut moved = good;
    moved.notice = made(&world).notice;
    assert!(matches!(enter(&world, member, moved), Err(Invalid::Signature { .. })));
}

#[test]
fn a_notice_is_given_once_of_a_group_that_is_there_and_its_time_only_goes_on() {
    let (mut world, others) = given();
    let root = world.group();
    let notice = |group: &GroupStatement, epoch| {
        Event::AbandonmentBegun(AbandonmentNotice { group: group.group, epoch, reason: Bytes([1; 64]) })
    };
    let twice = world.forge(Actor::Host, notice(&root, 1)).err();
    assert_eq!(twice, Some(Invalid::Duplicate("notice that root is abandoned".to_owned())));
    assert!(matches!(world.forge(Actor::Host, notice(&others, 2)), Err(Invalid::Unknown { .. })));
    let by_card = world.forge(world.custodians[3].actor(), notice(&others, 1));
    assert!(matches!(by_card, Err(Invalid::WrongActor { .. })));
    // A clock that is set back makes nothing earlier, and one more notice no shorter.
    let back = world.now - Span::days(15);
    let refused = world.forge_at(back, Actor::Host, notice(&others, 1));
    assert!(matches!(refused, Err(Invalid::BackInTime { .. })));
    world.pass(Span(NOTICE.0 - 1));
    assert!(!world.log.state.is_abandoned(&root.group, world.now));
    assert!(world.log.state.is_abandoned(&root.group, world.now + Span(1)));
}

#[test]
fn an_abandoned_group_is_given_nothing_any_more() {
    let (mut world, _) = given();
    world.pass(NOTICE);
    let root = world.group();
    let abandoned = Some(Invalid::Abandoned("root".to_owned()));
    let again = world.binding(&root, Scope::Organisation, &[0, 1, 2]);
    assert_eq!(world.forge(Actor::Host, Event::Bound(again)).err(), abandoned);
    let address = world.address.clone();
    let secret = |text: &str| warifu::secret::SecretBytes::new(text.as_bytes().to_vec());
    let payload = warifu::seal::record::Payload {
        login: secret("root"),
        password: secret("correct horse"),
        notes: secret(""),
    };
    let provenance = warifu::vault::seal::Provenance {
        made: warifu::event::Made::Typed,
        shown: warifu::event::Shown::Nobody,
    };
    let sealed = world.vault.seal(&mut world.log, &address, &payload, provenance, world.now, &mut world.rng);
    let why = sealed.map(|_| ()).expect_err("it is refused").to_string();
    assert!(why.contains("group 'root' is abandoned"), "{why}");
}

#[test]
fn whoever_gives_notice_of_a_group_that_was_just_there_is_told() {
    let world = cli::World::new();
    let listed = || {
        let abandon = ["group", "abandon", "acme/keepers", "--reason", "nobody answers", "--dry-run"];
        world.host(&abandon).good().out
    };
    for who in &world.custodians[..2] {
        assert!(!listed().contains("ALARM"));
        let code = world.home(who).join("code.now");
        std::fs::write(&code, world.code(who)).unwrap();
        let code = code.display().to_string();
        let drill = ["drill", "acme/keepers", "--code-file", &code];
        world.host(&joined(&drill, &world.card(who))).good();
    }
    let told = listed();
    assert!(told.contains("ALARM acme/keepers: 2 proved in drills"), "{told}");
}

/// The command line on a vault whose log is months old: what a notice of then has
/// brought about by now.
#[test]
fn what_is_lost_is_named_everywhere_and_counted_as_openable_nowhere() {
    let (world, _) = given();
    let here = |arguments: &[&str]| {
        let vault = world.vault.dir().display().to_string();
        cli::run(std::path::Path::new("/"), &[&["--vault", &vault, "--yes"], arguments].concat())
    };
    let shown = here(&["--json", "group", "show", "acme/root"]).good().json();
    assert_eq!(shown["abandonment"]["standing"], "in-force");
    assert_eq!(shown["lost"][0]["address"], "acme/shop/prod");
    let shown = here(&["group", "show", "acme/root"]).good();
    assert!(shown.out.contains("abandoned since") && shown.out.contains("acme/shop/prod"), "{}", shown.out);
    for options in [&["status", "acme"][..], &["status", "acme", "--replay"]] {
        let status = here(options).good();
        assert!(status.out.contains("acme/root is abandoned since"), "{}", status.out);
    }
    let checked = here(&["--json", "audit", "recoverability", "acme", "--dry-run"]);
    let found = checked.json();
    assert_eq!(found["organisations"][0]["good"], 0, "{found}");
    assert_eq!(found["organisations"][0]["failed"][0]["address"], "acme/shop/prod");
    assert!(checked.code != 0);
    here(&["audit", "verify"]).good();
}

#[test]
fn notice_and_veto_from_the_command_line() {
    let world = cli::World::new();
    let abandon = ["group", "abandon", "acme/keepers", "--reason", "two have died"];
    let before = world.log_size();
    let listed = world.host(&[&abandon[..], &["--dry-run"]].concat()).good();
    assert!(listed.out.contains("LOST for good") && listed.out.contains("acme/web/prod"), "{}", listed.out);
    for custodian in &world.custodians {
        assert!(listed.out.contains(&custodian.name), "whom to ask: {}", listed.out);
    }
    assert_eq!(world.log_size(), before);
    let given = world.host(&abandon).good();
    assert!(given.err.contains("acme/web/prod"), "listed before anybody is asked: {}", given.err);
    world.host(&abandon).refused(
        3,
        &["notice runs already that acme/keepers is abandoned, until", "warifu group veto acme/keepers"],
    );
    let status = world.host(&["status"]).good();
    assert!(status.out.contains("notice runs that acme/keepers is abandoned"), "{}", status.out);
    assert!(status.out.contains("14 days left"), "{}", status.out);
    let due = world.host(&["due"]).good();
    assert!(due.out.contains("acme/keepers") && due.out.contains("any member can veto"), "{}", due.out);
    let due = world.host(&["--json", "due"]).good().json();
    assert_eq!((&due[0]["kind"], &due[0]["group"]), (&"notice".into(), &"acme/keepers".into()));
    // Nothing follows from it yet.
    let found = world.host(&["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
    assert_eq!(found["organisations"][0]["good"], 1);

    let veto = |who: &cli::Person| world.host(&joined(&["group", "veto", "acme/keepers"], &world.card(who)));
    veto(&world.operator).refused(4, &["is operator"]);
    let said = veto(&world.custodians[1]).good();
    assert!(said.out.contains("is not abandoned"), "{}", said.out);
    veto(&world.custodians[2]).refused(3, &["no notice stands"]);
    let shown = world.host(&["--json", "group", "show", "acme/keepers"]).good().json();
    assert_eq!(shown["abandonment"]["standing"], "vetoed");
    assert_eq!(shown["abandonment"]["vetoed_by"], world.custodians[1].name.as_str());
    assert!(!world.host(&["status"]).good().out.contains("notice runs"));
    world.host(&["audit", "log", "acme"]).good();
    world.verified();
}
