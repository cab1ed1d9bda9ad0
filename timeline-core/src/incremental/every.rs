//! Windows of the clock that end: `x every D`.
//!
//! A session keeps the window that is open and no other. When time comes to its end, before anything else happens there,
//! what it has come to is told, once, and the splits that it is a dimension of begin anew; what jumps at the end belongs to
//! the next window. So a session that never ends keeps as much as one that has just begun.
//!
//! **Invariant:** each window is told once on every way of a row through time: a split without an entry in force has told its
//! window, or none has begun.

use super::code::StateSlot;
use super::compile::CompiledPlan;
use super::layout::RowLayout;
use super::row::{NEVER, Row};
use super::split;
use super::view::{ConcurrencyTurns, SessionView, Share, TimelineValue};
use crate::plan::{GroupOf, NodeId, Op, Plan};
use crate::{Linear, Time, Value};

/// A clock by whose windows something is split.
#[derive(Clone, Debug)]
pub(crate) struct WindowClock {
    node: NodeId,
    at: usize,
    /// The metrics, by their numbers.
    metrics: Vec<usize>,
    /// The splits.
    pub roots: Vec<NodeId>,
}

/// A window of the clock: what metrics have come to in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its first instant, be it before the session.
    pub begin: Time,
    /// The first instant after it.
    pub end: Time,
    /// From where on the session is in it.
    pub start: Time,
    /// The instant at which it was read: its end, if that has come.
    pub read: Time,
    /// The metrics that are told by it.
    pub metrics: Vec<OfWindow>,
    /// How many values were forgotten in it beyond the caps of its workers.
    pub forgotten: u64,
}

/// What one metric has come to in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct OfWindow {
    /// Its number.
    pub metric: usize,
    /// Its shares.
    pub shares: Vec<Share>,
    /// The values of the group columns that are states, at the last instant of the window in the session, and of
    /// others that are read beside; `None` for other columns, and nothing at all where none is a state.
    pub groups: Vec<Option<Value>>,
    /// For each share, of a metric that counts sessions at once, where its condition turned.
    pub turns: Vec<ConcurrencyTurns>,
}

/// What states that windows are grouped by were, just before the last instant at which a row changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatesBefore {
    at: usize,
    states: Vec<(NodeId, StateSlot, usize)>,
}

/// The clocks of a plan by which something is split.
pub(crate) fn clocks(plan: &Plan, layout: &RowLayout) -> Vec<WindowClock> {
    let mut clocks: Vec<WindowClock> = vec![];
    for (root, _) in plan.iter() {
        let Some((_, node)) = plan.windows_of(root) else { continue };
        let own = plan.metrics.iter().enumerate().filter(|(_, metric)| metric.root == root).map(|(metric, _)| metric);
        match clocks.iter_mut().find(|clock| clock.node == node) {
            Some(clock) => {
                clock.metrics.extend(own);
                clock.roots.push(root);
            }
            None => {
                let at = layout.nodes[node.index()].at;
                clocks.push(WindowClock { node, at, metrics: own.collect(), roots: vec![root] });
            }
        }
    }
    clocks
}

/// The states that windows are grouped by, each once.
pub(crate) fn grouped_by(plan: &Plan) -> Vec<NodeId> {
    let windowed = plan.metrics.iter().filter(|metric| plan.windows_of(metric.root).is_some());
    let beside = windowed.flat_map(|metric| metric.beside());
    let mut states: Vec<NodeId> = vec![];
    for of in beside {
        match of {
            GroupOf::State(id) if !states.contains(&id) => states.push(id),
            GroupOf::State(_) | GroupOf::Dimension(_) | GroupOf::Window(_) => {}
        }
    }
    states
}

impl StatesBefore {
    pub(crate) fn new(compiled: &CompiledPlan) -> Option<Self> {
        let at = compiled.layout.left?;
        let states = grouped_by(&compiled.plan).into_iter().enumerate();
        Some(StatesBefore { at, states: states.map(|(i, id)| (id, compiled.state(id), at + 1 + i)).collect() })
    }

    /// Notes what the states are before anything happens at an instant.
    #[inline]
    pub(crate) fn note(&self, row: &mut Row<'_>, at: Time) {
        row.words[self.at] = at as u64;
        for (_, state, word) in &self.states {
            row.words[*word] = state.get(row.words);
        }
    }
}

/// Whether some clock ends a window at an instant.
#[inline]
pub(crate) fn is_due(compiled: &CompiledPlan, row: &Row<'_>, at: Time) -> bool {
    compiled.clocks.iter().any(|clock| clock.ends_at(row, at))
}

/// The least end of a window that has not been told.
pub(crate) fn next_end(compiled: &CompiledPlan, row: &Row<'_>) -> Time {
    let open = compiled.clocks.iter().filter(|clock| is_open(compiled, row, clock));
    open.map(|clock| row.words[clock.at + 1] as Time).min().unwrap_or(NEVER)
}

fn is_open(compiled: &CompiledPlan, row: &Row<'_>, clock: &WindowClock) -> bool {
    clock.roots.iter().any(|root| split::is_begun(compiled, row, root.index()))
}

impl WindowClock {
    /// Whether the window that is open, or was told last, ends at an instant.
    pub(crate) fn ends_at(&self, row: &Row<'_>, at: Time) -> bool {
        row.words[self.at + 1] as Time == at
    }

    /// Where the window ends in which an instant is.
    pub(crate) fn end_of(&self, plan: &Plan, at: Time) -> Time {
        match &plan.node(self.node).op {
            Op::Every(every) => every.around(at).1,
            _ => NEVER,
        }
    }
}

impl SessionView<'_> {
    /// Tells the windows that are over at the view's instant, at which nothing has happened yet.
    pub(crate) fn windows_over(&self, mut tell: impl FnMut(Window)) {
        let (compiled, row) = (self.compiled, self.row);
        let now = row.now();
        for clock in &compiled.clocks {
            let is_told = !clock.metrics.is_empty() && is_open(compiled, row, clock);
            if clock.ends_at(row, now) && is_told {
                tell(self.window(clock, |root| self.shares_before(root), |id| self.state(id)));
            }
        }
    }

    /// The windows that are open at the view's instant. Where the session is over there, a window that begins there is
    /// one only for what has jumped.
    pub fn windows_open(&self, is_over: bool) -> Vec<Window> {
        let (compiled, row) = (self.compiled, self.row);
        let now = row.now();
        let left = compiled.left.as_ref().filter(|left| is_over && row.words[left.at] as Time == now);
        let mut windows = vec![];
        for clock in compiled.clocks.iter().filter(|clock| is_open(compiled, row, clock)) {
            let begin = row.words[clock.at] as Time;
            let is_instant = begin.max(row.origin()) == now;
            let state = |id: NodeId| match left.filter(|_| !is_instant).and_then(|left| left.word(id)) {
                Some(word) => self.value_of(id, row.words[word]),
                None => self.state(id),
            };
            let shares = |root: NodeId| {
                let mut shares = self.shares(root);
                shares.retain(|share| !is_over || begin != now || share.reading.is_something());
                shares
            };
            let mut window = self.window(clock, shares, state);
            window.metrics.retain(|metric| !metric.shares.is_empty());
            if !window.metrics.is_empty() {
                windows.push(window);
            }
        }
        windows
    }

    /// The first instant of the window that is open, of a root that is told by such windows.
    pub fn window_begin(&self, root: NodeId) -> Option<Time> {
        let clock = self.compiled.clocks.iter().find(|clock| clock.roots.contains(&root))?;
        Some(self.row.words[clock.at] as Time)
    }

    fn window(
        &self,
        clock: &WindowClock,
        shares: impl Fn(NodeId) -> Vec<Share>,
        state: impl Fn(NodeId) -> Option<Value>,
    ) -> Window {
        let (compiled, row) = (self.compiled, self.row);
        let (begin, end) = (row.words[clock.at] as Time, row.words[clock.at + 1] as Time);
        let metric = |metric: &usize| {
            let own = &compiled.read[*metric];
            OfWindow {
                metric: *metric,
                shares: shares(own.root),
                groups: own.beside.iter().map(|of| of.and_then(&state)).collect(),
                turns: if own.has_turns { self.turns(own.root) } else { vec![] },
            }
        };
        Window {
            begin,
            end,
            start: begin.max(row.origin()),
            read: row.now(),
            metrics: clock.metrics.iter().map(metric).collect(),
            forgotten: clock.roots.iter().map(|root| split::beyond(compiled, row, *root)).sum(),
        }
    }

    /// The shares of a split just before the view's instant, at which nothing has happened yet.
    fn shares_before(&self, root: NodeId) -> Vec<Share> {
        let of = match self.compiled.plan.node(root).op {
            Op::Split { of, .. } => of,
            _ => root,
        };
        // What leaves a window over the last of it does so with its instant: here it is still inside.
        if !matches!(self.compiled.plan.node(of).op, Op::OverLast { .. }) {
            return self.shares(root);
        }
        let mut words = self.row.words.to_vec();
        let mut heap = self.row.heap.clone();
        let mut row = Row { words: &mut words, heap: &mut heap };
        row.set_now(self.row.now() - 1);
        let mut shares = SessionView::new(self.compiled, self.dictionary, &row).shares(root);
        for share in &mut shares {
            if let TimelineValue::Number(x) = &mut share.reading {
                *x = x.after(1);
            }
        }
        shares
    }
}

impl StatesBefore {
    /// The word with what a state was.
    fn word(&self, id: NodeId) -> Option<usize> {
        self.states.iter().find(|(own, ..)| *own == id).map(|(_, _, word)| *word)
    }
}

/// Lets the splits of the clocks whose windows end at an instant begin anew.
pub(crate) fn begin_anew(compiled: &CompiledPlan, row: &mut Row<'_>, at: Time) {
    for clock in &compiled.clocks {
        if clock.ends_at(row, at) {
            clock.roots.iter().for_each(|root| split::begin_anew(compiled, row, root.index()));
        }
    }
}

impl TimelineValue {
    /// Whether a share that began at the instant of the reading has come to something there: it has jumped.
    pub fn is_something(&self) -> bool {
        let is_zero = |x: &Linear| match x {
            Linear::Exact { value, .. } => *value == 0,
            Linear::Float { value, rest, .. } => *value + *rest == 0.0,
        };
        match self {
            TimelineValue::Absent | TimelineValue::State(_) => false,
            TimelineValue::Number(x) => !is_zero(x),
            TimelineValue::Ratio { numerator, denominator } => !is_zero(numerator) || !is_zero(denominator),
        }
    }
}
