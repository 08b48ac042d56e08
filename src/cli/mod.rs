//! The command line: arguments in, commands run, results out as text or JSON.

mod abandon;
mod age;
mod args;
mod audit;
mod backup;
mod baseline;
mod card;
mod cards;
mod ceremonies;
mod ceremony;
pub mod clock;
mod code;
mod custodian;
mod destroy;
mod drill;
mod drill_files;
mod due;
mod error;
mod factor;
mod files;
mod gap;
mod gate;
mod group;
mod hand_over;
mod hierarchy;
mod import;
mod next;
mod open;
mod people;
mod policy;
mod progress;
mod reconcile;
mod recovery;
mod rehearse;
mod report;
mod reshare;
mod room;
mod roster;
mod rotate;
mod rotate_given;
mod seal;
mod seal_all;
mod status;
mod table;
mod tty;
pub mod ui;
mod witness;

pub use args::Cli;
pub use error::{CliError, Exit};
pub use seal_all::{Ahead, system_rng};

use crate::event::Purpose;
use crate::name::{Slug, unprintable};
use crate::seal::passphrase::{KdfParams, PassphraseError, derive};
use crate::secret::{SecretBytes, SecretKey};
use crate::time::{Span, Time};
use crate::vault::{Log, PublicVault, Vault, VaultError};
use args::Command;
use clap::{CommandFactory, Parser};
use clock::{Clock, SystemClock};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use ui::{Kind, Look, Prompt, Ui, UiError};

/// How long a vault may lie before a command that writes asks about the clock.
pub const IDLE: Span = Span::days(366);

/// The system's randomness; a failure of it ends the program.
pub type Rng = UnwrapErr<SysRng>;

/// Everything a command works with.
pub struct App<'a> {
    /// The person.
    pub ui: &'a mut dyn Ui,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub rng: Rng,
    /// The vault's directory.
    pub vault: PathBuf,
    /// Results as JSON.
    pub json: bool,
    /// Questions of yes or no are answered yes.
    pub yes: bool,
    /// File with the passphrase of the gate's file.
    pub gate_passphrase: Option<PathBuf>,
    /// Descriptors that the caller has opened and nothing has read yet.
    pub descriptors: BTreeSet<u32>,
    /// Files with age identities that open wrapped cards.
    pub identities: Vec<PathBuf>,
    /// How a card's key comes from its passphrase.
    pub stretch: Stretch,
    /// How long a release waits for witnesses.
    pub witness_wait: std::time::Duration,
}

/// Derives a card's key from passphrase, salt and parameters: Argon2id, which
/// the rehearsal remembers, so that it does not wait for each card many times.
pub type Stretch = Box<dyn FnMut(&SecretBytes, &[u8], KdfParams) -> Result<SecretKey, PassphraseError>>;

/// Parses the process's arguments, runs the command, prints, and gives the exit code.
pub fn main() -> u8 {
    let mut terminal = tty::Terminal::default();
    if std::env::args_os().len() < 2 {
        terminal.note(Cli::command().render_help().to_string().trim_end());
        return Exit::Usage as u8;
    }
    let cli = Cli::parse();
    let json = cli.global.json;
    let outcome = App::new(&cli, &mut terminal, &SystemClock).and_then(|mut app| app.run(cli.command));
    let said = terminal.all_said().map_err(|why| CliError::file("standard output", why));
    let outcome = outcome.and(said);
    if !crate::secret::all_locked() {
        terminal
            .note("warning: not every secret could be locked into memory; raise the limit with 'ulimit -l'.");
    }
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            match json {
                true => terminal.report(&as_json(&error)),
                false => terminal.note(&format!("error: {error}.\n{}", error.remedy())),
            }
            error.exit() as u8
        }
    }
}

fn as_json(error: &CliError) -> String {
    let object = serde_json::json!({
        "error": error.to_string(),
        "remedy": error.remedy(),
        "exit": error.exit() as u8,
    });
    escaped(&object)
}

/// JSON in which every character that is not printable is escaped, so that it is
/// the same value and harmless on a terminal.
fn escaped(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if unprintable(c) {
            let units = &mut [0; 2];
            text.extend(c.encode_utf16(units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

impl<'a> App<'a> {
    /// For a command line as it was parsed.
    pub fn new(cli: &Cli, ui: &'a mut dyn Ui, clock: &'a dyn Clock) -> Result<Self, CliError> {
        Ok(Self {
            ui,
            clock,
            rng: UnwrapErr(SysRng),
            descriptors: cards::descriptors(),
            vault: vault_dir(cli.global.vault.as_deref())?,
            json: cli.global.json,
            yes: cli.global.yes,
            gate_passphrase: cli.global.gate_passphrase_file.clone(),
            identities: cli.global.identities.clone(),
            stretch: Box::new(derive),
            witness_wait: crate::http::client::WAIT,
        })
    }

    /// Runs one command.
    pub fn run(&mut self, command: Command) -> Result<(), CliError> {
        match command {
            Command::Init(args) => hierarchy::init(self, args),
            Command::Org(args) => hierarchy::org(self, args.command),
            Command::Project(args) => hierarchy::project(self, args.command),
            Command::Account(args) => hierarchy::account(self, args.command),
            Command::Custodian(args) => people::custodian(self, args.command),
            Command::Operator(args) => people::operator(self, args.command),
            Command::Officer(args) => people::officer(self, args.command),
            Command::Card(args) => card::card(self, args.command),
            Command::Group(args) => group::group(self, args.command),
            Command::Roster(args) => roster::roster(self, args.command),
            Command::Identify(args) => roster::identify(self, &args),
            Command::Recovery(args) => recovery::recovery(self, args.command),
            Command::Gate(gate) => gate::gate(self, gate.command),
            Command::Backup(args) => backup::backup(self, &args),
            Command::Restore(args) => backup::restore(self, &args),
            Command::Recover(args) => recovery::recover(self, &args),
            Command::Bind(args) => group::bind(self, args),
            Command::Seal(args) => seal::seal(self, args),
            Command::SealAll(args) => seal_all::seal_all(self, &args),
            Command::Import(args) => import::import(self, args.command),
            Command::Open(args) => open::open(self, args),
            Command::Rotate(args) => rotate::rotate(self, args),
            Command::Due(args) => due::due(self, args),
            Command::Destroy(args) => destroy::destroy(self, args),
            Command::Policy(args) => policy::policy(self, args.command),
            Command::Code(args) => code::code(self, args, Purpose::Code),
            Command::SignIn(args) => code::code(self, args, Purpose::SignIn),
            Command::Ceremony(args) => ceremony::ceremony(self, args.command),
            Command::Drill(args) => drill::drill(self, &args),
            Command::Reshare(args) => reshare::reshare(self, &args),
            Command::Refresh(args) => reshare::refresh(self, &args),
            Command::Audit(args) => audit::audit(self, args.command),
            Command::Reconcile(args) => reconcile::reconcile(self, args.command),
            Command::Report(args) => report::report(self, args.command),
            Command::Witness(args) => witness::witness(self, args.command),
            Command::Status(args) => status::status(self, args),
            Command::Rehearse(args) => rehearse::rehearse(self, args),
            Command::Completions { shell } => {
                self.ui.say(completions(shell).trim_end());
                Ok(())
            }
            Command::Man { dir } => man(&dir),
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Opens the vault, asking for the gate's passphrase where it has one.
    pub fn open_vault(&mut self) -> Result<Vault, CliError> {
        let mut failed = None;
        let (ui, file) = (&mut *self.ui, self.gate_passphrase.clone());
        let vault = Vault::open(&self.vault, &mut || {
            let answer = match &file {
                Some(path) => cards::secret_from_file(path),
                None => {
                    let prompt = Prompt::new(
                        Kind::GatePassphrase,
                        "Passphrase of the gate's file",
                        "Use --gate-passphrase-file FILE.",
                    );
                    ui.secret(&prompt).map_err(CliError::from)
                }
            };
            answer.map_err(|why| failed = Some(why)).ok()
        });
        match (vault, failed) {
            (_, Some(why)) => Err(why),
            (vault, None) => Ok(vault?),
        }
    }

    /// Opens the vault for reading alone: without the gate's file, and also where
    /// nothing can be written.
    pub fn read_vault(&self) -> Result<PublicVault, CliError> {
        Ok(PublicVault::open(&self.vault)?)
    }

    /// An organisation's log for reading alone. Ceremonies that ran out stay as
    /// the log has them.
    pub fn read_log(&self, organisation: &Slug) -> Result<(PublicVault, Log), CliError> {
        let vault = self.read_vault()?;
        let log = vault.log(organisation)?;
        Ok((vault, log))
    }

    /// Opens the vault and an organisation's log; ceremonies that ran out are closed.
    pub fn open_log(&mut self, organisation: &Slug) -> Result<(Vault, Log), CliError> {
        let vault = self.open_vault()?;
        self.prepare(vault, organisation)
    }

    /// An organisation's log of an open vault; ceremonies that ran out are closed.
    pub fn prepare(&mut self, mut vault: Vault, organisation: &Slug) -> Result<(Vault, Log), CliError> {
        let mut log = vault.log(organisation)?;
        let now = self.now();
        if now < log.state.last {
            return Err(VaultError::ClockBack { now, last: log.state.last }.into());
        }
        self.check_ahead(log.state.last, IDLE, None)?;
        for ceremony in vault.expire_due(&mut log, now)?.0 {
            self.ui.note(&format!("Ceremony {} ran out of time and was closed.", ceremony.short()));
        }
        Ok((vault, log))
    }

    /// Asks where the clock is further ahead of a log's last entry than is usual.
    /// What it stamps can never be undone, and nothing earlier can be entered
    /// after it: one command under a wrong clock would stop a log for years.
    pub fn check_ahead(&mut self, last: Time, usual: Span, deadline: Option<Time>) -> Result<(), CliError> {
        let now = self.now();
        if now - last <= usual {
            return Ok(());
        }
        self.ui.note(&format!(
            "This machine's clock says {}, the log's last entry is of {}.",
            now.to_minute(),
            last.to_minute()
        ));
        self.confirm("Is the clock right?", deadline)
    }

    /// A result: text for people, or one JSON value.
    pub fn emit(&mut self, value: Value, text: impl FnOnce() -> String) {
        let text = if self.json { escaped(&value) } else { table::fit(&text(), self.ui.columns()) };
        self.ui.say(&text);
    }

    /// A picture made of characters: it goes out as it is.
    pub fn show_picture(&mut self, value: Value, picture: impl FnOnce() -> String) {
        match self.json {
            true => self.ui.say(&escaped(&value)),
            false => self.ui.draw(&picture()),
        }
    }

    /// The same where lines with one of these addresses are to be seen at once.
    pub fn emit_red(&mut self, value: Value, addresses: &[String], text: impl FnOnce() -> String) {
        if self.json || addresses.is_empty() {
            return self.emit(value, text);
        }
        let text = table::fit(&text(), self.ui.columns());
        let addresses: BTreeSet<_> = addresses.iter().map(String::as_str).collect();
        for line in text.split('\n') {
            match line.split(' ').any(|word| addresses.contains(word)) {
                true => self.ui.say_as(Look::Overdue, line),
                false => self.ui.say(line),
            }
        }
    }

    /// The same for text that programs read too: its lines are broken nowhere.
    pub fn emit_whole(&mut self, value: Value, text: impl FnOnce() -> String) {
        let text = if self.json { escaped(&value) } else { text() };
        self.ui.say(&text);
    }

    /// A question of yes or no; `--yes` answers it.
    pub fn confirm(&mut self, question: &str, deadline: Option<Time>) -> Result<(), CliError> {
        if self.yes {
            return Ok(());
        }
        let prompt = Prompt::new(Kind::Confirm, format!("{question} (yes/no)"), "Use --yes.").until(deadline);
        loop {
            match self.ui.line(&prompt)?.to_lowercase().as_str() {
                "yes" | "y" => return Ok(()),
                "no" | "n" => return Err(CliError::NotConfirmed),
                _ => self.ui.note("Please answer yes or no."),
            }
        }
    }

    /// Asks for a new secret twice, and again until it passes the check and both
    /// are the same. It is checked before it has to be typed once more.
    pub fn new_secret(
        &mut self,
        kind: &Kind,
        what: &str,
        instead: &'static str,
        check: &dyn Fn(&SecretBytes) -> Result<(), CliError>,
    ) -> Result<SecretBytes, CliError> {
        loop {
            let first = self.ui.secret(&Prompt::new(kind.clone(), what, instead))?;
            if let Err(error) = check(&first) {
                self.ui.note(&format!("{error}. {}", error.remedy()));
                continue;
            }
            let second = self.ui.secret(&Prompt::new(kind.clone(), format!("{what}, once more"), instead))?;
            if first.same_as(&second) {
                return Ok(first);
            }
            self.ui.note(&format!("{}. Type it again, twice.", CliError::NotTheSame));
        }
    }
}

fn vault_dir(named: Option<&Path>) -> Result<PathBuf, CliError> {
    if let Some(dir) = named {
        return Ok(dir.to_owned());
    }
    let dirs = directories::ProjectDirs::from("", "", "warifu").ok_or(CliError::NoVaultPlace)?;
    Ok(dirs.data_dir().join("vault"))
}

/// Into memory first: the generator panics where it cannot write.
fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "warifu", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn man(dir: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(dir).map_err(|why| CliError::file(dir, why))?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(|why| CliError::file(dir, why))
}

/// Whether an interrupted prompt should end a ceremony.
pub(crate) fn interrupted(error: &CliError) -> bool {
    matches!(error, CliError::Ui(UiError::Interrupted | UiError::NoTerminal { .. }))
}
