//! The plan as a tree of lines.

use super::operator::{duration, operator_text};
use super::{Sizes, facts, outputs};
use std::collections::BTreeSet;
use std::fmt::Write;
use timeline_core::plan::{NodeId, Op, Plan};

pub(super) fn text(plan: &Plan, sizes: &Sizes) -> String {
    let mut out = String::new();
    let source = &plan.source;
    let key: Vec<String> = source.key.iter().map(|path| path.dotted()).collect();
    let _ = writeln!(out, "source {}", source.name);
    let _ = writeln!(out, "  key {}, time {} in {}", key.join(", "), source.time.dotted(), source.time_unit.name());
    if let Some((order, _)) = &source.order {
        let _ = writeln!(out, "  order by {}", order.dotted());
    }
    let _ = writeln!(out, "  lateness {}", duration(source.lateness));
    let columns: Vec<String> = plan.columns.iter().map(|c| format!("{}: {}", c.name, c.ty)).collect();
    let _ = writeln!(out, "  columns read: {}", if columns.is_empty() { "none".into() } else { columns.join(", ") });
    let mut ends = vec![];
    ends.extend(plan.end.when.map(|id| format!("when {}", operator_text(plan, id))));
    ends.extend(plan.end.silence.map(|d| format!("after {}", duration(d))));
    ends.extend(plan.end.max_age.map(|d| format!("after {} in all", duration(d))));
    let _ = writeln!(out, "  sessions end {}", if ends.is_empty() { "never".into() } else { ends.join(" or ") });
    let _ = writeln!(out, "  {} bytes of state a session, {} workers", sizes.session_bytes, plan.nodes.len());
    let mut drawn = BTreeSet::new();
    for (name, root) in outputs(plan) {
        let _ = writeln!(out, "\n{name}");
        branch(plan, sizes, root, "", true, &mut drawn, &mut out);
    }
    out
}

fn branch(
    plan: &Plan,
    sizes: &Sizes,
    id: NodeId,
    indent: &str,
    last: bool,
    drawn: &mut BTreeSet<NodeId>,
    out: &mut String,
) {
    let node = plan.node(id);
    if matches!(node.op, Op::Constant(_) | Op::ConstantNumber { .. }) {
        return;
    }
    let joint = if last { "└─ " } else { "├─ " };
    if !drawn.insert(id) {
        let _ = writeln!(out, "{indent}{joint}{id} {}  (above)", operator_text(plan, id));
        return;
    }
    let facts = facts(plan, id);
    let mut notes = vec![node.kind.to_string(), if facts.leaf { "leaf" } else { "derived" }.to_owned(), facts.memory.to_owned()];
    if let Some(bytes) = sizes.node_bytes.get(id.index()).filter(|bytes| **bytes > 0) {
        notes.push(format!("{bytes} bytes"));
    }
    if facts.timer {
        notes.push("timer".into());
    }
    if facts.users > 1 {
        notes.push(format!("shared by {}", facts.users));
    }
    let _ = writeln!(out, "{indent}{joint}{id} {}  [{}]", operator_text(plan, id), notes.join(", "));
    let inner = format!("{indent}{}", if last { "   " } else { "│  " });
    let constant = |id: &NodeId| matches!(plan.node(*id).op, Op::Constant(_) | Op::ConstantNumber { .. });
    let mut inputs = node.op.inputs();
    inputs.dedup();
    inputs.retain(|input| !constant(input));
    for (i, input) in inputs.iter().enumerate() {
        branch(plan, sizes, *input, &inner, i + 1 == inputs.len(), drawn, out);
    }
}
