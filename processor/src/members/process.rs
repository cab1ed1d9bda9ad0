//! Whether a process of this machine is still there.
//!
//! Only a short cut: it lets the owner that was killed be followed at once by one on the same machine. Where the system
//! does not say, or says it of another machine or container, silence decides.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process, as far as it can be told apart from all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// The run of the machine, and the set of processes that this one can see.
    machine: String,
    pid: u32,
    /// When it started, in ticks since the machine did.
    started: u64,
}

impl ProcessId {
    /// This process; `None` where the system does not tell.
    pub(crate) fn this() -> Option<ProcessId> {
        let pid = std::process::id();
        Some(ProcessId { machine: machine()?, pid, started: started(pid)? })
    }

    /// Whether it has certainly ended.
    pub(crate) fn is_gone(&self) -> bool {
        machine().is_some_and(|machine| machine == self.machine) && started(self.pid) != Some(self.started)
    }
}

fn machine() -> Option<String> {
    // Where other users' processes are hidden, one that is not seen need not be gone.
    fs::metadata("/proc/1/stat").ok()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When a process started; `None` if there is none, or only what its parent has not yet taken notice of.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so what follows is found from the end.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // `starttime` is the 22nd field; the state was the third.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_there_until_it_has_ended() {
        let this = ProcessId::this().unwrap();
        assert!(!this.is_gone());
        assert!(ProcessId { started: this.started + 1, ..this.clone() }.is_gone(), "the number was given to another");
        assert!(!ProcessId { machine: "another".into(), pid: 0, started: 0 }.is_gone(), "nothing is known of it");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (pid, started) = (child.id(), started(child.id()).unwrap());
        let process = ProcessId { pid, started, ..this };
        assert!(!process.is_gone());
        child.kill().unwrap();
        // Not waited for yet: it is a zombie, and gone all the same.
        let gone = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            process.is_gone()
        });
        child.wait().unwrap();
        assert!(gone && process.is_gone());
    }
}
