//! A process that searches its own memory. What is looked for is masked there, so
//! that looking does not put it there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const MASK: u8 = 0xA5;

/// A line of a file of needles.
pub fn masked(label: &str, bytes: &[u8]) -> String {
    let masked: Vec<u8> = bytes.iter().map(|byte| byte ^ MASK).collect();
    format!("{label} {}", data_encoding::HEXLOWER.encode(&masked))
}

/// The labels that a process says it found on its heap or stack.
pub fn found<'a>(text: &'a str, place: &str) -> BTreeSet<&'a str> {
    assert!(text.contains("\nsearched "), "{text}");
    text.lines().filter_map(|line| line.strip_prefix("found ")?.strip_prefix(place)).map(str::trim).collect()
}

struct Needle {
    label: String,
    masked: Vec<u8>,
    /// Digits alone occur everywhere: they count only where they stand alone.
    alone: bool,
}

/// What is looked for.
pub struct Needles(Vec<Needle>);

impl Needles {
    /// Lines that [`masked`] made.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let needle = |line: &str| {
            let (label, masked) = line.split_once(' ').unwrap();
            let masked = data_encoding::HEXLOWER.decode(masked.as_bytes()).unwrap();
            Needle { label: label.to_owned(), masked, alone: false }
        };
        Self(text.lines().map(needle).collect())
    }

    #[allow(dead_code)]
    pub fn add(&mut self, label: &str, bytes: &[u8], alone: bool) {
        let mut masked = Vec::with_capacity(bytes.len());
        masked.extend(bytes.iter().map(|byte| byte ^ MASK));
        self.0.push(Needle { label: label.to_owned(), masked, alone });
    }

    /// Prints where each needle is found in writable memory.
    pub fn search(&self) {
        let by_first: Vec<Vec<&Needle>> =
            (0..=255u8).map(|b| self.0.iter().filter(|n| n.masked[0] ^ MASK == b).collect()).collect();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; 1 << 20];
        let mut searched = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            let place = place(line, from, to);
            let own = chunk.as_ptr() as u64;
            let mut at = from;
            while at < to {
                // What the buffer holds was found where it came from.
                if (own..own + chunk.len() as u64).contains(&at) {
                    at = own + chunk.len() as u64;
                    continue;
                }
                let before_own = if at < own { own - at } else { u64::MAX };
                let length = usize::try_from((to - at).min(chunk.len() as u64).min(before_own)).unwrap();
                memory.seek(SeekFrom::Start(at)).unwrap();
                if memory.read_exact(&mut chunk[..length]).is_err() {
                    break;
                }
                searched += length;
                report(&by_first, &chunk[..length], place);
                // The next chunk overlaps: a needle may lie across the border.
                at += if at + (length as u64) < to && length > 128 {
                    length as u64 - 64
                } else {
                    length as u64
                };
            }
        }
        println!("\nsearched {searched}");
    }
}

/// Heap, or the stack of this thread or another.
fn place(line: &str, from: u64, to: u64) -> &'static str {
    let here = std::ptr::from_ref(&line) as u64;
    if line.ends_with("[stack]") || (from..to).contains(&here) { "stack" } else { "heap" }
}

fn report(by_first: &[Vec<&Needle>], bytes: &[u8], place: &str) {
    for (position, first) in bytes.iter().enumerate() {
        for needle in &by_first[usize::from(*first)] {
            let end = position + needle.masked.len();
            let Some(window) = bytes.get(position..end) else { continue };
            if !window.iter().zip(&needle.masked).all(|(byte, masked)| byte ^ MASK == *masked) {
                continue;
            }
            let beside = [position.checked_sub(1).and_then(|p| bytes.get(p)), bytes.get(end)];
            if needle.alone && beside.into_iter().flatten().any(u8::is_ascii_alphanumeric) {
                continue;
            }
            println!("\nfound {place} {}", needle.label);
        }
    }
}
