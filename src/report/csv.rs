//! Tables as comma-separated values that a spreadsheet can be trusted with.

/// A table with its header. A cell that a spreadsheet would take for a formula
/// gets an apostrophe before it: texts come from people who may mean harm.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    typed(head, rows.into_iter().map(|row| row.into_iter().map(Cell::Text).collect()))
}

/// What stands in a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Text that may have come from anywhere.
    Text(String),
    /// A number that this program wrote: a credit is no formula for its sign.
    Number(String),
}

/// The same with numbers among its cells.
pub fn typed(head: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: Vec<String>| {
        // Nothing can fail here: rows are all as long as the header, in memory.
        let _ = writer.write_record(cells);
    };
    write(head.iter().map(|&cell| cell.to_owned()).collect());
    let cell = |cell| match cell {
        Cell::Text(text) => harmless(text),
        Cell::Number(number) => number,
    };
    rows.into_iter().for_each(|row| write(row.into_iter().map(cell).collect()));
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn harmless(cell: String) -> String {
    let first = cell.trim_start().chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'));
    let control = cell.starts_with(['\t', '\r', '\n']);
    if formula || control { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let rows = [vec!["1".to_owned(), "a, \"b\"\nc".to_owned()]];
        assert_eq!(table(&["n", "text"], rows), "n,text\n1,\"a, \"\"b\"\"\nc\"\n");
        assert_eq!(table(&["n"], []), "n\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1", "|calc"] {
            let text = table(&["x"], [vec![bad.to_owned()]]);
            let read = csv::Reader::from_reader(text.as_bytes()).into_records().next().unwrap().unwrap();
            assert_eq!(read.get(0), Some(format!("'{bad}").as_str()), "{text}");
        }
        assert_eq!(table(&["x"], [vec!["acme/web=1".to_owned()]]), "x\nacme/web=1\n");
        assert_eq!(typed(&["x"], [vec![Cell::Number("-1.50".to_owned())]]), "x\n-1.50\n");
    }
}
