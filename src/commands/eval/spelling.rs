//! Says which texts of a program no record has, where records have them in other letters: an answer of zero is not left to be
//! taken for "it never happened".

use event_feeder::{file, other_spellings};

/// Says so on standard error. Where files cannot be looked at once more there is nothing to say.
pub(super) fn tell(program: &str, paths: &[String]) {
    let texts = compared(program);
    if texts.is_empty() || paths.iter().any(|path| path == "-") {
        return;
    }
    let Ok(found) = file::expand(paths).map(|names| other_spellings(&names, &texts).unwrap_or_default()) else {
        return;
    };
    for (text, other) in found {
        let lower = other.to_ascii_lowercase();
        eprintln!(
            "timeline: no record has the text `{text}`, but some have `{other}`: texts are compared letter by letter\n  help: \
             write it as the records do; `lower(COLUMN) == \"{lower}\"` takes them in all letters"
        );
    }
}

/// The texts that a program compares something with, if it says nothing of letters itself.
fn compared(program: &str) -> Vec<String> {
    if program.contains("lower(") || program.contains("upper(") {
        return vec![];
    }
    let mut texts = vec![];
    for line in program.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for behind in line.split("==").skip(1) {
            let behind = behind.trim_start();
            let Some(quote) = behind.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
            let Some((text, _)) = behind[1..].split_once(quote) else { continue };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
            if text.chars().all(is_plain) && text.chars().any(|c| c.is_ascii_alphabetic()) {
                texts.push(text.to_owned());
            }
        }
    }
    texts.sort_unstable();
    texts.dedup();
    texts
}

#[cfg(test)]
mod tests {
    use super::compared;

    #[test]
    fn texts_that_are_compared_are_found() {
        let program =
            "let a = latest(door) == \"Open\" && x == 'b c' // == \"no\"\nalert b = y == 5 || z == \"\\u0041\"";
        assert_eq!(compared(program), ["Open", "b c"]);
        assert_eq!(compared("lower(door) == \"Open\""), Vec::<String>::new());
        assert_eq!(compared("filter(x, y == \"A\" || y == \"5\") == \"A"), ["A"]);
    }
}
