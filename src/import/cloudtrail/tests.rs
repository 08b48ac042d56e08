use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

const EVENTS: &str = include_str!("../../../tests/fixtures/root-events.json");

fn scan(bytes: &[u8]) -> (Scan, Vec<RootEvent>, Vec<(u64, Unread)>) {
    let (mut events, mut unread) = (Vec::new(), Vec::new());
    let scan = read(bytes, &mut |found| match found {
        Found::Root(event) => events.push(event),
        Found::Unread(record, why) => unread.push((record, why)),
    });
    (scan, events, unread)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Records in the form that CloudTrail writes.
fn sign_in(number: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"111122223333"}},"eventTime":"2026-03-01T09:{:02}:00Z","eventName":"ConsoleLogin","responseElements":{{"ConsoleLogin":"Success"}},"eventID":"id-{number}"}}"#,
        number % 60
    )
}

fn listed(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

#[test]
fn every_documented_root_event_is_found_and_nothing_else() {
    let (scan, events, unread) = scan(EVENTS.as_bytes());
    assert_eq!((scan.records, unread), (14, Vec::new()));
    let found: Vec<_> = events.iter().map(|event| (event.what.as_str(), event.failed)).collect();
    let expected = [
        ("sign-in", false),
        ("sign-in", true),
        ("access-key-created", false),
        ("password-recovery-requested", false),
        ("password-recovery-completed", false),
        ("password-updated", false),
        ("mfa-deactivated", false),
        ("mfa-enabled", true),
        ("email-updated", false),
        ("root-assumed", false),
        ("root-assumed", false),
        ("called", false),
    ];
    assert_eq!(found, expected);
    assert!(events.iter().all(|event| event.account.to_string() == "111122223333"), "{events:#?}");
    let mfa: Vec<_> = events.iter().take(3).map(|event| event.mfa).collect();
    assert_eq!(mfa, [Some(true), Some(false), None], "in any letter case");
    assert_eq!(events[2].session, Time::parse("2026-03-01T09:10:00.000Z").ok());
    assert_eq!(events[1].time, Time::parse("2026-03-01T09:09:30.000Z").unwrap(), "in another time zone");
    let period = ["2026-03-01T08:00:00.000Z", "2026-03-01T09:40:00.000Z"].map(|t| Time::parse(t).unwrap());
    assert_eq!(scan.period, Some((period[0], period[1])));
    let heard: Vec<_> = scan.heard.iter().map(ToString::to_string).collect();
    assert_eq!(heard, ["111122223333", "999900001111"]);
}

#[test]
fn lists_arrays_and_lines_are_read_alike() {
    let records: Vec<_> = (0..5).map(sign_in).collect();
    let forms = [
        listed(&records),
        format!(" {{ \"Records\" :\n [ {} ] , \"x\": {{\"a\":[1]}}, \"n\":1}}\n", records.join(" , ")),
        format!("[{}]", records.join(",")),
        records.join("\n"),
        format!("\u{feff}{}\r\n", records.join("\r\n")),
        records.iter().map(|one| listed(std::slice::from_ref(one))).collect::<Vec<_>>().join("\n"),
    ];
    for form in forms {
        let (scan, events, unread) = scan(form.as_bytes());
        assert_eq!((scan.records, events.len(), unread), (5, 5, Vec::new()), "{form}");
    }
}

#[test]
fn a_packed_file_says_the_same_also_in_several_members() {
    let (plain, packed_whole) = (scan(EVENTS.as_bytes()), scan(&packed(EVENTS.as_bytes())));
    assert_eq!(plain, packed_whole);
    let (first, rest) = EVENTS.as_bytes().split_at(1000);
    assert_eq!(scan(&[packed(first), packed(rest)].concat()), plain);
}

#[test]
fn a_packed_file_that_is_cut_short_says_so_and_keeps_what_it_held() {
    // Hardly packed at all, so that much can be read before the cut.
    let records: Vec<_> = (0..2000).map(sign_in).collect();
    let mut packer = GzEncoder::new(Vec::new(), Compression::none());
    packer.write_all(listed(&records).as_bytes()).unwrap();
    let whole = packer.finish().unwrap();
    let (read, events, unread) = scan(&whole[..whole.len() / 2]);
    assert!((500..1500).contains(&events.len()), "{}", events.len());
    assert_eq!(unread, [(events.len() as u64 + 1, Unread::Read(io::ErrorKind::UnexpectedEof))]);
    assert_eq!(read.records, events.len() as u64 + 1);
}

#[test]
fn a_plain_file_that_is_cut_short_says_so() {
    let text = listed(&[sign_in(1), sign_in(2)]);
    for end in [text.len() - 1, text.len() - 2, text.len() - 30, text.len() / 2, 13] {
        let (_, events, unread) = scan(&text.as_bytes()[..end]);
        assert_eq!(unread.last(), Some(&(events.len() as u64 + 1, Unread::Ends)), "{end}");
    }
}

#[test]
fn a_bad_record_is_named_and_stops_nothing() {
    let good = sign_in(3);
    let bad = [
        (r#"{"eventVersion":"1.08","eventTime":}"#, Unread::NotJson),
        (r#"{"eventVersion":"1.08","eventTime":"2026-03-01T09:00:00Z""#, Unread::NotJson),
        (r#"{"eventVersion":"1.08","a":{"b":[}]}"#, Unread::NotJson),
        (r#"{"eventVersion":"1.08","eventName":"ConsoleLogin"}"#, Unread::NoTime),
        (r#"{"eventTime":"yesterday"}"#, Unread::NoTime),
        (r#"{"eventTime":"2026-03-01"}"#, Unread::NoTime),
        (r#"{"eventTime":7}"#, Unread::NoTime),
        ("null", Unread::NoTime),
        ("7", Unread::NoTime),
        (r#""text""#, Unread::NoTime),
        (r#"["a"]"#, Unread::NoTime),
        (r#"{"eventTime":"2026-03-01T09:00:00Z","userIdentity":{"type":"Root"}}"#, Unread::NoAccount),
        (
            r#"{"eventTime":"2026-03-01T09:00:00Z","userIdentity":{"type":"Root","accountId":"12345678901"}}"#,
            Unread::NoAccount,
        ),
    ];
    for (bad, why) in bad {
        let text = listed(&[good.clone(), bad.to_owned(), good.clone()]);
        let (scan, events, unread) = scan(text.as_bytes());
        assert_eq!((events.len(), unread), (2, vec![(2, why)]), "{bad}");
        assert_eq!(scan.records, 3, "{bad}");
    }
}

#[test]
fn a_bad_line_is_named_and_stops_nothing() {
    for bad in ["{\"eventVersion\":\"1.08\",", "{\"a\":\"b}", "garbage", "{}"] {
        let text = format!("{}\n{bad}\n{}\n", sign_in(1), sign_in(2));
        let (_, events, unread) = scan(text.as_bytes());
        assert_eq!(events.len(), 2, "{bad}");
        assert_eq!(unread.iter().map(|(record, _)| *record).collect::<Vec<_>>(), [2], "{bad}");
    }
}

#[test]
fn a_record_that_is_too_long_is_passed_over_without_being_held() {
    let long = format!(r#"{{"eventVersion":"1.08","x":"{}"}}"#, "a".repeat(3 * MAX_RECORD));
    let text = listed(&[sign_in(1), long, sign_in(2)]);
    let (_, events, unread) = scan(text.as_bytes());
    assert_eq!((events.len(), unread), (2, vec![(2, Unread::TooLong)]));
}

#[test]
fn a_record_may_be_longer_than_the_window() {
    let long = sign_in(2).replacen('{', &format!("{{\"x\":\"{}\",", "a".repeat(3 << 20)), 1);
    let (_, events, unread) = scan(listed(&[sign_in(1), long, sign_in(3)]).as_bytes());
    assert_eq!((events.len(), unread), (3, Vec::new()));
}

#[test]
fn escaped_and_reordered_fields_hide_nothing() {
    let hidden = [
        r#"{"eventName":"ConsoleLogin","eventTime":"2026-03-01T09:00:00Z","userIdentity":{"accountId":"111122223333","t\u0079pe":"R\u006fot"}}"#,
        r#"{"userIdentity":{"arn":"arn:aws-us-gov:iam::111122223333:root"},"eventTime":"2026-03-01T09:00:00.5Z","eventName":"ConsoleLogin"}"#,
        r#"{"recipientAccountId":"111122223333","eventTime":"2026-03-01T09:00:00Z","userIdentity":{"type":"ROOT"},"eventName":null}"#,
    ];
    for text in hidden {
        let (_, events, unread) = scan(text.as_bytes());
        assert_eq!((events.len(), unread), (1, Vec::new()), "{text}");
    }
}

#[test]
fn a_copy_has_the_same_id_and_another_event_has_not() {
    let of = |text: &str| scan(text.as_bytes()).1.remove(0).id;
    assert_eq!(of(&sign_in(1)), of(&sign_in(1).replace("09:01", "09:02")));
    assert_ne!(of(&sign_in(1)), of(&sign_in(2)));
    let nameless = sign_in(1).replace("eventID", "x");
    assert_eq!(of(&nameless), of(&nameless));
    assert_ne!(of(&nameless), of(&nameless.replace("09:01", "09:02")));
    let shared = |id: &str| {
        sign_in(1).replace("\"eventID\"", &format!("\"sharedEventID\":\"s\",\"eventID\":\"{id}\",\"x\""))
    };
    assert_eq!(of(&shared("a")), of(&shared("b")), "one call that two accounts were told of");
}

#[test]
fn the_mailbox_of_a_member_account_can_be_changed_from_above() {
    let text = r#"{"eventTime":"2026-03-01T09:00:00Z","eventName":"AcceptPrimaryEmailUpdate","userIdentity":{"type":"AssumedRole","accountId":"999900001111"},"requestParameters":{"accountId":"111122223333"}}"#;
    let (_, events, _) = scan(text.as_bytes());
    assert_eq!(
        (events[0].what, events[0].account.to_string().as_str()),
        (RootUse::EmailUpdated, "111122223333")
    );
}

#[test]
fn kept_texts_are_cut() {
    let text = sign_in(1).replacen('{', &format!("{{\"userAgent\":\"{}\",", "割".repeat(5000)), 1);
    let (_, events, _) = scan(text.as_bytes());
    assert_eq!(events[0].agent.chars().count(), MAX_TEXT);
}

/// Gives a few bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(into.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        into[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_in_what_pieces_a_file_comes(step in 1usize..5000, end in 0usize..9000) {
        let bytes = EVENTS.as_bytes();
        let bytes = &bytes[..end.min(bytes.len())];
        let mut slowly = Vec::new();
        let one = read(Slowly(bytes, step), &mut |found| slowly.push(found));
        let mut at_once = Vec::new();
        let other = read(bytes, &mut |found| at_once.push(found));
        prop_assert_eq!((one, slowly), (other, at_once));
    }

    #[test]
    fn nothing_makes_it_panic_or_run_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        scan(&bytes);
        scan(&[b"{\"Records\":[", &bytes[..]].concat());
        scan(&[&[0x1f, 0x8b][..], &bytes].concat());
    }

    #[test]
    fn a_broken_file_never_costs_more_than_the_record_that_is_broken(
        at in 0usize..2000, with in any::<u8>(),
    ) {
        let records: Vec<_> = (0..9).map(sign_in).collect();
        let mut bytes = listed(&records).into_bytes();
        let at = 12 + at % (bytes.len() - 14);
        bytes[at] = with;
        let (_, events, _) = scan(&bytes);
        prop_assert!(events.len() >= 7, "{} of 9: {}", events.len(), String::from_utf8_lossy(&bytes));
    }
}
