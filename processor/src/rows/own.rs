//! Dimensions beside the columns that a table has itself.

use timeline_dsl::is_table_column;

/// What follows a dimension that is called like a column of the table.
const APART: &str = "_dimension";

/// The name of a dimension's column. Programs that name a dimension like a column of ours are refused, but one that was
/// deployed before they were must not keep a processor from answering.
pub fn dimension_column(name: &str) -> String {
    // The windows of `every` are a dimension and a column of ours at once.
    if is_table_column(name) && name != "every" { format!("{name}{APART}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::dimension_column;

    #[test]
    fn only_names_of_ours_are_set_apart() {
        assert_eq!(dimension_column("cdn"), "cdn");
        assert_eq!(dimension_column("every"), "every");
        assert_eq!(dimension_column("Value"), "Value_dimension");
    }
}
