use super::*;
use crate::log::checkpoint;
use crate::log::merkle::{consistency_proof, leaf_hash, root};
use crate::log::note::{LogSigner, NoteText};
use crate::secret::SecretKey;
use proptest::prelude::*;

const ORIGIN: &str = "vault.example/acme";

fn seed(fill: u8) -> SecretKey {
    SecretKey::from_slice(&[fill; 32]).unwrap()
}

fn log() -> LogSigner {
    LogSigner::new(ORIGIN, seed(1)).unwrap()
}

fn cosigner() -> Cosigner {
    Cosigner::new("witness.example", seed(2)).unwrap()
}

fn leaves(size: usize, fork: u8) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&[n as u8, if n >= 5 { fork } else { 0 }])).collect()
}

fn note(size: usize, fork: u8) -> Note {
    let body = Checkpoint { origin: ORIGIN.into(), size: size as u64, root: root(&leaves(size, fork)) };
    checkpoint::sign(&body, &log()).unwrap()
}

fn request(old: usize, size: usize, fork: u8) -> AddCheckpoint {
    let proof = consistency_proof(&leaves(size, fork), old.min(size) as u64, size as u64).unwrap();
    AddCheckpoint::new(old as u64, proof, note(size, fork)).unwrap()
}

fn ask(held: Option<&Held>, request: &AddCheckpoint) -> Result<(Held, Answer), Answer> {
    decide(held, request, &[log().verifier().clone()], &cosigner(), 1000)
}

/// What the witness holds after cosigning a log of that size.
fn held(size: usize) -> Held {
    ask(None, &request(0, size, 0)).unwrap().0
}

fn refused(held: Option<&Held>, request: &AddCheckpoint) -> Answer {
    ask(held, request).unwrap_err()
}

#[test]
fn the_example_of_the_specification_reads_and_prints() {
    let text = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
    let read = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!((read.old, read.proof.len(), read.checkpoint().size), (20_852_014, 4, 20_852_163));
    assert_eq!(read.to_string(), text);
}

#[test]
fn each_malformed_request_is_refused_by_name() {
    use RequestError as E;
    let good = request(5, 7, 0).to_string();
    let swap = |from: &str, to: &str| good.replacen(from, to, 1);
    let first = good.lines().nth(1).unwrap().to_owned();
    for (text, refused) in [
        (String::new(), E::NoEmptyLine),
        (swap("old 5\n", ""), E::Old),
        (swap("old 5", "old 05"), E::Old),
        (swap("old 5", "old +5"), E::Old),
        (swap("old 5", "old  5"), E::Old),
        (swap("old 5", "old 5 "), E::Old),
        (swap("old 5", "old"), E::Old),
        (swap("old 5", "old 18446744073709551616"), E::Old),
        (swap("old 5", "Old 5"), E::Old),
        (swap(&first, &first.replace('=', "")), E::Proof { line: 1 }),
        (swap(&first, "AAAA"), E::Proof { line: 1 }),
        (swap(&first, &format!("{first}\r")), E::Proof { line: 1 }),
        (swap("old 5\n", "old 5\n\n"), E::Checkpoint(CheckpointError::Lines)),
        (format!("{good}\n"), E::Checkpoint(NoteError::NoSignatures.into())),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()), Err(refused), "{text}");
    }
    let many = swap("old 5\n", &format!("old 5\n{}", format!("{first}\n").repeat(63)));
    assert_eq!(AddCheckpoint::parse(many.as_bytes()), Err(E::TooManyLines));
    let long = vec![b'x'; MAX_REQUEST + 1];
    assert_eq!(AddCheckpoint::parse(&long), Err(E::TooLong { length: long.len() }));
}

#[test]
fn extension_lines_are_refused() {
    let text = NoteText::new(format!("{}more\n", note(7, 0).unverified_text().as_str())).unwrap();
    let extended = Note::new(text.clone(), log().sign(&text));
    let refused = AddCheckpoint::parse(format!("old 0\n\n{extended}").as_bytes());
    assert_eq!(refused, Err(RequestError::Checkpoint(CheckpointError::Lines)));
}

#[test]
fn the_first_checkpoint_and_each_extension_are_cosigned() {
    let mut held: Option<Held> = None;
    for (old, size) in [(0, 1), (1, 4), (4, 4), (4, 7), (7, 12)] {
        let (next, answer) = ask(held.as_ref(), &request(old, size, 0)).unwrap();
        let Answer::Cosigned(lines) = &answer else { panic!("{answer:?}") };
        let text = note(size, 0).unverified_text().clone();
        assert!(Cosignature::among(cosigner().verifier(), &text, lines).is_ok());
        assert_eq!(Answer::read(answer.status(), answer.body().as_bytes()), Ok(answer));
        let kept = next.note().to_string();
        assert_eq!(Held::read(kept.as_bytes(), cosigner().verifier()).as_ref(), Ok(&next));
        assert!(checkpoint::open(kept.as_bytes(), log().verifier()).is_ok(), "the log's signature stays");
        held = Some(next);
    }
}

#[test]
fn unknown_log_is_404() {
    let other = LogSigner::new("else.example", seed(1)).unwrap();
    let known = [other.verifier().clone()];
    let answer = decide(None, &request(0, 7, 0), &known, &cosigner(), 1).unwrap_err();
    assert_eq!((answer.status(), answer), (404, Answer::UnknownLog));
}

#[test]
fn signature_of_no_trusted_key_is_403() {
    let other = LogSigner::new(ORIGIN, seed(9)).unwrap();
    let known = [other.verifier().clone()];
    let answer = decide(None, &request(0, 7, 0), &known, &cosigner(), 1).unwrap_err();
    assert_eq!((answer.status(), answer), (403, Answer::NotSigned));
    let text = request(0, 7, 0).to_string().replacen("\n7\n", "\n8\n", 1);
    let altered = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(refused(None, &altered), Answer::NotSigned);
}

#[test]
fn a_cosigners_key_is_no_logs() {
    let own = Cosigner::new(ORIGIN, seed(3)).unwrap();
    let answer = decide(None, &request(0, 7, 0), &[own.verifier().clone()], &cosigner(), 1).unwrap_err();
    assert_eq!(answer, Answer::UnknownLog);
}

#[test]
fn old_size_above_the_new_is_400() {
    let shrunk = AddCheckpoint::new(8, Vec::new(), note(7, 0)).unwrap();
    assert_eq!(refused(Some(&held(8)), &shrunk), Answer::Malformed);
}

#[test]
fn old_size_other_than_held_is_409_with_the_size() {
    let answer = refused(Some(&held(6)), &request(5, 7, 0));
    assert_eq!((answer.status(), answer.body().as_str()), (409, "6\n"));
    assert_eq!(refused(None, &request(5, 7, 0)), Answer::Conflict(0));
    assert_eq!(refused(Some(&held(7)), &request(0, 6, 0)), Answer::Conflict(7));
}

#[test]
fn same_size_with_another_root_is_409() {
    let fork = AddCheckpoint::new(7, Vec::new(), note(7, 1)).unwrap();
    assert_eq!(refused(Some(&held(7)), &fork), Answer::Conflict(7));
}

#[test]
fn a_fork_is_422_whatever_it_proves() {
    let held = held(7);
    let fork = request(7, 9, 1);
    assert_eq!(refused(Some(&held), &fork), Answer::NotExtended);
    let honest = consistency_proof(&leaves(9, 0), 7, 9).unwrap();
    let mixed = AddCheckpoint::new(7, honest, note(9, 1)).unwrap();
    assert_eq!((refused(Some(&held), &mixed).status(), mixed.old), (422, 7));
}

#[test]
fn a_proof_that_is_not_needed_is_422() {
    let stray = vec![Bytes([1; 32])];
    let first = AddCheckpoint::new(0, stray.clone(), note(7, 0)).unwrap();
    assert_eq!(refused(None, &first), Answer::NotExtended);
    let same = AddCheckpoint::new(7, stray, note(7, 0)).unwrap();
    assert_eq!(refused(Some(&held(7)), &same), Answer::NotExtended);
    let missing = AddCheckpoint::new(5, Vec::new(), note(7, 0)).unwrap();
    assert_eq!(refused(Some(&held(5)), &missing), Answer::NotExtended);
}

#[test]
fn a_clock_that_steps_back_dates_no_larger_tree_before_a_smaller() {
    let before = held(5);
    for now in [1000 - STEP_BACK, 999, 1000] {
        for next in [request(5, 5, 0), request(5, 7, 0)] {
            assert_eq!(decided_at(&before, &next, now).seconds, 1000, "at {now}");
        }
    }
    assert_eq!(decided_at(&before, &request(5, 7, 0), 1001).seconds, 1001);
}

#[test]
fn a_clock_that_was_ahead_does_not_stay_ahead_once_it_is_set_right() {
    let ahead = decided_at(&held(5), &request(5, 6, 0), 1000 + 365 * 86_400);
    assert_eq!(ahead.seconds, 1000 + 365 * 86_400, "what the clock says is what is stated");
    for next in [request(6, 6, 0), request(6, 7, 0)] {
        let right = decided_at(&ahead, &next, 2000);
        assert_eq!(right.seconds, 2000);
        let note = right.note();
        let own = Cosignature::among(cosigner().verifier(), note.unverified_text(), note.signatures());
        assert_eq!(own.unwrap().seconds(), 2000);
    }
}

fn decided_at(held: &Held, request: &AddCheckpoint, now: u64) -> Held {
    decide(Some(held), request, &[log().verifier().clone()], &cosigner(), now).unwrap().0
}

#[test]
fn what_is_held_without_the_own_cosignature_is_refused() {
    let kept = held(5).note().to_string();
    let other = Cosigner::new("witness.example", seed(8)).unwrap();
    assert_eq!(Held::read(kept.as_bytes(), other.verifier()), Err(NoteError::NotSigned));
    let altered = kept.replacen("\n5\n", "\n6\n", 1);
    let wrong = NoteError::BadSignature { name: "witness.example".into() };
    assert_eq!(Held::read(altered.as_bytes(), cosigner().verifier()), Err(wrong));
}

#[test]
fn answers_in_another_form_are_refused() {
    for (status, body) in [
        (200, ""),
        (200, "\n"),
        (200, "— w AAAA"),
        (200, "- w AAAAAAAA\n"),
        (200, "\u{2014} w !\n"),
        (409, ""),
        (409, "7"),
        (409, "07\n"),
        (409, "-1\n"),
        (409, "7\n\n"),
    ] {
        assert_eq!(Answer::read(status, body.as_bytes()), Err(AnswerError::Malformed), "{status} {body:?}");
    }
    assert_eq!(Answer::read(200, &[0xff, b'\n']), Err(AnswerError::Malformed));
    for status in [201, 204, 301, 429, 500] {
        assert_eq!(Answer::read(status, b""), Err(AnswerError::Status(status)));
    }
}

proptest! {
    #[test]
    fn a_witness_never_cosigns_what_does_not_extend(
        steps in prop::collection::vec((0usize..14, 0usize..14, 0u8..2), 1..12),
    ) {
        let mut now: Option<Held> = None;
        let mut branch: Option<u8> = None;
        for (old, size, fork) in steps {
            let size = size.max(1);
            let asked = request(old, size, fork);
            if let Ok((next, _)) = ask(now.as_ref(), &asked) {
                let before = now.as_ref().map_or(0, |h| h.checkpoint().size);
                prop_assert!(next.checkpoint().size >= before);
                if size > 5 {
                    prop_assert_eq!(*branch.get_or_insert(fork), fork, "two branches were cosigned");
                }
                now = Some(next);
            }
        }
    }

    #[test]
    fn no_bytes_crash_the_parsers(bytes in prop::collection::vec(any::<u8>(), 0..80), status: u16) {
        let _ = (AddCheckpoint::parse(&bytes), Answer::read(status, &bytes));
    }
}
