//! `docs/http.md` against a real processor: every route has its section, and every example on the page is run as it
//! stands, with its answer compared.

use crate::cli::Sandbox;
use crate::cluster::Processor;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "docs/http.md";

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap()
}

/// A block of code: its language, and the text.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
}

/// The sections of a page: headings and blocks.
fn sections(page: &str) -> Vec<(&str, Vec<Block<'_>>)> {
    let sections = page.split("\n## ").skip(1);
    let blocks = |text: &'_ str| -> Vec<(usize, usize)> {
        let fences: Vec<usize> = text.match_indices("```").map(|(at, _)| at).collect();
        fences.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let section = |text| {
        let (heading, rest): (&str, &str) = str::split_once(text, '\n').unwrap();
        let block = |(from, to): (usize, usize)| {
            let (language, text) = rest[from + 3..to].split_once('\n').unwrap();
            Block { language, text }
        };
        (heading, blocks(rest).into_iter().map(block).collect())
    };
    sections.map(section).collect()
}

#[test]
fn every_route_has_its_section_and_an_example() {
    let page = page();
    let sections = sections(&page);
    let described: Vec<String> =
        sections.iter().flat_map(|(heading, _)| heading.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    let routes: Vec<String> =
        processor::http::routes().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(described, routes, "{PAGE} describes the routes, in their order");
    for (heading, blocks) in sections.iter().filter(|(heading, _)| heading.starts_with('`')) {
        let is_between_processors = heading.contains("/v1/peer/");
        assert!(is_between_processors || blocks.iter().any(|block| block.language == "sh"), "{heading}: no example");
    }
}

/// Whether a value has the form that is shown: the members that are, with values of the same types, and of lists the
/// first. Members may be added without a word here.
fn is_alike(shown: &Value, found: &Value) -> Result<(), String> {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => shown.iter().try_for_each(|(name, value)| {
            let found = found.get(name).ok_or_else(|| format!("{name} is missing"))?;
            is_alike(value, found).map_err(|error| format!("{name}: {error}"))
        }),
        (Value::Array(shown), Value::Array(found)) => match (shown.first(), found.first()) {
            (Some(shown), Some(found)) => is_alike(shown, found),
            (None, None) => Ok(()),
            _ => Err(format!("{found:?}")),
        },
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => Ok(()),
        _ => Err(format!("{found}, not {shown}")),
    }
}

#[test]
fn every_example_is_answered_as_the_page_says() {
    let page = page();
    let sandbox = Sandbox::new();
    // The files of the example stand in the first section, under their names.
    let sections = sections(&page);
    let (_, files) = &sections[0];
    for block in files.iter().filter(|block| block.language != "sh") {
        let (name, text) = block.text.split_once('\n').unwrap();
        sandbox.file(name.trim_start_matches(['/', '#', ' ']), text);
    }
    let serve = files.iter().find(|block| block.language == "sh").unwrap().text.trim();
    let args: Vec<&str> = serve.strip_prefix("timeline serve ").unwrap().split_whitespace().collect();
    let processor = Processor::start(sandbox.command(), &args);
    let bin = Path::new(env!("CARGO_BIN_EXE_timeline")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for (heading, blocks) in &sections[1..] {
        for (i, block) in blocks.iter().enumerate().filter(|(_, block)| block.language == "sh") {
            let line = block.text.replace("http://127.0.0.1:7171", &processor.url);
            let run = Command::new("sh")
                .args(["-e", "-c", &line])
                .current_dir(sandbox.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            let (said, why) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
            assert!(run.status.success(), "{heading}: {line}{said}{why}");
            assert!(!said.is_empty() || !why.is_empty(), "{heading}: {line} says nothing");
            count += 1;
            let Some(shown) = blocks.get(i + 1).filter(|next| next.language != "sh") else { continue };
            match shown.language {
                "text" => assert_eq!(said.trim_end(), shown.text.trim_end(), "{heading}: {line}"),
                "json" => {
                    let [shown, found] = [shown.text, &said].map(|text| {
                        serde_json::from_str(text).unwrap_or_else(|error| panic!("{heading}: {error}: {text}"))
                    });
                    is_alike(&shown, &found).unwrap_or_else(|error| panic!("{heading}: {line}{error}\n{found}"));
                }
                other => panic!("{heading}: an answer in {other}"),
            }
        }
    }
    assert!(count >= 12, "{count} examples");
}
