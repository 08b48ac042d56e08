//! A copy of a log of more than one bundle, which a test may alter as somebody who
//! holds it, or as the host that can sign with the log's own key.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::cli::World;
use data_encoding::HEXLOWER;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use warifu::gate::{Gate, RootGate};
use warifu::hex::Bytes;
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::{Frontier, Hash};
use warifu::log::note::LogSigner;
use warifu::log::tile;
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;

/// Exit code of a finding.
pub const TAMPERED: i32 = 6;
/// Entries of the first bundle.
pub const FULL: usize = 256;

/// A copy of a log with more than one bundle, an older copy of it, its key, and
/// what signs it.
pub struct Exported {
    pub world: World,
    /// What the log's own key signs checkpoints with: a hostile host has it.
    pub root: [u8; 32],
    id: OrganisationId,
    pub key: String,
}

type Files = Vec<(PathBuf, Vec<u8>)>;

static EXPORTS: OnceLock<(Files, Files)> = OnceLock::new();

fn below(dir: &Path, base: &Path, into: &mut Files) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, base, into);
        } else {
            into.push((path.strip_prefix(base).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

fn lay(files: &Files, dir: &Path) {
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A world whose log has grown past a bundle; made once, with two exports of it.
static GROWN: OnceLock<World> = OnceLock::new();

fn grown() -> &'static World {
    GROWN.get_or_init(|| {
        let world = World::new();
        for n in 0..FULL {
            let address = format!("acme/lab/more-{n}");
            world.host(&["account", "add", &address, "--id", &format!("{:012}", 500_000 + n)]).good();
        }
        world
    })
}

impl Exported {
    pub fn new() -> Self {
        let world = grown();
        let (old, new) = EXPORTS.get_or_init(|| {
            world.host(&["audit", "export", "acme", "old"]).good();
            world.request("request.warifu");
            world.host(&["audit", "export", "acme", "new"]).good();
            let read = |name: &str| {
                let (dir, mut files) = (world.host_dir().join(name), Files::new());
                below(&dir, &dir, &mut files);
                files
            };
            (read("old"), read("new"))
        });
        let org = world.host(&["--json", "org", "show", "acme"]).good().json();
        let gate = fs::read_to_string(world.vault().join("gate.key")).unwrap();
        let root = HEXLOWER.decode(gate.lines().nth(1).unwrap().as_bytes()).unwrap();
        let own = World::new();
        lay(old, &own.host_dir().join("old"));
        lay(new, &own.host_dir().join("copy"));
        let key = fs::read_to_string(own.host_dir().join("copy/log.vkey")).unwrap();
        Self {
            world: own,
            root: root.try_into().unwrap(),
            id: serde_json::from_value(org["id"].clone()).unwrap(),
            key: key.trim().to_owned(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.world.host_dir().join("copy").join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        let before = bytes.clone();
        change(&mut bytes);
        assert_ne!(before, bytes, "nothing was changed");
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn entries(&self, bundle: &str) -> Vec<EntryBytes> {
        tile::decode_bundle(&self.read(bundle)).unwrap()
    }

    pub fn put_entries(&self, bundle: &str, entries: &[EntryBytes]) {
        self.change(bundle, |bytes| *bytes = tile::encode_bundle(entries));
    }

    /// All entries, in order.
    pub fn all(&self) -> Vec<EntryBytes> {
        let mut all = self.entries("tile/entries/000");
        all.extend(self.entries(&self.partial("entries")));
        all
    }

    /// The partial tile of a row.
    pub fn partial(&self, row: &str) -> String {
        let folder = self.path(&format!("tile/{row}/001.p"));
        let name = fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
        format!("tile/{row}/001.p/{}", name.to_str().unwrap())
    }

    pub fn signer(&self) -> LogSigner {
        let seed = RootGate::new(SecretKey::from_slice(&self.root).unwrap()).log_seed(&self.id, 1).unwrap();
        LogSigner::new(self.key.split('+').next().unwrap(), seed).unwrap()
    }

    /// A checkpoint over these entries, signed by the log's own key.
    pub fn signed(&self, entries: &[EntryBytes]) -> String {
        signed(entries, &self.signer())
    }

    /// As [`rewrite()`].
    pub fn rewrite(&self, entries: &[EntryBytes]) {
        rewrite(&self.path(""), entries, &self.signer());
    }

    /// Verification finds something and says each of these.
    #[track_caller]
    pub fn found(&self, says: &[&str]) {
        self.found_with(&[], says);
    }

    #[track_caller]
    pub fn found_with(&self, options: &[&str], says: &[&str]) {
        let ran = self.world.host(&[&["audit", "verify", "copy"], options].concat());
        let said = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, TAMPERED, "{said}");
        for text in says {
            assert!(said.contains(text), "lacks {text:?}:\n{said}");
        }
        let json = self.world.host(&[&["--json", "audit", "verify", "copy"], options].concat());
        assert_eq!(json.code, TAMPERED);
        if !json.out.is_empty() {
            assert!(!json.json()["findings"].as_array().unwrap().is_empty(), "{}", json.out);
        }
    }
}

/// A checkpoint over these entries.
pub fn signed(entries: &[EntryBytes], signer: &LogSigner) -> String {
    let mut tree = Frontier::new();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    let origin = signer.verifier().name().to_owned();
    let body = Checkpoint { origin, size: tree.size(), root: tree.root() };
    checkpoint::sign(&body, signer).unwrap().to_string()
}

/// Replaces a copy by one of other entries, whole in itself: what a host with the
/// log's key can make.
pub fn rewrite(dir: &Path, entries: &[EntryBytes], signer: &LogSigner) {
    fs::remove_dir_all(dir.join("tile")).unwrap();
    let mut tiling = tile::Tiling::new();
    let write = |name: String, bytes: Vec<u8>| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for entry in entries {
        for (tile, hashes) in tiling.push(entry.leaf_hash()) {
            write(tile.to_string(), tile::encode_hashes(&hashes));
        }
    }
    for (tile, hashes) in tiling.edge() {
        write(tile.to_string(), tile::encode_hashes(hashes));
    }
    for (n, chunk) in entries.chunks(FULL).enumerate() {
        let name = match chunk.len() {
            FULL => format!("tile/entries/{n:03}"),
            width => format!("tile/entries/{n:03}.p/{width}"),
        };
        write(name, tile::encode_bundle(chunk));
    }
    fs::write(dir.join("checkpoint"), signed(entries, signer)).unwrap();
}

/// The hashes of a tile's file.
pub fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().copied().map(Bytes).collect()
}
