//! The signatures that entries carry, apart from what the entries change.
//!
//! Applying an entry checks who must have signed what, and hands each signature
//! that must verify to a [`Claims`]. Whoever writes takes [`Strict`]; whoever
//! verifies a whole log collects them and verifies many at once. A state whose
//! claims were only collected is nobody's word yet.

use super::Invalid;
use crate::hex::Bytes;
use crate::log::Checkpoint;
use crate::log::note::cosigned_message;
use crate::message::Contributed;
use crate::name::{Origin, Pseudonym};
use crate::seal::sign;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Whose signature it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signer {
    /// The gate, by its epoch's log key.
    Gate,
    /// A card, by its signing key.
    Card(Pseudonym),
    /// A card, by its cosignature key.
    Cosigner(Pseudonym),
}

/// What was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A transcript hash.
    Digest([u8; 64]),
    /// A contribution.
    Contributed(Arc<Contributed>),
    /// The log's own: that it has this size and root (C2SP tlog-checkpoint).
    Checkpoint {
        /// The log's origin.
        origin: Origin,
        /// Its size.
        size: u64,
        /// Its root.
        root: Bytes<32>,
    },
    /// That a log had this size and root (C2SP tlog-cosignature).
    Cosigned {
        /// The log's origin.
        origin: Origin,
        /// Its size.
        size: u64,
        /// Its root.
        root: Bytes<32>,
        /// When it was cosigned, in seconds since 1970.
        at: u64,
    },
}

impl Said {
    /// The bytes under the signature. What takes time is made only here: many threads
    /// verify, and one replays. `None` if the origin cannot stand in one.
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Digest(digest) => Some(Cow::Borrowed(digest)),
            Self::Contributed(contributed) => Some(Cow::Owned(contributed.digest().to_vec())),
            Self::Checkpoint { origin, size, root } => {
                let checkpoint = Checkpoint { origin: origin.to_string(), size: *size, root: *root };
                Some(Cow::Owned(checkpoint.text().ok()?.as_str().as_bytes().to_vec()))
            }
            Self::Cosigned { origin, size, root, at } => {
                let checkpoint = Checkpoint { origin: origin.to_string(), size: *size, root: *root };
                let text = checkpoint.text().ok()?;
                Some(Cow::Owned(cosigned_message(&text, *at).into_bytes()))
            }
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate => f.write_str("the gate"),
            Self::Card(who) => who.fmt(f),
            Self::Cosigner(who) => write!(f, "{who} on the checkpoint"),
        }
    }
}

/// That somebody signed something. Not verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The Ed25519 key.
    pub key: Bytes<32>,
    /// What it must have signed.
    pub said: Said,
    /// The signature that the entry carries.
    pub signature: Bytes<64>,
    /// Whose key it is.
    pub who: Signer,
}

impl Claim {
    /// Whether the signature is right, by [`sign::verify_message`].
    pub fn holds(&self) -> bool {
        self.said.bytes().is_some_and(|said| sign::verify_message(&self.key, &said, &self.signature))
    }

    /// The error that names whose signature is wrong.
    pub fn wrong(&self) -> Invalid {
        Invalid::Signature { who: self.who.to_string() }
    }
}

/// What accepted custodians signed. Hashed only when it is asked for: seldom, and the
/// hashes are a good part of what a replay costs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AcceptedMessages(Vec<Arc<Contributed>>);

impl AcceptedMessages {
    /// Whether what hashes to this was accepted.
    pub fn contains(&self, digest: &[u8; 64]) -> bool {
        self.0.iter().any(|accepted| accepted.digest() == *digest)
    }

    pub(super) fn insert(&mut self, accepted: Arc<Contributed>) {
        self.0.push(accepted);
    }
}

/// As a set of hashes.
impl Serialize for AcceptedMessages {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let hashes: BTreeSet<_> = self.0.iter().map(|accepted| Bytes(accepted.digest())).collect();
        hashes.serialize(to)
    }
}

/// Takes every signature that must verify for the entry at hand to be valid.
pub trait Claims {
    /// Takes one; an error refuses the entry.
    fn take(&mut self, claim: Claim) -> Result<(), Invalid>;
}

/// Verifies each signature at once, strictly.
#[derive(Debug)]
pub struct Strict;

impl Claims for Strict {
    fn take(&mut self, claim: Claim) -> Result<(), Invalid> {
        if claim.holds() { Ok(()) } else { Err(claim.wrong()) }
    }
}

/// Collects them. Nothing is verified: whoever collects must.
impl Claims for Vec<Claim> {
    fn take(&mut self, claim: Claim) -> Result<(), Invalid> {
        self.push(claim);
        Ok(())
    }
}
