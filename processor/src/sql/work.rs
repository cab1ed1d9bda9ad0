//! The library's side of a question: parsed and bounded, planned over the tables that it names, its rows computed as
//! they are taken.
//!
//! It runs on one thread with a large stack ([`on_large_stack`]), for the library walks trees by recursion, and knows
//! nothing of whoever asks but [`Desk`]: so it is the same in the processor and in a process of its own.

use super::as_of;
use super::bounds::check_relations;
use super::catalog;
use super::checked_sum::sum;
use super::code::QueryCode;
use super::error::{cleaned, meant};
use super::holding::hold;
use super::instants::WrittenInstants;
use super::late::{DeferredTable, may_bound, scans};
use super::mixed::check_mixed;
use super::named_twice::{AnswerNames, NamedTwice};
use super::passed_over::check_calls;
use super::planner::{Arithmetic, RoundedCasts, check_lists, date_part};
use super::statement::{ReadStatement, parse};
use super::to_char::to_char;
use super::wire::TableRequest;
use super::{StatementDescription, StatementTask, stretches, tables, types};
use crate::engine::{EngineError, MetricAt, TableData};
use crate::rows::COMMENT;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::Result as Planned;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{FunctionRegistry, SessionStateDefaults};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use event_feeder::world;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio_stream::StreamExt;

/// The stack of a thread that plans; it is reserved and not used until it is needed.
const STACK_BYTES: usize = 512 << 20;

/// The catalog of our own tables.
pub(super) const CATALOG: &str = "timeline";
/// Their schema.
pub(super) const SCHEMA: &str = "public";

/// Where a question comes from and its answer goes.
pub(super) trait Desk {
    /// Tables, those with rows true for one position.
    fn tables(&mut self, wanted: TableRequest) -> Result<Vec<TableData>, EngineError>;
    /// Takes the columns, before any rows. `false` if nobody wants more.
    fn head(&mut self, schema: &SchemaRef) -> impl Future<Output = bool>;
    /// Takes rows. `false` if nobody wants more.
    fn rows(&mut self, batch: RecordBatch) -> impl Future<Output = bool>;
}

/// A question as it is asked.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct QuestionRequest {
    pub(super) sql: String,
    /// The names of all tables.
    pub(super) known: Vec<String>,
    /// Bytes that it may hold for sorting, grouping and joining.
    pub(super) memory_bytes: usize,
    /// What is wanted of it.
    pub(super) task: StatementTask,
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
        QueryCode::Failed
            .error(format!("the SQL engine failed at this question: {}", text.lines().next().unwrap_or_default()))
    })
}

/// Answers a question from one snapshot of the tables it reads.
pub(super) async fn answer(asked: &QuestionRequest, desk: &mut impl Desk) -> Result<(), EngineError> {
    let (mut statement, mut reads, parameters) = match parse(asked)? {
        ReadStatement::Tables => return tell(list(&asked.known), asked, desk).await,
        ReadStatement::Describe(name) => {
            let columns = described(&name, asked, desk)?;
            return tell(columns, asked, desk).await;
        }
        ReadStatement::Query { statement, reads, parameters } => (statement, reads, parameters),
    };
    check_relations(&statement)?;
    let lists = reads.iter().any(catalog::is_library)
        || matches!(&*statement, Statement::Statement(ast) if matches!(**ast, Ast::ShowFunctions { .. }));
    let context = context(asked.memory_bytes, lists)?;
    check_calls(&statement, &context.state_ref().read())?;
    if reads.iter().any(|reference| reference.table().eq_ignore_ascii_case(as_of::FUNCTION)) {
        let is_described = matches!(asked.task, StatementTask::Columns(_));
        as_of::put_in(&mut statement, &context.state(), &asked.known, is_described)?;
        (reads, _) = resolve_table_references(&statement, false).map_err(cleaned)?;
    }
    let spelled = wanted(&context, &reads, &asked.known)?;
    let names: BTreeSet<&String> = spelled.values().collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let question = Planning { context: &context, asked, statement: *statement, reads: &reads, spelled };
    let StatementTask::Columns(known) = &asked.task else {
        return rows(question, &names, desk).await;
    };
    let (_, plan, answer_names) = question.plan_late(&names, desk).await?;
    let mut description = description(&plan, known, &parameters).map_err(cleaned)?;
    description.columns = answer_names.columns(&description.columns);
    // What is to be known of its rows is known before they are read. One whose values are not known yet may not be optimised.
    let scans = context.state().optimize(&plan).map_or(Ok(vec![]), |plan| scans(&plan, &names))?;
    if scans.iter().any(|scan| scan.mixes_versions) {
        desk.tables(TableRequest { scans, with_rows: false })?;
    }
    desk.head(&description.schema()).await;
    Ok(())
}

/// A statement that reads, and what it calls the tables.
struct Planning<'a> {
    context: &'a SessionContext,
    asked: &'a QuestionRequest,
    statement: Statement,
    reads: &'a [TableReference],
    /// Tables by the spellings that it uses for them.
    spelled: BTreeMap<String, String>,
}

impl Planning<'_> {
    /// Plans it before any rows are there.
    async fn plan_late(
        &self,
        names: &[String],
        desk: &mut impl Desk,
    ) -> Result<(DeferredTables, LogicalPlan, AnswerNames), EngineError> {
        let columns = desk.tables(TableRequest::columns(names))?;
        let late: DeferredTables =
            columns.iter().map(|table| (table.name.clone(), DeferredTable::new(table))).collect();
        let tables = late.iter().map(|(name, late)| (name.clone(), Arc::clone(late) as _)).collect();
        let (plan, answer_names) = self.plan(tables, desk).await?;
        Ok((late, plan, answer_names))
    }

    /// Plans it over some tables, by name; with the names of its columns where they are not those of the plan.
    async fn plan(
        &self,
        tables: BTreeMap<String, Arc<dyn TableProvider>>,
        desk: &mut impl Desk,
    ) -> Result<(LogicalPlan, AnswerNames), EngineError> {
        for (spelling, name) in &self.spelled {
            let provider = tables.get(name).cloned();
            let provider =
                provider.ok_or_else(|| EngineError::Internal(format!("the snapshot lacks table `{name}`")))?;
            let reference = TableReference::bare(spelling.as_str());
            // It may have been planned before, over tables that turned out to be others.
            self.context.deregister_table(reference.clone()).map_err(cleaned)?;
            self.context.register_table(reference, provider).map_err(cleaned)?;
        }
        describe_all(self.context, self.asked, self.reads, desk)?;
        let state = self.context.state();
        let (mut statement, mut twice) = (self.statement.clone(), NamedTwice::default());
        let plan = loop {
            match state.statement_to_plan(statement.clone()).await {
                Ok(plan) => break plan,
                Err(error) if twice.mend(&mut statement, &error) => {}
                Err(error) => return Err(cleaned(error)),
            }
        };
        let only_read = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_read.verify_plan(&plan).map_err(|error| QueryCode::OnlyRead.error(error.strip_backtrace()))?;
        check_lists(&plan).map_err(cleaned)?;
        // The columns of the catalogue have other types here than in PostgreSQL, whose tools know theirs.
        if !self.reads.iter().any(|reference| catalog::is_catalog(reference, &self.asked.known)) {
            check_mixed(&plan).map_err(cleaned)?;
        }
        let answer_names = twice.names(&plan).map_err(cleaned)?;
        Ok((plan, answer_names))
    }
}

/// Tables whose rows come later, by name.
type DeferredTables = BTreeMap<String, Arc<DeferredTable>>;

/// Tables whose rows are there.
fn providers(
    context: &SessionContext,
    tables: &[TableData],
) -> Result<BTreeMap<String, Arc<dyn TableProvider>>, EngineError> {
    tables.iter().map(|table| Ok((table.name.clone(), tables::provider(context, table)?))).collect()
}

/// Tells the rows of a statement.
async fn rows(question: Planning<'_>, names: &[String], desk: &mut impl Desk) -> Result<(), EngineError> {
    let context = question.context;
    let state = context.state();
    // Where the statement may say which rows it needs, it is planned before they are asked for.
    let bounded = match !names.is_empty() && may_bound(&question.asked.sql, names) {
        true => {
            let (late, plan, answer_names) = question.plan_late(names, desk).await?;
            Some((late, state.optimize(&plan).map_err(cleaned)?, answer_names))
        }
        false => None,
    };
    let wanted = match &bounded {
        Some((_, plan, _)) => TableRequest { scans: scans(plan, names)?, with_rows: true },
        None => TableRequest::rows(names),
    };
    let mut tables = desk.tables(wanted)?;
    let _held = hold(&mut tables)?;
    let with_rows = providers(context, &tables)?;
    // Programs may have changed since; what came is enough for the statement all the same.
    let fits = |table: &TableData, late: &DeferredTables| late.get(&table.name).is_some_and(|late| late.fits(table));
    let (physical, answer_names) = match bounded {
        Some((late, plan, answer_names)) if tables.iter().all(|table| fits(table, &late)) => {
            for (name, rows) in with_rows {
                late.get(&name).into_iter().for_each(|late| late.set(Arc::clone(&rows)));
            }
            (state.query_planner().create_physical_plan(&plan, &state).await, answer_names)
        }
        _ => {
            let (plan, answer_names) = question.plan(with_rows, desk).await?;
            (state.create_physical_plan(&plan).await, answer_names)
        }
    };
    let mut rows = execute_stream(physical.map_err(cleaned)?, context.task_ctx()).map_err(cleaned)?;
    let files: Vec<_> = tables.into_iter().flat_map(|table| table.past).collect();
    tables::check_there(&files)?;
    let columns = answer_names.columns(&rows.schema());
    if !desk.head(&columns).await {
        return Ok(());
    }
    while let Some(batch) = rows.next().await {
        let batch = batch.and_then(|batch| answer_names.rows(batch, &columns));
        if !desk.rows(batch.map_err(cleaned)?).await {
            break;
        }
    }
    Ok(())
}

/// Tells a table that is there already.
async fn tell(table: RecordBatch, asked: &QuestionRequest, desk: &mut impl Desk) -> Result<(), EngineError> {
    match &asked.task {
        StatementTask::Rows(_) => _ = desk.head(&table.schema()).await && desk.rows(table).await,
        StatementTask::Columns(_) => {
            let description = StatementDescription { parameters: vec![], columns: table.schema(), notes: vec![] };
            desk.head(&description.schema()).await;
        }
    }
    Ok(())
}

/// What a planned statement takes and gives.
fn description(
    plan: &LogicalPlan,
    known: &[Option<String>],
    said: &[Option<DataType>],
) -> Planned<StatementDescription> {
    let inferred = plan.get_parameter_types()?;
    let parameters = said.iter().enumerate().map(|(place, said)| {
        let ty = said.clone().or_else(|| inferred.get(&format!("${}", place + 1)).cloned().flatten());
        // Whose type the asker knows is not looked at again.
        if known.get(place).is_some_and(Option::is_some) { DataType::Null } else { ty.unwrap_or(DataType::Utf8) }
    });
    let columns = Arc::new(plan.schema().as_arrow().clone());
    Ok(StatementDescription { parameters: parameters.collect(), columns, notes: vec![] })
}

/// Makes known to a question what the tables are, if it asks that.
fn describe_all(
    context: &SessionContext,
    asked: &QuestionRequest,
    reads: &[TableReference],
    desk: &mut impl Desk,
) -> Result<(), EngineError> {
    let asks = reads.iter().any(|reference| catalog::is_catalog(reference, &asked.known));
    // A comment is asked for by the number of its object, whatever is read.
    let comments = asks || asked.sql.contains("_description") || asked.sql.contains("regclass");
    let tables = match comments {
        true => desk.tables(TableRequest::columns(&asked.known))?,
        false => vec![],
    };
    catalog::register_functions(context, &tables);
    let own = context.catalog(CATALOG).filter(|_| asks);
    own.map_or(Ok(()), |own| catalog::register(&*own, reads, &tables)).map_err(cleaned)
}

/// The columns of a table: names, types as people know them, and what they mean.
fn described(name: &str, asked: &QuestionRequest, desk: &mut impl Desk) -> Result<RecordBatch, EngineError> {
    let name = known_as(name, &asked.known).ok_or_else(|| unknown(name, name, &asked.known))?;
    let tables = desk.tables(TableRequest::columns(std::slice::from_ref(name)))?;
    let fields: Vec<FieldRef> = tables.iter().flat_map(|table| table.schema.fields().iter().cloned()).collect();
    let of = |text: &dyn Fn(&FieldRef) -> Option<String>| -> ArrayRef {
        Arc::new(fields.iter().map(text).collect::<StringArray>())
    };
    let columns = [
        ("column_name", of(&|field| Some(field.name().clone()))),
        (
            "data_type",
            of(&|field| Some(types::written(types::oid(field.data_type()), types::modifier(field.data_type())))),
        ),
        ("is_nullable", of(&|_| Some("YES".into()))),
        ("comment", of(&|field| field.metadata().get(COMMENT).cloned())),
    ];
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| EngineError::Internal(error.to_string()))
}

fn context(memory_bytes: usize, lists: bool) -> Result<SessionContext, EngineError> {
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
    context.add_analyzer_rule(Arc::new(WrittenInstants));
    stretches::register(&context);
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
    let is_at = |spelling: &str| MetricAt::of(spelling).is_some_and(|at| known.contains(&at.metric));
    for reference in reads {
        if catalog::is_catalog(reference, known) {
            continue;
        }
        let spelling = reference.table();
        let in_schema = reference.schema().is_none_or(|schema| schema == SCHEMA);
        let own = in_schema && reference.catalog().is_none_or(|catalog| catalog == CATALOG);
        match known_as(spelling, known) {
            Some(name) if own => spelled.insert(spelling.to_owned(), name.clone()),
            None if own && is_at(spelling) => spelled.insert(spelling.to_owned(), spelling.to_owned()),
            None if own && context.state().table_functions().contains_key(spelling) => None,
            _ => return Err(unknown(&reference.to_string(), spelling, known)),
        };
    }
    Ok(spelled)
}

/// A table's name in its own letters.
pub(super) fn known_as<'a>(spelling: &str, known: &'a [String]) -> Option<&'a String> {
    let exact = known.iter().find(|name| *name == spelling);
    exact.or_else(|| known.iter().find(|name| name.eq_ignore_ascii_case(spelling)))
}

/// That there is no such table.
pub(super) fn unknown(written: &str, spelling: &str, known: &[String]) -> EngineError {
    let meant = meant(spelling, known.iter().map(String::as_str));
    let help = if meant.is_empty() {
        "; SHOW TABLES lists what there is, and metrics of events are rows of `totals`".to_owned()
    } else {
        meant
    };
    EngineError::NotFound(format!("there is no table `{written}`{help}"))
}

/// The answer to `SHOW TABLES`: names only, for which no row of any table is needed.
fn list(names: &[String]) -> RecordBatch {
    let names = StringArray::from_iter_values(names);
    RecordBatch::try_from_iter([("table_name", Arc::new(names) as _)]).expect("one column has one length")
}
