//! What the end of a file is to `eval` and to `serve --exit-at-end`: a last line without a line feed.

use super::{Run, Sandbox};

const PROGRAM: &str = "source s { key k  time t in s  on: bool }\nmetric n = count(on)\n";
const SERVE: [&str; 7] = ["serve", "p.tl", "--listen", "127.0.0.1:0", "--exit-at-end", "--state", "state"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox
}

/// `serve` to the end of a file.
fn serve(sandbox: &Sandbox, file: &str) -> Run {
    let source = format!("file:{file}");
    sandbox.run(&[&SERVE[..], &["--source", &source]].concat())
}

/// What the state comes to for the only session of a file, and what was said with it.
fn count(sandbox: &Sandbox, file: &str) -> (serde_json::Value, String) {
    let args = ["--source", &format!("file:{file}"), "--state", "state"];
    let processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let run = sandbox.run(&["query", "SELECT value FROM n", "--format", "jsonl", "--server", &processor.url]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let row: serde_json::Value = serde_json::from_str(run.stdout.lines().next().expect("a row")).unwrap();
    (row["value"].clone(), run.stderr)
}

fn line(t: u32) -> String {
    format!("{{\"k\":\"a\",\"t\":{t},\"on\":{}}}", t.is_multiple_of(2))
}

#[test]
fn a_last_line_that_is_a_whole_object_is_read_as_eval_reads_it() {
    let sandbox = sandbox();
    let lines: Vec<String> = (0..5).map(line).collect();
    sandbox.file("e.ndjson", lines.join("\n"));
    let eval = sandbox.run(&["eval", "p.tl", "e.ndjson"]);
    assert!(eval.stdout.contains("\"value\":3"), "{}", eval.stdout);
    let run = serve(&sandbox, "e.ndjson");
    assert!(run.code == 0 && !run.stderr.contains("TL2115"), "{}", run.stderr);
    assert_eq!(count(&sandbox, "e.ndjson").0, 3);
    // The line ends, and others come; nothing is lost of them, and nothing counts twice.
    append(&sandbox, "e.ndjson", &format!("\n{}\n{}", line(6), line(8)));
    let run = serve(&sandbox, "e.ndjson");
    assert!(run.code == 0 && !run.stderr.contains("TL21"), "{}", run.stderr);
    assert_eq!(count(&sandbox, "e.ndjson").0, 5);
    // It goes on instead, so the record was another one.
    append(&sandbox, "e.ndjson", ",\n");
    let run = serve(&sandbox, "e.ndjson");
    assert!(run.code != 0 && run.stderr.contains("TL2116"), "{}: {}", run.code, run.stderr);
}

#[test]
fn a_last_line_that_may_go_on_waits_and_that_is_said() {
    for (file, whole, begun, end) in [
        ("e.ndjson", format!("{}\n{}\n", line(0), line(1)), "{\"k\":\"a\",\"t\":2,", "\"on\":true}\n"),
        ("e.csv", "k,t,on\na,0,true\na,1,false\n".to_owned(), "a,2,tru", "e\n"),
    ] {
        let sandbox = sandbox();
        sandbox.file(file, format!("{whole}{begun}"));
        let run = serve(&sandbox, file);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let said = format!("{file}: its last {} bytes, from byte {} on, have no line feed", begun.len(), whole.len());
        let is_said = run.stderr.contains("[TL2115]") && run.stderr.contains(&said);
        assert!(is_said && run.stderr.contains("help: if the file is finished"), "{}", run.stderr);
        append(&sandbox, file, end);
        let run = serve(&sandbox, file);
        assert!(run.code == 0 && !run.stderr.contains("TL21"), "{}", run.stderr);
        assert_eq!(count(&sandbox, file).0, 2, "{file}");
    }
}

#[test]
fn answers_say_that_a_line_has_waited_for_its_end() {
    let sandbox = sandbox();
    sandbox.file("e.ndjson", format!("{}\n{}", line(0), line(2)));
    let args = ["p.tl", "--source", "file:e.ndjson", "--state", "state"];
    let processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let ask = |sql: &str| sandbox.run(&["query", sql, "--sync", "--server", &processor.url]);
    let begun = std::time::Instant::now();
    let said = format!("its last {} bytes, from byte {} on", line(2).len(), line(0).len() + 1);
    while !ask("SELECT value FROM n").stderr.contains(&said) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{}", ask("SELECT value FROM n").stderr);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(ask("SELECT remarks FROM queries").stdout.contains("TL2115"));
    append(&sandbox, "e.ndjson", "\n");
    let run = ask("SELECT value FROM n");
    assert!(!run.stderr.contains("TL2115"), "{}", run.stderr);
}

fn append(sandbox: &Sandbox, name: &str, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().append(true).open(sandbox.path().join(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
