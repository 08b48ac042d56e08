//! A document with tables, in every form that it is given out in: a page, files of
//! comma-separated values, JSON. Each form is made of the same cells, so that no
//! number differs. What is in it is not known here, and nothing is written.

use super::csv;
use super::page::{Head, Page, Row as PageRow};
use crate::hex::Bytes;
use crate::import::money::Amount;
use crate::time::{Span, Time};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One cell.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// Nothing is known, or there is nothing.
    None,
    /// Text from anywhere.
    Text(String),
    /// One of a few words.
    Word(&'static str),
    /// A number.
    Number(u64),
    /// A number that may be below zero.
    Signed(i64),
    /// Yes or no.
    Yes(bool),
    /// A point in time.
    Time(Time),
    /// A length of time; in seconds where programs read it.
    Span(Span),
    /// An amount of money, in text so that no reader rounds it.
    Amount(Amount),
    /// Several texts.
    Texts(Vec<String>),
}

impl Cell {
    /// Text, or nothing.
    pub fn maybe(text: Option<impl ToString>) -> Self {
        text.map_or(Self::None, |text| Self::Text(text.to_string()))
    }

    /// A time, or nothing.
    pub fn time(time: Option<Time>) -> Self {
        time.map_or(Self::None, Self::Time)
    }

    /// A count.
    pub fn count(count: usize) -> Self {
        Self::Number(count as u64)
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Time(time) => time.to_minute(),
            Self::Span(span) => span.to_string(),
            Self::Yes(true) => "yes".to_owned(),
            Self::Yes(false) => "no".to_owned(),
            Self::Texts(texts) => texts.join(", "),
            other => match other.csv() {
                csv::Cell::Text(text) | csv::Cell::Number(text) => text,
            },
        }
    }

    fn csv(&self) -> csv::Cell {
        let (text, number) = (csv::Cell::Text, csv::Cell::Number);
        match self {
            Self::None => text(String::new()),
            Self::Text(words) => text(words.clone()),
            Self::Word(word) => text((*word).to_owned()),
            Self::Number(count) => number(count.to_string()),
            Self::Signed(count) => number(count.to_string()),
            Self::Yes(yes) => text(yes.to_string()),
            Self::Time(time) => text(time.to_string()),
            Self::Span(span) => number(span.whole_seconds().to_string()),
            Self::Amount(amount) => number(amount.to_string()),
            Self::Texts(texts) => text(texts.join(" ")),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Text(text) => json!(text),
            Self::Word(word) => json!(word),
            Self::Number(count) => json!(count),
            Self::Signed(count) => json!(count),
            Self::Yes(yes) => json!(yes),
            Self::Time(time) => json!(time),
            Self::Span(span) => json!(span.whole_seconds()),
            Self::Amount(amount) => json!(amount.to_string()),
            Self::Texts(texts) => json!(texts),
        }
    }
}

/// A column: its name for programs, its head for people, and whether its cells stay
/// on one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// In CSV and JSON.
    pub key: &'static str,
    /// On a page.
    pub head: &'static str,
    /// Not to be broken.
    pub whole: bool,
}

/// A column whose cells stay whole.
pub const fn whole(key: &'static str, head: &'static str) -> Column {
    Column { key, head, whole: true }
}

/// A column of text.
pub const fn text(key: &'static str, head: &'static str) -> Column {
    Column { key, head, whole: false }
}

/// A row, with the log's entries that prove it.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// Indices of entries, in order.
    pub entries: BTreeSet<u64>,
    /// Somebody has to look at it.
    pub alarm: bool,
}

/// A table.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// Its name in JSON, and in names of files.
    pub key: &'static str,
    /// On a page.
    pub headline: &'static str,
    /// Columns.
    pub columns: &'static [Column],
    /// Rows.
    pub rows: Vec<Row>,
    /// Whether the log proves its rows.
    pub proven: bool,
}

/// An entry that a row names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// When.
    pub time: Time,
    /// Its kind.
    pub kind: String,
    /// Its leaf hash.
    pub leaf: Bytes<32>,
}

/// The signed checkpoint at which a document was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpointed {
    /// The log's name in the vault.
    pub log: String,
    /// Its public name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root over them.
    pub root: Bytes<32>,
    /// The log's verifier key.
    pub key: String,
    /// The signed note.
    pub note: String,
}

/// A document.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Which document it is, in JSON.
    pub report: &'static str,
    /// On a page.
    pub title: String,
    /// What it is of: name for programs, head for people, fact.
    pub facts: Vec<(&'static str, &'static str, Cell)>,
    /// What it comes to, and whether somebody has to look at it.
    pub verdict: (String, bool),
    /// Numbers with what they count.
    pub counts: Vec<(&'static str, &'static str, u64)>,
    /// Tables.
    pub tables: Vec<Table>,
    /// What is to be known beside.
    pub remarks: Vec<String>,
    /// Where it is to be checked.
    pub checkpoint: Checkpointed,
    /// The entries that rows name.
    pub positions: BTreeMap<u64, Position>,
}

impl Document {
    /// Entries that its rows name.
    pub fn named(&self) -> BTreeSet<u64> {
        self.tables.iter().flat_map(|table| &table.rows).flat_map(|row| row.entries.iter().copied()).collect()
    }

    /// A page for people, to be printed.
    pub fn page(&self) -> String {
        let mut page = Page::wide(&self.title);
        let there = self.facts.iter().filter(|(.., fact)| *fact != Cell::None);
        let facts: Vec<_> = there.map(|(_, head, fact)| (*head, fact.text())).collect();
        page.facts(&facts);
        page.verdict(&self.verdict.0, self.verdict.1);
        let counts: Vec<_> = self.counts.iter().map(|(_, head, count)| (*head, *count)).collect();
        page.counts(&counts);
        for table in &self.tables {
            let mut heads: Vec<Head> =
                table.columns.iter().map(|column| (column.head, column.whole)).collect();
            if table.proven {
                heads.push(("entries", false));
            }
            let row = |row: &Row| {
                let proof = table.proven.then(|| numbers(&row.entries));
                PageRow { cells: row.cells.iter().map(Cell::text).chain(proof).collect(), alarm: row.alarm }
            };
            if table.rows.is_empty() {
                page.headline(table.headline);
                page.remark("None.");
            }
            page.table(table.headline, &heads, table.rows.iter().map(row));
        }
        if !self.remarks.is_empty() {
            page.headline("To be known beside");
            self.remarks.iter().for_each(|remark| page.remark(remark));
        }
        self.proof(&mut page);
        page.finish()
    }

    /// At which checkpoint it was made, and how to check it.
    fn proof(&self, page: &mut Page) {
        let Checkpointed { log, origin, size, root, key, note } = &self.checkpoint;
        page.headline("How to check it");
        page.remark(
            "Every row names the entries of the organisation's log that prove it. This document was made at \
             the following checkpoint, which the log's key has signed; take the key from somebody you trust, \
             not from here.",
        );
        page.facts(&[
            ("log", origin.clone()),
            ("entries", size.to_string()),
            ("root", root.to_string()),
            ("verifier key", key.clone()),
        ]);
        page.block(note);
        page.remark(
            "Save these lines as a file, with a newline at the end, to see that the log still extends them; \
             then have an entry proven. A receipt shows the entry's line and is verified without the vault.",
        );
        let example = self.positions.keys().next().copied().unwrap_or_default();
        page.block(&format!(
            "warifu audit verify {log} --against CHECKPOINT\n\
             warifu audit prove {log} --entry {example} --out {example}.tlog-proof\n\
             warifu audit check-proof {example}.tlog-proof --key KEY"
        ));
        let heads = [("entry", true), ("time", true), ("kind", true), ("leaf hash", false)];
        page.table(
            "Entries",
            &heads,
            self.positions.iter().map(|(index, position)| {
                let time = position.time.to_minute();
                let cells = vec![index.to_string(), time, position.kind.clone(), position.leaf.to_string()];
                PageRow { cells, alarm: false }
            }),
        );
    }

    /// A table each: its name, and its lines. The first is the document's own facts.
    pub fn csv(&self) -> Vec<(&'static str, String)> {
        let facts = self.facts.iter().map(|(key, _, fact)| vec![fact_name(key), fact.csv()]);
        let Checkpointed { log: _, origin, size, root, key, note } = &self.checkpoint;
        let text = |text: &str| csv::Cell::Text(text.to_owned());
        let own = [
            ("verdict", text(&self.verdict.0)),
            ("origin", text(origin)),
            ("size", csv::Cell::Number(size.to_string())),
            ("root", text(&root.to_string())),
            ("key", text(key)),
            ("checkpoint", text(note)),
        ];
        let own = own.into_iter().map(|(key, cell)| vec![fact_name(key), cell]);
        let counts = self.counts.iter().map(|(key, _, count)| {
            vec![csv::Cell::Text((*key).to_owned()), csv::Cell::Number(count.to_string())]
        });
        let remarks = self.remarks.iter().map(|remark| vec![fact_name("remark"), text(remark)]);
        let all = facts.chain(own).chain(counts).chain(remarks);
        let mut files = vec![("document", csv::typed(&["name", "value"], all))];
        files.extend(self.tables.iter().map(|table| (table.key, table.csv())));
        let positions = self.positions.iter().map(|(index, position)| {
            let Position { time, kind, leaf } = position;
            let (time, leaf) = (text(&time.to_string()), text(&leaf.to_string()));
            vec![csv::Cell::Number(index.to_string()), time, text(kind), leaf]
        });
        files.push(("entries", csv::typed(&["index", "time", "kind", "leaf"], positions)));
        files
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("report".to_owned(), json!(self.report));
        object.extend(self.facts.iter().map(|(key, _, fact)| ((*key).to_owned(), fact.json())));
        object.insert("verdict".to_owned(), json!(self.verdict.0));
        let counts: Map<_, _> =
            self.counts.iter().map(|(key, _, count)| ((*key).to_owned(), json!(count))).collect();
        object.insert("counts".to_owned(), Value::Object(counts));
        object.extend(self.tables.iter().map(|table| (table.key.to_owned(), table.json())));
        object.insert("remarks".to_owned(), json!(self.remarks));
        let Checkpointed { log: _, origin, size, root, key, note } = &self.checkpoint;
        object.insert(
            "checkpoint".to_owned(),
            json!({ "origin": origin, "size": size, "root": root, "key": key, "note": note }),
        );
        let positions: Vec<_> = self
            .positions
            .iter()
            .map(|(index, position)| {
                let Position { time, kind, leaf } = position;
                json!({ "index": index, "time": time, "kind": kind, "leaf": leaf })
            })
            .collect();
        object.insert("entries".to_owned(), Value::Array(positions));
        Value::Object(object)
    }
}

fn fact_name(key: &str) -> csv::Cell {
    csv::Cell::Text(key.to_owned())
}

impl Table {
    fn csv(&self) -> String {
        let mut heads: Vec<_> = self.columns.iter().map(|column| column.key).collect();
        if self.proven {
            heads.push("entries");
        }
        let row = |row: &Row| {
            let proof = self.proven.then(|| csv::Cell::Text(numbers(&row.entries)));
            row.cells.iter().map(Cell::csv).chain(proof).collect()
        };
        csv::typed(&heads, self.rows.iter().map(row))
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            let keys = self.columns.iter().map(|column| column.key.to_owned());
            let mut object: Map<_, _> = keys.zip(row.cells.iter().map(Cell::json)).collect();
            if self.proven {
                object.insert("entries".to_owned(), json!(row.entries));
            }
            Value::Object(object)
        };
        Value::Array(self.rows.iter().map(row).collect())
    }
}

/// Indices, one after the other.
fn numbers(entries: &BTreeSet<u64>) -> String {
    entries.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
