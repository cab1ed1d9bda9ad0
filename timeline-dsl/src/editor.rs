//! What an editor asks while a program is written: what is this, and what could stand here.
//!
//! Both work on texts that are not finished: tokens tell where the place is, and what can be compiled tells the types.
//! Places are bytes of the text; whoever talks to an editor translates them.

mod complete;
mod hover;

pub use complete::{Completion, CompletionKind, complete};
pub use hover::{Hover, hover};

use crate::diagnostics::Diagnostics;
use crate::lexer::{Token, TokenKind, lex};

/// What braces hold the clauses of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Braces {
    Source,
    Table,
}

/// A text and its tokens.
struct TokenizedText<'t> {
    text: &'t str,
    all: Vec<Token>,
}

impl<'t> TokenizedText<'t> {
    fn of(text: &'t str) -> Self {
        TokenizedText { text, all: lex(0, text, &mut Diagnostics::default()) }
    }

    /// What the token at that index is written as; empty beyond the last.
    fn text(&self, i: usize) -> &'t str {
        self.all.get(i).map_or("", |token| token.span.text(self.text))
    }

    fn is_word(&self, i: usize) -> bool {
        self.all.get(i).is_some_and(|token| token.kind == TokenKind::Word)
    }

    /// How many tokens end at or before the place.
    fn before(&self, at: usize) -> usize {
        self.all.iter().take_while(|token| token.kind != TokenKind::End && token.span.range().end <= at).count()
    }

    /// In the braces of which declaration the place is.
    fn braces_around(&self, count: usize) -> Option<Braces> {
        let open = (0..count).rev().find(|i| matches!(self.text(*i), "{" | "}") && !self.is_word(*i))?;
        let begins = |n: usize, word: &str| open >= n && self.text(open - n) == word;
        match self.text(open) {
            "{" if begins(2, "source") => Some(Braces::Source),
            // `table NAME from "FILE" {`
            "{" if begins(4, "table") => Some(Braces::Table),
            _ => None,
        }
    }
}
