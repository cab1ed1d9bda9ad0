//! Definitions and declarations that contradict deployed ones: shown beside each other, with the way on.

use super::{DeployOutcome, DeployedPrograms, Deployment, deployed, outputs_of, program};
use crate::engine::EngineError;
use crate::outputs::of_outputs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::plan::Plan;
use timeline_dsl::{Diagnostic, DiagnosticNote, ProgramText, Severity, outline, render};

impl DeployedPrograms {
    /// Both definitions of names that programs define otherwise than the deployed ones, for people; `tables` says of each where
    /// the tables that it asks say something else.
    pub fn differences(
        &self,
        texts: &[(String, String)],
        names: &BTreeMap<String, DeployOutcome>,
        tables: &BTreeMap<String, BTreeSet<String>>,
    ) -> String {
        let mut programs: Vec<ProgramText> = texts.iter().map(|(name, text)| program(&deployed(name, text))).collect();
        let mut found = vec![];
        for (name, outcome) in names {
            let DeployOutcome::Replaced(..) = outcome else { continue };
            let is_known =
                |deployment: &&Deployment| !deployment.catching_up && deployment.shown().any(|shown| shown == name);
            let produces =
                |known: &&super::DeployedText| outputs_of(&known.text).contains(name) && !known.without.contains(name);
            let known = self.deployments.iter().find(is_known).and_then(|known| known.programs.iter().find(produces));
            let new = programs[..texts.len()].iter().position(|program| outputs_of(&program.text).contains(name));
            let (Some(known), Some(new)) = (known, new) else { continue };
            programs.push(program(known));
            let place = |file: usize| {
                let definition =
                    outline(&programs[file].text).definitions.into_iter().find(|found| found.name == *name);
                definition.map_or(0..0, |found| found.name_span.range())
            };
            let old = programs.len() - 1;
            let tables: Vec<&str> = tables.get(name).into_iter().flatten().map(String::as_str).collect();
            let tables = if tables.is_empty() { String::new() } else { format!(": {}", tables.join("; ")) };
            found.push(Diagnostic {
                code: "TL0108",
                severity: Severity::Error,
                message: format!("`{name}` is deployed with another meaning{tables}"),
                file: new,
                span: place(new),
                label: "defined differently here".into(),
                notes: vec![DiagnosticNote { file: old, span: place(old), text: "as it is deployed".into() }],
                help: Some(format!(
                    "what it speaks of counts, too; `timeline deploy {}` puts this one in its place, and the rows of the old one stay",
                    texts[new].0
                )),
            });
        }
        render(&found, &programs, false)
    }

    /// Refuses a source that is declared with other clauses than those under which others go on.
    pub(super) fn check_sources(&self, new: &Deployment, plans: &[Arc<Plan>]) -> Result<(), EngineError> {
        for (known, old) in self.plans()? {
            let stays: Vec<&String> = known.shown().filter(|name| !new.versions.contains_key(*name)).collect();
            let of_plan = of_outputs(&old);
            let Some(stays) = stays.into_iter().find(|name| of_plan.contains_key(*name)) else { continue };
            for plan in plans {
                let pairs =
                    plan.sources().flat_map(|a| old.sources().filter(|b| a.name == b.name).map(move |b| (a, b)));
                let same_sources = plan.sources().map(|s| &s.name).eq(old.sources().map(|s| &s.name));
                let differs = pairs.into_iter().find(|(a, b)| a != b || same_sources && !ends_alike(plan, &old));
                let Some((source, _)) = differs else { continue };
                let file = known
                    .programs
                    .iter()
                    .find(|program| outputs_of(&program.text).contains(stays) && !program.without.contains(stays));
                let files: Vec<&str> = new.programs.iter().map(|program| program.name.as_str()).collect();
                let message = format!(
                    "TL0108: source `{}` is declared with other clauses than those under which `{stays}` is deployed: \
                     deploy both together, `timeline deploy {} {}`, with one declaration; or `timeline drop {stays}`",
                    source.name,
                    files.join(" "),
                    file.map_or("FILE", |file| file.name.as_str()),
                );
                return Err(EngineError::Conflict { message, rendered: None });
            }
        }
        Ok(())
    }
}

/// Whether sessions of two plans on the same sources end alike.
fn ends_alike(a: &Plan, b: &Plan) -> bool {
    let when = |plan: &Plan| plan.end.when.map(|when| plan.node(when).fingerprint);
    let rule = |plan: &Plan| (plan.end.silence, plan.end.billed, plan.end.max_age);
    let once = |plan: &Plan| -> Vec<_> {
        plan.dedup.iter().map(|dedup| (plan.columns[dedup.column.index()].path.clone(), dedup.within)).collect()
    };
    when(a) == when(b) && rule(a) == rule(b) && once(a) == once(b)
}
