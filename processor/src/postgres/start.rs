//! How a connection begins: encryption, who is there, and what both sides settle.

use super::PostgresApp;
use super::error::PostgresError;
use super::link::{ConnectionEnd, PostgresLink};
use super::message::{ClientMessage, Opening};
use super::session::PostgresSession;
use super::settings::SessionSettings;
use crate::connection::{ConnectionPhase, ConnectionSlot, PlaceClass, Socket};
use crate::tokens::Who;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Serves a connection to its end. In a reserved place it is told that there is no room, unless it cancels a question.
pub(super) async fn serve(stream: TcpStream, place: Arc<ConnectionSlot>, app: PostgresApp) {
    let bytes_max = app.options.message_bytes_max;
    let stream = Box::new(Socket::new(stream, place.clone()));
    let mut link = PostgresLink::new(stream, place.clone(), bytes_max);
    let mut asked = 0;
    let (minor, parameters) = loop {
        match link.opening().await {
            Ok(Opening::Start { minor, parameters }) => break (minor, parameters),
            Ok(Opening::Cancel { process, secret }) => return app.keys.cancel(process, &secret),
            // Each is asked once.
            Ok(Opening::Tls | Opening::Gss) if asked == 2 => return,
            Ok(Opening::Gss) => {
                asked += 1;
                link.replies.bytes.push(b'N');
                if link.send().await.is_err() {
                    return;
                }
            }
            Ok(Opening::Tls) => {
                asked += 1;
                let Ok(mut stream) = link.into_stream() else { return };
                let Some(tls) = &app.options.shared.tls else {
                    if stream.write_all(b"N").await.is_err() {
                        return;
                    }
                    link = PostgresLink::new(stream, place.clone(), bytes_max);
                    continue;
                };
                if stream.write_all(b"S").await.is_err() {
                    return;
                }
                let Ok(stream) = tls.accept(stream).await else { return };
                link = PostgresLink::new(Box::new(stream), place.clone(), bytes_max);
            }
            Err(ConnectionEnd::Gone) => return,
            Err(ConnectionEnd::Malformed(why)) => return end(link, PostgresError::fatal("08P01", why.0)).await,
        }
    };
    if place.standing() == PlaceClass::Reserved {
        let most = app.options.connections_max;
        let failure = PostgresError::fatal("53300", format!("{most} connections are there already: try again"));
        return end(link, failure).await;
    }
    match begin(&mut link, minor, &parameters, &app).await {
        Ok((settings, who)) => {
            link.place().is_known();
            let Some(key) = app.keys.make() else {
                return end(link, PostgresError::fatal("53000", "the system has no random numbers to give")).await;
            };
            settings.told().iter().for_each(|(name, value)| link.replies.setting(name, value));
            link.replies.key(key.process, key.secret);
            link.replies.ready(super::reply::TransactionStatus::Idle);
            link.place().begin(ConnectionPhase::Answer);
            if link.send().await.is_ok() {
                PostgresSession::new(app, link, key, settings, who).run().await;
            }
        }
        Err(Some(failure)) => end(link, failure).await,
        Err(None) => {}
    }
}

async fn end(mut link: PostgresLink, failure: PostgresError) {
    link.replies.error(&failure);
    link.close().await;
}

/// Settles versions, lets the client show the token, and takes its settings; an error that is to be told, if any.
async fn begin(
    link: &mut PostgresLink,
    minor: u16,
    parameters: &[(String, String)],
    app: &PostgresApp,
) -> Result<(SessionSettings, Option<Who>), Option<PostgresError>> {
    let unknown: Vec<&str> =
        parameters.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("_pq_.")).collect();
    if minor > 0 || !unknown.is_empty() {
        link.replies.negotiates(&unknown);
    }
    let mut who = None;
    if let Some(tokens) = &app.options.shared.tokens {
        link.replies.wants_password();
        link.send().await.map_err(|_| None)?;
        let shown = match link.message().await {
            Ok(ClientMessage::Password(shown)) => shown,
            Ok(_) => return Err(Some(PostgresError::fatal("28000", "a password was asked for"))),
            Err(ConnectionEnd::Gone) => return Err(None),
            Err(ConnectionEnd::Malformed(why)) => return Err(Some(PostgresError::fatal("08P01", why.0))),
        };
        let shown = shown.strip_suffix(&[0]).unwrap_or(&shown);
        who = tokens.who(shown);
        if who.is_none() {
            let failure = PostgresError::fatal("28P01", "the password is not the token of this processor");
            return Err(Some(failure.with_help("the password of any user is what stands in the file of --token-file")));
        }
    }
    link.replies.is_known();
    let mut settings = SessionSettings::default();
    for (name, value) in parameters {
        match name.as_str() {
            "user" | "database" | "replication" => {}
            "options" => {
                for (name, value) in options(value) {
                    settings
                        .set(&name, Some(value))
                        .map_err(|failure| Some(PostgresError { severity: "FATAL", ..failure }))?;
                }
            }
            name if name.starts_with("_pq_.") => {}
            // What is wished and cannot be is told by the settings that are said next; what is not known has no effect.
            name => match settings.set(name, Some(value.clone())) {
                Err(failure) if failure.state != "42704" => {
                    return Err(Some(PostgresError { severity: "FATAL", ..failure }));
                }
                _ => {}
            },
        }
    }
    Ok((settings, who))
}

/// `-c name=value`, or `--name=value`.
fn options(text: &str) -> Vec<(String, String)> {
    let mut all = vec![];
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let setting = match word {
            "-c" => words.next(),
            word => word.strip_prefix("-c").or_else(|| word.strip_prefix("--")),
        };
        if let Some((name, value)) = setting.and_then(|setting| setting.split_once('=')) {
            all.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    all
}
