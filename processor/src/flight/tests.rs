//! The wire over real sockets, with the client of `arrow-flight` and an engine of known answers behind it.

#![allow(clippy::unwrap_used)]

use super::{Options, serve};
use crate::engine::fake::Fake;
use crate::questions::QuestionPermits;
use crate::server::{Server, Shared};
use crate::tokens::{BearerToken, TokenStore};
use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::{FlightSqlServiceClient, PreparedStatement};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, Any, CommandGetDbSchemas, CommandGetPrimaryKeys,
    CommandGetTables, CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt, SqlInfo,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightData, FlightDescriptor, FlightInfo,
    IpcMessage, Ticket,
};
use prost::Message;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Status};

type Client = FlightSqlServiceClient<Channel>;

struct Site {
    engine: Arc<Fake>,
    server: Option<Server>,
    stop: Option<oneshot::Sender<()>>,
}

impl Site {
    fn new(engine: Fake, options: Options) -> Self {
        // Clients of a test do not hear of its end.
        let options = Options { drain_time_max: Duration::from_millis(100), ..options };
        let engine = Arc::new(engine);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = serve(listener, engine.clone(), options, shutdown).unwrap();
        Site { engine, server: Some(server), stop: Some(stop) }
    }

    fn plain() -> Self {
        Site::new(Fake::default(), Options::default())
    }

    async fn client(&self) -> Client {
        let url = format!("http://{}", self.server.as_ref().unwrap().address());
        Client::new(Channel::from_shared(url).unwrap().connect().await.unwrap())
    }

    /// Waits until no question is at work, which it was.
    async fn is_at_rest(&self) {
        let begun = Instant::now();
        while self.engine.busy.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "a question goes on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a question is at work.
    async fn is_busy(&self) {
        let begun = Instant::now();
        while self.engine.busy.load(Ordering::SeqCst) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "no question begins");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.server.take().unwrap().join();
    }
}

/// An engine whose answers take so long.
fn slow(takes: Duration) -> Fake {
    Fake { snapshot_takes: takes, ..Fake::default() }
}

fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// The rows of an answer, whose columns are those that were told before, where they were.
async fn rows(client: &mut Client, info: FlightInfo) -> Result<RecordBatch, FlightError> {
    let mut stream = client.do_get(ticket(&info)).await?;
    let mut batches = vec![];
    while let Some(batch) = stream.next().await {
        batches.push(batch?);
    }
    let schema = stream.schema().expect("columns come first").clone();
    if !info.schema.is_empty() {
        assert_eq!(info.try_decode_schema().unwrap(), *schema);
    }
    Ok(concat_batches(&schema, &batches).unwrap())
}

async fn asked(client: &mut Client, sql: &str) -> Result<String, Status> {
    let info = client.execute(sql.to_owned(), None).await.map_err(Status::from)?;
    rows(client, info).await.map(|batch| shown(&batch)).map_err(Status::from)
}

/// The status that a statement is refused with.
async fn refused(client: &mut Client, sql: &str) -> (Code, String) {
    let status = asked(client, sql).await.expect_err(sql);
    (status.code(), status.message().to_owned())
}

fn shown(batch: &RecordBatch) -> String {
    let cell = |row, column: &ArrayRef| match column.is_null(row) || *column.data_type() == DataType::Null {
        true => "null".to_owned(),
        false => array_value_to_string(column, row).unwrap(),
    };
    let row = |row| batch.columns().iter().map(|column| cell(row, column)).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect::<Vec<_>>().join("\n")
}

fn values(columns: Vec<ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate().map(|(place, column)| (place.to_string(), column, true));
    RecordBatch::try_from_iter_with_nullable(named).unwrap()
}

#[tokio::test]
async fn rows_come_with_the_columns_that_were_told_and_what_they_are_true_for() {
    let site = Site::plain();
    let mut client = site.client().await;
    let sql = "SELECT metric, cdn, count, sum_exact FROM totals ORDER BY count, cdn";
    let expected = "cirr|C1|1|12.000000000\ncirr|C2|1|5.000000000\nscore|null|7|null";
    assert_eq!(asked(&mut client, sql).await.unwrap(), expected);
    for sql in [
        "SELECT * FROM finals",
        "SELECT count(*) AS n, avg(value), max(start), start_ns % 2 AS odd FROM finals GROUP BY odd",
        "SELECT CASE WHEN closed THEN 'a' END AS a, session || 'x', now() FROM finals",
        "SELECT 1 AS one, NULL AS nothing, [1, 2] AS list, {'a': 1} AS of",
        "SELECT session FROM finals WHERE false",
        "SHOW TABLES",
        "DESCRIBE finals",
        "EXPLAIN SELECT * FROM totals",
        "SELECT f.session, t.cdn FROM finals f LEFT JOIN totals t ON f.value = t.sum",
        "SELECT table_name FROM information_schema.tables",
    ] {
        asked(&mut client, sql).await.unwrap_or_else(|status| panic!("{sql}: {status}"));
    }
    let info = client.execute(sql.into(), None).await.unwrap();
    let mut response = client.inner_mut().do_get(ticket(&info)).await.unwrap();
    let positions =
        r#"[{"source":"player","partition":0,"position":"log-\u00e9/7","watermark_ns":5,"horizon_ns":null,"epoch":3}]"#;
    assert_eq!(response.metadata().get("timeline-positions").unwrap(), positions);
    let first = response.get_mut().message().await.unwrap().unwrap();
    assert_eq!(first.app_metadata, format!("{{\"positions\":{positions}}}"));
}

#[tokio::test]
async fn the_notes_on_rows_come_with_their_columns() {
    let site = Site::new(Fake::noting(), Options::default());
    let mut client = site.client().await;
    let notes = r#"[{"message":"two of `\u00e9`","help":"take one"}]"#;
    let info = client.execute("SELECT session FROM finals".into(), None).await.unwrap();
    let rows = rows(&mut client, info.clone()).await.unwrap();
    assert_eq!(rows.schema().metadata().get("timeline-notes").map(String::as_str), Some(notes));
    let mut response = client.inner_mut().do_get(ticket(&info)).await.unwrap();
    let first = response.get_mut().message().await.unwrap().unwrap();
    assert!(first.app_metadata.ends_with(format!(",\"notes\":{notes}}}").as_bytes()), "{first:?}");
    let info = client.execute("SELECT metric FROM totals".into(), None).await.unwrap();
    assert!(info.try_decode_schema().unwrap().metadata().is_empty());
}

#[tokio::test]
async fn values_are_bound_by_number_or_in_their_order() {
    let site = Site::plain();
    let mut client = site.client().await;
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let number = |number| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
    async fn run(
        client: &mut Client,
        prepared: &mut PreparedStatement<Channel>,
        values: RecordBatch,
    ) -> Result<String, FlightError> {
        prepared.set_parameters(values)?;
        let info = prepared.execute().await?;
        Ok(shown(&rows(client, info).await?))
    }
    let sql = "SELECT cdn, sum_exact FROM totals WHERE cdn = $1 AND count = $2";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    let types: Vec<String> = prepared.parameter_schema().unwrap().fields().iter().map(|f| f.to_string()).collect();
    assert!(types.len() == 2 && types[1].contains("\"$2\": nullable Int64"), "{types:?}");
    assert_eq!(prepared.dataset_schema().unwrap().fields().len(), 2);
    let done = run(&mut client, &mut prepared, values(vec![text("C2"), number(1)])).await;
    assert_eq!(done.unwrap(), "C2|5.000000000");
    // It is asked again with others, and what is a text is none of SQL.
    let done = run(&mut client, &mut prepared, values(vec![text("C2' OR 'a' = 'a"), number(1)])).await;
    assert_eq!(done.unwrap(), "");
    prepared.close().await.unwrap();

    let sql = "SELECT session, ? AS said FROM finals WHERE value_exact > ? AND \"end\" > ? AND session <> '?' -- ?";
    let mut prepared = client.prepare(sql.into(), None).await.unwrap();
    let decimal = Decimal128Array::from(vec![75]).with_precision_and_scale(4, 1).unwrap();
    let bound = values(vec![Arc::new(StringArray::from(vec![None::<&str>])), Arc::new(decimal), text("2020-01-01")]);
    assert_eq!(run(&mut client, &mut prepared, bound).await.unwrap(), "s1|null");

    // Without values, with too many rows of them, and with a handle of nobody.
    let mut prepared = client.prepare("SELECT cdn FROM totals WHERE cdn = $1".into(), None).await.unwrap();
    let info = prepared.execute().await.unwrap();
    let status = Status::from(rows(&mut client, info).await.unwrap_err());
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "there is no value for $1: 0 came"));
    let two = values(vec![Arc::new(StringArray::from(vec!["C1", "C2"]))]);
    let status = Status::from(run(&mut client, &mut prepared, two).await.unwrap_err());
    assert!(status.code() == Code::InvalidArgument && status.message().starts_with("one row of values"), "{status}");
    let query = CommandPreparedStatementQuery { prepared_statement_handle: b"nobody's".to_vec().into() };
    let status = client.do_get(Ticket::new(query.as_any().encode_to_vec())).await.unwrap_err();
    assert_eq!(Status::from(status).code(), Code::InvalidArgument);
}

#[tokio::test]
async fn errors_have_our_codes_and_a_fitting_status() {
    let site = Site::new(slow(Duration::from_millis(300)), Options::default());
    let mut client = site.client().await;
    for (sql, code, words) in [
        ("SELECT sesion FROM finals", Code::InvalidArgument, "there is no column `sesion`"),
        ("SELECT * FROM nowhere", Code::NotFound, "there is no table `nowhere`"),
        ("SELEC 1", Code::InvalidArgument, "SQL: "),
        ("DELETE FROM finals", Code::PermissionDenied, "[TL3008] `DELETE` is refused\n  help: tables can only be read"),
        ("SELECT 1; SELECT 2", Code::InvalidArgument, "one statement at a time"),
    ] {
        let (found, message) = refused(&mut client, sql).await;
        assert!(found == code && message.starts_with(words), "{sql}: {found:?} {message}");
    }
    let large = format!("SELECT {}", "1 + ".repeat(100_000));
    let (code, message) = refused(&mut client, &large).await;
    assert!(code == Code::InvalidArgument && message.starts_with("[TL3001] "), "{code:?} {message}");
    // One that comes with later rows.
    let (_, message) = refused(&mut client, "SELECT 1 / (value - 50000) FROM range(0, 100000)").await;
    assert!(message.contains("ivide by zero"), "{message}");
    client.set_header("timeline-timeout", "0.1");
    let (code, message) = refused(&mut client, "SELECT * FROM finals").await;
    assert!(code == Code::DeadlineExceeded && message.starts_with("[TL3004] "), "{code:?} {message}");
    for (name, wrong) in [("timeline-timeout", "soon"), ("timeline-timeout", "601"), ("timeline-sync", "maybe")] {
        let mut client = site.client().await;
        client.set_header(name, wrong);
        let (code, message) = refused(&mut client, "SELECT 1").await;
        assert!(code == Code::InvalidArgument && message.starts_with(name), "{code:?} {message}");
    }
    let mut client = site.client().await;
    client.set_header("timeline-sync", "true");
    client.set_header("timeline-timeout", "7");
    asked(&mut client, "SELECT * FROM totals").await.unwrap();
    let asked = site.engine.asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(asked, (vec!["totals".to_owned()], Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn what_would_change_something_is_refused() {
    let site = Site::plain();
    let mut client = site.client().await;
    let status = Status::from(client.execute_update("DELETE FROM finals".into(), None).await.unwrap_err());
    assert!(status.code() == Code::PermissionDenied && status.message().starts_with("[TL3008] "), "{status}");
    let status = Status::from(client.begin_transaction().await.unwrap_err());
    assert!(status.code() == Code::Unimplemented && status.message().contains("BeginTransaction"), "{status}");
    assert!(site.engine.done.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_call_shows_a_token_that_is_known() {
    let tokens = TokenStore::one(BearerToken::new("open-sesame").unwrap());
    let site = Site::new(
        Fake::default(),
        Options { shared: Shared { tokens: Some(tokens), ..Shared::default() }, ..Options::default() },
    );
    let mut client = site.client().await;
    let sql = "SELECT count(*) FROM totals";
    let (code, message) = refused(&mut client, sql).await;
    assert!(code == Code::Unauthenticated && message.contains("only those who show its token"), "{message}");
    client.set_token("open".into());
    assert_eq!(refused(&mut client, sql).await.0, Code::Unauthenticated);
    assert!(client.handshake("anybody", "open").await.is_err());
    client.clear_token();
    // The handshake tells the token that all further calls show.
    client.handshake("anybody", "open-sesame").await.unwrap();
    assert_eq!(client.token().unwrap(), "open-sesame");
    assert_eq!(asked(&mut client, sql).await.unwrap(), "3");
    let mut client = site.client().await;
    client.set_header("authorization", "Basic YW55Ym9keTpvcGVuLXNlc2FtZQ==");
    assert_eq!(asked(&mut client, sql).await.unwrap(), "3");
    client.clear_token();
    // No call is answered without one.
    let mut client = site.client().await.into_inner();
    let descriptor = FlightDescriptor::new_cmd(b"".to_vec());
    for status in [
        client.get_flight_info(descriptor.clone()).await.unwrap_err(),
        client.get_schema(descriptor.clone()).await.unwrap_err(),
        client.do_get(Ticket::new("")).await.unwrap_err(),
        client.do_put(tokio_stream::empty::<FlightData>()).await.unwrap_err(),
        client.do_action(Action::new("CreatePreparedStatement", "")).await.unwrap_err(),
        client.list_actions(arrow_flight::Empty {}).await.unwrap_err(),
        client.do_exchange(tokio_stream::empty::<FlightData>()).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    }
}

#[tokio::test]
async fn tables_and_their_columns_are_told() {
    let site = Site::plain();
    let mut client = site.client().await;
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(shown(&rows(&mut client, info).await.unwrap()), "timeline");
    let info = client.get_db_schemas(CommandGetDbSchemas::default()).await.unwrap();
    assert_eq!(shown(&rows(&mut client, info).await.unwrap()), "timeline|public");
    let other = CommandGetDbSchemas { catalog: Some("other".into()), db_schema_filter_pattern: None };
    let info = client.get_db_schemas(other).await.unwrap();
    assert_eq!(shown(&rows(&mut client, info).await.unwrap()), "");
    let info = client.get_table_types().await.unwrap();
    assert_eq!(shown(&rows(&mut client, info).await.unwrap()), "TABLE");
    let info = client.get_tables(CommandGetTables::default()).await.unwrap();
    let expected = "timeline|public|alerts|TABLE\ntimeline|public|finals|TABLE\ntimeline|public|totals|TABLE";
    assert_eq!(shown(&rows(&mut client, info).await.unwrap()), expected);
    let some = CommandGetTables {
        table_name_filter_pattern: Some("%ls".into()),
        table_types: vec!["TABLE".into()],
        include_schema: true,
        ..CommandGetTables::default()
    };
    let info = client.get_tables(some).await.unwrap();
    let tables = rows(&mut client, info).await.unwrap();
    assert_eq!(tables.num_rows(), 2);
    // What a table is said to have is what comes of it.
    let of = tables.column_by_name("table_schema").unwrap();
    let of = of.as_any().downcast_ref::<arrow::array::BinaryArray>().unwrap();
    let said = arrow::datatypes::Schema::try_from(IpcMessage(of.value(0).to_vec().into())).unwrap();
    let info = client.execute("SELECT * FROM finals".into(), None).await.unwrap();
    assert_eq!(said, info.try_decode_schema().unwrap());
    let views = CommandGetTables { table_types: vec!["VIEW".into()], ..CommandGetTables::default() };
    let info = client.get_tables(views).await.unwrap();
    assert_eq!(rows(&mut client, info).await.unwrap().num_rows(), 0);
    let keys = CommandGetPrimaryKeys { catalog: None, db_schema: None, table: "finals".into() };
    let info = client.get_primary_keys(keys).await.unwrap();
    let keys = rows(&mut client, info).await.unwrap();
    assert_eq!((keys.num_rows(), keys.num_columns()), (0, 6));
    let known = vec![SqlInfo::FlightSqlServerName, SqlInfo::FlightSqlServerReadOnly];
    let info = client.get_sql_info(known).await.unwrap();
    assert_eq!(rows(&mut client, info).await.unwrap().num_rows(), 2);
    // The columns of a statement alone.
    let query = CommandStatementQuery { query: "SELECT 1 AS one".into(), transaction_id: None };
    let schema = client.inner_mut().get_schema(FlightDescriptor::new_cmd(query.as_any().encode_to_vec())).await;
    let schema = arrow::datatypes::Schema::try_from(IpcMessage(schema.unwrap().into_inner().schema)).unwrap();
    assert_eq!(schema.field(0).name(), "one");
}

#[tokio::test]
async fn a_question_ends_with_its_call_and_by_its_ticket() {
    let site = Site::new(slow(Duration::from_secs(600)), Options::default());
    let mut client = site.client().await;
    let info = client.execute("SELECT * FROM finals".into(), None).await.unwrap();
    // The call is given up.
    let mut one = client.clone();
    let call = tokio::spawn({
        let ticket = ticket(&info);
        async move { one.do_get(ticket).await.map(|_| ()) }
    });
    site.is_busy().await;
    call.abort();
    site.is_at_rest().await;
    // The connection is.
    let mut other = site.client().await;
    let of_it = ticket(&info);
    let call = tokio::spawn(async move { other.do_get(of_it).await.map(|_| ()) });
    site.is_busy().await;
    call.abort();
    drop(call);
    site.is_at_rest().await;
    // Its ticket is.
    for is_old in [false, true] {
        let mut one = client.clone();
        let of_it = ticket(&info);
        let call = tokio::spawn(async move { one.do_get(of_it).await.map(|_| ()) });
        site.is_busy().await;
        let action = match is_old {
            true => {
                let request = ActionCancelQueryRequest { info: info.encode_to_vec().into() };
                Action::new("CancelQuery", request.as_any().encode_to_vec())
            }
            false => Action::new("CancelFlightInfo", CancelFlightInfoRequest::new(info.clone()).encode_to_vec()),
        };
        let body = client.do_action(action.clone()).await.unwrap().message().await.unwrap().unwrap().body;
        let result = match is_old {
            true => {
                let any = Any::decode(body).unwrap();
                any.unpack::<ActionCancelQueryResult>().unwrap().unwrap().result
            }
            false => CancelFlightInfoResult::decode(body).unwrap().status,
        };
        assert_eq!(result, CancelStatus::Cancelled as i32);
        let status = Status::from(call.await.unwrap().unwrap_err());
        assert_eq!((status.code(), status.message()), (Code::Cancelled, "the question was cancelled"));
        site.is_at_rest().await;
        let status = Status::from(client.do_action(action).await.unwrap_err());
        assert_eq!(status.code(), Code::NotFound);
    }
}

/// More than is on its way at a time.
const MANY: &str = "SELECT * FROM range(0, 5000000)";

#[tokio::test]
async fn rows_that_nobody_takes_are_given_up() {
    let options = Options {
        rows_time_max: Duration::from_millis(200),
        shared: Shared::of_turns(QuestionPermits::new(1)),
        ..Options::default()
    };
    let site = Site::new(Fake::default(), options);
    let mut client = site.client().await;
    let info = client.execute(MANY.into(), None).await.unwrap();
    let mut stream = client.do_get(ticket(&info)).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Its turn is somebody else's.
    assert_eq!(asked(&mut client, "SELECT 1").await.unwrap(), "1");
    let last = loop {
        match stream.next().await.expect("it does not look like all there is") {
            Ok(_) => {}
            Err(error) => break Status::from(error),
        }
    };
    assert!(last.code() == Code::DeadlineExceeded && last.message().contains("were given up"), "{last}");
    // One that is read comes whole.
    let info = client.execute(MANY.into(), None).await.unwrap();
    assert_eq!(rows(&mut client, info).await.unwrap().num_rows(), 5_000_000);
}

#[tokio::test]
async fn where_all_places_are_at_work_others_are_told_so() {
    let options =
        Options { connections_max: 1, shared: Shared::of_turns(QuestionPermits::new(1)), ..Options::default() };
    let site = Site::new(slow(Duration::from_secs(600)), options);
    let mut client = site.client().await;
    let info = client.execute("SELECT * FROM finals".into(), None).await.unwrap();
    let mut one = client.clone();
    let call = tokio::spawn(async move { one.do_get(ticket(&info)).await.map(|_| ()) });
    site.is_busy().await;
    let mut other = site.client().await;
    let (code, message) = refused(&mut other, "SELECT 1").await;
    assert_eq!((code, message.as_str()), (Code::Unavailable, "1 connections are at work: ask again"));
    call.abort();
    site.is_at_rest().await;
    // One that waits for its client goes for another.
    let mut other = site.client().await;
    assert_eq!(asked(&mut other, "SELECT 1").await.unwrap(), "1");
}

#[tokio::test]
async fn messages_come_in_time_and_are_bounded() {
    let options =
        Options { request_time_max: Duration::from_millis(200), message_bytes_max: 1 << 20, ..Options::default() };
    let site = Site::new(Fake::default(), options);
    let mut client = site.client().await;
    let never = client.inner_mut().do_put(tokio_stream::pending::<FlightData>());
    let status = tokio::time::timeout(Duration::from_secs(20), never).await.expect("it is ended").unwrap_err();
    assert!(status.message().contains("did not come within 0.2 s"), "{status}");
    let large = format!("SELECT '{}'", "x".repeat(2 << 20));
    let (code, message) = refused(&mut client, &large).await;
    assert!(code == Code::OutOfRange || code == Code::ResourceExhausted, "{code:?} {message}");
    assert_eq!(asked(&mut client, "SELECT 1").await.unwrap(), "1");
}

#[tokio::test]
async fn bytes_of_anything_are_refused() {
    let site = Site::plain();
    let mut client = site.client().await.into_inner();
    for bytes in [&b""[..], b"\xff\xff\xff", b"SELECT 1", &[0x0a, 0x7f], &[0; 1000]] {
        let statuses = [
            client.get_flight_info(FlightDescriptor::new_cmd(bytes.to_vec())).await.unwrap_err(),
            client.do_get(Ticket::new(bytes.to_vec())).await.unwrap_err(),
            client.do_action(Action::new("CreatePreparedStatement", bytes.to_vec())).await.unwrap_err(),
            client.do_action(Action::new("CancelFlightInfo", bytes.to_vec())).await.unwrap_err(),
        ];
        for status in statuses {
            assert!(matches!(status.code(), Code::InvalidArgument | Code::Unimplemented), "{bytes:?}: {status}");
        }
    }
}

#[tokio::test]
async fn questions_are_measured_by_what_came_of_them() {
    let site = Site::plain();
    let mut client = site.client().await;
    asked(&mut client, "SELECT count(*) FROM totals").await.unwrap();
    let mut registry = prometheus_client::registry::Registry::default();
    crate::measured::register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::prometheus_text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("timeline_flight_seconds_count{code=\"0\"} "), "{text}");
}
