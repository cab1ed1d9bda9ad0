//! What an answer can only say by reading logs again, up to the places that it is true for: stories, and spans.

use super::answers::{self, LogAnswer, known_starts, plain};
use crate::engine::{EngineError, IsWanted, TableData};
use crate::partition::{NoAnswer, PartitionAnswer};
use crate::records::RecordedSpan;
use crate::replay::ReplayStart;
use crate::retained::{self, RetainedLog};
use crate::{replay, rows, spans, story};
use event_feeder::{Position, Source};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::Plan;

/// The logs of a partition once more, one for each source.
pub(super) struct PartitionReplay {
    pub sources: Vec<Box<dyn Source>>,
    /// Of each what is known where it is read from.
    pub before: Vec<ReplayStart>,
    /// Whether all that was ever read is read again.
    pub is_whole: bool,
}

/// The logs from where they were read from up to where an answer is true.
pub(super) fn logs(answer: &PartitionAnswer) -> Result<PartitionReplay, EngineError> {
    let mut logs = PartitionReplay { sources: vec![], before: vec![], is_whole: true };
    for (source, reach) in (0..).zip(&answer.reach) {
        let position = reach.position.of(0);
        let begun = answer.begun.get(usize::from(source));
        let from = begun.map_or(Position::START, |begun| begun.position.of(0));
        let start = ReplayStart { place: from, max_time: None, preceding: begun.and_then(|begun| begun.preceding) };
        if !reach.files.is_empty() {
            let (plan, files) = (&answer.plan, reach.files.clone());
            logs.sources.push(story::files_again(plan, usize::from(source), files, (from, position)));
            logs.before.push(start);
            continue;
        }
        let kept =
            RetainedLog::of(&answer.results, source).map_err(|error| EngineError::Internal(error.to_string()))?;
        logs.sources.push(Box::new(retained::replay(&kept, answer.reader.clone(), position)));
        logs.before.push(ReplayStart { max_time: kept.before(), preceding: None, ..start });
        logs.is_whole &= kept.is_whole(from, position);
    }
    Ok(logs)
}

/// Why a question is refused that reads a log again which is not what it was.
pub(super) fn unread(error: event_feeder::Error) -> EngineError {
    let code = error.code();
    let message = format!("[{code}] {error}; {}", code.help());
    match error {
        event_feeder::Error::Read { error, .. } if error.get_ref().is_some_and(|kept| kept.is::<retained::Error>()) => {
            let kept = error.into_inner().and_then(|kept| kept.downcast::<retained::Error>().ok());
            kept.map_or(EngineError::Internal(message), |kept| answers::unread(*kept))
        }
        _ => EngineError::Conflict { message, rendered: None },
    }
}

/// The table `spans`, or what of it has some keys: those of all metrics that keep them and are seen.
pub(super) fn spans(
    answering: &[LogAnswer<'_>],
    keys: Option<&BTreeSet<String>>,
    is_wanted: IsWanted<'_>,
) -> Result<TableData, EngineError> {
    let mut all: Vec<(&Arc<Plan>, Vec<RecordedSpan>)> = vec![];
    for log in answering {
        let mut own = vec![];
        for answer in log.answers().filter(|answer| spans::are_kept(&answer.plan)) {
            let Some(horizon) = answer.horizon else { continue };
            let PartitionReplay { sources, before, is_whole } = logs(answer)?;
            let logs = replay::ReplayLogs { sources, before: &before, reach: &answer.reach };
            let told = spans::replay(&answer.plan, logs, horizon, keys, is_wanted);
            let mut told = told.map_err(unread)?;
            if !is_wanted() {
                return Err(NoAnswer::Unwanted.into());
            }
            if !is_whole {
                // What began before the events that are kept would be told as if it had begun there.
                let known = known_starts(answer, keys)?;
                told.retain(|span| known.contains(&(span.key.to_string(), span.session)));
            }
            own.append(&mut told);
        }
        own.retain(|span| log.shows(&log.plan().metrics[span.root].name));
        all.push((log.plan(), own));
    }
    let pairs: Vec<(&Plan, &[RecordedSpan])> = all.iter().map(|(plan, spans)| (&***plan, &spans[..])).collect();
    let metrics = pairs.iter().flat_map(|(plan, _)| plan.metrics.iter().map(move |metric| (*plan, metric)));
    let types = rows::agreed(metrics.flat_map(|(plan, metric)| rows::beside_metric(plan, metric)));
    Ok(plain("spans", rows::typed(&rows::spans(&pairs), &types)))
}
