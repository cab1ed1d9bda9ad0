//! What a question is planned and computed with: the library's settings, and what is ours in the place of its own.

use super::checked_sum::sum;
use super::error::cleaned;
use super::instants::WrittenInstants;
use super::percentile::percentile_cont;
use super::planner::{Arithmetic, RoundedCasts, date_part};
use super::stretches;
use super::to_char::to_char;
use super::work::{CATALOG, SCHEMA};
use crate::engine::EngineError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::sync::Arc;

/// A context that may hold so many bytes; with the library's own tables of what it can do where these are read.
pub(super) fn context(memory_bytes: usize, lists: bool) -> Result<SessionContext, EngineError> {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        // What the tables are is said by us; the library's own answers what it can do.
        .with_information_schema(lists)
        // The lanes have the machine; a question that takes a little longer holds nobody up.
        .with_target_partitions(1)
        .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        // Of texts that are cast to numbers the library takes the first and the last for the least and the greatest.
        .set_bool("datafusion.execution.collect_statistics", false)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()
        .map_err(cleaned)?;
    let planners = std::iter::once(Arc::new(Arithmetic) as _).chain(SessionStateDefaults::default_expr_planners());
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_expr_planners(planners.collect())
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(date_part());
    context.register_udf(to_char());
    context.register_udaf(sum());
    context.register_udaf(percentile_cont());
    context.add_analyzer_rule(Arc::new(WrittenInstants));
    stretches::register(&context);
    context.state_ref().write().register_function_rewrite(Arc::new(RoundedCasts)).map_err(cleaned)?;
    Ok(context)
}
