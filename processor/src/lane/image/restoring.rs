//! Lanes out of images.
//!
//! **Invariant:** images are applied in the order of their epochs, and come to the same sessions and events that wait whatever
//! the number of lanes is that they go to.

use super::{
    AHEAD, CLOSED, DOING, HAS_ORDER, HAS_PART, HELD, ImageError, LIVE, RELEASED, REMOVED, SEEN, SOURCE_AT, TEXT,
};
use crate::lane::dedup::SeenEvent;
use crate::lane::reorder_buffer::BufferedEvent;
use crate::lane::session::UnfinishedStep;
use crate::lane::slab::{Slot, SlotContent};
use crate::lane::{Lane, columns, lane_of};
use arrow::array::{Array, BinaryArray, RecordBatch, StringArray, UInt8Array};
use event_feeder::{Position, key_hash};
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::incremental::codec;
use timeline_core::plan::Plan;
use timeline_core::record::Order;

/// Lanes that hold what the images of a checkpoint hold, in the order of their epochs, the first ones those of a base.
pub fn restore(plan: &Arc<Plan>, lanes: usize, images: &[RecordBatch]) -> Result<Vec<Lane<()>>, ImageError> {
    let mut all: Vec<Lane<()>> = (0..lanes).map(|_| Lane::new(Arc::clone(plan), None)).collect();
    (0..).zip(&mut all).for_each(|(number, lane)| lane.number = number);
    // What has not happened, as the last image of each lane that had any says: the image, and its row.
    let mut ahead: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
    let mut texts_of = vec![];
    let mut released = None;
    for (image, batch) in images.iter().enumerate() {
        let rows = SegmentRows::of(batch)?;
        let mut writer = None;
        let mut texts: Vec<Vec<u32>> = vec![vec![]; lanes];
        for i in 0..batch.num_rows() {
            let key = rows.keys.value(i);
            let number = lane_of(key_hash(key.as_bytes()), lanes);
            match rows.sorts.value(i) {
                TEXT => {
                    for (lane, texts) in all.iter_mut().zip(&mut texts) {
                        texts.push(lane.evaluator.dictionary_mut().intern(key));
                    }
                }
                REMOVED => all[number].forget(key),
                sort @ (LIVE | CLOSED) => {
                    let life = if sort == LIVE { SlotContent::Live } else { SlotContent::Closed };
                    all[number].load(key, life, rows.words.value(i), rows.heaps.value(i), &texts[number])?;
                }
                HELD => {}
                RELEASED => {
                    let bytes = rows.words.value(i).try_into().map_err(|_| ImageError::Held)?;
                    released = released.max(Some(Time::from_le_bytes(bytes)));
                }
                SEEN => load_seen(&mut all, rows.heaps.value(i))?,
                AHEAD if rows.heaps.value(i).is_empty() => {
                    let number = rows.words.value(i).try_into().map_err(|_| ImageError::Held)?;
                    let number = u32::from_le_bytes(number);
                    writer = Some(number);
                    ahead.insert(number, vec![]);
                }
                AHEAD | DOING => {
                    let number = writer.ok_or(ImageError::Held)?;
                    ahead.entry(number).or_default().push((image, i));
                }
                sort => return Err(ImageError::Sort(sort)),
            }
        }
        texts_of.push(texts);
    }
    if let Some(before) = released {
        all.iter_mut().filter_map(|lane| lane.held.as_mut()).for_each(|held| held.set_released(before));
    }
    // Only now is it known which held events were released later, and which keys were removed.
    for (batch, texts) in images.iter().zip(&texts_of) {
        let rows = SegmentRows::of(batch)?;
        for i in (0..batch.num_rows()).filter(|i| rows.sorts.value(*i) == HELD) {
            let key = rows.keys.value(i);
            let number = lane_of(key_hash(key.as_bytes()), lanes);
            all[number].load_held(key, rows.heaps.value(i), &texts[number], released.unwrap_or(Time::MIN))?;
        }
    }
    for (image, i) in ahead.into_values().flatten() {
        let rows = SegmentRows::of(&images[image])?;
        let key = rows.keys.value(i);
        let number = lane_of(key_hash(key.as_bytes()), lanes);
        let lane = &mut all[number];
        if rows.sorts.value(i) == DOING {
            let slot = lane.slab.find(key_hash(key.as_bytes()), key.as_bytes()).ok_or(ImageError::Doing)?;
            let doing = UnfinishedStep::from_bytes(rows.words.value(i)).ok_or(ImageError::Doing)?;
            lane.backlog.doing.push((slot, doing));
            continue;
        }
        let (event, words) = lane.waiting(key, rows.heaps.value(i), &texts_of[image][number])?;
        lane.backlog.push(event, words.into_iter());
    }
    for lane in &mut all {
        lane.look_again();
        lane.arm();
    }
    Ok(all)
}

/// The columns of a segment.
struct SegmentRows<'a> {
    sorts: &'a UInt8Array,
    keys: &'a StringArray,
    words: &'a BinaryArray,
    heaps: &'a BinaryArray,
}

impl<'a> SegmentRows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ImageError> {
        Ok(SegmentRows {
            sorts: column(batch, 0)?,
            keys: column(batch, 1)?,
            words: column(batch, 2)?,
            heaps: column(batch, 3)?,
        })
    }
}

fn load_seen(all: &mut [Lane<()>], bytes: &[u8]) -> Result<(), ImageError> {
    let (entries, rest) = bytes.as_chunks::<{ SeenEvent::BYTES }>();
    if !rest.is_empty() {
        return Err(ImageError::Seen);
    }
    let lanes = all.len();
    for seen in entries.iter().map(SeenEvent::from_bytes) {
        let lane = &mut all[lane_of(seen.hash, lanes)];
        lane.duplicates.as_mut().ok_or(ImageError::Seen)?.load(seen);
    }
    Ok(())
}

fn column<T: 'static>(batch: &RecordBatch, i: usize) -> Result<&T, ImageError> {
    let column = batch.columns().get(i).ok_or(ImageError::Columns)?;
    column.as_any().downcast_ref::<T>().ok_or(ImageError::Columns)
}

impl Lane<()> {
    /// Tables may say something else of what is to come than when the image was taken.
    fn look_again(&mut self) {
        if self.evaluator.plan().tables().is_empty() {
            return;
        }
        let slots: Vec<Slot> = self.slab.occupied().collect();
        for slot in slots {
            if self.slab.meta(slot).life == SlotContent::Live {
                self.evaluator.look_again(&mut self.slab.row(slot));
            }
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(slot) = self.slab.find(key_hash(key.as_bytes()), key.as_bytes()) {
            self.lives.change(self.slab.meta(slot).life, SlotContent::Empty);
            self.slab.remove(slot);
        }
    }

    fn load(
        &mut self,
        key: &str,
        life: SlotContent,
        words: &[u8],
        heap: &[u8],
        texts: &[u32],
    ) -> Result<(), ImageError> {
        let slot = self.slab.find_or_insert(key_hash(key.as_bytes()), key.as_bytes());
        let meta = self.slab.meta(slot);
        self.lives.change(meta.life, life);
        meta.life = life;
        let heap = codec::decode_heap(self.evaluator.layout(), heap)?;
        let row = self.slab.row(slot);
        if words.len() != row.words.len() * 8 {
            return Err(ImageError::Row(codec::Error::Length));
        }
        for (word, bytes) in row.words.iter_mut().zip(words.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
        }
        *row.heap = heap;
        let mut row = self.slab.row(slot);
        codec::renumber(self.evaluator.layout(), &mut row, texts)?;
        Ok(())
    }

    /// Loads an event that is held, unless it was released by now.
    fn load_held(&mut self, key: &str, bytes: &[u8], texts: &[u32], released: Time) -> Result<(), ImageError> {
        let time = bytes.first_chunk().ok_or(ImageError::Held)?;
        if Time::from_le_bytes(*time) < released {
            return Ok(());
        }
        let (event, words) = self.waiting(key, bytes, texts)?;
        self.held.as_mut().ok_or(ImageError::Held)?.push(event, words.into_iter());
        Ok(())
    }

    /// An event that waits, with its words; its key has a slot from now on.
    fn waiting(&mut self, key: &str, bytes: &[u8], texts: &[u32]) -> Result<(BufferedEvent, Vec<u64>), ImageError> {
        let mut words = bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().expect("chunks of eight bytes")));
        let mut next = || words.next().ok_or(ImageError::Held);
        let (time, flags, order) = (next()? as Time, next()?, next()?);
        let (file, offset) = (next()?, next()?);
        let (present, nulls) = (next()?, next()?);
        let part = if flags & HAS_PART == 0 { 0 } else { next()? };
        let mut values = vec![];
        for column in columns(present & !nulls) {
            let word = next()?;
            values.push(if self.text_columns & 1 << column == 0 || word == u64::from(u32::MAX) {
                word
            } else {
                u64::from(*texts.get(word as usize).ok_or(ImageError::Row(codec::Error::Text))?)
            });
        }
        let slot = self.slab.find_or_insert(key_hash(key.as_bytes()), key.as_bytes());
        self.slab.meta(slot).held += 1;
        let order = (flags & HAS_ORDER != 0).then(|| Order::from_bits(order));
        let position = Position { source: (flags >> SOURCE_AT) as u8, file, offset, part };
        Ok((BufferedEvent { time, order, slot, position, present, nulls, words_at: 0 }, values))
    }

    /// Sets the wheel for all sessions that were loaded.
    fn arm(&mut self) {
        for (slot, doing) in &self.backlog.doing {
            if let UnfinishedStep::Close { at, .. } = doing {
                self.wheel.push(*at, *slot);
            }
        }
        let slots: Vec<Slot> = self.slab.occupied().collect();
        for slot in slots {
            let (_, row, meta) = self.slab.parts(slot);
            let at = match meta.life {
                SlotContent::Live => self.rules.next_look(&row),
                SlotContent::Closed => Some(row.now().saturating_add(self.rules.linger)),
                SlotContent::Empty => None,
            };
            if let Some(at) = at {
                self.wheel.push(at, slot);
            }
        }
    }
}
