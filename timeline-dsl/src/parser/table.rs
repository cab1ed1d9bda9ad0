//! The declaration of a table: `table name from "file" { key a, b  from t in s until u  x: float }`.
//!
//! Columns, times and what is said of CSV are written as in a source; words of clauses are reserved where one begins.

use super::Parser;
use crate::diagnostics::{Diagnostic, codes, nearest};
use crate::lexer::TokenKind;
use crate::syntax::{Clause, ClauseKind, FieldName, Item, KeyPart, Literal, TableItem, TimeForm};

/// The words that begin a clause.
const CLAUSES: [&str; 4] = ["key", "from", "until", "csv"];

impl Parser<'_> {
    /// `table name from "file" { ... }`
    pub(super) fn table(&mut self) -> Option<Item> {
        let start = self.bump();
        let name = self.new_name("the name of the table")?;
        if !self.eat_word("from") {
            self.expected("`from \"FILE\"`");
            return None;
        }
        let file = self.quoted("the file of the rows, between double quotes")?;
        let span = start.to(file.span);
        let open = self.span();
        let mut item = TableItem { name, file, clauses: vec![], span, is_broken: false };
        if !self.expect_sign("{") {
            return Some(Item::Table(item));
        }
        while !self.at_sign("}") && self.kind() != &TokenKind::End && !(self.nth(0).line_start && self.at_declaration())
        {
            if self.eat_sign(",") || self.eat_sign(";") {
                continue;
            }
            let start = self.span();
            let kind = self.table_clause();
            if let (Some(kind), false) = (kind, self.panicking) {
                item.clauses.push(Clause { kind, span: start.to(self.last_span()) });
            }
            if self.panicking {
                item.is_broken = true;
                self.recover_clause();
            }
        }
        self.close(open, "}");
        Some(Item::Table(item))
    }

    fn table_clause(&mut self) -> Option<ClauseKind> {
        if self.nth(1).kind == TokenKind::Sign(":") || self.is_dashed_column() {
            return self.column_declaration();
        }
        let start = self.span();
        match self.nth_word(0) {
            "key" => {
                self.bump();
                let mut parts = vec![self.key_of_table("the column by which a row is found")?];
                while self.at_sign(",") && self.key_of_table_goes_on() {
                    self.bump();
                    parts.push(self.key_of_table("a further column of the key")?);
                }
                Some(ClauseKind::Key(parts))
            }
            "from" => {
                self.bump();
                let from = self.field("the column with a row's first instant")?;
                let form = self.time_form()?;
                let until = if self.at_word("until") && self.nth(1).kind != TokenKind::Sign(":") {
                    self.bump();
                    Some(self.field("the column with the first instant behind a row")?)
                } else {
                    None
                };
                let form = self.one_form(form)?;
                Some(ClauseKind::Valid { from: Some(from), until, form })
            }
            "until" => {
                self.bump();
                let until = self.field("the column with the first instant behind a row")?;
                let form = self.time_form()?;
                Some(ClauseKind::Valid { from: None, until: Some(until), form })
            }
            "csv" => {
                self.bump();
                self.csv()
            }
            word => {
                let near = nearest(word, CLAUSES).map(|w| format!("did you mean `{w}`? ")).unwrap_or_default();
                let help = format!(
                    "{near}the clauses of a table are key, from, until and csv; a column is written `name: type`"
                );
                let message = format!("expected a clause or a column, found {}", self.found());
                let code = if word.is_empty() { codes::SYNTAX } else { codes::UNKNOWN_CLAUSE };
                self.fail(Diagnostic::error(code, self.file, start.range(), message).help(help));
                None
            }
        }
    }

    /// The form of both times; behind the second one it may stand again, or only there.
    fn one_form(&mut self, first: Option<TimeForm>) -> Option<Option<TimeForm>> {
        let start = self.span();
        let second = self.time_form()?;
        if first.is_some() && second.is_some() {
            let span = start.to(self.last_span());
            let help = "write it once, behind the last of them: `from a until b in s`";
            self.mistake(codes::REPEATED, span, "both times of a row are written in one form", help);
        }
        Some(first.or(second))
    }

    /// A column of the key. Its type is that of a column.
    fn key_of_table(&mut self, what: &str) -> Option<KeyPart> {
        let field: FieldName = self.field(what)?;
        Some(KeyPart { field, alias: None })
    }

    /// Whether what follows the comma is one more column of the key, and neither a column nor another clause.
    fn key_of_table_goes_on(&self) -> bool {
        let after = self.nth(2);
        let is_clause = CLAUSES.contains(&self.nth_word(1))
            && !after.line_start
            && matches!(after.kind, TokenKind::Word | TokenKind::Literal(_));
        matches!(self.nth(1).kind, TokenKind::Word | TokenKind::Literal(Literal::Text(_)))
            && after.kind != TokenKind::Sign(":")
            && !is_clause
    }
}
