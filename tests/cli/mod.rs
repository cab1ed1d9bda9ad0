//! The command line's contract: exit codes, streams, formats, help.

mod beside;
mod check;
#[cfg(feature = "sql")]
mod demo;
#[cfg(all(feature = "sql", feature = "pulsar"))]
mod doctor;
#[cfg(feature = "sql")]
mod ends;
mod eval;
mod exit;
mod fmt;
mod logs;
#[cfg(feature = "lsp")]
mod lsp;
mod mistakes;
mod names;
mod nothing;
mod pages;
mod progress;
#[cfg(feature = "sql")]
mod ratios;
mod reading;
mod server;
#[cfg(feature = "sql")]
mod session;
mod settings;
mod tables;
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of its own in which commands run.
pub(crate) struct Sandbox(tempfile::TempDir);

/// What a command did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Sandbox(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and says where.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command in this folder, with nothing of the tester's own settings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_timeline"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIMELINE_")) {
            command.env_remove(name);
        }
        command.current_dir(self.path()).env("NO_COLOR", "1").env("COLUMNS", "100").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(self.command().args(args))
    }

    /// Runs it with something on standard input.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Run {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command that does not read to the end closes the pipe, which is no failure here.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }
}

impl Run {
    fn of(output: std::process::Output) -> Run {
        Run {
            code: output.status.code().expect("no signal ends a command of ours"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Holds it to an exit code and to exactly what it says on standard output; says what it said otherwise.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, stdout: &str) -> Run {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert_eq!(self.stdout, stdout, "{}", self.stderr);
        self
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    Run::of(command.output().unwrap())
}
