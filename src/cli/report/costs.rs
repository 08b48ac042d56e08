//! Files of costs: read one after the other, and what of them could not be used.

use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::import::costs::{self, BadRow, Costs};
use crate::name::printable;
use crate::time::Time;
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// What was read.
#[derive(Default)]
pub struct Read {
    /// What each file says.
    pub costs: Vec<Costs>,
    files: Vec<PathBuf>,
}

impl Read {
    /// Reads all files; any that is no export of costs refuses all.
    pub fn all(files: &[PathBuf], within: &Range<Time>) -> Result<Self, CliError> {
        let lengths = files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|there| there.len());
        let (all, done) = (lengths.sum::<u64>(), Cell::new(0));
        let bar = Progress::new("bytes");
        let mut read = Self::default();
        for path in files {
            let file = File::open(path).map_err(|why| CliError::file(path, why))?;
            let counted = Counted { file, done: &done, all, bar: &bar };
            let costs = costs::read(counted, within.clone());
            read.costs.push(costs.map_err(|why| CliError::Costs { path: path.clone(), why })?);
            read.files.push(path.clone());
        }
        Ok(read)
    }

    /// Rows that could not be used.
    pub fn bad_rows(&self) -> u64 {
        self.costs.iter().map(|costs| costs.bad_rows).sum()
    }

    fn bad(&self) -> impl Iterator<Item = (String, &BadRow)> {
        let files = self.files.iter().zip(&self.costs);
        files.flat_map(|(path, costs)| costs.bad.iter().map(|bad| (path.display().to_string(), bad)))
    }

    /// The first of them, for people.
    pub fn told(&self, most: usize) -> Vec<String> {
        let mut lines: Vec<_> = self
            .bad()
            .take(most)
            .map(|(path, bad)| format!("Not counted: {} line {}: {}.", printable(&path), bad.line, bad.why))
            .collect();
        let more = self.bad_rows().saturating_sub(lines.len() as u64);
        if more > 0 {
            lines.push(format!("Not counted: {more} more."));
        }
        lines
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let bad = self
            .bad()
            .map(|(path, bad)| json!({ "file": path, "line": bad.line, "why": bad.why.to_string() }));
        bad.collect()
    }
}

/// A file, and how much of all files was read.
struct Counted<'a> {
    file: File,
    done: &'a Cell<u64>,
    all: u64,
    bar: &'a Progress,
}

impl io::Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.done.set(self.done.get() + read as u64);
        self.bar.at(self.done.get(), self.all);
        Ok(read)
    }
}
