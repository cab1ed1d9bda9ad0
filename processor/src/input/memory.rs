//! A log of several partitions in memory, for tests: lines of JSON that are there from the start or come later.

use super::{Log, LogPartition, StartPosition};
use event_feeder::file::FileTable;
use event_feeder::{Block, Error, Mark, Next, Notice, Payload, Position, Source, Target};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use timeline_core::plan::Plan;

/// The bytes of each partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryPartitions {
    parts: Vec<Arc<Mutex<Vec<u8>>>>,
    /// Up to where each partition was let go of.
    pub(crate) let_go: Arc<Mutex<Vec<Position>>>,
    /// The same for each plan, as each has a subscription of its own: what all have let go of is gone.
    gone: Arc<Mutex<Subscriptions>>,
    /// The plans and partitions that were forgotten.
    pub(crate) forgotten: Arc<Mutex<Vec<(String, u32)>>>,
}

type Subscriptions = BTreeMap<(usize, String), Position>;

impl MemoryPartitions {
    pub(crate) fn new(parts: usize) -> Self {
        let let_go = Arc::new(Mutex::new(vec![Position::START; parts]));
        MemoryPartitions {
            parts: (0..parts).map(|_| Arc::default()).collect(),
            let_go,
            gone: Arc::default(),
            forgotten: Arc::default(),
        }
    }

    /// Appends a line to a partition.
    pub(crate) fn write(&self, part: usize, line: &str) {
        let mut bytes = self.parts[part].lock().expect("no test panics while it writes");
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
}

impl Log for MemoryPartitions {
    fn partitions(&self) -> Result<Vec<LogPartition>, Error> {
        let part = |number| LogPartition { number, folder: format!("part-{number}"), name: format!("memory {number}") };
        Ok((0..self.parts.len() as u32).map(part).collect())
    }

    fn open(
        &self,
        part: &LogPartition,
        plan: &Plan,
        source: usize,
        from: Option<&StartPosition>,
    ) -> Result<Box<dyn Source>, Error> {
        let (number, let_go) = (part.number as usize, Arc::clone(&self.let_go));
        let own = (number, format!("{} {source}", plan.name()));
        let gone = {
            let mut all = self.gone.lock().expect("no test panics while it reads");
            let of_all = all.iter().filter(|((part, _), _)| *part == number).map(|(_, gone)| *gone).min();
            *all.entry(own.clone()).or_insert(of_all.unwrap_or(Position::START))
        };
        let subscription = (own, Arc::clone(&self.gone));
        let at = from.map_or(Position::START, |from| from.position).max(gone);
        Ok(Box::new(MemorySource {
            bytes: Arc::clone(&self.parts[number]),
            at,
            files: vec![],
            number,
            let_go,
            subscription,
        }))
    }

    fn forget(&self, part: &LogPartition, plan: &Plan) -> Result<(), Error> {
        let is_of = |name: &str| name.split(' ').next() == Some(&plan.name());
        let mut gone = self.gone.lock().expect("no test panics while it writes");
        gone.retain(|(number, name), _| *number != part.number as usize || !is_of(name));
        self.forgotten.lock().expect("no test panics while it writes").push((plan.name(), part.number));
        Ok(())
    }

    fn is_live(&self) -> bool {
        true
    }
}

struct MemorySource {
    bytes: Arc<Mutex<Vec<u8>>>,
    at: Position,
    files: FileTable,
    number: usize,
    let_go: Arc<Mutex<Vec<Position>>>,
    subscription: ((usize, String), Arc<Mutex<Subscriptions>>),
}

impl Source for MemorySource {
    fn next(&mut self) -> Result<Next, Error> {
        let bytes = self.bytes.lock().expect("no test panics while it writes");
        let rest = &bytes[self.at.offset as usize..];
        // A few lines at a time, so that there are several blocks.
        let end = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(i, _)| i + 1).take(3).last();
        let Some(end) = end else { return Ok(Next::Idle { drained: true }) };
        let start = self.at;
        self.at = start.plus(end as u64);
        let lines = rest[..end].to_vec();
        let begins = std::iter::once(0).chain((1..end).filter(|i| lines[i - 1] == b'\n'));
        let mark = |i: usize| Mark { at: i as u32, position: start.plus(i as u64), received: None, key: None };
        let marks = begins.map(mark).collect();
        Ok(Next::Block(Block {
            payload: Payload::Lines(lines),
            start,
            end: self.at,
            origin: format!("memory {}", self.number).into(),
            marks,
            preceding: None,
        }))
    }

    fn caught_up_target(&mut self) -> Result<Target, Error> {
        let length = self.bytes.lock().expect("no test panics while it writes").len();
        Ok(Target::At(Position::at(0, length as u64)))
    }

    fn files(&self) -> &FileTable {
        &self.files
    }

    fn notices(&mut self) -> Vec<Notice> {
        vec![]
    }

    fn recycle(&mut self, _: Vec<u8>) {}

    fn committed(&mut self, position: Position) {
        assert!(position <= self.at, "only what was read is let go of");
        let mut let_go = self.let_go.lock().expect("no test panics while it writes");
        let_go[self.number] = let_go[self.number].max(position);
        let (own, gone) = &self.subscription;
        let mut gone = gone.lock().expect("no test panics while it writes");
        let of_own = gone.entry(own.clone()).or_insert(position);
        *of_own = position.max(*of_own);
    }
}
