//! `timeline doctor` on files and their state.

use super::Sandbox;

const LINES: &str = "{\"k\":\"x\",\"t\":0,\"a\":true}\n{\"k\":\"x\",\"t\":5,\"end\":true}\n{\"k\":\"y\",\"t\":9}\n";

fn served(events: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        "source s { key k  time t in s  a: bool, end: bool  end when end }\nmetric m = duration_where(latest(a))\n",
    );
    sandbox.file("e.ndjson", events);
    let serve =
        ["serve", "p.tl", "--source", "file:e.ndjson", "--state", "d", "--listen", "127.0.0.1:0", "--exit-at-end"];
    assert_eq!(sandbox.run(&serve).code, 0);
    sandbox
}

/// What it says and its exit code, which is 1 if it says `fault`.
#[track_caller]
fn doctor(sandbox: &Sandbox, args: &[&str], says: &[&str]) {
    let run = sandbox.run(&[&["doctor", "--state", "d"], args].concat());
    assert_eq!(run.code, i32::from(run.stdout.contains("fault")), "{}{}", run.stdout, run.stderr);
    for text in says {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
}

#[test]
fn a_place_without_a_state_is_no_fault() {
    let sandbox = Sandbox::new();
    doctor(&sandbox, &[], &["ok     timeline ", "?      there is no state in d yet"]);
    doctor(&sandbox, &["--source", "file:none*"], &["fault  none*: no file matches"]);
}

#[test]
fn what_was_read_is_compared_with_what_is_there() {
    let sandbox = served(LINES);
    let source = ["--source", "s=file:e.ndjson"];
    doctor(
        &sandbox,
        &source,
        &["is whole, with its", "1 file is there", "ok     e.ndjson: what sources/s has read of it"],
    );
    std::fs::write(sandbox.path().join("e.ndjson"), &LINES[..20]).unwrap();
    doctor(&sandbox, &source, &["fault  sources/s: [TL2102]", "a log only grows"]);
}

#[test]
fn every_damaged_file_of_the_newest_checkpoint_is_found() {
    let sandbox = served(LINES);
    let folder = sandbox.path().join("d/sources/s");
    let mut seen = 0;
    for kind in ["segments", "results", "manifests", "heads"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap().flatten() {
            let whole = std::fs::read(entry.path()).unwrap();
            let mut flipped = whole.clone();
            let middle = flipped.len() / 2;
            flipped[middle] ^= 4;
            std::fs::write(entry.path(), flipped).unwrap();
            let run = sandbox.run(&["doctor", "--state", "d"]);
            seen += usize::from(run.code == 1 && run.stdout.contains(entry.file_name().to_str().unwrap()));
            std::fs::write(entry.path(), whole).unwrap();
        }
    }
    // Two lanes or one, history, the manifest and the head that names them.
    assert!(seen >= 4, "{seen}");
    doctor(&sandbox, &[], &["is whole"]);
}

#[cfg(feature = "lake")]
#[test]
fn a_place_of_history_that_is_not_there_is_one_fault_and_nothing_is_given_up() {
    let sandbox = served(LINES);
    let more = LINES.replace("\"t\":", "\"t\":10");
    sandbox.file("e.ndjson", format!("{LINES}{more}"));
    let serve = ["serve", "--source", "file:e.ndjson", "--state", "d", "--listen", "127.0.0.1:0", "--exit-at-end"];
    let serve = [&serve[..], &["--history", "lake", "--history-every", "1s"]].concat();
    assert_eq!(sandbox.run(&serve).code, 0);
    doctor(&sandbox, &[], &["history lies in tables in", "is whole, with its"]);
    std::fs::rename(sandbox.path().join("lake"), sandbox.path().join("elsewhere")).unwrap();
    let run = sandbox.run(&["doctor", "--state", "d"]);
    assert_eq!((run.code, run.stdout.matches("fault").count()), (1, 1), "{}", run.stdout);
    assert!(
        run.stdout.contains("which is not there") && run.stdout.contains("give nothing up before that"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("--accept-damage") && !run.stdout.contains("TL3110"), "{}", run.stdout);
    assert!(run.stdout.contains("lie in the place that is not there"), "{}", run.stdout);
    std::fs::rename(sandbox.path().join("elsewhere"), sandbox.path().join("lake")).unwrap();
    doctor(&sandbox, &[], &["is whole, with its"]);
}

#[test]
fn an_event_of_a_clock_far_ahead_is_said() {
    let sandbox = served("{\"k\":\"x\",\"t\":9000000000}\n");
    doctor(&sandbox, &[], &["ahead of this machine's clock"]);
}

#[test]
fn a_processor_that_was_killed_before_its_first_checkpoint_is_no_fault() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a))\n");
    let args = ["p.tl", "--source", "file:later.ndjson", "--state", "d", "--wait-for-sources"];
    // It is killed when it is dropped.
    drop(crate::cluster::Processor::start(sandbox.command(), &args));
    doctor(&sandbox, &[], &["ok     sources/s: nothing was committed yet"]);
    // What was committed and is gone is another matter.
    sandbox.file("later.ndjson", LINES);
    let serve = ["serve", "p.tl", "--source", "file:later.ndjson", "--state", "d", "--listen", "127.0.0.1:0"];
    assert_eq!(sandbox.run(&[&serve[..], &["--exit-at-end"]].concat()).code, 0);
    std::fs::remove_dir_all(sandbox.path().join("d/sources/s/manifests")).unwrap();
    doctor(&sandbox, &[], &["fault", "no checkpoint is whole"]);
}

#[cfg(feature = "lake")]
#[test]
fn history_that_waits_for_its_tables_is_said_with_their_place() {
    let sandbox = Sandbox::new();
    sandbox
        .file("p.tl", "source s { key k  time t in s  end after 1s  a: bool }\nmetric m = duration_where(latest(a))\n");
    let event = |key: &str, t: i64| format!("{{\"k\":\"{key}\",\"t\":{t},\"a\":true}}\n");
    let serve =
        ["serve", "p.tl", "--source", "file:e.ndjson", "--state", "d", "--listen", "127.0.0.1:0", "--exit-at-end"];
    sandbox.file("e.ndjson", event("a", 0) + &event("b", 1000));
    assert_eq!(sandbox.run(&[&serve[..], &["--history"]].concat()).code, 0);
    let said = sandbox.run(&["doctor", "--state", "d"]);
    assert!(said.code == 0 && said.stdout.contains("history lies in tables in "), "{said:?}");
    assert!(said.stdout.contains("d-history") && !said.stdout.contains("wait in the state"), "{said:?}");
    // A file where the folder was: what ends now stays in the state.
    let place = sandbox.path().join("d-history");
    std::fs::rename(&place, sandbox.path().join("gone")).unwrap();
    std::fs::write(&place, "").unwrap();
    sandbox.file("e.ndjson", event("a", 0) + &event("b", 1000) + &event("c", 2000));
    assert_ne!(sandbox.run(&serve).code, 0, "tables lack rows, and that is said");
    let said = sandbox.run(&["doctor", "--state", "d"]);
    assert!(said.stdout.contains("1 rows of history") && said.stdout.contains("wait in the state"), "{said:?}");
    std::fs::remove_file(&place).unwrap();
    std::fs::rename(sandbox.path().join("gone"), &place).unwrap();
    assert_eq!(sandbox.run(&serve).code, 0);
    let said = sandbox.run(&["doctor", "--state", "d"]);
    assert!(said.code == 0 && !said.stdout.contains("wait in the state"), "{said:?}");
}
