//! Entries of resharings in words.

use crate::cli::table::counted;
use crate::event::{DealingsDestroyed, GroupEpoch, Renewal, ReshareDone, ReshareOpening};
use crate::name::printable;
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
        let group = state.statement(&of.group, of.epoch);
        let address = group.map_or_else(|| of.group.0.short(), |group| state.group_address(group));
        if opening.from.group == opening.to.group { format!("{address} epoch {}", of.epoch) } else { address }
    };
    let reason = vault.text(&state.id, &opening.reason);
    let reason = reason.map_or("(reason erased)".to_owned(), |r| format!("'{}'", printable(&r)));
    let ticket = opening.ticket.and_then(|hash| vault.text(&state.id, &hash));
    let ticket = ticket.map(|t| format!(", ticket {}", printable(&t))).unwrap_or_default();
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
