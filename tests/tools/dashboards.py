"""What Grafana's PostgreSQL source and Metabase send, as they write it."""
import sys

import psycopg

c = psycopg.connect(f"host=127.0.0.1 port={sys.argv[1]} dbname=timeline user=anybody", autocommit=True)


def rows(sql, *parameters):
    return c.execute(sql, *parameters).fetchall()


# Grafana: the test of the source, its version, TimescaleDB.
assert rows("SELECT 1") == [(1,)]
assert rows("SELECT current_setting('server_version_num')::int/100 as version") == [(1500,)]
assert rows("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'") == []
# Its lists of tables and of columns.
PATH = """(
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )"""
tables = rows(f"""select quote_ident(table_name) as "table" from information_schema.tables
    where quote_ident(table_schema) not in ('information_schema',
                             'pg_catalog',
                             '_timescaledb_cache',
                             '_timescaledb_catalog',
                             '_timescaledb_internal',
                             '_timescaledb_config',
                             'timescaledb_information',
                             'timescaledb_experimental')
      and quote_ident(table_schema) IN {PATH}""")
assert ("finals",) in tables and ("stalled",) in tables, tables
columns = rows(f"""select quote_ident(column_name) as "column", data_type as "type"
    from information_schema.columns
    where quote_ident(table_schema) IN {PATH} and quote_ident(table_name) = 'stalled'""")
assert ("start", "timestamp with time zone") in columns and ("value", "numeric") in columns, columns
# What its macros come to: a filter of time, groups of time, a table and a series.
series = rows("""
    SELECT
      floor(extract(epoch from "start")/60)*60 AS "time",
      cdn AS metric,
      avg(value) AS "value"
    FROM stalled
    WHERE "start" BETWEEN '1970-01-01T00:00:00Z' AND '1970-01-01T01:00:00Z'
    GROUP BY 1,2
    ORDER BY 1,2""")
assert [(time, metric, float(value)) for time, metric, value in series] == [(0, "C1", 7), (0, "C2", 4)], series
binned = rows("""SELECT date_bin('1 minute', "start", TIMESTAMP '1970-01-01T00:00:00Z') AS time, count(*) FROM stalled GROUP BY 1""")
assert [count for _, count in binned] == [2], binned

# Metabase: who may do what, schemas, tables with their comments, columns, keys.
may = rows("""
    with table_privileges as (
     select
       NULL as role,
       t.schemaname as schema,
       t.objectname as table,
       pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'update') as update,
       pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'select') as select,
       pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'insert') as insert,
       pg_catalog.has_table_privilege(     current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"',  'delete') as delete
     from (
       select schemaname, tablename as objectname from pg_catalog.pg_tables
       union
       select schemaname, viewname as objectname from pg_catalog.pg_views
       union
       select schemaname, matviewname as objectname from pg_catalog.pg_matviews
     ) t
     where t.schemaname !~ '^pg_'
       and t.schemaname <> 'information_schema'
       and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
    )
    select t.*
    from table_privileges t
""")
assert (None, "public", "finals", False, True, False, False) in may, may
synced = rows("""
    SELECT "n"."nspname" AS "schema", "c"."relname" AS "name",
      CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW'
        WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type",
      "d"."description" AS "description", NULLIF("stat"."n_live_tup", 0) AS "estimated_row_count"
    FROM "pg_catalog"."pg_class" AS "c"
    INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
    LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = 0)
      AND ("d"."classoid" = 'pg_class'::regclass)
    LEFT JOIN "pg_stat_user_tables" AS "stat" ON ("n"."nspname" = "stat"."schemaname") AND ("c"."relname" = "stat"."relname")
    WHERE ("c"."relnamespace" = "n"."oid") AND ("n"."nspname" !~ '^pg_') AND ("n"."nspname" <> 'information_schema')
      AND c.relkind in ('r', 'p', 'v', 'f', 'm') AND ("n"."nspname" IN ('public'))
    ORDER BY "type" ASC, "schema" ASC, "name" ASC""")
assert ("public", "sessions", "TABLE", "A session, alive or over.", None) in synced, synced
fields = rows("""
    SELECT "c"."column_name" AS "name",
      CASE WHEN "c"."udt_schema" IN ('public', 'pg_catalog') THEN FORMAT('%s', "c"."udt_name")
        ELSE FORMAT('"%s"."%s"', "c"."udt_schema", "c"."udt_name") END AS "database-type",
      "c"."ordinal_position" - 1 AS "database-position", "c"."table_schema" AS "table-schema", "c"."table_name" AS "table-name",
      "pk"."column_name" IS NOT NULL AS "pk?",
      COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST("c"."table_schema" AS TEXT), CAST("c"."table_name" AS TEXT)) AS REGCLASS) AS OID), "c"."ordinal_position") AS "field-comment"
    FROM "information_schema"."columns" AS "c"
    LEFT JOIN (SELECT "tc"."table_schema", "tc"."table_name", "kc"."column_name"
      FROM "information_schema"."table_constraints" AS "tc"
      INNER JOIN "information_schema"."key_column_usage" AS "kc" ON ("tc"."constraint_name" = "kc"."constraint_name")
        AND ("tc"."table_schema" = "kc"."table_schema") AND ("tc"."table_name" = "kc"."table_name")
      WHERE "tc"."constraint_type" = 'PRIMARY KEY') AS "pk"
      ON ("c"."table_schema" = "pk"."table_schema") AND ("c"."table_name" = "pk"."table_name") AND ("c"."column_name" = "pk"."column_name")
    WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND ("c"."table_schema" IN ('public')) AND ("c"."table_name" = 'stalled')
    ORDER BY "table-schema" ASC, "table-name" ASC, "database-position" ASC""")
assert fields[0] == ("session", "text", 0, "public", "stalled", False, "The key of the session."), fields
assert rows('SELECT TRUE AS "_" FROM "public"."stalled" WHERE 1 <> 1 LIMIT 0') == []
months = rows("""
    SELECT DATE_TRUNC('month', "public"."stalled"."start") AS "start", SUM("public"."stalled"."value") AS "sum"
    FROM "public"."stalled" GROUP BY DATE_TRUNC('month', "public"."stalled"."start") ORDER BY 1 ASC""")
assert [float(total) for _, total in months] == [11], months
c.execute("SET SESSION TIMEZONE TO 'UTC'")
