//! Putting files in place so that a crash leaves the old one or the new one. What
//! is in them is not known here.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Replaces a file so that a crash leaves the old one or the new one. What is
/// written beside it has a name that nobody can have prepared, is made anew for
/// its owner alone, and is removed where anything fails.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = beside(path)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|refused| refused.error)?;
    sync_folder(folder_of(path))
}

/// Writes a file that must not be there, for its owner alone: a crash leaves all of
/// it or nothing. On Linux it has no name before it is whole, so that a secret in it
/// is never left behind under another; where a file system cannot do that, and on
/// other systems, a crash may leave it as `NAME.new` and six characters.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    match unnamed(folder) {
        Some(mut file) => {
            file.write_all(bytes)?;
            file.sync_all()?;
            give_name(&file, path)?;
        }
        None => {
            let mut beside = beside(path)?;
            beside.write_all(bytes)?;
            beside.as_file().sync_all()?;
            beside.persist_noclobber(path).map_err(|refused| refused.error)?;
        }
    }
    sync_folder(folder)
}

/// Files that a crash left beside one that was being written.
pub fn left_beside(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let begins = format!("{name}.new");
    let all = std::fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    let left = all.filter(|entry| entry.file_name().to_str().is_some_and(|found| found.starts_with(&begins)));
    left.map(|entry| entry.path()).collect()
}

#[cfg(target_os = "linux")]
fn unnamed(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).map(File::from).ok()
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path) -> Option<File> {
    None
}

/// Refuses a name that is taken.
fn give_name(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    tempfile::Builder::new().prefix(&name).tempfile_in(folder_of(path))
}

/// Makes the names in a folder durable: new, replaced and removed ones.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_file_is_its_owners_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.key");
        create(&path, b"root").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"root");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(left_beside(&path).is_empty());
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.key");
        create(&path, b"first").unwrap();
        assert_eq!(create(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// Until it is whole it has no name, so that a crash leaves nothing of it.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_being_written_has_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = unnamed(dir.path()).expect("this file system has unnamed files");
        file.write_all(b"root").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        give_name(&file, &dir.path().join("gate.key")).unwrap();
        assert_eq!(std::fs::read(dir.path().join("gate.key")).unwrap(), b"root");
    }

    #[test]
    fn what_a_crash_left_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gate.key");
        std::fs::write(dir.path().join("gate.key.newAbCdEf"), "root").unwrap();
        std::fs::write(dir.path().join("vault.db"), "").unwrap();
        assert_eq!(left_beside(&path), [dir.path().join("gate.key.newAbCdEf")]);
    }
}
