//! `audit verify`: the logs of a vault, or an exported copy of one. Both by the same
//! engine; what else there is differs: state and records, or files.

use super::cosign::read_policy;
use super::export::verifier_key;
use crate::audit::{self, GapFound, Options, Source, SourceError, State, Tampering, Verdict};
use crate::cli::App;
use crate::cli::args::VerifyArgs;
use crate::cli::backup::note;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::table::{counted, entries};
use crate::export::{self, Directory, FIRST, Policies, check_records, check_texts, check_tiles_and_tell};
use crate::log::VerifierKey;
use crate::log::checkpoint;
use crate::log::note::Note;
use crate::name::{LogName, printable};
use crate::time::Time;
use crate::vault::report::{Finding, LogReport, Report};
use serde_json::json;
use std::path::Path;

/// `audit verify`.
pub fn verify(app: &mut App<'_>, args: &VerifyArgs) -> Result<(), CliError> {
    let key = args.key.as_deref().map(verifier_key).transpose()?;
    let against = args.against.as_deref().map(note).transpose()?;
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let judge = |note: &Note| match &policy {
        Some(policy) => policy.check(note).map(|_| ()).map_err(|why| why.to_string()),
        None => Ok(()),
    };
    let options = Options {
        key: key.as_ref(),
        against: against.as_deref(),
        policy: policy.is_some().then_some(&judge),
        ..Options::default()
    };
    // A log's name is a path as well; what lies there decides.
    let name = args.target.as_deref().map(|target| {
        let name = target.to_str().and_then(|text| text.parse::<LogName>().ok());
        name.filter(|_| !Directory::is_one(target)).ok_or(target)
    });
    match name {
        Some(Err(dir)) => of_copy(app, dir, &options, args.since),
        _ if args.since.is_some() => {
            let fact = "a vault has all entries of its logs; --since is for an exported log".to_owned();
            Err(CliError::Argument { fact, remedy: "Leave --since out, or name an export's directory." })
        }
        Some(Ok(name)) => of_vault(app, Some(&name), &options),
        None => of_vault(app, None, &options),
    }
}

fn of_vault(app: &mut App<'_>, only: Option<&LogName>, options: &Options<'_>) -> Result<(), CliError> {
    let bar = Progress::new("entries");
    let progress = |done: u64, of: u64| bar.at(done, of);
    let report = match app.read_vault() {
        Ok(vault) => vault.verify_against(only, &Options { progress: Some(&progress), ..*options })?,
        Err(CliError::Vault(error)) => Report::of_unreadable(&error).ok_or(error)?,
        Err(error) => return Err(error),
    };
    drop(bar);
    let value = serde_json::to_value(&report).expect("a report is plain values");
    let found = report.findings.len();
    app.emit(value, || {
        let mut lines = words(&report, false, |log| format!(", {}", counted(log.records as usize, "record")));
        if report.logs.is_empty() {
            lines.extend(report.findings.iter().map(|f| format!("WRONG {}: {}", f.log, f.what)));
        }
        if found == 0 {
            lines.extend(gaps(&report, true));
            let but = if report.logs.iter().any(|log| !log.gaps.is_empty()) {
                ", but for what is lost"
            } else {
                ""
            };
            lines.push(format!(
                "All is well{but}: every entry, signature, checkpoint, state and record agrees."
            ));
        }
        lines.join("\n")
    });
    if found == 0 { Ok(()) } else { Err(CliError::Tampered(found)) }
}

/// A copy: entries, signatures and checkpoint by the engine, then every file
/// against the checkpoint and what follows from the log.
///
/// That earlier entries need not be there is nothing that anybody signed: whoever
/// holds a copy can cut its beginning off. So a period's evidence verifies only for
/// somebody who says which period it must hold.
fn of_copy(
    app: &mut App<'_>,
    dir: &Path,
    options: &Options<'_>,
    since: Option<Time>,
) -> Result<(), CliError> {
    let name = printable(&dir.display().to_string());
    let read = match Directory::open(dir) {
        Ok(read) => read,
        Err(why) if !Directory::is_one(dir) => return Err(CliError::Source { dir: dir.to_owned(), why }),
        Err(why) => return unreadable(app, &name, &why),
    };
    // Without a key from elsewhere its own must at least be the one that signed.
    let own = if options.key.is_none() { Some(read.key()) } else { None };
    let key = options.key.or(own.as_ref().and_then(|own| own.as_ref().ok()));
    let verdict = engine(&read, &Options { key, ..*options });
    let mut report = Report::of_copy(&name, &verdict);
    if let Some(Err(why)) = &own {
        report.findings.push(of_file(&name, why));
    }
    // The key that is known may be one of before, which handed over to the present one.
    let present = verdict.state.as_ref().and_then(|state| present_key(state, key?));
    if let Some(key) = present.as_ref().or(key).filter(|key| is_signed(&read, key)) {
        let policies = match &verdict.state {
            Some(State::Organisation(state)) => Some(Policies::of_state(state)),
            Some(State::Vault(_)) => Some(Policies::default()),
            None => None,
        };
        report.findings.extend(files_of(&read, key, policies.as_ref()).into_iter().map(|one| Finding {
            log: name.clone(),
            entry: one.entry,
            tampering: Vec::new(),
            what: one.to_string(),
            file: Some(one.file),
            record_missing: false,
        }));
    }
    let first = read.first();
    if first > 0
        && let Some(since) = since
    {
        report.findings.extend(cut(&name, first, verdict.from, since));
    }
    let only_a_part = first > 0 && since.is_none();
    let mut value = serde_json::to_value(&report).expect("a report is plain values");
    if let Some(object) = value.as_object_mut() {
        object.insert("directory".to_owned(), json!(name));
        object.insert("origin".to_owned(), json!(read.stated().origin));
        object.insert("key".to_owned(), json!(key.map(ToString::to_string)));
        object.insert("key_given".to_owned(), json!(options.key.is_some()));
        object.insert("since".to_owned(), json!(since));
        object.insert("only_a_part".to_owned(), json!(only_a_part));
    }
    let found = report.findings.len();
    app.emit(value, || copy_words(&report, (first, since), key.filter(|_| own.is_some())));
    match found {
        0 if only_a_part => Err(CliError::OnlyAPart { first }),
        0 => Ok(()),
        _ => Err(CliError::ExportWrong(found)),
    }
}

pub(super) fn engine(read: &Directory, options: &Options<'_>) -> Verdict {
    let bar = Progress::new("entries");
    let progress = |done: u64, of: u64| bar.at(done, of);
    audit::verify(read, &Options { progress: Some(&progress), ..*options }, &mut |_, _| {})
}

fn files_of(read: &Directory, key: &VerifierKey, policies: Option<&Policies>) -> Vec<export::Finding> {
    let bar = Progress::new("entries in files");
    let mut found = check_tiles_and_tell(read, read.stated(), &mut |done, of| bar.at(done, of));
    found.extend(check_texts(read, key, policies));
    found.extend(check_records(read));
    found
}

/// What may be missing of the period that must be there. Entries stand in the order
/// of their times: that none since then is left out shows an entry before it.
fn cut(log: &str, first: u64, from: Option<Time>, since: Time) -> Option<Finding> {
    if from.is_some_and(|from| from < since) {
        return None;
    }
    let dated = from.map(|from| format!(", of {}", from.to_minute())).unwrap_or_default();
    let what = format!(
        "{FIRST}: entries since {} may be missing: the first that is here is entry {first}{dated}, and none from before then shows where they begin",
        since.to_minute()
    );
    let (log, file) = (log.to_owned(), Some(FIRST.to_owned()));
    Some(Finding {
        log,
        entry: Some(first),
        tampering: vec![Tampering::Dropped],
        what,
        file,
        record_missing: false,
    })
}

fn present_key(state: &State, known: &VerifierKey) -> Option<VerifierKey> {
    let keys = state.log_keys().ok()?;
    keys.contains(known).then(|| keys.last().cloned())?
}

fn is_signed(read: &Directory, key: &VerifierKey) -> bool {
    read.checkpoint().is_ok_and(|note| checkpoint::open(&note, key).is_ok())
}

/// A copy of which nothing can be verified.
fn unreadable(app: &mut App<'_>, name: &str, why: &SourceError) -> Result<(), CliError> {
    let report = Report { logs: Vec::new(), findings: vec![of_file(name, why)] };
    let value = serde_json::to_value(&report).expect("a report is plain values");
    app.emit(value, || format!("WRONG {name}: {}", printable(&why.to_string())));
    Err(CliError::ExportWrong(1))
}

fn of_file(name: &str, why: &SourceError) -> Finding {
    let file = match why {
        SourceError::File { file, .. } => Some(file.clone()),
        SourceError::Entry { .. } => None,
    };
    let (log, what) = (name.to_owned(), printable(&why.to_string()));
    Finding { log, entry: None, tampering: Vec::new(), what, file, record_missing: false }
}

fn copy_words(report: &Report, (first, since): (u64, Option<Time>), own: Option<&VerifierKey>) -> String {
    let mut lines = words(report, first > 0 && since.is_none(), |_| String::new());
    if report.findings.is_empty() {
        lines.extend(gaps(report, false));
        let hashes = format!("Of the entries before {first} only hashes are here: ");
        let without = "signatures, rules and the groups' policies cannot be verified without them.";
        match since {
            _ if first == 0 => {
                lines.push("All is well: every entry, signature, tile and file agrees with the checkpoint.".to_owned());
            }
            Some(since) => lines.push(format!(
                "All is well as far as a period's evidence goes: every entry since {} is here; entries and tiles agree with the checkpoint.\n{hashes}{without}",
                since.to_minute()
            )),
            None => lines.push(format!(
                "NOT ALL WAS VERIFIED. {hashes}{without}\nNobody signed that they may be missing: whoever had this copy could have taken them out."
            )),
        }
    }
    if let Some(key) = own {
        lines.push(own_key(key));
    }
    lines.join("\n")
}

/// What is lost of each log, by the word of a recovery quorum. Whether that was this
/// vault's the vault's own log alone says.
fn gaps(report: &Report, with_vault: bool) -> Vec<String> {
    let one = |log: &LogReport, gap: &GapFound| {
        let names = gap.signed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let whose = match with_vault {
            true => "the recovery quorum".to_owned(),
            false => format!(
                "{} of a group whose words are: {}; that it is this vault's recovery group only the vault's own log says",
                gap.signed_by.len(),
                gap.keepers
            ),
        };
        format!(
            "GAP   {}: with a gap of {} at entry {}: restored with {} on {}, {} had been seen; signed by {whose} ({names})",
            log.log,
            entries(gap.missing),
            gap.entry,
            gap.restored.size,
            gap.at.to_minute(),
            gap.seen.size
        )
    };
    report.logs.iter().flat_map(|log| log.gaps.iter().map(|gap| one(log, gap))).collect()
}

/// What is to be known of a copy that was verified with the key that lies in it.
pub(super) fn own_key(key: &VerifierKey) -> String {
    let remark = "The key was taken from the directory itself. Compare it with one from somebody you trust:";
    format!("{remark}\n      {}", printable(&key.to_string()))
}

/// One line a log, with what is wrong with it below.
fn words(report: &Report, only_a_part: bool, more: impl Fn(&LogReport) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for log in &report.logs {
        let time = |t: Option<Time>| t.map(Time::to_minute).unwrap_or_default();
        let wrong = report.findings.iter().filter(|f| f.log == log.log).count();
        lines.push(format!(
            "{} {}: {}, {} to {}, root {}, {}{}{}{}",
            match wrong {
                0 if only_a_part => "PART ",
                0 => "good ",
                _ => "WRONG",
            },
            log.log,
            entries(log.entries),
            time(log.from),
            time(log.to),
            log.root.short(),
            counted(log.signatures as usize, "signature"),
            more(log),
            match log.unknown {
                0 => String::new(),
                newer => format!(
                    ", {} of kinds that this program does not know: hashed, not judged",
                    entries(newer)
                ),
            },
            log.extends.map(|size| format!(", extends the checkpoint of {size}")).unwrap_or_default()
        ));
        lines
            .extend(report.findings.iter().filter(|f| f.log == log.log).map(|f| format!("      {}", f.what)));
    }
    lines
}
