//! Cards and their second factor.

use super::{Log, Records, Vault, VaultError, commit};
use crate::ceremony::custodian::Seen;
use crate::event::{Enrolment, Event, record_hash};
use crate::hex::Bytes;
use crate::log::merkle;
use crate::name::Pseudonym;
use crate::seal::card::{Card, Role};
use crate::seal::totp::TotpSecret;
use crate::seal::{aead, words};
use crate::secret::{SecretBytes, SecretKey};
use crate::state::{Organisation, Roll};
use crate::store::Store;
use crate::time::Time;
use rand_core::CryptoRng;

/// A card that is made but not enrolled: nothing is in the log yet.
pub struct Pending {
    /// The card.
    pub card: Card,
    /// Its authenticator's secret.
    pub totp: TotpSecret,
}

/// Makes a card and an authenticator secret for a new person.
pub fn new_person(state: &Organisation, role: Role, rng: &mut (impl CryptoRng + ?Sized)) -> Pending {
    let mut pseudonym = words::pseudonym(rng);
    while state.people.contains_key(&pseudonym) {
        pseudonym = words::pseudonym(rng);
    }
    let card = Card::create(state.vault, state.id, pseudonym, role, state.first_entry, rng);
    Pending { card, totp: TotpSecret::generate(rng) }
}

impl Pending {
    /// Whether the authenticator shows the right code now.
    pub fn check(&self, code: &SecretBytes, now: Time) -> Result<(), VaultError> {
        self.totp.check(code, now.unix_seconds()).map(|_| ()).ok_or(VaultError::EnrolmentCode)
    }
}

/// Name of the record of a person's encrypted authenticator secret.
pub(super) fn totp_record(who: &Pseudonym) -> String {
    format!("totp/{who}")
}

pub(super) fn totp_associated(state: &Organisation, who: &Pseudonym) -> Vec<u8> {
    [state.id.as_ref(), who.as_str().as_bytes()].concat()
}

/// An authenticator's secret as it lies at rest.
pub(super) fn seal_totp(
    key: &SecretKey,
    state: &Organisation,
    who: &Pseudonym,
    totp: &TotpSecret,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    aead::seal_at_rest(key, &totp_associated(state, who), totp.as_bytes().expose(), rng)
}

impl Vault {
    /// Enters a new card; the code must be right.
    pub fn enrol(
        &mut self,
        log: &mut Log,
        pending: &Pending,
        code: &SecretBytes,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        pending.check(code, now)?;
        let card = &pending.card;
        let state = &log.state;
        let key = self.gate().totp_key(&state.id, state.gate().epoch)?;
        let sealed = seal_totp(&key, state, card.pseudonym(), &pending.totp, rng);
        let signing = card.signing_key();
        let mut enrolment = Enrolment {
            role: card.role(),
            pseudonym: card.pseudonym().clone(),
            sign_key: signing.public(),
            cosign_key: card.cosign_key().public(),
            totp: record_hash(&sealed),
            signature: Bytes([0; 64]),
        };
        enrolment.signature = signing.sign(&enrolment.digest(&state.vault, &state.id, &state.first_entry));
        let records = Records { put: vec![(totp_record(card.pseudonym()), sealed)], ..Records::default() };
        self.commit_host(log, now, vec![Event::CardEnrolled(enrolment)], records)?;
        Ok(())
    }

    /// What the owner of a card sees who gives it here.
    pub fn shown(&self, log: &Log) -> Result<Seen, VaultError> {
        let head = (log.state.size, log.root());
        Ok(Seen::new(log.state.id, head, log.checkpoint().to_owned()).naming(&log.state))
    }

    /// Root over the first entries of a log; `None` if there are fewer.
    pub fn root_at(&self, log: &Log, size: u64) -> Result<Option<Bytes<32>>, VaultError> {
        if size > log.state.size {
            return Ok(None);
        }
        Ok(Some(merkle::root(&self.store().leaf_hashes(&log.state.id, 0..size)?)))
    }

    /// A log with what others have appended since it was read, if they have: a
    /// card's owner may have seen more of it by now. It must go on from there.
    pub fn newest(&self, log: &Log) -> Result<Option<Log>, VaultError> {
        if self.store().size(&log.state.id)? == log.state.size {
            return Ok(None);
        }
        let mut newest = log.clone();
        commit::advance(self.store(), &mut newest)?;
        Ok(Some(newest))
    }

    /// A person's authenticator secret, decrypted with the gate's key.
    pub fn totp_of(&self, log: &Log, who: &Pseudonym) -> Result<TotpSecret, VaultError> {
        let state = &log.state;
        let name = totp_record(who);
        let gone = || VaultError::RecordGone(name.clone());
        let sealed = self.record(&state.id, &name)?;
        if Some(record_hash(&sealed)) != state.authenticator(who) {
            return Err(gone());
        }
        let key = self.gate().totp_key(&state.id, state.gate().epoch)?;
        let bytes = aead::open_at_rest(&key, &totp_associated(state, who), &sealed).map_err(|_| gone())?;
        TotpSecret::from_bytes(bytes).ok_or_else(gone)
    }
}

/// Checks that a card belongs to a log, is enrolled there and has a role.
pub fn check_card(roll: &impl Roll, card: &Card, role: Role) -> Result<(), VaultError> {
    let enrolled = roll.enrolled(card.pseudonym());
    let ours = card.vault() == roll.vault()
        && card.organisation() == roll.id()
        && card.first_entry() == roll.first_entry()
        && enrolled.is_some_and(|(_, sign_key)| *sign_key == card.signing_key().public());
    if !ours {
        return Err(VaultError::ForeignCard(card.pseudonym().to_string()));
    }
    if card.role() != role {
        let who = card.pseudonym().to_string();
        return Err(VaultError::OtherRole { who, found: card.role().as_str(), needed: role.as_str() });
    }
    Ok(())
}
