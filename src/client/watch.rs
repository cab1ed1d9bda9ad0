//! Server-sent events, each one whole answer as a JSON array of rows, or an `error` that says why there are no more.

use super::reply;
use crate::error::{Error, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

/// Answers as they change. Ends when the server ends the stream.
pub(crate) struct AnswerWatch {
    lines: BufReader<Box<dyn Read>>,
}

impl AnswerWatch {
    pub(super) fn new(body: impl Read + 'static) -> Self {
        AnswerWatch { lines: BufReader::new(Box::new(body)) }
    }

    /// The `data:` of the next event; `None` at the end of the stream.
    fn next_data(&mut self) -> Result<Option<String>> {
        let mut data: Option<String> = None;
        let mut is_error = false;
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.lines.read_line(&mut line);
            if read.map_err(|e| Error::Unreachable(format!("the server is gone: {e}")))? == 0 {
                // What an unfinished event said is not an answer.
                return Ok(None);
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                let Some(data) = data.take() else { continue };
                return if is_error { Err(failed(&data)) } else { Ok(Some(data)) };
            } else if let Some(event) = text.strip_prefix("event:") {
                is_error = event.trim() == "error";
            } else if let Some(more) = text.strip_prefix("data:") {
                let more = more.strip_prefix(' ').unwrap_or(more);
                match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(more);
                    }
                    None => data = Some(more.to_owned()),
                }
            }
        }
    }
}

/// What the server says of why there are no more answers.
fn failed(said: &str) -> Error {
    reply::broken_off(said.as_bytes()).unwrap_or_else(|| Error::Other(anyhow::anyhow!("the server failed: {said}")))
}

impl Iterator for AnswerWatch {
    /// The rows of one answer, each as the JSON text that the server wrote.
    type Item = Result<Vec<Box<RawValue>>>;

    fn next(&mut self) -> Option<Self::Item> {
        let data = self.next_data().transpose()?;
        Some(data.and_then(|data| {
            serde_json::from_str(&data)
                .map_err(|e| Error::Other(anyhow::anyhow!("the server's answer cannot be read: {e}")))
        }))
    }
}

/// The members of one row in the order in which the server wrote them.
pub(crate) struct WatchedRow(pub(crate) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for WatchedRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowMembers;
        impl<'de> Visitor<'de> for RowMembers {
            type Value = WatchedRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WatchedRow, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(WatchedRow(members))
            }
        }
        deserializer.deserialize_map(RowMembers)
    }
}
