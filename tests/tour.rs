//! The README's tour: its commands are read out of README.md and run as they
//! stand there, by a shell on a real pseudo-terminal, with somebody at it who
//! answers what is asked. And every command line that the documents name has
//! the commands and options that the program has.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use clap::CommandFactory;
use data_encoding::BASE32_NOPAD;
use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{Expect, Regex, Session};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;

const PASSPHRASE: &str = "tallow ember sundial quarry";

/// The indented lines below a heading of README.md, without their comments.
fn commands(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section =
        readme.split("\n## ").find(|s| s.starts_with(heading)).expect("the README has this section");
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Somebody of the tour.
struct Person {
    name: String,
    card: String,
    passphrase: String,
    seed: Vec<u8>,
}

impl Person {
    fn code(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let totp = TotpSecret::from_bytes(SecretBytes::new(self.seed.clone())).unwrap();
        totp.code_at(step_of(now)).expose_str().unwrap().to_owned()
    }
}

/// A shell in a home of its own, with the program on its path.
struct Tour {
    home: TempDir,
    before: Vec<String>,
}

/// One command of the tour on its terminal.
struct Terminal {
    session: OsSession,
    line: String,
}

impl Tour {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), before: Vec::new() }
    }

    fn run(&self, line: &str) -> Terminal {
        let program = Path::new(env!("CARGO_BIN_EXE_warifu")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let script = [&self.before[..], &[line.to_owned()]].concat().join("\n");
        let mut command = Command::new("/bin/sh");
        command.args(["-e", "-c", &script]).current_dir(self.home.path());
        command.env("PATH", path).env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8");
        command.env_remove("WARIFU_VAULT");
        let mut session = Session::spawn(command).unwrap();
        session.get_process_mut().set_window_size(100, 40).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        Terminal { session, line: line.to_owned() }
    }
}

impl Terminal {
    #[track_caller]
    fn sees(&mut self, text: &str) {
        if let Err(error) = self.session.expect(text) {
            let mut rest = [0; 8192];
            let count = self.session.try_read(&mut rest).unwrap_or_default();
            panic!("{}: no {text:?}: {error}\n{}", self.line, String::from_utf8_lossy(&rest[..count]));
        }
    }

    #[track_caller]
    fn finds(&mut self, pattern: &str) -> String {
        match self.session.expect(Regex(pattern)) {
            Ok(found) => String::from_utf8(found.get(0).unwrap().to_vec()).unwrap(),
            Err(error) => panic!("{}: no {pattern:?}: {error}", self.line),
        }
    }

    fn types(&mut self, line: &str) {
        self.session.send(line.as_bytes()).unwrap();
        self.session.send("\r").unwrap();
    }

    fn gives_card(&mut self, person: &Person) {
        self.sees("Card file of");
        self.types(&person.card);
        self.gives_passphrase(person);
    }

    fn gives_passphrase(&mut self, person: &Person) {
        self.sees("Passphrase of");
        self.types(&person.passphrase);
    }

    /// Agreement and code, or as far as the quorum needs them.
    fn contributes(&mut self, person: &Person) {
        self.gives_card(person);
        self.sees(&format!("{}, do you agree?", person.name));
        self.types("yes");
        self.sees(&format!("TOTP code of {}", person.name));
        self.types(&person.code());
    }

    fn reads_the_password(&mut self) {
        self.sees("it is wiped in");
        self.types("");
    }

    /// The rest of what it says; it must have succeeded.
    #[track_caller]
    fn ends(mut self) -> String {
        let rest = self.session.expect(expectrl::Eof).map(|f| f.as_bytes().to_vec()).unwrap_or_default();
        let rest = String::from_utf8_lossy(&rest).into_owned();
        let status = self.session.get_process().wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, 0)), "{}: {status:?}\n{rest}", self.line);
        rest
    }
}

/// As the README's readers do it, but for a key derivation that takes less time.
fn enrol(tour: &Tour, line: &str) -> Person {
    let mut at = tour.run(&format!("{line} --kdf-floor"));
    at.sees("New passphrase for the card: ");
    at.types(PASSPHRASE);
    at.sees("once more: ");
    at.types(PASSPHRASE);
    at.sees("Or type: ");
    let base32 = at.finds("[A-Z2-7 ]{39}").replace(' ', "");
    let seed = BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
    at.sees("Press Enter when the app has it");
    at.types("");
    let mut person =
        Person { name: String::new(), card: String::new(), passphrase: PASSPHRASE.to_owned(), seed };
    at.sees("Code that the app shows now");
    at.types(&person.code());
    at.sees("Enrolled ");
    person.name = at.finds("[a-z]+-[a-z]+-[a-z]+");
    person.card = format!("{}.card", person.name);
    at.ends();
    person
}

#[test]
fn the_readmes_five_minutes_are_run_as_they_stand_there() {
    let mut tour = Tour::new();
    let (mut custodians, mut operator, mut words) = (Vec::new(), None, String::new());
    let mut done = Vec::new();
    for line in commands("Five minutes on a real vault") {
        let names: Vec<&str> = custodians.iter().map(|p: &Person| p.name.as_str()).collect();
        let operators = operator.as_ref().map_or("", |p: &Person| p.name.as_str());
        let real =
            line.replace("a-b-c,d-e-f,g-h-i,j-k-l,m-n-o", &names.join(",")).replace("OPERATOR", operators);
        let verb = real.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ");
        done.push(verb.clone());
        match verb.as_str() {
            _ if real.starts_with("export ") => tour.before.push(real),
            "custodian enrol" => custodians.extend((0..5).map(|_| enrol(&tour, &real))),
            "operator enrol" => operator = Some(enrol(&tour, &real)),
            "custodian list" => {
                let said = tour.run(&real).ends();
                assert!(names.iter().all(|name| said.contains(name)), "{said}");
            }
            "group form" => {
                let mut at = tour.run(&real);
                custodians.iter().for_each(|person| at.gives_card(person));
                at.sees("Read these twelve words aloud");
                words = at.finds("([a-z]+\\s+){11}[a-z]+\r");
                at.sees("do all members sign?");
                at.types("yes");
                at.ends();
            }
            "operator admit" | "bind acme" => {
                let mut at = tour.run(&real);
                custodians.iter().take(3).for_each(|person| at.gives_card(person));
                at.ends();
            }
            "seal acme/web/prod" => {
                let mut at = tour.run(&real);
                at.sees("The twelve words");
                at.types(&words.split_whitespace().collect::<Vec<_>>().join(" "));
                at.reads_the_password();
                at.ends();
            }
            "open acme/web/prod" => {
                let mut at = tour.run(&real);
                at.gives_card(operator.as_ref().unwrap());
                custodians.iter().skip(1).take(3).for_each(|person| at.contributes(person));
                at.reads_the_password();
                assert!(at.ends().contains("It is exposed from now on"));
            }
            _ => drop(tour.run(&real).ends()),
        }
    }
    for verb in ["init --origin", "group form", "seal acme/web/prod", "open acme/web/prod", "audit verify"] {
        assert!(done.iter().any(|d| d == verb), "the README's tour no longer shows '{verb}': {done:?}");
    }
}

#[test]
fn the_readmes_rehearsal_is_kept_and_opened_as_it_stands_there() {
    let tour = Tour::new();
    let mut people = Vec::new();
    let lines = commands("Without five friends");
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        let mut at = tour.run(&line);
        if line.contains(" open ") {
            at.gives_passphrase(&people[people.len() - 1]);
            people.iter().take(3).for_each(|person| at.contributes(person));
            at.reads_the_password();
        }
        at.ends();
        if people.is_empty() {
            people = cast(&tour.home.path().join("DIR/people.json"));
        }
    }
}

/// The rehearsal's people but for keepers, custodians first.
fn cast(file: &Path) -> Vec<Person> {
    let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut cast = file["people"].as_array().unwrap().clone();
    // Keepers have no authenticator, and no part in a ceremony.
    cast.retain(|person| person["role"] != "keeper");
    cast.sort_by_key(|person| person["role"].as_str().unwrap().to_owned());
    let person = |person: &Value| {
        let text = |key: &str| person[key].as_str().unwrap().to_owned();
        let seed = BASE32_NOPAD.decode(text("totp_seed").as_bytes()).unwrap();
        Person { name: text("pseudonym"), card: text("card"), passphrase: text("passphrase"), seed }
    };
    cast.iter().map(person).collect()
}

/// Command lines in a document: indented, in a code span, or in a shell block.
fn command_lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap();
        if let Some(command) = line.strip_prefix("    ").or(Some(line)).filter(|l| l.starts_with("warifu ")) {
            found.push(command.to_owned());
        }
        found.extend(
            line.split('`').skip(1).step_by(2).filter(|s| s.starts_with("warifu ")).map(str::to_owned),
        );
    }
    found
}

#[test]
fn every_command_and_option_that_a_document_names_exists() {
    let mut documents: Vec<_> =
        fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path()).collect();
    documents.push(root().join("README.md"));
    let mut checked = 0;
    // The protocol shows lines of files, which begin with the program's name too.
    documents.retain(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("protocol.md"));
    for document in documents {
        for line in command_lines(&fs::read_to_string(&document).unwrap()) {
            let mut command = warifu::cli::Cli::command();
            command.build();
            let mut at = &command;
            for word in line.split_whitespace().skip(1) {
                if let Some(option) = word.strip_prefix("--") {
                    let option = option.split(['=', ']', ')']).next().unwrap();
                    let known = option == "help" || at.get_arguments().any(|a| a.get_long() == Some(option));
                    assert!(known, "{}: {line}: there is no --{option}", document.display());
                } else if at.has_subcommands() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                    let below = at.find_subcommand(word);
                    at = below.unwrap_or_else(|| panic!("{}: {line}: no {word}", document.display()));
                }
            }
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} command lines were found");
}

#[test]
fn docs_testing_names_every_test_there_is() {
    let text = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let mut there: Vec<String> = Vec::new();
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let of_its_own = path.join("main.rs").exists();
        if of_its_own || path.extension().is_some_and(|e| e == "rs") {
            there.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let mut named: Vec<String> = text
        .split("cargo test --test ")
        .skip(1)
        .map(|rest| rest.split(['`', ' ', '\n']).next().unwrap().to_owned())
        .collect();
    for list in [&mut there, &mut named] {
        list.sort();
        list.dedup();
    }
    assert_eq!(named, there);
}
