//! What is true of an operator, whoever asks: said once, by the operator's own file under `operators`.
//!
//! Everybody reads it: the plan ([`super::Op::inputs`], the canonical encoding, what moves and what accumulates), the layout
//! of a session's row, its deadline, `explain`, `nodes` and `session`.
//!
//! **Invariant:** no field has a default and no operator is left out of the table (`operators.rs`), so what is not said of an
//! operator does not compile.

use super::every::Every;
use super::expression::EventExpr;
use super::hours::LocalHours;
use super::kind::Unit;
use super::op::{NodeId, Op};
use super::source::ColumnId;
use super::table::TableColumn;
use super::user::UserOperator;
use crate::{Time, Value};

/// What is true of an operator.
#[derive(Clone, Debug)]
pub struct OperatorDescription<'a> {
    /// What the canonical encoding calls it. No two operators have one name, and no name is given twice.
    pub name: &'static str,
    /// How programs write it.
    pub form: Notation,
    /// What it is told beside its inputs, in the order of the encoding.
    pub parameters: Vec<Parameter<'a>>,
    /// Which of the events that it reads count.
    pub takes: CountedEvents,
    /// Whether the number that it makes changes with time alone, whatever it reads; others move where an input does.
    pub moves: bool,
    /// Whether it counts up from zero at the start of the session, so that shares of it add up.
    pub cumulative: Cumulative,
    /// Whether what it makes is a straight line between changes, whatever moves.
    pub straight: Straight,
    /// What may change it although no input does at that instant.
    pub timer: Timer,
    /// Where the instant stands at which it changes by itself.
    pub due: DeadlineSlot,
    /// How its state grows.
    pub memory: MemoryClass,
    /// What it keeps in a session's row, word by word.
    pub words: Vec<KeptWord>,
    /// The words of an entry of its cell in the session's heap, if it keeps something that has no fixed size.
    pub entry: Option<Vec<KeptWord>>,
    /// Whether it asks of the events that it reads which came before which.
    pub asks_order: bool,
    /// The input of which it asks what it was before the events of an instant: it is charged or restarted there.
    pub charges: Option<NodeId>,
}

/// How programs write an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// By its name, with its inputs and what it is told beside them in parentheses.
    Call,
    /// In a form of its own: signs, a clause, words among the arguments, or nothing at all.
    Own,
}

/// What an operator is told beside its inputs.
#[derive(Clone, Debug)]
pub enum Parameter<'a> {
    /// A window or length in nanoseconds; positive.
    Window(Time),
    /// The same, or none.
    Ttl(Option<Time>),
    /// Windows of the clock.
    Windows(&'a Every),
    /// Hours of a local clock.
    Hours(&'a LocalHours),
    /// A whole number.
    Whole(i64),
    /// A word or a sign.
    Word(&'static str),
    /// What a number counts.
    Unit(Unit),
    /// A value.
    Value(&'a Value),
    /// What is asked of a record.
    Expression(&'a EventExpr),
    /// An operator that the user brought.
    Operator(&'a UserOperator),
    /// A column of a table.
    Table(&'a TableColumn),
}

/// Which of the events that an operator reads count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedEvents {
    /// It reads no events.
    Nothing,
    /// Those that say true, of events that are no truth values those that are not null.
    Matches,
    /// Those that are not null.
    Payloads,
    /// All of them.
    All,
}

/// Whether a number counts up from zero at the start of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cumulative {
    /// It does not.
    Never,
    /// It does.
    Always,
    /// Where all its inputs do.
    WithInputs,
    /// A product: where one side does and the other one is a constant.
    TimesConstant,
}

/// Whether what an operator makes is a straight line between changes; where it would not be, it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Straight {
    /// It is.
    Always,
    /// Where no input is a number that moves; what it is called when that is said.
    WhereNoneMoves(&'static str),
    /// Where at most one is.
    WhereOneMoves(&'static str),
}

/// When an operator changes although no input does at that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Never: where it changes, an input does.
    Never,
    /// So long after an event or a turn of its input.
    After(Time),
    /// The same, and never otherwise: what its inputs do at that instant has no part in it.
    Only(Time),
    /// Where two numbers cross, of which one moves; known when one of them last took another course.
    Crossing(NodeId, NodeId),
    /// Where a stretch of the input becomes the longest one; known when it began.
    Overtaking(NodeId),
    /// Where the denominator of a quotient that moves crosses zero; known when it last took another course.
    Zero(NodeId),
    /// By the clock, at the end of each window or where hours begin and end: nothing has set it.
    Clock,
    /// Where a row of a table begins or ends: nothing has set it but the key.
    Rows,
    /// Where the input's own timer says: it reads the same window.
    OfInput(NodeId),
}

/// Where the instant stands at which an operator next changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineSlot {
    /// Nowhere: it never does.
    Never,
    /// In its word of that number, as far as it has one.
    Word(usize),
    /// So long after the instant in that word.
    After(usize, Time),
    /// When the stretch since its second word is as long as its first one.
    Overtaking,
}

/// How the state of an operator grows with what a session sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryClass {
    /// Not at all.
    Constant,
    /// With what happens in a window.
    Window,
    /// Up to a cap that the program sets.
    Cap,
    /// The same, and for each with what the input keeps.
    CapOfInput(NodeId),
    /// Not at all, but the user has said how much it is.
    Declared,
}

/// What an operator keeps in a place of a session's row or heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptWord {
    /// A count, a length or an instant: at first 0.
    Zero,
    /// An instant since which or until which something is: at first none.
    Since,
    /// An instant at which something will be: at first none.
    Due,
    /// The same, where that input is a quotient.
    DueOfRatio(NodeId),
    /// A value of that input: at first absent.
    Value(NodeId),
    /// The value of the operator itself, if that is a state and no truth value: at first absent.
    Own,
    /// A number that jumps at events, from 0 on; where that is asked for also when the last of them came, and what it was
    /// before the events of that instant.
    Counted,
    /// Of a number the second word, which only floats have: at first 0.
    Rest(NodeId),
    /// How many values were forgotten beyond a cap: at first 0.
    Forgotten,
    /// What it was made with.
    Given(u64),
    /// Which entry is in force; then, how many of them are in the row.
    InForce,
    /// The first entries of its cell, which are in the row.
    Entries,
    /// What of that input was charged: of a quotient both sides, of a condition whose turns are counted how many and for how
    /// long.
    Share(NodeId),
    /// A record's place in its instant.
    Rank,
    /// The payload of that event, if records make it.
    Payload(NodeId),
    /// The value of a record's column.
    Column(ColumnId),
}

impl Op {
    /// Whether it reads no other worker: only the records of the log, a constant, or the clock.
    pub fn is_leaf(&self) -> bool {
        self.inputs().is_empty()
    }

    /// Whether it says the same at all times.
    pub fn is_constant(&self) -> bool {
        let OperatorDescription { takes, timer, .. } = self.describe();
        self.is_leaf() && takes == CountedEvents::Nothing && timer == Timer::Never
    }

    /// What may change it beside its inputs. Numbers that grow by themselves do not change thereby: they go on as they were.
    pub fn timer(&self) -> Timer {
        self.describe().timer
    }
}
