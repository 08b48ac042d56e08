//! A hostile insider at work: custodian, operator, the host's administrator,
//! whoever carries files. Each test is an attack that must not succeed, named
//! for the rule that stops it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "insider/agreements.rs"]
mod agreements;
#[path = "insider/database.rs"]
mod database;
#[path = "insider/factors.rs"]
mod factors;
#[path = "insider/forged_log.rs"]
mod forged_log;
#[path = "insider/gate.rs"]
mod gate;
#[path = "support/hand_over.rs"]
mod hand_over;
#[path = "insider/packages.rs"]
mod packages;
#[path = "insider/releases.rs"]
mod releases;
#[path = "insider/reshares.rs"]
mod reshares;
mod support;
#[path = "insider/roster.rs"]
mod roster;
#[path = "insider/witnesses.rs"]
mod witnesses;
