//! What a partition publishes: put into the outbox when a checkpoint is cut, published once it is committed.
//!
//! **Invariant:** only files that a committed checkpoint names are published, and a file is left out of a checkpoint only
//! when its destination has all of it.

use super::{Error, OWNER_LOOK, Options, Partition};
use crate::checkpoint::{FileRef, Kind, Reader};
use crate::outputs::facts::{Facts, Marks, Windows};
use crate::outputs::outbox::{self, Files, Outbox};
use crate::outputs::publisher::{Permit, Publisher};
use crate::outputs::{Origin, Output, Published};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timeline_core::plan::Plan;

/// A look at the alerts of all sessions may take one part of so many of the time.
const LOOK_SHARE: u32 = 20;
/// How long the end waits for what is to be published.
const FLUSH: Duration = Duration::from_secs(10);
/// Files that are left as they are by a checkpoint that is being written, so that they can be published meanwhile.
const LEFT_ALONE: usize = 8;
/// How long it sleeps in between.
const PAUSE: Duration = Duration::from_millis(5);

/// All that a partition publishes.
pub(super) struct Publishing {
    windows: Windows,
    ways: Vec<Way>,
    /// Files of outputs that have no destination now.
    others: Vec<FileRef>,
    permit: Arc<Permit>,
    /// When the alerts may be looked at again.
    next_look: Instant,
    /// Whether the last checkpoint was cut without a look.
    is_behind: bool,
}

/// An output with its destination.
struct Way {
    origin: Origin,
    publisher: Publisher,
    /// Files that the newest checkpoint names, in their order.
    files: Vec<FileRef>,
    /// How many of the first are published.
    sent: usize,
    /// Whether the one behind them is being published.
    is_busy: bool,
    /// Only so many of the first may be published now: a checkpoint that is being written may put others together.
    limit: usize,
}

impl Publishing {
    /// Goes on from a checkpoint with those files and marks.
    pub(super) fn open(plan: &Plan, options: &Options, files: &[FileRef], marks: &Marks, proven: Instant) -> Self {
        let permit = Arc::new(Permit::new(proven, OWNER_LOOK));
        let reader = Reader::new(Arc::clone(&options.store));
        let mut others: Vec<FileRef> = files.iter().filter(|file| file.kind == Kind::Outbox).cloned().collect();
        let mut ways = vec![];
        for (output, destination) in options.outputs.iter() {
            let origin = Origin { output, source: plan.source.name.clone(), partition: options.part.number };
            let is_own = |file: &FileRef| outbox::facts_of(file).is_some_and(|(own, _)| own == output);
            let (files, rest) = others.into_iter().partition(is_own);
            others = rest;
            let (destination, permit) = (Arc::clone(destination), Arc::clone(&permit));
            let publisher = Publisher::start(origin.clone(), destination, reader.clone(), permit);
            let limit = files.len();
            ways.push(Way { origin, publisher, files, sent: 0, is_busy: false, limit });
        }
        let waiting = outbox::count(&others);
        if waiting > 0 {
            let (source, part) = (&plan.source.name, options.part.number);
            tracing::warn!("{source}/{part}: {waiting} messages wait to be published, and are told nowhere to go");
        }
        Publishing {
            windows: Windows::new(plan, marks),
            ways,
            others,
            permit,
            next_look: Instant::now(),
            is_behind: true,
        }
    }

    /// For a checkpoint.
    pub(super) fn marks(&self) -> Marks {
        self.windows.marks()
    }

    /// The files that the next checkpoint is to name, before what is new.
    pub(super) fn cut(&mut self) -> Outbox {
        let left = |way: &mut Way| {
            way.limit = way.sent + LEFT_ALONE;
            Files { origin: way.origin.clone(), files: way.files[way.sent..].to_vec(), left_alone: LEFT_ALONE }
        };
        Outbox { own: self.ways.iter_mut().map(left).collect(), others: self.others.clone() }
    }

    /// A checkpoint with those files is committed.
    pub(super) fn committed(&mut self, outbox: Outbox) {
        for (way, Files { files, .. }) in self.ways.iter_mut().zip(outbox.own) {
            // What was published since it was cut is still in it, in front.
            let sent = way.files[..way.sent].iter().filter(|sent| files.contains(sent)).count();
            (way.limit, way.files, way.sent) = (files.len(), files, sent);
        }
        self.others = outbox.others;
    }

    /// Lets the publishers go on; whether any of them has published something.
    fn tend(&mut self) -> Result<bool, Error> {
        let mut any = false;
        for way in &mut self.ways {
            if way.is_busy && way.publisher.is_done()? {
                way.is_busy = false;
                way.sent += 1;
                any = true;
            }
            if !way.is_busy
                && way.sent < way.limit
                && let Some(file) = way.files.get(way.sent)
            {
                way.publisher.begin(file.clone());
                way.is_busy = true;
            }
        }
        Ok(any)
    }

    /// How far each output is.
    pub(super) fn progress(&self) -> BTreeMap<String, Published> {
        let of = |way: &Way| {
            let waiting = outbox::count(&way.files[way.sent..]);
            (way.origin.output.name().to_owned(), Published { published: way.publisher.published(), waiting })
        };
        self.ways.iter().map(of).collect()
    }

    /// The partition was owned then.
    pub(super) fn renew(&self, proven: Instant) {
        self.permit.renew(proven);
    }

    /// Whether what is told of alerts may be behind what is known by now.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind && self.tells_alerts()
    }

    /// Whether anybody listens to alerts.
    pub(super) fn tells_alerts(&self) -> bool {
        self.ways.iter().any(|way| way.origin.output == Output::Alerts)
    }

    fn is_empty(&self) -> bool {
        self.ways.iter().all(|way| way.sent == way.files.len())
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.permit.end();
    }
}

impl Partition {
    /// What is to be told of alerts since the last cut. The lanes have just told what they had, and nothing was fed since.
    pub(super) fn alert_facts(&mut self) -> Result<Facts, Error> {
        let mut facts = Facts::default();
        if self.plan.alerts.is_empty() || !self.publishing.tells_alerts() {
            self.publishing.is_behind = false;
            return Ok(facts);
        }
        self.publishing.windows.told(&self.pending.alerts, &mut facts);
        let began = Instant::now();
        self.publishing.is_behind = began < self.publishing.next_look;
        if self.publishing.is_behind {
            return Ok(facts);
        }
        let looks = self.pipeline.call(|lane, progress| {
            let frontier = lane.frontier(progress.clock());
            (lane.look_at_alerts(frontier), frontier)
        })?;
        for (look, frontier) in &looks {
            self.publishing.windows.seen(look, *frontier, &mut facts);
        }
        if let Some(frontier) = looks.iter().map(|(_, frontier)| *frontier).min() {
            self.publishing.windows.advance(frontier);
        }
        self.publishing.next_look = Instant::now() + began.elapsed() * LOOK_SHARE;
        Ok(facts)
    }

    /// Lets the publishers go on. What they have published is left out of the next checkpoint.
    pub(super) fn tend_outputs(&mut self) -> Result<(), Error> {
        self.dirty |= self.publishing.tend()?;
        Ok(())
    }

    /// Before a last checkpoint: alerts are looked at in it, whenever they were before.
    pub(super) fn look_at_last(&mut self) {
        self.dirty |= self.publishing.is_behind();
        self.publishing.next_look = Instant::now();
    }

    /// Waits a while until everything is published, and leaves that out of a very last checkpoint.
    pub(super) fn flush_outputs(&mut self) -> Result<(), Error> {
        let until = Instant::now() + FLUSH;
        self.tend_outputs()?;
        while !self.publishing.is_empty() && Instant::now() < until {
            std::thread::sleep(PAUSE);
            self.prove()?;
            self.tend_outputs()?;
        }
        for (output, Published { waiting, .. }) in self.publishing.progress() {
            if waiting > 0 {
                let (source, part) = (&self.plan.source.name, self.options.part.number);
                tracing::warn!("{source}/{part}: {waiting} of {output} are left, and are published at the next start");
            }
        }
        if self.dirty {
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        Ok(())
    }
}
