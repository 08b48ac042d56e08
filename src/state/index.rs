//! Lookups that the rules need for every entry, so that replaying a long log
//! takes time in proportion to its length. Made of the state beside it, by
//! `apply.rs` alone; it is no part of what is stored.

use crate::event::Scope;
use crate::hex::Bytes;
use crate::name::{AccountId, Factor, ProjectId, Provider, Pseudonym, Slug};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for texts of any length; shorter than keeping them twice. Half of a
/// SHA-256: whoever made two names that share one would gain that the second is
/// refused, and a look-up compares the name itself.
pub(super) type Digest = Bytes<16>;

/// A name within a project, whose id is always as long.
pub(super) fn name_of(project: &ProjectId, slug: &Slug) -> Digest {
    digest(project.as_ref(), slug.as_str())
}

/// An identifier at its provider, whose name has no zero byte.
pub(super) fn identifier_of(provider: &Provider, id: &str) -> Digest {
    digest(provider.to_string().as_bytes(), id)
}

fn digest(first: &[u8], second: &str) -> Digest {
    let whole = Sha256::new().chain_update(first).chain_update([0]).chain_update(second).finalize();
    Bytes(*whole.first_chunk().expect("a SHA-256 has 32 bytes"))
}

/// What is looked up by something else than its id.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Index {
    /// Projects by name.
    pub(super) projects: BTreeMap<Slug, ProjectId>,
    /// Accounts by [`name_of`].
    pub(super) accounts: BTreeMap<Digest, AccountId>,
    /// Accounts by [`identifier_of`].
    pub(super) external: BTreeMap<Digest, AccountId>,
    /// Serial of the binding in force.
    pub(super) bindings: BTreeMap<(Scope, Factor), u64>,
    /// Cards' signing keys.
    pub(super) sign_keys: BTreeSet<Bytes<32>>,
    /// Cards' cosignature keys.
    pub(super) cosign_keys: BTreeSet<Bytes<32>>,
    /// Cards by what stands for their owners in credential ids.
    pub(super) subjects: BTreeMap<AccountId, Pseudonym>,
    /// Which versions there are.
    pub(super) versions: BTreeMap<(AccountId, Factor), Numbers>,
    /// Entries with which later epochs of the gate began.
    pub(super) gate_entries: Vec<u64>,
}

/// Numbers of versions, of which their ids follow: an id would be longer.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Numbers {
    /// The last that was begun.
    pub(super) begun: u64,
    /// The one that is current, destroyed or not; 0 if none is.
    pub(super) current: u64,
}
