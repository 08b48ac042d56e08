//! What an officer asks of the log, by the built program, on a story with a
//! refusal, an opening that came to a release, and one that was aborted.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{World, joined};
use jiff::civil::Weekday;
use serde_json::Value;
use std::sync::OnceLock;

/// A vault in which: custodian 0 was refused for a wrong code, then 0 and 1
/// opened `acme/web/prod` (no ticket); a second ceremony, with a ticket, was
/// aborted. `acme/lab` was bound after all of it.
struct Story {
    world: World,
    first: String,
    second: String,
}

fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| {
        let world = World::new();
        let first = world.request("first.warifu");
        let custodian = &world.custodians[0];
        world.carry("first.warifu", custodian);
        let right = world.code(custodian);
        let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 500_000) % 1_000_000);
        world.contribute_with(custodian, "first.warifu", "wrong.contribution", &wrong).good();
        world.bring(custodian, "wrong.contribution");
        world.host(&["ceremony", "accept", "wrong.contribution"]).refused(4, &["was refused"]);
        world.contributed(0, "first.warifu");
        world.contributed(1, "first.warifu");
        let finish = ["ceremony", "finish", "acme", &first, "--exec", "cat > opened"];
        world.host(&joined(&finish, &world.card(&world.operator))).good();
        let ask = [
            "--json",
            "ceremony",
            "request",
            "acme/web/prod",
            "--reason",
            "=1+1",
            "--ticket",
            "OPS-7",
            "--out",
            "second.warifu",
        ];
        let ran = world.host(&joined(&ask, &world.card(&world.operator))).good().json();
        let second = ran["ceremony"].as_str().unwrap().to_owned();
        world.host(&["ceremony", "abort", "acme", &second]).good();
        let bind = ["bind", "acme/lab", "--group", "acme/keepers"];
        world.host(&joined(&bind, &world.cards(&[0, 1]))).good();
        Story { world, first, second }
    })
}

fn listed(options: &[&str]) -> Vec<Value> {
    let arguments = [&["--json", "audit", "log", "acme"], options].concat();
    story().world.host(&arguments).good().json().as_array().unwrap().clone()
}

fn kinds(options: &[&str]) -> Vec<String> {
    listed(options).iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn contributions_say_who_contributed_to_what() {
    let story = story();
    let all = listed(&["--contributions"]);
    let found: Vec<_> =
        all.iter().map(|row| (row["actor"].as_str().unwrap(), row["kind"].as_str().unwrap())).collect();
    let [first, second, _] = &story.world.custodians[..] else { panic!("three custodians") };
    assert_eq!(
        found,
        [(first.name.as_str(), "refused"), (&first.name, "accepted"), (&second.name, "accepted")]
    );
    let what = all[1]["summary"].as_str().unwrap();
    assert!(what.ends_with(": acme/web/prod version 1") && what.contains(&story.first[..8]), "{what}");
    assert!(all[0]["summary"].as_str().unwrap().ends_with(": wrong-code"));
    let (first, second) = (first.name.as_str(), second.name.as_str());
    assert_eq!(kinds(&["--contributions", "--who", first]), ["refused", "accepted"]);
    assert_eq!(kinds(&["--contributions", "--who", second]), ["accepted"]);
    assert_eq!(kinds(&["--contributions", "--who", &story.world.operator.name]), [""; 0]);
    assert_eq!(kinds(&["--contributions", "--refusals"]), ["refused"], "filters are combined with and");
}

#[test]
fn refusals_are_found_with_their_reason_and_their_custodian() {
    let story = story();
    let all = listed(&["--refusals"]);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["event"]["why"], "wrong-code");
    assert_eq!(all[0]["event"]["custodian"], story.world.custodians[0].name.as_str());
    assert!(kinds(&["--refusals", "--who", &story.world.custodians[1].name]).is_empty());
    assert!(kinds(&["--refusals", "--account", "acme/web/spare"]).is_empty());
    assert_eq!(kinds(&["--refusals", "--account", "acme/web/prod"]), ["refused"]);
}

#[test]
fn openings_without_a_ticket_are_found_and_others_are_not() {
    let story = story();
    let all = listed(&["--no-ticket"]);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["event"]["ceremony"], story.first.as_str());
    let opened = listed(&["--kind", "opened"]);
    assert_eq!(opened.len(), 2, "and there is another opening");
    let since = opened[1]["time"].as_str().unwrap();
    assert!(listed(&["--no-ticket", "--since", since]).is_empty());
}

#[test]
fn an_account_has_its_own_wider_bindings_and_no_others() {
    let bound = |address: &str| -> Vec<String> {
        let all = listed(&["--account", address, "--kind", "bound"]);
        all.iter().map(|row| row["summary"].as_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(bound("acme/web/prod"), ["acme/web"]);
    assert_eq!(bound("acme/web/spare"), ["acme/web"]);
    assert_eq!(bound("acme/lab/one"), ["acme/lab"]);
    assert_eq!(kinds(&["--account", "acme/web/spare"]), ["account-created", "bound"]);
    let of_prod = kinds(&["--account", "acme/web/prod"]);
    for (kind, times) in [
        ("opened", 2),
        ("targeted", 2),
        ("refused", 1),
        ("accepted", 2),
        ("released", 1),
        ("revealed", 1),
        ("ended", 2),
        ("sealed", 1),
    ] {
        assert_eq!(of_prod.iter().filter(|k| *k == kind).count(), times, "{kind}");
    }
}

#[test]
fn a_binding_of_the_whole_organisation_concerns_each_account() {
    let world = World::new();
    let bind = ["bind", "acme", "--group", "acme/keepers"];
    world.host(&joined(&bind, &world.cards(&[0, 1]))).good();
    for address in ["acme/web/prod", "acme/lab/one"] {
        let log = ["--json", "audit", "log", "acme", "--account", address, "--kind", "bound"];
        let rows = world.host(&log).good().json();
        let found = rows.as_array().unwrap().iter().any(|row| row["event"]["scope"] == "organisation");
        assert!(found, "{address}: {rows}");
    }
}

#[test]
fn openings_outside_working_hours_are_found() {
    let opened = listed(&["--kind", "opened"]);
    let stamp: jiff::Timestamp = opened[0]["time"].as_str().unwrap().parse().unwrap();
    let there = stamp.to_zoned(jiff::tz::TimeZone::UTC);
    let hour = there.hour();
    let first = opened[0]["index"].as_u64().unwrap();
    let found = |hours: &str| {
        let rows = listed(&["--unusual-hours", hours, "--zone", "UTC"]);
        assert!(rows.iter().all(|row| row["kind"] == "opened"));
        rows.iter().any(|row| row["index"] == first)
    };
    let weekend = matches!(there.weekday(), Weekday::Saturday | Weekday::Sunday);
    assert_eq!(found(&format!("{hour:02}-{:02}", hour + 1)), weekend);
    let before = if hour == 0 { "01-24".to_owned() } else { format!("00-{hour:02}") };
    assert!(found(&before), "{before} leaves {hour} out");
    // Without hours it is 08-18, and without a zone the system's or UTC.
    let default = kinds(&["--unusual-hours", "--zone", "UTC"]).len();
    assert_eq!(default, kinds(&["--unusual-hours", "08-18", "--zone", "UTC"]).len());
    story().world.host(&["audit", "log", "acme", "--unusual-hours"]).good();
}

#[test]
fn hours_and_zones_that_do_not_exist_are_refused() {
    let world = &story().world;
    let hours = ["audit", "log", "acme", "--unusual-hours", "18-08"];
    let ran = world.host(&hours);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("'18-08' is not working hours"), "{}", ran.err);
    let zone = ["audit", "log", "acme", "--unusual-hours", "08-18", "--zone", "Mars/Olympus"];
    world.host(&zone).refused(2, &["there is no time zone 'Mars/Olympus'", "Name one like Europe/Berlin"]);
    assert_eq!(world.host(&["audit", "log", "acme", "--zone", "UTC"]).code, 2, "a zone alone is for nothing");
}

#[test]
fn the_timeline_has_a_line_for_each_ceremony_that_is_asked_for() {
    let story = story();
    let all = listed(&["--timeline"]);
    assert_eq!(all.len(), 2);
    let [opened, aborted] = &all[..] else { panic!("two ceremonies") };
    assert_eq!(opened["ceremony"], story.first.as_str());
    assert_eq!(opened["targets"][0]["address"], "acme/web/prod");
    assert_eq!(opened["operator"], story.world.operator.name.as_str());
    assert_eq!((&opened["outcome"], &opened["exposed"]), (&"closed".into(), &true.into()));
    assert_eq!((&opened["refused"], &opened["accepted"]), (&1.into(), &2.into()));
    assert_eq!((&opened["ticket"], &opened["bad_shares"]), (&false.into(), &0.into()));
    assert!(opened["ended"].is_string() && opened["seconds"].as_u64().is_some());
    assert_eq!(aborted["ceremony"], story.second.as_str());
    assert_eq!((&aborted["outcome"], &aborted["exposed"]), (&"aborted".into(), &false.into()));
    for (options, ceremony) in
        [(["--timeline", "--refusals"], &story.first), (["--timeline", "--no-ticket"], &story.first)]
    {
        let rows = listed(&options);
        assert_eq!(rows.len(), 1, "{options:?}");
        assert_eq!(rows[0]["ceremony"], ceremony.as_str());
    }
    assert!(listed(&["--timeline", "--account", "acme/web/spare"]).is_empty());
    assert_eq!(listed(&["--timeline", "--account", "acme/web/prod"]).len(), 2);
    let text = story.world.host(&["audit", "log", "acme", "--timeline"]).good().out;
    assert!(text.contains("EXPOSED") && text.contains("1 refused") && text.contains("no ticket"), "{text}");
    assert!(text.contains("acme/web/prod v1") && text.contains("aborted"), "{text}");
}

#[test]
fn csv_has_a_header_and_the_same_rows() {
    let world = &story().world;
    let out = world.host(&["audit", "log", "acme", "--csv"]).good().out;
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    let head: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(head, ["entry", "time", "actor", "kind", "what"]);
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    let listed = listed(&[]);
    assert_eq!(rows.len(), listed.len());
    for (row, same) in rows.iter().zip(&listed) {
        assert_eq!(&row[3], same["kind"].as_str().unwrap());
        assert_eq!(&row[4], same["summary"].as_str().unwrap());
    }
    let out = world.host(&["audit", "log", "acme", "--timeline", "--csv"]).good().out;
    assert_eq!(csv::Reader::from_reader(out.as_bytes()).records().count(), 2);
    world.host(&["--json", "audit", "log", "acme", "--csv"]).refused(2, &["two forms of one list"]);
}
