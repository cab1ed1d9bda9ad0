//! The logs of sources that share a key: partition `i` of all of them is one partition.
//!
//! **Invariant:** all logs have as many partitions, and producers put a key into the same one of each; the first is counted
//! here, the second is what a group of sources asks of whoever writes them.

use super::{Log, LogPartition, StartPosition};
use event_feeder::{Error, Sniffed, Source};
use std::sync::Arc;
use timeline_core::plan::Plan;

/// One log for each source of a plan, in their order.
pub struct Joined {
    logs: Vec<(String, Arc<dyn Log>)>,
}

impl Joined {
    /// Logs with the names of their sources, at least one. All of them are live or none is.
    pub fn new(logs: Vec<(String, Arc<dyn Log>)>) -> Result<Self, String> {
        if let [(first, a), rest @ ..] = &logs[..]
            && let Some((other, _)) = rest.iter().find(|(_, b)| a.is_live() != b.is_live())
        {
            return Err(format!(
                "the sources `{first}` and `{other}` share sessions: bind both to files or both to topics"
            ));
        }
        Ok(Joined { logs })
    }
}

impl Log for Joined {
    fn partitions(&self) -> Result<Vec<LogPartition>, Error> {
        let mut first: Option<(&String, Vec<LogPartition>)> = None;
        for (name, log) in &self.logs {
            let parts = log.partitions()?;
            match &first {
                None => first = Some((name, parts)),
                Some((known, own)) if own.len() != parts.len() => {
                    let (known, counts) = ((*known).clone(), [own.len(), parts.len()]);
                    return Err(Error::Counts { sources: [known, name.clone()], counts });
                }
                Some(_) => {}
            }
        }
        Ok(first.map_or_else(Vec::new, |(_, parts)| parts).into_iter().map(of_all).collect())
    }

    fn open(
        &self,
        part: &LogPartition,
        plan: &Plan,
        source: usize,
        from: Option<&StartPosition>,
    ) -> Result<Box<dyn Source>, Error> {
        let log = &self.logs[source].1;
        let own = log.partitions()?.into_iter().find(|own| own.number == part.number);
        let counts = [part.number as usize + 1, part.number as usize];
        let sources = [self.logs[0].0.clone(), self.logs[source].0.clone()];
        log.open(&own.ok_or(Error::Counts { sources, counts })?, plan, source, from)
    }

    fn check(&self, part: &LogPartition, source: usize, from: &StartPosition) -> Result<(), Error> {
        let log = &self.logs[source].1;
        let own = log.partitions()?.into_iter().find(|own| own.number == part.number);
        own.map_or(Ok(()), |own| log.check(&own, source, from))
    }

    /// Those of every log, one log after the other: each that gets more shares out its keys anew, whatever the others have.
    fn siblings(&self, part: &LogPartition) -> Option<Vec<LogPartition>> {
        let all = self.logs.iter().map(|(_, log)| log.siblings(part)).collect::<Option<Vec<_>>>()?;
        Some(all.into_iter().flatten().map(of_all).collect())
    }

    fn sample(&self, plan: &Plan, source: usize) -> Option<Sniffed> {
        self.logs[source].1.sample(plan, source)
    }

    fn misrouted(&self, part: &LogPartition) {
        self.logs.iter().for_each(|(_, log)| log.misrouted(part));
    }

    fn forget(&self, part: &LogPartition, plan: &Plan) -> Result<(), Error> {
        for (_, log) in &self.logs {
            let own = log.partitions()?.into_iter().find(|own| own.number == part.number);
            own.map_or(Ok(()), |own| log.forget(&own, plan))?;
        }
        Ok(())
    }

    fn origin(&self, part: &LogPartition, source: usize) -> String {
        let log = &self.logs[source].1;
        let own = log.partitions().ok().and_then(|all| all.into_iter().find(|own| own.number == part.number));
        log.origin(own.as_ref().unwrap_or(part), 0)
    }

    fn is_live(&self) -> bool {
        self.logs.iter().any(|(_, log)| log.is_live())
    }
}

/// A partition of one log as that of all: none of several topics is what the state is of.
fn of_all(mut part: LogPartition) -> LogPartition {
    if !part.folder.is_empty() {
        part.folder = format!("partition-{}", part.number);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::memory::MemoryPartitions;

    #[test]
    fn different_counts_of_partitions_are_refused_with_a_code() {
        let log = |name: &str, parts| (name.to_owned(), Arc::new(MemoryPartitions::new(parts)) as Arc<dyn Log>);
        let alike = Joined::new(vec![log("page", 2), log("backend", 2)]).unwrap();
        assert_eq!(alike.partitions().unwrap().len(), 2);
        let differ = Joined::new(vec![log("page", 2), log("backend", 3)]).unwrap();
        let error = differ.partitions().unwrap_err();
        assert_eq!(error.code().as_str(), "TL2130");
        assert!(error.to_string().contains("`page` has 2 partitions and `backend` 3"), "{error}");
    }
}
