//! Which partition a key goes to: the hash of Java's `String.hashCode`, as the clients for Java, Python, Go and C++ do
//! unless they are told otherwise.
//!
//! The contract of a topic is *one router for all who publish to it*: a session whose events are in two partitions is two
//! sessions, and no reader can mend that.

/// The partition of a key, out of `count`.
pub fn partition_of(key: &str, count: usize) -> usize {
    let hash = key.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) as usize % count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_other_clients_send_them() {
        // Java: "hello".hashCode() == 99162322, "polygenelubricants".hashCode() == Integer.MIN_VALUE, "é".hashCode() == 233.
        for (key, hash) in [("hello", 99_162_322), ("polygenelubricants", 0), ("é", 233), ("", 0)] {
            for count in [1, 2, 3, 7, 1000] {
                assert_eq!(partition_of(key, count), hash % count, "{key}");
            }
        }
    }
}
