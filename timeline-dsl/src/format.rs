//! The one layout of a program.
//!
//! A layout is made of tokens, comments, and the line breaks that the author chose inside of definitions; blanks are
//! forgotten. So it does not depend on how the text was laid out before otherwise, a second pass changes nothing, and no
//! token is ever added, dropped or changed, but for the commas and semicolons between the clauses of a source or a table.
//!
//! * A declaration begins a line, and so does every clause of a source that is not written on one line; columns share lines.
//! * Words of clauses, and the names of definitions that follow each other, are filled up so that what is behind them aligns.
//! * A line that goes on is indented to its bracket, or to the expression; `|` stands below the `=`.
//! * A line of more than 100 columns is broken where it binds loosest; comments, and what has no place to break, are not.
//! * Of blank lines at most one stays.

mod layout;
mod pieces;
mod wrap;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::parser;
use crate::syntax::{ClauseKind, Item, SourceItem, Span, TableItem};
use pieces::pieces;

/// What the layout needs to know of a program beside its tokens.
#[derive(Default)]
struct FormatMarks {
    /// Where declarations begin.
    items: Vec<usize>,
    /// All clauses of sources and tables, and whether they are columns.
    clauses: Vec<(Span, bool)>,
}

/// Lays a program, or a bare expression, out anew; of a text that cannot be read it gives the errors.
///
/// ```
/// let laid_out = timeline_dsl::format("let  a=latest( x )==\"b\"").unwrap();
/// assert_eq!(laid_out, "let a = latest(x) == \"b\"\n");
/// ```
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut sink = Diagnostics::default();
    let mut marks = FormatMarks::default();
    if parser::looks_like_expression(text) {
        parser::parse_expression(0, text, "result", &mut sink);
    } else {
        for item in parser::parse(0, text, &mut sink).items {
            match item {
                Item::Source(SourceItem { clauses, span, .. }) | Item::Table(TableItem { clauses, span, .. }) => {
                    marks.items.push(span.range().start);
                    let clause = |c: &crate::syntax::Clause| (c.span, matches!(c.kind, ClauseKind::Column { .. }));
                    marks.clauses.extend(clauses.iter().map(clause));
                }
                Item::Operator(operator) => marks.items.push(operator.span.range().start),
                Item::Let(d) | Item::Metric(d) | Item::Alert(d) => marks.items.push(d.span.range().start),
            }
        }
    }
    let errors: Vec<Diagnostic> = sink.finish().into_iter().filter(|d| d.severity == Severity::Error).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(wrap::wrapped(pieces(text, &marks)))
}
