//! The rehearsal's cast: throw-away people who answer the product's own
//! questions, with real cards, real passphrases and real authenticators.

use super::super::ui::{CodeStrip, Kind, Prompt, Reveal, Ui, UiError};
use crate::cli::clock::Clock;
use crate::seal::totp::{TotpSecret, step_of};
use crate::secret::SecretBytes;
use crate::time::{Span, Time};
use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The one thing that is simulated.
pub struct StageClock(Cell<Time>);

impl StageClock {
    /// Begins at a time.
    pub fn new(start: Time) -> Self {
        Self(Cell::new(start))
    }

    /// Lets time pass.
    pub fn pass(&self, span: Span) {
        self.0.set(self.0.get() + span);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Time {
        self.0.get()
    }
}

/// One throw-away person.
pub struct Person {
    /// `custodian`, `operator` or `keeper`.
    pub role: &'static str,
    /// Pseudonym, once enrolled.
    pub pseudonym: String,
    /// Card file.
    pub card: PathBuf,
    /// Passphrase of the card.
    pub passphrase: SecretBytes,
    /// Authenticator, once enrolled; a keeper has none.
    pub totp: Option<TotpSecret>,
}

/// Everybody, and what they do next.
pub struct Cast<'a> {
    clock: &'a StageClock,
    /// Everyone enrolled so far; the last one may be just enrolling.
    pub people: Vec<Person>,
    /// Cards that will be put on the table, in order.
    pub turns: VecDeque<PathBuf>,
    /// A code that somebody will type instead of the right one.
    pub false_code: Option<SecretBytes>,
    /// What commands said on standard output since it was last taken.
    pub said: Vec<String>,
    /// What they remarked on standard error since it was last taken.
    pub noted: Vec<String>,
    /// The last password that was shown.
    pub shown: Option<SecretBytes>,
    columns: Option<usize>,
}

impl<'a> Cast<'a> {
    /// Nobody yet; what is said should keep within so many columns.
    pub fn new(clock: &'a StageClock, columns: Option<usize>) -> Self {
        Self {
            clock,
            people: Vec::new(),
            turns: VecDeque::new(),
            false_code: None,
            said: Vec::new(),
            noted: Vec::new(),
            shown: None,
            columns,
        }
    }

    /// Somebody new, about to enrol, with a random passphrase.
    pub fn newcomer(&mut self, role: &'static str, card: &Path, rng: &mut impl CryptoRng) {
        let random = SecretBytes::random(rng, 15);
        let passphrase = SecretBytes::new(BASE32_NOPAD.encode(random.expose()).into_bytes());
        let (pseudonym, card) = (String::new(), card.to_owned());
        self.people.push(Person { role, pseudonym, card, passphrase, totp: None });
    }

    /// The code that a person's phone shows now.
    pub fn code_now(&self, pseudonym: &str) -> Option<SecretBytes> {
        let person = self.people.iter().find(|p| p.pseudonym == pseudonym)?;
        Some(person.totp.as_ref()?.code_at(step_of(self.clock.now().unix_seconds())))
    }

    fn answer_code(&mut self, pseudonym: &str) -> Option<SecretBytes> {
        if let Some(code) = self.false_code.take() {
            return Some(code);
        }
        // While somebody enrols, the log does not know the name yet.
        if let Some(newcomer) = self.people.last_mut().filter(|p| p.pseudonym.is_empty()) {
            pseudonym.clone_into(&mut newcomer.pseudonym);
        }
        self.code_now(pseudonym)
    }
}

fn no_answer(prompt: &Prompt) -> UiError {
    UiError::NoTerminal {
        question: prompt.text.clone(),
        instead: "The rehearsal's cast has no answer to that.",
    }
}

fn copy(secret: &SecretBytes) -> SecretBytes {
    SecretBytes::new(secret.expose().to_vec())
}

impl Ui for Cast<'_> {
    fn line(&mut self, prompt: &Prompt) -> Result<String, UiError> {
        match prompt.kind {
            Kind::CardFile => {
                let card = self.turns.pop_front().ok_or_else(|| no_answer(prompt))?;
                Ok(card.display().to_string())
            }
            Kind::Confirm => Ok("yes".to_owned()),
            _ => Err(no_answer(prompt)),
        }
    }

    fn secret(&mut self, prompt: &Prompt) -> Result<SecretBytes, UiError> {
        let answer = match &prompt.kind {
            Kind::Passphrase(card) => {
                let owner = self.people.iter().find(|p| p.card.display().to_string() == *card);
                owner.map(|p| copy(&p.passphrase))
            }
            Kind::NewPassphrase => self.people.last().map(|p| copy(&p.passphrase)),
            Kind::Code(who) => self.answer_code(&who.clone()),
            _ => None,
        };
        answer.ok_or_else(|| no_answer(prompt))
    }

    fn can_reveal(&self) -> Result<(), UiError> {
        Ok(())
    }

    fn reveal_codes(&mut self, reveal: &Reveal<'_>, _: &CodeStrip<'_>) -> Result<(), UiError> {
        self.reveal(reveal)
    }

    fn input_waits(&self) -> bool {
        false
    }

    fn reveal(&mut self, reveal: &Reveal<'_>) -> Result<(), UiError> {
        let password = reveal.fields.iter().find(|(label, _)| *label == "password");
        self.shown = password.map(|(_, secret)| copy(secret));
        self.noted
            .push(format!("(on the alternate screen, wiped after {} s: {})", reveal.seconds, reveal.title));
        Ok(())
    }

    fn show_totp(&mut self, _who: &str, _url: &SecretBytes, base32: &SecretBytes) -> Result<(), UiError> {
        let seed = BASE32_NOPAD.decode(base32.expose()).ok().map(SecretBytes::new);
        if let Some(newcomer) = self.people.last_mut() {
            newcomer.totp = seed.and_then(TotpSecret::from_bytes);
        }
        Ok(())
    }

    fn columns(&self) -> Option<usize> {
        self.columns
    }

    fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }

    fn note(&mut self, text: &str) {
        self.noted.push(text.to_owned());
    }
}
