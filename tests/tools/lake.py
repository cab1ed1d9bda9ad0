"""History as others read it: deltalake, Polars, and DuckDB over the files that the table names, must all find the rows of
`query`. Arguments: the URL or path of the tables, and a file with what `query` says, a metric each:
{"until_ns": those that end before it, "metrics": {"metric": [rows, sum of value_exact as text, keys of sessions]}}; then a name and a value for each option of the store."""
import json
import os
import sys
from decimal import Decimal

import deltalake
import duckdb
import polars

place, expected, options = sys.argv[1], json.load(open(sys.argv[2])), dict(zip(sys.argv[3::2], sys.argv[4::2]))
until = expected["until_ns"]
expected = {metric: (rows, Decimal(total), sorted(keys)) for metric, (rows, total, keys) in expected["metrics"].items()}
at = f"{place}/finals"
table = deltalake.DeltaTable(at, storage_options=options or None)


def same(who, found):
    found = {metric: (rows, Decimal(total or 0), sorted(keys)) for metric, rows, total, keys in found}
    assert found == expected, f"{who}: {found}\nand not {expected}"


rows = polars.from_arrow(table.to_pyarrow_table()).filter(polars.col("end_ns") < until)
group = [polars.len().alias("rows"), polars.col("value_exact").sum().alias("total"), polars.col("session")]
same("deltalake", rows.group_by("metric").agg(group).rows())
scan = polars.scan_delta(at, storage_options=options or None)
same("Polars", scan.filter(polars.col("end_ns") < until).group_by("metric").agg(group).collect().rows())

# Cut by days, and read from there: no row is on another day than that on which its stretch of time ends.
days = scan.select(polars.col("utc_date"), polars.col("end").dt.date().alias("of_end")).collect()
assert (days["utc_date"] == days["of_end"]).all() and days["utc_date"].n_unique() > 1, days
# A time is exact beside the one that tables have.
assert scan.select((polars.col("end_ns") // 1000 == polars.col("end").dt.timestamp("us")).all()).collect().item()

if not options:
    files = [os.path.join(at, path) for path in table.get_add_actions(flatten=True)["path"].to_pylist()]
    sql = "SELECT metric, count(*), sum(value_exact), list(session) FROM read_parquet($files, union_by_name = true) WHERE end_ns < $until GROUP BY 1"
    same("DuckDB", duckdb.execute(sql, {"files": files, "until": until}).fetchall())

# Each checkpoint's rows once: a version of a transaction for each partition, and every version of the table adds up.
transactions = [commit.get("operation") for commit in table.history()]
assert set(transactions) <= {"CREATE TABLE", "WRITE", "OPTIMIZE", "SET TBLPROPERTIES"}, transactions
