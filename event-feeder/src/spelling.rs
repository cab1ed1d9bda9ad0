//! Texts that a program asks for and no record has, though records have them in other letters: `Open` where all say `open`.
//!
//! Looked for in the bytes of files, apart from how records are read, so that reading costs nothing for it. What is said is
//! true of the bytes: a text is missing if it stands nowhere in the files, and another spelling is there if it stands as a
//! whole value.

use crate::{Format, packed};
use std::collections::BTreeMap;
use std::io;

/// Files that are larger together are not looked at.
const BYTES_MAX: u64 = 64 << 20;

/// Of texts that stand nowhere in some files, how they are written there in other letters. Nothing if the files are large, packed,
/// or no texts.
pub fn other_spellings(names: &[String], texts: &[String]) -> io::Result<BTreeMap<String, String>> {
    let mut length = 0;
    for name in names {
        let is_text = matches!(Format::of_name(name), Some(Format::Ndjson | Format::Csv));
        length += std::fs::metadata(name)?.len();
        if !is_text || length > BYTES_MAX {
            return Ok(BTreeMap::new());
        }
    }
    let mut missing: Vec<&String> = texts.iter().filter(|text| !text.is_empty() && text.is_ascii()).collect();
    let mut found = BTreeMap::new();
    for name in names {
        if missing.is_empty() {
            break;
        }
        let bytes = std::fs::read(name)?;
        if packed::is_packed(&bytes) {
            return Ok(BTreeMap::new());
        }
        missing.retain(|text| memchr::memmem::find(&bytes, text.as_bytes()).is_none());
        // The names of columns are no values.
        let header = match Format::of_name(name) {
            Some(Format::Csv) => memchr::memchr(b'\n', &bytes).unwrap_or(bytes.len()),
            Some(Format::Ndjson | Format::Parquet) | None => 0,
        };
        for text in &missing {
            if let Some(other) = value_like(&bytes[header..], text) {
                found.entry((*text).clone()).or_insert(other);
            }
        }
    }
    found.retain(|text, _| missing.contains(&text));
    Ok(found)
}

/// The first value that is a text but for the case of its letters.
fn value_like(bytes: &[u8], text: &str) -> Option<String> {
    let first = text.as_bytes().first()?;
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    for at in memchr::memchr2_iter(lower, upper, bytes) {
        let (before, rest) = bytes.split_at(at);
        let (value, behind) = rest.split_at_checked(text.len())?;
        if value.eq_ignore_ascii_case(text.as_bytes()) && is_whole(before, behind) {
            return String::from_utf8(value.to_vec()).ok();
        }
    }
    None
}

/// Whether what stands between these bytes is a cell, or a text of JSON that is no name of a member.
fn is_whole(before: &[u8], behind: &[u8]) -> bool {
    match (before.last(), behind.first()) {
        (Some(b'"'), Some(b'"')) => !behind[1..].trim_ascii_start().starts_with(b":"),
        (Some(b',' | b';' | b'\t' | b'\n'), None | Some(b',' | b';' | b'\t' | b'\r' | b'\n')) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, content: &str, text: &str) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let found = other_spellings(&[path.to_str().unwrap().to_owned()], &[text.to_owned()]).unwrap();
        found.into_values().next()
    }

    #[test]
    fn a_text_that_is_written_otherwise_is_found() {
        let open = Some("open".to_owned());
        assert_eq!(found("a.ndjson", "{\"door\":\"open\"}\n", "Open"), open);
        assert_eq!(found("a.csv", "k,door\na,closed\na,open\n", "OPEN"), open);
        assert_eq!(found("a.csv", "k;door\na;open", "Open"), open);
        // It is there, if only once, or nothing like it is.
        assert_eq!(found("a.ndjson", "{\"door\":\"open\"}\n{\"door\":\"Open\"}\n", "Open"), None);
        assert_eq!(found("a.ndjson", "{\"door\":\"closed\"}\n", "Open"), None);
        // Names and parts of texts are no values.
        assert_eq!(found("a.ndjson", "{\"open\" : 1, \"door\":\"opened\"}\n", "Open"), None);
        assert_eq!(found("a.csv", "k,open\na,1\n", "Open"), None);
        assert_eq!(found("a.parquet", "\"open\"", "Open"), None);
    }
}
