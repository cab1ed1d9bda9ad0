//! A store in memory: copies are cheap, and anything can be done to its bytes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::store::{Creation, ListingEntry, Store, StoreError};

#[derive(Default)]
pub(super) struct MemoryStore {
    pub(super) objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryStore {
    /// A store of its own with the same objects.
    pub(super) fn copy(&self) -> Arc<MemoryStore> {
        Arc::new(MemoryStore { objects: Mutex::new(self.objects.lock().unwrap().clone()) })
    }

    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        self.list(folder).unwrap().into_iter().map(|entry| entry.name).collect()
    }

    pub(super) fn get(&self, name: &str) -> Vec<u8> {
        self.objects.lock().unwrap()[name].clone()
    }

    pub(super) fn set(&self, name: &str, bytes: Vec<u8>) {
        self.objects.lock().unwrap().insert(name.to_owned(), bytes);
    }

    pub(super) fn newest_head(&self) -> String {
        self.names("heads").pop().unwrap()
    }
}

impl Store for MemoryStore {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self.create(name, bytes)? {
            Creation::Created => Ok(()),
            _ => {
                Err(StoreError { action: "write", name: name.to_owned(), source: io::ErrorKind::AlreadyExists.into() })
            }
        }
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(name) {
            return Ok(Creation::Exists);
        }
        objects.insert(name.to_owned(), bytes.to_vec());
        Ok(Creation::Created)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.objects.lock().unwrap().get(name).cloned())
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        let prefix = format!("{folder}/");
        let objects = self.objects.lock().unwrap();
        let entries = objects.iter().filter(|(name, _)| name.starts_with(&prefix));
        Ok(entries.map(|(name, bytes)| ListingEntry { name: name.clone(), length: bytes.len() as u64 }).collect())
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }
}
