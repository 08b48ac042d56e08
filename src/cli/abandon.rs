//! `group abandon` and `group veto`: a group that can no longer reach its threshold.

use super::App;
use super::args::CardArgs;
use super::cards;
use super::error::CliError;
use super::table::{Column, counted, days, table};
use crate::event::GroupStatement;
use crate::name::{Factor, MemberAddress};
use crate::state::{Invalid, NOTICE, NoticeStanding, Organisation};
use crate::time::Time;
use crate::vault::VaultError;
use crate::vault::abandon::{LastShown, Lost, last_shown, lost_with};
use crate::vault::group as vault_group;
use serde_json::{Value, json};
use std::fmt::Write;

/// `group abandon`. What is lost is listed by name before anybody is asked. Long, because
/// what is said before and after stands together.
pub fn abandon(
    app: &mut App<'_>,
    address: &MemberAddress,
    reason: &str,
    dry_run: bool,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let group = vault_group::group(&log.state, &address.name)?.clone();
    let (lost, members) = (lost_with(&log.state, &group.group), last_shown(&log.state, &group));
    let until = app.now() + NOTICE;
    let room = app.ui.columns();
    let live = log.state.live(&group.group, app.now());
    let mut text = words(address, (group.threshold, &members), &lost, room);
    if live >= group.needed() {
        let _ = write!(
            text,
            "\n\nALARM {address}: {live} proved in drills, for as long as that counts, that their keys are there, and {} must come: it can still open what it holds. Hand over (warifu reshare {address} --to OTHER-GROUP) while it can.",
            group.threshold
        );
    }
    let mut value = json!({
        "group": address.to_string(), "until": until, "lost": lost, "members": members, "live": live, "given": !dry_run,
    });
    if dry_run {
        app.emit(value, || text);
        return Ok(());
    }
    none_stands(&log.state, address, &group, app.now())?;
    app.ui.note(&text);
    app.confirm(
        &format!(
            "Shall everybody be told that {address} cannot reach its threshold any more, and its {} be lost unless a member vetoes by {}?",
            counted(lost.len(), "version"),
            until.to_minute()
        ),
        None,
    )?;
    let now = app.now();
    vault.abandon_group(&mut log, &group, reason, now, &mut app.rng)?;
    let until = now + NOTICE;
    if let Some(object) = value.as_object_mut() {
        object.insert("until".to_owned(), json!(until));
    }
    text = format!(
        "Notice is given that {address} is abandoned. It stands in the log until {}; any member ends it with: warifu group veto {address}\nTell every member by every way that you have. After that day: warifu bind SCOPE --group OTHER-GROUP, without the quorum of {address}.",
        until.to_minute()
    );
    app.emit(value, || text);
    Ok(())
}

/// That no notice stands yet. Before anybody reads the list a second time.
fn none_stands(
    state: &Organisation,
    address: &MemberAddress,
    group: &GroupStatement,
    now: Time,
) -> Result<(), VaultError> {
    let Some(notice) = state.abandonments.get(&group.group) else { return Ok(()) };
    match notice.standing(now) {
        NoticeStanding::Running => {
            Err(VaultError::NoticeRuns { group: address.to_string(), until: notice.begun + NOTICE })
        }
        NoticeStanding::InForce => Err(Invalid::Abandoned(group.slug.to_string()).into()),
        NoticeStanding::Vetoed => Ok(()),
    }
}

/// `group veto`.
pub fn veto(app: &mut App<'_>, address: &MemberAddress, card: &CardArgs) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let group = vault_group::group(&log.state, &address.name)?.clone();
    let open = cards::unlock_here(app, (&vault, &log), card, &format!("a member of {address}"))?;
    let who = open.card.card().pseudonym().clone();
    let now = app.now();
    vault.veto_abandonment(&mut log, &group, open.card.card(), now)?;
    cards::remember(app, (&vault, &log), &open.path);
    let value = json!({ "group": address.to_string(), "vetoed_by": who });
    app.emit(value, || {
        format!(
            "{who} vetoed: {address} is not abandoned. What was bound elsewhere meanwhile stays there.\nNext: warifu drill {address}"
        )
    });
    Ok(())
}

fn words(
    address: &MemberAddress,
    (threshold, members): (u64, &[LastShown]),
    lost: &[Lost],
    room: Option<usize>,
) -> String {
    let day = |time: Option<Time>| time.map_or_else(|| "never".to_owned(), Time::to_minute);
    let row = |member: &LastShown| {
        let counts = member.barred.unwrap_or("counts");
        vec![member.custodian.to_string(), day(member.proved), counts.to_owned()]
    };
    let columns = [Column::whole("member"), Column::whole("last proved"), Column::whole("card")];
    let mut lines = vec![
        format!(
            "{address}: {threshold} of {} must come to open anything. The log cannot know who is there; it knows:\n",
            members.len()
        ),
        table(&columns, members.iter().map(row), room),
        String::new(),
    ];
    if lost.is_empty() {
        lines.push(format!("{address} holds nothing: nothing is lost with it."));
        return lines.join("\n");
    }
    let current = lost.iter().filter(|one| one.current).count();
    lines.push(format!(
        "LOST for good with it: {}, of which {} current. Nobody can open them again; each current one has to be reset at the provider, by its own recovery.\n",
        counted(lost.len(), "version"),
        if current == 1 { "1 is".to_owned() } else { format!("{current} are") }
    ));
    let row = |one: &Lost| {
        let named = match one.factor {
            Factor::Password => one.address.clone(),
            factor => format!("{} ({factor})", one.address),
        };
        vec![named, one.version.to_string(), if one.current { "yes" } else { "no" }.to_owned()]
    };
    let columns = [Column::whole("account"), Column::whole("version"), Column::whole("current")];
    lines.push(table(&columns, lost.iter().map(row), room));
    lines.join("\n")
}

/// What `group show` has of a notice, for people.
pub fn in_words(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    if let Some(lost) = object.get_mut("lost") {
        let named: Vec<_> = lost.as_array().into_iter().flatten().map(in_short).collect();
        *lost = json!(named);
    }
    let Some(found) = object.get_mut("abandonment") else { return };
    let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (standing, until) = (text("standing"), text("until"));
    let left = days(found.get("days_left").and_then(Value::as_u64).unwrap_or_default());
    *found = json!(match standing.as_str() {
        "running" => format!("notice runs until {until}, {left} left: any member can veto"),
        "in-force" => format!("abandoned since {until}: what it holds is lost"),
        _ => format!("a notice was vetoed by {}", text("vetoed_by")),
    });
}

fn in_short(lost: &Value) -> String {
    let text = |name: &str| lost.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = lost.get("version").and_then(Value::as_u64).unwrap_or_default();
    let current = if lost.get("current") == Some(&Value::Bool(true)) { ", current" } else { "" };
    format!("{} {} version {version}{current}", text("address"), text("factor"))
}
