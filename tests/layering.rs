//! The two rules of the layout, read off the sources: modules use only what
//! stands above them in `lib.rs`, and everything above `store` is pure. And what
//! must not be within the reach of a release or a resharing.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(of: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(of).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Modules in the order of `lib.rs`, each with its files' text up to its tests.
fn modules() -> Vec<(String, Vec<(PathBuf, String)>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let names = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned));
    names
        .map(|name| {
            let mut files = Vec::new();
            let (file, folder) = (src.join(format!("{name}.rs")), src.join(&name));
            if file.exists() {
                files.push(file);
            }
            if folder.exists() {
                sources(&folder, &mut files);
            }
            files.retain(|f| !f.ends_with("tests.rs"));
            assert!(!files.is_empty(), "{name} has no files");
            let texts = files.into_iter().map(|f| {
                let text = fs::read_to_string(&f).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let code =
                    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
                (f, code)
            });
            (name, texts.collect())
        })
        .collect()
}

#[test]
fn modules_use_only_what_stands_above_them() {
    let modules = modules();
    assert!(modules.len() > 10, "lib.rs lists its modules");
    for (position, (name, files)) in modules.iter().enumerate() {
        for (below, _) in modules.iter().skip(position + 1) {
            for (file, text) in files {
                let uses =
                    text.contains(&format!("crate::{below}::")) || text.contains(&format!("crate::{below};"));
                assert!(!uses, "{} of module {name} uses {below}, which stands below it", file.display());
            }
        }
    }
}

#[test]
fn everything_above_the_store_is_pure() {
    let impure = [
        "std::fs",
        "std::net",
        "std::process",
        "SystemTime",
        "Instant::now",
        "SysRng",
        "thread_rng",
        "std::env",
    ];
    for (name, files) in modules().iter().take_while(|(name, _)| name != "store") {
        for (file, text) in files {
            for what in impure {
                assert!(!text.contains(what), "{} of pure module {name} uses {what}", file.display());
            }
        }
    }
}

#[test]
fn released_needs_a_quorum_a_commit_and_its_witnesses() {
    // The one function that gives the gate's ingredient out for a ceremony
    // takes the three proofs as arguments; none of the types can be made elsewhere.
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // Likewise the one that puts a seed together for the gate.
    for (file, function) in [("vault/ceremony.rs", "fn give("), ("vault/code.rs", "fn open_seed(")] {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let signature = text.split(function).nth(1).unwrap().split(')').next().unwrap();
        for proof in ["&QuorumAccepted", "&Committed", "&Witnessed"] {
            assert!(signature.contains(proof), "{file}: given out without {proof}");
        }
        assert_eq!(text.matches(".ingredient(").count(), 1, "{file}");
    }
}

/// What puts a shared secret together, or makes keys of one.
const OF_OPENING: [&str; 10] = [
    "Quorum",
    "quorum::",
    "combine",
    "open_share",
    "VerifiedShare",
    "SecretPoint",
    "kdf",
    "SealedPayload",
    "GateKey",
    "ngredient",
];

#[test]
fn a_resharing_reaches_neither_combination_nor_key_derivation() {
    // Files of resharing in every layer: they are named for it, or for the link proof.
    let mut found = 0;
    for (name, files) in modules() {
        for (file, text) in files {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let of_resharing = stem.starts_with("reshare") || stem == "link" || folder == "reshare";
            if !of_resharing {
                continue;
            }
            found += 1;
            for what in OF_OPENING {
                assert!(!text.contains(what), "{} can reach {what}", file.display());
            }
            // Elsewhere cards, codes and words are used, and they say what for.
            let pure = name == "pvss";
            assert!(!pure || !text.contains("crate::seal"), "{} uses seal", file.display());
            let of_sharing: Vec<_> = text.match_indices("shamir::").map(|(at, _)| &text[at..]).collect();
            assert!(
                of_sharing.iter().all(|rest| rest.starts_with("shamir::share_zero(")),
                "{}",
                file.display()
            );
        }
    }
    assert_eq!(
        found, 15,
        "three of pvss; one of event, message, state, ceremony and vault; seven of cli: its grammar, the words of the log, and the command"
    );
    // The words are those of today: each is found where opening is done.
    let opening: String = modules()
        .into_iter()
        .filter(|(name, _)| ["pvss", "seal", "transcript", "vault", "ceremony"].contains(&name.as_str()))
        .flat_map(|(_, files)| files)
        .map(|(_, text)| text)
        .collect();
    assert!(OF_OPENING.iter().all(|what| opening.contains(what)));
}
