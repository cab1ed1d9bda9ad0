//! A partition at work: reads its source, feeds the lanes, takes checkpoints, and answers.
//!
//! One thread runs the loop (`working`); [`PartitionHandle`] is how others talk to it. Everything between two blocks happens on that
//! thread, so an answer and a checkpoint are each true for one position of the log. It has five parts:
//!
//! | part | is |
//! |---|---|
//! | `Ingest` | what has been read: the logs of the sources, and how far each is |
//! | `Gathered` | what the lanes have told, added up; rows that wait for a checkpoint |
//! | `Committed` | the store, the last checkpoint, and the one that is being written |
//! | `PartitionOutputs` | what is to be published, and what of it was |
//! | `PartitionHistory` | what of history is on its way into tables |
//!
//! A checkpoint is cut on the lanes (a copy of what changed) and written by another thread while the lanes go on.
//! **Invariant:** at most one checkpoint is being written; what a checkpoint being written will commit is still part of
//! answers until it is committed, and part of history from then on, never both.
//!
//! Lanes that are *behind* (`crate::lane`) are fed nothing more. Checkpoints, status and stops go on meanwhile; a question
//! about sessions waits until they have caught up, for to answer it on copies would be the same work once more.
//!
//! **Invariant:** after any error of the checkpoint store the loop ends: nothing is written or answered on a doubtful base.

mod answering;
mod ask;
mod asked;
mod backpressure;
mod beginning;
mod checkpointing;
mod committed;
mod damaged;
mod ends;
mod error;
mod gathered;
mod growth;
mod history;
mod idleness;
mod ingest;
mod keeping;
mod looking;
mod options;
mod preflight;
mod publishing;
mod read_ahead;
mod recovery;
mod retiring;
mod siblings;
mod state;
mod survey;
mod unowned;
mod working;
mod writing;
mod zones;

pub use ask::{ANSWER_TIME, Ask, Asks, NoAnswer, PartitionAnswer, PartitionHandle, PendingAnswer};
pub(crate) use asked::asked_by;
pub use beginning::DeploymentStart;
pub use error::Error;
pub use looking::{AnswerLoss, MissingNeed, RecordFindings};
pub use options::{Counts, Options};
pub use preflight::before;
pub use recovery::Recovery;
pub(crate) use recovery::identity;
pub(crate) use state::plan_fingerprint;
pub use unowned::{asked_up_to, at_rest, can_copy, can_run, seal, sealed};

use crate::checkpoint;
use crate::pipeline::Pipeline;
use answering::{LaneOutput, Questions};
use ask::PartitionRequest;
use committed::Committed;
use event_feeder::Gap;
use gathered::Gathered;
use history::PartitionHistory;
use ingest::Ingest;
use publishing::PartitionOutputs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;
use survey::Survey;
use timeline_core::plan::Plan;

/// A partition, ready to run.
pub struct Partition {
    plan: Arc<Plan>,
    options: Options,
    /// What has been read.
    ingest: Ingest,
    /// The lanes.
    pipeline: Pipeline,
    requests: Receiver<PartitionRequest>,
    handle: PartitionHandle,
    /// What is to be published.
    publishing: PartitionOutputs,
    /// What the lanes have told.
    gathered: Gathered,
    /// What of history is on its way into tables.
    mover: PartitionHistory,
    /// What is durable.
    committed: Committed,
    /// What is asked.
    questions: Questions,
    /// The looks at all sessions that the next checkpoint waits for.
    survey: Option<Survey>,
    /// Whether there is anything that the last checkpoint does not have.
    dirty: bool,
}

/// How long after the last proof of its ownership an owner looks for another.
const OWNER_LOOK: Duration = Duration::from_secs(3);
/// How long the loop waits for lanes that are read or looked at before it does anything else.
const AT_ONCE: Duration = Duration::from_millis(25);
/// How long a lane works before it looks up.
const LOOK_UP: Duration = Duration::from_millis(25);
/// How old that proof may be for an answer. Another one takes over when a counter has stood still for three seconds, which
/// may have moved a second before the proof.
const ANSWER_LOOK: Duration = Duration::from_secs(1);

impl Partition {
    /// How to talk to it.
    pub fn handle(&self) -> PartitionHandle {
        self.handle.clone()
    }

    /// The last committed checkpoint.
    pub fn epoch(&self) -> u64 {
        self.committed.epoch
    }

    /// Works until it is asked to stop, its log ends (if so wished), or something fails. Ends with a checkpoint.
    ///
    /// `fenced` is set if somebody else has it now, before anybody who asks is left without an answer.
    pub fn run(mut self, fenced: &AtomicBool) -> Result<(), Error> {
        let result = self.work().and_then(|release| self.finish().map(|()| release));
        if matches!(result, Err(Error::Checkpoint(checkpoint::Error::Fenced { .. }))) {
            fenced.store(true, Ordering::SeqCst);
        }
        if let Err(error) = &result {
            self.handle.failed(error);
        }
        let checkpoints = self.committed.checkpoints.take();
        // The log is let go before the head says so, for whoever comes opens it at once.
        drop(self);
        match checkpoints.filter(|_| matches!(result, Ok(true))) {
            Some(checkpoints) => Ok(checkpoints.release()?),
            None => result.map(|_| ()),
        }
    }

    /// Goes on behind records of a source that are missing, and says so for good.
    fn go_over(&mut self, source: usize, gap: Gap) -> Result<(), Error> {
        self.pipeline.gap(source)?;
        self.committed.segments.begin_anew();
        self.ingest.go_over(source, gap);
        self.dirty = true;
        Ok(())
    }

    /// Makes sure that it was the owner so long ago at the most. One that slept finds out here that it is none any more,
    /// before it says anything.
    fn prove(&mut self, ago: Duration) -> Result<(), Error> {
        if self.committed.proven.elapsed() < ago {
            return Ok(());
        }
        // What is being written proves it too, but nobody waits for that.
        self.finish_commit(false)?;
        if self.committed.proven.elapsed() >= ago {
            if let Err(error) = self.committed.look_at_head() {
                // Where the checkpoint failed that is being written, that says more.
                self.finish_commit(true)?;
                return Err(error);
            }
            self.publishing.renew(self.committed.proven);
        }
        Ok(())
    }

    /// Takes what lane threads say of the blocks that they have decoded.
    fn take_decoded(&mut self) {
        let decoded: Vec<_> = self.pipeline.decoded().collect();
        for mut part in decoded {
            if part.misrouted > 0 {
                self.options.log.misrouted(&self.options.part);
            }
            self.gathered.take_decoded(&mut part);
            self.ingest.take_decoded(&self.plan, part);
        }
    }

    /// Takes what a lane has told.
    fn take_output(&mut self, output: LaneOutput) {
        self.ingest.note_late(&output.late);
        self.gathered.take(&self.plan, output);
    }
}
