//! `timeline test`: what it says of tests that hold, that fail, and that are none.

use super::Sandbox;

const TEST: &str = "\
// A stall of four seconds.
--- program
source s {
  key k
  time t in ms
  end when state == \"stop\"
  state: string, cdn: string, deep: int from \"a.b\"
}
let stalled = latest(state) == \"buffer\"
metric stall = duration_where(stalled) split by latest(cdn) | aggregate(group_by(cdn), count, sum)
metric share = duration_where(stalled) / duration_where(latest(state) == \"play\")
metric depth = latest(deep)
alert  long  = held_for(stalled, 2s)
--- events
0: cdn=C1, state=play
10: state=buffer
{\"k\":\"s\",\"t\":14000,\"state\":\"play\",\"a\":{\"b\":7}}
15 other: state=\"buffer\"      // never on a CDN
20: state=stop
| not json
1 other: state=play
--- late 1
--- dead 1
--- finals
stall [C1] = 4
other: stall [absent] = 5s
share = 4/16
other: share = absent
depth = 7
other: depth = absent
--- totals
stall [absent]: count=1, sum=5
stall [C1]: count=1
--- alerts
long 12..14
other: long 17..
--- true stalled
10..14
other: 15..
--- spans stall
[C1] 0..10 0
[C1] 10..14 0 slope 1
[C1] 14..20 4
other: [absent] 15.. 0 slope 1
--- values share
at 12 = 0.2
other: at 16 = absent
";

fn told(change: impl Fn(&str) -> String, code: i32) -> String {
    let sandbox = Sandbox::new();
    sandbox.file("t.tltest", change(TEST));
    let run = sandbox.run(&["test", "t.tltest"]);
    assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn everything_that_can_be_expected_is_found() {
    assert_eq!(told(str::to_owned, 0), "ok    t.tltest  8 expectations\n1 test, all as expected\n");
}

#[test]
fn each_kind_of_expectation_can_fail() {
    for (from, to, minus, plus) in [
        ("stall [C1] = 4", "stall [C1] = 4.000000001", "- stall [C1] = 4.000000001", "+ stall [C1] = 4"),
        ("depth = 7", "depth = 8", "- depth = 8", "+ depth = 7"),
        ("other: share = absent\n", "", "", "+ other: share = absent"),
        ("stall [C1]: count=1", "stall [C1]: count=2", "- stall [C1]: count=2", "+ stall [C1]: count=1, sum=4"),
        ("long 12..14", "long 12..15", "- long 12..15", "+ long 12..14"),
        ("--- true stalled\n10..14", "--- true stalled\n10..13.9", "- 10..13.9", "+ 10..14"),
        ("10..14 0 slope 1", "10..14 0", "- [C1] 10..14 0", "+ [C1] 10..14 0 slope 1"),
        ("at 12 = 0.2", "at 12 = 0.3", "- at 12 = 0.3", "+ at 12 = 0.2"),
    ] {
        let told = told(|text| text.replacen(from, to, 1), 1);
        assert!(told.contains(minus) && told.contains(plus), "{from}: {told}");
    }
    assert!(told(|t| t.replace("--- late 1\n", ""), 1).contains("late events: 0 expected, 1 found"));
    assert!(told(|t| t.replace("--- dead 1", "--- dead 3"), 1).contains("dead letters: 3 expected, 1 found"));
}

#[test]
fn a_failure_is_drawn() {
    let told = told(|t| t.replace("--- true stalled\n10..14", "--- true stalled\n10..18"), 1);
    let bar = |label: &str| {
        let line = told.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_else(|| panic!("{told}"));
        line.matches('█').count()
    };
    assert!(bar("expected") > bar("found") && bar("found") > 0, "{told}");
    assert!(told.contains("events "), "{told}");
}

#[test]
fn what_is_no_test_is_2_with_its_line() {
    for (from, to, says) in [
        ("--- program", "--- porgram", "t.tltest:2: there is no section `porgram`"),
        ("10: state=buffer", "10: sate=buffer", "t.tltest:16: source `s` has no column `sate`"),
        ("10: state=buffer", "10 state=buffer", "t.tltest:16: there is no `:`"),
        ("10: state=buffer", "soon: state=buffer", "t.tltest:16: `soon` is not an instant"),
        ("depth = 7", "dpeth = 7", "t.tltest:29: no metric is called `dpeth`"),
        ("long 12..14", "long 12", "t.tltest:35: `long 12` is not understood"),
        ("--- late 1", "--- late some", "t.tltest:22: `some` is no number"),
        ("--- true stalled", "--- true", "t.tltest:37: `true` of what?"),
        ("--- late 1", "--- late 1\n3", "t.tltest:23: nothing stands below `--- late 1`"),
        ("0: cdn", "0.0000001: cdn", "t.tltest:15: the time is finer"),
        ("// A stall", "A stall", "t.tltest:1: a section begins with"),
        ("--- events", "--- events player", "t.tltest:14: no source is called `player`"),
    ] {
        let told = told(|text| text.replacen(from, to, 1), 2);
        assert!(told.contains(says), "{says}: {told}");
        assert!(told.contains("help: "), "{told}");
    }
}

#[test]
fn mistakes_in_programs_and_expressions_are_shown_where_they_stand() {
    assert!(told(|t| t.replace("latest(deep)", "latest(depe)"), 1).contains("t.tltest:12:23"));
    let told = told(|t| t.replace("--- true stalled", "--- true staled"), 1);
    assert!(told.contains("t.tltest:37:10") && told.contains("did you mean `stalled`?"), "{told}");
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = latest(c)\n");
    sandbox.file("t.tltest", "--- program p.tl\n--- events\n0: b=true\n--- true latest(b) ||\n0..\n");
    let run = sandbox.run(&["test", "t.tltest"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("p.tl:2:19"), "{}", run.stderr);
    assert!(run.stderr.contains("t.tltest:4:"), "{}", run.stderr);
}

#[test]
fn folders_are_searched_and_several_sources_bound() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path().join("a/b")).unwrap();
    sandbox.file(
        "a/b/two.tltest",
        "--- program\nsource x { key k  time t in s  b: bool }\n\
        source y { key k  time t in rfc3339  c: string }\nmetric m = latest(x.b)\nmetric n = latest(y.c)\n\
        --- events x\n1970-01-01T00:00:03Z: b=true\n--- events y\n1m: c=\"a, b\"\n--- finals\nm = true\nn = \"a, b\"\n\
        --- spans latest(y.c)\n1m.. \"a, b\"\n",
    );
    sandbox.file("a/t.tltest", TEST.replace("depth = 7", "depth = 8"));
    sandbox.file("a/no.test", "nothing");
    let run = sandbox.run(&["test", "a"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("ok    a/b/two.tltest  2 expectations\nFAIL  a/t.tltest\n"), "{}", run.stdout);
    assert_eq!(sandbox.run(&["test", "none.tltest"]).code, 4);
    std::fs::create_dir(sandbox.path().join("empty")).unwrap();
    assert_eq!(sandbox.run(&["test", "empty"]).code, 2);
    assert_eq!(sandbox.run(&["test"]).code, 2);
}

#[test]
fn drawings_show_what_was_asked_about() {
    let sandbox = Sandbox::new();
    sandbox.file("t.tltest", TEST);
    let drawn = sandbox.run(&["test", "--draw", "--ascii", "t.tltest"]);
    assert_eq!(drawn.code, 0);
    for line in ["stalled  ", "stall [C1]", "stall [absent]", "other", "share"] {
        assert!(drawn.stdout.lines().any(|l| l.starts_with(line)), "{line}: {}", drawn.stdout);
    }
    assert!(drawn.stdout.is_ascii());
}

#[test]
fn dates_are_instants_in_every_section() {
    let sandbox = Sandbox::new();
    let test = "\
--- program
source s { key k  time t in rfc3339  b: bool, d: string }
metric on = duration_where(latest(b)) split by latest(d)
alert long = held_for(latest(b), 2s)
--- events
2026-01-01T00:00:00Z: b=true, d=x
2026-01-01T01:00:05+01:00: b=false
v: 2026-01-01T00:00:07.25Z: b=true
--- until 2026-01-01T00:00:10Z
--- alerts
long 2026-01-01T00:00:02Z..2026-01-01T00:00:05Z
v: long 2026-01-01T00:00:09.25Z..
--- true latest(b)
2026-01-01T00:00:00Z..2026-01-01T00:00:05Z
v: 2026-01-01T00:00:07.25Z..
--- spans on
[x] 2026-01-01T00:00:00Z..2026-01-01T00:00:05Z 0 slope 1
[x] 2026-01-01T00:00:05Z.. 5
v: [absent] 2026-01-01T00:00:07.25Z.. 0 slope 1
--- values duration_where(latest(b))
at 2026-01-01T00:00:04Z = 4
at 2026-01-01T01:00:04+01:00 = 4
v: at 2026-01-01T00:00:10Z = 2.75
";
    let events = test.replace("v: 2026-01-01T00:00:07.25Z: b", "2026-01-01T00:00:07.25Z v: b");
    sandbox.file("t.tltest", &events);
    let run = sandbox.run(&["test", "t.tltest"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    for (right, wrong, found) in [
        ("at 2026-01-01T00:00:04Z = 4", "at 2026-01-01T00:00:04Z = 5", "+ at 2026-01-01T00:00:04Z = 4"),
        ("05Z.. 5", "06Z.. 5", "+ [x] 2026-01-01T00:00:05Z.. 5"),
    ] {
        sandbox.file("t.tltest", events.replace(right, wrong));
        let run = sandbox.run(&["test", "t.tltest"]);
        assert!(run.code == 1 && run.stdout.contains(found), "{found}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn outcomes_are_written_for_build_servers() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path().join("a")).unwrap();
    sandbox.file("a/good.tltest", TEST);
    sandbox.file("a/bad.tltest", TEST.replace("stall [C1] = 4", "stall [C1] = 5"));
    sandbox.file("a/none.tltest", "no test\n");
    let run = sandbox.run(&["test", "a", "--junit", "outcomes.xml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let xml = std::fs::read_to_string(sandbox.path().join("outcomes.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"timeline\" tests=\"3\" failures=\"1\" errors=\"1\""), "{xml}");
    assert!(xml.contains("name=\"a/good.tltest\"") && xml.contains("stall [C1] = 5"), "{xml}");
    let run = sandbox.run(&["test", "a/good.tltest", "--junit", "nowhere/outcomes.xml"]);
    assert!(run.code == 2 && run.stderr.contains("--junit: cannot write nowhere/outcomes.xml"), "{}", run.stderr);
}
