//! Records that a log lost before they were read.
//!
//! **Invariant:** a gap is only ever gone over because somebody said so; the state then says so for good.

use crate::Position;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A stretch of a log that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// Everything before it was read.
    pub from: Position,
    /// Where the log goes on, which is the same place for a [`Gap::split`]; `None` while nothing is there.
    pub to: Option<Position>,
}

impl Gap {
    /// Where nothing is missing, but keys may have gone elsewhere or come from there: the topic got more partitions.
    pub fn split(at: Position) -> Gap {
        Gap { from: at, to: Some(at) }
    }

    /// What happened, for people.
    pub fn reason(&self) -> String {
        let from = self.from;
        match self.to {
            None => format!(
                "the broker holds nothing any more, not even the last message that was read (before {from}): \
                 what came after it is lost, if there was anything"
            ),
            // Ledgers are deleted as a whole, so nothing says how many entries this one had.
            Some(to) if to.file > from.file && from.offset > 0 => format!(
                "messages from {from} to {to} are gone: the broker has deleted ledger {} and holds nothing before {to}",
                from.file
            ),
            Some(to) => format!("messages from {from} to {to} are gone"),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.to == Some(self.from) {
            return write!(f, "split at {}", self.from);
        }
        write!(f, "{}..", self.from)?;
        self.to.map_or(Ok(()), |to| write!(f, "{to}"))
    }
}

/// Which gaps may be gone over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AcceptGaps {
    /// None.
    #[default]
    None,
    /// Whichever there is.
    All,
    /// These: `TOPIC@FROM..TO`, or `TOPIC@FROM..` wherever it ends.
    Named(Vec<String>),
}

impl AcceptGaps {
    /// How a gap is named.
    pub fn name(topic: &str, gap: &Gap) -> String {
        format!("{topic}@{gap}")
    }

    /// Whether a gap of a topic is one of them.
    pub fn has(&self, topic: &str, gap: &Gap) -> bool {
        match self {
            AcceptGaps::None => false,
            AcceptGaps::All => true,
            AcceptGaps::Named(names) => {
                let (exact, open) = (Self::name(topic, gap), Self::name(topic, &Gap { to: None, ..*gap }));
                names.iter().any(|name| *name == exact || *name == open)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_accepted_by_its_name_or_by_where_it_begins() {
        let gap = Gap { from: Position::at(12, 5), to: Some(Position::at(15, 0)) };
        let named = |name: &str| AcceptGaps::Named(vec!["other".into(), name.into()]).has("t", &gap);
        assert!(named("t@12:5..15:0") && named("t@12:5.."));
        assert!(!named("t@12:5..15:1") && !named("t@12:4..") && !named("u@12:5..15:0"));
        assert!(AcceptGaps::All.has("t", &gap) && !AcceptGaps::None.has("t", &gap));
        let open = Gap { to: None, ..gap };
        assert!(AcceptGaps::Named(vec!["t@12:5..".into()]).has("t", &open));
        assert!(!AcceptGaps::Named(vec!["t@12:5..15:0".into()]).has("t", &open));
    }
}
