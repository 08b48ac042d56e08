//! `audit`: reading, exporting and verifying the log, and having it witnessed.

mod collector;
pub mod cosign;
mod cursor;
mod export;
mod filter;
mod hours;
mod log;
mod policy;
mod proof;
mod recoverability;
mod reshare;
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
        AuditCommand::Checkpoint { log, cosigned } => cosign::checkpoint(app, &log, cosigned),
        AuditCommand::Cosign(args) => cosign::cosign(app, &args),
        AuditCommand::Policy(args) => policy::policy(app, args.command),
        AuditCommand::Verify(args) => verify::verify(app, &args),
        AuditCommand::Recoverability(args) => recoverability::recoverability(app, &args),
        AuditCommand::Export(args) => match args.format {
            ExportFormat::Tiles => export::write(app, &args),
            ExportFormat::Ocsf => siem::export(app, &args),
        },
        AuditCommand::Key { log } => export::key(app, &log),
        AuditCommand::Prove(args) => proof::prove(app, &args),
        AuditCommand::CheckProof(args) => proof::check(app, &args),
        AuditCommand::Log(args) => log::log(app, &args),
    }
}
