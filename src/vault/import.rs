//! What a list of accounts changes: found out first, entered afterwards.
//!
//! An account is known by its provider's identifier, wherever in the organisation
//! it is. What is entered is the word of the host's administration, as with every
//! account. Nothing is removed: what the file lacks is told. Long, because what is
//! found out and how it is entered must agree row by row.

use super::bulk::{Bulk, Done};
use super::hierarchy::{keep_text, no_project};
use super::seal::{Provenance, in_use};
use super::{Log, PublicVault, Records, Vault, VaultError};
use crate::event::{AccountStanding, Event, GroupStatement, Made, Shown};
use crate::import::accounts::{Condition, List, Listed, Place, RowFault};
use crate::name::{AccountId, Factor, MemberAddress, ProjectId, Provider, Slug};
use crate::seal::record::Payload;
use crate::state::{Account, Effective, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Entries of one commit.
const BATCH: usize = 4096;

/// What applying a list would do.
#[derive(Debug)]
pub struct Plan<'a> {
    list: &'a List,
    /// Whose new accounts they are.
    pub project: ProjectId,
    /// Accounts that are not known yet.
    pub new: Vec<New<'a>>,
    /// Accounts that are known and change.
    pub changed: Vec<Changed<'a>>,
    /// How many are as the file has them.
    pub unchanged: usize,
    /// Accounts of the project that the file lacks; empty if the file is only a
    /// part of a list.
    pub gone: Vec<AccountId>,
    /// Rows that cannot be used, or of which the password cannot be sealed.
    pub refused: Vec<Refused>,
    /// Accounts that the list has a password for and that have a version already,
    /// with what is known of its newest.
    pub kept: Vec<Kept>,
    /// Passwords to be sealed.
    seals: Vec<(Target, usize)>,
    /// Groups that will hold them.
    pub groups: Vec<GroupStatement>,
}

/// An account that the vault does not have.
#[derive(Debug)]
pub struct New<'a> {
    /// As the file has it.
    pub listed: &'a Listed,
    /// Its name in addresses.
    pub slug: Slug,
    /// How it stands.
    pub standing: AccountStanding,
    /// Whether its password is sealed.
    pub seals: bool,
}

/// An account that changes.
#[derive(Debug)]
pub struct Changed<'a> {
    /// As the file has it.
    pub listed: &'a Listed,
    /// Which.
    pub account: AccountId,
    /// The name that it has, if another one comes.
    pub renamed_from: Option<Option<String>>,
    /// How it stood and will stand, if that changes.
    pub standing: Option<(AccountStanding, AccountStanding)>,
    /// Whether its password is sealed.
    pub seals: bool,
}

/// A password of the file that is not sealed, because there is one.
#[derive(Debug)]
pub struct Kept {
    /// Whose.
    pub account: AccountId,
    /// Whether the newest version was imported too.
    pub imported: bool,
}

/// A row of which something is not done.
#[derive(Debug)]
pub struct Refused {
    /// Where.
    pub place: Place,
    /// Why.
    pub why: Reason,
    /// Whether a password of it stays unsealed.
    pub unsealed: bool,
}

/// Why something of a row is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The row itself.
    #[error(transparent)]
    Row(RowFault),
    /// Another account has that slug.
    #[error("another account has the slug '{0}'")]
    SlugTaken(Slug),
    /// No group would hold its password.
    #[error("its password is not sealed: no group is bound")]
    Unbound,
    /// There is no root user to sign in as.
    #[error("its password is not sealed: the account is {0}")]
    NotInUse(AccountStanding),
}

/// Whose password is sealed.
#[derive(Debug, Clone, Copy)]
enum Target {
    Known(AccountId),
    /// Position among the new ones.
    New(usize),
}

/// How far the passwords came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Entries for accounts.
    pub entries: usize,
    /// Passwords.
    pub passwords: Done,
}

impl Plan<'_> {
    /// How many passwords would be sealed.
    pub fn passwords(&self) -> usize {
        self.seals.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty() && self.seals.is_empty()
    }
}

impl PublicVault {
    /// Holds a list against a project. Nothing is changed.
    pub fn plan_import<'a>(
        &self,
        state: &Organisation,
        project: &MemberAddress,
        list: &'a List,
    ) -> Result<Plan<'a>, VaultError> {
        let (id, _) = state.project_by_slug(&project.name).ok_or_else(|| no_project(state, &project.name))?;
        let bad = list.bad.iter().map(|bad| Refused {
            place: bad.place,
            why: Reason::Row(bad.why.clone()),
            unsealed: bad.has_password,
        });
        let mut plan = Plan {
            list,
            project: *id,
            new: Vec::new(),
            changed: Vec::new(),
            unchanged: 0,
            gone: Vec::new(),
            refused: bad.collect(),
            kept: Vec::new(),
            seals: Vec::new(),
            groups: Vec::new(),
        };
        let mut unknown = Vec::new();
        let mut listed_ids = BTreeSet::new();
        for (at, listed) in list.accounts.iter().enumerate() {
            match state.account_by_external(&listed.provider, &listed.external_id) {
                Some((account, found)) => {
                    listed_ids.insert(*account);
                    self.listed_again(state, &mut plan, (at, listed), (account, found));
                }
                None => unknown.push((at, listed)),
            }
        }
        plan.unknown(state, &unknown);
        if !list.partial {
            let providers: BTreeSet<_> = list.accounts.iter().map(|a| &a.provider).collect();
            let gone = state.accounts.iter().filter(|(account, found)| {
                found.project == *id && providers.contains(&found.provider) && !listed_ids.contains(account)
            });
            plan.gone = gone.map(|(account, _)| *account).collect();
            plan.gone.sort_by_key(|account| state.address(account));
        }
        plan.refused.sort_by_key(|refused| refused.place);
        Ok(plan)
    }

    fn listed_again<'a>(
        &self,
        state: &Organisation,
        plan: &mut Plan<'a>,
        (at, listed): (usize, &'a Listed),
        (account, found): (&AccountId, &Account),
    ) {
        let now = self.another_name(state, found, listed);
        let standing = standing_of(listed.condition, found.standing);
        let factor = Factor::Password;
        let mut seals = false;
        if listed.credential.is_some() {
            match state.current_of(account, factor) {
                Some((_, current)) => {
                    let imported = current.sealing.made == Made::Imported;
                    plan.kept.push(Kept { account: *account, imported });
                }
                None => {
                    let bound = state.binding_of(account, factor);
                    seals = plan.seal(listed, standing, &bound, (Target::Known(*account), at));
                }
            }
        }
        if now.is_none() && standing == found.standing {
            plan.unchanged += usize::from(!seals);
            if !seals {
                return;
            }
        }
        let standing = (standing != found.standing).then_some((found.standing, standing));
        plan.changed.push(Changed { listed, account: *account, renamed_from: now, standing, seals });
    }

    /// The name that an account has, where the file has another one. A name that
    /// was erased is not put back.
    fn another_name(&self, state: &Organisation, found: &Account, listed: &Listed) -> Option<Option<String>> {
        let wanted = listed.name.as_ref()?;
        match found.name.map(|hash| self.text(&state.id, &hash)) {
            None => Some(None),
            Some(None) => None,
            Some(Some(name)) => (name != wanted.as_str()).then_some(Some(name)),
        }
    }
}

/// How an account stands by what a file says of it. That it is open does not say
/// whether its root user has credentials.
fn standing_of(condition: Condition, now: AccountStanding) -> AccountStanding {
    match (condition, now) {
        (Condition::Is(standing), _) => standing,
        (Condition::Open, AccountStanding::Closed) => AccountStanding::InUse,
        (Condition::Open | Condition::Unsaid, now) => now,
    }
}

impl<'a> Plan<'a> {
    /// Notes a password to be sealed, or why it is not.
    fn seal(
        &mut self,
        listed: &Listed,
        standing: AccountStanding,
        bound: &Effective<'_>,
        seal: (Target, usize),
    ) -> bool {
        let why = match bound {
            _ if !standing.in_use() => Reason::NotInUse(standing),
            Effective::Unbound => Reason::Unbound,
            Effective::Bound(_, group) => {
                if !self.groups.contains(group) {
                    self.groups.push((*group).clone());
                }
                self.seals.push(seal);
                return true;
            }
        };
        self.refused.push(Refused { place: listed.place, why, unsealed: true });
        false
    }

    /// New accounts get their slugs: first those that the file gives; then those
    /// of names, in which whatever two would share neither gets.
    fn unknown(&mut self, state: &Organisation, unknown: &[(usize, &'a Listed)]) {
        let mut slugs: BTreeMap<usize, Slug> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let project = self.project;
        let is_free = |slug: &Slug, taken: &BTreeSet<Slug>| {
            !taken.contains(slug) && state.account_in(&project, slug).is_none()
        };
        for (at, listed) in unknown {
            let Some(slug) = &listed.slug else { continue };
            if is_free(slug, &taken) {
                taken.insert(slug.clone());
                slugs.insert(*at, slug.clone());
            } else {
                self.slug_taken(listed, slug.clone());
            }
        }
        let mut wanted: BTreeMap<Slug, usize> = BTreeMap::new();
        let unnamed = || unknown.iter().filter(|(_, listed)| listed.slug.is_none());
        for (_, listed) in unnamed() {
            *wanted.entry(derived(listed)).or_default() += 1;
        }
        for (at, listed) in unnamed() {
            let short = derived(listed);
            let alone = wanted.get(&short) == Some(&1) && is_free(&short, &taken);
            let slug = if alone { short } else { with_identifier(&short, listed) };
            if is_free(&slug, &taken) && (alone || !wanted.contains_key(&slug)) {
                taken.insert(slug.clone());
                slugs.insert(*at, slug);
            } else {
                self.slug_taken(listed, slug);
            }
        }
        for (at, listed) in unknown {
            let Some(slug) = slugs.remove(at) else { continue };
            let standing = standing_of(listed.condition, AccountStanding::InUse);
            let target = Target::New(self.new.len());
            let bound = state.binding_in(&project, Factor::Password);
            let seals = listed.credential.is_some() && self.seal(listed, standing, &bound, (target, *at));
            self.new.push(New { listed, slug, standing, seals });
        }
    }

    fn slug_taken(&mut self, listed: &Listed, slug: Slug) {
        let unsealed = listed.credential.is_some();
        self.refused.push(Refused { place: listed.place, why: Reason::SlugTaken(slug), unsealed });
    }
}

/// Longest slug, in characters.
const LONGEST: usize = 40;

/// A slug from an account's name; where that has no letter or digit that a slug
/// may have, from provider and identifier.
fn derived(listed: &Listed) -> Slug {
    let name = listed.name.as_ref().map_or("", |name| name.as_str());
    slugged(name, LONGEST).unwrap_or_else(|| with_identifier(&provider_slug(&listed.provider), listed))
}

fn provider_slug(provider: &Provider) -> Slug {
    slugged(&provider.to_string(), LONGEST).expect("a provider's name is a slug")
}

/// A slug and what tells the account from all others: its identifier, or where
/// that is no slug or too long, twelve digits of a hash of it.
fn with_identifier(short: &Slug, listed: &Listed) -> Slug {
    let plain = |id: &str| id.len() <= 20 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let end = match listed.external_id.as_str() {
        id if plain(id) => id.to_owned(),
        id => {
            let named = Sha256::new().chain_update(listed.provider.to_string()).chain_update([0]);
            let digest: [u8; 32] = named.chain_update(id).finalize().into();
            data_encoding::HEXLOWER.encode(&digest).chars().take(12).collect()
        }
    };
    let room = LONGEST - 1 - end.len();
    let begin = short.as_str().get(..room.min(short.as_str().len())).unwrap_or_default();
    format!("{}-{end}", begin.trim_end_matches('-')).parse().expect("of slugs, and short enough")
}

/// Letters and digits of a text as a slug, a `-` for whatever stands between
/// them. Accents are left out.
fn slugged(text: &str, longest: usize) -> Option<Slug> {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match (c, plain(c)) {
            (c, _) if c.is_ascii_alphanumeric() => slug.push(c),
            (_, Some(letters)) => slug.push_str(letters),
            // A mark on the letter before.
            ('\u{300}'..='\u{36f}', _) => {}
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let cut = slug.trim_matches('-').chars().take(longest).collect::<String>();
    cut.trim_matches('-').parse().ok()
}

/// A Latin letter without what is on it.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' | 'ģ' => "g",
        'ì'..='ï' | 'ī' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ß' => "ss",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

impl Vault {
    /// Enters what a plan says and seals its passwords, each soon after its account
    /// was entered: one core enters while others deal. The plan was made from
    /// the log at hand; interrupted anywhere, the list can be applied again.
    pub fn apply_import<R: CryptoRng>(
        &mut self,
        log: &mut Log,
        plan: &Plan<'_>,
        clock: &dyn Fn() -> Time,
        rng: &(dyn Fn() -> R + Sync),
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Applied, VaultError> {
        let mut random = rng();
        let new: Vec<_> = plan.new.iter().map(|_| AccountId::random(&mut random)).collect();
        let mut applied = Applied::default();
        for changes in plan.changed.chunks(BATCH) {
            let (mut events, mut records) = (Vec::new(), Records::default());
            for change in changes {
                change.events(&mut events, &mut records, &mut random)?;
            }
            if !events.is_empty() {
                applied.entries += events.len();
                self.commit_host(log, clock(), events, records)?;
            }
        }
        let target = |target: &Target| match target {
            Target::Known(account) => Some(*account),
            Target::New(at) => new.get(*at).copied(),
        };
        let accounts: Vec<_> = plan.seals.iter().filter_map(|(to, _)| target(to)).collect();
        let contents = |at: usize, _: &mut R| plan.payload(at);
        let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
        let bulk = Bulk { accounts: &accounts, contents: &contents, provenance, rng, clock };
        let mut left = plan.new.iter().zip(&new);
        let mut enter = |vault: &mut Self, log: &mut Log, until: usize| {
            while plan.new.len() - left.len() < until {
                let (mut events, mut records) = (Vec::new(), Records::default());
                for (one, id) in left.by_ref().take(BATCH) {
                    one.events(plan.project, *id, &mut events, &mut records, &mut random)?;
                }
                applied.entries += events.len();
                vault.commit_host(log, clock(), events, records)?;
            }
            Ok(())
        };
        let until = |seals: &[(Target, usize)]| {
            let new =
                seals.iter().filter_map(|(to, _)| if let Target::New(at) = to { Some(at + 1) } else { None });
            new.max().unwrap_or(0)
        };
        let mut in_time = |vault: &mut Self, log: &mut Log, places: Range<usize>| {
            enter(vault, log, plan.seals.get(places).map_or(0, until))
        };
        applied.passwords = self.enter_and_seal(log, &bulk, &mut in_time, go_on)?;
        // Those that nothing is sealed for, and all if it was stopped before its end.
        enter(self, log, plan.new.len())?;
        Ok(applied)
    }
}

impl Plan<'_> {
    /// What is sealed at a position among the passwords.
    fn payload(&self, at: usize) -> Result<Payload, VaultError> {
        let listed = self.seals.get(at).and_then(|(_, row)| self.list.accounts.get(*row));
        let found = listed.and_then(|l| l.login.as_ref().zip(l.credential.as_ref()));
        let (login, credential) = found.expect("a row whose password is to be sealed has one, and a login");
        let secret = |cell| self.list.secret(cell);
        Ok(Payload {
            login: secret(login),
            password: secret(&credential.password),
            notes: secret(&credential.notes),
        })
    }
}

impl New<'_> {
    fn events(
        &self,
        project: ProjectId,
        account: AccountId,
        events: &mut Vec<Event>,
        records: &mut Records,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let name = self.listed.name.as_ref();
        events.push(Event::AccountCreated {
            account,
            project,
            slug: self.slug.clone(),
            name: name.map(|name| keep_text(name.as_str(), records, rng)).transpose()?,
            provider: self.listed.provider.clone(),
            external_id: self.listed.external_id.clone(),
        });
        if !self.standing.in_use() {
            events.push(Event::AccountStandingSet { account, standing: self.standing });
        }
        Ok(())
    }
}

impl Changed<'_> {
    fn events(
        &self,
        events: &mut Vec<Event>,
        records: &mut Records,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let account = self.account;
        if let (Some(_), Some(name)) = (&self.renamed_from, &self.listed.name) {
            events.push(Event::AccountRenamed { account, name: keep_text(name.as_str(), records, rng)? });
        }
        if let Some((_, standing)) = self.standing {
            events.push(Event::AccountStandingSet { account, standing });
        }
        Ok(())
    }
}

/// Accounts of a scope that have no version yet, in the order of their addresses.
#[derive(Debug, Default)]
pub struct Unsealed {
    /// To be sealed.
    pub accounts: Vec<AccountId>,
    /// In use, and no group would hold them.
    pub unbound: Vec<AccountId>,
    /// Groups that will hold what is sealed.
    pub groups: Vec<GroupStatement>,
}

/// What of an organisation, project or account has no password yet.
pub fn unsealed(state: &Organisation, project: Option<&ProjectId>, slug: Option<&Slug>) -> Unsealed {
    let within = |found: &Account| {
        project.is_none_or(|p| found.project == *p) && slug.is_none_or(|slug| found.slug == *slug)
    };
    let mut found = Unsealed::default();
    for (id, account) in state.accounts.iter().filter(|(_, account)| within(account)) {
        let there = state.current_of(id, Factor::Password).is_some();
        if there || in_use(account, String::new).is_err() {
            continue;
        }
        match state.binding_of(id, Factor::Password) {
            Effective::Unbound => found.unbound.push(*id),
            Effective::Bound(_, group) => {
                if !found.groups.contains(group) {
                    found.groups.push(group.clone());
                }
                found.accounts.push(*id);
            }
        }
    }
    for list in [&mut found.accounts, &mut found.unbound] {
        list.sort_by_cached_key(|id| state.address(id));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, provider: &str, id: &str) -> Listed {
        Listed {
            place: Place { row: 1, line: 1 },
            slug: None,
            name: (!name.is_empty()).then(|| name.parse().unwrap()),
            provider: provider.parse().unwrap(),
            external_id: id.to_owned(),
            condition: Condition::Unsaid,
            login: None,
            credential: None,
        }
    }

    #[test]
    fn slugs_come_from_names_in_any_script() {
        for (name, slug) in [
            ("Webshop, Produktion", "webshop-produktion"),
            ("  Büro Łódź/№ 1 ", "buro-lodz-1"),
            ("e\u{301}te\u{301} STRASSE ẞ", "ete-strasse-ss"),
            ("割符 prod 本番", "prod"),
            ("割符", "aws-123456789012"),
            ("--- --", "aws-123456789012"),
            ("", "aws-123456789012"),
            (&"long name ".repeat(9), "long-name-long-name-long-name-long-name"),
        ] {
            assert_eq!(derived(&listed(name.trim(), "aws", "123456789012")).as_str(), slug, "{name}");
        }
    }

    #[test]
    fn an_identifier_that_is_no_slug_is_hashed() {
        let named = |id| derived(&listed("", "big-cloud", id)).to_string();
        assert_eq!(named("sub42"), "big-cloud-sub42");
        let (one, two) = (named("A/1"), named("A/2"));
        assert!(one != two && one.len() == "big-cloud-".len() + 12, "{one} {two}");
        let long = with_identifier(&"a".repeat(40).parse().unwrap(), &listed("", "aws", "123456789012"));
        assert_eq!(long.as_str(), format!("{}-123456789012", "a".repeat(27)));
    }

    #[test]
    fn that_an_account_is_open_says_nothing_of_its_credentials() {
        use AccountStanding::{Closed, CredentialLess, InUse};
        assert_eq!(standing_of(Condition::Open, CredentialLess), CredentialLess);
        assert_eq!(standing_of(Condition::Open, Closed), InUse);
        assert_eq!(standing_of(Condition::Is(Closed), CredentialLess), Closed);
        assert_eq!(standing_of(Condition::Unsaid, Closed), Closed);
    }
}
