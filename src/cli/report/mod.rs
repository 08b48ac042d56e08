//! `report`: statements of a period, on the terminal, as JSON, and as files.

mod costs;

use super::App;
use super::args::{ReportCommand, StatementArgs};
use super::error::CliError;
use super::progress::Progress;
use super::table::{Column, table};
use crate::name::{Slug, printable};
use crate::report::document::{Document, Table};
use crate::report::statement::Charged;
use crate::time::{Span, Time};
use crate::vault::file;
use crate::vault::statement::Wanted;
use costs::Read;
use serde_json::json;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Unusable rows that people are told of one by one.
const TOLD: usize = 20;

/// `report …`.
pub fn report(app: &mut App<'_>, command: ReportCommand) -> Result<(), CliError> {
    match command {
        ReportCommand::Project(args) => {
            let organisation = &args.address.organisation;
            make(app, organisation, &Wanted::Project(args.address.name.clone()), &args.how, &args.costs)
        }
        ReportCommand::Org(args) => {
            make(app, &args.organisation, &Wanted::Organisation, &args.how, &args.costs)
        }
        ReportCommand::Controls(args) => make(app, &args.organisation, &Wanted::Controls, &args.how, &[]),
    }
}

/// In which form a document is given out.
enum Form {
    /// As text or JSON.
    Told,
    /// The page, on standard output.
    Page,
    /// The page, as this new file.
    File(PathBuf),
    /// Files in a directory: the page, and each table.
    Files { dir: PathBuf, page: bool, tables: bool },
}

impl Form {
    fn of(app: &App<'_>, how: &StatementArgs) -> Result<Self, CliError> {
        let wrong = |fact: &str, remedy| Err(CliError::Argument { fact: fact.to_owned(), remedy });
        let Some(out) = &how.out else {
            return match (how.html, app.json) {
                (true, true) => {
                    wrong("--html and --json are two forms of one document", "Leave one of them out.")
                }
                (true, false) => Ok(Self::Page),
                (false, _) => Ok(Self::Told),
            };
        };
        if out.extension().is_some_and(|end| end == "html") && !out.is_dir() {
            if how.csv {
                let remedy = "Name a directory with --out.";
                return wrong(
                    "comma-separated values are a file for each table, and --out names one page",
                    remedy,
                );
            }
            return if out.exists() {
                Err(CliError::FileExists(out.clone()))
            } else {
                Ok(Self::File(out.clone()))
            };
        }
        if out.exists() && !out.is_dir() {
            return Err(CliError::FileExists(out.clone()));
        }
        let both = how.html == how.csv;
        Ok(Self::Files { dir: out.clone(), page: how.html || both, tables: how.csv || both })
    }
}

fn make(
    app: &mut App<'_>,
    organisation: &Slug,
    wanted: &Wanted,
    how: &StatementArgs,
    costs: &[PathBuf],
) -> Result<(), CliError> {
    let form = Form::of(app, how)?;
    let (vault, log) = app.read_log(organisation)?;
    let within = period(how, app.now().max(log.state.last))?;
    // Before the files, which may be long: a project that is not there.
    let statements = {
        let bar = Progress::new("entries");
        vault.statements(&log, within.clone(), &|done, of| bar.at(done, of))?
    };
    statements.check(wanted)?;
    let read = Read::all(costs, &within)?;
    let charged = (!costs.is_empty()).then(|| Charged::of(statements.state(), &read.costs));
    let document = statements.document(wanted, charged.as_ref(), app.now())?;
    let name = match wanted {
        Wanted::Project(project) => format!("{organisation}-{project}"),
        Wanted::Organisation => organisation.to_string(),
        Wanted::Controls => format!("{organisation}-controls"),
    };
    let name = format!("{name}_{}_{}", stamp(within.start), stamp(within.end));
    give(app, &document, &form, &name, &read)?;
    let bad = read.bad_rows();
    if bad > 0 { Err(CliError::CostRows(bad)) } else { Ok(()) }
}

/// The half-open period that was asked for. Without a beginning it is that of the
/// month in which it ends; without an end it is all there is by now.
fn period(how: &StatementArgs, now: Time) -> Result<Range<Time>, CliError> {
    let moment = Span(1);
    let to = how.to.unwrap_or(now + moment);
    let from = how.from.unwrap_or_else(|| {
        let last = (to - moment).to_string();
        let first = format!("{}-01", last.get(..7).unwrap_or_default());
        Time::parse_lenient(&first).unwrap_or(to)
    });
    if from >= to {
        let fact = format!("the period ends {}, before it begins {}", to.to_minute(), from.to_minute());
        let remedy =
            "Give --from a time before --to; the period begins with the one and ends before the other.";
        return Err(CliError::Argument { fact, remedy });
    }
    Ok(from..to)
}

/// A time as part of a file's name: the day, and the rest of it where there is one.
fn stamp(time: Time) -> String {
    let text = time.to_string();
    match text.strip_suffix("T00:00:00.000Z") {
        Some(day) => day.to_owned(),
        None => text.replace([':', '.'], ""),
    }
}

/// Gives a document out, and tells what of the costs could not be used.
fn give(
    app: &mut App<'_>,
    document: &Document,
    form: &Form,
    name: &str,
    read: &Read,
) -> Result<(), CliError> {
    let files = match form {
        Form::Page => {
            app.ui.say(document.page().trim_end());
            read.told(TOLD).iter().for_each(|line| app.ui.note(line));
            return Ok(());
        }
        Form::Told => Vec::new(),
        Form::File(path) => write(vec![(path.clone(), document.page())])?,
        Form::Files { dir, page, tables } => {
            std::fs::create_dir_all(dir).map_err(|why| CliError::file(dir, why))?;
            let page = page.then(|| (dir.join(format!("{name}.html")), document.page()));
            let tables = tables.then(|| document.csv()).unwrap_or_default();
            let tables = tables.into_iter().map(|(key, text)| (dir.join(format!("{name}.{key}.csv")), text));
            write(page.into_iter().chain(tables).collect())?
        }
    };
    let mut value = document.json();
    if let Some(object) = value.as_object_mut() {
        let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        object.insert("files".to_owned(), json!(names));
        object.insert("bad_rows".to_owned(), json!(read.bad_rows()));
        object.insert("unreadable".to_owned(), read.json());
    }
    let room = app.ui.columns();
    app.emit(value, || told(document, &files, room));
    read.told(TOLD).iter().for_each(|line| app.ui.note(line));
    Ok(())
}

/// Writes new files, each whole or not at all; none where one of them is there.
fn write(files: Vec<(PathBuf, String)>) -> Result<Vec<PathBuf>, CliError> {
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(CliError::FileExists(there.clone()));
    }
    for (path, text) in &files {
        create(path, text.as_bytes())?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    file::create(path, bytes).map_err(|why| match why.kind() {
        std::io::ErrorKind::AlreadyExists => CliError::FileExists(path.to_owned()),
        _ => CliError::file(path, why),
    })
}

/// For people on a terminal: what it comes to, and every table that has rows; only
/// where it is, if there are files.
fn told(document: &Document, files: &[PathBuf], room: Option<usize>) -> String {
    let fact = |key: &str| {
        let found = document.facts.iter().find(|(found, ..)| *found == key);
        found.map(|(.., cell)| cell.text()).unwrap_or_default()
    };
    let mut text = vec![
        format!("{}, {} up to {}", printable(&document.title), fact("from"), fact("to")),
        document.verdict.0.clone(),
    ];
    if !files.is_empty() {
        text.extend(files.iter().map(|path| path.display().to_string()));
        return text.join("\n");
    }
    let counts: Vec<_> = document.counts.iter().filter(|(.., count)| *count > 0).collect();
    let counts: Vec<_> = counts.iter().map(|(_, head, count)| format!("{head}: {count}")).collect();
    text.push(format!("{}.", counts.join(", ")));
    for one in document.tables.iter().filter(|one| !one.rows.is_empty()) {
        text.push(format!("\n{}\n\n{}", one.headline, shown(one, room)));
    }
    let checkpoint = &document.checkpoint;
    text.push(format!(
        "\nMade at the checkpoint of {} with {} entries, root {}. The whole document: --out, --html or --json.",
        checkpoint.origin, checkpoint.size, checkpoint.root
    ));
    text.join("\n")
}

fn shown(one: &Table, room: Option<usize>) -> String {
    let head = |column: &crate::report::document::Column| match column.whole {
        true => Column::whole(column.head),
        false => Column::text(column.head),
    };
    let mut columns: Vec<_> = one.columns.iter().map(head).collect();
    if one.proven {
        columns.push(Column::text("entries"));
    }
    let rows = one.rows.iter().map(|row| {
        let entries = row.entries.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        let cells = row.cells.iter().map(|cell| printable(&cell.text()));
        cells.chain(one.proven.then_some(entries)).collect()
    });
    table(&columns, rows, room)
}
