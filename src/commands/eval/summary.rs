//! What an evaluation set aside, on standard error: it never changes the answer or the exit code, and is never silent.

use event_feeder::RecordCode;
use processor::batch::Evaluation;
use processor::{file_counts, remarks};
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::{Plan, SECOND, Time, instant_text};
use timeline_dsl::explain::duration_text;

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
    for (declared, looked) in plan.sources().zip(&evaluation.sources) {
        if let Some(notice) = file_counts::no_events(&declared.name, &looked.empty) {
            eprintln!("timeline: {}", remarks::text(&notice));
        }
    }
    let first = evaluation.sources.iter().filter_map(|looked| looked.seen.least).min();
    if let Some(first) = first.filter(|first| evaluation.horizon.is_some_and(|horizon| horizon < *first)) {
        let first = instant_text(first);
        eprintln!(
            "timeline: {source}: the first event is at {first}, and `--until` is before it: nothing had begun then"
        );
    }
    let duplicates = evaluation.duplicates as usize;
    let forgotten = evaluation.forgotten as usize;
    if forgotten > 0 {
        eprintln!("timeline: {source}: {} forgotten beyond a cap: raise `cap`", counted(forgotten, "value"));
    }
    for remark in evaluation.remarks(plan) {
        eprintln!("timeline: {}", remarks::text(&remark));
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
    tell_late(plan, evaluation);
    for letter in evaluation.dead.iter().take(SHOWN) {
        let column = letter.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
        eprintln!("  [{}] {} at {}{column}: {}", letter.code, letter.origin, letter.position.offset, letter.reason);
    }
    if dead > SHOWN {
        eprintln!("  ... and {} more: `--show dead_letters` lists them", dead - SHOWN);
    }
}

/// Of each source how many events were late, of how many keys, how far behind, and what mends it.
fn tell_late(plan: &Plan, evaluation: &Evaluation) {
    for (number, (source, looked)) in plan.sources().zip(&evaluation.sources).enumerate() {
        let own = evaluation.late.iter().filter(|late| usize::from(late.position.source) == number);
        let behind: Vec<_> = own.filter(|late| late.is_lost_behind()).collect();
        if behind.is_empty() {
            continue;
        }
        let keys: BTreeSet<&str> = behind.iter().map(|late| late.key.as_str()).collect();
        let lateness = duration_text(whole(looked.behind()));
        // To wait until the wrong clock is right helps nobody.
        let is_for_one = looked.far_ahead().next().is_some();
        let wait =
            if is_for_one { String::new() } else { format!("`lateness {lateness}` in the source waits for them; ") };
        eprintln!(
            "timeline: {}: {} of {} {} behind the largest time before {} by more than the lateness, by {lateness} at most\n  \
             help: {wait}`--sorted` sorts the whole input; `--show late_events` lists them",
            source.name,
            counted(behind.len(), "event"),
            counted(keys.len(), "key"),
            if behind.len() == 1 { "is" } else { "are" },
            if behind.len() == 1 { "it" } else { "them" },
        );
        for far in looked.far_ahead() {
            eprintln!("timeline: {}", remarks::text(&far.late_notice(&source.name)));
        }
    }
}

/// Says which events are so far ahead that those behind them were late, before all of them were waited for: the answer is read
/// at their time, unless it was cut before it.
pub(super) fn tell_sorted(plan: &Plan, unsorted: &Evaluation, sorted: &Evaluation) {
    for (source, looked) in plan.sources().zip(&unsorted.sources) {
        for far in looked.far_ahead().filter(|far| sorted.horizon >= Some(far.leap.time)) {
            eprintln!("timeline: {}", remarks::text(&far.sorted_notice(&source.name)));
        }
    }
}

/// A length of time rounded up to what is easily written: seconds, or its own unit where it is shorter.
fn whole(length: Time) -> Time {
    match length {
        x if x > SECOND => x.saturating_add(SECOND - 1) / SECOND * SECOND,
        x => x,
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How many of each code.
fn by_code(counts: &BTreeMap<RecordCode, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(code, n)| format!("{code}: {n}")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}
