//! What came of a reconciliation, as text, as JSON and as a page.

use super::{Read, Unreadable};
use crate::cli::error::alarms;
use crate::cli::table::{Column, counted, table};
use crate::event::{Period, RootRecords, RootUse};
use crate::name::{AccountId, Slug, printable};
use crate::report::page::{Head, Page, Row};
use crate::report::reconcile::{By, Line, NAMES, Outcome, Unused, Verdict, lines};
use crate::state::Organisation;
use crate::time::Time;
use serde_json::{Value, json};
use std::path::Path;

/// Unreadable records that people are told of one by one.
const NAMED: usize = 20;

/// Columns of what was judged.
const COLUMNS: [Column; 5] = [
    Column::whole("verdict"),
    Column::whole("account"),
    Column::whole("when"),
    Column::text("what"),
    Column::text("explained by"),
];

/// Columns of the same on a page.
const HEADS: [Head; 7] = [
    ("verdict", true),
    ("account", true),
    ("when", true),
    ("what", false),
    ("explained by", false),
    ("from", true),
    ("user agent", false),
];

/// An outcome, with what it is told with.
pub struct Told<'a> {
    pub state: &'a Organisation,
    pub organisation: &'a Slug,
    pub outcome: &'a Outcome,
    /// Entries that were made; `None` where none was to be made.
    pub entered: Option<u64>,
    pub read: &'a Read<'a>,
}

impl Told<'_> {
    /// How many uses nothing explains, and how many weaknesses there are.
    pub fn alarms(&self) -> (u64, u64) {
        let count = |verdict: Verdict| self.outcome.count(|one| *one == verdict);
        (count(Verdict::Unexplained), count(Verdict::Weak))
    }

    fn counts(&self) -> [(&'static str, u64); 8] {
        let count = |is: &dyn Fn(&Verdict) -> bool| self.outcome.count(is);
        let (unexplained, weak) = self.alarms();
        [
            ("unexplained", unexplained),
            ("weak", weak),
            ("pending", count(&|v| *v == Verdict::Pending)),
            ("failed", count(&|v| matches!(v, Verdict::Failed(_)))),
            ("before", count(&|v| *v == Verdict::Before)),
            ("explained", count(&|v| matches!(v, Verdict::Explained(_)))),
            ("unused", self.outcome.unused.len() as u64),
            ("unread", self.outcome.unread),
        ]
    }

    fn address(&self, account: &AccountId) -> String {
        self.state.address(account)
    }

    /// What was read, in a line.
    fn headline(&self) -> String {
        let files = counted(self.read.files, "file");
        let source = match self.outcome.source {
            RootRecords::Cloudtrail => "CloudTrail",
            RootRecords::CredentialReport => "credential reports",
        };
        let records = self.read.gathered.map(|gathered| format!(", {}", number(gathered.records, "record")));
        let copies = self.read.gathered.filter(|gathered| gathered.copies > 0);
        let copies = copies.map(|gathered| format!(", {} of them copies of others", gathered.copies));
        let period = self.outcome.period.map(|p| format!(", {} to {}", p.from.to_minute(), p.to.to_minute()));
        let parts = [records, copies, period].map(Option::unwrap_or_default).concat();
        format!("{}, {source}: {files}{parts}", self.organisation)
    }

    fn verdict(&self) -> (String, bool) {
        let (unexplained, weak) = self.alarms();
        let words = alarms(unexplained, weak);
        if !words.is_empty() {
            return (format!("ALARM: {words}"), true);
        }
        let open = self.outcome.count(|v| *v == Verdict::Pending);
        let unread = self.outcome.unread;
        let but = match (open, unread) {
            (0, 0) => String::new(),
            (open, 0) => format!("; {open} too fresh to judge"),
            (0, unread) => format!(", as far as could be read: {unread} could not"),
            (open, unread) => {
                format!(", as far as could be read: {unread} could not; {open} too fresh to judge")
            }
        };
        let before = match self.outcome.count(|v| *v == Verdict::Before) {
            0 => String::new(),
            before => format!("; {before} before the first password was sealed, explained by nothing"),
        };
        (format!("Nothing is unexplained{before}{but}"), unread > 0)
    }

    fn entered(&self) -> String {
        match self.entered {
            None => "Nothing was entered (--dry-run).".to_owned(),
            Some(0) => "Nothing new: the log says all of this already.".to_owned(),
            Some(1) => "Entered in the log: 1 entry.".to_owned(),
            Some(more) => format!("Entered in the log: {more} entries."),
        }
    }

    /// Ceremonies without a use, records that disagree, and accounts that are not
    /// here: each in a line.
    fn remarks(&self) -> Vec<String> {
        let one = |unused: &Unused, what: &str| {
            let (ceremony, address) = (unused.ceremony.short(), self.address(&unused.account));
            let silent =
                if self.is_silent(&unused.account) { "; no record is of this account at all" } else { "" };
            let released = unused.released.to_minute();
            format!("{what} after ceremony {ceremony} for {address}, released {released}{silent}.")
        };
        let mut remarks: Vec<_> = self.outcome.unused.iter().map(|u| one(u, "No use came")).collect();
        remarks.extend(self.outcome.awaited.iter().map(|u| one(u, "A use may still come")));
        let disagreeing = self.read.gathered.map_or(0, |gathered| gathered.disagreeing);
        if disagreeing > 0 {
            let uses = number(disagreeing, "use");
            remarks.push(format!("Same id, other contents: {uses}. Each record is judged by itself."));
        }
        for (account, unknown) in self.read.gathered.iter().flat_map(|gathered| &gathered.unknown) {
            let (uses, (from, to)) = (number(unknown.uses, "use"), unknown.period);
            remarks.push(format!(
                "Not judged: {uses} of account {account}, which {} does not have, {}.",
                self.organisation,
                span(from, to)
            ));
        }
        remarks
    }

    fn is_silent(&self, account: &AccountId) -> bool {
        let Some(gathered) = self.read.gathered else { return false };
        let number = self.state.accounts.get(account).map(|found| found.external_id.as_str());
        !gathered.heard.iter().any(|heard| Some(heard.to_string().as_str()) == number)
    }

    fn unread(&self) -> impl Iterator<Item = String> + '_ {
        let told = self.read.unreadable.iter().take(NAMED).map(|one| {
            format!("{} record {}: {}", printable(&one.file.display().to_string()), one.record, one.why)
        });
        let more = self.outcome.unread.saturating_sub(NAMED as u64);
        told.chain((more > 0).then(|| format!("and {more} more")))
    }

    /// For people on a terminal.
    pub fn text(&self, room: Option<usize>) -> String {
        let mut text = vec![self.headline(), format!("{}.", self.verdict().0)];
        let rows: Vec<_> = lines(self.outcome).iter().map(|line| self.cells(line)).collect();
        if !rows.is_empty() {
            text.push(format!("\n{}\n", table(&COLUMNS, rows, room)));
        }
        text.extend(self.remarks());
        text.extend(self.unread().map(|one| format!("Not read: {one}.")));
        text.push(self.entered());
        text.join("\n")
    }

    fn cells(&self, line: &Line) -> Vec<String> {
        let verdict = line.verdict.as_str();
        vec![
            if line.verdict.is_alarm() { verdict.to_uppercase() } else { verdict.to_owned() },
            self.address(&line.account),
            line.times.map(|(from, to)| span(from, to)).unwrap_or_default(),
            what(line),
            line.verdict.by().map(|by| by_words(&by)).unwrap_or_default(),
        ]
    }

    /// For people, on a page.
    pub fn page(&self, now: Time) -> String {
        let mut page = Page::new(&format!("Use of root users: {}", self.organisation));
        page.remark(&format!("{}.", self.headline()));
        let grace = self.outcome.rules.grace;
        page.remark(&format!(
            "Judged {}. A ceremony explains what was done from its release until {grace} after its end.",
            now.to_minute()
        ));
        let (verdict, alarm) = self.verdict();
        page.verdict(&format!("{verdict}."), alarm);
        page.counts(&self.counts().map(|(what, count)| (label(what), count)));
        let all = lines(self.outcome);
        let row = |line: &Line| {
            let mut cells = self.cells(line);
            let (from, agent) =
                line.from.clone().map(|(f, a)| (f.to_string(), a.to_string())).unwrap_or_default();
            cells.extend([from, agent]);
            Row { cells, alarm: line.verdict.is_alarm() }
        };
        let explained = |line: &&Line| matches!(line.verdict, Verdict::Explained(_));
        page.table("To be looked at", &HEADS, all.iter().filter(|line| !explained(line)).map(row));
        page.table("Explained", &HEADS, all.iter().filter(explained).map(row));
        let rest = |text: String| Row { cells: vec![text], alarm: false };
        page.table("Beside", &[("what", false)], self.remarks().into_iter().map(rest));
        page.table("Not read", &[("record", false)], self.unread().map(rest));
        page.remark(&self.entered());
        page.finish()
    }

    /// For programs.
    pub fn json(&self, html: Option<&Path>) -> Value {
        let Outcome { judged, unused, awaited, period, .. } = self.outcome;
        let uses: Vec<_> = judged.iter().map(|one| {
            let (fact, record) = (&one.fact, one.record.as_ref());
            let (ceremony, sealing) = match fact.verdict.by() {
                Some(By::Ceremony(hash)) => (Some(hash), None),
                Some(By::Sealing(version)) => (None, Some(version)),
                None => (None, None),
            };
            let account = self.state.accounts.get(&fact.account);
            json!({
                "address": self.address(&fact.account), "external_id": account.map(|a| &a.external_id),
                "time": fact.at, "what": fact.what, "verdict": fact.verdict.as_str(), "ceremony": ceremony,
                "sealed_version": sealing, "name": record.map(|r| &*r.name), "refused": record.map(|r| r.failed),
                "mfa": record.and_then(|r| r.mfa), "from": record.map(|r| &*r.from),
                "user_agent": record.map(|r| &*r.agent), "entered_before": one.entered,
            })
        }).collect();
        let without = |list: &[Unused]| {
            list.iter().map(|one| json!({
            "ceremony": one.ceremony, "address": self.address(&one.account), "released": one.released,
            "silent": self.is_silent(&one.account),
        })).collect::<Vec<_>>()
        };
        let gathered = self.read.gathered;
        let unknown: Vec<_> = gathered
            .iter()
            .flat_map(|gathered| &gathered.unknown)
            .map(|(account, unknown)| {
                json!({
                    "external_id": account.to_string(), "uses": unknown.uses,
                    "first": unknown.period.0, "last": unknown.period.1,
                })
            })
            .collect();
        let unreadable: Vec<_> = self
            .read
            .unreadable
            .iter()
            .map(|one: &Unreadable| {
                json!({
                    "file": one.file.display().to_string(), "record": one.record, "why": one.why.to_string(),
                })
            })
            .collect();
        let Period { from, to } = period.unwrap_or(Period { from: Time::default(), to: Time::default() });
        json!({
            "organisation": self.organisation, "source": self.outcome.source, "files": self.read.files,
            "records": gathered.map(|g| g.records), "copies": gathered.map(|g| g.copies),
            "disagreeing": gathered.map(|g| g.disagreeing),
            "from": period.map(|_| from), "to": period.map(|_| to),
            "grace": self.outcome.rules.grace.0 / 1000,
            "counts": self.counts().into_iter().map(|(what, count)| (what.to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "uses": uses, "unused": without(unused), "awaited": without(awaited),
            "unknown_accounts": unknown, "unreadable": unreadable,
            "entries": self.entered, "html": html.map(|path| path.display().to_string()),
        })
    }
}

fn number(count: u64, one: &str) -> String {
    let plural = match one {
        "weakness" => "weaknesses".to_owned(),
        one => format!("{one}s"),
    };
    if count == 1 { format!("1 {one}") } else { format!("{count} {plural}") }
}

fn label(what: &'static str) -> &'static str {
    match what {
        "weak" => "weaknesses",
        "failed" => "failed attempts",
        "before" => "before the first seal",
        "unused" => "ceremonies without a use",
        "unread" => "records not read",
        other => other,
    }
}

fn span(from: Time, to: Time) -> String {
    let (from, to) = (from.to_minute(), to.to_minute());
    if from == to {
        return from;
    }
    // The day once, where it is the same.
    let (day, clock) = to.split_once(' ').unwrap_or_default();
    format!("{from} to {}", if from.starts_with(day) { clock } else { &to })
}

fn by_words(by: &By) -> String {
    match by {
        By::Ceremony(ceremony) => format!("ceremony {}", ceremony.short()),
        By::Sealing(version) => format!("sealing of version {version}"),
    }
}

/// What was done, in words.
fn what(line: &Line) -> String {
    let refused = if line.refused && !matches!(line.verdict, Verdict::Failed(_)) { ", refused" } else { "" };
    format!("{}{refused}", done(line))
}

fn done(line: &Line) -> String {
    let names: Vec<_> = line.names.iter().map(|name| &**name).collect();
    let more = if names.len() == NAMES && line.count > NAMES as u64 { " and others" } else { "" };
    let calls = || format!("{}: {}{more}", number(line.count, "call"), names.join(", "));
    let mfa = match line.mfa {
        Some(false) => " without a second factor",
        Some(true) => " with a second factor",
        None => "",
    };
    match line.what {
        RootUse::SignIn => format!("sign-in{mfa}"),
        RootUse::PasswordUpdated => "password changed".to_owned(),
        RootUse::PasswordRecoveryRequested => "new password asked for through the mailbox".to_owned(),
        RootUse::PasswordRecoveryCompleted => "new password set through the mailbox".to_owned(),
        RootUse::MfaEnabled => "second factor added".to_owned(),
        RootUse::MfaDeactivated => "second factor taken away".to_owned(),
        RootUse::AccessKeyCreated => "access key made".to_owned(),
        RootUse::EmailUpdated => "e-mail address changed".to_owned(),
        RootUse::RootAssumed => format!("{} (AssumeRoot)", calls()),
        RootUse::Called => calls(),
        RootUse::PasswordUsed => "password last used".to_owned(),
        RootUse::AccessKeyUsed => "access key last used".to_owned(),
        RootUse::MfaInactive => "no second factor".to_owned(),
        RootUse::AccessKeyActive => "an access key is active".to_owned(),
    }
}
