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
