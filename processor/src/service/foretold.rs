//! What the records of logs say about queries that are planned, as far as a sample tells.
//!
//! Of files the first records can be looked at before anything is read; what comes by topics is known once it was read.

use super::Service;
use super::binding::bind;
use crate::engine::EngineError;
use crate::partition::PartitionAnswer;
use crate::programs::DeployedPrograms;
use crate::remarks::{self, FEW, Remark};
use std::cell::LazyCell;
use timeline_core::plan::Plan;

impl Service {
    /// What there is to say of the records that will be read for queries that do not run yet, such as a column that none of
    /// them has. Not to be called under the lock.
    pub(super) fn foretold(&self, programs: &DeployedPrograms) -> Result<Vec<String>, EngineError> {
        let bound = bind(&self.options, programs).map_err(|error| EngineError::invalid(error.to_string()))?;
        let known = self.plans();
        let answers = LazyCell::new(|| self.status_own().1);
        let mut said = vec![];
        for bound in bound.iter().filter(|bound| !known.contains(&bound.plan)) {
            for number in 0..bound.plan.sources().count() {
                let Some(sample) = bound.log.sample(&bound.plan, number).filter(|sample| sample.records >= FEW) else {
                    continue;
                };
                let remarks = remarks::of_sample(&bound.plan, number, &sample);
                let is_news = |remark: &Remark| {
                    remark.column.is_none_or(|column| !answers.iter().any(|answer| has(answer, &bound.plan, column)))
                };
                said.extend(remarks.into_iter().filter(is_news).map(|remark| remarks::line(&remark.notice)));
            }
        }
        said.sort_unstable();
        said.dedup();
        Ok(said)
    }
}

/// Whether a partition has read a record with what a column of another plan is: the first records need not tell.
fn has(answer: &PartitionAnswer, plan: &Plan, column: u64) -> bool {
    let wanted = (0..plan.sources().count()).find_map(|number| {
        let (_, wanted) = plan.columns_of(number).find(|(id, _)| id.bit() == column)?;
        Some((&plan.source_at(number).name, &wanted.path))
    });
    (0..answer.plan.sources().count()).any(|number| {
        let name = &answer.plan.source_at(number).name;
        answer
            .plan
            .columns_of(number)
            .any(|(id, known)| answer.looks.columns & id.bit() != 0 && wanted == Some((name, &known.path)))
    })
}
