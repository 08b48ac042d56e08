//! HTTP: a witness that others can ask (`server`, with what it keeps in `keep` and
//! who is connected in `peers`),
//! and asking witnesses (`client`). What is cosigned, and what a cosignature is
//! worth, is decided in [`crate::log::witness`] and [`crate::vault::witness`].

pub mod client;
pub mod keep;
mod peers;
pub mod server;
