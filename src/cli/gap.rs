//! Entries that somebody saw and nobody has any more: what keepers are shown before
//! they sign for it, and what a card's owner is before they accept it. That they
//! accept is typed at a terminal; no option says it for them.

use super::App;
use super::args::Later;
use super::backup::{Bars, note, source};
use super::cards;
use super::error::CliError;
use super::table::entries;
use super::ui::{Kind, Prompt};
use crate::ceremony::custodian::ReviewError;
use crate::ceremony::gap::GapMet;
use crate::ceremony::recipient::FinishError;
use crate::event::Gap;
use crate::name::Pseudonym;
use crate::state::VaultState;
use crate::vault::PublicVault;
use crate::vault::backup::{BackupError, SeenBefore, bring_in, name_of};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a card's owner types to accept a gap.
const WORD: &str = "accept";

/// Brings in what is named, and finds what somebody saw beyond it. That something is
/// missing is refused unless the keepers are to sign for it. What is given is used
/// before anything is said to be lost.
pub fn missing(app: &mut App<'_>, later: &Later) -> Result<(PublicVault, Vec<Gap>), CliError> {
    merge(app, &later.merge)?;
    let vault = app.read_vault()?;
    let notes = later.against.iter().map(|path| note(path)).collect::<Result<Vec<_>, _>>()?;
    let seen: Vec<_> =
        later.against.iter().zip(&notes).map(|(path, note)| SeenBefore { path, note }).collect();
    let found = vault.missing(&seen)?;
    if let Some((path, gap)) = found.first().filter(|_| !later.sign_gap) {
        return Err(CliError::Backup(BackupError::Behind {
            path: path.clone(),
            log: name_of(vault.state(), &gap.log),
            here: gap.restored.size,
            seen: gap.seen.size,
        }));
    }
    let gaps: Vec<_> = found.into_iter().map(|(_, gap)| gap).collect();
    if !gaps.is_empty() {
        app.ui.note(&to_sign(vault.state(), &gaps));
    }
    Ok((vault, gaps))
}

/// Brings in what others know of the logs.
fn merge(app: &mut App<'_>, from: &[PathBuf]) -> Result<(), CliError> {
    if from.is_empty() {
        return Ok(());
    }
    let dir = app.read_vault()?.dir().to_owned();
    let sources = from.iter().map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    let further: Vec<_> = from.iter().zip(&sources).map(|(path, source)| source.further(path)).collect();
    let bars = Bars::default();
    let merged = bring_in(&dir, &further, &|what, done, of| bars.at(what, done, of))?;
    drop(bars);
    for log in merged.iter().filter(|log| log.merged > 0) {
        app.ui.note(&format!("{}: {} brought in.", log.log, entries(log.merged)));
    }
    Ok(())
}

/// What keepers are told before they sign.
pub fn to_sign(state: &VaultState, gaps: &[Gap]) -> String {
    let mut lines = vec![
        "Entries are lost that somebody has seen. Whoever signs says that nobody was found who has them:"
            .to_owned(),
    ];
    lines.extend(gaps.iter().map(|gap| {
        format!(
            "  {}: {} here (root {}), {} seen (root {}): {} lost",
            name_of(state, &gap.log),
            gap.restored.size,
            gap.restored.root.short(),
            gap.seen.size,
            gap.seen.root.short(),
            gap.missing()
        )
    }));
    lines.push("What was sealed, opened, decided or taken back in them is unknown from now on. Everybody who saw it is asked to accept that, once.".to_owned());
    lines.join("\n")
}

/// Gaps for programs.
pub fn as_json(state: &VaultState, gaps: &[Gap]) -> Vec<Value> {
    let one = |gap: &Gap| {
        json!({
            "log": name_of(state, &gap.log), "restored": gap.restored, "seen": gap.seen,
            "missing": gap.missing(),
        })
    };
    gaps.iter().map(one).collect()
}

/// Where a log was refused for a gap that its own entries explain, the card's owner is
/// asked; whether they have accepted.
pub fn past(app: &mut App<'_>, card: &Path, who: &Pseudonym, why: &ReviewError) -> Result<bool, CliError> {
    let ReviewError::Gap(met) = why else { return Ok(false) };
    accept(app, card, who, met)?;
    Ok(true)
}

/// The same for a log that came with a release.
pub fn past_in(app: &mut App<'_>, card: &Path, who: &Pseudonym, why: &FinishError) -> Result<bool, CliError> {
    match why {
        FinishError::Log(why) => past(app, card, who, why),
        _ => Ok(false),
    }
}

/// Shows both checkpoints and asks a card's owner to accept; keeps that they did.
fn accept(app: &mut App<'_>, card: &Path, who: &Pseudonym, met: &GapMet) -> Result<(), CliError> {
    app.ui.note(&words(who, met));
    let prompt = Prompt::new(
        Kind::Gap,
        format!("{who}: type '{WORD}' to go on with this log, anything else to refuse it"),
        "This is answered at a terminal alone: no option accepts it.",
    );
    if app.ui.line(&prompt)? != WORD {
        return Err(CliError::GapNotAccepted(who.clone()));
    }
    cards::write_seen(card, &met.accepted(app.now()))
}

fn words(who: &Pseudonym, met: &GapMet) -> String {
    let gap = &met.gap;
    let names = met.signers.iter().map(Pseudonym::as_str).collect::<Vec<_>>().join(", ");
    let compared = match met.same {
        true => "You saw just the checkpoint that they signed for.".to_owned(),
        false => format!(
            "You saw {} entries, which lie inside the gap: that they were the same history as the {} that the keepers signed for nobody can show any more.",
            met.before.size, gap.seen.size
        ),
    };
    let known = match met.known {
        true if met.replaced => {
            "THEY TOOK THE PLACE OF OTHER KEEPERS, AND THE HOST ALONE SAID SO: the words below are all that tells them from any group that the host made up."
        }
        true => "They are the keepers whom this log named when you saw it last.",
        false => {
            "WHO THE KEEPERS ARE THIS CARD HAS NEVER SEEN: the words below are all that tells them from any group that the host made up."
        }
    };
    format!(
        "ENTRIES THAT YOU HAVE SEEN ARE LOST.\n\n{who} has seen:\n\n{}\nThe log here has:\n\n{}\nIt was restored after a dead host on {} with its first {} entries; {} entries up to {} are lost. It says so itself: {} of the keepers signed for that, where {} must ({names}). {known} {compared}\n\nWhat was sealed, opened, decided or taken back in the lost entries the log does not know any more. Ask what happened, and have the words of the keepers' group read to you by a keeper whom you know:\n\n    {}\n",
        met.before.checkpoint,
        met.now.checkpoint,
        met.entered.to_minute(),
        gap.restored.size,
        gap.missing(),
        gap.seen.size,
        met.signers.len(),
        met.threshold,
        met.keepers,
    )
}
