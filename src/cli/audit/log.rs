//! `audit log`: what an officer asks of the log.

use crate::cli::App;
use crate::cli::args::LogArgs;
use crate::cli::error::CliError;
use crate::cli::table::{Column, table};
use crate::event::{Event, Hash};
use crate::name::{AccountId, Pseudonym};
use crate::state::Organisation;
use crate::vault::audit::Read;
use crate::vault::hierarchy::account;
use crate::vault::{PublicVault, VaultError};
use serde_json::{Value, json};

/// `audit log`.
pub fn log(app: &mut App<'_>, filter: &LogArgs) -> Result<(), CliError> {
    let organisation = &filter.organisation;
    if let Some(unknown) = filter.kind.iter().find(|k| !crate::event::KINDS.contains(&k.as_str())) {
        let fact = format!(
            "there is no kind of entry '{unknown}'; the kinds are {}",
            crate::event::KINDS.join(", ")
        );
        return Err(CliError::Argument { fact, remedy: "Name one of those with --kind." });
    }
    let vault = app.read_vault()?;
    let log = vault.log(organisation)?;
    let account = match &filter.account {
        Some(address) if address.organisation != *organisation => {
            let name = address.to_string();
            return Err(VaultError::NotFound { what: "account", name, near: Vec::new() }.into());
        }
        Some(address) => Some(account(&log.state, address)?.0),
        None => None,
    };
    let mut entries = vault.read_log(&log.state.id)?;
    entries.retain(|entry| keeps(&log.state, filter, account.as_ref(), entry));
    let rows: Vec<_> = entries.iter().map(|entry| row(&vault, &log.state, entry)).collect();
    let room = app.ui.columns();
    app.emit(json!(rows), || {
        let columns = [
            Column::whole("entry"),
            Column::whole("time"),
            Column::whole("actor"),
            Column::whole("kind"),
            Column::text("what"),
        ];
        let cells = |(entry, r): (&Read, &Value)| {
            let cell = |key: &str| crate::cli::hierarchy::text(&r[key]);
            vec![cell("index"), entry.time.to_minute(), cell("actor"), cell("kind"), cell("summary")]
        };
        table(&columns, entries.iter().zip(&rows).map(cells), room)
    });
    Ok(())
}

fn keeps(state: &Organisation, filter: &LogArgs, account: Option<&AccountId>, entry: &Read) -> bool {
    let in_time = filter.since.is_none_or(|t| entry.time >= t) && filter.until.is_none_or(|t| entry.time < t);
    let of_kind = filter.kind.is_empty() || filter.kind.contains(&entry.kind);
    let names = |who: &Pseudonym| entry.line.as_str().contains(&format!("\"{who}\""));
    let of_account = |id: &AccountId| entry.event.as_ref().is_some_and(|event| concerns(state, event, id));
    in_time && of_kind && filter.who.as_ref().is_none_or(names) && account.is_none_or(of_account)
}

/// Whether an event concerns an account: by itself, or through its ceremony.
fn concerns(state: &Organisation, event: &Event, id: &AccountId) -> bool {
    let sealed = |credential: &Hash| state.begun.get(credential).is_some_and(|b| b.account == *id);
    let held = |ceremony: &Hash| state.ceremonies.get(ceremony).is_some_and(|c| c.targets.iter().any(sealed));
    match event {
        Event::AccountCreated { account, .. } | Event::SealBegun { account, .. } => account == id,
        Event::Sealed(sealing) => sealing.account == *id,
        Event::Bound(binding) => binding.scope == crate::event::Scope::Account(*id),
        Event::Opened(opening) => held(&opening.ceremony),
        Event::Accepted(acceptance) => held(&acceptance.ceremony),
        Event::Targeted { ceremony, .. }
        | Event::Refused { ceremony, .. }
        | Event::Released { ceremony, .. }
        | Event::ShareRejected { ceremony, .. }
        | Event::Revealed { ceremony, .. }
        | Event::Ended { ceremony, .. } => held(ceremony),
        _ => false,
    }
}

fn row(vault: &PublicVault, state: &Organisation, entry: &Read) -> Value {
    let summary =
        entry.event.as_ref().map_or_else(|| "(of a newer version)".to_owned(), |e| summary(vault, state, e));
    let line: Value = serde_json::from_str(entry.line.as_str()).unwrap_or_default();
    json!({
        "index": entry.index, "time": entry.time, "actor": entry.actor, "kind": entry.kind, "summary": summary,
        "event": line.pointer(&format!("/event/{}", entry.kind)),
    })
}

fn summary(vault: &PublicVault, state: &Organisation, event: &Event) -> String {
    let address_of = |credential: &Hash| {
        let begun = state.begun.get(credential);
        begun.map_or_else(
            || credential.short(),
            |b| format!("{} version {}", state.address(&b.account), b.version),
        )
    };
    match event {
        Event::VaultCreated { .. } | Event::OrganisationAdded { .. } => String::new(),
        Event::OrganisationCreated { slug, .. } => slug.to_string(),
        Event::ProjectCreated { slug, .. } => format!("{}/{slug}", state.slug),
        Event::AccountCreated { account, provider, external_id, .. } => {
            format!("{} ({provider} {external_id})", state.address(account))
        }
        Event::CardEnrolled(enrolment) => format!("{} {}", enrolment.role.as_str(), enrolment.pseudonym),
        Event::GroupFormed(group) => {
            format!(
                "{}/{}: {} of {}, all signed",
                state.slug,
                group.slug,
                group.threshold,
                group.members.len()
            )
        }
        Event::OperatorAdmitted(admission) => {
            format!(
                "{} until {}, {} signed",
                admission.operator,
                admission.expires.to_minute(),
                admission.signatures.len()
            )
        }
        Event::AdmissionRevoked { admission, .. } => admission.short(),
        Event::Bound(binding) => {
            let group = state.groups.get(&binding.group).map(|g| g.slug.to_string()).unwrap_or_default();
            let scope = match &binding.scope {
                crate::event::Scope::Organisation => state.slug.to_string(),
                crate::event::Scope::Project(id) => {
                    state.projects.get(id).map(|p| state.project_address(p)).unwrap_or_default()
                }
                crate::event::Scope::Account(id) => state.address(id),
            };
            format!(
                "{scope} ({}) to {}/{group}, {} signed",
                binding.factor,
                state.slug,
                binding.signatures.len()
            )
        }
        Event::WitnessPolicySet(set) => {
            let group = state.groups.get(&set.group).map(|g| state.group_address(g)).unwrap_or_default();
            format!("{group}: policy {}, {} signed", set.serial, set.signatures.len())
        }
        Event::SealBegun { credential, .. } => address_of(credential),
        Event::Sealed(s) => {
            let word = |value: Value| crate::cli::hierarchy::text(&value);
            format!(
                "{}, {}, shown to {}",
                address_of(&s.credential),
                word(json!(s.made)),
                word(json!(s.shown))
            )
        }
        Event::Opened(o) => {
            let reason = vault
                .text(&state.id, &o.reason)
                .map_or("(reason erased)".to_owned(), |r| format!("'{}'", crate::cli::room::visible(&r)));
            let ticket = o.ticket.and_then(|hash| vault.text(&state.id, &hash));
            let ticket =
                ticket.map(|t| format!(", ticket {}", crate::cli::room::visible(&t))).unwrap_or_default();
            format!("ceremony {}: {reason}{ticket}, until {}", o.ceremony.short(), o.expires.to_minute())
        }
        Event::Targeted { ceremony, credentials, .. } => {
            let names: Vec<_> = credentials.iter().take(3).map(address_of).collect();
            format!("ceremony {}: {}", ceremony.short(), names.join(", "))
        }
        Event::Accepted(a) => format!("ceremony {}", a.ceremony.short()),
        Event::Refused { ceremony, why, .. } => format!("ceremony {}: {}", ceremony.short(), why.as_str()),
        Event::Released { ceremony, credential, custodians, .. } => {
            let names: Vec<_> = custodians.iter().map(ToString::to_string).collect();
            format!("ceremony {}: {} by {}", ceremony.short(), address_of(credential), names.join(", "))
        }
        Event::ShareRejected { ceremony, custodian, .. } => {
            let claim = format!("says that the share of {custodian} does not prove itself");
            let found = state.ceremonies.get(ceremony);
            let operator = found.map(|c| c.operator.to_string()).unwrap_or_default();
            format!("ceremony {}: operator {operator} {claim}", ceremony.short())
        }
        Event::Revealed { ceremony, shown, .. } => {
            format!("ceremony {}: on {}", ceremony.short(), crate::cli::hierarchy::text(&json!(shown)))
        }
        Event::Ended { ceremony, how } => {
            format!("ceremony {}: {}", ceremony.short(), crate::cli::hierarchy::text(&json!(how)))
        }
    }
}
