//! Seeded workloads, their sinks, and the answers they know by construction.
