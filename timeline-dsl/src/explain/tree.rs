//! The plan as a tree of lines, one tree for each output.

use super::facts::PlanFacts;
use super::operator::{column_name, duration_text};
use super::outputs::{end_text, outputs};
use std::fmt::Write;
use timeline_core::Plan;
use timeline_core::plan::{Csv, NodeId};

/// Nodes deeper than this are drawn as trees of their own: lines stay readable, and the output linear.
const MAX_DEPTH: usize = 24;
/// Facts begin at most this far to the right.
const MAX_COLUMN: usize = 72;

pub(super) fn text(plan: &Plan, facts: &PlanFacts) -> String {
    let mut out = String::new();
    head(plan, facts, &mut out);
    let mut trees = Trees { plan, facts, drawn: vec![false; plan.nodes.len()], later: vec![] };
    for output in outputs(plan) {
        out.push('\n');
        let title = format!("{} {}", output.what, output.name);
        let _ = writeln!(out, "{}", format!("{}  {}", title.trim_end(), output.rest).trim_end());
        let mut lines = vec![];
        for (i, root) in output.roots.iter().enumerate() {
            trees.draw(*root, "", i + 1 == output.roots.len(), 0, &mut lines);
        }
        write_lines(&lines, &mut out);
        while let Some(node) = trees.later.pop() {
            let mut lines = vec![];
            let _ = writeln!(out, "continued from {node}");
            trees.draw(node, "", true, 0, &mut lines);
            write_lines(&lines, &mut out);
        }
    }
    out
}

fn head(plan: &Plan, facts: &PlanFacts, out: &mut String) {
    for source in plan.sources() {
        let key: Vec<String> = source.key.iter().map(|k| k.dotted()).collect();
        let _ = writeln!(out, "source {}", source.name);
        let mut clauses =
            vec![format!("key {}", key.join(", ")), format!("time {} {}", source.time.dotted(), source.time_unit)];
        if let Some((field, _)) = &source.order {
            clauses.push(format!("order by {}", field.dotted()));
        }
        clauses.push(format!("lateness {}", duration_text(source.lateness)));
        clauses.extend(csv_text(source.csv));
        let _ = writeln!(out, "  {}", clauses.join("  "));
    }
    let end = end_text(plan, &plan.end);
    let _ = writeln!(out, "  end {}", if end.is_empty() { "never" } else { &end });
    let columns: Vec<String> = plan
        .columns
        .iter()
        .map(|c| {
            let from = if c.path.dotted() == c.name { String::new() } else { format!(" from {:?}", c.path.dotted()) };
            let words: Vec<String> = c.nulls.words.iter().map(|word| format!("{word:?}")).collect();
            let nulls = if words.is_empty() { String::new() } else { format!(" null {}", words.join(", ")) };
            format!("{}: {}{from}{nulls}", column_name(plan, c), c.ty)
        })
        .collect();
    if plan.columns.iter().any(|c| c.nulls.missing) {
        let _ = writeln!(out, "  null is missing");
    }
    let _ = writeln!(out, "  reads {}", if columns.is_empty() { "no column".into() } else { columns.join(", ") });
    for operator in super::facts::user_operators(plan) {
        let parameters: Vec<&str> = operator.parameters.iter().map(|ty| ty.name()).collect();
        let _ = writeln!(
            out,
            "  operator {}({}): {} state {}  module {}",
            operator.name,
            parameters.join(", "),
            operator.result,
            operator.state_bytes,
            operator.short_digest()
        );
    }
    let workers = plan.nodes.iter().filter(|n| !n.op.is_constant()).count();
    let timers = facts.nodes.iter().filter(|n| n.timer).count();
    let _ = writeln!(
        out,
        "  {workers} workers, {} of them shared, {timers} with a timer; a session takes {} bytes",
        facts.shared(plan),
        facts.session_bytes
    );
}

fn csv_text(csv: Csv) -> Option<String> {
    let said = [("delimiter", csv.delimiter), ("decimal", csv.decimal)];
    let said: Vec<String> = said
        .into_iter()
        .filter_map(|(word, byte)| byte.map(|byte| format!(" {word} {:?}", char::from(byte).to_string())))
        .collect();
    (!said.is_empty()).then(|| format!("csv{}", said.concat()))
}

/// The tree part of a line, and the facts beside it.
type TreeLine = (String, String);

struct Trees<'a> {
    plan: &'a Plan,
    facts: &'a PlanFacts,
    drawn: Vec<bool>,
    later: Vec<NodeId>,
}

impl Trees<'_> {
    fn draw(&mut self, id: NodeId, indent: &str, last: bool, depth: usize, lines: &mut Vec<TreeLine>) {
        let node = self.facts.node(id);
        let corner = if last { "└─ " } else { "├─ " };
        if self.drawn[id.index()] {
            let room = MAX_COLUMN.saturating_sub(indent.chars().count() + 8).max(16);
            lines.push((format!("{indent}{corner}{id} {}", cut(&node.shown, room)), "see above".into()));
            return;
        }
        if depth >= MAX_DEPTH {
            self.later.push(id);
            lines.push((format!("{indent}{corner}{id} {}", node.picture), "continued below".into()));
            return;
        }
        self.drawn[id.index()] = true;
        let mut about = format!("{:<14} {:<7} {:<9} {:>4} B", node.kind, node.role, node.memory, node.bytes);
        if node.readers > 1 {
            let _ = write!(about, "  shared by {}", node.readers);
        }
        if node.timer {
            let _ = write!(about, "  timer {}", super::timers::text(self.plan, id));
        }
        lines.push((format!("{indent}{corner}{id} {}", node.picture), about));
        let indent = format!("{indent}{}", if last { "   " } else { "│  " });
        let mut inputs = self.plan.node(id).op.inputs();
        inputs.retain(|input| !self.plan.node(*input).op.is_constant());
        inputs.dedup();
        for (i, input) in inputs.iter().enumerate() {
            self.draw(*input, &indent, i + 1 == inputs.len(), depth + 1, lines);
        }
    }
}

fn cut(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn write_lines(lines: &[TreeLine], out: &mut String) {
    let width = lines.iter().map(|(tree, _)| tree.chars().count()).max().unwrap_or(0).min(MAX_COLUMN);
    for (tree, about) in lines {
        let pad = width.saturating_sub(tree.chars().count());
        let _ = writeln!(out, "{tree}{:pad$}  {about}", "");
    }
}
