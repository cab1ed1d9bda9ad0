//! What a feed hands out: in which order, and for whom it waits.

use super::{Feed, FeedItem};
use event_feeder::file::FileTable;
use event_feeder::{Block, Error, Next, Notice, Payload, Position, Source, Target};
use std::collections::VecDeque;
use timeline_core::plan::Plan;

/// Says what it was told to say, and then that it has nothing, or ends.
struct Script(VecDeque<Next>, FileTable, bool);

fn script(blocks: usize, then: Option<bool>) -> Box<dyn Source> {
    let block = |i: usize| {
        let (start, end) = (Position::at(0, i as u64), Position::at(0, i as u64 + 1));
        let (payload, origin) = (Payload::Lines(vec![]), "script".into());
        Next::Block(Block { payload, start, end, origin, marks: vec![], preceding: None })
    };
    let idle = then.map(|drained| Next::Idle { drained });
    Box::new(Script((0..blocks).map(block).chain(idle).collect(), FileTable::default(), then.is_none()))
}

impl Source for Script {
    fn next(&mut self) -> Result<Next, Error> {
        Ok(self.0.pop_front().unwrap_or(if self.2 { Next::End } else { Next::Idle { drained: true } }))
    }
    fn caught_up_target(&mut self) -> Result<Target, Error> {
        Ok(Target::At(Position::START))
    }
    fn files(&self) -> &FileTable {
        &self.1
    }
    fn notices(&mut self) -> Vec<Notice> {
        vec![]
    }
    fn recycle(&mut self, _: Vec<u8>) {}
}

fn plan() -> Plan {
    plan_of(
        "source a { key k  time t in s  lateness 5s  x: bool }\nsource b { key k  time t in s  y: bool }\n\
         metric m = duration_where(latest(x) && latest(y))",
    )
}

fn plan_of(text: &str) -> Plan {
    let program =
        timeline_dsl::ProgramText { name: "p".into(), text: text.into(), ..timeline_dsl::ProgramText::default() };
    let mut compilation = timeline_dsl::compile(&[program]);
    assert!(compilation.is_ok(), "{:?}", compilation.diagnostics);
    assert_eq!(compilation.plans.len(), 1);
    compilation.plans.remove(0)
}

fn next(feed: &mut Feed) -> String {
    match feed.read().unwrap() {
        FeedItem::Block(block) => format!("{} of {}", block.start.offset, block.start.source),
        FeedItem::Gap(source, gap) => format!("{gap} of {source}"),
        FeedItem::Ended(source) => format!("{source} ended"),
        FeedItem::Idle => "idle".into(),
        FeedItem::Waits(source) => format!("{source} is waited for"),
        FeedItem::End => "end".into(),
    }
}

#[test]
fn the_source_that_is_behind_is_read() {
    let mut feed = Feed::new(&plan(), vec![script(3, None), script(2, None)], false);
    assert_eq!(next(&mut feed), "0 of 0");
    feed.reached(0, Some(10));
    assert_eq!(next(&mut feed), "0 of 1");
    // Its lateness counts: 10 - 5 is behind 7.
    feed.reached(1, Some(5_000_000_007));
    assert_eq!(next(&mut feed), "1 of 0");
    feed.reached(0, Some(60_000_000_000));
    assert_eq!(
        [next(&mut feed), next(&mut feed), next(&mut feed), next(&mut feed)],
        ["1 of 1", "1 ended", "2 of 0", "end"]
    );
}

#[test]
fn a_live_source_that_is_out_of_reach_is_waited_for_and_a_drained_one_is_not() {
    let mut feed = Feed::new(&plan(), vec![script(0, Some(false)), script(1, Some(true))], true);
    assert_eq!(next(&mut feed), "idle");
    assert!(!feed.is_drained(0) && !feed.is_drained(1));
    // From now on it is known to be drained.
    assert_eq!(next(&mut feed), "0 of 1");
    assert!(feed.is_drained(0) && !feed.is_drained(1));
    feed.passed(0, 99);
    assert_eq!(next(&mut feed), "idle");
    assert!(feed.is_drained(1));
}

#[test]
fn nothing_is_read_ahead_while_paused() {
    let mut feed = Feed::new(&plan(), vec![script(2, Some(true)), script(9, Some(true))], false);
    feed.pause(true);
    // What is behind is read all the same.
    assert_eq!(next(&mut feed), "0 of 0");
    feed.reached(0, Some(60_000_000_000));
    assert_eq!(next(&mut feed), "0 of 1");
    feed.reached(1, Some(90_000_000_000));
    assert_eq!([next(&mut feed), next(&mut feed)], ["1 of 0", "0 is waited for"]);
    feed.pause(false);
    assert_eq!(next(&mut feed), "1 of 1");
}

#[test]
fn a_source_that_is_not_asked_is_not_known_to_be_drained() {
    let mut feed = Feed::new(&plan(), vec![script(3, Some(true)), script(0, Some(true))], true);
    assert_eq!(next(&mut feed), "0 of 0");
    feed.reached(0, Some(10_000_000_000));
    assert_eq!(next(&mut feed), "1 of 0");
    assert!(feed.is_drained(1));
    feed.passed(1, 99_000_000_000);
    assert_eq!(next(&mut feed), "2 of 0");
    assert!(!feed.is_drained(1), "its backlog would be taken for silence");
    assert_eq!(next(&mut feed), "idle");
    assert!(feed.is_drained(0) && feed.is_drained(1));
}

#[test]
fn every_block_says_what_precedes_it() {
    let text = "source s { key k  time t as \"%Y-%m-%d %H:%M\" in \"Europe/Berlin\"  x: bool }\nmetric m = count(x)";
    let plan = plan_of(text);
    // The night in which 02:00 to 03:00 comes twice, in two files.
    let blocks = || -> Box<dyn Source> {
        let all = [(0, 0, &["02:30", "02:45"][..]), (0, 100, &["02:10", "02:50"][..]), (1, 0, &["02:40"][..])];
        let block = |(file, offset, times): (u64, u64, &[&str])| {
            let line = |time: &&str| format!("{{\"k\":\"a\",\"t\":\"2024-10-27 {time}\",\"x\":true}}\n");
            let (start, end) = (Position::at(file, offset), Position::at(file, offset + 100));
            let payload = Payload::Lines(times.iter().map(line).collect::<String>().into_bytes());
            Next::Block(Block { payload, start, end, origin: "script".into(), marks: vec![], preceding: None })
        };
        Box::new(Script(all.into_iter().map(block).collect(), FileTable::default(), true))
    };
    // 00:00 of that day in UTC, in minutes.
    let midnight = 1_729_987_200 / 60;
    let minutes = |time: Option<i64>| time.map(|time| time / 60_000_000_000 - midnight);
    let read = |mut feed: Feed| {
        let mut all = vec![];
        while let FeedItem::Block(block) = feed.read().unwrap() {
            all.push(minutes(block.preceding));
        }
        (all, minutes(feed.preceding(0)))
    };
    assert_eq!(read(Feed::new(&plan, vec![blocks()], false)), (vec![None, Some(45), None], Some(40)));
    let mut cut = Feed::new(&plan, vec![blocks()], false);
    cut.hand_out(1);
    assert_eq!(read(cut), (vec![None, Some(30), Some(45), Some(70), None], Some(40)));
    let mut later = Feed::new(&plan, vec![blocks()], false);
    later.go_on(0, Position::at(0, 0), Some((midnight + 50) * 60_000_000_000));
    // 02:30 and 02:45 are of the second hour then, and 02:10 is behind both.
    later.hand_out(1);
    assert_eq!(read(later), (vec![Some(50), Some(90), Some(105), Some(10), None], Some(40)));
}
