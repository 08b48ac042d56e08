//! The rules of the log: hostile hosts, officers, custodians and thieves.

use crate::support::*;
use warifu::event::{
    Actor, Agreed, AuthenticatorReplacement, CardResumption, CardRevocation, CardSuspension, Event,
    GroupStatement, Hash, Made, Refusal, Scope, Shown, Signed,
};
use warifu::hex::Bytes;
use warifu::name::Pseudonym;
use warifu::seal::card::Role;
use warifu::seal::record::Payload;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::state::{Barred, Invalid, LOCKOUT};
use warifu::time::Span;
use warifu::vault::seal::Provenance;
use warifu::vault::{Records, VaultError, cards, drill, people};

impl World {
    fn who(&self, custodian: usize) -> Pseudonym {
        self.custodians[custodian].name()
    }

    fn suspension(&mut self, who: usize) -> (CardSuspension, Records) {
        let mut records = Records::default();
        let whose = self.who(who);
        let entry = cards::suspension(&self.log.state, &whose, "bag stolen", &mut records, &mut self.rng);
        (entry.unwrap(), records)
    }

    fn suspend(&mut self, who: usize, by: usize) {
        let entry = self.suspension(who);
        self.vault.suspend_card(&mut self.log, entry, &self.custodians[by].card, self.now).unwrap();
    }

    /// A suspension as whoever holds a card would sign it.
    fn signed_suspension(&mut self, who: usize, by: &Person) -> Event {
        let (mut entry, _) = self.suspension(who);
        entry.by = by.name();
        entry.signature = by.sign(&entry.digest(&self.log.state.id));
        Event::CardSuspended(entry)
    }

    fn agreed(&self, group: &GroupStatement, digest: &[u8; 64], signers: &[usize]) -> Agreed {
        let sign =
            |i: &usize| Signed { pseudonym: self.who(*i), signature: self.custodians[*i].sign(digest) };
        Agreed { group: group.group, epoch: group.epoch, signatures: signers.iter().map(sign).collect() }
    }

    fn resumption(&self, who: usize, signers: &[usize]) -> CardResumption {
        let custodian = self.who(who);
        let serial = self.log.state.cards.next_serial(&custodian);
        let mut entry = CardResumption { custodian, serial, agreed: Vec::new() };
        let digest = entry.digest(&self.log.state.id);
        entry.agreed =
            self.log.state.groups_of(&entry.custodian).map(|g| self.agreed(g, &digest, signers)).collect();
        entry
    }

    fn revocation(&self, who: usize, signers: &[usize]) -> CardRevocation {
        let custodian = self.who(who);
        let serial = self.log.state.cards.next_serial(&custodian);
        let reason = Bytes([7; 64]);
        let mut entry = CardRevocation { custodian, serial, reason, signature: None, agreed: Vec::new() };
        let digest = entry.digest(&self.log.state.id);
        entry.agreed =
            self.log.state.groups_of(&entry.custodian).map(|g| self.agreed(g, &digest, signers)).collect();
        entry
    }

    fn revoke(&mut self, who: usize, signers: &[usize]) {
        let entry = self.revocation(who, signers);
        self.vault.revoke_card(&mut self.log, (entry, Records::default()), self.now).unwrap();
    }

    fn replacement(&self, who: usize, totp: Hash, signers: &[usize]) -> AuthenticatorReplacement {
        let custodian = self.who(who);
        let serial = self.log.state.cards.next_serial(&custodian);
        let signature = Bytes([0; 64]);
        let mut entry = AuthenticatorReplacement { custodian, serial, totp, signature, agreed: Vec::new() };
        let digest = entry.digest(&self.log.state.id);
        entry.signature = self.custodians[who].sign(&digest);
        entry.agreed =
            self.log.state.groups_of(&entry.custodian).map(|g| self.agreed(g, &digest, signers)).collect();
        entry
    }

    fn try_seal(&mut self) -> Result<(), VaultError> {
        let address = self.address.clone();
        let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let payload = Payload { login: secret("root"), password: secret("correct horse"), notes: secret("") };
        let provenance = Provenance { made: Made::Typed, shown: Shown::Nobody };
        let sealed = self.vault.seal(&mut self.log, &address, &payload, provenance, self.now, &mut self.rng);
        sealed.map(|_| ())
    }

    fn record_of_authenticator(&self, who: usize) -> Vec<u8> {
        self.vault.record(&self.log.state.id, &format!("totp/{}", self.who(who))).unwrap()
    }

    fn barred(&self, who: usize) -> Option<Barred> {
        self.log.state.cards.barred(&self.who(who))
    }

    fn whole(&self) {
        let report = self.vault.verify(None).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }

    fn officer(&mut self) -> Person {
        let pending = people::new_person(&self.log.state, Role::Officer, &mut self.rng);
        let code = pending.totp.code_at(step_of(self.now.unix_seconds()));
        self.vault.enrol(&mut self.log, &pending, &code, self.now, &mut self.rng).unwrap();
        Person { card: pending.card, totp: pending.totp }
    }
}

fn too_few(found: usize, needed: usize) -> Option<Invalid> {
    Some(Invalid::TooFewSignatures { found, needed })
}

#[test]
fn a_suspended_card_gives_no_share_and_a_resumed_one_does() {
    let mut world = World::new();
    let ceremony = world.open();
    let answer = world.answer(&ceremony, 0, world.now);
    world.suspend(0, 1);
    let refused = world.accept(&answer).unwrap();
    assert!(matches!(refused, Event::Refused { why: Refusal::Suspended, .. }), "{refused:?}");
    let forged = world.forge(world.custodians[0].actor(), Event::Accepted(acceptance(&answer, 1)));
    assert!(matches!(forged.err(), Some(Invalid::Barred { how: "suspended", .. })));
    // Its own program says so before it touches the key.
    let refused = world.review(&world.package(&ceremony), 0).err().unwrap();
    assert!(refused.to_string().contains("is suspended"), "{refused}");
    let entry = world.resumption(0, &[1, 2, 3]);
    world.vault.resume_card(&mut world.log, entry, world.now).unwrap();
    world.pass(Span::minutes(1));
    world.contribute(&ceremony, 0);
    world.whole();
}

#[test]
fn what_was_accepted_before_a_suspension_counts_for_no_release_after_it() {
    let mut world = World::new();
    let ceremony = world.open();
    world.contribute(&ceremony, 0);
    world.contribute(&ceremony, 1);
    world.suspend(0, 1);
    world.contribute(&ceremony, 2);
    let state = &world.log.state;
    assert!(warifu::ceremony::judge::quorum(state, &ceremony, 0).is_none(), "two of three count");
    let credential = state.ceremonies[&ceremony].targets[0];
    let three = vec![world.who(0), world.who(1), world.who(2)];
    let released = Event::Released { ceremony, target: 0, credential, custodians: three };
    assert_eq!(world.forge(Actor::Host, released).err(), Some(Invalid::NoQuorum { found: 2, needed: 3 }));
    world.contribute(&ceremony, 3);
    let quorum = warifu::ceremony::judge::quorum(&world.log.state, &ceremony, 0).unwrap();
    assert!(!quorum.custodians().contains(&world.who(0)));
    world.forge(Actor::Host, quorum.event()).unwrap();
}

#[test]
fn a_card_that_is_resumed_does_not_bring_back_what_a_thief_gave() {
    let mut world = World::new();
    let ceremony = world.open();
    world.contribute(&ceremony, 0);
    world.suspend(0, 1);
    let entry = world.resumption(0, &[1, 2, 3]);
    world.vault.resume_card(&mut world.log, entry, world.now).unwrap();
    assert_eq!(
        warifu::ceremony::judge::progress(&world.log.state, &world.log.state.ceremonies[&ceremony], 0).0,
        0
    );
}

#[test]
fn a_suspended_card_proves_nothing_in_a_drill_and_is_not_live() {
    let mut world = World::new();
    let group = world.group();
    let begun =
        world.vault.begin_drill(&mut world.log, &group, Span::days(14), world.now, &mut world.rng).unwrap();
    let prove = |world: &mut World, who: usize| {
        let card = &world.custodians[who].card;
        let answer =
            drill::answer(&world.log.state, &group, &begun, card, world.now, &mut world.rng).unwrap();
        let code = world.custodians[who].code(world.now);
        world.vault.answer_drill(&mut world.log, &answer, &code, world.now).unwrap()
    };
    prove(&mut world, 0);
    prove(&mut world, 1);
    assert_eq!(world.log.state.live(&group.group, world.now), 2);
    world.suspend(0, 1);
    world.suspend(2, 1);
    assert_eq!(world.log.state.live(&group.group, world.now), 1, "counted no more at once");
    assert_eq!(world.log.state.usable(&group), 3);
    let refused = prove(&mut world, 2);
    assert!(matches!(refused, Event::DrillRefused { why: Refusal::Suspended, .. }), "{refused:?}");
    let entry = world.resumption(0, &[1, 3, 4]);
    world.vault.resume_card(&mut world.log, entry, world.now).unwrap();
    assert_eq!(world.log.state.live(&group.group, world.now), 2);
    world.revoke(0, &[1, 3, 4]);
    assert_eq!(world.log.state.live(&group.group, world.now), 1);
    world.whole();
}

#[test]
fn a_host_alone_bars_nobody_and_lets_nobody_back() {
    let mut world = World::new();
    let (suspension, _) = world.suspension(0);
    let host = |world: &World, event| world.forge(Actor::Host, event).err();
    assert!(matches!(
        host(&world, Event::CardSuspended(suspension.clone())),
        Some(Invalid::WrongActor { .. })
    ));
    let unsigned = world.forge(world.custodians[0].actor(), Event::CardSuspended(suspension)).err();
    assert!(matches!(unsigned, Some(Invalid::Signature { .. })), "{unsigned:?}");
    let empty = world.revocation(0, &[]);
    assert_eq!(host(&world, Event::CardRevoked(empty)), too_few(0, 3));
    world.suspend(0, 1);
    assert_eq!(host(&world, Event::CardResumed(world.resumption(0, &[]))), too_few(0, 3));
}

#[test]
fn an_operator_or_a_custodian_of_no_common_group_suspends_nobody() {
    let mut world = World::people(9);
    world.form("ones", 2, &[0, 1]);
    let stranger = world.custodians.remove(4);
    let event = world.signed_suspension(0, &stranger);
    assert!(matches!(world.forge(stranger.actor(), event).err(), Some(Invalid::NotA { .. })));
    let (mut entry, _) = world.suspension(0);
    entry.by = world.operator.name();
    entry.signature = world.operator.sign(&entry.digest(&world.log.state.id));
    let refused = world.forge(world.operator.actor(), Event::CardSuspended(entry)).err();
    assert!(matches!(refused, Some(Invalid::NotA { .. })));
}

#[test]
fn an_officer_can_suspend_but_neither_revoke_nor_resume() {
    let mut world = World::new();
    let officer = world.officer();
    let event = world.signed_suspension(0, &officer);
    let suspended = world.forge(officer.actor(), event).unwrap();
    assert_eq!(suspended.cards.barred(&world.who(0)), Some(Barred::Suspended));
    let mut entry = world.revocation(0, &[1, 2]);
    let digest = entry.digest(&world.log.state.id);
    entry.agreed[0].signatures.push(Signed { pseudonym: officer.name(), signature: officer.sign(&digest) });
    assert!(matches!(world.forge(Actor::Host, Event::CardRevoked(entry)).err(), Some(Invalid::NotA { .. })));
}

#[test]
fn a_suspended_card_resumes_itself_neither_alone_nor_among_others() {
    let mut world = World::new();
    world.suspend(0, 1);
    let refused = |signers| world.forge(Actor::Host, Event::CardResumed(world.resumption(0, signers))).err();
    assert!(matches!(refused(&[0, 1, 2]), Some(Invalid::NotA { .. })));
    assert_eq!(refused(&[1, 2]), too_few(2, 3));
    assert_eq!(refused(&[1, 1, 1]), too_few(1, 3), "one who signs three times is one");
}

#[test]
fn a_thief_who_suspends_everybody_else_can_be_undone() {
    let mut world = World::new();
    for other in 1..5 {
        world.suspend(other, 0);
    }
    world.suspend(0, 0);
    // Suspended as they are, the others let each other back; the thief is one of five.
    for other in [1, 2, 3] {
        let signers: Vec<_> = (1..5).filter(|signer| *signer != other).collect();
        let entry = world.resumption(other, &signers);
        world.vault.resume_card(&mut world.log, entry, world.now).unwrap();
    }
    assert_eq!([0, 1, 2, 3, 4].map(|who| world.barred(who).is_none()), [false, true, true, true, false]);
    world.whole();
}

#[test]
fn suspending_the_others_does_not_make_fewer_enough() {
    let mut world = World::new();
    let officer = world.officer();
    for other in [1, 2, 3] {
        let event = world.signed_suspension(other, &officer);
        world.log.state = world.forge(officer.actor(), event).unwrap();
    }
    let revoked = world.forge(Actor::Host, Event::CardRevoked(world.revocation(0, &[4]))).err();
    assert_eq!(revoked, too_few(1, 3));
    let replaced = world.replacement(0, Bytes([1; 64]), &[4]);
    let replaced = world.forge(world.custodians[0].actor(), Event::AuthenticatorReplaced(replaced)).err();
    assert_eq!(replaced, too_few(1, 3));
    // A suspended card helps to let others back, and in nothing else.
    let revoked = world.forge(Actor::Host, Event::CardRevoked(world.revocation(0, &[1, 2, 4]))).err();
    assert!(matches!(revoked, Some(Invalid::Barred { how: "suspended", .. })), "{revoked:?}");
}

#[test]
fn a_signature_for_an_earlier_suspension_is_of_no_use_again() {
    let mut world = World::new();
    let (mut entry, records) = world.suspension(0);
    entry.by = world.who(1);
    entry.signature = world.custodians[1].sign(&entry.digest(&world.log.state.id));
    world
        .vault
        .suspend_card(&mut world.log, (entry.clone(), records), &world.custodians[1].card, world.now)
        .unwrap();
    let again = world.forge(world.custodians[1].actor(), Event::CardSuspended(entry.clone())).err();
    assert!(again.is_some());
    let resumption = world.resumption(0, &[1, 2, 3]);
    world.vault.resume_card(&mut world.log, resumption.clone(), world.now).unwrap();
    let again = world.forge(world.custodians[1].actor(), Event::CardSuspended(entry)).err();
    assert_eq!(again, Some(Invalid::Mismatch("serial number")));
    world.suspend(0, 2);
    let again = world.forge(Actor::Host, Event::CardResumed(resumption)).err();
    assert_eq!(again, Some(Invalid::Mismatch("serial number")));
}

#[test]
fn a_signature_about_one_card_says_nothing_of_another() {
    let mut world = World::new();
    world.suspend(0, 1);
    world.suspend(4, 1);
    let mut entry = world.resumption(0, &[1, 2, 3]);
    entry.custodian = world.who(4);
    let refused = world.forge(Actor::Host, Event::CardResumed(entry)).err();
    assert!(matches!(refused, Some(Invalid::Signature { .. })), "{refused:?}");
    // Nor does one to resume it say that it may be revoked.
    let mut entry = world.revocation(0, &[]);
    entry.agreed = world.resumption(0, &[1, 2, 3]).agreed;
    let refused = world.forge(Actor::Host, Event::CardRevoked(entry)).err();
    assert!(matches!(refused, Some(Invalid::Signature { .. })), "{refused:?}");
}

#[test]
fn a_revoked_card_is_revoked_for_ever() {
    let mut world = World::new();
    world.revoke(0, &[1, 2, 3]);
    assert_eq!(world.barred(0), Some(Barred::Revoked));
    let host = |event| world.forge(Actor::Host, event).err();
    let gone = |found: Option<Invalid>| matches!(found, Some(Invalid::Barred { how: "revoked", .. }));
    assert!(gone(host(Event::CardResumed(world.resumption(0, &[1, 2, 3])))));
    assert!(gone(host(Event::CardRevoked(world.revocation(0, &[1, 2, 3])))));
    let replaced = world.replacement(0, Bytes([1; 64]), &[1, 2, 3]);
    assert!(gone(world.forge(world.custodians[0].actor(), Event::AuthenticatorReplaced(replaced)).err()));
    // Nor does it decide about others.
    assert!(gone(host(Event::CardRevoked(world.revocation(1, &[0, 2, 3])))));
    let group = world.group();
    let signed = |digest: &[u8; 64]| world.agreed(&group, digest, &[0, 1, 2]).signatures;
    let mut binding = world.binding(&group, Scope::Organisation, &[]);
    binding.signatures = signed(&binding.digest(&world.log.state.id, &world.log.state.g(&group)));
    let mut admission = world.admission(&group, world.now + ADMITTED, &[]);
    admission.signatures = signed(&admission.digest(&world.log.state.g(&group)));
    assert!(gone(host(Event::Bound(binding))));
    assert!(gone(host(Event::OperatorAdmitted(admission))));
    world.whole();
}

#[test]
fn a_card_revokes_itself_without_anybody() {
    let mut world = World::new();
    let mut entry = world.revocation(0, &[]);
    entry.agreed = Vec::new();
    entry.signature = Some(world.custodians[0].sign(&entry.digest(&world.log.state.id)));
    let other = world.forge(world.custodians[1].actor(), Event::CardRevoked(entry.clone())).err();
    assert!(matches!(other, Some(Invalid::WrongActor { .. })));
    let mut forged = entry.clone();
    forged.signature = Some(world.custodians[1].sign(&entry.digest(&world.log.state.id)));
    let forged = world.forge(world.custodians[0].actor(), Event::CardRevoked(forged)).err();
    assert!(matches!(forged, Some(Invalid::Signature { .. })));
    world.vault.revoke_card(&mut world.log, (entry, Records::default()), world.now).unwrap();
    assert_eq!(world.barred(0), Some(Barred::Revoked));
    world.whole();
}

#[test]
fn each_group_of_a_card_must_agree() {
    let mut world = World::new();
    // Two friends and a third form a small group: they decide nothing about the large one.
    world.form("small", 2, &[0, 1, 2]);
    let both = world.revocation(0, &[1, 2]);
    assert_eq!(world.forge(Actor::Host, Event::CardRevoked(both)).err(), too_few(2, 3));
    let mut small_alone = world.revocation(0, &[1, 2]);
    let small = world.log.state.group_by_slug(&slug("small")).unwrap().group;
    small_alone.agreed.retain(|agreed| agreed.group == small);
    let refused = world.forge(Actor::Host, Event::CardRevoked(small_alone)).err();
    assert_eq!(refused, Some(Invalid::Mismatch("list of groups that agree")));
    let mut twice = world.revocation(0, &[1, 2]);
    let again = twice.agreed.iter().find(|agreed| agreed.group == small).unwrap().clone();
    twice.agreed = vec![again.clone(), again];
    let refused = world.forge(Actor::Host, Event::CardRevoked(twice)).err();
    assert_eq!(refused, Some(Invalid::Mismatch("list of groups that agree")));
}

#[test]
fn where_all_must_come_all_the_others_decide() {
    let mut world = World::people(3);
    world.form("all", 3, &[0, 1, 2]);
    let one = world.revocation(0, &[1]);
    assert_eq!(world.forge(Actor::Host, Event::CardRevoked(one)).err(), too_few(1, 2));
    world.revoke(0, &[1, 2]);
}

#[test]
fn nothing_is_sealed_for_a_group_that_could_never_open_it() {
    let mut world = World::new();
    world.revoke(0, &[1, 2, 3]);
    world.revoke(1, &[2, 3, 4]);
    world.seal();
    let mut entry = world.revocation(2, &[]);
    entry.agreed = Vec::new();
    entry.signature = Some(world.custodians[2].sign(&entry.digest(&world.log.state.id)));
    world.vault.revoke_card(&mut world.log, (entry, Records::default()), world.now).unwrap();
    let group = world.group();
    let left = cards::remaining(&world.log.state, &world.who(2), world.now);
    assert_eq!((left[0].left, left[0].margin, left[0].versions), (2, -1, 2));
    assert_eq!(world.log.state.left(&group), 2);
    let refused = world.try_seal().err().unwrap();
    assert!(
        matches!(refused, VaultError::Invalid(Invalid::TooFewLeft { left: 2, needed: 3, .. })),
        "{refused}"
    );
}

#[test]
fn a_group_with_a_barred_member_is_not_formed() {
    let mut world = World::people(4);
    world.form("first", 2, &[0, 1, 2]);
    let draft = world.draft("second", 2, &[0, 1]);
    world.suspend(0, 1);
    let refused = world.forge(Actor::Host, Event::GroupFormed(draft)).err();
    assert!(matches!(refused, Some(Invalid::Barred { .. })), "{refused:?}");
}

#[test]
fn a_new_authenticator_takes_the_place_of_the_old_one() {
    let mut world = World::new();
    let ceremony = world.open();
    let wrong = SecretBytes::new(b"000000".to_vec());
    for _ in 0..5 {
        world.pass(Span::seconds(1));
        let answer = world.answer_with(&ceremony, 0, &wrong, world.now);
        world.accept(&answer).unwrap();
    }
    assert!(world.log.state.locked_until(&world.who(0), world.now).is_some());
    let old = world.record_of_authenticator(0);
    let in_a_file = |world: &World| {
        let files = std::fs::read_dir(world.vault.dir()).unwrap();
        let mut all = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        all.any(|bytes| bytes.windows(old.len()).any(|part| part == old))
    };
    assert!(in_a_file(&world), "it can be found where it is");
    let mut new =
        world.vault.new_authenticator(&world.log.state, &world.custodians[0].card, &mut world.rng).unwrap();
    let digest = new.entry.digest(&world.log.state.id);
    new.entry.agreed = vec![world.agreed(&world.group(), &digest, &[1, 2, 3])];
    let totp = TotpSecret::from_bytes(SecretBytes::new(new.totp.as_bytes().expose().to_vec())).unwrap();
    let code = totp.code_at(step_of(world.now.unix_seconds()));
    world.vault.replace_authenticator(&mut world.log, new, &code, world.now).unwrap();
    assert!(
        world.log.state.locked_until(&world.who(0), world.now).is_none(),
        "{LOCKOUT:?} was of the old one"
    );
    assert_ne!(world.record_of_authenticator(0), old);
    assert!(!in_a_file(&world), "the old secret's record is in a file");
    world.pass(Span::minutes(1));
    let answer = world.answer(&ceremony, 0, world.now);
    let refused = world.accept(&answer).unwrap();
    assert!(matches!(refused, Event::Refused { why: Refusal::WrongCode, .. }), "{refused:?}");
    world.custodians[0].totp = totp;
    world.pass(Span::seconds(1));
    world.contribute(&ceremony, 0);
    world.whole();
}

#[test]
fn an_authenticator_is_replaced_by_card_and_others_together_alone() {
    let world = World::new();
    let forge = |entry: AuthenticatorReplacement| {
        world.forge(world.custodians[0].actor(), Event::AuthenticatorReplaced(entry)).err()
    };
    let new = Bytes([1; 64]);
    assert_eq!(forge(world.replacement(0, new, &[1, 2, 3])), None);
    assert_eq!(forge(world.replacement(0, new, &[1, 2])), too_few(2, 3));
    assert!(matches!(forge(world.replacement(0, new, &[0, 1, 2])), Some(Invalid::NotA { .. })));
    let mut without_card = world.replacement(0, new, &[1, 2, 3]);
    without_card.signature = world.custodians[1].sign(&without_card.digest(&world.log.state.id));
    assert!(matches!(forge(without_card), Some(Invalid::Signature { .. })));
    // The host cannot put another secret in the place of the one that they signed.
    let mut other = world.replacement(0, new, &[1, 2, 3]);
    other.totp = Bytes([2; 64]);
    assert!(matches!(forge(other), Some(Invalid::Signature { .. })));
    // Nor can it bring the first one back.
    let first = world.log.state.authenticator(&world.who(0)).unwrap();
    assert_eq!(forge(world.replacement(0, first, &[1, 2, 3])), Some(Invalid::Mismatch("authenticator")));
}

#[test]
fn a_reason_is_a_record_and_not_in_the_log() {
    let mut world = World::new();
    world.suspend(0, 1);
    let entry = world.resumption(0, &[1, 2, 3]);
    world.vault.resume_card(&mut world.log, entry, world.now).unwrap();
    assert!(world.lines().iter().all(|line| !line.contains("bag stolen")));
    world.whole();
}
