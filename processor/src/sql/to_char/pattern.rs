//! Patterns of PostgreSQL's `to_char` for times: read once, written for each row.

use super::fields::{Field, FieldCase, Moment};

/// A pattern.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    /// As it is.
    Text(String),
    /// A part of a time; `fills` with zeros or blanks to its width, and a number may be one of an order (`1st`).
    Field { field: Field, case: FieldCase, fills: bool, ordinal: Option<FieldCase> },
}

impl Pattern {
    /// Reads a pattern; what is wrong with it if it is none.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        let mut pieces = vec![];
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if next == '"' {
                rest = quoted(&mut pieces, &rest[1..])?;
                continue;
            }
            let (fills, after) = match rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
                Some(after) => (false, after),
                None => (true, rest),
            };
            if let Some((field, case, length)) = Field::longest(after) {
                let case = case.ok_or_else(|| unknown(text, after))?;
                let behind = &after[length..];
                let (ordinal, behind) = ordinal(field, behind)?;
                pieces.push(Piece::Field { field, case, fills, ordinal });
                rest = behind;
                continue;
            }
            if !fills {
                return Err("`FM` stands before a field, such as `FMMonth`".to_owned());
            }
            if next.is_ascii_alphabetic() {
                return Err(unknown(text, rest));
            }
            // A backslash lets what follows be itself, a quote above all.
            let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
            let plain = escaped.unwrap_or(next);
            push(&mut pieces, plain);
            rest = &rest[plain.len_utf8() + usize::from(escaped.is_some())..];
        }
        Ok(Pattern(pieces))
    }

    /// A time as the pattern shows it; what it lacks if it has no such part.
    pub(super) fn write(&self, moment: &Moment) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Field { field, case, fills, ordinal } => {
                    let written = field.write(moment, *case, *fills)?;
                    text.push_str(&written);
                    if let Some(case) = ordinal {
                        text.push_str(suffix(&written, *case));
                    }
                }
            }
        }
        Ok(text)
    }
}

/// That letters of a pattern, with which the rest of it begins, are no field.
fn unknown(pattern: &str, rest: &str) -> String {
    let is_letter = |c: &char| c.is_ascii_alphanumeric();
    let before: Vec<char> = pattern[..pattern.len() - rest.len()].chars().rev().take_while(is_letter).collect();
    let letters: String = rest.chars().take_while(is_letter).collect();
    let word: String = before.into_iter().rev().chain(letters.chars()).collect();
    let of = if word == letters { String::new() } else { format!(" of `{word}`") };
    let known = Field::known();
    format!("`{letters}`{of} is none of {known}; letters that stand for themselves are in double quotes, such as \"T\"")
}

/// Takes a text up to its closing quote, and gives what is behind it.
fn quoted<'a>(pieces: &mut Vec<Piece>, text: &'a str) -> Result<&'a str, String> {
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return Ok(&text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, escaped)) => push(pieces, escaped),
                None => break,
            },
            plain => push(pieces, plain),
        }
    }
    Err(format!("`\"{text}` has no closing quote"))
}

fn push(pieces: &mut Vec<Piece>, plain: char) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push(plain),
        _ => pieces.push(Piece::Text(plain.to_string())),
    }
}

/// Whether `TH` or `th` follows a number. `DDTHH24` would be `01STH24` in PostgreSQL, which nobody means.
fn ordinal(field: Field, behind: &str) -> Result<(Option<FieldCase>, &str), String> {
    let (case, after) = match (behind.strip_prefix("TH"), behind.strip_prefix("th")) {
        (Some(after), _) => (FieldCase::Upper, after),
        (_, Some(after)) => (FieldCase::Lower, after),
        _ => return Ok((None, behind)),
    };
    if after.starts_with(['H', 'h']) {
        return Err("a `T` before `HH24` is written \"T\", in double quotes".to_owned());
    }
    match field.is_number() {
        true => Ok((Some(case), after)),
        false => Err("`TH` stands behind a number, such as `DDTH`".to_owned()),
    }
}

/// What makes a number one of an order.
fn suffix(number: &str, case: FieldCase) -> &'static str {
    let digits = number.as_bytes();
    let teens = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    let upper = case == FieldCase::Upper;
    match digits.last() {
        Some(b'1') if !teens => {
            if upper {
                "ST"
            } else {
                "st"
            }
        }
        Some(b'2') if !teens => {
            if upper {
                "ND"
            } else {
                "nd"
            }
        }
        Some(b'3') if !teens => {
            if upper {
                "RD"
            } else {
                "rd"
            }
        }
        _ => {
            if upper {
                "TH"
            } else {
                "th"
            }
        }
    }
}
