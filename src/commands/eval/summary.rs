//! What an evaluation set aside, on standard error: it never changes the answer or the exit code, and is never silent.

use event_feeder::Code;
use processor::batch::Evaluation;
use std::collections::BTreeMap;
use timeline_core::Plan;

/// How many dead letters are shown in full.
const SHOWN: usize = 3;

/// Says what was set aside, if anything was.
pub(super) fn tell(plan: &Plan, evaluation: &Evaluation) {
    let source = plan.name();
    for notice in &evaluation.notices {
        eprintln!("timeline: [{}] {}: {}", notice.code, notice.file, notice.detail);
    }
    let dead = evaluation.dead_counts.values().sum::<u64>() as usize;
    let late = evaluation.late.len();
    if evaluation.records == 0 {
        eprintln!("timeline: {source}: no records");
    }
    let duplicates = evaluation.duplicates as usize;
    let forgotten = evaluation.sessions.iter().map(|session| session.forgotten).sum::<u64>() as usize;
    if forgotten > 0 {
        eprintln!("timeline: {source}: {} forgotten beyond a cap: raise `cap`", counted(forgotten, "value"));
    }
    if dead == 0 && late == 0 && duplicates == 0 {
        return;
    }
    let repaired = evaluation.late.iter().filter(|late| late.repaired).count();
    let repaired = if repaired > 0 { format!(" ({repaired} repaired)") } else { String::new() };
    let duplicates = if duplicates > 0 { format!(", {}", counted(duplicates, "duplicate")) } else { String::new() };
    eprintln!(
        "timeline: {source}: {}, {}{repaired}{duplicates}, {}{}",
        counted(evaluation.records as usize, "record"),
        counted(late, "late event"),
        counted(dead, "dead letter"),
        by_code(&evaluation.dead_counts)
    );
    for letter in evaluation.dead.iter().take(SHOWN) {
        let column = letter.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
        eprintln!("  [{}] {} at {}{column}: {}", letter.code, letter.origin, letter.position.offset, letter.reason);
    }
    if dead > SHOWN {
        eprintln!("  ... and {} more", dead - SHOWN);
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How many of each code.
fn by_code(counts: &BTreeMap<Code, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(code, n)| format!("{code}: {n}")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}
