//! What each fuzz target does with its bytes.
//!
//! A body says whether the parser accepted, and panics if a promise is broken:
//! no bytes crash a parser, and what decodes is encoded to the same bytes. The
//! targets in `fuzz_targets/` run the bodies under libFuzzer on nightly;
//! `tests/corpus` replays the seeds through the same bodies on stable.

use curve25519_dalek::{Scalar, ristretto::CompressedRistretto, traits::IsIdentity};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use warifu::ceremony::recovery::{DealtRoot, RecoveryContribution, RecoveryPackage};
use warifu::ceremony::{custodian, recipient, recovery, reshare};
use warifu::event::{Entry, KINDS, Line};
use warifu::hex::Bytes;
use warifu::import::accounts::{self, FileFault, List};
use warifu::import::cloudtrail::Found;
use warifu::import::csv;
use warifu::log::checkpoint::Checkpoint;
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::Frontier;
use warifu::log::note::{Cosigner, LogSigner, Note, VerifierKey};
use warifu::log::policy::Policy;
use warifu::log::proof_file::ProofFile;
use warifu::log::tile::{self, Tile};
use warifu::log::witness::{AddCheckpoint, Answer, decide};
use warifu::message::{
    Contribution, DrillPackage, DrillReply, Message, Notices, Package, Redealt, Release, ReshareAnswer,
    ReshareFile, ResharePackage, ReshareSignatures, SignedRequest, SignedReshare,
};
use warifu::pvss::{Dealing, DealingRecord, LinkProof, Reshared, UntrustedShare};
use warifu::seal::{card_file::CardFile, hpke::HpkeSecret, record::SealedPayload, root::SealedRoot};
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::{Organisation, VaultState};
use warifu::time::Time;

/// Takes bytes and says whether they were accepted.
pub type Body = fn(&[u8]) -> bool;

/// Every target by its name: that of its file in `fuzz_targets/` and of its
/// folder in `corpus/`.
pub const TARGETS: &[(&str, Body)] = &[
    ("accounts", accounts),
    ("add_checkpoint", add_checkpoint),
    ("bundle", bundle),
    ("card_file", card_file),
    ("checkpoint", checkpoint),
    ("cloudtrail", cloudtrail),
    ("contribution", contribution),
    ("credential_report", credential_report),
    ("costs", costs),
    ("csv", csv),
    ("dealing", dealing),
    ("drill_answer", drill_answer),
    ("drill_package", drill_package),
    ("entry", entry),
    ("frontier", frontier),
    ("link_proof", link_proof),
    ("note", note),
    ("notice", notice),
    ("package", package),
    ("policy", policy),
    ("proof_file", proof_file),
    ("record", record),
    ("recovery_contribution", recovery_contribution),
    ("recovery_request", recovery_request),
    ("redealings", redealings),
    ("release", release),
    ("request", request),
    ("reshare_answer", reshare_answer),
    ("reshare_file", reshare_file),
    ("reshare_package", reshare_package),
    ("reshare_request", reshare_request),
    ("reshare_signatures", reshare_signatures),
    ("reshared", reshared),
    ("sealed_root", sealed_root),
    ("share", share),
    ("tile_path", tile_path),
    ("verifier_key", verifier_key),
    ("witness_answer", witness_answer),
];

/// Origin of the log whose key the note target knows.
pub const LOG: &str = "vault.example/log";
/// Name of the cosigner whose key the note target knows.
pub const WITNESS: &str = "witness.example";
/// Seed of both keys, and of the HPKE key that releases are opened with.
pub const SEED: [u8; 32] = [1; 32];

/// [`SEED`] as a key.
pub fn key() -> SecretKey {
    SecretKey::from_slice(&SEED).expect("32 bytes")
}

/// A list of accounts as AWS prints it: accepted if every account can be used.
pub fn accounts(bytes: &[u8]) -> bool {
    listed(accounts::read_aws(&SecretBytes::new(bytes.to_vec())))
}

/// The same as comma-separated values.
pub fn csv(bytes: &[u8]) -> bool {
    listed(csv::read(&SecretBytes::new(bytes.to_vec())))
}

/// A list has no account twice, its rows stand in order, and its cells within it.
fn listed(read: Result<List, FileFault>) -> bool {
    let Ok(list) = read else { return false };
    let ids: BTreeSet<_> = list.accounts.iter().map(|a| (&a.provider, &a.external_id)).collect();
    assert_eq!(ids.len(), list.accounts.len(), "an account twice");
    assert!(list.accounts.is_sorted_by_key(|a| a.place) && list.bad.is_sorted_by_key(|bad| bad.place));
    for account in &list.accounts {
        assert!(account.credential.is_none() || account.login.is_some(), "a password without a login");
        let credential = account.credential.iter().flat_map(|c| [&c.password, &c.notes]);
        for cell in account.login.iter().chain(credential) {
            assert_eq!(list.expose(cell).len(), cell.len(), "a cell outside the list");
        }
    }
    list.bad.is_empty()
}

/// A card file, without its passphrase.
pub fn card_file(bytes: &[u8]) -> bool {
    let Ok(read) = CardFile::parse(bytes) else { return false };
    same(bytes, read.armour().as_bytes())
}

/// A sealed payload.
pub fn record(bytes: &[u8]) -> bool {
    let Ok(read) = SealedPayload::from_bytes(bytes) else { return false };
    same(bytes, &read.to_bytes())
}

/// The gate's root, sealed for keepers.
pub fn sealed_root(bytes: &[u8]) -> bool {
    let Ok(read) = SealedRoot::from_bytes(bytes) else { return false };
    same(bytes, &read.to_bytes())
}

/// A dealing for as many members as its length says. What must be accepted is
/// worked out apart from the library.
pub fn dealing(bytes: &[u8]) -> bool {
    let n = (bytes.len() / 32).saturating_sub(4);
    let read = Dealing::from_bytes(bytes, n);
    let first = bytes.get(..32).and_then(point);
    let well_formed = (2..=64).contains(&n)
        && bytes.len() == 32 * (n + 4)
        && points_and_scalar(bytes)
        && first.is_some_and(|d| !d.is_identity());
    assert_eq!(read.is_ok(), well_formed, "accepted, or refused, against the rules");
    assert!(Dealing::from_bytes(bytes, n + 1).is_err(), "accepted for another number of members");
    read.is_ok_and(|read| same(bytes, &read.to_bytes()))
}

/// The record of a reshared dealing, for as many members as its length says. What
/// must be accepted is worked out apart from the library, as in [`dealing`].
pub fn reshared(bytes: &[u8]) -> bool {
    let (t, rest) = (bytes.get(1).map_or(0, |t| usize::from(*t)), bytes.get(67..).unwrap_or_default());
    let each = rest.len().checked_div(t).unwrap_or(0);
    let n = (each / 32).saturating_sub(4);
    let read = Reshared::from_bytes(bytes, n);
    let old_n = bytes.get(2).map_or(0, |n| usize::from(*n));
    let one = |part: &[u8]| {
        let Some((index, wire)) = part.split_first() else { return false };
        let first = wire.get(..32).and_then(point);
        (1..=old_n).contains(&usize::from(*index))
            && points_and_scalar(wire)
            && first.is_some_and(|d| !d.is_identity())
    };
    let well_formed = bytes.first() == Some(&1)
        && (2..=old_n).contains(&t)
        && old_n <= 64
        && (2..=64).contains(&n)
        && each == 1 + 32 * (n + 4)
        && rest.len() == each * t
        && rest.chunks(each).all(one)
        && rest.chunks(each).map(|part| part.first()).is_sorted_by(|before, after| before < after);
    assert_eq!(read.is_ok(), well_formed, "accepted, or refused, against the rules");
    assert!(Reshared::from_bytes(bytes, n + 1).is_err(), "accepted for another number of members");
    assert!(Dealing::from_bytes(bytes, n).is_err(), "a dealt dealing as well");
    assert_eq!(DealingRecord::from_bytes(bytes, n).is_ok(), well_formed, "taken for something else");
    read.is_ok_and(|read| same(bytes, &read.to_bytes()))
}

/// A link proof.
pub fn link_proof(bytes: &[u8]) -> bool {
    let read = LinkProof::from_bytes(bytes);
    let well_formed = bytes.len() == 160
        && bytes.get(..128).is_some_and(points_and_scalar)
        && bytes.get(128..).is_some_and(points_and_scalar);
    assert_eq!(read.is_ok(), well_formed, "accepted, or refused, against the rules");
    read.is_ok_and(|read| same(bytes, &read.to_bytes()))
}

/// A share's plaintext, as in [`dealing`].
pub fn share(bytes: &[u8]) -> bool {
    let accepted = UntrustedShare::from_bytes(bytes).is_ok();
    assert_eq!(
        accepted,
        bytes.len() == 128 && points_and_scalar(bytes),
        "accepted, or refused, against the rules"
    );
    accepted
}

/// A signed request.
pub fn request(bytes: &[u8]) -> bool {
    let Some(read) = message::<SignedRequest>(bytes) else { return false };
    let _ = (read.request.signed_digest(), read.request.targets_hash());
    true
}

/// A signed request to reshare.
pub fn reshare_request(bytes: &[u8]) -> bool {
    let Some(read) = message::<SignedReshare>(bytes) else { return false };
    let _ = (read.request.hash(), read.is_signed());
    true
}

/// What contributors of a resharing are given; its log is replayed as their machines do.
pub fn reshare_package(bytes: &[u8]) -> bool {
    let Some(read) = message::<ResharePackage>(bytes) else { return false };
    let _ = custodian::replay(&read.entries, &read.checkpoint, &first_leaf(&read.entries), None);
    true
}

/// What contributors to a resharing get by files.
pub fn reshare_file(bytes: &[u8]) -> bool {
    let Some(read) = message::<ReshareFile>(bytes) else { return false };
    let _ = reshare::check_signers(&read, &[]);
    let _ = custodian::replay(
        &read.package.entries,
        &read.package.checkpoint,
        &first_leaf(&read.package.entries),
        None,
    );
    true
}

/// A contributor's answer in the first round of a resharing by files.
pub fn reshare_answer(bytes: &[u8]) -> bool {
    let Some(read) = message::<ReshareAnswer>(bytes) else { return false };
    let _ = read.contribution.digest();
    let alone = reshare::check_answers(std::slice::from_ref(&read)).is_ok();
    let twice = reshare::check_answers(&[read.clone(), read]);
    assert!(twice.is_err(), "two answers of one contributor, the first {alone}");
    true
}

/// A contributor's signatures in the second round.
pub fn reshare_signatures(bytes: &[u8]) -> bool {
    message::<ReshareSignatures>(bytes).is_some()
}

/// What members of a group get for a drill by files.
pub fn drill_package(bytes: &[u8]) -> bool {
    let Some(read) = message::<DrillPackage>(bytes) else { return false };
    let _ = custodian::replay(&read.entries, &read.checkpoint, &first_leaf(&read.entries), None);
    true
}

/// A member's answer to a drill.
pub fn drill_answer(bytes: &[u8]) -> bool {
    let Some(read) = message::<DrillReply>(bytes) else { return false };
    let _ = read.answer.signed_digest();
    true
}

/// What a contributor dealt again.
pub fn redealings(bytes: &[u8]) -> bool {
    let Some(read) = message::<Redealt>(bytes) else { return false };
    let _ = read.digest();
    true
}

/// A contribution.
pub fn contribution(bytes: &[u8]) -> bool {
    let Some(read) = message::<Contribution>(bytes) else { return false };
    let _ = read.digest();
    true
}

/// A package; its log is replayed as a custodian's machine does.
pub fn package(bytes: &[u8]) -> bool {
    let Some(read) = message::<Package>(bytes) else { return false };
    let _ = custodian::replay(&read.entries, &read.checkpoint, &first_leaf(&read.entries), None);
    true
}

/// A request for the gate's root; its log is replayed as a keeper's machine does.
pub fn recovery_request(bytes: &[u8]) -> bool {
    let Some(read) = message::<RecoveryPackage>(bytes) else { return false };
    let first = first_leaf(&read.entries);
    if let Ok((state, _, _)) = recovery::replay(&read.entries, &read.checkpoint, &first, None) {
        let _ = DealtRoot::new(&state, &read.dealing.0);
    }
    true
}

/// A keeper's answer.
pub fn recovery_contribution(bytes: &[u8]) -> bool {
    let Some(read) = message::<RecoveryContribution>(bytes) else { return false };
    let _ = read.digest();
    true
}

/// A release; it is opened as a requester's machine does.
pub fn release(bytes: &[u8]) -> bool {
    let Some(read) = message::<Release>(bytes) else { return false };
    let _ = recipient::finish(&read, &HpkeSecret::from_key(key()), &first_leaf(&read.entries), None);
    true
}

/// An operator's notice.
pub fn notice(bytes: &[u8]) -> bool {
    message::<Notices>(bytes).is_some()
}

/// What a card would have pinned.
fn first_leaf(entries: &[String]) -> Bytes<32> {
    let first = entries.first().and_then(|line| EntryBytes::new(line.clone().into_bytes()).ok());
    first.map_or(Bytes([0; 32]), |line| line.leaf_hash())
}

/// A signed note; the keys of [`LOG`] and [`WITNESS`] are known.
pub fn note(bytes: &[u8]) -> bool {
    static KNOWN: LazyLock<[VerifierKey; 2]> = LazyLock::new(|| {
        let log = LogSigner::new(LOG, key()).expect("a good name");
        let witness = Cosigner::new(WITNESS, key()).expect("a good name");
        [log.verifier().clone(), witness.verifier().clone()]
    });
    let Ok(read) = Note::parse(bytes) else { return false };
    let _ = read.verify(&*KNOWN);
    same(bytes, read.to_string().as_bytes())
}

/// A verifier key.
pub fn verifier_key(bytes: &[u8]) -> bool {
    let Some(read) = std::str::from_utf8(bytes).ok().and_then(|text| VerifierKey::parse(text).ok()) else {
        return false;
    };
    same(bytes, read.to_string().as_bytes())
}

/// A signed checkpoint, its signatures unverified.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Ok(read) = Checkpoint::unverified(bytes) else { return false };
    let text = read.text().expect("what was read can be written");
    assert!(bytes.starts_with(text.as_str().as_bytes()), "written otherwise than it was read");
    true
}

/// A line of a log; a state is begun with it.
pub fn entry(bytes: &[u8]) -> bool {
    let Ok(line) = EntryBytes::new(bytes.to_vec()) else { return false };
    assert_eq!(line.as_bytes(), bytes, "a line is kept to the byte");
    let Ok(read) = Entry::from_line(&line) else { return false };
    let _ = (Organisation::begin(&read, &line.leaf_hash()), VaultState::begin(&read, &line.leaf_hash()));
    match read {
        Line::Known(entry) => same(bytes, entry.to_line().expect("what was read can be written").as_bytes()),
        Line::Unknown { kind, .. } => !KINDS.contains(&kind.as_str()),
    }
}

/// What a log asks of a witness; one that knows [`LOG`] and holds nothing decides.
pub fn add_checkpoint(bytes: &[u8]) -> bool {
    static KEYS: LazyLock<(VerifierKey, Cosigner)> = LazyLock::new(|| {
        let log = LogSigner::new(LOG, key()).expect("a good name");
        (log.verifier().clone(), Cosigner::new(WITNESS, key()).expect("a good name"))
    });
    let Ok(read) = AddCheckpoint::parse(bytes) else { return false };
    let (log, cosigner) = &*KEYS;
    let _ = decide(None, &read, std::slice::from_ref(log), cosigner, 1);
    same(bytes, read.to_string().as_bytes())
}

/// What a witness answers; the first three digits are the status.
pub fn witness_answer(bytes: &[u8]) -> bool {
    let Some((status, body)) = bytes.split_at_checked(3) else { return false };
    let status = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok());
    let Some(Ok(read)) = status.map(|status| Answer::read(status, body)) else { return false };
    match read {
        Answer::Cosigned(_) | Answer::Conflict(_) => same(body, read.body().as_bytes()),
        _ => true,
    }
}

/// A policy. White space and comments are not kept: the printed form is read
/// back instead.
pub fn policy(bytes: &[u8]) -> bool {
    let Ok(read) = Policy::parse(bytes) else { return false };
    let printed = read.to_string();
    assert_eq!(Policy::parse(printed.as_bytes()), Ok(read), "printed otherwise than it was read");
    true
}

/// The frontier of a tree.
pub fn frontier(bytes: &[u8]) -> bool {
    let Some(read) = Frontier::from_bytes(bytes) else { return false };
    let _ = read.root();
    same(bytes, &read.to_bytes())
}

/// The path of a tile or bundle. What it covers is worked out.
pub fn tile_path(bytes: &[u8]) -> bool {
    let Some(read) = std::str::from_utf8(bytes).ok().and_then(|text| Tile::parse(text).ok()) else {
        return false;
    };
    assert!(!read.entries().is_empty(), "a tile without entries");
    same(bytes, read.to_string().as_bytes())
}

/// A bundle of entries.
pub fn bundle(bytes: &[u8]) -> bool {
    let Ok(read) = tile::decode_bundle(bytes) else { return false };
    same(bytes, &tile::encode_bundle(&read))
}

/// A proof file; it is verified with the key of [`LOG`].
pub fn proof_file(bytes: &[u8]) -> bool {
    let Ok(read) = ProofFile::parse(bytes) else { return false };
    let log = LogSigner::new(LOG, key()).expect("a good name");
    let _ = read.verify(&warifu::log::merkle::leaf_hash(&[]), log.verifier());
    same(bytes, read.to_string().as_bytes())
}

/// A file of CloudTrail, plain or packed; accepted if all of it could be read. In
/// small pieces it says the same.
pub fn cloudtrail(bytes: &[u8]) -> bool {
    let read = |source: &mut dyn std::io::Read| {
        let mut found = Vec::new();
        let scan = warifu::import::cloudtrail::read(source, &mut |one| found.push(one));
        (scan, found)
    };
    let whole = read(&mut &*bytes);
    assert_eq!(read(&mut Pieces(bytes)), whole, "read otherwise in pieces");
    let (scan, found) = whole;
    assert!(found.len() as u64 <= scan.records + 1, "more was found than was there");
    scan.records > 0 && found.iter().all(|one| matches!(one, Found::Root(_)))
}

/// Costs of all time: accepted if every row can be used. Whatever the pieces it
/// comes in, each row is in a sum, or named, or counted.
pub fn costs(bytes: &[u8]) -> bool {
    let end = |millis| Time::from_millis(millis).expect("a time");
    let always = end(-62_167_219_200_000)..end(253_402_300_799_999);
    let whole = warifu::import::costs::read(bytes, always.clone());
    assert_eq!(warifu::import::costs::read(Pieces(bytes), always), whole, "read otherwise in pieces");
    let Ok(costs) = whole else { return false };
    let summed: u64 = costs.sums.values().map(|sum| sum.rows).sum();
    assert_eq!(costs.rows, summed + costs.outside + costs.bad_rows, "a row was dropped");
    assert!(costs.bad.is_sorted_by_key(|bad| bad.line) && costs.bad.len() as u64 <= costs.bad_rows);
    costs.bad_rows == 0
}

/// Gives seven bytes at a time.
struct Pieces<'a>(&'a [u8]);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = into.len().min(7);
        self.0.read(into.get_mut(..length).unwrap_or_default())
    }
}

/// A credential report.
pub fn credential_report(bytes: &[u8]) -> bool {
    warifu::import::credential_report::read(bytes).is_ok()
}

fn message<M: Message>(bytes: &[u8]) -> Option<M> {
    let read = M::decode(bytes).ok()?;
    same(bytes, &read.encode());
    Some(read)
}

/// Panics unless both are the same.
fn same(read: &[u8], written: &[u8]) -> bool {
    assert_eq!(read, written, "written otherwise than it was read");
    true
}

/// Whether all parts but the last are canonical points and the last is a
/// canonical scalar.
fn points_and_scalar(bytes: &[u8]) -> bool {
    let (parts, rest) = bytes.as_chunks::<32>();
    let Some((scalar, points)) = parts.split_last() else { return false };
    let canonical = |part: &[u8; 32]| point(part).is_some_and(|point| point.compress().as_bytes() == part);
    rest.is_empty()
        && points.iter().all(canonical)
        && Option::<Scalar>::from(Scalar::from_canonical_bytes(*scalar)).is_some()
}

fn point(part: &[u8]) -> Option<curve25519_dalek::RistrettoPoint> {
    CompressedRistretto::from_slice(part).ok()?.decompress()
}
