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

use rand::{SeedableRng, rngs::StdRng};
use std::fmt::Write as _;
use std::time::Instant;
use support::{World, slug};
use warifu::cli::{Ahead, system_rng};
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

/// Seconds by the clock, and of all processors together.
#[derive(Clone, Copy)]
struct Spent {
    clock: f64,
    processors: f64,
}

fn spent<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let (begun, before) = (Instant::now(), processor());
    let done = work();
    (done, Spent { clock: begun.elapsed().as_secs_f64(), processors: processor() - before })
}

fn both(one: Spent, two: Spent) -> Spent {
    Spent { clock: one.clock + two.clock, processors: one.processors + two.processors }
}

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = if bench { 10_000 } else { 20 };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sample = if bench { 2000 } else { 10 };
    let math = spent(|| mathematics(sample)).1.processors / sample as f64;
    println!(
        "{count} accounts, 3 of 5, {cores} cores; the multiplications alone: {:.0} µs an account\n",
        math * 1e6
    );
    let heads = ["s", "accounts/s", "processor µs", "ratio to multiplications"];
    println!("{:<44} {:>7} {:>11} {:>13} {:>25}", "", heads[0], heads[1], heads[2], heads[3]);
    let row = |what: &str, spent: Spent, sealed: bool| {
        let each = spent.processors / count as f64;
        let ratio = if sealed && math > 0.0 { format!("{:.2}", each / math) } else { String::new() };
        let (rate, micros) = (count as f64 / spent.clock, each * 1e6);
        println!("{what:<44} {:>7.2} {rate:>11.0} {micros:>13.0} {ratio:>25}", spent.clock);
    };
    let [read, planned, applied] = import(count, true);
    row("reading the list", read, false);
    row("holding it against the vault", planned, false);
    row("entering and sealing", applied, true);
    row("all of it (2,000 a second on two cores)", both(both(read, planned), applied), true);
    let [read, planned, applied] = import(count, false);
    row("the same without passwords", both(both(read, planned), applied), false);
    row("passwords made and sealed afterwards", generated(count), true);
}

/// Processor time of this process so far, in seconds; 0 where the system does not
/// tell. On a machine that does other things too it says more than the clock.
fn processor() -> f64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    let fields: Vec<_> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
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

/// To read, to plan and to apply.
fn import(count: usize, passwords: bool) -> [Spent; 3] {
    let mut world = World::new();
    let file = list(count, passwords);
    let (list, read) = spent(|| csv::read(&file).unwrap());
    let project: MemberAddress = "acme/shop".parse().unwrap();
    let (plan, planned) = spent(|| world.vault.plan_import(&world.log.state, &project, &list).unwrap());
    assert_eq!((plan.new.len(), plan.passwords()), (count, if passwords { count } else { 0 }));
    let now = world.now;
    let (_, applied) = spent(|| {
        world.vault.apply_import(&mut world.log, &plan, &|| now, &system_rng, &mut |_| true).unwrap()
    });
    [read, planned, applied]
}

/// To make and seal as many passwords.
fn generated(count: usize) -> Spent {
    let mut world = World::new();
    let list = csv::read(&list(count, false)).unwrap();
    let project: MemberAddress = "acme/shop".parse().unwrap();
    let plan = world.vault.plan_import(&world.log.state, &project, &list).unwrap();
    let now = world.now;
    world.vault.apply_import(&mut world.log, &plan, &|| now, &system_rng, &mut |_| true).unwrap();
    let log = &mut world.log;
    let project = *log.state.project_by_slug(&slug("shop")).unwrap().0;
    let todo = unsealed(&log.state, Some(&project), None);
    let make = |_: usize, rng: &mut Ahead| {
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
        rng: &system_rng,
        clock: &|| now,
    };
    let (done, spent) = spent(|| world.vault.seal_many(log, &bulk, &mut |_| true).unwrap());
    assert_eq!(done.sealed, count);
    spent
}

/// The dealing of so many versions, the gate's ingredients, and the check of both,
/// each among the others.
fn mathematics(count: usize) {
    let world = World::new();
    let state = &world.log.state;
    let keys = state.group_keys(&world.group()).unwrap().with_tables();
    let account = *state.accounts.keys().next().unwrap();
    let rng: &mut StdRng = &mut StdRng::seed_from_u64(1);
    let gate = GateKey::derive(&SecretKey::random(rng), &OrganisationId(Bytes([1; 32])), 1);
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
    let dealings = pvss::verify_batch(items, rng).unwrap();
    let versions: Vec<_> = dealings.iter().map(|dealing| (dealing.context().cred(), dealing.id())).collect();
    assert_eq!(gate.ingredients(&versions, rng).unwrap().len(), count);
}
