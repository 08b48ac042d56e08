//! The ceremony by files: the vault's host, the operator and each custodian on
//! machines of their own, which share nothing but the files that are carried.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, PASSWORD, World, joined};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};
use warifu::ceremony::custodian::review;
use warifu::message::{Contribution, Message, Package};
use warifu::seal::card_file::CardFile;
use warifu::secret::SecretBytes;
use warifu::time::Time;

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
    // On its way one digit was changed: nobody is blamed, and another copy serves.
    let there = world.home(&world.operator).join("release.warifu");
    let good = fs::read_to_string(&there).unwrap();
    let at = good.find("\"ingredient\":\"").unwrap() + 40;
    let digit = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
    fs::write(&there, [&good[..at], digit, &good[at + 1..]].concat()).unwrap();
    let says = ["altered on its way, or by the host", "fetched again"];
    world.at(&world.operator, &[&reveal[..], &["--exec", "cat > opened"]].concat()).refused(3, &says);
    fs::write(&there, good).unwrap();
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

/// What a custodian with a good card and a bad program sends: the share's proof is
/// wrong, its hash and the signature over it are right.
fn with_a_bad_share(world: &World, which: usize, request: &str) -> Contribution {
    let person = &world.custodians[which];
    let read = |name: &str| fs::read(world.home(person).join(name)).unwrap();
    let passphrase = SecretBytes::new(read("passphrase"));
    let unlocked = CardFile::parse(&read("card")).unwrap().unlock(&passphrase).unwrap();
    let package = Package::decode(&fs::read(world.host_dir().join(request)).unwrap()).unwrap();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let at = Time::from_millis(i64::try_from(at).unwrap()).unwrap();
    let review = review(&package, unlocked.card(), None, at).unwrap();
    let mut rng = UnwrapErr(SysRng);
    let mut shares = review.open_shares(unlocked.card(), &mut rng).unwrap();
    shares[0].expose_mut()[96] ^= 1;
    let code = SecretBytes::new(world.code(person).into_bytes());
    review.assemble(unlocked.card(), &shares, &code, at, &mut rng).unwrap()
}

#[test]
fn a_bad_share_found_on_the_operators_machine_is_replaced_by_another_custodians() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    let bad = with_a_bad_share(&world, 1, "request.warifu");
    fs::write(world.host_dir().join("bad.contribution"), bad.encode()).unwrap();
    world.host(&["ceremony", "accept", "bad.contribution"]).good();
    world.contributed(0, "request.warifu");
    let finish = |out| ["ceremony", "finish", "acme", &ceremony[..8], "--out", out];
    let reveal = |file| {
        let options = ["--card", "card", "--passphrase-file", "passphrase", "--exec", "cat > opened"];
        [&["--json", "ceremony", "reveal", file][..], &options].concat()
    };
    world.host(&finish("first.warifu")).good();
    world.carry("first.warifu", &world.operator);
    let culprit = &world.custodians[1].name;
    let found = format!("The share of {culprit} does not prove itself");
    world.at(&world.operator, &reveal("first.warifu")).refused(5, &[&found, "1 of 2 shares are good"]);
    let notice = format!("{}.notice", &ceremony[..8]);
    world.bring(&world.operator, &notice);
    let entered = world.host(&["--json", "ceremony", "notice", &notice]).good().json();
    assert_eq!(entered["bad_shares"][0], **culprit);
    assert_eq!(
        (&entered["entered"], &entered["accepted"], &entered["needed"]),
        (&1.into(), &1.into(), &2.into())
    );
    let again = world.host(&["ceremony", "notice", &notice]).good();
    assert!(again.out.contains("It was on record already"), "{}", again.out);
    let log = world.host(&["audit", "log", "acme", "--kind", "share-rejected"]).good();
    let claim = format!("operator {} says that the share of {culprit}", world.operator.name);
    assert!(log.out.contains(&claim), "{}", log.out);
    world.host_refused(&finish("second.warifu"), 5, &["1 of 2 shares accepted", "another custodian"]);
    world.contributed(2, "request.warifu");
    world.host(&finish("second.warifu")).good();
    world.carry("second.warifu", &world.operator);
    let told = [&reveal("second.warifu")[..], &["--notice", "shown.notice"]].concat();
    world.at(&world.operator, &told).good();
    assert_eq!(
        fs::read_to_string(world.home(&world.operator).join("opened")).unwrap(),
        format!("{PASSWORD}\n")
    );
    world.at(&world.operator, &told).refused(3, &["shown.notice exists already"]);
    world.bring(&world.operator, "shown.notice");
    let shown = world.host(&["--json", "ceremony", "notice", "shown.notice"]).good().json();
    assert_eq!((&shown["shown"], &shown["entered"]), (&"command".into(), &1.into()));
    world.host(&["ceremony", "close", "acme", &ceremony[..8]]).good();
    world.host(&["ceremony", "notice", "shown.notice"]).refused(5, &["the ceremony has ended"]);
    world.verified();
}

/// The shell keeps `3< FILE` open for whatever is started: the program that gets
/// the password must not get the operator's passphrase with it.
#[test]
fn the_program_does_not_inherit_the_descriptor_of_the_passphrase() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    let (card, passphrase) = (world.file(&world.operator, "card"), world.file(&world.operator, "passphrase"));
    let finish = |given: &str, fds: &[&str], exec: &str| {
        let script = format!("exec \"$0\" \"$@\" {given}");
        let mut shell = std::process::Command::new("/bin/sh");
        shell.current_dir(world.host_dir()).args(["-c", &script, env!("CARGO_BIN_EXE_warifu")]);
        let finish = ["--vault", "vault", "ceremony", "finish", "acme", &ceremony, "--card", &card, "--exec"];
        cli::run_with(&mut shell, &[&finish[..], &[exec], fds].concat(), None)
    };
    let thief =
        |fd: &str| format!("cat > opened; cat <&{fd} > leaked; cat /dev/fd/{fd} > again; test -s opened");
    for (given, fd) in [(format!("3< {passphrase}"), "3"), (format!("9< {passphrase}"), "9")] {
        finish(&given, &["--passphrase-fd", fd], &format!("{}; exit 3", thief(fd)))
            .refused(1, &["--exec failed"]);
        for name in ["leaked", "again"] {
            let leaked = fs::read(world.host_dir().join(name)).unwrap_or_default();
            assert!(leaked.is_empty(), "{name} through {fd}");
        }
    }
    // What the caller has not opened is never read, whatever it is by now.
    for (given, fd) in [("3<&-", "3"), ("5<&-", "5"), ("", "777")] {
        finish(given, &["--passphrase-fd", fd], "cat").refused(2, &["is not open", "3< FILE"]);
    }
    let piped = format!("3<<END\n{}\nEND", fs::read_to_string(&passphrase).unwrap().trim_end());
    finish(&piped, &["--passphrase-fd", "3"], &thief("3")).good();
    assert!(fs::read(world.host_dir().join("leaked")).unwrap_or_default().is_empty());
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

/// In a directory that others can write to, like `/tmp` or a stick's.
#[test]
fn a_link_where_a_file_is_written_beside_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("victim"), "mine").unwrap();
    fs::write(at("card"), "old").unwrap();
    for id in [std::process::id(), std::process::id() + 1] {
        symlink(at("victim"), at(&format!("card.new{id}"))).unwrap();
    }
    let there = || fs::read_dir(dir.path()).unwrap().count();
    let before = there();
    warifu::vault::file::replace(&at("card"), b"new").unwrap();
    assert_eq!(fs::read_to_string(at("card")).unwrap(), "new");
    assert_eq!(fs::metadata(at("card")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(at("victim")).unwrap(), "mine");
    assert_eq!(there(), before);
    // A link in the place itself is replaced, not followed.
    symlink(at("victim"), at("card.seen")).unwrap();
    warifu::vault::file::replace(&at("card.seen"), b"seen").unwrap();
    assert_eq!(fs::read_to_string(at("victim")).unwrap(), "mine");
    assert!(!fs::symlink_metadata(at("card.seen")).unwrap().is_symlink());
    // What fails leaves nothing behind.
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("directory/full"), "").unwrap();
    let before = there();
    assert!(warifu::vault::file::replace(&at("directory"), b"x").is_err());
    assert_eq!(there(), before);
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
    // An operator who saw nothing of it either.
    fs::remove_file(world.home(&world.operator).join("card.seen")).unwrap();
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

/// On the host, where the log is the host's word alone: whoever gives a card
/// there for whatever has it compared before anything is signed.
#[test]
fn a_vault_that_was_rolled_back_is_refused_by_every_card_that_is_given_to_it() {
    let world = World::new();
    let backup = Backup::of(&world.vault());
    let (operator, custodians) = (world.card(&world.operator), world.cards(&[0, 1]));
    let bind = ["bind", "acme/lab", "--group", "acme/keepers"];
    world.request("first.warifu");
    world.host(&joined(&bind, &custodians)).good();
    let seen = |name: &str| fs::read_to_string(world.dir(name).join("card.seen")).unwrap();
    let kept = ["op", "c1", "c2"].map(seen);
    assert_eq!(kept[1], kept[2]);
    backup.restore();
    let enrolled = world.enrol("operator", "acme", "op2");
    let other = enrolled.name.as_str();
    let members = world.custodians.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(",");
    let ask = ["acme/web/prod", "--reason", "billing", "--out", "second.warifu"];
    let first = world.card(&world.custodians[0]);
    for (command, cards) in [
        ([&["ceremony", "request"], &ask[..]].concat(), &operator),
        (vec!["open", "acme/web/prod", "--reason", "billing", "--exec", "cat"], &operator),
        (vec!["operator", "admit", "acme/keepers", other], &custodians),
        (vec!["operator", "revoke", "acme/keepers", &world.operator.name], &first),
        (bind.to_vec(), &custodians),
        (
            vec!["group", "form", "acme/others", "--threshold", "2", "--members", &members],
            &world.cards(&[0, 1, 2]),
        ),
    ] {
        let says = ["Nothing was signed", "This card's owner has seen", "The log here has"];
        let ran = world.host_refused(&joined(&command, cards), 6, &says);
        assert!(ran.err.contains("rolled back") || ran.err.contains("forked"), "{}", ran.err);
    }
    assert!(!world.host_dir().join("second.warifu").exists());
    assert_eq!(["op", "c1", "c2"].map(seen), kept, "what was seen stays");
}

#[test]
fn what_was_seen_of_another_log_is_told_from_a_fork() {
    let world = World::new();
    let stranger = world.file(&world.stranger, "card.seen");
    fs::copy(stranger, world.file(&world.operator, "card.seen")).unwrap();
    let ask = ["ceremony", "request", "acme/web/prod", "--reason", "billing", "--out", "r"];
    let says = ["of another organisation's log", "card's own .seen file"];
    world.host_refused(&joined(&ask, &world.card(&world.operator)), 4, &says);
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

#[test]
fn a_release_whose_log_lacks_what_its_operator_saw_is_refused_with_both_checkpoints() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    world.host(&["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"]).good();
    let offered = world.host(&["audit", "checkpoint", "acme"]).good().out;
    // Since then the operator has seen more than the release tells of.
    world.host(&["project", "add", "acme/more"]).good();
    let now = world.host(&["audit", "checkpoint", "acme"]).good().out;
    let path = world.home(&world.operator).join("card.seen");
    let mut seen: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    seen["size"] = now.lines().nth(1).unwrap().parse::<u64>().unwrap().into();
    seen["checkpoint"] = now.clone().into();
    let root = data_encoding::BASE64.decode(now.lines().nth(2).unwrap().as_bytes()).unwrap();
    seen["root"] = data_encoding::HEXLOWER.encode(&root).into();
    fs::write(&path, seen.to_string()).unwrap();
    world.carry("release.warifu", &world.operator);
    let card = ["--card", "card", "--passphrase-file", "passphrase"];
    let reveal = [&["ceremony", "reveal", "release.warifu", "--exec", "cat > opened"], &card[..]].concat();
    let ran = world.at(&world.operator, &reveal).refused(6, &["rolled back", "Do not go on"]);
    assert!(ran.err.contains(now.trim_end()) && ran.err.contains(offered.trim_end()), "{}", ran.err);
    assert!(!world.home(&world.operator).join("opened").exists());
    // On the host too, where the password would be shown.
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    let backup = fs::read(&path).unwrap();
    seen["size"] = (now.lines().nth(1).unwrap().parse::<u64>().unwrap() + 9).into();
    fs::write(&path, seen.to_string()).unwrap();
    let ran = world.host(&joined(&finish, &world.card(&world.operator))).refused(6, &["rolled back"]);
    assert!(ran.err.contains(now.trim_end()), "{}", ran.err);
    assert!(!world.host_dir().join("opened").exists());
    fs::write(&path, backup).unwrap();
    world.host(&joined(&finish, &world.card(&world.operator))).good();
}

#[test]
fn yesterdays_copy_of_the_vault_is_refused_by_everyone_who_saw_today() {
    let world = World::new();
    let yesterday = Backup::of(&world.vault());
    let ceremony = world.request("today.warifu");
    world.contributed(0, "today.warifu");
    world.contributed(1, "today.warifu");
    let card = world.card(&world.operator);
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    world.host(&joined(&finish, &card)).good();
    yesterday.restore();
    // The operator signs nothing for it: the log lacks what was opened today.
    let checkpoint = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["checkpoint"].as_str().unwrap().to_owned()
    };
    let seen = world.home(&world.operator).join("card.seen");
    let today = checkpoint(&fs::read_to_string(&seen).unwrap());
    let offered = world.host(&["audit", "checkpoint", "acme"]).good().out;
    let ask = ["ceremony", "request", "acme/web/prod", "--reason", "again", "--out", "again.warifu"];
    let ran =
        world.host_refused(&joined(&ask, &card), 6, &["rolled back", "Nothing was signed", "are above"]);
    assert!(ran.err.contains(&today) && ran.err.contains(&offered), "both are shown:\n{}", ran.err);
    // An operator without scruples gets no further than the custodians.
    fs::remove_file(seen).unwrap();
    world.host(&joined(&ask, &card)).good();
    for custodian in &world.custodians[..2] {
        world.carry("again.warifu", custodian);
        let seen = fs::read_to_string(world.home(custodian).join("card.seen")).unwrap();
        let ran = world.contribute(custodian, "again.warifu", "answer").refused(6, &["both checkpoints"]);
        assert!(ran.err.contains(&checkpoint(&seen)), "what was seen is shown:\n{}", ran.err);
        assert!(!world.home(custodian).join("answer").exists());
    }
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
        .refused(7, &["missing: No such file", "Check the spelling"]);
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
    let again = world.host(&["ceremony", "accept", "answer"]).good();
    assert!(again.out.contains("accepted before; nothing need be done: 1 of 2."), "{}", again.out);
    assert_eq!(world.log_size(), size);
    // A second answer of the same custodian counts as an attempt, and is on record.
    world.contribute(&custodian, "first.warifu", "second").good();
    world.bring(&custodian, "second");
    world
        .host(&["ceremony", "accept", "second"])
        .refused(4, &[&custodian.name, "refused (twice)", "on record", "first contribution stands"]);
    assert_eq!(world.log_size(), size + 1);
    // The ceremony ends; another begins; the old answer is not for it.
    world.host(&["ceremony", "abort", "acme", &first[..8]]).good();
    let second = world.request("second.warifu");
    let size = world.log_size();
    world
        .host(&["ceremony", "accept", "answer"])
        .refused(4, &["the ceremony has ended", "Nothing need be done"]);
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
    let says = ["was refused", "on record", "with a fresh code counts"];
    world.host(&["ceremony", "accept", "answer"]).refused(4, &says);
    assert_eq!(world.log_size(), size + 1);
    // The same file again is no new attempt.
    world.host(&["ceremony", "accept", "answer"]).refused(4, &[]);
    assert_eq!(world.log_size(), size + 1);
    fs::remove_file(world.host_dir().join("answer")).unwrap();
    world.contributed(0, "request.warifu");
    world.verified();
}
