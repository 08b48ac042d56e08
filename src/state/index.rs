//! Lookups that the rules need for every entry, so that replaying a long log
//! takes time in proportion to its length. Made of the state beside it, by
//! `apply.rs` alone; it is no part of what is stored.

use crate::event::Hash;
use crate::hex::Bytes;
use crate::name::{AccountId, Factor, ProjectId, Provider, Slug};
use std::collections::{BTreeMap, BTreeSet};

/// What is looked up by something else than its id.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Index {
    /// Projects by name.
    pub(super) projects: BTreeMap<Slug, ProjectId>,
    /// Accounts by project and name.
    pub(super) accounts: BTreeMap<(ProjectId, Slug), AccountId>,
    /// Accounts' identifiers at their providers.
    pub(super) external: BTreeSet<(Provider, String)>,
    /// Cards' signing keys.
    pub(super) sign_keys: BTreeSet<Bytes<32>>,
    /// The last version that was begun.
    pub(super) versions: BTreeMap<(AccountId, Factor), u64>,
    /// Ceremonies that have not ended.
    pub(super) open: BTreeSet<Hash>,
}
