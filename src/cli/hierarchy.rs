//! `init`, `org`, `project`, `account`.

use super::args::{AccountCommand, Init, OrgCommand, ProjectCommand};
use super::error::CliError;
use super::table::{self, Column, table, table_or};
use super::ui::Kind;
use super::{App, IDLE, cards, next};
use crate::event::{Hash, printable};
use crate::name::{AccountAddress, DisplayName, Factor, MemberAddress, ScopeAddress, Slug};
use crate::seal::passphrase::{KdfParams, check_strength};
use crate::secret::SecretBytes;
use crate::state::Version;
use crate::time::Time;
use crate::vault::hierarchy::{NewAccount, account as find_account, no_project};
use crate::vault::status::{AccountState, AccountStatus};
use crate::vault::{Log, PublicVault, Vault};
use serde_json::json;

/// Makes a vault.
pub fn init(app: &mut App<'_>, args: Init) -> Result<(), CliError> {
    let passphrase = new_gate_passphrase(app, args.passphrase)?;
    let params = if args.kdf_floor { KdfParams::FLOOR } else { KdfParams::STANDARD };
    let (dir, now) = (app.vault.clone(), app.now());
    let vault = Vault::init(&dir, &args.origin, passphrase.as_ref().map(|p| (p, params)), now, &mut app.rng)?;
    let value = json!({
        "vault": dir.display().to_string(),
        "id": vault.state().vault,
        "origin": args.origin,
        "gate_protected": vault.gate_protected(),
    });
    app.emit(value, || {
        format!(
            "Made a vault in {}. Its logs are named under {}.\nIts gate.key is the host's half of everything that will be sealed: keep a copy apart from this directory.\nNext: warifu org add NAME",
            dir.display(),
            args.origin
        )
    });
    Ok(())
}

/// The passphrase under which a gate's file will lie: from the file that is named
/// for it, or asked for if it is wanted.
pub fn new_gate_passphrase(app: &mut App<'_>, wanted: bool) -> Result<Option<SecretBytes>, CliError> {
    let check = |p: &SecretBytes| check_strength(p, &["warifu"]).map_err(CliError::from);
    match (wanted, app.gate_passphrase.clone()) {
        (false, None) => Ok(None),
        (_, Some(file)) => {
            let passphrase = cards::secret_from_file(&file)?;
            check(&passphrase)?;
            Ok(Some(passphrase))
        }
        (true, None) => {
            let (what, instead) = ("New passphrase of the gate's file", "Use --gate-passphrase-file FILE.");
            Ok(Some(app.new_secret(&Kind::GatePassphrase, what, instead, &check)?))
        }
    }
}

/// `org …`.
pub fn org(app: &mut App<'_>, command: OrgCommand) -> Result<(), CliError> {
    match command {
        OrgCommand::Add { slug, name } => {
            let mut vault = app.open_vault()?;
            app.check_ahead(vault.state().last, IDLE, None)?;
            let clock = app.clock;
            let log = vault.add_organisation(&slug, name.as_ref(), &|| clock.now(), &mut app.rng)?;
            let value = json!({ "organisation": slug, "id": log.state.id, "origin": log.state.origin });
            app.emit(value, || format!("Created organisation {slug}.\nNext: warifu project add {slug}/NAME"));
            Ok(())
        }
        OrgCommand::List => {
            let vault = app.read_vault()?;
            let mut rows = Vec::new();
            for slug in vault.state().organisations.values() {
                rows.push(organisation(&vault, &vault.log(slug)?));
            }
            rows.sort_by_key(|row| row["organisation"].to_string());
            let columns = [
                Column::whole("organisation"),
                Column::text("name").spare(3),
                Column::whole("projects"),
                Column::whole("accounts"),
                Column::whole("custodians").spare(2),
                Column::whole("entries").spare(1),
            ];
            let keys = ["organisation", "name", "projects", "accounts", "custodians", "entries"];
            emit_rows(app, "No organisations yet. Next: warifu org add NAME", &rows, &columns, &keys);
            Ok(())
        }
        OrgCommand::Show { slug } => {
            let vault = app.read_vault()?;
            let value = organisation(&vault, &vault.log(&slug)?);
            show(app, value);
            Ok(())
        }
    }
}

fn organisation(vault: &PublicVault, log: &Log) -> serde_json::Value {
    let state = &log.state;
    let custodians = state.people.values().filter(|p| p.role == crate::seal::card::Role::Custodian).count();
    json!({
        "organisation": state.slug,
        "name": state.name.and_then(|hash| vault.text(&state.id, &hash)),
        "id": state.id,
        "origin": state.origin,
        "projects": state.projects.len(),
        "accounts": state.accounts.len(),
        "custodians": custodians,
        "entries": state.size,
        "root": log.root(),
    })
}

/// `project …`.
pub fn project(app: &mut App<'_>, command: ProjectCommand) -> Result<(), CliError> {
    match command {
        ProjectCommand::Add { address, name } => add_project(app, &address, name.as_ref()),
        ProjectCommand::List { organisation } => {
            let (vault, log) = app.read_log(&organisation)?;
            let mut slugs: Vec<_> = log.state.projects.values().map(|p| p.slug.clone()).collect();
            slugs.sort();
            let rows: Vec<_> = slugs.iter().filter_map(|slug| project_value(&vault, &log, slug)).collect();
            let columns =
                [Column::whole("project"), Column::text("name").spare(1), Column::whole("accounts")];
            let empty = format!("No projects yet. Next: warifu project add {organisation}/NAME");
            emit_rows(app, &empty, &rows, &columns, &["project", "name", "accounts"]);
            Ok(())
        }
        ProjectCommand::Show { address } => {
            let (vault, log) = app.read_log(&address.organisation)?;
            let value = project_value(&vault, &log, &address.name)
                .ok_or_else(|| no_project(&log.state, &address.name))?;
            show(app, value);
            Ok(())
        }
    }
}

fn add_project(
    app: &mut App<'_>,
    address: &MemberAddress,
    name: Option<&DisplayName>,
) -> Result<(), CliError> {
    let mut vault = app.open_vault()?;
    app.check_ahead(vault.last_entry(&address.organisation)?, IDLE, None)?;
    let clock = app.clock;
    vault.add_project(address, name, &|| clock.now(), &mut app.rng)?;
    let text =
        format!("Created project {address}.\nNext: warifu account add {address}/NAME --id 123456789012");
    app.emit(json!({ "project": address.to_string() }), || text);
    Ok(())
}

fn project_value(vault: &PublicVault, log: &Log, slug: &Slug) -> Option<serde_json::Value> {
    let (id, project) = log.state.project_by_slug(slug)?;
    Some(json!({
        "project": log.state.project_address(project),
        "name": project.name.and_then(|hash| vault.text(&log.state.id, &hash)),
        "id": id,
        "accounts": log.state.accounts.values().filter(|a| a.project == *id).count(),
    }))
}

/// `account …`.
pub fn account(app: &mut App<'_>, command: AccountCommand) -> Result<(), CliError> {
    match command {
        AccountCommand::Add { address, id, provider, name } => {
            let mut vault = app.open_vault()?;
            app.check_ahead(vault.last_entry(&address.organisation)?, IDLE, None)?;
            let new = NewAccount {
                address: &address,
                name: name.as_ref(),
                provider: provider.clone(),
                external_id: &id,
            };
            let clock = app.clock;
            vault.add_account(&new, &|| clock.now(), &mut app.rng)?;
            let value = json!({ "address": address.to_string(), "provider": provider, "external_id": id });
            let log = vault.log(&address.organisation)?;
            let next = next::for_account(&log.state, &address, app.now());
            app.emit(value, || format!("Created account {address} ({provider} {id}).\nNext: {next}"));
            Ok(())
        }
        AccountCommand::List { scope } => {
            let rows = accounts(app, &scope)?;
            let value = serde_json::to_value(&rows).expect("a status has only strings, numbers and lists");
            let room = app.ui.columns();
            let empty = match &scope.project {
                Some(project) => format!(
                    "No accounts yet. Next: warifu account add {}/{project}/NAME --id ID",
                    scope.organisation
                ),
                None => format!("No accounts yet. Next: warifu account add {scope}/PROJECT/NAME --id ID"),
            };
            let overdue = overdue(&rows);
            app.emit_red(
                value,
                &overdue,
                || if rows.is_empty() { empty } else { account_table(&rows, room) },
            );
            Ok(())
        }
        AccountCommand::Rename { address, name } => {
            let (mut vault, mut log) = app.open_log(&address.organisation)?;
            vault.rename_account(&mut log, &address, &name, app.now(), &mut app.rng)?;
            let value = json!({ "address": address.to_string(), "name": name.as_str() });
            app.emit(value, || format!("Account {address} is called '{name}' from now on."));
            Ok(())
        }
        AccountCommand::Standing { address, standing } => {
            let (mut vault, mut log) = app.open_log(&address.organisation)?;
            let said = vault.set_standing(&mut log, &address, standing, app.now())?;
            let value = json!({ "address": address.to_string(), "standing": standing, "changed": said });
            app.emit(value, || match said {
                true => format!("Account {address} is {standing} from now on, by the word of this host."),
                false => format!("Account {address} is {standing} already: nothing was entered."),
            });
            Ok(())
        }
        AccountCommand::Baseline(args) => super::baseline::baseline(app, &args),
        AccountCommand::Show { address } => {
            let (vault, log) = app.read_log(&address.organisation)?;
            let value = account_value(&vault, &log, &address, app.now())?;
            show(app, value);
            Ok(())
        }
    }
}

/// An account's status, with its id and every version.
fn account_value(
    vault: &PublicVault,
    log: &Log,
    address: &AccountAddress,
    app_now: Time,
) -> Result<serde_json::Value, CliError> {
    let state = &log.state;
    let (id, found) = find_account(state, address)?;
    let mut value = serde_json::to_value(vault.account_status(state, (&id, found), app_now))
        .expect("a status has only strings, numbers and lists");
    let factors: Vec<_> =
        Factor::ALL.into_iter().filter_map(|f| vault.factor_status(state, &id, f)).collect();
    let version = |(credential, v): (&Hash, &Version)| {
        let group = state.groups.get(&v.sealing.group).map(|g| state.group_address(g));
        json!({
            "factor": v.sealing.factor, "version": v.sealing.version, "sealed": v.sealed, "group": group,
            "made": v.sealing.made, "shown": v.sealing.shown, "place": state.place_of(credential),
            "exposed": v.exposed, "exposed_to_host": v.exposed_to_host, "weakened": state.weakened(credential),
        })
    };
    let of = |factor| state.versions_of(&id, factor).into_iter().map(version);
    let versions: Vec<_> = Factor::ALL.into_iter().flat_map(of).collect();
    if let Some(object) = value.as_object_mut() {
        object.insert("id".to_owned(), json!(id));
        object.insert("factors".to_owned(), json!(factors));
        object.insert("versions".to_owned(), json!(versions));
    }
    Ok(value)
}

fn accounts(app: &mut App<'_>, scope: &ScopeAddress) -> Result<Vec<AccountStatus>, CliError> {
    let (vault, log) = app.read_log(&scope.organisation)?;
    let now = app.now();
    let project = match &scope.project {
        Some(slug) => Some(
            log.state.project_by_slug(slug).map(|(id, _)| *id).ok_or_else(|| no_project(&log.state, slug))?,
        ),
        None => None,
    };
    let wanted = log.state.accounts.iter().filter(|(_, a)| project.is_none_or(|p| a.project == p));
    let wanted = wanted.filter(|(_, a)| scope.account.as_ref().is_none_or(|slug| a.slug == *slug));
    let mut rows: Vec<_> = wanted.map(|(id, a)| vault.account_status(&log.state, (id, a), now)).collect();
    rows.sort_by(|a, b| (a.urgency(), &a.address).cmp(&(b.urgency(), &b.address)));
    Ok(rows)
}

/// Accounts that should have been renewed by now.
pub fn overdue(rows: &[AccountStatus]) -> Vec<String> {
    rows.iter().filter(|row| row.overdue).map(|row| row.address.clone()).collect()
}

/// Accounts as a table.
pub fn account_table(rows: &[AccountStatus], room: Option<usize>) -> String {
    table(
        &[
            Column::whole("account"),
            Column::text("name").spare(3),
            Column::whole("provider").spare(2),
            Column::whole("id").spare(4),
            Column::whole("group").spare(1),
            Column::whole("version"),
            Column::text("state"),
        ],
        rows.iter().map(|row| {
            vec![
                row.address.clone(),
                row.name.clone().unwrap_or_default(),
                row.provider.clone(),
                row.external_id.clone(),
                row.group.clone().unwrap_or_else(|| "-".to_owned()),
                row.version.map_or("-".to_owned(), |v| v.to_string()),
                account_state(row),
            ]
        }),
        room,
    )
}

fn account_state(row: &AccountStatus) -> String {
    let state = state_of_version(row);
    // Where nothing is sealed the state says it already.
    if row.standing.in_use() || row.version.is_none() { state } else { format!("{state}; {}", row.standing) }
}

fn state_of_version(row: &AccountStatus) -> String {
    let now = match row.state {
        AccountState::Exposed => {
            let by = row.rotate_by.map(|by| format!(" by {}", by.to_minute())).unwrap_or_default();
            let over = if row.overdue { ", OVERDUE" } else { "" };
            let since = row.exposed.map(|t| t.to_minute()).unwrap_or_default();
            format!("EXPOSED since {since}: rotate it{by}{over}")
        }
        AccountState::Sealed if row.overdue => "sealed; OVERDUE: rotate it".to_owned(),
        AccountState::Weakened => format!("weakened ({})", row.weakened),
        other => other.as_str().to_owned(),
    };
    let now = match row.pending {
        Some(version) => format!("{now}; rotation to version {version} not settled"),
        None => now,
    };
    if row.older_exposed.is_empty() {
        return now;
    }
    let older = row.older_exposed.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    format!("{now}; exposed before: version {older}")
}

/// A list: these fields of each row, one a column; or what makes a row.
fn emit_rows(app: &mut App<'_>, empty: &str, rows: &[serde_json::Value], columns: &[Column], keys: &[&str]) {
    let room = app.ui.columns();
    app.emit(json!(rows), || {
        let cells = |row: &serde_json::Value| keys.iter().map(|key| text(&row[*key])).collect();
        table_or(empty, columns, rows.iter().map(cells), room)
    });
}

/// A JSON value as a cell.
pub fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// One object, a field a line.
pub fn show(app: &mut App<'_>, value: serde_json::Value) {
    let for_people = value.clone();
    show_as(app, value, &for_people);
}

/// One object, with what people read instead of it.
pub fn show_as(app: &mut App<'_>, value: serde_json::Value, for_people: &serde_json::Value) {
    let room = app.ui.columns().unwrap_or(usize::MAX);
    let lines = for_people.as_object().map(|object| {
        let width = object.keys().map(String::len).max().unwrap_or(0) + 2;
        let field = |(key, value): (&String, &serde_json::Value)| {
            let items = nested(value);
            let lines: Vec<_> =
                items.iter().flat_map(|item| table::indented(&printable(item), width, room)).collect();
            format!("{key:<width$}{}", lines.join("\n").trim_start()).trim_end().to_owned()
        };
        object.iter().map(field).collect::<Vec<_>>().join("\n")
    });
    app.emit(value, || lines.unwrap_or_default());
}

/// A field's lines: a list has one for each item.
fn nested(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(nested).collect(),
        serde_json::Value::Object(fields) => {
            let shown = fields.iter().filter(|(_, v)| !v.is_null());
            vec![shown.map(|(key, value)| format!("{key} {}", minutes(value))).collect::<Vec<_>>().join(", ")]
        }
        other => vec![minutes(other)],
    }
}

/// A JSON value for people, who get times without their milliseconds.
pub fn minutes(value: &serde_json::Value) -> String {
    let text = text(value);
    Time::parse(&text).map_or(text, Time::to_minute)
}
