//! A whole ceremony with the built program in which something fails between its
//! steps: the disk does not sync, the gate's key is lost or cannot be read, the
//! store cannot be written. Nothing is released, the ceremony is not lost, and it
//! goes on when the cause is mended. A full disk is in `faults`, witnesses that are
//! too few in `witness`.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, PASSWORD, Ran, World, joined, run_with, warifu};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;
use warifu::cli::Exit;

const STORAGE: i32 = Exit::Storage as u8 as i32;

/// A ceremony that lacks nothing but its release.
fn complete() -> (World, String) {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    (world, ceremony)
}

/// `ceremony finish` on the host, as `change` changes the command.
fn finish_with(world: &World, ceremony: &str, change: impl FnOnce(&mut Command)) -> Ran {
    let finish =
        ["--vault", "vault", "--yes", "ceremony", "finish", "acme", ceremony, "--exec", "cat > opened"];
    let card = world.card(&world.operator);
    let mut command = warifu();
    change(command.current_dir(world.host_dir()));
    run_with(&mut command, &joined(&finish, &card), None)
}

fn finish(world: &World, ceremony: &str) -> Ran {
    finish_with(world, ceremony, |_| {})
}

/// What was handed over, if anything.
fn handed_over(world: &World) -> Option<String> {
    fs::read_to_string(world.host_dir().join("opened")).ok().filter(|text| !text.is_empty())
}

/// Nothing was given out: neither to the program nor on the way.
#[track_caller]
fn nothing_given(world: &World, ran: &Ran) {
    assert_eq!(handed_over(world), None, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD));
    assert!(!world.host_dir().join("release.warifu").exists());
}

/// The cause is mended: the ceremony is open still, and gives what it should.
#[track_caller]
fn goes_on(world: &World, ceremony: &str) {
    let rows = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    let row = rows.as_array().unwrap().iter().find(|row| row["ceremony"] == ceremony).unwrap();
    assert_eq!(row["state"], "open");
    finish(world, ceremony).good();
    assert_eq!(handed_over(world).unwrap(), format!("{PASSWORD}\n"));
    world.verified();
}

/// Kinds of all entries of `acme`, read when everything is well again.
fn kinds(world: &World) -> Vec<String> {
    let log = world.host(&["--json", "audit", "log", "acme"]).good().json();
    log.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

/// The library that lets syncs fail, made once.
fn failing_sync() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("failing_sync.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/failing_sync.c");
        // The compiler that SQLite is built with.
        let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&path).arg(source).status();
        assert!(made.unwrap().success());
        (dir, path)
    });
    path
}

fn syncs(command: &mut Command, count: usize) {
    command.env("LD_PRELOAD", failing_sync()).env("WARIFU_TEST_SYNCS", count.to_string());
}

/// From the first sync of the finish to the last: whichever is the first to fail,
/// nothing is given out for which the log was not durable, and then it goes on.
#[test]
fn no_sync_that_fails_lets_a_release_out_or_loses_the_ceremony() {
    let (world, ceremony) = complete();
    let before = kinds(&world);
    let backups = [Backup::of(&world.vault()), Backup::of(&world.home(&world.operator))];
    let mut refusals = 0;
    for count in 0.. {
        assert!(count < 200, "it never succeeds");
        let ran = finish_with(&world, &ceremony, |command| syncs(command, count));
        let given = handed_over(&world);
        if ran.code == 0 {
            assert_eq!(given.unwrap(), format!("{PASSWORD}\n"));
            break;
        }
        refusals += 1;
        assert_eq!(ran.code, STORAGE, "sync {count}: {}{}", ran.out, ran.err);
        let after = kinds(&world);
        assert_eq!(after[..before.len()], before, "sync {count}");
        let new: Vec<_> = after[before.len()..].iter().map(String::as_str).collect();
        let expected = ["released", "revealed", "ended"];
        assert!(new.len() <= 3 && new == expected[..new.len()], "sync {count}: {new:?}");
        if given.is_some() {
            // It was on record, durably, before: only what follows it has failed.
            assert!(new.len() >= 2, "sync {count} failed, and it was given out: {new:?}");
        } else {
            nothing_given(&world, &ran);
        }
        if new.len() < 3 {
            let _ = fs::remove_file(world.host_dir().join("opened"));
            goes_on(&world, &ceremony);
        }
        let _ = fs::remove_file(world.host_dir().join("opened"));
        backups.iter().for_each(Backup::restore);
    }
    // The release alone is a commit, and what was seen is kept beside the card.
    assert!(refusals >= 3, "only {refusals} syncs could fail");
    println!("{refusals} syncs were let fail");
}

/// The same for the acceptance: an answer that is not on record is not counted, and
/// the same answer is accepted afterwards.
#[test]
fn no_sync_that_fails_counts_a_contribution_that_is_not_on_record() {
    let world = World::new();
    world.request("request.warifu");
    world.contributed(0, "request.warifu");
    let person = &world.custodians[1];
    world.carry("request.warifu", person);
    world.contribute(person, "request.warifu", "second").good();
    world.bring(person, "second");
    let accept = ["--vault", "vault", "--yes", "ceremony", "accept", "second"];
    let backup = Backup::of(&world.vault());
    let before = kinds(&world);
    for count in 0.. {
        assert!(count < 200, "it never succeeds");
        let mut command = warifu();
        syncs(command.current_dir(world.host_dir()), count);
        let ran = run_with(&mut command, &accept, None);
        if ran.code == 0 {
            assert!(count > 0, "an acceptance without a sync");
            break;
        }
        assert_eq!(ran.code, STORAGE, "sync {count}: {}{}", ran.out, ran.err);
        let after = kinds(&world);
        assert_eq!(after[..before.len()], before);
        // A sync that failed may have reached the disk: then it is on record.
        if after.len() == before.len() {
            world.host(&["ceremony", "accept", "second"]).good();
        }
        assert_eq!(kinds(&world)[before.len()..], ["accepted"], "sync {count}");
        world.verified();
        backup.restore();
    }
}

#[test]
fn a_gate_key_that_is_gone_or_cannot_be_read_releases_nothing_and_loses_nothing() {
    let (world, ceremony) = complete();
    let person = &world.custodians[2];
    world.carry("request.warifu", person);
    world.contribute(person, "request.warifu", "third").good();
    world.bring(person, "third");
    let (key, away) = (world.vault().join("gate.key"), world.host_dir().join("away"));
    let whole = fs::read(&key).unwrap();
    let other = tempfile::tempdir().unwrap();
    cli::run(other.path(), &["--vault", "v", "init", "--origin", "example.com/other"]).good();
    let stranger = fs::read(other.path().join("v/gate.key")).unwrap();
    let put = |bytes: &[u8], mode: u32| {
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
    };
    let faults: [(&str, &dyn Fn()); 6] = [
        ("gone", &|| ()),
        ("empty", &|| put(b"", 0o600)),
        ("cut off", &|| put(&whole[..whole.len() / 2], 0o600)),
        ("another vault's", &|| put(&stranger, 0o600)),
        ("open to others", &|| put(&whole, 0o644)),
        ("a directory", &|| fs::create_dir(&key).unwrap()),
    ];
    for (what, fault) in faults {
        let size = world.log_size();
        fs::rename(&key, &away).unwrap();
        fault();
        let finished = finish(&world, &ceremony);
        assert_eq!(finished.code, STORAGE, "{what}: {}{}", finished.out, finished.err);
        finished.refused(STORAGE, &["gate.key"]);
        let ran = world.host(&["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"]);
        nothing_given(&world, &ran);
        ran.refused(STORAGE, &["gate.key"]);
        world.host(&["ceremony", "accept", "third"]).refused(STORAGE, &["gate.key"]);
        // Everybody can still read the log, which has not moved.
        assert_eq!(world.log_size(), size, "{what}");
        world.verified();
        let _ = fs::remove_file(&key).or_else(|_| fs::remove_dir(&key));
        fs::rename(&away, &key).unwrap();
    }
    goes_on(&world, &ceremony);
}

/// Somebody who is not root, whom permissions bind.
const NOBODY: u32 = 65534;

/// Runs the command as somebody whom permissions bind; who that is owns `tree`.
fn bound_by_permissions(command: &mut Command, tree: &Path) {
    if rustix::process::geteuid().is_root() {
        owned(tree);
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn owned(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| owned(&entry.unwrap().path()));
    }
}

/// The program where anybody may run it: the checkout may be nobody else's to read.
fn program_for_anybody(dir: &Path) -> PathBuf {
    let path = dir.join("warifu");
    fs::copy(env!("CARGO_BIN_EXE_warifu"), &path).unwrap();
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_store_that_cannot_be_written_releases_nothing_and_loses_nothing() {
    let (world, ceremony) = complete();
    let dir = tempfile::tempdir().unwrap();
    let program = program_for_anybody(dir.path());
    let root = world.host_dir().parent().unwrap().to_owned();
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let files = || -> Vec<PathBuf> {
        fs::read_dir(world.vault()).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.env_remove("WARIFU_VAULT").stdin(Stdio::null()).current_dir(world.host_dir());
        bound_by_permissions(&mut command, &root);
        run_with(&mut command, &[&["--vault", "vault", "--yes"], arguments].concat(), None)
    };
    let card = world.card(&world.operator);
    let exec = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    let out = ["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"];
    let before = world.log_size();
    // The files alone, the directory alone (no write-ahead log can be made), both.
    for (of_files, of_directory) in [(0o400, 0o700), (0o600, 0o500), (0o400, 0o500)] {
        // A reader leaves the write-ahead log that it made; who writes last removes it.
        world.host(&["ceremony", "list", "acme"]).good();
        assert!(!world.vault().join("vault.db-wal").exists());
        files().iter().for_each(|file| mode(file, of_files));
        mode(&world.vault(), of_directory);
        for arguments in [joined(&exec, &card), out.to_vec()] {
            let ran = run(&arguments);
            nothing_given(&world, &ran);
            ran.refused(STORAGE, &[]);
        }
        // It can be read all the same.
        run(&["audit", "log", "acme"]).good();
        mode(&world.vault(), 0o700);
        files().iter().for_each(|file| mode(file, 0o600));
        assert_eq!(world.log_size(), before);
        world.verified();
    }
    run(&joined(&exec, &card)).good();
    assert_eq!(handed_over(&world).unwrap(), format!("{PASSWORD}\n"));
    world.verified();
}

/// A witness's disk fails: what it could not keep it does not cosign, and it has
/// not lost what it held.
#[test]
fn a_witness_whose_disk_does_not_sync_cosigns_nothing() {
    let world = World::new();
    let state = world.dir("witness");
    let key = world.host(&["--json", "audit", "checkpoint", "acme"]).good().json()["key"].clone();
    let text = state.display().to_string();
    cli::run(&root_of(&world), &["witness", "init", "--state", &text, "--name", "w.example"]).good();
    for count in 0.. {
        assert!(count < 50, "it never cosigns");
        let mut command = warifu();
        syncs(&mut command, count);
        command.args(["--json", "witness", "serve", "--listen", "127.0.0.1:0", "--state", &text]);
        command.args(["--log", key.as_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let option = format!("{} {}", said["key"].as_str().unwrap(), said["listening"].as_str().unwrap());
        let ran = world.host(&["audit", "cosign", "acme", "--witness", &option]);
        child.kill().unwrap();
        child.wait().unwrap();
        let note = world.host(&["audit", "checkpoint", "acme"]).good().out;
        if ran.code == 0 {
            assert!(count > 0 && note.contains("w.example "), "{note}");
            break;
        }
        assert!(!note.contains("w.example "), "{note}");
        assert!(ran.out.contains("500"), "{}{}", ran.out, ran.err);
    }
}

fn root_of(world: &World) -> PathBuf {
    world.host_dir().parent().unwrap().to_owned()
}
