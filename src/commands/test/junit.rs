//! The outcomes of tests as a file that build servers read: JUnit's XML, as far as they agree about it.

use crate::error::{Error, Result};
use event_feeder::world::Instant;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What one test came to.
enum TestOutcome {
    Passed,
    /// It is not as expected.
    Failed(String),
    /// It is no test.
    Wrong(String),
}

struct JunitCase {
    name: String,
    outcome: TestOutcome,
    took: Duration,
}

/// The outcomes of a run, if somebody wants them in a file.
pub(super) struct JunitReport {
    file: Option<PathBuf>,
    cases: Vec<JunitCase>,
    since: Instant,
}

impl JunitReport {
    pub(super) fn new(file: Option<PathBuf>) -> JunitReport {
        JunitReport { file, cases: vec![], since: Instant::now() }
    }

    pub(super) fn passed(&mut self, path: &Path) {
        self.add(path, TestOutcome::Passed);
    }

    pub(super) fn failed(&mut self, path: &Path, told: &str) {
        self.add(path, TestOutcome::Failed(told.to_owned()));
    }

    pub(super) fn wrong(&mut self, path: &Path, told: &str) {
        self.add(path, TestOutcome::Wrong(told.to_owned()));
    }

    fn add(&mut self, path: &Path, outcome: TestOutcome) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        self.cases.push(JunitCase { name: path.display().to_string(), outcome, took });
    }

    /// Writes the file.
    pub(super) fn write(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let unwritten = |error| Error::Usage(format!("--junit: cannot write {}: {error}", file.display()));
        std::fs::write(file, self.xml()).map_err(unwritten)
    }

    fn xml(&self) -> String {
        let count = |of: fn(&TestOutcome) -> bool| self.cases.iter().filter(|case| of(&case.outcome)).count();
        let failures = count(|outcome| matches!(outcome, TestOutcome::Failed(_)));
        let errors = count(|outcome| matches!(outcome, TestOutcome::Wrong(_)));
        let took: Duration = self.cases.iter().map(|case| case.took).sum();
        let counts = format!(
            "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\"",
            self.cases.len(),
            took.as_secs_f64()
        );
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"timeline\" {counts}>\n"
        );
        for JunitCase { name, outcome, took } in &self.cases {
            let (name, took) = (escaped(name), took.as_secs_f64());
            let head =
                format!("    <testcase classname=\"timeline\" name=\"{name}\" file=\"{name}\" time=\"{took:.3}\"");
            xml.push_str(&match outcome {
                TestOutcome::Passed => format!("{head}/>\n"),
                TestOutcome::Failed(told) => inside(&head, "failure", "it is not as expected", told),
                TestOutcome::Wrong(told) => inside(&head, "error", "it cannot be read as a test", told),
            });
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

fn inside(head: &str, kind: &str, message: &str, told: &str) -> String {
    format!("{head}>\n      <{kind} message=\"{message}\">{}</{kind}>\n    </testcase>\n", escaped(told.trim_end()))
}

/// A text within XML, which has no place for some characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::JunitReport;
    use std::path::Path;

    #[test]
    fn outcomes_are_counted_and_texts_are_xml() {
        let mut report = JunitReport::new(None);
        report.passed(Path::new("a.tltest"));
        report.failed(Path::new("b<\".tltest"), "- x & 1\n+ \u{1b}[1mx > 2\n");
        report.wrong(Path::new("c.tltest"), "no program");
        let xml = report.xml();
        assert!(xml.contains("<testsuite name=\"timeline\" tests=\"3\" failures=\"1\" errors=\"1\" time="), "{xml}");
        assert!(xml.contains("name=\"b&lt;&quot;.tltest\""), "{xml}");
        let failure = "<failure message=\"it is not as expected\">- x &amp; 1\n+ \u{fffd}[1mx &gt; 2</failure>";
        assert!(xml.contains(failure), "{xml}");
        assert!(xml.contains("<error message=\"it cannot be read as a test\">no program</error>"), "{xml}");
        assert!(report.write().is_ok(), "nobody wants a file");
    }
}
