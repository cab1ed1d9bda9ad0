//! `with NAME = STATE, ...`: what is shown beside the rows of a metric or an alert.

use super::Lowering;
use crate::diagnostics::codes;
use crate::syntax::Dimension;
use crate::tables::is_table_column;
use timeline_core::plan::Beside;

/// The most columns that one output shows beside its rows.
const MAX_BESIDE: usize = 64;

impl Lowering<'_> {
    /// The states that are shown, if none of them is a mistake. `dimensions` are columns of the rows already.
    pub(super) fn with(&mut self, source: usize, items: &[Dimension], dimensions: &[String]) -> Option<Vec<Beside>> {
        if let Some(beyond) = items.get(MAX_BESIDE) {
            let message = format!("more than {MAX_BESIDE} columns behind `with`");
            self.error(codes::TOO_LARGE, beyond.value.span, message, "show fewer states");
            return None;
        }
        let mut with: Vec<Beside> = vec![];
        let mut failed = false;
        for item in items {
            let Some(name) = &item.name else { continue };
            let taken = dimensions.contains(&name.text) || with.iter().any(|beside| beside.name == name.text);
            let own = self.quote(item.value.span);
            if is_table_column(&name.text) {
                let message =
                    format!("a column cannot be called `{}`: the tables of results have such a column", name.text);
                let help = format!("give it another name: `with my_{} = {own}`", name.text);
                self.error(codes::RESERVED, name.span, message, help);
            } else if taken {
                let message = format!("two columns are called `{}`", name.text);
                let help = format!("give one of them another name: `with other_{} = {own}`", name.text);
                self.error(codes::DIMENSION, name.span, message, help);
            } else if let Some(of) = self.state_beside(source, item, "`with`") {
                with.push(Beside { name: name.text.clone(), of });
                continue;
            }
            failed = true;
        }
        (!failed).then_some(with)
    }
}
