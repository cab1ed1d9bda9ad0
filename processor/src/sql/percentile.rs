//! `percentile_cont(p) WITHIN GROUP (ORDER BY x)` with every digit: the library cuts how far it is between two values to
//! millionths of their distance.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature};
use std::sync::Arc;

/// The function.
pub(super) fn percentile_cont() -> AggregateUDF {
    AggregateUDF::from(ExactPercentile(PercentileCont::new()))
}

/// The library's, but for what lies between two values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactPercentile(PercentileCont);

impl AggregateUDFImpl for ExactPercentile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // The library says what is wrong with a share that is none.
        let of_library = self.0.accumulator(args.clone())?;
        if *args.expr_fields[0].data_type() != DataType::Float64 {
            return Ok(of_library);
        }
        let share = args.exprs[1].evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty())))?;
        let ColumnarValue::Scalar(share) = share else { return Ok(of_library) };
        let ScalarValue::Float64(Some(share)) = share.cast_to(&DataType::Float64)? else { return Ok(of_library) };
        let is_descending = args.order_bys.first().is_some_and(|by| by.options.descending);
        Ok(Box::new(SortedValues { values: vec![], share, is_descending, is_distinct: args.is_distinct }))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.0.simplify()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.0.supports_within_group_clause()
    }
}

/// All values of a group.
#[derive(Debug)]
struct SortedValues {
    values: Vec<f64>,
    /// How far to go in their order, from 0 to 1.
    share: f64,
    is_descending: bool,
    is_distinct: bool,
}

impl SortedValues {
    fn take(&mut self, values: &dyn Array) {
        self.values.extend(values.as_primitive::<Float64Type>().iter().flatten());
    }
}

impl Accumulator for SortedValues {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return plan_err!("`percentile_cont` takes a column") };
        self.take(values);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return plan_err!("`percentile_cont` takes a column") };
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            let place = self.values.iter().position(|own| own.total_cmp(&value).is_eq());
            place.into_iter().for_each(|place| _ = self.values.swap_remove(place));
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.values.sort_unstable_by(f64::total_cmp);
        let value = match self.is_distinct {
            true => {
                let mut values = self.values.clone();
                values.dedup();
                between(&values, self.share, self.is_descending)
            }
            false => between(&self.values, self.share, self.is_descending),
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = Float64Array::from(std::mem::take(&mut self.values));
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(values)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(lists) = states.first() else { return plan_err!("a state of `percentile_cont` has a column") };
        lists.as_list::<i32>().iter().flatten().for_each(|values| self.take(&values));
        Ok(())
    }
}

/// The value a share of the way through values, which are sorted, from their beginning or their end: on the line between the
/// two that it lies between.
fn between(values: &[f64], share: f64, is_descending: bool) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let at = |place: f64| {
        let place = (place as usize).min(last);
        values[if is_descending { last - place } else { place }]
    };
    let place = share * last as f64;
    let (lower, upper, part) = (at(place.floor()), at(place.ceil()), place - place.floor());
    // Where both are the same, infinite ones included, so is what lies between.
    Some(if part == 0.0 || lower == upper { lower } else { lower + (upper - lower) * part })
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn what_lies_between_two_values_has_every_digit() {
        assert_eq!(between(&[0.0, 1e6], 0.123_456_789, false), Some(1e6 * 0.123_456_789));
        assert_eq!(between(&[1.0, 2.0, 4.0], 0.5, true), Some(2.0));
        assert_eq!(between(&[1.0, 2.0, 4.0], 0.75, false), Some(3.0));
        assert_eq!(between(&[1.0, 2.0, 4.0], 0.75, true), Some(1.5));
        assert_eq!(between(&[1.0, 2.0, 4.0], 1.0, true), Some(1.0));
        assert_eq!((between(&[7.0], 0.3, false), between(&[], 0.3, false)), (Some(7.0), None));
    }
}
