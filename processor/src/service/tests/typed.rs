//! Numbers and truth values beside rows: they are compared, ordered and added up as what they are, in memory and in files.

use super::slt::ask;
use super::*;
use std::time::Instant;

const PROGRAM: &str = "source s {
  key k
  time t in s
  end when over == true
  on: bool, over: bool, paid: float, tries: int, zone: string, grade: string
}
alert  dear  = latest(on) with paid = latest(paid), tries = latest(tries), zone = latest(zone)
alert  other = latest(on) with paid = latest(zone)
metric used  = duration_where(latest(on)) split by latest(tries) with paid = latest(paid), grade = latest(grade)
  | aggregate(group_by(tries), count)
metric plain = duration_where(latest(on)) with grade = latest(tries)";

/// What was paid, as texts are ordered and as numbers are: 1070 is before 209.76 and 666 among texts.
const PAID: [f64; 6] = [190.0, 209.76, 666.0, 1070.0, 1456.5, 2335.0];

/// Sessions of which all but the last are over and in files, once that is so.
fn service(dir: &Path) -> Arc<Service> {
    let log = MemoryPartitions::new(1);
    for (i, paid) in PAID.iter().enumerate() {
        let t = i * 10;
        let on = format!(r#"{{"k":"k{i}","t":{t},"on":true,"paid":{paid},"tries":{i},"zone":"z{i}","grade":"g"}}"#);
        log.write(0, &on);
        if i + 1 < PAID.len() {
            log.write(0, &format!(r#"{{"k":"k{i}","t":{},"over":true}}"#, t + 5));
        }
    }
    let service = start_keeping(KEEP, PROGRAM, dir, &log, Claims::All);
    let begun = Instant::now();
    let is_committed = |table: &str| {
        let snapshot = service.snapshot(&[table.into()], SYNC).expect("all is read");
        let table = &snapshot.tables[0];
        !table.past.is_empty() && table.live.iter().map(RecordBatch::num_rows).sum::<usize>() == 1
    };
    while !is_committed("dear") || !is_committed("used") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is committed");
        std::thread::sleep(Duration::from_millis(10));
    }
    service
}

#[test]
fn what_stands_beside_rows_is_compared_as_what_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    let check = |sql: &str, expected: &[&str]| {
        let rows = ask(&service, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows, expected, "{sql}");
    };
    check("SELECT session FROM dear WHERE paid > 1000 ORDER BY session", &["k3", "k4", "k5"]);
    check("SELECT session FROM dear WHERE paid BETWEEN 200 AND 1070 ORDER BY session", &["k1", "k2", "k3"]);
    check("SELECT session FROM dear WHERE paid = 190", &["k0"]);
    check("SELECT session FROM dear WHERE paid IN (209.76, 1456.5) ORDER BY session", &["k1", "k4"]);
    check("SELECT max(paid), min(paid), count(*) FROM dear", &["2335.0 190.0 6"]);
    check("SELECT session FROM dear ORDER BY paid DESC LIMIT 3", &["k5", "k4", "k3"]);
    check("SELECT tries + 1 FROM dear WHERE tries >= 4 ORDER BY tries", &["5", "6"]);
    check("SELECT zone FROM dear WHERE paid > 2000", &["z5"]);
    check("SELECT session FROM used WHERE tries > 3 AND paid < 2000", &["k4"]);
    check("SELECT sum(tries) FROM totals WHERE metric = 'used' AND tries >= 2", &["14"]);
    check("SELECT max(tries), max(paid) FROM finals WHERE metric = 'used'", &["5 2335.0"]);
    check("SELECT max(CAST(grade AS DOUBLE)) FROM plain", &["5.0"]);
    let then =
        "SELECT session FROM metric_at('used', TIMESTAMP '1970-01-01 00:00:50') WHERE paid > 1000 ORDER BY tries";
    check(then, &["k3", "k4", "k5"]);
    let kind = |table: &str, column: &str| {
        let rows = ask(&service, &format!("DESCRIBE {table}")).expect("columns");
        let own = rows.iter().find_map(|row| row.strip_prefix(&format!("{column} ")).map(str::to_owned));
        let own = own.unwrap_or_else(|| panic!("{table} has no column {column}: {rows:?}"));
        own.split(" YES").next().unwrap_or_default().to_owned()
    };
    assert_eq!(kind("dear", "paid"), "double precision");
    assert_eq!([kind("dear", "tries"), kind("dear", "zone")], ["bigint", "text"]);
    assert_eq!([kind("used", "tries"), kind("used", "paid")], ["bigint", "double precision"]);
    assert_eq!([kind("totals", "tries"), kind("finals", "tries")], ["bigint", "bigint"]);
    assert_eq!(kind("other", "paid"), "text", "another alert shows a text under the name");
    service.stop();
}

/// Instants of one second, whose shortest texts are in another order than they are, in files and in memory.
#[test]
fn instants_are_compared_as_instants() {
    const SEEN: &str = "source s { key k  time t in s  end when over == true  on: bool, over: bool }
metric seen = latest(time_of(on == true))";
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    for (key, t) in [("k0", "7"), ("k2", "7.25"), ("k1", "7.5")] {
        log.write(0, &format!(r#"{{"k":"{key}","t":{t},"on":true}}"#));
    }
    for key in ["k0", "k1", "k2"] {
        log.write(0, &format!(r#"{{"k":"{key}","t":9,"over":true}}"#));
    }
    log.write(0, r#"{"k":"k3","t":20,"on":true}"#);
    let service = start_keeping(KEEP, SEEN, dir.path(), &log, Claims::All);
    let begun = Instant::now();
    let is_committed = || {
        let snapshot = service.snapshot(&["seen".into()], SYNC).expect("all is read");
        !snapshot.tables[0].past.is_empty()
    };
    while !is_committed() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is committed");
        std::thread::sleep(Duration::from_millis(10));
    }
    let check = |sql: &str, expected: &[&str]| {
        let rows = ask(&service, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(rows, expected, "{sql}");
    };
    check("SELECT session FROM seen ORDER BY value", &["k0", "k2", "k1", "k3"]);
    check("SELECT max(value) FROM seen WHERE session <> 'k3'", &["1970-01-01T00:00:07.500Z"]);
    check("SELECT session FROM seen WHERE value > TIMESTAMP '1970-01-01 00:00:07' ORDER BY value", &["k2", "k1", "k3"]);
    check("SELECT session FROM seen WHERE value = '1970-01-01T00:00:07.50Z'", &["k1"]);
    check("SELECT session FROM seen WHERE value = '1970-01-01T00:00:07.25Z' AND session = 'k2'", &["k2"]);
    check("SELECT extract(epoch FROM max(value) - min(value)) FROM seen", &["13.0"]);
    check("SELECT session FROM finals WHERE metric = 'seen' ORDER BY value_text", &["k0", "k2", "k1", "k3"]);
    check("SELECT max(value_text) FROM finals WHERE session <> 'k3'", &["1970-01-01T00:00:07.500000000Z"]);
    check("SELECT count(*) FROM seen s JOIN finals f USING (session) WHERE s.value::text = f.value_text", &["4"]);
    check("SELECT session FROM metric_at('seen', TIMESTAMP '1970-01-01 00:00:08') ORDER BY value", &["k0", "k2", "k1"]);
    let columns = ask(&service, "DESCRIBE seen").expect("columns");
    assert!(columns.iter().any(|row| row.starts_with("value timestamp with time zone ")), "{columns:?}");
    service.stop();
}

#[test]
fn a_text_is_not_compared_with_a_number() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = service(dir.path());
    // Metrics differ in what `grade` is, so it is a text in the table over all.
    for sql in [
        "SELECT * FROM finals WHERE grade > 3",
        "SELECT * FROM finals WHERE 3 = grade",
        "SELECT * FROM finals WHERE grade BETWEEN 1 AND 3",
        "SELECT * FROM finals WHERE grade IN (1, 2)",
        "SELECT * FROM dear d JOIN used u ON d.zone = u.tries",
        "SELECT * FROM dear WHERE session IN (SELECT session FROM finals WHERE grade < 1.5)",
    ] {
        let error = ask(&service, sql).expect_err(sql);
        assert!(matches!(error, crate::engine::EngineError::Invalid { .. }), "{sql}: {error}");
        assert!(error.to_string().contains("is a text, and is compared with a number"), "{sql}: {error}");
    }
    for sql in ["SELECT count(*) FROM finals WHERE grade = '3'", "SELECT count(*) FROM finals WHERE grade >= 'g'"] {
        ask(&service, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    // A number and a text that is one are compared as numbers.
    assert_eq!(ask(&service, "SELECT session FROM dear WHERE paid = '190'").expect("a row"), ["k0"]);
    service.stop();
}
