//! What the front end says to the author of a program: a stable code, a place, and what to do about it.
//!
//! A compilation keeps at most [`MAX_DIAGNOSTICS`], so that a file of noise costs bounded time and memory to report.

pub mod codes;
mod json;
mod render;
mod width;

pub(crate) use json::quoted;
pub use json::render_json;
pub use render::render;
pub(crate) use timeline_core::nearest;
pub(crate) use width::of_text as width;

use codes::DiagnosticCode;
use std::ops::Range;

/// The most diagnostics that one compilation reports; one more says that there were others.
pub const MAX_DIAGNOSTICS: usize = 50;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program can run, but perhaps not as meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, of the form `TL0001`; `docs/errors.md` has a section for each.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Index of the program.
    pub file: usize,
    /// The bytes of the program that it is about.
    pub span: Range<usize>,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// Other places that belong to it.
    pub notes: Vec<DiagnosticNote>,
    /// What to do.
    pub help: Option<String>,
}

/// Another place that belongs to a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiagnosticNote {
    /// Index of the program.
    pub file: usize,
    /// The bytes of that program.
    pub span: Range<usize>,
    /// What is to be seen there.
    pub text: String,
}

impl Diagnostic {
    /// An error at a place.
    pub(crate) fn error(code: DiagnosticCode, file: usize, span: Range<usize>, message: impl Into<String>) -> Self {
        Diagnostic {
            code: code.name,
            severity: Severity::Error,
            message: message.into(),
            file,
            span,
            label: String::new(),
            notes: vec![],
            help: None,
        }
    }

    /// With a text beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With a help line.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place.
    pub(crate) fn note(mut self, file: usize, span: Range<usize>, text: impl Into<String>) -> Self {
        self.notes.push(DiagnosticNote { file, span, text: text.into() });
        self
    }
}

/// The most bytes of a message, a label or a help line: names in it may be as long as the program.
const MAX_TEXT_BYTES: usize = 600;

fn shorten(text: &mut String) {
    if text.len() > MAX_TEXT_BYTES {
        let end = (0..=MAX_TEXT_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

/// Where findings go.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    found: Vec<Diagnostic>,
    left_out: usize,
}

impl Diagnostics {
    /// Keeps the finding if there is room.
    pub(crate) fn push(&mut self, mut diagnostic: Diagnostic) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            let texts = [&mut diagnostic.message, &mut diagnostic.label].into_iter().chain(&mut diagnostic.help);
            texts.for_each(shorten);
            self.found.push(diagnostic);
        }
    }

    /// Whether further findings would only be counted: callers may skip the work of wording them.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_DIAGNOSTICS
    }

    /// All findings, in the order of the programs.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by_key(|d| (d.file, d.span.start, d.span.end));
        if self.left_out > 0 {
            let (file, span) = found.last().map_or((0, 0..0), |d| (d.file, d.span.clone()));
            let message = format!("{} further mistakes are not shown", self.left_out);
            found.push(Diagnostic::error(codes::TOO_MANY, file, span, message).help("correct those above first"));
        }
        found
    }
}
