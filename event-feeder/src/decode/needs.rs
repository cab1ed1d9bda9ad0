//! Looks in decoded events for what some record has to have ([`timeline_core::Plan::needs`]), until one has it, and for what
//! stands there instead.
//!
//! Events are gone through once more only for what no record of this decoder has had yet, which is little or nothing from the
//! first batch on; of a text the bytes of the batch are searched before.
//! It is no part of an answer: what it finds is said.

use crate::{Batch, Slice, ValueSample};
use std::borrow::Cow;
use std::collections::BTreeMap;
use timeline_core::plan::{Need, Plan, RecordNeed};
use timeline_core::{Type, Value};

/// Of how many events the values are gathered of a column whose values are asked for.
const GATHERED_MAX: u64 = 100_000;

/// The longest text that is gathered, in bytes.
const TEXT_MAX: usize = 64;

/// What no record of a decoder has had.
#[derive(Clone, Debug, Default)]
pub(crate) struct NeedSearch {
    open: Vec<OpenNeed>,
    /// All that are looked for, as a set of their bits.
    asked: u64,
    /// What columns have that are asked for values.
    known: BTreeMap<u64, Gathered>,
}

#[derive(Clone, Debug)]
struct OpenNeed {
    bit: u64,
    need: RecordNeed,
    /// Of its column, if it is of one.
    ty: Type,
}

#[derive(Clone, Debug, Default)]
struct Gathered {
    sample: ValueSample,
    events: u64,
}

impl NeedSearch {
    /// For what the records of one source have to have.
    pub(crate) fn of(plan: &Plan, source: usize) -> Self {
        let own = plan.needs().into_iter().enumerate().filter(|(_, need)| usize::from(need.source) == source);
        let open: Vec<OpenNeed> = own
            .map(|(i, need)| {
                let ty = plan.columns[need.columns.trailing_zeros() as usize].ty;
                OpenNeed { bit: 1 << i, need, ty }
            })
            .collect();
        NeedSearch { asked: open.iter().fold(0, |set, open| set | open.bit), open, ..NeedSearch::default() }
    }

    /// Takes note in a batch of what its records have.
    pub(crate) fn look(&mut self, batch: &mut Batch) {
        batch.seen.asked = self.asked;
        if self.open.is_empty() || batch.events.is_empty() {
            return;
        }
        let mut met = 0;
        self.open.retain(|open| {
            let is_met = open.is_met(batch);
            met |= if is_met { open.bit } else { 0 };
            !is_met
        });
        batch.seen.met = met;
        // Several needs may be of one column.
        let mut gathered = 0;
        for open in self.open.iter().filter(|open| !matches!(open.need.what, Need::Together)) {
            let column = open.need.columns;
            if gathered & column == 0
                && let Some(sample) = self.known.entry(column).or_default().gather(open, batch)
            {
                batch.seen.samples.insert(column, sample);
            }
            gathered |= column;
        }
    }
}

impl OpenNeed {
    fn is_met(&self, batch: &Batch) -> bool {
        match (&self.need.what, self.ty) {
            (Need::Together, _) => {
                let columns = self.need.columns;
                batch.events.iter().any(|event| event.present & !event.nulls & columns == columns)
            }
            (Need::Text(text), _) => {
                let text = text.as_bytes();
                memchr::memmem::find(&batch.bytes, text).is_some()
                    && words(batch, self.need.columns).any(|word| Slice::unpack(word).of(&batch.bytes) == text)
            }
            (Need::Row(table), Type::String) => words(batch, self.need.columns).any(|word| {
                let text = Slice::unpack(word).of(&batch.bytes);
                table.has_first(|known| match known {
                    Value::Str(known) => known.as_bytes().cmp(text),
                    other => other.ty().cmp(&Type::String),
                })
            }),
            (Need::Row(table), _) => words(batch, self.need.columns).any(|word| {
                let value = Value::Int(word as i64);
                table.has_first(|known| known.cmp(&value))
            }),
        }
    }

    /// A value of its column as people write it; nothing of one that is too long.
    fn shown<'b>(&self, word: u64, batch: &'b Batch) -> Option<Cow<'b, str>> {
        if self.ty == Type::Int {
            return Some(Cow::Owned((word as i64).to_string()));
        }
        let slice = Slice::unpack(word);
        ((slice.len as usize) <= TEXT_MAX).then(|| Cow::Borrowed(batch.text(slice)))
    }
}

impl Gathered {
    /// Which values a batch has that were not seen yet, if it has any; how many there may be is bounded.
    fn gather(&mut self, open: &OpenNeed, batch: &Batch) -> Option<ValueSample> {
        let was_all = !self.sample.more;
        let mut news = ValueSample::default();
        let mut last = None;
        for word in words(batch, open.need.columns).take_while(|_| was_all) {
            self.events += 1;
            // States mostly stay as they are.
            if last == Some(word) {
                continue;
            }
            last = Some(word);
            match open.shown(word, batch).filter(|_| self.events <= GATHERED_MAX) {
                Some(text) if self.sample.texts.contains(&*text) => {}
                Some(text) if self.sample.texts.len() < ValueSample::MAX => {
                    self.sample.texts.insert(Box::from(&*text));
                    news.texts.insert(Box::from(&*text));
                }
                Some(_) | None => {
                    self.sample.more = true;
                    break;
                }
            }
        }
        news.more = self.sample.more;
        (!news.texts.is_empty() || was_all && news.more).then_some(news)
    }
}

/// The values of a column in a batch.
fn words(batch: &Batch, column: u64) -> impl Iterator<Item = u64> + '_ {
    batch.events.iter().filter_map(move |event| {
        let there = event.present & !event.nulls;
        let before = (there & (column - 1)).count_ones() as usize;
        (there & column != 0).then(|| batch.values[event.values_at as usize + before])
    })
}
