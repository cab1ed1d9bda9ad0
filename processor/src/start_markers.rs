//! Which places of a job's state were begun: said outside of them, so that one that is lost is not taken for a new one.
//!
//! **Invariant:** a place is noted before anything that follows from its log is shown or let go of, and no note is ever
//! taken back, for no place is begun twice.

use crate::checkpoint::{Digest, Error, Holder, StateLocation, Store, holder};
use std::sync::Arc;

const FOLDER: &str = "places";

/// The notes of a job.
#[derive(Clone)]
pub(crate) struct StartMarkers {
    store: Arc<dyn Store>,
}

impl StartMarkers {
    /// Those of the job whose state is there.
    pub(crate) fn of(state: &StateLocation) -> StartMarkers {
        StartMarkers { store: state.store("begun") }
    }

    /// Whether a place was begun, and nothing is there.
    pub(crate) fn is_lost(&self, folder: &str, place: &dyn Store) -> Result<bool, Error> {
        Ok(holder(place)? == Holder::New && self.store.read(&name(folder))?.is_some())
    }

    /// Notes that a place is begun.
    pub(crate) fn note(&self, folder: &str) -> Result<(), Error> {
        let name = name(folder);
        if self.store.read(&name)?.is_none() {
            // Another one that says the same is as good.
            self.store.create(&name, folder.as_bytes())?;
        }
        Ok(())
    }

    /// A place that was begun, if there is any.
    pub(crate) fn any(&self) -> Result<Option<String>, Error> {
        let Some(first) = self.store.list(FOLDER)?.into_iter().next() else { return Ok(None) };
        let bytes = self.store.read(&first.name)?.unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn name(folder: &str) -> String {
    format!("{FOLDER}/{}", Digest::of(folder.as_bytes()))
}
