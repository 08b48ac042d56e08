//! The format of a vault's database file: its mark, its version, and the
//! numbered migrations that lead there. What the tables hold is
//! [`super::sqlite`]'s matter.

use super::{Damage, StoreError};
use crate::name::printable;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::BTreeSet;
use std::path::Path;

/// SQLite's `application_id` of a vault: "wrfu". `file` shows it.
pub(super) const APPLICATION_ID: i32 = 0x7772_6675;

/// `MIGRATIONS[n]` leads from format `n` to format `n + 1`. The version is kept
/// in SQLite's `user_version`, which belongs to the same transaction as the
/// tables, and can be read before any table is known. Never edit a published
/// one: add the next.
pub(super) const MIGRATIONS: &[&str] = &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5];

/// Entries: `position` = log number · 2⁴⁰ + index, so that a log's entries lie
/// together in order in one tree, and an append goes to its end. The frontier
/// is [`crate::log::Frontier::to_bytes`].
///
/// Records: a record's bytes lie in a body of their own, which is laid out so
/// that destroying it leaves nothing: see [`super::erasable`]. Bodies have no
/// foreign key, which would look for other users of a body at each deletion.
const FORMAT_1: &str = "
    CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
        frontier BLOB NOT NULL,
        checkpoint TEXT NOT NULL
    ) STRICT;
    CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        leaf BLOB NOT NULL CHECK (length(leaf) = 32),
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE record (
        log INTEGER NOT NULL REFERENCES log (number),
        name TEXT NOT NULL,
        length INTEGER NOT NULL,
        body INTEGER NOT NULL,
        PRIMARY KEY (log, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE body (
        number INTEGER PRIMARY KEY,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE projection (
        log INTEGER NOT NULL REFERENCES log (number),
        name TEXT NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (log, name)
    ) STRICT;
";

/// States have another form: those of before are put aside under another name
/// until [`crate::vault`] has written them anew from the entries, which it can
/// finish after a crash.
const FORMAT_2: &str = "UPDATE projection SET name = 'state-of-format-1' WHERE name = 'state'";

/// Rows of projections that are read in parts, by ranges of their names. Every
/// log is marked as one whose rows are still to be made from its entries, which
/// [`crate::vault`] does, and can finish after a crash.
const FORMAT_3: &str = "
    CREATE TABLE row (
        log INTEGER NOT NULL REFERENCES log (number),
        name TEXT NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (log, name)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO projection (log, name, bytes) SELECT number, 'rows-to-be-made', x'' FROM log;
";

/// States and rows say when a group's members showed their keys last: both are made
/// anew from the entries. Where an upgrade was cut short they still are to be.
const FORMAT_4: &str = "
    UPDATE OR REPLACE projection SET name = 'state-of-format-1' WHERE name = 'state';
    INSERT OR IGNORE INTO projection (log, name, bytes) SELECT number, 'rows-to-be-made', x'' FROM log;
";

/// Rows say what of baselines the entries show: all are made anew. A row without it
/// reads as one that says something, so that until then none is believed: there is no
/// head.
const FORMAT_5: &str = "
    DELETE FROM row WHERE name = 'head' AND log IN (SELECT number FROM log);
    INSERT OR IGNORE INTO projection (log, name, bytes) SELECT number, 'rows-to-be-made', x'' FROM log;
";

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// A database without anything in it.
    Empty,
    /// Some other program's database.
    Foreign,
    /// A vault of this format.
    Vault(u32),
}

/// Reads mark and version.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<Format> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (id, version, tables) {
        (0, 0, 0) => Format::Empty,
        (APPLICATION_ID, version, _) if version > 0 => Format::Vault(version),
        _ => Format::Foreign,
    })
}

/// Refuses what is no vault, and a newer vault; gives the format of the rest.
pub(super) fn known_format(format: Format, newest: u32, path: &Path) -> Result<u32, StoreError> {
    match format {
        Format::Vault(found) if found > newest => Err(StoreError::NewerFormat { found, supported: newest }),
        Format::Vault(found) => Ok(found),
        Format::Empty | Format::Foreign => Err(StoreError::NotAVault { path: path.to_owned() }),
    }
}

/// Refuses a database that has anything in it beside the tables of its format, or
/// tables of another shape: a trigger or a view would act in the vault's name,
/// and a table keep what was destroyed.
pub(super) fn check_schema(connection: &Connection, steps: &[&str], format: u32) -> Result<(), StoreError> {
    let unknown = |_| StoreError::Damaged { what: Damage::Database };
    let mut model = Connection::open_in_memory().map_err(unknown)?;
    let transaction = model.transaction().map_err(unknown)?;
    let steps = steps.get(..format as usize).unwrap_or(steps);
    migrate(&transaction, steps, 0).map_err(unknown)?;
    let (right, found) = (objects(&transaction).map_err(unknown)?, objects(connection).map_err(unknown)?);
    match found.symmetric_difference(&right).next() {
        None => Ok(()),
        Some((kind, name, _)) => {
            let what = Damage::Schema(printable(kind), printable(name));
            Err(StoreError::Damaged { what })
        }
    }
}

/// Kind, name and definition of all that a database has.
fn objects(connection: &Connection) -> rusqlite::Result<BTreeSet<(String, String, String)>> {
    let sql = "SELECT type, name, tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Takes the database from format `from` to the last, in the caller's
/// transaction: an interrupted migration has not happened.
pub(super) fn migrate(transaction: &Transaction<'_>, steps: &[&str], from: u32) -> rusqlite::Result<()> {
    for (step, version) in steps.iter().zip(1u32..).skip(from as usize) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Begins the only kind of transaction that writes: it takes the write lock at
/// once, so that it never has to be taken halfway and refused.
pub(super) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
