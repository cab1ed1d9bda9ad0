//! End-to-end tests: one binary, one module a theme. They run the `timeline` command as a user would.

mod cli;
mod durability;
