//! An answer that can have no rows says so, and what to write.

use super::Sandbox;

const SOURCE: &str = "source s { key k  time t in s  b: bool }\n";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("metric.tl", format!("{SOURCE}metric m = duration_where(latest(b))\n"));
    sandbox.file("alert.tl", format!("{SOURCE}alert a = latest(b)\n"));
    sandbox.file(
        "both.tl",
        format!("{SOURCE}metric m = duration_where(latest(b)) | aggregate(sum) | keep spans\nalert a = latest(b)\n"),
    );
    sandbox.file("events.tl", format!("{SOURCE}metric e = b | aggregate(count)\n"));
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":false}\n");
    sandbox
}

#[test]
fn what_a_program_has_nothing_of_is_said_with_the_clause_to_write() {
    let sandbox = sandbox();
    for (program, show, says) in [
        (
            "metric.tl",
            "totals",
            "has no aggregate, so there are no totals\n  help: write `metric NAME = ... | aggregate(",
        ),
        ("metric.tl", "alerts", "has no alert, so there are no alerts\n  help: write `alert NAME = "),
        ("metric.tl", "final", ""),
        ("metric.tl", "spans", ""),
        ("alert.tl", "final", "has no metric, so there are no finals\n  help: write `metric NAME = "),
        ("alert.tl", "spans", "has no metric, so there are no spans"),
        ("alert.tl", "totals", "has no aggregate"),
        (
            "events.tl",
            "final",
            "every metric of the program counts events, which are in totals alone, so there are no finals",
        ),
        ("events.tl", "spans", "so there are no spans\n  help: ask for `--show totals`"),
        ("events.tl", "totals", ""),
        // Without a row, and with everything that could have one: nothing is to be said.
        ("alert.tl", "alerts", ""),
        ("both.tl", "alerts", ""),
        ("both.tl", "totals", ""),
    ] {
        let run = sandbox.run(&["eval", program, "log.ndjson", "--show", show]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let is_said = if says.is_empty() { run.stderr.is_empty() } else { run.stderr.contains(says) };
        assert!(is_said, "{program} {show}: {}", run.stderr);
        assert!(says.is_empty() || run.stdout.is_empty(), "{program} {show}: {}", run.stdout);
    }
    let expression = ["eval", "-e", "duration_where(latest(b))", "--key", "k", "--time", "t in s", "log.ndjson"];
    let run = sandbox.run(&[&expression[..], &["--show", "totals"]].concat());
    assert!(run.stderr.contains("help: write `EXPRESSION | aggregate(count, sum, avg)`"), "{}", run.stderr);
    // What is said can be written.
    let run = sandbox.run(&[
        "eval",
        "-e",
        "duration_where(latest(b)) | aggregate(count, sum, avg)",
        "--key",
        "k",
        "--time",
        "t in s",
        "log.ndjson",
        "--show",
        "totals",
    ]);
    assert!(run.stderr.is_empty() && run.stdout.contains("\"count\":1"), "{}{}", run.stdout, run.stderr);
}

#[cfg(feature = "sql")]
#[test]
fn what_a_processor_can_have_no_rows_of_is_said() {
    let sandbox = sandbox();
    let processor = crate::cluster::Processor::start(
        sandbox.command(),
        &["metric.tl", "--source", "file:log.ndjson", "--state", "state"],
    );
    let ask = |sql: &str| sandbox.run(&["query", sql, "--sync", "--server", &processor.url]);
    for (sql, says) in [
        ("SELECT * FROM totals", "nothing that is deployed has an aggregate, so there are no totals"),
        ("SELECT * FROM alerts", "nothing that is deployed has an alert"),
        ("SELECT * FROM spans", "metric NAME = ... | keep spans"),
        ("SELECT * FROM finals WHERE metric = 'n'", "nothing is called `n`; finals are of `m`"),
        // An aggregate of no rows is a row.
        ("SELECT sum(value), count(*) FROM finals WHERE metric = 'M'", "nothing is called `M`; finals are of `m`"),
        ("SELECT count(*) AS n FROM totals", "nothing that is deployed has an aggregate, so there are no totals"),
    ] {
        let run = ask(sql);
        assert!(run.code == 0 && run.stderr.contains(says), "{sql}: {}", run.stderr);
    }
    for sql in [
        "SELECT * FROM finals",
        "SELECT * FROM finals WHERE session = 'nobody'",
        "SELECT * FROM late_events",
        "SELECT count(*) FROM finals WHERE metric = 'm' OR metric = 'n'",
        "SELECT sum(value) FROM finals WHERE metric = 'm'",
    ] {
        let run = ask(sql);
        assert!(!run.stderr.contains("help") && !run.stderr.contains("nothing"), "{sql}: {}", run.stderr);
    }
    // What is asked for under another name, or of another table, is named.
    let run = ask("SELECT sum FROM m");
    assert!(run.code == 2 && run.stderr.contains("SELECT sum FROM totals WHERE metric = 'm'"), "{}", run.stderr);
    for args in [&["session", "a", "--query", "M"][..], &["outliers", "M"], &["drop", "M"]] {
        let run = sandbox.run(&[args, &["--server", &processor.url]].concat());
        assert!(run.code == 2 && run.stderr.contains("did you mean `m`?"), "{args:?}: {}", run.stderr);
    }
    for asked in ["totals", "SELECT count(*) AS n FROM totals"] {
        let mut watch = sandbox.command();
        watch.args(["watch", asked, "--server", &processor.url]).stderr(std::process::Stdio::piped());
        let mut watch = watch.stdout(std::process::Stdio::null()).spawn().unwrap();
        let mut stderr = std::io::BufReader::new(watch.stderr.take().unwrap());
        let (said, hears) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            let _ = std::io::BufRead::read_line(&mut stderr, &mut line);
            let _ = said.send(line);
        });
        let line = hears.recv_timeout(std::time::Duration::from_secs(20));
        watch.kill().unwrap();
        watch.wait().unwrap();
        reader.join().unwrap();
        let line = line.expect("it says something");
        assert!(line.contains("has an aggregate, so there are no totals"), "{asked}: {line}");
    }
}

#[test]
fn inputs_without_an_event_are_named() {
    let sandbox = sandbox();
    sandbox.file("empty.ndjson", "");
    sandbox.file("blank.csv", "k,t,b\n");
    sandbox.file("bad.ndjson", "{\"k\":\"a\"}\nnonsense\n");
    let none = |file: &str, records: &str| (file.to_owned(), format!("{file} ({records})"));
    for (file, said) in [
        none("empty.ndjson", "0 records"),
        none("blank.csv", "0 records"),
        none("bad.ndjson", "2 records, none of which counts"),
    ] {
        let is_said = |stderr: &str| {
            let named = stderr
                .lines()
                .any(|line| line.contains("[TL2149] s: no events were read of ") && line.ends_with(&said));
            assert!(named && stderr.contains("help: compare the names of the files"), "{file}: {stderr}");
        };
        let run = sandbox.run(&["eval", "metric.tl", &file]);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
        is_said(&run.stderr);
        let (source, state) = (format!("file:{file}"), format!("state-{file}"));
        let serve = ["serve", "metric.tl", "--source", &source, "--state", &state];
        let run = sandbox.run(&[&serve[..], &["--listen", "127.0.0.1:0", "--exit-at-end"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        is_said(&run.stderr);
    }
    // One among others, and none where all have events.
    let run = sandbox.run(&["eval", "metric.tl", "log.ndjson", "empty.ndjson"]);
    assert!(run.code == 0 && run.stderr.contains("empty.ndjson (0 records)\n"), "{}", run.stderr);
    assert!(!run.stderr.contains("log.ndjson"), "{}", run.stderr);
    let serve = ["serve", "metric.tl", "--source", "file:log.ndjson", "--state", "state", "--listen", "127.0.0.1:0"];
    for round in 0..2 {
        let run = sandbox.run(&[&serve[..], &["--exit-at-end"]].concat());
        assert!(run.code == 0 && !run.stderr.contains("TL2149"), "{round}: {}", run.stderr);
    }
}

#[cfg(feature = "sql")]
#[test]
fn rows_of_replaced_definitions_are_said_to_be_among_the_others() {
    let sandbox = sandbox();
    let text = |m: &str| format!("{SOURCE}metric m = {m}\nmetric n = count(b)\nalert a = latest(b)\n");
    sandbox.file("p.tl", text("duration_where(latest(b))"));
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n{\"k\":\"a\",\"t\":9,\"b\":false}\n");
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state"];
    let processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let asked = |args: &[&str]| sandbox.run(&[args, &["--server", &processor.url]].concat());
    let said = |sql: &str| {
        let run = asked(&["query", sql, "--sync"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stderr.contains("rows of replaced definitions are among the finals of `m` (versions 1, 2)\n  help: ")
    };
    assert!(!said("SELECT sum(value) FROM finals"), "there is one version of each");
    // What was committed is what stays.
    let committed = || asked(&["query", "SELECT epoch FROM partitions WHERE epoch > 0"]).stdout.contains("epoch");
    while !committed() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    sandbox.file("v2.tl", text("duration_where(!latest(b))"));
    let run = asked(&["deploy", "v2.tl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (sql, is_said) in [
        ("SELECT sum(value) FROM finals WHERE metric = 'm'", true),
        ("SELECT count(*) FROM finals", true),
        ("SELECT sum(value) FROM finals WHERE metric = 'n'", false),
        ("SELECT sum(value) FROM finals WHERE metric = 'm' AND version = 2", false),
        ("SELECT * FROM finals", false),
        ("SELECT count(*) FROM m", false),
        ("SELECT count(*) FROM alerts", false),
    ] {
        assert_eq!(said(sql), is_said, "{sql}");
    }
    // What is dropped leaves its rows, and those of all its versions.
    let run = asked(&["drop", "m"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(said("SELECT count(*) FROM finals"), "one of the two is dropped, and its rows are there");
    assert!(!said("SELECT count(*) FROM finals WHERE metric = 'n'"));
    ["n", "a"].into_iter().for_each(|name| assert_eq!(asked(&["drop", name]).code, 0));
    assert!(said("SELECT sum(value) FROM finals"), "and where nothing runs any more");
    // No session was on at that time, though there is one of that key.
    let run = asked(&["session", "a", "--at", "1960-01-01T00:00:00Z"]);
    assert!(run.code == 2 && run.stderr.contains("no session of `a` is known to have been on then"), "{}", run.stderr);
}
