//! The ceremony by files: the vault's host, the operator and each custodian on
//! machines of their own, which share nothing but the files that are carried.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, PASSWORD, World, joined};
use std::fs;

#[test]
fn a_quorum_opens_and_the_password_reaches_only_the_program() {
    let world = World::new();
    assert_eq!(world.account_state("acme/web/prod"), "sealed");
    let ceremony = world.request("request.warifu");
    for which in [2, 0] {
        world.contributed(which, "request.warifu");
        let custodian = &world.custodians[which];
        assert!(world.home(custodian).join("card.seen").exists(), "what was seen is kept");
        let mut there: Vec<_> = fs::read_dir(world.home(custodian))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let expected = ["card", "card.seen", "code.now", "passphrase", "request.warifu", "totp"];
        assert_eq!(there, expected, "a custodian's machine needs no vault and keeps nothing else");
    }
    let finish = ["--json", "ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    let ran = world.host(&joined(&finish, &world.card(&world.operator))).good();
    assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap(), format!("{PASSWORD}\n"));
    assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD), "it is printed nowhere");
    assert!(world.home(&world.operator).join("card.seen").exists());
    assert_eq!(world.account_state("acme/web/prod"), "exposed");
    let kinds: Vec<_> = world
        .host(&["--json", "audit", "log", "acme", "--account", "acme/web/prod"])
        .good()
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["kind"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "account-created",
        "bound",
        "seal-begun",
        "sealed",
        "opened",
        "targeted",
        "accepted",
        "accepted",
        "released",
        "revealed",
        "ended",
    ];
    assert_eq!(kinds, expected);
    world.verified();
    // It is closed: nothing comes out a second time.
    let card = world.card(&world.operator);
    world.host_refused(&joined(&finish, &card), 5, &["the ceremony has ended", "Open a new one"]);
}

#[test]
fn the_operator_opens_on_a_machine_without_a_vault() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    let finish = ["ceremony", "finish", "acme", &ceremony[..8], "--out", "release.warifu"];
    world.host_refused(&finish, 5, &["1 of 2 shares accepted", "Call another custodian"]);
    world.contributed(1, "request.warifu");
    world.host(&finish).good();
    world.host_refused(&finish, 3, &["release.warifu exists already", "nothing is overwritten"]);
    world.carry("release.warifu", &world.operator);
    let reveal =
        ["ceremony", "reveal", "release.warifu", "--card", "card", "--passphrase-file", "passphrase"];
    world.at(&world.operator, &reveal).refused(2, &["terminal", "--exec CMD"]);
    world.at(&world.operator, &[&reveal[..], &["--exec", "cat > opened"]].concat()).good();
    let opened = world.home(&world.operator).join("opened");
    assert_eq!(fs::read_to_string(opened).unwrap(), format!("{PASSWORD}\n"));
    // A custodian who gets hold of the release has the wrong card for it.
    let thief = &world.custodians[2];
    world.carry("release.warifu", thief);
    let stolen = world.at(thief, &[&reveal[..], &["--exec", "cat > opened"]].concat());
    stolen.refused(4, &["key is not acceptable", "the card of the operator"]);
    assert!(!world.home(thief).join("opened").exists());
    world.host(&["ceremony", "close", "acme", &ceremony[..8]]).good();
    assert_eq!(world.account_state("acme/web/prod"), "exposed");
    world.verified();
}

#[test]
fn a_program_that_fails_leaves_the_ceremony_open_to_finish_again() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(1, "request.warifu");
    world.contributed(2, "request.warifu");
    let card = world.card(&world.operator);
    let finish = |exec| ["ceremony", "finish", "acme", &ceremony[..8], "--exec", exec];
    world.host(&joined(&finish("cat > /dev/null; exit 3"), &card)).refused(1, &["--exec failed"]);
    world.host(&joined(&finish("cat > opened"), &card)).good();
    assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap(), format!("{PASSWORD}\n"));
    world.verified();
}

#[test]
fn a_vault_that_was_rolled_back_is_refused_with_both_checkpoints() {
    let world = World::new();
    let backup = Backup::of(&world.vault());
    // The custodian sees the log with a ceremony more; then it is gone.
    world.request("first.warifu");
    world.contributed(0, "first.warifu");
    let seen = fs::read_to_string(world.home(&world.custodians[0]).join("card.seen")).unwrap();
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    backup.restore();
    world.request("second.warifu");
    let custodian = &world.custodians[0];
    world.carry("second.warifu", custodian);
    let ran = world.contribute(custodian, "second.warifu", "answer");
    let ran =
        ran.refused(6, &["Do not contribute", "Tell the security officers", "both checkpoints are above"]);
    let before = seen["checkpoint"].as_str().unwrap();
    assert!(ran.err.contains(before), "the checkpoint that was seen is shown:\n{}", ran.err);
    assert_eq!(ran.err.matches("example.com/warifu").count() % 2, 0, "and the one offered:\n{}", ran.err);
    assert_ne!(ran.err.replacen(before, "", 1).find("example.com/warifu"), None);
    assert!(!world.home(custodian).join("answer").exists(), "nothing is answered");
    let after = fs::read_to_string(world.home(custodian).join("card.seen")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&after).unwrap(), seen, "what was seen stays");
    // A custodian who saw nothing of it cannot know.
    world.contributed(1, "second.warifu");
}

#[test]
fn a_log_that_is_shorter_than_what_was_seen_is_refused() {
    let world = World::new();
    world.request("first.warifu");
    let backup = Backup::of(&world.vault());
    for name in ["one", "two", "three"] {
        world.host(&["project", "add", &format!("acme/{name}")]).good();
    }
    let custodian = &world.custodians[0];
    world.host(&["ceremony", "package", "acme", &ceremony_of(&world), "--out", "later.warifu"]).good();
    world.carry("later.warifu", custodian);
    world.contribute(custodian, "later.warifu", "answer").good();
    backup.restore();
    world.carry("first.warifu", custodian);
    let says = ["seen", "rolled back", "both checkpoints"];
    world.contribute(custodian, "first.warifu", "another").refused(6, &says);
}

fn ceremony_of(world: &World) -> String {
    let rows = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    rows[0]["ceremony"].as_str().unwrap().to_owned()
}

#[test]
fn files_that_were_mixed_up_are_named_and_change_nothing() {
    let world = World::new();
    world.request("request.warifu");
    let custodian = world.custodians[0].clone();
    world.carry("request.warifu", &custodian);
    world.contribute(&custodian, "request.warifu", "answer").good();
    world.bring(&custodian, "answer");
    let size = world.log_size();
    // A contribution where a request belongs, and the other way round.
    let remedy = "You may have mixed files up";
    world
        .contribute_with(&custodian, "answer", "x", "000000")
        .refused(3, &["answer: the file is a contribution, not a package", remedy]);
    world.host_refused(
        &["ceremony", "accept", "request.warifu"],
        3,
        &["is a package, not a contribution", remedy],
    );
    let reveal = [
        "ceremony",
        "reveal",
        "answer",
        "--card",
        "card",
        "--passphrase-file",
        "passphrase",
        "--exec",
        "cat",
    ];
    world.at(&custodian, &reveal).refused(3, &["is a contribution, not a release", remedy]);
    // Neither: a card, nothing, a file that was cut.
    world
        .contribute_with(&custodian, "card", "x", "000000")
        .refused(3, &["card: ", "Ask for the file again"]);
    world
        .contribute_with(&custodian, "missing", "x", "000000")
        .refused(7, &["missing: No such file", "Check the path"]);
    let whole = fs::read(world.home(&custodian).join("request.warifu")).unwrap();
    fs::write(world.home(&custodian).join("cut"), &whole[..whole.len() / 2]).unwrap();
    world
        .contribute_with(&custodian, "cut", "x", "000000")
        .refused(3, &["or it is damaged", "Ask for the file again"]);
    // One character of a name in the log was changed on the way.
    let text = String::from_utf8(whole).unwrap();
    let altered = text.replacen("prod", "brod", 1);
    assert_ne!(altered, text);
    fs::write(world.home(&custodian).join("altered"), altered).unwrap();
    let refused = world.contribute_with(&custodian, "altered", "x", "000000");
    assert!([3, 4, 6].contains(&refused.code), "{} {}", refused.code, refused.err);
    assert!(!world.home(&custodian).join("x").exists(), "no answer is written to any of these");
    assert_eq!(world.log_size(), size);
}

#[test]
fn a_contribution_counts_once_and_for_its_ceremony_alone() {
    let world = World::new();
    let first = world.request("first.warifu");
    let custodian = world.custodians[0].clone();
    world.carry("first.warifu", &custodian);
    world.contribute(&custodian, "first.warifu", "answer").good();
    world.bring(&custodian, "answer");
    world
        .contribute_with(&custodian, "first.warifu", "answer", "000000")
        .refused(3, &["answer exists already", "Name another file"]);
    world.host(&["ceremony", "accept", "answer"]).good();
    let size = world.log_size();
    world.host(&["ceremony", "accept", "answer"]).refused(4, &["judged before: it was accepted"]);
    assert_eq!(world.log_size(), size);
    // A second answer of the same custodian counts as an attempt, and is on record.
    world.contribute(&custodian, "first.warifu", "second").good();
    world.bring(&custodian, "second");
    world
        .host(&["ceremony", "accept", "second"])
        .refused(4, &[&custodian.name, "has contributed already", "on record"]);
    assert_eq!(world.log_size(), size + 1);
    // The ceremony ends; another begins; the old answer is not for it.
    world.host(&["ceremony", "abort", "acme", &first[..8]]).good();
    let second = world.request("second.warifu");
    let size = world.log_size();
    let ran = world.host(&["ceremony", "accept", "answer"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert_eq!(world.log_size(), size);
    let rows = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    assert_eq!(
        (rows[0]["ceremony"].as_str(), rows[0]["accepted"].as_u64()),
        (Some(second.as_str()), Some(0))
    );
    world.verified();
}

#[test]
fn a_request_of_another_vault_is_refused() {
    let world = World::new();
    world.request("request.warifu");
    // Another organisation's custodian cannot answer.
    world.carry("request.warifu", &world.stranger);
    let says = ["for another organisation than the card's", "Use the card that belongs"];
    world.contribute(&world.stranger, "request.warifu", "answer").refused(4, &says);
    // Nor does the host of another vault know the ceremony.
    let custodian = &world.custodians[0];
    world.carry("request.warifu", custodian);
    world.contribute(custodian, "request.warifu", "answer").good();
    let dir = world.dir("other-host");
    cli::run(&dir, &["--vault", "vault", "init"]).good();
    cli::run(&dir, &["--vault", "vault", "org", "add", "acme"]).good();
    fs::copy(world.home(custodian).join("answer"), dir.join("answer")).unwrap();
    cli::run(&dir, &["--vault", "vault", "ceremony", "accept", "answer"]).refused(4, &["ceremony"]);
    let log = cli::run(&dir, &["--vault", "vault", "--json", "audit", "log", "acme"]).good().json();
    assert_eq!(log.as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_code_costs_an_attempt_that_is_on_record() {
    let world = World::new();
    world.request("request.warifu");
    let custodian = &world.custodians[0];
    world.carry("request.warifu", custodian);
    let right = world.code(custodian);
    let wrong: String = right.chars().map(|c| if c == '7' { '3' } else { '7' }).collect();
    world.contribute_with(custodian, "request.warifu", "answer", &wrong).good();
    world.bring(custodian, "answer");
    let size = world.log_size();
    let says = ["was refused", "on record", "with a fresh code"];
    world.host(&["ceremony", "accept", "answer"]).refused(4, &says);
    assert_eq!(world.log_size(), size + 1);
    // The same file again is no new attempt.
    world.host(&["ceremony", "accept", "answer"]).refused(4, &[]);
    assert_eq!(world.log_size(), size + 1);
    fs::remove_file(world.host_dir().join("answer")).unwrap();
    world.contributed(0, "request.warifu");
    world.verified();
}
