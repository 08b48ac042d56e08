//! Costs: each format, each fault of a row, and what must not be lost.

use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

fn march() -> Range<Time> {
    let time = |text| Time::parse_lenient(text).unwrap();
    time("2026-03-01")..time("2026-04-01")
}

fn of(text: &str) -> Costs {
    read(text.as_bytes(), march()).unwrap()
}

fn fault(text: &str) -> CostsError {
    read(text.as_bytes(), march()).unwrap_err()
}

/// Account, currency, amount, rows.
fn sums(costs: &Costs) -> Vec<(&str, &str, String, u64)> {
    let sum = |((account, currency), sum): (&'_ (Box<str>, Box<str>), &Sum)| {
        (account.to_string(), currency.to_string(), sum.amount.to_string(), sum.rows)
    };
    let all: Vec<_> = costs.sums.iter().map(sum).collect();
    all.into_iter().map(|(a, c, s, n)| (&*a.leak(), &*c.leak(), s, n)).collect()
}

const FOCUS: &str = "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart\n";

fn rows(rows: &str) -> Costs {
    of(&format!("{FOCUS}{rows}"))
}

#[test]
fn each_format_is_found_by_the_names_of_its_columns() {
    let focus = "Tags,ChargePeriodStart,BilledCost,SubAccountId,BillingCurrency\n\
        \"{\"\"a\"\": 1,\n\"\"b\"\": 2}\",2026-03-01T00:00:00Z,0.10,111122223333,USD\n\
        ,2026-03-31T23:59:59Z,0.20,111122223333,USD\n";
    let cur = "identity/LineItemId,lineItem/UsageStartDate,lineItem/UsageAccountId,lineItem/CurrencyCode,lineItem/UnblendedCost\n\
        x,2026-03-01T00:00:00Z,111122223333,USD,0.1000000000\ny,2026-03-02T00:00:00Z,111122223333,USD,2E-1\n";
    let cur2 = "line_item_unblended_cost,line_item_usage_account_id,line_item_usage_start_date,line_item_currency_code\n\
        0.3,111122223333,2026-03-01 00:00:00.000,USD\n0,111122223333,2026-03-01 00:00:00 UTC,USD\n";
    for (text, format) in [(focus, Format::Focus), (cur, Format::Cur), (cur2, Format::Cur2)] {
        let costs = of(text);
        assert_eq!((costs.format, costs.rows, costs.bad_rows), (format, 2, 0), "{:?}", costs.bad);
        assert_eq!(sums(&costs), [("111122223333", "USD", "0.30".to_owned(), 2)]);
    }
}

#[test]
fn currencies_and_accounts_are_kept_apart_and_credits_subtracted() {
    let costs = rows(
        "10,USD,1,2026-03-01\n-2.5,USD,1,2026-03-01\n7,EUR,1,2026-03-01\n1,USD,2,2026-03-01\n3,USD,,2026-03-01\n",
    );
    let expected = [
        ("", "USD", "3.00".to_owned(), 1),
        ("1", "EUR", "7.00".to_owned(), 1),
        ("1", "USD", "7.50".to_owned(), 2),
        ("2", "USD", "1.00".to_owned(), 1),
    ];
    assert_eq!(sums(&costs), expected);
    assert_eq!(accounts(&costs).into_iter().collect::<Vec<_>>(), ["", "1", "2"]);
}

#[test]
fn a_period_has_its_first_moment_and_not_its_last() {
    let costs = rows(
        "1,USD,1,2026-02-28T23:59:59Z\n2,USD,1,2026-03-01T00:00:00Z\n4,USD,1,2026-03-31T23:59:59.999Z\n8,USD,1,2026-04-01T00:00:00Z\n16,USD,1,2026-04-01T01:00:00+02:00\n",
    );
    assert_eq!((costs.outside, sums(&costs)), (2, vec![("1", "USD", "22.00".to_owned(), 3)]));
}

#[test]
fn a_gzipped_file_is_read_and_one_that_is_cut_says_so() {
    let text = format!("{FOCUS}{}", "1,USD,1,2026-03-01\n".repeat(50_000));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let costs = read(&packed[..], march()).unwrap();
    assert_eq!((costs.rows, costs.bad_rows), (50_000, 0));
    let cut = read(&packed[..packed.len() - 20], march()).unwrap();
    assert_eq!(cut.bad_rows, 1, "{:?}", cut.bad);
    let BadRow { line, why } = cut.bad[0];
    assert!(matches!(why, RowFault::Read(_)) && line > 1, "{line} {why}");
    assert_eq!(cut.rows, line - 1, "every row before it counts");
}

#[test]
fn a_row_that_cannot_be_used_is_named_with_its_line_and_stops_no_other() {
    let good = "1,USD,1,2026-03-01\n";
    for (row, why) in [
        ("x,USD,1,2026-03-01", RowFault::Cost(NotAnAmount::Form)),
        (",USD,1,2026-03-01", RowFault::Cost(NotAnAmount::Form)),
        ("1e-30,USD,1,2026-03-01", RowFault::Cost(NotAnAmount::TooFine)),
        ("170000000000000,USD,1,2026-03-01", RowFault::Sum),
        ("1,,1,2026-03-01", RowFault::Currency),
        ("1,=cmd(),1,2026-03-01", RowFault::Currency),
        ("1,USD,1,yesterday", RowFault::Time),
        ("1,USD,1,", RowFault::Time),
        ("1,USD,1", RowFault::Cells { found: 3, expected: 4 }),
        ("1,USD,1,2026-03-01,", RowFault::Cells { found: 5, expected: 4 }),
        ("1,USD,\"1,2026-03-01", RowFault::Quote),
        ("1,U\"SD,1,2026-03-01", RowFault::Quote),
        ("1,\"USD\"x,1,2026-03-01", RowFault::Quote),
    ] {
        let costs = rows(&format!("170000000000000,USD,1,2026-03-01\n{good}\n{row}\n{good}"));
        assert_eq!(costs.bad, [BadRow { line: 5, why }], "{row}");
        assert_eq!(costs.sums.values().map(|sum| sum.rows).sum::<u64>(), 3, "{row}");
        assert_eq!(costs.rows, 4);
    }
    let long = rows(&format!("1,USD,{},2026-03-01\n{good}", "1".repeat(MAX_ROW)));
    assert_eq!((long.bad, long.rows), (vec![BadRow { line: 2, why: RowFault::TooLong }], 2));
    let wide = rows(&format!("1,USD,{},2026-03-01\n{good}", "1".repeat(MAX_ID + 1)));
    assert_eq!(wide.bad, [BadRow { line: 2, why: RowFault::Account }]);
    let bytes = [FOCUS.as_bytes(), b"1,USD,\xff,2026-03-01\n", good.as_bytes()].concat();
    let broken = read(&bytes[..], march()).unwrap();
    assert_eq!(broken.bad, [BadRow { line: 2, why: RowFault::NotText("SubAccountId") }]);
}

/// A guessing reader would take the rest of the file for one cell.
#[test]
fn an_open_quotation_mark_swallows_no_row() {
    let costs = rows(&format!("1,\"USD,1,2026-03-01\n{}", "1,USD,1,2026-03-01\n".repeat(30_000)));
    assert_eq!((costs.rows, costs.bad_rows, costs.bad[0].line), (30_001, 1, 2));
    assert_eq!(sums(&costs), [("1", "USD", "30000.00".to_owned(), 30_000)]);
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text =
            ["\u{feff}BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart", "", "x,USD,1,2026-03-01"];
        assert_eq!(of(&text.join(end)).bad[0].line, 3, "{end:?}");
        let cell = format!("{}{end}1,USD,\"a{end}b\",2026-03-01{end}x,USD,1,2026-03-01{end}", text[0]);
        assert_eq!(of(&cell).bad[0].line, 4, "{end:?}");
    }
}

#[test]
fn what_is_no_export_is_refused_with_what_it_lacks() {
    assert_eq!(fault(""), CostsError::Empty);
    assert_eq!(fault("\n\n"), CostsError::Empty);
    assert_eq!(fault("\"a"), CostsError::Header);
    let lacks = |text: &str| match fault(text) {
        CostsError::Columns { nearest, missing } => (nearest, missing),
        other => panic!("{other}"),
    };
    assert_eq!(
        lacks("lineItem/UnblendedCost,lineItem/UsageAccountId,lineItem/UsageStartDate\n"),
        ("CUR", vec!["lineItem/CurrencyCode"])
    );
    assert_eq!(lacks("account,cost\n").1.len(), 4);
    let again = "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart,billedcost\n";
    assert_eq!(fault(again), CostsError::Again("BilledCost"));
    assert!(matches!(fault("\u{1f}\u{fffd}"), CostsError::Columns { .. }));
    assert!(matches!(read(&[0x1f, 0x8b, 0][..], march()), Err(CostsError::Read(_))));
}

/// Gives its bytes in pieces of one size.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(into.len());
        let (now, later) = self.0.split_at(length);
        into[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_the_same_in_any_pieces(
        bytes in prop::collection::vec(prop::sample::select(b"1,\"\n\rU. -".to_vec()), 0..200),
        piece in 1usize..9,
    ) {
        let text = [FOCUS.as_bytes(), &bytes].concat();
        prop_assert_eq!(read(&text[..], march()), read(Slow(&text, piece), march()));
    }

    /// Every row is a sum's, outside, or named.
    #[test]
    fn no_row_is_dropped(cells in prop::collection::vec("[0-9a-z\"]{0,3}", 1..40)) {
        let text: String = cells.iter().map(|cell| format!("{cell},USD,1,2026-03-01\n")).collect();
        let costs = rows(&text);
        let summed: u64 = costs.sums.values().map(|sum| sum.rows).sum();
        prop_assert_eq!(costs.rows, summed + costs.outside + costs.bad_rows);
        if !text.contains('"') {
            prop_assert_eq!(costs.rows, cells.len() as u64);
        }
    }
}
