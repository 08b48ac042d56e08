//! What people stumble over who use it for the first time: a password in the
//! wrong place, hints that lead nowhere, lists that say nothing, mistakes that
//! cost more than they must.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{World, joined, run, warifu};
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

const SEAL: [&str; 4] = ["seal", "acme/web/spare", "--login", "root@example.com"];

fn seal(world: &World, options: &[&str]) -> Command {
    let mut command = warifu();
    command.current_dir(world.host_dir()).args(["--vault", "vault", "--yes"]).args(SEAL).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_password_on_standard_input_is_never_passed_over_in_silence() {
    let world = World::new();
    let before = world.entries();
    let piped = world.host_with(&SEAL, "Xk9#mQ2$vL7&pR4w\n");
    piped.refused(2, &["something is given on standard input", "Add --stdin", "--generate"]);
    fs::write(world.host_dir().join("password"), "Xk9#mQ2$vL7&pR4w").unwrap();
    let file = || File::open(world.host_dir().join("password")).unwrap();
    let (code, said) = ended(seal(&world, &[]).stdin(file()).spawn().unwrap());
    assert_eq!(code, Some(2), "{said}");
    // Somebody may be asked for a passphrase before the pipe is written to.
    let mut silent = seal(&world, &[]).stdin(Stdio::piped()).spawn().unwrap();
    let pipe = silent.stdin.take();
    let (code, said) = ended(silent);
    assert_eq!(code, Some(2), "{said}");
    drop(pipe);
    assert_eq!(world.entries(), before, "nothing was sealed");

    // Scripts: nothing there, an empty file, an end at once, or said aloud.
    world.host(&SEAL).good();
    world.host_with(&SEAL, "").good();
    fs::write(world.host_dir().join("empty"), "").unwrap();
    let empty = File::open(world.host_dir().join("empty")).unwrap();
    assert_eq!(ended(seal(&world, &[]).stdin(empty).spawn().unwrap()).0, Some(0));
    assert_eq!(ended(seal(&world, &["--generate"]).stdin(file()).spawn().unwrap()).0, Some(0));
    world.host(&[&SEAL[..], &["--generate", "--stdin"]].concat()).refused_by_clap();
}

trait RefusedByClap {
    fn refused_by_clap(self);
}

impl RefusedByClap for cli::Ran {
    fn refused_by_clap(self) {
        assert!(self.code == 2 && self.err.contains("cannot be used with"), "{}", self.err);
    }
}

#[test]
fn a_newer_version_over_an_older_one_is_sealed_on_purpose_alone() {
    let world = World::new();
    let seal = ["--vault", "vault", "seal", "acme/web/prod", "--login", "root@example.com"];
    let before = world.entries();
    let asked = run(&world.host_dir(), &seal);
    assert!(asked.err.contains("acme/web/prod has version 1 already"), "{}", asked.err);
    assert!(asked.err.contains("the newest version must be what the provider has"), "{}", asked.err);
    asked.refused(2, &["no terminal to ask on: Seal version 2?", "Use --yes."]);
    assert_eq!(world.entries(), before);
    run(&world.host_dir(), &[&seal[..], &["--yes"]].concat()).good();
}

#[test]
fn each_step_names_the_next_one_that_is_missing() {
    let world = World::new();
    let next = |arguments: &[&str]| {
        let said = world.host(arguments).good().out;
        said.split("Next: ").nth(1).unwrap_or_default().trim().to_owned()
    };
    world.host(&["org", "add", "empty"]).good();
    world.host(&["project", "add", "empty/web"]).good();
    let add = |address| ["account", "add", address, "--id", address, "--provider", "other"];
    assert!(next(&add("empty/web/prod")).starts_with("warifu custodian enrol empty, once for each"));
    assert_eq!(next(&add("acme/lab/two")), "warifu bind acme --group acme/keepers");
    assert_eq!(next(&add("acme/web/two")), "warifu seal acme/web/two --login EMAIL --hand-over");
    let bind = joined(&["bind", "acme", "--group", "acme/keepers"], &[]);
    let cards = world.cards(&[0, 1]);
    let bound = next(&[&bind[..], &joined(&[], &cards)[..]].concat());
    assert!(bound.starts_with("warifu seal acme/lab/") && bound.ends_with("--hand-over"), "{bound}");
}

#[test]
fn an_empty_list_says_what_would_fill_it() {
    let world = World::new();
    world.host(&["org", "add", "empty"]).good();
    for (list, says) in [
        (&["project", "list", "empty"][..], "warifu project add empty/NAME"),
        (&["account", "list", "empty"], "warifu account add empty/PROJECT/NAME"),
        (&["custodian", "list", "empty"], "warifu custodian enrol empty"),
        (&["operator", "list", "empty"], "warifu operator enrol empty"),
        (&["officer", "list", "acme"], "warifu officer enrol acme"),
        (&["group", "list", "empty"], "warifu group form empty/keepers"),
        (&["ceremony", "list", "empty"], "warifu open"),
        (&["audit", "log", "empty", "--refusals"], "No entry is let through"),
    ] {
        let ran = world.host(list).good();
        assert!(ran.out.contains(says), "{list:?}: {}", ran.out);
    }
    let ceremony = world.request("request.warifu");
    world.host(&["ceremony", "abort", "acme", &ceremony]).good();
    let list = world.host(&["ceremony", "list", "acme"]).good();
    assert_eq!(list.out, "None open; --all shows ended ones.\n");
}

#[test]
fn what_is_not_known_is_looked_for_in_the_right_list() {
    let world = World::new();
    let mut ceremonies = Vec::new();
    for number in 0..7 {
        ceremonies.push(world.request(&format!("{number}.warifu")));
        if number < 6 {
            world.host(&["ceremony", "abort", "acme", &ceremonies[number]]).good();
        }
    }
    let short: Vec<_> = ceremonies.iter().rev().map(|hash| hash[..8].to_owned()).collect();
    let says = format!("(there is: {}, …)", short[..5].join(", "));
    let remedy = "'warifu ceremony list acme --all' lists every ceremony";
    world.host_refused(&["ceremony", "abort", "acme", "zzzz"], 3, &[&says, remedy]);
    let members = format!("{},no-such-one", world.custodians[0].name);
    let form = ["group", "form", "acme/new", "--threshold", "2", "--members", &members];
    world.host_refused(&form, 3, &["there is no custodian", "'warifu custodian list acme'"]);
    let admit = ["operator", "admit", "acme/keepers", "no-such-one"];
    world.host_refused(&admit, 3, &["there is no operator", "'warifu operator list acme'"]);
    world.host_refused(&["account", "show", "acme/web/prot"], 3, &["'warifu account list acme'"]);
    let request = ["ceremony", "request", "acme/web/prod", "--reason", "x", "--out", "again.warifu"];
    let abort = format!("'warifu ceremony abort acme {}'", short[0]);
    world.host_refused(&joined(&request, &world.card(&world.operator)), 5, &[&abort]);
    let close = ["ceremony", "close", "acme", &ceremonies[6]];
    world.host_refused(&close, 2, &["has released nothing", &abort]);
}

#[test]
fn a_remedy_names_what_there_is() {
    let world = World::new();
    let resume = ["rotate", "--resume", "acme/web/prod", "--factor", "recovery-codes"];
    world.host_refused(&resume, 3, &["'warifu account show acme/web/prod' says which version"]);
    let restore = ["--vault", "another", "restore", "nosuch"];
    let ran =
        cli::run(&world.host_dir(), &restore).refused(7, &["does not exist", "'warifu backup' made it"]);
    assert!(!ran.err.contains("warifu init"), "{}", ran.err);
    assert!(!world.host_dir().join("another").exists());
    // Two files beside a card can be damaged: it is said which, and what for.
    let one = &world.custodians[0];
    world.request("asked.warifu");
    world.carry("asked.warifu", one);
    fs::write(world.file(one, "card.seen"), b"{").unwrap();
    let says = ["card.seen, which says what the card's owner saw last of the log, is damaged"];
    world.contribute(one, "asked.warifu", "a.contribution").refused(7, &says);
}

#[test]
fn wrong_codes_count_down_to_a_lock_that_is_seen() {
    let world = World::new();
    world.request("request.warifu");
    let custodian = world.custodians[0].clone();
    world.carry("request.warifu", &custodian);
    let contribution = |number: usize| match number {
        1 => format!("{}.contribution", custodian.name),
        more => format!("{}-{more}.contribution", custodian.name),
    };
    fs::write(world.home(&custodian).join("code.now"), "12345a").unwrap();
    let contribute = ["ceremony", "contribute", "request.warifu", "--card", "card"];
    let options = ["--passphrase-file", "passphrase", "--code-file", "code.now"];
    for (number, left) in (1..=5).zip([
        "4 more wrong codes lock",
        "3 more",
        "2 more",
        "One more wrong code locks",
        "locked out for fifteen minutes",
    ]) {
        let wrote = world.at(&custodian, &[&contribute[..], &options].concat()).good();
        let name = contribution(number);
        assert!(
            wrote.out.contains(&format!("Wrote {name}")),
            "an older answer is in nobody's way: {}",
            wrote.out
        );
        world.bring(&custodian, &name);
        world.host(&["ceremony", "accept", &name]).refused(4, &["wrong-code", left]);
    }
    let listed = world.host(&["custodian", "list", "acme"]).good().out;
    let line = listed.lines().find(|line| line.contains(&custodian.name)).unwrap();
    assert!(line.contains("locked out until 2"), "{listed}");
    let status = world.host(&["status"]).good().out;
    assert!(
        status.contains(&format!("{} is locked out after wrong codes until", custodian.name)),
        "{status}"
    );
    let status = world.host(&["--json", "status", "acme"]).good().json();
    assert_eq!(status["organisations"][0]["locked"][0]["custodian"], custodian.name);
}

#[test]
fn a_custodian_reads_that_a_version_is_exposed_already() {
    let world = World::new();
    let ceremony = world.request("first.warifu");
    world.contributed(0, "first.warifu");
    world.contributed(1, "first.warifu");
    let finish = ["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"];
    let told = world.host(&finish).good().out;
    assert!(told.contains(&format!("'warifu ceremony close acme {}'", &ceremony[..8])), "{told}");
    fs::create_dir(world.host_dir().join("my stick")).unwrap();
    world.carry("release.warifu", &world.operator);
    let reveal = ["ceremony", "reveal", "release.warifu", "--exec", "cat > opened", "--notice", "my notice"];
    let card = ["--card", "card", "--passphrase-file", "passphrase"];
    let said = world.at(&world.operator, &[&reveal[..], &card].concat()).good();
    assert!(said.out.contains("Opened acme/web/prod version 1."), "{}", said.out);
    assert!(said.err.contains("'warifu ceremony notice 'my notice''"), "{}", said.err);
    world.host(&["ceremony", "close", "acme", &ceremony]).good();
    world.request("second.warifu");
    let custodian = &world.custodians[2];
    world.carry("second.warifu", custodian);
    let read = world.contribute(custodian, "second.warifu", "answer").good();
    assert!(read.err.contains("EXPOSED already, since 2"), "{}", read.err);
}

#[test]
fn the_last_entries_of_a_log_are_read_alone() {
    let world = World::new();
    let all = world.host(&["--json", "audit", "log", "acme"]).good().json();
    let last = world.host(&["--json", "audit", "log", "acme", "--last", "2"]).good().json();
    let (all, last) = (all.as_array().unwrap(), last.as_array().unwrap());
    assert_eq!(last[..], all[all.len() - 2..]);
    let more = world.host(&["--json", "audit", "log", "acme", "--last", "1000000"]).good().json();
    assert_eq!(more.as_array().unwrap().len(), all.len());
}

#[test]
fn people_read_minutes_and_whole_words_and_programs_milliseconds() {
    let world = World::new();
    let shown = world.host(&["account", "show", "acme/web/prod"]).good().out;
    assert!(shown.contains("Z") && !shown.contains(".000Z") && !shown.contains('T'), "{shown}");
    let json = world.host(&["--json", "account", "show", "acme/web/prod"]).good().json();
    assert!(json["versions"][0]["sealed"].as_str().unwrap().contains('T'));
    let group = world.host(&["group", "show", "acme/keepers"]).good().out;
    assert!(group.contains("1 of 3 members may be lost; with one more nothing can be opened"), "{group}");
    let status = world.host(&["status"]).good().out;
    assert!(status.contains("globex: 1 project, 1 account, 1 custodian, 0 operators"), "{status}");
    assert!(status.contains("1 sealed as typed or given on this host"), "{status}");
    assert!(!status.contains("generated and sealed"), "{status}");
}
