//! Real sockets on loopback, whose other side is slow, silent, greedy or deaf. Each
//! wait is bounded: what a test waits for takes less than a second.

use super::*;
use crate::http::keep;
use crate::log::note::LogSigner;
use crate::secret::SecretKey;
use std::io::Read;
use std::net::{SocketAddr, TcpStream as Stream};
use std::thread::{JoinHandle, sleep};
use std::time::Instant;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(20);
const ASK: &str = "GET /nothing HTTP/1.1\r\nHost: w\r\n\r\n";

/// Short where a test waits for it to be over.
const SHORT: Duration = Duration::from_millis(300);

fn limits() -> Limits {
    Limits { head: PATIENCE, body: PATIENCE, life: PATIENCE, end: SHORT, connections: 8, each_peer: 1 }
}

struct Serving {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    _dir: tempfile::TempDir,
}

impl Serving {
    fn within(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        keep::init(dir.path(), "w.example", &mut rand::rng()).unwrap();
        let log = LogSigner::new("o", SecretKey::from_slice(&[1; 32]).unwrap()).unwrap();
        let keep = Keep::open(dir.path(), vec![log.verifier().clone()]).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let now = Box::new(|| Time::from_millis(0).unwrap());
        let serving = std::thread::spawn(move || serve(listener, keep, now, limits, stopped));
        Self { address, stop: Some(stop), serving: Some(serving), _dir: dir }
    }

    fn connect(&self) -> Stream {
        self.connect_from([127, 0, 0, 1])
    }

    /// All of 127.0.0.0/8 is this machine.
    fn connect_from(&self, address: [u8; 4]) -> Stream {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind((address, 0).into()).unwrap();
            socket.connect(self.address).await.unwrap().into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(SHORT)).unwrap();
        stream
    }

    /// Whether somebody at this address is answered, now or within a while.
    #[track_caller]
    fn comes_to_serve(&self, address: [u8; 4]) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if asks(&mut self.connect_from(address)) {
                return;
            }
            sleep(MOMENT);
        }
        panic!("nobody at {address:?} is answered");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// Asks for something; whether an answer came.
fn asks(stream: &mut Stream) -> bool {
    let mut answer = [0; 12];
    let asked = stream.write_all(ASK.as_bytes()).and_then(|()| stream.read_exact(&mut answer));
    asked.is_ok() && answer == *b"HTTP/1.1 404"
}

/// Waits until the other side has closed; gives what came before.
#[track_caller]
fn closed(stream: &mut Stream) -> String {
    let mut before = Vec::new();
    match stream.read_to_end(&mut before) {
        Err(why) if why.kind() != std::io::ErrorKind::ConnectionReset => panic!("not closed: {why}"),
        _ => String::from_utf8(before).unwrap(),
    }
}

#[test]
fn one_peer_cannot_hold_every_connection() {
    let serving = Serving::within(Limits { each_peer: 3, connections: 4, ..limits() });
    let mut held: Vec<_> = (0..3).map(|_| serving.connect()).collect();
    assert!(held.iter_mut().all(asks), "as many as it may have");
    for _ in 0..8 {
        assert_eq!(closed(&mut serving.connect()), "", "one more is closed at once");
    }
    serving.comes_to_serve([127, 0, 0, 2]);
    // Who lets go of one may have another.
    held.pop();
    serving.comes_to_serve([127, 0, 0, 1]);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let serving = Serving::within(Limits { head: SHORT, ..limits() });
    let mut silent = serving.connect();
    closed(&mut silent);
    // Nor may it wait longer after an answer.
    let mut idle = serving.connect();
    assert!(asks(&mut idle));
    closed(&mut idle);
}

#[test]
fn a_head_that_comes_in_drops_does_not_keep_its_connection() {
    let serving = Serving::within(Limits { head: SHORT, ..limits() });
    let mut slow = serving.connect();
    slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let begun = Instant::now();
    // Written to until the kernel says that nobody is there any more.
    while slow.write_all(b"X-Drop: x\r\n").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is read for ever");
        sleep(MOMENT);
    }
    serving.comes_to_serve([127, 0, 0, 1]);
}

#[test]
fn a_body_that_comes_in_drops_does_not_keep_its_connection() {
    let serving = Serving::within(Limits { body: SHORT, ..limits() });
    let mut slow = serving.connect();
    slow.write_all(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 4000\r\n\r\n").unwrap();
    let begun = Instant::now();
    while slow.write_all(b"o").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it is read for ever");
        sleep(MOMENT);
    }
    serving.comes_to_serve([127, 0, 0, 1]);
}

#[test]
fn a_head_without_end_is_not_stored() {
    let serving = Serving::within(limits());
    let mut long = serving.connect();
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    let mut written = long.write_all(b"GET / HTTP/1.1\r\n").map_or(0, |()| 1);
    while written < 4 * MAX_HEAD && long.write_all(line.as_bytes()).is_ok() {
        written += line.len();
    }
    let answer = closed(&mut long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    serving.comes_to_serve([127, 0, 0, 1]);
}

#[test]
fn a_connection_ends_however_busy_it_is() {
    let serving = Serving::within(Limits { life: SHORT, ..limits() });
    let mut busy = serving.connect();
    let begun = Instant::now();
    // The whole answer is read each time, so that the next begins with its status.
    let whole = |stream: &mut Stream| {
        let mut answer = Vec::new();
        let mut one = [0; 1];
        while !answer.ends_with(b"\r\n\r\n") && stream.read_exact(&mut one).is_ok() {
            answer.extend(one);
        }
        answer.starts_with(b"HTTP/1.1 404")
    };
    let mut answered = 0;
    while busy.write_all(ASK.as_bytes()).is_ok() && whole(&mut busy) {
        answered += 1;
        assert!(begun.elapsed() < PATIENCE, "it is served for ever");
        sleep(MOMENT);
    }
    assert!(answered > 0, "it was served for a while");
    serving.comes_to_serve([127, 0, 0, 1]);
}

#[test]
fn a_peer_that_reads_no_answer_does_not_keep_its_connection() {
    let serving = Serving::within(Limits { life: SHORT, ..limits() });
    let mut deaf = serving.connect();
    let many = ASK.repeat(1000);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE && deaf.write_all(many.as_bytes()).is_ok() {}
    // It holds its side still.
    serving.comes_to_serve([127, 0, 0, 1]);
    drop(deaf);
}

#[test]
fn the_end_does_not_wait_for_those_who_only_hold_a_connection() {
    let serving = Serving::within(Limits { each_peer: 4, ..limits() });
    let mut idle = serving.connect();
    assert!(asks(&mut idle));
    let mut slow = serving.connect();
    slow.write_all(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 4000\r\n\r\n").unwrap();
    sleep(MOMENT);
    let begun = Instant::now();
    drop(serving);
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    closed(&mut idle);
}
