//! What is said of a list that is not shown to its end: how much of it is, and how to get the rest.

use processor::engine::PageExtent;

/// Says on standard error that a list goes on behind what is shown of it, or has nothing where it was asked for.
pub(super) fn tell(extent: PageExtent) {
    if let Some(said) = said(extent) {
        eprintln!("timeline: {said}");
    }
}

fn said(PageExtent { offset, rows, of }: PageExtent) -> Option<String> {
    let next = offset.saturating_add(rows);
    if next >= of {
        let is_beyond = offset > 0 && rows == 0;
        return is_beyond.then(|| format!("no rows: --offset {offset} passes over all {of}"));
    }
    let shown = if offset == 0 || rows == 0 { rows.to_string() } else { format!("{} to {next}", offset + 1) };
    Some(format!("{shown} of {of} rows; the rest: --offset {next}"))
}

#[cfg(test)]
mod tests {
    use super::said;
    use processor::engine::PageExtent;

    #[test]
    fn a_list_that_goes_on_says_how() {
        let check = |offset, rows, of, expect: &str| {
            assert_eq!(said(PageExtent { offset, rows, of }).unwrap_or_default(), expect, "{offset} {rows} {of}");
        };
        check(0, 37, 37, "");
        check(0, 0, 0, "");
        check(0, 10, 37, "10 of 37 rows; the rest: --offset 10");
        check(10, 10, 37, "11 to 20 of 37 rows; the rest: --offset 20");
        check(30, 7, 37, "");
        check(0, 0, 37, "0 of 37 rows; the rest: --offset 0");
        check(5, 0, 37, "0 of 37 rows; the rest: --offset 5");
        check(40, 0, 37, "no rows: --offset 40 passes over all 37");
    }
}
