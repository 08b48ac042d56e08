//! What people entrust to the program does not come out of it where it must
//! not. Every command is run with recognisable secrets, names and texts; then
//! they are looked for, as they are and encoded, in the log, in what was
//! printed, and in the files.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[path = "secrets/needle.rs"]
mod needle;

use cli::{PASSWORD, Person, Ran, World, joined, run, run_with, warifu};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use expectrl::{Expect, Session};
use needle::{Haystack, Needle};
use serde_json::Value;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use warifu::ceremony::custodian::review;
use warifu::gate::{Gate, RootGate};
use warifu::message::{Message, Package};
use warifu::seal::card_file::{CardFile, UnlockedCard};
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::Roll;
use warifu::store::Store;
use warifu::time::Time;
use warifu::vault::PublicVault;

const IMPORTED_PASSWORD: &str = "Qz7=imported+Walrus-Tuba-55";
const SPARE_PASSWORD: &str = "Zq8!nT4&wK6*hB3@of-spare";
const LOGIN: &str = "root@example.com";
const GATE_PASSPHRASE: &str = "saffron gondola whisper anvil marmot";
const TYPED_BY_MISTAKE: &str = "pasted-by-mistake-9Wd!x";

const ORGANISATION: &str = "Zwetschgenbaum Holding";
const PROJECT: &str = "Projekt Nachtigall";
const ACCOUNT: &str = "Konto von Frau Dr. Wiebke Sonnenschein";
const REASON: &str = "Wiebke Sonnenschein lost her phone in Lisbon";
const NOTE: &str = "Post liest Frau Kassandra Zwirbel, 0664 1234567";
const OWNER: &str = "Theodora Windischgraetz";
const OWNER_CONTACT: &str = "theodora.w@sicher.example, +43 1 9876543";
const TICKET: &str = "TICKET-NACHTIGALL-77";

/// Everything that happened, and what is looked for in it.
struct Story {
    world: World,
    heard: Vec<Ran>,
    /// What the terminal of `open` received.
    tape: Vec<u8>,
    /// Found nowhere at all but where the test put it.
    secrets: Vec<Needle>,
    /// Found only in texts that can be erased, and in what is made of them.
    personal: Vec<Needle>,
}

/// Runs commands and remembers what they printed.
struct Scene {
    world: World,
    heard: RefCell<Vec<Ran>>,
    secrets: RefCell<Vec<Needle>>,
}

fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| {
        let scene = Scene { world: World::new(), heard: RefCell::default(), secrets: RefCell::default() };
        scene.hierarchy();
        scene.people();
        scene.a_lost_card();
        scene.passwords();
        scene.statements();
        scene.identities();
        let first = scene.a_ceremony_by_files();
        scene.secrets_of_the_host(&first);
        scene.ceremonies_that_end_otherwise();
        let tape = scene.a_ceremony_in_the_room();
        scene.a_dead_host();
        scene.mistakes();
        scene.readers();
        let personal = [
            ORGANISATION,
            PROJECT,
            ACCOUNT,
            REASON,
            TICKET,
            "Globex-Geheim",
            "Hauptbuch",
            "Produktion",
            NOTE,
        ];
        let mut secrets = scene.secrets.into_inner();
        for (what, text) in [
            ("the password of prod", PASSWORD),
            ("the password of spare", SPARE_PASSWORD),
            ("a login", LOGIN),
            ("the passphrase of the gate's file", GATE_PASSPHRASE),
            ("what was pasted by mistake", TYPED_BY_MISTAKE),
            ("the name of a card's owner", OWNER),
            ("how a card's owner is reached", OWNER_CONTACT),
        ] {
            secrets.push(Needle::new(what, text));
        }
        Story {
            world: scene.world,
            heard: scene.heard.into_inner(),
            tape,
            secrets,
            personal: personal.iter().map(|text| Needle::new(*text, text)).collect(),
        }
    })
}

impl Scene {
    fn hear(&self, ran: Ran) {
        self.heard.borrow_mut().push(ran);
    }

    fn secret(&self, what: impl Into<String>, bytes: impl AsRef<[u8]>) {
        self.secrets.borrow_mut().push(Needle::new(what, bytes));
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) {
        self.hear(self.world.host(arguments).good());
    }

    #[track_caller]
    fn failed(&self, arguments: &[&str]) {
        let ran = self.world.host(arguments);
        assert!(ran.code != 0, "{} succeeded", ran.arguments);
        self.hear(ran);
    }

    /// A code that was used; nobody may see it afterwards.
    fn code(&self, person: &Person) -> String {
        let code = self.world.code(person);
        self.secret(format!("a code of {}", person.name), &code);
        code
    }

    fn hierarchy(&self) {
        self.done(&["org", "add", "third", "--name", ORGANISATION]);
        self.done(&["project", "add", "acme/night", "--name", PROJECT]);
        self.done(&["account", "add", "acme/night/one", "--id", "111122226666", "--name", ACCOUNT]);
        let dir = self.world.dir("guarded");
        fs::write(dir.join("gate-passphrase"), GATE_PASSPHRASE).unwrap();
        for line in ["init --kdf-floor", "org add guarded", "project add guarded/x", "status"] {
            let options = ["--json", "--vault", "vault", "--gate-passphrase-file", "gate-passphrase"];
            let arguments: Vec<_> = options.into_iter().chain(line.split(' ')).collect();
            self.hear(run(&dir, &arguments).good());
        }
    }

    fn people(&self) {
        let world = &self.world;
        self.hear(world.enrol_with_code("late", |right| right).good());
        self.hear(world.enrol_with_code("wrong", |right| {
            format!("{:06}", (right.parse::<u32>().unwrap() + 500_000) % 1_000_000)
        }));
        world.enrol("officer", "acme", "officer");
        for folder in ["c1", "c2", "c3", "op", "stranger", "late", "officer"] {
            let dir = world.dir(folder);
            self.secret(format!("the passphrase of {folder}"), fs::read(dir.join("passphrase")).unwrap());
            let url = fs::read_to_string(dir.join("totp")).unwrap();
            let base32 = url.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
            self.secret(
                format!("the seed of {folder}"),
                BASE32_NOPAD.decode(base32.trim().as_bytes()).unwrap(),
            );
        }
        let quorum = world.cards(&[0, 1]);
        let (operator, one) = (world.operator.name.as_str(), world.card(&world.custodians[0]));
        self.done(&joined(&["operator", "revoke", "acme/keepers", operator], &one));
        self.done(&joined(&["operator", "admit", "acme/keepers", operator, "--days", "7"], &quorum));
        self.done(&joined(&["bind", "acme/night", "--group", "acme/keepers"], &quorum));
        let [first, second, _] = &world.custodians[..] else { panic!("three custodians") };
        let members = format!("{},{}", first.name, second.name);
        let form = ["group", "form", "acme/pair", "--threshold", "2", "--members", &members];
        self.done(&joined(&form, &quorum));
    }

    /// A card goes missing and is found; its owner changes the passphrase, prints the
    /// card, and makes it anew from the print.
    fn a_lost_card(&self) {
        let world = &self.world;
        let [first, _, third] = &world.custodians[..] else { panic!("three custodians") };
        let suspend = ["custodian", "suspend", "acme", &third.name, "--reason", REASON];
        self.done(&joined(&suspend, &world.card(first)));
        self.failed(&joined(&suspend, &world.card(first)));
        self.done(&joined(&["custodian", "resume", "acme", &third.name], &world.cards(&[0, 1])));
        let home = world.home(third);
        let next = "orchard velvet comet ladder thunder";
        fs::write(home.join("next"), next).unwrap();
        self.secret("a changed passphrase", next);
        let old = ["--passphrase-file", "passphrase"];
        let change = ["card", "passphrase", "card", "--kdf-floor", "--new-passphrase-file", "next"];
        self.hear(world.at(third, &[&change[..], &old].concat()).good());
        self.hear(world.at(third, &[&change[..], &old].concat()));
        fs::rename(home.join("next"), home.join("passphrase")).unwrap();
        self.hear(world.at(third, &["card", "paper", "card"]).good());
        self.hear(world.at(third, &["card", "paper", "card", "--svg", "a.svg", "--pdf", "a.pdf"]).good());
        let restore = ["--json", "card", "restore", "card", "--out", "again"];
        self.hear(world.at(third, &[&restore[..], &old].concat()).good());
    }

    fn passwords(&self) {
        let seal = ["seal", "acme/web/spare", "--login", LOGIN, "--stdin"];
        self.hear(self.world.host_with(&seal, SPARE_PASSWORD).good());
        let seal = ["seal", "acme/night/one", "--login", LOGIN, "--hand-over", "--exec", "cat > generated"];
        self.done(&["--json"].into_iter().chain(seal).collect::<Vec<_>>());
        let csv = format!("slug,external_id,login,password\ntwo,000011112222,{LOGIN},{IMPORTED_PASSWORD}\n");
        fs::write(self.world.host_dir().join("accounts.csv"), csv).unwrap();
        self.secret("an imported password", IMPORTED_PASSWORD);
        self.done(&["import", "csv", "acme/night", "accounts.csv"]);
        let apply = ["import", "csv", "acme/night", "accounts.csv", "--apply", "--shred-source"];
        self.done(&["--json"].into_iter().chain(apply).collect::<Vec<_>>());
        let generated = fs::read_to_string(self.world.host_dir().join("generated")).unwrap();
        self.secret("a generated password", generated.trim_end());
    }

    /// Who holds a mailbox is said, renewed, withdrawn, and read.
    fn statements(&self) {
        fs::write(self.world.host_dir().join("note"), NOTE).unwrap();
        let card = self.world.card(&self.world.operator);
        let signed = joined(&["account", "baseline", "acme/web/prod"], &card);
        for fact in ["mailbox", "contacts", "mailbox"] {
            self.done(&[&signed[..], &["--state", fact, "--note-file", "note"]].concat());
        }
        self.done(&[&signed[..], &["--withdraw", "contacts"]].concat());
        self.failed(&[&signed[..], &["--withdraw", "contacts"]].concat());
        for options in [&[][..], &["--json"]] {
            let shown = [options, &["account", "baseline", "acme/web/prod"]].concat();
            let ran = self.world.host(&shown).refused(9, &[]);
            assert!(ran.out.contains(NOTE), "{}", ran.out);
            self.hear(ran);
            self.failed(&[options, &["account", "baseline", "acme"]].concat());
        }
    }

    /// Who two custodians are is sealed, and of one disclosed; what does not fit is refused.
    fn identities(&self) {
        let world = &self.world;
        self.done(&joined(&["roster", "designate", "acme/keepers"], &world.cards(&[0, 1])));
        for (person, text) in world.custodians.iter().zip([
            format!("{OWNER}\n{OWNER_CONTACT}\n"),
            format!("{OWNER}\n{OWNER_CONTACT}"),
            format!("{OWNER} {}\n{OWNER_CONTACT}", "x".repeat(200)),
        ]) {
            fs::write(world.home(person).join("who"), &text).unwrap();
            let file = world.file(person, "who");
            let seal = ["roster", "seal", "acme", &person.name, "--person-file", &file];
            let sealed = |arguments: &[&str]| match text.contains("xxx") {
                true => self.failed(arguments),
                false => self.done(arguments),
            };
            sealed(&joined(&seal, &world.card(person)));
        }
        let who = &world.custodians[0].name;
        let ask =
            ["--json", "identify", who, "--reason", REASON, "--ticket", TICKET, "--request", "who.warifu"];
        let ran = world.host(&joined(&ask, &world.card(&world.operator))).good();
        let ceremony = ran.json()["ceremony"].as_str().unwrap().to_owned();
        self.hear(ran);
        for which in [1, 2] {
            let (out, code) = (format!("who-{which}.contribution"), self.code(&world.custodians[which]));
            self.answer(which, "who.warifu", &out, &code);
            self.done(&["ceremony", "accept", &out]);
        }
        let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > disclosed"];
        self.done(&joined(&finish, &world.card(&world.operator)));
        let read = fs::read_to_string(world.host_dir().join("disclosed")).unwrap();
        assert_eq!(read, format!("{OWNER}\n{OWNER_CONTACT}\n"));
    }

    fn request(&self, address: &str, out: &str) -> String {
        let world = &self.world;
        let ask =
            ["--json", "ceremony", "request", address, "--reason", REASON, "--ticket", TICKET, "--out", out];
        let ran = world.host(&joined(&ask, &world.card(&world.operator))).good();
        let ceremony = ran.json()["ceremony"].as_str().unwrap().to_owned();
        self.hear(ran);
        ceremony
    }

    /// A custodian's answer with this code, brought to the host.
    fn answer(&self, which: usize, request: &str, out: &str, code: &str) {
        let person = &self.world.custodians[which];
        self.world.carry(request, person);
        self.hear(self.world.contribute_with(person, request, out, code).good());
        self.world.bring(person, out);
    }

    fn a_ceremony_by_files(&self) -> PathBuf {
        let world = &self.world;
        let ceremony = self.request("acme/web/prod", "first.warifu");
        let right = self.code(&world.custodians[0]);
        let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + 500_000) % 1_000_000);
        self.secret("a wrong code", &wrong);
        self.answer(0, "first.warifu", "wrong.contribution", &wrong);
        self.failed(&["ceremony", "accept", "wrong.contribution"]);
        self.answer(0, "first.warifu", "one.contribution", &right);
        self.done(&["ceremony", "accept", "one.contribution"]);
        self.answer(1, "first.warifu", "two.contribution", &self.code(&world.custodians[1]));
        self.done(&["--json", "ceremony", "accept", "two.contribution"]);
        self.done(&["ceremony", "package", "acme", &ceremony, "--out", "again.warifu"]);
        let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
        self.done(&joined(&finish, &world.card(&world.operator)));
        assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap(), format!("{PASSWORD}\n"));
        world.host_dir().join("first.warifu")
    }

    /// What the host and the cards compute on the way, through the library.
    fn secrets_of_the_host(&self, package: &Path) {
        let world = &self.world;
        let text = fs::read_to_string(world.vault().join("gate.key")).unwrap();
        let root = HEXLOWER.decode(text.lines().nth(1).unwrap().as_bytes()).unwrap();
        self.secret("the gate's root", &root);
        let gate = RootGate::new(SecretKey::from_slice(&root).unwrap());
        let vault = PublicVault::open(&world.vault()).unwrap();
        let state = vault.log(&"acme".parse().unwrap()).unwrap().state;
        self.secret("a log's signing key", gate.log_seed(&state.id, 1).unwrap().expose());
        self.secret("the key of seeds at rest", gate.totp_key(&state.id, 1).unwrap().expose());
        self.secret("the key of ceremony keys at rest", gate.ceremony_key(&state.id, 1).unwrap().expose());
        let rng = &mut rand::rand_core::UnwrapErr(rand::rngs::SysRng);
        for (credential, version) in &state.versions {
            let key = gate.key(&state.id, 1).unwrap();
            let given = key.ingredient(credential, &version.sealing.origin, credential, rng);
            self.secret("the host's ingredient", given.point.expose().compress().to_bytes());
        }
        let package = Package::decode(&fs::read(package).unwrap()).unwrap();
        let group = state.group_by_slug(&"keepers".parse().unwrap()).unwrap();
        for person in &world.custodians {
            let card = unlocked(world, person);
            let card = card.card();
            let now = Time::from_millis(i64::try_from(cli::now()).unwrap() * 1000 + 1000).unwrap();
            let review = review(&package, card, None, now).unwrap();
            let shares = review.open_shares(card, rng).unwrap();
            self.secret(format!("the share of {}", person.name), &shares[0].expose()[..32]);
            self.secret(
                format!("the share key of {}", person.name),
                card.share_scalar(&state.g(group)).expose().to_bytes(),
            );
        }
        let operator = unlocked(world, &world.operator);
        self.secret("the operator's request key", operator.card().requester_key().expose());
    }

    fn ceremonies_that_end_otherwise(&self) {
        let world = &self.world;
        let ceremony = self.request("acme/night/one", "second.warifu");
        self.done(&["ceremony", "list", "acme"]);
        self.done(&["ceremony", "abort", "acme", &ceremony]);
        // Opened on the operator's own machine.
        let ceremony = self.request("acme/night/one", "third.warifu");
        for which in [0, 2] {
            let (out, code) = (format!("third-{which}"), self.code(&world.custodians[which]));
            self.answer(which, "third.warifu", &out, &code);
            self.done(&["ceremony", "accept", &out]);
        }
        self.done(&["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"]);
        world.carry("release.warifu", &world.operator);
        let reveal =
            ["ceremony", "reveal", "release.warifu", "--card", "card", "--passphrase-file", "passphrase"];
        self.hear(world.at(&world.operator, &[&reveal[..], &["--exec", "cat > opened"]].concat()).good());
        self.done(&["ceremony", "close", "acme", &ceremony]);
    }

    /// On a terminal; gives what that received.
    fn a_ceremony_in_the_room(&self) -> Vec<u8> {
        let world = &self.world;
        let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
        command.current_dir(world.host_dir()).args(["--vault", "vault", "open", "acme/web/spare"]);
        command.args(["--reason", REASON, "--ticket", TICKET, "--exec", "cat > opened-in-the-room"]);
        let mut session = Session::spawn(command).unwrap();
        session.get_process_mut().set_window_size(100, 40).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(20)));
        let mut tape = Vec::new();
        let mut sees = |text: &str, answer: &str| {
            let found = session.expect(text).unwrap_or_else(|why| panic!("waiting for {text:?}: {why}"));
            tape.extend_from_slice(found.as_bytes());
            session.send(format!("{answer}\r")).unwrap();
        };
        let card = |person: &Person, sees: &mut dyn FnMut(&str, &str)| {
            sees("Card file of", &world.file(person, "card"));
            sees("Passphrase of", &fs::read_to_string(world.home(person).join("passphrase")).unwrap());
        };
        card(&world.operator, &mut sees);
        for person in &world.custodians[1..] {
            card(person, &mut sees);
            sees("do you agree?", "yes");
            sees("TOTP code of", &self.code(person));
        }
        let rest = session.expect(expectrl::Eof).unwrap();
        tape.extend_from_slice(rest.as_bytes());
        let opened = fs::read_to_string(world.host_dir().join("opened-in-the-room"));
        assert_eq!(
            opened.unwrap_or_default(),
            format!("{SPARE_PASSWORD}\n"),
            "{}",
            String::from_utf8_lossy(&tape)
        );
        tape
    }

    /// Keepers' cards, their group, and the gate brought back in a copy: nothing of
    /// the root but where it belongs.
    fn a_dead_host(&self) {
        let world = &self.world;
        let keepers = ["k1", "k2", "k3"].map(|folder| world.keeper(folder));
        self.hear(world.form_recovery(2, &keepers.each_ref()));
        let vault = PublicVault::open(&world.vault()).unwrap();
        let state = vault.state();
        let group = state.recovery.clone().unwrap();
        for keeper in &keepers {
            let passphrase = fs::read(world.home(keeper).join("passphrase")).unwrap();
            self.secret(format!("the passphrase of {}", keeper.name), passphrase);
            let x = unlocked(world, keeper).card().share_scalar(&state.g(&group)).expose().to_bytes();
            self.secret(format!("the share key of {}", keeper.name), x);
        }
        self.failed(&["recover"]);
        let copy = world.dir("new-host");
        for name in ["vault.db", "vault.db-wal"] {
            let _ = fs::copy(world.vault().join(name), copy.join(name));
        }
        let at = |keepers: &[&Person], options: &[&str]| {
            let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
            let command = [&["--yes", "--vault", ".", "recover"], options].concat();
            run(&copy, &joined(&command, &cards))
        };
        let [one, two, _] = &keepers;
        for wrong in [&[one][..], &[one, one], &[one, &world.custodians[0]]] {
            let ran = at(wrong, &[]);
            assert!(ran.code != 0, "{}", ran.out);
            self.hear(ran);
        }
        self.hear(run(&copy, &["--vault", ".", "recovery", "request", "--out", "asked.warifu"]).good());
        let key = fs::read_to_string(copy.join("recovery.key")).unwrap();
        let key = HEXLOWER.decode(key.lines().nth(1).unwrap().as_bytes()).unwrap();
        self.secret("the key of a recovery request", key);
        let request = copy.join("asked.warifu").display().to_string();
        let own = ["--card", "card", "--passphrase-file", "passphrase", "--out", "answer"];
        for keeper in [one, two] {
            let contribute = [&["recovery", "contribute", &request], &own[..]].concat();
            self.hear(world.at(keeper, &contribute).good());
        }
        let answers = [one, two].map(|keeper| world.file(keeper, "answer"));
        self.hear(run(&copy, &["--vault", ".", "recover", &answers[0], &answers[1]]).good());
        fs::remove_file(copy.join("gate.key")).unwrap();
        self.hear(at(&[one, two], &["--json"]).good());
        fs::remove_file(copy.join("gate.key")).unwrap();
        self.hear(at(&[one, two], &[]).good());
    }

    /// What goes wrong when people mix things up: no error repeats what it read.
    fn mistakes(&self) {
        let world = &self.world;
        let first = &world.custodians[0];
        fs::write(world.host_dir().join("pasted"), TYPED_BY_MISTAKE).unwrap();
        let own = |name: &str| world.file(first, name);
        let (card, passphrase) = (own("card"), own("passphrase"));
        let ask =
            ["ceremony", "request", "acme/web/prod", "--reason", REASON, "--ticket", TICKET, "--out", "x"];
        let with = |card: &str, passphrase: &str| {
            ["--card", card, "--passphrase-file", passphrase].map(str::to_owned).to_vec()
        };
        for cards in [
            with(&card, "pasted"),
            with("pasted", &passphrase),
            with(&passphrase, &passphrase),
            with(&card, &passphrase),
        ] {
            self.failed(&joined(&ask, &cards));
        }
        let nowhere =
            ["ceremony", "request", "acme/web/nowhere", "--reason", REASON, "--ticket", TICKET, "--out", "x"];
        self.failed(&joined(&nowhere, &world.card(&world.operator)));
        for file in ["pasted", &passphrase, &own("totp"), "vault/gate.key", "opened", "first.warifu"] {
            self.failed(&["ceremony", "accept", file]);
            self.failed(&[
                "ceremony",
                "reveal",
                file,
                "--card",
                &card,
                "--passphrase-file",
                &passphrase,
                "--exec",
                "true",
            ]);
        }
        // A card without memory: its owner has seen newer entries on the host by now.
        fs::copy(&card, world.host_dir().join("no-memory.card")).unwrap();
        let card = "no-memory.card";
        let contribute =
            ["ceremony", "contribute", "third.warifu", "--card", card, "--passphrase-file", &passphrase];
        // Whatever was given as a code leaves encrypted.
        for (code, out) in [(passphrase.as_str(), "third-mixed-up"), ("pasted", "third-pasted")] {
            self.done(&[&contribute[..], &["--code-file", code, "--out", out]].concat());
            self.failed(&["ceremony", "accept", out]);
        }
        let seal = ["seal", "acme/lab/one", "--login", LOGIN, "--stdin"];
        for password in [TYPED_BY_MISTAKE, "", "two\nlines of Zq8!nT4&wK6*hB3@of-spare"] {
            let ran = world.host_with(&seal, password);
            assert!(ran.code != 0, "nothing is bound to the lab, and passwords have one line");
            self.hear(ran);
        }
        let ran = run_with(
            warifu().current_dir(world.dir("guarded")),
            &["--vault", "vault", "--gate-passphrase-file", &passphrase, "org", "add", "more"],
            None,
        );
        assert_eq!(ran.code, 4, "{}", ran.err);
        self.hear(ran);
        let cursor = ["audit", "export", "acme", "--format", "ocsf", "--cursor", "pasted"];
        self.failed(&cursor);
        for source in ["cloudtrail", "credential-report"] {
            self.failed(&["reconcile", source, "acme", "pasted"]);
            self.failed(&["reconcile", source, "acme", &passphrase]);
        }
    }

    fn readers(&self) {
        let world = &self.world;
        let refusing =
            ["--contributions", "--refusals", "--no-ticket", "--timeline", "--csv", "--unusual-hours"];
        let mut lines: Vec<Vec<&str>> = [
            "status",
            "status acme",
            "org list",
            "org show acme",
            "project list acme",
            "project show acme/night",
            "account list acme",
            "account show acme/web/prod",
            "custodian list acme",
            "operator list acme",
            "officer list acme",
            "group list acme",
            "group show acme/keepers",
            "recovery show",
            "roster show acme",
            "ceremony list acme --all",
            "audit log acme",
            "audit log globex",
            "audit verify",
            "audit export acme --format ocsf",
            "completions bash",
        ]
        .iter()
        .map(|line| line.split(' ').collect())
        .collect();
        lines.extend(refusing.iter().map(|option| vec!["audit", "log", "acme", option]));
        for line in lines {
            self.done(&line);
            if !line.contains(&"--csv") {
                self.done(&[&["--json"], &line[..]].concat());
            }
        }
        self.hear(run(&world.host_dir(), &["man", "pages"]).good());
    }
}

fn unlocked(world: &World, person: &Person) -> UnlockedCard {
    let file = CardFile::parse(&fs::read(world.home(person).join("card")).unwrap()).unwrap();
    let passphrase = SecretBytes::new(fs::read(world.home(person).join("passphrase")).unwrap());
    file.unlock(&passphrase).unwrap()
}

#[track_caller]
fn none_of(needles: &[Needle], place: &str, text: &[u8]) {
    let text = Haystack::new(text);
    for needle in needles {
        if let Some(form) = needle.found(&text) {
            panic!("{} is in {place}, as {form}", needle.what);
        }
    }
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Lines of all logs.
fn entries(world: &World) -> Vec<String> {
    let vault = PublicVault::open(&world.vault()).unwrap();
    let mut lines = Vec::new();
    for log in vault.store().logs().unwrap() {
        let size = vault.store().size(&log).unwrap();
        lines.extend(vault.store().entries(&log, 0..size).unwrap().iter().map(|e| e.as_str().to_owned()));
    }
    lines
}

#[test]
fn each_needle_is_found_when_it_is_there() {
    let story = story();
    assert!(story.secrets.len() > 35, "{}", story.secrets.len());
    story.secrets.iter().chain(&story.personal).for_each(Needle::can_be_found);
    // And where people keep it on purpose.
    let host = story.world.host_dir();
    let kept = |what: &str, path: PathBuf| {
        let needle = story.secrets.iter().find(|needle| needle.what == what).unwrap();
        assert!(needle.found_in(&fs::read(path).unwrap()).is_some(), "{what}");
    };
    kept("the password of prod", host.join("opened"));
    kept("the password of spare", host.join("opened-in-the-room"));
    kept("a generated password", host.join("generated"));
    kept("the name of a card's owner", host.join("disclosed"));
    kept("how a card's owner is reached", story.world.dir("c2").join("who"));
    kept("the gate's root", host.join("vault/gate.key"));
    kept("the gate's root", story.world.dir("new-host").join("gate.key"));
    kept("the seed of c1", story.world.dir("c1").join("totp"));
    kept("the passphrase of op", story.world.dir("op").join("passphrase"));
    kept("what was pasted by mistake", host.join("pasted"));
    let database = fs::read(story.world.vault().join("vault.db")).unwrap();
    for needle in &story.personal {
        assert!(needle.found_in(&database).is_some(), "{} is kept where it can be erased", needle.what);
    }
    let reason = &story.personal[3];
    let listing = story.heard.iter().find(|ran| ran.arguments.ends_with("audit log acme")).unwrap();
    assert!(reason.found_in(listing.out.as_bytes()).is_some(), "reasons are resolved for an officer");
}

#[test]
fn entries_hold_neither_secrets_nor_people() {
    let story = story();
    let lines = entries(&story.world);
    assert!(lines.len() > 40, "{}", lines.len());
    for line in lines {
        none_of(&story.secrets, &line, line.as_bytes());
        none_of(&story.personal, &line, line.as_bytes());
    }
}

#[test]
fn nothing_that_is_printed_has_a_secret() {
    let story = story();
    assert!(story.heard.len() > 90, "{}", story.heard.len());
    for ran in &story.heard {
        none_of(&story.secrets, &format!("the output of {}", ran.arguments), ran.out.as_bytes());
        none_of(&story.secrets, &format!("the errors of {}", ran.arguments), ran.err.as_bytes());
    }
    none_of(&story.secrets, "the terminal of open", &story.tape);
}

#[test]
fn errors_do_not_repeat_names_reasons_or_tickets() {
    let story = story();
    let failed: Vec<_> = story.heard.iter().filter(|ran| ran.code != 0).collect();
    assert!(failed.len() > 20, "{}", failed.len());
    for ran in failed {
        // A custodian is shown what they are asked for, also where the code that
        // they give then is of no use.
        let error = ran.err.split("You are asked to help open").next().unwrap();
        none_of(&story.personal, &ran.arguments, error.as_bytes());
        if let Some((_, rest)) = ran.err.split_once("error: ") {
            none_of(&story.personal, &ran.arguments, rest.as_bytes());
        }
    }
}

#[test]
fn events_for_a_siem_name_no_person_outside_the_comment() {
    let story = story();
    let export = ["audit", "export", "acme", "--format", "ocsf"];
    let out = story.world.host(&export).good().out;
    let (mut comments, reason) = (0, &story.personal[3]);
    for line in out.lines() {
        none_of(&story.secrets, "an event", line.as_bytes());
        let mut event: Value = serde_json::from_str(line).unwrap();
        if let Some(comment) = event.as_object_mut().unwrap().remove("comment") {
            comments += usize::from(reason.found_in(comment.to_string().as_bytes()).is_some());
        }
        none_of(&story.personal, "an event", event.to_string().as_bytes());
    }
    assert!(comments > 10, "{comments}");
}

#[test]
fn files_of_the_vault_hold_no_secret_in_clear_and_people_only_where_they_can_be_erased() {
    let story = story();
    let vault = story.world.vault();
    let others = ["guarded/vault", "new-host"].map(|dir| files(&story.world.dir(dir)));
    for path in files(&vault).into_iter().chain(others.into_iter().flatten()) {
        // The gate's root lies in its own file, which is not the vault's to search.
        let own = [vault.join("gate.key"), story.world.dir("new-host").join("gate.key")].contains(&path);
        let bytes = if own { Vec::new() } else { fs::read(&path).unwrap() };
        none_of(&story.secrets, &path.display().to_string(), &bytes);
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vault.db")) {
            none_of(&story.personal, &path.display().to_string(), &bytes);
        }
    }
    let database = story.world.database();
    let columns = [
        "SELECT bytes FROM entry",
        "SELECT bytes FROM projection",
        "SELECT CAST(name AS BLOB) FROM projection",
        "SELECT CAST(name AS BLOB) FROM record",
        "SELECT frontier FROM log",
        "SELECT CAST(checkpoint AS BLOB) FROM log",
    ];
    for column in columns {
        let mut rows = database.prepare(column).unwrap();
        let values = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let mut count = 0;
        for value in values {
            none_of(&story.personal, column, &value.unwrap());
            count += 1;
        }
        assert!(count > 0, "{column}");
    }
}

#[test]
fn files_that_travel_hold_no_secret_in_clear() {
    let story = story();
    let mut searched = 0;
    for path in files(&story.world.host_dir()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let travels =
            name.ends_with(".warifu") || name.ends_with(".contribution") || name.starts_with("third-");
        if travels {
            none_of(&story.secrets, &name, &fs::read(&path).unwrap());
            searched += 1;
        }
    }
    assert_eq!(searched, 15, "packages, contributions and a release");
    // What a custodian's machine keeps of a ceremony, and a card.
    for folder in ["c1", "c2", "c3", "op", "k1", "k2", "k3"] {
        let answer = folder.starts_with('k').then_some("answer").filter(|_| folder != "k3");
        for name in ["card", "card.seen"].into_iter().chain(answer) {
            let bytes = fs::read(story.world.dir(folder).join(name)).unwrap();
            none_of(&story.secrets, &format!("{folder}/{name}"), &bytes);
            none_of(&story.personal, &format!("{folder}/{name}"), &bytes);
        }
    }
}

#[test]
fn a_rehearsal_keeps_its_secrets_in_the_file_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["rehearse", "--keep", "kept"]).good();
    let people = fs::read_to_string(dir.path().join("kept/people.json")).unwrap();
    let value: Value = serde_json::from_str(&people).unwrap();
    let mut needles = Vec::new();
    for person in value["people"].as_array().unwrap() {
        needles.push(Needle::new("a passphrase", person["passphrase"].as_str().unwrap()));
        let Some(seed) = person["totp_seed"].as_str() else {
            assert_eq!(person["role"], "keeper");
            continue;
        };
        needles.push(Needle::new("a seed", BASE32_NOPAD.decode(seed.as_bytes()).unwrap()));
    }
    assert!(needles.len() > 10 && needles.iter().all(|n| n.found_in(people.as_bytes()).is_some()));
    none_of(&needles, "what the rehearsal says", ran.out.as_bytes());
    none_of(&needles, "what the rehearsal notes", ran.err.as_bytes());
    for path in files(&dir.path().join("kept")) {
        if !path.ends_with("people.json") {
            none_of(&needles, &path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}
