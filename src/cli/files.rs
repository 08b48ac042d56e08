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

/// Writes a message to a new file; none that could not be read again.
pub fn write_message<M: Message>(path: &Path, message: &M) -> Result<(), CliError> {
    let bytes = message.encode_capped().map_err(|why| CliError::Message { path: path.to_owned(), why })?;
    create(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::{Bytes, HexBytes};
    use crate::message::{Contribution, MessageError};

    #[test]
    fn a_message_that_nobody_could_read_is_not_written() {
        let contribution = |length| Contribution {
            ceremony: Bytes([0; 64]),
            custodian: "one-two-three".parse().unwrap(),
            targets: Vec::new(),
            at: crate::time::Time::default(),
            size: 0,
            root: Bytes([0; 32]),
            cosignature: Bytes([0; 72]),
            shares: Vec::new(),
            ciphertexts: Vec::new(),
            code: HexBytes(vec![0; length]),
            signature: Bytes([0; 64]),
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer");
        let refused = write_message(&path, &contribution(Contribution::CAP / 2));
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, CliError::Message { why: MessageError::TooLongToWrite { .. }, .. }),
            "{refused}"
        );
        assert!(!path.exists(), "nothing is left that would be carried in vain");
        let longest = contribution(Contribution::CAP / 2 - 400);
        write_message(&path, &longest).unwrap();
        assert_eq!(read_message::<Contribution>(&path).unwrap(), longest);
    }
}
