//! Numbers of objects, which tools hand from one question to the next: so they are the same in every process and after
//! every start, and follow from names alone.

use crate::sql::types;

/// `pg_catalog`, `public` and `information_schema`.
pub(super) const SCHEMAS: [(u32, &str); 3] = [(11, "pg_catalog"), (2200, "public"), (13000, "information_schema")];
/// The one schema of our tables.
pub(super) const PUBLIC: u32 = 2200;
/// Whom everything belongs to.
pub(super) const OWNER: u32 = 10;
/// The number of `pg_class` in descriptions.
pub(super) const CLASS: u32 = 1259;
/// The database.
pub(super) const DATABASE: u32 = 5;
/// The first number that is no system's.
const FIRST: u32 = 16384;

/// The number of a table of ours.
pub(super) fn of_table(name: &str) -> u32 {
    let digest = blake3::hash(name.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    FIRST + (u32::from_le_bytes([a, b, c, d]) >> 2)
}

/// The number of a table as people write it: `public.finals`, `"finals"`; 0 is no table's.
pub(super) fn of_written_table(text: &str) -> u32 {
    let name = text.rsplit('.').next().unwrap_or_default().trim_matches('"');
    match name {
        "pg_class" => CLASS,
        "pg_namespace" => 2615,
        "pg_type" => 1247,
        "pg_database" => 1262,
        "pg_proc" => 1255,
        "pg_constraint" => 2606,
        name => of_table(name),
    }
}

/// The number of a schema; 0 of what is none.
pub(super) fn of_schema(name: &str) -> u32 {
    SCHEMAS.iter().find(|(_, own)| *own == name).map_or(0, |(oid, _)| *oid)
}

/// The number of a type, by either name; 0 of what is none.
pub(super) fn of_type(name: &str) -> u32 {
    let name = name.trim().trim_start_matches("pg_catalog.").to_ascii_lowercase();
    let (name, is_array) = name.strip_suffix("[]").map_or((name.as_str(), false), |of| (of, true));
    let found = types::all().into_iter().find(|ty| ty.name == name || ty.sql == name);
    found.map_or(0, |ty| if is_array { ty.array } else { ty.oid })
}
