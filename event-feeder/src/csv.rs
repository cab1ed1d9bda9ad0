//! The shape of CSV (RFC 4180): where records end, and how a record falls into cells.
//!
//! Written by hand because the library does not tell a quoted empty cell (empty text) from an unquoted one (nothing
//! there), and because records are cut long before they are decoded; both must see the same records.
//!
//! * A record ends with a line feed, with or without a carriage return before it, outside quotes.
//! * A quote opens a quoted cell only as the first byte of the cell; elsewhere it is a byte like any other.
//! * Text between a closing quote and the next delimiter makes the record malformed.
//! * Cells stand between commas, unless the program says otherwise or the header tells: of a comma, a semicolon, a tab and a bar
//!   what it has most of outside quotes.

use memchr::{memchr, memchr2};
use std::ops::Range;

/// What may stand between cells without being said; of those that a header has equally often the first.
const CANDIDATES: [u8; 4] = *b",;\t|";

/// Finds the ends of records in bytes that come piece by piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvScanner {
    state: ScanState,
    /// What stands between cells; `None` until the header has told.
    delimiter: Option<u8>,
    /// How often each candidate stands outside quotes in the header so far.
    seen: [u32; CANDIDATES.len()],
    /// Whether the header has begun: lines of white space before it are none.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScanState {
    /// At the first byte of a cell.
    CellStart,
    /// In a cell without quotes, or behind a quoted one.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that either closes the cell or stands for a quote.
    AfterQuote,
}

impl CsvScanner {
    /// At the beginning of a record, or of the header where what stands between cells is not given.
    pub(crate) fn new(delimiter: Option<u8>) -> Self {
        CsvScanner { state: ScanState::CellStart, delimiter, seen: [0; CANDIDATES.len()], begun: false }
    }

    /// At the beginning of another record of the same text.
    pub(crate) fn anew(self) -> Self {
        CsvScanner::new(self.delimiter)
    }

    /// What stands between cells, as far as the header has told.
    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter.unwrap_or_else(|| {
            let most = self.seen.iter().copied().max().unwrap_or(0);
            let first = self.seen.iter().position(|count| *count == most).unwrap_or(0);
            CANDIDATES[first]
        })
    }

    /// Goes on over `bytes[from..]`; the place behind the next record end, or `None` when the bytes are used up.
    pub(crate) fn next_end(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                ScanState::Quoted => match memchr(b'"', &bytes[at..]) {
                    None => return None,
                    Some(skip) => {
                        at += skip + 1;
                        self.state = ScanState::AfterQuote;
                        continue;
                    }
                },
                ScanState::AfterQuote | ScanState::CellStart if byte == b'"' => {
                    (self.state, self.begun) = (ScanState::Quoted, true);
                }
                _ => match (byte, self.delimiter) {
                    (b'\n', _) => {
                        self.state = ScanState::CellStart;
                        match (self.delimiter, self.begun) {
                            (None, true) => self.delimiter = Some(self.delimiter()),
                            // Tabs of a blank line are no header's.
                            (None, false) => self.seen.fill(0),
                            (Some(_), _) => {}
                        }
                        return Some(at + 1);
                    }
                    (byte, Some(delimiter)) if byte == delimiter => self.state = ScanState::CellStart,
                    (_, Some(delimiter)) => {
                        self.state = ScanState::Plain;
                        // Only a delimiter or a line feed changes anything now.
                        at += memchr2(delimiter, b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                        continue;
                    }
                    (byte, None) => self.header(byte),
                },
            }
            at += 1;
        }
        None
    }

    /// A byte of the header outside quotes.
    fn header(&mut self, byte: u8) {
        match CANDIDATES.iter().position(|candidate| *candidate == byte) {
            Some(candidate) => {
                self.state = ScanState::CellStart;
                self.seen[candidate] += 1;
                self.begun |= byte != b'\t';
            }
            None => {
                self.state = ScanState::Plain;
                self.begun |= !byte.is_ascii_whitespace();
            }
        }
    }
}

/// One cell of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CsvCell {
    /// Its text, without the quotes around it.
    pub(crate) text: Range<usize>,
    /// Whether it stood between quotes.
    pub(crate) quoted: bool,
    /// Whether it holds doubled quotes, each of which stands for one.
    pub(crate) doubled: bool,
}

/// The record without its line end.
pub(crate) fn trim_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// Calls `f` for each cell of a record without its line end; false if the record is malformed.
pub(crate) fn split(record: &[u8], delimiter: u8, mut f: impl FnMut(CsvCell)) -> bool {
    let mut at = 0;
    loop {
        let (cell, next) = if record.get(at) == Some(&b'"') {
            let Some((end, doubled)) = closing_quote(record, at + 1) else { return false };
            (CsvCell { text: at + 1..end, quoted: true, doubled }, end + 1)
        } else {
            let end = memchr(delimiter, &record[at..]).map_or(record.len(), |skip| at + skip);
            (CsvCell { text: at..end, quoted: false, doubled: false }, end)
        };
        f(cell);
        match record.get(next) {
            None => return true,
            Some(byte) if *byte == delimiter => at = next + 1,
            Some(_) => return false,
        }
    }
}

/// The place of the quote that ends a cell, and whether there were doubled ones before it.
fn closing_quote(record: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut doubled = false;
    loop {
        at += memchr(b'"', &record[at..])?;
        if record.get(at + 1) != Some(&b'"') {
            return Some((at, doubled));
        }
        doubled = true;
        at += 2;
    }
}

/// A cell's text with doubled quotes made single.
pub(crate) fn undouble(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The names in a header record; `None` if it is malformed or not UTF-8.
pub(crate) fn header(record: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let record = trim_end(record);
    let mut names = vec![];
    let well_formed = split(record, delimiter, |cell| {
        let text = &record[cell.text];
        names.push(String::from_utf8(if cell.doubled { undouble(text) } else { text.to_vec() }).ok());
    });
    if well_formed { names.into_iter().collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Records of a whole text, cut after every `piece` bytes.
    fn ends(text: &[u8], piece: usize) -> Vec<usize> {
        let (mut scan, mut ends, mut from) = (CsvScanner::new(Some(b',')), vec![], 0);
        for upto in (0..=text.len()).step_by(piece).chain([text.len()]) {
            while let Some(end) = scan.next_end(&text[..upto], from) {
                ends.push(end);
                from = end;
            }
            from = upto;
        }
        ends
    }

    fn cells(record: &str) -> Option<Vec<(String, bool)>> {
        let mut out = vec![];
        split(record.as_bytes(), b',', |cell| {
            let text = &record.as_bytes()[cell.text];
            let text = if cell.doubled { undouble(text) } else { text.to_vec() };
            out.push((String::from_utf8(text).unwrap(), cell.quoted));
        })
        .then_some(out)
    }

    #[test]
    fn records_end_outside_quotes() {
        for (text, want) in [
            ("a,b\nc,d\n", vec![4, 8]),
            ("\"a\nb\",c\nd\n", vec![8, 10]),
            ("\"a\"\"\n\"\"b\"\nx\n", vec![10, 12]),
            ("5\" pipe,x\ny\n", vec![10, 12]),
            ("\"open\nstill", vec![]),
            ("\r\n\n", vec![2, 3]),
            ("a,\"\"\nb\n", vec![5, 7]),
            ("\"a\"b\"\nc\n", vec![6, 8]),
        ] {
            for piece in 1..=text.len() {
                assert_eq!(ends(text.as_bytes(), piece), want, "{text:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn records_fall_into_cells() {
        let cell = |text: &str, quoted| (text.to_owned(), quoted);
        assert_eq!(cells("a,,\"\",b"), Some(vec![cell("a", false), cell("", false), cell("", true), cell("b", false)]));
        assert_eq!(cells("\"x\"\"y\",\"a,b\""), Some(vec![cell("x\"y", true), cell("a,b", true)]));
        assert_eq!(cells("5\" pipe"), Some(vec![cell("5\" pipe", false)]));
        assert_eq!(cells(""), Some(vec![cell("", false)]));
        assert_eq!(cells("a,"), Some(vec![cell("a", false), cell("", false)]));
        assert_eq!(cells("\"a\"b,c"), None);
        assert_eq!(cells("\"a"), None);
    }

    /// What stands between the cells of a header without its line end.
    fn delimiter_of(header: &[u8]) -> u8 {
        let mut scan = CsvScanner::new(None);
        scan.next_end(header, 0);
        scan.delimiter()
    }

    #[test]
    fn headers_tell_what_stands_between_cells() {
        for (text, want) in [
            ("a,b", b','),
            ("a;b;c", b';'),
            ("a\tb,c\td", b'\t'),
            ("a|b", b'|'),
            ("a", b','),
            ("", b','),
            ("a;b,c", b','),
            ("\"a,b,c\";d", b';'),
            ("5\" pipe;x", b';'),
        ] {
            assert_eq!(delimiter_of(text.as_bytes()), want, "{text}");
            let text = format!("\n \r\n{text}\nx;\"a\nb\";y\n");
            for piece in 1..=text.len() {
                let (mut scan, mut from) = (CsvScanner::new(None), 0);
                for upto in (0..=text.len()).step_by(piece).chain([text.len()]) {
                    while let Some(end) = scan.next_end(&text.as_bytes()[..upto], from) {
                        from = end;
                    }
                    from = upto;
                }
                let known = scan.delimiter;
                assert!(known == Some(want) || text.trim_start().starts_with('x'), "{text:?} in pieces of {piece}");
            }
        }
        let text = b"a;b\n1;\"x\ny\"\n";
        let mut scan = CsvScanner::new(None);
        assert_eq!((scan.next_end(text, 0), scan.next_end(text, 4)), (Some(4), Some(text.len())));
    }

    proptest! {
        /// The library reads what it writes as we do.
        #[test]
        fn agrees_with_a_well_kept_library(rows in prop::collection::vec(prop::collection::vec("[a,\"\n\r é]{0,6}", 3), 1..8)) {
            let mut writer = csv::WriterBuilder::new().from_writer(vec![]);
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = writer.into_inner().unwrap();
            let mut from = 0;
            for (row, end) in rows.iter().zip(ends(&text, text.len())) {
                let got = cells(std::str::from_utf8(trim_end(&text[from..end])).unwrap()).unwrap();
                prop_assert_eq!(row.iter().collect::<Vec<_>>(), got.iter().map(|(text, _)| text).collect::<Vec<_>>());
                from = end;
            }
            prop_assert_eq!(from, text.len());
        }
    }
}
