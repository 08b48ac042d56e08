//! Files that other programs wrote, as types. Bytes in, rows and faults out:
//! nothing is decided, looked up or sealed here.

pub mod accounts;
pub mod csv;
