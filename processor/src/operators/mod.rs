//! What programs name and do not hold: user operators, where their modules come from and what runs them; and tables
//! (`tables`).
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
mod tables;
#[cfg(feature = "wasm")]
#[cfg(test)]
mod tests;
#[cfg(feature = "wasm")]
mod writes;

pub use tables::table_address;
pub(crate) use tables::{ColumnIdentity, known_as};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use timeline_core::plan::{LookupTable, UserOperator};
use timeline_dsl::{Declared, DeclaredTable, ModuleError, ModuleProblem, Modules, TableError, outline};

/// The most bytes of a module: 256 KiB.
pub const MAX_MODULE_BYTES: usize = 256 << 10;

/// How an address begins that is the module itself.
const CARRIED: &str = "data:application/wasm;base64,";

/// Gives the operators of programs, and their tables.
#[derive(Clone, Copy, Debug)]
pub enum Operators {
    /// Of programs on this machine, whose modules and tables may be files beside them.
    Local,
    /// Of deployed programs, which carry them.
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

    fn table(&self, program: &str, declared: &DeclaredTable) -> Result<Arc<LookupTable>, Box<TableError>> {
        tables::table(*self, program, declared)
    }
}

/// The text with the modules and tables that it names in place of their names. The error is why one of them cannot be had.
pub fn carry(program: &str, text: &str) -> Result<String, String> {
    let outline = outline(text);
    let mut all = vec![];
    for operator in outline.operators.iter().filter(|operator| !operator.from.starts_with(CARRIED)) {
        let bytes = read(program, &operator.from).map_err(|error| error.message)?;
        all.push((operator.from_span.range(), format!("{CARRIED}{}", STANDARD.encode(&bytes))));
    }
    for table in outline.tables.iter().filter(|table| !tables::is_carried(&table.file)) {
        let address = tables::carried(program, &table.file).map_err(|error| error.message)?;
        all.push((table.file_span.range(), address));
    }
    all.sort_by_key(|(place, _)| place.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (place, address) in all {
        out.push_str(&text[at..place.start]);
        out.push_str(&format!("\"{address}\""));
        at = place.end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

/// The bytes of a module beside the program.
fn read(program: &str, file: &str) -> Result<Vec<u8>, ModuleError> {
    beside(program, file, MAX_MODULE_BYTES).map_err(|unfit| match unfit {
        Unfit::Unreadable(message) => ModuleError {
            problem: ModuleProblem::Unreadable,
            message,
            help: "the file is looked for beside the program".into(),
        },
        Unfit::TooLarge(bytes) => too_large(bytes),
    })
}

/// Why a file is not read.
enum Unfit {
    Unreadable(String),
    /// It has so many bytes.
    TooLarge(u64),
}

/// The bytes of a file beside the program, if they are no more than so many; of one that grows meanwhile one more.
fn beside(program: &str, file: &str, most: usize) -> Result<Vec<u8>, Unfit> {
    let program = local(program);
    let path = program.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file));
    let cannot = |e: std::io::Error| Unfit::Unreadable(format!("cannot read {}: {e}", path.display()));
    let about = std::fs::metadata(&path).map_err(cannot)?;
    if !about.is_file() {
        // A pipe would be waited for, and a device has no end.
        return Err(Unfit::Unreadable(format!("{} is no file", path.display())));
    }
    if about.len() > most as u64 {
        return Err(Unfit::TooLarge(about.len()));
    }
    let mut bytes = vec![];
    // It may have grown since.
    let file = std::fs::File::open(&path).map_err(cannot)?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
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
