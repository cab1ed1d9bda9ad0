//! The status, and what the process has measured of itself, as Prometheus reads it.

use super::groups::Groups;
use crate::measured;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use serde_json::Value;
use std::fmt;

/// The type of what [`text`] gives.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a number is told.
#[derive(Clone, Copy)]
enum MetricKind {
    Counter,
    Gauge,
    /// An instant, in nanoseconds since the Unix epoch.
    Instant,
}
use MetricKind::{Counter, Gauge, Instant};

/// A member of a partition's status, the metric's name and kind, and what it says.
const METRICS: [(&str, &str, MetricKind, &str); 23] = [
    ("records", "timeline_records", Counter, "Records read from the log."),
    ("events", "timeline_events", Counter, "Events accepted."),
    ("late_events", "timeline_late_events", Counter, "Events behind the watermark."),
    ("dead_letters", "timeline_dead_letters", Counter, "Records or columns that could not be read."),
    ("duplicates", "timeline_duplicates", Counter, "Events that were there before."),
    (
        "misrouted",
        "timeline_misrouted",
        Counter,
        "Events whose message has another key, in a log of several partitions.",
    ),
    ("closed_sessions", "timeline_closed_sessions", Counter, "Sessions that are over."),
    ("forgotten_values", "timeline_forgotten_values", Counter, "Values beyond the caps of workers."),
    ("live_sessions", "timeline_live_sessions", Gauge, "Sessions that are open."),
    ("state_bytes", "timeline_state_bytes", Gauge, "Memory of the sessions' state."),
    ("queued_bytes", "timeline_queued_bytes", Gauge, "Records that were received and not yet read."),
    ("keeping_bytes", "timeline_keeping_bytes", Gauge, "Messages in memory that the next checkpoint keeps."),
    ("kept_bytes", "timeline_kept_bytes", Gauge, "Files of messages that are kept to be read again."),
    (
        "evaluate_seconds",
        "timeline_evaluate_seconds",
        Counter,
        "How long lanes were busy with events, added up: what the queries of a deployment cost.",
    ),
    ("read_sessions", "timeline_read_sessions", Counter, "Sessions that questions have read, on copies."),
    ("epoch", "timeline_checkpoints", Counter, "Checkpoints committed."),
    ("published", "timeline_published", Counter, "Messages that destinations of outputs have."),
    ("waiting", "timeline_waiting_messages", Gauge, "Committed messages that destinations of outputs have not."),
    ("lag_bytes", "timeline_lag_bytes", Gauge, "What the log holds beyond the position reached."),
    (
        "watermark_ns",
        "timeline_watermark_timestamp_seconds",
        Instant,
        "The event time behind which events are late; by how much answers are behind the clock is `time()` less this.",
    ),
    (
        "history_waiting_bytes",
        "timeline_history_waiting_bytes",
        Gauge,
        "History in the state that its tables do not have yet.",
    ),
    ("history_waiting_rows", "timeline_history_waiting_rows", Gauge, "Rows of it."),
    (
        "history_committed_ns",
        "timeline_history_last_commit_timestamp_seconds",
        Instant,
        "When the tables of history had all that a checkpoint names of the partition.",
    ),
];

/// A status at the moment of a scrape.
#[derive(Debug)]
struct ScrapedStatus(Value);

impl Collector for ScrapedStatus {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let none = vec![];
        let partitions = self.0["partitions"].as_array().unwrap_or(&none);
        for (member, name, kind, help) in METRICS {
            let mut numbers = partitions.iter().filter(|partition| partition[member].is_number()).peekable();
            if numbers.peek().is_none() {
                continue;
            }
            let told = if matches!(kind, Counter) { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(name, help, None, told)?;
            for partition in numbers {
                let labels = [("source", label(&partition["source"])), ("partition", label(&partition["partition"]))];
                encode(metric.encode_family(&labels)?, kind, &partition[member])?;
            }
        }
        if let Some(bytes) = self.0["resident_bytes"].as_u64() {
            let help = "Memory of this processor that the system has in use for it, files left out.";
            encoder
                .encode_descriptor("timeline_resident_bytes", help, None, MetricType::Gauge)?
                .encode_gauge(&bytes)?;
        }
        // Where no tables are kept there is nothing to tell.
        let history = &self.0["history"];
        if let Some(most) = history["waiting_bytes_max"].as_u64() {
            let help = "Beyond so many bytes of waiting history a partition reads no more.";
            encoder
                .encode_descriptor("timeline_history_waiting_bytes_max", help, None, MetricType::Gauge)?
                .encode_gauge(&most)?;
            let is_away = u64::from(!history["away_since_ns"].is_null());
            let help = "Whether the tables of history cannot be written.";
            encoder
                .encode_descriptor("timeline_history_away", help, None, MetricType::Gauge)?
                .encode_gauge(&is_away)?;
        }
        let catching_up = self.0["catching_up"].as_array().map_or(0, Vec::len) as u64;
        let help = "Deployments that have yet to read what those before them have read.";
        encoder.encode_descriptor("timeline_catching_up", help, None, MetricType::Gauge)?.encode_gauge(&catching_up)
    }
}

fn encode(mut metric: MetricEncoder<'_>, kind: MetricKind, number: &Value) -> fmt::Result {
    let none: Option<&Exemplar<[(&str, String); 0], f64>> = None;
    match (kind, number.as_u64(), number.as_f64().unwrap_or_default()) {
        (Counter, Some(count), _) => metric.encode_counter(&count, none),
        (Counter, None, count) => metric.encode_counter(&count, none),
        (Gauge, Some(amount), _) => metric.encode_gauge(&amount),
        (Gauge, None, amount) => metric.encode_gauge(&amount),
        (Instant, _, nanoseconds) => metric.encode_gauge(&(nanoseconds / 1e9)),
    }
}

fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a scrape shows; with the groups of totals where it asks for them.
pub(super) fn text(status: Value, groups: Option<Groups>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ScrapedStatus(status)));
    if let Some(groups) = groups {
        registry.register_collector(Box::new(groups));
    }
    measured::register(&mut registry);
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a text takes whatever is written to it");
    text
}

#[cfg(test)]
mod tests {
    use super::{Groups, METRICS, text};
    use crate::engine::{Engine, fake::Fake};
    use crate::measured;
    use serde_json::{Map, Value, json};
    use std::collections::BTreeSet;
    use std::time::Duration;

    /// A scrape in which everything that can be told is told.
    fn whole() -> String {
        let members = METRICS.iter().map(|(member, ..)| ((*member).to_owned(), json!(1_500_000_000_000_000_000_u64)));
        let mut partition: Map<String, Value> = members.collect();
        partition.extend([("source".into(), json!("a \"b\"\n\\")), ("partition".into(), json!(3))]);
        measured::checkpoint("player", 0, Duration::from_millis(2), Duration::from_millis(40));
        measured::request("/v1/query", 200, Duration::from_millis(5));
        drop(measured::QuestionTimer::begun("http"));
        #[cfg(feature = "postgres")]
        measured::statement("00000", Duration::from_millis(5));
        #[cfg(feature = "flight")]
        measured::call(0, Duration::from_millis(5));
        measured::published("player", 0, 0);
        let rows = vec![Fake::default().snapshot(&["totals".into()], None).unwrap().tables.remove(0).live.remove(0)];
        let history = json!({"place": "lake", "waiting_bytes_max": 1 << 30, "away_since_ns": 5, "error": "x"});
        let status = json!({"partitions": [partition], "resident_bytes": 7, "catching_up": [{}], "history": history});
        text(status, Some(Groups { rows, most: 2 }))
    }

    /// Names of metrics in a text, as far as they are ours.
    fn names(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("timeline_")).collect()
    }

    #[test]
    fn every_line_is_one_that_prometheus_reads() {
        let text = whole();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, number) = line.rsplit_once(' ').unwrap();
            assert!(number.parse::<f64>().is_ok(), "{line}");
            assert!(series.starts_with("timeline_"), "{line}");
        }
        let expected = "# TYPE timeline_watermark_timestamp_seconds gauge\n\
                        timeline_watermark_timestamp_seconds{source=\"a \\\"b\\\"\\n\\\\\",partition=\"3\"} 1500000000";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("# TYPE timeline_checkpoint_seconds histogram\n"), "{text}");
        let declared = |line: &&str| line.starts_with("# TYPE ");
        let mut seen = BTreeSet::new();
        assert!(text.lines().filter(declared).all(|line| seen.insert(line)), "declared twice: {text}");
    }

    #[test]
    fn history_is_told_where_there_is_a_place_for_it() {
        let of = |history: Value| text(json!({"partitions": [], "catching_up": [], "history": history}), None);
        let told = of(json!({"place": "lake", "waiting_bytes_max": 7, "away_since_ns": null, "error": null}));
        assert!(told.contains("\ntimeline_history_away 0\n"), "{told}");
        assert!(told.contains("\ntimeline_history_waiting_bytes_max 7\n"), "{told}");
        let told = of(json!({"place": "lake", "waiting_bytes_max": 7, "away_since_ns": 5, "error": "gone"}));
        assert!(told.contains("\ntimeline_history_away 1\n"), "{told}");
        assert!(!of(Value::Null).contains("timeline_history"));
    }

    #[test]
    fn groups_of_totals_are_gauges_up_to_a_bound() {
        let text = whole();
        let told: Vec<&str> = text.lines().filter(|line| line.starts_with("timeline_total_")).collect();
        let expected = [
            "timeline_total_count{metric=\"cirr\",cdn=\"C1\"} 1.0",
            "timeline_total_count{metric=\"cirr\",cdn=\"C2\"} 1.0",
            "timeline_total_sum{metric=\"cirr\",cdn=\"C1\"} 12.0",
            "timeline_total_sum{metric=\"cirr\",cdn=\"C2\"} 5.0",
            "timeline_total_avg{metric=\"cirr\",cdn=\"C1\"} 12.0",
            "timeline_total_avg{metric=\"cirr\",cdn=\"C2\"} 5.0",
            "timeline_total_groups_left_out 1",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_dashboard_the_rules_and_the_page_name_what_there_is() {
        let text = whole();
        let told = names(&text);
        for shown in [
            include_str!("../../../docker/grafana/timeline.json"),
            include_str!("../../../docker/prometheus/rules.yml"),
            include_str!("../../../docs/monitoring.md"),
        ] {
            let unknown: Vec<_> = names(shown).into_iter().filter(|name| !told.contains(name)).collect();
            assert!(unknown.is_empty(), "not told: {unknown:?}");
        }
        serde_json::from_str::<Value>(include_str!("../../../docker/grafana/timeline.json")).expect("JSON");
        let page = names(include_str!("../../../docs/monitoring.md"));
        let stem = |name: &str| ["_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
        let missing: Vec<_> = told.iter().filter(|name| !stem(name) && !page.contains(*name)).collect();
        assert!(missing.is_empty(), "not on the page: {missing:?}");
    }
}
