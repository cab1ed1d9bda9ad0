//! What the editor says and asks, one message at a time.

use super::document::Document;
use crate::commands::program;
use lsp_server::{Notification, Request};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{Completion, Formatting, HoverRequest, Request as _};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity,
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentFormattingParams,
    Documentation, Hover, HoverContents, HoverParams, Location, MarkupContent, MarkupKind, NumberOrString,
    PublishDiagnosticsParams, TextDocumentPositionParams, TextEdit, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::HashMap;
use timeline_dsl::editor::{self, CompletionKind};
use timeline_dsl::{ProgramText, Severity, format};

/// The open documents.
#[derive(Default)]
pub(super) struct OpenDocuments {
    documents: HashMap<String, Document>,
}

impl OpenDocuments {
    /// The answer to a request; `None` to one that is not known, an error to one that makes no sense.
    pub(super) fn request(&self, request: &Request) -> Option<Result<Json, String>> {
        Some(match request.method.as_str() {
            HoverRequest::METHOD => read(&request.params).and_then(|params| self.hover(&params)),
            Completion::METHOD => read(&request.params).and_then(|params| self.complete(&params)),
            Formatting::METHOD => read(&request.params).and_then(|params| self.format(&params)),
            _ => return None,
        })
    }

    /// Takes a change in, and tells what there is to say of the text now.
    pub(super) fn notification(&mut self, notification: Notification) -> Option<Notification> {
        let params = notification.params;
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                let params: DidOpenTextDocumentParams = serde_json::from_value(params).ok()?;
                let document = params.text_document;
                Some(self.changed(document.uri, document.text, Some(document.version)))
            }
            DidChangeTextDocument::METHOD => {
                let params: DidChangeTextDocumentParams = serde_json::from_value(params).ok()?;
                // Every change brings the whole text, so the last one counts.
                let text = params.content_changes.into_iter().next_back()?.text;
                Some(self.changed(params.text_document.uri, text, Some(params.text_document.version)))
            }
            DidCloseTextDocument::METHOD => {
                let params: DidCloseTextDocumentParams = serde_json::from_value(params).ok()?;
                self.documents.remove(params.text_document.uri.as_str());
                Some(published(params.text_document.uri, vec![], None))
            }
            _ => None,
        }
    }

    fn changed(&mut self, uri: Uri, text: String, version: Option<i32>) -> Notification {
        let document = Document::new(text);
        let diagnostics = diagnostics(&document, &uri);
        self.documents.insert(uri.as_str().to_owned(), document);
        published(uri, diagnostics, version)
    }

    fn document(&self, uri: &Uri) -> Result<&Document, String> {
        self.documents.get(uri.as_str()).ok_or_else(|| format!("{} is not open", uri.as_str()))
    }

    fn place(&self, at: &TextDocumentPositionParams) -> Result<(&Document, usize), String> {
        let document = self.document(&at.text_document.uri)?;
        Ok((document, document.byte(at.position)))
    }

    fn hover(&self, params: &HoverParams) -> Result<Json, String> {
        let (document, at) = self.place(&params.text_document_position_params)?;
        let hover = editor::hover(&document.text, at).map(|hover| Hover {
            contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: hover.text }),
            range: Some(document.range(hover.span)),
        });
        written(&hover)
    }

    fn complete(&self, params: &CompletionParams) -> Result<Json, String> {
        let (document, at) = self.place(&params.text_document_position)?;
        let proposals = editor::complete(&document.text, at).into_iter().enumerate();
        let items: Vec<CompletionItem> = proposals
            .map(|(i, proposal)| CompletionItem {
                kind: Some(match proposal.kind {
                    CompletionKind::Column => CompletionItemKind::FIELD,
                    CompletionKind::Definition => CompletionItemKind::VARIABLE,
                    CompletionKind::Function => CompletionItemKind::FUNCTION,
                    CompletionKind::Word => CompletionItemKind::KEYWORD,
                    CompletionKind::Type => CompletionItemKind::STRUCT,
                    CompletionKind::Source => CompletionItemKind::MODULE,
                }),
                // The order in which they are told is the likely one.
                sort_text: Some(format!("{i:04}")),
                detail: Some(proposal.detail).filter(|detail| !detail.is_empty()),
                documentation: Some(proposal.help).filter(|help| !help.is_empty()).map(Documentation::String),
                label: proposal.label,
                ..CompletionItem::default()
            })
            .collect();
        written(&items)
    }

    fn format(&self, params: &DocumentFormattingParams) -> Result<Json, String> {
        let document = self.document(&params.text_document.uri)?;
        // A text that cannot be read stays as it is: its diagnostics say why.
        let edits: Vec<TextEdit> = match format(&document.text) {
            Ok(text) if text != document.text => {
                vec![TextEdit { range: document.range(0..document.text.len()), new_text: text }]
            }
            _ => vec![],
        };
        written(&edits)
    }
}

fn read<P: DeserializeOwned>(params: &Json) -> Result<P, String> {
    P::deserialize(params).map_err(|e| e.to_string())
}

fn written(result: &impl serde::Serialize) -> Result<Json, String> {
    serde_json::to_value(result).map_err(|e| e.to_string())
}

fn published(uri: Uri, diagnostics: Vec<Diagnostic>, version: Option<i32>) -> Notification {
    let params = PublishDiagnosticsParams { uri, diagnostics, version };
    Notification::new(PublishDiagnostics::METHOD.to_owned(), params)
}

/// What the compiler has to say.
fn diagnostics(document: &Document, uri: &Uri) -> Vec<Diagnostic> {
    let program = ProgramText { name: uri.as_str().to_owned(), text: document.text.clone(), ..ProgramText::default() };
    let found = program::compilation(&program, &program::placeholders()).diagnostics;
    let severity = |severity| match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
    };
    let note = |note: &timeline_dsl::DiagnosticNote| DiagnosticRelatedInformation {
        location: Location { uri: uri.clone(), range: document.range(note.span.clone()) },
        message: note.text.clone(),
    };
    found
        .iter()
        .map(|d| Diagnostic {
            range: document.range(d.span.clone()),
            severity: Some(severity(d.severity)),
            code: Some(NumberOrString::String(d.code.to_owned())),
            source: Some("timeline".into()),
            message: match &d.help {
                Some(help) => format!("{}\nhelp: {help}", d.message),
                None => d.message.clone(),
            },
            related_information: (!d.notes.is_empty()).then(|| d.notes.iter().map(note).collect()),
            ..Diagnostic::default()
        })
        .collect()
}
