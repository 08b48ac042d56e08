//! Public vectors for RFC 6962 proofs, which are not part of this project: a
//! folder with `inclusion.jsonl` and `consistency.jsonl`, one vector a line as in
//! the `testdata` of transparency-dev/merkle. docs/testing.md says how to run it.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use std::path::PathBuf;
use warifu::hex::Bytes;
use warifu::log::Hash;
use warifu::log::merkle::{leaf_hash, verify_consistency, verify_inclusion};

const FOLDER: &str = "WARIFU_MERKLE_VECTORS";

fn vectors(name: &str) -> Vec<Value> {
    let folder = std::env::var_os(FOLDER).unwrap_or_else(|| panic!("{FOLDER} names the folder"));
    let path = PathBuf::from(folder).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `None` for what is no hash: it must be refused.
fn hash(value: &Value) -> Option<Hash> {
    Bytes::from_slice(&BASE64.decode(value.as_str()?).ok()?)
}

fn proof(value: &Value) -> Option<Vec<Hash>> {
    if value.is_null() { Some(Vec::new()) } else { value.as_array()?.iter().map(hash).collect() }
}

/// A root of a consistency vector. Some that nobody is to look at are any text:
/// hashes stand in for them, equal ones for equal text.
fn root(value: &Value) -> Option<Hash> {
    let bytes = BASE64.decode(value.as_str()?).ok()?;
    Some(Bytes::from_slice(&bytes).unwrap_or_else(|| leaf_hash(&bytes)))
}

/// The one vector that is judged otherwise here, and on purpose
/// (docs/audit-log.md): every log extends the empty one. RFC 6962 leaves it open.
const EXTENDS_THE_EMPTY_LOG: &str = "consistency/additional/size1-is-zero-and-size2-is-not-zero.json";

/// Every vector is accepted or refused as it says, and there are both.
fn judge(name: &str, accepts: impl Fn(&Value) -> Option<bool>) {
    let (mut good, mut bad) = (0, 0);
    for vector in vectors(name) {
        let otherwise = vector["file"] == EXTENDS_THE_EMPTY_LOG;
        let refused = vector["wantErr"].as_bool().unwrap() ^ otherwise;
        assert_eq!(accepts(&vector).unwrap_or(false), !refused, "{}: {}", vector["file"], vector["desc"]);
        if refused { bad += 1 } else { good += 1 }
    }
    println!("{name}: {good} accepted, {bad} refused");
    assert!(good > 0 && bad > 0, "{name} has no vectors to accept, or none to refuse");
}

#[test]
#[ignore = "needs a folder of vectors; see docs/testing.md"]
fn public_inclusion_proofs_are_judged_as_they_should_be() {
    judge("inclusion.jsonl", |v| {
        let (index, size) = (v["leafIdx"].as_u64()?, v["treeSize"].as_u64()?);
        let (leaf, root) = (hash(&v["leafHash"])?, hash(&v["root"])?);
        Some(verify_inclusion(&leaf, index, size, &proof(&v["proof"])?, &root).is_ok())
    });
}

#[test]
#[ignore = "needs a folder of vectors; see docs/testing.md"]
fn public_consistency_proofs_are_judged_as_they_should_be() {
    judge("consistency.jsonl", |v| {
        let (old, new) = (v["size1"].as_u64()?, v["size2"].as_u64()?);
        let (old_root, new_root) = (root(&v["root1"])?, root(&v["root2"])?);
        Some(verify_consistency(old, &old_root, new, &new_root, &proof(&v["proof"])?).is_ok())
    });
}
