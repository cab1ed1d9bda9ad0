//! The plan as a graph: for Graphviz, as a picture of its own making, and as JSON.

use super::operator::operator_text;
use super::{Sizes, facts, outputs};
use crate::diagnostics::quoted;
use std::fmt::Write;
use timeline_core::plan::{NodeId, Plan};

pub(super) fn json(plan: &Plan, sizes: &Sizes) -> String {
    let columns: Vec<String> = plan
        .columns
        .iter()
        .map(|c| format!("{{\"name\":{},\"path\":{},\"type\":{}}}", quoted(&c.name), quoted(&c.path.dotted()), quoted(c.ty.name())))
        .collect();
    let nodes: Vec<String> = plan
        .iter()
        .map(|(id, node)| {
            let facts = facts(plan, id);
            let inputs: Vec<String> = node.op.inputs().iter().map(|input| quoted(&input.to_string())).collect();
            format!(
                "{{\"id\":{},\"operator\":{},\"kind\":{},\"worker\":\"{}\",\"memory\":\"{}\",\"timer\":{},\"used_by\":{},\"bytes\":{},\"fingerprint\":\"{}\",\"inputs\":[{}]}}",
                quoted(&id.to_string()),
                quoted(&operator_text(plan, id)),
                quoted(&node.kind.to_string()),
                if facts.leaf { "leaf" } else { "derived" },
                facts.memory,
                facts.timer,
                facts.users,
                sizes.node_bytes.get(id.index()).copied().unwrap_or(0),
                node.fingerprint,
                inputs.join(",")
            )
        })
        .collect();
    let outputs: Vec<String> = outputs(plan)
        .into_iter()
        .map(|(name, root)| format!("{{\"name\":{},\"root\":{}}}", quoted(&name), quoted(&root.to_string())))
        .collect();
    format!(
        "{{\"source\":{},\"session_bytes\":{},\"columns\":[{}],\"nodes\":[{}],\"outputs\":[{}]}}\n",
        quoted(&plan.name()),
        sizes.session_bytes,
        columns.join(","),
        nodes.join(","),
        outputs.join(",")
    )
}

pub(super) fn dot(plan: &Plan) -> String {
    let mut out = String::from("digraph plan {\n  rankdir=BT;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (id, node) in plan.iter() {
        let facts = facts(plan, id);
        let style = if facts.leaf { ", style=filled, fillcolor=\"#e8f0fe\"" } else { "" };
        let label = format!("{}\n{}{}", operator_text(plan, id), node.kind, if facts.timer { ", timer" } else { "" });
        let _ = writeln!(out, "  {id} [label={}{style}];", quoted(&label));
        for input in node.op.inputs() {
            let _ = writeln!(out, "  {input} -> {id};");
        }
    }
    for (i, (name, root)) in outputs(plan).into_iter().enumerate() {
        let _ = writeln!(out, "  out{i} [label={}, shape=ellipse];\n  {root} -> out{i};", quoted(&name));
    }
    out.push_str("}\n");
    out
}

const WIDTH: usize = 240;
const HEIGHT: usize = 44;
const GAP: usize = 28;
/// Characters of a label that fit.
const LABEL_MAX: usize = 34;

/// Leaves below, each worker above what it reads, outputs on top.
pub(super) fn svg(plan: &Plan) -> String {
    let mut depth = vec![0usize; plan.nodes.len()];
    for (id, node) in plan.iter() {
        depth[id.index()] = node.op.inputs().iter().map(|input| depth[input.index()] + 1).max().unwrap_or(0);
    }
    let top = depth.iter().max().map_or(0, |deepest| deepest + 1);
    let mut taken = vec![0usize; top + 1];
    let mut place = |level: usize| {
        let column = taken[level];
        taken[level] += 1;
        (GAP + column * (WIDTH + GAP), GAP + (top - level) * (HEIGHT + GAP))
    };
    let nodes: Vec<(usize, usize)> = depth.iter().map(|level| place(*level)).collect();
    let outputs: Vec<(String, NodeId, (usize, usize))> =
        outputs(plan).into_iter().map(|(name, root)| (name, root, place(top))).collect();
    let columns = taken.iter().max().copied().unwrap_or(1).max(1);
    let (width, height) = (GAP + columns * (WIDTH + GAP), 2 * GAP + (top + 1) * (HEIGHT + GAP));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    let mut line = |from: (usize, usize), to: (usize, usize)| {
        let _ = writeln!(
            out,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#888\"/>",
            from.0 + WIDTH / 2,
            from.1,
            to.0 + WIDTH / 2,
            to.1 + HEIGHT
        );
    };
    for (id, node) in plan.iter() {
        node.op.inputs().iter().for_each(|input| line(nodes[input.index()], nodes[id.index()]));
    }
    outputs.iter().for_each(|(_, root, at)| line(nodes[root.index()], *at));
    for (id, node) in plan.iter() {
        let facts = facts(plan, id);
        let fill = if facts.leaf { "#e8f0fe" } else { "#fff" };
        let second = format!("{}{}", node.kind, if facts.timer { ", timer" } else { "" });
        block(&mut out, nodes[id.index()], fill, &format!("{id} {}", operator_text(plan, id)), &second);
    }
    for (name, _, at) in &outputs {
        block(&mut out, *at, "#e6f4ea", name, "");
    }
    out.push_str("</svg>\n");
    out
}

fn block(out: &mut String, (x, y): (usize, usize), fill: &str, first: &str, second: &str) {
    let mut shown: String = first.chars().take(LABEL_MAX).collect();
    if shown.len() < first.len() {
        shown.push('…');
    }
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"#444\"/><text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#666\">{}</text></g>",
        escaped(first),
        x + 8,
        y + 18,
        escaped(&shown),
        x + 8,
        y + 34,
        escaped(second)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
