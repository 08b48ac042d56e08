//! `seal`: a root password or another factor goes in; nobody needs to be there,
//! nobody sees it.

use super::App;
use super::args::Seal;
use super::cards;
use super::error::CliError;
use super::factor;
use super::hand_over::{To, hand_over};
use super::open::title;
use super::table::usable_cards;
use super::ui::{Kind, Prompt};
use crate::event::{GroupStatement, Made, Shown};
use crate::name::{AccountId, Factor, Provider, unprintable};
use crate::seal::contents::Contents;
use crate::seal::generate::{DEFAULT_LENGTH, PasswordRules, check_typed_password, generate};
use crate::seal::record::Payload;
use crate::secret::SecretBytes;
use crate::state::Organisation;
use crate::state::rotation::RotationRules;
use crate::vault::hierarchy::account;
use crate::vault::seal::{Provenance, holder};
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;

/// `seal`.
pub fn seal(app: &mut App<'_>, args: Seal) -> Result<(), CliError> {
    factor::check_args(&args)?;
    // Whoever pipes a password in and forgets to say so would have another one
    // sealed, and never learn it.
    let said = args.stdin || args.typed || args.generate || args.from.is_some();
    if !said && app.ui.input_waits() {
        let fact = "something is given on standard input, and nothing says what it is".to_owned();
        if args.factor != Factor::Password {
            return Err(CliError::Argument { fact, remedy: "Add --stdin to seal it." });
        }
        return Err(CliError::Argument {
            fact,
            remedy: "Add --stdin to seal it as the password, or --generate to have one generated and leave it unread.",
        });
    }
    if args.hand_over && args.exec.is_none() {
        app.ui.can_reveal()?;
    }
    let (mut vault, mut log) = app.open_log(&args.address.organisation)?;
    let (id, found) = account(&log.state, &args.address)?;
    let provider = found.provider.clone();
    let group = holder(&log.state, &id, args.factor)?.clone();
    log.state.check_sealing_apart(&id, args.factor, &group).map_err(VaultError::from)?;
    confirm_group(app, &mut vault, &log, &group, args.fingerprint.as_deref())?;
    confirm_newer(app, &log, &id, &args)?;
    let (contents, made) = match args.factor {
        Factor::Password => {
            let renewal = log.state.rotation_rules(&id);
            password_contents(app, &args, &provider, &renewal)?
        }
        _ => factor::read(app, &args)?,
    };
    let shown = match (args.hand_over, &args.exec) {
        (false, _) => Shown::Nobody,
        (true, None) => Shown::Screen,
        (true, Some(_)) => Shown::Command,
    };
    let now = app.now();
    let provenance = Provenance { made, shown };
    let sealed = vault.seal(&mut log, &args.address, &contents, provenance, now, &mut app.rng)?;
    let title = title(&args.address.to_string(), args.factor, sealed.version);
    let value = json!({
        "address": args.address.to_string(), "factor": args.factor, "version": sealed.version, "group": sealed.group,
        "made": made, "shown": shown,
    });
    app.emit(value, || {
        let fate = match (args.factor, shown) {
            (Factor::Password, Shown::Nobody) => "Nobody has seen it.",
            (Factor::Password, _) => "It is handed over once, now.",
            // Whoever gave it has it, and so may what it was read from.
            _ if made == Made::Imported => "Remove what it was read from, unless it must stay there.",
            _ => "",
        };
        format!("Sealed {title} for {}. {fate}", sealed.group).trim_end().to_owned()
    });
    if shown != Shown::Nobody {
        let title = format!("{title}: install this at the provider now");
        hand_over(app, &title, &contents, To::of(args.exec.as_deref(), None))?;
    }
    Ok(())
}

/// Says it where too few of a group's cards count to open what is to be sealed. (Where
/// too few are left for ever, the log refuses it.)
fn warn_of_too_few(app: &mut App<'_>, state: &Organisation, group: &GroupStatement) {
    let usable = state.usable(group);
    if usable < group.needed() && state.left(group) >= group.needed() {
        let (address, slug) = (state.group_address(group), &state.slug);
        app.ui.note(&format!(
            "ALARM {address}: {}, and {} must come: what is sealed for it cannot be opened until a suspended card counts again (warifu custodian resume {slug} PSEUDONYM).",
            usable_cards(usable),
            group.needed()
        ));
    }
}

/// Login, password and notes, as the arguments say or a person types them.
fn password_contents(
    app: &mut App<'_>,
    args: &Seal,
    provider: &Provider,
    renewal: &RotationRules,
) -> Result<(Contents, Made), CliError> {
    let login = match &args.login {
        Some(login) => login.clone(),
        None => asked_login(app)?,
    };
    if login.is_empty() || login.len() > 320 || login.chars().any(unprintable) {
        let fact = "a login id has 1 to 320 characters, all of which can be seen".to_owned();
        return Err(CliError::Argument { fact, remedy: "Give the root user's e-mail address with --login." });
    }
    let (password, made) = password(app, args, provider, &login, renewal)?;
    let notes = match args.notes {
        true => app.ui.secret(&Prompt::new(Kind::Notes, "Notes (not shown)", "Leave --notes out."))?,
        false => SecretBytes::zeroed(0),
    };
    let payload = Payload { login: SecretBytes::new(login.into_bytes()), password, notes };
    Ok((Contents::Password(payload), made))
}

/// Over a version that is sealed already a newer one goes only on purpose: it is
/// the newest that must be what the provider has.
fn confirm_newer(app: &mut App<'_>, log: &Log, id: &AccountId, args: &Seal) -> Result<(), CliError> {
    let Some((_, newest)) = log.state.current_of(id, args.factor) else { return Ok(()) };
    let (address, version) = (&args.address, newest.sealing.version);
    let what = match args.factor {
        Factor::Password => "Its password".to_owned(),
        factor => format!("What is sealed as {factor}"),
    };
    let factor = match args.factor {
        Factor::Password => String::new(),
        factor => format!("{factor} "),
    };
    app.ui.note(&format!(
        "{address} has {factor}version {version} already. {what} stays sealed and can still be opened; the newest version must be what the provider has."
    ));
    app.confirm(&format!("Seal version {}?", log.state.next_version(id, args.factor)), None)
}

/// The login as it is typed; one without an '@' may be a slip, and is asked about.
fn asked_login(app: &mut App<'_>) -> Result<String, CliError> {
    let text = "Login id (the root user's e-mail address)";
    let prompt = Prompt::new(Kind::Login, text, "Use --login EMAIL.");
    loop {
        let login = app.ui.line(&prompt)?;
        if login.is_empty() || login.contains('@') {
            return Ok(login);
        }
        match app.confirm(&format!("'{login}' is no e-mail address. Is it right?"), None) {
            Err(CliError::NotConfirmed) => {}
            answer => return answer.map(|()| login),
        }
    }
}

/// A sealer confirms a group once, by typing the twelve words that its members
/// read aloud: otherwise the host could name keys of its own. Whoever seals for it is
/// told here, too, if it could not open anything as it is.
pub(super) fn confirm_group(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &Log,
    group: &GroupStatement,
    given: Option<&str>,
) -> Result<(), CliError> {
    warn_of_too_few(app, &log.state, group);
    if let Some(words) = given {
        // Also where the group is confirmed already: whoever gives words wants them compared.
        return Ok(vault.pin(&log.state, group, words)?);
    }
    if vault.is_pinned(&log.state, group)? {
        return Ok(());
    }
    app.ui.note(&format!(
        "This is the first seal for group {}. Ask one of its members for its twelve words.",
        log.state.group_address(group)
    ));
    loop {
        let prompt = Prompt::new(Kind::Fingerprint, "The twelve words", "Use --fingerprint \"WORDS\".");
        let words = app.ui.line(&prompt)?;
        match vault.pin(&log.state, group, &words) {
            Ok(()) => return Ok(()),
            Err(error @ VaultError::OtherFingerprint(_)) => {
                let error = CliError::from(error);
                app.ui.note(&format!("{error}. {}", error.remedy()));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn password(
    app: &mut App<'_>,
    args: &Seal,
    provider: &Provider,
    login: &str,
    renewal: &RotationRules,
) -> Result<(SecretBytes, Made), CliError> {
    let rules = PasswordRules::of(provider);
    let names = [login, args.address.account.as_str()];
    if args.stdin {
        let password = cards::secret_from_stdin()?;
        check_typed_password(&rules, &password, &names)?;
        return Ok((password, Made::Imported));
    }
    if args.typed {
        let check = |p: &SecretBytes| check_typed_password(&rules, p, &names).map_err(CliError::from);
        let password = app.new_secret(&Kind::Password, "Password", "Use --stdin.", &check)?;
        return Ok((password, Made::Typed));
    }
    Ok((generated(app, provider, renewal, args.length)?, Made::Generated))
}

/// A new password as the provider takes it and the rotation policy wants it.
pub fn generated(
    app: &mut App<'_>,
    provider: &Provider,
    renewal: &RotationRules,
    asked: Option<usize>,
) -> Result<SecretBytes, CliError> {
    let (rules, length) = to_generate(provider, renewal, asked)?;
    Ok(generate(&rules, length, &mut app.rng)?)
}

/// How a password is generated. A length that was asked for may be more than the
/// rotation policy's, not less.
pub fn to_generate(
    provider: &Provider,
    renewal: &RotationRules,
    asked: Option<usize>,
) -> Result<(PasswordRules, usize), CliError> {
    let least = renewal.length.and_then(|length| usize::try_from(length).ok());
    if let (Some(asked), Some(least)) = (asked, least)
        && asked < least
    {
        let fact = format!("the rotation policy demands {least} characters, not {asked}");
        return Err(CliError::Argument { fact, remedy: "Leave --length out, or ask for more." });
    }
    Ok((PasswordRules::of(provider).within(renewal.alphabet), asked.or(least).unwrap_or(DEFAULT_LENGTH)))
}
