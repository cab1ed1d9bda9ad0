//! Spans of metrics that say `| keep spans`, of sessions that are over and alive: out of the log, read again.
//!
//! A log says all that there is to say of spans, so they are not written a second time: an event costs nothing more, a
//! kill can lose none, and a question costs about what reading the log costs.
//!
//! **Invariant:** what is told agrees with the answer whose places the logs were read up to: the same events, judged by
//! the same watermarks and silences.

use crate::feed::{Fed, Feed};
use crate::lane::{Lane, Outcome, RecordedSpan, Recorder};
use crate::reach::Reach;
use crate::watermark::{Progress, Watermarks};
use event_feeder::{Decoder, Error, Source};
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// Whether some metric of a plan keeps its spans.
pub fn are_kept(plan: &Plan) -> bool {
    plan.metrics.iter().any(|metric| metric.keep_spans)
}

/// The spans through a horizon, out of logs that end at the places of `reach`; of each source, `before` is the largest
/// event time of what is not read again. In no order.
pub fn again(
    plan: &Arc<Plan>,
    sources: Vec<Box<dyn Source>>,
    (before, reach): (&[Option<Time>], &[Reach]),
    horizon: Time,
) -> Result<Vec<RecordedSpan>, Error> {
    let mut decoders: Vec<Decoder> = (0..sources.len()).map(|source| Decoder::of(plan, source)).collect();
    let mut feed = Feed::new(plan, sources, false);
    let mut lane: Lane<Recorder<false>> = Lane::new(Arc::clone(plan), None);
    let mut progress = Progress::nothing(plan, None);
    progress.sources.iter_mut().zip(before).for_each(|(reached, before)| reached.max_time = *before);
    loop {
        let block = match feed.read()? {
            Fed::Block(block) => block,
            Fed::Ended(source) => {
                // It holds the others back no longer, as it did not when the answer was given.
                progress.sources[source].ended = true;
                lane.release(progress.clock());
                continue;
            }
            Fed::Gap(..) => continue,
            Fed::Idle | Fed::Waits(_) | Fed::End => break,
        };
        let source = usize::from(block.start.source);
        let batch = decoders[source].decode(block);
        let silences = &reach[source].silences;
        let reached = &mut progress.sources[source];
        let before = reached.log_watermark();
        reached.max_time = reached.max_time.max(batch.max_time);
        reached.idle = reached.idle.max(silences.at(batch.end));
        feed.reached(source, reached.max_time);
        let after = progress.clock();
        let all: Vec<u32> = (0..batch.events.len() as u32).collect();
        lane.take(&batch, &all, &Watermarks { before, after, silences });
        lane.drain();
        feed.source(source).recycle(batch.bytes);
    }
    lane.read(horizon, &mut Outcome::default(), |_| {});
    let spans = lane.take_watchers().into_iter().flat_map(|watcher| watcher.spans);
    Ok(spans.filter(|span| plan.metrics[span.root].keep_spans).collect())
}
