//! The declaration of a source.
//!
//! The words of a clause are reserved only where the clause begins, and not before a colon: `time: int` is a column.

use super::Parser;
use crate::diagnostics::{Diagnostic, codes, nearest};
use crate::habits;
use crate::lexer::TokenKind;
use crate::syntax::{
    Clause, ClauseKind, EndPart, FieldName, Item, KeyPart, Literal, SourceItem, TextLiteral, TimeForm,
};
use timeline_core::Type;
use timeline_core::plan::FieldPath;

/// The words that begin a clause.
const CLAUSES: [&str; 11] =
    ["key", "time", "order", "lateness", "idle", "end", "late", "future", "dedup", "null", "csv"];

impl Parser<'_> {
    /// `source name { ... }`
    pub(super) fn source(&mut self) -> Option<Item> {
        let start = self.bump();
        let name = self.new_name("the name of the source")?;
        let span = start.to(name.span);
        let open = self.span();
        let mut item = SourceItem { name, clauses: vec![], span };
        if !self.expect_sign("{") {
            return Some(Item::Source(item));
        }
        while !self.at_sign("}") && self.kind() != &TokenKind::End && !(self.nth(0).line_start && self.at_declaration())
        {
            if self.eat_sign(",") || self.eat_sign(";") {
                continue;
            }
            let start = self.span();
            let kind = self.clause();
            if let (Some(kind), false) = (kind, self.panicking) {
                item.clauses.push(Clause { kind, span: start.to(self.last_span()) });
            }
            if self.panicking {
                self.recover_clause();
            }
        }
        self.close(open, "}");
        Some(Item::Source(item))
    }

    /// Goes to the next line, or behind the next comma.
    pub(super) fn recover_clause(&mut self) {
        self.panicking = false;
        self.depth = 0;
        let mut first = true;
        while self.kind() != &TokenKind::End && !self.at_sign("}") {
            // On one line, the next column is worth having.
            let is_column = self.kind() == &TokenKind::Word && self.nth(1).kind == TokenKind::Sign(":");
            if (self.nth(0).line_start || is_column) && !first || self.at_sign(",") {
                return;
            }
            self.bump();
            first = false;
        }
    }

    fn clause(&mut self) -> Option<ClauseKind> {
        if self.nth(1).kind == TokenKind::Sign(":") || self.is_dashed_column() {
            return self.column_declaration();
        }
        let start = self.span();
        match self.nth_word(0) {
            "key" => {
                self.bump();
                let mut fields = vec![self.key_part("the field that identifies a session")?];
                while self.at_sign(",") && self.key_goes_on() {
                    self.bump();
                    fields.push(self.key_part("a further field of the key")?);
                }
                Some(ClauseKind::Key(fields))
            }
            "time" => {
                self.bump();
                let field = self.field("the field that holds the time")?;
                Some(ClauseKind::Time { field, form: self.time_form()? })
            }
            "order" => {
                self.bump();
                if !self.eat_word("by") {
                    self.expected("`by`");
                }
                Some(ClauseKind::Order(self.field("the field that orders events of one time")?))
            }
            "lateness" => {
                self.bump();
                Some(ClauseKind::Lateness(self.binary(4)))
            }
            "end" => {
                self.bump();
                self.end_parts()
            }
            "late" if self.nth_word(1) == "ledger" => {
                self.bump();
                self.bump();
                Some(ClauseKind::LateLedger)
            }
            "late" => {
                self.bump();
                if !self.eat_word("repair") {
                    self.expected("`ledger` or `repair keep DURATION`");
                    return None;
                }
                if !self.eat_word("keep") {
                    self.expected("`keep DURATION`");
                    return None;
                }
                Some(ClauseKind::LateRepair(self.binary(4)))
            }
            "idle" => {
                self.bump();
                Some(ClauseKind::Idle(if self.eat_word("never") { None } else { Some(self.binary(4)) }))
            }
            "future" => {
                self.bump();
                Some(ClauseKind::Future(self.binary(4)))
            }
            "dedup" => {
                self.bump();
                if !self.eat_word("by") {
                    self.expected("`by`");
                }
                let field = self.field("the column that is the same in duplicates")?;
                if !self.eat_word("within") {
                    self.expected("`within DURATION`");
                    return None;
                }
                Some(ClauseKind::Dedup { field, within: self.binary(4) })
            }
            "null" => {
                self.bump();
                if !self.eat_word("is") || !self.eat_word("missing") {
                    self.expected("`is missing`");
                    return None;
                }
                Some(ClauseKind::NullIsMissing)
            }
            "csv" => {
                self.bump();
                self.csv()
            }
            word => {
                let near = self.clause_meant(word);
                let near = near.or_else(|| nearest(word, CLAUSES).map(|w| format!("did you mean `{w}`? ")));
                let help = format!(
                    "{}the clauses are key, time, order by, lateness, idle, future, dedup by, late, null is missing, csv and end; a column is written `name: type`",
                    near.unwrap_or_default()
                );
                let message = format!("expected a clause or a column, found {}", self.found());
                let code = if word.is_empty() { codes::SYNTAX } else { codes::UNKNOWN_CLAUSE };
                self.fail(Diagnostic::error(code, self.file, start.range(), message).help(help));
                None
            }
        }
    }

    /// Whether `my-column:` follows, which is no name.
    pub(super) fn is_dashed_column(&self) -> bool {
        let mut at = 0;
        while self.nth(at).kind == TokenKind::Word && self.nth(at + 1).kind == TokenKind::Sign("-") {
            at += 2;
        }
        at > 0 && self.nth(at).kind == TokenKind::Word && self.nth(at + 1).kind == TokenKind::Sign(":")
    }

    /// What is meant by words that begin no clause, where that is plain.
    fn clause_meant(&self, word: &str) -> Option<String> {
        let second = self.nth_word(1);
        let meant = match (habits::column_type(word), habits::column_type(second)) {
            (_, Some(ty)) => Some(format!("write `{word}: {ty}`; ")),
            (Some(ty), None) if !second.is_empty() => Some(format!("write `{second}: {ty}`; ")),
            _ => None,
        };
        meant.or_else(|| habits::clause(word).map(|clause| format!("did you mean `{clause}`? ")))
    }

    /// Whether what follows the comma is one more field of the key, and not a column or another clause.
    fn key_goes_on(&self) -> bool {
        let after = self.nth(2);
        let is_column = after.kind == TokenKind::Sign(":");
        let is_clause = CLAUSES.contains(&self.nth_word(1))
            && !after.line_start
            && matches!(after.kind, TokenKind::Word | TokenKind::Literal(_));
        matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(Literal::Text(_))) && !is_column && !is_clause
    }

    /// `a`, or `a as b`.
    fn key_part(&mut self, what: &str) -> Option<KeyPart> {
        let field = self.field(what)?;
        let has_alias = self.at_word("as") && self.nth(1).kind == TokenKind::Word;
        let alias = if has_alias && self.eat_word("as") { Some(self.name("what the key is called")?) } else { None };
        Some(KeyPart { field, alias })
    }

    /// `in UNIT` or `as "FORMAT" in "ZONE"`; `Some(None)` if neither stands there.
    pub(super) fn time_form(&mut self) -> Option<Option<TimeForm>> {
        if self.eat_word("as") {
            let format = self.quoted("a format such as \"%d.%m.%Y %H:%M:%S\"")?;
            let zone =
                if self.eat_word("in") { Some(self.quoted("a time zone such as \"Europe/Berlin\"")?) } else { None };
            return Some(Some(TimeForm::Format { format, zone }));
        }
        if !self.eat_word("in") {
            return Some(None);
        }
        if let TokenKind::Literal(Literal::Text(_)) = self.kind() {
            let message = "expected a time unit, found a string";
            let help = "a unit is ns, us, ms, s or rfc3339; a format stands behind `as`: `as \"%d.%m.%Y %H:%M\" in \"Europe/Berlin\"`";
            self.fail(Diagnostic::error(codes::SYNTAX, self.file, self.span().range(), message).help(help));
            return None;
        }
        Some(Some(TimeForm::Unit(self.name("a time unit")?)))
    }

    /// `delimiter ";" decimal ","`, one of them or both.
    pub(super) fn csv(&mut self) -> Option<ClauseKind> {
        let (mut delimiter, mut decimal) = (None, None);
        loop {
            let (place, what) = match self.nth_word(0) {
                "delimiter" if self.nth(1).kind != TokenKind::Sign(":") => {
                    (&mut delimiter, "a delimiter such as \";\"")
                }
                "decimal" if self.nth(1).kind != TokenKind::Sign(":") => (&mut decimal, "`\".\"` or `\",\"`"),
                _ => break,
            };
            self.bump();
            *place = Some(self.quoted(what)?);
        }
        if delimiter.is_none() && decimal.is_none() {
            self.expected("`delimiter \";\"` or `decimal \",\"`");
            return None;
        }
        Some(ClauseKind::Csv { delimiter, decimal })
    }

    pub(super) fn quoted(&mut self, what: &str) -> Option<TextLiteral> {
        let span = self.span();
        let TokenKind::Literal(Literal::Text(text)) = self.kind().clone() else {
            self.expected(what);
            return None;
        };
        self.bump();
        Some(TextLiteral { text, span })
    }

    /// `a`, `a.b` or `"a.b"`; in quotes it may select in lists.
    pub(super) fn field(&mut self, what: &str) -> Option<FieldName> {
        let span = self.span();
        if let TokenKind::Literal(Literal::Text(text)) = self.kind().clone() {
            self.bump();
            let members = match FieldPath::parse(&text) {
                Ok(path) => path.0,
                Err(bad) => {
                    let help = "an element of a list is selected by its number or by a member: `\"items[0].price\"`, \
                                `\"params[key=page].value\"`";
                    self.mistake(codes::PATH, span, format!("{text:?} is no path: {}", bad.reason), help);
                    vec![text]
                }
            };
            return Some(FieldName { members, span });
        }
        let mut members = vec![self.name(what)?.text];
        while self.eat_sign(".") {
            members.push(self.name("a name behind the dot")?.text);
        }
        if self.at_sign("-") && self.is_joined() {
            while self.at_sign("-") {
                self.bump();
                self.name("the rest of the name")?;
            }
            let span = span.to(self.last_span());
            let written = span.text(self.text);
            let help = format!("a field of such a name is written as a string: `\"{written}\"`");
            self.mistake(codes::SYNTAX, span, format!("`{written}` is no name"), help);
        }
        Some(FieldName { members, span: span.to(self.last_span()) })
    }

    pub(super) fn column_declaration(&mut self) -> Option<ClauseKind> {
        let start = self.span();
        let mut name = self.name("the name of a column")?;
        while self.at_sign("-") {
            self.bump();
            name.span = start.to(self.name("the rest of the name")?.span);
        }
        let written = name.span.text(self.text);
        if name.text != written {
            name.text = habits::as_name(written);
            let help = format!("write `{}: TYPE from \"{written}\"`", name.text);
            self.mistake(codes::SYNTAX, name.span, format!("`{written}` is no name"), help);
        }
        self.expect_sign(":");
        let ty = self.name("a type")?;
        let known = [Type::String, Type::Float, Type::Int, Type::Bool];
        let found = known.into_iter().find(|t| t.name() == ty.text);
        if found.is_none() {
            let meant = habits::column_type(&ty.text).or_else(|| nearest(&ty.text, known.map(Type::name)));
            let meant = meant.map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
            let help = format!("{meant}the types are string, float, int and bool");
            self.mistake(codes::TYPE, ty.span, format!("`{}` is no type", ty.text), help);
        }
        let has_from = self.at_word("from") && self.nth(1).kind != TokenKind::Sign(":") && !self.is_validity();
        let from = if has_from && self.eat_word("from") { Some(self.field("the path of the value")?) } else { None };
        let mut nulls = vec![];
        if self.at_word("null") && matches!(self.nth(1).kind, TokenKind::Literal(Literal::Text(_))) {
            self.bump();
            nulls.push(self.quoted("a word that stands for null")?.text);
            while self.at_sign(",") && matches!(self.nth(1).kind, TokenKind::Literal(Literal::Text(_))) {
                self.bump();
                nulls.push(self.quoted("a further word that stands for null")?.text);
            }
        }
        Some(ClauseKind::Column { name, ty: found, from, nulls })
    }

    /// Whether `from FIELD` is a table's clause, and no path of the column before it.
    fn is_validity(&self) -> bool {
        let mut at = 2;
        while self.nth(at).kind == TokenKind::Sign(".") {
            at += 2;
        }
        ["in", "as", "until"].contains(&self.nth_word(at))
    }

    fn end_parts(&mut self) -> Option<ClauseKind> {
        let mut parts = vec![];
        loop {
            if self.eat_word("when") {
                parts.push(EndPart::When(self.binary(1)));
            } else if self.eat_word("after") {
                let length = self.binary(4);
                if self.at_word("in") && self.nth_word(1) == "all" {
                    self.bump();
                    self.bump();
                    parts.push(EndPart::AfterInAll(length));
                } else if self.at_word("billed") && self.nth(1).kind != TokenKind::Sign(":") {
                    self.bump();
                    parts.push(EndPart::AfterBilled(length));
                } else {
                    parts.push(EndPart::After(length));
                }
            } else {
                self.expected("`when PREDICATE` or `after DURATION`");
                return None;
            }
            // It may stand behind any of them.
            if self.at_word("linger") && self.nth(1).kind != TokenKind::Sign(":") {
                self.bump();
                parts.push(EndPart::Linger(self.binary(4)));
            }
            let more = self.at_word("or") && ["when", "after"].contains(&self.nth_word(1));
            if !more {
                break;
            }
            self.bump();
        }
        if self.at_word("or") && self.nth(1).kind != TokenKind::Sign(":") {
            self.expected("`or when PREDICATE` or `or after DURATION`");
        }
        Some(ClauseKind::End(parts))
    }
}
