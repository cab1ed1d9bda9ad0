//! The name of a table that is a metric's as it was at an instant: what `metric_at('NAME', INSTANT)` stands for.

use timeline_core::Time;

/// A metric at an instant of event time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricAt {
    /// The metric.
    pub metric: String,
    /// The instant, in nanoseconds since the Unix epoch.
    pub at: Time,
}

impl MetricAt {
    /// The name of its table, which no metric has: names of metrics have no `@`.
    pub fn table(&self) -> String {
        format!("{}@{}", self.metric, self.at)
    }

    /// What a table is of, if it is such a one.
    pub fn of(table: &str) -> Option<MetricAt> {
        let (metric, at) = table.rsplit_once('@')?;
        Some(MetricAt { metric: metric.to_owned(), at: at.parse().ok()? })
    }

    /// The metric, alert or table that a table shows, now or at an instant.
    pub fn shown(table: &str) -> String {
        MetricAt::of(table).map_or_else(|| table.to_owned(), |at| at.metric)
    }
}

#[cfg(test)]
mod tests {
    use super::MetricAt;

    #[test]
    fn names_of_tables_and_back() {
        for at in [0, -5, i64::MAX, i64::MIN] {
            let own = MetricAt { metric: "cirr".into(), at };
            assert_eq!(MetricAt::of(&own.table()), Some(own));
        }
        assert_eq!(MetricAt::of("cirr"), None);
        assert_eq!(MetricAt::of("cirr@now"), None);
        assert_eq!((MetricAt::shown("cirr@7"), MetricAt::shown("finals")), ("cirr".into(), "finals".into()));
    }
}
