//! `policy rotation` and `policy drill`: how often what a scope holds is renewed, and
//! how often a group's members prove that their cards are there. (Which witnesses
//! releases wait for is `audit policy`.)

use super::App;
use super::args::{DrillPolicyCommand, PoliciesCommand, RotationPolicyCommand, SetDrill, SetRotation};
use super::cards;
use super::error::CliError;
use super::group::{collect, decide, split};
use super::hierarchy::show_as;
use super::table;
use crate::event::RotationPolicy;
use crate::name::{Factor, MemberAddress, ScopeAddress};
use crate::state::rotation::RotationRules;
use crate::vault::rotate::{self, Wanted};
use crate::vault::{self, drill};
use serde_json::{Value, json};

/// `policy …`.
pub fn policy(app: &mut App<'_>, command: PoliciesCommand) -> Result<(), CliError> {
    match command {
        PoliciesCommand::Rotation(rotation) => match rotation.command {
            RotationPolicyCommand::Set(args) => set(app, args),
            RotationPolicyCommand::Show { scope, factor } => show(app, &scope, factor),
        },
        PoliciesCommand::Drill(drill) => match drill.command {
            DrillPolicyCommand::Set(args) => set_drill(app, &args),
            DrillPolicyCommand::Show { group } => show_drill(app, &group),
        },
    }
}

fn set_drill(app: &mut App<'_>, args: &SetDrill) -> Result<(), CliError> {
    let SetDrill { group: address, every: days, cards: given } = args;
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let state = log.state.clone();
    let group = vault::group::group(&state, &address.name)?;
    let mut set = drill::policy(&state, group, *days);
    app.ui.note(&format!(
        "{} custodians of {address} decide that a proof in a drill counts for {}.",
        group.threshold,
        table::days(*days)
    ));
    let digest = set.digest(&state.id, &state.g(group));
    let (signatures, signed) = decide(app, (&vault, &log), (group, &digest), given)?;
    set.signatures = signatures;
    let signers: Vec<_> = set.signatures.iter().map(|s| s.pseudonym.to_string()).collect();
    let (serial, now) = (set.serial, app.now());
    vault.set_drill_policy(&mut log, set, now)?;
    signed.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let value = json!({
        "group": address.to_string(), "serial": serial, "every_days": days, "signed_by": signers,
    });
    app.emit(value, || {
        let by = signers.join(", ");
        format!(
            "A proof of a custodian of {address} counts for {} from now on, signed by {by}.",
            table::days(*days)
        )
    });
    Ok(())
}

fn show_drill(app: &mut App<'_>, address: &MemberAddress) -> Result<(), CliError> {
    let (_, log) = app.read_log(&address.organisation)?;
    let group = vault::group::group(&log.state, &address.name)?;
    let set = log.state.drills.policies.get(&group.group);
    let signers: Vec<_> =
        set.iter().flat_map(|set| &set.signatures).map(|s| s.pseudonym.to_string()).collect();
    let days = log.state.drills.every_days(&group.group);
    let value = json!({
        "group": address.to_string(), "serial": set.map(|set| set.serial), "every_days": days,
        "signed_by": signers,
    });
    app.emit(value, || {
        let remark = if set.is_some() { "" } else { "; the group has decided nothing else" };
        format!("A proof of a custodian of {address} counts for {}{remark}.", table::days(days))
    });
    Ok(())
}

fn set(app: &mut App<'_>, args: SetRotation) -> Result<(), CliError> {
    let wanted = Wanted {
        factor: Some(args.factor),
        every_days: args.every,
        exposed_hours: args.exposed_within,
        length: args.length,
        alphabet: args.alphabet,
    };
    let (mut vault, mut log) = app.open_log(&args.scope.organisation)?;
    let state = log.state.clone();
    let scope = rotate::scope(&state, &args.scope)?;
    let (mut set, holders) = rotate::rotation_policy(&state, scope, wanted, app.now())?;
    let of = match args.factor {
        Factor::Password => args.scope.to_string(),
        factor => format!("what is sealed as {factor} in {}", args.scope),
    };
    app.ui.note(&format!("For {of} from now on: {}.", words(&set)));
    if holders.is_empty() {
        app.ui.note("Nothing is sealed there yet, so this host sets it alone; that is on record.");
    }
    app.confirm("Is that what everybody wants?", None)?;
    let (digest, mut rest, mut given) = (set.digest(&state.id), args.cards, Vec::new());
    for id in &holders {
        let Some(group) = state.groups.get(id) else { continue };
        app.ui.note(&format!(
            "{} holds versions there: {} of its custodians have to agree; whoever gives their card agrees.",
            state.group_address(group),
            group.threshold
        ));
        let (own, after) = split(&rest, group.needed());
        let signatures = collect(app, (&vault, &log), (group, &digest), &own, &mut given)?;
        rotate::agree(&mut set, group, signatures);
        rest = after;
    }
    let signers: Vec<_> =
        set.agreed.iter().flat_map(|a| &a.signatures).map(|s| s.pseudonym.to_string()).collect();
    let (serial, now) = (set.serial, app.now());
    vault.set_rotation_policy(&mut log, set, now)?;
    given.iter().for_each(|card| cards::remember(app, (&vault, &log), card));
    let value = json!({
        "scope": args.scope.to_string(), "factor": args.factor, "serial": serial, "signed_by": signers,
    });
    app.emit(value, || {
        let by = match signers.is_empty() {
            true => "by this host alone".to_owned(),
            false => format!("signed by {}", signers.join(", ")),
        };
        format!("Rotation policy {serial} holds for {of} from now on, {by}.")
    });
    Ok(())
}

fn words(set: &RotationPolicy) -> String {
    let said = [
        set.every_days.map(|days| match days {
            0 => "never renewed for its age alone".to_owned(),
            days => format!("renewed every {}", table::days(days)),
        }),
        set.exposed_hours.map(|hours| format!("renewed within {hours} h of its release")),
        set.length.map(|length| format!("new ones have {length} characters or more")),
        set.alphabet.map(|alphabet| format!("new ones are {}", alphabet.as_str())),
    ];
    let said: Vec<_> = said.into_iter().flatten().collect();
    if said.is_empty() { "as the next wider scope says".to_owned() } else { said.join("; ") }
}

fn show(app: &mut App<'_>, address: &ScopeAddress, factor: Factor) -> Result<(), CliError> {
    let (_, log) = app.read_log(&address.organisation)?;
    let state = &log.state;
    let scope = rotate::scope(state, address)?;
    let RotationRules { every_days, exposed_hours, length, alphabet } = state.renewal_rules(&scope, factor);
    let own = state.rotations.policies.get(&(scope, factor));
    let signers: Vec<_> = own
        .iter()
        .flat_map(|set| &set.agreed)
        .flat_map(|a| &a.signatures)
        .map(|s| s.pseudonym.to_string())
        .collect();
    let value = json!({
        "scope": address.to_string(), "factor": factor, "serial": own.map(|set| set.serial),
        "every_days": every_days,
        "exposed_hours": exposed_hours, "length": length, "alphabet": alphabet, "signed_by": signers,
    });
    let mut for_people = value.clone();
    let missing = [
        ("serial", "none of its own"),
        ("every_days", "not renewed for its age alone"),
        ("exposed_hours", "not renewed for its release alone"),
        ("length", "as the command says"),
    ];
    for (key, instead) in missing {
        if let Some(field) = for_people.get_mut(key).filter(|field| field.is_null()) {
            *field = Value::from(instead);
        }
    }
    show_as(app, value, &for_people);
    Ok(())
}
