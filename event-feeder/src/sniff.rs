//! Guessing the columns of a file, their types and the unit of its times, for programs that declare no source.
//!
//! A guess looks at the first [`RECORDS`] records only; what later records hold besides is treated like any other value
//! that does not fit its column. Columns come in the order of their names.

use crate::csv::{self, CsvScanner};
use crate::decode::is_rfc3339;
use crate::file::header_of;
use crate::{Error, Format, packed};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, Float64Type, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use timeline_core::Type;
use timeline_core::plan::{Csv, FieldPath, TimeUnit};

/// How many records are looked at.
const RECORDS: usize = 1000;
/// How many bytes of a file are looked at.
const SAMPLE: u64 = 1 << 20;

/// What a sample looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sniffed {
    /// The columns by name (members of objects with dots) and the type that takes all their values.
    pub columns: BTreeMap<String, Type>,
    /// For each column that could be a time, how it would be written.
    pub times: BTreeMap<String, TimeUnit>,
    /// The least and the largest number of each column of numbers, fractions cut off.
    pub numbers: BTreeMap<String, (i64, i64)>,
    /// In how many records each column has a value, where records were gone through; of Parquet nothing is said.
    pub counts: BTreeMap<String, u64>,
    /// All names, those of columns without any value included.
    pub names: BTreeSet<String>,
    /// Where lists were found, and the first element of each, for whoever has to say how to select in it.
    pub lists: BTreeMap<String, Value>,
    /// How many records were looked at.
    pub records: u64,
    /// Those of them whose members are nulls for the most part.
    pub hollow: u64,
}

/// How many names are kept of several samples.
const NAMES_MAX: usize = 4096;

impl Sniffed {
    /// The names of a CSV header.
    pub(crate) fn of_header(header: &[String]) -> Self {
        Sniffed { names: header.iter().cloned().collect(), ..Sniffed::default() }
    }

    /// The names of a schema.
    pub(crate) fn of_schema(schema: &Schema) -> Self {
        let mut sniffed = Sniffed::default();
        flatten("", schema.fields(), &mut sniffed);
        sniffed
    }

    /// Adds the names and the counts of another sample.
    pub fn add(&mut self, other: Sniffed) {
        if self.names.len() < NAMES_MAX {
            self.names.extend(other.names);
            self.lists.extend(other.lists);
        }
        self.records += other.records;
        self.hollow += other.hollow;
    }

    /// Whether some record has a value, or a null, there.
    pub fn has(&self, path: &FieldPath) -> bool {
        let dotted = path.dotted();
        // Of an object its members are named.
        let first = format!("{dotted}.");
        let within = || self.names.range(first.clone()..).next().is_some_and(|name| name.starts_with(&first));
        self.names.contains(&dotted) || self.lists.contains_key(&dotted) || within()
    }
}

/// Looks at the beginning of a text, or at all bytes of a Parquet file; `name` is how errors call it.
pub fn sniff(format: Format, sample: &[u8], name: &str, csv: Csv) -> Result<Sniffed, Error> {
    match format {
        Format::Ndjson => Ok(lines(sample)),
        Format::Csv => records(sample, name, csv),
        Format::Parquet => schema(ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(sample)), name),
    }
}

/// Looks at the beginning of a file.
pub fn sniff_file(name: &str, format: Option<Format>, csv: Csv) -> Result<Sniffed, Error> {
    packed::refuse_pipe(name)?;
    let file = File::open(name).map_err(Error::read(name))?;
    let (format, is_packed) = packed::look(&file, name, format)?;
    let mut sample = vec![];
    let read = match (format, is_packed) {
        (None, _) => return Ok(Sniffed::default()),
        (Some(Format::Parquet), _) => return schema(ParquetRecordBatchReaderBuilder::try_new(file), name),
        (Some(_), true) => packed::unpack(&file).take(SAMPLE).read_to_end(&mut sample),
        (Some(_), false) => (&file).take(SAMPLE).read_to_end(&mut sample),
    };
    read.map_err(Error::read(name))?;
    sniff(format.unwrap_or(Format::Ndjson), &sample, name, csv)
}

/// What was seen of a column.
#[derive(Clone, Copy, Debug)]
struct SeenValues {
    /// The type that takes all values so far.
    ty: Option<Type>,
    /// The largest number, without its sign.
    largest: f64,
    /// The least and the largest number.
    range: (f64, f64),
    /// Whether every text is a time.
    all_times: bool,
    /// How many values there are.
    count: u64,
}

#[derive(Default)]
struct SniffedColumns {
    seen: BTreeMap<String, SeenValues>,
    names: BTreeSet<String>,
    lists: BTreeMap<String, Value>,
    records: u64,
    hollow: u64,
}

impl SniffedColumns {
    fn see(&mut self, name: &str, ty: Type, number: f64, is_time: bool) {
        let seen = self.seen.entry(name.to_owned()).or_insert(SeenValues {
            ty: None,
            largest: 0.0,
            range: (number, number),
            all_times: true,
            count: 0,
        });
        seen.count += 1;
        seen.ty = Some(match seen.ty {
            None => ty,
            Some(known) if known == ty => ty,
            Some(known) if known.is_numeric() && ty.is_numeric() => Type::Float,
            Some(_) => Type::String,
        });
        seen.largest = seen.largest.max(number.abs());
        seen.range = (seen.range.0.min(number), seen.range.1.max(number));
        seen.all_times &= is_time;
    }

    fn text(&mut self, name: &str, text: &str) {
        self.see(name, Type::String, 0.0, is_rfc3339(text.as_bytes()));
    }

    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => _ = self.names.insert(name.to_owned()),
            Value::Array(elements) => {
                if !self.lists.contains_key(name) {
                    self.lists.insert(name.to_owned(), elements.first().cloned().unwrap_or_default());
                }
            }
            Value::Bool(_) => self.see(name, Type::Bool, 0.0, false),
            Value::Number(number) => {
                let ty = if number.is_i64() { Type::Int } else { Type::Float };
                self.see(name, ty, number.as_f64().unwrap_or(0.0), true);
            }
            Value::String(text) => self.text(name, text),
            Value::Object(members) => {
                members.iter().for_each(|(member, value)| self.value(&format!("{name}.{member}"), value))
            }
        }
    }

    fn record(&mut self, members: &serde_json::Map<String, Value>) {
        let nulls = members.values().filter(|value| value.is_null()).count();
        self.records += 1;
        self.hollow += u64::from(nulls >= 2 && nulls * 2 >= members.len());
        members.iter().for_each(|(name, value)| self.value(name, value));
    }

    fn cell(&mut self, name: &str, text: &str, comma: bool) {
        let pointed =
            if comma && text.matches(',').count() == 1 { text.replacen(',', ".", 1) } else { text.to_owned() };
        let trimmed = pointed.trim();
        if trimmed.parse::<i64>().is_ok() {
            self.see(name, Type::Int, trimmed.parse().unwrap_or(0.0), true);
        } else if let Some(number) = trimmed.parse::<f64>().ok().filter(|number| number.is_finite()) {
            self.see(name, Type::Float, number, true);
        } else if trimmed.eq_ignore_ascii_case("true") || trimmed.eq_ignore_ascii_case("false") {
            self.see(name, Type::Bool, 0.0, false);
        } else {
            self.text(name, text.trim());
        }
    }

    fn finish(self) -> Sniffed {
        let SniffedColumns { seen, mut names, lists, records, hollow } = self;
        names.extend(seen.keys().cloned());
        let mut sniffed = Sniffed { names, lists, records, hollow, ..Sniffed::default() };
        for (name, seen) in seen {
            let Some(ty) = seen.ty else { continue };
            let unit = match ty {
                Type::String => TimeUnit::Rfc3339,
                _ => unit_of(seen.largest),
            };
            if seen.all_times {
                sniffed.times.insert(name.clone(), unit);
            }
            if ty.is_numeric() {
                // What no integer of 64 bits holds is the nearest of them.
                sniffed.numbers.insert(name.clone(), (seen.range.0 as i64, seen.range.1 as i64));
            }
            sniffed.counts.insert(name.clone(), seen.count);
            sniffed.columns.insert(name, ty);
        }
        sniffed
    }
}

/// The unit in which a number is a time between 1973 and 5138, or small; seconds of a test that counts from 0 are seconds.
fn unit_of(largest: f64) -> TimeUnit {
    match largest {
        x if x < 1e11 => TimeUnit::Seconds,
        x if x < 1e14 => TimeUnit::Milliseconds,
        x if x < 1e17 => TimeUnit::Microseconds,
        _ => TimeUnit::Nanoseconds,
    }
}

pub(crate) fn lines(sample: &[u8]) -> Sniffed {
    let sample = sample.strip_prefix(crate::format::BOM).unwrap_or(sample);
    let mut columns = SniffedColumns::default();
    let records = sample.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    for record in records.take(RECORDS) {
        if let Value::Object(members) = record {
            columns.record(&members);
        }
    }
    columns.finish()
}

fn records(sample: &[u8], name: &str, csv: Csv) -> Result<Sniffed, Error> {
    let mut columns = SniffedColumns::default();
    let Some((header, delimiter, mut start)) = header_of(sample, name, csv.delimiter)? else {
        return Ok(Sniffed::default());
    };
    let comma = csv.decimal.map_or(delimiter == b';', |sign| sign == b',');
    let mut scan = CsvScanner::new(Some(delimiter));
    for _ in 0..RECORDS {
        // A record that the sample cuts off is not looked at, but for a file's last line.
        let end =
            scan.next_end(sample, start).unwrap_or(if (sample.len() as u64) < SAMPLE { sample.len() } else { start });
        let record = csv::trim_end(&sample[start..end]);
        if end == start {
            break;
        }
        start = end;
        let mut column = 0;
        csv::split(record, delimiter, |cell| {
            let text = std::str::from_utf8(&record[cell.text]).unwrap_or_default();
            if let Some(name) = header.get(column).filter(|_| !text.is_empty()) {
                columns.cell(name, text, comma);
            }
            column += 1;
        });
    }
    // A column without any value is still a column.
    let mut sniffed = columns.finish();
    for name in header.iter() {
        sniffed.names.insert(name.clone());
        sniffed.columns.entry(name.clone()).or_insert(Type::String);
    }
    Ok(sniffed)
}

fn schema<R: ChunkReader + 'static>(
    builder: parquet::errors::Result<ParquetRecordBatchReaderBuilder<R>>,
    name: &str,
) -> Result<Sniffed, Error> {
    let bad = |error: &dyn std::error::Error| Error::Format {
        file: name.to_owned(),
        format: Format::Parquet,
        reason: error.to_string(),
    };
    let builder = builder.map_err(|error| bad(&error))?;
    let mut sniffed = Sniffed::of_schema(builder.schema());
    let mut reader = builder.with_batch_size(RECORDS).build().map_err(|error| bad(&error))?;
    if let Some(rows) = reader.next().transpose().map_err(|error| bad(&error))? {
        for (field, array) in
            rows.schema().fields().iter().zip(rows.columns()).filter(|(field, _)| field.data_type().is_numeric())
        {
            let Ok(floats) = cast(array, &DataType::Float64) else { continue };
            let largest = floats.as_primitive::<Float64Type>().iter().flatten().map(f64::abs).fold(0.0, f64::max);
            sniffed.times.insert(field.name().clone(), unit_of(largest));
            let numbers = || floats.as_primitive::<Float64Type>().iter().flatten();
            if let Some(first) = numbers().next() {
                let range = numbers().fold((first, first), |(least, most), x| (least.min(x), most.max(x)));
                sniffed.numbers.insert(field.name().clone(), (range.0 as i64, range.1 as i64));
            }
        }
    }
    Ok(sniffed)
}

fn flatten(within: &str, fields: &Fields, sniffed: &mut Sniffed) {
    for field in fields {
        let name = format!("{within}{}", field.name());
        match field.data_type() {
            DataType::Struct(_) => {}
            DataType::List(_) | DataType::LargeList(_) | DataType::Map(..) => {
                sniffed.lists.insert(name.clone(), Value::Null);
            }
            _ => _ = sniffed.names.insert(name.clone()),
        }
        let values = match field.data_type() {
            DataType::Dictionary(_, values) => values,
            ty => ty,
        };
        let (ty, unit) = match values {
            DataType::Struct(members) => {
                flatten(&format!("{name}."), members, sniffed);
                continue;
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (Type::String, TimeUnit::Rfc3339),
            DataType::Boolean => {
                sniffed.columns.insert(name, Type::Bool);
                continue;
            }
            ty if ty.is_integer() => (Type::Int, TimeUnit::Milliseconds),
            ty if ty.is_numeric() => (Type::Float, TimeUnit::Seconds),
            DataType::Timestamp(..) | DataType::Date32 => (Type::Int, TimeUnit::Nanoseconds),
            _ => continue,
        };
        sniffed.times.insert(name.clone(), unit);
        sniffed.columns.insert(name, ty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, sample: &str, want: &[(&str, Type, Option<TimeUnit>)]) {
        let sniffed = sniff(format, sample.as_bytes(), "test", Csv::default()).unwrap();
        let got: Vec<_> =
            sniffed.columns.iter().map(|(name, ty)| (name.as_str(), *ty, sniffed.times.get(name).cloned())).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn json_tells_types_and_units() {
        let sample = concat!(
            "{\"b\":true,\"f\":1,\"i\":1700000000123,\"n\":null,\"o\":{\"x\":{\"y\":\"z\"}},\"t\":\"2023-12-10T06:55:46Z\"}\n",
            "not json\n\n",
            "{\"f\":1.5,\"m\":1,\"t\":\"2023-12-10 06:55:46\"}\n",
            "{\"m\":\"x\",\"us\":1700000000123456,\"ns\":1700000000123456789,\"s\":1700000000.5}",
        );
        check(
            Format::Ndjson,
            sample,
            &[
                ("b", Type::Bool, None),
                ("f", Type::Float, Some(TimeUnit::Seconds)),
                ("i", Type::Int, Some(TimeUnit::Milliseconds)),
                ("m", Type::String, None),
                ("ns", Type::Int, Some(TimeUnit::Nanoseconds)),
                ("o.x.y", Type::String, None),
                ("s", Type::Float, Some(TimeUnit::Seconds)),
                ("t", Type::String, Some(TimeUnit::Rfc3339)),
                ("us", Type::Int, Some(TimeUnit::Microseconds)),
            ],
        );
    }

    #[test]
    fn csv_tells_types_by_all_its_cells() {
        check(
            Format::Csv,
            "machine,timestamp,value,ok,none\nm1,2013-12-02 21:15:00,73,true,\n7,2013-12-02 21:20:00,74.5,FALSE,\n",
            &[
                ("machine", Type::String, None),
                ("none", Type::String, None),
                ("ok", Type::Bool, None),
                ("timestamp", Type::String, Some(TimeUnit::Rfc3339)),
                ("value", Type::Float, Some(TimeUnit::Seconds)),
            ],
        );
        check(Format::Csv, "", &[]);
        let sniffed = sniff(Format::Csv, b"t,x\n5,-1.5\n-7,x\n6,2.5\n", "test", Csv::default()).unwrap();
        assert_eq!(sniffed.numbers.into_iter().collect::<Vec<_>>(), [("t".to_owned(), (-7, 6))]);
    }

    #[test]
    fn how_many_records_have_a_value_is_counted() {
        let sniffed = lines(b"{\"id\":1,\"o\":{\"x\":1}}\n{\"id\":2}\n{\"ID\":3,\"id\":null}\n");
        let counts: Vec<_> = sniffed.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(counts, [("ID", 1), ("id", 2), ("o.x", 1)]);
        let sniffed = sniff(Format::Csv, b"id,ID\n1,\n2,3\n", "test", Csv::default()).unwrap();
        assert_eq!((sniffed.counts["id"], sniffed.counts["ID"]), (2, 1));
    }

    #[test]
    fn parquet_tells_types_by_its_schema_and_units_by_its_rows() {
        use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
        use std::sync::Arc;
        let columns: [(&str, ArrayRef); 4] = [
            ("b", Arc::new(BooleanArray::from(vec![true]))),
            ("ms", Arc::new(Int64Array::from(vec![1_700_000_000_123]))),
            ("s", Arc::new(StringArray::from(vec!["x"]))),
            ("t", Arc::new(TimestampSecondArray::from(vec![1]))),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(vec![], rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        let sniffed = sniff(Format::Parquet, &writer.into_inner().unwrap(), "test", Csv::default()).unwrap();
        let types: Vec<_> = sniffed.columns.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
        assert_eq!(types, [("b", Type::Bool), ("ms", Type::Int), ("s", Type::String), ("t", Type::Int)]);
        assert_eq!(sniffed.times["ms"], TimeUnit::Milliseconds);
        assert_eq!(sniffed.numbers["ms"], (1_700_000_000_123, 1_700_000_000_123));
        assert_eq!(sniffed.times["t"], TimeUnit::Nanoseconds);
    }
}
