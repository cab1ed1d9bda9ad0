//! What of a table's log may go, and what a table says of its log itself.
//!
//! A commit is a file, so a log grows for as long as the table does. The format lets a checkpoint of the log stand for all
//! commits up to its own, and a table say for how long its versions can be read (`delta.logRetentionDuration`).
//!
//! **Invariant:** every version that is younger than that can be read afterwards, from a checkpoint that stays.

use crate::checkpoint::store::ListingEntry;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long versions of a table can be read where it says nothing itself.
pub(super) const RETENTION: Duration = Duration::from_secs(86_400);
/// So many commits are put together into one file of the log where it says nothing itself.
pub(super) const COMMITS_MAX: u64 = 50;
/// What a table says of that from its first commit on.
const PROPERTIES: [(&str, &str); 2] =
    [("delta.logRetentionDuration", "interval 1 day"), ("delta.checkpointInterval", "50")];

/// The files of a log, by the versions that they are of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LogFiles {
    commits: BTreeSet<u64>,
    /// Checkpoints of one file, which are the ones that we write.
    checkpoints: BTreeSet<u64>,
    /// The newest checkpoint of whatever kind.
    newest: Option<u64>,
}

impl LogFiles {
    pub(super) fn of(entries: &[ListingEntry]) -> LogFiles {
        let mut files = LogFiles::default();
        for entry in entries {
            let name = entry.name.rsplit('/').next().unwrap_or_default();
            let Some((version, rest)) = name.split_once('.') else { continue };
            let is_number = version.len() == 20 && version.bytes().all(|byte| byte.is_ascii_digit());
            let Some(version) = version.parse().ok().filter(|_| is_number) else { continue };
            if rest == "json" {
                files.commits.insert(version);
            }
            if rest == "checkpoint.parquet" {
                files.checkpoints.insert(version);
            }
            if rest.starts_with("checkpoint.") {
                files.newest = files.newest.max(Some(version));
            }
        }
        files
    }

    /// Whether a log at a version is to get a checkpoint, where it gets one every so many commits.
    pub(super) fn is_long(&self, version: u64, interval: u64) -> bool {
        version.saturating_sub(self.newest.unwrap_or(0)) >= interval
    }

    /// The files that nobody needs: what comes before the newest checkpoint that is old itself. `is_old` says of a version
    /// whether it was made longer ago than versions can be read, if that is known; it is asked of few.
    pub(super) fn needless(&self, mut is_old: impl FnMut(u64) -> Option<bool>) -> Vec<String> {
        let mut first = None;
        for version in &self.checkpoints {
            match is_old(*version) {
                Some(true) => first = Some(*version),
                Some(false) => break,
                None => {}
            }
        }
        let Some(first) = first else { return vec![] };
        let commits = self.commits.range(..first).map(|version| commit_name(*version));
        commits.chain(self.checkpoints.range(..first).map(|version| checkpoint_name(*version))).collect()
    }
}

/// How the file of a commit is called.
pub(super) fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// When a commit was made, in milliseconds since 1970, as it says itself.
pub(super) fn made_ms(commit: &[u8]) -> Option<i64> {
    let lines = commit.split(|byte| *byte == b'\n').filter(|line| line.starts_with(br#"{"commitInfo""#));
    let mut infos = lines.filter_map(|line| serde_json::from_slice::<Json>(line).ok());
    infos.find_map(|info| info["commitInfo"]["timestamp"].as_i64())
}

/// A commit that says of its table what the table is to say of its log, wherever it says anything of the table and not that.
/// The library refuses to make a table with these properties, and keeps those that are there.
pub(super) fn with_properties(commit: Vec<u8>) -> Vec<u8> {
    let mut written = Vec::with_capacity(commit.len());
    for line in commit.split_inclusive(|byte| *byte == b'\n') {
        match line.starts_with(br#"{"metaData""#).then(|| metadata_with_properties(line)).flatten() {
            Some(metadata) => {
                written.extend(metadata.to_string().bytes());
                written.extend(line.ends_with(b"\n").then_some(b'\n'));
            }
            None => written.extend_from_slice(line),
        }
    }
    written
}

fn metadata_with_properties(line: &[u8]) -> Option<Json> {
    let mut action: Json = serde_json::from_slice(line).ok()?;
    let metadata = action.get_mut("metaData")?.as_object_mut()?;
    let configuration = metadata.entry("configuration").or_insert(Json::Null);
    if configuration.is_null() {
        *configuration = Json::Object(Map::new());
    }
    let configuration = configuration.as_object_mut()?;
    for (name, value) in PROPERTIES {
        configuration.entry(name).or_insert_with(|| value.into());
    }
    Some(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> LogFiles {
        let entry = |name: &&str| ListingEntry { name: format!("finals/_delta_log/{name}"), length: 1 };
        LogFiles::of(&names.iter().map(entry).collect::<Vec<_>>())
    }

    /// A log of so many commits with checkpoints at some.
    fn log(commits: u64, checkpoints: &[u64]) -> LogFiles {
        let names = (0..commits).map(commit_name).chain(checkpoints.iter().map(|version| checkpoint_name(*version)));
        let names: Vec<String> = names.collect();
        files(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_no_commit_and_no_checkpoint_is_left_alone() {
        let others = ["_last_checkpoint", "00000000000000000003.crc", "3.json", "0000000000000000000x.json"];
        assert_eq!(files(&others), LogFiles::default());
        let parts = files(&["00000000000000000007.checkpoint.0000000001.0000000002.parquet"]);
        assert!(parts.checkpoints.is_empty() && parts.newest == Some(7));
    }

    #[test]
    fn a_log_gets_a_checkpoint_so_many_commits_after_the_last_one_whoever_wrote_it() {
        assert!(!log(50, &[]).is_long(49, 50) && log(51, &[]).is_long(50, 50));
        // One that failed, or whose writer was killed, is made up for by the next commit.
        assert!(log(54, &[]).is_long(53, 50));
        assert!(!log(60, &[53]).is_long(59, 50) && log(104, &[53]).is_long(103, 50));
    }

    #[test]
    fn commits_go_that_an_old_checkpoint_covers_and_no_version_that_is_young() {
        let log = log(30, &[10, 20, 28]);
        let at_least = |old: u64| move |version: u64| Some(version < old);
        assert!(log.needless(at_least(10)).is_empty(), "no checkpoint is old");
        let needless = log.needless(at_least(25));
        let expected: Vec<String> = (0..20).map(commit_name).chain([checkpoint_name(10)]).collect();
        assert_eq!(needless, expected, "versions 20 to 24 are read from the same checkpoint as 25");
        assert_eq!(log.needless(at_least(100)).len(), 28 + 2, "and the newest one always stays");
        // Of which nobody knows how old it is.
        assert!(log.needless(|_| None).is_empty());
        let asked = std::cell::Cell::new(0);
        log.needless(|version| {
            asked.set(asked.get() + 1);
            Some(version < 15)
        });
        assert_eq!(asked.get(), 2, "what is younger than a young one is young");
    }

    #[test]
    fn a_commit_says_when_it_was_made() {
        let commit =
            b"{\"commitInfo\":{\"timestamp\":1700000000123,\"operation\":\"WRITE\"}}\n{\"add\":{\"path\":\"x\"}}\n";
        assert_eq!(made_ms(commit), Some(1_700_000_000_123));
        assert_eq!(made_ms(b"{\"add\":{}}\n"), None);
    }

    #[test]
    fn a_table_says_how_long_its_log_is_kept_and_what_it_says_already_stands() {
        let line =
            |configuration: &str| format!("{{\"metaData\":{{\"id\":\"x\",\"configuration\":{configuration}}}}}\n");
        let of = |commit: &str| String::from_utf8(with_properties(commit.as_bytes().to_vec())).unwrap();
        let info = "{\"commitInfo\":{\"timestamp\":1}}\n";
        let written = of(&format!("{info}{}", line("{}")));
        assert!(written.starts_with(info) && written.ends_with("}\n"), "{written}");
        let action: Json = serde_json::from_str(written.lines().nth(1).unwrap()).unwrap();
        assert_eq!(action["metaData"]["id"], "x");
        assert_eq!(action["metaData"]["configuration"]["delta.logRetentionDuration"], "interval 1 day");
        assert_eq!(action["metaData"]["configuration"]["delta.checkpointInterval"], COMMITS_MAX.to_string());
        let own = of(&line("{\"delta.logRetentionDuration\":\"interval 9 days\"}"));
        assert!(own.contains("interval 9 days") && !own.contains("interval 1 day\""), "{own}");
        assert_eq!(of(info), info);
    }
}
