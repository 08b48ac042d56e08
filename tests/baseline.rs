//! Baselines of accounts: what is shown and what is missing, by the built program;
//! whose statement counts; and what a hostile host would have to forge.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[allow(dead_code, reason = "a part of it is used")]
mod support;

use cli::{Person, Ran, World, joined};
use serde_json::Value;
use std::fs;
use warifu::event::{Actor, BaselineFact, BaselineStatement, BaselineWord, Event, SaltedText};
use warifu::hex::Bytes;
use warifu::state::Invalid;
use warifu::vault::hierarchy::text_record;
use warifu::vault::people;

const PROD: &str = "acme/web/prod";
const SPARE: &str = "acme/web/spare";
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// What a test does again and again.
trait Baselines {
    fn items(&self, address: &str) -> Value;
    fn state(&self, address: &str, options: &[&str], who: &Person) -> Ran;
    fn report(&self, number: &str, mfa: &str, key: &str) -> Ran;
    fn second_group(&self) -> String;
    fn below(&self) -> Value;
}

impl Baselines for World {
    /// The checklist; its exit code says whether something is missing.
    #[track_caller]
    fn items(&self, address: &str) -> Value {
        let ran = self.host(&["--json", "account", "baseline", address]);
        let value = ran.json();
        let missing = value["items"].as_array().unwrap().iter().any(|item| item["shown"] == false);
        assert_eq!((ran.code, &value["at_baseline"]), (if missing { 9 } else { 0 }, &(!missing).into()));
        value["items"].clone()
    }

    #[track_caller]
    fn state(&self, address: &str, options: &[&str], who: &Person) -> Ran {
        let command = [&["--json", "account", "baseline", address], options].concat();
        self.host(&joined(&command, &self.card(who)))
    }

    #[track_caller]
    fn report(&self, number: &str, mfa: &str, key: &str) -> Ran {
        let text = format!(
            "user,arn,user_creation_time,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_used_date,access_key_2_active\n\
             <root_account>,arn:aws:iam::{number}:root,2020-01-01T00:00:00+00:00,not_supported,no_information,{mfa},{key},N/A,false\n"
        );
        fs::write(self.host_dir().join("report.csv"), text).unwrap();
        self.host(&["reconcile", "credential-report", "acme", "report.csv"])
    }

    /// Who is not at baseline by `status`: by the overview as by the entries.
    #[track_caller]
    fn below(&self) -> Value {
        let read = |command: &[&str], from: &str| {
            let mut status = self.host(command).good().json();
            let organisation = &mut status["organisations"][0];
            assert_eq!(organisation["read_from"], from);
            organisation["not_at_baseline"].take()
        };
        let found = read(&["--json", "status", "acme"], "overview");
        assert_eq!(found, read(&["--json", "status", "--replay", "acme"], "entries"));
        found
    }

    /// Two more custodians hold second factors; gives their group's twelve words.
    fn second_group(&self) -> String {
        let holders = ["m1", "m2"].map(|folder| self.enrol("custodian", "acme", folder));
        self.form("acme/codes", 2, &holders);
        let cards: Vec<_> = holders.iter().flat_map(|holder| self.card(holder)).collect();
        let bind = ["bind", "acme/web", "--factor", "mfa", "--group", "acme/codes"];
        self.host(&joined(&bind, &cards)).good();
        let group = self.host(&["--json", "group", "show", "acme/codes"]).good().json();
        group["fingerprint"].as_str().unwrap().to_owned()
    }
}

#[track_caller]
fn item<'a>(items: &'a Value, name: &str) -> &'a Value {
    items.as_array().unwrap().iter().find(|item| item["item"] == name).unwrap()
}

fn note(world: &World, text: &str) {
    fs::write(world.host_dir().join("note"), text).unwrap();
}

#[test]
fn a_new_account_lacks_everything_and_reaches_its_baseline_step_by_step() {
    let world = World::new();
    let missing = |items: &Value| -> Vec<String> {
        let items = items.as_array().unwrap().iter().filter(|item| item["shown"] == false);
        items.map(|item| format!("{}: {}", item["item"], item["why"]).replace('"', "")).collect()
    };
    let items = world.items(SPARE);
    assert_eq!(
        missing(&items),
        [
            "password: not-sealed",
            "second-factor: unbound",
            "no-access-keys: not-reported",
            "mfa-active: not-reported",
            "mailbox: not-stated",
            "contacts: not-stated"
        ]
    );
    let mends: Vec<_> = items.as_array().unwrap().iter().map(|item| item["mend"].as_str().unwrap()).collect();
    assert!(mends[0].contains(&format!("warifu seal {SPARE}")), "{mends:?}");
    assert!(mends[1].contains("warifu group form acme/"), "{mends:?}");
    assert!(mends[4].ends_with("--state mailbox") && mends[5].ends_with("--state contacts"), "{mends:?}");
    let words = world.second_group();
    let items = world.items(SPARE);
    assert_eq!(item(&items, "second-factor")["why"], "not-sealed");
    assert_eq!(
        item(&items, "second-factor")["mend"],
        format!("warifu seal {SPARE} --factor mfa --from qr.png")
    );

    let login = ["seal", SPARE, "--login", "root@example.com"];
    world.host(&[&login[..], &["--generate", "--hand-over", "--exec", "cat > installed"]].concat()).good();
    fs::write(world.host_dir().join("seed"), SEED).unwrap();
    world.host(&["seal", SPARE, "--factor", "mfa", "--from", "seed", "--fingerprint", &words]).good();
    note(&world, "Two of the board read it.\n");
    for fact in ["mailbox", "contacts"] {
        world.state(SPARE, &["--state", fact, "--note-file", "note"], &world.operator).good();
    }
    assert_eq!(missing(&world.items(SPARE)), ["no-access-keys: not-reported", "mfa-active: not-reported"]);
    // It waits for a report alone.
    world.verified();
    let three = world.below();
    assert_eq!(three["accounts"], 3);
    world.report("111122224444", "true", "false").good();
    let two = serde_json::json!({ "accounts": 2, "first": ["acme/lab/one", PROD], "not_looked_at": 0 });
    assert_eq!(world.below(), two);
    let ran = world.host(&["account", "baseline", SPARE]).good();
    assert!(ran.out.contains("All of its baseline is shown."), "{}", ran.out);

    // Each proof names its entry, and that entry is what it says.
    let log = world.host(&["--json", "audit", "log", "acme"]).good().json();
    let items = world.items(SPARE);
    for (name, kind) in [
        ("password", "sealed"),
        ("second-factor", "sealed"),
        ("no-access-keys", "reconciled"),
        ("mfa-active", "reconciled"),
        ("mailbox", "baseline-stated"),
        ("contacts", "baseline-stated"),
    ] {
        let proof = item(&items, name);
        let entry = &log[usize::try_from(proof["entry"].as_u64().unwrap()).unwrap()];
        assert_eq!((&entry["kind"], &entry["time"]), (&kind.into(), &proof["time"]), "{name}");
        if kind == "sealed" {
            assert_eq!(
                (&entry["event"]["factor"], &entry["event"]["version"]),
                (&proof["factor"], &1.into())
            );
            assert_eq!(entry["event"]["address"], SPARE);
        }
    }
    assert_eq!(item(&items, "mailbox")["by"], world.operator.name);
    assert_eq!(item(&items, "mailbox")["text"], "Two of the board read it.");
    world.verified();
}

#[test]
fn who_is_not_at_baseline_is_listed_and_counted() {
    let world = World::new();
    let list =
        |scope: &str| world.host(&["--json", "account", "baseline", scope]).refused(9, &["not at baseline"]);
    let rows = list("acme").json();
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["address"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme/lab/one", PROD, SPARE]);
    assert_eq!(list("acme/lab").json()[0]["missing"].as_array().unwrap().len(), 6);
    assert_eq!(list("acme/lab").json().as_array().unwrap().len(), 1);
    let below = world.below();
    assert_eq!((&below["accounts"], &below["not_looked_at"]), (&3.into(), &0.into()));
    assert_eq!(below["first"], serde_json::json!(names));
    for command in [&["status", "acme"][..], &["status", "--replay", "acme"]] {
        let said = world.host(command).good().out;
        assert!(said.contains("3 accounts not at baseline: acme/lab/one"), "{said}");
        assert!(!said.contains("not looked at"), "{said}");
    }
    let text = world.host(&["account", "baseline", "acme"]).refused(9, &["3 accounts not at baseline"]);
    assert!(text.out.contains("password, second-factor, no-access-keys"), "{}", text.out);
    world.host_refused(&["account", "baseline", "acme/nothing"], 3, &["there is no project"]);
    world.host_refused(&["account", "baseline", "acme/web/nothing"], 3, &["there is no account"]);
}

#[test]
fn a_password_from_outside_or_that_nobody_was_given_shows_nothing() {
    let world = World::new();
    let items = world.items(PROD);
    assert_eq!(item(&items, "password")["why"], "not-generated");
    assert_eq!(item(&items, "password")["mend"], format!("warifu rotate {PROD} --reason WHY"));
    world.host(&["seal-all", "acme/web"]).good();
    let items = world.items(SPARE);
    assert_eq!(item(&items, "password")["why"], "not-handed-over");
    world
        .host(&["seal", SPARE, "--login", "a@example.com", "--hand-over", "--exec", "cat > installed"])
        .good();
    let items = world.items(SPARE);
    assert_eq!(
        (&item(&items, "password")["version"], &item(&items, "password")["handed"]),
        (&2.into(), &"command".into())
    );
}

/// Where nobody was given it when it was sealed, the entry that is named is the opening.
#[test]
fn a_password_that_was_opened_since_is_proven_by_its_release() {
    let world = World::new();
    world.host(&["seal", PROD, "--login", "a@example.com", "--generate"]).good();
    assert_eq!(item(&world.items(PROD), "password")["why"], "not-handed-over");
    let ceremony = world.request("asked.warifu");
    (0..2).for_each(|which| world.contributed(which, "asked.warifu"));
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
    world.host(&joined(&finish, &world.card(&world.operator))).good();
    let items = world.items(PROD);
    let proof = item(&items, "password");
    assert_eq!((&proof["proof"], &proof["handed"]), (&"sealed".into(), &"nobody".into()));
    let log = world.host(&["--json", "audit", "log", "acme"]).good().json();
    let entry = &log[usize::try_from(proof["entry"].as_u64().unwrap()).unwrap()];
    assert_eq!((&entry["kind"], &entry["time"]), (&"released".into(), &proof["time"]));
    let said = world.host(&["account", "baseline", PROD]).refused(9, &[]).out;
    assert!(said.contains("opened since") && !said.contains("shown to nobody"), "{said}");
}

#[test]
fn a_sealed_device_is_a_second_factor() {
    let world = World::new();
    let bind = ["bind", "acme/web", "--factor", "device", "--group", "acme/keepers"];
    world.host(&joined(&bind, &world.cards(&[0, 1]))).good();
    assert_eq!(item(&world.items(SPARE), "second-factor")["why"], "unbound");
    world.host_with(&["seal", SPARE, "--factor", "device", "--stdin"], "12345\nsafe in the cellar\n").good();
    assert_eq!(item(&world.items(SPARE), "second-factor")["factor"], "device");
}

#[test]
fn the_last_credential_report_counts_and_one_that_is_lost_counts_for_nothing() {
    let world = World::new();
    let why = |name: &str| item(&world.items(SPARE), name)["why"].clone();
    world.report("111122224444", "true", "false").good();
    assert_eq!((why("no-access-keys"), why("mfa-active")), (Value::Null, Value::Null));
    // Another account's report says nothing of this one.
    assert_eq!(item(&world.items(PROD), "mfa-active")["why"], "not-reported");
    world.report("111122224444", "true", "true").refused(9, &[]);
    assert_eq!((why("no-access-keys"), why("mfa-active")), ("weak".into(), Value::Null));
    world.report("111122224444", "false", "false").refused(9, &[]);
    assert_eq!((why("no-access-keys"), why("mfa-active")), (Value::Null, "weak".into()));
    world.report("111122224444", "true", "false").good();
    assert_eq!(why("mfa-active"), Value::Null);
    let log = world.host(&["--json", "audit", "log", "acme", "--kind", "reconciled", "--last", "1"]).good();
    let last = format!("reconciled/{}", log.json()[0]["event"]["facts"].as_str().unwrap());
    assert_eq!(world.database().execute("DELETE FROM record WHERE name = ?", [last]), Ok(1));
    assert_eq!((why("no-access-keys"), why("mfa-active")), ("not-reported".into(), "not-reported".into()));
}

#[test]
fn where_there_is_no_root_user_less_is_demanded() {
    let world = World::new();
    let names = || -> Vec<String> {
        let items = world.items("acme/lab/one");
        items.as_array().unwrap().iter().map(|item| item["item"].as_str().unwrap().to_owned()).collect()
    };
    world.host(&["account", "standing", "acme/lab/one", "credential-less"]).good();
    assert_eq!(names(), ["no-access-keys", "mailbox", "contacts"]);
    world.host(&["account", "standing", "acme/lab/one", "closed"]).good();
    assert_eq!(names(), ["mailbox"]);
    note(&world, "the archive");
    world.state("acme/lab/one", &["--state", "mailbox", "--note-file", "note"], &world.operator).good();
    let ran = world.host(&["account", "baseline", "acme/lab"]).good();
    assert_eq!(ran.out.trim(), "1 account at baseline: nothing is missing.");
    assert_eq!(world.below()["first"], serde_json::json!([PROD, SPARE]));
    world.verified();
}

#[test]
fn a_statement_is_renewed_and_withdrawn_by_operators_and_officers() {
    let world = World::new();
    let officer = world.enrol("officer", "acme", "officer");
    note(&world, "first");
    let said =
        world.state(PROD, &["--state", "mailbox", "--note-file", "note"], &world.operator).good().json();
    assert_eq!((&said["fact"], &said["word"]), (&"mailbox".into(), &"stated".into()));
    note(&world, "second");
    world.state(PROD, &["--state", "mailbox", "--note-file", "note"], &officer).good();
    let items = world.items(PROD);
    assert_eq!(item(&items, "mailbox")["text"], "second");
    assert_eq!(item(&items, "mailbox")["by"], officer.name);
    assert_eq!(item(&items, "contacts")["why"], "not-stated");
    world.state(PROD, &["--withdraw", "mailbox"], &world.operator).good();
    let ran = world.host(&["account", "baseline", PROD]).refused(9, &["1 account not at baseline"]);
    assert!(ran.out.contains(&format!("withdrawn by {}", world.operator.name)), "{}", ran.out);
    world.state(PROD, &["--withdraw", "mailbox"], &officer).refused(3, &["withdrawn already"]);
    world.state(PROD, &["--withdraw", "contacts"], &officer).refused(3, &["nobody has stated"]);
    world.state(PROD, &["--state", "mailbox", "--note-file", "note"], &officer).good();
    assert_eq!(item(&world.items(PROD), "mailbox")["shown"], true);
    let log = ["--json", "audit", "log", "acme", "--account", PROD, "--kind", "baseline-stated"];
    assert_eq!(world.host(&log).good().json().as_array().unwrap().len(), 4);
    world.verified();
}

#[test]
fn a_card_that_may_not_state_is_refused_and_nothing_is_entered() {
    let world = World::new();
    let stranger = world.enrol("operator", "globex", "globex-op");
    note(&world, "somebody");
    let state = ["account", "baseline", PROD, "--state", "mailbox", "--note-file", "note"];
    let refused = |who: &Person, says: &str| {
        world.host_refused(&joined(&state, &world.card(who)), 4, &[says]);
    };
    refused(&stranger, "does not belong to this organisation");
    refused(&world.custodians[0], "is custodian, not operator");
    let card = world.card(&world.operator);
    let with = |command: &[&str], code, says: &str| {
        world.host_refused(&joined(command, &card), code, &[says]);
    };
    with(&["account", "baseline", "acme/web", "--state", "mailbox", "--note-file", "note"], 2, "is none");
    note(&world, " \n");
    with(&state, 2, "the statement is empty");
    note(&world, &"x".repeat(2001));
    with(&state, 3, "a text has at most 2000 bytes");
    fs::write(world.host_dir().join("note"), [0xff, 0xfe]).unwrap();
    with(&state, 2, "is not plain text");
    with(&state[..5], 2, "there is no terminal to ask on");
    world.host(&joined(&["account", "baseline", PROD, "--state", "weather"], &card)).refused(2, &[]);
}

/// The library's world, and a statement that its operator signed.
fn signed(world: &support::World, change: impl Fn(&mut BaselineStatement)) -> BaselineStatement {
    let account = *world.log.state.accounts.keys().next().unwrap();
    let text = SaltedText { salt: Bytes([7; 32]), text: "somebody".to_owned() };
    let mut said = BaselineStatement {
        account,
        fact: BaselineFact::Mailbox,
        serial: 1,
        word: BaselineWord::Stated,
        text: Some(text.hash()),
        by: world.operator.name(),
        signature: Bytes([0; 64]),
    };
    change(&mut said);
    said.signature = world.operator.sign(&said.digest(&world.log.state.id));
    said
}

fn entered(world: &support::World, said: BaselineStatement) -> Result<(), Invalid> {
    let actor = Actor::Card(said.by.clone());
    world.forge(actor, Event::BaselineStated(said)).map(|_| ())
}

#[test]
fn a_statement_whose_signature_covers_something_else_is_refused() {
    let mut world = support::World::new();
    world.account("acme/shop/other", "210987654321");
    let good = signed(&world, |_| ());
    assert_eq!(entered(&world, good.clone()), Ok(()));
    let other = *world.log.state.accounts.keys().find(|id| **id != good.account).unwrap();
    let forged = |change: fn(&mut BaselineStatement)| {
        let mut forged = good.clone();
        change(&mut forged);
        forged
    };
    for (what, forged) in [
        ("account", BaselineStatement { account: other, ..good.clone() }),
        ("fact", forged(|said| said.fact = BaselineFact::Contacts)),
        ("text", forged(|said| said.text = Some(Bytes([9; 64])))),
        ("signature", forged(|said| said.signature.0[0] ^= 1)),
    ] {
        assert!(matches!(entered(&world, forged), Err(Invalid::Signature { .. })), "{what}");
    }
}

#[test]
fn a_statement_in_the_name_of_somebody_else_is_refused() {
    let mut world = support::World::new();
    let pending = people::new_person(&world.log.state, warifu::seal::card::Role::Officer, &mut world.rng);
    let code = pending.totp.code_at(warifu::seal::totp::step_of(world.now.unix_seconds()));
    world.vault.enrol(&mut world.log, &pending, &code, world.now, &mut world.rng).unwrap();
    let officer = pending.card.pseudonym().clone();
    let forged = signed(&world, |said| said.by = officer.clone());
    assert!(matches!(entered(&world, forged), Err(Invalid::Signature { .. })));
    let custodian = world.custodians[0].name();
    let mut forged = signed(&world, |said| said.by = custodian.clone());
    forged.signature = world.custodians[0].sign(&forged.digest(&world.log.state.id));
    assert!(matches!(entered(&world, forged), Err(Invalid::NotA { .. })));
    let unknown = signed(&world, |said| said.by = "no-such-card".parse().unwrap());
    assert!(matches!(entered(&world, unknown), Err(Invalid::Unknown { what: "card", .. })));
    let good = Event::BaselineStated(signed(&world, |_| ()));
    assert!(matches!(world.forge(Actor::Host, good.clone()), Err(Invalid::WrongActor { .. })));
    assert!(matches!(world.forge(Actor::Card(officer), good), Err(Invalid::WrongActor { .. })));
}

#[test]
fn an_old_statement_cannot_be_entered_once_more() {
    let mut world = support::World::new();
    let first = signed(&world, |_| ());
    let id = (first.account, first.fact);
    let card = &world.operator.card;
    let (now, rng) = (world.now, &mut world.rng);
    world.vault.state_baseline(&mut world.log, card, id, Some("somebody"), now, rng).unwrap();
    world.vault.state_baseline(&mut world.log, card, id, None, now, rng).unwrap();
    assert_eq!(entered(&world, first), Err(Invalid::Mismatch("serial number")));
    let ahead = signed(&world, |said| said.serial = 4);
    assert_eq!(entered(&world, ahead), Err(Invalid::Mismatch("serial number")));
    let twice = signed(&world, |said| {
        (said.serial, said.word, said.text) = (3, BaselineWord::Withdrawn, None);
    });
    assert_eq!(entered(&world, twice), Err(Invalid::Mismatch("statement")));
    let report = world.vault.verify(None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn a_statement_without_text_and_a_withdrawal_with_one_are_refused() {
    let world = support::World::new();
    let silent = signed(&world, |said| said.text = None);
    assert_eq!(entered(&world, silent), Err(Invalid::Mismatch("statement")));
    let nothing = signed(&world, |said| (said.word, said.text) = (BaselineWord::Withdrawn, None));
    assert_eq!(entered(&world, nothing), Err(Invalid::Mismatch("statement")));
    let nowhere = signed(&world, |said| said.account = warifu::name::AccountId(Bytes([1; 32])));
    assert!(matches!(entered(&world, nowhere), Err(Invalid::Unknown { what: "account", .. })));
}

#[test]
fn a_forged_statement_in_the_store_is_named_when_the_log_is_read() {
    let world = support::World::new();
    let mut forged = signed(&world, |_| ());
    forged.signature.0[3] ^= 1;
    let index = world.log.state.size;
    world.force(vec![(world.operator.actor(), Event::BaselineStated(forged))], Vec::new());
    let report = world.vault.verify(None).unwrap();
    let told = format!("{:?}", report.findings);
    assert!(told.contains(&index.to_string()) && told.contains(world.operator.name().as_str()), "{told}");
}

#[test]
fn the_text_of_a_statement_can_be_destroyed_and_the_statement_stays() {
    let world = World::new();
    note(&world, "Wiebke reads it");
    world.state(PROD, &["--state", "mailbox", "--note-file", "note"], &world.operator).good();
    let log = world.host(&["--json", "audit", "log", "acme", "--kind", "baseline-stated"]).good().json();
    let hash: warifu::event::TextHash = serde_json::from_value(log[0]["event"]["text"].clone()).unwrap();
    assert!(!log[0].to_string().contains("Wiebke"), "{log}");
    world.database().execute("DELETE FROM record WHERE name = ?", [text_record(&hash)]).unwrap();
    let shown = item(&world.items(PROD), "mailbox").clone();
    assert_eq!((&shown["shown"], &shown["text"]), (&true.into(), &Value::Null));
    let ran = world.host(&["account", "baseline", PROD]).refused(9, &[]);
    assert!(ran.out.contains("(erased)"), "{}", ran.out);
}
