//! Other people's tools against a processor that serves: those that ask in SQL, over the wire of PostgreSQL and Arrow
//! Flight SQL, each with its own client, and one that asks over HTTP whatever the description in OpenAPI says.
//!
//! What a client asks and what must come stands in its own language beside this file. Where one cannot be had, its test
//! says so and is not run; in CI those for Python must be there.

#[cfg(feature = "lake")]
mod lake;

use crate::cli::Sandbox;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = "
source player {
  key session
  time ts in s
  end when userAction == \"end\"
  playerState: string, userAction: string, cdn: string
}

let buffering = latest(playerState) == \"buffer\"

metric stalled = duration_where(buffering) split by latest(cdn) | aggregate(group_by(cdn), count, sum)
alert  stuck   = held_for(buffering, 5s)
";

const EVENTS: &str = r#"{"session": "s1", "ts": 0, "cdn": "C1", "playerState": "play"}
{"session": "s2", "ts": 2, "cdn": "C2", "playerState": "buffer"}
{"session": "s1", "ts": 3, "playerState": "buffer"}
{"session": "s2", "ts": 6, "playerState": "play"}
{"session": "s1", "ts": 10, "playerState": "play"}
{"session": "s1", "ts": 20, "userAction": "end"}
"#;

/// A processor that tools can ask.
struct Served {
    sandbox: Sandbox,
    child: Child,
    /// `HOST:PORT` of the wire.
    address: String,
    /// The URL for drivers of Arrow Flight SQL.
    #[cfg(feature = "flight")]
    flight: String,
    /// The URL for the command.
    url: String,
}

impl Served {
    fn start(more: &[&str]) -> Served {
        let sandbox = Sandbox::new();
        sandbox.file("video.tl", PROGRAM);
        sandbox.file("events.ndjson", EVENTS);
        Served::start_in(sandbox, more)
    }

    fn start_in(sandbox: Sandbox, more: &[&str]) -> Served {
        let args = ["serve", "video.tl", "--source", "file:events.ndjson", "--state", "state"];
        let mut command = sandbox.command();
        command.args(args).args(["--listen", "127.0.0.1:0", "--listen-pg", "0"]).args(more);
        #[cfg(feature = "flight")]
        command.args(["--listen-flight", "0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("a line").unwrap();
        let (http, tools) = (line(), line());
        let url = http.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap().to_owned();
        let address = tools.rsplit('/').nth(1).unwrap().to_owned();
        #[cfg(feature = "flight")]
        let flight = line().rsplit(' ').next().unwrap().to_owned();
        let served = Served {
            sandbox,
            child,
            address,
            #[cfg(feature = "flight")]
            flight,
            url,
        };
        // All events count before anybody asks.
        let args = ["query", "SELECT * FROM totals", "--sync", "--server", &served.url];
        let token = more.iter().position(|arg| *arg == "--token-file").map(|at| ["--token-file", more[at + 1]]);
        let run = served.sandbox.run(&[&args[..], token.as_ref().map(|token| &token[..]).unwrap_or_default()].concat());
        assert_eq!(run.code, 0, "{run:?}");
        served
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Runs a script of this folder in Python with the port of the processor; whether there is one with these modules.
fn python(script: &str, modules: &str, served: &Served, more: &[&str]) -> bool {
    run_python(script, modules, &[&[served.port()], more].concat())
}

fn run_python(script: &str, modules: &str, args: &[&str]) -> bool {
    let python = std::env::var_os("TIMELINE_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        assert!(std::env::var("CI").is_err(), "clients for Python are needed: tests/clients/python makes them");
        eprintln!("a test of tools was not run: Python has no {modules}");
        return false;
    }
    let out = Command::new(&python).arg(here(script)).args(args).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(out.status.success(), "{script}:\n{}\n{}", said(&out.stdout), said(&out.stderr));
    true
}

#[test]
fn psycopg_asks_with_parameters_cursors_and_in_binary() {
    python("psycopg3.py", "psycopg", &Served::start(&[]), &[]);
}

#[test]
fn psycopg2_asks_as_older_programs_do() {
    python("psycopg_2.py", "psycopg2", &Served::start(&[]), &[]);
}

#[test]
fn sqlalchemy_reflects_tables_and_columns() {
    python("alchemy.py", "sqlalchemy, psycopg, psycopg2", &Served::start(&[]), &[]);
}

#[test]
fn asyncpg_prepares_and_takes_all_in_binary() {
    python("async_pg.py", "asyncpg", &Served::start(&[]), &[]);
}

#[test]
fn what_grafana_and_metabase_send_is_answered() {
    python("dashboards.py", "psycopg", &Served::start(&[]), &[]);
}

/// What `psql` prints, without alignment; none where it cannot be had.
fn psql(served: &Served, options: &str, commands: &[&str]) -> Option<String> {
    let url = format!("postgresql://anybody@127.0.0.1:{}/timeline{options}", served.port());
    let mut command = Command::new("psql");
    command.args(["-X", "-A", "-q", "-v", "VERBOSITY=verbose", &url]).env("PGCLIENTENCODING", "UTF8");
    for text in commands {
        command.args(["-c", text]);
    }
    let Ok(out) = command.stdin(Stdio::null()).output() else {
        eprintln!("a test of tools was not run: there is no psql");
        return None;
    };
    Some(format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
}

#[test]
fn psql_shows_tables_columns_and_errors() {
    let served = Served::start(&[]);
    let Some(shown) = psql(&served, "", &["SELECT cdn, sum FROM totals ORDER BY cdn"]) else { return };
    assert_eq!(shown, "cdn|sum\nC1|7\nC2|4\n(2 rows)\n");
    let tables = psql(&served, "", &["\\dt"]).unwrap();
    for line in ["Schema|Name|Type|Owner\n", "\npublic|finals|table|timeline\n", "\npublic|stalled|table|timeline\n"] {
        assert!(tables.contains(line), "{line:?} in {tables}");
    }
    assert_eq!(tables.lines().count(), psql(&served, "", &["\\d"]).unwrap().lines().count());
    let columns = psql(&served, "", &["\\d stalled"]).unwrap();
    let expected = "Table \"public.stalled\"\nColumn|Type|Collation|Nullable|Default\nsession|text|||\ncdn|text|||\n\
                    value|numeric(38,9)|||\nstart|timestamp with time zone|||\nend|timestamp with time zone|||\n\
                    closed|boolean|||\npartial|boolean|||\nversion|bigint|||\n";
    assert_eq!(columns.replace("version|bigint|||\n", ""), expected.replace("version|bigint|||\n", ""));
    let described = psql(&served, "", &["\\d+ sessions"]).unwrap();
    assert!(
        described.contains("session|text||||plain||||The key of the session.")
            || described.contains("The key of the session."),
        "{described}"
    );
    let databases = psql(&served, "", &["\\l"]).unwrap();
    assert!(databases.contains("timeline|timeline|UTF8|C|C|"), "{databases}");
    let schemas = psql(&served, "", &["\\dn"]).unwrap();
    assert!(schemas.contains("public|timeline"), "{schemas}");
    let wrong = psql(&served, "", &["SELECT sesion FROM finals"]).unwrap();
    for part in [
        "ERROR:  42703: there is no column `sesion`",
        "LINE 1: SELECT sesion FROM finals\n               ^",
        "HINT:  did you mean `session`?",
    ] {
        assert!(wrong.contains(part), "{part:?} in {wrong}");
    }
    let file = served.sandbox.path().join("copied.csv");
    let copy =
        format!("\\copy (SELECT cdn, sum FROM totals ORDER BY cdn) TO '{}' WITH (FORMAT csv, HEADER)", file.display());
    assert_eq!(psql(&served, "", &[&copy]).unwrap(), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "cdn,sum\nC1,7\nC2,4\n");
    assert_eq!(psql(&served, "", &["\\copy totals (cdn) to stdout delimiter ';'"]).unwrap().lines().count(), 2);
    let read = psql(&served, "", &["\\copy finals FROM '/dev/null'"]).unwrap();
    assert!(read.contains("25006: [TL3008] `COPY ... FROM` is refused"), "{read}");
    let written = psql(&served, "", &["DELETE FROM finals"]).unwrap();
    assert!(written.contains("ERROR:  25006: [TL3008] `DELETE` is refused"), "{written}");
    assert!(written.contains("HINT:  tables can only be read"), "{written}");
    // Every list that it knows is answered, if only by none.
    for list in ["\\di", "\\dv", "\\df", "\\du", "\\dT", "\\dx", "\\dp", "\\ds", "\\db", "\\dm", "\\dC", "\\conninfo"] {
        let shown = psql(&served, "", &[list]).unwrap();
        assert!(!shown.contains("ERROR"), "{list}: {shown}");
    }
}

#[test]
fn the_token_is_the_password_and_tls_is_spoken() {
    let sandbox = Sandbox::new();
    crate::pulsar::secure::certificates(sandbox.path());
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("events.ndjson", EVENTS);
    sandbox.file("token", "open-sesame\n");
    let args = ["--token-file", "token", "--tls-cert", "broker.pem", "--tls-key", "broker.key"];
    let served = Served::start_in(sandbox, &args);
    let ca = served.sandbox.path().join("ca.pem");
    let question = ["SELECT count(*) AS n FROM totals"];
    let verified = format!("?sslmode=verify-ca&sslrootcert={}&password=", ca.display());
    let Some(shown) = psql(&served, &format!("{verified}open-sesame"), &question) else { return };
    assert_eq!(shown, "n\n2\n(1 row)\n");
    let plain = psql(&served, "?sslmode=disable&password=open-sesame", &question).unwrap();
    assert_eq!(plain, "n\n2\n(1 row)\n");
    let wrong = psql(&served, "?sslmode=require&password=open", &question).unwrap();
    assert!(wrong.contains("the password is not the token of this processor"), "{wrong}");
}

/// What ADBC asks, which gets the rows that the command gets; with a token and TLS where these are given.
#[cfg(feature = "flight")]
fn adbc(served: &Served, token: Option<(&str, &str)>) {
    let args = ["query", "SELECT * FROM stalled ORDER BY session", "--format", "arrow", "--server", &served.url];
    let mut command = served.sandbox.command();
    command.args(args);
    if token.is_some() {
        command.args(["--token-file", "token"]);
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let file = served.sandbox.path().join("rows.arrow");
    std::fs::write(&file, &out.stdout).unwrap();
    let mut args = vec![served.flight.as_str(), file.to_str().unwrap()];
    args.extend(token.iter().flat_map(|(token, ca)| [*token, *ca]));
    run_python("adbc.py", "adbc_driver_flightsql, pyarrow", &args);
}

#[cfg(feature = "flight")]
#[test]
fn adbc_asks_with_parameters_and_knows_the_tables() {
    adbc(&Served::start(&[]), None);
}

#[cfg(feature = "flight")]
#[test]
fn adbc_shows_the_notes_on_rows() {
    let served = Served::start(&[]);
    served.sandbox.file("video.tl", PROGRAM.replace(r#""buffer""#, r#""play""#));
    let run = served.sandbox.run(&["deploy", "video.tl", "--server", &served.url]);
    assert_eq!(run.code, 0, "{run:?}");
    run_python("adbc_notes.py", "adbc_driver_flightsql, pyarrow", &[&served.flight]);
}

#[cfg(feature = "flight")]
#[test]
fn adbc_shows_a_token_as_bearer_or_password_and_speaks_tls() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("events.ndjson", EVENTS);
    sandbox.file("token", "open-sesame\n");
    let served = Served::start_in(sandbox, &["--token-file", "token"]);
    adbc(&served, Some(("open-sesame", "-")));
    let sandbox = Sandbox::new();
    crate::pulsar::secure::certificates(sandbox.path());
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("events.ndjson", EVENTS);
    sandbox.file("token", "reader looks open-sesame\n");
    let args = ["--token-file", "token", "--tls-cert", "broker.pem", "--tls-key", "broker.key"];
    let served = Served::start_in(sandbox, &args);
    assert!(served.flight.starts_with("grpc+tls://"), "{}", served.flight);
    let ca = served.sandbox.path().join("ca.pem");
    adbc(&served, Some(("open-sesame", ca.to_str().unwrap())));
}

#[test]
fn schemathesis_finds_the_answers_as_openapi_describes_them() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("events.ndjson", EVENTS);
    sandbox.file("token", "open-sesame\n");
    let served = Served::start_in(sandbox, &["--token-file", "token"]);
    run_python("openapi.py", "schemathesis", &[served.url.as_str(), "open-sesame"]);
}

/// The driver's file: where the variable says, or brought by Maven.
fn driver(into: &Path) -> Option<PathBuf> {
    if let Some(jar) = std::env::var_os("TIMELINE_JDBC") {
        return Some(jar.into());
    }
    let out = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy", "-Dartifact=org.postgresql:postgresql:42.7.7"])
        .arg(format!("-DoutputDirectory={}", into.display()))
        .output();
    out.is_ok_and(|out| out.status.success()).then(|| into.join("postgresql-42.7.7.jar"))
}

#[test]
fn jdbc_prepares_fetches_in_pieces_and_knows_the_tables() {
    let served = Served::start(&[]);
    let has_java = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    let jar = has_java.ok().and_then(|_| driver(served.sandbox.path()));
    let Some(jar) = jar else {
        eprintln!("a test of tools was not run: there is no Java with the driver of PostgreSQL");
        return;
    };
    let out = Command::new("java").arg("-cp").arg(jar).arg(here("Jdbc.java")).arg(served.port()).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(out.status.success(), "{}\n{}", said(&out.stdout), said(&out.stderr));
}

#[test]
fn a_listener_that_others_reach_needs_a_token_and_files_that_are_wrong_are_named() {
    let sandbox = Sandbox::new();
    sandbox.file("video.tl", PROGRAM);
    sandbox.file("events.ndjson", EVENTS);
    let serve = |more: &[&str]| {
        let args =
            ["serve", "video.tl", "--source", "file:events.ndjson", "--state", "state", "--listen", "127.0.0.1:0"];
        sandbox.run(&[&args[..], more].concat())
    };
    let open = serve(&["--listen-pg", "0.0.0.0:0"]);
    assert!(open.code == 2 && open.stderr.contains("--listen-pg 0.0.0.0:0 is no loopback address"), "{open:?}");
    let open = serve(&["--listen-flight", "0.0.0.0:0"]);
    assert!(open.code == 2 && open.stderr.contains("--listen-flight 0.0.0.0:0 is no loopback address"), "{open:?}");
    let files = serve(&["--listen-pg", "0", "--tls-cert", "no.pem", "--tls-key", "no.key"]);
    assert!(files.code == 2 && files.stderr.contains("no.pem"), "{files:?}");
    let half = serve(&["--listen-pg", "0", "--tls-cert", "no.pem"]);
    assert!(half.code == 2 && half.stderr.contains("--tls-key"), "{half:?}");
}
