//! What of a group's nodes the outputs and the end of its sessions need; the rest is left out of the plan.

use timeline_core::Plan;
use timeline_core::plan::{
    AggregateFunction, Alert, ColumnId, Dedup, EndRule, EventExpr, GroupOf, Metric, NodeId, Op, PlanBuilder,
    SourceColumn,
};

/// A part of what was lowered: outputs, and the sources that they read.
pub(super) struct ProgramPart {
    /// Numbers of sources, ascending.
    pub sources: Vec<u8>,
    pub metrics: Vec<Metric>,
    pub alerts: Vec<Alert>,
    /// When sessions end, but for the predicates.
    pub end: EndRule,
    /// The predicates of the end, of each source that has one.
    pub when: Vec<NodeId>,
    pub dedup: Vec<Dedup>,
}

/// The nodes that an output reads to show itself: its root, and states that are read beside it.
pub(super) fn roots(metric: &Metric) -> impl Iterator<Item = NodeId> + '_ {
    let states = metric.beside().filter_map(|of| match of {
        GroupOf::State(id) => Some(id),
        GroupOf::Dimension(_) | GroupOf::Window(_) => None,
    });
    std::iter::once(metric.root).chain(states)
}

/// The same of an alert.
pub(super) fn roots_of_alert(alert: &Alert) -> impl Iterator<Item = NodeId> + '_ {
    std::iter::once(alert.root).chain(alert.with.iter().map(|beside| beside.of))
}

/// The plan of a part.
pub(super) fn finish(plan: &Plan, part: &ProgramPart) -> Plan {
    let mut needed = vec![false; plan.nodes.len()];
    let mut need = |id: NodeId| needed[id.index()] = true;
    part.metrics.iter().flat_map(roots).for_each(&mut need);
    part.alerts.iter().flat_map(roots_of_alert).for_each(&mut need);
    part.when.iter().copied().for_each(&mut need);
    // Inputs stand before their readers, so one pass from the end on marks them all.
    for i in (0..plan.nodes.len()).rev() {
        if needed[i] {
            plan.nodes[i].op.inputs().iter().for_each(|id| needed[id.index()] = true);
        }
    }
    rebuild(plan, part, &needed)
}

fn rebuild(plan: &Plan, part: &ProgramPart, needed: &[bool]) -> Plan {
    let mut sources = part.sources.iter().map(|source| plan.source_at(usize::from(*source)).clone());
    let mut builder = PlanBuilder::new(sources.next().expect("a part reads a source"));
    sources.for_each(|source| {
        builder.join(source);
    });
    let mut moved: Vec<Option<NodeId>> = vec![None; plan.nodes.len()];
    for (id, node) in plan.iter().filter(|(id, _)| needed[id.index()]) {
        let mut op = node.op.clone();
        if let Op::Event(e) | Op::Each { value: e, .. } | Op::Filter { condition: e, .. } = &mut op {
            rename_columns(e, (plan, part), &mut builder);
        }
        for input in op.inputs_mut() {
            *input = moved[input.index()].expect("inputs stand before their readers and are needed with them");
        }
        let new = builder.add(op).expect("a part of a plan is no larger than the plan");
        if let Some(name) = plan.names.of(id) {
            builder.call(new, name);
        }
        moved[id.index()] = Some(new);
    }
    let moved = |id: NodeId| moved[id.index()].expect("every root is needed");
    for dedup in &part.dedup {
        let column = builder.column(column(plan, part, dedup.column)).expect(FITS);
        builder.add_dedup(Dedup { column, ..*dedup });
    }
    let when = any(part.when.iter().map(|id| moved(*id)).collect(), &mut builder);
    builder.set_end(EndRule { when, ..part.end.clone() });
    for metric in &part.metrics {
        let mut metric = metric.clone();
        metric.root = moved(metric.root);
        metric.with.iter_mut().for_each(|beside| beside.of = moved(beside.of));
        if let Some(aggregate) = &mut metric.aggregate {
            for key in &mut aggregate.group_by {
                if let GroupOf::State(id) = &mut key.of {
                    *id = moved(*id);
                }
            }
            for function in &mut aggregate.functions {
                if let AggregateFunction::Distinct { of, .. } = function {
                    *of = moved(*of);
                }
            }
        }
        builder.add_metric(metric);
    }
    for alert in &part.alerts {
        let mut alert = alert.clone();
        alert.root = moved(alert.root);
        alert.with.iter_mut().for_each(|beside| beside.of = moved(beside.of));
        builder.add_alert(alert);
    }
    builder.finish()
}

/// Why a column is never refused here.
const FITS: &str = "a part of a plan reads no more columns than the plan";

/// The column, under the number that its source has in the part.
fn column(plan: &Plan, part: &ProgramPart, id: ColumnId) -> SourceColumn {
    let column = &plan.columns[id.index()];
    let source = part.sources.iter().position(|source| *source == column.source);
    SourceColumn { source: source.expect("a part has the sources of all its columns") as u8, ..column.clone() }
}

/// One predicate of several: an event is of one source, and what others say of it is absent.
fn any(when: Vec<NodeId>, builder: &mut PlanBuilder) -> Option<NodeId> {
    if when.len() < 2 {
        return when.first().copied();
    }
    let expression = |id: &NodeId| match &builder.plan().node(*id).op {
        Op::Event(e) => Some(e.clone()),
        _ => None,
    };
    let all = when.iter().filter_map(expression);
    let any = all.reduce(|a, b| EventExpr::Or(Box::new(a), Box::new(b)))?;
    Some(builder.add(Op::Event(any)).expect("a plan has room for one more node"))
}

fn rename_columns(e: &mut EventExpr, of: (&Plan, &ProgramPart), builder: &mut PlanBuilder) {
    match e {
        EventExpr::Column(c) => *c = builder.column(column(of.0, of.1, *c)).expect(FITS),
        EventExpr::Constant(_) | EventExpr::Sample(_) => {}
        EventExpr::Not(a) => rename_columns(a, of, builder),
        EventExpr::Call(_, all) | EventExpr::Lookup(_, all) => {
            all.iter_mut().for_each(|a| rename_columns(a, of, builder))
        }
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => {
            rename_columns(a, of, builder);
            rename_columns(b, of, builder);
        }
    }
}
