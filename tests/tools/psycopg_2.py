"""psycopg 2: the simple protocol, values put into the text by the client."""
import decimal
import io
import sys

import psycopg2
import psycopg2.errorcodes
import psycopg2.extras

c = psycopg2.connect(host="127.0.0.1", port=sys.argv[1], dbname="timeline", user="anybody")
with c, c.cursor() as cursor:
    cursor.execute("SELECT cdn, sum FROM totals WHERE cdn = ANY(%s) ORDER BY cdn", (["C1", "C2"],))
    assert cursor.fetchall() == [("C1", 7.0), ("C2", 4.0)]
    cursor.execute("SELECT value FROM stalled WHERE session = %s AND value > %s", ("s1", decimal.Decimal("0.5")))
    assert cursor.fetchone() == (decimal.Decimal(7),)
    cursor.execute("SELECT alert, start FROM alerts")
    assert [row[0] for row in cursor.fetchall()] == ["stuck"]
with c, c.cursor(name="cursor", cursor_factory=psycopg2.extras.DictCursor) as cursor:
    cursor.itersize = 1
    cursor.execute("SELECT session FROM sessions ORDER BY session")
    assert [row["session"] for row in cursor] == ["s1", "s2"]
with c.cursor() as cursor:
    try:
        cursor.execute("UPDATE finals SET value = 1")
        raise AssertionError("it was written")
    except psycopg2.Error as error:
        assert error.pgcode == psycopg2.errorcodes.READ_ONLY_SQL_TRANSACTION, error.pgcode
    c.rollback()
c.set_session(readonly=True, autocommit=True)
with c.cursor() as cursor:
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    copied = io.StringIO()
    cursor.copy_expert("COPY (SELECT cdn, sum FROM totals ORDER BY cdn) TO STDOUT WITH CSV HEADER", copied)
    assert copied.getvalue() == "cdn,sum\nC1,7\nC2,4\n", copied.getvalue()
    copied = io.StringIO()
    cursor.copy_to(copied, "stalled", columns=("session",))
    assert sorted(copied.getvalue().split()) == ["s1", "s2"], copied.getvalue()
c.close()
