//! What a resharing would do, what a custodian agrees to, and what came of it, in words
//! and as JSON.

use super::super::App;
use super::super::error::CliError;
use super::super::table::{Column, counted, table};
use super::Done;
use crate::ceremony::reshare::{ReshareReview, ShownGroup};
use crate::event::{GroupEpoch, Hash, printable};
use crate::name::Factor;
use crate::seal::words;
use crate::state::Organisation;
use crate::vault::reshare::{ResharePlan, not_admitted};
use serde_json::json;

/// What would be handed over.
pub fn dry_run(app: &mut App<'_>, plan: &ResharePlan) -> Result<(), CliError> {
    let value = serde_json::to_value(plan).expect("a plan has only strings, numbers and lists");
    let room = app.ui.columns();
    app.emit(value, || {
        let columns = [Column::whole("account"), Column::whole("factor"), Column::whole("version")];
        let row = |one: &crate::vault::reshare::PlannedVersion| {
            vec![one.address.clone(), one.factor.to_string(), one.version.to_string()]
        };
        let mut lines = vec![table(&columns, plan.versions.iter().map(row), room)];
        lines.push(format!(
            "{} would go from {} epoch {} to {} epoch {}. Nothing was changed.",
            counted(plan.versions.len(), "version"),
            plan.from,
            plan.epoch,
            plan.to,
            plan.to_epoch
        ));
        for (scope, factor) in plan.bindings.iter().filter(|_| plan.from != plan.to) {
            let to = &plan.to;
            lines.push(match factor {
                Factor::Identity => {
                    format!("Who the owners of {scope}'s cards are would be held by {to} from then on.")
                }
                factor => format!("What {scope} seals as {factor} would be bound to {to} from then on."),
            });
        }
        lines.extend(plan.operators.iter().map(|who| not_yet(&plan.to, who.as_str())));
        lines.extend(plan.loses_witnesses.then(|| NO_WITNESSES.to_owned()));
        lines.join("\n")
    });
    Ok(())
}

const NO_WITNESSES: &str = "Releases of the old group wait for witnesses; the new one has no such policy.";

fn not_yet(group: &str, operator: &str) -> String {
    format!("Operator {operator} may not ask the new group yet: warifu operator admit {group} {operator}")
}

/// What a custodian is asked to agree to.
pub fn plain_words(review: &ReshareReview) -> String {
    let (shown, request) = (&review.shown, review.request());
    let group = |group: &ShownGroup| {
        let members: Vec<_> = group.members.iter().map(ToString::to_string).collect();
        let shape = format!("{} of {}", group.threshold, members.len());
        format!("{} epoch {}, {shape}: {}", group.address, group.epoch, members.join(", "))
    };
    let mut lines = vec![
        String::new(),
        "You are asked to hand over all that your group holds; nothing is opened:".to_owned(),
    ];
    let total: u64 = shown.projects.values().sum();
    lines.extend(shown.projects.iter().map(|(project, count)| format!("    {project}: {count}")));
    lines.push(format!("  in all  {total}"));
    lines.push(format!("  from    {}", group(&shown.from)));
    lines.push(format!("  to      {}", group(&shown.to)));
    lines.extend(shown.loses_witnesses.then(|| format!("  note: {NO_WITNESSES}")));
    lines.push(format!("  for     operator {}", request.operator));
    lines.push(format!("  why     {}", printable(&shown.reason)));
    lines.extend(shown.ticket.as_ref().map(|ticket| format!("  ticket  {}", printable(ticket))));
    lines.push(format!("  until   {}", request.expires.to_minute()));
    lines.push(format!("  ceremony {}", request.hash().short()));
    lines.push(format!("The new group's twelve words are:\n\n    {}\n", shown.fingerprint));
    lines.join("\n")
}

/// Where it ended early.
pub fn so_far(app: &mut App<'_>, state: &Organisation, from: GroupEpoch, done: &Done) {
    let left = state.reshare_list(from).len();
    app.ui.note(&format!(
        "{} handed over before this; {left} are with the old group still. Run the command again to go on.",
        counted(usize::try_from(done.versions).unwrap_or(usize::MAX), "version")
    ));
}

/// What came of it.
pub fn report(
    app: &mut App<'_>,
    state: &Organisation,
    (from, to): (GroupEpoch, GroupEpoch),
    ceremony: Option<&Hash>,
    done: &Done,
) {
    let now = app.now();
    let (Some(old), Some(new)) =
        (state.statement(&from.group, from.epoch), state.statement(&to.group, to.epoch))
    else {
        return;
    };
    let (address, left) = (state.group_address(new), state.reshare_list(from).len());
    let live = state.live(&new.group, now);
    let margin = live as i64 - i64::try_from(new.threshold).unwrap_or(i64::MAX);
    let operators = not_admitted(state, old, new, now);
    let fingerprint = words::fingerprint(&new.fingerprint(&state.id)).to_string();
    let value = json!({
        "from": state.group_address(old), "epoch": from.epoch, "to": address, "to_epoch": to.epoch,
        "ceremony": ceremony, "handed_over": done.versions, "remain": left,
        "destroyed": done.cleared.dealings, "erased": !done.cleared.pending, "rejected": done.rejected,
        "threshold": new.threshold, "members": new.members.len(), "live": live, "margin": margin,
        "operators": operators, "fingerprint": fingerprint,
    });
    app.emit(value, || {
        let versions = counted(usize::try_from(done.versions).unwrap_or(usize::MAX), "version");
        let nothing = done.versions == 0 && left == 0;
        let mut lines = vec![match nothing {
            true => format!("All went over to {address}, epoch {}, before; nothing need be done.", to.epoch),
            false => format!("{versions} handed over to {address}, epoch {}.", to.epoch),
        }];
        if !nothing || done.cleared.dealings > 0 {
            lines.push(format!(
                "{} destroyed; what backups hold of them the old members could open still.",
                counted(done.cleared.dealings, "old dealing")
            ));
        }
        if done.cleared.pending {
            lines.push("Some of their bytes leave the vault's files when it is opened next.".to_owned());
        }
        if left > 0 {
            lines.push(format!(
                "{} with the old group still: run the command again.",
                counted(left, "version")
            ));
        }
        if !done.rejected.is_empty() {
            let names: Vec<_> = done.rejected.iter().map(ToString::to_string).collect();
            lines.push(format!("Set aside for bad re-dealings: {}.", names.join(", ")));
        }
        lines.push(format!(
            "Of {}, {live} proved lately that their card is there; {} must come together.",
            counted(new.members.len(), "member"),
            new.threshold
        ));
        lines.extend(operators.iter().map(|who| not_yet(&address, who.as_str())));
        let next = if margin < 0 {
            format!("warifu drill {address}")
        } else {
            "warifu audit recoverability".to_owned()
        };
        lines.push(format!("Next: {next}"));
        lines.join("\n")
    });
}
