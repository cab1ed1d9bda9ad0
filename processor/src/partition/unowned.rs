//! A partition that nobody owns: what its last checkpoint says. **Invariant:** nothing here writes.

use super::asked::asked_by;
use super::recovery::load;
use super::state::{State, facts, places};
use super::{Ask, Counts, Error, PartitionAnswer, RecordFindings};
use crate::checkpoint::protocol::CHECKPOINTS_KEPT;
use crate::checkpoint::{
    self, CheckpointReader, Checkpoints, Commit, FileKind, FileRef, Store, TakeFrom, WriterIdentity,
};
use crate::damage::Damage;
use crate::lane::SessionOutput;
use crate::log_position::{self, LogPosition};
use crate::outputs::outbox::facts_of;
use crate::results::{Pending, RetentionCounts};
use crate::retained::RetainedLog;
use crate::totals::MetricTotals;
use event_feeder::Position;
use serde_json::value::to_raw_value;
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// Refuses queries that need the log from its start where that is not kept: [`Error::NotKept`], [`Error::OlderRules`].
pub fn can_run(plan: &Arc<Plan>, store: &Arc<dyn Store>) -> Result<(), Error> {
    let inspection = checkpoint::inspect(&**store)?;
    let Some(manifest) = inspection.kept.first() else { return Ok(()) };
    let read = places(manifest)?;
    let state = facts(manifest)?;
    if state.is_of(plan, &read) {
        return Ok(());
    }
    let State { begun, rules, .. } = state;
    for (source, read) in (0..).zip(read) {
        let from = begun.get(usize::from(source)).map_or(Position::START, |reach| reach.position.of(0));
        let kept = RetainedLog::of(&manifest.files, source)?;
        if !kept.is_whole(from, read.of(0)) {
            return Err(Error::not_kept(rules));
        }
        kept.compare(&CheckpointReader::new(Arc::clone(store)))?;
    }
    Ok(())
}

/// The last instant of which a partition may have asked anything, as its newest checkpoint says; [`Time::MIN`] where it has
/// none, and nothing where that is of other queries.
pub fn asked_up_to(plan: &Plan, store: &dyn Store) -> Result<Option<Time>, Error> {
    let Some(manifest) = checkpoint::peek(store)? else { return Ok(Some(Time::MIN)) };
    let places = places(&manifest)?;
    let state = facts(&manifest)?;
    let up_to = asked_by(plan, &state.reach(&places)).unwrap_or(Time::MIN);
    Ok(state.is_of(plan, &places).then_some(up_to))
}

/// Refuses queries that are to begin with what another reading keeps, where that is not the log from its start:
/// [`Error::NotKept`].
pub fn can_copy(plan: &Arc<Plan>, earlier: &dyn Store) -> Result<(), Error> {
    let inspection = checkpoint::inspect(earlier)?;
    let Some(manifest) = inspection.kept.first() else { return Ok(()) };
    let read = places(manifest)?;
    for (source, read) in (0..plan.sources().count() as u8).zip(read) {
        if !RetainedLog::of(&manifest.files, source)?.is_whole(Position::START, read.of(0)) {
            return Err(Error::NotKept);
        }
    }
    Ok(())
}

/// The committed rows of a partition that runs no more, and a reader of them; an error if nothing is there.
pub fn sealed(store: &Arc<dyn Store>) -> Result<(Vec<FileRef>, CheckpointReader), Error> {
    let mut inspection = checkpoint::inspect(&**store)?;
    if inspection.kept.is_empty() {
        let reason = match inspection.findings.first() {
            Some(finding) => finding.to_string(),
            None => "there is no checkpoint".into(),
        };
        return Err(Error::Malformed { object: "sealed rows".into(), reason });
    }
    let mut files = inspection.kept.remove(0).files;
    files.retain(|file| file.kind.is_result());
    Ok((files, CheckpointReader::new(Arc::clone(store))))
}

/// Lets go of everything but the committed rows of a partition that runs no more; nobody may own it.
pub fn seal(store: &Arc<dyn Store>, identity: &WriterIdentity) -> Result<(), Error> {
    let opened = Checkpoints::claim(Arc::clone(store), identity, &TakeFrom::Nobody)?;
    let (mut checkpoints, Some(manifest)) = (opened.checkpoints, opened.recovered) else { return Ok(()) };
    let files: Vec<FileRef> = manifest.files.into_iter().filter(|file| file.kind.is_result()).collect();
    // Until no kept checkpoint names anything else.
    for _ in 0..CHECKPOINTS_KEPT {
        let state = to_raw_value(&manifest.state).expect("a manifest's facts are JSON");
        let commit = Commit { position: manifest.position.clone(), state, files: files.clone() };
        checkpoints.commit(commit)?;
    }
    checkpoints.collect()?;
    Ok(checkpoints.release()?)
}

/// The answer of a partition as of its last checkpoint; an empty one where there is none, or none of these queries.
pub fn at_rest(
    plan: &Arc<Plan>,
    store: &Arc<dyn Store>,
    partition: u32,
    folder: String,
    ask: &Ask,
) -> Result<PartitionAnswer, Error> {
    let reader = CheckpointReader::new(Arc::clone(store));
    let mut answer = PartitionAnswer {
        plan: Arc::clone(plan),
        partition,
        folder,
        owner: None,
        reach: LogPosition::starts(plan),
        begun: vec![],
        partial: 0,
        watermark: None,
        horizon: None,
        certain: Time::MIN,
        epoch: 0,
        counts: Counts::default(),
        outputs: BTreeMap::new(),
        bytes: 0,
        looks: RecordFindings::default(),
        queued_bytes: 0,
        keeping_bytes: 0,
        live: 0,
        read_sessions: 0,
        busy_ns: 0,
        drained: false,
        received: None,
        pending: Pending::default(),
        sessions: vec![],
        totals: MetricTotals::new(plan),
        results: vec![],
        damage: Damage::default(),
        dropped: RetentionCounts::new(),
        reader: reader.clone(),
    };
    let inspection = checkpoint::inspect(&**store)?;
    if let Some(lost) = inspection.lost {
        return Err(checkpoint::Error::Lost(lost).into());
    }
    let Some(manifest) = inspection.kept.first() else { return Ok(answer) };
    let state = facts(manifest)?;
    let places = places(manifest)?;
    if !state.is_of(plan, &places) {
        return Ok(answer);
    }
    answer.reach = state.reach(&places);
    let progress = log_position::progress(plan, &answer.reach);
    answer.watermark = progress.known_watermark();
    answer.horizon = progress.horizon();
    answer.certain = progress.certain();
    answer.epoch = manifest.epoch;
    answer.begun = state.begun;
    answer.partial = state.counts.partial;
    answer.counts = state.siblings.shown(state.counts, plan);
    for (output, waiting) in manifest.files.iter().filter_map(facts_of) {
        answer.outputs.entry(output.name().to_owned()).or_default().waiting += waiting;
    }
    let is_history = |file: &&FileRef| file.kind.is_result() || file.kind == FileKind::Kept;
    answer.results = manifest.files.iter().filter(is_history).cloned().collect();
    answer.damage = Damage::with(state.lost);
    answer.dropped = state.dropped;
    answer.looks.columns = state.columns;
    answer.looks.met = state.met.unwrap_or(u64::MAX);
    for finding in &inspection.damaged {
        if let Some(file) = manifest.files.iter().find(|file| file.name == finding.object) {
            answer.damage.note(&answer.folder, file, &finding.problem);
        }
    }
    answer.totals = MetricTotals::from_image(plan, state.totals);
    let (Some(horizon), true) = (answer.horizon, *ask != Ask::Status) else { return Ok(answer) };
    let keys = ask.keys();
    for lane in &mut load(plan, 1, manifest, &reader)? {
        let mut outcome = SessionOutput::default();
        outcome.certain = Some(answer.certain);
        lane.set_unseen(progress.unseen(plan));
        lane.read(horizon, &mut outcome, |session| {
            answer.totals.add(plan, &session);
            answer.partial += u64::from(session.partial && session.is_whole());
            if keys.as_ref().map_or(*ask != Ask::Totals, |keys| keys.contains(&*session.key)) {
                answer.sessions.push(session);
            }
        });
        answer.totals.add_told(plan, &outcome.closed, outcome.counted.as_ref());
        let SessionOutput { closed, alerts, stragglers, failed, .. } = outcome;
        let dead = failed.iter().map(|failed| failed.letter(plan)).collect();
        answer.pending.append(Pending { sessions: closed, alerts, late: stragglers, dead, parts: vec![] });
        let size = lane.size();
        answer.bytes += size.bytes;
        answer.live += size.live;
    }
    if let Some(keys) = &keys {
        answer.pending = answer.pending.of_keys(keys);
    }
    Ok(answer)
}
