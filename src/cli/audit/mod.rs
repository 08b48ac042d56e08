//! `audit`: reading, exporting and verifying the log.

mod collector;
mod cursor;
mod filter;
mod hours;
mod log;
mod siem;
mod timeline;
mod verify;

pub use collector::Collector;
pub use hours::Hours;

use super::App;
use super::args::{AuditCommand, ExportFormat};
use super::error::CliError;

/// `audit …`.
pub fn audit(app: &mut App<'_>, command: AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Verify { organisation } => verify::verify(app, organisation.as_ref()),
        AuditCommand::Log(args) => log::log(app, &args),
        AuditCommand::Export(args) => match args.format {
            ExportFormat::Ocsf => siem::export(app, &args),
        },
    }
}
