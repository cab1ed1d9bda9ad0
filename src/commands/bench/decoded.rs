//! The other yardstick: the same query by hand over what the engine's decoder makes of the file, with 64-bit keys and as many
//! threads as the engine has. What is left between it and the engine is what generality and being durable cost.
//!
//! The keys are hashes, which two sessions may share; nothing is late, nothing is kept, and no other question can be asked.

use super::plain::{PlainPlayer, SILENCE, Sums, Viewer};
use crate::error::{Error, Result};
use event_feeder::{Batch, Block, Decoder, FileSource, Next, Payload, Slice, Source};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use timeline_core::plan::Plan;

/// Blocks that each thread decodes before sessions are looked at, so that starting threads costs next to nothing.
const BLOCKS: usize = 8;

/// A hash is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers")
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// The sessions of one thread.
struct ThreadSessions {
    number: u64,
    viewers: HashMap<u64, Viewer, BuildHasherDefault<AsItIs>>,
    cdns: Vec<Option<Vec<u8>>>,
    sums: Vec<[i128; 2]>,
    now: i64,
}

/// Where the values of the columns stand.
#[derive(Clone, Copy)]
struct ColumnPlaces {
    state: u64,
    action: u64,
    cdn: u64,
}

impl ColumnPlaces {
    fn of(plan: &Plan) -> Self {
        let bit = |name: &str| {
            let at = plan.columns.iter().position(|column| *column.name == *name);
            1 << at.expect("the benchmark's program reads the column")
        };
        ColumnPlaces { state: bit("playerState"), action: bit("userAction"), cdn: bit("cdn") }
    }
}

/// Reads the log, in order of time, and answers.
pub(super) fn run(source: &mut FileSource, plan: &Arc<Plan>, threads: usize) -> Result<Sums> {
    let columns = ColumnPlaces::of(plan);
    let mut decoders: Vec<Decoder> = (0..threads).map(|_| Decoder::new(&plan.source, &plan.columns)).collect();
    let mut lanes: Vec<ThreadSessions> = (0..threads as u64).map(ThreadSessions::new).collect();
    loop {
        let blocks = read(source, threads * BLOCKS)?;
        if blocks.is_empty() {
            break;
        }
        let mut parts = blocks.into_iter();
        let parts: Vec<Vec<Block>> = (0..threads).map(|_| parts.by_ref().take(BLOCKS).collect()).collect();
        let batches: Vec<Batch> = std::thread::scope(|scope| {
            let decode = |(decoder, part): (&'_ mut Decoder, Vec<Block>)| {
                part.into_iter().map(|block| decoder.decode(block)).collect::<Vec<_>>()
            };
            let work: Vec<_> = decoders.iter_mut().zip(parts).map(|work| scope.spawn(move || decode(work))).collect();
            work.into_iter().flat_map(|work| work.join().expect("decoding does not panic")).collect()
        });
        std::thread::scope(|scope| {
            for lane in &mut lanes {
                let batches = &batches;
                scope.spawn(move || batches.iter().for_each(|batch| lane.take(batch, columns, threads as u64)));
            }
        });
        for batch in batches {
            source.recycle(batch.bytes);
        }
    }
    let now = lanes.iter().map(|lane| lane.now).max().unwrap_or(0);
    let mut all = Sums::new();
    for lane in lanes {
        for (cdn, sum) in lane.end(now) {
            let cdn = cdn.map(|text| String::from_utf8_lossy(&text).into_owned());
            let own = all.entry(cdn).or_default();
            own.iter_mut().zip(sum).for_each(|(own, sum)| *own += sum);
        }
    }
    all.retain(|_, sum| *sum != [0; 2]);
    Ok(all)
}

fn read(source: &mut FileSource, most: usize) -> Result<Vec<Block>> {
    let mut blocks = vec![];
    while blocks.len() < most {
        match source.next().map_err(|error| Error::Unreadable(error.to_string()))? {
            Next::Block(block) if matches!(block.payload, Payload::Lines(_)) => blocks.push(block),
            _ => break,
        }
    }
    Ok(blocks)
}

impl ThreadSessions {
    fn new(number: u64) -> Self {
        ThreadSessions { number, viewers: HashMap::default(), cdns: vec![None], sums: vec![[0; 2]], now: i64::MIN }
    }

    fn take(&mut self, batch: &Batch, columns: ColumnPlaces, threads: u64) {
        for event in batch.events.iter().filter(|event| event.hash % threads == self.number) {
            let now = event.time;
            self.now = now;
            let mut values = batch.values[event.values_at as usize..].iter();
            let mut text = |bit: u64| {
                let is_there = event.present & !event.nulls & bit != 0;
                is_there.then(|| {
                    Slice::unpack(*values.next().expect("a value for every column that is there")).of(&batch.bytes)
                })
            };
            // The columns are in the order of the program's declarations.
            let (state, action, cdn) = (text(columns.state), text(columns.action), text(columns.cdn));
            let viewer = self.viewers.entry(event.hash).or_insert_with(|| Viewer::at(now));
            if now - viewer.at > SILENCE {
                viewer.settle(&mut self.sums);
                *viewer = Viewer::at(now);
            }
            viewer.pass(now);
            viewer.at = now;
            if let Some(state) = state {
                viewer.now_is(PlainPlayer::of(state));
            }
            if action == Some(b"seek") {
                viewer.seek(now);
            }
            if let Some(cdn) = cdn {
                viewer.cdn = self.cdns.iter().position(|known| known.as_deref() == Some(cdn)).unwrap_or_else(|| {
                    self.cdns.push(Some(cdn.to_vec()));
                    self.sums.push([0; 2]);
                    self.cdns.len() - 1
                });
            }
            if state == Some(b"stop")
                && let Some(viewer) = self.viewers.remove(&event.hash)
            {
                viewer.settle(&mut self.sums);
            }
        }
    }

    /// What they come to where the log ends at an instant.
    #[expect(clippy::disallowed_methods, reason = "whole numbers add up in any order")]
    fn end(mut self, now: i64) -> impl Iterator<Item = (Option<Vec<u8>>, [i128; 2])> {
        for viewer in self.viewers.values_mut() {
            if now - viewer.at <= SILENCE {
                viewer.pass(now);
            }
            viewer.settle(&mut self.sums);
        }
        self.cdns.into_iter().zip(self.sums)
    }
}
