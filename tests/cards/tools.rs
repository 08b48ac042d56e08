//! With others' programs: `age` with a key and with a plugin, and a page of PDF that is
//! printed and scanned. Debian has them as `age` and `poppler-utils`.

use crate::cli::{Person, Ran, World, run_with, warifu};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use warifu::seal::card_file::CardFile;

/// Where the plugin lies, before everything else that is there.
fn path(dir: &Path) -> String {
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap())
}

/// A command on somebody's own machine, with the plugin at hand.
fn at(world: &World, who: &Person, arguments: &[&str]) -> Ran {
    let mut command = warifu();
    command.current_dir(world.home(who)).env("PATH", path(&world.dir("plugins")));
    run_with(&mut command, &[&["--yes"], arguments].concat(), None)
}

/// An identity file `key` in somebody's home, made by a program; gives its recipient.
fn identity(world: &World, who: &Person, program: &str, arguments: &[&str]) -> String {
    let made =
        Command::new(program).args(arguments).env("PATH", path(&world.dir("plugins"))).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    fs::write(world.home(who).join("key"), &text).unwrap();
    let found = text.split_whitespace().find(|word| word.starts_with("age1")).unwrap();
    format!("age:{found}")
}

fn with_plugin() -> World {
    let world = World::new();
    let plugin = world.dir("plugins").join("age-plugin-warifutest");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cards/age-plugin-warifutest"), &plugin)
        .unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// A card goes under an identity, contributes, and comes back under a passphrase.
fn round(world: &World, recipient: &str) {
    let one = world.custodians[0].clone();
    let home = world.home(&one);
    let rewrap = ["card", "rewrap", "card", "--wrap", recipient, "--check", "key"];
    at(world, &one, &[&rewrap[..], &["--passphrase-file", "passphrase"]].concat()).good();
    let file = CardFile::parse(&fs::read(home.join("card")).unwrap()).unwrap();
    assert!(file.wrapped().is_some() && file.kdf().is_none());
    world.request("asked.warifu");
    world.carry("asked.warifu", &one);
    fs::write(home.join("code.now"), world.code(&one)).unwrap();
    let contribute = ["ceremony", "contribute", "asked.warifu", "--card", "card", "--code-file", "code.now"];
    at(world, &one, &[&contribute[..], &["--out", "none"]].concat()).refused(2, &["no terminal"]);
    at(world, &one, &[&contribute[..], &["--identity", "key", "--out", "a.contribution"]].concat()).good();
    world.bring(&one, "a.contribution");
    world.host(&["ceremony", "accept", "a.contribution"]).good();
    let back =
        ["card", "rewrap", "card", "--to-passphrase", "--kdf-floor", "--new-passphrase-file", "passphrase"];
    at(world, &one, &[&back[..], &["--identity", "key"]].concat()).good();
    assert!(CardFile::parse(&fs::read(home.join("card")).unwrap()).unwrap().kdf().is_some());
}

#[test]
#[ignore = "needs age"]
fn a_card_is_wrapped_for_an_age_key() {
    let world = with_plugin();
    let recipient = identity(&world, &world.custodians[0], "age-keygen", &[]);
    round(&world, &recipient);
}

#[test]
#[ignore = "needs age and python3"]
fn a_card_is_wrapped_for_a_plugin() {
    let world = with_plugin();
    let recipient = identity(&world, &world.custodians[0], "age-plugin-warifutest", &["new"]);
    assert!(recipient.starts_with("age:age1warifutest1"), "{recipient}");
    round(&world, &recipient);
}

#[test]
#[ignore = "needs age"]
fn a_key_that_does_not_open_the_card_replaces_nothing() {
    let world = with_plugin();
    let one = world.custodians[0].clone();
    let recipient = identity(&world, &one, "age-keygen", &[]);
    identity(&world, &one, "age-keygen", &[]);
    let before = fs::read(world.home(&one).join("card")).unwrap();
    let rewrap = ["card", "rewrap", "card", "--wrap", &recipient, "--passphrase-file", "passphrase"];
    at(&world, &one, &[&rewrap[..], &["--check", "key"]].concat()).refused(4, &["'age' refused"]);
    assert_eq!(fs::read(world.home(&one).join("card")).unwrap(), before);
    // Without a check it is replaced, and the wrong identity does not open it.
    at(&world, &one, &rewrap).good();
    let back = ["card", "rewrap", "card", "--to-passphrase", "--new-passphrase-file", "passphrase"];
    at(&world, &one, &[&back[..], &["--identity", "key"]].concat()).refused(4, &["'age' refused"]);
}

#[test]
#[ignore = "needs age"]
fn a_wrapped_card_is_restored_from_its_text() {
    let world = with_plugin();
    let one = world.custodians[0].clone();
    let recipient = identity(&world, &one, "age-keygen", &[]);
    let rewrap = ["card", "rewrap", "card", "--wrap", &recipient, "--passphrase-file", "passphrase"];
    at(&world, &one, &rewrap).good();
    at(&world, &one, &["card", "restore", "card", "--out", "again", "--identity", "key"]).good();
    let read = |name| fs::read(world.home(&one).join(name)).unwrap();
    assert_eq!(read("again"), read("card"));
    at(&world, &one, &["card", "passphrase", "card"]).refused(2, &["has no passphrase"]);
}

#[test]
#[ignore = "needs age"]
fn a_new_card_is_wrapped_from_its_first_day() {
    let world = with_plugin();
    let one = world.custodians[0].clone();
    let recipient = identity(&world, &one, "age-keygen", &[]);
    let key = world.file(&one, "key");
    let ran = world.enrol_wrapped(&one, &recipient, &key).good().json();
    let card = fs::read(ran["card"].as_str().unwrap()).unwrap();
    assert!(CardFile::parse(&card).unwrap().wrapped().is_some());
}

#[test]
#[ignore = "needs pdftoppm"]
fn a_printed_page_becomes_the_card_again() {
    let world = World::new();
    let one = world.custodians[0].clone();
    let home = world.home(&one);
    world.at(&one, &["card", "paper", "card", "--pdf", "a.pdf"]).good();
    let scan = ["-png", "-gray", "-r", "150", "-singlefile", "a.pdf", "scan"];
    assert!(Command::new("pdftoppm").args(scan).current_dir(&home).status().unwrap().success());
    let restore = ["card", "restore", "scan.png", "--out", "again", "--passphrase-file", "passphrase"];
    world.at(&one, &restore).good();
    assert_eq!(fs::read(home.join("again")).unwrap(), fs::read(home.join("card")).unwrap());
}
