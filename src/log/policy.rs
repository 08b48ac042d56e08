//! Which cosignatures a checkpoint needs (C2SP tlog-policy): logs, witnesses,
//! groups of them and the quorum. Nobody is asked for a cosignature here, and
//! how old one may be is not known.
//!
//! Of what the specification leaves open: a policy is UTF-8, at most
//! [`MAX_POLICY`] bytes, with at most [`MAX_EACH`] logs, witnesses and groups;
//! keys are of types 01 (logs) and 04 (witnesses) alone.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::{KeyType, Note, NoteError, NoteText, VerifierKey};
use std::fmt;

/// Longest policy in bytes.
pub const MAX_POLICY: usize = 64 * 1024;

/// Most logs, witnesses and groups, each.
pub const MAX_EACH: usize = 32;

/// The name of a quorum that needs no cosignature.
const NONE: &str = "none";

/// Why a policy was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum PolicyFileError {
    /// Longer than [`MAX_POLICY`].
    #[error("a policy of {length} bytes is too long: the limit is {MAX_POLICY}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
    /// Not UTF-8.
    #[error("a policy is UTF-8")]
    NotUtf8,
    /// A control character other than tab and newline.
    #[error("line {line} has a control character")]
    ControlCharacter {
        /// Its number, counted from 1.
        line: usize,
    },
    /// The last line does not end in a newline.
    #[error("the last line does not end in a newline")]
    LastLine,
    /// No line of a known kind, or with too few or too many items.
    #[error("line {line} is not a log, witness, group or quorum line")]
    Line {
        /// Its number, counted from 1.
        line: usize,
    },
    /// A key that is malformed, or of a type that this program cannot verify.
    #[error("line {line}: {why}")]
    Key {
        /// Its number, counted from 1.
        line: usize,
        /// Why.
        why: NoteError,
    },
    /// A log's key where a witness's belongs, or the other way round.
    #[error("line {line}: the key '{key}' is of the wrong type")]
    KeyType {
        /// Its number, counted from 1.
        line: usize,
        /// Name of the key.
        key: String,
    },
    /// A public key for the second time.
    #[error("line {line}: the key '{key}' stands in the policy already")]
    KeyTwice {
        /// Its number, counted from 1.
        line: usize,
        /// Name of the key.
        key: String,
    },
    /// A name that is taken, or `none`.
    #[error("line {line}: the name '{name}' is taken")]
    NameTaken {
        /// Its number, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A name that no line before this one defines.
    #[error("line {line}: no line before this one defines '{name}'")]
    Undefined {
        /// Its number, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// A member of two groups, or of one twice.
    #[error("line {line}: '{name}' is a member of a group already")]
    MemberTwice {
        /// Its number, counted from 1.
        line: usize,
        /// The name.
        name: String,
    },
    /// Neither `all` nor `any` nor a number from 1 to the number of members.
    #[error("line {line}: '{text}' is not a threshold for {members} members")]
    Threshold {
        /// Its number, counted from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// Number of members.
        members: usize,
    },
    /// More than [`MAX_EACH`] of a kind.
    #[error("line {line}: more than {MAX_EACH} {what}")]
    TooMany {
        /// Its number, counted from 1.
        line: usize,
        /// Of what.
        what: &'static str,
    },
    /// Two quorum lines.
    #[error("line {line}: there is a quorum line already")]
    SecondQuorum {
        /// Its number, counted from 1.
        line: usize,
    },
    /// No quorum line.
    #[error("there is no quorum line")]
    NoQuorum,
}

/// Why a checkpoint does not satisfy a policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// A signature of a key that the policy names is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// None of the logs that the policy names has signed it under its own name.
    #[error("no log that the policy names has signed the checkpoint of '{origin}'")]
    OtherLog {
        /// Origin of the checkpoint.
        origin: String,
    },
    /// The quorum is not reached.
    #[error("{found} of {needed} witnesses: {} missing", .missing.join(", "))]
    TooFew {
        /// Members of the quorum that have cosigned.
        found: usize,
        /// How many are needed.
        needed: usize,
        /// Witnesses of the quorum that have not cosigned.
        missing: Vec<String>,
    },
}

/// A log that a policy accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Its key; the key's name is the log's origin.
    pub key: VerifierKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that a policy knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// Its name in this policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Its submission prefix.
    pub url: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Group {
    name: String,
    needed: usize,
    members: Vec<Member>,
}

/// A policy. Prints in one form: logs, witnesses, groups, quorum, without
/// comments, thresholds as numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// `None` for `quorum none`.
    quorum: Option<Member>,
}

/// Proof that a policy was satisfied, and by which checkpoint. Only
/// [`Policy::check`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "it is the proof that the policy is satisfied"]
pub struct Satisfied {
    text: NoteText,
    by: Vec<String>,
}

impl Satisfied {
    /// The checkpoint that satisfied it.
    pub fn text(&self) -> &NoteText {
        &self.text
    }

    /// Names, in the policy, of the witnesses that have cosigned.
    pub fn by(&self) -> &[String] {
        &self.by
    }
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyFileError> {
        if bytes.len() > MAX_POLICY {
            return Err(PolicyFileError::TooLong { length: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| PolicyFileError::NotUtf8)?;
        let text = text.strip_suffix('\n').ok_or(PolicyFileError::LastLine)?;
        let mut reader = Reader::default();
        for (content, line) in text.split('\n').zip(1..) {
            if content.contains(|c: char| c.is_ascii_control() && c != '\t') {
                return Err(PolicyFileError::ControlCharacter { line });
            }
            let items: Vec<_> = content.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
            match items.first() {
                Some(first) if !first.starts_with('#') => reader.line(line, &items)?,
                _ => {}
            }
        }
        let Reader { logs, witnesses, groups, quorum, .. } = reader;
        Ok(Self { logs, witnesses, groups, quorum: quorum.ok_or(PolicyFileError::NoQuorum)? })
    }

    /// Logs that it accepts; with none, the caller knows which log it is about.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// Witnesses that it knows.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether no cosignature is needed: `quorum none`.
    pub fn needs_nobody(&self) -> bool {
        self.quorum.is_none()
    }

    /// Their keys.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.witnesses.iter().map(|witness| &witness.key)
    }

    /// Whether a log of this key is accepted.
    pub fn accepts(&self, log: &VerifierKey) -> bool {
        self.logs.is_empty() || self.logs.iter().any(|l| l.key == *log)
    }

    /// Checks a signed checkpoint. A wrong signature of a key that the policy
    /// names refuses the note, whoever else has signed it. Where the policy names
    /// no log, that the log itself has signed is for the caller to check.
    pub fn check(&self, note: &Note) -> Result<Satisfied, PolicyError> {
        let logs = self.logs.iter().map(|l| &l.key);
        let known: Vec<_> = logs.chain(self.witnesses.iter().map(|w| &w.key)).cloned().collect();
        let signed = match note.verify(&known) {
            Ok((_, signed)) => signed,
            Err(NoteError::NotSigned) => Vec::new(),
            Err(why) => return Err(why.into()),
        };
        let text = note.unverified_text();
        let origin = Checkpoint::parse(text)?.origin;
        let by_log = |l: &Log| l.key.name() == origin && signed.iter().any(|by| by.key == l.key);
        if !self.logs.is_empty() && !self.logs.iter().any(by_log) {
            return Err(PolicyError::OtherLog { origin });
        }
        let has = |w: &Witness| signed.iter().any(|by| by.key == w.key);
        let cosigned: Vec<bool> = self.witnesses.iter().map(has).collect();
        self.check_quorum(&cosigned)?;
        let by = self.witnesses.iter().zip(&cosigned).filter(|(_, has)| **has);
        Ok(Satisfied { text: text.clone(), by: by.map(|(w, _)| w.name.clone()).collect() })
    }

    fn check_quorum(&self, cosigned: &[bool]) -> Result<(), PolicyError> {
        let Some(quorum) = self.quorum else { return Ok(()) };
        if self.holds(quorum, cosigned) {
            return Ok(());
        }
        let (found, needed) = match quorum {
            Member::Witness(_) => (0, 1),
            Member::Group(at) => self.groups.get(at).map_or((0, 1), |g| (self.count(g, cosigned), g.needed)),
        };
        let mut missing = Vec::new();
        self.missing(quorum, cosigned, &mut missing);
        Err(PolicyError::TooFew { found, needed, missing })
    }

    /// Groups name only what stands before them, so this ends.
    fn holds(&self, member: Member, cosigned: &[bool]) -> bool {
        match member {
            Member::Witness(at) => cosigned.get(at).copied().unwrap_or(false),
            Member::Group(at) => self.groups.get(at).is_some_and(|g| self.count(g, cosigned) >= g.needed),
        }
    }

    fn count(&self, group: &Group, cosigned: &[bool]) -> usize {
        group.members.iter().filter(|member| self.holds(**member, cosigned)).count()
    }

    fn missing(&self, member: Member, cosigned: &[bool], into: &mut Vec<String>) {
        if self.holds(member, cosigned) {
            return;
        }
        match member {
            Member::Witness(at) => into.extend(self.witnesses.get(at).map(|w| w.name.clone())),
            Member::Group(at) => {
                let members = self.groups.get(at).map(|g| g.members.as_slice()).unwrap_or_default();
                members.iter().for_each(|member| self.missing(*member, cosigned, into));
            }
        }
    }

    fn name_of(&self, member: Member) -> &str {
        match member {
            Member::Witness(at) => self.witnesses.get(at).map_or(NONE, |w| &w.name),
            Member::Group(at) => self.groups.get(at).map_or(NONE, |g| &g.name),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
        }
        for group in &self.groups {
            write!(f, "group {} {}", group.name, group.needed)?;
            group.members.iter().try_for_each(|member| write!(f, " {}", self.name_of(*member)))?;
            writeln!(f)?;
        }
        writeln!(f, "quorum {}", self.quorum.map_or(NONE, |member| self.name_of(member)))
    }
}

#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    named: Vec<(String, Member)>,
    used: Vec<Member>,
    quorum: Option<Option<Member>>,
}

impl Reader {
    fn line(&mut self, line: usize, items: &[&str]) -> Result<(), PolicyFileError> {
        match items {
            ["log", key] => self.log(line, key, None),
            ["log", key, url] => self.log(line, key, Some((*url).to_owned())),
            ["witness", name, key] => self.witness(line, name, key, None),
            ["witness", name, key, url] => self.witness(line, name, key, Some((*url).to_owned())),
            ["group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(line, name, threshold, members)
            }
            ["quorum", _] if self.quorum.is_some() => Err(PolicyFileError::SecondQuorum { line }),
            ["quorum", NONE] => {
                self.quorum = Some(None);
                Ok(())
            }
            ["quorum", name] => {
                self.quorum = Some(Some(self.find(line, name)?));
                Ok(())
            }
            _ => Err(PolicyFileError::Line { line }),
        }
    }

    fn log(&mut self, line: usize, key: &str, url: Option<String>) -> Result<(), PolicyFileError> {
        room(line, self.logs.len(), "logs")?;
        let key = key_of(line, key, KeyType::Ed25519)?;
        if self.logs.iter().any(|other| other.key.public() == key.public()) {
            return Err(PolicyFileError::KeyTwice { line, key: key.name().to_owned() });
        }
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn witness(
        &mut self,
        line: usize,
        name: &str,
        key: &str,
        url: Option<String>,
    ) -> Result<(), PolicyFileError> {
        room(line, self.witnesses.len(), "witnesses")?;
        let key = key_of(line, key, KeyType::Cosignature)?;
        if self.witnesses.iter().any(|other| other.key.public() == key.public()) {
            return Err(PolicyFileError::KeyTwice { line, key: key.name().to_owned() });
        }
        self.define(line, name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: name.to_owned(), key, url });
        Ok(())
    }

    fn group(
        &mut self,
        line: usize,
        name: &str,
        threshold: &str,
        members: &[&str],
    ) -> Result<(), PolicyFileError> {
        room(line, self.groups.len(), "groups")?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            let one = self.find(line, member)?;
            if self.used.contains(&one) {
                return Err(PolicyFileError::MemberTwice { line, name: (*member).to_owned() });
            }
            self.used.push(one);
            found.push(one);
        }
        let needed = match threshold {
            "all" => Some(found.len()),
            "any" => Some(1),
            number => number.parse().ok().filter(|k: &usize| k.to_string() == number),
        };
        let needed = needed.filter(|k| (1..=found.len()).contains(k));
        let needed = needed.ok_or_else(|| PolicyFileError::Threshold {
            line,
            text: threshold.to_owned(),
            members: found.len(),
        })?;
        self.define(line, name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { name: name.to_owned(), needed, members: found });
        Ok(())
    }

    fn define(&mut self, line: usize, name: &str, member: Member) -> Result<(), PolicyFileError> {
        if name == NONE || self.named.iter().any(|(taken, _)| taken == name) {
            return Err(PolicyFileError::NameTaken { line, name: name.to_owned() });
        }
        self.named.push((name.to_owned(), member));
        Ok(())
    }

    fn find(&self, line: usize, name: &str) -> Result<Member, PolicyFileError> {
        let found = self.named.iter().find(|(known, _)| known == name).map(|(_, member)| *member);
        found.ok_or_else(|| PolicyFileError::Undefined { line, name: name.to_owned() })
    }
}

fn room(line: usize, there: usize, what: &'static str) -> Result<(), PolicyFileError> {
    if there < MAX_EACH { Ok(()) } else { Err(PolicyFileError::TooMany { line, what }) }
}

fn key_of(line: usize, text: &str, kind: KeyType) -> Result<VerifierKey, PolicyFileError> {
    let key = VerifierKey::parse(text).map_err(|why| PolicyFileError::Key { line, why })?;
    if key.kind() == kind {
        return Ok(key);
    }
    Err(PolicyFileError::KeyType { line, key: key.name().to_owned() })
}

#[cfg(test)]
mod tests;
