//! `audit`: reading, exporting and verifying the log, and having it witnessed.

mod collector;
pub mod cosign;
mod cursor;
mod filter;
mod hours;
mod log;
mod policy;
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
        AuditCommand::Checkpoint { organisation, cosigned } => {
            cosign::checkpoint(app, &organisation, cosigned)
        }
        AuditCommand::Cosign(args) => cosign::cosign(app, &args),
        AuditCommand::Policy(args) => policy::policy(app, args.command),
        AuditCommand::Log(args) => log::log(app, &args),
        AuditCommand::Export(args) => match args.format {
            ExportFormat::Ocsf => siem::export(app, &args),
        },
    }
}
