//! Parts of a state that are lost: what the others prove is not begun anew.

use super::{Claims, PROGRAM, log, options, start, totals};
use crate::service::{Service, StartError};
use std::path::Path;

fn refused(state: &Path, log: &super::MemoryPartitions, programs: &[(String, String)]) -> String {
    let error = Service::start(options(state, log, Claims::All), programs).map(|_| ()).expect_err("a part is lost");
    assert!(matches!(error, StartError::Partition(_)), "{error}");
    error.to_string()
}

#[test]
fn what_was_begun_is_not_taken_for_new_when_it_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let programs = [("p.tl".to_owned(), PROGRAM.to_owned())];
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((4, 130)));
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    let aside = dir.path().join("aside");
    for (part, said) in [("sources/s/part-1", "TL3101"), ("sources", "TL3101"), ("programs", "TL3102")] {
        std::fs::rename(dir.path().join(part), &aside).expect("it is there");
        for programs in [&programs[..], &[]] {
            let message = refused(dir.path(), &log, programs);
            assert!(message.contains(said), "{part}: {message}");
            assert!(!dir.path().join(part).exists() || part == "sources/s/part-1", "nothing is begun");
        }
        std::fs::rename(&aside, dir.path().join(part)).expect("it is put back");
    }
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((4, 130)), "all is as it was");
    service.stop();
}
