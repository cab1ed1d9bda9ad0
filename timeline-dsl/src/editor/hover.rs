//! What stands at a place.

use super::{Braces, TokenizedText};
use crate::catalogue;
use crate::compile::{ProgramText, observe};
use crate::lexer::TokenKind;
use crate::outline::{Outline, outline};
use std::fmt::Write;
use std::ops::Range;

/// What to show beside a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The bytes that it is about.
    pub span: Range<usize>,
    /// Markdown.
    pub text: String,
}

/// What stands at that byte; `None` where there is nothing to say.
pub fn hover(text: &str, at: usize) -> Option<Hover> {
    let tokens = TokenizedText::of(text);
    let i = tokens.all.iter().position(|t| t.span.range().contains(&at) && t.kind != TokenKind::End)?;
    let span = tokens.all[i].span.range();
    let outline = outline(text);
    if let Some(braces) = tokens.braces_around(i + 1) {
        return in_braces(&tokens, i, &outline, braces);
    }
    let word = tokens.text(i);
    let defined = outline.definitions.iter().find(|d| d.name_span.range() == span);
    // The smallest expression around the place, or the expression of the name that is defined here.
    let around = match defined {
        Some(definition) => definition.value.range(),
        None => span.clone(),
    };
    let seen = observe(&ProgramText { text: text.to_owned(), ..ProgramText::default() });
    let covers = |range: &Range<usize>| range.start <= around.start && around.end <= range.end;
    let within = |range: &Range<usize>| defined.is_some() && around.start <= range.start && range.end <= around.end;
    let expression = seen
        .iter()
        .filter(|o| covers(&o.span.range()))
        .min_by_key(|o| o.span.range().len())
        .or_else(|| seen.iter().filter(|o| within(&o.span.range())).max_by_key(|o| o.span.range().len()));

    let mut out = String::new();
    let shown = expression.map_or(span.clone(), |o| o.span.range());
    if let Some(o) = expression {
        let source: Vec<&str> = text[shown.clone()].split_whitespace().collect();
        let _ = write!(out, "```timeline\n{}: {}\n```\n", cut(&source.join(" ")), o.kind);
        if let Some(memory) = o.memory {
            let timer = if o.timer { ", changes by a timer too" } else { "" };
            let _ = write!(out, "\nmemory {memory}{timer}\n");
        }
    }
    let is_call = tokens.text(i + 1) == "(" && tokens.is_word(i);
    let is_name = tokens.is_word(i) && !is_call && !is_clause(&tokens, i);
    if is_name {
        told_name(&outline, word, &mut out);
    } else if let Some(operator) = operator(word) {
        let _ = write!(out, "\n`{}` gives {}\n\n{}\n", operator.form, operator.gives, operator.meaning);
        let _ = write!(out, "\nBefore the first event: {}.\n", operator.before);
    } else if let Some(own) = outline.operators.iter().find(|operator| is_call && operator.name == word) {
        let _ = write!(out, "\noperator `{}` of this program\n", own.form);
    }
    let span = if is_call || defined.is_some() { span } else { shown };
    (!out.is_empty()).then(|| Hover { span, text: out.trim().to_owned() })
}

/// The entry of a function, a word of a clause, or a sign.
fn operator(written: &str) -> Option<&'static catalogue::Operator> {
    let name = match written {
        "==" | "!=" | "<" | "<=" | ">" | ">=" => "compare",
        "&&" | "||" | "!" => "logic",
        "+" | "-" | "*" | "/" => "arithmetic",
        "group_by" | "|" => "aggregate",
        other => other,
    };
    catalogue::find(name)
}

/// Whether the word belongs to a clause and is no name.
fn is_clause(tokens: &TokenizedText<'_>, i: usize) -> bool {
    let pair =
        |i: usize| [("over", "last"), ("split", "by"), ("scope", "by")].contains(&(tokens.text(i), tokens.text(i + 1)));
    pair(i) || (i > 0 && pair(i - 1))
}

/// What a name stands for.
fn told_name(outline: &Outline, name: &str, out: &mut String) {
    if let Some(definition) = outline.definitions.iter().find(|d| d.name == name) {
        let _ = write!(out, "\n{} `{name}` of this program\n", definition.what);
        return;
    }
    if let Some(table) = outline.tables.iter().find(|table| table.name == name) {
        let columns: Vec<String> =
            table.columns.iter().map(|c| format!("{}: {}", c.name, c.ty.map_or("?", |ty| ty.name()))).collect();
        let (key, columns) = (table.key.join(", "), columns.join(", "));
        let _ = write!(out, "\ntable `{name}[{key}]` of this program, with {columns}\n");
        return;
    }
    for source in &outline.sources {
        if let Some(column) = source.columns.iter().find(|c| c.name == name) {
            let ty = column.ty.map_or("?", |ty| ty.name());
            let _ = write!(
                out,
                "\ncolumn `{name}: {ty}` of source `{}`; an event, `latest({name})` is its state\n",
                source.name
            );
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A clause or a column of a source or a table.
fn in_braces(tokens: &TokenizedText<'_>, i: usize, outline: &Outline, braces: Braces) -> Option<Hover> {
    let span = tokens.all[i].span.range();
    let of_sources = outline.sources.iter().flat_map(|s| &s.columns);
    let column =
        of_sources.chain(outline.tables.iter().flat_map(|t| &t.columns)).find(|c| c.span.range().contains(&span.start));
    let text = match column {
        Some(column) => {
            let ty = column.ty.map_or("?", |ty| ty.name());
            format!("column `{}: {ty}`, in records at `{}`", column.name, column.path.dotted())
        }
        None => {
            let word = tokens.text(i);
            let clauses = match braces {
                Braces::Source => super::complete::CLAUSES,
                Braces::Table => super::complete::TABLE_CLAUSES,
            };
            let clause = clauses.iter().find(|(clause, _)| *clause == word);
            let mut told = clause.map(|(_, help)| (*help).to_owned()).unwrap_or_default();
            if told.is_empty() {
                told_name(outline, word, &mut told);
            }
            told.trim().to_owned()
        }
    };
    if text.is_empty() {
        return None;
    }
    Some(Hover { span, text })
}
