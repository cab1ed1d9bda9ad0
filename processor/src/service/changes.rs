//! What a change of the programs does, told before it is done.

use crate::engine::EngineError;
use crate::programs::{DeployOutcome, DeployedPrograms, Deployment, DeploymentStart, is_as_it_was};
use serde_json::{Value as Json, json};
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::plan::{GroupOf, NodeId, Plan, TableColumn};
use timeline_dsl::explain::{RowsADay, rows_text};

/// What a deployment does to every name that it defines, and to every node: those that run go on as they are.
pub(super) fn changes(
    before: &DeployedPrograms,
    after: &DeployedPrograms,
    outcomes: &BTreeMap<String, DeployOutcome>,
    text: impl Fn(&Plan, NodeId) -> String,
) -> Result<Json, EngineError> {
    let (before, after) = (before.plans()?, after.plans()?);
    let is_new = |plan: &Arc<Plan>| !before.iter().any(|(_, old)| old == plan);
    let action = |deployment: &Deployment, plan: &Arc<Plan>| match (is_new(plan), deployment.begins) {
        (false, _) => "keep",
        (true, DeploymentStart::Start) => "rebuild",
        (true, DeploymentStart::Now) => "begin",
    };
    let nodes = after.iter().flat_map(|(deployment, plan)| {
        let text = &text;
        plan.iter().map(move |(id, _)| {
            json!({"source": plan.name(), "id": id.to_string(), "operator": text(plan, id), "action": action(deployment, plan)})
        })
    });
    let new: Vec<_> = after.iter().filter(|(_, plan)| is_new(plan)).collect();
    let begins = new.last().map(|(deployment, _)| deployment.begins);
    let name = |(name, outcome): (&String, &DeployOutcome)| {
        let (what, from, version) = match *outcome {
            DeployOutcome::New(version) => ("new", None, version),
            DeployOutcome::Replaced(from, version) => ("replaced", Some(from), version),
            DeployOutcome::Unchanged(version) => ("unchanged", None, version),
        };
        let begins = match begins.filter(|_| what != "unchanged") {
            None => Json::Null,
            Some(DeploymentStart::Start) => json!("start"),
            Some(DeploymentStart::Now) => json!("now"),
        };
        json!({"name": name, "what": what, "from_version": from, "version": version, "begins": begins})
    };
    let of = |wanted: fn(&DeployOutcome) -> bool| -> Vec<&String> {
        outcomes.iter().filter(|(_, outcome)| wanted(outcome)).map(|(name, _)| name).collect()
    };
    Ok(json!({
        "nodes": nodes.collect::<Vec<_>>(),
        "names": outcomes.iter().map(name).collect::<Vec<_>>(),
        "added": of(|outcome| matches!(outcome, DeployOutcome::New(_))),
        "changed": of(|outcome| matches!(outcome, DeployOutcome::Replaced(..))),
        "unchanged": of(|outcome| matches!(outcome, DeployOutcome::Unchanged(_))),
        "replays_log": begins == Some(DeploymentStart::Start),
        "notes": new
            .iter()
            .filter(|(deployment, _)| deployment.begins == DeploymentStart::Now)
            .map(|(_, plan)| note(plan))
            .chain(tables(&before, &new, outcomes))
            .chain(carried(&before, &after))
            .collect::<Vec<_>>(),
    }))
}

/// How many rows a day the windows of what is new are expected to make; `live` says how many sessions of a plan's sources are
/// alive, if that is known.
pub(super) fn rows_a_day(
    before: &DeployedPrograms,
    after: &DeployedPrograms,
    outcomes: &BTreeMap<String, DeployOutcome>,
    live: impl Fn(&Plan) -> Option<u64>,
) -> Result<Vec<String>, EngineError> {
    let (before, after) = (before.plans()?, after.plans()?);
    let mut told = vec![];
    for (_, plan) in after.iter().filter(|(_, plan)| !before.iter().any(|(_, old)| old == plan)) {
        let is_new = |name: &str| !matches!(outcomes.get(name), None | Some(DeployOutcome::Unchanged(_)));
        let live = LazyCell::new(|| live(plan).filter(|live| *live > 0));
        for metric in plan.metrics.iter().filter(|metric| is_new(&metric.name)) {
            let Some(rows) = RowsADay::of(plan, metric) else { continue };
            let all = match live.filter(|_| !rows.of_groups) {
                Some(live) => format!(", {} of the {live} that are live now", rows_text(rows.count * live as f64)),
                None => String::new(),
            };
            told.push(format!("{}: {rows}{all}", metric.name));
        }
    }
    Ok(told)
}

/// Of each definition that a change replaces where the tables that it asks first say something else than those did that are
/// deployed under their names.
pub(super) fn changed_tables(
    before: &DeployedPrograms,
    after: &DeployedPrograms,
    outcomes: &BTreeMap<String, DeployOutcome>,
) -> Result<BTreeMap<String, BTreeSet<String>>, EngineError> {
    let (before, after) = (before.plans()?, after.plans()?);
    let mut told = BTreeMap::new();
    for (name, outcome) in outcomes {
        let DeployOutcome::Replaced(..) = outcome else { continue };
        // What is new comes last.
        let newest = after.iter().rev().map(|(_, plan)| (plan, roots(plan, name))).find(|(_, roots)| !roots.is_empty());
        let Some((plan, roots)) = newest else { continue };
        let asked = roots.into_iter().flat_map(|root| plan.tables_below(root));
        told.insert(name.clone(), asked.filter_map(|column| difference(&before, column)).collect());
    }
    Ok(told)
}

/// The nodes that a metric or an alert of a plan reads, if it has one of that name.
fn roots(plan: &Plan, name: &str) -> Vec<NodeId> {
    let beside = |of: GroupOf| match of {
        GroupOf::State(state) => Some(state),
        GroupOf::Dimension(_) | GroupOf::Window(_) => None,
    };
    let metrics = plan.metrics.iter().filter(|metric| metric.name == name);
    let metrics = metrics.flat_map(|metric| std::iter::once(metric.root).chain(metric.beside().filter_map(beside)));
    let alerts = plan.alerts.iter().filter(|alert| alert.name == name);
    let alerts = alerts.flat_map(|alert| std::iter::once(alert.root).chain(alert.with.iter().map(|beside| beside.of)));
    metrics.chain(alerts).collect()
}

/// Where a column of a table first says something else than the newest deployed one of its name, which answers until now.
fn difference(before: &[(&Deployment, Arc<Plan>)], column: &TableColumn) -> Option<String> {
    let name = |column: &TableColumn| (column.table.shape().name.clone(), column.name().to_owned());
    let known = before.iter().rev().flat_map(|(_, plan)| plan.tables()).find(|known| name(known) == name(column))?;
    Some(column.difference(known)?.to_string())
}

/// Where tables first say something else than those did that are deployed under their names, if anything is replaced.
fn tables(
    before: &[(&Deployment, Arc<Plan>)],
    new: &[&(&Deployment, Arc<Plan>)],
    outcomes: &BTreeMap<String, DeployOutcome>,
) -> BTreeSet<String> {
    if !outcomes.values().any(|outcome| matches!(outcome, DeployOutcome::Replaced(..))) {
        return BTreeSet::new();
    }
    let asked = new.iter().flat_map(|(_, plan)| plan.tables());
    let differences = asked.filter_map(|column| difference(before, column));
    differences
        .map(|difference| format!("{difference}; what asks for it is another definition, of all instants"))
        .collect()
}

/// Where tables that programs have now first say something else than those did of which they take the place.
pub(super) fn carried_tables(
    before: &DeployedPrograms,
    after: &DeployedPrograms,
) -> Result<BTreeSet<String>, EngineError> {
    Ok(carried(&before.plans()?, &after.plans()?))
}

fn carried(before: &[(&Deployment, Arc<Plan>)], after: &[(&Deployment, Arc<Plan>)]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for (_, plan) in after {
        let Some((_, old)) = before.iter().find(|(_, old)| old == plan && !is_as_it_was(plan, old)) else { continue };
        for (column, known) in plan.tables().into_iter().zip(old.tables()) {
            if let Some(difference) = column.difference(known) {
                told.insert(format!(
                    "{difference}; of all that was asked so far it says the same, so what asks for it goes on"
                ));
            }
        }
    }
    told
}

/// What whoever deploys queries that begin now should know of their sessions.
fn note(plan: &Arc<Plan>) -> String {
    let longest = [plan.end.silence, plan.end.max_age].into_iter().flatten().min();
    let late = plan.sources().map(|source| source.lateness).max().unwrap_or(0);
    let which = match longest {
        Some(longest) => {
            let seconds = longest.saturating_add(late) as f64 / 1e9;
            format!("sessions that begin within {seconds} s after the first event are partial, later ones are whole")
        }
        None => {
            "its sessions may be of any length, so all are partial; `end after 30m` in the source bounds them".into()
        }
    };
    format!("{} begins with the next event: {which}", plan.name())
}

/// What stays of an output that is dropped.
pub(super) fn kept(before: &DeployedPrograms, after: &DeployedPrograms, name: &str) -> Vec<String> {
    let has = |deployment: &&Deployment| deployment.shown().any(|shown| shown == name);
    let Some(dropped) = before.deployments.iter().find(has) else { return vec![] };
    if dropped.catching_up {
        return vec![format!("{name} was catching up, and had answered nothing yet")];
    }
    let mut notes =
        vec![format!("its committed rows stay in finals and alerts, as version {}", dropped.versions[name])];
    let stays = after.deployments.iter().find(|deployment| deployment.number == dropped.number);
    if let Some(stays) = stays.filter(|stays| !stays.is_over()) {
        let others: Vec<&str> = stays.shown().map(String::as_str).collect();
        notes.push(format!(
            "its workers go on unseen beside those of {}, with which it was deployed",
            others.join(", ")
        ));
    }
    notes
}
