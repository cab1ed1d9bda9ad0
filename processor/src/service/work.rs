//! Partitions at work: each a thread of its own, started and ended one by one.

use crate::checkpoint::TakeFrom;
use crate::input::{Log, LogPartition};
use crate::labels::Labels;
use crate::partition::{Error, Options as PartitionOptions, Partition, PartitionHandle, Recovery};
use crate::programs::DeploymentStart;
use crate::start_markers::StartMarkers;
use event_feeder::world;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use timeline_core::plan::Plan;

/// How a partition ended on its own.
#[derive(Debug)]
pub struct PartitionEnd {
    /// The source.
    pub source: String,
    /// The partition's number.
    pub partition: u32,
    /// What ended it.
    pub result: Result<(), Error>,
}

/// A plan with the log that it reads.
#[derive(Clone)]
pub(super) struct Bound {
    pub plan: Arc<Plan>,
    pub log: Arc<dyn Log>,
    /// The number of its deployment.
    pub number: u32,
    /// From where it reads the log.
    pub begins: DeploymentStart,
    /// Which of its outputs are seen, and as what.
    pub labels: Labels,
    /// The plan that has read the same log before, and keeps its events.
    pub earlier: Option<String>,
}

impl Bound {
    /// Whether it answers: it has caught up with what answered before.
    pub(super) fn answers(&self) -> bool {
        !self.labels.held
    }

    /// Whether any of its own outputs is seen.
    pub(super) fn is_seen(&self) -> bool {
        let mut names = self.plan.metrics.iter().map(|metric| &metric.name);
        let mut alerts = self.plan.alerts.iter().map(|alert| &alert.name);
        names.any(|name| self.labels.shows(name)) || alerts.any(|name| self.labels.shows(name))
    }
}

/// A partition at work.
pub(super) struct RunningPartition {
    pub plan: Arc<Plan>,
    pub part: LogPartition,
    pub handle: PartitionHandle,
    thread: JoinHandle<()>,
    /// Set before somebody ends it on purpose: such an end is nobody's news.
    replaced: Arc<AtomicBool>,
}

impl RunningPartition {
    /// Opens a partition and lets it work.
    pub(super) fn start(
        bound: &Bound,
        part: &LogPartition,
        threads: usize,
        take: TakeFrom,
        options: &super::Options,
        tell: Sender<PartitionEnd>,
        fenced: &Arc<AtomicBool>,
    ) -> Result<(RunningPartition, Recovery), Error> {
        let source = bound.plan.name();
        let (plan, part) = (Arc::clone(&bound.plan), part.clone());
        let partition_options = partition_options(bound, &part, threads, take, options);
        let (partition, recovery) = Partition::open(Arc::clone(&plan), partition_options)?;
        let handle = partition.handle();
        let replaced = Arc::new(AtomicBool::new(false));
        let is_replaced = Arc::clone(&replaced);
        let number = part.number;
        let fenced = Arc::clone(fenced);
        let thread = world::thread(format!("{source}/{number}"));
        let run = move || {
            let result = partition.run(&fenced);
            if !(is_replaced.load(Ordering::SeqCst) && result.is_ok()) {
                // Nobody listens any more when the processor itself ends.
                let _ = tell.send(PartitionEnd { source, partition: number, result });
            }
        };
        let thread = thread.spawn(run).expect("the system can start a thread");
        Ok((RunningPartition { plan, part, handle, thread, replaced }, recovery))
    }

    /// Whether it is this partition.
    pub(super) fn is(&self, source: &str, partition: u32) -> bool {
        self.plan.name() == source && self.part.number == partition
    }

    /// Ends it on purpose: its end is told only if it is a failure. To be asked of all before waiting for one.
    /// It is given up to whoever comes if `release`.
    pub(super) fn replace(&self, release: bool) {
        self.replaced.store(true, Ordering::SeqCst);
        self.handle.stop(release);
    }
}

/// How a partition of a log works here.
pub(super) fn partition_options(
    bound: &Bound,
    part: &LogPartition,
    threads: usize,
    take: TakeFrom,
    options: &super::Options,
) -> PartitionOptions {
    let source = bound.plan.name();
    let folder = folder(&source, part);
    PartitionOptions {
        log: Arc::clone(&bound.log),
        part: part.clone(),
        store: options.state.store(&folder),
        folder,
        elder: bound.log.siblings(part).and_then(|all| {
            let elder = all.into_iter().next().filter(|elder| elder.number != part.number)?;
            Some(options.state.store(&self::folder(&source, &elder)))
        }),
        begun: StartMarkers::of(&options.state),
        begins: bound.begins,
        labels: bound.labels.clone(),
        earlier: bound.earlier.as_ref().map(|earlier| options.state.store(&self::folder(earlier, part))),
        take,
        threads,
        checkpoint_every: options.checkpoint_every,
        keep: options.keep,
        keep_results: options.keep_results,
        history: options.history.clone(),
        writer: options.writer.clone(),
        exit_at_end: options.exit_at_end,
        outputs: options.outputs.clone(),
        accept_damage: options.accept_damage.clone(),
        remake: options.remake.clone(),
    }
}

/// Ends partitions and gives them up, each with a last checkpoint, and waits for them.
pub(super) fn halt(running: &mut Vec<RunningPartition>) {
    for partition in running.iter() {
        partition.handle.stop(true);
    }
    for partition in running.drain(..) {
        // A partition that panicked has said so itself.
        let _ = partition.thread.join();
    }
}

/// Where a partition's state is within the job's.
pub(super) fn folder(source: &str, part: &LogPartition) -> String {
    if part.folder.is_empty() { format!("sources/{source}") } else { format!("sources/{source}/{}", part.folder) }
}
