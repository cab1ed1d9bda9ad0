//! The HTTP interface of `serve`, as clients of all sorts use it: those that the page describes, those that come over
//! TLS, and those that hold what they have.

mod crowd;
mod documented;
#[cfg(feature = "pulsar")]
mod encrypted;
mod page;
