//! The tables of `pg_catalog` that have rows.

use super::oids::{self, CLASS, DATABASE, OWNER, PUBLIC, SCHEMAS};
use super::rows::CatalogRows;
use crate::engine::TableData;
use crate::rows::COMMENT;
use crate::sql::types::{self, PgType};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Field;

/// Their names.
pub(super) const TABLES: [&str; 14] = [
    "pg_am",
    "pg_attribute",
    "pg_authid",
    "pg_class",
    "pg_database",
    "pg_description",
    "pg_namespace",
    "pg_roles",
    "pg_settings",
    "pg_tables",
    "pg_tablespace",
    "pg_timezone_names",
    "pg_type",
    "pg_user",
];

/// A column of a table of ours.
struct CatalogColumn<'a> {
    table: u32,
    number: i32,
    field: &'a Field,
}

/// The rows of one of [`TABLES`].
pub(super) fn table(name: &str, tables: &[TableData]) -> Option<RecordBatch> {
    Some(match name {
        "pg_am" => access_methods(),
        "pg_attribute" => attributes(tables),
        "pg_authid" | "pg_roles" => roles(),
        "pg_class" => classes(tables),
        "pg_database" => databases(),
        "pg_description" => descriptions(tables),
        "pg_namespace" => namespaces(),
        "pg_settings" => settings(),
        "pg_tables" => table_list(tables),
        "pg_tablespace" => tablespaces(),
        "pg_timezone_names" => zones(),
        "pg_type" => all_types(),
        "pg_user" => users(),
        _ => return None,
    })
}

/// The columns of all tables.
fn columns(tables: &[TableData]) -> Vec<CatalogColumn<'_>> {
    let of = |table: &'_ TableData| oids::of_table(&table.name);
    let columns = tables.iter().flat_map(|table| {
        let number = of(table);
        table.schema.fields().iter().zip(1..).map(move |(field, i)| CatalogColumn { table: number, number: i, field })
    });
    columns.collect()
}

fn classes(tables: &[TableData]) -> RecordBatch {
    CatalogRows::of(tables)
        .oid("oid", |table| oids::of_table(&table.name))
        .text("relname", |table| Some(table.name.clone()))
        .oid("relnamespace", |_| PUBLIC)
        .oid("reltype", |_| 0)
        .oid("reloftype", |_| 0)
        .oid("relowner", |_| OWNER)
        .oid("relam", |_| 2)
        .oid("relfilenode", |_| 0)
        .oid("reltablespace", |_| 0)
        .int("relpages", |_| Some(0))
        .int("reltuples", |_| Some(-1))
        .int("relallvisible", |_| Some(0))
        .oid("reltoastrelid", |_| 0)
        .bool("relhasindex", |_| false)
        .bool("relisshared", |_| false)
        .always("relpersistence", "p")
        .always("relkind", "r")
        .int("relnatts", |table| Some(table.schema.fields().len() as i32))
        .int("relchecks", |_| Some(0))
        .bool("relhasrules", |_| false)
        .bool("relhastriggers", |_| false)
        .bool("relhassubclass", |_| false)
        .bool("relhasoids", |_| false)
        .bool("relrowsecurity", |_| false)
        .bool("relforcerowsecurity", |_| false)
        .bool("relispopulated", |_| true)
        .always("relreplident", "n")
        .bool("relispartition", |_| false)
        .oid("relrewrite", |_| 0)
        .oid("relfrozenxid", |_| 0)
        .oid("relminmxid", |_| 0)
        .no_lists(&["relacl", "reloptions"])
        .nulls(&["relpartbound"])
        .finish()
}

fn attributes(tables: &[TableData]) -> RecordBatch {
    let columns = columns(tables);
    let plain = |column: &CatalogColumn<'_>| types::of(column.field.data_type()).0;
    CatalogRows::of(&columns)
        .oid("attrelid", |column| column.table)
        .text("attname", |column| Some(column.field.name().clone()))
        .oid("atttypid", |column| types::oid(column.field.data_type()))
        .int("attstattarget", |_| Some(-1))
        .int("attlen", |column| Some(i32::from(plain(column).bytes)))
        .int("attnum", |column| Some(column.number))
        .int("attndims", |column| Some(i32::from(types::of(column.field.data_type()).1)))
        .int("attcacheoff", |_| Some(-1))
        .int("atttypmod", |column| Some(types::modifier(column.field.data_type())))
        .bool("attbyval", |column| matches!(plain(column).bytes, 1..=8))
        .always("attalign", "i")
        .always("attstorage", "p")
        .always("attcompression", "")
        .bool("attnotnull", |_| false)
        .bool("atthasdef", |_| false)
        .bool("atthasmissing", |_| false)
        .always("attidentity", "")
        .always("attgenerated", "")
        .bool("attisdropped", |_| false)
        .bool("attislocal", |_| true)
        .int("attinhcount", |_| Some(0))
        .oid("attcollation", |_| 0)
        .no_lists(&["attacl", "attoptions", "attfdwoptions"])
        .nulls(&["attmissingval"])
        .finish()
}

fn descriptions(tables: &[TableData]) -> RecordBatch {
    let mut described: Vec<(u32, i32, String)> = vec![];
    for table in tables {
        let own = table.schema.metadata().get(COMMENT);
        described.extend(own.map(|text| (oids::of_table(&table.name), 0, text.clone())));
    }
    let all = columns(tables);
    let with = all.iter().filter_map(|column| Some((column, column.field.metadata().get(COMMENT)?)));
    described.extend(with.map(|(column, text)| (column.table, column.number, text.clone())));
    CatalogRows::of(&described)
        .oid("objoid", |(table, ..)| *table)
        .oid("classoid", |_| CLASS)
        .int("objsubid", |(_, column, _)| Some(*column))
        .text("description", |(.., text)| Some(text.clone()))
        .finish()
}

fn namespaces() -> RecordBatch {
    CatalogRows::of(&SCHEMAS)
        .oid("oid", |(oid, _)| *oid)
        .text("nspname", |(_, name)| Some((*name).to_owned()))
        .oid("nspowner", |_| OWNER)
        .no_lists(&["nspacl"])
        .finish()
}

fn databases() -> RecordBatch {
    CatalogRows::of(&[()])
        .oid("oid", |()| DATABASE)
        .always("datname", "timeline")
        .oid("datdba", |()| OWNER)
        .int("encoding", |()| Some(6))
        .always("datlocprovider", "c")
        .bool("datistemplate", |()| false)
        .bool("datallowconn", |()| true)
        .int("datconnlimit", |()| Some(-1))
        .oid("datfrozenxid", |()| 0)
        .oid("datminmxid", |()| 0)
        .oid("dattablespace", |()| 1663)
        .always("datcollate", "C")
        .always("datctype", "C")
        .nulls(&["daticulocale", "daticurules", "datlocale", "datcollversion"])
        .no_lists(&["datacl"])
        .finish()
}

fn roles() -> RecordBatch {
    CatalogRows::of(&[()])
        .oid("oid", |()| OWNER)
        .always("rolname", "timeline")
        .bool("rolsuper", |()| false)
        .bool("rolinherit", |()| true)
        .bool("rolcreaterole", |()| false)
        .bool("rolcreatedb", |()| false)
        .bool("rolcanlogin", |()| true)
        .bool("rolreplication", |()| false)
        .int("rolconnlimit", |()| Some(-1))
        .bool("rolbypassrls", |()| false)
        .nulls(&["rolpassword", "rolvaliduntil"])
        .no_lists(&["rolconfig"])
        .finish()
}

fn users() -> RecordBatch {
    CatalogRows::of(&[()])
        .always("usename", "timeline")
        .oid("usesysid", |()| OWNER)
        .bool("usecreatedb", |()| false)
        .bool("usesuper", |()| false)
        .bool("userepl", |()| false)
        .bool("usebypassrls", |()| false)
        .nulls(&["passwd", "valuntil", "useconfig"])
        .finish()
}

fn access_methods() -> RecordBatch {
    CatalogRows::of(&[()])
        .oid("oid", |()| 2)
        .always("amname", "heap")
        .oid("amhandler", |()| 3)
        .always("amtype", "t")
        .finish()
}

fn tablespaces() -> RecordBatch {
    CatalogRows::of(&[()])
        .oid("oid", |()| 1663)
        .always("spcname", "pg_default")
        .oid("spcowner", |()| OWNER)
        .no_lists(&["spcacl", "spcoptions"])
        .finish()
}

fn zones() -> RecordBatch {
    CatalogRows::of(&[()]).always("name", "UTC").always("abbrev", "UTC").bool("is_dst", |()| false).finish()
}

fn table_list(tables: &[TableData]) -> RecordBatch {
    CatalogRows::of(tables)
        .always("schemaname", "public")
        .text("tablename", |table| Some(table.name.clone()))
        .always("tableowner", "timeline")
        .nulls(&["tablespace"])
        .bool("hasindexes", |_| false)
        .bool("hasrules", |_| false)
        .bool("hastriggers", |_| false)
        .bool("rowsecurity", |_| false)
        .finish()
}

fn settings() -> RecordBatch {
    CatalogRows::of(crate::sql::settings::SETTINGS)
        .text("name", |(name, _)| Some((*name).to_owned()))
        .text("setting", |(_, value)| Some((*value).to_owned()))
        .always("context", "internal")
        .always("vartype", "string")
        .always("source", "default")
        .nulls(&["unit", "category", "short_desc", "min_val", "max_val", "boot_val", "reset_val"])
        .finish()
}

/// Types, and those of their arrays.
fn all_types() -> RecordBatch {
    let plain = types::all().into_iter().map(|ty| (ty, false));
    let arrays = types::all().into_iter().filter(|ty| ty.array != 0).map(|ty| (ty, true));
    let all: Vec<(&PgType, bool)> = plain.chain(arrays).collect();
    CatalogRows::of(&all)
        .oid("oid", |(ty, is_array)| if *is_array { ty.array } else { ty.oid })
        .text("typname", |(ty, is_array)| Some(format!("{}{}", if *is_array { "_" } else { "" }, ty.name)))
        .oid("typnamespace", |_| oids::of_schema("pg_catalog"))
        .oid("typowner", |_| OWNER)
        .int("typlen", |(ty, is_array)| Some(if *is_array { -1 } else { i32::from(ty.bytes) }))
        .bool("typbyval", |(ty, is_array)| !is_array && matches!(ty.bytes, 1..=8))
        .always("typtype", "b")
        .text("typcategory", |(ty, is_array)| Some(if *is_array { "A" } else { ty.category }.to_owned()))
        .bool("typispreferred", |_| false)
        .bool("typisdefined", |_| true)
        .always("typdelim", ",")
        .oid("typrelid", |_| 0)
        .oid("typelem", |(ty, is_array)| if *is_array { ty.oid } else { 0 })
        .oid("typarray", |(ty, is_array)| if *is_array { 0 } else { ty.array })
        .text("typinput", |(ty, is_array)| Some(if *is_array { "array_in".into() } else { format!("{}in", ty.name) }))
        .text("typoutput", |(ty, is_array)| {
            Some(if *is_array { "array_out".into() } else { format!("{}out", ty.name) })
        })
        .always("typreceive", "-")
        .always("typalign", "i")
        .always("typstorage", "p")
        .bool("typnotnull", |_| false)
        .oid("typbasetype", |_| 0)
        .int("typtypmod", |_| Some(-1))
        .int("typndims", |_| Some(0))
        .oid("typcollation", |_| 0)
        .nulls(&["typdefault", "typdefaultbin"])
        .no_lists(&["typacl"])
        .finish()
}
