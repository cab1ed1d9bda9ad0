//! Questions in SQL to an engine of known tables.

#![allow(clippy::unwrap_used)]

use super::{Answerer, SqlQuestion};
use crate::engine::fake::{Fake, finals};
use crate::engine::{Engine, EngineError, PositionOf, TableScan, TimeBounds};
use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use parquet::arrow::ArrowWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn ask(engine: Arc<Fake>, sql: &str) -> Result<(Vec<RecordBatch>, Vec<PositionOf>), EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sync = Some(Duration::from_secs(9));
        let answer = Answerer::Here
            .ask(SqlQuestion { sql: sql.to_owned(), engine, sync, parameters: vec![], held: None })
            .await?;
        let positions = answer.basis.positions.clone();
        Ok((answer.collect(1000).await?, positions))
    })
}

/// The rows, cells parted by a bar.
#[track_caller]
fn rows(engine: &Arc<Fake>, sql: &str) -> Vec<String> {
    let (batches, _) = ask(engine.clone(), sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
    lines.map(|line| line[1..line.len() - 1].split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect()
}

#[track_caller]
fn check(sql: &str, expect: &[&str]) {
    assert_eq!(rows(&Arc::default(), sql), expect, "{sql}");
}

#[track_caller]
fn refused(sql: &str) -> EngineError {
    match ask(Arc::default(), sql) {
        Ok(rows) => panic!("{sql} was answered: {rows:?}"),
        Err(e) => e,
    }
}

#[track_caller]
fn check_refused(sql: &str, expect: &str) {
    let error = refused(sql);
    assert!(error.to_string().contains(expect), "{sql}: {error}");
    assert!(!error.to_string().contains("DataFusion") && !error.to_string().contains("backtrace"), "{error}");
}

fn parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_text_is_taken_for_no_list() {
    for sql in ["SELECT unnest('{a,b}'::text[])", "SELECT array_length(CAST('{a,b}' AS text[]), 1)"] {
        check_refused(sql, "a text is no list here");
    }
    check("SELECT session FROM finals WHERE session = ANY('{s2,x}'::text[])", &["s2"]);
    check("SELECT array_length(make_array('a', 'b')::text[], 1)", &["2"]);
}

#[test]
fn columns_need_no_quotes() {
    check("SELECT cdn, sum FROM totals WHERE metric = 'cirr'", &["C1|12.0", "C2|5.0"]);
    check(
        "SELECT metric, max(count), min(sum) FROM totals GROUP BY metric ORDER BY metric",
        &["cirr|1|5.0", "score|7|0.5"],
    );
    check("SELECT session, start, end FROM finals WHERE closed", &["s1|2023-11-14T22:13:20Z|2023-11-14T22:14:20Z"]);
    check("SELECT end - start AS took FROM finals WHERE end > '2023-11-14T22:14:20Z' ORDER BY end, start", &["PT60S"]);
    check("SELECT CASE WHEN end > start THEN 1 ELSE 2 END AS x FROM finals f WHERE f.end IS NOT NULL", &["1", "1"]);
    let case = "SELECT CASE WHEN start < end THEN end ELSE t.end END AS until, (CASE closed WHEN true THEN 1 END) end \
                FROM finals t WHERE end IS NOT NULL ORDER BY 1 LIMIT 1";
    check(case, &["2023-11-14T22:14:20Z|1"]);
    check("SELECT * EXCLUDE (metric, count, sum_exact, avg, avg_exact) FROM totals LIMIT 1", &["C1|12.0"]);
    check("SELECT deviceType, COUNT(*) FROM finals GROUP BY deviceType", &["tv|2"]);
    check("SELECT TOTALS.count FROM TOTALS LIMIT 1", &["1"]);
    check("SELECT session FROM timeline.public.finals WHERE start_ns = 1", &["s2"]);
}

#[test]
fn decimals_are_exact() {
    check("SELECT sum(value_exact), sum(value) FROM finals", &["17.000000000|17.0"]);
    check("SELECT avg(value_exact), avg(value) FROM finals", &["8.5000000000000|8.5"]);
    check("SELECT session FROM finals WHERE value > 5", &["s1"]);
    check("SELECT session FROM finals WHERE value_exact >= 5.000000001", &["s1"]);
    check("SELECT session FROM finals WHERE value = 5.0", &["s2"]);
    check(
        "SELECT value_exact * 2, value_exact / 2, value_exact + 0.5 FROM finals WHERE session = 's2'",
        &["10.000000000|2.5|5.500000000"],
    );
    check("SELECT sum(sum) / sum(count) FROM totals WHERE metric = 'cirr'", &["8.5"]);
    check("SELECT sum * 1.5, sum > 0.25 FROM totals WHERE metric = 'score'", &["0.75|true"]);
}

#[test]
fn history_and_live_rows_are_one_table() {
    let dir = tempfile::tempdir().unwrap();
    // Characters that mean something in patterns and URLs mean nothing here.
    let path = dir.path().join("past [a-b]*?#%41é.parquet");
    parquet(&path, &finals(&[("past1", 100, true), ("past2", 200, true)]));
    // A file from before the metric had a dimension.
    let older = finals(&[("older", 1000, true)]);
    let columns: Vec<usize> =
        (0..older.num_columns()).filter(|i| older.schema().field(*i).name() != "deviceType").collect();
    let older_path = dir.path().join("older");
    parquet(&older_path, &older.project(&columns).unwrap());
    let engine = Arc::new(Fake { files: vec![path, older_path], ..Fake::default() });
    let sums = rows(&engine, "SELECT sum(value), count(*), count(deviceType), min(start) FROM finals");
    assert_eq!(sums, ["1317.0|5|4|2023-11-14T22:13:20Z"]);
    assert_eq!(rows(&engine, "SELECT session, value FROM finals WHERE value = 200"), ["past2|200.0"]);
    let joined = "SELECT f.session, t.cdn FROM finals f JOIN totals t ON t.avg = f.value ORDER BY f.session";
    assert_eq!(rows(&engine, joined), ["s1|C1", "s2|C2"]);
    let exact = rows(&engine, "SELECT sum(value_exact) FROM finals");
    assert_eq!(exact, ["1317.000000000"]);
    std::fs::remove_file(&engine.files[0]).unwrap();
    let gone = ask(engine.clone(), "SELECT * FROM finals").unwrap_err();
    assert_eq!(gone.code(), "unavailable", "{gone}");
}

/// Files are put together and deleted while a question is at them.
#[cfg(target_os = "linux")]
#[test]
fn a_long_question_reads_files_that_are_deleted_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [0, 1].map(|n| dir.path().join(format!("{n}.parquet")));
    // A batch of the library's is less than a group, and only a few of them wait.
    let group = 10_000;
    let groups =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let batch = finals(&vec![("past", 1, true); group]);
    for path in &paths {
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(groups.clone())).unwrap();
        (0..10).for_each(|_| writer.write(&batch).unwrap());
        writer.close().unwrap();
    }
    let engine = Arc::new(Fake { files: paths.to_vec(), ..Fake::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sql = "SELECT * FROM finals WHERE session = 'past'".to_owned();
    let counted = runtime.block_on(async {
        let asking = SqlQuestion { sql, engine, sync: Some(Duration::from_secs(9)), parameters: vec![], held: None };
        let answer = Answerer::Here.ask(asking).await.unwrap();
        paths.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        answer.collect(1_000_000).await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>()
    });
    assert_eq!(counted, 20 * group);
}

#[test]
fn arithmetic_loses_nothing() {
    check("SELECT count(*) / 1e3, 1 / 1e9, 1/1E2 FROM finals", &["0.002|1e-9|0.01"]);
    check("SELECT cast(start_ns AS bigint) / 1e9 FROM finals WHERE session = 's2'", &["1e-9"]);
    check("SELECT 1 / 1000000.0, 2.0 / 3, 7 / 2", &["1e-6|0.6666666666666666|3"]);
    let length = "end - start + interval '0.268 seconds'";
    let parts = format!(
        "SELECT extract(epoch FROM {length}), date_part('epoch', {length}), \
        extract(second FROM {length}), extract(minute FROM {length}), extract(millisecond FROM {length}) \
        FROM finals LIMIT 1"
    );
    check(&parts, &["60.268|60.268|0|1|268"]);
    let day = "(timestamp '2024-03-02T05:04:03.5' - timestamp '2024-03-01T00:00:00')";
    let parts = format!("SELECT extract(day FROM {day}), extract(hour FROM {day}), extract(epoch FROM {day})");
    check(&parts, &["1|5|104643.5"]);
    check("SELECT avg(extract(epoch FROM end - start)) FROM finals", &["60.0"]);
    check("SELECT count * 2 + 1 - 4 FROM totals WHERE metric = 'score'", &["11"]);
    check_refused("SELECT 9223372036854775807 + count FROM totals", "beyond 64 bits");
    check_refused("SELECT count * 9223372036854775807 FROM totals", "beyond 64 bits");
}

#[test]
fn files_of_an_older_layout_and_views_of_one_metric_are_read_alike() {
    let dir = tempfile::tempdir().unwrap();
    let now = finals(&[("new", 7, true)]);
    let (old_path, new_path) = (dir.path().join("old"), dir.path().join("new"));
    parquet(&new_path, &now);
    // The same row with the names of before, one column of each type.
    let renamed = |name: &str| match name {
        "value" => "value_f64".to_owned(),
        "value_exact" => "value".to_owned(),
        name => name.to_owned(),
    };
    let fields =
        now.schema().fields().iter().map(|f| f.as_ref().clone().with_name(renamed(f.name()))).collect::<Vec<_>>();
    let empty = |i: usize| arrow::array::new_null_array(now.column(i).data_type(), 1);
    let columns =
        (0..now.num_columns()).map(|i| if fields[i].name() == "value_f64" { empty(i) } else { now.column(i).clone() });
    let old = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields.clone())), columns.collect()).unwrap();
    parquet(&old_path, &old);
    let mut engine = Fake { files: vec![new_path], old_files: vec![old_path], ..Fake::default() };
    let sums = "SELECT count(*), count(value), sum(value), sum(value_exact) FROM finals WHERE session IN ('new', 's1')";
    let shared = Arc::new(engine);
    assert_eq!(rows(&shared, sums), ["3|3|26.0|26.000000000"]);
    engine = Arc::try_unwrap(shared).unwrap();
    engine.view = Some("cirr_plain".into());
    let shared = Arc::new(engine);
    assert_eq!(
        rows(&shared, "SELECT session, value FROM finals WHERE value > 6 ORDER BY session"),
        ["new|7.000000000", "new|7.000000000"]
    );
    let mut engine = Arc::try_unwrap(shared).unwrap();
    engine.view = Some("another".into());
    assert_eq!(rows(&Arc::new(engine), "SELECT count(*) FROM finals"), ["0"]);
}

#[test]
fn only_what_is_read_is_asked_for_and_once() {
    let asked = |sql: &str| {
        let engine: Arc<Fake> = Arc::default();
        let (_, positions) = ask(engine.clone(), sql).unwrap();
        let asked = engine.asked.lock().unwrap().clone();
        (asked.into_iter().map(|(tables, sync)| (tables, sync.unwrap().as_secs())).collect::<Vec<_>>(), positions.len())
    };
    let both = vec![(vec!["finals".to_owned(), "totals".to_owned()], 9)];
    let sql =
        "WITH x AS (SELECT * FROM totals) SELECT * FROM x, finals f, TOTALS t WHERE f.value IN (SELECT sum FROM x)";
    assert_eq!(asked(sql), (both, 1));
    assert_eq!(asked("SELECT 1"), (vec![], 0));
    assert_eq!(asked("SHOW TABLES"), (vec![], 0));
    assert_eq!(asked("DESCRIBE totals"), (vec![], 0));
    assert_eq!(asked("SELECT * FROM information_schema.columns"), (vec![], 0));
}

#[test]
fn what_a_question_bounds_is_what_is_asked_for() {
    let set = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let scan = |sql: &str| {
        let engine: Arc<Fake> = Arc::default();
        ask(engine.clone(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let scans = engine.scans.lock().unwrap().clone();
        assert_eq!(scans.len(), 1, "{sql}");
        scans[0].clone()
    };
    let finals = TableScan::whole("finals");
    for (condition, sessions, outputs) in [
        ("session = 's1'", set(&["s1"]), None),
        ("'s1' = session AND value > 2", set(&["s1"]), None),
        ("session IN ('a', 'b', 'c', 'd') AND metric = 'm'", set(&["a", "b", "c", "d"]), set(&["m"])),
        ("(session = 'a' OR session = 'b') AND session <> 'c'", set(&["a", "b"]), None),
        ("session = 'a' OR metric = 'm'", None, None),
        ("session LIKE 's%'", None, None),
        ("session NOT IN ('a')", None, None),
        ("upper(session) = 'S1'", None, None),
        ("deviceType = 'tv'", None, None),
    ] {
        let asked = scan(&format!("SELECT * FROM finals WHERE {condition}"));
        assert_eq!(asked, TableScan { sessions, outputs, ..finals.clone() }, "{condition}");
    }
    let alerts = scan("SELECT * FROM ALERTS WHERE alert = 'stuck'");
    assert_eq!(alerts, TableScan { outputs: set(&["stuck"]), ..TableScan::whole("alerts") });
    assert_eq!(scan("SELECT count(*) FROM finals"), finals);
}

#[test]
fn what_a_question_says_of_times_is_what_is_asked_for() {
    let scan = |condition: &str| {
        let engine: Arc<Fake> = Arc::default();
        let sql = format!("SELECT * FROM finals WHERE {condition}");
        ask(engine.clone(), &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let scans = engine.scans.lock().unwrap().clone();
        let TimeBounds { from, to } = scans[0].start;
        // Seconds after the first instant that is spoken of.
        let after = |ns: i64| (ns - 1_700_000_000_000_000_000) / 1_000_000_000;
        ((from.map(after), to.map(after)), scans[0].end)
    };
    let [a, b] = ["TIMESTAMP '2023-11-14 22:13:20Z'", "TIMESTAMP '2023-11-14 22:13:30Z'"];
    let any = TimeBounds::default();
    for (condition, start) in [
        (format!("start >= {a} AND start < {b}"), (Some(0), Some(10))),
        (format!("{a} < start"), (Some(0), None)),
        (format!("start BETWEEN {a} AND {b}"), (Some(0), Some(10))),
        (format!("start = {b}"), (Some(10), Some(10))),
        (format!("start < {a} OR start < {b}"), (None, Some(10))),
        (format!("start < {a} OR session = 's1'"), (None, None)),
        (format!("start <> {a}"), (None, None)),
        (format!("NOT (start < {b})"), (Some(10), None)),
    ] {
        assert_eq!(scan(&condition), (start, any), "{condition}");
    }
    let (start, end) = scan(&format!("\"end\" > {a} AND value > 1"));
    assert_eq!((start, end.from, end.to), ((None, None), Some(1_700_000_000_000_000_000), None));
}

#[test]
fn tables_describe_themselves() {
    check("SHOW TABLES", &["finals", "totals", "alerts"]);
    let described = rows(&Arc::default(), "DESCRIBE finals");
    assert!(
        described.iter().any(|row| row.starts_with("value_exact|numeric(38,9)|YES|The same with every digit")),
        "{described:?}"
    );
    let sql = "SELECT column_name FROM information_schema.columns WHERE table_name = 'alerts'";
    check(sql, &["session", "alert"]);
    assert_eq!(rows(&Arc::default(), "SHOW COLUMNS FROM alerts").len(), 2);
    assert!(rows(&Arc::default(), "EXPLAIN SELECT * FROM totals").join("\n").contains("totals"));
    assert!(!rows(&Arc::default(), "EXPLAIN ANALYZE SELECT * FROM totals").is_empty());
    check("SELECT value FROM range(0, 2)", &["0", "1"]);
}

#[test]
fn nothing_but_questions_is_answered() {
    for sql in [
        "CREATE TABLE x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp/x'",
        "DROP TABLE totals",
        "INSERT INTO totals SELECT * FROM totals",
        "DELETE FROM totals",
        "UPDATE totals SET count = 1",
        "COPY totals TO '/tmp/x.parquet'",
        "EXPLAIN COPY totals TO '/tmp/x.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SHOW ALL",
        "TRUNCATE totals",
        "BEGIN",
        "PREPARE p AS SELECT 1",
    ] {
        let engine: Arc<Fake> = Arc::default();
        let error = ask(engine.clone(), sql).err().unwrap_or_else(|| panic!("{sql} was done"));
        assert_eq!(error.code(), "invalid", "{sql}: {error}");
        assert!(error.to_string().contains("can only be read"), "{sql}: {error}");
        assert!(engine.asked.lock().unwrap().is_empty(), "{sql}");
    }
    refused("SELECT * INTO x FROM totals");
    refused("WITH x AS (INSERT INTO totals SELECT * FROM totals) SELECT * FROM x");
    refused("SELECT * FROM '/etc/passwd'");
    refused("SELECT * FROM totals; SELECT 1");
    refused("");
}

#[test]
fn mistakes_are_told_with_help() {
    check_refused("SELECT * FROM total", "there is no table `total`; did you mean `totals`?");
    check_refused("SELECT * FROM nothing_like_it", "SHOW TABLES lists");
    check_refused("SELECT * FROM other.totals", "there is no table `other.totals`");
    assert_eq!(refused("SELECT * FROM total").code(), "not_found");
    check_refused("SELECT Sum FROM totals", "there is no column `Sum`; did you mean `sum`?");
    check_refused("SELECT t.summ FROM totals t", "there is no column `t.summ`; did you mean `sum`?");
    check_refused("SELECT sum FROM finals", "there is no column `sum`; a row here is a session's value");
    check_refused("SELECT p95 FROM finals f", "SELECT p95 FROM totals");
    check_refused("SELECT xyz FROM alerts", "there is no column `xyz`; there are `session`, `alert`");
    check_refused("SELEC 1", "SQL: Expected");
    check_refused("SELECT frob(1)", "frob");
    check_refused("SELECT 1 / (count - count) FROM totals", "ivide by zero");
    check_refused("SELECT cast(cdn AS int) FROM totals", "C1");
    for sql in ["SELEC 1", "SELECT 1 / 0", "SELECT cdn + 1 FROM totals", "SELECT a FROM (SELECT 1)"] {
        assert_eq!(refused(sql).code(), "invalid", "{sql}");
    }
}

#[test]
fn functions_of_time_are_those_that_people_expect() {
    check("SELECT date_trunc('hour', start) FROM finals LIMIT 1", &["2023-11-14T22:00:00Z"]);
    check("SELECT date_bin(INTERVAL '15 minutes', start) FROM finals LIMIT 1", &["2023-11-14T22:00:00Z"]);
    let zoned = "SELECT extract(hour FROM start AT TIME ZONE 'Asia/Tokyo') FROM finals LIMIT 1";
    check(zoned, &["7"]);
    check("SELECT start + INTERVAL '1 day 2 hours' FROM finals LIMIT 1", &["2023-11-16T00:13:20Z"]);
    check(
        "SELECT approx_percentile(value, 0.5), approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM finals",
        &["8.5|8.5"],
    );
    let minute = "TIMESTAMP '2023-11-14T22:13:30Z', TIMESTAMP '2023-11-14T22:14:00Z'";
    check(&format!("SELECT overlap(start, end, {minute}) FROM finals LIMIT 1"), &["PT30S"]);
    check(&format!("SELECT extract(epoch FROM overlap(start, NULL, {minute})) FROM finals LIMIT 1"), &["30.0"]);
    check(&format!("SELECT overlap(end, NULL, {minute}), overlap(NULL, end, {minute}) FROM finals LIMIT 1"), &["P0D|"]);
    let clipped = "SELECT clip_start(start, '2023-11-14T22:13:30Z'), clip_end(end, '2023-11-14T22:14:00Z'), \
                   clip_end(NULL, '2023-11-14T22:14:00Z') FROM finals LIMIT 1";
    check(clipped, &["2023-11-14T22:13:30Z|2023-11-14T22:14:00Z|2023-11-14T22:14:00Z"]);
    check_refused("SELECT overlap(1, 2, 3, 4)", "this takes instants of time");
}

#[test]
fn tools_learn_what_the_tables_are() {
    let oid = "SELECT oid FROM pg_class WHERE relname = 'finals'";
    let columns = "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum) \
                   FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.finals'::regclass AND a.attnum IN (1, 5)";
    let named = [
        "session|text|The key of the session.",
        "value_exact|numeric(38,9)|The same with every digit, where it is a duration or a whole number.",
    ];
    check(columns, &named);
    // The number of a table is the same in every question.
    assert_eq!(rows(&Arc::default(), oid), rows(&Arc::default(), "SELECT CAST('finals' AS regclass)"));
    check(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(finals)$' COLLATE pg_catalog.default",
        &["public"],
    );
    check(
        "SELECT c.relname, (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = c.oid) FROM pg_class c WHERE c.relname = 'alerts'",
        &["alerts|"],
    );
    check(
        "SELECT conname, nothing_known(x) FROM pg_catalog.pg_constraint r JOIN pg_class c ON c.oid = r.conrelid",
        &[],
    );
    check("SELECT count(*) FROM pg_index", &["0"]);
    check(
        "SELECT relname FROM pg_class WHERE relkind = ANY (ARRAY['r', 'p']) AND relname = ANY('{totals,x}')",
        &["totals"],
    );
    check(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
        &["alerts", "finals", "totals"],
    );
    check(
        "SELECT data_type FROM information_schema.columns WHERE table_name = 'finals' AND column_name = 'start'",
        &["timestamp with time zone"],
    );
    check("SELECT has_table_privilege('finals', 'SELECT'), has_table_privilege('finals', 'INSERT')", &["true|false"]);
    check(
        "SELECT current_database(), current_schema, current_user, current_schemas(false)",
        &["timeline|public|timeline|[pg_catalog, public]"],
    );
    check(
        "SELECT obj_description('sessions'::regclass::oid, 'pg_class'), quote_ident('a B'), format('%I.%s', 'x', 1)",
        &["|\"a B\"|x.1"],
    );
    let described = rows(&Arc::default(), "DESCRIBE alerts");
    assert_eq!(described, ["session|text|YES|The key of the session.", "alert|text|YES|The name of the alert."]);
}

/// The names of an answer's columns, and its first row.
#[track_caller]
fn named(sql: &str) -> (Vec<String>, String) {
    let (batches, _) = ask(Arc::default(), sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let names = batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    (names, rows(&Arc::default(), sql).remove(0))
}

#[test]
fn a_column_may_be_asked_for_twice() {
    for (sql, names, row) in [
        ("SELECT count(*), count(*) FROM finals", "count(*) count(*)", "2|2"),
        ("SELECT COUNT(*), count(*), count(1) FROM finals", "count(*) count(*) count(Int64(1))", "2|2|2"),
        ("SELECT 1, 1, 1", "Int64(1) Int64(1) Int64(1)", "1|1|1"),
        ("SELECT session, session FROM finals ORDER BY session DESC", "session session", "s2|s2"),
        ("SELECT DISTINCT session, session FROM finals ORDER BY session LIMIT 1", "session session", "s1|s1"),
        ("SELECT finals.session, value, session FROM finals ORDER BY 3", "session value session", "s1|12.0|s1"),
        ("SELECT value, session AS value FROM finals ORDER BY value", "value value", "5.0|s2"),
        ("SELECT max(value) AS m, min(value) AS m FROM finals ORDER BY m", "m m", "12.0|5.0"),
        (
            "SELECT session, * EXCLUDE (metric, start, start_ns, end, deviceType, value_exact, closed) FROM finals ORDER BY value",
            "session session value",
            "s2|s2|5.0",
        ),
        (
            "SELECT * EXCLUDE (metric, start, start_ns, end, deviceType, value_exact, closed), session FROM finals ORDER BY value",
            "session value session",
            "s2|5.0|s2",
        ),
        (
            "SELECT session, session, count(*) FROM finals GROUP BY 1, 2 HAVING count(*) > 0 ORDER BY 2",
            "session session count(*)",
            "s1|s1|1",
        ),
        ("SELECT 1 AS a, 2 AS a UNION ALL SELECT 3, 3 ORDER BY a", "a a", "1|2"),
        ("SELECT row_number() OVER (ORDER BY value) AS n, value AS n FROM finals ORDER BY 1 LIMIT 1", "n n", "1|5.0"),
        (
            "SELECT start, CAST(start AS DATE) FROM finals WHERE session = 's1'",
            "start finals.start",
            "2023-11-14T22:13:20Z|2023-11-14",
        ),
    ] {
        let (found, first) = named(sql);
        assert_eq!((found.join(" ").as_str(), first.as_str()), (names, row), "{sql}");
    }
    // Joins gave two columns of one name before.
    assert_eq!(
        named("SELECT a.session, b.session FROM finals a JOIN finals b USING (value) ORDER BY 1").0,
        ["session"; 2]
    );
    for sql in
        ["SELECT * FROM (SELECT 1, 1) t", "WITH t AS (SELECT session, session FROM finals) SELECT count(*) FROM t"]
    {
        check_refused(sql, "columns 1 and 2 of a SELECT list have one name; give one of them another with AS");
    }
    check_refused("SELECT *, * FROM finals", "of a SELECT list have one name");
    check_refused("SELECT (SELECT 1 FROM (SELECT 2, 2) t), 3, 4", "columns 1 and 2 of a SELECT list have one name");
}

#[test]
fn instants_are_texts_of_one_length() {
    check(
        "SELECT max(start::text), min(CAST(start AS VARCHAR)) FROM finals",
        &["2023-11-14T22:13:20.000000001Z|2023-11-14T22:13:20.000000000Z"],
    );
    check("SELECT start || '' FROM finals ORDER BY 1 DESC LIMIT 1", &["2023-11-14T22:13:20.000000001Z"]);
    check("SELECT concat(session, ' ', start) FROM finals WHERE closed", &["s1 2023-11-14T22:13:20.000000000Z"]);
    check(
        "SELECT (start AT TIME ZONE 'Europe/Berlin')::text, CAST(TIMESTAMP '2024-01-01 00:00:00.5' AS VARCHAR), \
         TRY_CAST(to_timestamp_millis(1500) AS VARCHAR) FROM finals WHERE closed",
        &["2023-11-14T23:13:20.000000000+01:00|2024-01-01T00:00:00.500000000|1970-01-01T00:00:01.500000000"],
    );
    check("SELECT count(*) FROM finals WHERE start::text = '2023-11-14T22:13:20.000000001Z'", &["1"]);
    check(
        "SELECT start::text FROM finals GROUP BY start::text ORDER BY start::text LIMIT 1",
        &["2023-11-14T22:13:20.000000000Z"],
    );
    check("SELECT CAST(CAST(start AS DATE) AS VARCHAR) FROM finals WHERE closed", &["2023-11-14"]);
    assert_eq!(named("SELECT start::text FROM finals ORDER BY start").0, ["finals.start"], "its name is as before");
}

#[test]
fn two_aggregates_that_a_cast_tells_apart_are_refused_in_words() {
    let sql = "SELECT sum(value_exact), sum(CAST(value_exact AS DOUBLE)) FROM finals";
    check_refused(sql, "two expressions are both called `sum(finals.value_exact)`");
}

#[test]
fn sums_of_whole_numbers_do_not_begin_again() {
    let of = |rows: &str| format!("FROM (VALUES {rows}) t(k, x)");
    let most = of("('a', 9223372036854775807), ('a', 1), ('b', 3)");
    for select in ["sum(x)", "sum(x) OVER ()", "sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"] {
        check_refused(&format!("SELECT {select} {most}"), "beyond 64 bits");
    }
    check_refused(&format!("SELECT k, sum(x) {most} GROUP BY k"), "beyond 64 bits");
    check(&format!("SELECT sum(CAST(x AS DECIMAL(38, 0))) {most}"), &["9223372036854775811"]);
    let back = of("('a', 9223372036854775807), ('a', 1), ('a', -2)");
    check(&format!("SELECT sum(x) {back}"), &["9223372036854775806"]);
    check(&format!("SELECT sum(x) {back} GROUP BY k"), &["9223372036854775806"]);
    let digits = "99999999999999999999999999999.123456789::DECIMAL(38, 9)";
    let decimals = of(&format!("('a', {digits}), ('a', {digits}), ('b', 1)"));
    for select in ["sum(x)", "sum(x) OVER (ORDER BY x)", "k, sum(x)"] {
        let group = if select.starts_with('k') { "GROUP BY k" } else { "" };
        check_refused(&format!("SELECT {select} {decimals} {group}"), "more than 38 digits");
    }
    check(&format!("SELECT sum(x) {decimals} WHERE k = 'b'"), &["1.000000000"]);
    check(&format!("SELECT sum(x - {digits}) {decimals} WHERE k = 'a'"), &["0.000000000"]);
    let some = of("('a', 1), ('a', 2), ('b', NULL), ('c', 4)");
    check(
        &format!("SELECT k, sum(x), sum(x) FILTER (WHERE x > 1), sum(x * 1.5) {some} GROUP BY k ORDER BY k"),
        &["a|3|2|4.5", "b|||", "c|4|4|6.0"],
    );
    check(&format!("SELECT sum(x) {some} WHERE k = 'd'"), &[""]);
    let frame = "SELECT sum(x) OVER (ORDER BY k, x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)";
    check(&format!("{frame} {some}"), &["1", "3", "2", "4"]);
    check("SELECT sum(count), sum(count) / 2 FROM totals", &["9|4"]);
}

#[test]
fn what_is_not_supported_is_told_in_a_line() {
    let error = refused("SELECT * FROM (SELECT session, value FROM finals) t PIVOT (max(value) FOR session IN ('s1'))");
    assert!(error.to_string().len() < 100 && error.to_string().contains("not supported: "), "{error}");
}

#[test]
fn a_date_and_some_hours_are_an_instant() {
    check(
        "SELECT DATE '2026-01-01' + INTERVAL '36 hours', DATE '2026-01-01' - INTERVAL '1 hour', \
         INTERVAL '90 minutes' + DATE '2026-01-01'",
        &["2026-01-02T12:00:00|2025-12-31T23:00:00|2026-01-01T01:30:00"],
    );
    check(
        "SELECT DATE '2026-01-31' + INTERVAL '1 month', DATE '2026-01-01' - INTERVAL '1 day'",
        &["2026-02-28|2025-12-31"],
    );
    let of_row = "SELECT CAST(start AS DATE) + CASE WHEN closed THEN INTERVAL '1 hour' END FROM finals WHERE closed";
    check(of_row, &["2023-11-14T01:00:00"]);
    let days = "SELECT count(*) FROM generate_series(DATE '2026-01-01', DATE '2026-01-01' + INTERVAL '2 days', INTERVAL '1 day')";
    check(days, &["3"]);
}

#[test]
fn percentiles_have_every_digit() {
    let of = "FROM (VALUES ('a', 0.0), ('a', 1000000.0), ('b', 3.0), ('b', NULL), ('c', NULL)) t(k, x)";
    let share = |by: &str| format!("percentile_cont(0.1234567) WITHIN GROUP (ORDER BY x{by})");
    check(&format!("SELECT {} {of} WHERE k = 'a'", share("")), &["123456.7"]);
    check(&format!("SELECT {} {of} WHERE k = 'a'", share(" DESC")), &["876543.3"]);
    check(&format!("SELECT k, round({}, 3) {of} GROUP BY k ORDER BY k", share("")), &["a|123456.7", "b|3.0", "c|"]);
    check(&format!("SELECT percentile_cont(1.0) WITHIN GROUP (ORDER BY x) {of}"), &["1000000.0"]);
    check_refused(&format!("SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY x) {of}"), "between 0");
}

#[test]
fn times_are_written_by_patterns_of_postgresql_and_of_c() {
    check(
        "SELECT to_char(start, 'YYYY-MM-DD HH24:MI:SS'), to_char(start, '%Y'), to_char(end - start, 'HH24:MI:SS'), \
         to_char(start AT TIME ZONE 'Europe/Berlin', 'HH24 TZ'), to_char(CAST(start AS DATE), 'FMDD. FMMonth') \
         FROM finals WHERE session = 's1'",
        &["2023-11-14 22:13:20|2023|00:01:00|23 CET|14. November"],
    );
    check("SELECT to_char(end, CASE session WHEN 's1' THEN 'MI' END) FROM finals ORDER BY session", &["14", ""]);
    check("SELECT count(*) FROM finals GROUP BY to_char(start, 'YYYY-MM')", &["2"]);
    check_refused(
        "SELECT to_char(start, 'YYYY-MM-DDThh') FROM finals",
        "the pattern 'YYYY-MM-DDThh' of `to_char`: `Thh`",
    );
    check_refused("SELECT to_char(end - start, '%H:%M') FROM finals", "a length of time has no patterns with `%`");
}

#[test]
fn a_text_that_meets_a_number_is_a_mistake_of_the_question() {
    for sql in [
        "SELECT 1 FROM finals NATURAL JOIN (SELECT count AS session FROM totals) t",
        "SELECT 1 FROM finals JOIN (SELECT count AS session FROM totals) t USING (session)",
        "SELECT 1 FROM finals WHERE session IN (SELECT count FROM totals)",
        "SELECT 1 FROM totals WHERE count NOT IN (SELECT session FROM finals)",
        "SELECT session FROM finals UNION SELECT count FROM totals",
        "SELECT count FROM totals UNION ALL SELECT session FROM finals",
        "SELECT session FROM finals INTERSECT SELECT count FROM totals",
        "SELECT session FROM finals EXCEPT SELECT count FROM totals",
        "SELECT * FROM (SELECT session FROM finals UNION SELECT count FROM totals) t",
    ] {
        check_refused(sql, "session` is a text, and `");
        check_refused(sql, " is a number (bigint)");
        assert_eq!(refused(sql).code(), "invalid", "{sql}");
    }
    check("SELECT session FROM finals UNION SELECT NULL ORDER BY 1 NULLS LAST", &["s1", "s2", ""]);
    check("SELECT session FROM finals WHERE session IN (SELECT CAST(count AS VARCHAR) FROM totals)", &[]);
    check("SELECT count FROM totals UNION SELECT value FROM finals ORDER BY 1", &["1.0", "5.0", "7.0", "12.0"]);
}

#[test]
fn a_condition_that_fails_on_a_row_of_history_is_no_broken_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("past.parquet");
    parquet(&path, &finals(&[("past1", 100, true)]));
    let engine = Arc::new(Fake { files: vec![path.clone()], ..Fake::default() });
    let sql =
        "SELECT session FROM finals WHERE CASE WHEN session LIKE 's%' THEN 1 ELSE CAST(session AS BIGINT) END = 5";
    let error = ask(engine.clone(), sql).unwrap_err();
    assert_eq!(error.code(), "invalid", "{error}");
    assert!(error.to_string().contains("Cannot cast string 'past1' to value of Int64 type"), "{error}");
    assert!(!error.to_string().contains('\\'), "{error}");
    let zero = "SELECT session FROM finals WHERE CASE WHEN session LIKE 's%' THEN 1 ELSE 1 / (100 - CAST(value AS BIGINT)) END = 5";
    let error = ask(engine.clone(), zero).unwrap_err();
    assert_eq!(error.code(), "invalid", "{error}");
    assert!(error.to_string().contains("ivide by zero"), "{error}");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(ask(engine, "SELECT count(*) FROM finals").unwrap_err().code(), "unavailable");
}

#[test]
fn memory_and_rows_are_bounded() {
    let error = refused("SELECT * FROM range(0, 2000)");
    assert!(error.to_string().contains("more than 1000 rows"), "{error}");
    let error = refused("SELECT value, count(*) FROM range(0, 100000000) GROUP BY value ORDER BY 2, 1");
    assert_eq!(error.code(), "unavailable", "{error}");
    assert!(error.to_string().contains("512 MiB"), "{error}");
}

#[test]
fn an_engine_that_refuses_is_told_as_it_is() {
    struct Refusing;
    impl Engine for Refusing {
        fn status(&self) -> serde_json::Value {
            serde_json::Value::Null
        }
        fn table_names(&self) -> Vec<String> {
            vec!["totals".into()]
        }
        fn read(
            &self,
            _: &[TableScan],
            _: Option<Duration>,
            _: crate::engine::IsWanted<'_>,
        ) -> Result<crate::engine::Snapshot, EngineError> {
            Err(EngineError::Timeout("late".into()))
        }
        fn columns(&self, _: &[String]) -> Result<Vec<crate::engine::TableData>, EngineError> {
            unreachable!()
        }
        fn notes(&self, _: &[TableScan]) -> Result<Vec<crate::engine::AnswerNote>, EngineError> {
            unreachable!()
        }
        fn session(
            &self,
            _: &str,
            _: Option<i64>,
            _: Option<&str>,
            _: Option<Duration>,
        ) -> Result<serde_json::Value, EngineError> {
            unreachable!()
        }
        fn outliers(
            &self,
            _: &str,
            _: crate::engine::Page,
            _: Option<Duration>,
        ) -> Result<crate::engine::Listed, EngineError> {
            unreachable!()
        }
        fn queries(&self) -> Result<RecordBatch, EngineError> {
            unreachable!()
        }
        fn deploy(
            &self,
            _: Vec<(String, String)>,
            _: bool,
            _: Option<String>,
        ) -> Result<serde_json::Value, EngineError> {
            unreachable!()
        }
        fn drop_query(&self, _: &str) -> Result<serde_json::Value, EngineError> {
            unreachable!()
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asking = SqlQuestion {
        sql: "SELECT * FROM totals".into(),
        engine: Arc::new(Refusing),
        sync: None,
        parameters: vec![],
        held: None,
    };
    let error = runtime.block_on(Answerer::Here.ask(asking)).unwrap_err();
    assert_eq!(error, EngineError::Timeout("late".into()));
}
