//! How long `due` and `status` take, as whole processes: `cargo bench --bench due`.
//! The vault has 100,000 accounts with sealed passwords under a policy, some of them
//! due; bringing them in takes a minute or two, so it stays below `target/` and is
//! used again (remove `target/estate-of-due` after the format has changed). Medians;
//! the bound is 150 ms. `--replay` beside them shows what the overview saves.
//!
//! Without `--bench` (as `cargo test --benches` starts it) it runs once and small,
//! to show that it runs.

#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::World;
use warifu::cli::system_rng;
use warifu::event::Scope;
use warifu::import::csv;
use warifu::name::MemberAddress;
use warifu::secret::SecretBytes;
use warifu::time::{Span, Time};
use warifu::vault::rotate::{self, Wanted};

const WARIFU: &str = env!("CARGO_BIN_EXE_warifu");
/// Of these one in a thousand was sealed long ago.
const ACCOUNTS: usize = 100_000;

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let (count, runs) = if bench { (ACCOUNTS, 21) } else { (20, 1) };
    let scratch = tempfile::tempdir().unwrap();
    let dir = match bench {
        true => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/estate-of-due"),
        false => scratch.path().join("estate"),
    };
    if !dir.join("vault.db").exists() {
        let begun = Instant::now();
        build(&dir, count);
        println!("{count} accounts brought in and sealed in {:.1?}", begun.elapsed());
    }
    println!("{:<44} {:>12} {:>12}", "", "median", "slowest");
    for arguments in [
        &["due"][..],
        &["due", "--within", "30d"],
        &["status"],
        &["status", "acme"],
        &["--json", "due"],
        &["--json", "status"],
    ] {
        row(&dir, arguments, runs);
    }
    row(&dir, &["due", "--replay"], runs.min(3));
    row(&dir, &["status", "--replay"], runs.min(3));
}

fn row(dir: &Path, arguments: &[&str], runs: usize) {
    let mut times: Vec<_> = (0..runs).map(|_| timed(dir, arguments)).collect();
    times.sort();
    let (median, slowest) = (times[runs / 2], times[runs - 1]);
    println!("{:<44} {:>12} {:>12}", arguments.join(" "), format!("{median:.1?}"), format!("{slowest:.1?}"));
}

fn timed(dir: &Path, arguments: &[&str]) -> Duration {
    let mut command = Command::new(WARIFU);
    command.arg("--vault").arg(dir).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let code = command.status().expect("it starts").code();
    assert!(matches!(code, Some(0 | 9)), "{arguments:?} ended with {code:?}");
    begun.elapsed()
}

/// A thousandth of the accounts is sealed first, which are due before the others.
fn build(dir: &Path, count: usize) {
    let mut world = World::new();
    let policy = Wanted { every_days: Some(90), ..Wanted::default() };
    let (mut set, holders) =
        rotate::rotation_policy(&world.log.state, Scope::Organisation, policy, world.now).unwrap();
    let group = world.group();
    let digest = set.digest(&world.log.state.id);
    for _ in holders {
        let sign = |i: usize| {
            let card = &world.custodians[i].card;
            warifu::vault::group::sign_as_member(&world.log.state, &group, card, &digest).unwrap()
        };
        let signatures = (0..3).map(sign).collect();
        rotate::agree(&mut set, &group, signatures);
    }
    world.vault.set_rotation_policy(&mut world.log, set, world.now).unwrap();
    let old = count / 1000;
    import(&mut world, 0..old);
    // The rest is sealed today, as the program's own clock has it.
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    world.now = world.now.max(Time::from_millis(i64::try_from(seconds).unwrap()).unwrap() - Span::minutes(5));
    for start in (old..count).step_by(10_000) {
        import(&mut world, start..count.min(start + 10_000));
    }
    let made: PathBuf = world.vault.dir().to_owned();
    std::fs::create_dir_all(dir).unwrap();
    copy(&made, dir);
}

fn import(world: &mut World, numbers: std::ops::Range<usize>) {
    let mut text = "external_id,name,login,password\n".to_owned();
    for n in numbers {
        let name = format!("Account number {n}");
        writeln!(text, "{n:012},{name},root+{n}@example.com,Correct-Horse-Battery-{n}").unwrap();
    }
    let project: MemberAddress = "acme/shop".parse().unwrap();
    let list = csv::read(&SecretBytes::new(text.into_bytes())).unwrap();
    let plan = world.vault.plan_import(&world.log.state, &project, &list).unwrap();
    let now = world.now;
    world.vault.apply_import(&mut world.log, &plan, &|| now, &system_rng, &mut |_| true).unwrap();
}

/// The vault as its files are, the write-ahead log included.
fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_name() != "vault.db-shm" {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}
