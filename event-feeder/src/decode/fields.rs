//! Which fields of a record are read, and what for.

use super::cell::{CapturedCell, CapturedKind};
use super::form::TimeParser;
use crate::table::TableFile;
use std::sync::Arc;
use timeline_core::plan::{FieldPath, Idle, Plan, SourceColumn, SourceDefinition, Step, TimeUnit};
use timeline_core::{Time, Type};

/// The fields that a source's clauses and the plan's columns read of its records, without repetition.
pub fn fields_read(plan: &Plan, source: usize) -> Vec<FieldPath> {
    Fields::new(plan.source_at(source), &plan.columns, source).paths
}

/// The fields and their uses. A use names its field by index.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) paths: Vec<FieldPath>,
    /// The paths as people write them, for dead letters.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) key: Vec<usize>,
    pub(crate) time: usize,
    pub(crate) order: Option<(usize, Type)>,
    pub(crate) columns: Vec<ColumnUse>,
    pub(crate) unit: TimeUnit,
    /// How many nanoseconds the unit of times has, where they are counted.
    pub(crate) tick: Option<Time>,
    /// The form of times, where the program spells one out.
    pub(crate) form: Option<TimeParser>,
    /// Whether a time may depend on that of the record before it.
    pub(crate) follows: bool,
    /// What stands before the fraction of a number in CSV, as far as that is said.
    pub(crate) decimal: Option<u8>,
    /// The columns on which a null is no event.
    pub(crate) null_is_missing: u64,
    /// Whether some column has words that are nulls.
    pub(crate) words: bool,
    pub(crate) lateness: Time,
    pub(crate) future: Option<Time>,
    /// How far behind the largest time an event is of no use any more.
    pub(crate) lost: Time,
    /// The times of a row, where records are those of a table; then nothing is said of a key, a time or an order.
    pub(crate) bounds: Option<ValidityFields>,
}

/// The fields in which a row of a table says when it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidityFields {
    pub(crate) from: Option<usize>,
    pub(crate) until: Option<usize>,
}

/// A column and the field that it reads.
#[derive(Clone, Debug)]
pub(crate) struct ColumnUse {
    /// The column in a set of columns.
    pub(crate) bit: u64,
    pub(crate) field: usize,
    pub(crate) ty: Type,
    pub(crate) name: Arc<str>,
    /// Whether it is text, and any text is a value of it.
    pub(crate) plain_text: bool,
    /// Texts that are nulls.
    pub(crate) words: Vec<Box<str>>,
}

impl ColumnUse {
    /// Whether a value is one of the words that stand for null. Only texts are, and cells of CSV.
    #[inline(never)]
    pub(crate) fn is_null(&self, cell: CapturedCell, text: &[u8]) -> bool {
        let text = match cell.kind() {
            CapturedKind::Text => text,
            CapturedKind::Bare => text.trim_ascii(),
            CapturedKind::Empty => b"",
            CapturedKind::Missing
            | CapturedKind::Number
            | CapturedKind::True
            | CapturedKind::False
            | CapturedKind::Null
            | CapturedKind::Instant
            | CapturedKind::BadText
            | CapturedKind::Composite
            | CapturedKind::Foreign => return false,
        };
        self.words.iter().any(|word| word.as_bytes() == text)
    }
}

impl Fields {
    /// What is read of the records of one source, which has that number; columns of others are never there.
    pub(crate) fn new(source: &SourceDefinition, columns: &[SourceColumn], number: usize) -> Self {
        let mut paths: Vec<FieldPath> = vec![];
        let mut field = |path: &FieldPath| {
            paths.iter().position(|known| known == path).unwrap_or_else(|| {
                paths.push(path.clone());
                paths.len() - 1
            })
        };
        let key = source.key.iter().map(&mut field).collect();
        let time = field(&source.time);
        let order = source.order.as_ref().map(|(path, ty)| (field(path), *ty));
        let own = (0..).zip(columns).filter(|(_, column)| usize::from(column.source) == number);
        let null_is_missing =
            own.clone().filter(|(_, column)| column.nulls.missing).fold(0, |set, (i, _)| set | 1 << i);
        let columns: Vec<ColumnUse> = own
            .map(|(i, column)| ColumnUse {
                bit: 1 << i,
                field: field(&column.path),
                ty: column.ty,
                name: Arc::from(&*column.name),
                plain_text: column.ty == Type::String && column.nulls.words.is_empty(),
                words: column.nulls.words.iter().map(|word| word.as_str().into()).collect(),
            })
            .collect();
        let names = paths.iter().map(|path| Arc::from(path.dotted())).collect();
        let SourceDefinition { lateness, future, .. } = *source;
        let (unit, form) = (source.time_unit.clone(), TimeParser::of(&source.time_unit));
        let follows = form.as_ref().is_some_and(TimeParser::may_repeat);
        let lost = lateness.saturating_add(source.repair.unwrap_or(0));
        let decimal = source.csv.decimal;
        let words = columns.iter().any(|column| !column.words.is_empty());
        Fields {
            paths,
            names,
            key,
            time,
            order,
            columns,
            tick: unit.nanoseconds(),
            unit,
            form,
            follows,
            decimal,
            null_is_missing,
            words,
            lateness,
            future,
            lost,
            bounds: None,
        }
    }

    /// What is read of the rows of a table.
    pub(crate) fn of_table(rows: &TableFile) -> Self {
        let first = rows.columns.first().map_or_else(|| FieldPath(vec![]), |column| column.path.clone());
        let source = SourceDefinition {
            name: String::new(),
            key: vec![],
            time: first,
            time_unit: rows.unit.clone(),
            order: None,
            lateness: 0,
            future: None,
            idle: Idle::Never,
            repair: None,
            csv: rows.csv,
        };
        let mut fields = Fields::new(&source, &rows.columns, 0);
        let mut field = |path: &FieldPath| {
            fields.paths.iter().position(|known| known == path).unwrap_or_else(|| {
                fields.paths.push(path.clone());
                fields.names.push(Arc::from(path.dotted()));
                fields.paths.len() - 1
            })
        };
        let bounds =
            ValidityFields { from: rows.from.as_ref().map(&mut field), until: rows.until.as_ref().map(&mut field) };
        Fields { bounds: Some(bounds), ..fields }
    }

    /// The columns, as a set of them.
    pub(crate) fn all(&self) -> u64 {
        self.columns.iter().fold(0, |set, column| set | column.bit)
    }
}

/// The members of an object that lead to fields: a tree over the paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemberTree {
    /// The field that a member with this path is.
    pub(crate) field: Option<usize>,
    /// Members within it, if it is an object.
    pub(crate) within: Vec<(String, MemberTree)>,
    /// Elements of it, if it is a list.
    pub(crate) lists: Vec<(Selector, MemberTree)>,
}

/// Which element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// The one with that number.
    At(usize),
    /// The first whose member has that value.
    Where { member: String, is: String },
}

impl MemberTree {
    /// The tree over all fields. A field whose path has several members is also found as one top-level member whose
    /// name contains the dots.
    pub(crate) fn new(fields: &Fields) -> Self {
        let mut root = MemberTree::default();
        for (i, path) in fields.paths.iter().enumerate() {
            match path.steps() {
                Ok(steps) => steps.into_iter().fold(&mut root, MemberTree::step).field = Some(i),
                // Programs have no such path; whoever makes one by hand means the members as they are.
                Err(_) => path.0.iter().fold(&mut root, |node, name| node.member(name)).field = Some(i),
            }
        }
        for (i, path) in fields.paths.iter().enumerate().filter(|(_, path)| path.0.len() > 1 || path.selects()) {
            root.member(&path.dotted()).field.get_or_insert(i);
        }
        root
    }

    fn step(&mut self, step: Step<'_>) -> &mut MemberTree {
        let selector = match step {
            Step::Member(name) => return self.member(name),
            Step::At(at) => Selector::At(at),
            Step::Where { member, is } => Selector::Where { member: member.into(), is: is.into() },
        };
        let at = self.lists.iter().position(|(known, _)| *known == selector).unwrap_or_else(|| {
            self.lists.push((selector, MemberTree::default()));
            self.lists.len() - 1
        });
        &mut self.lists[at].1
    }

    /// Whether fields stand within it.
    pub(crate) fn leads_on(&self) -> bool {
        !self.within.is_empty() || !self.lists.is_empty()
    }

    fn member(&mut self, name: &str) -> &mut MemberTree {
        let at = self.within.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.within.push((name.to_owned(), MemberTree::default()));
            self.within.len() - 1
        });
        &mut self.within[at].1
    }

    /// Calls `f` for the member's own field and all fields within it.
    pub(crate) fn each_field(&self, f: &mut impl FnMut(usize)) {
        self.field.iter().for_each(|field| f(*field));
        self.within.iter().for_each(|(_, member)| member.each_field(f));
        self.lists.iter().for_each(|(_, member)| member.each_field(f));
    }
}
