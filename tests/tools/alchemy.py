"""SQLAlchemy: tables and columns as it finds them itself, and questions made of them."""
import sys

import sqlalchemy as sa

for driver in ("psycopg", "psycopg2"):
    engine = sa.create_engine(f"postgresql+{driver}://anybody@127.0.0.1:{sys.argv[1]}/timeline")
    inspector = sa.inspect(engine)
    assert "public" in inspector.get_schema_names()
    tables = inspector.get_table_names()
    assert {"finals", "totals", "sessions", "stalled", "alerts"} <= set(tables), tables
    assert inspector.get_view_names() == []
    assert inspector.has_table("finals") and not inspector.has_table("nowhere")
    columns = {column["name"]: column for column in inspector.get_columns("stalled")}
    assert isinstance(columns["start"]["type"], sa.TIMESTAMP) and columns["start"]["type"].timezone, columns["start"]
    assert isinstance(columns["value"]["type"], sa.NUMERIC) and columns["value"]["type"].scale == 9, columns["value"]
    assert isinstance(columns["closed"]["type"], sa.BOOLEAN)
    assert columns["session"]["comment"] == "The key of the session.", columns["session"]
    assert inspector.get_pk_constraint("finals")["constrained_columns"] == []
    assert inspector.get_foreign_keys("finals") == [] and inspector.get_indexes("finals") == []
    assert "session" in inspector.get_table_comment("sessions")["text"].lower()
    stalled = sa.Table("stalled", sa.MetaData(), autoload_with=engine)
    with engine.connect() as c:
        total = sa.select(stalled.c.cdn, sa.func.sum(stalled.c.value)).group_by(stalled.c.cdn).order_by(stalled.c.cdn)
        assert [(cdn, float(total)) for cdn, total in c.execute(total)] == [("C1", 7.0), ("C2", 4.0)]
        one = sa.select(stalled.c.session).where(stalled.c.session.in_(["s1", "s9"])).limit(5)
        assert c.execute(one).all() == [("s1",)]
    everything = sa.MetaData()
    everything.reflect(engine)
    assert set(everything.tables) == set(tables)
