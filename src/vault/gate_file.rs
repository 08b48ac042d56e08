//! The gate's root in a file of its own, mode 0600, optionally under a passphrase.
//!
//! Two lines of text: `warifu gate 1 plain` and 64 hexadecimal digits, or
//! `warifu gate 1 argon2id MEMORY_KIB PASSES LANES SALT` and nonce ‖ ciphertext
//! of the root under XChaCha20-Poly1305, the first line being associated data.

use super::file::sync_folder;
use crate::seal::aead;
use crate::seal::passphrase::{self, KdfParams};
use crate::secret::{SecretBytes, SecretKey};
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest gate file that is read, in bytes.
const CAP: u64 = 4096;

/// Why the gate's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GateFileError {
    /// It is not there.
    #[error("the gate's file {} is missing", .0.display())]
    Missing(PathBuf),
    /// Others may read or write it.
    #[error("the gate's file {} may be read by others (mode {mode:o})", path.display())]
    OpenPermissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a gate file, or damaged.
    #[error("{} is not a gate file, or it is damaged", .0.display())]
    Damaged(PathBuf),
    /// It is protected and no passphrase was given.
    #[error("the gate's file is protected by a passphrase, and none was given")]
    NoPassphrase,
    /// The passphrase is wrong.
    #[error("the passphrase of the gate's file is wrong")]
    WrongPassphrase,
    /// The system refused.
    #[error("{}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// Writes a new file; refuses to replace one.
pub fn write(
    path: &Path,
    root: &SecretKey,
    passphrase: Option<(&SecretBytes, KdfParams)>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), GateFileError> {
    let io = |why| GateFileError::Io { path: path.to_owned(), why };
    let (head, body) = match passphrase {
        None => ("warifu gate 1 plain".to_owned(), Zeroizing::new(HEXLOWER.encode(root.expose()))),
        Some((passphrase, params)) => {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            let (memory, passes, lanes) = (params.memory_kib(), params.passes(), params.lanes());
            let head = format!("warifu gate 1 argon2id {memory} {passes} {lanes} {}", HEXLOWER.encode(&salt));
            let key = passphrase::derive(passphrase, &salt, params)
                .map_err(|_| GateFileError::Damaged(path.to_owned()))?;
            let sealed = aead::seal_at_rest(&key, head.as_bytes(), root.expose(), rng);
            (head, Zeroizing::new(HEXLOWER.encode(&sealed)))
        }
    };
    // Exact capacity: a buffer that grows leaves copies of the root behind.
    let mut text = Zeroizing::new(String::with_capacity(head.len() + body.len() + 2));
    for part in [&head, "\n", &body, "\n"] {
        text.push_str(part);
    }
    write_new(path, text.as_bytes()).map_err(io)
}

/// Writes a file that must not be there, for its owner alone: a crash leaves all of
/// it or nothing under its name.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix("gate.key.new").tempfile_in(dir)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(path).map_err(|refused| refused.error)?;
    sync_folder(dir)
}

/// Whether the file is protected by a passphrase; the root stays unread.
pub fn is_protected(path: &Path) -> Result<bool, GateFileError> {
    let text = read_text(path)?;
    let head = text.expose().split(|byte| *byte == b'\n').next().unwrap_or_default();
    match head {
        b"warifu gate 1 plain" => Ok(false),
        head if head.starts_with(b"warifu gate 1 argon2id ") => Ok(true),
        _ => Err(GateFileError::Damaged(path.to_owned())),
    }
}

/// Reads the root; says too whether the file is protected.
pub fn read(
    path: &Path,
    passphrase: &mut dyn FnMut() -> Option<SecretBytes>,
) -> Result<(SecretKey, bool), GateFileError> {
    let text = read_text(path)?;
    let damaged = || GateFileError::Damaged(path.to_owned());
    let text = text.expose_str().ok_or_else(damaged)?;
    let (head, body) = text.split_once('\n').ok_or_else(damaged)?;
    let body = body.strip_suffix('\n').ok_or_else(damaged)?;
    let bytes = SecretBytes::new(HEXLOWER.decode(body.as_bytes()).map_err(|_| damaged())?);
    match head.split(' ').collect::<Vec<_>>().as_slice() {
        ["warifu", "gate", "1", "plain"] => {
            Ok((SecretKey::from_slice(bytes.expose()).ok_or_else(damaged)?, false))
        }
        ["warifu", "gate", "1", "argon2id", memory, passes, lanes, salt] => {
            let number = |text: &str| text.parse::<u32>().map_err(|_| damaged());
            let params =
                KdfParams::new(number(memory)?, number(passes)?, number(lanes)?).map_err(|_| damaged())?;
            let salt = HEXLOWER.decode(salt.as_bytes()).map_err(|_| damaged())?;
            let passphrase = passphrase().ok_or(GateFileError::NoPassphrase)?;
            let key = passphrase::derive(&passphrase, &salt, params).map_err(|_| damaged())?;
            let root = aead::open_at_rest(&key, head.as_bytes(), bytes.expose());
            let root = root.map_err(|_| GateFileError::WrongPassphrase)?;
            Ok((SecretKey::from_slice(root.expose()).ok_or_else(damaged)?, true))
        }
        _ => Err(damaged()),
    }
}

fn read_text(path: &Path) -> Result<SecretBytes, GateFileError> {
    let io = |why: std::io::Error| match why.kind() {
        std::io::ErrorKind::NotFound => GateFileError::Missing(path.to_owned()),
        _ => GateFileError::Io { path: path.to_owned(), why },
    };
    let mut file = File::open(path).map_err(io)?;
    let about = file.metadata().map_err(io)?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(GateFileError::OpenPermissions { path: path.to_owned(), mode });
    }
    let length =
        usize::try_from(about.size().min(CAP + 1)).map_err(|_| GateFileError::Damaged(path.to_owned()))?;
    if about.size() > CAP {
        return Err(GateFileError::Damaged(path.to_owned()));
    }
    let mut text = SecretBytes::zeroed(length);
    file.read_exact(text.expose_mut()).map_err(io)?;
    Ok(text)
}
