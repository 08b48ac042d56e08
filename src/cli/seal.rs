//! `seal`: a root password goes in; nobody needs to be there, nobody sees it.

use super::App;
use super::args::Seal;
use super::cards;
use super::error::CliError;
use super::room::hand_over;
use super::ui::{Kind, Prompt};
use crate::event::{GroupStatement, Made, Shown};
use crate::name::{AccountId, Factor, Provider, unprintable};
use crate::seal::generate::{DEFAULT_LENGTH, PasswordRules, check_typed_password, generate};
use crate::seal::record::Payload;
use crate::secret::SecretBytes;
use crate::state::rotation::RotationRules;
use crate::vault::hierarchy::account;
use crate::vault::seal::{Provenance, holder};
use crate::vault::{Log, Vault, VaultError};
use serde_json::json;

/// `seal`.
pub fn seal(app: &mut App<'_>, args: Seal) -> Result<(), CliError> {
    // Whoever pipes a password in and forgets to say so would have another one
    // sealed, and never learn it.
    if !args.stdin && !args.typed && !args.generate && app.ui.input_waits() {
        let fact = "something is given on standard input, and nothing says what it is".to_owned();
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
    let group = holder(&log.state, &id, Factor::Password)?.clone();
    confirm_group(app, &mut vault, &log, &group, args.fingerprint.as_deref())?;
    confirm_newer(app, &log, &id, &args)?;
    let login = match &args.login {
        Some(login) => login.clone(),
        None => asked_login(app)?,
    };
    if login.is_empty() || login.len() > 320 || login.chars().any(unprintable) {
        let fact = "a login id has 1 to 320 characters, all of which can be seen".to_owned();
        return Err(CliError::Argument { fact, remedy: "Give the root user's e-mail address with --login." });
    }
    let renewal = log.state.rotation_rules(&id);
    let (password, made) = password(app, &args, &provider, &login, &renewal)?;
    let notes = match args.notes {
        true => app.ui.secret(&Prompt::new(Kind::Notes, "Notes (not shown)", "Leave --notes out."))?,
        false => SecretBytes::zeroed(0),
    };
    let shown = match (args.hand_over, &args.exec) {
        (false, _) => Shown::Nobody,
        (true, None) => Shown::Screen,
        (true, Some(_)) => Shown::Command,
    };
    let payload = Payload { login: SecretBytes::new(login.into_bytes()), password, notes };
    let now = app.now();
    let provenance = Provenance { made, shown };
    let sealed = vault.seal(&mut log, &args.address, &payload, provenance, now, &mut app.rng)?;
    let value = json!({
        "address": args.address.to_string(), "version": sealed.version, "group": sealed.group, "made": made, "shown": shown,
    });
    app.emit(value, || {
        let fate = if shown == Shown::Nobody { "Nobody has seen it" } else { "It is handed over once, now" };
        format!("Sealed {} version {} for {}. {fate}.", args.address, sealed.version, sealed.group)
    });
    if shown != Shown::Nobody {
        let title = format!("{} version {}: install this at the provider now", args.address, sealed.version);
        hand_over(app, &title, &payload, args.exec.as_deref())?;
    }
    Ok(())
}

/// Over a version that is sealed already a newer one goes only on purpose: it is
/// the newest that must be what the provider has.
fn confirm_newer(app: &mut App<'_>, log: &Log, id: &AccountId, args: &Seal) -> Result<(), CliError> {
    let versions = log.state.versions_of(id, Factor::Password);
    let Some((_, newest)) = versions.last() else { return Ok(()) };
    let (address, version) = (&args.address, newest.sealing.version);
    app.ui.note(&format!(
        "{address} has version {version} already. Its password stays sealed and can still be opened; the newest version must be what the provider has."
    ));
    app.confirm(&format!("Seal version {}?", log.state.next_version(id, Factor::Password)), None)
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
/// read aloud: otherwise the host could name keys of its own.
fn confirm_group(
    app: &mut App<'_>,
    vault: &mut Vault,
    log: &Log,
    group: &GroupStatement,
    given: Option<&str>,
) -> Result<(), CliError> {
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

/// A new password as the provider takes it and the rotation policy wants it. A
/// length that was asked for may be more than the policy's, not less.
pub fn generated(
    app: &mut App<'_>,
    provider: &Provider,
    renewal: &RotationRules,
    asked: Option<usize>,
) -> Result<SecretBytes, CliError> {
    let least = renewal.length.and_then(|length| usize::try_from(length).ok());
    if let (Some(asked), Some(least)) = (asked, least)
        && asked < least
    {
        let fact = format!("the rotation policy demands {least} characters, not {asked}");
        return Err(CliError::Argument { fact, remedy: "Leave --length out, or ask for more." });
    }
    let rules = PasswordRules::of(provider).within(renewal.alphabet);
    let length = asked.or(least).unwrap_or(DEFAULT_LENGTH);
    Ok(generate(&rules, length, &mut app.rng)?)
}
