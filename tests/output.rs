//! What the program says and where: tables in a pipe and on a terminal, help
//! that fits, a reader who leaves early, a place that is full, no arguments.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use clap::CommandFactory;
use cli::{World, joined, run_with, warifu};
use expectrl::{Expect, Session};
use std::fs::File;
use std::process::Stdio;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;
use warifu::time::Time;
use warifu::vault::PublicVault;
use warifu::vault::overview::Reading;

const LISTS: [&[&str]; 8] = [
    &["status"],
    &["account", "list", "acme"],
    &["group", "list", "acme"],
    &["ceremony", "list", "acme", "--all"],
    &["custodian", "list", "acme"],
    &["operator", "list", "acme"],
    &["audit", "log", "acme"],
    &["org", "list"],
];

/// A project and an account with names as long and as wide as they come.
fn with_long_names(world: &World) {
    let project = format!("acme/{}", "p".repeat(30));
    let name = "割符の店舗、本番環境、東京リージョン".repeat(3);
    world.host(&["project", "add", &project, "--name", "متجر احتياطي بعيد"]).good();
    let account = format!("{project}/{}", "a".repeat(20));
    world.host(&["account", "add", &account, "--id", "111122226666", "--name", &name]).good();
}

#[test]
fn in_a_pipe_nothing_is_broken_and_no_line_ends_in_blanks() {
    let world = World::new();
    with_long_names(&world);
    for list in LISTS {
        let ran = world.host(list).good();
        assert!(ran.out.lines().all(|line| line == line.trim_end()), "{}", ran.out);
        assert!(!ran.out.contains("left out"), "{}", ran.out);
    }
    let size = world.log_size();
    assert_eq!(world.host(&["audit", "log", "acme"]).good().out.lines().count(), size + 1);
    let accounts = world.host(&["account", "list", "acme"]).good().out;
    assert_eq!(accounts.lines().count(), 5, "{accounts}");
    assert!(accounts.contains(&"割符の店舗、本番環境、東京リージョン".repeat(3)), "{accounts}");
}

#[test]
fn on_a_terminal_of_80_or_120_columns_lists_fit_and_names_stay_whole() {
    let world = World::new();
    with_long_names(&world);
    let account = format!("acme/{}/{}", "p".repeat(30), "a".repeat(20));
    for columns in [80, 120] {
        for list in LISTS {
            let mut command = warifu();
            command.current_dir(world.host_dir()).args(["--vault", "vault"]).args(list);
            // The size must be there before the program looks: a shell waits for it.
            let mut shell = std::process::Command::new("/bin/sh");
            let words: Vec<_> = command.get_args().map(|a| a.to_str().unwrap().to_owned()).collect();
            let script = format!("read go; '{}' {}", command.get_program().display(), words.join(" "));
            shell.args(["-c", &script]).current_dir(world.host_dir()).env_remove("WARIFU_VAULT");
            let mut session = Session::spawn(shell).unwrap();
            session.get_process_mut().set_window_size(columns, 40).unwrap();
            session.set_expect_timeout(Some(Duration::from_secs(20)));
            session.get_process_mut().set_echo(false, None).unwrap();
            session.send("\n").unwrap();
            let found = session.expect(expectrl::Eof).unwrap();
            let text = String::from_utf8_lossy(found.as_bytes()).into_owned();
            let lines: Vec<_> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
            assert!(!lines.is_empty(), "{list:?}: {text}");
            for line in lines {
                assert!(line.width() <= usize::from(columns), "{list:?} at {columns}: {line:?}\n{text}");
                assert_eq!(line, line.trim_end());
            }
            if list[0] == "account" {
                assert!(text.contains(&account), "{text}");
            }
            let members = world.custodians.iter().all(|person| text.contains(&person.name));
            assert!(members || !matches!(list[0], "group" | "custodian"), "{text}");
        }
    }
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let world = World::new();
    let mut commands = LISTS.to_vec();
    commands.extend::<[&[&str]; 3]>([&["completions", "bash"], &["audit", "verify"], &["--help"]]);
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = warifu();
        command.current_dir(world.host_dir()).args(["--vault", "vault"]).args(arguments).stdout(writer);
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let world = World::new();
    for arguments in [&["audit", "log", "acme"][..], &["--json", "status"], &["completions", "bash"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = warifu();
        command.current_dir(world.host_dir()).args(["--vault", "vault"]).args(arguments).stdout(full);
        let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(7), "{arguments:?}: {said}");
        assert!(
            said.contains("standard output: No space left") && said.contains("Free some space"),
            "{said}"
        );
    }
}

#[test]
fn without_arguments_the_help_is_shown_and_it_is_a_usage_error() {
    let ran = run_with(&mut warifu(), &[], None);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("Usage: warifu") && ran.err.contains("rehearse"), "{}", ran.err);
    let ran = run_with(&mut warifu(), &["org"], None);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("Usage: warifu org") && ran.err.contains("show"), "{}", ran.err);
    let ran = run_with(&mut warifu(), &["stauts"], None);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("unrecognized subcommand 'stauts'") && ran.err.contains("'status'"),
        "{}",
        ran.err
    );
}

/// What docs/cli.md says about a command's JSON.
fn documented(command: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let text = std::fs::read_to_string(path).unwrap();
    let json = text.split("\n## JSON").nth(1).unwrap();
    let found = json.split("\n**").find(|part| {
        let head = part.lines().next().unwrap_or_default().split("**: ").next().unwrap_or_default();
        head.contains(&format!("`{command}`"))
    });
    found.unwrap_or_else(|| panic!("docs/cli.md has no JSON of '{command}'")).to_owned()
}

fn fields_are_documented(command: &str, value: &serde_json::Value) {
    let text = documented(command);
    let objects = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    assert!(!objects.is_empty(), "{command} says nothing");
    for key in objects.iter().filter_map(|o| o.as_object()).flat_map(|o| o.keys()) {
        assert!(
            text.contains(&format!("`{key}`")),
            "docs/cli.md does not name '{key}' of '{command}':\n{text}"
        );
    }
}

#[test]
fn every_field_of_the_rosters_json_is_documented() {
    let world = World::new();
    let (operator, cards) = (&world.operator, world.cards(&[0, 1]));
    let designated = world.host(&joined(&["--json", "roster", "designate", "acme/keepers"], &cards));
    fields_are_documented("roster designate", &designated.good().json());
    std::fs::write(world.host_dir().join("who"), "Ada Lovelace\nada@example.com\n").unwrap();
    let seal = ["--json", "roster", "seal", "acme", &operator.name, "--person-file", "who"];
    let sealed = world.host(&joined(&seal, &world.card(operator))).good().json();
    fields_are_documented("roster seal", &sealed);
    let shown = world.host(&["--json", "roster", "show", "acme"]).good().json();
    fields_are_documented("roster show", &shown);
    fields_are_documented("roster show", &shown["people"]);
    let forget = ["--json", "roster", "forget", "acme", &operator.name, "--version", "1"];
    fields_are_documented("roster forget", &world.host(&joined(&forget, &cards)).good().json());
}

#[test]
fn every_field_of_the_json_is_documented() {
    let world = World::new();
    let request = world.request("request.warifu");
    for command in [
        "org list",
        "org show acme",
        "project list acme",
        "project show acme/web",
        "account list acme",
        "account show acme/web/prod",
        "custodian list acme",
        "operator list acme",
        "group list acme",
        "group show acme/keepers",
        "ceremony list acme",
        "audit log acme",
        "audit verify",
        "audit checkpoint acme",
        "audit policy show acme/keepers",
        "policy rotation show acme/web",
        "report project acme/web",
        "report org acme",
        "report controls acme",
        "status",
        "org add globe",
        "project add acme/new",
        "account add acme/new/one --id 222233334444",
    ] {
        let words: Vec<_> = ["--json"].into_iter().chain(command.split(' ')).collect();
        let value = world.host(&words).good().json();
        let name = match command {
            "status" => "status".to_owned(),
            "audit policy show acme/keepers" => "audit policy show".to_owned(),
            "policy rotation show acme/web" => "policy rotation show".to_owned(),
            _ => command.split(' ').take(2).collect::<Vec<_>>().join(" "),
        };
        fields_are_documented(&name, &value);
        if command.starts_with("report") {
            let tables =
                value.as_object().unwrap().iter().filter(|(key, rows)| *key != "remarks" && rows.is_array());
            for (_, rows) in tables.filter(|(_, rows)| !rows.as_array().unwrap().is_empty()) {
                fields_are_documented(&name, rows);
            }
            fields_are_documented(&name, &value["counts"]);
            fields_are_documented(&name, &value["checkpoint"]);
        }
        if command == "status" {
            let organisation = &value["organisations"][0];
            fields_are_documented("status", organisation);
            fields_are_documented("status", &organisation["ceremonies"]);
            fields_are_documented("status", &organisation["not_at_baseline"]);
            fields_are_documented("account list", &organisation["accounts"]);
            fields_are_documented("group list", &organisation["groups"]);
        }
        if command == "account show acme/web/prod" {
            fields_are_documented("account show", &value["versions"]);
            fields_are_documented("account show", &value["factors"]);
        }
        if command == "audit verify" {
            fields_are_documented("audit verify", &value["logs"]);
        }
    }
    for command in ["account baseline acme", "account baseline acme/web/prod"] {
        let words: Vec<_> = ["--json"].into_iter().chain(command.split(' ')).collect();
        let value = world.host(&words).refused(9, &[]).json();
        fields_are_documented("account baseline", &value);
        fields_are_documented("account baseline", &value["items"]);
    }
    let shown = ["--json", "recovery", "show"];
    fields_are_documented("recovery show", &world.host(&shown).good().json());
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    fields_are_documented("recovery form", &world.form_recovery(2, &keepers.each_ref()).json());
    fields_are_documented("recovery show", &world.host(&shown).good().json());
    fields_are_documented("status", &world.host(&["--json", "status"]).good().json()["recovery"]);
    let gate = world.vault().join("gate.key");
    std::fs::rename(&gate, world.host_dir().join("kept-apart")).unwrap();
    let ask = ["--json", "recovery", "request", "--out", "asked"];
    fields_are_documented("recovery request", &world.host(&ask).good().json());
    let asked = world.host_dir().join("asked").display().to_string();
    let answer =
        ["--json", "recovery", "contribute", &asked, "--card", "card", "--passphrase-file", "passphrase"];
    fields_are_documented("recovery contribute", &world.at(&keepers[0], &answer).good().json());
    let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
    fields_are_documented("recover", &world.host(&joined(&["--json", "recover"], &cards)).good().json());
    world.host(&["audit", "export", "acme", "copy"]).good();
    std::fs::write(world.host_dir().join("copy/tile/stray"), "").unwrap();
    let copy = world.host(&["--json", "audit", "verify", "copy"]).json();
    fields_are_documented("audit verify", &copy);
    fields_are_documented("audit verify", &copy["findings"]);
    let trail = r#"{"eventTime":"2026-03-01T09:00:00Z","eventName":"x","eventID":"1","userIdentity":{"type":"Root","accountId":"ID"}}"#;
    let records = [trail.replace("ID", "111122223333"), trail.replace("ID", "555566667777"), "{}".to_owned()];
    std::fs::write(world.host_dir().join("trail.jsonl"), records.join("\n")).unwrap();
    let found = world.host(&["--json", "reconcile", "cloudtrail", "acme", "trail.jsonl"]).json();
    fields_are_documented("reconcile", &found);
    for list in ["counts", "uses", "unknown_accounts", "unreadable"] {
        fields_are_documented("reconcile", &found[list]);
    }
    let package = ["--json", "ceremony", "package", "acme", &request, "--out", "again.warifu"];
    fields_are_documented("ceremony package", &world.host(&package).good().json());
    world.carry("request.warifu", &world.custodians[0]);
    let person = &world.custodians[0];
    world.contribute(person, "request.warifu", "answer").good();
    world.bring(person, "answer");
    let accepted = world.host(&["--json", "ceremony", "accept", "answer"]).good().json();
    fields_are_documented("ceremony accept", &accepted);
    let ended = world.host(&["--json", "ceremony", "abort", "acme", &request]).good().json();
    fields_are_documented("ceremony abort", &ended);
    let [first, second, third] = &world.custodians[..] else { panic!("three custodians") };
    let suspend = ["--json", "custodian", "suspend", "acme", &first.name, "--reason", "lost"];
    let suspended = world.host(&joined(&suspend, &world.card(second))).good().json();
    fields_are_documented("custodian suspend", &suspended);
    fields_are_documented("custodian suspend", &suspended["groups"]);
    fields_are_documented(
        "group show",
        &world.host(&["--json", "group", "show", "acme/keepers"]).good().json(),
    );
    for line in
        ["paper card", "paper card --svg a.svg", "restore card --out again --passphrase-file passphrase"]
    {
        let words: Vec<_> = ["--json", "card"].into_iter().chain(line.split(' ')).collect();
        fields_are_documented("card paper", &world.at(third, &words).good().json());
    }
    let refused = world.host(&["--json", "org", "show", "nobody"]);
    let error: serde_json::Value = serde_json::from_str(refused.err.trim()).unwrap();
    let keys: Vec<_> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["error", "remedy", "exit"]);
}

#[test]
fn every_field_of_an_imports_json_is_documented() {
    let world = World::new();
    let csv = "external_id,name,standing\n000000000001,New,\n111122224444,Renamed,closed\n1,Bad,\n";
    std::fs::write(world.host_dir().join("a.csv"), csv).unwrap();
    let plan = world.host(&["--json", "import", "csv", "acme/web", "a.csv"]).json();
    fields_are_documented("import csv", &plan);
    for list in ["new", "changed", "bad"] {
        fields_are_documented("import csv", &plan[list]);
    }
    world.host(&["--json", "import", "csv", "acme/web", "a.csv", "--apply"]);
    let sealed = world.host(&["--json", "seal-all", "acme/web"]).good().json();
    fields_are_documented("seal-all", &sealed);
    let rename = ["--json", "account", "rename", "acme/web/prod", "Shop"];
    fields_are_documented("account rename", &world.host(&rename).good().json());
    let standing = ["--json", "account", "standing", "acme/web/prod", "closed"];
    fields_are_documented("account standing", &world.host(&standing).good().json());
}

fn every_help(command: &clap::Command, path: &str, check: &mut dyn FnMut(&str, &clap::Command)) {
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let path = format!("{path} {}", below.get_name());
        check(&path, below);
        every_help(below, &path, check);
    }
}

#[test]
fn every_commands_help_has_an_example_and_fits_80_columns() {
    let mut command = warifu::cli::Cli::command();
    command.build();
    let mut seen = 0;
    every_help(&command, "warifu", &mut |path, below| {
        let help = below.clone().term_width(80).render_long_help().to_string();
        if !below.has_subcommands() {
            assert!(help.contains(&format!("  {path}")), "{path} has no example:\n{help}");
            seen += 1;
        }
        let wide: Vec<_> = help.lines().filter(|l| l.width() > 80 && !l.starts_with("Usage:")).collect();
        assert!(wide.is_empty(), "{path}: {wide:#?}");
    });
    assert!(seen > 30, "{seen} commands");
}

#[test]
fn status_works_with_a_clock_that_is_behind_and_warns() {
    let world = World::new();
    let vault = PublicVault::open(&world.vault()).unwrap();
    let before = Time::parse_lenient("2026-01-01").unwrap();
    let only = "acme".parse().unwrap();
    for only in [None, Some(&only)] {
        let status = vault.status(only, before, Reading::Overview).unwrap();
        assert!(status.warnings[0].contains("clock says 2026-01-01 00:00:00Z"), "{:?}", status.warnings);
        assert_eq!(status.organisations[0].groups[0].operators.len(), 1);
    }
    let after = Time::parse_lenient("2100-01-01").unwrap();
    // What concerns the whole vault is said of each organisation too.
    let warnings = |only| vault.status(only, after, Reading::Overview).unwrap().warnings;
    assert!(!warnings(None).is_empty());
    assert_eq!(warnings(Some(&only)), warnings(None));
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let there = || std::fs::read_dir(dir.path()).unwrap().count();
    let mut command = warifu();
    command.arg("rehearse").env("TMPDIR", dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = std::time::Instant::now();
    while there() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(there(), 0);
}

#[test]
fn a_wrong_fingerprint_is_refused_also_where_the_group_is_confirmed() {
    let world = World::new();
    let wrong = ["abandon"; 12].join(" ");
    let seal = ["seal", "acme/web/spare", "--login", "root@example.com", "--fingerprint"];
    world.host_refused(
        &[&seal[..], &[&wrong]].concat(),
        4,
        &["these are not the words of group 'acme/keepers'"],
    );
    world.host(&joined(&seal, std::slice::from_ref(&world.words))).good();
}
