//! What of a source's nodes the outputs and the end of its sessions need; the rest is left out of the plan.

use timeline_core::Plan;
use timeline_core::plan::{Builder, ColumnId, Dedup, EndRule, EventExpr, GroupOf, NodeId, Op};

/// The plan with only what it needs, or nothing if it has no outputs.
pub(super) fn finish(plan: Plan) -> Option<Plan> {
    if plan.metrics.is_empty() && plan.alerts.is_empty() {
        return None;
    }
    let mut needed = vec![false; plan.nodes.len()];
    let mut need = |id: NodeId| needed[id.index()] = true;
    plan.metrics.iter().for_each(|m| need(m.root));
    plan.alerts.iter().for_each(|a| need(a.root));
    plan.end.when.into_iter().for_each(&mut need);
    for key in plan.metrics.iter().filter_map(|m| m.aggregate.as_ref()).flat_map(|a| &a.group_by) {
        if let GroupOf::State(id) = key.of {
            need(id);
        }
    }
    // Inputs stand before their readers, so one pass from the end on marks them all.
    for i in (0..plan.nodes.len()).rev() {
        if needed[i] {
            plan.nodes[i].op.inputs().iter().for_each(|id| needed[id.index()] = true);
        }
    }
    Some(rebuild(&plan, &needed))
}

fn rebuild(plan: &Plan, needed: &[bool]) -> Plan {
    let mut builder = Builder::new(plan.source.clone());
    let mut moved: Vec<Option<NodeId>> = vec![None; plan.nodes.len()];
    for (id, node) in plan.iter().filter(|(id, _)| needed[id.index()]) {
        let mut op = node.op.clone();
        if let Op::Event(e) = &mut op {
            rename_columns(e, plan, &mut builder);
        }
        for input in inputs_mut(&mut op) {
            *input = moved[input.index()].expect("inputs stand before their readers and are needed with them");
        }
        moved[id.index()] = Some(builder.add(op).expect("a part of a plan is no larger than the plan"));
    }
    let moved = |id: NodeId| moved[id.index()].expect("every root is needed");
    if let Some(dedup) = plan.dedup {
        let column = plan.columns[dedup.column.index()].clone();
        let column = builder.column(column).expect("a part of a plan reads no more columns than the plan");
        builder.set_dedup(Some(Dedup { column, ..dedup }));
    }
    builder.set_end(EndRule { when: plan.end.when.map(moved), ..plan.end.clone() });
    for metric in &plan.metrics {
        let mut metric = metric.clone();
        metric.root = moved(metric.root);
        for key in metric.aggregate.iter_mut().flat_map(|a| &mut a.group_by) {
            if let GroupOf::State(id) = &mut key.of {
                *id = moved(*id);
            }
        }
        builder.add_metric(metric);
    }
    for alert in &plan.alerts {
        let mut alert = alert.clone();
        alert.root = moved(alert.root);
        builder.add_alert(alert);
    }
    builder.finish()
}

fn rename_columns(e: &mut EventExpr, plan: &Plan, builder: &mut Builder) {
    match e {
        EventExpr::Column(c) => {
            let column: &ColumnId = c;
            let column = plan.columns[column.index()].clone();
            *c = builder.column(column).expect("a part of a plan reads no more columns than the plan");
        }
        EventExpr::Constant(_) => {}
        EventExpr::Not(a) => rename_columns(a, plan, builder),
        EventExpr::Call(_, all) => all.iter_mut().for_each(|a| rename_columns(a, plan, builder)),
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => {
            rename_columns(a, plan, builder);
            rename_columns(b, plan, builder);
        }
    }
}

fn inputs_mut(op: &mut Op) -> Vec<&mut NodeId> {
    match op {
        Op::Event(_) | Op::Constant(_) | Op::ConstantNumber { .. } | Op::Every { .. } => vec![],
        Op::Latest { of, .. }
        | Op::HasExisted { of }
        | Op::HasExistedWithin { of, .. }
        | Op::HeldFor { of, .. }
        | Op::DurationWhere { of }
        | Op::DurationInCurState { of }
        | Op::Not(of)
        | Op::NumberOf(of)
        | Op::DurationOf(of)
        | Op::Scale { of, .. }
        | Op::Longest { of }
        | Op::Concurrency { of }
        | Op::DurationOfPreviousState { of }
        | Op::Rise { of }
        | Op::Fall { of }
        | Op::Changes { of }
        | Op::Count { of }
        | Op::CountWithin { of, .. }
        | Op::First { of }
        | Op::Previous { of, .. }
        | Op::Sum { of }
        | Op::Min { of }
        | Op::Max { of }
        | Op::TimeSince { of }
        | Op::OverLast { of, .. } => vec![of],
        Op::At { event, of } => vec![event, of],
        Op::FollowedBy { first, then, .. } | Op::NotFollowedBy { first, then, .. } => vec![first, then],
        Op::CompareStates { left, right, .. } | Op::CompareNumbers { left, right, .. } => vec![left, right],
        Op::Integral { of, over } => std::iter::once(of).chain(over).collect(),
        Op::If { condition, then, otherwise } => vec![condition, then, otherwise],
        Op::Scope { of, by } => vec![of, by],
        Op::And(a, b) | Op::Or(a, b) | Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) | Op::Coalesce(a, b) => vec![a, b],
        Op::Ratio { numerator, denominator } => vec![numerator, denominator],
        Op::Split { of, by } => std::iter::once(of).chain(by).collect(),
    }
}
