//! `--log-format json`: what is said on standard error as an object of JSON a line.

use super::{Sandbox, finish};
use serde_json::Value;

/// The lines of standard error, each of which must be an object with what every one has.
#[track_caller]
fn objects(stderr: &str) -> Vec<Value> {
    let object = |line: &str| -> Value {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let timestamp = object["timestamp"].as_str().unwrap_or_else(|| panic!("no timestamp: {line}"));
        // 2026-03-02T09:14:07.218503Z
        assert!(timestamp.as_bytes()[10] == b'T' && timestamp.ends_with('Z'), "{line}");
        assert!(object["level"].is_string() && object["target"].is_string() && object["fields"].is_object(), "{line}");
        object
    };
    stderr.lines().map(object).collect()
}

#[test]
fn an_error_is_an_object_with_its_exit_code() {
    let sandbox = Sandbox::new();
    let check = ["check", "none.tl"];
    let text = sandbox.run(&check);
    let is_the_same = |run: super::Run| {
        let all = objects(&run.stderr);
        let [said] = &all[..] else { panic!("{}", run.stderr) };
        assert_eq!((&said["level"], &said["target"]), (&"ERROR".into(), &"command".into()));
        let message = said["fields"]["message"].as_str().unwrap();
        assert_eq!((run.code, format!("timeline: {message}\n")), (text.code, text.stderr.clone()));
        assert_eq!(said["fields"]["exit"], text.code);
    };
    is_the_same(sandbox.run(&[&check[..], &["--log-format", "json"]].concat()));
    // Nothing leaves out why a command ended.
    is_the_same(finish(sandbox.command().args(check).env("TIMELINE_LOG_FORMAT", "json").env("TIMELINE_LOG", "off")));
    sandbox.file("timeline.toml", "log_format = 'json'\n");
    is_the_same(sandbox.run(&check));
    let run = sandbox.run(&[&check[..], &["--log-format", "text"]].concat());
    assert_eq!(run.stderr, text.stderr);
    // Settings that cannot be read are said as the flag wants it.
    sandbox.file("timeline.toml", "log_format = 'xml'\n");
    let run = sandbox.run(&[&check[..], &["--log-format", "json"]].concat());
    let message = objects(&run.stderr)[0]["fields"]["message"].as_str().unwrap().to_owned();
    assert!(run.code == 2 && message.contains("xml") && message.contains("json"), "{message}");
}

#[test]
fn what_a_program_lacks_is_one_line_however_many_it_has() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "metric m = duration_where(latest(s) == )\n");
    let run = sandbox.run(&["--log-format", "json", "check", "p.tl"]);
    let all = objects(&run.stderr);
    let [said] = &all[..] else { panic!("{}", run.stderr) };
    let message = said["fields"]["message"].as_str().unwrap();
    assert_eq!(run.code, 1);
    assert!(message.contains("p.tl:1:") && message.lines().count() > 1, "{message}");
}

#[cfg(feature = "sql")]
#[test]
fn a_processor_writes_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  on: bool }\nmetric m = duration_where(latest(on))\n");
    let lines: String = (0..12).map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"On\":true}}\n")).collect();
    sandbox.file("e.ndjson", &lines);
    let serve = ["serve", "p.tl", "--source", "file:e.ndjson", "--state", "state", "--listen", "127.0.0.1:0"];
    let run = sandbox.run(&[&serve[..], &["--exit-at-end", "--log-format", "json"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("timeline: serving http://"), "{}", run.stdout);
    let said = objects(&run.stderr);
    let is_meant = |object: &&Value| object["fields"]["message"].as_str().is_some_and(|text| text.contains("TL2141"));
    let [remark] = said.iter().filter(is_meant).collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
    assert_eq!(remark["level"], "WARN");
    assert!(remark["target"].as_str().is_some_and(|target| target.starts_with("processor::")), "{remark}");
}

#[cfg(feature = "sql")]
#[test]
fn who_changed_what_runs_is_said_by_name() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  on: bool }\nmetric m = duration_where(latest(on))\n");
    sandbox.file("more.tl", "metric n = duration_where(!latest(on))\n");
    sandbox.file("e.ndjson", "{\"k\":\"a\",\"t\":1,\"on\":true}\n");
    let mut command = sandbox.command();
    command.env("TIMELINE_LOG_FORMAT", "json").env("TIMELINE_LOG", "off");
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    let mut processor = crate::cluster::Processor::start(command, &args);
    assert_eq!(sandbox.run(&["deploy", "more.tl", "--server", &processor.url]).code, 0);
    processor.signal("TERM");
    let (code, stderr) = processor.ends(30);
    assert_eq!(code, Some(0), "{stderr}");
    let said = objects(&stderr);
    let [deployed] = &said[..] else { panic!("{stderr}") };
    assert_eq!((&deployed["level"], &deployed["target"]), (&"INFO".into(), &"audit".into()));
    let fields = &deployed["fields"];
    assert_eq!(
        (&fields["what"], &fields["who"], &fields["result"]),
        (&"deploy".into(), &"anybody".into(), &"done".into())
    );
    assert!(fields["names"].as_str().is_some_and(|names| names.contains("new n")), "{stderr}");
}
