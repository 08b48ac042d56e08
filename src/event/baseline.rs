//! What people say of an account that nobody can see here, and what is signed. Who
//! may say it, and when it no longer holds, `state::baseline` decides.

use super::{Hash, TextHash};
use crate::hex::Bytes;
use crate::name::{AccountId, NameError, OrganisationId, Pseudonym};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// What a statement is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineFact {
    /// It is recorded who holds the mailbox of the root user's address: whoever
    /// reads it can set a new password, past every quorum.
    Mailbox,
    /// The provider's contacts for billing, operations and security are set.
    Contacts,
}

impl BaselineFact {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mailbox, Self::Contacts];

    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Contacts => "contacts",
        }
    }
}

impl std::str::FromStr for BaselineFact {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let known = Self::ALL.into_iter().find(|fact| fact.as_str() == text);
        known.ok_or_else(|| NameError::Fact(text.to_owned()))
    }
}

impl std::fmt::Display for BaselineFact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether it is said or taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaselineWord {
    /// It holds, as the text says.
    Stated,
    /// What was stated holds no more.
    Withdrawn,
}

impl BaselineWord {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A signed statement about an account, or that one holds no more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineStatement {
    /// Whose root user.
    pub account: AccountId,
    /// What it is about.
    pub fact: BaselineFact,
    /// Number of the statement about this fact of this account, from 1: an old
    /// one's signature is of no use again.
    pub serial: u64,
    /// Said or taken back.
    pub word: BaselineWord,
    /// What was said: the hash of an erasable text. What is taken back needs none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<TextHash>,
    /// Which operator or officer.
    pub by: Pseudonym,
    /// Its signature over [`BaselineStatement::digest`].
    pub signature: Bytes<64>,
}

impl BaselineStatement {
    /// What is signed: `H("baseline-statement", organisation, account, fact, serial,
    /// word, [text], pseudonym)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        Transcript::new(label::BASELINE_STATEMENT)
            .part(organisation)
            .part(self.account)
            .part(self.fact.as_str())
            .int(self.serial)
            .part(self.word.as_str())
            .list(self.text.as_ref().map(|hash: &Hash| hash.as_ref()))
            .part(self.by.as_str())
            .finish()
    }
}
