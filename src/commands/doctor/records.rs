//! What the first records of a source say about the programs that read them.

use super::Findings;
use event_feeder::Sniffed;
use processor::remarks;
use timeline_core::plan::Plan;

/// Says what of the records is hardly what the programs mean, or any would: columns that nothing has, nulls in most of them.
pub(super) fn check(plans: &[Plan], name: Option<&str>, place: &str, seen: Sniffed, findings: &mut Findings) {
    if seen.records == 0 && seen.names.is_empty() {
        return;
    }
    let all: Vec<_> = plans
        .iter()
        .flat_map(|plan| plan.sources().enumerate().map(move |(number, source)| (plan, number, source)))
        .collect();
    let is_only = all.windows(2).all(|two| two[0].2.name == two[1].2.name);
    let own = all.iter().filter(|(_, _, source)| name.map_or(is_only, |name| source.name == name));
    let (mut read, mut said) = (false, vec![]);
    for (plan, number, _) in own {
        read = true;
        for remarks::Remark { notice: remark, .. } in remarks::of_sample(plan, *number, &seen) {
            let what = format!("{place}: [{}] {}", remark.code, remark.detail);
            // A program that is given may be one that is deployed.
            if !said.contains(&what) {
                findings.warn(&what, remark.code.help());
                said.push(what);
            }
        }
    }
    if !read && seen.records >= remarks::FEW && seen.hollow * 2 > seen.records {
        let what = remarks::mostly_nulls(seen.hollow, seen.records);
        findings.warn(
            &format!("{place}: [{}] {what}", event_feeder::RecordCode::MostlyNulls),
            event_feeder::RecordCode::MostlyNulls.help(),
        );
    }
}
