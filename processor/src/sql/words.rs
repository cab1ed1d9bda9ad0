//! `end` as a name.
//!
//! Tables have a column `end`, and SQL has a word `END`, which the parser takes for one wherever it can. It closes a
//! `CASE` and begins nothing that is answered here, so it is a name where no `CASE` is open, and inside one wherever
//! an operand must stand: then it is given to the parser in quotes. The other dialects of the parser that know a
//! column `end` do not know `SELECT * EXCLUDE (...)`, which wide tables ask for.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Quotes each `end` that is a name.
pub(super) fn quote_names(tokens: &mut [TokenWithSpan]) {
    let mut open_cases = 0_usize;
    let mut operand_next = false;
    for TokenWithSpan { token, .. } in tokens {
        if let Token::Whitespace(_) = token {
            continue;
        }
        let keyword = match token {
            Token::Word(word) if word.quote_style.is_none() => word.keyword,
            _ => Keyword::NoKeyword,
        };
        match (keyword, &mut *token) {
            (Keyword::CASE, _) => open_cases += 1,
            (Keyword::END, Token::Word(word)) if open_cases == 0 || operand_next => {
                word.quote_style = Some('"');
                word.keyword = Keyword::NoKeyword;
            }
            (Keyword::END, _) => open_cases -= 1,
            _ => {}
        }
        operand_next = wants_operand(keyword, token);
    }
}

/// Whether what follows can only be the beginning of an expression, or a name.
fn wants_operand(keyword: Keyword, token: &Token) -> bool {
    use Keyword::{AND, BETWEEN, BY, CASE, DISTINCT, ELSE, FROM, ILIKE, LIKE, NOT, ON, OR, SELECT, THEN, WHEN, WHERE};
    match token {
        // A quoted `end` is an operand itself.
        Token::Word(_) => matches!(
            keyword,
            AND | BETWEEN
                | BY
                | CASE
                | DISTINCT
                | ELSE
                | FROM
                | ILIKE
                | LIKE
                | NOT
                | ON
                | OR
                | SELECT
                | THEN
                | WHEN
                | WHERE
        ),
        Token::Comma | Token::Period | Token::LParen | Token::LBracket | Token::StringConcat => true,
        Token::Eq | Token::DoubleEq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => true,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod => true,
        _ => false,
    }
}
