//! The same with the built program, and what a card's owner does with its file.

use crate::cli::{Person, Ran, World, joined, run, warifu};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use warifu::seal::card_file::CardFile;
use warifu::seal::passphrase::KdfParams;

fn groups(ran: &Ran) -> Vec<(i64, u64)> {
    let groups = ran.json()["groups"].as_array().unwrap().clone();
    groups.iter().map(|g| (g["margin"].as_i64().unwrap(), g["versions"].as_u64().unwrap())).collect()
}

fn listed(world: &World, who: &Person) -> serde_json::Value {
    let rows = world.host(&["--json", "custodian", "list", "acme"]).good().json();
    rows.as_array().unwrap().iter().find(|row| row["pseudonym"] == who.name.as_str()).unwrap().clone()
}

#[test]
fn a_lost_card_is_suspended_found_and_lost_again() {
    let world = World::new();
    let [one, two, three] = [0, 1, 2].map(|n| world.custodians[n].clone());
    let suspend = ["--json", "custodian", "suspend", "acme", &one.name, "--reason", "bag stolen"];
    let ran = world.host(&joined(&suspend, &world.card(&two))).good();
    assert_eq!((ran.json()["is"].as_str(), groups(&ran)), (Some("suspended"), vec![(0, 1)]));
    assert!(listed(&world, &one)["suspended"].is_string());
    world.request("asked.warifu");
    world.carry("asked.warifu", &one);
    world.contribute(&one, "asked.warifu", "a.contribution").refused(4, &["is suspended"]);
    let bind = joined(&["bind", "acme/lab", "--group", "acme/keepers"], &[]).join(" ");
    let cards = world.cards(&[0, 1]);
    world.host_refused(&joined(&bind.split(' ').collect::<Vec<_>>(), &cards), 3, &["is suspended"]);
    // With another one too few are left, and it says so.
    let suspend = ["custodian", "suspend", "acme", &three.name, "--reason", "not seen for days"];
    let ran = world.host(&joined(&suspend, &world.card(&two))).refused(9, &["acme/keepers"]);
    assert!(ran.out.contains("ALARM acme/keepers: 1 card counts, and 2 must come"), "{}", ran.out);
    // Whoever seals for it is told, and seals all the same.
    let seal = ["seal", "acme/web/spare", "--login", "root@example.com", "--generate"];
    let ran = world.host(&seal).good();
    assert!(ran.err.contains("ALARM acme/keepers: 1 card counts, and 2 must come"), "{}", ran.err);
    let status = world.host(&["status", "acme"]).good().out;
    assert!(
        status.contains("ALARM: 1 too few") && status.contains(&format!("{}, a member", one.name)),
        "{status}"
    );
    // The others let both back; one who is suspended helps in that.
    let resume = ["custodian", "resume", "acme", &one.name];
    world.host_refused(&joined(&resume, &world.cards(&[0, 1])), 3, &["another member"]);
    world.host(&joined(&resume, &world.cards(&[1, 2]))).good();
    let resume = ["--json", "custodian", "resume", "acme", &three.name];
    let ran = world.host(&joined(&resume, &world.cards(&[0, 1]))).good();
    assert_eq!(groups(&ran), [(1, 2)]);
    let again = ["custodian", "resume", "acme", &three.name];
    world.host_refused(&again, 3, &["is not suspended", "Nothing need be done", "warifu status ORG"]);
    let ran = world.host(&seal).good();
    assert!(!ran.err.contains("ALARM"), "{}", ran.err);
    let revoke = ["--json", "custodian", "revoke", "acme", &one.name, "--reason", "it was stolen after all"];
    let ran = world.host(&joined(&revoke, &world.cards(&[1, 2]))).good();
    assert_eq!((ran.json()["is"].as_str(), groups(&ran)), (Some("revoked"), vec![(0, 3)]));
    world.host_refused(&joined(&revoke, &world.cards(&[1, 2])), 3, &["is revoked"]);
    let log = world.host(&["audit", "log", "acme"]).good().out;
    assert!(log.contains("card-revoked") && log.contains("it was stolen after all"), "{log}");
    world.verified();
}

#[test]
fn who_revokes_the_last_card_that_was_needed_is_told_what_is_lost() {
    let world = World::new();
    let [one, two] = [0, 1].map(|n| world.custodians[n].clone());
    let own = |who: &Person| {
        let revoke = ["custodian", "revoke", "acme", &who.name, "--reason", "I leave", "--own"];
        world.host(&joined(&revoke, &world.card(who)))
    };
    let other = ["custodian", "revoke", "acme", &one.name, "--reason", "not mine", "--own"];
    world.host_refused(&joined(&other, &world.card(&two)), 2, &["not of"]);
    let told = own(&one).good().out;
    assert!(told.contains("still dealt to that card") && told.contains("warifu reshare"), "{told}");
    let told = own(&two).refused(9, &["acme/keepers"]).out;
    assert!(told.contains("1 card left, and 2 must come: nobody can open its 1 version any more"), "{told}");
    let seal = ["seal", "acme/web/spare", "--login", "root@example.com", "--generate"];
    world.host(&seal).refused(3, &["cards are left"]);
    world.verified();
}

#[test]
fn a_new_phone_takes_the_place_of_the_lost_one() {
    let world = World::new();
    let one = world.custodians[0].clone();
    let before = world.code(&one);
    fs::remove_file(world.home(&one).join("totp")).unwrap();
    world.await_code(&one);
    let mut arguments: Vec<String> =
        ["--vault", "vault", "--yes", "--json", "custodian", "re-enrol-totp", "acme"]
            .map(str::to_owned)
            .into();
    arguments.extend([one.name.clone(), "--totp-file".to_owned(), world.file(&one, "totp")]);
    arguments.extend(["--code-file".to_owned(), world.file(&one, "code")]);
    arguments.extend(world.cards(&[0, 1, 2]));
    let child = warifu()
        .current_dir(world.host_dir())
        .args(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ran = world.first_code(&one, child, &arguments, |right| right).good();
    assert_eq!(ran.json()["signed_by"].as_array().unwrap().len(), 2);
    world.request("asked.warifu");
    world.carry("asked.warifu", &one);
    world.contribute_with(&one, "asked.warifu", "old.contribution", &before).good();
    world.bring(&one, "old.contribution");
    world.host(&["ceremony", "accept", "old.contribution"]).refused(4, &["wrong-code"]);
    world.contribute(&one, "asked.warifu", "new.contribution").good();
    world.bring(&one, "new.contribution");
    world.host(&["ceremony", "accept", "new.contribution"]).good();
    world.verified();
}

/// Somebody with a card, and a command on their own machine.
fn owner() -> (World, Person) {
    let world = World::new();
    let one = world.custodians[0].clone();
    (world, one)
}

#[test]
fn a_changed_passphrase_opens_the_card_and_the_old_one_does_not() {
    let (world, one) = owner();
    let home = world.home(&one);
    fs::write(home.join("next"), "violet anchor pebble harvest tunnel").unwrap();
    fs::write(home.join("weak"), "password").unwrap();
    let change = ["card", "passphrase", "card", "--passphrase-file"];
    let with =
        |old: &str, new: &str| world.at(&one, &[&change[..], &[old, "--new-passphrase-file", new]].concat());
    let before = fs::read(home.join("card")).unwrap();
    with("next", "next").refused(4, &["does not open this card", "revoked"]);
    with("passphrase", "weak").refused(3, &["too weak"]);
    assert_eq!(fs::read(home.join("card")).unwrap(), before, "nothing was changed");
    // At the floor for tests before: a changed passphrase never costs less than the usual.
    with("passphrase", "next").good();
    let file = CardFile::parse(&fs::read(home.join("card")).unwrap()).unwrap();
    assert_eq!(file.kdf().map(|(_, params)| params), Some(KdfParams::STANDARD));
    assert_eq!(fs::metadata(home.join("card")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_dir(&home).unwrap().all(|f| !f.unwrap().file_name().to_string_lossy().contains(".new")));
    with("passphrase", "next").refused(4, &["does not open this card"]);
    fs::rename(home.join("next"), home.join("passphrase")).unwrap();
    world.request("asked.warifu");
    world.carry("asked.warifu", &one);
    world.contribute(&one, "asked.warifu", "a.contribution").good();
}

/// A picture of what `card paper` draws on a terminal, eight pixels a module.
fn photographed(drawn: &str) -> Vec<u8> {
    const SCALE: usize = 8;
    let mut rows: Vec<Vec<bool>> = Vec::new();
    for line in drawn.lines().filter(|line| !line.is_empty()) {
        let cells = line.trim_start_matches("\u{1b}[30;107m").trim_end_matches("\u{1b}[0m");
        rows.push(cells.chars().map(|c| matches!(c, '\u{2580}' | '\u{2588}')).collect());
        rows.push(cells.chars().map(|c| matches!(c, '\u{2584}' | '\u{2588}')).collect());
    }
    let width = rows[0].len();
    let mut pixels = Vec::new();
    for row in &rows {
        let wide: Vec<u8> = row.iter().flat_map(|dark| [if *dark { 0 } else { 255 }; SCALE]).collect();
        (0..SCALE).for_each(|_| pixels.extend(&wide));
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, (width * SCALE) as u32, (rows.len() * SCALE) as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

fn restored(world: &World, one: &Person, from: &str, out: &str) -> Ran {
    let restore = ["--json", "card", "restore", from, "--out", out, "--passphrase-file", "passphrase"];
    world.at(one, &restore)
}

#[test]
fn a_photograph_of_the_paper_becomes_the_card_again() {
    let (world, one) = owner();
    let home = world.home(&one);
    let drawn = world.at(&one, &["card", "paper", "card"]).good().out;
    fs::write(home.join("photo.png"), photographed(&drawn)).unwrap();
    let ran = restored(&world, &one, "photo.png", "again").good().json();
    assert_eq!(
        (ran["pseudonym"].as_str(), ran["role"].as_str()),
        (Some(one.name.as_str()), Some("custodian"))
    );
    assert_eq!(ran["memberships"], 1);
    assert_eq!(fs::read(home.join("again")).unwrap(), fs::read(home.join("card")).unwrap());
    assert_eq!(fs::metadata(home.join("again")).unwrap().permissions().mode() & 0o777, 0o600);
    restored(&world, &one, "photo.png", "again").refused(3, &["exists already"]);
    // It contributes as the card did.
    fs::rename(home.join("again"), home.join("card")).unwrap();
    world.request("asked.warifu");
    world.carry("asked.warifu", &one);
    world.contribute(&one, "asked.warifu", "a.contribution").good();
}

#[test]
fn text_is_restored_however_its_lines_are_broken_and_nothing_else_is() {
    let (world, one) = owner();
    let home = world.home(&one);
    let armour = fs::read_to_string(home.join("card")).unwrap();
    let body = armour.split("-----").nth(2).unwrap();
    let typed =
        body.split_whitespace().flat_map(|line| [&line[..20.min(line.len())], &line[20.min(line.len())..]]);
    let typed = typed.collect::<Vec<_>>().join(" \r\n  ");
    let letter = format!(
        "Found in the safe:\n-----BEGIN WARIFU CARD-----\n{typed}\n-----END WARIFU CARD-----\nregards"
    );
    fs::write(home.join("letter"), letter).unwrap();
    restored(&world, &one, "letter", "again").good();
    assert_eq!(fs::read_to_string(home.join("again")).unwrap(), armour);
    let letters = |c: char| if c == 'A' { 'B' } else { c };
    let slip = armour.replace(body, &body.chars().map(letters).collect::<String>());
    fs::write(home.join("slip"), slip).unwrap();
    restored(&world, &one, "slip", "third").refused(4, &["damaged"]);
    fs::write(home.join("cut"), &armour[..300]).unwrap();
    restored(&world, &one, "cut", "third").refused(4, &["cut short"]);
    // What the program draws for paper it does not read.
    for drawn in ["page.pdf", "page.svg"] {
        world.at(&one, &["card", "paper", "card", &format!("--{}", &drawn[5..]), drawn]).good();
        restored(&world, &one, drawn, "third").refused(4, &["not a card file", "PNG or JPEG"]);
    }
    fs::copy(world.home(&world.custodians[1]).join("passphrase"), home.join("other")).unwrap();
    let restore = ["card", "restore", "card", "--out", "third", "--passphrase-file", "other"];
    world.at(&one, &restore).refused(4, &["does not open this card"]);
    assert!(!home.join("third").exists(), "nothing is written that nobody has opened");
}

#[test]
fn paper_names_neither_person_nor_organisation() {
    let (world, one) = owner();
    let home = world.home(&one);
    world.at(&one, &["card", "paper", "card", "--svg", "a.svg", "--pdf", "a.pdf"]).good();
    let names = [one.name.as_str(), "acme", "Acme", "custodian", "example.com"];
    for file in ["a.svg", "a.pdf"] {
        let text = String::from_utf8(fs::read(home.join(file)).unwrap()).unwrap();
        assert!(names.iter().all(|name| !text.contains(name)), "{file}");
        assert_eq!(fs::metadata(home.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let pdf = fs::read_to_string(home.join("a.pdf")).unwrap();
    assert!(pdf.contains("sealed envelope") && pdf.contains("warifu card restore"));
    world.at(&one, &["card", "paper", "card", "--pdf", "a.pdf"]).refused(3, &["exists already"]);
    fs::write(home.join("no-card"), "hello").unwrap();
    world.at(&one, &["card", "paper", "no-card"]).refused(4, &["not a card file"]);
}

#[test]
fn without_age_a_wrapped_card_is_refused_with_what_is_missing() {
    let (world, one) = owner();
    let empty = world.dir("empty-path");
    let mut command = warifu();
    command.current_dir(world.home(&one)).env("PATH", &empty);
    let recipient = "age:age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let rewrap = ["card", "rewrap", "card", "--wrap", recipient, "--passphrase-file", "passphrase"];
    let before = fs::read(world.home(&one).join("card")).unwrap();
    crate::cli::run_with(&mut command, &rewrap, None).refused(1, &["'age' cannot be run"]);
    assert_eq!(fs::read(world.home(&one).join("card")).unwrap(), before);
    let odd = run(Path::new("."), &["card", "rewrap", "card", "--wrap", "age:--output=x"]);
    assert_eq!(odd.code, 2, "{}", odd.err);
}
