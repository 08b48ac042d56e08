//! `audit recoverability`: could all of this be opened today?

use crate::cli::args::{Holders, RecoverabilityArgs};
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::table::{Column, counted, table};
use crate::cli::{App, Rng};
use crate::name::Slug;
use crate::time::Time;
use crate::vault::drill::EVERY;
use crate::vault::recoverability::{GroupRecoverability, Recoverability};
use crate::vault::{PublicVault, group};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::json;

/// `audit recoverability`.
pub fn recoverability(app: &mut App<'_>, args: &RecoverabilityArgs) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let checked = match &args.target {
        Some(Holders::Group(address)) => {
            vec![of(&vault, &address.organisation, Some(&address.name), app.now())?]
        }
        Some(Holders::Organisation(slug)) => vec![of(&vault, slug, None, app.now())?],
        None => vault
            .state()
            .organisations
            .values()
            .map(|slug| of(&vault, slug, None, app.now()))
            .collect::<Result<_, _>>()?,
    };
    let room = app.ui.columns();
    app.emit(json!({ "organisations": checked }), || words(&checked, room));
    match checked.iter().map(|one| one.failed.len()).sum() {
        0 => Ok(()),
        failed => Err(CliError::Unrecoverable(failed)),
    }
}

fn of(
    vault: &PublicVault,
    organisation: &Slug,
    only: Option<&Slug>,
    now: Time,
) -> Result<Recoverability, CliError> {
    let log = vault.log(organisation)?;
    let only = only.map(|name| group::group(&log.state, name)).transpose()?;
    let bar = Progress::new("versions");
    let fresh = &mut || -> Rng { UnwrapErr(SysRng) };
    Ok(vault.recoverability(&log, only, now, fresh, &|done, all| bar.at(done, all)))
}

fn words(checked: &[Recoverability], room: Option<usize>) -> String {
    let mut lines = Vec::new();
    for one in checked {
        let all = counted(usize::try_from(one.versions).unwrap_or(usize::MAX), "current version");
        lines.push(match (one.versions, one.failed.len()) {
            (0, _) => format!("{}: nothing is sealed.", one.organisation),
            (_, 0) => format!("{}: {all}; every one could be opened.", one.organisation),
            (_, failed) => format!("{}: {all}; {failed} could NOT be opened:", one.organisation),
        });
        lines.extend(one.failed.iter().map(|failed| {
            format!(
                "  {} {} version {}, held by {}: {}",
                failed.address, failed.factor, failed.version, failed.group, failed.why
            )
        }));
        if !one.groups.is_empty() {
            lines.push(format!("\n{}\n", group_table(&one.groups, room)));
        }
    }
    for group in checked.iter().flat_map(|one| &one.groups).filter(|group| group.margin < 0) {
        lines.push(format!(
            "ALARM {}: {} of {} proved within {} days that their keys are still there; {} are needed. Hold a drill: warifu drill {}",
            group.group,
            group.live,
            counted(group.members, "member"),
            EVERY.whole_days(),
            group.threshold,
            group.group
        ));
    }
    if checked.is_empty() {
        lines.push("No organisations yet.".to_owned());
    }
    lines.push(REACH.to_owned());
    lines.join("\n")
}

/// What a good result says and what it does not.
const REACH: &str = "Shown: the shares of each version fit together and are encrypted for the members of its group. \
     A live member proved in a drill that card and second factor are there. Not shown: that what was sealed is right.";

fn group_table(groups: &[GroupRecoverability], room: Option<usize>) -> String {
    let columns = [
        Column::whole("GROUP"),
        Column::whole("NEEDS"),
        Column::whole("OPENABLE"),
        Column::whole("FAILED"),
        Column::text("HOW").spare(1),
        Column::whole("LIVE"),
        Column::whole("MARGIN"),
    ];
    let row = |group: &GroupRecoverability| {
        vec![
            group.group.clone(),
            format!("{} of {}", group.threshold, group.members),
            group.good.to_string(),
            group.failed.to_string(),
            group.label.as_str().to_owned(),
            group.live.to_string(),
            group.margin.to_string(),
        ]
    };
    table(&columns, groups.iter().map(row), room)
}
