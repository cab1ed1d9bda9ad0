//! Declaring sources, decoding text, and showing batches.

use crate::{Batch, Block, Decoder, Payload, Position, key_hash};
use timeline_core::plan::{Csv, FieldPath, Nulls, SourceColumn, SourceDefinition, TimeUnit};
use timeline_core::{Field, Type};

/// A source with times in milliseconds unless `unit` says otherwise.
pub(crate) struct Declared {
    pub(crate) key: Vec<&'static str>,
    pub(crate) unit: &'static str,
    pub(crate) order: Option<(&'static str, Type)>,
    pub(crate) lateness: i64,
    pub(crate) future: Option<i64>,
    /// Name, path and type.
    pub(crate) columns: Vec<(&'static str, &'static str, Type)>,
    /// Of every column.
    pub(crate) nulls: Nulls,
    pub(crate) csv: Csv,
}

impl Default for Declared {
    fn default() -> Self {
        let columns =
            vec![("s", "s", Type::String), ("f", "f", Type::Float), ("i", "i", Type::Int), ("b", "b", Type::Bool)];
        Declared {
            key: vec!["k"],
            unit: "ms",
            order: None,
            lateness: 0,
            future: None,
            columns,
            nulls: Nulls::default(),
            csv: Csv::default(),
        }
    }
}

impl Declared {
    pub(crate) fn columns(&self) -> Vec<SourceColumn> {
        let path = |path: &str| FieldPath::parse(path).unwrap();
        let nulls = || self.nulls.clone();
        self.columns
            .iter()
            .map(|(name, from, ty)| SourceColumn {
                name: (*name).into(),
                path: path(from),
                ty: *ty,
                source: 0,
                nulls: nulls(),
            })
            .collect()
    }

    pub(crate) fn source(&self) -> SourceDefinition {
        use TimeUnit::*;
        let units = [Nanoseconds, Microseconds, Milliseconds, Seconds, Rfc3339];
        SourceDefinition {
            name: "test".into(),
            key: self.key.iter().map(|name| FieldPath::name(name)).collect(),
            time: FieldPath::name("t"),
            time_unit: units.into_iter().find(|unit| unit.name() == self.unit).unwrap(),
            order: self.order.map(|(name, ty)| (FieldPath::name(name), ty)),
            lateness: self.lateness,
            future: self.future,
            idle: timeline_core::plan::Idle::Usual,
            repair: None,
            csv: self.csv,
        }
    }

    pub(crate) fn decoder(&self) -> Decoder {
        Decoder::new(&self.source(), &self.columns())
    }
}

pub(crate) fn block(payload: Payload) -> Block {
    let (start, end, origin) = (Position::START, Position::START, "test".into());
    Block { payload, start, end, origin, marks: vec![], preceding: None }
}

pub(crate) fn decode(declared: &Declared, payload: Payload) -> Batch {
    declared.decoder().decode(block(payload))
}

pub(crate) fn lines(declared: &Declared, text: &str) -> Batch {
    decode(declared, Payload::Lines(text.into()))
}

/// Decodes one line.
pub(crate) fn json(declared: &Declared, line: &str) -> Batch {
    let batch = lines(declared, line);
    assert_eq!(batch.records, 1, "{line}");
    batch
}

pub(crate) fn csv(declared: &Declared, header: &[&str], bytes: &[u8]) -> Batch {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    decode(declared, Payload::Csv { header: header.into(), delimiter: b',', bytes: bytes.to_vec() })
}

/// `key@time column=value ... | code column | ...`, with the columns of [`Declared::default`] (or the first of them).
pub(crate) fn show(batch: &Batch) -> String {
    let mut out = String::new();
    let columns = Declared::default().columns();
    for event in &batch.events {
        assert_eq!(event.hash, key_hash(event.key.of(&batch.bytes)));
        out += &format!("{}@{}", batch.text(event.key), event.time);
        for (column, field) in columns.iter().zip(batch.record(event, &columns, 0).fields) {
            match field {
                Field::Missing => {}
                Field::Null => out += &format!(" {}=null", column.name),
                Field::Value(value) => out += &format!(" {}={value}", column.name),
            }
        }
    }
    for dead in &batch.dead {
        let space = if out.is_empty() { "" } else { " " };
        out += &format!("{space}| {}", dead.code);
        out += &dead.column.as_deref().map(|column| format!(" {column}")).unwrap_or_default();
    }
    out
}
