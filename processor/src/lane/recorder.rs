//! Recording the spans of timelines, for `eval --show spans` and for drawing a session.
//!
//! After every evaluation the recorder compares each timeline with the piece that it last saw: what goes on as that
//! piece said is the same span.

use super::session::Watcher;
use crate::records::RecordedSpan;
use compact_str::CompactString;
use std::sync::Arc;
use timeline_core::incremental::{Observer, SessionView, Share, TimelineValue};
use timeline_core::plan::{NodeId, Plan};
use timeline_core::{Linear, Time, Value};

/// Records the sessions of one key. `ALL`: the timelines of all nodes and not only of the metrics.
#[derive(Clone, Debug, Default)]
pub struct Recorder<const ALL: bool> {
    roots: Vec<NodeId>,
    key: CompactString,
    origin: Time,
    /// For each root its shares, in the order of their coming, with the start of their last piece.
    open: Vec<Vec<(Share, Time)>>,
    /// For each root the number of the share that was in force last.
    in_force: Vec<usize>,
    /// For each root where its shares begin: with the session, or with the window of the clock that is open.
    begun: Vec<Time>,
    /// For each root that is told by windows of the clock the beginning of the one that is open.
    windows: Vec<Option<Time>>,
    /// Finished spans, and the open ones of a session that was read alive.
    pub spans: Vec<RecordedSpan>,
    /// When events happened that operators made of timelines: where their session began, the node, and the instant.
    pub happened: Vec<(Time, NodeId, Time)>,
}

impl<const ALL: bool> Watcher for Recorder<ALL> {
    fn new(plan: &Arc<Plan>) -> Self {
        let roots = if ALL {
            plan.iter().map(|(id, _)| id).collect()
        } else {
            plan.metrics.iter().map(|metric| metric.root).collect()
        };
        Recorder { roots, ..Recorder::default() }
    }

    fn begin(&mut self, key: &str, origin: Time) {
        self.key = CompactString::new(key);
        self.origin = origin;
        self.open = vec![vec![]; self.roots.len()];
        self.in_force = vec![0; self.roots.len()];
        self.begun = vec![origin; self.roots.len()];
        self.windows = vec![None; self.roots.len()];
    }

    fn read(&mut self, at: Time, closed: bool) {
        for (root, shares) in std::mem::take(&mut self.open).into_iter().enumerate() {
            for (share, start) in shares {
                // Of what begins where a session that is over was read, only the value can be told.
                if !closed || start < at || self.jumped(root, &share, at) {
                    self.push(root, share, start, closed.then_some(at));
                }
            }
        }
    }
}

impl<const ALL: bool> Observer for Recorder<ALL> {
    fn windows_over(&mut self, view: &SessionView<'_>, roots: &[NodeId]) {
        let now = view.now();
        for root in 0..self.roots.len() {
            if roots.contains(&self.roots[root]) {
                for (share, start) in std::mem::take(&mut self.open[root]) {
                    self.push(root, share, start, Some(now));
                }
                (self.begun[root], self.in_force[root]) = (now, 0);
            }
        }
    }

    fn evaluated(&mut self, view: &SessionView<'_>) {
        let now = view.now();
        if ALL {
            let happens = self.roots.iter().filter(|id| view.happens(**id));
            self.happened.extend(happens.map(|id| (self.origin, *id, now)));
        }
        for root in 0..self.roots.len() {
            // Metrics of events have no spans.
            if !ALL && view.is_event(self.roots[root]) {
                continue;
            }
            let known = self.open[root].len();
            if known == 0 {
                self.windows[root] = view.window_begin(self.roots[root]);
            }
            let (shares, in_force) = view.shares_since(self.roots[root], known, self.in_force[root]);
            self.in_force[root] = in_force;
            for (i, share) in shares {
                if i >= known {
                    self.first(root, share, now);
                    continue;
                }
                let (open, start) = &self.open[root][i];
                if later(&open.reading, now - start) != share.reading {
                    let (open, start) = std::mem::replace(&mut self.open[root][i], (share, now));
                    self.push(root, open, start, Some(now));
                }
            }
        }
    }
}

impl<const ALL: bool> Recorder<ALL> {
    /// A share that comes into force after the session's beginning was zero before.
    fn first(&mut self, root: usize, share: Share, now: Time) {
        let begun = self.begun[root];
        let zero = match &share.reading {
            TimelineValue::Number(x) if !share.dimensions.is_empty() => Some(TimelineValue::Number(zero_like(*x))),
            TimelineValue::Ratio { numerator, denominator } if !share.dimensions.is_empty() => {
                Some(TimelineValue::Ratio { numerator: zero_like(*numerator), denominator: zero_like(*denominator) })
            }
            // Of a condition whose sessions are counted at once.
            TimelineValue::State(Value::Bool(_)) if !share.dimensions.is_empty() => {
                Some(TimelineValue::State(Value::Bool(false)))
            }
            _ => None,
        };
        match zero {
            Some(zero) if now > begun && later(&zero, now - begun) == share.reading => {
                self.open[root].push((Share { reading: zero, ..share }, begun));
            }
            Some(zero) if now > begun => {
                self.push(root, Share { reading: zero, ..share.clone() }, begun, Some(now));
                self.open[root].push((share, now));
            }
            _ => self.open[root].push((share, now)),
        }
    }

    /// Whether a share says another value at the instant at which it begins than the span that ended there came to.
    fn jumped(&self, root: usize, share: &Share, at: Time) -> bool {
        if self.windows[root] == Some(at) {
            return share.reading.is_something();
        }
        let own = |span: &&RecordedSpan| {
            span.session == self.origin && span.root == root && span.dimensions == share.dimensions
        };
        let before = self.spans.iter().rev().take_while(|_| at > self.origin).find(own);
        before.is_none_or(|span| level(&later(&span.reading, at - span.start)) != level(&share.reading))
    }

    fn push(&mut self, root: usize, share: Share, start: Time, end: Option<Time>) {
        let Share { dimensions, reading } = share;
        self.spans.push(RecordedSpan {
            key: self.key.clone(),
            session: self.origin,
            root,
            dimensions,
            start,
            end,
            reading,
        });
    }
}

/// Zero as a number of the same sort.
fn zero_like(x: Linear) -> Linear {
    match x {
        Linear::Exact { .. } => Linear::exact(0),
        Linear::Float { .. } => Linear::float(0.0),
    }
}

/// What a piece says later on.
fn later(reading: &TimelineValue, dt: Time) -> TimelineValue {
    match reading {
        TimelineValue::Number(x) => TimelineValue::Number(x.after(dt)),
        TimelineValue::Ratio { numerator, denominator } => {
            TimelineValue::Ratio { numerator: numerator.after(dt), denominator: denominator.after(dt) }
        }
        other => other.clone(),
    }
}

/// What a piece says at its instant, without its slope.
fn level(reading: &TimelineValue) -> TimelineValue {
    match reading {
        TimelineValue::Absent | TimelineValue::State(_) => reading.clone(),
        TimelineValue::Number(x) => TimelineValue::Number(x.level()),
        TimelineValue::Ratio { numerator, denominator } => {
            TimelineValue::Ratio { numerator: numerator.level(), denominator: denominator.level() }
        }
    }
}
