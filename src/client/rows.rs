//! The rows of an answer as they arrive: a stream of Arrow IPC as the body of a response.
//!
//! **Invariant:** rows end without an error only where the stream's end mark was read. The library takes a body that
//! just ends, or breaks off between two messages, for the end of the stream, so [`CompleteBody`] lets it see neither.

use super::{ReplyNote, ReplyPosition, header, positions, reply};
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use processor::engine::PageExtent;
use std::cell::Cell;
use std::io::{self, Read};
use std::iter;
use std::rc::Rc;
use ureq::Body;
use ureq::http::Response;

/// Most that is read of why an answer broke off.
const SAID_BYTES_MAX: u64 = 64 << 10;

/// What to do about an answer that broke off without a word.
const HELP: &str = "the rows before it are not all of them: ask again; the processor's standard error says why";

/// Rows as they arrive, and what they are true for.
pub(crate) struct ArrivingRows {
    /// The columns.
    pub(crate) schema: SchemaRef,
    /// One for each partition that the answer speaks of.
    pub(crate) positions: Vec<ReplyPosition>,
    /// Why they may not be those that are meant.
    pub(crate) notes: Vec<ReplyNote>,
    /// How much of a list they are, where they are one of a list.
    pub(crate) extent: Option<PageExtent>,
    batches: StreamReader<CompleteBody>,
    tells: Rc<Cell<bool>>,
}

impl ArrivingRows {
    /// The rows of a response, of which the columns are there.
    pub(super) fn of(response: Response<Body>) -> Result<ArrivingRows> {
        let (positions, notes) = (positions(&response)?, header(&response, "timeline-notes")?);
        let extent = header(&response, "timeline-rows")?;
        let body = CompleteBody(Box::new(response.into_body().into_reader()));
        let batches = StreamReader::try_new(body, None).map_err(|error| match error {
            ArrowError::IoError(..) => broken_off(&error),
            error => Error::Other(anyhow::anyhow!("the server's answer is not a stream of rows: {error}")),
        })?;
        Ok(ArrivingRows { schema: batches.schema(), positions, notes, extent, batches, tells: Rc::default() })
    }

    /// The rows themselves; an interrupted answer is an error, not an end: what the server said of it, or that it cannot
    /// be reached any more.
    pub(crate) fn batches(self) -> impl Iterator<Item = Result<RecordBatch>> {
        let ArrivingRows { mut batches, tells, .. } = self;
        let mut is_over = false;
        iter::from_fn(move || {
            if is_over {
                return None;
            }
            let batch = batches.next()?;
            is_over = batch.is_err();
            let batch = batch.map_err(|error| match &error {
                // A message of a negative length, which no rows have.
                ArrowError::ParseError(_) => batches.get_mut().said().unwrap_or_else(|| broken_off(&error)),
                error => broken_off(error),
            });
            if let Ok(batch) = &batch {
                tells.set(tells.get() || any_value(batch));
            }
            Some(batch)
        })
    }

    /// Whether a row that [`ArrivingRows::batches`] has given so far has any value but nulls and zeros, which an aggregate of no
    /// rows has.
    pub(crate) fn tells(&self) -> Rc<Cell<bool>> {
        self.tells.clone()
    }
}

/// A body whose end is an error: whoever reads messages to the end mark never comes to it.
struct CompleteBody(Box<dyn Read>);

impl CompleteBody {
    /// What the server says of why there are no more rows, if that is what follows.
    fn said(&mut self) -> Option<Error> {
        let mut text = vec![];
        // That it breaks off behind it is no news.
        let _ = self.0.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut text);
        reply::broken_off(&text)
    }
}

impl Read for CompleteBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into) {
            Ok(0) if !into.is_empty() => Err(io::Error::other("it ended before the mark of its end")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(io::Error::other(error)),
            read => read,
        }
    }
}

fn broken_off(error: &ArrowError) -> Error {
    let why = match error {
        ArrowError::IoError(_, error) => error.to_string(),
        error => error.to_string(),
    };
    Error::Unreachable(format!("the answer broke off: {why}\n  help: {HELP}"))
}

/// Whether rows have any value but nulls and zeros.
fn any_value(batch: &RecordBatch) -> bool {
    batch.columns().iter().any(|column| {
        let values = column.len() - column.null_count();
        let numbers = if column.data_type().is_numeric() { cast(column, &DataType::Float64).ok() } else { None };
        match numbers {
            Some(numbers) => numbers.as_primitive::<Float64Type>().iter().flatten().any(|x| x != 0.0),
            None => values > 0,
        }
    })
}
