//! A processor behind TLS, as one is where a proxy speaks it.

use crate::cli::{Run, Sandbox, finish};
use crate::cluster::Processor;
use crate::pulsar::secure::certificates;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A proxy that speaks TLS with the certificate in a folder, before a processor; it lasts as long as the runtime.
fn proxy(runtime: &tokio::runtime::Runtime, dir: &Path, before: &str) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(dir.join("broker.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("broker.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let before = before.strip_prefix("http://").unwrap().to_owned();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, before) = (acceptor.clone(), before.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut processor = tokio::net::TcpStream::connect(&before).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut processor).await;
                });
            }
        });
        address
    })
}

#[test]
fn commands_ask_over_tls_and_say_what_keeps_them_from_it() {
    let sandbox = Sandbox::new();
    certificates(sandbox.path());
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n");
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    sandbox.file("token", "open-sesame\n");
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state", "--token-file", "token"];
    let processor = Processor::start(sandbox.command(), &args);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = proxy(&runtime, sandbox.path(), &processor.url);
    let secure = format!("https://{address}");
    let queries =
        |more: &[&str]| sandbox.run(&[&["queries", "--format", "csv", "--token-file", "token"], more].concat());
    let answered = |run: Run| assert!(run.code == 0 && run.stdout.contains("\nm,metric,"), "{run:?}");
    answered(queries(&["--server", &secure, "--ca", "ca.pem"]));
    // A slash at the end, and the certificates and the address as a folder's settings or as variables.
    answered(queries(&["--server", &format!("{secure}/"), "--ca", "ca.pem"]));
    sandbox.file("timeline.toml", format!("server = \"{secure}\"\nca = \"ca.pem\"\n"));
    answered(queries(&[]));
    std::fs::remove_file(sandbox.path().join("timeline.toml")).unwrap();
    let mut command = sandbox.command();
    command.args(["queries", "--format", "csv", "--token-file", "token"]);
    answered(finish(command.env("TIMELINE_SERVER", &secure).env("TIMELINE_CA", "ca.pem")));

    let refused = |server: &str, ca: Option<&str>, code: i32, says: &[&str]| {
        let ca: Vec<&str> = ca.into_iter().flat_map(|ca| ["--ca", ca]).collect();
        let run = queries(&[&["--server", server], &ca[..]].concat());
        assert_eq!(run.code, code, "{}", run.stderr);
        says.iter().for_each(|part| assert!(run.stderr.contains(part), "{part}: {}", run.stderr));
    };
    for ca in [None, Some("other.pem")] {
        refused(&secure, ca, 3, &["UnknownIssuer", "help: --ca FILE"]);
    }
    refused(&secure.replace("127.0.0.1", "localhost"), Some("ca.pem"), 3, &["not valid for name"]);
    refused(&secure, Some("nothing.pem"), 2, &["--ca: nothing.pem cannot be read"]);
    refused(&secure, Some("names"), 2, &["--ca: names has no certificate"]);
    refused(&processor.url.replace("http://", "https://"), Some("ca.pem"), 3, &["help: it does not speak TLS"]);
    refused(&secure.replace("https://", "http://"), None, 3, &["help: it may speak TLS"]);
    refused(&secure.replace("https://", "httpss://"), None, 2, &["help: write http://HOST:PORT, or https://HOST"]);
}

#[test]
fn a_processor_with_a_certificate_speaks_tls_itself_and_plainly_to_those_who_do_not() {
    let sandbox = Sandbox::new();
    certificates(sandbox.path());
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n");
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state", "--tls-cert", "broker.pem", "--tls-key"];
    let processor = Processor::start(sandbox.command(), &[&args[..], &["broker.key"]].concat());
    let queries = |server: &str, more: &[&str]| {
        sandbox.run(&[&["queries", "--format", "csv", "--server", server], more].concat())
    };
    let secure = processor.url.replace("http://", "https://");
    let run = queries(&secure, &["--ca", "ca.pem"]);
    assert!(run.code == 0 && run.stdout.contains("\nm,metric,"), "{run:?}");
    let run = queries(&secure, &["--ca", "other.pem"]);
    assert!(run.code == 3 && run.stderr.contains("UnknownIssuer"), "{run:?}");
    let run = queries(&processor.url, &[]);
    assert!(run.code == 0 && run.stdout.contains("\nm,metric,"), "{run:?}");
    let run = sandbox.run(&[&["serve"], &args[..7], &["--listen", "127.0.0.1:0"]].concat());
    assert!(run.code == 2 && run.stderr.contains("--tls-cert and --tls-key are given together"), "{run:?}");
}
