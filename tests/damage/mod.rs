//! States that have lost a part, and sources that are not what they were, as a user meets them.

use crate::cli::{Run, Sandbox};
use crate::served::Server;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = "source s { key k  time t in s  a: bool, end: bool  end when end }
metric m = duration_where(latest(a)) | aggregate(count, sum)
";

fn events(keys: std::ops::Range<u32>) -> String {
    let of = |k: u32| {
        let t = k * 10;
        format!("{{\"k\":\"k{k}\",\"t\":{t},\"a\":true}}\n{{\"k\":\"k{k}\",\"t\":{},\"end\":true}}\n", t + 5)
    };
    keys.map(of).collect()
}

const SERVE: [&str; 8] =
    ["serve", "video.tl", "--source", "file:log.ndjson", "--state", "state", "--listen", "127.0.0.1:0"];

fn serve(sandbox: &Sandbox, more: &[&str]) -> Run {
    sandbox.run(&[&SERVE[..], &["--exit-at-end"], more].concat())
}

/// A state that has read six sessions in three runs, so that its first files are old.
fn state() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    for n in 1..=5 {
        sandbox.file("log.ndjson", events(0..2 * n));
        let run = serve(&sandbox, &[]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    sandbox
}

/// Every file of a folder, with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(tree(&path)),
            false => drop(all.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    all
}

/// What it says of a state, and that nothing of it is changed by that.
#[track_caller]
fn refused(sandbox: &Sandbox, more: &[&str], code: i32, says: &[&str]) {
    let state = sandbox.path().join("state");
    let before = tree(&state);
    let run = serve(sandbox, more);
    assert_eq!(run.code, code, "{}", run.stderr);
    for text in says {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    assert!(tree(&state) == before, "a start that is refused writes nothing");
}

#[track_caller]
fn doctor(sandbox: &Sandbox, code: i32, says: &[&str]) {
    let run = sandbox.run(&["doctor", "--state", "state", "--source", "s=file:log.ndjson"]);
    assert_eq!(run.code, code, "{}", run.stdout);
    for text in says {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
}

fn query(sandbox: &Sandbox, server: &Server, sql: &str) -> Run {
    sandbox.run(&["query", sql, "--sync", "--format", "jsonl", "--server", &server.url])
}

fn first_result(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path().join("state/sources/s/results");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.remove(0)
}

#[test]
fn a_damaged_file_of_history_is_said_by_serve_doctor_and_partitions() {
    let sandbox = state();
    let file = first_result(&sandbox);
    let object = format!("results/{}", file.file_name().unwrap().to_str().unwrap());
    let name = format!("sources/s/{object}");
    std::fs::remove_file(&file).unwrap();
    doctor(&sandbox, 1, &["[TL3110]", &name, &format!("--accept-damage {name}")]);
    let run = serve(&sandbox, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr.matches("[TL3110]").count(), 1, "{}", run.stderr);
    let start = |more: &[&str]| Server::start_on(sandbox.path(), &[&["--source", "file:log.ndjson"], more].concat());
    let server = start(&[]);
    let run = query(&sandbox, &server, "SELECT session FROM finals");
    assert!(run.code == 1 && run.stderr.contains("[TL3110]") && run.stderr.contains(&object), "{}", run.stderr);
    assert_eq!(query(&sandbox, &server, "SELECT count FROM totals").stdout, "{\"count\":10}\n");
    let run = query(&sandbox, &server, "SELECT damaged FROM partitions");
    assert!(run.stdout.contains(&name), "{}", run.stdout);
    drop(server);

    let server = start(&["--accept-damage", &name]);
    let run = query(&sandbox, &server, "SELECT session FROM finals");
    assert_eq!((run.code, run.stdout.lines().count()), (0, 9), "{}", run.stderr);
    assert!(run.stderr.contains("[TL3111]") && run.stderr.contains(&name), "{}", run.stderr);
    assert!(!query(&sandbox, &server, "SELECT count FROM totals").stderr.contains("TL3111"));
    drop(server);
    doctor(&sandbox, 0, &["[TL3111]", "is whole"]);

    let server = start(&["--remake", &name]);
    let run = query(&sandbox, &server, "SELECT session FROM finals");
    assert_eq!((run.code, run.stdout.lines().count()), (0, 10), "{}", run.stderr);
    assert!(!run.stderr.contains("TL3111"), "{}", run.stderr);
}

#[test]
fn a_lost_version_of_the_programs_is_done_without_only_where_it_is_named() {
    let sandbox = state();
    sandbox.file("more.tl", PROGRAM.replace("metric m = duration_where(latest(a))", "metric n = count(a)"));
    let run = serve(&sandbox, &["more.tl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let folder = sandbox.path().join("state/programs/programs");
    let mut versions: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    assert!(versions.len() > 1, "{versions:?}");
    let lost: Vec<String> = versions
        .drain(1..)
        .map(|path| {
            std::fs::remove_file(&path).unwrap();
            format!("programs/programs/{}", path.file_name().unwrap().to_str().unwrap())
        })
        .collect();
    let flags: Vec<&str> = lost.iter().flat_map(|name| ["--accept-damage", name]).collect();
    let help = flags[..2].join(" ");
    refused(&sandbox, &[], 1, &["[TL3119]", &help]);
    doctor(&sandbox, 1, &["[TL3119]", &help]);
    // Another name accepts nothing.
    refused(&sandbox, &["--accept-damage", "programs-00000000000000000001"], 1, &["[TL3119]", &help]);
    for more in [&flags[..], &[]] {
        let run = serve(&sandbox, more);
        assert!(run.code == 0 && run.stderr.contains("[TL3119]"), "it is said from then on: {}", run.stderr);
    }
    doctor(&sandbox, 0, &["[TL3119]", "is whole"]);
    // What was deployed is deployed again, and reads everything.
    let server = Server::start_on(sandbox.path(), &["more.tl", "--source", "file:log.ndjson"]);
    assert_eq!(query(&sandbox, &server, "SELECT count FROM totals WHERE metric = 'm'").stdout, "{\"count\":10}\n");
    // A table of all metrics says that one is catching up, and its own is waited for.
    assert_eq!(query(&sandbox, &server, "SELECT session FROM n").stdout.lines().count(), 10);
    assert_eq!(query(&sandbox, &server, "SELECT count FROM totals WHERE metric = 'n'").stdout, "{\"count\":10}\n");
}

#[test]
fn damage_that_a_question_meets_is_said_from_then_on() {
    let sandbox = state();
    let file = first_result(&sandbox);
    let object = format!("results/{}", file.file_name().unwrap().to_str().unwrap());
    let server = Server::start_on(sandbox.path(), &["--source", "file:log.ndjson"]);
    assert_eq!(query(&sandbox, &server, "SELECT session FROM finals").stdout.lines().count(), 10);
    // It rots while it is served, and is as long as it was.
    let whole = std::fs::read(&file).unwrap();
    let mut rotten = whole.clone();
    rotten[whole.len() / 2] ^= 1;
    std::fs::write(&file, rotten).unwrap();
    let run = query(&sandbox, &server, "SELECT session FROM finals");
    assert!(run.code == 1 && run.stderr.contains("[TL3110]") && run.stderr.contains(&object), "{}", run.stderr);
    let run = query(&sandbox, &server, "SELECT damaged FROM partitions");
    assert!(run.stdout.contains(&format!("sources/s/{object}")), "{}", run.stdout);
    doctor(&sandbox, 1, &["[TL3110]", &object]);
    // Put back, it is answered for again.
    std::fs::write(&file, whole).unwrap();
    assert_eq!(query(&sandbox, &server, "SELECT session FROM finals").stdout.lines().count(), 10);
}

#[test]
fn files_beside_those_that_were_read_are_not_answered_for() {
    let sandbox = state();
    sandbox.file("early.ndjson", events(0..50));
    let server = Server::start_on(sandbox.path(), &["--source", "file:early.ndjson", "--source", "file:log.ndjson"]);
    let sql = "SELECT count FROM totals";
    let run = query(&sandbox, &server, sql);
    assert!(run.code == 1 && run.stderr.contains("[TL3115]") && run.stderr.contains("early.ndjson"), "{}", run.stderr);
    let run = sandbox.run(&["query", sql, "--format", "jsonl", "--server", &server.url]);
    assert_eq!(run.stdout, "{\"count\":10}\n", "what was read is answered for: {}", run.stderr);
}

#[test]
fn another_sources_files_are_refused() {
    let sandbox = state();
    sandbox.file("next.ndjson", events(0..50));
    let state = sandbox.path().join("state");
    let before = tree(&state);
    let run = |more: &[&str]| {
        let serve = ["serve", "video.tl", "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"];
        sandbox.run(&[&serve[..], more].concat())
    };
    let refused = run(&["--source", "file:next*.ndjson"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    for text in ["[TL2108]", "log.ndjson", "--source file:OLD --source file:NEW"] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
    assert!(tree(&state) == before, "a start that is refused writes nothing");
    let doctor = sandbox.run(&["doctor", "--state", "state", "--source", "file:next*.ndjson"]);
    assert!(doctor.code == 1 && doctor.stdout.contains("[TL2108]"), "{}", doctor.stdout);
    // Both named, it goes on from the one with the other.
    let both = ["--source", "file:log.ndjson", "--source", "file:next*.ndjson"];
    assert_eq!(run(&both).code, 0);
    let doctor = sandbox.run(&[&["doctor", "--state", "state"][..], &both].concat());
    assert_eq!(doctor.code, 0, "{}", doctor.stdout);
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, to).unwrap()),
        }
    }
}

#[test]
fn a_folder_that_was_copied_or_moved_counts_once() {
    let sandbox = state();
    let other = Sandbox::new();
    let copied = other.path().join("copied");
    copy(sandbox.path(), &copied);
    let moved = other.path().join("moved");
    copy(sandbox.path(), &other.path().join("before"));
    std::fs::rename(other.path().join("before"), &moved).unwrap();
    for folder in [&copied, &moved] {
        let mut doctor = sandbox.command();
        let doctor = doctor.args(["doctor", "--state", "state", "--source", "file:log.ndjson"]).current_dir(folder);
        let said = String::from_utf8(doctor.output().unwrap().stdout).unwrap();
        assert!(said.contains("[TL2117]") && !said.contains("fault"), "{said}");
        let server = Server::start_on(folder, &["--source", "file:*.ndjson"]);
        let run = query(&sandbox, &server, "SELECT count FROM totals");
        assert_eq!(run.stdout, "{\"count\":10}\n", "{}", run.stderr);
        // It goes on, as the first one would.
        let mut log = std::fs::OpenOptions::new().append(true).open(folder.join("log.ndjson")).unwrap();
        log.write_all(events(10..12).as_bytes()).unwrap();
        assert_eq!(query(&sandbox, &server, "SELECT count FROM totals").stdout, "{\"count\":12}\n");
    }
}

#[test]
fn a_log_that_was_put_back_from_a_copy_is_gone_on_with() {
    let sandbox = state();
    let log = sandbox.path().join("log.ndjson");
    std::fs::copy(&log, sandbox.path().join("backup")).unwrap();
    std::fs::rename(sandbox.path().join("backup"), &log).unwrap();
    let run = serve(&sandbox, &[]);
    assert!(run.code == 0 && run.stderr.contains("TL2117"), "{}", run.stderr);
    let run = serve(&sandbox, &[]);
    assert!(run.code == 0 && !run.stderr.contains("TL2117"), "it is known from then on: {}", run.stderr);
    let server = Server::start_on(sandbox.path(), &["--source", "file:log.ndjson"]);
    assert_eq!(query(&sandbox, &server, "SELECT count FROM totals").stdout, "{\"count\":10}\n");
}

#[test]
fn copies_of_a_file_are_named_and_count() {
    let sandbox = state();
    for copy in ["log (1).ndjson", "log2.ndjson"] {
        std::fs::copy(sandbox.path().join("log.ndjson"), sandbox.path().join(copy)).unwrap();
    }
    let run = sandbox.run(&["eval", "video.tl", "log (1).ndjson", "log.ndjson", "--show", "totals"]);
    assert!(run.code == 0 && run.stderr.contains("[TL2118]"), "{}", run.stderr);
    assert!(run.stderr.contains("log.ndjson: it has as many bytes as"), "{}", run.stderr);
    let run = sandbox.run(&["eval", "video.tl", "log.ndjson", "--show", "totals"]);
    assert!(run.code == 0 && !run.stderr.contains("TL2118"), "{}", run.stderr);
    for _ in 0..2 {
        let server = Server::start_on(sandbox.path(), &["--source", "file:log?.ndjson", "--source", "file:log.ndjson"]);
        let ask = || query(&sandbox, &server, "SELECT remarks FROM queries").stdout;
        // It is said when the last of them is opened, which an answer does not wait for.
        let mut said = ask();
        for _ in 0..50 {
            if said.contains("TL2118") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            said = ask();
        }
        assert!(said.contains("TL2118") && said.contains("log2.ndjson"), "at each start: {said}");
    }
}

#[test]
fn what_a_closed_file_gets_is_not_answered_for() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    let (first, second) = (sandbox.file("b.ndjson", events(0..50)), events(50..100));
    sandbox.file("c.ndjson", second);
    let once =
        ["video.tl", "--source", "file:*.ndjson", "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"];
    assert_eq!(sandbox.run(&[&["serve"][..], &once[..]].concat()).code, 0);
    let server = Server::start_on(sandbox.path(), &["--source", "file:*.ndjson"]);
    let sql = "SELECT count FROM totals";
    assert_eq!(query(&sandbox, &server, sql).code, 0);
    let mut grown = std::fs::read(&first).unwrap();
    grown.extend(events(100..110).into_bytes());
    std::fs::write(&first, grown).unwrap();
    let run = query(&sandbox, &server, sql);
    assert!(run.code == 1 && run.stderr.contains("[TL3115]") && run.stderr.contains("TL2110"), "{}", run.stderr);
    let run = sandbox.run(&["query", sql, "--format", "jsonl", "--server", &server.url]);
    assert_eq!(run.code, 0, "what was read is answered for: {}", run.stderr);
    drop(server);
    let run = sandbox.run(&["doctor", "--state", "state", "--source", "file:*.ndjson"]);
    assert!(run.stdout.contains("[TL2110]") && run.stdout.contains("b.ndjson: it grew by"), "{}", run.stdout);
}

#[test]
fn bytes_that_were_rewritten_are_found() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("log.ndjson", events(0..300));
    assert_eq!(serve(&sandbox, &[]).code, 0);
    doctor(&sandbox, 0, &["bytes that sources/s has read are the same"]);
    let log = sandbox.path().join("log.ndjson");
    let mut bytes = std::fs::read(&log).unwrap();
    // In the midst: neither its beginning nor its length says anything.
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    doctor(&sandbox, 1, &["[TL3116]", "log.ndjson"]);
    refused(&sandbox, &[], 4, &["[TL3116]", "log.ndjson"]);
}

#[test]
fn a_source_that_is_not_what_it_was_is_refused_before_anything_is_written() {
    let sandbox = state();
    sandbox.file("log.ndjson", events(0..3));
    refused(&sandbox, &[], 4, &["[TL2102]"]);
    std::fs::remove_file(sandbox.path().join("log.ndjson")).unwrap();
    refused(&sandbox, &[], 3, &["[TL2106]"]);
    refused(&sandbox, &["--wait-for-sources"], 4, &["[TL2104]"]);
}

/// A file system of its own that is full but for so many bytes; `None` where none can be mounted.
struct Full(PathBuf);

impl Full {
    fn mounted(at: &Path) -> Option<Full> {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(at).stderr(Stdio::null()).status();
        done.is_ok_and(|done| done.success()).then(|| Full(at.to_owned()))
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        // What could not be taken down is left to whoever looks after the machine.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn doctor_and_serve_agree_on_a_full_disk() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("log.ndjson", events(0..5));
    let Some(disk) = Full::mounted(&sandbox.path().join("state")) else { return };
    assert_eq!(serve(&sandbox, &[]).code, 0);
    doctor(&sandbox, 0, &["is whole"]);
    // Filled to the last byte.
    let filler = disk.0.join("filler");
    let mut room = 2 << 20;
    while room > 0 && std::fs::write(&filler, vec![0; room]).is_err() {
        room -= 1 << 12;
    }
    doctor(&sandbox, 1, &["[TL3118]"]);
    let run = serve(&sandbox, &[]);
    assert!(run.code == 1 && run.stderr.contains("[TL3118]"), "{}", run.stderr);
    std::fs::remove_file(filler).unwrap();
    doctor(&sandbox, 0, &["is whole"]);
    assert_eq!(serve(&sandbox, &[]).code, 0);
}
