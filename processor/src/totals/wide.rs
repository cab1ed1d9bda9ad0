//! Sums of 128 bits as they are stored: a JSON number where 64 bits hold them, else their digits as a text.
//!
//! Values of JSON hold numbers of 64 bits at most, and the durations of many sessions together pass those: 292 years.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wide {
    Number(i64),
    Digits(String),
}

pub(super) fn serialize<S: Serializer>(sum: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    i64::try_from(*sum).map_or_else(|_| Wide::Digits(sum.to_string()), Wide::Number).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    match Wide::deserialize(deserializer)? {
        Wide::Number(sum) => Ok(sum.into()),
        Wide::Digits(digits) => digits.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sum(#[serde(with = "super")] i128);

    #[test]
    fn sums_of_every_size_are_stored_exactly() {
        let least_wide = i128::from(i64::MAX) + 1;
        for sum in [0, -1, i64::MIN.into(), i64::MAX.into(), least_wide, -least_wide - 1, i128::MAX, i128::MIN] {
            let stored = serde_json::to_value(Sum(sum)).unwrap();
            assert_eq!(stored.is_number(), i64::try_from(sum).is_ok(), "{stored}");
            assert_eq!(serde_json::from_value::<Sum>(stored).unwrap(), Sum(sum));
        }
        // As they were written before there was a text for the rest.
        assert_eq!(serde_json::from_str::<Sum>("42").unwrap(), Sum(42));
    }
}
