//! The log in the forms that other programs read. Pure: entries in, text out;
//! no files, sockets or clock.

pub mod csv;
pub mod document;
pub mod ocsf;
pub mod page;
pub mod reconcile;
pub mod statement;
pub mod syslog;
