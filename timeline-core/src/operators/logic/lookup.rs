//! `tariff[latest(zone)].price`: what a table says of a key.

use crate::incremental::parts::{
    ABSENT, ApartPass, ChoiceSlot, Compiling, Dictionary, Instruction, Row, StateSlot, value_of, word_of,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TableColumn, TimelineKind, Timer,
};
use crate::{Type, Value};

pub(crate) mod meaning;

pub(crate) fn describe<'a>(column: &'a TableColumn, _of: &[NodeId]) -> OperatorDescription<'a> {
    let turns = column.table.turns();
    // A truth value has no word of its own.
    let own = (column.ty() != Type::Bool).then_some(KeptWord::Own);
    OperatorDescription {
        name: "lookup",
        form: Notation::Own,
        parameters: vec![Parameter::Table(column)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: if turns { Timer::Rows } else { Timer::Never },
        due: if turns { DeadlineSlot::Word(usize::from(own.is_some())) } else { DeadlineSlot::Never },
        memory: MemoryClass::Constant,
        words: own.into_iter().chain(turns.then_some(KeptWord::Due)).collect(),
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(column: &TableColumn, _of: &[NodeId], made: &Made<'_>) -> Option<TimelineKind> {
    let state = |kind: &TimelineKind| match kind {
        TimelineKind::State(ty) => Some(*ty),
        TimelineKind::Event(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_) => None,
    };
    let types: Vec<Type> = made.inputs.iter().map(state).collect::<Option<_>>()?;
    column.takes(&types).then(|| TimelineKind::State(column.ty()))
}

pub(crate) fn compile(column: &TableColumn, of: &[NodeId], to: &mut Compiling<'_>) -> Instruction {
    let own = usize::from(column.ty() != Type::Bool);
    let of = of.iter().map(|of| (to.n(*of), to.state(*of), to.payload(*of))).collect();
    let due = column.table.turns().then_some(to.at() + own);
    Instruction::Lookup(Step { column: column.clone(), of, out: to.out().expect("a table makes a state"), due })
}

/// Words: what is said, unless that is a truth value, and when it may next be something else.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    column: TableColumn,
    of: Vec<(u16, StateSlot, Type)>,
    out: ChoiceSlot,
    due: Option<usize>,
}

impl Step {
    /// Notes anew when what is said of the key may next be something else: the rows of the future are others.
    pub(crate) fn look_again(&self, row: &mut Row<'_>, dictionary: &Dictionary) {
        if let Some(due) = self.due {
            let (_, next) = self.column.look(&self.key(row, dictionary), row.now());
            row.words[due] = next as u64;
        }
    }

    fn key(&self, row: &Row<'_>, dictionary: &Dictionary) -> Vec<Option<Value>> {
        self.of.iter().map(|(_, of, ty)| value_of(of.get(row.words), *ty, dictionary)).collect()
    }

    pub(crate) fn run(&self, pass: &mut ApartPass<'_>, row: &mut Row<'_>) -> bool {
        let Step { column, of, out, due } = self;
        let is_due = due.is_some_and(|due| row.words[due] as crate::Time <= pass.now);
        if !pass.fresh && !is_due && !of.iter().any(|(on, _, _)| pass.is_dirty(*on)) {
            return false;
        }
        let (value, next) = column.look(&self.key(row, pass.dictionary), pass.now);
        if let Some(due) = due {
            row.words[*due] = next as u64;
        }
        let word = value.map_or(ABSENT, |value| word_of(&value, pass.dictionary));
        out.put(row, word) || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::{LookupTable, Op, TableColumn, TableRow, TableShape};
    use crate::{Time, Type, Value};
    use std::sync::Arc;

    /// Two zones: `a` says 1 from 2 on and 2 from 4 on, `b` something up to 3 and nothing from then on.
    fn tariff(column: u16) -> TableColumn {
        let shape = TableShape {
            name: "tariff".into(),
            key: vec![("zone".into(), Type::String)],
            columns: ["n", "b", "s"].map(Into::into).into_iter().zip([Type::Int, Type::Bool, Type::String]).collect(),
        };
        let row = |zone: &str, (from, until): (Option<Time>, Option<Time>), n: i64| TableRow {
            key: vec![Value::text(zone)],
            from,
            until,
            cells: vec![
                Some(Value::Int(n)),
                (n != 3).then_some(Value::Bool(n == 1)),
                Some(Value::text(&n.to_string())),
            ],
        };
        let rows = [row("a", (Some(2), None), 1), row("a", (Some(4), None), 2), row("b", (None, Some(3)), 3)];
        TableColumn { table: Arc::new(LookupTable::new(shape, rows).expect("they do not overlap")), column }
    }

    #[test]
    fn a_row_speaks_from_its_beginning_to_its_end() {
        check(|p| Op::Lookup { column: tariff(0), of: vec![p.state('s')] }, "0: s=a", "- - 1 1 2 2");
        check(|p| Op::Lookup { column: tariff(0), of: vec![p.state('s')] }, "0: s=b; 4: s=a; 5: s=", "3 3 3 - 2 -");
        check(|p| Op::Lookup { column: tariff(2), of: vec![p.state('s')] }, "0: s=b; 2: s=a; 5: s=c", "3 3 1 1 2 -");
    }

    #[test]
    fn a_condition_is_absent_where_its_cell_is() {
        let log = "0: s=b; 1: s=a";
        check(|p| Op::Lookup { column: tariff(1), of: vec![p.state('s')] }, log, "- - true true false");
    }
}
