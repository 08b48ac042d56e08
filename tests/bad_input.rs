//! Bad input: each is refused with a fact, a remedy and its exit code, and
//! nothing is changed.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{PASSWORD, World, joined};
use std::fs;

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const DENIED: i32 = 4;
const CEREMONY: i32 = 5;
const STORAGE: i32 = 7;

#[test]
fn names_that_do_not_exist_or_exist_already() {
    let world = World::new();
    let unknown: &[(&[&str], &str)] = &[
        (
            &["account", "show", "acme/web/prot"],
            "there is no account 'acme/web/prot' (there is: acme/web/prod, acme/web/spare)",
        ),
        (
            &["account", "show", "acme/wep/prod"],
            "there is no project 'acme/wep' (there is: acme/lab, acme/web)",
        ),
        (&["account", "add", "acme/wep/x", "--id", "111122229999"], "there is no project 'acme/wep'"),
        (&["project", "show", "acme/wep"], "there is no project 'acme/wep'"),
        (&["project", "add", "acmee/web"], "there is no organisation 'acmee'"),
        (&["org", "show", "acmee"], "there is no organisation 'acmee'"),
        (&["account", "list", "acme/wep"], "there is no project 'acme/wep'"),
        (&["group", "show", "acme/keeper"], "there is no group 'acme/keeper' (there is: acme/keepers)"),
        (&["audit", "verify", "acmee"], "there is no organisation 'acmee'"),
        (&["audit", "log", "acme", "--account", "acme/web/prot"], "there is no account 'acme/web/prot'"),
        (&["status", "acmee"], "there is no organisation 'acmee'"),
        (&["ceremony", "abort", "acme", "12345678"], "there is no ceremony '12345678'"),
        (&["bind", "acme/wep", "--group", "acme/keepers"], "there is no project 'acme/wep'"),
        (&["bind", "acme/web", "--group", "acme/keeper"], "there is no group 'acme/keeper'"),
        (&["seal", "acme/web/prot", "--login", "a@b.c"], "there is no account 'acme/web/prot'"),
        (&["operator", "admit", "acme/keepers", "not-any-body"], "there is no operator 'not-any-body'"),
    ];
    for (arguments, fact) in unknown {
        let ran = world.host_refused(arguments, INPUT, &[fact]);
        let remedy = ran.err.trim_end().lines().last().unwrap();
        let list = if remedy.starts_with("Check the digits") {
            "lists every ceremony."
        } else {
            "lists what there is."
        };
        assert!(remedy.starts_with("Check the ") && remedy.ends_with(list), "{remedy}");
    }
    let taken: &[&[&str]] = &[
        &["org", "add", "acme"],
        &["project", "add", "acme/web"],
        &["account", "add", "acme/web/prod", "--id", "111122229999"],
        &["account", "add", "acme/web/other", "--id", "111122223333"],
    ];
    for arguments in taken {
        world.host_refused(arguments, INPUT, &["already", "Choose another name, or use what is there."]);
    }
    world.host_refused(&["init"], INPUT, &["holds a vault already", "--vault DIR"]);
    world.verified();
}

#[test]
fn malformed_arguments() {
    let world = World::new();
    let malformed: &[(&[&str], &str)] = &[
        (&["org", "add", "Acme"], "'Acme' is not a slug: use 1 to 40 of a-z, 0-9 and '-'"),
        (&["org", "add", "--", "-acme"], "'-acme' is not a slug"),
        (&["org", "add", ""], "is not a slug"),
        (&["org", "add", &"a".repeat(41)], "is not a slug"),
        (&["org", "add", "münchen"], "is not a slug"),
        (&["project", "add", "acme"], "'acme' is not an address: write"),
        (&["account", "show", "acme/web"], "'acme/web' is not an address: write"),
        (&["account", "show", "acme/web/prod/x"], "is not an address: write"),
        (&["account", "show", "../web/prod"], "is not"),
        (
            &["project", "add", "acme/x", "--name", "a\u{1b}[31mb"],
            "a display name has 1 to 200 characters, none of which is a control",
        ),
        (&["project", "add", "acme/x", "--name", ""], "a display name has"),
        (
            &["bind", "acme/web", "--group", "acme/keepers", "--factor", "pin"],
            "there are password, mfa, recovery-codes, file and device",
        ),
        (&["operator", "admit", "acme/keepers", "nobody"], "is not a pseudonym"),
        (&["operator", "admit", "acme/keepers", "a-b-c", "--days", "0"], "0"),
        (&["audit", "log", "acme", "--since", "yesterday"], "yesterday"),
        (
            &["audit", "log", "acme", "--kind", "nonsense"],
            "there is no kind of entry 'nonsense'; the kinds are",
        ),
        (&["seal", "acme/web/spare", "--typed", "--stdin"], "cannot be used with"),
        (&["bind", "acme/web", "--group", "globex/keepers"], "are of different organisations"),
        (&["nonsense"], "unrecognized subcommand"),
    ];
    for (arguments, fact) in malformed {
        let before = world.entries();
        let ran = world.host(arguments);
        assert_eq!(ran.code, USAGE, "{}: {}", ran.arguments, ran.err);
        assert!(ran.err.contains(fact), "{}: {}", ran.arguments, ran.err);
        assert!(!ran.err.contains('\u{1b}'), "control characters are not repeated: {}", ran.arguments);
        assert_eq!(world.entries(), before);
    }
    let ids = [
        ("11112222333", "12 digits"),
        ("1111222233334", "12 digits"),
        ("11112222333a", "12 digits"),
        ("", "12 digits"),
    ];
    for (id, fact) in ids {
        let add = ["account", "add", "acme/web/new", "--id", id];
        world.host_refused(
            &add,
            INPUT,
            &[&format!("'{id}' is not an AWS account id"), fact, "Copy the 12 digits"],
        );
    }
    let add = ["account", "add", "acme/web/new", "--provider", "gitlab", "--id", "with space"];
    world.host_refused(
        &add,
        INPUT,
        &["'with space' is not an external id", "Copy the identifier from the provider"],
    );
}

#[test]
fn groups_that_cannot_be() {
    let world = World::new();
    let [a, b, c] = [0, 1, 2].map(|n| world.custodians[n].name.as_str());
    let form = |threshold, members: &[&str], code, says: &[&str]| {
        let members = members.join(",");
        let arguments = ["group", "form", "acme/more", "-t", threshold, "-m", &members];
        world.host_refused(&arguments, code, says);
    };
    let impossible = "is impossible: 2 ≤ threshold ≤ members ≤ 64";
    form("1", &[a, b, c], INPUT, &["a threshold of 1 among 3", impossible, "Choose another --threshold"]);
    form("4", &[a, b, c], INPUT, &["a threshold of 4 among 3", impossible]);
    form("0", &[a, b, c], INPUT, &[impossible]);
    form("2", &[a, b, a], INPUT, &[a, "already", "Choose another name"]);
    form("2", &[a, b, &world.operator.name], INPUT, &["there is no custodian", "Check the spelling"]);
    form("2", &[a, b, &world.stranger.name], INPUT, &["there is no custodian"]);
    let taken = ["group", "form", "acme/keepers", "-t", "2", "-m", &[a, b, c].join(",")];
    world.host_refused(&taken, INPUT, &["'acme/keepers'", "already"]);
    // The wrong cards: one missing, one twice, one of a stranger.
    let members = [a, b].join(",");
    let pair = ["group", "form", "acme/pair", "-t", "2", "-m", &members];
    world.host_refused(
        &joined(&pair, &world.cards(&[0])),
        USAGE,
        &["Card file of member 2 of 2", "Use --card FILE."],
    );
    world.host_refused(&joined(&pair, &world.cards(&[0, 0])), USAGE, &[a, "has given their card already"]);
    world.host_refused(&joined(&pair, &world.cards(&[0, 2])), DENIED, &[c, "Use the card"]);
    // Too few to admit or bind, and somebody who is no member.
    let admit = ["operator", "admit", "acme/keepers", &world.operator.name];
    world.host_refused(&joined(&admit, &world.cards(&[1])), USAGE, &["signature 2 of 2", "Use --card FILE."]);
    world.host_refused(&joined(&admit, &world.cards(&[1, 1])), USAGE, &[b, "has given their card already"]);
    let outsider = world.enrol("custodian", "acme", "c4");
    let cards = [world.cards(&[1]), world.card(&outsider)].concat();
    world.host_refused(
        &joined(&admit, &cards),
        INPUT,
        &[&outsider.name, "a member of the group", "Use the card of somebody who is."],
    );
    world.verified();
}

#[test]
fn cards_that_cannot_be_used() {
    let world = World::new();
    let bind = ["bind", "acme/lab", "--group", "acme/keepers"];
    let first = world.custodians[0].clone();
    let refused = |card: &str, passphrase: &str, code, says: &[&str]| {
        let one = ["--card", card, "--passphrase-file", passphrase];
        world.host_refused(&[&bind[..], &one].concat(), code, says);
    };
    let (card, passphrase) = (world.file(&first, "card"), world.file(&first, "passphrase"));
    let stranger = &world.stranger;
    let foreign =
        ["does not belong to this organisation", "Use the card that was enrolled in this organisation."];
    refused(&world.file(stranger, "card"), &world.file(stranger, "passphrase"), DENIED, &foreign);
    refused(
        &card,
        &world.file(stranger, "passphrase"),
        DENIED,
        &["the passphrase does not open this card", "Try again; a wrong passphrase costs only the attempt."],
    );
    refused(
        &world.file(&world.operator, "card"),
        &world.file(&world.operator, "passphrase"),
        DENIED,
        &["is operator, not custodian", "Use a card with that role."],
    );
    let text = fs::read_to_string(&card).unwrap();
    let spoilt = |name: &str, text: String| {
        let path = world.dir("spoilt").join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let middle = text.len() / 2;
    let flipped: String = text
        .char_indices()
        .map(|(at, c)| if at == middle { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    let damaged = refused_text(&world, &bind, &spoilt("flipped", flipped), &passphrase);
    assert!(damaged.contains("damaged") || damaged.contains("does not open"), "{damaged}");
    refused(
        &spoilt("cut", text[..middle].to_owned()),
        &passphrase,
        DENIED,
        &["the card file is cut short", "Use another copy of the card."],
    );
    refused(
        &spoilt("other", "Dear all,\n".to_owned()),
        &passphrase,
        DENIED,
        &["this is not a card file", "-----BEGIN WARIFU CARD-----"],
    );
    refused(&spoilt("empty", String::new()), &passphrase, DENIED, &["empty: ", "card"]);
    refused(&spoilt("long", "x".repeat(100_000)), &passphrase, STORAGE, &["too long"]);
    refused(
        "nowhere.card",
        &passphrase,
        STORAGE,
        &["nowhere.card: No such file or directory", "Check the spelling"],
    );
    refused(&card, "nowhere.txt", STORAGE, &["nowhere.txt: No such file or directory", "Check the spelling"]);
    refused("vault", &passphrase, STORAGE, &["vault: Is a directory", "Name a file in that directory"]);
    // Line ends that a mail program changed are no damage.
    let mailed = spoilt("mailed", text.replace('\n', "\r\n"));
    let another = world.cards(&[1]);
    let cards =
        [&["--card", mailed.as_str(), "--passphrase-file", &passphrase][..], &joined(&[], &another)].concat();
    world.host(&[&bind[..], &cards].concat()).good();
}

#[test]
fn an_account_without_a_password_is_not_bound_away_without_the_quorum_of_the_group_that_holds_others() {
    let world = World::new();
    let holders: Vec<_> = ["h1", "h2"].map(|name| world.enrol("custodian", "acme", name)).to_vec();
    world.form("acme/others", 2, &holders);
    let bind = ["bind", "acme/web/spare", "--group", "acme/others"];
    let own: Vec<_> = holders.iter().flat_map(|h| world.card(h)).collect();
    let says = ["acme/keepers holds versions and would lose acme/web/spare", "Use --card FILE."];
    world.host_refused(&joined(&bind, &own), USAGE, &says);
    let both = [own, world.cards(&[2, 0])].concat();
    world.host(&joined(&bind, &both)).good();
    world.verified();
}

fn refused_text(world: &World, command: &[&str], card: &str, passphrase: &str) -> String {
    let card = ["--card", card, "--passphrase-file", passphrase];
    world.host_refused(&[command, &card].concat(), DENIED, &["Use another copy of the card."]).err
}

#[test]
fn enrolments_that_are_refused_leave_no_card() {
    let world = World::new();
    let before = world.entries();
    let wrong = |code: String| code.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    let ran = world.enrol_with_code("late", wrong);
    ran.refused(DENIED, &["the code is not right", "Check the phone's clock"]);
    world.enrol_with_code("silent", |_| String::new()).refused(DENIED, &["the code is not right"]);
    world
        .enrol_with_code("wordy", |_| "one two three".to_owned())
        .refused(DENIED, &["the code is not right"]);
    for folder in ["late", "silent", "wordy"] {
        assert!(!world.dir(folder).join("card").exists());
    }
    assert_eq!(world.entries(), before);
    fs::write(world.host_dir().join("weak"), "password1\n").unwrap();
    let enrol = [
        "custodian",
        "enrol",
        "acme",
        "--card",
        "weak.card",
        "--totp-file",
        "weak.totp",
        "--passphrase-file",
        "weak",
    ];
    world.host_refused(
        &enrol,
        INPUT,
        &["the passphrase is too weak", "Use five or more random words; nothing was written."],
    );
    assert!(!world.host_dir().join("weak.card").exists() && !world.host_dir().join("weak.totp").exists());
    // A card that is there already is not written over.
    let card = world.file(&world.custodians[0], "card");
    let bytes = fs::read(&card).unwrap();
    world.host_refused(
        &["custodian", "enrol", "acme", "--card", &card],
        INPUT,
        &["exists already", "nothing is overwritten"],
    );
    assert_eq!(fs::read(&card).unwrap(), bytes);
    let enrol = ["custodian", "enrol", "acmee", "--card", "new.card"];
    world.host_refused(&enrol, INPUT, &["there is no organisation 'acmee'"]);
}

#[test]
fn seals_that_are_refused() {
    let world = World::new();
    let seal = |address: &'static str| ["seal", address, "--login", "root@example.com"];
    world.host_refused(
        &seal("acme/lab/one"),
        INPUT,
        &["no group is bound to acme/lab/one", "Bind a group first"],
    );
    let bad = |options: &[&str], input: &str, code, says: &[&str]| {
        let before = world.entries();
        world.host_with(&[&["seal", "acme/web/spare"], options].concat(), input).refused(code, says);
        assert_eq!(world.entries(), before, "{options:?}");
    };
    let login = ["--login", "root@example.com"];
    bad(&["--stdin"], PASSWORD, USAGE, &["no terminal to ask on", "Use --login EMAIL."]);
    bad(&["--stdin", "--login", ""], PASSWORD, USAGE, &["a login id has 1 to 320 characters"]);
    bad(&[&login[..], &["--stdin"]].concat(), "short\n", INPUT, &["password"]);
    bad(&[&login[..], &["--stdin"]].concat(), "", INPUT, &["password"]);
    let login_as_password = ["--login", "Root-Account-9@example", "--stdin"];
    bad(&login_as_password, "Root-Account-9@example\n", INPUT, &["name or e-mail"]);
    bad(&[&login[..], &["--length", "3"]].concat(), "", INPUT, &["not 3"]);
    bad(&[&login[..], &["--typed"]].concat(), "", USAGE, &["no terminal to ask on", "Use --stdin."]);
    bad(&[&login[..], &["--notes"]].concat(), "", USAGE, &["no terminal to ask on", "Leave --notes out."]);
    bad(&[&login[..], &["--hand-over"]].concat(), "", USAGE, &["terminal", "--exec CMD"]);
    // A sealer who has never typed the group's words must do so.
    fs::remove_file(world.vault().join("pins.json")).unwrap();
    bad(&login, "", USAGE, &["no terminal to ask on: The twelve words", "Use --fingerprint \"WORDS\"."]);
    let other = world.words.split(' ').rev().collect::<Vec<_>>().join(" ");
    let says = ["these are not the words of group 'acme/keepers'", "if it still differs, do not seal"];
    for words in [other.as_str(), "", "correct horse battery staple"] {
        bad(&[&login[..], &["--fingerprint", words]].concat(), "", DENIED, &says);
    }
    assert!(!world.vault().join("pins.json").exists());
    let ran = world
        .host_with(&[&["seal", "acme/web/spare"], &login[..], &["--fingerprint", &world.words]].concat(), "");
    ran.good();
    world.verified();
}

#[test]
fn requests_that_are_refused() {
    let world = World::new();
    let card = world.card(&world.operator);
    let refused = |options: &[&str], code, says: &[&str]| {
        let request = [&["ceremony", "request"], options, &["--out", "r"]].concat();
        world.host_refused(&joined(&request, &card), code, says);
        assert!(!world.host_dir().join("r").exists());
    };
    let why = ["--reason", "billing"];
    refused(&["acme/web/prod", "--reason", " "], USAGE, &["the reason is empty", "Say why with --reason"]);
    refused(
        &["acme/web/prod", "--reason", &"why ".repeat(5000)],
        INPUT,
        &["a text has at most", "Shorten it."],
    );
    refused(
        &["acme/web/spare", why[0], why[1]],
        INPUT,
        &["nothing is sealed for acme/web/spare", "Seal it first"],
    );
    refused(
        &["acme/web/prod", why[0], why[1], "--version", "2"],
        INPUT,
        &["has no version 2; the newest is 1", "Leave --version out"],
    );
    for window in ["59s", "31d", "0m", "-1h", "soon", "99999999999999999999d"] {
        let window = format!("--window={window}");
        let before = world.entries();
        let request = ["ceremony", "request", "acme/web/prod", why[0], why[1], &window, "--out", "r"];
        let ran = world.host(&joined(&request, &card));
        assert_eq!((ran.code, world.entries()), (USAGE, before), "{window}: {}", ran.err);
        assert!(
            ran.err.contains("between 1m and 30d") || ran.err.contains("write it like 90s"),
            "{}",
            ran.err
        );
    }
    let request = ["ceremony", "request", "acme/web/prod", why[0], why[1], "--out", "taken"];
    fs::write(world.host_dir().join("taken"), "mine").unwrap();
    world.host_refused(&joined(&request, &card), INPUT, &["taken exists already", "nothing is overwritten"]);
    assert_eq!(fs::read_to_string(world.host_dir().join("taken")).unwrap(), "mine");
    let request = ["ceremony", "request", "acme/web/prod", why[0], why[1], "--out", "r"];
    world.host_refused(
        &request,
        USAGE,
        &["no terminal to ask on: Card file of the operator", "Use --card FILE."],
    );
    let operator = world.file(&world.operator, "card");
    let half = [&request[..], &["--card", &operator]].concat();
    world.host_refused(
        &half,
        USAGE,
        &["no terminal to ask on: Passphrase of", "Use --passphrase-file FILE or --passphrase-fd N."],
    );
    let custodian = world.cards(&[0]);
    world.host_refused(
        &joined(&request, &custodian),
        DENIED,
        &["is custodian, not operator", "Use a card with that role."],
    );
    let newcomer = world.enrol("operator", "acme", "op2");
    let says = [newcomer.name.as_str(), "is not admitted to group 'acme/keepers'", "warifu operator admit"];
    world.host_refused(&joined(&request, &world.card(&newcomer)), DENIED, &says);
    let open = ["open", "acme/web/prod", why[0], why[1]];
    world.host_refused(&joined(&open, &card), USAGE, &["terminal", "--exec CMD"]);
    // One ceremony at a time.
    let ceremony = world.request("first.warifu");
    let busy = [&ceremony[..8], "for acme/web/prod is open until", "warifu ceremony abort"];
    world.host_refused(&joined(&request, &card), CEREMONY, &busy);
    world.host_refused(&joined(&[&open[..], &["--exec", "cat"]].concat(), &card), CEREMONY, &busy);
    let says = ["has released nothing that could be closed", "warifu ceremony abort"];
    world.host_refused(&["ceremony", "close", "acme", &ceremony], USAGE, &says);
    world.host(&["ceremony", "abort", "acme", &ceremony]).good();
    world.host_refused(
        &["ceremony", "abort", "acme", &ceremony],
        CEREMONY,
        &["the ceremony has ended: it was aborted"],
    );
    // A revoked operator cannot ask any more, under another admission either.
    let admit = ["operator", "admit", "acme/keepers", &world.operator.name, "--days", "30"];
    world.host(&joined(&admit, &world.cards(&[0, 2]))).good();
    let revoke = ["operator", "revoke", "acme/keepers", &world.operator.name];
    world.host(&joined(&revoke, &custodian)).good();
    world.host_refused(&joined(&request, &card), DENIED, &["is not admitted"]);
    world.host_refused(&joined(&revoke, &custodian), DENIED, &["is not admitted"]);
    world.verified();
}

#[test]
fn a_ceremony_in_the_room_without_a_terminal_is_aborted_on_record() {
    let world = World::new();
    let open = ["open", "acme/web/prod", "--reason", "billing", "--exec", "cat"];
    let ran = world.host(&joined(&open, &world.card(&world.operator)));
    ran.refused(USAGE, &["no terminal to ask on: Card file of custodian 1 of 2", "Use --card FILE."]);
    let rows = world.host(&["--json", "ceremony", "list", "acme", "--all"]).good().json();
    assert_eq!(rows[0]["state"], "aborted");
    assert_eq!(world.account_state("acme/web/prod"), "sealed");
    world.verified();
}
