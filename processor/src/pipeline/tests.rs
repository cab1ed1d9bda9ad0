//! What lanes say of sessions on both sides of a gap, and of events that are far ahead of their log.

use super::Pipeline;
use crate::lane::{Lane, SessionOutput};
use crate::time_jumps::TimeJumps;
use event_feeder::{Block, Payload, Position};
use std::sync::Arc;
use timeline_core::SECOND;
use timeline_core::plan::Plan;
use timeline_dsl::{ProgramText, compile};

const PROGRAM: &str = "source s { key k  time t in s  lateness 2s  end after 10s  b: bool }
metric m = duration_where(latest(b))";

fn plan() -> Arc<Plan> {
    let programs = [ProgramText { name: "p.tl".into(), text: PROGRAM.into(), ..ProgramText::default() }];
    Arc::new(compile(&programs).plans.remove(0))
}

fn block(at: u64, events: &[(&str, i64)]) -> Block {
    let lines: String = events.iter().map(|(k, t)| format!("{{\"k\":\"{k}\",\"t\":{t},\"b\":true}}\n")).collect();
    let (start, end) = (Position::at(0, at), Position::at(0, at + lines.len() as u64));
    let (payload, origin) = (Payload::Lines(lines.into_bytes()), "test".into());
    Block { payload, start, end, origin, marks: vec![], preceding: None }
}

#[test]
fn sessions_on_both_sides_of_a_gap_are_partial_until_none_can_have_begun_in_it() {
    let plan = plan();
    for lanes in 1..=3 {
        let all = (0..lanes).map(|_| Lane::<()>::new(Arc::clone(&plan), None)).collect();
        let mut pipeline = Pipeline::start(&plan, all, &[], None);
        pipeline.feed(block(0, &[("over", 0), ("runs", 20), ("runs", 25)])).unwrap();
        pipeline.gap(0).unwrap();
        // The first event behind it is at 30, so what is missing is at 32 at the latest, and runs no longer than to 42.
        pipeline.feed(block(1000, &[("runs", 30), ("early", 42), ("late", 43), ("end", 100)])).unwrap();
        let parts = pipeline
            .call(|lane, progress| {
                let (told, _) = lane.drain();
                let (mut outcome, mut all) = (SessionOutput::default(), told.closed);
                lane.read(progress.horizon().unwrap(), &mut outcome, |session| all.push(session));
                all.extend(outcome.closed);
                all
            })
            .unwrap();
        let mut seen: Vec<(String, i64, bool)> =
            parts.concat().iter().map(|s| (s.key.to_string(), s.start / SECOND, s.partial)).collect();
        seen.sort();
        let session = |key: &str, start, partial| (key.to_owned(), start, partial);
        let expected = [
            session("early", 42, true),
            session("end", 100, false),
            session("late", 43, false),
            session("over", 0, false),
            session("runs", 20, true),
        ];
        assert_eq!(seen, expected, "{lanes} lanes");
    }
}

#[test]
fn which_event_is_far_ahead_does_not_depend_on_how_the_log_is_cut() {
    const AHEAD: i64 = 4_000_000_000;
    let plan = plan();
    // Late by the log itself are that at 5, and that at 15 whatever was ahead.
    let log = [("a", 0), ("a", 10), ("b", 5), ("c", AHEAD), ("a", 20), ("b", 21), ("a", 22), ("c", 15)];
    for lanes in 1..=3 {
        for cut in 1..=log.len() {
            let all = (0..lanes).map(|_| Lane::<()>::new(Arc::clone(&plan), None)).collect();
            let mut pipeline = Pipeline::start(&plan, all, &[], None);
            let mut at = 0;
            for part in log.chunks(cut) {
                let block = block(at, part);
                at = block.end.offset;
                pipeline.feed(block).unwrap();
            }
            let late = pipeline.call(|lane, _| lane.drain().1).unwrap().concat();
            assert_eq!(late.len(), 5, "{lanes} lanes, {cut} at once");
            let late = late.iter().map(|late| (late.position, late.time)).collect();
            let mut leaps = TimeJumps::default();
            leaps.take(pipeline.leaps().collect(), late, 2 * SECOND);
            let told = leaps.told(log.len() as u64).map(|far| {
                let before = far.leap.before.map(|before| before / SECOND);
                (far.leap.time / SECOND, before, far.leap.events, far.late)
            });
            assert_eq!(told.collect::<Vec<_>>(), [(AHEAD, Some(10), 3, 3)], "{lanes} lanes, {cut} at once");
        }
    }
}
