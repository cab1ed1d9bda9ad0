//! Files and streams that are packed by gzip, and those of kinds that are not read: both are known by their first bytes.
//!
//! What is packed is unpacked as it is read, and its places are those of what comes out. It never grows: a file that is
//! followed is read once its last byte has come, and from then on it is closed.

use crate::format::BOM;
use crate::{Error, Format};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// What a gzip stream begins with.
const GZIP: &[u8] = b"\x1F\x8B";

/// How many bytes tell what a file is.
const LOOK: u64 = 64 << 10;

/// What files of other kinds begin with, what they are, and what to do.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (b"\x28\xB5\x2F\xFD", "packed by zstd", "unpack it: `zstd -d FILE`, or `zstd -dc FILE | timeline eval ... -`"),
    (b"BZh", "packed by bzip2", "unpack it: `bunzip2 FILE`, or `bzcat FILE | timeline eval ... -`"),
    (b"\xFD7zXZ\0", "packed by xz", "unpack it: `unxz FILE`, or `xzcat FILE | timeline eval ... -`"),
    (b"\x04\x22\x4D\x18", "packed by lz4", "unpack it: `lz4 -d FILE`"),
    (b"PK\x03\x04", "a zip archive (a workbook of Excel is one)", "unpack it, or save the sheet as CSV"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it first"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or as lines of JSON"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"SQLite format 3\0", "a database of SQLite", "export the table as CSV"),
    (b"\xFF\xFE", "text of UTF-16", "write it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE`"),
    (b"\xFE\xFF", "text of UTF-16", "write it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE`"),
];

/// What Parquet begins with.
const PARQUET: &[u8] = b"PAR1";

/// Whether bytes begin a gzip stream.
pub(crate) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(GZIP)
}

/// What comes out of a gzip stream, of all its members.
pub(crate) fn unpack<R: Read>(from: R) -> MultiGzDecoder<R> {
    MultiGzDecoder::new(from)
}

/// Refuses what is of a kind that is not read, by its first bytes; `format` is what it was taken for.
pub(crate) fn refuse(bytes: &[u8], name: &str, format: Option<Format>) -> Result<(), Error> {
    let text = matches!(format, Some(Format::Ndjson | Format::Csv));
    if text && bytes.starts_with(PARQUET) {
        return Err(Error::Foreign { file: name.to_owned(), what: "Parquet", help: "give it the ending .parquet" });
    }
    if format.is_none_or(|format| format == Format::Ndjson) && is_array(bytes) {
        let help = "write each of its elements as a line: `jq -c '.[]' FILE > LINES`, or `jq -c '.[]' FILE | timeline eval ... -`";
        return Err(Error::Foreign { file: name.to_owned(), what: "one array of JSON, and not lines of it", help });
    }
    // A header of CSV may well begin with these letters.
    let is_text =
        |first: &[u8]| first.is_ascii() && !first.contains(&0) && bytes.get(first.len()).is_none_or(|b| *b >= b' ');
    match FOREIGN.iter().find(|(first, ..)| bytes.starts_with(first) && (!is_text(first) || *first == b"BZh")) {
        Some((first, ..)) if *first == b"BZh" && !bytes.get(3).is_some_and(u8::is_ascii_digit) => Ok(()),
        Some((_, what, help)) => Err(Error::Foreign { file: name.to_owned(), what, help }),
        None => Ok(()),
    }
}

/// Whether bytes begin an array of objects.
fn is_array(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let mut signs = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    signs.next() == Some(&b'[') && signs.next() == Some(&b'{')
}

/// Refuses what cannot be read from any place, as a file can; asked before it is opened, for opening a pipe waits for its
/// writer.
pub(crate) fn refuse_pipe(name: &str) -> Result<(), Error> {
    let what = std::fs::metadata(name).map_err(Error::read(name))?;
    // To read a folder says itself what is wrong.
    if what.is_file() || what.is_dir() {
        return Ok(());
    }
    let (what, help) =
        ("neither a file nor a link to one", "a pipe is read as standard input: `... | timeline eval ... -`");
    Err(Error::Foreign { file: name.to_owned(), what, help })
}

/// The format of a file, as far as it can be told, and whether it is packed. The file is at its beginning afterwards.
pub(crate) fn look(mut file: &File, name: &str, format: Option<Format>) -> Result<(Option<Format>, bool), Error> {
    let mut bytes = vec![];
    file.seek(SeekFrom::Start(0)).map_err(Error::read(name))?;
    file.take(LOOK).read_to_end(&mut bytes).map_err(Error::read(name))?;
    let packed = is_packed(&bytes);
    let plain_name = if packed { name.strip_suffix(".gz").unwrap_or(name) } else { name };
    let mut told = format.or_else(|| Format::of_name(plain_name));
    if packed {
        let mut inner = vec![];
        // What is cut short tells as much as it has.
        let _ = unpack(&bytes[..]).take(LOOK).read_to_end(&mut inner);
        told = told.or_else(|| Format::of_content(&inner));
        if told == Some(Format::Parquet) || inner.starts_with(PARQUET) {
            let help = "Parquet packs by itself and is read from its end: unpack the file first";
            return Err(Error::Foreign { file: name.to_owned(), what: "Parquet packed by gzip", help });
        }
        refuse(&inner, name, told)?;
    } else {
        refuse(&bytes, name, told)?;
        told = told.or_else(|| Format::of_content(&bytes));
    }
    file.seek(SeekFrom::Start(0)).map_err(Error::read(name))?;
    Ok((told, packed))
}

/// How many bytes come out of a packed file; `None` if it is cut short, or still being written.
pub(crate) fn length(mut file: &File) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(0))?;
    match io::copy(&mut unpack(file), &mut io::sink()) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_are_named() {
        let what = |bytes: &[u8], format| match refuse(bytes, "f", format) {
            Ok(()) => None,
            Err(Error::Foreign { what, .. }) => Some(what),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(what(b"\x28\xB5\x2F\xFDabc", Some(Format::Csv)), Some("packed by zstd"));
        assert_eq!(what(b"BZh91AY", None), Some("packed by bzip2"));
        assert_eq!(what(b"BZhome,x", None), None);
        assert_eq!(what(b"PK\x03\x04\x14\0", None), Some("a zip archive (a workbook of Excel is one)"));
        assert_eq!(what(b"PAR1\x15", Some(Format::Ndjson)), Some("Parquet"));
        assert_eq!(what(b"PAR1\x15", None), None);
        assert_eq!(what(b"ORC\x08\x03", None), Some("an ORC file"));
        assert_eq!(what(b"ORC,time\n", None), None);
        assert_eq!(what(b"Obj\x01\x04", None), Some("an Avro file"));
        assert_eq!(what(b"\xFF\xFEi\0d\0", Some(Format::Csv)), Some("text of UTF-16"));
        assert_eq!(what(b"id,ts\n", Some(Format::Csv)), None);
        let array = Some("one array of JSON, and not lines of it");
        assert_eq!(what(b"\xEF\xBB\xBF[\n  {\"k\": 1},\n  {\"k\": 2}]", Some(Format::Ndjson)), array);
        assert_eq!(what(b"[{\"k\":1}]", None), array);
        assert_eq!(what(b"[1,2]\n{\"k\":1}", Some(Format::Ndjson)), None, "a record that is none");
        assert_eq!(what(b"[{\"k\":1}]", Some(Format::Csv)), None);
        assert_eq!(what(b"", None), None);
    }
}
