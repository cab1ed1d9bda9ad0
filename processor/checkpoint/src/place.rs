//! Where a job's state is: a local directory, or a prefix of a bucket.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

#[cfg(feature = "s3")]
use super::bucket::BucketStore;
use super::history::WithHistory;
use super::local::LocalStore;
use super::store::{SilentStore, Store, StoreError};

/// A place that holds the stores of a job, one for each partition and one for its programs.
#[derive(Clone, Debug)]
pub enum StateLocation {
    /// A directory.
    Local(PathBuf),
    /// A bucket and a prefix.
    #[cfg(feature = "s3")]
    Bucket(BucketStore),
}

/// Text that names no place.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// A bucket cannot be used as it was named.
    #[error("{url}: {reason}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The address of something else than a bucket.
    #[error("{0}: name a folder, or a prefix of a bucket of an S3-compatible store, s3://BUCKET/PREFIX")]
    Scheme(String),
    /// This build knows directories only.
    #[error("{0}: this build keeps state in directories only (built without the `s3` feature)")]
    Lean(String),
}

impl StateLocation {
    /// `s3://BUCKET/PREFIX`, or a path. Touches nothing.
    pub fn parse(text: &str) -> Result<StateLocation, PlaceError> {
        if !text.starts_with("s3://") {
            return match text.split_once("://") {
                Some((scheme, _)) if is_scheme(scheme) => Err(PlaceError::Scheme(text.to_owned())),
                _ => Ok(StateLocation::Local(text.into())),
            };
        }
        #[cfg(feature = "s3")]
        return BucketStore::parse(text)
            .map(StateLocation::Bucket)
            .map_err(|reason| PlaceError::Url { url: text.to_owned(), reason });
        #[cfg(not(feature = "s3"))]
        Err(PlaceError::Lean(text.to_owned()))
    }

    /// Whether it can be asked at all: a bucket is asked for anything, once, and given so long; a folder is.
    ///
    /// # Errors
    ///
    /// What the bucket says, or that it says nothing.
    pub fn answers(&self, limit: Duration) -> Result<(), StoreError> {
        match self {
            StateLocation::Local(_) => {
                let _ = limit;
                Ok(())
            }
            #[cfg(feature = "s3")]
            StateLocation::Bucket(bucket) => bucket.answers(limit),
        }
    }

    /// That its bucket gives no answer now, as far as this process has asked it; a folder always does.
    pub fn silence(&self) -> Option<SilentStore> {
        match self {
            StateLocation::Local(_) => None,
            #[cfg(feature = "s3")]
            StateLocation::Bucket(bucket) => bucket.silence(),
        }
    }

    /// The store of what is under `folder` here, and of the files of history that it names.
    pub fn store(&self, folder: &str) -> Arc<dyn Store> {
        Arc::new(WithHistory::new(self.own_store(folder), self.clone()))
    }

    /// The store of what is under `folder` here, alone.
    pub(super) fn own_store(&self, folder: &str) -> Arc<dyn Store> {
        match self {
            StateLocation::Local(root) => Arc::new(LocalStore::new(root.join(folder))),
            #[cfg(feature = "s3")]
            StateLocation::Bucket(bucket) => Arc::new(bucket.inside(folder)),
        }
    }
}

/// Whether text is what stands before `://` in an address.
fn is_scheme(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_part)
}

impl From<PathBuf> for StateLocation {
    fn from(path: PathBuf) -> StateLocation {
        StateLocation::Local(path)
    }
}

impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateLocation::Local(root) => write!(f, "{}", root.display()),
            #[cfg(feature = "s3")]
            StateLocation::Bucket(bucket) => write!(f, "{bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_stores_are_no_folders() {
        for wrong in ["gs://bucket/prefix", "file:///var/state", "S3://bucket", "abfss://a@b/c"] {
            let error = StateLocation::parse(wrong).unwrap_err().to_string();
            assert!(error.starts_with(wrong) && error.contains("s3://BUCKET/PREFIX"), "{error}");
        }
        for folder in ["state", "/var/state", "a:b", "://x", "ünd://x"] {
            assert!(matches!(StateLocation::parse(folder), Ok(StateLocation::Local(_))), "{folder}");
        }
    }

    #[cfg(feature = "s3")]
    #[test]
    fn what_is_wrong_with_a_bucket_is_said() {
        for (wrong, why) in [("s3://", "no bucket"), ("s3:///x", "no bucket"), ("s3://b//x", "without a name")] {
            let error = StateLocation::parse(wrong).unwrap_err().to_string();
            assert!(error.starts_with(wrong) && error.contains(why), "{error}");
        }
    }
}
