//! Mistakes of a first half hour: each is said in a way that helps.

use super::Sandbox;

const PROGRAM: &str = "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n";

#[test]
fn what_is_meant_otherwise_is_said() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    sandbox.file("nothing.tl", "// nothing\n");
    sandbox.file("binary.tl", [0x7f, b'E', b'L', b'F', 0xff, 0xfe]);
    let cases: &[(&[&str], i32, &[&str])] = &[
        // The program and its data exchanged.
        (&["eval", "log.ndjson", "p.tl"], 2, &["log.ndjson looks like data", "help: the program comes first"]),
        (
            &["eval", "p.tl", "nothing.tl", "log.ndjson"],
            2,
            &["nothing.tl looks like a program, and eval takes one", "help: "],
        ),
        (&["check", "log.ndjson"], 2, &["looks like data"]),
        (&["serve", "log.ndjson"], 2, &["looks like data"]),
        (&["check", "nowhere.tl"], 4, &["nowhere.tl", "help: name the file of a program"]),
        (&["explain", "binary.tl"], 1, &["is not UTF-8 text (byte 4)", "help: a program is a text"]),
        (&["explain", "nothing.tl"], 0, &["nothing.tl has no metric and no alert"]),
        (&["check", "nothing.tl"], 0, &["nothing.tl has no metric and no alert"]),
        (&["eval", "p.tl", "log.ndjson", "--threads", "0"], 2, &["write 1 or more"]),
        (&["serve", "p.tl", "--totals-every", "0s"], 2, &["write at least 1ms"]),
        (&["watch", "m", "--format", "csv"], 2, &["possible values: table, json, jsonl"]),
    ];
    for (args, code, says) in cases {
        let run = sandbox.run(args);
        assert_eq!(run.code, *code, "{args:?}: {}", run.stderr);
        says.iter().for_each(|part| assert!(run.stderr.contains(part), "{args:?}: {}", run.stderr));
    }
    // What the help of a command offers, it does.
    let help = sandbox.run(&["watch", "--help"]).stdout;
    assert!(help.contains("jsonl") && !help.contains("parquet"), "{help}");
}

#[cfg(unix)]
#[test]
fn a_measurement_that_is_broken_off_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let temporary = sandbox.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = sandbox.command();
    command.args(["bench", "--events", "5000000"]).env("TMPDIR", &temporary).stdout(std::process::Stdio::null());
    let mut bench = command.spawn().unwrap();
    let is_empty = || std::fs::read_dir(&temporary).unwrap().next().is_none();
    let begun = std::time::Instant::now();
    while is_empty() && begun.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // The handler of the signal comes just behind the folder.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(bench.try_wait().unwrap().is_none(), "it is still at it");
    std::process::Command::new("kill").args(["-INT", &bench.id().to_string()]).status().unwrap();
    assert_eq!(bench.wait().unwrap().code(), Some(130));
    assert!(is_empty(), "{temporary:?} has something left");
}
