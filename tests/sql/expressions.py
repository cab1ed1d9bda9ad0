#!/usr/bin/env python3
"""Makes expressions.jsonl: expressions of a seed, each with what DuckDB answers, as the judge of our arithmetic.

    pip install duckdb && python3 tests/sql/expressions.py > tests/sql/expressions.jsonl

`sql` is the expression for us, `row` the relation that it reads. `answer` is DuckDB's: null, a truth value, a text, or
a number as text; or `error` where DuckDB refuses. A quotient of whole numbers is `//` for DuckDB, since ours is
PostgreSQL's, which is whole; nothing else is asked of the two in different words.
"""
import datetime, decimal, json, random, sys
import duckdb

ROWS = [
    "SELECT CAST(7 AS BIGINT) AS i, CAST(-3 AS BIGINT) AS j, CAST(2.5 AS DOUBLE) AS x, CAST(2.268000001 AS DECIMAL(38, 9)) AS d, "
    "'Buffer' AS s, true AS b, TIMESTAMP '2024-03-01 10:00:00.125' AS t, TIMESTAMP '2024-03-02 11:30:02.393' AS u",
    "SELECT CAST(0 AS BIGINT) AS i, CAST(9007199254740993 AS BIGINT) AS j, CAST(-0.001 AS DOUBLE) AS x, "
    "CAST(-12345678.5 AS DECIMAL(38, 9)) AS d, '' AS s, false AS b, TIMESTAMP '1999-12-31 23:59:59' AS t, "
    "TIMESTAMP '2000-01-01 00:00:00.000001' AS u",
    "SELECT CAST(NULL AS BIGINT) AS i, CAST(1 AS BIGINT) AS j, CAST(NULL AS DOUBLE) AS x, CAST(1 AS DECIMAL(38, 9)) AS d, "
    "CAST(NULL AS VARCHAR) AS s, CAST(NULL AS BOOLEAN) AS b, TIMESTAMP '2024-02-29 00:00:00' AS t, "
    "CAST(NULL AS TIMESTAMP) AS u",
]
random.seed(20261129)
R = random.random
pick = random.choice


def both(text):
    return (text, text)


def join(template, *parts):
    """Both wordings of a template with parts."""
    return tuple(template.format(*[p[k] for p in parts]) for k in (0, 1))


def whole(n):
    if n <= 0 or R() < 0.15:
        return both(pick(["i", "j", "i", "j", "0", "1", "2", "10", "1000", "86400", str(random.randint(0, 10**6))]))
    a = lambda: whole(n - 1)
    kind = pick(["+", "-", "*", "/", "%", "neg", "abs", "len", "cast", "case", "coalesce", "part", "nullif", "big"])
    if kind in "+-*":
        return join("({} " + kind + " {})", a(), a())
    if kind == "/":
        x, y = a(), whole(0)
        return (f"({x[0]} / {y[0]})", f"({x[1]} // {y[1]})")
    if kind == "%":
        return join("({} % {})", a(), whole(0))
    if kind == "big":
        return both(pick(["9223372036854775807", "4611686018427387904", "-9223372036854775807"]))
    return {
        "neg": lambda: join("(- {})", a()),
        "abs": lambda: join("abs({})", a()),
        "len": lambda: join("CAST(length({}) AS BIGINT)", text(n - 1)),
        "cast": lambda: join("CAST({} AS BIGINT)", number(n - 1)),
        "case": lambda: join("(CASE WHEN {} THEN {} ELSE {} END)", truth(n - 1), a(), a()),
        "coalesce": lambda: join("coalesce({}, {})", a(), a()),
        "nullif": lambda: join("nullif({}, {})", a(), a()),
        "part": lambda: join("CAST(extract({} FROM {}) AS BIGINT)", both(pick(["year", "month", "day", "hour", "minute", "second"])), time()),
    }[kind]()


def number(n):
    if n <= 0 or R() < 0.15:
        return both(pick(["x", "d", "x", "d", "1.5", "0.1", "1e3", "1e9", "2.5E-3", "1e-9", "0.000001", "1000000.0", "3.0", "60.0"]))
    a = lambda: number(n - 1)
    any_ = lambda: pick([number, whole])(n - 1)
    kind = pick(["+", "-", "*", "/", "/", "/", "mixed", "round", "floor", "ceil", "sqrt", "abs", "cast", "case", "epoch", "epoch", "power", "ln", "greatest"])
    if kind in "+-*/":
        return join("({} " + kind + " {})", a(), any_() if R() < 0.5 else a())
    return {
        "mixed": lambda: join("({} / {})", whole(n - 1), both(pick(["1e3", "1e9", "1000.0", "1e-3", "x", "60.0"]))),
        "round": lambda: join("round(CAST({} AS DOUBLE), {})", a(), both(pick(["0", "2", "6"]))),
        "floor": lambda: join("floor(CAST({} AS DOUBLE))", a()),
        "ceil": lambda: join("ceil(CAST({} AS DOUBLE))", a()),
        "sqrt": lambda: join("sqrt(abs(CAST({} AS DOUBLE)))", a()),
        "abs": lambda: join("abs({})", a()),
        "cast": lambda: join("CAST({} AS DOUBLE)", any_()),
        "case": lambda: join("(CASE WHEN {} THEN {} ELSE {} END)", truth(n - 1), a(), a()),
        "epoch": lambda: join("extract(epoch FROM {})", pick([lambda: both("(u - t)"), time, lambda: both("(t - u)")])()),
        "power": lambda: join("power(CAST({} AS DOUBLE), 2)", a()),
        "ln": lambda: join("ln(abs(CAST({} AS DOUBLE)) + 1)", a()),
        "greatest": lambda: join("greatest(CAST({} AS DOUBLE), CAST({} AS DOUBLE))", a(), a()),
    }[kind]()


def text(n):
    if n <= 0 or R() < 0.3:
        return both(pick(["s", "s", "'play'", "'a%b'", "''"]))
    a = lambda: text(n - 1)
    kind = pick(["||", "upper", "lower", "substr", "replace", "trim", "lpad", "case", "cast"])
    return {
        "||": lambda: join("({} || {})", a(), a()),
        "upper": lambda: join("upper({})", a()),
        "lower": lambda: join("lower({})", a()),
        "substr": lambda: join("substr({}, {}, {})", a(), both(pick(["1", "2", "4"])), both(pick(["0", "1", "3"]))),
        "replace": lambda: join("replace({}, 'f', 'g')", a()),
        "trim": lambda: join("trim({})", a()),
        "lpad": lambda: join("lpad({}, {}, '*')", a(), both(pick(["0", "3", "12"]))),
        "case": lambda: join("(CASE WHEN {} THEN {} ELSE {} END)", truth(n - 1), a(), a()),
        "cast": lambda: join("CAST({} AS VARCHAR)", whole(n - 1)),
    }[kind]()


def time():
    return both(pick([
        "t", "u", "t + INTERVAL '1' HOUR", "u - INTERVAL '90' MINUTE", "date_trunc('hour', t)", "date_trunc('day', u)", "date_trunc('month', t)"]))


def truth(n):
    if n <= 0:
        return both(pick(["b", "true", "(i > 3)", "(x < 1.5)"]))
    kind = pick(["num", "num", "and", "or", "not", "null", "between", "in", "like", "text", "time", "length"])
    return {
        "num": lambda: join("({} " + pick(["=", "<>", "<", "<=", ">", ">="]) + " {})", pick([whole, number])(n - 1), pick([whole, number])(n - 1)),
        "and": lambda: join("({} AND {})", truth(n - 1), truth(n - 1)),
        "or": lambda: join("({} OR {})", truth(n - 1), truth(n - 1)),
        "not": lambda: join("(NOT {})", truth(n - 1)),
        "null": lambda: join("({} IS NULL)", pick([whole, number, text])(n - 1)),
        "between": lambda: join("({} BETWEEN {} AND {})", number(n - 1), whole(0), number(0)),
        "in": lambda: join("({} IN (1, 2, 7, {}))", whole(n - 1), whole(0)),
        "like": lambda: join("({} LIKE '%f_r')", text(n - 1)),
        "text": lambda: join("({} < {})", text(n - 1), text(0)),
        "time": lambda: join("({} < {})", time(), time()),
        "length": lambda: both(pick(["(u - t > INTERVAL '2' SECOND)", "(u - t < INTERVAL '1' DAY)", "(t - u < INTERVAL '0' SECOND)"])),
    }[kind]()


def shown(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return {"number": str(value)}


def asked(connection, row, sql):
    try:
        return {"answer": shown(connection.execute(f"WITH r AS ({row}) SELECT {sql} AS v FROM r").fetchone()[0])}
    except duckdb.Error as error:
        return {"error": str(error).split(":")[0]}


connection = duckdb.connect()
for row in ROWS:
    print(json.dumps({"row": row}))
count, seen = 0, set()
while count < 900:
    n = pick([1, 2, 2, 3])
    ours, theirs = pick([whole, number, number, number, text, truth, lambda n: join("{}", time())])(n)
    at = pick([0, 0, 0, 1, 2])
    if (at, ours) in seen or len(ours) > 400:
        continue
    seen.add((at, ours))
    answer = asked(connection, ROWS[at], theirs)
    print(json.dumps({"at": at, "sql": ours} | answer))
    count += 1
print(f"{count} expressions, DuckDB {duckdb.__version__}", file=sys.stderr)
