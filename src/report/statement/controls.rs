//! What the log shows about controls that an auditor asks for, and no more than
//! that: where it shows nothing, it says so. Numbers of controls are those of the
//! editions that are named; other editions number them otherwise.
//!
//! Editions: CIS Amazon Web Services Foundations Benchmark 1.4.0 to 4.0.1 (section
//! 1), NIST SP 800-53 Revision 5, PCI DSS 4.0.1, ISO/IEC 27001:2022 Annex A.
//! Long, because what is said of one control is read beside what is said of others.

use super::gathering::At;
use super::view::{Counts, View, row};
use crate::event::{Hash, Made, RootRecords};
use crate::name::{AccountId, Factor, Provider};
use crate::report::document::{Cell, Column, Document, Table, text, whole};
use crate::state::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Entries that a row names; of more the first.
const NAMED: usize = 100;

const CIS: (&str, &str) = ("CIS AWS Foundations Benchmark", "1.4.0 to 4.0.1");
const NIST: (&str, &str) = ("NIST SP 800-53", "Revision 5");
const PCI: (&str, &str) = ("PCI DSS", "4.0.1");
const ISO: (&str, &str) = ("ISO/IEC 27001", "2022, Annex A");

const CONTROLS: &[Column] = &[
    whole("framework", "framework"),
    whole("version", "edition"),
    whole("control", "control"),
    text("title", "what it wants"),
    whole("result", "result"),
    text("shows", "what the log shows"),
    text("limits", "what it does not show"),
];

/// What the log shows of a control.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Met,
    NotMet,
    Partly,
    NotShown,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not-met",
            Self::Partly => "partly",
            Self::NotShown => "not-shown",
        }
    }

    /// Of so many, where it holds of some, its contrary of others, and of the rest
    /// nothing is known.
    fn of(all: usize, good: usize, bad: usize) -> Self {
        match (good, bad) {
            (_, 1..) => Self::NotMet,
            (0, 0) => Self::NotShown,
            (good, 0) if good == all => Self::Met,
            _ => Self::Partly,
        }
    }
}

/// A control, as far as the log shows it.
struct Finding {
    of: (&'static str, &'static str),
    control: &'static str,
    title: &'static str,
    shown: Outcome,
    shows: String,
    limits: &'static str,
    entries: BTreeSet<u64>,
}

/// All of an organisation's evidence, by control.
pub fn controls(view: &View<'_>) -> Document {
    let evidence = Evidence::of(view);
    let findings = [
        evidence.access_keys(),
        evidence.mfa(),
        evidence.hardware_mfa(),
        evidence.use_of_root(),
        evidence.dual_authorization(),
        evidence.protection_of_audit(),
        evidence.non_repudiation(),
        evidence.split_knowledge(),
        evidence.acceptance(),
        evidence.privileged_access(),
        evidence.logging(),
    ];
    let count = |shown| findings.iter().filter(|finding| finding.shown == shown).count() as u64;
    let counts = [
        ("met", "met", count(Outcome::Met)),
        ("not_met", "not met", count(Outcome::NotMet)),
        ("partly", "partly", count(Outcome::Partly)),
        ("not_shown", "not shown", count(Outcome::NotShown)),
    ];
    let words: Vec<_> = counts
        .iter()
        .filter(|(.., count)| *count > 0)
        .map(|(_, what, count)| format!("{count} {what}"))
        .collect();
    let verdict =
        (format!("Of {} controls: {}.", findings.len(), words.join(", ")), count(Outcome::NotMet) > 0);
    let mut remarks = view.remarks();
    remarks.push(
        "This is what the log shows, not an audit's result: whether a control is met is decided by who audits \
         it, on more than this. Numbers of controls move between editions."
            .to_owned(),
    );
    let rows = findings.into_iter().map(Finding::row).collect();
    let table = Table { key: "controls", headline: "Controls", columns: CONTROLS, rows, proven: true };
    let tables = vec![table, view.protection(None), view.reconciliations()];
    Document {
        report: "controls",
        title: format!("Evidence for controls: {}", view.state.slug),
        facts: view.facts(None),
        verdict,
        counts: counts.to_vec(),
        tables,
        remarks,
        checkpoint: view.checkpoint.clone(),
        positions: BTreeMap::new(),
    }
}

impl Finding {
    fn row(self) -> crate::report::document::Row {
        let all = self.entries.len();
        let more = match all > NAMED {
            true => format!(" Of {all} entries the first {NAMED} are named."),
            false => String::new(),
        };
        let cells = vec![
            Cell::Word(self.of.0),
            Cell::Word(self.of.1),
            Cell::Word(self.control),
            Cell::Word(self.title),
            Cell::Word(self.shown.as_str()),
            Cell::Text(self.shows + &more),
            Cell::Word(self.limits),
        ];
        row(cells, self.entries.into_iter().take(NAMED), self.shown == Outcome::NotMet)
    }
}

/// What findings are made of.
struct Evidence<'a, 'v> {
    view: &'a View<'v>,
    counts: Counts,
    /// AWS accounts in use.
    aws: Vec<AccountId>,
    /// Current passwords of accounts in use, with their entries.
    passwords: Vec<(&'a Hash, &'a Version, u64)>,
    /// Entries that formed the groups which hold those.
    holders: BTreeSet<u64>,
}

impl<'a, 'v> Evidence<'a, 'v> {
    fn of(view: &'a View<'v>) -> Self {
        let is_aws =
            |id: &AccountId| view.state.accounts.get(id).is_some_and(|a| a.provider == Provider::Aws);
        let all = view.accounts_of(None);
        let passwords: Vec<_> = all
            .iter()
            .filter(|id| view.in_use(id))
            .filter_map(|id| {
                let (credential, version) = view.state.current_of(id, Factor::Password)?;
                let at = view.gathered.versions.get(credential)?.sealed.index;
                Some((credential, version, at))
            })
            .collect();
        let holders =
            passwords.iter().filter_map(|(_, v, _)| view.gathered.groups.get(&v.sealing.group).copied());
        Self {
            counts: view.counts().1,
            holders: holders.collect(),
            aws: all.iter().filter(|id| view.in_use(id) && is_aws(id)).copied().collect(),
            passwords,
            view,
        }
    }

    /// What credential reports said: how many are as they must be, how many are
    /// not, and the entries.
    fn reported(
        &self,
        good: impl Fn(&(Option<bool>, Option<bool>)) -> Option<bool>,
    ) -> (usize, usize, Vec<At>) {
        let (mut right, mut wrong, mut entries) = (0, 0, Vec::new());
        for account in &self.aws {
            let (mfa, key, at) = self.view.protected(account);
            match good(&(mfa, key)) {
                Some(true) => right += 1,
                Some(false) => wrong += 1,
                None => continue,
            }
            entries.extend(at);
        }
        (right, wrong, entries)
    }

    /// The entry of an account's current version of a factor.
    fn sealed(&self, account: &AccountId, factor: Factor) -> Option<u64> {
        let (credential, _) = self.view.state.current_of(account, factor)?;
        self.view.gathered.versions.get(credential).map(|version| version.sealed.index)
    }

    fn oldest(at: &[At]) -> String {
        let oldest = at.iter().min().map(|at| at.time.to_minute());
        oldest.map(|time| format!(" The oldest of these reports was entered {time}.")).unwrap_or_default()
    }

    fn access_keys(&self) -> Finding {
        let (good, bad, at) = self.reported(|(_, key)| key.map(|active| !active));
        let (all, rest) = (self.aws.len(), self.aws.len() - good - bad);
        Finding {
            of: CIS,
            control: "1.4",
            title: "No access key of the root user exists",
            shown: Outcome::of(all, good, bad),
            shows: format!(
                "Of {all} AWS accounts in use: {good} without an active key and {bad} with one by IAM's \
                 credential reports, {rest} without a report.{}",
                Self::oldest(&at)
            ),
            limits: "A credential report says whether a key is active, not whether an inactive one exists. \
                     Accounts said to be credential-less or closed are not counted.",
            entries: at.iter().map(|at| at.index).collect(),
        }
    }

    fn mfa(&self) -> Finding {
        let (reported, bad, at) = self.reported(|(mfa, _)| *mfa);
        let mut entries: BTreeSet<_> = at.iter().map(|at| at.index).collect();
        let unreported = self.aws.iter().filter(|account| self.view.protected(account).0.is_none());
        let sealed = unreported.filter_map(|account| {
            self.sealed(account, Factor::Mfa).or_else(|| self.sealed(account, Factor::Device))
        });
        let sealed: Vec<_> = sealed.collect();
        entries.extend(&sealed);
        let (all, sealed) = (self.aws.len(), sealed.len());
        Finding {
            of: CIS,
            control: "1.5",
            title: "MFA is enabled for the root user",
            shown: Outcome::of(all, reported + sealed, bad),
            shows: format!(
                "Of {all} AWS accounts in use: {reported} with and {bad} without MFA by IAM's credential \
                 reports; {sealed} without a report have an authenticator sealed here; of {} nothing is \
                 known.{}",
                all - reported - bad - sealed,
                Self::oldest(&at)
            ),
            limits: "Of an authenticator that is sealed the log does not show that AWS has it enabled.",
            entries,
        }
    }

    fn hardware_mfa(&self) -> Finding {
        let (mut software, mut devices, mut without) = (0usize, 0usize, 0usize);
        let mut entries = BTreeSet::new();
        for account in &self.aws {
            let (mfa, _, at) = self.view.protected(account);
            let seed = self.sealed(account, Factor::Mfa);
            let device = self.sealed(account, Factor::Device);
            match (mfa, seed, device) {
                (Some(false), ..) => {
                    without += 1;
                    entries.extend(at.iter().map(|at| at.index));
                }
                (_, Some(_), _) => software += 1,
                (_, None, Some(_)) => devices += 1,
                (_, None, None) => {}
            }
            entries.extend(seed.into_iter().chain(device));
        }
        let shown = match (software + without, devices) {
            (1.., _) => Outcome::NotMet,
            (0, 1..) => Outcome::Partly,
            (0, 0) => Outcome::NotShown,
        };
        Finding {
            of: CIS,
            control: "1.6",
            title: "Hardware MFA is enabled for the root user",
            shown,
            shows: format!(
                "Of {} AWS accounts in use: {software} with a TOTP seed sealed here, which is a virtual device \
                 and no hardware; {without} without MFA by IAM's credential reports; {devices} with no seed and \
                 a note of a hardware device sealed here.",
                self.aws.len()
            ),
            limits: "A credential report does not tell hardware from virtual devices, and a sealed note does \
                     not show that AWS has the device enabled.",
            entries,
        }
    }

    /// Whether any of CloudTrail's records of the period were held against the log,
    /// and from when to when.
    fn trails(&self) -> (BTreeSet<u64>, String) {
        let of_trail = self.view.gathered.reconciled.iter().filter_map(|(at, found)| {
            let records = found.period.filter(|_| found.source == RootRecords::Cloudtrail)?;
            Some((at.index, records))
        });
        let all: Vec<_> = of_trail.collect();
        let from = all.iter().map(|(_, records)| records.from).min();
        let to = all.iter().map(|(_, records)| records.to).max();
        let words = match (from, to) {
            (Some(from), Some(to)) => {
                let (from, to) = (from.to_minute(), to.to_minute());
                format!("CloudTrail's records from {from} to {to} were held against the log")
            }
            _ => "No records of CloudTrail were held against the log".to_owned(),
        };
        (all.into_iter().map(|(index, _)| index).collect(), words)
    }

    fn use_of_root(&self) -> Finding {
        let (mut entries, words) = self.trails();
        let Counts { explained, unexplained, .. } = self.counts;
        let shown = match (unexplained, entries.is_empty()) {
            (1.., _) => Outcome::NotMet,
            (0, false) => Outcome::Partly,
            (0, true) => Outcome::NotShown,
        };
        entries.extend(self.view.gathered.uses.values().map(|used| used.entry));
        let ceremonies = self.counts.ceremonies;
        Finding {
            of: CIS,
            control: "1.7",
            title: "The root user is not used for administrative and daily tasks",
            shown,
            shows: format!(
                "{words}. Uses of root users in the period that a ceremony or a hand-over explains: {explained}; \
                 that nothing explains: {unexplained}. Ceremonies that were open in the period: {ceremonies}."
            ),
            limits: "Whether the records were complete and of every account, and what an explained use was \
                     for, is not in the log.",
            entries,
        }
    }

    /// Sealed passwords of accounts in use, as a result and in words.
    fn sealing(&self) -> (Outcome, String, BTreeSet<u64>) {
        let (all, there) = (self.counts.in_use, self.passwords.len() as u64);
        let released = &self.view.gathered.released;
        let least = released.iter().map(|(_, custodians)| *custodians).min();
        let shown = match there {
            0 => Outcome::NotShown,
            there if there == all => Outcome::Met,
            _ => Outcome::Partly,
        };
        let by = least.map(|least| format!(", each by {least} custodians or more")).unwrap_or_default();
        let words = format!(
            "Of {all} accounts in use, {there} have a password that is sealed for a group of which two \
             custodians or more must come. Releases in the period: {}{by}.",
            released.len()
        );
        let sealed = self.passwords.iter().map(|(_, _, at)| *at);
        let entries =
            self.holders.iter().copied().chain(released.iter().map(|(index, _)| *index)).chain(sealed);
        (shown, words, entries.collect())
    }

    fn dual_authorization(&self) -> Finding {
        let (shown, shows, entries) = self.sealing();
        Finding {
            of: NIST,
            control: "AC-3(2)",
            title: "Dual authorization",
            shown,
            shows,
            limits: "That nobody knows a password from elsewhere, and that mailboxes and other ways to \
                     recover a root user are kept as well, is not in the log.",
            entries,
        }
    }

    fn witnessed(&self) -> (usize, usize) {
        let groups = self.view.state.groups.len();
        (self.view.state.witness_policies.len(), groups)
    }

    fn protection_of_audit(&self) -> Finding {
        let (policies, groups) = self.witnessed();
        let size = self.view.checkpoint.size;
        Finding {
            of: NIST,
            control: "AU-9",
            title: "Protection of audit information",
            shown: Outcome::Partly,
            shows: format!(
                "{size} entries are in one hash tree whose root the log's key has signed: a change, a loss or \
                 an insertion shows. Groups whose releases wait for witnesses: {policies} of {groups}."
            ),
            limits: "Who can read or remove the log's files, and where copies of it are, is not in the log.",
            // The first entry announces the log's key.
            entries: self.view.gathered.policies.values().copied().chain([0]).collect(),
        }
    }

    fn non_repudiation(&self) -> Finding {
        let signed = self.view.gathered.signed;
        let range = self.view.gathered.signed_range;
        Finding {
            of: NIST,
            control: "AU-10",
            title: "Non-repudiation",
            shown: if signed == 0 { Outcome::NotShown } else { Outcome::Partly },
            shows: format!(
                "{signed} of {} entries of the period are acts of custodians and operators, each with the \
                 signature of its card, verified; the first and the last of them are named.",
                self.view.gathered.entries
            ),
            limits: "Who holds a card is not in the log, which knows pseudonyms. Acts of the host's \
                     administration are signed by the log's key alone.",
            entries: range.into_iter().flat_map(|(first, last)| [first, last]).collect(),
        }
    }

    fn split_knowledge(&self) -> Finding {
        let (sealed, words, entries) = self.sealing();
        let known = |(credential, version, _): &&(&Hash, &Version, u64)| {
            let seen = self.view.gathered.versions.get(*credential);
            let seen = seen.is_some_and(|sealed| self.view.seen_by(credential, sealed).is_some());
            version.sealing.made != Made::Generated || seen || version.exposed.is_some()
        };
        let known = self.passwords.iter().filter(known).count();
        let shown = if known > 0 && sealed == Outcome::Met { Outcome::Partly } else { sealed };
        Finding {
            of: PCI,
            control: "3.7.6",
            title: "Split knowledge and dual control where people handle keys in clear text",
            shown,
            shows: format!(
                "{words} Of these passwords typed, imported, shown to somebody or released, so that one person \
                 may know all of it: {known}."
            ),
            limits: "It is of root passwords that are sealed here; cryptographic keys elsewhere are not in \
                     the log. A program that installed a password unseen could have kept it.",
            entries,
        }
    }

    fn acceptance(&self) -> Finding {
        let groups = &self.view.state.groups;
        let members: usize = groups.values().map(|group| group.members.len()).sum();
        let bound = &self.view.gathered.bound;
        Finding {
            of: PCI,
            control: "3.7.8",
            title: "Key custodians accept their responsibilities in writing",
            shown: if groups.is_empty() { Outcome::NotShown } else { Outcome::Partly },
            shows: format!(
                "Groups: {}; memberships, each signed by its custodian's card: {members}; bindings, in which a \
                 quorum has signed that its group holds what is sealed in a scope: {}.",
                groups.len(),
                bound.len()
            ),
            limits: "What is signed are keys, members and threshold: a text of responsibilities, and who the \
                     custodians are, is not in the log.",
            entries: self.view.gathered.groups.values().chain(bound).copied().collect(),
        }
    }

    fn privileged_access(&self) -> Finding {
        let (sealed, words, mut entries) = self.sealing();
        let Counts { late, overdue, unexplained, .. } = self.counts;
        let (trails, held_against) = self.trails();
        let managed = late + overdue == 0 && !trails.is_empty();
        let shown = match (unexplained, sealed) {
            (1.., _) => Outcome::NotMet,
            (0, Outcome::Met) if !managed => Outcome::Partly,
            (0, sealed) => sealed,
        };
        entries.extend(trails);
        let admitted = &self.view.gathered.admitted;
        entries.extend(admitted);
        Finding {
            of: ISO,
            control: "A.8.2",
            title: "Privileged access rights are restricted and managed",
            shown,
            shows: format!(
                "{words} Admissions and withdrawals of operators in the period: {}; versions exposed for longer \
                 than allowed: {late}; passwords overdue: {overdue}. {held_against}; uses that nothing \
                 explains: {unexplained}.",
                admitted.len()
            ),
            limits: "Other privileged rights than root users' are not in the log.",
            entries,
        }
    }

    fn logging(&self) -> Finding {
        let gathered = self.view.gathered;
        let (policies, groups) = self.witnessed();
        let analysed = gathered.reconciled.len();
        let shown = match (gathered.entries, analysed) {
            (0, 0) => Outcome::NotShown,
            (_, 0) | (0, _) => Outcome::Partly,
            _ => Outcome::Met,
        };
        Finding {
            of: ISO,
            control: "A.8.15",
            title: "Logs are produced, stored, protected and analysed",
            shown,
            shows: format!(
                "For what is done with root credentials here: {} entries in the period, in a hash tree that the \
                 log's key has signed; groups whose releases wait for witnesses: {policies} of {groups}. \
                 Reconciliations with the provider's records, of the period or in it: {analysed}.",
                gathered.entries
            ),
            limits: "Logs of other systems, and who reads this one besides, are not in it.",
            entries: gathered.reconciled.iter().map(|(at, _)| at.index).chain([0]).collect(),
        }
    }
}
