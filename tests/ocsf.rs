//! The log as OCSF events: every kind of entry, from one ceremony that the
//! library plays from the vault's creation to its end.
//!
//! `WARIFU_OCSF_SCHEMA=DIR cargo test --test ocsf -- --ignored` validates them
//! against the published schema of version 1.8.0, of which DIR has the files
//! `dictionary.json`, `events/` and `objects/`. `WARIFU_WRITE_EXAMPLES=1 cargo
//! test --test ocsf` writes the examples of `docs/audit-log.md` anew.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../fuzz/bodies.rs"]
#[allow(dead_code, reason = "the story uses a key of it")]
mod bodies;
#[path = "ocsf/schema.rs"]
mod schema;
#[path = "corpus/story.rs"]
#[allow(dead_code, reason = "of the story only its log is wanted")]
mod story;

use schema::Schema;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use warifu::event::{Entry, KINDS, Line, TextHash};
use warifu::log::entry::EntryBytes;
use warifu::report::ocsf::{self, Ocsf, Severity, Source};
use warifu::state::{Organisation, Past};

const REASON: &str = "The payment method has to be changed.";

/// Index and line of every entry of the vault's log, and of the organisation's.
fn lines() -> (Vec<EntryBytes>, Vec<EntryBytes>) {
    let all = story::tell().lines;
    let begins = |line: &EntryBytes| line.as_str().contains("\"organisation-created\"");
    let first = all.iter().position(begins).unwrap();
    (all[..first].to_vec(), all[first..].to_vec())
}

fn state(lines: &[EntryBytes]) -> Organisation {
    let read = |line| Entry::from_line(line).unwrap();
    let mut state = Organisation::begin(&read(&lines[0]), &lines[0].leaf_hash()).unwrap();
    lines[1..].iter().for_each(|line| state.apply(&read(line), &line.leaf_hash()).unwrap());
    state
}

/// What all entries tell of ceremonies.
fn past(lines: &[EntryBytes]) -> Past {
    let mut past = Past::default();
    for (index, line) in (0..).zip(lines) {
        let Line::Known(entry) = Entry::from_line(line).unwrap() else { continue };
        past.note(index, entry.time, &entry.event);
    }
    past
}

fn known(_: &TextHash) -> Option<String> {
    Some(REASON.to_owned())
}

/// Every entry of the story as an event, and one of a newer kind.
fn events() -> Vec<Ocsf> {
    let (vault, organisation) = lines();
    let state = state(&organisation);
    let newer = r#"{"v":9,"time":"2026-03-01T09:00:00.000Z","actor":"quiet-heron-lamp","event":{"moon-landed":{"x":1}}}"#;
    let newer = EntryBytes::new(newer.as_bytes().to_vec()).unwrap();
    let (none, past) = (Past::default(), past(&organisation));
    let of_vault = Source { origin: "vault.example/warifu/0", state: None, past: &none, text: &known };
    let of_log = Source { origin: state.origin.as_str(), state: Some(&state), past: &past, text: &known };
    let from = |source: &Source<'_>, lines: &[EntryBytes]| -> Vec<Ocsf> {
        (0..).zip(lines).map(|(index, line)| ocsf::event(source, index, line).unwrap()).collect()
    };
    let mut all = from(&of_vault, &vault);
    all.extend(from(&of_log, &organisation));
    all.extend(from(&of_vault, &story::tell().recovery));
    all.extend(from(&of_log, &[newer]));
    all
}

/// The first event of each kind.
fn first_of_each() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for event in events() {
        found.entry(event.kind).or_insert(event.value);
    }
    found
}

#[test]
fn every_kind_has_an_event_and_its_ids_agree() {
    let all = first_of_each();
    for kind in KINDS {
        assert!(all.contains_key(*kind), "the story has no {kind}");
    }
    for (kind, event) in &all {
        let id = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{kind} lacks {name}"));
        assert_eq!(id("type_uid"), id("class_uid") * 100 + id("activity_id"), "{kind}");
        assert_eq!(id("category_uid"), id("class_uid") / 1000, "{kind}");
        let class = if KINDS.contains(&kind.as_str()) { vec![3001, 3002, 3004] } else { vec![0] };
        assert!(class.contains(&id("class_uid")), "{kind}: {}", id("class_uid"));
        assert_eq!(event["metadata"]["version"], "1.8.0", "{kind}");
        assert_eq!(event["metadata"]["event_code"], **kind, "{kind}");
        assert_eq!(event["unmapped"]["leaf"].as_str().map(str::len), Some(64), "{kind}");
        assert!(!event["message"].as_str().unwrap().is_empty(), "{kind}");
    }
}

#[test]
fn each_kind_is_the_activity_that_it_is_documented_to_be() {
    let all = first_of_each();
    let expected = [
        ("vault-created", 300_401),
        ("organisation-added", 300_401),
        ("organisation-created", 300_401),
        ("keeper-enrolled", 300_406),
        ("gate-root-dealt", 300_401),
        ("keepers-named", 300_403),
        ("restored-with-gap", 300_403),
        ("project-created", 300_401),
        ("account-created", 300_401),
        ("account-renamed", 300_403),
        ("account-standing-set", 300_403),
        ("baseline-stated", 300_403),
        ("card-enrolled", 300_110),
        ("card-suspended", 300_105),
        ("card-resumed", 300_102),
        ("card-revoked", 300_106),
        ("authenticator-replaced", 300_110),
        ("group-formed", 300_401),
        ("group-renewed", 300_403),
        ("abandonment-begun", 300_403),
        ("abandonment-vetoed", 300_403),
        ("reshare-opened", 300_401),
        ("redealing-rejected", 300_403),
        ("reshared", 300_403),
        ("dealings-destroyed", 300_404),
        ("operator-admitted", 300_406),
        ("admission-revoked", 300_407),
        ("bound", 300_403),
        ("witness-policy-set", 300_403),
        ("seal-begun", 300_401),
        ("sealed", 300_103),
        ("opened", 300_401),
        ("targeted", 300_403),
        ("accepted", 300_201),
        ("refused", 300_201),
        ("released", 300_402),
        ("share-rejected", 300_403),
        ("revealed", 300_402),
        ("drill-begun", 300_401),
        ("gate-proved", 300_402),
        ("custodian-proved", 300_201),
        ("drill-refused", 300_201),
        ("drill-policy-set", 300_403),
        ("ended", 300_404),
        ("reconciled", 300_402),
        ("recoverability-checked", 300_402),
        ("gate-epoch-begun", 300_403),
        ("authenticator-resealed", 300_403),
        ("code-given", 300_402),
        ("rotation-policy-set", 300_403),
        ("rotation-begun", 300_403),
        ("rotation-settled", 300_403),
        ("destroyed", 300_404),
        ("identity-sealed", 300_401),
        ("moon-landed", 99),
    ];
    assert_eq!(all.len(), expected.len());
    for (kind, type_uid) in expected {
        assert_eq!(all[kind]["type_uid"], type_uid, "{kind}");
    }
}

#[test]
fn an_event_says_where_its_entry_stands_and_to_which_ceremony_it_belongs() {
    let (_, organisation) = lines();
    let state = state(&organisation);
    let past = past(&organisation);
    let source = Source { origin: state.origin.as_str(), state: Some(&state), past: &past, text: &known };
    let mut of_ceremonies = 0;
    for (index, line) in (0..).zip(&organisation) {
        let event = ocsf::event(&source, index, line).unwrap();
        let entry: Value = serde_json::from_str(line.as_str()).unwrap();
        let metadata = &event.value["metadata"];
        assert_eq!(metadata["sequence"], index);
        assert_eq!(metadata["log_name"], state.origin.as_str());
        let body = &entry["event"][&event.kind];
        assert_eq!(metadata["correlation_uid"], body["ceremony"], "{}", event.kind);
        of_ceremonies += u64::from(!body["ceremony"].is_null());
        let time: jiff::Timestamp = entry["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(event.value["time"], time.as_millisecond());
        let actor = entry["actor"].as_str().unwrap();
        assert_eq!(event.value["actor"]["user"]["name"], actor, "{}", event.kind);
        let leaf = warifu::hex::Bytes(line.leaf_hash().0).to_string();
        assert_eq!(event.value["unmapped"]["leaf"], leaf);
    }
    assert!(of_ceremonies >= 9, "{of_ceremonies}");
}

#[test]
fn a_reason_stands_in_the_comment_alone_and_not_once_it_is_erased() {
    let (_, organisation) = lines();
    let state = state(&organisation);
    let erased = |_: &TextHash| None;
    let past = past(&organisation);
    let with = Source { origin: "o", state: Some(&state), past: &past, text: &known };
    let without = Source { text: &erased, ..with };
    let mut commented = 0;
    for line in &organisation {
        let event = ocsf::event(&with, 0, line).unwrap().value;
        let later = ocsf::event(&without, 0, line).unwrap().value;
        let mut bare = event.clone();
        if let Some(comment) = bare.as_object_mut().unwrap().shift_remove("comment") {
            assert_eq!(comment, REASON);
            commented += 1;
        }
        assert!(!bare.to_string().contains(REASON));
        assert_eq!(bare, later, "an erased reason changes nothing else");
    }
    // Of the second ceremony: opened, targeted, released, code-given, ended. Of two
    // resharings: opened, rejected and ended; opened, reshared and ended.
    assert_eq!(
        commented,
        8 + 5 + 6,
        "opened, targeted, released, share-rejected, revealed, rotation-begun, rotation-settled, ended"
    );
}

#[test]
fn a_reason_cannot_hide_or_turn_what_stands_beside_it() {
    let (_, organisation) = lines();
    let state = state(&organisation);
    let bad = |_: &TextHash| Some("pay\u{202e}\nlater\u{200b}".to_owned());
    let past = past(&organisation);
    let source = Source { origin: "o", state: Some(&state), past: &past, text: &bad };
    let opened = organisation.iter().find(|line| line.as_str().contains("\"opened\"")).unwrap();
    assert_eq!(ocsf::event(&source, 0, opened).unwrap().value["comment"], "pay··later·");
}

#[test]
fn a_revocation_names_the_admission_that_it_takes_back() {
    let all = events();
    let admissions: Vec<_> = all
        .iter()
        .filter(|event| event.kind == "operator-admitted")
        .map(|event| &event.value["entity"]["uid"])
        .collect();
    let revoked = all.iter().find(|event| event.kind == "admission-revoked").unwrap();
    assert!(admissions.contains(&&revoked.value["entity"]["uid"]));
}

#[test]
fn severities_follow_what_somebody_has_to_do() {
    let all: BTreeMap<_, _> = events().into_iter().map(|event| (event.kind.clone(), event)).collect();
    for (kind, severity) in [
        ("accepted", Severity::Informational),
        ("opened", Severity::Low),
        ("refused", Severity::Medium),
        ("released", Severity::Medium),
        ("share-rejected", Severity::High),
        ("reconciled", Severity::High),
        ("recoverability-checked", Severity::High),
    ] {
        assert_eq!(all[kind].severity, severity, "{kind}");
        assert_eq!(all[kind].value["severity_id"], severity as u8, "{kind}");
    }
    assert_eq!(all["refused"].value["status_id"], 2);
    assert_eq!(all["refused"].value["status_code"], "wrong-code");
    assert_eq!(all["accepted"].value["status_id"], 1);
}

#[test]
#[ignore = "needs the published schema: WARIFU_OCSF_SCHEMA=DIR"]
fn every_event_satisfies_the_published_schema() {
    let Some(dir) = std::env::var_os("WARIFU_OCSF_SCHEMA") else {
        panic!("name the schema's folder with WARIFU_OCSF_SCHEMA=DIR");
    };
    let schema = Schema::read(Path::new(&dir));
    let mut seen = Vec::new();
    for event in events() {
        let faults = schema.faults(&event.value);
        assert!(faults.is_empty(), "{}: {faults:#?}\n{:#}", event.kind, event.value);
        seen.push(event.kind);
    }
    assert!(KINDS.iter().all(|kind| seen.iter().any(|s| s == kind)));
    // The check itself finds what is wrong.
    let good = first_of_each()["refused"].clone();
    let broken = |name: &str, value: Value| {
        let mut event = good.clone();
        match value {
            Value::Null => drop(event.as_object_mut().unwrap().shift_remove(name)),
            value => event[name] = value,
        }
        schema.faults(&event)
    };
    for (name, value) in [
        ("user", Value::Null),
        ("service", Value::Null),
        ("severity_id", Value::Null),
        ("severity_id", json!(42)),
        ("severity", json!("Terrible")),
        ("activity_id", json!(42)),
        ("type_uid", json!(300_202)),
        ("time", json!("2026")),
        ("is_mfa", json!("yes")),
        ("user", json!({ "type_id": 1 })),
        ("auth_factors", json!([{ "is_totp": true }])),
        ("entity", json!({ "name": "no attribute of this class" })),
    ] {
        assert!(!broken(name, value.clone()).is_empty(), "{name} = {value} was let through");
    }
}

/// A value as it stands in the documentation: long hexadecimal cut, of a list
/// the first element alone.
fn cut(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, v)| (name.clone(), cut(v))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().take(1).map(cut).collect::<Vec<_>>().into(),
        Value::String(text) => json!(shortened(text)),
        other => other.clone(),
    }
}

fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut run = String::new();
    let flush = |run: &mut String, short: &mut String| {
        if run.len() >= 32 {
            short.push_str(&run[..8]);
            short.push('…');
        } else {
            short.push_str(run);
        }
        run.clear();
    };
    for character in text.chars() {
        if matches!(character, '0'..='9' | 'a'..='f') {
            run.push(character);
        } else {
            flush(&mut run, &mut short);
            short.push(character);
        }
    }
    flush(&mut run, &mut short);
    short
}

/// Names of all members, down to the last.
fn names(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}.{name}");
                into.push(path.clone());
                names(member, &path, into);
            }
        }
        Value::Array(items) => items.iter().take(1).for_each(|item| names(item, path, into)),
        _ => {}
    }
}

#[test]
fn the_documentation_has_an_example_of_each_kind_with_just_its_fields() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit-log.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- examples -->\n").expect("where the examples begin");
    let (examples, after) = rest.split_once("<!-- end of examples -->\n").expect("where they end");
    let mut all = first_of_each();
    all.remove("moon-landed");
    if std::env::var_os("WARIFU_WRITE_EXAMPLES").is_some() {
        let write = |kind: &&str| format!("\n`{kind}`:\n\n    {}\n", cut(&all[*kind]));
        let examples: String = KINDS.iter().map(write).collect();
        let text = format!("{before}<!-- examples -->\n{examples}\n<!-- end of examples -->\n{after}");
        return fs::write(&path, text).unwrap();
    }
    for (kind, event) in &all {
        let head = format!("\n`{kind}`:\n\n    ");
        let Some((_, rest)) = examples.split_once(&head) else { panic!("no example of {kind}") };
        let example: Value = serde_json::from_str(rest.lines().next().unwrap()).unwrap();
        let (mut documented, mut written) = (Vec::new(), Vec::new());
        names(&example, "", &mut documented);
        names(&cut(event), "", &mut written);
        assert_eq!(documented, written, "the example of {kind}");
        for id in ["class_uid", "activity_id", "type_uid", "severity_id", "status_id"] {
            assert_eq!(example[id], event[id], "{id} in the example of {kind}");
        }
    }
}
