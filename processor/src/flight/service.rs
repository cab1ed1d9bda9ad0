//! The calls of Arrow Flight, and the commands of Flight SQL in them.

use super::FlightApp;
use super::asking::{BasisHeaders, Wishes, as_told, ask, describe};
use super::metadata;
use super::parameter::{bound, fields};
use super::status::{fault, only_read};
use super::ticket::TicketQuestion;
use super::token::{AUTHORIZATION, shown};
use crate::http::POSITIONS;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, Command, DoPutPreparedStatementResult, ProstMessageExt,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, Criteria, Empty, FlightData,
    FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage, PollInfo, PutResult,
    Result as ActionResult, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use prost::Message;
use std::pin::Pin;
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status, Streaming};

/// Bytes of the header that says what an answer is true for. Some clients take 8 KiB of all headers together.
const POSITIONS_BYTES_MAX: usize = 4 << 10;

/// The actions that are carried out, and what they do.
const ACTIONS: [(&str, &str); 4] = [
    ("CreatePreparedStatement", "Says what a statement takes and gives, and gives it a handle."),
    ("ClosePreparedStatement", "Does nothing: a handle holds nothing here."),
    ("CancelFlightInfo", "Ends the question that was begun with a ticket."),
    ("CancelQuery", "The same, of older clients."),
];

/// Messages to a client.
type FlightMessages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send + 'static>>;

/// Answers calls.
pub(super) struct Flight {
    app: FlightApp,
}

impl Flight {
    pub(super) fn new(app: FlightApp) -> Flight {
        Flight { app }
    }

    /// A statement with a handle, for a client that prepares it.
    async fn prepare(
        &self,
        request: ActionCreatePreparedStatementRequest,
        wishes: Wishes,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let question = TicketQuestion::of(request.query);
        let described = describe(&self.app, &question, wishes).await?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: question.encode(),
            dataset_schema: in_ipc(&described.columns)?,
            parameter_schema: in_ipc(&Schema::new(fields(&described.parameters)))?,
        })
    }

    /// Ends what is at work for a ticket of an answer.
    fn cancel(&self, info: Option<FlightInfo>) -> Result<CancelStatus, Status> {
        let ticket = info.and_then(|info| info.endpoint.into_iter().next()).and_then(|endpoint| endpoint.ticket);
        let ticket = ticket.ok_or_else(|| Status::invalid_argument("there is no ticket to cancel"))?;
        let Command::TicketStatementQuery(query) = command(&ticket.ticket)? else {
            return Ok(CancelStatus::NotCancellable);
        };
        match TicketQuestion::decode(&query.statement_handle)?.id {
            None => Ok(CancelStatus::NotCancellable),
            Some(id) if self.app.running.cancel(id) => Ok(CancelStatus::Cancelled),
            Some(_) => Err(Status::not_found("the question of that ticket is not at work")),
        }
    }

    /// The rows of a question as messages.
    async fn rows(&self, handle: &[u8], wishes: Wishes) -> Result<Response<FlightMessages<FlightData>>, Status> {
        let told = ask(&self.app, &TicketQuestion::decode(handle)?, wishes).await?;
        let positions = &told.basis.positions;
        let header = (positions.len() <= POSITIONS_BYTES_MAX).then(|| AsciiMetadataValue::try_from(positions).ok());
        let mut response = Response::new(encoded(told.schema, Some(&told.basis), told.rows));
        if let Some(Some(header)) = header {
            response.metadata_mut().insert(POSITIONS, header);
        }
        Ok(response)
    }
}

#[tonic::async_trait]
impl FlightService for Flight {
    type HandshakeStream = FlightMessages<HandshakeResponse>;
    type ListFlightsStream = FlightMessages<FlightInfo>;
    type DoGetStream = FlightMessages<FlightData>;
    type DoPutStream = FlightMessages<PutResult>;
    type DoActionStream = FlightMessages<ActionResult>;
    type ListActionsStream = FlightMessages<ActionType>;
    type DoExchangeStream = FlightMessages<FlightData>;

    /// Says the token that was shown, for drivers that take it from here into every further call.
    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let mut response = Response::new(all(vec![]));
        let word = shown(request.metadata()).and_then(|word| String::from_utf8(word).ok());
        if let Some(Ok(header)) = word.map(|word| AsciiMetadataValue::try_from(format!("Bearer {word}"))) {
            response.metadata_mut().insert(AUTHORIZATION, header);
        }
        Ok(response)
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let wishes = Wishes::of(request.metadata(), &self.app)?;
        let descriptor = request.into_inner();
        let (ticket, columns) = match command(&descriptor.cmd)? {
            Command::CommandStatementQuery(query) => {
                let question = TicketQuestion::of(query.query);
                let described = describe(&self.app, &question, wishes).await?;
                (ticket(question), Some(as_told(&described.columns, &described.notes)))
            }
            // Its columns were told when it was prepared; with its values they may be others.
            Command::CommandPreparedStatementQuery(query) => {
                (ticket(TicketQuestion::decode(&query.prepared_statement_handle)?), None)
            }
            other => {
                let answer = metadata::answer(&self.app, other).await?.ok_or_else(|| unknown("command"))?;
                // What was asked is the ticket too.
                (Ticket::new(descriptor.cmd.clone()), Some(answer.schema()))
            }
        };
        let mut info = FlightInfo::new()
            .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
            .with_descriptor(descriptor)
            .with_ordered(true);
        if let Some(columns) = columns {
            info = info.try_with_schema(&columns).map_err(fault)?;
        }
        Ok(Response::new(info))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let wishes = Wishes::of(request.metadata(), &self.app)?;
        let columns = match command(&request.get_ref().cmd)? {
            Command::CommandStatementQuery(query) => {
                describe(&self.app, &TicketQuestion::of(query.query), wishes).await?.columns
            }
            Command::CommandPreparedStatementQuery(query) => {
                let question = TicketQuestion::decode(&query.prepared_statement_handle)?;
                describe(&self.app, &question, wishes).await?.columns
            }
            other => metadata::answer(&self.app, other).await?.ok_or_else(|| unknown("command"))?.schema(),
        };
        Ok(Response::new(SchemaResult { schema: in_ipc(&columns)? }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let wishes = Wishes::of(request.metadata(), &self.app)?;
        match command(&request.get_ref().ticket)? {
            Command::TicketStatementQuery(query) => self.rows(&query.statement_handle, wishes).await,
            Command::CommandPreparedStatementQuery(query) => self.rows(&query.prepared_statement_handle, wishes).await,
            other => {
                let batch = metadata::answer(&self.app, other).await?.ok_or_else(|| unknown("ticket"))?;
                Ok(Response::new(encoded(batch.schema(), None, tokio_stream::once(Ok(batch)))))
            }
        }
    }

    /// Takes values of a prepared statement: the handle that comes back holds them.
    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let mut messages = request.into_inner();
        let first = messages.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("there is no message that says what is put"))?;
        let described = first.flight_descriptor.as_ref().map(|descriptor| &descriptor.cmd);
        let handle = match command(described.ok_or_else(|| unknown("command"))?)? {
            Command::CommandPreparedStatementQuery(query) => query.prepared_statement_handle,
            Command::CommandStatementUpdate(_) | Command::CommandPreparedStatementUpdate(_) => {
                return Err(only_read("an update"));
            }
            Command::CommandStatementIngest(_) => return Err(only_read("an ingestion")),
            _ => return Err(unknown("command")),
        };
        let question = TicketQuestion::decode(&handle)?;
        let parameters = bound(tokio_stream::once(Ok(first)).chain(messages)).await?;
        let handle = TicketQuestion { parameters, ..question }.encode();
        let result = DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
        Ok(Response::new(all(vec![PutResult { app_metadata: result.encode_to_vec().into() }])))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let wishes = Wishes::of(request.metadata(), &self.app)?;
        let Action { r#type, body } = request.into_inner();
        let results = match r#type.as_str() {
            "CreatePreparedStatement" => vec![self.prepare(packed(&body)?, wishes).await?.as_any().encode_to_vec()],
            "ClosePreparedStatement" => vec![],
            "CancelFlightInfo" => {
                let request = CancelFlightInfoRequest::decode(body).map_err(malformed)?;
                vec![CancelFlightInfoResult::new(self.cancel(request.info)?).encode_to_vec()]
            }
            "CancelQuery" => {
                let request: ActionCancelQueryRequest = packed(&body)?;
                let info = FlightInfo::decode(request.info).map_err(malformed)?;
                // Both count alike.
                let result = self.cancel(Some(info))? as i32;
                vec![ActionCancelQueryResult { result }.as_any().encode_to_vec()]
            }
            other => {
                let known: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
                let said = format!("there is no action `{other}` here; there are {}", known.join(", "));
                return Err(Status::unimplemented(said));
            }
        };
        Ok(Response::new(all(results.into_iter().map(|body| ActionResult { body: body.into() }).collect())))
    }

    async fn list_actions(&self, _: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let of = |(name, does): (&str, &str)| ActionType { r#type: name.to_owned(), description: does.to_owned() };
        Ok(Response::new(all(ACTIONS.into_iter().map(of).collect())))
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("tables are listed by the command GetTables of Flight SQL"))
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("a question begins with its ticket, so there is nothing to poll for"))
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("nothing is exchanged here: questions are asked in SQL"))
    }
}

/// The ticket of a question.
fn ticket(question: TicketQuestion) -> Ticket {
    let query = TicketStatementQuery { statement_handle: question.named().encode() };
    Ticket::new(query.as_any().encode_to_vec())
}

/// The command in a descriptor or a ticket.
fn command(bytes: &Bytes) -> Result<Command, Status> {
    let any = Any::decode(bytes.as_ref()).map_err(malformed)?;
    Command::try_from(any).map_err(malformed)
}

/// A message of an action.
fn packed<T: ProstMessageExt>(bytes: &Bytes) -> Result<T, Status> {
    let any = Any::decode(bytes.as_ref()).map_err(malformed)?;
    any.unpack().map_err(malformed)?.ok_or_else(|| unknown("message"))
}

fn malformed(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("the call is none of Flight SQL: {error}"))
}

fn unknown(what: &str) -> Status {
    Status::unimplemented(format!("that {what} is none that is answered here"))
}

/// Columns as clients decode them.
fn in_ipc(columns: &Schema) -> Result<Bytes, Status> {
    let IpcMessage(bytes) = SchemaAsIpc::new(columns, &IpcWriteOptions::default()).try_into().map_err(fault)?;
    Ok(bytes)
}

fn all<T: Send + 'static>(messages: Vec<T>) -> FlightMessages<T> {
    Box::pin(tokio_stream::iter(messages.into_iter().map(Ok)))
}

/// Rows as messages, as they come; the first says the columns, and what they are true for.
fn encoded(
    columns: SchemaRef,
    basis: Option<&BasisHeaders>,
    rows: impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static,
) -> FlightMessages<FlightData> {
    let encoder = FlightDataEncoderBuilder::new()
        .with_schema(columns)
        .with_metadata(basis.map(|basis| Bytes::from(basis.json())).unwrap_or_default())
        // As they are over HTTP.
        .with_dictionary_handling(DictionaryHandling::Resend)
        .build(rows.map(|batch| batch.map_err(FlightError::from)));
    Box::pin(encoder.map(|message| message.map_err(Status::from)))
}
