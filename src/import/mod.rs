//! Files that other programs wrote: bytes in, types and faults out. Nothing is
//! decided, looked up or sealed here, and no file is opened.

pub mod accounts;
pub mod cloudtrail;
pub mod costs;
pub mod credential_report;
pub mod csv;
pub mod money;
