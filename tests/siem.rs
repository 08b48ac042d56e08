//! The log on its way to a SIEM, by the built program: files, standard output,
//! and syslog collectors that come and go.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Backup, World, warifu};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How long something may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(40);

/// Messages that collectors received, in the order in which they came.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<String>>>);

impl Received {
    /// Takes what stands in a stream, framed by octet counting.
    fn framed(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = bytes.iter().position(|b| *b == b' ').expect("a length and a space");
            let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
            let (message, rest) = bytes[space + 1..].split_at(length);
            self.one(message);
            bytes = rest;
        }
    }

    fn one(&self, message: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8(message.to_vec()).unwrap());
    }

    fn sequences(&self) -> Vec<u64> {
        let number = |message: &String| event(message)["metadata"]["sequence"].as_u64().unwrap();
        self.0.lock().unwrap().iter().map(number).collect()
    }

    /// Waits until every entry below `size` has come.
    #[track_caller]
    fn complete(&self, size: u64) {
        let end = Instant::now() + PATIENCE;
        loop {
            let there: BTreeSet<_> = self.sequences().into_iter().collect();
            if there.len() as u64 == size && there == (0..size).collect() {
                return;
            }
            assert!(Instant::now() < end, "{size} entries are not there: {there:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// No entry came before one that stands before it had come.
    #[track_caller]
    fn without_gaps(&self) {
        let mut next = 0;
        for sequence in self.sequences() {
            assert!(sequence <= next, "{sequence} came before {next}: {:?}", self.sequences());
            next = next.max(sequence + 1);
        }
    }
}

/// The event that a message carries; its header must be as RFC 5424 has it.
#[track_caller]
fn event(message: &str) -> Value {
    let (header, rest) = message.split_once(" [warifu@32473 log=\"").expect("structured data");
    let fields: Vec<_> = header.split(' ').collect();
    let [priority, _, host, "warifu", _, kind] = fields[..] else { panic!("{header}") };
    assert!(matches!(priority, "<107>1" | "<108>1" | "<109>1" | "<110>1") && !host.is_empty(), "{header}");
    let (data, json) = rest.split_once("] ").expect("the end of structured data");
    let event: Value = serde_json::from_str(json).unwrap();
    assert_eq!(event["metadata"]["event_code"], kind);
    let index = event["metadata"]["sequence"].to_string();
    assert!(data.ends_with(&format!("\" index=\"{index}\"")), "{data}");
    event
}

/// A collector on a TCP port, until the process ends: it reads each connection
/// to its end and closes.
fn collect(listener: TcpListener, received: &Received) {
    let received = received.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut bytes = Vec::new();
            if stream.unwrap().read_to_end(&mut bytes).is_ok() {
                received.framed(&bytes);
            }
        }
    });
}

/// `audit export --follow`, killed when dropped.
struct Follower {
    child: Child,
    said: mpsc::Receiver<String>,
}

impl Follower {
    fn start(world: &World, options: &[&str]) -> Self {
        let mut command = warifu();
        command.current_dir(world.host_dir()).args(["--vault", "vault", "audit", "export", "acme"]);
        command.args(["--format", "ocsf", "--follow"]).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, said) = mpsc::channel();
        let errors = child.stderr.take().unwrap();
        let output = child.stdout.take().unwrap();
        let lines = |from: Box<dyn Read + Send>, to: mpsc::Sender<String>| {
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    let _ = to.send(line);
                }
            });
        };
        lines(Box::new(errors), tell.clone());
        lines(Box::new(output), tell);
        Self { child, said }
    }

    /// Waits for a line that has this in it.
    #[track_caller]
    fn says(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("nobody said {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn add_projects(world: &World, names: &[&str]) {
    for name in names {
        world.host(&["project", "add", &format!("acme/{name}")]).good();
    }
}

fn size(world: &World) -> u64 {
    world.log_size() as u64
}

#[test]
fn a_follower_that_is_killed_and_started_again_leaves_nothing_out() {
    let world = World::new();
    let (received, listener) = (Received::default(), TcpListener::bind("127.0.0.1:0").unwrap());
    let to = format!("tcp://{}", listener.local_addr().unwrap());
    collect(listener, &received);
    let options = ["--syslog", &to, "--cursor", "sent"];
    let first = Follower::start(&world, &options);
    received.complete(size(&world));
    add_projects(&world, &["one"]);
    received.complete(size(&world));
    drop(first);
    add_projects(&world, &["two", "three"]);
    let before = size(&world) - 2;
    assert!(received.sequences().iter().all(|s| *s < before), "nobody sends while nothing runs");
    let _second = Follower::start(&world, &options);
    received.complete(size(&world));
    add_projects(&world, &["four"]);
    received.complete(size(&world));
    received.without_gaps();
    let twice = received.sequences().iter().filter(|s| **s == 0).count();
    assert_eq!(twice, 1, "the second begins where the first ended");
}

#[test]
fn a_collector_that_dies_with_messages_unread_gets_them_again() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let to = format!("tcp://{address}");
    let follower = Follower::start(&world, &["--syslog", &to, "--cursor", "sent"]);
    // It takes a few bytes and dies; what its kernel has of the rest is lost.
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0; 100]).unwrap();
    drop(listener);
    drop(stream);
    let note = follower.says("did not take");
    assert!(note.contains(&to) && note.contains("Kept back"), "{note}");
    follower.says("did not take");
    let cursor = world.host_dir().join("sent");
    assert!(!cursor.exists(), "nothing counts as sent");
    add_projects(&world, &["while-it-was-away"]);
    let received = Received::default();
    collect(TcpListener::bind(address).unwrap(), &received);
    follower.says("takes events again");
    received.complete(size(&world));
    received.without_gaps();
    let end = Instant::now() + PATIENCE;
    let sent = || {
        fs::read_to_string(&cursor).is_ok_and(|text| text.contains(&format!("\"entries\":{}", size(&world))))
    };
    while !sent() {
        assert!(Instant::now() < end, "the cursor does not move");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_message_that_lay_unread_in_the_kernel_of_a_dead_collector_is_sent_again() {
    let world = World::new();
    let (received, listener) = (Received::default(), TcpListener::bind("127.0.0.1:0").unwrap());
    let to = format!("tcp://{}", listener.local_addr().unwrap());
    let follower = Follower::start(&world, &["--syslog", &to, "--cursor", "sent"]);
    let mut bytes = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
    received.framed(&bytes);
    add_projects(&world, &["small"]);
    // One event fits into the kernel's buffer; its sender is done writing when
    // the collector goes without having read it.
    let (stream, _) = listener.accept().unwrap();
    while stream.peek(&mut [0; 1]).unwrap() == 0 {}
    std::thread::sleep(Duration::from_millis(300));
    drop(stream);
    follower.says("Kept back: 1;");
    collect(listener, &received);
    received.complete(size(&world));
    received.without_gaps();
}

#[test]
fn a_collector_that_hangs_is_not_taken_to_have_received_anything() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp://{}", listener.local_addr().unwrap());
    // The kernel accepts for it and buffers; nobody reads.
    let follower = Follower::start(&world, &["--syslog", &to, "--cursor", "sent"]);
    follower.says("did not close the connection");
    assert!(!world.host_dir().join("sent").exists());
    drop(listener);
}

#[test]
fn a_reason_that_is_erased_while_the_collector_is_away_is_not_sent() {
    let world = World::new();
    world.request("request.warifu");
    let export = world.host(&["audit", "export", "acme", "--format", "ocsf"]).good().out;
    assert!(export.contains("\"comment\":\"billing address\""), "it is there to begin with");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let to = format!("tcp://{address}");
    let follower = Follower::start(&world, &["--syslog", &to]);
    follower.says("did not take");
    let erased = world.database().execute("DELETE FROM record WHERE name LIKE 'text/%'", []).unwrap();
    assert!(erased > 0);
    let received = Received::default();
    collect(TcpListener::bind(address).unwrap(), &received);
    received.complete(size(&world));
    for message in received.0.lock().unwrap().iter() {
        assert!(event(message)["comment"].is_null(), "{message}");
    }
}

#[test]
fn datagrams_and_streams_of_unix_sockets_are_both_served() {
    let world = World::new();
    for name in ["datagrams", "stream"] {
        let (path, received) = (world.host_dir().join(name), Received::default());
        let to = format!("unix://{}", path.display());
        let heard = received.clone();
        if name == "datagrams" {
            let socket = UnixDatagram::bind(&path).unwrap();
            std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 20];
                while let Ok(count) = socket.recv(&mut buffer) {
                    heard.one(&buffer[..count]);
                }
            });
        } else {
            let listener = UnixListener::bind(&path).unwrap();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut bytes = Vec::new();
                    stream.unwrap().read_to_end(&mut bytes).unwrap();
                    heard.framed(&bytes);
                }
            });
        }
        let cursor = format!("{name}.cursor");
        let options = ["--syslog", &to, "--cursor", &cursor];
        let first = Follower::start(&world, &options);
        received.complete(size(&world));
        drop(first);
        add_projects(&world, &[&format!("{name}-1"), &format!("{name}-2")]);
        let _second = Follower::start(&world, &options);
        received.complete(size(&world));
        received.without_gaps();
    }
}

#[test]
fn what_is_new_can_be_sent_without_staying() {
    let world = World::new();
    let (received, listener) = (Received::default(), TcpListener::bind("127.0.0.1:0").unwrap());
    let to = format!("tcp://{}", listener.local_addr().unwrap());
    collect(listener, &received);
    let send = ["--json", "audit", "export", "acme", "--format", "ocsf", "--syslog", &to, "--cursor", "sent"];
    let all = size(&world);
    assert_eq!(world.host(&send).good().json()["events"], all);
    assert_eq!(world.host(&send).good().json()["events"], 0);
    add_projects(&world, &["one"]);
    assert_eq!(world.host(&send).good().json()["events"], 1);
    received.complete(all + 1);
    assert_eq!(received.sequences(), (0..=all).collect::<Vec<_>>());
}

#[test]
fn a_file_gets_every_entry_once_and_is_not_overwritten() {
    let world = World::new();
    let export = ["audit", "export", "acme", "--format", "ocsf"];
    let to_file = [&export[..], &["--out", "acme.jsonl"]].concat();
    world.host(&to_file).good();
    let text = fs::read_to_string(world.host_dir().join("acme.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequences: Vec<_> = events.iter().map(|e| e["metadata"]["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (0..size(&world)).collect::<Vec<_>>());
    world.host(&to_file).refused(3, &["acme.jsonl exists already"]);
    assert_eq!(world.host(&export).good().out, text, "standard output gets the same");
    let last = events.last().unwrap()["metadata"]["original_time"].as_str().unwrap();
    let since = world.host(&[&export[..], &["--since", last]].concat()).good().out;
    assert!(!since.is_empty() && text.ends_with(&since) && since.lines().count() < events.len());
    assert!(since.lines().all(|line| line.contains(last)));
    assert_eq!(world.host(&[&export[..], &["--since", "2999-01-01"]].concat()).good().out, "");
}

#[test]
fn new_entries_come_to_standard_output_as_they_are_made() {
    let world = World::new();
    let before = size(&world);
    let follower = Follower::start(&world, &["--interval", "1s"]);
    follower.says(&format!("\"sequence\":{},", before - 1));
    add_projects(&world, &["fresh"]);
    let line = follower.says("acme/fresh");
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["metadata"]["sequence"], before);
}

#[test]
fn a_cursor_is_good_for_its_own_log_alone() {
    let world = World::new();
    let export = |organisation: &str| {
        world.host(&["audit", "export", organisation, "--format", "ocsf", "--cursor", "sent"])
    };
    let first = export("acme").good().out;
    assert_eq!(first.lines().count() as u64, size(&world));
    assert_eq!(export("acme").good().out, "");
    export("globex")
        .refused(3, &["it is the cursor of log example.com/warifu/", "another file to begin anew"]);
    let path = world.host_dir().join("sent");
    let good = fs::read_to_string(&path).unwrap();
    for bad in
        ["", "{}", good.trim_end(), &format!("{good} "), &good.replace("\"entries\":", "\"entries\": ")]
    {
        fs::write(&path, bad).unwrap();
        export("acme").refused(3, &["it is damaged"]);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(export("acme").good().out, "");
}

#[test]
fn a_log_that_lost_entries_which_were_sent_is_reported() {
    let world = World::new();
    let backup = Backup::of(&world.vault());
    add_projects(&world, &["one"]);
    let export = ["audit", "export", "acme", "--format", "ocsf", "--cursor", "sent"];
    world.host(&export).good();
    backup.restore();
    world.host(&export).refused(6, &["the log is not the one", "entries were removed or replaced"]);
    // The same number of entries again, but other ones.
    add_projects(&world, &["two"]);
    world.host(&export).refused(6, &["the log is not the one"]);
}

#[test]
fn a_follower_stops_when_the_log_is_rolled_back_under_it() {
    let world = World::new();
    let backup = Backup::of(&world.vault());
    add_projects(&world, &["one"]);
    let mut follower = Follower::start(&world, &[]);
    follower.says("acme/one");
    backup.restore();
    follower.says("the log ends before it");
    assert_eq!(follower.child.wait().unwrap().code(), Some(6));
}

#[test]
fn collectors_that_are_none_are_refused() {
    let world = World::new();
    for bad in ["siem", "udp://siem:514", "tcp://siem", "unix://relative"] {
        let ran = world.host(&["audit", "export", "acme", "--format", "ocsf", "--syslog", bad]);
        assert_eq!(ran.code, 2, "{bad}");
        assert!(ran.err.contains("is not a collector"), "{}", ran.err);
    }
    let both = ["audit", "export", "acme", "--format", "ocsf", "--follow", "--out", "file"];
    assert_eq!(world.host(&both).code, 2);
    assert!(!Path::new(&world.host_dir().join("file")).exists());
}
