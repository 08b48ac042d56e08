//! Accounts as comma-separated values with a header, with credentials or without.
//!
//! Every cell is copied once, into one memory of the file's size that is wiped
//! with the list; [`csv_core`] keeps nothing of what it reads, where a reader with
//! buffers of its own would leave passwords behind. Nothing here repeats a cell.

use super::accounts::{
    BadRow, Condition, Credential, FileFault, List, Listed, Place, RowFault, display_name, identifier,
    is_login, once_each, text_of,
};
use crate::name::{Provider, Slug};
use crate::seal::generate::{PasswordRules, check_typed_password};
use crate::seal::record::BUCKETS;
use crate::secret::SecretBytes;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::ops::Range;

/// Columns that a header may have, in any order.
pub const COLUMNS: [&str; 8] =
    ["slug", "name", "provider", "external_id", "standing", "login", "password", "notes"];

const SLUG: usize = 0;
const NAME: usize = 1;
const PROVIDER: usize = 2;
const EXTERNAL_ID: usize = 3;
const STANDING: usize = 4;
const LOGIN: usize = 5;
const PASSWORD: usize = 6;
const NOTES: usize = 7;

/// Cells of a row that are told apart; more are too many anyway.
const MOST_CELLS: usize = 64;

/// What separates cells: the first of these that the header has.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Reads a list. Cells stand in quotation marks where they hold separators,
/// quotation marks (doubled) or line ends; blanks around a cell are not part of
/// it, but for passwords and notes. Empty lines are passed over.
pub fn read(file: &SecretBytes) -> Result<List, FileFault> {
    let text = text_of(file)?;
    let mut records = Records::new(text);
    let header = match records.next() {
        Some(Ok(record)) => Header::read(&records, &record)?,
        Some(Err(_)) => return Err(FileFault::Column { column: 1 }),
        None => return Err(FileFault::Empty),
    };
    let (mut accounts, mut bad) = (Vec::new(), Vec::new());
    while let Some(record) = records.next() {
        match record {
            Ok(record) => match header.account(&records.cells, &record) {
                Ok(account) => accounts.push(account),
                Err(why) => {
                    let has_password = header.cell(&record, PASSWORD).is_none_or(|cell| !cell.is_empty());
                    bad.push(BadRow {
                        place: record.place,
                        why,
                        has_password: header.secret() && has_password,
                    });
                }
            },
            Err(place) => {
                bad.push(BadRow { place, why: RowFault::Quote, has_password: header.secret() });
            }
        }
    }
    let accounts = once_each(accounts, &mut bad);
    Ok(List { accounts, bad, partial: false, cells: records.cells })
}

/// One row: where its cells are in the memory of all.
struct Record {
    place: Place,
    cells: Vec<Range<usize>>,
    /// Whether there are more cells than are told apart.
    more: bool,
}

/// The rows of a text, one after the other.
struct Records<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    /// Rows so far, the header not counted.
    row: u64,
    separator: u8,
    reader: Reader,
    /// Every cell that was read, unquoted.
    cells: SecretBytes,
    filled: usize,
}

impl<'a> Records<'a> {
    fn new(text: &'a [u8]) -> Self {
        let first = text.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty());
        let first = first.unwrap_or_default();
        let separator = SEPARATORS.into_iter().find(|separator| first.contains(separator)).unwrap_or(b',');
        // One more than there is: a full memory would look like one that is too small.
        let cells = SecretBytes::zeroed(text.len() + 1);
        let reader = ReaderBuilder::new().delimiter(separator).build();
        Self { text, at: 0, line: 1, row: 0, separator, reader, cells, filled: 0 }
    }

    /// The next row, or the place of one whose quotation marks do not pair: then
    /// what follows its first line is read anew, so that it takes no other with it.
    fn next(&mut self) -> Option<Result<Record, Place>> {
        self.pass_empty_lines();
        let place = Place { row: self.row, line: self.line };
        let (begin, filled) = (self.at, self.filled);
        let record = self.read(place)?;
        self.row += 1;
        let raw = self.text.get(begin..self.at).unwrap_or_default();
        let whole = well_quoted(raw, self.separator);
        if !whole {
            let end = raw.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(raw.len());
            (self.at, self.filled) = (begin + end, filled);
        } else if raw.ends_with(b"\r") && self.text.get(self.at) == Some(&b'\n') {
            // The reader ends a row at the first of both.
            self.at += 1;
        }
        let passed = self.text.get(begin..self.at).unwrap_or_default();
        self.line += line_ends(passed);
        Some(if whole { Ok(record) } else { Err(place) })
    }

    fn pass_empty_lines(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let empty = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.line += line_ends(rest.get(..empty).unwrap_or_default());
        self.at += empty;
    }

    fn read(&mut self, place: Place) -> Option<Record> {
        self.reader.reset();
        let begin = self.filled;
        let (mut ends, mut cells, mut more) = ([0; MOST_CELLS], Vec::new(), false);
        let mut from = 0;
        loop {
            let input = self.text.get(self.at..).unwrap_or_default();
            let output = self.cells.expose_mut().get_mut(self.filled..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(input, output, &mut ends);
            self.at += read;
            self.filled += written;
            for end in ends.iter().take(ended) {
                more |= cells.len() == MOST_CELLS;
                if !more {
                    cells.push(begin + from..begin + end);
                }
                from = *end;
            }
            match result {
                ReadRecordResult::Record => return Some(Record { place, cells, more }),
                ReadRecordResult::End => return None,
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputEndsFull => {}
                // Cells never take more than the text that they are read from.
                ReadRecordResult::OutputFull => return None,
            }
        }
    }
}

/// Whether quotation marks stand only around whole cells, or doubled within such
/// a cell (RFC 4180, section 2). The reader would guess otherwise, and could take
/// several rows for one.
fn well_quoted(raw: &[u8], separator: u8) -> bool {
    let ends_cell = |byte: Option<&u8>| byte.is_none_or(|b| *b == separator || matches!(b, b'\n' | b'\r'));
    let mut rest = raw;
    loop {
        if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            loop {
                let Some(mark) = quoted.iter().position(|byte| *byte == b'"') else { return false };
                quoted = quoted.get(mark + 1..).unwrap_or_default();
                match quoted.strip_prefix(b"\"") {
                    Some(after) => quoted = after,
                    None => break,
                }
            }
            if !ends_cell(quoted.first()) {
                return false;
            }
            rest = quoted;
        }
        let end = rest.iter().position(|byte| ends_cell(Some(byte))).unwrap_or(rest.len());
        if rest.get(..end).unwrap_or_default().contains(&b'"') {
            return false;
        }
        match rest.get(end + 1..) {
            Some(after) => rest = after,
            None => return true,
        }
    }
}

/// Line ends: each of CR LF, LF and CR.
fn line_ends(text: &[u8]) -> u64 {
    let lone =
        text.iter().zip(text.iter().skip(1).chain([&b' '])).filter(|(a, b)| **a == b'\r' && **b != b'\n');
    (text.iter().filter(|byte| **byte == b'\n').count() + lone.count()) as u64
}

/// Which column stands where.
struct Header {
    /// For each of [`COLUMNS`] the place of its cells.
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
}

impl Header {
    fn read(records: &Records<'_>, record: &Record) -> Result<Self, FileFault> {
        let mut places = [None; COLUMNS.len()];
        for (place, cell) in record.cells.iter().enumerate() {
            let text = records.cells.expose().get(cell.clone()).unwrap_or_default().trim_ascii();
            let known = COLUMNS.iter().position(|name| text.eq_ignore_ascii_case(name.as_bytes()));
            let column = known.ok_or(FileFault::Column { column: place + 1 })?;
            match places.get_mut(column) {
                Some(free @ None) => *free = Some(place),
                _ => return Err(FileFault::ColumnAgain(COLUMNS.get(column).copied().unwrap_or_default())),
            }
        }
        let header = Self { places, width: record.cells.len() };
        match header.places.get(EXTERNAL_ID) {
            Some(Some(_)) => Ok(header),
            _ => Err(FileFault::ColumnMissing("external_id")),
        }
    }

    /// Whether there is a column of passwords.
    fn secret(&self) -> bool {
        self.places.get(PASSWORD).is_some_and(Option::is_some)
    }

    fn cell(&self, record: &Record, column: usize) -> Option<Range<usize>> {
        record.cells.get((*self.places.get(column)?)?).cloned()
    }

    fn account(&self, cells: &SecretBytes, record: &Record) -> Result<Listed, RowFault> {
        if record.cells.len() != self.width || record.more {
            return Err(RowFault::Cells { found: record.cells.len(), expected: self.width });
        }
        let text = |column: usize| {
            let cell = self.cell(record, column).unwrap_or_default();
            let bytes = cells.expose().get(cell).unwrap_or_default().trim_ascii();
            let name = COLUMNS.get(column).copied().unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| RowFault::NotText(name))
        };
        let provider = match text(PROVIDER)? {
            "" => Provider::Aws,
            name => name.to_ascii_lowercase().parse().map_err(|_| RowFault::Provider)?,
        };
        let slug: Option<Slug> = match text(SLUG)? {
            "" => None,
            slug => Some(slug.parse().map_err(|_| RowFault::Slug)?),
        };
        let condition = match text(STANDING)? {
            "" => Condition::Unsaid,
            standing => Condition::Is(standing.parse().map_err(|_| RowFault::Standing)?),
        };
        let external_id = identifier(&provider, text(EXTERNAL_ID)?)?;
        let name = display_name(text(NAME)?)?;
        let login = trimmed(cells, self.cell(record, LOGIN).unwrap_or_default());
        if !login.is_empty() && !is_login(text(LOGIN)?) {
            return Err(RowFault::Login);
        }
        let login = Some(login).filter(|login| !login.is_empty());
        let mut listed = Listed {
            place: record.place,
            slug,
            name,
            provider,
            external_id,
            condition,
            login,
            credential: None,
        };
        let password = self.cell(record, PASSWORD).unwrap_or_default();
        if !password.is_empty() {
            let notes = self.cell(record, NOTES).unwrap_or_default();
            listed.credential = Some(checked(cells, &listed, password, notes)?);
        }
        Ok(listed)
    }
}

/// Whether a password can be sealed as that account's.
fn checked(
    cells: &SecretBytes,
    account: &Listed,
    password: Range<usize>,
    notes: Range<usize>,
) -> Result<Credential, RowFault> {
    let bytes = |cell: &Range<usize>| cells.expose().get(cell.clone()).unwrap_or_default();
    let login = account.login.as_ref().ok_or(RowFault::NoLogin)?;
    let mut copy = SecretBytes::zeroed(password.len());
    copy.expose_mut().copy_from_slice(bytes(&password));
    if copy.expose_str().is_none() {
        return Err(RowFault::NotText("password"));
    }
    if std::str::from_utf8(bytes(&notes)).is_err() {
        return Err(RowFault::NotText("notes"));
    }
    let login_text = std::str::from_utf8(bytes(login)).map_err(|_| RowFault::NotText("login"))?;
    let names = [
        login_text,
        account.slug.as_ref().map_or("", Slug::as_str),
        account.name.as_ref().map_or("", |name| name.as_str()),
    ];
    check_typed_password(&PasswordRules::of(&account.provider), &copy, &names)?;
    // A record has a byte for its kind and four before each field.
    let (length, most) =
        (password.len() + login.len() + notes.len(), BUCKETS.into_iter().max().unwrap_or(0) - 13);
    if length > most {
        return Err(RowFault::TooLong { length, most });
    }
    Ok(Credential { password, notes })
}

/// A cell without the blanks around it.
fn trimmed(cells: &SecretBytes, cell: Range<usize>) -> Range<usize> {
    let bytes = cells.expose().get(cell.clone()).unwrap_or_default();
    let begin = cell.start + (bytes.len() - bytes.trim_ascii_start().len());
    begin..begin + bytes.trim_ascii().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AccountStanding;
    use proptest::prelude::*;

    fn list(text: &str) -> List {
        read(&SecretBytes::new(text.as_bytes().to_vec())).unwrap()
    }

    fn fault(text: &str) -> FileFault {
        read(&SecretBytes::new(text.as_bytes().to_vec())).unwrap_err()
    }

    const HEADER: &str = "slug,name,provider,external_id,login,password,notes\n";

    fn row(text: &str) -> Result<Listed, RowFault> {
        let mut list = list(&format!("{HEADER}{text}"));
        list.accounts.pop().ok_or_else(|| list.bad.pop().unwrap().why)
    }

    #[test]
    fn a_row_with_everything_is_read() {
        let text = format!(
            "{HEADER}prod,\"割符, Produktion\",aws,123456789012, root@example.com ,\"Ab1\"\"cdefg,\",\"line one\nline two\"\n"
        );
        // AWS takes neither quotation marks nor commas in a password.
        let list_of = list(&text.replace(",aws,", ",gcp,"));
        let account = &list_of.accounts[0];
        assert_eq!(account.slug.as_ref().unwrap().as_str(), "prod");
        assert_eq!(account.name.as_ref().unwrap().as_str(), "割符, Produktion");
        assert_eq!(
            (account.provider.to_string(), account.external_id.as_str()),
            ("gcp".to_owned(), "123456789012")
        );
        let credential = account.credential.as_ref().unwrap();
        assert_eq!(list_of.expose(account.login.as_ref().unwrap()), b"root@example.com");
        assert_eq!(list_of.expose(&credential.password), b"Ab1\"cdefg,");
        assert_eq!(list_of.expose(&credential.notes), b"line one\nline two");
        assert!(matches!(list(&text).bad[0].why, RowFault::Password(_)));
    }

    #[test]
    fn line_ends_marks_separators_and_the_order_of_columns_do_not_matter() {
        for text in [
            "\u{feff}external_id,name\r\n123456789012,A\r\n\r\n123456789013,B",
            "Name;EXTERNAL_ID\nA;123456789012\nB;123456789013\n\n",
            "name\texternal_id\rA\t123456789012\rB\t123456789013\r",
            "\n\nname,external_id,provider\n\"A\",123456789012,AWS\nB, 123456789013 ,\n",
        ] {
            let list = list(text);
            let found: Vec<_> = list.accounts.iter().map(|a| a.name.as_ref().unwrap().as_str()).collect();
            assert_eq!((found, list.bad.len()), (vec!["A", "B"], 0), "{text:?}");
        }
    }

    #[test]
    fn each_bad_row_says_its_line_and_why() {
        for (text, why) in [
            (",,aws,12345678901,,,", RowFault::AwsDigits { digits: 11 }),
            (
                ",,aws,1234-5678-9012,,,",
                RowFault::ExternalId("an AWS account id is 12 digits and nothing else"),
            ),
            (",,Big Cloud,1,,,", RowFault::Provider),
            ("Prod,,aws,123456789012,,,", RowFault::Slug),
            (",a\u{200b}b,aws,123456789012,,,", RowFault::Name),
            (",,aws,123456789012,,", RowFault::Cells { found: 6, expected: 7 }),
            (",,aws,123456789012,,,,", RowFault::Cells { found: 8, expected: 7 }),
            (",,aws,123456789012,,Abcdefg1,", RowFault::NoLogin),
            (",,aws,123456789012,a\u{202e}b,Abcdefg1,", RowFault::Login),
            (",\"open,aws,123456789012,,,", RowFault::Quote),
        ] {
            assert_eq!(row(text), Err(why), "{text}");
        }
        let short = row(",,aws,123456789012,r@e,Ab1,").unwrap_err();
        assert_eq!(short.to_string(), "a password has 8 to 128 characters, not 3");
        let same = row("prodaccount1,,gcp,1,r@e,ProdAccount1,").unwrap_err();
        assert_eq!(same.to_string(), "the password is the account's name or e-mail address");
        assert!(row(",,aws,123456789012,r@e,,note").unwrap().credential.is_none());
    }

    #[test]
    fn an_open_quotation_mark_takes_no_other_row_with_it() {
        let text = format!(
            "{HEADER}a,\"A,aws,123456789012,,,\nb,B,aws,123456789013,,,\n\nc,\"C\",aws,123456789014,,,\n"
        );
        let list = list(&text);
        let found: Vec<_> = list.accounts.iter().map(|a| (a.place.line, a.place.row)).collect();
        assert_eq!(found, [(3, 2), (5, 3)]);
        assert_eq!(list.bad[0].place, Place { row: 1, line: 2 });
        assert!(list.bad[0].has_password, "it may have one");
    }

    #[test]
    fn marks_that_pair_across_rows_do_not_make_one_of_two() {
        let text = "name,external_id\na\"A,000000000001\nb\"B,000000000002\n\"c,000000000003\n\"d,000000000004\ne,000000000005\n";
        let list = list(text);
        let bad: Vec<_> = list.bad.iter().map(|bad| (bad.place.line, bad.why.clone())).collect();
        assert_eq!(bad, [2, 3, 4, 5].map(|line| (line, RowFault::Quote)));
        assert_eq!(list.accounts[0].place, Place { row: 5, line: 6 });
    }

    #[test]
    fn a_row_after_a_cell_of_several_lines_has_its_own_line() {
        let list = list(&format!("{HEADER}a,,gcp,1,r@e,password one,\"x\r\ny\r\nz\"\r\nb,,gcp,1,,,\r\n"));
        assert_eq!(list.bad[0].place, Place { row: 2, line: 5 });
        assert_eq!(list.bad[0].why, RowFault::Again { line: 2 });
    }

    #[test]
    fn headers_that_would_leave_something_unread_are_refused() {
        assert_eq!(fault("123456789012,prod\n"), FileFault::Column { column: 1 });
        assert_eq!(fault("external_id,pasword\n"), FileFault::Column { column: 2 });
        assert_eq!(fault("external_id,name,Name\n"), FileFault::ColumnAgain("name"));
        assert_eq!(fault("slug,name\n"), FileFault::ColumnMissing("external_id"));
        assert_eq!(fault("\u{feff}\r\n"), FileFault::Empty);
    }

    #[test]
    fn a_standing_may_be_given() {
        let list = list("external_id,standing\n123456789012,credential-less\n123456789013,gone\n");
        assert_eq!(list.accounts[0].condition, Condition::Is(AccountStanding::CredentialLess));
        assert_eq!(list.bad[0].why, RowFault::Standing);
    }

    #[test]
    fn bytes_that_are_no_text_spoil_their_row_alone() {
        let text = [b"external_id,name\n123456789012,\xff\n123456789013,B\n".as_slice()].concat();
        let list = read(&SecretBytes::new(text)).unwrap();
        assert_eq!((list.accounts.len(), &list.bad[0].why), (1, &RowFault::NotText("name")));
    }

    #[test]
    fn no_fault_repeats_a_cell() {
        let needle = "Hunter2-Needle";
        for column in 0..7 {
            let mut cells = ["a", "A", "aws", "123456789012", "r@e", "Abcdefg1", "n"].map(str::to_owned);
            cells[column] = format!("{needle}\u{7}~ ");
            for text in [cells.join(","), format!("{},{needle}", cells.join(","))] {
                let list = list(&format!("{HEADER}{text}\n"));
                for bad in &list.bad {
                    assert!(!format!("{bad:?} {}", bad.why).contains("Needle"), "{bad:?}");
                }
            }
        }
        assert!(!format!("{:?} {}", fault(needle), fault(needle)).contains("Needle"));
    }

    proptest! {
        #[test]
        fn what_a_spreadsheet_would_write_comes_back(
            cells in prop::collection::vec("[ -~\n割é]{0,12}", 1..6),
        ) {
            let mut text = "external_id,login,notes,password\n".to_owned();
            for (at, cell) in cells.iter().enumerate() {
                let quoted = format!("\"{}\"", cell.replace('"', "\"\""));
                text.push_str(&format!("{:012},root@example.com,{quoted},Correct-Horse-7\n", at));
            }
            let list = list(&text);
            prop_assert!(list.bad.is_empty(), "{:?}", list.bad);
            for (account, cell) in list.accounts.iter().zip(&cells) {
                let notes = &account.credential.as_ref().unwrap().notes;
                prop_assert_eq!(list.expose(notes), cell.as_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&SecretBytes::new([b"external_id,password,login\n".as_slice(), &bytes].concat()));
        }
    }
}
