//! What an operator asks for, and what that names in the log. Nothing is opened here.

use super::hierarchy::account;
use super::seal::there;
use super::{Log, VaultError};
use crate::event::{Hash, Mode, Purpose};
use crate::message::Target;
use crate::name::{AccountAddress, Factor, Recipient};
use crate::seal::card::Card;
use crate::state::Version;
use crate::time::{Span, Time};

/// What an operator asks for.
pub struct Ask<'a> {
    /// Of which account.
    pub address: &'a AccountAddress,
    /// Why in kind.
    pub purpose: Purpose,
    /// What is to be opened, where the purpose does not say it.
    pub factor: Factor,
    /// Which version of the first target; the current one if none is named.
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

/// What an operator asks for: a list of versions in one ceremony, with one quorum
/// for each group that holds some of them.
pub struct List<'a> {
    /// Why in kind.
    pub purpose: Purpose,
    /// Of which account, which factor and which version; the current one if none is
    /// named.
    pub targets: Vec<(&'a AccountAddress, Factor, Option<u64>)>,
    /// Why.
    pub reason: &'a str,
    /// Ticket.
    pub ticket: Option<&'a str>,
    /// Room or files.
    pub mode: Mode,
    /// How long the ceremony stays open.
    pub window: Span,
}

/// Targets that one ceremony can have: the entry of a contribution to all of them
/// must not be longer than an entry may be.
pub const MAX_TARGETS: usize = 224;

impl<'a> From<&Ask<'a>> for List<'a> {
    fn from(ask: &Ask<'a>) -> Self {
        let Ask { address, purpose, factor, version, reason, ticket, mode, window } = *ask;
        let asked = [factor];
        let factors = purpose.factors().unwrap_or(&asked).iter().enumerate();
        let target =
            |(position, factor): (usize, &Factor)| (address, *factor, version.filter(|_| position == 0));
        Self { purpose, targets: factors.map(target).collect(), reason, ticket, mode, window }
    }
}

/// The current version of an account's factor, or the one that was asked for,
/// which can be opened.
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
    let Some(wanted) = version else {
        let current = log.state.current_of(&id, factor);
        return current.ok_or(()).or_else(|()| there(&log.state, newest.0).map(|()| *newest));
    };
    let found = versions.iter().find(|(_, v)| v.sealing.version == wanted);
    let (credential, found) = found.copied().ok_or_else(|| VaultError::NoVersion {
        address: address.to_string(),
        version: wanted,
        newest: newest.1.sealing.version,
    })?;
    there(&log.state, credential).map(|()| (credential, found))
}

/// What a list is for, in its order.
fn targets_of<'a>(log: &'a Log, list: &List<'_>) -> Result<Vec<(&'a Hash, &'a Version)>, VaultError> {
    let version = |(address, factor, version): &(&AccountAddress, Factor, Option<u64>)| {
        if list.purpose == Purpose::Open && factor.recipient() == Recipient::Gate {
            account(&log.state, address)?;
            return Err(VaultError::SeedStays(address.to_string()));
        }
        version_of(log, address, *factor, *version)
    };
    list.targets.iter().map(version).collect()
}

/// Checks everything about an ask that needs no card.
pub fn check_ask(log: &Log, ask: &Ask<'_>) -> Result<(), VaultError> {
    check_list(log, &ask.into())
}

/// Checks everything about a list that needs no card.
pub fn check_list(log: &Log, list: &List<'_>) -> Result<(), VaultError> {
    if list.targets.len() > MAX_TARGETS {
        return Err(VaultError::TooManyTargets(list.targets.len()));
    }
    for ((credential, _), (address, ..)) in targets_of(log, list)?.into_iter().zip(&list.targets) {
        if let Some((hash, other)) = log.state.open_ceremony_for(credential) {
            let (ceremony, address) = (hash.short(), address.to_string());
            return Err(VaultError::CeremonyBusy { ceremony, address, until: other.expires });
        }
    }
    Ok(())
}

/// What a list names, of groups that let the operator ask.
pub(super) fn targets_for(
    log: &Log,
    operator: &Card,
    list: &List<'_>,
    now: Time,
) -> Result<Vec<Target>, VaultError> {
    let one = |((credential, version), (address, ..)): ((&Hash, &Version), &(&AccountAddress, _, _))| {
        let target = version.sealing.target(credential);
        let group = log.state.statement(&target.group, target.epoch);
        let group = group.ok_or_else(|| VaultError::Unbound(address.to_string()))?;
        if log.state.admission_of(operator.pseudonym(), group, now).is_none() {
            let (operator, group) =
                (operator.pseudonym().to_string(), format!("{}/{}", log.state.slug, group.slug));
            return Err(VaultError::NotAdmitted { operator, group });
        }
        Ok(target)
    };
    targets_of(log, list)?.into_iter().zip(&list.targets).map(one).collect()
}
