//! `rehearse`: the product's own commands on a throw-away vault, played by a
//! cast. Only the clock is simulated, and waiting for the same card twice is
//! spared: a passphrase that was stretched once is remembered.

mod cast;
mod forger;
mod play;

use super::args::RehearseArgs;
use super::clock::Clock;
use super::error::{CliError, Exit};
use super::table::fit;
use super::ui::Look;
use super::{App, Cli, Stretch, files};
use crate::seal::passphrase::derive;
use crate::secret::SecretKey;
use crate::time::Span;
use cast::{Cast, StageClock};
use clap::Parser;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How long before now the rehearsal begins, so that its vault, if it is kept,
/// has no entry from the future.
const HEAD_START: Span = Span::hours(1);

/// How far what a command says is indented.
const INDENT: usize = 4;

/// Keys that were derived once: by hash of passphrase, salt and parameters.
type Memo = Rc<RefCell<HashMap<[u8; 32], SecretKey>>>;

/// A rehearsal under way.
pub struct Rehearsal<'a, 'u> {
    app: &'a mut App<'u>,
    clock: &'a StageClock,
    cast: Cast<'a>,
    dir: PathBuf,
    memo: Memo,
    step: u32,
}

/// `rehearse`.
pub fn rehearse(app: &mut App<'_>, args: RehearseArgs) -> Result<(), CliError> {
    let throw_away;
    let dir = match &args.keep {
        Some(dir) if dir.exists() => {
            let remedy = "Name another directory; nothing is overwritten.".to_owned();
            return Err(CliError::FileExists(dir.clone()).advised(remedy));
        }
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|why| CliError::file(dir, why))?;
            dir.clone()
        }
        None => {
            throw_away = tempfile::tempdir().map_err(|why| CliError::file("a temporary directory", why))?;
            remove_when_interrupted(throw_away.path());
            throw_away.path().to_owned()
        }
    };
    let start = app.now() + Span(-HEAD_START.0);
    let clock = StageClock::new(start + Span(-(start.millis().rem_euclid(30_000))));
    let columns = app.ui.columns().map(|columns| columns.saturating_sub(INDENT));
    let cast = Cast::new(&clock, columns);
    let mut rehearsal =
        Rehearsal { app, clock: &clock, cast, dir: dir.clone(), memo: Memo::default(), step: 0 };
    rehearsal.play()?;
    rehearsal.sum_up();
    if args.keep.is_some() {
        rehearsal.write_people()?;
        rehearsal.narrate(&format!(
            "Kept in {}. Its people.json holds the cast's passphrases and TOTP seeds.\nTry: warifu --vault {} status\nThe README shows more to try with it, under 'Without five friends'.",
            dir.display(),
            files::as_argument(&dir.join("vault"))
        ));
    } else {
        rehearsal.narrate(
            "Next: 'warifu rehearse --keep DIR' keeps such a vault to try commands on; the README has a tour of five minutes on a real one.",
        );
    }
    Ok(())
}

/// Nothing else removes a throw-away vault, with its people's cards, when a
/// signal ends the program. Nobody is asked at the terminal meanwhile, so no
/// question wants the signal.
fn remove_when_interrupted(dir: &Path) {
    let dir = dir.to_owned();
    let _ = ctrlc::set_handler(move || {
        // A file that is being written may be in the way once.
        let _ = std::fs::remove_dir_all(&dir).or_else(|_| std::fs::remove_dir_all(&dir));
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
}

impl Rehearsal<'_, '_> {
    /// Something for a person to read; nothing for a machine.
    fn narrate(&mut self, text: &str) {
        if !self.app.json {
            let text = fit(text, self.app.ui.columns());
            self.app.ui.say(&text);
        }
    }

    /// The last line for a machine.
    fn sum_up(&mut self) {
        if self.app.json {
            let value = json!({ "rehearsal": "complete", "steps": self.step });
            self.app.ui.say(&value.to_string());
        }
    }

    /// A headline.
    fn scene(&mut self, title: &str) {
        self.step += 1;
        if !self.app.json {
            let title = fit(&format!("\n{}. {title}", self.step), self.app.ui.columns());
            self.app.ui.say_as(Look::Title, &title);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs a command that must succeed; gives what it said.
    fn must(&mut self, arguments: &[&str]) -> Result<String, CliError> {
        self.must_in(&self.path("vault"), arguments)
    }

    fn must_in(&mut self, vault: &Path, arguments: &[&str]) -> Result<String, CliError> {
        match self.run(vault, arguments) {
            (said, Ok(())) => {
                self.tell(arguments, &said, None);
                Ok(said)
            }
            (said, Err(error)) => Err(self.failed(arguments, &format!("{said}{error}"))),
        }
    }

    /// Runs a command that must be refused with this exit code.
    fn must_refuse(&mut self, arguments: &[&str], exit: Exit) -> Result<String, CliError> {
        self.must_refuse_in(&self.path("vault"), arguments, exit)
    }

    fn must_refuse_in(&mut self, vault: &Path, arguments: &[&str], exit: Exit) -> Result<String, CliError> {
        match self.run(vault, arguments) {
            (said, Err(error)) if error.exit() == exit => {
                let told = format!("{said}{error}.\n{}", error.remedy());
                self.tell(arguments, &told, Some(exit));
                Ok(told)
            }
            (_, Err(error)) => {
                Err(self.failed(arguments, &format!("refused otherwise than it must: {error}")))
            }
            (_, Ok(())) => Err(self.failed(arguments, "it was not refused")),
        }
    }

    /// The command line is parsed and run as the program itself does it.
    fn run(&mut self, vault: &Path, arguments: &[&str]) -> (String, Result<(), CliError>) {
        let vault = vault.display().to_string();
        let line = ["warifu", "--vault", &vault].into_iter().chain(arguments.iter().copied());
        self.cast.said.clear();
        self.cast.noted.clear();
        let outcome = Cli::try_parse_from(line)
            .map_err(|error| CliError::Argument { fact: error.to_string(), remedy: "" })
            .and_then(|cli| {
                let mut app = App::new(&cli, &mut self.cast, self.clock)?;
                app.stretch = remembering(&self.memo);
                app.run(cli.command)
            });
        let mut said = self.cast.noted.join("\n");
        for line in &self.cast.said {
            said.push_str(if said.is_empty() { "" } else { "\n" });
            said.push_str(line);
        }
        if !said.is_empty() {
            said.push('\n');
        }
        (said, outcome)
    }

    fn tell(&mut self, arguments: &[&str], said: &str, refused: Option<Exit>) {
        let command = shown(arguments);
        if self.app.json {
            let value = json!({
                "step": self.step, "time": self.clock.now(), "command": command,
                "exit": refused.map_or(0, |exit| exit as u8), "output": said.trim_end(),
            });
            self.app.ui.say(&value.to_string());
            return;
        }
        let room = self.app.ui.columns();
        let line = fit(&format!("  {} $ {command}", self.clock.now().to_minute()), room);
        self.app.ui.say_as(Look::Command, &line);
        let said = fit(said.trim_end(), room.map(|room| room.saturating_sub(INDENT)));
        for line in said.lines() {
            let line = format!("{:INDENT$}{line}", "");
            match refused {
                Some(_) => self.app.ui.say_as(Look::Refused, line.trim_end()),
                None => self.app.ui.say(line.trim_end()),
            }
        }
    }

    fn failed(&self, arguments: &[&str], why: &str) -> CliError {
        CliError::Rehearsal { step: format!("{}: {}", self.step, shown(arguments)), why: why.to_owned() }
    }

    fn require(&self, what: &str, holds: bool) -> Result<(), CliError> {
        let why = || CliError::Rehearsal {
            step: format!("{}: {what}", self.step),
            why: "it does not hold".to_owned(),
        };
        holds.then_some(()).ok_or_else(why)
    }

    /// The cast's secrets, for trying the real commands: a rehearsal's alone.
    fn write_people(&self) -> Result<(), CliError> {
        let people: Vec<_> = self
            .cast
            .people
            .iter()
            .map(|p| {
                let seed = p.totp.as_ref().map(|t| t.base32());
                json!({
                    "role": p.role,
                    "pseudonym": p.pseudonym,
                    "card": p.card.display().to_string(),
                    "passphrase": p.passphrase.expose_str(),
                    "totp_seed": seed.as_ref().and_then(|s| s.expose_str()),
                })
            })
            .collect();
        let value = json!({
            "rehearsal": true,
            "warning": "Throw-away people of a rehearsal. A real vault has no such file, and must never have one.",
            "people": people,
        });
        let bytes = serde_json::to_vec_pretty(&value).expect("strings alone");
        files::create(&self.path("people.json"), &bytes)
    }
}

/// Argon2id once for each card, then from memory.
fn remembering(memo: &Memo) -> Stretch {
    let memo = Rc::clone(memo);
    Box::new(move |passphrase, salt, params| {
        let costs = [params.memory_kib(), params.passes(), params.lanes()].map(u32::to_be_bytes).concat();
        let about: [u8; 32] = Sha256::new()
            .chain_update(costs)
            .chain_update(salt)
            .chain_update(passphrase.expose())
            .finalize()
            .into();
        let copy = |key: &SecretKey| SecretKey::from_slice(key.expose()).expect("a key has 32 bytes");
        if let Some(key) = memo.borrow().get(&about) {
            return Ok(copy(key));
        }
        let key = derive(passphrase, salt, params)?;
        memo.borrow_mut().insert(about, copy(&key));
        Ok(key)
    })
}

/// A command line as a person would type it, with paths cut to file names.
fn shown(arguments: &[&str]) -> String {
    let word = |argument: &&str| {
        let path = Path::new(argument);
        let name = if path.is_absolute() { path.file_name().and_then(|n| n.to_str()) } else { None };
        let text = name.unwrap_or(argument);
        if text.contains(' ') { format!("'{text}'") } else { text.to_owned() }
    };
    format!("warifu {}", arguments.iter().map(word).collect::<Vec<_>>().join(" "))
}
