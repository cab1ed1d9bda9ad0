//! Tables: their declarations, and what is looked up in them.
//!
//! A key of states makes a state. A key that has columns of an event in it means something only where something is said of
//! an event, as columns beside timelines do ([`mixed`](super::mixed)): inside of `at` and `filter`.

use super::Lowering;
use super::constant;
use super::source::{field_path, place_of};
use super::value::Lowered;
use crate::diagnostics::{Diagnostic, codes, nearest};
use crate::modules::{DeclaredTable, TableProblem};
use crate::syntax::{ClauseKind, Expr, FieldName, KeyPart, Literal, Name, Span, TableItem};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use timeline_core::plan::{Csv, EventExpr, LookupTable, Nulls, Op, SourceColumn, TableColumn, TimeUnit, TimelineKind};
use timeline_core::{Type, Value};

/// The most columns of a table: those of a record that are read.
const MAX_COLUMNS: usize = 64;

/// What is known of a declared table.
#[derive(Clone)]
pub(super) struct KnownTable {
    span: Span,
    declared: Rc<DeclaredTable>,
    /// Nothing if its rows cannot be had, which is said.
    table: Option<Arc<LookupTable>>,
}

/// Clauses as they are found.
#[derive(Default)]
struct TableClauses<'a> {
    key: Option<(&'a [KeyPart], Span)>,
    from: Option<(&'a FieldName, Span)>,
    until: Option<(&'a FieldName, Span)>,
    unit: Option<TimeUnit>,
    csv: Option<(Csv, Span)>,
    /// Whether a unit is wrong, which is said.
    broken: bool,
}

impl Lowering<'_> {
    pub(super) fn declare_table(&mut self, item: &TableItem) {
        let name = &item.name;
        if let Some(known) = self.tables.get(&name.text) {
            let d = self
                .diagnostic(codes::DUPLICATE, name.span, format!("a table `{}` is declared already", name.text))
                .note(self.file, known.span.range(), "declared here")
                .help("choose another name");
            self.say(d);
            return;
        }
        let columns = self.columns_of(&item.clauses);
        let found = self.clauses_of_table(item);
        let key = self.key_of_table(item, &found, &columns);
        let is_sound = !item.is_broken && !found.broken && key.is_some() && !columns.is_empty();
        if columns.is_empty() {
            let help = "name what its rows say, with types: `price: float`";
            self.error(codes::TABLE_INCOMPLETE, item.span, format!("table `{}` has no column", name.text), help);
        }
        if columns.len() + key.as_ref().map_or(0, Vec::len) > MAX_COLUMNS {
            let message = format!("a table has at most {MAX_COLUMNS} columns, those of its key included");
            self.error(codes::TOO_LARGE, item.span, message, "declare those that are asked for");
            return;
        }
        let mut own: Vec<(Span, SourceColumn)> =
            columns.values().map(|(column, span)| (*span, column.clone())).collect();
        own.sort_by_key(|(span, _)| span.range().start);
        let declared = Rc::new(DeclaredTable {
            name: name.text.clone(),
            file: item.file.text.clone(),
            key: key.unwrap_or_default(),
            columns: own.into_iter().map(|(_, column)| column).collect(),
            from: found.from.map(|(field, _)| place_of(field, &columns)),
            until: found.until.map(|(field, _)| place_of(field, &columns)),
            unit: found.unit.unwrap_or(TimeUnit::Nanoseconds),
            csv: found.csv.map_or_else(Csv::default, |(csv, _)| csv),
        });
        let table = is_sound.then(|| self.rows(item, &declared)).flatten();
        self.tables.insert(name.text.clone(), KnownTable { span: item.span, declared, table });
    }

    fn clauses_of_table<'i>(&mut self, item: &'i TableItem) -> TableClauses<'i> {
        let mut found = TableClauses::default();
        for clause in &item.clauses {
            let span = clause.span;
            let first = match &clause.kind {
                ClauseKind::Key(parts) => fill(&mut found.key, parts.as_slice(), span),
                ClauseKind::Valid { from, until, form } => {
                    let of_from = from.as_ref().and_then(|field| fill(&mut found.from, field, span));
                    let of_until = until.as_ref().and_then(|field| fill(&mut found.until, field, span));
                    // What another clause says of the unit is said of both.
                    if form.is_some() || found.unit.is_none() {
                        let has_other = item.clauses.iter().any(|other| {
                            other.span != span && matches!(&other.kind, ClauseKind::Valid { form: Some(_), .. })
                        });
                        if form.is_some() || !has_other {
                            let unit = self.time_unit(span, form.as_ref());
                            found.broken |= unit.is_none();
                            found.unit = found.unit.take().or(unit);
                        }
                    }
                    of_from.or(of_until)
                }
                ClauseKind::Csv { delimiter, decimal } => {
                    let csv = self.csv(delimiter.as_ref(), decimal.as_ref());
                    fill(&mut found.csv, csv, span)
                }
                // The others are of sources only.
                _ => None,
            };
            if let Some(first) = first {
                self.repeated(span, first, "this clause stands twice");
            }
        }
        found
    }

    /// The columns of the key. One has the type of the column of its name, if that is declared.
    fn key_of_table(
        &mut self,
        item: &TableItem,
        found: &TableClauses<'_>,
        columns: &BTreeMap<String, (SourceColumn, Span)>,
    ) -> Option<Vec<SourceColumn>> {
        let Some((parts, _)) = found.key else {
            let message = format!("table `{}` has no `key`", item.name.text);
            self.error(codes::TABLE_INCOMPLETE, item.span, message, "say by which column a row is found: `key zone`");
            return None;
        };
        let mut key: Vec<SourceColumn> = vec![];
        for KeyPart { field, .. } in parts {
            let name = field.members.join(".");
            let column = match columns.get(&name) {
                Some((column, _)) => column.clone(),
                None => SourceColumn {
                    name: name.clone(),
                    path: field_path(field),
                    ty: Type::String,
                    source: 0,
                    nulls: Nulls::default(),
                },
            };
            if key.iter().any(|known| known.name == name) {
                let message = format!("`{name}` stands twice in the key");
                self.error(codes::REPEATED, field.span, message, "remove one of them");
                return None;
            }
            if column.ty == Type::Float {
                let message = format!("`{name}` is a float, by which no row is found");
                self.error(codes::TYPE, field.span, message, "a key is a string, an int or a bool");
                return None;
            }
            key.push(column);
        }
        Some(key)
    }

    /// The rows; nothing if they cannot be had, which is said.
    fn rows(&mut self, item: &TableItem, declared: &DeclaredTable) -> Option<Arc<LookupTable>> {
        let error = match self.modules.table(&self.programs[self.file].name, declared) {
            Ok(table) => return Some(table),
            Err(error) => *error,
        };
        let code = match error.problem {
            TableProblem::Unreadable => codes::TABLE_UNREADABLE,
            TableProblem::TooLarge => codes::TABLE_TOO_LARGE,
            TableProblem::Columns => codes::TABLE_COLUMNS,
            TableProblem::Row => codes::TABLE_ROW,
            TableProblem::Overlap => codes::TABLE_OVERLAP,
            TableProblem::Unsupported => codes::NO_TABLES,
        };
        // The clause that names the field, if it is about one.
        let names = |clause: &ClauseKind, name: &str| {
            let is = |field: &FieldName| field.members.join(".") == name;
            match clause {
                ClauseKind::Column { name: column, from, .. } => column.text == name || from.as_ref().is_some_and(is),
                ClauseKind::Key(parts) => parts.iter().any(|part| is(&part.field)),
                ClauseKind::Valid { from, until, .. } => [from, until].into_iter().flatten().any(is),
                _ => false,
            }
        };
        let place = error
            .field
            .as_deref()
            .and_then(|name| item.clauses.iter().find(|clause| names(&clause.kind, name)))
            .map_or(item.file.span, |clause| clause.span);
        self.error(code, place, error.message, error.help);
        None
    }

    /// `table[key].column`
    pub(super) fn lookup(&mut self, span: Span, table: &Name, key: &[Expr], column: Option<&Name>) -> Lowered {
        let values: Vec<(Lowered, Span)> = key.iter().map(|e| (self.lower(e), e.span)).collect();
        let Some(known) = self.tables.get(&table.text).cloned() else { return self.no_table(span, table) };
        let Some(number) = self.column_of_table(span, &known, table, column) else { return Lowered::Error };
        let declared = Rc::clone(&known.declared);
        if values.len() != declared.key.len() && !declared.key.is_empty() {
            let names: Vec<&str> = declared.key.iter().map(|column| column.name.as_str()).collect();
            let message =
                format!("`{}` is asked by {} value(s), its key has {}", table.text, values.len(), names.len());
            let d = self
                .diagnostic(codes::ARGUMENTS, span, message)
                .note(self.file, known.span.range(), "declared here")
                .help(format!("name a value for each: `{}[{}]`", table.text, names.join(", ")));
            return self.say(d);
        }
        if values.iter().any(|(value, _)| matches!(value, Lowered::Error)) {
            return Lowered::Error;
        }
        let Some(rows) = &known.table else { return Lowered::Error };
        let column = TableColumn { table: Arc::clone(rows), column: number };
        let is_of_event = |(value, _): &(Lowered, Span)| matches!(value, Lowered::Event(_) | Lowered::Mixed(_));
        match values.iter().any(is_of_event) {
            true => self.lookup_of_event(span, column, &declared, &values),
            false => self.lookup_of_states(span, column, &declared, &values),
        }
    }

    /// A key in which columns of an event are.
    fn lookup_of_event(
        &mut self,
        span: Span,
        column: TableColumn,
        declared: &DeclaredTable,
        values: &[(Lowered, Span)],
    ) -> Lowered {
        let asked: Vec<(Lowered, Span)> =
            values.iter().filter(|(value, _)| !matches!(value, Lowered::Literal(_))).cloned().collect();
        let Some(mut parts) = self.parts(span, &asked, false) else { return Lowered::Error };
        let mut made = std::mem::take(&mut parts.exprs).into_iter().zip(std::mem::take(&mut parts.types));
        let mut exprs = vec![];
        for ((value, place), part) in values.iter().zip(&declared.key) {
            exprs.push(match value {
                Lowered::Literal(literal) => match self.constant_of_key(literal, part, *place) {
                    Some(value) => EventExpr::Constant(value),
                    None => return Lowered::Error,
                },
                _ => match made.next() {
                    Some((expr, ty)) if ty == part.ty => expr,
                    Some((_, ty)) => return self.other_key(*place, part, &TimelineKind::Event(ty).to_string()),
                    None => return Lowered::Error,
                },
            });
        }
        if !values.iter().any(|(value, _)| matches!(value, Lowered::Mixed(_))) {
            parts.refusal = self.asks_an_event(span, values);
        }
        let ty = column.ty();
        self.mixed_value(span, parts, EventExpr::Lookup(column, exprs), ty, 1)
    }

    /// What is wrong where a table is asked for a column, and nothing is said of an event.
    fn asks_an_event(&self, span: Span, values: &[(Lowered, Span)]) -> Diagnostic {
        let whole = self.quote(span);
        let event = values.iter().find(|(value, _)| matches!(value, Lowered::Event(_)));
        let place = event.map_or(span, |(_, place)| *place);
        let own = self.quote(place);
        let as_state = match whole.find('[').zip(whole.rfind(']')) {
            Some((open, close)) if values.len() == 1 => {
                format!("{}latest({own}){}", &whole[..=open], &whole[close..])
            }
            _ => format!("...[latest({own})]..."),
        };
        self.diagnostic(
            codes::NEEDS_STATE,
            span,
            "a table is asked for the column of an event, and none is spoken of here",
        )
        .label("asks for one event's value")
        .note(self.file, place.range(), "this speaks of one event")
        .help(format!("did you mean `{as_state}`? For each event it is `at({own}, {whole})`"))
    }

    /// A key of states.
    fn lookup_of_states(
        &mut self,
        span: Span,
        column: TableColumn,
        declared: &DeclaredTable,
        values: &[(Lowered, Span)],
    ) -> Lowered {
        let mut noted = None;
        for (value, place) in values {
            if let Lowered::Node { source, .. } = value
                && !self.same_source(&mut noted, *source, *place)
            {
                return Lowered::Error;
            }
        }
        // A key of constants is of the program's only source, or sources that are joined.
        let Some(group) = noted.or_else(|| self.only_group()) else {
            let help = "ask it by a state of the source that is meant: `latest(column)`";
            return self.error(codes::AMBIGUOUS, span, "of which source this is, is not said", help);
        };
        let mut of = vec![];
        for ((value, place), part) in values.iter().zip(&declared.key) {
            let id = match value {
                Lowered::Node { source, id } => match self.kind(*source, *id) {
                    TimelineKind::State(ty) if ty == part.ty => *id,
                    TimelineKind::Event(_) => {
                        let own = self.quote(*place);
                        let found = self.describe(value);
                        let d = self
                            .diagnostic(
                                codes::NEEDS_STATE,
                                *place,
                                format!("a table is asked by states, this is {found}"),
                            )
                            .label(format!("expected state<{}>, found {found}", part.ty))
                            .help(format!("`latest({own})` is a state"));
                        return self.say(d);
                    }
                    _ => {
                        let found = self.describe(value);
                        return self.other_key(*place, part, &found);
                    }
                },
                Lowered::Literal(literal) => {
                    let Some(value) = self.constant_of_key(literal, part, *place) else { return Lowered::Error };
                    match self.add(group, Op::Constant(value), *place) {
                        Lowered::Node { id, .. } => id,
                        _ => return Lowered::Error,
                    }
                }
                _ => return Lowered::Error,
            };
            of.push(id);
        }
        self.add(group, Op::Lookup { column, of }, span)
    }

    fn only_group(&self) -> Option<usize> {
        let mut groups = self.visible.iter().map(|source| self.sources[*source].group);
        let first = groups.next()?;
        groups.all(|group| group == first).then_some(first)
    }

    fn constant_of_key(&mut self, literal: &Literal, part: &SourceColumn, place: Span) -> Option<Value> {
        match constant::value(literal, part.ty) {
            Ok(value) if value.ty() == part.ty => Some(value),
            _ => {
                self.other_key(place, part, constant::describe(literal));
                None
            }
        }
    }

    /// A value that is no key.
    fn other_key(&mut self, place: Span, part: &SourceColumn, found: &str) -> Lowered {
        let name = &part.name;
        let message = format!("the table is asked for `{name}`, {} {}, by {found}", article(part.ty), part.ty);
        let help = format!(
            "declare the type of the key as that of a column of the table, for example `{name}: int`; without one it is a string"
        );
        let d = self.diagnostic(codes::TYPE, place, message).label(format!("expected {}, found {found}", part.ty));
        self.say(d.help(help))
    }

    fn no_table(&mut self, span: Span, table: &Name) -> Lowered {
        let near = nearest(&table.text, self.tables.keys().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => crate::habits::bracket(span.text(self.text).trim_start_matches(|c| c != '['), true).1.to_owned(),
        };
        self.error(codes::UNKNOWN_NAME, table.span, format!("no table is called `{}`", table.text), help)
    }

    /// The number of a column.
    fn column_of_table(&mut self, span: Span, known: &KnownTable, table: &Name, column: Option<&Name>) -> Option<u16> {
        let columns = &known.declared.columns;
        let names = || columns.iter().map(|column| column.name.as_str());
        let Some(column) = column else {
            let whole = self.quote(span);
            let first = names().next().unwrap_or("column");
            let help = format!("name what is asked for: `{whole}.{first}`");
            let message = format!("a row of `{}` has several columns, and none is named", table.text);
            self.error(codes::SYNTAX, span, message, help);
            return None;
        };
        if let Some(at) = names().position(|name| name == column.text) {
            return u16::try_from(at).ok();
        }
        // What is broken of the declaration is said already.
        if columns.is_empty() {
            return None;
        }
        let near = nearest(&column.text, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}it has {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
        let d = self
            .diagnostic(codes::UNKNOWN_NAME, column.span, format!("`{}` has no column `{}`", table.text, column.text))
            .note(self.file, known.span.range(), "declared here")
            .help(help);
        self.say(d);
        None
    }
}

fn article(ty: Type) -> &'static str {
    if ty == Type::Int { "an" } else { "a" }
}

/// Fills an empty place; where the first one stands otherwise.
fn fill<T>(place: &mut Option<(T, Span)>, value: T, span: Span) -> Option<Span> {
    match place {
        Some((_, first)) => Some(*first),
        None => {
            *place = Some((value, span));
            None
        }
    }
}
