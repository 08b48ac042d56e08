//! The statement of an organisation: its projects in numbers, groups, drills,
//! reconciliations, and what is to be renewed.

use super::charged::Charged;
use super::gathering::At;
use super::view::{Counts, View, row};
use crate::event::GroupStatement;
use crate::name::ProjectId;
use crate::report::document::{Cell, Column, Document, Table, text, whole};
use crate::time::Time;
use std::collections::BTreeMap;

/// Something that is to be renewed; who decides that is not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// `org/project/account`.
    pub address: String,
    /// Which factor.
    pub factor: &'static str,
    /// Which version.
    pub version: u64,
    /// Why.
    pub why: Vec<String>,
    /// By when.
    pub due: Option<Time>,
    /// Whether that is over.
    pub overdue: bool,
    /// The entry that sealed it, if it is known.
    pub sealed: Option<u64>,
}

const PROJECTS: &[Column] = &[
    whole("project", "project"),
    text("name", "name"),
    whole("accounts", "accounts"),
    whole("in_use", "in use"),
    whole("sealed", "sealed"),
    whole("unsealed", "unsealed"),
    whole("exposed", "exposed"),
    whole("handled", "seen"),
    whole("weakened", "weakened"),
    whole("overdue", "overdue"),
    whole("ceremonies", "ceremonies"),
    whole("released", "releases"),
    whole("rotated", "rotations"),
    whole("late", "too long"),
    whole("refused", "refusals"),
    whole("explained", "explained"),
    whole("unexplained", "unexplained"),
    whole("unprotected", "unprotected"),
];

const GROUPS: &[Column] = &[
    whole("group", "group"),
    whole("threshold", "threshold"),
    whole("members", "members"),
    whole("live", "live"),
    whole("margin", "margin"),
    whole("holds", "versions"),
    text("operators", "operators admitted"),
    whole("drilled", "last drill"),
];

const DRILLS: &[Column] = &[
    whole("group", "group"),
    whole("begun", "begun"),
    whole("until", "until"),
    whole("gate", "gate"),
    text("proved", "proved"),
    text("missing", "missing"),
    whole("refused", "refused"),
];

const DUE: &[Column] = &[
    whole("address", "account"),
    whole("factor", "factor"),
    whole("version", "version"),
    text("why", "why"),
    whole("due", "renew by"),
    whole("overdue", "overdue"),
];

/// All of an organisation in the period.
pub fn organisation(view: &View<'_>, renewals: &[Renewal], charged: Option<&Charged>) -> Document {
    let (by_project, counts) = view.counts();
    let mut tables = vec![
        projects(view, &by_project),
        groups(view),
        drills(view),
        view.reconciliations(),
        view.uses(None),
        due(renewals),
        view.refusals(None),
    ];
    let mut remarks = view.remarks();
    remarks.push(
        "Live are members who proved in a drill, not longer ago than their group lets that count, that their \
         key is still there; margin is how many more of them there are than must come, and there is none where nothing is held."
            .to_owned(),
    );
    if let Some(charged) = charged {
        let (costs, more) = charged.of_organisation(view);
        tables.extend(costs);
        remarks.extend(more);
    }
    Document {
        report: "organisation",
        title: format!("Statement of {}", view.state.slug),
        facts: view.facts(None),
        verdict: counts.verdict(),
        counts: counts.list(),
        tables,
        remarks,
        checkpoint: view.checkpoint.clone(),
        positions: BTreeMap::new(),
    }
}

fn projects(view: &View<'_>, by_project: &BTreeMap<ProjectId, Counts>) -> Table {
    let mut ids: Vec<&ProjectId> = view.state.projects.keys().collect();
    ids.sort_by_cached_key(|id| view.project_address(id));
    let rows = ids.into_iter().map(|id| {
        let name = view.state.projects.get(id).and_then(|project| project.name);
        let counts = by_project.get(id).copied().unwrap_or_default();
        let mut cells =
            vec![Cell::Text(view.project_address(id)), Cell::maybe(name.and_then(|hash| (view.text)(&hash)))];
        cells.extend(counts.list().into_iter().map(|(_, _, count)| Cell::Number(count)));
        // What proves them is in the project's own statement.
        row(cells, [], counts.verdict().1)
    });
    let rows = rows.collect();
    Table { key: "projects", headline: "Projects", columns: PROJECTS, rows, proven: false }
}

fn groups(view: &View<'_>) -> Table {
    let state = view.state;
    let mut all: Vec<&GroupStatement> = state.groups.values().collect();
    all.sort_by_key(|group| &group.slug);
    let rows = all.into_iter().map(|group| {
        let alive = state.live(&group.group, view.as_of);
        let margin = alive as i64 - i64::try_from(group.threshold).unwrap_or(i64::MAX);
        let there = |credential| !state.rotations.destroyed.contains_key(credential);
        let held = state.versions.iter().filter(|(id, v)| v.sealing.group == group.group && there(*id));
        let holds = held.count();
        let nothing = holds == 0 && state.identities_of(&group.group) == 0;
        let admitted = state.admissions.values().filter(|a| a.group == group.group && a.expires > view.as_of);
        let cells = vec![
            Cell::Text(state.group_address(group)),
            Cell::Number(group.threshold),
            Cell::count(group.members.len()),
            Cell::count(alive),
            // Nothing is short of anything where nothing is held.
            if nothing { Cell::None } else { Cell::Signed(margin) },
            Cell::count(holds),
            Cell::Texts(admitted.map(|a| a.operator.to_string()).collect()),
            Cell::time(state.drills.last.get(&group.group).map(|drill| drill.begun)),
        ];
        let formed = view.gathered.groups.get(&group.group).copied();
        let of_group = view.gathered.drills.values().filter(|drill| drill.group == group.group);
        let since = view.as_of - state.drills.every(&group.group);
        let counts = |at: &&At| at.time >= since;
        let proofs = of_group.flat_map(|drill| drill.proved.values()).filter(counts).map(|at| at.index);
        row(cells, formed.into_iter().chain(proofs), !nothing && margin < 0)
    });
    Table { key: "groups", headline: "Groups", columns: GROUPS, rows: rows.collect(), proven: true }
}

fn drills(view: &View<'_>) -> Table {
    let mut all: Vec<_> =
        view.gathered.drills.values().filter(|drill| drill.until >= view.gathered.within.start).collect();
    all.sort_by_key(|drill| drill.begun);
    let rows = all.into_iter().filter_map(|drill| {
        let group = view.state.groups.get(&drill.group)?;
        let missing = group.members.iter().filter(|member| !drill.proved.contains_key(&member.pseudonym));
        let missing: Vec<_> = missing.map(|member| member.pseudonym.to_string()).collect();
        let over = drill.until < view.as_of;
        let alarm = over && (!missing.is_empty() || drill.gate.is_none());
        let cells = vec![
            Cell::Text(view.state.group_address(group)),
            Cell::Time(drill.begun.time),
            Cell::Time(drill.until),
            Cell::Yes(drill.gate.is_some()),
            Cell::Texts(drill.proved.keys().map(ToString::to_string).collect()),
            Cell::Texts(missing),
            Cell::count(drill.refused.len()),
        ];
        let proofs = drill.gate.into_iter().chain(drill.proved.values().map(|at| at.index));
        let entries = [drill.begun.index].into_iter().chain(proofs).chain(drill.refused.iter().copied());
        Some(row(cells, entries, alarm))
    });
    Table { key: "drills", headline: "Drills", columns: DRILLS, rows: rows.collect(), proven: true }
}

fn due(renewals: &[Renewal]) -> Table {
    let rows = renewals.iter().map(|one| {
        let cells = vec![
            Cell::Text(one.address.clone()),
            Cell::Word(one.factor),
            Cell::Number(one.version),
            Cell::Texts(one.why.clone()),
            Cell::time(one.due),
            Cell::Yes(one.overdue),
        ];
        row(cells, one.sealed, one.overdue)
    });
    Table { key: "due", headline: "To be renewed", columns: DUE, rows: rows.collect(), proven: true }
}
