//! `let`, `metric` and `alert`.

use super::hours::asks_clock;
use super::value::Lowered;
use super::{Binding, Lowering};
use crate::diagnostics::codes;
use crate::syntax::{Definition, Expr, ExprKind, Name, Span};
use crate::tables::TABLES;
use timeline_core::Type;
use timeline_core::plan::{Alert, Metric, NodeId, TimelineKind};

/// A metric or an alert that some program has defined.
pub(super) struct DefinedOutput {
    file: usize,
    span: Span,
    source: usize,
    definition: Defined,
    /// What its name stands for in other expressions.
    pub(super) value: Lowered,
}

/// Equal where the definition is the same: nodes are shared by meaning.
#[derive(PartialEq)]
enum Defined {
    Metric(Metric),
    Alert(Alert),
}

impl Lowering<'_> {
    pub(super) fn define_let(&mut self, d: &Definition) {
        self.clock = self.group_named_in(&d.value);
        let value = self.lower(&d.value);
        if self.clock.is_none() && asks_clock(&d.value) && !matches!(value, Lowered::Error) {
            self.clocks.insert(d.name.text.clone(), d.value.clone());
        }
        if let Lowered::Node { source, id } = &value {
            self.groups[*source].builder.call(*id, &d.name.text);
        }
        self.bind(&d.name, value, "let");
    }

    pub(super) fn define_metric(&mut self, d: &Definition) {
        self.clock = self.group_named_in(&d.value);
        let (of, by, cap) = match &d.value.kind {
            ExprKind::SplitBy(of, by, cap) => (&**of, by.as_slice(), cap.as_deref()),
            _ => (&d.value, &[][..], None),
        };
        let value = self.lower_plain(of);
        if self.is_event(&value) {
            return self.define_event_metric(d, (of, value), (by, cap));
        }
        let (value, root, dimensions) = match by.is_empty() {
            true => {
                let root = self.metric_root(&d.value, &value);
                (value, root, vec![])
            }
            false => match self.split(d.value.span, (of, value.clone()), by, cap) {
                Some((root, names)) => (value, Some(root), names),
                // The name stands for the timeline before the split, whose mistakes are said already.
                None => (Lowered::Error, None, vec![]),
            },
        };
        let is_new = self.bind(&d.name, value.clone(), "metric");
        self.refuse_table(&d.name, "a metric");
        let Lowered::Node { source, .. } = value else { return };
        let Some(mut root) = root.filter(|_| is_new) else { return };
        let aggregate = match &d.aggregate {
            None => None,
            Some(item) => match self.aggregate(source, root, (&dimensions, None), item) {
                Some((aggregate, new_root)) => {
                    root = new_root;
                    Some(aggregate)
                }
                None => return,
            },
        };
        let Some(with) = self.with(source, &d.with, &dimensions) else { return };
        let name = d.name.text.clone();
        let metric = Metric { name, root, dimensions, aggregate, keep_spans: d.keep_spans, with };
        self.produce_metric(&d.name, source, metric, value);
    }

    pub(super) fn define_alert(&mut self, d: &Definition) {
        self.clock = self.group_named_in(&d.value);
        let value = match self.need_condition(&d.value, "alert") {
            Some((source, id)) => Lowered::Node { source, id },
            None => Lowered::Error,
        };
        let is_new = self.bind(&d.name, value.clone(), "alert");
        self.refuse_table(&d.name, "an alert");
        if let (Lowered::Node { source, id }, true) = (value.clone(), is_new) {
            let Some(with) = self.with(source, &d.with, &[]) else { return };
            let alert = Alert { name: d.name.text.clone(), root: id, with };
            self.produce(&d.name, source, Defined::Alert(alert), value);
        }
    }

    fn metric_root(&mut self, e: &Expr, value: &Lowered) -> Option<NodeId> {
        match value {
            Lowered::Node { id, .. } => Some(*id),
            Lowered::Error | Lowered::Mixed(_) | Lowered::Event(_) => None,
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
        }
    }

    /// Makes the name known; `false` if it was already, for something else.
    pub(super) fn bind(&mut self, name: &Name, value: Lowered, what: &'static str) -> bool {
        self.below.remove(&name.text);
        match self.scope.get(&name.text) {
            Some(first) if !(what == first.what && what != "let") => {
                let first_span = first.span;
                let d = self
                    .diagnostic(codes::DUPLICATE, name.span, format!("`{}` is defined twice", name.text))
                    .note(self.file, first_span.range(), "first defined here")
                    .help("give one of them another name");
                self.say(d);
                false
            }
            // Two metrics of one name are compared as outputs: the same definition is nothing new.
            Some(_) => true,
            None => {
                self.scope.insert(name.text.clone(), Binding { span: name.span, value, what });
                true
            }
        }
    }

    /// Says so where an output that has a table of its own is called like one that is there already. It is an output all the
    /// same: a processor goes on with programs that were deployed before this was refused.
    fn refuse_table(&mut self, name: &Name, what: &str) {
        if !TABLES.contains(&name.text.as_str()) {
            return;
        }
        let message = format!("{what} cannot be called `{}`: its table would have the name of another one", name.text);
        let help = format!("give it another name, such as `my_{}`; taken are `{}`", name.text, TABLES.join("`, `"));
        self.error(codes::TABLE, name.span, message, help);
    }

    /// Adds a metric to its plan, unless it is there already or is not wanted.
    pub(super) fn produce_metric(&mut self, name: &Name, source: usize, metric: Metric, value: Lowered) {
        self.produce(name, source, Defined::Metric(metric), value);
    }

    /// Adds an output to its plan, unless it is there already or is not wanted.
    fn produce(&mut self, name: &Name, source: usize, definition: Defined, value: Lowered) {
        if self.programs[self.file].without.contains(&name.text) {
            // The newest definition is what later programs speak of, unless it is said of another one.
            if !self.programs[self.file].unspoken.contains(&name.text) {
                let output = DefinedOutput { file: self.file, span: name.span, source, definition, value };
                self.silent.insert(name.text.clone(), output);
            }
            return;
        }
        if let Some(first) = self.outputs.get(&name.text) {
            if first.source != source || first.definition != definition {
                let (file, span) = (first.file, first.span);
                let message = format!("`{}` has another definition already", name.text);
                let d = self
                    .diagnostic(codes::REDEFINED, name.span, message)
                    .label("defined differently here")
                    .note(file, span.range(), "first defined here")
                    .help("give it another name, or drop the first one");
                self.say(d);
            }
            return;
        }
        match &definition {
            Defined::Metric(metric) => self.groups[source].builder.add_metric(metric.clone()),
            Defined::Alert(alert) => self.groups[source].builder.add_alert(alert.clone()),
        }
        let output = DefinedOutput { file: self.file, span: name.span, source, definition, value };
        self.outputs.insert(name.text.clone(), output);
    }

    /// The type of a metric's values, as aggregates see it.
    pub(super) fn is_numeric_state(&self, source: usize, id: NodeId) -> bool {
        matches!(self.kind(source, id), TimelineKind::State(Type::Int | Type::Float))
    }
}
