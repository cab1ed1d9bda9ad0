//! Names of files, and patterns of names.
//!
//! `*` stands for any bytes but `/`, `?` for one character, `[a-z]` and `[!a-z]` for one of a set; `**` is two `*`.
//! As in a shell, a wildcard does not take a leading dot. What exists under a name that looks like a pattern is meant
//! literally.

use crate::Error;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use timeline_core::nearest;

/// The absolute names of the files that the patterns match, in the order of the log: by their bytes, each once.
pub(crate) fn expand(patterns: &[String]) -> Result<Vec<String>, Error> {
    let mut names = vec![];
    for pattern in patterns {
        names.extend(expand_one(pattern)?.1);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The same names by what each is called within the folder that its pattern is about: all before its first wildcard.
pub(crate) fn within(patterns: &[String]) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pattern in patterns {
        let (folder, names) = expand_one(pattern)?;
        for name in names {
            let relative = Path::new(&name).strip_prefix(&folder).ok().and_then(Path::to_str);
            if let Some(relative) = relative {
                all.entry(relative.to_owned()).or_default().push(name);
            }
        }
    }
    Ok(all)
}

/// Whether the patterns stand for a file of that absolute name, be it there or not.
pub(crate) fn stand_for(patterns: &[String], name: &str) -> bool {
    let name = Path::new(name);
    let is_one = |pattern: &String| {
        let Ok(path) = std::path::absolute(pattern) else { return false };
        if path == name {
            return true;
        }
        let same_depth = path.components().count() == name.components().count();
        same_depth
            && is_pattern(pattern)
            && !path.exists()
            && path.components().zip(name.components()).all(|(wanted, part)| {
                let (wanted, part) = (wanted.as_os_str(), part.as_os_str());
                wanted == part || wanted.to_str().is_some_and(|wanted| is_pattern(wanted) && takes(wanted, part))
            })
    };
    patterns.iter().any(is_one)
}

/// The folder that a name or pattern is about, and the absolute names that it stands for now.
fn expand_one(pattern: &str) -> Result<(PathBuf, Vec<String>), Error> {
    let path = std::path::absolute(pattern).map_err(Error::read(pattern))?;
    if path.exists() || !is_pattern(pattern) {
        let folder = path.parent().unwrap_or(&path).to_owned();
        let names = if path.exists() { vec![utf8(path)?] } else { vec![] };
        return Ok((folder, names));
    }
    let wildcard = |component: &Component<'_>| component.as_os_str().to_str().is_some_and(is_pattern);
    let folder: PathBuf = path.components().take_while(|component| !wildcard(component)).collect();
    let mut found = vec![PathBuf::new()];
    for component in path.components() {
        let component = component.as_os_str();
        match component.to_str().filter(|name| is_pattern(name)) {
            None => found.iter_mut().for_each(|path| path.push(component)),
            Some(pattern) => found = found.iter().flat_map(|folder| matching(folder, pattern)).collect(),
        }
    }
    let names = found.into_iter().filter(|path| path.is_file()).map(utf8).collect::<Result<_, Error>>()?;
    Ok((folder, names))
}

/// The name in the folder of a name or pattern that is most like it, as it would be written instead.
pub(crate) fn near(pattern: &str) -> Option<String> {
    let path = Path::new(pattern);
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.flatten().filter(|entry| entry.path().is_file()).take(LOOKED_AT);
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    // What was meant may be packed, or have another ending.
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let same_stem = || names.iter().map(String::as_str).find(|name| !is_pattern(wanted) && stem(name) == stem(wanted));
    let near = nearest(wanted, names.iter().map(String::as_str)).or_else(same_stem)?;
    Some(folder.map_or_else(|| near.to_owned(), |folder| folder.join(near).display().to_string()))
}

/// How many names of a folder are compared with one that is not there.
const LOOKED_AT: usize = 10_000;

/// Whether a name has wildcards.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn utf8(path: PathBuf) -> Result<String, Error> {
    path.into_os_string().into_string().map_err(|name| Error::Name { file: name.to_string_lossy().into_owned() })
}

/// Entries of a folder; a folder that cannot be read has none, as in a shell.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| takes(pattern, &entry.file_name())).map(|entry| entry.path()).collect()
}

/// Whether a pattern takes the name of a file or a folder, which is hidden if it begins with a dot.
fn takes(pattern: &str, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    (pattern.starts_with('.') || !name.starts_with(b".")) && matches(pattern.as_bytes(), name)
}

/// Whether a pattern takes the whole name. Goes back to the last `*` only, so the time is at most their product.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some((p + 1, n + character(&name[n..]))),
            Some(b'[') => match set(&pattern[p..], name[n]) {
                Some((true, length)) => Some((p + length, n + 1)),
                Some((false, _)) => None,
                None => (name[n] == b'[').then_some((p + 1, n + 1)),
            },
            Some(byte) => (*byte == name[n]).then_some((p + 1, n + 1)),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => (p, n) = next,
            (None, Some((behind, at))) => {
                star = Some((behind, at + 1));
                (p, n) = (behind, at + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Length in bytes of the character that the name goes on with.
fn character(name: &[u8]) -> usize {
    1 + name[1..].iter().take_while(|byte| *byte & 0xC0 == 0x80).count()
}

/// Whether a set (`[a-z]`, of single bytes) takes the byte, and the set's length; `None` if it is not closed.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    // A `]` right at the beginning is one of the set.
    let close = first + 1 + pattern.get(first + 1..)?.iter().position(|b| *b == b']')?;
    let (mut at, mut found) = (first, false);
    while at < close {
        if at + 2 < close && pattern[at + 1] == b'-' {
            found |= (pattern[at]..=pattern[at + 2]).contains(&byte);
            at += 3;
        } else {
            found |= pattern[at] == byte;
            at += 1;
        }
    }
    Some((found != negated, close + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_names_as_in_a_shell() {
        for (pattern, name, want) in [
            ("*", "", true),
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
            ("?.csv", "é.csv", true),
            ("?.csv", "ab.csv", false),
            ("[a-c]1", "b1", true),
            ("[!a-c]1", "b1", false),
            ("[]x]1", "]1", true),
            ("[a", "[a", true),
            ("x[", "x[", true),
            ("**", "anything", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }

    #[test]
    fn names_come_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(at("sub")).unwrap();
        for name in ["b.log", "a.log", "[x].log", ".hidden.log", "sub/c.log", "other"] {
            fs::write(at(name), "").unwrap();
        }
        let expand = |patterns: &[&str]| expand(&patterns.iter().map(|name| at(name)).collect::<Vec<_>>()).unwrap();
        assert_eq!(expand(&["*.log"]), [at("[x].log"), at("a.log"), at("b.log")]);
        assert_eq!(expand(&["b.log", "*.log", "gone"]), [at("[x].log"), at("a.log"), at("b.log")]);
        assert_eq!(expand(&["[x].log"]), [at("[x].log")]);
        assert_eq!(expand(&["s*/*.log"]), [at("sub/c.log")]);
        let within = |pattern: &str| within(&[at(pattern)]).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(within("*.log"), ["[x].log", "a.log", "b.log"]);
        assert_eq!(within("s*/*.log"), ["sub/c.log"]);
        assert_eq!(within("sub/c.log"), ["c.log"]);
        for (pattern, name, want) in [
            ("*.log", "a.log", true),
            ("*.log", "gone.log", true),
            ("*.log", "sub/c.log", false),
            ("s*/*.log", "some/x.log", true),
            ("*.log", ".hidden.log", false),
            ("gone", "gone", true),
            ("[x].log", "x.log", false),
        ] {
            assert_eq!(stand_for(&[at("none"), at(pattern)], &at(name)), want, "{pattern} {name}");
        }
        assert!(expand(&["*.none"]).is_empty());
    }
}
