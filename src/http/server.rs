//! A witness as an HTTP/1.1 server (C2SP tlog-witness): `POST /add-checkpoint`,
//! and for monitors `GET /<SHA-256 of the origin>/checkpoint`. No TLS: what is
//! said is public and signed; where it must be hidden a proxy does it.

use super::keep::Keep;
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
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// How long a request's head may take, and a connection may wait for one.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How long answers may take that are under way at the end.
const END_TIME: Duration = Duration::from_secs(10);
/// Connections at one time; further ones wait.
const CONNECTIONS: usize = 64;

/// The time, asked for at each request.
pub type Now = Box<dyn Fn() -> Time + Send + Sync>;

struct Service {
    keep: Mutex<Keep>,
    now: Now,
}

/// Serves until `stop` is sent, or its sender is gone; then answers what is
/// under way. An error is the socket's.
pub fn serve(
    listener: std::net::TcpListener,
    keep: Keep,
    now: Now,
    stop: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let service = Arc::new(Service { keep: Mutex::new(keep), now });
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .with_state(service);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(accept(listener, router, stop))
}

async fn accept(
    listener: std::net::TcpListener,
    router: Router,
    mut stop: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (graceful, slots) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
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
        let (Ok(slot), Ok((stream, _))) = (slot, accepted) else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the other side's matter.
            let _ = connection.await;
            drop(slot);
        });
    }
    let _ = tokio::time::timeout(END_TIME, graceful.shutdown()).await;
    Ok(())
}

async fn add_checkpoint(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let body = tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), MAX_REQUEST)).await;
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
