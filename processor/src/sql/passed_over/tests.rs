//! What is refused because it would be passed over, and what beside it is heeded.

#![allow(clippy::unwrap_used)]

use super::super::tests::ask;
use std::sync::Arc;

/// Refused with the code and these words.
#[track_caller]
fn check(sql: &str, expect: &str) {
    let error = match ask(Arc::default(), sql) {
        Ok((rows, _)) => panic!("{sql} was answered: {rows:?}"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with("[TL3011] "), "{sql}: {error}");
    assert!(error.contains(expect), "{sql}: {error}");
    assert!(error.contains("\n  help: "), "{sql}: {error}");
}

/// Answered with so many rows.
#[track_caller]
fn answered(sql: &str, expect: usize) {
    let (rows, _) = ask(Arc::default(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), expect, "{sql}");
}

#[test]
fn clauses_of_tables() {
    for (clause, expect) in [
        ("FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01'", "metric_at"),
        ("FOR VERSION AS OF 3", "metric_at"),
        ("TABLESAMPLE BERNOULLI (1)", "`TABLESAMPLE`"),
        ("TABLESAMPLE SYSTEM (0) REPEATABLE (1)", "`TABLESAMPLE`"),
        ("SAMPLE 1", "`TABLESAMPLE`"),
        ("WITH (NOLOCK)", "`WITH (...) of a table`"),
        ("PARTITION (p0)", "`PARTITION (...)`"),
    ] {
        check(&format!("SELECT session FROM finals {clause}"), expect);
        check(&format!("SELECT * FROM alerts WHERE session IN (SELECT session FROM finals {clause})"), expect);
    }
    check("SELECT * FROM (SELECT * FROM finals) TABLESAMPLE BERNOULLI (0)", "`TABLESAMPLE`");
    check("SELECT * FROM generate_series(1, 3) WITH ORDINALITY", "row_number()");
    check("SELECT * FROM generate_series(1, 3, SETTINGS a = 1)", "`SETTINGS`");
    check("SELECT * FROM LATERAL generate_series(stop => 1, start => 3)", "by their order");
    check("SELECT * FROM other.generate_series(1, 3)", "functions have no schema");
    check("SELECT x FROM generate_series(1, 2) AS c (x int)", "AS name (column type)");
    answered("SELECT x FROM generate_series(1, 2) AS c (x)", 2);
    answered("SELECT x FROM pg_catalog.generate_series(1, 2) AS c (x)", 2);
}

#[test]
fn clauses_of_queries() {
    for (clause, expect) in [
        ("FOR UPDATE", "nothing is locked"),
        ("FOR SHARE SKIP LOCKED", "nothing is locked"),
        ("FOR XML AUTO", "beside the statement"),
        ("FOR JSON AUTO", "beside the statement"),
        ("LIMIT 1 BY session", "QUALIFY"),
        ("SETTINGS max_threads = 1", "`SETTINGS`"),
        ("FORMAT JSONCompact", "`FORMAT`"),
        ("PREWHERE session = 's1'", "write `WHERE`"),
        ("PREWHERE session = 's1' WHERE closed", "write `WHERE`"),
        ("START WITH closed CONNECT BY session = session", "WITH RECURSIVE"),
        ("CONNECT BY session = 's1'", "WITH RECURSIVE"),
        ("FETCH FIRST 1 ROWS ONLY", "write `LIMIT`"),
        ("ORDER BY session FETCH FIRST 1 ROWS WITH TIES", "write `LIMIT`"),
        ("DISTRIBUTE BY session", "ORDER BY"),
    ] {
        check(&format!("SELECT session FROM finals {clause}"), expect);
        check(&format!("SELECT * FROM (SELECT session FROM finals {clause}) x"), expect);
        check(&format!("EXPLAIN SELECT session FROM finals {clause}"), expect);
    }
    for with in ["ROLLUP", "CUBE", "TOTALS"] {
        check(&format!("SELECT metric, count(*) FROM finals GROUP BY metric WITH {with}"), "GROUP BY ROLLUP (a, b)");
    }
    check("SELECT metric, count(*) FROM finals GROUP BY metric GROUPING SETS ((metric), ())", "GROUP BY ROLLUP");
    answered("SELECT metric, count(*) FROM finals GROUP BY ROLLUP (metric)", 2);
    check("SELECT TOP 1 session FROM finals", "write `LIMIT`");
    answered("SELECT session FROM finals QUALIFY row_number() OVER (ORDER BY session) <= 1", 1);
    check("FROM finals", "write `SELECT * FROM`");
    answered("FROM finals SELECT session", 2);
    // Hints are comments.
    answered("SELECT /*+ LEADING(a) */ session FROM finals", 2);
    check("SELECT 1 INTERSECT ALL SELECT 1", "counted wrongly");
    check("SELECT 1 UNION SELECT 2 EXCEPT ALL SELECT 1", "counted wrongly");
    answered("SELECT 1 UNION ALL SELECT 1", 2);
    let numbers = "SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3";
    check(&format!("WITH RECURSIVE t(n) AS ({numbers} LIMIT 2) SELECT * FROM t"), "where the table is read");
    check(&format!("WITH RECURSIVE t(n) AS ({numbers} ORDER BY 1) SELECT * FROM t"), "where the table is read");
    answered(&format!("WITH RECURSIVE t(n) AS ({numbers}) SELECT * FROM t ORDER BY n LIMIT 2"), 2);
    let of_each = "SELECT 1 FROM alerts a WHERE a.session = finals.session";
    check(&format!("SELECT * FROM finals WHERE EXISTS ({of_each} OFFSET 10)"), "OFFSET in EXISTS");
}

#[test]
fn what_is_said_of_calls() {
    for call in [
        "lower(DISTINCT session)",
        "lower(session ORDER BY session)",
        "lower(session) FILTER (WHERE closed)",
        "lower(session) OVER (PARTITION BY session)",
        "lower(session) IGNORE NULLS",
        "lower(session) WITHIN GROUP (ORDER BY session)",
        "pg_catalog.lower(session) FILTER (WHERE closed)",
        "LOWER(DISTINCT session)",
        "sum(3)(value)",
        "corr(DISTINCT value, value)",
        "covar_pop(DISTINCT value, value)",
        "regr_slope(DISTINCT value, value)",
        "approx_percentile_cont(DISTINCT value, 0.5)",
        "lag(DISTINCT value) OVER (ORDER BY value)",
        "row_number() IGNORE NULLS OVER (ORDER BY value)",
        "sum(value) IGNORE NULLS OVER ()",
        "sum(value) OVER (w ORDER BY value)",
    ] {
        check(&format!("SELECT {call} FROM finals WINDOW w AS (PARTITION BY session)"), "is refused");
    }
    for call in [
        "sum(value) OVER w",
        "sum(DISTINCT value) OVER (ORDER BY value)",
        "lag(value) IGNORE NULLS OVER (ORDER BY value)",
        "count(*) FILTER (WHERE closed) OVER ()",
    ] {
        answered(&format!("SELECT {call} FROM finals WINDOW w AS (PARTITION BY session)"), 2);
    }
    for call in ["count(DISTINCT session)", "array_agg(session ORDER BY value)", "sum(value) FILTER (WHERE closed)"] {
        answered(&format!("SELECT {call} FROM finals"), 1);
    }
}

#[test]
fn types_and_collations() {
    check("SELECT session FROM finals ORDER BY session COLLATE \"de_DE\"", "by their bytes");
    answered("SELECT session FROM finals ORDER BY session COLLATE \"C\"", 2);
    answered("SELECT session FROM finals WHERE session COLLATE pg_catalog.default = 's1'", 1);
    check("SELECT CAST(session AS CHAR(3)) FROM finals", "`VARCHAR(n)`");
    check("SELECT CAST(value AS FLOAT(53)) FROM finals", "`DOUBLE` or `REAL`");
    check("SELECT CAST(ARRAY['abc'] AS VARCHAR(1)[])", "left(text, n)");
    check("SELECT VARCHAR(3) 'abcdef'", "the text itself");
    // PostgreSQL cuts what is longer.
    answered("SELECT 1 FROM finals WHERE CAST('abcdef' AS VARCHAR(3)) = 'abc' AND 'äöü'::varchar(2) = 'äö'", 2);
    answered("SELECT 1 WHERE CAST(12345 AS VARCHAR(3)) = '123' AND CAST(NULL AS VARCHAR(3)) IS NULL", 1);
}

#[test]
fn lists_of_tables_and_columns() {
    check("SHOW TABLES LIKE 'f%'", "information_schema.tables");
    check("SHOW TABLES FROM other", "information_schema.tables");
    check("SHOW FULL TABLES", "information_schema.tables");
    answered("SHOW TABLES FROM public", 3);
    check("SHOW COLUMNS FROM finals LIKE 'x%'", "information_schema.columns");
    check("SHOW FULL COLUMNS FROM finals", "information_schema.columns");
    check("DESCRIBE EXTENDED finals", "information_schema.columns");
    for sql in ["DESCRIBE other.finals", "SHOW COLUMNS FROM other.finals"] {
        let error = ask(Arc::default(), sql).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("other.finals")), ("not_found", true), "{sql}: {error}");
    }
    answered("DESCRIBE public.alerts", 2);
}

#[test]
fn patterns_that_would_be_found_anywhere() {
    check("SELECT session FROM finals WHERE session SIMILAR TO 's(1|2)'", "`SIMILAR TO`");
    check("SELECT session NOT SIMILAR TO '%1' FROM finals", "`SIMILAR TO`");
    answered("SELECT session FROM finals WHERE session ~ '^(s(1|2))$'", 2);
}
