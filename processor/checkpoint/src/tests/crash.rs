//! The real code on a disk that stops, fails or loses power at every single call, also again during the recovery.
//!
//! Pass: what is recovered is a whole state, at or after the last acknowledged step and at most one after it.

use std::io::ErrorKind;
use std::sync::Arc;

use super::sim::{Fault, SimDisk};
use super::workload::Job;
use crate::{Error, LocalStore};

const ROOT: &str = "/job/events-0";
/// Steps of a run: enough for bases, deltas, collected heads, manifests and segments.
const STEPS: u64 = 7;

/// What the outside was told.
#[derive(Debug, Clone, Copy, Default)]
struct Ledger {
    acked: u64,
}

/// One process: opens, checks, and does its steps. The outcome is what ended it.
fn process(disk: &SimDisk, writer: &str, steps: u64, ledger: &mut Ledger) -> Result<(), Error> {
    let store = Arc::new(LocalStore::on(disk.clone(), ROOT));
    let mut job = Job::open(store, writer)?;
    // Reads that fail may cost newer checkpoints, but never silently.
    let fell_back = !job.findings.is_empty();
    let lowest = if fell_back { ledger.acked.saturating_sub(2) } else { ledger.acked };
    assert!(
        (lowest..=ledger.acked + 1).contains(&job.value),
        "{writer}: recovered {}, acknowledged {ledger:?}, {:?}",
        job.value,
        job.findings
    );
    ledger.acked = job.value;
    let result = job.run(steps, |value| ledger.acked = value);
    // A read that fails in a collection may pass; nothing that was to be written may.
    if result.is_err() && !matches!(disk.struck(), Some("read" | "list")) {
        let again = job.step();
        assert!(
            matches!(again, Err(Error::Poisoned { .. } | Error::Fenced { .. })),
            "went on after an error: {again:?}"
        );
        assert!(job.checkpoints.collect().is_err());
    }
    result
}

/// Number of calls that `run` makes.
fn calls(disk: &SimDisk, run: impl FnOnce()) -> u64 {
    disk.start(None);
    run();
    disk.calls()
}

/// A disk after one run, with its ledger.
fn after_one_run() -> (SimDisk, Ledger) {
    let (disk, mut ledger) = (SimDisk::new(), Ledger::default());
    process(&disk, "first", STEPS, &mut ledger).unwrap();
    assert_eq!(ledger.acked, STEPS);
    (disk, ledger)
}

/// The two situations in which every crash is tried: an empty place, and one that is recovered and goes on.
fn situations() -> [(SimDisk, Ledger); 2] {
    [(SimDisk::new(), Ledger::default()), after_one_run()]
}

const STOPS: [Fault; 3] = [Fault::StopBefore, Fault::StopAfter, Fault::StopHalfWay];

#[test]
fn stopped_at_every_call_and_recovered() {
    for (start, ledger) in situations() {
        let disk = start.copy();
        let total = calls(&disk, || process(&disk, "dry", STEPS, &mut ledger.clone()).unwrap());
        assert!(total > 200, "{total} calls");
        for at in 0..total {
            for fault in STOPS {
                let (disk, mut ledger) = (start.copy(), ledger);
                disk.start(Some((at, fault)));
                process(&disk, "stopped", STEPS, &mut ledger).unwrap_err();
                disk.start(None);
                process(&disk, "next", STEPS, &mut ledger).unwrap();
                let mut job = Job::open(Arc::new(LocalStore::on(disk, ROOT)), "last").unwrap();
                assert_eq!((job.value, job.findings.len()), (ledger.acked, 0), "at {at}: {:?}", job.findings);
                job.run(1, |_| {}).unwrap();
            }
        }
    }
}

#[test]
fn power_lost_at_every_call_and_recovered() {
    for (start, ledger) in situations() {
        let disk = start.copy();
        let total = calls(&disk, || process(&disk, "dry", STEPS, &mut ledger.clone()).unwrap());
        for at in 0..total {
            for seed in 0..9 {
                let (disk, mut ledger) = (start.copy(), ledger);
                disk.start(Some((at, STOPS[seed as usize % STOPS.len()])));
                process(&disk, "stopped", STEPS, &mut ledger).unwrap_err();
                disk.lose_power(seed);
                disk.start(None);
                process(&disk, "next", 2, &mut ledger)
                    .unwrap_or_else(|error| panic!("call {at}, seed {seed}: {error}"));
            }
        }
    }
}

#[test]
fn stopped_again_during_every_recovery() {
    for (start, ledger) in situations() {
        let disk = start.copy();
        let total = calls(&disk, || process(&disk, "dry", 3, &mut ledger.clone()).unwrap());
        for first in (0..total).step_by(4) {
            let (broken, mut ledger) = (start.copy(), ledger);
            broken.start(Some((first, Fault::StopAfter)));
            process(&broken, "stopped", 3, &mut ledger).unwrap_err();
            if first % 2 == 0 {
                broken.lose_power(first);
            }
            let disk = broken.copy();
            let recovery = calls(&disk, || process(&disk, "dry", 1, &mut ledger.clone()).unwrap());
            for second in 0..recovery {
                let (disk, mut ledger) = (broken.copy(), ledger);
                disk.start(Some((second, Fault::StopHalfWay)));
                process(&disk, "stopped again", 1, &mut ledger).unwrap_err();
                disk.lose_power(first ^ second);
                // Depth three: once more, at a call that depends on where the others were.
                disk.start(Some(((first * 7 + second) % recovery, Fault::StopBefore)));
                drop(process(&disk, "stopped a third time", 1, &mut ledger));
                disk.lose_power(second);
                disk.start(None);
                process(&disk, "next", 2, &mut ledger)
                    .unwrap_or_else(|error| panic!("calls {first}, {second}: {error}"));
            }
        }
    }
}

#[test]
fn every_call_that_fails_once_ends_the_process_or_harms_nothing() {
    for (start, ledger) in situations() {
        let disk = start.copy();
        let total = calls(&disk, || process(&disk, "dry", STEPS, &mut ledger.clone()).unwrap());
        for at in 0..total {
            for fault in [
                Fault::Fail(ErrorKind::StorageFull),
                Fault::FailAfter(ErrorKind::StorageFull),
                Fault::Fail(ErrorKind::Other),
                Fault::FailAfter(ErrorKind::Other),
            ] {
                let (disk, mut ledger) = (start.copy(), ledger);
                disk.start(Some((at, fault)));
                let result = process(&disk, "failed", STEPS, &mut ledger);
                let struck = disk.struck().unwrap();
                if !matches!(struck, "read" | "list") {
                    assert!(result.is_err(), "{struck} (call {at}) failed and the process went on");
                }
                disk.lose_power(at);
                disk.start(None);
                process(&disk, "next", STEPS, &mut ledger)
                    .unwrap_or_else(|error| panic!("{struck}, call {at}: {error}"));
            }
        }
    }
}

#[test]
fn nothing_is_written_before_the_place_is_taken_over() {
    let (start, mut ledger) = after_one_run();
    let names = |disk: &SimDisk| {
        disk.start(None);
        crate::inspect(&LocalStore::on(disk.clone(), ROOT)).unwrap()
    };
    let before = names(&start);
    for at in 0.. {
        let disk = start.copy();
        disk.start(Some((at, Fault::StopBefore)));
        let result = process(&disk, "stopped", 0, &mut ledger);
        let after = names(&disk);
        if after.head != before.head {
            break;
        }
        assert!(result.is_err(), "the swap never came");
        assert_eq!(after, before, "call {at}");
    }
}
