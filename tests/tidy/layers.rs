//! What the modules of `processor` may know of each other: the table of its layers, and that the code keeps to it.
//!
//! So each layer can be read, tested and built without those above it, and what stands against that is seen at once.

use super::{root, sources};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A layer of `processor`.
struct Layer {
    name: &'static str,
    /// Which other layers its modules may use.
    uses: &'static [&'static str],
    /// Its modules. Each may use those before it.
    modules: &'static [&'static str],
}

/// The lowest layer first.
const LAYERS: &[Layer] = &[
    Layer {
        name: "base",
        uses: &[],
        modules: &["measured", "memory", "records", "remarks", "traced", "url", "wanted"],
    },
    Layer {
        name: "checkpoints",
        uses: &["base"],
        modules: &["code", "checkpoint", "damage", "recent", "start_markers"],
    },
    Layer {
        name: "lanes",
        uses: &["base"],
        modules: &[
            "operators",
            "input",
            "time_jumps",
            "watermark",
            "log_position",
            "totals",
            "lane",
            "feed",
            "pipeline",
            "replay",
            "as_of",
            "spans",
            "story",
            "file_counts",
            "batch",
        ],
    },
    Layer {
        name: "history",
        uses: &["base", "checkpoints", "lanes"],
        modules: &["rows", "labels", "results", "history", "outputs", "retained"],
    },
    Layer {
        name: "partitions",
        uses: &["base", "checkpoints", "lanes", "history"],
        modules: &["members", "partition"],
    },
    // Whoever asks knows tables and their rows, and neither lanes nor partitions.
    Layer {
        name: "queries",
        uses: &["base", "history"],
        modules: &["engine", "sql", "questions", "connection", "tls", "tokens", "server", "http", "postgres", "flight"],
    },
    Layer {
        name: "service",
        uses: &["base", "checkpoints", "lanes", "history", "partitions", "queries"],
        modules: &["programs", "outliers", "peers", "service"],
    },
];

/// Libraries that take long to build, or bring much, and where alone they are named.
const HEAVY: &[(&str, &str)] = &[
    ("arrow_flight", "processor/src/flight/"),
    ("datafusion", "processor/src/sql/"),
    ("delta_kernel", "processor/src/history/delta.rs"),
    ("object_store", "processor/checkpoint/src/"),
    ("tokio_rustls", "processor/src/tls.rs"),
    ("tonic", "processor/src/flight/"),
    ("wasmtime", "processor/src/operators/runtime.rs"),
];

/// A module that a file uses, and in which line.
#[derive(Debug, PartialEq)]
struct Use {
    line: usize,
    module: String,
}

fn layer_of(module: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.modules.contains(&module))
}

/// Why a module may not use another one, if it may not.
fn refusal(user: &str, used: &str) -> Option<String> {
    if user == used {
        return None;
    }
    let Some((own, other)) = layer_of(user).zip(layer_of(used)) else {
        return Some(format!("`{user}` or `{used}` has no layer: give it one in tests/tidy/layers.rs"));
    };
    if own.name == other.name {
        let place = |module: &str| own.modules.iter().position(|known| *known == module);
        return (place(used) > place(user)).then(|| {
            format!(
                "`{used}` stands behind `{user}` in the layer `{}`: change their order, unless that is a circle",
                own.name
            )
        });
    }
    (!own.uses.contains(&other.name)).then(|| {
        format!(
            "`{user}` is of the layer `{}`, which may use {:?}; `{used}` is of `{}`: move what both need further down",
            own.name, own.uses, other.name
        )
    })
}

/// Whether an attribute says that what follows is there for tests alone.
fn is_for_tests(attribute: &str) -> bool {
    attribute.starts_with("#[cfg(test)]") || attribute.starts_with("#[cfg(all(test,")
}

/// A text without its comments and without the tests at its end, with as many lines before each place.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| is_for_tests(pair[0]) && pair[1] == "mod tests {");
    let without_comment = |line: &&str| {
        // Two slashes behind a colon are part of an address.
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
        comment.map_or(*line, |(at, _)| &line[..at]).to_owned() + "\n"
    };
    lines[..tests.unwrap_or(lines.len())].iter().map(without_comment).collect()
}

/// The first names of a path, or of a list of paths in braces.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut begin) = (0, vec![], 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&list[begin..at]));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The modules at the top of the crate that a text uses, which is that of a module so many modules below the top.
fn uses(text: &str, depth: usize) -> Vec<Use> {
    let text = code(text);
    let mut found = vec![];
    let mut add = |at: usize, path: &str| {
        let line = text[..at].lines().count().max(1);
        // Names with a capital are no modules.
        let modules = first_names(path).into_iter().filter(|name| !name.starts_with(char::is_uppercase));
        found.extend(modules.map(|module| Use { line, module }));
    };
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    for (at, path) in text.match_indices("crate::").filter(|(at, _)| begins(*at)) {
        add(at + 1, &text[at + path.len()..]);
    }
    let up = "super::".repeat(depth);
    for (at, path) in text.match_indices(&up).filter(|(at, _)| begins(*at)) {
        add(at + 1, &text[at + path.len()..]);
    }
    found.sort_by_key(|found| found.line);
    found
}

/// Modules that are there for tests alone, as the beginnings of their files' paths.
fn test_modules(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for file in files {
        let is_folder = file.ends_with("mod.rs") || file.ends_with("lib.rs");
        let folder = if is_folder { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        let text = std::fs::read_to_string(file).unwrap();
        for (before, line) in text.lines().zip(text.lines().skip(1)) {
            let module = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")).map(|(_, name)| name);
            if let Some(module) = module.filter(|_| is_for_tests(before)) {
                all.insert(folder.join(module));
            }
        }
    }
    all
}

/// The files of a folder that are no tests, with their texts.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = vec![];
    sources(folder, &mut all);
    let tests = test_modules(&all);
    all.retain(|file| {
        let is_test = |test: &PathBuf| file.starts_with(test) || *file == test.with_extension("rs");
        !tests.iter().any(is_test)
    });
    all.sort();
    let text = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file, text)
    };
    all.into_iter().map(text).collect()
}

/// The modules on the way from the top of the crate to a file: `a::b` of `a/b.rs` and of `a/b/mod.rs`.
fn modules(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The modules at the top of `processor`, by its `lib.rs`; crates that it shows as modules are among them.
fn top() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("processor/src/lib.rs")).unwrap();
    let name = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line).strip_suffix(';')?;
        let shown = || line.strip_prefix("use timeline_checkpoint").and_then(|shown| shown.rsplit([' ', ':']).next());
        line.strip_prefix("mod ").or_else(shown).map(str::to_owned)
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn every_module_of_the_processor_has_a_layer() {
    let known: Vec<&str> = LAYERS.iter().flat_map(|layer| layer.modules).copied().collect();
    let once: BTreeSet<&str> = known.iter().copied().collect();
    assert_eq!(known.len(), once.len(), "a module stands in the table twice");
    let top = top();
    assert!(top.len() > 30, "{top:?}");
    let there: BTreeSet<&str> = top.iter().map(String::as_str).collect();
    let missing: Vec<_> = there.difference(&once).collect();
    assert!(missing.is_empty(), "modules without a layer, give them one in tests/tidy/layers.rs: {missing:?}");
    let gone: Vec<_> = once.difference(&there).collect();
    assert!(gone.is_empty(), "modules that are there no more: {gone:?}");
    for (at, layer) in LAYERS.iter().enumerate() {
        let below: Vec<&str> = LAYERS[..at].iter().map(|below| below.name).collect();
        assert!(layer.uses.iter().all(|used| below.contains(used)), "`{}` uses a layer above it", layer.name);
    }
}

#[test]
fn no_module_of_the_processor_uses_a_layer_above_it() {
    let folder = root().join("processor/src");
    let top = top();
    let (mut refused, mut seen) = (vec![], 0);
    for (file, text) in files(&folder) {
        let path = file.strip_prefix(&folder).unwrap();
        let modules = modules(path);
        if modules == ["lib"] {
            continue;
        }
        for Use { line, module } in uses(&text, modules.len()).into_iter().filter(|found| top.contains(&found.module)) {
            seen += 1;
            if let Some(why) = refusal(&modules[0], &module) {
                refused.push(format!("processor/src/{}:{line}: {why}", path.display()));
            }
        }
    }
    assert!(seen > 500, "only {seen} uses were found");
    assert!(refused.is_empty(), "against the layers of `processor`:\n{}", refused.join("\n"));
}

#[test]
fn heavy_libraries_are_named_in_one_place() {
    let named: Vec<(String, String)> = ["processor/src", "processor/checkpoint/src"]
        .into_iter()
        .flat_map(|folder| files(&root().join(folder)))
        .map(|(file, text)| (file.strip_prefix(root()).unwrap().display().to_string(), code(&text)))
        .collect();
    for (library, place) in HEAVY {
        let path = format!("{library}::");
        let names = |text: &str| text.match_indices(&path).any(|(at, _)| !text[..at].ends_with([':', '_']));
        let (inside, outside): (Vec<&String>, Vec<&String>) = named
            .iter()
            .filter(|(_, text)| names(text))
            .map(|(file, _)| file)
            .partition(|file| file.starts_with(place));
        assert!(outside.is_empty(), "`{library}` is for {place} alone, and is named in {outside:?}");
        assert!(!inside.is_empty(), "{place} does not name `{library}` any more");
    }
}

#[test]
fn what_stands_against_the_layers_is_seen() {
    let found = |text: &str, depth: usize| {
        uses(text, depth).into_iter().map(|Use { line, module }| format!("{line} {module}")).collect::<Vec<_>>()
    };
    let text = "//! See crate::sql.\nuse crate::lane::Lane;\npub(crate) use crate::{\n    rows::{self, TABLES},\n    http,\n};\n\
                fn f() -> crate::Error { \"s3://x\"; crate::peers::f() } // crate::service\n\
                #[cfg(test)]\nmod tests {\n    use crate::flight::x;\n}\n";
    assert_eq!(found(text, 1), ["2 lane", "3 rows", "3 http", "7 peers"]);
    assert_eq!(found("use super::lane::Lane;\nuse super::{feed, Feed};\n", 1), ["1 lane", "2 feed"]);
    assert_eq!(found("use super::own;\nuse super::super::http::x;\n", 2), ["2 http"]);
    assert!(refusal("lane", "http").is_some_and(|why| why.contains("`queries`")));
    assert!(refusal("sql", "lane").is_some(), "a lower layer that is not named");
    assert!(refusal("totals", "lane").is_some(), "one that stands behind it");
    assert!(refusal("lane", "nothing").is_some_and(|why| why.contains("no layer")));
    assert_eq!([refusal("lane", "totals"), refusal("http", "rows"), refusal("lane", "lane")], [None, None, None]);
}
