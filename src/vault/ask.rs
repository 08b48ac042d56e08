//! What an operator asks for, and what that names in the log. Nothing is opened here.

use super::hierarchy::account;
use super::{Log, VaultError};
use crate::event::{Hash, Mode, Purpose};
use crate::name::{AccountAddress, Factor, Recipient};
use crate::state::Version;
use crate::time::Span;

/// What an operator asks for.
pub struct Ask<'a> {
    /// Of which account.
    pub address: &'a AccountAddress,
    /// Why in kind.
    pub purpose: Purpose,
    /// What is to be opened, where the purpose does not say it.
    pub factor: Factor,
    /// Which version of the first target; the newest if none is named.
    pub version: Option<u64>,
    /// Why.
    pub reason: &'a str,
    /// Ticket.
    pub ticket: Option<&'a str>,
    /// Room or files.
    pub mode: Mode,
    /// How long the ceremony stays open.
    pub window: Span,
}

/// The newest version of an account's factor, or the one that was asked for.
pub fn version_of<'a>(
    log: &'a Log,
    address: &AccountAddress,
    factor: Factor,
    version: Option<u64>,
) -> Result<(&'a Hash, &'a Version), VaultError> {
    let (id, _) = account(&log.state, address)?;
    let versions = log.state.versions_of(&id, factor);
    let newest = versions.last().ok_or_else(|| match factor {
        Factor::Password => VaultError::NothingSealed(address.to_string()),
        factor => VaultError::NothingSealedAs { address: address.to_string(), factor },
    })?;
    let Some(wanted) = version else { return Ok(*newest) };
    let found = versions.iter().find(|(_, v)| v.sealing.version == wanted);
    found.copied().ok_or_else(|| VaultError::NoVersion {
        address: address.to_string(),
        version: wanted,
        newest: newest.1.sealing.version,
    })
}

/// What an ask is for, in the order of its list.
pub(super) fn targets_of<'a>(
    log: &'a Log,
    ask: &Ask<'_>,
) -> Result<Vec<(&'a Hash, &'a Version)>, VaultError> {
    let asked = [ask.factor];
    let factors = ask.purpose.factors().unwrap_or(&asked);
    if ask.purpose == Purpose::Open && ask.factor.recipient() == Recipient::Gate {
        account(&log.state, ask.address)?;
        return Err(VaultError::SeedStays(ask.address.to_string()));
    }
    let version = |(position, factor): (usize, &Factor)| {
        version_of(log, ask.address, *factor, ask.version.filter(|_| position == 0))
    };
    factors.iter().enumerate().map(version).collect()
}

/// Checks everything about an ask that needs no card.
pub fn check_ask(log: &Log, ask: &Ask<'_>) -> Result<(), VaultError> {
    for (credential, _) in targets_of(log, ask)? {
        if let Some((hash, other)) = log.state.open_ceremony_for(credential) {
            return Err(VaultError::CeremonyBusy {
                ceremony: hash.short(),
                address: ask.address.to_string(),
                until: other.expires,
            });
        }
    }
    Ok(())
}
