//! Answers: read from the lanes at one position of the log, beside what they have told and no checkpoint holds yet.

use super::ask::{AnswerSender, Ask, NoAnswer, PartitionAnswer};
use super::{ANSWER_LOOK, AT_ONCE, Error, Partition};
use crate::code::StateCode;
use crate::lane::{Lane, LaneSize, ScanNumber, ScannedSessions, SessionOutput, SessionSink, YieldAfter};
use crate::pipeline::Coming;
use crate::records::{LateEvent, SessionSnapshot};
use crate::results::Pending;
use crate::totals::MetricTotals;
use crate::watermark::PartitionProgress;
use event_feeder::world::Instant;
use event_feeder::{Target, key_hash};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A question that waits until a position is reached.
pub(super) struct Waiting {
    /// Of each source.
    pub(super) targets: Vec<Target>,
    pub(super) ask: Ask,
    pub(super) reply: AnswerSender,
}

/// The questions that are not answered yet.
#[derive(Default)]
pub(super) struct Questions {
    /// Those that wait until places of the logs are reached.
    pub waiting: Vec<Waiting>,
    /// Those that wait for lanes that are behind.
    pub delayed: VecDeque<(Ask, AnswerSender)>,
    /// The one that lanes are read for.
    pub answering: Option<Answering>,
    /// The one that they are read for beside what they do.
    pub scanning: Option<Scanning>,
}

impl Questions {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.delayed.is_empty() && self.answering.is_none() && self.scanning.is_none()
    }
}

/// A question that lanes are read for, piece by piece.
pub(super) struct Answering {
    sizes: Vec<LaneSize>,
    parts: Coming<ScannedSessions>,
    wanted: Wanted,
    reply: AnswerSender,
}

/// A question that lanes are read for while they go on, with what was known of all else where it began.
pub(super) struct Scanning {
    answer: PartitionAnswer,
    parts: Coming<ScannedSessions>,
    reply: AnswerSender,
}

/// What of what was told and is not committed goes with an answer.
#[derive(Clone, Debug)]
enum Wanted {
    /// All of it.
    All,
    /// What is of the sessions of some keys, or of none.
    Keys(BTreeSet<String>),
    /// What is of no session.
    NoSession,
}

impl Wanted {
    fn by(ask: &Ask) -> Wanted {
        match ask {
            Ask::Status | Ask::Totals => Wanted::NoSession,
            Ask::Keys(_) | Ask::Key(_) => ask.keys().map_or(Wanted::All, Wanted::Keys),
            Ask::Sessions | Ask::Spans => Wanted::All,
        }
    }

    fn of(&self, pending: &Pending) -> Pending {
        match self {
            Wanted::All => pending.clone(),
            Wanted::Keys(keys) => pending.of_keys(keys),
            Wanted::NoSession => pending.beside_sessions(),
        }
    }
}

/// What a lane has told since somebody took it, with what its ended sessions come to: lanes add that up side by side.
pub(super) struct LaneOutput {
    pub(super) outcome: SessionOutput,
    pub(super) late: Vec<LateEvent>,
    pub(super) totals: MetricTotals,
}

impl LaneOutput {
    pub(super) fn of(lane: &mut Lane) -> Self {
        let (outcome, late) = lane.drain();
        let mut totals = MetricTotals::new(lane.plan());
        totals.add_told(lane.plan(), &outcome.closed, outcome.counted.as_ref());
        LaneOutput { outcome, late, totals }
    }
}

impl Partition {
    /// Takes a question that waits for all that the sources hold now; refused where they hold what is never read.
    pub(super) fn wait_for_all(&mut self, ask: Ask, reply: AnswerSender) -> Result<(), Error> {
        let mut targets = vec![];
        for source in 0..self.ingest.count() {
            let source = self.ingest.feed.source(source);
            if let Some(left) = source.left_out()?.first() {
                let code = StateCode::NotAll;
                let left = format!("[{}] {}: {}", left.code, left.file, left.detail);
                let said = format!("[{code}] no answer is true for the source as it is now ({left}); {}", code.help());
                reply.send(Err(NoAnswer::LeftOut(said)));
                return Ok(());
            }
            targets.push(source.caught_up_target()?);
        }
        self.questions.waiting.push(Waiting { targets, ask, reply });
        self.answer_waiting()
    }

    /// Answers what can be answered now; what is about sessions waits until no lane is behind.
    pub(super) fn answer_in_time(&mut self, ask: Ask, reply: AnswerSender) -> Result<(), Error> {
        // While a store gave no answer many may have asked, and gone.
        if !reply.is_wanted() {
            return Ok(());
        }
        if ask != Ask::Status && (!self.may_begin(&ask) || self.is_behind()?) {
            self.questions.delayed.push_back((ask, reply));
            return Ok(());
        }
        self.answer(&ask, reply)
    }

    /// Answers what waited for lanes that were behind.
    pub(super) fn answer_delayed(&mut self) -> Result<(), Error> {
        self.finish_answer(Duration::ZERO)?;
        loop {
            let next = self.questions.delayed.iter().position(|(ask, _)| self.may_begin(ask));
            let Some(next) = next.filter(|_| !self.is_busy_reading()) else { break };
            if self.is_behind()? {
                break;
            }
            let Some((ask, reply)) = self.questions.delayed.remove(next) else { break };
            if !reply.is_wanted() {
                continue;
            }
            self.answer(&ask, reply)?;
        }
        Ok(())
    }

    /// Whether a question can be begun as far as others are concerned that are being answered.
    fn may_begin(&self, ask: &Ask) -> bool {
        !(self.is_busy_reading() || ask.scans() && self.questions.scanning.is_some())
    }

    /// Whether nothing is to be fed now: lanes are behind, or are read.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy_reading() || self.pipeline.is_behind()
    }

    /// Whether lanes are read for an answer, or looked at for a checkpoint.
    pub(super) fn is_busy_reading(&self) -> bool {
        self.questions.answering.is_some() || self.survey.is_some()
    }

    /// Whether some lane has yet to do some of what it was fed.
    pub(super) fn is_behind(&mut self) -> Result<bool, Error> {
        Ok(self.pipeline.call(|lane, _| lane.is_behind())?.into_iter().any(|is| is))
    }

    pub(super) fn answer_waiting(&mut self) -> Result<(), Error> {
        if self.questions.waiting.is_empty() || self.is_busy() {
            return Ok(());
        }
        self.questions.waiting.retain(|waiting| waiting.reply.is_wanted());
        for mut waiting in std::mem::take(&mut self.questions.waiting) {
            let is_reached = self.ingest.is_reached(&mut waiting.targets);
            if is_reached && self.may_begin(&waiting.ask) && !self.is_behind()? {
                self.answer(&waiting.ask, waiting.reply)?;
            } else {
                self.questions.waiting.push(waiting);
            }
        }
        Ok(())
    }

    /// Answers, or begins to: no further question is begun before it is answered.
    pub(super) fn answer(&mut self, ask: &Ask, reply: AnswerSender) -> Result<(), Error> {
        self.prove(ANSWER_LOOK)?;
        self.note_broken();
        if matches!(ask, Ask::Key(_) | Ask::Spans) {
            // Events that are just being kept are not to be found either.
            self.finish_commit(true)?;
            if self.ingest.has_fresh_events() {
                self.start_commit()?;
                self.finish_commit(true)?;
            }
        }
        // Whoever asks how it is waits for all sessions to be gone through, and nobody else.
        let counts = *ask == Ask::Status;
        let outputs = self.pipeline.call(move |lane, progress| {
            let size = if counts { lane.size() } else { lane.size_by_now() };
            (LaneOutput::of(lane), progress.clone(), size)
        })?;
        self.take_decoded();
        let mut sizes = vec![];
        for (output, progress, size) in outputs {
            self.take_output(output);
            self.ingest.take_unseen(&progress);
            sizes.push(size);
        }
        self.look_for_leaps();
        if *ask == Ask::Status {
            return self.tell(&sizes, vec![], &Wanted::by(ask), &reply);
        }
        if ask.scans() {
            return self.scan(ask, &sizes, reply);
        }
        let (plan, keys) = (Arc::clone(&self.plan), ask.keys());
        let whole = keys.is_none();
        let mut wanted: Vec<(u64, String)> =
            keys.iter().flatten().map(|key| (key_hash(key.as_bytes()), key.clone())).collect();
        wanted.sort_unstable();
        let begin = move |lane: &mut Lane, _: &PartitionProgress| {
            let reading = if whole { lane.to_read() } else { lane.to_read_keys(&wanted) };
            (reading, Some(ScannedSessions::new(lane.plan())))
        };
        let parts = self.pipeline.work(begin, move |lane, progress, (reading, part), length| {
            let own = part.as_mut()?;
            if let Some(horizon) = progress.horizon() {
                let ScannedSessions { outcome, live, fold } = &mut *own;
                outcome.certain = Some(progress.certain());
                let mut tell = |session: SessionSnapshot| {
                    if whole {
                        fold.add(&plan, &session);
                    }
                    live.push(session);
                };
                let mut sink = SessionSink::Rows(&mut tell);
                if !lane.read_some(reading, horizon, outcome, &mut sink, YieldAfter::After(length)) {
                    return None;
                }
                if whole {
                    fold.add_told(&plan, &outcome.closed, outcome.counted.as_ref());
                }
            }
            part.take()
        })?;
        self.questions.answering = Some(Answering { sizes, parts, wanted: Wanted::by(ask), reply });
        // Nearly always it is done at once.
        self.finish_answer(AT_ONCE)
    }

    /// Begins to read all sessions as they are here, while more is fed.
    fn scan(&mut self, ask: &Ask, sizes: &[LaneSize], reply: AnswerSender) -> Result<(), Error> {
        let answer = self.prepared(sizes, &Wanted::by(ask));
        let (wants_rows, plan) = (*ask == Ask::Sessions, Arc::clone(&self.plan));
        let begin = move |lane: &mut Lane, progress: &PartitionProgress| {
            progress.horizon().map(|horizon| lane.begin_scan(wants_rows, horizon, progress.certain()))
        };
        let piece = move |lane: &mut Lane, _: &PartitionProgress, scan: &mut Option<ScanNumber>, length| {
            let mut found = match scan {
                None => ScannedSessions::new(&plan),
                Some(_) => lane.scan_some(YieldAfter::After(length))?,
            };
            found.fold.add_told(&plan, &found.outcome.closed, found.outcome.counted.as_ref());
            Some(found)
        };
        let leave = |lane: &mut Lane, scan: Option<ScanNumber>| {
            scan.into_iter().for_each(|scan| lane.leave_scan(scan));
        };
        let parts = self.pipeline.work_beside(begin, piece, leave)?;
        self.questions.scanning = Some(Scanning { answer, parts, reply });
        self.finish_scan(AT_ONCE)
    }

    /// Tells what a scan came to, if all lanes have done it, within so long; nothing if whoever asked has gone.
    pub(super) fn finish_scan(&mut self, length: Duration) -> Result<(), Error> {
        let Some(mut scanning) = self.questions.scanning.take() else { return Ok(()) };
        if !scanning.reply.is_wanted() {
            return Ok(());
        }
        if !scanning.parts.wait(Some(Instant::now() + length))? {
            self.questions.scanning = Some(scanning);
            return Ok(());
        }
        let Scanning { answer, parts, reply } = scanning;
        self.complete(answer, parts.done(), Some(0), &reply)
    }

    /// Tells what lanes were asked for, if all have done it, within so long; nothing if whoever asked has gone.
    pub(super) fn finish_answer(&mut self, length: Duration) -> Result<(), Error> {
        let Some(mut answering) = self.questions.answering.take() else { return Ok(()) };
        if !answering.reply.is_wanted() {
            // Lanes leave it, too.
            return Ok(());
        }
        if !answering.parts.wait(Some(Instant::now() + length))? {
            self.questions.answering = Some(answering);
            return Ok(());
        }
        self.tell(&answering.sizes, answering.parts.done(), &answering.wanted, &answering.reply)
    }

    /// Tells whoever asked what the lanes have, and what they had told.
    fn tell(
        &mut self,
        sizes: &[LaneSize],
        parts: Vec<ScannedSessions>,
        wanted: &Wanted,
        reply: &AnswerSender,
    ) -> Result<(), Error> {
        let answer = self.prepared(sizes, wanted);
        // Only who has read all of them knows what they have forgotten.
        let is_whole = !matches!(wanted, Wanted::Keys(_)) && !parts.is_empty();
        self.complete(answer, parts, is_whole.then_some(0), reply)
    }

    /// Adds what lanes have read to an answer and sends it; `forgotten` counts what sessions have forgotten, if all were read.
    fn complete(
        &mut self,
        mut answer: PartitionAnswer,
        parts: Vec<ScannedSessions>,
        mut forgotten: Option<u64>,
        reply: &AnswerSender,
    ) -> Result<(), Error> {
        for ScannedSessions { outcome, live, fold } in parts {
            let (part, own) = fold.into_totals();
            answer.totals.merge(&part);
            forgotten = forgotten.map(|all| all + own);
            answer.sessions.extend(live);
            let SessionOutput { closed, alerts, stragglers, failed, .. } = outcome;
            let dead = failed.iter().map(|failed| failed.letter(&self.plan)).collect();
            answer.pending.append(Pending { sessions: closed, alerts, late: stragglers, dead, parts: vec![] });
        }
        if let Some(all) = forgotten.filter(|all| *all != self.gathered.losses.forgotten) {
            self.gathered.losses.forgotten = all;
            answer.looks = self.looks();
        }
        self.prove(ANSWER_LOOK)?;
        reply.send(Ok(answer));
        Ok(())
    }

    /// An answer of all that is known beside the sessions of lanes.
    fn prepared(&self, sizes: &[LaneSize], wanted: &Wanted) -> PartitionAnswer {
        let mut totals = MetricTotals::new(&self.plan);
        let sum = |of: fn(&LaneSize) -> u64| sizes.iter().map(of).sum::<u64>();
        let (bytes, live, partial) = (sum(|size| size.bytes), sum(|size| size.live), sum(|size| size.partial));
        totals.merge(&self.gathered.totals);
        let writing = self.committed.writing.as_ref();
        let mut pending = writing.map_or_else(Pending::default, |writing| wanted.of(&writing.pending));
        pending.append(wanted.of(&self.gathered.pending));
        // What is on its way into history is in none of its files yet.
        totals.add_parts(&self.plan, std::mem::take(&mut pending.parts));
        let progress = self.ingest.progress(&self.plan);
        let (ingest, committed) = (&self.ingest, &self.committed);
        let writing = if committed.is_writing() { ingest.writing_bytes() } else { 0 };
        PartitionAnswer {
            plan: Arc::clone(&self.plan),
            partition: self.options.part.number,
            folder: self.options.folder.clone(),
            owner: Some(self.options.writer.clone()),
            reach: ingest.reach(),
            begun: ingest.begun.clone(),
            watermark: progress.known_watermark(),
            horizon: progress.horizon(),
            certain: progress.certain(),
            epoch: committed.epoch,
            counts: ingest.siblings.shown(self.gathered.counts, &self.plan),
            outputs: self.publishing.progress(),
            bytes,
            looks: self.looks(),
            queued_bytes: ingest.feed.queued_bytes(),
            keeping_bytes: (ingest.fresh_bytes() + writing) as u64,
            live,
            read_sessions: sum(|size| size.read),
            drained: ingest.is_drained(),
            received: ingest.received,
            busy_ns: u64::try_from(ingest.busy.as_nanos()).unwrap_or(u64::MAX),
            partial: self.gathered.counts.partial + partial,
            pending,
            sessions: vec![],
            totals,
            results: committed.results.iter().chain(ingest.kept_files()).cloned().collect(),
            damage: committed.damage.clone(),
            dropped: committed.dropped.clone(),
            reader: committed.reader.clone(),
        }
    }
}
