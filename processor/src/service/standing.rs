//! How the partitions of this processor stand, also while they cannot say so: a monitor is to see them all the same.

use super::{Service, answers};
use crate::partition::{Ask, NoAnswer, PartitionAnswer, PendingAnswer};
use event_feeder::world::{self, Instant};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use timeline_core::Time;

/// How long a partition may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often what answers say of how a partition is is taken note of.
const NOTED: Duration = Duration::from_secs(1);

/// What partitions last said, by source and number.
#[derive(Default)]
pub(super) struct LastStatuses {
    rows: Mutex<BTreeMap<(String, u32), Json>>,
    answers: Mutex<BTreeMap<(String, u32), LastAnswer>>,
}

/// How a partition was when it last answered anything, without its sessions, rows and totals.
struct LastAnswer {
    noted: Instant,
    /// The same by the clock on the wall, in nanoseconds since 1970.
    at: Time,
    answer: PartitionAnswer,
}

impl LastStatuses {
    /// One that was given up is another one's to tell of.
    pub(super) fn forget(&self, source: &str, partition: u32) {
        let key = (source.to_owned(), partition);
        self.rows().remove(&key);
        self.answers().remove(&key);
    }

    /// Takes note of how partitions are that have answered, now and then.
    pub(super) fn note(&self, answers: &[PartitionAnswer]) {
        let mut known = self.answers();
        for answer in answers {
            let key = (answer.plan.name(), answer.partition);
            if known.get(&key).is_some_and(|last| last.noted.elapsed() < NOTED) {
                continue;
            }
            let now = world::wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let at = Time::try_from(now).unwrap_or(Time::MAX);
            known.insert(key, LastAnswer { noted: Instant::now(), at, answer: answer.standing() });
        }
    }

    /// How all of them last said they were, and when the first of them did.
    pub(super) fn recalled(&self) -> (Vec<PartitionAnswer>, Option<Time>) {
        let known = self.answers();
        (known.values().map(|last| last.answer.standing()).collect(), known.values().map(|last| last.at).min())
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<(String, u32), Json>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<(String, u32), LastAnswer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// How each partition is that is at work here, or was until it failed. One that does not answer, as while its bucket is
    /// away, is shown as it was, with an `error`.
    /// What was answered is given back beside it.
    pub(super) fn status_own(&self) -> (Vec<Json>, Vec<PartitionAnswer>) {
        let until = Instant::now() + PATIENCE;
        let asked: Vec<(String, u32, Result<PendingAnswer, NoAnswer>)> = {
            let inner = self.lock();
            let plans: Vec<String> = inner.bound.iter().map(|bound| bound.plan.name()).collect();
            self.seen.rows().retain(|(source, _), _| plans.contains(source));
            self.seen.answers().retain(|(source, _), _| plans.contains(source));
            let begin = |running: &super::RunningPartition| {
                (running.plan.name(), running.part.number, running.handle.begin(Ask::Status, false))
            };
            inner.running.iter().map(begin).collect()
        };
        let waited = asked.into_iter().map(|(source, partition, asked)| {
            let answer = asked.and_then(|asked| asked.wait(until.saturating_duration_since(Instant::now()), &|| true));
            ((source, partition), answer)
        });
        let answers: Vec<((String, u32), Result<PartitionAnswer, NoAnswer>)> = waited.collect();
        let mut own = vec![];
        let mut seen = self.seen.rows();
        let mut errors = BTreeMap::new();
        for (key, answer) in answers {
            match answer {
                Ok(answer) => {
                    seen.insert(key.clone(), answers::status(&answer));
                    own.push(answer);
                }
                Err(NoAnswer::Timeout | NoAnswer::Busy) => {
                    let busy = format!("it has not said how it is within {} s", PATIENCE.as_secs());
                    errors.insert(key.clone(), busy);
                }
                Err(NoAnswer::Silent(silent)) => drop(errors.insert(key.clone(), silent.line())),
                Err(error) => drop(errors.insert(key.clone(), error.to_string())),
            }
            let (source, partition) = &key;
            seen.entry(key.clone()).or_insert_with(|| json!({"source": source, "partition": partition}));
            errors.entry(key).or_default();
        }
        let row = |(key, said): (&(String, u32), &Json)| {
            let mut row = said.clone();
            if let Some(facts) = self.options.history.as_ref().and_then(|history| history.of(&key.0, key.1)) {
                row["history_waiting_bytes"] = json!(facts.waiting_bytes);
                row["history_waiting_rows"] = json!(facts.waiting_rows);
                row["history_committed_ns"] = json!(facts.committed);
            }
            match errors.get(key) {
                Some(error) if error.is_empty() => {}
                Some(error) => row["error"] = json!(error),
                None => row["error"] = json!("it is not at work here now, and is opened again when that can be"),
            }
            row
        };
        self.seen.note(&own);
        (seen.iter().map(row).collect(), own)
    }
}
