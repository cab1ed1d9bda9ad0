//! Columns of an answer that have one name: `SELECT count(*), count(*)`, `SELECT 1, 1`, `SELECT *, session`.
//!
//! PostgreSQL answers that, and the library refuses a list with one name twice. So where it does, the later ones get names
//! of our own before the statement is planned anew, and their own again in the answer. Which they are, the library says:
//! it names columns by what it makes of them (`count(*)` and `COUNT(*)`, `a` and `t.a`), and knows what stands for `*`.
//!
//! **Invariant:** a name of our own is in no answer, and no column has another name than it would have alone.
//! Within a statement, in a subquery or a `WITH`, one name twice stays refused: whatever reads it could not say which.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, Query, Select, SelectItem, SetExpr, SetQuantifier, Statement as Ast,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What a name of our own begins with.
const OWN: &str = "__timeline_again_";

/// Columns of an answer under names of our own.
#[derive(Debug, Default)]
pub(super) struct NamedTwice {
    /// By our own names those that the statement gives, if it gives one.
    said: BTreeMap<String, Option<String>>,
}

/// The names that columns of an answer have in it, by those of our own.
#[derive(Debug, Default)]
pub(super) struct AnswerNames(BTreeMap<String, String>);

impl NamedTwice {
    /// Gives columns other names if `error` is that some have one name. `false` if there is nothing more to be done.
    pub(super) fn mend(&mut self, statement: &mut Statement, error: &DataFusionError) -> bool {
        let message = error.find_root().to_string();
        let (places, alias) = (places(&message), shadowed(&message));
        if places.is_none() && alias.is_none() {
            return false;
        }
        let mut selects = vec![];
        if let Some(query) = query_of(statement) {
            outermost(&mut query.body, &mut selects);
        }
        let Some((first, second)) = places else {
            let items = selects.iter_mut().flat_map(|select| &mut select.projection);
            return items
                .filter(|item| is_called(item, alias))
                .fold(false, |is_changed, item| is_changed | self.rename(item));
        };
        let mut is_changed = false;
        for select in &mut selects {
            is_changed |= self.mend_alike(&mut select.projection);
        }
        is_changed || selects.iter_mut().any(|select| self.mend_at(&mut select.projection, first, second))
    }

    /// Those that are written alike, of each the later ones.
    fn mend_alike(&mut self, items: &mut [SelectItem]) -> bool {
        let mut seen = HashSet::new();
        let mut is_changed = false;
        for item in items {
            let written = match item {
                SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                SelectItem::UnnamedExpr(SqlExpr::Identifier(name)) => name.value.clone(),
                SelectItem::UnnamedExpr(expr) => expr.to_string(),
                _ => continue,
            };
            if !seen.insert(written) {
                is_changed |= self.rename(item);
            }
        }
        is_changed
    }

    /// One that the library says is called like another, by their places once each `*` is put in.
    fn mend_at(&mut self, items: &mut [SelectItem], first: usize, second: usize) -> bool {
        let is_many =
            |item: &SelectItem| !matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
        let until = items.iter().position(is_many).unwrap_or(items.len());
        if second < until {
            return self.rename(&mut items[second]);
        }
        let mut is_changed = false;
        for item in items.iter_mut().skip(until) {
            is_changed |= self.rename(item);
        }
        is_changed || (first < until && self.rename(&mut items[first]))
    }

    /// Gives a column a name of our own, unless it has one or is none alone.
    fn rename(&mut self, item: &mut SelectItem) -> bool {
        let (expr, said) = match item {
            SelectItem::UnnamedExpr(expr) => (expr.clone(), None),
            SelectItem::ExprWithAlias { expr, alias } if !self.said.contains_key(&alias.value) => {
                (expr.clone(), Some(alias.value.clone()))
            }
            _ => return false,
        };
        let own = format!("{OWN}{}", self.said.len());
        self.said.insert(own.clone(), said);
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', own) };
        true
    }

    /// The names that the columns have in the answer of a plan.
    pub(super) fn names(self, plan: &LogicalPlan) -> Result<AnswerNames> {
        let mut names = BTreeMap::new();
        if self.said.is_empty() {
            return Ok(AnswerNames(names));
        }
        plan.apply(|node| {
            node.apply_expressions(|expr| {
                if let Expr::Alias(alias) = expr
                    && self.said.contains_key(&alias.name)
                {
                    let (_, alone) = alias.expr.qualified_name();
                    names.entry(alias.name.clone()).or_insert(alone);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        names.extend(self.said.into_iter().filter_map(|(own, said)| Some((own, said?))));
        Ok(AnswerNames(names))
    }
}

impl AnswerNames {
    /// Columns with the names that they have in the answer.
    pub(super) fn columns(&self, schema: &SchemaRef) -> SchemaRef {
        if self.0.is_empty() {
            return Arc::clone(schema);
        }
        let named = |field: &Arc<Field>| match self.0.get(field.name()) {
            Some(name) => Arc::new(field.as_ref().clone().with_name(name)),
            None => Arc::clone(field),
        };
        let fields: Vec<_> = schema.fields().iter().map(named).collect();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    }

    /// Rows with columns of [`AnswerNames::columns`].
    pub(super) fn rows(&self, batch: RecordBatch, columns: &SchemaRef) -> Result<RecordBatch> {
        if self.0.is_empty() {
            return Ok(batch);
        }
        let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(columns), batch.columns().to_vec(), &count)?)
    }
}

/// Whether a column was given that name.
fn is_called(item: &SelectItem, name: Option<&str>) -> bool {
    matches!(item, SelectItem::ExprWithAlias { alias, .. } if Some(alias.value.as_str()) == name)
}

/// The name that a column was given which one of a table has beside it, if that is what a message of the library says.
fn shadowed(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Schema contains qualified field name ")?;
    let (_, rest) = rest.split_once(" and unqualified field name ")?;
    let (name, _) = rest.split_once(" which would be ambiguous")?;
    Some(name.trim_matches('"'))
}

/// Which two columns of a list have one name, from 0, if that is what a message of the library says.
fn places(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.split_once("Projections require unique expression names")?;
    // Expressions stand in between, in which the words may stand, too; so the last of each counts.
    let (before, after) = rest.rsplit_once(" at position ")?;
    let number = |text: &str| text.split(' ').next()?.parse::<usize>().ok();
    let (_, first) = before.split_once(" at position ")?;
    Some((number(first)?, number(after)?))
}

/// What is to be done where one name stands twice in a list that something reads.
pub(super) fn advice(message: &str) -> Option<String> {
    let (first, second) = places(message)?;
    let (first, second) = (first + 1, second + 1);
    Some(format!("columns {first} and {second} of a SELECT list have one name; give one of them another with AS"))
}

fn query_of(statement: &mut Statement) -> Option<&mut Query> {
    match statement {
        Statement::Statement(ast) => match &mut **ast {
            Ast::Query(query) => Some(query.as_mut()),
            _ => None,
        },
        Statement::Explain(explain) => query_of(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

/// The lists whose columns are those of the answer, or are put together to them by their places.
fn outermost<'a>(body: &'a mut SetExpr, selects: &mut Vec<&'a mut Select>) {
    match body {
        SetExpr::Select(select) => selects.push(select),
        SetExpr::Query(query) => outermost(&mut query.body, selects),
        SetExpr::SetOperation { left, right, set_quantifier, .. } => {
            let by_name = [SetQuantifier::ByName, SetQuantifier::AllByName, SetQuantifier::DistinctByName];
            if !by_name.contains(set_quantifier) {
                outermost(left, selects);
                outermost(right, selects);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn the_library_says_which_columns_have_one_name() {
        let message = "Error during planning: Projections require unique expression names but the expression \
                       \"Utf8(\" at position 7 \") AS a\" at position 0 and \"b AS a\" at position 12 have the same name.";
        assert_eq!(
            places("Projections require unique expression names but x at position 1 and y at position 3 have"),
            Some((1, 3))
        );
        assert_eq!(places(message).map(|(_, second)| second), Some(12));
        assert_eq!(places("something else at position 1 and at position 2"), None);
    }
}
