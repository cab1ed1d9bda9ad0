//! How the partitions of this processor stand, also while they cannot say so: a monitor is to see them all the same.

use super::{Service, answers};
use crate::partition::{Ask, NoAnswer, PartitionAnswer, PendingAnswer};
use event_feeder::world::Instant;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a partition may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What partitions last said, by source and number.
#[derive(Debug, Default)]
pub(super) struct LastStatuses(Mutex<BTreeMap<(String, u32), Json>>);

impl LastStatuses {
    /// One that was given up is another one's to tell of.
    pub(super) fn forget(&self, source: &str, partition: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(source.to_owned(), partition));
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
            self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(source, _), _| plans.contains(source));
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
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = BTreeMap::new();
        for (key, answer) in answers {
            match answer {
                Ok(answer) => {
                    seen.insert(key.clone(), answers::status(&answer));
                    own.push(answer);
                }
                Err(NoAnswer::Timeout) => {
                    let busy = format!("it has not said how it is within {} s", PATIENCE.as_secs());
                    errors.insert(key.clone(), busy);
                }
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
        (seen.iter().map(row).collect(), own)
    }
}
