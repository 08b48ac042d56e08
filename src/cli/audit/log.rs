//! `audit log`: what an officer asks of the log.

use super::filter::Filter;
use super::timeline;
use crate::cli::App;
use crate::cli::args::LogArgs;
use crate::cli::error::CliError;
use crate::cli::open::title;
use crate::cli::table::{Column, counted, days, table_or};
use crate::event::{Actor, Agreed, CheckedGroup, Event, Hash, TextHash};
use crate::name::GroupId;
use crate::report::csv;
use crate::state::{Organisation, Past};
use crate::time::Time;
use crate::vault::PublicVault;
use crate::vault::audit::Read;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Columns of a listing.
const COLUMNS: [Column; 5] = [
    Column::whole("entry"),
    Column::whole("time"),
    Column::whole("actor"),
    Column::whole("kind"),
    Column::text("what"),
];

/// `audit log`.
pub fn log(app: &mut App<'_>, args: &LogArgs) -> Result<(), CliError> {
    if args.csv && app.json {
        let fact = "--csv and --json are two forms of one list".to_owned();
        return Err(CliError::Argument { fact, remedy: "Leave one of them out." });
    }
    Filter::check(args)?;
    let vault = app.read_vault()?;
    let log = vault.log(&args.organisation)?;
    let filter = Filter::new(args, &vault, &log.state)?;
    if args.timeline {
        let rows = timeline::rows(app, &vault, &log.state, &filter)?;
        return show(app, args, rows, &timeline::COLUMNS, timeline::cells);
    }
    let last = args.last.map_or(usize::MAX, |last| usize::try_from(last).unwrap_or(usize::MAX));
    let (mut rows, mut past) = (VecDeque::new(), Past::default());
    for entry in vault.walk(&log.state.id, 0..log.state.size) {
        let entry = entry?;
        entry.event.iter().for_each(|event| past.note(entry.index, entry.time, event));
        if filter.keeps(&entry) {
            rows.push_back(row(&vault, (&log.state, &past), &entry));
            // No more of them than will be shown.
            if rows.len() > last {
                rows.pop_front();
            }
        }
        if let Some(Event::Ended { ceremony, .. }) = &entry.event {
            past.forget(ceremony);
        }
    }
    let rows = rows.into();
    let minutes = !args.csv;
    let cells = move |r: &Value| {
        let cell = |key: &str| crate::cli::hierarchy::text(&r[key]);
        let time = cell("time");
        let minute = Time::parse(&time).map(Time::to_minute).ok().filter(|_| minutes);
        vec![cell("index"), minute.unwrap_or(time), cell("actor"), cell("kind"), cell("summary")]
    };
    show(app, args, rows, &COLUMNS, cells)
}

/// Rows in the form that was asked for.
fn show(
    app: &mut App<'_>,
    args: &LogArgs,
    mut rows: Vec<Value>,
    columns: &[Column],
    cells: impl Fn(&Value) -> Vec<String>,
) -> Result<(), CliError> {
    if let Some(last) = args.last {
        let passed_over = rows.len().saturating_sub(usize::try_from(last).unwrap_or(usize::MAX));
        rows.drain(..passed_over);
    }
    if args.csv {
        let head: Vec<_> = columns.iter().map(Column::head).collect();
        let text = csv::table(&head, rows.iter().map(cells));
        app.ui.say(text.trim_end_matches('\n'));
        return Ok(());
    }
    let shown = json!(rows);
    let room = app.ui.columns();
    let empty = "No entry is let through; without options every entry is listed.";
    app.emit(shown, || table_or(empty, columns, rows.iter().map(cells), room));
    Ok(())
}

fn row(vault: &PublicVault, of: (&Organisation, &Past), entry: &Read) -> Value {
    let summary = entry
        .event
        .as_ref()
        .map_or_else(|| "(of a newer version)".to_owned(), |e| summary(vault, of, &entry.actor, e));
    let line: Value = serde_json::from_str(entry.line.as_str()).unwrap_or_default();
    json!({
        "index": entry.index, "time": entry.time, "actor": entry.actor, "kind": entry.kind, "summary": summary,
        "event": line.pointer(&format!("/event/{}", entry.kind)),
    })
}

/// A reason in quotation marks, or that it is gone.
pub(super) fn reason_of(vault: &PublicVault, state: &Organisation, reason: &TextHash) -> String {
    let text = vault.text(&state.id, reason);
    text.map_or("(reason erased)".to_owned(), |r| format!("'{}'", crate::name::printable(&r)))
}

/// A ticket with what stands before it; nothing where there is none.
pub(super) fn ticket_of(vault: &PublicVault, state: &Organisation, ticket: Option<TextHash>) -> String {
    let text = ticket.and_then(|hash| vault.text(&state.id, &hash));
    text.map(|t| format!(", ticket {}", crate::name::printable(&t))).unwrap_or_default()
}

fn signed(agreed: &[Agreed]) -> String {
    format!("{} signed", agreed.iter().map(|agreed| agreed.signatures.len()).sum::<usize>())
}

fn summary(
    vault: &PublicVault,
    (state, past): (&Organisation, &Past),
    actor: &Actor,
    event: &Event,
) -> String {
    let address_of = |credential: &Hash| {
        let begun = state.begun(credential);
        begun.map_or_else(|| credential.short(), |b| title(&state.address(&b.account), b.factor, b.version))
    };
    let group_of =
        |id: &GroupId| state.groups.get(id).map(|group| state.group_address(group)).unwrap_or_default();
    match event {
        Event::VaultCreated { .. } | Event::OrganisationAdded { .. } => String::new(),
        Event::KeeperEnrolled(keeper) => keeper.pseudonym.to_string(),
        Event::GateRootDealt(dealt) => format!("epoch {}", dealt.gate_epoch),
        Event::KeepersNamed(group) => {
            format!("{} of {} keepers of the vault's recovery group", group.threshold, group.members.len())
        }
        Event::RestoredWithGap(entry) => format!(
            "{} entries restored, {} that were seen are lost; {} keepers signed",
            entry.gap.restored.size,
            entry.gap.missing(),
            entry.signers().len()
        ),
        Event::OrganisationCreated { slug, .. } => slug.to_string(),
        Event::ProjectCreated { slug, .. } => format!("{}/{slug}", state.slug),
        Event::AccountCreated { account, provider, external_id, .. } => {
            format!("{} ({provider} {external_id})", state.address(account))
        }
        Event::AccountRenamed { account, .. } => state.address(account),
        Event::AccountStandingSet { account, standing } => format!("{}: {standing}", state.address(account)),
        Event::BaselineStated(said) => {
            format!("{}: {} {}", state.address(&said.account), said.fact, said.word.as_str())
        }
        Event::CardEnrolled(enrolment) => format!("{} {}", enrolment.role.as_str(), enrolment.pseudonym),
        Event::AbandonmentBegun(notice) => {
            let group = group_of(&notice.group);
            let reason = reason_of(vault, state, &notice.reason);
            format!("{group}: notice that it can no longer reach its threshold, {reason}")
        }
        Event::AbandonmentVetoed(veto) => {
            let group = group_of(&veto.group);
            format!("{group}: {} is there, and the notice is over", veto.custodian)
        }
        Event::CardSuspended(entry) => {
            format!("{} by {}: {}", entry.custodian, entry.by, reason_of(vault, state, &entry.reason))
        }
        Event::CardResumed(entry) => format!("{}: {}", entry.custodian, signed(&entry.agreed)),
        Event::CardRevoked(entry) => {
            let by = if entry.signature.is_some() { "by itself".to_owned() } else { signed(&entry.agreed) };
            format!("{}, {by}: {}", entry.custodian, reason_of(vault, state, &entry.reason))
        }
        Event::AuthenticatorReplaced(entry) => format!("{}: {}", entry.custodian, signed(&entry.agreed)),
        Event::GroupFormed(group) => {
            format!(
                "{}/{}: {} of {}, all signed",
                state.slug,
                group.slug,
                group.threshold,
                group.members.len()
            )
        }
        Event::GroupRenewed(renewal) => super::reshare::renewed(state, renewal),
        Event::ReshareOpened(opening) => super::reshare::opened(vault, state, opening),
        Event::RedealingRejected(rejected) => {
            let (ceremony, who) = (rejected.ceremony.short(), &rejected.custodian);
            format!("ceremony {ceremony}: the host says that what {who} dealt again does not prove itself")
        }
        Event::Reshared(done) => super::reshare::reshared(done, past.get(&done.ceremony)),
        Event::DealingsDestroyed(gone) => super::reshare::destroyed(gone),
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
            let scope = state.scope_address(binding.scope);
            format!(
                "{scope} ({}) to {}/{group}, {} signed",
                binding.factor,
                state.slug,
                binding.signatures.len()
            )
        }
        Event::WitnessPolicySet(set) => {
            let group = group_of(&set.group);
            format!("{group}: policy {}, {} signed", set.serial, set.signatures.len())
        }
        Event::DrillPolicySet(set) => {
            let group = group_of(&set.group);
            let days = days(set.every_days);
            format!("{group}: every {days}, {} signed", set.signatures.len())
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
        Event::IdentitySealed(sealing) => address_of(&sealing.credential),
        Event::Opened(o) => {
            let reason = reason_of(vault, state, &o.reason);
            let ticket = ticket_of(vault, state, o.ticket);
            format!("ceremony {}: {reason}{ticket}, until {}", o.ceremony.short(), o.expires.to_minute())
        }
        Event::Targeted { ceremony, credentials, .. } => {
            let names: Vec<_> = credentials.iter().take(3).map(address_of).collect();
            format!("ceremony {}: {}", ceremony.short(), names.join(", "))
        }
        Event::Accepted(a) => {
            let targets = past.get(&a.ceremony).map(|c| c.targets.as_slice()).unwrap_or_default();
            let held = a.targets.iter().filter_map(|t| targets.get(usize::try_from(*t).ok()?));
            let names: Vec<_> = held.take(3).map(address_of).collect();
            format!("ceremony {}: {}", a.ceremony.short(), names.join(", "))
        }
        Event::Refused { ceremony, why, .. } => format!("ceremony {}: {}", ceremony.short(), why.as_str()),
        Event::Released { ceremony, credential, custodians, .. } => {
            let names: Vec<_> = custodians.iter().map(ToString::to_string).collect();
            format!("ceremony {}: {} by {}", ceremony.short(), address_of(credential), names.join(", "))
        }
        Event::ShareRejected { ceremony, custodian, .. } => {
            let claim = format!("says that the share of {custodian} does not prove itself");
            let found = past.get(ceremony);
            let who = match actor {
                // Where the gate gets the shares.
                Actor::Host => "the host".to_owned(),
                Actor::Card(_) => found.map(|c| format!("operator {}", c.operator)).unwrap_or_default(),
            };
            format!("ceremony {}: {who} {claim}", ceremony.short())
        }
        Event::Revealed { ceremony, shown, .. } => {
            format!("ceremony {}: on {}", ceremony.short(), crate::cli::hierarchy::text(&json!(shown)))
        }
        Event::DrillBegun { group, until, .. } => {
            let group = group_of(group);
            format!("{group}: until {}", until.to_minute())
        }
        Event::GateEpochBegun(next) => format!("epoch {} of the gate", next.gate.epoch),
        Event::AuthenticatorResealed { pseudonym, .. } => pseudonym.to_string(),
        Event::GateProved { gate_epoch, .. } => format!("the key of gate epoch {gate_epoch}"),
        Event::CustodianProved { answer, .. } => format!("drill {}", answer.drill.short()),
        Event::DrillRefused { answer, why } => format!("drill {}: {}", answer.drill.short(), why.as_str()),
        Event::CodeGiven { ceremony, codes, until, shown, .. } => {
            let count = counted(usize::try_from(*codes).unwrap_or(usize::MAX), "code");
            let shown = crate::cli::hierarchy::text(&json!(shown));
            format!("ceremony {}: {count}, good until {}, on {shown}", ceremony.short(), until.to_minute())
        }
        Event::Ended { ceremony, how } => {
            format!("ceremony {}: {}", ceremony.short(), crate::cli::hierarchy::text(&json!(how)))
        }
        Event::Reconciled(found) => crate::cli::reconcile::summary(found),
        Event::RecoverabilityChecked(found) => {
            let sum = |of: fn(&CheckedGroup) -> u64| found.groups.iter().map(of).fold(0, u64::saturating_add);
            let (good, failed) = (sum(|group| group.good), sum(|group| group.failed));
            let groups = counted(found.groups.len(), "group");
            format!(
                "{groups}: {} whole, {failed} not openable",
                counted(usize::try_from(good).unwrap_or(usize::MAX), "current version")
            )
        }
        Event::RotationPolicySet(set) => {
            let scope = state.scope_address(set.scope);
            let of = set.factor.map(|factor| format!(" of {factor}")).unwrap_or_default();
            let agreed = counted(set.agreed.len(), "group");
            format!("{scope}: rotation policy {}{of}, {agreed} agreed", set.serial)
        }
        Event::RotationBegun(begun) => {
            let (old, new) = (address_of(&begun.old), address_of(&begun.new));
            format!("ceremony {}: {old} by {new}", begun.ceremony.short())
        }
        Event::RotationSettled(settled) => {
            let (accepts, handed) = (settled.accepts.as_str(), settled.handed.as_str());
            let new = address_of(&settled.credential);
            format!(
                "ceremony {}: {new}: the {accepts} one is accepted, handed to {handed}",
                settled.ceremony.short()
            )
        }
        Event::Destroyed(gone) => {
            let signed = match gone.signatures.len() {
                0 => String::new(),
                signed => format!(", {signed} signed"),
            };
            format!("{}: {}{signed}", address_of(&gone.credential), gone.why.as_str())
        }
    }
}
