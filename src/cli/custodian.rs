//! `custodian suspend`, `resume`, `revoke` and `re-enrol-totp`: a lost or stolen card,
//! a lost phone. Enrolling is `people`'s.

use super::App;
use super::args::{CardsArgs, ReEnrol, Resume, Revoke, Suspend};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::group::{split, twice};
use super::people::{Authenticator, right_code, show_totp};
use super::table::{Column, counted, table, usable_cards};
use crate::event::{Agreed, GroupStatement, Signed};
use crate::name::Pseudonym;
use crate::state::Organisation;
use crate::vault::cards::{self as vault_cards, Remaining};
use crate::vault::{Log, Records, Vault};
use serde_json::json;
use std::path::PathBuf;

/// `custodian suspend`.
pub fn suspend(app: &mut App<'_>, args: &Suspend) -> Result<(), CliError> {
    let Suspend { organisation, custodian: who, reason, card } = args;
    let (mut vault, mut log) = app.open_log(organisation)?;
    let mut records = Records::default();
    let entry = vault_cards::suspension(&log.state, who, reason, &mut records, &mut app.rng);
    let entry = entry.map_err(|error| CliError::from(error).listed_in(organisation))?;
    let asked = format!("whoever suspends {who}: a member of one of its groups, an officer, or its owner");
    let open = cards::unlock_here(app, (&vault, &log), card, &asked)?;
    let by = open.card.card().pseudonym().clone();
    app.confirm(&format!("{by}, shall the card of {who} count for nothing from now on?"), None)?;
    let now = app.now();
    vault.suspend_card(&mut log, (entry, records), open.card.card(), now)?;
    cards::remember(app, (&vault, &log), &open.path);
    let said = format!(
        "Suspended the card of {who}, by {by}. It counts for nothing until a quorum of its groups' other members lets it: warifu custodian resume {organisation} {who}"
    );
    tell(app, &log, (who, "suspended", &[by]), said)
}

/// `custodian resume`.
pub fn resume(app: &mut App<'_>, args: &Resume) -> Result<(), CliError> {
    let Resume { organisation, custodian: who, cards: given } = args;
    let (mut vault, mut log) = app.open_log(organisation)?;
    let entry = vault_cards::resumption(&log.state, who);
    let mut entry = entry.map_err(|error| CliError::from(error).listed_in(organisation))?;
    app.ui.note(&format!("Shall the suspended card of {who} count again? Ask its owner where it was."));
    let digest = entry.digest(&log.state.id);
    let (agreed, paths) = collect(app, (&vault, &log), (who, true), &digest, given)?;
    let signers = signers(&agreed);
    entry.agreed = agreed;
    let now = app.now();
    vault.resume_card(&mut log, entry, now)?;
    paths.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let names = signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tell(app, &log, (who, "resumed", &signers), format!("The card of {who} counts again, signed by {names}."))
}

/// `custodian revoke`.
pub fn revoke(app: &mut App<'_>, args: &Revoke) -> Result<(), CliError> {
    let Revoke { organisation, custodian: who, reason, own, cards: given } = args;
    let (mut vault, mut log) = app.open_log(organisation)?;
    let mut records = Records::default();
    let entry = vault_cards::revocation(&log.state, who, reason, &mut records, &mut app.rng);
    let mut entry = entry.map_err(|error| CliError::from(error).listed_in(organisation))?;
    app.confirm(&format!("Shall the card of {who} count for nothing any more, for ever?"), None)?;
    let digest = entry.digest(&log.state.id);
    let (signers, paths) = if *own {
        let mut open = own_card(app, (&vault, &log), who, given)?;
        entry.signature = open.first().map(|open| open.card.card().signing_key().sign(&digest));
        (vec![who.clone()], open.drain(..).map(|open| open.path).collect())
    } else {
        let (agreed, paths) = collect(app, (&vault, &log), (who, false), &digest, given)?;
        let signers = signers(&agreed);
        entry.agreed = agreed;
        (signers, paths)
    };
    let now = app.now();
    vault.revoke_card(&mut log, (entry, records), now)?;
    paths.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let names = signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tell(app, &log, (who, "revoked", &signers), format!("Revoked the card of {who}, signed by {names}."))
}

/// `custodian re-enrol-totp`.
pub fn re_enrol(app: &mut App<'_>, args: &ReEnrol) -> Result<(), CliError> {
    let ReEnrol { organisation, custodian: who, totp_file, code_file, code_fd, cards: given } = args;
    let (mut vault, mut log) = app.open_log(organisation)?;
    let (own, others) = split(given, 1);
    let open = own_card(app, (&vault, &log), who, &own)?;
    let Some(OpenCard { card, path }) = open.first() else { return Err(CliError::NotConfirmed) };
    let mut new = vault.new_authenticator(&log.state, card.card(), &mut app.rng)?;
    app.ui.note(&format!(
        "Shall {who} have another authenticator? The others look whom they have before them: whoever has this card, its passphrase and the new secret is {who}."
    ));
    let digest = new.entry.digest(&log.state.id);
    let (agreed, paths) = collect(app, (&vault, &log), (who, false), &digest, &others)?;
    let signers = signers(&agreed);
    new.entry.agreed = agreed;
    let shown = Authenticator {
        organisation,
        who,
        totp: &new.totp,
        totp_file: totp_file.as_deref(),
        code: (code_file.as_deref(), *code_fd),
    };
    show_totp(app, &shown)?;
    let code = right_code(app, &shown)?;
    let now = app.now();
    vault.replace_authenticator(&mut log, new, &code, now)?;
    paths.iter().chain([path]).for_each(|card| cards::remember(app, (&vault, &log), card));
    let value = json!({ "custodian": who, "signed_by": signers });
    let names = signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    app.emit(value, || {
        format!(
            "{who} has another authenticator, signed by {names}. The old one's codes are of no use any more, and its secret is destroyed."
        )
    });
    Ok(())
}

/// The card that it is about, and no other.
fn own_card(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    who: &Pseudonym,
    given: &CardsArgs,
) -> Result<Vec<OpenCard>, CliError> {
    cards::unlock_several(app, here, given, 1, &format!("{who},"), &mut |open| match open
        .card
        .card()
        .pseudonym()
        == who
    {
        true => Ok(()),
        false => Err(CliError::Argument {
            fact: format!("this is the card of {}, not of {who}", open.card.card().pseudonym()),
            remedy: "Give the card that it is about first.",
        }),
    })
}

/// Signatures of enough of the others of each group of a card; whoever is in several
/// of them signs for all at once. Gives the paths of their cards, too.
fn collect(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    (who, resuming): (&Pseudonym, bool),
    digest: &[u8; 64],
    given: &CardsArgs,
) -> Result<(Vec<Agreed>, Vec<PathBuf>), CliError> {
    let state = &here.1.state;
    let groups = vault_cards::agreeing(state, who);
    if groups.is_empty() {
        let fact = format!("{who} is in no group: there is nobody who could decide about that card");
        let remedy = "Its owner can revoke it with --own; whoever needs a card is enrolled anew.";
        return Err(CliError::Argument { fact, remedy });
    }
    for (group, needed) in &groups {
        app.ui.note(&format!(
            "{} of {} other than {who} have to agree: whoever gives their card agrees.",
            counted(*needed, "custodian"),
            state.group_address(group)
        ));
    }
    let mut signed: Vec<Vec<Signed>> = groups.iter().map(|_| Vec::new()).collect();
    let label = format!("a custodian other than {who},");
    let named = given.cards.len();
    let mut sign = |open: &OpenCard| sign_for(&groups, &mut signed, (who, resuming), (state, digest), open);
    let mut open = cards::unlock_several(app, here, given, named, &label, &mut sign)?;
    while groups.iter().zip(&signed).any(|((_, needed), signed)| signed.len() < *needed) {
        let mut sign =
            |open: &OpenCard| sign_for(&groups, &mut signed, (who, resuming), (state, digest), open);
        let asked = CardsArgs::default();
        open.extend(cards::unlock_several(app, here, &asked, 1, &label, &mut sign)?);
    }
    let agreed = groups
        .iter()
        .zip(signed)
        .map(|((group, _), signed)| vault_cards::agreed(group.group, group.epoch, signed));
    Ok((agreed.collect(), open.into_iter().map(|open| open.path).collect()))
}

/// One card signs for every group that it is in.
fn sign_for(
    groups: &[(&GroupStatement, usize)],
    signed: &mut [Vec<Signed>],
    about: (&Pseudonym, bool),
    (state, digest): (&Organisation, &[u8; 64]),
    open: &OpenCard,
) -> Result<(), CliError> {
    let (mut refused, mut given) = (None, false);
    for ((group, _), signed) in groups.iter().zip(signed) {
        match vault_cards::sign_about(state, group, about, open.card.card(), digest) {
            Ok(one) if signed.iter().any(|other| other.pseudonym == one.pseudonym) => {
                return Err(twice(&one.pseudonym));
            }
            Ok(one) => {
                signed.push(one);
                given = true;
            }
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        Some(why) if !given => Err(why.into()),
        _ => Ok(()),
    }
}

fn signers(agreed: &[Agreed]) -> Vec<Pseudonym> {
    let mut all: Vec<_> = agreed.iter().flat_map(|a| &a.signatures).map(|s| s.pseudonym.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// What was entered, and what the card's groups are left with. Too few are an alarm.
fn tell(
    app: &mut App<'_>,
    log: &Log,
    (who, what, signers): (&Pseudonym, &str, &[Pseudonym]),
    said: String,
) -> Result<(), CliError> {
    let groups = vault_cards::remaining(&log.state, who, app.now());
    let short: Vec<_> = groups.iter().filter(|g| g.margin < 0).map(|g| g.group.clone()).collect();
    let room = app.ui.columns();
    let value = json!({ "custodian": who, "is": what, "signed_by": signers, "groups": groups });
    app.emit(value, || {
        let mut lines = vec![said];
        if groups.is_empty() {
            lines.push("It is in no group.".to_owned());
        } else {
            lines.push(format!("\n{}", group_table(&groups, room)));
        }
        if what == "revoked" && groups.iter().any(|group| group.versions > 0) {
            lines.push(
                "What these groups hold is still dealt to that card too. Hand it over to a group without it: warifu reshare ORG/GROUP --to ORG/OTHER --reason WHY; or rotate it (warifu rotate), after binding another group.".to_owned(),
            );
        }
        lines.extend(groups.iter().filter(|group| group.margin < 0).map(alarm));
        lines.join("\n")
    });
    if short.is_empty() { Ok(()) } else { Err(CliError::TooFewCards(short)) }
}

fn alarm(group: &Remaining) -> String {
    let Remaining { group: address, threshold, usable, left, versions, .. } = group;
    let versions = counted(usize::try_from(*versions).unwrap_or(usize::MAX), "version");
    if (*left as u64) < *threshold {
        return format!(
            "ALARM {address}: {} left, and {threshold} must come: nobody can open its {versions} any more.",
            counted(*left, "card")
        );
    }
    format!(
        "ALARM {address}: {}, and {threshold} must come: its {versions} cannot be opened until a suspended card counts again.",
        usable_cards(*usable)
    )
}

fn group_table(groups: &[Remaining], room: Option<usize>) -> String {
    let columns = [
        Column::whole("group"),
        Column::whole("needs"),
        Column::whole("count"),
        Column::whole("margin"),
        Column::whole("live"),
        Column::whole("versions"),
    ];
    let row = |group: &Remaining| {
        vec![
            group.group.clone(),
            format!("{} of {}", group.threshold, group.members),
            group.usable.to_string(),
            group.margin.to_string(),
            group.live.to_string(),
            group.versions.to_string(),
        ]
    };
    table(&columns, groups.iter().map(row), room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_counts_cards_in_whole_sentences() {
        let group = |usable| Remaining {
            group: "acme/keepers".to_owned(),
            threshold: 3,
            members: 5,
            usable,
            left: 5,
            margin: usable as i64 - 3,
            live: 0,
            versions: 4,
        };
        for (usable, words) in [(0, "0 cards count"), (1, "1 card counts"), (2, "2 cards count")] {
            let said = alarm(&group(usable));
            assert!(
                said.starts_with(&format!("ALARM acme/keepers: {words}, and 3 must come: its 4 versions"))
            );
        }
    }
}
