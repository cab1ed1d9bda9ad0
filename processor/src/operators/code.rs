//! How much code a module has, found before it is compiled.
//!
//! What a compiler does for a function can grow with the cube of its size, where many loops hand many variables on: 16 KiB
//! of the worst code take half a second, 256 KiB would take an hour. So functions are limited, and all of them together,
//! and whoever deploys a module never makes others wait for long.

use wasmparser::{Parser, Payload};

/// The most bytes of a function.
pub(super) const MAX_FUNCTION_BYTES: usize = 16 << 10;
/// The most bytes of all functions.
pub(super) const MAX_CODE_BYTES: usize = 64 << 10;

/// Bytes of the largest function and of all together; nothing for what is no module, which the compiler refuses with a better
/// reason.
pub(super) fn sizes(module: &[u8]) -> Option<(usize, usize)> {
    let (mut largest, mut all) = (0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::CodeSectionStart { range, .. } => all += range.len(),
            Payload::CodeSectionEntry(body) => largest = largest.max(body.range().len()),
            _ => {}
        }
    }
    Some((largest, all))
}
