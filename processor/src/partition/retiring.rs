//! Outputs that are seen no more: what they last say of sessions that go on is written down with what they had committed.
//!
//! **Invariant:** which outputs have said their last is part of the checkpoint that has it; so it is said once, and not left
//! out by a crash between the change of the programs and the checkpoint.

use super::{Error, Partition};
use crate::labels::Labels;
use crate::lane::SessionOutput;
use crate::records::SessionSnapshot;
use crate::results::Pending;
use std::collections::BTreeSet;

impl Partition {
    /// Shows its outputs otherwise from now on. What was told until now is committed as it was, and of those that are hidden
    /// what they say now of all that is open.
    pub(super) fn relabel(&mut self, labels: Labels) -> Result<(), Error> {
        if self.options.labels == labels {
            return Ok(());
        }
        self.finish_commit(true)?;
        self.gathered.last = self.last_rows(&labels)?;
        self.gathered.retired.clone_from(&labels.hidden);
        self.start_commit()?;
        self.finish_commit(true)?;
        self.publishing.hold(labels.held);
        self.options.labels = labels;
        Ok(())
    }

    /// The rows, as they stand, of outputs that are seen and will not be: of sessions and alerts that are open, or are over for
    /// whoever asks now and not for sure.
    fn last_rows(&mut self, labels: &Labels) -> Result<Pending, Error> {
        let is_last = |name: &String| self.options.labels.shows(name) && !labels.shows(name);
        let metrics = self.plan.metrics.iter().map(|metric| &metric.name);
        let all: BTreeSet<String> = metrics.chain(self.plan.alerts.iter().map(|alert| &alert.name)).cloned().collect();
        let hidden: BTreeSet<String> = all.iter().filter(|name| !is_last(name)).cloned().collect();
        if hidden.len() == all.len() || self.options.labels.held {
            return Ok(Pending::default());
        }
        let parts = self.pipeline.call(|lane, progress| {
            let (mut outcome, mut live): (SessionOutput, Vec<SessionSnapshot>) = (SessionOutput::default(), vec![]);
            if let Some(horizon) = progress.horizon() {
                lane.read(horizon, &mut outcome, |session| live.push(session));
            }
            (outcome, live)
        })?;
        let mut last = Pending::default();
        for (outcome, live) in parts {
            last.alerts.extend(live.iter().flat_map(|session| session.open_alerts.iter().cloned()));
            last.alerts.extend(outcome.alerts);
            last.sessions.extend(outcome.closed);
            last.sessions.extend(live);
        }
        last.hide(&self.plan, &Labels { hidden, ..Labels::default() });
        Ok(last)
    }
}
