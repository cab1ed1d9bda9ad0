//! Answers of a server: rows to standard output, and the positions that they are true for beside them.

use crate::client::{ArrivingRows, ReplyNote, ReplyPosition};
use crate::error::Result;
use crate::output::text::time_string;
use crate::output::{self, OutputFormat, table};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Where the positions of an answer go.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PositionsFlag {
    /// Say what the answer is true for in columns `partition`, `position`, `watermark` instead of on standard error;
    /// `answer_partition` and so on where the rows have such columns themselves.
    #[arg(long)]
    positions: bool,
}

impl PositionsFlag {
    /// Writes the rows, and the positions where the flag says.
    pub(super) fn print(&self, rows: ArrivingRows, format: OutputFormat) -> Result<()> {
        self.print_as(rows, format, false)
    }

    /// The same, with the columns of a value folded into one if `fold`.
    pub(super) fn print_as(&self, rows: ArrivingRows, format: OutputFormat, fold: bool) -> Result<()> {
        tell_notes(&rows.notes);
        if !self.positions {
            tell(&rows.positions, "; --positions says where each is");
            let schema = rows.schema.clone();
            return output::print(format, &schema, rows.batches(), fold);
        }
        eprint!("{}", lacks(&rows.positions));
        let columns = columns(&rows.positions);
        let mut fields: Vec<Arc<Field>> = rows.schema.fields().iter().cloned().collect();
        // Two columns of one name would be one of them to whoever reads the rows.
        let named = |name: &str| match rows.schema.column_with_name(name) {
            Some(_) => format!("answer_{name}"),
            None => name.to_owned(),
        };
        fields.extend(columns.iter().map(|(name, _)| Arc::new(Field::new(named(name), DataType::Utf8, false))));
        let schema = Arc::new(Schema::new(fields));
        let wide = schema.clone();
        let batches = rows.batches().map(move |batch| {
            let batch = batch?;
            let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
            let repeated = |text: &str| StringArray::from_iter_values(std::iter::repeat_n(text, batch.num_rows()));
            arrays.extend(columns.iter().map(|(_, text)| Arc::new(repeated(text)) as ArrayRef));
            Ok(RecordBatch::try_new(wide.clone(), arrays)?)
        });
        output::print(format, &schema, batches, fold)
    }
}

/// Says on standard error why an answer may not be the one that is meant.
pub(super) fn tell_notes(notes: &[ReplyNote]) {
    for ReplyNote { message, help } in notes {
        eprintln!("timeline: {message}\n  help: {help}");
    }
}

/// Says on standard error what an answer is true for, in one line, and then what its partitions lack; `more` says how to
/// learn where each of several stands.
pub(super) fn tell(positions: &[ReplyPosition], more: &str) {
    eprint!("{}{}", summary(positions, more), lacks(positions));
}

/// A line for all partitions: where the only one stands, or how far all of several are.
fn summary(positions: &[ReplyPosition], more: &str) -> String {
    let of = |p: &ReplyPosition| p.watermark_ns.map(time_string);
    let after = |watermark: Option<String>| watermark.map_or_else(String::new, |time| format!(", watermark {time}"));
    match positions {
        [] => String::new(),
        [p] => format!("true for partition {} at {}{}\n", partition(p), bare(&p.position), after(of(p))),
        all => {
            let mut sources: Vec<&str> = all.iter().filter_map(|p| p.source.as_deref()).collect();
            sources.dedup();
            let sources = if sources.is_empty() { String::new() } else { format!(" of {}", sources.join(", ")) };
            let known = || all.iter().filter_map(|p| p.watermark_ns);
            let without = all.iter().filter(|p| p.watermark_ns.is_none()).count();
            let watermarks = match (known().min(), known().max()) {
                (Some(least), Some(most)) if least == most => after(Some(time_string(least))),
                (Some(least), Some(most)) => {
                    format!(", watermarks from {} to {}", time_string(least), time_string(most))
                }
                _ => String::new(),
            };
            let without = match without {
                0 => String::new(),
                n if n == all.len() => ", none with an event yet".into(),
                n => format!(", {n} without an event yet"),
            };
            format!("true for {} partitions{sources}{watermarks}{without}{more}\n", all.len())
        }
    }
}

/// A line for each kind of what partitions lack, with the first of them by name.
fn lacks(positions: &[ReplyPosition]) -> String {
    let mut text = String::new();
    let names = |of: &dyn Fn(&ReplyPosition) -> bool| {
        let names: Vec<String> = positions.iter().filter(|p| of(p)).map(partition).collect();
        let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
        let word = if names.len() == 1 { "partition" } else { "partitions" };
        format!("{word} {}{more}", names[..names.len().min(NAMED)].join(", "))
    };
    if positions.iter().any(|p| p.unowned) {
        let names = names(&|p| p.unowned);
        text.push_str(&format!("{names}: as of the last checkpoint: no processor works there now\n"));
    }
    let gaps = || positions.iter().flat_map(|p| p.gaps.iter().map(move |gap| (p, gap)));
    for (p, gap) in gaps().take(NAMED) {
        let without = if gap.contains("..") { "without " } else { "" };
        text.push_str(&format!("partition {}: {without}{gap}\n", partition(p)));
    }
    if let Some(more @ 1..) = gaps().count().checked_sub(NAMED) {
        text.push_str(&format!("and {more} more gaps: column gaps of the table partitions has them\n"));
    }
    let losses = || positions.iter().flat_map(|p| p.lost.iter().map(move |lost| (p, lost)));
    for (p, lost) in losses().take(NAMED) {
        text.push_str(&format!("partition {}: {lost}\n", partition(p)));
    }
    if let Some(more @ 1..) = losses().count().checked_sub(NAMED) {
        text.push_str(&format!("and {more} more losses: `timeline doctor` names all\n"));
    }
    let partial: u64 = positions.iter().map(|p| p.partial_sessions).sum();
    if partial > 0 {
        let names = names(&|p| p.partial_sessions > 0);
        text.push_str(&format!("{names}: {partial} sessions are partial: they may have begun unseen\n"));
    }
    text
}

/// How many partitions or gaps are named.
const NAMED: usize = 4;

/// Says on standard error which processors of the same state are behind.
pub(super) fn not_yet(addresses: &[String]) {
    for address in addresses {
        eprintln!("the processor at {address} does not run it yet; its standard error says why");
    }
}

/// A partition with its source, if the server says it.
fn partition(p: &ReplyPosition) -> String {
    let number = bare(&p.partition);
    p.source.as_ref().map_or_else(|| number.clone(), |source| format!("{source}/{number}"))
}

/// Each column's name and text; several partitions stand in one text, in one order in all three.
fn columns(positions: &[ReplyPosition]) -> [(&'static str, String); 3] {
    let joined = |of: fn(&ReplyPosition) -> String| positions.iter().map(of).collect::<Vec<_>>().join("; ");
    [("partition", joined(partition)), ("position", joined(|p| bare(&p.position))), ("watermark", joined(watermark))]
}

fn watermark(position: &ReplyPosition) -> String {
    position.watermark_ns.map(time_string).unwrap_or_default()
}

/// A JSON value without the quotes of a text.
pub(super) fn bare(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A JSON value as a table shows it: nothing for null, texts without quotes, numbers as they are written.
pub(super) fn shown(value: &RawValue) -> String {
    match serde_json::from_str::<serde_json::Value>(value.get()) {
        Ok(serde_json::Value::Null) => String::new(),
        Ok(serde_json::Value::String(s)) => table::visible(s.as_bytes()),
        _ => value.get().to_owned(),
    }
}
