//! What is told of alerts while sessions go on, against the alerts that the reference has at the end of the log.
//!
//! Looks come now and then, in any number of lanes; whatever is told must be so in the end, once, and nothing that is final
//! may be missing.

use super::{batches, config, note, strategies, without_negative_zeros};
use processor::lane::{Lane, YieldAfter, lane_of};
use processor::outputs::alert_changes::{AlertChanges, Windows};
use processor::records::{AlertRow, LiveAlerts};
use processor::watermark::{IdleAdvances, PartitionProgress, Watermarks};
use proptest::prelude::*;
use std::sync::Arc;
use strategies::Case;
use timeline_core::{Time, reference};

type Told = (String, usize, Time, Option<Time>);

/// What was told by the end, where the last look was just before the instant.
fn told(
    case: &Case,
    (cuts, mix): (&[usize], &[bool]),
    lanes: usize,
    (looks, yield_after): (u8, YieldAfter),
) -> (AlertChanges, Time) {
    let plan = Arc::new(case.plan.clone());
    let mut all: Vec<Lane> = (0..lanes).map(|_| Lane::new(Arc::clone(&plan), None)).collect();
    let mut progress = PartitionProgress::nothing(&plan, None);
    let mut windows = Windows::new(&plan, &Default::default());
    let (mut facts, mut frontier) = (AlertChanges::default(), Time::MIN);
    let batches = batches(case, cuts, mix);
    for (round, batch) in batches.iter().enumerate() {
        let (before, after) = note(&mut progress, batch);
        for (number, lane) in all.iter_mut().enumerate() {
            let of = |i: &u32| lane_of(batch.events[*i as usize].hash, lanes) == number;
            let mine: Vec<u32> = (0..batch.events.len() as u32).filter(of).collect();
            lane.take(batch, &mine, &Watermarks { before, after, silences: &IdleAdvances::default() });
            windows.told(&lane.drain().0.alerts, &mut facts);
        }
        if round + 1 == batches.len() || looks >> (round % 8) & 1 == 1 {
            frontier = all[0].frontier(after);
            for lane in &mut all {
                assert_eq!(lane.frontier(after), frontier, "all lanes have one frontier");
                let (mut looking, mut look) = (lane.to_scan_alerts(), LiveAlerts::default());
                while !lane.scan_alerts(&mut looking, frontier, &mut look, yield_after) {}
                windows.seen(&look, frontier, &mut facts);
            }
            windows.advance(frontier);
            // As a restart finds them.
            windows = Windows::new(&plan, &windows.marks());
        }
    }
    (facts, frontier)
}

/// Each by itself: beginnings without their ends, and ends.
fn both(rows: impl Iterator<Item = Told>) -> Vec<(Told, Time)> {
    let facts = rows.flat_map(|(key, alert, start, end)| {
        let ended = end.map(|at| ((key.clone(), alert, start, end), at));
        [Some(((key, alert, start, None), start)), ended].into_iter().flatten()
    });
    let mut facts: Vec<(Told, Time)> = facts.collect();
    facts.sort();
    facts
}

fn row(row: &AlertRow) -> Told {
    (row.key.to_string(), row.alert, row.start, row.end)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn alerts_are_told_once_and_for_good(
        case in strategies::cases(),
        cuts in prop::collection::vec(0usize..64, 0..8),
        mix in prop::collection::vec(any::<bool>(), 0..8),
        lanes in 1usize..4,
        looks in any::<u8>(),
        steps in 0u64..4,
    ) {
        let case = without_negative_zeros(Case { until: None, ..case });
        let run = reference::run(&case.plan, &case.log, None);
        prop_assume!(run.horizon.is_some());
        let horizon = run.horizon.expect("it was looked at");
        let known = both(run.sessions.iter().flat_map(|(key, session)| {
            let rows = reference::alerts(&case.plan, session, horizon);
            rows.into_iter().map(|row| (key.to_string(), row.alert, row.start, row.end)).collect::<Vec<_>>()
        }));
        let (facts, frontier) = told(&case, (&cuts, &mix), lanes, (looks, if steps == 0 { YieldAfter::Never } else { YieldAfter::Steps(steps) }));
        let mut told: Vec<(Told, Time)> = facts.began.iter().map(row).map(|row| (row.clone(), row.2)).collect();
        told.extend(facts.ended.iter().map(row).map(|row| (row.clone(), row.3.expect("it ended"))));
        told.sort();
        let final_ones: Vec<_> = known.iter().filter(|(_, at)| *at < frontier).collect();
        let told_of_them: Vec<_> = told.iter().filter(|(_, at)| *at < frontier).collect();
        prop_assert_eq!(told_of_them, final_ones, "before the frontier {} everything is told", frontier);
        let mut rest = known.clone();
        for fact in &told {
            let at = rest.iter().position(|known| known == fact);
            prop_assert!(at.is_some(), "{:?} was told, and is not so or not so often: {:?}", fact, known);
            rest.remove(at.expect("it was looked at"));
        }
    }
}
