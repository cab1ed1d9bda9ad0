//! Durable checkpoints of one partition: immutable sealed files, one manifest a checkpoint, and a chain of heads.
//!
//! A checkpoint is true as a whole or it does not exist. Its files and its manifest are written first, each under a name
//! that nobody else can use, and the single step that makes it count is the exclusive creation of the next `head-<n>`.
//! The manifest holds the state's files *and* the log position, so the two can never disagree.
//!
//! **Invariant:** an epoch whose [`Checkpoints::commit`] returned `Ok` is reachable from the newest head for as long as it
//! is among the last [`protocol::CHECKPOINTS_KEPT`], and a writer that was taken over from never returns `Ok` again.
//!
//! **Invariant:** opening writes nothing before it owns the new generation; inspecting writes nothing at all.
//!
//! | module | is |
//! |---|---|
//! | [`protocol`] | the decisions, pure: what a listing means, whose head it is, what may be collected |
//! | `open`, `writer`, `collect`, `inspect` | the thin I/O that asks those decisions and obeys |
//! | [`store`], [`local`], [`disk`] | where objects live: the trait, its form on a local directory, the system calls under it |
//! | `place`, `bucket`, `cache` | where a job's stores are; a store in a bucket; files of a bucket on the local disk |
//! | [`patience`] | when a request to a store of objects is given up |
//! | [`history`] | where the files of history lie that others read too |
//! | `record`, `names`, `digest` | the bytes: see `docs/formats.md` |
//! | [`programs`], [`segment`] | the deployed programs of a job; batches to Arrow IPC bytes and back |
//! | [`code`] | the codes of what is wrong with a state |
//!
//! Not here: *what* a segment holds, when to checkpoint, which base segments to rewrite, and acknowledging the log
//! (only up to the position of the oldest of [`Checkpoints::kept`], so that any kept checkpoint can be replayed from).

#![cfg_attr(test, allow(clippy::disallowed_methods))]

#[cfg(feature = "s3")]
mod bucket;
mod cache;
pub mod code;
mod collect;
mod digest;
pub mod disk;
mod error;
pub mod history;
mod inspect;
mod load;
pub mod local;
mod names;
mod open;
#[cfg(feature = "s3")]
pub mod patience;
#[cfg(not(feature = "s3"))]
#[path = "patience_lean.rs"]
pub mod patience;
mod place;
pub mod programs;
pub mod protocol;
mod record;
pub mod segment;
#[cfg(feature = "s3")]
mod silence;
pub mod store;
mod swap;
mod writer;

#[cfg(test)]
mod tests;

pub use collect::Collected;
pub use digest::Digest;
pub use error::{Error, Finding, ObjectProblem};
pub use inspect::{Holder, Inspection, holder, inspect, peek};
pub use load::CheckpointReader;
pub use local::LocalStore;
pub use names::{FileKind, history_prefix, is_named, whole_name};
pub use open::{Opened, TakeFrom, WriterIdentity};
pub use place::{PlaceError, StateLocation};
pub use programs::ProgramStore;
pub use record::{ChainHead, Epoch, FileRef, FileSummary, Generation, Manifest, ManifestRef, Owner};
pub use store::{SilentStore, Store, StoreError};
pub use writer::{Checkpoints, Commit, OwnerLook, Putter};

/// The stores of objects that give no answer now, as far as this process has asked them.
pub fn silent_stores() -> Vec<SilentStore> {
    #[cfg(feature = "s3")]
    return silence::all();
    #[cfg(not(feature = "s3"))]
    Vec::new()
}
