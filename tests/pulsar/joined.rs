//! Two topics with one key: partition by partition they are one log, killed and read again like any other; the judge is
//! `eval` on what each pair of partitions holds.

use super::harness::broker;
use super::serve::{Server, finals, run, save, totals};
use crate::durability::joined::{PROGRAM, halves};
use event_feeder::pulsar::{Outgoing, TopicPublisher, partition_of};
use event_producer::{Generator, Model, Workload};
use std::time::Duration;

fn send(publisher: &mut TopicPublisher, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: serde_json::Value = serde_json::from_slice(line).unwrap();
        let key = record["sessionId"].as_str().unwrap().to_owned();
        let partition = partition_of(&key, 2);
        publisher.send(partition, Outgoing { key, payload: line.to_vec(), ..Outgoing::default() }).unwrap();
    }
    publisher.flush().unwrap();
}

#[test]
fn two_topics_are_one_log_partition_by_partition_whatever_is_killed() {
    let Some(broker) = broker() else { return };
    let dir = tempfile::tempdir().unwrap();
    // Times are of long ago: silence would say nothing here.
    std::fs::write(dir.path().join("video.tl"), PROGRAM.replace("lateness", "idle never  lateness")).unwrap();
    let topics = ["player", "edge"].map(|name| broker.topic(name, 2));
    let address = |topic: &str| format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    let sources = [format!("player={}", address(&topics[0])), format!("edge={}", address(&topics[1]))];
    let sources = ["--source", &sources[0], "--source", &sources[1]];
    let mut publishers = [broker.publisher(&topics[0], 20), broker.publisher(&topics[1], 20)];
    let mut workload = Workload::new(Model::Video);
    workload.events = 20_000;
    workload.sessions = 200;
    workload.jitter = Duration::from_secs(2);
    workload.late = 0.01;
    let mut generator = Generator::new(&workload).unwrap();
    let (mut lines, mut behind) = (vec![], vec![]);
    for round in 0..5 {
        let server = Server::start_on(dir.path(), &sources);
        lines.clear();
        generator.fill(&mut lines, 4_000);
        let [player, edge] = halves(&lines);
        // In turn one of them is a round behind.
        let (ahead, waits) = if round % 2 == 0 { ((0, player), (1, edge)) } else { ((1, edge), (0, player)) };
        for (topic, bytes) in std::mem::replace(&mut behind, vec![waits]).into_iter().chain([ahead]) {
            send(&mut publishers[topic], &bytes);
        }
        std::thread::sleep(Duration::from_millis(1_000 + 300 * round));
        if round == 2 {
            broker.unload(&format!("{}-partition-1", topics[1]));
        }
        drop(server);
    }
    for (topic, bytes) in behind {
        send(&mut publishers[topic], &bytes);
    }
    let server = Server::start_on(dir.path(), &sources);
    assert!(server.serves());
    let (mut known_totals, mut known_finals, mut records) = (vec![], vec![], 0);
    for n in 0..2 {
        let names = ["player", "edge"].map(|source| format!("{source}{n}.ndjson"));
        for (topic, name) in topics.iter().zip(&names) {
            save(&broker, &format!("{topic}-partition-{n}"), &dir.path().join(name));
            records += std::fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
        }
        let bound = [format!("player={}", names[0]), format!("edge={}", names[1])];
        let eval =
            |show| run(dir.path(), &["eval", "video.tl", &bound[0], &bound[1], "--show", show, "--format", "jsonl"]);
        known_totals.extend(eval("totals"));
        known_finals.extend(eval("final"));
    }
    assert_eq!(records, 40_000);
    assert_eq!(totals(&server.rows("SELECT * FROM totals")), totals(&known_totals));
    assert_eq!(finals(&server.rows("SELECT * FROM finals")), finals(&known_finals));
    let parts = server.rows("SELECT source, position FROM partitions ORDER BY partition");
    assert!(parts.len() == 2 && parts.iter().all(|part| part["source"] == "player+edge"), "{parts:?}");

    // The doctor knows that they belong together, looks at the place that the state has in each, and at where keys are.
    drop(server);
    let doctor = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_timeline"));
        let out = command
            .current_dir(dir.path())
            .args(["doctor", "--state", "state", "--messages", "100000"])
            .args(sources)
            .output()
            .unwrap();
        (String::from_utf8(out.stdout).unwrap(), out.status.code())
    };
    let (said, code) = doctor();
    assert!(code == Some(0) && said.contains("share sessions, have their keys in the same partitions"), "{said}");
    assert_eq!(said.matches("nothing that the state needs is gone").count(), 4, "{said}");
    let stray = |key: &str| Outgoing {
        key: key.into(),
        payload: b"{\"sessionId\":\"stray\",\"ts\":1700000000000}".to_vec(),
        ..Outgoing::default()
    };
    for (publisher, partition) in publishers.iter_mut().zip([0, 1]) {
        publisher.send(partition, stray("stray")).unwrap();
        publisher.flush().unwrap();
    }
    let (said, code) = doctor();
    assert!(code == Some(1) && said.contains("key stray is in partition 0 of the one and 1 of the other"), "{said}");

    // Topics with other counts do not go together, and that is said with its code.
    let other = format!("edge={}", address(&broker.topic("edge", 3)));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_timeline"));
    command.current_dir(dir.path()).args(["serve", "video.tl", "--state", "other", "--listen", "127.0.0.1:0"]);
    let out = command.args(["--source", sources[1], "--source", &other]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(4) && said.contains("TL2130"), "{:?}: {said}", out.status);
}
