//! The gate's roots in a file of their own, mode 0600, optionally under a passphrase.
//!
//! Two lines of text: `warifu gate 2 plain` and, in hexadecimal, each epoch (8 bytes,
//! big endian) with its root; or `warifu gate 2 argon2id MEMORY_KIB PASSES LANES SALT`
//! and nonce ‖ ciphertext of the same under XChaCha20-Poly1305, the first line being
//! associated data. A file `warifu gate 1 …` has the root of the first epoch alone;
//! as long as there is no other it is still written so, for programs of before.

use super::file;
use crate::seal::aead;
use crate::seal::passphrase::{self, KdfParams};
use crate::seal::root::Roots;
use crate::secret::{SecretBytes, SecretKey};
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest gate file that is read, in bytes.
const CAP: u64 = 16 * 1024;

/// Bytes of one root: its epoch and itself.
const ONE: usize = 8 + 32;

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
    roots: &Roots,
    passphrase: Option<(&SecretBytes, KdfParams)>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), GateFileError> {
    let (version, plain) = encode(roots);
    let io = |why| GateFileError::Io { path: path.to_owned(), why };
    let (head, body) = match passphrase {
        None => (format!("warifu gate {version} plain"), Zeroizing::new(HEXLOWER.encode(plain.expose()))),
        Some((passphrase, params)) => {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            let (memory, passes, lanes) = (params.memory_kib(), params.passes(), params.lanes());
            let salted = HEXLOWER.encode(&salt);
            let head = format!("warifu gate {version} argon2id {memory} {passes} {lanes} {salted}");
            let key = passphrase::derive(passphrase, &salt, params)
                .map_err(|_| GateFileError::Damaged(path.to_owned()))?;
            let sealed = aead::seal_at_rest(&key, head.as_bytes(), plain.expose(), rng);
            (head, Zeroizing::new(HEXLOWER.encode(&sealed)))
        }
    };
    // Exact capacity: a buffer that grows leaves copies of the root behind.
    let mut text = Zeroizing::new(String::with_capacity(head.len() + body.len() + 2));
    for part in [&head, "\n", &body, "\n"] {
        text.push_str(part);
    }
    file::create(path, text.as_bytes()).map_err(io)
}

/// Whether the file is protected by a passphrase; the root stays unread.
pub fn is_protected(path: &Path) -> Result<bool, GateFileError> {
    let text = read_text(path)?;
    let head = text.expose().split(|byte| *byte == b'\n').next().unwrap_or_default();
    match head {
        b"warifu gate 1 plain" | b"warifu gate 2 plain" => Ok(false),
        head if head.starts_with(b"warifu gate 1 argon2id ") => Ok(true),
        head if head.starts_with(b"warifu gate 2 argon2id ") => Ok(true),
        _ => Err(GateFileError::Damaged(path.to_owned())),
    }
}

/// Writes a file in the place of the one that is there: the old one or the new one is
/// there after a crash, and perhaps the new one as `NAME.new` beside it.
pub fn replace(
    path: &Path,
    roots: &Roots,
    passphrase: Option<(&SecretBytes, KdfParams)>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), GateFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let io = |why| GateFileError::Io { path: path.to_owned(), why };
    // What a crash left there no log knows.
    match fs::remove_file(&beside) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(io(why)),
        _ => {}
    }
    write(&beside, roots, passphrase, rng)?;
    fs::rename(&beside, path).and_then(|()| file::sync_folder(file::folder_of(path))).map_err(io)
}

/// The roots as bytes, and in which version of the file.
fn encode(roots: &Roots) -> (u8, SecretBytes) {
    let first = roots.get(&1).filter(|_| roots.len() == 1);
    let mut plain = SecretBytes::zeroed(first.map_or(roots.len() * ONE, |_| ONE - 8));
    if let Some(root) = first {
        plain.expose_mut().copy_from_slice(root.expose());
        return (1, plain);
    }
    for (to, (epoch, root)) in plain.expose_mut().chunks_mut(ONE).zip(roots) {
        let (number, bytes) = to.split_at_mut(8);
        number.copy_from_slice(&epoch.to_be_bytes());
        bytes.copy_from_slice(root.expose());
    }
    (2, plain)
}

/// Reads what [`encode`] wrote; `None` if it cannot have.
fn decode(version: &str, plain: &SecretBytes) -> Option<Roots> {
    if version == "1" {
        return Some(Roots::from([(1, SecretKey::from_slice(plain.expose())?)]));
    }
    let mut roots = Roots::new();
    for one in plain.expose().chunks(ONE) {
        let (epoch, root) = one.split_first_chunk()?;
        roots.insert(u64::from_be_bytes(*epoch), SecretKey::from_slice(root)?);
    }
    Some(roots).filter(|roots| !roots.is_empty())
}

/// Reads the roots; says too whether the file is protected.
pub fn read(
    path: &Path,
    passphrase: &mut dyn FnMut() -> Option<SecretBytes>,
) -> Result<(Roots, bool), GateFileError> {
    let text = read_text(path)?;
    let damaged = || GateFileError::Damaged(path.to_owned());
    let text = text.expose_str().ok_or_else(damaged)?;
    let (head, body) = text.split_once('\n').ok_or_else(damaged)?;
    let body = body.strip_suffix('\n').ok_or_else(damaged)?;
    let bytes = SecretBytes::new(HEXLOWER.decode(body.as_bytes()).map_err(|_| damaged())?);
    match head.split(' ').collect::<Vec<_>>().as_slice() {
        ["warifu", "gate", version @ ("1" | "2"), "plain"] => {
            Ok((decode(version, &bytes).ok_or_else(damaged)?, false))
        }
        ["warifu", "gate", version @ ("1" | "2"), "argon2id", memory, passes, lanes, salt] => {
            let number = |text: &str| text.parse::<u32>().map_err(|_| damaged());
            let params =
                KdfParams::new(number(memory)?, number(passes)?, number(lanes)?).map_err(|_| damaged())?;
            let salt = HEXLOWER.decode(salt.as_bytes()).map_err(|_| damaged())?;
            let passphrase = passphrase().ok_or(GateFileError::NoPassphrase)?;
            let key = passphrase::derive(&passphrase, &salt, params).map_err(|_| damaged())?;
            let plain = aead::open_at_rest(&key, head.as_bytes(), bytes.expose());
            let plain = plain.map_err(|_| GateFileError::WrongPassphrase)?;
            Ok((decode(version, &plain).ok_or_else(damaged)?, true))
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
