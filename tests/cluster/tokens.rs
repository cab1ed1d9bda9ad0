//! Who may ask a processor.

use super::Processor;
use crate::cli::{Sandbox, finish};

const PROGRAM: &str = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count)";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    sandbox.file("token", "open-sesame\n");
    sandbox.file("other", "open-barley\n");
    sandbox
}

#[test]
fn only_those_who_show_the_token_are_answered() {
    let sandbox = sandbox();
    let processor = Processor::start(
        sandbox.command(),
        &["p.tl", "--source", "file:log.ndjson", "--state", "state", "--token-file", "token"],
    );
    let ask = |file: Option<&str>, variable: Option<&str>| {
        let mut command = sandbox.command();
        command.args(["queries", "--server", &processor.url]);
        command.args(file.into_iter().flat_map(|file| ["--token-file", file]));
        command.envs(variable.map(|token| ("TIMELINE_TOKEN", token)));
        finish(&mut command)
    };
    for run in [ask(None, None), ask(Some("other"), None), ask(None, Some("open-sesam"))] {
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("token"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    for run in [ask(Some("token"), None), ask(None, Some("open-sesame"))] {
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains("\"m\""), "{}", run.stdout);
    }
    for (command, code) in
        [(vec!["drop", "m"], 2), (vec!["watch", "m"], 2), (vec!["drop", "m", "--token-file", "token"], 0)]
    {
        let run = finish(sandbox.command().args(&command).args(["--server", &processor.url]));
        assert_eq!(run.code, code, "{command:?}: {}", run.stderr);
    }
}

#[test]
fn readers_ask_and_deployers_change_what_runs_as_the_file_says_now() {
    let sandbox = sandbox();
    sandbox.file("who", "# who may ask\nreader grafana s3cret-look\ndeployer ci s3cret-change\n");
    sandbox.file("more.tl", "metric n = has_existed(b)\n");
    let mut processor = Processor::start(
        sandbox.command(),
        &["p.tl", "--source", "file:log.ndjson", "--state", "state", "--token-file", "who"],
    );
    let url = processor.url.clone();
    let ask = |token: &str, args: &[&str]| {
        finish(sandbox.command().args(args).args(["--server", &url]).env("TIMELINE_TOKEN", token))
    };
    for token in ["s3cret-look", "s3cret-change"] {
        assert_eq!(
            ask(token, &["query", "SELECT count(*) AS n FROM m", "--format", "csv"]).stdout,
            "n\n1\n",
            "{token}"
        );
    }
    for args in [&["deploy", "more.tl"][..], &["deploy", "more.tl", "--plan"], &["drop", "m"]] {
        let run = ask("s3cret-look", args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("the token of `grafana` is one of a reader"), "{args:?}: {}", run.stderr);
    }
    assert_eq!(ask("s3cret-change", &["deploy", "more.tl"]).code, 0);
    assert_eq!(ask("s3cret-change", &["drop", "n"]).code, 0);
    assert_eq!(ask("s3cret-change", &["drop", "never"]).code, 2);
    // The file says otherwise from now on.
    sandbox.file("who", "deployer grafana s3cret-look\n");
    assert_eq!(ask("s3cret-change", &["queries"]).code, 2);
    assert_eq!(ask("s3cret-look", &["drop", "m"]).code, 0);
    // What is no list changes nothing, and is said.
    sandbox.file("who", "writer x y\n");
    assert_eq!(ask("s3cret-look", &["queries"]).code, 0);
    processor.signal("TERM");
    let (code, said) = processor.ends(20);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("audit:")).collect();
    let is = |line: &str, parts: &[&str]| parts.iter().all(|part| line.contains(part));
    for parts in [
        &["who=\"ci\"", "from=\"127.0.0.1\"", "what=\"deploy\"", "more.tl: new n", "result=\"done\""][..],
        &["who=\"ci\"", "what=\"drop\"", "names=\"n\"", "result=\"done\""],
        &["who=\"ci\"", "what=\"drop\"", "names=\"never\"", "result=\"not_found\""],
        &["who=\"grafana\"", "what=\"drop\"", "names=\"m\"", "result=\"done\""],
        &["tokens were read again"],
    ] {
        assert_eq!(lines.iter().filter(|line| is(line, parts)).count(), 1, "{parts:?}: {said}");
    }
    assert_eq!(said.matches("there is no role `writer`").count(), 1, "{said}");
    assert!(!said.contains("s3cret"), "no token is told: {said}");
}

#[test]
fn a_listener_that_others_reach_needs_a_token_and_an_address() {
    let sandbox = sandbox();
    let serve = |more: &[&str]| {
        let base = ["serve", "p.tl", "--source", "file:log.ndjson", "--state", "state", "--exit-at-end", "--listen"];
        sandbox.run(&[&base[..], more].concat())
    };
    let run = serve(&["0.0.0.0:0"]);
    assert!(run.code == 2 && run.stderr.contains("--token-file"), "{}", run.stderr);
    let run = serve(&["0.0.0.0:0", "--token-file", "token"]);
    assert!(run.code == 2 && run.stderr.contains("--advertise"), "{}", run.stderr);
    let run = serve(&["0.0.0.0:0", "--token-file", "token", "--advertise", "somewhere"]);
    assert!(run.code == 2 && run.stderr.contains("HOST:PORT"), "{}", run.stderr);
    let run = serve(&["0.0.0.0:0", "--token-file", "token", "--advertise", "127.0.0.1:7000"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = serve(&["127.0.0.1:0", "--token-file", "nowhere"]);
    assert!(run.code == 2 && run.stderr.contains("nowhere"), "{}", run.stderr);
}
