//! The tamper matrix: what somebody can do to a log, in an exported copy and in
//! the vault, one test a row. Each is found by `audit verify`, with exit code 6,
//! and named.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/exported.rs"]
mod exported;

use cli::World;
use exported::{Exported, FULL, TAMPERED, hashes};
use rusqlite::params;
use std::fs;
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::{Hash, node_hash};

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

/// Puts a file beside the checkpoint, which nobody signs.
fn say_first(copy: &Exported, first: usize) {
    fs::write(copy.path("first"), format!("{first}\n")).unwrap();
}

#[test]
fn export_beginning_cut_off() {
    let copy = Exported::new();
    say_first(&copy, FULL);
    fs::remove_file(copy.path(BUNDLE)).unwrap();
    // Nothing that is there is wrong, but it is not the log.
    for options in [&[][..], &["--key", &copy.key]] {
        let ran = copy.world.host(&[&["audit", "verify", "copy"], options].concat());
        let ran = ran.refused(8, &["only the entries from 256 on were verified", "--since TIME"]);
        assert!(ran.out.contains("PART  copy") && ran.out.contains("NOT ALL WAS VERIFIED"), "{}", ran.out);
        assert!(!ran.out.contains("good"), "{}", ran.out);
    }
    // Who says what must be there finds it.
    copy.found_with(&["--since", "2020-01-01"], &["first: entries since 2020-01-01", "may be missing"]);
}

#[test]
fn export_first_put_into_a_whole_copy() {
    let copy = Exported::new();
    say_first(&copy, FULL);
    copy.found(&["first: it says that the entries before 256 are not here"]);
    copy.found_with(&["--since", "2999-01-01"], &["first: it says"]);
}

#[test]
fn export_first_such_that_nothing_is_left_to_verify() {
    let copy = Exported::new();
    copy.rewrite(&copy.all()[..FULL]);
    fs::remove_file(copy.path(BUNDLE)).unwrap();
    say_first(&copy, FULL);
    copy.found(&["first: no period begins at entry 256"]);
    copy.found_with(&["--since", "2999-01-01"], &["first: no period begins at entry 256"]);
}

#[test]
fn export_period_with_a_changed_hash_before_it() {
    let copy = Exported::new();
    say_first(&copy, FULL);
    fs::remove_file(copy.path(BUNDLE)).unwrap();
    copy.change(LEAVES, |bytes| bytes[33] ^= 1);
    copy.found_with(&["--since", "2999-01-01"], &[LEAVES]);
}

/// Changed, emptied and missing; with the log's key known from elsewhere and
/// without.
fn beside(name: &str, change: impl Fn(&mut Vec<u8>)) {
    let copy = Exported::new();
    let whole = copy.read(name);
    let key = copy.key.clone();
    let found = |says: &str| {
        copy.found_with(&["--key", &key], &[&format!("{name}: {says}")]);
        if name != "log.vkey" {
            copy.found(&[&format!("{name}: {says}")]);
        }
    };
    copy.change(name, change);
    found("it is not what an export of this log has");
    copy.change(name, Vec::clear);
    found("it is not what an export of this log has");
    fs::remove_file(copy.path(name)).unwrap();
    found("it is missing");
    fs::write(copy.path(name), whole).unwrap();
    copy.world.host(&["audit", "verify", "copy"]).good();
}

#[test]
fn export_readme_changed() {
    beside("README", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("It should be", "Any will do").into_bytes();
    });
}

#[test]
fn export_policy_changed() {
    beside("policy", |bytes| bytes.extend(b"# all is well\n"));
}

#[test]
fn export_verifier_key_changed() {
    let other = Exported::new().world.host(&["audit", "key", "globex"]).good().out;
    beside("log.vkey", |bytes| *bytes = other.clone().into_bytes());
    // Without another key to go by the entries tell that it is not theirs.
    let copy = Exported::new();
    fs::write(copy.path("log.vkey"), other).unwrap();
    copy.found(&["its entries state another name or key"]);
}

#[test]
fn export_policy_of_a_group_inserted() {
    let copy = Exported::new();
    fs::create_dir(copy.path("policies")).unwrap();
    fs::write(copy.path("policies/keepers"), "quorum none\n").unwrap();
    copy.found(&["policies/keepers: it does not belong to an exported log"]);
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
    altered("INSERT INTO body (bytes) SELECT bytes FROM body LIMIT 1", &["which no record names"]);
}

#[test]
fn vault_bytes_beside_the_gates_dealt_root() {
    let world = World::new();
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &keepers.each_ref());
    world.verified();
    let database = world.database();
    for name in ["gate-root/1", "dealing/%"] {
        let own = "log = (SELECT min(number) FROM log)";
        let body = format!("SELECT body FROM record WHERE name LIKE '{name}' AND {own}");
        let number: i64 = database.query_row(&body, [], |row| row.get(0)).unwrap();
        let read = "SELECT bytes FROM body WHERE number = ?1";
        let whole: Vec<u8> = database.query_row(read, [number], |row| row.get(0)).unwrap();
        let mut bytes = whole.clone();
        bytes[0] = 7;
        let write = "UPDATE body SET bytes = ?1 WHERE number = ?2";
        assert_eq!(database.execute(write, params![bytes, number]).unwrap(), 1);
        let record = format!("record {}", name.trim_end_matches('%'));
        found_in(&world, &[], &["WRONG @vault", &record, "other bytes beside it"]);
        assert_eq!(database.execute(write, params![whole, number]).unwrap(), 1);
    }
    world.verified();
}

#[test]
fn vault_record_padding_changed() {
    let world = World::new();
    world.verified();
    let database = world.database();
    let body = format!("SELECT body FROM record WHERE name LIKE 'sealed/%' AND log = {ACME}");
    let number: i64 = database.query_row(&body, [], |row| row.get(0)).unwrap();
    let read = "SELECT bytes FROM body WHERE number = ?1";
    let whole: Vec<u8> = database.query_row(read, [number], |row| row.get(0)).unwrap();
    let padded = |bytes: Vec<u8>| {
        let write = "UPDATE body SET bytes = ?1 WHERE number = ?2";
        assert_eq!(database.execute(write, params![bytes, number]).unwrap(), 1);
        found_in(&world, &[], &["WRONG acme", "record sealed/", "other bytes beside it"]);
        // The record itself is whole: nobody is kept from opening it.
        assert_eq!(world.account_state("acme/web/prod"), "sealed");
    };
    for at in [0, 511, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] = 7;
        padded(bytes);
    }
    padded([&whole[..], b"hoard"].concat());
    padded([&whole[..], &[0; 4092]].concat());
}

#[test]
fn vault_rows_under_numbers_of_no_log() {
    let hidden = |number: i64| {
        [
            format!("INSERT INTO entry SELECT ({number} << 40) + 9, leaf, bytes FROM entry LIMIT 1"),
            format!("INSERT INTO record SELECT {number}, 'hoard', length, body FROM record LIMIT 1"),
            format!("INSERT INTO projection SELECT {number}, 'hoard', bytes FROM projection LIMIT 1"),
            format!("INSERT INTO row SELECT {number}, 'hoard', bytes FROM row LIMIT 1"),
        ]
    };
    for number in [0, -1, 7, -(1 << 23), (1 << 23) - 1] {
        for (sql, what) in hidden(number).iter().zip(["entries", "records", "projections", "rows"]) {
            let world = World::new();
            let database = world.database();
            database.pragma_update(None, "foreign_keys", false).unwrap();
            assert_eq!(database.execute(sql, params![]).unwrap(), 1, "{sql}");
            drop(database);
            let says = format!("{what} under the number {number}, which is no log's: 1");
            found_in(&world, &[], &["WRONG @vault", &says]);
        }
    }
}

/// Beside a log under the number 0 there would be room for rows that a division
/// takes for its own.
#[test]
fn vault_log_moved_to_the_number_0() {
    let world = World::new();
    let database = world.database();
    database.pragma_update(None, "foreign_keys", false).unwrap();
    let number: i64 = database.query_row(&format!("SELECT {ACME}"), [], |row| row.get(0)).unwrap();
    for sql in [
        format!("UPDATE log SET number = 0 WHERE number = {number}"),
        format!("UPDATE record SET log = 0 WHERE log = {number}"),
        format!("UPDATE projection SET log = 0 WHERE log = {number}"),
        format!("UPDATE row SET log = 0 WHERE log = {number}"),
        format!("UPDATE entry SET position = position & ((1 << 40) - 1) WHERE position >> 40 = {number}"),
        "INSERT INTO entry SELECT -9, leaf, bytes FROM entry LIMIT 1".to_owned(),
    ] {
        assert!(database.execute(&sql, params![]).unwrap() > 0, "{sql}");
    }
    drop(database);
    let says = ["lies under the number 0", "entries under the number -1, which is no log's: 1"];
    found_in(&world, &[], &says);
}

#[test]
fn vault_projection_inserted() {
    altered(
        "INSERT INTO projection SELECT log, 'hoard', bytes FROM projection WHERE log = {acme}",
        &["WRONG acme", "belongs to nothing"],
    );
}

/// What `status` and `due` would be told by a row that somebody has changed.
#[test]
fn vault_overview_row_changed() {
    for (row, from, to) in [
        ("account/", "111122223333", "999922223333"),
        ("account/", r#""version":1"#, r#""version":9"#),
        ("project/", r#""sealed":1"#, r#""sealed":9"#),
        ("project/", r#""accounts":"#, r#""baseline_shown":1,"accounts":"#),
        ("account/", r#"{"project":"#, r#"{"baseline":"shown","project":"#),
        ("group/", r#""holds":1"#, r#""holds":9"#),
        ("group/", r#""every_days":90"#, r#""every_days":900"#),
        ("group/", r#""keyed":"2"#, r#""keyed":"3"#),
        ("card/", r#""vouched":true"#, r#""vouched":false"#),
        ("head", r#""projects":"#, r#""projects":9"#),
    ] {
        let sql = format!(
            "UPDATE row SET bytes = CAST(replace(CAST(bytes AS TEXT), '{from}', '{to}') AS BLOB)
             WHERE name LIKE '{row}%' AND instr(bytes, '{from}') AND log = {{acme}}"
        );
        altered(
            &sql,
            &["WRONG acme", &format!("row {row}"), "of the overview is not what the entries add up to"],
        );
    }
}

#[test]
fn vault_overview_row_missing() {
    for row in ["account/", "project/", "group/", "card/", "head"] {
        altered(
            &format!("DELETE FROM row WHERE name LIKE '{row}%' AND log = {{acme}}"),
            &["WRONG acme", &format!("row {row}"), "of the overview is missing"],
        );
    }
}

#[test]
fn vault_overview_row_inserted() {
    for name in ["a", "aged/7", "report/7", "urgent/7", "waits/7", "zzz"] {
        altered(
            &format!(
                "INSERT INTO row SELECT log, '{name}', bytes FROM row WHERE name = 'head' AND log = {{acme}}"
            ),
            &["WRONG acme", &format!("row {name} of the overview belongs to nothing")],
        );
    }
    // Where no name of a row can be.
    altered(
        "INSERT INTO row SELECT log, char(1114111) || 'hoard', bytes FROM row WHERE name = 'head' AND log = {acme}",
        &["WRONG acme", "the overview has rows that belong to nothing"],
    );
}

#[test]
fn vault_overview_of_an_earlier_moment() {
    let world = World::new();
    let database = world.database();
    let rows = "CREATE TEMP TABLE kept AS SELECT * FROM row";
    database.execute(rows, params![]).unwrap();
    world.host(&["account", "add", "acme/web/late", "--id", "111122226666"]).good();
    database.execute("DELETE FROM row", params![]).unwrap();
    database.execute("INSERT INTO row SELECT * FROM kept", params![]).unwrap();
    drop(database);
    // Of another size than the log: it is not believed.
    let status = world.host(&["--json", "status"]).good().json();
    assert_eq!(status["organisations"][0]["read_from"], "entries");
    assert!(status["organisations"][0]["accounts"].to_string().contains("acme/web/late"));
    found_in(&world, &[], &["WRONG acme", "row head of the overview", "is missing"]);
    // The next commit makes it anew.
    world.host(&["account", "add", "acme/web/later", "--id", "111122227777"]).good();
    world.verified();
    let status = world.host(&["--json", "status"]).good().json();
    assert_eq!(status["organisations"][0]["read_from"], "overview");
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
