//! Programs as the commands get them: a file, standard input, or an expression on the command line.

use crate::error::{Error, Result};
use std::io::Read;
use std::path::Path;

/// The name that messages give a program, and its text. `-` is standard input.
pub(super) fn read(path: &Path) -> Result<(String, String)> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let mut bytes = vec![];
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::unreadable(Path::new(&name), &e))?;
    } else {
        bytes = std::fs::read(path).map_err(|e| Error::unreadable(path, &e))?;
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::Program(format!("error: {name} is not UTF-8 text (byte {at})"))
    })?;
    Ok((name, text))
}
