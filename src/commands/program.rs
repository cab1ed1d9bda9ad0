//! Programs as the commands get them: a file, standard input, or a text on the command line; and their compilation,
//! whose diagnostics go to standard error.

use crate::error::{Error, Result};
use crate::log;
use processor::operators::{self, Operators};
use std::io::{IsTerminal, Read};
use std::path::Path;
use timeline_core::plan::Plan;
use timeline_dsl::{Compilation, Defaults, ProgramText, compile_expression, compile_with, is_expression, render};

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
        Error::Program(format!("error: {name} is not UTF-8 text (byte {at})\n  help: a program is a text; data come behind it, as in `timeline eval P.tl FILE`"))
    })?;
    Ok((name, text))
}

/// The name and the text of a program, which is not what events look like.
fn read_program(path: &Path) -> Result<(String, String)> {
    let (name, text) = read(path).map_err(|error| match error {
        Error::Unreadable(why) => {
            Error::Unreadable(format!("{why}\n  help: name the file of a program, or `-` for one on standard input"))
        }
        other => other,
    })?;
    if text.trim_start().starts_with(['{', '[']) {
        return Err(Error::Usage(format!(
            "{name} looks like data, not like a program\n  help: the program comes first: `timeline eval P.tl FILE`"
        )));
    }
    Ok((name, text))
}

/// The program in a file.
pub(super) fn from_file(path: &Path) -> Result<ProgramText> {
    let (name, text) = read_program(path)?;
    Ok(ProgramText { name, text, ..ProgramText::default() })
}

/// The program in a file, with the modules of its user operators and its tables in the text: it means the same wherever it
/// is deployed.
pub(super) fn read_whole(path: &Path) -> Result<(String, String)> {
    let (name, text) = read_program(path)?;
    let whole = operators::carry(&name, &text).map_err(|error| {
        let program = ProgramText { name: name.clone(), text: text.clone(), ..ProgramText::default() };
        // The compiler says the same with the place.
        let found = compile_with(std::slice::from_ref(&program), &Operators::Local);
        let rendered = if found.is_ok() { error } else { render(&found.diagnostics, &[program], false) };
        Error::Program(rendered)
    })?;
    Ok((name, whole))
}

/// The program that stands on the command line.
pub(super) fn from_expression(text: &str) -> ProgramText {
    ProgramText { name: "expression".into(), text: text.to_owned(), ..ProgramText::default() }
}

/// Key and time of a bare expression, where there are no data to infer them from: whatever they are, it means the same.
pub(super) fn placeholders() -> Defaults {
    Defaults { key: Some("session".into()), time: Some("ts".into()), ..Defaults::default() }
}

/// Compiles a program, or a bare expression with what is known beside it.
pub(super) fn compilation(program: &ProgramText, defaults: &Defaults) -> Compilation {
    if is_expression(&program.text) {
        compile_expression(&program.text, defaults)
    } else {
        compile_with(std::slice::from_ref(program), &Operators::Local)
    }
}

/// The plans of a program; its warnings go to standard error, its errors are the error.
pub(super) fn plans(program: &ProgramText, compilation: Compilation) -> Result<Vec<Plan>> {
    let colour =
        !log::is_json() && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let rendered = render(&compilation.diagnostics, std::slice::from_ref(program), colour);
    if !compilation.is_ok() {
        return Err(Error::Program(rendered));
    }
    if !rendered.trim().is_empty() {
        eprintln!("{}", rendered.trim_end());
    }
    Ok(compilation.plans)
}
