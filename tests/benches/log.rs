//! What the log costs: hashing, replaying, signatures and appending, each beside
//! what it is made of, in one run of the release build: `cargo bench --bench
//! log`, or with `-- NAME` for one part (hashing, replay, signatures, memory,
//! append, commands). Medians and ratios, each figure in turns with its measure.
//!
//! Without `--bench` everything runs once and small, to show that it runs.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

#[path = "../support/history.rs"]
#[allow(dead_code)]
mod history;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ed25519_dalek::{Signature, VerifyingKey};
use history::History;
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::io::BufRead;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;
use warifu::audit::{Lack, Options, Source, SourceError, first_wrong, verify};
use warifu::event::{Entry, Event};
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::{EntryBytes, MAX_ENTRY};
use warifu::log::merkle::{Frontier, leaf_hash};
use warifu::log::note::LogSigner;
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::state::{Claim, Organisation};
use warifu::store::{Append, Batch, Store, sqlite::SqliteStore};
use warifu::vault::Records;

struct Effort {
    hashed: usize,
    ceremonies: usize,
    accounts: usize,
    singles: usize,
    bulk: usize,
    turns: usize,
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != MEMORY);
    if let (Some(path), Some(beginning)) = (arguments.nth(1), arguments.next()) {
        return measure_memory(&path, beginning.parse().unwrap());
    }
    let effort = if std::env::args().any(|argument| argument == "--bench") {
        Effort { hashed: 1_000_000, ceremonies: 12_500, accounts: 10_000, singles: 400, bulk: 50, turns: 5 }
    } else {
        Effort { hashed: 1000, ceremonies: 20, accounts: 20, singles: 3, bulk: 2, turns: 1 }
    };
    println!("{:<52} {:>12} {:<30} {:>12} {:>7}", "figure", "a second", "measure", "a second", "ratio");
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|n| n == name);
    if wanted("hashing") {
        hashing(&effort);
    }
    if wanted("replay") || wanted("signatures") {
        let history = ceremonies(&effort);
        replaying(&effort, &history);
        signatures(&effort, &history.claims);
    }
    if wanted("memory") {
        accounts(&effort);
    }
    if wanted("append") {
        appending(&effort);
    }
    if wanted("commands") {
        commands(&effort);
    }
}

fn ceremonies(effort: &Effort) -> History {
    let mut history = History::new();
    let credential = history.account();
    for _ in 0..effort.ceremonies {
        history.ceremony(credential);
    }
    history
}

/// Runs both in turns; prints how many of `count` things each does in a second.
fn row(
    names: (&str, &str),
    count: usize,
    turns: usize,
    mut figure: impl FnMut() -> f64,
    mut unit: impl FnMut() -> f64,
) {
    let (figures, units): (Vec<_>, Vec<_>) = (0..turns).map(|_| (figure(), unit())).unzip();
    let (figure, unit) = (median(figures), median(units));
    let rate = |seconds: f64| count as f64 / seconds;
    println!(
        "{:<52} {:>12.0} {:<30} {:>12.0} {:>7.2}",
        names.0,
        rate(figure),
        names.1,
        rate(unit),
        unit / figure
    );
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn alone(name: &str, count: usize, turns: usize, mut figure: impl FnMut() -> f64) {
    let seconds = median((0..turns).map(|_| figure()).collect());
    println!("{name:<52} {:>12.0}", count as f64 / seconds);
}

fn seconds<O>(run: impl FnOnce() -> O) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_secs_f64()
}

/// Leaves of 300 bytes and the tree over them, against SHA-256 over the same
/// bytes (with the prefix) and as many nodes.
fn hashing(effort: &Effort) {
    let count = effort.hashed;
    let entries: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let mut entry = vec![b'x'; 300];
            entry[..8].copy_from_slice(&number.to_be_bytes());
            entry
        })
        .collect();
    let ours = || {
        seconds(|| {
            let mut tree = Frontier::new();
            tree.extend(entries.iter().map(|entry| leaf_hash(entry)));
            tree.root()
        })
    };
    let plain = || {
        let mut buffer = [0; 301];
        let mut node = [1; 65];
        seconds(|| {
            for entry in &entries {
                buffer[1..].copy_from_slice(entry);
                let leaf: [u8; 32] = Sha256::digest(buffer).into();
                node[1..33].copy_from_slice(&leaf);
                let hashed = Sha256::digest(node);
                node[33..].copy_from_slice(&hashed);
            }
            node
        })
    };
    let theirs = || {
        seconds(|| {
            let mut tree = MemoryBackedTree::<Sha256, &[u8]>::new();
            entries.iter().for_each(|entry| tree.push(entry));
            tree.root()
        })
    };
    row(("leaves of 300 bytes and root", "SHA-256 of the same"), count, effort.turns, ours, plain);
    row(("the same", "ct-merkle"), count, effort.turns, ours, theirs);
}

/// Ceremonies, eight entries each: lines to state, without and with signatures.
fn replaying(effort: &Effort, history: &History) {
    let count = history.entries.len();
    let bytes: usize = history.entries.iter().map(|entry| entry.as_bytes().len()).sum();
    println!("replayed: {count} entries of {} bytes on average", bytes / count);
    alone("replay: parse and apply, one core", count, effort.turns, || seconds(|| replay(&history.entries)));
    let log = history.log();
    let whole = || seconds(|| assert!(verify(&log, &Options::default(), &mut |_, _| {}).is_good()));
    alone("verification, whole, all cores", count, effort.turns, whole);
}

fn replay(entries: &[EntryBytes]) -> Organisation {
    let mut claims = Vec::new();
    let (first, rest) = entries.split_first().unwrap();
    let line = Entry::from_line(first).unwrap();
    let mut state = Organisation::begin_claiming(&line, &first.leaf_hash(), &mut claims).unwrap();
    for entry in rest {
        let line = Entry::from_line(entry).unwrap();
        state.apply_claiming(&line, &entry.leaf_hash(), &mut claims).unwrap();
        claims.clear();
    }
    state
}

/// A log's signatures, by few keys, against the library's batches of the same
/// size over the same signatures, on as many threads.
fn signatures(effort: &Effort, claims: &[Claim]) {
    // Theirs are given what was signed; ours make it in their time.
    let said: Vec<_> = claims.iter().map(|c| c.said.bytes().unwrap()).collect();
    let theirs = || {
        let cores = std::thread::available_parallelism().unwrap().get();
        let decoded: Vec<_> = claims
            .iter()
            .map(|c| (Signature::from_bytes(&c.signature.0), VerifyingKey::from_bytes(&c.key.0).unwrap()))
            .collect();
        let part = |thread: usize| {
            for (said, decoded) in said.chunks(4096).zip(decoded.chunks(4096)).skip(thread).step_by(cores) {
                let messages: Vec<&[u8]> = said.iter().map(|message| &message[..]).collect();
                let (signatures, keys): (Vec<_>, Vec<_>) = decoded.iter().copied().unzip();
                ed25519_dalek::verify_batch(&messages, &signatures, &keys).unwrap();
            }
        };
        seconds(|| {
            std::thread::scope(|scope| {
                for thread in 0..cores {
                    let part = &part;
                    scope.spawn(move || part(thread));
                }
            })
        })
    };
    let ours = || seconds(|| assert_eq!(first_wrong(claims), None));
    row(
        ("signatures of a log, all cores", "verify_batch, all cores"),
        claims.len(),
        effort.turns,
        ours,
        theirs,
    );
    let one_by_one = || seconds(|| claims.iter().take(2000).all(Claim::holds));
    alone("signatures one by one, strictly, one core", claims.len().min(2000), effort.turns, one_by_one);
}

/// What an account with a sealed version adds to the state in memory.
fn accounts(effort: &Effort) {
    let mut history = History::new();
    for _ in 0..effort.accounts {
        history.account();
    }
    alone("replay of accounts and seals, one core", history.entries.len(), effort.turns, || {
        seconds(|| replay(&history.entries))
    });
    let log = history.log();
    let whole = || seconds(|| assert!(verify(&log, &Options::default(), &mut |_, _| {}).is_good()));
    alone("verification of them (no signatures), all cores", history.entries.len(), effort.turns, whole);
    let accounts = effort.accounts as u64;
    let (own, of_accounts) = memory(&history.log().entries, BEGINNING);
    println!("{:<52} {:>12}", "memory, bytes an account with a sealed version", of_accounts / accounts);
    // Entries as long as an entry may be, of a kind that leaves no state.
    let mut entries = History::new().log().entries;
    let time = "2026-04-01T00:00:00.000Z";
    for number in 0..effort.accounts / 10 {
        let begin =
            format!(r#"{{"v":1,"time":"{time}","actor":"host","event":{{"padded":{{"n":{number},"x":""#);
        let padding = "x".repeat(MAX_ENTRY - begin.len() - 4);
        entries.push(Some(EntryBytes::new(format!("{begin}{padding}\"}}}}}}").into_bytes()).unwrap()));
    }
    println!("{:<52} {:>12}", "the same with the longest entries, KiB", memory(&entries, BEGINNING).0 / 1024);
    let mut bare = History::new();
    for _ in 0..effort.accounts {
        bare.bare_account();
    }
    println!(
        "{:<52} {:>12}",
        "memory, bytes an account without one",
        memory(&bare.log().entries, BEGINNING).1 / accounts
    );
    println!("{:<52} {:>12}", "memory of hashing, parsing and signatures, KiB", own / 1024);
    // From the half on: what is collected of signatures has its full size by then.
    let entries = ceremonies(effort).log().entries;
    let (_, of_ceremonies) = memory(&entries, entries.len() / 2);
    let each = of_ceremonies / (effort.ceremonies as u64 / 2);
    println!("{:<52} {:>12}", "memory, bytes a ceremony that has ended", each);
}

/// Peak memory of a process of its own that verifies such a log from a file:
/// first its beginning of so many entries alone, then what the whole log adds to
/// that.
fn memory(entries: &[Option<EntryBytes>], beginning: usize) -> (u64, u64) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<_> = entries.iter().flatten().map(|entry| [entry.as_bytes(), b"\n"].concat()).collect();
    std::fs::write(file.path(), lines.concat()).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = { child }.arg(MEMORY).arg(file.path()).arg(beginning.to_string()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

const MEMORY: &str = "--memory";
/// Entries whose verification shows what hashing, parsing and signatures take.
const BEGINNING: usize = 2048;

/// The other process.
fn measure_memory(path: &str, beginning: usize) {
    let whole = OnDisk::open(path, usize::MAX);
    let beginning = OnDisk::open(path, beginning);
    let before = status("VmHWM:");
    verify(&beginning, &Options::default(), &mut |_, _| {});
    let own = status("VmHWM:") - before;
    let verdict = verify(&whole, &Options::default(), &mut |_, _| {});
    // A checkpoint is not needed for this; nothing else may be wrong.
    assert!(verdict.findings.iter().all(|f| f.entry.is_none()), "{:?}", verdict.findings);
    println!("{own} {}", status("VmHWM:") - before - own);
}

/// Entries as lines of a file.
struct OnDisk {
    file: std::fs::File,
    ends: Vec<u64>,
}

impl OnDisk {
    fn open(path: &str, most: usize) -> Self {
        let file = std::fs::File::open(path).unwrap();
        let mut end = 0;
        let lines = std::io::BufReader::new(&file).lines().take(most);
        let ends = lines.map(|line| {
            end += line.unwrap().len() as u64 + 1;
            end
        });
        let ends = ends.collect();
        Self { file, ends }
    }
}

impl Source for OnDisk {
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        Ok(format!("bench\n{}\n{root}\n\n— bench AAAAAAAA\n", self.ends.len()).into_bytes())
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError> {
        let outside = || SourceError::entry(range.start, Lack::Missing);
        let ends = self.ends.get(range.start as usize..range.end as usize).ok_or_else(outside)?;
        let mut start = if range.start == 0 { 0 } else { self.ends[range.start as usize - 1] };
        let mut buffer = vec![0; (ends.last().copied().unwrap_or(start) - start) as usize];
        self.file.read_exact_at(&mut buffer, start).unwrap();
        let (first, mut entries) = (start, Vec::new());
        for end in ends {
            let line = buffer[(start - first) as usize..(end - first) as usize - 1].to_vec();
            entries.push(EntryBytes::new(line).unwrap());
            start = *end;
        }
        Ok(entries)
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<warifu::log::Hash>, SourceError> {
        self.entries(range).map(|entries| entries.iter().map(EntryBytes::leaf_hash).collect())
    }
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Entries with a signed checkpoint each, against one-row transactions of SQLite
/// with the same journal and syncing; then a thousand at a time.
fn appending(effort: &Effort) {
    let dir = tempfile::tempdir().unwrap();
    let entry = |number: usize| {
        let text = format!("{{\"n\":\"{number:09}\",\"x\":\"{}\"}}", "y".repeat(274));
        EntryBytes::new(text.into_bytes()).unwrap()
    };
    let mut log = Appender::new(&dir.path().join("ours"));
    let plain = plain_database(&dir.path().join("plain.db"));
    let mut number = 0;
    let ours = || {
        seconds(|| {
            for _ in 0..effort.singles {
                number += 1;
                log.append(vec![entry(number)]);
            }
        })
    };
    let theirs = || {
        seconds(|| {
            for _ in 0..effort.singles {
                plain.execute("INSERT INTO entry (bytes) VALUES (?1)", [vec![b'x'; 300]]).unwrap();
            }
        })
    };
    row(("durable commits of one entry", "SQLite, one row"), effort.singles, effort.turns, ours, theirs);
    let many: Vec<Vec<EntryBytes>> =
        (0..effort.bulk * effort.turns).map(|n| (0..1000).map(|i| entry(n * 1000 + i)).collect()).collect();
    let mut many = many.into_iter();
    let bulk = || seconds(|| many.by_ref().take(effort.bulk).for_each(|entries| log.append(entries)));
    alone("entries in durable commits of 1,000", effort.bulk * 1000, effort.turns, bulk);
}

struct Appender {
    store: SqliteStore,
    signer: LogSigner,
    tree: Frontier,
}

impl Appender {
    fn new(dir: &Path) -> Self {
        let signer = LogSigner::new("example.org/bench", SecretKey::from_slice(&[7; 32]).unwrap()).unwrap();
        Self { store: SqliteStore::create(dir).unwrap(), signer, tree: Frontier::new() }
    }

    fn append(&mut self, entries: Vec<EntryBytes>) {
        let expected_size = self.tree.size();
        self.tree.extend(entries.iter().map(EntryBytes::leaf_hash));
        let origin = "example.org/bench".to_owned();
        let body = Checkpoint { origin, size: self.tree.size(), root: self.tree.root() };
        let checkpoint = checkpoint::sign(&body, &self.signer).unwrap().to_string();
        let log = OrganisationId(warifu::hex::Bytes([1; 32]));
        let append = Append { log, expected_size, entries, checkpoint };
        let _receipt = self.store.commit(Batch { appends: vec![append], ..Batch::default() }).unwrap();
    }
}

fn plain_database(path: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(path).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.pragma_update(None, "synchronous", "FULL").unwrap();
    database
        .execute_batch("CREATE TABLE entry (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")
        .unwrap();
    database
}

/// The vault's own commits, which apply the entry, sign and write the state when
/// it is due, in a vault of a size at which the whole state counts.
fn commands(effort: &Effort) {
    let mut history = History::new();
    let world = &mut history.world;
    let now = world.now;
    let mut made = 0;
    let mut account = |_: usize| {
        made += 1;
        let text = format!("project-{made}");
        let project = warifu::name::ProjectId(warifu::hex::Bytes(
            *Sha256::digest(text.as_bytes()).first_chunk().unwrap(),
        ));
        Event::ProjectCreated { project, slug: text.parse().unwrap(), name: None }
    };
    let mut commit = |count: usize, each: usize| {
        let batches: Vec<Vec<Event>> = (0..count).map(|_| (0..each).map(&mut account).collect()).collect();
        seconds(|| {
            for events in batches {
                world.vault.commit_host(&mut world.log, now, events, Records::default()).unwrap();
            }
        })
    };
    let small = median((0..effort.turns).map(|_| commit(effort.singles, 1)).collect());
    println!("{:<52} {:>12.0}", "vault::commit of one entry, small state", effort.singles as f64 / small);
    let bulk = median((0..effort.turns).map(|_| commit(effort.bulk, 1000)).collect());
    println!(
        "{:<52} {:>12.0}",
        "vault::commit, entries in batches of 1,000",
        (effort.bulk * 1000) as f64 / bulk
    );
    let large = median((0..effort.turns).map(|_| commit(effort.singles.min(50), 1)).collect());
    println!(
        "{:<52} {:>12.0}",
        "vault::commit of one entry, large state",
        effort.singles.min(50) as f64 / large
    );
    let id = world.log.state.id;
    let (size, load) = (world.log.state.size, seconds(|| world.vault.log(&world.log.state.slug).unwrap()));
    println!("{:<52} {:>12.0}", format!("reading a log of {size} entries for a command"), size as f64 / load);
    drop(world.vault.store().entries(&id, 0..1).unwrap());
}
