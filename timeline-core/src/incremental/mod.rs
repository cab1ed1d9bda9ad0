//! The evaluator that the engine runs: one flat array of operations, fixed state per session, one timer per session.
//!
//! A session is a row of words ([`RowLayout`]) and mostly nothing else. For each of its events the caller calls
//! [`Evaluator::event`], which first finishes what came before: it *settles* the previous instant (one pass over
//! the operations that its columns can affect), then *advances* through the timers strictly before the event,
//! and only then lets the event change the leaves. So all events of an instant and its timers meet in one pass,
//! and no state shows a span of length zero.
//!
//! **Invariant:** between calls a row speaks of the instant of its last event, whatever the watermark;
//! timers after it are due only when somebody looks. Who looks copies the row and advances the copy
//! ([`Evaluator::advance`]): the row itself still holds what was true at the last event, which is what a session
//! that is closed by silence is read at.
//!
//! **Invariant:** running an operation whose inputs did not change has no effect.
//! The pass may therefore be told too much to be dirty, never too little; and an event that changes no leaf asks for none.
//!
//! Why not one object per node, or columns of states: measured, an array of operations with one program
//! per set of changed columns costs a third of boxed nodes, and rows that fit two cache lines beat columns
//! as soon as sessions outgrow the cache.

mod apart;
mod code;
mod compile;
mod compiling;
mod derived;
mod dictionary;
mod effect;
pub(crate) mod every;
mod expression;
mod layout;
mod leaf;
mod matches;
mod mixed;
mod number;
mod row;
mod run;
pub(crate) mod split;
mod user;
mod view;
pub(crate) mod window;

pub mod codec;
pub(crate) mod parts;

pub use dictionary::{Dictionary, UNKNOWN};
pub use every::{OfWindow, Window};
pub use layout::RowLayout;
pub use matches::Match;
pub use row::{ABSENT, Heap, Row, is_partial};
pub use user::OperatorFailure;
pub use view::{ConcurrencyTurns, Dimensions, SessionView, Share, TimelineValue};

use crate::plan::{NodeId, Op, Plan};
use crate::{Field, Record, Time, Type, Value};
use compile::CompiledPlan;
use derived::PassEvents;
use row::{FRESH, NEVER};
use std::sync::Arc;

/// One event, packed: a word for each column that is present.
///
/// A word is a number of the evaluator's [`Dictionary`], the bits of a finite float (never `-0.0`), an integer, or 0 and 1.
#[derive(Clone, Copy, Debug)]
pub struct PackedEvent<'a> {
    /// When it happened.
    pub time: Time,
    /// Columns that the event has, as [`crate::plan::ColumnId::bit`]s; nulls included.
    pub present: u64,
    /// Those of them that are null.
    pub nulls: u64,
    /// Indexed by column; meaningless where a column is missing or null.
    pub words: &'a [u64],
}

/// A span of an alert that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSpan {
    /// Index into [`Plan::alerts`].
    pub alert: usize,
    /// When it began.
    pub start: Time,
    /// When it ended.
    pub end: Time,
    /// What is shown beside it, as it was when it began.
    pub with: Vec<Option<Value>>,
}

/// Sees every evaluation of a session; for drawing and for the spans of metrics.
pub trait Observer {
    /// The session was evaluated at the view's instant.
    fn evaluated(&mut self, view: &SessionView<'_>);

    /// At the view's instant, where nothing has happened yet, windows are over by which these roots are told.
    fn windows_over(&mut self, _view: &SessionView<'_>, _roots: &[NodeId]) {}
}

/// Nobody looks.
impl Observer for () {
    #[inline]
    fn evaluated(&mut self, _: &SessionView<'_>) {}
}

/// What an evaluation tells, and to whom.
#[derive(Debug)]
pub struct EvaluationOutput<'a, O: Observer> {
    /// Spans of alerts that ended are appended here.
    pub alerts: &'a mut Vec<AlertSpan>,
    /// Windows of the clock that are over are appended here, if anybody wants to know.
    pub windows: Option<&'a mut Vec<Window>>,
    /// Events that metrics count are appended here, if anybody wants to know.
    pub matches: Option<&'a mut Vec<Match>>,
    /// Called after every evaluation.
    pub observer: &'a mut O,
}

/// A copy of a session's row on the way to its end: see [`Evaluator::end_by`].
#[derive(Clone, Debug)]
pub struct EndCopy(Box<EndCopyRow>);

#[derive(Clone, Debug)]
struct EndCopyRow {
    words: Vec<u64>,
    heap: Heap,
}

/// Evaluates a plan for one session at a time. One thread owns it, with the sessions that it evaluates.
#[derive(Clone, Debug)]
pub struct Evaluator {
    compiled: CompiledPlan,
    dictionary: Dictionary,
    /// For each node whether it may have changed in the current pass.
    dirty: Vec<bool>,
    /// The events that were made in the current pass.
    pass_events: PassEvents,
    /// User operators that have failed since somebody asked.
    failures: Vec<OperatorFailure>,
    /// How many passes there were.
    passes: u64,
}

impl Evaluator {
    /// An evaluator for the plan.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut dictionary = Dictionary::default();
        let compiled = CompiledPlan::new(plan, &mut dictionary);
        let dirty = vec![false; compiled.plan.nodes.len()];
        let pass_events = PassEvents::new(dirty.len());
        Evaluator { compiled, dictionary, dirty, pass_events, failures: vec![], passes: 0 }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.compiled.plan
    }

    /// The layout of a session's row.
    pub fn layout(&self) -> &RowLayout {
        &self.compiled.layout
    }

    /// Words in a session's row.
    pub fn row_words(&self) -> usize {
        self.compiled.layout.words
    }

    /// The texts that rows refer to.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// The texts that rows refer to, for interning those of events.
    pub fn dictionary_mut(&mut self) -> &mut Dictionary {
        &mut self.dictionary
    }

    /// Columns whose texts are only ever compared with constants: [`Dictionary::lookup`] is enough for them.
    pub fn compared_only(&self) -> u64 {
        self.compiled.compared_only
    }

    /// Makes the row that of a new session whose first event is at `origin`; the event itself comes next.
    pub fn begin(&self, row: &mut Row<'_>, origin: Time) {
        row.words.fill(0);
        *row.heap = Heap::default();
        for (at, word) in &self.compiled.initial {
            row.words[*at] = *word;
        }
        row.set_origin(origin);
        row.set_now(origin);
        row.set_pending(FRESH);
        row.set_deadline(NEVER);
    }

    /// Takes the next event of the session; its time is not before the row's instant.
    #[inline]
    pub fn event<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        event: &PackedEvent<'_>,
        evaluation: &mut EvaluationOutput<'_, O>,
    ) {
        if !self.event_at_once(row, event, evaluation) {
            self.advance(row, event.time - 1, evaluation);
            let taken = self.event_at_once(row, event, evaluation);
            assert!(taken, "time has gone on through all timers before the event");
        }
    }

    /// The same, if nothing changes by itself before the event: if something does, the event is not taken, and the row's
    /// instant is settled.
    #[inline]
    pub fn event_at_once<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        event: &PackedEvent<'_>,
        evaluation: &mut EvaluationOutput<'_, O>,
    ) -> bool {
        debug_assert!(event.time >= row.now(), "events of a session come in order");
        if event.time > row.now() {
            self.settle(row, evaluation);
            if row.deadline() < event.time {
                return false;
            }
            self.turn(row, event.time, evaluation);
            row.set_now(event.time);
        }
        if let Some(at) = self.compiled.layout.last {
            row.words[at] = event.time as u64;
        }
        leaf::apply(&mut self.compiled, &mut self.dictionary, row, event, &mut self.failures);
        true
    }

    /// How many passes over the operations there were: what evaluation costs, whatever the machine.
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// Whether some user operator has failed since [`Evaluator::take_failures`] was last called.
    #[inline]
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The user operators that events made fail since this was last asked: usually none.
    #[inline]
    pub fn take_failures(&mut self) -> Vec<OperatorFailure> {
        std::mem::take(&mut self.failures)
    }

    /// Finishes the row's instant: no further event of it comes.
    #[inline(always)]
    pub fn settle<O: Observer>(&mut self, row: &mut Row<'_>, evaluation: &mut EvaluationOutput<'_, O>) {
        let pending = row.pending();
        let timers = row.deadline() <= row.now();
        if pending != 0 || timers {
            row.set_pending(0);
            let program = if timers || pending == FRESH { 0 } else { self.compiled.program(pending) };
            self.pass(row, program, pending, evaluation);
        }
    }

    /// Goes on to `until`, through all timers due at or before it. The row's instant was settled.
    pub fn advance<O: Observer>(&mut self, row: &mut Row<'_>, until: Time, evaluation: &mut EvaluationOutput<'_, O>) {
        self.advance_some(row, until, evaluation, u64::MAX);
    }

    /// Like [`Evaluator::advance`], but through so many timers at most; false if there are more. Then the row speaks of the
    /// last of them, and to go on comes to what going on at once had come to, as long as no event comes in between.
    pub fn advance_some<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        until: Time,
        evaluation: &mut EvaluationOutput<'_, O>,
        most: u64,
    ) -> bool {
        let all = self.go_on(row, until, evaluation, (false, most));
        if all && until > row.now() {
            row.set_now(until);
        }
        all
    }

    /// Goes through the timers due at or before `until`: no further than the session's end event, if `to_end`, and through
    /// so many at most; false if there are more.
    fn go_on<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        until: Time,
        evaluation: &mut EvaluationOutput<'_, O>,
        (to_end, most): (bool, u64),
    ) -> bool {
        debug_assert!(row.pending() == 0, "the instant is settled before time goes on");
        let first = self.passes;
        while row.deadline() <= until && !(to_end && row.is_ending()) {
            if self.passes - first >= most {
                return false;
            }
            let deadline = row.deadline();
            let due = run::due(&self.compiled, row, deadline);
            self.turn(row, deadline, evaluation);
            row.set_now(deadline);
            let program = self.compiled.timer_program(due);
            self.pass(row, program, 0, evaluation);
            assert!(row.deadline() > deadline, "a timer that fired is over");
        }
        true
    }

    /// Just before anything happens at an instant, to which all else has come: windows that end there are told.
    #[inline(always)]
    fn turn<O: Observer>(&self, row: &mut Row<'_>, at: Time, evaluation: &mut EvaluationOutput<'_, O>) {
        if every::is_due(&self.compiled, row, at) {
            self.end_windows(row, at, evaluation);
        }
        if let Some(left) = &self.compiled.left {
            left.note(row, at);
        }
    }

    #[inline(never)]
    fn end_windows<O: Observer>(&self, row: &mut Row<'_>, at: Time, evaluation: &mut EvaluationOutput<'_, O>) {
        let before = row.now();
        row.set_now(at);
        let view = SessionView::new(&self.compiled, &self.dictionary, row);
        if let Some(windows) = &mut evaluation.windows {
            view.windows_over(|window| windows.push(window));
        }
        if size_of::<O>() != 0 {
            let over = self.compiled.clocks.iter().filter(|clock| clock.ends_at(row, at));
            over.for_each(|clock| evaluation.observer.windows_over(&view, &clock.roots));
        }
        every::begin_anew(&self.compiled, row, at);
        row.set_now(before);
    }

    /// Tells the windows that end at or before an instant, before which nothing happens any more, going through so many timers
    /// at most; false if there are more. The row is then just before the end of the last of them.
    pub fn end_windows_by<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        until: Time,
        evaluation: &mut EvaluationOutput<'_, O>,
        most: u64,
    ) -> bool {
        let first = self.passes;
        // What happened last and was not evaluated yet may be what begins a window, and where one has been told it is the
        // clock's own timer that begins the next.
        if row.now() < until {
            self.settle(row, evaluation);
            if row.deadline() < until && !self.advance_some(row, until - 1, evaluation, most) {
                return false;
            }
        }
        if every::next_end(&self.compiled, row) > until {
            return true;
        }
        self.settle(row, evaluation);
        let mut ended = 0;
        loop {
            let end = every::next_end(&self.compiled, row);
            if end > until {
                return true;
            }
            let left = most.saturating_sub(self.passes - first + ended);
            if left == 0 || !self.advance_some(row, end - 1, evaluation, left) {
                return false;
            }
            // What changes on the way there may be the clock itself: another window of another clock has begun.
            if every::next_end(&self.compiled, row) == end {
                self.end_windows(row, end, evaluation);
                ended += 1;
            }
        }
    }

    /// The windows of the clock that contain an instant end: when the first of them does, of those by which metrics are told.
    pub fn next_window(&self, at: Time) -> Option<Time> {
        let of_sessions = self.compiled.clocks.iter().map(|clock| clock.end_of(&self.compiled.plan, at));
        let of_events = matches::ends(&self.compiled, at).map(|(_, end)| end);
        of_sessions.chain(of_events).min()
    }

    /// Whether the session's end event is made of timelines, so that only [`Evaluator::end_by`] knows of it.
    pub fn end_is_derived(&self) -> bool {
        let plan = self.plan();
        plan.end.when.is_some_and(|when| !matches!(plan.node(when).op, Op::Event(_)))
    }

    /// When the session's end event comes, if that is at or before `until` and no further event does;
    /// otherwise the next instant at which the session changes. The row stays as it is.
    ///
    /// It goes through so many timers at most. If there are more there is no answer yet, and the next call goes on from
    /// `ahead`, as long as the row is the same and `until` no earlier.
    pub fn end_by(
        &mut self,
        row: &Row<'_>,
        until: Time,
        ahead: &mut Option<EndCopy>,
        most: u64,
    ) -> Option<Result<Time, Time>> {
        if row.now() > until {
            return Some(Err(row.now()));
        }
        // Most of the time nothing happens on the way.
        if row.pending() == 0 && row.deadline() > until && !row.is_ending() {
            return Some(Err(row.deadline()));
        }
        let copy = ahead
            .get_or_insert_with(|| EndCopy(Box::new(EndCopyRow { words: row.words.to_vec(), heap: row.heap.clone() })));
        let EndCopyRow { words, heap } = &mut *copy.0;
        let row = &mut Row { words, heap };
        let evaluation = &mut EvaluationOutput { alerts: &mut vec![], windows: None, matches: None, observer: &mut () };
        self.settle(row, evaluation);
        let all = self.go_on(row, until, evaluation, (true, most));
        let found = if row.is_ending() { Ok(row.now()) } else { Err(row.deadline()) };
        all.then(|| {
            *ahead = None;
            found
        })
    }

    /// Takes note that tables say something else than when the row was made, of instants after its own: what they say
    /// next comes when it is due now.
    pub fn look_again(&self, row: &mut Row<'_>) {
        if row.pending() == FRESH {
            return;
        }
        for code in &self.compiled.codes {
            if let code::Instruction::Lookup(step) = code {
                step.look_again(row, &self.dictionary);
            }
        }
        // What is due at the row's instant is yet to happen, and says itself what comes next.
        if row.deadline() > row.now() {
            let next = run::next_deadline(&self.compiled, row, row.now());
            row.set_deadline(next);
        }
    }

    /// Ends the alerts that are still true: the session is over at the row's instant.
    pub fn end_alerts(&self, row: &mut Row<'_>, alerts: &mut Vec<AlertSpan>) {
        run::end_alerts(&self.compiled, &self.dictionary, row, alerts);
    }

    /// Reads the row at its instant, which was settled.
    pub fn view<'a>(&'a self, row: &'a Row<'a>) -> SessionView<'a> {
        SessionView::new(&self.compiled, &self.dictionary, row)
    }

    /// Drops the texts that nothing refers to and renumbers the others.
    ///
    /// `rows` calls its argument with every row, `words` with every other word that holds the number of a text.
    pub fn collect_texts(
        &mut self,
        mut rows: impl FnMut(&mut dyn FnMut(&mut Row<'_>)),
        mut words: impl FnMut(&mut dyn FnMut(&mut u64)),
    ) {
        let layout = &self.compiled.layout;
        let mut each = |f: &mut dyn FnMut(&mut u64)| {
            rows(&mut |row| codec::for_each_text(layout, row, &mut *f));
            words(f);
        };
        let mut used = vec![false; self.dictionary.len()];
        used[..self.compiled.constants].fill(true);
        each(&mut |word| {
            // Texts that were only looked up may be unknown.
            if let Some(used) = used.get_mut(*word as usize) {
                *used = true;
            }
        });
        let mut kept = Dictionary::default();
        let renumbered: Vec<u32> = (0..)
            .zip(&used)
            .map(|(id, used)| if *used { kept.intern(self.dictionary.text(id)) } else { UNKNOWN })
            .collect();
        each(&mut |word| {
            if let Some(id) = renumbered.get(*word as usize) {
                *word = u64::from(*id);
            }
        });
        self.dictionary = kept;
    }

    /// Packs a readable record: the words of its columns, which columns are present, and which are null.
    pub fn pack(&mut self, record: &Record, words: &mut Vec<u64>) -> (u64, u64) {
        words.clear();
        let (mut present, mut nulls) = (0, 0);
        for (column, field) in record.fields.iter().enumerate() {
            let bit = 1 << column;
            words.push(match field {
                Field::Missing => 0,
                Field::Null => {
                    present |= bit;
                    nulls |= bit;
                    0
                }
                Field::Value(value) => {
                    present |= bit;
                    word_of(value, &mut self.dictionary)
                }
            });
        }
        (present, nulls)
    }

    fn pass<O: Observer>(
        &mut self,
        row: &mut Row<'_>,
        program: usize,
        pending: u64,
        evaluation: &mut EvaluationOutput<'_, O>,
    ) {
        self.passes += 1;
        let scratch = (self.dirty.as_mut_slice(), &mut self.pass_events);
        run::run(&self.compiled, &mut self.dictionary, scratch, row, program, pending, evaluation.alerts);
        if let (false, Some(matches)) = (self.compiled.counted.is_empty(), &mut evaluation.matches) {
            let view = SessionView::new(&self.compiled, &self.dictionary, row);
            let counted = self.compiled.counted.iter();
            counted.for_each(|counted| counted.tell(&view, &self.pass_events, &self.dirty, matches));
        }
        if size_of::<O>() != 0 {
            let view = SessionView::new(&self.compiled, &self.dictionary, row);
            evaluation.observer.evaluated(&view.of_pass(&self.pass_events, &self.dirty));
        }
    }
}

/// The columns of a set, ascending.
fn columns_of(set: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |column| set >> column & 1 == 1)
}

/// The word of a value.
pub(crate) fn word_of(value: &Value, dictionary: &mut Dictionary) -> u64 {
    match value {
        Value::Str(text) => u64::from(dictionary.intern(&**text)),
        Value::Float(x) => (x + 0.0).to_bits(),
        Value::Int(x) => *x as u64,
        Value::Bool(x) => u64::from(*x),
    }
}

/// The value of a word; `None` if it is absent.
pub(crate) fn value_of(word: u64, ty: Type, dictionary: &Dictionary) -> Option<Value> {
    (word != ABSENT).then(|| match ty {
        Type::String => Value::Str(dictionary.shared(word as u32)),
        Type::Float => Value::Float(f64::from_bits(word)),
        Type::Int => Value::Int(word as i64),
        Type::Bool => Value::Bool(word != 0),
    })
}
