//! How far the logs of a partition have been read: one place in the log of every source, and what was known by then.
//!
//! A partition with one source is written as it always was: its place alone.

use event_feeder::file::FileTable;
use event_feeder::{Gap, Position};
use serde::{Deserialize, Serialize};
use timeline_core::Time;
use timeline_core::plan::Plan;

use crate::watermark::{IdleAdvances, PartitionProgress, UnreadPrefix};

/// The log of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Everything before it has been read.
    pub position: Position,
    /// The files of the log.
    pub files: FileTable,
    /// Largest usable event time in what has been read.
    pub max_time: Option<Time>,
    /// How far silence moved the watermark, where.
    pub silences: IdleAdvances,
    /// What lies before the place from which it is read.
    #[serde(default, skip_serializing_if = "UnreadPrefix::is_nothing")]
    pub unseen: UnreadPrefix,
    /// Records before the position that the log lost before they were read, which was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The time of the record before the position, where the times of records depend on that
    /// ([`event_feeder::Preceding`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preceding: Option<Time>,
}

impl LogPosition {
    /// The starts of the logs of all sources of a plan.
    pub fn starts(plan: &Plan) -> Vec<LogPosition> {
        let start = |source| LogPosition { position: Position::START.of(source), ..LogPosition::default() };
        (0..plan.sources().count() as u8).map(start).collect()
    }
}

/// What is known by these places.
pub fn progress(plan: &Plan, reach: &[LogPosition]) -> PartitionProgress {
    let mut progress = PartitionProgress::nothing(plan, None);
    for (reached, reach) in progress.sources.iter_mut().zip(reach) {
        reached.max_time = reach.max_time;
        reached.idle = reach.silences.at(reach.position);
        reached.unseen = reach.unseen;
    }
    progress
}

/// The places as a manifest holds them: of one source its place, of several a list.
pub fn to_json(reach: &[LogPosition]) -> serde_json::Value {
    let places: Vec<Position> = reach.iter().map(|reach| reach.position).collect();
    let value = match &places[..] {
        [only] => serde_json::to_value(only),
        all => serde_json::to_value(all),
    };
    value.expect("positions are plain numbers")
}

/// The places that a manifest holds.
pub fn from_json(value: &serde_json::Value) -> Result<Vec<Position>, serde_json::Error> {
    if value.is_array() { Vec::deserialize(value) } else { Position::deserialize(value).map(|only| vec![only]) }
}

/// The places for people.
pub fn to_text(plan: &Plan, reach: &[LogPosition]) -> String {
    reach.iter().map(|reach| place_text(plan, reach.position)).collect::<Vec<_>>().join(", ")
}

/// A place for people: of several sources with the name of its own.
pub fn place_text(plan: &Plan, position: Position) -> String {
    match plan.joined.is_empty() {
        true => position.to_string(),
        false => format!("{} {position}", plan.source_at(usize::from(position.source)).name),
    }
}

/// What the logs lost, for people: of several sources each with its name.
pub fn gaps(plan: &Plan, reach: &[LogPosition]) -> Vec<String> {
    let named = |source: &timeline_core::plan::SourceDefinition, gap: &Gap| match plan.joined.is_empty() {
        true => gap.to_string(),
        false => format!("{} {gap}", source.name),
    };
    let all = plan.sources().zip(reach);
    all.flat_map(|(source, reach)| reach.gaps.iter().map(move |gap| named(source, gap))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_written_as_itself_and_several_as_a_list() {
        let at =
            |source, offset| LogPosition { position: Position::at(0, offset).of(source), ..LogPosition::default() };
        let one = [at(0, 7)];
        assert_eq!(to_json(&one).to_string(), r#"{"file":0,"offset":7}"#);
        let two = [at(0, 7), at(1, 9)];
        assert_eq!(to_json(&two).to_string(), r#"[{"file":0,"offset":7},{"file":0,"offset":9,"source":1}]"#);
        for all in [&one[..], &two[..]] {
            let places: Vec<Position> = all.iter().map(|reach| reach.position).collect();
            assert_eq!(from_json(&to_json(all)).unwrap(), places);
        }
        assert!(from_json(&serde_json::json!("x")).is_err());
    }
}
