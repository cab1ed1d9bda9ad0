//! `docs/recipes.md`: every program of it is that of a test, and every test has its recipe.

use super::root;
use crate::cli::Sandbox;
use std::collections::BTreeSet;

#[test]
fn every_recipe_is_a_test_that_holds() {
    let folder = root().join("examples/recipes");
    let run = Sandbox::new().run(&["test", folder.to_str().expect("UTF-8")]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let page = std::fs::read_to_string(root().join("docs/recipes.md")).expect("the page is there");
    let mut linked = BTreeSet::new();
    for recipe in page.split("\n## ").skip(1) {
        let link = recipe.split("](../examples/recipes/").nth(1).and_then(|rest| rest.split(')').next());
        let name = link.unwrap_or_else(|| panic!("no test is named: {recipe}"));
        let test = std::fs::read_to_string(folder.join(name)).expect("the test that is named is there");
        let program = test.split("--- program\n").nth(1).and_then(|rest| rest.split("\n---").next());
        let printed = recipe.split("```timeline\n").nth(1).and_then(|rest| rest.split("\n```").next());
        assert_eq!(printed, program, "{name}");
        linked.insert(name.to_owned());
    }
    let names =
        std::fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("an entry").file_name());
    let there: BTreeSet<String> =
        names.map(|name| name.into_string().expect("UTF-8")).filter(|name| name.ends_with(".tltest")).collect();
    assert_eq!(linked, there);
}
