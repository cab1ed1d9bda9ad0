//! `timeline lsp`: the language server, on standard input and output.
//!
//! The protocol is `lsp-server`'s and its types are `lsp-types`'; what is told about programs is `timeline_dsl::editor`'s.
//! One thread answers in order: a program has at most a mebibyte and compiles in milliseconds, so nothing needs to be
//! cancelled. Texts are kept whole, and every change brings its whole text.

mod document;
mod handle;

use crate::error::{Error, Result};
use lsp_server::{Connection, ErrorCode, Message, Response};
use lsp_types::{
    CompletionOptions, HoverProviderCapability, OneOf, ServerCapabilities, TextDocumentSyncCapability,
    TextDocumentSyncKind,
};

/// Serve an editor: diagnostics while typing, types on hover, completion, layout.
///
/// Speaks the Language Server Protocol on standard input and output; editors start it by themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline lsp

An editor is told once to start it for *.tl files, e.g. in Helix's languages.toml:
  [language-server.timeline]
  command = \"timeline\"
  args = [\"lsp\"]
`editors/README.md` has more, and a grammar for colours.")]
pub(crate) struct Args {
    /// As many editors' clients say it; standard input and output are used without it too.
    #[arg(long)]
    stdio: bool,
}

pub(super) fn run(_: &Args) -> Result<()> {
    let (connection, threads) = Connection::stdio();
    let gone =
        |e: lsp_server::ProtocolError| Error::Other(anyhow::anyhow!("the editor does not speak the protocol: {e}"));
    let capabilities = serde_json::to_value(capabilities()).map_err(|e| Error::Other(e.into()))?;
    if let Err(error) = connection.initialize(capabilities) {
        // An editor that goes away before it begins is no failure.
        return if error.channel_is_disconnected() { Ok(()) } else { Err(gone(error)) };
    }
    serve(&connection).map_err(gone)?;
    drop(connection);
    threads.join().map_err(Error::Output)
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", "(", "|", ":"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// Answers until the editor says that it is done, or is gone.
fn serve(connection: &Connection) -> Result<(), lsp_server::ProtocolError> {
    let mut open = handle::OpenDocuments::default();
    for message in &connection.receiver {
        let answer = match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    return Ok(());
                }
                let id = request.id.clone();
                Some(Message::Response(match open.request(&request) {
                    Some(Ok(result)) => Response::new_ok(id, result),
                    Some(Err(wrong)) => Response::new_err(id, ErrorCode::InvalidParams as i32, wrong),
                    None => Response::new_err(id, ErrorCode::MethodNotFound as i32, request.method),
                }))
            }
            Message::Notification(notification) => open.notification(notification).map(Message::Notification),
            Message::Response(_) => None,
        };
        if answer.is_some_and(|answer| connection.sender.send(answer).is_err()) {
            return Ok(());
        }
    }
    Ok(())
}
