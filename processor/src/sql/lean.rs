//! The answer of a build without SQL.

use super::Answer;
use crate::engine::{Engine, EngineError};
use std::sync::Arc;
use std::time::Duration;

/// Refuses: [`EngineError::Invalid`].
pub async fn run(_sql: &str, _engine: Arc<dyn Engine>, _sync: Option<Duration>) -> Result<Answer, EngineError> {
    Err(EngineError::invalid("this build has no SQL (built without the `sql` feature)"))
}
