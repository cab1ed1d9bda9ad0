//! Files as a source: whether they are there, and are still what a state has read of them.

use super::{Findings, records, state};
use event_feeder::file::{self, FileTable, Mode, Options};
use event_feeder::{FileSource, Notice, RecordCode, Source, sniff_file};
use processor::checkpoint::{StateLocation, inspect};
use processor::log_position;
use timeline_core::plan::{Csv, Plan};

/// Whether the files of a pattern are there, and still what was read; of all patterns of their log.
pub(super) fn check(
    state: &StateLocation,
    plans: &[Plan],
    name: Option<&str>,
    (pattern, log): (&str, &[String]),
    findings: &mut Findings,
) {
    let options = || Options { mode: Mode::Tail, ..Options::default() };
    let patterns = [pattern.to_owned()];
    let files = match FileSource::open(&patterns, options()) {
        Ok(source) => source.files().clone(),
        Err(error) => return findings.fault(&format!("{pattern}: {error}"), error.code().help()),
    };
    match files.len() {
        0 => {
            let near = match file::no_match(pattern) {
                event_feeder::Error::NoMatch { near: Some(near), .. } => format!("; did you mean `{near}`?"),
                _ => String::new(),
            };
            let todo = "check the path; a processor waits for the first one with --wait-for-sources";
            findings.fault(&format!("{pattern}: no file matches{near}"), todo);
        }
        1 => findings.ok(&format!("{pattern}: 1 file is there and can be read")),
        n => findings.ok(&format!("{pattern}: {n} files are there and can be read")),
    }
    if let Some(first) = files.first() {
        match sniff_file(&first.name, None, Csv::default()) {
            Ok(seen) => records::check(plans, name, &first.name, seen, findings),
            Err(error @ event_feeder::Error::Foreign { .. }) => {
                findings.fault(&format!("[{}] {error}", error.code()), error.help());
            }
            // One that is still being written says so when it is read.
            Err(_) => {}
        }
    }
    let mut known = false;
    let over = state::over(state);
    let folders: Vec<String> = state::partitions(state).into_iter().filter(|folder| !over.contains(folder)).collect();
    let is_only = folders.len() == 1;
    for folder in folders {
        let members = state::sources_of(folder.trim_start_matches("sources/"));
        let number = match name {
            Some(name) => members.iter().position(|member| *member == name),
            None => Some(0).filter(|_| members.len() == 1),
        };
        let (Some(number), Ok(inspection)) = (number, inspect(&*state.store(&folder))) else { continue };
        let Some(newest) = inspection.kept.first() else { continue };
        let facts = match number {
            0 => &newest.state["files"],
            joined => &newest.state["joined"][joined - 1]["files"],
        };
        let place = log_position::from_json(&newest.position).ok().and_then(|places| places.get(number).copied());
        let (Some(place), Ok(table)) = (place, serde_json::from_value::<FileTable>(facts.clone())) else { continue };
        // The state of a topic knows no files.
        if table.is_empty() {
            continue;
        }
        // What is there is compared with the table when reading begins, and looked for where it is now.
        let resumed = FileSource::resume(log, options(), table.clone(), place);
        if matches!(resumed, Err(event_feeder::Error::OtherFiles { .. })) && name.is_none() && !is_only {
            // Nobody says that it is that source's.
            continue;
        }
        known = true;
        for file in resumed.as_ref().map_or(&table, |source| source.files()) {
            match file.compare() {
                Ok(Some(bytes)) => {
                    findings.ok(&format!("{}: all {bytes} bytes that {folder} has read are the same", file.name))
                }
                Ok(None) => {
                    findings.unknown(&format!("{}: whether what {folder} has read is the same is not known", file.name))
                }
                // One that is gone is told of where it is needed.
                Err(event_feeder::Error::Read { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => findings.fault(&format!("{folder}: [{}] {error}", error.code()), error.code().help()),
            }
        }
        let resumed = resumed.and_then(|mut source| {
            source.next()?;
            Ok((source.left_out()?, source.notices()))
        });
        match resumed {
            Ok((left, said)) => {
                findings.ok(&format!("{pattern}: what {folder} has read of it, up to {place}, is there"));
                for Notice { code, file, detail } in said.iter().filter(|said| said.code == RecordCode::KnownAgain) {
                    findings.ok(&format!("{folder}: [{code}] {file}: {detail}"));
                }
                let doubled = said.iter().filter(|said| said.code == RecordCode::SameBytes);
                for Notice { code, file, detail } in left.iter().chain(doubled) {
                    findings.warn(&format!("{folder}: [{code}] {file}: {detail}"), code.help());
                }
            }
            Err(error) => findings.fault(&format!("{folder}: [{}] {error}", error.code()), error.code().help()),
        }
    }
    if !known {
        findings.unknown(&format!("{pattern}: no state has read of it yet"));
    }
}
