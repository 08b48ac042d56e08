//! `audit export --format ocsf`: the log to a SIEM, once or for as long as it
//! runs. Only entries under a checkpoint that the log's key signed are given
//! out, in order, each at least once, and none is left out.

use super::collector::Collector;
use super::cursor::Cursor;
use crate::cli::App;
use crate::cli::args::{ExportArgs, SiemArgs};
use crate::cli::error::CliError;
use crate::event::Event;
use crate::name::LogName;
use crate::report::{ocsf, syslog};
use crate::state::{Organisation, Past};
use crate::store::{Store, StoreError};
use crate::time::Span;
use crate::vault::audit::Read;
use crate::vault::{Log, PublicVault, VaultError};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Entries that are sent before the cursor moves.
const BATCH: usize = 256;

/// First and longest pause before a collector is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// `audit export --format ocsf`.
pub fn export(app: &mut App<'_>, args: &ExportArgs) -> Result<(), CliError> {
    if args.dir.is_some() {
        let fact = "events are not written into a directory".to_owned();
        return Err(CliError::Argument {
            fact,
            remedy: "Name a file with --out FILE, or leave --format out.",
        });
    }
    let LogName::Organisation(organisation) = &args.log else {
        let fact = "events are those of an organisation's log".to_owned();
        return Err(CliError::Argument { fact, remedy: "Name an organisation, or leave --format out." });
    };
    let siem = &args.siem;
    let vault = app.read_vault()?;
    let mut log = vault.log(organisation)?;
    let about = (&log.state.id, log.state.origin.as_str());
    let cursor = Cursor::open(siem.cursor.as_deref(), &vault, about)?;
    let sink = Sink::open(siem)?;
    let mut delivery = Delivery { args, cursor, sink, given: 0, past: Past::default(), noted: 0 };
    let (mut open, mut wait) = (Some(vault), Wait::default());
    loop {
        // The vault is not held while this waits: what is erased meanwhile is not
        // sent later, and no handle of ours stands in the way of the erasure.
        if let Some(vault) = open.take() {
            match delivery.give(app, &vault, &log.state)? {
                Round::Everything if siem.follow => wait.over(app, &delivery.sink),
                Round::NotTaken(events, why) => wait.longer(app, &delivery.sink, events, &why),
                Round::Everything | Round::Ended => break,
            }
        }
        std::thread::sleep(wait.span(siem.interval));
        (open, log) = look(app, log)?;
    }
    delivery.sink.sum_up(app, delivery.given);
    Ok(())
}

/// Where events go.
enum Sink {
    Output,
    File(PathBuf, File),
    Collector { to: Collector, host: Option<String> },
}

/// What is given out, where to, and how far it is.
struct Delivery<'a> {
    args: &'a ExportArgs,
    cursor: Cursor,
    sink: Sink,
    /// Events that were given out.
    given: u64,
    /// The ceremonies that had not ended where the cursor is, which later entries
    /// name by their hash alone.
    past: Past,
    /// Entries that they were read from.
    noted: u64,
}

/// What a round of giving came to.
enum Round {
    /// Everything that there was is given out.
    Everything,
    /// The collector did not take this many events.
    NotTaken(usize, io::Error),
    /// Nobody reads standard output any more.
    Ended,
}

/// The vault as it is now and what the log has become; no vault where somebody
/// keeps readers out for the moment.
fn look(app: &App<'_>, log: Log) -> Result<(Option<PublicVault>, Log), CliError> {
    let vault = match app.read_vault() {
        Err(CliError::Vault(VaultError::Store(StoreError::Busy | StoreError::CannotOpen { .. }))) => {
            return Ok((None, log));
        }
        opened => opened?,
    };
    let size = vault.store().size(&log.state.id).map_err(VaultError::from)?;
    let log = if size == log.state.size { log } else { vault.advance(log)? };
    Ok((Some(vault), log))
}

impl Delivery<'_> {
    /// Reads which ceremonies had not ended where the cursor is.
    fn catch_up(&mut self, vault: &PublicVault, state: &Organisation) -> Result<(), CliError> {
        for entry in vault.walk(&state.id, self.noted..self.cursor.next()) {
            let entry = entry?;
            note(&mut self.past, &entry);
            forget_ended(&mut self.past, &entry);
        }
        self.noted = self.cursor.next();
        Ok(())
    }

    /// Gives everything out that the cursor has not passed.
    fn give(
        &mut self,
        app: &mut App<'_>,
        vault: &PublicVault,
        state: &Organisation,
    ) -> Result<Round, CliError> {
        let args = self.args;
        let text = |hash: &_| vault.text(&state.id, hash);
        let origin = state.origin.as_str();
        self.catch_up(vault, state)?;
        let mut progress = Told::new(state.size);
        let mut entries = vault.walk(&state.id, self.cursor.next()..state.size);
        loop {
            let batch = entries.by_ref().take(BATCH).collect::<Result<Vec<Read>, _>>()?;
            let Some(last) = batch.last() else { return Ok(Round::Everything) };
            // A batch that is not taken is made anew, from where the cursor still is.
            let (mut messages, mut past) = (Vec::new(), self.past.clone());
            for entry in &batch {
                note(&mut past, entry);
                if args.since.is_none_or(|since| entry.time >= since) {
                    let source = ocsf::Source { origin, state: Some(state), past: &past, text: &text };
                    let event = ocsf::event(&source, entry.index, &entry.line).map_err(VaultError::from)?;
                    messages.push(self.sink.encode(&event, origin, entry.index));
                }
                forget_ended(&mut past, entry);
            }
            match self.sink.deliver(&messages) {
                Ok(None) => {}
                Ok(Some(why)) => return Ok(Round::NotTaken(messages.len(), why)),
                // `warifu … | head` is no failure of the command; a SIEM that went away is.
                Err(CliError::File { why, .. })
                    if why.kind() == ErrorKind::BrokenPipe
                        && !args.siem.follow
                        && args.siem.cursor.is_none() =>
                {
                    return Ok(Round::Ended);
                }
                Err(error) => return Err(error),
            }
            self.given += messages.len() as u64;
            self.cursor.advance(last.index, last.line.leaf_hash())?;
            (self.past, self.noted) = (past, self.cursor.next());
            progress.tell(app, self.cursor.next());
        }
    }
}

fn note(past: &mut Past, entry: &Read) {
    entry.event.iter().for_each(|event| past.note(entry.index, entry.time, event));
}

/// Nothing after it names a ceremony that has ended.
fn forget_ended(past: &mut Past, entry: &Read) {
    if let Some(Event::Ended { ceremony, .. }) = &entry.event {
        past.forget(ceremony);
    }
}

/// How long to wait before the vault or the collector is looked at again.
#[derive(Default)]
struct Wait(Option<Duration>);

impl Wait {
    fn span(&self, interval: Span) -> Duration {
        self.0.unwrap_or(interval.to_duration())
    }

    fn longer(&mut self, app: &mut App<'_>, sink: &Sink, events: usize, why: &io::Error) {
        let (first, longest) = PAUSES;
        let wait = self.0.map_or(first, |before| (before * 2).min(longest));
        self.0 = Some(wait);
        app.ui.note(&format!(
            "{sink} did not take the events: {why}. Kept back: {events}; the next attempt is in {} s.",
            wait.as_millis().div_ceil(1000)
        ));
    }

    fn over(&mut self, app: &mut App<'_>, sink: &Sink) {
        if self.0.take().is_some() {
            app.ui.note(&format!("{sink} takes events again."));
        }
    }
}

/// What is told of a long export, on a terminal: a line now and then, since the
/// events themselves may go to the same one.
struct Told {
    entries: u64,
    told: Instant,
}

impl Told {
    fn new(entries: u64) -> Self {
        Self { entries, told: Instant::now() }
    }

    fn tell(&mut self, app: &mut App<'_>, done: u64) {
        let second = Duration::from_secs(1);
        if self.told.elapsed() >= second && done < self.entries && io::stderr().is_terminal() {
            self.told = Instant::now();
            app.ui.note(&format!("{done} of {} entries.", self.entries));
        }
    }
}

impl std::fmt::Display for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output => write!(f, "standard output"),
            Self::File(path, _) => write!(f, "{}", path.display()),
            Self::Collector { to, .. } => write!(f, "{to}"),
        }
    }
}

impl Sink {
    fn open(args: &SiemArgs) -> Result<Self, CliError> {
        if let Some(to) = &args.syslog {
            return Ok(Self::Collector { to: to.clone(), host: host() });
        }
        let Some(path) = &args.out else { return Ok(Self::Output) };
        let refused = |why: io::Error| match why.kind() {
            ErrorKind::AlreadyExists => CliError::FileExists(path.clone()),
            _ => CliError::file(path, why),
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
        Ok(Self::File(path.clone(), file))
    }

    fn encode(&self, event: &ocsf::Ocsf, origin: &str, index: u64) -> String {
        match self {
            Self::Output | Self::File(..) => format!("{}\n", event.value),
            Self::Collector { host, .. } => {
                syslog::message(event, origin, index, host.as_deref(), std::process::id())
            }
        }
    }

    /// Gives a batch out. With `None` the cursor may pass it; else the collector
    /// did not take it, and why.
    fn deliver(&mut self, messages: &[String]) -> Result<Option<io::Error>, CliError> {
        if messages.is_empty() {
            return Ok(None);
        }
        let (name, written) = match self {
            Self::Output => {
                let mut output = io::stdout().lock();
                let written = messages.iter().try_for_each(|line| output.write_all(line.as_bytes()));
                (PathBuf::from("standard output"), written.and_then(|()| output.flush()))
            }
            Self::File(path, file) => {
                let written = messages.iter().try_for_each(|line| file.write_all(line.as_bytes()));
                (path.clone(), written.and_then(|()| file.sync_all()))
            }
            Self::Collector { to, .. } => return Ok(to.deliver(messages).err()),
        };
        written.map(|()| None).map_err(|why| CliError::file(name, why))
    }

    /// What was done, where events did not go to standard output.
    fn sum_up(&self, app: &mut App<'_>, events: u64) {
        match self {
            Self::Output => {}
            Self::File(path, _) => {
                let value = json!({ "file": path.display().to_string(), "events": events });
                app.emit(value, || format!("Events written to {}: {events}.", path.display()));
            }
            Self::Collector { to, .. } => {
                let value = json!({ "collector": to.to_string(), "events": events });
                app.emit(value, || format!("Events sent to {to}: {events}."));
            }
        }
    }
}

/// What the system calls this host.
fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "(none)").then_some(name)
}
