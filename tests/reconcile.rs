//! `reconcile` by the built program, on a vault with a ceremony of March 2026:
//! what it finds, what it enters, and what it must not say.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code, reason = "a part of it is used")]
mod support;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::World;
use tempfile::TempDir;
use warifu::event::{Actor, Ending, Event, Hash, Period, Reconciliation, RootFinding, RootRecords, RootUse};
use warifu::hex::Bytes;
use warifu::name::Provider;
use warifu::state::Invalid;
use warifu::store::{RecordKey, Store};
use warifu::time::{Span, Time};
use warifu::vault::hierarchy::NewAccount;

const NUMBER: &str = "123456789012";
const FOREIGN: &str = "999988887777";

/// Sealed at 09:00; a ceremony released at 10:00 and closed at 10:10.
struct Story {
    world: World,
    ceremony: Hash,
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

    fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|why| panic!("{why}: {}{}", self.out, self.err))
    }
}

fn story() -> Story {
    let mut world = World::new();
    let ceremony = world.ceremony();
    Story { world, ceremony, files: tempfile::tempdir().unwrap() }
}

trait Plays {
    fn ceremony(&mut self) -> Hash;
}

impl Plays for World {
    fn ceremony(&mut self) -> Hash {
        self.pass(Span::hours(1));
        let ceremony = self.open();
        (0..3).for_each(|who| self.contribute(&ceremony, who));
        self.vault.release(&mut self.log, &ceremony, 0, self.now, &mut self.rng).unwrap();
        self.pass(Span::minutes(10));
        self.vault.end_ceremony(&mut self.log, &ceremony, Ending::Closed, self.now).unwrap();
        ceremony
    }
}

impl Story {
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
        command.env_remove("WARIFU_VAULT").current_dir(self.files.path()).stdin(Stdio::null());
        command.arg("--vault").arg(self.world.vault.dir()).arg("--yes").args(arguments);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn cloudtrail(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["reconcile", "cloudtrail", "acme"], arguments].concat())
    }

    /// Entries of that kind, as the log has them.
    fn entries(&self) -> Vec<Value> {
        let ran = self.run(&["--json", "audit", "log", "acme", "--kind", "reconciled"]).ends(0);
        ran.json().as_array().unwrap().iter().map(|row| row["event"].clone()).collect()
    }
}

fn record(id: &str, time: &str, account: &str, more: &str) -> String {
    let failed = if more.contains("Failure") { "Failure" } else { "Success" };
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","principalId":"{account}","arn":"arn:aws:iam::{account}:root","accountId":"{account}","accessKeyId":""}},"eventTime":"{time}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userAgent":"Mozilla/5.0{more}","requestParameters":null,"responseElements":{{"ConsoleLogin":"{failed}"}},"additionalEventData":{{"MFAUsed":"yes"}},"eventID":"{id}","eventType":"AwsConsoleSignIn","recipientAccountId":"{account}"}}"#
    )
}

fn sign_in(id: &str, clock: &str) -> String {
    record(id, &format!("2026-03-01T{clock}:00Z"), NUMBER, "")
}

fn listed(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// The verdict of each use, in the order of time.
fn verdicts(value: &Value) -> Vec<&str> {
    value["uses"].as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect()
}

#[test]
fn a_sign_in_outside_of_ceremonies_is_an_alarm_and_one_inside_names_its_ceremony() {
    let story = story();
    let records = [
        sign_in("1", "08:00"),
        sign_in("2", "10:05"),
        sign_in("3", "11:10"),
        sign_in("4", "11:12"),
        record("5", "2026-03-01T12:30:00Z", NUMBER, " Failure"),
        record("6", "2026-03-01T14:00:00+01:00", NUMBER, ""),
    ];
    let file = story.file("a.json.gz", packed(&listed(&records)));
    let file = file.to_str().unwrap();
    let ran = story.cloudtrail(&[file, "--json"]).ends(9);
    let value = ran.json();
    let expected = ["before", "explained", "explained", "unexplained", "failed", "unexplained"];
    assert_eq!(verdicts(&value), expected);
    assert_eq!(value["uses"][1]["ceremony"], story.ceremony.to_string());
    assert_eq!(value["uses"][1]["address"], "acme/shop/prod");
    assert_eq!((&value["records"], &value["entries"]), (&6.into(), &1.into()));
    let error: Value = serde_json::from_str(ran.err.trim()).unwrap();
    assert_eq!(error["exit"], 9);
    assert!(error["error"].as_str().unwrap().contains("2 unexplained uses"), "{error}");
    let [entry] = &story.entries()[..] else { panic!("one entry") };
    assert_eq!(
        (&entry["explained"], &entry["unexplained"], &entry["failed"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(entry["findings"][1]["at"], "2026-03-01T13:00:00.000Z");
    assert_eq!(entry["period"]["from"], "2026-03-01T08:00:00.000Z");
    story.run(&["audit", "verify"]).ends(0);
    // `status` says it too, as long as it is news.
    let status = story.run(&["--json", "status", "acme"]).ends(0).json();
    let found = &status["organisations"][0];
    assert_eq!(
        (&found["reconciliation"]["unexplained"], &found["reconciliation"]["pending"]),
        (&2.into(), &0.into())
    );
    assert!(found["warnings"].to_string().contains("found 2 uses of root users that nothing explains"));
    story.run(&["status"]).ends(0).says(&[
        "  ! the reconciliation of ",
        "last reconciled ",
        "2 unexplained, 0 pending",
    ]);
    let text = story.cloudtrail(&[file]).ends(9);
    let text = text.says(&[
        "ALARM: 2 unexplained uses",
        "UNEXPLAINED",
        "sign-in with a second factor",
        "Ask who it was.",
    ]);
    text.says(&[
        &format!("ceremony {}", story.ceremony.short()),
        "Nothing new: the log says all of this already.",
    ]);
}

#[test]
fn a_second_run_enters_nothing_and_overlapping_files_only_what_is_new() {
    let story = story();
    let first = story.file("logs/1.json", listed(&[sign_in("1", "10:05"), sign_in("2", "12:00")]));
    story.cloudtrail(&[first.to_str().unwrap()]).ends(9);
    story.cloudtrail(&[first.to_str().unwrap()]).ends(9).says(&["Nothing new"]);
    assert_eq!(story.entries().len(), 1);
    // The same once more under another name, unordered, and something new.
    story.file(
        "logs/2.jsonl",
        [sign_in("3", "12:30"), sign_in("2", "12:00"), sign_in("3", "12:30")].join("\n"),
    );
    let value = story.cloudtrail(&["logs", "--json"]).ends(9).json();
    assert_eq!((&value["copies"], &value["files"]), (&2.into(), &2.into()));
    assert_eq!(value["counts"]["unexplained"], 2);
    let [_, second] = &story.entries()[..] else { panic!("two entries") };
    assert_eq!((&second["explained"], &second["unexplained"]), (&0.into(), &1.into()));
    story.cloudtrail(&["logs"]).ends(9).says(&["Nothing new"]);
    story.run(&["audit", "verify", "acme"]).ends(0);
}

#[test]
fn a_file_with_the_same_ids_and_other_contents_hides_no_use() {
    // Read before the real one and after it.
    for name in ["logs/a.json", "logs/z.json"] {
        let story = story();
        story.file("logs/m.json", listed(&[sign_in("1", "12:00")]));
        story.file(name, listed(&[sign_in("1", "10:05"), sign_in("1", "12:00").replace(NUMBER, FOREIGN)]));
        let value = story.cloudtrail(&["logs", "--json"]).ends(9).json();
        assert_eq!(verdicts(&value), ["explained", "unexplained"], "{name}");
        assert_eq!((&value["copies"], &value["disagreeing"]), (&0.into(), &2.into()), "{name}");
        let ran = story.cloudtrail(&["logs"]).ends(9);
        ran.says(&["Same id, other contents: 2 uses.", "Nothing new"]);
        assert_eq!(story.entries().len(), 1, "{name}");
    }
}

#[test]
fn nothing_unexplained_ends_with_zero_and_is_on_record() {
    let story = story();
    let file = story
        .file("a.json", listed(&[sign_in("1", "09:30").replace("Root", "IAMUser"), sign_in("2", "10:05")]));
    story
        .cloudtrail(&[file.to_str().unwrap()])
        .ends(0)
        .says(&["Nothing is unexplained.", "Entered in the log: 1 entry."]);
    let ran = story.run(&["audit", "log", "acme", "--kind", "reconciled"]).ends(0);
    ran.says(&["cloudtrail, 2026-03-01 09:30:00Z to 2026-03-01 10:05:00Z: 1 explained"]);
}

#[test]
fn what_has_just_happened_is_pending() {
    let story = story();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = Time::from_millis(i64::try_from(now).unwrap()).unwrap();
    let file = story.file("a.json", listed(&[record("1", &now.to_string(), NUMBER, "")]));
    let ran = story.cloudtrail(&[file.to_str().unwrap(), "--json"]).ends(0);
    assert_eq!(verdicts(&ran.json()), ["pending"]);
    assert_eq!(story.entries()[0]["pending"], 1);
    story.cloudtrail(&[file.to_str().unwrap()]).ends(0).says(&["1 too fresh to judge", "Nothing new"]);
}

#[test]
fn a_ceremony_after_which_nobody_signed_in_is_told() {
    let story = story();
    let file = story
        .file("a.json", listed(&[sign_in("1", "08:00"), sign_in("2", "12:00").replace("Root", "IAMUser")]));
    let ran = story.cloudtrail(&[file.to_str().unwrap(), "--json"]).ends(0);
    let value = ran.json();
    assert_eq!(value["unused"][0]["ceremony"], story.ceremony.to_string());
    assert_eq!((&value["unused"][0]["silent"], &story.entries()[0]["unused"]), (&false.into(), &1.into()));
    story.cloudtrail(&[file.to_str().unwrap()]).ends(0).says(&["No use came after ceremony", "Nothing new"]);
    let other = listed(&[sign_in("1", "08:00"), sign_in("2", "12:00")]).replace(NUMBER, "111111111111");
    let other = story.file("b.json", other);
    story
        .cloudtrail(&[other.to_str().unwrap(), "--dry-run"])
        .ends(0)
        .says(&["no record is of this account at all"]);
}

#[test]
fn a_bad_record_is_named_with_its_file_and_number_and_stops_nothing() {
    let story = story();
    story.file(
        "logs/bad.json",
        listed(&[sign_in("1", "10:05"), "{\"eventVersion\":}".to_owned(), sign_in("2", "10:06")]),
    );
    let whole = packed(&listed(&[sign_in("3", "10:07")]));
    story.file("logs/cut.json.gz", &whole[..whole.len() - 12]);
    story.file("logs/good.json", listed(&[sign_in("4", "10:08")]));
    let ran = story.cloudtrail(&["logs"]).ends(3);
    let ran = ran.says(&[
        "Not read: logs/bad.json record 2: it is not JSON.",
        "logs/cut.json.gz record",
        "2 records could not be read",
    ]);
    ran.says(&["Fetch the files that are named again", "as far as could be read"]);
    let entries = story.entries();
    assert!(entries[0]["explained"].as_u64().unwrap() >= 3, "{entries:?}");
    assert_eq!(entries[0]["unread"], 2);
    // An alarm counts more.
    story.file("logs/more.json", listed(&[sign_in("5", "13:00")]));
    story.cloudtrail(&["logs"]).ends(9);
}

#[test]
fn folders_are_walked_and_what_is_no_log_file_is_passed_over() {
    let story = story();
    story.file("AWSLogs/1/CloudTrail/eu/2026/03/01/a.json.gz", packed(&listed(&[sign_in("1", "10:05")])));
    story.file("AWSLogs/1/CloudTrail/us/b.json", listed(&[sign_in("2", "10:06")]));
    story.file("AWSLogs/1/CloudTrail-Digest/eu/c.json.gz", packed("{\"digestS3Bucket\":\"x\"}"));
    story.file("AWSLogs/1/README.txt", "hello");
    let ran = story.cloudtrail(&["AWSLogs", "--json"]).ends(0);
    assert_eq!((&ran.json()["files"], &ran.json()["records"]), (&2.into(), &2.into()));
    ran.says(&["1 that are named neither"]);
    story.cloudtrail(&["nowhere"]).ends(7).says(&["nowhere"]);
}

#[test]
fn another_organisations_accounts_are_not_revealed() {
    let mut story = story();
    let (now, vault) = (story.world.now, &mut story.world.vault);
    vault.add_organisation(&"globex".parse().unwrap(), None, &|| now, &mut story.world.rng).unwrap();
    vault.add_project(&"globex/ledgers".parse().unwrap(), None, &|| now, &mut story.world.rng).unwrap();
    let address = "globex/ledgers/main".parse().unwrap();
    let new = NewAccount { address: &address, name: None, provider: Provider::Aws, external_id: FOREIGN };
    vault.add_account(&new, &|| now, &mut story.world.rng).unwrap();
    let nobodys = "555566667777";
    let records = [FOREIGN, nobodys].map(|account| record(account, "2026-03-01T12:00:00Z", account, ""));
    let file = story.file("a.json", listed(&records));
    let file = file.to_str().unwrap();
    let ran = story.cloudtrail(&[file, "--html", "page.html"]).ends(0);
    let page = fs::read_to_string(story.files.path().join("page.html")).unwrap();
    let json = story.cloudtrail(&[file, "--json"]).ends(0);
    let log = story.run(&["--json", "audit", "log", "acme"]).ends(0);
    for text in [&ran.out, &ran.err, &page, &json.out, &log.out] {
        assert!(!text.contains("globex") && !text.contains("ledgers"), "{text}");
    }
    // What is in the vault and what is not is told in the same words.
    let told =
        |account: &str| ran.out.lines().find(|line| line.contains(account)).unwrap().replace(account, "X");
    assert_eq!(told(FOREIGN), told(nobodys));
    assert!(!log.out.contains(FOREIGN));
    assert_eq!(json.json()["unknown_accounts"].as_array().unwrap().len(), 2);
    let report = story.file("r.csv", report(FOREIGN, "N/A", "true", "false"));
    let known = story.run(&["reconcile", "credential-report", "acme", report.to_str().unwrap()]).ends(3);
    assert!(known.err.contains("which acme does not have") && !known.err.contains("globex"), "{}", known.err);
}

#[test]
fn a_dry_run_enters_nothing_and_needs_no_gate() {
    let story = story();
    let file = story.file("a.json", listed(&[sign_in("1", "12:00")]));
    let file = file.to_str().unwrap();
    fs::rename(story.world.vault.dir().join("gate.key"), story.files.path().join("gate.key")).unwrap();
    story.cloudtrail(&[file]).ends(7);
    story.cloudtrail(&[file, "--dry-run"]).ends(9).says(&["Nothing was entered (--dry-run)."]);
    assert!(story.entries().is_empty());
}

#[test]
fn the_period_can_be_narrowed_and_the_grace_chosen() {
    let story = story();
    let file = story.file("a.json", listed(&[sign_in("1", "10:30"), sign_in("2", "12:00")]));
    let file = file.to_str().unwrap();
    let until = ["--until", "2026-03-01T11:00:00Z", "--json"];
    let value = story.cloudtrail(&[&[file][..], &until].concat()).ends(0).json();
    assert_eq!((verdicts(&value), &value["to"]), (vec!["explained"], &"2026-03-01T11:00:00.000Z".into()));
    story.cloudtrail(&[file, "--since", "2026-03-01T11:00:00Z"]).ends(9);
    story.cloudtrail(&[file, "--grace", "2h"]).ends(0);
    story.cloudtrail(&[file, "--grace", "5m"]).ends(9).says(&["ALARM: 2 unexplained uses"]);
    let graces: Vec<_> = story.entries().iter().map(|entry| entry["grace"].as_u64().unwrap()).collect();
    assert_eq!(graces, [3600, 3600, 7200, 300], "on record, each with what it was judged by");
    for bad in ["30s", "2d", "x"] {
        story.cloudtrail(&[file, "--grace", bad]).ends(2);
    }
}

#[test]
fn the_page_is_harmless_whatever_a_caller_sent() {
    let story = story();
    let nasty = " <script>alert(1)</script>\\u202e'\\\"&amp;";
    let records = [record("1", "2026-03-01T12:00:00Z", NUMBER, nasty), sign_in("2", "10:05")];
    let file = story.file("<b>.json", format!("{}x", listed(&records)));
    let page = story.files.path().join("page.html");
    story.cloudtrail(&[file.to_str().unwrap(), "--html", "page.html"]).ends(9);
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;·&#39;&quot;&amp;amp;"), "{text}");
    for bad in ["<script", "<b>", "\u{202e}", "http:", "https:", "src=", "href="] {
        assert!(!text.contains(bad), "{bad}");
    }
    assert!(text.contains("ALARM: 1 unexplained use") && text.contains("To be looked at"));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o600, "it has addresses in it");
    story
        .cloudtrail(&[file.to_str().unwrap(), "--html", "page.html"])
        .ends(3)
        .says(&["page.html exists already"]);
}

#[test]
fn no_address_and_no_user_agent_is_kept() {
    let story = story();
    let file = story.file("a.json", listed(&[record("1", "2026-03-01T12:00:00Z", NUMBER, "-of-somebody")]));
    story.cloudtrail(&[file.to_str().unwrap()]).ends(9);
    for name in ["vault.db", "vault.db-wal"] {
        let bytes = fs::read(story.world.vault.dir().join(name)).unwrap_or_default();
        for needle in ["198.51.100.7", "-of-somebody", "Mozilla"] {
            let found = bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
            assert!(!found, "{needle} is in {name}");
        }
    }
}

#[test]
fn a_record_of_facts_that_was_altered_is_found_and_not_believed() {
    let story = story();
    let file = story.file("a.json", listed(&[sign_in("1", "12:00")]));
    story.cloudtrail(&[file.to_str().unwrap()]).ends(9);
    let log = story.world.log.state.id;
    let names = story.world.vault.store().record_names(&log).unwrap();
    let name = names.into_iter().find(|name| name.starts_with("reconciled/")).unwrap();
    let bytes = story.world.vault.store().record(&RecordKey { log, name: name.clone() }).unwrap().unwrap();
    assert!(String::from_utf8(bytes.clone()).unwrap().contains("\"unexplained\""));
    let database = rusqlite::Connection::open(story.world.vault.dir().join("vault.db")).unwrap();
    // As long as before: only its hash can tell.
    let alter = "UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"unexplained\"', '\"before\"     ') AS BLOB)
                 WHERE instr(CAST(bytes AS TEXT), '\"serial\"') > 0";
    assert_eq!(database.execute(alter, []).unwrap(), 1);
    let found = |what: &str| {
        story.run(&["audit", "verify", "acme"]).ends(6).says(&["reconciled/", what]);
        story.cloudtrail(&[file.to_str().unwrap()]).ends(7).says(&["is missing or was altered"]);
    };
    found("is not what its entry says");
    database.execute("DELETE FROM record WHERE name = ?1", [&name]).unwrap();
    found("is missing");
}

fn report(account: &str, used: &str, mfa: &str, key: &str) -> String {
    format!(
        "user,arn,user_creation_time,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_used_date,access_key_2_active\n\
         <root_account>,arn:aws:iam::{account}:root,2020-01-01T00:00:00+00:00,not_supported,{used},{mfa},{key},N/A,false\n\
         anaya,arn:aws:iam::{account}:user/anaya,2020-01-01T00:00:00+00:00,true,2026-03-01T12:00:00+00:00,false,true,N/A,true\n"
    )
}

#[test]
fn a_credential_report_is_held_against_the_ceremonies() {
    let story = story();
    let run = |text: String, more: &[&str]| {
        let file = story.file("report.csv", text);
        story.run(&[&["reconcile", "credential-report", "acme", file.to_str().unwrap()], more].concat())
    };
    let good = || report(NUMBER, "2026-03-01T10:05:00+00:00", "true", "false");
    run(good(), &["--account", "acme/shop/prod"]).ends(0).says(&["Entered in the log: 1 entry."]);
    run(good(), &[]).ends(0).says(&["Nothing new"]);
    run(report(NUMBER, "no_information", "not_supported", "N/A"), &[]).ends(0);
    let value = run(report(NUMBER, "2026-03-01T12:00:00+00:00", "false", "true"), &["--json"]).ends(9).json();
    assert_eq!(value["counts"]["unexplained"], 1);
    assert_eq!(value["counts"]["weak"], 2);
    let ran = run(report(NUMBER, "2026-03-01T12:00:00+00:00", "false", "true"), &[]).ends(9);
    ran.says(&["ALARM: 1 unexplained use and 2 weaknesses", "no second factor", "an access key is active"]);
    let entries = story.entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["source"], "credential-report");
    assert_eq!(entries[1]["findings"].as_array().unwrap().len(), 3);
    run(report(NUMBER, "yesterday", "true", "false"), &[]).ends(3).says(&["password_last_used"]);
    run("a,b\n1,2\n".to_owned(), &[]).ends(3).says(&["it is no credential report"]);
    run(good(), &["--account", "acme/shop/none"]).ends(3).says(&["there is no account"]);
    story.run(&["audit", "verify"]).ends(0);
}

#[test]
fn the_rules_refuse_an_entry_that_does_not_add_up() {
    let story = story();
    let world = &story.world;
    let account = *world.log.state.accounts.keys().next().unwrap();
    let good = Reconciliation {
        source: RootRecords::Cloudtrail,
        facts: Bytes([1; 64]),
        period: Some(Period { from: world.now, to: world.now }),
        grace: 3600,
        explained: 5,
        unexplained: 1,
        pending: 0,
        failed: 0,
        before: 0,
        weak: 1,
        unused: 0,
        unread: 0,
        findings: vec![
            RootFinding { account, at: Some(world.now), what: RootUse::SignIn },
            RootFinding { account, at: None, what: RootUse::MfaInactive },
        ],
    };
    let forge = |entry: Reconciliation| world.forge(Actor::Host, Event::Reconciled(entry));
    let stated = forge(good.clone()).unwrap();
    assert!(stated.reconciled.contains(&good.facts));
    let twice = support::forge_on(&stated, world.now, Actor::Host, Event::Reconciled(good.clone()));
    assert!(matches!(twice, Err(Invalid::Duplicate(_))), "{twice:?}");
    let by_card = world.forge(world.operator.actor(), Event::Reconciled(good.clone()));
    assert!(matches!(by_card, Err(Invalid::WrongActor { .. })));
    let mut hidden = good.clone();
    hidden.findings.pop();
    assert_eq!(forge(hidden), Err(Invalid::Mismatch("list of findings")), "counted and not listed");
    let mut uncounted = good.clone();
    uncounted.unexplained = 0;
    assert_eq!(forge(uncounted), Err(Invalid::Mismatch("list of findings")), "listed and not counted");
    let mut many = good.clone();
    many.findings = vec![many.findings[0]; 257];
    (many.unexplained, many.weak) = (257, 0);
    assert_eq!(forge(many), Err(Invalid::Mismatch("list of findings")));
    let mut strange = good.clone();
    strange.findings[0].account = warifu::name::AccountId(Bytes([7; 32]));
    assert!(matches!(forge(strange), Err(Invalid::Unknown { what: "account", .. })));
    let mut backwards = good;
    backwards.period = Some(Period { from: world.now, to: world.now + Span(-1) });
    assert_eq!(forge(backwards), Err(Invalid::Mismatch("period")));
}

#[test]
fn large_files_take_little_memory() {
    let story = story();
    let mut packer = GzEncoder::new(
        fs::File::create(story.files.path().join("large.json.gz")).unwrap(),
        Compression::fast(),
    );
    packer.write_all(b"{\"Records\":[").unwrap();
    let filler = "x".repeat(900);
    let mut length = 0;
    for number in 0.. {
        let kind = if number % 100 == 0 { "Root" } else { "IAMUser" };
        let text = record(&number.to_string(), "2026-03-01T10:05:00Z", NUMBER, &filler).replace("Root", kind);
        length += text.len();
        packer.write_all(text.as_bytes()).unwrap();
        if length > 80_000_000 {
            break;
        }
        packer.write_all(b",").unwrap();
    }
    packer.write_all(b"]}").unwrap();
    packer.finish().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.arg("--vault").arg(story.world.vault.dir()).args([
        "reconcile",
        "cloudtrail",
        "acme",
        "--dry-run",
    ]);
    command.arg(story.files.path().join("large.json.gz")).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_of(Path::new(&format!("/proc/{}/status", child.id()))));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    assert!((1..64 * 1024).contains(&peak), "{peak} KiB");
}

fn peak_of(status: &Path) -> u64 {
    let read = fs::read_to_string(status).unwrap_or_default();
    let line = read.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
