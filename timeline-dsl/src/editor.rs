//! What an editor asks while a program is written: what is this, and what could stand here.
//!
//! Both work on texts that are not finished: tokens tell where the place is, and what can be compiled tells the types.
//! Places are bytes of the text; whoever talks to an editor translates them.

mod complete;
mod hover;

pub use complete::{Completion, CompletionKind, complete};
pub use hover::{Hover, hover};

use crate::diagnostics::Sink;
use crate::lexer::{Kind, Token, lex};

/// A text and its tokens.
struct Tokens<'t> {
    text: &'t str,
    all: Vec<Token>,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        Tokens { text, all: lex(0, text, &mut Sink::default()) }
    }

    /// What the token at that index is written as; empty beyond the last.
    fn text(&self, i: usize) -> &'t str {
        self.all.get(i).map_or("", |token| token.span.text(self.text))
    }

    fn is_word(&self, i: usize) -> bool {
        self.all.get(i).is_some_and(|token| token.kind == Kind::Word)
    }

    /// How many tokens end at or before the place.
    fn before(&self, at: usize) -> usize {
        self.all.iter().take_while(|token| token.kind != Kind::End && token.span.range().end <= at).count()
    }

    /// Whether the place is in the braces of a source: the index of its name.
    fn source_around(&self, count: usize) -> Option<usize> {
        let open = (0..count).rev().find(|i| matches!(self.text(*i), "{" | "}") && !self.is_word(*i))?;
        (self.text(open) == "{" && open >= 2 && self.text(open - 2) == "source").then(|| open - 1)
    }
}
