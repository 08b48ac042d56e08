//! `witness`: cosigning the checkpoints of logs that others keep.

use super::App;
use super::args::WitnessCommand;
use super::error::CliError;
use crate::http::keep::{self, Keep};
use crate::http::server::{self, Limits};
use crate::log::note::{KeyType, VerifierKey};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Mutex;

/// `witness …`.
pub fn witness(app: &mut App<'_>, command: WitnessCommand) -> Result<(), CliError> {
    match command {
        WitnessCommand::Init { state, name } => init(app, &state, &name),
        WitnessCommand::Serve { state, listen, logs } => serve(app, &state, listen, logs),
    }
}

fn init(app: &mut App<'_>, state: &Path, name: &str) -> Result<(), CliError> {
    let key = keep::init(state, name, &mut app.rng)?;
    let value = json!({ "name": name, "key": key.to_string(), "state": state.display().to_string() });
    app.emit(value, || key.to_string());
    Ok(())
}

fn serve(
    app: &mut App<'_>,
    state: &Path,
    listen: SocketAddr,
    logs: Vec<VerifierKey>,
) -> Result<(), CliError> {
    if let Some(other) = logs.iter().find(|key| key.kind() != KeyType::Ed25519) {
        let fact = format!("'{}' is not a log's key", other.name());
        return Err(CliError::Argument { fact, remedy: "Name the log's own verifier key with --log." });
    }
    let keep = Keep::open(state, logs)?;
    let failed = |why| CliError::Listen { address: listen, why };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stop = Mutex::new(Some(stop));
    // Without the handler a signal kills, which harms nothing that is kept.
    let _ = ctrlc::set_handler(move || drop(stop.lock().map(|mut stop| stop.take())));
    let key = keep.verifier().to_string();
    let value = json!({ "listening": format!("http://{address}"), "key": key });
    app.emit(value, || format!("Witness {key}\nlistens on http://{address}; stop it with Ctrl-C."));
    let now = || super::clock::Clock::now(&super::clock::SystemClock);
    server::serve(listener, keep, Box::new(now), Limits::default(), stopped).map_err(failed)
}
