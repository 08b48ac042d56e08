use super::*;
use crate::hex::Bytes;
use crate::log::checkpoint;
use crate::log::note::{Cosigner, LogSigner};
use crate::secret::SecretKey;
use proptest::prelude::*;

fn seed(fill: u8) -> SecretKey {
    SecretKey::from_slice(&[fill; 32]).unwrap()
}

fn log(fill: u8) -> LogSigner {
    LogSigner::new("vault.example/acme", seed(fill)).unwrap()
}

fn witness(fill: u8) -> Cosigner {
    Cosigner::new(&format!("w{fill}.example"), seed(fill)).unwrap()
}

/// `witness wN KEY` for each.
fn witnesses(count: u8) -> String {
    (1..=count).map(|n| format!("witness w{n} {}\n", witness(n).verifier())).collect()
}

fn parse(text: &str) -> Result<Policy, PolicyFileError> {
    Policy::parse(text.as_bytes())
}

/// A checkpoint of log 100, cosigned by these.
fn note(cosigners: &[u8]) -> Note {
    let body = Checkpoint { origin: "vault.example/acme".into(), size: 3, root: Bytes([7; 32]) };
    let mut note = checkpoint::sign(&body, &log(100)).unwrap();
    let text = note.unverified_text().clone();
    for fill in cosigners {
        note.add(witness(*fill).cosign(&text, 5).unwrap()).unwrap();
    }
    note
}

fn missing(names: &[&str], found: usize, needed: usize) -> PolicyError {
    PolicyError::TooFew { found, needed, missing: names.iter().map(|n| (*n).to_owned()).collect() }
}

#[test]
fn the_example_of_the_specification_decides_as_it_says() {
    let groups =
        "group x 2 w1 w2 w3\n\n# the others\ngroup y any w4 w5 w6\ngroup both all x y\nquorum both\n";
    let policy = parse(&format!("log {}\n{}{groups}", log(100).verifier(), witnesses(6))).unwrap();
    for (cosigners, good) in [
        (&[1, 2, 4][..], true),
        (&[2, 3, 6], true),
        (&[1, 2, 3, 4, 5, 6], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5, 6], false),
        (&[], false),
    ] {
        assert_eq!(policy.check(&note(cosigners)).is_ok(), good, "{cosigners:?}");
    }
    assert_eq!(policy.check(&note(&[1, 4])), Err(missing(&["w2", "w3"], 1, 2)));
    assert_eq!(policy.check(&note(&[2, 3, 6])).unwrap().by(), ["w2", "w3", "w6"]);
}

#[test]
fn every_threshold_of_three_is_held_to_exactly() {
    let all: [&[u8]; 8] = [&[], &[1], &[2], &[3], &[1, 2], &[1, 3], &[2, 3], &[1, 2, 3]];
    for (threshold, needed) in [("any", 1), ("1", 1), ("2", 2), ("3", 3), ("all", 3)] {
        let policy = parse(&format!("{}group g {threshold} w1 w2 w3\nquorum g\n", witnesses(3))).unwrap();
        for cosigners in all {
            let satisfied = policy.check(&note(cosigners)).is_ok();
            assert_eq!(satisfied, cosigners.len() >= needed, "{threshold} {cosigners:?}");
        }
    }
}

#[test]
fn one_of_two_is_told_with_who_is_missing() {
    let policy = parse(&format!("{}group g all w1 w2\nquorum g\n", witnesses(2))).unwrap();
    let refused = policy.check(&note(&[2])).unwrap_err();
    assert_eq!(refused.to_string(), "1 of 2 witnesses: w1 missing");
}

#[test]
fn a_witness_outside_the_quorum_does_not_count() {
    let policy = parse(&format!("{}quorum w1\n", witnesses(2))).unwrap();
    assert_eq!(policy.check(&note(&[2])), Err(missing(&["w1"], 0, 1)));
    assert!(policy.check(&note(&[1])).is_ok());
}

#[test]
fn quorum_none_needs_nobody_but_still_the_log() {
    assert!(parse("quorum none\n").unwrap().check(&note(&[])).is_ok());
    let other = parse(&format!("log {}\nquorum none\n", log(101).verifier())).unwrap();
    let refused = PolicyError::OtherLog { origin: "vault.example/acme".into() };
    assert_eq!(other.check(&note(&[])), Err(refused));
}

#[test]
fn a_log_that_signs_for_another_origin_is_refused() {
    let signer = LogSigner::new("else.example", seed(100)).unwrap();
    let policy = parse(&format!("log {}\nquorum none\n", signer.verifier())).unwrap();
    let text = note(&[]).unverified_text().clone();
    let refused = PolicyError::OtherLog { origin: "vault.example/acme".into() };
    assert_eq!(policy.check(&Note::new(text.clone(), signer.sign(&text))), Err(refused));
}

#[test]
fn a_wrong_cosignature_refuses_the_note_although_others_suffice() {
    let policy = parse(&format!("{}group g any w1 w2\nquorum g\n", witnesses(2))).unwrap();
    let mut twisted = note(&[1]);
    let other = NoteText::new("vault.example/acme\n4\nx\n".into()).unwrap();
    twisted.add(witness(2).cosign(&other, 5).unwrap()).unwrap();
    let refused = PolicyError::Note(NoteError::BadSignature { name: "w2.example".into() });
    assert_eq!(policy.check(&twisted), Err(refused));
}

#[test]
fn a_cosignature_under_another_name_does_not_count() {
    let policy = parse(&format!("{}quorum w1\n", witnesses(1))).unwrap();
    let impostor = Cosigner::new("w1.example", seed(9)).unwrap();
    let mut twisted = note(&[]);
    let line = impostor.cosign(twisted.unverified_text(), 5).unwrap();
    twisted.add(line).unwrap();
    assert_eq!(policy.check(&twisted), Err(missing(&["w1"], 0, 1)));
}

#[test]
fn white_space_comments_and_empty_lines_are_allowed() {
    let text =
        format!(" \t\n#c\n  # c\n\twitness \t w1  {}\thttps://w/x \t\nquorum\tw1 \n", witness(1).verifier());
    let policy = parse(&text).unwrap();
    assert_eq!(policy.witnesses().first().unwrap().url.as_deref(), Some("https://w/x"));
    let printed = format!("witness w1 {} https://w/x\nquorum w1\n", witness(1).verifier());
    assert_eq!(policy.to_string(), printed);
}

#[test]
fn names_are_not_folded() {
    let (one, two) = (witness(1), witness(2));
    let text =
        format!("witness K {}\nwitness \u{212a} {}\nquorum \u{212a}\n", one.verifier(), two.verifier());
    assert_eq!(parse(&text).unwrap().check(&note(&[1])), Err(missing(&["\u{212a}"], 0, 1)));
}

/// One rule broken each, and the line that is blamed.
#[test]
fn each_breach_is_refused_by_name() {
    use PolicyFileError as E;
    let w = |n: u8| witness(n).verifier().to_string();
    let l = log(100).verifier().to_string();
    let w2 = witnesses(2);
    let taken = |line, name: &str| E::NameTaken { line, name: name.into() };
    let twice = |line, key: &str| E::KeyTwice { line, key: key.into() };
    let undefined = |line, name: &str| E::Undefined { line, name: name.into() };
    let threshold = |text: &str| E::Threshold { line: 3, text: text.into(), members: 2 };
    let renamed = Cosigner::new("again.example", seed(1)).unwrap();
    for (text, refused) in [
        (String::new(), E::LastLine),
        ("\n".into(), E::NoQuorum),
        ("quorum none".into(), E::LastLine),
        ("quorum none\r\n".into(), E::ControlCharacter { line: 1 }),
        ("# \u{7f}\nquorum none\n".into(), E::ControlCharacter { line: 1 }),
        ("quorum none\nquorum none\n".into(), E::SecondQuorum { line: 2 }),
        ("quorum w1\n".into(), undefined(1, "w1")),
        (format!("quorum w1\n{w2}"), undefined(1, "w1")),
        ("quorum\n".into(), E::Line { line: 1 }),
        ("quorum none none\n".into(), E::Line { line: 1 }),
        ("Quorum none\n".into(), E::Line { line: 1 }),
        ("witnesses a\n".into(), E::Line { line: 1 }),
        ("log\n".into(), E::Line { line: 1 }),
        (format!("log {l} url more\n"), E::Line { line: 1 }),
        (format!("witness {}\n", w(1)), E::Line { line: 1 }),
        ("group g any\n".into(), E::Line { line: 1 }),
        ("log nokey\n".into(), E::Key { line: 1, why: NoteError::VerifierKey }),
        (format!("log {}\n", w(1)), E::KeyType { line: 1, key: "w1.example".into() }),
        (format!("witness a {l}\n"), E::KeyType { line: 1, key: "vault.example/acme".into() }),
        (format!("log {l}\nlog {l}\n"), twice(2, "vault.example/acme")),
        (format!("{w2}witness w3 {}\n", renamed.verifier()), twice(3, "again.example")),
        (format!("{w2}witness w1 {}\n", w(3)), taken(3, "w1")),
        (format!("{w2}group w1 any w2\n"), taken(3, "w1")),
        (format!("witness none {}\n", w(1)), taken(1, "none")),
        (format!("{w2}group none any w1\n"), taken(3, "none")),
        (format!("{w2}group g any w3\n"), undefined(3, "w3")),
        (format!("{w2}group g any g\n"), undefined(3, "g")),
        (format!("{w2}group g any none\n"), undefined(3, "none")),
        (format!("{w2}group g any w1 w1\n"), E::MemberTwice { line: 3, name: "w1".into() }),
        (format!("{w2}group g any w1\ngroup h any w1\n"), E::MemberTwice { line: 4, name: "w1".into() }),
        (format!("{w2}group g 0 w1 w2\n"), threshold("0")),
        (format!("{w2}group g 3 w1 w2\n"), threshold("3")),
        (format!("{w2}group g 01 w1 w2\n"), threshold("01")),
        (format!("{w2}group g +1 w1 w2\n"), threshold("+1")),
        (format!("{w2}group g most w1 w2\n"), threshold("most")),
        (witnesses(33), E::TooMany { line: 33, what: "witnesses" }),
    ] {
        assert_eq!(parse(&text), Err(refused), "{text:?}");
    }
    assert_eq!(Policy::parse(b"# \xff\nquorum none\n"), Err(E::NotUtf8));
    let long = format!("#{}\nquorum none\n", "x".repeat(MAX_POLICY));
    assert_eq!(parse(&long), Err(E::TooLong { length: long.len() }));
}

#[test]
fn thirty_two_witnesses_and_groups_are_room_enough() {
    let groups: String = (1..=32).map(|n| format!("group g{n} any w{n}\n")).collect();
    assert!(parse(&format!("{}{groups}quorum g32\n", witnesses(32))).is_ok());
}

#[test]
fn a_witness_with_an_unknown_kind_of_key_is_refused() {
    // Type 06: a post-quantum cosigner, which this program could not verify.
    let text = "witness a w.example+00000000+BgcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\nquorum a\n";
    let why = NoteError::KeyType { name: "w.example".into(), kind: 6 };
    assert_eq!(parse(text), Err(PolicyFileError::Key { line: 1, why }));
}

proptest! {
    #[test]
    fn what_reads_prints_as_the_same_policy(
        lines in prop::collection::vec("(log|witness|group|quorum|#)( |\t)(none|w1|w2|g|any|all|1|2)( w1| w2| g|)", 0..6),
    ) {
        let text = format!("{}{}\n", witnesses(2), lines.join("\n"));
        if let Ok(policy) = parse(&text) {
            prop_assert_eq!(parse(&policy.to_string()), Ok(policy));
        }
    }
}
