//! State that was written under older rules of the language.

use super::*;

/// Makes the state of the only partition what the first version of the rules would have left.
fn grow_old(state: &Path) {
    change_facts(state, |facts| {
        let known = facts.as_object_mut().expect("facts are an object");
        assert_eq!(known.remove("rules"), Some(timeline_core::plan::RULES.into()));
        known.insert("plan".into(), "as it was called then".into());
    });
}

#[test]
fn state_of_older_rules_is_read_again_or_refused() {
    for (keep, is_kept) in [(KEEP, true), (8_000_000_000, false)] {
        let dir = tempfile::tempdir().expect("a folder");
        let log = MemoryPartitions::new(1);
        let service = start_keeping(keep, KEPT_PROGRAM, dir.path(), &log, Claims::All);
        write_sessions(&log, &service);
        wait_until_gone(&log, 300);
        let before = totals(&service);
        service.stop();
        grow_old(dir.path());
        let options = Options { keep, ..options(dir.path(), &log, Claims::All) };
        match Service::start(options, &[("p.tl".into(), KEPT_PROGRAM.into())]) {
            Ok((service, recoveries)) => {
                assert!(is_kept, "nothing is left to be read again");
                assert!(recoveries.iter().all(|recovery| recovery.rebuilt && recovery.older_rules));
                assert_eq!(totals(&service), before);
                service.stop();
            }
            Err(refused) => {
                assert!(!is_kept, "{refused}");
                assert!(refused.to_string().contains("[TL2019]"), "{refused}");
            }
        }
    }
}
