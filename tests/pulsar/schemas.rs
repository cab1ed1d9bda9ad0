//! Messages with a schema: Avro and Protocol Buffers are answered as the JSON that they say would be.

use super::harness::{Broker, broker};
use crate::served::{Server, TIMELINE, run};
use ::pulsar::message::proto::{Schema, schema::Type};
use ::pulsar::producer::{Message, ProducerOptions};
use ::pulsar::{Pulsar, TokioExecutor};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type as FieldType};
use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
source player {
  key session
  time ts in ms
  end when state == "stop"
  state: string, cdn: string, live: bool
}
metric buffering = duration_where(latest(state) == "buffer") split by latest(cdn)
metric live_time = duration_where(latest(live))
"#;

/// Publishes messages of one schema, in batches.
fn publish(broker: &Broker, topic: &str, schema: Schema, messages: &[(String, Vec<u8>)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client: Pulsar<_> = Pulsar::builder(&broker.url, TokioExecutor).build().await.unwrap();
        let options = ProducerOptions { schema: Some(schema), batch_size: Some(7), ..ProducerOptions::default() };
        let mut producer = client.producer().with_topic(topic).with_options(options).build().await.unwrap();
        let mut receipts = vec![];
        for (key, payload) in messages {
            let message = Message { payload: payload.clone(), partition_key: Some(key.clone()), ..Message::default() };
            receipts.push(producer.send_non_blocking(message).await.unwrap());
        }
        producer.send_batch().await.unwrap();
        for receipt in receipts {
            receipt.await.unwrap();
        }
    });
}

/// What a processor answers of a topic, before and after a `kill -9`: finals, and reasons of dead letters.
fn answers(broker: &Broker, topic: &str, dir: &Path) -> (Vec<Json>, Vec<Json>) {
    std::fs::write(dir.join("video.tl"), PROGRAM).unwrap();
    let address = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let sources = ["--source", &address];
    let finals = "SELECT session, metric, cdn, value, closed FROM finals ORDER BY session, metric, cdn";
    let dead = "SELECT reason, record FROM dead_letters";
    let server = Server::start_on(dir, &sources);
    let first = (server.rows(finals), server.rows(dead));
    let story = ["session", "a", "--query", "live_time", "--server", &server.url];
    let story = Command::new(TIMELINE).args(story).output().unwrap();
    let story = String::from_utf8(story.stdout).unwrap();
    assert!(story.contains("live_time") && story.contains("state="), "kept events tell a session's story: {story}");
    server.kill();
    let server = Server::start_on(dir, &sources);
    assert_eq!((server.rows(finals), server.rows(dead)), first, "after a kill");
    first
}

/// What the same events come to as a file.
fn judged(dir: &Path, lines: &str) -> Vec<Json> {
    std::fs::write(dir.join("judge.tl"), PROGRAM).unwrap();
    std::fs::write(dir.join("judge.ndjson"), lines).unwrap();
    let mut rows = run(dir, &["eval", "judge.tl", "judge.ndjson", "--show", "final", "--format", "jsonl"]);
    for row in &mut rows {
        let text = |name: &str| row[name].clone();
        *row = serde_json::json!({"session": text("session"), "metric": text("metric"), "cdn": text("cdn"),
            "value": text("value"), "closed": text("closed")});
    }
    rows.sort_by_key(|row| {
        (row["session"].to_string(), row["metric"].to_string(), row["cdn"].is_null(), row["cdn"].to_string())
    });
    rows
}

fn avro(fields: &str) -> (Schema, apache_avro::Schema) {
    let text = format!(
        r#"{{"type":"record","name":"Player","fields":[{{"name":"ts","type":"long"}},{{"name":"session","type":"string"}},
        {{"name":"state","type":["null","string"],"default":null}}{fields}]}}"#
    );
    let parsed = apache_avro::Schema::parse_str(&text).unwrap();
    let schema = Schema {
        name: "Player".into(),
        schema_data: text.into_bytes(),
        r#type: Type::Avro as i32,
        ..Schema::default()
    };
    (schema, parsed)
}

#[test]
fn avro_is_answered_as_json_whatever_version_wrote_it() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let topic = broker.topic("avro", 0);
    let text = |text: Option<&str>| match text {
        None => Value::Union(0, Value::Null.into()),
        Some(text) => Value::Union(1, Value::String(text.into()).into()),
    };
    let event = |ts: i64, session: &str, state: Option<&str>| {
        vec![
            ("ts".to_owned(), Value::Long(ts)),
            ("session".to_owned(), Value::String(session.into())),
            ("state".to_owned(), text(state)),
        ]
    };
    let (first, schema) = avro("");
    let encode = |schema: &apache_avro::Schema, record| {
        let writer = GenericDatumWriter::builder(schema).build().unwrap();
        writer.write_value_to_vec(Value::Record(record)).unwrap()
    };
    let of = |session: &str, data: Vec<u8>| (session.to_owned(), data);
    let old = [(1000, "a", Some("play")), (2000, "b", Some("buffer")), (3000, "a", Some("buffer")), (4000, "a", None)];
    let old: Vec<_> = old.map(|(ts, key, state)| of(key, encode(&schema, event(ts, key, state)))).to_vec();
    publish(&broker, &topic, first, &old);
    let (second, schema) = avro(
        r#",{"name":"cdn","type":["null","string"],"default":null},{"name":"live","type":["null","boolean"],"default":null}"#,
    );
    let with = |mut event: Vec<(String, Value)>, cdn: Option<&str>, live: Option<bool>| {
        event.push(("cdn".into(), text(cdn)));
        let live =
            live.map_or(Value::Union(0, Value::Null.into()), |live| Value::Union(1, Value::Boolean(live).into()));
        event.push(("live".into(), live));
        encode(&schema, event)
    };
    let cut = with(event(6500, "a", Some("play")), Some("C9"), None);
    let new = [
        of("a", with(event(6000, "a", None), Some("C1"), Some(true))),
        of("a", cut[..cut.len() - 3].to_vec()),
        of("b", with(event(7000, "b", Some("play")), None, None)),
        of("a", with(event(9000, "a", Some("stop")), None, Some(false))),
    ];
    publish(&broker, &topic, second, &new);

    let judged = judged(
        dir.path(),
        r#"{"ts":1000,"session":"a","state":"play"}
{"ts":2000,"session":"b","state":"buffer"}
{"ts":3000,"session":"a","state":"buffer"}
{"ts":4000,"session":"a"}
{"ts":6000,"session":"a","cdn":"C1","live":true}
{"ts":7000,"session":"b","state":"play"}
{"ts":9000,"session":"a","state":"stop","live":false}
"#,
    );
    let (finals, dead) = answers(&broker, &topic, dir.path());
    assert_eq!(finals, judged);
    assert_eq!(finals[0].to_string(), r#"{"cdn":"C1","closed":true,"metric":"buffering","session":"a","value":3}"#);
    assert_eq!(dead.len(), 1, "{dead:?}");
    let record = dead[0]["record"].as_str().unwrap();
    assert!(record.contains("cannot be read by its schema: it ends within the record"), "{record}");
}

#[test]
fn protocol_buffers_are_answered_as_json() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let topic = broker.topic("protobuf", 0);
    let names = [("ts", FieldType::Int64), ("session", FieldType::String), ("state", FieldType::String)];
    let names = names.into_iter().chain([("cdn", FieldType::String), ("live", FieldType::Bool)]);
    let field = |(number, (name, ty)): (i32, (&str, FieldType))| FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        r#type: Some(ty as i32),
        label: Some(Label::Optional as i32),
        ..FieldDescriptorProto::default()
    };
    // In proto2 every field knows whether it was set.
    let message = DescriptorProto {
        name: Some("Player".into()),
        field: (1..).zip(names).map(field).collect(),
        ..DescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("player.proto".into()),
        message_type: vec![message],
        ..FileDescriptorProto::default()
    };
    let set = STANDARD.encode(FileDescriptorSet { file: vec![file] }.encode_to_vec());
    let native = serde_json::json!({"fileDescriptorSet": set, "rootMessageTypeName": "Player",
        "rootFileDescriptorName": "player.proto"});
    let schema = Schema {
        name: "Player".into(),
        schema_data: native.to_string().into_bytes(),
        r#type: Type::ProtobufNative as i32,
        ..Schema::default()
    };
    let event = |ts: u8, state: &str, live: Option<bool>| {
        let mut bytes = vec![0x08, ts, 0x12, 1, b'a', 0x1a, state.len() as u8];
        bytes.extend(state.as_bytes());
        bytes.extend(live.iter().flat_map(|live| [0x28, u8::from(*live)]));
        ("a".to_owned(), bytes)
    };
    let broken = ("a".to_owned(), vec![0x0a, 9]);
    let events = [event(10, "buffer", Some(true)), event(30, "buffer", None), broken, event(90, "stop", Some(false))];
    publish(&broker, &topic, schema, &events);
    let judged = judged(
        dir.path(),
        r#"{"ts":10,"session":"a","state":"buffer","live":true}
{"ts":30,"session":"a","state":"buffer"}
{"ts":90,"session":"a","state":"stop","live":false}
"#,
    );
    let (finals, dead) = answers(&broker, &topic, dir.path());
    assert_eq!(finals, judged);
    assert_eq!(finals[0]["value"].to_string(), "0.08");
    assert_eq!(dead.len(), 1, "{dead:?}");
}

/// As Python's `JsonSchema` registers a class and writes its objects: every field of a record is null by default, and null is
/// written for each that is not set.
#[test]
fn json_whose_fields_are_null_by_default_is_said_and_read_as_the_source_says() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let topic = broker.topic("nulls", 0);
    let field = |(name, ty): (&str, &str)| format!(r#"{{"name":"{name}","type":["null","{ty}"],"default":null}}"#);
    let fields = [("ts", "long"), ("session", "string"), ("state", "string"), ("cdn", "string"), ("live", "boolean")];
    let text = format!(r#"{{"type":"record","name":"Player","fields":[{}]}}"#, fields.map(field).as_slice().join(","));
    let schema = || Schema {
        name: "Player".into(),
        schema_data: text.clone().into_bytes(),
        r#type: Type::Json as i32,
        ..Schema::default()
    };
    let event = |ts: u32, state: &str, cdn: &str, live: &str| {
        let json = format!(r#"{{"ts":{ts},"session":"a","state":{state},"cdn":{cdn},"live":{live}}}"#);
        ("a".to_owned(), json.into_bytes())
    };
    // Too few events to be judged by their nulls: the schema alone tells.
    let events = [
        event(1000, r#""buffer""#, "null", "null"),
        event(2000, "null", r#""C1""#, "null"),
        event(5000, "null", "null", "true"),
        event(9000, r#""stop""#, "null", "null"),
    ];
    publish(&broker, &topic, schema(), &events);
    let address = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let of_schema = "5 of 5 fields of its schema are null by default";
    for (folder, clause, buffering) in [("clears", "", 1.0), ("missing", "null is missing\n  ", 8.0)] {
        let folder = dir.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("video.tl"), PROGRAM.replacen("end when", &format!("{clause}end when"), 1)).unwrap();
        let serve = ["serve", "video.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", "state", "--source"];
        let out = Command::new(TIMELINE).current_dir(&folder).args(serve).arg(&address).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{stderr}");
        let is_said = stderr.contains("TL2143") && stderr.contains(of_schema) && stderr.contains("null is missing");
        assert_eq!(is_said, clause.is_empty(), "it is of no concern where nulls say nothing: {stderr}");
        let server = Server::start_on(&folder, &["--source", &address]);
        let rows = server.rows("SELECT metric, sum(value) AS value FROM finals GROUP BY metric ORDER BY metric");
        let expected = [("buffering", buffering), ("live_time", 4.0)];
        let expected = expected.map(|(metric, value)| (Json::from(metric), Some(value)));
        let rows: Vec<_> = rows.into_iter().map(|row| (row["metric"].clone(), row["value"].as_f64())).collect();
        assert_eq!(rows, expected, "{clause}");
    }
    let doctor =
        Command::new(TIMELINE).current_dir(dir.path()).args(["doctor", "--source", &address]).output().unwrap();
    let doctor = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.contains("[TL2143]") && doctor.contains(of_schema), "{doctor}");
}
