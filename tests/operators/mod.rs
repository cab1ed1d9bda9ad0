//! User operators through the command: the example, an operator that fails, and one that is killed with its processor.

use crate::cli::Sandbox;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/user-operators");

/// It adds up, and does not like a 13.
const ADDING: &str = r#"(module
  (memory (export "memory") 1)
  (global (export "state") i32 (i32.const 0))
  (func (export "apply") (param $time i64) (param $x f64) (result f64)
    (if (f64.eq (local.get $x) (f64.const 13)) (then unreachable))
    (f64.store (i32.const 0) (f64.add (f64.load (i32.const 0)) (local.get $x)))
    (f64.load (i32.const 0))))"#;

const PROGRAM: &str = "source s { key k  time t in s  x: float }
operator total(x: float): float state 8 from \"total.wasm\"
metric mine = total(x)
metric ours = sum(x)
";

fn with_program() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("total.wasm", wat::parse_str(ADDING).unwrap());
    sandbox.file("p.tl", PROGRAM);
    sandbox
}

#[test]
fn the_example_holds() {
    let run = Sandbox::new().run(&["test", EXAMPLES]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("ok "), "{}", run.stdout);
    let run = Sandbox::new().run(&["explain", &format!("{EXAMPLES}/smooth.tl")]);
    assert!(run.stdout.contains("O(state)"), "{}", run.stdout);
    let digest = run.stdout.split("operator ewma(float): float state 16  module ").nth(1).unwrap_or_default();
    assert!(digest.find(|c: char| !c.is_ascii_hexdigit()) == Some(16), "{}", run.stdout);
    let run = Sandbox::new().run(&["fmt", "--check", &format!("{EXAMPLES}/smooth.tl")]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
}

#[test]
fn an_operator_that_fails_takes_nothing_with_it() {
    let sandbox = with_program();
    let log = "{\"k\":\"a\",\"t\":1,\"x\":2}\n{\"k\":\"b\",\"t\":2,\"x\":5}\n{\"k\":\"a\",\"t\":3,\"x\":13}\n\
               {\"k\":\"a\",\"t\":4,\"x\":1}\n{\"k\":\"b\",\"t\":5,\"x\":0.5}\n";
    sandbox.file("log.ndjson", log);
    let eval = || sandbox.run(&["eval", "p.tl", "log.ndjson", "--format", "csv"]);
    let run = eval();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let value = |key: &str, metric: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(&format!("{key},{metric},"))).unwrap_or("");
        line.split(',').nth(2).unwrap_or("no row").to_owned()
    };
    assert_eq!((value("a", "mine"), value("a", "ours")), (String::new(), "16".into()), "{}", run.stdout);
    assert_eq!((value("b", "mine"), value("b", "ours")), ("5.5".into(), "5.5".into()), "{}", run.stdout);
    assert!(run.stderr.contains("1 dead letter") && run.stderr.contains("TL2014"), "{}", run.stderr);
    let again = eval();
    assert_eq!((&run.stdout, &run.stderr), (&again.stdout, &again.stderr));
    // It is as true where the end of the log leaves all events waiting.
    sandbox.file("p.tl", PROGRAM.replace("x: float }", "x: float  lateness 1h }"));
    let waiting = eval();
    assert!(waiting.stderr.contains("1 dead letter") && waiting.stderr.contains("TL2014"), "{}", waiting.stderr);
    assert_eq!(waiting.stdout, run.stdout);
}

#[test]
fn what_is_wrong_with_a_module_is_said_with_its_place() {
    let sandbox = with_program();
    sandbox.file("total.wasm", wat::parse_str(r#"(module (import "env" "now" (func)))"#).unwrap());
    for command in
        [&["check", "p.tl"][..], &["serve", "p.tl", "--source", "file:log.ndjson", "--listen", "127.0.0.1:0"]]
    {
        let run = sandbox.run(command);
        assert_ne!(run.code, 0);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("TL0402") && said.contains("env.now") && said.contains("p.tl:2:"), "{said}");
    }
    for bytes in [&b""[..], b"(module)", &[0x7f; 300]] {
        sandbox.file("total.wasm", bytes);
        let said = sandbox.run(&["check", "p.tl"]).stderr;
        assert!(said.starts_with("error[TL0402]: this is no WebAssembly module: it does not begin with"), "{said}");
    }
    std::fs::remove_file(sandbox.path().join("total.wasm")).unwrap();
    assert!(sandbox.run(&["check", "p.tl"]).stderr.contains("TL0401"));
}

/// A processor in the sandbox, and its address.
fn serve(sandbox: &Sandbox, programs: &[&str]) -> (Child, String) {
    let mut command = sandbox.command();
    command.arg("serve").args(programs).args(["--source", "file:log.ndjson", "--state", "state"]);
    let mut child = command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address in the line");
    (child, url.trim_end_matches(',').to_owned())
}

#[test]
fn a_processor_that_is_killed_needs_no_file_to_go_on_with_an_operator() {
    let sandbox = with_program();
    let mut log = std::fs::File::create(sandbox.path().join("log.ndjson")).unwrap();
    let mut append = |from: u32, to: u32| {
        for t in from..to {
            // Key `s3` fails half way.
            let x = if t == 103 { 13 } else { t % 11 };
            writeln!(log, "{{\"k\":\"s{}\",\"t\":{t},\"x\":{x}}}", t % 5).unwrap();
        }
        log.flush().unwrap();
    };
    let mine = |url: &str| {
        let run = sandbox.run(&["outliers", "mine", "--top", "10", "--format", "csv", "--server", url]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    append(0, 100);
    let (mut child, url) = serve(&sandbox, &["p.tl"]);
    let begun = Instant::now();
    // A checkpoint a second: what is killed has some state in one.
    while !mine(&url).contains("s0") || begun.elapsed() < Duration::from_millis(2500) {
        std::thread::sleep(Duration::from_millis(100));
    }
    append(100, 150);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(sandbox.path().join("total.wasm")).unwrap();
    std::fs::remove_file(sandbox.path().join("p.tl")).unwrap();
    append(150, 200);
    let (mut child, url) = serve(&sandbox, &[]);
    let wanted: Vec<u32> = (0..5).map(|k| (0..200).filter(|t| t % 5 == k).map(|t| t % 11).sum()).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    let found = loop {
        let found = mine(&url);
        let is_whole = found.contains(&format!(",{}", wanted[4])) && found.contains(&format!(",{}", wanted[0]));
        if is_whole || Instant::now() > deadline {
            break found;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    for (k, sum) in wanted.iter().enumerate() {
        let line = found.lines().find(|line| line.contains(&format!("s{k},")));
        match k {
            3 => assert!(line.is_none_or(|line| !line.contains(&sum.to_string())), "{found}"),
            _ => assert!(line.is_some_and(|line| line.contains(&sum.to_string())), "{sum} for s{k}: {found}"),
        }
    }
}
