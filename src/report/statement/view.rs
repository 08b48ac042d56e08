//! What was gathered of a period, as rows: of one project, or of all of an
//! organisation. Each table is made in one place, whichever document it is in.
//! Numbers are `counts.rs`'s, columns `columns.rs`'s. Long, because what one row says
//! of an entry another must not say otherwise: all rows are made here.

mod columns;
mod counts;

pub(super) use counts::Counts;

use super::gathering::{Gathering, Held, Replaced, Sealed};
use crate::event::{Accepts, AccountStanding, Ending, Hash, RootUse, Scope, Shown, TextHash};
use crate::name::{AccountId, Factor, ProjectId, Recipient};
use crate::report::document::{Cell, Checkpointed, Row, Table};
use crate::report::reconcile::{By, Verdict};
use crate::state::rotation::Place;
use crate::state::{Ceremony, Effective, Organisation, Standing};
use crate::time::{Span, Time};
use columns::{
    ACCOUNTS, CEREMONIES, EXPOSURES, PROTECTION, RECONCILIATIONS, REFUSALS, RENEWALS, USES, VERSIONS,
};
use std::collections::{BTreeMap, BTreeSet};

/// What documents are made of.
pub struct View<'a> {
    /// What the entries say.
    pub gathered: &'a Gathering,
    /// What they add up to at the period's end, or now if that is earlier.
    pub state: &'a Organisation,
    /// That time.
    pub as_of: Time,
    /// When the document is made.
    pub now: Time,
    /// The text behind a hash, unless it was erased.
    pub text: &'a dyn Fn(&TextHash) -> Option<String>,
    /// Where it is to be checked.
    pub checkpoint: Checkpointed,
}

/// A row with its entries.
pub(super) fn row(cells: Vec<Cell>, entries: impl IntoIterator<Item = u64>, alarm: bool) -> Row {
    Row { cells, entries: entries.into_iter().collect(), alarm }
}

/// How long a version was exposed, against what was allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InTime {
    /// It was replaced within the time.
    Yes,
    /// It was replaced, or is not, and the time is over.
    Late,
    /// There is time left.
    Running,
    /// No policy says when.
    NoPolicy,
}

impl InTime {
    fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "in-time",
            Self::Late => "late",
            Self::Running => "running",
            Self::NoPolicy => "no-policy",
        }
    }
}

impl View<'_> {
    pub(super) fn project_of(&self, account: &AccountId) -> Option<ProjectId> {
        self.state.accounts.get(account).map(|found| found.project)
    }

    pub(super) fn project_address(&self, project: &ProjectId) -> String {
        let found = self.state.projects.get(project);
        found.map_or_else(|| self.state.slug.to_string(), |project| self.state.project_address(project))
    }

    /// Whether an account is one of a project, or of any if none is named.
    fn is_in(&self, account: &AccountId, project: Option<&ProjectId>) -> bool {
        self.project_of(account).is_some_and(|found| project.is_none_or(|wanted| *wanted == found))
    }

    /// Accounts of a project, by address.
    pub(super) fn accounts_of(&self, project: Option<&ProjectId>) -> Vec<AccountId> {
        let mut ids: Vec<_> =
            self.state.accounts.keys().filter(|id| self.is_in(id, project)).copied().collect();
        ids.sort_by_cached_key(|id| self.state.address(id));
        ids
    }

    pub(super) fn in_use(&self, account: &AccountId) -> bool {
        self.state.accounts.get(account).is_some_and(|found| found.standing == AccountStanding::InUse)
    }

    /// Versions of a project, by address, factor and number.
    fn versions_of(&self, project: Option<&ProjectId>) -> Vec<(&Hash, &Sealed)> {
        let mut found: Vec<_> = self
            .gathered
            .versions
            .iter()
            .filter(|(_, version)| self.is_in(&version.account, project))
            .collect();
        found.sort_by_cached_key(|(_, v)| (self.state.address(&v.account), v.factor, v.version));
        found
    }

    /// Address, factor and version of a version.
    fn named(&self, version: &Sealed) -> [Cell; 3] {
        let address = self.state.address(&version.account);
        [Cell::Text(address), Cell::Word(version.factor.as_str()), Cell::Number(version.version)]
    }

    pub(super) fn accounts(&self, project: Option<&ProjectId>) -> Table {
        let one = |id: &AccountId| {
            let account = self.state.accounts.get(id)?;
            let (created, set) = self.gathered.accounts.get(id).copied()?;
            let group = match self.state.binding_of(id, Factor::Password) {
                Effective::Bound(_, group) => Some(self.state.group_address(group)),
                Effective::Unbound => None,
            };
            let current = self.state.current_of(id, Factor::Password);
            let cells = vec![
                Cell::Text(self.state.address(id)),
                Cell::maybe(account.name.and_then(|hash| (self.text)(&hash))),
                Cell::Text(account.provider.to_string()),
                Cell::Text(account.external_id.clone()),
                Cell::Word(account.standing.as_str()),
                Cell::maybe(group),
                Cell::maybe(current.map(|(_, version)| format!("version {}", version.sealing.version))),
            ];
            Some(row(cells, [created].into_iter().chain(set), current.is_none() && account.standing.in_use()))
        };
        let rows = self.accounts_of(project).iter().filter_map(one).collect();
        Table { key: "accounts", headline: "Accounts", columns: ACCOUNTS, rows, proven: true }
    }

    /// Who saw a version, as far as the log says.
    pub(super) fn seen_by(&self, credential: &Hash, version: &Sealed) -> Option<String> {
        let handled = self.state.rotations.handled.get(credential);
        handled.map(|who| format!("{who}, in a rotation")).or_else(|| {
            let seen = matches!(version.shown, Shown::Screen | Shown::File);
            seen.then(|| format!("whoever sealed it ({})", version.shown.as_str()))
        })
    }

    /// By when a version is to be renewed: passwords alone are, of accounts in use.
    fn renew_by(&self, credential: &Hash, version: &Sealed) -> Option<Time> {
        let current = self.state.place_of(credential) == Some(Place::Current);
        let renewed = current && version.factor == Factor::Password && self.in_use(&version.account);
        let found = self.state.versions.get(credential).filter(|_| renewed)?;
        self.state.rotation_rules(&version.account).due(found)
    }

    pub(super) fn versions(&self, project: Option<&ProjectId>) -> Table {
        let one = |(credential, version): (&Hash, &Sealed)| {
            let place = self.state.place_of(credential).filter(|place| *place != Place::Destroyed)?;
            let weakened = self.state.weakened(credential);
            let renew_by = self.renew_by(credential, version);
            let overdue = renew_by.is_some_and(|by| by < self.as_of);
            let exposed = version.exposed.map(|(at, _)| at);
            let to_host = version.exposed_to_host;
            let mut cells = self.named(version).to_vec();
            cells.extend([
                Cell::Word(place.as_str()),
                Cell::Time(version.sealed.time),
                Cell::Signed((self.as_of - version.sealed.time).whole_days()),
                Cell::time(exposed.map(|at| at.time)),
                Cell::time(to_host.map(|at| at.time)),
                Cell::maybe(self.seen_by(credential, version)),
                Cell::count(weakened),
                Cell::time(renew_by),
                Cell::Yes(overdue),
            ]);
            let entries = [Some(version.sealed), exposed, to_host].into_iter().flatten();
            let alarm = place == Place::Current && (exposed.is_some() || weakened > 0 || overdue);
            Some(row(cells, entries.map(|at| at.index), alarm))
        };
        let rows = self.versions_of(project).into_iter().filter_map(one).collect();
        Table { key: "versions", headline: "Sealed versions", columns: VERSIONS, rows, proven: true }
    }

    /// Targets of a ceremony that are of a project, by their index.
    fn targets<'c>(
        &self,
        ceremony: &'c Ceremony,
        project: Option<&ProjectId>,
    ) -> impl Iterator<Item = (u64, &'c Hash, AccountId, Factor, u64)> {
        let all = (0u64..).zip(&ceremony.targets).filter_map(|(index, credential)| {
            let begun = self.state.begun(credential)?;
            self.is_in(&begun.account, project).then_some((
                index,
                credential,
                begun.account,
                begun.factor,
                begun.version,
            ))
        });
        all.collect::<Vec<_>>().into_iter()
    }

    /// Ceremonies of the period that are for something of a project, in order.
    fn held(&self, project: Option<&ProjectId>) -> Vec<(&Hash, &Held, &Ceremony)> {
        let all = self.gathered.held.iter();
        let mut found: Vec<_> = all
            .filter_map(|(hash, held)| Some((hash, held, self.gathered.past.get(hash)?)))
            .filter(|(_, _, ceremony)| self.targets(ceremony, project).next().is_some())
            .collect();
        found.sort_by_key(|(_, held, _)| held.opened);
        found
    }

    /// Whether a ceremony is for something of a project.
    fn concerns(&self, ceremony: &Hash, project: Option<&ProjectId>) -> bool {
        let found = self.gathered.past.get(ceremony);
        found.is_some_and(|ceremony| self.targets(ceremony, project).next().is_some())
    }

    pub(super) fn ceremonies(&self, project: Option<&ProjectId>) -> Table {
        let rows = self.held(project).into_iter().map(|one| self.ceremony(one, project)).collect();
        let headline = "Ceremonies that were open in the period";
        Table { key: "ceremonies", headline, columns: CEREMONIES, rows, proven: true }
    }

    /// One ceremony. Long, because each cell is found out once, here.
    fn ceremony(
        &self,
        (hash, held, ceremony): (&Hash, &Held, &Ceremony),
        project: Option<&ProjectId>,
    ) -> Row {
        let mine: Vec<_> = self.targets(ceremony, project).collect();
        let indices: BTreeSet<_> = mine.iter().map(|(index, ..)| *index).collect();
        let elsewhere = ceremony.targets.len() - mine.len();
        let names = mine.iter().map(|(_, _, account, factor, version)| {
            let address = self.state.address(account);
            match factor {
                Factor::Password => format!("{address} v{version}"),
                factor => format!("{address} {factor} v{version}"),
            }
        });
        let more = (elsewhere > 0).then(|| format!("{elsewhere} of other projects"));
        let outcome = match ceremony.standing {
            Standing::Open if self.as_of > ceremony.expires => "overdue",
            Standing::Open => "open",
            Standing::Ended(Ending::Closed) => "closed",
            Standing::Ended(Ending::Aborted) => "aborted",
            Standing::Ended(Ending::Expired) => "expired",
        };
        let released = mine.iter().filter(|(index, ..)| ceremony.released.contains(index));
        let exposed = released.clone().any(|(_, _, _, factor, _)| factor.recipient() == Recipient::Requester);
        let said = |hash: Option<TextHash>| match hash.map(|hash| (self.text)(&hash)) {
            None => Cell::None,
            Some(None) => Cell::Text("(erased)".to_owned()),
            Some(Some(text)) => Cell::Text(text),
        };
        let gave =
            ceremony.accepted.iter().filter(|(_, targets)| targets.iter().any(|t| indices.contains(t)));
        let cells = vec![
            Cell::Text(hash.short()),
            Cell::Time(held.opened.time),
            Cell::time(held.ended.map(|at| at.time)),
            Cell::Word(ceremony.purpose.as_str()),
            Cell::Word(ceremony.mode.as_str()),
            Cell::Text(ceremony.operator.to_string()),
            Cell::Texts(gave.map(|(who, _)| who.to_string()).collect()),
            Cell::Texts(names.chain(more).collect()),
            Cell::count(released.count()),
            Cell::count(ceremony.revealed.intersection(&indices).count()),
            Cell::Number(ceremony.codes),
            Cell::Number(held.refused),
            Cell::Word(outcome),
            said(ceremony.ticket),
            said(Some(ceremony.reason)),
        ];
        let of_targets = held.of_targets.iter().filter(|(target, _)| indices.contains(target));
        let entries = held.entries.iter().copied().chain(of_targets.map(|(_, index)| *index));
        row(cells, entries, exposed || held.refused > 0)
    }

    /// Rotations of the period, and what was sealed in it without one.
    pub(super) fn renewals(&self, project: Option<&ProjectId>) -> Table {
        let mut rows = Vec::new();
        let mut turned = BTreeSet::new();
        for one in &self.gathered.turned {
            turned.insert(one.new);
            let Some(new) = self.state.begun(&one.new).filter(|new| self.is_in(&new.account, project)) else {
                continue;
            };
            let (how, handed) = match one.settled {
                None => ("not-settled", None),
                Some((_, Accepts::Old, handed)) => ("kept", Some(handed)),
                Some((_, Accepts::New, handed)) => ("rotated", Some(handed)),
            };
            let old = self.state.begun(&one.old).map(|old| old.version);
            let settled = one.settled.map(|(at, ..)| at);
            let cells = vec![
                Cell::Text(self.state.address(&new.account)),
                Cell::Word(new.factor.as_str()),
                old.map_or(Cell::None, Cell::Number),
                Cell::Number(new.version),
                Cell::Word(how),
                Cell::Time(one.begun.time),
                Cell::time(settled.map(|at| at.time)),
                handed.map_or(Cell::None, |handed| Cell::Word(handed.as_str())),
                Cell::Text(one.ceremony.short()),
            ];
            let sealed = self.gathered.versions.get(&one.new).map(|new| new.sealed);
            let entries = [Some(one.begun), sealed, settled].into_iter().flatten().map(|at| at.index);
            rows.push((one.begun, row(cells, entries, settled.is_none())));
        }
        let sealed = self.versions_of(project).into_iter().filter(|(credential, version)| {
            self.gathered.within.contains(&version.sealed.time) && !turned.contains(*credential)
        });
        rows.extend(sealed.map(|(_, version)| {
            let [address, factor, number] = self.named(version);
            let how = Cell::Word(if version.version == 1 { "first" } else { "sealed" });
            let (time, shown) = (Cell::Time(version.sealed.time), Cell::Word(version.shown.as_str()));
            let cells = vec![address, factor, Cell::None, number, how, time.clone(), time, shown, Cell::None];
            (version.sealed, row(cells, [version.sealed.index], false))
        }));
        rows.sort_by_key(|(at, _)| *at);
        let (key, headline) = ("rotations", "Rotations and new versions");
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Table { key, headline, columns: RENEWALS, rows, proven: true }
    }

    /// Versions that were exposed at some time of the period, with how that came out.
    pub(super) fn exposed(&self, project: Option<&ProjectId>) -> Vec<(&Hash, &Sealed, InTime)> {
        let found = self.versions_of(project).into_iter().filter(|(_, version)| self.was_exposed(version));
        found.map(|(credential, version)| (credential, version, self.in_time(version))).collect()
    }

    /// Whether a version was exposed in the period, or before and was not replaced
    /// until it began.
    fn was_exposed(&self, version: &Sealed) -> bool {
        let start = self.gathered.within.start;
        let replaced_before = version.replaced.is_some_and(|(at, _)| at.time < start);
        version.exposed.is_some_and(|(at, _)| at.time >= start || !replaced_before)
    }

    fn in_time(&self, version: &Sealed) -> InTime {
        let (Some((exposed, _)), Some(allowed)) = (version.exposed, self.allowed(version)) else {
            return InTime::NoPolicy;
        };
        let until = exposed.time + allowed;
        match version.replaced {
            // Replaced before, and then opened by its number.
            Some((replaced, _)) if replaced.time <= until => InTime::Yes,
            Some(_) => InTime::Late,
            None if self.as_of > until => InTime::Late,
            None => InTime::Running,
        }
    }

    fn allowed(&self, version: &Sealed) -> Option<Span> {
        let scope = Scope::Account(version.account);
        let hours = self.state.renewal_rules(&scope, version.factor).exposed_hours?;
        let span = Span::hours(i64::try_from(hours).unwrap_or(i64::MAX / 3_600_000));
        self.in_use(&version.account).then_some(span)
    }

    pub(super) fn exposures(&self, project: Option<&ProjectId>) -> Table {
        let one = |(_, version, in_time): (&Hash, &Sealed, InTime)| {
            let (exposed, ceremony) = version.exposed?;
            let replaced = version.replaced;
            let until = replaced.map_or(self.as_of, |(at, _)| at.time);
            let mut cells = self.named(version).to_vec();
            cells.extend([
                Cell::Time(exposed.time),
                Cell::Text(ceremony.short()),
                Cell::time(replaced.map(|(at, _)| at.time)),
                replaced.map_or(Cell::None, |(_, how): (_, Replaced)| Cell::Word(how.as_str())),
                Cell::Span(Span((until - exposed.time).0.max(0))),
                self.allowed(version).map_or(Cell::None, Cell::Span),
                Cell::Word(in_time.as_str()),
            ]);
            let entries = [Some(exposed), replaced.map(|(at, _)| at)].into_iter().flatten();
            Some(row(cells, entries.map(|at| at.index), in_time == InTime::Late))
        };
        let rows = self.exposed(project).into_iter().filter_map(one).collect();
        Table { key: "exposures", headline: "Exposures", columns: EXPOSURES, rows, proven: true }
    }

    /// Refusals in a project's ceremonies; drills' only where no project is named.
    pub(super) fn refusals(&self, project: Option<&ProjectId>) -> Table {
        let mine = |ceremony: &Option<Hash>| match (ceremony, project) {
            (Some(ceremony), _) => self.concerns(ceremony, project),
            (None, project) => project.is_none(),
        };
        let found = self.gathered.refused.iter().filter(|refused| mine(&refused.ceremony));
        let rows = found.map(|refused| {
            let cells = vec![
                Cell::Time(refused.at.time),
                Cell::Text(refused.custodian.to_string()),
                Cell::Word(refused.why),
                refused.ceremony.map_or(Cell::Word("drill"), |ceremony| Cell::Text(ceremony.short())),
            ];
            row(cells, [refused.at.index], false)
        });
        let rows = rows.collect();
        Table { key: "refusals", headline: "Refusals", columns: REFUSALS, rows, proven: true }
    }

    /// Uses of root users in the period, those of one kind and explanation together.
    pub(super) fn uses(&self, project: Option<&ProjectId>) -> Table {
        let mut grouped = BTreeMap::<(Verdict, AccountId, RootUse), (u64, Time, Time, BTreeSet<u64>)>::new();
        let mine = self.gathered.uses.values().filter(|used| self.is_in(&used.account, project));
        for used in mine {
            let place = grouped.entry((used.verdict, used.account, used.what));
            let (count, first, last, entries) = place.or_insert((0, used.at, used.at, BTreeSet::new()));
            *count += 1;
            (*first, *last) = ((*first).min(used.at), (*last).max(used.at));
            entries.insert(used.entry);
        }
        let rows = grouped.into_iter().map(|((verdict, account, what), (count, first, last, entries))| {
            let by = verdict.by().map(|by| match by {
                By::Ceremony(ceremony) => format!("ceremony {}", ceremony.short()),
                By::Sealing(version) => format!("sealing of version {version}"),
            });
            let cells = vec![
                Cell::Word(verdict.as_str()),
                Cell::Text(self.state.address(&account)),
                Cell::Word(what.as_str()),
                Cell::Number(count),
                Cell::Time(first),
                Cell::Time(last),
                Cell::maybe(by),
            ];
            row(cells, entries, verdict.is_alarm())
        });
        let headline = "Uses of root users, as reconciled";
        Table { key: "uses", headline, columns: USES, rows: rows.collect(), proven: true }
    }

    /// What credential reports said last: whether there is a second factor, and an
    /// active access key; with the entries.
    pub(super) fn protected(&self, account: &AccountId) -> (Option<bool>, Option<bool>, Vec<super::At>) {
        let said = |what| self.gathered.protection.get(&(*account, what)).copied();
        let (mfa, key) = (said(RootUse::MfaInactive), said(RootUse::AccessKeyActive));
        let weak = |said: Option<(Verdict, super::At)>| said.map(|(verdict, _)| verdict == Verdict::Weak);
        let at = [mfa, key].into_iter().flatten().map(|(_, at)| at).collect();
        (weak(mfa).map(|weak| !weak), weak(key), at)
    }

    pub(super) fn protection(&self, project: Option<&ProjectId>) -> Table {
        let yes = |known: Option<bool>| known.map_or(Cell::None, Cell::Yes);
        let rows = self.accounts_of(project).into_iter().filter_map(|account| {
            let (mfa, key, at) = self.protected(&account);
            let first = at.iter().min().copied()?;
            let cells =
                vec![Cell::Text(self.state.address(&account)), yes(mfa), yes(key), Cell::Time(first.time)];
            Some(row(cells, at.iter().map(|at| at.index), mfa == Some(false) || key == Some(true)))
        });
        let headline = "Root users by IAM's credential reports";
        Table { key: "protection", headline, columns: PROTECTION, rows: rows.collect(), proven: true }
    }

    pub(super) fn reconciliations(&self) -> Table {
        let rows = self.gathered.reconciled.iter().map(|(at, found)| {
            let cells = vec![
                Cell::Time(at.time),
                Cell::Word(found.source.as_str()),
                Cell::time(found.period.map(|period| period.from)),
                Cell::time(found.period.map(|period| period.to)),
                Cell::Number(found.explained),
                Cell::Number(found.unexplained),
                Cell::Number(found.weak),
                Cell::Number(found.pending),
                Cell::Number(found.failed),
                Cell::Number(found.before),
                Cell::Number(found.unused),
                Cell::Number(found.unread),
            ];
            row(cells, [at.index], found.unexplained + found.weak > 0)
        });
        let headline = "Reconciliations with the provider's records";
        Table {
            key: "reconciliations",
            headline,
            columns: RECONCILIATIONS,
            rows: rows.collect(),
            proven: true,
        }
    }

    /// What every document says of itself.
    pub(super) fn facts(&self, project: Option<&ProjectId>) -> Vec<(&'static str, &'static str, Cell)> {
        let name = self.state.name.and_then(|hash| (self.text)(&hash));
        let mut facts = vec![
            ("organisation", "organisation", Cell::Text(self.state.slug.to_string())),
            ("name", "organisation's name", Cell::maybe(name)),
        ];
        if let Some(project) = project {
            let found = self.state.projects.get(project).and_then(|project| project.name);
            facts.push(("project", "project", Cell::Text(self.project_address(project))));
            facts.push((
                "project_name",
                "project's name",
                Cell::maybe(found.and_then(|hash| (self.text)(&hash))),
            ));
        }
        facts.extend([
            ("from", "from", Cell::Time(self.gathered.within.start)),
            ("to", "up to, not with", Cell::Time(self.gathered.within.end)),
            ("as_of", "as it stood", Cell::Time(self.as_of)),
            ("made", "made", Cell::Time(self.now)),
        ]);
        facts
    }

    /// How far statements reach.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            "Accounts, versions and groups are as they stood when the period ended, or when this was made if \
             that is earlier; rotation policies too. Reconciliations of the period's records count although \
             they were entered later."
                .to_owned(),
            "Names, provider's ids and standings are the word of the host's administration. Pseudonyms stand \
             for people whom the log does not name. Uses of root users are known as far as the provider's \
             records were held against the log."
                .to_owned(),
        ];
        if !self.state.unknown.is_empty() {
            let kinds: Vec<_> = self.state.unknown.keys().map(String::as_str).collect();
            remarks.push(format!(
                "Entries of kinds that this program does not know are not in it: {}.",
                kinds.join(", ")
            ));
        }
        remarks
    }
}
