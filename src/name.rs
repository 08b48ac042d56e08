//! Identifiers and names. Constructors validate; a value of one of these types
//! is well formed. Long, because what is a name, and what a wrong one is called, stands
//! in one place.

use crate::hex::Bytes;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Why a name was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Not a slug.
    #[error(
        "'{0}' is not a slug: use 1 to 40 of a-z, 0-9 and '-', beginning and ending with a letter or digit"
    )]
    Slug(String),
    /// Not a pseudonym.
    #[error("'{0}' is not a pseudonym: it is three words joined by '-', as printed at enrolment")]
    Pseudonym(String),
    /// Not an address of the expected shape.
    #[error("'{given}' is not an address: write {expected}")]
    Address {
        /// What was written.
        given: String,
        /// The shape that was expected.
        expected: &'static str,
    },
    /// Not an AWS account id.
    #[error("'{0}' is not an AWS account id: it has exactly 12 digits")]
    AwsAccountId(String),
    /// Not an external id of another provider.
    #[error("'{0}' is not an external id: use 1 to 64 printable ASCII characters without spaces")]
    ExternalId(String),
    /// Threshold or size out of range.
    #[error("a threshold of {threshold} among {size} is impossible: 2 ≤ threshold ≤ members ≤ 64")]
    Threshold {
        /// Wanted threshold.
        threshold: u64,
        /// Number of members.
        size: u64,
    },
    /// Display name is empty, too long or has control characters.
    #[error(
        "a display name has 1 to 200 characters, none of which is a control, invisible or turns the text"
    )]
    DisplayName,
    /// Not an origin.
    #[error(
        "'{0}' is not an origin: use 1 to 200 printable ASCII characters without space or '+', like example.com/warifu"
    )]
    Origin(String),
    /// No such standing of an account.
    #[error("'{0}' is not how an account stands: it is in-use, credential-less or closed")]
    Standing(String),
    /// Nothing that a statement is about.
    #[error("'{0}' is not what a statement is about: that is mailbox or contacts")]
    Fact(String),
    /// No such factor.
    #[error("'{0}' is not a factor: there are password, mfa, recovery-codes, file and device")]
    Factor(String),
}

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Bytes<32>);
        impl $name {
            /// A fresh random id.
            pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
                let mut id = [0; 32];
                rng.fill_bytes(&mut id);
                Self(Bytes(id))
            }
        }
        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_ref()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
id_types!(
    /// The vault's random id, from its creation entry.
    VaultId,
    /// An organisation's random id. The vault's own log uses the vault's id here.
    OrganisationId,
    /// A project's random id.
    ProjectId,
    /// An account's random id.
    AccountId,
    /// A group's random id.
    GroupId,
);

impl From<VaultId> for OrganisationId {
    fn from(vault: VaultId) -> Self {
        Self(vault.0)
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr, $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                #[allow(clippy::redundant_closure_call)]
                if ($check)(text.as_str()) { Ok(Self(text)) } else { Err($error(text)) }
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                text.to_owned().try_into()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// An ASCII name that is unique among its siblings: `[a-z0-9-]{1,40}`.
    Slug, is_slug, NameError::Slug
);
text_type!(
    /// Three random words that stand for a person in one organisation.
    Pseudonym, is_pseudonym, NameError::Pseudonym
);
text_type!(
    /// Origin of a log, or the base of such origins: 1 to 200 printable ASCII
    /// characters without space or `+`, as a signed note's key name must be.
    Origin,
    |t: &str| (1..=200).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic() && b != b'+'),
    NameError::Origin
);
text_type!(
    /// A name in any script, for people to read; never hashed, never in an entry.
    DisplayName,
    |t: &str| (1..=200).contains(&t.chars().count()) && !t.chars().any(unprintable) && t.trim() == t,
    |_| NameError::DisplayName
);

impl Origin {
    /// Origin of one log: base, `/`, the log's id.
    pub fn of_log(base: &Self, log: &OrganisationId) -> Self {
        Self(format!("{base}/{log}"))
    }
}

/// Which log of a vault: an organisation's by its name, or the vault's own. No
/// organisation can be called `@vault`: a slug has no `@`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogName {
    /// The vault's own log.
    Vault,
    /// An organisation's.
    Organisation(Slug),
}

/// What the vault's own log is called where organisations are.
const VAULT_LOG: &str = "@vault";

impl FromStr for LogName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == VAULT_LOG { Ok(Self::Vault) } else { text.parse().map(Self::Organisation) }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault => f.pad(VAULT_LOG),
            Self::Organisation(slug) => slug.fmt(f),
        }
    }
}

impl Serialize for LogName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

fn is_slug(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_pseudonym(text: &str) -> bool {
    let (mut words, mut letters) = (1, 0);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' if letters < 12 => letters += 1,
            b'-' if letters > 0 && words < 3 => (words, letters) = (words + 1, 0),
            _ => return false,
        }
    }
    words == 3 && letters > 0
}

/// Characters that a reader does not see, or that turn or hide what stands beside
/// them: controls of both sets, format and bidirectional characters, tags.
pub fn unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text that came from outside, for people to read: what is [`unprintable`] is
/// replaced by a point.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if unprintable(c) { '·' } else { c }).collect()
}

/// Whose root user it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Amazon Web Services: external ids have 12 digits.
    Aws,
    /// Any other provider, by name.
    #[serde(untagged)]
    Other(Slug),
}

impl FromStr for Provider {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "aws" { Ok(Self::Aws) } else { text.parse().map(Self::Other) }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws => f.pad("aws"),
            Self::Other(name) => name.fmt(f),
        }
    }
}

/// The provider's own identifier of an account, checked for its provider.
pub fn external_id(provider: &Provider, text: &str) -> Result<String, NameError> {
    let fits = match provider {
        Provider::Aws if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) => true,
        Provider::Aws => return Err(NameError::AwsAccountId(text.to_owned())),
        Provider::Other(_) => (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
    };
    if fits { Ok(text.to_owned()) } else { Err(NameError::ExternalId(text.to_owned())) }
}

/// What of an account is sealed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// Login id, password and notes.
    Password,
    /// The seed of an authenticator (TOTP). Nobody gets it out: it makes codes.
    Mfa,
    /// Codes that are good once each, for when the authenticator is lost.
    RecoveryCodes,
    /// A file: a key, a certificate.
    File,
    /// A hardware authenticator: its serial number and where it is kept.
    Device,
    /// Of no account: who the owner of a card is, sealed for the roster group.
    Identity,
}

/// To whom a ceremony gives what it opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recipient {
    /// To whoever asked.
    Requester,
    /// To the gate, which answers with what it makes of it.
    Gate,
}

impl Factor {
    /// Those of an account, which is all that a command line can name: an identity
    /// is bound, sealed and opened by commands of its own.
    pub const ALL: [Self; 5] = [Self::Password, Self::Mfa, Self::RecoveryCodes, Self::File, Self::Device];

    /// The name that is hashed and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Mfa => "mfa",
            Self::RecoveryCodes => "recovery-codes",
            Self::File => "file",
            Self::Device => "device",
            Self::Identity => "identity",
        }
    }

    /// Who gets what is sealed: the factor alone fixes it, whatever is asked.
    pub fn recipient(self) -> Recipient {
        match self {
            Self::Mfa => Recipient::Gate,
            Self::Password | Self::RecoveryCodes | Self::File | Self::Device | Self::Identity => {
                Recipient::Requester
            }
        }
    }

    /// The factor that nobody may hold together with this one, for the same account.
    pub fn kept_from(self) -> Option<Self> {
        match self {
            Self::Password => Some(Self::Mfa),
            Self::Mfa => Some(Self::Password),
            Self::RecoveryCodes | Self::File | Self::Device | Self::Identity => None,
        }
    }
}

impl FromStr for Factor {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let named = Self::ALL.into_iter().find(|factor| factor.as_str() == text);
        named.ok_or_else(|| NameError::Factor(text.to_owned()))
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `t` of `n`: `2 ≤ t ≤ n ≤ 64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threshold {
    t: u8,
    n: u8,
}

impl Threshold {
    /// Checks `2 ≤ t ≤ n ≤ 64`.
    pub fn new(t: usize, n: usize) -> Result<Self, NameError> {
        let refused = NameError::Threshold { threshold: t as u64, size: n as u64 };
        if t < 2 || t > n || n > 64 {
            return Err(refused);
        }
        Ok(Self { t: t as u8, n: n as u8 })
    }

    /// How many shares open.
    pub fn t(self) -> usize {
        self.t.into()
    }

    /// How many shares there are.
    pub fn n(self) -> usize {
        self.n.into()
    }
}

/// `org/project/account`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountAddress {
    /// Organisation.
    pub organisation: Slug,
    /// Project.
    pub project: Slug,
    /// Account.
    pub account: Slug,
}

/// `org/name`, for a project or a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberAddress {
    /// Organisation.
    pub organisation: Slug,
    /// Name in it.
    pub name: Slug,
}

/// `org`, `org/project` or `org/project/account`: where a binding applies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopeAddress {
    /// Organisation.
    pub organisation: Slug,
    /// Project, unless the whole organisation is meant.
    pub project: Option<Slug>,
    /// Account, unless the whole project is meant.
    pub account: Option<Slug>,
}

impl FromStr for AccountAddress {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match slugs(text, "org/project/account", 3..=3)?.as_slice() {
            [organisation, project, account] => Ok(Self {
                organisation: organisation.clone(),
                project: project.clone(),
                account: account.clone(),
            }),
            _ => Err(wrong_shape(text, "org/project/account")),
        }
    }
}

impl fmt::Display for AccountAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}/{}", self.organisation, self.project, self.account))
    }
}

impl FromStr for MemberAddress {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match slugs(text, "org/name", 2..=2)?.as_slice() {
            [organisation, name] => Ok(Self { organisation: organisation.clone(), name: name.clone() }),
            _ => Err(wrong_shape(text, "org/name")),
        }
    }
}

impl fmt::Display for MemberAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.organisation, self.name))
    }
}

impl FromStr for ScopeAddress {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = slugs(text, "org, org/project or org/project/account", 1..=3)?.into_iter();
        let organisation = parts.next().ok_or_else(|| wrong_shape(text, "org"))?;
        Ok(Self { organisation, project: parts.next(), account: parts.next() })
    }
}

impl fmt::Display for ScopeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.organisation)?;
        for part in self.project.iter().chain(&self.account) {
            write!(f, "/{part}")?;
        }
        Ok(())
    }
}

fn slugs(
    text: &str,
    expected: &'static str,
    count: std::ops::RangeInclusive<usize>,
) -> Result<Vec<Slug>, NameError> {
    let parts: Vec<_> = text.split('/').collect();
    if !count.contains(&parts.len()) {
        return Err(wrong_shape(text, expected));
    }
    parts.into_iter().map(str::parse).collect()
}

fn wrong_shape(given: &str, expected: &'static str) -> NameError {
    NameError::Address { given: given.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_ascii() {
        for bad in ["", "-a", "a-", "A", "ä", "a b", "a/b", &"a".repeat(41)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
        assert!("a-1".parse::<Slug>().is_ok());
    }

    #[test]
    fn aws_ids_have_twelve_digits() {
        assert!(external_id(&Provider::Aws, "123456789012").is_ok());
        for bad in ["12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"] {
            assert!(external_id(&Provider::Aws, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn thresholds_of_one_or_above_size_are_refused() {
        for (t, n) in [(1, 3), (0, 0), (4, 3), (2, 65)] {
            assert!(Threshold::new(t, n).is_err());
        }
        assert_eq!(Threshold::new(3, 5).unwrap().t(), 3);
    }

    #[test]
    fn addresses_have_their_shape() {
        assert!("a/b/c".parse::<AccountAddress>().is_ok());
        assert!("a/b".parse::<AccountAddress>().is_err());
        assert_eq!("a/b".parse::<ScopeAddress>().unwrap().to_string(), "a/b");
        assert!("a/b/c/d".parse::<ScopeAddress>().is_err());
        assert!("a//c".parse::<AccountAddress>().is_err());
    }
}
