"""ADBC over Arrow Flight SQL: rows as Arrow, parameters, what the tables are, errors, tokens.

Arguments: the URL, a file with the answer of `timeline query --format arrow` to SQL below, and, where it is asked for, a
token and a file of certificates.
"""
import decimal
import sys

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager
import pyarrow as pa
import pyarrow.ipc

SQL = "SELECT * FROM stalled ORDER BY session"
AUTH, HEADER = "adbc.flight.sql.authorization_header", "adbc.flight.sql.rpc.call_header."


def refused(run, status, words):
    try:
        run()
    except adbc_driver_manager.Error as error:
        assert error.status_code == status, (error.status_code, error)
        assert words in str(error), error
        return
    raise AssertionError(f"it was answered: {words}")


def asks(connection, expected):
    with connection.cursor() as cursor:
        cursor.execute("SELECT cdn, count, sum FROM totals ORDER BY cdn")
        assert cursor.fetchall() == [("C1", 1, 7.0), ("C2", 1, 4.0)]
        cursor.execute(SQL)
        rows = cursor.fetch_arrow_table()
        assert rows.schema.equals(expected.schema), (rows.schema, expected.schema)
        assert rows.equals(expected), (rows, expected)
        types = {field.name: str(field.type) for field in rows.schema}
        assert types["value"] == "decimal128(38, 9)" and types["start"] == "timestamp[ns, tz=UTC]", types
        # Parameters, in their order and by number.
        cursor.execute("SELECT session, value_exact FROM finals WHERE cdn = ? AND value > ?", ("C1", 1.5))
        assert cursor.fetchall() == [("s1", decimal.Decimal(7))]
        cursor.execute("SELECT session FROM finals WHERE cdn = $1 AND start >= $2", ("C2", "1970-01-01T00:00:01Z"))
        assert cursor.fetchall() == [("s2",)]
        cursor.execute("SELECT [1, 2] AS list, {'a': 1.5} AS pair, NULL AS nothing")
        assert cursor.fetchall() == [([1, 2], {"a": decimal.Decimal("1.5")}, None)]
        for wrong, status, words in [
            ("SELECT sesion FROM finals", adbc_driver_manager.AdbcStatusCode.INVALID_ARGUMENT, "did you mean `session`?"),
            ("SELECT * FROM nowhere", adbc_driver_manager.AdbcStatusCode.NOT_FOUND, "there is no table `nowhere`"),
            ("DELETE FROM finals", adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED, "[TL3008] `DELETE` is refused"),
            ("SELECT count(*) FROM range(0, 100000000) a, range(0, 100000000) b", adbc_driver_manager.AdbcStatusCode.TIMEOUT, "[TL3004]"),
        ]:
            refused(lambda: cursor.execute(wrong), status, words)
        # Rows come as they are read; what is not read is given up.
        cursor.execute("SELECT * FROM range(0, 1000000000)")
        assert cursor.fetch_record_batch().read_next_batch().num_rows > 0
    table = connection.adbc_get_table_schema("stalled")
    assert table.equals(expected.schema), (table, expected.schema)
    assert connection.adbc_get_table_types() == ["TABLE"]
    objects = connection.adbc_get_objects(depth="columns", table_name_filter="stalled").read_all().to_pylist()
    (schema,) = objects[0]["catalog_db_schemas"]
    (told,) = schema["db_schema_tables"]
    assert (objects[0]["catalog_name"], schema["db_schema_name"]) == ("timeline", "public"), objects
    assert [column["column_name"] for column in told["table_columns"]] == expected.schema.names, told
    tables = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    names = {table["table_name"] for table in tables[0]["catalog_db_schemas"][0]["db_schema_tables"]}
    assert {"finals", "totals", "alerts", "stalled", "stuck"} <= names, names
    assert connection.adbc_get_info()["vendor_name"] == "timeline"


def main():
    url, file, *more = sys.argv[1:]
    with pa.OSFile(file) as source:
        expected = pa.ipc.open_stream(source).read_all()
    # The command tells times as whole numbers too.
    expected = expected.drop_columns([name for name in expected.schema.names if name.endswith("_ns")])
    headers = {HEADER + "timeline-timeout": "2", HEADER + "timeline-sync": "true"}
    if not more:
        with flight.connect(url, db_kwargs=headers, autocommit=True) as connection:
            asks(connection, expected)
        return
    token, ca = more
    if ca != "-":
        headers["adbc.flight.sql.client_option.tls_root_certs"] = open(ca).read()
    for shown in [{AUTH: "Bearer " + token}, {"username": "anybody", "password": token}]:
        with flight.connect(url, db_kwargs=headers | shown, autocommit=True) as connection:
            asks(connection, expected)

    def shows(shown):
        with flight.connect(url, db_kwargs=headers | shown, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    for wrong in [{}, {AUTH: "Bearer " + token[:-1]}, {"username": token, "password": "wrong"}]:
        refused(lambda: shows(wrong), adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED, "only those who show its token")


main()
