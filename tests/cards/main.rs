//! A lost card, a compromised card, a lost phone: who may say what of whose card, and
//! that a card which was barred counts for nothing; then what a card's owner does with
//! the card's file.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[allow(dead_code)]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/cli.rs"]
mod cli;
mod program;
mod rules;
mod tools;
