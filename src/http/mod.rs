//! HTTP: a witness that others can ask (`server`, with what it keeps in `keep`),
//! and asking witnesses (`client`). What is cosigned, and what a cosignature is
//! worth, is decided in [`crate::log::witness`] and [`crate::vault::witness`].

pub mod client;
pub mod keep;
pub mod server;
