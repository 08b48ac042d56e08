//! A group's next epoch, formed in the room: every member's card makes a new share key,
//! all compare the words, and all sign.

use super::super::App;
use super::super::args::CardsArgs;
use super::super::cards::{self, OpenCard};
use super::super::error::CliError;
use super::super::group::twice;
use crate::event::{GroupEpoch, GroupStatement, Renewal};
use crate::state::Organisation;
use crate::vault::group::Draft;
use crate::vault::reshare::{ResharePlan, planned_versions};
use crate::vault::{Log, Vault, VaultError};

/// What a refresh would hand over; its next epoch need not be there.
pub fn plan(
    state: &Organisation,
    from: &GroupStatement,
    present: &GroupStatement,
) -> Result<ResharePlan, VaultError> {
    let list = state.reshare_free(GroupEpoch::from(from))?;
    let to_epoch = if from.epoch == present.epoch { present.epoch + 1 } else { present.epoch };
    Ok(ResharePlan {
        from: state.group_address(from),
        epoch: from.epoch,
        to: state.group_address(from),
        to_epoch,
        versions: planned_versions(state, &list),
        bindings: Vec::new(),
        operators: Vec::new(),
        loses_witnesses: false,
    })
}

/// Forms the next epoch of a group and enters it. The members' cards stay on the table.
pub fn next_epoch(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    before: &GroupStatement,
) -> Result<(GroupStatement, Vec<OpenCard>), CliError> {
    let (state, address) = (log.state.clone(), log.state.group_address(before));
    if let Some(renewal) = vault.kept_renewal(&state, before)? {
        let (statement, now) = (renewal.statement.clone(), app.now());
        vault.renew_group(log, renewal, now)?;
        app.ui.note(&format!(
            "All members have signed epoch {} of {address} before; it was entered now.",
            statement.epoch
        ));
        return Ok((statement, Vec::new()));
    }
    let (threshold, all) = (before.threshold, before.members.len());
    app.ui.note(&format!(
        "For new keys each of the {all} members of {address} gives their card in turn; {threshold} of them then hand over what the group holds."
    ));
    let mut draft = Draft::next(&state, before);
    let mut rng = app.rng;
    let none = CardsArgs::default();
    let mut open = cards::unlock_several(app, (&*vault, &*log), &none, all, "member", &mut |open| {
        let card = open.card.card();
        if before.index_of(card.pseudonym()).is_some() && !draft.missing().contains(&card.pseudonym()) {
            return Err(twice(card.pseudonym()));
        }
        Ok(draft.join(&state, card, &mut rng)?)
    })?;
    let missing =
        || CliError::from(VaultError::NotFound { what: "member", name: address.clone(), near: Vec::new() });
    let fingerprint = draft.fingerprint(&state).ok_or_else(missing)?;
    app.ui.note(&format!(
        "{address} epoch {}: {threshold} of {all} custodians open. Read these twelve words aloud; everyone compares and writes them down:\n\n    {fingerprint}\n",
        before.epoch + 1
    ));
    app.confirm("Does everyone see the same words, and do all members sign?", None)?;
    for card in &mut open {
        draft.sign(&state, card.card.card_mut())?;
    }
    let agreed = open.iter().take(before.needed()).map(|one| draft.agree(&state, before, one.card.card()));
    let agreed = agreed.collect::<Result<Vec<_>, _>>()?;
    // Cards remember what they signed before the log does. They sign no other statement
    // for this epoch, so this one is kept before.
    let statement = draft.finish();
    let renewal = Renewal { statement: statement.clone(), agreed };
    vault.keep_renewal(&renewal)?;
    for card in &open {
        cards::save(app, card)?;
    }
    let now = app.now();
    vault.renew_group(log, renewal, now)?;
    open.iter().for_each(|one| cards::remember(app, (&*vault, &*log), &one.path));
    Ok((statement, open))
}
