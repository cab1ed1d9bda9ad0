//! Standard input that is read more than once: kept in memory, and beyond a bound in a file that has no name.

use std::io::{self, Read, Seek, SeekFrom, copy};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::SpooledTempFile;

/// How many bytes are kept in memory.
const MEMORY_MAX: usize = 64 << 20;

/// All that a stream held.
#[derive(Clone, Debug)]
pub(super) struct Spool(Arc<Mutex<SpooledTempFile>>);

impl Spool {
    /// Reads a stream to its end.
    pub(super) fn of(mut stream: impl Read) -> io::Result<Self> {
        let mut kept = SpooledTempFile::new(MEMORY_MAX);
        copy(&mut stream, &mut kept)?;
        Ok(Spool(Arc::new(Mutex::new(kept))))
    }

    /// From its beginning; whoever read it before reads no further.
    pub(super) fn reader(&self) -> io::Result<Self> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seek(SeekFrom::Start(0))?;
        Ok(self.clone())
    }
}

impl Read for Spool {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(out)
    }
}
