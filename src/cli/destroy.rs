//! `destroy`: a version that nobody needs any more goes, on record.

use super::App;
use super::args::Destroy;
use super::error::CliError;
use super::group::collect;
use super::table::counted;
use crate::name::Factor;
use crate::vault::rotate::destruction;
use serde_json::json;

/// `destroy`.
pub fn destroy(app: &mut App<'_>, args: Destroy) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&args.address.organisation)?;
    let (version, of) = (args.version, (&args.address, args.factor));
    let (mut gone, holder) = destruction(&log.state, of, version, args.current)?;
    let address = match args.factor {
        Factor::Password => args.address.to_string(),
        factor => format!("{} {factor}", args.address),
    };
    if holder.is_none() && !args.cards.cards.is_empty() {
        let fact = format!("{address} version {version} is not the current one: nobody has to sign");
        return Err(CliError::Argument { fact, remedy: "Leave --card out." });
    }
    if holder.is_some() {
        app.ui.note(&format!(
            "{address} version {version} is the current one. Without it nobody can sign in, and only the provider's own recovery helps."
        ));
    }
    app.confirm(&format!("Destroy {address} version {version}? Nobody can ever open it again."), None)?;
    let mut given = Vec::new();
    let state = log.state.clone();
    if let Some(group) = holder.and_then(|holder| state.groups.get(&holder)) {
        let (group_name, needed) = (state.group_address(group), counted(group.needed(), "custodian"));
        app.ui.note(&format!(
            "{needed} of {group_name} have to agree that it goes: whoever gives their card agrees."
        ));
        let digest = gone.digest(&state.id);
        gone.signatures = collect(app, (&vault, &log), (group, &digest), &args.cards, &mut given)?;
    }
    let signers: Vec<_> = gone.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let now = app.now();
    let erased = vault.destroy(&mut log, gone, now)?;
    given.iter().for_each(|card| super::cards::remember(app, (&vault, &log), card));
    if !erased {
        app.ui.note(
            "Another program is reading the vault: the bytes leave its files when the vault is opened next.",
        );
    }
    let value = json!({
        "address": args.address.to_string(), "factor": args.factor, "version": version, "signed_by": signers, "erased": erased,
    });
    app.emit(value, || {
        format!("Destroyed {address} version {version}; that is on record. Backups and copies still have it.")
    });
    Ok(())
}
