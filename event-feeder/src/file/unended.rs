//! The last line of a file that has no line feed behind it, which may be a record or the beginning of one.
//!
//! A JSON object is whole when its last brace is there: no beginning of one is another one. So it can be read before its
//! line feed, if nobody waits for that. A row of CSV may always go on (`1` may become `12`), so it is waited for.
//!
//! **Invariant:** a line is one record: behind one that was read before its end nothing but blanks may come on its line.

use crate::format::BOM;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Whether bytes without a line feed are a whole JSON object.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii();
    text.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Whether bytes begin with the rest of a line that has nothing in it, as far as the line is there.
pub(super) fn is_blank_line(bytes: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    bytes[..end].trim_ascii().is_empty()
}

/// Whether a place of a file lies behind bytes that no line feed ends; moves the file's cursor.
pub(super) fn is_within_line(file: &mut File, at: u64) -> io::Result<bool> {
    let Some(before) = at.checked_sub(1) else { return Ok(false) };
    file.seek(SeekFrom::Start(before))?;
    let mut byte = [0];
    Ok(file.read(&mut byte)? == 1 && byte != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_beginning_of_an_object_is_a_whole_one() {
        let whole = br#"{"k":"a}","t":{"x":[1,{"y":"\\\"{"}]}} "#;
        let end = whole.len() - 1;
        for length in 0..whole.len() {
            assert_eq!(is_whole(&whole[..length]), length >= end, "{length}");
        }
        for other in [&b"1"[..], b"[1]", b"\"a\"", b"", b"  ", b"{}x", b"{} {}", b"\xef\xbb\xbf"] {
            assert!(!is_whole(other), "{other:?}");
        }
        assert!(is_whole(b"\xef\xbb\xbf{}"));
    }

    #[test]
    fn the_rest_of_a_line_is_told_from_more_of_a_record() {
        for (bytes, is_blank) in
            [("\n{}\n", true), ("\r\n", true), (" ", true), ("", true), (" 1\n", false), ("{}", false)]
        {
            assert_eq!(is_blank_line(bytes.as_bytes()), is_blank, "{bytes:?}");
        }
    }
}
