//! What a plan answers: metrics, their aggregates, and alerts.

use super::every::Every;
use super::op::NodeId;

/// A timeline that is kept and queryable.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name; unique among the metrics and alerts of a processor.
    pub name: String,
    /// The node whose timeline it is: an [`super::Op::Split`] if `dimensions` is not empty. An event, whose matches are
    /// aggregated and which says nothing of a session, is one of [`super::PlanBuilder::matches`].
    pub root: NodeId,
    /// Names of the dimensions of the split, in its order.
    pub dimensions: Vec<String>,
    /// How sessions are put together, if the metric says so.
    pub aggregate: Option<Aggregate>,
    /// Whether its spans can be asked for, those of sessions that are over included.
    pub keep_spans: bool,
    /// States that are shown beside its values, where these are read.
    pub with: Vec<Beside>,
}

impl Metric {
    /// What is read beside each value: for its aggregate, and then what is shown.
    pub fn beside(&self) -> impl Iterator<Item = GroupOf> + '_ {
        let aggregated = self.aggregate.iter().flat_map(|aggregate| aggregate.beside());
        aggregated.chain(self.with.iter().map(|beside| GroupOf::State(beside.of)))
    }

    /// By which windows a metric of events is grouped, and which of its group columns that is.
    pub fn windows_of_events(&self) -> Option<(usize, &Every)> {
        let mut keys = self.aggregate.iter().flat_map(|aggregate| &aggregate.group_by).enumerate();
        keys.find_map(|(i, key)| match &key.of {
            GroupOf::Window(every) => Some((i, every)),
            GroupOf::State(_) | GroupOf::Dimension(_) => None,
        })
    }
}

/// Boolean timeline whose true spans become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name; unique among the metrics and alerts of a processor.
    pub name: String,
    /// A `state<bool>`.
    pub root: NodeId,
    /// States that are shown beside its spans, as they are at the beginning of each.
    pub with: Vec<Beside>,
}

/// A state that is shown beside a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The column's name.
    pub name: String,
    /// The state.
    pub of: NodeId,
}

/// `aggregate(group_by(k), count, sum, ...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// What sessions (or their shares) are grouped by; empty for one group of all.
    pub group_by: Vec<GroupKey>,
    /// The functions, in the order of the program, without repetition.
    pub functions: Vec<AggregateFunction>,
    /// Which sessions count.
    pub members: AggregateMembers,
}

impl Aggregate {
    /// What is read beside each value: its group, and then what is told apart in it ([`AggregateFunction::Distinct`]).
    pub fn beside(&self) -> impl Iterator<Item = GroupOf> + '_ {
        let keys = self.group_by.iter().map(|key| key.of.clone());
        keys.chain(self.distinct().map(GroupOf::State))
    }

    /// The states whose values are told apart, in the order of the functions.
    pub fn distinct(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.functions.iter().filter_map(|function| match function {
            AggregateFunction::Distinct { of, .. } => Some(*of),
            AggregateFunction::Count
            | AggregateFunction::Sum
            | AggregateFunction::Avg
            | AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::Percentile(_)
            | AggregateFunction::Now
            | AggregateFunction::Peak
            | AggregateFunction::Mean => None,
        })
    }

    /// Whether a session counts that is over, or one that is not.
    pub fn counts(&self, is_closed: bool) -> bool {
        match self.members {
            AggregateMembers::All => true,
            AggregateMembers::Closed => is_closed,
            AggregateMembers::Live => !is_closed,
        }
    }

    /// Whether the values themselves are to be kept, for percentiles.
    pub fn wants_percentiles(&self) -> bool {
        self.functions.iter().any(|function| matches!(function, AggregateFunction::Percentile(_)))
    }
}

/// One group column.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupKey {
    /// The column's name.
    pub name: String,
    /// Where its value comes from.
    pub of: GroupOf,
}

/// Where the value of a group column comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupOf {
    /// A dimension of the metric's split, by its index.
    Dimension(usize),
    /// A state, when the session is read; of a metric of events at their instants.
    State(NodeId),
    /// The window of the clock in which an event is; only of metrics of events.
    Window(Every),
}

/// A function over the values of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// How many values.
    Count,
    /// Their sum.
    Sum,
    /// Their mean; for ratios sum over sum.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// `pNN`: the least value that at least this many per cent of the values do not exceed; 1 to 99.
    Percentile(u8),
    /// Of [`super::Op::Concurrency`]: for how many sessions it is true.
    Now,
    /// Of [`super::Op::Concurrency`]: for how many sessions it was true at once, at most.
    Peak,
    /// Of [`super::Op::Concurrency`]: the mean over the time since the group's first session began.
    Mean,
    /// How many different values a state had where those of the group were read; absent ones do not count.
    Distinct {
        /// What its column is called.
        name: String,
        /// The state.
        of: NodeId,
    },
}

/// What names of columns of [`AggregateFunction::Distinct`] begin with.
pub const DISTINCT: &str = "distinct_";

impl AggregateFunction {
    /// The name of its column.
    pub fn name(&self) -> String {
        match self {
            AggregateFunction::Count => "count".into(),
            AggregateFunction::Sum => "sum".into(),
            AggregateFunction::Avg => "avg".into(),
            AggregateFunction::Min => "min".into(),
            AggregateFunction::Max => "max".into(),
            AggregateFunction::Percentile(p) => format!("p{p:02}"),
            AggregateFunction::Now => "now".into(),
            AggregateFunction::Peak => "peak".into(),
            AggregateFunction::Mean => "mean".into(),
            AggregateFunction::Distinct { name, .. } => format!("{DISTINCT}{name}"),
        }
    }

    /// The name of the column with the error of what may be an estimate.
    pub fn error_name(&self) -> Option<String> {
        matches!(self, AggregateFunction::Distinct { .. }).then(|| format!("{}_error", self.name()))
    }
}

/// Which sessions count in an aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AggregateMembers {
    /// Live and closed ones.
    #[default]
    All,
    /// Closed ones only.
    Closed,
    /// Live ones only.
    Live,
}
