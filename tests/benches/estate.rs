//! What it costs to bring in a whole estate: `cargo bench --bench estate`. A list
//! of 10,000 accounts with passwords is read, held against the vault, entered and
//! sealed for a group of five with a threshold of three, durable and logged; then
//! the same with passwords that are made here. The rate is what one machine
//! reaches with all its cores; the ratio says how much of their time is not the
//! mathematics of the sharing and of the gate.
//!
//! Without `--bench` (as `cargo test --benches` starts it) it runs once and
//! small, to show that it runs.

#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

use rand::rand_core::UnwrapErr;
use rand::rngs::{StdRng, SysRng};
use std::fmt::Write as _;
use std::time::Instant;
use support::{World, slug};
use warifu::event::{Made, Shown};
use warifu::hex::Bytes;
use warifu::import::csv;
use warifu::name::{Factor, MemberAddress, OrganisationId, Provider};
use warifu::pvss::{self, Dealing, DealingContext, GateKey};
use warifu::seal::generate::{DEFAULT_LENGTH, PasswordRules, generate};
use warifu::seal::record::Payload;
use warifu::secret::{SecretBytes, SecretKey};
use warifu::vault::bulk::Bulk;
use warifu::vault::import::unsealed;
use warifu::vault::seal::Provenance;

type Random = UnwrapErr<SysRng>;

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = if bench { 10_000 } else { 20 };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let math = mathematics(if bench { 1000 } else { 10 });
    println!(
        "{count} accounts, 3 of 5, {cores} cores; the mathematics alone: {:.0} µs an account on one\n",
        math * 1e6
    );
    println!("{:<44} {:>8} {:>12} {:>22}", "", "s", "accounts/s", "ratio to multiplications");
    let row = |what: &str, seconds: f64, sealed: bool| {
        let ratio = seconds * cores as f64 / (math * count as f64);
        let ratio = if sealed { format!("{ratio:.2}") } else { String::new() };
        println!("{what:<44} {seconds:>8.2} {:>12.0} {ratio:>22}", count as f64 / seconds);
    };
    let (read, planned, applied) = import(count, true);
    row("reading the list", read, false);
    row("holding it against the vault", planned, false);
    row("entering and sealing", applied, true);
    row("all of it (bound: 2,000 a second on two cores)", read + planned + applied, true);
    let (read, planned, applied) = import(count, false);
    row("the same without passwords", read + planned + applied, false);
    row("passwords made and sealed afterwards", generated(count), true);
}

fn random() -> Random {
    UnwrapErr(SysRng)
}

fn list(count: usize, passwords: bool) -> SecretBytes {
    let mut text =
        if passwords { "external_id,name,login,password\n" } else { "external_id,name\n" }.to_owned();
    for n in 0..count {
        write!(text, "{n:012},Account number {n}").unwrap();
        if passwords {
            write!(text, ",root+{n}@example.com,Correct-Horse-Battery-{n}").unwrap();
        }
        text.push('\n');
    }
    SecretBytes::new(text.into_bytes())
}

/// Seconds to read, to plan and to apply.
fn import(count: usize, passwords: bool) -> (f64, f64, f64) {
    let mut world = World::new();
    let file = list(count, passwords);
    let begun = Instant::now();
    let list = csv::read(&file).unwrap();
    let read = begun.elapsed().as_secs_f64();
    let project: MemberAddress = "acme/shop".parse().unwrap();
    let begun = Instant::now();
    let plan = world.vault.plan_import(&world.log.state, &project, &list).unwrap();
    let planned = begun.elapsed().as_secs_f64();
    assert_eq!((plan.new.len(), plan.passwords()), (count, if passwords { count } else { 0 }));
    let (now, begun) = (world.now, Instant::now());
    world.vault.apply_import(&mut world.log, &plan, &|| now, &random, &mut |_| true).unwrap();
    (read, planned, begun.elapsed().as_secs_f64())
}

/// Seconds to make and seal as many passwords.
fn generated(count: usize) -> f64 {
    let mut world = World::new();
    let list = csv::read(&list(count, false)).unwrap();
    let project: MemberAddress = "acme/shop".parse().unwrap();
    let plan = world.vault.plan_import(&world.log.state, &project, &list).unwrap();
    let now = world.now;
    world.vault.apply_import(&mut world.log, &plan, &|| now, &random, &mut |_| true).unwrap();
    let log = &mut world.log;
    let project = *log.state.project_by_slug(&slug("shop")).unwrap().0;
    let begun = Instant::now();
    let todo = unsealed(&log.state, Some(&project), None);
    let make = |_: usize, rng: &mut Random| {
        Ok(Payload {
            login: SecretBytes::zeroed(0),
            password: generate(&PasswordRules::of(&Provider::Aws), DEFAULT_LENGTH, rng).unwrap(),
            notes: SecretBytes::zeroed(0),
        })
    };
    let bulk = Bulk {
        accounts: &todo.accounts,
        contents: &make,
        provenance: Provenance { made: Made::Generated, shown: Shown::Nobody },
        rng: &random,
        clock: &|| now,
    };
    let done = world.vault.seal_many(log, &bulk, &mut |_| true).unwrap();
    assert_eq!(done.sealed, count);
    begun.elapsed().as_secs_f64()
}

/// Seconds on one core for the dealing of one version, its check among others',
/// the gate's ingredient and the check of that.
fn mathematics(count: usize) -> f64 {
    let world = World::new();
    let state = &world.log.state;
    let keys = state.group_keys(&world.group()).unwrap().with_tables();
    let account = *state.accounts.keys().next().unwrap();
    let rng: &mut StdRng = &mut rand::SeedableRng::seed_from_u64(1);
    let gate = GateKey::derive(&SecretKey::random(rng), &OrganisationId(Bytes([1; 32])), 1);
    let begun = Instant::now();
    let items: Vec<_> = (1..=count as u64)
        .map(|version| {
            let credential =
                pvss::credential_id(&state.vault, &state.id, &account, Factor::Password, version);
            let context = DealingContext::new(credential, &keys);
            let (draft, _secret) = pvss::draft(&context, &keys, rng).unwrap();
            let stored = Dealing::from_bytes(&draft.to_bytes(), 5).unwrap();
            (context, &keys, stored)
        })
        .collect();
    for dealing in pvss::verify_batch(items, rng).unwrap() {
        let (credential, origin) = (dealing.context().cred(), dealing.id());
        let given = gate.ingredient(credential, origin, origin, rng);
        pvss::verify_ingredient(given.proof.expose(), gate.public(), credential, origin, origin).unwrap();
    }
    begun.elapsed().as_secs_f64() / count as f64
}
