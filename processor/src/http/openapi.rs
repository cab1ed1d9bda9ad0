//! The interface in OpenAPI, for tools that make clients of it or look for faults in it.
//!
//! The description is written by hand, so it says what is meant and not how the code happens to be. **Invariant:** it has
//! the routes and no others, and the errors of `docs/http.md` and no others, as the tests here say; `tests/tools` holds
//! answers to it.

/// Where it is asked for.
pub(super) const PATH: &str = "/openapi.json";

/// The description, in OpenAPI 3.1.
pub(super) const DESCRIPTION: &str = include_str!("openapi.json");

#[cfg(test)]
pub(super) mod tests {
    use super::DESCRIPTION;
    use crate::http::{routes, token};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn description() -> Value {
        serde_json::from_str(DESCRIPTION).expect("JSON")
    }

    /// Method, address, and what is said of them.
    fn operations(description: &Value) -> Vec<(String, String, Value)> {
        let mut all = vec![];
        for (path, methods) in description["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                all.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
        all
    }

    /// The errors that are described: status and code.
    pub(in crate::http) fn errors() -> BTreeSet<(u16, String)> {
        let description = description();
        let mut all = BTreeSet::new();
        for (name, response) in description["components"]["responses"].as_object().expect("responses") {
            let Some(status) = status_of(name) else { continue };
            let codes = response.pointer("/content/application~1json/schema/allOf/1/properties/code/enum");
            for code in codes.and_then(Value::as_array).unwrap_or_else(|| panic!("{name} has no codes")) {
                all.insert((status, code.as_str().expect("a code").to_owned()));
            }
        }
        all
    }

    /// The status of a response that is an error: its name begins with it.
    fn status_of(name: &str) -> Option<u16> {
        name.get(..3)?.parse().ok()
    }

    /// The table of errors in `docs/http.md`.
    fn documented() -> BTreeSet<(u16, String)> {
        let mut all = BTreeSet::new();
        for line in include_str!("../../../docs/http.md").lines() {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let status: Option<u16> = cells.next().and_then(|cell| cell.parse().ok());
            let (Some(status), Some(codes)) = (status, cells.next()) else { continue };
            all.extend(codes.split('`').skip(1).step_by(2).map(|code| (status, code.to_owned())));
        }
        all
    }

    #[test]
    fn it_has_every_route_and_no_other() {
        let described: BTreeSet<(String, String)> =
            operations(&description()).into_iter().map(|(method, path, _)| (method, path)).collect();
        let routes: BTreeSet<(String, String)> =
            routes::all().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn it_has_every_error_that_is_documented_and_no_other() {
        let documented = documented();
        assert!(documented.len() > 10, "docs/http.md has no table of errors");
        assert_eq!(errors(), documented);
    }

    #[test]
    fn every_error_of_an_operation_is_one_of_those() {
        let description = description();
        let mut used = BTreeSet::new();
        for (method, path, operation) in operations(&description) {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                let name = response["$ref"].as_str().and_then(|at| at.strip_prefix("#/components/responses/"));
                if status.as_str() < "400" {
                    continue;
                }
                let name = name.unwrap_or_else(|| panic!("{method} {path}: {status} is described apart"));
                assert!(name.starts_with(status.as_str()), "{method} {path}: {status} is {name}");
                assert!(description["components"]["responses"].get(name).is_some(), "{method} {path}: no {name}");
                used.insert(name.to_owned());
            }
        }
        let all = description["components"]["responses"].as_object().expect("responses").keys();
        let unused: Vec<&String> = all.filter(|name| status_of(name).is_some() && !used.contains(*name)).collect();
        // No operation is asked with another method than its own.
        assert_eq!(unused, ["405"]);
    }

    #[test]
    fn what_needs_no_token_is_described_so() {
        let mut open = BTreeSet::new();
        for (method, path, operation) in operations(&description()) {
            let is_open = operation["security"] == json!([]);
            assert_eq!(is_open, operation["responses"].get("401").is_none(), "{method} {path}");
            if is_open {
                open.insert(path);
            }
        }
        assert_eq!(open, BTreeSet::from(token::OPEN.map(str::to_owned)));
    }
}
