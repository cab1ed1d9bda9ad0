//! The plan as a picture: leaves to the left, outputs to the right, one column for each level.

use super::facts::PlanFacts;
use super::outputs::outputs;
use std::fmt::Write;
use timeline_core::Plan;
use timeline_core::plan::NodeId;

const BOX_WIDTH: usize = 260;
const BOX_HEIGHT: usize = 44;
const COLUMN: usize = BOX_WIDTH + 60;
const ROW: usize = BOX_HEIGHT + 18;
const MARGIN: usize = 20;
/// Characters that fit a box.
const MAX_LABEL: usize = 36;

/// A box of the picture.
struct PictureBox {
    level: usize,
    row: usize,
    lines: [String; 2],
    fill: &'static str,
    /// The shapes that it reads.
    inputs: Vec<usize>,
}

pub(super) fn text(plan: &Plan, facts: &PlanFacts) -> String {
    let mut shapes = shapes(plan, facts);
    place(&mut shapes);
    let width = shapes.iter().map(|s| s.level + 1).max().unwrap_or(1) * COLUMN + 2 * MARGIN - 60;
    let height = shapes.iter().map(|s| s.row + 1).max().unwrap_or(1) * ROW + 2 * MARGIN - 18;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for shape in &shapes {
        let (x, y) = corner(shape);
        for input in &shape.inputs {
            let (from_x, from_y) = corner(&shapes[*input]);
            let (from_x, from_y, y) = (from_x + BOX_WIDTH, from_y + BOX_HEIGHT / 2, y + BOX_HEIGHT / 2);
            let middle = (from_x + x) / 2;
            let _ = writeln!(
                out,
                "<path d=\"M{from_x} {from_y}C{middle} {from_y} {middle} {y} {x} {y}\" fill=\"none\" stroke=\"#888888\"/>"
            );
        }
    }
    for shape in &shapes {
        let (x, y) = corner(shape);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{}\" stroke=\"#555555\"/>",
            shape.fill
        );
        for (i, line) in shape.lines.iter().enumerate() {
            let (x, y) = (x + 8, y + 18 + 16 * i);
            let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\">{}</text>", escaped(line));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn shapes(plan: &Plan, facts: &PlanFacts) -> Vec<PictureBox> {
    let mut shapes: Vec<PictureBox> = vec![];
    let mut shape_of: Vec<Option<usize>> = vec![None; plan.nodes.len()];
    let inputs_of = |ids: &[NodeId], shape_of: &[Option<usize>]| -> Vec<usize> {
        ids.iter().filter_map(|id| shape_of[id.index()]).collect()
    };
    let level =
        |inputs: &[usize], shapes: &[PictureBox]| inputs.iter().map(|i| shapes[*i].level + 1).max().unwrap_or(0);
    for (id, node) in plan.iter().filter(|(_, node)| !node.op.is_constant()) {
        let about = facts.node(id);
        let inputs = inputs_of(&node.op.inputs(), &shape_of);
        let mut second = format!("{} {} {}", about.kind, about.role, about.memory);
        if about.timer {
            second.push_str(" timer");
        }
        if about.readers > 1 {
            let _ = write!(second, " x{}", about.readers);
        }
        shape_of[id.index()] = Some(shapes.len());
        let lines = [format!("{id} {}", about.picture), second];
        let fill = if about.role == "LEAF" { "#e3f0e3" } else { "#f6f6f6" };
        shapes.push(PictureBox { level: level(&inputs, &shapes), row: 0, lines, fill, inputs });
    }
    let last = shapes.iter().map(|s| s.level + 1).max().unwrap_or(0);
    for output in outputs(plan) {
        let inputs = inputs_of(&output.roots, &shape_of);
        let lines = [format!("{} {}", output.what, output.name), output.rest];
        shapes.push(PictureBox { level: last, row: 0, lines, fill: "#dce8f7", inputs });
    }
    shapes
}

/// Rows within each level, beside the mean of what each box reads.
fn place(shapes: &mut [PictureBox]) {
    let levels = shapes.iter().map(|s| s.level + 1).max().unwrap_or(0);
    let mut members: Vec<Vec<usize>> = vec![vec![]; levels];
    for (i, shape) in shapes.iter().enumerate() {
        members[shape.level].push(i);
    }
    for level in members {
        let mut wanted: Vec<(usize, usize)> = level
            .into_iter()
            .enumerate()
            .map(|(n, i)| {
                let inputs = &shapes[i].inputs;
                let sum: usize = inputs.iter().map(|j| shapes[*j].row).sum();
                (sum.checked_div(inputs.len()).unwrap_or(n), i)
            })
            .collect();
        wanted.sort();
        let mut next = 0;
        for (row, i) in wanted {
            shapes[i].row = row.max(next);
            next = shapes[i].row + 1;
        }
    }
}

fn corner(shape: &PictureBox) -> (usize, usize) {
    (MARGIN + shape.level * COLUMN, MARGIN + shape.row * ROW)
}

fn escaped(line: &str) -> String {
    let mut short: String = line.chars().take(MAX_LABEL).collect();
    if short.len() < line.len() {
        short.pop();
        short.push('…');
    }
    short
        .chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
