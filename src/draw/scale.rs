//! Which cell of a line an instant falls into.

/// A range of time spread over cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) cells: usize,
}

impl Scale {
    /// The range `[start, end]` on that many cells, at least one; a range of no length counts as a nanosecond.
    pub(super) fn new(start: i64, end: i64, cells: usize) -> Self {
        Scale { start, end, cells: cells.max(1) }
    }

    /// Length of the range in nanoseconds, positive.
    pub(super) fn length(&self) -> i128 {
        (i128::from(self.end) - i128::from(self.start)).max(1)
    }

    /// The cell of an instant; the first or the last one for instants outside the range.
    pub(super) fn cell(&self, time: i64) -> usize {
        let along = (i128::from(time) - i128::from(self.start)).clamp(0, self.length());
        let cell = along * self.cells as i128 / self.length();
        usize::try_from(cell).map_or(0, |c| c.min(self.cells - 1))
    }

    /// The instant in the middle of a cell.
    pub(super) fn middle(&self, cell: usize) -> i64 {
        let along = (2 * cell as i128 + 1) * self.length() / (2 * self.cells as i128);
        i64::try_from(i128::from(self.start) + along).unwrap_or(i64::MAX)
    }
}
