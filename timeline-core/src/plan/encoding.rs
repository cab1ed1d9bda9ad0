//! The canonical encoding of a plan: what it means, written out as lines of text.
//!
//! State, rows and messages are durable under what they mean, so meaning is *written* here and never derived: nothing of
//! this text comes from `Debug`, from the order of a declaration or from a library, and a golden file holds it fast
//! (`timeline-core/tests/evaluation/encoding`). Every part is taken apart without `..`, so what is added to a plan does not
//! compile before somebody has said whether it is part of what the plan means.
//!
//! **Invariant:** the text is prefix-free: texts are quoted, numbers stand between separators, and lists say where they end;
//! so two plans have one encoding only if they mean the same.
//! **Invariant:** the first line has the version of the language's rules ([`RULES`]): under other rules every plan means
//! something else. What programs call their nodes ([`super::NodeNames`]) is no part of it.

use super::description::Parameter;
use super::every::Every;
use super::expression::EventExpr;
use super::hours::LocalHours;
use super::kind::{RatioUnit, TimelineKind, Unit};
use super::op::Op;
use super::output::{Aggregate, AggregateFunction, AggregateMembers, Alert, Beside, GroupKey, GroupOf, Metric};
use super::path::FieldPath;
use super::source::{Csv, Dedup, EndRule, Idle, Nulls, SourceColumn, SourceDefinition, TimeFormat, TimeUnit};
use super::user::UserOperator;
use super::{Fingerprint, Node, NodeId, Plan, RULES};
use crate::{Type, Value};
use std::fmt::Write;

impl Plan {
    /// What the plan means, as text: state of one is never loaded under another.
    pub fn encoding(&self) -> String {
        let Plan { source: _, joined: _, since, columns, nodes, end, dedup, metrics, alerts, names: _ } = self;
        let mut out = format!("rules {RULES}\nsince {since}\n");
        self.sources().for_each(|declared| source(declared, &mut out));
        for SourceColumn { name, path, ty, source, nulls } in columns {
            put(&mut out, format_args!("column {} {} {} of {source}", quoted(name), paths(path), ty.name()));
            self::nulls(nulls, &mut out);
            out.push('\n');
        }
        for Node { op, kind, fingerprint: _, moves: _, is_cumulative: _ } in nodes {
            put(&mut out, format_args!("node {} ", kind_name(*kind)));
            operator(op, columns, &mut out);
            for input in op.inputs() {
                put(&mut out, format_args!(" {input}"));
            }
            out.push('\n');
        }
        end_rule(end, |node| node.to_string(), &mut out);
        for Dedup { column, within } in dedup {
            put(&mut out, format_args!("dedup {} within {within}\n", column.0));
        }
        for Metric { name, root, dimensions, aggregate, keep_spans, with } in metrics {
            put(&mut out, format_args!("metric {} {root} split {} ", quoted(name), list(dimensions)));
            match aggregate {
                None => out.push_str("alone"),
                Some(aggregate) => self::aggregate(aggregate, |node| node.to_string(), &mut out),
            }
            put(&mut out, format_args!(" spans {keep_spans}"));
            beside(with, |node| node.to_string(), &mut out);
            out.push('\n');
        }
        for Alert { name, root, with } in alerts {
            put(&mut out, format_args!("alert {} {root}", quoted(name)));
            beside(with, |node| node.to_string(), &mut out);
            out.push('\n');
        }
        out
    }

    /// Of which events sessions are made and how they end, whatever else is read of them.
    pub fn encoding_of_sessions(&self) -> String {
        let mut out = format!("rules {RULES}\nsince {}\n", self.since);
        self.sources().for_each(|declared| source(declared, &mut out));
        end_rule(&self.end, |node| self.node(node).fingerprint.to_string(), &mut out);
        for Dedup { column, within } in &self.dedup {
            put(&mut out, format_args!("dedup {} within {within}\n", paths(&self.columns[column.index()].path)));
        }
        out
    }

    /// What the values of a metric mean, as sessions have them.
    pub fn encoding_of_values(&self, metric: &Metric) -> String {
        let root = self.node(metric.root).fingerprint;
        format!("{}values {root} split {}\n", self.encoding_of_sessions(), list(&metric.dimensions))
    }

    /// What the totals of a metric mean.
    pub fn encoding_of_totals(&self, metric: &Metric) -> String {
        let mut out = self.encoding_of_values(metric);
        if let Some(aggregate) = &metric.aggregate {
            self::aggregate(aggregate, |node| self.node(node).fingerprint.to_string(), &mut out);
            out.push('\n');
        }
        out
    }

    /// What is shown beside the rows of an output: another output, and not another meaning of its rows.
    pub fn encoding_of_beside(&self, with: &[Beside]) -> String {
        let mut out = String::new();
        beside(with, |node| self.node(node).fingerprint.to_string(), &mut out);
        out
    }

    /// What the spans of an alert mean.
    pub fn encoding_of_alert(&self, alert: &Alert) -> String {
        format!("{}alert {}\n", self.encoding_of_sessions(), self.node(alert.root).fingerprint)
    }
}

/// The meaning of one node: its operator over the meanings of its inputs, whatever its number and theirs.
pub(super) fn fingerprint(op: &Op, columns: &[SourceColumn], input: impl Fn(NodeId) -> Fingerprint) -> Fingerprint {
    let mut text = String::new();
    operator(op, columns, &mut text);
    for fingerprint in op.inputs().into_iter().map(input) {
        put(&mut text, format_args!(" {fingerprint}"));
    }
    Fingerprint::of_text(&text)
}

fn source(declared: &SourceDefinition, out: &mut String) {
    let SourceDefinition { name, key, time, time_unit, order, lateness, future, idle, repair, csv } = declared;
    put(out, format_args!("source {} key", quoted(name)));
    key.iter().for_each(|path| put(out, format_args!(" {}", paths(path))));
    put(out, format_args!(" time {} in ", paths(time)));
    match time_unit {
        TimeUnit::Format(own) => {
            let TimeFormat { format, zone } = &**own;
            put(out, format_args!("format {} zone {}", quoted(format), optional(zone.as_deref().map(quoted))));
            // A local time that comes twice follows the record ahead of it. Without that word it was the earlier of both.
            out.push_str(if zone.is_some() { " following" } else { "" });
        }
        TimeUnit::Nanoseconds => out.push_str("ns"),
        TimeUnit::Microseconds => out.push_str("us"),
        TimeUnit::Milliseconds => out.push_str("ms"),
        TimeUnit::Seconds => out.push('s'),
        TimeUnit::Rfc3339 => out.push_str("rfc3339"),
    }
    let order = order.as_ref().map(|(path, ty)| format!("{} {}", paths(path), ty.name()));
    put(out, format_args!(" order {} lateness {lateness}", optional(order)));
    let idle = match idle {
        Idle::Usual => "usual".to_owned(),
        Idle::Never => "never".to_owned(),
        Idle::After(length) => format!("after {length}"),
    };
    put(out, format_args!(" future {} idle {idle} repair {}", optional(*future), optional(*repair)));
    let Csv { delimiter, decimal } = csv;
    put(out, format_args!(" delimiter {} decimal {}\n", optional(*delimiter), optional(*decimal)));
}

fn end_rule(end: &EndRule, node: impl Fn(NodeId) -> String, out: &mut String) {
    let EndRule { when, silence, billed, max_age, linger } = end;
    let (when, silence, max_age) = (optional(when.map(node)), optional(*silence), optional(*max_age));
    put(out, format_args!("end when {when} silence {silence} billed {billed} age {max_age} linger {linger}\n"));
}

/// What is shown beside rows, where anything is.
fn beside(with: &[Beside], node: impl Fn(NodeId) -> String, out: &mut String) {
    if with.is_empty() {
        return;
    }
    out.push_str(" with [");
    with.iter().for_each(|Beside { name, of }| put(out, format_args!("{} {},", quoted(name), node(*of))));
    out.push(']');
}

fn aggregate(aggregate: &Aggregate, node: impl Fn(NodeId) -> String, out: &mut String) {
    let Aggregate { group_by, functions, members } = aggregate;
    out.push_str("groups [");
    for GroupKey { name, of } in group_by {
        let of = match of {
            GroupOf::Dimension(d) => format!("dimension {d}"),
            GroupOf::State(state) => format!("state {}", node(*state)),
            GroupOf::Window(every) => {
                let mut text = "window ".to_owned();
                windows(every, &mut text);
                text
            }
        };
        put(out, format_args!("{} {of},", quoted(name)));
    }
    out.push_str("] functions [");
    for function in functions {
        match function {
            AggregateFunction::Distinct { name, of } => {
                put(out, format_args!("distinct {} {},", quoted(name), node(*of)))
            }
            AggregateFunction::Count
            | AggregateFunction::Sum
            | AggregateFunction::Avg
            | AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::Percentile(_)
            | AggregateFunction::Now
            | AggregateFunction::Peak
            | AggregateFunction::Mean => put(out, format_args!("{},", function.name())),
        }
    }
    let members = match members {
        AggregateMembers::All => "all",
        AggregateMembers::Closed => "closed",
        AggregateMembers::Live => "live",
    };
    put(out, format_args!("] of {members}"));
}

/// The operator without its inputs. These texts are those that nodes have had from the first version on.
fn operator(op: &Op, columns: &[SourceColumn], out: &mut String) {
    let description = op.describe();
    out.push_str(description.name);
    for parameter in &description.parameters {
        out.push(' ');
        match parameter {
            Parameter::Window(length) => put(out, format_args!("{length}")),
            Parameter::Windows(every) => windows(every, out),
            Parameter::Hours(LocalHours { hours, days, zone }) => {
                hours.iter().for_each(|(from, until)| put(out, format_args!("{from} until {until}, ")));
                let zone = optional(zone.as_deref().map(quoted));
                put(out, format_args!("on {days:07b} in {zone}"));
            }
            Parameter::Ttl(None) => out.push_str("None"),
            Parameter::Ttl(Some(length)) => put(out, format_args!("Some({length})")),
            Parameter::Whole(n) => put(out, format_args!("{n}")),
            Parameter::Word(word) => out.push_str(word),
            Parameter::Unit(unit) => out.push_str(unit_name(*unit)),
            Parameter::Value(value) => out.push_str(&constant(value)),
            Parameter::Expression(e) => expression(e, columns, out),
            // Rows count as what they say, and are never written out.
            Parameter::Table(column) => put(out, format_args!("{} {}", column.ty().name(), column.digest())),
            Parameter::Operator(operator) => {
                // The name is for people, and the code is what its digest says.
                let UserOperator { name: _, module, parameters, result, state_bytes, code: _ } = operator;
                let module: Vec<String> = module.iter().map(|byte| format!("{byte:02x}")).collect();
                let parameters: Vec<&str> = parameters.iter().map(|ty| type_word(*ty)).collect();
                let (module, parameters) = (module.join(", "), parameters.join(", "));
                put(out, format_args!("[{module}] [{parameters}] {} {state_bytes}", result.name()));
            }
        }
    }
}

fn windows(every: &Every, out: &mut String) {
    match every {
        Every::Length { length, offset: 0 } => put(out, format_args!("{length}")),
        Every::Length { length, offset } => put(out, format_args!("{length} offset {offset}")),
        Every::Calendar { unit, zone, offset } => {
            let zone = optional(zone.as_deref().map(quoted));
            put(out, format_args!("{unit} in {zone} offset {offset}"));
        }
    }
}

fn expression(e: &EventExpr, columns: &[SourceColumn], out: &mut String) {
    match e {
        EventExpr::Column(c) => {
            // Columns count by source, path and type, so that programs which number or name them otherwise agree.
            let SourceColumn { name: _, path, ty, source, nulls } = &columns[c.index()];
            put(out, format_args!("(column {} {}", paths(path), ty.name()));
            if *source != 0 {
                put(out, format_args!(" of {source}"));
            }
            self::nulls(nulls, out);
            out.push(')');
        }
        EventExpr::Constant(value) => out.push_str(&constant(value)),
        EventExpr::Sample(n) => put(out, format_args!("(sample {n})")),
        EventExpr::Compare(compare, a, b) => call(compare.symbol(), &[a, b], columns, out),
        EventExpr::And(a, b) => call("and", &[a, b], columns, out),
        EventExpr::Or(a, b) => call("or", &[a, b], columns, out),
        EventExpr::Not(a) => call("not", &[a], columns, out),
        EventExpr::Call(function, all) => {
            call(&format!("call {}", function.name()), &all.iter().collect::<Vec<_>>(), columns, out);
        }
        EventExpr::Lookup(column, key) => {
            let name = format!("lookup {} {}", column.ty().name(), column.digest());
            call(&name, &key.iter().collect::<Vec<_>>(), columns, out);
        }
    }
}

fn call(name: &str, all: &[&EventExpr], columns: &[SourceColumn], out: &mut String) {
    put(out, format_args!("({name}"));
    for a in all {
        out.push(' ');
        expression(a, columns, out);
    }
    out.push(')');
}

/// What is said of nulls, where it is not what is usual.
fn nulls(nulls: &Nulls, out: &mut String) {
    let Nulls { missing, words } = nulls;
    if !nulls.are_usual() {
        put(out, format_args!(" nulls {missing} {}", list(words)));
    }
}

/// A value with its type. A float is the shortest decimal that reads back as the same one, never without a point or an
/// exponent.
fn constant(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("Str({})", quoted(text)),
        Value::Float(x) => format!("Float({x:?})"),
        Value::Int(x) => format!("Int({x})"),
        Value::Bool(x) => format!("Bool({x})"),
    }
}

/// The word of a type among the parameters of a user operator.
fn type_word(ty: Type) -> &'static str {
    match ty {
        Type::String => "String",
        Type::Float => "Float",
        Type::Int => "Int",
        Type::Bool => "Bool",
    }
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Duration => "Duration",
        Unit::Int => "Int",
        Unit::Float => "Float",
        Unit::Area => "Area",
        Unit::Instant => "Instant",
    }
}

fn kind_name(kind: TimelineKind) -> String {
    match kind {
        TimelineKind::Event(ty) => format!("event {}", ty.name()),
        TimelineKind::State(ty) => format!("state {}", ty.name()),
        TimelineKind::Number(unit) => format!("number {}", unit_name(unit)),
        TimelineKind::Ratio(RatioUnit::Plain) => "ratio Plain".to_owned(),
        TimelineKind::Ratio(RatioUnit::PerSecond) => "ratio PerSecond".to_owned(),
        TimelineKind::Ratio(RatioUnit::Duration) => "ratio Duration".to_owned(),
    }
}

fn paths(path: &FieldPath) -> String {
    list(&path.0)
}

fn list(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", all.join(", "))
}

/// A text in quotes, in which a quote and a backslash stand behind a backslash and a line feed is `\n`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn optional<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a string never fails");
}
