//! What a process still has in its memory after it has sealed, held a ceremony
//! and given one up. A child process does all that through the library, drops
//! everything and reads its own memory. Needles are masked there, so that
//! looking for them does not put them there; a secret that is kept on purpose
//! shows that the search finds.
//!
//! It covers the library. What prompts and screens hold is wiped too, but not
//! searched here: the program itself lets nobody read its memory.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/needles.rs"]
mod needles;
#[path = "support/room.rs"]
mod room;

use needles::{Needles, found, masked};
use room::{World, address, ask, now, open, rng};
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use warifu::ceremony::custodian::review;
use warifu::ceremony::recipient::{finish, notices};
use warifu::ceremony::reshare;
use warifu::event::{Ending, Event, Made, Mode, Shown};
use warifu::pvss::{ClaimedDealing, Quorum, ShareKeyPair, UntrustedShare, open_share};
use warifu::seal::card_file::{CardFile, UnlockedCard};
use warifu::seal::record::Payload;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::time::Span;
use warifu::vault::ceremony::requester_secret;
use warifu::vault::reshare::ReshareAsk;
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault};

const RESHARED: &str = "WARIFU_TEST_MEMORY_RESHARED";
const KEEPING: &str = "WARIFU_TEST_MEMORY_KEEPING";
const DIRECTORY: &str = "WARIFU_TEST_MEMORY_DIRECTORY";
const SEALED: &str = "mellow-Quartz9lantern+orbit";

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_works_and_then_searches_itself() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let dir = Path::new(&dir);
    let control = secret_from(&dir.join("control-kept"));
    drop(secret_from(&dir.join("control-wiped")));
    let mut on_stack = [0; 40];
    File::open(dir.join("control-stack")).unwrap().read_exact(&mut on_stack).unwrap();
    let mut needles = Needles::read(&dir.join("needles"));
    found_a_vault(dir, &mut needles);
    work(dir, &mut needles);
    needles.search();
    assert!(!control.is_empty());
    std::hint::black_box(&on_stack);
}

/// Run by another test in a process of its own; alone it does nothing. It hands over
/// what a group holds; told so, it also opens a version and keeps the point.
#[test]
fn child_that_reshares_and_then_searches_itself() {
    let Some(dir) = env::var_os(RESHARED) else { return };
    let dir = Path::new(&dir);
    let needles = Needles::read(&dir.join("needles"));
    let kept = reshare(dir, env::var_os(KEEPING).is_some());
    needles.search();
    std::hint::black_box(&kept);
}

/// Three custodians hand over to a group of two others. Where the point is to be kept,
/// it is put together once more, as only an opening may.
fn reshare(dir: &Path, keeping: bool) -> Option<SecretBytes> {
    let (mut vault, mut log) = open(&dir.join("vault"));
    let of = |name| log.state.group_by_slug(&room::slug(name)).unwrap().clone();
    let (old, new) = (of("keepers"), of("new"));
    let operator = unlock(dir, "operator");
    let ask = ReshareAsk {
        from: (&old).into(),
        to: (&new).into(),
        reason: "one leaves",
        ticket: None,
        window: Span::hours(1),
        mode: Mode::Room,
    };
    let kept = keeping.then(|| shared_point(dir, &vault, &log));
    let hash = vault.open_reshare(&mut log, operator.card(), &ask, now(), &mut rng()).unwrap();
    let mut present = Vec::new();
    for name in ["c1", "c2", "c3"] {
        let custodian = unlock(dir, name);
        let package = vault.reshare_package(&log, &hash).unwrap();
        let reviewed = reshare::review(&package, custodian.card(), None, now()).unwrap();
        let totp = TotpSecret::from_bytes(secret_from(&dir.join(format!("{name}.seed")))).unwrap();
        let code = totp.code_at(step_of(now().unix_seconds()));
        let answer = reviewed.agree(custodian.card(), &code, now(), &mut rng()).unwrap();
        assert!(matches!(vault.accept(&mut log, &answer, now()).unwrap(), Event::Accepted(_)));
        present.push((custodian, reviewed));
    }
    let records = vault.next_dealings(&log, present[0].1.left()).unwrap();
    let chunk = present[0].1.chunk(&records, &mut rng()).unwrap();
    let offers: Vec<_> = present
        .iter()
        .map(|(card, review)| review.redeal(card.card(), &chunk, &mut rng()).unwrap())
        .collect();
    let checked = present[0].1.check(&chunk, &offers, &mut rng()).unwrap();
    let signed = present.iter().map(|(card, review)| {
        let kept = review.to_keep(&checked, None).unwrap();
        review.sign(card.card(), &checked, &kept).unwrap()
    });
    vault.enter_reshared(&mut log, &checked, signed.collect(), now()).unwrap();
    vault.clear_replaced(&mut log, now(), &mut rng()).unwrap();
    vault.end_ceremony(&mut log, &hash, Ending::Closed, now()).unwrap();
    kept
}

/// What the shares of the sealed version add up to, encoded.
fn shared_point(dir: &Path, vault: &Vault, log: &Log) -> SecretBytes {
    let (credential, version) = log.state.versions.iter().next().unwrap();
    let group = log.state.holder(&version.sealing).unwrap();
    let keys = log.state.group_keys(group).unwrap();
    let name = warifu::vault::seal::dealing_record(&version.sealing.dealing);
    let bytes = vault.record(&log.state.id, &name).unwrap();
    let dealing = ClaimedDealing::read(&bytes, credential, &keys).unwrap().verify().unwrap();
    let shares = ["c1", "c2", "c3"].map(|name| {
        let custodian = unlock(dir, name);
        let index = group.index_of(custodian.card().pseudonym()).unwrap();
        let pair = ShareKeyPair::new(custodian.card().share_scalar(&log.state.g(group)));
        let share = open_share(&dealing, index, &pair, credential, &mut rng()).unwrap();
        UntrustedShare::from_bytes(share.expose()).unwrap().verify(&dealing, index, credential).unwrap()
    });
    let point = Quorum::gather(&dealing, shares.into()).unwrap().combine();
    let mut encoded = SecretBytes::zeroed(32);
    encoded.expose_mut().copy_from_slice(&point.expose().compress().to_bytes());
    encoded
}

/// A file's contents, read in place.
fn secret_from(path: &Path) -> SecretBytes {
    let mut file = File::open(path).unwrap();
    let mut bytes = SecretBytes::zeroed(usize::try_from(file.metadata().unwrap().len()).unwrap());
    file.read_exact(bytes.expose_mut()).unwrap();
    bytes
}

fn unlock(dir: &Path, who: &str) -> UnlockedCard {
    let file = CardFile::parse(&fs::read(dir.join(format!("{who}.card"))).unwrap()).unwrap();
    file.unlock(&secret_from(&dir.join(format!("{who}.passphrase")))).unwrap()
}

/// A gate's root is made, written and read.
fn found_a_vault(dir: &Path, needles: &mut Needles) {
    let path = dir.join("fresh");
    let origin = "example.com/warifu".parse().unwrap();
    drop(Vault::init(&path, &origin, None, now(), &mut rng()).unwrap());
    drop(Vault::open(&path, &mut || None).unwrap());
    let file = secret_from(&path.join("gate.key"));
    let hex = file.expose().split(|byte| *byte == b'\n').nth(1).unwrap();
    needles.add("new-gate-root-hex", hex, false);
    let mut root = SecretBytes::zeroed(32);
    data_encoding::HEXLOWER.decode_mut(hex, root.expose_mut()).unwrap();
    needles.add("new-gate-root", root.expose(), false);
}

/// Everything that touches secrets; all of it is dropped at the end.
fn work(dir: &Path, needles: &mut Needles) {
    let (mut vault, mut log) = open(&dir.join("vault"));
    let password = secret_from(&dir.join("password"));
    let (login, notes) = (room::secret("root@example.com"), SecretBytes::zeroed(0));
    let payload = Payload { login, password, notes };
    let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
    vault.seal(&mut log, &address(), &payload, provenance, now(), &mut rng()).unwrap();
    drop(payload);
    ceremony(dir, &mut vault, &mut log, needles, &["c1", "c2", "c3"]);
    ceremony(dir, &mut vault, &mut log, needles, &["c4"]);
}

fn ceremony(dir: &Path, vault: &mut Vault, log: &mut Log, needles: &mut Needles, who: &[&str]) {
    let operator = unlock(dir, "operator");
    let address = address();
    let asked = ask(&address, Span::minutes(15));
    let hash = vault.open_ceremony(log, operator.card(), &asked, now(), &mut rng()).unwrap();
    let package = vault.package(log, &hash).unwrap();
    for name in who {
        let custodian = unlock(dir, name);
        let reviewed = review(&package, custodian.card(), None, now()).unwrap();
        let totp = TotpSecret::from_bytes(secret_from(&dir.join(format!("{name}.seed")))).unwrap();
        let code = totp.code_at(step_of(now().unix_seconds()));
        needles.add(&format!("code-{name}"), code.expose(), true);
        let contribution = reviewed.contribute(custodian.card(), &code, now(), &mut rng()).unwrap();
        let event = vault.accept(log, &contribution, now()).unwrap();
        assert!(matches!(event, Event::Accepted(_)), "{event:?}");
    }
    if who.len() < 3 {
        vault.end_ceremony(log, &hash, Ending::Aborted, now()).unwrap();
        return;
    }
    let release = vault.release(log, &hash, 0, now(), &mut rng()).unwrap();
    let key = requester_secret(operator.card(), &release).unwrap();
    let finished = finish(&release, &key, &log.state.first_entry, None).unwrap();
    assert!(finished.contents.password().unwrap().password.same_as(&secret_from(&dir.join("password"))));
    let showing = notices(operator.card(), (&hash, 0), &[], Some(Shown::Screen));
    vault.enter_notices(log, &showing, now()).unwrap();
    vault.end_ceremony(log, &hash, Ending::Closed, now()).unwrap();
}

#[test]
fn nothing_secret_stays_in_memory() {
    let world = World::new();
    let dir = world.dir.path();
    let mut needles = Vec::new();
    let mut needle = |label: &str, bytes: &[u8]| {
        needles.push(masked(label, bytes));
    };
    for (name, bytes) in [
        ("password", SEALED.as_bytes()),
        ("control-kept", b"kept on purpose: the search must find it"),
        ("control-stack", b"left where the function that runs has it"),
        ("control-wiped", b"wiped at once: the search must not find it"),
    ] {
        fs::write(dir.join(name), bytes).unwrap();
        needle(name, bytes);
    }
    let people = world.custodians.iter().take(4).chain([&world.operator]);
    let (_, log) = world.open();
    let g = log.state.g(warifu::vault::group::group(&log.state, &room::slug("keepers")).unwrap());
    for (who, person) in ["c1", "c2", "c3", "c4", "operator"].into_iter().zip(people) {
        fs::write(dir.join(format!("{who}.passphrase")), &person.passphrase).unwrap();
        fs::write(dir.join(format!("{who}.seed")), &person.seed).unwrap();
        needle(&format!("passphrase-{who}"), person.passphrase.as_bytes());
        needle(&format!("card-seed-{who}"), &person.card_seed);
        if who != "operator" {
            needle(&format!("totp-seed-{who}"), &person.seed);
            let unlocked = person.unlock();
            needle(&format!("share-key-{who}"), unlocked.card().share_scalar(&g).expose().as_bytes());
            needle(&format!("requester-key-{who}"), unlocked.card().requester_key().expose());
        }
    }
    let gate = fs::read_to_string(world.vault.join("gate.key")).unwrap();
    let hex = gate.lines().nth(1).unwrap();
    needle("gate-root-hex", hex.as_bytes());
    needle("gate-root", &data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap());
    fs::write(dir.join("needles"), needles.join("\n")).unwrap();

    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_that_works_and_then_searches_itself", "--nocapture"])
        .env(DIRECTORY, dir)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    println!("heap: {:?}\nstack: {:?}", found(&text, "heap"), found(&text, "stack"));
    assert_eq!(found(&text, "heap"), BTreeSet::from(["control-kept"]));
    assert_eq!(found(&text, "stack"), BTreeSet::from(["control-stack"]));
}

/// Each run is of a process of its own, in a vault of its own.
fn reshared(keeping: bool) -> BTreeSet<String> {
    let world = World::new();
    let dir = world.dir.path();
    world.form("new", 2, &[&world.custodians[3], &world.custodians[4]]);
    let mut needles = Vec::new();
    let mut needle = |label: &str, bytes: &[u8]| {
        needles.push(masked(label, bytes));
    };
    let people = world.custodians.iter().take(3).chain([&world.operator]);
    for (who, person) in ["c1", "c2", "c3", "operator"].into_iter().zip(people) {
        fs::write(dir.join(format!("{who}.passphrase")), &person.passphrase).unwrap();
        fs::write(dir.join(format!("{who}.seed")), &person.seed).unwrap();
        needle(&format!("passphrase-{who}"), person.passphrase.as_bytes());
        needle(&format!("card-seed-{who}"), &person.card_seed);
    }
    let (vault, log) = world.open();
    let g = log.state.g(log.state.group_by_slug(&room::slug("keepers")).unwrap());
    for (who, person) in ["c1", "c2", "c3"].into_iter().zip(&world.custodians) {
        let unlocked = person.unlock();
        needle(&format!("share-key-{who}"), unlocked.card().share_scalar(&g).expose().as_bytes());
    }
    needle("shared-point", shared_point(dir, &vault, &log).expose());
    needle("password", room::PASSWORD.as_bytes());
    fs::write(dir.join("needles"), needles.join("\n")).unwrap();
    drop(vault);
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child_that_reshares_and_then_searches_itself", "--nocapture"])
        .env(RESHARED, dir);
    if keeping {
        command.env(KEEPING, "1");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("\nsearched "), "{text}");
    let found = text.lines().filter_map(|line| line.strip_prefix("found "));
    found.map(|line| line.split(' ').next_back().unwrap().to_owned()).collect()
}

#[test]
fn a_resharing_leaves_no_shared_secret_in_memory() {
    assert_eq!(reshared(false), BTreeSet::new());
    let kept = reshared(true);
    assert_eq!(kept, BTreeSet::from(["shared-point".to_owned()]), "the search finds what is there");
}
