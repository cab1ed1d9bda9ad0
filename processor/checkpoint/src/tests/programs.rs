//! Deployed programs: one winner a version, nothing older than what was deployed.

use std::sync::Arc;

use super::memory::MemoryStore;
use crate::store::{Creation, ListingEntry, StoreError};
use crate::{Error, ProgramStore, Store};

#[test]
fn each_version_has_one_winner() {
    let store = Arc::new(MemoryStore::default());
    let a = ProgramStore::new(store.clone(), "a");
    let b = ProgramStore::new(store.clone(), "b");
    assert_eq!(a.load().unwrap(), None);
    assert_eq!(a.replace(0, b"metric x = 1\n").unwrap(), 1);
    assert!(matches!(b.replace(0, b"metric x = 1\n"), Err(Error::Conflict { expected: 0, current: 1 })));
    assert_eq!(b.replace(1, b"").unwrap(), 2);
    assert_eq!(a.load().unwrap().map(|programs| (programs.version, programs.bytes)), Some((2, vec![])));
    assert_eq!(a.load_version(1).unwrap().bytes, b"metric x = 1\n");
}

#[test]
fn a_lost_answer_is_recognised_as_ones_own() {
    // Another attempt of the same writer made the object between its listing and its create.
    let donor = Arc::new(MemoryStore::default());
    ProgramStore::new(donor.clone(), "a").replace(0, b"p").unwrap();
    for (writer, wins) in [("a", true), ("b", false)] {
        let store = Arc::new(Late { inner: MemoryStore::default(), donor: donor.copy() });
        let result = ProgramStore::new(store, writer).replace(0, b"p");
        assert_eq!(result.is_ok(), wins, "{writer}: {result:?}");
    }
}

#[test]
fn the_loss_of_the_newest_version_is_seen() {
    let (store, notes) = (Arc::new(MemoryStore::default()), Arc::new(MemoryStore::default()));
    let programs = ProgramStore::new(store.clone(), "a").noted_in(notes.clone());
    programs.replace(0, b"first").unwrap();
    programs.replace(1, b"second").unwrap();
    let newest = store.names("programs").pop().unwrap();
    let bytes = store.get(&newest);
    store.delete(&newest).unwrap();
    for result in [programs.load().map(|_| ()), programs.replace(1, b"another").map(|_| ())] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(&newest) && message.contains("missing"), "{message}");
    }
    store.set(&newest, bytes);
    assert_eq!(programs.load().unwrap().map(|programs| programs.version), Some(2));
    // One that was deployed before there were notes is noted when it is seen.
    notes.delete(&newest).unwrap();
    programs.note(2).unwrap();
    store.delete(&newest).unwrap();
    assert!(programs.load().is_err());
}

#[test]
fn a_version_that_is_lost_is_done_without_where_it_is_named() {
    let (store, notes) = (Arc::new(MemoryStore::default()), Arc::new(MemoryStore::default()));
    let strict = ProgramStore::new(store.clone(), "a").noted_in(notes);
    for (version, bytes) in [(0, "first"), (1, "second"), (2, "third")] {
        strict.replace(version, bytes.as_bytes()).unwrap();
    }
    let names = store.names("programs");
    store.delete(&names[2]).unwrap();
    store.delete(&names[1]).unwrap();
    // Each is named by itself: one may be put back.
    let named =
        |names: &[&String]| strict.clone().without(&names.iter().map(|name| (*name).clone()).collect::<Vec<_>>());
    assert!(matches!(named(&[&names[1]]).load(), Err(Error::NoVersion { object }) if object.ends_with(&names[2])));
    assert!(matches!(named(&[&names[0]]).load(), Err(Error::NoVersion { object }) if object.ends_with(&names[1])));
    let accepting = named(&[&names[1], &names[2]]);
    assert_eq!(accepting.load().unwrap().map(|programs| programs.bytes), Some(b"first".to_vec()));
    assert_eq!(accepting.missing().unwrap(), [2, 3]);
    // Until something is in their place they are missed, and their numbers are given to nothing else.
    assert!(matches!(accepting.replace(1, b"other"), Err(Error::Conflict { expected: 1, current: 3 })));
    assert!(strict.load().is_err());
    accepting.fill(b"first, of before").unwrap();
    assert_eq!(
        strict.load().unwrap().map(|programs| (programs.version, programs.bytes)),
        Some((3, b"first, of before".to_vec()))
    );
    assert_eq!(strict.replace(3, b"fourth").unwrap(), 4);
}

#[test]
fn every_flipped_bit_and_every_cut_is_an_error() {
    let store = Arc::new(MemoryStore::default());
    let programs = ProgramStore::new(store.clone(), "a");
    programs.replace(0, b"first").unwrap();
    programs.replace(1, "metric \u{e9} = 1\n".as_bytes()).unwrap();
    let name = store.names("programs").pop().unwrap();
    let whole = store.get(&name);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        store.set(&name, bytes);
        assert!(programs.load().is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        store.set(&name, whole[..length].to_vec());
        assert!(programs.load().is_err(), "cut to {length}");
    }
    store.set(&name, whole);
    assert!(programs.load().is_ok());
    let first = store.names("programs").remove(0);
    store.delete(&first).unwrap();
    assert!(matches!(programs.load(), Err(Error::NoVersion { object }) if object.ends_with(&first)));
}

/// A store in which `donor`'s objects appear at the first create.
struct Late {
    inner: MemoryStore,
    donor: Arc<MemoryStore>,
}

impl Store for Late {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.put(name, bytes)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        self.inner.set(name, self.donor.get(name));
        self.inner.create(name, bytes)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.read(name)
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        self.inner.list(folder)
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.inner.delete(name)
    }
}
