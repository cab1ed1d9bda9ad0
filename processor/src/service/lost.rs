//! What can be known of all partitions before anything is stored or taken over: a start that is refused changes nothing.

use super::work::{Bound, partition_options};
use super::{Options, StartError};
use crate::checkpoint::TakeFrom;
use crate::input::LogPartition;
use crate::partition;
use std::sync::Arc;

/// Looks at all partitions that can be seen now.
pub(super) fn before(options: &Options, bound: &[Bound]) -> Result<(), StartError> {
    // Whoever opens them waits for brokers, and says what is wrong.
    let of = |one| {
        let one: &Bound = one;
        one.log.partitions().unwrap_or_default().into_iter().map(move |part| (one, part))
    };
    let looks: Vec<Result<(), partition::Error>> = std::thread::scope(|scope| {
        // A bucket takes its time for each.
        let look = |(one, part): (&Bound, LogPartition)| {
            let own = partition_options(one, &part, 1, TakeFrom::Nobody, options);
            let plan = Arc::clone(&one.plan);
            scope.spawn(move || partition::before(&plan, &own))
        };
        let looking: Vec<_> = bound.iter().flat_map(of).map(look).collect();
        looking.into_iter().map(|thread| thread.join().expect("looking at a partition does not panic")).collect()
    });
    looks.into_iter().try_for_each(|look| Ok(look?))
}
