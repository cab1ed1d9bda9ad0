//! A table of a snapshot as one that a query can read: rows in memory and Parquet files as one.

use super::error::cleaned;
use crate::engine::{EngineError, TableData};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::prelude::SessionContext;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The rows of `table`. Filters reach the files, so that row groups which cannot match are not read.
pub(super) fn provider(context: &SessionContext, table: TableData) -> Result<Arc<dyn TableProvider>, EngineError> {
    union(context, table).map_err(cleaned)
}

fn union(context: &SessionContext, table: TableData) -> datafusion::error::Result<Arc<dyn TableProvider>> {
    let live = || MemTable::try_new(table.schema.clone(), vec![table.live.clone()]);
    if table.files.is_empty() {
        return Ok(Arc::new(live()?));
    }
    let files = table
        .files
        .iter()
        .map(|path| ListingTableUrl::parse(url(path)))
        .collect::<datafusion::error::Result<Vec<_>>>()?;
    // Files are told apart by name alone: the processor says which they are, so any ending will do.
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(files).with_listing_options(options);
    let past = ListingTable::try_new(config.with_schema(table.schema.clone()))?;
    if table.live.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(Arc::new(past));
    }
    let live = context.read_table(Arc::new(live()?))?;
    Ok(live.union(context.read_table(Arc::new(past))?)?.into_view())
}

/// Refuses with [`EngineError::Unavailable`] if a file of history is not there.
///
/// A file that is missing when the library lists it would be an empty one to it, and the answer quietly too small.
/// Files are made once and never again: what is there after the listing was there before.
pub(super) fn check_there(files: &[PathBuf]) -> Result<(), EngineError> {
    let missing = files.iter().find(|path| !path.is_file());
    missing.map_or(Ok(()), |path| {
        Err(EngineError::Unavailable(format!("history cannot be read: there is no file `{}`", path.display())))
    })
}

/// A URL, and not a path, because characters of a path would be read as a pattern.
fn url(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut url = "file://".to_owned();
    for &byte in absolute.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}
