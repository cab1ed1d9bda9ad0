//! Diagnostics as JSON, one array, for editors and scripts.

use super::Diagnostic;
use super::render::SourceLine;
use crate::ProgramText;
use std::ops::Range;

/// All diagnostics as one JSON array.
///
/// Each has `code`, `severity`, `message`, `file`, `line` and `column` (from 1, columns in characters), `start` and
/// `end` (bytes), `label`, `notes` (`file`, `line`, `column`, `start`, `end`, `text`) and `help` (text or null).
pub fn render_json(diagnostics: &[Diagnostic], programs: &[ProgramText]) -> String {
    let items: Vec<String> = diagnostics
        .iter()
        .map(|d| {
            let notes: Vec<String> = d
                .notes
                .iter()
                .map(|n| format!("{{{},\"text\":{}}}", place(programs, n.file, &n.span), quoted(&n.text)))
                .collect();
            format!(
                "{{\"code\":{},\"severity\":{},\"message\":{},{},\"label\":{},\"notes\":[{}],\"help\":{}}}",
                quoted(d.code),
                quoted(d.severity.name()),
                quoted(&d.message),
                place(programs, d.file, &d.span),
                quoted(&d.label),
                notes.join(","),
                d.help.as_deref().map_or_else(|| "null".to_owned(), quoted),
            )
        })
        .collect();
    format!("[{}]\n", items.join(","))
}

fn place(programs: &[ProgramText], file: usize, span: &Range<usize>) -> String {
    let at = SourceLine::of(programs, file, span);
    format!(
        "\"file\":{},\"line\":{},\"column\":{},\"start\":{},\"end\":{}",
        quoted(at.file),
        at.line,
        at.column,
        span.start,
        span.end
    )
}

/// A JSON string; also how a program writes a string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
