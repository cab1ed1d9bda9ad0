//! `sum` of whole numbers and of decimals, with an error where 64 bits or 38 digits do not hold it; the library's begins again
//! at the other end.
//!
//! It adds up in 128 bits, which no number of rows of whole numbers fills, so that only the sum that is asked for must fit: in
//! between it may be larger, in whatever order rows come. Of all other types the library's is asked.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, UInt64Type};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
    utils::AggregateOrderSensitivity,
};
use std::sync::Arc;

/// The function.
pub(super) fn sum() -> AggregateUDF {
    AggregateUDF::from(CheckedSum(Sum::new()))
}

/// A decimal has so many digits at the most.
const DECIMAL_MAX: i128 = 10i128.pow(38) - 1;
/// Enough for the whole numbers of as many rows as there may be.
const WIDE: DataType = DataType::Decimal128(38, 0);

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum(Sum);

/// Whether it is ours to add up.
fn is_exact(sum: &DataType, is_distinct: bool) -> bool {
    matches!(sum, DataType::Int64 | DataType::UInt64 | DataType::Decimal128(..)) && !is_distinct
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_exact(args.return_field.data_type(), args.is_distinct) {
            true => Ok(Box::new(WholeSum::new(args.return_field.data_type()))),
            false => self.0.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match is_exact(args.return_field.data_type(), args.is_distinct) {
            true => Ok(Box::new(WholeSum::new(args.return_field.data_type()))),
            false => self.0.create_sliding_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_exact(args.return_field.data_type(), args.is_distinct) {
            return self.0.state_fields(args);
        }
        let field = |part: &str, ty: DataType| Arc::new(Field::new(format!("{}[{part}]", args.name), ty, true));
        Ok(vec![field("sum", WIDE), field("count", DataType::UInt64)])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match is_exact(args.return_field.data_type(), args.is_distinct) {
            true => {
                let ty = args.return_field.data_type().clone();
                Ok(Box::new(WholeSums { sums: vec![], counts: vec![], ty }))
            }
            false => self.0.create_groups_accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }
}

/// Numbers of a column as wide ones; of a decimal with as many digits behind the point.
fn wide(values: &[ArrayRef]) -> Result<ArrayRef> {
    let [values] = values else { return plan_err!("`sum` takes one column") };
    match values.data_type() {
        DataType::Decimal128(..) => Ok(Arc::clone(values)),
        _ => Ok(cast(values, &WIDE)?),
    }
}

/// Adds to a sum.
fn add(sum: &mut i128, value: i128) -> Result<()> {
    match sum.checked_add(value) {
        Some(added) => *sum = added,
        None => return exec_err!("{TOO_LARGE}"),
    }
    Ok(())
}

/// What is said of decimals.
const TOO_LARGE: &str = "a sum of decimals has more than 38 digits; write sum(CAST(x AS DOUBLE)), which is rounded";

/// A sum that is asked for; null of no values.
fn told(sum: i128, count: u64, ty: &DataType) -> Result<ScalarValue> {
    let fits = match ty {
        _ if count == 0 => return ScalarValue::try_from(ty),
        DataType::Decimal128(digits, scale) => {
            if sum.unsigned_abs() > DECIMAL_MAX.unsigned_abs() {
                return exec_err!("{TOO_LARGE}");
            }
            Some(ScalarValue::Decimal128(Some(sum), *digits, *scale))
        }
        DataType::UInt64 => u64::try_from(sum).ok().map(|sum| ScalarValue::UInt64(Some(sum))),
        _ => i64::try_from(sum).ok().map(|sum| ScalarValue::Int64(Some(sum))),
    };
    match fits {
        Some(sum) => Ok(sum),
        None => exec_err!("a sum of whole numbers is beyond 64 bits; write sum(CAST(x AS DECIMAL(38, 0)))"),
    }
}

/// The sum of one group.
#[derive(Debug)]
struct WholeSum {
    sum: i128,
    /// How many values there are; of none there is no sum.
    count: u64,
    ty: DataType,
}

impl WholeSum {
    fn new(ty: &DataType) -> WholeSum {
        WholeSum { sum: 0, count: 0, ty: ty.clone() }
    }
}

impl Accumulator for WholeSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = wide(values)?;
        for value in values.as_primitive::<Decimal128Type>().iter().flatten() {
            add(&mut self.sum, value)?;
            self.count += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = wide(values)?;
        for value in values.as_primitive::<Decimal128Type>().iter().flatten() {
            add(&mut self.sum, value.saturating_neg())?;
            self.count = self.count.saturating_sub(1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        told(self.sum, self.count, &self.ty)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128(Some(self.sum), 38, 0), ScalarValue::UInt64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [sums, counts] = states else { return plan_err!("a state of `sum` has two columns") };
        for sum in sums.as_primitive::<Decimal128Type>().iter().flatten() {
            add(&mut self.sum, sum)?;
        }
        self.count += counts.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        Ok(())
    }
}

/// The sums of all groups.
#[derive(Debug)]
struct WholeSums {
    sums: Vec<i128>,
    counts: Vec<u64>,
    ty: DataType,
}

impl WholeSums {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }
}

impl GroupsAccumulator for WholeSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let values = wide(values)?;
        for (row, value) in values.as_primitive::<Decimal128Type>().iter().enumerate() {
            let is_left_out = filter.is_some_and(|filter| filter.is_null(row) || !filter.value(row));
            if let Some(value) = value.filter(|_| !is_left_out) {
                add(&mut self.sums[groups[row]], value)?;
                self.counts[groups[row]] += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts));
        let told = sums.into_iter().zip(counts).map(|(sum, count)| told(sum, count, &self.ty));
        let told = told.collect::<Result<Vec<_>>>()?;
        match told.is_empty() {
            true => Ok(arrow::array::new_empty_array(&self.ty)),
            false => ScalarValue::iter_to_array(told),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.counts));
        let sums = Decimal128Array::from_iter_values(sums).with_data_type(WIDE);
        Ok(vec![Arc::new(sums), Arc::new(UInt64Array::from(counts))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let [sums, counts] = states else { return plan_err!("a state of `sum` has two columns") };
        let (sums, counts) = (sums.as_primitive::<Decimal128Type>(), counts.as_primitive::<UInt64Type>());
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| !sums.is_null(*row) && !counts.is_null(*row)) {
            add(&mut self.sums[*group], sums.value(row))?;
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut each = WholeSums { sums: vec![], counts: vec![], ty: self.ty.clone() };
        let rows = values.first().map_or(0, Array::len);
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<u64>()
    }
}
