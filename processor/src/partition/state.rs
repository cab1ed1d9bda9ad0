//! What a checkpoint says beside its files: the facts that its manifest holds, in the form in which they are durable.
//!
//! **Invariant:** every field that came later has a default, so the facts of an older checkpoint are read as they were meant.

use super::asked::{self, AskedColumn};
use super::siblings::Siblings;
use super::zones::ZoneRules;
use super::{Counts, Error};
use crate::checkpoint::Manifest;
use crate::damage::GivenUpFile;
use crate::log_position::{self, LogPosition};
use crate::outputs::alert_changes::AlertMarks;
use crate::outputs::changes::PublishedTotals;
use crate::results::RetentionCounts;
use crate::totals::TotalsImage;
use crate::watermark::{IdleAdvances, UnreadPrefix};
use event_feeder::file::FileTable;
use event_feeder::{Gap, Position};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use timeline_core::Time;
use timeline_core::plan::{Fingerprint, Plan};

/// The caller's facts about a checkpoint, as its manifest holds them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Meaning of the plan: sources, queries, layout.
    pub plan: String,
    /// The rules by which it was meant.
    #[serde(default = "first_rules")]
    pub rules: u32,
    /// Files of the log.
    pub files: FileTable,
    pub max_time: Option<Time>,
    /// How far silence moved the watermark.
    #[serde(default)]
    pub silences: IdleAdvances,
    /// What of the log was lost before it was read, which was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The time of the record before the position, where the times of records depend on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preceding: Option<Time>,
    pub counts: Counts,
    pub totals: TotalsImage,
    /// The logs of the other sources of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<LogPosition>,
    /// What lies before the place from which the log is read.
    #[serde(default, skip_serializing_if = "UnreadPrefix::is_nothing")]
    pub unseen: UnreadPrefix,
    /// Where the logs of all sources are read from, if that is not their start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<LogPosition>,
    /// Up to where everything of alerts was told to whoever listens.
    #[serde(default)]
    pub told: AlertMarks,
    /// The totals as they were told last.
    #[serde(default, skip_serializing_if = "PublishedTotals::is_nothing")]
    pub told_totals: PublishedTotals,
    /// The partitions among which keys are shared out.
    #[serde(default, skip_serializing_if = "Siblings::is_unknown")]
    pub siblings: Siblings,
    /// The outputs that are hidden, and have said their last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired: BTreeSet<String>,
    /// The metrics of which history has changes of how many sessions are counted at once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<String>,
    /// The rules of the time zones that the plan asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneRules>,
    /// The columns of tables that do not say what they are known as, and what they say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<AskedColumn>,
    /// Files of history that were given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<GivenUpFile>,
    /// The columns that some record has had, as a set of column bits of the plan.
    #[serde(default, skip_serializing_if = "is_none")]
    pub columns: u64,
    /// What some record has had of what has to be there, as a set of the bits of the plan's needs. Checkpoints once did not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<u64>,
    /// Rows of history whose time was over.
    #[serde(default, skip_serializing_if = "RetentionCounts::is_empty")]
    pub dropped: RetentionCounts,
}

/// Whether a set of columns is empty.
fn is_none(columns: &u64) -> bool {
    *columns == 0
}

/// Checkpoints once did not say.
fn first_rules() -> u32 {
    1
}

impl State {
    /// How far the log of each source had been read, for the places of the manifest.
    pub(super) fn reach(&self, places: &[Position]) -> Vec<LogPosition> {
        let (files, max_time, silences) = (self.files.clone(), self.max_time, self.silences.clone());
        let (position, gaps) = (places.first().copied().unwrap_or_default(), self.gaps.clone());
        let (unseen, preceding) = (self.unseen, self.preceding);
        let first = LogPosition { position, files, max_time, silences, gaps, unseen, preceding };
        std::iter::once(first).chain(self.joined.iter().cloned()).collect()
    }
    /// Whether it is the state of that plan, at those places.
    pub(super) fn is_of(&self, plan: &Plan, places: &[Position]) -> bool {
        self.plan == plan_fingerprint(plan)
            && asked::says_the_same(&self.tables, plan, asked::asked_by(plan, &self.reach(places)))
    }
}

/// The facts of a manifest.
pub(super) fn facts(manifest: &Manifest) -> Result<State, Error> {
    serde_json::from_value(manifest.state.clone())
        .map_err(|error| Error::Malformed { object: name_of(manifest), reason: error.to_string() })
}

/// The places of a manifest, one for each source.
pub(super) fn places(manifest: &Manifest) -> Result<Vec<Position>, Error> {
    log_position::from_json(&manifest.position)
        .map_err(|error| Error::Malformed { object: name_of(manifest), reason: error.to_string() })
}

fn name_of(manifest: &Manifest) -> String {
    format!("manifest of epoch {}", manifest.epoch)
}

/// The meaning of a plan, as the digest of its encoding: state of one is never loaded under another.
pub(crate) fn plan_fingerprint(plan: &Plan) -> String {
    Fingerprint::of_text(&plan.encoding()).to_string()
}
