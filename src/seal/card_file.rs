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
mod tests;
