//! Accounts from files, and passwords for all of them, with the built program.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Ran, World, warifu};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PASSWORD: &str = "Tr0ub4dor-and-3-Horses";

const AWS: &str = r#"{
  "Accounts": [
    {
      "Id": "111122223333",
      "Arn": "arn:aws:organizations::111122223333:account/o-abc/111122223333",
      "Email": "root+prod@example.com",
      "Name": "Produktion",
      "Status": "ACTIVE",
      "JoinedMethod": "INVITED",
      "JoinedTimestamp": "2020-01-01T00:00:00+00:00"
    },
    { "Id": "111122224444", "Name": "割符 spare", "Status": "SUSPENDED", "Later": { "x": [1] } },
    { "Id": "000000000001", "Name": "Büro & Werk", "State": "ACTIVE" },
    { "Id": "000000000002", "Name": "Same name", "State": "ACTIVE" },
    { "Id": "000000000003", "Name": "same  NAME", "State": "ACTIVE" },
    { "Id": "12345678901", "Name": "cut by a spreadsheet", "State": "ACTIVE" }
  ]
}"#;

impl World {
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.host_dir().join(name), text).unwrap();
    }

    fn import(&self, form: &str, project: &str, file: &str, options: &[&str]) -> Ran {
        self.host(&[&["--json", "import", form, project, file], options].concat())
    }

    fn account(&self, address: &str) -> Value {
        self.host(&["--json", "account", "show", address]).good().json()
    }
}

/// The result of an import of which rows are bad.
fn part(ran: Ran) -> Value {
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("could not be used"), "{}", ran.err);
    ran.json()
}

fn addresses(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["address"].as_str().or(row.as_str()).unwrap()).collect()
}

#[test]
fn a_list_of_aws_is_held_against_the_project_then_entered_and_a_second_time_there_is_nothing_to_do() {
    let world = World::new();
    world.write("accounts.json", AWS);
    let before = world.entries();
    let plan = part(world.import("aws-accounts", "acme/web", "accounts.json", &[]));
    assert_eq!(world.entries(), before, "a dry run enters nothing");
    assert_eq!((&plan["applied"], &plan["unchanged"]), (&Value::Bool(false), &Value::from(1)));
    let new = ["acme/web/buro-werk", "acme/web/same-name-000000000002", "acme/web/same-name-000000000003"];
    assert_eq!(addresses(&plan["new"]), new);
    assert_eq!(addresses(&plan["changed"]), ["acme/web/spare"]);
    assert_eq!(plan["changed"][0]["standing"]["to"], "closed");
    assert_eq!(plan["changed"][0]["name"]["to"], "割符 spare");
    let bad = &plan["bad"][0];
    assert_eq!((&bad["line"], &bad["row"]), (&Value::from(16), &Value::from(6)));
    assert!(bad["why"].as_str().unwrap().contains("11 digits"), "{bad}");

    let done = part(world.import("aws-accounts", "acme/web", "accounts.json", &["--apply"]));
    assert_eq!(done["new"], plan["new"]);
    assert_eq!(world.entries(), before + 5, "three accounts, a name, a standing");
    let spare = world.account("acme/web/spare");
    assert_eq!(
        (&spare["name"], &spare["standing"], &spare["state"]),
        (&"割符 spare".into(), &"closed".into(), &"closed".into())
    );
    let again = part(world.import("aws-accounts", "acme/web", "accounts.json", &["--apply"]));
    assert_eq!((again["new"].as_array().unwrap().len(), again["changed"].as_array().unwrap().len()), (0, 0));
    assert_eq!((world.entries(), &again["unchanged"]), (before + 5, &Value::from(5)));
    world.verified();
    // Who did it is on record: the host's administration, and nobody else.
    let log = world.host(&["--json", "audit", "log", "acme", "--account", "acme/web/spare"]).good().json();
    let last: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(2)
        .map(|e| (e["actor"].as_str(), e["kind"].as_str()))
        .collect();
    assert_eq!(last, [(Some("host"), Some("account-standing-set")), (Some("host"), Some("account-renamed"))]);
    let status = world.host(&["status", "acme"]).good().out;
    assert!(status.contains("1 said to be closed or suspended at the provider"), "{status}");
}

#[test]
fn what_is_gone_from_the_file_is_told_and_stays_but_a_part_of_a_list_tells_nothing() {
    let world = World::new();
    let list = |token: &str| format!(r#"{{"Accounts":[{{"Id":"111122224444"}}]{token}}}"#);
    world.write("all.json", list(""));
    world.write("page.json", list(r#","NextToken":"AAA""#));
    let all = world.import("aws-accounts", "acme/web", "all.json", &["--apply"]).good().json();
    assert_eq!(addresses(&all["gone"]), ["acme/web/prod"]);
    assert_eq!(world.account_state("acme/web/prod"), "sealed");
    let page = world.import("aws-accounts", "acme/web", "page.json", &[]).good().json();
    assert_eq!((&page["partial"], addresses(&page["gone"]).len()), (&Value::Bool(true), 0));
    let told = world.host(&["import", "aws-accounts", "acme/web", "page.json"]).good().out;
    assert!(told.contains("NextToken"), "{told}");
}

#[test]
fn an_account_is_known_in_whichever_project_it_is_and_in_no_other_organisation() {
    let world = World::new();
    // One is in another project, one in another organisation.
    let csv = "external_id,name\n111122225555,The lab\n999988887777,Ledger\n";
    world.write("a.csv", csv);
    let plan = world.import("csv", "acme/web", "a.csv", &["--apply"]).good().json();
    assert_eq!(addresses(&plan["changed"]), ["acme/lab/one"]);
    assert_eq!(addresses(&plan["new"]), ["acme/web/ledger"]);
    let shown = world.host(&["import", "csv", "acme/web", "a.csv"]).good();
    assert!(!shown.out.contains("globex") && !shown.out.contains("Hauptbuch"), "{}", shown.out);
}

#[test]
fn credentials_are_sealed_as_they_are_read_and_not_again() {
    let world = World::new();
    let csv = format!(
        "\u{feff}slug;name;provider;external_id;login;password;notes\r\nnew;Neu;aws;000000000009;root@example.com;{PASSWORD};by hand\r\n;;aws;111122224444;spare@example.com;{PASSWORD}2;\r\n;;aws;111122223333;root@example.com;{PASSWORD}3;\r\nbad;;aws;000000000008;root@example.com;short;\r\n;;aws;111122225555;lab@example.com;{PASSWORD}4;\r\n"
    );
    world.write("a.csv", &csv);
    let before = world.entries();
    let plan = part(world.import("csv", "acme/web", "a.csv", &[]));
    assert_eq!((world.entries(), plan["sealed"].as_u64()), (before, Some(0)));
    let done = part(world.import("csv", "acme/web", "a.csv", &["--apply"]));
    assert_eq!((&done["sealed"], done["bad"].as_array().unwrap().len()), (&2.into(), 2), "{done}");
    assert_eq!(addresses(&done["not_sealed_again"]), ["acme/web/prod"]);
    let version = &world.account("acme/web/new")["versions"][0];
    assert_eq!((&version["made"], &version["shown"]), (&"imported".into(), &"nobody".into()));
    let entries = world.entries();
    let again = part(world.import("csv", "acme/web", "a.csv", &["--apply"]));
    assert_eq!((again["sealed"].as_u64(), world.entries()), (Some(0), entries));
    assert_eq!(addresses(&again["not_sealed_again"]).len(), 3);
    world.verified();
}

#[test]
fn a_file_is_overwritten_and_removed_only_when_all_its_passwords_are_sealed() {
    let world = World::new();
    let row = |id: &str, password: &str| format!("{id},root@example.com,{password}\n");
    let header = "external_id,login,password\n";
    world.write(
        "part.csv",
        format!("{header}{}{}", row("000000000001", PASSWORD), row("111122225555", PASSWORD)),
    );
    let refused = world.host(&["import", "csv", "acme/web", "part.csv", "--apply", "--shred-source"]);
    refused.refused(1, &["part.csv was not overwritten: it has passwords that are not sealed"]);
    assert!(world.host_dir().join("part.csv").exists());
    assert_eq!(world.account("acme/web/aws-000000000001")["versions"][0]["made"], "imported");

    world.write("all.csv", format!("{header}{}", row("000000000002", PASSWORD)));
    fs::hard_link(world.host_dir().join("all.csv"), world.host_dir().join("other")).unwrap();
    let linked = world.host(&["import", "csv", "acme/web", "all.csv", "--apply", "--shred-source"]);
    linked.refused(1, &["hard links"]);
    fs::remove_file(world.host_dir().join("other")).unwrap();
    let reader = fs::File::open(world.host_dir().join("all.csv")).unwrap();
    let done = world.import("csv", "acme/web", "all.csv", &["--apply", "--shred-source"]).good();
    assert_eq!(
        (done.json()["source_removed"].as_bool(), done.json()["sealed"].as_u64()),
        (Some(true), Some(0))
    );
    assert!(done.err.contains("On an SSD"), "{}", done.err);
    assert!(!world.host_dir().join("all.csv").exists());
    let left = std::io::read_to_string(reader).unwrap();
    assert!(!left.is_empty() && left.bytes().all(|byte| byte == 0), "it was overwritten");

    // A generated one is not in the file: the file may have another.
    world.host(&["seal", "acme/web/spare", "--login", "r@e", "--generate"]).good();
    world.write("other.csv", format!("{header}{}", row("111122224444", PASSWORD)));
    let kept = world.host(&["import", "csv", "acme/web", "other.csv", "--apply", "--shred-source"]);
    kept.refused(1, &["not imported"]);
}

#[test]
fn no_password_of_a_file_is_printed_entered_or_left_beside_the_vault() {
    let world = World::new();
    let mut csv = "slug,name,provider,external_id,login,password,notes\n".to_owned();
    for n in 0..20 {
        writeln!(csv, "s{n},,aws,{n:012},login-needle@example.com,{PASSWORD}-{n},notes-needle").unwrap();
    }
    // Columns that were mixed up, cells that are too many, a mark that is open.
    writeln!(csv, "{PASSWORD},,aws,000000000101,r@e,Abcdefg1,").unwrap();
    writeln!(csv, ",,{PASSWORD},000000000102,r@e,Abcdefg1,").unwrap();
    writeln!(csv, ",,aws,{PASSWORD},r@e,Abcdefg1,").unwrap();
    writeln!(csv, ",,aws,000000000103,r@e,{PASSWORD}\u{e9},").unwrap();
    writeln!(csv, ",,aws,000000000104,r@e,{PASSWORD},,,").unwrap();
    writeln!(csv, ",\"{PASSWORD},aws,000000000105,r@e,Abcdefg1,").unwrap();
    world.write("a.csv", &csv);
    world.write("headless.csv", format!("000000000001,{PASSWORD}\n"));
    world.write(
        "broken.json",
        format!("{{\"Accounts\":[{{\"Id\":\"{PASSWORD}\"}},\"{PASSWORD}\"]}} {PASSWORD}"),
    );
    let mut heard = Vec::new();
    for options in [&[][..], &["--apply"], &["--apply", "--shred-source"]] {
        heard.push(world.import("csv", "acme/web", "a.csv", options));
        heard.push(world.host(&[&["import", "csv", "acme/web", "a.csv"], options].concat()));
    }
    heard.push(world.import("csv", "acme/web", "headless.csv", &["--apply"]));
    heard.push(world.import("aws-accounts", "acme/web", "broken.json", &[]));
    heard.push(world.host(&["seal-all", "acme/web", "--logins", "headless.csv"]));
    heard.push(world.host(&["audit", "log", "acme", "--json"]));
    for ran in heard {
        for needle in [PASSWORD, "notes-needle", "login-needle"] {
            assert!(
                !ran.out.contains(needle) && !ran.err.contains(needle),
                "{}\n{}{}",
                ran.arguments,
                ran.out,
                ran.err
            );
        }
    }
    assert_eq!(world.account("acme/web/s19")["state"], "sealed");
    for file in fs::read_dir(world.vault()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for needle in [PASSWORD, "notes-needle", "login-needle"] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()), "{needle}");
        }
    }
}

#[test]
fn files_that_are_no_list_are_refused_with_what_to_do() {
    let world = World::new();
    world.write("a", "\u{feff}");
    world.host_refused(&["import", "csv", "acme/web", "a"], 3, &["the file is empty"]);
    world.write("a", b"\xff\xfes\0");
    world.host_refused(&["import", "csv", "acme/web", "a"], 3, &["UTF-16", "Save it as UTF-8"]);
    world.write("a", "external_id,pasword\n");
    world.host_refused(&["import", "csv", "acme/web", "a"], 3, &["column 2 of the header"]);
    world.write("a", "external_id,name\n");
    world.host_refused(&["import", "aws-accounts", "acme/web", "a"], 3, &["line 1", "warifu import csv"]);
    world.host_refused(&["import", "csv", "acme/nowhere", "a"], 3, &["no project"]);
    world.host_refused(&["import", "csv", "acme/web", "missing"], 7, &["missing"]);
}

#[test]
fn slugs_that_are_taken_are_reported_and_stop_no_other_row() {
    let world = World::new();
    world.write("a.csv", "slug,name,external_id\nprod,Other,000000000001\nx,One,000000000002\nx,Two,000000000003\n,Prod,000000000004\n");
    let done = part(world.import("csv", "acme/web", "a.csv", &["--apply"]));
    assert_eq!(addresses(&done["new"]), ["acme/web/x", "acme/web/prod-000000000004"]);
    let lines: Vec<_> =
        done["bad"].as_array().unwrap().iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4]);
}

#[test]
fn an_account_without_root_credentials_is_not_sealed_before_somebody_says_otherwise() {
    let world = World::new();
    let standing = |to: &str| world.host(&["--json", "account", "standing", "acme/web/spare", to]);
    assert_eq!(standing("credential-less").good().json()["standing"], "credential-less");
    assert_eq!(world.account_state("acme/web/spare"), "credential-less");
    let says = ["acme/web/spare is credential-less", "warifu account standing acme/web/spare in-use"];
    world.host_refused(&["seal", "acme/web/spare", "--login", "r@e", "--generate"], 3, &says);
    assert_eq!(world.host(&["--json", "seal-all", "acme/web"]).good().json()["sealed"], 0);
    let entries = world.entries();
    let said = standing("credential-less").good().json();
    assert_eq!((&said["changed"], world.entries()), (&false.into(), entries), "it is no news");
    world.host(&["account", "standing", "acme/web/spare", "gone"]).refused_by_clap();
    // An open account may still have no root credentials: a list cannot tell.
    world.write("a.json", r#"{"Accounts":[{"Id":"111122224444","State":"ACTIVE"}]}"#);
    let plan = world.import("aws-accounts", "acme/web", "a.json", &["--apply"]).good().json();
    assert_eq!(plan["unchanged"], 1);
    standing("in-use").good();
    world.host(&["seal", "acme/web/spare", "--login", "r@e", "--generate"]).good();
    standing("closed").good();
    let row = world.host(&["account", "list", "acme/web"]).good().out;
    assert!(row.contains("sealed; closed"), "{row}");
    world.host(&["account", "rename", "acme/web/spare", "予備"]).good();
    assert_eq!(world.account("acme/web/spare")["name"], "予備");
    world.verified();
}

/// Names lie in records that only entries name; what an entry once named stays its.
#[test]
fn an_old_name_of_an_account_is_no_stray_record() {
    let world = World::new();
    for name in ["First", "Second", "Third"] {
        world.host(&["account", "rename", "acme/web/spare", name]).good();
        world.verified();
    }
    for name in ["Fourth", "Fifth"] {
        let row = format!("111122224444,{name}\n000000000001,New {name}\n");
        world.write("a.csv", format!("external_id,name\n{row}"));
        world.import("csv", "acme/web", "a.csv", &["--apply"]).good();
        assert_eq!(world.account("acme/web/spare")["name"], name);
        world.verified();
    }
    // A record that no entry ever named is still one too many.
    let database = world.database();
    let sql = "INSERT INTO record SELECT log, 'text/' || printf('%0128d', 7), length, body FROM record WHERE name LIKE 'text/%' LIMIT 1";
    assert_eq!(database.execute(sql, []).unwrap(), 1);
    drop(database);
    let ran = world.host(&["audit", "verify"]);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    let strays = ran.out.matches("belongs to no entry").count();
    assert!(strays == 1 && ran.out.contains("record text/00000000 "), "{}", ran.out);
}

impl Ran {
    #[track_caller]
    fn refused_by_clap(self) {
        assert_eq!(self.code, 2, "{}{}", self.out, self.err);
    }
}

#[test]
fn every_account_without_a_password_gets_one_and_nobody_sees_it() {
    let world = World::new();
    world.write("a.json", AWS);
    part(world.import("aws-accounts", "acme/web", "a.json", &["--apply"]));
    // The lab is bound to nothing.
    let all = world.host(&["--json", "seal-all", "acme", "--logins", "a.json"]);
    assert_eq!((all.code, &all.json()["sealed"]), (3, &Value::from(3)), "{}", all.err);
    assert_eq!(addresses(&all.json()["unbound"]), ["acme/lab/one"]);
    assert!(all.err.contains("no group is bound"), "{}", all.err);
    let one = world.account("acme/web/buro-werk");
    let version = &one["versions"][0];
    assert_eq!((&version["made"], &version["shown"]), (&"generated".into(), &"nobody".into()));
    assert_eq!(world.account("acme/web/spare")["version"], Value::Null, "it is closed");
    assert_eq!(world.account("acme/web/prod")["version"], 1, "it had one");
    let again = world.host(&["--json", "seal-all", "acme/web"]).good().json();
    assert_eq!((again["sealed"].as_u64(), again["left"].as_u64()), (Some(0), Some(0)));
    world.host_refused(&["seal-all", "acme/web", "--length", "7"], 3, &["8 to 128"]);
    world.host_refused(&["seal-all", "acme/web/nobody"], 3, &["no account"]);
    world.verified();
}

#[test]
fn ctrl_c_ends_where_nothing_is_half_done_and_the_next_run_goes_on() {
    let world = World::new();
    let mut csv = "external_id\n".to_owned();
    (1..=4000).for_each(|n| writeln!(csv, "{n:012}").unwrap());
    world.write("a.csv", csv);
    world.import("csv", "acme/web", "a.csv", &["--apply"]).good();
    let mut command = warifu();
    command
        .current_dir(world.host_dir())
        .args(["--vault", "vault", "--yes", "--json", "seal-all", "acme/web"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let before = world.entries();
    while world.entries() == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is sealed");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(error.contains("Run it again: it goes on from there"), "{error}");
    let first: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sealed = first["sealed"].as_u64().unwrap();
    assert!(sealed > 0 && sealed < 4001, "{sealed}");
    let rest = world.host(&["--json", "seal-all", "acme/web"]).good().json();
    assert_eq!(rest["sealed"].as_u64().unwrap() + sealed, 4001);
    let accounts = world.host(&["--json", "account", "list", "acme/web"]).good().json();
    let versions: Vec<_> = accounts.as_array().unwrap().iter().map(|a| a["version"].as_u64()).collect();
    assert!(versions.iter().all(|version| *version == Some(1)), "nothing twice, nothing left over");
}

#[test]
fn a_hundred_thousand_rows_are_held_against_the_vault_in_seconds() {
    let world = World::new();
    let mut csv = "name,external_id\r\n".to_owned();
    (0..100_000).for_each(|n| write!(csv, "\"Konto {n}\",{n:012}\r\n").unwrap());
    world.write("a.csv", csv);
    let begun = Instant::now();
    let plan = world.import("csv", "acme/web", "a.csv", &[]).good().json();
    assert_eq!(plan["new"].as_array().unwrap().len(), 100_000);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
