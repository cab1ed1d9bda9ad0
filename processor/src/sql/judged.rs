//! Expressions of a seed against what DuckDB says of them (`tests/sql/expressions.py` makes the file).

#![allow(clippy::unwrap_used)]

use super::tests::ask;
use crate::rows::format::{CellRef, cell};
use crate::rows::text;
use serde_json::Value as Json;
use std::sync::Arc;

const EXPRESSIONS: &str = include_str!("../../../tests/sql/expressions.jsonl");

/// What we say, in the words of the file.
fn answer(row: &str, sql: &str) -> Result<Json, String> {
    let question = format!("WITH r AS ({row}) SELECT {sql} AS v FROM r");
    let (batches, _) = ask(Arc::default(), &question).map_err(|error| error.to_string())?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).expect("one row");
    let number = |text: String| serde_json::json!({ "number": text });
    Ok(match cell(batch.column(0).as_ref(), 0) {
        CellRef::Null => Json::Null,
        CellRef::Bool(is) => is.into(),
        CellRef::Text(text) => text.into(),
        CellRef::Int(x) => number(x.to_string()),
        CellRef::Unsigned(x) => number(x.to_string()),
        CellRef::Float(x) => number(format!("{x:?}")),
        CellRef::Decimal(x, scale) => {
            let mut out = vec![];
            text::decimal(&mut out, x, scale);
            number(String::from_utf8(out).unwrap())
        }
        CellRef::Time(ns) => serde_json::json!({ "time": ns }),
        other => format!("{other:?}").into(),
    })
}

fn agree(ours: &Result<Json, String>, case: &Json) -> bool {
    let Ok(ours) = ours else {
        // Where DuckDB has no value for a quotient by zero, we have PostgreSQL's error.
        let message = ours.as_ref().unwrap_err();
        return case.get("error").is_some() || (case["answer"].is_null() && message.contains("ivide by zero"));
    };
    let Some(theirs) = case.get("answer") else { return false };
    if let Some(ns) = ours.get("time").and_then(Json::as_i64) {
        let time = theirs.as_str().and_then(|text| text.parse::<jiff::civil::DateTime>().ok());
        return time
            .is_some_and(|time| jiff::tz::Offset::UTC.to_timestamp(time).unwrap().as_nanosecond() == i128::from(ns));
    }
    let (Some(a), Some(b)) = (ours["number"].as_str(), theirs["number"].as_str()) else { return ours == theirs };
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return a == b;
    }
    let (a, b): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
}

#[test]
fn expressions_are_what_a_second_engine_says() {
    let lines: Vec<Json> = EXPRESSIONS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<&str> = lines.iter().filter_map(|line| line["row"].as_str()).collect();
    let mut wrong = vec![];
    let mut count = 0;
    for case in lines.iter().filter(|line| line.get("sql").is_some()) {
        let sql = case["sql"].as_str().unwrap();
        let ours = answer(rows[case["at"].as_u64().unwrap() as usize], sql);
        count += 1;
        if !agree(&ours, case) {
            wrong.push(format!("{} {sql}\n    ours {ours:?}\n    DuckDB {}", case["at"], case));
        }
    }
    assert!(count >= 900, "{count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}
