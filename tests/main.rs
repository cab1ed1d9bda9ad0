//! End-to-end tests: one binary, one module a theme. They run the `timeline` command as a user would.

#![allow(clippy::disallowed_methods)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod cli;
#[cfg(feature = "sql")]
mod cluster;
#[cfg(feature = "sql")]
mod damage;
mod docs;
#[cfg(feature = "sql")]
mod durability;
#[cfg(feature = "sql")]
mod http;
#[cfg(target_os = "linux")]
mod instructions;
mod language;
#[cfg(feature = "sql")]
mod long;
#[cfg(feature = "wasm")]
mod operators;
#[cfg(all(feature = "sql", feature = "otlp"))]
mod otlp;
#[cfg(feature = "pulsar")]
mod pulsar;
#[cfg(all(feature = "sql", target_os = "linux"))]
mod questions;
#[cfg(feature = "sql")]
mod served;
mod tidy;
#[cfg(all(feature = "postgres", feature = "pulsar"))]
mod tools;
