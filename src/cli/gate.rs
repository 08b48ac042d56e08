//! `gate`: its epochs.

use super::args::{GateCommand, GateRotate};
use super::error::CliError;
use super::hierarchy::new_gate_passphrase;
use super::table::{Column, counted, table};
use super::{App, IDLE};
use crate::seal::passphrase::KdfParams;
use crate::vault::gate::EpochStatus;
use serde_json::json;

/// `gate …`.
pub fn gate(app: &mut App<'_>, command: GateCommand) -> Result<(), CliError> {
    match command {
        GateCommand::Rotate(args) => rotate(app, &args),
        GateCommand::Show => show(app),
    }
}

fn rotate(app: &mut App<'_>, args: &GateRotate) -> Result<(), CliError> {
    let mut vault = app.open_vault()?;
    app.check_ahead(vault.state().last, IDLE, None)?;
    // Ceremonies whose window is over do not stand in the way.
    for organisation in vault.state().organisations.values().cloned().collect::<Vec<_>>() {
        (vault, _) = app.prepare(vault, &organisation)?;
    }
    let before = vault.state().gate().epoch;
    app.ui.note(&format!(
        "Epoch {} of the gate begins: the logs get new keys, and what is sealed from now on needs the new root. What was sealed before needs the old one until it is rotated.",
        before + 1
    ));
    app.confirm("Shall it begin?", None)?;
    let passphrase = new_gate_passphrase(app, args.passphrase || vault.gate_protected())?;
    let params = if args.kdf_floor { KdfParams::FLOOR } else { KdfParams::STANDARD };
    let now = app.now();
    let epoch = vault.rotate_gate(passphrase.as_ref().map(|p| (p, params)), now, &mut app.rng)?;
    let epochs = vault.gate_epochs()?;
    let dealt = vault.state().recovery.is_some();
    let value = json!({ "gate_epoch": epoch, "epochs": epochs, "dealt": dealt });
    let room = app.ui.columns();
    app.emit(value, || {
        let mut lines = vec![format!("Epoch {epoch} of the gate has begun.\n"), words(&epochs, room), String::new()];
        lines.push("Copies of gate.key from before do not open what is sealed from now on: replace them.".to_owned());
        lines.push(match dealt {
            true => "The new root was dealt to the recovery group; backups from before have only the old ones.".to_owned(),
            false => "There is no recovery group: keep a copy of gate.key apart from the vault.".to_owned(),
        });
        lines.push("Tell witnesses and auditors the logs' new keys: warifu audit key ORG.".to_owned());
        let under: u64 = epochs.iter().filter(|one| !one.present).flat_map(|one| one.versions.values()).sum();
        if under > 0 {
            let count = counted(usize::try_from(under).unwrap_or(usize::MAX), "version");
            lines.push(format!("If the old root has leaked, rotate what is still under it ({count}): warifu rotate --all ORG for passwords, and once more with --factor mfa, recovery-codes, file or device for each other factor. Identities are sealed anew by their owners: warifu roster seal ORG PSEUDONYM."));
            lines.push("The gate proves its new key when a drill begins, not while one goes on: warifu drill ORG/GROUP --new.".to_owned());
        }
        lines.join("\n")
    });
    Ok(())
}

fn show(app: &mut App<'_>) -> Result<(), CliError> {
    let epochs = app.read_vault()?.gate_epochs()?;
    let value = json!({ "epochs": epochs });
    let room = app.ui.columns();
    app.emit(value, || words(&epochs, room));
    Ok(())
}

fn words(epochs: &[EpochStatus], room: Option<usize>) -> String {
    let columns = [
        Column::whole("epoch"),
        Column::whole("present epoch"),
        Column::whole("dealt"),
        Column::text("what needs its root"),
    ];
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let row = |one: &EpochStatus| {
        let versions = one.versions.iter().map(|(organisation, count)| {
            let count = counted(usize::try_from(*count).unwrap_or(usize::MAX), "version");
            format!("{count} of {organisation}")
        });
        let versions = versions.collect::<Vec<_>>().join(", ");
        let versions = if versions.is_empty() { "none".to_owned() } else { versions };
        vec![one.epoch.to_string(), yes(one.present), yes(one.dealt), versions]
    };
    table(&columns, epochs.iter().map(row), room)
}
