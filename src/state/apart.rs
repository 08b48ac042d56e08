//! Whoever holds an account's password must not hold the seed of its
//! authenticator: the two groups share no pseudonym. Checked where a scope is
//! bound, where a version is sealed, and where a group hands over what it holds.
//!
//! A person with two cards is not found by this: only the roster would tell.

use super::{Effective, Invalid, Organisation};
use crate::event::{Binding, GroupStatement, Scope};
use crate::name::{AccountId, Factor, GroupId, ProjectId, Pseudonym};
use std::collections::{BTreeMap, BTreeSet};

impl Organisation {
    /// Whether a binding keeps password and authenticator apart, wherever it would
    /// decide: for the accounts that there are and for those to come.
    pub fn check_binding_apart(&self, binding: &Binding) -> Result<(), Invalid> {
        let Some(other) = binding.factor.kept_from() else { return Ok(()) };
        let Some(group) = self.groups.get(&binding.group) else { return Ok(()) };
        let own = Bound::after(self, binding.factor, Some(binding));
        let others = Bound::after(self, other, None);
        for place in own.places(&others) {
            if own.decides(place, self).is_some_and(|scope| scope == binding.scope)
                && let Some(there) = others.group(place, self)
            {
                self.check_apart(group, there, || self.scope_address(place))?;
            }
        }
        // A group keeps what it has, whatever is bound since.
        for (account, holder) in self.newest_holders(other) {
            if own.decides(Scope::Account(account), self).is_some_and(|scope| scope == binding.scope) {
                self.check_apart(group, holder, || self.address(&account))?;
            }
        }
        Ok(())
    }

    /// Whether a new version keeps them apart: from the group that the other factor
    /// is bound to, and from the one that holds the newest version of it.
    pub fn check_sealing_apart(
        &self,
        account: &AccountId,
        factor: Factor,
        group: &GroupStatement,
    ) -> Result<(), Invalid> {
        let Some(other) = factor.kept_from() else { return Ok(()) };
        let place = || self.address(account);
        if let Effective::Bound(_, there) = self.binding_of(account, other) {
            self.check_apart(group, there, place)?;
        }
        let newest = self.versions_of(account, other);
        match newest.last().and_then(|(_, version)| self.groups.get(&version.sealing.group)) {
            Some(holder) => self.check_apart(group, holder, place),
            None => Ok(()),
        }
    }

    /// Whether password and authenticator stay apart when all that is bound to one
    /// group is bound to another in its place.
    pub(super) fn check_moved_apart(&self, from: &GroupId, to: &GroupStatement) -> Result<(), Invalid> {
        for factor in Factor::ALL {
            let Some(other) = factor.kept_from() else { continue };
            let (own, others) = (Bound::after(self, factor, None), Bound::after(self, other, None));
            let moved = |place: Scope| own.decides(place, self).is_some_and(|scope| own.is(&scope, from));
            for place in own.places(&others).into_iter().filter(|place| moved(*place)) {
                if let Some(there) = others.group(place, self) {
                    self.check_apart(to, there, || self.scope_address(place))?;
                }
            }
            for (account, holder) in self.newest_holders(other) {
                if moved(Scope::Account(account)) {
                    self.check_apart(to, holder, || self.address(&account))?;
                }
            }
        }
        Ok(())
    }

    fn check_apart(
        &self,
        one: &GroupStatement,
        other: &GroupStatement,
        place: impl Fn() -> String,
    ) -> Result<(), Invalid> {
        let of: BTreeSet<&Pseudonym> = other.members.iter().map(|member| &member.pseudonym).collect();
        let shared = one.members.iter().map(|member| &member.pseudonym).filter(|who| of.contains(who));
        let shared: Vec<_> = shared.cloned().collect();
        if shared.is_empty() { Ok(()) } else { Err(Invalid::NotApart { place: place(), shared }) }
    }

    /// Who holds the newest version of a factor, by account.
    fn newest_holders(&self, factor: Factor) -> BTreeMap<AccountId, &GroupStatement> {
        let mut newest: BTreeMap<AccountId, (u64, GroupId)> = BTreeMap::new();
        for sealing in self.versions.values().map(|version| &version.sealing) {
            if sealing.factor == factor {
                let found = newest.entry(sealing.account).or_insert((sealing.version, sealing.group));
                *found = (*found).max((sealing.version, sealing.group));
            }
        }
        let held = newest.into_iter();
        held.filter_map(|(account, (_, group))| Some((account, self.groups.get(&group)?))).collect()
    }

    /// The address of a scope: `org`, `org/project` or `org/project/account`.
    pub fn scope_address(&self, scope: Scope) -> String {
        match scope {
            Scope::Organisation => self.slug.to_string(),
            Scope::Project(id) => match self.projects.get(&id) {
                Some(project) => self.project_address(project),
                None => self.slug.to_string(),
            },
            Scope::Account(id) => self.address(&id),
        }
    }

    fn project_of(&self, account: &AccountId) -> Option<ProjectId> {
        self.accounts.get(account).map(|found| found.project)
    }
}

/// What one factor is bound to, by scope.
struct Bound(BTreeMap<Scope, GroupId>);

impl Bound {
    /// As it is, or as it would be after one more binding.
    fn after(state: &Organisation, factor: Factor, more: Option<&Binding>) -> Self {
        let bindings = state.bindings.iter().chain(more).filter(|binding| binding.factor == factor);
        Self(bindings.map(|binding| (binding.scope, binding.group)).collect())
    }

    /// Everywhere that one of the two is bound: between these places nothing changes.
    fn places(&self, other: &Self) -> BTreeSet<Scope> {
        self.0.keys().chain(other.0.keys()).copied().collect()
    }

    /// The scope whose binding decides at a place: the narrowest around it.
    fn decides(&self, place: Scope, state: &Organisation) -> Option<Scope> {
        let project = match place {
            Scope::Organisation => None,
            Scope::Project(id) => Some(id),
            Scope::Account(id) => state.project_of(&id),
        };
        let around = [Some(place), project.map(Scope::Project), Some(Scope::Organisation)];
        around.into_iter().flatten().find(|scope| self.0.contains_key(scope))
    }

    fn is(&self, scope: &Scope, group: &GroupId) -> bool {
        self.0.get(scope) == Some(group)
    }

    fn group<'a>(&self, place: Scope, state: &'a Organisation) -> Option<&'a GroupStatement> {
        state.groups.get(self.0.get(&self.decides(place, state)?)?)
    }
}
