//! A witness as an HTTP/1.1 server (C2SP tlog-witness): `POST /add-checkpoint`,
//! and for monitors `GET /<SHA-256 of the origin>/checkpoint`. No TLS: what is
//! said is public and signed; where it must be hidden a proxy does it.
//!
//! Anybody can connect, so each step of a connection, and all of it, has its time
//! ([`Limits`]), and each peer its number of connections. Many peers who work
//! together can still keep others waiting: what they cannot have is a cosignature.

use super::keep::Keep;
use super::peers::Peers;
use crate::hex::Bytes;
use crate::log::witness::{AddCheckpoint, Answer, MAX_REQUEST, SIZE_TYPE};
use crate::time::Time;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::Write;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};

/// Longest head of a request in bytes; a longer one ends its connection.
const MAX_HEAD: usize = 32 * 1024;

/// What those who connect may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a request's head may take, and a connection may wait for one.
    pub head: Duration,
    /// How long a request's body may take.
    pub body: Duration,
    /// How long a connection may last, however busy it is. A request that is under
    /// way by then is still answered, none is read after it.
    pub life: Duration,
    /// How long an answer may take that is under way when a connection's time, or
    /// the witness's, is over.
    pub end: Duration,
    /// Connections at one time; further ones wait.
    pub connections: usize,
    /// Of them those of one peer; further ones are closed at once.
    pub each_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { head: ten, body: ten, life: 6 * ten, end: ten, connections: 64, each_peer: 16 }
    }
}

/// The time, asked for at each request.
pub type Now = Box<dyn Fn() -> Time + Send + Sync>;

struct Service {
    keep: Mutex<Keep>,
    now: Now,
    body_time: Duration,
}

/// Serves until `stop` is sent, or its sender is gone; then answers what is
/// under way. An error is the socket's.
pub fn serve(
    listener: std::net::TcpListener,
    keep: Keep,
    now: Now,
    limits: Limits,
    stop: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let service = Arc::new(Service { keep: Mutex::new(keep), now, body_time: limits.body });
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .with_state(service);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(accept(listener, router, limits, stop))
}

async fn accept(
    listener: std::net::TcpListener,
    router: Router,
    limits: Limits,
    mut stop: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (slots, peers) = (Arc::new(Semaphore::new(limits.connections)), Peers::new(limits.each_peer));
    let (serving, over) = watch::channel(());
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = &mut stop => break,
        };
        // What fails here is one connection, or a lack of descriptors that passes.
        let (Ok(slot), Ok((stream, from))) = (slot, accepted) else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = peers.admit(from.ip()) else { continue };
        let (router, over) = (router.clone(), over.clone());
        tokio::spawn(async move {
            converse(stream, router, limits, over).await;
            drop((place, slot));
        });
    }
    drop(serving);
    // Each connection now ends by itself, and gives its slot back.
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let _ = slots.acquire_many(all).await;
    Ok(())
}

/// One connection, until it ends, its time is over, or the witness's is (`over`).
async fn converse(stream: TcpStream, router: Router, limits: Limits, mut over: watch::Receiver<()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // A broken connection is the other side's matter.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(limits.life) => {}
        // The sender is gone.
        _ = over.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.end, connection).await;
}

async fn add_checkpoint(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let body = tokio::time::timeout(service.body_time, to_bytes(request.into_body(), MAX_REQUEST)).await;
    let body = match body {
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the request took too long\n"),
        Ok(Err(_)) => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request cannot be read, or is too long\n");
        }
        Ok(Ok(body)) => body,
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(why) => return plain(StatusCode::BAD_REQUEST, &format!("{why}\n")),
    };
    // Files are written: not on the thread that all connections share.
    let decided = tokio::task::spawn_blocking(move || {
        let mut keep = service.keep.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = (service.now)().unix_seconds();
        keep.add_checkpoint(&request, seconds)
    });
    match decided.await {
        Ok(Ok(answer)) => answered(&answer),
        Ok(Err(why)) => failed(&why),
        Err(_) => failed(&"the request was given up"),
    }
}

async fn checkpoint(State(service): State<Arc<Service>>, Path(origin): Path<String>) -> Response<Body> {
    let Ok(origin) = Bytes::parse(&origin) else { return plain(StatusCode::NOT_FOUND, "") };
    let held = tokio::task::spawn_blocking(move || {
        service.keep.lock().unwrap_or_else(PoisonError::into_inner).held(&origin)
    });
    match held.await {
        Ok(Ok(Some(held))) => plain(StatusCode::OK, &held.note().to_string()),
        Ok(Ok(None)) => plain(StatusCode::NOT_FOUND, ""),
        Ok(Err(why)) => failed(&why),
        Err(_) => failed(&"the request was given up"),
    }
}

fn answered(answer: &Answer) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = plain(status, &answer.body());
    if matches!(answer, Answer::Conflict(_)) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(SIZE_TYPE));
    }
    response
}

/// The operator reads what happened; whoever asked learns only that it did.
fn failed(why: &dyn std::fmt::Display) -> Response<Body> {
    // Where nobody listens any more, whoever asked is answered all the same.
    let _ = writeln!(std::io::stderr(), "warning: a request was not answered: {why}.");
    plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot answer now\n")
}

fn plain(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
