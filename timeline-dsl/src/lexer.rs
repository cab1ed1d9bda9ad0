//! Text to tokens.
//!
//! Every byte of the text is white space, a comment or part of exactly one token; what cannot be read is reported and
//! stands as a token that the parser can go on from. Comments are `//` to the end of the line.

mod literal;

use crate::diagnostics::codes;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::syntax::{Literal, Span};
use timeline_core::plan::CalendarUnit;

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
    /// Whether it is the first of its line: errors are recovered from at line starts.
    pub line_start: bool,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A name or a word of the language: only its place decides.
    Word,
    /// A number, a duration or a string.
    Literal(Literal),
    /// Behind `every`, so many weeks or months.
    Calendar(u32, CalendarUnit),
    /// Punctuation, as it is written.
    Sign(&'static str),
    /// Reported already; the parser says no more about it.
    Bad,
    /// After the last byte.
    End,
}

/// All signs, longer ones before their beginnings.
const SIGNS: &[&str] = &[
    "===", "!==", "<>", "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "=", "+", "-", "*", "/", "|", "&", "(", ")",
    "{", "}", ",", ":", ";", "..", ".",
];

/// The tokens of a text, the last one [`TokenKind::End`].
pub(crate) fn lex(file: usize, text: &str, sink: &mut Diagnostics) -> Vec<Token> {
    let mut lexer = Lexer { file, text, at: 0, line_start: true, brackets: 0, sink };
    let mut tokens = vec![];
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let line_start = std::mem::replace(&mut lexer.line_start, false);
        let kind = lexer.token();
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, span: Span::new(start, lexer.at), line_start });
        if end {
            return tokens;
        }
    }
}

struct Lexer<'a> {
    file: usize,
    text: &'a str,
    at: usize,
    line_start: bool,
    /// How many brackets behind names are open.
    brackets: usize,
    sink: &'a mut Diagnostics,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&mut self, code: codes::DiagnosticCode, start: usize, message: String, help: &str) {
        self.sink.push(Diagnostic::error(code, self.file, start..self.at, message).help(help));
    }

    /// Skips white space, comments and a byte order mark.
    fn skip_blank(&mut self) {
        while let Some(c) = self.peek() {
            if c == '\n' {
                self.line_start = true;
            }
            if c.is_whitespace() || c == '\u{feff}' {
                self.at += c.len_utf8();
            } else if self.rest().starts_with("//") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.is_comment_of_sql() {
                let start = self.at;
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                let help = "a comment begins with `//`";
                self.error(codes::CHARACTER, start, "the language has no `--` comments".to_owned(), help);
            } else {
                return;
            }
        }
    }

    fn token(&mut self) -> TokenKind {
        let Some(c) = self.peek() else { return TokenKind::End };
        if c.is_alphabetic() || c == '_' {
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
            return TokenKind::Word;
        }
        if c.is_ascii_digit() {
            if let Some(window) = self.window_of_calendar() {
                return window;
            }
            return self.number();
        }
        if c == '"' || c == '\'' {
            return self.string(c);
        }
        if self.rest().starts_with("/*") {
            let start = self.at;
            self.at += self.rest().find("*/").map_or(self.rest().len(), |end| end + 2);
            let help = "a comment begins with `//` and ends with its line";
            self.error(codes::CHARACTER, start, "the language has no `/* ... */`".to_owned(), help);
            return TokenKind::Bad;
        }
        if let Some((sign, help)) = crate::habits::sign(self.rest()) {
            let start = self.at;
            self.at += sign.len();
            self.error(codes::CHARACTER, start, format!("the language has no `{sign}`"), help);
            return TokenKind::Bad;
        }
        if let Some(sign) = SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
            self.at += sign.len();
            return TokenKind::Sign(sign);
        }
        let start = self.at;
        if c == '[' || c == ']' {
            if let Some(sign) = self.lookup(c) {
                self.at += 1;
                return TokenKind::Sign(sign);
            }
            let before = self.text[..start].chars().next_back();
            let is_behind = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ')');
            let (whole, help) = crate::habits::bracket(self.rest(), is_behind);
            self.at += whole.len();
            let message = match whole.len() {
                1 => format!("the language does not use the character {c:?}"),
                _ => format!("the language has no `{whole}`"),
            };
            self.error(codes::CHARACTER, start, message, help);
            return TokenKind::Bad;
        }
        if let Some(name) = self.rest().strip_prefix('`').and_then(|rest| rest.split(['`', '\n']).next())
            && self.rest()[name.len() + 1..].starts_with('`')
        {
            self.at += name.len() + 2;
            let help = "a name stands without quotes; a field of another name is a column by its path: `name: TYPE from \"my field\"`";
            self.error(codes::CHARACTER, start, "names stand without quotes".to_owned(), help);
            return TokenKind::Bad;
        }
        // A run of noise is one mistake.
        self.skip_while(|c| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace());
        if self.at == start {
            self.at += c.len_utf8();
            let same = c;
            self.skip_while(|c| c == same);
        }
        let help = match c {
            '#' => "a comment begins with `//`",
            '“' | '”' | '‘' | '’' | '„' => "strings stand between straight double quotes: \"...\"",
            '?' => "a choice is written `if(condition, a, b)`",
            '%' => "there is no remainder of a division",
            '~' => crate::habits::PATTERNS,
            '@' => "a field of such a name is written as a string: `time \"@timestamp\" in ms`",
            '^' | '$' => "the operators are && || ! == != < <= > >= + - * /",
            _ => "remove it, or put it between double quotes if it belongs to a string",
        };
        self.error(codes::CHARACTER, start, format!("the language does not use the character {c:?}"), help);
        TokenKind::Bad
    }

    /// A bracket with which a table is asked: it stands right behind a name, and has no window or index of another language
    /// in it.
    fn lookup(&mut self, c: char) -> Option<&'static str> {
        if c == ']' {
            self.brackets = self.brackets.checked_sub(1)?;
            return Some("]");
        }
        let before = self.text[..self.at].chars().next_back();
        let is_behind = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !is_behind || crate::habits::is_index(self.rest()) {
            return None;
        }
        self.brackets += 1;
        Some("[")
    }

    /// Whether a line begins with `-- `, which is what a comment of SQL does and no expression.
    fn is_comment_of_sql(&self) -> bool {
        self.line_start && self.rest().strip_prefix("--").is_some_and(|rest| rest.starts_with(char::is_whitespace))
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        self.at += self.rest().find(|c| !keep(c)).unwrap_or(self.rest().len());
    }
}
