//! What this process measures of itself, for `/metrics`: how long checkpoints and answers take.
//!
//! Nothing here is read by anything that an answer depends on.

use event_feeder::world::{self, Instant};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use timeline_core::Time;

/// A partition of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    source: String,
    partition: u32,
}

/// What was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    path: String,
    status: u16,
}

/// What came of a statement over the wire of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatementLabels {
    state: &'static str,
}

/// What came of a question over Arrow Flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    code: i32,
}

/// The wire that a question came by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WireLabels {
    wire: &'static str,
}

struct Measured {
    pauses: Family<PartitionLabels, Histogram, fn() -> Histogram>,
    checkpoints: Family<PartitionLabels, Histogram, fn() -> Histogram>,
    last_checkpoint: Family<PartitionLabels, Gauge<f64, AtomicU64>>,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    statements: Family<StatementLabels, Histogram, fn() -> Histogram>,
    calls: Family<CallLabels, Histogram, fn() -> Histogram>,
    questions: Family<WireLabels, Histogram, fn() -> Histogram>,
    published: Family<PartitionLabels, Histogram, fn() -> Histogram>,
}

static MEASURED: LazyLock<Measured> = LazyLock::new(|| Measured {
    pauses: Family::new_with_constructor(durations),
    checkpoints: Family::new_with_constructor(durations),
    last_checkpoint: Family::default(),
    requests: Family::new_with_constructor(durations),
    statements: Family::new_with_constructor(durations),
    calls: Family::new_with_constructor(durations),
    questions: Family::new_with_constructor(durations),
    published: Family::new_with_constructor(durations),
});

/// From a millisecond to half a minute.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

/// The longest that lanes stood still for a checkpoint, in nanoseconds, since somebody asked.
static LONGEST_PAUSE: AtomicU64 = AtomicU64::new(0);

/// The longest that the lanes of a partition stood still for a checkpoint since this was last asked.
pub fn longest_pause() -> Duration {
    Duration::from_nanos(LONGEST_PAUSE.swap(0, Ordering::Relaxed))
}

/// A checkpoint of a partition was committed: how long its lanes stood still for it, and how long it took in all.
pub(crate) fn checkpoint(source: &str, partition: u32, pause: Duration, took: Duration) {
    let of = PartitionLabels { source: source.to_owned(), partition };
    MEASURED.pauses.get_or_create(&of).observe(pause.as_secs_f64());
    LONGEST_PAUSE.fetch_max(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    MEASURED.checkpoints.get_or_create(&of).observe(took.as_secs_f64());
    let now = world::wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    MEASURED.last_checkpoint.get_or_create(&of).set(now.as_secs_f64());
}

/// Answers have a block of messages from now on, of which the first was published at an instant (nanoseconds since 1970).
pub(crate) fn published(source: &str, partition: u32, at: Time) {
    let of = PartitionLabels { source: source.to_owned(), partition };
    let at = UNIX_EPOCH + Duration::from_nanos(u64::try_from(at).unwrap_or(0));
    // Clocks of two machines need not agree.
    let ago = world::wall_clock().duration_since(at).unwrap_or_default();
    MEASURED.published.get_or_create(&of).observe(ago.as_secs_f64());
}

/// A request was answered, or what of its answer comes first.
pub(crate) fn request(path: &str, status: u16, took: Duration) {
    let of = RequestLabels { path: path.to_owned(), status };
    MEASURED.requests.get_or_create(&of).observe(took.as_secs_f64());
}

/// A statement over the wire of PostgreSQL came to its first rows, or to an error of that state.
#[cfg(feature = "postgres")]
pub(crate) fn statement(state: &'static str, took: Duration) {
    MEASURED.statements.get_or_create(&StatementLabels { state }).observe(took.as_secs_f64());
}

/// A question over Arrow Flight came to its first rows, or to a status of gRPC.
#[cfg(feature = "flight")]
pub(crate) fn call(code: i32, took: Duration) {
    MEASURED.calls.get_or_create(&CallLabels { code }).observe(took.as_secs_f64());
}

/// A question in SQL that is at work; how long it was is measured when it is dropped, whatever came of it.
#[derive(Debug)]
pub(crate) struct QuestionTimer {
    wire: &'static str,
    begun: Instant,
}

impl QuestionTimer {
    /// One that begins now, which came by a wire.
    pub(crate) fn begun(wire: &'static str) -> QuestionTimer {
        QuestionTimer { wire, begun: Instant::now() }
    }
}

impl Drop for QuestionTimer {
    fn drop(&mut self) {
        MEASURED.questions.get_or_create(&WireLabels { wire: self.wire }).observe(self.begun.elapsed().as_secs_f64());
    }
}

/// Adds all that to what a scrape shows.
pub(crate) fn register(registry: &mut Registry) {
    registry.register(
        "timeline_checkpoint_pause_seconds",
        "How long a partition's lanes stood still for a checkpoint",
        MEASURED.pauses.clone(),
    );
    registry.register(
        "timeline_checkpoint_seconds",
        "From the cut of a partition's lanes to the commit",
        MEASURED.checkpoints.clone(),
    );
    registry.register(
        "timeline_last_checkpoint_timestamp_seconds",
        "When the last checkpoint was committed",
        MEASURED.last_checkpoint.clone(),
    );
    registry.register(
        "timeline_request_seconds",
        "From a request to the beginning of its answer",
        MEASURED.requests.clone(),
    );
    registry.register(
        "timeline_statement_seconds",
        "From a statement over the wire of PostgreSQL to its first rows, by its SQLSTATE",
        MEASURED.statements.clone(),
    );
    registry.register(
        "timeline_flight_seconds",
        "From a question over Arrow Flight to its first rows, by its status of gRPC",
        MEASURED.calls.clone(),
    );
    registry.register(
        "timeline_question_seconds",
        "How long questions in SQL were at work, from their turn to their last row, by the wire that they came by",
        MEASURED.questions.clone(),
    );
    registry.register(
        "timeline_publish_to_answer_seconds",
        "From when a message was published to when answers have it, of the first message of each block that is read",
        MEASURED.published.clone(),
    );
}
