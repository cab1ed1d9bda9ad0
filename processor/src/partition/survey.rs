//! All sessions are looked at for what is published of them: alerts that are on, and totals.
//!
//! A look at a million sessions takes a second, and one of them may have a hundred thousand timers. So lanes look piece by
//! piece ([`crate::pipeline::Pipeline::work`]); status, stops and whoever proves the ownership come in between. Nothing is fed
//! until the checkpoint is cut that has what was seen, for it is true for the place of that alone.

use super::{Error, Partition};
use crate::lane::{Lane, SessionOutput, SessionSink, YieldAfter};
use crate::log_position;
use crate::outputs::OutputMessage;
use crate::outputs::alert_changes::AlertChanges;
use crate::outputs::changes::AsOf;
use crate::pipeline::Coming;
use crate::records::LiveAlerts;
use crate::totals::{MetricTotals, SessionFold};
use crate::watermark::PartitionProgress;
use event_feeder::world::Instant;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::Time;

/// The looks for one checkpoint.
pub(super) struct Survey {
    alerts: SurveyStage<(LiveAlerts, Time)>,
    totals: SurveyStage<(MetricTotals, PartitionProgress)>,
}

/// One look at all sessions.
enum SurveyStage<T> {
    /// Nobody listens to what it would see.
    Needless,
    /// It is not the time for it.
    Later,
    /// It comes next.
    Next,
    /// Lanes are at it since then.
    At(Instant, Coming<T>),
}

/// What the looks for a checkpoint came to.
pub(super) struct Findings {
    /// What is to be told of alerts since the last checkpoint.
    pub alerts: AlertChanges,
    /// The totals that are others than those told last.
    pub totals: Vec<OutputMessage>,
    /// Whether nothing of the totals is left to be told: then what is over may be forgotten.
    pub is_all_told: bool,
}

/// Whether a look is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SurveyDue {
    /// Nobody listens to what it would see.
    Never,
    /// It is not the time for it.
    Later,
    /// With this checkpoint.
    Now,
}

impl<T> SurveyStage<T> {
    fn new(wanted: SurveyDue) -> Self {
        match wanted {
            SurveyDue::Never => SurveyStage::Needless,
            SurveyDue::Later => SurveyStage::Later,
            SurveyDue::Now => SurveyStage::Next,
        }
    }

    /// What was seen, and since when lanes were at it; whether that is so because nothing is to be seen.
    fn seen(self) -> Result<(Instant, Vec<T>), bool> {
        match self {
            SurveyStage::Needless => Err(true),
            SurveyStage::Later | SurveyStage::Next => Err(false),
            SurveyStage::At(began, coming) => Ok((began, coming.done())),
        }
    }
}

impl Partition {
    /// Begins the looks that are to be made for the next checkpoint.
    pub(super) fn begin_survey(&mut self) -> Result<(), Error> {
        let are_busy = self.questions.answering.is_some() || self.is_behind()?;
        let (alerts, totals) = self.publishing.wanted(&self.plan, are_busy);
        self.survey = Some(Survey { alerts: SurveyStage::new(alerts), totals: SurveyStage::new(totals) });
        Ok(())
    }

    /// Goes on with the looks, for so long at the most; whether all are made, and the checkpoint can be cut.
    pub(super) fn is_surveyed(&mut self, length: Duration) -> Result<bool, Error> {
        let Some(Survey { mut alerts, mut totals }) = self.survey.take() else { return Ok(true) };
        let until = (length < Duration::MAX).then(|| Instant::now() + length);
        if matches!(alerts, SurveyStage::Next) {
            alerts = SurveyStage::At(Instant::now(), self.look_at_alerts()?);
        }
        let mut is_done = match &mut alerts {
            SurveyStage::At(_, coming) => coming.wait(until)?,
            SurveyStage::Needless | SurveyStage::Later | SurveyStage::Next => true,
        };
        // One after the other: lanes are at one thing at a time.
        if is_done && matches!(totals, SurveyStage::Next) {
            totals = SurveyStage::At(Instant::now(), self.look_at_totals()?);
        }
        if let (true, SurveyStage::At(_, coming)) = (is_done, &mut totals) {
            is_done = coming.wait(until)?;
        }
        self.survey = Some(Survey { alerts, totals });
        Ok(is_done)
    }

    fn look_at_alerts(&mut self) -> Result<Coming<(LiveAlerts, Time)>, Error> {
        let begin = |lane: &mut Lane, progress: &PartitionProgress| {
            (lane.to_scan_alerts(), lane.frontier(progress.clock()), Some(LiveAlerts::default()))
        };
        Ok(self.pipeline.work(begin, |lane, _, (looking, frontier, look), length| {
            let is_done = lane.scan_alerts(looking, *frontier, look.as_mut()?, YieldAfter::After(length));
            let look = if is_done { look.take() } else { None };
            look.map(|look| (look, *frontier))
        })?)
    }

    fn look_at_totals(&mut self) -> Result<Coming<(MetricTotals, PartitionProgress)>, Error> {
        let plan = Arc::clone(&self.plan);
        let begin = |lane: &mut Lane, _: &PartitionProgress| {
            (lane.to_read(), SessionOutput::default(), Some(SessionFold::new(lane.plan())))
        };
        Ok(self.pipeline.work(begin, move |lane, progress, (reading, outcome, fold), length| {
            let own = fold.as_mut()?;
            if let Some(horizon) = progress.horizon() {
                let mut sink = SessionSink::Totals(own);
                if !lane.read_some(reading, horizon, outcome, &mut sink, YieldAfter::After(length)) {
                    return None;
                }
            }
            let (mut totals, _) = fold.take()?.into_totals();
            totals.add_told(&plan, &outcome.closed, outcome.counted.as_ref());
            Some((totals, progress.clone()))
        })?)
    }

    /// What is to be told with the checkpoint that is being cut. The lanes have just told what they had.
    pub(super) fn surveyed(&mut self) -> Findings {
        let (alerts, totals) = match self.survey.take() {
            Some(Survey { alerts, totals }) => (alerts.seen(), totals.seen()),
            None => (Err(true), Err(true)),
        };
        let alerts = self.publishing.alert_facts(&self.gathered.pending.alerts, alerts.ok());
        let (began, parts) = match totals {
            Ok(seen) => seen,
            Err(is_needless) => return Findings { alerts, totals: vec![], is_all_told: is_needless },
        };
        let mut totals = self.gathered.totals.clone();
        let mut times = (None, None);
        for (part, progress) in parts {
            totals.merge(&part);
            times = (progress.known_watermark(), progress.horizon());
            // Only what no event changes any more is told to be over.
            totals.set_horizon(Some(progress.clock()), progress.clock());
        }
        let (watermark, Some(horizon)) = times else {
            return Findings { alerts, totals: vec![], is_all_told: true };
        };
        let reach = self.ingest.reach();
        let places = reach.iter().map(|reach| reach.position).collect();
        let at = AsOf { places, text: log_position::to_text(&self.plan, &reach), watermark, horizon };
        totals.only(&self.plan, |name| !self.gathered.apart.contains(name));
        let totals = self.publishing.total_changes(&self.plan, &totals, &at, &self.options.labels, began);
        Findings { alerts, totals, is_all_told: true }
    }
}
