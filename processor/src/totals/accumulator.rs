//! What is kept of the values of one group.

use super::amount::{Amount, FoldedNumber};
use super::concurrency::Concurrency;
use super::distinct::Distinct;
use super::exact_sum::ExactSum;
use super::quantiles::{Quantiles, RankKey};
use serde::{Deserialize, Serialize};
use timeline_core::number::saturate;
use timeline_core::plan::{AggregateFunction, RatioUnit};
use timeline_core::{Time, Value};

/// The values of one group, folded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accumulator {
    count: u64,
    what: SummedValue,
    #[serde(with = "super::wide")]
    exact: i128,
    floats: ExactSum,
    /// Sums of the denominators of quotients.
    #[serde(with = "super::wide")]
    below_exact: i128,
    below_floats: ExactSum,
    least: Option<StoredExtreme>,
    greatest: Option<StoredExtreme>,
    quantiles: Quantiles,
    /// Of metrics that count sessions at once.
    #[serde(default)]
    concurrency: Option<Concurrency>,
    /// Of each function that tells values apart, those that it has seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    distinct: Vec<Distinct>,
}

/// What is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum SummedValue {
    #[default]
    Nothing,
    Durations,
    Ints,
    Floats,
    Ratios(Per),
    States,
}

/// [`RatioUnit`], as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Per {
    Plain,
    Second,
    Duration,
}

/// An extreme value, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum StoredExtreme {
    Exact(i128),
    Float(u64),
    Ratio(FoldedNumber, FoldedNumber),
    Text(String),
    Bool(bool),
}

impl Accumulator {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds a value; one without a value counts only in the mean of quotients.
    pub fn add(&mut self, amount: &Amount, wants_percentiles: bool) {
        let what = match amount {
            Amount::Absent => return,
            Amount::Duration(x) => {
                self.exact = self.exact.saturating_add(*x);
                SummedValue::Durations
            }
            Amount::Int(x) => {
                self.exact = self.exact.saturating_add(*x);
                SummedValue::Ints
            }
            Amount::Float(x) => {
                self.floats.add(*x);
                SummedValue::Floats
            }
            Amount::Ratio { numerator, denominator, unit } => {
                sum(*numerator, &mut self.exact, &mut self.floats);
                sum(*denominator, &mut self.below_exact, &mut self.below_floats);
                SummedValue::Ratios(match unit {
                    RatioUnit::Plain => Per::Plain,
                    RatioUnit::PerSecond => Per::Second,
                    RatioUnit::Duration => Per::Duration,
                })
            }
            Amount::State(_) => SummedValue::States,
        };
        self.what = what;
        if !amount.is_value() {
            return;
        }
        self.count += 1;
        self.extremes(amount);
        if wants_percentiles {
            let key = match amount {
                Amount::Duration(x) | Amount::Int(x) => RankKey::Exact(saturate(*x)),
                Amount::State(_) => return,
                other => RankKey::float(other.number().as_float()),
            };
            self.quantiles.add(key, 1);
        }
    }

    /// Tells apart what was read beside a value, for each function that does.
    pub fn tell_apart(&mut self, amount: &Amount, values: &[Option<Value>]) {
        if !amount.is_value() {
            return;
        }
        self.distinct.resize_with(values.len().max(self.distinct.len()), Distinct::default);
        for (distinct, value) in self.distinct.iter_mut().zip(values) {
            value.iter().for_each(|value| distinct.add(value));
        }
    }

    /// What the function of that number has told apart, and the relative error of it.
    pub fn distinct(&self, place: usize) -> (Amount, f64) {
        let nothing = Distinct::default();
        let distinct = self.distinct.get(place).unwrap_or(&nothing);
        (Amount::Int(i128::from(distinct.count())), distinct.error())
    }

    /// Adds when a session was one of those that are counted at once.
    pub fn count_at_once(&mut self, session: &Concurrency) {
        match &mut self.concurrency {
            Some(all) => all.merge(session),
            None => self.concurrency = Some(session.clone()),
        }
    }

    /// Takes the changes of the count of sessions out if they are more than that, as the values of no session.
    pub fn take_changes(&mut self, most: usize) -> Option<Accumulator> {
        let changes = self.concurrency.as_mut()?.take_changes(most)?;
        Some(Accumulator { what: self.what, concurrency: Some(changes), ..Accumulator::default() })
    }

    /// Adds all values of another group.
    pub fn merge(&mut self, other: &Accumulator) {
        if other.what == SummedValue::Nothing {
            return;
        }
        self.what = other.what;
        self.count += other.count;
        self.exact = self.exact.saturating_add(other.exact);
        self.floats.merge(&other.floats);
        self.below_exact = self.below_exact.saturating_add(other.below_exact);
        self.below_floats.merge(&other.below_floats);
        self.quantiles.merge(&other.quantiles);
        if let Some(other) = &other.concurrency {
            self.count_at_once(other);
        }
        self.distinct.resize_with(other.distinct.len().max(self.distinct.len()), Distinct::default);
        self.distinct.iter_mut().zip(&other.distinct).for_each(|(mine, theirs)| mine.merge(theirs));
        for kept in [&other.least, &other.greatest].into_iter().flatten() {
            self.extremes(&other.amount(kept));
        }
    }

    /// The result of a function, at a horizon; of what tells values apart see [`Accumulator::distinct`].
    pub fn result(&self, function: &AggregateFunction, horizon: Option<Time>) -> Amount {
        match function {
            AggregateFunction::Count => Amount::Int(i128::from(self.count)),
            AggregateFunction::Sum => match self.what {
                SummedValue::Durations => Amount::Duration(self.exact),
                SummedValue::Ints => Amount::Int(self.exact),
                SummedValue::Floats => Amount::Float(self.floats.value()),
                SummedValue::Nothing | SummedValue::Ratios(_) | SummedValue::States => Amount::Absent,
            },
            AggregateFunction::Avg => self.mean(),
            AggregateFunction::Distinct { .. } => Amount::Absent,
            AggregateFunction::Min => self.least.as_ref().map_or(Amount::Absent, |kept| self.amount(kept)),
            AggregateFunction::Max => self.greatest.as_ref().map_or(Amount::Absent, |kept| self.amount(kept)),
            AggregateFunction::Now | AggregateFunction::Peak | AggregateFunction::Mean => {
                self.concurrency.as_ref().map_or(Amount::Absent, |all| all.result(function, horizon))
            }
            AggregateFunction::Percentile(p) => {
                self.quantiles.percentile(*p).map_or(Amount::Absent, |key| match (self.what, key) {
                    (SummedValue::Durations, RankKey::Exact(x)) => Amount::Duration(i128::from(x)),
                    (SummedValue::Durations, key) => Amount::Duration(key.as_float().round() as i128),
                    (SummedValue::Ints, RankKey::Exact(x)) => Amount::Int(i128::from(x)),
                    (SummedValue::Ratios(Per::Duration), key) => Amount::Duration(key.as_float().round() as i128),
                    (_, key) => Amount::Float(key.as_float()),
                })
            }
        }
    }

    /// The relative error of percentiles; `None` while they are exact.
    pub fn percentile_error(&self) -> Option<f64> {
        self.quantiles.error()
    }

    fn mean(&self) -> Amount {
        let count = FoldedNumber::Exact(i128::from(self.count));
        let ratio = |numerator, denominator, unit| Amount::Ratio { numerator, denominator, unit };
        match self.what {
            SummedValue::Durations => ratio(FoldedNumber::Exact(self.exact), count, RatioUnit::Duration),
            SummedValue::Ints => ratio(FoldedNumber::Exact(self.exact), count, RatioUnit::Plain),
            SummedValue::Floats => Amount::Float(self.floats.value() / self.count as f64),
            SummedValue::Ratios(per) => {
                ratio(both(self.exact, &self.floats), both(self.below_exact, &self.below_floats), per.unit())
            }
            SummedValue::Nothing | SummedValue::States => Amount::Absent,
        }
    }

    fn extremes(&mut self, amount: &Amount) {
        if let (
            Amount::Duration(x) | Amount::Int(x),
            Some(StoredExtreme::Exact(least)),
            Some(StoredExtreme::Exact(most)),
        ) = (amount, &mut self.least, &mut self.greatest)
        {
            *least = (*least).min(*x);
            *most = (*most).max(*x);
            return;
        }
        let below = self.least.as_ref().is_none_or(|least| amount.order(&self.amount(least)).is_lt());
        let above = self.greatest.as_ref().is_none_or(|greatest| amount.order(&self.amount(greatest)).is_gt());
        if below || above {
            let kept = match amount {
                Amount::Duration(x) | Amount::Int(x) => StoredExtreme::Exact(*x),
                Amount::Float(x) => StoredExtreme::Float(x.to_bits()),
                Amount::Ratio { numerator, denominator, .. } => StoredExtreme::Ratio(*numerator, *denominator),
                Amount::State(Value::Bool(x)) => StoredExtreme::Bool(*x),
                Amount::State(value) => StoredExtreme::Text(value.to_string()),
                Amount::Absent => return,
            };
            if below {
                self.least = Some(kept.clone());
            }
            if above {
                self.greatest = Some(kept);
            }
        }
    }

    fn amount(&self, kept: &StoredExtreme) -> Amount {
        match (kept, self.what) {
            (StoredExtreme::Exact(x), SummedValue::Durations) => Amount::Duration(*x),
            (StoredExtreme::Exact(x), _) => Amount::Int(*x),
            (StoredExtreme::Float(bits), _) => Amount::Float(f64::from_bits(*bits)),
            (StoredExtreme::Ratio(numerator, denominator), what) => Amount::Ratio {
                numerator: *numerator,
                denominator: *denominator,
                unit: if let SummedValue::Ratios(per) = what { per.unit() } else { RatioUnit::Plain },
            },
            (StoredExtreme::Text(text), _) => Amount::State(Value::text(text)),
            (StoredExtreme::Bool(x), _) => Amount::State(Value::Bool(*x)),
        }
    }
}

impl Per {
    fn unit(self) -> RatioUnit {
        match self {
            Per::Plain => RatioUnit::Plain,
            Per::Second => RatioUnit::PerSecond,
            Per::Duration => RatioUnit::Duration,
        }
    }
}

fn sum(number: FoldedNumber, exact: &mut i128, floats: &mut ExactSum) {
    match number {
        FoldedNumber::Exact(x) => *exact = exact.saturating_add(x),
        FoldedNumber::Float(x) => floats.add(x),
    }
}

/// What was summed as integers and as floats, together; a metric's values are all of one sort.
fn both(exact: i128, floats: &ExactSum) -> FoldedNumber {
    if *floats == ExactSum::default() {
        FoldedNumber::Exact(exact)
    } else {
        FoldedNumber::Float(exact as f64 + floats.value())
    }
}
