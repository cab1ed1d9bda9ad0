//! The schemas of a topic's messages. What is not JSON becomes the JSON that it says, where it is read; so decoders, kept
//! events and dead letters know one form, and a replay needs no registry.
//!
//! A message names the version of the schema that it was written by, and the broker has its text.
//!
//! **Invariant:** a message whose schema is not known yet is not taken: what a message says never depends on whether the
//! broker answered.

mod avro;
mod protobuf;

use super::probe::cursor;
use super::problem::{problem, silent};
use crate::{Error, Position};
use ::pulsar::message::proto::{Schema, schema::Type};
use ::pulsar::{Pulsar, TokioExecutor};
use serde::de::IgnoredAny;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take to say what a schema is.
const ANSWER: Duration = Duration::from_secs(5);

/// How the messages of one version of a schema say what they say.
#[derive(Debug)]
pub(super) enum MessageEncoding {
    /// As text.
    Text,
    Avro(avro::AvroReader),
    Protobuf(protobuf::ProtobufReader),
    /// In a way that is not read; this is why.
    Unread(String),
}

/// The schemas of a topic, by the version that messages name.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    known: HashMap<Vec<u8>, MessageEncoding>,
    /// What there is to say of a schema that was met for the first time.
    remark: Option<String>,
}

impl Schemas {
    /// How messages of a version are encoded. [`Error`] if the broker does not say, which may be better another time.
    pub(super) async fn of(
        &mut self,
        client: &Pulsar<TokioExecutor>,
        topic: &str,
        version: &[u8],
    ) -> Result<&MessageEncoding, Error> {
        if !self.known.contains_key(version) {
            let ask = async {
                // A consumer's questions wait behind its messages, so this one has hardly any.
                let mut cursor = cursor(client, topic, Position::START, 1).await?;
                let schema = cursor.get_schema(topic, Some(version.to_vec())).await;
                schema.map_err(|error| problem(topic, &error))
            };
            let schema =
                timeout(ANSWER, ask).await.unwrap_or_else(|_| Err(silent(topic)))?.ok_or_else(|| Error::Topic {
                    topic: topic.to_owned(),
                    code: crate::RecordCode::NoBroker,
                    reason: format!("the broker does not say what version {} of its schema is", number(version)),
                })?;
            let encoding = MessageEncoding::of(&schema);
            if let MessageEncoding::Unread(reason) = &encoding {
                tracing::warn!("{topic}: its messages are dead letters from here on: {reason}");
            }
            if matches!(encoding, MessageEncoding::Text | MessageEncoding::Avro(_)) {
                self.remark = self.remark.take().or_else(|| null_defaults(&schema.schema_data));
            }
            self.known.insert(version.to_vec(), encoding);
        }
        Ok(&self.known[version])
    }

    /// What is to be said of the schemas that were met since the last call.
    pub(super) fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

/// Whether the fields of a schema are nulls for the most part where nothing sets them; in words.
///
/// Libraries that make a record's schema of a class write such a null for every field that is not set.
fn null_defaults(schema: &[u8]) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_slice(schema).ok()?;
    let fields = schema.get("fields")?.as_array()?;
    let nulls = fields.iter().filter(|field| field.get("default").is_some_and(serde_json::Value::is_null)).count();
    (nulls >= 2 && nulls * 2 > fields.len()).then(|| {
        format!(
            "{nulls} of {} fields of its schema are null by default: if its producers write null for what they do not set, each \
             null ends a state; say `null is missing` in the source then",
            fields.len()
        )
    })
}

/// A version as people say it; brokers count in 8 bytes.
fn number(version: &[u8]) -> String {
    version.try_into().map_or_else(|_| format!("{version:?}"), |bytes| i64::from_be_bytes(bytes).to_string())
}

impl MessageEncoding {
    fn of(schema: &Schema) -> MessageEncoding {
        let unread = |reason: String| MessageEncoding::Unread(format!("schema `{}`: {reason}", schema.name));
        match schema.r#type() {
            Type::Avro => avro::AvroReader::new(&schema.schema_data).map_or_else(unread, MessageEncoding::Avro),
            Type::ProtobufNative => {
                protobuf::ProtobufReader::new(&schema.schema_data).map_or_else(unread, MessageEncoding::Protobuf)
            }
            Type::Protobuf => unread("PROTOBUF does not say how messages are written; use PROTOBUF_NATIVE".into()),
            Type::KeyValue => unread("KEY_VALUE is not read; use JSON, AVRO or PROTOBUF_NATIVE".into()),
            // JSON, and what is nothing but bytes; of numbers and dates every record is one that is no object.
            _ => MessageEncoding::Text,
        }
    }

    /// What a message says, as JSON; a line that no decoder takes for a record if it is not what its schema says.
    pub(super) fn text(&self, data: Vec<u8>) -> Vec<u8> {
        let read = match self {
            MessageEncoding::Text => return on_one_line(data),
            MessageEncoding::Avro(reader) => reader.read(&data),
            MessageEncoding::Protobuf(reader) => reader.read(&data),
            MessageEncoding::Unread(reason) => Err(reason.clone()),
        };
        match read {
            Ok(object) => serde_json::Value::Object(object).to_string().into_bytes(),
            Err(reason) => {
                let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("a message that cannot be read by its schema: {reason}").into_bytes()
            }
        }
    }
}

/// A message of text: an object that is written over several lines becomes one line, lines of objects stay as they are.
pub(super) fn on_one_line(mut data: Vec<u8>) -> Vec<u8> {
    let Some(end) = memchr::memchr(b'\n', &data).filter(|end| end + 1 < data.len()) else { return data };
    let is_record = data[..end].trim_ascii_end().last() == Some(&b'}');
    if !is_record && serde_json::from_slice::<IgnoredAny>(&data).is_ok() {
        // JSON has no line breaks within its texts.
        data.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    data
}

/// A float as JSON. Those that JSON has no number for are text, so that they are bad values of their column.
fn float(x: f64) -> serde_json::Value {
    serde_json::Number::from_f64(x).map_or_else(|| x.to_string().into(), serde_json::Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(kind: Type, data: &[u8]) -> MessageEncoding {
        MessageEncoding::of(&Schema {
            name: "s".into(),
            schema_data: data.to_vec(),
            r#type: kind as i32,
            properties: vec![],
        })
    }

    fn text(encoding: &MessageEncoding, data: &[u8]) -> String {
        String::from_utf8(encoding.text(data.to_vec())).unwrap()
    }

    #[test]
    fn json_is_left_alone() {
        assert_eq!(text(&schema(Type::Json, b"{}"), b"{\"a\": 1}\n{\"a\":2}"), "{\"a\": 1}\n{\"a\":2}");
        assert_eq!(text(&schema(Type::None, b""), b"x"), "x");
    }

    #[test]
    fn an_object_over_several_lines_is_one_record() {
        let cases = [
            ("{\n \"a\": 1,\r\n \"b\": {}\n}", "{  \"a\": 1,\r  \"b\": {} }"),
            ("\n{\"a\":\n1}\n", " {\"a\": 1} "),
            ("{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n"),
            ("\n{\"a\":1}\n{\"a\":2}", "\n{\"a\":1}\n{\"a\":2}"),
            ("{\"a\":1}\n", "{\"a\":1}\n"),
            ("{\n\"a\":1", "{\n\"a\":1"),
        ];
        for (message, line) in cases {
            assert_eq!(String::from_utf8(on_one_line(message.into())).unwrap(), line);
        }
    }

    #[test]
    fn what_is_not_read_says_why() {
        let cases = [
            (Type::Protobuf, &b"{}"[..], "use PROTOBUF_NATIVE"),
            (Type::KeyValue, b"", "KEY_VALUE is not read"),
            (Type::Avro, b"{", "schema `s`: "),
            (Type::Avro, br#""long""#, "no record"),
            (Type::ProtobufNative, b"{}", "schema `s`: "),
        ];
        for (kind, data, reason) in cases {
            let line = text(&schema(kind, data), b"\x02a");
            assert!(
                line.starts_with("a message that cannot be read by its schema: ") && line.contains(reason),
                "{line}"
            );
        }
    }

    #[test]
    fn schemas_whose_fields_are_null_by_default_are_known() {
        let field = |name: &str, null: bool| {
            let default = if null { ",\"default\":null" } else { "" };
            format!("{{\"name\":\"{name}\",\"type\":[\"null\",\"string\"]{default}}}")
        };
        let schema = |nulls: [bool; 3]| {
            let fields = ["a", "b", "c"].into_iter().zip(nulls).map(|(name, null)| field(name, null));
            format!("{{\"type\":\"record\",\"name\":\"E\",\"fields\":[{}]}}", fields.collect::<Vec<_>>().join(","))
        };
        let said = null_defaults(schema([true, true, false]).as_bytes()).unwrap();
        assert!(said.starts_with("2 of 3 fields") && said.contains("`null is missing`"), "{said}");
        assert_eq!(null_defaults(schema([true, false, false]).as_bytes()), None);
        assert_eq!(null_defaults(b"\"long\""), None);
        assert_eq!(null_defaults(b"{"), None);
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(number(&[0, 0, 0, 0, 0, 0, 1, 2]), "258");
        assert_eq!(number(&[7]), "[7]");
    }
}
