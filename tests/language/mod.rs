//! The golden traces of the language, through the commands as a user runs them: `tests/golden` holds them as tests.

use crate::cli::Sandbox;

/// A source of one boolean column; the first event is at 0 and says false.
const SOURCE: &str = "source s { key k  time t in s  b: bool }\n";

/// True and false, as in the golden traces V5 to V7.
const V5: [(u32, bool); 4] = [(0, true), (6, false), (9, true), (20, false)];

#[test]
fn the_golden_traces_come_out() {
    let run = Sandbox::new().run(&["test", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    // R1 and V2 to V7, and the operators.
    assert!(run.stdout.lines().filter(|line| line.starts_with("ok ")).count() >= 20, "{}", run.stdout);
}

#[test]
fn eval_says_the_same_of_one_viewer() {
    let sandbox = Sandbox::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/");
    let (program, log) = (format!("{examples}one-viewer.tl"), format!("{examples}one-viewer.ndjson"));
    let run = sandbox.run(&["eval", &program, &log, "--format", "csv"]);
    let rows: Vec<String> =
        run.stdout.lines().skip(1).map(|line| line.split(',').take(4).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(rows, ["R1,cirr,C1,12", "R1,cirr,C2,5", "R1,playing_time,,42", "R1,cirr_ratio,,0.288135593220339"]);
    let run = sandbox.run(&["eval", &program, &log, "--show", "totals", "--format", "csv"]);
    assert_eq!(run.stdout, "metric,cdn,count,sum\ncirr,C1,1,12\ncirr,C2,1,5\n");
}

#[test]
fn bad_input_changes_no_other_answer() {
    let sandbox = Sandbox::new();
    let good: String = V5.iter().map(|(t, b)| format!("{{\"k\":\"x\",\"t\":{t},\"b\":{b}}}\n")).collect();
    let mut bad = good.replacen('\n', "\nnot json\n{\"t\":1,\"b\":true}\n{\"k\":\"x\",\"b\":true}\n", 1).into_bytes();
    bad.extend_from_slice(
        b"{\"k\":\"x\",\"t\":99999999999999999999,\"b\":true}\n{\"k\":\"x\",\"t\":NaN}\n\xff\xfe\n   \n",
    );
    bad.extend_from_slice(b"{\"k\":\"x\",\"t\":20,\"b\":\"yes\"}\n{\"k\":\"x\",\"t\":20,\"b\":fal");
    sandbox.file("good.ndjson", good);
    sandbox.file("bad.ndjson", bad);
    sandbox.file("p.tl", format!("{SOURCE}metric m = duration_where(latest(b))\n"));
    let eval = |file: &str| sandbox.run(&["eval", "p.tl", file, "--until", "40", "--format", "csv"]);
    let (clean, dirty) = (eval("good.ndjson"), eval("bad.ndjson"));
    assert_eq!((dirty.code, &dirty.stdout), (0, &clean.stdout));
    assert!(dirty.stderr.contains("8 dead letters"), "{}", dirty.stderr);
}

#[test]
fn the_examples_compile() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut programs = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "tl") {
            let run = Sandbox::new().run(&["check", path.to_str().expect("UTF-8")]);
            assert_eq!(run.code, 0, "{}: {}", path.display(), run.stderr);
            programs += 1;
        }
    }
    assert!(programs >= 6);
}

#[test]
fn the_program_over_the_alerts_of_another_is_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/replicas");
    let run = Sandbox::new().run(&["test", folder]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("ok "), "{}", run.stdout);
}

#[test]
fn the_questions_are_answered_and_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/questions");
    let run = Sandbox::new().run(&["test", folder]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let list = std::fs::read_to_string(format!("{folder}/README.md")).expect("the list is there");
    let mut linked: Vec<&str> = list.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let names = std::fs::read_dir(folder).expect("the folder is there").map(|e| e.expect("an entry").file_name());
    let mut there: Vec<String> =
        names.map(|name| name.into_string().expect("UTF-8")).filter(|name| name.ends_with(".tltest")).collect();
    linked.sort_unstable();
    there.sort_unstable();
    assert_eq!(linked, there);
    for name in there {
        let text = std::fs::read_to_string(format!("{folder}/{name}")).expect("it was just run");
        let question = text.lines().next().unwrap_or_default();
        assert!(question.starts_with("// ") && text.split("---").next().unwrap_or_default().contains('?'), "{name}");
    }
}
