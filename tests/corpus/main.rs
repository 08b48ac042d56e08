//! Replays the fuzzers' corpus on stable: every seed whose name begins with
//! `ok-` is accepted, every one that begins with `bad-` refused, and none
//! breaks a promise of its target.
//!
//! `WARIFU_WRITE_SEEDS=1 cargo test --test corpus` writes the seeds anew.

#[path = "../../fuzz/bodies.rs"]
mod bodies;
mod seeds;
mod story;

use bodies::{Body, TARGETS};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use warifu::event::KINDS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let listed = fs::read_dir(folder).expect("the corpus lies beside the crate");
    listed.map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned()).collect()
}

fn body(target: &str) -> Body {
    TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1
}

/// What a seed's name promises; the fuzzer's own finds promise nothing.
fn promised(name: &str) -> Option<bool> {
    if name.starts_with("ok-") { Some(true) } else { name.starts_with("bad-").then_some(false) }
}

#[test]
fn every_target_has_its_file_and_its_folder() {
    let expected: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), expected);
    let files = expected.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), files);
}

#[test]
fn stored_seeds_are_accepted_or_refused_as_named() {
    for (target, body) in TARGETS {
        let folder = fuzz().join("corpus").join(target);
        let mut outcomes = BTreeSet::new();
        for name in names(&folder) {
            let accepted = body(&fs::read(folder.join(&name)).expect("a readable seed"));
            if let Some(promised) = promised(&name) {
                assert_eq!(accepted, promised, "{target}/{name}");
                outcomes.insert(accepted);
            }
        }
        assert_eq!(outcomes.len(), 2, "{target} needs a seed that is accepted and one that is not");
    }
}

#[test]
fn seeds_made_anew_are_accepted_or_refused_as_named() {
    let seeds = seeds::all();
    for seed in &seeds {
        assert_eq!(
            Some(body(seed.target)(&seed.bytes)),
            promised(&seed.name),
            "{}/{}",
            seed.target,
            seed.name
        );
    }
    for kind in KINDS {
        let name = format!("ok-{kind}");
        assert!(seeds.iter().any(|seed| seed.target == "entry" && seed.name == name), "no entry '{kind}'");
    }
    if std::env::var_os("WARIFU_WRITE_SEEDS").is_some() {
        for seed in seeds {
            let folder = fuzz().join("corpus").join(seed.target);
            fs::create_dir_all(&folder).expect("a writable tree");
            fs::write(folder.join(seed.name), seed.bytes).expect("a writable tree");
        }
    }
}
