//! Files that commands read and write: capped, and whole or not at all.

use super::error::CliError;
use crate::message::Message;
use crate::secret::SecretBytes;
use crate::vault::file;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A link is not followed.
const O_NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

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

/// Reads a file of at most `cap` bytes into memory that is wiped, and gives the
/// open file too. A memory that turns out too small is wiped when a larger one has
/// its contents.
pub fn read_secret(path: &Path, cap: usize) -> Result<(SecretBytes, File), CliError> {
    let io = |why| CliError::file(path, why);
    let mut file = File::open(path).map_err(io)?;
    let expected = file.metadata().map_err(io)?.len();
    let expected = usize::try_from(expected).unwrap_or(usize::MAX).clamp(4096, cap);
    let mut bytes = SecretBytes::zeroed(expected + 1);
    let mut length = 0;
    loop {
        let room = bytes.expose_mut().get_mut(length..).unwrap_or_default();
        if room.is_empty() {
            if length > cap {
                return Err(io(std::io::Error::new(ErrorKind::FileTooLarge, "the file is too long")));
            }
            bytes = resized(&bytes, length, (2 * length).min(cap + 1));
            continue;
        }
        match file.read(room) {
            Ok(0) => return Ok((resized(&bytes, length, length), file)),
            Ok(count) => length += count,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(io(why)),
        }
    }
}

/// The first `length` bytes in memory of another size.
fn resized(bytes: &SecretBytes, length: usize, size: usize) -> SecretBytes {
    let mut next = SecretBytes::zeroed(size);
    if let (Some(to), Some(from)) = (next.expose_mut().get_mut(..length), bytes.expose().get(..length)) {
        to.copy_from_slice(from);
    }
    next
}

/// Overwrites a file once and removes it: the very one that was read. What the
/// disk, its file system or a backup keeps of it is beyond reach.
pub fn shred(path: &Path, read: File) -> Result<(), CliError> {
    let io = |why| CliError::file(path, why);
    let not = |why| CliError::Unshredded { path: path.to_owned(), why };
    let before = read.metadata().map_err(io)?;
    drop(read);
    if !before.is_file() {
        return Err(not("it is no plain file"));
    }
    if std::fs::symlink_metadata(path).map_err(io)?.is_symlink() {
        return Err(not("it is a symbolic link"));
    }
    let mut file = OpenOptions::new().write(true).custom_flags(O_NOFOLLOW).open(path).map_err(io)?;
    let now = file.metadata().map_err(io)?;
    if (now.dev(), now.ino(), now.len()) != (before.dev(), before.ino(), before.len()) {
        return Err(not("it is not the file that was read any more"));
    }
    if now.nlink() > 1 {
        return Err(not("it has more names than this one (hard links)"));
    }
    let zeros = vec![0; 1 << 16];
    let mut left = now.len();
    while left > 0 {
        let part =
            zeros.get(..usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len())).unwrap_or_default();
        file.write_all(part).map_err(io)?;
        left -= part.len() as u64;
    }
    file.sync_all().map_err(io)?;
    std::fs::remove_file(path).map_err(io)?;
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
}

/// Replaces a file: a crash leaves the old one or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    file::replace(path, bytes).map_err(|why| CliError::file(path, why))
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
    decode_message(path, &bytes)
}

/// A message of which the bytes were read from that file.
pub fn decode_message<M: Message>(path: &Path, bytes: &[u8]) -> Result<M, CliError> {
    M::decode(bytes).map_err(|why| CliError::Message { path: path.to_owned(), why })
}

/// Writes a message to a new file; none that could not be read again.
pub fn write_message<M: Message>(path: &Path, message: &M) -> Result<(), CliError> {
    let bytes = message.encode_capped().map_err(|why| CliError::Message { path: path.to_owned(), why })?;
    create(path, &bytes)
}

/// A new file's name that nothing has yet: NAME.END, NAME-2.END and so on.
pub fn unused(name: &str, end: &str) -> PathBuf {
    let numbered = (2..).map(|number| format!("{name}-{number}.{end}"));
    let mut names = std::iter::once(format!("{name}.{end}")).chain(numbered).map(PathBuf::from);
    names.find(|path| !path.exists()).unwrap_or_default()
}

/// A path as it is typed in a command: in quotes where a shell would not leave
/// it whole.
pub fn as_argument(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_printed_command_is_one_argument_of_a_shell() {
        let typed = |path: &str| as_argument(Path::new(path));
        assert_eq!(typed("/tmp/割符/a.card"), "/tmp/割符/a.card");
        assert_eq!(typed("my stick/a"), "'my stick/a'");
        assert_eq!(typed("it's"), r"'it'\''s'");
    }
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
