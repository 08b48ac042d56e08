//! `due`: what is to be renewed, which drills are to be held and which notices run; for
//! people and for monitoring.

use super::App;
use super::args::DueArgs;
use super::error::CliError;
use super::rotate::resume_of;
use super::table::{Column, counted, days, table};
use crate::name::Factor;
use crate::time::{Span, Time};
use crate::vault::due::{Due, DueList, Item, NoticeDue, Reason};
use crate::vault::due_drill::DrillDue;
use crate::vault::overview::Reading;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// `due`. What is overdue makes it fail, with an exit code of its own.
pub fn due(app: &mut App<'_>, args: DueArgs) -> Result<(), CliError> {
    let (vault, now) = (app.read_vault()?, app.now());
    let DueList { items: found, read_from } =
        vault.due(args.organisation.as_ref(), now, args.within, reading(args.replay))?;
    let mut value = serde_json::to_value(&found).expect("a list has only strings, numbers and lists");
    for item in value.as_array_mut().into_iter().flatten().filter_map(|item| item.as_object_mut()) {
        item.insert("read_from".to_owned(), json!(read_from));
    }
    let room = app.ui.columns();
    let overdue = |drills: bool| {
        let of = found.iter().filter(|item| item.overdue() && matches!(item, Item::Drill(_)) == drills);
        of.map(|item| item.address().to_owned()).collect::<BTreeSet<_>>()
    };
    let (accounts, groups) = (overdue(false), overdue(true));
    let overdue: Vec<_> = accounts.union(&groups).cloned().collect();
    app.emit_red(value, &overdue, || {
        if found.is_empty() { nothing(args.within) } else { list(&found, now, room) }
    });
    match (accounts.len(), groups.len()) {
        (0, 0) => Ok(()),
        (accounts, groups) => Err(CliError::Overdue { accounts, groups }),
    }
}

/// How many are overdue, in words.
pub fn overdue(accounts: usize, groups: usize) -> String {
    let drills = || format!("the drill of {}", counted(groups, "group"));
    match (accounts, groups) {
        (accounts, 0) => counted(accounts, "account"),
        (0, _) => drills(),
        (accounts, _) => format!("{} and {}", counted(accounts, "account"), drills()),
    }
}

fn nothing(within: Span) -> String {
    // What somebody asked for is not rounded.
    let whole = Span::days(within.whole_days()) == within;
    let within = if whole { ahead(within) } else { within.to_string() };
    format!("Nothing is to be renewed within {within}, and no drill comes up.")
}

/// How long it is until then: of two days and more, whole days; the time itself stands
/// beside it.
fn ahead(span: Span) -> String {
    match span.whole_days() {
        whole @ 2.. => days(u64::try_from(whole).unwrap_or(0)),
        _ => span.to_string(),
    }
}

/// What an answer is wanted from.
pub fn reading(replay: bool) -> Reading {
    if replay { Reading::Entries } else { Reading::Overview }
}

/// A table for each kind of item, in the order of what is most urgent of each.
fn list(found: &[Item], now: Time, room: Option<usize>) -> String {
    let renewals: Vec<_> = found.iter().filter_map(Item::renewal).collect();
    let drills: Vec<_> = found.iter().filter_map(Item::drill).collect();
    let notices: Vec<_> = found.iter().filter_map(Item::notice).collect();
    let mut tables = [
        (found.iter().position(|item| item.renewal().is_some()), renewal_table(&renewals, now, room)),
        (found.iter().position(|item| item.drill().is_some()), drill_table(&drills, now, room)),
        (found.iter().position(|item| item.notice().is_some()), notice_table(&notices, now, room)),
    ];
    tables.sort_by_key(|(first, _)| *first);
    let there = tables.into_iter().filter(|(first, _)| first.is_some()).map(|(_, table)| table);
    there.collect::<Vec<_>>().join("\n\n")
}

fn drill_table(found: &[&DrillDue], now: Time, room: Option<usize>) -> String {
    let row = |due: &&DrillDue| {
        let when = match due.overdue {
            true => format!("OVERDUE since {}", due.due.to_minute()),
            false => format!("in {}, by {}", ahead(due.due - now), due.due.to_minute()),
        };
        vec![due.address.clone(), when, drill_why(due)]
    };
    let columns = [Column::whole("group"), Column::whole("drill"), Column::text("why")];
    table(&columns, found.iter().map(row), room)
}

fn drill_why(due: &DrillDue) -> String {
    let missing: Vec<_> = due.missing.iter().map(ToString::to_string).collect();
    let missing = missing.join(", ");
    let mut why = match due.overdue {
        true => {
            let since = days(u64::try_from(due.days).unwrap_or(0));
            format!("{since} since all had shown themselves; not yet: {missing}")
        }
        false => {
            let (all, since) = (due.members, due.complete.to_minute());
            format!("the next drill: all {all} have shown themselves since {since}; to come: {missing}")
        }
    };
    if due.short() {
        let (live, counts, needed) = (due.live, days(due.every_days), due.threshold);
        let _ = write!(why, "; ALARM: {live} within {counts}, but {needed} must come together");
    }
    why
}

/// A group's drill, as `status` says it.
pub fn drill_line(due: &DrillDue) -> String {
    let when = if due.overdue { "OVERDUE since" } else { "due by" };
    format!("drill of {} {when} {}: {}", due.address, due.due.to_minute(), drill_why(due))
}

fn renewal_table(found: &[&Due], now: Time, room: Option<usize>) -> String {
    let row = |due: &&Due| {
        let when = match due.due {
            Some(time) if due.overdue => format!("OVERDUE since {}", time.to_minute()),
            Some(time) => format!("in {}, by {}", ahead(time - now), time.to_minute()),
            None => "-".to_owned(),
        };
        let named = match due.factor {
            Factor::Password => due.address.clone(),
            factor => format!("{} ({factor})", due.address),
        };
        vec![named, due.version.to_string(), when, why(due)]
    };
    let columns =
        [Column::whole("account"), Column::whole("version"), Column::whole("renew"), Column::text("why")];
    table(&columns, found.iter().map(row), room)
}

fn notice_table(found: &[&NoticeDue], now: Time, room: Option<usize>) -> String {
    let row = |notice: &&NoticeDue| {
        let until = notice.abandonment.until;
        let versions = counted(usize::try_from(notice.holds).unwrap_or(usize::MAX), "version");
        vec![
            notice.group.clone(),
            format!("in {}, on {}", ahead(until - now), until.to_minute()),
            format!("{versions} count as lost; any member can veto: warifu group veto {}", notice.group),
        ]
    };
    let columns = [Column::whole("group"), Column::whole("abandoned"), Column::text("then")];
    table(&columns, found.iter().map(row), room)
}

fn why(due: &Due) -> String {
    let word = |reason: &Reason| match reason {
        Reason::NotSettled => {
            let to = due.pending.map(|version| format!(" to version {version}")).unwrap_or_default();
            format!("rotation{to} not settled: {}", resume_of(&due.address, due.factor))
        }
        Reason::Exposed => {
            format!("EXPOSED since {}", due.exposed.map(Time::to_minute).unwrap_or_default())
        }
        Reason::ExposedToHost => format!(
            "codes were made of it: the host could know it since {}",
            due.exposed_to_host.map(Time::to_minute).unwrap_or_default()
        ),
        Reason::Weakened => format!("weakened by {}", counted(due.weakened, "custodian")),
        Reason::Age => format!("sealed {}", due.sealed.to_minute()),
        Reason::NeverRotated => "never rotated".to_owned(),
        Reason::Handled => "handled by whoever installed it".to_owned(),
    };
    due.why.iter().map(word).collect::<Vec<_>>().join(", ")
}
