//! What is kept beside the sources: whether all of it is whole, and of a format that this program knows.
//!
//! Every byte that a checkpoint names is read and compared, history included, which an opener does not do.

use super::Findings;
use processor::checkpoint::{
    CheckpointReader, Error, FileKind, FileRef, Finding, Manifest, ObjectProblem, ProgramStore, StateLocation, inspect,
    whole_name,
};
use processor::code::StateCode;
use processor::damage::{GivenUpFile, help};
use processor::history;
use processor::programs::DeployedPrograms;
use processor::results::{DroppedRows, RetentionCounts, table_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use timeline_core::{Time, instant_text};

/// The partitions in a state, as folders of it; none is known of a bucket, which has no folders to list.
pub(super) fn partitions(state: &StateLocation) -> Vec<String> {
    let StateLocation::Local(root) = state else { return vec![] };
    let mut found = vec![];
    for source in folders(&root.join("sources")) {
        let folder = format!("sources/{source}");
        if root.join(&folder).join("heads").is_dir() {
            found.push(folder);
        } else {
            found.extend(folders(&root.join(&folder)).into_iter().map(|part| format!("{folder}/{part}")));
        }
    }
    found
}

/// The folders of deployments that are over: there is nothing in them but rows.
pub(super) fn over(state: &StateLocation) -> BTreeSet<String> {
    // What is wrong with the programs is said by whoever runs them.
    let programs = DeployedPrograms::load(&ProgramStore::of(state, "doctor")).unwrap_or_default();
    let parts = programs.sealed.into_iter().flat_map(|sealed| sealed.logs).flat_map(|log| log.parts);
    parts.map(|(_, folder)| folder).collect()
}

/// The sources of a place, by the name of its plan: `page`, `page+backend@3`.
pub(super) fn sources_of(plan: &str) -> Vec<&str> {
    plan.split_once('@').map_or(plan, |(sources, _)| sources).split('+').collect()
}

fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// How long a store may take to answer at all.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Whether a state can be asked: of a bucket that gives no answer each question would take minutes.
pub(super) fn can_be_asked(place: &StateLocation, findings: &mut Findings) -> bool {
    let answered = place.answers(ANSWER_TIME);
    if let Err(error) = &answered {
        let is_refused = error.source.kind() == std::io::ErrorKind::PermissionDenied;
        let code = if is_refused { String::new() } else { format!("[{}] ", StateCode::StoreSilent) };
        findings.fault(&format!("{code}{error}"), BRING_BACK);
    }
    answered.is_ok()
}

/// Whether all partitions of a state are whole, and no clock was ahead of this machine's.
pub(super) fn check(state: &StateLocation, now: Time, findings: &mut Findings) {
    let all = partitions(state);
    if let (true, StateLocation::Local(root)) = (all.is_empty(), state) {
        findings.unknown(&format!("there is no state in {} yet", root.display()));
    }
    let history = match state.history() {
        Ok(history) => history,
        Err(error) => {
            findings.fault(&error.to_string(), "put `history.json` of the state back from a copy");
            None
        }
    };
    let tables = match &history {
        None => Tables::None,
        Some(StateLocation::Local(root)) if !root.is_dir() => {
            let place = root.display();
            findings.fault(&format!("history lies in tables in {place}, which is not there"), BRING_BACK);
            Tables::Away
        }
        Some(place) if !can_be_asked(place, findings) => Tables::Away,
        Some(place) => {
            findings.ok(&format!("history lies in tables in {place}"));
            Tables::There
        }
    };
    for folder in all {
        partition(state, &folder, tables, now, findings);
    }
}

/// What to do where a store gives no answer: that says nothing of what lies in it.
const BRING_BACK: &str =
    "bring it back (a mount, the network, credentials) and look again; give nothing up before that";

/// Where rows of what is over lie beside the state.
#[derive(Clone, Copy, PartialEq)]
enum Tables {
    None,
    There,
    /// The folder that is noted is not there, or the bucket gives no answer.
    Away,
}

fn partition(state: &StateLocation, folder: &str, tables: Tables, now: Time, findings: &mut Findings) {
    let store = state.store(folder);
    let inspection = match inspect(&*store) {
        Ok(inspection) => inspection,
        Err(error) => {
            return findings.fault(&format!("{folder}: {error}"), "run the program that wrote it, or a newer one");
        }
    };
    if let Some(lost) = &inspection.lost {
        return findings.fault(
            &format!("{folder}: {lost}"),
            "put the objects back from a copy, or start over with an empty state",
        );
    }
    let faults = findings.faults;
    for finding in &inspection.findings {
        findings.fault(
            &format!("{folder}: {finding}"),
            "the next start falls back to what is whole, and reads on from there",
        );
    }
    let Some(newest) = inspection.kept.first() else {
        // A head that names no checkpoint is there from the beginning, before anything was read.
        let is_new = inspection.head.as_ref().is_none_or(|head| head.manifests.is_empty());
        if is_new && inspection.findings.is_empty() {
            return findings.ok(&format!("{folder}: nothing was committed yet; its log is read from the start"));
        }
        return findings.fault(
            &format!("{folder}: no checkpoint is whole"),
            "put the objects back from a copy, or start over with an empty state",
        );
    };
    let reader = CheckpointReader::new(store);
    let mut unread: Vec<String> = vec![];
    for file in &newest.files {
        if file.kind == FileKind::History && tables == Tables::Away {
            continue;
        }
        let Err(error) = reader.read(file) else { continue };
        if let Error::Corrupt(Finding { problem: ObjectProblem::Unreadable { reason }, .. }) = error {
            unread.push(reason);
            continue;
        }
        let name = whole_name(folder, &file.name);
        let code = match file.kind {
            FileKind::Result | FileKind::History | FileKind::Kept => StateCode::Damaged,
            FileKind::Outbox => StateCode::Owed,
            FileKind::Segment => {
                findings.fault(&format!("{folder}: {error}"), "the next start falls back to what is whole");
                continue;
            }
        };
        findings.fault(&format!("[{code}] {folder}: {error}"), &help(code, &name));
    }
    if let Some(reason) = unread.first() {
        let count = unread.len();
        findings.fault(&format!("{folder}: {count} files cannot be read now, the first for {reason}"), BRING_BACK);
    }
    let lost: Vec<GivenUpFile> = serde_json::from_value(newest.state["lost"].clone()).unwrap_or_default();
    lost.iter().for_each(|lost| findings.unknown(&lost.said()));
    if findings.faults == faults {
        let looked_at = |file: &&FileRef| file.kind != FileKind::History || tables != Tables::Away;
        let (epoch, count) = (newest.epoch, newest.files.iter().filter(looked_at).count());
        match newest.files.len() - count {
            0 => findings.ok(&format!("{folder}: checkpoint {epoch} is whole, with its {count} files")),
            rest => findings.unknown(&format!(
                "{folder}: checkpoint {epoch} is whole, with {count} files; {rest} lie in the place that is not there"
            )),
        }
    }
    grown(newest, folder, findings);
    if tables != Tables::None {
        waiting(newest, folder, findings);
    }
    let ahead = newest.state["max_time"].as_i64().map_or(0, |newest| newest.saturating_sub(now));
    if ahead > DAY {
        findings.fault(
            &format!("{folder}: its newest event is {} hours ahead of this machine's clock", ahead / HOUR),
            "set the clock of this machine, or that of whoever wrote the event; what comes in order behind it is late",
        );
    }
}

/// What grows for as long as the processor reads, and what is gone of it.
fn grown(newest: &Manifest, folder: &str, findings: &mut Findings) {
    let mut tables: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for file in newest.files.iter().filter(|file| file.kind.is_result()) {
        let name = match (table_of(file).unwrap_or("others"), file.kind) {
            (table, FileKind::History) => format!("{table} in tables"),
            (table, _) => table.to_owned(),
        };
        let (bytes, rows) = tables.entry(name).or_default();
        *bytes += file.length;
        *rows += history::rows_of(file);
    }
    let each =
        |(table, (bytes, rows)): (&String, &(u64, u64))| format!("{table} {rows} rows, {:.1} MB", *bytes as f64 / 1e6);
    let all: Vec<String> = tables.iter().map(each).collect();
    if !all.is_empty() {
        findings.ok(&format!(
            "{folder}: history, which grows unless `serve --keep-results`, or `--history-keep` of tables, says how long: {}",
            all.join("; ")
        ));
    }
    let dropped: RetentionCounts = serde_json::from_value(newest.state["dropped"].clone()).unwrap_or_default();
    for (table, DroppedRows { rows, until }) in dropped {
        findings.ok(&format!("{folder}: {rows} rows of {table} are dropped, told up to {}", instant_text(until)));
    }
}

/// What of history is to go into tables and has not yet.
fn waiting(newest: &Manifest, folder: &str, findings: &mut Findings) {
    let files = || newest.files.iter().filter(|file| history::waits(file));
    let (rows, bytes) = (files().map(history::rows_of).sum::<u64>(), files().map(|file| file.length).sum::<u64>());
    if rows > 0 {
        findings.ok(&format!(
            "{folder}: {rows} rows of history, {:.1} MB, wait in the state for their tables; the next start brings them",
            bytes as f64 / 1e6
        ));
    }
}

const HOUR: Time = 3_600_000_000_000;
/// As much as `future` allows by default.
const DAY: Time = 24 * HOUR;
