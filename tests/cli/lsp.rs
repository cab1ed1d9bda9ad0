//! `timeline lsp`, spoken to as an editor does: framed JSON on standard input and output.

use super::Sandbox;
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

const URI: &str = "file:///tmp/p.tl";

const PROGRAM: &str = "source s { key k  time t in s  état: string, b: bool }\nmetric m = duration_where(latest(b))\n";

struct Editor {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    asked: i64,
}

impl Editor {
    fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command();
        let mut server = command
            .args(["lsp", "--stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (server.stdin.take(), BufReader::new(server.stdout.take().unwrap()));
        Editor { server, to, from, asked: 0 }
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        let to = self.to.as_mut().unwrap();
        write!(to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        to.flush().unwrap();
    }

    fn receive(&mut self) -> Json {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the server is gone");
            match line.trim_end() {
                "" => break,
                header => {
                    if let Some(text) = header.strip_prefix("Content-Length: ") {
                        length = text.parse().unwrap();
                    }
                }
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.asked += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        let answer = self.receive();
        assert_eq!(answer["id"], self.asked, "{answer}");
        answer
    }

    fn tell(&mut self, method: &str, params: Json) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn open(&mut self, text: &str) -> Json {
        let capabilities = self.ask("initialize", json!({"capabilities": {}, "processId": null, "rootUri": null}));
        self.tell("initialized", json!({}));
        let document = json!({"uri": URI, "languageId": "timeline", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
        capabilities["result"]["capabilities"].clone()
    }

    fn at(&mut self, method: &str, line: u32, character: u32) -> Json {
        let params = json!({"textDocument": {"uri": URI}, "position": {"line": line, "character": character}});
        self.ask(method, params)["result"].clone()
    }

    fn end(mut self) {
        assert_eq!(self.ask("shutdown", Json::Null)["result"], Json::Null);
        self.tell("exit", Json::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn mistakes_are_told_as_they_are_typed() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::start(&sandbox);
    let capabilities = editor.open(&PROGRAM.replace("latest(b)", "latest(c)"));
    for able in ["hoverProvider", "completionProvider", "documentFormattingProvider"] {
        assert!(!capabilities[able].is_null(), "{capabilities}");
    }
    let told = editor.receive();
    assert_eq!((&told["method"], &told["params"]["uri"]), (&json!("textDocument/publishDiagnostics"), &json!(URI)));
    let first = &told["params"]["diagnostics"][0];
    assert_eq!(
        (&first["code"], &first["severity"], &first["source"]),
        (&json!("TL0101"), &json!(1), &json!("timeline"))
    );
    assert_eq!(first["range"], json!({"start": {"line": 1, "character": 33}, "end": {"line": 1, "character": 34}}));
    assert!(first["message"].as_str().unwrap().contains("help: "), "{first}");

    let document = json!({"uri": URI, "version": 2});
    editor.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": [{"text": PROGRAM}]}));
    let told = editor.receive();
    assert_eq!((&told["params"]["diagnostics"], &told["params"]["version"]), (&json!([]), &json!(2)));
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
    assert_eq!(editor.receive()["params"]["diagnostics"], json!([]));
    editor.end();
}

/// The module of an operator is looked for beside the program, whose address has its special characters in codes.
#[cfg(feature = "wasm")]
#[test]
fn what_is_wrong_with_a_module_is_told_at_its_name() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("a b");
    std::fs::create_dir(&folder).unwrap();
    let uri = format!("file://{}/p.tl", folder.display()).replace(' ', "%20");
    let text = "source s { key k  time t in s  x: float }\noperator same(x: float): float from \"same.wasm\"\nmetric m = same(x)\n";
    let mut editor = Editor::start(&sandbox);
    editor.ask("initialize", json!({"capabilities": {}, "processId": null, "rootUri": null}));
    editor.tell("initialized", json!({}));
    let mut told = |version: u32| {
        let document = json!({"uri": uri, "languageId": "timeline", "version": version, "text": text});
        editor.tell("textDocument/didOpen", json!({"textDocument": document}));
        editor.receive()["params"]["diagnostics"].clone()
    };
    let missing = told(1);
    assert_eq!(missing[0]["code"], json!("TL0401"), "{missing}");
    let place = json!({"start": {"line": 1, "character": 36}, "end": {"line": 1, "character": 47}});
    assert_eq!(missing[0]["range"], place);
    let module = |text: &str| std::fs::write(folder.join("same.wasm"), wat::parse_str(text).unwrap()).unwrap();
    module(r#"(module (func (export "apply") (param i64 f64) (result i64) (local.get 0)))"#);
    assert_eq!(told(2)[0]["code"], json!("TL0403"));
    module(r#"(module (func (export "apply") (param i64 f64) (result f64) (local.get 1)))"#);
    assert_eq!(told(3), json!([]));
    editor.end();
}

#[test]
fn hover_completion_and_layout() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::start(&sandbox);
    editor.open(&format!("{PROGRAM}alert  a =latest( état )==\"x\"\n"));
    editor.receive();
    let hover = editor.at("textDocument/hover", 1, 13);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("duration"), "{hover}");
    assert_eq!(hover["range"]["start"], json!({"line": 1, "character": 11}));
    assert_eq!(editor.at("textDocument/hover", 0, 6), Json::Null);
    let offered = editor.at("textDocument/completion", 1, 33);
    let labels: Vec<&str> = offered.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"état") && labels.contains(&"latest"), "{labels:?}");
    let params = json!({"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true}});
    let edits = editor.ask("textDocument/formatting", params.clone())["result"].clone();
    assert_eq!(edits[0]["newText"].as_str().unwrap().lines().last(), Some("alert  a = latest(état) == \"x\""));
    editor.end();
}

#[test]
fn what_makes_no_sense_is_refused_and_ends_nothing() {
    let sandbox = Sandbox::new();
    let mut editor = Editor::start(&sandbox);
    editor.open("metric = (");
    assert_eq!(editor.receive()["params"]["diagnostics"][0]["severity"], 1);
    let params = json!({"textDocument": {"uri": URI}, "options": {"tabSize": 2, "insertSpaces": true}});
    assert_eq!(editor.ask("textDocument/formatting", params)["result"], json!([]), "a broken text stays as it is");
    assert_eq!(editor.ask("textDocument/rename", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", json!({"position": 3}))["error"]["code"], -32602);
    let elsewhere = json!({"textDocument": {"uri": "file:///other.tl"}, "position": {"line": 0, "character": 0}});
    assert_eq!(editor.ask("textDocument/hover", elsewhere)["error"]["code"], -32602);
    editor.tell("textDocument/didChange", json!("nonsense"));
    assert_eq!(editor.at("textDocument/hover", 99, 99), Json::Null);
    // An editor that goes away without a word.
    editor.to.take();
    assert_eq!(editor.server.wait().unwrap().code(), Some(0));
}
