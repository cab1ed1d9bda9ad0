//! Protocol Buffers: a message by the descriptors that the topic's schema (PROTOBUF_NATIVE) holds.
//!
//! A field that knows whether it was set and was not is left out; one that does not know (a plain field of proto3) is always
//! there, for its default is a value. Names are those of the `.proto` file, enumerations are their values' names, a
//! `google.protobuf.Timestamp` is RFC 3339 text, bytes are Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Reads the messages of one schema.
#[derive(Debug)]
pub(in crate::pulsar) struct ProtobufReader {
    root: MessageDescriptor,
}

/// What the broker keeps of such a schema.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Native {
    file_descriptor_set: String,
    root_message_type_name: String,
}

impl ProtobufReader {
    pub(super) fn new(text: &[u8]) -> Result<Self, String> {
        let native: Native = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let set = STANDARD.decode(native.file_descriptor_set).map_err(|error| error.to_string())?;
        let pool = DescriptorPool::decode(&set[..]).map_err(|error| error.to_string())?;
        let name = native.root_message_type_name;
        let root = pool.get_message_by_name(&name).ok_or_else(|| format!("it has no message `{name}`"))?;
        Ok(ProtobufReader { root })
    }

    /// The fields of a message.
    pub(super) fn read(&self, data: &[u8]) -> Result<Map<String, Json>, String> {
        // The library reads messages within messages to a depth of a hundred.
        let message = DynamicMessage::decode(self.root.clone(), data).map_err(|error| error.to_string())?;
        Ok(object(&message))
    }
}

fn object(message: &DynamicMessage) -> Map<String, Json> {
    let fields = message.descriptor();
    let fields = fields.fields().filter(|field| {
        let always = !field.supports_presence() && !field.is_list() && !field.is_map();
        always || message.has_field(field)
    });
    fields.map(|field| (field.name().to_owned(), json(&message.get_field(&field), &field.kind()))).collect()
}

fn json(value: &Value, kind: &Kind) -> Json {
    match value {
        Value::Bool(x) => (*x).into(),
        Value::I32(x) => (*x).into(),
        Value::I64(x) => (*x).into(),
        Value::U32(x) => (*x).into(),
        Value::U64(x) => (*x).into(),
        Value::F32(x) => super::float((*x).into()),
        Value::F64(x) => super::float(*x),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Value::EnumNumber(number) => {
            let known = kind.as_enum().and_then(|of| of.get_value(*number));
            known.map_or_else(|| (*number).into(), |value| value.name().into())
        }
        Value::Message(message) => timestamp(message).unwrap_or_else(|| Json::Object(object(message))),
        Value::List(items) => items.iter().map(|item| json(item, kind)).collect(),
        Value::Map(entries) => {
            let of = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
            let entry = |(key, value)| (self::key(key), json(value, of.as_ref().unwrap_or(kind)));
            #[expect(clippy::disallowed_methods, reason = "here they are put in order")]
            let ordered: BTreeMap<_, _> = entries.iter().map(entry).collect();
            Json::Object(ordered.into_iter().collect())
        }
    }
}

fn key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(x) => x.to_string(),
        MapKey::I32(x) => x.to_string(),
        MapKey::I64(x) => x.to_string(),
        MapKey::U32(x) => x.to_string(),
        MapKey::U64(x) => x.to_string(),
        MapKey::String(text) => text.clone(),
    }
}

/// A well-known instant as text; `None` if it is none, or one that no calendar has.
fn timestamp(message: &DynamicMessage) -> Option<Json> {
    if message.descriptor().full_name() != "google.protobuf.Timestamp" {
        return None;
    }
    let seconds = message.get_field_by_name("seconds")?.as_i64()?;
    let nanos = message.get_field_by_name("nanos")?.as_i32()?;
    let text = prost_reflect::prost_types::Timestamp { seconds, nanos };
    (0..1_000_000_000).contains(&nanos).then(|| text.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_reflect::prost::Message;
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{
        DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
        FileDescriptorSet, OneofDescriptorProto, Timestamp,
    };

    /// ```proto
    /// message Event {
    ///   string session = 1; optional string state = 2; Kind kind = 3; google.protobuf.Timestamp at = 4;
    ///   repeated int64 sizes = 5; bytes raw = 6; Event within = 7; double rate = 8;
    /// }
    /// ```
    fn event() -> ProtobufReader {
        let field = |name: &str, number, ty: Type, of: Option<&str>| FieldDescriptorProto {
            name: Some(name.into()),
            number: Some(number),
            r#type: Some(ty as i32),
            type_name: of.map(str::to_owned),
            label: Some(Label::Optional as i32),
            ..FieldDescriptorProto::default()
        };
        let mut fields = vec![
            field("session", 1, Type::String, None),
            field("state", 2, Type::String, None),
            field("kind", 3, Type::Enum, Some(".a.Kind")),
            field("at", 4, Type::Message, Some(".google.protobuf.Timestamp")),
            field("sizes", 5, Type::Int64, None),
            field("raw", 6, Type::Bytes, None),
            field("within", 7, Type::Message, Some(".a.Event")),
            field("rate", 8, Type::Double, None),
        ];
        fields[1].proto3_optional = Some(true);
        fields[1].oneof_index = Some(0);
        fields[4].label = Some(Label::Repeated as i32);
        let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
            name: Some(name.into()),
            field,
            ..DescriptorProto::default()
        };
        let mut event = message("Event", fields);
        event.oneof_decl = vec![OneofDescriptorProto { name: Some("_state".into()), options: None }];
        let value = |(number, name): (i32, &&str)| EnumValueDescriptorProto {
            name: Some((*name).into()),
            number: Some(number),
            options: None,
        };
        let kind = EnumDescriptorProto {
            name: Some("Kind".into()),
            value: (0..).zip(&["NONE", "PLAY"]).map(value).collect(),
            ..EnumDescriptorProto::default()
        };
        let stamp = vec![field("seconds", 1, Type::Int64, None), field("nanos", 2, Type::Int32, None)];
        let file = |name: &str, package: &str, messages| FileDescriptorProto {
            name: Some(name.into()),
            package: Some(package.into()),
            message_type: messages,
            syntax: Some("proto3".into()),
            ..FileDescriptorProto::default()
        };
        let own = FileDescriptorProto {
            dependency: vec!["timestamp.proto".into()],
            enum_type: vec![kind],
            ..file("a.proto", "a", vec![event])
        };
        let stamp = file("timestamp.proto", "google.protobuf", vec![message("Timestamp", stamp)]);
        let set = STANDARD.encode(FileDescriptorSet { file: vec![stamp, own] }.encode_to_vec());
        let native = serde_json::json!({"fileDescriptorSet": set, "rootMessageTypeName": "a.Event", "rootFileDescriptorName": "a.proto"});
        ProtobufReader::new(native.to_string().as_bytes()).unwrap()
    }

    fn message(reader: &ProtobufReader, fields: &[(&str, Value)]) -> DynamicMessage {
        let mut message = DynamicMessage::new(reader.root.clone());
        for (name, value) in fields {
            message.set_field_by_name(name, value.clone());
        }
        message
    }

    #[test]
    fn what_was_not_set_is_left_out_if_that_is_known() {
        let reader = event();
        let empty = reader.read(&[]).unwrap();
        assert_eq!(Json::Object(empty).to_string(), r#"{"kind":"NONE","rate":0.0,"raw":"","session":""}"#);
        let mut stamp =
            DynamicMessage::new(reader.root.get_field_by_name("at").unwrap().kind().as_message().unwrap().clone());
        stamp.transcode_from(&Timestamp { seconds: 1_700_000_000, nanos: 5 }).unwrap();
        let whole = message(
            &reader,
            &[
                ("session", Value::String("s".into())),
                ("state", Value::String(String::new())),
                ("kind", Value::EnumNumber(1)),
                ("at", Value::Message(stamp)),
                ("sizes", Value::List(vec![Value::I64(i64::MAX), Value::I64(-1)])),
                ("raw", Value::Bytes(vec![255].into())),
                ("rate", Value::F64(f64::INFINITY)),
            ],
        );
        assert_eq!(
            Json::Object(reader.read(&whole.encode_to_vec()).unwrap()).to_string(),
            r#"{"at":"2023-11-14T22:13:20.000000005Z","kind":"PLAY","rate":"inf","raw":"/w==","session":"s","sizes":[9223372036854775807,-1],"state":""}"#
        );
    }

    #[test]
    fn what_is_no_such_message_is_said() {
        let reader = event();
        assert!(reader.read(b"\x0a\x05ab").is_err(), "it ends too soon");
        let mut deep = vec![];
        for _ in 0..1_000 {
            let mut outer = vec![0x3a];
            prost_reflect::prost::encoding::encode_varint(deep.len() as u64, &mut outer);
            deep = [outer, deep].concat();
        }
        assert!(reader.read(&deep).unwrap_err().contains("recursion"), "nesting is bounded");
        assert!(
            ProtobufReader::new(br#"{"fileDescriptorSet":"","rootMessageTypeName":"x"}"#)
                .unwrap_err()
                .contains("no message `x`")
        );
    }
}
