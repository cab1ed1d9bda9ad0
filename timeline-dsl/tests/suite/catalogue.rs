//! The catalogue of operators has an entry for each, and each entry that works is an example that compiles.

use std::collections::BTreeSet;
use timeline_dsl::catalogue::{ALL, find, supported};

#[test]
fn names_are_unique_and_entries_whole() {
    let names: BTreeSet<&str> = ALL.iter().map(|operator| operator.name).collect();
    assert_eq!(names.len(), ALL.len());
    for operator in ALL {
        assert!(operator.meaning.ends_with('.'), "{}", operator.name);
        assert!(!operator.before.is_empty() && !operator.memory.is_empty() && !operator.gives.is_empty());
    }
}

#[test]
fn synonyms_lead_to_their_operator() {
    for (written, name) in [
        ("TL_HasExistedWithin", "has_existed_within"),
        ("TL_And", "logic"),
        ("equal_to", "compare"),
        ("split", "split by"),
    ] {
        assert_eq!(find(written).map(|operator| operator.name), Some(name));
    }
    assert_eq!(find("nothing"), None);
}

#[test]
fn what_works_is_found_by_its_example() {
    assert!(supported().len() >= 13, "{:?}", supported().iter().map(|o| o.name).collect::<Vec<_>>());
    assert!(supported().iter().any(|operator| operator.name == "aggregate"));
}

#[test]
fn functions_are_read_off_the_forms() {
    let functions = |name: &str| find(name).map(|operator| operator.functions()).unwrap_or_default();
    assert_eq!(functions("latest"), ["latest"]);
    assert_eq!(functions("time_weighted_avg"), ["time_weighted_avg"]);
    assert_eq!(functions("aggregate"), Vec::<&str>::new());
    assert_eq!(functions("compare"), Vec::<&str>::new());
}
