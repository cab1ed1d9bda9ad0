//! Pieces to lines.

use super::pieces::{FormatPiece, PieceRole};
use crate::diagnostics::width;

/// Words behind which a bracket opens no call.
const NO_CALL: [&str; 17] = [
    "by", "last", "when", "after", "ttl", "where", "as", "every", "cap", "lateness", "idle", "future", "within",
    "keep", "from", "in", "linger",
];

/// Words of the language behind which a `-` is a sign and no difference.
const BEFORE_SIGNED: [&str; 9] = ["last", "after", "ttl", "where", "by", "every", "lateness", "when", "linger"];

/// Blanks by which the body of a source is indented, and what goes on where nothing says how far.
const INDENT: usize = 2;

pub(super) struct FormatLayout<'p, 't> {
    pieces: &'p [FormatPiece<'t>],
    out: String,
    /// Columns of the line so far.
    column: usize,
    /// Blanks that it begins with.
    indent: usize,
    line: usize,
    places: Vec<PieceExtent>,
}

/// Where a piece came to stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PieceExtent {
    pub(super) line: usize,
    /// Its first column.
    pub(super) start: usize,
    /// The column behind it.
    pub(super) end: usize,
}

/// A bracket that is open.
#[derive(Clone, Copy)]
struct OpenBracket {
    /// Where lines inside of it begin.
    inside: usize,
    /// Where a line begins with which it closes.
    closing: usize,
}

impl<'p, 't> FormatLayout<'p, 't> {
    pub(super) fn new(pieces: &'p [FormatPiece<'t>]) -> Self {
        let places = vec![PieceExtent::default(); pieces.len()];
        FormatLayout { pieces, out: String::new(), column: 0, indent: 0, line: 0, places }
    }

    /// The text, and where each piece stands in it.
    pub(super) fn text(mut self) -> (String, Vec<PieceExtent>) {
        let mut at = 0;
        while at < self.pieces.len() {
            let piece = self.pieces[at];
            match (piece.what, piece.text) {
                (PieceRole::Comment, _) => {
                    self.begin(at, 0);
                    self.put_piece(at);
                    at += 1;
                }
                (PieceRole::Item, "source" | "table") => at = self.source(at),
                (PieceRole::Item, "operator") => at = self.operator(at),
                (PieceRole::Item, _) => at = self.definitions(at),
                // A bare expression.
                _ => at = self.expression(at, 0, 0, self.pieces.len()),
            }
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        (self.out, self.places)
    }

    /// Begins the line of a piece, behind the blank line that the author left before it.
    fn begin(&mut self, at: usize, indent: usize) {
        self.line += 1;
        if !self.out.is_empty() {
            self.out.push('\n');
            if self.pieces[at].lines > 1 && !self.out.ends_with("{\n") {
                self.out.push('\n');
            }
        }
        self.column = 0;
        self.indent = indent;
        self.blank(indent);
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += width(text);
    }

    fn put_piece(&mut self, at: usize) {
        let start = self.column;
        self.put(self.pieces[at].text);
        self.places[at] = PieceExtent { line: self.line, start, end: self.column };
    }

    fn blank(&mut self, n: usize) {
        self.out.extend(std::iter::repeat_n(' ', n));
        self.column += n;
    }

    /// The first piece behind `at` that begins a declaration, with the comments on lines of their own before it.
    fn item_end(&self, at: usize) -> usize {
        let next =
            (at + 1..self.pieces.len()).find(|i| self.pieces[*i].what == PieceRole::Item).unwrap_or(self.pieces.len());
        let is_between = |i: &usize| self.pieces[*i].what == PieceRole::Comment && self.pieces[*i].lines > 0;
        let mut end = next;
        while end > at + 1 && is_between(&(end - 1)) {
            end -= 1;
        }
        end
    }

    /// Definitions without a blank line, a comment or a line break among them: what is behind their `=` aligns.
    fn definitions(&mut self, first: usize) -> usize {
        let mut group = vec![];
        let mut at = first;
        while at < self.pieces.len()
            && self.pieces[at].what == PieceRole::Item
            && !matches!(self.pieces[at].text, "source" | "table" | "operator")
        {
            let end = self.item_end(at);
            // Line breaks before the `=` do not stay; a comment there does, and leaves nothing to align.
            let has_head = self.pieces[at..end.min(at + 3)].iter().all(|piece| piece.what != PieceRole::Comment);
            let is_one_line = has_head && (at + 3..end).all(|i| self.pieces[i].lines == 0);
            let follows = group.is_empty() || self.pieces[at].lines <= 1;
            if !follows || (!is_one_line && !group.is_empty()) {
                break;
            }
            group.push((at, end));
            at = end;
            if !is_one_line {
                break;
            }
        }
        let widest =
            |offset: usize| group.iter().map(|(at, _)| width(self.pieces[at + offset].text)).max().unwrap_or(0);
        let (word, name) = (widest(0), widest(1));
        for (at, end) in group {
            self.begin(at, 0);
            if self.pieces[at..end.min(at + 3)].iter().any(|piece| piece.what == PieceRole::Comment) {
                self.put_piece(at);
                self.expression(at + 1, INDENT, INDENT, end);
                continue;
            }
            for (offset, widest) in [(0, word), (1, name)] {
                let text = self.pieces[at + offset].text;
                self.put_piece(at + offset);
                self.blank(widest - width(text) + 1);
            }
            let equals = self.column;
            self.put_piece(at + 2);
            self.expression(at + 3, equals, equals + 2, end);
        }
        at
    }

    /// `operator name(...): type from "module"`.
    fn operator(&mut self, at: usize) -> usize {
        self.begin(at, 0);
        self.put(self.pieces[at].text);
        self.expression(at + 1, INDENT, INDENT, self.item_end(at))
    }

    /// What stands behind a `=`, or is all there is: lines go on at `inside`, or at `pipe` if they begin with one.
    fn expression(&mut self, first: usize, pipe: usize, inside: usize, end: usize) -> usize {
        let is_whole = self.column == 0;
        // Where the expression begins a line of its own, nothing aligns with the name.
        let hangs = !is_whole && self.pieces.get(first).is_some_and(|p| p.lines > 0 || p.what == PieceRole::Comment);
        let (pipe, inside) = if hangs { (INDENT, INDENT) } else { (pipe, inside) };
        let mut open: Vec<OpenBracket> = vec![];
        for at in first..end {
            let piece = self.pieces[at];
            let after_comment = at > 0 && self.pieces[at - 1].what == PieceRole::Comment;
            let breaks = piece.lines > 0 || (after_comment && at > first);
            if is_whole && at == first {
                self.begin(at, 0);
            } else if breaks {
                let indent = match (open.last(), piece.text) {
                    (Some(bracket), ")" | "]") => bracket.closing,
                    (Some(bracket), _) => bracket.inside,
                    (None, "|") => pipe,
                    (None, _) => inside,
                };
                self.begin_inside(indent);
            } else if piece.what == PieceRole::Comment {
                self.blank(2);
            } else if at > 0 && self.is_spaced(at) {
                self.blank(1);
            }
            let begins_at = self.column;
            self.put_piece(at);
            match piece.text {
                "(" | "[" => {
                    let hanging =
                        self.pieces.get(at + 1).is_some_and(|next| next.lines > 0 || next.what == PieceRole::Comment);
                    let line = self.indent;
                    open.push(if hanging {
                        OpenBracket { inside: line + INDENT, closing: line }
                    } else {
                        OpenBracket { inside: self.column, closing: begins_at }
                    });
                }
                ")" | "]" => _ = open.pop(),
                _ => {}
            }
        }
        end
    }

    /// Begins a line inside of a definition, where blank lines do not stay.
    fn begin_inside(&mut self, indent: usize) {
        self.line += 1;
        self.out.push('\n');
        self.column = 0;
        self.indent = indent;
        self.blank(indent);
    }

    /// Whether a blank stands between a piece and the one before it on its line.
    fn is_spaced(&self, at: usize) -> bool {
        let (before, piece) = (self.pieces[at - 1], self.pieces[at]);
        match (before.text, piece.text) {
            ("(" | "[" | "." | ".." | "!", _) | (_, ")" | "[" | "]" | "," | "." | ".." | ":") => false,
            (_, "(") => !before.is_word || NO_CALL.contains(&before.text),
            ("-", _) => !self.is_sign_of_number(at - 1),
            _ => true,
        }
    }

    /// Whether a `-` stands before its only operand.
    fn is_sign_of_number(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).map(|i| self.pieces[i]) else { return true };
        match before.text {
            ")" | "]" => false,
            word if before.is_word => BEFORE_SIGNED.contains(&word),
            text => text.bytes().all(|b| b.is_ascii_punctuation()) && !text.starts_with('"'),
        }
    }

    /// `source name { ... }` or `table name from "file" { ... }`, up to the next declaration.
    fn source(&mut self, first: usize) -> usize {
        let end = self.item_end(first);
        self.begin(first, 0);
        let close =
            (first..end).rev().find(|i| self.pieces[*i].text == "}" && self.pieces[*i].what == PieceRole::Token);
        let close = close.unwrap_or(end);
        let open = (first..close).find(|i| self.pieces[*i].text == "{").unwrap_or(close);
        let has_break = |i: usize| self.pieces[i].lines > 0 || self.pieces[i].what == PieceRole::Comment;
        let is_one_line = !(open + 1..=close.min(self.pieces.len() - 1)).any(has_break);
        let words = (open..close).filter(|i| self.pieces[*i].what == PieceRole::Clause);
        let widest = if is_one_line { 0 } else { words.map(|i| width(self.pieces[i].text)).max().unwrap_or(0) };
        let mut columns_before = false;
        for at in first..end {
            let piece = self.pieces[at];
            let after_comment = at > first && self.pieces[at - 1].what == PieceRole::Comment;
            match piece.what {
                PieceRole::Item => {}
                PieceRole::Comment if piece.lines == 0 && !after_comment => self.blank(2),
                PieceRole::Comment => self.begin(at, if at < close { INDENT } else { 0 }),
                PieceRole::Column if columns_before && (is_one_line || (piece.lines == 0 && !after_comment)) => {
                    self.put(", ")
                }
                PieceRole::Clause | PieceRole::Column if is_one_line => self.blank(if at == open + 1 { 1 } else { 2 }),
                PieceRole::Clause | PieceRole::Column => self.begin(at, INDENT),
                PieceRole::Token if at <= open && after_comment => self.begin_inside(INDENT),
                PieceRole::Token if at == close && !is_one_line => self.begin_inside(0),
                PieceRole::Token if at > open && at < close && (piece.lines > 0 || after_comment) => {
                    self.begin_inside(INDENT + widest + 1);
                }
                PieceRole::Token if self.is_clause_word(at - 1) => {
                    self.blank(widest.saturating_sub(width(self.pieces[at - 1].text)) + 1);
                }
                PieceRole::Token if self.is_spaced(at) => self.blank(1),
                PieceRole::Token => {}
            }
            self.put_piece(at);
            columns_before = match piece.what {
                PieceRole::Column => true,
                PieceRole::Clause => false,
                PieceRole::Comment => columns_before && piece.lines == 0,
                _ => columns_before,
            };
        }
        end
    }

    fn is_clause_word(&self, at: usize) -> bool {
        self.pieces[at].what == PieceRole::Clause
    }
}
