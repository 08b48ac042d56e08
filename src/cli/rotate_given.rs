//! Replacing what is not generated here: an authenticator's seed, recovery codes, a
//! file, a device. What is present is handed over, for a seed as codes; then somebody
//! gives the new one, it is sealed, and only then the provider gets anything of it.
//! Which accounts, and who has to be there, is [`super::rotate`]'s.

use super::code::make_codes;
use super::error::CliError;
use super::hand_over::{To, hand_over, hand_over_codes, parts, run};
use super::open::title;
use super::rotate::{Answer, How, Outcome, answer};
use super::ui::{Kind, Prompt};
use super::{App, factor, interrupted};
use crate::ceremony::coder::Codes;
use crate::ceremony::recipient::notices;
use crate::event::{Accepts, Hash, Made, Shown};
use crate::name::{AccountAddress, Factor};
use crate::seal::card::Card;
use crate::seal::contents::Contents;
use crate::secret::SecretBytes;
use crate::vault::hierarchy::account;
use crate::vault::seal::Provenance;
use crate::vault::{Log, Vault, VaultError};

/// Codes that are shown at a time: a provider's enrolment takes two.
const CODES: u64 = 2;

/// What is replaced, and how people are told of it.
struct Subject<'a> {
    address: AccountAddress,
    external_id: String,
    factor: Factor,
    version: u64,
    /// `(1 of 3)`.
    place: String,
    ceremony: &'a Hash,
    target: u64,
    how: How<'a>,
}

impl<'a> Subject<'a> {
    fn of(
        vault: &Vault,
        log: &Log,
        (ceremony, target): (&'a Hash, u64),
        (number, all): (usize, usize),
        how: How<'a>,
    ) -> Result<Self, CliError> {
        let found = vault.known(log, ceremony)?;
        let named = usize::try_from(target).ok().and_then(|t| found.targets.get(t));
        let version = named.and_then(|credential| log.state.versions.get(credential));
        let sealing = &version.ok_or_else(|| VaultError::NothingSealed(ceremony.short()))?.sealing;
        let address: AccountAddress = log.state.address(&sealing.account).parse()?;
        let (_, found) = account(&log.state, &address)?;
        let (external_id, place) = (found.external_id.clone(), format!("({number} of {all})"));
        let (factor, version) = (sealing.factor, sealing.version);
        Ok(Self { address, external_id, factor, version, place, ceremony, target, how })
    }

    fn named(&self, version: u64) -> String {
        title(&self.address.to_string(), self.factor, version)
    }

    /// Runs the program with lines, telling it which of its two runs this is.
    fn run(&self, command: &str, step: &str, lines: &[(&SecretBytes, &str)]) -> Result<(), CliError> {
        let address = self.address.to_string();
        let about = [
            ("WARIFU_ACCOUNT", &*address),
            ("WARIFU_EXTERNAL_ID", &*self.external_id),
            ("WARIFU_FACTOR", self.factor.as_str()),
            ("WARIFU_STEP", step),
        ];
        run(command, lines, &about)
    }
}

/// Hands over what is present, takes the new one, seals it, hands that over, and
/// settles which one counts. `present` is what was opened; of a seed it is nothing.
/// Gives whether it went on: if not, a share was bad, and another must take its place.
/// What could not be settled is an outcome, not an error.
pub(super) fn replace(
    app: &mut App<'_>,
    (vault, log): (&mut Vault, &mut Log),
    operator: &Card,
    (here, place): ((&Hash, u64), (usize, usize)),
    (present, how): (Option<&Contents>, How<'_>),
    outcomes: &mut Vec<Outcome>,
) -> Result<bool, CliError> {
    let subject = Subject::of(vault, log, here, place, how)?;
    // What is read and not used needs to be shown only to whoever asks for it.
    let needed = present.is_none() || how.exec.is_some();
    if needed && !show_present(app, vault, log, operator, &subject, present)? {
        return Ok(false);
    }
    let (factor, address, old) = (subject.factor, subject.address.clone(), subject.version);
    // Whoever gives it has seen it: the version is handled by its operator.
    let handed = Shown::Screen;
    let mut outcome = Outcome { address, factor, old, new: None, accepts: None, handed };
    let Some((next, made)) = given(app, vault, log, operator, &subject, present)? else {
        outcomes.push(outcome);
        return Ok(true);
    };
    let provenance = Provenance { made, shown: handed };
    let now = app.now();
    let sealed = vault.begin_rotation(log, operator, here, &next, provenance, now, &mut app.rng)?;
    outcome.new = Some(sealed.version);
    outcomes.push(outcome);
    let Some(accepts) = install(app, &subject, sealed.version, &next)? else { return Ok(true) };
    let now = app.now().max(log.state.last);
    vault.settle_rotation(log, operator, &sealed.credential, (accepts, handed), now)?;
    if let Some(outcome) = outcomes.last_mut() {
        outcome.accepts = Some(accepts);
    }
    Ok(true)
}

/// Hands over what is present: of a seed two codes, which are on record before that.
fn show_present(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    subject: &Subject<'_>,
    present: Option<&Contents>,
) -> Result<bool, CliError> {
    let here = (subject.ceremony, subject.target);
    let to = To::of(subject.how.exec, None);
    let title = format!("{}: present {}", subject.named(subject.version), subject.place);
    let Some(contents) = present else {
        let Some(codes) = make_codes(app, vault, log, here, (CODES, to))? else { return Ok(false) };
        match subject.how.exec {
            Some(command) => subject.run(command, "present", &lines(&codes))?,
            None => hand_over_codes(app, &title, (None, &codes), to)?,
        }
        return Ok(true);
    };
    to.check(app, if subject.how.exec.is_some() { subject.factor } else { Factor::Password })?;
    if subject.how.exec.is_none() && subject.factor == Factor::File {
        app.ui
            .note("A file is not shown on the screen: open it with 'warifu open --factor file --out FILE'.");
        return Ok(true);
    }
    let now = app.now();
    vault.enter_notices(log, &notices(operator, here, &[], Some(to.shown())), now)?;
    match subject.how.exec {
        Some(command) => subject.run(command, "present", &parts(contents))?,
        None => hand_over(app, &title, contents, to)?,
    }
    Ok(true)
}

fn lines(codes: &Codes) -> Vec<(&SecretBytes, &'static str)> {
    codes.codes.iter().map(|code| (code, "\n")).collect()
}

/// What a person does where the new one is to be given.
enum Ready {
    Given,
    Show,
    Later,
}

fn ready(app: &mut App<'_>, subject: &Subject<'_>) -> Result<Ready, CliError> {
    let have = match subject.how.from {
        Some(path) => format!("when {} has the new one", path.display()),
        None => "when you have the new one and can type it".to_owned(),
    };
    let text = format!(
        "{}: press Enter {have} (show: what is present, later: leave it as it is)",
        subject.named(subject.version)
    );
    let prompt = Prompt::new(Kind::Confirm, text, "Use --exec CMD with --from FILE.");
    loop {
        match app.ui.line(&prompt)?.to_lowercase().as_str() {
            "" => return Ok(Ready::Given),
            "show" | "again" => return Ok(Ready::Show),
            "later" => return Ok(Ready::Later),
            _ => app.ui.note("Please press Enter alone, or answer show or later."),
        }
    }
}

/// The new one, from the file that the program has left or as somebody gives it;
/// nothing where it is left as it is.
fn given(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &mut Log,
    operator: &Card,
    subject: &Subject<'_>,
    present: Option<&Contents>,
) -> Result<Option<(Contents, Made)>, CliError> {
    let read = |app: &mut App<'_>| match subject.how.from {
        Some(path) => Ok((factor::from_file(subject.factor, path)?, Made::Imported)),
        None => Ok((factor::asked(app, subject.factor)?, Made::Typed)),
    };
    if subject.how.exec.is_some() {
        return read(app).map(Some);
    }
    loop {
        match ready(app, subject)? {
            Ready::Later => return Ok(None),
            Ready::Show => {
                if !show_present(app, vault, log, operator, subject, present)? {
                    app.ui.note("Too few good shares are left for that.");
                }
            }
            Ready::Given => match read(app) {
                Ok(given) => return Ok(Some(given)),
                Err(error) if interrupted(&error) || matches!(error, CliError::Ui(_)) => return Err(error),
                Err(error) => app.ui.note(&format!("{error}. {} Nothing was sealed.", error.remedy())),
            },
        }
    }
}

/// Hands over what the provider needs of the new one, which is sealed by now, and
/// finds out what it accepts. Codes of the new seed need no entry of their own: its
/// operator has it, and the seal says so.
fn install(
    app: &mut App<'_>,
    subject: &Subject<'_>,
    version: u64,
    next: &Contents,
) -> Result<Option<Accepts>, CliError> {
    let codes_of = |app: &App<'_>| match next {
        Contents::Mfa(seed) => {
            let now = app.now();
            let made = Codes::of(seed, CODES, now, now);
            made.map(Some).map_err(|most| VaultError::TooManyCodes { asked: CODES, most })
        }
        _ => Ok(None),
    };
    if let Some(command) = subject.how.exec {
        let codes = codes_of(app)?;
        let ran = match &codes {
            Some(codes) => subject.run(command, "new", &lines(codes)),
            None => subject.run(command, "new", &parts(next)),
        };
        return Ok(match ran {
            Ok(()) => Some(Accepts::New),
            Err(why) => {
                app.ui.note(&format!("{}: {why}.", subject.named(version)));
                None
            }
        });
    }
    app.ui.note(&format!("Sealed {}; it is pending until you say that it counts.", subject.named(version)));
    loop {
        let mut more = "later leaves it open";
        if let Some(codes) = codes_of(app)? {
            let title = format!("{}: to be installed {}", subject.named(version), subject.place);
            hand_over_codes(app, &title, (None, &codes), To::Screen)?;
            more = "again shows codes of the new one once more, later leaves it open";
        }
        match answer(app, subject.factor, more)? {
            Answer::Accepts(accepts) => return Ok(Some(accepts)),
            Answer::Later => return Ok(None),
            Answer::Again => {}
        }
    }
}
