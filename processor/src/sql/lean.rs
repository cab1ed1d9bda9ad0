//! The answer of a build without SQL.

use super::{SqlAnswer, SqlQuestion, StatementTask};
use crate::engine::EngineError;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Processes that are never started.
#[derive(Debug)]
pub struct Pool(());

impl Pool {
    /// None.
    pub fn new(_program: PathBuf, _arguments: Vec<OsString>) -> Arc<Pool> {
        Arc::new(Pool(()))
    }
}

/// Refuses: [`EngineError::Invalid`].
pub(super) fn refuse(_asking: &SqlQuestion, _task: &StatementTask) -> Result<SqlAnswer, EngineError> {
    Err(EngineError::invalid("this build has no SQL (built without the `sql` feature)"))
}

/// Refuses: nobody asks this build.
pub fn serve_questions() -> io::Result<()> {
    Err(io::Error::other("this build has no SQL (built without the `sql` feature)"))
}
