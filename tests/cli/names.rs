//! Workers are called by the names that a program gives them, wherever they are shown.

use super::Sandbox;

const PROGRAM: &str = r#"source player { key sessionId  time ts in s  playerState: string  userAction: string }
let playing   = has_existed(playerState == "play")
let seeking   = has_existed_within(userAction == "seek", 5s)
let buffering = latest(playerState) == "buffer"
metric cirr = duration_where(playing && !seeking && buffering)
alert stuck = held_for(buffering, 20s)
"#;

const EVENTS: &str = r#"{"sessionId":"a","ts":0,"playerState":"play"}
{"sessionId":"a","ts":10,"playerState":"buffer"}
{"sessionId":"a","ts":40,"playerState":"play"}
"#;

#[test]
fn explain_shows_names_and_what_sets_timers() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let shown = sandbox.run(&["explain", "p.tl"]).stdout;
    for part in [
        "duration_where(…)",
        " playing && !seeking && buffering ",
        "playing = has_existed(…)",
        "seeking = has_existed_within(…, 5s)",
        "timer 5s after userAction == \"seek\"",
        "held_for(buffering, 20s)",
        "timer 20s after buffering",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    let svg = sandbox.run(&["explain", "p.tl", "--format", "svg"]).stdout;
    assert!(svg.contains("playing &amp;&amp; !seeking"), "{svg}");
    let json = sandbox.run(&["explain", "p.tl", "--format", "json"]).stdout;
    let plans: serde_json::Value = serde_json::from_str(&json).unwrap();
    let seeking = plans[0]["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "seeking").unwrap();
    assert_eq!(seeking["timer_text"], "5s after userAction == \"seek\"");
    assert_eq!(seeking["text"], "has_existed_within(userAction == \"seek\", 5s)");
}

#[cfg(feature = "sql")]
#[test]
fn sessions_and_nodes_are_shown_by_name() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", EVENTS);
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state"];
    let processor = crate::cluster::Processor::start(sandbox.command(), &args);
    let session = |more: &[&str]| {
        let run = sandbox.run(&[&["session", "a", "--sync", "--server", &processor.url], more].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let drawn = session(&[]);
    let label = |line: &str| line.split(['█', '▁', '│', '•', '└']).next().unwrap().trim().to_owned();
    let mut labels: Vec<String> = drawn.lines().map(label).filter(|label| !label.is_empty()).collect();
    for name in ["playing", "seeking", "buffering", "cirr", "stuck", "playing && !seeking && buffering"] {
        assert_eq!(labels.iter().filter(|label| *label == name).count(), 1, "{name}: {labels:?}\n{drawn}");
    }
    let count = labels.len();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), count, "two rows read the same:\n{drawn}");
    let then = session(&["--at", "+31s"]);
    assert!(then.contains("timer of stuck") || then.contains("timer of held_for(buffering, 20s)"), "{then}");
    let nodes = processor.rows(&sandbox, "SELECT name, operator FROM nodes WHERE name IS NOT NULL ORDER BY name", &[]);
    let nodes = nodes.unwrap();
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    assert_eq!(nodes[2]["name"], "seeking");
    let of = processor.rows(&sandbox, "SELECT operator FROM nodes WHERE operator LIKE 'duration_where%'", &[]).unwrap();
    assert_eq!(of[0]["operator"], "duration_where(playing && !seeking && buffering)");
}
