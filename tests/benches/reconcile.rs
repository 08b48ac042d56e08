//! What reading CloudTrail's files costs beside parsing them: `cargo bench
//! --bench reconcile`. 100 MB of records, 1 in 200 of a root user, are read as
//! `reconcile` reads them, and parsed by serde_json into a struct of just the
//! same fields, borrowed, from memory; in turns, on one thread and then on as many
//! as there are cores. The bound is 0.8 of the bare parsing's speed. Then the
//! peak memory of the program over that file, packed and plain; the bound is 64 MiB.
//!
//! Without `--bench` (as `cargo test --benches` starts it) it runs once and
//! small, to show that it runs.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use warifu::import::cloudtrail::{self, Found};

/// The fields that are read, as serde's own derivation reads them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "parsed, and no more")]
struct Bare<'a> {
    #[serde(borrow)]
    user_identity: BareIdentity<'a>,
    event_time: &'a str,
    event_name: &'a str,
    event_type: &'a str,
    #[serde(rename = "eventID")]
    event_id: &'a str,
    recipient_account_id: &'a str,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: &'a str,
    user_agent: &'a str,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    request_parameters: Option<IgnoredAny>,
    response_elements: Option<IgnoredAny>,
    additional_event_data: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "parsed, and no more")]
struct BareIdentity<'a> {
    r#type: &'a str,
    account_id: &'a str,
    arn: &'a str,
    session_context: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Bare<'a>>,
}

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let bytes = file(if bench { 100_000_000 } else { 100_000 });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{} MB, {} cores", bytes.len() / 1_000_000, cores);
    for threads in [1, cores] {
        let turns = if bench { 9 } else { 1 };
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..turns {
            ours.push(timed(threads, || read(&bytes)));
            bare.push(timed(threads, || parse(&bytes)));
        }
        let (ours, bare) = (median(ours), median(bare));
        let speed = |seconds: f64| bytes.len() as f64 / 1e6 / seconds;
        println!("{threads} at once: reconcile {:>6.0} MB/s each", speed(ours));
        println!("{threads} at once: serde_json {:>5.0} MB/s each", speed(bare));
        println!("{threads} at once: ratio (bound 0.8) {:.2}", bare / ours);
    }
    if bench {
        memory(&bytes);
    }
}

fn read(bytes: &[u8]) {
    let mut found = 0u64;
    let scan = cloudtrail::read(bytes, &mut |one| match one {
        Found::Root(event) => found += u64::from(!black_box(event).failed),
        Found::Unread(record, why) => panic!("{record}: {why}"),
    });
    assert!(scan.records > 0 && found > 0);
}

fn parse(bytes: &[u8]) {
    let file: File<'_> = serde_json::from_slice(bytes).unwrap();
    assert!(!black_box(file.records).is_empty());
}

fn timed(threads: usize, work: impl Fn() + Sync) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
    begun.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap()
}

/// Records as long and as deep as CloudTrail's are.
fn file(length: usize) -> Vec<u8> {
    let mut text = String::from("{\"Records\":[");
    let mut number = 0u64;
    while text.len() < length {
        if number > 0 {
            text.push(',');
        }
        let root = number.is_multiple_of(200);
        let kind = if root { "Root" } else { "AssumedRole" };
        let (minute, second) = (number / 60 % 60, number % 60);
        text.push_str(&format!(
            r#"{{"eventVersion":"1.09","userIdentity":{{"type":"{kind}","principalId":"AROAEXAMPLE{number}:session","arn":"arn:aws:sts::111122223333:assumed-role/deploy/session","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"}},"attributes":{{"creationDate":"2026-03-01T08:00:00Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2026-03-01T09:{minute:02}:{second:02}Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-central-1","sourceIPAddress":"198.51.100.{}","userAgent":"aws-cli/2.15.0 md/awscrt#0.19.19 ua/2.0 os/linux#6.1","requestParameters":{{"maxResults":1000,"instancesSet":{{"items":[{{"instanceId":"i-{number:017x}"}},{{"instanceId":"i-0123456789abcdef0"}}]}},"filterSet":{{"items":[{{"name":"tag:Name","valueSet":{{"items":[{{"value":"a \"quoted\" name"}}]}}}}]}}}},"responseElements":null,"requestID":"11111111-2222-3333-4444-{number:012x}","eventID":"55555555-6666-7777-8888-{number:012x}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"ec2.eu-central-1.amazonaws.com"}}}}"#,
            number % 256,
        ));
        number += 1;
    }
    text.push_str("]}");
    text.into_bytes()
}

/// The whole program over one file, plain and packed, as the kernel counts it.
fn memory(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("file.json"), dir.path().join("file.json.gz"));
    fs::write(&plain, bytes).unwrap();
    let mut packer = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap();
    let vault = dir.path().join("vault");
    let commands: [&[&str]; 4] = [
        &["init"],
        &["org", "add", "acme"],
        &["project", "add", "acme/web"],
        &["account", "add", "acme/web/prod", "--id", "111122223333"],
    ];
    for command in commands {
        assert!(warifu(&vault).args(command).stdout(Stdio::null()).status().unwrap().success());
    }
    for file in [&plain, &packed] {
        println!("peak memory (bound 64 MiB) {:>4} MiB: {}", peak(&vault, file), file.display());
    }
}

fn warifu(vault: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.arg("--vault").arg(vault).stdin(Stdio::null());
    command
}

/// In MiB: looked at every millisecond, because a process takes its peak with it.
fn peak(vault: &Path, file: &Path) -> u64 {
    let mut command = warifu(vault);
    command.args(["reconcile", "cloudtrail", "acme", "--dry-run", "--json"]).arg(file);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let read = fs::read_to_string(&status).unwrap_or_default();
        let line = read.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    peak / 1024
}
