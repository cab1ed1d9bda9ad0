//! `session` with a processor: what it says of the instant at which a session ends, and why a value is what it is.

use super::Sandbox;
use crate::served::Server;

const PROGRAM: &str = "source s {
  key k
  time t in s
  end when e == \"exit\"
  e: string, b: bool
}
metric exits  = count(e == \"exit\")
metric last   = latest(e)
metric recent = count_within(b, 5s)
metric alone  = count(not_followed_by(e == \"ask\", e == \"answer\", 5s))
";

const LOG: &str = r#"{"k":"a","t":0,"e":"ask"}
{"k":"a","t":1,"b":true}
{"k":"a","t":3,"e":"other"}
{"k":"a","t":9,"e":"exit"}
"#;

#[test]
fn a_session_says_what_its_final_row_does() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("log.ndjson", LOG);
    let server = Server::start_on(sandbox.path(), &["--source", "file:log.ndjson"]);
    let finals = server.rows("SELECT metric, value FROM finals WHERE metric = 'exits'");
    let value: f64 = finals[0]["value"].to_string().trim_matches('"').parse().unwrap();
    assert_eq!(value, 1.0, "{finals:?}");
    let ask = |args: &[&str]| {
        let run = sandbox.run(&[args, &["--server", &server.url]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let line = |text: &str, label: &str| {
        let line = text.lines().find(|line| line.contains(label));
        line.unwrap_or_else(|| panic!("no {label} in {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let drawn = ask(&["session", "a"]);
    assert!(line(&drawn, "exits").ends_with(" 1"), "{drawn}");
    assert!(line(&drawn, "last").ends_with(" exit"), "{drawn}");
    let at_end = ask(&["session", "a", "--at", "+9s"]);
    assert!(line(&at_end, "exits").starts_with("1 1970-01-01T00:00:09"), "{at_end}");
    let before = ask(&["session", "a", "--at", "+8.5s"]);
    assert!(line(&before, "exits").starts_with("0 "), "{before}");
    // What a timer did is put down to the event that had set it, and not to one in between.
    let recent = line(&before, "recent");
    assert!(recent.starts_with("0 1970-01-01T00:00:06"), "{recent}");
    assert!(recent.contains("timer of count_within(b, 5s), set by ") && recent.contains(r#"{"b":true}"#), "{recent}");
    let alone = line(&before, "alone");
    assert!(alone.starts_with("1 1970-01-01T00:00:05") && alone.contains("timer of not_followed_by("), "{alone}");
    assert!(alone.contains(", set by ") && alone.contains(r#"{"e":"ask"}"#), "{alone}");
    let spans = sandbox.run(&["eval", "video.tl", "log.ndjson", "--show", "spans", "--format", "csv"]).stdout;
    let exits: Vec<&str> = spans.lines().filter(|line| line.contains(",exits,")).collect();
    assert_eq!(exits.len(), 2, "{spans}");
    assert!(exits[1].contains("1970-01-01T00:00:09.000000000Z,1970-01-01T00:00:09.000000000Z,1"), "{spans}");
}
