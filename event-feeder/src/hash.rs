//! The hash of session keys.
//!
//! It decides which lane owns a session and finds its row, and may be stored; so it is **part of the on-disk format**:
//! the same on every machine and in every version. It is wyhash (final version 4) with seed 0: two or three folded
//! 64-by-64-bit multiplications for a key of up to 16 bytes, good in its low and its high bits alike.
//! It is not a defence against chosen keys: who compares hashes must compare keys too.

const S0: u64 = 0x2d35_8dcc_aa6c_78a5;
const S1: u64 = 0x8bb8_4b93_962e_acc9;
const S2: u64 = 0x4b33_a62e_d433_d4a3;
const S3: u64 = 0x4d5a_2da5_1de1_aa47;

/// The hash of a key's bytes.
#[inline]
pub fn key_hash(key: &[u8]) -> u64 {
    let len = key.len();
    let mut seed = mix(S0, S1);
    let (a, b) = if len <= 16 {
        if len >= 4 {
            let middle = (len >> 3) << 2;
            (four(key, 0) << 32 | four(key, middle), four(key, len - 4) << 32 | four(key, len - 4 - middle))
        } else if len > 0 {
            (u64::from(key[0]) << 16 | u64::from(key[len >> 1]) << 8 | u64::from(key[len - 1]), 0)
        } else {
            (0, 0)
        }
    } else {
        let mut at = 0;
        if len >= 48 {
            let (mut one, mut two) = (seed, seed);
            while len - at >= 48 {
                seed = mix(eight(key, at) ^ S1, eight(key, at + 8) ^ seed);
                one = mix(eight(key, at + 16) ^ S2, eight(key, at + 24) ^ one);
                two = mix(eight(key, at + 32) ^ S3, eight(key, at + 40) ^ two);
                at += 48;
            }
            seed ^= one ^ two;
        }
        while len - at > 16 {
            seed = mix(eight(key, at) ^ S1, eight(key, at + 8) ^ seed);
            at += 16;
        }
        (eight(key, len - 16), eight(key, len - 8))
    };
    let product = u128::from(a ^ S1) * u128::from(b ^ seed);
    mix(product as u64 ^ S0 ^ len as u64, (product >> 64) as u64 ^ S1)
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn four(key: &[u8], at: usize) -> u64 {
    let bytes: [u8; 4] = key[at..at + 4].try_into().expect("four bytes");
    u64::from(u32::from_le_bytes(bytes))
}

#[inline]
fn eight(key: &[u8], at: usize) -> u64 {
    let bytes: [u8; 8] = key[at..at + 8].try_into().expect("eight bytes");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are frozen: a change of any of them is a change of the on-disk format.
    #[test]
    fn hashes_stay_what_they_are() {
        let long: String = ('a'..='z').cycle().take(100).collect();
        let got: Vec<u64> = ["", "a", "abc", "s000123", "0123456789abcdef", "0123456789abcdefg", &long]
            .iter()
            .map(|key| key_hash(key.as_bytes()))
            .collect();
        assert_eq!(got, GOLDEN, "{got:#018x?}");
    }

    const GOLDEN: [u64; 7] = [
        0x9322_8a4d_e0ee_c5a2,
        0xaced_1252_7fe5_bff8,
        0x989b_4a20_9c10_11c9,
        0xccd6_ba0a_cd9c_58dc,
        0x88de_385a_856c_fb95,
        0x14f3_7288_a5f8_073a,
        0xaae7_edd1_c324_f48b,
    ];

    #[test]
    fn numbered_keys_spread_over_low_and_high_bits() {
        const KEYS: usize = 1 << 16;
        for shift in [0, 24, 52] {
            let mut buckets = vec![0u32; 4096];
            for i in 0..KEYS {
                buckets[(key_hash(format!("s{i:06}").as_bytes()) >> shift) as usize & 4095] += 1;
            }
            // Sixteen are expected in each; a Poisson variable of that mean is beyond 48 about once in 10^10 draws.
            assert!(buckets.iter().all(|n| *n < 48), "shift {shift}");
            let empty = buckets.iter().filter(|n| **n == 0).count();
            assert!(empty < 8, "shift {shift}: {empty} empty buckets");
        }
    }
}
