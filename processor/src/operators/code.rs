//! How much code a module has, found before it is compiled.
//!
//! What a compiler does for a function can grow with the cube of its size, where many loops hand many variables on: 16 KiB
//! of the worst code take half a second, 256 KiB would take an hour. So functions are limited, and all of them together,
//! and whoever deploys a module never makes others wait for long.

/// The most bytes of a function.
pub(super) const MAX_FUNCTION_BYTES: usize = 16 << 10;
/// The most bytes of all functions.
pub(super) const MAX_CODE_BYTES: usize = 64 << 10;

const HEADER_BYTES: usize = 8;
const CODE_SECTION: u8 = 10;

/// Bytes of the largest function and of all together; nothing for what is no module.
pub(super) fn sizes(module: &[u8]) -> Option<(usize, usize)> {
    let mut sections = module.get(HEADER_BYTES..)?;
    let (mut largest, mut all) = (0, 0);
    while let [id, rest @ ..] = sections {
        let (length, rest) = number(rest)?;
        let (mut section, after) = rest.split_at_checked(length)?;
        sections = after;
        if *id == CODE_SECTION {
            all += length;
            let (count, mut bodies) = number(section)?;
            for _ in 0..count {
                let (length, rest) = number(bodies)?;
                (section, bodies) = rest.split_at_checked(length)?;
                largest = largest.max(section.len());
            }
        }
    }
    Some((largest, all))
}

/// A number of at most 32 bits in LEB 128, and what is behind it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, &bytes[i + 1..]));
        }
    }
    None
}
