//! What the records of a source have, as far as it is to be said: after the first of them, when something that was said turns
//! out otherwise, and to whoever asks what runs.

use super::Partition;
use crate::lane::Late;
use crate::leaps::{Leap, Leaps};
use crate::remarks::{self, Loss, Losses, Remark};
use event_feeder::{Code, DeadLetter, Notice, Position, Seen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// So many files are named of which something is not read.
const LEFT_MAX: usize = 4;

/// What the records of a source have, since reading began.
#[derive(Debug, Default)]
pub(super) struct Looked {
    records: u64,
    events: u64,
    seen: Seen,
    /// The columns of which it was said that no record has them; `None` as long as nothing was said of the records.
    said: Option<u64>,
    leaps: Leaps,
    /// Places and times of events that were late, and have not been looked at for why.
    late: Vec<(Position, Time)>,
}

/// What there is to say of the records that a partition has read since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// The columns that some record has, as a set of column bits.
    pub columns: u64,
    /// What is said, with the column of which it is.
    pub remarks: Vec<(Option<u64>, String)>,
    /// What did not count, if that is much: that it is so, and what to do.
    #[serde(default)]
    pub losses: Vec<(String, String)>,
}

/// What is known and was said of what did not count.
#[derive(Debug, Default)]
pub(super) struct LossesSaid {
    /// What was wrong with the first record of which that is known.
    example: Option<String>,
    /// Values that sessions have forgotten that are alive, as of the last reading of all.
    pub(super) forgotten: u64,
    /// How many there were when it was last said.
    said: BTreeMap<Code, u64>,
}

impl LossesSaid {
    /// Takes note of records that could not be read.
    pub(super) fn note(&mut self, dead: &[DeadLetter]) {
        if let (None, Some(first)) = (&self.example, dead.first()) {
            let column = first.column.as_ref().map(|column| format!(", `{column}`")).unwrap_or_default();
            let at = first.position.offset;
            self.example = Some(format!("{} at {at}{column}: [{}] {}", first.origin, first.code, first.reason));
        }
    }
}

impl Looked {
    fn remarks(&self, plan: &Plan, source: usize) -> Vec<Remark> {
        remarks::of(plan, source, &self.seen, self.records, self.events)
    }

    /// Takes note of an event that was late.
    pub(super) fn note(&mut self, late: &Late) {
        if late.is_lost_behind() {
            self.late.push((late.position, late.time));
        }
    }
}

impl Partition {
    /// Takes what some records of a source have; says what there is to say of the first of them, once.
    pub(super) fn look_at(&mut self, source: usize, records: u64, events: u64, seen: Seen) {
        let looked = &mut self.readings[source].looked;
        looked.records += records;
        looked.events += events;
        looked.seen.add(seen);
        let Some(said) = &mut looked.said else {
            if looked.records >= remarks::RECORDS {
                self.say_of_first(source);
            }
            return;
        };
        let here = *said & looked.seen.columns;
        if here != 0 {
            *said &= !here;
            let name = &self.plan.source_at(source).name;
            for (_, column) in self.plan.columns_of(source).filter(|(id, _)| here & id.bit() != 0) {
                tracing::warn!(
                    "{name}: `{}` is there after all: one of {} records has it",
                    column.path.dotted(),
                    looked.records
                );
            }
        }
    }

    /// Says what there is to say of the records of a source so far, if nothing was said yet.
    pub(super) fn say_of_first(&mut self, source: usize) {
        let looked = &mut self.readings[source].looked;
        if looked.said.is_some() {
            return;
        }
        let remarks = looked.remarks(&self.plan, source);
        looked.said = Some(remarks.iter().filter_map(|remark| remark.column).fold(0, |said, column| said | column));
        for Remark { notice, .. } in remarks {
            tracing::warn!("{}", remarks::text(&notice));
            self.notices.push(notice);
        }
    }

    /// Says what there is to say of a file that has been read to its end, which may be long before there are as many records
    /// as are waited for.
    pub(super) fn look_at_rest(&mut self, source: usize) {
        let looked = &self.readings[source].looked;
        if looked.said.is_none() && looked.records >= remarks::FEW {
            self.say_of_first(source);
        }
    }

    /// Says which events are far ahead of all before them, once of each, where what comes behind is late because of them. To be
    /// asked when all lanes have told what they had at one place, and everything before it was taken.
    pub(super) fn look_for_leaps(&mut self) {
        let mut leaps: Vec<Leap> = self.pipeline.leaps().collect();
        for (number, reading) in self.readings.iter_mut().enumerate() {
            let (source, looked) = (self.plan.source_at(number), &mut reading.looked);
            let own = leaps.extract_if(.., |leap| usize::from(leap.position.source) == number).collect();
            looked.leaps.take(own, std::mem::take(&mut looked.late), source.lateness);
            for far in looked.leaps.news(looked.events) {
                let notice = far.late_notice(&source.name);
                tracing::warn!("{}", remarks::text(&notice));
                self.notices.push(notice);
            }
        }
        self.say_losses();
    }

    /// What did not count.
    fn losses(&self) -> Vec<Loss> {
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
        remarks::of_losses(&self.plan.name(), &losses)
    }

    /// Says what did not count, where that is much: once, and again when it is ten times as much. To be asked when everything
    /// that was told was taken.
    pub(super) fn say_losses(&mut self) {
        for Loss { notice, count, .. } in self.losses().into_iter().filter(|loss| loss.is_much) {
            let said = self.losses.said.entry(notice.code).or_default();
            if count >= said.saturating_mul(10).max(1) {
                *said = count;
                tracing::warn!("{}", remarks::text(&notice));
            }
        }
    }

    /// What there is to say of the records of all sources now.
    pub(super) fn looks(&self) -> Looks {
        let mut looks = Looks::default();
        for (source, reading) in self.readings.iter().enumerate() {
            looks.columns |= reading.looked.seen.columns;
            let remarks = reading.looked.remarks(&self.plan, source).into_iter();
            looks.remarks.extend(remarks.map(|Remark { notice, column }| (column, remarks::line(&notice))));
            let name = &self.plan.source_at(source).name;
            let far = reading.looked.leaps.said().map(|far| remarks::line(&far.late_notice(name)));
            looks.remarks.extend(far.map(|line| (None, line)));
        }
        let is_left = |notice: &&Notice| matches!(notice.code, Code::ClosedGrew | Code::NameTooEarly);
        let left = self.notices.iter().filter(is_left).take(LEFT_MAX);
        looks.remarks.extend(left.map(|notice| (None, remarks::line(notice))));
        for Loss { notice, is_much, .. } in self.losses() {
            looks.remarks.push((None, remarks::line(&notice)));
            if is_much {
                looks.losses.push((remarks::line(&notice), notice.code.help().to_owned()));
            }
        }
        looks
    }
}
