//! The tamper matrix of a resharing: what somebody can do to what a resharing has left,
//! in a vault and in an exported copy with its records, one test a row. Each is found
//! by `audit verify` or `audit recoverability` as the program runs them, with its exit
//! code, and named.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/exported.rs"]
mod exported;
#[path = "support/hand_over.rs"]
mod hand_over;
#[allow(dead_code)]
mod support;

use cli::Ran;
use data_encoding::HEXLOWER;
use exported::{TAMPERED, rewrite};
use hand_over::hand_over;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::World;
use warifu::event::{Entry, Event, Hash, Line, ReshareDone};
use warifu::gate::{Gate, RootGate};
use warifu::hex::Bytes;
use warifu::log::entry::EntryBytes;
use warifu::log::note::LogSigner;
use warifu::log::tile;
use warifu::name::Origin;
use warifu::secret::SecretKey;
use warifu::store::{Batch, RecordKey, Store, sqlite::SqliteStore};
use warifu::time::Span;
use warifu::vault::seal::dealing_record;

/// Exit code of a version that could not be opened.
const UNOPENABLE: i32 = 6;
/// Versions that were handed over.
const VERSIONS: usize = 2;
/// Before the re-dealings of a record: version, `t`, `n`, the old dealing's id.
const HEAD: usize = 3 + 64;

/// A vault in which two accounts' passwords went from one group to another; the newer
/// one's credential and dealings, and the other's.
struct Reshared {
    world: World,
    ours: Hash,
    theirs: Hash,
    /// The old dealing of ours.
    old: Vec<u8>,
}

fn reshared() -> Reshared {
    let mut world = World::new();
    world.enrol_more(3);
    let other = world.account("acme/shop/test", "123456789013");
    let theirs = *world.log.state.versions.keys().next().unwrap();
    let ours = world.seal_at(&other);
    let old = record(&world, &ours);
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    world.pass(Span::minutes(2));
    hand_over(&mut world, &root, &new, &[0, 2, 4]);
    Reshared { world, ours, theirs, old }
}

fn name(world: &World, credential: &Hash) -> String {
    dealing_record(&world.log.state.versions[credential].sealing.dealing)
}

fn record(world: &World, credential: &Hash) -> Vec<u8> {
    world.vault.record(&world.log.state.id, &name(world, credential)).unwrap()
}

/// What can be done to the bytes of a re-dealing's record; says what it is.
fn changes(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    // `t` of the old group re-dealings to three members: index, then `D`, three
    // shares, and a proof of three parts.
    let each = 1 + 32 * (3 + 4);
    assert_eq!(good.len(), HEAD + 3 * each);
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let mut swapped = good.to_vec();
    let (first, second) = swapped[HEAD..].split_at_mut(each);
    first.swap_with_slice(&mut second[..each]);
    vec![
        ("its version", flipped(0)),
        ("the old threshold", flipped(1)),
        ("the old number of members", flipped(2)),
        ("the old dealing's id", flipped(40)),
        ("a contributor's index", flipped(HEAD)),
        ("a re-dealing's D", flipped(HEAD + 1)),
        ("a re-dealt share", flipped(HEAD + 1 + 32)),
        ("a re-dealing's own proof", flipped(HEAD + each - 1)),
        ("the last re-dealing's own proof", flipped(good.len() - 32)),
        ("two re-dealings in another order", swapped),
        ("a re-dealing dropped", good[..good.len() - each].to_vec()),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("more at its end", [good, &[0]].concat()),
    ]
}

impl Reshared {
    fn run(&self, arguments: &[&str]) -> Ran {
        let dir = self.world.vault.dir().to_str().unwrap().to_owned();
        cli::run(self.world.vault.dir().parent().unwrap(), &[&["--vault", dir.as_str()], arguments].concat())
    }

    fn commit(&self, batch: Batch) {
        let _durable = SqliteStore::open(self.world.vault.dir()).unwrap().commit(batch).unwrap();
    }

    fn key(&self, name: String) -> RecordKey {
        RecordKey { log: self.world.log.state.id, name }
    }

    fn put(&self, name: String, bytes: Vec<u8>) {
        self.commit(Batch { put_records: vec![(self.key(name), bytes)], ..Batch::default() });
    }

    /// The program finds it in the vault, and says each of these.
    #[track_caller]
    fn found(&self, what: &str, says: &[&str]) {
        let ran = self.run(&["audit", "verify", "acme"]);
        let said = format!("{what}: {}{}", ran.out, ran.err);
        assert_eq!(ran.code, TAMPERED, "{said}");
        says.iter().for_each(|text| assert!(said.contains(text), "lacks {text:?}:\n{said}"));
        let ran = self.run(&["audit", "recoverability", "acme", "--dry-run"]);
        let said = format!("{what}: {}{}", ran.out, ran.err);
        assert_eq!(ran.code, UNOPENABLE, "{said}");
        assert!(said.contains("acme/shop/test password version 1, held by acme/new: its dealing"), "{said}");
    }

    /// Nothing is found: what was done is undone.
    #[track_caller]
    fn whole(&self) {
        self.run(&["audit", "verify", "acme"]).good();
    }
}

#[test]
fn vault_record_of_a_re_dealing_changed() {
    let of = reshared();
    let (name, good) = (name(&of.world, &of.ours), record(&of.world, &of.ours));
    for (what, bytes) in changes(&good) {
        of.put(name.clone(), bytes);
        of.found(what, &["WRONG acme", "record dealing/", "is not what its entry says"]);
    }
    of.put(name, good);
    of.whole();
}

#[test]
fn vault_records_of_two_credentials_re_dealings_swapped() {
    let of = reshared();
    let names = [name(&of.world, &of.ours), name(&of.world, &of.theirs)];
    let [ours, theirs] = [record(&of.world, &of.ours), record(&of.world, &of.theirs)];
    of.put(names[0].clone(), theirs);
    of.put(names[1].clone(), ours);
    let [one, other] = names.map(|name| format!("record {}", &name[..16]));
    of.found("swapped", &["WRONG acme", &one, &other, "is not what its entry says"]);
    let ran = of.run(&["audit", "recoverability", "acme", "--dry-run"]);
    assert!(ran.out.contains("acme/shop/prod password version 1"), "{}", ran.out);
}

#[test]
fn vault_record_of_a_re_dealing_dropped() {
    let of = reshared();
    let delete_records = vec![of.key(name(&of.world, &of.ours))];
    of.commit(Batch { delete_records, ..Batch::default() });
    of.found("dropped", &["WRONG acme", "record dealing/", "is missing", "acme/shop/test"]);
}

#[test]
fn vault_new_dealing_replaced_by_the_old_one() {
    let of = reshared();
    of.put(name(&of.world, &of.ours), of.old.clone());
    of.found("the old dealing", &["WRONG acme", "record dealing/", "is not what its entry says"]);
}

/// Beside the new one nothing is wrong with what could be opened, but the old quorum
/// could open it as well.
#[test]
fn vault_old_dealing_put_back_beside_the_new_one() {
    let of = reshared();
    let origin = of.world.log.state.versions[&of.ours].sealing.origin;
    of.put(dealing_record(&origin), of.old.clone());
    let ran = of.run(&["audit", "verify", "acme"]);
    let said = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, TAMPERED, "{said}");
    assert!(said.contains("record dealing/") && said.contains("belongs to no entry"), "{said}");
}

/// An exported copy with its records; the log's own key is at hand, as a hostile host
/// has it.
struct Copy {
    of: Reshared,
    dir: PathBuf,
}

fn copy() -> Copy {
    let of = reshared();
    let dir = of.world.vault.dir().parent().unwrap().join("copy");
    of.run(&["audit", "export", "acme", "copy", "--records"]).good();
    let kept = dir.with_file_name("kept");
    assert!(Command::new("cp").arg("-r").args([&dir, &kept]).status().unwrap().success());
    Copy { of, dir }
}

/// One record of an export: what it is, its id, its bytes.
type Copied = (u8, Vec<u8>, Vec<u8>);

const BEGINS: &[u8] = b"warifu records 1\n";

impl Copy {
    fn records(&self) -> Vec<Copied> {
        let bytes = fs::read(self.dir.join("records")).unwrap();
        let mut rest = bytes.strip_prefix(BEGINS).unwrap();
        let mut records = Vec::new();
        while let [what, after @ ..] = rest {
            let (id, after) = after.split_at(64);
            let (length, after) = after.split_at(4);
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            let (record, after) = after.split_at(length);
            records.push((*what, id.to_vec(), record.to_vec()));
            rest = after;
        }
        records
    }

    fn put_records(&self, records: &[Copied]) {
        let each = records.iter().map(|(what, id, record)| {
            let length = u32::try_from(record.len()).unwrap().to_be_bytes();
            [&[*what][..], id, &length, record].concat()
        });
        fs::write(self.dir.join("records"), [BEGINS.to_vec(), each.collect::<Vec<_>>().concat()].concat())
            .unwrap();
    }

    /// Where the dealing of a credential stands among the records.
    fn place(&self, records: &[Copied], credential: &Hash) -> usize {
        let id = self.of.world.log.state.versions[credential].sealing.dealing;
        records.iter().position(|(what, found, _)| *what == 2 && found == id.as_ref()).unwrap()
    }

    /// The check of what could be opened finds it and names it.
    #[track_caller]
    fn unopenable(&self, what: &str, why: &str) {
        let ran = self.of.run(&["audit", "recoverability", "copy"]);
        let said = format!("{what}: {}{}", ran.out, ran.err);
        assert_eq!(ran.code, UNOPENABLE, "{said}");
        let named = format!("acme/shop/test password version 1, held by acme/new: {why}");
        assert!(said.contains(&named), "lacks {named:?}:\n{said}");
    }

    /// Changes the resharing's entry and writes the copy anew under the log's own key:
    /// all hashes fit, and only what contributors signed can tell.
    fn forged(&self, change: impl FnOnce(&mut ReshareDone)) -> usize {
        let mut entries: Vec<_> = bundles(&self.dir).iter().flat_map(|path| bundle(path)).collect();
        let at = entries.iter().position(|entry| done(entry).is_some()).unwrap();
        let (mut entry, mut altered) = done(&entries[at]).unwrap();
        let before = altered.clone();
        change(&mut altered);
        assert_ne!(altered, before, "nothing was changed");
        entry.event = Event::Reshared(altered);
        // Nothing that comes after it is of any use to a forger.
        entries.truncate(at);
        entries.push(entry.to_line().unwrap());
        let state = &self.of.world.log.state;
        let gate = fs::read_to_string(self.of.world.vault.dir().join("gate.key")).unwrap();
        let root = HEXLOWER.decode(gate.lines().nth(1).unwrap().as_bytes()).unwrap();
        let seed = RootGate::new(SecretKey::from_slice(&root).unwrap()).log_seed(&state.id, 1).unwrap();
        let origin: &Origin = &state.origin;
        rewrite(&self.dir, &entries, &LogSigner::new(origin.as_str(), seed).unwrap());
        at
    }

    /// As it was exported.
    fn restore(&self) {
        fs::remove_dir_all(&self.dir).unwrap();
        let kept = self.dir.with_file_name("kept");
        assert!(Command::new("cp").arg("-r").args([&kept, &self.dir]).status().unwrap().success());
    }

    /// The program finds it, names the entry and says this.
    #[track_caller]
    fn found(&self, at: usize, says: &str) {
        for command in [&["audit", "verify", "copy"][..], &["audit", "recoverability", "copy"]] {
            let ran = self.of.run(command);
            assert_eq!(ran.code, TAMPERED, "{}{}", ran.out, ran.err);
            if command[1] == "verify" {
                let said = format!("{}{}", ran.out, ran.err);
                for text in [&format!("entry {at}"), says] {
                    assert!(said.contains(text), "lacks {text:?}:\n{said}");
                }
            }
        }
    }
}

/// The files of an export's entries, in order.
fn bundles(copy: &Path) -> Vec<PathBuf> {
    fn below(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
    }
    let mut all = below(&copy.join("tile/entries"));
    all.sort();
    all
}

fn bundle(path: &Path) -> Vec<EntryBytes> {
    tile::decode_bundle(&fs::read(path).unwrap()).unwrap()
}

/// The entry and what it says, if it is one of a resharing.
fn done(line: &EntryBytes) -> Option<(Entry, ReshareDone)> {
    let Ok(Line::Known(entry)) = Entry::from_line(line) else { return None };
    match &entry.event {
        Event::Reshared(done) => Some(((*entry).clone(), done.clone())),
        _ => None,
    }
}

#[test]
fn the_untouched_copy_is_good() {
    let copy = copy();
    copy.of.run(&["audit", "verify", "copy"]).good();
    let records = copy.records();
    // And the signed request of the resharing.
    assert_eq!(records.len(), 2 * VERSIONS + 1);
    copy.put_records(&records);
    let ran = copy.of.run(&["--json", "audit", "recoverability", "copy"]);
    assert_eq!(ran.json()["organisations"][0]["failed"], serde_json::json!([]), "{}", ran.err);
}

#[test]
fn export_record_of_a_re_dealing_changed() {
    let copy = copy();
    let records = copy.records();
    let at = copy.place(&records, &copy.of.ours);
    for (what, bytes) in changes(&records[at].2) {
        let mut changed = records.clone();
        changed[at].2 = bytes;
        copy.put_records(&changed);
        copy.unopenable(what, "its dealing");
    }
}

#[test]
fn export_records_of_two_credentials_re_dealings_swapped() {
    let copy = copy();
    let mut records = copy.records();
    let (one, other) = (copy.place(&records, &copy.of.ours), copy.place(&records, &copy.of.theirs));
    let (first, second) = (records[one].2.clone(), records[other].2.clone());
    (records[one].2, records[other].2) = (second, first);
    copy.put_records(&records);
    copy.unopenable("swapped", "its dealing is not the one that was entered");
    let ran = copy.of.run(&["audit", "recoverability", "copy"]);
    assert!(ran.out.contains("acme/shop/prod password version 1"), "{}", ran.out);
}

#[test]
fn export_record_of_a_re_dealing_missing() {
    let copy = copy();
    let mut records = copy.records();
    records.remove(copy.place(&records, &copy.of.ours));
    copy.put_records(&records);
    copy.unopenable("missing", "its dealing is gone");
}

#[test]
fn export_new_dealing_replaced_by_the_old_one() {
    let copy = copy();
    let mut records = copy.records();
    let at = copy.place(&records, &copy.of.ours);
    records[at].2.clone_from(&copy.of.old);
    copy.put_records(&records);
    copy.unopenable("the old dealing", "its dealing is not the one that was entered");
}

#[test]
fn export_signature_of_a_contributor_changed() {
    let copy = copy();
    for who in 0..3 {
        let mut named = String::new();
        let at = copy.forged(|done| {
            named = done.contributors[who].pseudonym.to_string();
            done.contributors[who].signature.0[0] ^= 1;
        });
        copy.found(at, &named);
        copy.restore();
    }
}

/// What can be done to the entry itself, and what is said of it.
#[test]
fn export_entry_of_a_resharing_changed_under_the_logs_own_key() {
    let copy = copy();
    let forged = |change: &dyn Fn(&mut ReshareDone), says: &str| {
        let at = copy.forged(change);
        copy.found(at, says);
        copy.restore();
    };
    // A signature dropped, and two exchanged.
    forged(&|done| drop(done.contributors.pop()), "2 of 3 members of the group signed");
    forged(
        &|done| {
            let (one, other) = (done.contributors[0].signature, done.contributors[1].signature);
            (done.contributors[0].signature, done.contributors[1].signature) = (other, one);
        },
        "signature",
    );
    // L changed, and exchanged with another credential's.
    forged(&|done| done.versions[1].links.0[0] ^= 1, "signature");
    forged(
        &|done| {
            let (one, other) = (done.versions[0].links, done.versions[1].links);
            (done.versions[0].links, done.versions[1].links) = (other, one);
        },
        "signature",
    );
    // The same with the new dealings.
    forged(&|done| done.versions[1].dealing.0[0] ^= 1, "signature");
    forged(
        &|done| {
            let (one, other) = (done.versions[0].dealing, done.versions[1].dealing);
            (done.versions[0].dealing, done.versions[1].dealing) = (other, one);
        },
        "signature",
    );
    // A version left out; its old dealing would stay as it is.
    forged(&|done| done.versions.truncate(1), "signature");
    copy.of.run(&["audit", "verify", "copy"]).good();
}

/// The new dealing of the entry is said to be the old one, as a host would that keeps
/// it for the old quorum.
#[test]
fn export_entry_that_names_the_old_dealing_as_the_new_one() {
    let copy = copy();
    let origin = copy.of.world.log.state.versions[&copy.of.ours].sealing.origin;
    let at = copy.forged(|done| {
        let ours = done.versions.iter_mut().find(|version| version.credential == copy.of.ours);
        ours.unwrap().dealing = origin;
    });
    copy.found(at, "signature");
}

/// Without the log's own key the hashes tell already.
#[test]
fn export_entry_of_a_resharing_changed_alone() {
    let copy = copy();
    let path = bundles(&copy.dir).remove(0);
    let mut entries = bundle(&path);
    let at = entries.iter().position(|entry| done(entry).is_some()).unwrap();
    let (mut entry, mut altered) = done(&entries[at]).unwrap();
    altered.versions[0].links.0[0] ^= 1;
    entry.event = Event::Reshared(altered);
    entries[at] = entry.to_line().unwrap();
    fs::write(&path, tile::encode_bundle(&entries)).unwrap();
    copy.found(at, "tile/entries/");
}

/// The same in the vault, whose database somebody can write, with its leaf's hash and
/// without.
#[test]
fn vault_entry_of_a_resharing_changed() {
    for with_leaf in [false, true] {
        let of = reshared();
        let database = rusqlite::Connection::open(of.world.vault.dir().join("vault.db")).unwrap();
        let wanted =
            "SELECT position, bytes FROM entry WHERE instr(bytes, 'reshared') ORDER BY position DESC";
        let mut query = database.prepare(wanted).unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
        let rows: Vec<(i64, Vec<u8>)> = rows.collect::<Result<_, _>>().unwrap();
        let lines = rows.into_iter().map(|(at, bytes)| (at, EntryBytes::new(bytes).unwrap()));
        let (position, line) = lines.into_iter().find(|(_, line)| done(line).is_some()).unwrap();
        let (mut entry, mut altered) = done(&line).unwrap();
        altered.contributors[1].signature.0[5] ^= 1;
        entry.event = Event::Reshared(altered);
        let line = entry.to_line().unwrap();
        let leaf = if with_leaf { line.leaf_hash() } else { Bytes([0; 32]) };
        let sql = match with_leaf {
            true => "UPDATE entry SET bytes = ?1, leaf = ?3 WHERE position = ?2",
            false => "UPDATE entry SET bytes = ?1 WHERE position = ?2 AND leaf != ?3",
        };
        let changed = database.execute(sql, rusqlite::params![line.as_bytes(), position, &leaf.0[..]]);
        assert_eq!(changed.unwrap(), 1);
        let ran = of.run(&["audit", "verify", "acme"]);
        let said = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, TAMPERED, "{said}");
        let at = position & ((1 << 40) - 1);
        assert!(said.contains("WRONG acme") && said.contains(&format!("entry {at}")), "{said}");
    }
}
