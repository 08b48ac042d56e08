//! What a process still has in its memory after a resharing in which it played all
//! contributors: neither what is shared, nor a share, nor what the shares were hidden
//! with. A second process opens it and keeps the result, which the same search finds.
//! It covers the mathematics; `memory` says how it searches.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/needles.rs"]
mod needles;

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use needles::{Needles, found, masked};
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use warifu::hex::Bytes;
use warifu::name::Threshold;
use warifu::pvss::{
    ClaimedDealing, DealingContext, GroupKeys, Quorum, Resharing, ShareKeyPair, UntrustedShare,
    VerifiedDealing, deal, open_share, verify_redealings,
};
use warifu::secret::SecretBytes;

const NEEDLES: &str = "WARIFU_TEST_RESHARE_NEEDLES";
const OPENS: &str = "WARIFU_TEST_RESHARE_OPENS";
const CRED: Bytes<64> = Bytes([7; 64]);
const INDICES: [u8; 3] = [1, 3, 4];
const T: usize = 3;
const N: usize = 5;

fn keys(g: u8, public: &[Bytes<32>]) -> GroupKeys {
    GroupKeys::new(Bytes([g; 64]), Threshold::new(T, N).unwrap(), public).unwrap()
}

fn group(g: u8, seed: u64) -> (Vec<ShareKeyPair>, GroupKeys) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let pairs: Vec<_> = (0..N).map(|_| ShareKeyPair::random(rng)).collect();
    let public: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
    let keys = keys(g, &public);
    (pairs, keys)
}

/// The dealing, its parts being forgotten.
fn dealt(to: &GroupKeys) -> VerifiedDealing {
    deal(&DealingContext::new(CRED, to), to, &mut StdRng::seed_from_u64(3)).unwrap().0
}

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_reshares_and_then_searches_itself() {
    let Some(path) = env::var_os(NEEDLES) else { return };
    let needles = Needles::read(Path::new(&path));
    let record = reshare();
    let kept = env::var_os(OPENS).map(|_| open(&record));
    needles.search();
    std::hint::black_box((record, kept));
}

fn reshare() -> Vec<u8> {
    let ((pairs, old), (_, new)) = (group(1, 1), group(2, 2));
    let resharing = Resharing::new(dealt(&old), &new);
    let sent = INDICES.map(|index| {
        let pair = &pairs[usize::from(index) - 1];
        let (redealing, link) =
            resharing.redeal(index, pair, &mut StdRng::seed_from_u64(index.into())).unwrap();
        (&resharing, redealing, link)
    });
    let verified = verify_redealings(sent.into(), &mut StdRng::seed_from_u64(9)).unwrap();
    resharing.gather(verified).unwrap().record().to_bytes()
}

/// What is shared, opened by the new group and kept.
fn open(record: &[u8]) -> SecretBytes {
    let (pairs, new) = group(2, 2);
    let dealing = ClaimedDealing::read(record, &CRED, &new).unwrap().verify().unwrap();
    let request = Bytes([1; 64]);
    let shares = [1, 2, 3].map(|index| {
        let pair = &pairs[usize::from(index) - 1];
        let sent = open_share(&dealing, index, pair, &request, &mut StdRng::seed_from_u64(4)).unwrap();
        UntrustedShare::from_bytes(sent.expose()).unwrap().verify(&dealing, index, &request).unwrap()
    });
    let secret = Quorum::gather(&dealing, shares.into()).unwrap().combine();
    SecretBytes::new(secret.expose().compress().as_bytes().to_vec())
}

/// Everything secret of it, worked out from the same randomness.
fn secrets() -> Vec<String> {
    let ((_, old), (_, new)) = (group(1, 1), group(2, 2));
    let (dealing, record) = (dealt(&old).to_bytes(), reshare());
    let new_key = CompressedRistretto(new.keys()[0].0).decompress().unwrap();
    let point = |at: usize| {
        CompressedRistretto::from_slice(&dealing[32 * at..32 * at + 32]).unwrap().decompress().unwrap()
    };
    let rng = &mut StdRng::seed_from_u64(1);
    let x: Vec<_> = (0..N).map(|_| Scalar::random(rng)).collect();
    let mut lines = Vec::new();
    let mut add = |label: &str, bytes: &[u8]| lines.push(masked(label, bytes));
    let s = Scalar::random(&mut StdRng::seed_from_u64(3));
    add("shared", RistrettoPoint::mul_base(&s).compress().as_bytes());
    add("s", s.as_bytes());
    for index in INDICES {
        let of = usize::from(index);
        let share = point(of) - x[of - 1] * point(0);
        add(&format!("share-{index}"), share.compress().as_bytes());
        add(&format!("x-{index}"), x[of - 1].as_bytes());
        let rng = &mut StdRng::seed_from_u64(index.into());
        let coefficients: Vec<_> = (1..T).map(|_| Scalar::random(rng)).collect();
        for (number, coefficient) in coefficients.iter().enumerate() {
            add(&format!("coefficient-{index}-{number}"), coefficient.as_bytes());
        }
        for place in 1..=T as u64 {
            let place = Scalar::from(place);
            let value = coefficients.iter().rev().fold(Scalar::ZERO, |sum, next| (sum + next) * place);
            add(&format!("value-{index}-{}", place.as_bytes()[0]), value.as_bytes());
            add(&format!("half-value-{index}-{}", place.as_bytes()[0]), value.div_by_2().as_bytes());
        }
        let d = Scalar::random(rng);
        // What is looked for is what was used.
        let number = INDICES.iter().position(|one| *one == index).unwrap();
        let redealing = &record[67 + number * (1 + 32 * (N + 4)) + 1..];
        assert_eq!(redealing[..32], RistrettoPoint::mul_base(&d).compress().to_bytes());
        let value: Scalar = coefficients.iter().sum();
        let hidden = share + RistrettoPoint::mul_base(&value) + d * new_key;
        assert_eq!(redealing[32..64], hidden.compress().to_bytes());
        add(&format!("d-{index}"), d.as_bytes());
        add(&format!("half-d-{index}"), d.div_by_2().as_bytes());
    }
    lines
}

fn search(opens: bool) -> (BTreeSet<String>, BTreeSet<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("needles");
    fs::write(&path, secrets().join("\n")).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args(["--exact", "child_that_reshares_and_then_searches_itself", "--nocapture"])
        .env(NEEDLES, &path);
    if opens {
        child.env(OPENS, "yes");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let all = |place| found(&text, place).into_iter().map(str::to_owned).collect();
    (all("heap"), all("stack"))
}

#[test]
fn nothing_secret_stays_after_a_resharing() {
    assert_eq!(search(false), Default::default());
}

#[test]
fn what_is_shared_is_found_where_it_was_opened_and_kept() {
    let (heap, _) = search(true);
    assert!(heap.contains("shared"), "{heap:?}");
}
