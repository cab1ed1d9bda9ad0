//! Where objects live: the few operations that checkpoints need, so that a directory and a bucket can both offer them.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use timeline_core::{Time, instant_text};

use crate::code::StateCode;

/// A flat set of named objects; a name is `folder/base` or a bare `base`.
///
/// # Contract
/// 1. When [`put`](Store::put) or [`create`](Store::create) has returned success, the object is whole and survives a loss
///    of power. (Commits rely on it: a head is made only after what it names.)
/// 2. Of all `create` calls for one name at most one succeeds while the name exists, and a reader sees the object whole or
///    not at all. (This is the commit step.)
/// 3. `create` after a [`delete`](Store::delete) of the name may succeed again. (So nobody infers ownership from it alone.)
/// 4. A [`list`](Store::list) that starts after an object was made shows it, unless it was deleted before the list ended.
///    It may miss objects deleted or made meanwhile.
/// 5. An operation that failed, or a create that is [`Creation::Unclear`], may have its effect, also later, but only once.
/// 6. `read` and `list` change nothing, not even a missing folder.
pub trait Store: Send + Sync {
    /// Writes an object under a name that no one else writes. An existing one is an error.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Creates an object that others may try to create at the same time.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError>;

    /// All bytes of an object; `None` if there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The objects of a folder, sorted by name. A folder that is not there is empty.
    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError>;

    /// Removes an object; one that is not there is fine.
    fn delete(&self, name: &str) -> Result<(), StoreError>;

    /// That it gives no answer now, as far as this process has asked it. By default that is never so.
    fn silence(&self) -> Option<SilentStore> {
        None
    }

    /// Where an object is a file of its own on this machine, for those who must open it by name. By default nowhere.
    fn path(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

/// What is known after a create. In every case the caller reads back whose object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// This call made it.
    Created,
    /// There was one already; where the store repeats requests by itself, it may be this one.
    Exists,
    /// No answer that says which.
    Unclear,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEntry {
    /// The whole name, folder included.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
}

/// A store that gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentStore {
    /// Which one, with its address where that was named.
    pub place: String,
    /// Since when, in nanoseconds since 1970 by the clock of this machine.
    pub since: Time,
    /// Why there was none, as it was told last.
    pub error: String,
}

impl SilentStore {
    /// What is to be said of it, in one line.
    pub fn line(&self) -> String {
        let SilentStore { place, since, error } = self;
        format!(
            "[{}] {place} has given no answer since {}, and is asked again: {error}",
            StateCode::StoreSilent,
            instant_text(*since)
        )
    }

    /// Why a question is refused of which it is the state, and what to do.
    pub fn refusal(&self) -> String {
        let SilentStore { place, since, error } = self;
        format!(
            "[{}] {place} has given no answer since {}, so nobody can say whether what is known here is still so: {error}\n  help: {}",
            StateCode::StoreSilent,
            instant_text(*since),
            StateCode::StoreSilent.help()
        )
    }
}

/// A failed operation, with its object.
#[derive(Debug, Error)]
#[error("cannot {action} {name}: {source}")]
pub struct StoreError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// The object, as the user would look for it.
    pub name: String,
    /// What the system said.
    pub source: io::Error,
}
