//! One session, step by step: begun by its first event, ended by an event, by silence or by age.
//!
//! **Invariant:** all of it is decided on event time alone: the same events give the same sessions, however they were
//! batched and whenever somebody looked. The watermark only says when a decision can be known.
//!
//! An end event goes before age, and age before silence, where they fall on one instant.

use super::late::Late;
use super::slab::Life;
use crate::totals::Totals;
use compact_str::CompactString;
use event_feeder::{Code, DeadLetter, Position};
use std::sync::Arc;
use timeline_core::incremental::{
    AlertSpan, Evaluator, Event, Failure, Layout, Match, Observer, Row, Share, Told, Turns, View, Window,
};
use timeline_core::plan::{EndRule, GroupOf, Metric, NodeId, Op, Plan};
use timeline_core::{Time, Value};

/// A session as it is read: for its final row, or alive.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its key.
    pub key: CompactString,
    /// Its first event.
    pub start: Time,
    /// Where it was read if it is over; the last event of one that silence closed, unless that is billed.
    pub end: Option<Time>,
    /// The instant at which it was read.
    pub read: Time,
    /// For each metric its value, or its shares.
    pub shares: Vec<Vec<Share>>,
    /// For each metric the values of the group columns that are states, `None` for other columns, those that are told
    /// apart in the group, and those that are shown beside it.
    pub groups: Vec<Vec<Option<Value>>>,
    /// For each metric that counts sessions at once where its condition turned, for each of its shares.
    pub turns: Vec<Vec<Turns>>,
    /// Alerts that are still on; none once the session is over.
    pub open_alerts: Vec<AlertRow>,
    /// Whether it may have begun before anything was seen of it.
    pub partial: bool,
    /// How many values were forgotten beyond the caps of its workers.
    pub forgotten: u64,
    /// The window of the clock, from its first instant to the first after it, if it is one of those in place of a whole session:
    /// then it has values of those metrics alone that are told by such windows, and these have none elsewhere.
    pub window: Option<(Time, Time)>,
}

/// A span of an alert of some session.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The session's key.
    pub key: CompactString,
    /// Index of the alert in the plan.
    pub alert: usize,
    /// When it began.
    pub start: Time,
    /// When it ended; `None` while it is on.
    pub end: Option<Time>,
    /// What is shown beside it, as it was when it began.
    pub with: Vec<Option<Value>>,
}

/// A user operator that failed in a session, of which it says nothing from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The session's key.
    pub key: CompactString,
    /// Where the record begins on which it failed.
    pub position: Position,
    /// Which one, and why.
    pub failure: Failure,
}

impl Failed {
    /// As the dead letters have it.
    pub fn letter(&self, plan: &Plan) -> DeadLetter {
        let operator = match &plan.node(self.failure.node).op {
            Op::User { operator, .. } => operator.name.as_str(),
            _ => "?",
        };
        DeadLetter {
            origin: plan.source_at(usize::from(self.position.source)).name.as_str().into(),
            position: self.position,
            code: Code::Operator,
            column: Some(operator.into()),
            reason: format!("in the session `{}` the operator `{operator}` failed: {}", self.key, self.failure.fault)
                .into(),
            record: vec![],
        }
    }
}

/// What sessions tell while they go on.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sessions that ended, and windows of sessions that are over for good.
    pub closed: Vec<Session>,
    /// Spans of alerts that ended.
    pub alerts: Vec<AlertRow>,
    /// Events that were dropped because they had come before.
    pub duplicates: u64,
    /// Events that wait, and come after the end of their session as it is at the horizon of a reading. They are in no
    /// ledger: what else comes may make their session longer.
    pub stragglers: Vec<Late>,
    /// User operators that failed; in a reading only at events that wait, and they fail again when those come.
    pub failed: Vec<Failed>,
    /// What metrics of events have counted, if anything.
    pub counted: Option<Totals>,
    spans: Vec<AlertSpan>,
    windows: Vec<Window>,
    matches: Vec<Match>,
    /// Windows that have ended and are not over for good.
    open: Vec<Session>,
}

/// Sees the evaluations of the sessions of one key.
pub trait Watcher: Observer {
    /// One that has seen nothing yet.
    fn new(plan: &Arc<Plan>) -> Self;
    /// A session of the key begins.
    fn begin(&mut self, key: &str, origin: Time);
    /// It was read: at its end, or alive at an instant.
    fn read(&mut self, at: Time, closed: bool);
}

impl Watcher for () {
    fn new(_: &Arc<Plan>) -> Self {}
    fn begin(&mut self, _: &str, _: Time) {}
    fn read(&mut self, _: Time, _: bool) {}
}

/// How time passes for sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub silence: Option<Time>,
    pub billed: bool,
    pub max_age: Option<Time>,
    pub linger: Time,
    /// Whether the end event is made of timelines, so that it may come without an event.
    pub derived_end: bool,
    /// Whether windows of the clock are over as soon as time has come so far.
    pub windows_by_clock: bool,
    /// Whether something is told of a session up to where silence ends it.
    tells_to_the_end: bool,
    /// The word of a row that says when its last event was, if the row may be further.
    last: Option<usize>,
}

/// What a session was at when its lane looked up between two of its timers. Its row is on the way, and speaks of the last
/// timer that it went through; what was decided before stays decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Going on to the instant of its next event, which it lives to see.
    Event,
    /// Ending at an instant.
    Close {
        at: Time,
        reason: Reason,
        /// Whether its last reading was told, and only its alerts are yet to end.
        told: bool,
    },
}

/// What came of an event, or of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It happened.
    Done,
    /// The event goes with a session that is over.
    Beside,
    /// There are more timers before it; the same step is to be made again.
    Paused,
}

/// How a step goes on: from where it was, through so many timers at most.
#[derive(Debug)]
pub(super) struct Pace {
    pub doing: Option<Doing>,
    pub most: u64,
}

impl Pace {
    /// To the end.
    pub(super) fn whole(doing: Option<Doing>) -> Self {
        Pace { doing, most: u64::MAX }
    }
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    EndEvent,
    MaxAge,
    Silence,
}

impl Rules {
    pub(super) fn of(plan: &Plan, layout: &Layout) -> Self {
        let EndRule { silence, billed, max_age, linger, .. } = plan.end;
        let derived_end = plan.end.when.is_some_and(|when| !matches!(plan.node(when).op, Op::Event(_)));
        let (windows_by_clock, last) = (plan.windows_end_by_clock(), layout.last_event());
        let tells_to_the_end =
            !plan.alerts.is_empty() || plan.metrics.iter().any(|metric| plan.is_of_events(metric.root));
        Rules { silence, billed, max_age, linger, derived_end, windows_by_clock, tells_to_the_end, last }
    }

    /// When silence ends a session that has no further event.
    fn silent(&self, row: &Row<'_>) -> Option<Time> {
        let last = self.last.map_or(row.now(), |at| row.words[at] as Time);
        self.silence.map(|d| last.saturating_add(d))
    }

    /// When to look at a session after an event: then it may be over, whatever else comes.
    pub(super) fn next_look(&self, row: &Row<'_>) -> Option<Time> {
        if row.is_ending() || self.derived_end { Some(row.now()) } else { self.limit(row) }
    }

    /// When to look again at a session that is not over where all instants before `frontier` are; not before that.
    pub(super) fn look_again(&self, evaluator: &mut Evaluator, row: &Row<'_>, frontier: Time) -> Option<Time> {
        let change = self.derived_end.then(|| evaluator.end_by(row, frontier.saturating_sub(1)));
        let change = change.and_then(Result::err).filter(|at| *at < Time::MAX);
        [change, self.limit(row)].into_iter().flatten().min()
    }

    /// When a session ends that has no further event, and no end event.
    fn limit(&self, row: &Row<'_>) -> Option<Time> {
        let silence = self.silent(row);
        let max_age = self.max_age.map(|a| row.origin().saturating_add(a));
        match (silence, max_age) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// How a session ended, where all instants before `instants` and all silences that end before `silences` are over.
    fn due(&self, evaluator: &mut Evaluator, row: &Row<'_>, instants: Time, silences: Time) -> Option<(Time, Reason)> {
        let end = if self.derived_end {
            let until = self.limit(row).map_or(instants.saturating_sub(1), |at| at.min(instants.saturating_sub(1)));
            evaluator.end_by(row, until).ok().map(|at| (at, Reason::EndEvent))
        } else {
            (row.is_ending() && row.now() < instants).then_some((row.now(), Reason::EndEvent))
        };
        let age = self.max_age.map(|a| row.origin().saturating_add(a)).filter(|at| *at < instants);
        let silence = self.silent(row).filter(|at| *at < silences);
        let all = [end, age.map(|at| (at, Reason::MaxAge)), silence.map(|at| (at, Reason::Silence))];
        // The first of equals wins, which is their precedence.
        all.into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

/// Lets the next event of a key happen, unless it goes with a session that is over. A session that it begins at or before
/// `unseen` is partial.
#[inline]
pub(super) fn step<W: Watcher>(
    evaluator: &mut Evaluator,
    (rules, unseen): (&Rules, Time),
    key: &CompactString,
    (row, life): (&mut Row<'_>, &mut Life),
    event: &Event<'_>,
    (outcome, watcher): (&mut Outcome, &mut W),
    pace: &mut Pace,
) -> Step {
    let t = event.time;
    if *life == Life::Live && t > row.now() {
        let doing = pace.doing.take().or_else(|| rules.due(evaluator, row, t, t).map(Doing::closing));
        if let Some(Doing::Close { .. }) = doing {
            if !close(evaluator, rules, key, (row, life), doing, (outcome, watcher), pace) {
                return Step::Paused;
            }
        } else if pace.most < u64::MAX {
            let told = &mut outcome.told(watcher);
            evaluator.settle(row, told);
            if !evaluator.advance_some(row, t - 1, told, pace.most) {
                outcome.name(evaluator.plan(), key, row, |_| true);
                pace.doing = Some(Doing::Event);
                return Step::Paused;
            }
        }
    }
    if *life == Life::Closed && t <= row.now().saturating_add(rules.linger) {
        return Step::Beside;
    }
    if *life != Life::Live {
        evaluator.begin(row, t);
        if t <= unseen {
            row.set_partial();
        }
        *life = Life::Live;
        watcher.begin(key, t);
    }
    evaluator.event(row, event, &mut outcome.told(watcher));
    // Those that end by the time of an event are over, whoever decides that.
    outcome.name(evaluator.plan(), key, row, |_| true);
    Step::Done
}

/// Tells the windows of a session that goes on which the clock alone ends, as far as they are over where all instants before
/// `frontier` are, through so many timers at most: whether there were some, and whether there are no more.
pub(super) fn end_windows<W: Watcher>(
    evaluator: &mut Evaluator,
    key: &CompactString,
    row: &mut Row<'_>,
    frontier: Time,
    (outcome, watcher): (&mut Outcome, &mut W),
    most: u64,
) -> (bool, bool) {
    let before = row.now();
    let all = evaluator.end_windows_by(row, frontier, &mut outcome.told(watcher), most);
    let told = !outcome.windows.is_empty();
    outcome.name(evaluator.plan(), key, row, |_| true);
    (told || row.now() > before, all)
}

/// Ends a session for which that is due once everything before `frontier` has happened; false if there is more to do first.
pub(super) fn pass<W: Watcher>(
    evaluator: &mut Evaluator,
    rules: &Rules,
    key: &CompactString,
    (row, life): (&mut Row<'_>, &mut Life),
    frontier: Time,
    told: (&mut Outcome, &mut W),
    pace: &mut Pace,
) -> bool {
    let doing = pace.doing.take().or_else(|| rules.due(evaluator, row, frontier, frontier).map(Doing::closing));
    close(evaluator, rules, key, (row, life), doing, told, pace)
}

/// Reads a session, through the horizon: it may turn out to be over by then, or be `doing` it. Tells it and its windows that
/// are not over.
pub(super) fn read_at<W: Watcher>(
    evaluator: &mut Evaluator,
    rules: &Rules,
    key: &CompactString,
    (row, life): (&mut Row<'_>, &mut Life),
    (horizon, doing): (Time, Option<Doing>),
    (outcome, watcher): (&mut Outcome, &mut W),
    live: &mut dyn FnMut(Session),
) {
    if *life != Life::Live {
        return;
    }
    let due = |evaluator: &mut Evaluator, row: &Row<'_>| rules.due(evaluator, row, horizon.saturating_add(1), horizon);
    let doing = doing.or_else(|| due(evaluator, row).map(Doing::closing));
    if let Some(Doing::Close { .. }) = doing {
        close(evaluator, rules, key, (row, life), doing, (outcome, watcher), &mut Pace::whole(None));
        return;
    }
    let told = &mut outcome.told(watcher);
    evaluator.settle(row, told);
    evaluator.advance(row, horizon, told);
    watcher.read(horizon, false);
    // Where silence is not billed, those behind the last event may yet never have been.
    outcome.name(evaluator.plan(), key, row, |_| rules.windows_by_clock);
    outcome.open.drain(..).for_each(&mut *live);
    for window in evaluator.view(row).windows_open(false) {
        live(Session::of_window(evaluator.plan(), key, row, window, None));
    }
    live(reading(evaluator, key, row, None));
}

/// The alerts of a live session that are on just before the frontier; those that ended by then go to the outcome.
pub(super) fn alerts_before(
    evaluator: &mut Evaluator,
    rules: &Rules,
    key: &CompactString,
    (row, life): (&mut Row<'_>, &mut Life),
    frontier: Time,
    outcome: &mut Outcome,
) -> Vec<AlertRow> {
    if let Some(due) = rules.due(evaluator, row, frontier, frontier) {
        let (doing, pace) = (Some(Doing::closing(due)), &mut Pace::whole(None));
        close(evaluator, rules, key, (row, life), doing, (outcome, &mut ()), pace);
        return vec![];
    }
    // An instant that is not over says nothing yet.
    if row.now() < frontier {
        let told = &mut Told { alerts: &mut outcome.spans, windows: None, matches: None, observer: &mut () };
        evaluator.settle(row, told);
        evaluator.advance(row, frontier - 1, told);
        outcome.name_alerts(evaluator.plan(), key);
    }
    open_alerts(&evaluator.view(row), evaluator.plan(), key)
}

/// The alerts that are on.
fn open_alerts(view: &View<'_>, plan: &Plan, key: &CompactString) -> Vec<AlertRow> {
    let row = |alert: usize| {
        let (start, with) = view.open_alert(alert)?;
        Some(AlertRow { key: key.clone(), alert, start, end: None, with })
    };
    (0..plan.alerts.len()).filter_map(row).collect()
}

impl Doing {
    /// As an image has it: the sort, and the instant.
    pub(super) fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        let (sort, at) = match self {
            Doing::Event => (0, 0),
            Doing::Close { at, reason, told } => {
                let sort = match reason {
                    Reason::EndEvent => 1,
                    Reason::MaxAge => 3,
                    Reason::Silence => 5,
                };
                (sort + u8::from(told), at)
            }
        };
        bytes[0] = sort;
        bytes[1..].copy_from_slice(&at.to_le_bytes());
        bytes
    }

    /// What an image says; `None` for what none says.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sort, at) = bytes.split_first()?;
        let at = Time::from_le_bytes(at.try_into().ok()?);
        let reason = match sort {
            0 => return Some(Doing::Event),
            1 | 2 => Reason::EndEvent,
            3 | 4 => Reason::MaxAge,
            5 | 6 => Reason::Silence,
            _ => return None,
        };
        Some(Doing::Close { at, reason, told: sort % 2 == 0 })
    }

    fn closing((at, reason): (Time, Reason)) -> Self {
        Doing::Close { at, reason, told: false }
    }
}

/// Ends a session, if that is what it is doing; false if it is not through all timers before.
fn close<W: Watcher>(
    evaluator: &mut Evaluator,
    rules: &Rules,
    key: &CompactString,
    (row, life): (&mut Row<'_>, &mut Life),
    doing: Option<Doing>,
    (outcome, watcher): (&mut Outcome, &mut W),
    pace: &mut Pace,
) -> bool {
    let Some(Doing::Close { at, reason, told: mut is_told }) = doing else { return true };
    if !is_told {
        let told = &mut outcome.told(&mut *watcher);
        evaluator.settle(row, told);
        // An end event is at an instant that was settled, or comes by a timer.
        let goes_on = reason != Reason::Silence || rules.billed;
        is_told = !goes_on || evaluator.advance_some(row, at, told, pace.most);
        if is_told {
            watcher.read(row.now(), true);
        }
        outcome.name(evaluator.plan(), key, row, |_| true);
        if is_told {
            let read = row.now();
            for window in evaluator.view(row).windows_open(true) {
                outcome.closed.push(Session::of_window(evaluator.plan(), key, row, window, Some(read)));
            }
            outcome.closed.push(reading(evaluator, key, row, Some(read)));
        }
    }
    // Silence is not billed unless the source says so, but the alerts that it raises are told, and what happens in it.
    let tells_nothing = !rules.tells_to_the_end;
    let (alerts, matches) = (&mut outcome.spans, Some(&mut outcome.matches));
    let told = &mut Told { alerts, windows: None, matches, observer: &mut () };
    let is_over = is_told && (tells_nothing || evaluator.advance_some(row, at, told, pace.most));
    if is_over {
        evaluator.end_alerts(row, &mut outcome.spans);
        // What comes next begins a session, unless this one lingers.
        *life = if reason == Reason::EndEvent && rules.linger > 0 { Life::Closed } else { Life::Empty };
    } else {
        pace.doing = Some(Doing::Close { at, reason, told: is_told });
    }
    outcome.name_alerts(evaluator.plan(), key);
    is_over
}

fn reading(evaluator: &Evaluator, key: &CompactString, row: &mut Row<'_>, end: Option<Time>) -> Session {
    let plan = evaluator.plan();
    let view = evaluator.view(row);
    let is_whole = |root: NodeId| plan.windows_of(root).is_none() && !plan.is_of_events(root);
    let shares = plan.metrics.iter().map(|metric| match is_whole(metric.root) {
        true => view.shares(metric.root),
        false => vec![],
    });
    let shares = shares.collect();
    let says = |of: GroupOf| match of {
        GroupOf::State(id) => view.state(id),
        GroupOf::Dimension(_) | GroupOf::Window(_) => None,
    };
    let beside = |metric: &Metric| metric.beside().map(says).collect();
    let groups = plan.metrics.iter().map(beside).collect();
    let open_alerts = if end.is_none() { open_alerts(&view, plan, key) } else { vec![] };
    let turns = plan.metrics.iter().map(|metric| match is_whole(metric.root) {
        true => view.turns(metric.root),
        false => vec![],
    });
    let turns = turns.collect();
    let (start, read) = (row.origin(), row.now());
    let (partial, forgotten) = (row.is_partial(), view.forgotten());
    Session { key: key.clone(), start, end, read, shares, groups, turns, open_alerts, partial, forgotten, window: None }
}

impl Session {
    /// A window of a session, which is over where `end` says.
    fn of_window(plan: &Plan, key: &CompactString, row: &Row<'_>, window: Window, end: Option<Time>) -> Self {
        let count = plan.metrics.len();
        let (mut shares, mut groups, mut turns) = (vec![vec![]; count], vec![vec![]; count], vec![vec![]; count]);
        for own in window.metrics {
            shares[own.metric] = own.shares;
            groups[own.metric] = own.groups;
            turns[own.metric] = own.turns;
        }
        Session {
            key: key.clone(),
            start: window.start,
            end,
            read: window.read,
            shares,
            groups,
            turns,
            open_alerts: vec![],
            partial: row.is_partial(),
            forgotten: window.forgotten,
            window: Some((window.begin, window.end)),
        }
    }

    /// What is shown beside the values of a metric, in its order.
    pub fn beside<'a>(&'a self, plan: &Plan, metric: usize) -> &'a [Option<Value>] {
        let all = self.groups.get(metric).map_or(&[][..], Vec::as_slice);
        let (_, beside) = all.split_at(all.len().saturating_sub(plan.metrics[metric].with.len()));
        beside
    }

    /// Whether it is a session, and not a window of one.
    pub fn is_whole(&self) -> bool {
        self.window.is_none()
    }
}

impl Outcome {
    /// What an evaluation tells.
    fn told<'a, O: Observer>(&'a mut self, observer: &'a mut O) -> Told<'a, O> {
        let (windows, matches) = (Some(&mut self.windows), Some(&mut self.matches));
        Told { alerts: &mut self.spans, windows, matches, observer }
    }

    /// Gives what was told to its session. Windows for which `is_final` says no are not over.
    #[inline]
    fn name(&mut self, plan: &Plan, key: &CompactString, row: &Row<'_>, is_final: impl Fn(&Window) -> bool) {
        self.name_alerts(plan, key);
        for window in self.windows.drain(..) {
            let end = is_final(&window).then_some(window.end);
            let to = if end.is_some() { &mut self.closed } else { &mut self.open };
            to.push(Session::of_window(plan, key, row, window, end));
        }
    }

    #[inline]
    fn name_alerts(&mut self, plan: &Plan, key: &CompactString) {
        if !self.matches.is_empty() {
            let counted = self.counted.get_or_insert_with(|| Totals::new(plan));
            self.matches.drain(..).for_each(|event| counted.count(plan, event));
        }
        if !self.spans.is_empty() {
            let rows = self.spans.drain(..);
            self.alerts.extend(rows.map(|AlertSpan { alert, start, end, with }| AlertRow {
                key: key.clone(),
                alert,
                start,
                end: Some(end),
                with,
            }));
        }
    }
}
