//! Tables and lines for people: as wide as they need where nobody counts
//! columns (a pipe, a file), else within the terminal's columns, broken between
//! words alone. No colours, no rules, no blanks at the end of a line.

use crate::event::printable;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns between two cells.
const GAP: usize = 2;
/// Columns that a text wants before it may be broken further.
const COMFORT: usize = 24;
/// How far the rest of a broken line is indented.
const HANGING: usize = 2;

/// A column: what its cells are, and whether it can be spared.
pub struct Column {
    head: &'static str,
    text: bool,
    spare: Option<u8>,
}

impl Column {
    /// Addresses, pseudonyms, ids, numbers: never broken.
    pub const fn whole(head: &'static str) -> Self {
        Self { head, text: false, spare: None }
    }

    /// Text: may be broken between words.
    pub const fn text(head: &'static str) -> Self {
        Self { head, text: true, spare: None }
    }

    /// What stands above it.
    pub const fn head(&self) -> &'static str {
        self.head
    }

    /// Left out where there is no room; the lowest rank goes first.
    pub const fn spare(mut self, rank: u8) -> Self {
        self.spare = Some(rank);
        self
    }
}

/// A table: its columns side by side; where that is too wide without those that
/// can be spared; else the last one below its row; else a line for each cell.
pub fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>, room: Option<usize>) -> String {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    if rows.is_empty() {
        return "Nothing yet.".to_owned();
    }
    let shapes: Vec<_> =
        columns.iter().enumerate().map(|(place, column)| Shape::of(column, place, &rows)).collect();
    let Some(room) = room else { return lines(&shapes, &rows, None, usize::MAX).join("\n") };
    let choices = choices(&shapes);
    for (shown, left_out) in &choices {
        if least(shown) <= room {
            return closed(lines(&fitted(shown, room), &rows, None, room), left_out, room);
        }
    }
    for (shown, left_out) in &choices {
        if let Some((below, beside)) = shown.split_last()
            && below.text
            && least(beside) <= room
        {
            let beside = fitted(beside, room);
            return closed(lines(&beside, &rows, Some(below.place), room), left_out, room);
        }
    }
    stacked(&shapes, &rows, room)
}

/// A table, or what to say where there are no rows: what makes one.
pub fn table_or(
    empty: &str,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
    room: Option<usize>,
) -> String {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() { empty.to_owned() } else { table(columns, rows, room) }
}

/// A number and what it counts: 1 project, 2 projects.
pub fn counted(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// So many cards of a group that count: 1 card counts, 2 cards count.
pub fn usable_cards(number: usize) -> String {
    format!("{} {}", counted(number, "card"), if number == 1 { "counts" } else { "count" })
}

/// So many days: 1 day, 2 days.
pub fn days(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "day")
}

/// So many entries of a log: 1 entry, 2 entries.
pub fn entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

/// All columns, then one less each time, with the heads of those left out.
fn choices(shapes: &[Shape]) -> Vec<(Vec<&Shape>, Vec<&str>)> {
    let mut spare: Vec<&Shape> = shapes.iter().filter(|s| s.spare.is_some()).collect();
    spare.sort_by_key(|s| s.spare);
    let choice = |count: usize| {
        let out: Vec<_> = spare.iter().take(count).copied().collect();
        let shown = shapes.iter().filter(|s| out.iter().all(|o| o.place != s.place)).collect();
        (shown, out.iter().map(|s| s.head.as_str()).collect())
    };
    (0..=spare.len()).map(choice).collect()
}

/// What a column takes.
#[derive(Clone)]
struct Shape {
    head: String,
    place: usize,
    text: bool,
    spare: Option<u8>,
    /// Columns without which it does not want to be shown.
    least: usize,
    /// Columns that it would like, and then gets.
    width: usize,
}

impl Shape {
    fn of(column: &Column, place: usize, rows: &[Vec<String>]) -> Self {
        let head = column.head.to_uppercase();
        let cells = || rows.iter().filter_map(|row| row.get(place)).chain([&head]);
        let width = cells().map(|cell| cell.width()).max().unwrap_or(0);
        let longest = cells().flat_map(|cell| pieces(cell)).map(|(_, piece)| piece.width()).max();
        let least = if column.text { longest.unwrap_or(0).max(width.min(COMFORT)) } else { width };
        Self { head, place, text: column.text, spare: column.spare, least, width }
    }
}

fn least(shapes: &[&Shape]) -> usize {
    shapes.iter().map(|s| s.least + GAP).sum::<usize>().saturating_sub(GAP)
}

/// What is left of the room goes to the texts, the first ones first.
fn fitted(shapes: &[&Shape], room: usize) -> Vec<Shape> {
    let mut left = room.saturating_sub(least(shapes));
    let widened = shapes.iter().map(|&shape| {
        let more = (shape.width - shape.least).min(left);
        left -= more;
        Shape { width: shape.least + more, ..shape.clone() }
    });
    widened.collect()
}

/// Head and rows; the cell at `below`, if any, on lines of its own.
fn lines(shapes: &[Shape], rows: &[Vec<String>], below: Option<usize>, room: usize) -> Vec<String> {
    let heads: Vec<_> = shapes.iter().map(|s| vec![s.head.clone()]).collect();
    let mut lines = side_by_side(shapes, &heads);
    for row in rows {
        let cell = |place: usize| row.get(place).map(String::as_str).unwrap_or_default();
        let cells: Vec<_> = shapes.iter().map(|s| wrapped(cell(s.place), s.width)).collect();
        lines.extend(side_by_side(shapes, &cells));
        let under = below.map(cell).filter(|text| !text.is_empty());
        lines.extend(under.into_iter().flat_map(|text| indented(text, 2 * HANGING, room)));
    }
    lines
}

fn side_by_side(shapes: &[Shape], cells: &[Vec<String>]) -> Vec<String> {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let mut line = String::new();
        for (shape, cell) in shapes.iter().zip(cells) {
            let part = cell.get(number).map(String::as_str).unwrap_or_default();
            line.push_str(part);
            line.push_str(&" ".repeat((shape.width + GAP).saturating_sub(part.width())));
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn closed(mut lines: Vec<String>, left_out: &[&str], room: usize) -> String {
    if !left_out.is_empty() {
        let told =
            format!("({} left out: a wider terminal shows more, --json everything)", left_out.join(", "));
        lines.extend(indented(&told, 0, room));
    }
    lines.join("\n")
}

/// Every cell on a line of its own, an empty line between rows.
fn stacked(shapes: &[Shape], rows: &[Vec<String>], room: usize) -> String {
    let heads = shapes.iter().map(|s| s.head.width()).max().unwrap_or(0) + GAP;
    let block = |row: &Vec<String>| {
        let cells = shapes.iter().filter_map(|s| Some((s, row.get(s.place)?)));
        let filled = cells.filter(|(_, cell)| !cell.is_empty());
        let lines = filled.flat_map(|(s, cell)| {
            let parts = wrapped(cell, room.saturating_sub(heads)).into_iter().enumerate();
            parts.map(move |(number, part)| {
                let head = if number == 0 { s.head.as_str() } else { "" };
                format!("{head:<heads$}{part}")
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// Lines of text within the room, where there is a limit: what is broken goes on
/// below, indented.
pub fn fit(text: &str, room: Option<usize>) -> String {
    let Some(room) = room else { return text.to_owned() };
    let line = |line: &str| {
        if line.width() <= room {
            return line.to_owned();
        }
        let words = line.trim_start_matches(' ');
        let before = line.len() - words.len();
        let rooms = (room.saturating_sub(before), room.saturating_sub(before + HANGING));
        let gap = format!("\n{}", " ".repeat(before + HANGING));
        format!("{}{}", " ".repeat(before), broken(words, rooms).join(&gap))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A text's lines behind so many blanks.
pub fn indented(text: &str, indent: usize, room: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    wrapped(text, room.saturating_sub(indent)).into_iter().map(|line| format!("{blanks}{line}")).collect()
}

/// Breaks between words. A word that is wider than the room stays whole.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    if text.width() <= room { vec![text.to_owned()] } else { broken(text, (room, room)) }
}

/// The same with another room for the first line.
fn broken(text: &str, (first, rest): (usize, usize)) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for (apart, piece) in pieces(text) {
        let room = if lines.is_empty() { first } else { rest };
        let blank = if apart && !line.is_empty() { " " } else { "" };
        if !line.is_empty() && line.width() + blank.len() + piece.width() > room {
            lines.push(std::mem::take(&mut line));
        } else {
            line.push_str(blank);
        }
        line.push_str(piece);
    }
    lines.push(line);
    lines
}

/// What must stay together, and whether a blank stands before it: words, and in
/// scripts that write none between words every wide character.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let wide = |c: char| c.width().unwrap_or(0) > 1;
    let mut pieces = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (mut from, mut before, mut apart) = (0, false, true);
        for (at, c) in word.char_indices() {
            if at > 0 && before && wide(c) {
                pieces.push((apart, word.get(from..at).unwrap_or_default()));
                (from, apart) = (at, false);
            }
            // A mark that combines belongs to the character before it.
            if c.width() != Some(0) {
                before = wide(c);
            }
        }
        pieces.push((apart, word.get(from..).unwrap_or_default()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 4] =
        [Column::whole("account"), Column::text("name").spare(1), Column::whole("id"), Column::text("state")];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        vec![
            row(["acme/web/prod", "Webshop", "123456789012", "sealed"]),
            row([
                "acme/web/spare-of-it",
                "割符の店舗、本番環境",
                "1",
                "EXPOSED since yesterday: rotate it; exposed before: version 1",
            ]),
        ]
    }

    #[test]
    fn in_a_pipe_a_row_is_a_line_however_long() {
        let text = table(&COLUMNS, rows(), None);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
        assert!(
            text.starts_with("ACCOUNT               NAME                  ID            STATE\n"),
            "{text}"
        );
    }

    #[test]
    fn columns_stand_under_each_other_where_characters_are_wide() {
        let text = table(&COLUMNS, rows(), None);
        let column = |line: &str, word: &str| line.split(word).next().unwrap().width();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(column(lines[1], "sealed"), column(lines[2], "EXPOSED"));
    }

    #[test]
    fn a_narrow_terminal_loses_spare_columns_first_and_says_so() {
        let text = table(&COLUMNS, rows(), Some(64));
        assert!(!text.contains("Webshop") && text.contains("(NAME left out: "), "{text}");
        assert!(text.lines().all(|line| line.width() <= 64), "{text}");
        assert!(!table(&COLUMNS, rows(), Some(100)).contains("left out"));
    }

    #[test]
    fn a_narrower_one_has_the_last_column_below_and_then_a_line_for_each_cell() {
        let below = table(&COLUMNS, rows(), Some(40));
        assert!(below.contains("\n    sealed\n"), "{below}");
        let stacked = table(&COLUMNS, rows(), Some(30));
        assert!(stacked.contains("ACCOUNT  acme/web/spare-of-it\n"), "{stacked}");
        assert!(stacked.contains("NAME     割符"), "{stacked}");
    }

    #[test]
    fn what_turns_or_hides_text_is_shown_as_a_dot() {
        let text = table(&[Column::text("name")], [vec!["a\u{202e}b".to_owned()]], None);
        assert_eq!(text, "NAME\na·b");
    }

    #[test]
    fn a_long_line_goes_on_indented() {
        assert_eq!(fit("  ! one two three", Some(12)), "  ! one two\n    three");
        assert_eq!(fit("  ! one two three", None), "  ! one two three");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_broken_inside_a_word(
            words in prop::collection::vec("[a-z割äe\u{301}]{1,12}", 1..20), room in 1usize..60,
        ) {
            let text = words.join(" ");
            let lines = wrapped(&text, room);
            let parts = pieces(&text);
            prop_assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
            for line in &lines {
                prop_assert!(line.trim() == line);
                prop_assert!(line.width() <= room || parts.iter().any(|(_, piece)| piece == line), "{:?}", line);
            }
        }

        #[test]
        fn a_table_has_no_trailing_blanks_and_keeps_addresses(room in 1usize..140) {
            let text = table(&COLUMNS, rows(), Some(room));
            prop_assert!(text.lines().all(|line| line == line.trim_end()));
            prop_assert!(text.contains("acme/web/spare-of-it") && text.contains("123456789012"));
        }
    }
}
