//! The language of timelines: text in, plan and diagnostics out.
//!
//! The way of a program: [`lexer`](mod@lexer) (text to tokens), [`parser`] (tokens to a [`syntax`] tree with spans),
//! `lower` (tree to the nodes of a [`timeline_core::Plan`] per source, with all typing), and [`explain`](mod@explain)
//! (a plan drawn for people).
//!
//! **Invariant:** no text makes the front end panic, overflow the stack or use more than a bounded multiple of the
//! text's size; every stage goes on after a mistake, and says each mistake once.
//!
//! The crate has no I/O, no clock and no randomness, and never iterates in hash order.
//!
//! ```
//! let program = timeline_dsl::ProgramText {
//!     name: "cirr.tl".into(),
//!     text: r#"
//!         source player { key sessionId  time ts in ms  playerState: string }
//!         metric buffering = duration_where(latest(playerState) == "buffer")
//!     "#.into(),
//!     ..Default::default()
//! };
//! let compilation = timeline_dsl::compile(&[program]);
//! assert!(compilation.is_ok());
//! assert_eq!(compilation.plans[0].metrics[0].name, "buffering");
//! ```

pub mod catalogue;
pub mod compile;
pub mod diagnostics;
pub mod editor;
pub mod explain;
mod format;
mod habits;
pub mod lexer;
mod lower;
pub mod modules;
mod names;
pub mod outline;
pub mod parser;
mod simple;
pub mod syntax;
mod tables;

pub use compile::{Compilation, Defaults, ProgramText, compile, compile_expression, compile_with, is_expression};
pub use diagnostics::{Diagnostic, DiagnosticNote, Severity, render, render_json};
pub use explain::{ExplainFormat, SessionSize, explain, operator_text};
pub use format::format;
pub use modules::{Declared, DeclaredTable, ModuleError, ModuleProblem, Modules, NoModules, TableError, TableProblem};
pub use outline::{Outline, outline};
pub use tables::{TABLES, is_table_column};
