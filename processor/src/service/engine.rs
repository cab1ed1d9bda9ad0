//! What others ask of a processor: each question goes to the partitions, and their answers become one.

use super::{Service, again, answers, changes};
use crate::engine::{Engine, EngineError, PositionOf, Snapshot};
use crate::partition::{Ask, NoAnswer};
use crate::programs::Begin;
use crate::story;
use arrow::array::RecordBatch;
use serde_json::{Value as Json, json};
use std::time::Duration;

impl Engine for Service {
    fn status(&self) -> Json {
        // How this processor is: whoever watches all of them adds up.
        let partitions = match self.ask_own(&Ask::Status, None) {
            Ok(answers) => answers.iter().map(answers::status).collect(),
            Err(error) => vec![json!({"error": error.to_string()})],
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": self.options.state.to_string(),
            "tables": self.table_names(),
            "partitions": partitions,
            "programs": self.programs_version(),
            "members": self.members(),
        })
    }

    fn table_names(&self) -> Vec<String> {
        let fixed = [
            "sessions",
            "finals",
            "spans",
            "alerts",
            "totals",
            "late_events",
            "dead_letters",
            "queries",
            "nodes",
            "partitions",
        ];
        let metrics = self.plans().into_iter().flat_map(|plan| plan.metrics.clone());
        fixed.into_iter().map(str::to_owned).chain(metrics.map(|metric| metric.name)).collect()
    }

    fn snapshot(&self, tables: &[String], sync: Option<Duration>) -> Result<Snapshot, EngineError> {
        let sessions = tables.iter().any(|name| answers::reads_sessions(name));
        let ask = if tables.iter().any(|name| name == "spans") {
            Ask::Spans
        } else if sessions {
            Ask::Sessions
        } else if tables.iter().any(|name| name == "totals") {
            Ask::Totals
        } else {
            Ask::Status
        };
        let plans = self.plans();
        let answers = self.ask(&ask, sync)?;
        let logs = answers::by_source(&plans, &answers);
        let tables = tables.iter().map(|name| match name.as_str() {
            "spans" => again::spans(&plans, &answers),
            "queries" => Ok(answers::plain("queries", self.queries()?)),
            name => answers::table(name, &logs),
        });
        let tables = tables.collect::<Result<Vec<_>, EngineError>>()?;
        Ok(Snapshot { tables, positions: answers.iter().map(answers::position).collect() })
    }

    fn session(
        &self,
        key: &str,
        at: Option<i64>,
        query: Option<&str>,
        sync: Option<Duration>,
    ) -> Result<Json, EngineError> {
        if let Some(name) = query.filter(|name| !self.plans().iter().any(|plan| answers::has(plan, name))) {
            return Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")));
        }
        let answers = self.ask(&Ask::Key(key.to_owned()), sync)?;
        let mut sources = vec![];
        let mut gone = vec![];
        for answer in &answers {
            let Some(horizon) = answer.horizon else { continue };
            let nodes = answers::nodes_of(&answer.plan, query);
            if nodes.is_empty() {
                continue;
            }
            let internal = |error: &dyn std::fmt::Display| EngineError::Internal(error.to_string());
            let again::Logs { sources: logs, before, is_whole } = again::logs(answer)?;
            let question = story::Question { key, at, nodes, horizon, before, reach: &answer.reach };
            let mut story = story::tell(&answer.plan, logs, &question).map_err(|error| internal(&error))?;
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
        if !found {
            return Err(EngineError::NotFound(format!("no session of `{key}` has been seen")));
        }
        let positions: Vec<PositionOf> = answers.iter().map(answers::position).collect();
        let mut all: Vec<Json> = vec![];
        for (answer, story) in &sources {
            for session in story["sessions"].as_array().into_iter().flatten() {
                let mut session = session.clone();
                session["source"] = json!(answer.plan.name());
                session["partition"] = json!(answer.partition);
                all.push(session);
            }
        }
        Ok(json!({"key": key, "at_ns": at, "sessions": all, "not_kept_ns": gone, "positions": positions}))
    }

    fn outliers(
        &self,
        name: &str,
        top: usize,
        sync: Option<Duration>,
    ) -> Result<(RecordBatch, Vec<PositionOf>), EngineError> {
        let answers = self.ask(&Ask::Sessions, sync)?;
        let positions = answers.iter().map(answers::position).collect();
        for log in answers::by_source(&self.plans(), &answers) {
            if let Some(rows) = answers::outliers(&log, name, top)? {
                return Ok((rows, positions));
            }
        }
        Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed")))
    }

    fn queries(&self) -> Result<RecordBatch, EngineError> {
        Ok(answers::queries(&self.plans()))
    }

    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<Json, EngineError> {
        let from = match from.as_deref() {
            None | Some("start") => Begin::Start,
            Some("now") => Begin::Now,
            Some(other) => return Err(EngineError::invalid(format!("`from` is `start` or `now`, not `{other}`"))),
        };
        self.adopt_newest()?;
        let inner = self.lock();
        let before = inner.programs.plans()?;
        let mut all = inner.programs.clone();
        for (name, text) in &programs {
            all = all.with(name, text, true, from)?;
        }
        let after = all.plans()?;
        let mut changes = changes::changes(&before, &after, timeline_dsl::explain::operator_text);
        let changes_any = all != inner.programs;
        // Asking takes the lock; if others deploy meanwhile, storing the programs fails.
        drop(inner);
        if !plan_only && changes_any {
            self.can_start_over(&all)?;
            self.change(&mut self.lock(), all)?;
        }
        if !plan_only && from == Begin::Now {
            self.wait_for_owners()?;
        }
        if !plan_only {
            changes["not_yet"] = json!(self.wait_for_others());
        }
        Ok(changes)
    }

    fn drop_query(&self, name: &str) -> Result<Json, EngineError> {
        self.adopt_newest()?;
        let without = self.lock().programs.without(name)?;
        match without {
            None => Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed"))),
            Some(programs) => {
                self.can_start_over(&programs)?;
                self.change(&mut self.lock(), programs)?;
                Ok(json!({"dropped": [name], "not_yet": self.wait_for_others()}))
            }
        }
    }

    fn answer_peer(&self, question: &[u8]) -> Result<Vec<u8>, EngineError> {
        self.answer_other(question)
    }

    fn programs_version(&self) -> u64 {
        self.lock().programs.version
    }
}

impl From<NoAnswer> for EngineError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Timeout => EngineError::Timeout(error.to_string()),
            NoAnswer::Stopped => EngineError::Unavailable(error.to_string()),
        }
    }
}
