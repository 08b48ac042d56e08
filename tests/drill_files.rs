//! A drill by files: the host and each member on machines of their own. Who answers in
//! time, with the right card and code, is live; everything else is refused and says
//! what to do.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Ran, World, joined};
use serde_json::{Value, json};
use std::fs;

const DRILL: [&str; 4] = ["--json", "drill", "acme/keepers", "--request"];

/// Writes the drill that goes on, or a new one, and carries it to everybody.
fn asked(world: &World, file: &str) -> Value {
    let asked = world.host(&[&DRILL[..], &[file]].concat()).good().json();
    for person in world.custodians.iter().chain([&world.stranger]) {
        world.carry(file, person);
    }
    asked
}

fn accepts(world: &World, file: &str) -> Ran {
    world.host(&["--json", "ceremony", "accept", file])
}

fn live(world: &World) -> Value {
    let found = world.host(&["--json", "audit", "recoverability", "acme", "--dry-run"]);
    found.json()["organisations"][0]["groups"][0]["live"].clone()
}

#[test]
fn members_who_are_elsewhere_show_that_their_cards_are_there() {
    let world = World::new();
    let drill = asked(&world, "drill.warifu")["drill"].clone();
    for (which, proved) in [(2, 1), (0, 2)] {
        let who = &world.custodians[which];
        world.contribute(who, "drill.warifu", "answer").good();
        assert!(world.home(who).join("card.seen").exists(), "what was seen is kept");
        world.bring(who, "answer");
        let said = accepts(&world, "answer").good().json();
        assert_eq!((&said["drill"], said["proved"].as_array().unwrap().len()), (&drill, proved));
        assert_eq!(said["live"], proved);
    }
    assert_eq!(live(&world), 2);
    // A second package is of the same drill, and knows who has answered.
    assert_eq!(asked(&world, "again.warifu")["drill"], drill);
    let who = &world.custodians[0];
    world.contribute(who, "again.warifu", "second").refused(4, &["judged before", "Nothing more is needed"]);
    // Who is on the host's machine answers there, in the same drill.
    let last = &world.custodians[1];
    fs::write(world.host_dir().join("code"), world.code(last)).unwrap();
    let card = world.card(last);
    let here = joined(&["--json", "drill", "acme/keepers", "--code-file", "code"], &card);
    let said = world.host(&here).good().json();
    assert_eq!((&said["missing"], &said["live"], &said["drill"]), (&json!([]), &json!(3), &drill));
    world.verified();
}

#[test]
fn the_same_file_twice_is_no_mistake_and_a_second_answer_is_of_no_use() {
    let world = World::new();
    asked(&world, "drill.warifu");
    let who = &world.custodians[0];
    world.contribute(who, "drill.warifu", "one").good();
    world.bring(who, "one");
    accepts(&world, "one").good();
    let entries = world.entries();
    let again = accepts(&world, "one").good();
    assert!(again.err.contains("before; nothing need be done"), "{}", again.err);
    assert_eq!(world.entries(), entries);
    world.contribute(who, "drill.warifu", "two").good();
    world.bring(who, "two");
    accepts(&world, "two").refused(4, &["Nothing more is needed in this drill"]);
    world.verified();
}

#[test]
fn a_wrong_code_is_refused_on_record_and_the_next_answer_counts() {
    let world = World::new();
    asked(&world, "drill.warifu");
    let who = &world.custodians[0];
    world.contribute_with(who, "drill.warifu", "one", "000000").good();
    world.bring(who, "one");
    accepts(&world, "one").refused(4, &["wrong code"]);
    accepts(&world, "one").refused(4, &["it was refused", "a fresh code"]);
    world.contribute(who, "drill.warifu", "two").good();
    world.bring(who, "two");
    accepts(&world, "two").good();
    assert_eq!(live(&world), 1);
    world.verified();
}

#[test]
fn an_answer_to_an_earlier_drill_is_refused() {
    let world = World::new();
    asked(&world, "drill.warifu");
    let who = &world.custodians[0];
    world.contribute(who, "drill.warifu", "one").good();
    world.bring(who, "one");
    world.host(&["drill", "acme/keepers", "--new", "--request", "next.warifu"]).good();
    world.host_refused(&["ceremony", "accept", "one"], 4, &["earlier one", "--request FILE"]);
}

#[test]
fn a_card_of_no_member_answers_nothing() {
    let world = World::new();
    world.form("acme/pair", 2, &world.custodians[..2]);
    world.host(&["drill", "acme/pair", "--request", "pair.warifu"]).good();
    let third = &world.custodians[2];
    world.carry("pair.warifu", third);
    world
        .contribute(third, "pair.warifu", "one")
        .refused(4, &["is no member of acme/pair", "a member of this group"]);
    world.carry("pair.warifu", &world.stranger);
    world.contribute(&world.stranger, "pair.warifu", "one").refused(4, &["another organisation"]);
}

#[test]
fn a_revoked_card_is_refused_by_its_own_machine_and_by_the_host() {
    let world = World::new();
    asked(&world, "drill.warifu");
    let who = &world.custodians[2];
    world.contribute(who, "drill.warifu", "one").good();
    world.bring(who, "one");
    let revoke = ["custodian", "revoke", "acme", &who.name, "--reason", "lost"];
    let revoked = world.host(&joined(&revoke, &world.cards(&[0, 1])));
    assert!(revoked.code == 0 || revoked.code == 9, "{}{}", revoked.out, revoked.err);
    accepts(&world, "one").refused(4, &["revoked"]);
    asked(&world, "later.warifu");
    world.contribute(who, "later.warifu", "two").refused(4, &["is revoked"]);
    world.verified();
}

#[test]
fn an_answer_that_was_altered_on_its_way_blames_nobody() {
    let world = World::new();
    asked(&world, "drill.warifu");
    let who = &world.custodians[0];
    world.contribute(who, "drill.warifu", "one").good();
    world.bring(who, "one");
    let path = world.host_dir().join("one");
    let good = fs::read_to_string(&path).unwrap();
    // The encrypted code stands last, the signature before it.
    for (field, says) in [("\"},\"code\":\"", "is not the one that"), ("\"signature\":\"", "signature of")] {
        let at = good.rfind(field).unwrap() + field.len() + 9;
        let digit = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
        fs::write(&path, [&good[..at], digit, &good[at + 1..]].concat()).unwrap();
        world.host_refused(&["ceremony", "accept", "one"], 4, &[says, "Nobody is blamed"]);
    }
    fs::write(&path, good).unwrap();
    accepts(&world, "one").good();
}

#[test]
fn files_are_not_mixed_up_and_none_is_overwritten() {
    let world = World::new();
    asked(&world, "drill.warifu");
    world.host_refused(
        &["ceremony", "accept", "drill.warifu"],
        3,
        &["is a drill-package, not a contribution"],
    );
    let who = &world.custodians[0];
    fs::write(world.home(who).join("taken"), "").unwrap();
    world.contribute(who, "drill.warifu", "taken").refused(3, &["exists already"]);
    world.host_refused(&["drill", "acme/keepers", "--request", "drill.warifu"], 3, &["exists already"]);
    world.contribute(who, "drill.warifu", "answer").good();
    let contribute =
        ["ceremony", "contribute", "answer", "--card", "card", "--passphrase-file", "passphrase"];
    world.at(who, &contribute).refused(3, &["is a drill-answer, not a package"]);
}
