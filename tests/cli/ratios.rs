//! The value of a ratio in SQL: a number under the names that the pages give, in rows of sessions that are over and alive.

use super::Sandbox;
use crate::cluster::Processor;
use serde_json::Value;

const PROGRAM: &str = "source s { key k  time t in s  end when stop  b: bool, on: bool, d: string, stop: bool }
metric share = duration_where(latest(b)) / duration_where(latest(on)) | aggregate(group_by(latest(d) as d), count, avg, min, max)
metric rate = sum(t2) / duration_where(latest(on)) | aggregate(avg)
metric length = duration_where(latest(b)) | aggregate(sum, avg)
";

/// `a` ends at 8 with 6 of 8 seconds, `x` goes on.
const EVENTS: &str = r#"{"k":"a","t":0,"on":true,"b":false,"d":"one","t2":3}
{"k":"a","t":2,"b":true}
{"k":"x","t":3,"on":true,"b":true,"d":"two","t2":1}
{"k":"a","t":8,"stop":true}
{"k":"x","t":9,"b":false}
{"k":"x","t":11}
"#;

#[test]
fn a_ratio_has_its_value_wherever_it_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM.replace("stop: bool }", "stop: bool, t2: float }"));
    sandbox.file("e.ndjson", EVENTS);
    let judged = |show: &str| {
        let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--show", show, "--format", "jsonl"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let number = |row: &Value, column: &str| row[column].as_f64().unwrap_or_else(|| panic!("{column} of {row}"));
    let (finals, totals) = (judged("final"), judged("totals"));
    assert_eq!(finals.len(), 6);
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    // The second time the rows of what is over come out of a file.
    for _ in 0..2 {
        let mut processor = Processor::start(sandbox.command(), &args);
        let ask = |sql: &str| processor.rows(&sandbox, sql, &["--sync"]).unwrap();
        for row in &finals {
            let (session, metric) = (row["session"].as_str().unwrap(), row["metric"].as_str().unwrap());
            let value = number(row, "value");
            assert!(value > 0.1, "the question below is to leave none out: {row}");
            let found = ask(&format!(
                "SELECT value FROM finals WHERE metric = '{metric}' AND session = '{session}' AND value > 0.1"
            ));
            assert_eq!(found.iter().map(|row| number(row, "value")).collect::<Vec<_>>(), [value], "{row}");
            let found = ask(&format!("SELECT value FROM {metric} WHERE session = '{session}' AND value > 0.1"));
            assert_eq!(found.iter().map(|row| number(row, "value")).collect::<Vec<_>>(), [value], "{row}");
        }
        for row in &totals {
            let (metric, d) = (row["metric"].as_str().unwrap(), row["d"].as_str());
            let of = d.map_or("d IS NULL".to_owned(), |d| format!("d = '{d}'"));
            let found = ask(&format!("SELECT * FROM totals WHERE metric = '{metric}' AND {of} AND avg > 0.1"));
            let [found] = &found[..] else { panic!("{row}: {found:?}") };
            for column in ["count", "avg", "min", "max", "sum"] {
                assert_eq!(found[column].as_f64(), row[column].as_f64(), "{column} of {row}: {found}");
            }
        }
        let types = ask("SELECT arrow_typeof(value) AS t, arrow_typeof(value_exact) AS e FROM finals LIMIT 1");
        assert_eq!((types[0]["t"].as_str(), types[0]["e"].as_str()), (Some("Float64"), Some("Decimal128(38, 9)")));
        processor.signal("TERM");
        assert_eq!(processor.ends(30).0, Some(0));
    }
}
