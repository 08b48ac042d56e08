//! What an older version left in another form than this one writes, brought up to
//! date when the vault is opened for writing. The tables themselves are the
//! store's matter.

use super::VaultError;
use super::commit::{self, projection};
use crate::name::OrganisationId;
use crate::state::VaultState;
use crate::store::sqlite::SqliteStore;
use crate::store::{Batch, RecordKey, Store};

/// Where the store has put a state that was stored in the form of before, which
/// nothing but a comparison ever reads.
pub const OLD_STATE: &str = "state-of-format-1";

/// Whether there is something to bring up to date.
pub(super) fn pending(store: &SqliteStore) -> Result<bool, VaultError> {
    for id in store.logs()? {
        if is_old(store, &id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes states of the form of before anew, from the entries. A log that cannot
/// be replayed keeps its old one: `audit verify` says what is wrong with it.
pub(super) fn states(store: &mut SqliteStore, vault: &VaultState) -> Result<(), VaultError> {
    for id in store.logs()? {
        if !is_old(store, &id)? {
            continue;
        }
        // Others may append meanwhile, and write a newer state than this one: it is
        // good when nobody has.
        loop {
            let (state, size) = if id == vault.vault.into() {
                let state = commit::load_vault(store)?;
                (projection(&id, &state), state.size)
            } else {
                let Ok(log) = commit::load(store, &id) else { break };
                (projection(&id, &log.state), log.state.size)
            };
            let old = RecordKey { log: id, name: OLD_STATE.to_owned() };
            let batch = Batch { delete_projections: vec![old], projections: vec![state], ..Batch::default() };
            let _durable = store.commit(batch)?;
            if store.size(&id)? == size {
                break;
            }
        }
    }
    Ok(())
}

fn is_old(store: &SqliteStore, id: &OrganisationId) -> Result<bool, VaultError> {
    Ok(store.projection_names(id)?.iter().any(|name| name == OLD_STATE))
}
