//! `report` by the built program, on a vault with ceremonies of March and April
//! 2026: what statements say, that the log proves it, that every form says the
//! same, and what they must not say.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "a part of it is used")]
mod support;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{World, slug};
use tempfile::TempDir;
use warifu::event::{Ending, Event, Hash, Refusal, Scope};
use warifu::log::merkle::leaf_hash;
use warifu::name::{Factor, Provider};
use warifu::seal::words;
use warifu::secret::SecretBytes;
use warifu::time::{Span, Time};
use warifu::vault::group;
use warifu::vault::hierarchy::NewAccount;

const MARCH: [&str; 4] = ["--from", "2026-03-01", "--to", "2026-04-01"];
const NUMBER: &str = "123456789012";
const LAB: &str = "123456780001";
const FOREIGN: &str = "999988887777";

struct Story {
    world: World,
    first: Hash,
    files: TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        texts.iter().for_each(|text| assert!(all.contains(text), "lacks {text:?}:\n{all}"));
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|why| panic!("{why}: {}{}", self.out, self.err))
    }
}

/// Version 1 of `acme/shop/prod` was sealed on 1 March at 09:00, released at 10:00,
/// and replaced 30 hours later. On 4 March a wrong code was refused and a share
/// given for nothing. On 2 April version 2 was released. `acme/lab/one` has nothing
/// sealed; `globex` is a neighbour.
fn story() -> Story {
    let mut world = World::new();
    let now = world.now;
    world
        .vault
        .add_project(&"acme/lab".parse().unwrap(), Some(&"Labor".parse().unwrap()), &|| now, &mut world.rng)
        .unwrap();
    world.log = world.vault.log(&slug("acme")).unwrap();
    named(&mut world, "acme/lab/one", LAB, "=HYPERLINK(\"http://evil\")");
    named(&mut world, "acme/shop/bad", "123456789013", "<script>alert('割符')</script>&\"'");
    let added = world.vault.add_organisation(
        &slug("globex"),
        Some(&"Globex-Geheim".parse().unwrap()),
        &|| now,
        &mut world.rng,
    );
    added.unwrap();
    world.vault.add_project(&"globex/ledger".parse().unwrap(), None, &|| now, &mut world.rng).unwrap();
    named(&mut world, "globex/ledger/books", FOREIGN, "Hauptbuch");
    world.pass(Span::hours(1));
    let first = world.open();
    (0..3).for_each(|who| world.contribute(&first, who));
    world.vault.release(&mut world.log, &first, 0, world.now, &mut world.rng).unwrap();
    world.pass(Span::minutes(10));
    world.vault.end_ceremony(&mut world.log, &first, Ending::Closed, world.now).unwrap();
    world.pass(Span::hours(30));
    world.seal();
    world.pass(Span::days(2));
    let second = world.open();
    world.contribute(&second, 0);
    let wrong = SecretBytes::new(b"000000".to_vec());
    let answer = world.answer_with(&second, 1, &wrong, world.now);
    let event = world.accept(&answer).unwrap();
    assert!(matches!(event, Event::Refused { why: Refusal::WrongCode, .. }), "{event:?}");
    world.vault.end_ceremony(&mut world.log, &second, Ending::Aborted, world.now).unwrap();
    world.now = Time::parse_lenient("2026-04-02").unwrap();
    let root = world.group();
    world.admit(&root, Span::days(30));
    let third = world.open();
    (0..3).for_each(|who| world.contribute(&third, who));
    world.vault.release(&mut world.log, &third, 0, world.now, &mut world.rng).unwrap();
    world.vault.end_ceremony(&mut world.log, &third, Ending::Closed, world.now).unwrap();
    Story { world, first, files: tempfile::tempdir().unwrap() }
}

fn named(world: &mut World, address: &str, id: &str, name: &str) {
    let (address, now) = (address.parse().unwrap(), world.now);
    let name = name.parse().unwrap();
    let new = NewAccount { address: &address, name: Some(&name), provider: Provider::Aws, external_id: id };
    world.vault.add_account(&new, &|| now, &mut world.rng).unwrap();
    world.log = world.vault.log(&slug("acme")).unwrap();
}

impl Story {
    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
        command.env_remove("WARIFU_VAULT").current_dir(self.files.path()).stdin(Stdio::null());
        command.arg("--vault").arg(self.world.vault.dir()).arg("--yes").args(arguments);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn report(&self, what: &[&str], more: &[&str]) -> Ran {
        self.run(&[&["report"], what, more].concat())
    }

    #[track_caller]
    fn json(&self, what: &[&str], more: &[&str]) -> Value {
        self.report(what, &[&["--json"], more].concat()).ends(0).json()
    }

    fn reconciled(&self) {
        let record = |id: u32, time: &str| {
            format!(
                r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","arn":"arn:aws:iam::{NUMBER}:root","accountId":"{NUMBER}"}},"eventTime":"{time}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","sourceIPAddress":"198.51.100.7","userAgent":"x","responseElements":{{"ConsoleLogin":"Success"}},"additionalEventData":{{"MFAUsed":"yes"}},"eventID":"{id}"}}"#
            )
        };
        let all = [
            record(1, "2026-03-01T10:05:00Z"),
            record(2, "2026-03-20T03:00:00Z"),
            record(3, "2026-04-20T03:00:00Z"),
        ];
        self.file("trail.jsonl", all.join("\n"));
        self.run(&["reconcile", "cloudtrail", "acme", "trail.jsonl"]).ends(9);
    }

    fn credential_report(&self, id: &str, mfa: bool, key: bool) -> Ran {
        let head = "user,arn,mfa_active,access_key_1_active,access_key_2_active";
        self.file("r.csv", format!("{head}\n<root_account>,arn:aws:iam::{id}:root,{mfa},{key},false\n"));
        self.run(&["reconcile", "credential-report", "acme", "r.csv"])
    }
}

fn rows<'a>(value: &'a Value, table: &str) -> &'a [Value] {
    value[table].as_array().unwrap_or_else(|| panic!("no {table}: {value}"))
}

/// The tables of a document: arrays of rows.
fn tables(value: &Value) -> Vec<&str> {
    let beside = ["remarks", "entries", "files", "unreadable"];
    let all = value.as_object().unwrap().iter();
    all.filter(|(key, table)| table.is_array() && !beside.contains(&key.as_str()))
        .map(|(key, _)| &**key)
        .collect()
}

#[test]
fn a_statement_says_what_was_done_in_the_period_and_nothing_of_after_it() {
    let story = story();
    story.reconciled();
    let value = story.json(&["project", "acme/shop"], &MARCH);
    let counts = &value["counts"];
    for (what, count) in [
        ("accounts", 2),
        ("sealed", 1),
        ("unsealed", 1),
        ("exposed", 0),
        ("weakened", 1),
        ("ceremonies", 2),
        ("released", 1),
        ("late", 1),
        ("refused", 1),
        ("explained", 1),
        ("unexplained", 1),
    ] {
        assert_eq!(counts[what], count, "{what}: {counts}");
    }
    let held = rows(&value, "ceremonies");
    assert_eq!(held[0]["ceremony"], story.first.short());
    let said =
        ["purpose", "outcome", "ticket", "reason"].map(|key| held[0][key].as_str().unwrap().to_owned());
    assert_eq!(said, ["open", "closed", "OPS-7", "the bill is unpaid"]);
    assert_eq!(held[0]["operator"], story.world.operator.name().as_str());
    assert_eq!(held[0]["custodians"].as_array().unwrap().len(), 3);
    assert_eq!((&held[1]["outcome"], &held[1]["released"]), (&"aborted".into(), &0.into()));
    let [exposure] = rows(&value, "exposures") else { panic!("{value}") };
    assert_eq!((&exposure["how"], &exposure["policy"]), (&"sealed".into(), &"late".into()));
    assert_eq!((&exposure["lasted"], &exposure["allowed"]), (&108_600.into(), &86_400.into()));
    let [refused] = rows(&value, "refusals") else { panic!("{value}") };
    assert_eq!(
        (&refused["why"], &refused["custodian"]),
        (&"wrong-code".into(), &story.world.custodians[1].name().as_str().into())
    );
    let [old, current] = rows(&value, "versions") else { panic!("{value}") };
    assert_eq!(
        (&old["place"], &current["place"], &current["age_days"]),
        (&"old".into(), &"current".into(), &29.into())
    );
    assert_eq!((&current["weakened"], &current["exposed"]), (&1.into(), &Value::Null));
    let how: Vec<_> = rows(&value, "rotations").iter().map(|row| &row["how"]).collect();
    assert_eq!(how, ["first", "sealed"]);
    // April's goes on from there.
    let april = story.json(&["project", "acme/shop"], &["--from", "2026-04-01", "--to", "2026-05-01"]);
    assert_eq!((rows(&april, "ceremonies").len(), &april["counts"]["unexplained"]), (1, &1.into()));
    assert_eq!((&april["counts"]["exposed"], &april["counts"]["late"]), (&1.into(), &1.into()));
    assert_eq!(rows(&april, "exposures").len(), 1, "what was replaced before is no exposure of April's");
}

#[test]
fn a_period_has_its_first_moment_and_not_its_last() {
    let story = story();
    let held = |from: &str, to: &str| {
        let value = story.json(&["project", "acme/shop"], &["--from", from, "--to", to]);
        rows(&value, "refusals").len()
    };
    assert_eq!(held("2026-03-04T16:10:00Z", "2026-03-05"), 1);
    assert_eq!(held("2026-03-04T16:10:00.001Z", "2026-03-05"), 0);
    assert_eq!(held("2026-03-01", "2026-03-04T16:10:00Z"), 0);
    assert_eq!(held("2026-03-01", "2026-03-04T16:10:00.001Z"), 1);
    // Without a beginning it is the month in which the period ends.
    let value = story.json(&["project", "acme/shop"], &["--to", "2026-04-01"]);
    assert_eq!(value["from"], "2026-03-01T00:00:00.000Z");
    let value = story.json(&["project", "acme/shop"], &[]);
    assert!(value["from"].as_str().unwrap().ends_with("-01T00:00:00.000Z"), "{}", value["from"]);
    for (from, to) in [("2026-04-01", "2026-03-01"), ("2026-04-01", "2026-04-01")] {
        let ran = story.report(&["org", "acme"], &["--from", from, "--to", to]).ends(2);
        ran.says(&["before it begins", "--from a time before --to"]);
    }
    story.report(&["org", "acme"], &["--to", "2026-01-01"]).ends(3).says(&["no entry before '2026-01-01"]);
}

#[test]
fn a_statement_of_a_period_that_is_over_stays_as_it_is() {
    let mut story = story();
    let what: [&[&str]; 3] = [&["project", "acme/shop"], &["org", "acme"], &["controls", "acme"]];
    let before = what.map(|what| story.json(what, &MARCH));
    let world = &mut story.world;
    world.pass(Span::days(1));
    world.seal();
    let (now, address) = (world.now, world.address.clone());
    let standing = warifu::event::AccountStanding::Closed;
    world.vault.set_standing(&mut world.log, &address, standing, now).unwrap();
    for (what, mut before) in what.into_iter().zip(before) {
        let mut after = story.json(what, &MARCH);
        assert_ne!(before["checkpoint"], after["checkpoint"]);
        for value in [&mut before, &mut after] {
            for key in ["checkpoint", "made"] {
                value.as_object_mut().unwrap().remove(key);
            }
        }
        // What a checkpoint is said to cover is of now.
        let text = |value: &Value| value.to_string().replace(" entries are in one hash tree", "");
        let numbers = |text: String| text.split("\"AU-9\"").map(str::to_owned).collect::<Vec<_>>();
        let (before, after) = (numbers(text(&before)), numbers(text(&after)));
        assert_eq!(before[0], after[0], "{what:?}");
    }
}

#[test]
fn every_row_is_proven_by_the_entries_that_it_names() {
    let story = story();
    story.reconciled();
    let key = story.run(&["--json", "audit", "key", "acme"]).ends(0).json();
    let what: [&[&str]; 3] = [&["project", "acme/shop"], &["org", "acme"], &["controls", "acme"]];
    for what in what {
        let value = story.json(what, &MARCH);
        let checkpoint = &value["checkpoint"];
        assert_eq!((&checkpoint["key"], &checkpoint["origin"]), (&key["key"], &key["origin"]));
        story.file("then.checkpoint", checkpoint["note"].as_str().unwrap());
        story.run(&["audit", "verify", "acme", "--against", "then.checkpoint"]).ends(0);
        let mut positions = BTreeMap::new();
        for position in rows(&value, "entries") {
            positions.insert(position["index"].as_u64().unwrap(), position);
        }
        let mut named = BTreeSet::new();
        for table in tables(&value) {
            for row in rows(&value, table).iter().filter(|row| row.get("entries").is_some()) {
                let entries = row["entries"].as_array().unwrap();
                // That nothing is shown needs no proof.
                assert!(
                    !entries.is_empty() || row["result"] == "not-shown",
                    "{table} does not say what proves {row}"
                );
                named.extend(entries.iter().map(|index| index.as_u64().unwrap()));
            }
        }
        assert_eq!(named, positions.keys().copied().collect(), "{what:?}");
        for (index, position) in positions.into_iter().take(8) {
            let (index, out) = (index.to_string(), format!("{}-{index}.tlog-proof", what[0]));
            let prove = ["--json", "audit", "prove", "acme", "--entry", &index, "--out", &out];
            let proof = story.run(&prove).ends(0).json();
            assert_eq!(proof["kind"], position["kind"]);
            let line = proof["entry"].as_str().unwrap();
            assert_eq!(position["leaf"], leaf_hash(line.as_bytes()).to_string());
            story.run(&["audit", "check-proof", &out, "--key", key["key"].as_str().unwrap()]).ends(0);
        }
    }
}

/// A value as it stands in a file of comma-separated values.
fn as_csv(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(as_csv).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Rows of cells of each table of a page, in order; the facts' are left out.
fn of_page(page: &str) -> Vec<Vec<Vec<String>>> {
    let bodies =
        page.split("<div class=\"scroll\">").skip(1).map(|part| part.split("</div>").next().unwrap());
    let unescaped = |text: &str| {
        let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let cell = |part: &str| unescaped(part.split_once('>').unwrap().1.split("</td>").next().unwrap());
    let row = |part: &str| part.split("<td").skip(1).map(cell).collect();
    bodies.map(|body| body.split("<tr").skip(2).map(row).collect()).collect()
}

#[test]
fn all_forms_of_a_document_say_the_same() {
    let story = story();
    story.reconciled();
    story.credential_report(NUMBER, true, false).ends(0);
    let lines =
        format!("1.5,USD,{NUMBER},2026-03-01\n-4.25,USD,{NUMBER},2026-03-02\n7,EUR,{LAB},2026-03-02\n");
    story.file("costs.csv", format!("BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart\n{lines}"));
    let what: [(&[&str], &str, &[&str]); 3] = [
        (&["project", "acme/shop"], "acme-shop", &["--costs", "costs.csv"]),
        (&["org", "acme"], "acme", &["--costs", "costs.csv"]),
        (&["controls", "acme"], "acme-controls", &[]),
    ];
    for (what, name, more) in what {
        let more = [&["--from", "2026-03-01", "--to", "2026-05-01"], more].concat();
        let value = story.json(what, &[&more[..], &["--out", "docs"]].concat());
        let stem = format!("docs/{name}_2026-03-01_2026-05-01");
        let page = story.read(&format!("{stem}.html"));
        let mut of_page = of_page(&page).into_iter();
        for table in tables(&value) {
            let all = rows(&value, table);
            let text = story.read(&format!("{stem}.{table}.csv"));
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let heads = reader.headers().unwrap().clone();
            let read: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(read.len(), all.len(), "{table}");
            let shown = if all.is_empty() { Vec::new() } else { of_page.next().unwrap() };
            assert_eq!(shown.len(), all.len(), "{table}");
            for ((row, read), shown) in all.iter().zip(&read).zip(&shown) {
                assert_eq!(heads.len(), row.as_object().unwrap().len(), "{table}");
                for ((key, cell), shown) in heads.iter().zip(read).zip(shown) {
                    let value = &row[key];
                    let expected = as_csv(value);
                    assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), expected, "{table} {key}");
                    match value {
                        Value::Number(_) if !matches!(key, "lasted" | "allowed") => {
                            assert_eq!(shown, &expected)
                        }
                        Value::Bool(yes) => assert_eq!(shown, if *yes { "yes" } else { "no" }),
                        Value::String(text) if Time::parse(text).is_ok() => {
                            assert_eq!(*shown, Time::parse(text).unwrap().to_minute());
                        }
                        Value::String(text) => {
                            assert_eq!(*shown, text.replace('\u{202e}', "·"), "{table} {key}")
                        }
                        _ => {}
                    }
                }
            }
        }
        let document = story.read(&format!("{stem}.document.csv"));
        for (key, count) in value["counts"].as_object().unwrap() {
            assert!(document.contains(&format!("\n{key},{count}\n")), "{key}: {document}");
        }
        let shown: Vec<_> = page.split("<dd>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
        let counts: Vec<_> = value["counts"].as_object().unwrap().values().map(Value::to_string).collect();
        assert_eq!(shown, counts);
        assert!(page.contains(value["checkpoint"]["root"].as_str().unwrap()));
        assert_eq!(rows(&value, "files").len(), 3 + tables(&value).len());
    }
    let costs = story.read("docs/acme-shop_2026-03-01_2026-05-01.costs.csv");
    assert!(costs.contains(",USD,-2.75,2"), "a credit is a number: {costs}");
}

#[test]
fn no_name_becomes_markup_or_a_formula() {
    let story = story();
    story.report(&["project", "acme/shop"], &["--out", "shop"]).ends(0);
    story.report(&["project", "acme/lab"], &["--out", "lab"]).ends(0);
    let mut pages = 0;
    for folder in ["shop", "lab"] {
        for entry in fs::read_dir(story.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            if path.extension().unwrap() == "html" {
                pages += 1;
                assert!(!text.contains("<script") && !text.contains('\u{202e}'), "{text}");
                for bad in ["src=", "href=", "url(", "@import", "onload", "<link"] {
                    assert!(!text.contains(bad), "{bad}");
                }
                assert!(text.contains("default-src 'none'"));
            } else {
                let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
                for cell in reader
                    .records()
                    .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
                {
                    assert!(!cell.starts_with(['=', '+', '@']), "{cell} in {}", path.display());
                }
            }
        }
    }
    assert_eq!(pages, 2);
    let lab = story.json(&["project", "acme/lab"], &[]);
    assert_eq!(rows(&lab, "accounts")[0]["name"], "=HYPERLINK(\"http://evil\")");
}

#[test]
fn an_erased_reason_is_told_as_erased() {
    let story = story();
    let database = rusqlite::Connection::open(story.world.vault.dir().join("vault.db")).unwrap();
    database.execute("DELETE FROM record WHERE name LIKE 'text/%'", []).unwrap();
    let value = story.json(&["project", "acme/shop"], &MARCH);
    let held = &rows(&value, "ceremonies")[0];
    assert_eq!((&held["reason"], &held["ticket"]), (&"(erased)".into(), &"(erased)".into()));
    assert!(rows(&value, "accounts").iter().all(|account| account["name"].is_null()));
}

#[test]
fn costs_are_summed_by_account_and_of_strangers_only_counted() {
    let story = story();
    let head = "lineItem/UnblendedCost,lineItem/CurrencyCode,lineItem/UsageAccountId,lineItem/UsageStartDate";
    let mut lines = vec![head.to_owned()];
    lines.extend((0..10).map(|day| format!("0.1,USD,{NUMBER},2026-03-{:02}T00:00:00Z", day + 1)));
    lines.push(format!("0.0000000001,USD,{NUMBER},2026-03-31T23:00:00Z"));
    lines.push(format!("5,EUR,{NUMBER},2026-03-05T00:00:00Z"));
    lines.push(format!("100,USD,{NUMBER},2026-04-01T00:00:00Z"));
    lines.push(format!("31337,USD,{FOREIGN},2026-03-05T00:00:00Z"));
    lines.push(format!("2,USD,{LAB},2026-03-05T00:00:00Z"));
    lines.push(",USD,,2026-03-05T00:00:00Z".to_owned());
    lines.push("\"1,USD,1,2026-03-05T00:00:00Z".to_owned());
    lines.push(format!("1,USD,{NUMBER},2026-03-06T00:00:00Z"));
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(lines.join("\r\n").as_bytes()).unwrap();
    story.file("cur.csv.gz", packer.finish().unwrap());
    let ran =
        story.report(&["project", "acme/shop"], &[&MARCH[..], &["--costs", "cur.csv.gz", "--json"]].concat());
    let ran = ran.ends(3).says(&["costs are incomplete: 2 rows", "line 17", "line 18"]);
    let value: Value = serde_json::from_str(ran.out.trim()).unwrap();
    let sums: Vec<_> = rows(&value, "costs")
        .iter()
        .map(|row| (row["currency"].as_str().unwrap(), row["amount"].as_str().unwrap()))
        .collect();
    assert_eq!(sums, [("EUR", "5.00"), ("USD", "2.0000000001")]);
    assert_eq!((rows(&value, "unreadable").len(), &value["bad_rows"]), (2, &2.into()));
    let said = value.to_string();
    assert!(said.contains("Not counted: 2 rows of 2 accounts that are not of this project."), "{said}");
    assert!(!said.contains(FOREIGN) && !said.contains(LAB) && !said.contains("31337"), "{said}");
    let ran =
        story.report(&["org", "acme"], &[&MARCH[..], &["--costs", "cur.csv.gz", "--json"]].concat()).ends(3);
    let value: Value = serde_json::from_str(ran.out.trim()).unwrap();
    let of: Vec<_> =
        rows(&value, "costs_by_project").iter().map(|row| row["project"].as_str().unwrap()).collect();
    assert_eq!(of, ["acme/lab", "acme/shop", "acme/shop"].map(|name| name));
    assert!(!ran.out.contains(FOREIGN) && !ran.out.contains("31337"), "{}", ran.out);
}

#[test]
fn a_large_file_of_costs_takes_little_memory() {
    let story = story();
    let head = "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart,Tags\n";
    let line = format!("0.0000000001,USD,{NUMBER},2026-03-05T00:00:00Z,\"{}\"\n", "x".repeat(900));
    let file = fs::File::create(story.path("large.csv.gz")).unwrap();
    let mut packer = GzEncoder::new(file, Compression::fast());
    packer.write_all(head.as_bytes()).unwrap();
    (0..40_000).for_each(|_| packer.write_all(line.as_bytes()).unwrap());
    packer.finish().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.arg("--vault").arg(story.world.vault.dir()).args(["--json", "report", "project", "acme/shop"]);
    command.args(MARCH).arg("--costs").arg(story.path("large.csv.gz")).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut peak, status) = (0, format!("/proc/{}/status", child.id()));
    while child.try_wait().unwrap().is_none() {
        let read = fs::read_to_string(&status).unwrap_or_default();
        let line = read.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows(&value, "costs")[0]["amount"], "0.000004");
    assert!((1..32 * 1024).contains(&peak), "{peak} KiB");
}

#[test]
fn what_is_no_export_of_costs_writes_nothing() {
    let story = story();
    story.file("list.csv", "account,cost\n1,2\n");
    let more = ["--costs", "list.csv", "--out", "docs"];
    story.report(&["project", "acme/shop"], &more).ends(3).says(&[
        "neither FOCUS nor",
        "BilledCost",
        "nothing was written",
    ]);
    assert!(!story.path("docs").exists());
    story.report(&["project", "acme/shop"], &["--costs", "nowhere.csv"]).ends(7);
}

#[test]
fn files_are_new_and_those_that_are_there_stay() {
    let story = story();
    let project = ["project", "acme/shop"];
    story.report(&project, &[&MARCH[..], &["--out", "march.html"]].concat()).ends(0).says(&["march.html"]);
    let before = story.read("march.html");
    story.report(&project, &[&MARCH[..], &["--out", "march.html"]].concat()).ends(3).says(&["march.html"]);
    assert_eq!(story.read("march.html"), before);
    story.report(&project, &[&MARCH[..], &["--csv", "--out", "docs"]].concat()).ends(0);
    let count = fs::read_dir(story.path("docs")).unwrap().count();
    story
        .report(&project, &[&MARCH[..], &["--out", "docs"]].concat())
        .ends(3)
        .says(&["acme-shop_2026-03-01_2026-04-01"]);
    assert_eq!(fs::read_dir(story.path("docs")).unwrap().count(), count, "not even the page");
    story.report(&project, &[&MARCH[..], &["--html", "--out", "docs"]].concat()).ends(0);
    story.report(&project, &["--csv"]).ends(2);
    story.report(&project, &["--csv", "--out", "x.html"]).ends(2).says(&["a file for each table"]);
    story.report(&project, &["--html", "--json"]).ends(2).says(&["two forms of one document"]);
    story.report(&["project", "acme/nothing"], &[]).ends(3).says(&["no project 'acme/nothing'"]);
    let page = story.report(&project, &[&MARCH[..], &["--html"]].concat()).ends(0).out;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    let text = story.report(&project, &MARCH).ends(0).out;
    assert!(text.contains("Ceremonies that were open") && text.contains("OPS-7"), "{text}");
    if let Some(dir) = std::env::var_os("WARIFU_KEEP_PAGES") {
        fs::copy(story.path("march.html"), Path::new(&dir).join("project.html")).unwrap();
        for (name, what) in [("org", ["org", "acme"]), ("controls", ["controls", "acme"])] {
            let page = story.report(&what, &[&MARCH[..], &["--html"]].concat()).ends(0).out;
            fs::write(Path::new(&dir).join(format!("{name}.html")), page).unwrap();
        }
    }
}

/// Framework's control, and what was found.
fn result<'a>(value: &'a Value, control: &str) -> (&'a str, &'a str) {
    let found = rows(value, "controls").iter().find(|row| row["control"] == control).unwrap();
    (found["result"].as_str().unwrap(), found["shows"].as_str().unwrap())
}

#[test]
fn controls_say_no_more_than_the_log_shows() {
    let story = story();
    let controls = || story.json(&["controls", "acme"], &["--from", "2026-03-01"]);
    let value = controls();
    assert_eq!(rows(&value, "controls").len(), 11);
    for (control, expected) in [
        ("1.4", "not-shown"),
        ("1.5", "not-shown"),
        ("1.6", "not-shown"),
        ("1.7", "not-shown"),
        ("AC-3(2)", "partly"),
        ("AU-9", "partly"),
        ("AU-10", "partly"),
        ("3.7.6", "partly"),
        ("3.7.8", "partly"),
        ("A.8.2", "partly"),
        ("A.8.15", "partly"),
    ] {
        assert_eq!(result(&value, control).0, expected, "{control}: {}", result(&value, control).1);
    }
    let edition = rows(&value, "controls").iter().find(|row| row["control"] == "1.4").unwrap();
    assert_eq!(edition["version"], "1.4.0 to 4.0.1");
    // One of three has a report; the others have none.
    story.credential_report(NUMBER, true, false).ends(0);
    assert_eq!(result(&controls(), "1.4").0, "partly");
    for address in ["acme/lab/one", "acme/shop/bad"] {
        story.run(&["account", "standing", address, "closed"]).ends(0);
    }
    let value = controls();
    assert_eq!((result(&value, "1.4").0, result(&value, "1.5").0), ("met", "met"));
    assert_eq!(result(&value, "1.6").0, "not-shown", "a credential report tells no hardware");
    assert_eq!((result(&value, "AC-3(2)").0, result(&value, "3.7.6").0), ("met", "partly"), "it was typed");
    story.credential_report(NUMBER, false, true).ends(9);
    let value = controls();
    for control in ["1.4", "1.5", "1.6"] {
        assert_eq!(result(&value, control).0, "not-met", "{control}");
    }
    story.reconciled();
    let value = controls();
    assert_eq!((result(&value, "1.7").0, result(&value, "A.8.2").0), ("not-met", "not-met"));
    assert_eq!(result(&value, "A.8.15").0, "met");
}

/// A seed is an authenticator, and no hardware.
#[test]
fn a_sealed_seed_is_a_second_factor_and_no_hardware() {
    let mut world = World::people(3);
    let (keepers, second) = (world.form("root", 2, &[0, 1, 2]), world.form("second", 2, &[3, 4]));
    world.bind(&keepers, Scope::Organisation, &[0, 1]);
    let state = &world.log.state;
    let (mut binding, _) = group::binding(state, Scope::Organisation, Factor::Mfa, &second, state.last);
    let digest = binding.digest(&state.id, &state.g(&second));
    let sign =
        |who: usize| group::sign_as_member(state, &second, &world.custodians[who].card, &digest).unwrap();
    binding.signatures = [3, 4].map(sign).to_vec();
    world.vault.bind(&mut world.log, binding, world.now).unwrap();
    let words = words::fingerprint(&second.fingerprint(&world.log.state.id)).to_string();
    let story = Story { world, first: warifu::hex::Bytes([0; 64]), files: tempfile::tempdir().unwrap() };
    story.file("seed", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let seal = ["seal", "acme/shop/prod", "--factor", "mfa", "--from", "seed", "--fingerprint", &words];
    story.run(&seal).ends(0);
    let value = story.json(&["controls", "acme"], &["--from", "2026-03-01"]);
    assert_eq!((result(&value, "1.5").0, result(&value, "1.6").0), ("met", "not-met"));
    assert!(result(&value, "1.6").1.contains("no hardware"), "{}", result(&value, "1.6").1);
    assert_eq!(result(&value, "AC-3(2)").0, "not-shown", "no password is sealed");
}

#[test]
fn nothing_of_a_neighbour_is_in_a_statement() {
    let story = story();
    story.reconciled();
    story.file(
        "c.csv",
        format!(
            "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart\n77123,USD,{FOREIGN},2026-03-02\n"
        ),
    );
    for what in [&["project", "acme/shop"][..], &["org", "acme"], &["controls", "acme"]] {
        let costs: &[&str] = if what[0] == "controls" { &[] } else { &["--costs", "c.csv"] };
        for form in [&["--json"][..], &["--html"], &[]] {
            let ran = story.report(what, &[&MARCH[..], costs, form].concat()).ends(0);
            for name in ["globex", "Globex", "ledger", "Hauptbuch", FOREIGN, "77123"] {
                assert!(
                    !ran.out.contains(name) && !ran.err.contains(name),
                    "{what:?} names {name}: {}",
                    ran.out
                );
            }
        }
    }
}

#[test]
fn an_organisation_is_told_with_groups_drills_and_what_is_due() {
    let mut story = story();
    let value = story.json(&["org", "acme"], &["--from", "2026-03-01", "--to", "2026-05-01"]);
    let projects: Vec<_> =
        rows(&value, "projects").iter().map(|row| row["project"].as_str().unwrap()).collect();
    assert_eq!(projects, ["acme/lab", "acme/shop"]);
    let all: u64 = rows(&value, "projects").iter().map(|row| row["accounts"].as_u64().unwrap()).sum();
    assert_eq!(value["counts"]["accounts"], all);
    let [root] = rows(&value, "groups") else { panic!("{value}") };
    assert_eq!((&root["live"], &root["margin"], &root["threshold"]), (&0.into(), &(-3).into(), &3.into()));
    let [due] = rows(&value, "due") else { panic!("{value}") };
    assert_eq!((&due["address"], &due["overdue"]), (&"acme/shop/prod".into(), &true.into()));
    assert!(rows(&value, "drills").is_empty());
    let world = &mut story.world;
    world.pass(Span::days(1));
    let (root, now) = (world.group(), world.now);
    let drill = world.vault.begin_drill(&mut world.log, &root, Span::days(7), now, &mut world.rng).unwrap();
    for who in [0, 3] {
        let (card, state) = (&world.custodians[who].card, &world.log.state);
        let answer = warifu::vault::drill::answer(state, &root, &drill, card, now, &mut world.rng).unwrap();
        let code = world.custodians[who].code(now);
        let event = world.vault.answer_drill(&mut world.log, &answer, &code, now).unwrap();
        assert!(matches!(event, Event::CustodianProved { .. }), "{event:?}");
    }
    let value = story.json(&["org", "acme"], &["--from", "2026-04-01", "--to", "2026-05-01"]);
    let [drill] = rows(&value, "drills") else { panic!("{value}") };
    let lists = ["proved", "missing", "entries"].map(|key| drill[key].as_array().unwrap().len());
    assert_eq!((lists, &drill["gate"]), ([2, 3, 4], &true.into()));
    // In May they are live by what they proved in April, and that is what is named.
    let value = story.json(&["org", "acme"], &["--from", "2026-05-01", "--to", "2026-06-01"]);
    assert!(rows(&value, "drills").is_empty());
    let root = &rows(&value, "groups")[0];
    assert_eq!((&root["live"], &root["margin"]), (&2.into(), &(-1).into()));
    assert_eq!(root["entries"].as_array().unwrap().len(), 3);
}
