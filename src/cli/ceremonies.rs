//! `ceremony list`: an organisation's ceremonies as a table.

use super::App;
use super::error::CliError;
use super::table::{Column, counted, table};
use crate::ceremony::judge;
use crate::event::{Ending, Event, GroupEpoch};
use crate::name::{Factor, Slug};
use crate::state::reshare::Reshare;
use crate::state::{Ceremony, Organisation, Past, Standing, Version};
use crate::time::Time;
use crate::vault::{Log, PublicVault, VaultError};
use serde_json::json;

/// `ceremony list`.
pub fn list(app: &mut App<'_>, organisation: &Slug, all: bool) -> Result<(), CliError> {
    // Ceremonies are its business: those that ran out are closed by it.
    let (vault, log) = app.open_log(organisation)?;
    let state = &log.state;
    let past = if all { vault.past(&log, |_| true)? } else { Past::default() };
    let wanted = if all { past.all() } else { &state.ceremonies };
    let mut rows: Vec<_> = wanted
        .iter()
        .map(|(hash, c)| {
            let versions = c.targets.iter().filter_map(|credential| state.versions.get(credential));
            let named = |v: &Version| match v.sealing.factor {
                Factor::Password => state.address(&v.sealing.account),
                factor => format!("{} ({factor})", state.address(&v.sealing.account)),
            };
            let targets: Vec<_> = match &c.reshare {
                Some(reshare) => vec![handed_over(state, c, reshare)],
                None => versions.map(named).collect(),
            };
            let purpose = match &c.reshare {
                Some(_) => json!("reshare"),
                None => json!(c.purpose),
            };
            let (there, needed) = judge::overall(state, c);
            json!({
                "ceremony": hash, "opened": c.opened, "operator": c.operator, "purpose": purpose,
                "targets": targets,
                "accepted": there, "needed": needed, "expires": c.expires, "state": standing_word(c.standing),
            })
        })
        .collect();
    rows.sort_by_key(|row| row["opened"].to_string());
    let room = app.ui.columns();
    let empty = match rows.is_empty() && (all || !ever_opened(&vault, &log)?) {
        true => format!(
            "No ceremonies yet. Next: warifu open ADDRESS --reason WHY, with an account of {organisation}"
        ),
        false => "None open; --all shows ended ones.".to_owned(),
    };
    app.emit(json!(rows), || if rows.is_empty() { empty } else { ceremony_table(&rows, room) });
    Ok(())
}

/// What a resharing is for, in words.
fn handed_over(state: &Organisation, ceremony: &Ceremony, reshare: &Reshare) -> String {
    let named =
        |of: &GroupEpoch| format!("{} epoch {}", state.epoch_address(of).unwrap_or_default(), of.epoch);
    let count = counted(usize::try_from(ceremony.count).unwrap_or(usize::MAX), "version");
    format!("{count} from {} to {}, {} done", named(&reshare.from), named(&reshare.to), reshare.done)
}

/// Whether the log tells of any ceremony.
fn ever_opened(vault: &PublicVault, log: &Log) -> Result<bool, VaultError> {
    for entry in vault.walk(&log.state.id, 0..log.state.size) {
        if matches!(entry?.event, Some(Event::Opened(_) | Event::ReshareOpened(_))) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ceremony_table(rows: &[serde_json::Value], room: Option<usize>) -> String {
    let columns = [
        Column::whole("ceremony"),
        Column::whole("opened"),
        Column::whole("operator"),
        Column::whole("shares"),
        Column::whole("state"),
        Column::text("targets"),
    ];
    let row = |row: &serde_json::Value| {
        let cell = |key: &str| super::hierarchy::text(&row[key]);
        let opened = Time::parse_lenient(&cell("opened")).map_or_else(|_| cell("opened"), Time::to_minute);
        let short = cell("ceremony").chars().take(8).collect();
        let shares = format!("{} of {}", cell("accepted"), cell("needed"));
        vec![short, opened, cell("operator"), shares, cell("state"), cell("targets")]
    };
    table(&columns, rows.iter().map(row), room)
}

/// How a ceremony stands, in a word.
pub fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "open",
        Standing::Ended(Ending::Closed) => "closed",
        Standing::Ended(Ending::Aborted) => "aborted",
        Standing::Ended(Ending::Expired) => "expired",
    }
}
