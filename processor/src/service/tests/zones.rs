//! State that was calculated by other rules of a time zone than those of this version.

use super::*;

const DAYS: &str = "source s { key k  time t in s  b: bool }
metric m = duration_where(latest(b)) every 1d in \"Europe/Berlin\" | aggregate(group_by(every), count, sum)";
/// Noon in UTC, the day before the clocks of Berlin were set.
const NOON: i64 = 1_711_800_000;
const DAY: i64 = 86_400;

/// Makes the state of the only partition what a version with other rules of its zone would have left.
fn set_clocks_otherwise(state: &Path) {
    change_facts(state, |facts| {
        let digest = &mut facts["zones"][0]["digest"];
        assert!(digest.is_string(), "a checkpoint notes the rules");
        *digest = "as they were then".into();
    });
}

#[test]
fn rules_that_are_others_are_said_at_the_start_and_the_state_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let write = |t: i64, b: bool| log.write(0, &format!(r#"{{"k":"a","t":{t},"b":{b}}}"#));
    let answer =
        |service: &Service| service.snapshot(&["totals".into()], SYNC).expect("an answer").tables[0].live.clone();
    // What is said of the state, and whether it was made anew.
    let start = || {
        let options = options(dir.path(), &log, Claims::All);
        let (service, recoveries) = Service::start(options, &[("p.tl".into(), DAYS.into())]).expect("it starts");
        let said: Vec<String> = recoveries.iter().flat_map(|recovery| recovery.said.clone()).collect();
        (service, said, recoveries.iter().any(|recovery| recovery.rebuilt))
    };
    let (service, said, _) = start();
    assert!(said.is_empty(), "{said:?}");
    (0..4).for_each(|day| write(NOON + day * DAY, day % 2 == 0));
    let known = answer(&service);
    assert_eq!(known[0].num_rows(), 4, "{known:?}");
    service.stop();
    let (service, said, is_new) = start();
    assert!(said.is_empty() && !is_new, "the rules are the same: {said:?}");
    service.stop();

    set_clocks_otherwise(dir.path());
    let (service, said, is_new) = start();
    assert!(!is_new, "the state is kept");
    assert_eq!(said.len(), 1, "{said:?}");
    let wanted =
        ["[TL3120] the rules of Europe/Berlin up to 2024-04-02T12:00:00Z are others", "help: nothing has to be"];
    assert!(wanted.iter().all(|text| said[0].contains(text)), "{said:?}");
    assert_eq!(answer(&service), known);
    // What is calculated from here on is by the rules of this version, as the next checkpoint notes.
    write(NOON + 4 * DAY, true);
    assert_eq!(answer(&service)[0].num_rows(), 5);
    service.stop();
    let (service, said, _) = start();
    assert!(said.is_empty(), "{said:?}");
    service.stop();
}
