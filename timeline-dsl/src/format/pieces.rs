//! A program as what a layout puts in order: tokens and comments, each knowing what may stand before it.

use super::FormatMarks;
use crate::diagnostics::Diagnostics;
use crate::lexer::{TokenKind, lex};

/// What a piece is to the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceRole {
    /// Any token.
    Token,
    /// The first token of a declaration.
    Item,
    /// The first token of a clause that is no column.
    Clause,
    /// The first token of a column.
    Column,
    /// `//` to the end of its line.
    Comment,
}

/// A token or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FormatPiece<'t> {
    pub(super) what: PieceRole,
    pub(super) text: &'t str,
    /// Whether it is a name or a word of the language.
    pub(super) is_word: bool,
    /// Line ends between the piece before and this one.
    pub(super) lines: usize,
}

/// The pieces of a text without syntax errors; separators between clauses are left out.
pub(super) fn pieces<'t>(text: &'t str, marks: &FormatMarks) -> Vec<FormatPiece<'t>> {
    let mut all = vec![];
    let mut at = 0;
    let mut lines = 0;
    let mut in_source = false;
    let mut clause = 0;
    for token in lex(0, text, &mut Diagnostics::default()) {
        let range = token.span.range();
        gap(&text[at..range.start], &mut lines, &mut all);
        at = range.end;
        if token.kind == TokenKind::End {
            break;
        }
        while marks.clauses.get(clause).is_some_and(|(span, _)| span.range().end <= range.start) {
            clause += 1;
        }
        let starts = marks.clauses.get(clause).filter(|(span, _)| span.range().start <= range.start);
        let what = match starts {
            Some((span, is_column)) if span.range().start == range.start => {
                if *is_column {
                    PieceRole::Column
                } else {
                    PieceRole::Clause
                }
            }
            _ if marks.items.binary_search(&range.start).is_ok() => PieceRole::Item,
            _ => PieceRole::Token,
        };
        if what == PieceRole::Item {
            in_source = matches!(&text[range.clone()], "source" | "table");
        }
        let is_separator = in_source && starts.is_none() && matches!(token.kind, TokenKind::Sign("," | ";"));
        if !is_separator {
            let is_word = token.kind == TokenKind::Word;
            all.push(FormatPiece { what, text: &text[range], is_word, lines: std::mem::take(&mut lines) });
        }
    }
    all
}

/// Counts the line ends of what stands between two tokens, and takes its comments out.
fn gap<'t>(mut gap: &'t str, lines: &mut usize, all: &mut Vec<FormatPiece<'t>>) {
    while let Some(start) = gap.find("//") {
        *lines += newlines(&gap[..start]);
        let end = gap[start..].find('\n').map_or(gap.len(), |n| start + n);
        let text = gap[start..end].trim_end();
        all.push(FormatPiece { what: PieceRole::Comment, text, is_word: false, lines: std::mem::take(lines) });
        gap = &gap[end..];
    }
    *lines += newlines(gap);
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}
