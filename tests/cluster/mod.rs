//! Processors that share a state, as their users run them: over a real bucket, over a real broker, killed and frozen.

#[cfg(feature = "s3")]
mod away;
#[cfg(feature = "s3")]
mod bucket;
#[cfg(feature = "s3")]
mod faulty;
mod frozen;
#[cfg(feature = "s3")]
mod s3;
#[cfg(all(feature = "s3", feature = "pulsar"))]
mod silent;
mod tokens;
#[cfg(feature = "pulsar")]
mod topic;

use crate::cli::Sandbox;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A processor at work; killed when it is dropped.
pub(crate) struct Processor {
    pub(crate) child: Child,
    /// Its address as a URL.
    pub(crate) url: String,
}

impl Processor {
    /// Starts `timeline serve` with these arguments on a free port, and waits until it is ready.
    pub(crate) fn start(mut command: Command, args: &[&str]) -> Processor {
        command.arg("serve").args(args).args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.strip_prefix("timeline: serving ").and_then(|rest| rest.split(',').next()) else {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{args:?} did not start ({line:?}): {why}");
        };
        Processor { url: url.to_owned(), child }
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Its exit code, within so many seconds, and what it said on standard error.
    pub(crate) fn ends(&mut self, seconds: u64) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > Duration::from_secs(seconds) => panic!("it goes on after {seconds} s"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
        }
        (status.code(), said)
    }

    /// Rows of a question to it, as JSON; the error that the command says otherwise.
    pub(crate) fn rows(&self, sandbox: &Sandbox, sql: &str, more: &[&str]) -> Result<Vec<serde_json::Value>, String> {
        let mut command = sandbox.command();
        command.args(["query", sql, "--format", "jsonl", "--server", &self.url]).args(more);
        let run = crate::cli::finish(&mut command);
        match run.code {
            0 => Ok(run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
            code => Err(format!("{code}: {}", run.stderr)),
        }
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
