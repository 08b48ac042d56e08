//! Errors as a person sees them: a fact, then what to do; and exit codes. Long,
//! because every error with its remedy stands in one place, to be read at once.

use super::age::AgeFault;
use super::table::counted;
use super::ui::UiError;
use crate::audit::SourceError;
use crate::ceremony::coder::CoderError;
use crate::ceremony::custodian::{ContributeError, ReviewError};
use crate::ceremony::drill::NotTaken;
use crate::ceremony::judge::NotCounted;
use crate::ceremony::recipient::FinishError;
use crate::ceremony::recovery::RecoveryError;
use crate::ceremony::reshare::{CheckError, ChunkError, FileError, SignRefusal};
use crate::event::Refusal;
use crate::export::ExportError;
use crate::http::keep::KeepError;
use crate::import::accounts::FileFault;
use crate::import::cloudtrail::AccountNumber;
use crate::import::costs::CostsError;
use crate::import::credential_report::ReportError;
use crate::log::checkpoint::CheckpointError;
use crate::log::note::NoteError;
use crate::log::policy::{PolicyError, PolicyFileError};
use crate::log::proof_file::ProofFileError;
use crate::message::MessageError;
use crate::name::Slug;
use crate::name::{Factor, NameError, Pseudonym};
use crate::seal::card::StatementError;
use crate::seal::card_file::CardError;
use crate::seal::contents::ContentsError;
use crate::seal::generate::PasswordError;
use crate::seal::mfa::SeedError;
use crate::seal::passphrase::{PassphraseError, WeakPassphrase};
use crate::seal::qr::QrError;
use crate::state::{Invalid, PolicyFault};
use crate::store::StoreError;
use crate::vault::VaultError;
use crate::vault::backup::BackupError;
use crate::vault::gate_file::GateFileError;
use std::borrow::Cow;
use std::path::PathBuf;

/// Exit codes; documented in `docs/cli.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// The command was refused or failed.
    Failed = 1,
    /// The command line is wrong (as clap reports it).
    Usage = 2,
    /// Something named does not exist, exists already, or is malformed.
    Input = 3,
    /// A passphrase, code, card or signature is wrong.
    Denied = 4,
    /// A ceremony ended, expired, was aborted, or lacks its quorum.
    Ceremony = 5,
    /// Verification found something wrong.
    Tampered = 6,
    /// The store or a file cannot be used.
    Storage = 7,
    /// Verification found nothing wrong, but only a part was there to be verified.
    Part = 8,
    /// A root user was used outside of ceremonies, or is not protected, or something
    /// should have been renewed by now, or an account is not at baseline.
    Alarm = 9,
    /// Interrupted by the person.
    Interrupted = 130,
}

/// Why a command ended without doing its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// From the vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// From the person's end.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// A malformed name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A malformed message.
    #[error("{}: {why}", path.display())]
    Message {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: MessageError,
    },
    /// A custodian's machine refused.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The log on this host is not the one that a card's owner has seen.
    #[error("{0}")]
    OtherLog(ReviewError),
    /// In the room: a custodian's card shows that the vault was rolled back or its
    /// log forked, so the ceremony was stopped.
    #[error("{0}; the ceremony was stopped")]
    OtherHistory(ReviewError),
    /// A custodian's answer could not be made.
    #[error(transparent)]
    Contribute(#[from] ContributeError),
    /// A card file.
    #[error("{}: {why}", path.display())]
    Card {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: CardError,
    },
    /// A card will not sign.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A passphrase that is too weak.
    #[error(transparent)]
    Weak(#[from] WeakPassphrase),
    /// A password that the provider would not take.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A text that is no seed of an authenticator.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A picture without a QR code.
    #[error(transparent)]
    Qr(#[from] QrError),
    /// What cannot be sealed as the factor that was named.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// Key derivation failed.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The program that opens wrapped cards.
    #[error(transparent)]
    Age(#[from] super::age::AgeFault),
    /// Typed twice, differently.
    #[error("the two do not agree")]
    NotTheSame,
    /// A file.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A file that must not exist yet.
    #[error("{} exists already", .0.display())]
    FileExists(PathBuf),
    /// What a card's owner saw last cannot be read.
    #[error("{}, which says what the card's owner saw last of the log, is damaged", .0.display())]
    SeenDamaged(PathBuf),
    /// The file of what a card signed in resharings cannot be read.
    #[error("{}, which says what the card signed in resharings, is damaged", .0.display())]
    SignedDamaged(PathBuf),
    /// Nothing tells where the vault is.
    #[error("there is no place for a vault on this system")]
    NoVaultPlace,
    /// An argument that is well formed but does not fit.
    #[error("{fact}")]
    Argument {
        /// What is wrong.
        fact: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An error of which more is known than its kind: what to do, with the names
    /// that a command has to be run with.
    #[error("{error}")]
    Advised {
        /// What is wrong.
        error: Box<CliError>,
        /// What to do.
        remedy: String,
    },
    /// The ceremony was aborted.
    #[error("the ceremony was aborted; that is on record")]
    Aborted,
    /// The window ran out.
    #[error("the ceremony expired with {there} of {needed} shares; that is on record")]
    Expired {
        /// Accepted shares.
        there: usize,
        /// Needed shares.
        needed: usize,
    },
    /// A person said no.
    #[error("not confirmed; nothing was changed")]
    NotConfirmed,
    /// A request says that entries are lost, and nobody said that it is to be signed.
    #[error("the request says that entries are lost, and asks for a signature for that")]
    GapNotSigned,
    /// A card's owner did not accept that entries are lost.
    #[error(
        "{0} did not accept that entries are lost which they have seen: nothing was signed with that card"
    )]
    GapNotAccepted(Pseudonym),
    /// Groups that have too few cards left that count.
    #[error("too few cards are left that count: {}", .0.join(", "))]
    TooFewCards(Vec<String>),
    /// Verification found something.
    #[error("the vault is not as its logs say: {}", counted(*.0, "finding"))]
    Tampered(usize),
    /// A backup, or a vault from one, was not made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What was brought in speaks of records that nobody has.
    #[error("{} of what was brought in could not be had", counted(*.0, "record"))]
    RecordsLost(usize),
    /// A request whose entries are none.
    #[error("{} holds no log", .0.display())]
    NotALog(PathBuf),
    /// An export without what lies beside the log.
    #[error("{} holds a log without its records", .0.display())]
    NoRecords(PathBuf),
    /// A drill in which too few members proved that their cards are there.
    #[error("fewer members have proved that their cards are there than must come together")]
    DrillShort,
    /// Nobody has shown lately that the keys are there which what is sealed needs.
    #[error("it was not shown lately that enough keys are still there")]
    NotShown,
    /// Sealed versions that could not be opened.
    #[error("{} could not be opened", counted(*.0, "current version"))]
    Unrecoverable(usize),
    /// An export, or a receipt, was refused.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file of an export cannot be read.
    #[error("{}: {why}", dir.display())]
    Source {
        /// The export's directory.
        dir: PathBuf,
        /// Which file, and why.
        why: SourceError,
    },
    /// Verification of an export found something.
    #[error("the export is not what was signed: {}", counted(*.0, "finding"))]
    ExportWrong(usize),
    /// Nothing is wrong with a period's evidence, but nobody said which period it is.
    #[error("only the entries from {first} on were verified; the {first} before are not here")]
    OnlyAPart {
        /// First entry that is there.
        first: u64,
    },
    /// A verifier key that is none.
    #[error("the key is not usable: {0}")]
    Key(NoteError),
    /// What is named as a verifier key is neither one nor a file that is there.
    #[error("'{}' is not a verifier key, and there is no such file", .0.display())]
    NoKeyFile(PathBuf),
    /// A receipt that is malformed or proves nothing.
    #[error("{}: {why}", path.display())]
    Receipt {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: ProofFileError,
    },
    /// A contribution was refused.
    #[error("the contribution of {who} was refused ({}); that is on record", why.as_str())]
    Refused {
        /// Whose.
        who: Pseudonym,
        /// Why.
        why: Refusal,
        /// How many more wrong codes lock this custodian out.
        left: usize,
    },
    /// An answer in a drill was refused.
    #[error("the answer of {who} in the drill was refused ({}); that is on record", why.as_str())]
    DrillRefused {
        /// Whose.
        who: Pseudonym,
        /// Why.
        why: Refusal,
        /// How many more wrong codes lock this custodian out.
        left: usize,
    },
    /// A policy file.
    #[error("{}: {why}", path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: PolicyFileError,
    },
    /// A witness cannot serve.
    #[error(transparent)]
    Witness(#[from] KeepError),
    /// Nobody can be listened to.
    #[error("{address}: {why}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// Not every witness that was named has cosigned.
    #[error("{cosigned} of {asked} witnesses cosigned")]
    Unanswered {
        /// Witnesses that have.
        cosigned: usize,
        /// Witnesses that were asked.
        asked: usize,
    },
    /// Not enough witnesses for the policy have cosigned.
    #[error("the policy is not satisfied: {0}")]
    NotWitnessed(PolicyError),
    /// Somebody whose contribution is accepted came again; nothing was entered.
    #[error("{0} has contributed already; nothing was entered for this")]
    ContributedAlready(Pseudonym),
    /// A custodian whose re-dealing was bad came again.
    #[error("{0} was set aside in this ceremony")]
    SetAside(Pseudonym),
    /// Files of a resharing that are of no use, or not together.
    #[error(transparent)]
    ReshareFiles(#[from] FileError),
    /// Contributors who gave something bad, which is on record.
    #[error("set aside for bad re-dealings, on record: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    BadRedealings(Vec<Pseudonym>),
    /// Answers of the first round that are still missing.
    #[error("{there} of {needed} answers")]
    TooFewAnswers {
        /// How many there are.
        there: usize,
        /// The old group's threshold.
        needed: usize,
    },
    /// What lies beside the log cannot be reshared.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// What contributors dealt again is of no use together.
    #[error(transparent)]
    Redealt(#[from] CheckError),
    /// A card does not sign what was dealt again.
    #[error(transparent)]
    NotSigned(#[from] SignRefusal),
    /// A cursor of `audit export` that cannot be gone on from.
    #[error("{} cannot be gone on from: {why}", path.display())]
    Cursor {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A log that is not the one that a cursor was written for.
    #[error("the log is not the one of which {entries} entries were sent by {}", path.display())]
    Rewound {
        /// Which file.
        path: PathBuf,
        /// How many entries it says were sent.
        entries: u64,
    },
    /// Nothing explains how a root user was used, or it is not protected.
    #[error("{} of root users need somebody to look at them", alarms(*unexplained, *weak))]
    Alarm {
        /// Uses.
        unexplained: u64,
        /// Root users without protection.
        weak: u64,
    },
    /// Records of the provider could not be read.
    #[error("{} could not be read", counted(usize::try_from(*.0).unwrap_or(usize::MAX), "record"))]
    Unread(u64),
    /// A credential report that is none.
    #[error("{}: {why}", path.display())]
    CredentialReport {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: ReportError,
    },
    /// A file of costs that is none.
    #[error("{}: {why}", path.display())]
    Costs {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: CostsError,
    },
    /// Rows of costs that could not be used.
    #[error("costs are incomplete: {} could not be used", counted(usize::try_from(*.0).unwrap_or(usize::MAX), "row"))]
    CostRows(u64),
    /// A credential report of an account that is not in this log.
    #[error("{} is the report of account {account}, which {organisation} does not have", path.display())]
    UnknownAccount {
        /// Which file.
        path: PathBuf,
        /// The provider's id of the account.
        account: AccountNumber,
        /// Organisation.
        organisation: Slug,
    },
    /// A file that is no list of accounts.
    #[error("{}: {why}", path.display())]
    List {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: FileFault,
    },
    /// Rows of a list that could not be used.
    #[error("{}: {} could not be used, or only in part", path.display(), counted(*rows, "row"))]
    Rows {
        /// Which file.
        path: PathBuf,
        /// How many.
        rows: usize,
    },
    /// Accounts for which nothing could be sealed.
    #[error("{} left out: no group is bound to them", counted(*.0, "account"))]
    LeftUnbound(usize),
    /// A person stopped a long command; what it had done is done.
    #[error("stopped after {done} of {of}; what was done is done")]
    Stopped {
        /// How many are done.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// A source that must not be destroyed.
    #[error("{} was not overwritten: {why}", path.display())]
    Unshredded {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The program given with `--exec` failed.
    #[error("the program given with --exec failed: {0}")]
    Exec(#[source] ExecFault),
    /// Rotations of which nobody has said how they came out.
    #[error("{} not settled", counted(*.0, "rotation"))]
    NotSettled(usize),
    /// Something should have been renewed by now.
    #[error("{} overdue", super::due::overdue(*.accounts, *.groups))]
    Overdue {
        /// Accounts of which a version is.
        accounts: usize,
        /// Groups whose drill is.
        groups: usize,
    },
    /// Of accounts something is not shown that must be.
    #[error("{} not at baseline", counted(*.0, "account"))]
    NotAtBaseline(usize),
    /// A step of the rehearsal did not go as it must.
    #[error("the rehearsal failed at '{step}': {why}")]
    Rehearsal {
        /// Which step.
        step: String,
        /// What happened instead.
        why: String,
    },
}

/// How a program that was given the password failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecFault {
    /// It could not be started, or what it was given could not be written.
    #[error(transparent)]
    System(std::io::Error),
    /// It ended otherwise than with 0.
    #[error("{0}")]
    Ended(std::process::ExitStatus),
}

/// What an alarm is about, in words.
pub fn alarms(unexplained: u64, weak: u64) -> String {
    let words = |count, one, many| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let there =
        [words(unexplained, "unexplained use", "unexplained uses"), words(weak, "weakness", "weaknesses")];
    there.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

impl CliError {
    /// A file that the system refused.
    pub fn file(path: impl Into<PathBuf>, why: std::io::Error) -> Self {
        Self::File { path: path.into(), why }
    }

    /// The same error with what to do about it here.
    #[must_use]
    pub fn advised(self, remedy: String) -> Self {
        Self::Advised { error: Box::new(self), remedy }
    }

    /// The same error with the list in which an unknown name can be looked up.
    #[must_use]
    pub fn listed_in(self, organisation: &Slug) -> Self {
        let list = match &self {
            Self::Vault(VaultError::NotFound {
                what: what @ ("custodian" | "operator" | "group"), ..
            }) => *what,
            _ => return self,
        };
        self.advised(format!("Check the spelling; 'warifu {list} list {organisation}' lists what there is."))
    }

    /// What to do about it.
    pub fn remedy(&self) -> Cow<'_, str> {
        match self {
            Self::Advised { remedy, .. } => Cow::Borrowed(remedy),
            Self::Vault(error) => named_remedy(error).map_or(Cow::Borrowed(vault_remedy(error)), Cow::Owned),
            Self::Refused { why: Refusal::WrongCode, left, .. }
            | Self::DrillRefused { why: Refusal::WrongCode, left, .. } => Cow::Owned(wrong_code(*left)),
            other => Cow::Borrowed(other.usual_remedy()),
        }
    }

    fn usual_remedy(&self) -> &'static str {
        match self {
            Self::Advised { error, .. } => error.usual_remedy(),
            Self::Vault(error) => vault_remedy(error),
            Self::Ui(UiError::NoTerminal { instead, .. }) => instead,
            Self::Ui(UiError::Interrupted) => "Nothing was changed by the question that was interrupted.",
            Self::Ui(UiError::Deadline) => "Open a new ceremony.",
            Self::Ui(UiError::Io(_)) => "Try another terminal.",
            Self::Name(error) => name_remedy(error),
            Self::Message { why, .. } => message_remedy(why),
            Self::Review(error) => review_remedy(error),
            Self::OtherLog(ReviewError::OtherSeen) => review_remedy(&ReviewError::OtherSeen),
            Self::OtherLog(_) => {
                "Nothing was signed. Do not give a card here again before the security officers have looked at this vault; checkpoints that differ are above."
            }
            Self::OtherHistory(_) => {
                "The ceremony is aborted, on record. Give no card here before the security officers have compared both checkpoints, which are above, with other copies of this log."
            }
            Self::Contribute(_) => "Do not try again before somebody has looked at the card and the vault.",
            Self::Card { why, .. } => card_remedy(why),
            Self::Statement(_) => {
                "Somebody may be showing different groups to different people: stop, and compare fingerprints."
            }
            Self::Weak(_) => "Use five or more random words; nothing was written.",
            Self::Password(_) => "Leave --typed and --stdin out to have one generated, or choose another.",
            Self::Seed(_) => {
                "Give the otpauth:// URL or the secret key that the provider shows at enrolment, or a picture of its QR code."
            }
            Self::Qr(_) => {
                "Save the picture anew so that the whole QR code is in it, or copy the seed as text."
            }
            Self::Contents(ContentsError::LongIdentity { .. }) => {
                "Shorten it to what finds the person; nothing was sealed."
            }
            Self::Contents(ContentsError::NoIdentity) => {
                "Give the name on the first line and the contact after it; nothing was sealed."
            }
            Self::Contents(_) => "Correct what is given; nothing was sealed.",
            Self::Passphrase(_) => "Free some memory and try again; the card is unharmed.",
            Self::Age(AgeFault::System(_)) => {
                "Install age (age-encryption.org), or a program that is called as it is, and its plugins where PATH has them."
            }
            Self::Age(_) => {
                "Name the identity that the card is wrapped for with --identity FILE; nothing was changed."
            }
            Self::NotTheSame => "Type the same twice.",
            Self::File { why, .. } => file_remedy(why),
            Self::FileExists(_) => "Name another file; nothing is overwritten.",
            Self::SignedDamaged(_) => {
                "Bring it back from a copy, or let another custodian contribute. Without it nothing keeps this card from signing two outcomes of one resharing: remove it only if the card has taken part in none that was interrupted."
            }
            Self::SeenDamaged(_) => {
                "Restore it from a copy; only if there is none, remove it: then nothing tells whether the log was rolled back."
            }
            Self::NoVaultPlace => "Name the vault's directory with --vault DIR.",
            Self::Argument { remedy, .. } => remedy,
            Self::Aborted => {
                "Open a new ceremony when everybody is there. Shares that were given weaken the version: see 'warifu status'."
            }
            Self::Expired { .. } => "Open a new one, with a longer --window if people need it.",
            Self::NotConfirmed => "Run it again when you are sure.",
            Self::GapNotSigned => {
                "Nothing was given. Compare what is above with what you know; then add --sign-gap if nobody has those entries."
            }
            Self::GapNotAccepted(_) => {
                "Tell the security officers; both checkpoints are above. Nothing of the card has changed: run the command again once it is clear what happened."
            }
            Self::Tampered(_) => {
                "Keep this vault as it is, take a copy, and compare with backups and custodians' last checkpoints."
            }
            Self::Backup(error) => backup_remedy(error),
            Self::RecordsLost(_) => {
                "The vault was made. What is named above is here again only if somebody has an export with records of later: restore again with it. Else set those passwords anew at the provider, give those people another authenticator (warifu custodian re-enrol-totp), and abort ceremonies that were open."
            }
            Self::NotALog(_) => "Name an export's directory, or a request as custodians get it.",
            Self::NoRecords(_) => "Export them with it: warifu audit export ORG DIR --records.",
            Self::TooFewCards(_) => {
                "It is done, and on record. Let suspended cards that are in good hands count again (warifu custodian resume); where too few are left for ever, replace at the provider what those groups hold, and seal it for another group."
            }
            Self::DrillShort => {
                "Find those who did not come, and run it again with them: what was proved counts. If they cannot come any more, what they hold may be lost: rotate it at the provider while others can open it."
            }
            Self::NotShown => "Hold a drill with each group that is named above: warifu drill ORG/GROUP.",
            Self::Unrecoverable(_) => {
                "Keep this vault as it is. Bring back what is missing from a backup, and rotate those accounts at their provider."
            }
            Self::DrillRefused { why: Refusal::Twice, .. } => "Nothing more is needed in this drill.",
            Self::Refused { why, .. } | Self::DrillRefused { why, .. } => refusal_remedy(*why),
            Self::ContributedAlready(_) | Self::SetAside(_) => "Call another custodian.",
            Self::ReshareFiles(why) => reshare_files_remedy(why),
            Self::BadRedealings(_) => {
                "Have another member answer the first round's file, and run 'warifu ceremony gather' with that answer instead; whoever signed before signs the new round."
            }
            Self::TooFewAnswers { .. } => {
                "Name the answers of all contributors in one command: those that were taken in count still."
            }
            Self::Chunk(_) => "Run 'warifu audit verify'; restore what is wrong from a backup.",
            Self::Redealt(_) => {
                "Nothing of this part was entered; run the command again with other custodians."
            }
            Self::NotSigned(_) => {
                "The ceremony was aborted. Run the command again: in a new one what was signed before is of no use any more."
            }
            Self::Policy { .. } => "Correct that line; 'warifu audit policy set --help' shows an example.",
            Self::Witness(error) => keep_remedy(error),
            Self::Listen { .. } => "Choose another address and port with --listen.",
            Self::Unanswered { .. } | Self::NotWitnessed(_) => {
                "What was cosigned is kept. Ask again when the others can be reached; if one saw another log, tell the security officers."
            }
            Self::Cursor { .. } => "Name this log's own cursor with --cursor, or another file to begin anew.",
            Self::Rewound { .. } => {
                "Keep this vault as it is and compare it with what the SIEM has: entries were removed or replaced."
            }
            Self::Export(error) => export_remedy(error),
            Self::Source { .. } => {
                "Name the directory of an exported log; if it is one, keep it as it is and export the log again into another."
            }
            Self::ExportWrong(_) => {
                "Keep this copy as it is; fetch or export the log again into another directory, and compare."
            }
            Self::OnlyAPart { .. } => {
                "Say from when on it must hold every entry, with --since TIME; or have the whole log exported."
            }
            Self::Key(_) | Self::NoKeyFile(_) => {
                "Give the key as 'warifu audit key ORG' prints it, or a file that holds it."
            }
            Self::Receipt { why, .. } => receipt_remedy(why),
            Self::Alarm { unexplained: 0, .. } => {
                "Give the root user a second factor, and delete its access keys."
            }
            Self::Alarm { .. } => {
                "Ask who it was. If nobody knows: open the account, sign every session out, change the password and seal the new one. A weak one needs a second factor, and no access keys."
            }
            Self::Unread(_) => {
                "What was read counts. Fetch the files that are named again, and run the command once more."
            }
            Self::CredentialReport { why: ReportError::Read(_), .. } => {
                "Look at the disk and the file's permissions, then run the command again."
            }
            Self::CredentialReport { .. } => {
                "Fetch the report again with 'aws iam get-credential-report'; nothing was entered."
            }
            Self::UnknownAccount { .. } => {
                "Name the organisation that has it, or add the account first; nothing was entered."
            }
            Self::Costs { why: CostsError::Read(_), .. } => {
                "Look at the disk and the file's permissions, or fetch the file again: it may be cut."
            }
            Self::Costs { .. } => {
                "Export costs as FOCUS, or as a Cost and Usage Report, in CSV with all of these columns; nothing was written."
            }
            Self::CostRows(_) => {
                "The document was made without them, and says so. Correct the lines that are named, or fetch the file again."
            }
            Self::List { why, .. } => list_remedy(why),
            Self::Rows { .. } => {
                "All other rows are as reported. Correct these and run it again: it goes on from there."
            }
            Self::LeftUnbound(_) => {
                "The others are sealed. Bind a group ('warifu bind ORG/PROJECT --group ORG/GROUP') and run it again."
            }
            Self::Stopped { .. } => "Run it again: it goes on from there, and seals nothing twice.",
            Self::Unshredded { .. } => {
                "What was imported is sealed. Destroy the file yourself when it is of no more use."
            }
            Self::Exec(_) => "What was sealed or released stays so; hand it over again with 'warifu open'.",
            Self::NotSettled(_) => "Say what the provider accepts: warifu rotate --resume ADDRESS.",
            Self::Overdue { accounts: 0, .. } => {
                "Call those who are named together, one after another if need be: warifu drill GROUP."
            }
            Self::Overdue { .. } => "Rotate what is listed first: warifu rotate ADDRESS --reason WHY.",
            Self::NotAtBaseline(_) => {
                "Do what is listed for it; 'warifu account baseline ORG/PROJECT/ACCOUNT' lists it for one."
            }
            Self::Rehearsal { .. } => {
                "This is a defect: the vault must not be trusted before it is understood."
            }
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Advised { error, .. } => error.exit(),
            Self::Vault(error) => vault_exit(error),
            Self::Ui(UiError::Interrupted) => Exit::Interrupted,
            Self::Ui(UiError::Deadline) | Self::Aborted | Self::Expired { .. } => Exit::Ceremony,
            Self::Ui(_) | Self::Argument { .. } => Exit::Usage,
            Self::Name(_) | Self::Message { .. } | Self::FileExists(_) | Self::NoVaultPlace => Exit::Input,
            Self::Weak(_)
            | Self::Password(_)
            | Self::NotTheSame
            | Self::NotConfirmed
            | Self::GapNotSigned => Exit::Input,
            Self::Seed(_) | Self::Qr(_) | Self::Contents(_) => Exit::Input,
            Self::Policy { .. } | Self::Witness(KeepError::Name(_) | KeepError::Exists(_)) => Exit::Input,
            Self::Witness(KeepError::Damaged { .. }) => Exit::Tampered,
            Self::Witness(_) | Self::Listen { .. } => Exit::Storage,
            Self::Unanswered { .. } | Self::NotWitnessed(_) => Exit::Failed,
            Self::OtherLog(ReviewError::OtherSeen) => Exit::Denied,
            Self::OtherLog(_)
            | Self::OtherHistory(_)
            | Self::Review(
                ReviewError::RolledBack { .. }
                | ReviewError::Forked { .. }
                | ReviewError::Gap(_)
                | ReviewError::Invalid { why: Invalid::OtherLog { .. }, .. },
            ) => Exit::Tampered,
            Self::GapNotAccepted(_) => Exit::Tampered,
            Self::Age(AgeFault::System(_)) => Exit::Failed,
            Self::Age(_)
            | Self::Review(_)
            | Self::Contribute(_)
            | Self::Card { .. }
            | Self::Statement(_)
            | Self::ContributedAlready(_)
            | Self::SetAside(_)
            | Self::Refused { .. }
            | Self::DrillRefused { .. } => Exit::Denied,
            Self::File { .. } | Self::SeenDamaged(_) | Self::SignedDamaged(_) | Self::Passphrase(_) => {
                Exit::Storage
            }
            Self::Cursor { .. } => Exit::Input,
            Self::Export(error) => export_exit(error),
            Self::Source { .. } => Exit::Storage,
            Self::NoRecords(_) | Self::NotALog(_) => Exit::Input,
            Self::RecordsLost(_) => Exit::Part,
            Self::Backup(error) => backup_exit(error),
            Self::Key(_) | Self::NoKeyFile(_) => Exit::Input,
            Self::Receipt { why, .. } => receipt_exit(why),
            Self::Tampered(_) | Self::Unrecoverable(_) | Self::Rewound { .. } | Self::ExportWrong(_) => {
                Exit::Tampered
            }
            Self::Chunk(_) => Exit::Tampered,
            Self::ReshareFiles(FileError::Missing(_))
            | Self::BadRedealings(_)
            | Self::TooFewAnswers { .. }
            | Self::NotSigned(_) => Exit::Ceremony,
            Self::ReshareFiles(_) => Exit::Input,
            Self::Redealt(_) => Exit::Failed,
            Self::OnlyAPart { .. } => Exit::Part,
            Self::Alarm { .. }
            | Self::NotShown
            | Self::TooFewCards(_)
            | Self::DrillShort
            | Self::Overdue { .. }
            | Self::NotAtBaseline(_) => Exit::Alarm,
            Self::Unread(_) | Self::CredentialReport { .. } | Self::UnknownAccount { .. } => Exit::Input,
            Self::Costs { .. } | Self::CostRows(_) => Exit::Input,
            Self::List { .. } | Self::Rows { .. } | Self::LeftUnbound(_) => Exit::Input,
            Self::Stopped { .. } => Exit::Interrupted,
            Self::NotSettled(_) | Self::Exec(_) | Self::Unshredded { .. } | Self::Rehearsal { .. } => {
                Exit::Failed
            }
        }
    }
}

fn list_remedy(why: &FileFault) -> &'static str {
    match why {
        FileFault::Empty => {
            "Name the right file; if it was just made, see whether the command that made it failed."
        }
        FileFault::Utf16 => "Save it as UTF-8 and run the command again.",
        FileFault::Json { .. } => {
            "Make it with 'aws organizations list-accounts --output json'; for a table use 'warifu import csv'."
        }
        FileFault::Column { .. } => {
            "Give the file a header of these names; columns that are not for warifu have to go."
        }
        FileFault::ColumnAgain(_) | FileFault::ColumnMissing(_) => "Correct the header.",
    }
}

fn keep_remedy(error: &KeepError) -> &'static str {
    match error {
        KeepError::Exists(_) => "Use it as it is, or name another directory with --state DIR.",
        KeepError::Missing(_) => {
            "Make one with 'warifu witness init', or name its directory with --state DIR."
        }
        KeepError::OpenPermissions { .. } => "Run 'chmod 600' on it, and find out who may have read it.",
        KeepError::Damaged { .. } => {
            "Restore it from a copy that is not older; if there is none, make a new witness with another name."
        }
        KeepError::InUse(_) => "Stop the other one first.",
        KeepError::Name(_) => "Choose a name without spaces and '+', like witness.example.org.",
        KeepError::Io { why, .. } => file_remedy(why),
    }
}

/// What to do, with the names of what it is about, so that it can be typed as
/// it stands.
fn named_remedy(error: &VaultError) -> Option<String> {
    let organisation = |address: &str| address.split('/').next().unwrap_or_default().to_owned();
    Some(match error {
        VaultError::CeremonyBusy { ceremony, address, .. } => {
            let organisation = organisation(address);
            format!(
                "Finish that ceremony, or abort it with 'warifu ceremony abort {organisation} {ceremony}'."
            )
        }
        VaultError::NotAdmitted { operator, group } if group.contains('/') => {
            format!("Let the group admit the operator: warifu operator admit {group} {operator}.")
        }
        VaultError::NotInUse { address, .. } => {
            format!(
                "If it has a root password after all, say so first: warifu account standing {address} in-use."
            )
        }
        VaultError::Unbound(address) => {
            let organisation = organisation(address);
            format!(
                "Bind a group first: warifu bind {organisation} --group {organisation}/GROUP; 'warifu group list {organisation}' lists the groups."
            )
        }
        VaultError::NothingSealed(address) => {
            format!("Seal it first: warifu seal {address} --login EMAIL --hand-over.")
        }
        VaultError::Destroyed { address, .. } if address.contains("/@") => {
            "Ask for an earlier one with --version, or have the owner seal it again: warifu roster seal ORG PSEUDONYM."
                .to_owned()
        }
        VaultError::Destroyed { address, .. } => {
            format!("'warifu account show {}' lists the versions that there are.", account_of(address))
        }
        VaultError::IsCurrent { address, version, group } => format!(
            "Rotate it instead: warifu rotate {address} --reason WHY. If it must go without a successor: warifu destroy {address} --version {version} --current, with a quorum of {group}."
        ),
        VaultError::Invalid(Invalid::RotationRunning(address)) => {
            format!("Say what the provider accepts now: warifu rotate --resume {address}.")
        }
        VaultError::NoticeRuns { group, .. } => {
            format!("Nothing need be done until then. Any member can end it: warifu group veto {group}.")
        }
        VaultError::NoRotation(address) => {
            let account = account_of(address);
            format!("Nothing need be done; 'warifu account show {account}' says which version is current.")
        }
        VaultError::UnboundFactor { address, factor } => {
            let organisation = organisation(address);
            format!(
                "Bind a group first: warifu bind {organisation} --factor {factor} --group {organisation}/GROUP; 'warifu group list {organisation}' lists the groups."
            )
        }
        VaultError::NothingSealedAs { address, factor } => {
            format!("Seal it first: warifu seal {address} --factor {factor}.")
        }
        VaultError::SeedStays(address) => format!("Ask for codes: warifu code {address} --reason WHY."),
        VaultError::NoRoster(organisation) => format!(
            "Let a group hold it first: warifu roster designate {organisation}/GROUP; until then identities are pending."
        ),
        VaultError::IdentityPending { organisation, who } => {
            format!("Its owner seals it, with the card: warifu roster seal {organisation} {who}.")
        }
        VaultError::NotCounted(NotCounted::Repeated(None)) => {
            "Nothing need be done: that ceremony is over.".to_owned()
        }
        VaultError::NotFound { what: "card", .. } => {
            "Check the spelling; 'warifu roster show ORG' lists the pseudonyms.".to_owned()
        }
        VaultError::NotFound { what: "keeper", .. } => {
            "Check the spelling; 'warifu recovery show' lists the keepers.".to_owned()
        }
        VaultError::NotFound { what: what @ ("account" | "project" | "group"), name, .. }
            if name.contains('/') =>
        {
            let organisation = organisation(name);
            format!("Check the spelling; 'warifu {what} list {organisation}' lists what there is.")
        }
        _ => return None,
    })
}

/// The account of which something is said, without its `--factor`.
fn account_of(named: &str) -> &str {
    named.split(' ').next().unwrap_or(named)
}

/// What somebody should do whose code was wrong, who has so many tries left.
pub fn wrong_code(left: usize) -> String {
    let more = match left {
        0 => return refusal_remedy(Refusal::LockedOut).to_owned(),
        1 => "One more wrong code locks".to_owned(),
        more => format!("{more} more wrong codes lock"),
    };
    format!("{} {more} this custodian out for fifteen minutes.", refusal_remedy(Refusal::WrongCode))
}

fn vault_remedy(error: &VaultError) -> &'static str {
    match error {
        VaultError::Store(error) => store_remedy(error),
        VaultError::Gate(_) => {
            "This host lacks a gate root that versions still need: put the copy of gate.key that was kept apart back in its place."
        }
        VaultError::GateFile(error) => match error {
            GateFileError::Missing(_) => {
                "Put the copy of gate.key that was kept apart back in its place, with mode 0600; without it nothing that is sealed here can be opened. A recovery group brings it back with 'warifu recover'."
            }
            GateFileError::OpenPermissions { .. } => {
                "Run 'chmod 600' on it, and find out who may have read it."
            }
            GateFileError::Damaged(_) => {
                "Move it aside, and put the copy of gate.key that was kept apart in its place, with mode 0600."
            }
            GateFileError::NoPassphrase => "Run it on a terminal, or use --gate-passphrase-file FILE.",
            GateFileError::WrongPassphrase => "Try again; nothing was changed.",
            GateFileError::Io { why, .. } => file_remedy(why),
        },
        VaultError::OtherGate(_) => {
            "Put the copy of this vault's own gate.key in its place, and keep the other one for its vault; nothing was changed."
        }
        VaultError::Name(error) => name_remedy(error),
        VaultError::Invalid(error) => invalid_remedy(error),
        VaultError::BadEntry { .. } => {
            "Run 'warifu audit verify'; keep a copy of this vault as it is, and compare with a backup."
        }
        VaultError::Entry(_) => "Shorten what you entered.",
        VaultError::HalfVault(_) => {
            "If 'warifu init' was interrupted here, move gate.key away and run it again; otherwise restore vault.db from its backup."
        }
        VaultError::Exists(_) => "Use it as it is, or name another directory with --vault DIR.",
        VaultError::NotFound { .. } => "Check the spelling; 'warifu status' lists what there is.",
        VaultError::ClockBack { .. } => "Set this machine's clock right, then run the command again.",
        VaultError::TextTooLong { .. } => "Shorten it.",
        VaultError::NotInUse { .. } => {
            "If it has a root password after all, set its standing to in-use first."
        }
        VaultError::Rotating => "Wait for it; then 'warifu gate show'.",
        VaultError::CeremonyOpen { .. } => {
            "Finish or abort it ('warifu ceremony list ORG' lists it), and run the command again; nothing was changed."
        }
        VaultError::NotStated { .. } => "Nothing need be done.",
        VaultError::Unbound(_) => {
            "Bind a group first: warifu bind ORG[/PROJECT[/ACCOUNT]] --factor password --group ORG/GROUP."
        }
        VaultError::NotPinned(_) => {
            "Ask a member of the group to read its twelve words to you and type them, or use --fingerprint \"WORDS\"."
        }
        VaultError::OtherFingerprint(_) => {
            "Compare with what the group's members wrote down; if it still differs, do not seal."
        }
        VaultError::NothingSealed(_) => "Seal it first: warifu seal ORG/PROJECT/ACCOUNT.",
        VaultError::UnboundFactor { .. } => {
            "Bind a group first: warifu bind ORG[/PROJECT[/ACCOUNT]] --factor FACTOR --group ORG/GROUP."
        }
        VaultError::NothingSealedAs { .. } => {
            "Seal it first: warifu seal ORG/PROJECT/ACCOUNT --factor FACTOR."
        }
        VaultError::SeedStays(_) => "Ask for codes: warifu code ORG/PROJECT/ACCOUNT --reason WHY.",
        VaultError::NoRoster(_) => "Let a group hold it first: warifu roster designate ORG/GROUP.",
        VaultError::IdentityPending { .. } => {
            "Its owner seals it, with the card: warifu roster seal ORG PSEUDONYM."
        }
        VaultError::TooManyCodes { .. } => {
            "Ask for fewer with --codes. A ceremony that is open goes on with 'warifu ceremony finish'."
        }
        VaultError::NoVersion { .. } => "Leave --version out to open the current one.",
        VaultError::Destroyed { .. } => "Seal a new version: warifu seal ORG/PROJECT/ACCOUNT.",
        VaultError::IsCurrent { .. } => "Rotate it instead, or add --current and its group's cards.",
        VaultError::NoRotation(_) => "Nothing need be done.",
        VaultError::NoticeRuns { .. } => "Any member can end it: warifu group veto ORG/GROUP.",
        VaultError::NoNotice(_) => "Nothing need be done; 'warifu group show' says how the last one ended.",
        VaultError::TooManyTargets(_) => "Name fewer, or a project instead of the organisation.",
        VaultError::Dealing(_) | VaultError::NotBegun(_) => "Nothing was sealed; run the command again.",
        VaultError::Record(_) => {
            "Shorten what you entered; if it was being opened, run 'warifu audit verify'."
        }
        VaultError::RecordGone(_) => "Run 'warifu audit verify'; restore it from a backup.",
        VaultError::Checkpoint(_) => {
            "Run 'warifu audit verify'; keep a copy of this vault as it is, and compare with a backup."
        }
        VaultError::GateThere(_) => {
            "This vault has its gate: use it as it is. To rehearse a recovery, name a copy of the directory without gate.key with --vault DIR."
        }
        VaultError::RecoveryKey { missing: true, .. } => {
            "Ask first with 'warifu recovery request --out FILE', or let keepers give their cards here: leave the files out."
        }
        VaultError::RecoveryKey { missing: false, .. } => {
            "Move it away, and ask anew with 'warifu recovery request --out FILE'."
        }
        VaultError::Recovery(error) => recovery_remedy(error),
        VaultError::NotApart { .. } => {
            "Make the keeper a new card with 'warifu recovery enrol': a keeper's card is of no organisation."
        }
        VaultError::CeremonyBusy { .. } => {
            "Finish that ceremony, or abort it with 'warifu ceremony abort ORG CEREMONY'."
        }
        VaultError::NotAdmitted { .. } => {
            "Let the group admit the operator: warifu operator admit ORG/GROUP OPERATOR."
        }
        VaultError::Stopped { .. } => {
            "Nothing more is given out in it, whoever is admitted anew: 'warifu ceremony abort ORG CEREMONY', and open another."
        }
        VaultError::OtherRole { .. } => "Use a card with that role.",
        VaultError::OtherOperator { .. } => {
            "Whoever opened it finishes it; 'warifu ceremony list ORG' says who that is."
        }
        VaultError::NotAMember { .. } => "'warifu group show ORG/GROUP' lists its members.",
        VaultError::ForeignCard(_) => "Use the card that was enrolled in this organisation.",
        VaultError::NotCounted(NotCounted::Ended) => "Nothing need be done: that ceremony is over.",
        VaultError::NotCounted(_) => "Ask for the file of this ceremony, made with the right card.",
        VaultError::NotTaken(why) => not_taken_remedy(why),
        VaultError::Reshares(_) => {
            "Go on with it in the room, with 'warifu reshare' or 'warifu refresh', by files with 'warifu ceremony hand-over', or abort it."
        }
        VaultError::NoQuorum { .. } => "Call another custodian of the group.",
        VaultError::CeremonyEnded(_) => "Open a new one.",
        VaultError::TooFewWitnesses { .. } => {
            "Nothing was given out and the ceremony is open: run 'warifu ceremony finish' again when they are reachable."
        }
        VaultError::WitnessPolicy(_) => {
            "Nothing was given out: run 'warifu audit verify', and see 'warifu audit policy show'."
        }
        VaultError::Finish(FinishError::TooFew { .. }) => {
            "Ask another custodian to contribute while the ceremony is open, then run 'warifu ceremony finish' again."
        }
        VaultError::Finish(FinishError::Altered) => {
            "Have the release fetched again from the host and read once more; if it is altered again, tell the security officers."
        }
        VaultError::Finish(_) => {
            "Do not go on. Keep the vault and the file as they are, and tell the security officers."
        }
        VaultError::Coder(CoderError::NotTheirs(_)) => {
            "Do not blame the custodian: the vault's database was altered. Abort the ceremony, run 'warifu audit verify', and find out who can write there."
        }
        VaultError::Coder(_) => "Run 'warifu audit verify'; restore what is wrong from a backup.",
        VaultError::GroupKeys(_) => "Nothing was stored; run 'warifu audit verify'.",
        VaultError::Ingredient(_) => {
            "Nothing was sealed; see whether gate.key is this vault's own, then run 'warifu audit verify'."
        }
        VaultError::EnrolmentCode => "Check the phone's clock, wait for the next code and type that.",
        VaultError::Card(error) => card_remedy(error),
        VaultError::File { why, .. } => file_remedy(why),
        VaultError::CeremonyKey => {
            "Use the card of the operator who opened this ceremony, or open a new one."
        }
    }
}

/// What keepers on a new machine should do.
fn recovery_remedy(error: &RecoveryError) -> &'static str {
    match error {
        RecoveryError::NoGroup => {
            "Put a copy of gate.key in its place, if there is one. With a gate: warifu recovery enrol, then warifu recovery form."
        }
        RecoveryError::NotDealt(_) => {
            "Look for a copy of this vault from a time when it was; on a host with the gate, form the group anew with 'warifu recovery form'."
        }
        RecoveryError::OtherRecord(_)
        | RecoveryError::Group(_)
        | RecoveryError::Log(_)
        | RecoveryError::Dealing(_)
        | RecoveryError::Record(_) => {
            "Run 'warifu audit verify' on this copy, and look for another one: this one was damaged or altered."
        }
        RecoveryError::OtherRoot => {
            "Nothing was written. The host dealt something else than its root: look for a copy from before this group, and tell the security officers."
        }
        RecoveryError::OtherVault(_) | RecoveryError::NotAKeeper { .. } | RecoveryError::NotAMember(_) => {
            "Use a keeper's card of this vault; 'warifu recovery show' lists the group's members."
        }
        RecoveryError::OtherGroup(_) => {
            "Nothing was given. Somebody may be showing different groups to different people: stop, and compare the words of 'warifu recovery show'."
        }
        RecoveryError::Gap => {
            "Give nothing. Compare the checkpoint in this card's .seen file with the ones of the new machine, by voice."
        }
        RecoveryError::OtherRequest(_) | RecoveryError::Box(_) => {
            "Nothing was taken. Let this keeper answer the request of this machine."
        }
        RecoveryError::Twice(_) | RecoveryError::TooFew { .. } => "Call another keeper.",
        RecoveryError::Signature(_) | RecoveryError::Share(_) => {
            "Call another keeper, and let somebody look at this one's card."
        }
    }
}

/// How what went wrong in a recovery ends a command.
fn recovery_exit(error: &RecoveryError) -> Exit {
    match error {
        RecoveryError::NoGroup | RecoveryError::NotDealt(_) => Exit::Input,
        RecoveryError::OtherRecord(_)
        | RecoveryError::Group(_)
        | RecoveryError::Log(_)
        | RecoveryError::Dealing(_)
        | RecoveryError::Record(_)
        | RecoveryError::Gap
        | RecoveryError::OtherRoot => Exit::Tampered,
        RecoveryError::TooFew { .. } => Exit::Ceremony,
        RecoveryError::OtherVault(_)
        | RecoveryError::NotAKeeper { .. }
        | RecoveryError::NotAMember(_)
        | RecoveryError::OtherGroup(_)
        | RecoveryError::OtherRequest(_)
        | RecoveryError::Twice(_)
        | RecoveryError::Signature(_)
        | RecoveryError::Box(_)
        | RecoveryError::Share(_) => Exit::Denied,
    }
}

/// What a refused custodian should do.
pub fn refusal_remedy(why: Refusal) -> &'static str {
    match why {
        Refusal::WrongCode => {
            "Check the phone's clock and use the code that it shows now: a contribution with a fresh code counts."
        }
        Refusal::ReplayedCode => "Each code counts once: wait for the next one.",
        Refusal::TooEarly => "Set this machine's clock right: the code is from before the ceremony opened.",
        Refusal::FromTheFuture => "Set this machine's clock right: it is ahead.",
        Refusal::Stale => "The code is too old: use the one that the phone shows now.",
        Refusal::Expired => "The window is over: open a new ceremony.",
        Refusal::LockedOut => {
            "Five wrong codes: this custodian is locked out for fifteen minutes; call another."
        }
        Refusal::Twice => "This custodian's first contribution stands: call another custodian.",
        Refusal::OtherCheckpoint => {
            "The contribution was made for another state of the log: make it again from this ceremony's file."
        }
        Refusal::WrongCosignature => {
            "The contribution was not made by this program and this card: make it again from this ceremony's file."
        }
        Refusal::Suspended => {
            "The card is suspended: call another custodian. The others of its groups can let it count again: warifu custodian resume."
        }
        Refusal::Revoked => {
            "The card is revoked for good: call another custodian, and tell the security officers that it was used."
        }
        Refusal::NotAHolder => "This custodian holds no share of that: call a member of the group.",
    }
}

/// Which rule a name broke, as something to do.
fn name_remedy(error: &NameError) -> &'static str {
    match error {
        NameError::Slug(_) => "Write the name in small letters, digits and '-'; --name takes any script.",
        NameError::Pseudonym(_) => "Copy it from 'warifu custodian list ORG' or 'warifu operator list ORG'.",
        NameError::Address { .. } => "Write the address with as many parts, and '/' between them.",
        NameError::AwsAccountId(_) => {
            "Copy the 12 digits from the provider, without dashes; for another provider add --provider NAME."
        }
        NameError::ExternalId(_) => "Copy the identifier from the provider, without spaces.",
        NameError::Threshold { .. } => "Choose another --threshold, or name more members.",
        NameError::DisplayName => "Shorten the text of --name, or leave --name out.",
        NameError::Origin(_) => "Give --origin a name that is yours, like example.com/warifu.",
        NameError::Factor(_) => "Name one of these with --factor, or leave it out for the password.",
        NameError::Standing(_) => "Write one of these three.",
        NameError::Fact(_) => "Write one of these two.",
    }
}

/// What the system's refusal of a file calls for.
fn file_remedy(why: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match why.kind() {
        ErrorKind::NotFound => "Check the spelling; a relative path begins at the directory that you are in.",
        ErrorKind::PermissionDenied => "Run it as the file's owner, or let the owner give you access.",
        ErrorKind::IsADirectory => "Name a file in that directory, not the directory.",
        ErrorKind::NotADirectory => "A part of the path is a file, not a directory: correct the path.",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "Free some space on that disk and run the command again."
        }
        ErrorKind::ReadOnlyFilesystem => "Name a place that can be written: that one is mounted read-only.",
        ErrorKind::FileTooLarge => "That is more than such a file ever has: name the right one.",
        ErrorKind::InvalidFilename => "Name a file with a shorter path.",
        _ => "The system refused the file, not warifu: look at the disk, then run the command again.",
    }
}

fn export_remedy(error: &ExportError) -> &'static str {
    match error {
        ExportError::Vault(error) => vault_remedy(error),
        ExportError::Store(error) => store_remedy(error),
        ExportError::Checkpoint(_)
        | ExportError::NotCovered { .. }
        | ExportError::BadEntry { .. }
        | ExportError::Proof(_)
        | ExportError::Receipt(_) => {
            "Run 'warifu audit verify'; keep a copy of this vault as it is, and compare with a backup."
        }
        ExportError::NotAnExport(_) | ExportError::OtherLog { .. } => {
            "Name a new or empty directory, or the one that this log was exported to before."
        }
        ExportError::Damaged { .. } => {
            "Nothing was written. Move this directory away, export into a new one, and compare."
        }
        ExportError::Longer { .. } | ExportError::Forked { .. } => {
            "The vault was rolled back or rewritten, or this is a copy of it. Nothing was written: keep both as they are and tell the security officers."
        }
        ExportError::NothingSince { .. } => "Name an earlier time, or leave --since out.",
        ExportError::Busy(_) => "Wait for it and run the command again.",
        ExportError::Changed => "Run the command again.",
        ExportError::Record(_) => {
            "Run 'warifu audit recoverability' to see which version it is; keep this vault as it is, and compare with a backup."
        }
        ExportError::File { .. } => {
            "Check the path, its permissions and the space left; then run the command again."
        }
        ExportError::NoEntry { .. } => "'warifu audit log ORG' lists the entries; they are numbered from 0.",
        ExportError::NoCeremony(_) => "'warifu ceremony list ORG --all' lists the ceremonies.",
        ExportError::ManyCeremonies(_) => "Give more of its digits, at least four, in lower case.",
    }
}

fn backup_remedy(error: &BackupError) -> &'static str {
    match error {
        BackupError::Vault(error) => vault_remedy(error),
        BackupError::Store(error) => store_remedy(error),
        BackupError::Taken(_) => {
            "Name a directory that is not there yet, or an empty one; nothing was changed."
        }
        BackupError::File { .. } => {
            "Check the path, its permissions and the space left; then run the command again. Nothing was left half made."
        }
        BackupError::Wrong { .. } => {
            "Nothing was made. Keep what is wrong as it is, look at it with 'warifu audit verify', and use another copy."
        }
        BackupError::OtherLog { .. } => {
            "Leave it out. If the organisation was added after the backup, bring in an export of the vault's own log (@vault) first."
        }
        BackupError::Checkpoint { .. } => {
            "Name a signed checkpoint as 'warifu audit checkpoint' prints it, or the .seen file beside a card. One that a later key of the log has signed than is known here cannot be used: look for a newer backup."
        }
        BackupError::Behind { .. } => {
            "Nothing was made. Look for a newer backup, or bring in what others have with --merge: exports of the log, requests that custodians got. If nobody has it, restore without this checkpoint and give it to 'warifu recover --against FILE --sign-gap': the keepers sign for what is missing, and everybody who saw it is asked to accept that."
        }
    }
}

fn backup_exit(error: &BackupError) -> Exit {
    match error {
        BackupError::Vault(error) => vault_exit(error),
        BackupError::Store(_) | BackupError::File { .. } => Exit::Storage,
        BackupError::Taken(_) | BackupError::OtherLog { .. } | BackupError::Checkpoint { .. } => Exit::Input,
        BackupError::Wrong { .. } | BackupError::Behind { .. } => Exit::Tampered,
    }
}

fn export_exit(error: &ExportError) -> Exit {
    match error {
        ExportError::Vault(error) => vault_exit(error),
        ExportError::Store(_)
        | ExportError::Damaged { .. }
        | ExportError::Busy(_)
        | ExportError::Changed
        | ExportError::Record(_)
        | ExportError::File { .. } => Exit::Storage,
        ExportError::Checkpoint(_)
        | ExportError::NotCovered { .. }
        | ExportError::BadEntry { .. }
        | ExportError::Longer { .. }
        | ExportError::Forked { .. }
        | ExportError::Proof(_)
        | ExportError::Receipt(_) => Exit::Tampered,
        ExportError::NotAnExport(_)
        | ExportError::OtherLog { .. }
        | ExportError::NothingSince { .. }
        | ExportError::NoEntry { .. }
        | ExportError::NoCeremony(_)
        | ExportError::ManyCeremonies(_) => Exit::Input,
    }
}

fn receipt_remedy(error: &ProofFileError) -> &'static str {
    match receipt_exit(error) {
        Exit::Tampered => {
            "It proves nothing. Check that key, entry and receipt belong together; if they do, somebody altered one of them."
        }
        _ => "Ask for the file again: it is damaged, or no receipt.",
    }
}

/// A receipt that reads but does not verify is another matter than one that
/// does not even read.
fn receipt_exit(error: &ProofFileError) -> Exit {
    match error {
        ProofFileError::Proof(_)
        | ProofFileError::Checkpoint(
            CheckpointError::Note(NoteError::BadSignature { .. } | NoteError::NotSigned)
            | CheckpointError::Origin { .. }
            | CheckpointError::NotSignedByLog { .. }
            | CheckpointError::NotALogKey { .. },
        ) => Exit::Tampered,
        _ => Exit::Input,
    }
}

fn store_remedy(error: &StoreError) -> &'static str {
    match error {
        StoreError::Conflict { .. } | StoreError::Replaced { .. } => {
            "Other processes write to this log all the time, or its entries are not what they were; run the command again, and 'warifu audit verify' if it goes on."
        }
        StoreError::Busy => "Another process holds the vault; wait for it and run the command again.",
        StoreError::DiskFull => "Free some space on the disk; nothing was changed.",
        StoreError::ReadOnly => "Make the vault's directory writable; nothing was changed.",
        StoreError::Damaged { .. } => {
            "Keep a copy as it is, run 'warifu audit verify', and restore from a backup."
        }
        StoreError::NewerFormat { .. } => "Use the newer warifu that made it.",
        StoreError::AlreadyExists { .. } => {
            "Use the vault that is there, or name another directory with --vault DIR."
        }
        StoreError::CannotOpen { .. } => "Check the permissions of the vault's directory.",
        StoreError::NotAVault { .. } => "Name the right directory with --vault DIR.",
        StoreError::Missing { .. } => {
            "Make a vault with 'warifu init', or name its directory with --vault DIR."
        }
        _ => "Nothing was changed; run 'warifu audit verify' if it happens again.",
    }
}

fn invalid_remedy(error: &Invalid) -> &'static str {
    match error {
        Invalid::Duplicate(_) => "Choose another name, or use what is there.",
        Invalid::TooFewSignatures { .. } => "Let more members of the group sign.",
        Invalid::WitnessPolicy(PolicyFault::OtherLog) => {
            "Correct its 'log' lines: one must name this log's own key ('warifu audit key ORG'); or leave them out."
        }
        Invalid::WitnessPolicy(PolicyFault::TooLong { .. }) => "Shorten it; comments count.",
        Invalid::WitnessPolicy(PolicyFault::File(_)) => {
            "Correct that line; 'warifu audit policy set --help' shows an example."
        }
        Invalid::WitnessPolicy(PolicyFault::TooManyWitnesses { .. }) => "Name fewer witnesses.",
        Invalid::NotApart { .. } => {
            "Bind a group of other people: whoever opens the password must not have the codes too. 'warifu group list ORG' shows the members."
        }
        Invalid::NotForThis { factor: Factor::Mfa, .. } => {
            "Ask for codes with 'warifu code' or 'warifu sign-in'."
        }
        Invalid::RotationPolicy(_) => "Choose another value.",
        Invalid::RotationRunning(_) => "Say what the provider accepts now: warifu rotate --resume ACCOUNT.",
        Invalid::NotAgreed(_) | Invalid::NotGivenUp(_) => {
            "That group's quorum must sign too: name its cards with --card."
        }
        Invalid::NotA { what: "suspended", .. } => {
            "Nothing need be done; 'warifu status ORG' says whose card is suspended."
        }
        Invalid::NotA { .. } => "Use the card of somebody who is.",
        Invalid::Barred { how: "suspended", .. } => {
            "Call another custodian. Its groups' other members can let it count again: warifu custodian resume."
        }
        Invalid::Barred { .. } => {
            "Call another custodian; whoever has lost a card is enrolled anew, with a new one."
        }
        Invalid::TooFewLeft { .. } | Invalid::Abandoned(_) => {
            "Bind another group, of cards that count: whatever was sealed for this one could never be opened."
        }
        Invalid::BackInTime { .. } => "Set this machine's clock right.",
        Invalid::HoldsNothing(_) => {
            "Nothing need be done; 'warifu group list ORG' shows what each group holds."
        }
        Invalid::HoldsItAlready(_) => {
            "Name another group with --to; new share keys for the same members come with 'warifu refresh ORG/GROUP'."
        }
        Invalid::CeremonyBusy => "Finish or abort the other ceremony first.",
        Invalid::NotAdmitted { .. } | Invalid::Revoked => {
            "Let a quorum of the group admit the operator anew."
        }
        _ => "Nothing was changed.",
    }
}

fn card_remedy(error: &CardError) -> &'static str {
    match error {
        CardError::WrongPassphrase => {
            "Try again; a wrong passphrase costs only the attempt. One that is forgotten nobody can bring back: have the card revoked (warifu custodian revoke), and its owner enrolled anew."
        }
        CardError::NoPassphrase => "Name its identity with --identity FILE.",
        CardError::WrongKey | CardError::WrappedKey { .. } => {
            "Use another copy of the card, or its own identity."
        }
        CardError::NotACard | CardError::TooLarge { .. } => {
            "Name the card's file: it begins with '-----BEGIN WARIFU CARD-----'."
        }
        CardError::NewerVersion { .. } => "Use the newer warifu that made it.",
        CardError::OutOfMemory { .. } => "Free some memory and try again.",
        _ => "Use another copy of the card.",
    }
}

fn message_remedy(error: &MessageError) -> &'static str {
    match error {
        MessageError::OtherKind { .. } => {
            "You may have mixed files up: use the one of the kind that is asked for."
        }
        MessageError::Newer { .. } => "Use the newer warifu that made it.",
        MessageError::TooLongToWrite { kind: "reshare-file" | "reshare-answer", .. } => {
            "Hand it over in one room: leave --request out."
        }
        MessageError::TooLongToWrite { .. } => "Open it in one room, with 'warifu open': that needs no file.",
        _ => "Ask for the file again; it was damaged or altered on its way.",
    }
}

fn reshare_files_remedy(why: &FileError) -> &'static str {
    match why {
        FileError::OtherCeremony(_) | FileError::Twice(_) | FileError::NotAContributor(_) => {
            "Name one file of each contributor, all of this ceremony and round."
        }
        FileError::NotOwn(_) | FileError::Signature(_) => {
            "Nobody is blamed for it: it may have been altered on its way. Ask for the file again."
        }
        FileError::OtherVersions(_) => {
            "Write the first round's file once more ('warifu reshare … --request FILE'), and have it answered anew."
        }
        FileError::OtherRound => {
            "Name the second round's file that 'warifu ceremony gather' wrote last. If what is to be handed over has changed since, abort the ceremony and open another."
        }
        FileError::OtherOutcome(_) => {
            "Have that contributor sign just this second round's file, with 'warifu ceremony contribute'."
        }
        FileError::Missing(_) => {
            "Get their files. If somebody cannot sign any more, abort the ceremony and open another: what the others signed is of no use without theirs."
        }
    }
}

fn not_taken_remedy(why: &NotTaken) -> &'static str {
    match why {
        NotTaken::UnknownDrill => {
            "Have it answered anew: 'warifu drill ORG/GROUP --request FILE' writes the drill that goes on now."
        }
        NotTaken::Ended(_) => "Begin a new one: warifu drill ORG/GROUP --request FILE.",
        NotTaken::NotAMember(_) => "'warifu group show ORG/GROUP' lists its members; use a member's card.",
        NotTaken::Signature(_) | NotTaken::OtherCode(_) => {
            "Nobody is blamed for it: it may have been altered on its way. Ask for the file again, or for a new answer."
        }
        NotTaken::Proof(_) => "Call the member: the card may be an old copy. A card that is lost is revoked.",
        NotTaken::Repeated { proved: true, .. } => "Nothing more is needed in this drill.",
        NotTaken::Repeated { proved: false, .. } => {
            "Ask for a new answer: 'warifu ceremony contribute' once more, with a fresh code."
        }
    }
}

fn review_remedy(error: &ReviewError) -> &'static str {
    match error {
        ReviewError::RolledBack { .. } => {
            "Ask for a fresh file ('warifu ceremony package'). If that one is too short as well, do not contribute: tell the security officers; both checkpoints are above."
        }
        ReviewError::Forked { .. } => {
            "Do not contribute. Tell the security officers: both checkpoints are above."
        }
        ReviewError::Gap(_) => {
            "Nothing was signed. Whether to go on a person decides at a terminal, with this card, in a command that shows both checkpoints."
        }
        ReviewError::Expired { .. } | ReviewError::NoCeremony => "Ask the operator for a new ceremony.",
        ReviewError::NoDrill | ReviewError::DrillOver { .. } => {
            "Ask the host for the drill that goes on now: 'warifu drill ORG/GROUP --request FILE'."
        }
        ReviewError::NotInDrill { .. } => "Use the card that is a member of this group.",
        ReviewError::UnknownKinds(_) => "Use the newer warifu that wrote them; nothing was answered.",
        ReviewError::TooEarly { .. } => "Set this machine's clock right.",
        ReviewError::OtherOrganisation | ReviewError::NotAHolder(_) | ReviewError::OtherLog => {
            "Use the card that belongs to this organisation and group."
        }
        ReviewError::Barred { .. } => {
            "Nothing was answered. If you did not know, tell the other members of your groups."
        }
        ReviewError::NotAdmitted { .. } => "Do not contribute; ask who this operator is.",
        ReviewError::OtherSeen => "Put this card's own .seen file back beside it; nothing was signed.",
        _ => "Do not contribute. Tell the security officers.",
    }
}

fn vault_exit(error: &VaultError) -> Exit {
    match error {
        VaultError::Store(_)
        | VaultError::File { .. }
        | VaultError::RecordGone(_)
        | VaultError::Checkpoint(_) => Exit::Storage,
        VaultError::GateFile(GateFileError::WrongPassphrase | GateFileError::NoPassphrase) => Exit::Denied,
        VaultError::RecoveryKey { missing: false, .. }
        | VaultError::GateFile(_)
        | VaultError::Gate(_)
        | VaultError::OtherGate(_) => Exit::Storage,
        VaultError::BadEntry { .. } => Exit::Tampered,
        VaultError::Recovery(error) => recovery_exit(error),
        VaultError::NotAdmitted { .. }
        | VaultError::Stopped { .. }
        | VaultError::SeedStays(_)
        | VaultError::OtherRole { .. }
        | VaultError::NotAMember { .. }
        | VaultError::OtherOperator { .. }
        | VaultError::ForeignCard(_)
        | VaultError::NotCounted(_)
        | VaultError::NotTaken(_)
        | VaultError::EnrolmentCode
        | VaultError::OtherFingerprint(_)
        | VaultError::NotPinned(_)
        | VaultError::CeremonyKey
        | VaultError::Card(_) => Exit::Denied,
        VaultError::CeremonyBusy { .. }
        | VaultError::NoQuorum { .. }
        | VaultError::Reshares(_)
        | VaultError::CeremonyEnded(_)
        | VaultError::Rotating
        | VaultError::CeremonyOpen { .. }
        | VaultError::TooFewWitnesses { .. } => Exit::Ceremony,
        VaultError::WitnessPolicy(_) => Exit::Tampered,
        VaultError::Finish(FinishError::TooFew { .. }) => Exit::Ceremony,
        VaultError::Finish(FinishError::Altered) => Exit::Input,
        VaultError::Finish(_) => Exit::Tampered,
        VaultError::Coder(
            CoderError::NotAsLogged(_) | CoderError::NotTheirs(_) | CoderError::NoQuorum(_),
        ) => Exit::Tampered,
        VaultError::Coder(_) => Exit::Failed,
        VaultError::Name(_)
        | VaultError::Exists(_)
        | VaultError::HalfVault(_)
        | VaultError::GateThere(_)
        | VaultError::RecoveryKey { missing: true, .. }
        | VaultError::NotApart { .. }
        | VaultError::NotFound { .. }
        | VaultError::TextTooLong { .. }
        | VaultError::NotInUse { .. }
        | VaultError::NotStated { .. }
        | VaultError::Unbound(_)
        | VaultError::UnboundFactor { .. }
        | VaultError::NothingSealed(_)
        | VaultError::NothingSealedAs { .. }
        | VaultError::NoRoster(_)
        | VaultError::IdentityPending { .. }
        | VaultError::TooManyCodes { .. }
        | VaultError::NoVersion { .. }
        | VaultError::Destroyed { .. }
        | VaultError::IsCurrent { .. }
        | VaultError::NoRotation(_)
        | VaultError::NoNotice(_)
        | VaultError::NoticeRuns { .. }
        | VaultError::TooManyTargets(_)
        | VaultError::Invalid(_)
        | VaultError::Entry(_) => Exit::Input,
        VaultError::ClockBack { .. }
        | VaultError::Dealing(_)
        | VaultError::NotBegun(_)
        | VaultError::GroupKeys(_)
        | VaultError::Ingredient(_)
        | VaultError::Record(_) => Exit::Failed,
    }
}
