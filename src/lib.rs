//! warifu keeps root credentials so that only a quorum of custodians can use
//! them, and so that no use goes unrecorded.
//!
//! Modules stand in the order in which data flows; each uses only what stands
//! above it. Everything above [`store`] is pure: no files, no sockets, no
//! clock and no randomness of its own (time and RNG are parameters).

pub mod hex;
pub mod time;
pub mod name;
pub mod secret;
pub mod transcript;
pub mod pvss;
pub mod seal;
pub mod log;
pub mod event;
pub mod import;
pub mod gate;
pub mod message;
pub mod state;
pub mod ceremony;
pub mod audit;
pub mod report;
pub mod store;
pub mod vault;
pub mod export;
pub mod http;
pub mod cli;
