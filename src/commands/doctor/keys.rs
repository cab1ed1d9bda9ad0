//! Whether sessions are in one partition each: looked at by the key that the program names, whatever keys messages have.
//!
//! A program whose key is another column than its topic is keyed by reads parts of sessions in several partitions, each as a
//! session of its own, and nothing that a partition sees by itself shows it.

use super::{Findings, Keys};
use crate::commands::program;
use crate::error::Result;
use event_feeder::{Block, Decoder, RecordCode};
use processor::checkpoint::{Error as StoreError, ProgramStore, StateLocation};
use processor::code::StateCode;
use processor::damage::help;
use processor::programs::{DeployedPrograms, LoadError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use timeline_core::plan::{FieldPath, Plan, SourceDefinition};
use timeline_dsl::Defaults;

/// How many keys are shown that are in several partitions.
const SHOWN: usize = 5;
/// What tells all of them.
const ALL_APART: &str = "`SELECT session FROM sessions GROUP BY session HAVING count(DISTINCT partition) > 1`";

/// What reads: the plans of some programs, and of those that a state has deployed.
pub(super) fn plans(programs: &[PathBuf], state: &StateLocation, findings: &mut Findings) -> Result<Vec<Plan>> {
    let mut all = vec![];
    let mut add = |plan: &Plan| {
        if !all.contains(plan) {
            all.push(plan.clone());
        }
    };
    for path in programs {
        let program = program::from_file(path)?;
        let compilation = program::compilation(&program, &Defaults::default());
        program::plans(&program, compilation)?.iter().for_each(&mut add);
    }
    let store = ProgramStore::of(state, "doctor");
    match DeployedPrograms::load(&store) {
        Ok(programs) => {
            programs.said().into_iter().for_each(|said| findings.unknown(&said));
            match programs.plans() {
                Ok(plans) => plans.iter().for_each(|(_, plan)| add(plan)),
                Err(_) => findings.unknown("the programs of the state do not compile with this version"),
            }
        }
        Err(LoadError::Store(ref error @ StoreError::NoVersion { ref object })) => {
            findings.fault(&error.to_string(), &help(StateCode::NoVersion, object));
        }
        Err(error) => findings.fault(
            &format!("the deployed programs cannot be read: {error}"),
            "put the objects of programs/ back from a copy",
        ),
    }
    Ok(all)
}

/// The sources of some plans.
pub(super) fn declared(plans: &[Plan]) -> Vec<SourceDefinition> {
    let mut all: Vec<SourceDefinition> = vec![];
    for source in plans.iter().flat_map(Plan::sources) {
        if !all.contains(source) {
            all.push(source.clone());
        }
    }
    all
}

/// The source that a topic is bound to: the one of that name, or the only one.
pub(super) fn of_source<'a>(declared: &'a [SourceDefinition], name: Option<&str>) -> Option<&'a SourceDefinition> {
    match (name, declared) {
        (Some(name), all) => all.iter().find(|source| source.name == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// What was seen of a topic's events.
pub(super) struct SeenEvents<'a> {
    declared: &'a SourceDefinition,
    decoder: Decoder,
    events: u64,
    misrouted: u64,
    /// For each key the partitions that it is in, with the place of an event.
    keys: BTreeMap<String, BTreeMap<u32, String>>,
}

impl<'a> SeenEvents<'a> {
    pub(super) fn new(declared: &'a SourceDefinition) -> Self {
        let decoder = Decoder::new(declared, &[]);
        SeenEvents { declared, decoder, events: 0, misrouted: 0, keys: BTreeMap::new() }
    }

    /// Adds messages of a partition.
    pub(super) fn add(&mut self, partition: u32, block: Block) {
        let batch = self.decoder.decode(block);
        self.events += batch.events.len() as u64;
        self.misrouted += batch.misrouted;
        for event in &batch.events {
            let places = self.keys.entry(batch.text(event.key).to_owned()).or_default();
            places.entry(partition).or_insert_with(|| batch.position(event).to_string());
        }
    }

    /// Says what it comes to, and gives the keys.
    pub(super) fn judge(self, findings: &mut Findings) -> Keys {
        let SourceDefinition { name, key, .. } = self.declared;
        let column = key.iter().map(FieldPath::dotted).collect::<Vec<_>>().join(", ");
        let all = self.keys.len();
        let apart: Vec<_> = self.keys.iter().filter(|(_, places)| places.len() > 1).collect();
        let events = format!("{} of {} events stand in messages with another key or none", self.misrouted, self.events);
        if apart.is_empty() && self.misrouted == 0 {
            findings
                .ok(&format!("{name}: each of {all} keys ({column}) is in one partition, and the key of its messages"));
        } else if apart.is_empty() {
            findings.unknown(&format!(
                "{name}: {events}; none of {all} keys ({column}) was seen in two partitions, but nothing keeps them in one: {}",
                RecordCode::Misrouted.help()
            ));
        } else {
            let shown = |(key, places): &(&String, &BTreeMap<u32, String>)| {
                let places: Vec<String> = places.iter().map(|(part, place)| format!("{part} (at {place})")).collect();
                format!("{key} in {}", places.join(" and "))
            };
            let sample: Vec<String> = apart.iter().take(SHOWN).map(shown).collect();
            let more = match apart.len().saturating_sub(SHOWN) {
                0 => String::new(),
                // Of the sample that was read; a processor has all of them.
                more => format!("; and {more} more ({ALL_APART} lists those that a processor has read)"),
            };
            findings.fault(
                &format!(
                    "[{}] {name}: {} of {all} keys ({column}) are in two or more partitions, each a session of its own there: \
                     {}{more}; {events}",
                    RecordCode::Misrouted,
                    apart.len(),
                    sample.join("; ")
                ),
                RecordCode::Misrouted.help(),
            );
        }
        self.keys
    }
}
