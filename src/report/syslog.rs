//! RFC 5424 messages that carry an event each, and the framing of RFC 6587 for
//! streams. Nothing is sent here.

use super::ocsf::{Ocsf, Severity};
use serde_json::Value;
use std::fmt::Write as _;

/// Facility "log audit".
const FACILITY: u8 = 13;

/// Longest `HOSTNAME`.
const HOST_CAP: usize = 255;

/// Longest `MSGID`.
const MSGID_CAP: usize = 32;

/// `<PRI>1 TIME HOST warifu PID KIND [warifu@32473 …] JSON`. The message is
/// ASCII: other characters are escaped as JSON allows, because text in UTF-8
/// would have to begin with a byte order mark, which JSON readers choke on.
/// 32473 is the enterprise number that RFC 5612 keeps for examples: warifu has
/// none of its own.
pub fn message(event: &Ocsf, origin: &str, index: u64, host: Option<&str>, process: u32) -> String {
    format!(
        "<{}>1 {} {} warifu {process} {} [warifu@32473 log=\"{}\" index=\"{index}\"] {}",
        FACILITY * 8 + severity(event.severity),
        event.time,
        header(host.unwrap_or_default(), HOST_CAP),
        header(&event.kind, MSGID_CAP),
        parameter(origin),
        ascii(&event.value),
    )
}

/// A message in a stream: its length in bytes, a space, the message.
pub fn framed(message: &str) -> Vec<u8> {
    format!("{} {message}", message.len()).into_bytes()
}

fn severity(of: Severity) -> u8 {
    match of {
        Severity::Informational => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
    }
}

/// A field of the header: visible ASCII, `-` for nothing.
fn header(text: &str, cap: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(cap).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// The value of a parameter in structured data.
fn parameter(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// JSON without anything but ASCII. Only strings can hold other characters, and
/// there an escape means the same.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").expect("a string takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;
    use serde_json::json;

    fn event(kind: &str, severity: Severity) -> Ocsf {
        let time = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
        Ocsf { value: json!({ "comment": "Größe 🔑" }), kind: kind.to_owned(), time, severity }
    }

    #[test]
    fn a_message_is_what_rfc_5424_says() {
        let text = message(&event("released", Severity::Medium), "example.com/a", 7, Some("vault-1"), 42);
        assert_eq!(
            text,
            "<108>1 2026-03-01T09:00:00.000Z vault-1 warifu 42 released \
             [warifu@32473 log=\"example.com/a\" index=\"7\"] {\"comment\":\"Gr\\u00f6\\u00dfe \\ud83d\\udd11\"}"
        );
        let json = text.split_once("] ").unwrap().1;
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), json!({ "comment": "Größe 🔑" }));
    }

    #[test]
    fn every_severity_has_its_priority() {
        let pri = |s| message(&event("x", s), "o", 0, None, 1).split_once('>').unwrap().0.to_owned();
        let severities = [Severity::Informational, Severity::Low, Severity::Medium, Severity::High];
        assert_eq!(severities.map(pri), ["<110", "<109", "<108", "<107"]);
    }

    #[test]
    fn a_host_without_a_name_is_a_dash_and_nothing_breaks_the_header() {
        let kind = "k".repeat(40);
        let text = message(&event(&kind, Severity::Low), "a\"]\\", 0, Some("bad host\n"), 1);
        assert!(text.contains(" badhost warifu 1 "), "{text}");
        assert!(text.contains(&format!(" {} [", "k".repeat(32))), "{text}");
        assert!(text.contains(r#"log="a\"\]\\""#), "{text}");
        assert!(message(&event("x", Severity::Low), "o", 0, None, 1).contains("Z - warifu"));
    }

    #[test]
    fn a_frame_counts_bytes() {
        assert_eq!(framed("<110>1 ä"), "9 <110>1 ä".as_bytes());
    }
}
