//! `status`: a person's first look.

use super::App;
use super::args::StatusArgs;
use super::due::reading;
use super::error::CliError;
use super::hierarchy::{account_table, overdue};
use super::table::{Column, counted, table};
use crate::vault::status::{AccountState, GroupStatus, OrganisationStatus, Status};
use std::fmt::Write;

/// `status`.
pub fn status(app: &mut App<'_>, args: StatusArgs) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let status = vault.status(args.organisation.as_ref(), app.now(), reading(args.replay))?;
    let value = serde_json::to_value(&status).expect("a status has only strings, numbers and lists");
    let room = app.ui.columns();
    let overdue: Vec<_> = status.organisations.iter().flat_map(|o| overdue(&o.accounts)).collect();
    app.emit_red(value, &overdue, || words(&status, room));
    Ok(())
}

fn words(status: &Status, room: Option<usize>) -> String {
    let mut text = format!("Vault {}\n", status.vault);
    for warning in &status.warnings {
        let _ = writeln!(text, "  ! {warning}");
    }
    if let Some(recovery) = status.recovery.as_ref().filter(|recovery| recovery.dealt) {
        let (t, n) = (recovery.threshold, recovery.members.len());
        let _ = writeln!(text, "  recovery group: {t} of {n} keepers bring the gate's root back");
    }
    if status.organisations.is_empty() {
        text.push_str("\nNo organisations yet. Next: warifu org add NAME");
    }
    for organisation in &status.organisations {
        organisation_words(&mut text, organisation, room);
    }
    text.trim_end().to_owned()
}

/// For words alone.
pub(super) fn large(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn organisation_words(text: &mut String, o: &OrganisationStatus, room: Option<usize>) {
    let _ = writeln!(
        text,
        "\n{}: {}, {}, {}, {}, {}, {} log {}",
        o.organisation,
        counted(large(o.projects), "project"),
        counted(large(o.accounts_total), "account"),
        counted(o.custodians, "custodian"),
        counted(o.operators, "operator"),
        counted(o.officers, "officer"),
        o.entries,
        if o.entries == 1 { "entry" } else { "entries" }
    );
    for warning in &o.warnings {
        let _ = writeln!(text, "  ! {warning}");
    }
    let there =
        AccountState::ALL.into_iter().filter_map(|state| Some((state, o.counts.get(state.as_str())?)));
    let states: Vec<_> = there.map(|(state, count)| format!("{count} {}", state.as_str())).collect();
    if !states.is_empty() {
        let _ = writeln!(text, "  {}", states.join(", "));
    }
    if !o.accounts.is_empty() {
        let mut accounts = o.accounts.clone();
        accounts.sort_by_key(|a| (a.urgency(), a.state));
        let _ = writeln!(text, "\n{}", account_table(&accounts, room));
    }
    if (o.accounts.len() as u64) < o.accounts_total {
        let (shown, all) = (o.accounts.len(), o.accounts_total);
        let overdue = o.overdue;
        let _ = writeln!(
            text,
            "\n  {shown} of {all} accounts are listed, the most urgent ones; {overdue} overdue. All: warifu account list {}",
            o.organisation
        );
    }
    if let Some(last) = &o.reconciliation {
        let _ = writeln!(
            text,
            "\n  last reconciled {}: {} unexplained, {} pending",
            last.at.to_minute(),
            last.unexplained,
            last.pending
        );
    }
    if !o.groups.is_empty() {
        let _ = writeln!(text, "\n{}", group_table(&o.groups, room));
    }
    for drill in &o.drills {
        let _ = writeln!(text, "\n  {}", super::due::drill_line(drill));
    }
    for (group, who, how) in o.groups.iter().flat_map(barred) {
        let _ = writeln!(text, "\n  the card of {who}, a member of {group}, is {how}");
    }
    for locked in &o.locked {
        let until = locked.until.to_minute();
        let _ = writeln!(text, "\n  {} is locked out after wrong codes until {until}", locked.custodian);
    }
    for c in &o.ceremonies {
        let _ = writeln!(
            text,
            "\n  open ceremony {}: {} for {}, {}, until {}",
            c.ceremony.get(..8).unwrap_or_default(),
            c.targets.join(", "),
            c.operator,
            counted(c.accepted, "share"),
            c.expires.to_minute()
        );
    }
    for line in super::baseline::status_lines(&o.organisation, &o.not_at_baseline) {
        let _ = writeln!(text, "\n  {line}");
    }
    if !o.host_alone.is_empty() {
        let _ = writeln!(text, "\n  On the host's word alone:");
        o.host_alone.iter().for_each(|fact| {
            let _ = writeln!(text, "    {fact}");
        });
    }
}

/// Members whose card counts for nothing.
fn barred(group: &GroupStatus) -> impl Iterator<Item = (&str, &str, &'static str)> {
    let suspended = group.suspended.iter().map(|who| (who.as_str(), "suspended"));
    let revoked = group.revoked.iter().map(|who| (who.as_str(), "revoked"));
    suspended.chain(revoked).map(|(who, how)| (group.group.as_str(), who, how))
}

fn group_table(groups: &[GroupStatus], room: Option<usize>) -> String {
    let row = |g: &GroupStatus| {
        let margin = match g.margin {
            0 => "none may be lost".to_owned(),
            below @ ..0 => format!("ALARM: {} too few", -below),
            more => format!("{more} may be lost"),
        };
        vec![
            g.group.clone(),
            format!("{} of {}", g.threshold, g.members.len()),
            margin,
            g.holds.to_string(),
            g.operators.join(", "),
        ]
    };
    let columns = [
        Column::whole("group"),
        Column::whole("opens"),
        Column::text("members").spare(1),
        Column::whole("holds"),
        Column::text("operators"),
    ];
    table(&columns, groups.iter().map(row), room)
}
