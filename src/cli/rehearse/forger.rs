//! Somebody with write access to the database and no keys: what the log must
//! find. Works on a copy alone.

use crate::store::sqlite::FILE_NAME;
use rusqlite::{Connection, params};
use std::path::Path;

/// Replaces a text in the newest entry that has it; gives the entry's index.
pub fn change_an_entry(dir: &Path, from: &str, to: &str) -> rusqlite::Result<u64> {
    let database = Connection::open(dir.join(FILE_NAME))?;
    let found =
        "SELECT position FROM entry WHERE instr(bytes, CAST(?1 AS BLOB)) ORDER BY position DESC LIMIT 1";
    let position: i64 = database.query_row(found, params![from], |row| row.get(0))?;
    let changed =
        "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), ?2, ?3) AS BLOB) WHERE position = ?1";
    database.execute(changed, params![position, from, to])?;
    Ok(u64::try_from(position & ((1 << 40) - 1)).unwrap_or_default())
}
