//! What an older version left in another form than this one writes, or did not have
//! at all, made anew from the entries when the vault is opened for writing. The
//! tables themselves are the store's matter.

use super::VaultError;
use super::commit::{self, keyed, projection};
use super::overview;
use crate::name::OrganisationId;
use crate::state::VaultState;
use crate::store::sqlite::SqliteStore;
use crate::store::{Batch, RecordKey, Store};

/// Where the store has put a state that was stored in the form of before, which
/// nothing but a comparison ever reads.
pub const OLD_STATE: &str = "state-of-format-1";

/// How the store has marked a log whose overview is still to be made.
pub const NO_ROWS: &str = "rows-to-be-made";

/// Marks of what is to be brought up to date.
const MARKS: [&str; 2] = [OLD_STATE, NO_ROWS];

/// Whether there is something to bring up to date.
pub(super) fn pending(store: &SqliteStore) -> Result<bool, VaultError> {
    for id in store.logs()? {
        if is_marked(store, &id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes states of the form of before and overviews anew, from the entries: of each
/// log in one transaction, with which its marks go. A log that cannot be replayed
/// keeps them: `audit verify` says what is wrong with it.
pub(super) fn logs(store: &mut SqliteStore, vault: &VaultState) -> Result<(), VaultError> {
    for id in store.logs()? {
        if !is_marked(store, &id)? {
            continue;
        }
        // Others may append meanwhile, and write a newer state than this one: it is
        // good when nobody has.
        loop {
            let marks = MARKS.map(|name| RecordKey { log: id, name: name.to_owned() });
            let mut batch = Batch { delete_projections: marks.to_vec(), ..Batch::default() };
            let size = if id == vault.vault.into() {
                let state = commit::load_vault(store)?;
                batch.projections = vec![projection(&id, &state)];
                state.size
            } else {
                let Ok(log) = commit::load(store, &id) else { break };
                batch.projections = vec![projection(&id, &log.state)];
                (batch.clear_rows, batch.put_rows) =
                    (vec![id], keyed(id, overview::all(&log.state).into_iter().collect()));
                log.state.size
            };
            let _durable = store.commit(batch)?;
            if store.size(&id)? == size {
                break;
            }
        }
    }
    Ok(())
}

fn is_marked(store: &SqliteStore, id: &OrganisationId) -> Result<bool, VaultError> {
    Ok(store.projection_names(id)?.iter().any(|name| MARKS.contains(&name.as_str())))
}
