//! `audit`: reading and verifying the log, and having it witnessed.

pub mod cosign;
mod log;
mod policy;
mod verify;

use super::App;
use super::args::AuditCommand;
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
    }
}
