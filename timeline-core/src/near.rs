//! "Did you mean": the nearest of the known names, for everybody who has to say that something is not there.

/// Names longer than this are not compared: no one mistypes them, and the time stays bounded.
const MAX_LENGTH: usize = 64;

/// The known name with the fewest edits from `wanted`, if that is close enough to be what was meant.
///
/// Of equally near ones the first in the order given.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > MAX_LENGTH {
        return None;
    }
    let wanted: Vec<char> = simplified(wanted);
    let limit = (wanted.len() / 3).max(1);
    known
        .into_iter()
        .filter(|name| name.len() <= MAX_LENGTH)
        .map(|name| (distance(&wanted, &simplified(name)), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Case and underscores are what people mix up most, so they cost nothing.
fn simplified(name: &str) -> Vec<char> {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and exchanges of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut table = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (table[(i - 1) * width + j] + 1)
                    .min(table[i * width + j - 1] + 1)
                    .min(table[(i - 1) * width + j - 1] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("state", ["Status", "State"]), Some("State"));
        assert_eq!(nearest("user_id", ["userId", "users"]), Some("userId"));
        assert_eq!(nearest("nothere.ndjson", ["there.ndjson", "events.csv"]), Some("there.ndjson"));
        assert_eq!(nearest("abc", ["xyz"]), None);
    }
}
