//! A few tables with gaps, absent cells and rows that touch, over the texts and truths of random logs.

use super::value;
use std::sync::Arc;
use timeline_core::plan::{LookupTable, TableColumn, TableRow, TableShape};
use timeline_core::{Time, Type, Value};

/// The types of the columns of every table.
const TYPES: [Type; 4] = [Type::Float, Type::String, Type::Bool, Type::Int];

/// A column of the table of that number, over keys of these types.
pub(crate) fn column(number: Time, key: &[Type]) -> TableColumn {
    let name = |kind: &str, types: &[Type]| (0..).map(|i: usize| format!("{kind}{i}")).zip(types.to_vec()).collect();
    let shape = TableShape { name: number.to_string(), key: name("k", key), columns: name("c", &TYPES) };
    let table = LookupTable::new(shape, rows(number, key)).expect("no two rows of a key speak of one instant");
    TableColumn { table: Arc::new(table), column: number.rem_euclid(TYPES.len() as Time) as u16 }
}

/// What a column says of a key at an instant: of the rows that have begun the last one says it, unless it has ended.
pub(crate) fn says(column: &TableColumn, key: &[Option<Value>], at: Time) -> Option<Value> {
    let shape = column.table.shape();
    let types: Vec<Type> = shape.key.iter().map(|(_, ty)| *ty).collect();
    let rows = rows(shape.name.parse().expect("it is called by its number"), &types);
    let is_key = |row: &TableRow| row.key.iter().zip(key).all(|(a, b)| Some(a) == b.as_ref());
    let begun = rows.into_iter().filter(|row| is_key(row) && row.from.is_none_or(|from| from <= at));
    let last = begun.max_by_key(|row| row.from)?;
    let holds = last.until.is_none_or(|until| at < until);
    holds.then(|| last.cells[usize::from(column.column)].clone()).flatten()
}

/// The rows of a table, in no order of theirs.
fn rows(number: Time, key: &[Type]) -> Vec<TableRow> {
    let mut seed = number.unsigned_abs() * 7919 + key.len() as u64;
    let mut chance = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut rows = vec![];
    for pick in 0..6u8 {
        // Of several keys some are left out.
        if chance(4) == 0 {
            continue;
        }
        let parts: Vec<Value> = (0..).zip(key).map(|(i, ty)| value(*ty, pick >> (i * 2))).collect();
        if rows.iter().any(|row: &TableRow| row.key == parts) {
            continue;
        }
        let mut from = if chance(3) == 0 { None } else { Some(chance(6) as Time - 2) };
        for n in 0..1 + chance(4) as u8 {
            let next = from.unwrap_or(-1) + 1 + chance(7) as Time;
            let until = (chance(3) == 0).then(|| next - chance(2).min((next - from.unwrap_or(-9) - 1) as u64) as Time);
            let cell = |ty: &Type| (chance(4) > 0).then(|| value(*ty, n + pick));
            rows.push(TableRow { key: parts.clone(), from, until, cells: TYPES.iter().map(cell).collect() });
            from = Some(next);
        }
    }
    let turned = rows.len() / 2;
    rows.rotate_left(turned);
    rows
}
