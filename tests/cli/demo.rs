//! The demonstration leaves nothing behind, also when it is ended by a signal.

use super::Sandbox;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How many processes have a text in their command line.
fn processes(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
    .count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_the_processor_too() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().to_str().unwrap().to_owned();
    let mut child = sandbox.command().arg("demo").env("TMPDIR", &folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The first line of progress: the processor serves.
    assert!(lines.by_ref().any(|line| line.unwrap().contains("events written")));
    assert!(processes(&folder) >= 1);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    // It was waited for, so it is gone by now but for the table of processes.
    for _ in 0..100 {
        if processes(&folder) == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("a processor still runs");
}
