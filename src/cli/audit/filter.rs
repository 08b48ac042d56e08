//! Which entries an officer asked for. Every filter that is given must let an
//! entry through.

use super::hours;
use crate::cli::args::LogArgs;
use crate::cli::error::CliError;
use crate::event::{Event, Hash, KINDS, Scope};
use crate::name::{AccountId, Factor, Pseudonym};
use crate::state::Organisation;
use crate::vault::audit::Read;
use crate::vault::hierarchy::account;
use crate::vault::{PublicVault, VaultError};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// What was asked for, with the names looked up.
pub struct Filter<'a> {
    args: &'a LogArgs,
    state: &'a Organisation,
    account: Option<AccountId>,
    /// Ceremonies that were for a version of that account.
    held: BTreeSet<Hash>,
    zone: TimeZone,
}

impl<'a> Filter<'a> {
    /// What can be refused without a vault.
    pub fn check(args: &LogArgs) -> Result<(), CliError> {
        if let Some(unknown) = args.kind.iter().find(|k| !KINDS.contains(&k.as_str())) {
            let fact = format!("there is no kind of entry '{unknown}'; the kinds are {}", KINDS.join(", "));
            return Err(CliError::Argument { fact, remedy: "Name one of those with --kind." });
        }
        hours::zone(args.zone.as_deref()).map(|_| ())
    }

    /// Refused is what names nothing that exists.
    pub fn new(args: &'a LogArgs, vault: &PublicVault, state: &'a Organisation) -> Result<Self, CliError> {
        let account = match &args.account {
            Some(address) if address.organisation != args.organisation => {
                let name = address.to_string();
                return Err(VaultError::NotFound { what: "account", name, near: Vec::new() }.into());
            }
            Some(address) => Some(account(state, address)?.0),
            None => None,
        };
        let held = account.map(|id| held(vault, state, &id)).transpose()?.unwrap_or_default();
        Ok(Self { args, state, account, held, zone: hours::zone(args.zone.as_deref())? })
    }

    /// Whether every filter lets this entry through.
    pub fn keeps(&self, entry: &Read) -> bool {
        let args = self.args;
        let event = entry.event.as_ref();
        let is = |asked: bool, what: &dyn Fn(&Event) -> bool| !asked || event.is_some_and(what);
        args.since.is_none_or(|t| entry.time >= t)
            && args.until.is_none_or(|t| entry.time < t)
            && (args.kind.is_empty() || args.kind.contains(&entry.kind))
            && args.who.as_ref().is_none_or(|who| self.names(who, entry))
            && is(self.account.is_some(), &|e| self.account.is_some_and(|id| self.concerns(e, &id)))
            && is(args.contributions, &|e| contributor(e).is_some())
            && is(args.refusals, &|e| {
                matches!(e, Event::Refused { .. } | Event::DrillRefused { .. } | Event::ShareRejected { .. })
            })
            && is(args.no_ticket, &|e| matches!(e, Event::Opened(opening) if opening.ticket.is_none()))
            && args.unusual_hours.is_none_or(|hours| {
                matches!(event, Some(Event::Opened(_))) && hours.leave_out(entry.time, &self.zone)
            })
    }

    /// Whether an event concerns an account: by itself, through what binds it, or
    /// through its ceremony.
    fn concerns(&self, event: &Event, id: &AccountId) -> bool {
        let within = |scope: &Scope| match scope {
            Scope::Organisation => true,
            Scope::Project(project) => self.state.accounts.get(id).is_some_and(|a| a.project == *project),
            Scope::Account(account) => account == id,
        };
        match event {
            Event::AccountCreated { account, .. }
            | Event::AccountRenamed { account, .. }
            | Event::AccountStandingSet { account, .. }
            | Event::SealBegun { account, .. } => account == id,
            Event::BaselineStated(said) => said.account == *id,
            Event::Sealed(sealing) => sealing.account == *id,
            Event::Destroyed(gone) => {
                self.state.begun(&gone.credential).is_some_and(|begun| begun.account == *id)
            }
            Event::Reshared(done) => {
                let of = |credential: &Hash| self.state.begun(credential).is_some_and(|b| b.account == *id);
                done.versions.iter().any(|version| of(&version.credential))
            }
            Event::Bound(binding) => within(&binding.scope),
            Event::RotationPolicySet(set) => within(&set.scope),
            Event::Reconciled(found) => found.findings.iter().any(|one| one.account == *id),
            Event::RecoverabilityChecked(found) => found.failed.iter().any(|one| one.account == *id),
            other => other.ceremony().is_some_and(|ceremony| self.held.contains(ceremony)),
        }
    }

    /// Whether an entry names somebody; among contributions: is that one's.
    fn names(&self, who: &Pseudonym, entry: &Read) -> bool {
        match entry.event.as_ref().and_then(contributor) {
            Some(contributor) if self.args.contributions => contributor == who,
            _ => entry.line.as_str().contains(&format!("\"{who}\"")) || self.identifies(who, entry),
        }
    }

    /// Whether an entry is about who somebody is: it names them by credential id alone.
    fn identifies(&self, who: &Pseudonym, entry: &Read) -> bool {
        let theirs = |credential: &Hash| {
            let begun = self.state.begun(credential).filter(|begun| begun.factor == Factor::Identity);
            begun.is_some_and(|begun| self.state.person(&begun.account) == Some(who))
        };
        match &entry.event {
            Some(Event::Targeted { credentials, .. }) => credentials.iter().any(theirs),
            Some(Event::Released { credential, .. } | Event::SealBegun { credential, .. }) => {
                theirs(credential)
            }
            _ => false,
        }
    }
}

/// Whose contribution an entry is about.
fn contributor(event: &Event) -> Option<&Pseudonym> {
    match event {
        Event::Accepted(acceptance) => Some(&acceptance.custodian),
        Event::Refused { custodian, .. } | Event::ShareRejected { custodian, .. } => Some(custodian),
        _ => None,
    }
}

/// Ceremonies that were for a version of an account.
fn held(vault: &PublicVault, state: &Organisation, id: &AccountId) -> Result<BTreeSet<Hash>, CliError> {
    let sealed = |credential: &Hash| state.begun(credential).is_some_and(|b| b.account == *id);
    let mut held = BTreeSet::new();
    for entry in vault.walk(&state.id, 0..state.size) {
        if let Some(Event::Targeted { ceremony, credentials, .. }) = entry?.event
            && credentials.iter().any(sealed)
        {
            held.insert(ceremony);
        }
    }
    Ok(held)
}
