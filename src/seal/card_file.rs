//! The card file: a card under a passphrase, as text that fits one QR code.
//!
//! Instead of coming from a passphrase its key may be wrapped for somebody who opens
//! it elsewhere, as a hardware key does; how is not known here.
//!
//! A card file names neither person nor organisation. Reading it goes in two
//! steps: [`CardFile::parse`] looks at the outside, [`CardFile::unlock`] needs
//! the passphrase.

use super::aead::{self, NONCE, TAG};
use super::card::{Card, lengths};
use super::fields::Reader;
use super::passphrase::{KdfParams, PassphraseError, derive};
use crate::secret::{SecretBytes, SecretKey};
use data_encoding::BASE64;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use std::fmt;

/// No card file is longer, in bytes.
pub const MAX_CARD_FILE: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN WARIFU CARD-----";
const END: &str = "-----END WARIFU CARD-----";
const COLUMNS: usize = 64;
const MAGIC: &[u8; 6] = b"wfcard";
/// The key comes from a passphrase.
const VERSION: u8 = 1;
/// The key is wrapped.
const WRAPPED: u8 = 2;
/// Longest wrapped key, in bytes.
pub const MAX_WRAPPED: usize = 8 * 1024;
const SALT: usize = 16;
const CHECKSUM: usize = 4;

/// Why a card file was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CardError {
    /// Larger than [`MAX_CARD_FILE`].
    #[error("{length} bytes are too many for a card file")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
    /// No card at all.
    #[error("this is not a card file")]
    NotACard,
    /// The last line is missing.
    #[error("the card file is cut short")]
    Truncated,
    /// Characters were lost or changed: the checksum is wrong.
    #[error("the card file is damaged")]
    Damaged,
    /// Whole, but with other line breaks, spaces or text around it.
    #[error("the card file has other line breaks or spaces than it was written with")]
    Reformatted,
    /// Written by a later version of this program.
    #[error("the card file has version {version}; this program reads versions 1 and 2")]
    NewerVersion {
        /// Its version.
        version: u8,
    },
    /// Argon2id parameters below the floor or above the cap.
    #[error("the card file asks for {memory_kib} KiB, {passes} passes and {lanes} lanes: out of bounds")]
    ParametersOutOfBounds {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// An encrypted part of a length that no card has.
    #[error("no card has {length} bytes of encrypted contents")]
    Length {
        /// Its length in bytes.
        length: usize,
    },
    /// The passphrase does not open it (or it was altered, checksum included).
    #[error("the passphrase does not open this card")]
    WrongPassphrase,
    /// A wrapped key of a length that cannot be.
    #[error("{length} bytes are no wrapped key of a card")]
    WrappedKey {
        /// Its length in bytes.
        length: usize,
    },
    /// The key that was unwrapped does not open it (or it was altered).
    #[error("the key that was unwrapped does not open this card")]
    WrongKey,
    /// It has no passphrase.
    #[error("the card has no passphrase: its key is wrapped for an age recipient")]
    NoPassphrase,
    /// It opens, but what is inside is not a well-formed card.
    #[error("the card opens, but its contents are malformed")]
    Contents,
    /// The memory that Argon2id needs is not there.
    #[error("{memory_kib} KiB of memory are not available to open the card")]
    OutOfMemory {
        /// Memory in KiB.
        memory_kib: u32,
    },
}

/// What stands before the encrypted part and is authenticated with it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Header {
    Passphrase { params: KdfParams, salt: [u8; SALT] },
    Wrapped(Vec<u8>),
}

/// A card file that parsed; nobody has shown yet that it opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardFile {
    header: Header,
    nonce: [u8; NONCE],
    sealed: Vec<u8>,
}

/// A card together with the key of its file, so that it can be written again
/// without the passphrase.
pub struct UnlockedCard {
    card: Card,
    header: Header,
    key: SecretKey,
}

impl UnlockedCard {
    /// Puts a card under a passphrase: fresh salt, Argon2id with `params`.
    pub fn protect(
        card: Card,
        passphrase: &SecretBytes,
        params: KdfParams,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, CardError> {
        Self::protect_with(card, params, |salt| derive(passphrase, salt, params), rng)
    }

    /// The same under a key that `stretch` derives with `params` from a fresh salt.
    pub fn protect_with(
        card: Card,
        params: KdfParams,
        stretch: impl FnOnce(&[u8]) -> Result<SecretKey, PassphraseError>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, CardError> {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        let key = stretch(&salt)?;
        Ok(Self { card, header: Header::Passphrase { params, salt }, key })
    }

    /// Puts a card under a random key, of which `wrapped` is all that is kept.
    pub fn wrapped(card: Card, key: SecretKey, wrapped: Vec<u8>) -> Result<Self, CardError> {
        let length = wrapped.len();
        if !(1..=MAX_WRAPPED).contains(&length) {
            return Err(CardError::WrappedKey { length });
        }
        Ok(Self { card, header: Header::Wrapped(wrapped), key })
    }

    /// What opening it costs, where it has a passphrase.
    pub fn params(&self) -> Option<KdfParams> {
        self.header.kdf().map(|(_, params)| params)
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The card, to remember a statement. Write [`UnlockedCard::armour`] before
    /// anything is signed.
    pub fn card_mut(&mut self) -> &mut Card {
        &mut self.card
    }

    /// The card alone, for [`UnlockedCard::protect`] under a new passphrase.
    pub fn into_card(self) -> Card {
        self.card
    }

    /// The card file's text, under a fresh nonce.
    pub fn armour(&self, rng: &mut (impl CryptoRng + ?Sized)) -> String {
        let nonce = aead::fresh_nonce(rng);
        let sealed = aead::encrypt(&self.key, &nonce, &self.header.to_bytes(), self.card.encode().expose());
        CardFile { header: self.header.clone(), nonce, sealed }.armour()
    }
}

impl CardFile {
    /// Reads a card file's text. One card has one text: what parses is written
    /// by [`CardFile::armour`] byte for byte.
    pub fn parse(file: &[u8]) -> Result<Self, CardError> {
        if file.len() > MAX_CARD_FILE {
            return Err(CardError::TooLarge { length: file.len() });
        }
        let text = std::str::from_utf8(file).map_err(|_| CardError::NotACard)?;
        let (_, after) = text.split_once(BEGIN).ok_or(CardError::NotACard)?;
        let (lines, _) = after.split_once(END).ok_or(CardError::Truncated)?;
        let base64: String = lines.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(base64.as_bytes()).map_err(|_| CardError::Damaged)?;
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(CardError::Damaged)?;
        if checksum(body) != *sum {
            return Err(CardError::Damaged);
        }
        let parsed = Self::from_bytes(body)?;
        if parsed.armour() == text { Ok(parsed) } else { Err(CardError::Reformatted) }
    }

    /// The text that [`CardFile::parse`] reads.
    pub fn armour(&self) -> String {
        let mut body = self.to_bytes();
        body.extend_from_slice(&checksum(&body));
        armoured(BASE64.encode(&body).as_bytes())
    }

    /// Reads a copy that went through a picture, a typewriter or a mail program: spaces
    /// and line ends may be others, and text may stand around it.
    pub fn parse_copy(copy: &[u8]) -> Result<Self, CardError> {
        let text = std::str::from_utf8(copy).map_err(|_| CardError::NotACard)?;
        let (_, after) = text.split_once(BEGIN).ok_or(CardError::NotACard)?;
        let (lines, _) = after.split_once(END).ok_or(CardError::Truncated)?;
        let base64: Vec<u8> = lines.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        Self::parse(armoured(&base64).as_bytes())
    }

    /// Salt and cost of what its key comes from, where that is a passphrase.
    pub fn kdf(&self) -> Option<(&[u8], KdfParams)> {
        self.header.kdf()
    }

    /// Its key as it was wrapped, where it was.
    pub fn wrapped(&self) -> Option<&[u8]> {
        match &self.header {
            Header::Wrapped(wrapped) => Some(wrapped),
            Header::Passphrase { .. } => None,
        }
    }

    /// Opens the card with its passphrase.
    pub fn unlock(&self, passphrase: &SecretBytes) -> Result<UnlockedCard, CardError> {
        let (salt, params) = self.kdf().ok_or(CardError::NoPassphrase)?;
        self.unlock_with(derive(passphrase, salt, params)?)
    }

    /// Opens the card with a key that was derived or unwrapped before.
    pub fn unlock_with(&self, key: SecretKey) -> Result<UnlockedCard, CardError> {
        let header = self.header.clone();
        let wrong = if self.wrapped().is_some() { CardError::WrongKey } else { CardError::WrongPassphrase };
        let contents =
            aead::decrypt(&key, &self.nonce, &header.to_bytes(), &self.sealed).map_err(|_| wrong)?;
        Ok(UnlockedCard { card: Card::decode(&contents)?, header, key })
    }

    fn to_bytes(&self) -> Vec<u8> {
        [self.header.to_bytes().as_slice(), &self.nonce, &self.sealed].concat()
    }

    fn from_bytes(body: &[u8]) -> Result<Self, CardError> {
        let mut from = Reader(body);
        let header = Header::read(&mut from)?;
        let length = body.len();
        let nonce = from.array().ok_or(CardError::Length { length })?;
        let sealed = from.0.to_vec();
        if !lengths().into_iter().any(|length| length + TAG == sealed.len()) {
            return Err(CardError::Length { length: sealed.len() });
        }
        Ok(Self { header, nonce, sealed })
    }
}

impl Header {
    fn kdf(&self) -> Option<(&[u8], KdfParams)> {
        match self {
            Self::Passphrase { params, salt } => Some((salt, *params)),
            Self::Wrapped(_) => None,
        }
    }

    /// `magic ‖ 1 ‖ memory ‖ passes ‖ lanes ‖ salt`, or `magic ‖ 2 ‖ u16 length ‖
    /// wrapped key`.
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Passphrase { params, salt } => {
                let costs = [params.passes(), params.lanes()];
                let costs = costs.map(|cost| u8::try_from(cost).expect("bounded by 16"));
                let memory = params.memory_kib().to_be_bytes();
                [MAGIC.as_slice(), &[VERSION], &memory, &costs, salt].concat()
            }
            Self::Wrapped(wrapped) => {
                let length = u16::try_from(wrapped.len()).expect("bounded by MAX_WRAPPED").to_be_bytes();
                [MAGIC.as_slice(), &[WRAPPED], &length, wrapped].concat()
            }
        }
    }

    fn read(from: &mut Reader) -> Result<Self, CardError> {
        if from.array().as_ref() != Some(MAGIC) {
            return Err(CardError::NotACard);
        }
        match from.u8() {
            Some(VERSION) => Self::read_passphrase(from),
            Some(WRAPPED) => Self::read_wrapped(from),
            Some(version) if version > WRAPPED => Err(CardError::NewerVersion { version }),
            _ => Err(CardError::NotACard),
        }
    }

    fn read_passphrase(from: &mut Reader) -> Result<Self, CardError> {
        let short = CardError::Length { length: 0 };
        let Some(((memory_kib, passes), lanes)) = from.u32().zip(from.u8()).zip(from.u8()) else {
            return Err(short);
        };
        let params = KdfParams::new(memory_kib, passes.into(), lanes.into())?;
        Ok(Self::Passphrase { params, salt: from.array().ok_or(short)? })
    }

    fn read_wrapped(from: &mut Reader) -> Result<Self, CardError> {
        let length = from.u16().map_or(0, usize::from);
        let bytes = from.take(length).filter(|_| (1..=MAX_WRAPPED).contains(&length));
        bytes.map(|bytes| Self::Wrapped(bytes.to_vec())).ok_or(CardError::WrappedKey { length })
    }
}

impl From<PassphraseError> for CardError {
    fn from(error: PassphraseError) -> Self {
        match error {
            PassphraseError::ParametersOutOfBounds { memory_kib, passes, lanes } => {
                Self::ParametersOutOfBounds { memory_kib, passes, lanes }
            }
            PassphraseError::OutOfMemory { memory_kib } => Self::OutOfMemory { memory_kib },
            // A card's salt has 16 bytes by its type.
            PassphraseError::ShortSalt { .. } => Self::NotACard,
        }
    }
}

impl fmt::Debug for UnlockedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnlockedCard([secret])")
    }
}

fn armoured(base64: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    for line in base64.chunks(COLUMNS) {
        text.extend(line.iter().map(|c| char::from(*c)));
        text.push('\n');
    }
    text + END + "\n"
}

/// Tells a damaged file from a wrong passphrase; protects against nobody.
fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let hash: [u8; 32] = Sha256::digest(body).into();
    *hash.first_chunk().expect("32 bytes have a first four")
}

#[cfg(test)]
mod tests {
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
        let lines: Vec<_> = BASE64
            .encode(&body)
            .as_bytes()
            .chunks(64)
            .map(|l| String::from_utf8(l.to_vec()).unwrap())
            .collect();
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
}
