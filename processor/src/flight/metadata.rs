//! What the tables are, and what the server is: small answers that clients ask for by commands of their own.

use super::FlightApp;
use super::asking::as_told;
use super::status::{fault, status};
use crate::engine::EngineError;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    Command, CommandGetDbSchemas, CommandGetTables, SqlInfo, SqlSupportedCaseSensitivity, SqlSupportedTransaction,
};
use std::sync::Arc;
use tonic::Status;

/// As statements name them.
const CATALOG: &str = "timeline";
const SCHEMA: &str = "public";
/// What every table is.
const TABLE: &str = "TABLE";

/// The answer to a command; none where it is none of these.
pub(super) async fn answer(app: &FlightApp, command: Command) -> Result<Option<RecordBatch>, Status> {
    let batch = match command {
        Command::CommandGetCatalogs(command) => {
            let mut catalogs = command.into_builder();
            catalogs.append(CATALOG);
            catalogs.build()
        }
        Command::CommandGetDbSchemas(command) => schemas(command),
        Command::CommandGetTables(command) => return tables(app, command).await.map(Some),
        Command::CommandGetTableTypes(command) => {
            let mut types = command.into_builder();
            types.append(TABLE);
            types.build()
        }
        Command::CommandGetSqlInfo(command) => command.into_builder(&server()?).build(),
        Command::CommandGetPrimaryKeys(_) => Ok(RecordBatch::new_empty(Arc::new(primary_keys()))),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => Ok(RecordBatch::new_empty(Arc::new(foreign_keys()))),
        _ => return Ok(None),
    };
    batch.map(Some).map_err(Status::from)
}

fn schemas(command: CommandGetDbSchemas) -> Result<RecordBatch, arrow_flight::error::FlightError> {
    let mut schemas = command.into_builder();
    schemas.append(CATALOG, SCHEMA);
    schemas.build()
}

async fn tables(app: &FlightApp, command: CommandGetTables) -> Result<RecordBatch, Status> {
    let engine = app.engine.clone();
    let with_columns = command.include_schema;
    // No partition is asked for that, but an engine may block.
    let described = tokio::task::spawn_blocking(move || -> Result<Vec<(String, Schema)>, EngineError> {
        let names = engine.table_names();
        if !with_columns {
            return Ok(names.into_iter().map(|name| (name, Schema::empty())).collect());
        }
        let tables = engine.columns(&names)?;
        Ok(tables.into_iter().map(|table| (table.name, as_told(&table.schema, &[]).as_ref().clone())).collect())
    });
    let described = described.await.map_err(fault)?.map_err(|error| status(&error))?;
    let mut tables = command.into_builder();
    for (name, columns) in described {
        tables.append(CATALOG, SCHEMA, name, TABLE, &columns).map_err(Status::from)?;
    }
    tables.build().map_err(Status::from)
}

/// What the server is and can.
fn server() -> Result<SqlInfoData, Status> {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "timeline");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    // Of its format, which Arrow counts apart from its libraries.
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.5");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, false);
    let as_they_are = SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32;
    info.append(SqlInfo::SqlIdentifierCase, as_they_are);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.build().map_err(Status::from)
}

fn text(name: &str, is_nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, is_nullable)
}

/// The columns of an answer about primary keys, of which there are none.
fn primary_keys() -> Schema {
    Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("key_name", true),
    ])
}

/// The columns of one about foreign keys, likewise.
fn foreign_keys() -> Schema {
    Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ])
}
