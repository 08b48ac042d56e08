//! What was gathered of a period, as numbers: of each project, and of an organisation;
//! and what of them somebody has to look at. Rows are `view.rs`'s.

use super::{InTime, View};
use crate::event::Accepts;
use crate::name::{Factor, ProjectId};
use crate::report::reconcile::Verdict;
use crate::state::Ceremony;
use crate::state::rotation::Place;
use std::collections::{BTreeMap, BTreeSet};

/// Said where nothing of what is counted is there; it names all of that, and no more.
const NOTHING: &str = "Nothing to be looked at: no use of a root user unexplained and none of them reported \
     unprotected; no version opened and not renewed, exposed for too long, or weakened; no password overdue; \
     no refusal; no account in use without a sealed password.";

/// Numbers of a project, or of all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::report::statement) struct Counts {
    pub accounts: u64,
    pub in_use: u64,
    pub sealed: u64,
    pub unsealed: u64,
    pub exposed: u64,
    pub handled: u64,
    pub weakened: u64,
    pub overdue: u64,
    pub ceremonies: u64,
    pub released: u64,
    pub rotated: u64,
    pub late: u64,
    pub refused: u64,
    pub explained: u64,
    pub unexplained: u64,
    pub unprotected: u64,
}

/// Numbers that are being counted.
struct Tally {
    projects: BTreeMap<ProjectId, Counts>,
    all: Counts,
}

impl Tally {
    /// For these projects, and once for all of them; nothing for none.
    fn add(&mut self, projects: &[ProjectId], count: impl Fn(&mut Counts)) {
        if !projects.is_empty() {
            self.add_to_all(projects, count);
        }
    }

    /// The same also where it is no project's.
    fn add_to_all(&mut self, projects: &[ProjectId], count: impl Fn(&mut Counts)) {
        projects.iter().for_each(|project| count(self.projects.entry(*project).or_default()));
        count(&mut self.all);
    }
}

impl Counts {
    /// With names for programs and heads for people.
    pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
        vec![
            ("accounts", "accounts", self.accounts),
            ("in_use", "in use", self.in_use),
            ("sealed", "with a sealed password", self.sealed),
            ("unsealed", "in use without one", self.unsealed),
            ("exposed", "exposed now", self.exposed),
            ("handled", "seen by somebody", self.handled),
            ("weakened", "weakened", self.weakened),
            ("overdue", "overdue", self.overdue),
            ("ceremonies", "ceremonies", self.ceremonies),
            ("released", "releases", self.released),
            ("rotated", "rotations", self.rotated),
            ("late", "exposed too long", self.late),
            ("refused", "refusals", self.refused),
            ("explained", "uses explained", self.explained),
            ("unexplained", "uses unexplained", self.unexplained),
            ("unprotected", "root users unprotected", self.unprotected),
        ]
    }

    /// What somebody has to look at, in words.
    pub fn verdict(&self) -> (String, bool) {
        let parts = [
            (self.unexplained, "uses of root users that nothing explains"),
            (self.unprotected, "root users with an access key or without a second factor"),
            (self.late, "versions exposed for longer than allowed"),
            (self.overdue, "passwords overdue for renewal"),
            (self.exposed, "versions that were opened and not renewed yet"),
            (self.weakened, "versions weakened"),
            (self.refused, "refusals in ceremonies and drills"),
            (self.unsealed, "accounts in use without a sealed password"),
        ];
        let there: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).collect();
        let words: Vec<_> = there.iter().map(|(count, what)| format!("{what}: {count}")).collect();
        match words.is_empty() {
            true => (NOTHING.to_owned(), false),
            false => (format!("To be looked at: {}.", words.join("; ")), true),
        }
    }
}

impl View<'_> {
    /// Numbers of each project, and of all of them: in one pass over what there is.
    /// Long, because each is counted once, here.
    pub(in crate::report::statement) fn counts(&self) -> (BTreeMap<ProjectId, Counts>, Counts) {
        let begun = self.state.projects.keys().map(|id| (*id, Counts::default())).collect();
        let mut tally = Tally { projects: begun, all: Counts::default() };
        for (account, found) in &self.state.accounts {
            let there = self.state.current_of(account, Factor::Password).is_some();
            let in_use = found.standing.in_use();
            let (mfa, key, _) = self.protected(account);
            tally.add(&[found.project], |counts| {
                counts.accounts += 1;
                counts.in_use += u64::from(in_use);
                counts.sealed += u64::from(there);
                counts.unsealed += u64::from(in_use && !there);
                counts.unprotected += u64::from(mfa == Some(false) || key == Some(true));
            });
        }
        for (credential, version) in &self.gathered.versions {
            let Some(project) = self.project_of(&version.account) else { continue };
            let current = self.state.place_of(credential) == Some(Place::Current);
            let late = self.was_exposed(version) && self.in_time(version) == InTime::Late;
            let overdue = self.renew_by(credential, version).is_some_and(|by| by < self.as_of);
            tally.add(&[project], |counts| {
                counts.exposed += u64::from(current && version.exposed.is_some());
                counts.handled += u64::from(current && self.seen_by(credential, version).is_some());
                counts.weakened += u64::from(current && self.state.weakened(credential) > 0);
                counts.overdue += u64::from(overdue);
                counts.late += u64::from(late);
            });
        }
        for hash in self.gathered.held.keys() {
            let Some(ceremony) = self.gathered.past.get(hash) else { continue };
            tally.add(&self.projects_of(ceremony), |counts| counts.ceremonies += 1);
            for (index, _, account, ..) in self.targets(ceremony, None) {
                let project = self.project_of(&account).filter(|_| ceremony.released.contains(&index));
                tally.add(project.as_slice(), |counts| counts.released += 1);
            }
        }
        for refused in &self.gathered.refused {
            let ceremony = refused.ceremony.and_then(|hash| self.gathered.past.get(&hash));
            let projects = ceremony.map(|ceremony| self.projects_of(ceremony)).unwrap_or_default();
            tally.add_to_all(&projects, |counts| counts.refused += 1);
        }
        let settled =
            self.gathered.turned.iter().filter(|one| matches!(one.settled, Some((_, Accepts::New, _))));
        for new in settled.filter_map(|one| self.state.begun(&one.new)) {
            tally.add(self.project_of(&new.account).as_slice(), |counts| counts.rotated += 1);
        }
        for used in self.gathered.uses.values() {
            tally.add(self.project_of(&used.account).as_slice(), |counts| {
                counts.explained += u64::from(matches!(used.verdict, Verdict::Explained(_)));
                counts.unexplained += u64::from(used.verdict == Verdict::Unexplained);
            });
        }
        (tally.projects, tally.all)
    }

    fn projects_of(&self, ceremony: &Ceremony) -> Vec<ProjectId> {
        let projects: BTreeSet<_> = self
            .targets(ceremony, None)
            .filter_map(|(_, _, account, ..)| self.project_of(&account))
            .collect();
        projects.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A good verdict stands over nothing that a table marks.
    #[test]
    fn every_count_that_somebody_must_look_at_is_in_the_verdict() {
        let none =
            Counts { accounts: 3, sealed: 3, handled: 1, released: 2, explained: 1, ..Counts::default() };
        assert_eq!(none.verdict(), (NOTHING.to_owned(), false));
        let each: [fn(&mut Counts) -> &mut u64; 8] = [
            |c| &mut c.unexplained,
            |c| &mut c.unprotected,
            |c| &mut c.late,
            |c| &mut c.overdue,
            |c| &mut c.exposed,
            |c| &mut c.weakened,
            |c| &mut c.refused,
            |c| &mut c.unsealed,
        ];
        for place in each {
            let mut counts = none;
            *place(&mut counts) = 7;
            let (said, alarm) = counts.verdict();
            assert!(alarm && said.starts_with("To be looked at: ") && said.ends_with(": 7."), "{said}");
        }
    }
}
