"""asyncpg: everything is prepared, and comes in binary."""
import asyncio
import datetime as dt
import decimal
import io
import sys

import asyncpg


async def main():
    where = {"host": "127.0.0.1", "port": int(sys.argv[1]), "user": "anybody", "database": "timeline", "ssl": False}
    pool = await asyncpg.create_pool(min_size=1, max_size=2, **where)
    async with pool.acquire() as c:
        row = await c.fetchrow("SELECT value, start, closed, session FROM stalled WHERE session = $1", "s1")
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
        assert tuple(row) == (decimal.Decimal(7), epoch, True, "s1"), row
        rows = await c.fetch("SELECT cdn, count, sum FROM totals WHERE count >= $1 AND sum < $2 ORDER BY cdn", 1, 7.5)
        assert [tuple(row) for row in rows] == [("C1", 1, 7.0), ("C2", 1, 4.0)], rows
        late = epoch + dt.timedelta(seconds=1)
        assert await c.fetchval("SELECT count(*) FROM sessions WHERE start > $1", late) == 1
        assert await c.fetchval("SELECT session FROM sessions WHERE session = ANY($1::text[])", ["s2"]) == "s2"
        assert await c.fetchval("SELECT \"end\" - start FROM sessions WHERE session = 's1'") == dt.timedelta(seconds=20)
        assert await c.fetchval("SELECT date '2024-02-29'") == dt.date(2024, 2, 29)
        assert await c.fetchval("SELECT array_agg(session ORDER BY session) FROM sessions") == ["s1", "s2"]
        async with c.transaction():
            read = [row["session"] async for row in c.cursor("SELECT session FROM sessions ORDER BY 1", prefetch=1)]
            assert read == ["s1", "s2"], read
        statement = await c.prepare("SELECT session, value FROM finals WHERE value_exact > $1")
        assert [a.name for a in statement.get_attributes()] == ["session", "value"]
        assert [p.name for p in statement.get_parameters()] == ["numeric"], statement.get_parameters()
        copied = io.BytesIO()
        await c.copy_from_query("SELECT cdn, sum FROM totals WHERE cdn = 'C1'", output=copied, format="csv", header=True)
        assert copied.getvalue() == b"cdn,sum\nC1,7\n", copied.getvalue()
        copied = io.BytesIO()
        await c.copy_from_table("stalled", schema_name="public", columns=["session"], output=copied)
        assert sorted(copied.getvalue().split()) == [b"s1", b"s2"], copied.getvalue()
        try:
            await c.execute("TRUNCATE finals")
            raise AssertionError("it was written")
        except asyncpg.ReadOnlySQLTransactionError:
            pass
        try:
            await asyncio.wait_for(c.fetch("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"), 0.3)
            raise AssertionError("it ended")
        except asyncio.TimeoutError:
            pass
        assert await c.fetchval("SELECT 1") == 1
    await pool.close()


asyncio.run(main())
