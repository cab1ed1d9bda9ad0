//! Why `serve` does not start, or ends: what went wrong, with the exit code that it has and what to do.
//!
//! **Invariant:** an error says of which source it is, and whether anything was changed or is lost.

use crate::error::Error;
use processor::checkpoint::{self, ProgramStore, StateLocation};
use processor::code::StateCode;
use processor::damage::help;
use processor::engine::EngineError;
use processor::partition;
use processor::programs::DeployedPrograms;
use processor::service::StartError;
use processor::{results, retained};

/// Why a processor does not start.
pub(super) fn start_error(error: StartError) -> Error {
    match error {
        StartError::Program(
            EngineError::Invalid { rendered: Some(rendered), .. }
            | EngineError::Conflict { rendered: Some(rendered), .. },
        ) => Error::Program(rendered),
        StartError::Program(error) => Error::Program(error.to_string()),
        StartError::Binding(message) => Error::Usage(message),
        taken @ StartError::Taken { .. } => Error::Fenced(format!("{taken}; a source of files has one processor")),
        StartError::Partition(error) => partition_error("", error),
    }
}

/// Whether the place takes nothing more.
fn has_no_room(error: &checkpoint::Error) -> bool {
    use std::io::ErrorKind as E;
    let kind = match error {
        checkpoint::Error::Store(error) => Some(error.source.kind()),
        checkpoint::Error::Poisoned { kind, .. } => *kind,
        _ => None,
    };
    matches!(kind, Some(E::StorageFull | E::QuotaExceeded | E::ReadOnlyFilesystem | E::PermissionDenied))
}

/// What a store refuses, or whose it is, as an error of the state, whatever was to be written: a checkpoint, rows of history,
/// kept events.
fn of_the_state(error: partition::Error) -> partition::Error {
    use checkpoint::Error as E;
    match error {
        partition::Error::Results(results::Error::Checkpoint(
            error @ (E::Store(_) | E::Poisoned { .. } | E::Fenced { .. }),
        ))
        | partition::Error::Kept(retained::Error::Checkpoint(
            error @ (E::Store(_) | E::Poisoned { .. } | E::Fenced { .. }),
        )) => partition::Error::Checkpoint(error),
        other => other,
    }
}

/// Whether a store gave no answer, of which others may be the consequence.
fn is_without_answer(error: &partition::Error) -> bool {
    error.to_string().contains(StateCode::StoreSilent.as_str())
}

/// Why a partition of a source has stopped; of any source if none is named.
pub(super) fn partition_error(source: &str, error: partition::Error) -> Error {
    let place = if source.is_empty() { String::new() } else { format!("source {source}: ") };
    match of_the_state(error) {
        partition::Error::Source(error @ event_feeder::Error::Topic { .. }) => {
            Error::Unreachable(format!("{place}[{}] {error}; {}", error.code(), error.code().help()))
        }
        partition::Error::Source(
            ref gone @ (event_feeder::Error::Gap { ref topic, ref gap }
            | event_feeder::Error::Acknowledged { ref topic, ref gap, .. }),
        ) => {
            let (code, name) = (gone.code(), event_feeder::AcceptGaps::name(topic, gap));
            Error::Unreadable(format!(
                "{place}[{code}] {gone}; nothing was changed: {}\n  this gap alone is accepted by --accept-gap={name}",
                code.help()
            ))
        }
        partition::Error::Source(
            error @ (event_feeder::Error::OtherTopic { .. } | event_feeder::Error::Counts { .. }),
        ) => Error::Unreadable(format!("{place}[{}] {error}; {}", error.code(), error.code().help())),
        partition::Error::Source(error) => {
            Error::Unreadable(format!("{place}[{}] {error}\n  help: {}", error.code(), error.help()))
        }
        partition::Error::Checkpoint(error @ checkpoint::Error::Fenced { .. }) => {
            Error::Fenced(format!("{place}{error}"))
        }
        error if is_without_answer(&error) => Error::Unreachable(format!(
            "{place}{error}; nothing that was committed is lost, and what was read since is read again at the next start"
        )),
        partition::Error::Checkpoint(error @ (checkpoint::Error::Store(_) | checkpoint::Error::Poisoned { .. })) => {
            let code = StateCode::NoRoom;
            Error::Other(match has_no_room(&error) {
                true => anyhow::anyhow!("{place}[{code}] {error}\n  help: {}", code.help()),
                false => {
                    anyhow::anyhow!("{place}{error}; nothing that was committed is lost: start again when it is mended")
                }
            })
        }
        partition::Error::Checkpoint(
            error @ (checkpoint::Error::Lost(_) | checkpoint::Error::Damaged { .. } | checkpoint::Error::Corrupt(_)),
        ) => Error::Other(anyhow::anyhow!("{place}{error}; nothing was changed: {}", StateCode::Broken.help())),
        partition::Error::Checkpoint(ref error @ checkpoint::Error::NoVersion { ref object }) => {
            Error::Other(anyhow::anyhow!("{place}{error}; nothing was changed: {}", help(StateCode::NoVersion, object)))
        }
        other @ partition::Error::OlderRules => Error::Unreadable(format!("{place}{other}")),
        other => Error::Other(anyhow::anyhow!("{place}{other}")),
    }
}

/// What is wrong with the programs, which is said before anything else.
pub(super) fn wrong_program(state: &StateLocation, programs: &[(String, String)]) -> Option<Error> {
    let all = DeployedPrograms::load(&ProgramStore::of(state, "serve")).ok()?;
    all.with_new(programs).err().map(|error| start_error(StartError::Program(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use processor::checkpoint::StoreError;
    use std::io::{Error as IoError, ErrorKind};

    #[test]
    fn a_full_disk_has_its_code_and_help_whatever_was_to_be_written() {
        let full = || {
            let (name, source) = ("results/finals.parquet".to_owned(), IoError::from(ErrorKind::StorageFull));
            checkpoint::Error::Store(StoreError { action: "write", name, source })
        };
        let later = || checkpoint::Error::Poisoned { cause: full().to_string(), kind: Some(ErrorKind::StorageFull) };
        for error in [full(), later()] {
            let said = partition_error("s", partition::Error::Checkpoint(error)).to_string();
            assert!(said.contains("source s: [TL3118] ") && said.contains("finals.parquet"), "{said}");
            assert!(said.contains("\n  help: make room"), "{said}");
        }
        let rows = partition::Error::Results(results::Error::Checkpoint(full()));
        let kept = partition::Error::Kept(retained::Error::Checkpoint(later()));
        for error in [rows, kept] {
            let said = partition_error("", error).to_string();
            assert!(said.starts_with("[TL3118] ") && said.contains("\n  help: make room"), "{said}");
        }
        let source = IoError::from(ErrorKind::TimedOut);
        let other = checkpoint::Error::Store(StoreError { action: "write", name: "x".into(), source });
        let said = partition_error("", partition::Error::Results(results::Error::Checkpoint(other))).to_string();
        assert!(!said.contains("TL3118") && said.contains("start again when it is mended"), "{said}");
    }
}
