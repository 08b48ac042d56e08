//! `seal-all`: passwords that nobody has seen, for every account without one.

use super::App;
use super::args::SealAll;
use super::error::CliError;
use super::import::read_logins;
use super::progress::Progress;
use super::seal::{confirm_group, to_generate};
use super::table::counted;
use crate::event::{Made, Shown};
use crate::import::accounts::List;
use crate::name::AccountId;
use crate::seal::generate::{LENGTHS, PasswordError, PasswordRules, generate};
use crate::seal::record::Payload;
use crate::secret::SecretBytes;
use crate::state::Organisation;
use crate::vault::VaultError;
use crate::vault::bulk::{Bulk, Done};
use crate::vault::hierarchy::{account, no_project};
use crate::vault::import::{Unsealed, unsealed};
use crate::vault::seal::Provenance;
use rand::rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use rand::rngs::SysRng;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroize;

/// The system's randomness, for each thread.
pub fn system_rng() -> Ahead {
    Ahead { bytes: SecretBytes::zeroed(DRAWN), used: DRAWN }
}

/// Bytes that are drawn from the system at once.
const DRAWN: usize = 4096;

/// The system's own randomness, drawn ahead: a call of the system for each
/// character of many passwords would cost more than the passwords. What was given
/// out is wiped, so that nothing is there twice.
pub struct Ahead {
    bytes: SecretBytes,
    used: usize,
}

impl TryRng for Ahead {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, mut to: &mut [u8]) -> Result<(), Infallible> {
        while !to.is_empty() {
            if self.used == DRAWN {
                UnwrapErr(SysRng).try_fill_bytes(self.bytes.expose_mut())?;
                self.used = 0;
            }
            let there = self.bytes.expose_mut().get_mut(self.used..).unwrap_or_default();
            let count = there.len().min(to.len());
            let (now, later) = to.split_at_mut(count);
            let given = there.get_mut(..count).unwrap_or_default();
            now.copy_from_slice(given);
            given.zeroize();
            self.used += count;
            to = later;
        }
        Ok(())
    }
}

impl TryCryptoRng for Ahead {}

/// Ctrl-C ends a long command where nothing is half done.
pub struct Brake(Arc<AtomicBool>);

impl Brake {
    /// From now on a signal is remembered. Where something was asked before, one
    /// ends the program at once instead, which harms nothing that is durable.
    pub fn fitted() -> Self {
        let pulled = Arc::new(AtomicBool::new(false));
        let handle = Arc::clone(&pulled);
        let _ = ctrlc::set_handler(move || handle.store(true, Ordering::Relaxed));
        Self(pulled)
    }

    /// Whether there was one.
    pub fn pulled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `seal-all`.
pub fn seal_all(app: &mut App<'_>, args: &SealAll) -> Result<(), CliError> {
    if let Some(length) = args.length.filter(|length| !LENGTHS.contains(length)) {
        return Err(PasswordError::Length { length }.into());
    }
    let logins = args.logins.as_deref().map(read_logins).transpose()?;
    let (mut vault, mut log) = app.open_log(&args.scope.organisation)?;
    let todo = scope(&log.state, args)?;
    for group in &todo.groups {
        confirm_group(app, &mut vault, &log, group, args.fingerprint.as_deref())?;
    }
    let (contents, without) = contents(&log.state, &todo.accounts, logins.as_ref(), args.length)?;
    let mut done = Done::default();
    if !todo.accounts.is_empty() {
        if without > 0 {
            app.ui.note(&format!(
                "{} without a login: whoever opens one must know the root user's e-mail address. --logins FILE seals them too.",
                counted(without, "account")
            ));
        }
        app.confirm(&format!("Generate and seal {}?", counted(todo.accounts.len(), "password")), None)?;
        let (clock, brake, progress) = (app.clock, Brake::fitted(), Progress::new("passwords"));
        let all = todo.accounts.len() as u64;
        let make = |at: usize, rng: &mut Ahead| {
            let (rules, length, login) = contents.get(at).expect("one for each account");
            let password = generate(rules, *length, rng);
            let login = login.as_ref().zip(logins.as_ref()).map(|(cell, logins)| logins.secret(cell));
            Ok(Payload {
                login: login.unwrap_or_else(|| SecretBytes::zeroed(0)),
                password: password.expect("the length was checked"),
                notes: SecretBytes::zeroed(0),
            })
        };
        let bulk = Bulk {
            accounts: &todo.accounts,
            contents: &make,
            provenance: Provenance { made: Made::Generated, shown: Shown::Nobody },
            rng: &system_rng,
            clock: &|| clock.now(),
        };
        done = vault.seal_many(&mut log, &bulk, &mut |done| {
            progress.at(done as u64, all);
            !brake.pulled()
        })?;
    }
    report(app, args, &log.state, &todo, &done);
    match (done.stopped, todo.unbound.len()) {
        (true, _) => Err(CliError::Stopped { done: done.sealed, of: todo.accounts.len() }),
        (false, 0) => Ok(()),
        (false, unbound) => Err(CliError::LeftUnbound(unbound)),
    }
}

fn report(app: &mut App<'_>, args: &SealAll, state: &Organisation, todo: &Unsealed, done: &Done) {
    let unbound: Vec<_> = todo.unbound.iter().map(|id| state.address(id)).collect();
    let value = json!({
        "scope": args.scope.to_string(), "sealed": done.sealed, "passed_over": done.passed,
        "left": todo.accounts.len() - done.sealed - done.passed, "unbound": unbound,
    });
    app.emit(value, || match (todo.accounts.len(), unbound.len()) {
        (0, 0) => format!("Every account of {} that is in use has a password. Nothing to do.", args.scope),
        _ => format!("Sealed {} in {}. Nobody has seen them.", counted(done.sealed, "password"), args.scope),
    });
}

fn scope(state: &Organisation, args: &SealAll) -> Result<Unsealed, VaultError> {
    let project = match &args.scope.project {
        Some(slug) => Some(*state.project_by_slug(slug).ok_or_else(|| no_project(state, slug))?.0),
        None => None,
    };
    if let (Some(project), Some(slug)) = (&args.scope.project, &args.scope.account) {
        let address = crate::name::AccountAddress {
            organisation: args.scope.organisation.clone(),
            project: project.clone(),
            account: slug.clone(),
        };
        account(state, &address)?;
    }
    Ok(unsealed(state, project.as_ref(), args.scope.account.as_ref()))
}

/// How the password is generated, its length, and where the login is in the list.
type About = (PasswordRules, usize, Option<Range<usize>>);

/// For each account what its provider and its rotation policy want of a password,
/// and its login; and how many have none.
fn contents(
    state: &Organisation,
    accounts: &[AccountId],
    logins: Option<&List>,
    length: Option<usize>,
) -> Result<(Vec<About>, usize), CliError> {
    let listed = logins.into_iter().flat_map(|list| &list.accounts);
    let known: BTreeMap<_, _> =
        listed.map(|l| ((&l.provider, l.external_id.as_str()), l.login.clone())).collect();
    let found = accounts.iter().filter_map(|id| Some((id, state.accounts.get(id)?)));
    let each = found.map(|(id, account)| {
        let (rules, length) = to_generate(&account.provider, &state.rotation_rules(id), length)?;
        let login = known.get(&(&account.provider, account.external_id.as_str())).cloned().flatten();
        Ok((rules, length, login))
    });
    let contents: Vec<About> = each.collect::<Result<_, CliError>>()?;
    let without = contents.iter().filter(|(.., login)| login.is_none()).count();
    Ok((contents, without))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_that_was_drawn_ahead_is_given_out_once_and_never_ends() {
        let mut rng = system_rng();
        let mut seen = std::collections::BTreeSet::new();
        for length in [1, 7, DRAWN - 3, DRAWN, 2 * DRAWN + 5, 64] {
            let mut bytes = vec![0; length];
            rng.try_fill_bytes(&mut bytes).unwrap();
            for part in bytes.chunks_exact(16) {
                assert!(part.iter().any(|byte| *byte != 0), "nothing was drawn");
                assert!(seen.insert(part.to_vec()), "given out twice");
            }
            let given = rng.bytes.expose().get(..rng.used).unwrap();
            assert!(given.iter().all(|byte| *byte == 0), "what was given out is wiped");
        }
        assert_ne!(rng.try_next_u64(), rng.try_next_u64());
        assert_ne!(rng.try_next_u32(), rng.try_next_u32());
    }
}
