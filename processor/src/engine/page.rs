//! Pages of lists: which rows are wanted, and how much of the list they are.
//!
//! A page is a place and a length in the list as it is when it is asked for, so pages fit together as long as nothing
//! happens in between. Whoever wants them to fit whatever happens asks in SQL, by a condition on what the rows are
//! ordered by.

use super::{AnswerNote, PositionOf};
use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which rows of a list are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows are passed over.
    pub offset: usize,
    /// How many are wanted behind them, at the most.
    pub limit: usize,
}

impl Page {
    /// All rows.
    pub const ALL: Page = Page::first(usize::MAX);

    /// The first rows.
    pub const fn first(limit: usize) -> Page {
        Page { offset: 0, limit }
    }

    /// Where its rows stand among so many.
    pub fn range(self, rows: usize) -> Range<usize> {
        let from = self.offset.min(rows);
        from..from.saturating_add(self.limit).min(rows)
    }

    /// Its rows of a list of `of` rows, of which these are the first or all, and how much of it they are.
    pub fn cut(self, rows: &RecordBatch, of: usize) -> (RecordBatch, PageExtent) {
        let range = self.range(rows.num_rows());
        let extent = PageExtent { offset: self.offset, rows: range.len(), of };
        (rows.slice(range.start, range.len()), extent)
    }
}

/// How much of a list an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageExtent {
    /// How many rows were passed over.
    pub offset: usize,
    /// How many the answer has.
    pub rows: usize,
    /// How many the list has.
    pub of: usize,
}

/// A page of a list, and what it is true for.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The rows.
    pub rows: RecordBatch,
    /// How much of the list they are.
    pub extent: PageExtent,
    /// What the list is true for, by source and partition.
    pub positions: Vec<PositionOf>,
    /// Why it may not be the one that is meant.
    pub notes: Vec<AnswerNote>,
}

#[cfg(test)]
mod tests {
    use super::{Page, PageExtent};
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn a_page_is_cut_out_of_a_list_wherever_it_ends() {
        let all: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5));
        let list = RecordBatch::try_from_iter([("n", all)]).unwrap();
        for (offset, limit, expect) in [
            (0, usize::MAX, 0..5),
            (0, 2, 0..2),
            (2, 2, 2..4),
            (4, 2, 4..5),
            (5, 2, 0..0),
            (usize::MAX, usize::MAX, 0..0),
            (1, 0, 0..0),
        ] {
            let (rows, extent) = Page { offset, limit }.cut(&list, 7);
            let expect: Vec<i64> = expect.collect();
            assert_eq!(rows.column(0).as_primitive::<Int64Type>().values().to_vec(), expect, "{offset} {limit}");
            assert_eq!(extent, PageExtent { offset, rows: expect.len(), of: 7 });
        }
        assert_eq!(Page::ALL.range(3), 0..3);
    }
}
