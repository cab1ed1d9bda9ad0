//! The plan for Graphviz.

use super::facts::PlanFacts;
use super::outputs::outputs;
use crate::diagnostics::quoted;
use std::fmt::Write;
use timeline_core::Plan;

pub(super) fn text(plan: &Plan, facts: &PlanFacts) -> String {
    let mut out = String::from("digraph plan {\n  rankdir=BT;\n  node [shape=box, fontname=\"monospace\"];\n");
    for (id, node) in plan.iter().filter(|(_, node)| !node.op.is_constant()) {
        let about = facts.node(id);
        let mut second = format!("{} {} {}", about.kind, about.role, about.memory);
        if about.timer {
            second.push_str(" timer");
        }
        if about.readers > 1 {
            let _ = write!(second, " shared by {}", about.readers);
        }
        let style = if about.role == "LEAF" { ", style=filled, fillcolor=\"#e3f0e3\"" } else { "" };
        let label = quoted(&format!("{id} {}\u{1}{second}", about.picture)).replace("\\u0001", "\\n");
        let _ = writeln!(out, "  {id} [label={label}{style}];");
        for input in node.op.inputs().into_iter().filter(|i| !plan.node(*i).op.is_constant()) {
            let _ = writeln!(out, "  {input} -> {id};");
        }
    }
    for (i, output) in outputs(plan).iter().enumerate() {
        let label = quoted(format!("{} {}", output.what, output.name).trim_end());
        let _ = writeln!(out, "  out{i} [label={label}, shape=ellipse, style=filled, fillcolor=\"#dce8f7\"];");
        for root in &output.roots {
            let _ = writeln!(out, "  {root} -> out{i};");
        }
    }
    out.push_str("}\n");
    out
}
