//! `timeline check` and `timeline explain`.

use super::Sandbox;

const PROGRAM: &str = r#"
source player {
  key session
  time ts in s
  playerState: string, userAction: string
}
let playing  = has_existed(playerState == "play")
let seeking  = has_existed_within(userAction == "seek", 5s)
metric stall = duration_where(playing && !seeking && latest(playerState) == "buffer")
metric pause = duration_where(!seeking && latest(playerState) == "pause")
"#;

/// An event where a state is needed, and a column that is not there.
const WRONG: &str = r#"
source player { key session  time ts in s  playerState: string }
metric a = duration_where(playerState == "play")
metric b = latest(plyerState)
"#;

#[test]
fn a_sound_program_is_silence() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    assert_eq!(sandbox.run(&["check", "p.tl"]).expect(0, "").stderr, "");
    assert_eq!(sandbox.feed(&["check", "-"], PROGRAM.as_bytes()).expect(0, "").stderr, "");
    assert_eq!(sandbox.run(&["check", "-e", "duration_where(latest(x) == 1)"]).expect(0, "").stderr, "");
    sandbox.run(&["check", "p.tl", "--format", "json"]).expect(0, "[]\n");
}

#[test]
fn all_mistakes_are_drawn_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("wrong.tl", WRONG);
    let run = sandbox.run(&["check", "wrong.tl"]).expect(1, "");
    for expected in [
        "wrong.tl:3:27",
        "metric a = duration_where(playerState == \"play\")\n",
        "^^^^^",
        "latest(playerState)",
        "wrong.tl:4:19",
        "help: ",
    ] {
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
    let both = sandbox.run(&["check", "p.tl", "wrong.tl"]).expect(1, "");
    assert_eq!(both.stderr, run.stderr);
}

#[test]
fn findings_can_be_json() {
    let sandbox = Sandbox::new();
    sandbox.file("wrong.tl", WRONG);
    let run = sandbox.run(&["check", "wrong.tl", "--format", "json"]);
    assert_eq!(run.code, 1);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(findings.len(), 2);
    assert_eq!((&findings[0]["line"], &findings[0]["severity"]), (&3.into(), &"error".into()));
    assert!(findings[0]["code"].as_str().unwrap().starts_with("TL"));
}

#[test]
fn a_program_that_cannot_be_read_is_4_and_one_that_is_no_text_is_1() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["check", "none.tl"]).expect(4, "");
    assert!(run.stderr.contains("none.tl"), "{}", run.stderr);
    sandbox.file("bytes.tl", b"metric \xff");
    assert!(sandbox.run(&["check", "bytes.tl"]).expect(1, "").stderr.contains("not UTF-8"));
    assert_eq!(sandbox.run(&["check"]).code, 2);
    assert_eq!(sandbox.run(&["check", "-e", "1", "bytes.tl"]).code, 2);
}

#[test]
fn workers_are_explained_in_four_formats() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let text = sandbox.run(&["explain", "p.tl"]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    for expected in ["stall", "pause", "has_existed_within", "timer", "bytes", "playerState"] {
        assert!(text.stdout.contains(expected), "{expected}: {}", text.stdout);
    }
    let json = sandbox.run(&["explain", "p.tl", "--format", "json"]).stdout;
    let plans: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(plans[0]["source"]["name"], "player");
    assert!(plans[0]["session_bytes"].as_u64().unwrap() > 0);
    let nodes = plans[0]["nodes"].as_array().unwrap();
    let seek = nodes.iter().find(|n| n["operator"].as_str().unwrap().contains("has_existed_within")).unwrap();
    assert_eq!((&seek["timer"], &seek["memory"]), (&true.into(), &"O(1)".into()));
    // Both metrics read `!seeking`: it is there once and used twice.
    assert!(nodes.iter().any(|n| n["readers"] == 2));
    assert!(sandbox.run(&["explain", "p.tl", "--format", "dot"]).stdout.starts_with("digraph"));
    assert!(sandbox.run(&["explain", "p.tl", "--format", "svg"]).stdout.contains("<svg"));
}

#[test]
fn explain_reports_what_it_cannot_explain() {
    let sandbox = Sandbox::new();
    sandbox.file("wrong.tl", WRONG);
    assert!(sandbox.run(&["explain", "wrong.tl"]).expect(1, "").stderr.contains("error[TL"));
    sandbox.file("p.tl", PROGRAM);
    assert_eq!(
        sandbox.run(&["explain", "p.tl", "--source", "other"]).expect(2, "").stderr,
        "timeline: p.tl reads no source `other`\n"
    );
    let two = format!(
        "{PROGRAM}\nsource web {{ key u  time t in ms  page: string }}\nmetric views = duration_where(latest(page) == \"a\")\n"
    );
    sandbox.file("two.tl", two);
    assert_eq!(sandbox.run(&["explain", "two.tl", "--format", "svg"]).code, 2);
    assert_eq!(sandbox.run(&["explain", "two.tl", "--format", "svg", "--source", "web"]).code, 0);
    let both = sandbox.run(&["explain", "two.tl", "--format", "json"]).stdout;
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&both).unwrap().len(), 2);
}

/// A build without the runtime says so where an operator is declared, and what to use.
#[cfg(not(feature = "wasm"))]
#[test]
fn without_a_runtime_a_user_operator_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        "source s { key k  time t in s  x: float }\noperator f(x: float): float from \"f.wasm\"\nmetric m = f(x)\n",
    );
    sandbox.file("f.wasm", "whatever it is");
    let run = sandbox.run(&["check", "p.tl"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("TL0404") && run.stderr.contains("the feature `wasm`"), "{}", run.stderr);
}
