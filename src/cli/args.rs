//! The command line's grammar. Secrets are never arguments. One file, long as it is,
//! so that the whole grammar can be read at once, but for what files of its own have:
//! those of families of commands, named below.

mod audit;
mod backup;
mod baseline;
mod card;
mod custodian;
mod gate;
mod import;
mod reconcile;
mod recovery;
mod report;
mod reshare;
mod roster;
mod rotation;
mod witness;

pub use audit::{
    AuditCommand, CheckProofArgs, ExportArgs, ExportFormat, Holders, LogArgs, ProveArgs, RecoverabilityArgs,
    SiemArgs, VerifyArgs,
};
pub use backup::{Backup, Restore};
pub use baseline::BaselineArgs;
pub use card::{CardCommand, ChangePassphrase, NewPassphrase, PaperArgs, RestoreArgs, Rewrap};
pub use custodian::{ReEnrol, Resume, Revoke, Suspend};
pub use gate::{GateCommand, GateRotate};
pub use import::{ImportArgs, ImportCommand, SealAll};
pub use reconcile::{CloudtrailArgs, CredentialReportArgs, HowArgs, ReconcileCommand};
pub use recovery::{Later, NewKeeper, Recover, RecoveryCommand};
pub use report::{ReportCommand, StatementArgs};
pub use reshare::{RefreshArgs, ReshareArgs, ReshareAskArgs};
pub use roster::{Identify, NewPerson, RosterCommand, SealPerson};
pub use rotation::{
    Destroy, DrillPolicyCommand, DueArgs, PoliciesCommand, Rotate, RotationPolicyCommand, SetDrill,
    SetRotation,
};
pub use witness::{CosignArgs, PolicyCommand, WaitArgs, WitnessCommand};

use crate::cli::age::Recipient;
use crate::event::AccountStanding;
use crate::name::{
    AccountAddress, DisplayName, Factor, MemberAddress, Origin, Provider, Pseudonym, ScopeAddress, Slug,
};
use crate::time::Span;
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Keeps root credentials so that only a quorum can use them, and never unseen.
#[derive(Parser, Debug)]
#[command(
    name = "warifu",
    version,
    about,
    after_help = "\
See it work:      warifu rehearse
Begin a vault:    warifu init, then org add, project add, account add
Then people:      custodian enrol, operator enrol, group form, operator admit, bind
Then passwords:   seal, open, audit verify, status"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// The vault's directory [default: the platform's data directory]
    #[arg(long, global = true, env = "WARIFU_VAULT", value_name = "DIR")]
    pub vault: Option<PathBuf>,
    /// Print results as JSON, one value a line; errors too, on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer questions of yes or no with yes
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// File that holds the passphrase of the gate's file
    #[arg(long, global = true, value_name = "FILE")]
    pub gate_passphrase_file: Option<PathBuf>,
    /// Age identity file that opens wrapped cards; may be repeated
    #[arg(long = "identity", global = true, value_name = "FILE", action = ArgAction::Append)]
    pub identities: Vec<PathBuf>,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a new vault
    #[command(after_help = "Example:\n  warifu init --origin example.com/warifu")]
    Init(Init),
    /// Organisations
    #[command(after_help = "Example:\n  warifu org add acme --name 'Acme AG'")]
    Org(Sub<OrgCommand>),
    /// Projects of an organisation
    #[command(after_help = "Example:\n  warifu project add acme/web")]
    Project(Sub<ProjectCommand>),
    /// Accounts of a project
    #[command(after_help = "Example:\n  warifu account list acme/web")]
    Account(Sub<AccountCommand>),
    /// Custodians: they hold shares
    #[command(after_help = "Example:\n  warifu custodian enrol acme")]
    Custodian(Sub<CustodianCommand>),
    /// Operators: they ask for ceremonies
    #[command(after_help = "Example:\n  warifu operator admit acme/keepers quiet-heron-lamp --days 90")]
    Operator(Sub<OperatorCommand>),
    /// Officers: they read and verify, and open nothing
    #[command(after_help = "Example:\n  warifu officer enrol acme")]
    Officer(Sub<OfficerCommand>),
    /// A card's file: passphrase, a copy on paper, hardware keys; no vault is needed
    #[command(after_help = "Example:\n  warifu card paper mine.card --pdf mine.pdf")]
    Card(Sub<CardCommand>),
    /// Groups of custodians
    #[command(after_help = "Example:\n  warifu group show acme/keepers")]
    Group(Sub<GroupCommand>),
    /// Who the owners of cards are: sealed for a group that alone can disclose it
    #[command(after_help = "Example:\n  warifu roster show acme")]
    Roster(Sub<RosterCommand>),
    /// Have the roster group disclose who a pseudonym is, with a quorum, in one room or by files
    #[command(after_help = "\
Examples:
  warifu identify quiet-heron-lamp --reason 'disputed opening' --ticket LEGAL-3
  warifu identify quiet-heron-lamp --reason 'disputed opening' --request request.warifu")]
    Identify(Identify),
    /// Keepers: with 'warifu recover' they bring the gate's root back on a new machine
    #[command(after_help = "Example:\n  warifu recovery show")]
    Recovery(Sub<RecoveryCommand>),
    /// Bind an organisation, project or account to a group: its members agree to hold what is sealed there
    #[command(after_help = "\
Examples:
  warifu bind acme --factor password --group acme/keepers
  warifu bind acme/web --group acme/web-keepers --card a.card --card b.card")]
    Bind(Bind),
    /// Seal a root password or another factor; no custodian is needed
    #[command(after_help = "\
Examples:
  warifu seal acme/web/prod --login root@example.com --hand-over
  warifu seal acme/web/prod --login root@example.com --typed
  warifu seal acme/web/prod --login root@example.com --stdin < password.txt
  warifu seal acme/web/prod --factor mfa --from qr.png
  warifu seal acme/web/prod --factor file --from root-key.pem")]
    Seal(Seal),
    /// Generate and seal a password for every account that has none
    #[command(after_help = "\
Examples:
  warifu seal-all acme
  warifu seal-all acme/web --logins accounts.json")]
    SealAll(SealAll),
    /// Bring in accounts from a file: a dry run unless --apply is given
    #[command(
        long_about = "\
Bring in accounts from a file: a dry run unless --apply is given. \
An account is known by provider and identifier, wherever in the organisation it is: \
new ones go into the project, names and standings follow the file, nothing is removed. \
What is entered is the word of this host's administration, and the log says so.",
        after_help = "\
Example:
  warifu import aws-accounts acme/web accounts.json"
    )]
    Import(Sub<ImportCommand>),
    /// Open a root password with a quorum, in one room
    #[command(after_help = "\
Examples:
  warifu open acme/web/prod --reason 'billing address' --ticket OPS-7
  warifu open acme/web/prod --reason 'rotate' --exec './install-password'")]
    Open(Open),
    /// Replace what is sealed with a quorum: the next one is sealed before anybody relies on it
    #[command(after_help = "\
Examples:
  warifu rotate acme/web/prod --reason 'yearly' --ticket OPS-8
  warifu rotate acme/web/prod --reason 'yearly' --exec './install-password'
  warifu rotate --all acme/web --reason 'yearly' --window 4h
  warifu rotate acme/web/prod --factor mfa --reason 'yearly'
  warifu rotate acme/web/prod --reason 'yearly' --request request.warifu
  warifu rotate --resume acme/web/prod --card op.card")]
    Rotate(Rotate),
    /// What is to be renewed and drilled, what is overdue first; exit code 9 if anything is
    #[command(after_help = "Examples:\n  warifu due\n  warifu due acme --within 30d --json")]
    Due(DueArgs),
    /// Destroy the record of a version that nobody needs any more
    #[command(after_help = "\
Examples:
  warifu destroy acme/web/prod --version 3
  warifu destroy acme/web/prod --factor mfa --version 1
  warifu destroy acme/web/prod --version 4 --current --card a.card --card b.card")]
    Destroy(Destroy),
    /// Rules for what is sealed
    #[command(after_help = "Example:\n  warifu policy rotation show acme/web/prod")]
    Policy(Sub<PoliciesCommand>),
    /// Have codes made of a sealed authenticator with a quorum, in one room
    #[command(after_help = "\
Examples:
  warifu code acme/web/prod --reason 'sign in' --ticket OPS-7
  warifu code acme/web/prod --reason 'sign in' --codes 4")]
    Code(Code),
    /// Have password and codes side by side: one ceremony, both quorums
    #[command(after_help = "\
Example:
  warifu sign-in acme/web/prod --reason 'billing address' --ticket OPS-7")]
    SignIn(Code),
    /// The same ceremony by files, each custodian on their own machine
    #[command(after_help = "\
In order:
  operator   warifu ceremony request acme/web/prod --reason 'billing' \\
                 --card op.card --out request.warifu
  custodian  warifu ceremony contribute request.warifu --card mine.card
  host       warifu ceremony accept PSEUDONYM.contribution
  operator   warifu ceremony finish acme CEREMONY --card op.card")]
    Ceremony(Sub<CeremonyCommand>),
    /// Custodians show that their cards are still at hand; nothing is opened
    #[command(after_help = "\
Examples:
  warifu drill acme/keepers
  warifu drill acme/keepers --card mine.card
  warifu drill acme/keepers --request drill.warifu")]
    Drill(DrillArgs),
    /// Hand all that a group holds to another with a quorum; nothing is opened
    #[command(after_help = "\
Examples:
  warifu reshare acme/keepers --to acme/new-keepers --dry-run
  warifu reshare acme/keepers --to acme/new-keepers --reason 'one leaves' --ticket OPS-9
  warifu reshare acme/keepers --to acme/new-keepers --reason 'one leaves' --request request.warifu")]
    Reshare(ReshareArgs),
    /// Give a group's members new share keys, in one room; nothing is opened
    #[command(after_help = "\
Examples:
  warifu refresh acme/keepers --dry-run
  warifu refresh acme/keepers --reason 'yearly' --card op.card")]
    Refresh(RefreshArgs),
    /// Read and verify the log
    #[command(after_help = "Example:\n  warifu audit verify")]
    Audit(Sub<AuditCommand>),
    /// Hold the provider's records of root users against the ceremonies
    #[command(after_help = "Example:\n  warifu reconcile cloudtrail acme logs/")]
    Reconcile(Sub<ReconcileCommand>),
    /// Statements of a period, for customers, finance and auditors
    #[command(after_help = "Example:\n  warifu report project acme/web --out march/")]
    Report(Sub<ReportCommand>),
    /// Be a witness: cosign the checkpoints of logs that others keep
    #[command(after_help = "Example:\n  warifu witness init --state witness --name witness.example.org")]
    Witness(Sub<WitnessCommand>),
    /// The gate's epochs: a fresh root after a recovery or a leak
    #[command(after_help = "Example:\n  warifu gate show")]
    Gate(Sub<GateCommand>),
    /// Copy the vault while it is in use, and verify the copy; gate.key is not in it
    #[command(after_help = "\
Examples:
  warifu backup /mnt/backup/warifu-2026-03-01")]
    Backup(Backup),
    /// Make a vault from a backup in the new directory that --vault names, with what others still know of its logs
    #[command(after_help = "\
Examples:
  warifu restore /mnt/backup/warifu-2026-03-01 --vault restored
  warifu restore backup --vault restored --merge /srv/audit/acme \
      --against mine.card.seen")]
    Restore(Restore),
    /// On a new machine with a copy of the vault: keepers bring its gate.key back
    #[command(after_help = "\
Examples:
  warifu recover --vault restored
  warifu recover --vault restored --card a.card --card b.card
  warifu recover --vault restored a-b-c.recovery d-e-f.recovery
  warifu recover --vault restored --against mine.card.seen --sign-gap")]
    Recover(Recover),
    /// A first look: what there is and what needs attention
    #[command(after_help = "Examples:\n  warifu status\n  warifu status acme --json")]
    Status(StatusArgs),
    /// Watch a whole ceremony happen in a throw-away vault
    Rehearse(RehearseArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  warifu completions bash > /etc/bash_completion.d/warifu")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a directory
    #[command(after_help = "Example:\n  warifu man ~/.local/share/man/man1")]
    Man {
        /// Directory, made if need be
        dir: PathBuf,
    },
}

/// A command with commands of its own.
#[derive(Args, Debug)]
pub struct Sub<T: Subcommand> {
    /// Which.
    #[command(subcommand)]
    pub command: T,
}

/// `init`.
#[derive(Args, Debug)]
pub struct Init {
    /// Base of the logs' origins: a name that is yours, like example.com/warifu
    #[arg(long, default_value = "warifu.invalid")]
    pub origin: Origin,
    /// Protect the gate's file with a passphrase, asked for at every command
    #[arg(long)]
    pub passphrase: bool,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}

/// `org …`.
#[derive(Subcommand, Debug)]
pub enum OrgCommand {
    /// Create an organisation, with a log of its own
    #[command(after_help = "\
Example:
  warifu org add acme --name 'Acme AG'")]
    Add {
        /// Its name in addresses
        slug: Slug,
        /// Display name, in any script
        #[arg(long)]
        name: Option<DisplayName>,
    },
    /// List organisations
    #[command(after_help = "\
Examples:
  warifu org list
  warifu org list --json")]
    List,
    /// Show one
    #[command(after_help = "\
Example:
  warifu org show acme")]
    Show {
        /// Its name
        slug: Slug,
    },
}

/// `project …`.
#[derive(Subcommand, Debug)]
pub enum ProjectCommand {
    /// Create a project
    #[command(after_help = "\
Example:
  warifu project add acme/web --name 'Webshop'")]
    Add {
        /// org/project
        address: MemberAddress,
        /// Display name, in any script
        #[arg(long)]
        name: Option<DisplayName>,
    },
    /// List an organisation's projects
    #[command(after_help = "\
Example:
  warifu project list acme")]
    List {
        /// Organisation
        organisation: Slug,
    },
    /// Show one
    #[command(after_help = "\
Example:
  warifu project show acme/web")]
    Show {
        /// org/project
        address: MemberAddress,
    },
}

/// `account …`.
#[derive(Subcommand, Debug)]
pub enum AccountCommand {
    /// Create an account
    #[command(
        after_help = "Example:\n  warifu account add acme/web/prod --id 123456789012 --name 'Webshop, Produktion'"
    )]
    Add {
        /// org/project/account
        address: AccountAddress,
        /// The provider's own identifier; 12 digits for AWS
        #[arg(long)]
        id: String,
        /// Provider: aws, or another by name
        #[arg(long, default_value = "aws")]
        provider: Provider,
        /// Display name, in any script
        #[arg(long)]
        name: Option<DisplayName>,
    },
    /// List accounts of an organisation or a project
    #[command(after_help = "\
Examples:
  warifu account list acme
  warifu account list acme/web --json")]
    List {
        /// org or org/project
        scope: ScopeAddress,
    },
    /// Give an account another display name
    #[command(after_help = "\
Example:
  warifu account rename acme/web/prod 'Webshop, Produktion'")]
    Rename {
        /// org/project/account
        address: AccountAddress,
        /// Display name, in any script
        name: DisplayName,
    },
    /// Say whether an account has a root user that somebody can sign in as
    #[command(after_help = "\
Examples:
  warifu account standing acme/web/prod credential-less
  warifu account standing acme/web/prod in-use")]
    Standing {
        /// org/project/account
        address: AccountAddress,
        /// in-use, credential-less (central root access) or closed
        standing: AccountStanding,
    },
    /// What is shown of a new or taken-over account, and what is missing; exit code 9 if anything is
    #[command(after_help = "\
Examples:
  warifu account baseline acme/web/prod
  warifu account baseline acme/web/prod --state mailbox --card op.card
  warifu account baseline acme/web/prod --withdraw contacts --card op.card
  warifu account baseline acme --json")]
    Baseline(BaselineArgs),
    /// Show one
    #[command(after_help = "\
Example:
  warifu account show acme/web/prod")]
    Show {
        /// org/project/account
        address: AccountAddress,
    },
}

/// Where a new card goes and how it is protected.
#[derive(Args, Debug)]
pub struct NewCard {
    /// Organisation
    pub organisation: Slug,
    /// The card's file [default: PSEUDONYM.card here]
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Wrap the card for an age recipient, like age:age1…, instead of a passphrase
    #[arg(long, value_name = "age:RECIPIENT", conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    pub wrap: Option<Recipient>,
    /// Read the new passphrase from a file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from a file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Write the authenticator's otpauth:// URL into a new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    pub totp_file: Option<PathBuf>,
    /// Read the first code from a file; with --totp-file a pipe (mkfifo), for the code is of the secret written there in this run
    #[arg(long, value_name = "FILE", conflicts_with = "code_fd")]
    pub code_file: Option<PathBuf>,
    /// Read the first code from a file descriptor
    #[arg(long, value_name = "N")]
    pub code_fd: Option<u32>,
    /// Who the owner is
    #[command(flatten)]
    pub person: NewPerson,
    /// The weakest key derivation that is allowed: for tests alone
    #[arg(long, hide = true)]
    pub kdf_floor: bool,
}

/// `custodian …`.
#[derive(Subcommand, Debug)]
pub enum CustodianCommand {
    /// Make a custodian's card and enrol their authenticator
    #[command(after_help = "\
Examples:
  warifu custodian enrol acme
  warifu custodian enrol acme --card /media/usb/mine.card")]
    Enrol(NewCard),
    /// A card is missing: it counts for nothing until its groups' others let it
    #[command(after_help = "\
Example:
  warifu custodian suspend acme quiet-heron-lamp --reason 'bag stolen' \\
      --card mine.card")]
    Suspend(Suspend),
    /// Let a suspended card count again: a quorum of the others of its groups signs
    #[command(after_help = "\
Example:
  warifu custodian resume acme quiet-heron-lamp --card a.card --card b.card")]
    Resume(Resume),
    /// A card is lost or in wrong hands: it counts for nothing any more, for ever
    #[command(after_help = "\
Examples:
  warifu custodian revoke acme quiet-heron-lamp --reason 'card stolen'
  warifu custodian revoke acme quiet-heron-lamp --reason 'I leave' \\
      --own --card mine.card")]
    Revoke(Revoke),
    /// A phone is lost: a new authenticator for the same card; a quorum of the others signs
    #[command(after_help = "\
Example:
  warifu custodian re-enrol-totp acme quiet-heron-lamp \\
      --card mine.card --card a.card --card b.card")]
    ReEnrolTotp(ReEnrol),
    /// List custodians
    #[command(after_help = "\
Example:
  warifu custodian list acme")]
    List {
        /// Organisation
        organisation: Slug,
    },
}

/// `operator …`.
#[derive(Subcommand, Debug)]
pub enum OperatorCommand {
    /// Make an operator's card and enrol their authenticator
    #[command(after_help = "\
Examples:
  warifu operator enrol acme
  warifu operator enrol acme --card /media/usb/mine.card")]
    Enrol(NewCard),
    /// List operators
    #[command(after_help = "\
Example:
  warifu operator list acme")]
    List {
        /// Organisation
        organisation: Slug,
    },
    /// Let an operator ask a group: a quorum of its custodians signs
    #[command(after_help = "Example:\n  warifu operator admit acme/keepers quiet-heron-lamp --days 90")]
    Admit {
        /// org/group
        group: MemberAddress,
        /// The operator's pseudonym
        operator: Pseudonym,
        /// For how many days
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
        /// The signers' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// Take an operator's admission back: one custodian suffices
    #[command(after_help = "\
Example:
  warifu operator revoke acme/keepers quiet-heron-lamp --card mine.card")]
    Revoke {
        /// org/group
        group: MemberAddress,
        /// The operator's pseudonym
        operator: Pseudonym,
        /// The custodian's card
        #[command(flatten)]
        card: CardArgs,
    },
}

/// `officer …`.
#[derive(Subcommand, Debug)]
pub enum OfficerCommand {
    /// Make an officer's card and enrol their authenticator
    #[command(after_help = "\
Examples:
  warifu officer enrol acme
  warifu officer enrol acme --card /media/usb/mine.card")]
    Enrol(NewCard),
    /// List officers
    #[command(after_help = "\
Example:
  warifu officer list acme")]
    List {
        /// Organisation
        organisation: Slug,
    },
}

/// `group …`.
#[derive(Subcommand, Debug)]
pub enum GroupCommand {
    /// Form a group: every member signs with their card
    #[command(
        after_help = "Example:\n  warifu group form acme/keepers --threshold 2 --members a-b-c,d-e-f,g-h-i"
    )]
    Form {
        /// org/group
        address: MemberAddress,
        /// How many shares open
        #[arg(long, short)]
        threshold: usize,
        /// Pseudonyms, separated by commas or repeated
        #[arg(long, short, required = true, value_delimiter = ',', num_args = 1..)]
        members: Vec<Pseudonym>,
        /// The members' cards
        #[command(flatten)]
        cards: CardsArgs,
    },
    /// List an organisation's groups
    #[command(after_help = "\
Example:
  warifu group list acme")]
    List {
        /// Organisation
        organisation: Slug,
    },
    /// Show one, with its twelve words
    #[command(after_help = "\
Example:
  warifu group show acme/keepers")]
    Show {
        /// org/group
        address: MemberAddress,
    },
    /// Give notice that a group can no longer reach its threshold; what is lost with it is listed first
    #[command(after_help = "\
Examples:
  warifu group abandon acme/keepers --reason 'two of three have died' --dry-run
  warifu group abandon acme/keepers --reason 'two of three have died'

After 14 days in which no member vetoes, new versions may be bound elsewhere without it.")]
    Abandon {
        /// org/group
        address: MemberAddress,
        /// Why, for everybody who reads the log
        #[arg(long)]
        reason: String,
        /// List what would be lost, and give no notice
        #[arg(long)]
        dry_run: bool,
    },
    /// As a member of a group: say that you are there, and end a notice that it is abandoned
    #[command(after_help = "\
Example:
  warifu group veto acme/keepers --card mine.card")]
    Veto {
        /// org/group
        address: MemberAddress,
        /// A member's card; one that is suspended can veto too
        #[command(flatten)]
        card: CardArgs,
    },
}

/// One card.
#[derive(Args, Debug, Clone, Default)]
pub struct CardArgs {
    /// The card's file
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    /// Read its passphrase from a file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// Read its passphrase from a file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

/// Several cards.
#[derive(Args, Debug, Clone, Default)]
pub struct CardsArgs {
    /// A card's file; repeat it for each
    #[arg(long = "card", value_name = "FILE", action = ArgAction::Append)]
    pub cards: Vec<PathBuf>,
    /// Passphrase files, in the order of the cards
    #[arg(long = "passphrase-file", value_name = "FILE", action = ArgAction::Append, conflicts_with = "passphrase_fds")]
    pub passphrase_files: Vec<PathBuf>,
    /// Passphrase file descriptors, in the order of the cards
    #[arg(long = "passphrase-fd", value_name = "N", action = ArgAction::Append)]
    pub passphrase_fds: Vec<u32>,
}

/// `bind`.
#[derive(Args, Debug)]
pub struct Bind {
    /// org, org/project or org/project/account
    pub scope: ScopeAddress,
    /// What is sealed
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// org/group
    #[arg(long)]
    pub group: MemberAddress,
    /// The signers' cards
    #[command(flatten)]
    pub cards: CardsArgs,
}

/// `seal`.
#[derive(Args, Debug)]
pub struct Seal {
    /// org/project/account
    pub address: AccountAddress,
    /// What is sealed: password, mfa, recovery-codes, file or device
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// Other factors than the password: read it from this file; an mfa seed also from a QR code, PNG or JPEG
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stdin", "typed", "generate"])]
    pub from: Option<PathBuf>,
    /// Login id: the root user's e-mail address
    #[arg(long)]
    pub login: Option<String>,
    /// Notes, sealed with the password; asked for with --notes alone
    #[arg(long)]
    pub notes: bool,
    /// Type the password (twice) instead of having it generated
    #[arg(long, conflicts_with = "stdin")]
    pub typed: bool,
    /// Read what is sealed from standard input
    #[arg(long)]
    pub stdin: bool,
    /// Have the password generated although something else is on standard input
    #[arg(long, conflicts_with_all = ["typed", "stdin"])]
    pub generate: bool,
    /// Length of a generated password [default: 40, or what the rotation policy says]
    #[arg(long, conflicts_with_all = ["typed", "stdin"])]
    pub length: Option<usize>,
    /// Show the password once on the screen, or give it to --exec, so that it can be installed
    #[arg(long)]
    pub hand_over: bool,
    /// With --hand-over: run this and give the password to its standard input
    #[arg(long, value_name = "CMD", requires = "hand_over")]
    pub exec: Option<String>,
    /// The group's twelve words: needed until this vault has them, compared whenever they are given
    #[arg(long, value_name = "WORDS")]
    pub fingerprint: Option<String>,
}

/// What a ceremony is asked for.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// org/project/account
    pub address: AccountAddress,
    /// Why; custodians read it
    #[arg(long)]
    pub reason: String,
    /// Ticket
    #[arg(long)]
    pub ticket: Option<String>,
    /// Which version [default: the current one]
    #[arg(long = "version", id = "sealed-version", value_name = "N")]
    pub version: Option<u64>,
    /// How long the ceremony stays open, like 15m or 24h [default: 15m in the room, 24h by files]
    #[arg(long, value_parser = span)]
    pub window: Option<Span>,
    /// The operator's card
    #[command(flatten)]
    pub card: CardArgs,
}

/// `open`.
#[derive(Args, Debug)]
pub struct Open {
    /// What and why
    #[command(flatten)]
    pub ask: AskArgs,
    /// What is opened: password, recovery-codes, file or device
    #[arg(long, default_value = "password")]
    pub factor: Factor,
    /// Run this and give the password, or what else is opened, to its standard input instead of showing it
    #[arg(long, value_name = "CMD")]
    pub exec: Option<String>,
    /// Write an opened file into this new file (mode 0600)
    #[arg(long, value_name = "FILE", conflicts_with = "exec")]
    pub out: Option<PathBuf>,
    /// Replace a password in the same ceremony, without another quorum, once its work is done
    #[arg(long, conflicts_with_all = ["exec", "out", "sealed-version"])]
    pub rotate: bool,
    /// Where the group's policy names witnesses
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `drill`.
#[derive(Args, Debug)]
pub struct DrillArgs {
    /// org/group
    pub group: MemberAddress,
    /// One custodian's card; without it one custodian after another is asked
    #[command(flatten)]
    pub card: CardArgs,
    /// Read the TOTP code from a file
    #[arg(long, value_name = "FILE", conflicts_with = "code_fd", requires = "card")]
    pub code_file: Option<PathBuf>,
    /// Read the TOTP code from a file descriptor
    #[arg(long, value_name = "N", requires = "card")]
    pub code_fd: Option<u32>,
    /// For how long the proofs of a new drill count, like 14d; at most 90d
    #[arg(long, value_name = "SPAN", default_value = "14d", value_parser = drill_window)]
    pub window: Span,
    /// Begin a new drill although one is open
    #[arg(long)]
    pub new: bool,
    /// Write the drill into this new file, for members who answer on their own devices
    #[arg(long, value_name = "FILE", conflicts_with_all = ["card", "code_file", "code_fd"])]
    pub request: Option<PathBuf>,
}

fn drill_window(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).ok_or("write it like 2h, 7d or 14d")?;
    if span < Span::minutes(1) || span > crate::state::LONGEST_DRILL {
        return Err("a drill takes between 1m and 90d".to_owned());
    }
    Ok(span)
}

/// `code` and `sign-in`.
#[derive(Args, Debug)]
pub struct Code {
    /// What and why
    #[command(flatten)]
    pub ask: AskArgs,
    /// How many codes, one after the other, the present one first
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    pub codes: u64,
    /// Run this and give all of it to its standard input, a line each, instead of showing it
    #[arg(long, value_name = "CMD")]
    pub exec: Option<String>,
    /// Where a group's policy names witnesses
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// What a ceremony by files is for.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PurposeArg {
    /// To open what is sealed
    Open,
    /// To have codes made
    Code,
    /// To have password and codes
    SignIn,
}

/// `ceremony …`.
#[derive(Subcommand, Debug)]
pub enum CeremonyCommand {
    /// Open a ceremony and write the file that custodians need
    #[command(after_help = "\
Example:
  warifu ceremony request acme/web/prod --reason 'billing address' \\
      --card op.card --out request.warifu")]
    Request {
        /// What and why
        #[command(flatten)]
        ask: AskArgs,
        /// What it is for: open, code or sign-in
        #[arg(long, value_enum, hide_possible_values = true, default_value = "open")]
        purpose: PurposeArg,
        /// What is opened: password, recovery-codes, file or device
        #[arg(long, default_value = "password")]
        factor: Factor,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// A custodian's answer; no vault is needed
    #[command(after_help = "\
Example:
  warifu ceremony contribute request.warifu --card mine.card")]
    Contribute {
        /// The request's file
        file: PathBuf,
        /// The custodian's card
        #[command(flatten)]
        card: CardArgs,
        /// Read the TOTP code from a file
        #[arg(long, value_name = "FILE", conflicts_with = "code_fd")]
        code_file: Option<PathBuf>,
        /// Read the TOTP code from a file descriptor
        #[arg(long, value_name = "N")]
        code_fd: Option<u32>,
        /// File to write [default: PSEUDONYM.contribution here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the file that custodians need once more, with the log as it is now
    #[command(after_help = "\
Example:
  warifu ceremony package acme 1a2b3c4d --out request-2.warifu")]
    Package {
        /// Organisation
        organisation: Slug,
        /// The ceremony: its first digits suffice
        ceremony: String,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take a custodian's answer in
    #[command(after_help = "\
Example:
  warifu ceremony accept a-b-c.contribution")]
    Accept {
        /// The contribution's file
        file: PathBuf,
    },
    /// Of a resharing: take in what contributors dealt again, and write the second round's file
    #[command(after_help = "\
In order:
  host       warifu reshare acme/keepers --to acme/new --reason 'one leaves' --request request.warifu
  custodian  warifu ceremony contribute request.warifu --card mine.card
  host       warifu ceremony gather ONE.redealt TWO.redealt --out round.warifu
  custodian  warifu ceremony contribute round.warifu --card mine.card
  host       warifu ceremony hand-over round.warifu ONE.signed TWO.signed")]
    Gather {
        /// Contributors' answers, as many as are needed
        #[arg(required = true, value_name = "ANSWER")]
        answers: Vec<PathBuf>,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Of a resharing: enter what all contributors signed; again after an interruption
    #[command(after_help = "\
Example:
  warifu ceremony hand-over round.warifu ONE.signed TWO.signed")]
    HandOver {
        /// The second round's file
        round: PathBuf,
        /// Contributors' signatures, one file each
        #[arg(required = true, value_name = "SIGNED")]
        signed: Vec<PathBuf>,
    },
    /// With the quorum complete: release, open and show; or replace, one account after the other
    #[command(after_help = "\
Examples:
  warifu ceremony finish acme 1a2b3c4d --card op.card
  warifu ceremony finish acme 1a2b3c4d --out release.warifu")]
    Finish {
        /// Organisation
        organisation: Slug,
        /// The ceremony: its first digits suffice
        ceremony: String,
        /// The operator's card
        #[command(flatten)]
        card: CardArgs,
        /// Run this and give the password to its standard input instead of showing it; where it replaces, as 'rotate --exec'
        #[arg(long, value_name = "CMD")]
        exec: Option<String>,
        /// Write the release for the operator's own machine instead of opening it here
        #[arg(long, value_name = "FILE", conflicts_with = "exec")]
        out: Option<PathBuf>,
        /// Write an opened file into this new file (mode 0600)
        #[arg(long, value_name = "FILE", conflicts_with_all = ["exec", "out"])]
        contents: Option<PathBuf>,
        /// Where it replaces another factor than a password: read the new one from this file once it is there
        #[arg(long, visible_alias = "seed-file", value_name = "FILE", conflicts_with_all = ["out", "contents"])]
        from: Option<PathBuf>,
        /// Where it is for codes: how many, one after the other, the present one first
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
        codes: u64,
        /// Where the group's policy names witnesses
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Open a release on the operator's own machine; no vault is needed
    #[command(after_help = "\
Example:
  warifu ceremony reveal release.warifu --card op.card")]
    Reveal {
        /// The release's file
        file: PathBuf,
        /// The operator's card
        #[command(flatten)]
        card: CardArgs,
        /// Run this and give the password to its standard input instead of showing it
        #[arg(long, value_name = "CMD")]
        exec: Option<String>,
        /// Write an opened file into this new file (mode 0600)
        #[arg(long, value_name = "FILE", conflicts_with = "exec")]
        out: Option<PathBuf>,
        /// New file for the host: bad shares, and that the password was shown [default, where a share is bad: CEREMONY.notice here]
        #[arg(long, value_name = "FILE")]
        notice: Option<PathBuf>,
    },
    /// Enter what the operator found when opening a release elsewhere
    #[command(after_help = "Example:\n  warifu ceremony notice e01221b5.notice")]
    Notice {
        /// The notice's file
        file: PathBuf,
    },
    /// Close a ceremony whose release the operator has opened elsewhere
    #[command(after_help = "\
Example:
  warifu ceremony close acme 1a2b3c4d")]
    Close {
        /// Organisation
        organisation: Slug,
        /// The ceremony: its first digits suffice
        ceremony: String,
    },
    /// Stop a ceremony
    #[command(after_help = "\
Example:
  warifu ceremony abort acme 1a2b3c4d")]
    Abort {
        /// Organisation
        organisation: Slug,
        /// The ceremony: its first digits suffice
        ceremony: String,
    },
    /// List an organisation's ceremonies
    #[command(after_help = "\
Examples:
  warifu ceremony list acme
  warifu ceremony list acme --all")]
    List {
        /// Organisation
        organisation: Slug,
        /// Those that ended too
        #[arg(long)]
        all: bool,
    },
}

/// `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// One organisation alone
    pub organisation: Option<Slug>,
    /// Replay the log instead of reading the overview that is kept beside it
    #[arg(long)]
    pub replay: bool,
}

/// `rehearse`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  warifu rehearse\n  warifu rehearse --keep /tmp/rehearsal")]
pub struct RehearseArgs {
    /// Keep the vault in this new directory, with the cast's cards, passphrases and seeds
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

fn span(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).ok_or("write it like 90s, 15m, 24h or 7d")?;
    if span < Span::minutes(1) || span > Span::days(30) {
        return Err("a window lasts between 1m and 30d".to_owned());
    }
    Ok(span)
}
