//! A process that imports and seals is killed before each of its commits, and between
//! them, in turn:
//! what it leaves is a valid vault, and the next run finishes without sealing
//! anything twice.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, World};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use std::cell::Cell;
use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use warifu::cli::clock::{Clock, SystemClock};
use warifu::import::csv;
use warifu::name::{Factor, MemberAddress};
use warifu::secret::SecretBytes;
use warifu::vault::{PublicVault, Vault};

const DIRECTORY: &str = "WARIFU_TEST_IMPORT_DIRECTORY";
const KILLED_BEFORE: &str = "WARIFU_TEST_IMPORT_KILLED_BEFORE";

/// More than a batch of seals.
const ACCOUNTS: usize = 1100;
/// Before the accounts; then, for each of two batches, before it looks for what
/// others wrote, before its intentions and before its seals.
const MOMENTS: usize = 7;

fn file() -> SecretBytes {
    let mut text = "external_id,login,password\n".to_owned();
    (0..ACCOUNTS).for_each(|n| writeln!(text, "{n:012},root@example.com,Correct-Horse-{n}").unwrap());
    SecretBytes::new(text.into_bytes())
}

/// Run by the other test in a process of its own; alone it does nothing. The
/// clock is asked before each commit, and before each look at the log: there it dies.
#[test]
fn child_that_imports_until_it_is_killed() {
    let (Some(dir), Ok(last)) = (env::var_os(DIRECTORY), env::var(KILLED_BEFORE)) else { return };
    let (last, moments): (usize, _) = (last.parse().unwrap(), Cell::new(0));
    let mut vault = Vault::open(Path::new(&dir), &mut || None).unwrap();
    let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
    let list = csv::read(&file()).unwrap();
    let project: MemberAddress = "acme/web".parse().unwrap();
    let plan = vault.plan_import(&log.state, &project, &list).unwrap();
    let clock = || {
        moments.set(moments.get() + 1);
        if moments.get() == last {
            let this = rustix::process::getpid();
            rustix::process::kill_process(this, rustix::process::Signal::KILL).unwrap();
        }
        SystemClock.now()
    };
    let done = vault.apply_import(&mut log, &plan, &clock, &|| UnwrapErr(SysRng), &mut |_| true).unwrap();
    assert!(!done.passwords.stopped);
    println!("\nmoments {}", moments.get());
}

fn run(dir: &Path, killed_before: usize) -> (bool, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_that_imports_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, dir)
        .env(KILLED_BEFORE, killed_before.to_string())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// How many of the imported accounts there are, and how many are sealed.
fn there(dir: &Path) -> (usize, usize) {
    let vault = PublicVault::open(dir).unwrap();
    let state = vault.log(&"acme".parse().unwrap()).unwrap().state;
    let imported = state.accounts.iter().filter(|(_, account)| account.external_id.starts_with("00000000"));
    let versions: Vec<_> = imported.map(|(id, _)| state.versions_of(id, Factor::Password).len()).collect();
    assert!(versions.iter().all(|count| *count <= 1), "something is sealed twice");
    (versions.len(), versions.iter().sum())
}

#[test]
fn killed_at_any_moment_it_leaves_a_valid_vault_and_the_next_run_finishes() {
    let world = World::new();
    let (dir, fresh) = (world.vault(), Backup::of(&world.vault()));
    for moment in 1..=MOMENTS {
        fresh.restore();
        assert!(!run(&dir, moment).0, "it was not killed at moment {moment}");
        world.verified();
        let sealed = [0, 0, 0, 0, 1024, 1024, 1024][moment - 1];
        assert_eq!(there(&dir), (if moment == 1 { 0 } else { ACCOUNTS }, sealed), "at moment {moment}");
        let (finished, said) = run(&dir, usize::MAX);
        assert!(finished, "after moment {moment}");
        assert_eq!(there(&dir), (ACCOUNTS, ACCOUNTS));
        let entries = world.entries();
        assert!(run(&dir, 1).0, "there is nothing to commit any more");
        assert_eq!(world.entries(), entries);
        if moment == 1 {
            assert!(said.contains(&format!("moments {MOMENTS}\n")), "{said}");
        }
    }
    world.verified();
}
