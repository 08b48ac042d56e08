//! CloudTrail's files: folders walked, files read on all cores, what is found
//! gathered.

use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::import::cloudtrail::{self, Found, RootEvent, Scan, Unread, widen};
use crate::report::reconcile::{Gathered, History};
use crate::time::Time;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Most files that are read at once: each has a window in memory.
const AT_ONCE: usize = 8;
/// Unreadable records that are named; the others are counted.
const NAMED: usize = 1000;
/// How often the progress is shown.
const LOOK: Duration = Duration::from_millis(200);
/// Names that CloudTrail's files have, and copies of them.
const ENDINGS: [&str; 4] = [".json", ".gz", ".jsonl", ".ndjson"];
/// The folder with CloudTrail's digests, which are no records.
const DIGESTS: &str = "CloudTrail-Digest";

/// What was named, with the files of folders.
pub struct Walked {
    /// Files, each once, in order.
    pub files: Vec<PathBuf>,
    /// Files of folders that have another name.
    pub passed_over: u64,
}

/// A record, or the rest of a file, that could not be read.
pub struct Unreadable {
    /// Which file.
    pub file: PathBuf,
    /// Which record of it, from 1.
    pub record: u64,
    /// Why.
    pub why: Unread,
}

/// The files that were named, and those of the folders that were.
pub fn walk(named: &[PathBuf]) -> Result<Walked, CliError> {
    let mut walked = Walked { files: Vec::new(), passed_over: 0 };
    for path in named {
        let there = fs::metadata(path).map_err(|why| CliError::file(path, why))?;
        if there.is_dir() { folder(path, &mut walked)? } else { walked.files.push(path.clone()) }
    }
    walked.files.sort();
    walked.files.dedup();
    Ok(walked)
}

fn folder(path: &Path, walked: &mut Walked) -> Result<(), CliError> {
    let io = |why| CliError::file(path, why);
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // A link to a folder is not followed: it could lead back here.
        if entry.file_type().map_err(io)?.is_dir() {
            if name != DIGESTS {
                folder(&path, walked)?;
            }
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            walked.files.push(path);
        } else {
            walked.passed_over += 1;
        }
    }
    Ok(())
}

/// Reads all files; records of outside the period are passed over.
pub fn read_all(
    files: &[PathBuf],
    history: &History,
    within: (Option<Time>, Option<Time>),
) -> (Gathered, Vec<Unreadable>) {
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let all = files.iter().filter_map(|path| fs::metadata(path).ok()).map(|there| there.len()).sum::<u64>();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE).min(files.len());
    let (sender, receiver) = mpsc::channel();
    let mut gathering = Gathering { gathered: Gathered::default(), unreadable: Vec::new(), history, within };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more: the rest is of no use.
                    if sender.send(read_one(path, &bytes)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let bar = Progress::new("bytes");
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(one) => gathering.take(one),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            bar.at(bytes.load(Ordering::Relaxed), all);
        }
    });
    gathering.finish()
}

/// What one file held.
struct One {
    file: PathBuf,
    scan: Scan,
    events: Vec<RootEvent>,
    unread: Vec<(u64, Unread)>,
}

fn read_one(path: &Path, bytes: &AtomicU64) -> One {
    let mut one =
        One { file: path.to_owned(), scan: Scan::default(), events: Vec::new(), unread: Vec::new() };
    match File::open(path) {
        Ok(file) => {
            let (events, unread) = (&mut one.events, &mut one.unread);
            one.scan = cloudtrail::read(Counted { file, bytes }, &mut |found| match found {
                Found::Root(event) => events.push(event),
                Found::Unread(record, why) => unread.push((record, why)),
            });
        }
        Err(why) => one.unread.push((1, Unread::Read(why.kind()))),
    }
    one
}

/// A file, and how much of all files was read.
struct Counted<'a> {
    file: File,
    bytes: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

struct Gathering<'a> {
    gathered: Gathered,
    unreadable: Vec<Unreadable>,
    history: &'a History,
    within: (Option<Time>, Option<Time>),
}

impl Gathering<'_> {
    fn take(&mut self, one: One) {
        let (since, until) = self.within;
        let wanted = |time: Time| since.is_none_or(|since| time >= since) && until.is_none_or(|t| time < t);
        for event in one.events.into_iter().filter(|event| wanted(event.time)) {
            self.gathered.take(self.history, event);
        }
        self.gathered.records += one.scan.records;
        self.gathered.heard.extend(one.scan.heard);
        if let Some((from, to)) = one.scan.period {
            let from = since.map_or(from, |since| since.max(from));
            let to = until.map_or(to, |until| until.min(to));
            if from <= to {
                widen(&mut self.gathered.period, from);
                widen(&mut self.gathered.period, to);
            }
        }
        self.gathered.unread += one.unread.len() as u64;
        let room = NAMED.saturating_sub(self.unreadable.len());
        let named = one.unread.into_iter().take(room);
        self.unreadable.extend(named.map(|(record, why)| Unreadable { file: one.file.clone(), record, why }));
    }

    fn finish(mut self) -> (Gathered, Vec<Unreadable>) {
        // Files come as they are done.
        self.unreadable.sort_by(|a, b| (&a.file, a.record).cmp(&(&b.file, b.record)));
        (self.gathered, self.unreadable)
    }
}
