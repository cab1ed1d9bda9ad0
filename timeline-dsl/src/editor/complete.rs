//! What could stand at a place.

use super::{Braces, TokenizedText};
use crate::catalogue::{self, Operator};
use crate::lexer::TokenKind;
use crate::outline::{OperatorOutline, Outline, outline};
use timeline_core::Type;

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is written there.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Its type or form, in a few words; may be empty.
    pub detail: String,
    /// What it does; may be empty.
    pub help: String,
}

/// What a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CompletionKind {
    /// A column of a source.
    Column,
    /// A name that the program defines.
    Definition,
    /// An operator that is written as a call.
    Function,
    /// A word of the language.
    Word,
    /// A type of columns.
    Type,
    /// A source.
    Source,
}

/// The clauses of a source, and what each says.
pub(super) const CLAUSES: &[(&str, &str)] = &[
    ("key", "`key a, b`: the fields that identify a session"),
    (
        "time",
        "`time ts in ms`: the field with the event time, in ns, us, ms, s or rfc3339, or `as \"FORMAT\" in \"ZONE\"`",
    ),
    ("order", "`order by seq`: the producer's order among equal times"),
    ("lateness", "`lateness 2s`: how long an out-of-order event is waited for"),
    ("idle", "`idle 30s`: when the clock of a silent partition goes on"),
    ("end", "`end when P linger 2s or after 30m or after 12h in all`: when a session is over"),
    ("late", "`late ledger`: what becomes of late events"),
    ("future", "`future 1d`: how far ahead of the log an event may be"),
    ("dedup", "`dedup by COLUMN within 10m`: drops what a producer sent twice"),
    ("null", "`null is missing`: a null is no event on its column"),
    ("csv", "`csv delimiter \";\" decimal \",\"`: how CSV is written"),
];

/// The clauses of a table.
pub(super) const TABLE_CLAUSES: &[(&str, &str)] = &[
    ("key", "`key a, b`: the columns by which a row is found"),
    ("from", "`from a in s until b`: the columns with a row's first instant, and the first one behind it"),
    ("until", "`until b in s`: the column with the first instant behind a row"),
    ("csv", "`csv delimiter \";\" decimal \",\"`: how CSV is written"),
];

const DECLARATIONS: [(&str, &str); 6] = [
    ("source", "what identifies a session, what orders its events, and their columns"),
    ("let", "a name for an expression"),
    ("metric", "a timeline that is kept and can be queried"),
    ("alert", "a condition whose true spans become rows"),
    ("operator", "an operator of your own, in WebAssembly"),
    ("table", "a small file of what holds for a key, and when: tariffs, owners, limits"),
];

const FUNCTIONS: [&str; 10] = ["count", "sum", "avg", "min", "max", "p95", "distinct", "now", "peak", "mean"];

/// What could stand at that byte, the most likely first; the word that stands there already is not looked at.
pub fn complete(text: &str, at: usize) -> Vec<Completion> {
    let tokens = TokenizedText::of(text);
    let mut count = tokens.before(at);
    // The word that is being written ends at the place.
    if count > 0 && tokens.is_word(count - 1) && tokens.all[count - 1].span.range().end == at {
        count -= 1;
    }
    let inside = tokens.all.get(count).is_some_and(|t| {
        matches!(t.kind, TokenKind::Literal(_)) && t.span.range().start < at && at < t.span.range().end
    });
    if inside || in_comment(text, at) {
        return vec![];
    }
    let place = Cursor { tokens: &tokens, count, outline: outline(text) };
    match tokens.braces_around(count) {
        Some(Braces::Source) => place.in_source(),
        Some(Braces::Table) => place.in_table(),
        None => place.in_definitions(),
    }
}

fn in_comment(text: &str, at: usize) -> bool {
    let line = &text[text[..at.min(text.len())].rfind('\n').map_or(0, |n| n + 1)..at.min(text.len())];
    line.split("//").count() > 1 && line.split("//").next().is_some_and(|code| code.matches('"').count() % 2 == 0)
}

struct Cursor<'a> {
    tokens: &'a TokenizedText<'a>,
    /// Tokens before the place.
    count: usize,
    outline: Outline,
}

impl Cursor<'_> {
    /// The token so many before the place.
    fn back(&self, n: usize) -> &str {
        self.count.checked_sub(n).map_or("", |i| self.tokens.text(i))
    }

    fn in_source(&self) -> Vec<Completion> {
        match self.back(1) {
            ":" => [Type::String, Type::Float, Type::Int, Type::Bool]
                .map(|ty| item(ty.name(), CompletionKind::Type, "", ""))
                .to_vec(),
            "in" => ["ns", "us", "ms", "s", "rfc3339"].map(|unit| word(unit, "")).to_vec(),
            "order" => vec![word("by", "")],
            "end" => vec![word("when", "an event that ends the session"), word("after", "silence, or an age")],
            "when" | "==" | "!=" | "&&" | "||" | "!" => self.columns(None),
            _ => {
                let mut all: Vec<Completion> = CLAUSES.iter().map(|(clause, help)| word(clause, help)).collect();
                all.push(word("or", "a further end of the session"));
                all
            }
        }
    }

    fn in_table(&self) -> Vec<Completion> {
        match self.back(1) {
            ":" | "in" => self.in_source(),
            _ => TABLE_CLAUSES.iter().map(|(clause, help)| word(clause, help)).collect(),
        }
    }

    /// Behind `table[key].` the columns of the table.
    fn of_table(&self) -> Option<Vec<Completion>> {
        let close = self.count.checked_sub(2).filter(|i| self.back(1) == "." && self.tokens.text(*i) == "]")?;
        let mut depth = 0;
        let open = (0..=close).rev().find(|i| {
            match self.tokens.text(*i) {
                "]" => depth += 1,
                "[" => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        let name = self.tokens.text(open.checked_sub(1)?);
        let table = self.outline.tables.iter().find(|table| table.name == name)?;
        let column = |c: &crate::outline::ColumnOutline| {
            let detail = format!("{} of {name}", c.ty.map_or("?", Type::name));
            item(&c.name, CompletionKind::Column, &detail, "what the row in force says")
        };
        Some(table.columns.iter().map(column).collect())
    }

    fn in_definitions(&self) -> Vec<Completion> {
        let item_at = (0..self.count)
            .rev()
            .find(|i| DECLARATIONS.iter().any(|(word, _)| *word == self.tokens.text(*i)) && self.tokens.is_word(i + 1));
        let has_equals = item_at.is_some_and(|i| i + 2 < self.count && self.tokens.text(i + 2) == "=");
        let begins_line = self.tokens.all.get(self.count).is_none_or(|t| t.line_start || t.kind == TokenKind::End);
        let declarations = || DECLARATIONS.iter().map(|(name, help)| word(name, help));
        let before = self.count.checked_sub(1).and_then(|i| self.tokens.all.get(i));
        if DECLARATIONS.iter().any(|(word, _)| *word == self.back(1)) && before.is_some_and(|t| t.line_start) {
            // A name of the author's own.
            return vec![];
        }
        if item_at.is_some_and(|i| self.tokens.text(i) == "operator") && self.back(1) == ":" {
            return [Type::Float, Type::Int, Type::Bool]
                .map(|ty| item(ty.name(), CompletionKind::Type, "", ""))
                .to_vec();
        }
        if !has_equals || self.back(1) == "}" {
            return declarations().collect();
        }
        let item_at = item_at.unwrap_or(0);
        if self.back(1) == "|" {
            return vec![word("aggregate", catalogue_help("aggregate"))];
        }
        if let Some(all) = self.in_aggregate(item_at) {
            return all;
        }
        if let Some(all) = self.of_table() {
            return all;
        }
        match self.back(1) {
            "." => return self.columns(Some(self.back(2))),
            "over" => return vec![word("last", catalogue_help("over last"))],
            "split" | "scope" => return vec![word("by", "")],
            _ => {}
        }
        let mut all = vec![];
        if self.ends_operand() {
            let clauses = catalogue::supported().iter().filter(|o| o.form.starts_with("x "));
            all.extend(clauses.map(|o| item(o.name, CompletionKind::Word, o.form, o.meaning)));
            if self.tokens.text(item_at) == "metric" {
                all.push(item("| aggregate", CompletionKind::Word, "", catalogue_help("aggregate")));
            }
            if begins_line {
                all.extend(declarations());
            }
            return all;
        }
        let above = self.tokens.all[item_at].span.range().start;
        let defined = self.outline.definitions.iter().filter(|d| d.span.range().start < above);
        all.extend(defined.map(|d| item(&d.name, CompletionKind::Definition, d.what, "")));
        all.extend(self.columns(None));
        let of = |o: &'static Operator| o.functions().into_iter().map(move |name| function(name, o));
        all.extend(catalogue::supported().iter().flat_map(of));
        let own = |o: &OperatorOutline| item(&o.name, CompletionKind::Function, &o.form, "an operator of this program");
        all.extend(self.outline.operators.iter().map(own));
        let asked = |table: &crate::outline::TableOutline| {
            let form = format!("{}[{}]", table.name, table.key.join(", "));
            item(&table.name, CompletionKind::Source, &form, "a table: `table[key].column` is what its row says")
        };
        all.extend(self.outline.tables.iter().map(asked));
        all.extend(["true", "false"].map(|value| word(value, "")));
        if self.outline.sources.len() > 1 {
            all.extend(self.outline.sources.iter().map(|s| item(&s.name, CompletionKind::Source, "source", "")));
        }
        all
    }

    /// Inside the brackets of `aggregate`, outside of those of `group_by`.
    fn in_aggregate(&self, item_at: usize) -> Option<Vec<Completion>> {
        let mut open = vec![];
        for i in item_at..self.count {
            match self.tokens.text(i) {
                "(" => open.push(i),
                ")" => _ = open.pop(),
                _ => {}
            }
        }
        let last = *open.last()?;
        if last == 0 || self.tokens.text(last - 1) != "aggregate" {
            return None;
        }
        let mut all =
            vec![item("group_by", CompletionKind::Function, "group_by(k, ...)", "what sessions are grouped by")];
        all.extend(FUNCTIONS.map(|name| item(name, CompletionKind::Function, "", "")));
        all.extend([word("closed", "closed sessions only"), word("live", "live sessions only")]);
        Some(all)
    }

    /// Whether what stands before the place is a whole operand, behind which an operator or a clause is due.
    fn ends_operand(&self) -> bool {
        let Some(last) = self.count.checked_sub(1).and_then(|i| self.tokens.all.get(i)) else { return false };
        match &last.kind {
            TokenKind::Word => !["last", "by", "ttl", "where", "as", "cap"].contains(&self.back(1)),
            TokenKind::Literal(_) | TokenKind::Calendar(..) => true,
            TokenKind::Sign(sign) => matches!(*sign, ")" | "]"),
            TokenKind::Bad | TokenKind::End => false,
        }
    }

    /// The columns of all sources, or of one. Where several have a name, it is said whose it is.
    fn columns(&self, of: Option<&str>) -> Vec<Completion> {
        let of_one = of.is_some();
        let sources = self.outline.sources.iter().filter(|s| of.is_none_or(|name| s.name == name));
        let having =
            |name: &str| self.outline.sources.iter().filter(|s| s.columns.iter().any(|c| c.name == name)).count();
        let column = |s: &crate::outline::SourceOutline| {
            let of = format!(" of {}", s.name);
            s.columns
                .iter()
                .map(|c| {
                    let detail = format!("{}{of}", c.ty.map_or("?", Type::name));
                    let whose = of_one || having(&c.name) == 1;
                    let label = if whose { c.name.clone() } else { format!("{}.{}", s.name, c.name) };
                    item(&label, CompletionKind::Column, &detail, "an event; `latest` makes it a state")
                })
                .collect::<Vec<_>>()
        };
        sources.flat_map(column).collect()
    }
}

fn item(label: &str, kind: CompletionKind, detail: &str, help: &str) -> Completion {
    Completion { label: label.into(), kind, detail: detail.into(), help: help.into() }
}

fn word(label: &str, help: &str) -> Completion {
    item(label, CompletionKind::Word, "", help)
}

fn function(name: &str, operator: &Operator) -> Completion {
    item(name, CompletionKind::Function, operator.form, operator.meaning)
}

fn catalogue_help(name: &str) -> &'static str {
    catalogue::find(name).map_or("", |operator| operator.meaning)
}
