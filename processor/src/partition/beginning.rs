//! Where queries begin. Those that begin now: their logs are read from where they end at the deployment.
//!
//! What lies before that is not decoded, but for the time of the last record, where those behind it depend on that.
//!
//! **Invariant:** where that is, is in a committed checkpoint before anything that follows from it is shown; so a restart, or
//! a log that is read again, begins at the same place, whatever the clock says.

use super::Error;
use crate::log_position::LogPosition;
use crate::watermark::UnreadPrefix;
use event_feeder::world::{self, Instant};
use event_feeder::{Next, Position, Preceding, Source, Target};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use timeline_core::plan::Plan;

/// Where the queries of a deployment begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStart {
    /// With the first event of the logs.
    #[default]
    Start,
    /// With the next event: sessions that are open then are partial.
    Now,
}

/// How long a log may say nothing at all while its end is looked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks at a log that has nothing now.
const PAUSE: Duration = Duration::from_millis(5);

/// Passes over all that the logs of a plan's sources hold now, and says where that ends.
pub(super) fn at_the_end(plan: &Plan, sources: &mut [Box<dyn Source>]) -> Result<Vec<LogPosition>, Error> {
    let ends = (0u8..).zip(sources.iter_mut()).map(|(number, source)| {
        let mut target = source.caught_up_target()?;
        let (mut position, mut heard) = (Position::START, Instant::now());
        let mut preceding = Preceding::of(plan, usize::from(number));
        while !target.reached(position) {
            match source.next()? {
                Next::Block(mut block) => {
                    preceding.tell(&mut block);
                    position = block.end;
                    heard = Instant::now();
                }
                // What is passed over may be gone as well.
                Next::Gap(gap) => position = gap.to.unwrap_or(gap.from),
                Next::End => break,
                // What was let go of long ago never comes, so the end that the log names is as good.
                Next::Idle { drained: true } if matches!(&target, Target::At(_)) => break,
                Next::Idle { .. } if heard.elapsed() < PATIENCE => world::sleep(PAUSE),
                Next::Idle { .. } => return Err(Error::NoEnd),
            }
        }
        if let Target::At(end) = target {
            position = position.max(end);
        }
        let (position, files, preceding) = (position.of(number), source.files().clone(), preceding.last());
        Ok(LogPosition { position, files, unseen: UnreadPrefix::Everything, preceding, ..LogPosition::default() })
    });
    ends.collect()
}
