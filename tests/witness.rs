//! Witnesses as programs of their own, on loopback: the server's answers, asking
//! it, and releases that wait for it.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, PASSWORD, World, joined, warifu};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::merkle::{Hash, consistency_proof, leaf_hash, root};
use warifu::log::note::{LogSigner, Note, VerifierKey};
use warifu::log::witness::{AddCheckpoint, origin_hash};
use warifu::secret::SecretKey;

/// A witness that runs.
struct Running {
    child: Child,
    address: String,
    key: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Makes the witness if need be, and starts it on a free port or this one.
    fn start(dir: &Path, name: &str, logs: &[String], listen: &str) -> Self {
        if !dir.join("cosigner.key").exists() {
            let state = dir.display().to_string();
            cli::run(dir.parent().unwrap(), &["witness", "init", "--state", &state, "--name", name]).good();
        }
        let mut command = warifu();
        command.args(["--json", "witness", "serve", "--listen", listen, "--state"]).arg(dir);
        for log in logs {
            command.args(["--log", log]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Self { child, address: text("listening"), key: text("key") }
    }

    /// As it is given to `--witness`.
    fn option(&self) -> String {
        format!("{} {}", self.key, self.address)
    }

    fn port(&self) -> String {
        self.address.strip_prefix("http://").unwrap().to_owned()
    }

    fn stop(mut self) -> i32 {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code().expect("it ends by itself")
    }

    fn post(&self, body: &[u8]) -> (u16, String, String) {
        post(&self.address, body)
    }

    fn monitor(&self, origin: &str) -> (u16, String) {
        let (status, _, body) = get(&format!("{}/{}/checkpoint", self.address, origin_hash(origin)));
        (status, body)
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(Duration::from_secs(20))).build().into()
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> (u16, String, String) {
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status().as_u16(), kind.unwrap_or_default(), answer.body_mut().read_to_string().unwrap())
}

fn post(address: &str, body: &[u8]) -> (u16, String, String) {
    read(agent().post(format!("{address}/add-checkpoint")).send(body).unwrap())
}

fn get(url: &str) -> (u16, String, String) {
    read(agent().get(url).call().unwrap())
}

const ORIGIN: &str = "vault.example/acme";

fn signer(fill: u8) -> LogSigner {
    LogSigner::new(ORIGIN, SecretKey::from_slice(&[fill; 32]).unwrap()).unwrap()
}

fn leaves(size: u64, fork: u8) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&[n as u8, fork])).collect()
}

fn note(size: u64, fork: u8, key: u8) -> Note {
    let body = Checkpoint { origin: ORIGIN.into(), size, root: root(&leaves(size, fork)) };
    checkpoint::sign(&body, &signer(key)).unwrap()
}

fn request(old: u64, size: u64, fork: u8) -> Vec<u8> {
    let proof = consistency_proof(&leaves(size, fork), old, size).unwrap();
    AddCheckpoint::new(old, proof, note(size, fork, 1)).unwrap().to_string().into_bytes()
}

/// A witness of the log above, in a directory of its own.
fn alone() -> (tempfile::TempDir, Running) {
    let dir = tempfile::tempdir().unwrap();
    let logs = [signer(1).verifier().to_string()];
    let running = Running::start(&dir.path().join("w"), "w.example", &logs, "127.0.0.1:0");
    (dir, running)
}

#[test]
fn every_answer_has_the_status_and_type_of_the_specification() {
    let (_dir, witness) = alone();
    assert_eq!(witness.monitor(ORIGIN).0, 404);
    let (status, _, line) = witness.post(&request(0, 5, 0));
    assert_eq!(status, 200);
    let key = VerifierKey::parse(&witness.key).unwrap();
    let cosigned = Note::parse(format!("{}{line}", note(5, 0, 1)).as_bytes()).unwrap();
    assert!(cosigned.verify(std::slice::from_ref(&key)).is_ok(), "{line}");
    let conflict = (409, "text/x.tlog.size".to_owned(), "5\n".to_owned());
    assert_eq!(witness.post(&request(0, 5, 0)), conflict);
    assert_eq!(witness.post(&request(3, 7, 0)), conflict);
    let other = AddCheckpoint::new(5, Vec::new(), note(5, 1, 1)).unwrap().to_string();
    assert_eq!(witness.post(other.as_bytes()), conflict, "the same size with another root");
    assert_eq!(witness.post(&request(5, 7, 1)).0, 422, "a fork");
    let stranger = AddCheckpoint::new(5, Vec::new(), note(7, 0, 2)).unwrap().to_string();
    assert_eq!(witness.post(stranger.as_bytes()).0, 403);
    let unknown = String::from_utf8(request(0, 5, 0)).unwrap().replace(ORIGIN, "else.example");
    assert_eq!(witness.post(unknown.as_bytes()).0, 404);
    let shrunk = AddCheckpoint::new(9, Vec::new(), note(7, 0, 1)).unwrap().to_string();
    assert_eq!(witness.post(shrunk.as_bytes()).0, 400);
    assert_eq!(witness.post(b"").0, 400);
    assert_eq!(witness.post(b"old 05\n\n").0, 400);
    assert_eq!(get(&format!("{}/add-checkpoint", witness.address)).0, 405);
    assert_eq!(get(&format!("{}/nothing", witness.address)).0, 404);
    // None of that moved it.
    assert_eq!(witness.post(&request(5, 7, 0)).0, 200);
    let (status, held) = witness.monitor(ORIGIN);
    assert_eq!(status, 200);
    let known = [key, signer(1).verifier().clone()];
    let (text, signed) = Note::parse(held.as_bytes())
        .map(|n| (n.unverified_text().clone(), n.verify(&known).unwrap().1))
        .unwrap();
    assert_eq!((Checkpoint::parse(&text).unwrap().size, signed.len()), (7, 2), "{held}");
}

#[test]
fn a_request_that_is_too_long_is_not_read() {
    let (_dir, witness) = alone();
    let long = vec![b'x'; warifu::log::witness::MAX_REQUEST + 1];
    assert_eq!(witness.post(&long).0, 413);
    assert_eq!(witness.post(&request(0, 5, 0)).0, 200);
}

#[test]
fn of_racing_requests_for_one_old_size_one_wins() {
    let (_dir, witness) = alone();
    assert_eq!(witness.post(&request(0, 5, 0)).0, 200);
    let address = witness.address.clone();
    let racers: Vec<_> = (6..14u64)
        .map(|size| {
            let address = address.clone();
            std::thread::spawn(move || (size, post(&address, &request(5, size, 0))))
        })
        .collect();
    let answers: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
    let won: Vec<_> = answers.iter().filter(|(_, (status, ..))| *status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let size = won[0].0;
    for (other, answer) in answers.iter().filter(|(other, _)| *other != size) {
        let conflict = (409, "text/x.tlog.size".to_owned(), format!("{size}\n"));
        assert_eq!(*answer, conflict, "the one for {other}");
    }
    assert!(witness.monitor(ORIGIN).1.starts_with(&format!("{ORIGIN}\n{size}\n")));
}

#[test]
fn a_restart_or_a_kill_forgets_nothing() {
    let (dir, witness) = alone();
    let state = dir.path().join("w");
    assert_eq!(witness.post(&request(0, 5, 0)).0, 200);
    let (key, logs) = (witness.key.clone(), [signer(1).verifier().to_string()]);
    assert_eq!(witness.stop(), 0, "it ends by itself");
    let mut again = Running::start(&state, "w.example", &logs, "127.0.0.1:0");
    assert_eq!(again.key, key);
    assert_eq!(again.post(&request(0, 6, 0)).2, "5\n");
    assert_eq!(again.post(&request(5, 6, 0)).0, 200);
    again.child.kill().unwrap();
    drop(again);
    let last = Running::start(&state, "w.example", &logs, "127.0.0.1:0");
    assert_eq!(last.post(&request(5, 7, 1)).2, "6\n");
    // A second process for the same state is refused.
    let (text, log) = (state.display().to_string(), logs[0].as_str());
    let serve = ["witness", "serve", "--listen", "127.0.0.1:0", "--state", &text, "--log", log];
    cli::run(dir.path(), &serve).refused(7, &["another process serves", "Stop the other"]);
    drop(last);
    let kept = state.join(format!("{}.checkpoint", origin_hash(ORIGIN)));
    fs::write(&kept, fs::read_to_string(&kept).unwrap().replacen("\n6\n", "\n4\n", 1)).unwrap();
    cli::run(dir.path(), &serve).refused(6, &["is damaged", "not older"]);
}

/// `acme`'s own key, as witnesses need it.
fn log_key(world: &World) -> String {
    let said = world.host(&["--json", "audit", "checkpoint", "acme"]).good().json();
    said["key"].as_str().unwrap().to_owned()
}

fn witness_of(world: &World, name: &str) -> Running {
    let logs = [log_key(world)];
    Running::start(&world.dir("witnesses").join(name), &format!("{name}.example"), &logs, "127.0.0.1:0")
}

#[test]
fn a_witness_cosigns_each_checkpoint_and_finds_a_rollback() {
    let world = World::new();
    let witness = witness_of(&world, "one");
    let option = witness.option();
    let cosign = ["audit", "cosign", "acme", "--witness", &option];
    world.host_refused(&["audit", "checkpoint", "acme", "--cosigned"], 2, &["nobody has cosigned"]);
    // Neither gate.key nor a card is needed.
    let gate = world.vault().join("gate.key");
    fs::rename(&gate, world.host_dir().join("away")).unwrap();
    world.host(&cosign).good();
    fs::rename(world.host_dir().join("away"), &gate).unwrap();
    let note = world.host(&["audit", "checkpoint", "acme"]).good().out;
    assert!(note.contains("one.example "), "{note}");
    assert_eq!(world.host(&["audit", "checkpoint", "acme", "--cosigned"]).good().out, note);
    world.verified();
    let backup = Backup::of(&world.vault());
    for name in ["one", "two"] {
        world.host(&["project", "add", &format!("acme/{name}")]).good();
    }
    world.host(&cosign).good();
    // The newest cosigned checkpoint stays while the log goes on.
    world.host(&["project", "add", "acme/three"]).good();
    let note = world.host(&["audit", "checkpoint", "acme"]).good().out;
    assert!(!note.contains("one.example"), "{note}");
    let kept = world.host(&["audit", "checkpoint", "acme", "--cosigned"]).good().out;
    assert!(kept.contains("one.example"), "{kept}");
    world.verified();
    backup.restore();
    world.host(&cosign).refused(1, &["0 of 1 witnesses cosigned", "tell the security officers"]);
    let said = world.host(&[&["--json"], &cosign[..]].concat()).json();
    assert!(said["witnesses"][0]["why"].as_str().unwrap().contains("rolled back"), "{said}");
    world.host(&["project", "add", "acme/other"]).good();
    world.host(&["project", "add", "acme/another"]).good();
    world.host(&["project", "add", "acme/more"]).good();
    let said = world.host(&[&["--json"], &cosign[..]].concat()).json();
    assert!(said["witnesses"][0]["why"].as_str().unwrap().contains("forked"), "{said}");
}

/// Writes a policy of `needed` of these, and lets two custodians set it.
fn demand(world: &World, witnesses: &[(&str, &str)], needed: usize) {
    let lines: String =
        witnesses.iter().enumerate().map(|(n, (key, url))| format!("witness w{n} {key} {url}\n")).collect();
    let names: Vec<_> = (0..witnesses.len()).map(|n| format!("w{n}")).collect();
    let policy = format!("log {}\n{lines}group g {needed} {}\nquorum g\n", log_key(world), names.join(" "));
    fs::write(world.host_dir().join("policy"), &policy).unwrap();
    let set = ["audit", "policy", "set", "acme/keepers", "--file", "policy"];
    world.host(&joined(&set, &world.cards(&[0, 1]))).good();
    let shown = world.host(&["audit", "policy", "show", "acme/keepers"]).good().out;
    assert_eq!(shown, policy);
}

/// Read twice, a file could be another one by the time that it is signed; a pipe
/// is empty by then.
#[test]
fn the_policy_that_is_shown_is_the_one_that_is_signed() {
    let world = World::new();
    let policy = format!("log {}\nquorum none\n", log_key(&world));
    let set = ["audit", "policy", "set", "acme/keepers", "--file", "/dev/stdin"];
    world.host_with(&joined(&set, &world.cards(&[0, 1])), &policy).good();
    assert_eq!(world.host(&["audit", "policy", "show", "acme/keepers"]).good().out, policy);
    world.verified();
}

#[test]
fn custodians_cosign_what_they_checked_and_a_wrong_cosignature_is_named() {
    let world = World::new();
    world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(2, "request.warifu");
    let note = world.host(&["audit", "checkpoint", "acme", "--cosigned"]).good().out;
    let names = [0, 2].map(|which| format!("/{} ", world.custodians[which].name));
    assert!(names.iter().all(|name| note.contains(name)), "{note}");
    world.verified();
    // Somebody puts one custodian's name to the other's signature.
    let kept = Note::parse(note.as_bytes()).unwrap().to_string();
    let lines: Vec<_> = kept.lines().collect();
    let [one, two] = [lines[lines.len() - 2], lines[lines.len() - 1]];
    let (head, own) = two.rsplit_once(' ').unwrap();
    let other = one.rsplit_once(' ').unwrap().1;
    let decode = |text: &str| data_encoding::BASE64.decode(text.as_bytes()).unwrap();
    let mixed = [&decode(own)[..4], &decode(other)[4..]].concat();
    let twisted = kept.replace(two, &format!("{head} {}", data_encoding::BASE64.encode(&mixed)));
    let put = "UPDATE projection SET bytes = ?1 WHERE name = 'cosigned'";
    world.database().execute(put, [twisted.into_bytes()]).unwrap();
    let ran = world.host(&["audit", "verify"]).refused(6, &[]);
    let who = world.custodians.iter().find(|c| head.contains(&c.name)).unwrap();
    let says = format!("the cosignature of {} on the cosigned checkpoint is wrong", who.name);
    assert!(ran.out.contains(&says), "{}", ran.out);
    // And one that this log never had, under the log's own good old signature.
    let old = world.host(&["audit", "checkpoint", "globex"]).good().out;
    world.database().execute(put, [old.into_bytes()]).unwrap();
    let ran = world.host(&["audit", "verify"]).refused(6, &[]);
    assert!(ran.out.contains("the cosigned checkpoint's signature is wrong"), "{}", ran.out);
}

fn opened(world: &World) -> bool {
    world.host_dir().join("opened").exists()
}

#[test]
fn a_release_waits_for_its_witnesses_and_is_given_when_they_are_back() {
    let world = World::new();
    let (one, two) = (witness_of(&world, "one"), witness_of(&world, "two"));
    let (key, address, port) = (two.key.clone(), two.address.clone(), two.port());
    demand(&world, &[(&one.key, &one.address), (&key, &address)], 2);
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    assert_eq!(two.stop(), 0);
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    let finish = joined(&finish, &[]);
    let card = world.card(&world.operator);
    let finish: Vec<_> = finish.into_iter().chain(card.iter().map(String::as_str)).collect();
    let says = ["1 of 2 witnesses answered: w1: ", "Nothing was given out", "warifu ceremony finish"];
    world.host(&finish).refused(5, &says);
    assert!(!opened(&world), "nothing is given out");
    let release = ["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"];
    world.host(&release).refused(5, &["1 of 2 witnesses answered"]);
    assert!(!world.host_dir().join("release.warifu").exists());
    let rows = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    assert_eq!(rows[0]["state"], "open");
    let logs = [log_key(&world)];
    let two = Running::start(&world.dir("witnesses").join("two"), "two.example", &logs, &port);
    assert_eq!(two.key, key);
    world.host(&finish).good();
    assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap(), format!("{PASSWORD}\n"));
    world.verified();
}

#[test]
fn a_witness_that_accepts_and_never_answers_costs_its_time_alone() {
    let world = World::new();
    let one = witness_of(&world, "one");
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", mute.local_addr().unwrap());
    let state = world.dir("witnesses").join("mute").display().to_string();
    let made = world.host(&["--json", "witness", "init", "--state", &state, "--name", "mute"]).good();
    let key = made.json()["key"].as_str().unwrap().to_owned();
    demand(&world, &[(&one.key, &one.address), (&key, &address)], 2);
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    let release =
        ["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu", "--witness-timeout", "2s"];
    let begun = Instant::now();
    world.host(&release).refused(5, &["1 of 2 witnesses answered: w1: timeout"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(!world.host_dir().join("release.warifu").exists());
    // The quorum is content with one of two; the operator's own machine agrees.
    demand(&world, &[(&one.key, &one.address), (&key, &address)], 1);
    world.host(&release).good();
    world.carry("release.warifu", &world.operator);
    let reveal = [
        "ceremony",
        "reveal",
        "release.warifu",
        "--card",
        "card",
        "--passphrase-file",
        "passphrase",
        "--exec",
        "cat > opened",
    ];
    world.at(&world.operator, &reveal).good();
    world.verified();
}

#[test]
fn a_policy_needs_the_groups_quorum_and_this_log() {
    let world = World::new();
    let one = witness_of(&world, "one");
    let set = ["audit", "policy", "set", "acme/keepers", "--file", "policy"];
    let write = |text: &str| fs::write(world.host_dir().join("policy"), text).unwrap();
    let whole = format!("witness w {} {}\nquorum w\n", one.key, one.address);
    write(&whole);
    world.host_refused(&joined(&set, &world.cards(&[0])), 2, &["signature 2 of 2", "--card"]);
    let stranger = world.card(&world.stranger);
    let cards = [world.cards(&[0]), stranger].concat();
    world.host_refused(&joined(&set, &cards), 4, &["does not belong to this organisation"]);
    let both = world.cards(&[0, 1]);
    write(whole.trim_end());
    world.host_refused(&joined(&set, &both), 3, &["policy: the last line", "Correct that line"]);
    write(&format!("log {}\n{whole}", signer(1).verifier()));
    world.host_refused(&joined(&set, &both), 3, &["does not name this log", "'log' lines"]);
    write(&format!("#{}\n{whole}", "x".repeat(4096)));
    world.host_refused(&joined(&set, &both), 3, &["longer than 4096 bytes"]);
    let none = world.host(&["audit", "policy", "show", "acme/keepers"]).good().out;
    assert!(none.contains("has no witness policy"), "{none}");
}
