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
use timeline_core::incremental::{EvaluationOutput, Evaluator, Heap, PackedEvent, Row};
use timeline_core::{Field, Plan, Record, SECOND, Value};
use timeline_dsl::{ProgramText, compile};

/// Windows that pass between two looks, as a lane looks up between pieces of long work.
const AT_ONCE: i64 = 1_000;
const LOOKS: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

const PROGRAM: &str = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), sum)
";

fn main() -> Result<(), Box<dyn Error>> {
    let compiled = compile(&[ProgramText { name: "quiet.tl".into(), text: PROGRAM.into(), ..ProgramText::default() }]);
    let plan = Arc::new(compiled.plans.first().ok_or("the program is wrong")?.clone());
    let evaluated = windows(&plan, false);
    let told = windows(&plan, true);
    println!("a window in which nothing happens: {evaluated:.0} ns to evaluate, {told:.0} ns with what its row says");
    Ok(())
}

/// Nanoseconds that a window takes, told or not.
fn windows(plan: &Arc<Plan>, told: bool) -> f64 {
    let mut evaluator = Evaluator::new(Arc::clone(plan));
    let (mut words, mut heap) = (vec![0; evaluator.row_words()], Heap::default());
    let row = &mut Row { words: &mut words, heap: &mut heap };
    let (mut alerts, mut windows) = (vec![], vec![]);
    let first = Record { time: 0, source: 0, order: None, position: 0, fields: vec![Field::Value(Value::Bool(true))] };
    let mut packed = vec![];
    let (present, nulls) = evaluator.pack(&first, &mut packed);
    let mut sink = EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () };
    evaluator.begin(row, 0);
    evaluator.event(row, &PackedEvent { time: 0, present, nulls, words: &packed }, &mut sink);
    evaluator.settle(row, &mut sink);
    let begun = Instant::now();
    for look in 1..=LOOKS {
        let windows = if told { Some(&mut windows) } else { None };
        let mut sink = EvaluationOutput { alerts: &mut alerts, windows, matches: None, observer: &mut () };
        evaluator.advance(row, look * AT_ONCE * MINUTE, &mut sink);
        if let Some(windows) = sink.windows {
            windows.clear();
        }
    }
    begun.elapsed().as_nanos() as f64 / (LOOKS * AT_ONCE) as f64
}
