//! The formats of files and streams.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// One JSON object on each line.
    Ndjson,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that a file's name tells, by its ending.
    pub fn of_name(name: &str) -> Option<Format> {
        let ending = name.rsplit_once('.')?.1;
        match ending.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
            "csv" => Some(Format::Csv),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }

    /// The format that the first bytes look like; `None` if there is nothing to look at.
    pub fn of_content(bytes: &[u8]) -> Option<Format> {
        if bytes.starts_with(b"PAR1") {
            return Some(Format::Parquet);
        }
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        match bytes.iter().find(|b| !b.is_ascii_whitespace())? {
            b'{' | b'[' => Some(Format::Ndjson),
            _ => Some(Format::Csv),
        }
    }
}

/// The mark that some editors put at the beginning of a UTF-8 file; it belongs to no record.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Ndjson => "NDJSON",
            Format::Csv => "CSV",
            Format::Parquet => "Parquet",
        })
    }
}
