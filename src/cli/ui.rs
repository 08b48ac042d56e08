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
    /// A password, and once more.
    Password,
    /// Notes.
    Notes,
    /// How many accounts somebody agrees to.
    Count,
    /// Which of two passwords the provider accepts.
    Accepts,
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
    /// A remark, for standard error.
    fn note(&mut self, text: &str);
}
