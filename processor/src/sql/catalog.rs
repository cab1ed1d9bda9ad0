//! What the tables are, as tools for PostgreSQL ask it: `pg_catalog`, `information_schema` and the functions beside them.
//!
//! All of it follows from the names and columns of our own tables, for which no partition is asked ([`Engine::columns`]).
//! **Invariant:** an object has one number in every process and after every start ([`oids`]): tools hand numbers from
//! one question to the next, and each question has a process of its own.
//!
//! A crate for this was the alternative (`datafusion-pg-catalog`): it counts numbers up as they are asked for, and takes
//! the library with all that it can be built with.
//!
//! [`Engine::columns`]: crate::engine::Engine::columns

mod empty;
mod functions;
mod information;
mod objects;
mod oids;
mod rewrite;
mod rows;

pub(super) use empty::is_number;
pub(super) use functions::register as register_functions;
pub(super) use rewrite::rewrite;

use crate::engine::TableData;
use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::memory::MemorySchemaProvider;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider};
use datafusion::common::TableReference;
use datafusion::error::Result;
use rewrite::PG_CATALOG;
use std::collections::BTreeSet;
use std::sync::Arc;

const INFORMATION_SCHEMA: &str = "information_schema";

/// Whether `pg_catalog` has a table.
fn has_table(name: &str) -> bool {
    objects::TABLES.contains(&name) || empty::is_empty_table(name)
}

/// Whether a name is one of a table that says what the tables are; `known` are our own.
pub(super) fn is_catalog(reference: &TableReference, known: &[String]) -> bool {
    match reference.schema() {
        Some(schema) => schema.eq_ignore_ascii_case(INFORMATION_SCHEMA) || schema.eq_ignore_ascii_case(PG_CATALOG),
        None => has_table(reference.table()) && !known.iter().any(|name| name == reference.table()),
    }
}

/// Whether a table is one of the library's own: what it can do, and how it is set.
pub(super) fn is_library(reference: &TableReference) -> bool {
    let is_own = |schema: &str| schema.eq_ignore_ascii_case(INFORMATION_SCHEMA);
    reference.schema().is_some_and(is_own) && ["routines", "parameters", "df_settings"].contains(&reference.table())
}

/// Makes both schemas known to a question, as far as it reads them.
pub(super) fn register(catalog: &dyn CatalogProvider, reads: &[TableReference], tables: &[TableData]) -> Result<()> {
    for schema in [PG_CATALOG, INFORMATION_SCHEMA] {
        let names: BTreeSet<&str> = reads
            .iter()
            .filter(|reference| reference.schema().is_none_or(|own| own.eq_ignore_ascii_case(schema)))
            .map(TableReference::table)
            .collect();
        let provider = MemorySchemaProvider::new();
        for name in names {
            let own = name.to_ascii_lowercase();
            let batch = match schema {
                PG_CATALOG => objects::table(&own, tables),
                _ => information::table(&own, tables),
            };
            let batch = batch.or_else(|| empty::columns(schema, &own).map(RecordBatch::new_empty));
            if let Some(batch) = batch {
                let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
                provider.register_table(name.to_owned(), Arc::new(table))?;
            }
        }
        catalog.register_schema(schema, Arc::new(provider))?;
    }
    Ok(())
}
