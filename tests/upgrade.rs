//! Vaults that an older version wrote: each is brought up to date by whatever
//! command comes first, also after a crash, and verifies.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use rusqlite::Connection;
use std::path::Path;
use warifu::store::sqlite::SqliteStore;
use warifu::vault::upgrade::{NO_ROWS, OLD_STATE};

const FORMAT: u32 = 5;
/// The vault's own, and two organisations'.
const LOGS: i64 = 3;

fn format(database: &Connection) -> u32 {
    database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Logs that have a projection of that name.
fn states(database: &Connection, name: &str) -> i64 {
    let sql = "SELECT count(*) FROM projection WHERE name = ?1";
    database.query_row(sql, [name], |row| row.get(0)).unwrap()
}

/// The vault as the first format had it: states had more in them.
fn older(world: &World) {
    let database = world.database();
    let longer = r#"UPDATE projection SET bytes = CAST(replace(CAST(bytes AS TEXT), '"size":', '"more":[],"size":') AS BLOB) WHERE name = 'state'"#;
    assert_eq!(database.execute(longer, []).unwrap(), LOGS as usize);
    database.execute("DROP TABLE row", []).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
}

fn up_to_date(world: &World) {
    let database = world.database();
    let marks = [OLD_STATE, NO_ROWS].map(|mark| states(&database, mark));
    assert_eq!((format(&database), states(&database, "state"), marks), (FORMAT, LOGS, [0, 0]));
    let heads = "SELECT count(*) FROM row WHERE name = 'head'";
    assert_eq!(database.query_row(heads, [], |row| row.get::<_, i64>(0)).unwrap(), LOGS - 1);
    drop(database);
    world.verified();
}

#[test]
fn a_vault_of_the_first_format_is_brought_up_to_date_by_verifying_it() {
    let world = World::new();
    older(&world);
    up_to_date_after(&world, &["audit", "verify"]);
}

#[test]
fn a_vault_of_the_first_format_is_brought_up_to_date_by_reading_it() {
    let world = World::new();
    older(&world);
    up_to_date_after(&world, &["status"]);
}

#[test]
fn a_vault_of_the_first_format_is_brought_up_to_date_by_writing_to_it() {
    let world = World::new();
    older(&world);
    let database = world.database();
    assert_eq!((format(&database), states(&database, "state")), (1, LOGS));
    drop(database);
    world.host(&["project", "add", "acme/more"]).good();
    up_to_date(&world);
}

#[test]
fn an_upgrade_that_was_interrupted_goes_on() {
    let world = World::new();
    older(&world);
    let database = world.database();
    drop(database);
    // The store's own steps are one transaction; states and rows are written after it.
    drop(SqliteStore::open(Path::new(&world.vault())).unwrap());
    let database = world.database();
    let marks = [OLD_STATE, NO_ROWS].map(|mark| states(&database, mark));
    assert_eq!((format(&database), states(&database, "state"), marks), (FORMAT, 0, [LOGS; 2]));
    drop(database);
    up_to_date_after(&world, &["audit", "verify"]);
}

#[test]
fn a_vault_of_the_second_format_is_given_its_overview() {
    for command in [&["status"][..], &["due"], &["audit", "verify"], &["project", "add", "acme/more"]] {
        let world = World::new();
        let database = world.database();
        database.execute("DROP TABLE row", []).unwrap();
        database.pragma_update(None, "user_version", 2).unwrap();
        drop(database);
        up_to_date_after(&world, command);
    }
}

/// The vault as the third format had it: nothing said when members showed their keys.
#[test]
fn a_vault_of_the_third_format_is_told_when_keys_were_shown() {
    for command in [&["status"][..], &["due"], &["audit", "verify"], &["project", "add", "acme/more"]] {
        let world = World::new();
        let database = world.database();
        let state = r#"UPDATE projection SET bytes = CAST(replace(CAST(bytes AS TEXT), '"keyed":', '"cut":') AS BLOB) WHERE name = 'state'"#;
        assert!(database.execute(state, []).unwrap() > 0);
        let row = r#"UPDATE row SET bytes = CAST(replace(CAST(bytes AS TEXT), ',"keyed":', ',"cut":') AS BLOB) WHERE name LIKE 'group/%'"#;
        assert!(database.execute(row, []).unwrap() > 0);
        database.pragma_update(None, "user_version", 3).unwrap();
        drop(database);
        up_to_date_after(&world, command);
    }
}

/// The vault as the fourth format had it: rows said nothing of baselines. What they say
/// now must come from the entries, not from there being nothing.
#[test]
fn a_vault_of_the_fourth_format_is_told_who_is_at_baseline() {
    let world = World::new();
    let note = world.host_dir().join("note");
    std::fs::write(note, "the board").unwrap();
    let state = |address: &str, fact: &str| {
        let command = ["account", "baseline", address, "--state", fact, "--note-file", "note"];
        world.host(&cli::joined(&command, &world.card(&world.operator))).good();
    };
    world.host(&["account", "standing", "acme/lab/one", "closed"]).good();
    state("acme/lab/one", "mailbox");
    world.host(&["account", "standing", "acme/web/spare", "credential-less"]).good();
    state("acme/web/spare", "mailbox");
    state("acme/web/spare", "contacts");
    let below = |world: &World| {
        let status = world.host(&["--json", "status", "acme"]).good().json();
        assert_eq!(status["organisations"][0]["read_from"], "overview");
        status["organisations"][0]["not_at_baseline"].clone()
    };
    let right = below(&world);
    assert_eq!(right["accounts"], 2);
    for command in [&["status"][..], &["due"], &["audit", "verify"], &["project", "add", "acme/more"]] {
        let database = world.database();
        for (from, times) in [
            (r#","baseline":"waits""#, 1),
            (r#","baseline":"shown""#, 1),
            (r#","baseline_waits":1"#, 1),
            (r#","baseline_shown":1"#, 1),
        ] {
            let sql = "UPDATE row SET bytes = CAST(replace(CAST(bytes AS TEXT), ?1, '') AS BLOB) WHERE instr(bytes, ?1)";
            assert_eq!(database.execute(sql, [from]).unwrap(), times, "{from}");
        }
        assert_eq!(database.execute("DELETE FROM row WHERE name LIKE 'waits/%'", []).unwrap(), 1);
        database.pragma_update(None, "user_version", 4).unwrap();
        drop(database);
        up_to_date_after(&world, command);
        assert_eq!(below(&world), right);
    }
}

fn up_to_date_after(world: &World, command: &[&str]) {
    assert!(Path::new(&world.vault()).exists());
    world.host(command).good();
    up_to_date(world);
}
