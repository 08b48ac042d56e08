//! The ceremony in which a quorum opens what is sealed: pure functions from (state, message, time) to events.
//!
//! [`custodian`] is what a custodian's own machine checks and answers, [`judge`]
//! is what the gate accepts and refuses, [`recipient`] is how the requester puts
//! the shares together, [`coder`] how the gate does where it makes codes of them.
//! The room, the file flow and the rehearsal all use these and nothing else.
//! [`drill`] is a drill by files. [`recovery`] is how keepers bring the gate's root back.

pub mod coder;
pub mod custodian;
pub mod drill;
pub mod gap;
pub mod judge;
pub mod recipient;
pub mod recovery;
pub mod reshare;
