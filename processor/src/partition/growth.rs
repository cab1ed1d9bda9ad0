//! A topic that gets more partitions: its keys are shared out anew, so sessions may go on in another partition.
//!
//! Nobody can put such a session together again. What can be done is to say which ones it may have happened to: those that
//! are alive when the growth is noticed, and those that may have begun before, in all partitions, old and new.
//!
//! **Invariant:** where it was noticed is part of the state, so a log that is read again tells the same.

use super::ingest::Ingest;
use super::siblings::Siblings;
use super::state::facts;
use super::{Error, Options, Partition};
use crate::checkpoint;
use crate::log_position::LogPosition;
use crate::watermark::UnreadPrefix;
use event_feeder::world::Instant;
use event_feeder::{Gap, Position};
use std::time::Duration;
use timeline_core::plan::Plan;

/// Time between two looks at how many there are.
const LOOK: Duration = Duration::from_secs(1);

/// What a look at the partitions of a topic came to.
enum Growth {
    /// They are as many as they were, or it was not looked.
    Nothing,
    /// They were counted for the first time.
    Counted,
    /// There are more.
    More,
}

impl Partition {
    /// Takes note of partitions that the topic has got.
    pub(super) fn look_for_growth(&mut self) -> Result<(), Error> {
        match self.ingest.count_siblings(&self.plan, &self.options) {
            Growth::Nothing => {}
            Growth::Counted => self.dirty = true,
            Growth::More => {
                for source in 0..self.ingest.count() {
                    let at = self.ingest.sources[source].position.of(0);
                    self.go_over(source, Gap::split(at))?;
                }
            }
        }
        Ok(())
    }
}

impl Ingest {
    /// Counts the partitions among which keys are shared out, if that was not done just before.
    fn count_siblings(&mut self, plan: &Plan, options: &Options) -> Growth {
        if !self.siblings.is_unknown() && self.siblings_seen.elapsed() < LOOK {
            return Growth::Nothing;
        }
        self.siblings_seen = Instant::now();
        let Some(now) = options.log.siblings(&options.part) else { return Growth::Nothing };
        let (count, part) = (now.len() as u32, &options.part);
        if self.siblings.is_unknown() {
            self.siblings = Siblings { first: now.iter().map(|part| part.number).collect(), now: count };
            return Growth::Counted;
        }
        if count <= self.siblings.now {
            return Growth::Nothing;
        }
        // One of them says it for all.
        if now.first().is_some_and(|first| first.number == part.number) {
            let topics = match plan.joined.is_empty() {
                true => format!("the topic of {} has", part.name),
                false => format!("the topics of {} together have", plan.name()),
            };
            tracing::warn!(
                "{topics} {count} partitions now, and had {}: keys go elsewhere, and sessions that this may have split are \
                 partial",
                self.siblings.now
            );
        }
        self.siblings.now = count;
        Growth::More
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
pub(super) fn begin_split(reach: &mut [LogPosition]) {
    for reach in reach {
        reach.unseen = UnreadPrefix::Everything;
        reach.gaps.push(Gap::split(Position::START));
    }
}
