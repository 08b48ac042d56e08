//! Files that commands read and write: capped, and whole or not at all.

use super::error::CliError;
use crate::message::Message;
use crate::vault::seal::replace_file;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a file of at most `cap` bytes.
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, CliError> {
    let io = |why| CliError::file(path, why);
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(cap + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > cap {
        return Err(io(std::io::Error::new(ErrorKind::FileTooLarge, "the file is too long")));
    }
    Ok(bytes)
}

/// Replaces a file: a crash leaves the old one or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    replace_file(path, bytes).map_err(|why| CliError::file(path, why))
}

/// Writes a new file with mode 0600; an existing one is not touched.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let io = |why: std::io::Error| match why.kind() {
        ErrorKind::AlreadyExists => CliError::FileExists(path.to_owned()),
        _ => CliError::file(path, why),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)
}

/// Reads a message.
pub fn read_message<M: Message>(path: &Path) -> Result<M, CliError> {
    let bytes = read_capped(path, M::CAP as u64)?;
    M::decode(&bytes).map_err(|why| CliError::Message { path: path.to_owned(), why })
}

/// Writes a message to a new file.
pub fn write_message<M: Message>(path: &Path, message: &M) -> Result<(), CliError> {
    create(path, &message.encode())
}
