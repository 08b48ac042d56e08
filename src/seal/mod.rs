//! Everything that encrypts, signs or authenticates, apart from the secret
//! sharing: well-kept crates behind types that fix the parameters.
//!
//! Pure: no files, sockets or clock, and randomness is always a parameter. It
//! knows nothing of dealings, entries or ceremonies.

pub mod aead;
pub mod card;
pub mod card_file;
pub mod contents;
mod fields;
pub mod generate;
pub mod hpke;
pub mod mfa;
pub mod paper;
pub mod passphrase;
pub mod qr;
pub mod record;
pub mod root;
pub mod sign;
pub mod totp;
pub mod words;
