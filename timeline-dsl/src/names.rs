//! The names of the operators, in the spelling of the language, of the paper and of the first implementation.
//!
//! The long spellings (`TL_LatestEventToState`, `TLHas_Existed_Within`, `latest_event_to_state`) are synonyms;
//! they are compared without case and underscores, the short ones as they are.

use crate::simple::{Gives, SIMPLE, Simple};
use timeline_core::plan::{Compare, Scalar};

/// What a name before a `(` means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
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
const FUNCTIONS: &[(Function, &[&str])] = &[
    (Function::Latest, &["latest", "latest_event_to_state"]),
    (Function::HasExistedWithin, &["has_existed_within"]),
    (Function::KeepTrueFor, &["keep_true_for"]),
    (Function::During, &["during"]),
    (Function::Concurrency, &["concurrency"]),
    (Function::Integral, &["integral"]),
    (Function::Linear, &["linear"]),
    (Function::TimeWeightedAvg, &["time_weighted_avg", "time_weighted_average"]),
    (Function::If, &["if"]),
    (Function::Coalesce, &["coalesce"]),
    (Function::Exists, &["exists"]),
    (Function::At, &["at"]),
    (Function::Filter, &["filter"]),
    (Function::First, &["first"]),
    (Function::Previous, &["previous"]),
    (Function::Sum, &["sum"]),
    (Function::Min, &["min"]),
    (Function::Max, &["max"]),
    (Function::IsNew, &["is_new"]),
    (Function::Scalar(Scalar::Lower), &["lower"]),
    (Function::Scalar(Scalar::Upper), &["upper"]),
    (Function::Scalar(Scalar::Trim), &["trim"]),
    (Function::Scalar(Scalar::Length), &["length"]),
    (Function::Scalar(Scalar::StartsWith), &["starts_with"]),
    (Function::Scalar(Scalar::EndsWith), &["ends_with"]),
    (Function::Scalar(Scalar::Contains), &["contains"]),
    (Function::Scalar(Scalar::Abs), &["abs"]),
    (Function::Scalar(Scalar::Round), &["round"]),
    (Function::Scalar(Scalar::Floor), &["floor"]),
    (Function::Scalar(Scalar::Ceil), &["ceil"]),
    (Function::Scalar(Scalar::Bit), &["bit"]),
    (Function::Compare(Compare::Eq), &["equal_to", "equals", "equal"]),
    (Function::Compare(Compare::Ne), &["not_equal_to", "not_equals", "not_equal"]),
    (Function::Compare(Compare::Lt), &["less_than"]),
    (Function::Compare(Compare::Le), &["less_than_or_equal_to", "less_than_or_equal", "less_than_equal_to"]),
    (Function::Compare(Compare::Gt), &["greater_than"]),
    (Function::Compare(Compare::Ge), &["greater_than_or_equal_to", "greater_than_or_equal", "greater_than_equal_to"]),
    (Function::And, &["and"]),
    (Function::Or, &["or"]),
    (Function::Not, &["not"]),
];

/// Functions of aggregates that are often looked for over events.
const OF_AGGREGATES: &[&str] = &["avg"];

/// What is known of a name before a `(`.
pub(crate) enum Lookup {
    /// The operator.
    Known(Function),
    /// A function of aggregates.
    Aggregate(&'static str),
    /// Nothing.
    Unknown,
}

/// Looks a name up.
pub(crate) fn lookup(written: &str) -> Lookup {
    let found = match long_form(written) {
        Some(long) => all().find(|name| squeezed(name) == long),
        None => all().find(|name| *name == written),
    };
    let Some(name) = found else { return Lookup::Unknown };
    if let Some(simple) = SIMPLE.iter().find(|simple| simple.names.contains(&name)) {
        return Lookup::Known(Function::Simple(simple));
    }
    match FUNCTIONS.iter().find(|(_, names)| names.contains(&name)) {
        Some((function, _)) => Lookup::Known(*function),
        None => Lookup::Aggregate(name),
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
        Lookup::Known(Function::Compare(_)) => Some("compare"),
        Lookup::Known(Function::And | Function::Or | Function::Not) => Some("logic"),
        Lookup::Known(Function::Scalar(Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil)) => Some("rounding"),
        Lookup::Known(Function::Scalar(Scalar::Bit)) => Some("bit"),
        Lookup::Known(Function::Scalar(_)) => Some("text"),
        Lookup::Known(function) => Some(function.name()),
        Lookup::Aggregate(name) => Some(name),
        Lookup::Unknown => None,
    }
}

/// Whether the name before a `(` says that a column's name follows.
pub(crate) fn is_column(written: &str) -> bool {
    written == "col" || long_form(written).as_deref() == Some("col")
}

/// Whether the name before a `(` says that hours and days follow.
pub(crate) fn is_during(written: &str) -> bool {
    matches!(lookup(written), Lookup::Known(Function::During))
}

impl Function {
    /// Whether it gives a number.
    pub(crate) fn makes_number(self) -> bool {
        match self {
            Function::Simple(simple) => simple.gives == Gives::Number,
            other => matches!(other, Function::Integral | Function::TimeWeightedAvg),
        }
    }

    /// Whether it makes an event timeline.
    pub(crate) fn makes_events(self) -> bool {
        match self {
            Function::Simple(simple) => simple.gives == Gives::Events,
            other => matches!(other, Function::At | Function::Filter),
        }
    }

    /// All operators' own names, as a sentence lists them.
    pub(crate) fn list() -> String {
        let own = FUNCTIONS
            .iter()
            .filter(|(f, _)| !matches!(f, Function::Compare(_) | Function::And | Function::Or | Function::Not));
        let names: Vec<&str> =
            own.map(|(_, names)| names[0]).chain(SIMPLE.iter().map(|simple| simple.names[0])).collect();
        names.split_last().map_or_else(String::new, |(last, rest)| format!("{} and {last}", rest.join(", ")))
    }

    /// Its own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Simple(simple) => simple.names[0],
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
