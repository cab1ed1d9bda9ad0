//! What others ask of a processor: each question goes to the partitions, and their answers become one.

use super::cluster::Cluster;
use super::work::Bound;
use super::{Service, answers, as_of, bounds, changes, replaying};
use crate::checkpoint::patience::Asking;
use crate::checkpoint::{self, SilentStore};
use crate::code::StateCode;
use crate::engine::{
    AnswerBasis, AnswerNote, Engine, EngineError, IsWanted, Listed, MetricAt, Page, PageExtent, PositionOf, Snapshot,
    TableData, TableScan,
};
use crate::memory;
use crate::partition::{Ask, Asks, NoAnswer, PartitionAnswer};
use crate::programs::{DeployedPrograms, DeploymentStart};
use crate::rows::{TABLES, documented};
use crate::story;
use crate::traced;
use arrow::array::RecordBatch;
use event_feeder::world::{self, Instant};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use timeline_core::plan::Plan;
use timeline_core::{Time, instant_text, nearest};
use timeline_dsl::explain::definition_text;

/// Time between two looks for what is waited for.
const AGAIN: Duration = Duration::from_millis(30);
/// How often a question is put again because the programs have changed meanwhile.
const ASKED_MAX: usize = 8;
/// How long a deployment waits for queries that begin now.
const BEGUN: Duration = Duration::from_secs(30);

impl Engine for Service {
    fn status(&self) -> Json {
        // How this processor is: whoever watches all of them adds up.
        let (partitions, own) = self.status_own();
        let catching_up = self.catching_up(&own);
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.options.state.to_string(),
            "tables": self.table_names(),
            "partitions": partitions,
            "history": self.options.history.as_ref().map(|history| history.status()),
            "silent_stores": silent_stores(),
            "resident_bytes": memory::resident(),
            "programs": self.programs_version(),
            "catching_up": catching_up,
            "members": self.members(),
        })
    }

    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
        // Those that are catching up as well: whoever asks for them is told so.
        for bound in &self.lock().bound {
            // Metrics of events have rows in `totals` alone.
            let of_sessions = bound.plan.metrics.iter().filter(|metric| !bound.plan.is_of_events(metric.root));
            let outputs =
                of_sessions.map(|metric| &metric.name).chain(bound.plan.alerts.iter().map(|alert| &alert.name));
            let shown = outputs.filter(|name| bound.labels.shows(name));
            let new: Vec<String> = shown.filter(|name| !names.contains(name)).cloned().collect();
            names.extend(new);
        }
        names
    }

    fn read(
        &self,
        scans: &[TableScan],
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Snapshot, EngineError> {
        let _asking = Asking::begin();
        let tables: Vec<String> = scans.iter().map(|scan| scan.table.clone()).collect();
        let shown: Vec<String> = tables.iter().map(|table| MetricAt::shown(table)).collect();
        let sync = self.wait_for_tables(&shown, sync, is_wanted)?;
        let ((bound, sealed, answers), recalled) = self.ask_or_recall(scans, sync, is_wanted)?;
        let logs = answers::by_source(&bound, &answers);
        let seen: Vec<_> = bound.iter().filter(|bound| bound.answers()).cloned().collect();
        let answering = answers::by_source(&seen, &answers);
        let names: Vec<&str> = tables.iter().map(String::as_str).collect();
        let tables = scans.iter().map(|scan| match scan.table.as_str() {
            _ if !is_wanted() => Err(NoAnswer::Unwanted.into()),
            "spans" => replaying::spans(&answering, scan.sessions.as_ref(), is_wanted),
            "sessions" => answers::sessions(&answering, &sealed, scan.sessions.as_ref()),
            "queries" => Ok(answers::plain("queries", answers::queries(&bound, &answers))),
            "partitions" | "nodes" => answers::table(scan, &logs, &sealed),
            name => match MetricAt::of(name) {
                Some(at) => as_of::table(&at, &answering, scan.sessions.as_ref(), is_wanted)
                    .map_err(|error| self.not_there_yet(&at.metric, error)),
                None => answers::table(scan, &answering, &sealed).map_err(|error| self.not_there_yet(name, error)),
            },
        });
        let tables = tables.collect::<Result<Vec<_>, EngineError>>()?;
        let answers = answering.iter().flat_map(answers::LogAnswer::answers);
        let positions = answers.map(|answer| answers::position(answer, &names)).collect();
        let mixed = scans.iter().filter_map(|scan| answers::mixed_versions(scan, &seen, &sealed));
        let dropped = scans.iter().filter_map(|scan| answers::dropped_rows(scan, &answering));
        let notes =
            recalled.into_iter().chain(mixed).chain(dropped).chain(answers::losses(scans, &answering)).collect();
        Ok(Snapshot { tables, basis: AnswerBasis { positions, notes } })
    }

    fn columns(&self, tables: &[String]) -> Result<Vec<TableData>, EngineError> {
        let _asking = Asking::begin();
        let (bound, sealed) = self.deployed()?;
        let seen: Vec<_> = bound.iter().filter(|bound| bound.answers()).cloned().collect();
        let (all, answering) = (answers::by_source(&bound, &[]), answers::by_source(&seen, &[]));
        let table = |asked: &String| {
            let name = &MetricAt::shown(asked);
            let mut table = match name.as_str() {
                "spans" => replaying::spans(&answering, None, &|| true),
                "sessions" => answers::sessions(&all, &[], None),
                "queries" => Ok(answers::plain("queries", answers::queries(&bound, &[]))),
                // Columns of metrics that are replaced, or gone, are columns still.
                "finals" | "alerts" => answers::table(&TableScan::whole(name), &answering, &sealed),
                // One that is catching up has its columns already.
                name => answers::table(&TableScan::whole(name), &all, &[]),
            }?;
            let mut metrics =
                bound.iter().flat_map(|bound| bound.plan.metrics.iter().map(move |metric| (&bound.plan, metric)));
            let metric = metrics.rfind(|(_, metric)| metric.name == *name);
            let definition = metric.map(|(plan, metric)| definition_text(plan, metric.root));
            table.schema = documented(name, &table.schema, definition.as_deref());
            table.name.clone_from(asked);
            (table.live, table.past) = (vec![], vec![]);
            Ok(table)
        };
        tables.iter().map(table).collect()
    }

    fn notes(&self, scans: &[TableScan]) -> Result<Vec<AnswerNote>, EngineError> {
        if !scans.iter().any(|scan| scan.mixes_versions) {
            return Ok(vec![]);
        }
        let _asking = Asking::begin();
        let (mut bound, sealed) = self.deployed()?;
        bound.retain(Bound::answers);
        Ok(scans.iter().filter_map(|scan| answers::mixed_versions(scan, &bound, &sealed)).collect())
    }

    fn session(
        &self,
        key: &str,
        at: Option<i64>,
        query: Option<&str>,
        sync: Option<Duration>,
    ) -> Result<Json, EngineError> {
        let _asking = Asking::begin();
        let has = |bound: &Bound, name: &str| bound.labels.shows(name) && answers::has(&bound.plan, name);
        if let Some(name) = query.filter(|name| !self.answering().iter().any(|bound| has(bound, name))) {
            return Err(self.not_there_yet(name, self.unknown(name)));
        }
        let (bound, _, answers) = self.ask_as_deployed(|_| Ask::Key(key.to_owned()).into(), sync, &|| true)?;
        let bound: Vec<Bound> = bound.into_iter().filter(Bound::answers).collect();
        let mut sources = vec![];
        let mut gone = vec![];
        for (answer, bound) in answers
            .iter()
            .filter_map(|answer| Some((answer, bound.iter().find(|bound| bound.plan.name() == answer.plan.name())?)))
        {
            let Some(horizon) = answer.horizon else { continue };
            let nodes = answers::nodes_of(&answer.plan, |name| {
                bound.labels.shows(name) && query.is_none_or(|query| query == name)
            });
            if nodes.is_empty() {
                continue;
            }
            let replaying::PartitionReplay { sources: logs, before, is_whole } = replaying::logs(answer)?;
            let question = story::StoryQuestion { key, at, nodes, horizon, before, reach: &answer.reach };
            let mut story = story::tell(&answer.plan, logs, &question).map_err(replaying::unread)?;
            if !is_whole {
                gone.extend(answers::forgotten(answer, key, &mut story)?);
            }
            sources.push((answer, story));
        }
        let found = sources.iter().any(|(_, story)| story["sessions"].as_array().is_some_and(|all| !all.is_empty()));
        if !found && !gone.is_empty() {
            return Err(EngineError::NotFound(format!(
                "not kept: the sessions of `{key}` began before the events that are kept"
            )));
        }
        if !found && at.is_some() {
            return Err(EngineError::NotFound(format!("no session of `{key}` is known to have been on then")));
        }
        if !found {
            return Err(EngineError::NotFound(format!("no session of `{key}` has been seen")));
        }
        let positions: Vec<PositionOf> =
            sources.iter().map(|(answer, _)| answers::position(answer, &["session"])).collect();
        let mut all: Vec<Json> = vec![];
        for (answer, story) in &sources {
            for session in story["sessions"].as_array().into_iter().flatten() {
                let mut session = session.clone();
                session["source"] = json!(answer.plan.name());
                session["partition"] = json!(answer.partition);
                answers::add_story(&mut all, session);
            }
        }
        let mut told = json!({"key": key, "at_ns": at, "sessions": all, "not_kept_ns": gone, "positions": positions});
        let notes = answers::losses_about(query, &answers::by_source(&bound, &answers));
        if !notes.is_empty() {
            told["notes"] = json!(notes);
        }
        Ok(told)
    }

    fn outliers(&self, name: &str, page: Page, sync: Option<Duration>) -> Result<Listed, EngineError> {
        let _asking = Asking::begin();
        let (bound, _, answers) = self.ask_as_deployed(|_| Ask::Sessions.into(), sync, &|| true)?;
        let bound: Vec<Bound> = bound.into_iter().filter(Bound::answers).collect();
        let logs = answers::by_source(&bound, &answers);
        let position = |answer| answers::position(answer, &["finals", "alerts"]);
        let positions = logs.iter().flat_map(answers::LogAnswer::answers).map(position).collect();
        for log in &logs {
            if let Some((rows, of)) = answers::outliers(log, name, page)? {
                let extent = PageExtent { offset: page.offset, rows: rows.num_rows(), of };
                let notes = answers::losses_about(Some(name), &logs);
                return Ok(Listed { rows, extent, positions, notes });
            }
        }
        Err(self.not_there_yet(name, self.unknown(name)))
    }

    fn queries(&self) -> Result<RecordBatch, EngineError> {
        // What runs is known though a partition does not answer; what there is to say of its records is not.
        // Partitions that wait for a store would be waited for.
        let _asking = Asking::begin();
        let is_silent = || !checkpoint::silent_stores().is_empty();
        let asked = if is_silent() { None } else { self.ask(&Ask::Status.into(), None).ok() };
        // What a store does not let them say, they may have said before; the remarks tell of that.
        let answers = asked.unwrap_or_else(|| if is_silent() { self.seen.recalled().0 } else { vec![] });
        Ok(answers::queries(&self.lock().bound, &answers))
    }

    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<Json, EngineError> {
        let files: Vec<&str> = programs.iter().map(|(file, _)| file.as_str()).collect();
        let span = traced::deployment(&files.join(", "), plan_only);
        traced::within(&span, || self.deploy_now(&programs, plan_only, from))
    }

    fn drop_query(&self, name: &str) -> Result<Json, EngineError> {
        traced::within(&traced::dropping(name), || self.drop_now(name))
    }

    fn answer_peer(&self, question: &[u8]) -> Result<Vec<u8>, EngineError> {
        let _asking = Asking::begin();
        self.answer_other(question)
    }

    fn programs_version(&self) -> u64 {
        self.lock().programs.version
    }
}

/// That an answer says how partitions last were, since the store of their state gives no answer, and when that was.
fn as_it_was(silent: &SilentStore, since: Option<Time>) -> AnswerNote {
    let then = match since {
        Some(at) => format!("those of this processor are shown as they were at {}, or later", instant_text(at)),
        None => "none has said since the start how it is".to_owned(),
    };
    AnswerNote {
        message: format!("{}; no partition can say how it is, and {then}", silent.line()),
        help: StateCode::StoreSilent.help().to_owned(),
    }
}

/// The stores that give no answer, as a status tells them.
fn silent_stores() -> Vec<Json> {
    let of = |SilentStore { place, since, error }| json!({"place": place, "since_ns": since, "error": error});
    checkpoint::silent_stores().into_iter().map(of).collect()
}

impl Service {
    /// Deploys programs, or says what that would do.
    fn deploy_now(
        &self,
        programs: &[(String, String)],
        plan_only: bool,
        from: Option<String>,
    ) -> Result<Json, EngineError> {
        let from = match from.as_deref() {
            None | Some("start") => DeploymentStart::Start,
            Some("now") => DeploymentStart::Now,
            Some(other) => return Err(EngineError::invalid(format!("`from` is `start` or `now`, not `{other}`"))),
        };
        self.refuse_without_store()?;
        let changing = self.changing();
        self.adopt_newest()?;
        let before = self.lock().programs.clone();
        if plan_only {
            let (after, mut told) = self.planned(&before, programs, from)?;
            let foretold: Vec<Json> = self.foretold(&after)?.into_iter().map(Json::from).collect();
            told["notes"].as_array_mut().into_iter().for_each(|notes| notes.extend(foretold.clone()));
            return Ok(told);
        }
        let renewed = self.carrying(&before, programs)?.0.renewed(&before)?;
        // Only of partitions that stand is it known what they have asked of their tables.
        let deciding = self.cluster.as_ref().filter(|_| !renewed.is_empty()).map(Cluster::deciding);
        self.pause(&renewed);
        let changed = self.planned(&before, programs, from).and_then(|(after, told)| {
            if after != before {
                self.change(after.clone())?;
            }
            Ok((after, told))
        });
        let resumed = self.resume(&renewed);
        drop(deciding);
        let (after, mut told) = changed?;
        resumed?;
        drop(changing);
        let number = after.deployments.last().filter(|last| last.catching_up).map(|last| last.number);
        if let Some(number) = number.filter(|_| from == DeploymentStart::Now) {
            self.wait_until_begun(number)?;
        }
        told["not_yet"] = json!(self.wait_for_others());
        told["catching_up"] = json!(number.filter(|number| self.is_catching_up(*number)));
        Ok(told)
    }

    /// Ends a query.
    fn drop_now(&self, name: &str) -> Result<Json, EngineError> {
        self.refuse_without_store()?;
        let changing = self.changing();
        self.adopt_newest()?;
        let before = self.lock().programs.clone();
        let Some(after) = before.without(name) else {
            return Err(self.unknown(name));
        };
        let kept = changes::kept(&before, &after, name);
        self.change(after)?;
        drop(changing);
        Ok(json!({"dropped": [name], "notes": kept, "not_yet": self.wait_for_others()}))
    }

    /// The programs with tables that carry on those that are deployed, and the texts as they are then.
    fn carrying(
        &self,
        before: &DeployedPrograms,
        texts: &[(String, String)],
    ) -> Result<(DeployedPrograms, Vec<(String, String)>), EngineError> {
        before.carrying(texts, &|plan| self.asked_up_to(plan))
    }

    /// What a deployment would make of the programs, and what is to be told of that.
    fn planned(
        &self,
        before: &DeployedPrograms,
        texts: &[(String, String)],
        from: DeploymentStart,
    ) -> Result<(DeployedPrograms, Json), EngineError> {
        let (carrying, texts) = self.carrying(before, texts)?;
        let (after, outcomes) = carrying.with(&texts, from)?;
        let mut told = changes::changes(before, &after, &outcomes, timeline_dsl::explain::operator_text)?;
        if after != *before {
            let expected = changes::rows_a_day(before, &after, &outcomes, |plan| self.live_sessions(plan))?;
            let more = self.can_start_over(&after)?.into_iter().chain(expected).map(Json::from);
            told["notes"].as_array_mut().into_iter().for_each(|notes| notes.extend(more.clone()));
        }
        Ok((after, told))
    }
}

/// Answers, with the plans that there were all the time meanwhile, and what is left of those that are over.
type AsDeployed = (Vec<Bound>, Vec<Arc<answers::SealedPart>>, Vec<PartitionAnswer>);

impl Service {
    /// Waits for tables of metrics that are catching up, if the answer is to be true for all that the sources hold now;
    /// what is left of the time for that.
    fn wait_for_tables(
        &self,
        tables: &[String],
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Option<Duration>, EngineError> {
        let Some(limit) = sync else { return Ok(None) };
        let began = Instant::now();
        while let Some(name) = tables.iter().find(|name| self.is_coming(name)) {
            if began.elapsed() >= limit {
                return Err(EngineError::Timeout(format!(
                    "`{name}` is catching up with its log, and answers once it has"
                )));
            }
            if !is_wanted() {
                return Err(NoAnswer::Unwanted.into());
            }
            world::sleep(AGAIN);
        }
        Ok(Some(limit.saturating_sub(began.elapsed())))
    }

    /// How many sessions of a plan's sources are alive here, if anything that runs reads the same.
    fn live_sessions(&self, plan: &Plan) -> Option<u64> {
        let sources = |plan: &Plan| plan.sources().map(|source| source.name.clone()).collect::<BTreeSet<_>>();
        let mut live: BTreeMap<String, u64> = BTreeMap::new();
        for answer in self.status_own().1.iter().filter(|answer| sources(&answer.plan) == sources(plan)) {
            *live.entry(answer.plan.name()).or_default() += answer.live;
        }
        live.into_values().max()
    }

    /// That nothing has a name, and which one may have been meant.
    fn unknown(&self, name: &str) -> EngineError {
        let inner = self.lock();
        let shown = inner.bound.iter().flat_map(|bound| {
            let metrics = bound.plan.metrics.iter().map(|metric| &*metric.name);
            let all = metrics.chain(bound.plan.alerts.iter().map(|alert| &*alert.name));
            all.filter(|name| bound.labels.shows(name))
        });
        let near = nearest(name, shown).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        EngineError::NotFound(format!("no metric or alert `{name}` is deployed{near}"))
    }

    /// Whether nothing of a name answers yet, and something will.
    fn is_coming(&self, name: &str) -> bool {
        let inner = self.lock();
        let has = |bound: &&Bound| bound.labels.shows(name) && answers::has(&bound.plan, name);
        let mut all = inner.bound.iter().filter(has).peekable();
        all.peek().is_some() && all.all(|bound| !bound.answers())
    }

    /// Why nothing of a name is there: it may be on its way.
    fn not_there_yet(&self, name: &str, error: EngineError) -> EngineError {
        if !matches!(error, EngineError::NotFound(_)) || !self.is_coming(name) {
            return error;
        }
        EngineError::Unavailable(format!(
            "`{name}` is catching up with its log, and answers once it has; --sync waits for it, and `timeline queries` says how far it is"
        ))
    }

    /// Asks every partition, and says which plans there were all the time meanwhile, and what is left of those that are over:
    /// one that takes another's place while it is asked may have answered for less than the other one.
    fn ask_as_deployed(
        &self,
        asks: impl Fn(&[Bound]) -> Asks,
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<AsDeployed, EngineError> {
        let mut tried = 0;
        loop {
            let (version, bound, sealed) = {
                let inner = self.lock();
                (inner.programs.version, inner.bound.clone(), inner.programs.sealed.clone())
            };
            let answers = self.ask_while(&asks(&bound), sync, is_wanted)?;
            tried += 1;
            if self.programs_version() == version || tried == ASKED_MAX {
                return Ok((bound, self.sealed.of(&self.options.state, &sealed)?, answers));
            }
        }
    }

    /// Asks every partition for some tables. Where the store of the state gives no answer, so that none can say anything, those
    /// that tell no more than how far it is are told as it last was, with a note that says so.
    fn ask_or_recall(
        &self,
        scans: &[TableScan],
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<(AsDeployed, Option<AnswerNote>), EngineError> {
        let is_enough = sync.is_none() && scans.iter().all(|scan| bounds::tells_of_work(&scan.table));
        let recall = || {
            let silent = self.silence().filter(|_| is_enough)?;
            let (answers, since) = self.seen.recalled();
            let tells_how_far = scans.iter().any(|scan| scan.table != "nodes");
            let note = tells_how_far.then(|| as_it_was(&silent, since));
            Some(((self.lock().bound.clone(), vec![], answers), note))
        };
        if let Some(recalled) = recall() {
            return Ok(recalled);
        }
        match self.ask_as_deployed(|bound| bounds::asks(bound, scans), sync, is_wanted) {
            Ok(asked) => Ok((asked, None)),
            Err(error) => recall().ok_or(error),
        }
    }

    /// Nothing is changed while the store of the state gives no answer.
    fn refuse_without_store(&self) -> Result<(), EngineError> {
        self.silence().map_or(Ok(()), |silent| Err(NoAnswer::Silent(silent).into()))
    }

    fn is_catching_up(&self, number: u32) -> bool {
        self.lock().programs.deployments.iter().any(|one| one.number == number && one.catching_up)
    }

    /// Waits until queries that begin now have begun on every partition, so that what is written from here on counts.
    fn wait_until_begun(&self, number: u32) -> Result<(), EngineError> {
        let until = Instant::now() + BEGUN;
        while self.is_catching_up(number) {
            if Instant::now() >= until {
                let message = "it is deployed, but not at work on every partition yet: it begins there with what comes once it is";
                return Err(EngineError::Timeout(message.into()));
            }
            if !self.tend()? {
                world::sleep(AGAIN);
            }
        }
        Ok(())
    }
}

impl From<NoAnswer> for EngineError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Timeout | NoAnswer::Busy => EngineError::Timeout(error.to_string()),
            NoAnswer::Silent(_) | NoAnswer::Stopped(_) | NoAnswer::Unwanted => {
                EngineError::Unavailable(error.to_string())
            }
            NoAnswer::LeftOut(_) => EngineError::Conflict { message: error.to_string(), rendered: None },
        }
    }
}
