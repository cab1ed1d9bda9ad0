//! Exit codes, and what goes to which stream.

use super::Sandbox;
use std::process::Stdio;

#[test]
fn help_and_version_are_answers() {
    let sandbox = Sandbox::new();
    for args in [&["--help"][..], &["help", "eval"], &["eval", "--help"], &["--version"]] {
        let run = sandbox.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let sandbox = Sandbox::new();
    for args in [
        &[][..],
        &["frobnicate"],
        &["queries", "--format", "xml"],
        &["queries", "--server", "ftp://x"],
        &["session", "k", "--at", "soon"],
        &["query"],
        &["query", "--timeout", "1 fortnight", "SELECT 1"],
        &["man", "frobnicate"],
        &["produce", "video", "--to", "pulsar://localhost"],
    ] {
        let run = sandbox.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn nobody_there_is_3() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for args in [
        &["queries"][..],
        &["query", "SELECT 1"],
        &["session", "k"],
        &["session", "k", "--at", "+4s"],
        &["outliers", "m"],
        &["drop", "m"],
        &["watch", "m"],
    ] {
        let run = sandbox.run(&[args, &["--server", &server]].concat());
        assert_eq!(run.code, 3, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(&server) && run.stderr.contains("timeline serve"), "{}", run.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    for args in [&["produce", "video", "--events", "100000"][..], &["completions", "bash"]] {
        let mut command = sandbox.command();
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("roken pipe"), "{stderr}");
    }
}

#[test]
fn a_file_that_is_not_what_it_was_is_4_with_its_code() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a))\n");
    let serve = ["serve", "p.tl", "--source", "file:e.ndjson", "--listen", "127.0.0.1:0", "--exit-at-end"];
    sandbox.file("e.ndjson", "{\"k\":\"x\",\"t\":0,\"a\":true}\n{\"k\":\"x\",\"t\":5}\n");
    assert_eq!(sandbox.run(&serve).code, 0);
    for (content, code) in
        [("{\"k\":\"x\"", "[TL2102]"), ("{\"k\":\"y\",\"t\":0,\"a\":true}\n{\"k\":\"x\",\"t\":5}\n", "[TL2103]")]
    {
        // The same file with other content, not another file.
        std::fs::write(sandbox.path().join("e.ndjson"), content).unwrap();
        let run = sandbox.run(&serve);
        assert_eq!(run.code, 4, "{}", run.stderr);
        assert!(run.stderr.contains(code) && run.stderr.contains("\n  help: "), "{}", run.stderr);
    }
}
