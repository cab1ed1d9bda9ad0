//! Spans of metrics that say `| keep spans`, of sessions that are over and alive: out of the log, read again.
//!
//! A log says all that there is to say of spans, so they are not written a second time: an event costs nothing more, a
//! kill can lose none, and a question costs about what reading the log costs.
//!
//! **Invariant:** what is told agrees with the answer whose places the logs were read up to: the same events, judged by
//! the same watermarks and silences.

use crate::lane::{Lane, Recorder, SessionOutput};
use crate::records::RecordedSpan;
use crate::replay::{self, ReplayLogs};
use crate::wanted::IsWanted;
use event_feeder::{DecodedEvent, Error};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// Whether some metric of a plan keeps its spans.
pub(crate) fn are_kept(plan: &Plan) -> bool {
    plan.metrics.iter().any(|metric| metric.keep_spans)
}

/// The spans through a horizon, out of logs read again, of all sessions or of those with some keys. In no order; not all of
/// them if nobody wants them any more.
pub(crate) fn replay(
    plan: &Arc<Plan>,
    logs: ReplayLogs<'_>,
    horizon: Time,
    keys: Option<&BTreeSet<String>>,
    is_wanted: IsWanted<'_>,
) -> Result<Vec<RecordedSpan>, Error> {
    let mut lane: Lane<Recorder<false>> = Lane::new(Arc::clone(plan), None);
    replay::replay(&mut lane, logs, None, |lane, batch, watermarks, _| {
        let wanted = |event: &DecodedEvent| keys.is_none_or(|keys| keys.contains(batch.text(event.key)));
        let own = (0..).zip(&batch.events).filter(|(_, event)| wanted(event)).map(|(i, _)| i);
        lane.take(batch, &own.collect::<Vec<u32>>(), watermarks);
        // Only the spans are wanted of it.
        lane.drain();
        is_wanted()
    })?;
    lane.read(horizon, &mut SessionOutput::default(), |_| {});
    let spans = lane.take_watchers().into_iter().flat_map(|watcher| watcher.spans);
    Ok(spans.filter(|span| plan.metrics[span.root].keep_spans).collect())
}
