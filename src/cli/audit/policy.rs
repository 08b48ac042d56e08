//! `audit policy`: which witnesses a group's releases wait for.

use super::cosign::read_policy_and_text;
use crate::cli::args::{CardsArgs, PolicyCommand};
use crate::cli::error::CliError;
use crate::cli::group::decide;
use crate::cli::{App, cards};
use crate::name::MemberAddress;
use crate::name::printable;
use crate::vault::VaultError;
use crate::vault::group as vault_group;
use serde_json::json;
use std::path::Path;

/// `audit policy …`.
pub fn policy(app: &mut App<'_>, command: PolicyCommand) -> Result<(), CliError> {
    match command {
        PolicyCommand::Set { group, file, cards } => set(app, &group, &file, &cards),
        PolicyCommand::Show { group } => show(app, &group),
    }
}

fn set(app: &mut App<'_>, address: &MemberAddress, file: &Path, args: &CardsArgs) -> Result<(), CliError> {
    let (policy, text) = read_policy_and_text(file)?;
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let state = log.state.clone();
    let group = vault_group::group(&state, &address.name)?;
    let mut set = vault_group::witness_policy(&state, group, text);
    // What the log would refuse is refused before anybody signs.
    if let Some(why) = state.policy_refused(&set) {
        return Err(VaultError::from(why).into());
    }
    let silent: Vec<_> = policy.witnesses().iter().filter(|w| w.url.is_none()).map(|w| &*w.name).collect();
    if !silent.is_empty() {
        app.ui.note(&format!("These witnesses have no address and cannot be asked: {}.", silent.join(", ")));
    }
    app.ui.note(&format!(
        "{} custodians of {address} decide that a release waits for:\n\n{}\n",
        group.threshold,
        lines(&policy.to_string())
    ));
    let digest = set.digest(&state.id, &state.g(group));
    let (signatures, given) = decide(app, (&vault, &log), (group, &digest), args)?;
    set.signatures = signatures;
    let signers: Vec<_> = set.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let (serial, now) = (set.serial, app.now());
    vault.set_witness_policy(&mut log, set, now)?;
    given.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let value = json!({ "group": address.to_string(), "serial": serial, "signed_by": signers });
    app.emit(value, || {
        format!(
            "Releases of what {address} holds wait for its witnesses from now on, signed by {}.",
            signers.join(", ")
        )
    });
    Ok(())
}

fn show(app: &mut App<'_>, address: &MemberAddress) -> Result<(), CliError> {
    let (_, log) = app.read_log(&address.organisation)?;
    let group = vault_group::group(&log.state, &address.name)?;
    let set = log.state.witness_policies.get(&group.group);
    let signers: Vec<_> =
        set.iter().flat_map(|set| &set.signatures).map(|s| s.pseudonym.to_string()).collect();
    let value = json!({
        "group": address.to_string(), "serial": set.map(|set| set.serial),
        "policy": set.map(|set| &set.policy), "signed_by": signers,
    });
    app.emit_whole(value, || match set {
        Some(set) => lines(&set.policy),
        None => format!("{address} has no witness policy: its releases wait for nobody."),
    });
    Ok(())
}

/// Text of a log, which others wrote, line by line.
fn lines(policy: &str) -> String {
    policy.lines().map(|line| printable(&line.replace('\t', " "))).collect::<Vec<_>>().join("\n")
}
