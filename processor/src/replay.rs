//! Logs read once more through one lane, up to the places that an answer is true for.
//!
//! **Invariant:** every event is judged as it was the first time: by the same watermarks, and the same silences.

use crate::feed::{Feed, FeedItem};
use crate::lane::{Lane, Watcher};
use crate::log_position::LogPosition;
use crate::watermark::{PartitionProgress, Watermarks};
use event_feeder::{Batch, Decoder, Error, Position, Source};
use timeline_core::Time;

/// Logs as they are to be read once more, one for each source of a plan.
pub(crate) struct ReplayLogs<'a> {
    /// They end at the places of `reach`.
    pub sources: Vec<Box<dyn Source>>,
    /// Of each what is known where it is read from.
    pub before: &'a [ReplayStart],
    /// How far each was read.
    pub reach: &'a [LogPosition],
}

/// What is known of a log where it is read once more from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayStart {
    /// The place; where it is read from its start, or from the first event that is kept, that start.
    pub place: Position,
    /// The largest event time of what is not read again, since it is not kept.
    pub max_time: Option<Time>,
    /// The time of the record before the place, where the times of records depend on that. Kept events say it themselves.
    pub preceding: Option<Time>,
}

/// Reads logs again through a lane. `each` gives it what it is to have of a batch, and says whether to go on; its last
/// argument is how far behind its watermark the batch's source still takes events.
pub(crate) fn replay<W: Watcher>(
    lane: &mut Lane<W>,
    logs: ReplayLogs<'_>,
    until: Option<Time>,
    mut each: impl FnMut(&mut Lane<W>, &Batch, &Watermarks<'_>, Time) -> bool,
) -> Result<(), Error> {
    let plan = lane.plan().clone();
    let mut decoders: Vec<Decoder> = (0..logs.sources.len()).map(|source| Decoder::of(&plan, source)).collect();
    let mut feed = Feed::new(&plan, logs.sources, false);
    let mut progress = PartitionProgress::nothing(&plan, until);
    let all = progress.sources.iter_mut().zip(logs.before).zip(logs.reach);
    for (source, ((reached, before), reach)) in all.enumerate() {
        reached.max_time = before.max_time;
        reached.unseen = reach.unseen;
        feed.go_on(source, before.place, before.preceding);
    }
    lane.set_unseen(progress.unseen(&plan));
    loop {
        let block = match feed.read()? {
            FeedItem::Block(block) => block,
            FeedItem::Ended(source) => {
                // It holds the others back no longer, as it did not when the answer was given.
                progress.sources[source].ended = true;
                lane.release(progress.clock());
                continue;
            }
            FeedItem::Gap(..) => continue,
            FeedItem::Idle | FeedItem::Waits(_) | FeedItem::End => return Ok(()),
        };
        let source = usize::from(block.start.source);
        let batch = decoders[source].decode(block);
        let silences = &logs.reach[source].silences;
        let reached = &mut progress.sources[source];
        let (before, repair) = (reached.log_watermark(), reached.repair);
        reached.max_time = reached.max_time.max(batch.max_time);
        reached.idle = reached.idle.max(silences.at(batch.end));
        feed.reached(source, reached.max_time);
        let after = progress.clock();
        if !each(lane, &batch, &Watermarks { before, after, silences }, repair) {
            return Ok(());
        }
        feed.source(source).recycle(batch.bytes);
    }
}
