//! The files of an export that people and their tools need beside the tiles: the
//! key, policies, the README. What they must be follows from the log, so that a
//! changed one is found. Nothing is read or written here.

use super::{ExportError, KEY, POLICIES, POLICY, README, Snapshot};
use crate::event::{Entry, Event, Line};
use crate::log::VerifierKey;
use crate::log::policy::Policy;
use crate::name::{GroupId, Slug};
use crate::state::Organisation;
use std::collections::BTreeMap;

/// What the README says, but for the log's name and key: the present text last.
/// An export that an earlier version made is no worse for its README, so a text
/// that was published is never edited: add the next.
const READMES: &[&str] = &[include_str!("README-1.txt"), include_str!("README.txt")];

/// The witness policies in force of a log's groups, as their members signed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies(BTreeMap<Slug, String>);

impl Policies {
    /// Those of a log that was replayed.
    pub fn of_state(state: &Organisation) -> Self {
        let set = state.witness_policies.iter();
        Self::new(set.filter_map(|(id, set)| Some((state.groups.get(id)?.slug.clone(), set.policy.clone()))))
    }

    /// Those of a log that is not replayed, as an export is made: the entries that
    /// set them are looked for. The last one of each group counts.
    pub(super) fn of_log(log: &Snapshot<'_>) -> Result<Self, ExportError> {
        let (mut groups, mut set) = (BTreeMap::new(), BTreeMap::<GroupId, String>::new());
        let policies = events(log, "\"witness-policy-set\":{")?;
        if policies.is_empty() {
            return Ok(Self::default());
        }
        for event in events(log, "\"group-formed\":{")?.into_iter().chain(policies) {
            match event {
                Event::GroupFormed(group) => {
                    groups.entry(group.group).or_insert(group.slug);
                }
                Event::WitnessPolicySet(policy) => {
                    set.insert(policy.group, policy.policy);
                }
                _ => {}
            }
        }
        Ok(Self::new(set.into_iter().filter_map(|(id, policy)| Some((groups.get(&id)?.clone(), policy)))))
    }

    /// Without those that ended waiting: `quorum none`.
    fn new(set: impl Iterator<Item = (Slug, String)>) -> Self {
        let demands = |text: &str| Policy::parse(text.as_bytes()).is_ok_and(|policy| !policy.needs_nobody());
        Self(set.filter(|(_, text)| demands(text)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The events of the entries that contain a text, in order.
fn events(log: &Snapshot<'_>, text: &str) -> Result<Vec<Event>, ExportError> {
    let read = log.entries_with(text)?.into_iter().map(|(index, entry)| {
        match Entry::from_line(&entry).map_err(|why| ExportError::BadEntry { index, why })? {
            Line::Known(entry) => Ok(Some(entry.event)),
            Line::Unknown { .. } => Ok(None),
        }
    });
    read.filter_map(Result::transpose).collect()
}

/// What a file of an export must be.
pub(super) enum Text {
    /// Just this.
    Is(String),
    /// One of these; the last is the one that is written.
    OneOf(Vec<String>),
}

impl Text {
    /// As it is written.
    pub fn present(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::OneOf(texts) => texts.last().map_or("", String::as_str),
        }
    }

    /// Whether a file is this.
    pub fn admits(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Is(text) => text.as_bytes() == bytes,
            Self::OneOf(texts) => texts.iter().any(|text| text.as_bytes() == bytes),
        }
    }
}

/// The files beside the tiles of a log with this key, by name. Without `policies`
/// it is not known which ones there are: `policy` may speak of them or not.
pub(super) fn texts(key: &VerifierKey, policies: Option<&Policies>) -> BTreeMap<String, Text> {
    let readme = |text: &&str| text.replace("{origin}", key.name()).replace("{key}", &key.to_string());
    let policy = match policies {
        Some(policies) => Text::Is(policy(key, !policies.is_empty())),
        None => Text::OneOf(vec![policy(key, false), policy(key, true)]),
    };
    let mut files = BTreeMap::from([
        (KEY.to_owned(), Text::Is(format!("{key}\n"))),
        (POLICY.to_owned(), policy),
        (README.to_owned(), Text::OneOf(READMES.iter().map(readme).collect())),
    ]);
    for (group, text) in policies.iter().flat_map(|policies| &policies.0) {
        files.insert(format!("{POLICIES}/{group}"), Text::Is(of_group(key, text)));
    }
    files
}

/// Which log this is. It cannot say whose cosignatures a checkpoint needs: each
/// group decides for its own releases, and a policy has one quorum, and no witness
/// twice.
fn policy(key: &VerifierKey, more: bool) -> String {
    let remark = "# The witnesses that each group's releases wait for: policies/GROUP.\n";
    format!("{}log {key}\nquorum none\n", if more { remark } else { "" })
}

/// A group's policy as it was signed, after a line that names the log where the
/// policy names none.
fn of_group(key: &VerifierKey, signed: &str) -> String {
    let named = Policy::parse(signed.as_bytes()).is_ok_and(|policy| !policy.logs().is_empty());
    if named { signed.to_owned() } else { format!("log {key}\n{signed}") }
}
