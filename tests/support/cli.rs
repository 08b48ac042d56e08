//! A vault made by the built program alone, without a terminal: everybody has a
//! directory with a card, a passphrase in a file and an authenticator that
//! computes codes as a phone would. Each test binary makes the vault once and
//! keeps it in memory; each test works on a copy of its own.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use data_encoding::BASE32_NOPAD;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use warifu::seal::totp::{STEP_SECONDS, TotpSecret, step_of};
use warifu::secret::SecretBytes;

/// The root password that [`World::new`] has sealed for `acme/web/prod`.
pub const PASSWORD: &str = "Xk9#mQ2$vL7&pR4w-of-prod";

/// How long a child process may wait for a code before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a command did.
pub struct Ran {
    pub arguments: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It succeeded.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}{}", self.arguments, self.out, self.err);
        self
    }

    /// It was refused with this exit code, and says each of these on standard error.
    #[track_caller]
    pub fn refused(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}\n{}{}", self.arguments, self.out, self.err);
        for text in says {
            assert!(self.err.contains(text), "{}\nlacks {text:?}:\n{}", self.arguments, self.err);
        }
        let object = self
            .err
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(Value::is_object);
        if let Some(object) = object {
            assert!(object["error"].is_string() && object["remedy"].is_string(), "{object}");
            assert_eq!(object["exit"], code);
            return self;
        }
        let lines: Vec<_> = self.err.trim_end().lines().collect();
        let remedy = lines.last().copied().unwrap_or_default();
        let fact = lines.iter().any(|line| line.starts_with("error: "));
        assert!(fact && !remedy.starts_with("error: "), "no fact and remedy:\n{}", self.err);
        self
    }

    /// Its result as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

/// Somebody with a card.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub role: &'static str,
    folder: String,
}

/// A vault, its people, and the directories that they keep apart.
pub struct World {
    root: TempDir,
    pub custodians: Vec<Person>,
    pub operator: Person,
    /// A custodian of the other organisation, `globex`.
    pub stranger: Person,
    /// The twelve words of `acme/keepers`.
    pub words: String,
    used: Mutex<Vec<(String, u64)>>,
}

/// A file or directory of a world: path, permissions, contents.
type Kept = (PathBuf, u32, Option<Vec<u8>>);

struct Template {
    files: Vec<Kept>,
    custodians: Vec<Person>,
    operator: Person,
    stranger: Person,
    words: String,
}

static TEMPLATE: OnceLock<Template> = OnceLock::new();

/// The program, without anything of the environment that changes what it does.
pub fn warifu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.env_remove("WARIFU_VAULT").stdin(Stdio::null());
    command
}

/// Runs a command in a directory to its end.
#[track_caller]
pub fn run(dir: &Path, arguments: &[&str]) -> Ran {
    run_with(warifu().current_dir(dir), arguments, None)
}

/// Runs a prepared command to its end, perhaps with something on standard input.
#[track_caller]
pub fn run_with(command: &mut Command, arguments: &[&str], input: Option<&str>) -> Ran {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child =
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), input) {
        // A command that is refused early does not read its input.
        let _ = pipe.write_all(text.as_bytes());
    }
    ended(child, arguments)
}

fn ended(child: Child, arguments: &[&str]) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    Ran {
        arguments: arguments.join(" "),
        code: output.status.code().expect("it was not killed"),
        out: String::from_utf8(output.stdout).expect("output is text"),
        err: String::from_utf8(output.stderr).expect("output is text"),
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_secs()
}

impl World {
    /// Two organisations. `acme` has three custodians in group `acme/keepers` (2
    /// of 3), an operator admitted to it, project `web` bound to it with accounts
    /// `prod` (sealed) and `spare` (not sealed), and project `lab`, bound to
    /// nothing, with account `one`. `globex` has one custodian.
    pub fn new() -> Self {
        let template = TEMPLATE.get_or_init(|| {
            let world = Self::make();
            let mut files = Vec::new();
            keep(world.root.path(), Path::new(""), &mut files);
            Template {
                files,
                custodians: world.custodians.clone(),
                operator: world.operator.clone(),
                stranger: world.stranger.clone(),
                words: world.words.clone(),
            }
        });
        let root = tempfile::tempdir().expect("a temporary directory");
        put_back(root.path(), &template.files);
        Self {
            root,
            custodians: template.custodians.clone(),
            operator: template.operator.clone(),
            stranger: template.stranger.clone(),
            words: template.words.clone(),
            used: Mutex::default(),
        }
    }

    fn make() -> Self {
        let nobody = Person { name: String::new(), role: "custodian", folder: String::new() };
        let mut world = Self {
            root: tempfile::tempdir().expect("a temporary directory"),
            custodians: Vec::new(),
            operator: nobody.clone(),
            stranger: nobody,
            words: String::new(),
            used: Mutex::default(),
        };
        fs::create_dir(world.host_dir()).expect("a new directory");
        for line in [
            "init --origin example.com/warifu",
            "org add acme --name Acme",
            "org add globex --name Globex-Geheim",
            "project add acme/web --name Webshop",
            "project add acme/lab",
            "project add globex/vault-seventeen",
            "account add acme/web/prod --id 111122223333 --name Produktion",
            "account add acme/web/spare --id 111122224444",
            "account add acme/lab/one --id 111122225555",
            "account add globex/vault-seventeen/ledger --id 999988887777 --name Hauptbuch",
        ] {
            world.host(&line.split(' ').collect::<Vec<_>>()).good();
        }
        world.custodians = (1..=3).map(|n| world.enrol("custodian", "acme", &format!("c{n}"))).collect();
        world.operator = world.enrol("operator", "acme", "op");
        world.stranger = world.enrol("custodian", "globex", "stranger");
        world.form("acme/keepers", 2, &world.custodians);
        let group: Value = world.host(&["--json", "group", "show", "acme/keepers"]).good().json();
        world.words = group["fingerprint"].as_str().expect("twelve words").to_owned();
        let quorum = world.cards(&[0, 1]);
        let admit = ["operator", "admit", "acme/keepers", &world.operator.name];
        world.host(&joined(&admit, &quorum)).good();
        world.host(&joined(&["bind", "acme/web", "--group", "acme/keepers"], &quorum)).good();
        let words = world.words.clone();
        let seal =
            ["seal", "acme/web/prod", "--login", "root@example.com", "--stdin", "--fingerprint", &words];
        world.host_with(&seal, PASSWORD).good();
        world
    }

    /// A person's or the host's directory; made if need be.
    pub fn dir(&self, folder: &str) -> PathBuf {
        let dir = self.root.path().join(folder);
        fs::create_dir_all(&dir).expect("a directory");
        dir
    }

    /// Where the host's people work; the vault is `vault` in it.
    pub fn host_dir(&self) -> PathBuf {
        self.root.path().join("host")
    }

    /// The vault's directory.
    pub fn vault(&self) -> PathBuf {
        self.host_dir().join("vault")
    }

    /// The vault's database, as somebody without keys can write to it.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.vault().join("vault.db")).expect("the database opens")
    }

    /// A command on the vault's host.
    #[track_caller]
    pub fn host(&self, arguments: &[&str]) -> Ran {
        run(&self.host_dir(), &[&["--vault", "vault", "--yes"], arguments].concat())
    }

    /// A command on the vault's host, with standard input.
    #[track_caller]
    pub fn host_with(&self, arguments: &[&str], input: &str) -> Ran {
        let arguments = [&["--vault", "vault", "--yes"], arguments].concat();
        run_with(warifu().current_dir(self.host_dir()), &arguments, Some(input))
    }

    /// A command that is refused and changes nothing.
    #[track_caller]
    pub fn host_refused(&self, arguments: &[&str], code: i32, says: &[&str]) -> Ran {
        let before = self.entries();
        let ran = self.host(arguments).refused(code, says);
        assert_eq!(self.entries(), before, "{} changed the vault", ran.arguments);
        ran
    }

    /// Number of entries of all logs, read past the program.
    pub fn entries(&self) -> u64 {
        let count = "SELECT count(*) FROM entry";
        let count: i64 = self.database().query_row(count, [], |row| row.get(0)).expect("a count");
        count.unsigned_abs()
    }

    /// Number of entries of `acme`, as the program tells it.
    #[track_caller]
    pub fn log_size(&self) -> usize {
        let log = self.host(&["--json", "audit", "log", "acme"]).good().json();
        log.as_array().expect("a list").len()
    }

    /// Everything verifies.
    #[track_caller]
    pub fn verified(&self) {
        self.host(&["audit", "verify"]).good();
    }

    /// The state of an account, as `account list` tells it.
    #[track_caller]
    pub fn account_state(&self, address: &str) -> String {
        let rows = self.host(&["--json", "account", "list", "acme"]).good().json();
        let row = rows.as_array().expect("a list").iter().find(|row| row["address"] == address);
        row.expect("the account is listed")["state"].as_str().expect("a state").to_owned()
    }

    /// A person's directory.
    pub fn home(&self, person: &Person) -> PathBuf {
        self.root.path().join(&person.folder)
    }

    /// A file in a person's directory, as a command-line argument.
    pub fn file(&self, person: &Person, name: &str) -> String {
        self.home(person).join(name).display().to_string()
    }

    /// A command on a person's own machine: the vault is not there.
    #[track_caller]
    pub fn at(&self, person: &Person, arguments: &[&str]) -> Ran {
        run(&self.home(person), &[&["--vault", "no-vault-here", "--yes"], arguments].concat())
    }

    /// Options that name a person's card and passphrase.
    pub fn card(&self, person: &Person) -> Vec<String> {
        [
            "--card".to_owned(),
            self.file(person, "card"),
            "--passphrase-file".to_owned(),
            self.file(person, "passphrase"),
        ]
        .to_vec()
    }

    /// Options that name the cards of several custodians.
    pub fn cards(&self, which: &[usize]) -> Vec<String> {
        which.iter().flat_map(|n| self.card(&self.custodians[*n])).collect()
    }

    /// Makes a card as a person would: the authenticator is fed from the file
    /// that the program writes, and the program waits for its first code.
    pub fn enrol(&self, role: &'static str, organisation: &str, folder: &str) -> Person {
        let mut person = Person { name: String::new(), role, folder: folder.to_owned() };
        let (child, arguments) = self.begin_enrolment(&person, organisation);
        let ran = self.first_code(&person, child, &arguments, |right| right).good();
        person.name = ran.json()["pseudonym"].as_str().expect("a pseudonym").to_owned();
        person
    }

    /// Makes a keeper's card: nothing is asked of it but a passphrase.
    #[track_caller]
    pub fn keeper(&self, folder: &str) -> Person {
        let mut person = Person { name: String::new(), role: "keeper", folder: folder.to_owned() };
        let passphrase = format!("heron lantern quartz {folder} violin meadow");
        fs::write(self.dir(folder).join("passphrase"), passphrase).expect("a new file");
        let enrol = ["--json", "recovery", "enrol", "--kdf-floor"];
        let ran = self.host(&joined(&enrol, &self.card(&person))).good();
        person.name = ran.json()["pseudonym"].as_str().expect("a pseudonym").to_owned();
        person
    }

    /// Forms the recovery group of these keepers.
    #[track_caller]
    pub fn form_recovery(&self, threshold: usize, keepers: &[&Person]) -> Ran {
        let members: Vec<_> = keepers.iter().map(|keeper| keeper.name.as_str()).collect();
        let (threshold, members) = (threshold.to_string(), members.join(","));
        let form = ["--json", "recovery", "form", "--threshold", &threshold, "--members", &members];
        let cards: Vec<_> = keepers.iter().flat_map(|keeper| self.card(keeper)).collect();
        self.host(&joined(&form, &cards)).good()
    }

    /// The same with what a person makes of the right code.
    pub fn enrol_with_code(&self, folder: &str, typed: impl Fn(String) -> String) -> Ran {
        let person = Person { name: String::new(), role: "custodian", folder: folder.to_owned() };
        let (child, arguments) = self.begin_enrolment(&person, "acme");
        self.first_code(&person, child, &arguments, typed)
    }

    /// Somebody with a folder of their own and no card yet.
    pub fn newcomer(&self, folder: &str) -> Person {
        self.dir(folder);
        Person { name: String::new(), role: "custodian", folder: folder.to_owned() }
    }

    /// A custodian of `acme`, enrolled with more options. Nobody has to be asked for a
    /// code where it is refused before.
    pub fn enrol_with(&self, folder: &str, more: &[&str]) -> (Person, Ran) {
        let person = Person { name: String::new(), role: "custodian", folder: folder.to_owned() };
        let (child, arguments) = self.begin_enrolment_with(&person, "acme", more);
        let ran = self.first_code(&person, child, &arguments, |right| right);
        (person, ran)
    }

    fn begin_enrolment(&self, person: &Person, organisation: &str) -> (Child, Vec<String>) {
        self.begin_enrolment_with(person, organisation, &[])
    }

    fn begin_enrolment_with(
        &self,
        person: &Person,
        organisation: &str,
        more: &[&str],
    ) -> (Child, Vec<String>) {
        let dir = self.dir(&person.folder);
        let passphrase = format!("heron lantern quartz {} violin meadow", person.folder);
        fs::write(dir.join("passphrase"), passphrase).expect("a new file");
        self.await_code(person);
        let mut arguments =
            words(&["--vault", "vault", "--json", person.role, "enrol", organisation, "--kdf-floor"]);
        for (option, file) in [
            ("card", "card"),
            ("passphrase-file", "passphrase"),
            ("totp-file", "totp"),
            ("code-file", "code"),
        ] {
            arguments.extend([format!("--{option}"), self.file(person, file)]);
        }
        arguments.extend(words(more));
        let child = warifu()
            .current_dir(self.host_dir())
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        (child, arguments)
    }

    /// Where a program reads a code that the phone shows only then.
    pub fn await_code(&self, person: &Person) {
        let path = self.home(person).join("code");
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a new FIFO");
    }

    /// A card of somebody who is there already, but wrapped for an age recipient.
    pub fn enrol_wrapped(&self, person: &Person, recipient: &str, identity: &str) -> Ran {
        let home = self.home(person);
        self.await_code(person);
        for file in ["totp", "card.wrapped"] {
            let _ = fs::remove_file(home.join(file));
        }
        let mut arguments = words(&["--vault", "vault", "--json", "custodian", "enrol", "acme"]);
        arguments.extend(words(&["--wrap", recipient, "--identity", identity]));
        for (option, file) in [("card", "card.wrapped"), ("totp-file", "totp"), ("code-file", "code")] {
            arguments.extend([format!("--{option}"), self.file(person, file)]);
        }
        let mut command = warifu();
        command.current_dir(self.host_dir()).args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        self.first_code(person, child, &arguments, |right| right)
    }

    /// Writes the first code as soon as the program wants it.
    pub fn first_code(
        &self,
        person: &Person,
        mut child: Child,
        arguments: &[String],
        typed: impl Fn(String) -> String,
    ) -> Ran {
        let end = Instant::now() + PATIENCE;
        // The FIFO has a reader only when the authenticator's file is complete.
        while child.try_wait().expect("it can be asked").is_none() {
            assert!(Instant::now() < end, "nobody asked for the first code");
            match open(self.home(person).join("code"), OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
                Ok(fifo) => {
                    let code = typed(code_at(&self.authenticator(person), step_of(now())));
                    fs::File::from(fifo).write_all(code.as_bytes()).expect("the code is read");
                    break;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        ended(child, &arguments)
    }

    fn authenticator(&self, person: &Person) -> TotpSecret {
        let url = fs::read_to_string(self.home(person).join("totp")).expect("the authenticator's file");
        let secret = url.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).expect("a secret");
        let bytes = BASE32_NOPAD.decode(secret.trim().as_bytes()).expect("base 32");
        TotpSecret::from_bytes(SecretBytes::new(bytes)).expect("a seed")
    }

    /// A code that the person has not used yet; waits for the next if need be.
    pub fn code(&self, person: &Person) -> String {
        loop {
            let (step, mut used) = (step_of(now()), self.used.lock().expect("no test failed"));
            let fresh = [step, step + 1].into_iter().find(|s| !used.contains(&(person.name.clone(), *s)));
            if let Some(step) = fresh {
                used.push((person.name.clone(), step));
                return code_at(&self.authenticator(person), step);
            }
            drop(used);
            std::thread::sleep(Duration::from_secs(STEP_SECONDS - now() % STEP_SECONDS));
        }
    }

    /// Forms a group whose members all sign.
    #[track_caller]
    pub fn form(&self, address: &str, threshold: usize, members: &[Person]) {
        let names: Vec<_> = members.iter().map(|m| m.name.as_str()).collect();
        let (threshold, names) = (threshold.to_string(), names.join(","));
        let cards: Vec<_> = members.iter().flat_map(|m| self.card(m)).collect();
        let form = ["group", "form", address, "--threshold", &threshold, "--members", &names];
        self.host(&joined(&form, &cards)).good();
    }

    /// Opens a ceremony for `acme/web/prod`; gives its hash. The request is
    /// written to `name` in the host's directory.
    #[track_caller]
    pub fn request(&self, name: &str) -> String {
        let ask =
            ["--json", "ceremony", "request", "acme/web/prod", "--reason", "billing address", "--out", name];
        let ran = self.host(&joined(&ask, &self.card(&self.operator))).good();
        ran.json()["ceremony"].as_str().expect("a hash").to_owned()
    }

    /// Brings a file from the host to a person.
    pub fn carry(&self, name: &str, to: &Person) {
        fs::copy(self.host_dir().join(name), self.home(to).join(name)).expect("a copy");
    }

    /// Brings a file from a person to the host.
    pub fn bring(&self, from: &Person, name: &str) {
        fs::copy(self.home(from).join(name), self.host_dir().join(name)).expect("a copy");
    }

    /// A custodian's answer on their own machine, to a request that was carried there.
    #[track_caller]
    pub fn contribute(&self, person: &Person, request: &str, out: &str) -> Ran {
        self.contribute_with(person, request, out, &self.code(person))
    }

    /// The same with a code that is not, or need not be, the phone's.
    #[track_caller]
    pub fn contribute_with(&self, person: &Person, request: &str, out: &str, code: &str) -> Ran {
        fs::write(self.home(person).join("code.now"), code).expect("a file");
        let contribute =
            ["ceremony", "contribute", request, "--card", "card", "--passphrase-file", "passphrase"];
        self.at(person, &[&contribute[..], &["--code-file", "code.now", "--out", out]].concat())
    }

    /// Request to contribution to acceptance, for one custodian.
    #[track_caller]
    pub fn contributed(&self, which: usize, request: &str) {
        let person = &self.custodians[which];
        let out = format!("{}.contribution", person.name);
        self.carry(request, person);
        self.contribute(person, request, &out).good();
        self.bring(person, &out);
        self.host(&["ceremony", "accept", &out]).good();
        fs::remove_file(self.host_dir().join(&out)).expect("it was there");
        fs::remove_file(self.home(person).join(&out)).expect("it was there");
    }
}

fn code_at(authenticator: &TotpSecret, step: u64) -> String {
    String::from_utf8(authenticator.code_at(step).expose().to_vec()).expect("digits")
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&text| text.to_owned()).collect()
}

/// Arguments and options as one command line.
pub fn joined<'a>(arguments: &[&'a str], options: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(options.iter().map(String::as_str)).collect()
}

fn keep(root: &Path, below: &Path, files: &mut Vec<Kept>) {
    for entry in fs::read_dir(root.join(below)).expect("a directory") {
        let entry = entry.expect("an entry");
        let (path, about) = (below.join(entry.file_name()), entry.metadata().expect("metadata"));
        let mode = about.permissions().mode() & 0o777;
        if about.is_dir() {
            files.push((path.clone(), mode, None));
            keep(root, &path, files);
        } else if about.is_file() {
            let bytes = fs::read(root.join(&path)).expect("a file");
            files.push((path, mode, Some(bytes)));
        }
    }
}

fn put_back(root: &Path, files: &[Kept]) {
    for (path, mode, contents) in files {
        let path = root.join(path);
        match contents {
            None => fs::create_dir(&path).expect("a new directory"),
            Some(bytes) => {
                let mut options = fs::OpenOptions::new();
                let mut file =
                    options.write(true).create_new(true).mode(*mode).open(&path).expect("a new file");
                file.write_all(bytes).expect("it is written");
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("it is ours");
    }
}

/// A directory as it is now, to be restored later.
pub struct Backup(PathBuf, Vec<Kept>);

impl Backup {
    /// Copies a directory.
    pub fn of(dir: &Path) -> Self {
        let mut files = Vec::new();
        keep(dir, Path::new(""), &mut files);
        Self(dir.to_owned(), files)
    }

    /// Puts the copy in place of what is there.
    pub fn restore(&self) {
        fs::remove_dir_all(&self.0).expect("it is there");
        fs::create_dir(&self.0).expect("a new directory");
        put_back(&self.0, &self.1);
    }
}
