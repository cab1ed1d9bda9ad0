//! What the evaluators say: golden traces by hand, and the laws of the language on random programs and logs.

mod accrue;
mod build;
mod capped;
mod decimals;
mod encoding;
mod events;
mod floats;
mod golden;
mod incremental;
mod independence;
mod invariance;
mod laws;
mod passes;
mod pointwise;
mod sessions;
#[path = "../strategies/mod.rs"]
mod strategies;
mod totals;
