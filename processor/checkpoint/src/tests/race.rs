//! Two real writers on one store, switched from one to the other at every operation that they do.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::memory::MemoryStore;
use super::workload::Job;
use crate::store::{Creation, ListingEntry, StoreError};
use crate::{Error, Store};

#[test]
fn wherever_two_writers_are_switched_one_history_comes_out() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "before").unwrap();
    job.run(6, |_| {}).unwrap();
    let mut fenced = 0;
    for first in 0..36 {
        for second in 0..36 {
            // The older writer sleeps after `first` operations, and again for good after a few more.
            for nap in [1, 4, u32::MAX] {
                let schedule = [(0, first), (1, second), (0, nap), (1, u32::MAX), (0, u32::MAX)];
                fenced += u32::from(race(&store.copy(), schedule, 2));
            }
        }
        // The older writer sleeps until the successor has collected the head that it is about to make.
        let asleep = [(0, first), (1, u32::MAX), (0, u32::MAX)];
        fenced += u32::from(race(&store.copy(), asleep, 7));
    }
    assert!(fenced > 1000, "the older writer was fenced only {fenced} times");
}

/// Lets an owner do two steps and its successor some under a schedule; whether the owner was fenced.
fn race<const N: usize>(store: &Arc<MemoryStore>, schedule: [(usize, u32); N], successor_steps: u64) -> bool {
    let start = Job::open(store.clone(), "old").unwrap().value;
    let turns = Arc::new(Turns { schedule: Mutex::new(VecDeque::from(schedule)), changed: Condvar::new() });
    let scheduled = |actor| Scheduled { actor, inner: store.clone(), turns: turns.clone() };
    let (old_store, new_store) = (Arc::new(scheduled(0)), Arc::new(scheduled(1)));
    let successor = thread::spawn(move || {
        let result = work(new_store.clone(), "new", successor_steps);
        new_store.leave();
        result
    });
    let owner = work(old_store.clone(), "owner", 2);
    old_store.leave();
    let (owner, successor) = (owner, successor.join().unwrap());

    let last = Job::open(store.clone(), "last").unwrap();
    assert_eq!(last.findings, [], "{schedule:?}");
    let mut acked = BTreeSet::new();
    for value in owner.acked.iter().chain(&successor.acked) {
        assert!(acked.insert(*value), "step {value} was acknowledged twice under {schedule:?}");
    }
    assert!(acked.last().is_none_or(|value| *value <= last.value), "{schedule:?}: {acked:?}, then {}", last.value);
    assert!(last.value >= start, "{schedule:?}");
    // Each step in between counts for someone: at most one of each writer can have gone unacknowledged.
    assert!(last.value - start <= acked.len() as u64 + 2, "{schedule:?}");
    owner.fenced
}

struct Outcome {
    acked: Vec<u64>,
    fenced: bool,
}

/// Opens and does a few steps with their collections; being fenced and losing the race to open are the only ways to fail.
fn work(store: Arc<Scheduled>, writer: &str, steps: u64) -> Outcome {
    let mut acked = Vec::new();
    let result = Job::open(store, writer).and_then(|mut job| {
        assert_eq!(job.findings, []);
        job.run(steps, |value| acked.push(value))
    });
    match result {
        Ok(()) => Outcome { acked, fenced: false },
        Err(Error::Fenced { .. }) => Outcome { acked, fenced: true },
        // Taken over from while it read what it had recovered, and the successor collected it.
        Err(Error::Corrupt(_)) => Outcome { acked, fenced: true },
        Err(error) => panic!("{writer}: {error}"),
    }
}

/// Whose turn it is, and for how many operations.
struct Turns {
    schedule: Mutex<VecDeque<(usize, u32)>>,
    changed: Condvar,
}

struct Scheduled {
    actor: usize,
    inner: Arc<MemoryStore>,
    turns: Arc<Turns>,
}

impl Scheduled {
    /// Waits for the turn, does one operation, and counts it.
    fn turn<T>(&self, operation: impl FnOnce(&MemoryStore) -> T) -> T {
        let mut schedule = self.turns.schedule.lock().unwrap();
        loop {
            match schedule.front_mut() {
                Some((_, 0)) => {
                    schedule.pop_front();
                    self.turns.changed.notify_all();
                }
                Some((actor, left)) if *actor == self.actor => {
                    *left -= 1;
                    return operation(&self.inner);
                }
                Some(_) => schedule = self.turns.changed.wait(schedule).unwrap(),
                None => return operation(&self.inner),
            }
        }
    }

    /// Gives up all turns to come.
    fn leave(&self) {
        self.turns.schedule.lock().unwrap().retain(|(actor, _)| *actor != self.actor);
        self.turns.changed.notify_all();
    }
}

impl Store for Scheduled {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.turn(|store| store.put(name, bytes))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        self.turn(|store| store.create(name, bytes))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.turn(|store| store.read(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        self.turn(|store| store.list(folder))
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.turn(|store| store.delete(name))
    }
}
