//! Figures of the whole program, each beside what it is measured against, in
//! one run of the release build: `cargo bench --bench process`. Medians and
//! ratios; nothing fails because a machine is slow. Needs the `sqlite3` shell.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use expectrl::{Expect, Session};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use warifu::seal::passphrase::{KdfParams, derive};
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;

const WARIFU: &str = env!("CARGO_BIN_EXE_warifu");
/// Cards that a rehearsal makes; what was stretched once is remembered.
const REHEARSAL_ARGON2_RUNS: u32 = 9;
const MEMORY_OF_ARGON2_KIB: u64 = 256 * 1024;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    println!("{:<46} {:>12} {:>14} {:>10}", "figure", "measured", "against", "ratio");
    status_of_an_empty_vault(dir.path());
    let kept = dir.path().join("rehearsal");
    rehearsal(&kept);
    memory_of_open(&kept);
}

fn row(figure: &str, measured: String, against: String, ratio: String) {
    println!("{figure:<46} {measured:>12} {against:>14} {ratio:>10}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command starts");
    assert!(status.success(), "{command:?}");
    start.elapsed()
}

fn status_of_an_empty_vault(dir: &Path) {
    let vault = dir.join("empty");
    timed(Command::new(WARIFU).arg("--vault").arg(&vault).arg("init"));
    let database = vault.join("vault.db");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..31 {
        ours.push(timed(Command::new(WARIFU).arg("--vault").arg(&vault).arg("status")));
        theirs.push(timed(Command::new("sqlite3").arg(&database).arg("SELECT count(*) FROM entry")));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    row(
        "status, empty vault (at most 3 x sqlite3)",
        format!("{ours:.1?}"),
        format!("{theirs:.1?}"),
        format!("{ratio:.2}"),
    );
}

fn rehearsal(kept: &Path) {
    let passphrase = SecretBytes::new(b"a passphrase of a benchmark".to_vec());
    let argon2 = |_| {
        let start = Instant::now();
        derive(&passphrase, &[7; 16], KdfParams::STANDARD).expect("enough memory");
        start.elapsed()
    };
    let before: Vec<_> = (0..3).map(argon2).collect();
    let took = timed(Command::new(WARIFU).arg("rehearse").arg("--keep").arg(kept));
    let after = (0..3).map(argon2);
    let one = median(before.into_iter().chain(after).collect());
    let spent = one * REHEARSAL_ARGON2_RUNS;
    let rest = took.saturating_sub(spent);
    row(
        "rehearse (at most 9 Argon2id runs + 3 s)",
        format!("{took:.1?}"),
        format!("{spent:.1?}"),
        format!("+{:.1}s", rest.as_secs_f64()),
    );
}

/// Peak memory of `open` in the room, as the kernel counts it, read by the
/// program that the password is handed to.
fn memory_of_open(kept: &Path) {
    let people: Value =
        serde_json::from_slice(&std::fs::read(kept.join("people.json")).expect("people.json")).expect("JSON");
    let people = people["people"].as_array().expect("a list").clone();
    let operator = people.iter().find(|p| p["role"] == "operator").expect("an operator");
    let peak = kept.join("peak");
    let exec = format!("grep VmHWM /proc/$PPID/status > {}", peak.display());
    let mut command = Command::new(WARIFU);
    command.arg("--vault").arg(kept.join("vault"));
    command.args(["open", "demo/web/prod", "--reason", "benchmark", "--exec", &exec]);
    command.args(["--card", text(operator, "card")]);
    let mut session = Session::spawn(command).expect("a pseudo-terminal");
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    answer(&mut session, "Passphrase", text(operator, "passphrase"));
    for custodian in people.iter().filter(|p| p["role"] == "custodian").take(3) {
        answer(&mut session, "Card file", text(custodian, "card"));
        answer(&mut session, "Passphrase", text(custodian, "passphrase"));
        answer(&mut session, "do you agree", "yes");
        answer(&mut session, "TOTP code", &code(text(custodian, "totp_seed")));
    }
    session.expect("It is exposed").expect("the password came out");
    let read = std::fs::read_to_string(&peak).expect("the peak was written");
    let kib: u64 = read.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("VmHWM: N kB");
    row(
        "open, peak memory (at most Argon2id + 24 MiB)",
        format!("{} MiB", kib / 1024),
        format!("{} MiB", MEMORY_OF_ARGON2_KIB / 1024),
        format!("+{}MiB", kib.saturating_sub(MEMORY_OF_ARGON2_KIB) / 1024),
    );
}

fn text<'a>(person: &'a Value, key: &str) -> &'a str {
    person[key].as_str().expect("a string")
}

fn code(seed: &str) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(seed.as_bytes()).expect("Base32");
    let totp = TotpSecret::from_bytes(SecretBytes::new(seed)).expect("20 bytes");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    totp.code_at(step_of(now)).expose_str().expect("digits").to_owned()
}

fn answer(session: &mut impl Expect, question: &str, answer: &str) {
    session.expect(question).unwrap_or_else(|e| panic!("'{question}' was not asked: {e}"));
    session.send_line(answer).expect("the terminal takes it");
}
