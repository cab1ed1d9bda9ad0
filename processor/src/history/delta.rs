//! The logs of tables, in the format of Delta. The only module that names `delta_kernel`.
//!
//! What a log is to have follows from a checkpoint; see [`super`]. Commits are made by our own store, as heads are: by
//! exclusive creation, and durable before they count.

use super::log::{self, LogFiles};
use super::moving::{day_of, folder_of, rewrites};
use super::{TableUpdate, rows_of};
use crate::checkpoint::store::Creation;
use crate::checkpoint::{FileRef, StateLocation, Store, history_prefix};
use crate::results;
use crate::results::layout::DAY;
use crate::url;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    StructArray,
};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use delta_kernel::committer::{CommitMetadata, CommitResponse, Committer, PublishMetadata};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine::to_json_bytes;
use delta_kernel::object_store::DynObjectStore;
use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel::schema::{DataType, StructField, StructType};
use delta_kernel::transaction::CommitResult;
use delta_kernel::transaction::UpdateTableOperation;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::{
    Engine, FileMeta, FilteredEngineData, KernelError, KernelResult, KernelResultIterator, Snapshot, SnapshotRef,
};
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What stands in a log as its writer.
const WRITER: &str = concat!("timeline/", env!("CARGO_PKG_VERSION"));
/// The folder of a table's log.
const LOG: &str = "_delta_log";
/// How often a commit is tried while others commit to the same table.
const ATTEMPTS: u32 = 50;

/// The tables in one place.
pub(super) struct DeltaTables {
    place: StateLocation,
    store: Arc<dyn Store>,
    /// Made when it is first needed.
    engine: Option<Arc<dyn Engine>>,
    /// The tables that know newer checkpoints than ours, with whose: that is said once.
    behind: BTreeSet<(String, String)>,
    /// Columns of which it was said that a table cannot have them.
    left_out: BTreeSet<String>,
}

impl DeltaTables {
    pub(super) fn new(place: &StateLocation) -> DeltaTables {
        DeltaTables {
            place: place.clone(),
            store: place.store(""),
            engine: None,
            behind: BTreeSet::new(),
            left_out: BTreeSet::new(),
        }
    }

    /// Brings a table's log up to what a checkpoint names of it.
    pub(super) fn project(&mut self, table: &str, app: &str, projection: &TableUpdate) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            match self.step(table, app, projection) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    // The place may be another folder by the next attempt.
                    self.store = self.place.store("");
                    return Err(error.to_string());
                }
            }
        }
        Err(format!("others commit to {table} all the time"))
    }

    /// Whether some table says more of a partition than its newest checkpoint: its log may have files that are needless to us.
    pub(super) fn is_behind(&self, app: &str) -> bool {
        self.behind.iter().any(|(of, _)| of == app)
    }

    fn engine(&mut self) -> KernelResult<Arc<dyn Engine>> {
        if let Some(engine) = &self.engine {
            return Ok(Arc::clone(engine));
        }
        let executor = TokioMultiThreadExecutor::new_owned_runtime(Some(1), None)?;
        let objects: Arc<DynObjectStore> = match &self.place {
            StateLocation::Local(_) => Arc::new(LocalFileSystem::new()),
            StateLocation::Bucket(bucket) => bucket.objects(),
        };
        let engine = DefaultEngineBuilder::new(objects).with_task_executor(Arc::new(executor)).build();
        let engine: Arc<dyn Engine> = Arc::new(engine);
        self.engine = Some(Arc::clone(&engine));
        Ok(engine)
    }

    /// Where a table is, as the library calls it.
    fn root(&self, table: &str) -> String {
        match &self.place {
            StateLocation::Local(root) => format!("{}/", url::of(&root.join(table))),
            StateLocation::Bucket(bucket) => format!("{bucket}/{table}/"),
        }
    }

    fn committer(&self, table: &str) -> Box<Durable> {
        Box::new(Durable { store: Arc::clone(&self.store), log: format!("{table}/{LOG}") })
    }

    /// One commit that brings a log nearer to what it is to have: whether it has it now.
    fn step(&mut self, table: &str, app: &str, projection: &TableUpdate) -> KernelResult<bool> {
        let files = projection.of(table);
        let table = folder_of(table);
        let wanted: BTreeMap<String, &FileRef> = files.map(|file| (path_of(table, file), file)).collect();
        let log = format!("{table}/{LOG}");
        let there = self.store.list(&log).map_err(|error| KernelError::generic(error.to_string()))?;
        let exists = !there.is_empty();
        if !exists && wanted.is_empty() {
            return Ok(true);
        }
        let engine = self.engine()?;
        if !exists {
            let columns = columns(wanted.values().copied(), projection)?;
            let schema = Arc::new(StructType::try_new(columns)?);
            let create = create_table(self.root(table), schema, WRITER, true)
                .with_data_layout(DataLayout::partitioned([DAY]))
                .build(&*engine, self.committer(table))?;
            // Whoever made it, it is there afterwards.
            let _ = create.commit(&*engine)?;
            return Ok(false);
        }
        let snapshot = Snapshot::builder_for(self.root(table)).build(&*engine)?;
        let epoch = i64::try_from(projection.epoch).unwrap_or(i64::MAX);
        if let Some(known) = snapshot.get_app_id_version(app, &*engine)?.filter(|known| *known > epoch) {
            // Another one owns the partition by now, and has said more.
            if self.behind.insert((app.to_owned(), table.to_owned())) {
                tracing::warn!(
                    "{table} has rows of checkpoint {known}, this processor is at {epoch}: another one owns the partition, \
                     or its state was put back from a copy; then the table is brought up to it once it is beyond {known}"
                );
            }
            return Ok(true);
        }
        self.behind.remove(&(app.to_owned(), table.to_owned()));
        let active = Active::of(&snapshot, &*engine, &history_prefix(app))?;
        let Some(change) = Change::of(&active, &wanted) else { return Ok(true) };
        let operation = if change.is_logical { UpdateTableOperation::Write } else { UpdateTableOperation::Optimize };
        let mut builder = Arc::clone(&snapshot).update_table(operation, WRITER, change.is_logical);
        let known = snapshot.schema();
        for column in columns(change.adds.iter().copied(), projection)? {
            let name = column.name().to_lowercase();
            if known.fields().all(|known| known.name().to_lowercase() != name) {
                builder = builder.add_column(column);
            } else if known.field(column.name()).is_none() && self.left_out.insert(format!("{table}.{}", column.name()))
            {
                tracing::warn!(
                    "the table {table} has no column `{}`: another one differs by letter case only; answers of `query` have both",
                    column.name()
                );
            }
        }
        let mut commit = builder.build(&*engine, self.committer(table))?.with_transaction_id(app.to_owned(), epoch);
        if !change.adds.is_empty() {
            let rows = adds(table, &change.adds)?;
            commit.add_files(Box::new(ArrowEngineData::new(rows)));
        }
        for (rows, files) in active.batches {
            let goes = |path: &Option<String>| path.as_ref().is_some_and(|path| change.removes.contains(path));
            let selected: Vec<bool> = files.iter().map(goes).collect();
            if selected.contains(&true) {
                commit.remove_files(FilteredEngineData::try_new(Box::new(ArrowEngineData::new(rows)), selected)?);
            }
        }
        let CommitResult::Committed(done) = commit.commit(&*engine)? else { return Ok(false) };
        // A table may say itself how long its log is to be, as whoever owns it wants it.
        let properties = snapshot.table_properties();
        let interval = properties.checkpoint_interval.map_or(log::COMMITS_MAX, NonZero::get);
        if LogFiles::of(&there).is_long(done.commit_version(), interval) {
            let now = Snapshot::builder_for(self.root(table)).build(&*engine)?;
            now.checkpoint(&*engine, None)?;
            let is_durable = self.sync(table);
            if is_durable && properties.enable_expired_log_cleanup != Some(false) {
                self.shorten(&log, properties.log_retention_duration.unwrap_or(log::RETENTION));
            }
        }
        // There may be a second commit to make.
        Ok(false)
    }

    /// Deletes what of a log nobody needs; what cannot be looked at or deleted now goes another time.
    fn shorten(&self, log: &str, keep: Duration) {
        let now = now_ms();
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let is_old = |version: u64| {
            let commit = self.store.read(&format!("{log}/{}", log::commit_name(version))).ok()??;
            Some(log::made_ms(&commit)? <= now.saturating_sub(keep))
        };
        let files = self.store.list(log).unwrap_or_default();
        for name in LogFiles::of(&files).needless(is_old) {
            if self.store.delete(&format!("{log}/{name}")).is_err() {
                return;
            }
        }
    }

    /// Makes what the library wrote beside the commits durable, where it does not do so itself: whether it is.
    fn sync(&self, table: &str) -> bool {
        let StateLocation::Local(root) = &self.place else { return true };
        let folder = root.join(table).join(LOG);
        let is_written = |path: &PathBuf| path.extension().is_none_or(|extension| extension == "parquet");
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        // A reader that finds a checkpoint broken reads the commits, which are there for as long as it is young.
        let mut paths = files.filter(is_written).chain([folder.clone()]);
        paths.all(|path| std::fs::File::open(path).and_then(|file| file.sync_all()).is_ok())
    }
}

/// How a table's log calls a file.
fn path_of(table: &str, file: &FileRef) -> String {
    let inside = file.name.split_once(&format!("/{table}/")).map_or(&*file.name, |(_, path)| path);
    inside.to_owned()
}

/// The files of a partition that a log has.
struct Active {
    /// Rows of the log with the paths of ours.
    batches: Vec<(RecordBatch, Vec<Option<String>>)>,
    /// The day of each, and how many rows it has.
    files: BTreeMap<String, u64>,
}

impl Active {
    fn of(snapshot: &SnapshotRef, engine: &dyn Engine, prefix: &str) -> KernelResult<Active> {
        let scan = Arc::clone(snapshot).scan_builder().build()?;
        let mut active = Active { batches: vec![], files: BTreeMap::new() };
        for part in scan.scan_metadata(engine)? {
            let (data, selected) = part?.scan_files.into_parts();
            let rows: RecordBatch = ArrowEngineData::try_from_engine_data(data)?.into();
            let text = |name: &str| rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).cloned();
            let missing = || KernelError::generic("a log has no paths");
            let (paths, stats) = (text("path").ok_or_else(missing)?, text("stats"));
            let own = |i: usize| {
                let is_there = selected.get(i).copied().unwrap_or(true) && paths.is_valid(i);
                let path = Some(paths.value(i)).filter(|_| is_there)?;
                path.rsplit('/').next()?.starts_with(prefix).then(|| path.to_owned())
            };
            let files: Vec<Option<String>> = (0..rows.num_rows()).map(own).collect();
            for (i, path) in files.iter().enumerate() {
                let stats = stats.as_ref().filter(|stats| stats.is_valid(i)).map(|stats| stats.value(i));
                let stats = stats.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
                let count = stats.and_then(|stats| stats["numRecords"].as_u64()).unwrap_or(0);
                active.files.extend(path.clone().map(|path| (path, count)));
            }
            active.batches.push((rows, files));
        }
        Ok(active)
    }
}

/// What is to be committed next.
struct Change<'a> {
    adds: Vec<&'a FileRef>,
    removes: BTreeSet<String>,
    /// Whether there are other rows afterwards, and not the same ones in other files.
    is_logical: bool,
}

impl<'a> Change<'a> {
    /// Files that have the rows of others go first, so that whoever follows the table sees that nothing changed.
    fn of(active: &Active, wanted: &BTreeMap<String, &'a FileRef>) -> Option<Change<'a>> {
        let new = |(path, file): (&String, &&'a FileRef)| (!active.files.contains_key(path)).then_some(*file);
        let adds: Vec<&FileRef> = wanted.iter().filter_map(new).collect();
        let removes: BTreeSet<String> =
            active.files.keys().filter(|path| !wanted.contains_key(*path)).cloned().collect();
        if adds.is_empty() && removes.is_empty() {
            return None;
        }
        let mut days: BTreeMap<&str, (Vec<&'a FileRef>, BTreeSet<String>, i128)> = BTreeMap::new();
        for file in adds.iter().copied().filter(|file| rewrites(file)) {
            let (files, _, rows) = days.entry(day_of(file).unwrap_or_default()).or_default();
            files.push(file);
            *rows += i128::from(rows_of(file));
        }
        for path in &removes {
            let day = path.split('/').next().and_then(|folder| folder.split_once('=')).map_or("", |(_, day)| day);
            if let Some((_, paths, rows)) = days.get_mut(day) {
                paths.insert(path.clone());
                *rows -= i128::from(active.files[path]);
            }
        }
        let same: Vec<_> = days.into_values().filter(|(_, paths, rows)| !paths.is_empty() && *rows == 0).collect();
        if same.is_empty() {
            return Some(Change { adds, removes, is_logical: true });
        }
        let adds = same.iter().flat_map(|(files, ..)| files.iter().copied()).collect();
        let removes = same.into_iter().flat_map(|(_, paths, _)| paths).collect();
        Some(Change { adds, removes, is_logical: false })
    }
}

/// The columns of files, the day among them, as a log has them.
fn columns<'a>(files: impl Iterator<Item = &'a FileRef>, projection: &TableUpdate) -> KernelResult<Vec<StructField>> {
    let mut columns: Vec<StructField> = vec![];
    for file in files {
        let schema = schema_of(file, projection)?;
        for field in schema.fields() {
            // Of names that differ by letter case only a table has the first.
            let name = field.name().to_lowercase();
            if !columns.iter().any(|column| column.name().to_lowercase() == name) {
                columns.push(StructField::nullable(field.name(), type_of(field.data_type())?));
            }
        }
    }
    columns.push(StructField::nullable(DAY, DataType::DATE));
    Ok(columns)
}

/// The columns of a file: as it was written, or read from it.
fn schema_of(file: &FileRef, projection: &TableUpdate) -> KernelResult<SchemaRef> {
    if let Some(schema) = projection.schemas.get(&file.name) {
        return Ok(Arc::clone(schema));
    }
    let bytes = projection.reader.read(file).map_err(|error| KernelError::generic(error.to_string()))?;
    results::written_schema(bytes).map_err(|error| KernelError::generic(error.to_string()))
}

fn type_of(ty: &ArrowType) -> KernelResult<DataType> {
    Ok(match ty {
        ArrowType::Utf8 => DataType::STRING,
        ArrowType::Int64 => DataType::LONG,
        ArrowType::Float64 => DataType::DOUBLE,
        ArrowType::Boolean => DataType::BOOLEAN,
        ArrowType::Timestamp(TimeUnit::Microsecond, Some(_)) => DataType::TIMESTAMP,
        ArrowType::Decimal128(precision, scale) => DataType::decimal(*precision, scale.unsigned_abs())?,
        other => return Err(KernelError::generic(format!("a table has no column of {other}"))),
    })
}

/// Milliseconds since 1970, by the clock of this machine.
fn now_ms() -> i64 {
    let now = event_feeder::world::wall_clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// What a log says of files that it gets.
fn adds(table: &str, files: &[&FileRef]) -> Result<RecordBatch, ArrowError> {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut days = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        days.keys().append_value(DAY);
        days.values().append_value(day_of(file).unwrap_or_default());
        days.append(true)?;
    }
    let now = now_ms();
    let number = |x: u64| i64::try_from(x).unwrap_or(i64::MAX);
    let paths: StringArray = files.iter().map(|file| Some(path_of(table, file))).collect();
    let sizes: Int64Array = files.iter().map(|file| Some(number(file.length))).collect();
    let times: Int64Array = files.iter().map(|_| Some(now)).collect();
    let rows: Int64Array = files.iter().map(|file| Some(number(rows_of(file)))).collect();
    let rows: (Arc<Field>, ArrayRef) = (Arc::new(Field::new("numRecords", ArrowType::Int64, true)), Arc::new(rows));
    let stats = StructArray::from(vec![rows]);
    let days = days.finish();
    let fields = vec![
        Field::new("path", ArrowType::Utf8, false),
        Field::new("partitionValues", days.data_type().clone(), false),
        Field::new("size", ArrowType::Int64, false),
        Field::new("modificationTime", ArrowType::Int64, false),
        Field::new("stats", stats.data_type().clone(), true),
    ];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(paths), Arc::new(days), Arc::new(sizes), Arc::new(times), Arc::new(stats)];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Commits by exclusive creation in our own store.
struct Durable {
    store: Arc<dyn Store>,
    log: String,
}

impl Committer for Durable {
    fn commit(
        &self,
        _: &dyn Engine,
        actions: KernelResultIterator<'_, FilteredEngineData>,
        metadata: CommitMetadata,
    ) -> KernelResult<CommitResponse> {
        let failed = |error: crate::checkpoint::StoreError| KernelError::generic(error.to_string());
        let (bytes, version) = (log::with_properties(to_json_bytes(actions)?), metadata.version());
        let name = format!("{}/{}", self.log, log::commit_name(version));
        let is_ours = match self.store.create(&name, &bytes).map_err(failed)? {
            Creation::Created => true,
            Creation::Exists | Creation::Unclear => self.store.read(&name).map_err(failed)?.as_ref() == Some(&bytes),
        };
        if !is_ours {
            return Ok(CommitResponse::Conflict { version });
        }
        let (at, length) = (metadata.published_commit_path()?, bytes.len() as u64);
        Ok(CommitResponse::Committed { file_meta: FileMeta::new(at, metadata.in_commit_timestamp(), length) })
    }

    fn is_catalog_committer(&self) -> bool {
        false
    }

    fn publish(&self, _: &dyn Engine, _: PublishMetadata) -> KernelResult<()> {
        Ok(())
    }
}
