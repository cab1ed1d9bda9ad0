//! What came of a test's events, as the rows that `eval` shows.
//!
//! Twice: at one go, which also tells spans; and record by record on lanes that are restored from their images each time.

use super::events::TestRecords;
use super::expect::{ExpectedRow, ExpectedTime};
use super::file::About;
use super::program::CompiledProgram;
use crate::error::{Error, Result};
use crate::output::{self, OutputFormat};
use arrow::array::RecordBatch;
use event_feeder::file::FileTable;
use event_feeder::{Block, DeadLetter, Next, Notice, Payload, Position, Source, Target};
use processor::batch::{self, Evaluation, Options};
use processor::rows::{self, AlertColumns};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What came out.
pub(super) struct EvaluatedRows {
    pub(super) finals: Vec<ExpectedRow>,
    pub(super) totals: Vec<ExpectedRow>,
    pub(super) alerts: Vec<ExpectedRow>,
    /// Under the names of their metrics; absent spans are left out.
    pub(super) spans: Vec<ExpectedRow>,
    pub(super) late: usize,
    pub(super) dead: Vec<DeadLetter>,
    /// Where sessions begin and end: `(session, start, end)`.
    pub(super) sessions: Vec<(String, Time, Option<Time>)>,
    /// The last instant that any plan was read at.
    pub(super) horizon: Option<Time>,
    /// What the second way said otherwise; empty if nothing.
    pub(super) differs: String,
}

/// Evaluates both ways.
pub(super) fn both(compiled: &CompiledProgram, input: &TestRecords) -> Result<EvaluatedRows> {
    let whole = one(compiled, input, |plan, log, until| {
        let source =
            |log: &Vec<String>| TextLog::new([log.iter().map(|record| format!("{record}\n")).collect::<String>()]);
        let sources = log.iter().map(|log| Box::new(source(log)) as Box<dyn Source>).collect();
        Ok(batch::evaluate(plan, sources, &Options { threads: 1, until, spans: true, ..Options::default() })?)
    })?;
    let pieces = one(compiled, input, |plan, log, until| {
        let source = |log: &Vec<String>| TextLog::new(log.iter().map(|record| format!("{record}\n")));
        let sources = log.iter().map(|log| Box::new(source(log)) as Box<dyn Source>).collect();
        Ok(batch::evaluate_restored(plan, sources, &Options { threads: 2, until, ..Options::default() })?)
    })?;
    let mut answer = answer(compiled, &whole)?;
    let other = self::answer(compiled, &pieces)?;
    let mut differs = String::new();
    for (about, whole, pieces) in [
        (About::Finals, &answer.finals, &other.finals),
        (About::Totals, &answer.totals, &other.totals),
        (About::Alerts, &answer.alerts, &other.alerts),
    ] {
        let only = |rows: &[ExpectedRow], others: &[ExpectedRow], sign: char| {
            let own = rows.iter().filter(|row| !others.contains(row));
            own.map(|row| format!("    {sign} {}\n", row.text(about))).collect::<String>()
        };
        differs.push_str(&only(whole, pieces, '-'));
        differs.push_str(&only(pieces, whole, '+'));
    }
    if (answer.late, answer.dead.len()) != (other.late, other.dead.len()) {
        differs.push_str("    other late events or dead letters\n");
    }
    answer.differs = differs;
    Ok(answer)
}

fn one(
    compiled: &CompiledProgram,
    input: &TestRecords,
    evaluate: impl Fn(&Arc<Plan>, &[Vec<String>], Option<Time>) -> anyhow::Result<Evaluation>,
) -> Result<Vec<Evaluation>> {
    let each = compiled.plans.iter().zip(&input.logs);
    each.map(|(plan, log)| evaluate(plan, log, input.until).map_err(Error::Other)).collect()
}

fn answer(compiled: &CompiledProgram, evaluations: &[Evaluation]) -> Result<EvaluatedRows> {
    let both = || compiled.plans.iter().map(Arc::as_ref).zip(evaluations);
    let finals = rows::finals(&both().map(|(plan, e)| (plan, &e.sessions[..])).collect::<Vec<_>>());
    let totals = rows::totals(&both().map(|(plan, e)| (plan, &e.totals)).collect::<Vec<_>>());
    let alerts = rows::alerts(&both().map(|(plan, e)| (plan, &e.alerts[..])).collect::<Vec<_>>(), AlertColumns::Named);
    let spans = rows::spans(&both().map(|(plan, e)| (plan, &e.spans[..])).collect::<Vec<_>>());
    let whole = evaluations.iter().flat_map(|e| &e.sessions).filter(|session| session.is_whole());
    let mut sessions: Vec<_> = whole.map(|s| (s.key.to_string(), s.start, s.end)).collect();
    sessions.sort();
    Ok(EvaluatedRows {
        finals: objects(&finals)?.into_iter().map(|row| of_final(compiled, row)).collect(),
        totals: objects(&totals)?.into_iter().map(|row| of_total(compiled, row)).collect(),
        alerts: objects(&alerts)?.into_iter().map(of_alert).collect(),
        spans: objects(&spans)?.into_iter().filter_map(|row| of_span(compiled, row)).collect(),
        late: evaluations.iter().map(|e| e.late.len()).sum(),
        dead: evaluations.iter().flat_map(|e| e.dead.clone()).collect(),
        sessions,
        horizon: evaluations.iter().filter_map(|e| e.horizon).max(),
        differs: String::new(),
    })
}

/// Values as they are written: a duration keeps all its digits.
type JsonObject = BTreeMap<String, Box<RawValue>>;

/// The rows as `eval --format jsonl` writes them.
fn objects(batch: &RecordBatch) -> Result<Vec<JsonObject>> {
    let mut lines = vec![];
    output::write(OutputFormat::Jsonl, &batch.schema(), std::iter::once(Ok(batch.clone())), true, &mut lines)?;
    let rows = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice);
    rows.collect::<Result<_, _>>().map_err(|e| Error::Other(e.into()))
}

fn text(row: &JsonObject, column: &str) -> Option<String> {
    match row.get(column)?.get() {
        "null" => None,
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        other => Some(other.to_owned()),
    }
}

fn time(row: &JsonObject, column: &str) -> Option<Time> {
    row.get(column)?.get().parse().ok()
}

fn span(row: &JsonObject) -> ExpectedTime {
    ExpectedTime::Span(time(row, "start_ns").unwrap_or(Time::MIN), time(row, "end_ns"))
}

fn dimensions(compiled: &CompiledProgram, name: &str, row: &JsonObject) -> Vec<Option<String>> {
    let names = compiled.metric(name).map(|(_, metric)| metric.dimensions.as_slice()).unwrap_or_default();
    names.iter().map(|dimension| text(row, dimension)).collect()
}

fn plain(row: &JsonObject) -> (String, String) {
    (String::new(), text(row, "value").unwrap_or_else(|| "absent".into()))
}

fn of_final(compiled: &CompiledProgram, row: JsonObject) -> ExpectedRow {
    let name = text(&row, "metric").unwrap_or_default();
    ExpectedRow {
        session: text(&row, "session").unwrap_or_default(),
        group: dimensions(compiled, &name, &row),
        at: ExpectedTime::End,
        cells: vec![plain(&row)],
        name,
    }
}

fn of_total(compiled: &CompiledProgram, row: JsonObject) -> ExpectedRow {
    let name = text(&row, "metric").unwrap_or_default();
    let aggregate = compiled.metric(&name).and_then(|(_, metric)| metric.aggregate.as_ref());
    let groups: Vec<&str> =
        aggregate.map(|a| a.group_by.iter().map(|key| key.name.as_str()).collect()).unwrap_or_default();
    let group = groups.iter().map(|group| text(&row, group)).collect();
    let is_function = |column: &String| column != "metric" && column != "closed" && !groups.contains(&column.as_str());
    let cells = row.keys().filter(|column| is_function(column));
    let cells = cells.filter_map(|column| Some((column.clone(), text(&row, column)?))).collect();
    ExpectedRow { session: String::new(), name, group, at: ExpectedTime::End, cells }
}

fn of_alert(row: JsonObject) -> ExpectedRow {
    let named = |column| text(&row, column).unwrap_or_default();
    ExpectedRow { session: named("session"), name: named("alert"), group: vec![], at: span(&row), cells: vec![] }
}

/// A span with its value and slope; a ratio has a numerator and a denominator with theirs instead. None where it is absent.
fn of_span(compiled: &CompiledProgram, row: JsonObject) -> Option<ExpectedRow> {
    let name = text(&row, "metric")?;
    let mut cells = vec![];
    match text(&row, "value") {
        Some(value) => {
            cells.push((String::new(), value));
            cells.push(("slope".to_owned(), text(&row, "slope").unwrap_or_else(|| "0".into())));
        }
        None => {
            for column in ["numerator", "numerator_slope", "denominator", "denominator_slope"] {
                cells.push((column.to_owned(), text(&row, column)?));
            }
        }
    }
    Some(ExpectedRow {
        session: text(&row, "session")?,
        group: dimensions(compiled, &name, &row),
        at: span(&row),
        cells,
        name,
    })
}

/// A log in memory: each text is a block of whole lines.
struct TextLog {
    blocks: VecDeque<String>,
    at: Position,
    files: FileTable,
}

impl TextLog {
    fn new(blocks: impl IntoIterator<Item = String>) -> Self {
        TextLog { blocks: blocks.into_iter().collect(), at: Position::START, files: FileTable::default() }
    }
}

impl Source for TextLog {
    fn next(&mut self) -> Result<Next, event_feeder::Error> {
        let Some(block) = self.blocks.pop_front() else { return Ok(Next::End) };
        let (start, end) = (self.at, self.at.plus(block.len() as u64));
        self.at = end;
        let payload = Payload::Lines(block.into_bytes());
        let (origin, marks) = ("the test".into(), vec![]);
        Ok(Next::Block(Block { payload, start, end, origin, marks, preceding: None }))
    }

    fn caught_up_target(&mut self) -> Result<Target, event_feeder::Error> {
        Ok(Target::At(self.at.plus(self.blocks.iter().map(|block| block.len() as u64).sum())))
    }

    fn files(&self) -> &FileTable {
        &self.files
    }

    fn notices(&mut self) -> Vec<Notice> {
        vec![]
    }

    fn recycle(&mut self, _: Vec<u8>) {}
}
