//! Bytes that changed on the disk: flipped, cut, appended, swapped, removed, put back from an older copy.
//!
//! Pass: an error or a finding that names the object, and never a state that was not committed.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::to_raw_value;

use super::memory::MemoryStore;
use super::workload::Job;
use crate::protocol::{CHECKPOINTS_KEPT, JobLoss};
use crate::{
    CheckpointReader, Checkpoints, Commit, Error, FileKind, FileRef, FileSummary, LocalStore, ObjectProblem, Store,
    digest, inspect,
};

const STEPS: u64 = 8;

fn committed() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    Job::open(store.clone(), "first").unwrap().run(STEPS, |_| {}).unwrap();
    store
}

/// Opens what was damaged at `object`: the state must be one of the kept ones, and the damage must be told.
fn opens_loudly(store: Arc<MemoryStore>, object: &str, what: &str) -> Option<u64> {
    match Job::open(store, "second") {
        Ok(job) => {
            let told = job.findings.iter().any(|finding| finding.object.starts_with(object));
            assert!(told, "{object}, {what}: recovered {} with {:?}", job.value, job.findings);
            assert!((STEPS - 2..=STEPS).contains(&job.value), "{object}, {what}: recovered {}", job.value);
            Some(job.value)
        }
        Err(error) => {
            assert!(error.to_string().contains(object), "{object}, {what}: {error}");
            None
        }
    }
}

/// The objects that an opener must be able to trust.
fn trusted(store: &Arc<MemoryStore>) -> Vec<String> {
    let head = inspect(&**store).unwrap();
    let mut names = store.names("heads").split_off(2);
    names.extend(store.names("manifests"));
    names.extend(head.kept[0].files.iter().filter(|file| file.kind == FileKind::Segment).map(|file| file.name.clone()));
    names.push("genesis".to_owned());
    names
}

#[test]
fn every_flipped_bit_is_told() {
    let store = committed();
    for name in trusted(&store) {
        let whole = store.get(&name);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let damaged = store.copy();
            damaged.set(&name, bytes);
            opens_loudly(damaged, &name, &format!("bit {bit}"));
        }
    }
}

#[test]
fn every_cut_and_every_appended_byte_is_told() {
    let store = committed();
    for name in trusted(&store) {
        let whole = store.get(&name);
        let cuts = (0..whole.len()).map(|length| whole[..length].to_vec());
        let longer = [b"\n".to_vec(), b"x".to_vec(), whole.clone()].map(|tail| [whole.clone(), tail].concat());
        for bytes in cuts.chain(longer) {
            let what = format!("{} of {} bytes", bytes.len(), whole.len());
            let damaged = store.copy();
            damaged.set(&name, bytes);
            let seen = inspect(&*damaged);
            assert!(seen.map_or(true, |seen| !seen.findings.is_empty()), "{name}, {what}: inspected in silence");
            if opens_loudly(damaged.clone(), &name, &what).is_some() {
                Job::open(damaged, "third").unwrap().run(1, |_| {}).unwrap();
            }
        }
    }
}

#[test]
fn every_two_objects_swapped_are_told() {
    let store = committed();
    let names: Vec<String> = trusted(&store).into_iter().filter(|name| name != "genesis").collect();
    for a in &names {
        for b in names.iter().filter(|b| *b > a) {
            let damaged = store.copy();
            damaged.set(a, store.get(b));
            damaged.set(b, store.get(a));
            match Job::open(damaged, "second") {
                Ok(job) => assert!(!job.findings.is_empty() && job.value >= STEPS - 2, "{a} and {b}"),
                Err(error) => assert!(error.to_string().contains(a.as_str()) || error.to_string().contains(b.as_str())),
            }
        }
    }
}

#[test]
fn a_damaged_or_missing_object_costs_one_checkpoint_each_and_then_stops() {
    let store = committed();
    let manifests: Vec<String> = store.names("manifests").into_iter().rev().collect();
    let expected = [Some(STEPS - 1), Some(STEPS - 2), None];
    for remove in [true, false] {
        let damaged = store.copy();
        for (name, expected) in manifests.iter().zip(expected) {
            if remove {
                damaged.delete(name).unwrap()
            } else {
                damaged.set(name, b"{}".to_vec())
            }
            assert_eq!(opens_loudly(damaged.copy(), name, "manifest"), expected);
            if expected.is_none() {
                let error = Job::open(damaged.copy(), "second").err().unwrap();
                assert!(matches!(&error, Error::Damaged { findings } if findings.len() == 3), "{error}");
            }
        }
    }
}

#[test]
fn what_was_fallen_back_from_stays_gone_and_epochs_go_on() {
    let store = committed();
    store.delete(&store.names("manifests").pop().unwrap()).unwrap();
    let mut job = Job::open(store.clone(), "second").unwrap();
    assert_eq!((job.value, job.checkpoints.epoch()), (STEPS - 1, STEPS - 1));
    job.step().unwrap();
    assert_eq!(job.checkpoints.epoch(), STEPS + 1);
    job.run(5, |_| {}).unwrap();
    let again = Job::open(store, "third").unwrap();
    assert_eq!((again.value, again.findings.len()), (STEPS + 5, 0));
}

#[test]
fn a_damaged_newest_head_is_fallen_back_from_above_it() {
    let store = committed();
    let newest = store.newest_head();
    store.set(&newest, Vec::new());
    let mut job = Job::open(store.clone(), "second").unwrap();
    // The head could have been of another generation and another epoch: both are passed over.
    assert_eq!((job.value, job.checkpoints.owner().generation), (STEPS - 1, 3));
    job.step().unwrap();
    assert!(job.checkpoints.epoch() > STEPS);
    assert!(store.newest_head() > newest);
}

#[test]
fn an_old_head_under_the_newest_name_is_not_taken_for_the_newest() {
    let store = committed();
    let heads = store.names("heads");
    store.set(&heads[3], store.get(&heads[1]));
    assert_eq!(opens_loudly(store, &heads[3], "old bytes"), Some(STEPS - 1));
}

#[test]
fn a_first_checkpoint_under_a_damaged_head_is_never_taken_for_an_empty_state() {
    let store = Arc::new(MemoryStore::default());
    Job::open(store.clone(), "first").unwrap().step().unwrap();
    store.set(&store.newest_head(), Vec::new());
    assert!(matches!(Job::open(store, "second"), Err(Error::Damaged { .. })));
}

#[test]
fn lost_heads_stop_everything() {
    let store = committed();
    for name in store.names("heads") {
        store.delete(&name).unwrap();
    }
    let before = store.objects.lock().unwrap().clone();
    assert!(matches!(Job::open(store.clone(), "second"), Err(Error::Lost(JobLoss::Heads))));
    assert_eq!(inspect(&*store).unwrap().lost, Some(JobLoss::Heads));
    assert_eq!(*store.objects.lock().unwrap(), before);
    store.delete("genesis").unwrap();
    assert!(matches!(Job::open(store.clone(), "second"), Err(Error::Lost(JobLoss::HeadsAndGenesis))));
    for folder in ["manifests", "results"] {
        for name in store.names(folder) {
            store.delete(&name).unwrap();
        }
    }
    assert!(matches!(Job::open(store, "second"), Err(Error::Lost(JobLoss::HeadsAndGenesis))));
}

#[test]
fn a_missing_genesis_is_completed_and_told() {
    let store = committed();
    store.delete("genesis").unwrap();
    assert_eq!(opens_loudly(store.clone(), "genesis", "missing"), Some(STEPS));
    assert_eq!(Job::open(store, "third").unwrap().findings, []);
}

#[test]
fn heads_put_back_from_an_older_copy_are_told() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "first").unwrap();
    job.run(5, |_| {}).unwrap();
    let older = store.copy();
    job.run(2, |_| {}).unwrap();
    Job::open(store.clone(), "second").unwrap().run(1, |_| {}).unwrap();
    // Only the heads are old: what they name was collected, and the reason is told with it.
    let heads_only = store.copy();
    for name in store.names("heads") {
        heads_only.delete(&name).unwrap();
        store.delete(&name).unwrap();
    }
    for name in older.names("heads") {
        heads_only.set(&name, older.get(&name));
    }
    let error = Job::open(heads_only, "third").err().unwrap();
    assert!(matches!(&error, Error::Damaged { findings } if findings.len() == 4), "{error}");
    assert!(error.to_string().contains("rolled back"), "{error}");

    // All that the old heads name is there again: it can go on from there.
    for (name, bytes) in &*older.objects.lock().unwrap() {
        store.set(name, bytes.clone());
    }
    let job = Job::open(store, "third").unwrap();
    assert!(job.findings.iter().any(|finding| matches!(finding.problem, ObjectProblem::RolledBack { .. })));
    assert!(job.checkpoints.owner().generation > 2, "a name of the second owner could be made again");
    assert_eq!(job.value, 5);
}

#[test]
fn the_objects_of_another_job_are_refused() {
    let (ours, theirs) = (committed(), Arc::new(MemoryStore::default()));
    Job::open(theirs.clone(), "another").unwrap().run(STEPS, |_| {}).unwrap();
    for name in theirs.names("heads") {
        ours.set(&name, theirs.get(&name));
    }
    assert!(matches!(Job::open(ours, "second"), Err(Error::WrongPlace { .. })));
}

#[test]
fn another_format_is_refused_before_anything_is_written() {
    for other in [0, 2, 3, 4] {
        let store = committed();
        let newest = store.newest_head();
        let text = String::from_utf8(store.get(&newest)).unwrap();
        let written = format!("\"format\":{other}");
        let body = text.split("\nblake3").next().unwrap().replacen("\"format\":1", &written, 1);
        store.set(&newest, digest::seal(body.into_bytes()));
        let before = store.objects.lock().unwrap().clone();
        let refused = Job::open(store.clone(), "second").err().expect("it is of no format that is known");
        assert!(matches!(refused, Error::Format { found, known: 1, .. } if found == other), "{refused}");
        assert!(refused.to_string().contains("[TL3103]"), "{refused}");
        assert_eq!(*store.objects.lock().unwrap(), before);
    }
}

/// Opens a place whose history is damaged at `object`: the state is whole, and nobody who reads the history is told other
/// rows than were written. What the opening itself told.
fn goes_on_without(store: Arc<MemoryStore>, object: &str, what: &str) -> (u64, Vec<String>) {
    let opened = Checkpoints::open(store, &super::workload::identity("second")).unwrap();
    let manifest = opened.recovered.unwrap();
    let value = manifest.position.as_u64().unwrap();
    let mut refused = vec![];
    for file in &manifest.files {
        match opened.checkpoints.read(file) {
            Ok(bytes) => assert_eq!(digest::Digest::of(&bytes), file.digest, "{object}, {what}"),
            Err(Error::Corrupt(finding)) => refused.push((file.kind, finding.object)),
            Err(error) => panic!("{object}, {what}: {error}"),
        }
    }
    assert!(
        refused.iter().all(|(kind, name)| *kind == FileKind::Result && name == object),
        "{object}, {what}: {refused:?}"
    );
    let told: Vec<String> =
        opened.findings.iter().chain(&opened.damaged).map(|finding| finding.object.clone()).collect();
    assert!(told.iter().all(|name| name == object), "{object}, {what}: {told:?}");
    // Either it was fallen back from, or whoever reads it is refused.
    assert_eq!(refused.is_empty(), value < STEPS, "{object}, {what}: {value}");
    // What goes on goes on: the file stays named, and is nobody's business but that of those who read it.
    let mut checkpoints = opened.checkpoints;
    for _ in 0..CHECKPOINTS_KEPT {
        let commit = Commit {
            position: json!(value),
            state: to_raw_value(&json!(null)).unwrap(),
            files: manifest.files.clone(),
        };
        checkpoints.commit(commit).unwrap();
        checkpoints.collect().unwrap();
    }
    (value, told)
}

#[test]
fn every_flip_in_history_costs_questions_and_nothing_else() {
    let store = committed();
    let results = store.names("results");
    assert_eq!(results.len() as u64, STEPS);
    for (at, name) in (1..).zip(&results) {
        let whole = store.get(name);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let damaged = store.copy();
            damaged.set(name, bytes);
            // What older checkpoints do without is read again out of the log.
            let expected = if at > STEPS - 2 { at - 1 } else { STEPS };
            assert_eq!(goes_on_without(damaged, name, &format!("bit {bit}")).0, expected);
        }
    }
}

#[test]
fn history_that_is_missing_cut_or_swapped_is_told_and_the_state_is_whole() {
    let store = committed();
    let results = store.names("results");
    let (old, other) = (&results[0], &results[1]);
    let missing = store.copy();
    missing.delete(old).unwrap();
    assert_eq!(goes_on_without(missing, old, "missing"), (STEPS, vec![old.clone()]));
    for length in 0..store.get(old).len() {
        let cut = store.copy();
        cut.set(old, store.get(old)[..length].to_vec());
        assert_eq!(goes_on_without(cut, old, "cut"), (STEPS, vec![old.clone()]));
    }
    let swapped = store.copy();
    swapped.set(old, store.get(other));
    let (value, told) = goes_on_without(swapped, old, "swapped");
    assert_eq!((value, told), (STEPS, vec![old.clone()]), "of another length");
    // All of it: one refusal for each, and nothing else.
    results.iter().for_each(|name| store.delete(name).unwrap());
    let opened = Checkpoints::open(store, &super::workload::identity("second")).unwrap();
    let value = opened.recovered.unwrap().position.as_u64().unwrap();
    assert_eq!(opened.damaged.len() as u64, value);
}

#[test]
fn a_file_that_a_query_opens_by_name_has_the_bytes_that_were_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path());
    let bytes = b"rows of sessions that are over".to_vec();
    let file = |name: &str| -> FileRef {
        let (name, kind, length) = (name.to_owned(), FileKind::Result, bytes.len() as u64);
        FileSummary { name, kind, length, digest: digest::Digest::of(&bytes), metadata: serde_json::Value::Null }.into()
    };
    let reader = CheckpointReader::new(Arc::new(LocalStore::new(folder.path())));
    store.put("results/whole", &bytes).unwrap();
    assert_eq!(std::fs::read(reader.path(&file("results/whole")).unwrap()).unwrap(), bytes);
    for bit in 0..8 * bytes.len() {
        let (name, mut flipped) = (format!("results/{bit}"), bytes.clone());
        flipped[bit / 8] ^= 1 << (bit % 8);
        store.put(&name, &flipped).unwrap();
        assert!(matches!(reader.path(&file(&name)), Err(Error::Corrupt(finding)) if finding.object == name));
    }
    store.put("results/cut", &bytes[1..]).unwrap();
    assert!(matches!(reader.path(&file("results/cut")), Err(Error::Corrupt(_))));
    assert!(matches!(reader.path(&file("results/none")), Err(Error::Corrupt(_))));
}

#[test]
fn a_checkpoint_that_does_not_read_back_lets_nothing_be_deleted() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "first").unwrap();
    for _ in 0..6 {
        job.step().unwrap();
    }
    let newest = store.names("segments").pop().unwrap();
    store.set(&newest, b"something else".to_vec());
    let before = store.objects.lock().unwrap().clone();
    assert!(matches!(job.checkpoints.collect(), Err(Error::Corrupt(finding)) if finding.object == newest));
    assert_eq!(*store.objects.lock().unwrap(), before);
    assert!(matches!(job.step(), Err(Error::Poisoned { .. })));
}

#[test]
fn what_could_not_be_read_is_not_collected_before_the_next_commit() {
    let store = committed();
    let newest = store.names("manifests").pop().unwrap();
    let whole = store.get(&newest);
    store.delete(&newest).unwrap();
    let mut job = Job::open(store.clone(), "second").unwrap();
    assert_eq!(job.value, STEPS - 1);
    // Whoever comes next may read what this one could not.
    assert_eq!(job.checkpoints.collect().unwrap().deleted, 0);
    store.set(&newest, whole);
    let next = Job::open(store, "third").unwrap();
    assert_eq!((next.value, next.findings.len()), (STEPS, 0));
}

#[test]
fn a_head_that_names_manifests_wrongly_is_told() {
    let store = committed();
    let newest = store.newest_head();
    let told = store.names("manifests").pop().unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut head = serde_json::from_slice(digest::unseal(&store.get(&newest)).unwrap()).unwrap();
        change(&mut head);
        let damaged = store.copy();
        damaged.set(&newest, digest::seal(serde_json::to_vec(&head).unwrap()));
        damaged
    };
    for (field, value) in [("epoch", json!(77)), ("digest", json!("00".repeat(32))), ("length", json!(1))] {
        let damaged = with(&|head| head["manifests"][0][field] = value.clone());
        assert_eq!(opens_loudly(damaged, &told, field), Some(STEPS - 1));
    }
    // One is left out, so the newest does not continue the one that is named after it.
    let damaged = with(&|head| drop(head["manifests"].as_array_mut().unwrap().remove(1)));
    assert_eq!(opens_loudly(damaged, &told, "previous"), Some(STEPS - 2));
}

#[test]
fn a_rolled_back_take_over_is_told_by_the_generation_of_its_files() {
    let store = committed();
    let older = store.copy();
    let next = Job::open(store.clone(), "second").unwrap();
    next.checkpoints.put(FileKind::Segment, "base", b"", json!(null)).unwrap();
    store.delete(&store.newest_head()).unwrap();
    assert_eq!(store.newest_head(), older.newest_head());
    let job = Job::open(store, "third").unwrap();
    assert!(matches!(job.findings[0].problem, ObjectProblem::RolledBack { generation: 1, .. }));
    assert_eq!(job.checkpoints.owner().generation, 3);
}
