//! How wide, with which characters and with which colours a drawing is made.

use std::env;
use std::io::{IsTerminal, stdout};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a drawing looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Only ASCII characters (labels stay as they are).
    pub(crate) ascii: bool,
    /// Escape sequences for colours.
    pub(crate) colour: bool,
}

/// What a piece of a drawing is, for its colour.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    True,
    State,
    Number,
    Mark,
    Axis,
}

/// Width where nothing says how wide the terminal is.
const DEFAULT_WIDTH: usize = 100;

impl Style {
    /// What fits standard output; `ascii` forces ASCII.
    pub(crate) fn for_stdout(ascii: bool) -> Self {
        let terminal = stdout().is_terminal();
        Style {
            width: columns(terminal),
            ascii: ascii || !utf8_locale(),
            colour: terminal && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }

    /// One character for the Unicode style or the other for ASCII.
    pub(super) fn pick(&self, unicode: char, ascii: char) -> char {
        if self.ascii { ascii } else { unicode }
    }

    /// The text in the colour of the ink.
    pub(super) fn paint(&self, ink: Ink, text: String) -> String {
        if !self.colour || text.trim().is_empty() {
            return text;
        }
        let code = match ink {
            Ink::True => "32",
            Ink::State => "36",
            Ink::Number => "34",
            Ink::Mark => "33",
            Ink::Axis => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The end of a text, cut to a width, with a sign where something is missing.
    pub(super) fn fit_end(&self, text: &str, width: usize) -> String {
        let text = crate::output::table::visible(text.as_bytes());
        let mut cut = String::new();
        for c in text.chars().rev() {
            if cut.width() + c.width().unwrap_or(0) + 1 > width {
                break;
            }
            cut.insert(0, c);
        }
        format!("{}{cut}", self.pick('…', '~'))
    }

    /// The text cut to a width, with a sign where something is missing.
    pub(super) fn fit(&self, text: &str, width: usize) -> String {
        let text = crate::output::table::visible(text.as_bytes());
        if text.width() <= width {
            return text;
        }
        let mut cut = String::new();
        let mut used = 0;
        for c in text.chars() {
            let w = c.width().unwrap_or(0);
            if used + w + 1 > width {
                break;
            }
            cut.push(c);
            used += w;
        }
        if width > 0 {
            cut.push(self.pick('…', '~'));
        }
        cut
    }
}

fn columns(terminal: bool) -> usize {
    let said = env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
    said.or_else(|| terminal.then(terminal_columns).flatten()).unwrap_or(DEFAULT_WIDTH)
}

fn terminal_columns() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Whether the locale says UTF-8; where no locale is set at all, terminals of today can do it.
fn utf8_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|k| env::var(k).ok()).find(|v| !v.is_empty());
    set.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
