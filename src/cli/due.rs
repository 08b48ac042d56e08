//! `due`: what is to be renewed, for people and for monitoring.

use super::App;
use super::args::DueArgs;
use super::error::CliError;
use super::table::{Column, counted, table};
use crate::name::Factor;
use crate::time::Time;
use crate::vault::due::{Due, DueList, Item, NoticeDue, Reason};
use crate::vault::overview::Reading;
use serde_json::json;
use std::collections::BTreeSet;

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
    let overdue = found.iter().filter(|item| item.overdue()).map(|item| item.address().to_owned());
    let overdue: Vec<_> = overdue.collect::<BTreeSet<_>>().into_iter().collect();
    app.emit_red(value, &overdue, || {
        if found.is_empty() { nothing(args.within) } else { list(&found, now, room) }
    });
    match overdue.len() {
        0 => Ok(()),
        count => Err(CliError::Overdue(count)),
    }
}

fn nothing(within: crate::time::Span) -> String {
    format!("Nothing is to be renewed within {within}.")
}

/// What an answer is wanted from.
pub fn reading(replay: bool) -> Reading {
    if replay { Reading::Entries } else { Reading::Overview }
}

fn list(found: &[Item], now: Time, room: Option<usize>) -> String {
    let row = |item: &Item| {
        let due = match item {
            Item::Renewal(due) => due,
            Item::Notice(notice) => return notice_row(notice, now),
        };
        let when = match due.due {
            Some(time) if due.overdue => format!("OVERDUE since {}", time.to_minute()),
            Some(time) => format!("in {}, by {}", time - now, time.to_minute()),
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

/// A notice that runs is no renewal; it ends at a time that somebody may have to know.
fn notice_row(notice: &NoticeDue, now: Time) -> Vec<String> {
    let until = notice.abandonment.until;
    let versions = counted(usize::try_from(notice.holds).unwrap_or(usize::MAX), "version");
    vec![
        notice.group.clone(),
        "-".to_owned(),
        format!("in {}, on {}", until - now, until.to_minute()),
        format!(
            "then it is abandoned and its {versions} count as lost; any member can veto: warifu group veto {}",
            notice.group
        ),
    ]
}

fn why(due: &Due) -> String {
    let word = |reason: &Reason| match reason {
        Reason::NotSettled => match due.pending {
            Some(version) => format!("rotation to version {version} not settled: warifu rotate --resume"),
            None => "rotation not settled: warifu rotate --resume".to_owned(),
        },
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
