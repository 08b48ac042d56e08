//! Whoever can write the database and has no key puts other logs into it.

use crate::support::{World, bytes, line, slug};
use warifu::cli::CliError;
use warifu::event::{Actor, Event};
use warifu::gate::{Gate, RootGate};
use warifu::log::checkpoint::{self, Checkpoint};
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::Frontier;
use warifu::log::note::LogSigner;
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::{Append, Batch, Store, sqlite};
use warifu::vault::overview::Reading;
use warifu::vault::{PublicVault, Records, Vault, VaultError, commit};

/// A checkpoint under a gate's own log key.
fn signed(gate: &RootGate, log: &OrganisationId, origin: &str, entries: &[EntryBytes]) -> String {
    let signer = LogSigner::new(origin, gate.log_seed(log, 1).unwrap()).unwrap();
    let mut tree = Frontier::new();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    let body = Checkpoint { origin: origin.to_owned(), size: tree.size(), root: tree.root() };
    checkpoint::sign(&body, &signer).unwrap().to_string()
}

/// The organisation's log anew, with the same ids and names, under a gate of the
/// writer's own. The vault's own log stays: its key is the host's.
fn replace(world: &World) -> Vec<EntryBytes> {
    let (state, vault) = (&world.log.state, world.vault.state().vault.into());
    let evil = RootGate::new(SecretKey::from_slice(&[7; 32]).unwrap());
    let created = Event::OrganisationCreated {
        vault: state.vault,
        organisation: state.id,
        slug: state.slug.clone(),
        origin: state.origin.clone(),
        name: None,
        gate: evil.announce(&state.id, 1).unwrap(),
    };
    let project = warifu::name::ProjectId(warifu::hex::Bytes([1; 32]));
    let added = Event::ProjectCreated { project, slug: slug("shop"), name: None };
    let entries = [created, added].map(|event| bytes(&line(world.now, Actor::Host, event))).to_vec();
    let checkpoint = signed(&evil, &state.id, state.origin.as_str(), &entries);
    let store = world.vault.store();
    let own = store.entries(&vault, 0..store.size(&vault).unwrap()).unwrap();
    let own_checkpoint = store.checkpoint(&vault).unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut made = sqlite::SqliteStore::create(dir.path()).unwrap();
    let append = |log, entries, checkpoint| Append { log, expected_size: 0, entries, checkpoint };
    let appends = vec![append(vault, own, own_checkpoint), append(state.id, entries.clone(), checkpoint)];
    let _durable = made.commit(Batch { appends, ..Batch::default() }).unwrap();
    drop(made);
    for file in std::fs::read_dir(world.vault.dir()).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().starts_with(sqlite::FILE_NAME) {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    std::fs::copy(dir.path().join(sqlite::FILE_NAME), world.vault.dir().join(sqlite::FILE_NAME)).unwrap();
    entries
}

#[test]
fn an_organisations_log_replaced_as_a_whole_is_neither_read_nor_written() {
    let world = World::new();
    let entries = replace(&world);
    let refused = |error: VaultError| {
        assert!(matches!(error, VaultError::BadEntry { index: 0, .. }), "{error:?}");
        assert_eq!(CliError::from(error).exit() as u8, 6);
    };
    let public = PublicVault::open(world.vault.dir()).unwrap();
    refused(public.log(&slug("acme")).err().unwrap());
    refused(public.status(None, world.now, Reading::Overview).err().unwrap());
    let findings = public.verify(None).unwrap().findings;
    let other = "the log begins otherwise than the one that the vault's own log names for this organisation";
    let found = findings.iter().find(|finding| finding.what.contains(other)).unwrap();
    assert_eq!((found.log.as_str(), found.entry), ("acme", Some(0)));
    let mut vault = Vault::open(world.vault.dir(), &mut || None).unwrap();
    refused(vault.log(&slug("acme")).err().unwrap());
    // Nor is anything signed for it, however it was read.
    let mut log = commit::load(vault.store(), &world.log.state.id).unwrap();
    let project = warifu::name::ProjectId(warifu::hex::Bytes([2; 32]));
    let event = Event::ProjectCreated { project, slug: slug("more"), name: None };
    refused(vault.commit_host(&mut log, world.now, vec![event], Records::default()).err().unwrap());
    assert_eq!(vault.store().size(&world.log.state.id).unwrap(), entries.len() as u64);
}
