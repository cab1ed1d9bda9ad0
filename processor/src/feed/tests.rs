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
        Next::Block(Block { payload: Payload::Lines(vec![]), start, end, origin: "script".into(), marks: vec![] })
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
    let text = "source a { key k  time t in s  lateness 5s  x: bool }\nsource b { key k  time t in s  y: bool }\n\
                metric m = duration_where(latest(x) && latest(y))";
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
