//! User operators: where their modules come from, and what runs them.
//!
//! A program names its module by a file. What is deployed must mean the same on every machine and after every restart, so
//! whoever deploys puts the module itself into the text ([`carry`]), as a `data:` address: programs are durable as text, and
//! their modules with them, and another processor that takes over needs no file. A processor therefore opens no file that
//! a deployed text names.
//!
//! [`Operators`] gives both evaluators the same thing: wasmtime, behind [`timeline_core::plan::Operate`], named in
//! `runtime` alone. Without the feature `wasm` every declaration is refused with `TL0404`.

#[cfg(feature = "wasm")]
mod code;
#[cfg(not(feature = "wasm"))]
#[path = "lean.rs"]
mod runtime;
#[cfg(feature = "wasm")]
mod runtime;
#[cfg(feature = "wasm")]
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use timeline_core::plan::UserOperator;
use timeline_dsl::{Declared, ModuleError, ModuleProblem, Modules, outline};

/// The most bytes of a module: 256 KiB.
pub const MAX_MODULE_BYTES: usize = 256 << 10;

/// How an address begins that is the module itself.
const CARRIED: &str = "data:application/wasm;base64,";

/// Gives the operators of programs.
#[derive(Clone, Copy, Debug)]
pub enum Operators {
    /// Of programs on this machine, whose modules may be files beside them.
    Local,
    /// Of deployed programs, which carry their modules.
    Deployed,
}

impl Modules for Operators {
    fn operator(&self, program: &str, declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
        let bytes = match (declared.from.strip_prefix(CARRIED), self) {
            (Some(text), _) => STANDARD
                .decode(text)
                .map_err(|_| unfit("what the text carries is no base64", "deploy the program from its file"))?,
            (None, Operators::Local) => read(program, &declared.from)?,
            (None, Operators::Deployed) => {
                return Err(ModuleError {
                    problem: ModuleProblem::Unreadable,
                    message: format!("a deployed program carries its modules, this names `{}`", declared.from),
                    help: "deploy it with `timeline deploy` or `timeline serve`, which put the modules into the text"
                        .into(),
                });
            }
        };
        runtime::operator(&bytes, declared)
    }
}

/// The text with the modules that it names in place of their names.
pub fn carry(program: &str, text: &str) -> Result<String, ModuleError> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for operator in outline(text).operators.iter().filter(|operator| !operator.from.starts_with(CARRIED)) {
        let (bytes, span) = (read(program, &operator.from)?, operator.from_span);
        out.push_str(&text[at..span.range().start]);
        out.push_str(&format!("\"{CARRIED}{}\"", STANDARD.encode(&bytes)));
        at = span.range().end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// The bytes of a file beside the program.
fn read(program: &str, file: &str) -> Result<Vec<u8>, ModuleError> {
    let program = local(program);
    let path = program.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file));
    let unreadable = |message: String| ModuleError {
        problem: ModuleProblem::Unreadable,
        message,
        help: "the file is looked for beside the program".into(),
    };
    let cannot = |e: std::io::Error| unreadable(format!("cannot read {}: {e}", path.display()));
    let about = std::fs::metadata(&path).map_err(cannot)?;
    if !about.is_file() {
        // A pipe would be waited for, and a device has no end.
        return Err(unreadable(format!("{} is no file", path.display())));
    }
    if about.len() > MAX_MODULE_BYTES as u64 {
        return Err(too_large(about.len()));
    }
    let mut bytes = vec![];
    // It may have grown since.
    let file = std::fs::File::open(&path).map_err(cannot)?;
    file.take(MAX_MODULE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The path of a program that an editor names by an address.
fn local(program: &str) -> PathBuf {
    let Some(address) = program.strip_prefix("file://") else { return PathBuf::from(program) };
    let mut path = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match code {
            Some(byte) if *first == b'%' => {
                path.push(byte);
                rest = &after[2..];
            }
            _ => {
                path.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&path).into_owned())
}

fn too_large(bytes: u64) -> ModuleError {
    unfit(
        format!("a module has at most {MAX_MODULE_BYTES} bytes, this has {bytes}"),
        "build it without the standard library, optimised for size, and strip it",
    )
}

fn unfit(message: impl Into<String>, help: impl Into<String>) -> ModuleError {
    ModuleError { problem: ModuleProblem::Unfit, message: message.into(), help: help.into() }
}
