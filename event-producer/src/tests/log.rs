//! A log as anybody would read it: JSON lines, late ones dropped by the rule of the watermark.

use std::time::Duration;

use serde_json::Value;

/// A parsed line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) time_ms: i64,
    pub(super) seq: Option<u64>,
    pub(super) position: usize,
    pub(super) key: String,
    pub(super) json: Value,
}

impl Line {
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        self.json[column].as_str()
    }
}

pub(super) fn parse(log: &[u8]) -> Vec<Line> {
    assert!(log.is_empty() || log.ends_with(b"\n"));
    let lines = log.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.enumerate().map(|(position, line)| parse_line(position, line)).collect()
}

fn parse_line(position: usize, line: &[u8]) -> Line {
    let json: Value = serde_json::from_slice(line).unwrap();
    let key = ["sessionId", "card", "device"].iter().find_map(|column| json[column].as_str()).unwrap().to_owned();
    for number in ["amount", "temperature", "bitrate"] {
        assert!(json[number].is_null() || json[number].is_f64());
    }
    Line { time_ms: json["ts"].as_i64().unwrap(), seq: json["seq"].as_u64(), position, key, json }
}

/// Late is `t < largest seen - lateness`.
pub(super) fn accepted(lines: Vec<Line>, lateness: Duration) -> Vec<Line> {
    let lateness_ms = lateness.as_millis() as i64;
    let mut seen = i64::MIN;
    let mut in_time = |line: &Line| {
        let late = line.time_ms < seen.saturating_sub(lateness_ms);
        seen = seen.max(line.time_ms);
        !late
    };
    lines.into_iter().filter(|line| in_time(line)).collect()
}
