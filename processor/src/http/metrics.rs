//! The status as Prometheus reads it.

use serde_json::Value;
use std::fmt::Write;

/// A member of a partition's status, the metric's name and kind, and what it says.
const METRICS: [(&str, &str, &str, &str); 14] = [
    ("records", "timeline_records_total", "counter", "Records read from the log."),
    ("events", "timeline_events_total", "counter", "Events accepted."),
    ("late_events", "timeline_late_events_total", "counter", "Events behind the watermark."),
    ("dead_letters", "timeline_dead_letters_total", "counter", "Records or columns that could not be read."),
    (
        "misrouted",
        "timeline_misrouted_total",
        "counter",
        "Events whose message has another key, in a log of several partitions.",
    ),
    ("closed_sessions", "timeline_closed_sessions_total", "counter", "Sessions that are over."),
    ("live_sessions", "timeline_live_sessions", "gauge", "Sessions that are open."),
    ("state_bytes", "timeline_state_bytes", "gauge", "Memory of the sessions' state."),
    ("queued_bytes", "timeline_queued_bytes", "gauge", "Records that were received and not yet read."),
    ("kept_bytes", "timeline_kept_bytes", "gauge", "Messages in memory that the next checkpoint keeps."),
    ("epoch", "timeline_checkpoints_total", "counter", "Checkpoints committed."),
    ("published", "timeline_published_total", "counter", "Messages that destinations of outputs have."),
    ("waiting", "timeline_waiting_messages", "gauge", "Committed messages that destinations of outputs have not."),
    ("lag_bytes", "timeline_lag_bytes", "gauge", "What the log holds beyond the position reached."),
];

/// One line for each metric and partition that has it.
pub(super) fn text(status: &Value) -> String {
    let mut text = String::new();
    let none = vec![];
    let partitions = status["partitions"].as_array().unwrap_or(&none);
    for (member, name, kind, help) in METRICS {
        let samples = partitions.iter().filter_map(|partition| Some((partition, partition[member].as_number()?)));
        for (i, (partition, number)) in samples.enumerate() {
            if i == 0 {
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            }
            let (source, partition) = (label(&partition["source"]), label(&partition["partition"]));
            let _ = writeln!(text, "{name}{{source=\"{source}\",partition=\"{partition}\"}} {number}");
        }
    }
    if let Some(bytes) = status["resident_bytes"].as_number() {
        let name = "timeline_resident_bytes";
        let help = "Memory of this processor that the system has in use for it, files left out.";
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {bytes}\n");
    }
    text
}

fn label(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
