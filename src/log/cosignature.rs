//! Cosignatures that were verified, and notes that carry several of them. Whose
//! cosignatures suffice is not known here; whose must not be pushed out is told.

use super::note::{Note, NoteError, NoteText, Signature, VerifierKey};
use crate::hex::Bytes;

/// Most cosignatures that a kept note carries.
pub const MAX_COSIGNATURES: usize = 15;

/// Seconds (8 bytes) and Ed25519 signature.
pub const LENGTH: usize = 72;

/// A cosignature of one text by one key, verified: nothing else makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cosignature {
    key: VerifierKey,
    text: NoteText,
    seconds: u64,
    line: Signature,
}

impl Cosignature {
    /// Verifies a line that says it is by this key.
    pub fn verify(key: &VerifierKey, text: &NoteText, line: &Signature) -> Result<Self, NoteError> {
        if !line.is_by(key) {
            return Err(NoteError::NotSigned);
        }
        // A key of another type gives no time, and is no cosigner's.
        let seconds = key.check(text, line.bytes())?.ok_or(NoteError::NotSigned)?;
        Ok(Self { key: key.clone(), text: text.clone(), seconds, line: line.clone() })
    }

    /// Verifies what [`Cosignature::to_bytes`] gives.
    pub fn from_bytes(key: &VerifierKey, text: &NoteText, bytes: &Bytes<LENGTH>) -> Result<Self, NoteError> {
        Self::verify(key, text, &Signature::by(key, bytes.0.to_vec()))
    }

    /// Verifies the lines of a witness's answer: those of other keys are ignored;
    /// one by this key that is wrong refuses all. The latest of several counts.
    pub fn among(key: &VerifierKey, text: &NoteText, lines: &[Signature]) -> Result<Self, NoteError> {
        let own = lines.iter().filter(|line| line.is_by(key)).map(|line| Self::verify(key, text, line));
        let verified = own.collect::<Result<Vec<_>, _>>()?;
        verified.into_iter().max_by_key(|one| one.seconds).ok_or(NoteError::NotSigned)
    }

    /// `u64 seconds ‖ signature`, without name and key id.
    pub fn to_bytes(&self) -> Bytes<LENGTH> {
        Bytes::from_slice(self.line.bytes()).expect("what verified has a time and a signature")
    }

    /// Whose.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// What was cosigned.
    pub fn text(&self) -> &NoteText {
        &self.text
    }

    /// When, in seconds since 1970, by the cosigner's clock.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

/// Whose lines a kept note has room for.
#[derive(Clone, Copy, Debug)]
pub struct Keeping<'a> {
    /// The log's own key, whose lines are not counted and stand first.
    pub log: &'a VerifierKey,
    /// Keys that others never push out: the witnesses that somebody waits for.
    pub before_others: &'a [VerifierKey],
}

/// A note with these cosignatures added. Those of other texts are left out; a
/// key has one line, with its latest time; of all lines but the log's own
/// [`MAX_COSIGNATURES`] stay, oldest first: those that go before others, and then
/// the newest.
pub fn with(note: &Note, keeping: Keeping<'_>, new: &[Cosignature]) -> Note {
    let fitting = new.iter().filter(|c| c.text() == note.unverified_text());
    add(note, keeping, fitting.map(|c| &c.line))
}

/// The same with the lines of another note of this text, which were verified
/// when they were put there.
pub fn joined(note: &Note, keeping: Keeping<'_>, kept: &Note) -> Note {
    let fits = kept.unverified_text() == note.unverified_text();
    add(note, keeping, kept.signatures().iter().filter(|line| fits && !line.is_by(keeping.log)))
}

fn add<'a>(note: &Note, keeping: Keeping<'_>, new: impl Iterator<Item = &'a Signature>) -> Note {
    let Keeping { log, before_others } = keeping;
    let mut own = note.signatures().iter().filter(|line| line.is_by(log)).cloned();
    let mut others: Vec<_> = note.signatures().iter().filter(|line| !line.is_by(log)).cloned().collect();
    for added in new {
        match others.iter_mut().find(|line| line.is_by_same(added)) {
            Some(line) if time(line) < time(added) => *line = added.clone(),
            Some(_) => {}
            None => others.push(added.clone()),
        }
    }
    others.sort_by_key(|line| (before_others.iter().any(|key| line.is_by(key)), time(line)));
    let mut kept = others.split_off(others.len().saturating_sub(MAX_COSIGNATURES));
    kept.sort_by_key(time);
    let mut lines = own.next().into_iter().chain(own).chain(kept);
    let Some(first) = lines.next() else { return note.clone() };
    let mut made = Note::new(note.unverified_text().clone(), first);
    // At most the lines that there were, and a few: below what a note may have.
    lines.all(|line| made.add(line).is_ok());
    made
}

/// A line's time; what is no cosignature counts as oldest.
fn time(line: &Signature) -> u64 {
    match line.bytes().split_first_chunk::<8>() {
        Some((seconds, rest)) if rest.len() == LENGTH - 8 => u64::from_be_bytes(*seconds),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::note::{Cosigner, LogSigner};
    use crate::secret::SecretKey;

    fn seed(fill: u8) -> SecretKey {
        SecretKey::from_slice(&[fill; 32]).unwrap()
    }

    fn text(size: u64) -> NoteText {
        NoteText::new(format!("o\n{size}\n{}\n", "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")).unwrap()
    }

    fn log() -> LogSigner {
        LogSigner::new("o", seed(1)).unwrap()
    }

    fn alone(log: &LogSigner) -> Keeping<'_> {
        Keeping { log: log.verifier(), before_others: &[] }
    }

    fn witness(fill: u8) -> Cosigner {
        Cosigner::new(&format!("w{fill}"), seed(fill)).unwrap()
    }

    fn cosigned(fill: u8, size: u64, seconds: u64) -> Cosignature {
        let (witness, text) = (witness(fill), text(size));
        Cosignature::verify(witness.verifier(), &text, &witness.cosign(&text, seconds).unwrap()).unwrap()
    }

    fn note() -> Note {
        Note::new(text(3), log().sign(&text(3)))
    }

    #[test]
    fn what_was_verified_reads_back_from_its_bytes() {
        let made = cosigned(2, 3, 77);
        let read = Cosignature::from_bytes(witness(2).verifier(), &text(3), &made.to_bytes());
        assert_eq!(read, Ok(made));
    }

    #[test]
    fn cosignature_of_another_text_time_or_key_is_refused() {
        let (made, key) = (cosigned(2, 3, 77), witness(2));
        let wrong = Err(NoteError::BadSignature { name: "w2".into() });
        assert_eq!(Cosignature::from_bytes(key.verifier(), &text(4), &made.to_bytes()), wrong);
        let mut later = made.to_bytes();
        later.0[7] += 1;
        assert_eq!(Cosignature::from_bytes(key.verifier(), &text(3), &later), wrong);
        let other = witness(3);
        assert!(Cosignature::from_bytes(other.verifier(), &text(3), &made.to_bytes()).is_err());
        let named = Cosignature::verify(other.verifier(), &text(3), &key.cosign(&text(3), 1).unwrap());
        assert_eq!(named, Err(NoteError::NotSigned));
    }

    #[test]
    fn signature_of_a_log_is_no_cosignature() {
        let line = log().sign(&text(3));
        assert_eq!(Cosignature::verify(log().verifier(), &text(3), &line), Err(NoteError::NotSigned));
    }

    #[test]
    fn of_an_answer_the_latest_counts_and_a_wrong_line_refuses_all() {
        let (key, other) = (witness(2), witness(3));
        let good = [5, 9, 7].map(|seconds| key.cosign(&text(3), seconds).unwrap());
        let stray = other.cosign(&text(9), 1).unwrap();
        let lines = [&good[..], std::slice::from_ref(&stray)].concat();
        assert_eq!(Cosignature::among(key.verifier(), &text(3), &lines).unwrap().seconds(), 9);
        let bad = [&good[..], &[key.cosign(&text(4), 10).unwrap()]].concat();
        let wrong = NoteError::BadSignature { name: "w2".into() };
        assert_eq!(Cosignature::among(key.verifier(), &text(3), &bad), Err(wrong));
        assert_eq!(Cosignature::among(key.verifier(), &text(3), &[stray]), Err(NoteError::NotSigned));
    }

    #[test]
    fn a_key_has_one_line_with_its_latest_time() {
        let once = with(&note(), alone(&log()), &[cosigned(2, 3, 50)]);
        let older = with(&once, alone(&log()), &[cosigned(2, 3, 40)]);
        assert_eq!(older, once);
        let newer = with(&once, alone(&log()), &[cosigned(2, 3, 60)]);
        let (_, signed) = newer.verify(&[witness(2).verifier().clone()]).unwrap();
        assert_eq!(signed.first().unwrap().seconds, Some(60));
        assert_eq!(newer.signatures().len(), 2);
    }

    #[test]
    fn cosignatures_of_another_text_are_left_out() {
        assert_eq!(with(&note(), alone(&log()), &[cosigned(2, 4, 50)]), note());
        let kept = with(&Note::new(text(4), log().sign(&text(4))), alone(&log()), &[cosigned(2, 4, 50)]);
        assert_eq!(joined(&note(), alone(&log()), &kept), note());
    }

    #[test]
    fn notes_of_one_text_are_joined() {
        let [one, two] = [2, 3].map(|fill| with(&note(), alone(&log()), &[cosigned(fill, 3, 50)]));
        let both = joined(&one, alone(&log()), &two);
        assert_eq!(both.signatures().len(), 3);
        assert_eq!(joined(&both, alone(&log()), &one), both);
    }

    #[test]
    fn the_fifteen_newest_stay_beside_the_logs_own() {
        let many: Vec<_> = (2..=21).map(|fill| cosigned(fill, 3, 1000 - u64::from(fill))).collect();
        let full = with(&note(), alone(&log()), &many);
        assert_eq!(full.signatures().len(), 1 + MAX_COSIGNATURES);
        let names: Vec<_> = full.signatures().iter().map(Signature::name).collect();
        assert_eq!(names.first(), Some(&"o"));
        assert!(names.contains(&"w2") && names.contains(&"w16") && !names.contains(&"w17"));
        assert!(full.verify(&[log().verifier().clone()]).is_ok());
    }

    #[test]
    fn newer_lines_do_not_push_out_those_that_somebody_waits_for() {
        let log = log();
        let waited: Vec<_> = (2..5).map(|fill| witness(fill).verifier().clone()).collect();
        let keeping = Keeping { log: log.verifier(), before_others: &waited };
        let old: Vec<_> = (2..5).map(|fill| cosigned(fill, 3, 10)).collect();
        let crowd: Vec<_> = (5..30).map(|fill| cosigned(fill, 3, 1000 + u64::from(fill))).collect();
        let names = |note: &Note| note.signatures().iter().map(|s| s.name().to_owned()).collect::<Vec<_>>();
        // Whichever comes first, and one after the other or at once.
        let mut one_by_one = with(&note(), keeping, &old);
        for newer in &crowd {
            one_by_one = with(&one_by_one, keeping, std::slice::from_ref(newer));
        }
        let last = with(&with(&note(), keeping, &crowd), keeping, &old);
        let notes = [
            one_by_one,
            last,
            joined(&with(&note(), keeping, &old), keeping, &with(&note(), keeping, &crowd)),
        ];
        for full in notes {
            let names = names(&full);
            assert_eq!(names.len(), 1 + MAX_COSIGNATURES);
            assert_eq!(names[..4], ["o", "w2", "w3", "w4"], "the oldest stand first");
            assert_eq!(
                names[4..],
                (18..30).map(|fill| format!("w{fill}")).collect::<Vec<_>>(),
                "then the newest"
            );
        }
    }
}
