//! Avro: a record by the schema of its writer.
//!
//! Avro has no fields that are left out, so a null is one: it is no event on its column. Times are integers in the unit
//! of their logical type, bytes text as Avro's JSON encoding has it.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{RecordSchema, Schema};
use apache_avro::types::Value;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::io::Read;

/// What a message may ask for, which is more than brokers let through by default.
const BYTES_MAX: usize = 16 << 20;

/// Reads the messages of one schema.
#[derive(Debug)]
pub(in crate::pulsar) struct AvroReader {
    schema: Schema,
}

impl AvroReader {
    pub(super) fn new(text: &[u8]) -> Result<Self, String> {
        apache_avro::util::max_allocation_bytes(BYTES_MAX);
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
        if !matches!(schema, Schema::Record(_)) {
            return Err("it is of no record".into());
        }
        bounded(&schema, &mut vec![])?;
        Ok(AvroReader { schema })
    }

    /// The fields of a message that are not null.
    pub(in crate::pulsar) fn read(&self, data: &[u8]) -> Result<Map<String, Json>, String> {
        let reader = GenericDatumReader::builder(&self.schema).build().map_err(|error| error.to_string())?;
        let mut data = Datum { rest: data, is_short: false };
        let value = reader.read_value(&mut data).map_err(|error| error.to_string())?;
        if data.is_short {
            return Err("it ends within the record".into());
        }
        match json(value) {
            Some(Json::Object(fields)) if data.rest.is_empty() => Ok(fields),
            Some(Json::Object(_)) => Err(format!("{} bytes are left behind the record", data.rest.len())),
            _ => Err("it is no record".into()),
        }
    }
}

/// The bytes of a message. The library takes an end that comes too soon for a null, so it is noted here.
struct Datum<'a> {
    rest: &'a [u8],
    is_short: bool,
}

impl Read for Datum<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.is_short |= buffer.len() > self.rest.len();
        self.rest.read(buffer)
    }
}

/// Refuses what makes a small message large or deep: types within themselves, and arrays of what takes no bytes.
fn bounded(schema: &Schema, within: &mut Vec<String>) -> Result<(), String> {
    match schema {
        Schema::Record(RecordSchema { name, fields, .. }) => {
            within.push(name.to_string());
            fields.iter().try_for_each(|field| bounded(&field.schema, within))?;
            within.pop();
            Ok(())
        }
        Schema::Ref { name } if within.contains(&name.to_string()) => {
            Err(format!("`{name}` within itself is not read"))
        }
        Schema::Array(array) if is_empty(&array.items) => Err("arrays of what is always empty are not read".into()),
        Schema::Array(array) => bounded(&array.items, within),
        Schema::Map(map) => bounded(&map.types, within),
        Schema::Union(union) => union.variants().iter().try_for_each(|variant| bounded(variant, within)),
        _ => Ok(()),
    }
}

fn is_empty(schema: &Schema) -> bool {
    match schema {
        Schema::Null => true,
        Schema::Fixed(fixed) => fixed.size == 0,
        Schema::Record(record) => record.fields.iter().all(|field| is_empty(&field.schema)),
        // What it names may be.
        Schema::Ref { .. } => true,
        _ => false,
    }
}

/// A value as JSON; `None` for a null, and for what no column can hold.
fn json(value: Value) -> Option<Json> {
    Some(match value {
        Value::Null | Value::Decimal(_) | Value::BigDecimal(_) | Value::Duration(_) => return None,
        Value::Union(_, value) => return json(*value),
        Value::Boolean(x) => x.into(),
        Value::Int(x) | Value::Date(x) | Value::TimeMillis(x) => x.into(),
        Value::Long(x)
        | Value::TimeMicros(x)
        | Value::TimestampMillis(x)
        | Value::TimestampMicros(x)
        | Value::TimestampNanos(x)
        | Value::LocalTimestampMillis(x)
        | Value::LocalTimestampMicros(x)
        | Value::LocalTimestampNanos(x) => x.into(),
        Value::Float(x) => super::float(x.into()),
        Value::Double(x) => super::float(x),
        Value::String(text) | Value::Enum(_, text) => text.into(),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => bytes.into_iter().map(char::from).collect::<String>().into(),
        Value::Uuid(uuid) => uuid.to_string().into(),
        Value::Array(items) => items.into_iter().map(|item| json(item).unwrap_or(Json::Null)).collect(),
        Value::Map(fields) => Json::Object(object(fields.into_iter().collect::<BTreeMap<_, _>>())),
        Value::Record(fields) => Json::Object(object(fields)),
    })
}

fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Map<String, Json> {
    fields.into_iter().filter_map(|(name, value)| Some((name, json(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::writer::datum::GenericDatumWriter;

    const PLAYER: &str = r#"{"type": "record", "name": "Player", "namespace": "a.b", "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "session", "type": "string"},
        {"name": "state", "type": ["null", {"type": "enum", "name": "State", "symbols": ["play", "buffer"]}]},
        {"name": "rate", "type": ["null", "double"]},
        {"name": "where", "type": {"type": "record", "name": "Where", "fields": [{"name": "cdn", "type": ["null", "string"]}]}},
        {"name": "raw", "type": "bytes"},
        {"name": "tags", "type": {"type": "map", "values": "int"}},
        {"name": "live", "type": "boolean"}
    ]}"#;

    fn player(state: Option<u32>, rate: f64) -> Vec<u8> {
        let state = match state {
            None => Value::Union(0, Value::Null.into()),
            Some(symbol) => Value::Union(1, Value::Enum(symbol, ["play", "buffer"][symbol as usize].into()).into()),
        };
        let cdn = Value::Union(1, Value::String("C\"1\n".into()).into());
        let fields = [
            ("ts", Value::TimestampMillis(1_700_000_000_123)),
            ("session", Value::String("s1".into())),
            ("state", state),
            ("rate", Value::Union(1, Value::Double(rate).into())),
            ("where", Value::Record(vec![("cdn".into(), cdn)])),
            ("raw", Value::Bytes(vec![0x41, 0xe9])),
            ("tags", Value::Map([("n".to_owned(), Value::Int(-3))].into())),
            ("live", Value::Boolean(true)),
        ];
        let record = Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec());
        let schema = Schema::parse_str(PLAYER).unwrap();
        GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(record).unwrap()
    }

    fn read(data: &[u8]) -> Result<String, String> {
        Ok(Json::Object(AvroReader::new(PLAYER.as_bytes())?.read(data)?).to_string())
    }

    #[test]
    fn a_record_is_an_object_and_a_null_is_left_out() {
        let whole = r#"{"live":true,"rate":2.5,"raw":"Aé","session":"s1","state":"buffer","tags":{"n":-3},"ts":1700000000123,"where":{"cdn":"C\"1\n"}}"#;
        assert_eq!(read(&player(Some(1), 2.5)).unwrap(), whole);
        assert_eq!(read(&player(None, 2.5)).unwrap(), whole.replace(r#""state":"buffer","#, ""));
        assert!(read(&player(None, f64::NAN)).unwrap().contains(r#""rate":"NaN""#), "a bad value of its column");
    }

    #[test]
    fn what_is_not_of_the_schema_is_said() {
        let whole = player(Some(0), 1.0);
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        let longer = [&whole[..], b"x"].concat();
        assert_eq!(read(&longer).unwrap_err(), "1 bytes are left behind the record");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bad = whole.clone();
                bad[at] ^= 1 << bit;
                // Whatever it is then, it is said or read, and nothing breaks.
                let _ = read(&bad);
            }
        }
    }

    #[test]
    fn what_can_blow_up_is_refused() {
        let nested = r#"{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}"#;
        assert_eq!(AvroReader::new(nested.as_bytes()).unwrap_err(), "`N` within itself is not read");
        let nulls = r#"{"type":"record","name":"N","fields":[{"name":"n","type":{"type":"array","items":"null"}}]}"#;
        assert!(AvroReader::new(nulls.as_bytes()).unwrap_err().contains("always empty"));
        let twice = r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"P","fields":
            [{"name":"x","type":"int"}]}},{"name":"b","type":"P"}]}"#;
        assert_eq!(
            Json::Object(AvroReader::new(twice.as_bytes()).unwrap().read(b"\x02\x04").unwrap()).to_string(),
            r#"{"a":{"x":1},"b":{"x":2}}"#
        );
        let many = r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"int"}}]}"#;
        assert!(AvroReader::new(many.as_bytes()).unwrap().read(b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f").is_err());
    }
}
