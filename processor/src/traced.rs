//! What this process tells of its own work in traces: every span that it opens, in one place.
//!
//! A span is that of `tracing` here, a stretch of work, and has nothing to do with the spans of a timeline. All have one
//! target, [`TARGET`], so that lines of a log can leave them out; where nobody wants them none is ever made.
//! Attributes have the names that OpenTelemetry gives them where it does, and begin with `timeline.` elsewhere.
//!
//! **Invariant:** none is opened for an event, a batch, a session or a row, and nothing that an answer depends on reads one.
//! Of a question there is its text, up to [`TEXT_BYTES_MAX`] bytes, and never the values of its parameters.

use axum::http::HeaderMap;
use std::fmt::Display;
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The target of all spans.
pub const TARGET: &str = "timeline_traces";

/// Makes the span of a request the child of the one that its headers name (`traceparent`), if they name one.
pub type Follows = fn(&Span, &HeaderMap);

/// The most bytes of a text that a span has.
const TEXT_BYTES_MAX: usize = 1024;

/// What machines ask all the time, of which nobody wants to see each.
const UNTRACED: [&str; 3] = ["/healthz", "/metrics", "/v1/peer/programs"];

/// A request over HTTP, by its method and the address as the routes have it, until the last of its answer was handed on.
pub(crate) fn request(method: &str, path: &str) -> Span {
    if UNTRACED.contains(&path) {
        return Span::none();
    }
    info_span!(
        target: TARGET,
        "request",
        otel.name = %format_args!("{method} {path}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = path,
        http.response.status_code = Empty,
    )
}

/// The answer to a request begins, with a status of HTTP.
pub(crate) fn responded(span: &Span, status: u16) {
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// A question in SQL, over whichever wire it came, until its last row was taken.
pub(crate) fn question(sql: &str) -> Span {
    info_span!(
        target: TARGET,
        "question",
        otel.status_description = Empty,
        db.system.name = "timeline",
        db.query.text = bounded(sql),
        db.response.returned_rows = Empty,
    )
}

/// So many rows of its answer were taken.
pub(crate) fn returned(span: &Span, rows: u64) {
    span.record("db.response.returned_rows", whole(rows));
}

/// A deployment of programs, by the names of their files; `plan_only` where it is only told what it would do.
pub(crate) fn deployment(files: &str, plan_only: bool) -> Span {
    info_span!(
        target: TARGET,
        "deploy",
        otel.status_description = Empty,
        timeline.programs = bounded(files),
        timeline.plan_only = plan_only,
    )
}

/// The end of a deployed query.
pub(crate) fn dropping(name: &str) -> Span {
    info_span!(target: TARGET, "drop", otel.status_description = Empty, timeline.query = bounded(name))
}

/// A checkpoint of a partition, from the cut of its lanes to the commit.
pub(crate) fn checkpoint(source: &str, partition: u32) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "checkpoint",
        otel.status_description = Empty,
        timeline.source = source,
        timeline.partition = i64::from(partition),
        timeline.epoch = Empty,
        timeline.bytes = Empty,
        timeline.files = Empty,
        timeline.pause_ms = Empty,
    )
}

/// What a checkpoint came to.
pub(crate) struct CheckpointTrace {
    /// Its number.
    pub(crate) epoch: u64,
    /// Bytes of sessions that it wrote.
    pub(crate) bytes: u64,
    /// Files that it names, those that were there before among them.
    pub(crate) files: usize,
    /// How long the lanes stood still for it, in milliseconds.
    pub(crate) pause_ms: f64,
}

/// A checkpoint was committed.
pub(crate) fn committed(span: &Span, committed: &CheckpointTrace) {
    span.record("timeline.epoch", whole(committed.epoch));
    span.record("timeline.bytes", whole(committed.bytes));
    span.record("timeline.files", whole(committed.files as u64));
    span.record("timeline.pause_ms", committed.pause_ms);
}

/// An attempt to take over a partition; its epoch is there if that came about.
pub(crate) fn take_over(source: &str, partition: u32) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "take over",
        otel.status_description = Empty,
        timeline.source = source,
        timeline.partition = i64::from(partition),
        timeline.epoch = Empty,
    )
}

/// A partition was taken over, whose last checkpoint has this number.
pub(crate) fn taken_over(span: &Span, epoch: Option<u64>) {
    if let Some(epoch) = epoch {
        span.record("timeline.epoch", whole(epoch));
    }
}

/// A move of rows from the state into the tables of history.
pub(crate) fn history_move() -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "move history",
        otel.status_description = Empty,
        timeline.files_taken = Empty,
        timeline.files_written = Empty,
        timeline.bytes = Empty,
    )
}

/// Rows were moved: out of so many files, into so many, which have so many bytes.
pub(crate) fn moved(span: &Span, taken: usize, written: usize, bytes: u64) {
    span.record("timeline.files_taken", whole(taken as u64));
    span.record("timeline.files_written", whole(written as u64));
    span.record("timeline.bytes", whole(bytes));
}

/// Does the work of a span, which says why it failed if it does.
pub(crate) fn within<T, E: Display>(span: &Span, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    span.in_scope(work).inspect_err(|error| failed(span, error))
}

/// What a span stands for failed.
pub(crate) fn failed(span: &Span, error: &impl Display) {
    if !span.is_disabled() {
        span.record("otel.status_description", bounded(&error.to_string()));
    }
}

/// The beginning of a text.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

/// A number as attributes have them, which know no unsigned ones.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{TEXT_BYTES_MAX, bounded};

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("SELECT 1"), "SELECT 1");
        let long = format!("x{}", "é".repeat(TEXT_BYTES_MAX));
        assert_eq!(bounded(&long).len(), TEXT_BYTES_MAX - 1);
    }
}
