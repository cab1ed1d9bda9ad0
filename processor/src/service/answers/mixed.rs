//! What is said of answers that take the rows of several definitions of one name together.

use super::{SealedPart, has};
use crate::engine::{AnswerNote, TableScan};
use crate::results;
use crate::service::work::Bound;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many names are said.
const NAMED: usize = 10;

/// That a scan takes definitions together, if it does: those that run, and those that are over and left their rows.
pub(in crate::service) fn mixed_versions(
    scan: &TableScan,
    bound: &[Bound],
    sealed: &[Arc<SealedPart>],
) -> Option<AnswerNote> {
    if !scan.mixes_versions {
        return None;
    }
    let is_asked = |name: &str| scan.outputs.as_ref().is_none_or(|names| names.contains(name));
    let is_alert = |bound: &Bound, name: &str| bound.plan.alerts.iter().any(|alert| alert.name == name);
    let of_alerts = scan.table == "alerts";
    let mut versions: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for bound in bound {
        for (name, version) in &bound.labels.versions {
            if is_asked(name) && has(&bound.plan, name) && is_alert(bound, name) == of_alerts {
                versions.entry(name).or_default().insert(*version);
            }
        }
    }
    for part in sealed {
        // Which of its names are alerts is forgotten: they are taken for those of which there are rows.
        if part.files.iter().any(|file| results::table_of(file) == Some(&scan.table)) {
            part.labels.versions.iter().filter(|(name, _)| is_asked(name)).for_each(|(name, version)| {
                let is_other = |bound: &Bound| has(&bound.plan, name) && is_alert(bound, name) != of_alerts;
                if !bound.iter().any(is_other) {
                    versions.entry(name).or_default().insert(*version);
                }
            });
        }
    }
    let mixed = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let names: Vec<String> = mixed
        .map(|(name, versions)| {
            let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
            format!("`{name}` (versions {})", versions.join(", "))
        })
        .collect();
    let column = if of_alerts { "alert" } else { "metric" };
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more, which `SELECT DISTINCT {column}, version FROM {}` has", scan.table),
    };
    let view = if of_alerts { "" } else { ", and a metric's own view has the present one" };
    (!names.is_empty()).then(|| AnswerNote {
        message: format!(
            "rows of replaced definitions are among the {} of {}{more}",
            scan.table,
            names[..names.len().min(NAMED)].join(", ")
        ),
        help: format!("`WHERE version = ...` tells them apart{view}"),
    })
}
