//! Tokens that the parser would take for something else.
//!
//! Tables have a column `end`, and SQL has a word `END`, which the parser takes for one wherever it can. It closes a
//! `CASE` and begins nothing that is answered here, so it is a name where no `CASE` is open, and inside one wherever
//! an operand must stand: then it is given to the parser in quotes. The other dialects of the parser that know a
//! column `end` do not know `SELECT * EXCLUDE (...)`, which wide tables ask for.

//!
//! A number with an exponent is a float, as in DuckDB. Where numbers with a point are decimals the library makes one of
//! it too, with a negative count of digits, on which its own arithmetic panics or gives 0; so it is given the number in
//! quotes, to be cast.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Puts `CAST('1e3' AS DOUBLE)` in the place of `1e3`.
pub(super) fn cast_exponents(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_float = |token: &Token| matches!(token, Token::Number(text, _) if text.contains(['e', 'E']));
    if !tokens.iter().any(|token| is_float(&token.token)) {
        return tokens;
    }
    let mut all = Vec::with_capacity(tokens.len());
    for TokenWithSpan { token, span } in tokens {
        let Token::Number(text, _) = &token else {
            all.push(TokenWithSpan { token, span });
            continue;
        };
        if !is_float(&token) {
            all.push(TokenWithSpan { token, span });
            continue;
        }
        let word = |text| Token::make_word(text, None);
        let number = Token::SingleQuotedString(text.replace('_', ""));
        let cast = [word("CAST"), Token::LParen, number, word("AS"), word("DOUBLE"), Token::RParen];
        all.extend(cast.map(|token| TokenWithSpan { token, span }));
    }
    all
}

/// Puts `$1`, `$2` ... in the place of each `?`.
pub(super) fn number_marks(tokens: &mut [TokenWithSpan]) {
    let marks = tokens.iter_mut().filter(|token| matches!(&token.token, Token::Placeholder(mark) if mark == "?"));
    (1..).zip(marks).for_each(|(number, mark)| mark.token = Token::Placeholder(format!("${number}")));
}

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
