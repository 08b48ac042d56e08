//! `account baseline`: what must be shown of an account that was newly issued or
//! taken over, what shows it, and which command mends what is missing.

use super::args::BaselineArgs;
use super::error::CliError;
use super::status::large;
use super::table::{Column, counted, table};
use super::ui::{Kind, Prompt};
use super::{App, cards, files, next};
use crate::event::{BaselineFact, Shown, printable};
use crate::name::{AccountAddress, AccountId, Factor, ScopeAddress};
use crate::state::baseline::{Checked, Item, Lack, Proof};
use crate::state::{Effective, Organisation};
use crate::time::Time;
use crate::vault::baseline::{BaselineStatus, NotAtBaseline};
use crate::vault::hierarchy::account;
use crate::vault::{Log, PublicVault};
use serde_json::{Value, json};
use std::path::Path;

/// Longest file that is read for a statement, in bytes; what is kept is shorter.
const NOTE_CAP: u64 = 1 << 16;

/// `account baseline`.
pub fn baseline(app: &mut App<'_>, args: &BaselineArgs) -> Result<(), CliError> {
    match (one(&args.scope), args.state, args.withdraw) {
        (Some(address), Some(fact), _) => state(app, args, &address, fact, true),
        (Some(address), None, Some(fact)) => state(app, args, &address, fact, false),
        (Some(address), None, None) => show(app, args, &address),
        (None, None, None) => list(app, args),
        (None, ..) => {
            let fact = format!("a statement is about one account, and '{}' is none", args.scope);
            Err(CliError::Argument { fact, remedy: "Name it: warifu account baseline ORG/PROJECT/ACCOUNT." })
        }
    }
}

/// The account that a scope is, if it is one.
fn one(scope: &ScopeAddress) -> Option<AccountAddress> {
    let (project, account) = (scope.project.clone()?, scope.account.clone()?);
    Some(AccountAddress { organisation: scope.organisation.clone(), project, account })
}

/// A card signs a statement, or that one holds no more.
fn state(
    app: &mut App<'_>,
    args: &BaselineArgs,
    address: &AccountAddress,
    fact: BaselineFact,
    holds: bool,
) -> Result<(), CliError> {
    let (mut vault, mut log) = app.open_log(&address.organisation)?;
    let (id, _) = account(&log.state, address)?;
    let text = holds.then(|| note(app, args.note_file.as_deref(), fact)).transpose()?;
    let open = cards::unlock_here(app, (&vault, &log), &args.card, "the operator or officer")?;
    let (card, now) = (open.card.card(), app.now());
    let entry = vault.state_baseline(&mut log, card, (id, fact), text.as_deref(), now, &mut app.rng)?;
    let by = card.pseudonym().to_string();
    cards::remember(app, (&vault, &log), &open.path);
    let word = if holds { "stated" } else { "withdrawn" };
    let value =
        json!({ "address": address.to_string(), "fact": fact, "word": word, "by": by, "entry": entry });
    app.emit(value, || format!("For the baseline of {address}, {fact} is {word} by {by} (entry {entry})."));
    Ok(())
}

/// What is stated, from a file or by asking: never an argument, which others on this
/// host could read.
fn note(app: &mut App<'_>, file: Option<&Path>, fact: BaselineFact) -> Result<String, CliError> {
    let question = match fact {
        BaselineFact::Mailbox => "Who holds the root user's mailbox, and who else can read it",
        BaselineFact::Contacts => "Who is contact for billing, operations and security",
    };
    let text = match file {
        Some(path) => {
            let bytes = files::read_capped(path, NOTE_CAP)?;
            let plain = |_| CliError::Argument {
                fact: format!("{} is not plain text", path.display()),
                remedy: "Save it as UTF-8.",
            };
            String::from_utf8(bytes).map_err(plain)?
        }
        None => app.ui.line(&Prompt::new(Kind::Notes, question, "Use --note-file FILE."))?,
    };
    match text.trim() {
        "" => {
            let fact = "the statement is empty".to_owned();
            Err(CliError::Argument { fact, remedy: "Say who; it is kept where it can be erased." })
        }
        text => Ok(text.to_owned()),
    }
}

/// One account's checklist.
fn show(app: &mut App<'_>, args: &BaselineArgs, address: &AccountAddress) -> Result<(), CliError> {
    let (vault, log) = app.read_log(&args.scope.organisation)?;
    let (id, found) = account(&log.state, address)?;
    let reported = vault.protection(&log).get(&id).copied().unwrap_or_default();
    let checked = log.state.baseline(&id, &reported).unwrap_or_default();
    let missing = checked.iter().filter(|one| one.shown.is_err()).count();
    let of = Of { vault: &vault, log: &log, address, id, now: app.now() };
    let rows = checked.iter().map(|one| of.row(one)).collect::<Result<Vec<_>, _>>()?;
    let value = json!({
        "address": address.to_string(), "standing": found.standing, "at_baseline": missing == 0,
        "items": rows.iter().map(|row| &row.value).collect::<Vec<_>>(),
    });
    let room = app.ui.columns();
    app.emit(value, || {
        let cells = rows.iter().map(|row| vec![row.item.as_str().to_owned(), row.words.clone()]);
        let mut text = table(&[Column::whole("item"), Column::text("shown by")], cells, room);
        for row in &rows {
            let mend = row.mend.as_ref().map(|mend| format!("\nNext for {}: {mend}", row.item.as_str()));
            text.extend(mend);
        }
        let end = if missing == 0 { "\nAll of its baseline is shown." } else { "" };
        format!("{text}{end}")
    });
    if missing == 0 { Ok(()) } else { Err(CliError::NotAtBaseline(1)) }
}

/// Who is not at baseline.
fn list(app: &mut App<'_>, args: &BaselineArgs) -> Result<(), CliError> {
    let (vault, log) = app.read_log(&args.scope.organisation)?;
    let (below, all) = vault.below_baseline(&log, &args.scope)?;
    let value = serde_json::to_value(&below).expect("a list has only strings");
    let room = app.ui.columns();
    app.emit(value, || match below.is_empty() {
        true => format!("{} at baseline: nothing is missing.", counted(all, "account")),
        false => {
            let lacks =
                |one: &NotAtBaseline| one.missing.iter().map(|item| item.as_str()).collect::<Vec<_>>();
            let cells = below.iter().map(|one| vec![one.address.clone(), lacks(one).join(", ")]);
            table(&[Column::whole("account"), Column::text("missing")], cells, room)
        }
    });
    if below.is_empty() { Ok(()) } else { Err(CliError::NotAtBaseline(below.len())) }
}

/// The lines of `status`: who is not at baseline, and of whom that is not known.
pub fn status_lines(organisation: &str, status: &BaselineStatus) -> Vec<String> {
    let BaselineStatus { accounts, first, not_looked_at } = status;
    let look = format!("warifu account baseline {organisation}");
    let how_many = |count: u64| counted(large(count), "account");
    let more = if *accounts > first.len() as u64 { ", …" } else { "" };
    let names = if first.is_empty() { String::new() } else { format!(": {}{more}", first.join(", ")) };
    let below = format!("{} not at baseline{names} ({look})", how_many(*accounts));
    let unread = format!(
        "of {} nothing is missing but what credential reports say, which was not looked at: {look}, or status --replay",
        how_many(*not_looked_at)
    );
    let lines = [(*accounts, below), (*not_looked_at, unread)];
    lines.into_iter().filter(|(count, _)| *count > 0).map(|(_, line)| line).collect()
}

/// An account whose checklist is told.
struct Of<'a> {
    vault: &'a PublicVault,
    log: &'a Log,
    address: &'a AccountAddress,
    id: AccountId,
    now: Time,
}

/// An item of it.
struct Row {
    item: Item,
    words: String,
    mend: Option<String>,
    value: Value,
}

impl Of<'_> {
    fn row(&self, checked: &Checked<'_>) -> Result<Row, CliError> {
        let item = checked.item;
        let (words, mut value, mend) = match &checked.shown {
            Ok(proof) => {
                let (words, value) = self.proof(proof)?;
                (words, value, None)
            }
            Err(lack) => {
                (format!("MISSING: {}", why(lack)), json!({ "why": code(lack) }), Some(self.mend(item, lack)))
            }
        };
        if let Some(object) = value.as_object_mut() {
            object.insert("item".to_owned(), json!(item));
            object.insert("shown".to_owned(), json!(checked.shown.is_ok()));
            object.insert("mend".to_owned(), json!(mend));
        }
        Ok(Row { item, words, mend, value })
    }

    fn proof(&self, proof: &Proof<'_>) -> Result<(String, Value), CliError> {
        let state = &self.log.state;
        Ok(match proof {
            Proof::Sealed(credential, version) => {
                let (entry, at) = self.vault.entry_of_seal(self.log, credential, version)?;
                let sealing = &version.sealing;
                let group =
                    state.groups.get(&sealing.group).map(|g| state.group_address(g)).unwrap_or_default();
                let given = match (sealing.shown, version.exposed) {
                    (Shown::Nobody, Some(_)) => "opened since".to_owned(),
                    (shown, _) => format!("shown to {}", shown.as_str()),
                };
                let words = format!(
                    "{} version {}, {}, held by {group}, {given}",
                    sealing.factor,
                    sealing.version,
                    super::hierarchy::text(&json!(sealing.made))
                );
                let value = json!({
                    "proof": "sealed", "entry": entry, "time": at, "factor": sealing.factor,
                    "version": sealing.version, "group": group, "made": sealing.made, "handed": sealing.shown,
                });
                (placed(&words, entry, at), value)
            }
            Proof::Reported(said) => {
                let value = json!({ "proof": "credential-report", "entry": said.entry, "time": said.at });
                (placed("credential report", Some(said.entry), said.at), value)
            }
            Proof::Stated(said) => {
                let text = said.text.and_then(|hash| self.vault.text(&state.id, &hash));
                let shown =
                    text.as_ref().map_or("(erased)".to_owned(), |text| format!("'{}'", printable(text)));
                let words = format!("stated by {}: {shown}", said.by);
                let value = json!({
                    "proof": "statement", "entry": said.entry, "time": said.at, "by": said.by, "text": text,
                });
                (placed(&words, Some(said.entry), said.at), value)
            }
        })
    }

    /// The very command that mends what is missing.
    fn mend(&self, item: Item, lack: &Lack<'_>) -> String {
        let (state, address) = (&self.log.state, self.address);
        match (item, lack) {
            (Item::Password, Lack::NotGenerated(_)) => format!("warifu rotate {address} --reason WHY"),
            (Item::Password, Lack::NotHandedOver(_)) => {
                format!("warifu open {address} --reason WHY, and install it at the provider")
            }
            (Item::Password, _) => next::for_account(state, address, self.now),
            (Item::SecondFactor, Lack::NotSealed) => {
                format!("warifu seal {address} --factor mfa --from qr.png")
            }
            (Item::SecondFactor, _) => self.towards_others(),
            (Item::NoAccessKeys | Item::MfaActive, lack) => {
                let org = &state.slug;
                let run = format!("warifu reconcile credential-report {org} report.csv --account {address}");
                match (item, lack) {
                    (Item::NoAccessKeys, Lack::Weak(_)) => {
                        format!("delete the root user's access keys, then {run}")
                    }
                    (_, Lack::Weak(_)) => format!("register a second factor at the provider, then {run}"),
                    _ => run,
                }
            }
            (Item::Mailbox, _) => format!("warifu account baseline {address} --state mailbox"),
            (Item::Contacts, _) => format!("warifu account baseline {address} --state contacts"),
        }
    }

    /// Towards a group that may hold the second factor beside the password's.
    fn towards_others(&self) -> String {
        let state = &self.log.state;
        let slug = &state.slug;
        match others(state, &self.id) {
            Some(group) => format!("warifu bind {slug} --factor mfa --group {group}"),
            None => format!(
                "warifu group form {slug}/NAME --threshold T --members M,…, of custodians who are in no group of its password"
            ),
        }
    }
}

/// A group that shares nobody with the one that holds an account's password, or would.
fn others(state: &Organisation, id: &AccountId) -> Option<String> {
    let held = state.current_of(id, Factor::Password).and_then(|(_, v)| state.groups.get(&v.sealing.group));
    let bound = match state.binding_of(id, Factor::Password) {
        Effective::Bound(_, group) => Some(group),
        Effective::Unbound => None,
    };
    let taken: Vec<_> = [held, bound].into_iter().flatten().collect();
    let apart = |group: &&crate::event::GroupStatement| {
        let mut members = group.members.iter();
        members.all(|member| taken.iter().all(|other| other.index_of(&member.pseudonym).is_none()))
    };
    let found = state.groups.values().filter(apart).min_by_key(|group| &group.slug);
    found.filter(|_| !taken.is_empty()).map(|group| state.group_address(group))
}

fn placed(words: &str, entry: Option<u64>, at: Time) -> String {
    let entry = entry.map(|entry| format!("entry {entry}, ")).unwrap_or_default();
    format!("{words} ({entry}{})", at.to_minute())
}

fn why(lack: &Lack<'_>) -> String {
    match lack {
        Lack::Unbound => "nothing is sealed, and no group would hold it".to_owned(),
        Lack::NotSealed => "nothing is sealed".to_owned(),
        Lack::NotGenerated(version) => {
            format!("version {} was not generated here", version.sealing.version)
        }
        Lack::NotHandedOver(version) => format!(
            "version {} was generated here, but nobody was given it to install it",
            version.sealing.version
        ),
        Lack::SameHands(who) => {
            let names: Vec<_> = who.iter().map(ToString::to_string).collect();
            format!("{} hold the password as well", names.join(", "))
        }
        Lack::NotReported => "no credential report says so".to_owned(),
        Lack::Weak(said) => placed("the credential report says otherwise", Some(said.entry), said.at),
        Lack::NotStated => "nobody has stated it".to_owned(),
        Lack::Withdrawn(said) => placed(&format!("withdrawn by {}", said.by), Some(said.entry), said.at),
    }
}

/// The same in one word, for programs.
fn code(lack: &Lack<'_>) -> &'static str {
    match lack {
        Lack::Unbound => "unbound",
        Lack::NotSealed => "not-sealed",
        Lack::NotGenerated(_) => "not-generated",
        Lack::NotHandedOver(_) => "not-handed-over",
        Lack::SameHands(_) => "same-hands",
        Lack::NotReported => "not-reported",
        Lack::Weak(_) => "weak",
        Lack::NotStated => "not-stated",
        Lack::Withdrawn(_) => "withdrawn",
    }
}
