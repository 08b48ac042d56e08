//! A resharing by files: the host and each contributor on machines of their own, in two
//! rounds. What a group held opens with the other; a bad contributor is named and
//! another takes the place; a card signs one outcome; whatever file is of no use is
//! refused and says what to do; and what is killed goes on.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, PASSWORD, Person, Ran, World, joined, warifu};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};
use warifu::event::Renewal;
use warifu::message::{Message, ReshareAnswer};
use warifu::seal::card_file::{CardFile, UnlockedCard};
use warifu::secret::SecretBytes;
use warifu::time::Time;
use warifu::vault::Vault;
use warifu::vault::group::Draft;

/// The three members of `acme/keepers`, and those of `acme/next`, who take over.
struct Groups {
    world: World,
    next: Vec<Person>,
}

fn groups() -> Groups {
    let mut world = World::new();
    let next: Vec<_> = ["n1", "n2"].iter().map(|folder| world.enrol("custodian", "acme", folder)).collect();
    world.form("acme/next", 2, &next);
    world.custodians.extend(next.iter().cloned());
    Groups { world, next }
}

impl Groups {
    /// Opens the ceremony, or writes the one that is open once more.
    #[track_caller]
    fn request(&self, out: &str) -> Value {
        let ask = ["--json", "reshare", "acme/keepers", "--to", "acme/next", "--reason", "one leaves"];
        let ask = [&ask[..], &["--request", out]].concat();
        self.world.host(&joined(&ask, &self.world.card(&self.world.operator))).good().json()
    }

    fn who(&self, which: usize) -> &Person {
        &self.world.custodians[which]
    }

    /// The first round on a contributor's own machine; the answer is brought to the host.
    #[track_caller]
    fn answered(&self, which: usize, file: &str) -> String {
        let (who, out) = (self.who(which), format!("{which}-{file}.redealt"));
        self.world.carry(file, who);
        self.world.contribute(who, file, &out).good();
        self.world.bring(who, &out);
        out
    }

    fn gather(&self, answers: &[String], out: &str) -> Ran {
        let answers: Vec<_> = answers.iter().map(String::as_str).collect();
        self.world.host(&[&["--json", "ceremony", "gather", "--out", out], &answers[..]].concat())
    }

    /// The second round, which asks for no code.
    fn signs(&self, which: usize, round: &str, out: &str) -> Ran {
        let who = self.who(which);
        self.world.carry(round, who);
        let sign = ["--json", "ceremony", "contribute", round, "--card", "card", "--passphrase-file"];
        self.world.at(who, &[&sign[..], &["passphrase", "--out", out]].concat())
    }

    #[track_caller]
    fn signed(&self, which: usize, round: &str) -> String {
        let out = format!("{which}-{round}.signed");
        self.signs(which, round, &out).good();
        self.world.bring(self.who(which), &out);
        out
    }

    fn hand_over(&self, round: &str, signed: &[String]) -> Ran {
        let signed: Vec<_> = signed.iter().map(String::as_str).collect();
        self.world.host(&[&["--json", "ceremony", "hand-over", round], &signed[..]].concat())
    }

    /// Both rounds up to the signatures, with these contributors.
    #[track_caller]
    fn both_rounds(&self, which: &[usize]) -> Vec<String> {
        self.request("request.warifu");
        let answers: Vec<_> = which.iter().map(|one| self.answered(*one, "request.warifu")).collect();
        self.gather(&answers, "round.warifu").good();
        which.iter().map(|one| self.signed(*one, "round.warifu")).collect()
    }

    fn kinds(&self) -> Vec<String> {
        let log = self.world.host(&["--json", "audit", "log", "acme"]).good().json();
        log.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The new group opens what the old one held.
    fn opens_with_the_new_group(&self) {
        let (world, cards) = (&self.world, self.world.cards(&[3, 4]));
        world.host(&joined(&["operator", "admit", "acme/next", &world.operator.name], &cards)).good();
        let ceremony = world.request("open.warifu");
        world.contributed(3, "open.warifu");
        world.contributed(4, "open.warifu");
        let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > opened"];
        world.host(&joined(&finish, &world.card(&world.operator))).good();
        assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap(), format!("{PASSWORD}\n"));
    }

    /// All that is sealed could be opened, and nothing old is there.
    #[track_caller]
    fn whole(&self) {
        self.world.verified();
        let found = self.world.host(&["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
        assert_eq!(found["organisations"][0]["failed"], json!([]), "{found}");
    }
}

#[test]
fn what_a_group_held_opens_with_the_other_and_nothing_was_put_together() {
    let groups = groups();
    let asked = groups.request("request.warifu");
    assert_eq!(asked["needed"], 2);
    let answers = [groups.answered(2, "request.warifu"), groups.answered(0, "request.warifu")];
    // The host keeps nothing of what was dealt again.
    let gathered = groups.gather(&answers, "round.warifu").good().json();
    assert_eq!((&gathered["versions"], &gathered["parts"]), (&json!(1), &json!(1)));
    let signed = [groups.signed(0, "round.warifu"), groups.signed(2, "round.warifu")];
    for which in [0, 2] {
        let home = groups.world.home(groups.who(which));
        assert!(home.join("card.reshared").exists(), "what a card signed is kept beside it");
        assert!(home.join("card.seen").exists());
    }
    assert!(!groups.world.home(groups.who(1)).join("card.reshared").exists());
    let done = groups.hand_over("round.warifu", &signed).good().json();
    let (handed, left) = (&done["handed_over"], &done["remain"]);
    assert_eq!((handed, left, &done["destroyed"]), (&json!(1), &json!(0), &json!(1)));
    groups.whole();
    let kinds = groups.kinds();
    let expected = ["reshare-opened", "accepted", "accepted", "reshared", "dealings-destroyed", "ended"];
    assert_eq!(&kinds[kinds.len() - 6..], expected);
    groups.opens_with_the_new_group();
    // Once more there is nothing to do, and that is no error.
    let size = groups.world.log_size();
    let again = groups.hand_over("round.warifu", &signed).good().json();
    assert_eq!((&again["handed_over"], &again["remain"]), (&json!(0), &json!(0)));
    assert_eq!(groups.world.log_size(), size);
}

/// All members sign the next epoch in one room; what it is handed may come by files.
#[test]
fn a_refresh_whose_next_epoch_is_there_hands_over_by_files() {
    let groups = groups();
    let world = &groups.world;
    let mut rng = UnwrapErr(SysRng);
    let mut cards: Vec<_> = (0..3).map(|which| unlocked(&groups, which)).collect();
    let (mut vault, mut log, before) = {
        let vault = Vault::open(&world.vault(), &mut || None).unwrap();
        let log = vault.log(&"acme".parse().unwrap()).unwrap();
        let before = log.state.group_by_slug(&"keepers".parse().unwrap()).unwrap().clone();
        (vault, log, before)
    };
    let mut draft = Draft::next(&log.state, &before);
    cards.iter().for_each(|card| draft.join(&log.state, card.card(), &mut rng).unwrap());
    cards.iter_mut().for_each(|card| draft.sign(&log.state, card.card_mut()).unwrap());
    let agreed = cards[..2].iter().map(|card| draft.agree(&log.state, &before, card.card()).unwrap());
    let renewal = Renewal { agreed: agreed.collect(), statement: draft.finish() };
    let at = Time::from_millis(i64::try_from(cli::now()).unwrap() * 1000).unwrap();
    let at = at.max(log.state.last);
    vault.renew_group(&mut log, renewal, at).unwrap();
    drop((vault, log));
    for (which, card) in cards.iter().enumerate() {
        fs::write(world.home(groups.who(which)).join("card"), card.armour(&mut rng)).unwrap();
    }
    let ask = ["--json", "refresh", "acme/keepers", "--reason", "yearly", "--request", "request.warifu"];
    world.host(&joined(&ask, &world.card(&world.operator))).good();
    let answers = [groups.answered(0, "request.warifu"), groups.answered(1, "request.warifu")];
    groups.gather(&answers, "round.warifu").good();
    let signed = [groups.signed(0, "round.warifu"), groups.signed(1, "round.warifu")];
    let done = groups.hand_over("round.warifu", &signed).good().json();
    assert_eq!((&done["handed_over"], &done["to_epoch"]), (&json!(1), &json!(2)));
    groups.whole();
}

/// A custodian's card, as its owner's program has it.
fn unlocked(groups: &Groups, which: usize) -> UnlockedCard {
    let read = |name: &str| fs::read(groups.world.home(groups.who(which)).join(name)).unwrap();
    CardFile::parse(&read("card")).unwrap().unlock(&SecretBytes::new(read("passphrase"))).unwrap()
}

/// What a custodian with a good card and a bad program sends: a link proof that proves
/// nothing, under a right signature.
fn with_a_bad_proof(groups: &Groups, which: usize, answer: &str) {
    let unlocked = unlocked(groups, which);
    let path = groups.world.host_dir().join(answer);
    let mut forged = ReshareAnswer::decode(&fs::read(&path).unwrap()).unwrap();
    let part = &mut forged.parts[0];
    let last = part.links[0].0.len() - 32;
    part.links[0].0[last] ^= 1;
    part.signature = unlocked.card().signing_key().sign(&part.digest());
    fs::write(path, forged.encode()).unwrap();
}

#[test]
fn a_bad_contributor_is_named_and_another_takes_the_place() {
    let groups = groups();
    groups.request("request.warifu");
    let good = groups.answered(0, "request.warifu");
    let bad = groups.answered(1, "request.warifu");
    with_a_bad_proof(&groups, 1, &bad);
    let name = groups.who(1).name.clone();
    let ran = groups.gather(&[good.clone(), bad.clone()], "round.warifu");
    ran.refused(5, &["set aside for bad re-dealings", &name, "another member"]);
    assert!(!groups.world.host_dir().join("round.warifu").exists());
    assert_eq!(groups.kinds().last().unwrap(), "redealing-rejected");
    groups.gather(&[good.clone(), bad], "round.warifu").refused(4, &[&name, "Call another custodian"]);
    let other = groups.answered(2, "request.warifu");
    groups.gather(&[good, other], "round.warifu").good();
    let signed = [groups.signed(0, "round.warifu"), groups.signed(2, "round.warifu")];
    let done = groups.hand_over("round.warifu", &signed).good().json();
    assert_eq!((&done["handed_over"], &done["rejected"]), (&json!(1), &json!([name])));
    groups.whole();
    groups.opens_with_the_new_group();
}

#[test]
fn a_card_signs_one_outcome_until_the_log_shows_that_it_came_to_nothing() {
    let groups = groups();
    groups.request("request.warifu");
    let answers: Vec<_> = (0..3).map(|which| groups.answered(which, "request.warifu")).collect();
    groups.gather(&answers[..2], "one.warifu").good();
    let first = groups.signed(0, "one.warifu");
    // A file that was lost is made once more.
    groups.signs(0, "one.warifu", "again.signed").good();
    let read = |name: &str| fs::read(groups.world.home(groups.who(0)).join(name)).unwrap();
    assert_eq!(read("again.signed"), read(&first));
    // Another outcome for the same versions: of other contributors, or dealt once more.
    groups.gather(&[answers[0].clone(), answers[2].clone()], "two.warifu").good();
    let says = ["has signed another outcome", "the host aborts that ceremony"];
    groups.signs(0, "two.warifu", "two.signed").refused(5, &says);
    assert!(!groups.world.home(groups.who(0)).join("two.signed").exists());
    let ceremony = groups.request("later.warifu")["ceremony"].as_str().unwrap().to_owned();
    groups.world.host(&["ceremony", "abort", "acme", &ceremony]).good();
    let signed = groups.both_rounds_of("third", &[0, 2]);
    groups.hand_over("third-round", &signed).good();
    groups.whole();
}

impl Groups {
    /// As [`Groups::both_rounds`], under names of their own.
    fn both_rounds_of(&self, name: &str, which: &[usize]) -> Vec<String> {
        let (request, round) = (format!("{name}-request"), format!("{name}-round"));
        self.request(&request);
        let answers: Vec<_> = which.iter().map(|one| self.answered(*one, &request)).collect();
        self.gather(&answers, &round).good();
        which.iter().map(|one| self.signed(*one, &round)).collect()
    }
}

#[test]
fn what_was_signed_in_a_ceremony_that_goes_on_is_not_forgotten_when_the_card_moves() {
    let groups = groups();
    groups.request("request.warifu");
    let answers: Vec<_> = (0..3).map(|which| groups.answered(which, "request.warifu")).collect();
    groups.gather(&answers[..2], "one.warifu").good();
    groups.signed(0, "one.warifu");
    groups.gather(&[answers[0].clone(), answers[2].clone()], "two.warifu").good();
    // A file beside the card that is damaged is no licence to sign.
    fs::write(groups.world.home(groups.who(0)).join("card.reshared"), "{}").unwrap();
    let ran = groups.signs(0, "two.warifu", "two.signed");
    assert_ne!(ran.code, 0, "{}", ran.out);
    assert!(!groups.world.home(groups.who(0)).join("two.signed").exists());
}

#[test]
fn files_that_do_not_belong_together_are_refused_with_a_remedy() {
    let groups = groups();
    groups.request("request.warifu");
    let (one, two) = (groups.answered(0, "request.warifu"), groups.answered(1, "request.warifu"));
    let host = &groups.world;
    // Too few, twice the same, an existing file.
    groups.gather(std::slice::from_ref(&one), "round").refused(5, &["1 of 2 answers", "in one command"]);
    fs::copy(host.host_dir().join(&one), host.host_dir().join("copy")).unwrap();
    let twice = groups.gather(&[one.clone(), "copy".to_owned()], "round");
    twice.refused(3, &["two of the files are of", "one file of each"]);
    groups.gather(&[one.clone(), two.clone()], "request.warifu").refused(3, &["exists already"]);
    // Altered on its way, and with somebody else's re-dealings.
    let path = host.host_dir().join(&two);
    let good = fs::read(&path).unwrap();
    let mut answer = ReshareAnswer::decode(&good).unwrap();
    let stolen = ReshareAnswer::decode(&fs::read(host.host_dir().join(&one)).unwrap()).unwrap();
    answer.parts = stolen.parts;
    fs::write(&path, answer.encode()).unwrap();
    let ran = groups.gather(&[one.clone(), two.clone()], "round");
    ran.refused(3, &["what somebody else dealt again", "Nobody is blamed"]);
    answer.parts.clear();
    fs::write(&path, answer.encode()).unwrap();
    let ran = groups.gather(&[one.clone(), two.clone()], "round");
    ran.refused(3, &["not of just the versions", "answered anew"]);
    fs::write(&path, &good).unwrap();
    groups.gather(&[one.clone(), two.clone()], "round").good();
    // Files of the wrong kind and round.
    host.host_refused(&["ceremony", "accept", &one], 2, &["an answer in a resharing", "ceremony gather"]);
    host.host_refused(&["ceremony", "gather", "round", "--out", "x"], 3, &["is a reshare-file, not a"]);
    let signed = [groups.signed(0, "round"), groups.signed(1, "round")];
    let hand_over = |round: &str, signed: &[&String]| {
        let before = host.entries();
        let ran = groups.hand_over(round, &signed.iter().map(|one| (*one).clone()).collect::<Vec<_>>());
        assert_eq!(host.entries(), before, "{} changed the vault", ran.arguments);
        ran
    };
    hand_over("round", &[&signed[0]]).refused(5, &["the signatures of", "are missing"]);
    hand_over("round", &[&signed[0], &signed[0]]).refused(3, &["two of the files are of"]);
    hand_over("request.warifu", &[&signed[0], &signed[1]]).refused(3, &["is no contributor of"]);
    hand_over("round", &[&one, &two]).refused(3, &["is a reshare-answer, not a reshare-signatures"]);
    // Somebody who is no contributor signs nothing, and one digit makes a signature wrong.
    groups
        .signs(2, "round", "x")
        .refused(5, &["no part in what is to be signed", "nothing is needed of you"]);
    let path = host.host_dir().join(&signed[1]);
    let text = fs::read_to_string(&path).unwrap();
    for (field, says) in [("\"signature\":\"", "the signature of"), ("\"outcome\":\"", "did not sign what")] {
        let at = text.find(field).unwrap() + field.len() + 9;
        let digit = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
        fs::write(&path, [&text[..at], digit, &text[at + 1..]].concat()).unwrap();
        hand_over("round", &[&signed[0], &signed[1]]).refused(3, &[says]);
    }
    fs::write(&path, text).unwrap();
    groups.hand_over("round", &signed).good();
    groups.whole();
}

#[test]
fn files_of_another_ceremony_are_refused() {
    let groups = groups();
    let ceremony = groups.request("first.warifu")["ceremony"].as_str().unwrap().to_owned();
    let old = groups.answered(0, "first.warifu");
    groups.world.host(&["ceremony", "abort", "acme", &ceremony]).good();
    groups.request("second.warifu");
    let new = groups.answered(1, "second.warifu");
    let ran = groups.gather(&[new.clone(), old.clone()], "round");
    ran.refused(3, &["is of another ceremony than the others", "all of this ceremony"]);
    groups.gather(&[old], "round").refused(5, &["the ceremony has ended", "Open a new one"]);
    // Whoever gets the old request answers nothing, once they have seen that it ended.
    groups.world.carry("second.warifu", groups.who(0));
    groups.answered(0, "second.warifu");
    groups.world.contribute(groups.who(0), "first.warifu", "x").refused(6, &["this is an old copy"]);
    drop(new);
}

#[test]
fn a_revoked_contributor_is_refused_in_both_rounds() {
    let groups = groups();
    groups.request("request.warifu");
    let answers = [groups.answered(0, "request.warifu"), groups.answered(2, "request.warifu")];
    let revoke = ["custodian", "revoke", "acme", &groups.who(2).name, "--reason", "lost"];
    let revoked = groups.world.host(&joined(&revoke, &groups.world.cards(&[0, 1])));
    assert!([0, 9].contains(&revoked.code), "{}{}", revoked.out, revoked.err);
    groups.gather(&answers, "round").refused(4, &["revoked"]);
    groups.request("later.warifu");
    groups.world.carry("later.warifu", groups.who(2));
    groups.world.contribute(groups.who(2), "later.warifu", "x").refused(4, &["is revoked"]);
    // Somebody who is not in the old group.
    groups.world.carry("later.warifu", &groups.next[0]);
    groups.world.contribute(&groups.next[0], "later.warifu", "x").refused(4, &["holds no share"]);
}

#[test]
fn a_wrong_code_is_on_record_and_the_next_answer_counts() {
    let groups = groups();
    groups.request("request.warifu");
    let good = groups.answered(0, "request.warifu");
    let who = groups.who(1);
    groups.world.carry("request.warifu", who);
    groups.world.contribute_with(who, "request.warifu", "wrong", "000000").good();
    groups.world.bring(who, "wrong");
    groups.gather(&[good.clone(), "wrong".to_owned()], "round").refused(4, &["wrong code"]);
    let next = groups.answered(1, "request.warifu");
    // Who was accepted and answers again with another code is accepted still.
    groups.gather(&[good, next], "round").good();
}

#[test]
fn more_than_one_part_survives_kill_9() {
    let groups = groups();
    let world = &groups.world;
    // With the one that is there more than a part of sixty-four.
    for n in 0..65 {
        let address = format!("acme/web/more-{n}");
        world.host(&["account", "add", &address, "--id", &format!("{:012}", 700_000 + n)]).good();
    }
    world.host(&["seal-all", "acme/web"]).good();
    let signed = groups.both_rounds(&[0, 1]);
    let before = Backup::of(&world.vault());
    let begun = Instant::now();
    let done = groups.hand_over("round.warifu", &signed).good().json();
    let whole = begun.elapsed();
    assert!(done["handed_over"].as_u64().unwrap() > 64, "{done}");
    for eighth in 1..8 {
        before.restore();
        let mut command = warifu();
        command.current_dir(world.host_dir()).args(["--vault", "vault", "--yes", "ceremony", "hand-over"]);
        let command = command.arg("round.warifu").args(&signed);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * eighth / 8 + Duration::from_millis(1));
        // `kill` is kill -9.
        child.kill().unwrap();
        child.wait().unwrap();
        world.verified();
        let ran = groups.hand_over("round.warifu", &signed);
        assert!(ran.code == 0 || ran.err.contains("has ended"), "{}{}", ran.out, ran.err);
        groups.whole();
        let list = world.host(&["--json", "group", "list", "acme"]).good().json();
        let holds = |name: &str| {
            let row = list.as_array().unwrap().iter().find(|row| row["group"] == name).unwrap();
            row["holds"].as_u64().unwrap()
        };
        assert_eq!((holds("acme/keepers"), holds("acme/next") > 64), (0, true));
    }
}
