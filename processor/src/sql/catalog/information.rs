//! `information_schema`: what the tables are, in the words of the standard.

use super::oids::SCHEMAS;
use super::rows::CatalogRows;
use super::{empty, objects};
use crate::engine::TableData;
use crate::rows::COMMENT;
use crate::sql::types;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field};

/// The catalog of everything.
const CATALOG: &str = "timeline";

/// The rows of one of its tables that has some.
pub(super) fn table(name: &str, tables: &[TableData]) -> Option<RecordBatch> {
    Some(match name {
        "tables" => all_tables(tables),
        "columns" => columns(tables),
        "schemata" => schemata(),
        "information_schema_catalog_name" => CatalogRows::of(&[()]).always("catalog_name", CATALOG).finish(),
        "table_privileges" | "role_table_grants" => privileges(tables),
        "enabled_roles" | "applicable_roles" => CatalogRows::of(&[()]).always("role_name", CATALOG).finish(),
        _ => return None,
    })
}

fn all_tables(tables: &[TableData]) -> RecordBatch {
    // Those that say what the tables are, too, but for what has no rows.
    let own = tables.iter().map(|table| ("public", table.name.as_str(), table.schema.metadata().get(COMMENT)));
    let system = objects::TABLES.iter().map(|name| ("pg_catalog", *name, None));
    let standard = ["tables", "columns", "schemata"].into_iter().chain(empty::of_information_schema());
    let all: Vec<_> = own.chain(system).chain(standard.map(|name| ("information_schema", name, None))).collect();
    CatalogRows::of(&all)
        .always("table_catalog", CATALOG)
        .text("table_schema", |(schema, ..)| Some((*schema).to_owned()))
        .text("table_name", |(_, name, _)| Some((*name).to_owned()))
        .text("table_type", |(schema, ..)| Some(if *schema == "public" { "BASE TABLE" } else { "VIEW" }.to_owned()))
        .always("is_insertable_into", "NO")
        .always("is_typed", "NO")
        .text("comment", |(.., comment)| comment.cloned())
        .finish()
}

fn columns(tables: &[TableData]) -> RecordBatch {
    let columns = tables
        .iter()
        .flat_map(|table| table.schema.fields().iter().zip(1..).map(move |(field, number)| (table, &**field, number)));
    let all: Vec<(&TableData, &Field, i32)> = columns.collect();
    let ty = |field: &Field| types::of(field.data_type());
    let digits = |field: &Field| match field.data_type() {
        DataType::Decimal128(precision, scale) => Some((i32::from(*precision), 10, i32::from(*scale))),
        DataType::Int64 => Some((64, 2, 0)),
        DataType::Int32 => Some((32, 2, 0)),
        DataType::Float64 => Some((53, 2, 0)),
        _ => None,
    };
    CatalogRows::of(&all)
        .always("table_catalog", CATALOG)
        .always("table_schema", "public")
        .text("table_name", |(table, ..)| Some(table.name.clone()))
        .text("column_name", |(_, field, _)| Some(field.name().clone()))
        .int("ordinal_position", |(.., number)| Some(*number))
        .nulls(&["column_default"])
        .always("is_nullable", "YES")
        .text("data_type", |(_, field, _)| Some(if ty(field).1 { "ARRAY" } else { ty(field).0.sql }.to_owned()))
        .int("character_maximum_length", |_| None)
        .int("character_octet_length", |_| None)
        .int("numeric_precision", |(_, field, _)| digits(field).map(|(precision, ..)| precision))
        .int("numeric_precision_radix", |(_, field, _)| digits(field).map(|(_, radix, _)| radix))
        .int("numeric_scale", |(_, field, _)| digits(field).map(|(.., scale)| scale))
        .int("datetime_precision", |(_, field, _)| matches!(field.data_type(), DataType::Timestamp(..)).then_some(6))
        .always("udt_catalog", CATALOG)
        .always("udt_schema", "pg_catalog")
        .text("udt_name", |(_, field, _)| {
            let (of, is_array) = ty(field);
            Some(format!("{}{}", if is_array { "_" } else { "" }, of.name))
        })
        .always("is_identity", "NO")
        .always("is_generated", "NEVER")
        .always("is_updatable", "NO")
        .nulls(&["collation_name", "domain_name", "identity_generation", "generation_expression"])
        .text("comment", |(_, field, _)| field.metadata().get(COMMENT).cloned())
        .finish()
}

fn schemata() -> RecordBatch {
    CatalogRows::of(&SCHEMAS)
        .always("catalog_name", CATALOG)
        .text("schema_name", |(_, name)| Some((*name).to_owned()))
        .always("schema_owner", "timeline")
        .nulls(&["default_character_set_name", "sql_path"])
        .finish()
}

fn privileges(tables: &[TableData]) -> RecordBatch {
    CatalogRows::of(tables)
        .always("grantor", "timeline")
        .always("grantee", "timeline")
        .always("table_catalog", CATALOG)
        .always("table_schema", "public")
        .text("table_name", |table| Some(table.name.clone()))
        .always("privilege_type", "SELECT")
        .always("is_grantable", "NO")
        .always("with_hierarchy", "NO")
        .finish()
}
