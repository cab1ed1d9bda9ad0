//! How many rows a day windows make, for people who are about to have them.

use timeline_core::plan::{Metric, Plan};

/// How many rows a day there are of one session, or of one group where events are counted, and what else each is of: the
/// values that are told apart. Nothing if rows are not told by windows.
pub struct RowsADay<'p> {
    /// On the average.
    pub count: f64,
    /// Whether events are counted, so that there are rows of groups alone.
    pub of_groups: bool,
    /// The dimensions that split a window's row into one for each value.
    pub split_by: Vec<&'p str>,
}

impl<'p> RowsADay<'p> {
    /// Those of a metric.
    pub fn of(plan: &'p Plan, metric: &'p Metric) -> Option<Self> {
        let count = plan.told_by(metric)?.in_a_day();
        let clock = plan.windows_of(metric.root).map(|(clock, _)| clock);
        let others = metric.dimensions.iter().enumerate().filter(|(i, _)| Some(*i) != clock);
        let split_by = others.map(|(_, name)| name.as_str()).collect();
        Some(RowsADay { count, of_groups: metric.windows_of_events().is_some(), split_by })
    }
}

impl std::fmt::Display for RowsADay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = if self.of_groups { "group" } else { "session that goes on" };
        write!(f, "{} a day of each {of}", rows_text(self.count))?;
        match &self.split_by[..] {
            [] => Ok(()),
            names => write!(f, " and value of {}", names.join(", ")),
        }
    }
}

/// So many rows, as people read numbers: 1 440 000 rows; fewer than one a day with two digits behind the point.
pub fn rows_text(count: f64) -> String {
    if count < 0.995 {
        return format!("{count:.2} rows");
    }
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    if text == "1" { "1 row".into() } else { format!("{text} rows") }
}

#[cfg(test)]
mod tests {
    use super::rows_text;

    #[test]
    fn rows_are_counted_as_people_read_them() {
        let told = [1440.0 * 1000.0, 1440.0, 24.0, 1.0, 1.0 / 7.0, 999_999.6].map(rows_text);
        assert_eq!(told, ["1 440 000 rows", "1 440 rows", "24 rows", "1 row", "0.14 rows", "1 000 000 rows"]);
    }
}
