"""psycopg 3: parameters, text and binary, named cursors, pipelines, errors, cancellation."""
import datetime as dt
import decimal
import sys
import threading
import time

import psycopg

URL = f"host=127.0.0.1 port={sys.argv[1]} dbname=timeline user=anybody"
UTC = dt.timezone.utc


def at(seconds):
    return dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=seconds)


def fails(connection, sql, state, *parameters):
    try:
        connection.execute(sql, *parameters)
    except psycopg.Error as error:
        assert error.sqlstate == state, (sql, error.sqlstate, str(error))
        return error
    raise AssertionError(f"{sql} was answered")


with psycopg.connect(URL, autocommit=True) as c:
    assert c.info.server_version == 150000, c.info.server_version
    stalled = "SELECT value, start, \"end\", closed FROM stalled WHERE session = %s"
    row = c.execute(stalled, ("s1",)).fetchone()
    assert row == (decimal.Decimal(7), at(0), at(20), True), row
    for binary in (False, True):
        cursor = c.cursor(binary=binary)
        row = cursor.execute(stalled, ("s1",), prepare=True).fetchone()
        assert row == (decimal.Decimal(7), at(0), at(20), True), row
        cursor.execute("SELECT cdn, count, sum FROM totals WHERE sum > %s ORDER BY cdn", (4.5,))
        assert cursor.fetchall() == [("C1", 1, 7.0)]
        cursor.execute("SELECT session FROM sessions WHERE start >= %s AND start < %s ORDER BY 1", (at(0), at(2.5)))
        assert cursor.fetchall() == [("s1",), ("s2",)], "times as parameters"
        cursor.execute("SELECT session FROM sessions WHERE session = ANY(%s) ORDER BY 1", (["s2", "s3"],))
        assert cursor.fetchall() == [("s2",)], "a list as a parameter"
        cursor.execute("SELECT session FROM sessions ORDER BY 1 LIMIT %s", (1,))
        assert cursor.fetchall() == [("s1",)]
        cursor.execute("SELECT %s::text, %s::int, %s::float8, %s::bool, NULL", ("é'", 5, 1.5, True))
        assert cursor.fetchall() == [("é'", 5, 1.5, True, None)]
        cursor.execute("SELECT max(value_exact) FROM finals WHERE value_exact < %s", (decimal.Decimal("7.5"),))
        assert cursor.fetchall() == [(decimal.Decimal(7),)]
    # Again and again: it prepares by itself after five.
    for _ in range(8):
        assert c.execute(stalled, ("s2",)).fetchone()[0] == 4
    with c.pipeline():
        both = [c.execute("SELECT %s::int", (n,)) for n in range(5)]
    assert [cursor.fetchone()[0] for cursor in both] == list(range(5))
    # Errors are those of the statement, with a state, a place and what to do.
    error = fails(c, "SELECT sesion FROM stalled", "42703")
    assert error.diag.message_hint == "did you mean `session`?" and error.diag.statement_position == "8"
    fails(c, "SELECT * FROM nowhere", "42P01")
    fails(c, "SELEC 1", "42601")
    fails(c, "INSERT INTO finals VALUES (1)", "25006")
    fails(c, "CREATE TABLE x (a int)", "25006")
    fails(c, "SELECT 1 / 0", "22012")
    fails(c, "SELECT session FROM stalled WHERE value > %s::int", "22P02", ("many",))
    fails(c, "SELECT session FROM sessions UNION SELECT 5", "42804")
    fails(c, "SELECT session FROM sessions WHERE session IN (SELECT count FROM totals)", "42804")
    assert c.execute("SELECT NULL FROM sessions").fetchall() == [(None,), (None,)], "rows that have no bytes"
    # One column twice, under one name.
    for binary in (False, True):
        cursor = c.cursor(binary=binary).execute("SELECT count(*), count(*) FROM sessions")
        assert [column.name for column in cursor.description] == ["count(*)"] * 2
        assert cursor.fetchall() == [(2, 2)]
    written = "SELECT to_char(start, 'YYYY-MM-DD HH24:MI:SS.MS') FROM sessions WHERE session = 's1'"
    assert c.execute(written).fetchone() == (at(0).strftime("%Y-%m-%d %H:%M:%S.000"),)
    # A transaction that failed is ended first.
    with c.transaction():
        c.execute("SELECT 1")
        try:
            with c.transaction():
                c.execute("SELECT * FROM nowhere")
        except psycopg.Error:
            pass
        assert c.execute("SELECT 2").fetchone() == (2,)
    # Cursors on the server, and rows one by one.
    with c.transaction(), c.cursor(name="some") as cursor:
        cursor.itersize = 1
        cursor.execute("SELECT session FROM sessions ORDER BY session")
        assert cursor.fetchone() == ("s1",)
        assert cursor.fetchall() == [("s2",)]
    assert [row[0] for row in c.cursor().stream("SELECT value FROM generate_series(1, 5000)")] == list(range(1, 5001))
    # Rows copied out.
    with c.cursor().copy("COPY (SELECT cdn, sum FROM totals ORDER BY cdn) TO STDOUT (FORMAT csv, HEADER)") as copy:
        assert b"".join(copy) == b"cdn,sum\nC1,7\nC2,4\n"
    for form in ("text", "binary"):
        with c.cursor().copy(f"COPY stalled (session, value, closed) TO STDOUT (FORMAT {form})") as copy:
            copy.set_types(["text", "numeric", "bool"])
            rows = sorted(copy.rows())
        assert rows[0] == ("s1", decimal.Decimal(7), True), rows
    with c.cursor().copy("COPY (SELECT value FROM generate_series(1, 50000)) TO STDOUT") as copy:
        assert sum(int(row[0]) for row in copy.rows()) == 50000 * 50001 // 2
    fails(c, "COPY finals FROM STDIN", "25006")
    # Described without being run.
    cursor = c.execute("SELECT * FROM stalled WHERE false")
    assert [column.name for column in cursor.description][:3] == ["session", "cdn", "value"]

    slow = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    c.execute("SET statement_timeout TO '300ms'")
    begun = time.monotonic()
    error = fails(c, slow, "57014")
    assert time.monotonic() - begun < 5 and "statement_timeout" in error.diag.message_hint
    c.execute("RESET statement_timeout")
    timer = threading.Timer(0.3, c.cancel)
    timer.start()
    begun = time.monotonic()
    fails(c, slow, "57014")
    assert time.monotonic() - begun < 5, "it is cancelled"
    assert c.execute("SELECT 1").fetchone() == (1,)
    positions = c.execute("SELECT session FROM sessions").fetchall() and c.execute("SHOW positions").fetchone()[0]
    assert '"source":"player"' in positions, positions
