//! An event wherever a condition turns: into truth, or out of it.

use crate::incremental::parts::{AFTER_ALL, Bool, Compiling, Instruction, Pass, PassEvents, Row, truth};
use crate::plan::NodeId;

/// The word is whether the condition held before.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    at: usize,
    falling: bool,
}

pub(super) fn compile(of: NodeId, falling: bool, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Turn(Step { on: to.n(of), of: to.bool(of), at: to.at(), falling })
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, _: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        let Step { on, of, at, falling } = self;
        if pass.is_dirty(*on) {
            let (held, holds) = (row.words[*at] == truth::TRUE, of.get(row.words) == truth::TRUE);
            row.words[*at] = u64::from(holds);
            if held == *falling && holds != *falling {
                out.push(AFTER_ALL);
            }
        }
    }
}
