//! The names of the operators, in the spelling of the language, of the paper and of the first implementation.
//!
//! The long spellings (`TL_LatestEventToState`, `TLHas_Existed_Within`, `latest_event_to_state`) are synonyms;
//! they are compared without case and underscores, the short ones as they are.

use crate::simple::{SIMPLE, Simple, SimpleResult};
use timeline_core::plan::{Compare, Scalar};

/// What a name before a `(` means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FunctionMeaning {
    Simple(&'static Simple),
    Latest,
    HasExistedWithin,
    KeepTrueFor,
    During,
    Concurrency,
    Integral,
    Linear,
    TimeWeightedAvg,
    If,
    Coalesce,
    Exists,
    At,
    Filter,
    First,
    Previous,
    Sum,
    Min,
    Max,
    IsNew,
    Scalar(Scalar),
    Compare(Compare),
    And,
    Or,
    Not,
}

/// How each operator is called, its own name first; the long names begin where there is no underscore any more.
const FUNCTIONS: &[(FunctionMeaning, &[&str])] = &[
    (FunctionMeaning::Latest, &["latest", "latest_event_to_state"]),
    (FunctionMeaning::HasExistedWithin, &["has_existed_within"]),
    (FunctionMeaning::KeepTrueFor, &["keep_true_for"]),
    (FunctionMeaning::During, &["during"]),
    (FunctionMeaning::Concurrency, &["concurrency"]),
    (FunctionMeaning::Integral, &["integral"]),
    (FunctionMeaning::Linear, &["linear"]),
    (FunctionMeaning::TimeWeightedAvg, &["time_weighted_avg", "time_weighted_average"]),
    (FunctionMeaning::If, &["if"]),
    (FunctionMeaning::Coalesce, &["coalesce"]),
    (FunctionMeaning::Exists, &["exists"]),
    (FunctionMeaning::At, &["at"]),
    (FunctionMeaning::Filter, &["filter"]),
    (FunctionMeaning::First, &["first"]),
    (FunctionMeaning::Previous, &["previous"]),
    (FunctionMeaning::Sum, &["sum"]),
    (FunctionMeaning::Min, &["min"]),
    (FunctionMeaning::Max, &["max"]),
    (FunctionMeaning::IsNew, &["is_new"]),
    (FunctionMeaning::Scalar(Scalar::Lower), &["lower"]),
    (FunctionMeaning::Scalar(Scalar::Upper), &["upper"]),
    (FunctionMeaning::Scalar(Scalar::Trim), &["trim"]),
    (FunctionMeaning::Scalar(Scalar::Length), &["length"]),
    (FunctionMeaning::Scalar(Scalar::StartsWith), &["starts_with"]),
    (FunctionMeaning::Scalar(Scalar::EndsWith), &["ends_with"]),
    (FunctionMeaning::Scalar(Scalar::Contains), &["contains"]),
    (FunctionMeaning::Scalar(Scalar::Abs), &["abs"]),
    (FunctionMeaning::Scalar(Scalar::Round), &["round"]),
    (FunctionMeaning::Scalar(Scalar::Floor), &["floor"]),
    (FunctionMeaning::Scalar(Scalar::Ceil), &["ceil"]),
    (FunctionMeaning::Scalar(Scalar::Bit), &["bit"]),
    (FunctionMeaning::Compare(Compare::Eq), &["equal_to", "equals", "equal"]),
    (FunctionMeaning::Compare(Compare::Ne), &["not_equal_to", "not_equals", "not_equal"]),
    (FunctionMeaning::Compare(Compare::Lt), &["less_than"]),
    (FunctionMeaning::Compare(Compare::Le), &["less_than_or_equal_to", "less_than_or_equal", "less_than_equal_to"]),
    (FunctionMeaning::Compare(Compare::Gt), &["greater_than"]),
    (
        FunctionMeaning::Compare(Compare::Ge),
        &["greater_than_or_equal_to", "greater_than_or_equal", "greater_than_equal_to"],
    ),
    (FunctionMeaning::And, &["and"]),
    (FunctionMeaning::Or, &["or"]),
    (FunctionMeaning::Not, &["not"]),
];

/// Functions of aggregates that are often looked for over events.
const OF_AGGREGATES: &[&str] = &["avg"];

/// What is known of a name before a `(`.
pub(crate) enum FunctionLookup {
    /// The operator.
    Known(FunctionMeaning),
    /// A function of aggregates.
    Aggregate(&'static str),
    /// Nothing.
    Unknown,
}

/// Looks a name up.
pub(crate) fn lookup(written: &str) -> FunctionLookup {
    let found = match long_form(written) {
        Some(long) => all().find(|name| squeezed(name) == long),
        None => all().find(|name| *name == written),
    };
    let Some(name) = found else { return FunctionLookup::Unknown };
    if let Some(simple) = SIMPLE.iter().find(|simple| simple.names.contains(&name)) {
        return FunctionLookup::Known(FunctionMeaning::Simple(simple));
    }
    match FUNCTIONS.iter().find(|(_, names)| names.contains(&name)) {
        Some((function, _)) => FunctionLookup::Known(*function),
        None => FunctionLookup::Aggregate(name),
    }
}

/// The name that was perhaps meant by one that is unknown.
pub(crate) fn near(written: &str) -> Option<&'static str> {
    let wanted = long_form(written).unwrap_or_else(|| written.to_owned());
    crate::diagnostics::nearest(&wanted, all())
}

fn all() -> impl Iterator<Item = &'static str> {
    let names = FUNCTIONS.iter().map(|(_, names)| *names).chain(SIMPLE.iter().map(|simple| simple.names));
    names.chain([OF_AGGREGATES]).flatten().copied()
}

/// The operator's own name, of whatever spelling.
pub(crate) fn own_name(written: &str) -> Option<&'static str> {
    match lookup(written) {
        FunctionLookup::Known(FunctionMeaning::Compare(_)) => Some("compare"),
        FunctionLookup::Known(FunctionMeaning::And | FunctionMeaning::Or | FunctionMeaning::Not) => Some("logic"),
        FunctionLookup::Known(FunctionMeaning::Scalar(Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil)) => {
            Some("rounding")
        }
        FunctionLookup::Known(FunctionMeaning::Scalar(Scalar::Bit)) => Some("bit"),
        FunctionLookup::Known(FunctionMeaning::Scalar(_)) => Some("text"),
        FunctionLookup::Known(function) => Some(function.name()),
        FunctionLookup::Aggregate(name) => Some(name),
        FunctionLookup::Unknown => None,
    }
}

/// Whether the name before a `(` says that a column's name follows.
pub(crate) fn is_column(written: &str) -> bool {
    written == "col" || long_form(written).as_deref() == Some("col")
}

/// Whether the name before a `(` says that hours and days follow.
pub(crate) fn is_during(written: &str) -> bool {
    matches!(lookup(written), FunctionLookup::Known(FunctionMeaning::During))
}

impl FunctionMeaning {
    /// Whether it gives a number.
    pub(crate) fn makes_number(self) -> bool {
        match self {
            FunctionMeaning::Simple(simple) => simple.gives == SimpleResult::Number,
            other => matches!(other, FunctionMeaning::Integral | FunctionMeaning::TimeWeightedAvg),
        }
    }

    /// Whether it makes an event timeline.
    pub(crate) fn makes_events(self) -> bool {
        match self {
            FunctionMeaning::Simple(simple) => simple.gives == SimpleResult::Events,
            other => matches!(other, FunctionMeaning::At | FunctionMeaning::Filter),
        }
    }

    /// All operators' own names, as a sentence lists them.
    pub(crate) fn list() -> String {
        let own = FUNCTIONS.iter().filter(|(f, _)| {
            !matches!(
                f,
                FunctionMeaning::Compare(_) | FunctionMeaning::And | FunctionMeaning::Or | FunctionMeaning::Not
            )
        });
        let names: Vec<&str> =
            own.map(|(_, names)| names[0]).chain(SIMPLE.iter().map(|simple| simple.names[0])).collect();
        names.split_last().map_or_else(String::new, |(last, rest)| format!("{} and {last}", rest.join(", ")))
    }

    /// Its own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FunctionMeaning::Simple(simple) => simple.names[0],
            other => FUNCTIONS.iter().find(|(f, _)| *f == other).map_or("?", |(_, names)| names[0]),
        }
    }
}

/// The rest of a name that begins with `TL`, without case and underscores.
fn long_form(written: &str) -> Option<String> {
    let rest = written.strip_prefix("TL").filter(|rest| rest.starts_with(|c: char| c == '_' || c.is_uppercase()))?;
    Some(squeezed(rest))
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{all, own_name};
    use crate::catalogue::ALL;

    #[test]
    fn every_operator_is_in_the_catalogue() {
        for name in all().filter(|name| *name != "avg") {
            let own = own_name(name).expect("it is one of all");
            assert!(ALL.iter().any(|operator| operator.name == own), "`{own}` is not in the catalogue");
        }
    }
}
