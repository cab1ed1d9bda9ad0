//! The page of a processor, whose script runs in Node.js with a person that `page.mjs` plays.
//!
//! Without `node` the test is not run, and says so in one line; with `CI=true` that is a failure.

use crate::cli::Sandbox;
use crate::cluster::Processor;
use std::io::Write;
use std::process::Command;

/// What the person sees, line by line.
fn seen(args: &[&str]) -> Option<String> {
    let out = Command::new("node").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/page.mjs")).args(args).output();
    let out = match out {
        Ok(out) => out,
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no node: {error}"),
        Err(error) => {
            // Past the test harness, which hides what tests that pass have said.
            let _ = writeln!(std::io::stderr(), "the test of the page was not run: node: {error}");
            return None;
        }
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{stdout}{stderr}");
    Some(stdout.into_owned())
}

#[test]
fn the_page_asks_for_a_token_where_one_is_needed_and_shows_what_there_is() {
    let sandbox = Sandbox::new();
    let program = "source s { key k  time t in s  b: bool, d: string }\n\
                   metric m = duration_where(latest(b)) | aggregate(group_by(latest(d) as d), count, sum)\n";
    sandbox.file("p.tl", program);
    sandbox
        .file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true,\"d\":\"<b>x</b>\"}\n{\"k\":\"a\",\"t\":8,\"b\":false}\n");
    sandbox.file("token", "open-sesame\n");
    let args = ["p.tl", "--source", "file:log.ndjson", "--state"];
    // Texts of events are shown as they are.
    let row = "metric d count sum m <b>x</b> 1 7\n";
    let open = Processor::start(sandbox.command(), &[&args[..], &["open"]].concat());
    let Some(seen_there) = seen(&[&open.url]) else { return };
    assert_eq!(seen_there, format!("totals {row}answered /v1/status /v1/watch\n"));
    let closed = Processor::start(sandbox.command(), &[&args[..], &["closed", "--token-file", "token"]].concat());
    let seen_there = seen(&[&closed.url, "open-sesame"]).unwrap();
    assert_eq!(seen_there, format!("asks\nrefuses\ntotals {row}answered /v1/status /v1/watch, after refusals\n"));
}
