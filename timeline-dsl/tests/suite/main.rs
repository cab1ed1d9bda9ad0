//! The front end from outside.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

mod api;
mod catalogue;
mod editor;
mod errors;
mod format;
mod given;
mod golden;
mod limits;
mod soup;
mod written_back;
