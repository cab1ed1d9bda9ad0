//! How many messages may wait in memory, so that they are about so many bytes whatever their size.
//!
//! The `pulsar` crate bounds what waits by a number of messages, fixed for a consumer: as many in its channel, and as many
//! again that the broker may send. So a consumer begins with few, and is built anew when the size of messages shows that
//! others would be better.

/// About how many bytes may wait, in the channel and on their way each.
const BYTES: u64 = 16 << 20;
/// Messages that wait where nothing is known of their size; one has at most 5 MiB unless the broker allows more.
pub(super) const FIRST: u32 = 16;
/// How much better another window must be to be worth a new consumer.
const BETTER: u32 = 4;
/// Messages whose size is looked at.
const SAMPLE: u32 = 256;
/// Messages after a window was made smaller before it is made larger.
const CALM: u32 = 1 << 17;

/// The window for messages of so many bytes, at most `most`.
pub(super) fn of(bytes: Option<u64>, most: u32) -> u32 {
    let most = most.max(1);
    let first = FIRST.min(most);
    // One that needs more than everything is still let through.
    bytes.map_or(first, |bytes| u32::try_from(BYTES / bytes.max(1)).unwrap_or(most).clamp(1, most))
}

/// The sizes of the messages of late.
#[derive(Debug, Default)]
pub(super) struct MessageSizes {
    messages: u32,
    bytes: u64,
    /// Messages before a window is made larger again, once one had to be made smaller.
    calm: u32,
}

impl MessageSizes {
    /// Notes a message; the window that would be better by far than the present one, if there is one.
    pub(super) fn note(&mut self, bytes: usize, window: u32, most: u32) -> Option<u32> {
        self.messages += 1;
        self.calm = self.calm.saturating_sub(1);
        self.bytes += bytes as u64;
        let too_large = self.bytes > u64::from(BETTER) * BYTES;
        if self.messages < SAMPLE.min(window.max(2) / 2) && !too_large {
            return None;
        }
        let better = of(Some(self.bytes / u64::from(self.messages)), most);
        (self.messages, self.bytes) = (0, 0);
        if better <= window / BETTER {
            self.calm = CALM;
            return Some(better);
        }
        (better >= window.saturating_mul(BETTER) && self.calm == 0).then_some(better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_messages_have_a_small_window() {
        assert_eq!(of(None, 10_000), FIRST);
        assert_eq!(of(None, 10), 10);
        assert_eq!(of(Some(200), 10_000), 10_000);
        assert_eq!(of(Some(1 << 20), 10_000), 16);
        assert_eq!(of(Some(100 << 20), 10_000), 1);
        assert_eq!(of(Some(0), 10_000), 10_000);
    }

    #[test]
    fn a_window_that_fits_badly_is_replaced_and_one_that_shrank_stays_small_for_long() {
        let mut sizes = MessageSizes::default();
        let note =
            |sizes: &mut MessageSizes, bytes, window| (0..SAMPLE).find_map(|_| sizes.note(bytes, window, 10_000));
        assert_eq!(note(&mut sizes, 200, FIRST), Some(10_000));
        assert_eq!(note(&mut sizes, 2_000, 10_000), None);
        assert_eq!(note(&mut sizes, 1 << 20, 10_000), Some(16), "long before a sample of them is there");
        assert_eq!(note(&mut sizes, 200, 16), None, "sizes that change all the time change nothing");
        assert_eq!((0..=CALM).find_map(|_| sizes.note(200, 16, 10_000)), Some(10_000));
    }
}
