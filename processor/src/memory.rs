//! The memory of the process: how much it is, and giving back what is free.
//!
//! Work comes in waves: a log is read at full speed, a checkpoint copies what changed, files are put together, a table of
//! sessions doubles. What a wave leaves is free for the allocator and not for the system, whose pages it keeps, in one heap
//! for each of a few dozen threads. So a process that once was busy looks as if it needed all of that for ever, and one that
//! was just started with the same state needs a quarter.
//!
//! Here a thread looks once a second, and where much more is resident than is in use lets the allocator give pages back. It
//! decides nothing but that; where the system is no Linux with its C library, nothing is done.

use event_feeder::world;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How much may be free and resident, in bytes, or as a part of what is in use if that is more.
const FREE_MAX: u64 = 48 << 20;
const FREE_SHARE: u64 = 8;

/// How much memory of its own (none of files) the process has in use by the system's word, in bytes.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Looks from now on, for as long as the process lives.
pub fn watch() {
    system::tune();
    let look = || {
        loop {
            world::sleep(LOOK);
            give_back();
        }
    };
    // Without the thread the process only is larger.
    let _ = world::thread("memory").spawn(look);
}

/// Gives back what is free, if it is much.
fn give_back() {
    let (Some(resident), Some(in_use)) = (resident(), system::in_use()) else { return };
    if is_much(resident, in_use) {
        system::trim();
        tracing::debug!(before = resident, after = self::resident(), in_use, "free memory was given back");
    }
}

fn is_much(resident: u64, in_use: u64) -> bool {
    resident > in_use + FREE_MAX.max(in_use / FREE_SHARE)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod system {
    /// A block this large is the system's again as soon as it is free. Without it the bound grows with each such block, up to
    /// 32 MiB, and blocks below it lie between small pieces that stay.
    const OWN_PAGES: i32 = 4 << 20;
    /// How many heaps the threads share.
    const HEAPS_MAX: i32 = 8;

    pub(super) fn tune() {
        // SAFETY: the allocator takes these settings at any time, and from any thread.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES);
            libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
        }
    }

    /// What the program has taken from the allocator and not given back.
    pub(super) fn in_use() -> Option<u64> {
        // SAFETY: it reads the allocator's own counters, under its locks.
        let info = unsafe { libc::mallinfo2() };
        Some((info.uordblks + info.hblkhd) as u64)
    }

    pub(super) fn trim() {
        // SAFETY: it frees pages that nothing lives in, under the allocator's locks.
        unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    pub(super) fn tune() {}

    pub(super) fn in_use() -> Option<u64> {
        None
    }

    pub(super) fn trim() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn what_is_free_goes_back_though_it_lies_between_what_is_not() {
        const BLOCK: usize = 64 << 10;
        let blocks: Vec<Box<[u8]>> = (0..8_000).map(|i| vec![i as u8 | 1; BLOCK].into()).collect();
        let kept: Vec<Box<[u8]>> = blocks.into_iter().step_by(500).collect();
        let before = resident().unwrap();
        give_back();
        let after = resident().unwrap();
        assert!(before.saturating_sub(after) > 300 << 20, "{} MiB, then {}", before >> 20, after >> 20);
        assert!(kept.iter().all(|block| block.iter().all(|byte| *byte != 0)));
    }

    #[test]
    fn only_much_is_given_back() {
        const MIB: u64 = 1 << 20;
        assert!(!is_much(40 * MIB, 5 * MIB));
        assert!(is_much(60 * MIB, 5 * MIB));
        assert!(!is_much(1_100 * MIB, 1_000 * MIB));
        assert!(is_much(1_200 * MIB, 1_000 * MIB));
    }
}
