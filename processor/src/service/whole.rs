//! Answers for whole logs, whoever owns their partitions.
//!
//! Every partition is answered for once: by its owner, here or elsewhere, or from its last checkpoint if nobody owns it.
//! An answer that waits for what the sources hold needs the owners, so it waits for one to be found too.

use super::Service;
use super::work::folder;
use crate::engine::{EngineError, IsWanted};
use crate::input::LogPartition;
use crate::partition::{Ask, Asks, NoAnswer, PartitionAnswer, at_rest};
use crate::peers::{PeerQuestion, encode};
use event_feeder::world::{self, Instant};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time between two attempts to find the owners.
const AGAIN: Duration = Duration::from_millis(100);
/// How long an answer that waits for nothing looks for owners that are there and do not answer.
const GRACE: Duration = Duration::from_secs(1);

impl Service {
    /// Asks every partition, wherever it is at work.
    pub(super) fn ask(&self, asks: &Asks, sync: Option<Duration>) -> Result<Vec<PartitionAnswer>, EngineError> {
        self.ask_while(asks, sync, &|| true)
    }

    /// The same, as long as the answer is wanted.
    pub(super) fn ask_while(
        &self,
        asks: &Asks,
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Vec<PartitionAnswer>, EngineError> {
        let Some(cluster) = &self.cluster else { return Ok(self.ask_own(asks, sync, &self.held(), is_wanted)?) };
        let until = Instant::now() + sync.unwrap_or(GRACE);
        let mut looked = false;
        loop {
            if cluster.has_left() || self.fenced.load(Ordering::SeqCst) {
                return Err(EngineError::Unavailable("this processor ends; ask another one".into()));
            }
            let left = sync.map(|_| until.saturating_duration_since(Instant::now()));
            let (mut found, troubles) = self.ask_once(asks, left, is_wanted)?;
            let missing: Vec<(String, LogPartition)> = self
                .known_parts()
                .into_iter()
                .map(|(source, part, _)| (source, part))
                .filter(|(source, part)| !found.contains_key(&(source.clone(), part.number)))
                .filter(|(source, _)| sync.is_none() || self.answers(source))
                .collect();
            if missing.is_empty() {
                return Ok(found.into_values().collect());
            }
            // Neither who has them nor what they were is to be learnt then.
            if let Some(silent) = self.silence().filter(|_| sync.is_none()) {
                return Err(NoAnswer::Silent(silent).into());
            }
            if !looked {
                // One that has slept does not know yet who came meanwhile.
                cluster.look().map_err(|error| EngineError::Unavailable(error.to_string()))?;
                looked = true;
                continue;
            }
            let late = Instant::now() + AGAIN >= until;
            if sync.is_some() && late {
                let names: Vec<String> =
                    missing.iter().map(|(source, part)| format!("{source}/{}", part.number)).collect();
                let troubles = troubles.join("; ");
                let why = if troubles.is_empty() { "nobody works on it now".into() } else { troubles };
                return Err(EngineError::Timeout(format!("no answer for partition {}: {why}", names.join(", "))));
            }
            if sync.is_none() && (late || troubles.is_empty()) {
                for (source, part) in missing {
                    let ask = if self.answers(&source) { asks.of(&source) } else { &Ask::Status };
                    let answer = self.at_rest(&source, &part, ask)?;
                    found.extend(answer.map(|answer| ((source, part.number), answer)));
                }
                if self.fenced.load(Ordering::SeqCst) {
                    continue;
                }
                return Ok(found.into_values().collect());
            }
            world::sleep(AGAIN);
        }
    }

    /// What this processor and all others answer now, by source and partition; and what kept some from answering.
    fn ask_once(
        &self,
        asks: &Asks,
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<(CompleteAnswer, Vec<String>), EngineError> {
        let (plans, held) = (self.plans(), self.held());
        let sync_ms = sync.map(|left| left.as_millis() as u64);
        let question = PeerQuestion { ask: asks.rest.clone(), of: asks.of.clone(), held: held.clone(), sync_ms };
        let others = self.others();
        let (own, theirs) = std::thread::scope(|scope| {
            let theirs =
                self.cluster.as_ref().filter(|_| !others.is_empty()).map(|cluster| {
                    scope.spawn(|| cluster.peers.answers(&others, &question, &plans, &self.options.state))
                });
            let own = self.ask_own(asks, sync, &held, is_wanted);
            (own, theirs.map(|thread| thread.join().expect("asking does not panic")).unwrap_or_default())
        });
        let mut found = CompleteAnswer::new();
        let mut troubles = vec![];
        match own {
            Ok(answers) => answers.into_iter().for_each(|answer| insert(&mut found, answer)),
            Err(
                error @ (NoAnswer::Timeout
                | NoAnswer::Busy
                | NoAnswer::Silent(_)
                | NoAnswer::LeftOut(_)
                | NoAnswer::Unwanted),
            ) => {
                return Err(error.into());
            }
            // It was given up or taken over just now: somebody else has it, or will.
            Err(error @ NoAnswer::Stopped(_)) => troubles.push(error.to_string()),
        }
        for answers in theirs {
            match answers {
                Ok(answers) => answers.into_iter().for_each(|answer| insert(&mut found, answer)),
                Err(refused) => troubles.push(refused.to_string()),
            }
        }
        Ok((found, troubles))
    }

    /// The answer of a partition that nobody owns.
    fn at_rest(&self, source: &str, part: &LogPartition, ask: &Ask) -> Result<Option<PartitionAnswer>, EngineError> {
        let plan = self.plans().into_iter().find(|plan| plan.name() == source);
        let Some(plan) = plan else { return Ok(None) };
        let folder = folder(source, part);
        let store = self.options.state.store(&folder);
        let answer = at_rest(&plan, &store, part.number, folder, ask);
        let answer = answer.map_err(|error| {
            EngineError::Unavailable(format!("partition {source}/{} has no owner: {error}", part.number))
        });
        answer.map(Some)
    }

    /// Answers another processor for the partitions at work here.
    pub(super) fn answer_other(&self, question: &[u8]) -> Result<Vec<u8>, EngineError> {
        let question: PeerQuestion =
            serde_json::from_slice(question).map_err(|error| EngineError::invalid(error.to_string()))?;
        let sync = question.sync_ms.map(Duration::from_millis);
        let asks = Asks { rest: question.ask, of: question.of };
        let answers = self.ask_own(&asks, sync, &question.held, &|| true)?;
        encode(&answers).map_err(|error| EngineError::Internal(error.to_string()))
    }
}

type CompleteAnswer = BTreeMap<(String, u32), PartitionAnswer>;

/// How far an answer goes.
fn places(answer: &PartitionAnswer) -> Vec<event_feeder::Position> {
    answer.reach.iter().map(|reach| reach.position).collect()
}

/// Keeps the answer that goes farther where two processors answer for one partition, which changed hands meanwhile.
fn insert(found: &mut CompleteAnswer, answer: PartitionAnswer) {
    let key = (answer.plan.name(), answer.partition);
    let is_new = found.get(&key).is_none_or(|known| places(known) < places(&answer));
    if is_new {
        found.insert(key, answer);
    }
}
