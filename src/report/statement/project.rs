//! The statement of one project.

use super::charged::Charged;
use super::view::View;
use crate::name::ProjectId;
use crate::report::document::Document;
use std::collections::BTreeMap;

/// Everything of a project in the period, with its costs where there are any.
pub fn project(view: &View<'_>, project: &ProjectId, charged: Option<&Charged>) -> Document {
    let only = Some(project);
    let counts = view.counts().0.get(project).copied().unwrap_or_default();
    let mut tables = vec![
        view.accounts(only),
        view.versions(only),
        view.ceremonies(only),
        view.renewals(only),
        view.exposures(only),
        view.refusals(only),
        view.uses(only),
        view.protection(only),
    ];
    let mut remarks = view.remarks();
    if let Some(charged) = charged {
        let (costs, more) = charged.of_project(view, project);
        tables.extend(costs);
        remarks.extend(more);
    }
    Document {
        report: "project",
        title: format!("Statement of {}", view.project_address(project)),
        facts: view.facts(only),
        verdict: counts.verdict(),
        counts: counts.list(),
        tables,
        remarks,
        checkpoint: view.checkpoint.clone(),
        positions: BTreeMap::new(),
    }
}
