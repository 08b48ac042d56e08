//! `rehearse`: placeholder while the rest is made to build.
use super::{App, CliError, args::RehearseArgs};
/// `rehearse`.
pub fn rehearse(_: &mut App<'_>, _: RehearseArgs) -> Result<(), CliError> {
    Ok(())
}
