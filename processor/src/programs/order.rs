//! The order of programs that come together: each behind those that it speaks of, in whatever order they were given.
//!
//! A text speaks of what stands before it alone, and which names it lacks there the compiler says; so nothing here reads
//! expressions, and it is asked only where the order that was given does not do.

use super::{DeployedText, outputs_of, program};
use crate::engine::EngineError;
use crate::operators::Operators;
use std::collections::BTreeSet;
use timeline_dsl::{ProgramText, compile_with, outline};

/// What a text lacks that declares no source, where none is declared before it.
const ANY_SOURCE: &str = "";

/// The texts in an order in which none stands before one that declares what it speaks of; those that are wrong otherwise stand
/// where they do. Refused if some speak of each other. `context` is what is deployed.
pub(super) fn ordered(context: &[DeployedText], new: &[DeployedText]) -> Result<Vec<DeployedText>, EngineError> {
    let (mut ordered, mut rest) = (vec![], new.to_vec());
    while !rest.is_empty() {
        let before: Vec<DeployedText> = [context, &ordered[..]].concat();
        let declared: Vec<BTreeSet<String>> = rest.iter().map(|text| declares(&text.text)).collect();
        let waits = |at: &usize| {
            let lacks = lacks(&before, &rest[*at]);
            declared.iter().enumerate().any(|(other, declared)| other != *at && !declared.is_disjoint(&lacks))
        };
        let Some(next) = (0..rest.len()).find(|at| !waits(at)) else {
            let names: Vec<&str> = rest.iter().map(|text| text.name.as_str()).collect();
            return Err(EngineError::invalid(format!(
                "TL0106: {} speak of each other, so none of them can be the first: define what they speak of in one program, \
                 above where it is used",
                names.join(" and ")
            )));
        };
        ordered.push(rest.remove(next));
    }
    Ok(ordered)
}

/// The names that a text speaks of and that nothing before it declares.
fn lacks(before: &[DeployedText], text: &DeployedText) -> BTreeSet<String> {
    let programs: Vec<ProgramText> = before.iter().chain([text]).map(program).collect();
    let compilation = compile_with(&programs, &Operators::Deployed);
    let own = compilation.diagnostics.iter().filter(|d| d.file == before.len());
    own.filter_map(|d| match d.code {
        "TL0101" => text.text.get(d.span.clone()).map(str::to_owned),
        "TL0304" => Some(ANY_SOURCE.to_owned()),
        _ => None,
    })
    .collect()
}

/// The names that a text has for others.
fn declares(text: &str) -> BTreeSet<String> {
    let mut names = outputs_of(text);
    for source in outline(text).sources {
        names.insert(ANY_SOURCE.to_owned());
        names.insert(source.name);
        names.extend(source.columns.into_iter().map(|column| column.name));
    }
    names
}
