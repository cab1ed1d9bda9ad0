//! Sessions that are read for totals alone: folded as they are read, without a row for each.
//!
//! Most aggregates group by dimensions, whose values are words while a session is read. So a group is found by its words, and
//! its values are made once; other aggregates are folded as rows are.
//!
//! **Invariant:** words mean the same until [`SessionFold::settle`] is called, and what comes out is what
//! [`MetricTotals::add`] makes of the same sessions' rows.

use super::{Accumulator, Amount, GroupValues, MetricTotals, SessionStretch};
use crate::records::SessionSnapshot;
use smallvec::SmallVec;
use std::collections::HashMap;
use timeline_core::Time;
use timeline_core::incremental::SessionView;
use timeline_core::plan::{GroupOf, Plan, TimelineKind};

/// The words of a group's values.
type GroupWords = SmallVec<[u64; 2]>;

/// Totals that sessions are folded into one after the other.
#[derive(Clone, Debug)]
pub struct SessionFold {
    totals: MetricTotals,
    metrics: Vec<MetricFold>,
    forgotten: u64,
}

/// The groups of a metric that are not among the totals yet.
#[derive(Clone, Debug, Default)]
struct KnownGroups {
    /// The words of the first ones, which are compared one after the other: most metrics have few groups.
    first: Vec<GroupWords>,
    /// Where the others are.
    others: HashMap<GroupWords, usize>,
    /// All of them.
    all: Vec<(GroupValues, Accumulator)>,
}

/// How many groups are compared one after the other.
const FIRST: usize = 12;

impl KnownGroups {
    /// The group of these dimensions among all of the words of a share; `values` are its own where it is a new one.
    #[inline]
    fn of(&mut self, dimensions: &[usize], words: &[u64], values: impl FnOnce() -> GroupValues) -> &mut Accumulator {
        let is_same = |known: &GroupWords| known.iter().zip(dimensions).all(|(word, d)| *word == words[*d]);
        let at = match self.first.iter().position(is_same) {
            Some(at) => at,
            None => self.other(dimensions.iter().map(|d| words[*d]).collect(), values),
        };
        &mut self.all[at].1
    }

    #[inline(never)]
    fn other(&mut self, own: GroupWords, values: impl FnOnce() -> GroupValues) -> usize {
        if let Some(at) = self.others.get(&own) {
            return *at;
        }
        let at = self.all.len();
        if at < FIRST {
            self.first.push(own);
        } else {
            self.others.insert(own, at);
        }
        self.all.push((values(), Accumulator::default()));
        at
    }
}

/// How a metric is folded, and what of it is not among the totals yet.
#[derive(Clone, Debug)]
enum MetricFold {
    /// Grouped by these dimensions of its split, and by nothing else.
    ByWords { dimensions: SmallVec<[usize; 2]>, unit: TimelineKind, wants_percentiles: bool, groups: KnownGroups },
    /// By what is read beside it, or with more than its amounts; or not aggregated, and nothing is folded.
    ByValues,
}

impl MetricFold {
    fn new(plan: &Plan, metric: usize) -> Self {
        let root = plan.metrics[metric].root;
        let Some(aggregate) = &plan.metrics[metric].aggregate else { return MetricFold::ByValues };
        let dimension = |of: &GroupOf| match of {
            GroupOf::Dimension(d) => Some(*d),
            GroupOf::State(_) | GroupOf::Window(_) => None,
        };
        let dimensions: Option<SmallVec<[usize; 2]>> =
            aggregate.group_by.iter().map(|key| dimension(&key.of)).collect();
        match dimensions {
            Some(dimensions) if aggregate.distinct().next().is_none() && plan.counted_at_once(root).is_none() => {
                MetricFold::ByWords {
                    dimensions,
                    unit: plan.value_kind(root),
                    wants_percentiles: aggregate.wants_percentiles(),
                    groups: KnownGroups::default(),
                }
            }
            _ => MetricFold::ByValues,
        }
    }
}

impl SessionFold {
    /// No sessions.
    pub fn new(plan: &Plan) -> Self {
        let metrics = (0..plan.metrics.len()).map(|metric| MetricFold::new(plan, metric)).collect();
        SessionFold { totals: MetricTotals::new(plan), metrics, forgotten: 0 }
    }

    /// Folds a whole session in as it is at the instant of the view, which is its end if it is over.
    pub fn read(&mut self, plan: &Plan, view: &SessionView<'_>, start: Time, is_closed: bool) {
        self.forgotten += view.forgotten();
        for (metric, fold) in self.metrics.iter_mut().enumerate() {
            if !plan.metrics[metric].aggregate.as_ref().is_some_and(|own| own.counts(is_closed)) {
                continue;
            }
            match fold {
                MetricFold::ByWords { dimensions, unit, wants_percentiles, groups } => {
                    view.each_whole_share(metric, |words, reading| {
                        let amount = Amount::of(&reading, *unit);
                        if amount == Amount::Absent {
                            return;
                        }
                        let values = || dimensions.iter().map(|d| view.dimension(metric, *d, words[*d])).collect();
                        groups.of(dimensions, words, values).add(&amount, *wants_percentiles);
                    });
                }
                MetricFold::ByValues => {
                    let end = is_closed.then(|| view.now());
                    let session = SessionStretch { start, end, read: view.now(), window: None };
                    let (shares, turns) = (view.whole_shares(metric), view.whole_turns(metric));
                    self.totals.add_metric(plan, metric, session, (&shares, &view.beside(metric), &turns));
                }
            }
        }
    }

    /// Folds in a row: a window, or a session that was read as one.
    pub fn add(&mut self, plan: &Plan, session: &SessionSnapshot) {
        self.forgotten += session.forgotten;
        self.totals.add(plan, session);
    }

    /// Folds in what sessions told that ended, and what happened in any; of values that were forgotten it says nothing.
    pub fn add_told(&mut self, plan: &Plan, closed: &[SessionSnapshot], counted: Option<&MetricTotals>) {
        self.totals.add_told(plan, closed, counted);
    }

    /// Makes values of all words: from here on they may mean others.
    pub fn settle(&mut self) {
        for (metric, fold) in self.metrics.iter_mut().enumerate() {
            if let MetricFold::ByWords { groups, .. } = fold {
                for (group, folded) in std::mem::take(groups).all {
                    self.totals.metrics[metric].entry(group).or_default().merge(&folded);
                }
            }
        }
    }

    /// The totals, and how many values the sessions have forgotten beyond the caps of their workers.
    pub fn into_totals(mut self) -> (MetricTotals, u64) {
        self.settle();
        (self.totals, self.forgotten)
    }
}
