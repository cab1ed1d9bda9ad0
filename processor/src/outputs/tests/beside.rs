//! What stands beside an alert: both messages have the values of its beginning, whatever they are when they are published.

use super::*;

#[test]
fn what_is_beside_an_alert_is_of_its_beginning_in_both_messages() {
    let program = "source s { key k  time t in s  lateness 2s  b: bool  c: string  n: int }
alert on = latest(b) with c = latest(c), n = latest(n)";
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let outputs = to(OutputKind::Alerts, &board);
    let record = |key: &str, t: i64, rest: &str| log.write(0, &format!(r#"{{"k":"{key}","t":{t},{rest}}}"#));
    let service = start_with(program, dir.path(), &log, &outputs);
    record("a", 100, r#""b":true,"c":"x""#);
    // Not final at the beginning's own instant, and another value by the time that it is.
    record("a", 101, r#""c":"y","n":1"#);
    record("clock", 104, r#""b":false"#);
    eventually("the beginning", || board.messages().len() == 1);
    service.stop();
    let service = start_with(program, dir.path(), &log, &outputs);
    record("a", 110, r#""b":false,"c":"z","n":2"#);
    record("a", 115, r#""b":true"#);
    record("clock", 120, r#""b":false"#);
    eventually("its end, and another beginning", || board.messages().len() == 3);
    service.stop();
    let (rows, dropped) = heard(&board);
    let second = |row: &Json, name: &str| row[name].as_i64().map(|ns| ns / 1_000_000_000);
    let mut told: Vec<_> = rows
        .iter()
        .map(|row| (second(row, "start_ns"), second(row, "end_ns"), row["c"].as_str(), row.get("n").is_some()))
        .collect();
    told.sort_unstable();
    let known = [
        (Some(100), None, Some("x"), false),
        (Some(100), Some(110), Some("x"), false),
        (Some(115), None, Some("z"), true),
    ];
    assert_eq!((told.as_slice(), dropped), (known.as_slice(), 0));
}
