//! What a log and a witness say to each other (C2SP tlog-witness), and what the
//! witness decides. No sockets, files or clock: what the witness holds, the
//! request and the time come in; what it holds from then on and the answer go out.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosignature::Cosignature;
use super::merkle::{Frontier, Hash, verify_consistency};
use super::note::{Cosigner, KeyType, MAX_NOTE, Note, NoteError, Signature, VerifierKey};
use crate::hex::Bytes;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};
use std::fmt;

/// Most lines of a consistency proof.
pub const MAX_PROOF: usize = 63;

/// Longest request: the size, a whole proof, an empty line and a note.
pub const MAX_REQUEST: usize = 32 + MAX_PROOF * 45 + MAX_NOTE;

/// Longest answer that is read.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How far, in seconds, a clock may step back and still be the same clock.
pub const STEP_BACK: u64 = 60;

/// Most signature lines of one answer that are read.
const MAX_LINES: usize = 100;

/// `Content-Type` of an answer that is a size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// Why a request's body was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// Longer than [`MAX_REQUEST`].
    #[error("a request of {length} bytes is too long: the limit is {MAX_REQUEST}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
    /// The first line is not `old`, a space and a size.
    #[error("the first line is not 'old' and a size")]
    Old,
    /// A line of the proof is not 32 bytes in canonical base64.
    #[error("proof line {line} is not a hash")]
    Proof {
        /// Its number, counted from 1.
        line: usize,
    },
    /// More than [`MAX_PROOF`] lines.
    #[error("a proof has at most {MAX_PROOF} lines")]
    TooManyLines,
    /// No empty line before the checkpoint.
    #[error("no empty line ends the proof")]
    NoEmptyLine,
    /// What follows is no signed checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// The body of `POST add-checkpoint`. Prints as the exact bytes that it was read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// A request to cosign a note, with the proof that it extends a log of `old`
    /// entries. Nothing is verified.
    pub fn new(old: u64, proof: Vec<Hash>, note: Note) -> Result<Self, RequestError> {
        if proof.len() > MAX_PROOF {
            return Err(RequestError::TooManyLines);
        }
        let checkpoint = Checkpoint::parse(note.unverified_text())?;
        Ok(Self { old, proof, note, checkpoint })
    }

    /// Reads `old <size>`, the proof's lines, an empty line and a signed
    /// checkpoint. A checkpoint with extension lines is refused, as everywhere here.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST {
            return Err(RequestError::TooLong { length: bytes.len() });
        }
        let end = bytes.windows(2).position(|two| two == b"\n\n").ok_or(RequestError::NoEmptyLine)?;
        let (head, rest) = bytes.split_at(end);
        let mut lines = head.split(|byte| *byte == b'\n');
        let old = lines.next().and_then(|line| size(line.strip_prefix(b"old ")?)).ok_or(RequestError::Old)?;
        let mut proof = Vec::new();
        for (line, number) in lines.zip(1..) {
            if number > MAX_PROOF {
                return Err(RequestError::TooManyLines);
            }
            proof.push(hash(line).ok_or(RequestError::Proof { line: number })?);
        }
        let note = rest.strip_prefix(b"\n\n").unwrap_or_default();
        Self::new(old, proof, Note::parse(note).map_err(CheckpointError::from)?)
    }

    /// What is to be cosigned.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

/// A decimal number without sign and leading zeros.
fn size(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}

fn hash(line: &[u8]) -> Option<Hash> {
    Bytes::from_slice(&BASE64.decode(line).ok()?)
}

/// What a witness answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 200: its cosignatures.
    Cosigned(Vec<Signature>),
    /// 400: the request is malformed, or its old size is above its new one.
    Malformed,
    /// 403: no key that it trusts for this log has signed.
    NotSigned,
    /// 404: it knows no log of this origin.
    UnknownLog,
    /// 409: the log that it cosigned last has this size; or it has the same size
    /// and another root.
    Conflict(u64),
    /// 422: the proof does not show that the log was only added to.
    NotExtended,
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AnswerError {
    /// A status that no witness gives.
    #[error("the witness answered with status {0}")]
    Status(u16),
    /// 200 without signature lines, or 409 without a size.
    #[error("the witness's answer is malformed")]
    Malformed,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Malformed => 400,
            Self::NotSigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::NotExtended => 422,
        }
    }

    /// The body: signature lines, a size, or nothing.
    pub fn body(&self) -> String {
        match self {
            Self::Cosigned(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            Self::Conflict(size) => format!("{size}\n"),
            _ => String::new(),
        }
    }

    /// Reads status and body. What other answers say in words is not looked at.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, AnswerError> {
        match status {
            200 => lines(body).map(Self::Cosigned).ok_or(AnswerError::Malformed),
            400 => Ok(Self::Malformed),
            403 => Ok(Self::NotSigned),
            404 => Ok(Self::UnknownLog),
            409 => {
                let size = body.strip_suffix(b"\n").and_then(size);
                size.map(Self::Conflict).ok_or(AnswerError::Malformed)
            }
            422 => Ok(Self::NotExtended),
            other => Err(AnswerError::Status(other)),
        }
    }
}

fn lines(body: &[u8]) -> Option<Vec<Signature>> {
    if body.len() > MAX_ANSWER {
        return None;
    }
    let lines: Vec<_> = str::from_utf8(body).ok()?.strip_suffix('\n')?.split('\n').collect();
    let few = lines.len() <= MAX_LINES;
    few.then(|| lines.into_iter().map(Signature::parse).collect())?
}

/// The latest checkpoint of one log that a witness cosigned, as a note with the
/// log's and the witness's own signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    note: Note,
    checkpoint: Checkpoint,
    seconds: u64,
}

impl Held {
    /// Reads what the witness kept; its own cosignature must be there and right.
    pub fn read(bytes: &[u8], cosigner: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(bytes)?;
        let own = Cosignature::among(cosigner, note.unverified_text(), note.signatures())?;
        let checkpoint = Checkpoint::parse(note.unverified_text()).map_err(|_| NoteError::NotSigned)?;
        Ok(Self { note, checkpoint, seconds: own.seconds() })
    }

    /// The note, for keeping and for monitors.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// When the witness cosigned it, in seconds since 1970, by its clock.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

/// Decides on a request. `held` is what the witness cosigned last for this
/// origin. `Some` says what it must hold, durably, before the answer goes out;
/// any other answer changes nothing.
///
/// The order is the specification's: origin, signature, sizes, roots, proof.
pub fn decide(
    held: Option<&Held>,
    request: &AddCheckpoint,
    logs: &[VerifierKey],
    cosigner: &Cosigner,
    seconds: u64,
) -> Result<(Held, Answer), Answer> {
    let new = &request.checkpoint;
    let trusted: Vec<_> = logs
        .iter()
        .filter(|key| key.name() == new.origin && key.kind() == KeyType::Ed25519)
        .cloned()
        .collect();
    if trusted.is_empty() {
        return Err(Answer::UnknownLog);
    }
    let (text, _) = request.note.verify(&trusted).map_err(|_| Answer::NotSigned)?;
    if request.old > new.size {
        return Err(Answer::Malformed);
    }
    let (old, root) = held.map_or((0, Frontier::new().root()), |h| (h.checkpoint.size, h.checkpoint.root));
    if request.old != old || (old == new.size && root != new.root) {
        return Err(Answer::Conflict(old));
    }
    verify_consistency(old, &root, new.size, &new.root, &request.proof).map_err(|_| Answer::NotExtended)?;
    let seconds = held.map_or(seconds, |held| dated(held.seconds, seconds));
    let line = cosigner.cosign(text, seconds).map_err(|_| Answer::Malformed)?;
    let by_log = request.note.signatures().iter().filter(|line| trusted.iter().any(|key| line.is_by(key)));
    let mut kept = Note::new(text.clone(), line.clone());
    by_log.cloned().all(|line| kept.add(line).is_ok());
    Ok((Held { note: kept, checkpoint: new.clone(), seconds }, Answer::Cosigned(vec![line])))
}

/// The time of a statement after one of `before`, where the clock says `now`.
///
/// A cosignature says that as of its time this is the largest tree that was seen,
/// and that time is the one at which it is made (tlog-cosignature, "Format" and
/// "Ed25519 signed message"). Where a clock steps back by up to [`STEP_BACK`] both
/// cannot be had: the last time is kept, so that a larger tree is never dated
/// before a smaller one. A last time that is further ahead was a wrong clock's. To
/// hold on to it would date every statement falsely until then, and whoever looks
/// at the time would take none of them: the clock of now counts.
fn dated(before: u64, now: u64) -> u64 {
    if before.saturating_sub(now) <= STEP_BACK { before.max(now) } else { now }
}

/// Name of a log in a witness's monitoring paths and files:
/// `SHA-256(origin)` in hexadecimal.
pub fn origin_hash(origin: &str) -> Bytes<32> {
    Bytes(Sha256::digest(origin).into())
}

#[cfg(test)]
mod tests;
