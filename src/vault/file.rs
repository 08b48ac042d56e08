//! Putting files in place so that a crash leaves the old one or the new one. What
//! is in them is not known here.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file so that a crash leaves the old one or the new one. What is
/// written beside it has a name that nobody can have prepared, is made anew for
/// its owner alone, and is removed where anything fails.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let folder = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(&name).tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|refused| refused.error)?;
    sync_folder(folder)
}

/// Makes the names in a folder durable: new, replaced and removed ones.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
