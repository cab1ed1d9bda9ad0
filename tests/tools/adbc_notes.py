"""ADBC shows why rows may not be those that are meant, with their columns. Argument: the URL."""
import json
import sys

import adbc_driver_flightsql.dbapi as flight

with flight.connect(sys.argv[1], autocommit=True) as connection, connection.cursor() as cursor:
    def notes(sql):
        schema = cursor.execute(sql).fetch_arrow_table().schema
        return json.loads((schema.metadata or {}).get(b"timeline-notes", b"[]"))

    (note,) = notes("SELECT count(*) FROM finals WHERE metric = 'stalled'")
    assert "`stalled` (versions 1, 2)" in note["message"], note
    assert "version" in note["help"], note
    for apart in ["SELECT version, count(*) FROM finals GROUP BY version", "SELECT count(*) FROM stalled", "SELECT 1"]:
        assert notes(apart) == [], apart
