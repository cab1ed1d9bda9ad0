// The JDBC driver: metadata as DBeaver and Metabase ask for it, prepared statements, rows in pieces, errors, cancellation.

import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

public class Jdbc {
    static void check(boolean holds, Object what) {
        if (!holds) throw new AssertionError(String.valueOf(what));
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/timeline?user=anybody&ApplicationName=test";
        try (Connection c = DriverManager.getConnection(url)) {
            DatabaseMetaData data = c.getMetaData();
            check(data.getDatabaseProductName().equals("PostgreSQL"), data.getDatabaseProductName());
            Set<String> tables = new TreeSet<>();
            try (ResultSet r = data.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"})) {
                while (r.next()) tables.add(r.getString("TABLE_NAME"));
            }
            check(tables.containsAll(List.of("finals", "totals", "sessions", "stalled")), tables);
            Map<String, Integer> columns = new LinkedHashMap<>();
            try (ResultSet r = data.getColumns(null, "public", "stalled", "%")) {
                while (r.next()) {
                    columns.put(r.getString("COLUMN_NAME"), r.getInt("DATA_TYPE"));
                    if (r.getString("COLUMN_NAME").equals("session")) {
                        check("The key of the session.".equals(r.getString("REMARKS")), r.getString("REMARKS"));
                    }
                }
            }
            check(columns.get("session") == Types.VARCHAR && columns.get("value") == Types.NUMERIC, columns);
            check(columns.get("start") == Types.TIMESTAMP && columns.get("closed") == Types.BIT, columns);
            try (ResultSet r = data.getSchemas()) {
                Set<String> schemas = new TreeSet<>();
                while (r.next()) schemas.add(r.getString("TABLE_SCHEM"));
                check(schemas.contains("public"), schemas);
            }
            try (ResultSet r = data.getPrimaryKeys(null, "public", "finals")) { check(!r.next(), "no keys"); }
            try (ResultSet r = data.getImportedKeys(null, "public", "finals")) { check(!r.next(), "no keys"); }
            try (ResultSet r = data.getIndexInfo(null, "public", "finals", false, true)) { check(!r.next(), "no index"); }
            try (ResultSet r = data.getTypeInfo()) { check(r.next(), "types"); }
            // More often than the driver needs to prepare it on the server, and to take rows in binary.
            try (PreparedStatement s = c.prepareStatement("SELECT value, start, closed FROM stalled WHERE session = ? AND value > ?")) {
                for (int i = 0; i < 8; i++) {
                    s.setString(1, "s1");
                    s.setInt(2, 1);
                    try (ResultSet r = s.executeQuery()) {
                        check(r.next(), "a row");
                        check(r.getBigDecimal(1).compareTo(BigDecimal.valueOf(7)) == 0, r.getBigDecimal(1));
                        check(r.getTimestamp(2).getTime() == 0 && r.getBoolean(3), r.getTimestamp(2));
                        check(!r.next(), "one row");
                    }
                }
            }
            try (PreparedStatement s = c.prepareStatement("SELECT count(*) FROM sessions WHERE start >= ?")) {
                s.setTimestamp(1, new Timestamp(1000));
                try (ResultSet r = s.executeQuery()) {
                    check(r.next() && r.getLong(1) == 1, "times as parameters");
                }
                check(s.getMetaData().getColumnCount() == 1, "described before it runs");
            }
            c.setReadOnly(true);
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.setFetchSize(100);
                long sum = 0;
                try (ResultSet r = s.executeQuery("SELECT value FROM generate_series(1, 1000)")) {
                    while (r.next()) sum += r.getLong(1);
                }
                check(sum == 500500, sum);
                s.execute("SELECT 1");
            }
            c.commit();
            c.setAutoCommit(true);
            try (Statement s = c.createStatement()) {
                s.executeUpdate("DELETE FROM finals");
                check(false, "it was written");
            } catch (SQLException error) {
                check(error.getSQLState().equals("25006"), error.getSQLState());
            }
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                s.executeQuery("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b");
                check(false, "it ended");
            } catch (SQLException error) {
                check(error.getSQLState().equals("57014"), error.getSQLState());
            }
            check(c.isValid(2), "the connection goes on");
        }
    }
}
