//! State that was written under older rules of the language.

use super::*;
use crate::checkpoint::{Checkpoints, Commit, Identity, LocalStore, TakeFrom};

/// Makes the state of the only partition what the first version of the rules would have left.
fn grow_old(state: &Path) {
    let store = Arc::new(LocalStore::new(state.join("sources/s/part-0")));
    let identity = Identity { partition: "s/part-0".into(), writer: "long ago".into() };
    let opened = Checkpoints::claim(store, &identity, &TakeFrom::Anybody).expect("nobody has it");
    let manifest = opened.recovered.expect("it was written to");
    let mut facts = manifest.state.clone();
    let known = facts.as_object_mut().expect("facts are an object");
    assert_eq!(known.remove("rules"), Some(timeline_core::plan::RULES.into()));
    known.insert("plan".into(), "as it was called then".into());
    let mut checkpoints = opened.checkpoints;
    let state = serde_json::value::to_raw_value(&facts).expect("facts are JSON");
    let commit = Commit { position: manifest.position, state, files: manifest.files };
    checkpoints.commit(commit).expect("it is ours");
    checkpoints.release().expect("it is ours");
}

#[test]
fn state_of_older_rules_is_read_again_or_refused() {
    for (keep, is_kept) in [(KEEP, true), (8_000_000_000, false)] {
        let dir = tempfile::tempdir().expect("a folder");
        let log = Memory::new(1);
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
