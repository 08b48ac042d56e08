//! What a log's entries add up to, of whichever kind the log is: its first entry
//! says.

use crate::event::{Event, GateEpoch, Line};
use crate::hex::Bytes;
use crate::log::VerifierKey;
use crate::log::note::NoteError;
use crate::name::Origin;
use crate::state::{Claims, Invalid, Organisation, VaultState, log_keys};

/// State of an organisation's log, or of the vault's own.
#[derive(Clone, Debug)]
pub enum State {
    /// An organisation's.
    Organisation(Box<Organisation>),
    /// The vault's own.
    Vault(Box<VaultState>),
}

impl State {
    /// Begins with the log's first line.
    pub fn begin(line: &Line, leaf: &Bytes<32>, claims: &mut dyn Claims) -> Result<Self, Invalid> {
        let of_vault = matches!(line, Line::Known(e) if matches!(e.event, Event::VaultCreated { .. }));
        if of_vault {
            VaultState::begin_claiming(line, leaf, claims).map(|state| Self::Vault(Box::new(state)))
        } else {
            Organisation::begin_claiming(line, leaf, claims).map(|state| Self::Organisation(Box::new(state)))
        }
    }

    /// Adds a line. On an error the state is as before.
    pub fn apply(&mut self, line: &Line, leaf: &Bytes<32>, claims: &mut dyn Claims) -> Result<(), Invalid> {
        match self {
            Self::Organisation(state) => state.apply_claiming(line, leaf, claims),
            Self::Vault(state) => state.apply_claiming(line, leaf, claims),
        }
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        match self {
            Self::Organisation(state) => state.size,
            Self::Vault(state) => state.size,
        }
    }

    /// Name of the log.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Organisation(state) => state.origin.clone(),
            Self::Vault(state) => state.log_origin(),
        }
    }

    /// The gate's epochs, the present one last.
    pub fn gates(&self) -> &[GateEpoch] {
        match self {
            Self::Organisation(state) => &state.gates,
            Self::Vault(state) => &state.gates,
        }
    }

    /// The keys that have signed this log's checkpoints, the present one last.
    pub fn log_keys(&self) -> Result<Vec<VerifierKey>, NoteError> {
        log_keys(&self.origin(), self.gates())
    }
}
