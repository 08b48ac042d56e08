//! What comes next on the way from an empty organisation to a sealed password:
//! a hint under what a command has done. It only reads the state and decides
//! nothing.

use crate::event::GroupStatement;
use crate::name::{AccountAddress, Factor, MemberAddress};
use crate::seal::card::Role;
use crate::state::{Effective, Organisation};
use crate::time::Time;
use crate::vault::hierarchy::account;

/// After anything that brought an organisation forward.
pub fn for_organisation(state: &Organisation, now: Time) -> String {
    let Some(group) = group(state) else { return towards_a_group(state) };
    if let Some(admission) = towards_an_operator(state, group, now) {
        return admission;
    }
    let in_use = state.accounts.iter().filter(|(_, account)| account.standing.in_use());
    let mut addresses: Vec<_> = in_use.map(|(id, _)| (state.address(id), id)).collect();
    addresses.sort();
    let unbound =
        addresses.iter().find(|(_, id)| matches!(state.binding_of(id, Factor::Password), Effective::Unbound));
    let unsealed = addresses.iter().find(|(_, id)| state.current_of(id, Factor::Password).is_none());
    let slug = &state.slug;
    match (unbound, unsealed) {
        (Some(_), _) => towards_a_binding(state, group),
        (None, Some((address, _))) => towards_a_password(address),
        (None, None) if state.projects.is_empty() => format!("warifu project add {slug}/NAME"),
        (None, None) if addresses.is_empty() => format!("warifu account add {slug}/PROJECT/NAME --id ID"),
        (None, None) => format!("warifu status {slug}"),
    }
}

/// After a group was formed. What a further one is for is its people's to say.
pub fn for_group(state: &Organisation, group: &MemberAddress, now: Time) -> String {
    if state.groups.len() < 2 {
        return for_organisation(state, now);
    }
    let operator = state.people.values().find(|person| person.role == Role::Operator);
    let admit = match operator {
        Some(operator) => format!("warifu operator admit {group} {}", operator.pseudonym),
        None => format!("warifu operator enrol {}", state.slug),
    };
    let roster = match state.roster() {
        None => format!(", or warifu roster designate {group} if it shall hold who the people are"),
        Some(_) => String::new(),
    };
    format!("{admit}, then warifu bind SCOPE --group {group}{roster}")
}

/// After an account was made: what it lacks before a password can be sealed for it.
pub fn for_account(state: &Organisation, address: &AccountAddress, now: Time) -> String {
    let Ok((id, _)) = account(state, address) else { return for_organisation(state, now) };
    if let Effective::Bound(..) = state.binding_of(&id, Factor::Password) {
        return towards_a_password(&address.to_string());
    }
    group(state).map_or_else(|| towards_a_group(state), |group| towards_a_binding(state, group))
}

fn group(state: &Organisation) -> Option<&GroupStatement> {
    state.groups.values().min_by_key(|group| &group.slug)
}

fn towards_a_group(state: &Organisation) -> String {
    let slug = &state.slug;
    let custodians: Vec<_> =
        state.people.values().filter(|p| p.role == Role::Custodian).map(|p| p.pseudonym.as_str()).collect();
    if custodians.len() < 2 {
        return format!("warifu custodian enrol {slug}, once for each custodian: a group has two or more");
    }
    let members = custodians.join(",");
    let more = format!("further custodians with 'warifu custodian enrol {slug}'");
    format!("{more}, or warifu group form {slug}/keepers --threshold T --members {members}")
}

/// What is missing until somebody can ask a group for a ceremony.
fn towards_an_operator(state: &Organisation, group: &GroupStatement, now: Time) -> Option<String> {
    let operator = |p: &&crate::event::Enrolment| p.role == Role::Operator;
    let admitted = state.admissions.values().any(|a| a.expires > now);
    let enrolled = state.people.values().find(operator);
    match enrolled {
        None => Some(format!("warifu operator enrol {}", state.slug)),
        Some(operator) if !admitted => {
            Some(format!("warifu operator admit {} {}", state.group_address(group), operator.pseudonym))
        }
        Some(_) => None,
    }
}

fn towards_a_binding(state: &Organisation, group: &GroupStatement) -> String {
    format!("warifu bind {} --group {}", state.slug, state.group_address(group))
}

/// With `--hand-over`: a generated password that nobody sees is installed nowhere.
fn towards_a_password(address: &str) -> String {
    format!("warifu seal {address} --login EMAIL --hand-over")
}
