//! Files with the same bytes, which count twice and are said to.

use super::*;

/// What is said of the files of a pattern, in either mode, and that all of them are read.
#[track_caller]
fn said(folder: &Folder, pattern: &str, bytes: usize) -> Vec<(&'static str, String)> {
    let of = |mode| {
        let options = Options { mode, format: Some(Format::Ndjson), ..Options::default() };
        let mut source = FileSource::open(&[folder.path(pattern)], options).unwrap();
        assert_eq!(read(&mut source).0.len(), bytes, "{mode:?}");
        let notices = source.notices();
        notices.into_iter().map(|notice| (notice.code.as_str(), notice.file)).collect::<Vec<_>>()
    };
    assert_eq!(of(Mode::Batch), of(Mode::Tail));
    of(Mode::Tail)
}

#[test]
fn a_copy_is_named_and_counts_all_the_same() {
    let folder = Folder::new();
    let lines: String = (0..1000).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    folder.write("l (1).log", &lines);
    folder.write("l.log", &lines);
    fs::write(folder.path("l.log.gz"), gzip(&lines)).unwrap();
    fs::write(folder.path("m.log.gz"), gzip(&lines)).unwrap();
    let named = |names: &[&str]| names.iter().map(|name| ("TL2118", folder.path(name))).collect::<Vec<_>>();
    assert_eq!(said(&folder, "l*", 3 * lines.len()), named(&["l.log", "l.log.gz"]));
    assert_eq!(said(&folder, "*.gz", 2 * lines.len()), named(&["m.log.gz"]));
    assert!(said(&folder, "l.log", lines.len()).is_empty());
}

#[test]
fn files_that_are_alike_and_not_the_same_are_no_copies() {
    let folder = Folder::new();
    let head = "{\"a\":0}\n".repeat(1000);
    folder.write("a.log", &format!("{head}{{\"a\":1}}\n"));
    folder.write("b.log", &format!("{head}{{\"a\":2}}\n"));
    folder.write("c.log", &head);
    fs::write(folder.path("d.log"), gzip(&format!("{head}{head}"))).unwrap();
    folder.write("e.log", "");
    folder.write("f.log", "");
    assert!(said(&folder, "*.log", 5 * head.len() + 16).is_empty());
}

#[test]
fn it_is_said_again_at_each_start_and_of_what_comes_later() {
    let folder = Folder::new();
    folder.write("a.log", "1\n2\n");
    folder.write("b.log", "1\n2\n");
    let mut source = folder.open(Mode::Tail);
    assert_eq!(read(&mut source), ("1\n2\n1\n2\n".into(), "idle"));
    assert_eq!(codes(&mut source), ["TL2118"]);
    folder.append("b.log", "3\n");
    folder.write("c.log", "1\n2\n3\n");
    assert_eq!(read(&mut source), ("3\n1\n2\n3\n".into(), "idle"));
    assert_eq!(codes(&mut source), ["TL2118"], "of c, which is as b is now");
    let mut again = folder.resume(source.files().clone(), source.reached).unwrap();
    assert_eq!((read(&mut again), codes(&mut again)), ((String::new(), "idle"), vec!["TL2118"]));
}
