//! Running a question: its tables, one snapshot of them, and the rows as they come.

use super::error::{cleaned, meant};
use super::planner::{Arithmetic, RoundedCasts, date_part};
use super::statement::{Question, parse};
use super::{Answer, tables};
use crate::engine::{Engine, EngineError, PastFile, Snapshot};
use arrow::array::{RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio_stream::StreamExt;

/// Bytes that all questions together may hold for sorting, grouping and joining.
pub(super) const MEMORY_BYTES_MAX: usize = 512 << 20;

static MEMORY: LazyLock<Arc<dyn MemoryPool>> = LazyLock::new(|| Arc::new(GreedyMemoryPool::new(MEMORY_BYTES_MAX)));

const CATALOG: &str = "timeline";
const SCHEMA: &str = "public";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Answers a question in SQL from one snapshot of the tables it reads.
///
/// The rows are computed as they are taken. The snapshot is taken on a blocking thread, which is left to itself if this
/// future is dropped; everything else stops then.
///
/// # Errors
/// [`EngineError::Invalid`] for what is no query, or wrong; [`EngineError::NotFound`] for an unknown table;
/// what the engine says of its snapshot. Rows may end in an error too (a division by zero).
pub async fn run(sql: &str, engine: Arc<dyn Engine>, sync: Option<Duration>) -> Result<Answer, EngineError> {
    let (statement, reads) = match parse(sql)? {
        Question::Tables => return Ok(Answer::of(list(engine.table_names()), vec![])),
        Question::Query { statement, reads } => (statement, reads),
    };
    let context = context()?;
    let known = engine.table_names();
    let spelled = wanted(&context, &reads, &known)?;
    let names: BTreeSet<&String> = spelled.values().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let snapshot = match names.is_empty() {
        // `SELECT 1` is true for any position.
        true => Snapshot::default(),
        false => tokio::task::spawn_blocking(move || engine.snapshot(&names, sync))
            .await
            .map_err(|_| EngineError::Internal("taking the snapshot failed".into()))??,
    };
    let mut providers: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    let files: Vec<PastFile> = snapshot.tables.iter().flat_map(|table| table.past.iter().cloned()).collect();
    for table in &snapshot.tables {
        providers.insert(table.name.clone(), tables::provider(&context, table)?);
    }
    for (spelling, name) in spelled {
        let provider = providers.get(&name).cloned();
        let provider = provider.ok_or_else(|| EngineError::Internal(format!("the snapshot lacks table `{name}`")))?;
        context.register_table(TableReference::bare(spelling), provider).map_err(cleaned)?;
    }
    let plan = context.state().statement_to_plan(*statement).await.map_err(cleaned)?;
    let only_read = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_read.verify_plan(&plan).map_err(cleaned)?;
    let rows = context.execute_logical_plan(plan).await.map_err(cleaned)?.execute_stream().await.map_err(cleaned)?;
    tables::check_there(&files)?;
    Ok(Answer {
        schema: rows.schema(),
        positions: snapshot.positions,
        rows: Box::pin(rows.map(|batch| batch.map_err(cleaned))),
    })
}

fn context() -> Result<SessionContext, EngineError> {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(true)
        // The lanes have the machine; a question that takes a little longer holds nobody up.
        .with_target_partitions(2)
        .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(MEMORY.clone())
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
    context.state_ref().write().register_function_rewrite(Arc::new(RoundedCasts)).map_err(cleaned)?;
    Ok(context)
}

/// The tables to ask for, by the spellings that the question uses for them.
fn wanted(
    context: &SessionContext,
    reads: &[TableReference],
    known: &[String],
) -> Result<BTreeMap<String, String>, EngineError> {
    let mut spelled = BTreeMap::new();
    for reference in reads {
        if reference.schema() == Some(INFORMATION_SCHEMA) {
            // It describes every table, so every table is wanted.
            spelled.extend(known.iter().map(|name| (name.clone(), name.clone())));
            continue;
        }
        let spelling = reference.table();
        let in_schema = reference.schema().is_none_or(|schema| schema == SCHEMA);
        let own = in_schema && reference.catalog().is_none_or(|catalog| catalog == CATALOG);
        let exact = known.iter().find(|name| *name == spelling);
        let name = exact.or_else(|| known.iter().find(|name| name.eq_ignore_ascii_case(spelling)));
        match name {
            Some(name) if own => spelled.insert(spelling.to_owned(), name.clone()),
            None if own && context.state().table_functions().contains_key(spelling) => None,
            _ => {
                let meant = meant(spelling, known.iter().map(String::as_str));
                let help = if meant.is_empty() { "; SHOW TABLES lists what there is".to_owned() } else { meant };
                return Err(EngineError::NotFound(format!("there is no table `{reference}`{help}")));
            }
        };
    }
    Ok(spelled)
}

/// The answer to `SHOW TABLES`: names only, for which no row of any table is needed.
fn list(names: Vec<String>) -> RecordBatch {
    let names = StringArray::from_iter_values(names);
    RecordBatch::try_from_iter([("table_name", Arc::new(names) as _)]).expect("one column has one length")
}
