//! A card: one person in one organisation, one pseudonym, one seed from which
//! every key of theirs comes. Its file is [`super::card_file`]; what the owner
//! last saw of the log lies elsewhere.

use super::card_file::CardError;
use super::fields::{Reader, Writer};
use super::sign::SigningKey;
use crate::hex::Bytes;
use crate::name::{GroupId, OrganisationId, Pseudonym, VaultId};
use crate::secret::{SecretBytes, SecretKey, SecretScalar};
use crate::transcript::{kdf, kdf_scalar, label};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Memberships for which a card's contents have room; contents are padded to
/// the least of these, so that their number shows only coarsely. Up to 16 the
/// armour fits one QR code.
pub const ROOM: [usize; 3] = [4, 16, 64];
/// Epochs of one group that a card remembers.
pub const EPOCHS_KEPT: usize = 2;

const PSEUDONYM_ROOM: usize = 38; // three words of twelve letters
const FIXED: usize = 4 * 32 + 1 + 1 + PSEUDONYM_ROOM + 2;
const MEMBERSHIP: usize = 32 + 8 + 64;

/// What its owner may do in the organisation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Holds shares.
    Custodian,
    /// Requests and rotates.
    Operator,
    /// Reads, verifies and reports.
    Officer,
    /// Holds a share of the gate's root; such a card is the vault's own, of no
    /// organisation.
    Keeper,
}

impl Role {
    const ALL: [Self; 4] = [Self::Custodian, Self::Operator, Self::Officer, Self::Keeper];

    /// The name that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custodian => "custodian",
            Self::Operator => "operator",
            Self::Officer => "officer",
            Self::Keeper => "keeper",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Custodian => 1,
            Self::Operator => 2,
            Self::Officer => 3,
            Self::Keeper => 4,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The statement that this card signed for a group's epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// Its epoch.
    pub epoch: u64,
    /// Hash of the group statement.
    pub statement: Bytes<64>,
}

/// Why a statement must not be signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StatementError {
    /// This card signed another statement for the same group and epoch.
    #[error("this card already signed another statement for epoch {epoch} of group {group}")]
    SignedAnother {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: u64,
    },
    /// The card has moved on to later epochs and no longer knows this one.
    #[error("epoch {epoch} of group {group} is older than those this card remembers")]
    Superseded {
        /// The group.
        group: GroupId,
        /// The epoch.
        epoch: u64,
    },
    /// No room for another membership.
    #[error("the card has no room for a further group")]
    Full,
}

/// One person's seed and what they pinned. Neither `Clone` nor printable.
pub struct Card {
    seed: SecretKey,
    vault: VaultId,
    organisation: OrganisationId,
    pseudonym: Pseudonym,
    role: Role,
    first_entry: Bytes<32>,
    /// Ascending by group and epoch, no two of the same.
    memberships: Vec<Membership>,
}

impl Card {
    /// A card with a fresh seed and no memberships. `first_entry` is the leaf
    /// hash of the organisation's first entry: a log that begins otherwise is
    /// not this organisation's.
    pub fn create(
        vault: VaultId,
        organisation: OrganisationId,
        pseudonym: Pseudonym,
        role: Role,
        first_entry: Bytes<32>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let seed = SecretKey::random(rng);
        Self { seed, vault, organisation, pseudonym, role, first_entry, memberships: Vec::new() }
    }

    /// The vault.
    pub fn vault(&self) -> VaultId {
        self.vault
    }

    /// The organisation.
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The pseudonym.
    pub fn pseudonym(&self) -> &Pseudonym {
        &self.pseudonym
    }

    /// The role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Leaf hash of the organisation's first entry.
    pub fn first_entry(&self) -> Bytes<32> {
        self.first_entry
    }

    /// Statements signed, ascending by group and epoch.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// The Ed25519 key that signs messages and statements:
    /// `KDF(k, "sign-key", organisation)`.
    pub fn signing_key(&self) -> SigningKey {
        SigningKey::new(kdf(&self.seed, label::SIGN_KEY, &[self.organisation.as_ref()]))
    }

    /// The Ed25519 key that cosigns checkpoints: `KDF(k, "cosign-key",
    /// organisation)`.
    pub fn cosign_key(&self) -> SigningKey {
        SigningKey::new(self.cosign_seed())
    }

    /// The seed of [`Card::cosign_key`], for cosigning a note.
    pub fn cosign_seed(&self) -> SecretKey {
        kdf(&self.seed, label::COSIGN_KEY, &[self.organisation.as_ref()])
    }

    /// The share key `x` of the group in the epoch that `g` stands for: 64
    /// bytes of HKDF under "share-key", reduced modulo ℓ.
    pub fn share_scalar(&self, g: &Bytes<64>) -> SecretScalar {
        kdf_scalar(&self.seed, label::SHARE_KEY, &[g.as_ref()])
    }

    /// The key under which a requester's private HPKE keys lie at rest:
    /// `KDF(k, "requester-key", organisation)`.
    pub fn requester_key(&self) -> SecretKey {
        kdf(&self.seed, label::REQUESTER_KEY, &[self.organisation.as_ref()])
    }

    /// The statement that this card signed for `group` in `epoch`, if it
    /// remembers one.
    pub fn statement(&self, group: GroupId, epoch: u64) -> Option<Bytes<64>> {
        self.memberships.iter().find(|m| m.group == group && m.epoch == epoch).map(|m| m.statement)
    }

    /// Remembers that this card signs `statement`, **before** it does: with two
    /// signed statements for one epoch a host could show different groups to
    /// different people. Save the card, then sign.
    ///
    /// The same statement again is no change. Of each group the latest
    /// [`EPOCHS_KEPT`] epochs stay; older ones are refused from then on, so
    /// that forgetting them opens no way to sign twice.
    pub fn remember_statement(
        &mut self,
        group: GroupId,
        epoch: u64,
        statement: Bytes<64>,
    ) -> Result<(), StatementError> {
        if let Some(signed) = self.statement(group, epoch) {
            let same = signed == statement;
            return if same { Ok(()) } else { Err(StatementError::SignedAnother { group, epoch }) };
        }
        let kept: Vec<u64> = self.memberships.iter().filter(|m| m.group == group).map(|m| m.epoch).collect();
        let full = kept.len() >= EPOCHS_KEPT;
        match kept.first() {
            Some(oldest) if full && epoch < *oldest => {
                return Err(StatementError::Superseded { group, epoch });
            }
            Some(oldest) if full => self.memberships.retain(|m| m.group != group || m.epoch != *oldest),
            _ if self.memberships.len() >= most() => return Err(StatementError::Full),
            _ => {}
        }
        let added = Membership { group, epoch, statement };
        let place = self.memberships.partition_point(|m| *m < added);
        self.memberships.insert(place, added);
        Ok(())
    }

    /// The contents of the card file, in wiped memory of one of [`lengths`].
    pub(super) fn encode(&self) -> SecretBytes {
        let room = ROOM.into_iter().find(|room| *room >= self.memberships.len());
        let mut contents = SecretBytes::zeroed(length(room.expect("remember_statement keeps to the most")));
        let mut to = Writer(contents.expose_mut());
        to.put(self.seed.expose());
        to.put(self.vault.as_ref());
        to.put(self.organisation.as_ref());
        to.put(self.first_entry.as_ref());
        let name = self.pseudonym.as_str().as_bytes();
        to.put(&[self.role.code(), u8::try_from(name.len()).expect("a pseudonym has at most 38 bytes")]);
        to.put(name);
        to.put(&vec![0; PSEUDONYM_ROOM - name.len()]);
        to.put(&u16::try_from(self.memberships.len()).expect("at most 64").to_be_bytes());
        for membership in &self.memberships {
            to.put(membership.group.as_ref());
            to.put(&membership.epoch.to_be_bytes());
            to.put(membership.statement.as_ref());
        }
        contents
    }

    /// The inverse of [`Card::encode`], and of nothing else.
    pub(super) fn decode(contents: &SecretBytes) -> Result<Self, CardError> {
        let card = Self::fields(&mut Reader(contents.expose())).ok_or(CardError::Contents)?;
        let ascending = card.memberships.is_sorted_by(|a, b| (a.group, a.epoch) < (b.group, b.epoch));
        // Padding, room and the spare of the pseudonym: one comparison for all.
        if ascending && card.encode().same_as(contents) { Ok(card) } else { Err(CardError::Contents) }
    }

    fn fields(from: &mut Reader) -> Option<Self> {
        let seed = SecretKey::from_slice(from.take(32)?)?;
        let vault = VaultId(Bytes(from.array()?));
        let organisation = OrganisationId(Bytes(from.array()?));
        let first_entry = Bytes(from.array()?);
        let code = from.u8()?;
        let role = Role::ALL.into_iter().find(|role| role.code() == code)?;
        let length = usize::from(from.u8()?);
        let pseudonym = std::str::from_utf8(from.take(PSEUDONYM_ROOM)?.get(..length)?).ok()?.parse().ok()?;
        let count = usize::from(from.u16()?);
        if count > most() {
            return None;
        }
        let mut memberships = Vec::with_capacity(count);
        for _ in 0..count {
            let group = GroupId(Bytes(from.array()?));
            memberships.push(Membership { group, epoch: from.u64()?, statement: Bytes(from.array()?) });
        }
        Some(Self { seed, vault, organisation, pseudonym, role, first_entry, memberships })
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Card([secret])")
    }
}

/// Lengths that a card's contents may have.
pub(super) fn lengths() -> [usize; 3] {
    ROOM.map(length)
}

fn length(room: usize) -> usize {
    FIXED + MEMBERSHIP * room
}

fn most() -> usize {
    ROOM.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    pub(in crate::seal) fn card(memberships: usize) -> Card {
        let mut rng = StdRng::seed_from_u64(1);
        let (vault, organisation) = (VaultId::random(&mut rng), OrganisationId::random(&mut rng));
        let name = "amber-fox-lake".parse().unwrap();
        let mut card = Card::create(vault, organisation, name, Role::Custodian, Bytes([9; 32]), &mut rng);
        for i in 0..memberships {
            card.remember_statement(group(i as u8), 1, Bytes([i as u8; 64])).unwrap();
        }
        card
    }

    fn group(fill: u8) -> GroupId {
        GroupId(Bytes([fill; 32]))
    }

    fn changed(card: &Card, change: impl Fn(&mut [u8])) -> Result<(), CardError> {
        let mut contents = card.encode();
        change(contents.expose_mut());
        Card::decode(&contents).map(|_| ())
    }

    #[test]
    fn keys_differ_by_purpose_and_group() {
        let card = card(0);
        assert_ne!(card.signing_key().public(), card.cosign_key().public());
        let (one, two) = (card.share_scalar(&Bytes([1; 64])), card.share_scalar(&Bytes([2; 64])));
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose(), card.share_scalar(&Bytes([1; 64])).expose());
        assert_ne!(card.requester_key().expose(), card.seed.expose());
    }

    #[test]
    fn second_statement_for_the_same_epoch_is_refused() {
        let mut card = card(1);
        assert_eq!(card.remember_statement(group(0), 1, Bytes([0; 64])), Ok(()));
        let refused = StatementError::SignedAnother { group: group(0), epoch: 1 };
        assert_eq!(card.remember_statement(group(0), 1, Bytes([1; 64])), Err(refused));
        assert_eq!(card.statement(group(0), 1), Some(Bytes([0; 64])));
        assert_eq!(card.remember_statement(group(0), 2, Bytes([1; 64])), Ok(()));
    }

    #[test]
    fn forgotten_epoch_is_refused() {
        let mut card = card(0);
        for epoch in [1, 2, 3] {
            card.remember_statement(group(0), epoch, Bytes([7; 64])).unwrap();
        }
        assert_eq!(card.memberships().len(), EPOCHS_KEPT);
        let refused = Err(StatementError::Superseded { group: group(0), epoch: 1 });
        assert_eq!(card.remember_statement(group(0), 1, Bytes([8; 64])), refused);
        assert_eq!(card.remember_statement(group(0), 1, Bytes([7; 64])), refused);
    }

    #[test]
    fn sixty_fifth_group_is_refused_but_a_new_epoch_of_a_known_one_fits() {
        let mut card = card(62);
        for epoch in [2, 3] {
            card.remember_statement(group(0), epoch, Bytes([7; 64])).unwrap();
        }
        card.remember_statement(group(62), 1, Bytes([7; 64])).unwrap();
        assert_eq!(card.memberships().len(), 64);
        assert_eq!(card.remember_statement(group(63), 1, Bytes([7; 64])), Err(StatementError::Full));
        assert_eq!(card.remember_statement(group(0), 4, Bytes([7; 64])), Ok(()));
        assert_eq!(card.memberships().len(), 64);
        assert!(Card::decode(&card.encode()).is_ok());
    }

    #[test]
    fn length_shows_only_the_room() {
        let length = |n| card(n).encode().len();
        assert_eq!((length(0), length(4), length(5), length(16), length(17)), (586, 586, 1834, 1834, 6826));
    }

    #[test]
    fn layout_is_the_documented_one() {
        let contents = card(1).encode();
        let bytes = contents.expose();
        assert_eq!(&bytes[96..128], [9; 32]);
        assert_eq!((bytes[128], bytes[129], &bytes[130..144]), (1, 14, b"amber-fox-lake".as_slice()));
        assert_eq!(bytes[168..170], [0, 1]);
        assert_eq!(
            (&bytes[170..202], &bytes[202..210]),
            ([0; 32].as_slice(), [0, 0, 0, 0, 0, 0, 0, 1].as_slice())
        );
    }

    #[test]
    fn unknown_role_bad_pseudonym_and_dirty_padding_are_refused() {
        let card = card(2);
        assert_eq!(changed(&card, |_| {}), Ok(()));
        for (at, value) in
            [(128, 5), (128, 0), (129, 39), (129, 0), (131, b'A'), (160, 1), (168, 1), (585, 1)]
        {
            assert_eq!(changed(&card, |b| b[at] = value), Err(CardError::Contents), "{at}={value}");
        }
    }

    #[test]
    fn memberships_out_of_order_or_repeated_are_refused() {
        let card = card(2);
        let swap = |b: &mut [u8]| b[170..378].rotate_left(MEMBERSHIP);
        let repeat = |b: &mut [u8]| b.copy_within(170..274, 274);
        assert_eq!(changed(&card, swap), Err(CardError::Contents));
        assert_eq!(changed(&card, repeat), Err(CardError::Contents));
        // Same group and epoch with another statement: sorted, yet not unique.
        assert_eq!(
            changed(&card, |b| {
                repeat(b);
                b[377] = 1;
            }),
            Err(CardError::Contents)
        );
    }

    #[test]
    fn more_room_than_needed_is_refused() {
        let large = SecretBytes::new([card(2).encode().expose(), &[0; 12 * MEMBERSHIP]].concat());
        assert_eq!(large.len(), 1834);
        assert_eq!(Card::decode(&large).map(|_| ()), Err(CardError::Contents));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            at in 0usize..586, value: u8, memberships in 0usize..4,
        ) {
            let mut contents = card(memberships).encode();
            contents.expose_mut()[at] = value;
            if let Ok(card) = Card::decode(&contents) {
                prop_assert!(card.encode().same_as(&contents));
            }
        }

        #[test]
        fn no_order_of_statements_signs_twice(steps in proptest::collection::vec((0u8..3, 0u64..6, 0u8..2), 0..40)) {
            let mut card = card(0);
            let mut signed = std::collections::BTreeMap::new();
            for (g, epoch, statement) in steps {
                if card.remember_statement(group(g), epoch, Bytes([statement; 64])).is_ok() {
                    prop_assert_eq!(*signed.entry((g, epoch)).or_insert(statement), statement);
                }
            }
            prop_assert!(Card::decode(&card.encode()).is_ok());
        }
    }
}
