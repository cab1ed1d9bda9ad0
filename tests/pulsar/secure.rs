//! A broker behind TLS that asks for tokens. Its certificates are made by `openssl`, which is where a broker is tested anyway.

use super::harness::own_broker;
use crate::cli::Sandbox;
use event_feeder::pulsar::{BrokerSettings, Client, Credentials};
use event_feeder::{Position, RecordCode};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `openssl` in a folder, with something on its standard input; what it says.
fn openssl(dir: &Path, line: &str, input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(line.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().expect("openssl is there");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "openssl {line}");
    out.stdout
}

/// An authority, and a certificate that it gave `127.0.0.1`.
pub(crate) fn certificates(dir: &Path) {
    for authority in ["ca", "other"] {
        let line = format!("req -x509 -newkey rsa:2048 -nodes -keyout {authority}.key -out {authority}.pem -days 30");
        openssl(dir, &format!("{line} -subj /CN={authority}"), b"");
    }
    openssl(dir, "req -newkey rsa:2048 -nodes -keyout broker.key -out broker.csr -subj /CN=broker", b"");
    std::fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let sign =
        "x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out broker.pem -days 30 -extfile names";
    openssl(dir, sign, b"");
}

/// A token (JWT, HS256) for a role.
fn token(dir: &Path, secret: &str, role: &str) -> String {
    let base64 = |bytes: &[u8]| {
        let text = String::from_utf8(openssl(dir, "base64 -A", bytes)).unwrap();
        text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_")
    };
    let body = format!("{}.{}", base64(br#"{"alg":"HS256"}"#), base64(format!(r#"{{"sub":"{role}"}}"#).as_bytes()));
    let sign = format!("dgst -sha256 -mac HMAC -macopt key:{secret} -binary");
    let signature = base64(&openssl(dir, &sign, body.as_bytes()));
    format!("{body}.{signature}")
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PROGRAM: &str = "source s { key sessionId  time ts in ms  idle never  playerState: string }\n\
                       metric m = duration_where(latest(playerState) == \"play\") | aggregate(count)\n";

#[test]
fn brokers_behind_tls_are_read_with_tokens_and_what_keeps_one_out_is_said() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path();
    certificates(dir);
    std::fs::write(dir.join("secret"), SECRET).unwrap();
    let port = free_port();
    let path = |name: &str| dir.join(name).display().to_string();
    let configuration = format!(
        "brokerServicePortTls={port}\ntlsCertificateFilePath={}\ntlsKeyFilePath={}\ntlsTrustCertsFilePath={}\n\
         authenticationEnabled=true\nanonymousUserRole=anonymous\ntokenSecretKey=file://{}\n\
         authorizationEnabled=true\nsuperUserRoles=anonymous\n\
         authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
        path("broker.pem"),
        path("broker.key"),
        path("ca.pem"),
        path("secret"),
    );
    let Some(broker) = own_broker("secure", &configuration) else { return };
    let grant = |role: &str, actions: &str| {
        let url = format!("{}/admin/v2/namespaces/public/default/permissions/{role}", broker.admin);
        ureq::post(&url).header("content-type", "application/json").send(actions).unwrap();
    };
    grant("reader", r#"["consume","produce"]"#);
    grant("listener", r#"["consume"]"#);
    let secure = format!("pulsar+ssl://127.0.0.1:{port}");
    let good = Credentials::Token(token(dir, SECRET, "reader"));
    let ask = |broker: &str, ca: Option<&str>, credentials: &Credentials| {
        let ca = ca.map(|name| -> PathBuf { dir.join(name) });
        let settings = BrokerSettings { broker: broker.into(), credentials: Some(credentials.clone()), ca };
        let asked = Client::new(settings).unwrap().partitions("persistent://public/default/t");
        asked.map_err(|error| (error.code(), error.to_string()))
    };
    assert_eq!(ask(&secure, Some("ca.pem"), &good), Ok(vec!["persistent://public/default/t".to_owned()]));
    assert!(ask(&broker.url, None, &good).is_ok(), "without TLS, too");

    let wrong = |broker: &str, ca, credentials: &Credentials, code, why: &str| {
        let (found, said) = ask(broker, ca, credentials).unwrap_err();
        assert!(found == code && said.contains(why), "{}: {said}", found.as_str());
    };
    for ca in [None, Some("other.pem")] {
        wrong(&secure, ca, &good, RecordCode::NotTrusted, "invalid peer certificate: UnknownIssuer");
    }
    wrong(
        &secure.replace("127.0.0.1", "localhost"),
        Some("ca.pem"),
        &good,
        RecordCode::NotTrusted,
        "not valid for name",
    );
    wrong(&secure, Some("nothing.pem"), &good, RecordCode::NoBroker, "nothing.pem");
    wrong(&secure, Some("names"), &good, RecordCode::NoBroker, "no certificate");
    let forged = Credentials::Token(token(dir, &SECRET.replace('0', "9"), "reader"));
    wrong(&secure, Some("ca.pem"), &forged, RecordCode::NoPermission, "Failed to authenticate");
    wrong(&broker.url, None, &forged, RecordCode::NoPermission, "Failed to authenticate");
    wrong(&secure, Some("ca.pem"), &Credentials::File(dir.join("no-token")), RecordCode::NoPermission, "no-token");
    wrong(&format!("pulsar://127.0.0.1:{port}"), None, &good, RecordCode::NoBroker, "TLS");
    let plain = broker.url.replace("pulsar://", "pulsar+ssl://");
    wrong(&plain, Some("ca.pem"), &good, RecordCode::NoBroker, "may not speak TLS");

    // The whole way: published, read, looked into.
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("token", token(dir, SECRET, "reader"));
    let source = format!("{secure}/secure");
    let access = ["--pulsar-ca", "ca.pem", "--pulsar-token-file", "token"];
    let published = sandbox.run(&[&["produce", "video", "--events", "2000", "--to", &source], &access[..]].concat());
    assert_eq!(published.code, 0, "{}", published.stderr);
    let serve = ["serve", "p.tl", "--source", &source, "--state", "state", "--listen", "127.0.0.1:0", "--exit-at-end"];
    let totals = format!("{secure}/secure-totals");
    let to = ["--totals-to", &totals];
    let served = sandbox.run(&[&serve[..], &access, &to].concat());
    assert_eq!(served.code, 0, "{}", served.stderr);
    let doctor = ["doctor", "--source", &source, "--state", "state"];
    let said = sandbox.run(&[&doctor[..], &access, &to].concat());
    assert!(said.code == 0 && said.stdout.contains("can be read"), "{}", said.stdout);
    assert!(said.stdout.contains("--totals-to: persistent://public/default/secure-totals is there"), "{}", said.stdout);

    // What was published is there, and reads as what is answered.
    let settings =
        BrokerSettings { broker: secure.clone(), credentials: Some(good.clone()), ca: Some(dir.join("ca.pem")) };
    let look = Client::new(settings).unwrap();
    let look = look.look("persistent://public/default/secure-totals", Position::START, 100).unwrap();
    assert!(look.keys.iter().any(|(key, _)| key == r#"["m",0]"#), "{:?}", look.keys);

    // One who may not produce is told so at the start, and by the doctor.
    sandbox.file("listener", token(dir, SECRET, "listener"));
    let listener = ["--pulsar-ca", "ca.pem", "--pulsar-token-file", "listener"];
    let refused = sandbox.run(&[&serve[..], &listener, &to].concat());
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("--totals-to: [TL2121]"), "{}", refused.stderr);
    let said = sandbox.run(&[&doctor[..], &listener, &to].concat());
    assert!(said.code == 1 && said.stdout.contains("fault  --totals-to: [TL2121]"), "{}", said.stdout);
    let refused = sandbox.run(&[&serve[..], &["--pulsar-ca", "other.pem"]].concat());
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("[TL2127]") && refused.stderr.contains("--pulsar-ca"), "{}", refused.stderr);
    broker.kill();
}
