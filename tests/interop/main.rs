//! Exported logs against an implementation that we did not write: the Python
//! package tlog-scales. This writes logs of several sizes with the export's own
//! code, cosigned, with receipts; `verify.py` judges them, and forgeries of
//! them. docs/testing.md says how to run it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;
use warifu::export::{Snapshot, export, of_entry};
use warifu::hex::Bytes;
use warifu::log::{Checkpoint, Cosigner, EntryBytes, Frontier, LogSigner, checkpoint};
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::memory::MemoryStore;
use warifu::store::{Append, Batch, Store};

const PYTHON: &str = "WARIFU_INTEROP_PYTHON";
const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));

/// Where tiles and levels begin and end.
const SIZES: [u64; 7] = [1, 2, 255, 256, 257, 65_536, 70_000];

fn seed(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

/// The `n`th entry of every log here: each is the beginning of the next. Of many
/// lengths, as entries are.
fn entry(n: u64) -> EntryBytes {
    let ceremony = "ü".repeat(usize::try_from(n % 97).unwrap());
    let line = format!(
        r#"{{"v":9,"time":"2026-03-01T09:00:00.000Z","actor":"host","event":{{"test":{{"n":{n},"ceremony":"{ceremony}"}}}}}}"#
    );
    EntryBytes::new(line.into_bytes()).unwrap()
}

fn write_log(folder: &Path, size: u64, signer: &LogSigner, witness: &Cosigner) {
    let (mut store, mut tree) = (MemoryStore::new(), Frontier::new());
    let entries: Vec<_> = (0..size).map(entry).collect();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    let origin = signer.verifier().name().to_owned();
    let mut note = checkpoint::sign(&Checkpoint { origin, size, root: tree.root() }, signer).unwrap();
    let cosignature = witness.cosign(note.unverified_text(), 1_772_355_600 + size).unwrap();
    note.add(cosignature).unwrap();
    let appends = vec![Append { log: LOG, expected_size: 0, entries, checkpoint: note.to_string() }];
    let _durable = store.commit(Batch { appends, ..Batch::default() }).unwrap();
    let log = Snapshot::of_log(&store, LOG, signer.verifier().clone()).unwrap();
    export(&log, &folder.join(format!("{size}")), None, &mut |_, _| ()).unwrap();
    for index in [0, size / 2, size - 1, 300].into_iter().filter(|index| *index < size) {
        let receipt = of_entry(&log, index).unwrap().file().to_string();
        fs::write(folder.join(format!("{size}-{index}.tlog-proof")), receipt).unwrap();
    }
}

#[test]
#[ignore = "needs Python with tlog-scales; see docs/testing.md"]
fn exported_logs_verify_with_tlog_scales_and_forgeries_do_not() {
    let python =
        std::env::var_os(PYTHON).unwrap_or_else(|| panic!("{PYTHON} names a Python with tlog-scales"));
    let folder = tempfile::tempdir().unwrap();
    let signer = LogSigner::new("vault.example/interop", seed(1)).unwrap();
    let witness = Cosigner::new("witness.example", seed(2)).unwrap();
    for size in SIZES {
        write_log(folder.path(), size, &signer, &witness);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/verify.py");
    let sizes = SIZES.map(|size| size.to_string());
    let ended = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .args([signer.verifier().to_string(), witness.verifier().to_string()])
        .args(&sizes)
        .status();
    assert!(ended.unwrap().success(), "tlog-scales and warifu disagree: see above");
}
