//! `COPY ... TO STDOUT`: rows as lines of text, as CSV or in binary, by PostgreSQL's rules.
//!
//! Only the frame of the statement is read here; the question in it goes to a process that reads SQL, as any other.

use super::command::pieces;
use super::value::ResultColumn;

/// What is wrong with a statement: a state of SQL, and why.
type Wrong = (&'static str, String);

/// A statement that copies rows out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopyOut {
    /// The question. What stood before it are blanks, so that its places are those of the statement.
    pub(super) query: String,
    pub(super) layout: CopyFormat,
}

/// How rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CopyFormat {
    /// A line a row, with what would end a value escaped.
    Text { delimiter: u8, null: String, header: bool },
    /// Values in quotes where they must be.
    Csv { delimiter: u8, null: String, header: bool, quote: u8, escape: u8, force_quote: Force },
    /// PostgreSQL's own file.
    Binary,
}

/// Which columns are always in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Force {
    All,
    These(Vec<String>),
}

const FORM: &str = "write COPY (SELECT ...) TO STDOUT, or COPY table TO STDOUT, WITH (FORMAT csv, HEADER)";

/// What a file in binary begins with: its signature, no flags, no extension.
const BINARY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Reads a statement that begins with `COPY`.
pub(super) fn copy(sql: &str) -> Result<CopyOut, Wrong> {
    let mut reading = CopyOptions { sql, pieces: pieces(sql).collect(), at: 1 };
    let is_binary = reading.takes("BINARY");
    let query = reading.query()?;
    if reading.takes("FROM") {
        return Err(("25006", "[TL3008] `COPY ... FROM` is refused: tables can only be read".into()));
    }
    if !reading.takes("TO") {
        return Err(reading.wrong());
    }
    if !reading.takes("STDOUT") {
        return Err(("0A000", "COPY writes to STDOUT alone; `\\copy` of psql makes a file of that".into()));
    }
    let options = reading.options(is_binary)?;
    Ok(CopyOut { query, layout: options.layout()? })
}

struct CopyOptions<'a> {
    sql: &'a str,
    pieces: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> CopyOptions<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.pieces.get(self.at).map(|(_, piece)| *piece)
    }

    fn next(&mut self) -> Option<&'a str> {
        let piece = self.peek()?;
        self.at += 1;
        Some(piece)
    }

    /// Takes a word if it comes next.
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|piece| piece.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    /// Where the next piece begins.
    fn place(&self) -> usize {
        self.pieces.get(self.at).map_or(self.sql.len(), |(place, _)| *place)
    }

    fn wrong(&self) -> Wrong {
        ("42601", format!("COPY cannot be read at `{}`; {FORM}", self.peek().unwrap_or("its end")))
    }

    /// What stands in brackets that come next, and where it begins.
    fn brackets(&mut self) -> Result<(usize, &'a str), Wrong> {
        if !self.takes("(") {
            return Err(self.wrong());
        }
        let (start, mut depth) = (self.place(), 1);
        loop {
            let end = self.place();
            match self.next() {
                Some("(") => depth += 1,
                Some(")") => depth -= 1,
                Some(_) => {}
                None => return Err(self.wrong()),
            }
            if depth == 0 {
                return Ok((start, &self.sql[start..end]));
            }
        }
    }

    /// The question that is copied.
    fn query(&mut self) -> Result<String, Wrong> {
        if self.peek() == Some("(") {
            let (start, query) = self.brackets()?;
            let before = self.sql[..start].chars().map(|c| if c == '\n' { c } else { ' ' });
            return Ok(before.chain(query.chars()).collect());
        }
        let start = self.place();
        let mut last = self.next().ok_or_else(|| self.wrong())?;
        while last.ends_with('.') || self.peek() == Some(".") {
            last = self.next().ok_or_else(|| self.wrong())?;
        }
        let (end, _) = self.pieces[self.at - 1];
        let table = &self.sql[start..end + last.len()];
        let columns = if self.peek() == Some("(") { self.brackets()?.1 } else { "*" };
        Ok(format!("SELECT {columns} FROM {table}"))
    }

    /// What stands behind `STDOUT`: options in brackets, or as they were written before there were brackets.
    fn options(&mut self, is_binary: bool) -> Result<Options, Wrong> {
        let mut options = Options { format: is_binary.then(|| "binary".to_owned()), ..Options::default() };
        self.takes("WITH");
        let in_brackets = self.takes("(");
        while let Some(word) = self.next() {
            match word.to_ascii_uppercase().as_str() {
                ")" if in_brackets && self.peek().is_none() => return Ok(options),
                "FORMAT" if in_brackets => options.format = Some(self.word()?.to_ascii_lowercase()),
                "BINARY" | "CSV" if !in_brackets => options.format = Some(word.to_ascii_lowercase()),
                "HEADER" => options.header = self.is_on(in_brackets)?,
                "DELIMITER" | "DELIMITERS" => options.delimiter = Some(self.text()?),
                "NULL" => options.null = Some(self.text()?),
                "QUOTE" => options.quote = Some(self.text()?),
                "ESCAPE" => options.escape = Some(self.text()?),
                "FORCE_QUOTE" if in_brackets => options.force_quote = Some(self.columns()?),
                "FORCE" if !in_brackets && self.takes("QUOTE") => options.force_quote = Some(self.columns()?),
                "ENCODING" => {
                    let name = self.text()?;
                    if !["utf8", "utf-8", "unicode"].contains(&name.to_ascii_lowercase().as_str()) {
                        return Err(("0A000", format!("the encoding `{name}` is not written: rows are UTF8")));
                    }
                }
                other @ ("FREEZE" | "FORCE_NOT_NULL" | "FORCE_NULL" | "DEFAULT" | "ON_ERROR" | "LOG_VERBOSITY") => {
                    return Err(("0A000", format!("COPY has {} for rows that come alone", other.to_lowercase())));
                }
                _ => {
                    self.at -= 1;
                    return Err(self.wrong());
                }
            }
            if in_brackets && !self.takes(",") && self.peek() != Some(")") {
                return Err(self.wrong());
            }
        }
        if in_brackets { Err(self.wrong()) } else { Ok(options) }
    }

    fn word(&mut self) -> Result<String, Wrong> {
        let word = self.next().ok_or_else(|| self.wrong())?;
        Ok(unquoted(word))
    }

    /// Whether an option is on; in brackets it may be said.
    fn is_on(&mut self, in_brackets: bool) -> Result<bool, Wrong> {
        if !in_brackets || matches!(self.peek(), Some("," | ")") | None) {
            return Ok(true);
        }
        match self.word()?.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            other => Err(("42601", format!("HEADER is on or off, not `{other}`"))),
        }
    }

    /// A text in quotes, behind an `AS` that may stand there.
    fn text(&mut self) -> Result<String, Wrong> {
        self.takes("AS");
        let is_escaped = self.peek().is_some_and(|piece| piece.eq_ignore_ascii_case("E"));
        self.at += usize::from(is_escaped);
        let Some(piece) = self.peek().filter(|piece| piece.starts_with('\'')) else { return Err(self.wrong()) };
        self.at += 1;
        let text = unquoted(piece);
        if !is_escaped {
            return Ok(text);
        }
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let escaped = if c == '\\' { chars.next() } else { None };
            plain.push(match escaped {
                None => c,
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
            });
        }
        Ok(plain)
    }

    /// Columns by their names, or all.
    fn columns(&mut self) -> Result<Force, Wrong> {
        if self.takes("*") {
            return Ok(Force::All);
        }
        let has_brackets = self.takes("(");
        let mut names = vec![];
        loop {
            names.push(self.word()?);
            if has_brackets && self.takes(")") || !has_brackets && self.peek() != Some(",") {
                return Ok(Force::These(names));
            }
            if !self.takes(",") {
                return Err(self.wrong());
            }
        }
    }
}

/// A name or a text without its quotes; names keep their letter case.
fn unquoted(piece: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inner) = piece.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    piece.to_owned()
}

#[derive(Debug, Default)]
struct Options {
    format: Option<String>,
    header: bool,
    delimiter: Option<String>,
    null: Option<String>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Force>,
}

impl Options {
    fn layout(self) -> Result<CopyFormat, Wrong> {
        let format = self.format.unwrap_or_else(|| "text".into());
        let is_csv = format == "csv";
        let only_csv = self.quote.is_some() || self.escape.is_some() || self.force_quote.is_some();
        if !is_csv && only_csv {
            return Err(("42601", "QUOTE, ESCAPE and FORCE_QUOTE are of the format csv".into()));
        }
        if format == "binary" {
            let plain = self.delimiter.is_none() && self.null.is_none() && !self.header;
            let wrong = || ("42601", "DELIMITER, NULL and HEADER are not of the format binary".to_owned());
            return if plain { Ok(CopyFormat::Binary) } else { Err(wrong()) };
        }
        let byte = |name: &str, text: Option<String>, usual: u8| match text.as_deref().map(str::as_bytes) {
            None => Ok(usual),
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
            Some(_) => Err(("22023", format!("{name} is one character of ASCII that ends no line"))),
        };
        let delimiter = byte("DELIMITER", self.delimiter, if is_csv { b',' } else { b'\t' })?;
        let null = self.null.unwrap_or_else(|| if is_csv { String::new() } else { "\\N".into() });
        if null.contains(['\n', '\r']) || null.as_bytes().contains(&delimiter) {
            return Err(("22023", "NULL has no ends of lines, and not the DELIMITER".into()));
        }
        match format.as_str() {
            "text"
                if delimiter == b'\\'
                    || delimiter == b'.'
                    || delimiter.is_ascii_lowercase()
                    || delimiter.is_ascii_digit() =>
            {
                Err(("22023", format!("DELIMITER cannot be `{}` in the format text", char::from(delimiter))))
            }
            "text" => Ok(CopyFormat::Text { delimiter, null, header: self.header }),
            "csv" => {
                let quote = byte("QUOTE", self.quote, b'"')?;
                let escape = byte("ESCAPE", self.escape, quote)?;
                if quote == delimiter || null.as_bytes().contains(&quote) {
                    return Err(("22023", "QUOTE is neither the DELIMITER nor in NULL".into()));
                }
                let force_quote = self.force_quote.unwrap_or(Force::These(vec![]));
                Ok(CopyFormat::Csv { delimiter, null, header: self.header, quote, escape, force_quote })
            }
            other => Err(("22023", format!("there is no format `{other}`; there are text, csv and binary"))),
        }
    }
}

impl CopyFormat {
    pub(super) fn is_binary(&self) -> bool {
        *self == CopyFormat::Binary
    }

    /// What stands before all rows, if anything does.
    pub(super) fn head(&self, names: &[&str], out: &mut Vec<u8>) {
        let (CopyFormat::Text { delimiter, header, .. } | CopyFormat::Csv { delimiter, header, .. }) = self else {
            out.extend_from_slice(BINARY_HEAD);
            return;
        };
        if !header {
            return;
        }
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                out.push(*delimiter);
            }
            self.value(name.as_bytes(), false, out);
        }
        out.push(b'\n');
    }

    /// What stands behind all rows.
    pub(super) fn foot(&self, out: &mut Vec<u8>) {
        if self.is_binary() {
            out.extend_from_slice(&(-1_i16).to_be_bytes());
        }
    }

    /// Which columns are always in quotes; the name of one that there is not.
    pub(super) fn forced(&self, names: &[&str]) -> Result<Vec<bool>, String> {
        match self {
            CopyFormat::Csv { force_quote: Force::All, .. } => Ok(vec![true; names.len()]),
            CopyFormat::Csv { force_quote: Force::These(these), .. } => {
                let unknown = these.iter().find(|own| !names.contains(&own.as_str()));
                let forced = || names.iter().map(|name| these.iter().any(|own| own == name)).collect();
                unknown.map_or_else(|| Ok(forced()), |name| Err(name.clone()))
            }
            CopyFormat::Text { .. } | CopyFormat::Binary => Ok(vec![false; names.len()]),
        }
    }

    /// A row.
    pub(super) fn row(
        &self,
        columns: &[ResultColumn<'_>],
        forced: &[bool],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (delimiter, null) = match self {
            CopyFormat::Text { delimiter, null, .. } | CopyFormat::Csv { delimiter, null, .. } => {
                (*delimiter, null.as_bytes())
            }
            CopyFormat::Binary => {
                out.extend_from_slice(&(columns.len() as u16).to_be_bytes());
                return columns.iter().try_for_each(|column| column.write(row, out));
            }
        };
        let mut text = vec![];
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                out.push(delimiter);
            }
            text.clear();
            match column.append(row, &mut text)? {
                true => self.value(&text, forced.get(place).copied().unwrap_or(false), out),
                false => out.extend_from_slice(null),
            }
        }
        out.push(b'\n');
        Ok(())
    }

    /// A value that is there.
    fn value(&self, text: &[u8], forced: bool, out: &mut Vec<u8>) {
        match self {
            CopyFormat::Text { delimiter, .. } => {
                for byte in text {
                    match byte {
                        0x08 => out.extend_from_slice(b"\\b"),
                        0x0c => out.extend_from_slice(b"\\f"),
                        b'\n' => out.extend_from_slice(b"\\n"),
                        b'\r' => out.extend_from_slice(b"\\r"),
                        b'\t' => out.extend_from_slice(b"\\t"),
                        0x0b => out.extend_from_slice(b"\\v"),
                        b'\\' => out.extend_from_slice(b"\\\\"),
                        byte if byte == delimiter => out.extend_from_slice(&[b'\\', *byte]),
                        byte => out.push(*byte),
                    }
                }
            }
            CopyFormat::Csv { delimiter, null, quote, escape, .. } => {
                let ends = |byte: &u8| byte == delimiter || byte == quote || matches!(byte, b'\n' | b'\r');
                // A line that is a dot behind a stroke would be the end of all to some readers.
                let must = text == null.as_bytes() || text == b"\\." || text.iter().any(ends);
                if !forced && !must {
                    out.extend_from_slice(text);
                    return;
                }
                out.push(*quote);
                for byte in text {
                    if byte == quote || byte == escape {
                        out.push(*escape);
                    }
                    out.push(*byte);
                }
                out.push(*quote);
            }
            CopyFormat::Binary => out.extend_from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::value::{column, simple};
    use arrow::array::{ArrayRef, BooleanArray, StringArray};
    use std::sync::Arc;

    fn csv() -> CopyFormat {
        let force_quote = Force::These(vec![]);
        CopyFormat::Csv { delimiter: b',', null: String::new(), header: false, quote: b'"', escape: b'"', force_quote }
    }

    fn layout(options: &str) -> CopyFormat {
        copy(&format!("COPY t TO STDOUT {options}")).unwrap_or_else(|wrong| panic!("{options}: {wrong:?}")).layout
    }

    #[test]
    fn statements_say_what_is_copied_and_how() {
        let text = CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false };
        let of = |sql: &str| copy(sql).unwrap_or_else(|wrong| panic!("{sql}: {wrong:?}")).query;
        assert_eq!(of("COPY finals TO STDOUT"), "SELECT * FROM finals");
        assert_eq!(of("copy public.\"My table\" (a, \"B\") to stdout"), "SELECT a, \"B\" FROM public.\"My table\"");
        assert_eq!(of("COPY (SELECT\n(1) -- )\n) TO STDOUT"), "      SELECT\n(1) -- )\n");
        assert_eq!(layout(""), text);
        assert_eq!(layout("WITH (FORMAT csv)"), csv());
        assert_eq!(layout("(FORMAT 'csv', HEADER false, ENCODING 'UTF8')"), csv());
        assert_eq!(layout("CSV"), csv());
        assert_eq!(layout("WITH BINARY"), CopyFormat::Binary);
        let CopyFormat::Csv {
            delimiter: b';',
            null,
            header: true,
            quote: b'\'',
            escape: b'\\',
            force_quote: Force::All,
        } = layout("WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'none', QUOTE '''', ESCAPE '\\', FORCE_QUOTE *)")
        else {
            panic!("other options")
        };
        assert_eq!(null, "none");
        let before_brackets =
            layout("WITH DELIMITER AS E'\\t' NULL AS '' CSV HEADER QUOTE AS '|' FORCE QUOTE a, \"B\"");
        let CopyFormat::Csv { delimiter: b'\t', header: true, quote: b'|', force_quote: Force::These(names), .. } =
            before_brackets
        else {
            panic!("{before_brackets:?}")
        };
        assert_eq!(names, ["a", "B"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (sql, state, words) in [
            ("COPY t FROM STDIN", "25006", "only be read"),
            ("COPY t (a) FROM '/etc/passwd'", "25006", "only be read"),
            ("COPY t TO '/tmp/x'", "0A000", "STDOUT alone"),
            ("COPY t TO PROGRAM 'sh'", "0A000", "STDOUT alone"),
            ("COPY", "42601", "at `its end`"),
            ("COPY (SELECT 1 TO STDOUT", "42601", "at `its end`"),
            ("COPY t TO STDOUT (FORMAT parquet)", "22023", "text, csv and binary"),
            ("COPY t TO STDOUT (FORMAT text, QUOTE '|')", "42601", "of the format csv"),
            ("COPY t TO STDOUT (FORMAT binary, HEADER)", "42601", "not of the format binary"),
            ("COPY t TO STDOUT (DELIMITER 'ab')", "22023", "one character"),
            ("COPY t TO STDOUT (DELIMITER 'a')", "22023", "cannot be `a`"),
            ("COPY t TO STDOUT (FORMAT csv, QUOTE ',')", "22023", "neither"),
            ("COPY t TO STDOUT (NULL 'a\tb')", "22023", "not the DELIMITER"),
            ("COPY t TO STDOUT (ENCODING 'LATIN1')", "0A000", "UTF8"),
            ("COPY t TO STDOUT (FREEZE)", "0A000", "rows that come"),
            ("COPY t TO STDOUT (WHATEVER)", "42601", "at `WHATEVER`"),
            ("COPY t TO STDOUT (HEADER", "42601", "at `its end`"),
            ("COPY t TO STDOUT CSV nonsense", "42601", "at `nonsense`"),
        ] {
            let (found, why) = copy(sql).expect_err(sql);
            assert!(found == state && why.contains(words), "{sql}: {found} {why}");
        }
    }

    #[test]
    fn values_are_written_as_postgres_writes_them() {
        let texts = [
            Some("a"),
            None,
            Some(""),
            Some("x,y"),
            Some("say \"hi\""),
            Some("two\nlines"),
            Some("\\."),
            Some("t\tb\\"),
        ];
        let arrays: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(texts.to_vec())), Arc::new(BooleanArray::from(vec![true; texts.len()]))];
        let written = |layout: &CopyFormat, forced: &[bool]| {
            let arrays: Vec<ArrayRef> = arrays.iter().map(|array| simple(array).expect("a type")).collect();
            let columns: Vec<ResultColumn<'_>> =
                arrays.iter().map(|array| column(&**array, layout.is_binary()).expect("a type")).collect();
            let mut out = vec![];
            layout.head(&["n,1", "b"], &mut out);
            (0..texts.len()).for_each(|row| layout.row(&columns, forced, row, &mut out).expect("a row"));
            layout.foot(&mut out);
            out
        };
        let text = |layout: &CopyFormat, forced: &[bool]| String::from_utf8(written(layout, forced)).expect("UTF-8");
        assert_eq!(
            text(&layout("(HEADER)"), &[]),
            "n,1\tb\na\tt\n\\N\tt\n\tt\nx,y\tt\nsay \"hi\"\tt\ntwo\\nlines\tt\n\\\\.\tt\nt\\tb\\\\\tt\n"
        );
        assert_eq!(
            text(&layout("(FORMAT csv, HEADER)"), &[]),
            "\"n,1\",b\na,t\n,t\n\"\",t\n\"x,y\",t\n\"say \"\"hi\"\"\",t\n\"two\nlines\",t\n\"\\.\",t\nt\tb\\,t\n"
        );
        let forced = text(&layout("(FORMAT csv, NULL 'a', FORCE_QUOTE (b))"), &[false, true]);
        assert!(forced.starts_with("\"a\",\"t\"\na,\"t\"\n,\"t\"\n"), "{forced}");
        let escaped = text(&layout("(FORMAT csv, ESCAPE '\\')"), &[]);
        assert!(escaped.contains("\"say \\\"hi\\\"\",t\n"), "{escaped}");
        let binary = written(&CopyFormat::Binary, &[]);
        let head = [BINARY_HEAD, &[0, 2, 0, 0, 0, 1, b'a', 0, 0, 0, 1, 1], &[0, 2, 255, 255, 255, 255]].concat();
        assert!(binary.starts_with(&head) && binary.ends_with(&[255, 255]), "{binary:?}");
        assert_eq!(BINARY_HEAD.len(), 19);
    }
}
