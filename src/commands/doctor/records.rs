//! What the first records of a source say about the programs that read them.

use super::Findings;
use event_feeder::Sniffed;
use processor::checkpoint::{Place, ProgramStore};
use processor::programs::Programs;
use processor::remarks;

/// Says what of the records is hardly what the deployed programs mean, or any would: columns that nothing has, nulls in most
/// of them.
pub(super) fn check(state: &Place, name: Option<&str>, place: &str, seen: Sniffed, findings: &mut Findings) {
    if seen.records == 0 && seen.names.is_empty() {
        return;
    }
    let programs = Programs::load(&ProgramStore::new(state.store("programs"), "doctor")).unwrap_or_default();
    let plans = programs.plans().unwrap_or_default();
    let all = plans
        .iter()
        .flat_map(|(_, plan)| plan.sources().enumerate().map(move |(number, source)| (plan, number, source)));
    let all: Vec<_> = all.collect();
    let own = all.iter().filter(|(_, _, source)| name.map_or(all.len() == 1, |name| source.name == name));
    let mut read = false;
    for (plan, number, _) in own {
        read = true;
        for remark in remarks::of_sample(plan, *number, &seen) {
            let what = format!("{place}: [{}] {}", remark.code, remark.detail);
            findings.warn(&what, remark.code.help());
        }
    }
    if !read && seen.records >= remarks::FEW && seen.hollow * 2 > seen.records {
        let what = remarks::mostly_nulls(seen.hollow, seen.records);
        findings.warn(
            &format!("{place}: [{}] {what}", event_feeder::Code::MostlyNulls),
            event_feeder::Code::MostlyNulls.help(),
        );
    }
}
