//! What an auditor finds in a log that somebody altered, and what it is called.
//! The vault's own verification is in `bad_vaults.rs`; here is the engine alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

#[path = "support/history.rs"]
#[allow(dead_code)]
mod history;

use history::{Copy, History, sign};
use warifu::audit::Tampering::{
    Changed, Dropped, Forked, Inserted, RolledBack, Swapped, Truncated, Unsigned,
};
use warifu::audit::{Lack, Options, Tampering, Verdict, verify};
use warifu::event::{Actor, Ending, Entry, Event, Line};
use warifu::hex::Bytes;
use warifu::log::entry::EntryBytes;
use warifu::log::note::{KeyType, VerifierKey};
use warifu::state::{Past, Standing};

/// What was found, the first bad entry first.
fn said(verdict: &Verdict) -> String {
    verdict.findings.first().map(ToString::to_string).unwrap_or_default()
}

/// A history of more than one bundle; a ceremony ends at its last entry.
fn history() -> History {
    let mut history = History::new();
    for _ in 0..30 {
        let credential = history.account();
        history.ceremony(credential);
    }
    assert!(history.entries.len() > 256);
    history
}

fn check(log: &Copy) -> Verdict {
    verify(log, &Options::default(), &mut |_, _| {})
}

fn against(log: &Copy, old: &str) -> Verdict {
    verify(log, &Options { against: Some(old.as_bytes()), ..Options::default() }, &mut |_, _| {})
}

#[track_caller]
fn found(verdict: &Verdict, entry: Option<usize>, fits: &[Tampering]) {
    let first = verdict.findings.first().unwrap_or_else(|| panic!("nothing was found"));
    assert_eq!(first.entry, entry.map(|index| index as u64), "{}", said(verdict));
    assert_eq!(first.tampering, fits, "{}", said(verdict));
    assert!(verdict.state.is_none(), "no state of a bad log is given out");
}

/// The same entry with something else in it that is well formed.
fn altered(entry: &EntryBytes, from: &str, to: &str) -> EntryBytes {
    assert!(entry.as_str().contains(from), "{entry:?}");
    EntryBytes::new(entry.as_str().replacen(from, to, 1).into_bytes()).unwrap()
}

fn position(entries: &[Option<EntryBytes>], kind: &str, nth: usize) -> usize {
    let of_kind = |(_, entry): &(usize, &Option<EntryBytes>)| {
        entry.as_ref().unwrap().as_str().contains(&format!("\"event\":{{\"{kind}\""))
    };
    entries.iter().enumerate().filter(of_kind).nth(nth).unwrap().0
}

#[test]
fn a_good_log_is_good_with_its_entries_span_and_root() {
    let history = history();
    let verdict = check(&history.log());
    assert!(verdict.is_good(), "{}", said(&verdict));
    assert_eq!(verdict.entries, history.entries.len() as u64);
    assert_eq!(verdict.signatures as usize, history.claims.len() + signatures_of_the_world(&history));
    assert!(verdict.from.unwrap().to_string().starts_with("2026-03-01T09:00"), "{:?}", verdict.from);
    assert_eq!(verdict.to, Some(history.state.last));
    let Some(warifu::audit::State::Organisation(state)) = verdict.state else { panic!("no state") };
    assert_eq!(*state, history.state);
}

/// Gate, six cards, five members, three admissions and three bindings.
fn signatures_of_the_world(_: &History) -> usize {
    1 + 6 + 5 + 3 + 3
}

#[test]
fn an_entry_changed_under_its_stored_hash_is_named_for_certain() {
    let mut log = history().log();
    let at = position(&log.entries, "account-created", 7);
    let entry = log.entries[at].take().unwrap();
    log.entries[at] = Some(altered(&entry, "\"slug\":\"account-", "\"slug\":\"bccount-"));
    found(&check(&log), Some(at), &[Changed]);
}

#[test]
fn a_changed_entry_that_breaks_a_rule_is_named_without_its_stored_hash() {
    let mut log = history().log();
    let at = position(&log.entries, "sealed", 20);
    let entry = log.entries[at].take().unwrap();
    log.entries[at] = Some(altered(&entry, "\"version\":1", "\"version\":2"));
    found(&check(&log.with_matching_hashes()), Some(at), &[Changed, Swapped]);
}

#[test]
fn an_entry_whose_signer_did_not_sign_it_is_named() {
    let mut log = history().log();
    let at = position(&log.entries, "accepted", 41);
    let entry = log.entries[at].take().unwrap();
    let (_, after) = entry.as_str().split_once("\"root\":\"").unwrap();
    let (root, other) = (&after[..64], "0a".repeat(32));
    log.entries[at] = Some(altered(&entry, root, &other));
    let verdict = check(&log.with_matching_hashes());
    found(&verdict, Some(at), &[Changed]);
    assert!(said(&verdict).contains("the signature of"), "{}", said(&verdict));
}

#[test]
fn a_change_that_breaks_no_rule_is_found_but_has_no_place() {
    let history = history();
    let mut log = history.log();
    let at = position(&log.entries, "ended", 12);
    let entry = log.entries[at].take().unwrap();
    log.entries[at] = Some(altered(&entry, "\"closed\"", "\"aborted\""));
    let log = log.with_matching_hashes();
    let verdict = check(&log);
    found(&verdict, None, &[Changed, Swapped]);
    // The next operator signed for what was there before: it is none of the later ones.
    let next = at + 4;
    assert!(said(&verdict).contains(&format!("one of the first {next} was")), "{}", said(&verdict));
    let verdict = against(&log, &sign(&history.world, &history.entries[..at]));
    assert!(said(&verdict).contains(&format!("one from {at} to ")), "{}", said(&verdict));
    let verdict = against(&log, &sign(&history.world, &history.entries[..at + 1]));
    assert!(said(&verdict).contains(&format!("one of the first {}", at + 1)), "{}", said(&verdict));
}

#[test]
fn swapped_entries_are_put_back_to_prove_it() {
    let history = history();
    for (one, other) in [(40, 41), (60, 200), (61, 62)] {
        let mut log = history.log();
        log.entries.swap(one, other);
        found(&check(&log), Some(one), &[Swapped]);
        found(&check(&log.with_matching_hashes()), Some(one), &[Swapped]);
    }
}

#[test]
fn an_entry_that_was_taken_out_leaves_fewer_than_were_signed() {
    let history = history();
    let at = 100;
    let mut log = history.log();
    log.entries.remove(at);
    found(&check(&log), Some(at), &[Dropped]);
    let verdict = check(&log.with_matching_hashes());
    let first = verdict.findings[0].entry.unwrap() as usize;
    assert_eq!(verdict.findings[0].tampering, [Dropped], "{}", said(&verdict));
    assert!((at..at + 8).contains(&first), "{}", said(&verdict));
}

#[test]
fn an_entry_that_was_put_in_is_left_out_to_prove_it() {
    let history = history();
    let mut log = history.log();
    let at = position(&log.entries, "released", 9);
    log.entries.insert(at, log.entries[at].clone());
    let log = log.with_matching_hashes();
    let verdict = check(&log);
    assert_eq!(verdict.findings[0].tampering, [Inserted], "{}", said(&verdict));
    assert!([at, at + 1].contains(&(verdict.findings[0].entry.unwrap() as usize)), "{}", said(&verdict));
}

#[test]
fn an_entry_after_the_signed_ones_is_found() {
    let history = history();
    let mut log = history.log();
    let count = log.entries.len();
    log.entries.push(log.entries[count - 1].clone());
    found(&check(&log.with_matching_hashes()), Some(count), &[Inserted]);
}

#[test]
fn a_cut_off_end_is_not_taken_for_a_hole() {
    let history = history();
    let mut log = history.log();
    let kept = log.entries.len() - 8;
    log.entries.truncate(kept);
    // The stored hashes are all there and lead to the signed root.
    found(&check(&log), Some(kept), &[Truncated]);
    found(&check(&log.clone().with_matching_hashes()), Some(kept), &[Truncated, Dropped]);
    let mut log = history.log();
    log.entries[kept] = None;
    found(&check(&log), Some(kept), &[Changed]);
}

#[test]
fn an_older_state_that_was_put_back_is_found_by_whoever_kept_a_checkpoint() {
    let history = history();
    let (now, before) = (history.entries.len(), history.entries.len() - 11);
    let old = Copy::signed(&history.world, history.entries[..before].to_vec());
    assert!(check(&old).is_good(), "alone it cannot be told");
    let verdict = against(&old, &sign(&history.world, &history.entries));
    found(&verdict, Some(before), &[RolledBack, Forked]);
    let verdict = against(&history.log(), &sign(&history.world, &history.entries[..before]));
    assert!(verdict.is_good() && verdict.extends == Some(before as u64), "{}", said(&verdict));
    assert!(against(&history.log(), &sign(&history.world, &history.entries[..now])).is_good());
    assert!(against(&history.log(), &sign(&history.world, &[])).is_good());
}

#[test]
fn two_histories_under_one_key_are_a_fork() {
    let mut history = history();
    let fork = history.entries.len();
    let mut other = history.entries.clone();
    let ended = |how| Event::Ended { ceremony: Bytes([3; 64]), how };
    let entry =
        |how| Entry { v: 1, time: history.now, actor: Actor::Host, event: ended(how) }.to_line().unwrap();
    other.push(entry(Ending::Aborted));
    let credential = history.account();
    history.ceremony(credential);
    let verdict = against(&history.log(), &sign(&history.world, &other));
    found(&verdict, None, &[Forked]);
    assert_eq!(other.len(), fork + 1);
}

#[test]
fn a_rule_broken_under_the_logs_own_signature_is_found() {
    let history = history();
    let mut entries = history.entries.clone();
    let at = position(&history.log().entries, "revealed", 3);
    entries[at] = altered(&entries[at], "\"screen\"", "\"command\"");
    let verdict = check(&Copy::signed(&history.world, entries));
    found(&verdict, Some(at), &[Changed, Inserted]);
    assert!(said(&verdict).contains("the log's key signed it so"), "{}", said(&verdict));
}

#[test]
fn a_checkpoint_missing_unsigned_or_wrongly_signed_is_found() {
    let history = history();
    let good = history.log();
    let note = String::from_utf8(good.note.clone().unwrap()).unwrap();
    let with = |note: Result<String, Lack>| Copy { note: note.map(String::into_bytes), ..good.clone() };
    let root = note.lines().nth(2).unwrap();
    let other_root = note.replacen(root, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", 1);
    let another = History::new();
    let bad = [
        with(Err(Lack::Missing)),
        with(Ok("Dear all".to_owned())),
        with(Ok(other_root)),
        with(Ok(note.split_once("\n\n").unwrap().0.to_owned() + "\n\n")),
        with(Ok(sign(&another.world, &history.entries).replace("vault.example", "vault.example.org"))),
    ];
    for log in bad {
        let verdict = check(&log);
        let fits = [Tampering::Unsigned];
        assert!(verdict.findings.iter().any(|f| f.tampering == fits), "{:?}", verdict.findings);
        assert_eq!(
            verdict.findings.iter().filter(|f| f.tampering != fits).count(),
            0,
            "{:?}",
            verdict.findings
        );
    }
    assert_eq!(Unsigned.as_str(), "unsigned or wrongly signed");
}

#[test]
fn a_log_of_another_key_is_not_the_pinned_one() {
    let history = history();
    let (origin, gate) = (history.state.origin.to_string(), history.state.gate().clone());
    let pinned = VerifierKey::new(&origin, KeyType::Ed25519, &gate.log_key).unwrap();
    let with =
        |key| verify(&history.log(), &Options { key: Some(key), ..Options::default() }, &mut |_, _| {});
    assert!(with(&pinned).is_good());
    let stranger = history.world.operator.card.signing_key().public();
    let other = VerifierKey::new(&origin, KeyType::Ed25519, &stranger).unwrap();
    found(&with(&other), Some(0), &[Forked]);
}

#[test]
fn an_older_checkpoint_of_another_key_is_nothing_that_the_log_extends() {
    let history = history();
    let mut note = sign(&history.world, &history.entries[..9]);
    let at = note.len() - 10;
    note.replace_range(at..at + 1, if &note[at..=at] == "A" { "B" } else { "A" });
    let verdict = against(&history.log(), &note);
    assert!(!verdict.is_good() && verdict.extends.is_none());
    assert!(said(&against(&history.log(), "what")).contains("cannot be read"));
}

#[test]
fn the_evidence_of_a_period_is_verified_by_a_key_that_is_known() {
    let history = history();
    let mut log = history.log();
    log.first = 120;
    assert!(said(&check(&log)).contains("no entry states the log's key"));
    let key =
        VerifierKey::new(history.state.origin.as_str(), KeyType::Ed25519, &history.state.gate().log_key)
            .unwrap();
    let with = |log: &Copy| verify(log, &Options { key: Some(&key), ..Options::default() }, &mut |_, _| {});
    let verdict = with(&log);
    assert!(verdict.is_good(), "{}", said(&verdict));
    assert_eq!((verdict.first, verdict.entries), (120, history.entries.len() as u64));
    assert!(verdict.is_good() && verdict.signatures == 0);
    log.leaves[5] = Bytes([0; 32]);
    found(&with(&log), None, &[Changed, Swapped]);
}

#[test]
fn entries_of_newer_kinds_are_counted() {
    let history = history();
    let mut entries = history.entries.clone();
    let time = history.now;
    let text = format!(r#"{{"v":1,"time":"{time}","actor":"host","event":{{"moon-landed":{{"x":1}}}}}}"#);
    entries.push(EntryBytes::new(text.into_bytes()).unwrap());
    let line = Entry::from_line(entries.last().unwrap()).unwrap();
    assert!(matches!(line, Line::Unknown { .. }));
    let verdict = check(&Copy::signed(&history.world, entries));
    assert!(verdict.is_good() && verdict.unknown == 1, "{}", said(&verdict));
}

#[test]
fn what_no_rule_needs_any_more_is_forgotten() {
    let mut history = History::new();
    let credential = history.account();
    for _ in 0..50 {
        history.ceremony(credential);
    }
    let state = &history.state;
    assert!(state.used_steps.values().all(|steps| steps.len() <= 2), "{:?}", state.used_steps);
    assert!(state.versions.values().all(|v| v.loose_shares.is_empty()));
    // One a minute, and each could be opened for fifteen.
    assert!(state.ceremonies.is_empty() && state.spent.len() <= 15, "{}", state.spent.len());
    // The entries tell all of them still.
    let mut past = Past::default();
    for (index, line) in (0..).zip(&history.entries) {
        let Line::Known(entry) = Entry::from_line(line).unwrap() else { continue };
        past.note(index, entry.time, &entry.event);
    }
    assert_eq!(past.all().len(), 50);
    assert!(past.all().values().all(|c| c.accepted.len() == 3 && c.revealed.len() == 1));
    assert!(past.all().values().all(|c| c.standing == Standing::Ended(Ending::Closed)));
}
