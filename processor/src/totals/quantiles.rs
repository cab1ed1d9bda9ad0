//! Percentiles of the values of a group: exact for as long as that is cheap, then a sketch with a stated error.
//!
//! Up to [`EXACT_MAX`] distinct values are counted one by one. Beyond that the values go to buckets whose bounds grow
//! geometrically (the idea of DDSketch, Masson et al., VLDB 2019): any percentile is then off by at most
//! [`RELATIVE_ERROR`] of itself. Buckets of two sketches have the same bounds, so merging adds counts and loses nothing.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many distinct values are kept as they are.
pub(super) const EXACT_MAX: usize = 10_000;
/// The error of a percentile that comes from the sketch, relative to its value.
pub(super) const RELATIVE_ERROR: f64 = 0.005;

/// The values of a group, with how often each occurs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Exact values by their rank keys; empty once there is a sketch.
    #[serde(with = "pairs")]
    exact: BTreeMap<RankKey, u64>,
    /// Counts by bucket.
    #[serde(with = "pairs")]
    sketch: BTreeMap<i32, u64>,
}

/// A value in a form that sorts as the values do: an integer, or the sortable bits of a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RankKey {
    /// A duration or a whole number.
    Exact(i64),
    /// A float's bits, mapped so that they sort like the floats.
    Float(u64),
}

impl RankKey {
    /// The key of a float.
    pub fn float(x: f64) -> Self {
        let bits = (x + 0.0).to_bits();
        RankKey::Float(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
    }

    /// The value as a float.
    pub fn as_float(self) -> f64 {
        match self {
            RankKey::Exact(x) => x as f64,
            RankKey::Float(key) => f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key }),
        }
    }
}

impl Quantiles {
    /// Adds a value.
    pub fn add(&mut self, key: RankKey, times: u64) {
        if self.sketch.is_empty() {
            *self.exact.entry(key).or_default() += times;
            if self.exact.len() > EXACT_MAX {
                self.turn_into_sketch();
            }
        } else {
            *self.sketch.entry(bucket(key.as_float())).or_default() += times;
        }
    }

    /// Adds all values of another group.
    pub fn merge(&mut self, other: &Quantiles) {
        if !other.sketch.is_empty() {
            self.turn_into_sketch();
        }
        for (bucket, times) in &other.sketch {
            *self.sketch.entry(*bucket).or_default() += times;
        }
        for (key, times) in &other.exact {
            self.add(*key, *times);
        }
    }

    /// The least value that at least `p` per cent of the values do not exceed; `None` without values.
    pub fn percentile(&self, p: u8) -> Option<RankKey> {
        let count: u64 = self.exact.values().chain(self.sketch.values()).sum();
        let rank = (u128::from(count) * u128::from(p)).div_ceil(100).max(1) as u64;
        let mut seen = 0;
        for (key, times) in &self.exact {
            seen += times;
            if seen >= rank {
                return Some(*key);
            }
        }
        for (bucket, times) in &self.sketch {
            seen += times;
            if seen >= rank {
                return Some(RankKey::float(middle(*bucket)));
            }
        }
        None
    }

    /// The relative error of percentiles; `None` while they are exact.
    pub fn error(&self) -> Option<f64> {
        (!self.sketch.is_empty()).then_some(RELATIVE_ERROR)
    }

    fn turn_into_sketch(&mut self) {
        for (key, times) in std::mem::take(&mut self.exact) {
            *self.sketch.entry(bucket(key.as_float())).or_default() += times;
        }
    }
}

/// Ratio of a bucket's bounds.
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// Magnitudes below it are zero.
const LEAST: f64 = 1e-9;
/// Buckets of positive values start here, those of negative ones end at its opposite; zero is bucket 0.
const OFFSET: i32 = 1 << 20;

fn bucket(x: f64) -> i32 {
    if x.abs() < LEAST {
        return 0;
    }
    let index = OFFSET + (x.abs().ln() / GAMMA.ln()).ceil() as i32;
    if x > 0.0 { index } else { -index }
}

fn middle(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let magnitude = 2.0 * GAMMA.powi(bucket.abs() - OFFSET) / (GAMMA + 1.0);
    if bucket > 0 { magnitude } else { -magnitude }
}

/// Maps with keys that are no strings, as lists of pairs.
mod pairs {
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, S: Serializer>(map: &BTreeMap<K, u64>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K: DeserializeOwned + Ord, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<K, u64>, D::Error> {
        Ok(Vec::<(K, u64)>::deserialize(d)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_percentiles_are_nearest_ranks() {
        let mut q = Quantiles::default();
        assert_eq!(q.percentile(50), None);
        for x in [15, 20, 35, 40, 50] {
            q.add(RankKey::Exact(x), 1);
        }
        assert_eq!([5, 30, 40, 50, 99].map(|p| q.percentile(p)), [15, 20, 20, 35, 50].map(|x| Some(RankKey::Exact(x))));
        assert_eq!(q.error(), None);
    }

    #[test]
    fn the_sketch_keeps_its_word_and_merges() {
        let (mut all, mut halves) = (Quantiles::default(), [Quantiles::default(), Quantiles::default()]);
        for x in -30_000i64..30_000 {
            all.add(RankKey::Exact(x * 1000), 1);
            halves[usize::from(x % 2 == 0)].add(RankKey::Exact(x * 1000), 1);
        }
        let [mut a, b] = halves;
        a.merge(&b);
        assert_eq!(a, all);
        assert_eq!(all.error(), Some(RELATIVE_ERROR));
        for p in [1, 25, 49, 60, 95, 99] {
            let exact = ((60_000 * i64::from(p) + 99) / 100 - 1 - 30_000) as f64 * 1000.0;
            let shown = all.percentile(p).unwrap().as_float();
            assert!((shown - exact).abs() <= exact.abs() * RELATIVE_ERROR * 1.0001, "p{p}: {shown} for {exact}");
        }
    }

    #[test]
    fn float_keys_sort_like_floats() {
        let floats = [-1e300, -1.5, -0.0, 1e-300, 2.0, 1e300];
        let keys = floats.map(RankKey::float);
        assert!(keys.is_sorted());
        assert_eq!(keys.map(RankKey::as_float), floats);
    }
}
