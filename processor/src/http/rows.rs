//! The formats that rows come in, and which of them a request accepts.

use super::error::HttpError;
use crate::rows::format::{CsvRows, JsonRows};
use crate::sql::QueryCode;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use std::io;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFormat {
    /// A stream of Arrow IPC.
    Arrow,
    /// One array of objects.
    Json,
    /// An object a line.
    Lines,
    /// CSV with a header.
    Csv,
}

impl RowFormat {
    const ALL: [RowFormat; 4] = [RowFormat::Arrow, RowFormat::Json, RowFormat::Lines, RowFormat::Csv];

    fn media_type(self) -> &'static str {
        match self {
            RowFormat::Arrow => "application/vnd.apache.arrow.stream",
            RowFormat::Json => "application/json",
            RowFormat::Lines => "application/x-ndjson",
            RowFormat::Csv => "text/csv",
        }
    }

    /// The value of the response's `content-type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            RowFormat::Csv => "text/csv; charset=utf-8; header=present",
            other => other.media_type(),
        }
    }

    /// What stands behind the rows of an answer that breaks off, where the format has a place for it. To readers of Arrow
    /// a message whose length is negative is no message, and an error; its length is that of what follows, in JSON.
    pub(super) fn belated(self, refusal: HttpError) -> Vec<u8> {
        match self {
            RowFormat::Arrow => {
                let said = refusal.belated();
                let length = i32::try_from(said.len()).unwrap_or(i32::MAX);
                [&[0xff; 4][..], &(-length).to_le_bytes()[..], said.as_bytes()].concat()
            }
            RowFormat::Json | RowFormat::Lines | RowFormat::Csv => vec![],
        }
    }

    /// The format that a request likes best: Arrow where it does not say, and of equals the one named first.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<RowFormat, HttpError> {
        let named: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if named.is_empty() {
            return Ok(RowFormat::Arrow);
        }
        let mut best: Option<(f32, RowFormat)> = None;
        for range in named.iter().flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let matches = |format: &RowFormat| {
                let own = format.media_type();
                media == "*/*"
                    || media == own
                    || media.strip_suffix("/*").is_some_and(|of| own.starts_with(&format!("{of}/")))
            };
            let Some(format) = RowFormat::ALL.into_iter().find(matches) else { continue };
            if quality > 0.0 && best.is_none_or(|(most, _)| quality > most) {
                best = Some((quality, format));
            }
        }
        let refusal = || {
            let what = QueryCode::Format.error(format!("`{}` is no format of answers", named.join(", ")));
            HttpError::new(StatusCode::NOT_ACCEPTABLE, "format", what.to_string())
        };
        best.map(|(_, format)| format).ok_or_else(refusal)
    }
}

/// Writes an answer piece by piece.
pub(super) enum Encoder {
    Arrow(Box<StreamWriter<Vec<u8>>>),
    /// Rows and what stands before the next one; and whether they are one array.
    Json(JsonRows, &'static [u8], bool),
    Csv(CsvRows, Vec<u8>),
}

impl Encoder {
    pub(super) fn new(format: RowFormat, schema: &SchemaRef) -> io::Result<Encoder> {
        Ok(match format {
            RowFormat::Arrow => {
                Encoder::Arrow(Box::new(StreamWriter::try_new(vec![], schema).map_err(io::Error::other)?))
            }
            RowFormat::Json => Encoder::Json(JsonRows::new(schema, false, true), b"[\n", true),
            RowFormat::Lines => Encoder::Json(JsonRows::new(schema, false, true), b"", false),
            RowFormat::Csv => {
                let rows = CsvRows::new(schema, false);
                let mut head = vec![];
                rows.header(&mut head);
                Encoder::Csv(rows, head)
            }
        })
    }

    /// Some rows, with what stands before them.
    pub(super) fn rows(&mut self, batch: &RecordBatch) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Arrow(writer) => {
                writer.write(batch).map_err(io::Error::other)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Encoder::Json(rows, before, is_array) => {
                let mut out = vec![];
                for row in 0..batch.num_rows() {
                    out.extend_from_slice(before);
                    rows.push(&mut out, batch, row);
                    *before = if *is_array { b",\n" } else { b"\n" };
                }
                Ok(out)
            }
            Encoder::Csv(rows, head) => {
                let mut out = std::mem::take(head);
                (0..batch.num_rows()).for_each(|row| rows.push(&mut out, batch, row));
                Ok(out)
            }
        }
    }

    /// What stands behind all rows.
    pub(super) fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Arrow(mut writer) => {
                writer.finish().map_err(io::Error::other)?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Encoder::Json(_, b"[\n", true) => Ok(b"[]\n".to_vec()),
            Encoder::Json(_, _, true) => Ok(b"\n]\n".to_vec()),
            Encoder::Json(_, before, false) => Ok(before.to_vec()),
            Encoder::Csv(_, head) => Ok(head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RowFormat;
    use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

    #[test]
    fn the_best_accepted_format_is_taken() {
        let accepted = |text: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(text))]);
            RowFormat::accepted(&headers).ok()
        };
        assert_eq!(RowFormat::accepted(&HeaderMap::new()).ok(), Some(RowFormat::Arrow));
        for (text, format) in [
            ("*/*", RowFormat::Arrow),
            ("application/json", RowFormat::Json),
            ("text/*", RowFormat::Csv),
            ("text/csv;q=0.5, application/JSON; q=0.9", RowFormat::Json),
            ("text/html, application/x-ndjson", RowFormat::Lines),
            ("application/json, text/csv", RowFormat::Json),
        ] {
            assert_eq!(accepted(text), Some(format), "{text}");
        }
        assert_eq!((accepted("text/html"), accepted("text/csv;q=0")), (None, None));
    }
}
