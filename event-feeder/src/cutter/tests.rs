//! How records are cut out of bytes, whatever the pieces they come in.

use super::*;
use proptest::prelude::*;

/// A reader that gives so many bytes at a time, and none between pieces: as a file that grows.
struct Growing<'a> {
    bytes: &'a [u8],
    pieces: Vec<usize>,
    paused: bool,
}

impl Read for Growing<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.paused = !self.paused;
        let piece = self.pieces.last().copied().unwrap_or(usize::MAX);
        let count = piece.min(out.len()).min(self.bytes.len());
        if self.paused || count == 0 {
            return Ok(0);
        }
        self.pieces.pop();
        out[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// The records of a text, each with its place, as a cutter that is asked again and again hands them out.
fn records(text: &[u8], csv: bool, record_max: usize, pieces: Vec<usize>) -> Vec<(u64, String, bool)> {
    let mut cutter = Cutter { record_max, ..Cutter::new(csv.then(|| CsvScanner::new(Some(b',')))) };
    let mut reader = Growing { bytes: text, pieces, paused: true };
    let (mut out, mut at, mut patience) = (vec![], 0, 3);
    while patience > 0 {
        let finish = reader.bytes.is_empty();
        match cutter.next(&mut reader, finish).unwrap() {
            CutResult::Records(bytes) => {
                let (mut scan, mut from) = (CsvScanner::new(Some(b',')), 0);
                while from < bytes.len() {
                    let line_end = memchr::memchr(b'\n', &bytes[from..]).map(|i| from + i + 1);
                    let end = if csv { scan.next_end(&bytes, from) } else { line_end }.unwrap_or(bytes.len());
                    let long = is_too_long(&bytes[from..end], record_max);
                    let shown = if long { from + 8 } else { end };
                    out.push((at + from as u64, String::from_utf8_lossy(&bytes[from..shown]).into_owned(), long));
                    from = end;
                }
                at += bytes.len() as u64;
            }
            CutResult::TooLong(bytes, length) => {
                out.push((at, String::from_utf8_lossy(&bytes[..8]).into_owned(), true));
                at += length;
            }
            CutResult::Nothing if reader.bytes.is_empty() => patience -= 1,
            CutResult::Nothing => {}
        }
    }
    assert_eq!((at, cutter.held()), (text.len() as u64, 0));
    out
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        csv in any::<bool>(),
        text in "([a,\"\n]{0,3}|bbbbbbbbbb){0,24}",
        pieces in prop::collection::vec(1usize..9, 0..64),
    ) {
        let whole = records(text.as_bytes(), csv, RECORD_MAX, vec![]);
        prop_assert_eq!(records(text.as_bytes(), csv, RECORD_MAX, pieces), whole);
    }
}

#[test]
fn a_record_that_is_too_long_is_let_go_and_nothing_else() {
    for csv in [false, true] {
        for long in [1200, 5000, 100_000] {
            let text = format!("first\n{}\nthird\nfourth\n{}", "x".repeat(long), "y".repeat(long));
            for piece in [7, 1100, 4096] {
                let pieces = vec![piece; text.len() / piece + 1];
                let got = records(text.as_bytes(), csv, 1100, pieces);
                let at = |record: &str| text.find(record).unwrap() as u64;
                let want = [
                    (0, "first\n", false),
                    (6, "xxxxxxxx", true),
                    (at("third"), "third\n", false),
                    (at("fourth"), "fourth\n", false),
                    (at("yy"), "yyyyyyyy", true),
                ];
                let got: Vec<_> = got.iter().map(|(at, text, long)| (*at, &text[..8.min(text.len())], *long)).collect();
                assert_eq!(
                    got,
                    want.map(|(at, text, long)| (at, text, long)),
                    "csv {csv}, {long} bytes, pieces of {piece}"
                );
            }
        }
    }
}
