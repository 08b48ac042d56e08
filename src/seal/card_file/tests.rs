//! Cards out and in again, and one test for each breach of the form.

use super::super::card::tests::card;
use super::*;
use crate::hex::Bytes;
use crate::name::GroupId;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

fn passphrase(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

fn protected(memberships: usize) -> UnlockedCard {
    let mut rng = StdRng::seed_from_u64(2);
    UnlockedCard::protect(card(memberships), &passphrase("right"), KdfParams::FLOOR, &mut rng).unwrap()
}

/// Made once: Argon2id takes its time even at the floor.
static EMPTY: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| protected(0).armour(&mut StdRng::seed_from_u64(3)));

fn text(memberships: usize) -> String {
    match memberships {
        0 => EMPTY.clone(),
        n => protected(n).armour(&mut StdRng::seed_from_u64(3)),
    }
}

/// Changes the bytes behind the armour and puts a right checksum.
fn rewritten(change: impl Fn(&mut Vec<u8>)) -> Result<CardFile, CardError> {
    let mut body = CardFile::parse(text(0).as_bytes()).unwrap().to_bytes();
    change(&mut body);
    body.extend(checksum(&body));
    let lines: Vec<_> =
        BASE64.encode(&body).as_bytes().chunks(64).map(|l| String::from_utf8(l.to_vec()).unwrap()).collect();
    CardFile::parse(format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")).as_bytes())
}

#[test]
fn opens_with_its_passphrase_only() {
    let file = CardFile::parse(text(2).as_bytes()).unwrap();
    assert_eq!(file.kdf().map(|(_, params)| params), Some(KdfParams::FLOOR));
    assert_eq!(file.unlock(&passphrase("Right")).map(|_| ()), Err(CardError::WrongPassphrase));
    let unlocked = file.unlock(&passphrase("right")).unwrap();
    assert!(unlocked.card().encode().same_as(&card(2).encode()));
}

#[test]
fn membership_is_added_without_the_passphrase_and_under_a_fresh_nonce() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut unlocked = CardFile::parse(text(0).as_bytes()).unwrap().unlock(&passphrase("right")).unwrap();
    let group = GroupId(Bytes([5; 32]));
    unlocked.card_mut().remember_statement(group, 1, Bytes([6; 64])).unwrap();
    let (one, two) = (unlocked.armour(&mut rng), unlocked.armour(&mut rng));
    assert_ne!(one, two);
    let again = CardFile::parse(one.as_bytes()).unwrap().unlock(&passphrase("right")).unwrap();
    assert_eq!(again.card().statement(group, 1), Some(Bytes([6; 64])));
}

#[test]
fn sixteen_memberships_fit_one_qr_code() {
    let fits =
        |n| qrcode::QrCode::with_error_correction_level(text(n).as_bytes(), qrcode::EcLevel::L).is_ok();
    assert!(fits(16));
    assert_eq!((text(0).len(), text(16).len()), (948, 2638));
}

#[test]
fn header_names_nobody_and_has_the_documented_bytes() {
    let file = CardFile::parse(text(0).as_bytes()).unwrap();
    let body = file.to_bytes();
    assert_eq!(body[..13], *b"wfcard\x01\x00\x00\x4c\x00\x02\x01");
    assert_eq!((&body[13..29] == file.kdf().unwrap().0, body.len()), (true, 29 + 24 + 586 + 16));
}

#[test]
fn what_is_no_card_is_refused() {
    for bad in [b"".as_slice(), b"hello", &[0xff; 40], b"-----BEGIN PRIVATE KEY-----\n"] {
        assert_eq!(CardFile::parse(bad), Err(CardError::NotACard));
    }
    assert_eq!(rewritten(|b| b[0] = b'W'), Err(CardError::NotACard));
    assert_eq!(rewritten(|b| b[6] = 0), Err(CardError::NotACard));
    assert_eq!(rewritten(Vec::clear), Err(CardError::NotACard));
    let length = MAX_CARD_FILE + 1;
    assert_eq!(CardFile::parse(&vec![b'-'; length]), Err(CardError::TooLarge { length }));
}

#[test]
fn cut_short_is_told_from_damaged() {
    let text = text(0);
    for length in BEGIN.len()..text.len() - 1 {
        assert_eq!(CardFile::parse(&text.as_bytes()[..length]), Err(CardError::Truncated), "{length}");
    }
    let line = text.lines().nth(3).unwrap();
    let lost = text.replace(&format!("{line}\n"), "");
    assert_eq!(CardFile::parse(lost.as_bytes()), Err(CardError::Damaged));
}

#[test]
fn later_version_is_named() {
    assert_eq!(rewritten(|b| b[6] = 3), Err(CardError::NewerVersion { version: 3 }));
}

/// A card under the key that is all sevens, and its text.
fn wrapped() -> (UnlockedCard, String) {
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let card = UnlockedCard::wrapped(card(1), key, vec![5; 171]).unwrap();
    let text = card.armour(&mut StdRng::seed_from_u64(3));
    (card, text)
}

#[test]
fn a_wrapped_card_opens_with_its_key_alone_and_is_written_again_as_it_was() {
    let (_, text) = wrapped();
    let file = CardFile::parse(text.as_bytes()).unwrap();
    assert_eq!((file.wrapped(), file.kdf()), (Some([5; 171].as_slice()), None));
    assert_eq!(file.unlock(&passphrase("right")).map(|_| ()), Err(CardError::NoPassphrase));
    let with = |byte| file.unlock_with(SecretKey::from_slice(&[byte; 32]).unwrap());
    assert_eq!(with(8).map(|_| ()), Err(CardError::WrongKey));
    let again = with(7).unwrap().armour(&mut StdRng::seed_from_u64(4));
    let again = CardFile::parse(again.as_bytes()).unwrap();
    assert_eq!(again.wrapped(), file.wrapped());
    assert!(again.unlock_with(SecretKey::from_slice(&[7; 32]).unwrap()).is_ok());
}

#[test]
fn another_wrapped_key_of_the_same_length_is_noticed() {
    let mut file = CardFile::parse(wrapped().1.as_bytes()).unwrap();
    file.header = Header::Wrapped(vec![6; 171]);
    let opened = file.unlock_with(SecretKey::from_slice(&[7; 32]).unwrap());
    assert_eq!(opened.map(|_| ()), Err(CardError::WrongKey));
}

#[test]
fn a_wrapped_key_has_a_length_within_bounds() {
    for length in [0, MAX_WRAPPED + 1] {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let refused = UnlockedCard::wrapped(card(0), key, vec![5; length]).err();
        assert_eq!(refused, Some(CardError::WrappedKey { length }));
    }
    // Behind version 2 a card under a passphrase has a length of nought.
    assert_eq!(rewritten(|b| b[6] = 2), Err(CardError::WrappedKey { length: 0 }));
}

#[test]
fn a_copy_may_be_broken_otherwise_and_have_text_around_it() {
    let text = text(0);
    let copy = format!("From the safe:\r\n {}\n", text.replace('\n', "\r\n  "));
    assert_eq!(CardFile::parse_copy(copy.as_bytes()), CardFile::parse(text.as_bytes()));
    let short = CardFile::parse_copy(&text.as_bytes()[..200]);
    assert_eq!(short, Err(CardError::Truncated));
}

#[test]
fn parameters_below_the_floor_or_above_the_cap_are_refused() {
    let refused = |r: Result<_, _>| matches!(r, Err(CardError::ParametersOutOfBounds { .. }));
    assert!(refused(rewritten(|b| b[7] = 1))); // 16 GiB
    assert!(refused(rewritten(|b| b[9] = 1))); // below 19 MiB
    assert!(refused(rewritten(|b| b[11] = 255)));
    assert!(refused(rewritten(|b| b[12] = 0)));
}

#[test]
fn other_lengths_are_refused() {
    let refused = |r: Result<_, _>| matches!(r, Err(CardError::Length { .. }));
    assert!(refused(rewritten(|b| b.push(0))));
    assert!(refused(rewritten(|b| b.truncate(100))));
    assert!(refused(rewritten(|b| b.truncate(20))));
    assert!(refused(rewritten(|b| b.truncate(10))));
}

#[test]
fn other_line_breaks_or_text_around_it_are_refused() {
    let text = text(0);
    let (crlf, spaced) = (text.replace('\n', "\r\n"), text.replace('\n', " \n"));
    for bad in [crlf, spaced, format!("{text}\n"), format!("\n{text}"), text.trim_end().to_owned()] {
        assert_eq!(CardFile::parse(bad.as_bytes()), Err(CardError::Reformatted));
    }
}

#[test]
fn header_cannot_be_changed_unseen() {
    let file = rewritten(|b| b[11] = 3).unwrap();
    assert_eq!(file.unlock(&passphrase("right")).map(|_| ()), Err(CardError::WrongPassphrase));
    let mut swapped = CardFile::parse(text(0).as_bytes()).unwrap();
    let Header::Passphrase { params, .. } = &mut swapped.header else { panic!("a passphrase") };
    *params = KdfParams::new(20 * 1024, 2, 1).unwrap();
    let key = protected(0).key;
    let opened = aead::decrypt(&key, &swapped.nonce, &swapped.header.to_bytes(), &swapped.sealed);
    assert!(opened.is_err(), "the right key with another header");
}

proptest! {
    #[test]
    fn any_changed_character_is_refused_and_what_parses_is_written_the_same(at in 0usize..948, to: u8) {
        let mut file = text(0).into_bytes();
        let before = file[at];
        file[at] = to;
        match CardFile::parse(&file) {
            Ok(parsed) => {
                prop_assert_eq!(to, before);
                prop_assert_eq!(parsed.armour().into_bytes(), file);
            }
            Err(error) => prop_assert!(error != CardError::WrongPassphrase && to != before),
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = format!("{BEGIN}\n{}\n{END}\n", BASE64.encode(&noise));
        prop_assert!(CardFile::parse(text.as_bytes()).is_err());
        prop_assert!(CardFile::parse(&noise).is_err());
    }
}
