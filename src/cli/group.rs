//! `group`, `bind`, and the admission of operators: statements that cards sign.

use super::args::{Bind, CardsArgs, GroupCommand};
use super::cards::{self, OpenCard};
use super::error::CliError;
use super::hierarchy::show_as;
use super::next;
use super::table::{Column, counted, table_or};
use super::{App, abandon};
use crate::event::{GroupStatement, Scope, Signed};
use crate::name::{Factor, MemberAddress, Pseudonym, ScopeAddress, Slug};
use crate::seal::words;
use crate::time::Span;
use crate::vault::abandon::lost_with;
use crate::vault::group as vault_group;
use crate::vault::group::{Draft, sign_as_member};
use crate::vault::status::group_status;
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;
use std::path::PathBuf;

/// `group …`.
pub fn group(app: &mut App<'_>, command: GroupCommand) -> Result<(), CliError> {
    match command {
        GroupCommand::Form { address, threshold, members, cards } => {
            form(app, &address, threshold, &members, &cards)
        }
        GroupCommand::List { organisation } => list(app, &organisation),
        GroupCommand::Abandon { address, reason, dry_run } => {
            abandon::abandon(app, &address, &reason, dry_run)
        }
        GroupCommand::Veto { address, card } => abandon::veto(app, &address, &card),
        GroupCommand::Show { address } => {
            let (_, log) = app.read_log(&address.organisation)?;
            let group = vault_group::group(&log.state, &address.name)?;
            let mut value = serde_json::to_value(group_status(&log.state, group, app.now()))
                .expect("a status has only strings, numbers and lists");
            if let Some(object) = value.as_object_mut() {
                let words = words::fingerprint(&group.fingerprint(&log.state.id)).to_string();
                object.insert("fingerprint".to_owned(), json!(words));
                if log.state.is_abandoned(&group.group, app.now()) {
                    object.insert("lost".to_owned(), json!(lost_with(&log.state, &group.group)));
                }
            }
            let mut for_people = value.clone();
            abandon::in_words(&mut for_people);
            if let Some(margin) = for_people.get_mut("margin") {
                let (lost, all) = (super::hierarchy::text(margin), group.members.len());
                *margin = json!(match margin.as_i64() {
                    Some(..0) =>
                        format!("too few of {all} members have a card that counts: nothing can be opened"),
                    _ => format!("{lost} of {all} members may be lost; with one more nothing can be opened"),
                });
            }
            show_as(app, value, &for_people);
            Ok(())
        }
    }
}

fn form(
    app: &mut App<'_>,
    address: &MemberAddress,
    threshold: usize,
    members: &[Pseudonym],
    args: &CardsArgs,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let draft = Draft::new(&log.state, &address.name, threshold, members, &mut app.rng);
    let mut draft = draft.map_err(|error| CliError::from(error).listed_in(&address.organisation))?;
    app.ui.note(&format!("Each of the {} members gives their card in turn.", members.len()));
    let state = log.state.clone();
    let mut rng = rand::rand_core::UnwrapErr(rand::rngs::SysRng);
    let mut cards = cards::unlock_several(app, (&vault, &log), args, members.len(), "member", &mut |open| {
        let card = open.card.card();
        if !draft.missing().contains(&card.pseudonym()) && members.contains(card.pseudonym()) {
            return Err(twice(card.pseudonym()));
        }
        Ok(draft.join(&state, card, &mut rng)?)
    })?;
    let missing: Vec<_> = draft.missing().iter().map(ToString::to_string).collect();
    let Some(fingerprint) = draft.fingerprint(&state) else {
        let fact = format!("these members have not given their cards: {}", missing.join(", "));
        return Err(CliError::Argument { fact, remedy: "Name a card for each member." });
    };
    app.ui.note(&format!(
        "{address}: {threshold} of {} custodians open. Read these twelve words aloud; everyone compares:\n\n    {fingerprint}\n",
        members.len()
    ));
    app.confirm("Does everyone see the same words, and do all members sign?", None)?;
    for open in &mut cards {
        draft.sign(&state, open.card.card_mut())?;
    }
    // Cards remember what they signed before the log does: a crash in between
    // leaves cards that know a group which does not exist, and nothing else.
    for open in &cards {
        cards::save(app, open)?;
    }
    let now = app.now();
    vault.form_group(&mut log, draft.finish(), now)?;
    cards.iter().for_each(|open| cards::remember(app, (&vault, &log), &open.path));
    let next = next::for_group(&log.state, address, now);
    let value = json!({
        "group": address.to_string(), "threshold": threshold, "members": members, "fingerprint": fingerprint.to_string(),
    });
    app.emit(value, || {
        format!(
            "Formed {address}: {threshold} of {}.\nWrite the twelve words down: whoever seals must type them once.\nNext: {next}",
            members.len()
        )
    });
    Ok(())
}

/// Another card was given than the one that it is about.
pub(super) fn other_card(came: &Pseudonym, asked: &Pseudonym) -> CliError {
    CliError::Argument {
        fact: format!("this is the card of {came}, not of {asked}"),
        remedy: "Give the card of the person that it is about.",
    }
}

pub(super) fn twice(who: &Pseudonym) -> CliError {
    CliError::Argument { fact: format!("{who} has given their card already"), remedy: "Call another member." }
}

fn list(app: &mut App<'_>, organisation: &Slug) -> Result<(), CliError> {
    let (_, log) = app.read_log(organisation)?;
    let now = app.now();
    let mut rows: Vec<_> = log.state.groups.values().map(|g| group_status(&log.state, g, now)).collect();
    rows.sort_by(|a, b| a.group.cmp(&b.group));
    let value = serde_json::to_value(&rows).expect("a status has only strings, numbers and lists");
    let room = app.ui.columns();
    app.emit(value, || {
        let row = |g: &crate::vault::status::GroupStatus| {
            let shape = format!("{} of {}", g.threshold, g.members.len());
            vec![g.group.clone(), shape, g.holds.to_string(), g.operators.join(", "), g.members.join(", ")]
        };
        let columns = [
            Column::whole("group"),
            Column::whole("opens"),
            Column::whole("holds"),
            Column::text("operators"),
            Column::text("members"),
        ];
        let empty = format!(
            "No groups yet. Next: warifu group form {organisation}/keepers --threshold T --members A,B,C"
        );
        table_or(&empty, &columns, rows.iter().map(row), room)
    });
    Ok(())
}

/// Collects signatures of a group's members over a digest, until there are `t`.
/// Their cards' paths are added to `signers`.
pub fn collect(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    (group, digest): (&GroupStatement, &[u8; 64]),
    cards: &CardsArgs,
    signers: &mut Vec<PathBuf>,
) -> Result<Vec<Signed>, CliError> {
    let state = &here.1.state;
    let needed = group.needed();
    let mut signatures: Vec<Signed> = Vec::new();
    let who = format!("a member of {}, signature", state.group_address(group));
    let open = cards::unlock_several(app, here, cards, needed, &who, &mut |OpenCard { card, .. }| {
        let signed = sign_as_member(state, group, card.card(), digest)?;
        if signatures.iter().any(|s| s.pseudonym == signed.pseudonym) {
            return Err(twice(&signed.pseudonym));
        }
        signatures.push(signed);
        Ok(())
    })?;
    signers.extend(open.into_iter().map(|open| open.path));
    Ok(signatures)
}

/// Asks whether everybody wants what a group is to decide, and has its quorum sign it:
/// the signatures, and the paths of the signers' cards.
pub fn decide(
    app: &mut App<'_>,
    here: (&Vault, &Log),
    of: (&GroupStatement, &[u8; 64]),
    cards: &CardsArgs,
) -> Result<(Vec<Signed>, Vec<PathBuf>), CliError> {
    app.confirm("Is that what everybody wants?", None)?;
    let mut given = Vec::new();
    let signatures = collect(app, here, of, cards, &mut given)?;
    Ok((signatures, given))
}

/// `operator admit`.
pub fn admit(
    app: &mut App<'_>,
    address: &MemberAddress,
    operator: &Pseudonym,
    days: i64,
    cards: &CardsArgs,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let state = log.state.clone();
    let group = vault_group::group(&state, &address.name)?;
    let expires = app.now() + Span::days(days);
    let admission = vault_group::admission(&state, group, operator, expires);
    let mut admission = admission.map_err(|error| CliError::from(error).listed_in(&address.organisation))?;
    app.ui.note(&format!(
        "May operator {operator} ask {address} for ceremonies until {}? {} have to agree: whoever gives their card agrees.",
        expires.to_minute(),
        counted(group.needed(), "custodian")
    ));
    let (digest, mut given) = (admission.digest(&state.g(group)), Vec::new());
    admission.signatures = collect(app, (&vault, &log), (group, &digest), cards, &mut given)?;
    let signers: Vec<_> = admission.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let now = app.now();
    vault.admit(&mut log, admission, now)?;
    given.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let next = next::for_organisation(&log.state, now);
    let value = json!({ "group": address.to_string(), "operator": operator, "expires": expires, "signed_by": signers });
    app.emit(value, || {
        format!("Admitted operator {operator} to {address}, signed by {}.\nNext: {next}", signers.join(", "))
    });
    Ok(())
}

/// `bind`.
pub fn bind(app: &mut App<'_>, args: Bind) -> Result<(), CliError> {
    if args.group.organisation != args.scope.organisation {
        let fact = format!("{} and {} are of different organisations", args.scope, args.group);
        return Err(CliError::Argument { fact, remedy: "Name a group of the same organisation." });
    }
    let (mut vault, mut log) = app.open_log(&args.scope.organisation)?;
    let scope = (crate::vault::rotate::scope(&log.state, &args.scope)?, args.scope.to_string());
    let here = (&mut vault, &mut log);
    let signers = bind_here(app, here, scope, args.factor, &args.group, &args.cards)?;
    let now = app.now();
    let next = match args.factor {
        Factor::Password => next::for_organisation(&log.state, now),
        factor => format!("warifu seal {} --factor {factor}", an_account_of(&args.scope)),
    };
    let value = json!({
        "scope": args.scope.to_string(), "factor": args.factor, "group": args.group.to_string(), "signed_by": signers,
    });
    app.emit(value, || {
        format!(
            "Bound {} ({}) to {}, signed by {}.\nNext: {next}",
            args.scope,
            args.factor,
            args.group,
            signers.join(", ")
        )
    });
    Ok(())
}

/// Collects the signatures of a binding and enters it; gives who of the new group
/// signed.
pub(super) fn bind_here(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    (scope, name): (Scope, String),
    factor: Factor,
    to: &MemberAddress,
    given_cards: &CardsArgs,
) -> Result<Vec<String>, CliError> {
    let state = log.state.clone();
    let group = vault_group::group(&state, &to.name)?;
    let (mut binding, losing) = vault_group::binding(&state, scope, factor, group, app.now());
    // Before anybody has given a card for nothing.
    state.check_binding_apart(&binding).map_err(VaultError::from)?;
    let digest = binding.digest(&state.id, &state.g(group));
    let what = match factor {
        Factor::Identity => format!("who the owners of {name}'s cards are"),
        factor => format!("the {factor} of {name}"),
    };
    let needed = counted(group.needed(), "custodian");
    app.ui.note(&format!("Shall {to} hold {what}? {needed} have to agree: whoever gives their card agrees."));
    let (own, mut rest) = split(given_cards, group.needed());
    let mut given = Vec::new();
    binding.signatures = collect(app, (vault, log), (group, &digest), &own, &mut given)?;
    for id in losing {
        let Some(holding) = state.groups.get(&id) else { continue };
        app.ui.note(&format!(
            "{} holds versions and would lose {name}: its quorum must agree too that new ones go elsewhere.",
            state.group_address(holding)
        ));
        let (own, after) = split(&rest, holding.needed());
        let signatures = collect(app, (vault, log), (holding, &digest), &own, &mut given)?;
        vault_group::give_up(&mut binding, id, signatures);
        rest = after;
    }
    let signers = binding.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let now = app.now();
    vault.bind(log, binding, now)?;
    given.iter().for_each(|card| cards::remember(app, (vault, log), card));
    Ok(signers)
}

/// The account of a scope, or what stands for one in it.
fn an_account_of(scope: &ScopeAddress) -> String {
    match (&scope.project, &scope.account) {
        (Some(_), Some(_)) => scope.to_string(),
        (Some(_), None) => format!("{scope}/ACCOUNT"),
        (None, _) => format!("{scope}/PROJECT/ACCOUNT"),
    }
}

/// The first `count` cards, and those after them.
pub fn split(cards: &CardsArgs, count: usize) -> (CardsArgs, CardsArgs) {
    fn cut<T: Clone>(all: &[T], count: usize) -> (Vec<T>, Vec<T>) {
        let (first, rest) = all.split_at(count.min(all.len()));
        (first.to_vec(), rest.to_vec())
    }
    let (paths, other_paths) = cut(&cards.cards, count);
    let (files, other_files) = cut(&cards.passphrase_files, count);
    let (fds, other_fds) = cut(&cards.passphrase_fds, count);
    (
        CardsArgs { cards: paths, passphrase_files: files, passphrase_fds: fds },
        CardsArgs { cards: other_paths, passphrase_files: other_files, passphrase_fds: other_fds },
    )
}
