//! Sources that share a key: which of them expressions join, and what one plan makes of them.
//!
//! Nodes of two sources can stand in one expression only if they are in one builder, so the sources that are joined must be
//! known before the first node is made. Instead of searching the tree for them, lowering notes what it finds joined and is
//! begun again; where nothing is joined, as is usual, that costs nothing.
//!
//! In the end outputs go together only if sources do that they read: a program that joins nothing, or nothing any more, has a
//! plan for each source.
//!
//! **Invariant:** sources of one group have keys of as many columns and, as far as declared, of the same types.

use super::Lowering;
use super::prune::{self, ProgramPart, roots, roots_of_alert};
use super::source::SourceEntry;
use super::value::NodeTraits;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::Span;
use std::collections::BTreeSet;
use timeline_core::plan::{Alert, EndRule, EventExpr, FieldPath, MAX_SOURCES, Metric, NodeId, Op, PlanBuilder};
use timeline_core::{Plan, Type};

/// How often programs are lowered at most: each time but the last finds sources joined.
const PASSES_MAX: usize = 2 * MAX_SOURCES;

/// Sources that are joined, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Joins {
    sets: Vec<BTreeSet<String>>,
    /// How often more were found.
    rounds: usize,
    /// What is wrong with how some of them are joined, though it is clear what is meant.
    pub(crate) said: Vec<Diagnostic>,
}

impl Joins {
    fn of(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.sets.iter().find(|set| set.contains(name))
    }

    /// How many sources a source would be joined with, itself included.
    fn size(&self, names: [&str; 2]) -> usize {
        let all: BTreeSet<&str> = names
            .into_iter()
            .chain(names.iter().filter_map(|name| self.of(name)).flatten().map(String::as_str))
            .collect();
        all.len()
    }

    fn join(&mut self, names: impl IntoIterator<Item = String>) {
        let mut joined: BTreeSet<String> = names.into_iter().collect();
        self.sets.retain(|set| {
            let apart = set.is_disjoint(&joined);
            if !apart {
                joined.extend(set.iter().cloned());
            }
            apart
        });
        self.sets.push(joined);
    }
}

/// What the nodes of a source, or of sources that are joined, go into.
#[derive(Debug)]
pub(super) struct SourceGroup {
    pub(super) builder: PlanBuilder,
    /// One for each node of the builder's plan.
    pub(super) facts: Vec<NodeTraits>,
    /// The sources by their numbers in the plan.
    pub(super) members: Vec<usize>,
}

impl SourceGroup {
    /// The source of a number.
    pub(super) fn member(&self, number: u8) -> usize {
        self.members[usize::from(number)]
    }
}

impl Lowering<'_> {
    /// Makes a source known; its index.
    pub(crate) fn add_source(&mut self, mut entry: SourceEntry) -> usize {
        let index = self.sources.len();
        // One that is declared differently is a mistake, and joins nothing.
        let is_first = self.sources.iter().all(|known| known.name != entry.name);
        let joined = self.joins.of(&entry.name).filter(|_| is_first);
        let shares = |group: &SourceGroup| joined.is_some_and(|set| set.contains(&self.sources[group.members[0]].name));
        match self.groups.iter().position(shares) {
            Some(at) => {
                let group = &mut self.groups[at];
                let number = group.builder.join(entry.declared.clone());
                entry.columns.values_mut().for_each(|(column, _)| column.source = number);
                group.members.push(index);
                entry.group = at;
            }
            None => {
                entry.group = self.groups.len();
                let builder = PlanBuilder::new(entry.declared.clone());
                self.groups.push(SourceGroup { builder, facts: vec![], members: vec![index] });
            }
        }
        self.sources.push(entry);
        index
    }

    /// Notes the group of a part of an expression; false if it is another one than before, in which case there is either a
    /// mistake that has been said, or another pass.
    pub(super) fn same_source(&mut self, noted: &mut Option<usize>, group: usize, span: Span) -> bool {
        match *noted {
            Some(first) if first != group => {
                self.join(first, group, span);
                false
            }
            _ => {
                *noted = Some(group);
                true
            }
        }
    }

    /// Notes the source of a part of a predicate; says so if it is another one than before.
    pub(super) fn same_event(&mut self, noted: &mut Option<usize>, source: usize, span: Span) -> bool {
        match *noted {
            Some(first) if first != source => {
                let (a, b) = (self.sources[first].name.clone(), self.sources[source].name.clone());
                let message = format!("one event has columns of one source, this is of `{a}` and of `{b}`");
                let help = "make states of the parts, for example with `latest(...)`, and join those";
                self.error(codes::SOURCES, span, message, help);
                false
            }
            _ => {
                *noted = Some(source);
                true
            }
        }
    }

    /// The source of an event over columns.
    pub(super) fn source_of(&self, group: usize, e: &EventExpr) -> usize {
        let group = &self.groups[group];
        let first = e.columns().trailing_zeros() as usize;
        let number = group.builder.plan().columns.get(first).map_or(0, |column| usize::from(column.source));
        group.members[number]
    }

    /// An expression joins sources of two groups.
    fn join(&mut self, a: usize, b: usize, span: Span) {
        let (first, second) = (self.groups[a].members[0], self.groups[b].members[0]);
        if !self.keys_alike(first, second, span) {
            return;
        }
        let names = [&self.sources[first].name, &self.sources[second].name].map(String::clone);
        let size = self.joins.size([&names[0], &names[1]]);
        if size > MAX_SOURCES || self.joins.rounds >= PASSES_MAX {
            let message = format!("more sources are joined than a session can have: at most {MAX_SOURCES}");
            self.error(codes::TOO_LARGE, span, message, "join fewer of them, or put their events into one log");
            return;
        }
        self.found.join(names);
        self.named_alike(first, second, span);
    }

    /// Says so if the keys of two sources that are joined have different names: the same name is how a program says that the
    /// same things are meant, and where it does not, `as` does.
    fn named_alike(&mut self, a: usize, b: usize, span: Span) {
        let (first, second) = (&self.sources[a], &self.sources[b]);
        if first.key_names == second.key_names {
            return;
        }
        let (left, right) = (first.key_names.join(", "), second.key_names.join(", "));
        let message = format!(
            "`{}` and `{}` are joined here, but the one is keyed by `{left}` and the other by `{right}`",
            first.name, second.name
        );
        let parts = second.declared.key.iter().zip(&first.key_names).zip(&second.key_names);
        let renamed: Vec<String> = parts
            .map(|((path, wanted), own)| match wanted == own {
                true => own.clone(),
                false if path.0.len() > 1 && path.0.last() == Some(own) => format!("{:?} as {wanted}", path.dotted()),
                false => format!("{own} as {wanted}"),
            })
            .collect();
        let help = format!(
            "if both mean the same, say so in `{}`: `key {}`; else write one metric for each source",
            second.name,
            renamed.join(", ")
        );
        let notes = [(first, left), (second, right)]
            .map(|(entry, key)| (entry.file, entry.span.range(), format!("the key of `{}` is {key}", entry.name)));
        let mut d = self.diagnostic(codes::KEY_NAMES, span, message).label("joins the two").help(help);
        for (file, range, text) in notes {
            d = d.note(file, range, text);
        }
        self.found.said.push(d);
    }

    /// Whether two keys can be one; says so if not.
    fn keys_alike(&mut self, a: usize, b: usize, span: Span) -> bool {
        let (first, second) = (&self.sources[a], &self.sources[b]);
        let types = |entry: &SourceEntry| -> Vec<Option<Type>> {
            let column = |path: &FieldPath| entry.columns.values().find(|(column, _)| column.path == *path);
            entry.declared.key.iter().map(|path| column(path).map(|(column, _)| column.ty)).collect()
        };
        let (left, right) = (types(first), types(second));
        let fits = |(a, b): (&Option<Type>, &Option<Type>)| a.is_none() || b.is_none() || a == b;
        if left.len() == right.len() && left.iter().zip(&right).all(fits) {
            return true;
        }
        let shown = |entry: &SourceEntry, types: &[Option<Type>]| {
            let part = |(path, ty): (&FieldPath, &Option<Type>)| match ty {
                Some(ty) => format!("{}: {ty}", path.dotted()),
                None => path.dotted(),
            };
            let parts: Vec<String> = entry.declared.key.iter().zip(types).map(part).collect();
            format!("the key of `{}` is {}", entry.name, parts.join(", "))
        };
        let (a_is, b_is) = (shown(first, &left), shown(second, &right));
        let message = format!("`{}` and `{}` are joined here, and their keys differ", first.name, second.name);
        let (places, at) = ([(first.file, first.span), (second.file, second.span)], span);
        let d = self
            .diagnostic(codes::KEYS, at, message)
            .label("joins the two")
            .note(places[0].0, places[0].1.range(), a_is)
            .note(places[1].0, places[1].1.range(), b_is)
            .help("sources that share sessions have keys of as many columns, of the same types, in the same order");
        self.say(d);
        false
    }

    /// The sources that are to be lowered together instead, if expressions join more than was known.
    pub(crate) fn more_joins(&self) -> Option<Joins> {
        if self.found.sets.is_empty() {
            return None;
        }
        let mut all = self.joins.clone();
        self.found.sets.iter().for_each(|set| all.join(set.iter().cloned()));
        all.said.extend(self.found.said.iter().filter(|d| !self.joins.said.contains(d)).cloned());
        all.rounds += 1;
        Some(all)
    }

    /// The plans of the sources that have outputs.
    pub(crate) fn finish(mut self) -> Vec<Plan> {
        let mut plans: Vec<(usize, Plan)> = vec![];
        for SourceGroup { builder, members, .. } in std::mem::take(&mut self.groups) {
            let plan = builder.finish();
            for (sources, metrics, alerts) in parts(&plan) {
                let entries: Vec<usize> = sources.iter().map(|number| members[usize::from(*number)]).collect();
                let (end, when) = self.end_of(&plan, &entries);
                let dedup = entries.iter().filter_map(|entry| self.sources[*entry].dedup).collect();
                let part = ProgramPart { sources, metrics, alerts, end, when, dedup };
                plans.push((entries[0], prune::finish(&plan, &part)));
            }
        }
        plans.sort_by_key(|(entry, _)| *entry);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }

    /// How the sessions of sources end together. A limit counts if one of them states it; two that differ are a mistake.
    fn end_of(&mut self, plan: &Plan, entries: &[usize]) -> (EndRule, Vec<NodeId>) {
        let (mut rule, mut when) = (EndRule::default(), vec![]);
        let (mut silent, mut aged, mut lingering): (Option<usize>, Option<usize>, Option<usize>) = (None, None, None);
        for entry in entries {
            let end = self.sources[*entry].end.clone();
            when.extend(end.when);
            if end.silence.is_some() {
                match silent {
                    Some(first) if (rule.silence, rule.billed) != (end.silence, end.billed) => {
                        self.ends_differ(first, *entry, "the silence that ends a session");
                    }
                    _ => {
                        (rule.silence, rule.billed) = (end.silence, end.billed);
                        silent = silent.or(Some(*entry));
                    }
                }
            }
            match lingering {
                Some(first) if end.linger > 0 && rule.linger != end.linger => {
                    self.ends_differ(first, *entry, "for how long a session lingers");
                }
                _ if end.linger > 0 => (rule.linger, lingering) = (end.linger, Some(*entry)),
                _ => {}
            }
            if end.max_age.is_some() {
                match aged {
                    Some(first) if rule.max_age != end.max_age => {
                        self.ends_differ(first, *entry, "the age that a session may reach");
                    }
                    _ => {
                        rule.max_age = end.max_age;
                        aged = aged.or(Some(*entry));
                    }
                }
            }
        }
        let derived = when.iter().filter(|id| !matches!(plan.node(**id).op, Op::Event(_))).count();
        if derived > 0 && when.len() > 1 {
            self.ends_differ(entries[0], entries[1], "`end when` over timelines");
        }
        (rule, when)
    }

    fn ends_differ(&mut self, first: usize, second: usize, what: &str) {
        let (a, b) = (&self.sources[first], &self.sources[second]);
        let (a_span, b_span) = (a.end_span.unwrap_or(a.span), b.end_span.unwrap_or(b.span));
        let message = format!("`{}` and `{}` share sessions, and {what} is said by both, differently", a.name, b.name);
        let (first_file, second_file) = (a.file, b.file);
        let d = Diagnostic::error(codes::ENDS, second_file, b_span.range(), message)
            .note(first_file, a_span.range(), "said here first")
            .help("say it in one of them, or alike in both: a session of both ends once");
        self.say(d);
    }
}

/// The outputs of a plan by the sources that they need together, ascending.
fn parts(plan: &Plan) -> Vec<(Vec<u8>, Vec<Metric>, Vec<Alert>)> {
    // The sources that each node reads, as a set; inputs stand before their readers.
    let mut reads: Vec<u64> = vec![];
    for node in &plan.nodes {
        let own = match &node.op {
            Op::Event(e) => (0..plan.columns.len())
                .filter(|column| e.columns() >> column & 1 == 1)
                .fold(0, |set, column| set | 1 << plan.columns[column].source),
            _ => 0,
        };
        reads.push(node.op.inputs().iter().fold(own, |set, input| set | reads[input.index()]));
    }
    let of = |roots: &mut dyn Iterator<Item = NodeId>| match roots.fold(0, |set, id| set | reads[id.index()]) {
        // What reads nothing goes with the first source.
        0 => 1u64,
        set => set,
    };
    let metrics: Vec<(u64, &Metric)> = plan.metrics.iter().map(|metric| (of(&mut roots(metric)), metric)).collect();
    let alerts: Vec<(u64, &Alert)> = plan.alerts.iter().map(|alert| (of(&mut roots_of_alert(alert)), alert)).collect();
    let mut sets: Vec<u64> = vec![];
    for set in metrics.iter().map(|(set, _)| *set).chain(alerts.iter().map(|(set, _)| *set)) {
        let mut joined = set;
        sets.retain(|known| {
            let apart = known & joined == 0;
            joined |= if apart { 0 } else { *known };
            apart
        });
        sets.push(joined);
    }
    sets.sort_unstable_by_key(|set| set.trailing_zeros());
    let part = |whole: u64| {
        let sources = (0..u64::BITS as u8).filter(|source| whole >> source & 1 == 1).collect();
        let metrics = metrics.iter().filter(|(set, _)| set & whole != 0).map(|(_, metric)| (*metric).clone());
        let alerts = alerts.iter().filter(|(set, _)| set & whole != 0).map(|(_, alert)| (*alert).clone());
        (sources, metrics.collect(), alerts.collect())
    };
    sets.into_iter().map(part).collect()
}
