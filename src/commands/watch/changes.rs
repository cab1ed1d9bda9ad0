//! What of an answer is new since the one before, as lines of JSON.
//!
//! Rows have no keys, so a row is told by its texts (names, groups, sessions, times): one with the same texts takes the
//! place of the one before, and only it is written. A row in whose place none came is written once more, with `removed`.
//! **Invariant:** whoever puts every line in the place of the one with the same texts, and takes away what is removed,
//! has the answer.

use crate::client::WatchedRow;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The answer before, as far as it is written: how often each row is there.
#[derive(Debug, Default)]
pub(super) struct RowChanges(BTreeMap<String, usize>);

impl RowChanges {
    /// The lines that make an answer of the one before.
    pub(super) fn lines(&mut self, answer: &[Box<RawValue>]) -> String {
        let mut now: BTreeMap<String, usize> = BTreeMap::new();
        let (mut new, mut replaced) = (String::new(), BTreeMap::<String, usize>::new());
        for row in answer.iter().map(|row| row.get()) {
            let count = now.entry(row.to_owned()).or_default();
            *count += 1;
            if *count > self.0.get(row).copied().unwrap_or(0) {
                new.push_str(row);
                new.push('\n');
                *replaced.entry(texts(row)).or_default() += 1;
            }
        }
        let mut gone = String::new();
        for (row, before) in &self.0 {
            for _ in now.get(row).copied().unwrap_or(0)..*before {
                match replaced.get_mut(&texts(row)).filter(|left| **left > 0) {
                    Some(left) => *left -= 1,
                    None => gone.push_str(&removed(row)),
                }
            }
        }
        self.0 = now;
        gone + &new
    }
}

/// The members of a row that are texts.
fn texts(row: &str) -> String {
    let Ok(WatchedRow(members)) = serde_json::from_str::<WatchedRow>(row) else { return row.to_owned() };
    let texts = members.iter().filter(|(_, value)| value.get().starts_with('"'));
    texts.map(|(name, value)| format!("{name:?}:{},", value.get())).collect()
}

/// A row that is no more.
fn removed(row: &str) -> String {
    match row.trim_end().strip_suffix('}') {
        Some(open) if open.trim_end().ends_with('{') => "{\"removed\": true}\n".to_owned(),
        Some(open) => format!("{open}, \"removed\": true}}\n"),
        None => format!("{row}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::RowChanges;
    use serde_json::value::RawValue;

    fn answer(rows: &[&str]) -> Vec<Box<RawValue>> {
        rows.iter().map(|row| RawValue::from_string((*row).to_owned()).expect("JSON")).collect()
    }

    #[test]
    fn only_what_changed_is_written() {
        let mut changes = RowChanges::default();
        let mut lines = |rows: &[&str]| changes.lines(&answer(rows));
        let (c1, c2) = (r#"{"cdn": "C1", "sum": 1}"#, r#"{"cdn": "C2", "sum": 2}"#);
        assert_eq!(lines(&[c1, c2]), format!("{c1}\n{c2}\n"));
        assert_eq!(lines(&[c2, c1]), "", "the order is none");
        let more = r#"{"cdn": "C1", "sum": 5}"#;
        assert_eq!(lines(&[more, c2]), format!("{more}\n"), "the new row takes the place of the old one");
        assert_eq!(lines(&[more]), "{\"cdn\": \"C2\", \"sum\": 2, \"removed\": true}\n");
        assert_eq!(lines(&[more, more]), format!("{more}\n"), "one row twice");
        assert_eq!(lines(&[more]), "{\"cdn\": \"C1\", \"sum\": 5, \"removed\": true}\n");
        assert_eq!(lines(&[]), "{\"cdn\": \"C1\", \"sum\": 5, \"removed\": true}\n");
        // One of two rows of the same texts is replaced, and the other is gone.
        assert_eq!(lines(&[c1, more]), format!("{c1}\n{more}\n"));
        let other = r#"{"cdn": "C1", "sum": 9}"#;
        let gone = "{\"cdn\": \"C1\", \"sum\": 5, \"removed\": true}\n";
        assert_eq!(lines(&[other]), format!("{gone}{other}\n"));
        assert_eq!(lines(&[]), "{\"cdn\": \"C1\", \"sum\": 9, \"removed\": true}\n");
        // Rows without a text stand for one another.
        assert_eq!(lines(&[r#"{"n": 1}"#]), "{\"n\": 1}\n");
        assert_eq!(lines(&[r#"{"n": 2}"#]), "{\"n\": 2}\n");
        assert_eq!(lines(&["{}"]), "{}\n");
        assert_eq!(lines(&[]), "{\"removed\": true}\n");
    }
}
