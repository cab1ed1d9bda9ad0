//! A processor that serves `video.tl` out of a folder, as a user would start it, and is killed as a crash would.

mod as_of;

use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The command.
pub(crate) const TIMELINE: &str = env!("CARGO_BIN_EXE_timeline");

/// A processor with its program and its state in a folder; `kill -9` when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start_on(dir: &Path, sources: &[&str]) -> Server {
        Self::start_with(dir, &["video.tl"], sources)
    }

    /// One with other programs, or with none but those that are deployed.
    pub(crate) fn start_with(dir: &Path, programs: &[&str], sources: &[&str]) -> Server {
        let mut child = Command::new(TIMELINE)
            .current_dir(dir)
            .arg("serve")
            .args(programs)
            .args(["--state", "state", "--listen", "127.0.0.1:0"])
            .args(sources)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        Server { url: url.unwrap_or_default().trim_end_matches(',').to_owned(), child }
    }

    /// Whether it came to serve: with no source to be reached it ends instead.
    pub(crate) fn serves(&self) -> bool {
        !self.url.is_empty()
    }

    /// What it answers once it has read all that the sources hold.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Json> {
        run(Path::new("."), &["query", sql, "--sync", "--timeout", "120s", "--format", "jsonl", "--server", &self.url])
    }

    /// The number of its process.
    #[cfg(feature = "pulsar")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows that the command prints; it must succeed.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Vec<Json> {
    let out = Command::new(TIMELINE).current_dir(dir).args(args).output().expect("the command runs");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a row of JSON")).collect()
}
