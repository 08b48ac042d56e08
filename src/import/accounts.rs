//! A list of accounts, from whichever file it came, and the JSON that
//! `aws organizations list-accounts` prints. What becomes of an account, and
//! whether it is known, is decided elsewhere.
//!
//! A row that cannot be used is a [`BadRow`] and stops no other. No fault repeats
//! what a cell holds: where columns were mixed up it could be a password.

use crate::event::AccountStanding;
use crate::name::{DisplayName, NameError, Provider, Slug, external_id};
use crate::seal::generate::PasswordError;
use crate::secret::SecretBytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// Longest list that is read, in bytes.
pub const CAP: usize = 64 << 20;

/// Where a row stands in its file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Which account of the file, from 1.
    pub row: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
}

/// What a row says of an account's root user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing.
    Unsaid,
    /// The account is open. Whether its root user has credentials is not said.
    Open,
    /// Just this.
    Is(AccountStanding),
}

/// An account of the list.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// Where.
    pub place: Place,
    /// Name in addresses, if one is wanted.
    pub slug: Option<Slug>,
    /// Display name.
    pub name: Option<DisplayName>,
    /// Whose root user it has.
    pub provider: Provider,
    /// The provider's identifier, which fits the provider.
    pub external_id: String,
    /// How it stands.
    pub condition: Condition,
    /// What to sign in as: where it is among the list's cells.
    pub login: Option<Range<usize>>,
    /// What to seal, if the row has a password; then there is a login.
    pub credential: Option<Credential>,
}

/// Where a password and its notes are among the list's cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Credential {
    /// The password.
    pub password: Range<usize>,
    /// The notes, perhaps empty.
    pub notes: Range<usize>,
}

/// A row that cannot be used.
#[derive(Clone, PartialEq, Debug)]
pub struct BadRow {
    /// Where.
    pub place: Place,
    /// Why.
    pub why: RowFault,
    /// Whether it has a password, which then is not sealed.
    pub has_password: bool,
}

/// Why a row cannot be used. No variant has a cell's contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// Not an object as the list has them.
    #[error("it is no account: it has no text as {0}")]
    Lacks(&'static str),
    /// Cells that belong to no column, or too few.
    #[error("it has {found} cells where the header has {expected}")]
    Cells {
        /// Cells of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// Quotation marks that are neither around a cell nor doubled in one.
    #[error(
        "its quotation marks do not pair: a cell that has one stands in quotation marks, and has it twice"
    )]
    Quote,
    /// Bytes that are no text.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    /// Not the number of digits that AWS has.
    #[error("the external id has {digits} digits, an AWS account id has 12{}", zeros(*digits))]
    AwsDigits {
        /// Digits there are.
        digits: usize,
    },
    /// No external id of that provider.
    #[error("the external id is not one of that provider: {0}")]
    ExternalId(&'static str),
    /// No provider's name.
    #[error("the provider is neither 'aws' nor a name of a-z, 0-9 and '-'")]
    Provider,
    /// No slug.
    #[error("the slug is not 1 to 40 of a-z, 0-9 and '-', beginning and ending with a letter or digit")]
    Slug,
    /// No display name.
    #[error("the name has more than 200 characters, or some that cannot be seen")]
    Name,
    /// A state that AWS does not document.
    #[error("its state is none that is known")]
    State,
    /// No standing.
    #[error("the standing is none of in-use, credential-less and closed")]
    Standing,
    /// A password without a login.
    #[error("it has a password and no login")]
    NoLogin,
    /// A login that nobody could type.
    #[error("the login has more than 320 characters, or some that cannot be seen")]
    Login,
    /// A password that the provider would not take.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// More than a record holds.
    #[error("password, login and notes have {length} bytes, {most} fit")]
    TooLong {
        /// Bytes there are.
        length: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// The same account twice.
    #[error("it is the account of line {line} again")]
    Again {
        /// Where it stands first.
        line: u64,
    },
}

fn zeros(digits: usize) -> &'static str {
    if digits < 12 { " (a spreadsheet leaves out zeros at the beginning)" } else { "" }
}

/// Why a file is no list of accounts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// As some programs save text.
    #[error("the file is UTF-16")]
    Utf16,
    /// Not JSON from here on.
    #[error("line {line}, column {column}: the file is not the JSON of 'aws organizations list-accounts'")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A column that nobody knows: perhaps the header is missing.
    #[error("column {column} of the header is none of {}", super::csv::COLUMNS.join(", "))]
    Column {
        /// Which, from 1.
        column: usize,
    },
    /// A column twice.
    #[error("the header has the column {0} twice")]
    ColumnAgain(&'static str),
    /// A column that must be there.
    #[error("the header lacks the column {0}")]
    ColumnMissing(&'static str),
}

/// What a file says.
#[derive(Debug)]
pub struct List {
    /// Accounts that can be used, in the order of the file; none twice.
    pub accounts: Vec<Listed>,
    /// Rows that cannot, in the order of the file.
    pub bad: Vec<BadRow>,
    /// Whether the file says that more accounts follow elsewhere.
    pub partial: bool,
    pub(super) cells: SecretBytes,
}

impl List {
    /// A cell, to be read and not kept.
    pub fn expose(&self, cell: &Range<usize>) -> &[u8] {
        self.cells.expose().get(cell.clone()).unwrap_or_default()
    }

    /// A copy of a cell that is wiped.
    pub fn secret(&self, cell: &Range<usize>) -> SecretBytes {
        let from = self.expose(cell);
        let mut copy = SecretBytes::zeroed(from.len());
        copy.expose_mut().copy_from_slice(from);
        copy
    }

    /// How many rows have a password, usable or not.
    pub fn passwords(&self) -> usize {
        let good = self.accounts.iter().filter(|a| a.credential.is_some()).count();
        good + self.bad.iter().filter(|bad| bad.has_password).count()
    }
}

/// Reads a list in either form: JSON begins with a brace, a header does not.
pub fn read_any(file: &SecretBytes) -> Result<List, FileFault> {
    let first = text_of(file)?.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') { read_aws(file) } else { super::csv::read(file) }
}

/// The bytes behind a mark of their order.
pub(super) fn text_of(file: &SecretBytes) -> Result<&[u8], FileFault> {
    let bytes = file.expose();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(FileFault::Utf16);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.iter().all(u8::is_ascii_whitespace) { Err(FileFault::Empty) } else { Ok(text) }
}

/// A provider's identifier, or what is wrong with it.
pub(super) fn identifier(provider: &Provider, text: &str) -> Result<String, RowFault> {
    external_id(provider, text).map_err(|why| match why {
        NameError::AwsAccountId(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            RowFault::AwsDigits { digits: text.len() }
        }
        NameError::AwsAccountId(_) => RowFault::ExternalId("an AWS account id is 12 digits and nothing else"),
        _ => RowFault::ExternalId("it is 1 to 64 printable ASCII characters without spaces"),
    })
}

/// A display name; blanks around it are not part of it, and an empty one is none.
pub(super) fn display_name(text: &str) -> Result<Option<DisplayName>, RowFault> {
    match text.trim() {
        "" => Ok(None),
        name => name.parse().map(Some).map_err(|_| RowFault::Name),
    }
}

/// Keeps the first of each account; the others are bad.
pub(super) fn once_each(accounts: Vec<Listed>, bad: &mut Vec<BadRow>) -> Vec<Listed> {
    let mut seen = std::collections::BTreeMap::new();
    let mut kept = Vec::with_capacity(accounts.len());
    for account in accounts {
        let key = (account.provider.clone(), account.external_id.clone());
        match seen.get(&key) {
            None => {
                seen.insert(key, account.place.line);
                kept.push(account);
            }
            Some(line) => bad.push(BadRow {
                place: account.place,
                why: RowFault::Again { line: *line },
                has_password: account.credential.is_some(),
            }),
        }
    }
    bad.sort_by_key(|row| row.place);
    kept
}

/// A page of the command's output. What else it has is passed over.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(rename = "Accounts", borrow)]
    accounts: Vec<&'a RawValue>,
    #[serde(rename = "NextToken", default)]
    next: Option<String>,
}

/// An account as AWS documents it for `ListAccounts`. `State` came later than
/// `Status` and says more.
#[derive(Deserialize)]
struct AwsAccount {
    #[serde(rename = "Id", default)]
    id: Option<String>,
    #[serde(rename = "Name", default)]
    name: Option<String>,
    #[serde(rename = "Email", default)]
    email: Option<String>,
    #[serde(rename = "State", default)]
    state: Option<String>,
    #[serde(rename = "Status", default)]
    status: Option<String>,
}

/// Reads what `aws organizations list-accounts` printed; several pages may follow
/// one another. More is to come if the last page has a `NextToken`.
pub fn read_aws(file: &SecretBytes) -> Result<List, FileFault> {
    let text = text_of(file)?;
    let mut lines = Lines { text, at: 0, line: 1 };
    let (mut accounts, mut bad, mut partial, mut row) = (Vec::new(), Vec::new(), false, 0);
    // Addresses are no secret, but they stand with what is.
    let mut cells = Vec::new();
    for page in serde_json::Deserializer::from_slice(text).into_iter::<Page<'_>>() {
        let page = page.map_err(|why| FileFault::Json { line: why.line(), column: why.column() })?;
        for raw in &page.accounts {
            row += 1;
            let place = Place { row, line: lines.of(raw.get()) };
            match aws_account(raw.get(), place, &mut cells) {
                Ok(account) => accounts.push(account),
                Err(why) => bad.push(BadRow { place, why, has_password: false }),
            }
        }
        partial = page.next.is_some_and(|token| !token.is_empty());
    }
    let accounts = once_each(accounts, &mut bad);
    Ok(List { accounts, bad, partial, cells: SecretBytes::new(cells) })
}

fn aws_account(raw: &str, place: Place, cells: &mut Vec<u8>) -> Result<Listed, RowFault> {
    let read: AwsAccount =
        serde_json::from_str(raw).map_err(|_| RowFault::Lacks("Id, Name, Email or State"))?;
    let id = read.id.ok_or(RowFault::Lacks("Id"))?;
    let external_id = identifier(&Provider::Aws, &id)?;
    let condition = match read.state.or(read.status).as_deref() {
        None => Condition::Unsaid,
        Some("ACTIVE" | "PENDING_ACTIVATION") => Condition::Open,
        Some("SUSPENDED" | "PENDING_CLOSURE" | "CLOSED") => Condition::Is(AccountStanding::Closed),
        Some(_) => return Err(RowFault::State),
    };
    let login = read.email.filter(|email| is_login(email)).map(|email| {
        let begin = cells.len();
        cells.extend_from_slice(email.as_bytes());
        begin..cells.len()
    });
    let name = display_name(read.name.as_deref().unwrap_or_default())?;
    let provider = Provider::Aws;
    Ok(Listed { place, slug: None, name, provider, external_id, condition, login, credential: None })
}

/// Whether a text can be a login id.
pub fn is_login(text: &str) -> bool {
    (1..=320).contains(&text.len()) && !text.chars().any(crate::name::unprintable)
}

/// Counts the lines of a text forwards.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a part of the text begins. Parts come in order.
    fn of(&mut self, part: &str) -> u64 {
        let to = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.get(self.at..to).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = to.max(self.at);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> List {
        read_aws(&SecretBytes::new(text.as_bytes().to_vec())).unwrap()
    }

    fn one(fields: &str) -> Result<Listed, RowFault> {
        let mut list = read(&format!(r#"{{"Accounts":[{{{fields}}}]}}"#));
        list.accounts.pop().ok_or_else(|| list.bad.pop().unwrap().why)
    }

    #[test]
    fn an_account_is_read_and_what_is_not_known_is_passed_over() {
        let list = read(
            r#"{"Accounts":[
              {"Id":"123456789012","Arn":"arn:aws:organizations::1:account/o-x/123456789012","Email":"root@example.com",
               "Name":"割符 本番","Status":"ACTIVE","JoinedMethod":"CREATED","JoinedTimestamp":"2024-01-01T00:00:00Z","Paths":{"a":[1]}},

              {"Id":"012345678901","Name":"","State":"CLOSED","Status":"SUSPENDED"}
            ],"Later":null}"#,
        );
        let [first, second] = list.accounts.as_slice() else { panic!("two accounts") };
        assert_eq!(first.name.as_ref().unwrap().as_str(), "割符 本番");
        assert_eq!((first.place, second.place), (Place { row: 1, line: 2 }, Place { row: 2, line: 5 }));
        assert_eq!(first.condition, Condition::Open);
        assert_eq!(list.expose(first.login.as_ref().unwrap()), b"root@example.com");
        assert_eq!(second.condition, Condition::Is(AccountStanding::Closed));
        assert!(second.name.is_none() && second.login.is_none() && !list.partial);
    }

    #[test]
    fn each_bad_account_says_why_and_stops_no_other() {
        for (fields, why) in [
            (r#""Name":"x""#, RowFault::Lacks("Id")),
            (r#""Id":123456789012"#, RowFault::Lacks("Id, Name, Email or State")),
            (r#""Id":"12345678901""#, RowFault::AwsDigits { digits: 11 }),
            (r#""Id":"1234567890123""#, RowFault::AwsDigits { digits: 13 }),
            (r#""Id":"123456789012","State":"LOST""#, RowFault::State),
            (r#""Id":"123456789012","Name":"a\u202eb""#, RowFault::Name),
        ] {
            assert_eq!(one(fields), Err(why), "{fields}");
        }
        let list = read(r#"{"Accounts":["text",{"Id":"1"},{"Id":"123456789012"},{"Id":"123456789012"}]}"#);
        assert_eq!((list.accounts.len(), list.bad.len()), (1, 3));
        assert_eq!(list.bad.last().unwrap().why, RowFault::Again { line: 1 });
        assert_eq!(list.bad.last().unwrap().place.row, 4);
    }

    #[test]
    fn several_pages_are_one_list_and_a_token_on_the_last_one_says_that_more_follows() {
        let page = |id: &str, token: &str| format!(r#"{{"Accounts":[{{"Id":"{id}"}}],"NextToken":{token}}}"#);
        let both = format!("{}\n{}", page("111111111111", "\"x\""), page("222222222222", "null"));
        assert_eq!((read(&both).accounts.len(), read(&both).partial), (2, false));
        assert_eq!(read(&both).accounts[1].place.line, 2);
        assert!(read(&page("111111111111", "\"x\"")).partial);
    }

    #[test]
    fn files_that_are_something_else_are_refused_with_the_place() {
        let fault = |bytes: &[u8]| read_aws(&SecretBytes::new(bytes.to_vec())).unwrap_err();
        assert_eq!(fault(b" \n"), FileFault::Empty);
        assert_eq!(fault(b"\xff\xfe{\0"), FileFault::Utf16);
        assert_eq!(fault(b"{\n\"Accounts\":\n}"), FileFault::Json { line: 3, column: 1 });
        assert!(matches!(fault(b"{\"Roots\":[]}"), FileFault::Json { .. }));
        assert!(matches!(fault(b"{\"Accounts\":[]} x"), FileFault::Json { .. }));
        assert!(read_aws(&SecretBytes::new(b"\xef\xbb\xbf{\"Accounts\":[]}".to_vec())).is_ok());
    }
}
