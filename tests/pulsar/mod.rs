//! A real broker: what is published is read once, in order, whatever happens to the broker.

#[cfg(feature = "sql")]
mod composed;
#[cfg(feature = "sql")]
mod deploying;
mod doctor;
mod feeder;
#[cfg(feature = "sql")]
mod gaps;
pub(crate) mod harness;
#[cfg(feature = "sql")]
mod joined;
#[cfg(feature = "sql")]
mod memory;
#[cfg(feature = "sql")]
mod misrouted;
#[cfg(feature = "sql")]
mod outputs;
mod packed;
#[cfg(feature = "sql")]
mod schemas;
#[cfg(feature = "sql")]
pub(crate) mod secure;
#[cfg(feature = "sql")]
mod serve;
#[cfg(feature = "sql")]
mod there;
