//! Files of history that a question reads, held open until it is answered.
//!
//! Files are put together and then deleted after two checkpoints, which long questions outlast. Where the system lets an
//! open file be read by a path of its own, whoever opened it reads it to its end whatever becomes of its name; elsewhere
//! such a question is refused as unavailable, and asked again.

use crate::engine::{EngineError, TableData};
use std::fs::File;

/// How many are held; the system lets a process have a thousand or so open, and the library opens some too.
const HELD_MAX: usize = 512;

/// The files of a question's tables.
pub(super) struct OpenFiles {
    /// Open for as long as their paths are read.
    _files: Vec<File>,
}

/// Opens the files of tables, which are read by what was opened from then on.
pub(super) fn hold(tables: &mut [TableData]) -> Result<OpenFiles, EngineError> {
    let mut files = vec![];
    for past in tables.iter_mut().flat_map(|table| &mut table.past).take(HELD_MAX) {
        let file = File::open(&past.path).map_err(|error| {
            EngineError::Unavailable(format!("history cannot be read: `{}`: {error}", past.path.display()))
        })?;
        #[cfg(target_os = "linux")]
        {
            past.path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)).into();
        }
        files.push(file);
    }
    Ok(OpenFiles { _files: files })
}
