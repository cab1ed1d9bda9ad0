//! Declarations of sources.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::{codes, nearest};
use crate::syntax::{Clause, ClauseKind, EndPart, FieldName, KeyPart, SourceItem, Span};
use std::collections::BTreeMap;
use timeline_core::plan::{
    Csv, Dedup, EndRule, FUTURE, FieldPath, Idle, Nulls, SourceColumn, SourceDefinition, TimeUnit, TimelineKind,
};
use timeline_core::{Time, Type};

/// A source that programs can name.
#[derive(Debug)]
pub(crate) struct SourceEntry {
    pub(super) name: String,
    /// Where it is declared first.
    pub(super) file: usize,
    pub(super) span: Span,
    pub(super) columns: BTreeMap<String, (SourceColumn, Span)>,
    pub(super) declared: SourceDefinition,
    /// Index of the group that its nodes go into.
    pub(super) group: usize,
    /// When its events end a session; the predicate is a node of the group.
    pub(super) end: EndRule,
    /// Where that is said.
    pub(super) end_span: Option<Span>,
    pub(super) dedup: Option<Dedup>,
    /// What the parts of its key are called where sources are joined.
    pub(super) key_names: Vec<String>,
}

impl SourceEntry {
    pub(crate) fn new(
        source: SourceDefinition,
        file: usize,
        span: Span,
        columns: BTreeMap<String, (SourceColumn, Span)>,
    ) -> Self {
        SourceEntry {
            name: source.name.clone(),
            file,
            span,
            columns,
            declared: source,
            group: usize::MAX,
            end: EndRule::default(),
            end_span: None,
            dedup: None,
            key_names: vec![],
        }
    }
}

/// Clauses as they are found.
#[derive(Default)]
struct SourceClauses<'a> {
    key: Option<(&'a [KeyPart], Span)>,
    time: Option<(&'a FieldName, TimeUnit, Span)>,
    order: Option<(&'a FieldName, Span)>,
    lateness: Option<(Time, Span)>,
    end: Option<(&'a [EndPart], Span)>,
    late: Option<(Option<Time>, Span)>,
    idle: Option<(Idle, Span)>,
    future: Option<(Time, Span)>,
    dedup: Option<(&'a FieldName, Time, Span)>,
    null_is_missing: Option<Span>,
    csv: Option<(Csv, Span)>,
}

impl Lowering<'_> {
    pub(super) fn declare_source(&mut self, item: &SourceItem) {
        let mut columns = self.columns_of(&item.clauses);
        let found = self.clauses(item);
        columns.values_mut().for_each(|(column, _)| column.nulls.missing = found.null_is_missing.is_some());
        let name = &item.name.text;
        for (missing, clause) in [(found.key.is_none(), "key COLUMN"), (found.time.is_none(), "time COLUMN in ms")] {
            let word = &clause[..clause.find(' ').unwrap_or(0)];
            // A clause that is there but broken is reported already.
            let broken = item
                .clauses
                .iter()
                .any(|c| matches!((&c.kind, word), (ClauseKind::Key(_), "key") | (ClauseKind::Time { .. }, "time")));
            if missing && !broken {
                let message = format!("source `{name}` has no `{word}`");
                self.error(codes::INCOMPLETE, item.span, message, format!("add `{clause}`"));
            }
        }
        let order = found.order.and_then(|(field, span)| self.order(field, span, &columns));
        // What is missing is reported; the columns are worth having for the rest of the program all the same.
        let nothing = || FieldPath(vec![]);
        let (time, time_unit) = found
            .time
            .map_or((nothing(), TimeUnit::Milliseconds), |(field, unit, _)| (place_of(field, &columns), unit));
        let parts = found.key.map_or(&[][..], |(parts, _)| parts);
        let key_name = |part: &KeyPart| match &part.alias {
            Some(alias) => alias.text.clone(),
            // What lies within an object is called as it is there.
            None => part.field.members.last().cloned().unwrap_or_default(),
        };
        let key_names: Vec<String> = parts.iter().map(key_name).collect();
        let source = SourceDefinition {
            name: name.clone(),
            key: parts.iter().map(|part| place_of(&part.field, &columns)).collect(),
            time,
            time_unit,
            order,
            lateness: found.lateness.map_or(0, |(d, _)| d),
            future: Some(found.future.map_or(FUTURE, |(length, _)| length)),
            idle: found.idle.map_or(Idle::Usual, |(idle, _)| idle),
            repair: found.late.and_then(|(keep, _)| keep),
            csv: found.csv.map_or_else(Csv::default, |(csv, _)| csv),
        };
        let known = self.sources.iter().position(|s| s.name == *name);
        let entry = SourceEntry { key_names, ..SourceEntry::new(source, self.file, item.span, columns) };
        let index = match known {
            // The same declaration shares the builder; nodes of its end rule must be the same ones.
            Some(i) if self.declared_alike(i, &entry) => {
                self.add_columns(i, entry);
                i
            }
            Some(i) => {
                self.differs(i, item);
                // The rest of the program is checked against its own declaration.
                self.add_source(entry)
            }
            None => self.add_source(entry),
        };
        self.visible.retain(|s| self.sources[*s].name != *name);
        self.visible.push(index);
        let dedup = found.dedup.and_then(|(field, within, span)| self.dedup(index, field, within, span));
        let end = found.end.map_or_else(EndRule::default, |(parts, _)| self.end_rule(index, parts));
        let entry = &mut self.sources[index];
        if known == Some(index) {
            if entry.end != end || entry.dedup != dedup {
                self.differs(index, item);
            }
        } else {
            entry.end = end;
            entry.end_span = found.end.map(|(_, span)| span);
            entry.dedup = dedup;
        }
    }

    /// The columns that are declared among clauses.
    pub(super) fn columns_of(&mut self, clauses: &[Clause]) -> BTreeMap<String, (SourceColumn, Span)> {
        let mut columns: BTreeMap<String, (SourceColumn, Span)> = BTreeMap::new();
        for clause in clauses {
            let ClauseKind::Column { name, ty, from, nulls } = &clause.kind else { continue };
            let path = from.as_ref().map_or_else(|| FieldPath::name(&name.text), field_path);
            if let Some((_, first)) = columns.get(&name.text) {
                let d = self
                    .diagnostic(codes::DUPLICATE, name.span, format!("column `{}` is declared twice", name.text))
                    .note(self.file, first.range(), "first declared here")
                    .help("remove one, or give it another name with `name: type from \"path\"`");
                self.say(d);
                continue;
            }
            let nulls = Nulls { missing: false, words: nulls.clone() };
            let column =
                SourceColumn { name: name.text.clone(), path, ty: ty.unwrap_or(Type::String), source: 0, nulls };
            columns.insert(name.text.clone(), (column, name.span));
        }
        columns
    }

    fn clauses<'i>(&mut self, item: &'i SourceItem) -> SourceClauses<'i> {
        let mut found = SourceClauses::default();
        for clause in &item.clauses {
            let span = clause.span;
            let first = match &clause.kind {
                ClauseKind::Key(parts) => replace_none(&mut found.key, (parts.as_slice(), span)).map(|(_, s)| s),
                ClauseKind::Time { field, form } => {
                    let first = found.time.as_ref().map(|(_, _, s)| *s);
                    if let Some(unit) = self.time_unit(span, form.as_ref()) {
                        found.time.get_or_insert((field, unit, span));
                    }
                    first
                }
                ClauseKind::Order(field) => replace_none(&mut found.order, (field, span)).map(|(_, s)| s),
                ClauseKind::Lateness(length) => match self.need_duration(length, false) {
                    Some(d) => replace_none(&mut found.lateness, (d, span)).map(|(_, s)| s),
                    None => None,
                },
                ClauseKind::End(parts) => replace_none(&mut found.end, (parts.as_slice(), span)).map(|(_, s)| s),
                ClauseKind::LateLedger => replace_none(&mut found.late, (None, span)).map(|(_, s)| s),
                ClauseKind::LateRepair(keep) => match self.need_duration(keep, true) {
                    Some(keep) => replace_none(&mut found.late, (Some(keep), span)).map(|(_, s)| s),
                    None => None,
                },
                ClauseKind::Idle(None) => replace_none(&mut found.idle, (Idle::Never, span)).map(|(_, s)| s),
                ClauseKind::Idle(Some(length)) => match self.need_duration(length, true) {
                    Some(length) => replace_none(&mut found.idle, (Idle::After(length), span)).map(|(_, s)| s),
                    None => None,
                },
                ClauseKind::Future(length) => match self.need_duration(length, false) {
                    Some(length) => replace_none(&mut found.future, (length, span)).map(|(_, s)| s),
                    None => None,
                },
                ClauseKind::Dedup { field, within } => match self.need_duration(within, false) {
                    Some(within) => replace_none(&mut found.dedup, (field, within, span)).map(|(_, _, s)| s),
                    None => None,
                },
                ClauseKind::NullIsMissing => replace_none(&mut found.null_is_missing, span),
                ClauseKind::Csv { delimiter, decimal } => {
                    let csv = self.csv(delimiter.as_ref(), decimal.as_ref());
                    replace_none(&mut found.csv, (csv, span)).map(|(_, s)| s)
                }
                // Of tables only.
                ClauseKind::Valid { .. } | ClauseKind::Column { .. } => None,
            };
            if let Some(first) = first {
                self.repeated(span, first, "this clause stands twice");
            }
        }
        found
    }

    pub(super) fn repeated(&mut self, span: Span, first: Span, message: &str) {
        let d = self
            .diagnostic(codes::REPEATED, span, message)
            .note(self.file, first.range(), "first here")
            .help("remove one of them");
        self.say(d);
    }

    fn order(
        &mut self,
        field: &FieldName,
        span: Span,
        columns: &BTreeMap<String, (SourceColumn, Span)>,
    ) -> Option<(FieldPath, Type)> {
        match columns.get(&field.members.join(".")) {
            None => Some((field_path(field), Type::Int)),
            Some((column, _)) if column.ty.is_numeric() => Some((column.path.clone(), column.ty)),
            Some((column, at)) => {
                let d = self
                    .diagnostic(codes::TYPE, span, format!("`order by` needs an int or a float, this is {}", column.ty))
                    .label(format!("expected int or float, found {}", column.ty))
                    .note(self.file, at.range(), "declared here")
                    .help("declare the column as `int` or `float`");
                self.say(d);
                None
            }
        }
    }

    /// The rule of duplicates: its column is read like one that a query reads.
    fn dedup(&mut self, source: usize, field: &FieldName, within: Time, span: Span) -> Option<Dedup> {
        let name = field.members.join(".");
        let Some((column, _)) = self.sources[source].columns.get(&name).cloned() else {
            let near = nearest(&name, self.sources[source].columns.keys().map(String::as_str));
            let near = near.map(|n| format!("did you mean `{n}`? ")).unwrap_or_default();
            let help = format!("{near}declare it with its type: `{name}: string`");
            self.error(codes::UNKNOWN_NAME, field.span, format!("`{name}` is no column of this source"), help);
            return None;
        };
        let group = self.sources[source].group;
        match self.groups[group].builder.column(column) {
            Ok(column) => Some(Dedup { column, within }),
            Err(error) => {
                self.error(codes::TOO_LARGE, span, error.to_string(), "read fewer columns of this source");
                None
            }
        }
    }

    fn end_rule(&mut self, source: usize, parts: &[EndPart]) -> EndRule {
        let mut rule = EndRule::default();
        let mut seen: [Option<Span>; 3] = [None, None, None];
        // The predicate speaks of this source's columns only.
        let visible = std::mem::replace(&mut self.visible, vec![source]);
        let mut when: Vec<&crate::syntax::Expr> = vec![];
        for part in parts {
            match part {
                EndPart::When(e) => when.push(e),
                EndPart::Linger(e) => {
                    let length = self.need_duration(e, false);
                    if let Some(first) = seen[2].replace(e.span) {
                        self.repeated(e.span, first, "a source lingers once");
                    }
                    rule.linger = length.unwrap_or(0);
                }
                EndPart::After(e) | EndPart::AfterBilled(e) | EndPart::AfterInAll(e) => {
                    rule.billed |= matches!(part, EndPart::AfterBilled(_));
                    let in_all = usize::from(matches!(part, EndPart::AfterInAll(_)));
                    let length = self.need_duration(e, true);
                    if let Some(first) = seen[in_all].replace(e.span) {
                        self.repeated(e.span, first, "this limit stands twice");
                    }
                    *(if in_all == 1 { &mut rule.max_age } else { &mut rule.silence }) = length;
                }
            }
        }
        rule.when = self.end_predicate(source, &when);
        self.visible = visible;
        if let (Some(span), true) = (seen[2], when.is_empty()) {
            let message = "a session lingers after an end by an event, and no event ends one here";
            let help =
                "say which: `end when COLUMN == \"VALUE\" linger 2s`; what comes after a silence begins a session";
            self.error(codes::LINGER, span, message, help);
        }
        rule
    }

    fn end_predicate(&mut self, source: usize, when: &[&crate::syntax::Expr]) -> Option<timeline_core::plan::NodeId> {
        let (first, last) = (when.first()?, when.last()?);
        let span = first.span.to(last.span);
        let value = match when {
            [one] => self.lower_plain(one),
            _ => self.logic(span, crate::syntax::Logic::Or, when.iter().copied()),
        };
        match value {
            Lowered::Event(event) if event.source == source && event.ty == Type::Bool => {
                self.event_node(&event, span).map(|(_, id)| id)
            }
            Lowered::Node { source: of, id }
                if of == self.sources[source].group && self.kind(of, id) == TimelineKind::Event(Type::Bool) =>
            {
                Some(id)
            }
            Lowered::Error => None,
            other => {
                let found = self.describe(&other);
                let d = self
                    .diagnostic(codes::NEEDS_EVENT, span, format!("`end when` reads an event<bool>, this is {found}"))
                    .label(format!("expected event<bool>, found {found}"))
                    .help("compare columns of the ending event, for example `end when userAction == \"end\"`");
                self.say(d);
                None
            }
        }
    }

    /// Takes the columns in that only another declaration of a source has.
    fn add_columns(&mut self, known: usize, other: SourceEntry) {
        let members = &self.groups[self.sources[known].group].members;
        let number = members.iter().position(|member| *member == known).unwrap_or(0) as u8;
        for (name, (column, span)) in other.columns {
            let column = SourceColumn { source: number, ..column };
            self.sources[known].columns.entry(name).or_insert((column, span));
        }
    }

    /// Whether two declarations can stand side by side: their clauses are the same, and so is every column that both have.
    /// What only one of them has changes nothing that the other one means.
    fn declared_alike(&self, known: usize, new: &SourceEntry) -> bool {
        let first = &self.sources[known];
        let same = |(name, (column, _)): (&String, &(SourceColumn, Span))| {
            first.columns.get(name).is_none_or(|(known, _)| {
                (&known.path, known.ty, &known.nulls) == (&column.path, column.ty, &column.nulls)
            })
        };
        first.declared == new.declared && first.key_names == new.key_names && new.columns.iter().all(same)
    }

    fn differs(&mut self, known: usize, item: &SourceItem) {
        let (file, span) = (self.sources[known].file, self.sources[known].span);
        let d = self
            .diagnostic(codes::REDEFINED, item.span, format!("source `{}` is declared differently", item.name.text))
            .label("another declaration")
            .note(file, span.range(), "first declared here")
            .help("declare it alike in every program, or give it another name; more columns are no difference");
        self.say(d);
    }
}

/// The path of a field.
pub(super) fn field_path(field: &FieldName) -> FieldPath {
    FieldPath(field.members.clone())
}

/// The path of a field of a clause, which may be named by the column that stands for it.
pub(super) fn place_of(field: &FieldName, columns: &BTreeMap<String, (SourceColumn, Span)>) -> FieldPath {
    columns.get(&field.members.join(".")).map_or_else(|| field_path(field), |(column, _)| column.path.clone())
}

/// Fills an empty place; returns what is there otherwise.
fn replace_none<T: Copy>(place: &mut Option<T>, value: T) -> Option<T> {
    match place {
        Some(first) => Some(*first),
        None => {
            *place = Some(value);
            None
        }
    }
}
