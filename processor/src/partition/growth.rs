//! A topic that gets more partitions: its keys are shared out anew, so sessions may go on in another partition.
//!
//! Nobody can put such a session together again. What can be done is to say which ones it may have happened to: those that
//! are alive when the growth is noticed, and those that may have begun before, in all partitions, old and new.
//!
//! **Invariant:** where it was noticed is part of the state, so a log that is read again tells the same.

use super::recovery::facts;
use super::{Counts, Error, Options, Partition};
use crate::checkpoint;
use crate::reach::Reach;
use crate::watermark::UnreadPrefix;
use event_feeder::world::Instant;
use event_feeder::{Gap, Position};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use timeline_core::plan::Plan;

/// The partitions among which the keys of one are shared out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Siblings {
    /// The numbers of those that there were from the beginning; none where nobody has looked.
    pub first: Vec<u32>,
    /// How many there are now; of topics that share a key, of all of them together.
    pub now: u32,
}

impl Siblings {
    pub(super) fn is_unknown(&self) -> bool {
        self.first.is_empty()
    }

    /// Counts as they are shown: how messages are keyed means nothing where all of them are in one partition.
    pub(super) fn shown(&self, counts: Counts, plan: &Plan) -> Counts {
        let is_shared_out = self.now as usize > plan.sources().count();
        Counts { misrouted: if is_shared_out { counts.misrouted } else { 0 }, ..counts }
    }
}

/// Time between two looks at how many there are.
const LOOK: Duration = Duration::from_secs(1);

impl Partition {
    /// Takes note of partitions that the topic has got.
    pub(super) fn look_for_growth(&mut self) -> Result<(), Error> {
        if !self.siblings.is_unknown() && self.siblings_seen.elapsed() < LOOK {
            return Ok(());
        }
        self.siblings_seen = Instant::now();
        let Some(now) = self.options.log.siblings(&self.options.part) else { return Ok(()) };
        let (count, part) = (now.len() as u32, &self.options.part);
        if self.siblings.is_unknown() {
            self.siblings = Siblings { first: now.iter().map(|part| part.number).collect(), now: count };
            self.dirty = true;
            return Ok(());
        }
        if count <= self.siblings.now {
            return Ok(());
        }
        // One of them says it for all.
        if now.first().is_some_and(|first| first.number == part.number) {
            let topics = match self.plan.joined.is_empty() {
                true => format!("the topic of {} has", part.name),
                false => format!("the topics of {} together have", self.plan.name()),
            };
            tracing::warn!(
                "{topics} {count} partitions now, and had {}: keys go elsewhere, and sessions that this may have split are \
                 partial",
                self.siblings.now
            );
        }
        self.siblings.now = count;
        for source in 0..self.readings.len() {
            let at = self.readings[source].position.of(0);
            self.go_over(source, Gap::split(at))?;
        }
        Ok(())
    }
}

/// Whether a partition that has no state yet came to the topic later than the others.
pub(super) fn is_of_growth(options: &Options) -> Result<bool, Error> {
    let Some(elder) = &options.elder else { return Ok(false) };
    let inspection = checkpoint::inspect(&**elder)?;
    let Some(manifest) = inspection.kept.first() else { return Ok(false) };
    let first = facts(manifest)?.siblings.first;
    Ok(!first.is_empty() && !first.contains(&options.part.number))
}

/// Sessions of such a partition may have begun in another one.
pub(super) fn begin_split(reach: &mut [Reach]) {
    for reach in reach {
        reach.unseen = UnreadPrefix::Everything;
        reach.gaps.push(Gap::split(Position::START));
    }
}
