//! How far long work is: lines in a log at a calm pace, and nothing of what is over soon.

use super::{Run, Sandbox};
use std::process::Stdio;

/// Twelve seconds of work: in a log the first line comes after ten.
const LONG: [&str; 6] = ["produce", "devices", "--events", "24", "--rate", "2"];

#[test]
fn a_producer_says_in_a_log_how_far_it_is() {
    let sandbox = Sandbox::new();
    let start = |more: &[&str]| {
        let mut command = sandbox.command();
        command.args(LONG).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children = [start(&[]), start(&["--quiet"])];
    let [loud, quiet] = children.map(|child| Run::of(child.wait_with_output().unwrap()));
    assert_eq!((loud.code, loud.stdout.lines().count()), (0, 24), "{}", loud.stderr);
    let said: Vec<&str> = loud.stderr.lines().collect();
    assert_eq!(said.len(), 2, "{}", loud.stderr);
    for part in ["timeline: ", " % written, ", " of 24 events, ", " events/s"] {
        assert!(said[0].contains(part), "{part}: {}", loud.stderr);
    }
    assert!(said[1].starts_with("wrote 24 events"), "{}", loud.stderr);
    // What it comes to is said all the same.
    assert_eq!((quiet.code, &quiet.stdout), (0, &loud.stdout));
    assert_eq!(quiet.stderr.lines().collect::<Vec<_>>(), said[1..]);
}

#[test]
fn what_is_over_soon_says_nothing_on_the_way() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["produce", "devices", "--events", "5000", "--to", "log.ndjson"]);
    assert_eq!((run.code, run.stderr.lines().count()), (0, 1), "{}", run.stderr);
    assert!(run.stderr.starts_with("wrote 5000 events"), "{}", run.stderr);
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n");
    sandbox.file("e.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    for more in [&["--quiet"][..], &[]] {
        let run = sandbox.run(&[&["eval", "p.tl", "e.ndjson"], more].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    }
}
