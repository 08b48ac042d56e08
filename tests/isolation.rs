//! Organisations share a vault and nothing else.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use std::fs;

#[test]
fn one_organisation_is_never_named_to_another() {
    let world = World::new();
    world.request("request.warifu");
    let foreign =
        ["globex", "Globex", "vault-seventeen", "ledger", "999988887777", "Hauptbuch", &world.stranger.name];
    let used =
        r#"{"eventTime":"2026-03-01T09:00:00Z","userIdentity":{"type":"Root","accountId":"555566667777"}}"#;
    fs::write(world.host_dir().join("trail.json"), used).unwrap();
    let costs = "BilledCost,BillingCurrency,SubAccountId,ChargePeriodStart\n5,USD,999988887777,2026-03-01\n";
    fs::write(world.host_dir().join("costs.csv"), costs).unwrap();
    let group = ["group", "show", "acme/keepers"];
    let commands: &[&[&str]] = &[
        &["status", "acme"],
        &["org", "show", "acme"],
        &["project", "list", "acme"],
        &["account", "list", "acme"],
        &["account", "show", "acme/web/prod"],
        &["account", "baseline", "acme"],
        &["account", "baseline", "acme/web/prod"],
        &["account", "baseline", "acme/web/ledger"],
        &["custodian", "list", "acme"],
        &["operator", "list", "acme"],
        &["officer", "list", "acme"],
        &["group", "list", "acme"],
        &group,
        &["ceremony", "list", "acme", "--all"],
        &["audit", "log", "acme"],
        &["audit", "log", "acme", "--timeline"],
        &["audit", "log", "acme", "--contributions"],
        &["audit", "export", "acme", "--format", "ocsf"],
        &["audit", "verify", "acme"],
        &["audit", "export", "acme", "copy"],
        &["audit", "verify", "copy"],
        &["audit", "key", "acme"],
        &["audit", "key", "nobody"],
        &["audit", "prove", "acme", "--entry", "0"],
        &["audit", "prove", "acme", "--entry", "1000"],
        &["reconcile", "cloudtrail", "acme", "trail.json"],
        &["reconcile", "credential-report", "acme", "report.csv"],
        &["report", "project", "acme/web"],
        &["report", "project", "acme/web", "--costs", "costs.csv"],
        &["report", "org", "acme", "--costs", "costs.csv"],
        &["report", "controls", "acme"],
        &["report", "project", "acme/vault-seventeeen"],
        &["report", "org", "nobody"],
        &["account", "show", "acme/web/ledger"],
        &["account", "show", "acme/vault-seventeeen/x"],
        &["project", "show", "acme/nothing"],
        &["project", "add", "nobody/web"],
        &["audit", "log", "nobody"],
        &["org", "show", "nobody"],
        &["group", "form", "acme/x", "-t", "2", "-m", "a-b-c,d-e-f"],
    ];
    for command in commands {
        for json in [true, false] {
            let arguments = if json { [&["--json"], *command].concat() } else { command.to_vec() };
            let ran = world.host(&arguments);
            let said = format!("{}{}", ran.out, ran.err);
            for name in foreign.iter().filter(|name| !command.iter().any(|text| text.contains(**name))) {
                assert!(!said.contains(name), "{command:?} names {name}:\n{said}");
            }
        }
    }
    let request = fs::read_to_string(world.host_dir().join("request.warifu")).unwrap();
    for name in foreign {
        assert!(!request.contains(name), "the request names {name}");
    }
}
