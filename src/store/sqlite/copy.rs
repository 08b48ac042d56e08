//! A copy of the whole database while others use it.

use super::file::{connect, failed, io_failed, make_private_file};
use super::{SqliteStore, StoreError};
use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};
use std::fs::File;
use std::path::Path;

/// Pages that are copied between two looks at the progress: 4 MiB.
const PAGES: i32 = 1024;

impl SqliteStore {
    /// Writes everything as of this moment into a new file for its owner alone;
    /// synced when it returns. Others may write meanwhile: what they commit is not
    /// in it. What was destroyed is not in it either. `progress` is told how many of
    /// how many pages are done. (SQLite's online backup, within one reading
    /// transaction, so that it never begins anew.)
    pub fn copy_to(&self, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        make_private_file(path)?;
        let mut copy = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let _moment = self.moment()?;
        // A reading transaction begins with the first reading.
        let pages: u64 = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
            .map_err(|error| self.failed(error))?
            .unsigned_abs();
        let backup = Backup::new(&self.connection, &mut copy).map_err(|error| self.failed(error))?;
        loop {
            let step = backup.step(PAGES).map_err(|error| failed(error, path))?;
            let left = u64::try_from(backup.progress().remaining).unwrap_or(0);
            progress(pages.saturating_sub(left), pages);
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(StoreError::Busy),
            }
        }
        drop(backup);
        copy.close().map_err(|(_, error)| failed(error, path))?;
        File::open(path).and_then(|file| file.sync_all()).map_err(io_failed)
    }
}
