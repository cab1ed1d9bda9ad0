//! What there is to know of each operator in a few words: for editors, for `docs/operators.md`, and for grammars.
//!
//! An entry may describe an operator before the compiler has it: [`supported`] asks the compiler by the entry's example,
//! so that no list of what works is kept by hand.

use crate::compile::{ProgramText, compile_with};
use crate::modules::Trusting;
use std::sync::LazyLock;

mod entries;

pub use entries::ALL;

/// One operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Its name in the language: a word, or words of a clause, or signs.
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// The kind of timeline that it gives.
    pub gives: &'static str,
    /// What it means, in a sentence or a few.
    pub meaning: &'static str,
    /// What it says before the first event that it looks for.
    pub before: &'static str,
    /// How the state that it needs grows.
    pub memory: &'static str,
    /// Where it changes without an event; empty if it never does.
    pub timer: &'static str,
    /// A metric over [`EXAMPLE_SOURCE`]; that of a table has its declaration behind it.
    pub example: &'static str,
}

/// The source that examples speak of.
pub const EXAMPLE_SOURCE: &str =
    "source s { key k  time t in s  state: string, action: string, b: bool, x: float, n: int }\n";

/// The operators that the compiler knows, in the order of [`ALL`].
pub fn supported() -> &'static [Operator] {
    static SUPPORTED: LazyLock<Vec<Operator>> = LazyLock::new(|| {
        let works = |operator: &&Operator| {
            let text = format!("{EXAMPLE_SOURCE}metric m = {}", operator.example);
            compile_with(&[ProgramText { name: operator.name.into(), text, ..ProgramText::default() }], &Trusting)
                .is_ok()
        };
        ALL.iter().filter(works).copied().collect()
    });
    &SUPPORTED
}

/// The entry of a name as programs write it, synonyms included.
pub fn find(written: &str) -> Option<&'static Operator> {
    let own = crate::names::own_name(written).unwrap_or(written);
    ALL.iter().find(|operator| operator.name == own || operator.name.split(' ').any(|part| part == own))
}

impl Operator {
    /// The names by which it is called, in the order of its form; none where it is written with signs or as a clause.
    pub fn functions(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = vec![];
        for (i, _) in self.form.match_indices('(').filter(|_| !self.form.starts_with('|')) {
            let before = &self.form[..i];
            let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |n| n + 1);
            if start < i && !names.contains(&&before[start..]) {
                names.push(&before[start..]);
            }
        }
        names
    }
}
