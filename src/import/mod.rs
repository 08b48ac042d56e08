//! What comes from other systems: bytes in, types out. It decides nothing, and
//! opens no file: it reads from whatever gives bytes.

pub mod cloudtrail;
pub mod credential_report;
