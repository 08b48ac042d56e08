//! What a command may ask of, and show to, a person. The terminal implements
//! it, and so does the rehearsal's cast.

use crate::secret::SecretBytes;
use crate::time::Time;

/// A question.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What kind of answer is wanted.
    pub kind: Kind,
    /// The question in words.
    pub text: String,
    /// What to use where there is no terminal.
    pub instead: &'static str,
    /// Until when an answer is of use.
    pub deadline: Option<Time>,
}

/// What is asked for; the second part says of whom, where it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Path of a card file.
    CardFile,
    /// Passphrase of the card at this path.
    Passphrase(String),
    /// A new passphrase, and once more.
    NewPassphrase,
    /// Passphrase of the gate's file.
    GatePassphrase,
    /// TOTP code of this pseudonym.
    Code(String),
    /// Yes or no.
    Confirm,
    /// The twelve words of a group.
    Fingerprint,
    /// A login id.
    Login,
    /// What is sealed otherwise than a password.
    Contents,
    /// A password, and once more.
    Password,
    /// Notes.
    Notes,
    /// How many accounts somebody agrees to.
    Count,
    /// Which of two passwords the provider accepts.
    Accepts,
    /// The word with which somebody accepts that entries are lost.
    Gap,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// There is no terminal to ask on.
    #[error("there is no terminal to ask on: {question}")]
    NoTerminal {
        /// What would have been asked.
        question: String,
        /// What to use instead.
        instead: &'static str,
    },
    /// The person pressed Ctrl-C or ended the input.
    #[error("interrupted")]
    Interrupted,
    /// The deadline passed while waiting.
    #[error("the time is up")]
    Deadline,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Io(#[from] std::io::Error),
}

impl Prompt {
    /// A question of some kind.
    pub fn new(kind: Kind, text: impl Into<String>, instead: &'static str) -> Self {
        Self { kind, text: text.into(), instead, deadline: None }
    }

    /// With an end.
    #[must_use]
    pub fn until(mut self, deadline: Option<Time>) -> Self {
        self.deadline = deadline;
        self
    }
}

/// How a text looks on a terminal that has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A headline.
    Title,
    /// A command, as it was run.
    Command,
    /// What a command said that was refused.
    Refused,
    /// What somebody should have done by now.
    Overdue,
}

/// A secret to be shown once.
pub struct Reveal<'a> {
    /// Headline.
    pub title: String,
    /// Label and secret.
    pub fields: Vec<(&'static str, &'a SecretBytes)>,
    /// Seconds until it is wiped from the screen.
    pub seconds: u64,
}

/// Codes that are shown one after the other, each while it is good.
pub struct CodeStrip<'a> {
    /// The present one first.
    pub codes: &'a [SecretBytes],
    /// When the first of them is of no use any more.
    pub first_until: Time,
    /// Seconds for which each of the others is good.
    pub period: u64,
}

/// Of a strip, at one time.
pub struct CodeNow<'a> {
    /// The code that is good.
    pub code: &'a SecretBytes,
    /// The one after it, if there is one.
    pub next: Option<&'a SecretBytes>,
    /// Seconds until it is not good any more.
    pub good_for: u64,
    /// Seconds until the last of them is not.
    pub all_for: u64,
}

impl<'a> CodeStrip<'a> {
    /// What is good at a time; nothing once all of them are over.
    pub fn at(&self, now: Time) -> Option<CodeNow<'a>> {
        let period = i64::try_from(self.period.max(1)).unwrap_or(i64::MAX);
        // To the next whole second: a code that is shown as good for 1 s is good.
        let left = ((self.first_until - now).0 + 999).div_euclid(1000);
        let over = if left > 0 { 0 } else { (-left).div_euclid(period) + 1 };
        let place = usize::try_from(over).ok()?;
        let code = self.codes.get(place)?;
        let good_for = left + over * period;
        let after = i64::try_from(self.codes.len() - place - 1).unwrap_or(i64::MAX);
        let all_for = good_for.saturating_add(after.saturating_mul(period));
        let seconds = |left| u64::try_from(left).unwrap_or(0);
        let (good_for, all_for) = (seconds(good_for), seconds(all_for));
        Some(CodeNow { code, next: self.codes.get(place + 1), good_for, all_for })
    }
}

/// A person at the other end.
pub trait Ui {
    /// Asks for a line that may be seen.
    fn line(&mut self, prompt: &Prompt) -> Result<String, UiError>;
    /// Asks for a line that must not be seen.
    fn secret(&mut self, prompt: &Prompt) -> Result<SecretBytes, UiError>;
    /// Whether [`Ui::reveal`] can work here: asked before anything is released.
    fn can_reveal(&self) -> Result<(), UiError>;
    /// Whether something was put on standard input that nobody has asked for.
    fn input_waits(&self) -> bool;
    /// Shows a secret where it leaves no trace, until a key or the time.
    fn reveal(&mut self, reveal: &Reveal<'_>) -> Result<(), UiError>;
    /// Shows codes the same way, until a key or the end of the last, with what else
    /// the reveal has; its seconds do not count.
    fn reveal_codes(&mut self, reveal: &Reveal<'_>, strip: &CodeStrip<'_>) -> Result<(), UiError>;
    /// Shows a new authenticator secret as a QR code and as text.
    fn show_totp(&mut self, who: &str, url: &SecretBytes, base32: &SecretBytes) -> Result<(), UiError>;
    /// Columns that a result should keep within; none where nobody counts them.
    fn columns(&self) -> Option<usize>;
    /// A result, for standard output: text, or one JSON value.
    fn say(&mut self, text: &str);
    /// A result that looks otherwise on a terminal.
    fn say_as(&mut self, _look: Look, text: &str) {
        self.say(text);
    }
    /// A picture, for standard output: colours and all.
    fn draw(&mut self, picture: &str) {
        self.say(picture);
    }
    /// A remark, for standard error.
    fn note(&mut self, text: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_shown_while_it_is_good_and_the_next_beside_it() {
        let codes = ["111111", "222222", "333333"].map(|code| SecretBytes::new(code.as_bytes().to_vec()));
        let first_until = Time::from_millis(1_000_000).unwrap();
        let strip = CodeStrip { codes: &codes, first_until, period: 30 };
        let at = |millis: i64| {
            let now = strip.at(Time::from_millis(1_000_000 + millis).unwrap())?;
            let text = |code: &SecretBytes| code.expose_str().unwrap().to_owned();
            Some((text(now.code), now.next.map(text), now.good_for, now.all_for))
        };
        let shown = |code: &str, next: Option<&str>, good, all| {
            Some((code.to_owned(), next.map(str::to_owned), good, all))
        };
        assert_eq!(at(-30_000), shown("111111", Some("222222"), 30, 90));
        assert_eq!(at(-1), shown("111111", Some("222222"), 1, 61));
        assert_eq!(at(0), shown("222222", Some("333333"), 30, 60));
        assert_eq!(at(29_999), shown("222222", Some("333333"), 1, 31));
        assert_eq!(at(30_000), shown("333333", None, 30, 30));
        assert_eq!(at(59_999), shown("333333", None, 1, 1));
        assert_eq!(at(60_000), None);
    }
}
