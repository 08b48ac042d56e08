//! `audit export --format ocsf`: the log to a SIEM, once or for as long as it
//! runs. Only entries under a checkpoint that the log's key signed are given
//! out, in order, each at least once, and none is left out.

use super::collector::Collector;
use super::cursor::Cursor;
use crate::cli::App;
use crate::cli::args::{ExportArgs, ExportFormat, SiemArgs};
use crate::cli::error::CliError;
use crate::report::{ocsf, syslog};
use crate::state::Organisation;
use crate::store::{Store, StoreError};
use crate::time::Span;
use crate::vault::audit::Read;
use crate::vault::{Log, PublicVault, VaultError};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Entries that are sent before the cursor moves.
const BATCH: usize = 256;

/// First and longest pause before a collector is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// `audit export`.
pub fn export(app: &mut App<'_>, args: &ExportArgs) -> Result<(), CliError> {
    match args.format {
        ExportFormat::Ocsf => events(app, args),
    }
}

/// Where events go.
enum Sink {
    Output,
    File(PathBuf, File),
    Collector { to: Collector, host: Option<String> },
}

fn events(app: &mut App<'_>, args: &ExportArgs) -> Result<(), CliError> {
    let siem = &args.siem;
    let vault = app.read_vault()?;
    let mut log = vault.log(&args.organisation)?;
    let about = (&log.state.id, log.state.origin.as_str());
    let mut cursor = Cursor::open(siem.cursor.as_deref(), &vault, about)?;
    let mut sink = Sink::open(siem)?;
    let mut given = give(app, &vault, &log.state, siem, &mut cursor, &mut sink)?;
    drop(vault);
    while siem.follow && !given.ended {
        pause(siem.interval);
        let Some((vault, grown)) = look(app, &log)? else { continue };
        log = grown;
        given = give(app, &vault, &log.state, siem, &mut cursor, &mut sink)?;
    }
    match &sink {
        Sink::Output => {}
        Sink::File(path, _) => {
            let value = json!({ "file": path.display().to_string(), "events": given.events });
            app.emit(value, || format!("Wrote {} events to {}.", given.events, path.display()));
        }
        Sink::Collector { to, .. } => {
            let value = json!({ "collector": to.to_string(), "events": given.events });
            app.emit(value, || format!("Sent {} events to {to}.", given.events));
        }
    }
    Ok(())
}

/// The vault and the log, if it has grown. The vault is opened each time:
/// somebody who may only read it sees what it was when it was opened, and no
/// handle of ours stands in the way of an erasure between.
fn look(app: &mut App<'_>, log: &Log) -> Result<Option<(PublicVault, Log)>, CliError> {
    let vault = match app.read_vault() {
        Ok(vault) => vault,
        // Somebody writes just now, or holds what a reader needs.
        Err(CliError::Vault(VaultError::Store(StoreError::Busy | StoreError::CannotOpen { .. }))) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if vault.store().size(&log.state.id).map_err(VaultError::from)? == log.state.size {
        return Ok(None);
    }
    let grown = vault.advance(log.clone())?;
    Ok(Some((vault, grown)))
}

/// What a round of giving came to.
struct Given {
    /// Events that were given out.
    events: u64,
    /// Nobody takes any more.
    ended: bool,
}

/// Gives everything out that the cursor has not passed.
fn give(
    app: &mut App<'_>,
    vault: &PublicVault,
    state: &Organisation,
    args: &SiemArgs,
    cursor: &mut Cursor,
    sink: &mut Sink,
) -> Result<Given, CliError> {
    let text = |hash: &_| vault.text(&state.id, hash);
    let source = ocsf::Source { origin: state.origin.as_str(), state: Some(state), text: &text };
    let mut given = Given { events: 0, ended: false };
    let mut entries = vault.walk(&state.id, cursor.next()..state.size);
    loop {
        let batch = entries.by_ref().take(BATCH).collect::<Result<Vec<Read>, _>>()?;
        let Some(last) = batch.last() else { return Ok(given) };
        let mut messages = Vec::new();
        for entry in batch.iter().filter(|entry| args.since.is_none_or(|since| entry.time >= since)) {
            let event = ocsf::event(&source, entry.index, &entry.line).map_err(VaultError::from)?;
            messages.push(sink.encode(&event, source.origin, entry.index));
        }
        match sink.deliver(app, &messages) {
            Ok(()) => {}
            // `warifu … | head` is no failure of the command; a SIEM that went away is.
            Err(CliError::File { why, .. })
                if why.kind() == ErrorKind::BrokenPipe && !args.follow && args.cursor.is_none() =>
            {
                given.ended = true;
                return Ok(given);
            }
            Err(error) => return Err(error),
        }
        given.events += messages.len() as u64;
        cursor.advance(last.index, last.line.leaf_hash())?;
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

    /// Gives a batch out; when it returns, the cursor may pass it.
    fn deliver(&mut self, app: &mut App<'_>, messages: &[String]) -> Result<(), CliError> {
        if messages.is_empty() {
            return Ok(());
        }
        match self {
            Self::Output => {
                let mut output = io::stdout().lock();
                let written = messages.iter().try_for_each(|line| output.write_all(line.as_bytes()));
                written.and_then(|()| output.flush()).map_err(|why| CliError::file("standard output", why))
            }
            Self::File(path, file) => {
                let written = messages.iter().try_for_each(|line| file.write_all(line.as_bytes()));
                written.and_then(|()| file.sync_all()).map_err(|why| CliError::file(&*path, why))
            }
            Self::Collector { to, .. } => {
                until_taken(app, to, messages);
                Ok(())
            }
        }
    }
}

/// Tries until the collector has taken the batch, more and more rarely.
fn until_taken(app: &mut App<'_>, to: &Collector, messages: &[String]) {
    let (mut wait, longest) = PAUSES;
    let mut refused = false;
    while let Err(why) = to.deliver(messages) {
        app.ui.note(&format!(
            "The collector {to} did not take {} events: {why}. They are kept back, and sent again in {} s.",
            messages.len(),
            wait.as_millis().div_ceil(1000)
        ));
        std::thread::sleep(wait);
        wait = (wait * 2).min(longest);
        refused = true;
    }
    if refused {
        app.ui.note(&format!("The collector {to} takes events again."));
    }
}

/// What the system calls this host.
fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty() && name != "(none)").then_some(name)
}

fn pause(span: Span) {
    std::thread::sleep(Duration::from_millis(u64::try_from(span.0).unwrap_or(1000)));
}
