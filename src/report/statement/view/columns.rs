//! Columns of a statement's tables: names for programs, heads for people. What stands
//! in them is `view.rs`'s.

use crate::report::document::{Column, text, whole};

pub(super) const ACCOUNTS: &[Column] = &[
    whole("address", "account"),
    text("name", "name"),
    whole("provider", "provider"),
    whole("external_id", "provider's id"),
    whole("standing", "standing"),
    text("group", "held by"),
    whole("password", "password"),
];

pub(super) const VERSIONS: &[Column] = &[
    whole("address", "account"),
    whole("factor", "factor"),
    whole("version", "version"),
    whole("place", "place"),
    whole("sealed", "sealed"),
    whole("age_days", "age, days"),
    whole("exposed", "exposed"),
    whole("exposed_to_host", "exposed to the host"),
    text("handled", "seen by"),
    whole("weakened", "weakened by"),
    whole("renew_by", "renew by"),
    whole("overdue", "overdue"),
];

pub(super) const CEREMONIES: &[Column] = &[
    whole("ceremony", "ceremony"),
    whole("opened", "opened"),
    whole("ended", "ended"),
    whole("purpose", "purpose"),
    whole("mode", "mode"),
    text("operator", "operator"),
    text("custodians", "custodians"),
    text("targets", "what"),
    whole("released", "released"),
    whole("revealed", "opened it"),
    whole("codes", "codes"),
    whole("refused", "refused"),
    whole("outcome", "outcome"),
    text("ticket", "ticket"),
    text("reason", "reason"),
];

pub(super) const RENEWALS: &[Column] = &[
    whole("address", "account"),
    whole("factor", "factor"),
    whole("old", "old version"),
    whole("new", "new version"),
    whole("how", "how"),
    whole("begun", "begun"),
    whole("settled", "settled"),
    whole("handed", "handed to"),
    whole("ceremony", "ceremony"),
];

pub(super) const EXPOSURES: &[Column] = &[
    whole("address", "account"),
    whole("factor", "factor"),
    whole("version", "version"),
    whole("exposed", "exposed"),
    whole("ceremony", "ceremony"),
    whole("replaced", "replaced"),
    whole("how", "how"),
    whole("lasted", "lasted"),
    whole("allowed", "allowed"),
    whole("policy", "policy"),
];

pub(super) const REFUSALS: &[Column] = &[
    whole("time", "time"),
    text("custodian", "custodian"),
    whole("why", "why"),
    whole("ceremony", "ceremony"),
];

pub(super) const USES: &[Column] = &[
    whole("verdict", "verdict"),
    whole("address", "account"),
    whole("what", "what"),
    whole("count", "how often"),
    whole("first", "first"),
    whole("last", "last"),
    text("explained_by", "explained by"),
];

pub(super) const PROTECTION: &[Column] = &[
    whole("address", "account"),
    whole("mfa", "second factor"),
    whole("access_keys", "active access key"),
    whole("as_of", "entered"),
];

pub(super) const RECONCILIATIONS: &[Column] = &[
    whole("time", "entered"),
    whole("source", "records"),
    whole("records_from", "from"),
    whole("records_to", "to"),
    whole("explained", "explained"),
    whole("unexplained", "unexplained"),
    whole("weak", "weak"),
    whole("pending", "pending"),
    whole("failed", "failed"),
    whole("before", "before"),
    whole("unused", "without a use"),
    whole("unread", "unread"),
];
