//! Which version of an account is current, which one waits to become it, what
//! was destroyed, and how often what a scope holds is to be renewed; with the
//! rules of the entries that say so. It decides nothing about time: what is due
//! is found out from this by `vault::due`. Long, because each of these rules looks at
//! the same few lists.

use super::apply::{by_card, by_host, check_admitted, check_quorum, claim};
use super::claims::Claims;
use super::{Held, Invalid, Organisation, Standing, Version};
use crate::event::{
    Accepts, Actor, Because, Destruction, Hash, RotationBegun, RotationPolicy, RotationSettled, Scope,
    Sealing, Shown,
};
use crate::name::{AccountId, Factor, GroupId, Pseudonym};
use crate::seal::card::Role;
use crate::seal::generate::{Alphabet, LENGTHS};
use crate::time::{Span, Time};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Within how many hours a version is to be renewed once it was released, where
/// no policy says otherwise.
pub const EXPOSED_HOURS: u64 = 24;
/// Longest period that a policy may name, in days: ten years.
pub const MAX_DAYS: u64 = 3653;

/// What an organisation's log says about rotation. Left out of the stored state
/// where it says nothing, which is as logs were before there was any.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Rotations {
    /// Rotations that are not settled, by the credential id of the new version.
    pub running: BTreeMap<Hash, Running>,
    /// New versions that the provider never accepted.
    pub discarded: BTreeSet<Hash>,
    /// Operators to whom a rotation showed the version that is now sealed.
    pub handled: BTreeMap<Hash, Pseudonym>,
    /// Versions that are gone.
    pub destroyed: BTreeMap<Hash, Gone>,
    /// Policies in force, one a scope and factor.
    #[serde(serialize_with = "as_list")]
    pub policies: BTreeMap<(Scope, Factor), RotationPolicy>,
    /// Policies ever set.
    pub policy_serial: u64,
}

/// JSON has no keys but strings, and a policy says its scope and factor itself.
fn as_list<S: Serializer>(
    policies: &BTreeMap<(Scope, Factor), RotationPolicy>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(policies.values())
}

/// A rotation between its begin and its settlement.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Running {
    /// The ceremony in which it was begun.
    pub ceremony: Hash,
    /// The operator who began it.
    pub operator: Pseudonym,
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// The version that is current.
    pub old: Hash,
    /// Since when.
    pub begun: Time,
}

/// How a version went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Gone {
    /// When.
    pub at: Time,
    /// Why.
    pub why: Because,
}

/// What a version is to its account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// What the provider has, as far as the log knows.
    Current,
    /// Made in a rotation that is not settled.
    Pending,
    /// Replaced by a newer one.
    Old,
    /// Made in a rotation, and never accepted by the provider.
    Discarded,
    /// Its record is gone.
    Destroyed,
}

impl Place {
    /// As it is written in JSON and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Old => "old",
            Self::Discarded => "discarded",
            Self::Destroyed => "destroyed",
        }
    }
}

/// What holds for an account: of each rule the one of the narrowest scope that
/// has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RotationRules {
    /// Days after which a version is to be renewed, if it is for its age alone.
    pub every_days: Option<u64>,
    /// Hours after its release within which it is to be renewed, if a release asks
    /// for that.
    pub exposed_hours: Option<u64>,
    /// Least length of a new password.
    pub length: Option<u64>,
    /// What generated passwords are made of.
    pub alphabet: Alphabet,
}

impl Rotations {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rotation of an account that is not settled, if there is one.
    pub fn running_for(&self, account: &AccountId, factor: Factor) -> Option<(&Hash, &Running)> {
        self.running.iter().find(|(_, running)| running.account == *account && running.factor == factor)
    }
}

impl RotationRules {
    /// When a version is to be renewed, and whether that is for its exposure:
    /// the earlier of what age and release demand; `None` if neither does.
    pub fn due(&self, version: &Version) -> Option<Time> {
        self.due_of(version.sealed, version.known_since())
    }

    /// The same of a version that was sealed, and known to somebody, at these times.
    pub fn due_of(&self, sealed: Time, exposed: Option<Time>) -> Option<Time> {
        let hours = |hours: u64| Span::hours(i64::try_from(hours).unwrap_or(i64::MAX / 3_600_000));
        let exposed = exposed.zip(self.exposed_hours).map(|(since, most)| since + hours(most));
        let aged = self.every_days.map(|days| sealed + hours(days * 24));
        [exposed, aged].into_iter().flatten().min()
    }
}

/// Hours after its release within which a version is to be renewed where no policy
/// says so.
pub fn exposed_hours(factor: Factor) -> Option<u64> {
    match factor {
        Factor::Password | Factor::RecoveryCodes => Some(EXPOSED_HOURS),
        Factor::Mfa | Factor::File | Factor::Device | Factor::Identity => None,
    }
}

impl Organisation {
    /// The version of an account that the provider has, as far as the log knows:
    /// the last that was sealed, but in a rotation only once it is settled so.
    /// `None` if there is none, or its record was destroyed.
    pub fn current_of(&self, account: &AccountId, factor: Factor) -> Option<(&Hash, &Version)> {
        let current = self.index.versions.get(&(*account, factor))?.current;
        self.there(account, factor, current)
    }

    /// A version of that number, unless its record was destroyed.
    fn there(&self, account: &AccountId, factor: Factor, version: u64) -> Option<(&Hash, &Version)> {
        let credential = (version > 0).then(|| self.credential(account, factor, version))?;
        let there = !self.rotations.destroyed.contains_key(&credential);
        self.versions.get_key_value(&credential).filter(|_| there)
    }

    /// Every account's current version, each once.
    pub fn all_current(&self) -> impl Iterator<Item = (&AccountId, Factor, &Hash, &Version)> {
        self.index.versions.iter().filter_map(|((account, factor), numbers)| {
            let (credential, version) = self.there(account, *factor, numbers.current)?;
            Some((account, *factor, credential, version))
        })
    }

    /// What of an account is meant, as a command line names it: its address, and the
    /// factor where that is not the password.
    pub fn named(&self, account: &AccountId, factor: Factor) -> String {
        match factor {
            Factor::Password => self.address(account),
            factor => format!("{} --factor {factor}", self.address(account)),
        }
    }

    /// What a version is to its account; `None` if there is no such version.
    pub fn place_of(&self, credential: &Hash) -> Option<Place> {
        let sealing = &self.versions.get(credential)?.sealing;
        let rotations = &self.rotations;
        Some(if rotations.destroyed.contains_key(credential) {
            Place::Destroyed
        } else if rotations.running.contains_key(credential) {
            Place::Pending
        } else if rotations.discarded.contains(credential) {
            Place::Discarded
        } else if self.is_current(sealing) {
            Place::Current
        } else {
            Place::Old
        })
    }

    fn is_current(&self, held: &Held) -> bool {
        let numbers = self.index.versions.get(&(held.account, held.factor));
        numbers.is_some_and(|numbers| numbers.current == held.version)
    }

    /// What holds for an account.
    pub fn rotation_rules(&self, account: &AccountId) -> RotationRules {
        self.rotation_rules_of(&Scope::Account(*account))
    }

    /// What holds for passwords in a scope, where no narrower one has rules of its own.
    pub fn rotation_rules_of(&self, scope: &Scope) -> RotationRules {
        self.renewal_rules(scope, Factor::Password)
    }

    /// The same for any factor. Where no policy says so, only what signs in by itself
    /// is to be renewed for having been released: a seed is used each time that
    /// somebody signs in, and what a file or a device is good for nobody here knows.
    pub fn renewal_rules(&self, scope: &Scope, factor: Factor) -> RotationRules {
        let project = match scope {
            Scope::Organisation => None,
            Scope::Project(id) => Some(*id),
            Scope::Account(id) => self.accounts.get(id).map(|a| a.project),
        };
        let account = matches!(scope, Scope::Account(_)).then_some(*scope);
        let scopes = [account, project.map(Scope::Project), Some(Scope::Organisation)];
        let set: Vec<_> =
            scopes.into_iter().flatten().filter_map(|s| self.rotations.policies.get(&(s, factor))).collect();
        let first = |of: &dyn Fn(&RotationPolicy) -> Option<u64>| set.iter().find_map(|policy| of(policy));
        RotationRules {
            every_days: first(&|p| p.every_days).filter(|days| *days > 0),
            exposed_hours: first(&|p| p.exposed_hours).or(exposed_hours(factor)),
            length: first(&|p| p.length),
            alphabet: set.iter().find_map(|p| p.alphabet).unwrap_or(Alphabet::Full),
        }
    }

    /// Groups whose quorum must agree to a rotation policy: those that hold a
    /// version of its factor in its scope, but for those that are abandoned.
    pub fn holders_within(&self, scope: &Scope, factor: Factor, now: Time) -> BTreeSet<GroupId> {
        let of_factor = self.versions.values().filter(|v| v.sealing.factor == factor);
        let held = of_factor.filter(|v| self.is_within(&v.sealing.account, scope));
        held.map(|v| v.sealing.group).filter(|group| !self.is_abandoned(group, now)).collect()
    }

    /// Whether an account lies in a scope.
    pub fn is_within(&self, account: &AccountId, scope: &Scope) -> bool {
        match scope {
            Scope::Organisation => true,
            Scope::Project(id) => self.accounts.get(account).is_some_and(|a| a.project == *id),
            Scope::Account(id) => id == account,
        }
    }

    /// Why a rotation policy cannot be entered, whoever signs it.
    pub fn rotation_policy_refused(&self, set: &RotationPolicy) -> Option<Invalid> {
        let unknown = |what, id: String| Some(Invalid::Unknown { what, id });
        let bad = |why: String| Some(Invalid::RotationPolicy(why));
        match &set.scope {
            Scope::Project(id) if !self.projects.contains_key(id) => {
                return unknown("project", id.to_string());
            }
            Scope::Account(id) if !self.accounts.contains_key(id) => {
                return unknown("account", id.to_string());
            }
            _ => {}
        }
        if set.factor == Some(Factor::Password) {
            return bad("of passwords it names no factor".to_owned());
        }
        if set.factor == Some(Factor::Identity) {
            return bad("who somebody is is not renewed".to_owned());
        }
        if set.factor.is_some() && (set.length.is_some() || set.alphabet.is_some()) {
            return bad("length and alphabet are for passwords alone".to_owned());
        }
        if set.serial != self.rotations.policy_serial + 1 {
            return Some(Invalid::Mismatch("serial number"));
        }
        if set.every_days.is_some_and(|days| days > MAX_DAYS) {
            return bad(format!("a version is renewed every {MAX_DAYS} days at least, or never for its age"));
        }
        if set.exposed_hours.is_some_and(|hours| hours > MAX_DAYS * 24) {
            return bad(format!("an exposed version is renewed within {MAX_DAYS} days"));
        }
        let fits = |length: u64| usize::try_from(length).is_ok_and(|length| LENGTHS.contains(&length));
        if set.length.is_some_and(|length| !fits(length)) {
            return bad(format!("a password has {} to {} characters", LENGTHS.start(), LENGTHS.end()));
        }
        None
    }

    /// Like a binding: once a group holds something in the scope, its own quorum
    /// alone changes what becomes of that.
    pub(super) fn rotation_policy_set(
        &mut self,
        actor: &Actor,
        set: &RotationPolicy,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if let Some(why) = self.rotation_policy_refused(set) {
            return Err(why);
        }
        let digest = set.digest(&self.id);
        let factor = set.factor.unwrap_or(Factor::Password);
        let holders = self.holders_within(&set.scope, factor, time);
        for holder in &holders {
            let unknown = || Invalid::Unknown { what: "group", id: holder.to_string() };
            let slug = self.groups.get(holder).ok_or_else(unknown)?.slug.to_string();
            let agreed = set.agreed.iter().find(|agreed| agreed.group == *holder);
            let agreed = agreed.ok_or(Invalid::NotAgreed(slug))?;
            check_quorum(self.group(holder, agreed.epoch)?, &digest, &agreed.signatures, claims)?;
        }
        if set.agreed.len() != holders.len() {
            return Err(Invalid::Mismatch("list of groups that agree"));
        }
        self.rotations.policy_serial = set.serial;
        self.rotations.policies.insert((set.scope, factor), set.clone());
        Ok(())
    }

    /// Only what its own ceremony released is replaced, by a version of the same
    /// account whose seal was begun, and no other rotation of that account runs.
    pub(super) fn rotation_begun(
        &mut self,
        actor: &Actor,
        begun: &RotationBegun,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let state = || Invalid::CeremonyState("rotation-begun");
        let open = self.ceremonies.get(&begun.ceremony).ok_or_else(state)?;
        by_card(actor, &open.operator)?;
        let key = self.card(&open.operator, Role::Operator)?.sign_key;
        let digest = RotationBegun::digest(&begun.ceremony, begun.target, &begun.old, &begun.new);
        claims.take(claim(&open.operator, &key, &digest, &begun.signature))?;
        let named = usize::try_from(begun.target).ok().and_then(|t| open.targets.get(t));
        let released = named == Some(&begun.old) && open.released.contains(&begun.target);
        if open.standing != Standing::Open || !released {
            return Err(state());
        }
        let unknown = |id: &Hash| Invalid::Unknown { what: "version", id: id.short() };
        let sealing = &self.versions.get(&begun.old).ok_or_else(|| unknown(&begun.old))?.sealing;
        check_admitted(open, self.group(&sealing.group, sealing.epoch)?)?;
        let (account, factor) = (sealing.account, sealing.factor);
        if self.rotations.running_for(&account, factor).is_some() {
            return Err(Invalid::RotationRunning(self.named(&account, factor)));
        }
        let next = self.begun(&begun.new).ok_or_else(|| unknown(&begun.new))?;
        let follows = factor != Factor::Identity
            && (next.account, next.factor) == (account, factor)
            && !self.versions.contains_key(&begun.new)
            && self.current_of(&account, factor).is_some_and(|(current, _)| *current == begun.old);
        if !follows {
            return Err(Invalid::Mismatch("rotation"));
        }
        let operator = open.operator.clone();
        let (ceremony, old) = (begun.ceremony, begun.old);
        let running = Running { ceremony, operator, account, factor, old, begun: time };
        self.rotations.running.insert(begun.new, running);
        Ok(())
    }

    /// While a rotation runs nothing else is sealed for its account: else nobody
    /// could say which version is current.
    pub(super) fn check_rotation_of(&self, sealing: &Sealing) -> Result<(), Invalid> {
        match self.rotations.running_for(&sealing.account, sealing.factor) {
            Some((new, _)) if *new != sealing.credential => {
                Err(Invalid::RotationRunning(self.named(&sealing.account, sealing.factor)))
            }
            _ => Ok(()),
        }
    }

    /// A version that was just sealed is current, unless a rotation made it.
    pub(super) fn note_sealed(&mut self, sealing: &Sealing) {
        if !self.rotations.running.contains_key(&sealing.credential) {
            self.index.versions.entry((sealing.account, sealing.factor)).or_default().current =
                sealing.version;
        }
    }

    /// Any operator whom the group admits that holds the old version may say what
    /// the provider accepts: the one who began may be gone.
    pub(super) fn rotation_settled(
        &mut self,
        actor: &Actor,
        settled: &RotationSettled,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let RotationSettled { ceremony, credential, accepts, handed, signature } = settled;
        let unknown = || Invalid::Unknown { what: "rotation", id: credential.short() };
        let running = self.rotations.running.get(credential).filter(|r| r.ceremony == *ceremony);
        let running = running.ok_or_else(unknown)?.clone();
        let Actor::Card(who) = actor else {
            let expected = running.operator.to_string();
            return Err(Invalid::WrongActor { found: actor.to_string(), expected });
        };
        let key = self.card(who, Role::Operator)?.sign_key;
        let digest = RotationSettled::digest(ceremony, credential, *accepts, *handed);
        claims.take(claim(who, &key, &digest, signature))?;
        let old = &self.versions.get(&running.old).ok_or_else(unknown)?.sealing;
        let group = self.group(&old.group, old.epoch)?;
        if self.admission_of(who, group, time).is_none() {
            let (operator, group) = (who.to_string(), group.slug.to_string());
            return Err(Invalid::NotAdmitted { operator, group });
        }
        match accepts {
            Accepts::Old => {
                self.rotations.discarded.insert(*credential);
            }
            Accepts::New => {
                let version = self.versions.get(credential).ok_or(Invalid::Mismatch("rotation"))?;
                let version = version.sealing.version;
                self.index.versions.entry((running.account, running.factor)).or_default().current = version;
                if matches!(handed, Shown::Screen | Shown::File) {
                    self.rotations.handled.insert(*credential, who.clone());
                }
            }
        }
        self.rotations.running.remove(credential);
        Ok(())
    }

    /// Why a version cannot be destroyed, whoever asks.
    pub fn destruction_refused(&self, credential: &Hash) -> Option<Invalid> {
        let Some(place) = self.place_of(credential) else {
            return Some(Invalid::Unknown { what: "version", id: credential.short() });
        };
        let sealing = &self.versions.get(credential)?.sealing;
        let address = self.address(&sealing.account);
        if place == Place::Destroyed {
            return Some(Invalid::Destroyed(format!("{address} version {}", sealing.version)));
        }
        // Both versions of a rotation stay until it is known which one is needed.
        if let Some((new, running)) = self.rotations.running_for(&sealing.account, sealing.factor)
            && (credential == new || *credential == running.old)
        {
            return Some(Invalid::RotationRunning(self.named(&sealing.account, sealing.factor)));
        }
        // Who has it already, as in its own rotation, needs the record no more.
        let waits = self.open_ceremony_for(credential).is_some_and(|(_, open)| {
            let index = (0u64..).zip(&open.targets).find(|(_, target)| *target == credential);
            index.is_none_or(|(index, _)| !open.released.contains(&index))
        });
        waits.then_some(Invalid::CeremonyBusy)
    }

    /// What is current goes only with its group's quorum. What was replaced the
    /// host may clear away: nobody can keep it from losing a record, so what
    /// counts is that the log says so.
    pub(super) fn destroyed(
        &mut self,
        actor: &Actor,
        gone: &Destruction,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if let Some(why) = self.destruction_refused(&gone.credential) {
            return Err(why);
        }
        let place = self.place_of(&gone.credential);
        let factor = self.versions.get(&gone.credential).map(|version| version.sealing.factor);
        // Nor may a person have an earlier word of who they are forgotten by a later one.
        if place == Some(Place::Current) || factor == Some(Factor::Identity) {
            let unknown = || Invalid::Unknown { what: "version", id: gone.credential.short() };
            let sealing = &self.versions.get(&gone.credential).ok_or_else(unknown)?.sealing;
            let group = self.group(&sealing.group, sealing.epoch)?;
            check_quorum(group, &gone.digest(&self.id), &gone.signatures, claims)?;
        } else if !gone.signatures.is_empty() {
            return Err(Invalid::Mismatch("list of signatures"));
        }
        if gone.why == Because::Rotated && place != Some(Place::Old) {
            return Err(Invalid::Mismatch("reason"));
        }
        self.rotations.handled.remove(&gone.credential);
        self.reshares.replaced.retain(|_, replaced| replaced.credential != gone.credential);
        self.rotations.destroyed.insert(gone.credential, Gone { at: time, why: gone.why });
        Ok(())
    }

    /// A version whose record is gone can be asked for no more.
    pub(super) fn check_there(&self, credential: &Hash, sealing: &Held) -> Result<(), Invalid> {
        if !self.rotations.destroyed.contains_key(credential) {
            return Ok(());
        }
        let address = self.address(&sealing.account);
        Err(Invalid::Destroyed(format!("{address} version {}", sealing.version)))
    }
}
