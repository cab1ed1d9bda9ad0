//! What PostgreSQL calls settings: those that tools ask for, with what they are here.

/// Names and what stands where nothing was set.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("jit", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("row_security", "on"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", VERSION),
    ("server_version_num", "150000"),
    ("session_authorization", "timeline"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "60000"),
    ("synchronize_seqscans", "on"),
    ("timeline.positions", "off"),
    ("timeline.sync", "off"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
    ("transaction_deferrable", "off"),
    ("work_mem", "512MB"),
];

/// The version of PostgreSQL whose words are understood, and whose.
const VERSION: &str = concat!("15.0 (timeline ", env!("CARGO_PKG_VERSION"), ")");

/// What `version()` says.
pub(crate) fn version() -> String {
    format!("PostgreSQL 15.0, the wire of timeline {}", env!("CARGO_PKG_VERSION"))
}
