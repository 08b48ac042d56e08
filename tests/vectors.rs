//! The vectors of `docs/protocol.md`: what must come out byte for byte, and what
//! must be refused, each reject vector named for its breach.
//!
//! After a wanted change write them anew:
//! `cargo test --test vectors -- --ignored write_vectors`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "vectors/accept.rs"]
mod accept;
#[path = "vectors/reject.rs"]
mod reject;
#[path = "vectors/reshare.rs"]
mod reshare;
#[path = "vectors/rng.rs"]
mod rng;

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Name and contents.
type File = (String, Value);

fn directory(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(kind)
}

fn text((_, vector): &File) -> String {
    serde_json::to_string_pretty(vector).unwrap() + "\n"
}

/// Name → text of what is committed.
fn committed(kind: &str) -> BTreeMap<String, String> {
    fs::read_dir(directory(kind))
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn compare(kind: &str, made: Vec<File>) {
    let count = made.len();
    let made: BTreeMap<_, _> = made.into_iter().map(|file| (file.0.clone(), text(&file))).collect();
    assert_eq!(made.len(), count, "two vectors have one name");
    let committed = committed(kind);
    assert!(made.keys().eq(committed.keys()), "{kind}: the files are not those that are made");
    for (name, text) in &made {
        assert!(committed[name] == *text, "{kind}/{name}.json is not what comes out");
    }
}

#[test]
fn accept_vectors_come_out_byte_for_byte() {
    compare("accept", accept::all());
}

#[test]
fn reject_vectors_are_the_documented_breaches() {
    compare("reject", reject::all());
}

#[test]
fn every_reject_vector_is_refused_for_its_reason() {
    let vectors = committed("reject");
    assert!(vectors.len() > 80, "{} reject vectors", vectors.len());
    for (name, text) in vectors {
        let vector: Value = serde_json::from_str(&text).unwrap();
        let refusal = reject::refusal(vector["operation"].as_str().unwrap(), &vector["input"]);
        assert_eq!(refusal.as_deref(), vector["error"].as_str(), "{name}");
    }
}

#[test]
#[ignore = "writes the vectors anew"]
fn write_vectors() {
    for (kind, files) in [("accept", accept::all()), ("reject", reject::all())] {
        for old in committed(kind).into_keys() {
            fs::remove_file(directory(kind).join(old + ".json")).unwrap();
        }
        for file in files {
            fs::write(directory(kind).join(format!("{}.json", file.0)), text(&file)).unwrap();
        }
    }
}
