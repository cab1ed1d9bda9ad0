//! Whether the state's place takes what `serve` would write to it. **Invariant:** nothing is written to find out.

use super::Findings;
use processor::checkpoint::StateLocation;
use processor::code::StateCode;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use std::path::Path;

/// A state with less room than that is as good as full, in bytes: the next checkpoint may not fit.
const ROOM_MIN: u64 = 1 << 20;

pub(super) fn check(state: &StateLocation, findings: &mut Findings) {
    let StateLocation::Local(root) = state else { return };
    // Where it is not there yet, it is made in the nearest folder that is.
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.clone());
    let Some(folder) = absolute.ancestors().find(|path| path.exists()) else { return };
    match problem(folder) {
        Ok(None) => {}
        Ok(Some(problem)) => {
            let code = StateCode::NoRoom;
            findings.fault(&format!("[{code}] {}: {problem}", folder.display()), code.help());
        }
        Err(error) => findings.unknown(&format!("{}: whether it has room is not known: {error}", folder.display())),
    }
}

/// Why nothing can be written to a folder.
fn problem(folder: &Path) -> std::io::Result<Option<String>> {
    let system = statvfs(folder)?;
    let bytes = system.f_bavail.saturating_mul(system.f_frsize);
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(Some("it is mounted for reading only".into()));
    }
    if bytes < ROOM_MIN {
        return Ok(Some(format!("{bytes} bytes are free")));
    }
    // A file system that does not count its files says that it has none.
    if system.f_files > 0 && system.f_favail == 0 {
        return Ok(Some("no more files can be made".into()));
    }
    Ok(access(folder, Access::WRITE_OK).is_err().then(|| "it may not be written to".into()))
}
