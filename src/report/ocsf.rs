//! The audit log as events of OCSF 1.8.0, one an entry, for a SIEM.
//!
//! The whole mapping stands in this file, because the next version of the
//! schema will move classes about. Which class, activity and severity a kind
//! of entry has is said in `mapped`, in the order of [`Event`]. No entry is
//! verified here, and none is left out: a kind of a newer version becomes a
//! base event.
//!
//! Free text is resolved in one place alone, `comment`: the reason of a
//! ceremony, while its record exists. Fields of an entry that have no place in
//! the schema stand in `unmapped` under their own names.

use crate::event::{
    Accepts, Actor, Admission, BaselineWord, Because, CheckedGroup, DrillAnswer, Ending, Entry, EntryError,
    Event, GroupEpoch, Hash, Line, Mode, Opening, Reconciliation, RecoverabilityCheck, Refusal, Renewal,
    ReshareOpening, RotationPolicy, Scope, Sealing, TextHash, printable,
};
use crate::log::entry::EntryBytes;
use crate::name::{AccountId, Factor, GroupId, Pseudonym, Recipient};
use crate::seal::card::Role;
use crate::state::{Ceremony, Organisation, Past};
use crate::time::Time;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// Where an entry stands, and what may be looked up for it.
pub struct Source<'a> {
    /// Origin of its log.
    pub origin: &'a str,
    /// What the log adds up to, at this entry or later: an entry names only what
    /// stands before it, and that keeps its names. `None` for the vault's own log.
    pub state: Option<&'a Organisation>,
    /// The ceremonies that the entries before it, and itself, tell of.
    pub past: &'a Past,
    /// The text behind a hash, unless it was erased.
    pub text: &'a dyn Fn(&TextHash) -> Option<String>,
}

/// An entry as an event, with what a transport wants to know of it.
pub struct Ocsf {
    /// The event.
    pub value: Value,
    /// Kind of the entry.
    pub kind: String,
    /// Time of the entry.
    pub time: Time,
    /// How severe it is.
    pub severity: Severity,
}

/// `severity_id`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing to do.
    Informational = 1,
    /// Somebody should know of it.
    Low = 2,
    /// Somebody has to do something, in time.
    Medium = 3,
    /// Somebody has to look at once.
    High = 4,
}

impl Severity {
    fn caption(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

/// A class of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Base,
    AccountChange,
    Authentication,
    EntityManagement,
}

impl Class {
    fn uid(self) -> u64 {
        match self {
            Self::Base => 0,
            Self::AccountChange => 3001,
            Self::Authentication => 3002,
            Self::EntityManagement => 3004,
        }
    }

    fn caption(self) -> &'static str {
        match self {
            Self::Base => "Base Event",
            Self::AccountChange => "Account Change",
            Self::Authentication => "Authentication",
            Self::EntityManagement => "Entity Management",
        }
    }

    fn category(self) -> (u64, &'static str) {
        match self {
            Self::Base => (0, "Uncategorized"),
            _ => (3, "Identity & Access Management"),
        }
    }
}

/// What was done, within its class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Activity {
    Create,
    Read,
    Update,
    Delete,
    Enrol,
    Unenrol,
    Logon,
    PasswordChange,
    FactorEnable,
    Enable,
    Disable,
    AccountDelete,
    Other,
}

impl Activity {
    /// Class, `activity_id` in it, and its caption.
    fn place(self) -> (Class, u64, &'static str) {
        match self {
            Self::Create => (Class::EntityManagement, 1, "Create"),
            Self::Read => (Class::EntityManagement, 2, "Read"),
            Self::Update => (Class::EntityManagement, 3, "Update"),
            Self::Delete => (Class::EntityManagement, 4, "Delete"),
            Self::Enrol => (Class::EntityManagement, 6, "Enroll"),
            Self::Unenrol => (Class::EntityManagement, 7, "Unenroll"),
            Self::Logon => (Class::Authentication, 1, "Logon"),
            Self::PasswordChange => (Class::AccountChange, 3, "Password Change"),
            Self::FactorEnable => (Class::AccountChange, 10, "MFA Factor Enable"),
            Self::Enable => (Class::AccountChange, 2, "Enable"),
            Self::Disable => (Class::AccountChange, 5, "Disable"),
            Self::AccountDelete => (Class::AccountChange, 6, "Delete"),
            Self::Other => (Class::Base, 99, "Other"),
        }
    }
}

/// `status_id`, and the source's own word where the schema has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Success,
    Failure,
    Other(&'static str),
}

/// What an event says beyond what every event says.
struct Mapped {
    activity: Activity,
    severity: Severity,
    status: Status,
    /// Why, where something failed.
    detail: Option<&'static str>,
    /// For people.
    message: String,
    ceremony: Option<Hash>,
    /// `entity`, `user` and whatever else the class has.
    subject: Value,
    /// Fields of the entry whose values stand elsewhere in the event.
    taken: &'static [&'static str],
}

/// An entry as an event. Refused is what is not an entry at all.
pub fn event(source: &Source<'_>, index: u64, line: &EntryBytes) -> Result<Ocsf, EntryError> {
    let (kind, time, actor, mapped) = match Entry::from_line(line)? {
        Line::Known(entry) => {
            let mapped = mapped(source, &entry.event);
            (entry.event.kind().to_owned(), entry.time, entry.actor, mapped)
        }
        Line::Unknown { kind, time, actor } => {
            let mapped = newer(&kind);
            (kind, time, actor, mapped)
        }
    };
    let (class, activity_id, activity) = mapped.activity.place();
    let (category_uid, category) = class.category();
    let (status_id, status) = match mapped.status {
        Status::Success => (1, "Success"),
        Status::Failure => (2, "Failure"),
        Status::Other(word) => (99, word),
    };
    let common = json!({
        "class_uid": class.uid(),
        "class_name": class.caption(),
        "category_uid": category_uid,
        "category_name": category,
        "activity_id": activity_id,
        "activity_name": if mapped.activity == Activity::Other { &kind } else { activity },
        "type_uid": class.uid() * 100 + activity_id,
        "type_name": format!("{}: {activity}", class.caption()),
        "time": time.millis(),
        "timezone_offset": 0,
        "severity_id": mapped.severity as u8,
        "severity": mapped.severity.caption(),
        "status_id": status_id,
        "status": status,
        "status_code": mapped.detail,
        "status_detail": mapped.detail,
        "message": mapped.message,
        "metadata": metadata(source, index, &kind, time, mapped.ceremony.as_ref()),
        "actor": (class != Class::Base).then(|| by(source, &actor)),
        "comment": (class == Class::EntityManagement).then(|| comment(source, mapped.ceremony.as_ref())),
    });
    let rest = unmapped(line, &kind, &actor, class, mapped.taken);
    let value = present([common, mapped.subject, json!({ "unmapped": rest })]);
    Ok(Ocsf { value, kind, time, severity: mapped.severity })
}

fn metadata(source: &Source<'_>, index: u64, kind: &str, time: Time, ceremony: Option<&Hash>) -> Value {
    json!({
        "version": VERSION,
        "product": { "name": "warifu", "vendor_name": "warifu", "version": env!("CARGO_PKG_VERSION") },
        "uid": format!("{}#{index}", source.origin),
        "log_name": source.origin,
        "sequence": index,
        "event_code": kind,
        "correlation_uid": ceremony,
        "original_time": time,
    })
}

/// The reason of a ceremony, as everybody could read it then.
fn comment(source: &Source<'_>, ceremony: Option<&Hash>) -> Option<String> {
    let reason = source.ceremony(ceremony?)?.reason;
    (source.text)(&reason).map(|text| printable(&text))
}

/// What of the entry has no place in the schema, and its leaf hash, which ties
/// the event to the tree.
fn unmapped(line: &EntryBytes, kind: &str, actor: &Actor, class: Class, taken: &[&str]) -> Value {
    let mut whole: Value = serde_json::from_str(line.as_str()).unwrap_or_default();
    let body = whole.get_mut("event").and_then(|event| event.get_mut(kind)).map(Value::take);
    let mut rest = Map::new();
    rest.insert("leaf".to_owned(), json!(line.leaf_hash()));
    if class == Class::Base {
        rest.insert("actor".to_owned(), json!(actor));
    }
    let fields = body.and_then(|body| body.as_object().cloned()).unwrap_or_default();
    rest.extend(fields.into_iter().filter(|(name, _)| !taken.contains(&name.as_str())));
    Value::Object(rest)
}

/// One object of several, without members that are null.
fn present<const N: usize>(parts: [Value; N]) -> Value {
    fn pruned(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let kept = members.into_iter().filter(|(_, member)| !member.is_null());
                Value::Object(kept.map(|(name, member)| (name, pruned(member))).collect())
            }
            other => other,
        }
    }
    let objects = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    pruned(Value::Object(objects.flatten().collect()))
}

/// A kind that this version does not know.
fn newer(kind: &str) -> Mapped {
    Mapped {
        activity: Activity::Other,
        severity: Severity::Informational,
        status: Status::Other("Unknown"),
        detail: None,
        message: format!("An entry of a kind that this version does not know: {kind}"),
        ceremony: None,
        subject: Value::Null,
        taken: &[],
    }
}

/// Which event each kind is. No other function decides one. Long, because it
/// is a table.
fn mapped(source: &Source<'_>, event: &Event) -> Mapped {
    match event {
        Event::VaultCreated { vault, origin, .. } => Mapped {
            taken: &["vault", "origin"],
            ..entity(
                Activity::Create,
                Severity::Informational,
                format!("The vault of {origin} was made"),
                json!({ "type": "Vault", "type_id": 99, "uid": vault, "name": origin }),
            )
        },
        Event::OrganisationAdded { organisation, slug, .. } => Mapped {
            taken: &["organisation", "slug"],
            ..entity(
                Activity::Create,
                Severity::Informational,
                format!("Organisation {slug} was added to the vault"),
                organisation_entity(organisation, slug.as_str()),
            )
        },
        Event::OrganisationCreated { organisation, slug, .. } => Mapped {
            taken: &["organisation", "slug", "origin"],
            ..entity(
                Activity::Create,
                Severity::Informational,
                format!("The log of organisation {slug} was begun"),
                organisation_entity(organisation, slug.as_str()),
            )
        },
        Event::KeeperEnrolled(keeper) => Mapped {
            taken: &["pseudonym"],
            ..entity(
                Activity::Enrol,
                Severity::Low,
                format!("Keeper {} was enrolled", keeper.pseudonym),
                json!({ "type": "Keeper", "type_id": 99, "uid": keeper.sign_key, "name": keeper.pseudonym }),
            )
        },
        // Whoever can bring the root back needs no ceremony for anything sealed:
        // one that nobody expects has to be looked at.
        Event::GateRootDealt(dealt) => Mapped {
            taken: &["gate_epoch", "group", "dealing"],
            ..entity(
                Activity::Create,
                Severity::Medium,
                format!("The root of the gate's epoch {} was dealt to the recovery group", dealt.gate_epoch),
                json!({
                    "type": "Dealing", "type_id": 99, "uid": dealt.dealing,
                    "data": { "gate_epoch": dealt.gate_epoch, "group": dealt.group },
                }),
            )
        },
        Event::KeepersNamed(group) => Mapped {
            taken: &["group", "slug", "epoch", "threshold"],
            ..entity(
                Activity::Update,
                Severity::Medium,
                format!(
                    "The vault's recovery group is named: {} of {} keepers can sign for what is lost of this log",
                    group.threshold,
                    group.members.len()
                ),
                json!({
                    "type": "Group", "type_id": 3, "uid": group.group, "name": group.slug,
                    "version": group.epoch.to_string(), "group": { "name": group.slug, "uid": group.group },
                    "data": { "threshold": group.threshold },
                }),
            )
        },
        // Something that was on record is not any more: whoever hears of it compares.
        Event::RestoredWithGap(entry) => Mapped {
            taken: &["gap"],
            ..entity(
                Activity::Update,
                Severity::High,
                format!(
                    "The log was restored with {} entries after a dead host; {} that somebody had seen are lost, and {} keepers of the recovery group signed for that",
                    entry.gap.restored.size,
                    entry.gap.missing(),
                    entry.signers().len()
                ),
                json!({
                    "type": "Log", "type_id": 99, "uid": entry.gap.log, "name": "the log",
                    "data": { "gap": entry.gap },
                }),
            )
        },
        Event::ProjectCreated { project, slug, .. } => {
            let address = source.state.map_or_else(|| slug.to_string(), |s| format!("{}/{slug}", s.slug));
            Mapped {
                taken: &["project", "slug"],
                ..entity(
                    Activity::Create,
                    Severity::Informational,
                    format!("Project {address} was entered"),
                    json!({ "type": "Project", "type_id": 99, "uid": project, "name": address }),
                )
            }
        }
        Event::AccountCreated { account, provider, external_id, .. } => {
            let address = source.address(account);
            let data = json!({ "provider": provider, "external_id": external_id });
            Mapped {
                taken: &["account", "slug", "provider", "external_id"],
                ..entity(
                    Activity::Create,
                    Severity::Informational,
                    format!("Account {address} was entered"),
                    json!({ "type": "Account", "type_id": 99, "uid": account, "name": address, "data": data }),
                )
            }
        }
        Event::AccountRenamed { account, .. } => {
            let address = source.address(account);
            Mapped {
                taken: &["account"],
                ..entity(
                    Activity::Update,
                    Severity::Informational,
                    format!("Account {address} has another display name"),
                    json!({ "type": "Account", "type_id": 99, "uid": account, "name": address }),
                )
            }
        }
        Event::AccountStandingSet { account, standing } => {
            let address = source.address(account);
            Mapped {
                taken: &["account", "standing"],
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    format!("Account {address} is {standing} by the host's word"),
                    json!({
                        "type": "Account", "type_id": 99, "uid": account, "name": address,
                        "data": { "standing": standing },
                    }),
                )
            }
        }
        Event::BaselineStated(said) => {
            let address = source.address(&said.account);
            let (severity, fact, word) = match said.word {
                BaselineWord::Stated => (Severity::Low, said.fact, "stated"),
                BaselineWord::Withdrawn => (Severity::Medium, said.fact, "withdrawn"),
            };
            Mapped {
                taken: &["account", "fact", "word"],
                detail: Some(word),
                ..entity(
                    Activity::Update,
                    severity,
                    format!("For the baseline of {address}, {fact} was {word} by {}", said.by),
                    json!({
                        "type": "Account", "type_id": 99, "uid": said.account, "name": address,
                        "data": { "fact": fact },
                    }),
                )
            }
        }
        Event::CardEnrolled(enrolment) => Mapped {
            activity: Activity::FactorEnable,
            severity: Severity::Low,
            status: Status::Success,
            detail: None,
            message: format!("{} {} was enrolled", role(enrolment.role), enrolment.pseudonym),
            ceremony: None,
            subject: json!({
                "user": person(&enrolment.pseudonym, role(enrolment.role)),
                "auth_factors": totp(),
            }),
            taken: &["role", "pseudonym"],
        },
        Event::CardSuspended(entry) => Mapped {
            taken: &["custodian", "by"],
            ..of_card(
                (Activity::Disable, Severity::Medium),
                format!("The card of custodian {} was suspended by {}", entry.custodian, entry.by),
                &entry.custodian,
            )
        },
        Event::CardResumed(entry) => of_card(
            (Activity::Enable, Severity::Medium),
            format!("The card of custodian {} counts again", entry.custodian),
            &entry.custodian,
        ),
        Event::CardRevoked(entry) => of_card(
            (Activity::AccountDelete, Severity::High),
            format!("The card of custodian {} was revoked", entry.custodian),
            &entry.custodian,
        ),
        Event::AuthenticatorReplaced(entry) => of_card(
            (Activity::FactorEnable, Severity::Medium),
            format!("Custodian {} has another authenticator", entry.custodian),
            &entry.custodian,
        ),
        // From now on somebody who is there has fourteen days to say so.
        Event::AbandonmentBegun(notice) => {
            let name = source.group(&notice.group);
            let shown = name.clone().unwrap_or_else(|| notice.group.to_string());
            Mapped {
                taken: &["group", "epoch"],
                ..entity(
                    Activity::Update,
                    Severity::High,
                    format!(
                        "Notice was given that group {shown} can no longer reach its threshold: any member can veto within 14 days"
                    ),
                    json!({
                        "type": "Group", "type_id": 3, "uid": notice.group, "name": name,
                        "version": notice.epoch.to_string(), "group": { "name": name, "uid": notice.group },
                    }),
                )
            }
        }
        Event::AbandonmentVetoed(veto) => {
            let name = source.group(&veto.group);
            let shown = name.clone().unwrap_or_else(|| veto.group.to_string());
            Mapped {
                taken: &["group", "custodian"],
                ..entity(
                    Activity::Update,
                    Severity::Medium,
                    format!("{} vetoed that group {shown} is abandoned", veto.custodian),
                    json!({
                        "type": "Group", "type_id": 3, "uid": veto.group, "name": name,
                        "group": { "name": name, "uid": veto.group }, "data": { "custodian": veto.custodian },
                    }),
                )
            }
        }
        Event::GroupFormed(group) => {
            let name = source.group(&group.group).unwrap_or_else(|| group.slug.to_string());
            let members: Vec<_> = group.members.iter().map(|m| &m.pseudonym).collect();
            Mapped {
                taken: &["group", "slug", "epoch", "threshold"],
                ..entity(
                    Activity::Create,
                    Severity::Low,
                    format!("Group {name} was formed: {} of {}", group.threshold, members.len()),
                    json!({
                        "type": "Group", "type_id": 3, "uid": group.group, "name": name,
                        "version": group.epoch.to_string(),
                        "group": { "name": name, "uid": group.group },
                        "data": { "threshold": group.threshold, "members": members },
                    }),
                )
            }
        }
        Event::GroupRenewed(renewal) => renewed(source, renewal),
        Event::ReshareOpened(opening) => reshare_opened(source, opening),
        Event::RedealingRejected(rejected) => {
            let (_, name) = source.version(&rejected.credential);
            let who = &rejected.custodian;
            Mapped {
                taken: &["ceremony", "custodian"],
                status: Status::Failure,
                detail: Some("redealing-rejected"),
                ceremony: Some(rejected.ceremony),
                ..entity(
                    Activity::Update,
                    Severity::High,
                    format!("What {who} dealt again of {name} does not prove itself"),
                    json!({ "type": "Re-dealing", "type_id": 99, "name": who, "data": { "of": name } }),
                )
            }
        }
        Event::Reshared(done) => {
            let names: Vec<_> = done.versions.iter().map(|one| source.version(&one.credential).1).collect();
            let mut of = ceremony_entity(&done.ceremony);
            of.insert("data".to_owned(), json!({ "versions": names }));
            let (count, by) = (names.len(), done.contributors.len());
            Mapped {
                taken: &["ceremony"],
                ceremony: Some(done.ceremony),
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    format!("{count} sealed versions were handed to another group by {by} custodians"),
                    Value::Object(of),
                )
            }
        }
        Event::DealingsDestroyed(gone) => Mapped {
            taken: &["dealings"],
            ..entity(
                Activity::Delete,
                Severity::Informational,
                format!("{} dealings that others have replaced were destroyed", gone.dealings.len()),
                json!({ "type": "Dealing", "type_id": 99, "name": "replaced dealings", "data": { "dealings": gone.dealings } }),
            )
        },
        Event::OperatorAdmitted(admission) => {
            let group = source.group(&admission.group);
            let digest = source.admission(admission);
            Mapped {
                taken: &["operator", "group", "expires"],
                ..entity(
                    Activity::Enrol,
                    Severity::Low,
                    format!(
                        "Operator {} was admitted to {} until {}",
                        admission.operator,
                        group.as_deref().unwrap_or("a group"),
                        admission.expires.to_minute()
                    ),
                    json!({
                        "type": "Admission", "type_id": 99, "uid": digest, "name": admission.operator,
                        "data": { "group": group, "expires": admission.expires },
                    }),
                )
            }
        }
        // Whose it was is said by the event of the admission, which has the same uid.
        Event::AdmissionRevoked { admission, custodian, .. } => Mapped {
            taken: &["admission", "custodian"],
            ..entity(
                Activity::Unenrol,
                Severity::Low,
                format!("Custodian {custodian} took admission {} back", admission.short()),
                json!({ "type": "Admission", "type_id": 99, "uid": admission }),
            )
        },
        Event::Bound(binding) => {
            let group = source.group(&binding.group);
            let data = json!({ "group": group, "factor": binding.factor, "serial": binding.serial });
            let (of, name) = source.scope(&binding.scope, &data);
            Mapped {
                taken: &["serial", "scope", "factor", "group"],
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    match (binding.factor, group.as_deref().unwrap_or("a group")) {
                        (Factor::Identity, group) => {
                            format!("Who the owners of {name}'s cards are is held by {group} from now on")
                        }
                        (_, group) => format!("What {name} seals is held by {group} from now on"),
                    },
                    of,
                )
            }
        }
        Event::WitnessPolicySet(set) => {
            let name = source.group(&set.group);
            let shown = name.as_deref().unwrap_or("a group");
            Mapped {
                taken: &["group", "epoch", "serial"],
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    format!("Releases of what {shown} holds wait for its witness policy {}", set.serial),
                    json!({
                        "type": "Group", "type_id": 3, "uid": set.group, "name": name,
                        "version": set.epoch.to_string(),
                        "group": { "name": name, "uid": set.group },
                        "data": { "witness_policy": set.serial },
                    }),
                )
            }
        }
        Event::DrillPolicySet(set) => {
            let name = source.group(&set.group);
            let shown = name.as_deref().unwrap_or("a group");
            Mapped {
                taken: &["group", "epoch", "serial", "every_days"],
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    format!(
                        "Members of {shown} are to prove every {} days that their cards are there",
                        set.every_days
                    ),
                    json!({
                        "type": "Group", "type_id": 3, "uid": set.group, "name": name,
                        "version": set.epoch.to_string(),
                        "group": { "name": name, "uid": set.group },
                        "data": { "drill_policy": set.serial, "every_days": set.every_days },
                    }),
                )
            }
        }
        Event::SealBegun { origin, account, version, .. } => {
            let address = source.address(account);
            Mapped {
                taken: &["origin", "version"],
                ..entity(
                    Activity::Create,
                    Severity::Informational,
                    format!("Sealing {address} version {version} was begun"),
                    json!({
                        "type": "Dealing", "type_id": 99, "uid": origin, "name": address,
                        "version": version.to_string(),
                    }),
                )
            }
        }
        Event::Sealed(sealing) if sealing.factor == Factor::Password => sealed(sealing),
        // No password was changed by it.
        Event::Sealed(sealing) => {
            let (of, name) = source.version(&sealing.credential);
            Mapped {
                taken: &["credential", "address"],
                ..entity(Activity::Create, Severity::Informational, format!("{name} was sealed"), of)
            }
        }
        Event::IdentitySealed(sealing) => {
            let (of, name) = source.version(&sealing.credential);
            let message = format!("{name} was sealed for the roster group, signed by {}", sealing.pseudonym);
            Mapped {
                taken: &["credential", "pseudonym"],
                ..entity(Activity::Create, Severity::Informational, message, of)
            }
        }
        Event::Opened(opening) => Mapped {
            taken: &["ceremony", "operator", "count", "expires", "mode"],
            ceremony: Some(opening.ceremony),
            ..entity(
                Activity::Create,
                Severity::Low,
                format!(
                    "Operator {} opened a ceremony until {}",
                    opening.operator,
                    opening.expires.to_minute()
                ),
                opened_entity(opening),
            )
        },
        Event::Targeted { ceremony, credentials, .. } => {
            let targets: Vec<_> = credentials.iter().map(|credential| source.version(credential).1).collect();
            let mut of = ceremony_entity(ceremony);
            of.insert("data".to_owned(), json!({ "targets": targets }));
            Mapped {
                taken: &["ceremony"],
                ceremony: Some(*ceremony),
                ..entity(
                    Activity::Update,
                    Severity::Informational,
                    format!("The ceremony is for {}", targets.join(", ")),
                    Value::Object(of),
                )
            }
        }
        Event::Accepted(acceptance) => Mapped {
            taken: &["ceremony", "custodian"],
            ..authentication(source, &acceptance.ceremony, &acceptance.custodian, None)
        },
        Event::Refused { ceremony, custodian, why, .. } => Mapped {
            taken: &["ceremony", "custodian", "why"],
            ..authentication(source, ceremony, custodian, Some(*why))
        },
        Event::Released { ceremony, credential, custodians, .. } => {
            let (of, name) = source.version(credential);
            let to = match source.state.and_then(|state| state.begun(credential)) {
                Some(begun) if begun.factor.recipient() == Recipient::Gate => "the host could know it now",
                Some(begun) if begun.factor == Factor::Identity => "who that is was disclosed",
                _ => "it is exposed",
            };
            Mapped {
                taken: &["ceremony", "credential"],
                ceremony: Some(*ceremony),
                ..entity(
                    Activity::Read,
                    Severity::Medium,
                    format!("{name} was released by {} custodians: {to}", custodians.len()),
                    of,
                )
            }
        }
        Event::DrillBegun { group, epoch, until, .. } => {
            let name = source.group(group);
            let shown = name.as_deref().unwrap_or("a group");
            Mapped {
                taken: &["group", "epoch"],
                ..entity(
                    Activity::Create,
                    Severity::Informational,
                    format!("A drill of {shown} began; it ends at {}", until.to_minute()),
                    json!({
                        "type": "Group", "type_id": 3, "uid": group, "name": name,
                        "version": epoch.to_string(), "group": { "name": name, "uid": group },
                    }),
                )
            }
        }
        Event::GateEpochBegun(next) => Mapped {
            taken: &[],
            ..entity(
                Activity::Update,
                Severity::Medium,
                format!("Epoch {} of the gate began: its key signs the log from here on", next.gate.epoch),
                json!({ "type": "Gate", "type_id": 99, "name": "the gate", "version": next.gate.epoch.to_string() }),
            )
        },
        Event::AuthenticatorResealed { pseudonym, .. } => Mapped {
            taken: &["pseudonym"],
            ..entity(
                Activity::Update,
                Severity::Informational,
                format!(
                    "The authenticator's secret of {pseudonym} was encrypted under the gate's present key"
                ),
                json!({ "type": "Authenticator", "type_id": 99, "name": pseudonym }),
            )
        },
        Event::GateProved { gate_epoch, .. } => Mapped {
            taken: &["gate_epoch"],
            ..entity(
                Activity::Read,
                Severity::Informational,
                format!("The gate proved that it has the key of epoch {gate_epoch}"),
                json!({ "type": "Gate", "type_id": 99, "name": "the gate", "version": gate_epoch.to_string() }),
            )
        },
        Event::CustodianProved { answer, .. } => drilled(source, answer, None),
        Event::DrillRefused { answer, why } => {
            Mapped { taken: &["why"], ..drilled(source, answer, Some(*why)) }
        }
        Event::ShareRejected { ceremony, target, custodian, .. } => {
            let (_, name) = source.target(ceremony, *target);
            Mapped {
                taken: &["ceremony", "custodian"],
                status: Status::Failure,
                detail: Some("share-rejected"),
                ceremony: Some(*ceremony),
                ..entity(
                    Activity::Update,
                    Severity::High,
                    format!("The share of {custodian} in {name} does not prove itself"),
                    json!({ "type": "Share", "type_id": 99, "name": custodian, "data": { "of": name } }),
                )
            }
        }
        Event::Revealed { ceremony, target, shown, .. } => {
            let (of, name) = source.target(ceremony, *target);
            Mapped {
                taken: &["ceremony"],
                ceremony: Some(*ceremony),
                ..entity(
                    Activity::Read,
                    Severity::Medium,
                    format!("{name} was opened, shown to: {}", shown.as_str()),
                    of,
                )
            }
        }
        Event::Ended { ceremony, how } => ended(ceremony, *how),
        Event::Reconciled(found) => reconciled(source, found),
        Event::RecoverabilityChecked(found) => recoverability_checked(source, found),
        Event::CodeGiven { ceremony, target, codes, shown, .. } => {
            let (of, name) = source.target(ceremony, *target);
            Mapped {
                taken: &["ceremony"],
                ceremony: Some(*ceremony),
                ..entity(
                    Activity::Read,
                    Severity::Medium,
                    format!("{codes} codes of {name} were given, shown to: {}", shown.as_str()),
                    of,
                )
            }
        }
        Event::RotationPolicySet(set) => rotation_policy_set(source, set),
        Event::RotationBegun(begun) => {
            let (of, name) = source.version(&begun.old);
            Mapped {
                taken: &["ceremony", "old"],
                ceremony: Some(begun.ceremony),
                ..entity(
                    Activity::Update,
                    Severity::Low,
                    format!("{name} is about to be replaced by {}", source.version(&begun.new).1),
                    of,
                )
            }
        }
        Event::RotationSettled(settled) => {
            let (of, name) = source.version(&settled.credential);
            let (severity, detail, said) = match settled.accepts {
                Accepts::New => (Severity::Informational, "new", "is current from now on"),
                Accepts::Old => (Severity::Low, "old", "was not accepted by the provider"),
            };
            Mapped {
                taken: &["ceremony", "credential", "accepts"],
                detail: Some(detail),
                ceremony: Some(settled.ceremony),
                ..entity(Activity::Update, severity, format!("{name} {said}"), of)
            }
        }
        Event::Destroyed(gone) => {
            let (of, name) = source.version(&gone.credential);
            let severity = if gone.why == Because::Rotated { Severity::Informational } else { Severity::Low };
            Mapped {
                taken: &["credential", "why"],
                detail: Some(gone.why.as_str()),
                ..entity(
                    Activity::Delete,
                    severity,
                    format!("{name} was destroyed: {}", gone.why.as_str()),
                    of,
                )
            }
        }
    }
}

fn rotation_policy_set(source: &Source<'_>, set: &RotationPolicy) -> Mapped {
    let (of, name) = source.scope(&set.scope, &json!({ "rotation_policy": set.serial }));
    Mapped {
        taken: &["serial", "scope"],
        ..entity(
            Activity::Update,
            Severity::Low,
            match set.factor {
                None => format!("What {name} holds is renewed by rotation policy {} from now on", set.serial),
                Some(factor) => format!(
                    "What {name} holds as {factor} is renewed by rotation policy {} from now on",
                    set.serial
                ),
            },
            of,
        )
    }
}

fn entity(activity: Activity, severity: Severity, message: String, of: Value) -> Mapped {
    Mapped {
        activity,
        severity,
        status: Status::Success,
        detail: None,
        message,
        ceremony: None,
        subject: json!({ "entity": of }),
        taken: &[],
    }
}

/// What became of a custodian's card.
fn of_card((activity, severity): (Activity, Severity), message: String, who: &Pseudonym) -> Mapped {
    Mapped {
        activity,
        severity,
        status: Status::Success,
        detail: None,
        message,
        ceremony: None,
        subject: json!({
            "user": person(who, role(Role::Custodian)),
            "auth_factors": if activity == Activity::FactorEnable { totp() } else { Value::Null },
        }),
        taken: &["custodian"],
    }
}

/// A new password of the account's root user.
fn sealed(sealing: &Sealing) -> Mapped {
    Mapped {
        activity: Activity::PasswordChange,
        severity: Severity::Informational,
        status: Status::Success,
        detail: None,
        message: format!("{} version {} was sealed", sealing.address, sealing.version),
        ceremony: None,
        subject: json!({ "user": {
            "name": sealing.address, "uid": sealing.account, "type": "Admin", "type_id": 2,
            "account": {
                "name": sealing.address, "uid": sealing.external_id, "type": sealing.provider, "type_id": 99,
            },
        }}),
        taken: &["account", "address", "provider", "external_id"],
    }
}

fn ended(ceremony: &Hash, how: Ending) -> Mapped {
    let (severity, status, word) = match how {
        Ending::Closed => (Severity::Informational, Status::Success, "closed"),
        Ending::Aborted => (Severity::Low, Status::Other("aborted"), "aborted"),
        Ending::Expired => (Severity::Low, Status::Other("expired"), "expired"),
    };
    Mapped {
        status,
        detail: Some(word),
        ceremony: Some(*ceremony),
        taken: &["ceremony", "how"],
        ..entity(
            Activity::Delete,
            severity,
            format!("The ceremony is over: {word}"),
            Value::Object(ceremony_entity(ceremony)),
        )
    }
}

/// A group's next epoch.
fn renewed(source: &Source<'_>, renewal: &Renewal) -> Mapped {
    let next = &renewal.statement;
    let name = source.group(&next.group).unwrap_or_else(|| next.slug.to_string());
    Mapped {
        taken: &[],
        ..entity(
            Activity::Update,
            Severity::Low,
            format!("Group {name} has new share keys: epoch {}", next.epoch),
            json!({
                "type": "Group", "type_id": 3, "uid": next.group, "name": name,
                "version": next.epoch.to_string(), "group": { "name": name, "uid": next.group },
            }),
        )
    }
}

/// A quorum is asked to hand over what its group holds.
fn reshare_opened(source: &Source<'_>, opening: &ReshareOpening) -> Mapped {
    let named = |of: &GroupEpoch| {
        let group = source.group(&of.group).unwrap_or_else(|| of.group.0.short());
        format!("{group} epoch {}", of.epoch)
    };
    let (from, to) = (named(&opening.from), named(&opening.to));
    let mut of = ceremony_entity(&opening.ceremony);
    let data = json!({
        "mode": opening.mode, "versions": opening.count, "expires": opening.expires,
        "from": from, "to": to, "has_ticket": opening.ticket.is_some(),
    });
    of.insert("data".to_owned(), data);
    Mapped {
        taken: &["ceremony", "operator", "count", "expires", "mode"],
        ceremony: Some(opening.ceremony),
        ..entity(
            Activity::Create,
            Severity::Medium,
            format!(
                "Operator {} asked {from} to hand {} sealed versions to {to}, until {}",
                opening.operator,
                opening.count,
                opening.expires.to_minute()
            ),
            Value::Object(of),
        )
    }
}

/// Records of the provider, held against the log. Accounts with findings are named.
fn reconciled(source: &Source<'_>, found: &Reconciliation) -> Mapped {
    let alarms = found.unexplained + found.weak;
    let accounts: BTreeSet<_> = found.findings.iter().map(|one| source.address(&one.account)).collect();
    let severity = match (alarms, found.failed + found.unused + found.unread) {
        (0, 0) => Severity::Informational,
        (0, _) => Severity::Low,
        _ => Severity::High,
    };
    Mapped {
        taken: &["source", "facts", "unexplained", "weak"],
        status: if alarms == 0 { Status::Success } else { Status::Failure },
        detail: (alarms > 0).then_some("unexplained"),
        ..entity(
            Activity::Read,
            severity,
            format!(
                "Records of root users ({}): {} uses unexplained, {} weaknesses, {} uses explained",
                found.source.as_str(),
                found.unexplained,
                found.weak,
                found.explained
            ),
            json!({
                "type": "Reconciliation", "type_id": 99, "uid": found.facts, "name": found.source.as_str(),
                "data": { "unexplained": found.unexplained, "weak": found.weak, "accounts": accounts },
            }),
        )
    }
}

/// Whether what is sealed could be opened. Accounts of which it could not are named.
fn recoverability_checked(source: &Source<'_>, found: &RecoverabilityCheck) -> Mapped {
    let sum = |of: fn(&CheckedGroup) -> u64| found.groups.iter().map(of).fold(0, u64::saturating_add);
    let (good, failed) = (sum(|group| group.good), sum(|group| group.failed));
    let accounts: BTreeSet<_> = found.failed.iter().map(|one| source.address(&one.account)).collect();
    let groups: Vec<_> = found.groups.iter().map(|group| source.group(&group.group)).collect();
    Mapped {
        taken: &["failed"],
        status: if failed == 0 { Status::Success } else { Status::Failure },
        detail: (failed > 0).then_some("not-openable"),
        ..entity(
            Activity::Read,
            if failed == 0 { Severity::Informational } else { Severity::High },
            format!("Records and dealings of current versions: {good} are whole, {failed} are not"),
            json!({
                "type": "Recoverability", "type_id": 99, "name": "recoverability",
                "data": { "good": good, "failed": failed, "accounts": accounts, "groups": groups },
            }),
        )
    }
}

/// A custodian's contribution, which a TOTP code must vouch for.
fn authentication(
    source: &Source<'_>,
    ceremony: &Hash,
    custodian: &Pseudonym,
    refused: Option<Refusal>,
) -> Mapped {
    let remote = source.ceremony(ceremony).map(|c| c.mode == Mode::Files);
    let shown = Mapped { ceremony: Some(*ceremony), ..second_factor(source, custodian, remote, refused) };
    let message = match refused {
        None => format!("The contribution of {custodian} was accepted"),
        Some(why) => format!("The contribution of {custodian} was refused: {}", why.as_str()),
    };
    Mapped { message, ..shown }
}

/// A custodian's answer in a drill, on the host's machine.
fn drilled(source: &Source<'_>, answer: &DrillAnswer, refused: Option<Refusal>) -> Mapped {
    let who = &answer.custodian;
    let message = match refused {
        None => format!("{who} proved in a drill that card and second factor are at hand"),
        Some(why) => format!("The answer of {who} in a drill was refused: {}", why.as_str()),
    };
    Mapped { message, ..second_factor(source, who, Some(false), refused) }
}

/// A custodian's second factor was asked for.
fn second_factor(
    source: &Source<'_>,
    custodian: &Pseudonym,
    remote: Option<bool>,
    refused: Option<Refusal>,
) -> Mapped {
    Mapped {
        activity: Activity::Logon,
        severity: refused.map_or(Severity::Informational, severity_of),
        status: if refused.is_none() { Status::Success } else { Status::Failure },
        detail: refused.map(Refusal::as_str),
        message: String::new(),
        ceremony: None,
        subject: json!({
            "user": person(custodian, role(Role::Custodian)),
            "service": { "name": "warifu", "uid": source.origin },
            "auth_protocol": "TOTP",
            "auth_protocol_id": 99,
            "auth_factors": totp(),
            "is_mfa": true,
            "is_remote": remote,
        }),
        taken: &[],
    }
}

/// A refusal that happens to honest people is low; a wrong code needs an
/// explanation; the rest looks like an attack or a vault that is not whole.
fn severity_of(why: Refusal) -> Severity {
    match why {
        Refusal::TooEarly | Refusal::FromTheFuture | Refusal::Stale | Refusal::Expired | Refusal::Twice => {
            Severity::Low
        }
        Refusal::WrongCode => Severity::Medium,
        Refusal::ReplayedCode
        | Refusal::LockedOut
        | Refusal::OtherCheckpoint
        | Refusal::WrongCosignature
        | Refusal::NotAHolder
        | Refusal::Suspended
        | Refusal::Revoked => Severity::High,
    }
}

fn organisation_entity(id: &impl serde::Serialize, slug: &str) -> Value {
    let org = json!({ "name": slug, "uid": id });
    json!({ "type": "Organization", "type_id": 4, "uid": id, "name": slug, "org": org })
}

fn ceremony_entity(ceremony: &Hash) -> Map<String, Value> {
    [
        ("type".to_owned(), json!("Ceremony")),
        ("type_id".to_owned(), json!(99)),
        ("uid".to_owned(), json!(ceremony)),
        ("name".to_owned(), json!(ceremony.short())),
    ]
    .into_iter()
    .collect()
}

fn opened_entity(opening: &Opening) -> Value {
    let mut of = ceremony_entity(&opening.ceremony);
    let data = json!({
        "mode": opening.mode, "targets": opening.count, "expires": opening.expires,
        "has_ticket": opening.ticket.is_some(),
    });
    of.insert("data".to_owned(), data);
    Value::Object(of)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Custodian => "Custodian",
        Role::Operator => "Operator",
        Role::Officer => "Officer",
        Role::Keeper => "Keeper",
    }
}

fn person(who: &Pseudonym, role: &str) -> Value {
    json!({ "name": who, "type": role, "type_id": 99, "has_mfa": true })
}

fn totp() -> Value {
    json!([{ "factor_type": "OTP", "factor_type_id": 7, "is_totp": true }])
}

/// Who made the entry.
fn by(source: &Source<'_>, actor: &Actor) -> Value {
    match actor {
        Actor::Host => json!({
            "app_name": "warifu",
            "user": { "name": "host", "type": "System", "type_id": 3 },
        }),
        Actor::Card(who) => {
            let known = source.state.and_then(|s| s.people.get(who));
            json!({ "user": person(who, known.map_or("Card", |p| role(p.role))) })
        }
    }
}

impl Source<'_> {
    fn ceremony(&self, hash: &Hash) -> Option<&Ceremony> {
        self.past.get(hash)
    }

    fn address(&self, account: &AccountId) -> String {
        self.state.map_or_else(|| account.to_string(), |state| state.address(account))
    }

    fn group(&self, id: &GroupId) -> Option<String> {
        let state = self.state?;
        Some(state.group_address(state.groups.get(id)?))
    }

    /// An admission's digest, by which a revocation names it.
    fn admission(&self, admission: &Admission) -> Option<Hash> {
        let state = self.state?;
        let group = state.groups.get(&admission.group)?;
        let g = crate::pvss::group_id(&state.vault, &state.id, &group.group, admission.epoch);
        Some(crate::hex::Bytes(admission.digest(&g)))
    }

    /// A scope as an entity with its data, and in words.
    fn scope(&self, scope: &Scope, data: &Value) -> (Value, String) {
        let (kind, type_id, uid, name) = match scope {
            Scope::Organisation => {
                ("Organization", 4, self.state.map(|s| json!(s.id)), self.state.map(|s| s.slug.to_string()))
            }
            Scope::Project(id) => {
                let found = self.state.and_then(|s| Some(s.project_address(s.projects.get(id)?)));
                ("Project", 99, Some(json!(id)), found)
            }
            Scope::Account(id) => ("Account", 99, Some(json!(id)), Some(self.address(id))),
        };
        let org = (type_id == 4).then(|| json!({ "name": name, "uid": uid }));
        let words = name.clone().unwrap_or_else(|| "a scope".to_owned());
        let of = json!({
            "type": kind, "type_id": type_id, "uid": uid, "name": name, "org": org, "data": data,
        });
        (of, words)
    }

    /// A version as an entity, and in words.
    fn version(&self, credential: &Hash) -> (Value, String) {
        let begun = self.state.and_then(|state| state.begun(credential));
        let address = begun.map(|b| self.address(&b.account));
        let name = match (&address, begun) {
            (Some(address), Some(begun)) if begun.factor == Factor::Password => {
                format!("{address} version {}", begun.version)
            }
            (Some(address), Some(begun)) => format!("{address} {} version {}", begun.factor, begun.version),
            _ => credential.short(),
        };
        let of = json!({
            "type": "Sealed version", "type_id": 99, "uid": credential, "name": address,
            "version": begun.map(|b| b.version.to_string()),
        });
        (of, name)
    }

    /// A ceremony's target as an entity, and in words.
    fn target(&self, ceremony: &Hash, target: u64) -> (Value, String) {
        let place = usize::try_from(target).unwrap_or(usize::MAX);
        match self.ceremony(ceremony).and_then(|c| c.targets.get(place)) {
            Some(credential) => self.version(credential),
            None => (
                json!({ "type": "Sealed version", "type_id": 99, "name": format!("target {target}") }),
                format!("target {target}"),
            ),
        }
    }
}
