//! `audit`: reading and verifying the log.

mod log;
mod verify;

use super::App;
use super::args::AuditCommand;
use super::error::CliError;

/// `audit …`.
pub fn audit(app: &mut App<'_>, command: AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Verify(args) => verify::verify(app, &args),
        AuditCommand::Log(args) => log::log(app, &args),
    }
}
