//! A processor whose state is in a bucket.

use super::faulty::Faulty;
use super::{Processor, s3};
use crate::cli::Sandbox;
use std::io::Write;
use std::process::Command;

const PROGRAM: &str = "source s { key k  time t in s  end after 100s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";

pub(super) struct Job {
    pub(super) sandbox: Sandbox,
    pub(super) state: String,
}

impl Job {
    pub(super) fn new(test: &str) -> Job {
        let sandbox = Sandbox::new();
        sandbox.file("p.tl", PROGRAM);
        // A session is over as soon as the next one begins.
        let lines = (0..2000).map(|i| {
            format!(
                "{{\"k\":\"k{i}\",\"t\":{},\"b\":true}}\n{{\"k\":\"k{i}\",\"t\":{},\"b\":false}}\n",
                i * 1000,
                i * 1000 + 7
            )
        });
        sandbox.file("log.ndjson", lines.collect::<String>());
        Job { sandbox, state: s3::place(test) }
    }

    pub(super) fn command(&self, variables: &[(String, String)]) -> Command {
        let mut command = self.sandbox.command();
        command.envs(variables.iter().cloned());
        command
    }

    pub(super) fn serve(&self, variables: &[(String, String)]) -> Processor {
        Processor::start(self.command(variables), &["p.tl", "--source", "file:log.ndjson", "--state", &self.state])
    }
}

#[test]
fn a_killed_processor_goes_on_from_the_bucket() {
    let Some(variables) = s3::variables() else { return };
    let job = Job::new("killed");
    for round in 0..4 {
        let mut processor = job.serve(variables);
        let rows = processor.rows(&job.sandbox, "SELECT count, sum FROM totals", &["--sync"]).unwrap();
        assert_eq!(rows, [serde_json::json!({"count": 2000, "sum": 14000})], "round {round}");
        // History comes from the bucket, by way of copies on this machine.
        let rows =
            processor.rows(&job.sandbox, "SELECT count(*) AS c, sum(value) AS v FROM finals", &["--sync"]).unwrap();
        assert_eq!(rows, [serde_json::json!({"c": 2000, "v": 14000})]);
        if round % 2 == 0 {
            processor.signal("KILL");
        } else {
            processor.signal("TERM");
            assert_eq!(processor.ends(20).0, Some(0));
        }
    }
}

#[test]
fn a_second_processor_is_told_who_runs() {
    let Some(variables) = s3::variables() else { return };
    let job = Job::new("second");
    let first = job.serve(variables);
    let begun = std::time::Instant::now();
    let mut second = job.command(variables);
    second.args(["serve", "p.tl", "--source", "file:log.ndjson", "--listen", "127.0.0.1:0", "--state", &job.state]);
    let second = crate::cli::finish(&mut second);
    assert_eq!(second.code, 5, "{}", second.stderr);
    assert!(second.stderr.contains(&first.url), "it says where the first one is: {}", second.stderr);
    println!("refused after {:?}", begun.elapsed());
    assert!(first.rows(&job.sandbox, "SELECT count FROM totals", &["--sync"]).is_ok(), "the first goes on");
}

#[test]
fn a_frozen_processor_that_wakes_is_fenced_before_it_answers() {
    let Some(variables) = s3::variables() else { return };
    let job = Job::new("frozen");
    let mut frozen = job.serve(variables);
    let before = frozen.rows(&job.sandbox, "SELECT sum FROM totals", &["--sync"]).unwrap();
    frozen.signal("STOP");
    // The successor watches it for three seconds, and asks it in vain.
    let successor = job.serve(variables);
    assert_eq!(successor.rows(&job.sandbox, "SELECT sum FROM totals", &["--sync"]).unwrap(), before);
    // Behind what there is: a log that is written anew is another one, and ends who reads it.
    let mut log = std::fs::OpenOptions::new().append(true).open(job.sandbox.path().join("log.ndjson")).unwrap();
    let more = "{\"k\":\"new\",\"t\":9000000,\"b\":true}\n{\"k\":\"new\",\"t\":9000001,\"b\":false}\n";
    log.write_all(more.as_bytes()).unwrap();
    let after = successor.rows(&job.sandbox, "SELECT sum FROM totals", &["--sync"]).unwrap();
    assert_ne!(after, before);
    frozen.signal("CONT");
    // What it says until it ends is what the successor says, or nothing.
    while frozen.child.try_wait().unwrap().is_none() {
        if let Ok(rows) = frozen.rows(&job.sandbox, "SELECT sum FROM totals", &[]) {
            assert_eq!(rows, after, "a stale answer");
        }
    }
    let (code, said) = frozen.ends(10);
    assert_eq!(code, Some(5), "{said}");
}

/// The variables, with another way to the server.
pub(super) fn by_way_of(way: &str, variables: &[(String, String)]) -> Vec<(String, String)> {
    let endpoint = ("AWS_ENDPOINT".to_owned(), way.to_owned());
    variables.iter().filter(|(name, _)| name != "AWS_ENDPOINT").cloned().chain([endpoint]).collect()
}

pub(super) fn endpoint(variables: &[(String, String)]) -> &str {
    &variables.iter().find(|(name, _)| name == "AWS_ENDPOINT").unwrap().1
}

#[test]
fn a_start_outlasts_a_bucket_that_answers_badly() {
    let Some(variables) = s3::variables() else { return };
    let job = Job::new("patient");
    let way = Faulty::start(endpoint(variables), 14);
    let variables = by_way_of(&way.address, variables);
    for round in 0..12 {
        // Panics if it ends instead, with what it said.
        let processor = job.serve(&variables);
        if round == 11 {
            let rows = processor.rows(&job.sandbox, "SELECT count, sum FROM totals", &["--sync"]).unwrap();
            assert_eq!(rows, [serde_json::json!({"count": 2000, "sum": 14000})]);
        }
        processor.signal("KILL");
    }
    println!("{} answers were spoilt", way.spoilt());
    assert!(way.spoilt() > 12, "only {} answers were spoilt", way.spoilt());
}

#[test]
fn a_start_is_patient_for_as_long_as_it_was_told() {
    let Some(variables) = s3::variables() else { return };
    let way = Faulty::start(endpoint(variables), 3);
    // By chance one gets through all the same.
    let said = (0..6).find_map(|round| {
        let job = Job::new(&format!("impatient-{round}"));
        let mut command = job.command(&by_way_of(&way.address, variables));
        command.args([
            "serve",
            "p.tl",
            "--source",
            "file:log.ndjson",
            "--listen",
            "127.0.0.1:0",
            "--state",
            &job.state,
        ]);
        let run = crate::cli::finish(command.args(["--start-timeout", "1ms", "--exit-at-end"]));
        // The bucket failed, or gave no answer.
        (run.code == 1 || run.code == 3).then_some(run.stderr)
    });
    let said = said.expect("one of six fails");
    assert!(said.contains("--start-timeout allows more"), "{said}");
    let job = Job::new("refused");
    // Who is refused is not kept waiting.
    let mut command = job.command(variables);
    command.args(["serve", "p.tl", "--source", "file:log.ndjson", "--listen", "127.0.0.1:0"]);
    let begun = std::time::Instant::now();
    let run = crate::cli::finish(command.args(["--state", "s3://no-such-bucket-of-timeline/x"]));
    assert!(run.code != 0 && !run.stderr.contains("starting again"), "{}", run.stderr);
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}
