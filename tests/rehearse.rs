//! The rehearsal, and real people's commands on the vault that it keeps, in the
//! room on a real pseudo-terminal.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use expectrl::session::OsSession;
use expectrl::{Expect, Session};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;

const WARIFU: &str = env!("CARGO_BIN_EXE_warifu");

fn warifu(vault: &Path, arguments: &[&str]) -> Output {
    Command::new(WARIFU).arg("--vault").arg(vault).args(arguments).output().unwrap()
}

fn json(vault: &Path, arguments: &[&str]) -> Value {
    let output = warifu(vault, &[&["--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

struct Kept {
    dir: tempfile::TempDir,
    people: Vec<Value>,
}

impl Kept {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keep = dir.path().join("kept");
        let output = Command::new(WARIFU).args(["rehearse", "--json", "--keep"]).arg(&keep).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<Value> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(lines.iter().any(|line| line["rehearsal"] == "complete"));
        let refused: Vec<_> =
            lines.iter().filter_map(|line| line["exit"].as_u64()).filter(|exit| *exit != 0).collect();
        assert_eq!(
            refused,
            [5, 4, 4, 5, 5, 7, 4, 6],
            "one of three, replayed, wrong, two of three, forged, no gate, one keeper, changed log"
        );
        let people: Value =
            serde_json::from_slice(&std::fs::read(keep.join("people.json")).unwrap()).unwrap();
        assert_eq!(people["rehearsal"], true);
        Self { dir, people: people["people"].as_array().unwrap().clone() }
    }

    fn vault(&self) -> std::path::PathBuf {
        self.dir.path().join("kept/vault")
    }

    fn of_role(&self, role: &str) -> Vec<&Value> {
        self.people.iter().filter(|p| p["role"] == role).collect()
    }

    fn open(&self, extra: &[&str]) -> OsSession {
        let operator = self.of_role("operator")[0];
        let mut command = Command::new(WARIFU);
        command.arg("--vault").arg(self.vault());
        command
            .args(["open", "demo/web/prod", "--reason", "a test", "--card", text(operator, "card")])
            .args(extra);
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        say(&mut session, "Passphrase", text(operator, "passphrase"));
        session
    }
}

fn text<'a>(person: &'a Value, key: &str) -> &'a str {
    person[key].as_str().unwrap()
}

fn code(person: &Value) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(text(person, "totp_seed").as_bytes()).unwrap();
    let totp = TotpSecret::from_bytes(SecretBytes::new(seed)).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp.code_at(step_of(now)).expose_str().unwrap().to_owned()
}

fn say(session: &mut OsSession, question: &str, answer: &str) {
    session.expect(question).unwrap_or_else(|e| panic!("'{question}' was not asked: {e}"));
    session.send_line(answer).unwrap();
}

fn hear(session: &mut OsSession, words: &str) {
    session.expect(words).unwrap_or_else(|e| panic!("'{words}' was not said: {e}"));
}

#[test]
fn three_people_open_in_the_room_and_each_mistake_costs_only_that_attempt() {
    let kept = Kept::new();
    let out = kept.dir.path().join("password");
    let custodians = kept.of_role("custodian");
    let mut session = kept.open(&["--exec", &format!("cat > {}", out.display())]);

    // A card that is not there, a wrong passphrase, "no", and a wrong code.
    say(&mut session, "Card file of custodian 1 of 3", "/nowhere.card");
    hear(&mut session, "Check the spelling");
    say(&mut session, "Card file of custodian 1 of 3", text(custodians[0], "card"));
    say(&mut session, "Passphrase", "not the passphrase");
    hear(&mut session, "takes another card");
    say(&mut session, "Passphrase", text(custodians[0], "passphrase"));
    hear(&mut session, "a test");
    say(&mut session, "do you agree", "no");
    say(&mut session, "Card file of custodian 1 of 3", text(custodians[0], "card"));
    say(&mut session, "Passphrase", text(custodians[0], "passphrase"));
    say(&mut session, "do you agree", "yes");
    say(&mut session, "TOTP code", "nonsense");
    hear(&mut session, "six digits");
    let right = code(custodians[0]);
    let wrong: String = right.bytes().map(|d| if d == b'9' { '0' } else { char::from(d + 1) }).collect();
    say(&mut session, "TOTP code", &wrong);
    hear(&mut session, "wrong-code");
    say(&mut session, "TOTP code", &code(custodians[0]));
    hear(&mut session, "1 of 3");

    // The same custodian again.
    say(&mut session, "Card file of custodian 2 of 3", text(custodians[0], "card"));
    say(&mut session, "Passphrase", text(custodians[0], "passphrase"));
    hear(&mut session, "has contributed already");

    for (count, custodian) in [(2, custodians[1]), (3, custodians[2])] {
        say(&mut session, &format!("Card file of custodian {count} of 3"), text(custodian, "card"));
        say(&mut session, "Passphrase", text(custodian, "passphrase"));
        say(&mut session, "do you agree", "yes");
        say(&mut session, "TOTP code", &code(custodian));
        hear(&mut session, &format!("{count} of 3"));
    }
    hear(&mut session, "It is exposed from now on");
    assert_eq!(std::fs::read(&out).unwrap().len(), 41, "40 characters and a newline");

    let vault = kept.vault();
    let log = json(
        &vault,
        &["audit", "log", "demo", "--kind", "released", "--kind", "revealed", "--kind", "ended"],
    );
    let last: Vec<_> =
        log.as_array().unwrap().iter().rev().take(3).map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(last, ["ended", "revealed", "released"], "released stands in the log before it is revealed");
    assert_eq!(json(&vault, &["account", "list", "demo"])[0]["state"], "exposed");
    assert!(warifu(&vault, &["audit", "verify"]).status.success());
}

#[test]
fn ctrl_c_aborts_the_ceremony_and_the_log_says_so() {
    let kept = Kept::new();
    let vault = kept.vault();
    let before = json(&vault, &["ceremony", "list", "demo", "--all"]).as_array().unwrap().len();
    let mut session = kept.open(&["--exec", "cat"]);
    hear(&mut session, "Card file of custodian 1 of 3");
    session.send("\x03").unwrap();
    hear(&mut session, "was aborted");
    let all = json(&vault, &["ceremony", "list", "demo", "--all"]);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), before + 1);
    assert_eq!(all.last().unwrap()["state"], "aborted");

    // Without a terminal nothing is released and nothing is opened.
    let operator = kept.of_role("operator")[0];
    let refused =
        warifu(&vault, &["open", "demo/web/prod", "--reason", "x", "--card", text(operator, "card")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--exec"));
    assert_eq!(json(&vault, &["ceremony", "list", "demo", "--all"]).as_array().unwrap().len(), all.len());
}

/// The size must be there before the program looks: a shell waits for it.
#[test]
fn on_a_terminal_the_rehearsal_fits_and_its_colours_are_colours() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("read go; '{WARIFU}' rehearse")]);
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(80, 40).unwrap();
    session.get_process_mut().set_echo(false, None).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    session.send("\n").unwrap();
    let found = session.expect(expectrl::Eof).unwrap();
    let text = String::from_utf8_lossy(found.as_bytes()).into_owned();
    assert!(text.contains("\x1b[1;36m1. A vault") && !text.contains("·["), "{text}");
    let mut plain = text;
    for colour in ["\x1b[1;36m", "\x1b[2m", "\x1b[33m", "\x1b[0m", "\r"] {
        plain = plain.replace(colour, "");
    }
    assert!(!plain.contains('\x1b'), "{plain}");
    // A word that is wider than the terminal stays whole: a list of five pseudonyms.
    let wide = |line: &&str| unicode_width::UnicodeWidthStr::width(*line) > 80 && !line.contains(',');
    let wide: Vec<_> = plain.lines().filter(wide).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(plain.contains("Some commands are refused: that is meant"), "{plain}");
    assert!(plain.contains("warifu rehearse --keep DIR"), "{plain}");
}
