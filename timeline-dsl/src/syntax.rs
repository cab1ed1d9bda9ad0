//! The tree that the parser makes: what was written, with its places, before anything is known of names and types.
//!
//! **Invariant:** the tree is no deeper than [`crate::parser::MAX_NESTING`]: chains of one operator are lists, so walking
//! it by recursion is safe. What could not be read is [`ExprKind::Error`], of which nothing more is said.

mod rational;

pub use rational::Rational;

use std::ops::Range;
use timeline_core::plan::{AggregateMembers, Compare};
use timeline_core::{Time, Type};

/// A range of bytes of a program, which is shorter than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From the byte `start` to before the byte `end`.
    pub fn new(start: usize, end: usize) -> Self {
        let byte = |x: usize| u32::try_from(x).unwrap_or(u32::MAX);
        Span { start: byte(start), end: byte(end) }
    }

    /// The bytes.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the beginning of this to the end of the other.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// What stands there.
    pub fn text(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or("")
    }
}

/// A name and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A whole program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramSyntax {
    /// In the order of the text.
    pub items: Vec<Item>,
}

/// One declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `source name { ... }`
    Source(SourceItem),
    /// `let name = expr`
    Let(Definition),
    /// `metric name = expr | aggregate(...)`
    Metric(Definition),
    /// `alert name = expr`
    Alert(Definition),
    /// `operator name(x: type): type state N from "module"`
    Operator(OperatorItem),
    /// `table name from "file" { ... }`
    Table(TableItem),
}

/// A declared table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableItem {
    /// The name.
    pub name: Name,
    /// The file of its rows.
    pub file: TextLiteral,
    /// Clauses and columns in the order of the text.
    pub clauses: Vec<Clause>,
    /// From `table` to its file.
    pub span: Span,
    /// Whether some clause was not readable and is reported, so that its rows mean nothing.
    pub is_broken: bool,
}

/// A declared operator of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorItem {
    /// The name.
    pub name: Name,
    /// Names and types of its arguments; a type is `None` if that was not readable and is reported.
    pub parameters: Vec<(Name, (Option<Type>, Span))>,
    /// The type of what it says, likewise.
    pub result: (Option<Type>, Span),
    /// How many bytes it keeps for a session.
    pub state: Option<(u32, Span)>,
    /// Its module.
    pub from: String,
    /// The place of the module, with its quotes.
    pub from_span: Span,
    /// The whole declaration.
    pub span: Span,
}

/// A name for an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name.
    pub name: Name,
    /// What it stands for.
    pub value: Expr,
    /// Of metrics only.
    pub aggregate: Option<AggregateItem>,
    /// What is shown beside rows, of metrics and alerts: `with NAME = EXPRESSION, ...`.
    pub with: Vec<Dimension>,
    /// `| keep spans`, of metrics only.
    pub keep_spans: bool,
    /// The whole declaration.
    pub span: Span,
}

/// `aggregate(...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateItem {
    /// The keys of all `group_by(...)`.
    pub group_by: Vec<Dimension>,
    /// The functions.
    pub functions: Vec<FunctionItem>,
    /// Which sessions count.
    pub members: AggregateMembers,
    /// From `aggregate` to its `)`.
    pub span: Span,
}

/// A function of `aggregate(...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionItem {
    /// Its name.
    pub name: Name,
    /// What it is told to read, as `distinct` is.
    pub of: Vec<Dimension>,
}

/// A declared source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceItem {
    /// The name.
    pub name: Name,
    /// Clauses and columns in the order of the text.
    pub clauses: Vec<Clause>,
    /// From `source` to its name.
    pub span: Span,
}

/// A clause of a source and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// What it says.
    pub kind: ClauseKind,
    /// The whole clause.
    pub span: Span,
}

/// What a clause says.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// `key a, b as c`
    Key(Vec<KeyPart>),
    /// `time ts in ms`, or `time t as "%d.%m.%Y %H:%M:%S" in "Europe/Berlin"`
    Time {
        /// The field.
        field: FieldName,
        /// How it is written; `None` if that is not said, or is reported.
        form: Option<TimeForm>,
    },
    /// `order by seq`
    Order(FieldName),
    /// `lateness 2s`
    Lateness(Expr),
    /// `end when P linger D or after D or after D in all`
    End(Vec<EndPart>),
    /// `late ledger`
    LateLedger,
    /// `late repair keep 1h`
    LateRepair(Expr),
    /// `idle 30s`, or `idle never`
    Idle(Option<Expr>),
    /// `future 1d`
    Future(Expr),
    /// `dedup by eventId within 10m`
    Dedup {
        /// The field that is compared.
        field: FieldName,
        /// How far apart the times of duplicates may be.
        within: Expr,
    },
    /// `null is missing`
    NullIsMissing,
    /// `csv delimiter ";" decimal ","`
    Csv {
        /// What stands between cells.
        delimiter: Option<TextLiteral>,
        /// What stands before the fraction of a number.
        decimal: Option<TextLiteral>,
    },
    /// `from a in s until b`, of tables only.
    Valid {
        /// The field with a row's first instant.
        from: Option<FieldName>,
        /// The field with the first instant behind it.
        until: Option<FieldName>,
        /// How they are written; `None` if that is not said, or is reported.
        form: Option<TimeForm>,
    },
    /// `name: type from "path" null "NaN", "-"`
    Column {
        /// The name.
        name: Name,
        /// Its type; `None` if that was not readable and is reported.
        ty: Option<Type>,
        /// Where it stands in a record, if not under its name.
        from: Option<FieldName>,
        /// Texts that are explicit nulls.
        nulls: Vec<String>,
    },
}

/// A field of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPart {
    /// The field.
    pub field: FieldName,
    /// What it is called where sources are joined, if not by its own name.
    pub alias: Option<Name>,
}

/// How an event time is written, as the program says it.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeForm {
    /// `in ms`
    Unit(Name),
    /// `as "FORMAT" in "ZONE"`
    Format {
        /// As of `strptime`.
        format: TextLiteral,
        /// The zone of times that say none.
        zone: Option<TextLiteral>,
    },
}

/// A text, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLiteral {
    /// What it says.
    pub text: String,
    /// Its place, quotes included.
    pub span: Span,
}

/// One of the rules by which sessions end.
#[derive(Clone, Debug, PartialEq)]
pub enum EndPart {
    /// `when P`
    When(Expr),
    /// `after D`
    After(Expr),
    /// `after D billed`
    AfterBilled(Expr),
    /// `after D in all`
    AfterInAll(Expr),
    /// `linger D`
    Linger(Expr),
}

/// A field of a record: member names from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// At least one.
    pub members: Vec<String>,
    /// Its place.
    pub span: Span,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place, with the parentheses around it.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// Not readable, and reported.
    Error,
    /// A constant.
    Literal(Literal),
    /// `a` or `source.a`
    Path(Vec<Name>),
    /// `col("a")`
    Column(Name),
    /// `f(x, y, ttl 5s)`
    Call {
        /// As it is written.
        name: Name,
        /// In order.
        arguments: Vec<SyntaxArgument>,
    },
    /// `table[a, b].column`
    Lookup {
        /// The table.
        table: Name,
        /// What is looked up.
        key: Vec<Expr>,
        /// Which column of the row; `None` if that is not said.
        column: Option<Name>,
    },
    /// `!x`
    Not(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `a && b && c` or `a || b || c`
    Logic(Logic, Vec<Expr>),
    /// `a < b`
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// `a in (b, c)`
    In(Box<Expr>, Vec<Expr>),
    /// `a + b - c` or `a * b / c`
    Arithmetic(Box<Expr>, Vec<(Sign, Expr)>),
    /// `x over last D`
    OverLast(Box<Expr>, Box<Expr>),
    /// `x scope by s`
    ScopeBy(Box<Expr>, Box<Expr>),
    /// `during("09:00-17:30", mon..fri, in "ZONE")`
    During(Box<DuringClause>),
    /// The windows of `x every D`, which stand among the dimensions of a split.
    Every(Box<EveryClause>),
    /// `x split by a, b cap 100`
    SplitBy(Box<Expr>, Vec<Dimension>, Option<Box<Expr>>),
}

impl Expr {
    /// The expressions of which it is made.
    pub(crate) fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Error
            | ExprKind::Literal(_)
            | ExprKind::Path(_)
            | ExprKind::Column(_)
            | ExprKind::During(_)
            | ExprKind::Every(_) => vec![],
            ExprKind::Lookup { key, .. } => key.iter().collect(),
            ExprKind::Call { name: _, arguments } => arguments.iter().map(|argument| &argument.value).collect(),
            ExprKind::Not(a) | ExprKind::Negate(a) => vec![a],
            ExprKind::Logic(_, all) => all.iter().collect(),
            ExprKind::Compare(_, a, b) | ExprKind::OverLast(a, b) | ExprKind::ScopeBy(a, b) => vec![a, b],
            ExprKind::In(a, all) => std::iter::once(&**a).chain(all).collect(),
            ExprKind::Arithmetic(a, rest) => std::iter::once(&**a).chain(rest.iter().map(|(_, b)| b)).collect(),
            ExprKind::SplitBy(a, by, _) => std::iter::once(&**a).chain(by.iter().map(|d| &d.value)).collect(),
        }
    }
}

/// Hours, days and the zone of `during`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DuringClause {
    /// `"09:00-17:30"`
    pub hours: Vec<TextLiteral>,
    /// `mon`, or `mon..fri`
    pub days: Vec<(Name, Option<Name>)>,
    /// The time zone, if one is said.
    pub zone: Option<TextLiteral>,
}

/// `every D in "ZONE" offset D`
#[derive(Clone, Debug, PartialEq)]
pub struct EveryClause {
    /// How long a window is.
    pub length: WindowLength,
    /// The time zone, if one is said.
    pub zone: Option<TextLiteral>,
    /// How long after its usual beginning a window begins.
    pub offset: Option<Expr>,
}

/// How long a window is.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowLength {
    /// A length of time.
    Time(Expr),
    /// So many weeks or months.
    Calendar(u32, timeline_core::plan::CalendarUnit, Span),
}

/// Which connective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Which calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

impl Sign {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Sign::Plus => "+",
            Sign::Minus => "-",
            Sign::Times => "*",
            Sign::Over => "/",
        }
    }
}

/// An argument, `ttl 5s` with its word.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntaxArgument {
    /// The word before it.
    pub word: Option<Name>,
    /// The argument.
    pub value: Expr,
}

/// `expr as name` of a split or a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// The state.
    pub value: Expr,
    /// The name given.
    pub name: Option<Name>,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A number without a unit.
    Number(NumberLiteral),
    /// Nanoseconds.
    Duration(Time),
    /// A truth value.
    Bool(bool),
    /// Not readable, and reported.
    Bad,
}

/// A constant number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberLiteral {
    /// Its value; `None` where 128 bits do not hold it.
    pub exact: Option<Rational>,
    /// The nearest float.
    pub float: f64,
    /// Whether it is written without fraction and exponent, so that it can stand for seconds.
    pub whole: bool,
}
