//! Making, finding and connecting to the database file, and what SQLite's and
//! the operating system's errors mean.

use super::super::schema::{self, Format};
use super::super::{Damage, StoreError, erasable};
use super::{FILE_NAME, WAIT, newest};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, DirBuilder, OpenOptions};
use std::path::{Path, PathBuf};

pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // One handle is used by one thread at a time, which Rust checks.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(error, path))?;
    // What somebody may have planted in the file is not obeyed; that it is there
    // is found out next.
    [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ]
    .into_iter()
    .try_for_each(|(config, on)| connection.set_db_config(config, on).map(|_| ()))
    .map_err(|error| failed(error, path))?;
    connection
        .busy_timeout(WAIT)
        .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
        .and_then(|()| connection.pragma_update(None, "cell_size_check", true))
        .map_err(|error| failed_to_open(error, path))?;
    Ok(connection)
}

pub(super) fn connect_for_reading(path: &Path) -> Result<(Connection, Format), StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let error = match schema::format(&connection) {
        Ok(format) => return Ok((connection, format)),
        Err(error) => error,
    };
    let no_companions = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    );
    let closed = fs::metadata(wal_path(path)).map_or(true, |wal| wal.len() == 0);
    if !no_companions || !closed {
        return Err(failed_to_open(error, path));
    }
    let still = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = connect(Path::new(&immutable_uri(path)), still)?;
    let format = schema::format(&connection).map_err(|error| failed_to_open(error, path))?;
    Ok((connection, format))
}

/// Memory for pages, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// Settings of a connection that writes. A full sync at each commit, also of
/// the disk's own cache where the system has a call for that (macOS); freed
/// content is overwritten; nothing goes to temporary files. (The size of a page
/// counts only for a database that is still empty.)
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", erasable::PAGE as i64)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Names of records are random, so many at once touch the whole of their index.
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

pub(super) fn bring_up_to_date(
    connection: &mut Connection,
    steps: &[&str],
    path: &Path,
) -> Result<(), StoreError> {
    let transaction = schema::begin(connection).map_err(|error| failed(error, path))?;
    // Asked again under the lock: another process may have been faster.
    let format = schema::format(&transaction).map_err(|error| failed(error, path))?;
    let found = schema::known_format(format, newest(steps), path)?;
    schema::migrate(&transaction, steps, found)
        .and_then(|()| transaction.commit())
        .map_err(|error| failed(error, path))
}

pub(super) fn existing(dir: &Path) -> Result<PathBuf, StoreError> {
    let path = dir.join(FILE_NAME);
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(StoreError::Missing { path }),
        Err(_) => Err(StoreError::CannotOpen { path }),
    }
}

pub(super) fn wal_path(path: &Path) -> PathBuf {
    path.with_file_name(format!("{FILE_NAME}-wal"))
}

/// SQLite's name for a file that nobody changes while it is open.
fn immutable_uri(path: &Path) -> std::ffi::OsString {
    let mut uri = std::ffi::OsString::from("file:");
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    uri.push(escaped);
    uri.push("?immutable=1");
    uri
}

pub(super) fn make_directory(dir: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::Missing { path: dir.to_owned() })
        }
        made => made.map_err(io_failed),
    }
}

/// SQLite gives its companions the same permissions.
pub(super) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(io_failed)
}

pub(super) fn io_failed(error: std::io::Error) -> StoreError {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => StoreError::DiskFull,
        PermissionDenied | ReadOnlyFilesystem => StoreError::ReadOnly,
        kind => StoreError::Io { kind },
    }
}

pub(super) fn failed_to_open(error: rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotAVault { path: path.to_owned() },
        _ => failed(error, path),
    }
}

pub(super) fn failed(error: rusqlite::Error, path: &Path) -> StoreError {
    let cause = match error {
        rusqlite::Error::SqliteFailure(cause, _) | rusqlite::Error::SqlInputError { error: cause, .. } => {
            cause
        }
        // A value of another type or length than the schema says.
        _ => return StoreError::Damaged { what: Damage::Database },
    };
    match cause.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy,
        ErrorCode::DiskFull => StoreError::DiskFull,
        ErrorCode::ReadOnly => StoreError::ReadOnly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            StoreError::Damaged { what: Damage::Database }
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            StoreError::CannotOpen { path: path.to_owned() }
        }
        ErrorCode::SystemIoFailure => StoreError::Io { kind: std::io::ErrorKind::Other },
        _ => StoreError::Engine { code: cause.extended_code },
    }
}
