//! Answers: read from the lanes at one position of the log, beside what they have told and no checkpoint holds yet.

use super::ask::{Answer, Ask, NoAnswer, Reply};
use super::{ANSWER_LOOK, Error, Partition};
use crate::code::Code;
use crate::lane::{Lane, Late, Outcome};
use crate::results::Pending;
use crate::totals::Totals;
use event_feeder::{Target, key_hash};
use std::sync::Arc;

/// A question that waits until a position is reached.
pub(super) struct Waiting {
    /// Of each source.
    pub(super) targets: Vec<Target>,
    pub(super) ask: Ask,
    pub(super) reply: Reply,
}

/// What a lane has told since somebody took it, with what its ended sessions come to: lanes add that up side by side.
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) late: Vec<Late>,
    pub(super) totals: Totals,
}

impl Told {
    pub(super) fn of(lane: &mut Lane) -> Self {
        let (outcome, late) = lane.drain();
        let mut totals = Totals::new(lane.plan());
        outcome.closed.iter().for_each(|session| totals.add(lane.plan(), session));
        Told { outcome, late, totals }
    }
}

impl Partition {
    /// Takes a question that waits for all that the sources hold now; refused where they hold what is never read.
    pub(super) fn wait_for_all(&mut self, ask: Ask, reply: Reply) -> Result<(), Error> {
        let mut targets = vec![];
        for source in 0..self.readings.len() {
            let source = self.feed.source(source);
            if let Some(left) = source.left_out()?.first() {
                // Whoever asked may have gone.
                let code = Code::NotAll;
                let left = format!("[{}] {}: {}", left.code, left.file, left.detail);
                let said = format!("[{code}] no answer is true for the source as it is now ({left}); {}", code.help());
                let _ = reply.send(Err(NoAnswer::LeftOut(said)));
                return Ok(());
            }
            targets.push(source.caught_up_target()?);
        }
        self.waiting.push(Waiting { targets, ask, reply });
        self.answer_waiting()
    }

    pub(super) fn answer_waiting(&mut self) -> Result<(), Error> {
        for mut waiting in std::mem::take(&mut self.waiting) {
            let mut targets = waiting.targets.iter_mut().zip(&self.readings);
            // Targets are places of a log by itself.
            if targets.all(|(target, reading)| target.reached(reading.position.of(0))) {
                self.answer(&waiting.ask, &waiting.reply)?;
            } else {
                self.waiting.push(waiting);
            }
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, ask: &Ask, reply: &Reply) -> Result<(), Error> {
        self.prove(ANSWER_LOOK)?;
        if matches!(ask, Ask::Key(_) | Ask::Spans) {
            // Events that are just being kept are not to be found either.
            self.finish_commit(true)?;
            if self.has_fresh_events() {
                self.start_commit()?;
                self.finish_commit(true)?;
            }
        }
        let (wants_sessions, wants_totals) = (matches!(ask, Ask::Sessions | Ask::Spans), *ask == Ask::Totals);
        let key = if let Ask::Key(key) = ask { Some((key_hash(key.as_bytes()), key.clone())) } else { None };
        let plan = Arc::clone(&self.plan);
        let parts = self.pipeline.call(move |lane, progress| {
            let told = Told::of(lane);
            let (mut outcome, mut live, mut totals) = (Outcome::default(), vec![], Totals::new(&plan));
            if let (true, Some(horizon)) = (wants_sessions || wants_totals, progress.horizon()) {
                lane.read(horizon, &mut outcome, |session| {
                    totals.add(&plan, &session);
                    if wants_sessions {
                        live.push(session);
                    }
                });
                outcome.closed.iter().for_each(|session| totals.add(&plan, session));
            }
            if let (Some((hash, key)), Some(horizon)) = (&key, progress.horizon()) {
                lane.read_key(*hash, key, horizon, &mut outcome, |session| live.push(session));
            }
            ((told, progress.clone()), outcome, live, totals, lane.size())
        })?;
        self.take_decoded();
        let mut sessions = vec![];
        let mut totals = Totals::new(&self.plan);
        let (mut bytes, mut live, mut partial) = (0, 0, 0);
        let mut read = Pending::default();
        for ((told, progress), over, alive, part, size) in parts {
            self.take_told(told);
            self.take_unseen(&progress);
            totals.merge(&part);
            sessions.extend(alive);
            let Outcome { closed, alerts, stragglers, failed, .. } = over;
            let dead = failed.iter().map(|failed| failed.letter(&self.plan)).collect();
            read.append(Pending { sessions: closed, alerts, late: stragglers, dead });
            bytes += size.bytes;
            live += size.live;
            partial += size.partial;
        }
        totals.merge(&self.totals);
        let mut pending =
            self.committing.as_ref().map_or_else(Pending::default, |(pending, _)| Pending::clone(pending));
        pending.append(self.pending.clone());
        pending.append(read);
        let progress = self.progress();
        let answer = Answer {
            plan: Arc::clone(&self.plan),
            partition: self.options.part.number,
            folder: self.options.folder.clone(),
            owner: Some(self.options.writer.clone()),
            reach: self.reach(),
            begun: self.begun.clone(),
            watermark: progress.known_watermark(),
            horizon: progress.horizon(),
            epoch: self.epoch,
            counts: self.siblings.shown(self.counts, &self.plan),
            outputs: self.publishing.progress(),
            bytes,
            looks: self.looks(),
            queued_bytes: self.feed.queued_bytes(),
            kept_bytes: self.kept_bytes(),
            live,
            partial: self.counts.partial + partial,
            pending,
            sessions,
            totals,
            results: self.results.iter().chain(self.kept_files()).cloned().collect(),
            damage: self.damage.clone(),
            reader: self.reader.clone(),
        };
        self.prove(ANSWER_LOOK)?;
        // Whoever asked may have gone.
        let _ = reply.send(Ok(answer));
        Ok(())
    }
}
