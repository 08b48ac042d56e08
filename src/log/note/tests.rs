use super::*;
use proptest::prelude::*;

/// The example of C2SP signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// Key pair and note of the documentation of golang.org/x/mod/sumdb/note.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// A checkpoint of a public staging log with its witnesses: a signature of a
/// type that is not known here, a log key, and cosignatures.
const WITNESSED: &str = "arche2025h1.staging.ct.transparency.dev\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n\
    — arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n\
    — arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
    — remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n";
const WITNESSED_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

fn key(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

fn text(text: &str) -> NoteText {
    NoteText::new(text.to_owned()).unwrap()
}

fn seed(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

#[test]
fn the_example_of_the_specification_verifies() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    let (text, signed) = note.verify(&[key(EXAMPLE_KEY)]).unwrap();
    assert_eq!(text.as_str(), "This is an example message.\n");
    assert_eq!(signed, [SignedBy { key: key(EXAMPLE_KEY), seconds: None }]);
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(key(EXAMPLE_KEY).to_string(), EXAMPLE_KEY);
}

#[test]
fn signing_gives_the_bytes_that_go_gives() {
    let seed = BASE64.decode(GO_SEED).unwrap();
    let signer = LogSigner::new("PeterNeumann", SecretKey::from_slice(&seed[1..]).unwrap()).unwrap();
    assert_eq!(signer.verifier().to_string(), GO_KEY);
    let text = text(GO_NOTE.rsplit_once('\n').unwrap().0.rsplit_once("\n—").unwrap().0);
    assert_eq!(Note::new(text.clone(), signer.sign(&text)).to_string(), GO_NOTE);
}

#[test]
fn a_witnessed_checkpoint_verifies_with_unknown_lines_ignored() {
    let note = Note::parse(WITNESSED.as_bytes()).unwrap();
    let (_, signed) = note.verify(&[key(WITNESS), key(WITNESSED_LOG)]).unwrap();
    assert_eq!(signed.len(), 2);
    assert_eq!((signed[1].key.name(), signed[1].seconds), ("remora.n621.de", Some(0x6a12_2120)));
    assert_eq!(note.to_string(), WITNESSED);
    assert_eq!(key(WITNESS).to_string(), WITNESS);
}

#[test]
fn a_cosignature_with_another_time_is_refused() {
    let note = WITNESSED.replace("2net5wAAAABqEiEg", "2net5wAAAABqEiEh");
    let wrong = Err(NoteError::BadSignature { name: "remora.n621.de".to_owned() });
    assert_eq!(Note::parse(note.as_bytes()).unwrap().verify(&[key(WITNESS)]).map(|_| ()), wrong);
}

#[test]
fn a_cosignature_is_not_a_signature_by_the_same_key() {
    let text = text("origin\n1\n");
    let cosigner = Cosigner::new("w", seed(1)).unwrap();
    let log = LogSigner::new("w", seed(1)).unwrap();
    let note = Note::new(text.clone(), cosigner.cosign(&text, 7).unwrap());
    assert_eq!(note.verify(&[cosigner.verifier().clone()]).unwrap().1[0].seconds, Some(7));
    assert_eq!(note.verify(&[log.verifier().clone()]), Err(NoteError::NotSigned));
}

#[test]
fn a_time_above_the_limit_is_refused() {
    let text = text("x\n");
    let cosigner = Cosigner::new("w", seed(1)).unwrap();
    assert_eq!(cosigner.cosign(&text, 1 << 63).unwrap_err(), NoteError::Time);
    assert!(cosigner.cosign(&text, (1 << 63) - 1).is_ok());
    let signature = cosigner.0.sign(&cosigned_message(&text, 1 << 63));
    let line = cosigner.0.line([&(1u64 << 63).to_be_bytes()[..], &signature].concat());
    let refused = Note::new(text, line).verify(&[cosigner.verifier().clone()]).map(|_| ());
    assert_eq!(refused, Err(NoteError::BadSignature { name: "w".to_owned() }));
}

#[test]
fn two_cosignatures_of_one_key_count_once_with_the_later_time() {
    let text = text("x\n");
    let cosigner = Cosigner::new("w", seed(1)).unwrap();
    let mut note = Note::new(text.clone(), cosigner.cosign(&text, 9).unwrap());
    note.add(cosigner.cosign(&text, 8).unwrap()).unwrap();
    let signed = note.verify(&[cosigner.verifier().clone()]).unwrap().1;
    assert_eq!(signed, [SignedBy { key: cosigner.verifier().clone(), seconds: Some(9) }]);
}

#[test]
fn a_wrong_signature_of_a_known_key_refuses_the_note_beside_a_right_one() {
    let (one, two) = (LogSigner::new("one", seed(1)).unwrap(), LogSigner::new("two", seed(2)).unwrap());
    let known = [one.verifier().clone(), two.verifier().clone()];
    let mut note = Note::new(text("right\n"), one.sign(&text("right\n")));
    note.add(two.sign(&text("wrong\n"))).unwrap();
    assert_eq!(note.verify(&known), Err(NoteError::BadSignature { name: "two".to_owned() }));
    assert!(note.verify(&known[..1]).is_ok(), "unknown to this verifier, so ignored");
}

#[test]
fn a_second_wrong_line_of_the_same_key_refuses_the_note() {
    let one = LogSigner::new("one", seed(1)).unwrap();
    let mut note = Note::new(text("right\n"), one.sign(&text("right\n")));
    note.add(one.sign(&text("wrong\n"))).unwrap();
    let wrong = Err(NoteError::BadSignature { name: "one".to_owned() });
    assert_eq!(note.verify(&[one.verifier().clone()]), wrong);
}

#[test]
fn a_note_that_no_known_key_signed_is_refused() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(note.verify(&[key(GO_KEY)]), Err(NoteError::NotSigned));
    assert_eq!(note.verify(&[]), Err(NoteError::NotSigned));
}

#[test]
fn the_same_name_with_another_id_is_unknown() {
    let (one, other) = (LogSigner::new("log", seed(1)).unwrap(), LogSigner::new("log", seed(2)).unwrap());
    let note = Note::new(text("x\n"), other.sign(&text("x\n")));
    assert_eq!(note.verify(&[one.verifier().clone()]), Err(NoteError::NotSigned));
}

#[test]
fn two_known_keys_that_cannot_be_told_apart_are_refused() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    let ambiguous = Err(NoteError::AmbiguousKey { name: "example.com/foo".to_owned() });
    assert_eq!(note.verify(&[key(EXAMPLE_KEY), key(EXAMPLE_KEY)]), ambiguous);
}

#[test]
fn the_text_ends_at_the_last_empty_line() {
    let signer = LogSigner::new("k", seed(3)).unwrap();
    let inner = Note::new(text("inner\n"), signer.sign(&text("inner\n"))).to_string();
    let whole = Note::new(text(&inner), signer.sign(&text(&inner)));
    let read = Note::parse(whole.to_string().as_bytes()).unwrap();
    assert_eq!(read.verify(&[signer.verifier().clone()]).unwrap().0.as_str(), inner);
}

#[test]
fn a_note_over_the_cap_is_refused() {
    let long = vec![b'a'; MAX_NOTE + 1];
    assert_eq!(Note::parse(&long), Err(NoteError::TooLong { length: MAX_NOTE + 1 }));
}

#[test]
fn a_note_with_too_many_signatures_is_refused() {
    let line = EXAMPLE.rsplit_once("\n\n").unwrap().1;
    let note = |count: usize| format!("x\n\n{}", line.repeat(count));
    assert!(Note::parse(note(MAX_SIGNATURES).as_bytes()).is_ok());
    assert_eq!(Note::parse(note(MAX_SIGNATURES + 1).as_bytes()), Err(NoteError::TooManySignatures));
    let mut full = Note::parse(note(MAX_SIGNATURES).as_bytes()).unwrap();
    let one_more = Signature::parse(line.trim_end()).unwrap();
    assert_eq!(full.add(one_more), Err(NoteError::TooManySignatures));
}

#[test]
fn a_note_that_is_not_utf8_is_refused() {
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::NotUtf8));
}

#[test]
fn control_characters_are_refused() {
    for stray in ['\0', '\t', '\r', '\x1f', '\x7f', '\u{85}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}'] {
        let note = EXAMPLE.replace("an", &format!("a{stray}n"));
        assert_eq!(Note::parse(note.as_bytes()), Err(NoteError::ControlCharacter), "{stray:?}");
        assert_eq!(NoteText::new(format!("a{stray}\n")), Err(NoteError::ControlCharacter));
    }
}

#[test]
fn text_without_a_final_newline_is_refused() {
    assert_eq!(NoteText::new("a".to_owned()), Err(NoteError::TextWithoutNewline));
    assert_eq!(NoteText::new(String::new()), Err(NoteError::TextWithoutNewline));
}

#[test]
fn a_note_without_signatures_is_refused() {
    for bad in ["", "a\n", "a\n\n", "\n\n"] {
        assert_eq!(Note::parse(bad.as_bytes()), Err(NoteError::NoSignatures), "{bad:?}");
    }
}

#[test]
fn malformed_signature_lines_are_refused() {
    let right = "— k AAAAAAA=";
    assert!(Signature::parse(right).is_some());
    let bad = [
        "k AAAAAAA=",          // no dash
        "- k AAAAAAA=",        // another dash
        "—k AAAAAAA=",         // no space after the dash
        "—  AAAAAAA=",         // no name
        "— a+b AAAAAAA=",      // plus in the name
        "— a\u{a0}b AAAAAAA=", // Unicode space in the name
        "— k  AAAAAAA=",       // two spaces
        "— k AAAAAAA= ",       // trailing space
        "— k",                 // nothing
        "— k AAAAAA==",        // key id alone
        "— k AAAAAAB=",        // unused bits set
        "— k AAAAAAA",         // no padding
        "— k AAAA_AA=",        // the other alphabet
    ];
    for line in bad {
        assert_eq!(Signature::parse(line), None, "{line}");
        let note = format!("x\n\n{right}\n{line}\n");
        assert_eq!(Note::parse(note.as_bytes()), Err(NoteError::SignatureLine { line: 2 }), "{line}");
    }
    let cut = format!("x\n\n{right}");
    assert_eq!(Note::parse(cut.as_bytes()), Err(NoteError::SignatureLine { line: 1 }));
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let (rest, encoded) = EXAMPLE_KEY.rsplit_once('+').unwrap();
    let with = |encoded: &str| VerifierKey::parse(&format!("{rest}+{encoded}")).unwrap_err();
    let name = || "example.com/foo".to_owned();
    assert_eq!(VerifierKey::parse("example.com/foo+530d903a"), Err(NoteError::VerifierKey));
    assert_eq!(
        VerifierKey::parse(&format!("+530d903a+{encoded}")),
        Err(NoteError::KeyName { name: "".into() })
    );
    assert_eq!(with(""), NoteError::VerifierKey);
    assert_eq!(with("AQ=="), NoteError::VerifierKey);
    assert_eq!(with(&encoded.replace("AekyeRrm", "BOkyeRrm")), NoteError::KeyId { name: name() });
    assert_eq!(with(&encoded.replace("AekyeRrm", "AukyeRrm")), NoteError::KeyType { name: name(), kind: 2 });
    let other = EXAMPLE_KEY.replace("530d903a", "530d903b");
    assert_eq!(VerifierKey::parse(&other), Err(NoteError::KeyId { name: name() }));
    let upper = EXAMPLE_KEY.replace("530d903a", "530D903A");
    assert_eq!(VerifierKey::parse(&upper), Err(NoteError::VerifierKey));
}

#[test]
fn keys_of_small_order_or_not_canonical_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut beyond = [0xff; 32]; // y = p + 1, the identity written differently
    (beyond[0], beyond[31]) = (0xee, 0x7f);
    let mut canonical_beyond = [0xff; 32]; // y = p + 3 stands for y = 3
    (canonical_beyond[0], canonical_beyond[31]) = (0xf0, 0x7f);
    for bad in [identity, [0; 32], beyond, canonical_beyond] {
        let refused = VerifierKey::new("k", KeyType::Ed25519, &Bytes(bad));
        assert_eq!(refused, Err(NoteError::PublicKey { name: "k".to_owned() }), "{bad:?}");
    }
}

#[test]
fn debug_of_a_signer_shows_no_seed() {
    let shown = format!("{:?}", LogSigner::new("k", seed(0xab)).unwrap());
    assert!(shown.contains("[secret]") && !shown.contains("171, 171"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_reads_back(body in "[ -~¡-¬®-ӿ一-俿]{0,30}\n{1,3}[ -~¡-¬®-ӿ一-俿]{0,30}") {
        let text = text(&format!("{body}\n"));
        let signer = LogSigner::new("log.example/1", seed(5)).unwrap();
        let written = Note::new(text.clone(), signer.sign(&text)).to_string();
        let read = Note::parse(written.as_bytes()).unwrap();
        prop_assert_eq!(read.to_string(), written);
        prop_assert_eq!(read.verify(&[signer.verifier().clone()]).unwrap().0, &text);
    }

    #[test]
    fn what_reads_writes_back_to_the_same_bytes(
        place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = WITNESSED.as_bytes().to_vec();
        bytes[place.index(WITNESSED.len())] = byte;
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn any_changed_byte_of_a_signed_note_is_refused(
        place in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let mut bytes = GO_NOTE.as_bytes().to_vec();
        bytes[place.index(GO_NOTE.len())] ^= 1 << bit;
        let verified = Note::parse(&bytes).and_then(|note| note.verify(&[key(GO_KEY)]).map(|_| ()));
        prop_assert!(verified.is_err());
    }
}
