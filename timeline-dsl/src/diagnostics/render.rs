//! Diagnostics as text, with the line and a caret under the place.

use super::width;
use super::{Diagnostic, Severity};
use crate::ProgramText;
use std::fmt::Write;
use std::ops::Range;

/// The most bytes of a line that are shown around the place.
const LINE_MAX: usize = 160;

/// All diagnostics for people, in the manner of `rustc`.
pub fn render(diagnostics: &[Diagnostic], programs: &[ProgramText], color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    for d in diagnostics {
        let tone = if d.severity == Severity::Error { "1;31" } else { "1;33" };
        let head = paint.with(tone, &format!("{}[{}]", d.severity.name(), d.code));
        let _ = writeln!(out, "{head}{}", paint.with("1", &format!(": {}", width::shown(&d.message))));
        let main = SourceLine::of(programs, d.file, &d.span);
        let notes: Vec<_> = d.notes.iter().map(|n| (SourceLine::of(programs, n.file, &n.span), n)).collect();
        let last = notes.iter().map(|(p, _)| p.line).chain([main.line]).max().unwrap_or(1);
        let margin = last.to_string().len();
        main.draw(&mut out, &paint, margin, "-->", '^', tone, &d.label);
        for (place, note) in notes {
            place.draw(&mut out, &paint, margin, "::>", '-', "1;34", &note.text);
        }
        if let Some(help) = &d.help {
            let _ = writeln!(out, "{:margin$} {} {help}", "", paint.with("1;34", "= help:"), help = width::shown(help));
        }
        out.push('\n');
    }
    out
}

struct Paint {
    color: bool,
}

impl Paint {
    fn with(&self, tone: &str, text: &str) -> String {
        if self.color { format!("\x1b[{tone}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A span as people count: file, line, column, and the part of the line to show.
pub(super) struct SourceLine<'a> {
    pub(super) file: &'a str,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    before: &'a str,
    marked: &'a str,
    after: &'a str,
    cut: (bool, bool),
    /// Whether the line carries a module, which is nothing to read.
    has_module: bool,
}

impl<'a> SourceLine<'a> {
    pub(super) fn of(programs: &'a [ProgramText], file: usize, span: &Range<usize>) -> Self {
        let (name, text) = programs.get(file).map_or(("?", ""), |p| (p.name.as_str(), p.text.as_str()));
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
        // A span over several lines is marked to the end of its first one.
        let end = floor(text, span.end).clamp(start, line_end.max(start));
        let shown_start =
            if start - line_start > LINE_MAX / 2 { floor(text, start - LINE_MAX / 2) } else { line_start };
        let shown_end = floor(text, line_end.min(shown_start + LINE_MAX)).max(start);
        let marked_end = end.min(shown_end);
        SourceLine {
            file: name,
            line: text[..start].bytes().filter(|b| *b == b'\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            before: &text[shown_start..start],
            marked: &text[start..marked_end],
            after: &text[marked_end..shown_end.max(marked_end)],
            cut: (shown_start > line_start, shown_end < line_end),
            has_module: text[line_start..line_end].contains(";base64,"),
        }
    }

    /// A piece of the line as it is shown.
    fn shown(&self, piece: &str) -> String {
        let piece = if self.has_module { without_module(piece) } else { piece.to_owned() };
        width::shown(&piece)
    }

    #[allow(clippy::too_many_arguments)]
    fn draw(&self, out: &mut String, paint: &Paint, margin: usize, arrow: &str, mark: char, tone: &str, text: &str) {
        let blue = |s: &str| paint.with("1;34", s);
        let _ = writeln!(out, "{:margin$}{} {}:{}:{}", "", blue(arrow), self.file, self.line, self.column);
        let bar = format!("{:margin$} |", "");
        let _ = writeln!(out, "{}", blue(&bar));
        let (left, right) = (if self.cut.0 { "..." } else { "" }, if self.cut.1 { "..." } else { "" });
        let [before, marked, after] = [self.before, self.marked, self.after].map(|piece| self.shown(piece));
        let line = format!("{left}{before}{marked}{after}{right}");
        let _ = writeln!(out, "{} {}", blue(&format!("{:margin$} |", self.line)), line.trim_end());
        let indent = left.len() + width::of_text(&before);
        let marks = mark.to_string().repeat(width::of_text(&marked).max(1));
        let under = paint.with(tone, format!("{marks} {}", width::shown(text)).trim_end());
        let _ = writeln!(out, "{} {:indent$}{under}", blue(&bar), "");
    }
}

/// The text with long runs of Base64 cut to their beginnings.
fn without_module(text: &str) -> String {
    const RUN_MAX: usize = 24;
    const KEPT: usize = 8;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut out = String::new();
    for run in text.split_inclusive(|c| !is_part(c)) {
        let length = run.trim_end_matches(|c| !is_part(c)).len();
        match length > RUN_MAX {
            true => out.extend([&run[..KEPT], "…", &run[length..]]),
            false => out.push_str(run),
        }
    }
    out
}

/// The nearest character boundary at or before the byte.
fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::codes;

    #[test]
    fn a_module_in_a_line_is_not_shown() {
        let module = "AGFzbQEAAAAB".repeat(1000);
        let text = format!("operator f(x: int): int from \"data:application/wasm;base64,{module}==\"  oops");
        let at = |what: &str| text.find(what).unwrap();
        let found = [at("\"data")..at("  oops"), at("oops")..text.len()]
            .map(|span| Diagnostic::error(codes::SYNTAX, 0, span, "wrong"));
        let program = ProgramText { name: "p.tl".into(), text: text.clone(), ..ProgramText::default() };
        let shown = render(&found, &[program], false);
        assert!(!shown.contains("AAABAGFz") && shown.contains("base64,AGFzbQEA…"), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let caret = |line: usize| lines[line].chars().position(|c| c == '^').unwrap();
        let marked = |line: usize, what: char| lines[line].chars().position(|c| c == what).unwrap();
        assert_eq!(caret(4), marked(3, '"'), "{shown}");
        assert_eq!(lines[9].chars().nth(caret(10)), Some('o'), "{shown}");
    }
}
