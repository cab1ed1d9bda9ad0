//! What must not matter: the order of arrival within the lateness, and what is yet to come.

use super::strategies::{cases, plans};
use proptest::prelude::*;
use timeline_core::plan::EndRule;
use timeline_core::reference::{
    LedgerReason, LogEvent, MetricSpan, NodeTimeline, ShownExtent, Timeline, accept, alerts, run, spans, timelines,
    totals, whole,
};
use timeline_core::{Plan, Time};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Accepted events that arrive in any order that makes none of them late come to the same sessions.
    #[test]
    fn arrival_within_the_lateness_does_not_matter((mut case, jitter) in (cases(), prop::collection::vec(any::<u8>(), 40))) {
        // Which of two duplicates counts is the one that came first.
        case.plan.dedup.clear();
        let accepted: Vec<LogEvent> = accept(&case.plan, &case.log).0.into_iter().cloned().collect();
        let one = run(&case.plan, &accepted, case.until);
        let lateness = |e: &LogEvent| case.plan.source_at(usize::from(e.record.source)).lateness;
        let mut other = accepted.clone();
        other.sort_by_key(|e| e.record.time + Time::from(jitter[e.record.position as usize]) % (lateness(e) + 1));
        let two = run(&case.plan, &other, case.until);
        prop_assert!(two.late.iter().all(|l| l.reason == LedgerReason::SessionClosed), "{:?}", two.late);
        prop_assert_eq!(&one, &two);
        // Taking the late ones out changes nothing either.
        prop_assert_eq!(&one.sessions, &run(&case.plan, &case.log, case.until.or(one.horizon)).sessions);
    }

    /// How the logs of two sources are mixed changes nothing: neither what is late nor what comes of the rest.
    #[test]
    fn the_mixture_of_sources_does_not_matter((case, ahead) in (cases(), prop::collection::vec(any::<bool>(), 40))) {
        let one = run(&case.plan, &case.log, case.until);
        let mut logs = vec![vec![]; case.plan.sources().count()];
        case.log.iter().rev().for_each(|event| logs[usize::from(event.record.source)].push(event.clone()));
        let mut mixed = vec![];
        for first in ahead {
            let order = if first { 0..logs.len() } else { logs.len() - 1..logs.len() };
            let next = order.into_iter().find_map(|source| logs[source].pop());
            mixed.extend(next);
        }
        logs.iter_mut().for_each(|rest| mixed.extend(rest.drain(..).rev()));
        let two = run(&case.plan, &mixed, case.until);
        prop_assert_eq!(&one, &two);
    }

    /// Where everything is repaired, late events make no difference: the answers are those of the sorted log.
    #[test]
    fn what_is_repaired_might_as_well_have_come_in_order(mut case in cases()) {
        case.plan.dedup.clear();
        let sources = std::iter::once(&mut case.plan.source).chain(&mut case.plan.joined);
        sources.for_each(|source| source.repair = Some(1_000_000));
        let mut sorted = case.log.clone();
        sorted.sort_by_key(|event| event.record.sort_key());
        let (one, two) = (run(&case.plan, &case.log, case.until), run(&case.plan, &sorted, case.until));
        prop_assert_eq!((one.horizon, &one.sessions), (two.horizon, &two.sessions));
    }

    /// A timeline up to an instant is the same whether or not the evaluator knows what happens later.
    #[test]
    fn nothing_depends_on_the_future((mut case, at) in (cases(), 0..60i64)) {
        // Without an end, so that both questions are about one session.
        case.plan.end = EndRule::default();
        let full = run(&case.plan, &case.log, None);
        for (key, session) in &full.sessions {
            let at = session.origin + at;
            let cut = run(&case.plan, &case.log, Some(at));
            let (_, early) = cut.sessions.iter().find(|(k, _)| k == key).expect("the session has begun");
            let shown = timelines(&case.plan, early, at);
            for (known, later) in shown.iter().zip(whole(&case.plan, session)) {
                match (known, &later) {
                    (Timeline::State(known), NodeTimeline::State(later)) => {
                        prop_assert_eq!(known, &later.shown(ShownExtent::Through(at)));
                    }
                    (Timeline::Number(known), NodeTimeline::Number(later)) => {
                        prop_assert_eq!(known, &later.shown(ShownExtent::Through(at)));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Rows of a session are what they are shown as: within its life, in order, without gaps or overlaps.
    #[test]
    fn rows_are_in_order(case in cases()) {
        let run = run(&case.plan, &case.log, case.until);
        let Some(horizon) = run.horizon else { return Ok(()) };
        for (_, session) in &run.sessions {
            let rows = spans(&case.plan, session, horizon);
            for pair in rows.windows(2) {
                let [a, b] = pair else { unreachable!("windows of two") };
                if (a.metric, &a.dimensions) == (b.metric, &b.dimensions) {
                    prop_assert_eq!(a.span.end, Some(b.span.start));
                }
            }
            for row in &rows {
                let closes = session.close.is_some() && rows_end(&rows, row) == row.span.end;
                let lasts = |end| row.span.start < end || (closes && row.span.start == end);
                prop_assert!(row.span.end.is_none_or(|end| lasts(end) && end <= horizon), "{:?}", row);
                prop_assert_eq!(row.span.end.is_none() && session.close.is_some(), false);
            }
            for alert in alerts(&case.plan, session, horizon) {
                prop_assert!(alert.end.is_none_or(|end| alert.start < end), "{:?}", alert);
            }
        }
    }

    /// Sessions in another order give the same totals but for the order of the rows.
    #[test]
    fn totals_do_not_depend_on_the_order_of_sessions(case in cases()) {
        let run = run(&case.plan, &case.log, case.until);
        let Some(horizon) = run.horizon else { return Ok(()) };
        let one = totals(&case.plan, run.sessions.iter().map(|s| &s.1), horizon);
        let two = totals(&case.plan, run.sessions.iter().rev().map(|s| &s.1), horizon);
        prop_assert_eq!(one.len(), two.len());
        for row in &one {
            let twin = two.iter().find(|r| r.metric == row.metric && r.group == row.group);
            let twin = twin.ok_or_else(|| TestCaseError::fail(format!("no {row:?}")))?;
            for (a, b) in row.values.iter().zip(&twin.values) {
                prop_assert!(a == b || a.compare(b) == Some(std::cmp::Ordering::Equal), "{:?} and {:?}", a, b);
            }
        }
    }

    /// The strategies make plans that the builder knows.
    #[test]
    fn random_plans_are_well_formed(plan in plans()) {
        prop_assert!(well_formed(&plan));
    }
}

fn well_formed(plan: &Plan) -> bool {
    let inputs_first = plan.iter().all(|(id, node)| node.op.inputs().iter().all(|input| *input < id));
    inputs_first && (1..=4).contains(&plan.columns.len()) && !plan.metrics.is_empty()
}

/// Where the rows of a metric's dimensions end.
fn rows_end(rows: &[MetricSpan], of: &MetricSpan) -> Option<Time> {
    let mut own = rows.iter().filter(|row| (row.metric, &row.dimensions) == (of.metric, &of.dimensions));
    own.next_back().and_then(|row| row.span.end)
}
