//! Where the files of history lie that others read too: a place of its own, which the state notes once.
//!
//! A manifest names such a file like any other, with its length and its digest, so whoever reads what a checkpoint says
//! needs not know where it lies; only its name begins with `history/`, and that is looked up in the place that the state
//! notes in `history.json`.
//!
//! **Invariant:** the place of a state's history never changes while the state notes it.

use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::{Error, Finding, ObjectProblem};
use super::names::HISTORY;
use super::place::{PlaceError, StateLocation};
use super::record::{self, FORMAT};
use super::store::{Creation, ListingEntry, SilentStore, Store, StoreError};

/// The object of a state that says where its history is.
const NOTE: &str = "history.json";

/// How that is called by somebody who moved the history to where it is named next.
const MOVED: &str = "history-moved.json";

/// How often the note is made before it is given up: beyond the first attempt somebody takes it away, or no answer says whether
/// it was made.
const ATTEMPTS: u32 = 3;

/// Whether tables of history are in a place.
fn has_tables(place: &StateLocation) -> Result<bool, Error> {
    for table in ["finals", "alerts", "late_events", "dead_letters", "totals"] {
        if !place.own_store("").list(&format!("{table}/_delta_log"))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the history of a state is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryMarker {
    format: u64,
    /// A folder inside the state, an absolute path, or a prefix of a bucket.
    place: String,
}

/// Why the history of a state cannot be where it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is somewhere else.
    #[error("the history of this state is in {there}, and not in {asked}")]
    Elsewhere {
        /// Where it is.
        there: String,
        /// Where it was asked for.
        asked: String,
    },
    /// It is where the state itself is.
    #[error("{0} is where the state keeps its own objects; name another folder, such as one beside it")]
    InState(String),
    /// Nothing can be beside a folder without a name of its own.
    #[error("the state {0} is no folder beside which another could be; name a place")]
    Nameless(String),
    /// Tables of another state are there.
    #[error("{0} has tables already, and this state has none there: their rows and its own could not be told apart")]
    Taken(String),
    /// The text names no place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The note could not be read or written.
    #[error(transparent)]
    State(#[from] Error),
}

impl StateLocation {
    /// Where the history of this state is that others read too; none where it is kept in the state alone.
    pub fn history(&self) -> Result<Option<StateLocation>, HistoryError> {
        let Some(note) = self.history_note()? else { return Ok(None) };
        Ok(Some(self.history_at(&note.place)?))
    }

    /// The place that the history of this state has where nobody names one: the one that is noted, and otherwise a folder, or
    /// a prefix, beside the state, `STATE-history`; of a state that has a whole bucket `history` in it.
    ///
    /// # Errors
    ///
    /// [`HistoryError::Nameless`] of a folder without a name of its own, such as `/`, and what reading the note meets.
    pub fn usual_history(&self) -> Result<String, HistoryError> {
        if let Some(note) = self.history_note()? {
            return Ok(self.history_at(&note.place)?.to_string());
        }
        match self {
            StateLocation::Local(root) => {
                let root = std::path::absolute(root).unwrap_or_else(|_| root.clone());
                let name = root.file_name().ok_or_else(|| HistoryError::Nameless(root.display().to_string()))?;
                let mut beside = name.to_owned();
                beside.push("-history");
                Ok(root.with_file_name(beside).to_string_lossy().into_owned())
            }
            #[cfg(feature = "s3")]
            StateLocation::Bucket(bucket) => Ok(beside_prefix(&bucket.to_string())),
        }
    }

    /// Keeps the history of this state in a place from now on, a path or a prefix of a bucket, and notes that.
    pub fn keep_history(&self, place: &str) -> Result<StateLocation, HistoryError> {
        // What is no place at all is said as such, before it is compared with anything.
        StateLocation::parse(place)?;
        let place = self.history_place(place);
        let is_own = |root: &Path| {
            // What lies inside of the state is noted from there.
            let inside = Path::new(&place);
            let first = inside.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
            inside.is_relative() && !first.is_some_and(|first| first.starts_with(HISTORY)) || inside == root
        };
        let is_own = match self {
            StateLocation::Local(root) if !place.starts_with("s3://") => {
                is_own(&std::path::absolute(root).unwrap_or_else(|_| root.clone()))
            }
            _ => *place == self.to_string(),
        };
        if place.is_empty() || is_own {
            return Err(HistoryError::InState(place));
        }
        for _ in 0..ATTEMPTS {
            if let Some(note) = self.history_note()? {
                if note.place != place {
                    let (there, asked) = (self.history_at(&note.place)?.to_string(), place);
                    return Err(HistoryError::Elsewhere { there, asked });
                }
                return self.history_at(&place);
            }
            let at = self.history_at(&place)?;
            let own = self.own_store("");
            if own.read(MOVED).map_err(Error::from)?.is_none() && has_tables(&at)? {
                return Err(HistoryError::Taken(at.to_string()));
            }
            let note = record::encode(&HistoryMarker { format: FORMAT, place: place.clone() });
            // Others may begin at the same time: they see it whole or not at all, and whose it is is read back.
            own.create(NOTE, &note).map_err(Error::from)?;
        }
        Err(Error::Unclear { object: NOTE.to_owned() }.into())
    }

    fn history_note(&self) -> Result<Option<HistoryMarker>, HistoryError> {
        let Some(bytes) = self.own_store("").read(NOTE).map_err(Error::from)? else { return Ok(None) };
        Ok(Some(record::decode(NOTE, &bytes)?))
    }

    /// How a place is noted: one inside the state as it lies there, so that a copy of the whole finds its own.
    fn history_place(&self, place: &str) -> String {
        let (StateLocation::Local(root), false) = (self, place.starts_with("s3://")) else {
            return place.trim_end_matches('/').to_owned();
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let (root, path) = (absolute(root), absolute(Path::new(place)));
        let inside = path.strip_prefix(&root).ok().filter(|inside| inside.components().next().is_some());
        inside.unwrap_or(&path).to_string_lossy().trim_end_matches('/').to_owned()
    }

    fn history_at(&self, place: &str) -> Result<StateLocation, HistoryError> {
        match self {
            StateLocation::Local(root) if !place.starts_with("s3://") => Ok(StateLocation::Local(root.join(place))),
            _ => Ok(StateLocation::parse(place)?),
        }
    }
}

/// The prefix beside another one; in a bucket without a prefix one of its own.
#[cfg(feature = "s3")]
fn beside_prefix(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let has_prefix = url.trim_start_matches("s3://").contains('/');
    if has_prefix { format!("{url}-history") } else { format!("{url}/{HISTORY}") }
}

/// The objects of a state's folder, and those of its history.
pub(super) struct WithHistory {
    own: Arc<dyn Store>,
    state: StateLocation,
    /// Looked up anew after a write that failed: the place may be another folder by then, such as one that was mounted.
    history: Mutex<Option<Arc<dyn Store>>>,
}

impl WithHistory {
    pub(super) fn new(own: Arc<dyn Store>, state: StateLocation) -> WithHistory {
        WithHistory { own, state, history: Mutex::default() }
    }

    /// Where an object lies, and how it is called there.
    fn at<'a>(&self, name: &'a str) -> Result<(Arc<dyn Store>, &'a str), StoreError> {
        let Some(inside) = inside(name) else { return Ok((Arc::clone(&self.own), name)) };
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = &*history {
            return Ok((Arc::clone(history), inside));
        }
        let failed = |source| StoreError { action: "find", name: name.to_owned(), source };
        let missing = || Error::Corrupt(Finding::new(NOTE, ObjectProblem::Missing)).into();
        let place = self.state.history().and_then(|place| place.ok_or_else(missing));
        let place = place.map_err(|error: HistoryError| failed(std::io::Error::other(error)))?;
        Ok((Arc::clone(history.insert(place.own_store(""))), inside))
    }

    /// What came of a write.
    fn written<T>(&self, name: &str, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() && inside(name).is_some() {
            *self.history.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }
}

/// How an object is called in the place of history, if it lies there.
fn inside(name: &str) -> Option<&str> {
    name.strip_prefix(HISTORY)?.strip_prefix('/')
}

impl Store for WithHistory {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (store, inside) = self.at(name)?;
        self.written(name, store.put(inside, bytes))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        let (store, inside) = self.at(name)?;
        self.written(name, store.create(inside, bytes))
    }

    fn silence(&self) -> Option<SilentStore> {
        self.own.silence()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, at) = self.at(name)?;
        let bytes = store.read(at)?;
        // A folder that is not mounted says nothing of its files.
        if bytes.is_none() && inside(name).is_some() && store.path("").is_some_and(|root| !root.is_dir()) {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "the place of history is not there");
            return Err(StoreError { action: "read", name: name.to_owned(), source });
        }
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        self.own.list(folder)
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        let (store, name) = self.at(name)?;
        store.delete(name)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let (store, name) = self.at(name).ok()?;
        store.path(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_history_is_noted_once_and_found_by_the_names_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let (root, lake) = (dir.path().join("state"), dir.path().join("lake"));
        let state = StateLocation::from(root.clone());
        assert!(state.history().unwrap().is_none());
        let store = state.store("sources/s");
        assert!(store.put("history/finals/x", b"").is_err(), "nobody said where");
        state.keep_history(lake.to_str().unwrap()).unwrap();
        state.keep_history(&format!("{}/", lake.display())).unwrap();
        store.put("history/finals/day=1970-01-01/x.parquet", b"rows").unwrap();
        store.put("results/x.parquet", b"own").unwrap();
        assert_eq!(std::fs::read(lake.join("finals/day=1970-01-01/x.parquet")).unwrap(), b"rows");
        let again = StateLocation::from(root.clone()).store("sources/s");
        assert_eq!(again.read("history/finals/day=1970-01-01/x.parquet").unwrap().unwrap(), b"rows");
        assert_eq!(again.path("results/x.parquet").unwrap(), root.join("sources/s/results/x.parquet"));
        let inside = root.join("sources");
        for own in ["", root.to_str().unwrap(), inside.to_str().unwrap()] {
            let error = StateLocation::from(root.clone()).keep_history(own).unwrap_err();
            assert!(matches!(error, HistoryError::InState(_)), "{own}: {error}");
        }
        let other = state.keep_history(dir.path().join("other").to_str().unwrap()).unwrap_err();
        assert!(other.to_string().contains("is in ") && other.to_string().contains("lake"), "{other}");
    }

    #[test]
    fn processors_that_begin_at_the_same_time_see_a_whole_note_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        for round in 0..50 {
            let state = StateLocation::from(dir.path().join(format!("state-{round}")));
            let begin = || StateLocation::keep_history(&state, lake.to_str().unwrap()).map(|place| place.to_string());
            let places = std::thread::scope(|scope| {
                let others: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
                // Whoever only looks, as `doctor` does, meets nothing that is half written either.
                while !others.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                    state.history().unwrap();
                }
                others.into_iter().map(|other| other.join().unwrap()).collect::<Vec<_>>()
            });
            for place in places {
                assert_eq!(place.unwrap(), lake.display().to_string(), "round {round}");
            }
        }
    }

    #[test]
    fn where_no_place_is_named_history_is_beside_the_state_or_where_it_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateLocation::from(dir.path().join("state"));
        let beside = dir.path().join("state-history").display().to_string();
        assert_eq!(state.usual_history().unwrap(), beside);
        assert_eq!(StateLocation::from(dir.path().join("state/")).usual_history().unwrap(), beside);
        assert_eq!(state.keep_history(&beside).unwrap().to_string(), beside);
        assert_eq!(state.usual_history().unwrap(), beside, "as it is noted");
        for (name, place) in [("far", "lake"), ("near", "near/history")] {
            let state = StateLocation::from(dir.path().join(name));
            let at = state.keep_history(dir.path().join(place).to_str().unwrap()).unwrap().to_string();
            let usual = state.usual_history().unwrap();
            assert_eq!(usual, at, "what is noted counts");
            assert_eq!(state.keep_history(&usual).unwrap().to_string(), at);
        }
        let root = StateLocation::from(PathBuf::from("/"));
        assert!(matches!(root.usual_history(), Err(HistoryError::Nameless(_))));
    }

    #[test]
    fn what_names_no_place_is_said_to_name_none() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateLocation::from(dir.path().join("state"));
        for wrong in ["s3://", "gs://bucket/history"] {
            let error = state.keep_history(wrong).unwrap_err();
            assert!(matches!(error, HistoryError::Place(_)) && error.to_string().starts_with(wrong), "{error}");
        }
        assert!(state.history().unwrap().is_none(), "nothing is noted");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn beside_the_prefix_of_a_bucket_is_another_prefix() {
        // No bucket is asked: the names alone.
        let beside = |url: &str| {
            let StateLocation::Bucket(bucket) = StateLocation::parse(url).unwrap() else { panic!("a bucket") };
            beside_prefix(&bucket.to_string())
        };
        assert_eq!(beside("s3://b/jobs/state"), "s3://b/jobs/state-history");
        assert_eq!(beside("s3://b"), "s3://b/history");
    }

    #[test]
    fn tables_of_another_state_are_not_added_to() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        std::fs::create_dir_all(lake.join("finals/_delta_log")).unwrap();
        std::fs::write(lake.join("finals/_delta_log/00000000000000000000.json"), b"{}").unwrap();
        let root = dir.path().join("state");
        let state = StateLocation::from(root.clone());
        let error = state.keep_history(lake.to_str().unwrap()).unwrap_err();
        assert!(matches!(error, HistoryError::Taken(_)), "{error}");
        // Its own, moved.
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join(MOVED), b"").unwrap();
        state.keep_history(lake.to_str().unwrap()).unwrap();
        assert_eq!(state.history().unwrap().unwrap().to_string(), lake.display().to_string());
    }

    #[test]
    fn what_is_not_there_is_missing_only_where_the_place_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (root, lake) = (dir.path().join("state"), dir.path().join("lake"));
        let state = StateLocation::from(root);
        state.keep_history(lake.to_str().unwrap()).unwrap();
        let store = state.store("sources/s");
        assert!(store.read("history/finals/x").unwrap_err().to_string().contains("is not there"));
        std::fs::create_dir_all(&lake).unwrap();
        assert!(store.read("history/finals/x").unwrap().is_none());
    }

    #[test]
    fn history_inside_the_state_moves_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("state");
        let state = StateLocation::from(root.clone());
        state.keep_history(root.join("history").to_str().unwrap()).unwrap();
        state.store("sources/s").put("history/finals/x", b"rows").unwrap();
        let moved = dir.path().join("copy");
        std::fs::rename(&root, &moved).unwrap();
        let state = StateLocation::from(moved.clone());
        assert_eq!(state.store("sources/s").read("history/finals/x").unwrap().unwrap(), b"rows");
        assert_eq!(state.history().unwrap().unwrap().to_string(), moved.join("history").display().to_string());
    }
}
