//! The baseline: what must be shown of an account that was newly issued or taken
//! over before its root user can be called safe, and which entry shows it. The
//! rules of the statements that people sign for it are here too.
//!
//! It is a function of the state and of what credential reports said; it reads no
//! records and makes no commands: `vault::baseline` does the one, `cli` the other.

use super::apply::{by_card, claim};
use super::{AccountStanding, Claims, Effective, Invalid, Organisation, Version};
use crate::event::{
    Actor, BaselineFact, BaselineStatement, BaselineWord, Hash, Made, Reconciliation, RootRecords, Shown,
    TextHash,
};
use crate::name::{AccountId, Factor, GroupId, Provider, Pseudonym};
use crate::seal::card::Role;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the log says for baselines. Left out of the stored state where nobody has
/// signed a statement, which is as logs were before there were any.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Baselines {
    /// The last statement about each fact of an account.
    pub stated: BTreeMap<AccountId, BTreeMap<BaselineFact, Stated>>,
    /// Where credential reports were entered, in order. Follows from the entries,
    /// and older stored states do not have it.
    #[serde(skip)]
    pub reports: Vec<Report>,
}

/// A statement, as its entry has it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stated {
    /// Its number among those about the same.
    pub serial: u64,
    /// Said or taken back.
    pub word: BaselineWord,
    /// What was said.
    pub text: Option<TextHash>,
    /// By whom.
    pub by: Pseudonym,
    /// Index of its entry.
    pub entry: u64,
    /// When.
    pub at: Time,
}

/// A credential report that was entered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Report {
    /// Hash of the record that says what was found.
    pub facts: Hash,
    /// Index of the entry.
    pub entry: u64,
    /// When.
    pub at: Time,
}

impl Baselines {
    pub(super) fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }

    /// The last statement about a fact of an account.
    pub fn stated(&self, account: &AccountId, fact: BaselineFact) -> Option<&Stated> {
        self.stated.get(account)?.get(&fact)
    }
}

/// One item of the checklist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// The root password was generated here, is sealed, and was handed over.
    Password,
    /// The second factor is sealed, by others than the password.
    SecondFactor,
    /// The root user has no access key.
    NoAccessKeys,
    /// The provider demands a second factor of the root user.
    MfaActive,
    /// It is recorded who holds the root user's mailbox.
    Mailbox,
    /// The contacts for billing, operations and security are set.
    Contacts,
}

impl Item {
    /// As it is written in JSON and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second-factor",
            Self::NoAccessKeys => "no-access-keys",
            Self::MfaActive => "mfa-active",
            Self::Mailbox => "mailbox",
            Self::Contacts => "contacts",
        }
    }

    /// What an account's baseline consists of. Where the root user has no credentials
    /// there is nothing to seal and no second factor, but whoever reads its mailbox
    /// could bring it back; so they could a closed account. Credential reports there
    /// are of AWS alone.
    pub fn all_of(standing: AccountStanding, provider: &Provider) -> Vec<Self> {
        let all = match standing {
            AccountStanding::InUse => vec![
                Self::Password,
                Self::SecondFactor,
                Self::NoAccessKeys,
                Self::MfaActive,
                Self::Mailbox,
                Self::Contacts,
            ],
            AccountStanding::CredentialLess => vec![Self::NoAccessKeys, Self::Mailbox, Self::Contacts],
            AccountStanding::Closed => vec![Self::Mailbox],
        };
        all.into_iter().filter(|item| *provider == Provider::Aws || !item.is_reported()).collect()
    }

    /// Whether credential reports show it, and nothing else.
    pub fn is_reported(self) -> bool {
        matches!(self, Self::NoAccessKeys | Self::MfaActive)
    }
}

/// What the entries alone say of an account's baseline: what credential reports said
/// lies in records, which can be gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByEntries {
    /// Something is missing that no credential report could show. So begins every
    /// account.
    #[default]
    Lacks,
    /// Nothing is missing but what credential reports have to say, if they do not.
    Waits,
    /// Nothing is missing, and no credential report is demanded.
    Shown,
}

impl ByEntries {
    /// Whether it is [`Self::Lacks`].
    pub fn lacks(&self) -> bool {
        *self == Self::Lacks
    }
}

/// What the last credential report that spoke of it said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reported {
    /// Whether it is as it must be.
    pub sound: bool,
    /// Index of the entry that says so.
    pub entry: u64,
    /// When.
    pub at: Time,
}

/// What credential reports said of an account's root user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Protection {
    /// Of its access keys.
    pub keys: Option<Reported>,
    /// Of its second factor.
    pub mfa: Option<Reported>,
}

impl Protection {
    /// Whether an account of which the entries show all else is at baseline; `None` if
    /// nobody has looked at what could say so. `whole`: whether every report that
    /// counts was read.
    pub fn shows(&self, standing: AccountStanding, provider: &Provider, whole: bool) -> Option<bool> {
        let demanded = Item::all_of(standing, provider).into_iter();
        let said: Vec<_> = demanded
            .filter_map(|item| match item {
                Item::NoAccessKeys => Some(self.keys),
                Item::MfaActive => Some(self.mfa),
                _ => None,
            })
            .collect();
        if said.iter().flatten().any(|said| !said.sound) {
            return Some(false);
        }
        match said.iter().all(Option::is_some) {
            true => Some(true),
            false => whole.then_some(false),
        }
    }
}

/// What shows that an item is there.
#[derive(Clone, PartialEq, Debug)]
pub enum Proof<'a> {
    /// A sealed version.
    Sealed(&'a Hash, &'a Version),
    /// A credential report.
    Reported(Reported),
    /// A statement.
    Stated(&'a Stated),
}

/// Why an item is not shown.
#[derive(Clone, PartialEq, Debug)]
pub enum Lack<'a> {
    /// Nothing is sealed, and no group would hold it.
    Unbound,
    /// Nothing is sealed.
    NotSealed,
    /// The password came from outside.
    NotGenerated(&'a Version),
    /// Nobody was ever given this version: it cannot be what the provider has.
    NotHandedOver(&'a Version),
    /// Whoever holds the password can have codes as well.
    SameHands(Vec<Pseudonym>),
    /// No credential report was entered that speaks of it.
    NotReported,
    /// The last one says the opposite.
    Weak(Reported),
    /// Nobody has said so.
    NotStated,
    /// Somebody has said that it holds no more.
    Withdrawn(&'a Stated),
}

/// An item, and whether it is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked<'a> {
    /// Which.
    pub item: Item,
    /// By what, or why not.
    pub shown: Result<Proof<'a>, Lack<'a>>,
}

impl Organisation {
    /// An account's checklist; `None` if there is no such account.
    pub fn baseline(&self, id: &AccountId, reported: &Protection) -> Option<Vec<Checked<'_>>> {
        let account = self.accounts.get(id)?;
        let items = Item::all_of(account.standing, &account.provider).into_iter();
        let check = |item| Checked { item, shown: self.shown(id, item, reported) };
        Some(items.map(check).collect())
    }

    /// What the entries alone say of an account's baseline; `None` if there is no such
    /// account.
    pub fn baseline_by_entries(&self, id: &AccountId) -> Option<ByEntries> {
        let account = self.accounts.get(id)?;
        let items = Item::all_of(account.standing, &account.provider);
        let unsaid = Protection::default();
        let shown = |item: &Item| item.is_reported() || self.shown(id, *item, &unsaid).is_ok();
        Some(match items.iter().all(shown) {
            false => ByEntries::Lacks,
            true if items.iter().any(|item| item.is_reported()) => ByEntries::Waits,
            true => ByEntries::Shown,
        })
    }

    fn shown(&self, id: &AccountId, item: Item, reported: &Protection) -> Result<Proof<'_>, Lack<'_>> {
        match item {
            Item::Password => self.password_shown(id),
            Item::SecondFactor => self.second_factor_shown(id),
            Item::NoAccessKeys => by_report(reported.keys),
            Item::MfaActive => by_report(reported.mfa),
            Item::Mailbox => self.statement_shown(id, BaselineFact::Mailbox),
            Item::Contacts => self.statement_shown(id, BaselineFact::Contacts),
        }
    }

    fn password_shown(&self, id: &AccountId) -> Result<Proof<'_>, Lack<'_>> {
        let (credential, version) = self.sealed_for(id, Factor::Password)?;
        if version.sealing.made != Made::Generated {
            Err(Lack::NotGenerated(version))
        } else if handed_over(version) {
            Ok(Proof::Sealed(credential, version))
        } else {
            Err(Lack::NotHandedOver(version))
        }
    }

    /// An authenticator's seed that others hold than the password, or a note of where
    /// a device lies: a device is in nobody's shares.
    fn second_factor_shown(&self, id: &AccountId) -> Result<Proof<'_>, Lack<'_>> {
        let device = self.current_of(id, Factor::Device);
        let seed = match (self.sealed_for(id, Factor::Mfa), device) {
            (Ok(seed), _) => seed,
            (Err(_), Some((credential, version))) => return Ok(Proof::Sealed(credential, version)),
            (Err(lack), None) => return Err(lack),
        };
        let holders = |group: &GroupId| {
            let members = self.groups.get(group).map(|group| group.members.as_slice()).unwrap_or_default();
            members.iter().map(|member| &member.pseudonym)
        };
        let password = self.current_of(id, Factor::Password).map(|(_, version)| version.sealing.group);
        let with_password =
            |who: &&Pseudonym| password.is_some_and(|group| holders(&group).any(|h| h == *who));
        let shared: Vec<_> = holders(&seed.1.sealing.group).filter(with_password).cloned().collect();
        if shared.is_empty() { Ok(Proof::Sealed(seed.0, seed.1)) } else { Err(Lack::SameHands(shared)) }
    }

    fn sealed_for(&self, id: &AccountId, factor: Factor) -> Result<(&Hash, &Version), Lack<'_>> {
        self.current_of(id, factor).ok_or_else(|| match self.binding_of(id, factor) {
            Effective::Bound(..) => Lack::NotSealed,
            Effective::Unbound => Lack::Unbound,
        })
    }

    fn statement_shown(&self, id: &AccountId, fact: BaselineFact) -> Result<Proof<'_>, Lack<'_>> {
        match self.baselines.stated(id, fact) {
            None => Err(Lack::NotStated),
            Some(said) if said.word == BaselineWord::Withdrawn => Err(Lack::Withdrawn(said)),
            Some(said) => Ok(Proof::Stated(said)),
        }
    }

    /// A statement is an operator's or officer's own, the next about its fact; what
    /// is taken back must have been said.
    pub(super) fn baseline_stated(
        &mut self,
        actor: &Actor,
        said: &BaselineStatement,
        at: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_card(actor, &said.by)?;
        let unknown = |what, id: String| Invalid::Unknown { what, id };
        let card = self.people.get(&said.by).ok_or_else(|| unknown("card", said.by.to_string()))?;
        if card.role == Role::Custodian {
            return Err(Invalid::NotA { who: said.by.to_string(), what: "operator or officer" });
        }
        if !self.accounts.contains_key(&said.account) {
            return Err(unknown("account", said.account.to_string()));
        }
        let before = self.baselines.stated(&said.account, said.fact);
        if said.serial != before.map_or(0, |before| before.serial) + 1 {
            return Err(Invalid::Mismatch("serial number"));
        }
        let stands = before.is_some_and(|before| before.word == BaselineWord::Stated);
        let follows = match said.word {
            BaselineWord::Stated => said.text.is_some(),
            BaselineWord::Withdrawn => said.text.is_none() && stands,
        };
        if !follows {
            return Err(Invalid::Mismatch("statement"));
        }
        claims.take(claim(&said.by, &card.sign_key, &said.digest(&self.id), &said.signature))?;
        let BaselineStatement { account, fact, serial, word, text, ref by, .. } = *said;
        let kept = Stated { serial, word, text, by: by.clone(), entry: self.size, at };
        self.baselines.stated.entry(account).or_default().insert(fact, kept);
        Ok(())
    }

    /// Remembers where a credential report was entered.
    pub(super) fn note_report(&mut self, found: &Reconciliation, at: Time) {
        if found.source == RootRecords::CredentialReport {
            self.baselines.reports.push(Report { facts: found.facts, entry: self.size, at });
        }
    }
}

/// Whether somebody could have installed it: it was handed over when it was sealed,
/// by itself or in a rotation, or opened since.
fn handed_over(version: &Version) -> bool {
    version.sealing.shown != Shown::Nobody || version.exposed.is_some()
}

fn by_report<'a>(reported: Option<Reported>) -> Result<Proof<'a>, Lack<'a>> {
    match reported {
        None => Err(Lack::NotReported),
        Some(said) if said.sound => Ok(Proof::Reported(said)),
        Some(said) => Err(Lack::Weak(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_demanded_depends_on_the_standing_and_the_provider() {
        let names = |standing, provider: &Provider| {
            let items = Item::all_of(standing, provider).into_iter();
            items.map(Item::as_str).collect::<Vec<_>>().join(" ")
        };
        let aws = |standing| names(standing, &Provider::Aws);
        assert_eq!(
            aws(AccountStanding::InUse),
            "password second-factor no-access-keys mfa-active mailbox contacts"
        );
        assert_eq!(aws(AccountStanding::CredentialLess), "no-access-keys mailbox contacts");
        assert_eq!(aws(AccountStanding::Closed), "mailbox");
        let other = "post-office".parse().unwrap();
        assert_eq!(names(AccountStanding::InUse, &other), "password second-factor mailbox contacts");
        assert_eq!(names(AccountStanding::CredentialLess, &other), "mailbox contacts");
    }

    #[test]
    fn what_no_report_that_was_read_says_is_missing_only_where_all_were_read() {
        let said =
            |sound| Some(Reported { sound, entry: 7, at: Time::parse("2026-03-01T09:00:00.000Z").unwrap() });
        let (sound, weak) = (said(true), said(false));
        for (keys, mfa, of_all, of_some) in [
            (None, None, Some(false), None),
            (sound, None, Some(false), None),
            (None, weak, Some(false), Some(false)),
            (sound, weak, Some(false), Some(false)),
            (sound, sound, Some(true), Some(true)),
        ] {
            let found = Protection { keys, mfa };
            let shows = |whole| found.shows(AccountStanding::InUse, &Provider::Aws, whole);
            assert_eq!((shows(true), shows(false)), (of_all, of_some), "{found:?}");
        }
        // Of a second factor nothing is demanded where there is no root user.
        let found = Protection { keys: sound, mfa: None };
        assert_eq!(found.shows(AccountStanding::CredentialLess, &Provider::Aws, false), Some(true));
    }
}
