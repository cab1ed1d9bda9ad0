//! Reference tables: what rows say of a key, and when.
//!
//! A table is read by others and comes here as a value: the crate has no I/O. Its rows are kept in one order, that of
//! keys and instants, whatever order they came in, so that equal tables are equal in every byte.
//!
//! A row says something from its beginning on, up to its end, or to the beginning of the next row of its key where it has
//! no end of its own.
//!
//! **Invariant:** the rows of a key are sorted and no two of them say something at one instant.
//! **Invariant:** the identity of a column is a digest of what it says of each key at each instant: neither the order of
//! the rows, nor other columns, nor names have a part in it. Only who knows that what was asked of it up to now is the same
//! gives it the identity of an older one ([`LookupTable::known_as`]).

mod difference;

pub use difference::Difference;

use super::fingerprint::{Fingerprint, FingerprintBuilder};
use crate::{Time, Type, Value};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// What a table is called, and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableShape {
    /// What the program calls it.
    pub name: String,
    /// The columns of the key; no floats.
    pub key: Vec<(String, Type)>,
    /// The columns that it says.
    pub columns: Vec<(String, Type)>,
}

/// A row as it comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    /// A value for each column of the key.
    pub key: Vec<Value>,
    /// Its first instant; without one it speaks of all that is before its end.
    pub from: Option<Time>,
    /// The first instant behind it; without one it speaks up to the next row of its key.
    pub until: Option<Time>,
    /// A value for each column; absent ones are nothing.
    pub cells: Vec<Option<Value>>,
}

/// Why rows are no table. Rows are numbered as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableConflict {
    /// Two rows of one key speak of one instant.
    Overlap {
        /// The one that begins first, or came first.
        first: usize,
        /// The other.
        second: usize,
        /// Their key.
        key: Vec<Value>,
    },
    /// A row ends before it has begun.
    Empty {
        /// Which one.
        row: usize,
    },
}

/// The rows of a small table.
#[derive(Debug)]
pub struct LookupTable {
    shape: TableShape,
    /// Row by row.
    keys: Vec<Value>,
    /// When each row begins, and ends: [`Time::MIN`] and [`Time::MAX`] where it does neither.
    spans: Vec<(Time, Time)>,
    /// Row by row.
    cells: Vec<Option<Value>>,
    identities: Vec<TableIdentity>,
}

/// What a column is known as, and what it says.
#[derive(Debug, Default)]
struct TableIdentity {
    /// What tells it from others, if that is not what it says.
    known: Option<Fingerprint>,
    /// The digest of what it says, once somebody has asked.
    content: OnceLock<Fingerprint>,
    /// What was asked under that identity before, each with the first instant of which this says something else.
    before: Vec<(Fingerprint, Time)>,
}

/// A table of which rows are still to come. What it holds of a row is its values and no more.
#[derive(Debug)]
pub struct TableRows {
    shape: TableShape,
    keys: Vec<Value>,
    spans: Vec<(Time, Time)>,
    cells: Vec<Option<Value>>,
}

impl TableRows {
    /// Without rows.
    pub fn new(shape: TableShape) -> Self {
        TableRows { shape, keys: vec![], spans: vec![], cells: vec![] }
    }

    /// How many rows have come.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes a row; it has as many values as the shape has columns, and of their types.
    pub fn push(&mut self, row: TableRow) {
        let columns = (self.shape.key.len(), self.shape.columns.len());
        assert_eq!((row.key.len(), row.cells.len()), columns, "a row has the table's columns");
        self.keys.extend(row.key);
        // There is one zero, in tables as in records.
        let one_zero = |cell| match cell {
            Some(Value::Float(x)) => Some(Value::Float(x + 0.0)),
            other => other,
        };
        self.cells.extend(row.cells.into_iter().map(one_zero));
        self.spans.push((row.from.unwrap_or(Time::MIN), row.until.unwrap_or(Time::MAX)));
    }

    /// The table of all of them.
    pub fn finish(self) -> Result<LookupTable, TableConflict> {
        let TableRows { shape, mut keys, mut spans, mut cells } = self;
        let width = shape.key.len();
        if let Some(row) = spans.iter().position(|(from, until)| until <= from) {
            return Err(TableConflict::Empty { row });
        }
        let key = |row: usize| &keys[row * width..][..width];
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by(|a, b| key(*a).cmp(key(*b)).then(spans[*a].0.cmp(&spans[*b].0)));
        for pair in order.windows(2).filter(|pair| key(pair[0]) == key(pair[1])) {
            let (first, second) = (pair[0], pair[1]);
            let begins = spans[second].0;
            let ends = &mut spans[first].1;
            if *ends == Time::MAX {
                *ends = begins;
            }
            if *ends > begins || spans[first].0 == begins {
                return Err(TableConflict::Overlap { first, second, key: key(first).to_vec() });
            }
        }
        let columns = shape.columns.len();
        let mut take = |at: usize| std::mem::replace(&mut keys[at], Value::Bool(false));
        let sorted_keys = order.iter().flat_map(|row| row * width..(row + 1) * width).map(&mut take).collect();
        let sorted_cells =
            order.iter().flat_map(|row| row * columns..(row + 1) * columns).map(|at| cells[at].take()).collect();
        let spans = order.iter().map(|row| spans[*row]).collect();
        let identities = std::iter::repeat_with(TableIdentity::default).take(columns).collect();
        Ok(LookupTable { shape, keys: sorted_keys, spans, cells: sorted_cells, identities })
    }
}

impl LookupTable {
    /// The most rows of a table.
    pub const MAX_ROWS: usize = 2_000_000;

    /// The most values of a table, those of keys and absent ones counted, for each takes its place in memory.
    pub const MAX_VALUES: usize = 16_000_000;

    /// A table of rows in any order.
    pub fn new(shape: TableShape, rows: impl IntoIterator<Item = TableRow>) -> Result<Self, TableConflict> {
        let mut all = TableRows::new(shape);
        rows.into_iter().for_each(|row| all.push(row));
        all.finish()
    }

    /// What it is called, and what it has.
    pub fn shape(&self) -> &TableShape {
        &self.shape
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A row: its key, its first instant and the first behind it, and its cells.
    pub fn row(&self, row: usize) -> (&[Value], (Time, Time), &[Option<Value>]) {
        let (width, columns) = (self.shape.key.len(), self.shape.columns.len());
        (&self.keys[row * width..][..width], self.spans[row], &self.cells[row * columns..][..columns])
    }

    /// Whether some row begins or ends, so that what is said of a key changes with time alone.
    pub fn turns(&self) -> bool {
        self.spans.iter().any(|span| *span != (Time::MIN, Time::MAX))
    }

    /// The rows of a key.
    fn rows_of(&self, key: &[Value]) -> Range<usize> {
        let width = self.shape.key.len();
        let compare = |row: usize| self.keys[row * width..][..width].cmp(key);
        let first = partition(0..self.len(), |row| compare(row) == Ordering::Less);
        first..partition(first..self.len(), |row| compare(row) == Ordering::Equal)
    }

    /// Whether some row's key begins with a value; `compare` says how the first part of a key is to it.
    pub fn has_first(&self, compare: impl Fn(&Value) -> Ordering) -> bool {
        let width = self.shape.key.len();
        let first = partition(0..self.len(), |row| compare(&self.keys[row * width]).is_lt());
        first < self.len() && compare(&self.keys[first * width]).is_eq()
    }

    /// What a column says of a key at an instant, and when that may next be something else: never is [`Time::MAX`].
    pub fn look(&self, column: usize, key: &[Value], at: Time) -> (Option<&Value>, Time) {
        let rows = self.rows_of(key);
        let next = partition(rows.clone(), |row| self.spans[row].0 <= at);
        let next_begins = if next < rows.end { self.spans[next].0 } else { Time::MAX };
        match next.checked_sub(1).filter(|row| *row >= rows.start && at < self.spans[*row].1) {
            Some(row) => (self.cells[row * self.shape.columns.len() + column].as_ref(), self.spans[row].1),
            None => (None, next_begins),
        }
    }

    /// Gives a column the identity of one that it takes the place of, which was asked only of instants of which both say
    /// the same. `before` are the contents that were asked under that identity, each with the first instant of which this
    /// one says something else.
    #[must_use]
    pub fn known_as(mut self, column: &str, identity: Fingerprint, before: Vec<(Fingerprint, Time)>) -> Self {
        if let Some(at) = self.shape.columns.iter().position(|(known, _)| known == column) {
            self.identities[at] = TableIdentity { known: Some(identity), content: OnceLock::new(), before };
        }
        self
    }

    /// What tells a column from any other one, of this table or another.
    fn digest(&self, column: usize) -> Fingerprint {
        self.identities[column].known.unwrap_or_else(|| self.content(column))
    }

    /// The digest of what a column says.
    fn content(&self, column: usize) -> Fingerprint {
        *self.identities[column].content.get_or_init(|| {
            let mut digest = FingerprintBuilder::default();
            let types = self.shape.key.iter().map(|(_, ty)| ty).chain([&self.shape.columns[column].1]);
            types.for_each(|ty| digest.text(ty.name()));
            for row in 0..self.len() {
                let (key, (from, until), cells) = self.row(row);
                key.iter().for_each(|value| value_into(&mut digest, Some(value)));
                digest.bytes(&from.to_le_bytes());
                digest.bytes(&until.to_le_bytes());
                value_into(&mut digest, cells[column].as_ref());
            }
            digest.finish()
        })
    }
}

/// The first of the numbers of which something holds no more, where it holds of the first ones.
fn partition(all: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (all.start, all.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn value_into(digest: &mut FingerprintBuilder, value: Option<&Value>) {
    match value {
        None => digest.bytes(&[0]),
        Some(Value::Str(text)) => {
            digest.bytes(&[1]);
            digest.text(text);
        }
        Some(Value::Float(x)) => {
            digest.bytes(&[2]);
            digest.bytes(&(x + 0.0).to_bits().to_le_bytes());
        }
        Some(Value::Int(x)) => {
            digest.bytes(&[3]);
            digest.bytes(&x.to_le_bytes());
        }
        Some(Value::Bool(x)) => digest.bytes(&[4, u8::from(*x)]),
    }
}

/// A column of a table.
#[derive(Clone)]
pub struct TableColumn {
    /// The table.
    pub table: Arc<LookupTable>,
    /// The column's number in the table's shape.
    pub column: u16,
}

impl TableColumn {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.table.shape.columns[usize::from(self.column)].0
    }

    /// The type of what it says.
    pub fn ty(&self) -> Type {
        self.table.shape.columns[usize::from(self.column)].1
    }

    /// What tells it from any other column.
    pub fn digest(&self) -> Fingerprint {
        self.table.digest(usize::from(self.column))
    }

    /// The digest of what it says, whatever it is known as.
    pub fn content(&self) -> Fingerprint {
        self.table.content(usize::from(self.column))
    }

    /// The first instant of which it says something else than one of that content did, which it took the place of:
    /// [`Time::MAX`] if it is the same, and nothing if it took the place of no such one.
    pub fn differs_from(&self, content: Fingerprint) -> Option<Time> {
        if content == self.content() {
            return Some(Time::MAX);
        }
        let before = &self.table.identities[usize::from(self.column)].before;
        before.iter().find(|(known, _)| *known == content).map(|(_, at)| *at)
    }

    /// The contents that it took the place of, each with the first instant of which it says something else.
    pub fn before(&self) -> &[(Fingerprint, Time)] {
        &self.table.identities[usize::from(self.column)].before
    }

    /// Whether it takes keys of these types.
    pub(crate) fn takes(&self, types: &[Type]) -> bool {
        types.iter().eq(self.table.shape.key.iter().map(|(_, ty)| ty))
    }

    /// What it says of a key at an instant, and when that may next be something else. Of a key with an absent part it never
    /// says anything.
    pub(crate) fn look(&self, key: &[Option<Value>], at: Time) -> (Option<Value>, Time) {
        let Some(key) = key.iter().cloned().collect::<Option<Vec<Value>>>() else { return (None, Time::MAX) };
        let (value, next) = self.table.look(usize::from(self.column), &key, at);
        (value.cloned(), next)
    }
}

impl fmt::Debug for TableColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableColumn({}.{} {})", self.table.shape.name, self.name(), self.digest())
    }
}

impl PartialEq for TableColumn {
    fn eq(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.table, &other.table) && self.column == other.column) || self.digest() == other.digest()
    }
}

impl Eq for TableColumn {}

impl Hash for TableColumn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> TableShape {
        TableShape {
            name: "tariff".into(),
            key: vec![("zone".into(), Type::String)],
            columns: vec![("price".into(), Type::Int), ("name".into(), Type::String)],
        }
    }

    fn row(zone: &str, from: Option<Time>, until: Option<Time>, price: Option<i64>) -> TableRow {
        TableRow { key: vec![Value::text(zone)], from, until, cells: vec![price.map(Value::Int), None] }
    }

    fn price(table: &LookupTable, zone: &str, at: Time) -> (Option<i64>, Time) {
        match table.look(0, &[Value::text(zone)], at) {
            (Some(Value::Int(x)), next) => (Some(*x), next),
            (_, next) => (None, next),
        }
    }

    #[test]
    fn a_row_ends_at_its_end_or_where_the_next_begins() {
        let rows = [
            row("a", Some(20), None, Some(2)),
            row("b", None, Some(7), Some(9)),
            row("a", Some(10), None, Some(1)),
            row("a", Some(30), Some(40), None),
        ];
        let table = LookupTable::new(shape(), rows).expect("they do not overlap");
        let all: Vec<_> = [9, 10, 19, 20, 30, 40].map(|at| price(&table, "a", at)).into();
        let wanted = [(None, 10), (Some(1), 20), (Some(1), 20), (Some(2), 30), (None, 40), (None, Time::MAX)];
        assert_eq!(all, wanted);
        assert_eq!([6, 7].map(|at| price(&table, "b", at)), [(Some(9), 7), (None, Time::MAX)]);
        assert_eq!(price(&table, "c", 20), (None, Time::MAX));
        assert!(table.turns());
    }

    #[test]
    fn two_rows_never_speak_of_one_instant() {
        let conflict = |rows: Vec<TableRow>| LookupTable::new(shape(), rows).map(|_| ()).unwrap_err();
        let overlap = |first, second| TableConflict::Overlap { first, second, key: vec![Value::text("a")] };
        let twice = vec![row("a", None, None, Some(1)), row("b", None, None, None), row("a", None, None, Some(1))];
        assert_eq!(conflict(twice), overlap(0, 2));
        let later = vec![row("a", Some(5), None, None), row("a", Some(1), Some(6), None)];
        assert_eq!(conflict(later), overlap(1, 0));
        assert_eq!(conflict(vec![row("a", Some(5), Some(5), None)]), TableConflict::Empty { row: 0 });
        let touching = [row("a", Some(5), None, None), row("a", Some(1), Some(5), None)];
        assert!(LookupTable::new(shape(), touching).is_ok());
    }

    #[test]
    fn identity_is_what_a_column_says() {
        let column = |rows: Vec<TableRow>, column: u16| {
            let table = Arc::new(LookupTable::new(shape(), rows).expect("they do not overlap"));
            TableColumn { table, column }
        };
        let rows = || vec![row("a", Some(1), None, Some(1)), row("a", Some(5), None, Some(2))];
        let first = column(rows(), 0);
        let turned = column(rows().into_iter().rev().collect(), 0);
        assert_eq!(first, turned);
        let mut ended = rows();
        ended[0].until = Some(5);
        assert_eq!(first, column(ended, 0));
        let mut named = rows();
        named[0].cells[1] = Some(Value::text("night"));
        assert_eq!(first, column(named.clone(), 0));
        assert_ne!(column(rows(), 1), column(named, 1));
        let mut dearer = rows();
        dearer[1].cells[0] = Some(Value::Int(3));
        assert_ne!(first, column(dearer, 0));
        let mut earlier = rows();
        earlier[0].from = Some(0);
        assert_ne!(first, column(earlier, 0));
        assert_ne!(first, column(rows(), 1));
    }
}
