//! Logs that were copied, moved, put back, and those that are others.

use super::*;
use std::path::Path;

/// A log in the folder `p1` that was read to its end, and how far that is.
fn log_that_was_read(files: &[(&str, &str)]) -> (Folder, FileTable, Position) {
    let folder = Folder::new();
    fs::create_dir(folder.path("p1")).unwrap();
    for (name, text) in files {
        folder.write(&format!("p1/{name}"), text);
    }
    let mut source = FileSource::open(&[folder.path("p1/*")], options(Mode::Tail)).unwrap();
    read(&mut source);
    let (files, at) = (source.files().clone(), source.reached);
    (folder, files, at)
}

fn copy(folder: &Folder, from: &str, to: &str) {
    fs::create_dir_all(folder.path(to)).unwrap();
    for entry in fs::read_dir(folder.path(from)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), Path::new(&folder.path(to)).join(entry.file_name())).unwrap();
    }
}

fn resume(folder: &Folder, patterns: &[&str], files: &FileTable, at: Position) -> Result<FileSource, Error> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| folder.path(pattern)).collect();
    FileSource::resume(&patterns, options(Mode::Tail), files.clone(), at)
}

#[track_caller]
fn refused(folder: &Folder, patterns: &[&str], files: &FileTable, at: Position, code: RecordCode) {
    let refused = resume(folder, patterns, files, at).and_then(|mut source| source.next().map(|_| ()));
    assert_eq!(refused.unwrap_err().code(), code);
}

#[test]
fn a_folder_that_was_copied_or_moved_has_the_same_log() {
    for is_moved in [false, true] {
        let (folder, files, at) = log_that_was_read(&[("a.log", "1\n2\n"), ("b.log", "3\n")]);
        match is_moved {
            true => fs::rename(folder.path("p1"), folder.path("p2")).unwrap(),
            false => copy(&folder, "p1", "p2"),
        }
        folder.append("p2/b.log", "4\n");
        for pattern in ["p2/*.log", "p2/*"] {
            let mut source = resume(&folder, &[pattern], &files, at).unwrap();
            let names: Vec<&str> = source.files().iter().map(|known| known.name.as_str()).collect();
            assert_eq!(names, [folder.path("p2/a.log"), folder.path("p2/b.log")]);
            assert_eq!(read(&mut source), ("4\n".into(), "idle"), "{pattern}");
            assert_eq!(codes(&mut source), ["TL2117"]);
            // What is known now is not said a second time.
            let mut again = resume(&folder, &[pattern], &source.files().clone(), source.reached).unwrap();
            assert_eq!((read(&mut again), codes(&mut again)), ((String::new(), "idle"), vec![]));
        }
        folder.write("p2/c.log", "5\n");
        assert_eq!(read(&mut resume(&folder, &["p2/*.log"], &files, at).unwrap()), ("4\n5\n".into(), "idle"));
    }
}

#[test]
fn files_that_begin_alike_are_told_apart_by_their_names() {
    let all = [("a.log", "head\n"), ("b.log", "head\n"), ("c.log", "head\n1\n")];
    let (folder, files, at) = log_that_was_read(&all);
    copy(&folder, "p1", "p2");
    let mut source = resume(&folder, &["p2/*"], &files, at).unwrap();
    assert_eq!(read(&mut source), (String::new(), "idle"));
    assert_eq!(source.files().len(), 3);
    // Another name is another file, whatever it has.
    copy(&folder, "p1", "p3");
    for (from, to) in [("a", "d"), ("b", "e"), ("c", "f")] {
        fs::rename(folder.path(&format!("p3/{from}.log")), folder.path(&format!("p3/{to}.log"))).unwrap();
    }
    refused(&folder, &["p3/*"], &files, at, RecordCode::OtherFiles);
    // Two folders that are as good stand for neither.
    copy(&folder, "p1", "q1");
    refused(&folder, &["p2/*", "q1/*"], &files, at, RecordCode::OtherFiles);
    // The one that is called alike is meant.
    copy(&folder, "p1", "moved/p1");
    let mut source = resume(&folder, &["p2/*", "moved/p1/*"], &files, at).unwrap();
    assert!(source.files().iter().take(3).all(|known| known.name.contains("moved/p1/")));
    source.next().unwrap();
}

#[test]
fn what_goes_on_from_none_of_the_files_is_refused() {
    let (folder, files, at) = log_that_was_read(&[("i1.log", "1\n2\n")]);
    folder.write("p1/j1.log", "3\n");
    for pattern in ["p1/j*.log", "p1/j1.log", "p1/none", "gone/*"] {
        refused(&folder, &[pattern], &files, at, RecordCode::OtherFiles);
    }
    // Beside what was read it goes on from that.
    let mut source = resume(&folder, &["p1/i1.log", "p1/j*.log"], &files, at).unwrap();
    assert_eq!((read(&mut source), codes(&mut source)), (("3\n".into(), "idle"), vec![]));
}

#[test]
fn a_copy_with_other_bytes_is_refused() {
    let long = "x\n".repeat(3000);
    let rewritten = format!("{}y\n", &long[2..]);
    let changes = [
        ("p2/a.log", "1\n9\n", RecordCode::Replaced),
        ("p2/a.log", "1\n", RecordCode::Truncated),
        ("p2/b.log", "x\n", RecordCode::Truncated),
        ("p2/b.log", rewritten.as_str(), RecordCode::Rewritten),
    ];
    for (name, text, code) in changes {
        let (folder, files, at) = log_that_was_read(&[("a.log", "1\n2\n"), ("b.log", long.as_str())]);
        copy(&folder, "p1", "p2");
        resume(&folder, &["p2/*"], &files, at).unwrap();
        folder.write(name, text);
        refused(&folder, &["p2/*"], &files, at, code);
    }
}

#[test]
fn a_file_that_was_put_back_is_gone_on_with() {
    let (folder, files, at) = log_that_was_read(&[("a.log", "1\n2\n"), ("b.log", "3\n")]);
    let put_back = |name: &str, text: &str| {
        folder.write("new", text);
        fs::rename(folder.path("new"), folder.path(name)).unwrap();
    };
    let mut live = resume(&folder, &["p1/*"], &files, at).unwrap();
    assert_eq!((read(&mut live), codes(&mut live)), ((String::new(), "idle"), vec![]));
    put_back("p1/a.log", "1\n2\n");
    put_back("p1/b.log", "3\n4\n");
    let mut resumed = resume(&folder, &["p1/*"], &files, at).unwrap();
    for source in [&mut live, &mut resumed] {
        assert_eq!((read(source), codes(source)), (("4\n".into(), "idle"), vec!["TL2117"]));
    }
    folder.append("p1/b.log", "5\n");
    for source in [&mut live, &mut resumed] {
        assert_eq!((read(source), codes(source)), (("5\n".into(), "idle"), vec![]));
    }
    // What was read of it is not there.
    put_back("p1/b.log", "9\n4\n5\n6\n");
    assert_eq!(read(&mut live).1, "TL2103");
    refused(&folder, &["p1/*"], &files, at, RecordCode::Replaced);
}

#[test]
fn of_what_is_packed_and_of_parquet_the_end_counts_too() {
    // Longer than what is known of a beginning.
    let lines: String = (0..4000_u32).map(|i| format!("{{\"a\":{}}}\n", i.wrapping_mul(2_654_435_761))).collect();
    let packed = gzip(&lines);
    let mut other_packed = packed.clone();
    let at = packed.len() - 5;
    other_packed[at] ^= 1;
    let table = parquet(0, 5000);
    let mut other_table = table.clone();
    let at = table.len() - 20;
    other_table[at] ^= 1;
    for (name, whole, other) in [("a.ndjson.gz", packed, other_packed), ("a.parquet", table, other_table)] {
        assert!(whole.len() as u64 > FilePrefix::LENGTH_MAX, "{name}");
        let folder = Folder::new();
        fs::create_dir(folder.path("p2")).unwrap();
        fs::write(folder.path(name), &whole).unwrap();
        let pattern = |within: &str| [folder.path(&format!("{within}a.*"))];
        let options = || Options { mode: Mode::Tail, ..Options::default() };
        let mut source = FileSource::open(&pattern(""), options()).unwrap();
        while let Next::Block(_) = source.next().unwrap() {}
        let (files, at) = (source.files().clone(), source.at);
        fs::write(folder.path(&format!("p2/{name}")), &whole).unwrap();
        let mut copied = FileSource::resume(&pattern("p2/"), options(), files.clone(), at).unwrap();
        assert!(matches!(copied.next().unwrap(), Next::Idle { .. }), "{name}");
        fs::write(folder.path(&format!("p2/{name}")), &other).unwrap();
        let refused = FileSource::resume(&pattern("p2/"), options(), files, at).err().unwrap();
        assert_eq!(refused.code(), RecordCode::Replaced, "{name}");
    }
}

#[test]
fn files_that_were_read_and_cleared_away_are_gone_on_from() {
    let folder = Folder::new();
    fs::write(folder.path("a.gz"), gzip("{\"a\":1}\n")).unwrap();
    let mut source = follow(&folder, "*.gz");
    read(&mut source);
    let (files, at) = (source.files().clone(), source.at);
    fs::remove_file(folder.path("a.gz")).unwrap();
    fs::write(folder.path("b.gz"), gzip("{\"a\":2}\n")).unwrap();
    let options = Options { mode: Mode::Tail, ..Options::default() };
    let mut source = FileSource::resume(&[folder.path("*.gz")], options, files, at).unwrap();
    assert_eq!((read(&mut source), codes(&mut source)), (("{\"a\":2}\n".into(), "idle"), vec!["TL2114"]));
}
