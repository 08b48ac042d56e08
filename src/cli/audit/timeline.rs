//! `audit log --timeline`: one line a ceremony.

use super::filter::Filter;
use crate::cli::App;
use crate::cli::error::CliError;
use crate::cli::table::Column;
use crate::event::{Ending, Event, Hash};
use crate::name::{Factor, Recipient};
use crate::state::reshare::Reshare;
use crate::state::{Ceremony, Organisation, Past, Standing};
use crate::time::Time;
use crate::vault::PublicVault;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Targets that are named in a line before the rest is only counted.
const NAMED: usize = 3;

/// Column heads.
pub const COLUMNS: [Column; 7] = [
    Column::whole("ceremony"),
    Column::whole("when"),
    Column::whole("what"),
    Column::whole("who").spare(2),
    Column::whole("how long").spare(1),
    Column::whole("outcome"),
    Column::text("marks"),
];

/// The ceremonies that entries which pass the filter belong to, the oldest
/// first, as JSON.
pub fn rows(
    app: &App<'_>,
    vault: &PublicVault,
    state: &Organisation,
    filter: &Filter<'_>,
) -> Result<Vec<Value>, CliError> {
    let mut asked = BTreeSet::<Hash>::new();
    let mut past = Past::default();
    let mut seen = BTreeMap::<Hash, Told>::new();
    for entry in vault.walk(&state.id, 0..state.size) {
        let entry = entry?;
        let Some(event) = &entry.event else { continue };
        past.note(entry.index, entry.time, event);
        match event {
            Event::Ended { ceremony, .. } => seen.entry(*ceremony).or_default().ended = Some(entry.time),
            Event::Refused { ceremony, .. } => seen.entry(*ceremony).or_default().refused += 1,
            _ => {}
        }
        asked.extend(event.ceremony().filter(|_| filter.keeps(&entry)));
    }
    let mut found: Vec<_> = past.all().iter().filter(|(hash, _)| asked.contains(*hash)).collect();
    found.sort_by_key(|(_, ceremony)| ceremony.opened_size);
    let now = app.now();
    let told = |hash| seen.get(hash).copied().unwrap_or_default();
    Ok(found.into_iter().map(|(hash, c)| row(state, hash, c, told(hash), now)).collect())
}

/// What the entries of a ceremony say beyond its facts.
#[derive(Clone, Copy, Default)]
struct Told {
    ended: Option<Time>,
    refused: u64,
}

fn row(state: &Organisation, hash: &Hash, ceremony: &Ceremony, told: Told, now: Time) -> Value {
    let Told { ended, refused } = told;
    let targets: Vec<_> = ceremony
        .targets
        .iter()
        .map(|credential| match state.begun(credential) {
            Some(begun) if begun.factor == Factor::Password => {
                json!({ "address": state.address(&begun.account), "version": begun.version })
            }
            Some(begun) => json!({
                "address": state.address(&begun.account), "factor": begun.factor, "version": begun.version,
            }),
            None => json!({ "credential": credential }),
        })
        .collect();
    let outcome = match ceremony.standing {
        Standing::Open if now > ceremony.expires => "overdue",
        Standing::Open => "open",
        Standing::Ended(Ending::Closed) => "closed",
        Standing::Ended(Ending::Aborted) => "aborted",
        Standing::Ended(Ending::Expired) => "expired",
    };
    // What the gate opened for itself was given to nobody.
    let released = |is: fn(Factor) -> bool| {
        let targets = (0u64..).zip(&ceremony.targets).filter(|(index, _)| ceremony.released.contains(index));
        let mut factors = targets.filter_map(|(_, credential)| Some(state.begun(credential)?.factor));
        factors.any(is)
    };
    let lasted = ended.unwrap_or(now) - ceremony.opened;
    json!({
        "ceremony": hash, "opened": ceremony.opened, "ended": ended, "seconds": lasted.0 / 1000,
        "operator": ceremony.operator, "mode": ceremony.mode, "targets": targets,
        "accepted": ceremony.accepted.len(), "refused": refused,
        "bad_shares": ceremony.rejected.len(), "exposed": released(|of| of.recipient() == Recipient::Requester && of != Factor::Identity),
        "exposed_to_host": released(|of| of.recipient() == Recipient::Gate), "codes": ceremony.codes,
        "disclosed": released(|of| of == Factor::Identity),
        "ticket": ceremony.ticket.is_some(), "outcome": outcome,
        "reshare": ceremony.reshare.as_ref().map(|reshare| handed_over(state, ceremony, reshare)),
    })
}

/// From whom to whom, and how far it came.
fn handed_over(state: &Organisation, ceremony: &Ceremony, reshare: &Reshare) -> Value {
    let (from, to) = (state.epoch_address(&reshare.from), state.epoch_address(&reshare.to));
    json!({
        "from": from, "epoch": reshare.from.epoch, "to": to, "to_epoch": reshare.to.epoch, "versions": ceremony.count, "handed_over": reshare.done,
        "rejected": reshare.rejected,
    })
}

/// A row as cells, in the order of [`COLUMNS`].
pub fn cells(row: &Value) -> Vec<String> {
    let text = |key: &str| crate::cli::hierarchy::text(&row[key]);
    let opened = Time::parse(&text("opened")).map(Time::to_minute).unwrap_or_default();
    let seconds = row["seconds"].as_i64().unwrap_or_default();
    let so_far = if row["ended"].is_null() { " so far" } else { "" };
    vec![
        text("ceremony").chars().take(8).collect(),
        opened,
        if row["reshare"].is_object() { groups(&row["reshare"]) } else { targets(&row["targets"]) },
        text("operator"),
        format!("{}{so_far}", crate::time::Span::seconds(seconds)),
        text("outcome"),
        marks(row).join(", "),
    ]
}

fn groups(reshare: &Value) -> String {
    let text = |key: &str| crate::cli::hierarchy::text(&reshare[key]);
    format!("{} to {}: {} of {}", text("from"), text("to"), text("handed_over"), text("versions"))
}

fn targets(list: &Value) -> String {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |target: &Value| match target["address"].as_str() {
        Some(address) => {
            let factor = target["factor"].as_str().map(|factor| format!(" {factor}")).unwrap_or_default();
            format!("{address}{factor} v{}", target["version"])
        }
        None => crate::cli::hierarchy::text(&target["credential"]).chars().take(8).collect(),
    };
    let mut names: Vec<String> = all.iter().take(NAMED).map(name).collect();
    if all.len() > NAMED {
        names.push(format!("{} more", all.len() - NAMED));
    }
    names.join(", ")
}

/// What an officer should notice.
fn marks(row: &Value) -> Vec<String> {
    let count = |key: &str| row[key].as_u64().unwrap_or_default();
    let (accepted, refused, bad) = (count("accepted"), count("refused"), count("bad_shares"));
    let (exposed, over) = (row["exposed"] == true, !row["ended"].is_null());
    let (to_host, disclosed) = (row["exposed_to_host"] == true, row["disclosed"] == true);
    let marks = [
        exposed.then(|| "EXPOSED".to_owned()),
        disclosed.then(|| "IDENTITY DISCLOSED".to_owned()),
        (count("codes") > 0).then(|| format!("codes given: {}", count("codes"))),
        to_host.then(|| "the host could know the seed".to_owned()),
        // Shares were given, and nothing came of it.
        (over && !exposed && !to_host && !disclosed && accepted > 0 && !row["reshare"].is_object())
            .then(|| format!("weakened by {accepted}")),
        (refused > 0).then(|| format!("{refused} refused")),
        (bad > 0).then(|| format!("{bad} bad {}", if bad == 1 { "share" } else { "shares" })),
        (row["ticket"] == false).then(|| "no ticket".to_owned()),
    ];
    marks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_an_officer_should_notice() {
        let targets: Vec<_> =
            (1..=5).map(|n| json!({ "address": format!("a/b/c{n}"), "version": n })).collect();
        let row = json!({
            "ceremony": "0123456789ab", "opened": "2026-03-01T09:00:00.000Z", "ended": null, "seconds": 125,
            "operator": "brisk-tern-door", "outcome": "open", "exposed": true, "refused": 2, "bad_shares": 0,
            "ticket": false, "targets": targets,
        });
        let expected = [
            "01234567",
            "2026-03-01 09:00:00Z",
            "a/b/c1 v1, a/b/c2 v2, a/b/c3 v3, 2 more",
            "brisk-tern-door",
            "2 min 05 s so far",
            "open",
            "EXPOSED, 2 refused, no ticket",
        ];
        assert_eq!(cells(&row), expected);
        assert_eq!(cells(&row).len(), COLUMNS.len());
    }

    #[test]
    fn shares_that_were_given_for_nothing_are_marked() {
        let row = |ended: Value, exposed: bool| json!({ "ended": ended, "exposed": exposed, "accepted": 1, "refused": 0, "bad_shares": 1, "ticket": true });
        assert_eq!(marks(&row(json!("later"), false)), ["weakened by 1", "1 bad share"]);
        assert_eq!(marks(&row(json!("later"), true)), ["EXPOSED", "1 bad share"]);
        assert_eq!(marks(&row(Value::Null, false)), ["1 bad share"], "it may still come to something");
    }
}
