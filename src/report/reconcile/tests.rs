mod attacks;

use super::*;
use crate::event::{Ending, Event, MAX_ROOT_FINDINGS, Made, Mode, Opening, Purpose, Sealing, Shown};
use crate::name::{Factor, GroupId, ProjectId, Provider};
use proptest::prelude::*;

const NUMBER: &str = "111122223333";
const CEREMONY: Hash = Bytes([9; 64]);

fn at(minutes: i64) -> Time {
    Time::parse("2026-03-01T00:00:00.000Z").unwrap() + Span::minutes(minutes)
}

fn account() -> AccountId {
    AccountId(Bytes([1; 32]))
}

fn sealed(version: u64, shown: Shown) -> Event {
    sealed_factor(Factor::Password, version, shown)
}

/// Its credential is its version, repeated.
fn sealed_factor(factor: Factor, version: u64, shown: Shown) -> Event {
    Event::Sealed(Sealing {
        credential: Bytes([u8::try_from(version).unwrap(); 64]),
        account: account(),
        factor,
        version,
        group: GroupId(Bytes([2; 32])),
        epoch: 1,
        gate_epoch: 1,
        payload: Bytes([0; 64]),
        dealing: Bytes([0; 64]),
        origin: Bytes([0; 64]),
        address: "acme/web/prod".to_owned(),
        provider: Provider::Aws,
        external_id: NUMBER.to_owned(),
        made: Made::Generated,
        shown,
    })
}

fn opened(ceremony: Hash, from: i64, until: i64) -> Event {
    Event::Opened(Opening {
        ceremony,
        nonce: Bytes([0; 32]),
        purpose: Purpose::Open,
        mode: Mode::Files,
        operator: "brisk-tern-door".parse().unwrap(),
        targets: Bytes([0; 64]),
        count: 1,
        reason: Bytes([0; 64]),
        ticket: None,
        size: 1,
        root: Bytes([0; 32]),
        asked: at(from),
        expires: at(until),
        requester_key: Bytes([0; 32]),
        gate_key: Bytes([0; 32]),
        signature: Bytes([0; 64]),
    })
}

fn released(ceremony: Hash, version: u8) -> Event {
    Event::Released { ceremony, target: 0, credential: Bytes([version; 64]), custodians: Vec::new() }
}

/// Sealed after an hour; a ceremony opened at 100, released at 110, closed at 120.
fn log() -> Vec<(Time, Event)> {
    let created = Event::AccountCreated {
        account: account(),
        project: ProjectId(Bytes([3; 32])),
        slug: "prod".parse().unwrap(),
        name: None,
        provider: Provider::Aws,
        external_id: NUMBER.to_owned(),
    };
    vec![
        (at(0), created),
        (at(60), sealed(1, Shown::Nobody)),
        (at(100), opened(CEREMONY, 100, 200)),
        (at(110), released(CEREMONY, 1)),
        (at(120), Event::Ended { ceremony: CEREMONY, how: Ending::Closed }),
    ]
}

fn history(log: &[(Time, Event)]) -> History {
    let mut history = History::default();
    log.iter().for_each(|(time, event)| history.note(*time, event));
    history
}

/// An hour of grace, judged so many minutes after the beginning.
fn rules(now: i64) -> Rules {
    Rules { grace: Span::minutes(60), now: at(now) }
}

fn event(id: u8, minute: i64, what: RootUse) -> RootEvent {
    RootEvent {
        id: Bytes([id; 32]),
        account: AccountNumber::parse(NUMBER).unwrap(),
        time: at(minute),
        session: None,
        what,
        failed: false,
        mfa: Some(true),
        name: "ConsoleLogin".into(),
        from: "198.51.100.7".into(),
        agent: "Mozilla".into(),
    }
}

fn sign_in(id: u8, minute: i64) -> RootEvent {
    event(id, minute, RootUse::SignIn)
}

fn gather(history: &History, events: impl IntoIterator<Item = RootEvent>) -> Gathered {
    let mut gathered = Gathered { period: Some((at(0), at(5000))), ..Gathered::default() };
    events.into_iter().for_each(|event| gathered.take(history, event));
    gathered
}

fn verdict(log: &[(Time, Event)], event: RootEvent, now: i64) -> Verdict {
    let history = history(log);
    of_cloudtrail(&history, &gather(&history, [event]), rules(now)).judged[0].fact.verdict
}

const EXPLAINED: Verdict = Verdict::Explained(By::Ceremony(CEREMONY));

#[test]
fn a_window_is_from_the_release_to_a_grace_after_the_end() {
    let log = log();
    for (minute, expected) in [
        (30, Verdict::Before),
        (59, Verdict::Before),
        (60, Verdict::Unexplained),
        (105, Verdict::Unexplained),
        (108, Verdict::Unexplained),
        (109, EXPLAINED),
        (110, EXPLAINED),
        (120, EXPLAINED),
        (180, EXPLAINED),
        (181, Verdict::Unexplained),
    ] {
        assert_eq!(verdict(&log, sign_in(1, minute), 10_000), expected, "{minute}");
    }
}

#[test]
fn an_opening_without_a_release_explains_nothing() {
    let mut log = log();
    log.remove(3);
    assert_eq!(verdict(&log, sign_in(1, 115), 10_000), Verdict::Unexplained);
}

#[test]
fn another_accounts_ceremony_explains_nothing() {
    let mut log = log();
    let mut other = log[0].1.clone();
    if let Event::AccountCreated { account, external_id, .. } = &mut other {
        (*account, *external_id) = (AccountId(Bytes([8; 32])), "999900001111".to_owned());
    }
    log.push((at(121), other));
    let stranger = RootEvent { account: AccountNumber::parse("999900001111").unwrap(), ..sign_in(1, 115) };
    assert_eq!(verdict(&log, stranger, 10_000), Verdict::Before, "nothing was ever sealed for it");
}

#[test]
fn a_ceremony_that_ran_out_ends_at_its_expiry_however_late_it_was_closed() {
    let mut log = log();
    log[4].0 = at(9000);
    assert_eq!(verdict(&log, sign_in(1, 260), 10_000), EXPLAINED);
    assert_eq!(verdict(&log, sign_in(1, 261), 10_000), Verdict::Unexplained);
    log.pop();
    assert_eq!(verdict(&log, sign_in(1, 260), 10_000), EXPLAINED, "never closed");
}

#[test]
fn a_session_that_began_in_a_window_explains_what_was_done_in_it() {
    let log = log();
    let call =
        |begun: i64, minute| RootEvent { session: Some(at(begun)), ..event(1, minute, RootUse::Called) };
    assert_eq!(verdict(&log, call(115, 400), 10_000), EXPLAINED);
    assert_eq!(verdict(&log, call(115, 115 + 721), 10_000), Verdict::Unexplained, "no session is so long");
    assert_eq!(verdict(&log, call(190, 400), 10_000), Verdict::Unexplained, "begun outside");
    assert_eq!(verdict(&log, call(300, 290), 10_000), Verdict::Unexplained, "begun after the call");
    assert_eq!(verdict(&log, call(50, 70), 10_000), Verdict::Unexplained, "begun before the first seal");
    let again = RootEvent { session: Some(at(115)), ..sign_in(1, 400) };
    assert_eq!(verdict(&log, again, 10_000), Verdict::Unexplained, "who signs in begins a session");
}

#[test]
fn what_is_fresh_is_pending_and_what_is_explained_is_not() {
    let log = log();
    assert_eq!(verdict(&log, sign_in(1, 300), 314), Verdict::Pending);
    assert_eq!(verdict(&log, sign_in(1, 300), 315), Verdict::Unexplained);
    assert_eq!(verdict(&log, sign_in(1, 300), 200), Verdict::Pending, "of a clock that is ahead");
    assert_eq!(verdict(&log, sign_in(1, 115), 116), EXPLAINED);
}

#[test]
fn a_refused_attempt_is_no_use_but_a_refused_call_is_one() {
    let log = log();
    let refused = |what, minute| RootEvent { failed: true, ..event(1, minute, what) };
    assert_eq!(verdict(&log, refused(RootUse::SignIn, 300), 10_000), Verdict::Failed(None));
    assert_eq!(
        verdict(&log, refused(RootUse::PasswordRecoveryRequested, 300), 10_000),
        Verdict::Failed(None)
    );
    let during = Verdict::Failed(Some(By::Ceremony(CEREMONY)));
    assert_eq!(verdict(&log, refused(RootUse::SignIn, 115), 10_000), during);
    assert_eq!(verdict(&log, refused(RootUse::Called, 300), 10_000), Verdict::Unexplained, "somebody was in");
    assert_eq!(verdict(&log, refused(RootUse::MfaDeactivated, 300), 10_000), Verdict::Unexplained);
}

#[test]
fn a_hand_over_at_a_seal_explains_for_a_while_and_a_seal_that_nobody_saw_does_not() {
    let mut log = log();
    log.push((at(500), sealed(2, Shown::Screen)));
    let by = Verdict::Explained(By::Sealing(2));
    assert_eq!(verdict(&log, event(1, 505, RootUse::PasswordUpdated), 10_000), by);
    assert_eq!(verdict(&log, sign_in(1, 561), 10_000), Verdict::Unexplained);
    assert_eq!(verdict(&log, sign_in(1, 65), 10_000), Verdict::Unexplained);
}

#[test]
fn of_two_windows_the_later_one_explains() {
    let mut log = log();
    let second = Bytes([7; 64]);
    log.extend([(at(150), opened(second, 150, 200)), (at(155), released(second, 1))]);
    let by = |hash| Verdict::Explained(By::Ceremony(hash));
    assert_eq!(verdict(&log, sign_in(1, 152), 10_000), by(CEREMONY));
    assert_eq!(verdict(&log, sign_in(1, 160), 10_000), by(second));
}

#[test]
fn ceremonies_without_a_use_are_told_if_the_records_are_of_their_time() {
    let (log, none) = (log(), Vec::<Unused>::new());
    let history = history(&log);
    let of = |events: Vec<RootEvent>, period, now| {
        let gathered = Gathered { period, ..gather(&history, events) };
        let outcome = of_cloudtrail(&history, &gathered, rules(now));
        (outcome.unused, outcome.awaited)
    };
    let one = vec![Unused { released: at(110), ceremony: CEREMONY, account: account() }];
    let whole = Some((at(0), at(5000)));
    assert_eq!(of(vec![], whole, 10_000), (one.clone(), none.clone()));
    assert_eq!(of(vec![sign_in(1, 130)], whole, 10_000), (none.clone(), none.clone()));
    assert_eq!(of(vec![sign_in(1, 300)], whole, 10_000), (one.clone(), none.clone()));
    let refused = RootEvent { failed: true, ..sign_in(1, 130) };
    assert_eq!(of(vec![refused], whole, 10_000), (one.clone(), none.clone()), "nobody came in");
    assert_eq!(of(vec![], whole, 194), (none.clone(), one.clone()), "the record may be on its way");
    assert_eq!(of(vec![], whole, 195), (one, none.clone()));
    for other in [None, Some((at(111), at(5000))), Some((at(0), at(179)))] {
        assert_eq!(of(vec![], other, 10_000), (none.clone(), none.clone()), "{other:?}");
    }
}

#[test]
fn copies_count_once_whatever_their_order() {
    let history = history(&log());
    let (one, other) = (sign_in(1, 115), RootEvent { agent: "Lynx".into(), ..sign_in(1, 115) });
    for events in [[one.clone(), other.clone()], [other.clone(), one]] {
        let gathered = gather(&history, events);
        assert_eq!((gathered.uses.len(), gathered.copies, gathered.disagreeing), (1, 1, 0));
        let outcome = of_cloudtrail(&history, &gathered, rules(10_000));
        assert_eq!(outcome.judged[0].fact.verdict, EXPLAINED);
        assert_eq!(outcome.judged[0].record.as_ref(), Some(&other));
    }
}

#[test]
fn accounts_that_are_not_in_the_log_are_counted_and_judged_by_nobody() {
    let history = history(&log());
    let stranger = |id, minute| RootEvent {
        account: AccountNumber::parse("999900001111").unwrap(),
        ..sign_in(id, minute)
    };
    let gathered = gather(&history, [stranger(1, 300), stranger(2, 100), stranger(1, 300), sign_in(3, 115)]);
    let expected = Unknown { uses: 2, period: (at(100), at(300)) };
    assert_eq!(gathered.unknown.values().collect::<Vec<_>>(), [&expected]);
    assert_eq!((gathered.uses.len(), gathered.copies), (1, 1));
}

/// Enters an outcome's entries as a commit would.
fn enter(
    log: &mut Vec<(Time, Event)>,
    history: &mut History,
    outcome: &Outcome,
    now: i64,
) -> Vec<Reconciliation> {
    let entries = outcome.entries(history);
    for (entry, record) in &entries {
        let event = Event::Reconciled(entry.clone());
        history.note(at(now), &event);
        log.push((at(now), event));
        assert_eq!(crate::event::record_hash(record), entry.facts);
        history.remember(serde_json::from_slice(record).unwrap());
    }
    entries.into_iter().map(|(entry, _)| entry).collect()
}

#[test]
fn a_second_run_enters_nothing_and_a_later_one_only_what_is_new() {
    let mut log = log();
    let mut history = history(&log);
    let events = vec![sign_in(1, 115), sign_in(2, 300), sign_in(3, 390)];
    let first = of_cloudtrail(&history, &gather(&history, events.clone()), rules(400));
    let entries = enter(&mut log, &mut history, &first, 400);
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.explained, entry.unexplained, entry.pending), (1, 1, 1));
    assert_eq!(entry.findings.len(), 1);
    let again = of_cloudtrail(&history, &gather(&history, events.clone()), rules(401));
    assert_eq!(again.alarms(), 1, "it is told again");
    assert!(again.judged.iter().all(|one| one.entered));
    assert!(enter(&mut log, &mut history, &again, 401).is_empty());
    // What was pending is decided, though its record is not among the files.
    let later = of_cloudtrail(&history, &gather(&history, [sign_in(4, 116)]), rules(1000));
    let entries = enter(&mut log, &mut history, &later, 1000);
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.explained, entry.unexplained, entry.pending), (1, 1, 0));
    assert_eq!(entry.findings[0].at, Some(at(390)));
    let all = of_cloudtrail(&history, &gather(&history, events), rules(1001));
    assert!(enter(&mut log, &mut history, &all, 1001).is_empty());
}

#[test]
fn another_grace_is_another_verdict_and_is_entered() {
    let mut log = log();
    let mut history = history(&log);
    let judge = |history: &History, grace| {
        let rules = Rules { grace: Span::minutes(grace), now: at(10_000) };
        of_cloudtrail(history, &gather(history, [sign_in(1, 200)]), rules)
    };
    for (grace, made) in [(60, 1), (60, 0), (120, 1), (120, 0), (60, 1)] {
        let outcome = judge(&history, grace);
        assert_eq!(enter(&mut log, &mut history, &outcome, 10_000).len(), made, "{grace}");
    }
}

#[test]
fn a_period_without_any_use_is_entered_once() {
    let log = log();
    let mut history = history(&log);
    let mut log = log;
    let look = |history: &History, from, to| {
        let gathered = Gathered { period: Some((at(from), at(to))), ..Gathered::default() };
        of_cloudtrail(history, &gathered, rules(10_000))
    };
    for (from, to, made) in [
        (1000, 2000, 1),
        (1000, 2000, 0),
        (1200, 1800, 0),
        (1500, 3000, 1),
        (1000, 3000, 0),
        (999, 1000, 1),
        (4000, 5000, 1),
        (999, 5000, 1),
        (3000, 4000, 0),
    ] {
        let outcome = look(&history, from, to);
        assert_eq!(enter(&mut log, &mut history, &outcome, 10_000).len(), made, "{from} {to}");
    }
}

#[test]
fn many_findings_take_several_entries_each_within_its_bounds() {
    let log = log();
    let mut history = history(&log);
    let mut log = log;
    let many = 2 * MAX_ROOT_FINDINGS + 10;
    let events: Vec<_> = (0..many)
        .map(|n| RootEvent {
            id: fact(&history, &account(), Some(at(n as i64)), RootUse::Called, Verdict::Pending).fact.id,
            ..sign_in(0, 300 + n as i64)
        })
        .collect();
    let outcome = of_cloudtrail(&history, &gather(&history, events), rules(10_000));
    let entries = enter(&mut log, &mut history, &outcome, 10_000);
    assert_eq!(entries.len(), 3);
    assert_eq!(entries.iter().map(|entry| entry.unexplained).sum::<u64>(), many as u64);
    for entry in entries {
        assert_eq!(entry.findings.len() as u64, entry.unexplained);
        let whole = crate::event::Entry {
            v: 1,
            time: at(0),
            actor: crate::event::Actor::Host,
            event: Event::Reconciled(entry),
        };
        assert!(whole.to_line().is_ok());
    }
}

fn row(used: Option<i64>, mfa: Option<bool>, key: Option<bool>) -> RootRow {
    RootRow {
        account: AccountNumber::parse(NUMBER).unwrap(),
        password_used: used.map(at),
        mfa,
        keys: [key, None],
        keys_used: [None, None],
    }
}

#[test]
fn a_credential_report_is_held_against_the_same_windows() {
    let history = history(&log());
    let of = |row| {
        let outcome = of_credential_reports(&history, &[(account(), row)], rules(10_000));
        outcome.judged.iter().map(|one| (one.fact.what, one.fact.verdict)).collect::<Vec<_>>()
    };
    let used = |minute| of(row(Some(minute), None, None));
    assert_eq!(used(115), [(RootUse::PasswordUsed, EXPLAINED)]);
    assert_eq!(used(300), [(RootUse::PasswordUsed, Verdict::Unexplained)]);
    assert_eq!(used(10), [(RootUse::PasswordUsed, Verdict::Before)]);
    assert_eq!(of(row(None, None, None)), []);
    assert!(of(row(None, Some(false), Some(true))).iter().all(|(_, verdict)| *verdict == Verdict::Weak));
    assert!(of(row(None, Some(true), Some(false))).iter().all(|(_, verdict)| *verdict == Verdict::Sound));
}

#[test]
fn a_weakness_is_entered_when_it_comes_and_when_it_goes() {
    let log = log();
    let mut history = history(&log);
    let mut log = log;
    for (mfa, made, weak) in
        [(true, 1, 0), (true, 0, 0), (false, 1, 1), (false, 0, 0), (true, 1, 0), (false, 1, 1)]
    {
        let outcome =
            of_credential_reports(&history, &[(account(), row(None, Some(mfa), None))], rules(10_000));
        let entries = enter(&mut log, &mut history, &outcome, 10_000);
        assert_eq!((entries.len(), entries.iter().map(|e| e.weak).sum::<u64>()), (made, weak), "{mfa}");
    }
}

#[test]
fn calls_of_one_session_are_one_line_and_alarms_come_first() {
    let history = history(&log());
    let call = |id, minute, name: &str| RootEvent { name: name.into(), ..event(id, minute, RootUse::Called) };
    let events = [
        sign_in(1, 115),
        call(2, 116, "ListBuckets"),
        call(3, 118, "ListBuckets"),
        call(4, 117, "GetUser"),
        sign_in(5, 300),
    ];
    let outcome = of_cloudtrail(&history, &gather(&history, events), rules(10_000));
    let lines = lines(&outcome);
    let told: Vec<_> = lines.iter().map(|line| (line.verdict, line.what, line.count)).collect();
    assert_eq!(
        told,
        [
            (Verdict::Unexplained, RootUse::SignIn, 1),
            (EXPLAINED, RootUse::SignIn, 1),
            (EXPLAINED, RootUse::Called, 3)
        ]
    );
    let names: Vec<_> = lines[2].names.iter().map(|name| &**name).collect();
    assert_eq!((names, lines[2].times), (vec!["ListBuckets", "GetUser"], Some((at(116), at(118)))));
}

proptest! {
    #[test]
    fn every_use_has_one_verdict_and_only_windows_explain(minute in 0i64..1000, now in 0i64..2000) {
        let verdict = verdict(&log(), sign_in(1, minute), now);
        let expected = match minute {
            109..=180 => EXPLAINED,
            0..60 => Verdict::Before,
            _ if now - minute < 15 => Verdict::Pending,
            _ => Verdict::Unexplained,
        };
        prop_assert_eq!(verdict, expected);
    }
}
