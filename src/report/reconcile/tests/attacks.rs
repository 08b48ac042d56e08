//! What somebody might do so that a use is not told: add files to the folder, keep
//! an old session, hold a ceremony for something else.

use super::*;
use crate::event::RootFinding;

#[test]
fn a_record_with_a_used_id_and_other_contents_hides_nothing() {
    let mut log = log();
    let mut second = log[0].1.clone();
    if let Event::AccountCreated { account, external_id, .. } = &mut second {
        (*account, *external_id) = (AccountId(Bytes([8; 32])), "999900001111".to_owned());
    }
    log.push((at(121), second));
    let real = sign_in(1, 300);
    let elsewhere =
        |number: &str| RootEvent { account: AccountNumber::parse(number).unwrap(), ..real.clone() };
    let forgeries = [
        sign_in(1, 115),
        sign_in(1, 30),
        elsewhere("999900001111"),
        elsewhere("555566667777"),
        RootEvent { failed: true, ..real.clone() },
        RootEvent { session: Some(at(115)), what: RootUse::Called, ..real.clone() },
        RootEvent { name: "GetUser".into(), ..real.clone() },
    ];
    for forged in forgeries {
        for files in [[real.clone(), forged.clone()], [forged.clone(), real.clone()]] {
            // Of one run.
            let history = history(&log);
            let gathered = gather(&history, files.clone());
            assert_eq!((gathered.copies, gathered.disagreeing), (0, 1), "{forged:?}");
            let outcome = of_cloudtrail(&history, &gathered, rules(10_000));
            let is_real = |one: &Judged| one.record.as_ref() == Some(&real);
            let alarm = outcome.judged.iter().find(|one| is_real(one)).unwrap();
            assert_eq!(alarm.fact.verdict, Verdict::Unexplained, "{forged:?}");
            // Of several: in one order the real one is too fresh at first.
            let (mut log, mut history) = (log.clone(), super::history(&log));
            let [first, later] = files;
            let run = |history: &mut History, log: &mut Vec<_>, event: &RootEvent, now| {
                let outcome = of_cloudtrail(history, &gather(history, [event.clone()]), rules(now));
                enter(log, history, &outcome, now)
            };
            let before = run(&mut history, &mut log, &first, 301);
            let after = run(&mut history, &mut log, &later, 10_000);
            let findings: Vec<_> = before.iter().chain(&after).flat_map(|entry| &entry.findings).collect();
            let found = |one: &&&RootFinding| {
                (one.account, one.at, one.what) == (account(), Some(real.time), real.what)
            };
            assert!(findings.iter().any(|one| found(&one)), "{forged:?}: {findings:?}");
            assert!(run(&mut history, &mut log, &later, 10_001).is_empty(), "{forged:?}");
        }
    }
}

#[test]
fn a_session_from_before_the_sealing_excuses_nothing_after_it() {
    let log = log();
    let done = |begun: i64, minute, what| RootEvent { session: Some(at(begun)), ..event(1, minute, what) };
    for what in [RootUse::Called, RootUse::AccessKeyCreated, RootUse::MfaDeactivated, RootUse::RootAssumed] {
        assert_eq!(verdict(&log, done(50, 59, what), 10_000), Verdict::Before, "{what:?}");
        for minute in [60, 61, 95, 400] {
            let verdict = verdict(&log, done(50, minute, what), 10_000);
            assert_eq!(verdict, Verdict::Unexplained, "{what:?} at {minute}");
        }
        assert_eq!(verdict(&log, done(50, 115, what), 10_000), EXPLAINED, "by its own time");
        assert_eq!(verdict(&log, done(50, 70, what), 80), Verdict::Pending, "{what:?}");
    }
}

#[test]
fn opening_a_note_explains_no_sign_in() {
    for factor in Factor::ALL {
        let lets_in = [Factor::Password, Factor::Mfa, Factor::RecoveryCodes].contains(&factor);
        // In place of the ceremony's password.
        let mut other = log();
        other.insert(2, (at(70), sealed_factor(factor, 2, Shown::Nobody)));
        other[4].1 = released(CEREMONY, 2);
        let expected = if lets_in { EXPLAINED } else { Verdict::Unexplained };
        assert_eq!(verdict(&other, sign_in(1, 115), 10_000), expected, "{factor:?}");
        let history = history(&other);
        let outcome = of_cloudtrail(&history, &gather(&history, []), rules(10_000));
        let waited_for = factor == Factor::Password;
        assert_eq!(
            outcome.unused.len(),
            usize::from(waited_for),
            "{factor:?}: nobody signs in with it alone"
        );
        let outcome = of_cloudtrail(&history, &gather(&history, []), rules(150));
        assert_eq!(outcome.awaited.len(), usize::from(waited_for), "{factor:?}");
        // Shown to somebody when it was sealed.
        let mut shown = log();
        shown.push((at(500), sealed_factor(factor, 2, Shown::Screen)));
        let expected = if lets_in { Verdict::Explained(By::Sealing(2)) } else { Verdict::Unexplained };
        assert_eq!(verdict(&shown, sign_in(1, 505), 10_000), expected, "{factor:?}");
        // Sealed before the password.
        let mut early = log();
        early.insert(1, (at(20), sealed_factor(factor, 2, Shown::Nobody)));
        let expected = if factor == Factor::Password { Verdict::Unexplained } else { Verdict::Before };
        assert_eq!(verdict(&early, sign_in(1, 40), 10_000), expected, "{factor:?}");
        assert_eq!(verdict(&early, sign_in(1, 70), 10_000), Verdict::Unexplained, "{factor:?}");
    }
}
