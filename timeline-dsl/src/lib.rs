//! The language of timelines: text in, plan and diagnostics out.
