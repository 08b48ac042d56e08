//! Rotation by files, with the built program alone: custodians answer from their own
//! machines, and the operator's `ceremony finish` seals, hands over and settles.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{PASSWORD, Person, Ran, World, joined, now};
use serde_json::{Value, json};
use std::fs;
use warifu::seal::mfa::MfaSeed;
use warifu::secret::SecretBytes;

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const NEW_SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Writes what it got in each step, and in the first leaves what is new.
const PROGRAM: &str =
    "#!/bin/sh\ncat >> \"got.$WARIFU_STEP\"\n[ \"$WARIFU_STEP\" = present ] && cp new.given new\nexit 0\n";

fn code_of(seed: &str, seconds: u64) -> String {
    let seed = MfaSeed::read(&SecretBytes::new(seed.as_bytes().to_vec())).unwrap();
    seed.code_at(seconds / 30).expose_str().unwrap().to_owned()
}

fn operator(world: &World, arguments: &[&str]) -> Ran {
    world.host(&joined(&[&["--json"], arguments].concat(), &world.card(&world.operator)))
}

/// Two more custodians, who hold a factor of the organisation.
fn holders(world: &World, factor: &str, sealed: &str) -> [Person; 2] {
    let two = ["m1", "m2"].map(|folder| world.enrol("custodian", "acme", folder));
    world.form("acme/second", 2, &two);
    let group: Value = world.host(&["--json", "group", "show", "acme/second"]).good().json();
    let words = group["fingerprint"].as_str().unwrap();
    let cards: Vec<_> = two.iter().flat_map(|holder| world.card(holder)).collect();
    world.host(&joined(&["operator", "admit", "acme/second", &world.operator.name], &cards)).good();
    world.host(&joined(&["bind", "acme", "--factor", factor, "--group", "acme/second"], &cards)).good();
    let seal = ["seal", "acme/web/prod", "--factor", factor, "--stdin", "--fingerprint", words];
    world.host_with(&seal, sealed).good();
    two
}

fn answered(world: &World, who: &Person, request: &str) -> String {
    let out = format!("{}.contribution", who.name);
    world.carry(request, who);
    let told = world.contribute(who, request, &out).good().err;
    world.bring(who, &out);
    world.host(&["ceremony", "accept", &out]).good();
    fs::remove_file(world.home(who).join(&out)).unwrap();
    told
}

fn read(world: &World, name: &str) -> String {
    fs::read_to_string(world.host_dir().join(name)).unwrap()
}

fn write(world: &World, name: &str, text: &str) {
    fs::write(world.host_dir().join(name), text).unwrap();
}

fn places(world: &World, address: &str, factor: &str) -> Vec<String> {
    let account = world.host(&["--json", "account", "show", address]).good().json();
    let of = account["versions"].as_array().unwrap().iter().filter(|v| v["factor"] == factor);
    of.map(|v| v["place"].as_str().unwrap().to_owned()).collect()
}

fn request(world: &World, arguments: &[&str]) -> String {
    let ask = [&["rotate"], arguments, &["--reason", "yearly", "--request", "r.warifu"]].concat();
    operator(world, &ask).good().json()["ceremony"].as_str().unwrap().to_owned()
}

#[test]
fn passwords_are_replaced_with_custodians_on_their_own_machines() {
    let world = World::new();
    let ceremony = request(&world, &["acme/web/prod"]);
    let listed = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    assert_eq!(listed[0]["purpose"], "rotate");
    let told: Vec<_> = world.custodians[..2].iter().map(|who| answered(&world, who, "r.warifu")).collect();
    assert!(told[0].contains("You are asked to help replace"), "{}", told[0]);
    let finish = ["ceremony", "finish", "acme", &ceremony];
    let out = operator(&world, &[&finish[..], &["--out", "release.warifu"]].concat());
    out.refused(2, &["not carried in a file"]);
    let from = operator(&world, &[&finish[..], &["--exec", "cat", "--from", "new"]].concat());
    from.refused(2, &["--from is not for passwords"]);
    // The program fails: both versions stay, and the ceremony is over.
    let failed = operator(&world, &[&finish[..], &["--exec", "cat > got; exit 7"]].concat());
    failed.refused(1, &["1 rotation not settled", "warifu rotate --resume acme/web/prod"]);
    assert_eq!(places(&world, "acme/web/prod", "password"), ["current", "pending"]);
    let got = read(&world, "got");
    assert_eq!((got.lines().next(), got.lines().count()), (Some(PASSWORD), 2));
    let resume = ["rotate", "--resume", "acme/web/prod", "--accepts", "new"];
    assert_eq!(operator(&world, &resume).good().json()["accounts"][0]["state"], "rotated");
    assert_eq!(places(&world, "acme/web/prod", "password"), ["destroyed", "current"]);
    world.verified();
}

#[test]
fn a_walk_that_stopped_half_way_goes_on_with_what_is_left() {
    let world = World::new();
    let other = ["account", "add", "acme/web/next", "--id", "210987654321"];
    world.host(&other).good();
    world.host_with(&["seal", "acme/web/next", "--login", "a@b.c", "--stdin"], PASSWORD).good();
    let ceremony = request(&world, &["acme/web/next", "acme/web/prod"]);
    world.custodians[..2].iter().for_each(|who| drop(answered(&world, who, "r.warifu")));
    // Killed in the turn of the second account, before its rotation was begun: what a
    // crash leaves of the first is settled already.
    let killer = "[ $WARIFU_ACCOUNT = acme/web/next ] && exit 0; kill -9 $PPID; sleep 1; exit 1";
    let finish = ["ceremony", "finish", "acme", &ceremony];
    let card = world.card(&world.operator);
    let arguments = [&["--vault", "vault"], &finish[..], &["--exec", killer]].concat();
    let mut command = cli::warifu();
    command.current_dir(world.host_dir()).args(joined(&arguments, &card));
    let killed = command.output().unwrap();
    assert_eq!(killed.status.code(), None, "{}", String::from_utf8_lossy(&killed.stderr));
    assert_eq!(places(&world, "acme/web/next", "password"), ["destroyed", "current"]);
    assert_eq!(places(&world, "acme/web/prod", "password"), ["current", "pending"]);
    let again = operator(&world, &[&finish[..], &["--exec", "cat > got"]].concat());
    let again = again.refused(1, &["warifu rotate --resume acme/web/prod"]).json();
    let waiting = json!([{
        "address": "acme/web/prod", "factor": "password", "old": 1, "new": 2, "state": "not-settled",
        "handed": "command",
    }]);
    assert_eq!(again["accounts"], waiting, "the first is passed over");
    assert!(!world.host_dir().join("got").exists(), "nothing is handed over twice");
    world.verified();
}

#[test]
fn a_seed_is_replaced_by_a_program_that_gets_codes_and_leaves_the_new_one() {
    let world = World::new();
    let holders = holders(&world, "mfa", SEED);
    let ceremony = request(&world, &["acme/web/prod", "--factor", "mfa"]);
    let told = holders.iter().map(|who| answered(&world, who, "r.warifu")).last().unwrap();
    assert!(
        told.contains("help replace an authenticator") && told.contains("nobody gets the seed"),
        "{told}"
    );
    write(&world, "new.given", NEW_SEED);
    write(&world, "program", PROGRAM);
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "sh program"];
    operator(&world, &finish).refused(2, &["where the program leaves the new one", "--from FILE"]);
    let before = now();
    let done = operator(&world, &[&finish[..], &["--from", "new"]].concat()).good().json();
    let given = |seed: &str, step: &str| {
        let expected =
            [before, now()].map(|at| format!("{}\n{}\n", code_of(seed, at), code_of(seed, at + 30)));
        let got = read(&world, step);
        assert!(expected.contains(&got), "{step}: {got} {expected:?}");
    };
    given(SEED, "got.present");
    given(NEW_SEED, "got.new");
    let row = &done["accounts"][0];
    assert_eq!(
        (&row["state"], &row["handed"], &row["factor"]),
        (&"rotated".into(), &"screen".into(), &"mfa".into())
    );
    assert_eq!(places(&world, "acme/web/prod", "mfa"), ["destroyed", "current"]);
    world.verified();
}

#[test]
fn recovery_codes_files_and_devices_are_replaced_too() {
    for (factor, old, new, shown) in [
        ("recovery-codes", "aaaa-1111\nbbbb-2222\n", "cccc-3333\ndddd-4444\n", "cccc-3333\ndddd-4444\n"),
        ("device", "YK5-0451\nsafe 3\n", "YK5-0452\nsafe 4\n", "YK5-0452\nsafe 4\n"),
        ("file", "the first key", "the second key", "the second key"),
    ] {
        let world = World::new();
        let holders = holders(&world, factor, old);
        let ceremony = request(&world, &["acme/web/prod", "--factor", factor]);
        holders.iter().for_each(|who| drop(answered(&world, who, "r.warifu")));
        write(&world, "new.given", new);
        write(&world, "program", PROGRAM);
        let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "sh program", "--seed-file", "new"];
        let done = operator(&world, &finish).good().json();
        assert_eq!(done["accounts"][0]["state"], "rotated", "{factor}");
        assert_eq!((read(&world, "got.present").as_str(), read(&world, "got.new").as_str()), (old, shown));
        assert_eq!(places(&world, "acme/web/prod", factor), ["destroyed", "current"]);
        world.verified();
    }
}

#[test]
fn a_new_one_that_is_none_leaves_everything_as_it_is_and_can_be_given_again() {
    let world = World::new();
    let holders = holders(&world, "mfa", SEED);
    let ceremony = request(&world, &["acme/web/prod", "--factor", "mfa"]);
    holders.iter().for_each(|who| drop(answered(&world, who, "r.warifu")));
    write(&world, "new.given", "not a seed!");
    write(&world, "program", PROGRAM);
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "sh program", "--from", "new"];
    operator(&world, &finish).refused(3, &["neither an otpauth"]);
    assert_eq!(places(&world, "acme/web/prod", "mfa"), ["current"]);
    write(&world, "new.given", NEW_SEED);
    operator(&world, &finish).good();
    assert_eq!(places(&world, "acme/web/prod", "mfa"), ["destroyed", "current"]);
    world.verified();
}

#[test]
fn what_is_destroyed_is_of_the_factor_that_is_named_and_its_ciphertext_is_in_no_file() {
    let world = World::new();
    drop(holders(&world, "mfa", SEED));
    let sealed = |world: &World| {
        let query = "SELECT name, bytes FROM record JOIN body ON number = body WHERE name LIKE 'sealed/%'";
        let db = world.database();
        let mut rows = db.prepare(query).unwrap();
        let found = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)));
        found.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let passwords = sealed(&world).len() - 1;
    let before = sealed(&world);
    world.host_with(&["seal", "acme/web/prod", "--factor", "mfa", "--stdin"], NEW_SEED).good();
    let destroy = ["--json", "destroy", "acme/web/prod", "--version", "1"];
    world.host_refused(&destroy, 3, &["is the current one"]);
    let gone = world.host(&[&destroy[..], &["--factor", "mfa"]].concat()).good().json();
    assert_eq!((&gone["factor"], &gone["erased"]), (&"mfa".into(), &true.into()));
    let after = sealed(&world);
    assert_eq!(after.len(), passwords + 1);
    let lost: Vec<_> = before.iter().filter(|old| !after.contains(old)).collect();
    assert_eq!(lost.len(), 1);
    // A body begins with 512 zeros.
    let needle = &lost[0].1[552..632];
    assert!(needle.iter().any(|byte| *byte != 0));
    for file in fs::read_dir(world.vault()).unwrap().map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", file.display());
    }
    assert_eq!(places(&world, "acme/web/prod", "mfa"), ["destroyed", "current"]);
    let log = world.host(&["audit", "log", "acme", "--kind", "destroyed"]).good().out;
    assert!(log.contains("acme/web/prod"), "{log}");
    world.verified();
}

#[test]
fn a_policy_of_seeds_makes_one_due_whose_codes_were_made() {
    let world = World::new();
    let holders = holders(&world, "mfa", SEED);
    let cards: Vec<_> = holders.iter().flat_map(|holder| world.card(holder)).collect();
    let set = ["--json", "policy", "rotation", "set", "acme", "--factor", "mfa", "--exposed-within", "30d"];
    let said = world.host(&joined(&set, &cards)).good().json();
    assert_eq!((&said["factor"], said["signed_by"].as_array().unwrap().len()), (&"mfa".into(), 2));
    let length = ["policy", "rotation", "set", "acme", "--factor", "mfa", "--length", "40"];
    world.host_refused(&joined(&length, &cards), 3, &["for passwords alone"]);
    let shown = ["--json", "policy", "rotation", "show", "acme", "--factor", "mfa"];
    let shown = world.host(&shown).good().json();
    assert_eq!((&shown["exposed_hours"], &shown["serial"]), (&720.into(), &1.into()));
    let ask = ["ceremony", "request", "acme/web/prod", "--purpose", "code", "--reason", "x", "--out", "c"];
    let ceremony = operator(&world, &ask).good().json()["ceremony"].as_str().unwrap().to_owned();
    holders.iter().for_each(|who| drop(answered(&world, who, "c")));
    operator(&world, &["ceremony", "finish", "acme", &ceremony, "--exec", "cat > codes"]).good();
    let due = world.host(&["--json", "due"]).good().json();
    let why = json!(["exposed-to-host", "never-rotated"]);
    assert_eq!((&due[0]["factor"], &due[0]["why"], &due[0]["overdue"]), (&"mfa".into(), &why, &false.into()));
    assert!(due[0]["due"].is_string(), "{due}");
    let text = world.host(&["due"]).good().out;
    assert!(text.contains("acme/web/prod (mfa)") && text.contains("the host could know it"), "{text}");
    world.verified();
}
