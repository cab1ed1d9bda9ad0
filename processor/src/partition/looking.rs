//! What the records of a source have, as far as it is to be said: after the first of them, when something that was said turns
//! out otherwise, and to whoever asks what runs.

use super::Partition;
use super::gathered::Gathered;
use super::ingest::Ingest;
use crate::records::LateEvent;
use crate::remarks::{self, Loss, Losses, Remark};
use crate::time_jumps::{TimeJump, TimeJumps};
use event_feeder::{DeadLetter, Notice, Position, RecordCode, RecordTraits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// So many files are named of which something is not read, or that are copies of others.
const LEFT_MAX: usize = 4;

/// What the records of a source have, since reading began.
#[derive(Debug, Default)]
pub(super) struct SourceFindings {
    records: u64,
    events: u64,
    seen: RecordTraits,
    /// Whether it was said what there is to say of the records, but for columns.
    is_said: bool,
    /// The columns of which it was said that no record has them; `None` as long as nothing was said of columns.
    said: Option<u64>,
    leaps: TimeJumps,
    /// Places and times of events that were late, and have not been looked at for why.
    late: Vec<(Position, Time)>,
}

/// What there is to say of the records that a partition has read since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFindings {
    /// The columns that some record has, as a set of column bits.
    pub columns: u64,
    /// What is said, with the column of which it is.
    pub remarks: Vec<(Option<u64>, String)>,
    /// Why answers may not be those that are meant.
    #[serde(default)]
    pub losses: Vec<AnswerLoss>,
}

/// Why answers may not be those that are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLoss {
    /// The column of which it is said: it is so only as long as no partition has that.
    pub column: Option<u64>,
    /// Whether all partitions of a log would say the same, but for numbers.
    pub is_of_all: bool,
    /// What is so.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl AnswerLoss {
    /// What is so of one partition.
    fn of(notice: &Notice) -> AnswerLoss {
        let (message, help) = (remarks::line(notice), notice.code.help().to_owned());
        AnswerLoss { column: None, is_of_all: false, message, help }
    }
}

/// What is known and was said of what did not count.
#[derive(Debug, Default)]
pub(super) struct LossesTold {
    /// What was wrong with the first record of which that is known.
    example: Option<String>,
    /// Values that sessions have forgotten that are alive, as of the last reading of all.
    pub(super) forgotten: u64,
    /// How many there were when it was last said.
    said: BTreeMap<RecordCode, u64>,
}

impl LossesTold {
    /// Takes note of records that could not be read.
    pub(super) fn note(&mut self, dead: &[DeadLetter]) {
        if let (None, Some(first)) = (&self.example, dead.first()) {
            let column = first.column.as_ref().map(|column| format!(", `{column}`")).unwrap_or_default();
            let at = first.position.offset;
            self.example = Some(format!("{} at {at}{column}: [{}] {}", first.origin, first.code, first.reason));
        }
    }
}

impl SourceFindings {
    /// How many records there were.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    fn remarks(&self, plan: &Plan, source: usize) -> Vec<Remark> {
        remarks::of(plan, source, &self.seen, self.records, self.events)
    }

    /// Says what there is to say of the records so far, once; that none has a column only if they are `enough` for that.
    fn say_of_first(&mut self, plan: &Plan, source: usize, enough: bool) {
        let (says_rest, says_columns) = (!self.is_said, self.said.is_none() && enough);
        if !says_rest && !says_columns {
            return;
        }
        self.is_said = true;
        let mut said = 0;
        for Remark { notice, column } in self.remarks(plan, source) {
            if column.map_or(says_rest, |_| says_columns) {
                said |= column.unwrap_or(0);
                tracing::warn!("{}", remarks::text(&notice));
            }
        }
        if says_columns {
            self.said = Some(said);
        }
    }

    /// Takes note of an event that was late.
    pub(super) fn note(&mut self, late: &LateEvent) {
        if late.is_lost_behind() {
            self.late.push((late.position, late.time));
        }
    }
}

impl Ingest {
    /// Takes what some records of a source have; says what there is to say of the first of them, once.
    pub(super) fn look_at(&mut self, plan: &Plan, source: usize, records: u64, events: u64, seen: RecordTraits) {
        let looked = &mut self.sources[source].looked;
        looked.records += records;
        looked.events += events;
        looked.seen.add(seen);
        if looked.records >= remarks::RECORDS {
            looked.say_of_first(plan, source, looked.records >= remarks::RECORDS_OF_COLUMNS);
        }
        let Some(said) = &mut looked.said else { return };
        let here = *said & looked.seen.columns;
        if here != 0 {
            *said &= !here;
            let name = &plan.source_at(source).name;
            for (_, column) in plan.columns_of(source).filter(|(id, _)| here & id.bit() != 0) {
                tracing::warn!(
                    "[{}] {name}: no longer so: `{}` is there after all, in one of {} records",
                    RecordCode::Unseen,
                    column.path.dotted(),
                    looked.records
                );
            }
        }
    }

    /// Says what there is to say of the records of all sources so far, of which nothing was said yet.
    pub(super) fn say_of_first(&mut self, plan: &Plan) {
        for (source, progress) in self.sources.iter_mut().enumerate() {
            progress.looked.say_of_first(plan, source, true);
        }
    }

    /// The columns that some record has had, as a set of column bits.
    pub(super) fn columns_seen(&self) -> u64 {
        self.sources.iter().fold(0, |columns, progress| columns | progress.looked.seen.columns)
    }

    /// Takes note of columns that records had which were read before.
    pub(super) fn note_seen(&mut self, plan: &Plan, columns: u64) {
        for (source, progress) in self.sources.iter_mut().enumerate() {
            let own = plan.columns_of(source).fold(0, |own, (id, _)| own | id.bit());
            progress.looked.seen.columns |= columns & own;
        }
    }

    /// Says what there is to say of files that have been read to their end, which may be long before there are as many records
    /// as are waited for.
    pub(super) fn look_at_rest(&mut self, plan: &Plan) {
        for (source, progress) in self.sources.iter_mut().enumerate() {
            if progress.looked.records >= remarks::FEW {
                progress.looked.say_of_first(plan, source, true);
            }
        }
    }

    /// Says what the sources have to say of their logs, and keeps what is left out of them, or counts twice.
    pub(super) fn say_notices(&mut self, plan: &Plan) {
        for notice in self.feed.notices() {
            // It is of no concern where nulls say nothing.
            if notice.code == RecordCode::MostlyNulls && plan.columns.iter().any(|column| column.nulls.missing) {
                continue;
            }
            tracing::warn!("{}: {}", notice.code.as_str(), format_args!("{}: {}", notice.file, notice.detail));
            let is_kept =
                matches!(notice.code, RecordCode::ClosedGrew | RecordCode::NameTooEarly | RecordCode::SameBytes);
            if is_kept && self.doubtful_files.len() < LEFT_MAX {
                self.doubtful_files.push(notice);
            }
        }
    }

    /// Says which events are far ahead of all before them, once of each, where what comes behind is late because of them. To be
    /// asked when all lanes have told what they had at one place, and everything before it was taken.
    fn look_for_leaps(&mut self, plan: &Plan, mut leaps: Vec<TimeJump>) {
        for (number, progress) in self.sources.iter_mut().enumerate() {
            let (source, looked) = (plan.source_at(number), &mut progress.looked);
            let own = leaps.extract_if(.., |leap| usize::from(leap.position.source) == number).collect();
            looked.leaps.take(own, std::mem::take(&mut looked.late), source.lateness);
            for far in looked.leaps.news(looked.events) {
                tracing::warn!("{}", remarks::text(&far.late_notice(&source.name)));
            }
        }
    }

    /// What there is to say of the records of all sources now, but for what did not count.
    fn looks(&self, plan: &Plan) -> RecordFindings {
        let mut looks = RecordFindings { columns: self.columns_seen(), ..RecordFindings::default() };
        for (source, progress) in self.sources.iter().enumerate() {
            for remark in progress.looked.remarks(plan, source) {
                if remark.spoils_answers() {
                    let column = remark.column;
                    looks.losses.push(AnswerLoss { column, is_of_all: true, ..AnswerLoss::of(&remark.notice) });
                }
                looks.remarks.push((remark.column, remarks::line(&remark.notice)));
            }
            let name = &plan.source_at(source).name;
            let far = progress.looked.leaps.said().map(|far| remarks::line(&far.late_notice(name)));
            looks.remarks.extend(far.map(|line| (None, line)));
        }
        for notice in self.sources.iter().filter_map(|progress| progress.end.notice()) {
            looks.remarks.push((None, remarks::line(&notice)));
            looks.losses.push(AnswerLoss::of(&notice));
        }
        looks.remarks.extend(self.doubtful_files.iter().map(|notice| (None, remarks::line(notice))));
        looks
    }
}

impl Gathered {
    /// What did not count.
    fn losses(&self, plan: &Plan) -> Vec<Loss> {
        let counts = &self.counts;
        let unusable = counts.records.saturating_sub(counts.events);
        let losses = Losses {
            records: counts.records,
            unusable,
            values: counts.dead.saturating_sub(unusable),
            example: self.losses.example.clone(),
            late: counts.late.saturating_sub(counts.repaired),
            forgotten: counts.forgotten.saturating_add(self.losses.forgotten),
        };
        remarks::of_losses(&plan.name(), &losses)
    }

    /// Says what did not count, where that is much: once, and again when it is ten times as much. To be asked when everything
    /// that was told was taken.
    fn say_losses(&mut self, plan: &Plan) {
        for Loss { notice, count, .. } in self.losses(plan).into_iter().filter(|loss| loss.is_much) {
            let said = self.losses.said.entry(notice.code).or_default();
            if count >= said.saturating_mul(10).max(1) {
                *said = count;
                tracing::warn!("{}", remarks::text(&notice));
            }
        }
    }
}

impl Partition {
    /// Says which events are far ahead of their log, and what did not count; each once. To be asked when all lanes have told
    /// what they had at one place, and everything before it was taken.
    pub(super) fn look_for_leaps(&mut self) {
        let leaps: Vec<TimeJump> = self.pipeline.leaps().collect();
        self.ingest.look_for_leaps(&self.plan, leaps);
        self.gathered.say_losses(&self.plan);
    }

    /// What there is to say of the records of all sources now.
    pub(super) fn looks(&self) -> RecordFindings {
        let mut looks = self.ingest.looks(&self.plan);
        for Loss { notice, is_much, .. } in self.gathered.losses(&self.plan) {
            looks.remarks.push((None, remarks::line(&notice)));
            if is_much {
                looks.losses.push(AnswerLoss::of(&notice));
            }
        }
        looks
    }
}
