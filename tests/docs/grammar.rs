//! `editors/timeline.tmLanguage.json`, made from the language's list of operators.

use serde_json::{Value as Json, json};
use timeline_dsl::catalogue;

fn pattern(name: &str, regex: String) -> Json {
    json!({ "name": name, "match": regex })
}

/// Function names; words of the language that are also columns' names are coloured only where a `(` follows.
fn functions() -> String {
    let mut names: Vec<&str> = vec![];
    for name in catalogue::ALL.iter().flat_map(|o| o.functions()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!(r"\b({}|TL_?[A-Za-z_]+|col|group_by|aggregate)(?=\s*\()", names.join("|"))
}

#[test]
fn the_grammar_knows_every_operator() {
    let grammar = json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "timeline",
        "scopeName": "source.timeline",
        "fileTypes": ["tl"],
        "patterns": [
            pattern("comment.line.double-slash.timeline", "//.*$".into()),
            { "name": "string.quoted.double.timeline", "begin": "\"", "end": "\"|$", "patterns": [
                pattern("constant.character.escape.timeline", r#"\\(["\\/bfnrt]|u[0-9a-fA-F]{4})"#.into()),
            ]},
            pattern("constant.numeric.duration.timeline", r"\b([0-9][0-9_]*(\.[0-9]+)?(ns|us|ms|s|m|h|d))+\b".into()),
            pattern("constant.numeric.timeline", r"\b[0-9][0-9_]*(\.[0-9]+)?([eE][+-]?[0-9]+)?\b".into()),
            pattern("constant.language.timeline", r"\b(true|false)\b".into()),
            { "match": r"^\s*(source|let|metric|alert|operator|table)\s+([A-Za-z_][A-Za-z_0-9]*)", "captures": {
                "1": { "name": "keyword.declaration.timeline" },
                "2": { "name": "entity.name.type.timeline" },
            }},
            pattern("keyword.other.clause.timeline", r#"\b(state(?=\s+[0-9]+\s+from)|from(?=\s+\"))"#.into()),
            pattern("keyword.other.clause.timeline", r"\b(over\s+last|split\s+by|scope\s+by|every(?=\s+[0-9])|as|ttl|where|cap)\b".into()),
            pattern("support.function.timeline", functions()),
            { "match": r"\b([A-Za-z_][A-Za-z_0-9]*)\s*:\s*(string|float|int|bool)\b", "captures": {
                "1": { "name": "variable.other.member.timeline" },
                "2": { "name": "storage.type.timeline" },
            }},
            pattern("keyword.other.source.timeline",
                r"^\s*(key|time|order(?=\s+by)|lateness|idle|end|late(?=\s+(ledger|repair))|future|dedup|null(?=\s+is)|csv|from|until)\b(?!\s*[:=])".into()),
            pattern("keyword.operator.timeline", r"&&|\|\||[=!<>]=|[<>!+\-*/=|]".into()),
        ],
    });
    super::check("editors/timeline.tmLanguage.json", &format!("{grammar:#}\n"));
}
