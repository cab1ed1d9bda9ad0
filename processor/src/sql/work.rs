//! The library's side of a question: parsed and bounded, planned over the tables that it names, its rows computed as
//! they are taken.
//!
//! It runs on one thread with a large stack ([`on_large_stack`]), for the library walks trees by recursion, and knows
//! nothing of whoever asks but [`Desk`]: so it is the same in the processor and in a process of its own.

use super::bounds::check_relations;
use super::code::Code;
use super::error::{cleaned, meant};
use super::holding::hold;
use super::planner::{Arithmetic, RoundedCasts, date_part};
use super::statement::{Question, parse};
use super::tables;
use crate::engine::{EngineError, TableData};
use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use event_feeder::world;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio_stream::StreamExt;

/// The stack of a thread that plans; it is reserved and not used until it is needed.
const STACK_BYTES: usize = 512 << 20;

const CATALOG: &str = "timeline";
const SCHEMA: &str = "public";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Where a question comes from and its answer goes.
pub(super) trait Desk {
    /// The named tables, true for one position.
    fn tables(&mut self, names: Vec<String>) -> Result<Vec<TableData>, EngineError>;
    /// Takes the columns, before any rows. `false` if nobody wants more.
    fn head(&mut self, schema: &SchemaRef) -> impl Future<Output = bool>;
    /// Takes rows. `false` if nobody wants more.
    fn rows(&mut self, batch: RecordBatch) -> impl Future<Output = bool>;
}

/// A question as it is asked.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Asked {
    pub(super) sql: String,
    /// The names of all tables.
    pub(super) known: Vec<String>,
    /// Bytes that it may hold for sorting, grouping and joining.
    pub(super) memory_bytes: usize,
}

/// Runs `work` with a stack that holds, as the blocking work of a thread of its own.
pub(super) fn on_large_stack<T: Send + 'static>(
    work: impl FnOnce(&tokio::runtime::Runtime) -> T + Send + 'static,
) -> io::Result<JoinHandle<io::Result<T>>> {
    world::thread("question").stack_size(STACK_BYTES).spawn(move || {
        // What the library spawns runs on this thread, so it has this stack too. Files are read by a few others.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let result = work(&runtime);
        runtime.shutdown_background();
        Ok(result)
    })
}

/// What `work` comes to; a panic of the library is an error of the question.
pub(super) fn unless_it_panics<T>(work: impl FnOnce() -> T) -> Result<T, EngineError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason is known");
        Code::Failed
            .error(format!("the SQL engine failed at this question: {}", text.lines().next().unwrap_or_default()))
    })
}

/// Answers a question from one snapshot of the tables it reads.
pub(super) async fn answer(asked: &Asked, desk: &mut impl Desk) -> Result<(), EngineError> {
    let (statement, reads) = match parse(&asked.sql)? {
        Question::Tables => {
            let names = list(&asked.known);
            _ = desk.head(&names.schema()).await && desk.rows(names).await;
            return Ok(());
        }
        Question::Query { statement, reads } => (statement, reads),
    };
    check_relations(&statement)?;
    let context = context(asked.memory_bytes)?;
    let spelled = wanted(&context, &reads, &asked.known)?;
    let names: BTreeSet<&String> = spelled.values().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let mut tables = desk.tables(names)?;
    let _held = hold(&mut tables)?;
    let mut providers: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    for table in &tables {
        providers.insert(table.name.clone(), tables::provider(&context, table)?);
    }
    for (spelling, name) in spelled {
        let provider = providers.get(&name).cloned();
        let provider = provider.ok_or_else(|| EngineError::Internal(format!("the snapshot lacks table `{name}`")))?;
        context.register_table(TableReference::bare(spelling), provider).map_err(cleaned)?;
    }
    let plan = context.state().statement_to_plan(*statement).await.map_err(cleaned)?;
    let only_read = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_read.verify_plan(&plan).map_err(|error| Code::OnlyRead.error(error.strip_backtrace()))?;
    let rows = context.execute_logical_plan(plan).await.map_err(cleaned)?.execute_stream().await;
    let mut rows = rows.map_err(cleaned)?;
    let files: Vec<_> = tables.into_iter().flat_map(|table| table.past).collect();
    tables::check_there(&files)?;
    if !desk.head(&rows.schema()).await {
        return Ok(());
    }
    while let Some(batch) = rows.next().await {
        if !desk.rows(batch.map_err(cleaned)?).await {
            break;
        }
    }
    Ok(())
}

fn context(memory_bytes: usize) -> Result<SessionContext, EngineError> {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_information_schema(true)
        // The lanes have the machine; a question that takes a little longer holds nobody up.
        .with_target_partitions(1)
        .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
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
                let help = if meant.is_empty() {
                    "; SHOW TABLES lists what there is, and alerts are rows of `alerts`".to_owned()
                } else {
                    meant
                };
                return Err(EngineError::NotFound(format!("there is no table `{reference}`{help}")));
            }
        };
    }
    Ok(spelled)
}

/// The answer to `SHOW TABLES`: names only, for which no row of any table is needed.
fn list(names: &[String]) -> RecordBatch {
    let names = StringArray::from_iter_values(names);
    RecordBatch::try_from_iter([("table_name", Arc::new(names) as _)]).expect("one column has one length")
}
