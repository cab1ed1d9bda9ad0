//! `timeline fmt`: files in place, standard input, `--check`, and the programs of this repository.

use super::Sandbox;
use std::fs;

const UGLY: &str =
    "source s{key k time t in s\nb:bool}\n\n\nmetric m=duration_where( latest(b) ) // why\nalert  stuck =latest(b)";
const LAID_OUT: &str = "source s {\n  key  k\n  time t in s\n  b: bool\n}\n\n\
                        metric m     = duration_where(latest(b))  // why\nalert  stuck = latest(b)\n";

#[test]
fn files_are_written_in_place_and_standard_input_to_standard_output() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", UGLY);
    sandbox.feed(&["fmt", "-"], UGLY.as_bytes()).expect(0, LAID_OUT);
    assert_eq!(sandbox.run(&["fmt", "--check", "p.tl"]).expect(1, "p.tl\n").stderr.lines().count(), 1);
    assert_eq!(fs::read_to_string(sandbox.path().join("p.tl")).unwrap(), UGLY);
    sandbox.run(&["fmt", "p.tl"]).expect(0, "");
    assert_eq!(fs::read_to_string(sandbox.path().join("p.tl")).unwrap(), LAID_OUT);
    assert_eq!(sandbox.run(&["fmt", "--check", "p.tl"]).expect(0, "").stderr, "");
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_keeps_no_other_from_its_layout() {
    let sandbox = Sandbox::new();
    sandbox.file("bad.tl", "metric = (");
    sandbox.file("p.tl", UGLY);
    let run = sandbox.run(&["fmt", "bad.tl", "p.tl"]).expect(1, "");
    assert!(run.stderr.contains("bad.tl:1:"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(sandbox.path().join("bad.tl")).unwrap(), "metric = (");
    assert_eq!(fs::read_to_string(sandbox.path().join("p.tl")).unwrap(), LAID_OUT);
    assert_eq!(sandbox.run(&["fmt", "none.tl"]).code, 4);
    assert_eq!(sandbox.run(&["fmt"]).code, 2);
}

#[test]
fn the_programs_of_this_repository_are_laid_out() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"));
    let mut args = vec!["fmt".to_owned(), "--check".to_owned()];
    for folder in ["examples", "event-producer/programs"] {
        let entries = fs::read_dir(format!("{root}/{folder}")).unwrap().map(|entry| entry.unwrap().path());
        let programs = entries.filter(|path| path.extension().is_some_and(|e| e == "tl"));
        args.extend(programs.map(|path| path.to_str().unwrap().to_owned()));
    }
    assert!(args.len() >= 10);
    let run = Sandbox::new().run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    run.expect(0, "");
}
