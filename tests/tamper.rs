//! The tamper matrix: what somebody can do to a log, in an exported copy and in
//! the vault, one test a row. Each is found by `audit verify`, with exit code 6,
//! and named.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use data_encoding::HEXLOWER;
use rusqlite::params;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use warifu::gate::{Gate, RootGate};
use warifu::hex::Bytes;
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::{Frontier, Hash, node_hash};
use warifu::log::note::LogSigner;
use warifu::log::tile;
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;

/// Exit code of a finding.
const TAMPERED: i32 = 6;
/// Entries of the first bundle.
const FULL: usize = 256;

/// A copy of a log with more than one bundle, an older copy of it, its key, and
/// what signs it.
struct Exported {
    world: World,
    /// What the log's own key signs checkpoints with: a hostile host has it.
    root: [u8; 32],
    id: OrganisationId,
    key: String,
}

type Files = Vec<(PathBuf, Vec<u8>)>;

static EXPORTS: OnceLock<(Files, Files)> = OnceLock::new();

fn below(dir: &Path, base: &Path, into: &mut Files) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, base, into);
        } else {
            into.push((path.strip_prefix(base).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

fn lay(files: &Files, dir: &Path) {
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A world whose log has grown past a bundle; made once, with two exports of it.
static GROWN: OnceLock<World> = OnceLock::new();

fn grown() -> &'static World {
    GROWN.get_or_init(|| {
        let world = World::new();
        for n in 0..FULL {
            let address = format!("acme/lab/more-{n}");
            world.host(&["account", "add", &address, "--id", &format!("{:012}", 500_000 + n)]).good();
        }
        world
    })
}

impl Exported {
    fn new() -> Self {
        let world = grown();
        let (old, new) = EXPORTS.get_or_init(|| {
            world.host(&["audit", "export", "acme", "old"]).good();
            world.request("request.warifu");
            world.host(&["audit", "export", "acme", "new"]).good();
            let read = |name: &str| {
                let (dir, mut files) = (world.host_dir().join(name), Files::new());
                below(&dir, &dir, &mut files);
                files
            };
            (read("old"), read("new"))
        });
        let org = world.host(&["--json", "org", "show", "acme"]).good().json();
        let gate = fs::read_to_string(world.vault().join("gate.key")).unwrap();
        let root = HEXLOWER.decode(gate.lines().nth(1).unwrap().as_bytes()).unwrap();
        let own = World::new();
        lay(old, &own.host_dir().join("old"));
        lay(new, &own.host_dir().join("copy"));
        let key = fs::read_to_string(own.host_dir().join("copy/log.vkey")).unwrap();
        Self {
            world: own,
            root: root.try_into().unwrap(),
            id: serde_json::from_value(org["id"].clone()).unwrap(),
            key: key.trim().to_owned(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.host_dir().join("copy").join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        let before = bytes.clone();
        change(&mut bytes);
        assert_ne!(before, bytes, "nothing was changed");
        fs::write(self.path(name), bytes).unwrap();
    }

    fn entries(&self, bundle: &str) -> Vec<EntryBytes> {
        tile::decode_bundle(&self.read(bundle)).unwrap()
    }

    fn put_entries(&self, bundle: &str, entries: &[EntryBytes]) {
        self.change(bundle, |bytes| *bytes = tile::encode_bundle(entries));
    }

    /// All entries, in order.
    fn all(&self) -> Vec<EntryBytes> {
        let mut all = self.entries("tile/entries/000");
        all.extend(self.entries(&self.partial("entries")));
        all
    }

    /// The partial tile of a row.
    fn partial(&self, row: &str) -> String {
        let folder = self.path(&format!("tile/{row}/001.p"));
        let name = fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
        format!("tile/{row}/001.p/{}", name.to_str().unwrap())
    }

    fn signer(&self) -> LogSigner {
        let seed = RootGate::new(SecretKey::from_slice(&self.root).unwrap()).log_seed(&self.id, 1).unwrap();
        LogSigner::new(self.key.split('+').next().unwrap(), seed).unwrap()
    }

    /// A checkpoint over these entries, signed by the log's own key.
    fn signed(&self, entries: &[EntryBytes]) -> String {
        let mut tree = Frontier::new();
        tree.extend(entries.iter().map(EntryBytes::leaf_hash));
        let signer = self.signer();
        let origin = signer.verifier().name().to_owned();
        let body = Checkpoint { origin, size: tree.size(), root: tree.root() };
        checkpoint::sign(&body, &signer).unwrap().to_string()
    }

    /// Replaces the copy by one of other entries, whole in itself: what a host
    /// with the log's key can make.
    fn rewrite(&self, entries: &[EntryBytes]) {
        fs::remove_dir_all(self.path("tile")).unwrap();
        let mut tiling = tile::Tiling::new();
        let write = |name: String, bytes: Vec<u8>| {
            let path = self.path(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        for entry in entries {
            for (tile, hashes) in tiling.push(entry.leaf_hash()) {
                write(tile.to_string(), tile::encode_hashes(&hashes));
            }
        }
        for (tile, hashes) in tiling.edge() {
            write(tile.to_string(), tile::encode_hashes(hashes));
        }
        for (n, chunk) in entries.chunks(FULL).enumerate() {
            let name = match chunk.len() {
                FULL => format!("tile/entries/{n:03}"),
                width => format!("tile/entries/{n:03}.p/{width}"),
            };
            write(name, tile::encode_bundle(chunk));
        }
        fs::write(self.path("checkpoint"), self.signed(entries)).unwrap();
    }

    /// Verification finds something and says each of these.
    #[track_caller]
    fn found(&self, says: &[&str]) {
        self.found_with(&[], says);
    }

    #[track_caller]
    fn found_with(&self, options: &[&str], says: &[&str]) {
        let ran = self.world.host(&[&["audit", "verify", "copy"], options].concat());
        let said = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, TAMPERED, "{said}");
        for text in says {
            assert!(said.contains(text), "lacks {text:?}:\n{said}");
        }
        let json = self.world.host(&[&["--json", "audit", "verify", "copy"], options].concat());
        assert_eq!(json.code, TAMPERED);
        if !json.out.is_empty() {
            assert!(!json.json()["findings"].as_array().unwrap().is_empty(), "{}", json.out);
        }
    }
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().copied().map(Bytes).collect()
}

/// Root of a whole tile.
fn folded(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    level[0]
}

/// The same entry, renamed: well formed, and no rule is broken.
fn renamed(entry: &EntryBytes) -> EntryBytes {
    assert!(entry.as_str().contains("more-7\""), "{entry:?}");
    EntryBytes::new(entry.as_str().replace("more-7\"", "most-7\"").into_bytes()).unwrap()
}

/// Where the account `more-7` was entered.
fn seventh(entries: &[EntryBytes]) -> usize {
    entries.iter().position(|entry| entry.as_str().contains("\"more-7\"")).unwrap()
}

const BUNDLE: &str = "tile/entries/000";
const LEAVES: &str = "tile/0/000";

fn parent() -> String {
    "tile/1/000.p/1".to_owned()
}

#[test]
fn the_untouched_copy_is_good() {
    let copy = Exported::new();
    let ran = copy.world.host(&["audit", "verify", "copy", "--key", &copy.key]).good();
    assert!(ran.out.contains("good"), "{}", ran.out);
    copy.world.host(&["audit", "verify", "copy", "--against", "old/checkpoint"]).good();
    assert!(copy.all().len() > FULL);
    let whole: Vec<_> = copy.all();
    let before = copy.read("checkpoint");
    copy.rewrite(&whole);
    assert_eq!(copy.read("checkpoint"), before, "the test's own copies are as the program's");
    copy.world.host(&["audit", "verify", "copy"]).good();
}

#[test]
fn export_entry_changed() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    let at = seventh(&entries);
    entries[at] = renamed(&entries[at]);
    copy.put_entries(BUNDLE, &entries);
    copy.found(&[BUNDLE, &format!("entry {at}")]);
}

#[test]
fn export_entry_dropped() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    entries.remove(40);
    copy.put_entries(BUNDLE, &entries);
    copy.found(&[BUNDLE]);
}

#[test]
fn export_entry_inserted() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    let at = seventh(&entries);
    let added = renamed(&entries[at]);
    entries.insert(at + 1, added);
    entries.pop();
    copy.put_entries(BUNDLE, &entries);
    copy.found(&[BUNDLE, &format!("entry {}", at + 1)]);
}

#[test]
fn export_entries_swapped() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    entries.swap(100, 101);
    copy.put_entries(BUNDLE, &entries);
    copy.found(&[BUNDLE, "entry 100"]);
}

#[test]
fn export_bundle_truncated() {
    let copy = Exported::new();
    copy.change(BUNDLE, |bytes| bytes.truncate(bytes.len() / 2));
    copy.found(&[BUNDLE]);
}

#[test]
fn export_bundle_missing() {
    let copy = Exported::new();
    fs::remove_file(copy.path(BUNDLE)).unwrap();
    copy.found(&[BUNDLE, "missing"]);
}

#[test]
fn export_last_bundle_missing() {
    let copy = Exported::new();
    let last = copy.partial("entries");
    fs::remove_file(copy.path(&last)).unwrap();
    copy.found(&[&last]);
}

#[test]
fn export_tile_changed() {
    let copy = Exported::new();
    copy.change(LEAVES, |bytes| bytes[33] ^= 1);
    copy.found(&[LEAVES]);
}

#[test]
fn export_tile_hashes_swapped() {
    let copy = Exported::new();
    copy.change(LEAVES, |bytes| {
        let (one, other) = bytes.split_at_mut(32);
        one.swap_with_slice(&mut other[..32]);
    });
    copy.found(&[LEAVES]);
}

#[test]
fn export_tile_truncated() {
    let copy = Exported::new();
    copy.change(LEAVES, |bytes| bytes.truncate(31 * 32));
    copy.found(&[LEAVES]);
}

#[test]
fn export_tile_lengthened() {
    let copy = Exported::new();
    copy.change(LEAVES, |bytes| bytes.extend([0; 32]));
    copy.found(&[LEAVES]);
}

#[test]
fn export_tile_dropped() {
    let copy = Exported::new();
    fs::remove_file(copy.path(LEAVES)).unwrap();
    copy.found(&[LEAVES]);
}

#[test]
fn export_parent_tile_changed() {
    let copy = Exported::new();
    copy.change(&parent(), |bytes| bytes[0] ^= 1);
    copy.found(&["tile/1/000"]);
}

#[test]
fn export_parent_tile_dropped() {
    let copy = Exported::new();
    fs::remove_file(copy.path(&parent())).unwrap();
    copy.found(&["tile/1/000"]);
}

#[test]
fn export_entry_forged_together_with_its_level_0_hash() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    let at = seventh(&entries);
    entries[at] = renamed(&entries[at]);
    copy.put_entries(BUNDLE, &entries);
    copy.change(LEAVES, |bytes| bytes[at * 32..][..32].copy_from_slice(&entries[at].leaf_hash().0));
    copy.found(&[LEAVES]);
}

#[test]
fn export_entry_forged_together_with_all_its_hashes() {
    let copy = Exported::new();
    let mut entries = copy.entries(BUNDLE);
    let at = seventh(&entries);
    entries[at] = renamed(&entries[at]);
    copy.put_entries(BUNDLE, &entries);
    copy.change(LEAVES, |bytes| bytes[at * 32..][..32].copy_from_slice(&entries[at].leaf_hash().0));
    let above = folded(hashes(&copy.read(LEAVES)));
    copy.change(&parent(), |bytes| bytes.copy_from_slice(&above.0));
    copy.found(&["checkpoint"]);
}

#[test]
fn export_checkpoint_of_another_size() {
    let copy = Exported::new();
    copy.change("checkpoint", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let size = text.lines().nth(1).unwrap().to_owned();
        *bytes = text.replacen(&size, "257", 1).into_bytes();
    });
    copy.found(&["signature"]);
}

#[test]
fn export_checkpoint_of_another_root() {
    let copy = Exported::new();
    copy.change("checkpoint", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let root = text.lines().nth(2).unwrap().to_owned();
        *bytes = text.replacen(&root, &format!("{}=", "A".repeat(43)), 1).into_bytes();
    });
    copy.found(&["signature"]);
}

#[test]
fn export_signature_changed() {
    let copy = Exported::new();
    copy.change("checkpoint", |bytes| {
        let at = bytes.len() - 20;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    });
    copy.found(&["signature"]);
}

#[test]
fn export_signed_by_a_key_of_somebody_elses() {
    let mut copy = Exported::new();
    let (genuine, entries) = (copy.key.clone(), copy.all());
    copy.root = [7; 32];
    copy.rewrite(&entries);
    fs::write(copy.path("log.vkey"), format!("{}\n", copy.signer().verifier())).unwrap();
    // The entries name the log's own key; and a key that was kept does so too.
    copy.found(&["key"]);
    copy.found_with(&["--key", &genuine], &["sign"]);
}

#[test]
fn export_truncated_under_the_logs_own_key() {
    let copy = Exported::new();
    let checkpoint = copy.world.host_dir().join("kept");
    fs::write(&checkpoint, copy.read("checkpoint")).unwrap();
    let entries = copy.all();
    copy.rewrite(&entries[..entries.len() - 2]);
    copy.world.host(&["audit", "verify", "copy"]).good();
    copy.found_with(&["--against", "kept"], &["rolled back"]);
}

#[test]
fn export_rolled_back() {
    let copy = Exported::new();
    let kept = copy.read("checkpoint");
    fs::write(copy.world.host_dir().join("kept"), kept).unwrap();
    fs::remove_dir_all(copy.path("")).unwrap();
    fs::rename(copy.world.host_dir().join("old"), copy.path("")).unwrap();
    copy.world.host(&["audit", "verify", "copy"]).good();
    copy.found_with(&["--against", "kept"], &["rolled back"]);
}

#[test]
fn export_forked_under_the_logs_own_key() {
    let copy = Exported::new();
    let mut entries = copy.all();
    let at = seventh(&entries);
    entries[at] = renamed(&entries[at]);
    // The last two, which say what log their signer saw, are left out.
    entries.truncate(entries.len() - 2);
    copy.rewrite(&entries);
    copy.found_with(&["--against", "old/checkpoint"], &["forked"]);
}

#[test]
fn export_rewritten_below_a_signed_opening() {
    let copy = Exported::new();
    let mut entries = copy.all();
    let at = seventh(&entries);
    entries[at] = renamed(&entries[at]);
    copy.rewrite(&entries);
    // The operator signed what they saw: no older checkpoint is needed.
    copy.found(&["saw another log"]);
}

/// Does something to the database of a vault that had verified.
fn altered(sql: &str, says: &[&str]) {
    let world = World::new();
    world.verified();
    let changed = world.database().execute(&sql.replace("{acme}", ACME), params![]).unwrap();
    assert!(changed > 0, "{sql}");
    found_in(&world, &[], says);
}

#[track_caller]
fn found_in(world: &World, options: &[&str], says: &[&str]) {
    let ran = world.host(&[&["audit", "verify"], options].concat());
    let said = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, TAMPERED, "{said}");
    for text in says {
        assert!(said.contains(text), "lacks {text:?}:\n{said}");
    }
}

/// Number of the organisation's log in the database.
const ACME: &str =
    "(SELECT DISTINCT position >> 40 FROM entry WHERE instr(bytes, 'AWS') OR instr(bytes, '111122223333'))";

#[test]
fn vault_entry_changed() {
    altered(
        "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), '111122223333', '111122223334') AS BLOB) WHERE instr(bytes, '\"external_id\":\"111122223333\"') AND position >> 40 = {acme}",
        &["WRONG acme", "entry"],
    );
}

#[test]
fn vault_entry_forged_together_with_its_leaf_hash() {
    let world = World::new();
    world.verified();
    let database = world.database();
    let wanted = format!(
        "SELECT position, bytes FROM entry WHERE instr(bytes, '\"spare\"') AND position >> 40 = {ACME} ORDER BY position LIMIT 1"
    );
    let (position, bytes): (i64, Vec<u8>) =
        database.query_row(&wanted, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let forged = String::from_utf8(bytes).unwrap().replace("\"spare\"", "\"spore\"");
    let entry = EntryBytes::new(forged.into_bytes()).unwrap();
    let leaf = entry.leaf_hash();
    database
        .execute(
            "UPDATE entry SET bytes = ?1, leaf = ?2 WHERE position = ?3",
            params![entry.as_bytes(), &leaf.0[..], position],
        )
        .unwrap();
    found_in(&world, &[], &["WRONG acme", "root"]);
}

#[test]
fn vault_last_entry_dropped() {
    altered(
        "DELETE FROM entry WHERE position = (SELECT max(position) FROM entry WHERE position >> 40 = {acme})",
        &["WRONG acme"],
    );
}

#[test]
fn vault_entry_dropped_from_the_middle() {
    altered(
        "DELETE FROM entry WHERE position = (SELECT max(position) - 3 FROM entry WHERE position >> 40 = {acme})",
        &["WRONG acme", "entry"],
    );
}

#[test]
fn vault_entry_inserted() {
    altered(
        "INSERT INTO entry SELECT max(position) + 1, leaf, bytes FROM entry WHERE position >> 40 = {acme}",
        &["WRONG acme"],
    );
}

#[test]
fn vault_entries_swapped() {
    let world = World::new();
    world.verified();
    let database = world.database();
    let last = format!("SELECT max(position) FROM entry WHERE position >> 40 = {ACME}");
    let last: i64 = database.query_row(&last, [], |row| row.get(0)).unwrap();
    let aside = i64::MAX;
    for (from, to) in [(last, aside), (last - 1, last), (aside, last - 1)] {
        let moved = "UPDATE entry SET position = ?2 WHERE position = ?1";
        assert_eq!(database.execute(moved, params![from, to]).unwrap(), 1);
    }
    drop(database);
    found_in(&world, &[], &["WRONG acme"]);
}

#[test]
fn vault_checkpoint_changed() {
    altered(
        "UPDATE log SET checkpoint = replace(checkpoint, '— example.com/warifu', '— example.org/warifu') WHERE number = {acme}",
        &["WRONG acme", "checkpoint"],
    );
}

#[test]
fn vault_checkpoint_of_another_log() {
    altered(
        "UPDATE log SET checkpoint = (SELECT checkpoint FROM log WHERE number != {acme} LIMIT 1) WHERE number = {acme}",
        &["WRONG acme", "checkpoint"],
    );
}

#[test]
fn vault_signature_changed() {
    altered(
        "UPDATE log SET checkpoint = substr(checkpoint, 1, length(checkpoint) - 12) || CASE substr(checkpoint, length(checkpoint) - 11, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(checkpoint, length(checkpoint) - 10) WHERE number = {acme}",
        &["WRONG acme", "checkpoint"],
    );
}

#[test]
fn vault_projection_changed() {
    altered(
        "UPDATE projection SET bytes = CAST(replace(CAST(bytes AS TEXT), 'prod', 'brod') AS BLOB) WHERE log = {acme} AND name = 'state'",
        &["WRONG acme", "stored state"],
    );
}

#[test]
fn vault_projection_dropped() {
    altered("DELETE FROM projection WHERE log = {acme} AND name = 'state'", &["WRONG acme", "stored state"]);
}

#[test]
fn vault_frontier_changed() {
    altered(
        "UPDATE log SET frontier = (SELECT frontier FROM log WHERE number != {acme} LIMIT 1) WHERE number = {acme}",
        &["acme"],
    );
}

#[test]
fn vault_record_changed() {
    altered(
        "UPDATE body SET bytes = zeroblob(length(bytes)) WHERE number = (SELECT body FROM record WHERE name LIKE 'sealed/%' AND log = {acme})",
        &["WRONG acme", "record sealed/"],
    );
}

#[test]
fn vault_record_dropped() {
    altered(
        "DELETE FROM record WHERE name LIKE 'dealing/%' AND log = {acme}",
        &["WRONG acme", "record dealing/", "missing"],
    );
}

#[test]
fn vault_record_inserted() {
    altered(
        "INSERT INTO record SELECT log, 'sealed/0000', length, body FROM record WHERE name LIKE 'sealed/%' AND log = {acme} LIMIT 1",
        &["WRONG acme", "belongs to no entry"],
    );
}

#[test]
fn vault_records_swapped() {
    let world = World::new();
    world.verified();
    let of =
        |kind: &str| format!("(SELECT body FROM record WHERE name LIKE '{kind}/%' AND log = {ACME} LIMIT 1)");
    let (sealed, dealing) = (of("sealed"), of("dealing"));
    let database = world.database();
    let number =
        |sql: &str| -> i64 { database.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).unwrap() };
    let (one, other) = (number(&sealed), number(&dealing));
    for (kind, body) in [("sealed", other), ("dealing", one)] {
        let sql = format!("UPDATE record SET body = {body} WHERE name LIKE '{kind}/%' AND log = {ACME}");
        assert_eq!(database.execute(&sql, params![]).unwrap(), 1);
    }
    drop(database);
    found_in(&world, &[], &["WRONG acme", "record"]);
}

#[test]
fn vault_record_of_no_entry() {
    altered(
        "INSERT INTO record SELECT log, 'text/' || printf('%0128d', 7), length, body FROM record WHERE name LIKE 'text/%' AND log = {acme} LIMIT 1",
        &["WRONG acme", "belongs to no entry"],
    );
}

#[test]
fn vault_body_without_a_record() {
    altered("INSERT INTO body (bytes) SELECT bytes FROM body LIMIT 1", &["belong to no log"]);
}

#[test]
fn vault_projection_inserted() {
    altered(
        "INSERT INTO projection SELECT log, 'hoard', bytes FROM projection WHERE log = {acme}",
        &["WRONG acme", "belongs to nothing"],
    );
}

#[test]
fn vault_rolled_back() {
    let world = World::new();
    let backup = cli::Backup::of(&world.vault());
    world.request("request.warifu");
    world.host(&["audit", "export", "acme", "copy"]).good();
    backup.restore();
    world.verified();
    found_in(&world, &["acme", "--against", "copy/checkpoint"], &["rolled back"]);
}

#[test]
fn vault_forked() {
    let world = World::new();
    let backup = cli::Backup::of(&world.vault());
    world.host(&["account", "add", "acme/lab/two", "--id", "111122226666"]).good();
    world.host(&["audit", "export", "acme", "copy"]).good();
    backup.restore();
    world.host(&["account", "add", "acme/lab/three", "--id", "111122227777"]).good();
    world.verified();
    found_in(&world, &["acme", "--against", "copy/checkpoint"], &["forked"]);
}

#[test]
fn vault_cosignature_changed() {
    let world = World::new();
    world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.verified();
    let database = world.database();
    let kept = "SELECT bytes FROM projection WHERE name = 'cosigned'";
    let note: Vec<u8> = database.query_row(kept, [], |row| row.get(0)).unwrap();
    let mut note = String::from_utf8(note).unwrap();
    let at = note.trim_end().len() - 12;
    let other = if &note[at..=at] == "A" { "B" } else { "A" };
    note.replace_range(at..=at, other);
    let changed = database
        .execute("UPDATE projection SET bytes = ?1 WHERE name = 'cosigned'", params![note.as_bytes()])
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    found_in(&world, &[], &["WRONG acme", "cosignature", &world.custodians[0].name]);
}

#[test]
fn vault_signature_in_a_record_changed() {
    for kind in ["request", "contribution"] {
        let world = World::new();
        world.request("request.warifu");
        world.contributed(0, "request.warifu");
        let database = world.database();
        let body = format!("SELECT body FROM record WHERE name LIKE '{kind}/%'");
        let number: i64 = database.query_row(&body, [], |row| row.get(0)).unwrap();
        let read = "SELECT bytes FROM body WHERE number = ?1";
        let mut bytes: Vec<u8> = database.query_row(read, [number], |row| row.get(0)).unwrap();
        let named = b"\"signature\":\"";
        let at = bytes.windows(named.len()).rposition(|at| at == named).unwrap() + named.len() + 70;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        database.execute("UPDATE body SET bytes = ?1 WHERE number = ?2", params![bytes, number]).unwrap();
        drop(database);
        found_in(&world, &[], &["WRONG acme", &format!("record {kind}/"), "is not what its entry says"]);
    }
}
