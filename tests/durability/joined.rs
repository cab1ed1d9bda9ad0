//! Two sources with one key: each event of the workload is written to two logs, half of its columns in each, so the ledger
//! that the generator keeps of one log is the judge of both together.

use super::{Server, TIMELINE, kills, known_finals, nanoseconds, told_finals, workload};
use event_producer::{Generator, Model, Truth};
use serde_json::{Map, Value as Json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(crate) const PROGRAM: &str = r#"
source player {
  key sessionId  time ts in ms  order by seq  lateness 2s
  end when playerState == "stop" or after 30m
  playerState: string
}
source edge { key sessionId  time ts in ms  order by seq  lateness 2s  userAction: string, cdn: string }
let playing   = has_existed(playerState == "play")
let seeking   = has_existed_within(userAction == "seek", 5s)
let buffering = latest(playerState) == "buffer"
metric cirr = duration_where(playing && !seeking && buffering) split by latest(cdn)
            | aggregate(group_by(cdn), count, sum)
metric playing_time = duration_where(latest(playerState) == "play") split by latest(edge.cdn) as cdn
                    | aggregate(group_by(cdn), count, sum)
"#;
const METRICS: [&str; 2] = ["cirr", "playing_time"];
const SOURCES: [&str; 4] = ["--source", "player=file:player*.ndjson", "--source", "edge=file:edge*.ndjson"];

/// The same records as two logs.
pub(crate) fn halves(lines: &[u8]) -> [Vec<u8>; 2] {
    let mut halves = [vec![], vec![]];
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Map<String, Json> = serde_json::from_slice(line).expect("a record of JSON");
        for (half, others) in halves.iter_mut().zip([["userAction", "cdn"], ["playerState", "userId"]]) {
            let own: Map<String, Json> = record
                .iter()
                .filter(|(name, _)| !others.contains(&name.as_str()))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect();
            serde_json::to_writer(&mut *half, &own).expect("memory can be written to");
            half.push(b'\n');
        }
    }
    halves
}

fn judge(finals: &[Json], truth: &Truth) {
    let (told, known) = (told_finals(finals, "cdn", &METRICS), known_finals(truth));
    assert_eq!(finals.len(), told.len(), "a row came twice");
    assert_eq!(told.len(), known.len());
    for (key, value) in &known {
        assert_eq!(told.get(key), Some(value), "{key:?}");
    }
}

#[test]
fn two_logs_that_are_written_apart_are_one_after_any_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), PROGRAM).expect("written");
    let mut generator = Generator::new(&workload(Model::Video, 60_000)).expect("a workload");
    generator.keep_rows();
    let mut files = ["player.ndjson", "edge.ndjson"].map(|name| File::create(dir.path().join(name)).expect("created"));
    let (mut written, mut waiting) = (vec![], [vec![], vec![]]);
    let mut chance = 4711u64;
    let mut random = move |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let kills = kills();
    for _ in 0..kills {
        let server = Server::start_on(dir.path(), &SOURCES);
        for _ in 0..6 {
            written.clear();
            generator.fill(&mut written, 60_000 / kills / 7 + 1);
            for (waits, half) in waiting.iter_mut().zip(halves(&written)) {
                waits.extend(half);
            }
            // One of the two is ahead, by any number of bytes.
            let ahead = random(2) as usize;
            for (i, (file, waits)) in files.iter_mut().zip(&mut waiting).enumerate() {
                let most = waits.len() as u64;
                let now = if i == ahead { most } else { random(most + 1) };
                file.write_all(&waits[..now as usize]).expect("written");
                waits.drain(..now as usize);
            }
            std::thread::sleep(Duration::from_millis(random(100)));
        }
        std::thread::sleep(Duration::from_millis(random(1500)));
        server.kill();
    }
    loop {
        written.clear();
        if generator.fill(&mut written, 50_000) == 0 {
            break;
        }
        for (waits, half) in waiting.iter_mut().zip(halves(&written)) {
            waits.extend(half);
        }
    }
    for (file, waits) in files.iter_mut().zip(&waiting) {
        file.write_all(waits).expect("written");
    }
    let Ok(truth) = generator.into_truth() else { panic!("the generator came to its end") };
    let server = Server::start_on(dir.path(), &SOURCES);
    judge(&server.rows("SELECT * FROM finals"), &truth);
    // Each late event is late in both logs, under the name of each.
    for source in ["player", "edge"] {
        let late = server.rows(&format!("SELECT count(*) AS n FROM late_events WHERE source = '{source}'"));
        assert_eq!(late[0]["n"].as_u64(), Some(truth.totals.late), "{source}");
    }
    for row in server.rows("SELECT metric, cdn, count, sum_exact FROM totals") {
        let (metric, cdn) = (row["metric"].as_str().expect("a name"), row["cdn"].as_str().expect("a name"));
        let group = truth.totals.group(metric, cdn);
        let known = (Some(group.count), group.sum_ns);
        assert_eq!((row["count"].as_u64(), nanoseconds(&row["sum_exact"])), known, "{metric} {cdn}");
    }
    let parts = server.rows("SELECT source, position, records FROM partitions");
    assert_eq!((parts.len(), &parts[0]["source"]), (1, &Json::from("player+edge")));
    let length = |name: &str| std::fs::metadata(dir.path().join(name)).expect("it is there").len();
    let (player, edge) = (length("player.ndjson"), length("edge.ndjson"));
    assert_eq!(parts[0]["position"], Json::from(format!("player 0:{player}, edge 0:{edge}")));
    story(&server, dir.path(), &truth);
}

/// A session is told with the events of both logs.
fn story(server: &Server, dir: &Path, truth: &Truth) {
    let known = known_finals(truth);
    let ((key, ..), _) = known.iter().find(|(_, (value, _))| *value > 0).expect("some session played");
    let out = Command::new(TIMELINE)
        .current_dir(dir)
        .args(["session", key, "--sync", "--server", &server.url])
        .output()
        .expect("the command runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(text.contains("player.playerState") && text.contains("edge.cdn"), "{text}");
}

#[test]
fn evaluation_of_two_files_does_not_depend_on_how_they_are_read() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), PROGRAM).expect("written");
    let mut generator = Generator::new(&workload(Model::Video, 40_000)).expect("a workload");
    generator.keep_rows();
    let mut bytes = vec![];
    while generator.fill(&mut bytes, 10_000) > 0 {}
    let Ok(truth) = generator.into_truth() else { panic!("the generator came to its end") };
    let [player, edge] = halves(&bytes);
    std::fs::write(dir.path().join("player.ndjson"), &player).expect("written");
    std::fs::write(dir.path().join("edge.ndjson"), &edge).expect("written");
    // The same log in many small files.
    let lines: Vec<&[u8]> = edge.split_inclusive(|byte| *byte == b'\n').collect();
    for (i, part) in lines.chunks(lines.len().div_ceil(40)).enumerate() {
        std::fs::write(dir.path().join(format!("part-{i:03}.ndjson")), part.concat()).expect("written");
    }
    let eval = |edge: &str, threads: &str| {
        let args = ["eval", "video.tl", edge, "player=player.ndjson", "--threads", threads, "--format", "jsonl"];
        let out = Command::new(TIMELINE).current_dir(dir.path()).args(args).output().expect("the command runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (String::from_utf8(out.stdout).expect("UTF-8"), String::from_utf8(out.stderr).expect("UTF-8"))
    };
    let (rows, said) = eval("edge=edge.ndjson", "1");
    let finals: Vec<Json> = rows.lines().map(|line| serde_json::from_str(line).expect("a row of JSON")).collect();
    judge(&finals, &truth);
    assert!(said.contains(&format!("player+edge: 80000 records, {} late events", 2 * truth.totals.late)), "{said}");
    assert_eq!(eval("edge=part-*.ndjson", "3").0, rows);
}
