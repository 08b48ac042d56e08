//! Statements of a period: what a project, an organisation or an auditor of
//! controls is told, each row with the entries that prove it. Pure: `gathering.rs`
//! is what the entries say, `view.rs` what tables are made of it, the others which
//! documents there are.

mod charged;
mod controls;
mod gathering;
mod organisation;
mod project;
mod view;

pub use charged::Charged;
pub use controls::controls;
pub use gathering::{At, Drilled, Gathering, Held, Refused, Replaced, Sealed, Turned, Used};
pub use organisation::{Renewal, organisation};
pub use project::project;
pub use view::View;
