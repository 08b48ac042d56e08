//! Organisations, projects and accounts.

use super::{Log, PublicVault, Records, Vault, VaultError, commit};
use crate::event::{AccountStanding, Actor, Entry, EntryError, Event, Line, SaltedText, TextHash};
use crate::hex::Bytes;
use crate::name::{
    AccountAddress, AccountId, DisplayName, MemberAddress, OrganisationId, Origin, ProjectId, Provider, Slug,
    external_id,
};
use crate::state::{Account, Organisation};
use crate::store::{Store, StoreError};
use crate::time::Time;
use rand_core::CryptoRng;

/// How often a command that needs nobody is tried when other processes append
/// at the same moment. Each failure means that one of them got on.
const ATTEMPTS: usize = 20;

/// Name of the record behind a text's hash.
pub fn text_record(hash: &TextHash) -> String {
    format!("text/{hash}")
}

/// Salts a text: the record to keep and the hash to enter.
fn salted(text: &str, rng: &mut (impl CryptoRng + ?Sized)) -> Result<(SaltedText, TextHash), VaultError> {
    if text.len() > SaltedText::CAP {
        return Err(VaultError::TextTooLong { length: text.len() });
    }
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let salted = SaltedText { salt: Bytes(salt), text: text.to_owned() };
    let hash = salted.hash();
    Ok((salted, hash))
}

/// Salts a text and adds its record to those that will be put.
pub fn keep_text(
    text: &str,
    records: &mut Records,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<TextHash, VaultError> {
    let (salted, hash) = salted(text, rng)?;
    let bytes = serde_json::to_vec(&salted).expect("a salted text is two strings");
    records.put.push((text_record(&hash), bytes));
    Ok(hash)
}

fn keep_name(
    name: Option<&DisplayName>,
    records: &mut Records,
    rng: &mut impl CryptoRng,
) -> Result<Option<TextHash>, VaultError> {
    name.map(|name| keep_text(name.as_str(), records, rng)).transpose()
}

/// An account to be added.
pub struct NewAccount<'a> {
    /// Where.
    pub address: &'a AccountAddress,
    /// Display name.
    pub name: Option<&'a DisplayName>,
    /// Whose root user it has.
    pub provider: Provider,
    /// The provider's identifier.
    pub external_id: &'a str,
}

impl Vault {
    /// Creates an organisation.
    pub fn add_organisation(
        &mut self,
        slug: &Slug,
        name: Option<&DisplayName>,
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Log, VaultError> {
        self.until_no_conflict(|vault| {
            vault.public.state = commit::load_vault(vault.store())?;
            vault.try_add_organisation(slug, name, clock(), rng)
        })
    }

    /// Does it again from the present state when another process was faster.
    fn until_no_conflict<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        for _ in 1..ATTEMPTS {
            match attempt(self) {
                Err(VaultError::Store(StoreError::Conflict { .. })) => {}
                done => return done,
            }
        }
        attempt(self)
    }

    fn try_add_organisation(
        &mut self,
        slug: &Slug,
        name: Option<&DisplayName>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Log, VaultError> {
        let id = OrganisationId::random(rng);
        let mut records = Records::default();
        let first = Event::OrganisationCreated {
            vault: self.state().vault,
            organisation: id,
            slug: slug.clone(),
            origin: Origin::of_log(&self.state().origin, &id),
            name: keep_name(name, &mut records, rng)?,
            gate: self.gate().announce(&id, self.gate().epoch())?,
        };
        self.commit_organisation(id, slug, first, records, now)
    }

    /// Creates a project.
    pub fn add_project(
        &mut self,
        address: &MemberAddress,
        name: Option<&DisplayName>,
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        self.until_no_conflict(|vault| vault.try_add_project(address, name, clock, rng))
    }

    fn try_add_project(
        &mut self,
        address: &MemberAddress,
        name: Option<&DisplayName>,
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let mut log = self.log(&address.organisation)?;
        let mut records = Records::default();
        let event = Event::ProjectCreated {
            project: ProjectId::random(rng),
            slug: address.name.clone(),
            name: keep_name(name, &mut records, rng)?,
        };
        // Asked for after the log was read: another process may just have written.
        self.commit_host(&mut log, clock(), vec![event], records)?;
        Ok(())
    }

    /// Creates an account.
    pub fn add_account(
        &mut self,
        new: &NewAccount<'_>,
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        self.until_no_conflict(|vault| vault.try_add_account(new, clock, rng))
    }

    fn try_add_account(
        &mut self,
        new: &NewAccount<'_>,
        clock: &dyn Fn() -> Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let mut log = self.log(&new.address.organisation)?;
        let (project, _) = log
            .state
            .project_by_slug(&new.address.project)
            .ok_or_else(|| no_project(&log.state, &new.address.project))?;
        let mut records = Records::default();
        let event = Event::AccountCreated {
            account: AccountId::random(rng),
            project: *project,
            slug: new.address.account.clone(),
            name: keep_name(new.name, &mut records, rng)?,
            external_id: external_id(&new.provider, new.external_id)?,
            provider: new.provider.clone(),
        };
        // Asked for after the log was read: another process may just have written.
        self.commit_host(&mut log, clock(), vec![event], records)?;
        Ok(())
    }
}

/// The host's administration speaks of an account that there is; who it is that
/// says so, nothing but the checkpoint attests.
impl Vault {
    /// Gives an account another display name. The old one stays in its record.
    pub fn rename_account(
        &mut self,
        log: &mut Log,
        address: &AccountAddress,
        name: &DisplayName,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let (id, _) = account(&log.state, address)?;
        let mut records = Records::default();
        let name = keep_text(name.as_str(), &mut records, rng)?;
        self.commit_host(log, now, vec![Event::AccountRenamed { account: id, name }], records)?;
        Ok(())
    }

    /// Says whether an account has a root user to sign in as; gives whether that was
    /// news. Otherwise nothing is entered.
    pub fn set_standing(
        &mut self,
        log: &mut Log,
        address: &AccountAddress,
        standing: AccountStanding,
        now: Time,
    ) -> Result<bool, VaultError> {
        self.at_present(log, now, |vault, log, now| {
            let (id, found) = account(&log.state, address)?;
            if found.standing == standing {
                return Ok(false);
            }
            let event = (Actor::Host, Event::AccountStandingSet { account: id, standing });
            vault.commit_once(log, now, vec![event], Records::default())?;
            Ok(true)
        })
    }
}

impl PublicVault {
    /// Time of the last entry of an organisation's log, without reading the rest.
    pub fn last_entry(&self, organisation: &Slug) -> Result<Time, VaultError> {
        let log = *self.state().by_slug(organisation).ok_or_else(|| no_organisation(organisation))?;
        let size = self.store().size(&log)?;
        let index = size.saturating_sub(1);
        let last =
            self.store().entries(&log, index..size)?.pop().ok_or_else(|| no_organisation(organisation))?;
        let bad = |why: EntryError| VaultError::BadEntry { log, index, why: why.into() };
        match Entry::from_line(&last).map_err(bad)? {
            Line::Known(entry) => Ok(entry.time),
            Line::Unknown { time, .. } => Ok(time),
        }
    }

    /// The text behind a hash, unless it was erased.
    pub fn text(&self, log: &OrganisationId, hash: &TextHash) -> Option<String> {
        let bytes = self.record(log, &text_record(hash)).ok()?;
        let salted: SaltedText = serde_json::from_slice(&bytes).ok()?;
        (salted.hash() == *hash).then_some(salted.text)
    }
}

/// An account by its address, or an error that lists what there is.
pub fn account<'a>(
    state: &'a Organisation,
    address: &AccountAddress,
) -> Result<(AccountId, &'a Account), VaultError> {
    let (project, _) =
        state.project_by_slug(&address.project).ok_or_else(|| no_project(state, &address.project))?;
    let found = state.account_by_slugs(&address.project, &address.account);
    found.map(|(id, account)| (*id, account)).ok_or_else(|| VaultError::NotFound {
        what: "account",
        name: address.to_string(),
        near: some(
            state.accounts.iter().filter(|(_, a)| a.project == *project).map(|(id, _)| state.address(id)),
        ),
    })
}

/// An organisation that does not exist.
pub fn no_organisation(name: &Slug) -> VaultError {
    VaultError::NotFound { what: "organisation", name: name.to_string(), near: Vec::new() }
}

/// A project that does not exist, with those that do.
pub fn no_project(state: &Organisation, name: &Slug) -> VaultError {
    VaultError::NotFound {
        what: "project",
        name: format!("{}/{name}", state.slug),
        near: some(state.projects.values().map(|p| state.project_address(p))),
    }
}

/// At most five names, for an error.
pub fn some(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.take(5).collect();
    names.sort();
    names
}
