//! A witness's directory: its key, and for each log the latest checkpoint that
//! it cosigned. What it says there it will stand by: it is on disk before the
//! cosignature goes out, and one process alone has the directory.

use crate::hex::Bytes;
use crate::log::note::{Cosigner, NoteError, VerifierKey};
use crate::log::witness::{AddCheckpoint, Answer, Held, decide, origin_hash};
use crate::secret::{SecretBytes, SecretKey};
use crate::vault::file;
use data_encoding::HEXLOWER;
use rand_core::CryptoRng;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the key's file.
pub const KEY_FILE: &str = "cosigner.key";

const LOCK_FILE: &str = "lock";
const HEAD: &str = "warifu cosigner 1 ";
/// Longest key file that is read, in bytes.
const KEY_CAP: u64 = 4096;
/// Longest kept note that is read, in bytes.
const NOTE_CAP: u64 = crate::log::note::MAX_NOTE as u64;

/// Why a witness cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is a witness already.
    #[error("{} holds a witness already", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("{} holds no witness", .0.display())]
    Missing(PathBuf),
    /// Others may read or write the key.
    #[error("{} may be read by others (mode {mode:o})", path.display())]
    OpenPermissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: KeepFault,
    },
    /// Another process has it.
    #[error("another process serves the witness in {}", .0.display())]
    InUse(PathBuf),
    /// Not a name for a key.
    #[error(transparent)]
    Name(NoteError),
    /// The system refused.
    #[error("{}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// What is wrong with a witness's file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeepFault {
    /// The key's file does not hold one.
    #[error("it is not a cosigner's key")]
    NotAKey,
    /// The kept note does not read, or its own cosignature is missing or wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The kept note is of another log than its name says.
    #[error("it is the checkpoint of '{origin}', which is another log")]
    OtherLog {
        /// Origin of the checkpoint.
        origin: String,
    },
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> KeepError + '_ {
    move |why| KeepError::Io { path: path.to_owned(), why }
}

/// Makes a witness with a fresh key; gives the key that others verify with.
pub fn init(dir: &Path, name: &str, rng: &mut (impl CryptoRng + ?Sized)) -> Result<VerifierKey, KeepError> {
    let seed = SecretKey::random(rng);
    // Exact capacity: a buffer that grows leaves copies of the seed behind.
    let body = Zeroizing::new(HEXLOWER.encode(seed.expose()));
    let cosigner = Cosigner::new(name, seed).map_err(KeepError::Name)?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
    let path = dir.join(KEY_FILE);
    let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + name.len() + body.len() + 2));
    for part in [HEAD, name, "\n", &body, "\n"] {
        text.push_str(part);
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = opened.map_err(|why| match why.kind() {
        ErrorKind::AlreadyExists => KeepError::Exists(dir.to_owned()),
        _ => io(&path)(why),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io(&path))?;
    file::sync_folder(dir).map_err(io(dir))?;
    Ok(cosigner.verifier().clone())
}

/// A witness: its key and what it has cosigned.
#[derive(Debug)]
pub struct Keep {
    dir: PathBuf,
    cosigner: Cosigner,
    logs: Vec<VerifierKey>,
    /// Held for as long as this process serves.
    _lock: File,
}

impl Keep {
    /// Opens a witness for these logs; whatever it has kept of them must be whole.
    pub fn open(dir: &Path, logs: Vec<VerifierKey>) -> Result<Self, KeepError> {
        let cosigner = read_key(dir)?;
        let path = dir.join(LOCK_FILE);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = opened.map_err(io(&path))?;
        lock.try_lock().map_err(|why| match why {
            TryLockError::WouldBlock => KeepError::InUse(dir.to_owned()),
            TryLockError::Error(why) => io(&path)(why),
        })?;
        let keep = Self { dir: dir.to_owned(), cosigner, logs, _lock: lock };
        for log in &keep.logs {
            keep.held(&origin_hash(log.name()))?;
        }
        Ok(keep)
    }

    /// The key that others verify with.
    pub fn verifier(&self) -> &VerifierKey {
        self.cosigner.verifier()
    }

    /// The latest checkpoint that was cosigned for the log of this name.
    pub fn held(&self, origin: &Bytes<32>) -> Result<Option<Held>, KeepError> {
        let path = self.path(origin);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(NOTE_CAP + 1).read_to_end(&mut bytes));
        match read {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io(&path))?,
        };
        let damaged = |why| KeepError::Damaged { path: path.clone(), why };
        let held = Held::read(&bytes, self.verifier()).map_err(|why| damaged(why.into()))?;
        let found = &held.checkpoint().origin;
        if origin_hash(found) != *origin {
            return Err(damaged(KeepFault::OtherLog { origin: found.clone() }));
        }
        Ok(Some(held))
    }

    /// Answers a request. `&mut`: reading, deciding and keeping are one step, and
    /// no other request comes in between. What is cosigned is durable first; a
    /// crash before the answer costs the caller a conflict, and nothing else.
    pub fn add_checkpoint(&mut self, request: &AddCheckpoint, seconds: u64) -> Result<Answer, KeepError> {
        let origin = origin_hash(&request.checkpoint().origin);
        let held = self.held(&origin)?;
        match decide(held.as_ref(), request, &self.logs, &self.cosigner, seconds) {
            Err(answer) => Ok(answer),
            Ok((next, answer)) => {
                let path = self.path(&origin);
                file::replace(&path, next.note().to_string().as_bytes()).map_err(io(&path))?;
                Ok(answer)
            }
        }
    }

    fn path(&self, origin: &Bytes<32>) -> PathBuf {
        self.dir.join(format!("{origin}.checkpoint"))
    }
}

fn read_key(dir: &Path) -> Result<Cosigner, KeepError> {
    let path = dir.join(KEY_FILE);
    let damaged = || KeepError::Damaged { path: path.clone(), why: KeepFault::NotAKey };
    let mut file = File::open(&path).map_err(|why| match why.kind() {
        ErrorKind::NotFound => KeepError::Missing(dir.to_owned()),
        _ => io(&path)(why),
    })?;
    let about = file.metadata().map_err(io(&path))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeepError::OpenPermissions { path: path.clone(), mode });
    }
    let length = Some(about.len()).filter(|length| *length <= KEY_CAP);
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
    let mut text = SecretBytes::zeroed(length);
    file.read_exact(text.expose_mut()).map_err(io(&path))?;
    let lines =
        text.expose_str().and_then(|text| text.strip_prefix(HEAD)?.strip_suffix('\n')?.split_once('\n'));
    let (name, body) = lines.ok_or_else(damaged)?;
    let seed = SecretBytes::new(HEXLOWER.decode(body.as_bytes()).map_err(|_| damaged())?);
    let seed = SecretKey::from_slice(seed.expose()).ok_or_else(damaged)?;
    Cosigner::new(name, seed).map_err(KeepError::Name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::checkpoint;
    use crate::log::merkle::{consistency_proof, leaf_hash, root};
    use crate::log::note::LogSigner;
    use crate::log::{Checkpoint, Hash};

    const ORIGIN: &str = "vault.example/acme";

    fn signer() -> LogSigner {
        LogSigner::new(ORIGIN, SecretKey::from_slice(&[1; 32]).unwrap()).unwrap()
    }

    fn request(old: u64, size: u64) -> AddCheckpoint {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let body = Checkpoint { origin: ORIGIN.into(), size, root: root(&leaves) };
        let note = checkpoint::sign(&body, &signer()).unwrap();
        AddCheckpoint::new(old, consistency_proof(&leaves, old, size).unwrap(), note).unwrap()
    }

    fn open(dir: &Path) -> Result<Keep, KeepError> {
        Keep::open(dir, vec![signer().verifier().clone()])
    }

    fn made() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), "witness.example", &mut rand::rng()).unwrap();
        dir
    }

    #[test]
    fn a_witness_remembers_across_a_restart() {
        let dir = made();
        let mut keep = open(dir.path()).unwrap();
        let key = keep.verifier().clone();
        assert_eq!(keep.add_checkpoint(&request(0, 5), 1).unwrap().status(), 200);
        drop(keep);
        let mut keep = open(dir.path()).unwrap();
        assert_eq!(*keep.verifier(), key);
        assert_eq!(keep.add_checkpoint(&request(0, 6), 2).unwrap(), Answer::Conflict(5));
        assert_eq!(keep.add_checkpoint(&request(5, 6), 2).unwrap().status(), 200);
    }

    #[test]
    fn what_was_kept_before_a_crash_can_be_asked_for_again() {
        // Kept, but the answer was lost: the same checkpoint is cosigned once more.
        let dir = made();
        let mut keep = open(dir.path()).unwrap();
        keep.add_checkpoint(&request(0, 5), 1).unwrap();
        assert_eq!(keep.add_checkpoint(&request(0, 5), 2).unwrap(), Answer::Conflict(5));
        assert_eq!(keep.add_checkpoint(&request(5, 5), 2).unwrap().status(), 200);
    }

    #[test]
    fn a_half_written_file_beside_changes_nothing() {
        let dir = made();
        let mut keep = open(dir.path()).unwrap();
        keep.add_checkpoint(&request(0, 5), 1).unwrap();
        let beside = format!("{}.checkpoint.new77", origin_hash(ORIGIN));
        std::fs::write(dir.path().join(beside), "vault.exam").unwrap();
        assert_eq!(keep.add_checkpoint(&request(0, 6), 2).unwrap(), Answer::Conflict(5));
    }

    #[test]
    fn what_cannot_be_kept_is_not_cosigned() {
        let dir = made();
        let mut keep = open(dir.path()).unwrap();
        // A directory stands where the file would go.
        std::fs::create_dir(dir.path().join(format!("{}.checkpoint", origin_hash(ORIGIN)))).unwrap();
        assert!(matches!(keep.add_checkpoint(&request(0, 5), 1), Err(KeepError::Io { .. })));
    }

    #[test]
    fn damaged_or_exchanged_memory_is_refused_at_the_start() {
        let dir = made();
        let mut keep = open(dir.path()).unwrap();
        keep.add_checkpoint(&request(0, 5), 1).unwrap();
        drop(keep);
        let path = dir.path().join(format!("{}.checkpoint", origin_hash(ORIGIN)));
        let good = std::fs::read_to_string(&path).unwrap();
        let fault = |dir: &Path| match open(dir) {
            Err(KeepError::Damaged { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        for bad in ["", &good.replacen("\n5\n", "\n4\n", 1), &good.replacen(ORIGIN, "vault.example/else", 1)]
        {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(fault(dir.path()), KeepFault::Note(_)), "{bad}");
        }
        std::fs::write(&path, good).unwrap();
        assert!(open(dir.path()).is_ok());
        // Its own memory of one log, put in the place of another's.
        let other = LogSigner::new("vault.example/else", SecretKey::from_slice(&[1; 32]).unwrap()).unwrap();
        std::fs::rename(&path, dir.path().join(format!("{}.checkpoint", origin_hash("vault.example/else"))))
            .unwrap();
        match Keep::open(dir.path(), vec![other.verifier().clone()]) {
            Err(KeepError::Damaged { why, .. }) => {
                assert_eq!(why, KeepFault::OtherLog { origin: ORIGIN.into() })
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let dir = made();
        let path = dir.path().join(KEY_FILE);
        let whole = std::fs::read_to_string(&path).unwrap();
        for bad in
            [&whole[..whole.len() - 2], "warifu cosigner 1 w", &whole.replace("cosigner", "witness"), ""]
        {
            std::fs::write(&path, bad).unwrap();
            let refused = open(dir.path()).unwrap_err();
            assert!(matches!(refused, KeepError::Damaged { why: KeepFault::NotAKey, .. }), "{refused}");
        }
    }

    /// The clock was a year ahead when the witness cosigned last; it was set right
    /// and the witness started again.
    #[test]
    fn a_witness_whose_clock_was_ahead_is_of_use_again_after_it_is_set_right() {
        const YEAR: u64 = 365 * 86_400;
        let dir = made();
        let now = 1_800_000_000;
        open(dir.path()).unwrap().add_checkpoint(&request(0, 5), now + YEAR).unwrap();
        let mut keep = open(dir.path()).unwrap();
        for (old, size) in [(5, 5), (5, 6)] {
            assert_eq!(keep.add_checkpoint(&request(old, size), now).unwrap().status(), 200);
            let held = keep.held(&origin_hash(ORIGIN)).unwrap().unwrap();
            assert_eq!(held.seconds(), now);
        }
    }

    #[test]
    fn a_second_process_is_refused() {
        let dir = made();
        let first = open(dir.path()).unwrap();
        assert!(matches!(open(dir.path()), Err(KeepError::InUse(_))));
        drop(first);
        assert!(open(dir.path()).is_ok());
    }

    #[test]
    fn a_key_is_never_replaced_nor_read_where_others_may() {
        let dir = made();
        let again = init(dir.path(), "witness.example", &mut rand::rng());
        assert!(matches!(again, Err(KeepError::Exists(_))));
        let path = dir.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open(dir.path()), Err(KeepError::OpenPermissions { mode: 0o640, .. })));
        let bare = tempfile::tempdir().unwrap();
        assert!(matches!(open(bare.path()), Err(KeepError::Missing(_))));
        assert!(matches!(init(bare.path(), "a name", &mut rand::rng()), Err(KeepError::Name(_))));
    }
}
