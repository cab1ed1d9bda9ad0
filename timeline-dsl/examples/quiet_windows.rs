//! What a window costs in which nothing happens: one session that goes on and says nothing, evaluated through a million
//! windows of the clock, without a row being written.
//!
//! ```text
//! cargo run --release -p timeline-dsl --example quiet_windows
//! ```

#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use timeline_core::incremental::{Evaluator, Event, Heap, Row, Sink};
use timeline_core::{Field, Record, SECOND, Value};
use timeline_dsl::{Program, compile};

/// Windows that pass between two looks, as a lane looks up between pieces of long work.
const AT_ONCE: i64 = 1_000;
const LOOKS: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

const PROGRAM: &str = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), sum)
";

fn main() -> Result<(), Box<dyn Error>> {
    let compiled = compile(&[Program { name: "quiet.tl".into(), text: PROGRAM.into(), ..Program::default() }]);
    let plan = compiled.plans.first().ok_or("the program is wrong")?;
    let mut evaluator = Evaluator::new(Arc::new(plan.clone()));
    let (mut words, mut heap) = (vec![0; evaluator.row_words()], Heap::default());
    let row = &mut Row { words: &mut words, heap: &mut heap };
    let (mut alerts, mut windows) = (vec![], vec![]);
    evaluator.begin(row, 0);
    let mut packed = vec![];
    let first = Record { time: 0, source: 0, order: None, position: 0, fields: vec![Field::Value(Value::Bool(true))] };
    let (present, nulls) = evaluator.pack(&first, &mut packed);
    let event = Event { time: 0, present, nulls, words: &packed };
    let mut sink = Sink { alerts: &mut alerts, windows: None, matches: None, observer: &mut () };
    evaluator.event(row, &event, &mut sink);
    evaluator.settle(row, &mut sink);

    let begun = Instant::now();
    let mut told = 0;
    for look in 1..=LOOKS {
        let mut sink = Sink { alerts: &mut alerts, windows: Some(&mut windows), matches: None, observer: &mut () };
        evaluator.advance(row, look * AT_ONCE * MINUTE, &mut sink);
        told += windows.len();
        windows.clear();
    }
    let nanoseconds = begun.elapsed().as_nanos() as f64 / told as f64;
    println!("{told} windows, {nanoseconds:.0} ns each");
    Ok(())
}
