//! What a caller sees when nothing breaks.

use std::fs;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;

use super::memory::MemoryStore;
use super::workload::{Job, check, identity};
use crate::{
    Checkpoints, Commit, Error, FileKind, FileSummary, Holder, LocalStore, Store, TakeFrom, holder, inspect, segment,
};

#[test]
fn what_was_committed_is_recovered_from_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("job").join("events-0");
    let mut job = Job::open(Arc::new(LocalStore::new(&root)), "a").unwrap();
    assert_eq!((job.value, job.checkpoints.owner().generation), (0, 1));
    job.run(10, |_| {}).unwrap();

    let job = Job::open(Arc::new(LocalStore::new(&root)), "b").unwrap();
    assert_eq!((job.value, job.checkpoints.epoch(), job.checkpoints.owner().generation), (10, 10, 2));
    assert_eq!(job.findings, []);
    let positions: Vec<u64> = job.checkpoints.kept().map(|kept| kept.position.as_u64().unwrap()).collect();
    assert_eq!(positions, [10, 9, 8]);
}

#[test]
fn the_collector_leaves_what_is_kept_and_little_more() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(20, |_| {}).unwrap();
    assert_eq!(store.names("heads").len(), 4);
    assert_eq!(store.names("manifests").len(), 3);
    // Steps 16 to 20: a base at 16 and at 19, deltas between.
    assert_eq!(store.names("segments").len(), 5);
    assert_eq!(store.names("results").len(), 20);
    assert!(store.read("genesis").unwrap().is_some());
}

#[test]
fn names_that_no_writer_makes_are_left_alone_and_told() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(5, |_| {}).unwrap();
    let names = ["heads/head-1", "tmp/notes.1", "manifests/g1-e1.json", "segments/notes.txt"];
    for name in names {
        store.set(name, b"mine".to_vec());
    }
    assert_eq!(job.checkpoints.collect().unwrap().foreign, names);
    assert!(names.iter().all(|name| store.read(name).unwrap().is_some()));
}

#[test]
fn half_made_objects_go_unless_a_newer_head_is_being_made() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(2, |_| {}).unwrap();
    let [old, newer] = [2, 3].map(|number| format!("tmp/head-{number:020}.0"));
    for name in [old.as_str(), newer.as_str(), "tmp/genesis.7"] {
        store.set(name, b"half".to_vec());
    }
    assert_eq!(job.checkpoints.collect().unwrap().foreign, [""; 0]);
    assert_eq!(store.names("tmp"), [newer]);
}

#[test]
fn a_file_put_long_before_its_commit_is_not_collected() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(1, |_| {}).unwrap();
    let putter = job.checkpoints.putter();
    let slow = std::thread::spawn(move || putter.put(FileKind::Segment, "slow", b"base", json!(null)).unwrap());
    let slow = slow.join().unwrap();
    job.run(9, |_| {}).unwrap();
    assert_eq!(job.checkpoints.read(&slow).unwrap(), b"base");

    job.checkpoints.putter().forget(&slow);
    job.checkpoints.collect().unwrap();
    assert!(matches!(job.checkpoints.read(&slow), Err(Error::Corrupt(_))));
}

#[test]
fn a_writer_that_was_taken_over_from_is_fenced_for_good() {
    let store = Arc::new(MemoryStore::default());
    let mut old = Job::open(store.clone(), "old").unwrap();
    old.run(2, |_| {}).unwrap();
    old.checkpoints.check_still_owner().unwrap();
    let mut new = Job::open(store.clone(), "new").unwrap();
    for _ in 0..2 {
        let Err(Error::Fenced { by: Some(owner) }) = old.step() else { panic!("the old owner committed") };
        assert_eq!((owner.writer.as_str(), owner.generation), ("new", 2));
    }
    assert!(matches!(old.checkpoints.collect(), Err(Error::Fenced { .. })));
    assert!(matches!(old.checkpoints.put(FileKind::Segment, "late", b"", json!(0)), Err(Error::Fenced { .. })));
    new.run(3, |_| {}).unwrap();
    assert_eq!(new.value, 5);
}

#[test]
fn an_idle_owner_notices_that_it_was_taken_over_from() {
    let store = Arc::new(MemoryStore::default());
    let old = Job::open(store.clone(), "old").unwrap();
    let _new = Job::open(store.clone(), "new").unwrap();
    assert!(
        matches!(old.checkpoints.check_still_owner(), Err(Error::Fenced { by: Some(owner) }) if owner.writer == "new")
    );
}

#[test]
fn an_owner_looks_while_it_commits_and_notices_that_it_was_taken_over_from() {
    let store = Arc::new(MemoryStore::default());
    let mut old = Job::open(store.clone(), "old").unwrap();
    let look = old.checkpoints.owner_look();
    look.check().unwrap();
    // Whichever of its heads is the newest.
    for _ in 0..3 {
        old.step().unwrap();
        look.check().unwrap();
    }
    let new = Job::open(store.clone(), "new").unwrap();
    assert!(matches!(look.check(), Err(Error::Fenced { by: Some(owner) }) if owner.writer == "new"));
    let Err(Error::Fenced { .. }) = old.checkpoints.put(FileKind::Segment, "late", b"", json!(0)) else {
        panic!("it writes although it knows")
    };
    new.checkpoints.owner_look().check().unwrap();
}

#[test]
fn a_commit_that_names_unknown_files_is_refused_and_nothing_else_happens() {
    let store = Arc::new(MemoryStore::default());
    let mut job = Job::open(store.clone(), "a").unwrap();
    let file = job.checkpoints.put(FileKind::Segment, "base", b"1", json!(null)).unwrap();
    let mut unknown = FileSummary::clone(&file);
    unknown.name.push('x');
    for files in [vec![unknown.into()], vec![file.clone(), file.clone()]] {
        let commit = Commit { position: json!(1), state: Default::default(), files };
        assert!(matches!(job.checkpoints.commit(commit), Err(Error::BadFile { .. })));
    }
    let commit = Commit { position: json!(1), state: Default::default(), files: vec![file] };
    assert_eq!(job.checkpoints.commit(commit).unwrap(), 1);
    for stem in ["", "../x", "A", "é", &"x".repeat(65)] {
        assert!(matches!(job.checkpoints.put(FileKind::Segment, stem, b"", json!(0)), Err(Error::BadStem { .. })));
    }
}

#[test]
fn inspecting_shows_everything_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("events-0");
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(&root));
    assert_eq!(inspect(&*store).unwrap(), Default::default());
    assert!(!root.exists());

    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(7, |_| {}).unwrap();
    let before = tree(&root);
    let inspection = inspect(&LocalStore::new(&root)).unwrap();
    assert_eq!(tree(&root), before);
    assert_eq!(inspection.findings, []);
    assert_eq!(inspection.head.unwrap().epoch, 7);
    assert_eq!(check(&inspection.kept[2], |file| job.checkpoints.read(file)).unwrap(), 5);
    job.step().unwrap();
}

#[test]
fn another_partition_is_refused_before_anything_is_written() {
    let store = Arc::new(MemoryStore::default());
    Job::open(store.clone(), "a").unwrap().run(1, |_| {}).unwrap();
    let before = store.objects.lock().unwrap().clone();
    let mut other = identity("b");
    other.partition = "events/1".to_owned();
    assert!(matches!(Checkpoints::open(store.clone(), &other), Err(Error::WrongPlace { .. })));
    assert_eq!(*store.objects.lock().unwrap(), before);
}

#[test]
fn batches_survive_their_bytes() {
    let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, true)]));
    let column = Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MIN)]));
    let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
    let bytes = segment::encode(&schema, &[batch.clone(), batch.slice(1, 2)]).unwrap();
    assert_eq!(segment::decode(&bytes).unwrap(), [batch.clone(), batch.slice(1, 2)]);
    assert_eq!(segment::decode(&segment::encode(&schema, &[]).unwrap()).unwrap(), [] as [RecordBatch; 0]);
    assert_eq!(
        segment::encode(&schema, std::slice::from_ref(&batch)).unwrap(),
        segment::encode(&schema, &[batch]).unwrap()
    );
}

/// Every file below `root` with its bytes.
fn tree(root: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(tree(&path)) } else { files.push((path.clone(), fs::read(&path).unwrap())) }
    }
    files.sort();
    files
}

#[test]
fn a_released_partition_goes_to_whoever_comes_and_a_held_one_to_nobody() {
    let store = Arc::new(MemoryStore::default());
    assert_eq!(holder(&*store).unwrap(), Holder::New);
    let mut job = Job::open(store.clone(), "a").unwrap();
    job.run(5, |_| {}).unwrap();
    let a = job.checkpoints.owner().clone();
    assert_eq!(holder(&*store).unwrap(), Holder::Owner(a.clone()));
    let claim = |writer, from: &TakeFrom| Checkpoints::claim(store.clone(), &identity(writer), from).map(|_| ());
    let before = store.objects.lock().unwrap().clone();
    assert!(matches!(claim("b", &TakeFrom::Nobody), Err(Error::Held { by }) if by == a));
    assert_eq!(*store.objects.lock().unwrap(), before, "who is refused writes nothing");

    let putter = job.checkpoints.putter();
    job.checkpoints.release().unwrap();
    assert!(putter.put(FileKind::Segment, "late", b"", json!({})).is_err(), "a released writer writes nothing more");
    assert_eq!(holder(&*store).unwrap(), Holder::Released);
    let released = String::from_utf8(store.get(&store.newest_head())).unwrap();
    assert!(released.starts_with("{\"format\":1,") && released.contains("\"released\":true"), "{released}");
    assert_eq!(inspect(&*store).unwrap().kept.len(), 3, "what was committed is still kept");

    let opened = Checkpoints::claim(store.clone(), &identity("b"), &TakeFrom::Nobody).unwrap();
    assert_eq!(opened.recovered.as_ref().map(|manifest| manifest.epoch), Some(5));
    let owned = String::from_utf8(store.get(&store.newest_head())).unwrap();
    assert!(owned.starts_with("{\"format\":1,") && !owned.contains("released"), "{owned}");
    assert!(matches!(claim("c", &TakeFrom::Nobody), Err(Error::Held { .. })));
}

#[test]
fn of_all_that_follow_a_dead_owner_one_does() {
    let store = Arc::new(MemoryStore::default());
    let mut dead = Job::open(store.clone(), "dead").unwrap();
    dead.run(3, |_| {}).unwrap();
    let owner = dead.checkpoints.owner().clone();
    let claim = |writer: &str| {
        let store: Arc<dyn Store> = store.clone();
        Checkpoints::claim(store, &identity(writer), &TakeFrom::Owner(owner.clone()))
    };
    let first = claim("first").unwrap().checkpoints;
    let second = claim("second").map(|_| ());
    assert!(matches!(&second, Err(Error::Held { by }) if by == first.owner()), "{second:?}");
    // It was not dead, only slow: it is fenced, and cannot release what is not its own any more.
    assert!(matches!(dead.checkpoints.release(), Err(Error::Fenced { by: Some(by) }) if by == *first.owner()));
    first.check_still_owner().unwrap();
}
