//! Entries of resharings in words.

use super::log::{reason_of, ticket_of};
use crate::cli::table::counted;
use crate::event::{DealingsDestroyed, GroupEpoch, Renewal, ReshareDone, ReshareOpening};
use crate::state::{Ceremony, Organisation};
use crate::vault::PublicVault;

/// A group's next epoch.
pub fn renewed(state: &Organisation, renewal: &Renewal) -> String {
    let next = &renewal.statement;
    let (group, all) = (state.group_address(next), next.members.len());
    format!("{group}: epoch {}, {} of {all}, all signed", next.epoch, next.threshold)
}

/// A ceremony to reshare opens.
pub fn opened(vault: &PublicVault, state: &Organisation, opening: &ReshareOpening) -> String {
    let named = |of: &GroupEpoch| {
        let address = state.epoch_address(of).unwrap_or_else(|| of.group.0.short());
        if opening.from.group == opening.to.group { format!("{address} epoch {}", of.epoch) } else { address }
    };
    let reason = reason_of(vault, state, &opening.reason);
    let ticket = ticket_of(vault, state, opening.ticket);
    format!(
        "ceremony {}: {} from {} to {}, {reason}{ticket}, until {}",
        opening.ceremony.short(),
        counted(usize::try_from(opening.count).unwrap_or(usize::MAX), "version"),
        named(&opening.from),
        named(&opening.to),
        opening.expires.to_minute()
    )
}

/// A part of it is done.
pub fn reshared(done: &ReshareDone, ceremony: Option<&Ceremony>) -> String {
    let count = counted(done.versions.len(), "version");
    let by: Vec<_> = done.contributors.iter().map(|signed| signed.pseudonym.to_string()).collect();
    let of = ceremony.map(|ceremony| format!(" of {}", ceremony.count)).unwrap_or_default();
    format!("ceremony {}: {count}{of}, by {}", done.ceremony.short(), by.join(", "))
}

/// What was replaced is gone.
pub fn destroyed(gone: &DealingsDestroyed) -> String {
    format!("{} that others have replaced", counted(gone.dealings.len(), "old dealing"))
}
