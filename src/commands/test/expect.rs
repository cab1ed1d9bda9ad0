//! Rows: what a test expects and what came out, in one form that is compared, and one text that is written and shown.

use super::file::{About, FileProblem, Section, TestFile, TestLine};
use super::notation::{self, SESSION};
use super::program::CompiledProgram;
use std::fmt::Write;
use timeline_core::Time;

/// When a row is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ExpectedTime {
    /// At the end of its session, or of all.
    End,
    /// At an instant.
    Instant(Time),
    /// From an instant on, up to another one.
    Span(Time, Option<Time>),
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExpectedRow {
    /// Empty for totals.
    pub(super) session: String,
    /// The metric or alert; empty where the section is about one.
    pub(super) name: String,
    /// Dimensions or groups, absent ones as `None`.
    pub(super) group: Vec<Option<String>>,
    pub(super) at: ExpectedTime,
    /// The plain value has no name.
    pub(super) cells: Vec<(String, String)>,
}

/// What a section expects, in the order of the file.
pub(super) type Expected = Vec<ExpectedRow>;

const ABSENT: &str = "absent";

/// All sections.
pub(super) fn all(test: &TestFile<'_>, compiled: &CompiledProgram) -> Result<Vec<Expected>, FileProblem> {
    test.sections.iter().map(|section| rows(section, compiled)).collect()
}

fn rows(section: &Section<'_>, compiled: &CompiledProgram) -> Result<Expected, FileProblem> {
    section
        .lines
        .iter()
        .map(|line| {
            let row = row(section.about, line.text).ok_or_else(|| {
                FileProblem::new(line.number, format!("`{}` is not understood", line.text), form(section.about))
            })?;
            known(section.about, &row, *line, compiled)?;
            Ok(row)
        })
        .collect()
}

fn form(about: About) -> &'static str {
    match about {
        About::Finals => "write `[SESSION:] METRIC [DIMENSION, ...] = VALUE`",
        About::Totals => "write `METRIC [GROUP, ...]: FUNCTION=VALUE, ...`",
        About::Alerts => "write `[SESSION:] ALERT START..END`, without END for what goes on",
        About::Spans => "write `[SESSION:] [DIMENSION, ...] START..END VALUE`, with `slope X` for a number that moves",
        About::True => "write `[SESSION:] START..END`, without END for what goes on",
        About::Values => "write `[SESSION:] [DIMENSION, ...] at TIME = VALUE`",
    }
}

/// A name that is none would never be found wrong otherwise.
fn known(about: About, row: &ExpectedRow, line: TestLine<'_>, compiled: &CompiledProgram) -> Result<(), FileProblem> {
    let what = match about {
        About::Finals | About::Totals => "metric",
        About::Alerts => "alert",
        _ => return Ok(()),
    };
    if compiled.outline.definitions.iter().any(|d| d.what == what && d.name == row.name) {
        return Ok(());
    }
    let names = compiled.outline.definitions.iter().filter(|d| d.what == what).map(|d| d.name.as_str());
    let help = format!("those of the program are {}", names.collect::<Vec<_>>().join(", "));
    Err(FileProblem::new(line.number, format!("no {what} is called `{}`", row.name), help))
}

fn row(about: About, text: &str) -> Option<ExpectedRow> {
    let mut rest = LineRest(text);
    let session = if about == About::Totals { String::new() } else { rest.session() };
    let named = matches!(about, About::Finals | About::Totals | About::Alerts);
    let name = if named { rest.word()?.to_owned() } else { String::new() };
    let group = rest.group()?;
    let mut row = ExpectedRow { session, name, group, at: ExpectedTime::End, cells: vec![] };
    match about {
        About::Finals => row.cells.push((String::new(), rest.value("=")?)),
        About::Totals => {
            let cells = rest.0.strip_prefix(':')?;
            for cell in cells.split(',') {
                let (function, value) = cell.split_once('=')?;
                row.cells.push((function.trim().to_owned(), notation::unquoted(value.trim())?));
            }
        }
        About::Alerts | About::True => {
            let (start, end) = notation::span(rest.0)?;
            row.at = ExpectedTime::Span(start, end);
        }
        About::Spans => {
            let (start, end) = notation::span(rest.time()?)?;
            row.at = ExpectedTime::Span(start, end);
            let (value, slope) = match rest.0.rsplit_once(" slope ") {
                Some((value, slope)) => (value, slope.trim()),
                None => (rest.0, "0"),
            };
            row.cells.push((String::new(), notation::unquoted(value.trim()).filter(|v| !v.is_empty())?));
            row.cells.push(("slope".into(), slope.to_owned()));
        }
        About::Values => {
            if rest.word()? != "at" {
                return None;
            }
            row.at = ExpectedTime::Instant(notation::instant(rest.time()?)?);
            row.cells.push((String::new(), rest.value("=")?));
        }
    }
    Some(row)
}

/// What is left of a line.
struct LineRest<'t>(&'t str);

impl<'t> LineRest<'t> {
    /// `SESSION: `, if there is one before any bracket; the session of a key of several columns is itself in brackets.
    fn session(&mut self) -> String {
        if let Some(end) = self.0.starts_with("[\"").then(|| self.0.find("\"]: ")).flatten() {
            let session = self.0[..end + 2].to_owned();
            self.0 = self.0[end + 4..].trim_start();
            return session;
        }
        match self.0.split_once(": ") {
            Some((session, rest)) if !session.contains(['[', '"', ' ']) => {
                self.0 = rest.trim_start();
                session.to_owned()
            }
            _ => SESSION.to_owned(),
        }
    }

    fn word(&mut self) -> Option<&'t str> {
        self.until(|c| c.is_whitespace() || "[:=".contains(c))
    }

    /// An instant or a span, in which there may be colons.
    fn time(&mut self) -> Option<&'t str> {
        self.until(|c| c.is_whitespace() || c == '=')
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> Option<&'t str> {
        let text = self.0.trim_start();
        let end = text.find(ends).unwrap_or(text.len());
        self.0 = text[end..].trim_start();
        (end > 0).then(|| &text[..end])
    }

    /// `[a, b]`, if there is one.
    fn group(&mut self) -> Option<Vec<Option<String>>> {
        let Some(inner) = self.0.strip_prefix('[') else { return Some(vec![]) };
        let mut quoted = false;
        let end = inner.find(|c: char| {
            quoted ^= c == '"';
            c == ']' && !quoted
        })?;
        self.0 = inner[end + 1..].trim_start();
        let mut quoted = false;
        let parts = inner[..end].split(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        parts
            .map(|part| match part.trim() {
                ABSENT => Some(None),
                text => notation::unquoted(text).map(Some),
            })
            .collect()
    }

    /// The value behind a sign, to the end of the line.
    fn value(&mut self, sign: &str) -> Option<String> {
        let value = self.0.strip_prefix(sign)?.trim();
        notation::unquoted(value).filter(|v| !v.is_empty())
    }
}

impl ExpectedRow {
    /// Whether the other row, which came out, is the one that this expects.
    pub(super) fn is_met_by(&self, found: &ExpectedRow) -> bool {
        let cell = |(name, value): &(String, String)| {
            found.cells.iter().any(|(other, actual)| other == name && notation::is_value(value, actual))
        };
        (&self.session, &self.name, &self.group, self.at) == (&found.session, &found.name, &found.group, found.at)
            && self.cells.iter().all(cell)
    }

    /// The row as a line of a section.
    pub(super) fn text(&self, about: About) -> String {
        let mut out = String::new();
        if about != About::Totals && self.session != SESSION {
            let _ = write!(out, "{}: ", self.session);
        }
        out.push_str(&self.name);
        if !self.group.is_empty() {
            let group: Vec<String> =
                self.group.iter().map(|v| v.as_ref().map_or(ABSENT.into(), |v| notation::quoted(v))).collect();
            let _ = write!(out, "{}[{}]", if self.name.is_empty() { "" } else { " " }, group.join(", "));
        }
        let blank = if out.is_empty() || out.ends_with(' ') { "" } else { " " };
        match self.at {
            ExpectedTime::End => {}
            ExpectedTime::Instant(t) => _ = write!(out, "{blank}at {}", notation::instant_text(t)),
            ExpectedTime::Span(start, end) => _ = write!(out, "{blank}{}", notation::span_text(start, end)),
        }
        match about {
            About::Totals => {
                let cells: Vec<String> = self.cells.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let _ = write!(out, ": {}", cells.join(", "));
            }
            About::Finals | About::Values => _ = write!(out, " = {}", self.value()),
            About::Spans => {
                let _ = write!(out, " {}", self.value());
                let slope = self.cells.iter().find(|(name, value)| name == "slope" && value != "0");
                slope.into_iter().for_each(|(_, slope)| _ = write!(out, " slope {slope}"));
            }
            About::Alerts | About::True => {}
        }
        out
    }

    fn value(&self) -> String {
        let plain = self.cells.iter().find(|(name, _)| name.is_empty());
        plain.map_or(ABSENT.into(), |(_, value)| if value == ABSENT { ABSENT.into() } else { notation::quoted(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::{About, row};

    #[test]
    fn rows_are_written_as_they_are_read() {
        for (about, text) in [
            (About::Finals, "cirr [C1, absent] = 12"),
            (About::Finals, "viewer-1: state = \"a b\""),
            (About::Totals, "cirr [C1]: count=1, sum=12"),
            (About::Totals, "all: count=1"),
            (About::Alerts, "stuck 7..8"),
            (About::Alerts, "v: stuck 7.."),
            (About::True, "7..8.5"),
            (About::Spans, "[\"C, ] 1\"] 0..20 3 slope 1"),
            (About::Spans, "v: 0..20m play"),
            (About::Finals, "[\"a\",\"b: c\"]: m [d] = 1"),
            (About::Values, "at 1h30m = absent"),
            (About::Values, "v: [C1] at 2026-01-01T00:00:00.5Z = 3"),
            (About::Values, "at 2026-01-01T00:00:00Z = 3"),
            (About::Spans, "2026-01-01T00:00:00Z..2026-01-01T00:00:01Z 3 slope 1"),
            (About::Spans, "v: [C1] 2026-01-01T00:00:00Z.. play"),
            (About::True, "v: 2026-01-01T00:00:00Z..2026-01-01T00:00:01Z"),
            (About::Alerts, "v: stuck 2026-01-01T00:00:00Z.."),
        ] {
            let row = row(about, text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(row.text(about), text);
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for (about, text) in [
            (About::Finals, "cirr"),
            (About::Finals, "cirr ="),
            (About::Totals, "cirr count=1"),
            (About::Alerts, "stuck 7"),
            (About::True, "7..8 true"),
            (About::Spans, "7..8"),
            (About::Spans, "[a 7..8 x"),
            (About::Values, "12 = 3"),
        ] {
            assert_eq!(row(about, text), None, "{text}");
        }
    }
}
