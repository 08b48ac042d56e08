//! `audit cosign` and `audit checkpoint`: the log's checkpoint for others, and
//! cosigned by others.

use crate::cli::args::CosignArgs;
use crate::cli::error::CliError;
use crate::cli::{App, files};
use crate::http::client::HttpWitnesses;
use crate::log::policy::{MAX_POLICY, Policy, Witness};
use crate::log::{VerifierKey, checkpoint};
use crate::name::LogName;
use crate::state::log_keys;
use crate::store::Store;
use crate::vault::{PublicVault, VaultError};
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;

/// `audit cosign`.
pub fn cosign(app: &mut App<'_>, args: &CosignArgs) -> Result<(), CliError> {
    let mut witnesses = args.witnesses.clone();
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let listed = policy.iter().flat_map(|policy| policy.witnesses()).filter(|w| w.url.is_some());
    for witness in listed {
        if witnesses.iter().all(|other| other.key != witness.key) {
            witnesses.push(witness.clone());
        }
    }
    if witnesses.is_empty() {
        let fact = "the policy has no witness with an address".to_owned();
        return Err(CliError::Argument { fact, remedy: "Name a witness with --witness 'VKEY URL'." });
    }
    let mut vault = PublicVault::open_to_cosign(&app.vault)?;
    let log = match &args.log {
        LogName::Organisation(organisation) => Some(vault.log(organisation)?),
        LogName::Vault => None,
    };
    asking(app, &witnesses);
    let mut asker = HttpWitnesses::new(args.wait.witness_timeout.to_duration());
    let clock = app.clock;
    let now = || clock.now();
    let (size, done) = match &log {
        Some(log) => (log.state.size, vault.cosign(log, &witnesses, &mut asker, &now)?),
        None => (vault.state().size, vault.cosign_own(&witnesses, &mut asker, &now)?),
    };
    let rows: Vec<_> = done
        .answers
        .iter()
        .map(|(name, answer)| {
            let why = answer.as_ref().err().map(ToString::to_string);
            json!({ "witness": name, "cosigned": why.is_none(), "why": why })
        })
        .collect();
    let (cosigned, asked) = (done.cosigned(), witnesses.len());
    let satisfied = policy.map(|policy| policy.check(&done.note));
    let value = json!({
        "organisation": args.log, "size": size, "witnesses": rows,
        "checkpoint": done.note.to_string(), "satisfied": satisfied.as_ref().map(Result::is_ok),
    });
    app.emit(value, || {
        let line = |(name, answer): &(String, Result<_, crate::vault::witness::Unanswered>)| match answer {
            Ok(_) => format!("{name} has cosigned"),
            Err(why) => format!("{name} has NOT cosigned: {why}"),
        };
        let mut lines: Vec<_> = done.answers.iter().map(line).collect();
        lines.push(format!("{cosigned} of {asked} witnesses cosigned {size} entries."));
        lines.join("\n")
    });
    match satisfied {
        Some(Err(why)) => Err(CliError::NotWitnessed(why)),
        None if cosigned < asked => Err(CliError::Unanswered { cosigned, asked }),
        _ => Ok(()),
    }
}

/// `audit checkpoint`.
pub fn checkpoint(app: &mut App<'_>, name: &LogName, cosigned: bool) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    // An organisation's log is replayed: what is printed is a checkpoint of a good log.
    // The vault's own was, as the vault was opened.
    let keys = match name {
        LogName::Organisation(organisation) => {
            let state = vault.log(organisation)?.state;
            log_keys(&state.origin, &state.gates)
        }
        LogName::Vault => log_keys(&vault.state().log_origin(), &vault.state().gates),
    };
    let id = vault.log_id(name)?;
    let note = match cosigned {
        true => vault.cosigned(&id)?,
        false => vault.store().checkpoint(&id).map_err(VaultError::from)?,
    };
    let Some(note) = note else {
        let fact = format!("nobody has cosigned the log of {name} yet");
        let remedy =
            "Ask witnesses with 'warifu audit cosign', or hold a ceremony: custodians cosign with it.";
        return Err(CliError::Argument { fact, remedy });
    };
    // A cosigned one may be of an earlier epoch of the gate, with that one's key.
    let signed = |key: &&VerifierKey| checkpoint::open(note.as_bytes(), key).is_ok();
    let keys = keys.unwrap_or_default();
    let key = keys.iter().rev().find(signed).map(ToString::to_string);
    app.emit_whole(json!({ "checkpoint": note, "key": key }), || note.trim_end().to_owned());
    Ok(())
}

/// Reads a policy file.
pub fn read_policy(path: &Path) -> Result<Policy, CliError> {
    read_policy_and_text(path).map(|(policy, _)| policy)
}

/// The same with its text, which is what people sign: read once, so that nobody
/// can put another file in its place between what is shown and what is signed.
pub fn read_policy_and_text(path: &Path) -> Result<(Policy, String), CliError> {
    let bytes = files::read_capped(path, MAX_POLICY as u64)?;
    let policy = Policy::parse(&bytes).map_err(|why| CliError::Policy { path: path.to_owned(), why })?;
    Ok((policy, String::from_utf8(bytes).expect("what parses as a policy is UTF-8")))
}

/// Says on a terminal that others are waited for.
pub fn asking(app: &mut App<'_>, witnesses: &[Witness]) {
    if std::io::stderr().is_terminal() {
        let names: Vec<_> = witnesses.iter().map(|w| w.name.as_str()).collect();
        app.ui.note(&format!("Asking {} …", names.join(", ")));
    }
}
