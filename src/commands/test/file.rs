//! A test file cut into its sections.
//!
//! A section begins with a line `--- WORD REST` and holds the lines up to the next one.
//! Outside of the program, lines that are blank or begin with `//` say nothing, nor does what stands behind ` // `.
//!
//! **Invariant:** every later stage can name the line that it does not understand.

use super::notation;
use timeline_core::Time;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileProblem {
    /// From one.
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) help: String,
}

impl FileProblem {
    pub(super) fn new(line: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        FileProblem { line, message: message.into(), help: help.into() }
    }

    /// As people see it.
    pub(super) fn told(&self, file: &str) -> String {
        format!("{file}:{}: {}\n  help: {}", self.line, self.message, self.help)
    }
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TestLine<'t> {
    /// From one.
    pub(super) number: usize,
    /// Without comment and blanks around it.
    pub(super) text: &'t str,
}

/// Where the program stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProgramAt<'t> {
    /// In a file of its own, named from the folder of the test.
    File(TestLine<'t>),
    /// In the test, from this byte on.
    Here { text: &'t str, offset: usize },
}

/// Events of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventsAt<'t> {
    /// The line of the heading.
    pub(super) line: usize,
    /// The source; empty where the program has only one.
    pub(super) source: &'t str,
    pub(super) lines: Vec<TestLine<'t>>,
}

/// What a section of expectations is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Finals,
    Totals,
    Alerts,
    /// All spans of an expression.
    Spans,
    /// Those on which it is true.
    True,
    /// Its values at instants.
    Values,
}

/// A section of expectations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section<'t> {
    pub(super) about: About,
    /// The expression, for those that are about one; and where it begins in the file.
    pub(super) expression: &'t str,
    pub(super) offset: usize,
    /// The line of the heading.
    pub(super) line: usize,
    pub(super) lines: Vec<TestLine<'t>>,
}

/// A number of events set aside, and the line that says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) line: usize,
    pub(super) count: usize,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TestFile<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
    pub(super) program: ProgramAt<'t>,
    /// Tables by their files' names, and their lines.
    pub(super) tables: Vec<(&'t str, &'t str)>,
    pub(super) events: Vec<EventsAt<'t>>,
    pub(super) until: Option<Time>,
    /// Late events; none unless the file says so.
    pub(super) late: Count,
    /// Dead letters; none unless the file says so.
    pub(super) dead: Count,
    pub(super) sections: Vec<Section<'t>>,
}

const HEADINGS: &str = "the headings are program, table FILE, events, until, finals, totals, alerts, spans EXPR, true EXPR, \
                        values EXPR, late N and dead N";

/// A heading with what stands below it.
struct RawSection<'t> {
    line: usize,
    word: &'t str,
    rest: &'t str,
    /// Where `rest` begins.
    rest_at: usize,
    body: &'t str,
    body_at: usize,
}

impl<'t> TestFile<'t> {
    pub(super) fn parse(name: &'t str, text: &'t str) -> Result<Self, FileProblem> {
        let mut program = None;
        let mut test = TestFile {
            name,
            text,
            program: ProgramAt::Here { text: "", offset: 0 },
            tables: vec![],
            events: vec![],
            until: None,
            late: Count::default(),
            dead: Count::default(),
            sections: vec![],
        };
        for raw in cut(text)? {
            let about = match raw.word {
                "program" => {
                    if program.is_some() {
                        return Err(FileProblem::new(
                            raw.line,
                            "a test has one program",
                            "put all of it under one heading",
                        ));
                    }
                    program = Some(if raw.rest.is_empty() {
                        ProgramAt::Here { text: raw.body, offset: raw.body_at }
                    } else {
                        raw.nothing_below()?;
                        ProgramAt::File(TestLine { number: raw.line, text: raw.rest })
                    });
                    continue;
                }
                "events" => {
                    test.events.push(EventsAt { line: raw.line, source: raw.rest, lines: raw.lines() });
                    continue;
                }
                "table" => {
                    if raw.rest.is_empty() || test.tables.iter().any(|(name, _)| *name == raw.rest) {
                        let message = "a table is called like the file that it stands for, and stands in a test once";
                        return Err(FileProblem::new(
                            raw.line,
                            message,
                            "write `--- table tariff.csv`, and its lines below",
                        ));
                    }
                    test.tables.push((raw.rest, raw.body));
                    continue;
                }
                "until" => {
                    raw.nothing_below()?;
                    let time = notation::instant(raw.rest).ok_or_else(|| {
                        FileProblem::new(raw.line, format!("`{}` is not an instant", raw.rest), notation::INSTANTS)
                    })?;
                    test.until = Some(time);
                    continue;
                }
                "late" => {
                    test.late = raw.count()?;
                    continue;
                }
                "dead" => {
                    test.dead = raw.count()?;
                    continue;
                }
                "finals" => About::Finals,
                "totals" => About::Totals,
                "alerts" => About::Alerts,
                "spans" => About::Spans,
                "true" => About::True,
                "values" => About::Values,
                other => return Err(FileProblem::new(raw.line, format!("there is no section `{other}`"), HEADINGS)),
            };
            let wants_expression = matches!(about, About::Spans | About::True | About::Values);
            if wants_expression == raw.rest.is_empty() {
                let (message, help) = if wants_expression {
                    (format!("`{}` of what?", raw.word), format!("write `--- {} EXPRESSION`", raw.word))
                } else {
                    (format!("`{}` is about all metrics", raw.word), "name the metric on the lines below".to_owned())
                };
                return Err(FileProblem::new(raw.line, message, help));
            }
            test.sections.push(Section {
                about,
                expression: raw.rest,
                offset: raw.rest_at,
                line: raw.line,
                lines: raw.lines(),
            });
        }
        test.program = program.ok_or_else(|| {
            FileProblem::new(1, "the test has no program", "begin with `--- program`, or `--- program FILE.tl`")
        })?;
        if test.events.is_empty() {
            return Err(FileProblem::new(1, "the test has no events", "write them below `--- events`"));
        }
        if test.sections.is_empty() && test.late == Count::default() && test.dead == Count::default() {
            return Err(FileProblem::new(1, "the test expects nothing", HEADINGS));
        }
        Ok(test)
    }
}

fn cut(text: &str) -> Result<Vec<RawSection<'_>>, FileProblem> {
    let mut all: Vec<RawSection<'_>> = vec![];
    let mut at = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let (start, bare) = (at, line.trim_end());
        at += line.len();
        if let Some(heading) = bare.strip_prefix("---") {
            let word_text = heading.trim_start();
            let (word, rest) = word_text.split_once(char::is_whitespace).unwrap_or((word_text, ""));
            let rest = without_comment(rest.trim_start());
            let rest_at = start + bare.len() - word_text.len() + word_text.find(rest).unwrap_or(0);
            all.push(RawSection { line: i + 1, word, rest, rest_at, body: &text[at..at], body_at: at });
        } else if let Some(raw) = all.last_mut() {
            raw.body = &text[raw.body_at..at];
        } else if !bare.is_empty() && !bare.starts_with("//") {
            return Err(FileProblem::new(i + 1, "a section begins with `--- `", HEADINGS));
        }
    }
    Ok(all)
}

impl<'t> RawSection<'t> {
    fn lines(&self) -> Vec<TestLine<'t>> {
        let numbered = (self.line + 1..).zip(self.body.lines());
        let lines = numbered.map(|(number, text)| TestLine { number, text: without_comment(text.trim()) });
        lines.filter(|line| !line.text.is_empty()).collect()
    }

    fn nothing_below(&self) -> Result<(), FileProblem> {
        match self.lines().first() {
            None => Ok(()),
            Some(line) => {
                let message = format!("nothing stands below `--- {} {}`", self.word, self.rest);
                Err(FileProblem::new(line.number, message, "begin the next section, or make it a comment with `//`"))
            }
        }
    }

    fn count(&self) -> Result<Count, FileProblem> {
        self.nothing_below()?;
        let wrong = || FileProblem::new(self.line, format!("`{}` is no number", self.rest), "write how many, e.g. `2`");
        Ok(Count { line: self.line, count: self.rest.parse().map_err(|_| wrong())? })
    }
}

/// Without `// ...` behind it: at its beginning, or behind a blank and outside of strings and raw records.
fn without_comment(line: &str) -> &str {
    if line.starts_with("//") {
        return "";
    }
    if line.starts_with(['{', '|']) {
        return line;
    }
    let (mut quoted, mut escaped, mut before) = (false, false, ' ');
    for (i, c) in line.char_indices() {
        if quoted {
            (quoted, escaped) = (escaped || c != '"', !escaped && c == '\\');
        } else if c == '"' {
            quoted = true;
        } else if c == '/' && before.is_whitespace() && line[i..].starts_with("// ") {
            return line[..i].trim_end();
        }
        before = c;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{About, TestFile};

    const TEST: &str = "// why\n--- program\nsource s { key k  time t in s  b: bool }\n--- events // all\n0: b=true // on\n\
                        | raw // kept\n{\"k\":\"s\"}\n--- until 1h\n--- late 1\n--- dead 2\n--- finals\nm = \"a // b\" // c\n\
                        --- true latest(b) // d\n0..\n";

    #[test]
    fn sections_lines_and_comments() {
        let test = TestFile::parse("t", TEST).unwrap();
        let lines: Vec<(usize, &str)> = test.events[0].lines.iter().map(|line| (line.number, line.text)).collect();
        assert_eq!(lines, [(5, "0: b=true"), (6, "| raw // kept"), (7, "{\"k\":\"s\"}")]);
        assert_eq!((test.until, test.late.count, test.dead.count), (Some(3_600_000_000_000), 1, 2));
        assert_eq!(test.sections[0].lines[0].text, "m = \"a // b\"");
        let last = &test.sections[1];
        assert_eq!((last.about, last.expression, last.line), (About::True, "latest(b)", 13));
        assert_eq!(&TEST[last.offset..last.offset + 9], "latest(b)");
    }

    #[test]
    fn no_text_is_too_much() {
        for at in (0..=TEST.len()).filter(|at| TEST.is_char_boundary(*at)) {
            let _ = TestFile::parse("t", &TEST[..at]);
            let _ = TestFile::parse("t", &format!("{}é\u{0}---{}", &TEST[..at], &TEST[at..]));
            let _ = TestFile::parse("t", &TEST[at..]);
        }
        let _ = TestFile::parse("t", &"--- ".repeat(1 << 18));
    }
}
