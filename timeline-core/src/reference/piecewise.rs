//! Right-continuous functions over dense time, piece by piece.

use crate::{Linear, Time, Value};

/// What a function is on one piece, stated at the piece's start.
pub trait PieceValue: Clone + PartialEq {
    /// The same piece, stated `dt` nanoseconds later. Two instants may be farther apart than 64 bits tell.
    fn after(&self, dt: i128) -> Self;
}

impl PieceValue for Option<Value> {
    fn after(&self, _: i128) -> Self {
        self.clone()
    }
}

impl PieceValue for Vec<Option<Value>> {
    fn after(&self, _: i128) -> Self {
        self.clone()
    }
}

impl PieceValue for Linear {
    fn after(&self, dt: i128) -> Self {
        self.after_wide(dt)
    }
}

impl PieceValue for Option<Linear> {
    fn after(&self, dt: i128) -> Self {
        self.as_ref().map(|linear| PieceValue::after(linear, dt))
    }
}

/// A function from an origin on, without end.
///
/// **Invariant:** pieces are sorted by start, the first starts at the origin, none is empty,
/// and none is the mere continuation of the one before; so equal functions are equal values.
#[derive(Clone, Debug, PartialEq)]
pub struct Piecewise<T>(Vec<(Time, T)>);

/// A stretch of a function, `[start, end)`.
#[derive(Clone, Debug, PartialEq)]
pub struct PieceSpan<T> {
    /// Its first instant.
    pub start: Time,
    /// The first instant after it; `None` if it goes on beyond what is shown.
    pub end: Option<Time>,
    /// What the function is there, stated at the start.
    pub value: T,
}

/// How far a function is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownExtent {
    /// Through an instant, which is included: what begins there is shown, and what goes on has no end.
    Through(Time),
    /// Up to an instant, which is not included: nothing that begins there is shown, and everything ends there.
    UpTo(Time),
}

impl<T: PieceValue> Piecewise<T> {
    /// One piece for ever.
    pub fn constant(origin: Time, value: T) -> Self {
        Piecewise(vec![(origin, value)])
    }

    /// The function that at each of the instants (in any order, the least of which is the origin) becomes what `f` says.
    pub fn at_instants(mut instants: Vec<Time>, f: impl Fn(Time) -> T) -> Self {
        instants.sort_unstable();
        instants.dedup();
        let mut pieces: Vec<(Time, T)> = vec![];
        for t in instants {
            let value = f(t);
            let continues = pieces.last().is_some_and(|(start, last)| last.after(since(*start, t)) == value);
            if !continues {
                pieces.push((t, value));
            }
        }
        Piecewise(pieces)
    }

    /// The function that is `first` and then takes each value at its time; times ascend, and of equal times the last counts.
    pub fn steps(origin: Time, first: T, changes: &[(Time, T)]) -> Self {
        let instants = std::iter::once(origin).chain(changes.iter().map(|c| c.0)).collect();
        Self::at_instants(instants, |t| {
            changes.iter().rev().find(|c| c.0 <= t).map_or_else(|| first.clone(), |c| c.1.after(since(c.0, t)))
        })
    }

    /// The pointwise combination of two functions with one origin.
    pub fn with<U: PieceValue, V: PieceValue>(&self, other: &Piecewise<U>, f: impl Fn(T, U) -> V) -> Piecewise<V> {
        let instants = self.starts().into_iter().chain(other.starts()).collect();
        Piecewise::at_instants(instants, |t| f(self.at(t), other.at(t)))
    }

    /// The function piece by piece under `f`, which must treat a piece and its continuation alike.
    pub fn map<U: PieceValue>(&self, f: impl Fn(T) -> U) -> Piecewise<U> {
        Piecewise::at_instants(self.starts(), |t| f(self.at(t)))
    }

    /// The piece in force at `t`, stated at `t`. Before the origin it is the first piece's.
    pub fn at(&self, t: Time) -> T {
        let (start, value) = self.0.iter().rev().find(|(start, _)| *start <= t).unwrap_or(&self.0[0]);
        value.after(since(*start, t).max(0))
    }

    /// The piece that comes to an end at `t` or goes on through it, stated at `t`; `None` at the origin.
    pub fn before(&self, t: Time) -> Option<T> {
        self.0.iter().rev().find(|(start, _)| *start < t).map(|(start, value)| value.after(since(*start, t)))
    }

    /// The first instant.
    pub fn origin(&self) -> Time {
        self.0[0].0
    }

    /// Where the pieces start.
    pub fn starts(&self) -> Vec<Time> {
        self.0.iter().map(|(start, _)| *start).collect()
    }

    /// All pieces; only the last one has no end.
    pub fn spans(&self) -> Vec<PieceSpan<T>> {
        let ends = self.0.iter().skip(1).map(|(start, _)| Some(*start)).chain(std::iter::once(None));
        self.0
            .iter()
            .zip(ends)
            .map(|((start, value), end)| PieceSpan { start: *start, end, value: value.clone() })
            .collect()
    }

    /// The same function from a later instant on.
    pub fn from(&self, start: Time) -> Self {
        let later = self.starts().into_iter().filter(|at| *at > start).chain([start]).collect();
        Self::at_instants(later, |t| self.at(t))
    }

    /// The pieces as far as they are shown.
    pub fn shown(&self, extent: ShownExtent) -> Vec<PieceSpan<T>> {
        let shown = self.spans().into_iter().filter_map(|span| {
            let (start, end) = extent.show(span.start, span.end)?;
            Some(PieceSpan { start, end, value: span.value })
        });
        shown.collect()
    }
}

/// The nanoseconds from one instant to another.
pub(crate) fn since(start: Time, t: Time) -> i128 {
    i128::from(t) - i128::from(start)
}

impl ShownExtent {
    /// A stretch as it is shown, if it is.
    pub fn show(self, start: Time, end: Option<Time>) -> Option<(Time, Option<Time>)> {
        match self {
            ShownExtent::Through(limit) => (start <= limit).then_some((start, end.filter(|end| *end <= limit))),
            ShownExtent::UpTo(limit) => {
                (start < limit).then_some((start, Some(end.map_or(limit, |end| end.min(limit)))))
            }
        }
    }

    /// The last instant of it, or the first after it.
    pub fn limit(self) -> Time {
        match self {
            ShownExtent::Through(limit) | ShownExtent::UpTo(limit) => limit,
        }
    }
}
