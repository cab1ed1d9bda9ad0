//! Starting is as patient as running: a bucket that gives no clear answer is asked again, for as long as a flag says. A request
//! that has no answer by then is given up (`processor::checkpoint::patience`).
//!
//! **Invariant:** every attempt has a writer's name of its own. What an earlier one wrote without an answer is then somebody
//! else's, which the protocol of the checkpoints settles, and is never taken for what this one wrote.

use super::partitions::passes;
use super::refusals::start_error;
use crate::error::Result;
use event_feeder::world::{self, Instant};
use processor::checkpoint;
use processor::partition::{Error, Recovery};
use processor::service::{Options, Service, StartError, writer_name};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The pause before the second attempt, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long a stop may go unheard.
const STEP: Duration = Duration::from_millis(50);

/// Starts, again and again while only the bucket's answers keep it from it, for so long since then.
pub(super) fn start(
    mut options: Options,
    programs: &[(String, String)],
    (begun, patience): (Instant, Duration),
    stopping: &AtomicBool,
) -> Result<(Arc<Service>, Vec<Recovery>)> {
    let (mut pause, longest) = PAUSES;
    loop {
        let error = match Service::start(options.clone(), programs) {
            Ok(started) => return Ok(started),
            Err(error) => error,
        };
        let may_pass =
            matches!(&error, StartError::Partition(error) if passes(error, &options.state) && !is_refused(error));
        if !may_pass || stopping.load(Ordering::Relaxed) {
            return Err(start_error(error));
        }
        if begun.elapsed() + pause >= patience {
            tracing::warn!("not started within {} s; --start-timeout allows more", patience.as_secs_f64());
            return Err(start_error(error));
        }
        tracing::warn!("{error}; starting again in {:.1} s", pause.as_secs_f64());
        let until = Instant::now() + pause;
        while Instant::now() < until && !stopping.load(Ordering::Relaxed) {
            world::sleep(STEP);
        }
        pause = (pause * 2).min(longest);
        options.writer = writer_name();
    }
}

/// Whether the bucket is not there, or is not ours: it would say so again.
fn is_refused(error: &Error) -> bool {
    let Error::Checkpoint(checkpoint::Error::Store(error)) = error else { return false };
    matches!(error.source.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::NotFound)
}
