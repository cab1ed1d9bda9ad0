//! What becomes of partitions that end while the processor runs: they are opened again, left out, or it ends with them.
//!
//! **Invariant:** a partition whose state is on a disk is never opened again by the same process, for after a failed sync a
//! disk says anything; one of a bucket is, [`FAILURES_MAX`] times.

use super::refusals::partition_error;
use crate::error::{Error, Result};
use processor::checkpoint::{self, StateLocation};
use processor::partition;
use processor::service::{PartitionEnd, Service};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two looks whether the end was asked for.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until the end is asked for (`stopping`), all partitions have ended, or one fails for good.
pub(super) fn watch(service: &Arc<Service>, state: &StateLocation, stopping: &AtomicBool) -> Result<()> {
    let mut failures = 0;
    loop {
        if stopping.load(Ordering::Relaxed) {
            let endings = service.stop();
            endings.into_iter().try_for_each(|PartitionEnd { source, result, .. }| {
                result.map_err(|error| partition_error(&source, error))
            })?;
            // One that had failed before and could not be opened again has no end of its own.
            return match state.silence() {
                Some(silent) => Err(Error::Unreachable(format!(
                    "{}; nothing that was committed is lost, and what was read since is read again at the next start",
                    silent.line()
                ))),
                None => Ok(()),
            };
        }
        match service.wait(LOOK) {
            None => {}
            Some(PartitionEnd { source, partition, result: Ok(()) }) => {
                service.finish(&source, partition);
                if service.partitions() == 0 {
                    // What has caught up with its log by then has its place from then on.
                    while service.tend().is_ok_and(|more| more) {}
                    service.stop();
                    return Ok(());
                }
            }
            Some(PartitionEnd { source, partition, result: Err(error) })
                if passes(&error, state) && failures < FAILURES_MAX =>
            {
                failures += 1;
                tracing::warn!(source, partition, %error, "the partition is opened again");
                service.forget(&source, partition);
            }
            Some(PartitionEnd { source, partition, result: Err(error) })
                if !service.answers(&source)
                    && !matches!(error, partition::Error::Checkpoint(checkpoint::Error::Fenced { .. })) =>
            {
                service.note_trouble(&source, &error.to_string());
                service.forget(&source, partition);
            }
            Some(PartitionEnd { source, result: Err(error), .. }) => {
                let fatal = partition_error(&source, error);
                service.stop();
                return Err(fatal);
            }
        }
    }
}

/// How often a partition may be opened again after the bucket failed.
const FAILURES_MAX: u32 = 1000;

/// Whether a partition that failed so may be opened again by the same process. A bucket says what it has whenever it is
/// asked; a disk whose sync failed says anything.
pub(super) fn passes(error: &partition::Error, state: &StateLocation) -> bool {
    use checkpoint::Error as E;
    use partition::Error as P;
    let error = match error {
        P::Checkpoint(error) | P::Results(processor::results::Error::Checkpoint(error)) => error,
        _ => return false,
    };
    let unclear = match error {
        E::Store(_) | E::Unclear { .. } | E::Poisoned { .. } | E::Contended { .. } => true,
        // What could not be read may be whole.
        E::Damaged { findings } => findings.iter().any(is_unreadable),
        E::Corrupt(finding) => is_unreadable(finding),
        _ => false,
    };
    unclear && !matches!(state, StateLocation::Local(_))
}

fn is_unreadable(finding: &checkpoint::Finding) -> bool {
    matches!(finding.problem, checkpoint::ObjectProblem::Unreadable { .. })
}
